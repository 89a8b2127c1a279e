/* SPDX-License-Identifier: MIT */
/*
 * Kernel timers. A setting is an entry of a table with an event in the queue of the engine; when it
 * goes off, the object is signalled, its waiters look again and its DPC is queued. The event runs
 * on no context of its own: the DPC counts as a child of whoever set the timer.
 *
 *     not set -> set [ke_timer_start] -> not set [timer_fire, one-shot]
 *                    -> set again [timer_fire, periodic], -> not set [ke_timer_stop]
 *
 * Invariants:
 *  1. KTIMER.TimerListEntry.Flink is index + 1 of the entry while the timer is set.
 *  2. A timer never goes off early; late by up to one tick (KRN-175).
 *  3. The memory of a set timer and of its DPC is not freed (KRN-161, KRN-159).
 *
 * Limits: KE_TIMERS_MAX set at once.
 */
#include "model/ke/ke_internal.h"

struct ke_timer *ke_timer_find(struct sim *s, const KTIMER *timer)
{
    struct ke_state *ke = ke_of(s);
    uintptr_t index = (uintptr_t)timer->TimerListEntry.Flink;
    if (index == 0 || index > ke->timer_count) {
        return NULL;
    }
    struct ke_timer *t = &ke->timer[index - 1];
    return t->timer == timer ? t : NULL;
}

static struct ke_timer *entry_take(struct sim *s)
{
    struct ke_state *ke = ke_of(s);
    for (uint32_t i = 0; i < ke->timer_count; i++) {
        if (ke->timer[i].timer == NULL) {
            return &ke->timer[i];
        }
    }
    if (ke->timer_count == KE_TIMERS_MAX) {
        sim_limit(s, "KE_TIMERS_MAX: too many timers set at once");
    }
    return &ke->timer[ke->timer_count++];
}

/* ---- going off ---- */

static void fire_dpc(struct sim *s, const struct ke_timer *t)
{
    uint32_t shift = choice_pick(s, CHOICE_WORLD, KE_PICK_TIMER_PROCESSOR, s->processor_count);
    uint32_t processor = ((uint32_t)t->processor + shift) % s->processor_count;
    const struct ke_dpc_origin origin = {
        .parent = t->parent, .processor = (int8_t)processor, .where = t->set};
    uint64_t now = KE_SYSTEM_TIME_START + s->now;
    (void)ke_dpc_queue(s, t->dpc, (PVOID)(uintptr_t)(uint32_t)now,
                       (PVOID)(uintptr_t)(uint32_t)(now >> 32), &origin);
}

static void timer_fire(struct sim *s, void *argument, uint64_t seq)
{
    struct ke_timer *t = argument;
    if (t->timer == NULL || t->seq != seq) {
        return;
    }
    const struct ke_timer gone = *t;
    PKTIMER timer = t->timer;
    if (t->period != 0) {
        t->due += t->period;
        t->event = sim_event_add(s, t->due, timer_fire, t, t->seq);
    } else {
        timer->TimerListEntry.Flink = NULL;
        t->timer = NULL;
    }
    sim_trace(s, TRACE_Signal, gone.object, 0);
    sim_hb_release(s, timer);
    timer->Header.SignalState = 1;
    ke_wake_waiters(s, timer);
    if (gone.is_executive) {
        ke_ex_timer_expired(s, timer, gone.parent);
    } else if (gone.dpc != NULL) {
        fire_dpc(s, &gone);
    }
}

/* ---- setting ---- */

/* KRN-160: one DPC, two timers. */
static void dpc_lint(struct sim *s, const KDPC *dpc)
{
    const struct ke_state *ke = ke_of(s);
    for (uint32_t i = 0; i < ke->timer_count; i++) {
        if (ke->timer[i].timer != NULL && ke->timer[i].dpc == dpc) {
            model_lint(s, RULE_KRN_160);
        }
    }
}

void ke_timer_start(struct sim *s, PKTIMER timer, LONGLONG due, uint64_t period, PKDPC dpc,
                    bool is_executive)
{
    if (due > 0 && (uint64_t)due < KE_SYSTEM_TIME_START) {
        model_lint(s, RULE_KRN_084);
    }
    if (dpc != NULL) {
        dpc_lint(s, dpc);
    }
    struct ke_timer *t = entry_take(s);
    struct ke_state *ke = ke_of(s);
    *t = (struct ke_timer){.timer = timer,
                           .is_executive = is_executive,
                           .object = ke_dispatcher_object(timer),
                           .seq = ++ke->seq,
                           .due = ke_due(s, model_mutated(timer_is_early) ? due / 2 : due) +
                                  ke_lateness(s),
                           .period = period,
                           .dpc = dpc,
                           .parent = s->current,
                           .processor = s->current->processor,
                           .set = sim_here(s)};
    timer->Header.SignalState = model_mutated(timer_stays_signalled) && timer->Header.SignalState;
    sim_hb_release(s, sim_hb_other(timer));
    timer->DueTime.QuadPart = t->due;
    timer->TimerListEntry.Flink = (PLIST_ENTRY)(uintptr_t)(t - ke->timer + 1);
    timer->Dpc = dpc;
    timer->Period = (ULONG)(period / 10000);
    t->event = sim_event_add(s, t->due, timer_fire, t, t->seq);
    sim_trace(s, TRACE_Queue, t->object, 0);
}

bool ke_timer_stop(struct sim *s, PKTIMER timer)
{
    struct ke_timer *t = ke_timer_find(s, timer);
    if (t == NULL) {
        return false;
    }
    sim_hb_acquire(s, sim_hb_other(timer)); /* whoever set it knows that it will not go off */
    (void)sim_event_cancel(s, t->event);
    sim_trace(s, TRACE_Unqueue, t->object, 0);
    t->timer = NULL;
    timer->TimerListEntry.Flink = NULL;
    return true;
}

/* ---- what must be gone ---- */

void ke_timers_freed(struct sim *s, uintptr_t base, size_t size)
{
    const struct ke_state *ke = ke_of(s);
    for (uint32_t i = 0; i < ke->timer_count; i++) {
        const struct ke_timer *t = &ke->timer[i];
        if (t->timer == NULL) {
            continue;
        }
        if (ke_is_in(t->timer, base, size)) {
            model_fail(s, RULE_KRN_161, t->object, &t->set,
                       "memory is freed with a timer in it that is set");
        }
        if (t->dpc != NULL && ke_is_in(t->dpc, base, size)) {
            model_fail(s, RULE_KRN_159, t->object, &t->set,
                       "memory is freed with the DPC of a timer that is set");
        }
    }
}

bool ke_timer_is_set(struct sim *s)
{
    const struct ke_state *ke = ke_of(s);
    for (uint32_t i = 0; i < ke->timer_count; i++) {
        if (ke->timer[i].timer != NULL) {
            return true;
        }
    }
    return false;
}

void ke_timers_check_unload(struct sim *s)
{
    const struct ke_state *ke = ke_of(s);
    for (uint32_t i = 0; i < ke->timer_count; i++) {
        const struct ke_timer *t = &ke->timer[i];
        if (t->timer != NULL) {
            model_fail(s, RULE_KRN_162, t->object, &t->set,
                       "a timer is still set when the driver is unloaded");
        }
    }
}

/* ---- routines ---- */

static void timer_init(struct sim *s, PKTIMER timer, TIMER_TYPE type)
{
    model_touch(s, timer, sizeof *timer, "Timer");
    model_resident(s, timer, sizeof *timer, RULE_KRN_150, "Timer");
    const struct ke_timer *t = ke_timer_find(s, timer);
    if (t != NULL) {
        model_fail(s, RULE_KRN_150, t->object, &t->set,
                   "a timer is initialised again while it is set");
    }
    enum ke_type kind =
        type == NotificationTimer ? KE_TYPE_NOTIFICATION_TIMER : KE_TYPE_SYNCHRONIZATION_TIMER;
    ke_dispatcher_init(s, &timer->Header, kind, model_object_new(s, OBJECT_TIMER), 0);
    timer->DueTime.QuadPart = 0;
    timer->TimerListEntry.Flink = NULL;
    timer->TimerListEntry.Blink = NULL;
    timer->Dpc = NULL;
    timer->Processor = 0;
    timer->Period = 0;
}

void KeInitializeTimer(PKTIMER Timer)
{
    struct sim *s = model_enter_object(ROUTINE_KeInitializeTimer, SIM_OP_WRITE, Timer);
    timer_init(s, Timer, NotificationTimer);
    model_leave(s);
}

void KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type)
{
    struct sim *s = model_enter_object(ROUTINE_KeInitializeTimerEx, SIM_OP_WRITE, Timer);
    timer_init(s, Timer, Type);
    model_leave(s);
}

static void timer_check(struct sim *s, PKTIMER timer)
{
    ke_dispatcher_check(s, timer, KE_TYPES_TIMER, "Timer");
    model_touch(s, timer, sizeof *timer, "Timer");
}

static BOOLEAN timer_set(struct sim *s, PKTIMER timer, LONGLONG due, uint64_t period_ms, PKDPC dpc)
{
    timer_check(s, timer);
    if (dpc != NULL) {
        ke_dpc_check(s, dpc);
    }
    bool was_set = ke_timer_stop(s, timer);
    ke_timer_start(s, timer, due, period_ms * 10000, dpc, false);
    return was_set && !model_mutated(set_timer_adds);
}

BOOLEAN KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc)
{
    struct sim *s = model_enter_object(ROUTINE_KeSetTimer, SIM_OP_WRITE, Timer);
    BOOLEAN was_set = timer_set(s, Timer, DueTime.QuadPart, 0, Dpc);
    model_leave(s);
    return was_set;
}

BOOLEAN KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc)
{
    struct sim *s = model_enter_object(ROUTINE_KeSetTimerEx, SIM_OP_WRITE, Timer);
    BOOLEAN was_set =
        timer_set(s, Timer, DueTime.QuadPart, (uint64_t)(Period > 0 ? Period : 0), Dpc);
    model_leave(s);
    return was_set;
}

BOOLEAN KeSetCoalescableTimer(PKTIMER Timer, LARGE_INTEGER DueTime, ULONG Period,
                              ULONG TolerableDelay, PKDPC Dpc)
{
    (void)TolerableDelay; /* a permission to be late; lateness is drawn for all timers */
    struct sim *s = model_enter_object(ROUTINE_KeSetCoalescableTimer, SIM_OP_WRITE, Timer);
    BOOLEAN was_set = timer_set(s, Timer, DueTime.QuadPart, Period, Dpc);
    model_leave(s);
    return was_set;
}

BOOLEAN KeCancelTimer(PKTIMER Timer)
{
    struct sim *s = model_enter_object(ROUTINE_KeCancelTimer, SIM_OP_WRITE, Timer);
    timer_check(s, Timer);
    const struct ke_timer *t = ke_timer_find(s, Timer);
    BOOLEAN is_periodic = t != NULL && t->period != 0;
    if (model_mutated(cancelled_timer_rings) && t != NULL && t->dpc != NULL) {
        fire_dpc(s, t);
    }
    BOOLEAN was_set = ke_timer_stop(s, Timer);
    model_leave(s);
    return was_set && !(is_periodic && model_mutated(periodic_cancel_false));
}

BOOLEAN KeReadStateTimer(PKTIMER Timer)
{
    struct sim *s = model_enter_object(ROUTINE_KeReadStateTimer, SIM_OP_READ, Timer);
    timer_check(s, Timer);
    BOOLEAN state = Timer->Header.SignalState != 0;
    model_leave(s);
    return state;
}
