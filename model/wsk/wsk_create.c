/* SPDX-License-Identifier: MIT */
/*
 * WskSocket and the front half of WskSocketConnect. The record is made at the call; the object the
 * client sees comes into being when the IRP is given back, so that a creation that fails or is
 * cancelled leaves nothing behind (SOCK-023).
 */
#include "model/wsk/wsk_internal.h"

#include "model/ps/ps.h"

#include <string.h>

static const NTSTATUS creation_faults[] = {STATUS_INSUFFICIENT_RESOURCES, STATUS_DEVICE_NOT_READY};

/* SOCK-002: exactly one category; WSK_CATEGORIES if it is none. */
static enum wsk_category category_of(struct sim *s, ULONG flags)
{
    switch (flags) {
    case WSK_FLAG_BASIC_SOCKET:
        return WSK_BASIC;
    case WSK_FLAG_LISTEN_SOCKET:
        return WSK_LISTEN;
    case WSK_FLAG_DATAGRAM_SOCKET:
        return WSK_DATAGRAM;
    case WSK_FLAG_CONNECTION_SOCKET:
        return WSK_CONNECTION;
    case WSK_FLAG_STREAM_SOCKET:
        return WSK_STREAM;
    default:
        break;
    }
    model_breach(s, RULE_SOCK_002, 0, NULL,
                 "WskSocket is given Flags 0x%x, which name no category", flags);
    return WSK_CATEGORIES;
}

/* Table 1.3.1. */
static bool is_combination(enum wsk_category category, USHORT type, ULONG protocol)
{
    bool is_tcp = type == SOCK_STREAM && protocol == IPPROTO_TCP;
    bool is_udp = (type == SOCK_DGRAM && protocol == IPPROTO_UDP) || type == SOCK_RAW;
    switch (category) {
    case WSK_BASIC:
        return is_tcp || is_udp;
    case WSK_DATAGRAM:
        return is_udp;
    case WSK_LISTEN:
    case WSK_CONNECTION:
    case WSK_STREAM:
        return is_tcp;
    case WSK_CATEGORIES:
        break;
    }
    return false;
}

static bool check_combination(struct sim *s, enum wsk_category category, ADDRESS_FAMILY family,
                              USHORT type, ULONG protocol)
{
    model_exercised(s, RULE_SOCK_003);
    if ((family == AF_INET || family == AF_INET6) && is_combination(category, type, protocol)) {
        return true;
    }
    model_breach(s, RULE_SOCK_003, 0, NULL,
                 "address family %u, type %u, protocol %u do not make a %s socket", family, type,
                 protocol, wsk_category_name(category));
    return false;
}

/* SOCK-015: what is given must be a process and a thread; NULL means the current ones. */
static bool check_owner(struct wsk_call *call, PEPROCESS process, PETHREAD thread)
{
    struct sim *s = call->s;
    const struct ps_object *p = process != NULL ? ps_object_find(s, process) : NULL;
    const struct ps_object *t = thread != NULL ? ps_object_find(s, thread) : NULL;
    if ((process != NULL && (p == NULL || p->is_gone || p->kind != PS_PROCESS)) ||
        (thread != NULL && (t == NULL || t->is_gone || t->kind != PS_THREAD))) {
        model_fail(s, RULE_SOCK_015, call->registration->object, NULL,
                   "%s is given an owner that is no process or no thread",
                   model_routine_name(call->routine));
    }
    model_exercised(s, RULE_SOCK_015);
    if (model_mutated(null_process_refused) && process == NULL) {
        wsk_refuse(call, STATUS_INVALID_PARAMETER);
        return false;
    }
    return true;
}

/* SOCK-002, SOCK-003, SOCK-005. False: the call is decided. */
static bool check_kind(struct wsk_call *call, enum wsk_category category, ADDRESS_FAMILY family,
                       USHORT type, ULONG protocol, bool *is_wrong)
{
    struct sim *s = call->s;
    if (category == WSK_CATEGORIES) {
        wsk_refuse(call, model_knob(s, KNOB_SOCKET_BAD_FLAGS_STATUS) == 1
                             ? STATUS_NOT_SUPPORTED
                             : STATUS_INVALID_PARAMETER);
        return false;
    }
    *is_wrong = !check_combination(s, category, family, type, protocol);
    if (*is_wrong && model_knob(s, KNOB_SOCKET_WRONG_COMBINATION) == 1) {
        wsk_refuse(call, STATUS_INVALID_PARAMETER);
        return false;
    }
    return true;
}

/* A failure that the fault plan wants. True: the call is decided. */
static bool fails(struct wsk_call *call)
{
    NTSTATUS status;
    if (!wsk_fault(call->s, creation_faults, SIM_COUNT(creation_faults), &status)) {
        return false;
    }
    model_exercised(call->s, RULE_SOCK_004);
    model_exercised(call->s, RULE_SOCK_007);
    wsk_finish(call, WSK_PEND,
               model_mutated(creation_forced_closed) ? STATUS_FILE_FORCED_CLOSED : status, 0);
    return true;
}

static void use_descriptor(struct wsk_call *call, struct wsk_socket *socket,
                           PSECURITY_DESCRIPTOR sd)
{
    if (sd == NULL) {
        return;
    }
    socket->sd = sd;
    socket->sd_object = wsk_sd_check(call->s, sd, RULE_SOCK_014, "SecurityDescriptor");
    wsk_sd_use(call->s, socket->sd_object, 1); /* the socket's; WskCloseSocket gives it back */
    call->request->sd_object = socket->sd_object;
    wsk_sd_use(call->s, socket->sd_object, 1); /* the request's (CTL-115) */
}

static void deliver_socket(struct sim *s, struct wsk_request *r)
{
    struct wsk_socket *socket = r->item;
    if (NT_SUCCESS(r->status) || model_mutated(failed_creation_leaves_socket)) {
        r->information = (ULONG_PTR)wsk_socket_publish(s, socket, r->out[0], r->out[1]);
    } else if (socket->sd_object != 0) {
        wsk_sd_use(s, socket->sd_object, -1);
        socket->sd_object = 0;
    }
}

NTSTATUS WSKAPI WskSocket(PWSK_CLIENT Client, ADDRESS_FAMILY AddressFamily, USHORT SocketType,
                          ULONG Protocol, ULONG Flags, PVOID SocketContext, const VOID *Dispatch,
                          PEPROCESS OwningProcess, PETHREAD OwningThread,
                          PSECURITY_DESCRIPTOR SecurityDescriptor, PIRP Irp)
{
    struct wsk_call call;
    bool is_wrong;
    if (!WSK_ENTER_CLIENT(&call, WskSocket, Client, Irp, WSK_REQ_SOCKET, 0)) {
        return wsk_leave(&call);
    }
    struct sim *s = call.s;
    enum wsk_category category = category_of(s, Flags);
    if (!check_kind(&call, category, AddressFamily, SocketType, Protocol, &is_wrong) ||
        !check_owner(&call, OwningProcess, OwningThread) || fails(&call)) {
        return wsk_leave(&call);
    }
    struct wsk_socket *socket =
        wsk_socket_new(s, call.registration, category, AddressFamily, SocketType, Protocol);
    socket->is_wrong_kind = is_wrong;
    use_descriptor(&call, socket, SecurityDescriptor);
    call.request->item = socket;
    call.request->out[0] = SocketContext;
    call.request->out[1] = (PVOID)(ULONG_PTR)Dispatch;
    call.request->deliver = deliver_socket;
    wsk_finish(&call, WSK_PEND, STATUS_SUCCESS, 0);
    return wsk_leave(&call);
}

NTSTATUS WSKAPI WskSocketConnect(PWSK_CLIENT Client, USHORT SocketType, ULONG Protocol,
                                 PSOCKADDR LocalAddress, PSOCKADDR RemoteAddress, ULONG Flags,
                                 PVOID SocketContext,
                                 const WSK_CLIENT_CONNECTION_DISPATCH *Dispatch,
                                 PEPROCESS OwningProcess, PETHREAD OwningThread,
                                 PSECURITY_DESCRIPTOR SecurityDescriptor, PIRP Irp)
{
    struct wsk_call call;
    if (!WSK_ENTER_CLIENT(&call, WskSocketConnect, Client, Irp, WSK_REQ_SOCKET_CONNECT, 0)) {
        return wsk_leave(&call);
    }
    struct sim *s = call.s;
    if (Flags != 0) {
        model_fail(s, RULE_SOCK_016, 0, NULL, "WskSocketConnect is given Flags 0x%x", Flags);
    }
    model_touch(s, LocalAddress, sizeof LocalAddress->sa_family, "LocalAddress");
    ADDRESS_FAMILY family = LocalAddress->sa_family;
    if (!check_combination(s, WSK_CONNECTION, family, SocketType, Protocol)) {
        wsk_refuse(&call, STATUS_INVALID_PARAMETER);
        return wsk_leave(&call);
    }
    struct net_address local, remote;
    if (!wsk_address_in(s, LocalAddress, family, &local, "LocalAddress") ||
        !wsk_address_in(s, RemoteAddress, family, &remote, "RemoteAddress")) {
        model_fail(s, RULE_SOCK_018, 0, NULL,
                   "LocalAddress and RemoteAddress of WskSocketConnect differ in family");
    }
    if (!check_owner(&call, OwningProcess, OwningThread) || fails(&call)) {
        return wsk_leave(&call);
    }
    struct wsk_socket *socket =
        wsk_socket_new(s, call.registration, WSK_CONNECTION, family, SocketType, Protocol);
    socket->from_connect = true;
    use_descriptor(&call, socket, SecurityDescriptor);
    wsk_stream_open(&call, socket, &local, &remote, SocketContext, Dispatch);
    return wsk_leave(&call);
}
