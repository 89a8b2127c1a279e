/* SPDX-License-Identifier: MIT */
/*
 * Locking pages, and system addresses of MDLs (KRN-222 to KRN-232, KRN-236).
 *
 * The fault plan makes MmProbeAndLockPages raise and mappings fail. Who locks outside an
 * exception handler is found when that happens (KRN-223).
 */
#include "model/mm/mm_internal.h"

/* ---- MmProbeAndLockPages ---- */

/* Raises in the driver; without a handler this is the end (KRN-223, not KRN-061: the narrower one).
 */
__attribute__((noreturn)) static void raise(struct sim *s, const struct mm_mdl *m, NTSTATUS status)
{
    if (ke_current(s)->seh == NULL) {
        model_fail(s, RULE_KRN_223, m->object, &m->born,
                   "%s raises 0x%08x, and no exception handler encloses the call",
                   model_routine_name(s->current->routine), (unsigned)status);
    }
    ke_raise(s, status);
}

static void check_lockable(struct sim *s, const struct mm_mdl *m)
{
    switch ((enum mm_built)m->built) {
    case MM_BUILT_NOT:
        break;
    case MM_BUILT_NONPAGED:
        model_fail(s, RULE_KRN_222, m->object, &m->built_at,
                   "MmProbeAndLockPages on an MDL of MmBuildMdlForNonPagedPool");
    case MM_BUILT_LOCKED:
    case MM_BUILT_PAGES:
        model_fail(s, RULE_KRN_225, m->object, &m->built_at,
                   "MmProbeAndLockPages on an MDL that is locked already");
    case MM_BUILT_PARTIAL:
        model_fail(s, RULE_KRN_233, m->object, &m->built_at,
                   "MmProbeAndLockPages on a partial MDL");
    case MM_BUILT_SUBSYSTEM:
        SIM_ASSERT(false);
    }
}

static bool is_pageable(struct sim *s, const struct mm_mdl *m)
{
    const struct sim_block *block = sim_block_find(s, m->base);
    return block != NULL && block->kind == BLOCK_PAGED;
}

/* Locked paged pool is resident: it may be touched at any IRQL (KRN-051). */
static void pin(struct sim *s, const struct mm_mdl *m, int by)
{
    struct sim_block *block = sim_block_find(s, m->base);
    if (block != NULL && block->kind == BLOCK_PAGED && !model_mutated(locked_pages_paged)) {
        sim_block_pin(s, block, by);
    }
}

/* Addresses that are no memory of the driver make the probe raise; damaged ones are the driver's
 * fault. */
static void check_range(struct sim *s, const struct mm_mdl *m)
{
    uintptr_t bad;
    if (sim_memory_ok((const void *)m->base, m->bytes, &bad)) {
        return;
    }
    if (sim_memory_is_arena(bad) || sim_memory_is_stack(bad) || sim_memory_is_module(bad)) {
        model_touch(s, (const void *)m->base, m->bytes, "the memory described by the MDL");
    }
    raise(s, m, STATUS_ACCESS_VIOLATION);
}

static NTSTATUS drawn_status(struct sim *s)
{
    static const NTSTATUS statuses[] = {STATUS_ACCESS_VIOLATION, STATUS_WORKING_SET_QUOTA,
                                        STATUS_INSUFFICIENT_RESOURCES};
    return statuses[choice_pick(s, CHOICE_FAULTS, PICK_MM_RAISE, SIM_COUNT(statuses))];
}

static void lock(struct sim *s, PMDL mdl, LOCK_OPERATION operation)
{
    struct mm_mdl *m = mm_client_argument(s, mdl);
    check_lockable(s, m);
    model_exercised(s, RULE_KRN_223);
    model_exercised(s, RULE_KRN_224);
    if (ke_irql(s) > APC_LEVEL && is_pageable(s, m)) {
        model_fail(s, RULE_KRN_224, m->object, &m->born,
                   "MmProbeAndLockPages at IRQL %u on pageable memory", ke_irql(s));
    }
    if (ke_current(s)->seh == NULL) {
        model_lint(s, RULE_KRN_223);
    }
    check_range(s, m);
    if (model_mutated(failed_lock_marks)) {
        mdl->MdlFlags |= MDL_PAGES_LOCKED;
    }
    if (ke_irql(s) <= APC_LEVEL && ex_should_fail(s)) {
        raise(s, m, drawn_status(s));
    }
    m->built = MM_BUILT_LOCKED;
    m->access = (uint8_t)operation;
    m->built_at = sim_here(s);
    mdl->MdlFlags |= MDL_PAGES_LOCKED;
    if (operation != IoReadAccess) {
        mdl->MdlFlags |= MDL_WRITE_OPERATION;
    }
    PPFN_NUMBER page = MmGetMdlPfnArray(mdl);
    for (uint32_t i = 0; i < m->capacity; i++) {
        page[i] = m->base / PAGE_SIZE + i;
    }
    mm_of(s)->locked++;
    mm_active_add(s, m);
    pin(s, m, 1);
}

void MmProbeAndLockPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode,
                         LOCK_OPERATION Operation)
{
    struct sim *s =
        model_enter_object(ROUTINE_MmProbeAndLockPages, SIM_OP_WRITE, MemoryDescriptorList);
    (void)AccessMode;
    lock(s, MemoryDescriptorList, Operation);
    model_leave(s);
}

void MmUnlockPages(PMDL MemoryDescriptorList)
{
    struct sim *s = model_enter_object(ROUTINE_MmUnlockPages, SIM_OP_WRITE, MemoryDescriptorList);
    struct mm_mdl *m = mm_client_argument(s, MemoryDescriptorList);
    model_exercised(s, RULE_KRN_227);
    if (m->built != MM_BUILT_LOCKED) {
        enum model_rule rule = m->built == MM_BUILT_NONPAGED  ? RULE_KRN_222
                               : m->built == MM_BUILT_PARTIAL ? RULE_KRN_233
                                                              : RULE_KRN_227;
        model_fail(s, rule, m->object, m->built == MM_BUILT_NOT ? &m->born : &m->built_at,
                   "MmUnlockPages on an MDL that MmProbeAndLockPages did not lock");
    }
    mm_not_in_use(s, m, "unlocked");
    mm_unpinned(s, m);
    pin(s, m, -1);
    MemoryDescriptorList->MdlFlags &=
        (CSHORT) ~(MDL_PAGES_LOCKED | MDL_WRITE_OPERATION | MDL_MAPPED_TO_SYSTEM_VA);
    MemoryDescriptorList->MappedSystemVa = NULL;
    model_leave(s);
}

/* ---- system addresses ---- */

static void check_mappable(struct sim *s, const struct mm_mdl *m)
{
    model_exercised(s, RULE_KRN_230);
    if (m->built == MM_BUILT_NOT) {
        model_fail(s, RULE_KRN_230, m->object, &m->born,
                   "%s on an MDL that is neither locked nor built",
                   model_routine_name(s->current->routine));
    }
    mm_check_source(s, m);
}

/* Makes a mapping, if the fault plan lets it. Two threads at once must not (KRN-231). */
static bool map(struct sim *s, struct mm_mdl *m)
{
    if (m->mapping != NULL) {
        model_fail(s, RULE_KRN_231, m->object, &m->mapping_at,
                   "two threads ask for the system address of one MDL at the same time");
    }
    m->mapping = s->current;
    m->mapping_at = sim_here(s);
    sim_point(s, SIM_OP_WRITE, (uintptr_t)m->mdl);
    m->mapping = NULL;
    model_exercised(s, RULE_KRN_231);
    if (m->is_freed || m->built == MM_BUILT_NOT) {
        model_fail(s, RULE_KRN_232, m->object, m->is_freed ? &m->freed : &m->mapping_at,
                   "an MDL is %s while its system address is being asked for",
                   m->is_freed ? "freed" : "unlocked");
    }
    if (ex_should_fail(s)) {
        return false;
    }
    m->is_mapped = true;
    m->mdl->MappedSystemVa = (PVOID)m->base;
    m->mdl->MdlFlags |= MDL_MAPPED_TO_SYSTEM_VA;
    if (m->built == MM_BUILT_PARTIAL) {
        m->mdl->MdlFlags |= MDL_PARTIAL_HAS_BEEN_MAPPED;
    }
    return true;
}

PVOID MmGetSystemAddressForMdlSafe(PMDL Mdl, ULONG Priority)
{
    struct sim *s = model_enter_object(ROUTINE_MmGetSystemAddressForMdlSafe, SIM_OP_READ, Mdl);
    struct mm_mdl *m = mm_argument(s, Mdl);
    PVOID address = (PVOID)m->base;
    (void)Priority;
    check_mappable(s, m);
    bool is_there = m->is_mapped ||
                    (Mdl->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL)) != 0;
    if (!is_there && !map(s, m)) {
        address = NULL;
    }
    model_leave(s);
    return address;
}

static PVOID map_by_hand(struct sim *s, PMDL mdl, KPROCESSOR_MODE mode, bool may_fail)
{
    struct mm_mdl *m = mm_client_argument(s, mdl);
    model_exercised(s, RULE_KRN_236);
    if (m->built == MM_BUILT_NONPAGED) {
        model_fail(s, RULE_KRN_222, m->object, &m->built_at,
                   "an MDL of MmBuildMdlForNonPagedPool is mapped again");
    }
    check_mappable(s, m);
    if (m->hand_mapping != NULL || (m->is_mapped && mode == KernelMode)) {
        model_fail(s, RULE_KRN_236, m->object, &m->mapping_at, "an MDL is mapped that is mapped");
    }
    if (mode == UserMode && ke_irql(s) > APC_LEVEL) {
        model_fail(s, RULE_KRN_236, m->object, NULL, "a mapping for user mode is made at IRQL %u",
                   ke_irql(s));
    }
    if (may_fail && ex_should_fail(s)) {
        if (mode == UserMode) {
            raise(s, m, STATUS_INSUFFICIENT_RESOURCES);
        }
        return NULL;
    }
    m->hand_mapping = (void *)m->base;
    m->mapping_at = sim_here(s);
    if (mode == KernelMode) {
        m->is_mapped = true;
        mdl->MappedSystemVa = m->hand_mapping;
        mdl->MdlFlags |= MDL_MAPPED_TO_SYSTEM_VA;
    }
    return m->hand_mapping;
}

PVOID MmMapLockedPagesSpecifyCache(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode,
                                   MEMORY_CACHING_TYPE CacheType, PVOID RequestedAddress,
                                   ULONG BugCheckOnFailure, ULONG Priority)
{
    struct sim *s = model_enter_object(ROUTINE_MmMapLockedPagesSpecifyCache, SIM_OP_WRITE,
                                       MemoryDescriptorList);
    (void)CacheType;
    (void)RequestedAddress;
    (void)Priority;
    if (BugCheckOnFailure != 0 && AccessMode == KernelMode) {
        model_lint(s, RULE_KRN_236);
    }
    PVOID address = map_by_hand(s, MemoryDescriptorList, AccessMode, true);
    model_leave(s);
    return address;
}

PVOID MmMapLockedPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode)
{
    struct sim *s =
        model_enter_object(ROUTINE_MmMapLockedPages, SIM_OP_WRITE, MemoryDescriptorList);
    model_lint(s, RULE_KRN_236);
    PVOID address = map_by_hand(s, MemoryDescriptorList, AccessMode, AccessMode == UserMode);
    model_leave(s);
    return address;
}

void MmUnmapLockedPages(PVOID BaseAddress, PMDL MemoryDescriptorList)
{
    struct sim *s =
        model_enter_object(ROUTINE_MmUnmapLockedPages, SIM_OP_WRITE, MemoryDescriptorList);
    struct mm_mdl *m = mm_client_argument(s, MemoryDescriptorList);
    model_exercised(s, RULE_KRN_236);
    if (m->built == MM_BUILT_NONPAGED) {
        model_fail(s, RULE_KRN_222, m->object, &m->built_at,
                   "MmUnmapLockedPages on an MDL of MmBuildMdlForNonPagedPool");
    }
    if (m->hand_mapping == NULL || m->hand_mapping != BaseAddress) {
        model_fail(s, RULE_KRN_236, m->object, &m->built_at,
                   "MmUnmapLockedPages without such a mapping by MmMapLockedPagesSpecifyCache");
    }
    mm_not_in_use(s, m, "unmapped");
    m->hand_mapping = NULL;
    m->is_mapped = false;
    MemoryDescriptorList->MappedSystemVa = NULL;
    MemoryDescriptorList->MdlFlags &= (CSHORT)~MDL_MAPPED_TO_SYSTEM_VA;
    model_leave(s);
}
