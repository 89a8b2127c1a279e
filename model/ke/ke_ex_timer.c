/* SPDX-License-Identifier: MIT */
/*
 * Timers of the executive: ExAllocateTimer, ExSetTimer, ExCancelTimer, ExDeleteTimer. The object
 * that the driver gets is a KTIMER in memory of ours (it can be waited for); callback and life
 * stand in a table.
 *
 *     allocated -> set [ExSetTimer] -> callback queued [ke_ex_timer_expired] -> running ->
 * allocated any -> deleted [ExDeleteTimer] -> memory freed when it is not set and no callback is
 * left
 *
 * Invariants:
 *  1. A cancelled setting has no callback; one that went off has exactly one, unless an earlier one
 *     has not started yet (KRN-165).
 *  2. The memory goes when the last callback has returned: touching a deleted timer is an error in
 * any case (KRN-163).
 */
#include "model/ex/ex.h"
#include "model/ke/ke_internal.h"

static struct ke_ex_timer *record_find(struct sim *s, const void *timer)
{
    struct ke_state *ke = ke_of(s);
    for (uint32_t i = 0; i < ke->ex_timer_count; i++) {
        if (ke->ex_timer[i].timer == timer && timer != NULL) {
            return &ke->ex_timer[i];
        }
    }
    return NULL;
}

/* The record of a timer that may be used. */
static struct ke_ex_timer *record_check(struct sim *s, PEX_TIMER timer)
{
    struct ke_ex_timer *r = record_find(s, timer);
    if (r == NULL) {
        const struct sim_block *block = sim_block_find(s, (uintptr_t)timer);
        if (block != NULL && block->object >> 24 == OBJECT_TIMER &&
            block->base == (uintptr_t)timer && block->state == SIM_BLOCK_FREED) {
            model_fail(s, RULE_KRN_163, block->object, &block->died, "the timer was deleted");
        }
        model_touch(s, timer, sizeof(KTIMER), "Timer"); /* freed, or no memory of ours at all */
        model_fail(s, RULE_KRN_163, 0, NULL, "this is no timer that ExAllocateTimer returned");
    }
    if (r->is_deleted) {
        model_fail(s, RULE_KRN_163, r->object, &r->deleted, "the timer was deleted");
    }
    model_exercised(s, RULE_KRN_163);
    return r;
}

static bool is_idle(struct sim *s, void *argument)
{
    const struct ke_ex_timer *r = argument;
    return r->timer == NULL || (r->running == 0 && ke_timer_find(s, r->timer) == NULL);
}

/* A deleted timer with nothing left to do: its delete callback, then its memory. */
static void record_settle(struct sim *s, struct ke_ex_timer *r)
{
    if (!r->is_deleted || !is_idle(s, r)) {
        return;
    }
    if (r->delete_callback != NULL) {
        PEXT_DELETE_CALLBACK callback = r->delete_callback;
        r->delete_callback = NULL;
        sim_hb_acquire(s, r);
        ke_window_open(s, KE_WINDOW_TIMER, r->object);
        model_code(s, (const void *)callback, "DeleteCallback");
        callback(r->delete_context);
        ke_window_close(s);
    }
    ex_free(s, r->block);
    r->timer = NULL;
}

/* ---- going off ---- */

static void callback_main(struct sim *s, void *argument)
{
    struct ke_ex_timer *r = argument;
    r->is_queued = false;
    ke_window_open(s, KE_WINDOW_TIMER, r->object);
    model_code(s, (const void *)r->callback, "Callback");
    ke_window_code(s, (const void *)r->callback);
    sim_trace(s, TRACE_CallbackEnter, r->object, 0);
    r->callback((PEX_TIMER)r->timer, r->context);
    sim_trace(s, TRACE_CallbackLeave, r->object, 0);
    ke_window_close(s);
    r->running--;
    sim_hb_release(s, r);
    record_settle(s, r);
    ke_poke(s);
}

void ke_ex_timer_expired(struct sim *s, PKTIMER timer, struct sim_ctx *parent)
{
    struct ke_ex_timer *r = record_find(s, timer);
    SIM_ASSERT(r != NULL);
    if (r->callback == NULL || r->is_queued) {
        return;
    }
    r->is_queued = true;
    r->running++;
    const struct ke_spawn spawn = {.parent = parent,
                                   .kind = SIM_INTERRUPT,
                                   .irql = DISPATCH_LEVEL,
                                   .bound = -1,
                                   .name = "timer",
                                   .function = callback_main,
                                   .argument = r};
    (void)ke_spawn(s, &spawn);
}

void ke_ex_timers_check_unload(struct sim *s)
{
    const struct ke_state *ke = ke_of(s);
    for (uint32_t i = 0; i < ke->ex_timer_count; i++) {
        const struct ke_ex_timer *r = &ke->ex_timer[i];
        if (r->timer != NULL && r->running != 0) {
            model_fail(s, RULE_KRN_283, r->object, &r->allocated,
                       "a timer callback is still to run when the driver is unloaded");
        }
        if (r->timer != NULL && !r->is_deleted) {
            model_fail(s, RULE_KRN_284, r->object, &r->allocated,
                       "a timer of ExAllocateTimer was not deleted");
        }
    }
}

/* ---- routines ---- */

static struct ke_ex_timer *record_take(struct sim *s)
{
    struct ke_state *ke = ke_of(s);
    for (uint32_t i = 0; i < ke->ex_timer_count; i++) {
        if (ke->ex_timer[i].timer == NULL) {
            return &ke->ex_timer[i];
        }
    }
    if (ke->ex_timer_count == KE_EX_TIMERS_MAX) {
        sim_limit(s, "KE_EX_TIMERS_MAX: too many timers of the executive");
    }
    return &ke->ex_timer[ke->ex_timer_count++];
}

PEX_TIMER ExAllocateTimer(PEXT_CALLBACK Callback, PVOID CallbackContext, ULONG Attributes)
{
    struct sim *s = model_enter(ROUTINE_ExAllocateTimer);
    const ULONG exclusive = EX_TIMER_HIGH_RESOLUTION | EX_TIMER_NO_WAKE;
    if ((Attributes & exclusive) == exclusive) {
        model_fail(s, RULE_KRN_164, 0, NULL,
                   "a timer is asked for that is of high resolution and does not wake");
    }
    struct sim_block *block;
    PKTIMER timer = ex_alloc(s, sizeof *timer, BLOCK_OTHER, 0, true, true, &block);
    if (timer == NULL) {
        model_leave(s);
        return NULL;
    }
    uint32_t object = model_object_new(s, OBJECT_TIMER);
    bool is_notification = (Attributes & EX_TIMER_NOTIFICATION) != 0;
    ke_dispatcher_init(s, &timer->Header,
                       is_notification ? KE_TYPE_NOTIFICATION_TIMER : KE_TYPE_SYNCHRONIZATION_TIMER,
                       object, 0);
    block->object = object;
    *record_take(s) = (struct ke_ex_timer){.timer = timer,
                                           .block = block,
                                           .callback = Callback,
                                           .context = CallbackContext,
                                           .attributes = Attributes,
                                           .object = object,
                                           .allocated = sim_here(s)};
    sim_trace(s, TRACE_Create, object, 0);
    model_leave(s);
    return (PEX_TIMER)timer;
}

BOOLEAN ExSetTimer(PEX_TIMER Timer, LONGLONG DueTime, LONGLONG Period,
                   PEXT_SET_PARAMETERS Parameters)
{
    struct sim *s = model_enter_object(ROUTINE_ExSetTimer, SIM_OP_WRITE, Timer);
    struct ke_ex_timer *r = record_check(s, Timer);
    if ((r->attributes & EX_TIMER_HIGH_RESOLUTION) != 0 && DueTime >= 0) {
        model_fail(s, RULE_KRN_164, r->object, &r->allocated,
                   "a timer of high resolution is set to an absolute time");
    }
    if (Parameters != NULL) {
        model_touch(s, Parameters, sizeof *Parameters, "Parameters");
    }
    BOOLEAN was_set = ke_timer_stop(s, r->timer);
    ke_timer_start(s, r->timer, DueTime, Period > 0 ? (uint64_t)Period : 0, NULL, true);
    model_leave(s);
    return was_set && !model_mutated(ex_set_says_false);
}

BOOLEAN ExCancelTimer(PEX_TIMER Timer, PEXT_CANCEL_PARAMETERS Parameters)
{
    struct sim *s = model_enter_object(ROUTINE_ExCancelTimer, SIM_OP_WRITE, Timer);
    struct ke_ex_timer *r = record_check(s, Timer);
    if (Parameters != NULL) {
        model_fail(s, RULE_KRN_164, r->object, &r->allocated,
                   "ExCancelTimer is given parameters, which must be NULL");
    }
    BOOLEAN was_set = ke_timer_stop(s, r->timer);
    if (model_mutated(ex_cancelled_timer_calls) && was_set) {
        ke_ex_timer_expired(s, r->timer, s->current);
    }
    model_leave(s);
    return was_set;
}

/* KRN-163: what a deleting call may ask. */
static void delete_check(struct sim *s, const struct ke_ex_timer *r, BOOLEAN cancel, BOOLEAN wait)
{
    if (!wait) {
        return;
    }
    if (!cancel) {
        model_fail(s, RULE_KRN_163, r->object, &r->allocated,
                   "ExDeleteTimer is asked to wait without cancelling");
    }
    if (ke_irql(s) > APC_LEVEL) {
        model_fail(s, RULE_KRN_163, r->object, &r->allocated, "ExDeleteTimer waits at %s",
                   ke_irql_name(ke_irql(s)));
    }
    ke_check_may_block(s, 0);
}

BOOLEAN ExDeleteTimer(PEX_TIMER Timer, BOOLEAN Cancel, BOOLEAN Wait,
                      PEXT_DELETE_PARAMETERS Parameters)
{
    struct sim *s = model_enter_object(ROUTINE_ExDeleteTimer, SIM_OP_WRITE, Timer);
    struct ke_ex_timer *r = record_check(s, Timer);
    delete_check(s, r, Cancel, Wait);
    if (Parameters != NULL) {
        model_touch(s, Parameters, sizeof *Parameters, "Parameters");
        r->delete_callback = Parameters->DeleteCallback;
        r->delete_context = Parameters->DeleteContext;
    }
    BOOLEAN was_set = Cancel && ke_timer_stop(s, r->timer);
    r->is_deleted = true;
    r->deleted = sim_here(s);
    if (Wait) {
        (void)ke_wait_until(s, is_idle, r, SIM_TIME_NEVER, "the callback of a deleted timer");
        sim_hb_acquire(s, r);
    }
    if (r->timer != NULL) {
        record_settle(s, r);
    }
    model_leave(s);
    return was_set;
}
