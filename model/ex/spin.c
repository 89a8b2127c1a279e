/* SPDX-License-Identifier: MIT */
/*
 * Executive spin locks: many readers or one writer, spinning at DISPATCH_LEVEL (KRN-110, KRN-119).
 *
 * The lock word shows what Windows shows (readers, top bit = writer); what we go by stands in the
 * table of objects. A waiting writer stops new readers, so that a reader that acquires twice
 * deadlocks; it is reported at the second acquisition, writer or not.
 *
 *   free --(shared)--> readers 1..n --(last release)--> free
 *                        | exactly one reader, TryConvert
 *                        v
 *   free --(exclusive)--> writer --(release)--> free
 */
#include "model/ex/ex_internal.h"

#define WRITER ((LONG)0x80000000u)

static const char *mode_name(bool is_exclusive)
{
    return is_exclusive ? "exclusive" : "shared";
}

static enum ke_lock_kind mode_kind(bool is_exclusive)
{
    return is_exclusive ? KE_LOCK_EX_EXCLUSIVE : KE_LOCK_EX_SHARED;
}

static LONG word_of(const struct ex_lock *lock)
{
    return lock->owner != NULL ? WRITER : (LONG)lock->shared;
}

/* There is no initialising routine: a zero word is a free lock (KRN-110). */
static struct ex_object *find(struct sim *s, PEX_SPIN_LOCK lock)
{
    struct ex_object *o;
    model_touch(s, lock, sizeof(*lock), "the spin lock");
    o = ex_object_find(s, lock, EX_SPIN);
    if (SIM_LIKELY(o != NULL && *lock == word_of(&o->lock))) {
        return o;
    }
    model_resident(s, lock, sizeof(*lock), RULE_KRN_110, "the spin lock");
    if (*lock != 0) {
        model_fail(s, RULE_KRN_110, o != NULL ? o->object : 0, o != NULL ? &o->born : NULL,
                   o != NULL ? "%s: the lock word was overwritten"
                             : "%s: the spin lock was not set to zero before its first use",
                   model_routine_name(s->current->routine));
    }
    if (o != NULL && word_of(&o->lock) != 0) {
        model_fail(s, RULE_KRN_110, o->object, &o->born,
                   "%s: the spin lock was set to zero while it was held",
                   model_routine_name(s->current->routine));
    }
    return o != NULL ? o : ex_object_new(s, lock, sizeof(*lock), EX_SPIN);
}

static bool can_take(const struct ex_lock *lock, bool is_exclusive)
{
    if (is_exclusive) {
        return lock->owner == NULL && lock->shared == 0;
    }
    return lock->owner == NULL && lock->exclusive_waiters == 0;
}

/*
 * No recursion in any mode; nobody below us on this processor can hold it, since we interrupt
 * nothing at DISPATCH_LEVEL.
 */
static void check_self(struct sim *s, PEX_SPIN_LOCK lock, const struct ex_object *o,
                       bool is_exclusive)
{
    struct ke_held_lock *held = ke_lock_find(s, lock);
    if (SIM_UNLIKELY(held != NULL)) {
        model_fail(s, RULE_KRN_119, o->object, &held->taken,
                   "%s: %s acquisition of a lock that this context holds %s already",
                   model_routine_name(s->current->routine), mode_name(is_exclusive),
                   mode_name(held->kind == KE_LOCK_EX_EXCLUSIVE));
    }
}

static void acquire(struct sim *s, PEX_SPIN_LOCK lock, bool is_exclusive, KIRQL old_irql)
{
    struct ex_object *o = find(s, lock);
    check_self(s, lock, o, is_exclusive);
    if (SIM_UNLIKELY(!can_take(&o->lock, is_exclusive))) {
        uint32_t *waiters = is_exclusive ? &o->lock.exclusive_waiters : &o->lock.shared_waiters;
        sim_trace(s, TRACE_LockSpin, o->object, is_exclusive);
        ++*waiters;
        do {
            if (word_of(&o->lock) != 0) {
                ke_spin_wait(s, lock, o->object);
            } else {
                sim_spin(s, (uintptr_t)lock); /* free, but a writer is first */
            }
        } while (!can_take(&o->lock, is_exclusive));
        --*waiters;
    }
    if (is_exclusive) {
        o->lock.owner = s->current;
    } else {
        o->lock.shared++;
    }
    *lock = word_of(&o->lock);
    ke_lock_taken(s, lock, mode_kind(is_exclusive), old_irql, o->object);
    sim_trace(s, TRACE_LockAcquire, o->object, is_exclusive);
    model_exercised(s, RULE_KRN_119);
}

static void drop(struct sim *s, PEX_SPIN_LOCK lock, struct ex_object *o, struct ke_held_lock *held)
{
    ke_lock_dropped(s, held);
    sim_trace(s, TRACE_LockRelease, o->object, 0);
    if (o->lock.owner != NULL) {
        o->lock.owner = NULL;
    } else {
        o->lock.shared--;
    }
    *lock = word_of(&o->lock);
    if (o->lock.exclusive_waiters + o->lock.shared_waiters != 0) {
        sim_spin_release(s, (uintptr_t)lock);
    }
}

static struct ke_held_lock *held_lock(struct sim *s, PEX_SPIN_LOCK lock, struct ex_object *o,
                                      bool is_exclusive)
{
    const char *name = model_routine_name(s->current->routine);
    struct ke_held_lock *held = ke_lock_find(s, lock);
    if (held == NULL) {
        model_fail(s, RULE_KRN_115, o->object, NULL, "%s: this context does not hold the lock",
                   name);
    }
    if ((held->kind == KE_LOCK_EX_EXCLUSIVE) != is_exclusive) {
        model_fail(s, RULE_KRN_119, o->object, &held->taken, "%s: the lock is held %s", name,
                   mode_name(!is_exclusive));
    }
    return held;
}

/*
 * Acquisitions at DISPATCH_LEVEL and above have nothing to restore (KRN-114: crossed is lint here).
 */
static void release(struct sim *s, PEX_SPIN_LOCK lock, bool is_exclusive, KIRQL irql)
{
    struct ex_object *o = find(s, lock);
    struct ke_held_lock *held = held_lock(s, lock, o, is_exclusive);
    if (held->old_irql < DISPATCH_LEVEL && irql != held->old_irql) {
        model_fail(s, RULE_KRN_112, o->object, &held->taken,
                   "%s: IRQL %u is restored; the acquisition handed back %u",
                   model_routine_name(s->current->routine), irql, held->old_irql);
    }
    if (held->old_irql != irql) {
        model_lint(s, RULE_KRN_114);
    }
    if (irql > ke_irql(s)) {
        model_fail(s, RULE_KRN_112, o->object, &held->taken, "%s: a release raises the IRQL to %u",
                   model_routine_name(s->current->routine), irql);
    }
    drop(s, lock, o, held);
    if (irql < DISPATCH_LEVEL && ke_spin_locks_held(s) != 0) {
        model_fail(s, RULE_KRN_118, o->object, NULL,
                   "%s: the IRQL falls to %u while another spin lock is held",
                   model_routine_name(s->current->routine), irql);
    }
    ke_set_irql(s, irql);
}

static void release_at_dispatch(struct sim *s, PEX_SPIN_LOCK lock, bool is_exclusive)
{
    struct ex_object *o = find(s, lock);
    struct ke_held_lock *held = held_lock(s, lock, o, is_exclusive);
    if (held->old_irql < DISPATCH_LEVEL) {
        model_lint(s, RULE_KRN_114);
    }
    drop(s, lock, o, held);
}

KIRQL ExAcquireSpinLockShared(PEX_SPIN_LOCK SpinLock)
{
    struct sim *s = model_enter_object(ROUTINE_ExAcquireSpinLockShared, SIM_OP_LOCK, SpinLock);
    KIRQL old_irql = ke_irql(s);
    ke_set_irql(s, DISPATCH_LEVEL);
    acquire(s, SpinLock, false, old_irql);
    model_leave(s);
    return old_irql;
}

KIRQL ExAcquireSpinLockExclusive(PEX_SPIN_LOCK SpinLock)
{
    struct sim *s = model_enter_object(ROUTINE_ExAcquireSpinLockExclusive, SIM_OP_LOCK, SpinLock);
    KIRQL old_irql = ke_irql(s);
    ke_set_irql(s, DISPATCH_LEVEL);
    acquire(s, SpinLock, true, old_irql);
    model_leave(s);
    return old_irql;
}

void ExAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    struct sim *s =
        model_enter_object(ROUTINE_ExAcquireSpinLockSharedAtDpcLevel, SIM_OP_LOCK, SpinLock);
    acquire(s, SpinLock, false, ke_irql(s));
    model_leave(s);
}

void ExAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    struct sim *s =
        model_enter_object(ROUTINE_ExAcquireSpinLockExclusiveAtDpcLevel, SIM_OP_LOCK, SpinLock);
    acquire(s, SpinLock, true, ke_irql(s));
    model_leave(s);
}

static LOGICAL try_acquire(struct sim *s, PEX_SPIN_LOCK lock, bool is_exclusive)
{
    struct ex_object *o = find(s, lock);
    LOGICAL taken = ke_lock_find(s, lock) == NULL && can_take(&o->lock, is_exclusive);
    if (taken) {
        acquire(s, lock, is_exclusive, ke_irql(s));
    }
    return taken;
}

LOGICAL ExTryAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    struct sim *s =
        model_enter_object(ROUTINE_ExAcquireSpinLockSharedAtDpcLevel, SIM_OP_LOCK, SpinLock);
    LOGICAL taken = try_acquire(s, SpinLock, false);
    model_leave(s);
    return taken;
}

LOGICAL ExTryAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    struct sim *s =
        model_enter_object(ROUTINE_ExAcquireSpinLockExclusiveAtDpcLevel, SIM_OP_LOCK, SpinLock);
    LOGICAL taken = try_acquire(s, SpinLock, true);
    model_leave(s);
    return taken;
}

LOGICAL ExTryConvertSharedSpinLockExclusive(PEX_SPIN_LOCK SpinLock)
{
    struct sim *s =
        model_enter_object(ROUTINE_ExTryConvertSharedSpinLockExclusive, SIM_OP_LOCK, SpinLock);
    struct ex_object *o = find(s, SpinLock);
    struct ke_held_lock *held = held_lock(s, SpinLock, o, false);
    LOGICAL converted = o->lock.shared == 1;
    if (converted) {
        o->lock.shared = 0;
        o->lock.owner = s->current;
        held->kind = KE_LOCK_EX_EXCLUSIVE;
        sim_hb_acquire(s, sim_hb_other(SpinLock));
        *SpinLock = word_of(&o->lock);
        sim_trace(s, TRACE_LockAcquire, o->object, 1);
    }
    model_leave(s);
    return model_mutated(convert_says_otherwise) ? !converted : converted;
}

void ExReleaseSpinLockShared(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql)
{
    struct sim *s = model_enter_object(ROUTINE_ExReleaseSpinLockShared, SIM_OP_UNLOCK, SpinLock);
    release(s, SpinLock, false, OldIrql);
    model_leave(s);
}

void ExReleaseSpinLockExclusive(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql)
{
    struct sim *s = model_enter_object(ROUTINE_ExReleaseSpinLockExclusive, SIM_OP_UNLOCK, SpinLock);
    release(s, SpinLock, true, OldIrql);
    model_leave(s);
}

void ExReleaseSpinLockSharedFromDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    struct sim *s =
        model_enter_object(ROUTINE_ExReleaseSpinLockSharedFromDpcLevel, SIM_OP_UNLOCK, SpinLock);
    release_at_dispatch(s, SpinLock, false);
    model_leave(s);
}

void ExReleaseSpinLockExclusiveFromDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    struct sim *s =
        model_enter_object(ROUTINE_ExReleaseSpinLockExclusiveFromDpcLevel, SIM_OP_UNLOCK, SpinLock);
    release_at_dispatch(s, SpinLock, true);
    model_leave(s);
}
