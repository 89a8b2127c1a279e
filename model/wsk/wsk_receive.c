/* SPDX-License-Identifier: MIT */
/*
 * WskReceive: the queue of receives and what completes them (1.10).
 *
 * A receive is tried at the call and whenever something changes; the first in the queue that cannot
 * be completed holds up the others (RECV-009). Bytes given to a receive are staged, and written to
 * the client's buffer when the IRP goes back.
 */
#include "model/wsk/wsk_data_internal.h"

static bool has_flag(const struct wsk_request *r, ULONG flag)
{
    return (r->flags & flag) != 0;
}

/* ---- completion ---- */

/* AMBIGUOUS-LIFE-28: bytes that a WAITALL had when it was cancelled or the connection was cut. */
static void deliver_partial(struct sim *s, struct wsk_request *r)
{
    uint16_t reading = model_knob(s, KNOB_RECV_PARTIAL_STATUS);
    if (r->done == 0 || reading == 0 || (reading == 1 && r->status != STATUS_CANCELLED)) {
        return;
    }
    if (reading == 1) {
        r->status = STATUS_SUCCESS;
    }
    mm_chain_write(s, r->mdl, r->offset, 0, r->item, r->done);
    r->information = r->done;
}

static void see_end(struct sim *s, struct wsk_socket *socket, const struct wsk_request *r)
{
    if (!NT_SUCCESS(r->status)) {
        if (socket->data.cut != WSK_CUT_NONE && r->status != STATUS_CANCELLED) {
            wsk_socket_see(s, socket, WSK_ABORTED);
        }
    } else if (r->information == 0 &&
               (r->length != 0 || has_flag(r, WSK_FLAG_DRAIN))) { /* DISC-014 */
        if (socket->seen == WSK_CONNECTED) {
            wsk_socket_see(s, socket, WSK_REMOTE_FIN);
        } else if (socket->seen == WSK_LOCAL_FIN) {
            wsk_socket_see(s, socket, WSK_BOTH_FIN);
        }
    }
}

static void deliver_receive(struct sim *s, struct wsk_request *r)
{
    struct wsk_socket *socket = r->socket;
    if (!NT_SUCCESS(r->status)) {
        deliver_partial(s, r);
    } else if (r->done != 0) {
        mm_chain_write(s, r->mdl, r->offset, 0, r->item, r->done);
        r->information = r->done;
        if (model_mutated(receive_writes_more) && r->done < r->length) {
            mm_chain_write(s, r->mdl, r->offset, r->done, "", 1);
        }
    }
    wsk_stage_free(s, r->item);
    r->item = NULL;
    wsk_buffer_release(s, r, MM_WRITE, RULE_RECV_003);
    see_end(s, socket, r);
    /* "When the request has completed": its routine has run. */
    r->resumes = model_knob(s, KNOB_RECV_RESUME_MOMENT) == 1;
}

/* ---- trying ---- */

static void take_bytes(struct sim *s, struct wsk_request *r, SIZE_T size)
{
    struct wsk_socket *socket = r->socket;
    if (r->item == NULL) {
        r->item = wsk_stage_alloc(s, has_flag(r, WSK_FLAG_WAITALL) ? r->length : size);
    }
    size_t got = net_tcp_peek(socket->data.tcp, 0, (uint8_t *)r->item + r->done, size);
    SIM_ASSERT_OP(got, ==, size);
    bool is_twice = model_mutated(received_byte_stays) && size > 1;
    wsk_stream_take(s, socket, is_twice ? size - 1 : size);
    r->done += size;
}

/* Gives the receive what there is. True: it is done, with *status. */
static bool try_receive(struct sim *s, struct wsk_request *r, NTSTATUS *status)
{
    struct wsk_socket *socket = r->socket;
    SIZE_T available = wsk_stream_available(s, socket);
    *status = STATUS_SUCCESS;
    if (has_flag(r, WSK_FLAG_DRAIN)) {
        wsk_stream_take(s, socket, available);
        if (model_mutated(drain_ends_with_first_data) && available != 0) {
            return true;
        }
        available = 0;
    } else if (r->length == 0) { /* AMBIGUOUS-LIFE-46 */
        if (available != 0 ||
            (socket->data.cut == WSK_CUT_NONE && model_knob(s, KNOB_RECV_ZERO_LENGTH) == 0)) {
            return true;
        }
    } else if (available != 0) {
        bool is_all = has_flag(r, WSK_FLAG_WAITALL) && !model_mutated(waitall_is_ignored);
        SIZE_T wanted = r->length - r->done;
        SIZE_T size = available < wanted ? available : wanted;
        take_bytes(s, r, is_all ? size : wsk_pick_amount(s, size)); /* RECV-006 */
        if (!is_all || r->done == r->length) {
            return true;
        }
        available -= size;
    }
    if (socket->data.cut != WSK_CUT_NONE) {
        *status = model_mutated(abort_ends_receives_well) ? STATUS_SUCCESS
                                                          : wsk_stream_dead_status(s, socket);
        return available == 0;
    }
    if (model_mutated(receive_completes_empty) && r->length != 0 && r->done == 0) {
        return true;
    }
    const struct wsk_queue *queued = &socket->data.receives;
    if (model_mutated(end_completes_one) && queued->first != queued->last) {
        return false;
    }
    model_exercised(s, RULE_DISC_014);
    return available == 0 && wsk_stream_peer_finished(socket);
}

static bool is_blocked(struct sim *s, const struct wsk_socket *socket)
{
    const struct wsk_data *d = &socket->data;
    return d->is_held || d->is_racing || (d->is_indicating && wsk_stream_available(s, socket) != 0);
}

void wsk_stream_serve(struct sim *s, struct wsk_socket *socket)
{
    struct wsk_data *d = &socket->data;
    if (socket->life != WSK_LIVE || d->tcp == NULL) {
        return; /* what waits is failed by the close or the death */
    }
    NTSTATUS status;
    while (d->receives.first != NULL && !is_blocked(s, socket)) {
        struct wsk_request *r = d->receives.first;
        if (!try_receive(s, r, &status)) {
            break;
        }
        wsk_queue_remove(&d->receives, r);
        d->overtaken = 0;
        wsk_complete(s, r, status, 0);
    }
    wsk_event_due(s, socket, WSK_EV_RECEIVE);
    wsk_event_due(s, socket, WSK_EV_DISCONNECT);
}

/* ---- the call ---- */

static void withdraw_receive(struct sim *s, struct wsk_request *r)
{
    (void)s;
    wsk_queue_remove(&r->socket->data.receives, r);
}

/* AMBIGUOUS-LIFE-71. False: the call is decided. */
static bool check_flags(struct wsk_call *call, const WSK_BUF *buffer, ULONG flags)
{
    struct sim *s = call->s;
    uint32_t object = call->socket->object;
    bool is_drain = (flags & WSK_FLAG_DRAIN) != 0;
    model_touch(s, buffer, sizeof *buffer, "Buffer");
    if (is_drain && (flags & WSK_FLAG_WAITALL) != 0) {
        model_breach(s, RULE_RECV_004, object, NULL, "WskReceive combines WAITALL and DRAIN");
    } else if (is_drain && buffer->Length != 0) {
        model_breach(s, RULE_RECV_004, object, NULL,
                     "WskReceive with DRAIN and a buffer of %llu bytes",
                     (unsigned long long)buffer->Length);
    } else if ((flags & ~(ULONG)(WSK_FLAG_WAITALL | WSK_FLAG_DRAIN)) != 0) {
        model_breach(s, RULE_RECV_001, object, NULL, "WskReceive is given unknown Flags 0x%x",
                     flags);
    } else {
        model_exercised(s, RULE_RECV_004);
        return true;
    }
    return wsk_ignores_argument(call);
}

static bool faults(struct wsk_call *call, ULONG flags)
{
    static const NTSTATUS list[] = {STATUS_INSUFFICIENT_RESOURCES, STATUS_NOT_SUPPORTED};
    NTSTATUS status;
    /* RECV-005: a flag that the transport does not know. */
    bool may_not = flags != 0 || model_mutated(receive_without_flags_unsupported);
    if (!wsk_fault(call->s, list, may_not ? 2 : 1, &status)) {
        return false;
    }
    wsk_finish(call, WSK_INLINE, status, 0);
    return true;
}

/* RECV-009: behind the others. */
static void enqueue(struct wsk_data *d, struct wsk_request *r)
{
    struct wsk_request *first = d->receives.first;
    wsk_queue_push(&d->receives, r);
    if (model_mutated(receives_are_a_stack) && first != NULL) {
        wsk_queue_remove(&d->receives, first);
        wsk_queue_push(&d->receives, first);
    }
}

static void receive(struct wsk_call *call, const WSK_BUF *buffer, ULONG flags)
{
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    struct wsk_data *d = &socket->data;
    struct wsk_request *r = call->request;
    if (!check_flags(call, buffer, flags)) {
        return;
    }
    if (!wsk_stream_check_connected(call, RULE_RECV_001)) {
        return;
    }
    if (socket->seen == WSK_ABORTED) {
        model_lint(s, RULE_DISC_011);
    }
    if (faults(call, flags)) {
        return;
    }
    r->flags = flags;
    if (!wsk_buffer_use(call, buffer, MM_WRITE, RULE_RECV_002)) {
        return;
    }
    if (model_mutated(receive_answers_more_entries)) {
        wsk_finish(call, WSK_INLINE, STATUS_MORE_ENTRIES, 0);
        return;
    }
    r->deliver = deliver_receive;
    NTSTATUS status;
    if (d->receives.first == NULL && !is_blocked(s, socket) && try_receive(s, r, &status)) {
        wsk_finish(call, WSK_PEND, status, 0);
    } else {
        r->withdraw = withdraw_receive;
        enqueue(d, r);
        wsk_pend(call);
    }
    if (model_knob(s, KNOB_RECV_RESUME_MOMENT) == 0) {
        wsk_event_resume(s, socket);
    }
    wsk_event_due(s, socket, WSK_EV_DISCONNECT);
}

NTSTATUS WSKAPI WskReceive(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags, PIRP Irp)
{
    struct wsk_call call;
    if (WSK_ENTER(&call, WskReceive, Socket, Irp, WSK_REQ_RECEIVE)) {
        receive(&call, Buffer, Flags);
    }
    return wsk_leave(&call);
}

/* Reserved; a few clients call it (M-17). No control data exists on a stream. */
NTSTATUS WSKAPI WskReceiveEx(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags,
                             PULONG ControlInfoLength, PCMSGHDR ControlInfo, PULONG ControlFlags,
                             PIRP Irp)
{
    struct wsk_call call;
    (void)ControlInfo;
    (void)ControlFlags;
    if (WSK_ENTER(&call, WskReceiveEx, Socket, Irp, WSK_REQ_RECEIVE)) {
        if (ControlInfoLength != NULL) {
            model_touch(call.s, ControlInfoLength, sizeof *ControlInfoLength, "ControlInfoLength");
            *ControlInfoLength = 0;
        }
        receive(&call, Buffer, Flags);
    }
    return wsk_leave(&call);
}
