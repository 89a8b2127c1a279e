/* SPDX-License-Identifier: MIT */
/*
 * Executive resources (KRN-128): many readers or one writer, both recursive, never upgraded.
 *
 *     free --(shared)--> shared by n threads --(last release)--> free
 *     free --(exclusive)--> owned, depth d --(d releases)--> free
 *     owned --(ExConvertExclusiveToSharedLite)--> shared by 1
 *
 * Depth of recursion stands in the held-lock record of the thread. A waiting writer stops new
 * readers, except in ExAcquireSharedStarveExclusive and for a thread that holds the resource
 * already.
 *
 * Limit: a release on behalf of another thread (ExReleaseResourceForThreadLite) ends the run.
 */
#include "model/ex/ex_internal.h"

enum shared_mode { SHARED_ORDINARY, SHARED_STARVES_WRITERS, SHARED_AFTER_WRITERS };

static bool can_own(struct sim *s, void *object)
{
    const struct ex_lock *lock = &((const struct ex_object *)object)->lock;
    (void)s;
    return lock->owner == NULL && lock->shared == 0;
}

static bool can_share(struct sim *s, void *object)
{
    const struct ex_lock *lock = &((const struct ex_object *)object)->lock;
    (void)s;
    return lock->owner == NULL && lock->exclusive_waiters == 0;
}

static bool can_share_at_once(struct sim *s, void *object)
{
    (void)s;
    return ((const struct ex_object *)object)->lock.owner == NULL;
}

static struct ex_object *find(struct sim *s, PERESOURCE resource)
{
    struct ex_object *o;
    model_touch(s, resource, sizeof(*resource), "the resource");
    o = ex_object_find(s, resource, EX_RESOURCE);
    if (o == NULL) {
        o = ex_object_at(s, resource);
        model_fail(s, RULE_KRN_128, o != NULL ? o->object : 0, o != NULL ? &o->died : NULL,
                   o != NULL && o->type == EX_RESOURCE ? "%s: the resource was deleted"
                                                       : "%s: the resource was not initialised",
                   model_routine_name(s->current->routine));
    }
    return o;
}

static void check_region(struct sim *s, const struct ex_object *o)
{
    if (!ex_apcs_disabled(s)) {
        model_fail(s, RULE_KRN_128, o->object, NULL,
                   "%s: normal kernel APCs are not disabled (no critical region)",
                   model_routine_name(s->current->routine));
    }
    model_exercised(s, RULE_KRN_128);
}

/* What a driver may look at. */
static void show(PERESOURCE resource, const struct ex_object *o)
{
    const struct ex_lock *lock = &o->lock;
    resource->ActiveCount = (SHORT)(lock->owner != NULL ? 1 : lock->shared);
    resource->ActiveEntries = lock->owner != NULL ? 1 : lock->shared;
    resource->NumberOfSharedWaiters = lock->shared_waiters;
    resource->NumberOfExclusiveWaiters = lock->exclusive_waiters;
}

/* ---- life ---- */

NTSTATUS ExInitializeResourceLite(PERESOURCE Resource)
{
    struct sim *s = model_enter(ROUTINE_ExInitializeResourceLite);
    struct ex_object *o;
    model_touch(s, Resource, sizeof(*Resource), "the resource");
    model_resident(s, Resource, sizeof(*Resource), RULE_KRN_128, "the resource");
    o = ex_object_find(s, Resource, EX_RESOURCE);
    if (o != NULL && !sim_memory_is_stack((uintptr_t)Resource)) {
        model_fail(s, RULE_KRN_128, o->object, &o->born,
                   "ExInitializeResourceLite: the resource is initialised already");
    }
    *Resource = (ERESOURCE){0};
    ex_object_new(s, Resource, sizeof(*Resource), EX_RESOURCE);
    return model_leave_status(s, STATUS_SUCCESS);
}

static void check_idle(struct sim *s, const struct ex_object *o)
{
    if (o->lock.owner != NULL || o->lock.shared != 0 ||
        o->lock.exclusive_waiters + o->lock.shared_waiters != 0) {
        model_fail(s, RULE_KRN_128, o->object, &o->born,
                   "%s: somebody holds the resource or waits for it",
                   model_routine_name(s->current->routine));
    }
}

NTSTATUS ExReinitializeResourceLite(PERESOURCE Resource)
{
    struct sim *s = model_enter(ROUTINE_ExReinitializeResourceLite);
    struct ex_object *o = find(s, Resource);
    check_idle(s, o);
    *Resource = (ERESOURCE){0};
    return model_leave_status(s, STATUS_SUCCESS);
}

NTSTATUS ExDeleteResourceLite(PERESOURCE Resource)
{
    struct sim *s = model_enter(ROUTINE_ExDeleteResourceLite);
    struct ex_object *o = find(s, Resource);
    check_idle(s, o);
    ex_object_end(s, o);
    return model_leave_status(s, STATUS_SUCCESS);
}

/* ---- acquisition ---- */

static void taken(struct sim *s, PERESOURCE resource, struct ex_object *o, bool is_exclusive)
{
    if (is_exclusive) {
        o->lock.owner = s->current;
    } else {
        o->lock.shared++;
    }
    ke_lock_taken(s, resource, is_exclusive ? KE_LOCK_RESOURCE_EXCLUSIVE : KE_LOCK_RESOURCE_SHARED,
                  ke_irql(s), o->object);
    sim_trace(s, TRACE_LockAcquire, o->object, is_exclusive);
    show(resource, o);
}

static bool acquire_exclusive(struct sim *s, PERESOURCE resource, bool wait)
{
    struct ex_object *o = find(s, resource);
    struct ke_held_lock *held = ke_lock_find(s, resource);
    check_region(s, o);
    if (o->lock.owner == s->current) {
        held->depth++;
        return true;
    }
    if (held != NULL && wait) {
        model_fail(s, RULE_KRN_128, o->object, &held->taken,
                   "%s: the thread holds the resource shared and would wait for itself",
                   model_routine_name(s->current->routine));
    }
    if (!can_own(s, o)) {
        if (!wait) {
            return false;
        }
        resource->ContentionCount++;
        ex_lock_wait(s, o, can_own, &o->lock.exclusive_waiters, "exclusive");
    }
    taken(s, resource, o, true);
    return true;
}

static bool acquire_shared(struct sim *s, PERESOURCE resource, bool wait, enum shared_mode mode)
{
    struct ex_object *o = find(s, resource);
    struct ke_held_lock *held = ke_lock_find(s, resource);
    bool (*can_take)(struct sim *, void *) =
        mode == SHARED_STARVES_WRITERS ? can_share_at_once : can_share;
    check_region(s, o);
    if (held != NULL && (o->lock.owner == s->current || mode != SHARED_AFTER_WRITERS ||
                         o->lock.exclusive_waiters == 0)) {
        held->depth++;
        return true;
    }
    if (held != NULL && wait) {
        model_fail(s, RULE_KRN_128, o->object, &held->taken,
                   "%s: waits for a writer that waits for this thread",
                   model_routine_name(s->current->routine));
    }
    if (!can_take(s, o)) {
        if (!wait) {
            return false;
        }
        resource->ContentionCount++;
        ex_lock_wait(s, o, can_take, &o->lock.shared_waiters, "shared");
    }
    taken(s, resource, o, false);
    return true;
}

BOOLEAN ExAcquireResourceExclusiveLite(PERESOURCE Resource, BOOLEAN Wait)
{
    struct sim *s =
        model_enter_object(ROUTINE_ExAcquireResourceExclusiveLite, SIM_OP_LOCK, Resource);
    bool result = acquire_exclusive(s, Resource, Wait != FALSE);
    model_leave(s);
    return result;
}

BOOLEAN ExAcquireResourceSharedLite(PERESOURCE Resource, BOOLEAN Wait)
{
    struct sim *s = model_enter_object(ROUTINE_ExAcquireResourceSharedLite, SIM_OP_LOCK, Resource);
    bool result = acquire_shared(s, Resource, Wait != FALSE, SHARED_ORDINARY);
    model_leave(s);
    return result;
}

BOOLEAN ExAcquireSharedStarveExclusive(PERESOURCE Resource, BOOLEAN Wait)
{
    struct sim *s =
        model_enter_object(ROUTINE_ExAcquireSharedStarveExclusive, SIM_OP_LOCK, Resource);
    bool result = acquire_shared(s, Resource, Wait != FALSE, SHARED_STARVES_WRITERS);
    model_leave(s);
    return result;
}

BOOLEAN ExAcquireSharedWaitForExclusive(PERESOURCE Resource, BOOLEAN Wait)
{
    struct sim *s =
        model_enter_object(ROUTINE_ExAcquireSharedWaitForExclusive, SIM_OP_LOCK, Resource);
    bool result = acquire_shared(s, Resource, Wait != FALSE, SHARED_AFTER_WRITERS);
    model_leave(s);
    return result;
}

/* ---- release ---- */

static void release(struct sim *s, PERESOURCE resource)
{
    struct ex_object *o = find(s, resource);
    struct ke_held_lock *held = ke_lock_find(s, resource);
    check_region(s, o);
    if (held == NULL) {
        model_fail(s, RULE_KRN_123, o->object, NULL, "%s: this thread does not hold the resource",
                   model_routine_name(s->current->routine));
    }
    if (--held->depth != 0) {
        return;
    }
    ke_lock_dropped(s, held);
    sim_trace(s, TRACE_LockRelease, o->object, 0);
    if (o->lock.owner != NULL) {
        o->lock.owner = NULL;
    } else {
        o->lock.shared--;
    }
    show(resource, o);
    if (o->lock.exclusive_waiters + o->lock.shared_waiters != 0) {
        ke_poke(s);
    }
}

void ExReleaseResourceLite(PERESOURCE Resource)
{
    struct sim *s = model_enter_object(ROUTINE_ExReleaseResourceLite, SIM_OP_UNLOCK, Resource);
    release(s, Resource);
    model_leave(s);
}

void ExReleaseResourceForThreadLite(PERESOURCE Resource, ERESOURCE_THREAD ResourceThreadId)
{
    struct sim *s =
        model_enter_object(ROUTINE_ExReleaseResourceForThreadLite, SIM_OP_UNLOCK, Resource);
    (void)ResourceThreadId;
    if (ke_lock_find(s, Resource) == NULL && ke_lock_owner(s, Resource) != NULL) {
        sim_limit(s, "ExReleaseResourceForThreadLite on behalf of another thread");
    }
    release(s, Resource);
    model_leave(s);
}

void ExConvertExclusiveToSharedLite(PERESOURCE Resource)
{
    struct sim *s =
        model_enter_object(ROUTINE_ExConvertExclusiveToSharedLite, SIM_OP_UNLOCK, Resource);
    struct ex_object *o = find(s, Resource);
    struct ke_held_lock *held = ke_lock_find(s, Resource);
    if (o->lock.owner != s->current || held == NULL) {
        model_fail(s, RULE_KRN_123, o->object, NULL,
                   "ExConvertExclusiveToSharedLite: this thread does not own the resource");
    }
    o->lock.owner = NULL;
    o->lock.shared = 1;
    held->kind = KE_LOCK_RESOURCE_SHARED;
    sim_hb_release(s, Resource);
    show(Resource, o);
    if (o->lock.shared_waiters != 0) {
        ke_poke(s);
    }
    model_leave(s);
}

/* ---- with a critical region ---- */

static void region_enter(struct sim *s)
{
    struct ke_context *c = ke_current(s);
    c->critical++;
    c->apc_disable++;
}

PVOID ExEnterCriticalRegionAndAcquireResourceExclusive(PERESOURCE Resource)
{
    struct sim *s = model_enter_object(ROUTINE_ExEnterCriticalRegionAndAcquireResourceExclusive,
                                       SIM_OP_LOCK, Resource);
    region_enter(s);
    acquire_exclusive(s, Resource, true);
    model_leave(s);
    return NULL; /* the value, a thread's priority boost, means nothing to a driver */
}

PVOID ExEnterCriticalRegionAndAcquireResourceShared(PERESOURCE Resource)
{
    struct sim *s = model_enter_object(ROUTINE_ExEnterCriticalRegionAndAcquireResourceShared,
                                       SIM_OP_LOCK, Resource);
    region_enter(s);
    acquire_shared(s, Resource, true, SHARED_ORDINARY);
    model_leave(s);
    return NULL;
}

void ExReleaseResourceAndLeaveCriticalRegion(PERESOURCE Resource)
{
    struct sim *s = model_enter_object(ROUTINE_ExReleaseResourceAndLeaveCriticalRegion,
                                       SIM_OP_UNLOCK, Resource);
    struct ke_context *c = ke_current(s);
    release(s, Resource);
    if (c->critical <= 0) {
        model_fail(s, RULE_KRN_130, 0, NULL, "a critical region is left that was not entered");
    }
    c->critical--;
    c->apc_disable--;
    model_leave(s);
}

/* ---- questions ---- */

BOOLEAN ExIsResourceAcquiredExclusiveLite(PERESOURCE Resource)
{
    struct sim *s = model_enter(ROUTINE_ExIsResourceAcquiredExclusiveLite);
    BOOLEAN is_owner = find(s, Resource)->lock.owner == s->current;
    model_leave(s);
    return is_owner;
}

ULONG ExIsResourceAcquiredSharedLite(PERESOURCE Resource)
{
    struct sim *s = model_enter(ROUTINE_ExIsResourceAcquiredSharedLite);
    const struct ke_held_lock *held;
    ULONG depth;
    find(s, Resource);
    held = ke_lock_find(s, Resource);
    depth = held != NULL ? held->depth : 0;
    model_leave(s);
    return depth;
}

ULONG ExGetSharedWaiterCount(PERESOURCE Resource)
{
    struct sim *s = model_enter(ROUTINE_ExGetSharedWaiterCount);
    ULONG count = find(s, Resource)->lock.shared_waiters;
    model_leave(s);
    return count;
}

ULONG ExGetExclusiveWaiterCount(PERESOURCE Resource)
{
    struct sim *s = model_enter(ROUTINE_ExGetExclusiveWaiterCount);
    ULONG count = find(s, Resource)->lock.exclusive_waiters;
    model_leave(s);
    return count;
}
