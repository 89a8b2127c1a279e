/* SPDX-License-Identifier: MIT */
/*
 * Held locks of all kinds, per context: who holds what, since when, and in what order locks nest.
 *
 * The order graph (KRN-121, KAMB-07) covers the first KE_ORDER_MAX locks that were ever nested in a
 * run. Its relation is kept transitively closed, so that a cycle is one bit test.
 *
 * Limits: KE_LOCKS_MAX locks held at once by one context.
 */
#include "model/ke/ke_internal.h"

bool ke_lock_is_spin(const struct ke_held_lock *lock)
{
    return lock->kind <= KE_LOCK_CANCEL;
}
_Static_assert(KE_LOCK_SPIN == 0 && KE_LOCK_CANCEL == 4, "spin locks come first");

uint32_t ke_spin_locks_held(struct sim *s)
{
    const struct ke_context *c = ke_current(s);
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->lock_count; i++) {
        count += ke_lock_is_spin(&c->lock[i]);
    }
    return count;
}

const struct ke_held_lock *ke_spin_lock_held(struct sim *s)
{
    const struct ke_context *c = ke_current(s);
    for (uint32_t i = c->lock_count; i-- > 0;) {
        if (ke_lock_is_spin(&c->lock[i])) {
            return &c->lock[i];
        }
    }
    return NULL;
}

void ke_outside_call(struct sim *s)
{
    const struct ke_context *c = ke_current(s);
    if (SIM_LIKELY(c->lock_count == 0) || ke_spin_locks_held(s) == 0) {
        return;
    }
    if (model_knob(s, KNOB_KERNEL_CALL_UNDER_LOCK) == 1) {
        const struct ke_held_lock *held = &c->lock[c->lock_count - 1];
        model_fail(s, RULE_KRN_129, held->object, &held->taken,
                   "%s is called with a spin lock held",
                   model_routine_name(s->current->routine));
    }
    model_lint(s, RULE_KRN_129);
}

/* ---- order ---- */

static uint32_t order_index(struct ke_order *order, uint32_t object)
{
    uint32_t i = 0;
    while (i < order->count && order->object[i] != object) {
        i++;
    }
    if (i == order->count && i < KE_ORDER_MAX) {
        order->object[i] = object;
        order->before[i] = 0;
        order->count++;
    }
    return i;
}

/* `outer` was held when `inner` was taken. */
static void order_note(struct sim *s, const struct ke_held_lock *outer, uint32_t inner)
{
    struct ke_order *order = &ke_of(s)->order;
    uint32_t a = order_index(order, outer->object);
    uint32_t b = order_index(order, inner);
    if (a >= KE_ORDER_MAX || b >= KE_ORDER_MAX || a == b || (order->before[a] >> b & 1) != 0) {
        return;
    }
    if ((order->before[b] >> a & 1) != 0) {
        if (model_knob(s, KNOB_KERNEL_LOCK_ORDER) != 0) {
            model_fail(s, RULE_KRN_121, inner, &outer->taken,
                       "two locks are nested here in the opposite order as elsewhere in this run");
        }
        model_lint(s, RULE_KRN_121);
        return; /* the relation stays an order */
    }
    uint64_t reached = order->before[b] | 1ull << b;
    for (uint32_t i = 0; i < order->count; i++) {
        if (i == a || (order->before[i] >> a & 1) != 0) {
            order->before[i] |= reached;
        }
    }
}

/* ---- held locks ---- */

struct ke_held_lock *ke_lock_slot(struct sim *s, struct ke_context *c, uint32_t object)
{
    if (c->lock_count == KE_LOCKS_MAX) {
        sim_limit(s, "KE_LOCKS_MAX: too many locks held at once");
    }
    if (c->lock_count > 0 && object != 0) {
        for (uint32_t i = 0; i < c->lock_count; i++) {
            order_note(s, &c->lock[i], object);
        }
        model_exercised(s, RULE_KRN_121);
    }
    sim_race_lock(s, c->ctx, object, true);
    return &c->lock[c->lock_count++];
}

/* Readers are ordered with writers, but not with each other. */
static bool is_shared(enum ke_lock_kind kind)
{
    return kind == KE_LOCK_EX_SHARED || kind == KE_LOCK_PUSH_SHARED ||
           kind == KE_LOCK_RESOURCE_SHARED;
}

void ke_lock_known(struct sim *s, const struct sim_ctx *c, const void *address,
                   enum ke_lock_kind kind)
{
    sim_hb_acquire_for(s, c, address);
    if (!is_shared(kind)) {
        sim_hb_acquire_for(s, c, sim_hb_other(address));
    }
}

void ke_lock_taken(struct sim *s, const void *address, enum ke_lock_kind kind, KIRQL old_irql,
                   uint32_t object)
{
    ke_lock_known(s, s->current, address, kind);
    *ke_lock_slot(s, ke_current(s), object) = (struct ke_held_lock){.address = address,
                                                                    .kind = (uint8_t)kind,
                                                                    .old_irql = old_irql,
                                                                    .depth = 1,
                                                                    .object = object,
                                                                    .taken = sim_here(s)};
}

struct ke_held_lock *ke_lock_find_in(struct ke_context *c, const void *address)
{
    for (uint32_t i = c->lock_count; i-- > 0;) {
        if (c->lock[i].address == address) {
            return &c->lock[i];
        }
    }
    return NULL;
}

struct ke_held_lock *ke_lock_find(struct sim *s, const void *address)
{
    return ke_lock_find_in(ke_current(s), address);
}

void ke_lock_pop(struct ke_context *c, struct ke_held_lock *lock)
{
    uint32_t at = (uint32_t)(lock - c->lock);
    if (SIM_UNLIKELY(sim_current->is_racing)) {
        bool shared = is_shared((enum ke_lock_kind)lock->kind);
        sim_race_lock(sim_current, c->ctx, lock->object, false);
        sim_hb_release(sim_current, shared ? sim_hb_other(lock->address) : lock->address);
    }
    SIM_ASSERT_OP(at, <, c->lock_count);
    c->lock_count--;
    for (uint32_t i = at; i < c->lock_count; i++) {
        c->lock[i] = c->lock[i + 1];
    }
    /* A lock of an outer routine was released in an inner one: the marks inside shift. */
    for (uint32_t i = c->window_count; i-- > 0 && c->window[i].lock_count > at;) {
        c->window[i].lock_count--;
    }
}

void ke_lock_dropped(struct sim *s, struct ke_held_lock *lock)
{
    struct ke_context *c = ke_current(s);
    if (lock != &c->lock[c->lock_count - 1]) {
        model_lint(s, RULE_KRN_122);
    }
    ke_lock_pop(c, lock);
}

struct ke_context *ke_lock_owner(struct sim *s, const void *address)
{
    for (uint32_t i = 0; i < s->live_count; i++) {
        struct ke_context *c = ke_record(s->live[i]);
        if (c != NULL && ke_lock_find_in(c, address) != NULL) {
            return c;
        }
    }
    return NULL;
}

bool ke_any_lock(struct sim *s, uint32_t *object, struct sim_where *taken)
{
    for (uint32_t i = 0; i < s->live_count; i++) {
        const struct ke_context *c = ke_record(s->live[i]);
        bool is_callback = false;
        for (uint32_t n = 0; c != NULL && n < c->window_count; n++) {
            is_callback |= c->window[n].kind == KE_WINDOW_WSK_CALLBACK;
        }
        if (c != NULL && c->lock_count > 0 && !is_callback) {
            *object = c->lock[0].object;
            *taken = c->lock[0].taken;
            return true;
        }
    }
    return false;
}
