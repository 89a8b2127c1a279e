/* SPDX-License-Identifier: MIT */
/*
 * Accepting: WskAccept, WskListen of stream sockets, WskAcceptEvent, and the operations of
 * listeners.
 *
 * A socket accepted by a callback is published without client before the call and gets its context
 * and table at the return; inherited events start there, or as soon as the outputs are stored
 * (AMBIGUOUS-LIFE-55).
 */
#include "model/wsk/wsk_data_internal.h"

#include "model/world/run.h"

/* ---- WskAccept ---- */

static void deliver_accept(struct sim *s, struct wsk_request *r)
{
    const struct wsk_socket *accepted = r->item;
    if (!NT_SUCCESS(r->status)) {
        if (model_mutated(accept_close_status) && r->status == STATUS_CANCELLED) {
            r->status = STATUS_CONNECTION_ABORTED;
        }
        return;
    }
    SIZE_T size = wsk_address_size(r->socket->family);
    if (r->out[0] != NULL) {
        wsk_output_kept(s, r, r->out[0], size, RULE_ACPT_003, "LocalAddress");
        wsk_address_out(s, &accepted->local, r->out[0], "LocalAddress");
    }
    if (r->out[1] != NULL) {
        wsk_output_kept(s, r, r->out[1], size, RULE_ACPT_003, "RemoteAddress");
        wsk_address_out(s, &accepted->remote, r->out[1], "RemoteAddress");
    }
}

static void withdraw_accept(struct sim *s, struct wsk_request *r)
{
    (void)s;
    wsk_queue_remove(&r->socket->data.accepts, r);
}

/* Step 9. False: refused. */
static bool may_accept(struct wsk_call *call)
{
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    if (socket->category == WSK_STREAM) {
        if (socket->committed_connect) {
            model_breach(s, RULE_STRM_008, socket->object, &socket->seen_where,
                         "WskAccept on a stream socket that connects");
            wsk_refuse_state(call);
            return false;
        }
        if (socket->seen == WSK_UNBOUND || socket->seen == WSK_BINDING) {
            model_breach(s, RULE_STRM_008, socket->object, &socket->created,
                         "WskAccept on a stream socket that is not bound");
            wsk_refuse_state(call);
            return false;
        }
        model_exercised(s, RULE_STRM_008);
        if (!socket->committed_listen && model_knob(s, KNOB_STREAM_LISTEN_SEMANTICS) != 2) {
            wsk_refuse_state(call); /* AMBIGUOUS-LIFE-21 */
            return false;
        }
        return true;
    }
    if (socket->seen != WSK_LISTENING && !wsk_any_callback(socket)) {
        model_breach(s, RULE_ACPT_001, socket->object, &socket->created,
                     "WskAccept on a socket that is not bound");
        wsk_refuse_state(call);
        return false;
    }
    model_exercised(s, RULE_ACPT_001);
    return true;
}

static void check_outputs(struct wsk_call *call, PSOCKADDR local, PSOCKADDR remote)
{
    SIZE_T size = wsk_address_size(call->socket->family);
    if (local != NULL) {
        model_touch(call->s, local, size, "LocalAddress");
    }
    if (remote != NULL) {
        model_touch(call->s, remote, size, "RemoteAddress");
    }
    model_exercised(call->s, RULE_ACPT_003);
}

/* ACPT-004: what SOCK-009 and SOCK-010 ask of the context and the table, as far as it shows now. */
static void check_client(struct wsk_call *call, PVOID context,
                         const WSK_CLIENT_CONNECTION_DISPATCH *dispatch)
{
    struct sim *s = call->s;
    const struct sim_block *block = sim_block_find(s, (uintptr_t)context);
    uintptr_t bad;
    if (block != NULL && block->kind == BLOCK_PAGED) {
        model_fail(s, RULE_ACPT_004, call->socket->object, &block->born,
                   "AcceptSocketContext lies in paged memory");
    }
    if (dispatch != NULL && !sim_memory_ok(dispatch, sizeof *dispatch, &bad)) {
        model_fail(s, RULE_ACPT_004, call->socket->object, NULL,
                   "AcceptSocketDispatch does not lead to a WSK_CLIENT_CONNECTION_DISPATCH");
    }
    model_exercised(s, RULE_ACPT_004);
}

static struct wsk_incoming *waiting_for_irp(struct wsk_socket *listener)
{
    struct wsk_incoming *in = listener->data.incoming_first;
    while (in != NULL && (in->state != WSK_IN_WAITING || in->is_racing)) {
        in = in->next;
    }
    return in;
}

static bool has_turn(struct sim *s, void *argument)
{
    const struct wsk_socket *listener = argument;
    (void)s;
    return listener->data.accepts.first == NULL || listener->life != WSK_LIVE;
}

/* AMBIGUOUS-LIFE-19, on request: a second accept blocks its caller while the first is queued. */
static void wait_for_turn(struct wsk_call *call)
{
    struct wsk_socket *listener = call->socket;
    if (model_knob(call->s, KNOB_ACCEPT_MULTIPLE) == 1 && listener->data.accepts.first != NULL &&
        call->s->current->level < DISPATCH_LEVEL) {
        (void)ke_wait_until(call->s, has_turn, listener, SIM_TIME_NEVER,
                            "the accept request that is queued already");
    }
}

static void accept(struct wsk_call *call)
{
    struct sim *s = call->s;
    struct wsk_socket *listener = call->socket;
    struct wsk_request *r = call->request;
    static const NTSTATUS faults[] = {STATUS_INSUFFICIENT_RESOURCES};
    NTSTATUS status;
    r->deliver = deliver_accept;
    listener->data.has_begun = true;
    if (wsk_fault(s, faults, SIM_COUNT(faults), &status)) {
        wsk_finish(call, WSK_INLINE, status, 0);
        return;
    }
    struct wsk_incoming *in =
        listener->data.accepts.first == NULL && !model_mutated(accept_ignores_backlog)
            ? waiting_for_irp(listener)
            : NULL;
    model_exercised(s, RULE_ACPT_002);
    if (in == NULL) {
        wait_for_turn(call);
        r->withdraw = withdraw_accept;
        wsk_queue_push(&listener->data.accepts, r);
        wsk_pend(call);
        return;
    }
    bool hold = model_knob(s, KNOB_CONN_EVENTS_BEFORE_COMPLETION) == 1;
    struct wsk_socket *socket = wsk_incoming_accept(s, in, false, r->out[2], r->out[3], hold);
    wsk_incoming_state(in, WSK_IN_ENDED);
    r->item = socket;
    r->held = hold ? socket : NULL;
    wsk_finish(call, WSK_INLINE, STATUS_SUCCESS, (ULONG_PTR)socket->visible);
}

NTSTATUS WSKAPI WskAccept(PWSK_SOCKET ListenSocket, ULONG Flags, PVOID AcceptSocketContext,
                          const WSK_CLIENT_CONNECTION_DISPATCH *AcceptSocketDispatch,
                          PSOCKADDR LocalAddress, PSOCKADDR RemoteAddress, PIRP Irp)
{
    struct wsk_call call;
    if (!WSK_ENTER(&call, WskAccept, ListenSocket, Irp, WSK_REQ_ACCEPT)) {
        return wsk_leave(&call);
    }
    if (Flags != 0) {
        model_breach(call.s, RULE_ACPT_001, call.socket->object, NULL,
                     "WskAccept is given Flags 0x%x", Flags);
        if (!wsk_ignores_argument(&call)) {
            return wsk_leave(&call);
        }
    }
    check_client(&call, AcceptSocketContext, AcceptSocketDispatch);
    check_outputs(&call, LocalAddress, RemoteAddress);
    if (may_accept(&call)) {
        call.request->out[0] = LocalAddress;
        call.request->out[1] = RemoteAddress;
        call.request->out[2] = AcceptSocketContext;
        call.request->out[3] = (PVOID)(ULONG_PTR)AcceptSocketDispatch;
        accept(&call);
    }
    return wsk_leave(&call);
}

/* ---- WskListen ---- */

static void deliver_listen(struct sim *s, struct wsk_request *r)
{
    struct wsk_socket *socket = r->socket;
    if (NT_SUCCESS(r->status)) {
        r->information = model_mutated(stream_listen_information) ? 1 : 0;
        model_exercised(s, RULE_STRM_007);
        wsk_socket_see(s, socket, WSK_LISTENING);
    } else if (socket->state != WSK_LISTENING && !model_mutated(stream_failed_listen_commits)) {
        model_exercised(s, RULE_STRM_006);
        socket->committed_listen = false; /* STRM-006 */
    }
}

static void withdraw_listen(struct sim *s, struct wsk_request *r)
{
    struct wsk_socket *socket = r->socket;
    socket->data.listen = NULL;
    if (socket->life == WSK_LIVE) { /* state as before */
        struct net_address local = socket->local;
        wsk_incoming_close(s, socket);
        socket->local = local;
        socket->data.is_bound = true;
        wsk_socket_state(s, socket, WSK_BOUND);
    }
}

static void listen_socket(struct wsk_call *call)
{
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    struct wsk_request *r = call->request;
    if (socket->committed_connect) {
        model_breach(s, RULE_STRM_005, socket->object, &socket->seen_where,
                     "WskListen on a stream socket that connects");
        wsk_refuse_state(call);
        return;
    }
    if (socket->seen == WSK_UNBOUND || socket->seen == WSK_BINDING) {
        model_breach(s, RULE_STRM_003, socket->object, &socket->created,
                     "WskListen on a socket that is not bound");
        wsk_refuse_state(call);
        return;
    }
    if (socket->committed_listen) {
        model_breach(s, RULE_STRM_001, socket->object, &socket->seen_where,
                     "WskListen is called a second time");
        wsk_refuse_state(call);
        return;
    }
    model_exercised(s, RULE_STRM_001);
    model_exercised(s, RULE_STRM_003);
    model_exercised(s, RULE_STRM_005);
    static const NTSTATUS faults[] = {STATUS_INSUFFICIENT_RESOURCES};
    NTSTATUS status;
    r->deliver = deliver_listen;
    socket->committed_listen = true;
    if (wsk_fault(s, faults, SIM_COUNT(faults), &status)) {
        wsk_finish(call, WSK_PEND, status, 0);
        return;
    }
    wsk_socket_state(s, socket, WSK_LISTENING);
    wsk_incoming_listen(s, socket, false); /* STRM-010: nothing can be inspected here */
    if (model_knob(s, KNOB_STREAM_LISTEN_SEMANTICS) == 1) {
        r->withdraw = withdraw_listen;
        socket->data.listen = r;
        wsk_pend(call);
    } else {
        wsk_finish(call, WSK_PEND, STATUS_SUCCESS, 0);
    }
}

NTSTATUS WSKAPI WskListen(PWSK_SOCKET Socket, PIRP Irp)
{
    struct wsk_call call;
    if (WSK_ENTER(&call, WskListen, Socket, Irp, WSK_REQ_LISTEN)) {
        listen_socket(&call);
    }
    return wsk_leave(&call);
}

/* ---- WskAcceptEvent and the operations of listeners ---- */

static uint32_t listen_ready(struct sim *s, struct wsk_socket *socket, enum wsk_event event)
{
    const struct wsk_data *d = &socket->data;
    (void)s;
    switch (event) {
    case WSK_EV_ACCEPT:
        return d->accepts.first != NULL ? d->racing : d->waiting - d->skipped;
    case WSK_EV_INSPECT:
        return d->arrived;
    case WSK_EV_ABORT:
        return d->aborted;
    case WSK_EV_RECEIVE_FROM:
    case WSK_EV_DISCONNECT:
    case WSK_EV_RECEIVE:
    case WSK_EV_SEND_BACKLOG:
    case WSK_EVENTS:
        break;
    }
    return 0;
}

static void take_accept(struct sim *s, struct wsk_invocation *inv, struct wsk_incoming *in)
{
    wsk_incoming_state(in, WSK_IN_OFFERED);
    struct wsk_socket *socket = wsk_incoming_accept(s, in, true, NULL, NULL, false);
    socket->data.is_held = model_knob(s, KNOB_ACCEPT_USE_BEFORE_RETURN) == 1;
    inv->item = in;
    inv->accept_socket = socket->visible;
    inv->local = wsk_argument_address(s, &socket->local, RULE_ACPT_015);
    inv->remote = wsk_argument_address(s, &socket->remote, RULE_ACPT_015);
}

static bool listen_take(struct sim *s, struct wsk_invocation *inv)
{
    struct wsk_socket *listener = inv->socket;
    enum wsk_incoming_state state = inv->event == WSK_EV_ACCEPT    ? WSK_IN_WAITING
                                    : inv->event == WSK_EV_INSPECT ? WSK_IN_ARRIVED
                                                                   : WSK_IN_ABORT_DUE;
    struct wsk_incoming *in = wsk_incoming_first(listener, state);
    if (in == NULL) {
        return false;
    }
    if (inv->event == WSK_EV_ACCEPT) {
        take_accept(s, inv, in);
    } else {
        wsk_inspect_take(s, inv, in);
    }
    return true;
}

/* ACPT-023, AMBIGUOUS-LIFE-72. */
static bool is_accepted(struct sim *s, NTSTATUS answer)
{
    bool is_strict =
        model_knob(s, KNOB_CALLBACK_OTHER_STATUS) == 1 || model_mutated(accept_other_refuses);
    model_exercised(s, RULE_ACPT_023);
    return is_strict ? answer == STATUS_SUCCESS : NT_SUCCESS(answer);
}

static void accept_returned(struct sim *s, struct wsk_invocation *inv)
{
    struct wsk_incoming *in = inv->item;
    struct wsk_socket *accepted = wsk_socket_find(s, inv->accept_socket);
    SIM_ASSERT(accepted != NULL && accepted->is_accepted);
    wsk_argument_free(s, inv->local);
    wsk_argument_free(s, inv->remote);
    wsk_incoming_state(in, WSK_IN_ENDED);
    accepted->data.is_held = false;
    bool is_lost = model_mutated(accept_lost_to_the_close) && inv->socket->close_started;
    model_exercised(s, RULE_CLOSE_040);
    if (!is_accepted(s, inv->answer) || model_mutated(accept_takes_back) || is_lost) {
        if (!model_mutated(refused_stays_open)) {
            accepted->ops->closing(s, accepted);
        }
        wsk_socket_discard(s, accepted);
        return;
    }
    model_exercised(s, RULE_ACPT_013);
    if (accepted->close_started) {
        return; /* another thread was faster; it is the client's since the callback began */
    }
    PVOID context = model_mutated(accept_context_lost) ? NULL : inv->accept_context;
    wsk_socket_set_client(s, accepted, context, inv->accept_dispatch);
    wsk_socket_inherit(s, accepted, inv->socket);
    if (accepted->life == WSK_LIVE) {
        wsk_stream_serve(s, accepted);
    }
}

static void listen_returned(struct sim *s, struct wsk_invocation *inv)
{
    if (inv->event == WSK_EV_ACCEPT) {
        accept_returned(s, inv);
    } else {
        wsk_inspect_returned(s, inv);
    }
}

static void listen_closed(struct sim *s, struct wsk_socket *socket)
{
    wsk_incoming_end(s, socket);
    SIM_ASSERT(socket->data.listener == NULL && socket->data.accepts.first == NULL);
}

static void listen_enabled(struct sim *s, struct wsk_socket *socket, enum wsk_event event)
{
    if (event != WSK_EV_ACCEPT || model_knob(s, KNOB_EVENT_BACKLOG_ON_ENABLE) != 1) {
        return;
    }
    for (struct wsk_incoming *in = socket->data.incoming_first; in != NULL; in = in->next) {
        if (in->state == WSK_IN_WAITING && !in->is_skipped) {
            in->is_skipped = true;
            socket->data.skipped++;
        }
    }
}

const struct wsk_category_ops wsk_listen_ops = {
    .ready = listen_ready,
    .take = listen_take,
    .returned = listen_returned,
    .died = wsk_incoming_close,
    .closing = wsk_incoming_close,
    .closed = listen_closed,
    .enabled = listen_enabled,
};
