/* SPDX-License-Identifier: MIT */
/*
 * Event callbacks: from "something may be there" to the effect of what the driver answered.
 *
 *   wsk_event_due -> (gate admits, room left) -> context of the system -> take -> enter -> driver
 *       ^                                                                                   |
 *       +------------- offer again <- returned (data path) <- leave, drain disables <-------+
 *
 * An invocation is in progress from the instant it enters the driver until it has returned; a
 * context that is only on its way counts in gate->due and nowhere else: it finds out when it runs
 * whether it may still enter. So "admitted" and "counted" are one step, with no scheduling point
 * between.
 *
 * The answers are judged here (table 7.7); what an answer does to data is the data path's
 * (returned).
 */
#include "model/wsk/wsk_gate.h"
#include "model/wsk/wsk_internal.h"

/* ---- admission ---- */

uint32_t wsk_event_limit(struct sim *s, enum wsk_event event)
{
    if (event == WSK_EV_RECEIVE && !model_mutated(receive_events_overlap)) {
        return 1; /* documented as serial */
    }
    switch (model_knob(s, KNOB_EVENT_CONCURRENCY)) {
    case 0:
        return 2;
    case 1:
        return 1;
    default:
        return WSK_OVERLAP_MAX;
    }
}

bool wsk_event_on(struct sim *s, const struct wsk_socket *socket, enum wsk_event event)
{
    const struct wsk_gate *gate = &socket->gate[event];
    (void)s;
    return gate->adm && !gate->suspended && wsk_event_target(socket, event) != NULL;
}

/*
 * amb.01=admit: while a disable pends new calls may start; amb.20=when-all-returned: after a
 * refusal, while other calls run. A few each time, or overlapping calls would never drain.
 */
static bool admits(struct sim *s, const struct wsk_gate *gate)
{
    if (model_mutated(gate_is_never_shut) && gate->enabled.seq != 0) {
        return true;
    }
    if (gate->adm && !gate->off_when_drained) {
        return true;
    }
    if (model_mutated(disabling_admits) && wsk_gate_is_disabling(gate)) {
        return true;
    }
    return gate->late < WSK_LATE_MAX &&
           (gate->adm || (wsk_gate_is_disabling(gate) && model_knob(s, KNOB_AMB_01) == 1));
}

static bool is_open(struct sim *s, const struct wsk_socket *socket, enum wsk_event event)
{
    if (socket->hold_events) {
        return false;
    }
    if (socket->life == WSK_LIVE) {
        return true;
    }
    if (event == WSK_EV_ABORT && socket->life == WSK_CLOSING && socket->data.aborted != 0 &&
        model_knob(s, KNOB_INSPECT_ON_CLOSE) == 1) {
        return true; /* AMBIGUOUS-LIFE-52: the close waits for it */
    }
    /* AMBIGUOUS-LIFE-03: what was on its way when the close came. */
    return socket->life == WSK_CLOSING && !socket->is_finishing &&
           model_knob(s, KNOB_CLOSE_LATE_CALLBACKS) == 1;
}

static bool may_enter(struct sim *s, const struct wsk_socket *socket, enum wsk_event event)
{
    const struct wsk_gate *gate = &socket->gate[event];
    if (gate->suspended || !is_open(s, socket, event)) {
        return false;
    }
    if (model_mutated(queued_requests_hold_calls_off) && socket->requests != 0) {
        return false; /* what CTL-089b rules out */
    }
    bool late = socket->life == WSK_CLOSING && gate->was_adm;
    return (late || admits(s, gate)) && wsk_event_target(socket, event) != NULL;
}

static void invoke(struct sim *s, void *argument);

static void spawn(struct sim *s, struct wsk_socket *socket, enum wsk_event event, bool is_null)
{
    struct wsk_state *w = wsk_of(s);
    if (w->invocation_count == WSK_INVOCATIONS_MAX) {
        sim_limit(s, "WSK_INVOCATIONS_MAX: too many event callbacks in one run");
    }
    struct wsk_invocation *inv = &w->invocation[w->invocation_count++];
    KIRQL irql = DISPATCH_LEVEL;
    uint16_t reading = model_knob(s, KNOB_EVENT_IRQL);
    if (reading == 0) {
        /* DISPATCH in two of three, the rest shared. */
        uint32_t pick = choice_pick(s, CHOICE_WORLD, PICK_WSK_EVENT_IRQL, 6);
        irql = pick < 4 ? DISPATCH_LEVEL : pick == 4 ? PASSIVE_LEVEL : APC_LEVEL;
    } else if (reading == 2) {
        irql = PASSIVE_LEVEL;
    }
    *inv = (struct wsk_invocation){.socket = socket, .event = (uint8_t)event, .is_null = is_null,
                                   .irql = irql};
    socket->gate[event].due++;
    ke_system_call(s, socket->parent, irql, invoke, inv, wsk_event_name(event));
}

/*
 * The event that was enabled without a callback has come: amb.12=accept-crash, and
 * event.static_null_entry=called of those that are static or inherited (AMBIGUOUS-25).
 */
static void check_null_target(struct sim *s, struct wsk_socket *socket, enum wsk_event event)
{
    const struct wsk_gate *gate = &socket->gate[event];
    if (SIM_LIKELY(!gate->adm || socket->life != WSK_LIVE || socket->accepting != NULL ||
                   wsk_event_target(socket, event) != NULL)) {
        return;
    }
    bool is_dynamic = gate->src == WSK_SRC_DYNAMIC;
    if (model_knob(s, is_dynamic ? KNOB_AMB_12 : KNOB_EVENT_STATIC_NULL_ENTRY) == 2 &&
        socket->ops->ready(s, socket, event) != 0) {
        model_fail(s, is_dynamic ? RULE_CTL_071 : RULE_MEM_NULL, socket->object, &gate->enabled,
                   "%s is due and its pointer in the client dispatch table is NULL",
                   wsk_event_name(event));
    }
}

void wsk_event_due(struct sim *s, struct wsk_socket *socket, enum wsk_event event)
{
    struct wsk_gate *gate = &socket->gate[event];
    if (!may_enter(s, socket, event)) {
        check_null_target(s, socket, event);
        return;
    }
    uint32_t limit = wsk_event_limit(s, event);
    uint32_t ready = socket->ops->ready(s, socket, event);
    while (gate->due < ready && wsk_gate_running(gate) + gate->due < limit) {
        spawn(s, socket, event, false);
    }
}

void wsk_socket_kick(struct sim *s, struct wsk_socket *socket)
{
    for (enum wsk_event event = 0; event < WSK_EVENTS; event++) {
        if (socket->gate[event].adm) {
            wsk_event_due(s, socket, event);
        }
    }
}

/* ---- NULL indications: death (T-40, T-54) ---- */

static bool has_null_form(enum wsk_event event)
{
    if (event == WSK_EV_ABORT && model_mutated(null_abort_indication)) {
        return true;
    }
    return event == WSK_EV_ACCEPT || event == WSK_EV_INSPECT || event == WSK_EV_RECEIVE ||
           event == WSK_EV_RECEIVE_FROM;
}

static void offer_null(struct sim *s, struct wsk_socket *socket, enum wsk_event event)
{
    struct wsk_gate *gate = &socket->gate[event];
    if (gate->null_due && gate->due == 0 &&
        (event != WSK_EV_RECEIVE || gate->running == 0)) {
        spawn(s, socket, event, true);
    }
}

/* CTL-107: an event of any form begins with the bind, the connect or the accept, not before. */
static bool may_produce(const struct wsk_socket *socket)
{
    return socket->state >= WSK_CONNECTED ||
           (socket->state == WSK_BOUND && socket->category == WSK_DATAGRAM);
}

/* A stream socket has the events of both roles, but plays one. */
static bool is_of_role(const struct wsk_socket *socket, enum wsk_event event)
{
    bool is_listening = socket->state == WSK_LISTENING;
    return socket->category != WSK_STREAM || (event == WSK_EV_ACCEPT) == is_listening;
}

void wsk_event_nulls(struct sim *s, struct wsk_socket *socket)
{
    uint16_t reading = model_knob(s, KNOB_AMB_31);
    if (!may_produce(socket) || reading == 3 || model_knob(s, KNOB_DEAD_ANNOUNCE) == 1 ||
        model_mutated(death_without_callbacks)) {
        return;
    }
    for (enum wsk_event event = 0; event < WSK_EVENTS; event++) {
        struct wsk_gate *gate = &socket->gate[event];
        bool is_closed =
            gate->suspended && reading != 1 && !model_mutated(null_through_a_closed_gate);
        if (event == WSK_EV_ACCEPT && model_mutated(accept_event_not_told_of_death)) {
            continue;
        }
        if (has_null_form(event) && is_of_role(socket, event) && gate->adm && !is_closed &&
            !socket->hold_events && wsk_event_target(socket, event) != NULL) {
            gate->null_due = true;
            offer_null(s, socket, event);
        }
    }
}

/* ---- entering and leaving ---- */

bool wsk_event_peek_client(struct sim *s, struct wsk_socket *accepted)
{
    const struct wsk_invocation *inv = accepted->accepting;
    PVOID dispatch = (PVOID)(ULONG_PTR)*inv->stored_dispatch;
    if (*inv->stored_context == WSK_UNWRITTEN || dispatch == WSK_UNWRITTEN) {
        return false;
    }
    if (accepted->dispatch == NULL) {
        wsk_socket_set_client(s, accepted, *inv->stored_context, dispatch);
    }
    return true;
}

/* AMBIGUOUS-LIFE-55, "once-stored": inherited events begin before WskAcceptEvent has returned. */
static void inherit_early(struct sim *s, void *argument)
{
    struct wsk_invocation *inv = argument;
    struct wsk_socket *accepted = wsk_socket_find(s, inv->accept_socket);
    if (accepted != NULL && accepted->accepting == inv && accepted->life == WSK_LIVE &&
        wsk_event_peek_client(s, accepted)) {
        wsk_socket_inherit(s, accepted, inv->socket);
    }
}

static void show_accepted(struct sim *s, struct wsk_invocation *inv, struct wsk_out *out)
{
    if (inv->event == WSK_EV_ACCEPT && inv->accept_socket != NULL) {
        inv->stored_context = &out->context;
        inv->stored_dispatch = &out->dispatch;
        wsk_socket_find(s, inv->accept_socket)->accepting = inv;
        if (model_knob(s, KNOB_ACCEPT_EARLY_CALLBACKS) == 1) {
            ke_system_call(s, inv->socket->parent, DISPATCH_LEVEL, inherit_early, inv,
                           "inherited events");
        }
    }
}

static void hide_accepted(struct sim *s, struct wsk_invocation *inv)
{
    if (inv->event == WSK_EV_ACCEPT && inv->accept_socket != NULL) {
        wsk_socket_find(s, inv->accept_socket)->accepting = NULL;
    }
}

/* EVT-017: nothing is quantified; a third of a kernel stack, and what a DPC may take. */
enum { CALLBACK_STACK_MAX = 8192, CALLBACK_STALL_MAX = 1000 };

void wsk_event_check_stack(struct sim *s)
{
    const struct wsk_invocation *inv = wsk_of(s)->inside[s->current->index];
    if (inv != NULL && inv->frame - s->current->frame > CALLBACK_STACK_MAX) {
        model_lint(s, RULE_EVT_017);
    }
}

static void check_time(struct sim *s, const struct wsk_invocation *inv)
{
    if (inv->irql == DISPATCH_LEVEL &&
        ke_current(s)->stalled - inv->stalled > CALLBACK_STALL_MAX) {
        model_lint(s, RULE_EVT_017);
    }
    model_exercised(s, RULE_EVT_017);
}

static void enter(struct sim *s, struct wsk_invocation *inv)
{
    struct wsk_state *w = wsk_of(s);
    struct wsk_socket *socket = inv->socket;
    struct wsk_gate *gate = &socket->gate[inv->event];
    if (!gate->adm || gate->off_when_drained) {
        gate->late++;
    }
    sim_hb_acquire(s, socket);
    if (wsk_event_limit(s, inv->event) == 1) {
        sim_hb_acquire(s, gate); /* serial, as documented or in this reading */
    }
    inv->slot = (uint8_t)wsk_gate_enter(gate);
    inv->object = model_object_new(s, OBJECT_INDICATION);
    inv->outer = w->inside[s->current->index];
    w->inside[s->current->index] = inv;
    if (s->current->index >= w->calls_high) {
        w->calls_high = (uint16_t)(s->current->index + 1);
    }
    socket->invocations++;
    ke_window_open(s, KE_WINDOW_WSK_CALLBACK, socket->object);
    ke_window_code(s, wsk_event_target(socket, inv->event));
    sim_trace(s, TRACE_CallbackEnter, socket->object, wsk_event_value(inv->event, 0));
    inv->entered = gate->entered = sim_here(s);
    inv->stalled = ke_current(s)->stalled;
    inv->frame = (uintptr_t)__builtin_frame_address(0);
    if (inv->is_null) {
        gate->null_due = false;
        gate->nulls++;
        wsk_socket_tell_death(s, socket);
    }
}

static void leave(struct sim *s, struct wsk_invocation *inv)
{
    struct wsk_state *w = wsk_of(s);
    struct wsk_socket *socket = inv->socket;
    struct wsk_gate *gate = &socket->gate[inv->event];
    sim_trace(s, TRACE_CallbackLeave, socket->object, wsk_event_value(inv->event, inv->answer));
    ke_window_close(s);
    check_time(s, inv);
    sim_hb_release(s, gate);
    sim_hb_release(s, sim_hb_other(socket)); /* disables and the close come after it */
    sim_hb_release(s, sim_hb_other(socket->registration));
    w->inside[s->current->index] = inv->outer;
    if (!model_mutated(retained_counts) || inv->answer != STATUS_PENDING) {
        wsk_gate_leave(gate, inv->slot);
    }
    inv->is_done = true;
}

/* The status of a waiting disable whose set is empty (AMBIGUOUS-32, -36). */
static NTSTATUS drained_status(struct sim *s, const struct wsk_socket *socket)
{
    if (socket->life == WSK_DEAD && model_knob(s, KNOB_AMB_32_PENDED) == 1) {
        return STATUS_FILE_FORCED_CLOSED;
    }
    if (socket->life == WSK_CLOSING && model_knob(s, KNOB_AMB_36) == 2) {
        return STATUS_CANCELLED;
    }
    return STATUS_SUCCESS;
}

bool wsk_event_drain(struct sim *s, struct wsk_socket *socket, enum wsk_event event)
{
    struct wsk_gate *gate = &socket->gate[event];
    bool any = false;
    for (struct wsk_request *r; (r = wsk_gate_drained(gate)) != NULL; any = true) {
        if (wsk_gate_wait_next(r)) {
            continue;
        }
        wsk_request_drained(s, gate, r, drained_status(s, socket));
    }
    if (!wsk_gate_is_disabling(gate)) {
        if (gate->queued_enable) { /* amb.03=queue */
            gate->queued_enable = false;
            wsk_gate_enable(gate);
        }
        if (gate->off_when_drained && gate->running == 0) { /* amb.20=when-all-returned */
            gate->off_when_drained = false;
            wsk_gate_turn_off(gate);
        }
        if (!gate->off_when_drained) {
            gate->late = 0;
        }
    }
    return any;
}

static void finish(struct sim *s, struct wsk_invocation *inv, const struct wsk_out *out)
{
    struct wsk_socket *socket = inv->socket;
    leave(s, inv);
    hide_accepted(s, inv);
    wsk_event_judge(s, inv, out);
    inv->accept_context = out->context;
    inv->accept_dispatch = out->dispatch;
    inv->bytes_accepted = out->accepted;
    if (!inv->is_null) {
        socket->ops->returned(s, inv);
    }
    wsk_event_drain(s, socket, inv->event);
    socket->invocations--;
    wsk_socket_vanish(s, socket);
    if (socket->life == WSK_DEAD) {
        struct wsk_gate *gate = &socket->gate[inv->event];
        bool is_listener = inv->event == WSK_EV_INSPECT || inv->event == WSK_EV_ACCEPT;
        bool is_repeated = model_knob(s, KNOB_AMB_31) == 2 || model_mutated(null_twice) ||
                           (is_listener && model_mutated(listener_null_twice));
        if (inv->is_null && gate->nulls < 2 && gate->adm && is_repeated) {
            gate->null_due = true; /* "repeated" */
        }
        offer_null(s, socket, inv->event);
    } else {
        wsk_event_due(s, socket, inv->event);
    }
    wsk_close_poke(s, socket);
}

/* The NULL form's other arguments (AMBIGUOUS-LIFE-33). */
static void fill_null(struct sim *s, struct wsk_invocation *inv)
{
    if ((inv->event == WSK_EV_ACCEPT || inv->event == WSK_EV_INSPECT) &&
        model_knob(s, KNOB_DEAD_CALLBACK_ARGS) == 1) {
        inv->local = inv->remote = WSK_UNWRITTEN;
    }
    if (inv->event == WSK_EV_RECEIVE && model_mutated(null_indication_has_bytes)) {
        inv->bytes_indicated = 1;
    }
}

static bool take(struct sim *s, struct wsk_invocation *inv)
{
    struct wsk_socket *socket = inv->socket;
    struct wsk_gate *gate = &socket->gate[inv->event];
    if (inv->is_null) {
        fill_null(s, inv);
        return gate->null_due && socket->life == WSK_DEAD;
    }
    return may_enter(s, socket, inv->event) &&
           wsk_gate_running(gate) < wsk_event_limit(s, inv->event) &&
           socket->ops->take(s, inv);
}

static void invoke(struct sim *s, void *argument)
{
    struct wsk_invocation *inv = argument;
    struct wsk_socket *socket = inv->socket;
    struct wsk_gate *gate = &socket->gate[inv->event];
    gate->due--;
    if (!take(s, inv)) {
        inv->is_done = true;
        if (socket->life == WSK_DEAD) {
            offer_null(s, socket, inv->event);
        }
        return;
    }
    const void *target = wsk_event_checked_target(s, socket, inv->event);
    struct wsk_out out = {WSK_UNWRITTEN, WSK_UNWRITTEN, inv->bytes_accepted};
    show_accepted(s, inv, &out);
    enter(s, inv);
    inv->answer = wsk_event_call(s, inv, target, &out);
    finish(s, inv, &out);
}

/* ---- small changes of the gate that the data path asks for ---- */

void wsk_event_resume(struct sim *s, struct wsk_socket *socket)
{
    if (model_mutated(receive_does_not_resume)) {
        return;
    }
    socket->gate[WSK_EV_RECEIVE].suspended = false;
    wsk_event_due(s, socket, WSK_EV_RECEIVE);
}

void wsk_event_suspend(struct sim *s, struct wsk_socket *socket)
{
    (void)s;
    socket->gate[WSK_EV_RECEIVE].suspended = true;
}

void wsk_event_refused(struct sim *s, struct wsk_socket *socket)
{
    struct wsk_gate *gate = &socket->gate[WSK_EV_RECEIVE_FROM];
    if (model_mutated(refusal_ignored)) {
        return;
    }
    bool is_static = gate->src == WSK_SRC_STATIC && !model_mutated(static_refusal_disables);
    if (is_static || (gate->enabled_inside && model_knob(s, KNOB_AMB_19) == 1)) {
        gate->enabled_inside = false;
        return;
    }
    gate->enabled_inside = false;
    if (gate->running != 0 && model_knob(s, KNOB_AMB_20) == 1) {
        gate->off_when_drained = true;
    } else {
        wsk_gate_turn_off(gate);
    }
    gate->disabled = sim_here(s);
    sim_trace(s, TRACE_EventOff, socket->object, wsk_event_value(WSK_EV_RECEIVE_FROM, 0));
}

void wsk_event_conditional(struct sim *s, struct wsk_socket *listener)
{
    for (int i = 0; i < 2; i++) {
        enum wsk_event event = i == 0 ? WSK_EV_INSPECT : WSK_EV_ABORT;
        if (wsk_event_target(listener, event) == NULL) {
            model_fail(s, RULE_LSTN_004, listener->object, &listener->created,
                       "the socket is bound with conditional accept but has no %s",
                       wsk_event_name(event));
        }
        listener->gate[event].adm = true;
        listener->gate[event].src = WSK_SRC_CONDITIONAL;
    }
}

const char *wsk_event_told_nothing(struct sim *s)
{
    const struct wsk_invocation *inv = wsk_of(s)->inside[s->current->index];
    return inv != NULL && inv->is_null ? wsk_event_name((enum wsk_event)inv->event) : NULL;
}

struct wsk_invocation *wsk_event_inside(struct sim *s, const struct wsk_socket *socket)
{
    struct wsk_invocation *inv = wsk_of(s)->inside[s->current->index];
    while (inv != NULL && inv->socket != socket) {
        inv = inv->outer;
    }
    return inv;
}
