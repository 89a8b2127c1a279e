/* SPDX-License-Identifier: MIT */
/*
 * WskCloseSocket: from the call to the completion of its IRP.
 *
 *   LIVE, DEAD --call--> CLOSING: nothing is admitted any more, the network is cut, waiting
 *       requests are cancelled, waiting disables drain
 *   CLOSING --no request, no callback left, and a delay--> the IRP completes; CLOSED, object freed
 *
 * wsk_close_poke is called by whoever lowers a count; it looks whether the close can go on.
 */
#include "model/wsk/wsk_gate.h"
#include "model/wsk/wsk_internal.h"

static bool is_drained(struct sim *s, const struct wsk_socket *socket)
{
    /* AMBIGUOUS-LIFE-52: pended inspections are reported as aborted before the close completes. */
    model_exercised(s, RULE_CLOSE_005);
    model_exercised(s, RULE_CLOSE_006);
    model_exercised(s, RULE_CLOSE_011);
    if (socket->retained != 0 && model_knob(s, KNOB_CLOSE_WITH_RETAINED) == 1) {
        return false; /* AMBIGUOUS-LIFE-17 */
    }
    bool owes_aborts = socket->data.aborted != 0 && model_knob(s, KNOB_INSPECT_ON_CLOSE) == 1;
    if (model_mutated(close_outruns_callbacks)) {
        return socket->requests == 0;
    }
    if (model_mutated(close_outruns_requests)) {
        return socket->invocations == 0;
    }
    return socket->requests == 0 && socket->invocations == 0 && !owes_aborts;
}

/* The last moment of the socket: on the context that completes the close IRP. */
static void deliver_close(struct sim *s, struct wsk_request *r)
{
    struct wsk_socket *socket = r->socket;
    SIM_ASSERT(is_drained(s, socket)); /* CLOSE-005, CLOSE-006 */
    socket->ops->closed(s, socket);
    if (socket->sd_object != 0) {
        wsk_sd_use(s, socket->sd_object, -1);
    }
    if (!model_mutated(close_frees_at_once)) {
        ex_free(s, socket->block);
    }
    model_exercised(s, RULE_CLOSE_008);
    socket->life = WSK_CLOSED;
    sim_trace(s, TRACE_CloseEnd, socket->object, 0);
    model_exercised(s, RULE_CLOSE_007);
}

static void go_on(struct sim *s, void *argument, uint64_t value)
{
    struct wsk_socket *socket = argument;
    (void)value;
    if (!is_drained(s, socket)) { /* a late callback (AMBIGUOUS-LIFE-03) is in */
        socket->close_scheduled = false;
        return;
    }
    socket->is_finishing = true;
    /* CLOSE-039, AMBIGUOUS-LIFE-76. */
    bool is_cancelled = socket->close_request->is_cancelled &&
                        (model_knob(s, KNOB_CLOSE_IRP_CANCELLED) == 1 ||
                         model_mutated(close_can_be_cancelled));
    model_exercised(s, RULE_CLOSE_039);
    wsk_complete(s, socket->close_request, is_cancelled ? STATUS_CANCELLED : STATUS_SUCCESS, 0);
}

void wsk_close_poke(struct sim *s, struct wsk_socket *socket)
{
    if (SIM_LIKELY(socket->life != WSK_CLOSING) || socket->close_request == NULL ||
        socket->close_scheduled || !is_drained(s, socket)) {
        return;
    }
    socket->close_scheduled = true;
    sim_time delay = 0;
    model_exercised(s, RULE_CLOSE_038);
    switch (model_mutated(close_takes_no_time) ? 1 : model_knob(s, KNOB_CLOSE_DELAY)) {
    case 0:
        delay = SIM_MS(choice_pick(s, CHOICE_WORLD, PICK_WSK_CLOSE_DELAY, 101));
        break;
    case 2:
        delay = SIM_MS(10000);
        break;
    case 3:
        return; /* never */
    default:
        break;
    }
    if (delay == 0) {
        go_on(s, socket, 0);
    } else {
        sim_event_add(s, s->now + delay, go_on, socket, 0);
    }
}

/* A mutant: what was accepted falls silent with its listener. */
static void mute_accepted(struct sim *s, const struct wsk_socket *listener)
{
    struct wsk_state *w = wsk_of(s);
    for (uint32_t i = 0; listener->category == WSK_LISTEN && i < w->socket_count; i++) {
        for (enum wsk_event e = 0; w->socket[i].is_accepted && e < WSK_EVENTS; e++) {
            w->socket[i].gate[e].adm = false;
        }
    }
}

static void close_gates(struct sim *s, struct wsk_socket *socket)
{
    if (model_mutated(listener_close_mutes)) {
        mute_accepted(s, socket);
    }
    bool at_once = model_knob(s, KNOB_AMB_36) == 1;
    wsk_gate_close(&socket->extension.gate);
    for (enum wsk_event e = 0; e < WSK_EVENTS; e++) {
        struct wsk_gate *gate = &socket->gate[e];
        gate->was_adm = gate->adm;
        gate->queued_enable = gate->off_when_drained = false;
        wsk_gate_close(gate);
        while (at_once && gate->wait_first != NULL) {
            struct wsk_request *r = gate->wait_first;
            wsk_gate_forget(gate, r);
            wsk_complete(s, r, STATUS_CANCELLED, 0);
        }
    }
}

static void lint_late(struct sim *s, const struct wsk_socket *socket)
{
    static const sim_time grace[] = {SIM_MS(1000), SIM_MS(10), SIM_MS(10000)};
    if (socket->seen_dead && s->now - socket->told > grace[model_knob(s, KNOB_DEAD_GRACE)]) {
        model_lint(s, RULE_CLOSE_032);
    }
}

/* SOCK-010: a table is given, and no callback was ever to come. */
static void lint_table(struct sim *s, const struct wsk_socket *socket)
{
    bool was_enabled = false;
    for (enum wsk_event e = 0; e < WSK_EVENTS; e++) {
        const struct wsk_gate *gate = &socket->gate[e];
        was_enabled |= gate->src != WSK_SRC_NONE || gate->enabled.seq != 0 || gate->tmpl;
    }
    if (socket->dispatch != NULL && !was_enabled) {
        model_lint(s, RULE_SOCK_010);
    }
    model_exercised(s, RULE_SOCK_010);
}

static void begin(struct wsk_call *call)
{
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    wsk_call_check_close(call);
    wsk_check_given_up(s, socket->registration);
    lint_late(s, socket);
    lint_table(s, socket);
    wsk_release_check_close(s, socket);
    model_exercised(s, RULE_CLOSE_012);
    model_exercised(s, RULE_CLOSE_019);
    if (model_mutated(close_refuses_dead) && socket->life == WSK_DEAD) {
        wsk_refuse(call, STATUS_FILE_FORCED_CLOSED);
        return;
    }
    if (model_mutated(close_in_callback_waits) && wsk_event_inside(s, socket) != NULL) {
        ke_check_may_block(s, socket->object);
    }
    if (model_mutated(close_refuses_pending) && socket->requests != 0) {
        wsk_refuse(call, STATUS_INVALID_DEVICE_STATE);
        return;
    }
    if (!socket->close_failed_once &&
        (model_knob(s, KNOB_CLOSE_MAY_FAIL) == 1 || model_mutated(close_may_fail_too))) {
        socket->close_failed_once = true;
        wsk_refuse(call, STATUS_INSUFFICIENT_RESOURCES);
        return;
    }
    socket->close_started = true;
    socket->closed = sim_here(s);
    socket->life = WSK_CLOSING;
    sim_trace(s, TRACE_CloseStart, socket->object, 0);
    close_gates(s, socket);
    socket->ops->closing(s, socket);
    NTSTATUS orphan = model_mutated(close_fails_pending) ? STATUS_UNSUCCESSFUL : STATUS_CANCELLED;
    wsk_request_fail_all(s, socket, orphan, true);
    model_exercised(s, RULE_CLOSE_003);
    model_exercised(s, RULE_CLOSE_004);
    call->request->deliver = deliver_close;
    call->request->item = socket; /* this one ends it */
    if (model_mutated(close_frees_at_once)) {
        ex_free(s, socket->block);
    }
    if (is_drained(s, socket) && choice_flag(s, CHOICE_WORLD, PICK_WSK_STYLE)) {
        socket->is_finishing = true;
        wsk_inline(call, STATUS_SUCCESS, 0);
        return;
    }
    socket->close_request = call->request;
    wsk_pend(call);
    wsk_close_poke(s, socket);
}

NTSTATUS WSKAPI WskCloseSocket(PWSK_SOCKET Socket, PIRP Irp)
{
    struct wsk_call call;
    if (WSK_ENTER_FLAGS(&call, WskCloseSocket, Socket, Irp, WSK_REQ_CLOSE, WSK_ENTER_DEAD_OK)) {
        begin(&call);
    }
    return wsk_leave(&call);
}
