/* SPDX-License-Identifier: MIT */
/*
 * Contexts and the life of Ke: records of contexts, contexts of the system, what must not be in
 * memory that is freed, and what must be gone when the driver is unloaded.
 *
 * Every context but the first is made by ke_spawn: its record comes from a pool, its body is
 * ke_main, which gives the record back at the end. The first thread attaches itself.
 *
 * Invariants:
 *  1. A record belongs to one context from ke_spawn until ke_context_release.
 *  2. Resetting touches only counters: a record is cleaned when it is taken.
 */
#include "model/ke/ke_internal.h"
#include "model/ps/ps.h"

static struct ke_state ke_only; /* large: static, so that it costs nothing until it is used */

struct ke_state *ke_create(void)
{
    return &ke_only;
}

void ke_reset(struct sim *s)
{
    struct ke_state *ke = ke_of(s);
    ke->lost_count = 0;
    if (ke->has_setters) {
        memset(ke->setter, 0, sizeof ke->setter);
        ke->has_setters = false;
    }
    ke->record_count = 0;
    ke->pool = NULL;
    ke->waiter_count = 0;
    ke->until_count = 0;
    ke->seq = 0;
    ke->windows_open = 0;
    ke->queued_spinners = 0;
    ke->dpc_count = 0;
    ke->timer_count = 0;
    ke->ex_timer_count = 0;
    ke->order.count = 0;
    for (uint32_t i = 0; i < KE_CALLBACKS_MAX; i++) {
        ke->callback[i].function = NULL;
    }
}

/* ---- contexts ---- */

static struct ke_context *record_take(struct sim *s)
{
    struct ke_state *ke = ke_of(s);
    struct ke_context *c = ke->pool;
    if (c != NULL) {
        ke->pool = c->next;
    } else if (ke->record_count < KE_RECORDS_MAX) {
        c = &ke->record[ke->record_count++];
    } else {
        sim_limit(s, "KE_RECORDS_MAX: too many contexts at once");
    }
    c->window_count = 0;
    c->lock_count = 0;
    c->apc_disable = 0;
    c->critical = 0;
    c->guarded = 0;
    c->raise_count = 0;
    c->impersonates = false;
    c->must_wait = false;
    c->process = 0;
    c->attached_from = 0;
    c->thread = NULL;
    c->thread_object = NULL;
    c->seh = NULL;
    c->seh_code = 0;
    c->stalled = 0;
    c->wait_owner = NULL;
    c->woke = 0;
    c->spinning = NULL;
    c->spin_handle = NULL;
    c->spin_queue = NULL;
    c->wait_count = 0;
    c->wait_ready = NULL;
    c->wait_seq = 0;
    c->function = NULL;
    c->argument = NULL;
    return c;
}

void ke_context_release(struct sim *s, struct ke_context *c)
{
    struct ke_state *ke = ke_of(s);
    SIM_ASSERT_OP(c->window_count, ==, 0);
    SIM_ASSERT_OP(c->wait_count, ==, 0);
    if (c->thread_object != NULL) {
        ps_context_ended(s, c);
    }
    c->ctx->user = NULL;
    c->ctx = NULL;
    c->next = ke->pool;
    ke->pool = c;
}

struct ke_context *ke_context_attach(struct sim *s)
{
    SIM_ASSERT(s->current->user == NULL);
    struct ke_context *c = record_take(s);
    c->ctx = s->current;
    s->current->user = c;
    return c;
}

/* Body of every context that Ke makes. */
static void ke_main(struct sim *s, void *argument)
{
    struct ke_context *c = argument;
    sim_trace(s, TRACE_ContextStart, 0, c->ctx->kind);
    c->function(s, c->argument);
    sim_trace(s, TRACE_ContextEnd, 0, 0);
    ke_context_release(s, c);
}

void ke_context_exit(struct sim *s)
{
    sim_trace(s, TRACE_ContextEnd, 0, 0);
    sim_frames_retire(s->current->id); /* KRN-259 */
    ke_context_release(s, ke_current(s));
    sim_exit(s);
}

struct ke_context *ke_spawn(struct sim *s, const struct ke_spawn *p)
{
    struct ke_context *c = record_take(s);
    c->function = p->function;
    c->argument = p->argument;
    const struct sim_ctx_params params = {.kind = p->kind,
                                          .entry = ke_main,
                                          .argument = c,
                                          .name = p->name,
                                          .level = p->irql,
                                          .bound = p->bound,
                                          .user = c};
    c->ctx = sim_spawn(s, p->parent, &params);
    return c;
}

struct sim_ctx *ke_system_call(struct sim *s, struct sim_ctx *parent, KIRQL irql,
                               void (*function)(struct sim *s, void *argument), void *argument,
                               const char *name)
{
    SIM_ASSERT_OP(irql, <=, DISPATCH_LEVEL);
    const struct ke_spawn spawn = {
        .parent = parent,
        .kind = irql == DISPATCH_LEVEL ? SIM_INTERRUPT : SIM_THREAD,
        .irql = irql,
        .bound = -1,
        .name = name,
        .function = function,
        .argument = argument,
    };
    return ke_spawn(s, &spawn)->ctx;
}

/* ---- time ---- */

sim_time ke_due(struct sim *s, LONGLONG time)
{
    if (time < 0) {
        uint64_t span = 0 - (uint64_t)time;
        span = model_mutated(limit_passes_early) ? span / 2 : span;
        return span < KE_TIME_FAR ? s->now + span : KE_TIME_FAR;
    }
    uint64_t start = KE_SYSTEM_TIME_START;
    if (model_mutated(absolute_limit_is_past)) {
        return 0;
    }
    return (uint64_t)time <= start                ? 0
           : (uint64_t)time - start < KE_TIME_FAR ? (uint64_t)time - start
                                                  : KE_TIME_FAR;
}

sim_time ke_lateness(struct sim *s)
{
    return choice_pick(s, CHOICE_WORLD, KE_PICK_LATE, 4) * (KE_TICK / 3);
}

/* ---- what must be gone ---- */

static void waits_freed(struct sim *s, uintptr_t base, size_t size)
{
    struct ke_state *ke = ke_of(s);
    for (uint32_t i = 0; i < ke->waiter_count; i++) {
        const struct ke_context *c = ke->waiter[i];
        for (uint32_t k = 0; k < c->wait_count; k++) {
            if (ke_is_in(c->wait_object[k], base, size)) {
                model_fail(s, RULE_KRN_200, ke_dispatcher_object(c->wait_object[k]), &c->wait_where,
                           "memory is freed in which %s %u waits for an object", c->ctx->name,
                           c->ctx->number);
            }
        }
    }
}

static void locks_freed(struct sim *s, uintptr_t base, size_t size)
{
    for (uint32_t i = 0; i < s->live_count; i++) {
        struct ke_context *c = ke_record(s->live[i]);
        if (c == NULL) {
            continue;
        }
        if (c->spinning != NULL && ke_is_in(c->spinning, base, size)) {
            model_fail(s, RULE_KRN_110, 0, NULL,
                       "memory is freed with a spin lock for which %s %u "
                       "spins",
                       c->ctx->name, c->ctx->number);
        }
        for (uint32_t k = 0; k < c->lock_count; k++) {
            const struct ke_held_lock *lock = &c->lock[k];
            if (ke_is_in(lock->address, base, size)) {
                enum model_rule rule = ke_lock_is_spin(lock) ? RULE_KRN_110 : RULE_KRN_200;
                model_fail(s, rule, lock->object, &lock->taken,
                           "memory is freed with a lock in it that %s %u holds", c->ctx->name,
                           c->ctx->number);
            }
        }
    }
}

void ke_memory_freed(struct sim *s, const void *p, size_t size)
{
    uintptr_t base = (uintptr_t)p;
    waits_freed(s, base, size);
    ke_timers_freed(s, base, size);
    ke_dpcs_freed(s, base, size);
    locks_freed(s, base, size);
    model_exercised(s, RULE_KRN_200);
}

static bool no_dpc_pending(struct sim *s, void *argument)
{
    (void)argument;
    return ke_dpcs_pending(s) == 0;
}

/* A DPC that is queued when unload returns runs before the image goes (KRN-290, KAMB-05). */
static void dpcs_check_unload(struct sim *s)
{
    if (ke_dpcs_pending(s) != 0 && !model_mutated(dpc_lost_at_unload)) {
        if (model_knob(s, KNOB_KERNEL_DPC_AT_UNLOAD) != 0) {
            model_fail(s, RULE_KRN_283, 0, NULL,
                       "a DPC is queued or running when the driver is unloaded");
        }
        model_lint(s, RULE_KRN_283);
        ke_wait_until(s, no_dpc_pending, NULL, SIM_TIME_NEVER,
                      "queued DPCs to run before the image goes");
    }
}

void ke_check_unload(struct sim *s)
{
    ke_timers_check_unload(s);
    ke_ex_timers_check_unload(s);
    dpcs_check_unload(s);
    for (uint32_t i = 0; i < s->live_count; i++) {
        const struct ke_context *c = ke_record(s->live[i]);
        if (c == NULL || c->window_count == 0) {
            continue;
        }
        const struct ke_window_mark *mark = &c->window[0];
        if (mark->kind == KE_WINDOW_THREAD) {
            continue; /* ps_check_unload knows more about it */
        }
        /* An item of IoQueueWorkItem would have been awaited: this is one of ExQueueWorkItem. */
        bool is_work = mark->kind == KE_WINDOW_WORK_ITEM;
        model_fail(s, is_work ? RULE_KRN_172 : RULE_KRN_283, mark->object, &mark->entered,
                   "the driver is unloaded while %s %u is still in its code", c->ctx->name,
                   c->ctx->number);
    }
    ke_callbacks_check_unload(s);
    model_exercised(s, RULE_KRN_162);
    model_exercised(s, RULE_KRN_283);
}
