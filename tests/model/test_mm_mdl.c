/* SPDX-License-Identifier: MIT */
/* MDLs: building, locking, mapping, chains (KRN-220 to KRN-241, SEND-002 to SEND-004, RECV-002,
 * RECV-003). */
#include "test_ke.h"

#include "model/mm/mm.h"

enum { REQUEST = 77, SIZE = 100 };

static char *pool(size_t size)
{
    char *p = ExAllocatePool2(POOL_FLAG_NON_PAGED, size, 'tseT');
    SIM_ASSERT(p != NULL);
    return p;
}

static PMDL mdl_over(void *p, ULONG size)
{
    PMDL mdl = IoAllocateMdl(p, size, FALSE, FALSE, NULL);
    SIM_ASSERT(mdl != NULL);
    return mdl;
}

static PMDL built(void *p, ULONG size)
{
    PMDL mdl = mdl_over(p, size);
    MmBuildMdlForNonPagedPool(mdl);
    return mdl;
}

/* volatile: a raise changes control flow behind the compiler's back (seh.h). */
SIM_NOINLINE static NTSTATUS lock(PMDL mdl, LOCK_OPERATION operation)
{
    volatile NTSTATUS status = STATUS_SUCCESS;
    __try {
        MmProbeAndLockPages(mdl, KernelMode, operation);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    return status;
}

static PMDL locked(void *p, ULONG size, LOCK_OPERATION operation)
{
    PMDL mdl = mdl_over(p, size);
    SIM_ASSERT(lock(mdl, operation) == STATUS_SUCCESS);
    return mdl;
}

/* ---- good ---- */

static void nonpaged(void)
{
    char *p = pool(SIZE);
    PMDL mdl = built(p, SIZE);
    SIM_ASSERT(MmGetMdlByteCount(mdl) == SIZE && MmGetMdlVirtualAddress(mdl) == p);
    SIM_ASSERT(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority) == p);
    IoFreeMdl(mdl);
    ExFreePool(p);
    mm_check_unload(sim_current);
}

static void lock_and_map(void)
{
    char *p = ExAllocatePool2(POOL_FLAG_PAGED, 5000, 'tseT');
    PMDL mdl = locked(p, 5000, IoWriteAccess);
    SIM_ASSERT((mdl->MdlFlags & MDL_PAGES_LOCKED) != 0);
    SIM_ASSERT(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority) == p);
    SIM_ASSERT((mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) != 0);
    MmUnlockPages(mdl);
    SIM_ASSERT(lock(mdl, IoReadAccess) == STATUS_SUCCESS);
    void *address =
        MmMapLockedPagesSpecifyCache(mdl, KernelMode, MmCached, NULL, FALSE, NormalPagePriority);
    SIM_ASSERT(address == p);
    MmUnmapLockedPages(address, mdl);
    MmUnlockPages(mdl);
    IoFreeMdl(mdl);
    ExFreePool(p);
    mm_check_unload(sim_current);
}

static void not_memory(void)
{
    PMDL mdl = mdl_over((void *)0x1000, 16);
    SIM_ASSERT(lock(mdl, IoReadAccess) == STATUS_ACCESS_VIOLATION);
    IoFreeMdl(mdl);
    mm_check_unload(sim_current);
}

static void partial(void)
{
    char *p = pool(SIZE);
    PMDL source = locked(p, SIZE, IoWriteAccess);
    PMDL target = mdl_over(p, SIZE);
    IoBuildPartialMdl(source, target, p + 10, 20);
    SIM_ASSERT(MmGetMdlByteCount(target) == 20);
    SIM_ASSERT(MmGetSystemAddressForMdlSafe(target, NormalPagePriority) == p + 10);
    MmPrepareMdlForReuse(target);
    IoBuildPartialMdl(source, target, p + 40, 0);
    SIM_ASSERT(MmGetMdlByteCount(target) == 60);
    IoFreeMdl(target);
    MmUnlockPages(source);
    IoFreeMdl(source);
    ExFreePool(p);
    mm_check_unload(sim_current);
}

static void client_memory(void)
{
    char *p = pool(SIZE);
    PMDL mdl = (PMDL)pool(MmSizeOfMdl(p, SIZE));
    MmInitializeMdl(mdl, p, SIZE);
    MmBuildMdlForNonPagedPool(mdl);
    SIM_ASSERT(mm_chain_use(sim_current, mdl, 0, SIZE, MM_READ, REQUEST));
    mm_chain_release(sim_current, mdl, REQUEST);
    ExFreePool(mdl);
    ExFreePool(p);
    mm_check_unload(sim_current);
}

static void chain(void)
{
    struct sim *s = sim_current;
    char *p = pool(SIZE), *q = pool(SIZE), text[30];
    PMDL first = built(p, 10), second = built(q, SIZE);
    memset(p, 'p', SIZE);
    memset(q, 'q', SIZE);
    first->Next = second;
    SIM_ASSERT(mm_chain_use(s, first, 4, 20, MM_WRITE, REQUEST));
    uint64_t before = mm_chain_hash(s, first, 4, 20);
    mm_chain_read(s, first, 4, 3, text, 10);
    SIM_ASSERT(memcmp(text, "pppqqqqqqq", 10) == 0);
    mm_chain_write(s, first, 4, 5, "01", 2);
    SIM_ASSERT(p[9] == '0' && q[0] == '1' && p[8] == 'p' && q[1] == 'q');
    SIM_ASSERT(mm_chain_hash(s, first, 4, 20) != before);
    q[14] = 'x'; /* one byte after the range */
    mm_chain_write(s, first, 4, 5, "pq", 2);
    SIM_ASSERT(mm_chain_hash(s, first, 4, 20) == before);
    mm_chain_release(s, first, REQUEST);
    SIM_ASSERT(mm_chain_use(s, NULL, 0, 0, MM_WRITE, REQUEST));
    SIM_ASSERT(!mm_chain_use(s, NULL, 0, 1, MM_WRITE, REQUEST));
    mm_chain_release(s, NULL, REQUEST);
    IoFreeMdl(first);
    IoFreeMdl(second);
    ExFreePool(p);
    ExFreePool(q);
    mm_check_unload(s);
}

/* Two requests may send from one MDL. */
static void shared(void)
{
    struct sim *s = sim_current;
    char *p = pool(SIZE);
    PMDL mdl = built(p, SIZE);
    SIM_ASSERT(mm_chain_use(s, mdl, 0, SIZE, MM_READ, 1));
    SIM_ASSERT(mm_chain_use(s, mdl, 0, SIZE, MM_READ, 2));
    mm_chain_release(s, mdl, 1);
    mm_chain_release(s, mdl, 2);
    IoFreeMdl(mdl);
    ExFreePool(p);
    mm_check_unload(s);
}

static void pages(void)
{
    PHYSICAL_ADDRESS low = {.QuadPart = 0}, high = {.QuadPart = -1};
    PMDL mdl = MmAllocatePagesForMdlEx(low, high, low, 5000, MmCached, 0);
    SIM_ASSERT(mdl != NULL && MmGetMdlByteCount(mdl) == 8192);
    char *p = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);
    SIM_ASSERT(p != NULL && p[8191] == 0);
    MmFreePagesFromMdl(mdl);
    ExFreePool(mdl);
    void *whole = MmAllocateContiguousMemory(100, high);
    SIM_ASSERT(((uintptr_t)whole & 4095) == 0);
    MmFreeContiguousMemory(whole);
    mm_check_unload(sim_current);
}

static void routines(void)
{
    UNICODE_STRING known, unknown;
    PWCH text = (PWCH)pool(64);
    memcpy(text, L"IoFreeMdl", 20);
    RtlInitUnicodeString(&known, text);
    SIM_ASSERT(MmGetSystemRoutineAddress(&known) == (void *)IoFreeMdl);
    memcpy(text, L"IoFreeMdx", 20);
    RtlInitUnicodeString(&unknown, text);
    SIM_ASSERT(MmGetSystemRoutineAddress(&unknown) == NULL);
}

static void test_good(void **state)
{
    (void)state;
    ke_test_good(nonpaged);
    ke_test_good(lock_and_map);
    ke_test_good(not_memory);
    ke_test_good(partial);
    ke_test_good(client_memory);
    ke_test_good(chain);
    ke_test_good(shared);
    ke_test_good(pages);
    ke_test_good(routines);
}

/* ---- the fault plan ---- */

/* Every outcome of every call is survivable, and something fails. */
static void survives_faults(void)
{
    char *p = ExAllocatePool2(POOL_FLAG_NON_PAGED, SIZE, 'tseT');
    if (p == NULL) {
        return;
    }
    PMDL mdl = IoAllocateMdl(p, SIZE, FALSE, FALSE, NULL);
    if (mdl != NULL) {
        if (NT_SUCCESS(lock(mdl, IoWriteAccess))) {
            (void)MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);
            MmUnlockPages(mdl);
        }
        IoFreeMdl(mdl);
    }
    ExFreePool(p);
    mm_check_unload(sim_current);
}

static void lock_unprotected(void)
{
    PMDL mdl = IoAllocateMdl((void *)0x1000, SIZE, FALSE, FALSE, NULL);
    MmProbeAndLockPages(mdl, KernelMode, IoReadAccess);
}

static void test_faults(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        const struct choice_source source = {
            .kind = CHOICE_RANDOM, .seed = seed * 0x9E3779B97F4A7C15ull, .faults_one_in = 4};
        assert_int_equal(ke_test_run(survives_faults, &source), SIM_VERDICT_OK);
    }
    ke_test_bad(lock_unprotected, RULE_KRN_223);
}

/* ---- mistakes ---- */

static void built_on_stack(void)
{
    char text[SIZE];
    built(text, SIZE);
}

static void built_on_paged(void)
{
    built(ExAllocatePool2(POOL_FLAG_PAGED, SIZE, 'tseT'), SIZE);
}

static void secondary_without_irp(void)
{
    IoAllocateMdl(pool(SIZE), SIZE, TRUE, FALSE, NULL);
}

static void built_and_locked(void)
{
    lock(built(pool(SIZE), SIZE), IoReadAccess);
}

static void locked_twice(void)
{
    lock(locked(pool(SIZE), SIZE, IoReadAccess), IoReadAccess);
}

static void unlocked_twice(void)
{
    PMDL mdl = locked(pool(SIZE), SIZE, IoReadAccess);
    MmUnlockPages(mdl);
    MmUnlockPages(mdl);
}

static void freed_locked(void)
{
    IoFreeMdl(locked(pool(SIZE), SIZE, IoReadAccess));
}

static void freed_twice(void)
{
    PMDL mdl = built(pool(SIZE), SIZE);
    IoFreeMdl(mdl);
    IoFreeMdl(mdl);
}

static void address_of_nothing(void)
{
    MmGetSystemAddressForMdlSafe(mdl_over(pool(SIZE), SIZE), NormalPagePriority);
}

static void memory_freed_under_lock(void)
{
    char *p = pool(SIZE);
    locked(p, SIZE, IoReadAccess);
    ExFreePool(p);
}

static void memory_freed_in_use(void)
{
    char *p = pool(SIZE);
    mm_chain_use(sim_current, built(p, SIZE), 0, SIZE, MM_READ, REQUEST);
    ExFreePool(p);
}

static void mdl_freed_in_send(void)
{
    PMDL mdl = built(pool(SIZE), SIZE);
    mm_chain_use(sim_current, mdl, 0, SIZE, MM_READ, REQUEST);
    IoFreeMdl(mdl);
}

static void mdl_freed_in_receive(void)
{
    PMDL mdl = built(pool(SIZE), SIZE);
    mm_chain_use(sim_current, mdl, 0, SIZE, MM_WRITE, REQUEST);
    IoFreeMdl(mdl);
}

static void source_unlocked_in_send(void)
{
    char *p = pool(SIZE);
    PMDL source = locked(p, SIZE, IoReadAccess), target = mdl_over(p, SIZE);
    IoBuildPartialMdl(source, target, p, 10);
    mm_chain_use(sim_current, target, 0, 10, MM_READ, REQUEST);
    MmUnlockPages(source);
}

static void source_unlocked(void)
{
    char *p = pool(SIZE);
    PMDL source = locked(p, SIZE, IoReadAccess), target = mdl_over(p, SIZE);
    IoBuildPartialMdl(source, target, p, 10);
    MmUnlockPages(source);
    mm_chain_use(sim_current, target, 0, 10, MM_READ, REQUEST);
}

static void partial_outside(void)
{
    char *p = pool(SIZE);
    IoBuildPartialMdl(built(p, 50), mdl_over(p, SIZE), p + 40, 20);
}

static void partial_not_prepared(void)
{
    char *p = pool(SIZE);
    PMDL source = locked(p, SIZE, IoReadAccess), target = mdl_over(p, SIZE);
    IoBuildPartialMdl(source, target, p, 10);
    MmGetSystemAddressForMdlSafe(target, NormalPagePriority);
    IoBuildPartialMdl(source, target, p, 20);
}

static void chain_too_short(void)
{
    mm_chain_use(sim_current, built(pool(SIZE), SIZE), 50, 51, MM_READ, REQUEST);
}

static void receive_too_short(void)
{
    mm_chain_use(sim_current, built(pool(SIZE), SIZE), SIZE + 1, 1, MM_WRITE, REQUEST);
}

static void chain_not_built(void)
{
    mm_chain_use(sim_current, mdl_over(pool(SIZE), SIZE), 0, SIZE, MM_READ, REQUEST);
}

static void chain_cycle(void)
{
    PMDL mdl = built(pool(SIZE), SIZE);
    mdl->Next = mdl;
    mm_chain_use(sim_current, mdl, 0, 2 * SIZE, MM_READ, REQUEST);
}

static void chain_cut(void)
{
    PMDL mdl = built(pool(SIZE), SIZE);
    mdl->Next = built(pool(SIZE), SIZE);
    mm_chain_use(sim_current, mdl, 0, 2 * SIZE, MM_READ, REQUEST);
    mdl->Next = NULL;
    (void)mm_chain_hash(sim_current, mdl, 0, 2 * SIZE);
}

static void wrong_access(void)
{
    PMDL mdl = locked(pool(SIZE), SIZE, IoReadAccess);
    mm_chain_use(sim_current, mdl, 0, SIZE, MM_WRITE, REQUEST);
}

static void changed_by_hand(void)
{
    PMDL mdl = built(pool(SIZE), SIZE);
    mdl->ByteCount = SIZE + 1;
    mm_chain_use(sim_current, mdl, 0, SIZE, MM_READ, REQUEST);
}

static void frees_system_mdl(void)
{
    char *p = pool(SIZE);
    IoFreeMdl(mm_subsystem_mdl(sim_current, p, SIZE));
}

static void system_mdl_ends_in_use(void)
{
    char *p = pool(SIZE);
    PMDL mdl = mm_subsystem_mdl(sim_current, p, SIZE);
    mm_chain_use(sim_current, mdl, 0, SIZE, MM_READ, REQUEST);
    mm_subsystem_mdl_free(sim_current, mdl);
}

static void leaked(void)
{
    mdl_over(pool(SIZE), SIZE);
    mm_check_unload(sim_current);
}

static void lock_leaked(void)
{
    locked(pool(SIZE), SIZE, IoReadAccess);
    mm_check_unload(sim_current);
}

static void test_mistakes(void **state)
{
    static const struct {
        void (*body)(void);
        enum model_rule rule;
    } rows[] = {
        {built_on_stack, RULE_KRN_221},
        {built_on_paged, RULE_KRN_221},
        {secondary_without_irp, RULE_KRN_220},
        {built_and_locked, RULE_KRN_222},
        {locked_twice, RULE_KRN_225},
        {unlocked_twice, RULE_KRN_227},
        {freed_locked, RULE_KRN_228},
        {freed_twice, RULE_KRN_228},
        {address_of_nothing, RULE_KRN_230},
        {memory_freed_under_lock, RULE_KRN_235},
        {memory_freed_in_use, RULE_KRN_235},
        {mdl_freed_in_send, RULE_SEND_004},
        {mdl_freed_in_receive, RULE_RECV_003},
        {source_unlocked_in_send, RULE_SEND_004},
        {source_unlocked, RULE_KRN_233},
        {partial_outside, RULE_KRN_233},
        {partial_not_prepared, RULE_KRN_233},
        {chain_too_short, RULE_SEND_002},
        {receive_too_short, RULE_RECV_002},
        {chain_not_built, RULE_SEND_003},
        {chain_cycle, RULE_KRN_237},
        {chain_cut, RULE_SEND_004},
        {wrong_access, RULE_KRN_234},
        {changed_by_hand, RULE_KRN_239},
        {frees_system_mdl, RULE_KRN_238},
        {system_mdl_ends_in_use, RULE_KRN_235},
        {leaked, RULE_KRN_284},
        {lock_leaked, RULE_KRN_226},
    };
    (void)state;
    for (size_t i = 0; i < SIM_COUNT(rows); i++) {
        ke_test_bad(rows[i].body, rows[i].rule);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_good, ke_test_setup),
        cmocka_unit_test_setup(test_faults, ke_test_setup),
        cmocka_unit_test_setup(test_mistakes, ke_test_setup),
    };
    return cmocka_run_group_tests_name("mm_mdl", tests, NULL, NULL);
}
