/* SPDX-License-Identifier: MIT */
/*
 * Events. State and trace id stand in the object's header (ke_wait.c); this file holds the internal
 * functions that other parts use, and the routines of the WDK around them.
 *
 * Invariant: once a waiter has been woken the signaller touches the event no more (KRN-089), so an
 * event on the stack of the waiter is fine.
 */
#include "model/io/io.h"
#include "model/ke/ke_internal.h"

void ke_event_init(struct sim *s, PKEVENT event, EVENT_TYPE type, BOOLEAN state)
{
    enum ke_type kind =
        type == NotificationEvent ? KE_TYPE_NOTIFICATION_EVENT : KE_TYPE_SYNCHRONIZATION_EVENT;
    uint32_t object = model_object_new(s, OBJECT_EVENT);
    ke_dispatcher_init(s, &event->Header, kind, object, state != FALSE);
}

LONG ke_event_set(struct sim *s, PKEVENT event)
{
    LONG previous = event->Header.SignalState;
    sim_trace(s, TRACE_Signal, ke_dispatcher_object(event), (uint64_t)previous);
    sim_hb_release(s, event);
    event->Header.Signalling = KE_SIGNAL_UNSEEN; /* until a wait takes notice of it */
    if (previous == 0) {
        event->Header.SignalState = 1;
        ke_wake_waiters(s, event);
    }
    return previous;
}

/* A signal that no wait has seen is wiped out: if somebody then waits for ever, this is why. */
static void remember_lost(struct sim *s, PKEVENT event)
{
    struct ke_state *ke = ke_of(s);
    struct ke_lost *lost = &ke->lost[ke->lost_count++ % SIM_COUNT(ke->lost)];
    *lost = (struct ke_lost){.object = ke_dispatcher_object(event), .cleared = sim_here(s)};
    event->Header.Signalling = KE_SIGNAL_LOST;
}

bool ke_lost_wakeup(struct sim *s, uint32_t *object, struct sim_where *cleared)
{
    struct ke_state *ke = ke_of(s);
    for (uint32_t i = 0; i < ke->waiter_count; i++) {
        const DISPATCHER_HEADER *header = ke->waiter[i]->wait_object[0];
        if (ke->waiter[i]->wait_count == 0 || !sim_memory_ok(header, sizeof *header, NULL) ||
            header->Signalling != KE_SIGNAL_LOST) {
            continue;
        }
        for (uint32_t k = 0; k < SIM_COUNT(ke->lost) && k < ke->lost_count; k++) {
            if (ke->lost[k].object == ke_dispatcher_object(header)) {
                *object = ke->lost[k].object;
                *cleared = ke->lost[k].cleared;
                return true;
            }
        }
    }
    return false;
}

LONG ke_event_reset(struct sim *s, PKEVENT event)
{
    LONG previous = event->Header.SignalState;
    sim_trace(s, TRACE_Reset, ke_dispatcher_object(event), (uint64_t)previous);
    if (previous != 0 && event->Header.Signalling == KE_SIGNAL_UNSEEN) {
        remember_lost(s, event);
    }
    if (previous != 0) {
        sim_hb_acquire(s, event); /* the caller may learn of it */
    }
    event->Header.SignalState = 0;
    return previous;
}

void KeInitializeEvent(PRKEVENT Event, EVENT_TYPE Type, BOOLEAN State)
{
    struct sim *s = model_enter_object(ROUTINE_KeInitializeEvent, SIM_OP_WRITE, Event);
    model_touch(s, Event, sizeof *Event, "Event");
    model_resident(s, Event, sizeof *Event, RULE_KRN_080, "Event");
    if (ke_has_waiters(s, Event)) {
        model_fail(s, RULE_KRN_091, ke_dispatcher_object(Event), NULL,
                   "an event is initialised again while a thread waits for it");
    }
    const struct io_irp *irp = io_flight_context(s, Event);
    if (irp != NULL) {
        model_fail(s, RULE_KRN_091, irp->object, &irp->submitted,
                   "an event is initialised again while the request whose completion routine gets "
                   "it is in flight");
    }
    ke_event_init(s, Event, Type, State);
    model_leave(s);
}

/* KRN-102, KRN-090: who sets this event, and in the completion routine of which IRP. */
static void note_setter(struct sim *s, uint32_t object)
{
    struct ke_state *ke = ke_of(s);
    const struct ke_context *c = ke_current(s);
    struct ke_setter *setter = &ke->setter[object % KE_SETTERS_MAX];
    if (setter->object != object) {
        *setter = (struct ke_setter){.object = object, .context = s->current->id};
        ke->has_setters = true;
    }
    setter->are_several |= setter->context != s->current->id;
    if (c->window_count > 0 && c->window[c->window_count - 1].kind == KE_WINDOW_COMPLETION) {
        setter->are_several = true; /* the request's signal: its thread is chance (IRP-016) */
        io_event_set_by(s, c->window[c->window_count - 1].object, object);
    }
}

LONG KeSetEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
    (void)Increment;
    struct sim *s = model_enter_object(ROUTINE_KeSetEvent, SIM_OP_WAKE, Event);
    uint32_t object = ke_dispatcher_check(s, Event, KE_TYPES_EVENT, "Event");
    if (SIM_UNLIKELY(Wait)) {
        ke_must_wait_begin(s, object, RULE_KRN_086);
    }
    note_setter(s, object);
    LONG previous = ke_event_set(s, Event);
    model_leave(s);
    return model_mutated(set_event_says_zero) ? 0 : previous;
}

/* KRN-090: a request that will set it is in flight already. */
static void lint_clear(struct sim *s, PRKEVENT event)
{
    if (io_flight_sets(s, event, ke_dispatcher_object(event)) != NULL) {
        model_lint(s, RULE_KRN_090);
    }
    model_exercised(s, RULE_KRN_090);
}

void KeClearEvent(PRKEVENT Event)
{
    struct sim *s = model_enter_object(ROUTINE_KeClearEvent, SIM_OP_WRITE, Event);
    ke_dispatcher_check(s, Event, KE_TYPES_EVENT, "Event");
    lint_clear(s, Event);
    (void)ke_event_reset(s, Event);
    model_leave(s);
}

LONG KeResetEvent(PRKEVENT Event)
{
    struct sim *s = model_enter_object(ROUTINE_KeResetEvent, SIM_OP_WRITE, Event);
    ke_dispatcher_check(s, Event, KE_TYPES_EVENT, "Event");
    lint_clear(s, Event);
    LONG previous = ke_event_reset(s, Event);
    model_leave(s);
    return previous;
}

LONG KeReadStateEvent(PRKEVENT Event)
{
    struct sim *s = model_enter_object(ROUTINE_KeReadStateEvent, SIM_OP_READ, Event);
    ke_dispatcher_check(s, Event, KE_TYPES_EVENT, "Event");
    LONG state = Event->Header.SignalState;
    if (state != 0) {
        sim_hb_acquire(s, Event);
    }
    model_leave(s);
    return state;
}

LONG KePulseEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
    (void)Increment;
    struct sim *s = model_enter_object(ROUTINE_KePulseEvent, SIM_OP_WAKE, Event);
    uint32_t object = ke_dispatcher_check(s, Event, KE_TYPES_EVENT, "Event");
    model_lint(s, RULE_KRN_095);
    if (SIM_UNLIKELY(Wait)) {
        ke_must_wait_begin(s, object, RULE_KRN_086);
    }
    LONG previous = Event->Header.SignalState;
    if (previous == 0) {
        Event->Header.SignalState = 1;
        sim_hb_release(s, Event);
        sim_trace(s, TRACE_Signal, object, 0);
        ke_wake_waiters(s, Event);
    }
    Event->Header.SignalState = 0; /* still inside the dispatcher: nobody has run since */
    model_leave(s);
    return previous;
}
