/* SPDX-License-Identifier: MIT */
/*
 * Spin locks: ordinary, in-stack queued, try, and the forms for threaded DPCs.
 *
 * The lock word tells its story: 0 is a lock that nobody has touched (static ones start so),
 * otherwise
 *
 *     bits 63..48 mark | 47..40 kind of use + 1, 0 = none yet | 32 held | 31..0 trace id
 *
 * so that garbage (KRN-110) and a second kind of use (KRN-117) are seen without a table. Who holds
 * it stands with the context (ke_lock.c). A lock held elsewhere is spun for on the processor
 * (KRN-124).
 *
 * Invariants:
 *  1. A word with the held bit has exactly one context that lists it as a held lock.
 *  2. Queued locks are granted first in, first out; the others in any order (KRN-134).
 */
#include "model/ke/ke_internal.h"

enum { HELD_LINT = 250 }; /* KRN-056: 25 microseconds, in units of ke_cost */

#define WORD_MARK 0x53b1ull
#define WORD_HELD (1ull << 32)

static ULONG_PTR word_make(uint32_t object, unsigned kind_plus_one)
{
    return WORD_MARK << 48 | (ULONG_PTR)kind_plus_one << 40 | object;
}

static bool word_is_ours(ULONG_PTR word)
{
    return word >> 48 == WORD_MARK && (word >> 33 & 0x7f) == 0 &&
           (uint32_t)word >> 24 == OBJECT_SPIN_LOCK;
}

static const char *kind_name(unsigned kind)
{
    switch ((enum ke_lock_kind)kind) {
    case KE_LOCK_SPIN:
        return "an ordinary spin lock";
    case KE_LOCK_QUEUED:
        return "a queued spin lock";
    case KE_LOCK_INTERLOCKED_LIST:
        return "the lock of an interlocked list";
    case KE_LOCK_EX_SHARED:
    case KE_LOCK_EX_EXCLUSIVE:
    case KE_LOCK_CANCEL:
    case KE_LOCK_FAST_MUTEX:
    case KE_LOCK_GUARDED_MUTEX:
    case KE_LOCK_PUSH_SHARED:
    case KE_LOCK_PUSH_EXCLUSIVE:
    case KE_LOCK_RESOURCE_SHARED:
    case KE_LOCK_RESOURCE_EXCLUSIVE:
    case KE_LOCK_MUTEX:
        break;
    }
    return "another lock";
}

/* ---- checks ---- */

/* The first use of a lock that nobody initialised by a call: a zero word. */
SIM_NOINLINE static void spin_first_use(struct sim *s, PKSPIN_LOCK lock, enum ke_lock_kind kind)
{
    model_resident(s, lock, sizeof *lock, RULE_KRN_110, "SpinLock");
    *lock = word_make(model_object_new(s, OBJECT_SPIN_LOCK), (unsigned)kind + 1);
}

/* The trace id of a lock that may be used in this way. */
static uint32_t spin_check(struct sim *s, PKSPIN_LOCK lock, enum ke_lock_kind kind)
{
    model_touch(s, lock, sizeof *lock, "SpinLock");
    ULONG_PTR word = *lock;
    if (SIM_UNLIKELY(word == 0)) {
        spin_first_use(s, lock, kind);
        return (uint32_t)*lock;
    }
    if (SIM_UNLIKELY(!word_is_ours(word))) {
        model_fail(s, RULE_KRN_110, 0, NULL, "the spin lock was never initialised");
    }
    unsigned used = (unsigned)(word >> 40 & 0xff);
    if (used == 0) {
        *lock = word | (ULONG_PTR)(kind + 1) << 40;
    } else if (SIM_UNLIKELY(used != (unsigned)kind + 1)) {
        model_fail(s, RULE_KRN_117, (uint32_t)word, NULL,
                   "a lock that was used as %s is used as %s", kind_name(used - 1),
                   kind_name(kind));
    }
    return (uint32_t)word;
}

/* True if `owner` cannot go on before the current context does: they share a processor. */
static bool is_below_us(struct sim *s, const struct ke_context *owner)
{
    for (const struct sim_ctx *c = s->current; c != NULL; c = c->below) {
        if (c == owner->ctx) {
            return true;
        }
    }
    return false;
}

/* Contexts that spin for each other's locks: nobody will ever release (KRN-121). */
static bool is_spin_cycle(struct sim *s, const struct ke_context *owner)
{
    for (uint32_t i = 0; i < s->live_count && owner != NULL; i++) {
        if (is_below_us(s, owner)) {
            return true;
        }
        if (owner->spinning == NULL) {
            return false;
        }
        owner = ke_lock_owner(s, owner->spinning);
    }
    return false;
}

void ke_spin_wait(struct sim *s, const void *lock, uint32_t object)
{
    struct ke_context *owner = ke_lock_owner(s, lock);
    if (owner == NULL) {
        model_fail(s, RULE_KRN_110, object, NULL,
                   "the spin lock is marked as held and nobody holds it: a copy, or left over");
    }
    const struct ke_held_lock *held = ke_lock_find_in(owner, lock);
    if (is_below_us(s, owner)) {
        model_fail(s, RULE_KRN_113, object, &held->taken,
                   "the processor waits for a spin lock that it holds itself (%s %u)",
                   owner->ctx->name, owner->ctx->number);
    }
    if (is_spin_cycle(s, owner)) {
        model_fail(s, RULE_KRN_121, object, &held->taken,
                   "%s %u holds the spin lock and spins itself for one that waits for it",
                   owner->ctx->name, owner->ctx->number);
    }
    struct ke_context *c = ke_current(s);
    c->spinning = lock;
    sim_spin(s, (uintptr_t)lock);
    c->spinning = NULL;
}

/* Queued locks: is somebody in front of c? */
static bool is_behind(struct sim *s, const struct ke_context *c, const void *lock)
{
    for (uint32_t i = 0; i < s->live_count; i++) {
        const struct ke_context *other = ke_record(s->live[i]);
        if (other != NULL && other != c && other->spin_queue == lock &&
            other->spin_seq < c->spin_seq) {
            return true;
        }
    }
    return false;
}

/* ---- taking and dropping ---- */

SIM_NOINLINE static void spin_until_free(struct sim *s, PKSPIN_LOCK lock, enum ke_lock_kind kind)
{
    struct ke_state *ke = ke_of(s);
    struct ke_context *c = ke_current(s);
    bool is_queued = kind == KE_LOCK_QUEUED;
    c->spin_seq = ++ke->seq;
    c->spin_queue = is_queued ? lock : NULL;
    ke->queued_spinners += is_queued;
    sim_trace(s, TRACE_LockSpin, (uint32_t)*lock, 0);
    for (;;) {
        if ((*lock & WORD_HELD) != 0) {
            ke_spin_wait(s, lock, (uint32_t)*lock);
        } else if (is_queued && is_behind(s, c, lock)) {
            sim_spin(s, (uintptr_t)lock); /* free, but another one is first */
        } else {
            break;
        }
    }
    ke->queued_spinners -= is_queued;
    c->spin_queue = NULL;
}

static void spin_acquire(struct sim *s, PKSPIN_LOCK lock, enum ke_lock_kind kind, KIRQL old_irql,
                         const void *handle)
{
    uint32_t object = spin_check(s, lock, kind);
    if (((*lock & WORD_HELD) != 0 && !model_mutated(spin_lock_admits_two)) ||
        (kind == KE_LOCK_QUEUED && SIM_UNLIKELY(ke_of(s)->queued_spinners != 0))) {
        spin_until_free(s, lock, kind);
    }
    *lock |= WORD_HELD;
    ke_lock_known(s, s->current, lock, kind);
    struct ke_held_lock *held = ke_lock_slot(s, ke_current(s), object);
    held->address = lock;
    held->kind = (uint8_t)kind;
    held->old_irql = old_irql;
    held->depth = 1;
    held->object = object;
    held->handle = handle;
    held->cost = ke_cost(s);
    held->taken = sim_here(s);
    sim_trace(s, TRACE_LockAcquire, object, 0);
    model_exercised(s, RULE_KRN_113);
}

/* The held lock that a release means. */
static struct ke_held_lock *spin_held(struct sim *s, PKSPIN_LOCK lock, enum ke_lock_kind kind)
{
    uint32_t object = spin_check(s, lock, kind);
    struct ke_held_lock *held = ke_lock_find(s, lock);
    if (SIM_UNLIKELY(held == NULL)) {
        const struct ke_context *owner = ke_lock_owner(s, lock);
        if (owner != NULL) {
            model_fail(s, RULE_KRN_115, object, NULL,
                       "a spin lock is released that %s %u holds, not this context",
                       owner->ctx->name, owner->ctx->number);
        }
        model_fail(s, RULE_KRN_115, object, NULL, "a spin lock is released that nobody holds");
    }
    return held;
}

static void spin_release(struct sim *s, PKSPIN_LOCK lock, struct ke_held_lock *held)
{
    sim_trace(s, TRACE_LockRelease, held->object, 0);
    if (SIM_UNLIKELY(ke_cost(s) - held->cost > HELD_LINT)) {
        model_lint(s, RULE_KRN_056);
    }
    model_exercised(s, RULE_KRN_056);
    *lock &= ~WORD_HELD;
    ke_lock_dropped(s, held);
    sim_spin_release(s, (uintptr_t)lock);
    model_exercised(s, RULE_KRN_115);
}

/*
 * KRN-112, KRN-118: the value must be the one of this acquisition. Handing over hand (release the
 * outer lock first, with the value of the inner one) keeps the IRQL right and is only lint
 * (KAMB-14).
 */
static void spin_irql_check(struct sim *s, struct ke_held_lock *held, KIRQL irql)
{
    if (SIM_LIKELY(held->old_irql == irql && irql != KE_NO_IRQL)) {
        return;
    }
    if (held->old_irql == KE_NO_IRQL) {
        model_fail(s, RULE_KRN_114, held->object, &held->taken,
                   "a lock acquired at DISPATCH_LEVEL by the AtDpcLevel form is released by the "
                   "form that lowers the IRQL");
    }
    struct ke_context *c = ke_current(s);
    for (uint32_t i = 0; i < c->lock_count; i++) {
        struct ke_held_lock *other = &c->lock[i];
        if (ke_lock_is_spin(other) && other->old_irql == irql) {
            other->old_irql = held->old_irql;
            held->old_irql = irql;
            model_lint(s, RULE_KRN_122);
            return;
        }
    }
    model_fail(s, RULE_KRN_112, held->object, &held->taken,
               "the lock was acquired at %s and is released with %s", ke_irql_name(held->old_irql),
               ke_irql_name(irql));
}

void ke_list_lock_check(struct sim *s, PKSPIN_LOCK lock)
{
    spin_check(s, lock, KE_LOCK_INTERLOCKED_LIST);
    sim_hb_exchange(s, lock); /* taken and released: what is done in between is one step */
}

/* ---- ordinary ---- */

void KeInitializeSpinLock(PKSPIN_LOCK SpinLock)
{
    struct sim *s = model_enter(ROUTINE_KeInitializeSpinLock);
    model_touch(s, SpinLock, sizeof *SpinLock, "SpinLock");
    model_resident(s, SpinLock, sizeof *SpinLock, RULE_KRN_110, "SpinLock");
    if (word_is_ours(*SpinLock) && (*SpinLock & WORD_HELD) != 0) {
        struct ke_context *owner = ke_lock_owner(s, SpinLock);
        if (owner != NULL) {
            model_fail(s, RULE_KRN_110, (uint32_t)*SpinLock,
                       &ke_lock_find_in(owner, SpinLock)->taken,
                       "a spin lock is initialised again while %s %u holds it", owner->ctx->name,
                       owner->ctx->number);
        }
    }
    *SpinLock = word_make(model_object_new(s, OBJECT_SPIN_LOCK), 0);
    model_leave(s);
}

KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock)
{
    struct sim *s = model_enter_object(ROUTINE_KeAcquireSpinLockRaiseToDpc, SIM_OP_LOCK, SpinLock);
    KIRQL old = ke_irql(s);
    sim_set_level(s, DISPATCH_LEVEL);
    spin_acquire(s, SpinLock, KE_LOCK_SPIN, old, NULL);
    model_leave(s);
    return model_mutated(spin_lock_leaves_irql) ? DISPATCH_LEVEL : old;
}

void KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql)
{
    struct sim *s = model_enter_object(ROUTINE_KeReleaseSpinLock, SIM_OP_UNLOCK, SpinLock);
    struct ke_held_lock *held = spin_held(s, SpinLock, KE_LOCK_SPIN);
    spin_irql_check(s, held, NewIrql);
    spin_release(s, SpinLock, held);
    ke_lower(s, NewIrql);
    model_leave(s);
}

void KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    struct sim *s = model_enter_object(ROUTINE_KeAcquireSpinLockAtDpcLevel, SIM_OP_LOCK, SpinLock);
    spin_acquire(s, SpinLock, KE_LOCK_SPIN, KE_NO_IRQL, NULL);
    model_leave(s);
}

/* A lock acquired by the raising form must be released by the lowering one (KRN-114). */
static void at_dpc_check(struct sim *s, const struct ke_held_lock *held)
{
    if (held->old_irql != KE_NO_IRQL) {
        model_fail(s, RULE_KRN_114, held->object, &held->taken,
                   "a lock acquired by the raising form is released by the FromDpcLevel form");
    }
}

void KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock)
{
    struct sim *s =
        model_enter_object(ROUTINE_KeReleaseSpinLockFromDpcLevel, SIM_OP_UNLOCK, SpinLock);
    struct ke_held_lock *held = spin_held(s, SpinLock, KE_LOCK_SPIN);
    at_dpc_check(s, held);
    spin_release(s, SpinLock, held);
    model_leave(s);
}

BOOLEAN KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    struct sim *s =
        model_enter_object(ROUTINE_KeTryToAcquireSpinLockAtDpcLevel, SIM_OP_LOCK, SpinLock);
    spin_check(s, SpinLock, KE_LOCK_SPIN);
    BOOLEAN is_free = (*SpinLock & WORD_HELD) == 0;
    if (is_free) {
        spin_acquire(s, SpinLock, KE_LOCK_SPIN, KE_NO_IRQL, NULL);
    }
    model_leave(s);
    return is_free;
}

BOOLEAN KeTestSpinLock(PKSPIN_LOCK SpinLock)
{
    struct sim *s = model_enter_object(ROUTINE_KeTestSpinLock, SIM_OP_READ, SpinLock);
    model_touch(s, SpinLock, sizeof *SpinLock, "SpinLock");
    BOOLEAN is_free = (*SpinLock & WORD_HELD) == 0;
    if (choice_flag(s, CHOICE_WORLD, KE_PICK_TEST_LOCK)) {
        is_free = !is_free; /* a hint only: stale when it arrives (KRN-132) */
    }
    model_leave(s);
    return is_free;
}

/* ---- for threaded DPCs: raise if we are below (KRN-131) ---- */

KIRQL KeAcquireSpinLockForDpc(PKSPIN_LOCK SpinLock)
{
    struct sim *s = model_enter_object(ROUTINE_KeAcquireSpinLockForDpc, SIM_OP_LOCK, SpinLock);
    KIRQL old = ke_irql(s);
    sim_set_level(s, DISPATCH_LEVEL);
    spin_acquire(s, SpinLock, KE_LOCK_SPIN, old, NULL);
    model_leave(s);
    return old;
}

void KeReleaseSpinLockForDpc(PKSPIN_LOCK SpinLock, KIRQL OldIrql)
{
    struct sim *s = model_enter_object(ROUTINE_KeReleaseSpinLockForDpc, SIM_OP_UNLOCK, SpinLock);
    struct ke_held_lock *held = spin_held(s, SpinLock, KE_LOCK_SPIN);
    spin_irql_check(s, held, OldIrql);
    spin_release(s, SpinLock, held);
    ke_lower(s, OldIrql);
    model_leave(s);
}

/* ---- queued ---- */

/* One handle serves one acquisition at a time, of whatever context: it is a link of the queue. */
static void handle_check(struct sim *s, const KLOCK_QUEUE_HANDLE *handle)
{
    for (uint32_t k = 0; k < s->live_count; k++) {
        const struct ke_context *c = ke_record(s->live[k]);
        if (c == NULL) {
            continue;
        }
        for (uint32_t i = 0; i < c->lock_count; i++) {
            if (c->lock[i].handle == handle) {
                model_fail(s, RULE_KRN_116, c->lock[i].object, &c->lock[i].taken,
                           "the KLOCK_QUEUE_HANDLE of a queued spin lock that %s holds is used "
                           "again",
                           c == ke_current(s) ? "this context" : "another context");
            }
        }
        if (c->spin_handle == handle) {
            model_fail(s, RULE_KRN_116, 0, NULL,
                       "the KLOCK_QUEUE_HANDLE with which %s %u waits for a queued spin lock is "
                       "used again",
                       c->ctx->name, c->ctx->number);
        }
    }
}

static void queued_acquire(struct sim *s, PKSPIN_LOCK lock, PKLOCK_QUEUE_HANDLE handle,
                           KIRQL old_irql)
{
    struct ke_context *c = ke_current(s);
    model_touch(s, handle, sizeof *handle, "LockHandle");
    handle_check(s, handle);
    c->spin_handle = handle;
    spin_acquire(s, lock, KE_LOCK_QUEUED, old_irql, handle);
    c->spin_handle = NULL;
    handle->LockQueue.Next = NULL;
    handle->LockQueue.Lock = lock;
    handle->OldIrql = old_irql == KE_NO_IRQL ? DISPATCH_LEVEL : old_irql;
}

/* The lock that was acquired with this handle; old_irql of it tells the form. */
static struct ke_held_lock *queued_held(struct sim *s, PKLOCK_QUEUE_HANDLE handle)
{
    model_touch(s, handle, sizeof *handle, "LockHandle");
    struct ke_context *c = ke_current(s);
    for (uint32_t i = c->lock_count; i-- > 0;) {
        struct ke_held_lock *held = &c->lock[i];
        if (held->kind == KE_LOCK_QUEUED && held->handle == handle) {
            if (handle->LockQueue.Lock != held->address) {
                model_fail(s, RULE_KRN_116, held->object, &held->taken,
                           "the KLOCK_QUEUE_HANDLE was changed while the lock was held");
            }
            return held;
        }
    }
    model_fail(s, RULE_KRN_116, 0, NULL,
               "no queued spin lock that this context holds was acquired with this handle");
}

static void queued_release(struct sim *s, PKLOCK_QUEUE_HANDLE handle, struct ke_held_lock *held)
{
    PKSPIN_LOCK lock = handle->LockQueue.Lock;
    model_touch(s, lock, sizeof *lock, "SpinLock");
    handle->LockQueue.Lock = NULL;
    spin_release(s, lock, held);
}

void KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    struct sim *s =
        model_enter_object(ROUTINE_KeAcquireInStackQueuedSpinLock, SIM_OP_LOCK, SpinLock);
    KIRQL old = ke_irql(s);
    sim_set_level(s, DISPATCH_LEVEL);
    queued_acquire(s, SpinLock, LockHandle, old);
    model_leave(s);
}

void KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE LockHandle)
{
    struct sim *s =
        model_enter_object(ROUTINE_KeReleaseInStackQueuedSpinLock, SIM_OP_UNLOCK, LockHandle);
    struct ke_held_lock *held = queued_held(s, LockHandle);
    KIRQL irql = LockHandle->OldIrql;
    spin_irql_check(s, held, irql);
    queued_release(s, LockHandle, held);
    ke_lower(s, irql);
    model_leave(s);
}

void KeAcquireInStackQueuedSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    struct sim *s =
        model_enter_object(ROUTINE_KeAcquireInStackQueuedSpinLockAtDpcLevel, SIM_OP_LOCK, SpinLock);
    queued_acquire(s, SpinLock, LockHandle, KE_NO_IRQL);
    model_leave(s);
}

void KeReleaseInStackQueuedSpinLockFromDpcLevel(PKLOCK_QUEUE_HANDLE LockHandle)
{
    struct sim *s = model_enter_object(ROUTINE_KeReleaseInStackQueuedSpinLockFromDpcLevel,
                                       SIM_OP_UNLOCK, LockHandle);
    struct ke_held_lock *held = queued_held(s, LockHandle);
    at_dpc_check(s, held);
    queued_release(s, LockHandle, held);
    model_leave(s);
}

void KeAcquireInStackQueuedSpinLockForDpc(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    struct sim *s =
        model_enter_object(ROUTINE_KeAcquireInStackQueuedSpinLockForDpc, SIM_OP_LOCK, SpinLock);
    KIRQL old = ke_irql(s);
    sim_set_level(s, DISPATCH_LEVEL);
    queued_acquire(s, SpinLock, LockHandle, old);
    model_leave(s);
}

void KeReleaseInStackQueuedSpinLockForDpc(PKLOCK_QUEUE_HANDLE LockHandle)
{
    struct sim *s =
        model_enter_object(ROUTINE_KeReleaseInStackQueuedSpinLockForDpc, SIM_OP_UNLOCK, LockHandle);
    struct ke_held_lock *held = queued_held(s, LockHandle);
    KIRQL irql = LockHandle->OldIrql;
    spin_irql_check(s, held, irql);
    queued_release(s, LockHandle, held);
    ke_lower(s, irql);
    model_leave(s);
}
