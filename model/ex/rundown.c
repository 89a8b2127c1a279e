/* SPDX-License-Identifier: MIT */
/*
 * Rundown protection, plain and cache-aware (KRN-310 to KRN-316).
 *
 *     usable --(wait begins)--> running down --(count is 0)--> completed --(reinitialise)--> usable
 *        |                                                        ^
 *        +---------------(ExRundownCompleted)---------------------+
 *
 * Acquisitions succeed only while it is usable. A wait on a completed reference returns at once.
 * The word in the driver's memory shows what Windows shows: twice the count, plus 1 once it is run
 * down.
 *
 * Limit: that a thread waits for its own release cannot be known (any thread may release); it shows
 * up as a deadlock that names the reference.
 */
#include "model/ex/ex_internal.h"

#include <stdio.h>

enum { CACHE_AWARE_BYTES = 64 };

struct _EX_RUNDOWN_REF_CACHE_AWARE {
    ULONG_PTR count;
};

static void show(const struct ex_object *o)
{
    const struct ex_rundown *r = &o->rundown;
    *(ULONG_PTR *)o->address = r->count * 2 + (r->is_running_down || r->is_completed);
}

static struct ex_object *initialize(struct sim *s, void *reference, size_t size, enum ex_type type)
{
    struct ex_object *o = ex_object_new(s, reference, size, type);
    show(o);
    return o;
}

static struct ex_object *find(struct sim *s, void *reference, enum ex_type type)
{
    struct ex_object *o;
    const char *name = model_routine_name(s->current->routine);
    if (ke_irql(s) >= DISPATCH_LEVEL) {
        model_resident(s, reference, sizeof(ULONG_PTR), RULE_KRN_310, "the rundown reference");
    }
    model_touch(s, reference, sizeof(ULONG_PTR), "the rundown reference");
    o = ex_object_find(s, reference, type);
    if (SIM_LIKELY(o != NULL)) {
        return o;
    }
    o = ex_object_at(s, reference);
    if (o != NULL && o->is_live && (o->type == EX_RUNDOWN || o->type == EX_RUNDOWN_CACHE_AWARE)) {
        model_fail(s, RULE_KRN_316, o->object, &o->born, "%s: the reference is %s cache-aware one",
                   name, o->type == EX_RUNDOWN ? "not a" : "a");
    }
    model_fail(s, RULE_KRN_310, 0, NULL, "%s: the rundown reference was not initialised", name);
}

static BOOLEAN acquire(struct ex_object *o, ULONG count)
{
    struct ex_rundown *r = &o->rundown;
    if ((r->is_running_down || r->is_completed) && !model_mutated(rundown_admits)) {
        return FALSE;
    }
    r->count += count;
    sim_hb_acquire(sim_current, sim_hb_other(o)); /* what came before it was initialised */
    show(o);
    return TRUE;
}

static void release(struct sim *s, struct ex_object *o, ULONG count)
{
    struct ex_rundown *r = &o->rundown;
    if (count > r->count) {
        model_fail(s, RULE_KRN_312, o->object, r->is_completed ? &r->wait : &o->born,
                   "%s: %u references are released and %llu are held",
                   model_routine_name(s->current->routine), count, (unsigned long long)r->count);
    }
    r->count -= count;
    sim_hb_release(s, o);
    show(o);
    model_exercised(s, RULE_KRN_312);
    if (r->count == 0 && r->is_running_down) {
        ke_poke(s);
    }
}

static bool is_run_down(struct sim *s, void *object)
{
    (void)s;
    return ((const struct ex_object *)object)->rundown.count == 0 ||
           model_mutated(rundown_wait_early);
}

static void wait(struct sim *s, struct ex_object *o)
{
    struct ex_rundown *r = &o->rundown;
    char name[32];
    ke_check_may_block(s, o->object);
    model_exercised(s, RULE_KRN_313);
    if (r->is_completed) {
        return;
    }
    if (!r->is_running_down) {
        r->is_running_down = true;
        r->wait = sim_here(s);
        show(o);
    }
    if (r->count != 0) {
        snprintf(o->waiting, sizeof(o->waiting), "the release of %s (%llu held)",
                 model_object_name(o->object, name, sizeof(name)), (unsigned long long)r->count);
        sim_trace(s, TRACE_WaitStart, o->object, r->count);
        ke_wait_until(s, is_run_down, o, SIM_TIME_NEVER, o->waiting);
        sim_trace(s, TRACE_WaitEnd, o->object, 0);
    }
    r->is_completed = true;
    sim_hb_acquire(s, o);
    show(o);
}

static void check_completed(struct sim *s, const struct ex_object *o)
{
    if (!o->rundown.is_completed) {
        model_fail(s, RULE_KRN_315, o->object, &o->born, "%s: no wait for release has ended before",
                   model_routine_name(s->current->routine));
    }
    model_exercised(s, RULE_KRN_315);
}

static void reinitialize(struct sim *s, struct ex_object *o)
{
    check_completed(s, o);
    o->rundown.is_running_down = false;
    o->rundown.is_completed = false;
    sim_hb_release(s, sim_hb_other(o));
    show(o);
}

/* ---- plain ---- */

void ExInitializeRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    struct sim *s = model_enter(ROUTINE_ExInitializeRundownProtection);
    struct ex_object *o;
    model_touch(s, RunRef, sizeof(*RunRef), "the rundown reference");
    if (((uintptr_t)RunRef & 7) != 0) {
        model_fail(s, RULE_KRN_310, 0, NULL,
                   "ExInitializeRundownProtection: the reference is not aligned to 8 bytes");
    }
    o = ex_object_find(s, RunRef, EX_RUNDOWN);
    if (o != NULL && o->rundown.count != 0 && !sim_memory_is_stack((uintptr_t)RunRef)) {
        model_fail(s, RULE_KRN_315, o->object, &o->born,
                   "ExInitializeRundownProtection: initialised again while references are held");
    }
    initialize(s, RunRef, sizeof(*RunRef), EX_RUNDOWN);
    model_leave(s);
}

void ExReInitializeRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    struct sim *s = model_enter(ROUTINE_ExReInitializeRundownProtection);
    reinitialize(s, find(s, RunRef, EX_RUNDOWN));
    model_leave(s);
}

void ExRundownCompleted(PEX_RUNDOWN_REF RunRef)
{
    struct sim *s = model_enter(ROUTINE_ExRundownCompleted);
    check_completed(s, find(s, RunRef, EX_RUNDOWN));
    model_leave(s);
}

BOOLEAN ExAcquireRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    struct sim *s = model_enter_object(ROUTINE_ExAcquireRundownProtection, SIM_OP_WRITE, RunRef);
    BOOLEAN acquired = acquire(find(s, RunRef, EX_RUNDOWN), 1);
    model_leave(s);
    return acquired;
}

BOOLEAN ExAcquireRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count)
{
    struct sim *s = model_enter_object(ROUTINE_ExAcquireRundownProtection, SIM_OP_WRITE, RunRef);
    BOOLEAN acquired = acquire(find(s, RunRef, EX_RUNDOWN), Count);
    model_leave(s);
    return acquired;
}

void ExReleaseRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    struct sim *s = model_enter_object(ROUTINE_ExReleaseRundownProtection, SIM_OP_WRITE, RunRef);
    release(s, find(s, RunRef, EX_RUNDOWN), 1);
    model_leave(s);
}

void ExReleaseRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count)
{
    struct sim *s = model_enter_object(ROUTINE_ExReleaseRundownProtection, SIM_OP_WRITE, RunRef);
    release(s, find(s, RunRef, EX_RUNDOWN), Count);
    model_leave(s);
}

void ExWaitForRundownProtectionRelease(PEX_RUNDOWN_REF RunRef)
{
    struct sim *s =
        model_enter_object(ROUTINE_ExWaitForRundownProtectionRelease, SIM_OP_WAIT, RunRef);
    wait(s, find(s, RunRef, EX_RUNDOWN));
    model_leave(s);
}

/* ---- cache-aware ---- */

PEX_RUNDOWN_REF_CACHE_AWARE ExAllocateCacheAwareRundownProtection(POOL_TYPE PoolType, ULONG PoolTag)
{
    struct sim *s = model_enter(ROUTINE_ExAllocateCacheAwareRundownProtection);
    enum model_block kind = ((ULONG)PoolType & PagedPool) != 0 ? BLOCK_PAGED : BLOCK_NONPAGED;
    struct sim_block *block;
    void *p = ex_alloc(s, CACHE_AWARE_BYTES, kind, PoolTag, true, true, &block);
    if (p != NULL) {
        block->object = initialize(s, p, CACHE_AWARE_BYTES, EX_RUNDOWN_CACHE_AWARE)->object;
    }
    model_leave(s);
    return p;
}

void ExFreeCacheAwareRundownProtection(PEX_RUNDOWN_REF_CACHE_AWARE RunRef)
{
    struct sim *s = model_enter(ROUTINE_ExFreeCacheAwareRundownProtection);
    struct ex_object *o = find(s, RunRef, EX_RUNDOWN_CACHE_AWARE);
    struct sim_block *block = sim_block_find(s, (uintptr_t)RunRef);
    if (block == NULL || block->object != o->object || block->base != (uintptr_t)RunRef) {
        model_fail(s, RULE_KRN_316, o->object, &o->born,
                   "ExFreeCacheAwareRundownProtection: not allocated by its counterpart");
    }
    if (o->rundown.count != 0) {
        model_fail(s, RULE_KRN_315, o->object, &o->born,
                   "ExFreeCacheAwareRundownProtection: %llu references are held",
                   (unsigned long long)o->rundown.count);
    }
    ex_free(s, block);
    model_leave(s);
}

SIZE_T ExSizeOfRundownProtectionCacheAware(void)
{
    struct sim *s = model_enter(ROUTINE_ExSizeOfRundownProtectionCacheAware);
    model_leave(s);
    return CACHE_AWARE_BYTES;
}

void ExInitializeRundownProtectionCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRef, SIZE_T Size)
{
    struct sim *s = model_enter(ROUTINE_ExInitializeRundownProtectionCacheAware);
    model_touch(s, RunRef, Size, "the rundown reference");
    if (Size < CACHE_AWARE_BYTES) {
        model_fail(s, RULE_KRN_316, 0, NULL,
                   "ExInitializeRundownProtectionCacheAware: %zu bytes given, %d needed",
                   (size_t)Size, CACHE_AWARE_BYTES);
    }
    initialize(s, RunRef, Size, EX_RUNDOWN_CACHE_AWARE);
    model_leave(s);
}

BOOLEAN ExAcquireRundownProtectionCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRef)
{
    struct sim *s =
        model_enter_object(ROUTINE_ExAcquireRundownProtectionCacheAware, SIM_OP_WRITE, RunRef);
    BOOLEAN acquired = acquire(find(s, RunRef, EX_RUNDOWN_CACHE_AWARE), 1);
    model_leave(s);
    return acquired;
}

BOOLEAN ExAcquireRundownProtectionCacheAwareEx(PEX_RUNDOWN_REF_CACHE_AWARE RunRef, ULONG Count)
{
    struct sim *s =
        model_enter_object(ROUTINE_ExAcquireRundownProtectionCacheAware, SIM_OP_WRITE, RunRef);
    BOOLEAN acquired = acquire(find(s, RunRef, EX_RUNDOWN_CACHE_AWARE), Count);
    model_leave(s);
    return acquired;
}

void ExReleaseRundownProtectionCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRef)
{
    struct sim *s =
        model_enter_object(ROUTINE_ExReleaseRundownProtectionCacheAware, SIM_OP_WRITE, RunRef);
    release(s, find(s, RunRef, EX_RUNDOWN_CACHE_AWARE), 1);
    model_leave(s);
}

void ExReleaseRundownProtectionCacheAwareEx(PEX_RUNDOWN_REF_CACHE_AWARE RunRef, ULONG Count)
{
    struct sim *s =
        model_enter_object(ROUTINE_ExReleaseRundownProtectionCacheAware, SIM_OP_WRITE, RunRef);
    release(s, find(s, RunRef, EX_RUNDOWN_CACHE_AWARE), Count);
    model_leave(s);
}

void ExWaitForRundownProtectionReleaseCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRef)
{
    struct sim *s = model_enter_object(ROUTINE_ExWaitForRundownProtectionReleaseCacheAware,
                                       SIM_OP_WAIT, RunRef);
    wait(s, find(s, RunRef, EX_RUNDOWN_CACHE_AWARE));
    model_leave(s);
}

void ExRundownCompletedCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRef)
{
    struct sim *s = model_enter(ROUTINE_ExRundownCompletedCacheAware);
    check_completed(s, find(s, RunRef, EX_RUNDOWN_CACHE_AWARE));
    model_leave(s);
}

void ExReInitializeRundownProtectionCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRef)
{
    struct sim *s = model_enter(ROUTINE_ExReInitializeRundownProtectionCacheAware);
    reinitialize(s, find(s, RunRef, EX_RUNDOWN_CACHE_AWARE));
    model_leave(s);
}
