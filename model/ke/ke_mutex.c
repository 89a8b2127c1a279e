/* SPDX-License-Identifier: MIT */
/*
 * Mutexes and semaphores. A mutex that is owned is a held lock of its owner (ke_lock.c), which
 * counts its recursion and the IRQL class in which it was acquired (KRN-093); its signal state is 1
 * when free, 0 when owned once, and falls with each further acquisition.
 */
#include "model/ke/ke_internal.h"

#define TYPES_MUTEX (1u << KE_TYPE_MUTEX)
#define TYPES_SEMAPHORE (1u << KE_TYPE_SEMAPHORE)

static void init_check(struct sim *s, void *object, size_t size, const char *what)
{
    model_touch(s, object, size, what);
    model_resident(s, object, size, RULE_KRN_080, what);
    if (ke_has_waiters(s, object)) {
        model_fail(s, RULE_KRN_091, ke_dispatcher_object(object), NULL,
                   "a %s is initialised again while a thread waits for it", what);
    }
}

/* ---- mutexes ---- */

void KeInitializeMutex(PRKMUTEX Mutex, ULONG Level)
{
    (void)Level;
    struct sim *s = model_enter_object(ROUTINE_KeInitializeMutex, SIM_OP_WRITE, Mutex);
    init_check(s, Mutex, sizeof *Mutex, "Mutex");
    struct ke_context *owner = ke_lock_owner(s, Mutex);
    if (owner != NULL) {
        const struct ke_held_lock *held = ke_lock_find_in(owner, Mutex);
        model_fail(s, RULE_KRN_091, held->object, &held->taken,
                   "a mutex is initialised again while %s %u owns it", owner->ctx->name,
                   owner->ctx->number);
    }
    Mutex->MutantListEntry.Flink = NULL;
    Mutex->MutantListEntry.Blink = NULL;
    Mutex->OwnerThread = NULL;
    Mutex->Abandoned = FALSE;
    Mutex->ApcDisable = 1;
    uint32_t object = model_object_new(s, OBJECT_MUTEX);
    ke_dispatcher_init(s, &Mutex->Header, KE_TYPE_MUTEX, object, 1);
    model_leave(s);
}

/* KRN-093: the owner, and in the IRQL class of the acquisition. */
static struct ke_held_lock *owned_mutex(struct sim *s, PRKMUTEX mutex, uint32_t object)
{
    struct ke_held_lock *held = ke_lock_find(s, mutex);
    if (held == NULL) {
        const struct ke_context *owner = ke_lock_owner(s, mutex);
        if (owner != NULL) {
            model_fail(s, RULE_KRN_093, object,
                       &ke_lock_find_in(ke_lock_owner(s, mutex), mutex)->taken,
                       "a mutex is released that %s %u owns, not this thread", owner->ctx->name,
                       owner->ctx->number);
        }
        model_fail(s, RULE_KRN_093, object, NULL, "a mutex is released that nobody owns");
    }
    if ((held->old_irql >= DISPATCH_LEVEL) != (ke_irql(s) >= DISPATCH_LEVEL)) {
        model_fail(s, RULE_KRN_093, object, &held->taken,
                   "a mutex acquired at %s is released at %s", ke_irql_name(held->old_irql),
                   ke_irql_name(ke_irql(s)));
    }
    return held;
}

LONG KeReleaseMutex(PRKMUTEX Mutex, BOOLEAN Wait)
{
    struct sim *s = model_enter_object(ROUTINE_KeReleaseMutex, SIM_OP_UNLOCK, Mutex);
    uint32_t object = ke_dispatcher_check(s, Mutex, TYPES_MUTEX, "Mutex");
    struct ke_held_lock *held = owned_mutex(s, Mutex, object);
    if (SIM_UNLIKELY(Wait)) {
        ke_must_wait_begin(s, object, RULE_KRN_086);
    }
    LONG previous = Mutex->Header.SignalState++;
    sim_trace(s, TRACE_LockRelease, object, (uint64_t)held->depth);
    model_exercised(s, RULE_KRN_093);
    if (--held->depth == 0) {
        ke_lock_dropped(s, held);
        ke_current(s)->apc_disable--;
        ke_wake_waiters(s, Mutex);
    }
    model_leave(s);
    return previous;
}

LONG KeReadStateMutex(PRKMUTEX Mutex)
{
    struct sim *s = model_enter_object(ROUTINE_KeReadStateMutex, SIM_OP_READ, Mutex);
    ke_dispatcher_check(s, Mutex, TYPES_MUTEX, "Mutex");
    LONG state = Mutex->Header.SignalState;
    model_leave(s);
    return state;
}

/* ---- semaphores ---- */

void KeInitializeSemaphore(PRKSEMAPHORE Semaphore, LONG Count, LONG Limit)
{
    struct sim *s = model_enter_object(ROUTINE_KeInitializeSemaphore, SIM_OP_WRITE, Semaphore);
    init_check(s, Semaphore, sizeof *Semaphore, "Semaphore");
    if (Count < 0 || Limit <= 0 || Count > Limit) {
        model_fail(s, RULE_KRN_092, 0, NULL, "a semaphore is initialised with count %d, limit %d",
                   Count, Limit);
    }
    Semaphore->Limit = Limit;
    uint32_t object = model_object_new(s, OBJECT_SEMAPHORE);
    ke_dispatcher_init(s, &Semaphore->Header, KE_TYPE_SEMAPHORE, object, Count);
    model_leave(s);
}

/* KRN-092: nothing is changed; the exception is the driver's to handle, if it can. */
static void semaphore_check(struct sim *s, PRKSEMAPHORE semaphore, uint32_t object, LONG adjustment)
{
    LONG state = semaphore->Header.SignalState;
    if (adjustment <= 0) {
        model_fail(s, RULE_KRN_092, object, NULL, "a semaphore is released by %d", adjustment);
    }
    if (adjustment <= semaphore->Limit - state) {
        model_exercised(s, RULE_KRN_092);
        return;
    }
    if (ke_current(s)->seh == NULL || ke_irql(s) >= DISPATCH_LEVEL) {
        model_fail(s, RULE_KRN_092, object, NULL,
                   "a semaphore at %d of %d is released by %d, and nobody handles the exception",
                   state, semaphore->Limit, adjustment);
    }
    if (model_mutated(semaphore_counts_on)) {
        sim_hb_release(s, semaphore);
        semaphore->Header.SignalState += adjustment;
    }
    ke_raise(s, STATUS_SEMAPHORE_LIMIT_EXCEEDED);
}

LONG KeReleaseSemaphore(PRKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, BOOLEAN Wait)
{
    (void)Increment;
    struct sim *s = model_enter_object(ROUTINE_KeReleaseSemaphore, SIM_OP_WAKE, Semaphore);
    uint32_t object = ke_dispatcher_check(s, Semaphore, TYPES_SEMAPHORE, "Semaphore");
    semaphore_check(s, Semaphore, object, Adjustment);
    if (SIM_UNLIKELY(Wait)) {
        ke_must_wait_begin(s, object, RULE_KRN_087);
    }
    LONG previous = Semaphore->Header.SignalState;
    sim_hb_release(s, Semaphore);
    Semaphore->Header.SignalState += Adjustment;
    sim_trace(s, TRACE_Signal, object, (uint64_t)previous);
    ke_wake_waiters(s, Semaphore);
    model_leave(s);
    return previous;
}

LONG KeReadStateSemaphore(PRKSEMAPHORE Semaphore)
{
    struct sim *s = model_enter_object(ROUTINE_KeReadStateSemaphore, SIM_OP_READ, Semaphore);
    ke_dispatcher_check(s, Semaphore, TYPES_SEMAPHORE, "Semaphore");
    LONG state = Semaphore->Header.SignalState;
    model_leave(s);
    return state;
}
