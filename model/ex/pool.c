/* SPDX-License-Identifier: MIT */
/*
 * Pool: the allocation and free routines of a driver, all in terms of ex_alloc and ex_free.
 *
 * Invariants:
 *  1. Every routine of allocation ends in allocate(), every routine of freeing in release().
 *  2. Sizes, kinds and tags are judged before anything is allocated (KRN-190 to KRN-194).
 */
#include "model/ex/ex_internal.h"

struct request {
    SIZE_T size;
    ULONG tag;
    bool is_paged;
    bool is_zeroed;
    bool is_raising;    /* raises instead of returning NULL */
    bool is_deprecated; /* KRN-203 */
};

static void *allocate(struct sim *s, const struct request *r);
static void release(struct sim *s, void *p, ULONG tag, bool is_tagged);

/* ---- allocation ---- */

/* One to four printable characters, filled up with zero bytes (KRN-193). */
static bool is_tag(ULONG tag)
{
    bool has_ended = false;
    for (unsigned i = 0; i < 4; i++) {
        UCHAR c = (UCHAR)(tag >> (8 * i));
        if (c == 0) {
            has_ended = true;
        } else if (has_ended || c < 0x20 || c > 0x7e) {
            return false;
        }
    }
    return tag != 0;
}

/* 'None' belongs to the untagged forms, 'BIG' to the system (KRN-193, lint). */
static bool is_odd_tag(ULONG tag)
{
    for (unsigned i = 0; i < 4; i++) {
        UCHAR c = (UCHAR)((tag >> (8 * i)) & 0xdf);
        UCHAR digit = (UCHAR)(tag >> (8 * i));
        if ((c >= 'A' && c <= 'Z') || (digit >= '0' && digit <= '9')) {
            return (tag & 0xffffff) == ('B' | 'I' << 8 | 'G' << 16);
        }
    }
    return true;
}

static void check_request(struct sim *s, const struct request *r)
{
    char tag[7];
    if (r->is_paged && ke_irql(s) > APC_LEVEL) {
        model_fail(s, RULE_KRN_191, 0, NULL, "%s: paged pool (tag %s) allocated at IRQL %u",
                   model_routine_name(s->current->routine), model_tag_text(r->tag, tag),
                   ke_irql(s));
    }
    if (!is_tag(r->tag)) {
        model_fail(s, RULE_KRN_193, 0, NULL, "%s: the tag 0x%08x is not one to four characters",
                   model_routine_name(s->current->routine), r->tag);
    }
    if (is_odd_tag(r->tag)) {
        model_lint(s, RULE_KRN_193);
    }
    if (r->is_deprecated) {
        model_lint(s, RULE_KRN_203);
    }
    model_exercised(s, RULE_KRN_191);
    model_exercised(s, RULE_KRN_193);
}

static void *allocate(struct sim *s, const struct request *r)
{
    enum model_block kind = r->is_paged ? BLOCK_PAGED : BLOCK_NONPAGED;
    void *p = ex_alloc(s, r->size, kind, r->tag, r->is_zeroed, true, NULL);
    if (p == NULL && r->is_raising && !model_mutated(quota_form_returns_null)) {
        ke_raise(s, STATUS_INSUFFICIENT_RESOURCES);
    }
    model_leave(s);
    return p;
}

/* What POOL_TYPE says: bit 0 paged, 8 and 16 and 1024 as named, 512 no-execute. */
static void *allocate_typed(struct sim *s, POOL_TYPE type, SIZE_T size, ULONG tag, bool is_zeroed,
                            bool is_quota)
{
    ULONG bits = (ULONG)type;
    bool raises = (bits & POOL_RAISE_IF_ALLOCATION_FAILURE) != 0 ||
                  (is_quota && (bits & POOL_QUOTA_FAIL_INSTEAD_OF_RAISE) == 0);
    enum model_routine routine = (enum model_routine)s->current->routine;
    const struct request r = {
        .size = size,
        .tag = tag,
        .is_paged = (bits & PagedPool) != 0,
        .is_zeroed = is_zeroed || (bits & POOL_ZERO_ALLOCATION) != 0,
        .is_raising = raises,
        .is_deprecated = routine == ROUTINE_ExAllocatePoolWithTag ||
                         routine == ROUTINE_ExAllocatePoolWithTagPriority ||
                         routine == ROUTINE_ExAllocatePoolWithQuotaTag,
    };
    check_request(s, &r);
    if (!r.is_paged && (bits & POOL_NX_ALLOCATION) == 0 && !ex_of(s)->is_nx_opted_in) {
        model_lint(s, RULE_KRN_204);
    }
    if (size == 0) {
        model_lint(s, RULE_KRN_192);
        if (model_knob(s, KNOB_KERNEL_POOL_ZERO) != 0) {
            model_leave(s);
            return NULL;
        }
    }
    return allocate(s, &r);
}

/* KRN-192, KRN-193: ExAllocatePool2 judges its arguments itself. */
static void *allocate_flags(struct sim *s, POOL_FLAGS flags, SIZE_T size, ULONG tag)
{
    const POOL_FLAGS kinds = POOL_FLAG_NON_PAGED | POOL_FLAG_NON_PAGED_EXECUTE | POOL_FLAG_PAGED;
    const POOL_FLAGS known = kinds | POOL_FLAG_USE_QUOTA | POOL_FLAG_UNINITIALIZED |
                             POOL_FLAG_SESSION | POOL_FLAG_CACHE_ALIGNED |
                             POOL_FLAG_RAISE_ON_FAILURE;
    const struct request r = {
        .size = size,
        .tag = tag,
        .is_paged = (flags & POOL_FLAG_PAGED) != 0,
        .is_zeroed = (flags & POOL_FLAG_UNINITIALIZED) == 0,
        .is_raising = (flags & POOL_FLAG_RAISE_ON_FAILURE) != 0,
    };
    const char *name = model_routine_name(s->current->routine);
    if (size == 0) {
        model_fail(s, RULE_KRN_192, 0, NULL, "%s: zero bytes asked for", name);
    }
    check_request(s, &r);
    if (__builtin_popcountll(flags & kinds) != 1 || (flags & 0xffffffffull & ~known) != 0) {
        model_fail(s, RULE_KRN_193, 0, NULL, "%s: the flags 0x%llx name no valid kind of pool",
                   name, flags);
    }
    if ((flags & POOL_FLAG_NON_PAGED_EXECUTE) != 0) {
        model_lint(s, RULE_KRN_204);
    }
    return allocate(s, &r);
}

PVOID ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag)
{
    struct sim *s = model_enter(ROUTINE_ExAllocatePool2);
    return allocate_flags(s, Flags, NumberOfBytes, Tag);
}

PVOID ExAllocatePool3(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag,
                      PCPOOL_EXTENDED_PARAMETER ExtendedParameters, ULONG Count)
{
    struct sim *s = model_enter(ROUTINE_ExAllocatePool3);
    if (Count != 0) {
        model_touch(s, ExtendedParameters, Count * sizeof(*ExtendedParameters),
                    "ExtendedParameters");
    }
    return allocate_flags(s, Flags, NumberOfBytes, Tag);
}

PVOID ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    struct sim *s = model_enter(ROUTINE_ExAllocatePoolWithTag);
    return allocate_typed(s, PoolType, NumberOfBytes, Tag, false, false);
}

PVOID ExAllocatePoolWithTagPriority(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                    EX_POOL_PRIORITY Priority)
{
    struct sim *s = model_enter(ROUTINE_ExAllocatePoolWithTagPriority);
    (void)Priority;
    return allocate_typed(s, PoolType, NumberOfBytes, Tag, false, false);
}

PVOID ExAllocatePoolZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    struct sim *s = model_enter(ROUTINE_ExAllocatePoolZero);
    return allocate_typed(s, PoolType, NumberOfBytes, Tag, true, false);
}

PVOID ExAllocatePoolUninitialized(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    struct sim *s = model_enter(ROUTINE_ExAllocatePoolUninitialized);
    return allocate_typed(s, PoolType, NumberOfBytes, Tag, false, false);
}

PVOID ExAllocatePoolPriorityZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                 EX_POOL_PRIORITY Priority)
{
    struct sim *s = model_enter(ROUTINE_ExAllocatePoolPriorityZero);
    (void)Priority;
    return allocate_typed(s, PoolType, NumberOfBytes, Tag, true, false);
}

PVOID ExAllocatePoolPriorityUninitialized(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                          EX_POOL_PRIORITY Priority)
{
    struct sim *s = model_enter(ROUTINE_ExAllocatePoolPriorityUninitialized);
    (void)Priority;
    return allocate_typed(s, PoolType, NumberOfBytes, Tag, false, false);
}

PVOID ExAllocatePoolQuotaZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    struct sim *s = model_enter(ROUTINE_ExAllocatePoolQuotaZero);
    return allocate_typed(s, PoolType, NumberOfBytes, Tag, true, true);
}

PVOID ExAllocatePoolQuotaUninitialized(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    struct sim *s = model_enter(ROUTINE_ExAllocatePoolQuotaUninitialized);
    return allocate_typed(s, PoolType, NumberOfBytes, Tag, false, true);
}

PVOID ExAllocatePoolWithQuotaTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    struct sim *s = model_enter(ROUTINE_ExAllocatePoolWithQuotaTag);
    return allocate_typed(s, PoolType, NumberOfBytes, Tag, false, true);
}

void ExInitializeDriverRuntime(ULONG RuntimeFlags)
{
    struct sim *s = model_enter(ROUTINE_ExInitializeDriverRuntime);
    ex_of(s)->is_nx_opted_in = (RuntimeFlags & DrvRtPoolNxOptIn) != 0;
    model_leave(s);
}

/* ---- freeing ---- */

/* Not a block of pool that is live and begins here: says what it is instead. */
static _Noreturn void release_breach(struct sim *s, void *p, const struct sim_block *block)
{
    const char *name = model_routine_name(s->current->routine);
    uintptr_t address = (uintptr_t)p;
    if (p == NULL) {
        model_fail(s, RULE_KRN_196, 0, NULL, "%s: NULL is freed", name);
    }
    if (block == NULL) {
        model_fail(s, RULE_KRN_196, 0, NULL, "%s: %s is freed, not pool memory", name,
                   sim_memory_is_stack(address)    ? "stack memory"
                   : sim_memory_is_module(address) ? "a global variable of the driver"
                                                   : "an address that was never allocated");
    }
    if (block->base == address && block->state == SIM_BLOCK_FREED) {
        model_fail(s, RULE_KRN_195, block->object, &block->died,
                   "%s: a block of %u bytes is freed again; it was freed by %s", name, block->size,
                   model_routine_name(block->died.routine));
    }
    if (block->kind == BLOCK_IRP) {
        model_fail(s, RULE_KRN_006, block->object, &block->born,
                   "%s: an IRP of IoAllocateIrp is freed as pool", name);
    }
    if (block->kind != BLOCK_NONPAGED && block->kind != BLOCK_PAGED) {
        model_fail(s, RULE_KRN_196, block->object, &block->born,
                   "%s: memory is freed that was made by %s, not by a pool routine", name,
                   model_routine_name(block->born.routine));
    }
    model_fail(s, RULE_KRN_196, block->object, &block->born,
               "%s: offset %lld of a block of %u bytes is freed, not the address allocated", name,
               (long long)(address - block->base), block->size);
}

/* The block may hold something that has a free routine of its own. */
static void check_owner(struct sim *s, const struct sim_block *block)
{
    const char *name = model_routine_name(s->current->routine);
    switch (block->object >> 24) {
    case OBJECT_LOOKASIDE:
        model_fail(s, RULE_KRN_319, block->object, &block->born,
                   "%s: an entry of a lookaside list is freed as pool", name);
    case OBJECT_RUNDOWN:
        model_fail(s, RULE_KRN_316, block->object, &block->born,
                   "%s: a cache-aware rundown reference is freed as pool", name);
    default:
        break;
    }
}

static void check_tag(struct sim *s, const struct sim_block *block, ULONG tag)
{
    char ours[7], theirs[7];
    if (tag == block->tag) {
        return;
    }
    if (tag == 0 && model_knob(s, KNOB_KERNEL_FREE_TAG_ZERO) == 0) {
        return;
    }
    model_fail(s, RULE_KRN_194, block->object, &block->born,
               "%s: a block allocated with tag %s is freed with tag %s",
               model_routine_name(s->current->routine), model_tag_text(block->tag, ours),
               model_tag_text(tag, theirs));
}

static void release(struct sim *s, void *p, ULONG tag, bool is_tagged)
{
    struct sim_block *block = sim_block_find(s, (uintptr_t)p);
    if (block == NULL || block->base != (uintptr_t)p || block->state != SIM_BLOCK_LIVE ||
        (block->kind != BLOCK_NONPAGED && block->kind != BLOCK_PAGED)) {
        release_breach(s, p, block);
    }
    check_owner(s, block);
    if (is_tagged) {
        check_tag(s, block, tag);
    }
    if (block->kind == BLOCK_PAGED && ke_irql(s) > APC_LEVEL) {
        model_fail(s, RULE_KRN_191, block->object, &block->born,
                   "%s: paged pool is freed at IRQL %u", model_routine_name(s->current->routine),
                   ke_irql(s));
    }
    model_exercised(s, RULE_KRN_194);
    model_exercised(s, RULE_KRN_195);
    sim_race_touch(s, p, block->size, SIM_ACCESS_WRITE | SIM_ACCESS_FREE);
    ex_free(s, block);
}

void ExFreePool(PVOID P)
{
    struct sim *s = model_enter_object(ROUTINE_ExFreePool, SIM_OP_WRITE, P);
    release(s, P, 0, false);
    model_leave(s);
}

void ExFreePoolWithTag(PVOID P, ULONG Tag)
{
    struct sim *s = model_enter_object(ROUTINE_ExFreePoolWithTag, SIM_OP_WRITE, P);
    release(s, P, Tag, true);
    model_leave(s);
}

void ExFreePool2(PVOID P, ULONG Tag, PCPOOL_EXTENDED_PARAMETER ExtendedParameters, ULONG Count)
{
    struct sim *s = model_enter_object(ROUTINE_ExFreePool2, SIM_OP_WRITE, P);
    if (Count != 0) {
        model_touch(s, ExtendedParameters, Count * sizeof(*ExtendedParameters),
                    "ExtendedParameters");
    }
    release(s, P, Tag, true);
    model_leave(s);
}
