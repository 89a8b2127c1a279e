/* SPDX-License-Identifier: MIT */
/*
 * Memory by the page, probing, and the rest of Mm.
 *
 * Physical memory, caching types and paging of code are not modelled: pages come from the arena,
 * code is always resident.
 */
#include "model/mm/mm_internal.h"

enum { TAG_CONTIGUOUS = 0x67746e43 /* Cntg */, TAG_NONCACHED = 0x636e6f4e /* Nonc */ };

/*
 * Everything a driver can see counts as system space, so the border lies below the arena. Buffers
 * of user mode are arena blocks too; ProbeForRead and ProbeForWrite do not look at the border.
 */
PVOID MmHighestUserAddress = (PVOID)(SIM_ARENA_BASE - 0x10001);
PVOID MmSystemRangeStart = (PVOID)SIM_ARENA_BASE;
ULONG_PTR MmUserProbeAddress = SIM_ARENA_BASE - 0x10000;

/* ---- pages with an MDL ---- */

static PMDL allocate_pages(struct sim *s, SIZE_T bytes, bool zero)
{
    struct sim_block *pages;
    SIZE_T size = (bytes + PAGE_SIZE - 1) & ~(SIZE_T)(PAGE_SIZE - 1);
    if (size == 0 || size > UINT32_MAX) {
        return NULL;
    }
    void *p = ex_alloc(s, size, BLOCK_BUFFER, 0, zero, true, &pages);
    if (p == NULL) {
        return NULL;
    }
    /* The client frees it with ExFreePool: a block of pool. */
    struct mm_mdl *m = mm_allocate(s, (uintptr_t)p, size, MM_PAGES, BLOCK_NONPAGED, false);
    m->pages = pages;
    pages->object = m->object;
    m->built = MM_BUILT_PAGES;
    m->access = IoModifyAccess;
    m->built_at = m->born;
    m->mdl->MdlFlags |= MDL_PAGES_LOCKED;
    PPFN_NUMBER page = MmGetMdlPfnArray(m->mdl);
    for (uint32_t i = 0; i < m->capacity; i++) {
        page[i] = m->base / PAGE_SIZE + i;
    }
    mm_of(s)->live++;
    mm_active_add(s, m);
    return m->mdl;
}

PMDL MmAllocatePagesForMdl(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                           PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes)
{
    struct sim *s = model_enter(ROUTINE_MmAllocatePagesForMdl);
    (void)LowAddress;
    (void)HighAddress;
    (void)SkipBytes;
    PMDL mdl = allocate_pages(s, TotalBytes, true);
    model_leave(s);
    return mdl;
}

PMDL MmAllocatePagesForMdlEx(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                             PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes,
                             MEMORY_CACHING_TYPE CacheType, ULONG Flags)
{
    struct sim *s = model_enter(ROUTINE_MmAllocatePagesForMdlEx);
    (void)LowAddress;
    (void)HighAddress;
    (void)SkipBytes;
    (void)CacheType;
    PMDL mdl = allocate_pages(s, TotalBytes, (Flags & MM_DONT_ZERO_ALLOCATION) == 0);
    model_leave(s);
    return mdl;
}

void MmFreePagesFromMdl(PMDL MemoryDescriptorList)
{
    struct sim *s =
        model_enter_object(ROUTINE_MmFreePagesFromMdl, SIM_OP_WRITE, MemoryDescriptorList);
    struct mm_mdl *m = mm_client_argument(s, MemoryDescriptorList);
    if (m->built != MM_BUILT_PAGES) {
        model_fail(s, RULE_KRN_228, m->object, &m->born,
                   "MmFreePagesFromMdl on an MDL that has no pages of MmAllocatePagesForMdl");
    }
    mm_not_in_use(s, m, "freed");
    struct sim_block *pages = m->pages;
    mm_unpinned(s, m);
    m->pages = NULL;
    MemoryDescriptorList->MdlFlags &= (CSHORT) ~(MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA);
    ex_free(s, pages);
    model_leave(s);
}

/* ---- contiguous and non-cached memory ---- */

static void *allocate_whole(struct sim *s, SIZE_T bytes, ULONG tag)
{
    SIZE_T size = (bytes + PAGE_SIZE - 1) & ~(SIZE_T)(PAGE_SIZE - 1);
    void *p = bytes != 0 ? ex_alloc(s, size, BLOCK_BUFFER, tag, false, true, NULL) : NULL;
    if (p != NULL) {
        mm_of(s)->contiguous_live++;
    }
    return p;
}

static void free_whole(struct sim *s, const void *p, ULONG tag)
{
    struct sim_block *block = sim_block_find(s, (uintptr_t)p);
    if (block == NULL || block->base != (uintptr_t)p || block->kind != BLOCK_BUFFER ||
        block->tag != tag) {
        model_fail(s, RULE_KRN_196, 0, NULL, "%s: the address was not allocated by its counterpart",
                   model_routine_name(s->current->routine));
    }
    if (block->state == SIM_BLOCK_FREED) {
        model_fail(s, RULE_KRN_195, 0, &block->died, "%s frees memory again",
                   model_routine_name(s->current->routine));
    }
    mm_of(s)->contiguous_live--;
    ex_free(s, block);
}

PVOID MmAllocateContiguousMemory(SIZE_T NumberOfBytes, PHYSICAL_ADDRESS HighestAcceptableAddress)
{
    struct sim *s = model_enter(ROUTINE_MmAllocateContiguousMemory);
    (void)HighestAcceptableAddress;
    void *p = allocate_whole(s, NumberOfBytes, TAG_CONTIGUOUS);
    model_leave(s);
    return p;
}

void MmFreeContiguousMemory(PVOID BaseAddress)
{
    struct sim *s = model_enter_object(ROUTINE_MmFreeContiguousMemory, SIM_OP_WRITE, BaseAddress);
    free_whole(s, BaseAddress, TAG_CONTIGUOUS);
    model_leave(s);
}

PVOID MmAllocateNonCachedMemory(SIZE_T NumberOfBytes)
{
    struct sim *s = model_enter(ROUTINE_MmAllocateNonCachedMemory);
    void *p = allocate_whole(s, NumberOfBytes, TAG_NONCACHED);
    model_leave(s);
    return p;
}

void MmFreeNonCachedMemory(PVOID BaseAddress, SIZE_T NumberOfBytes)
{
    struct sim *s = model_enter_object(ROUTINE_MmFreeNonCachedMemory, SIM_OP_WRITE, BaseAddress);
    (void)NumberOfBytes;
    free_whole(s, BaseAddress, TAG_NONCACHED);
    model_leave(s);
}

void mm_contiguous_check_unload(struct sim *s)
{
    size_t count;
    if (mm_of(s)->contiguous_live == 0) {
        return;
    }
    const struct sim_block *block = sim_blocks(s, &count);
    for (size_t i = 0; i < count; i++) {
        bool is_ours = block[i].tag == TAG_CONTIGUOUS || block[i].tag == TAG_NONCACHED;
        if (block[i].kind == BLOCK_BUFFER && is_ours && block[i].state == SIM_BLOCK_LIVE) {
            model_fail(s, RULE_KRN_284, 0, &block[i].born, "%u bytes of %s were never freed",
                       block[i].size, model_routine_name(block[i].born.routine));
        }
    }
}

/* ---- probing ---- */

__attribute__((noreturn)) static void probe_raise(struct sim *s, NTSTATUS status)
{
    if (ke_current(s)->seh == NULL) {
        model_fail(s, RULE_KRN_061, 0, NULL,
                   "%s raises 0x%08x, and no exception handler encloses the call",
                   model_routine_name(s->current->routine), (unsigned)status);
    }
    ke_raise(s, status);
}

static void probe(struct sim *s, const volatile void *address, SIZE_T length, ULONG alignment)
{
    if (length == 0) {
        return;
    }
    if (alignment != 0 && ((uintptr_t)address & (alignment - 1)) != 0) {
        probe_raise(s, STATUS_DATATYPE_MISALIGNMENT);
    }
    if (!sim_memory_ok((const void *)address, length, NULL) || ex_should_fail(s)) {
        probe_raise(s, STATUS_ACCESS_VIOLATION);
    }
}

void ProbeForRead(const volatile VOID *Address, SIZE_T Length, ULONG Alignment)
{
    struct sim *s = model_enter(ROUTINE_ProbeForRead);
    probe(s, Address, Length, Alignment);
    model_leave(s);
}

void ProbeForWrite(volatile VOID *Address, SIZE_T Length, ULONG Alignment)
{
    struct sim *s = model_enter(ROUTINE_ProbeForWrite);
    probe(s, Address, Length, Alignment);
    model_leave(s);
}

BOOLEAN MmIsAddressValid(PVOID VirtualAddress)
{
    struct sim *s = model_enter(ROUTINE_MmIsAddressValid);
    BOOLEAN is_valid = sim_memory_ok(VirtualAddress, 1, NULL);
    model_leave(s);
    return is_valid;
}

/* ---- sections, names, sizes ---- */

/* Code and data of the driver are always resident: locking a section changes nothing. */
PVOID MmLockPagableDataSection(PVOID AddressWithinSection)
{
    struct sim *s = model_enter(ROUTINE_MmLockPagableDataSection);
    model_leave(s);
    return AddressWithinSection;
}

void MmUnlockPagableImageSection(PVOID ImageSectionHandle)
{
    struct sim *s = model_enter(ROUTINE_MmUnlockPagableImageSection);
    (void)ImageSectionHandle;
    model_leave(s);
}

PVOID MmPageEntireDriver(PVOID AddressWithinSection)
{
    struct sim *s = model_enter(ROUTINE_MmPageEntireDriver);
    model_leave(s);
    return AddressWithinSection;
}

void MmResetDriverPaging(PVOID AddressWithinSection)
{
    struct sim *s = model_enter(ROUTINE_MmResetDriverPaging);
    (void)AddressWithinSection;
    model_leave(s);
}

MM_SYSTEMSIZE MmQuerySystemSize(void)
{
    struct sim *s = model_enter(ROUTINE_MmQuerySystemSize);
    model_leave(s);
    return MmLargeSystem;
}

PVOID MmGetSystemRoutineAddress(PUNICODE_STRING SystemRoutineName)
{
    struct sim *s = model_enter(ROUTINE_MmGetSystemRoutineAddress);
    char name[64];
    void *address = NULL;
    model_touch(s, SystemRoutineName, sizeof(*SystemRoutineName), "SystemRoutineName");
    size_t length = SystemRoutineName->Length / sizeof(WCHAR);
    model_touch(s, SystemRoutineName->Buffer, SystemRoutineName->Length, "the name of the routine");
    if (length < sizeof(name)) {
        for (size_t i = 0; i < length; i++) {
            WCHAR c = SystemRoutineName->Buffer[i];
            name[i] = (char)(c < 0x80 ? c : '?');
        }
        name[length] = '\0';
        address = mm_routine_address(name);
    }
    model_leave(s);
    return address;
}
