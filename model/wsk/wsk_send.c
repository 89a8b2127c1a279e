/* SPDX-License-Identifier: MIT */
/*
 * WskSend and WskDisconnect: the send direction of a connection (1.8, 1.9).
 *
 * Bytes are read in the call and must stay what they are until the completion (SEND-004, SEND-013).
 * A send is done when the peer has acknowledged its last byte, a graceful disconnect when it has
 * acknowledged the end of stream; so sends complete in order (SEND-011).
 */
#include "model/wsk/wsk_data_internal.h"

/* ---- what the network reports ---- */

void wsk_send_acked(struct sim *s, struct wsk_socket *socket, uint64_t total)
{
    struct wsk_queue *sends = &socket->data.sends;
    while (sends->first != NULL && sends->first->mark <= total) {
        struct wsk_request *r = sends->first;
        wsk_queue_remove(sends, r);
        bool is_less = model_mutated(send_reports_less);
        wsk_complete(s, r, STATUS_SUCCESS, is_less ? r->length - 1 : r->length); /* SEND-010 */
    }
}

void wsk_send_fin_acked(struct sim *s, struct wsk_socket *socket)
{
    struct wsk_queue *disconnects = &socket->data.disconnects;
    if (socket->state == WSK_REMOTE_FIN) {
        wsk_socket_state(s, socket, WSK_BOTH_FIN);
    }
    while (disconnects->first != NULL) {
        struct wsk_request *r = disconnects->first;
        wsk_queue_remove(disconnects, r);
        wsk_complete(s, r, STATUS_SUCCESS, 0);
    }
}

/* AMBIGUOUS-LIFE-27. */
static NTSTATUS forced_status(struct sim *s, NTSTATUS by_cause, NTSTATUS swapped)
{
    switch (model_knob(s, KNOB_DISCONNECT_FORCED_STATUS)) {
    case 1:
        return STATUS_SUCCESS;
    case 2:
        return swapped;
    default:
        return by_cause;
    }
}

void wsk_send_fail(struct sim *s, struct wsk_socket *socket)
{
    struct wsk_data *d = &socket->data;
    while (d->sends.first != NULL) {
        struct wsk_request *r = d->sends.first;
        bool is_spared = model_mutated(abort_spares_sends);
        wsk_queue_remove(&d->sends, r);
        wsk_complete(s, r, is_spared ? STATUS_SUCCESS : wsk_stream_dead_status(s, socket), 0);
    }
    while (d->disconnects.first != NULL && !model_mutated(stall_survives_abort)) {
        struct wsk_request *r = d->disconnects.first;
        model_exercised(s, RULE_DISC_007);
        NTSTATUS cause =
            d->cut == WSK_CUT_PEER ? STATUS_CONNECTION_RESET : STATUS_CONNECTION_ABORTED;
        wsk_queue_remove(&d->disconnects, r);
        wsk_complete(s, r, forced_status(s, cause, STATUS_CANCELLED), 0);
    }
}

/* ---- WskSend ---- */

static void see_cut(struct sim *s, const struct wsk_request *r)
{
    struct wsk_socket *socket = r->socket;
    if (!NT_SUCCESS(r->status) && r->status != STATUS_CANCELLED &&
        socket->data.cut != WSK_CUT_NONE) {
        wsk_socket_see(s, socket, WSK_ABORTED);
    }
}

static void deliver_send(struct sim *s, struct wsk_request *r)
{
    wsk_buffer_release(s, r, MM_READ, RULE_SEND_004);
    see_cut(s, r);
    if (model_mutated(send_rereads_buf) && r->item != NULL && NT_SUCCESS(r->status)) {
        r->information = ((const WSK_BUF *)r->item)->Length;
    }
}

/* AMBIGUOUS-LIFE-49. */
static void withdraw_send(struct sim *s, struct wsk_request *r)
{
    struct wsk_socket *socket = r->socket;
    wsk_queue_remove(&socket->data.sends, r);
    if (r->is_cancelled && socket->life == WSK_LIVE &&
        model_knob(s, KNOB_SEND_CANCEL_EFFECT) == 1) {
        net_tcp_abort(s, socket->data.tcp);
        wsk_stream_cut(s, socket, WSK_CUT_LOCAL, STATUS_CONNECTION_ABORTED);
    }
}

static void push(struct sim *s, struct wsk_socket *socket, struct wsk_request *r)
{
    uint8_t *scratch = wsk_data_of(s)->scratch;
    for (SIZE_T at = 0; at < r->length;) {
        SIZE_T left = r->length - at;
        SIZE_T size = left < WSK_SCRATCH_BYTES ? left : WSK_SCRATCH_BYTES;
        mm_chain_read(s, r->mdl, r->offset, at, scratch, size);
        if (model_mutated(send_swaps_bytes)) {
            uint8_t first = scratch[0];
            scratch[0] = scratch[size - 1];
            scratch[size - 1] = first;
        }
        net_tcp_send(s, socket->data.tcp, scratch, size);
        at += size;
    }
    r->mark = net_tcp_sent(socket->data.tcp);
}

/* True: nothing can be sent any more; the call is refused. */
static bool is_over(struct wsk_call *call)
{
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    if (socket->seen == WSK_LOCAL_FIN || socket->seen == WSK_BOTH_FIN) {
        model_lint(s, RULE_DISC_008);
    } else if (socket->seen == WSK_ABORTED) {
        model_lint(s, RULE_DISC_011);
    }
    if (socket->data.cut == WSK_CUT_NONE && !socket->data.is_shut) {
        return false;
    }
    model_exercised(s, RULE_DISC_011);
    wsk_refuse(call, socket->data.cut != WSK_CUT_NONE && model_mutated(abort_accepts_sends)
                         ? STATUS_SUCCESS
                         : wsk_stream_dead_status(s, socket));
    return true;
}

/*
 * SEND-015, a statistic: a client that sends on and on, waits for each send, and is not answered
 * in between does not fill the pipe.
 */
static void count_lonely(struct sim *s, struct wsk_data *d)
{
    enum { LONELY_MAX = 16 };
    if (d->sends.first != NULL || d->lonely_taken != d->taken) {
        d->lonely = 0;
        d->lonely_taken = d->taken;
    } else if (++d->lonely > LONELY_MAX) {
        d->lonely = 0;
        model_lint(s, RULE_SEND_015);
    }
    model_exercised(s, RULE_SEND_015);
}

/* Mutants that answer without having sent. True: the call is decided. */
static bool is_botched(struct wsk_call *call, SIZE_T length)
{
    bool is_crowded = call->socket->data.sends.first != NULL;
    if (model_mutated(send_refused_beyond_backlog) && is_crowded) {
        wsk_refuse(call, STATUS_INVALID_PARAMETER);
    } else if (model_mutated(send_completes_early)) {
        wsk_finish(call, WSK_PEND, STATUS_SUCCESS, length);
    } else if (model_mutated(send_answers_more_entries)) {
        wsk_finish(call, WSK_INLINE, STATUS_MORE_ENTRIES, length);
    } else {
        return false;
    }
    return true;
}

static void send_buffer(struct wsk_call *call, const WSK_BUF *buffer, ULONG flags)
{
    static const NTSTATUS faults[] = {STATUS_INSUFFICIENT_RESOURCES, STATUS_NOT_SUPPORTED};
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    struct wsk_request *r = call->request;
    NTSTATUS status;
    if ((flags & ~(ULONG)WSK_FLAG_NODELAY) != 0) {
        model_breach(s, RULE_SEND_006, socket->object, NULL, "WskSend is given Flags 0x%x", flags);
        if (!wsk_ignores_argument(call)) {
            return;
        }
    }
    model_touch(s, buffer, sizeof *buffer, "Buffer");
    if (!wsk_stream_check_connected(call, RULE_SEND_001)) {
        return;
    }
    if (is_over(call)) {
        return;
    }
    count_lonely(s, &socket->data);
    if (model_mutated(no_requests_in_callbacks) && wsk_event_inside(s, socket) != NULL) {
        wsk_refuse(call, STATUS_UNSUCCESSFUL);
        return;
    }
    bool may_not = flags != 0 || model_mutated(send_without_flags_unsupported); /* SEND-007 */
    if (wsk_fault(s, faults, may_not ? 2 : 1, &status)) {
        wsk_finish(call, WSK_INLINE, status, 0);
        return;
    }
    if (buffer->Length == 0) { /* AMBIGUOUS-LIFE-47 */
        if (model_knob(s, KNOB_SEND_ZERO_LENGTH) == 1) {
            wsk_refuse(call, STATUS_INVALID_PARAMETER);
        } else {
            wsk_finish(call, WSK_PEND, STATUS_SUCCESS, 0);
        }
        return;
    }
    if (!wsk_buffer_use(call, buffer, MM_READ, RULE_SEND_002)) {
        return;
    }
    if (is_botched(call, buffer->Length)) {
        return;
    }
    if (model_mutated(send_rereads_buf)) {
        r->item = (void *)(uintptr_t)buffer;
    }
    r->deliver = deliver_send;
    r->withdraw = withdraw_send;
    push(s, socket, r);
    wsk_queue_push(&socket->data.sends, r);
    wsk_pend(call);
}

NTSTATUS WSKAPI WskSend(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags, PIRP Irp)
{
    struct wsk_call call;
    if (WSK_ENTER(&call, WskSend, Socket, Irp, WSK_REQ_SEND)) {
        send_buffer(&call, Buffer, Flags);
    }
    return wsk_leave(&call);
}

/* Reserved; a few clients call it (M-17). */
NTSTATUS WSKAPI WskSendEx(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags, ULONG ControlInfoLength,
                          PCMSGHDR ControlInfo, PIRP Irp)
{
    struct wsk_call call;
    if (WSK_ENTER(&call, WskSendEx, Socket, Irp, WSK_REQ_SEND)) {
        if (ControlInfoLength != 0) {
            model_touch(call.s, ControlInfo, ControlInfoLength, "ControlInfo");
        }
        send_buffer(&call, Buffer, Flags);
    }
    return wsk_leave(&call);
}

/* ---- WskDisconnect ---- */

static void deliver_disconnect(struct sim *s, struct wsk_request *r)
{
    struct wsk_socket *socket = r->socket;
    wsk_buffer_release(s, r, MM_READ, RULE_DISC_005);
    model_exercised(s, RULE_DISC_003);
    if (NT_SUCCESS(r->status) && model_mutated(disconnect_fails)) {
        r->status = STATUS_UNSUCCESSFUL;
    }
    if (r->status == STATUS_CANCELLED && !r->is_cancelled && socket->life == WSK_CLOSING) {
        r->status = forced_status(s, STATUS_CANCELLED, STATUS_CONNECTION_ABORTED);
    }
    see_cut(s, r);
    if (NT_SUCCESS(r->status) && socket->seen == WSK_REMOTE_FIN) {
        wsk_socket_see(s, socket, WSK_BOTH_FIN);
    }
}

static void withdraw_disconnect(struct sim *s, struct wsk_request *r)
{
    (void)s;
    wsk_queue_remove(&r->socket->data.disconnects, r); /* LocalFin stays (table 2.3) */
}

static void abort_connection(struct wsk_call *call)
{
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    call->request->kind = WSK_REQ_ABORT;
    if (socket->data.cut == WSK_CUT_NONE) {
        if (socket->state != WSK_BOTH_FIN && socket->data.tcp != NULL) {
            net_tcp_abort(s, socket->data.tcp);
        }
        wsk_stream_cut(s, socket, WSK_CUT_LOCAL, STATUS_CONNECTION_ABORTED);
    }
    wsk_socket_see(s, socket, WSK_ABORTED);
    wsk_finish(call, WSK_PEND, STATUS_SUCCESS, 0);
}

static void finish_sending(struct wsk_call *call, const WSK_BUF *buffer)
{
    static const NTSTATUS faults[] = {STATUS_INSUFFICIENT_RESOURCES};
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    struct wsk_request *r = call->request;
    NTSTATUS status;
    if (socket->seen == WSK_LOCAL_FIN || socket->seen == WSK_BOTH_FIN ||
        socket->seen == WSK_ABORTED) {
        model_lint(s, RULE_DISC_019);
    }
    if (socket->data.cut != WSK_CUT_NONE || socket->data.is_shut) {
        wsk_refuse(call, wsk_stream_dead_status(s, socket));
        return;
    }
    if (wsk_fault(s, faults, SIM_COUNT(faults), &status)) {
        wsk_finish(call, WSK_INLINE, status, 0);
        return;
    }
    if (buffer != NULL) {
        if (!wsk_buffer_use(call, buffer, MM_READ, RULE_SEND_002)) {
            return;
        }
        if (!model_mutated(disconnect_drops_buffer)) {
            push(s, socket, r);
        }
    }
    model_exercised(s, RULE_DISC_004);
    socket->data.is_shut = true;
    wsk_stream_shut(s, socket);
    if (socket->state == WSK_CONNECTED) {
        wsk_socket_state(s, socket, WSK_LOCAL_FIN);
    }
    wsk_socket_see(s, socket, socket->seen == WSK_REMOTE_FIN ? WSK_BOTH_FIN : WSK_LOCAL_FIN);
    r->deliver = deliver_disconnect;
    r->withdraw = withdraw_disconnect;
    net_tcp_shutdown(s, socket->data.tcp);
    wsk_queue_push(&socket->data.disconnects, r);
    wsk_pend(call);
}

static void disconnect(struct wsk_call *call, const WSK_BUF *buffer, ULONG flags)
{
    struct sim *s = call->s;
    uint32_t object = call->socket->object;
    if ((flags & ~(ULONG)WSK_FLAG_ABORTIVE) != 0) {
        model_breach(s, RULE_DISC_002, object, NULL, "WskDisconnect is given Flags 0x%x", flags);
        if (!wsk_ignores_argument(call)) {
            return;
        }
        flags &= WSK_FLAG_ABORTIVE;
    }
    if (flags != 0 && buffer != NULL) {
        model_breach(s, RULE_DISC_002, object, NULL, "an abortive WskDisconnect is given a buffer");
        if (!wsk_ignores_argument(call)) {
            return;
        }
    }
    model_exercised(s, RULE_DISC_002);
    if (!wsk_stream_check_connected(call, RULE_DISC_001)) {
        return;
    }
    if (flags != 0) {
        abort_connection(call);
    } else {
        finish_sending(call, buffer);
    }
}

NTSTATUS WSKAPI WskDisconnect(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags, PIRP Irp)
{
    struct wsk_call call;
    if (WSK_ENTER(&call, WskDisconnect, Socket, Irp, WSK_REQ_DISCONNECT)) {
        disconnect(&call, Buffer, Flags);
    }
    return wsk_leave(&call);
}
