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
        model_fail(s, RULE_CTL_068, call->socket->object, NULL,
                   "a basic socket has no standard events (mask 0x%08x)", o->mask);
    }
    if ((o->mask & ~valid) != 0) {
        model_fail(s, RULE_CTL_067, call->socket->object, NULL,
                   "event mask 0x%08x does not fit a %s socket", o->mask,
                   wsk_category_name(call->socket->category));
    }
    if (o->is_disable && __builtin_popcount(o->mask) != 1) {
        model_fail(s, RULE_CTL_080, call->socket->object, NULL,
                   "one request disables %d events (mask 0x%08x)", __builtin_popcount(o->mask),
                   o->mask);
    }
    if (o->mask == 0) {
        model_lint(s, RULE_CTL_067);
        bool succeeds = model_knob(s, KNOB_AMB_07_ZERO) == 1;
        wsk_inline(call, succeeds ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER, 0);
        return false;
    }
    model_exercised(s, RULE_CTL_067);
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
    if (role == WSK_CONNECTION && !socket->once_connected_seen && !is_told) {
        model_fail(s, RULE_CTL_062, socket->object, NULL,
                   "SO_WSK_EVENT_CALLBACK before the socket is connected");
    }
    bool is_unbound = socket->seen == WSK_UNBOUND || socket->seen == WSK_BINDING;
    if (role != WSK_CONNECTION && is_unbound && !is_told) {
        model_fail(s, RULE_CTL_061, socket->object, NULL,
                   "SO_WSK_EVENT_CALLBACK before the socket is bound");
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
        } else if (is_fixed(o->call->socket->gate[e].src)) {
            model_lint(s, RULE_CTL_103);
            wsk_inline(o->call, answer[model_knob(s, KNOB_AMB_10)], 0);
            return false;
        }
    }
    return true;
}

static void check_targets(struct option *o)
{
    struct wsk_socket *socket = o->call->socket;
    if (socket->accepting != NULL && !wsk_event_peek_client(o->call->s, socket)) {
        model_lint(o->call->s, RULE_CTL_095a); /* the table is not known before the return */
        return;
    }
    for (enum wsk_event e = 0; e < WSK_EVENTS; e++) {
        if (has_event(o, e) && !is_template_bit(o, e) && wsk_event_target(socket, e) == NULL) {
            model_fail(o->call->s, RULE_CTL_071, socket->object, &socket->created,
                       "%s is enabled but its pointer in the client dispatch table is NULL",
                       wsk_event_name(e));
        }
    }
    model_exercised(o->call->s, RULE_CTL_071);
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
static void finish_enable(struct wsk_call *call)
{
    struct sim *s = call->s;
    if (call->request == NULL) {
        wsk_inline(call, STATUS_SUCCESS, 0);
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
    }
    finish_enable(o->call);
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

static void disable(struct option *o)
{
    struct wsk_call *call = o->call;
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    enum wsk_event e = 0;
    while (!has_event(o, e)) {
        e++;
    }
    struct wsk_gate *gate = &socket->gate[e];
    if (!may_disable(o, gate)) {
        return;
    }
    if (e == WSK_EV_ACCEPT) {
        forget_template(socket, e);
    }
    if (model_mutated(disable_drops_refused) && e == WSK_EV_RECEIVE) {
        wsk_stream_take(s, socket, wsk_stream_available(s, socket));
    }
    gate->queued_enable = false;
    gate->null_due = false;
    gate->disabled = sim_here(s);
    switch (wsk_gate_disable(gate, call->request)) {
    case GATE_DISABLED:
        wsk_inline(call, STATUS_SUCCESS, 0);
        break;
    case GATE_WAITS:
        call->request->event = (uint8_t)e;
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
    sim_trace(s, TRACE_EventDisable, socket->object, wsk_event_value(e, call->status));
}

void wsk_event_option(struct wsk_call *call, const struct wsk_control *control)
{
    struct sim *s = call->s;
    if (control->type == WskGetOption) {
        model_lint(s, RULE_CTL_064);
        wsk_inline(call, wsk_unknown_status(s), 0);
        return;
    }
    check_shape(call, control);
    ULONG mask = ((const WSK_EVENT_CALLBACK_CONTROL *)control->in)->EventMask;
    struct option o = {.call = call, .control = control, .mask = mask & ~(ULONG)WSK_EVENT_DISABLE,
                       .is_disable = (mask & WSK_EVENT_DISABLE) != 0};
    if (!check_mask(&o) || !check_state(&o) || !check_static(&o)) {
        return;
    }
    if (call->request != NULL) {
        call->request->kind = WSK_REQ_EVENT;
    }
    if (o.is_disable) {
        disable(&o);
    } else {
        check_targets(&o);
        enable(&o);
    }
}
