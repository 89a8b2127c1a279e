/* SPDX-License-Identifier: MIT */
/*
 * Connecting: WskConnect, WskConnectEx, and the second half of WskSocketConnect (1.7).
 *
 *   Bound --call--> Connecting --connected--> Connected
 *     ^                 +--failed, cancelled--> Bound (AMBIGUOUS-LIFE-13: or must be closed, or
 * dead)
 *     +----------------------------------------+
 *
 * The request of WskSocketConnect belongs to no socket yet (request->socket is NULL): `item` names
 * it, and a failure leaves nothing behind. On success the socket becomes visible when the network
 * says so, so that its static callbacks may run before the IRP comes (CONN-013).
 */
#include "model/wsk/wsk_data_internal.h"
#include "model/wsk/wsk_internal.h"

#include "model/world/run.h"

enum { CONNECT_DATA_MAX = 65535 }; /* CONN-005 */

static const NTSTATUS connect_faults[] = {
    STATUS_INSUFFICIENT_RESOURCES, STATUS_CONNECTION_REFUSED, STATUS_HOST_UNREACHABLE,
    STATUS_NETWORK_UNREACHABLE,    STATUS_IO_TIMEOUT,
};

static struct wsk_socket *socket_of(const struct wsk_request *r)
{
    return r->socket != NULL ? r->socket : r->item;
}

/* ---- endings ---- */

/* AMBIGUOUS-LIFE-13. */
static void fall_back(struct sim *s, struct wsk_socket *socket)
{
    socket->data.connect = NULL;
    socket->committed_connect = false; /* STRM-006 */
    socket->data.has_failed = true;
    if (socket->data.tcp != NULL) {
        net_tcp_close(s, socket->data.tcp);
        socket->data.tcp = NULL;
    }
    wsk_socket_state(s, socket, WSK_BOUND);
    if (socket->life != WSK_LIVE) {
        return;
    }
    switch (model_knob(s, KNOB_CONNECT_AFTER_FAILURE)) {
    case 1:
        socket->data.must_close = true;
        break;
    case 2:
        wsk_socket_die(s, socket);
        break;
    default:
        break;
    }
}

static void withdraw_connect(struct sim *s, struct wsk_request *r)
{
    fall_back(s, socket_of(r));
}

static void deliver_connect(struct sim *s, struct wsk_request *r)
{
    struct wsk_socket *socket = r->socket;
    wsk_buffer_release(s, r, MM_READ, RULE_CONN_006);
    if (r->status == STATUS_CANCELLED && model_mutated(connect_close_status)) {
        r->status = STATUS_UNSUCCESSFUL;
    }
    model_exercised(s, r->status == STATUS_CANCELLED ? RULE_CONN_012 : RULE_CONN_004);
    if (!NT_SUCCESS(r->status)) {
        if (socket->seen == WSK_CONNECTING) {
            wsk_socket_see(s, socket, WSK_BOUND);
        }
    } else if (socket->seen == WSK_CONNECTING && !model_mutated(connect_is_not_known)) {
        r->information = model_mutated(connect_information) ? 1 : 0;
        model_exercised(s, RULE_CONN_008);
        wsk_socket_see(s, socket, WSK_CONNECTED);
    }
}

static void deliver_open(struct sim *s, struct wsk_request *r)
{
    struct wsk_socket *socket = r->item;
    if (NT_SUCCESS(r->status)) {
        return;
    }
    if (socket->sd_object != 0) {
        wsk_sd_use(s, socket->sd_object, -1);
        socket->sd_object = 0;
    }
    socket->data.is_bound = false;
    wsk_socket_discard(s, socket);
}

void wsk_connect_done(struct sim *s, void *user)
{
    struct wsk_socket *socket = user;
    struct wsk_request *r = socket->data.connect;
    SIM_ASSERT(r != NULL && socket->state == WSK_CONNECTING);
    socket->data.connect = NULL;
    if (!model_mutated(connect_keeps_wildcard)) {
        net_tcp_local(socket->data.tcp, &socket->local); /* CONN-009 */
    }
    model_exercised(s, RULE_CONN_009);
    net_tcp_remote(socket->data.tcp, &socket->remote);
    wsk_address_map(socket, &socket->local);
    wsk_address_map(socket, &socket->remote);
    bool hold = model_knob(s, KNOB_CONN_EVENTS_BEFORE_COMPLETION) == 1;
    ULONG_PTR information = 0;
    if (r->socket == NULL) {
        model_exercised(s, RULE_SOCK_017);
        socket->remote.port ^= model_mutated(socket_connect_elsewhere);
        information = (ULONG_PTR)wsk_socket_publish(s, socket, r->out[0], r->out[1]);
        wsk_socket_see(s, socket, WSK_CONNECTED);
    }
    socket->hold_events = hold;
    r->held = hold ? socket : NULL;
    wsk_complete(s, r, STATUS_SUCCESS, information);
    wsk_socket_state(s, socket, WSK_CONNECTED);
    wsk_stream_established(s, socket);
}

static NTSTATUS failure_status(enum net_tcp_error error)
{
    switch (error) {
    case NET_REFUSED:
        return STATUS_CONNECTION_REFUSED;
    case NET_UNREACHABLE:
        return STATUS_HOST_UNREACHABLE;
    case NET_TIMED_OUT:
        return STATUS_IO_TIMEOUT;
    case NET_RESET:
        break;
    }
    return STATUS_CONNECTION_RESET;
}

void wsk_connect_failed(struct sim *s, void *user, enum net_tcp_error error)
{
    struct wsk_socket *socket = user;
    struct wsk_request *r = socket->data.connect;
    SIM_ASSERT(r != NULL);
    wsk_complete(s, r, failure_status(error), 0);
    fall_back(s, socket);
}

/* ---- the attempt ---- */

static void start(struct wsk_call *call, struct wsk_socket *socket,
                  const struct net_address *remote, const void *data, uint32_t size)
{
    struct sim *s = call->s;
    struct wsk_request *r = call->request;
    wsk_socket_state(s, socket, WSK_CONNECTING);
    const struct net_address plain = wsk_address_plain(remote);
    world_connecting(s, &plain);
    socket->remote = *remote;
    socket->data.connect = r;
    r->withdraw = withdraw_connect;
    const struct net_address local =
        wsk_address_is_mapped(remote) ? wsk_address_as_v4(&socket->local) : socket->local;
    socket->data.tcp = net_tcp_connect(s, NET_LOCAL, &local, &plain, data, size, socket->fast_open,
                                       &wsk_stream_tcp_ops, socket);
    wsk_pend(call);
}

/* Also: an IPv4 address, and the socket speaks IPv6 only (IPV6_V6ONLY). */
static bool faults(struct wsk_call *call, struct wsk_socket *socket,
                   const struct net_address *remote)
{
    NTSTATUS status;
    if (wsk_address_is_mapped(remote) && !wsk_is_dual(socket)) {
        fall_back(call->s, socket);
        wsk_finish(call, WSK_PEND, STATUS_NETWORK_UNREACHABLE, 0);
        return true;
    }
    if (!wsk_fault(call->s, connect_faults, SIM_COUNT(connect_faults), &status)) {
        return false;
    }
    fall_back(call->s, socket);
    wsk_finish(call, WSK_PEND, status, 0);
    return true;
}

/* Step 8. False: refused. */
static bool check_arguments(struct wsk_call *call, const SOCKADDR *address, ULONG flags,
                  struct net_address *remote)
{
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    const char *name = model_routine_name(call->routine);
    if (flags != 0) {
        model_breach(s, RULE_CONN_001, socket->object, NULL, "%s is given Flags 0x%x", name, flags);
        if (call->routine == ROUTINE_WskConnectEx) {
            wsk_refuse(call, STATUS_INVALID_PARAMETER); /* CONN-005 */
            return false;
        }
        if (!wsk_ignores_argument(call)) {
            return false;
        }
    }
    model_exercised(s, RULE_CONN_001);
    if (!wsk_address_in(s, address, socket->family, remote, "RemoteAddress")) {
        model_breach(s, RULE_CONN_002, socket->object, &socket->created,
                     "%s is given an address of family %u on a socket of family %u", name,
                     address->sa_family, socket->family);
        wsk_refuse_argument(call);
        return false;
    }
    model_exercised(s, RULE_CONN_002);
    wsk_input_keep(call->request, address, wsk_address_size(socket->family), RULE_CONN_002);
    return true;
}

/* Step 9. False: refused. */
static bool check_state(struct wsk_call *call)
{
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    const char *name = model_routine_name(call->routine);
    if (socket->committed_listen) {
        model_breach(s, RULE_STRM_004, socket->object, &socket->seen_where,
                     "%s on a stream socket that listens", name);
        wsk_refuse_state(call);
        return false;
    }
    if (socket->seen == WSK_UNBOUND || socket->seen == WSK_BINDING) {
        model_breach(s, socket->category == WSK_STREAM ? RULE_BIND_008 : RULE_BIND_006,
                     socket->object, &socket->created, "%s on a socket that is not bound", name);
        wsk_refuse(call, model_mutated(connect_unbound_parameter)
                             ? STATUS_INVALID_PARAMETER
                             : STATUS_INVALID_DEVICE_STATE); /* CONN-003 */
        return false;
    }
    model_exercised(s, RULE_BIND_008);
    model_exercised(s, RULE_BIND_006);
    if (socket->state != WSK_BOUND || socket->seen != WSK_BOUND) {
        model_lint(s, RULE_CONN_010);
        wsk_refuse_state(call);
        return false;
    }
    if (socket->data.has_failed) {
        model_lint(s, RULE_CONN_011);
        if (socket->data.must_close) {
            wsk_refuse(call, STATUS_INVALID_DEVICE_STATE);
            return false;
        }
    }
    return true;
}

static void connect_socket(struct wsk_call *call, const struct net_address *remote,
                           const WSK_BUF *buffer)
{
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    struct wsk_request *r = call->request;
    uint8_t *data = wsk_data_of(s)->scratch;
    if (buffer != NULL) {
        if (!wsk_buffer_use(call, buffer, MM_READ, RULE_CONN_006)) {
            return;
        }
        if (r->length != 0) {
            mm_chain_read(s, r->mdl, r->offset, 0, data, r->length);
        }
    }
    r->deliver = deliver_connect;
    socket->committed_connect = socket->category == WSK_STREAM;
    wsk_socket_see(s, socket, WSK_CONNECTING);
    if (faults(call, socket, remote)) {
        return;
    }
    start(call, socket, remote, data,
          model_mutated(connect_ex_data_lost) ? 0 : (uint32_t)r->length);
}

NTSTATUS WSKAPI WskConnect(PWSK_SOCKET Socket, PSOCKADDR RemoteAddress, ULONG Flags, PIRP Irp)
{
    struct wsk_call call;
    struct net_address remote;
    if (WSK_ENTER(&call, WskConnect, Socket, Irp, WSK_REQ_CONNECT) &&
        check_arguments(&call, RemoteAddress, Flags, &remote) && check_state(&call)) {
        connect_socket(&call, &remote, NULL);
    }
    return wsk_leave(&call);
}

NTSTATUS WSKAPI WskConnectEx(PWSK_SOCKET Socket, PSOCKADDR RemoteAddress, PWSK_BUF Buffer,
                             ULONG Flags, PIRP Irp)
{
    struct wsk_call call;
    struct net_address remote;
    if (WSK_ENTER(&call, WskConnectEx, Socket, Irp, WSK_REQ_CONNECT_EX) &&
        check_arguments(&call, RemoteAddress, Flags, &remote)) {
        if (Buffer != NULL) {
            model_touch(call.s, Buffer, sizeof *Buffer, "Buffer");
        }
        if (Buffer != NULL && Buffer->Length > CONNECT_DATA_MAX &&
            !model_mutated(connect_ex_takes_more)) {
            wsk_refuse(&call, STATUS_BUFFER_OVERFLOW);
        } else if (check_state(&call)) {
            connect_socket(&call, &remote, Buffer);
        }
    }
    return wsk_leave(&call);
}

void wsk_stream_open(struct wsk_call *call, struct wsk_socket *socket,
                     const struct net_address *local, const struct net_address *remote,
                     PVOID context, const VOID *dispatch)
{
    struct sim *s = call->s;
    struct wsk_request *r = call->request;
    r->item = socket;
    r->out[0] = context;
    r->out[1] = (PVOID)(ULONG_PTR)dispatch;
    r->deliver = deliver_open;
    if (faults(call, socket, remote)) {
        return;
    }
    NTSTATUS status = wsk_bind_claim(s, socket, local);
    if (!NT_SUCCESS(status)) {
        wsk_finish(call, WSK_PEND, status, 0);
        return;
    }
    start(call, socket, remote, NULL, 0);
}
