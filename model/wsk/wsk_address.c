/* SPDX-License-Identifier: MIT */
/* WskGetLocalAddress and WskGetRemoteAddress (ADDR-001 to ADDR-007). */
#include "model/wsk/wsk_data_internal.h"

static void deliver_address(struct sim *s, struct wsk_request *r)
{
    if (NT_SUCCESS(r->status)) {
        wsk_output_kept(s, r, r->out[0], wsk_address_size(r->socket->family), RULE_ADDR_005,
                        "address buffer");
        wsk_address_out(s, &r->address[0], r->out[0], "address buffer");
        if (model_mutated(address_family_v4)) {
            ((PSOCKADDR)r->out[0])->sa_family = AF_INET;
        }
    }
}

/* ADDR-005: checked at the call, and by the write at the completion. */
static void answer(struct wsk_call *call, PSOCKADDR out, const struct net_address *address)
{
    struct sim *s = call->s;
    struct wsk_request *r = call->request;
    NTSTATUS status;
    model_touch(s, out, wsk_address_size(call->socket->family), "address buffer");
    model_exercised(s, RULE_ADDR_005);
    static const NTSTATUS faults[] = {STATUS_INSUFFICIENT_RESOURCES};
    if (wsk_fault(s, faults, SIM_COUNT(faults), &status)) {
        wsk_finish(call, WSK_INLINE, status, 0);
        return;
    }
    r->out[0] = out;
    r->address[0] = *address;
    if (model_mutated(bind_port_late) && call->socket->state == WSK_BOUND) {
        r->address[0].port = 0;
    }
    r->deliver = deliver_address;
    wsk_finish(call, WSK_INLINE, STATUS_SUCCESS, 0);
}

NTSTATUS WSKAPI WskGetLocalAddress(PWSK_SOCKET Socket, PSOCKADDR LocalAddress, PIRP Irp)
{
    struct wsk_call call;
    if (WSK_ENTER(&call, WskGetLocalAddress, Socket, Irp, WSK_REQ_LOCAL_ADDRESS)) {
        const struct wsk_socket *socket = call.socket;
        bool is_known = socket->seen != WSK_UNBOUND && socket->seen != WSK_BINDING;
        if (!is_known && !wsk_any_callback(socket)) {
            model_breach(call.s, RULE_ADDR_001, socket->object, &socket->created,
                         "WskGetLocalAddress on a socket that is not bound");
            wsk_refuse(&call, model_mutated(local_address_unbound) ? STATUS_INVALID_PARAMETER
                                                                   : STATUS_INVALID_DEVICE_STATE);
            model_exercised(call.s, RULE_ADDR_002);
            return wsk_leave(&call);
        }
        model_exercised(call.s, RULE_ADDR_001);
        answer(&call, LocalAddress, &socket->local);
    }
    return wsk_leave(&call);
}

NTSTATUS WSKAPI WskGetRemoteAddress(PWSK_SOCKET Socket, PSOCKADDR RemoteAddress, PIRP Irp)
{
    struct wsk_call call;
    if (WSK_ENTER(&call, WskGetRemoteAddress, Socket, Irp, WSK_REQ_REMOTE_ADDRESS)) {
        if (!wsk_stream_check_connected(&call, RULE_ADDR_003)) {
            return wsk_leave(&call);
        }
        bool is_over = call.socket->state == WSK_BOTH_FIN || call.socket->state == WSK_ABORTED;
        if (is_over && model_knob(call.s, KNOB_STATE_WRONG_STATE_STATUS) != 0) {
            wsk_refuse_state(&call); /* AMBIGUOUS-LIFE-10 */
        } else {
            answer(&call, RemoteAddress, &call.socket->remote);
        }
    }
    return wsk_leave(&call);
}
