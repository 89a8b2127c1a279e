/* SPDX-License-Identifier: MIT */
/*
 * Making and building MDLs (KRN-220 to KRN-222, KRN-228, KRN-233, KRN-241).
 *
 *   Fresh --MmBuildMdlForNonPagedPool--> NonPaged
 *     |  \--MmProbeAndLockPages--> Locked --MmUnlockPages--> Fresh      (mm_lock.c)
 *     \--IoBuildPartialMdl--> Partial --MmPrepareMdlForReuse--> Fresh
 *
 * System addresses are the addresses themselves: the driver's memory is mapped once.
 */
#include "model/mm/mm_internal.h"

enum { PAGE = 4096 };

static uint32_t pages_spanned(uintptr_t base, size_t bytes)
{
    return (uint32_t)(((base & (PAGE - 1)) + bytes + (PAGE - 1)) / PAGE);
}

size_t mm_mdl_size(uintptr_t base, size_t bytes)
{
    return sizeof(MDL) + (size_t)pages_spanned(base, bytes) * sizeof(PFN_NUMBER);
}

void mm_fill(struct mm_mdl *m, uintptr_t base, size_t bytes)
{
    PMDL mdl = m->mdl;
    m->base = base;
    m->bytes = (uint32_t)bytes;
    mdl->StartVa = (PVOID)(base & ~(uintptr_t)(PAGE - 1));
    mdl->ByteOffset = model_mutated(mdl_offset_lost) ? 0 : (ULONG)(base & (PAGE - 1));
    mdl->ByteCount = (ULONG)bytes;
}

static void fill_new(struct mm_mdl *m, uintptr_t base, size_t bytes)
{
    PMDL mdl = m->mdl;
    mdl->Next = NULL;
    mdl->Size = (CSHORT)mm_mdl_size(base, bytes);
    mdl->MdlFlags = 0;
    mdl->Process = NULL;
    mdl->MappedSystemVa = NULL;
    m->capacity = pages_spanned(base, bytes);
    mm_fill(m, base, bytes);
}

static void fill_pages(const struct mm_mdl *m)
{
    PPFN_NUMBER page = MmGetMdlPfnArray(m->mdl);
    uint32_t count = pages_spanned(m->base, m->bytes);
    for (uint32_t i = 0; i < count; i++) {
        page[i] = m->base / PAGE + i;
    }
}

struct mm_mdl *mm_allocate(struct sim *s, uintptr_t base, size_t bytes, enum mm_origin origin,
                           enum model_block kind, bool may_fail)
{
    struct sim_block *block;
    PMDL mdl = ex_alloc(s, mm_mdl_size(base, bytes), kind, 0, false, may_fail, &block);
    if (mdl == NULL) {
        return NULL;
    }
    struct mm_mdl *m = mm_new(s, mdl, origin);
    m->block = block;
    if (kind == BLOCK_MDL) {
        block->object = m->object;
    }
    fill_new(m, base, bytes);
    return m;
}

void mm_release(struct sim *s, struct mm_mdl *m)
{
    SIM_ASSERT(!m->is_freed && m->block != NULL && m->uses == 0);
    m->is_freed = true;
    m->freed = sim_here(s);
    mm_unpinned(s, m);
    if (m->origin == MM_SUBSYSTEM) {
        ex_free_shown(s, m->block);
    } else {
        ex_free(s, m->block);
    }
    sim_trace(s, TRACE_Destroy, m->object, 0);
}

/* ---- allocating, freeing ---- */

/* The chain of an IRP: the new MDL becomes its first, or its last (SecondaryBuffer). */
static void attach(struct sim *s, PIRP irp, PMDL mdl, BOOLEAN secondary)
{
    model_touch(s, irp, offsetof(IRP, IoStatus), "the IRP");
    if (!secondary) {
        irp->MdlAddress = mdl;
        return;
    }
    PMDL *at = &irp->MdlAddress;
    for (unsigned i = 0; *at != NULL && i < MM_CHAIN_MAX; i++) {
        mm_argument(s, *at);
        at = &(*at)->Next;
    }
    *at = mdl;
}

PMDL IoAllocateMdl(PVOID VirtualAddress, ULONG Length, BOOLEAN SecondaryBuffer, BOOLEAN ChargeQuota,
                   PIRP Irp)
{
    struct sim *s = model_enter(ROUTINE_IoAllocateMdl);
    (void)ChargeQuota;
    model_exercised(s, RULE_KRN_220);
    if (Irp == NULL && SecondaryBuffer) {
        model_fail(s, RULE_KRN_220, 0, NULL,
                   "IoAllocateMdl with SecondaryBuffer and without an IRP");
    }
    struct mm_mdl *m =
        mm_allocate(s, (uintptr_t)VirtualAddress, Length, MM_ALLOCATED, BLOCK_MDL, true);
    if (m != NULL) {
        mm_of(s)->live++;
        m->mdl->MdlFlags |= MDL_ALLOCATED_FIXED_SIZE;
        if (Irp != NULL) {
            attach(s, Irp, m->mdl, SecondaryBuffer);
        }
    }
    model_leave(s);
    return m != NULL ? m->mdl : NULL;
}

static void free_client(struct sim *s, struct mm_mdl *m)
{
    model_exercised(s, RULE_KRN_228);
    if (m->origin == MM_CLIENT) {
        model_fail(s, RULE_KRN_228, m->object, &m->born,
                   "IoFreeMdl on an MDL in the client's own memory");
    }
    mm_not_in_use(s, m, "freed");
    if (m->built == MM_BUILT_LOCKED) {
        model_fail(s, RULE_KRN_228, m->object, &m->built_at,
                   "IoFreeMdl on an MDL whose pages are locked");
    }
    if (m->built == MM_BUILT_PAGES) {
        model_fail(s, RULE_KRN_228, m->object, &m->built_at,
                   "IoFreeMdl on an MDL that still has the pages of MmAllocatePagesForMdl");
    }
    if (m->hand_mapping != NULL) {
        model_fail(s, RULE_KRN_228, m->object, &m->mapping_at,
                   "IoFreeMdl on an MDL that is mapped by MmMapLockedPagesSpecifyCache");
    }
    mm_of(s)->live--;
    mm_release(s, m);
}

void IoFreeMdl(PMDL Mdl)
{
    struct sim *s = model_enter_object(ROUTINE_IoFreeMdl, SIM_OP_WRITE, Mdl);
    free_client(s, mm_client_argument(s, Mdl));
    model_leave(s);
}

SIZE_T MmSizeOfMdl(PVOID Base, SIZE_T Length)
{
    struct sim *s = model_enter(ROUTINE_MmSizeOfMdl);
    model_leave(s);
    return mm_mdl_size((uintptr_t)Base, Length);
}

void MmInitializeMdl(PMDL MemoryDescriptorList, PVOID BaseVa, SIZE_T Length)
{
    struct sim *s = model_enter_object(ROUTINE_MmInitializeMdl, SIM_OP_WRITE, MemoryDescriptorList);
    size_t size = mm_mdl_size((uintptr_t)BaseVa, Length);
    struct mm_mdl *old = mm_find(s, MemoryDescriptorList);
    model_exercised(s, RULE_KRN_241);
    if (((uintptr_t)MemoryDescriptorList & 7) != 0) {
        model_fail(s, RULE_KRN_241, 0, NULL, "MmInitializeMdl on memory that is not aligned");
    }
    model_touch(s, MemoryDescriptorList, size, "the MDL");
    model_resident(s, MemoryDescriptorList, size, RULE_KRN_241, "the MDL");
    bool is_live = old != NULL && !old->is_freed;
    if (is_live) {
        mm_not_in_use(s, old, "initialised");
        if (old->built == MM_BUILT_LOCKED || old->origin == MM_SUBSYSTEM) {
            model_fail(s, RULE_KRN_241, old->object, &old->built_at,
                       "MmInitializeMdl on an MDL in use");
        }
    }
    if (is_live && old->origin != MM_CLIENT) {
        mm_unpinned(s, old);
        MemoryDescriptorList->MdlFlags &= MDL_ALLOCATED_FIXED_SIZE;
        MemoryDescriptorList->Next = NULL;
        mm_fill(old, (uintptr_t)BaseVa, Length);
    } else {
        fill_new(mm_new(s, MemoryDescriptorList, MM_CLIENT), (uintptr_t)BaseVa, Length);
    }
    model_leave(s);
}

/* ---- building ---- */

static void check_nonpaged(struct sim *s, const struct mm_mdl *m)
{
    model_exercised(s, RULE_KRN_221);
    if (sim_memory_is_stack(m->base)) {
        model_fail(s, RULE_KRN_221, m->object, &m->born,
                   "MmBuildMdlForNonPagedPool describes memory on a kernel stack");
    }
    model_resident(s, (const void *)m->base, m->bytes, RULE_KRN_221, "the memory described");
    model_touch(s, (const void *)m->base, m->bytes, "the memory described by the MDL");
}

void MmBuildMdlForNonPagedPool(PMDL MemoryDescriptorList)
{
    struct sim *s =
        model_enter_object(ROUTINE_MmBuildMdlForNonPagedPool, SIM_OP_WRITE, MemoryDescriptorList);
    struct mm_mdl *m = mm_client_argument(s, MemoryDescriptorList);
    if (m->built == MM_BUILT_LOCKED || m->built == MM_BUILT_PAGES) {
        model_fail(s, RULE_KRN_222, m->object, &m->built_at,
                   "MmBuildMdlForNonPagedPool on an MDL whose pages are locked");
    }
    mm_not_in_use(s, m, "built again");
    check_nonpaged(s, m);
    fill_pages(m);
    m->built = MM_BUILT_NONPAGED;
    m->generation++;
    m->is_mapped = true;
    m->built_at = sim_here(s);
    MemoryDescriptorList->MappedSystemVa = (PVOID)m->base;
    MemoryDescriptorList->MdlFlags |= MDL_SOURCE_IS_NONPAGED_POOL;
    model_leave(s);
}

static void check_partial(struct sim *s, const struct mm_mdl *source, const struct mm_mdl *target,
                          uintptr_t base, size_t bytes)
{
    if (source->built == MM_BUILT_NOT) {
        model_fail(s, RULE_KRN_233, source->object, &source->born,
                   "IoBuildPartialMdl from an MDL that is neither locked nor built");
    }
    mm_check_source(s, source);
    if (base < source->base || base + bytes > source->base + source->bytes) {
        model_fail(s, RULE_KRN_233, target->object, &source->built_at,
                   "IoBuildPartialMdl: %zu bytes from byte %lld do not lie inside the %u of the "
                   "source",
                   bytes, (long long)(base - source->base), source->bytes);
    }
    if (pages_spanned(base, bytes) > target->capacity) {
        model_fail(s, RULE_KRN_233, target->object, &target->born,
                   "IoBuildPartialMdl: the target has room for %u pages, the range takes %u",
                   target->capacity, pages_spanned(base, bytes));
    }
    if (target->built == MM_BUILT_LOCKED || target->built == MM_BUILT_PAGES ||
        (target->built == MM_BUILT_PARTIAL && target->is_mapped)) {
        model_fail(s, RULE_KRN_233, target->object, &target->built_at,
                   "IoBuildPartialMdl on a target that is %s",
                   target->built == MM_BUILT_PARTIAL ? "mapped; it takes MmPrepareMdlForReuse first"
                                                     : "locked");
    }
}

void IoBuildPartialMdl(PMDL SourceMdl, PMDL TargetMdl, PVOID VirtualAddress, ULONG Length)
{
    struct sim *s = model_enter_object(ROUTINE_IoBuildPartialMdl, SIM_OP_WRITE, TargetMdl);
    struct mm_mdl *source = mm_argument(s, SourceMdl);
    struct mm_mdl *target = mm_client_argument(s, TargetMdl);
    uintptr_t base = (uintptr_t)VirtualAddress;
    size_t bytes = Length;
    if (bytes == 0 && base - source->base <= source->bytes) {
        bytes = source->bytes - (base - source->base);
    }
    mm_not_in_use(s, target, "built again");
    check_partial(s, source, target, base, bytes);
    mm_fill(target, base, bytes);
    fill_pages(target);
    target->built = MM_BUILT_PARTIAL;
    target->generation++;
    target->access = source->access;
    target->source = source;
    target->source_generation = source->generation;
    target->is_mapped = source->is_mapped;
    target->built_at = sim_here(s);
    TargetMdl->MdlFlags = (CSHORT)((TargetMdl->MdlFlags & MDL_ALLOCATED_FIXED_SIZE) | MDL_PARTIAL);
    if (source->is_mapped) {
        TargetMdl->MappedSystemVa = VirtualAddress;
        TargetMdl->MdlFlags |= source->built == MM_BUILT_NONPAGED
                                   ? MDL_SOURCE_IS_NONPAGED_POOL
                                   : MDL_PARENT_MAPPED_SYSTEM_VA | MDL_MAPPED_TO_SYSTEM_VA;
        target->is_mapped = false; /* no mapping of its own: may be built again */
    }
    model_leave(s);
}

void MmPrepareMdlForReuse(PMDL Mdl)
{
    struct sim *s = model_enter_object(ROUTINE_MmPrepareMdlForReuse, SIM_OP_WRITE, Mdl);
    struct mm_mdl *m = mm_client_argument(s, Mdl);
    mm_not_in_use(s, m, "prepared for reuse");
    if (m->built == MM_BUILT_PARTIAL) {
        mm_unpinned(s, m);
        Mdl->MdlFlags &= (CSHORT) ~(MDL_MAPPED_TO_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED |
                                    MDL_PARENT_MAPPED_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL);
        Mdl->MappedSystemVa = NULL;
    }
    model_leave(s);
}

/* ---- MDLs of the subsystem ---- */

PMDL mm_subsystem_mdl(struct sim *s, void *base, SIZE_T size)
{
    struct mm_mdl *m = mm_allocate(s, (uintptr_t)base, size, MM_SUBSYSTEM, BLOCK_MDL, false);
    m->built = MM_BUILT_SUBSYSTEM;
    m->access = IoModifyAccess;
    m->is_mapped = true;
    m->built_at = m->born;
    fill_pages(m);
    m->mdl->MappedSystemVa = base;
    m->mdl->MdlFlags |= MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA | MDL_WRITE_OPERATION;
    return m->mdl;
}

void mm_subsystem_mdl_free(struct sim *s, PMDL mdl)
{
    struct mm_mdl *m = mm_find(s, mdl);
    SIM_ASSERT(m != NULL && m->origin == MM_SUBSYSTEM);
    if (m->uses > 0) {
        model_fail(s, RULE_KRN_235, m->object, &m->used_at,
                   "the memory of an MDL goes back to the system while a request uses it");
    }
    mm_release(s, m);
}

void mm_irp_chain_free(struct sim *s, PMDL head, PMDL own)
{
    PMDL mdl = head;
    while (mdl != NULL) {
        /* Freed ones are refused, so that a chain with a cycle ends here too. */
        struct mm_mdl *m = mm_argument(s, mdl);
        PMDL next = mdl->Next;
        if (mdl == own) {
            mm_subsystem_mdl_free(s, own);
            own = NULL;
        } else {
            m = mm_client_argument(s, mdl);
            mm_not_in_use(s, m, "freed with its IRP");
            if (m->built == MM_BUILT_LOCKED) {
                mm_unpinned(s, m);
            }
            free_client(s, m);
        }
        mdl = next;
    }
    if (own != NULL) {
        mm_subsystem_mdl_free(s, own);
    }
}
