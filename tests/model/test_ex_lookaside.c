/* SPDX-License-Identifier: MIT */
/* Lookaside lists: KRN-317 to KRN-321. */
#include "test_ke.h"

#define TAG 0x74736554u

static PLOOKASIDE_LIST_EX list_new(void)
{
    PLOOKASIDE_LIST_EX list = ke_test_alloc(sizeof *list);
    NTSTATUS status = ExInitializeLookasideListEx(list, NULL, NULL, NonPagedPoolNx, 0, 40, TAG, 0);
    SIM_ASSERT(status == STATUS_SUCCESS);
    return list;
}

static void three_kinds(void)
{
    PNPAGED_LOOKASIDE_LIST n = ke_test_alloc(sizeof *n);
    PPAGED_LOOKASIDE_LIST p = ke_test_alloc(sizeof *p);
    PLOOKASIDE_LIST_EX x = list_new();
    void *a, *b, *c, *d;
    ExInitializeNPagedLookasideList(n, NULL, NULL, 0, 64, TAG, 0);
    ExInitializePagedLookasideList(p, NULL, NULL, 0, 64, TAG, 0);
    a = ExAllocateFromNPagedLookasideList(n);
    b = ExAllocateFromPagedLookasideList(p);
    c = ExAllocateFromLookasideListEx(x);
    memset(c, 7, 40);
    ExFreeToLookasideListEx(x, c);
    d = ExAllocateFromLookasideListEx(x); /* perhaps c, with its old contents */
    SIM_ASSERT(*(UCHAR *)d == (d == c ? 7 : 0xCD));
    ExFreeToNPagedLookasideList(n, a);
    ExFreeToPagedLookasideList(p, b);
    ExFreeToLookasideListEx(x, d);
    ExFlushLookasideListEx(x);
    ExDeleteNPagedLookasideList(n);
    ExDeletePagedLookasideList(p);
    ExDeleteLookasideListEx(x);
    ex_check_unload(sim_current);
}

static LONG allocated, freed;

static PVOID own_allocate(POOL_TYPE type, SIZE_T size, ULONG tag, PLOOKASIDE_LIST_EX list)
{
    SIM_ASSERT(list->L.Size == size);
    allocated++;
    return ExAllocatePoolZero(type, size, tag);
}

static void own_free(PVOID entry, PLOOKASIDE_LIST_EX list)
{
    (void)list;
    freed++;
    ExFreePoolWithTag(entry, TAG);
}

static void own_routines(void)
{
    PLOOKASIDE_LIST_EX list = ke_test_alloc(sizeof *list);
    void *a, *b;
    allocated = freed = 0;
    ExInitializeLookasideListEx(list, own_allocate, own_free, NonPagedPoolNx, 0, 32, TAG, 0);
    a = ExAllocateFromLookasideListEx(list);
    b = ExAllocateFromLookasideListEx(list);
    ExFreeToLookasideListEx(list, a);
    a = ExAllocateFromLookasideListEx(list);
    ExFreeToLookasideListEx(list, b);
    ExFreeToLookasideListEx(list, a);
    ExDeleteLookasideListEx(list);
    SIM_ASSERT(allocated == freed && allocated >= 2);
    ex_check_unload(sim_current);
}

static void uninitialised(void)
{
    ExAllocateFromLookasideListEx(ke_test_alloc(sizeof(LOOKASIDE_LIST_EX)));
}

static void twice(void)
{
    PLOOKASIDE_LIST_EX list = list_new();
    ExInitializeLookasideListEx(list, NULL, NULL, NonPagedPoolNx, 0, 40, TAG, 0);
}

static void small_entries(void)
{
    ExInitializeLookasideListEx(ke_test_alloc(sizeof(LOOKASIDE_LIST_EX)), NULL, NULL,
                                NonPagedPoolNx, 0, 4, TAG, 0);
}

static void misaligned(void)
{
    char *memory = ke_test_alloc(sizeof(LOOKASIDE_LIST_EX) + 16);
    ExInitializeLookasideListEx((PLOOKASIDE_LIST_EX)(void *)(memory + 8), NULL, NULL,
                                NonPagedPoolNx, 0, 40, TAG, 0);
}

static void deleted_with_entries(void)
{
    PLOOKASIDE_LIST_EX list = list_new();
    ExAllocateFromLookasideListEx(list);
    ExDeleteLookasideListEx(list);
}

static void used_after_delete(void)
{
    PLOOKASIDE_LIST_EX list = list_new();
    ExDeleteLookasideListEx(list);
    ExAllocateFromLookasideListEx(list);
}

static void entry_twice(void)
{
    PLOOKASIDE_LIST_EX list = list_new();
    void *entry = ExAllocateFromLookasideListEx(list);
    ExFreeToLookasideListEx(list, entry);
    ExFreeToLookasideListEx(list, entry);
}

static void entry_to_other_list(void)
{
    PLOOKASIDE_LIST_EX one = list_new();
    ExFreeToLookasideListEx(list_new(), ExAllocateFromLookasideListEx(one));
}

static void entry_to_pool(void)
{
    ExFreePool(ExAllocateFromLookasideListEx(list_new()));
}

static void paged_at_dispatch(void)
{
    PLOOKASIDE_LIST_EX list = ke_test_alloc(sizeof *list);
    ExInitializeLookasideListEx(list, NULL, NULL, PagedPool, 0, 40, TAG, 0);
    KeRaiseIrqlToDpcLevel();
    ExAllocateFromLookasideListEx(list);
}

static void freed_alive(void)
{
    PLOOKASIDE_LIST_EX list = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof *list, TAG);
    ExInitializeLookasideListEx(list, NULL, NULL, NonPagedPoolNx, 0, 40, TAG, 0);
    ExFreePool(list);
}

static void not_deleted(void)
{
    list_new();
    ex_check_unload(sim_current);
}

static void test_good(void **state)
{
    (void)state;
    ke_test_good(three_kinds);
    ke_test_good(own_routines);
}

static void test_breaches(void **state)
{
    (void)state;
    ke_test_bad(uninitialised, RULE_KRN_317);
    ke_test_bad(twice, RULE_KRN_317);
    ke_test_bad(misaligned, RULE_KRN_317);
    ke_test_bad(used_after_delete, RULE_KRN_317);
    ke_test_bad(freed_alive, RULE_KRN_317);
    ke_test_bad(not_deleted, RULE_KRN_317);
    ke_test_bad(small_entries, RULE_KRN_321);
    ke_test_bad(paged_at_dispatch, RULE_KRN_321);
    ke_test_bad(deleted_with_entries, RULE_KRN_319);
    ke_test_bad(entry_twice, RULE_KRN_319);
    ke_test_bad(entry_to_other_list, RULE_KRN_319);
    ke_test_bad(entry_to_pool, RULE_KRN_319);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_breaches),
    };
    return cmocka_run_group_tests(tests, ke_test_setup, NULL);
}
