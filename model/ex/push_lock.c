/* SPDX-License-Identifier: MIT */
/*
 * Push locks (KRN-127): many readers or one writer, on which threads block. Every acquisition
 * happens with normal kernel APCs off; no recursion, not even shared. A waiting writer stops new
 * readers.
 */
#include "model/ex/ex_internal.h"

static bool can_share(struct sim *s, void *object)
{
    const struct ex_lock *lock = &((const struct ex_object *)object)->lock;
    (void)s;
    return lock->owner == NULL && lock->exclusive_waiters == 0;
}

static bool can_own(struct sim *s, void *object)
{
    const struct ex_lock *lock = &((const struct ex_object *)object)->lock;
    (void)s;
    return lock->owner == NULL && lock->shared == 0;
}

/* A push lock in zeroed memory is as good as an initialised one. */
static struct ex_object *find(struct sim *s, PEX_PUSH_LOCK lock)
{
    struct ex_object *o;
    model_touch(s, lock, sizeof(*lock), "the push lock");
    o = ex_object_find(s, lock, EX_PUSH);
    if (o == NULL && *lock != 0) {
        model_fail(s, RULE_KRN_127, 0, NULL, "%s: the push lock was not initialised",
                   model_routine_name(s->current->routine));
    }
    return o != NULL ? o : ex_object_new(s, lock, sizeof(*lock), EX_PUSH);
}

static void check_region(struct sim *s, const struct ex_object *o)
{
    if (!ex_apcs_disabled(s)) {
        model_fail(s, RULE_KRN_127, o->object, NULL, "%s: not inside a critical region",
                   model_routine_name(s->current->routine));
    }
    model_exercised(s, RULE_KRN_127);
}

static void acquire(struct sim *s, PEX_PUSH_LOCK lock, bool is_exclusive)
{
    struct ex_object *o = find(s, lock);
    struct ke_held_lock *held = ke_lock_find(s, lock);
    check_region(s, o);
    if (held != NULL) {
        model_fail(s, RULE_KRN_127, o->object, &held->taken,
                   "%s: the thread holds this push lock already",
                   model_routine_name(s->current->routine));
    }
    if (is_exclusive) {
        ex_lock_wait(s, o, can_own, &o->lock.exclusive_waiters, "exclusive");
        o->lock.owner = s->current;
    } else {
        ex_lock_wait(s, o, can_share, &o->lock.shared_waiters, "shared");
        o->lock.shared++;
    }
    ke_lock_taken(s, lock, is_exclusive ? KE_LOCK_PUSH_EXCLUSIVE : KE_LOCK_PUSH_SHARED, ke_irql(s),
                  o->object);
    sim_trace(s, TRACE_LockAcquire, o->object, is_exclusive);
}

static void release(struct sim *s, PEX_PUSH_LOCK lock, enum ke_lock_kind kind, bool any_kind)
{
    struct ex_object *o = find(s, lock);
    struct ke_held_lock *held = ke_lock_find(s, lock);
    check_region(s, o);
    if (held == NULL) {
        model_fail(s, RULE_KRN_127, o->object, NULL, "%s: this thread does not hold the push lock",
                   model_routine_name(s->current->routine));
    }
    if (!any_kind && held->kind != (uint8_t)kind) {
        model_fail(s, RULE_KRN_127, o->object, &held->taken, "%s: the push lock is held %s",
                   model_routine_name(s->current->routine),
                   held->kind == KE_LOCK_PUSH_EXCLUSIVE ? "exclusive" : "shared");
    }
    ke_lock_dropped(s, held);
    sim_trace(s, TRACE_LockRelease, o->object, 0);
    if (o->lock.owner != NULL) {
        o->lock.owner = NULL;
    } else {
        o->lock.shared--;
    }
    if (o->lock.exclusive_waiters + o->lock.shared_waiters != 0) {
        ke_poke(s);
    }
}

void ExInitializePushLock(PEX_PUSH_LOCK PushLock)
{
    struct sim *s = model_enter(ROUTINE_ExInitializePushLock);
    struct ex_object *o;
    model_touch(s, PushLock, sizeof(*PushLock), "the push lock");
    o = ex_object_find(s, PushLock, EX_PUSH);
    if (o != NULL && (o->lock.owner != NULL || o->lock.shared != 0)) {
        model_fail(s, RULE_KRN_127, o->object, &o->born,
                   "ExInitializePushLock: the push lock is initialised again while it is held");
    }
    ex_object_new(s, PushLock, sizeof(*PushLock), EX_PUSH);
    *PushLock = 0;
    model_leave(s);
}

void ExAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    struct sim *s = model_enter_object(ROUTINE_ExAcquirePushLockExclusive, SIM_OP_LOCK, PushLock);
    (void)Flags;
    acquire(s, PushLock, true);
    model_leave(s);
}

void ExAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    struct sim *s = model_enter_object(ROUTINE_ExAcquirePushLockShared, SIM_OP_LOCK, PushLock);
    (void)Flags;
    acquire(s, PushLock, false);
    model_leave(s);
}

void ExReleasePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    struct sim *s = model_enter_object(ROUTINE_ExReleasePushLockExclusive, SIM_OP_UNLOCK, PushLock);
    (void)Flags;
    release(s, PushLock, KE_LOCK_PUSH_EXCLUSIVE, false);
    model_leave(s);
}

void ExReleasePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    struct sim *s = model_enter_object(ROUTINE_ExReleasePushLockShared, SIM_OP_UNLOCK, PushLock);
    (void)Flags;
    release(s, PushLock, KE_LOCK_PUSH_SHARED, false);
    model_leave(s);
}

void ExReleasePushLockEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    struct sim *s = model_enter_object(ROUTINE_ExReleasePushLock, SIM_OP_UNLOCK, PushLock);
    (void)Flags;
    release(s, PushLock, KE_LOCK_PUSH_SHARED, true);
    model_leave(s);
}
