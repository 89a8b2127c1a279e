/* SPDX-License-Identifier: MIT */
/*
 * SO_WSK_EVENT_CALLBACK: the decision order of the control plane, 3.5, from the shape of the
 * request to the machine of wsk_gate.c.
 *
 * A breach ends the run, so that most of the failing answers of 3.5 are never given; what remains
 * are the cases the contract calls warnings (an IRP on an enable, a static or template bit), those
 * a client cannot know (the connection has ended), and those of knobs.
 */
#include "model/wsk/wsk_data_internal.h"
#include "model/wsk/wsk_gate.h"
#include "model/wsk/wsk_internal.h"

#include <string.h>

/* One request, decoded. */
struct option {
    struct wsk_call *call;
    const struct wsk_control *control;
    ULONG mask;      /* event bits, without WSK_EVENT_DISABLE */
    bool is_disable;
    NTSTATUS status; /* amb.58=valid-bits: what the call answers although some were enabled */
};

ULONG wsk_event_flag(enum wsk_event event)
{
    static const ULONG flag[WSK_EVENTS] = {
        [WSK_EV_ACCEPT] = WSK_EVENT_ACCEPT,
        [WSK_EV_RECEIVE_FROM] = WSK_EVENT_RECEIVE_FROM,
        [WSK_EV_DISCONNECT] = WSK_EVENT_DISCONNECT,
        [WSK_EV_RECEIVE] = WSK_EVENT_RECEIVE,
        [WSK_EV_SEND_BACKLOG] = WSK_EVENT_SEND_BACKLOG,
    };
    return flag[event];
}

enum { CONNECTION_FLAGS = WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT | WSK_EVENT_SEND_BACKLOG };

ULONG wsk_category_flags(enum wsk_category category)
{
    switch (category) {
    case WSK_LISTEN:
        return WSK_EVENT_ACCEPT;
    case WSK_DATAGRAM:
        return WSK_EVENT_RECEIVE_FROM;
    case WSK_CONNECTION:
        return CONNECTION_FLAGS;
    case WSK_STREAM:
        return WSK_EVENT_ACCEPT | CONNECTION_FLAGS;
    case WSK_BASIC:
    case WSK_CATEGORIES:
        break;
    }
    return 0;
}

bool wsk_is_wsk_npi(struct sim *s, PNPIID id)
{
    model_touch(s, id, sizeof *id, "NpiId");
    if (model_mutated(npi_by_pointer)) {
        return id == &NPI_WSK_INTERFACE_ID;
    }
    return memcmp(id, &NPI_WSK_INTERFACE_ID, sizeof *id) == 0;
}

/* The role in which the option sees the socket; a stream socket by what it is committed to. */
static enum wsk_category role_of(struct sim *s, const struct wsk_socket *socket)
{
    if (socket->category != WSK_STREAM) {
        return (enum wsk_category)socket->category;
    }
    if (socket->committed_listen) {
        return WSK_LISTEN;
    }
    if (socket->committed_connect || model_knob(s, KNOB_STREAM_CALLBACKS) != 2) {
        return WSK_CONNECTION;
    }
    return WSK_STREAM;
}

/* ---- steps 3 and 4: shape ---- */

static void check_shape(struct wsk_call *call, const struct wsk_control *c)
{
    struct sim *s = call->s;
    uint32_t object = call->socket->object;
    if (c->level != SOL_SOCKET) {
        model_fail(s, RULE_CTL_006, object, NULL,
                   "SO_WSK_EVENT_CALLBACK is given level %u instead of SOL_SOCKET", c->level);
    }
    if (c->in == NULL || c->in_size < sizeof(WSK_EVENT_CALLBACK_CONTROL)) {
        model_fail(s, RULE_CTL_063, object, NULL,
                   "SO_WSK_EVENT_CALLBACK is given %u bytes of input, a "
                   "WSK_EVENT_CALLBACK_CONTROL has %u",
                   c->in == NULL ? 0 : (unsigned)c->in_size,
                   (unsigned)sizeof(WSK_EVENT_CALLBACK_CONTROL));
    }
    model_touch(s, c->in, sizeof(WSK_EVENT_CALLBACK_CONTROL), "InputBuffer");
    if (c->in_size != sizeof(WSK_EVENT_CALLBACK_CONTROL)) {
        model_lint(s, RULE_CTL_063);
    }
    if (c->out != NULL || c->out_size != 0) {
        model_lint(s, RULE_CTL_009);
    }
    if (c->returned != NULL) {
        model_lint(s, RULE_CTL_044);
    }
    const WSK_EVENT_CALLBACK_CONTROL *control = c->in;
    if (!wsk_is_wsk_npi(s, control->NpiId)) {
        model_fail(s, RULE_CTL_066, object, NULL,
                   "NpiId names an extension that is not registered on this socket");
    }
}

/* ---- step 5: mask ---- */

/* Bits of other categories (AMBIGUOUS-08, -58). False: the call is decided. */
static bool accept_foreign(struct option *o, ULONG valid)
{
    struct wsk_call *call = o->call;
    struct sim *s = call->s;
    model_breach(s, RULE_CTL_067, call->socket->object, NULL,
                 "event mask 0x%08x does not fit a %s socket", o->mask,
                 wsk_category_name(call->socket->category));
    uint16_t reading = model_knob(s, KNOB_AMB_08);
    NTSTATUS status = reading == 2 ? STATUS_INVALID_DEVICE_REQUEST : STATUS_INVALID_PARAMETER;
    bool is_partial = !o->is_disable && model_knob(s, KNOB_AMB_58) == 1;
    if (reading != 1 && !is_partial) {
        wsk_inline(call, status, 0);
        return false;
    }
    o->mask &= valid;
    o->status = reading == 1 ? STATUS_SUCCESS : status;
    return true;
}

/* CTL-068, EVT-012: every flag is foreign there, and none is left to be served. */
static NTSTATUS basic_status(struct sim *s)
{
    if (model_mutated(basic_socket_has_events)) {
        return STATUS_SUCCESS;
    }
    return model_knob(s, KNOB_AMB_08) == 2 ? STATUS_INVALID_DEVICE_REQUEST
                                           : STATUS_INVALID_PARAMETER;
}

/* False: the call is decided. */
static bool check_mask(struct option *o)
{
    struct wsk_call *call = o->call;
    struct sim *s = call->s;
    enum wsk_category role = role_of(s, call->socket);
    ULONG valid = wsk_category_flags(role);
    if (role == WSK_LISTEN && !o->is_disable) {
        valid |= CONNECTION_FLAGS; /* the template, CTL-090 */
    }
    if (role == WSK_LISTEN && o->is_disable) {
        valid |= CONNECTION_FLAGS; /* CTL-092 */
    }
    if (role == WSK_BASIC) {
        model_breach(s, RULE_CTL_068, call->socket->object, NULL,
                     "a basic socket has no standard events (mask 0x%08x)", o->mask);
        wsk_inline(call, basic_status(s), 0);
        return false;
    }
    if ((o->mask & ~valid) != 0 && !accept_foreign(o, valid)) {
        return false;
    }
    if (o->is_disable && __builtin_popcount(o->mask) != 1) {
        model_breach(s, RULE_CTL_080, call->socket->object, NULL,
                     "one request disables %d events (mask 0x%08x)", __builtin_popcount(o->mask),
                     o->mask);
        if (o->mask != 0 && model_knob(s, KNOB_AMB_07) == 0) {
            wsk_inline(call, STATUS_INVALID_PARAMETER, 0);
            return false;
        }
    }
    if (o->mask == 0) {
        model_lint(s, RULE_CTL_067);
        bool succeeds = model_knob(s, KNOB_AMB_07_ZERO) == 1;
        wsk_inline(call, succeeds ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER, 0);
        return false;
    }
    model_exercised(s, RULE_CTL_067);
    model_exercised(s, RULE_CTL_068);
    model_exercised(s, RULE_CTL_080);
    return true;
}

/* ---- step 6: state ---- */

static bool is_over(const struct wsk_socket *socket)
{
    return socket->state == WSK_LOCAL_FIN || socket->state == WSK_REMOTE_FIN ||
           socket->state == WSK_BOTH_FIN || socket->state == WSK_ABORTED;
}

static bool check_state(struct option *o)
{
    struct wsk_call *call = o->call;
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    bool is_stream = socket->category == WSK_STREAM;
    bool uncommitted = is_stream && !socket->committed_listen && !socket->committed_connect;
    if (is_stream && (uncommitted || model_knob(s, KNOB_STREAM_CALLBACKS) == 1)) {
        wsk_inline(call, STATUS_INVALID_DEVICE_STATE, 0); /* AMBIGUOUS-30 */
        return false;
    }
    enum wsk_category role = role_of(s, socket);
    bool is_told = wsk_any_callback(socket); /* it may precede the completion */
    bool is_early = role == WSK_CONNECTION
                        ? !socket->once_connected_seen
                        : socket->seen == WSK_UNBOUND || socket->seen == WSK_BINDING;
    if (is_early && !is_told) {
        model_breach(s, role == WSK_CONNECTION ? RULE_CTL_062 : RULE_CTL_061, socket->object, NULL,
                     "SO_WSK_EVENT_CALLBACK before the socket is %s",
                     role == WSK_CONNECTION ? "connected" : "bound");
        if (model_knob(s, KNOB_AMB_09) == 0) {
            wsk_inline(call, STATUS_INVALID_DEVICE_STATE, 0);
            return false;
        }
    }
    model_exercised(s, role == WSK_CONNECTION ? RULE_CTL_062 : RULE_CTL_061);
    if (role == WSK_CONNECTION && is_over(socket) && model_knob(s, KNOB_AMB_09_AFTER) == 1) {
        wsk_inline(call, STATUS_INVALID_DEVICE_STATE, 0);
        return false;
    }
    return true;
}

/* ---- steps 7 to 9 ---- */

static bool is_template_bit(const struct option *o, enum wsk_event event)
{
    const struct wsk_socket *socket = o->call->socket;
    bool listens = socket->category == WSK_LISTEN || socket->committed_listen;
    return listens && event != WSK_EV_ACCEPT;
}

static bool has_event(const struct option *o, enum wsk_event event)
{
    ULONG flag = wsk_event_flag(event);
    return flag != 0 && (o->mask & flag) != 0;
}

static bool is_fixed(uint8_t source)
{
    if (model_mutated(static_disable_works)) {
        return false;
    }
    bool both = source == WSK_SRC_INHERITED && model_mutated(inherited_cannot_be_disabled);
    return source == WSK_SRC_STATIC || both;
}

static bool check_static(struct option *o)
{
    static const NTSTATUS answer[] = {STATUS_INVALID_DEVICE_REQUEST, STATUS_NOT_SUPPORTED,
                                      STATUS_SUCCESS};
    struct sim *s = o->call->s;
    for (enum wsk_event e = 0; e < WSK_EVENTS; e++) {
        if (!has_event(o, e)) {
            continue;
        }
        if (is_template_bit(o, e)) {
            model_exercised(s, RULE_CTL_092);
            if (o->is_disable) {
                model_lint(s, RULE_CTL_092);
                if (model_mutated(template_disable_works)) {
                    o->call->socket->gate[e].tmpl = false;
                    wsk_inline(o->call, STATUS_SUCCESS, 0);
                    return false;
                }
                bool succeeds = model_knob(s, KNOB_AMB_11) == 1;
                wsk_inline(o->call, succeeds ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER, 0);
                return false;
            }
        } else if (is_fixed(o->call->socket->gate[e].src) &&
                   !(model_mutated(static_can_be_disabled) && o->is_disable)) {
            model_lint(s, RULE_CTL_103);
            wsk_inline(o->call, answer[model_knob(s, KNOB_AMB_10)], 0);
            return false;
        }
    }
    return true;
}

/* False: the call is decided (AMBIGUOUS-12; amb.12=accept-crash blames at the first event). */
static bool accept_null_target(struct option *o, enum wsk_event e)
{
    struct sim *s = o->call->s;
    uint16_t reading = model_knob(s, KNOB_AMB_12);
    if (reading == 2) {
        return true;
    }
    model_breach(s, RULE_CTL_071, o->call->socket->object, &o->call->socket->created,
                 "%s is enabled but its pointer in the client dispatch table is NULL",
                 wsk_event_name(e));
    if (reading == 0) {
        wsk_inline(o->call, STATUS_INVALID_PARAMETER, 0);
    }
    return reading != 0;
}

static bool check_targets(struct option *o)
{
    struct wsk_socket *socket = o->call->socket;
    if (socket->accepting != NULL && !wsk_event_peek_client(o->call->s, socket)) {
        model_lint(o->call->s, RULE_CTL_095a); /* the table is not known before the return */
        return true;
    }
    for (enum wsk_event e = 0; e < WSK_EVENTS; e++) {
        if (has_event(o, e) && !is_template_bit(o, e) && wsk_event_target(socket, e) == NULL &&
            !accept_null_target(o, e)) {
            return false;
        }
    }
    model_exercised(o->call->s, RULE_CTL_071);
    return true;
}

/* ---- step 10: enable ---- */

/* False: refused as a whole. */
static bool may_enable(struct option *o, enum wsk_event e)
{
    struct sim *s = o->call->s;
    const struct wsk_gate *gate = &o->call->socket->gate[e];
    if (wsk_gate_is_disabling(gate) && !gate->adm && model_knob(s, KNOB_AMB_03) == 3) {
        wsk_inline(o->call, STATUS_INVALID_DEVICE_STATE, 0);
        return false;
    }
    if (gate->adm && model_knob(s, KNOB_AMB_05) == 1) {
        wsk_inline(o->call, STATUS_INVALID_PARAMETER, 0);
        return false;
    }
    return true;
}

static void cancel_waiters(struct sim *s, struct wsk_gate *gate)
{
    while (gate->wait_first != NULL) {
        struct wsk_request *r = gate->wait_first;
        wsk_gate_forget(gate, r);
        wsk_complete(s, r, STATUS_CANCELLED, 0);
    }
}

static void enable_event(struct option *o, enum wsk_event e)
{
    struct sim *s = o->call->s;
    struct wsk_socket *socket = o->call->socket;
    struct wsk_gate *gate = &socket->gate[e];
    bool was_on = gate->adm;
    gate->off_when_drained = false;
    if (wsk_gate_is_disabling(gate) && !gate->adm) {
        switch (model_knob(s, KNOB_AMB_03)) {
        case 1:
            cancel_waiters(s, gate);
            gate->silent = 0;
            break;
        case 2:
            gate->queued_enable = true;
            return;
        default:
            break;
        }
    }
    if (model_mutated(enable_completes_waiters)) {
        while (gate->wait_first != NULL) {
            struct wsk_request *r = gate->wait_first;
            wsk_gate_forget(gate, r);
            wsk_complete(s, r, STATUS_SUCCESS, 0);
        }
    }
    wsk_gate_enable(gate);
    gate->enabled = sim_here(s);
    gate->enabled_inside = wsk_event_inside(s, socket) != NULL;
    if (!was_on && e == WSK_EV_RECEIVE && model_knob(s, KNOB_RECV_REENABLE_LIFTS_SUSPENSION) == 1) {
        gate->suspended = false;
    }
    sim_trace(s, TRACE_EventEnable, socket->object, wsk_event_value(e, 0));
    if (!was_on && socket->ops->enabled != NULL) {
        socket->ops->enabled(s, socket, e);
    }
    wsk_event_due(s, socket, e);
}

/* AMBIGUOUS-06: what becomes of an IRP that an enable does not need. */
static void finish_enable(const struct option *o)
{
    struct wsk_call *call = o->call;
    struct sim *s = call->s;
    if (call->request == NULL || !NT_SUCCESS(o->status)) {
        wsk_inline(call, o->status, 0);
        return;
    }
    switch (model_knob(s, KNOB_AMB_06)) {
    case 1:
        call->decided = true;
        call->status = STATUS_PENDING;
        wsk_request_later(call, STATUS_SUCCESS, 0);
        break;
    case 3:
        wsk_request_abandon(call);
        wsk_inline(call, STATUS_SUCCESS, 0);
        break;
    default:
        wsk_inline(call, STATUS_SUCCESS, 0);
        break;
    }
}

/* Mutants: the template loses what it had, at a further enable or at a disable of the accept. */
static void forget_template(struct wsk_socket *socket, enum wsk_event event)
{
    bool is_lost = event == WSK_EV_ACCEPT ? model_mutated(template_dropped_by_toggle)
                                          : model_mutated(template_bit_lost);
    for (enum wsk_event e = 0; is_lost && e < WSK_EVENTS; e++) {
        socket->gate[e].tmpl = false;
    }
}

/* For mutants: other events of the socket go off; is a disable of any in progress? */
static void disable_others(struct wsk_socket *socket, const struct option *o)
{
    for (enum wsk_event e = 0; e < WSK_EVENTS; e++) {
        if (!has_event(o, e) && socket->gate[e].src == WSK_SRC_DYNAMIC) {
            wsk_gate_turn_off(&socket->gate[e]);
        }
    }
}

static bool is_any_disabling(const struct wsk_socket *socket)
{
    for (enum wsk_event e = 0; e < WSK_EVENTS; e++) {
        if (wsk_gate_is_disabling(&socket->gate[e])) {
            return true;
        }
    }
    return false;
}

static void enable(struct option *o)
{
    struct sim *s = o->call->s;
    struct wsk_socket *socket = o->call->socket;
    if (o->call->request != NULL) {
        model_lint(s, RULE_CTL_074);
        if (model_knob(s, KNOB_AMB_06) == 2) {
            wsk_inline(o->call, STATUS_INVALID_PARAMETER, 0);
            return;
        }
    }
    if (socket->life == WSK_DEAD) {
        wsk_inline(o->call, STATUS_FILE_FORCED_CLOSED, 0);
        return;
    }
    for (enum wsk_event e = 0; e < WSK_EVENTS; e++) {
        if (has_event(o, e) && !is_template_bit(o, e) && !may_enable(o, e)) {
            return;
        }
    }
    for (enum wsk_event e = 0; e < WSK_EVENTS; e++) {
        if (!has_event(o, e)) {
            continue;
        }
        if (is_template_bit(o, e)) {
            forget_template(socket, e);
            socket->gate[e].tmpl = true;
        } else {
            enable_event(o, e);
        }
        if (model_mutated(enable_first_only)) {
            break;
        }
    }
    if (model_mutated(enable_replaces)) {
        disable_others(socket, o);
    }
    finish_enable(o);
    if (model_mutated(enable_pends) && is_any_disabling(socket)) {
        o->call->status = STATUS_EVENT_PENDING;
    }
}

/* ---- step 10: disable ---- */

static bool may_disable(struct option *o, struct wsk_gate *gate)
{
    struct sim *s = o->call->s;
    bool is_off = !gate->adm && gate->running == 0;
    if (is_off && model_knob(s, KNOB_AMB_04) == 1) {
        wsk_inline(o->call, STATUS_INVALID_PARAMETER, 0);
        return false;
    }
    if (!wsk_gate_is_disabling(gate)) {
        return true;
    }
    if (model_knob(s, KNOB_AMB_02) == 1) {
        wsk_inline(o->call, STATUS_INVALID_DEVICE_STATE, 0);
        return false;
    }
    if (o->call->request != NULL && model_knob(s, KNOB_AMB_02_IRPS) == 1) {
        cancel_waiters(s, gate);
    }
    return true;
}

/* A disable that waited: what it was given must still be there (CTL-040, CTL-041, CTL-048). */
static void deliver_disable(struct sim *s, struct wsk_request *r)
{
    const WSK_EVENT_CALLBACK_CONTROL *control = r->out[0];
    model_touch(s, control, sizeof *control, "InputBuffer");
    if (!sim_memory_ok(control->NpiId, sizeof(NPIID), NULL)) {
        model_lint(s, RULE_CTL_048);
    }
    model_exercised(s, RULE_CTL_040);
    model_exercised(s, RULE_CTL_048);
}

/* One gate more that the disable waits for, if it has to. */
static void disable_gate(struct option *o, enum wsk_event e, struct wsk_gate *gate,
                         enum wsk_gate_answer *answer)
{
    struct wsk_request *r = o->call->request;
    if (*answer == GATE_WAITS) { /* one IRP waits for one gate at a time */
        wsk_gate_turn_off(gate);
        wsk_gate_wait_further(r, gate);
        return;
    }
    enum wsk_gate_answer one = wsk_gate_disable(gate, r);
    if (one == GATE_WAITS) {
        r->event = (uint8_t)e;
    }
    if (one != GATE_DISABLED) {
        *answer = one;
    }
}

/* amb.60=per-function: calls of the same function for other sockets count as well. */
static void count_function(struct option *o, enum wsk_event e, enum wsk_gate_answer *answer)
{
    struct wsk_state *w = wsk_of(o->call->s);
    const void *target = wsk_event_target(o->call->socket, e);
    struct wsk_request *r = o->call->request;
    for (uint32_t i = 0; target != NULL && i < w->socket_count; i++) {
        struct wsk_socket *other = &w->socket[i];
        if (other == o->call->socket || other->gate[e].running == 0 ||
            wsk_event_target(other, e) != target) {
            continue;
        }
        if (r == NULL) {
            *answer = GATE_EVENT_PENDING;
            return;
        }
        wsk_gate_wait_further(r, &other->gate[e]);
        if (*answer == GATE_DISABLED && wsk_gate_wait_next(r)) {
            r->event = (uint8_t)e;
            *answer = GATE_WAITS;
        }
    }
}

static void answer_disable(struct option *o, enum wsk_gate_answer answer)
{
    struct wsk_call *call = o->call;
    switch (answer) {
    case GATE_DISABLED:
        if (model_mutated(idle_disable_pends) && call->request != NULL) {
            call->status = STATUS_PENDING;
            call->decided = true;
            wsk_request_later(call, STATUS_SUCCESS, 0);
            break;
        }
        wsk_inline(call, STATUS_SUCCESS, 0);
        break;
    case GATE_WAITS:
        call->request->out[0] = o->control->in;
        call->request->deliver = deliver_disable;
        wsk_pend(call);
        if (model_mutated(event_pending_with_irp)) {
            call->status = STATUS_EVENT_PENDING;
        }
        break;
    case GATE_EVENT_PENDING:
        call->status = model_mutated(pending_without_irp) ? STATUS_PENDING : STATUS_EVENT_PENDING;
        call->decided = true;
        break;
    }
}

/* Mutants: n is read wrongly, or at the wrong moment. */
static bool is_misread(struct option *o, const struct wsk_gate *gate, bool *is_over)
{
    struct sim *s = o->call->s;
    if (model_mutated(gate_read_before_close)) {
        *is_over = gate->running == 0;
        sim_point(s, SIM_OP_CALL, 0);
        return *is_over;
    }
    if (model_mutated(self_not_counted) && gate->running != 0) {
        const struct wsk_invocation *own = wsk_event_inside(s, o->call->socket);
        *is_over = own != NULL && gate->running == 1u << own->slot;
        return *is_over;
    }
    if (model_mutated(gate_counts_siblings) && o->call->request == NULL && gate->running == 0) {
        *is_over = false;
        return o->call->socket->invocations != 0;
    }
    return false;
}

static void disable(struct option *o)
{
    struct wsk_call *call = o->call;
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    enum wsk_gate_answer answer = GATE_DISABLED;
    enum wsk_event first = WSK_EVENTS;
    bool is_over = false;
    for (enum wsk_event e = 0; e < WSK_EVENTS; e++) {
        if (has_event(o, e) && !may_disable(o, &socket->gate[e])) {
            return;
        }
    }
    for (enum wsk_event e = 0; e < WSK_EVENTS; e++) {
        struct wsk_gate *gate = &socket->gate[e];
        if (!has_event(o, e)) {
            continue;
        }
        first = first == WSK_EVENTS ? e : first;
        gate->queued_enable = false;
        gate->null_due = false;
        gate->disabled = sim_here(s);
        forget_template(socket, e);
        if (is_misread(o, gate, &is_over)) {
            wsk_gate_turn_off(gate);
            answer = is_over ? GATE_DISABLED : GATE_EVENT_PENDING;
            continue;
        }
        disable_gate(o, e, gate, &answer);
        if (model_knob(s, KNOB_AMB_60) == 1) {
            count_function(o, e, &answer);
        }
    }
    answer_disable(o, answer);
    sim_trace(s, TRACE_EventDisable, socket->object, wsk_event_value(first, call->status));
}

/* Steps 5 to 7, in the order of 3.5 or the other way round (AMBIGUOUS-61). */
static bool check_request(struct option *o)
{
    bool is_shuffled = o->call->socket->category != WSK_BASIC &&
                       model_knob(o->call->s, KNOB_AMB_61) == 1;
    return is_shuffled ? check_state(o) && check_mask(o) && check_static(o)
                       : check_mask(o) && check_state(o) && check_static(o);
}

void wsk_event_option(struct wsk_call *call, const struct wsk_control *control)
{
    struct sim *s = call->s;
    if (control->type == WskGetOption) {
        model_lint(s, RULE_CTL_064);
        wsk_inline(call, wsk_unknown_status(s), 0);
        return;
    }
    if (wsk_extension_takes(call, control)) {
        wsk_extension_event(call, control);
        return;
    }
    check_shape(call, control);
    ULONG mask = ((const WSK_EVENT_CALLBACK_CONTROL *)control->in)->EventMask;
    struct option o = {.call = call, .control = control, .mask = mask & ~(ULONG)WSK_EVENT_DISABLE,
                       .is_disable = (mask & WSK_EVENT_DISABLE) != 0};
    if (!check_request(&o)) {
        return;
    }
    if (o.is_disable && call->request == NULL && model_mutated(disable_needs_irp)) {
        wsk_inline(call, STATUS_INVALID_PARAMETER, 0);
        return;
    }
    if (call->request != NULL) {
        call->request->kind = WSK_REQ_EVENT;
    }
    if (o.is_disable) {
        disable(&o);
    } else {
        if (check_targets(&o)) {
            enable(&o);
        }
    }
}
