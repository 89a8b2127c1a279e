/* SPDX-License-Identifier: MIT */
/* Interlocked operations and lists: KRN-300 to KRN-307. */
#include "test_ke.h"

/* ---- interlocked operations ---- */

static void values(void)
{
    LONG n = 5;
    LONG64 w = 1ll << 40;
    SHORT h = 7;
    CHAR c = 127;
    PVOID p = &n;
    SIM_ASSERT(InterlockedIncrement(&n) == 6 && InterlockedDecrement(&n) == 5);
    SIM_ASSERT(InterlockedExchange(&n, 9) == 5 && InterlockedExchangeAdd(&n, 2) == 9);
    SIM_ASSERT(InterlockedAdd(&n, -1) == 10 && InterlockedAnd(&n, 6) == 10 && n == 2);
    SIM_ASSERT(InterlockedOr(&n, 8) == 2 && InterlockedXor(&n, 2) == 10 && n == 8);
    SIM_ASSERT(InterlockedCompareExchange(&n, 1, 7) == 8 && n == 8);
    SIM_ASSERT(InterlockedCompareExchange(&n, 1, 8) == 8 && n == 1);
    SIM_ASSERT(InterlockedIncrement64(&w) == (1ll << 40) + 1);
    SIM_ASSERT(InterlockedIncrement16(&h) == 8 && InterlockedIncrement8(&c) == -128);
    SIM_ASSERT(InterlockedExchangePointer(&p, NULL) == &n && p == NULL);
    SIM_ASSERT(InterlockedCompareExchangePointer(&p, &w, NULL) == NULL && p == &w);
    n = 0x7fffffff;
    SIM_ASSERT(InterlockedIncrement(&n) == (LONG)0x80000000);
}

static void bits(void)
{
    LONG word[2] = {0, 0};
    LONG64 wide = 0;
    SIM_ASSERT(!InterlockedBitTestAndSet(word, 33) && word[1] == 2);
    SIM_ASSERT(InterlockedBitTestAndReset(word, 33) && word[1] == 0);
    SIM_ASSERT(!InterlockedBitTestAndSet(&word[1], -1) && word[0] == (LONG)0x80000000);
    SIM_ASSERT(!InterlockedBitTestAndSet64(&wide, 40) && wide == 1ll << 40);
}

static void adder(PVOID argument)
{
    for (int i = 0; i < 5; i++) {
        InterlockedIncrement((PLONG)argument);
    }
}

static void atomic(void)
{
    PLONG n = ke_test_alloc(sizeof *n);
    PKTHREAD a, b;
    *n = 0;
    a = ke_test_thread(adder, n);
    b = ke_test_thread(adder, n);
    adder(n);
    ke_test_join(a);
    ke_test_join(b);
    SIM_ASSERT(*n == 15);
}

static void misaligned(void)
{
    char *p = ke_test_alloc(16);
    InterlockedIncrement((PLONG)(void *)(p + 2));
}

static void freed(void)
{
    PLONG p = ExAllocatePool2(POOL_FLAG_NON_PAGED, 8, 0x74736554);
    ExFreePool(p);
    InterlockedIncrement(p);
}

static void paged(void)
{
    PLONG p = ExAllocatePool2(POOL_FLAG_PAGED, 8, 0x74736554);
    KeRaiseIrqlToDpcLevel();
    InterlockedIncrement(p);
}

static void null(void)
{
    InterlockedIncrement64(NULL);
}

static void test_interlocked(void **state)
{
    (void)state;
    ke_test_good(values);
    ke_test_good(bits);
    ke_test_good(atomic);
    ke_test_bad(misaligned, RULE_KRN_302);
    ke_test_bad(freed, RULE_MEM_UAF);
    ke_test_bad(paged, RULE_KRN_302);
    ke_test_bad(null, RULE_MEM_NULL);
}

/* ---- sequenced lists ---- */

static void last_in_first_out(void)
{
    SLIST_HEADER head;
    PSLIST_ENTRY entry = ke_test_alloc(4 * sizeof *entry);
    InitializeSListHead(&head);
    SIM_ASSERT(InterlockedPopEntrySList(&head) == NULL);
    SIM_ASSERT(InterlockedPushEntrySList(&head, &entry[0]) == NULL);
    SIM_ASSERT(InterlockedPushEntrySList(&head, &entry[1]) == &entry[0]);
    SIM_ASSERT(ExQueryDepthSList(&head) == 2 && FirstEntrySList(&head) == &entry[1]);
    SIM_ASSERT(InterlockedPopEntrySList(&head) == &entry[1]);
    InterlockedPushEntrySList(&head, &entry[2]);
    SIM_ASSERT(InterlockedFlushSList(&head) == &entry[2] && entry[2].Next == &entry[0]);
    SIM_ASSERT(InterlockedFlushSList(&head) == NULL && ExQueryDepthSList(&head) == 0);
}

static void pushed_twice(void)
{
    SLIST_HEADER head;
    PSLIST_ENTRY entry = ke_test_alloc(2 * sizeof *entry);
    InitializeSListHead(&head);
    InterlockedPushEntrySList(&head, &entry[0]);
    InterlockedPushEntrySList(&head, &entry[1]);
    InterlockedPushEntrySList(&head, &entry[0]);
}

static void header_garbage(void)
{
    InterlockedPopEntrySList(ke_test_alloc(sizeof(SLIST_HEADER)));
}

static void entry_misaligned(void)
{
    SLIST_HEADER head;
    char *p = ke_test_alloc(48);
    InitializeSListHead(&head);
    InterlockedPushEntrySList(&head, (PSLIST_ENTRY)(void *)(p + 8));
}

static void test_slist(void **state)
{
    (void)state;
    ke_test_good(last_in_first_out);
    ke_test_bad(pushed_twice, RULE_KRN_306);
    ke_test_bad(header_garbage, RULE_KRN_304);
    ke_test_bad(entry_misaligned, RULE_KRN_304);
}

/* ---- lists under a lock ---- */

static void locked_list(void)
{
    PLIST_ENTRY head = ke_test_alloc(4 * sizeof *head);
    PKSPIN_LOCK lock = ke_test_alloc(sizeof *lock);
    SINGLE_LIST_ENTRY single = {NULL}, one;
    KSPIN_LOCK other;
    KeInitializeSpinLock(lock);
    KeInitializeSpinLock(&other);
    InitializeListHead(head);
    SIM_ASSERT(ExInterlockedRemoveHeadList(head, lock) == NULL);
    SIM_ASSERT(ExInterlockedInsertTailList(head, &head[1], lock) == NULL);
    SIM_ASSERT(ExInterlockedInsertTailList(head, &head[2], lock) == &head[1]);
    SIM_ASSERT(ExInterlockedInsertHeadList(head, &head[3], lock) == &head[1]);
    SIM_ASSERT(ExInterlockedRemoveHeadList(head, lock) == &head[3]);
    SIM_ASSERT(ExInterlockedRemoveHeadList(head, lock) == &head[1]);
    SIM_ASSERT(ExInterlockedRemoveHeadList(head, lock) == &head[2] && IsListEmpty(head));
    SIM_ASSERT(ExInterlockedPushEntryList(&single, &one, &other) == NULL);
    SIM_ASSERT(ExInterlockedPopEntryList(&single, &other) == &one && single.Next == NULL);
}

static void two_locks(void)
{
    PLIST_ENTRY head = ke_test_alloc(3 * sizeof *head);
    PKSPIN_LOCK lock = ke_test_alloc(2 * sizeof *lock);
    KeInitializeSpinLock(&lock[0]);
    KeInitializeSpinLock(&lock[1]);
    InitializeListHead(head);
    ExInterlockedInsertTailList(head, &head[1], &lock[0]);
    ExInterlockedInsertTailList(head, &head[2], &lock[1]);
}

static void damaged(void)
{
    PLIST_ENTRY head = ke_test_alloc(3 * sizeof *head);
    PKSPIN_LOCK lock = ke_test_alloc(sizeof *lock);
    KeInitializeSpinLock(lock);
    InitializeListHead(head);
    ExInterlockedInsertTailList(head, &head[1], lock);
    head[1].Blink = &head[2];
    ExInterlockedInsertHeadList(head, &head[2], lock);
}

static void removed_twice(void)
{
    PLIST_ENTRY head = ke_test_alloc(3 * sizeof *head);
    InitializeListHead(head);
    InsertTailList(head, &head[1]);
    InsertTailList(head, &head[2]);
    RemoveEntryList(&head[1]);
    RemoveEntryList(&head[1]);
}

static void test_locked_lists(void **state)
{
    (void)state;
    ke_test_good(locked_list);
    ke_test_bad(two_locks, RULE_KRN_307);
    ke_test_bad(damaged, RULE_KRN_306);
    ke_test_bad(removed_twice, RULE_KRN_306);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interlocked),
        cmocka_unit_test(test_slist),
        cmocka_unit_test(test_locked_lists),
    };
    return cmocka_run_group_tests(tests, ke_test_setup, NULL);
}
