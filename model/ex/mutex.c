/* SPDX-License-Identifier: MIT */
/*
 * Fast mutexes and guarded mutexes (KRN-123, KRN-125, KRN-126): one owner, never recursive.
 *
 *     pair                       while it is held                     released at
 *     ExAcquireFastMutex         APC_LEVEL                            APC_LEVEL
 *     ExAcquireFastMutexUnsafe   APC_LEVEL or a critical region       as acquired
 *     KeAcquireGuardedMutex      guarded region                       APC_LEVEL or below
 */
#include "model/ex/ex_internal.h"

static bool is_free(struct sim *s, void *object)
{
    (void)s;
    return ((const struct ex_object *)object)->lock.owner == NULL;
}

static enum model_rule rule_of(enum ex_type type)
{
    return type == EX_GUARDED_MUTEX ? RULE_KRN_126 : RULE_KRN_125;
}

static void initialize(struct sim *s, PFAST_MUTEX mutex, enum ex_type type)
{
    struct ex_object *o;
    model_touch(s, mutex, sizeof(*mutex), "the mutex");
    model_resident(s, mutex, sizeof(*mutex), rule_of(type), "the mutex");
    o = ex_object_find(s, mutex, type);
    if (o != NULL && o->lock.owner != NULL) {
        model_fail(s, rule_of(type), o->object, &o->born,
                   "%s: the mutex is initialised again while it is held",
                   model_routine_name(s->current->routine));
    }
    o = ex_object_new(s, mutex, sizeof(*mutex), type);
    mutex->Count = 1;
    mutex->Owner = NULL;
    mutex->Contention = 0;
    mutex->OldIrql = 0;
}

static struct ex_object *find(struct sim *s, PFAST_MUTEX mutex, enum ex_type type)
{
    struct ex_object *o;
    model_touch(s, mutex, sizeof(*mutex), "the mutex");
    o = ex_object_find(s, mutex, type);
    if (o == NULL) {
        model_fail(s, rule_of(type), 0, NULL, "%s: the mutex was not initialised",
                   model_routine_name(s->current->routine));
    }
    return o;
}

static void take(struct sim *s, PFAST_MUTEX mutex, struct ex_object *o, bool is_unsafe)
{
    KIRQL old_irql = ke_irql(s);
    SIM_ASSERT(o->lock.owner == NULL);
    o->lock.owner = s->current;
    o->lock.is_unsafe = is_unsafe;
    mutex->Count = 0;
    mutex->Owner = (PVOID)(uintptr_t)s->current->id;
    if (o->type == EX_GUARDED_MUTEX) {
        ke_current(s)->guarded = (int16_t)(ke_current(s)->guarded + (is_unsafe ? 0 : 1));
    } else if (!is_unsafe && old_irql < APC_LEVEL) {
        ke_set_irql(s, APC_LEVEL);
    }
    ke_lock_taken(s, mutex,
                  o->type == EX_GUARDED_MUTEX ? KE_LOCK_GUARDED_MUTEX : KE_LOCK_FAST_MUTEX,
                  old_irql, o->object);
    sim_trace(s, TRACE_LockAcquire, o->object, 0);
}

static void acquire(struct sim *s, PFAST_MUTEX mutex, enum ex_type type, bool is_unsafe)
{
    struct ex_object *o = find(s, mutex, type);
    if (is_unsafe && !ex_apcs_disabled(s)) {
        model_fail(s, rule_of(type), o->object, NULL,
                   "%s: neither at APC_LEVEL nor in a critical region",
                   model_routine_name(s->current->routine));
    }
    if (o->lock.owner == s->current) {
        struct ke_held_lock *held = ke_lock_find(s, mutex);
        model_fail(s, rule_of(type), o->object, held != NULL ? &held->taken : NULL,
                   "%s: the thread holds this mutex already and would wait for itself",
                   model_routine_name(s->current->routine));
    }
    ex_lock_wait(s, o, is_free, &o->lock.exclusive_waiters, "exclusive");
    take(s, mutex, o, is_unsafe);
    model_exercised(s, rule_of(type));
}

static BOOLEAN try_acquire(struct sim *s, PFAST_MUTEX mutex, enum ex_type type)
{
    struct ex_object *o = find(s, mutex, type);
    if (o->lock.owner != NULL) {
        return FALSE;
    }
    take(s, mutex, o, false);
    return TRUE;
}

static void release(struct sim *s, PFAST_MUTEX mutex, enum ex_type type, bool is_unsafe)
{
    struct ex_object *o = find(s, mutex, type);
    struct ke_held_lock *held = ke_lock_find(s, mutex);
    KIRQL old_irql;
    if (o->lock.owner != s->current || held == NULL) {
        model_fail(s, RULE_KRN_123, o->object, NULL, "%s: the mutex is %s",
                   model_routine_name(s->current->routine),
                   o->lock.owner == NULL ? "not held" : "held by another thread");
    }
    if (o->lock.is_unsafe != is_unsafe) {
        model_fail(s, rule_of(type), o->object, &held->taken,
                   "%s: acquired with the %s routine, released with the other one",
                   model_routine_name(s->current->routine),
                   o->lock.is_unsafe ? "unsafe" : "ordinary");
    }
    old_irql = held->old_irql;
    ke_lock_dropped(s, held);
    sim_trace(s, TRACE_LockRelease, o->object, 0);
    o->lock.owner = NULL;
    mutex->Count = 1;
    mutex->Owner = NULL;
    if (type == EX_GUARDED_MUTEX) {
        ke_current(s)->guarded = (int16_t)(ke_current(s)->guarded - (is_unsafe ? 0 : 1));
    } else if (!is_unsafe) {
        ke_set_irql(s, old_irql);
    }
    if (o->lock.exclusive_waiters != 0) {
        ke_poke(s);
    }
}

/* ---- fast mutexes ---- */

void ExInitializeFastMutex(PFAST_MUTEX FastMutex)
{
    struct sim *s = model_enter(ROUTINE_ExInitializeFastMutex);
    initialize(s, FastMutex, EX_FAST_MUTEX);
    model_leave(s);
}

void ExAcquireFastMutex(PFAST_MUTEX FastMutex)
{
    struct sim *s = model_enter_object(ROUTINE_ExAcquireFastMutex, SIM_OP_LOCK, FastMutex);
    acquire(s, FastMutex, EX_FAST_MUTEX, false);
    model_leave(s);
}

BOOLEAN ExTryToAcquireFastMutex(PFAST_MUTEX FastMutex)
{
    struct sim *s = model_enter_object(ROUTINE_ExTryToAcquireFastMutex, SIM_OP_LOCK, FastMutex);
    BOOLEAN taken = try_acquire(s, FastMutex, EX_FAST_MUTEX);
    model_leave(s);
    return taken;
}

void ExReleaseFastMutex(PFAST_MUTEX FastMutex)
{
    struct sim *s = model_enter_object(ROUTINE_ExReleaseFastMutex, SIM_OP_UNLOCK, FastMutex);
    release(s, FastMutex, EX_FAST_MUTEX, false);
    model_leave(s);
}

void ExAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex)
{
    struct sim *s = model_enter_object(ROUTINE_ExAcquireFastMutexUnsafe, SIM_OP_LOCK, FastMutex);
    acquire(s, FastMutex, EX_FAST_MUTEX, true);
    model_leave(s);
}

void ExReleaseFastMutexUnsafe(PFAST_MUTEX FastMutex)
{
    struct sim *s = model_enter_object(ROUTINE_ExReleaseFastMutexUnsafe, SIM_OP_UNLOCK, FastMutex);
    release(s, FastMutex, EX_FAST_MUTEX, true);
    model_leave(s);
}

/* ---- guarded mutexes ---- */

void KeInitializeGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    struct sim *s = model_enter(ROUTINE_KeInitializeGuardedMutex);
    initialize(s, Mutex, EX_GUARDED_MUTEX);
    model_leave(s);
}

void KeAcquireGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    struct sim *s = model_enter_object(ROUTINE_KeAcquireGuardedMutex, SIM_OP_LOCK, Mutex);
    acquire(s, Mutex, EX_GUARDED_MUTEX, false);
    model_leave(s);
}

BOOLEAN KeTryToAcquireGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    struct sim *s = model_enter_object(ROUTINE_KeTryToAcquireGuardedMutex, SIM_OP_LOCK, Mutex);
    BOOLEAN taken = try_acquire(s, Mutex, EX_GUARDED_MUTEX);
    model_leave(s);
    return taken;
}

void KeReleaseGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    struct sim *s = model_enter_object(ROUTINE_KeReleaseGuardedMutex, SIM_OP_UNLOCK, Mutex);
    release(s, Mutex, EX_GUARDED_MUTEX, false);
    model_leave(s);
}

void KeAcquireGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex)
{
    struct sim *s = model_enter_object(ROUTINE_KeAcquireGuardedMutexUnsafe, SIM_OP_LOCK, Mutex);
    acquire(s, Mutex, EX_GUARDED_MUTEX, true);
    model_leave(s);
}

void KeReleaseGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex)
{
    struct sim *s = model_enter_object(ROUTINE_KeReleaseGuardedMutexUnsafe, SIM_OP_UNLOCK, Mutex);
    release(s, Mutex, EX_GUARDED_MUTEX, true);
    model_leave(s);
}
