/* SPDX-License-Identifier: MIT */
/* From the birth of a socket to its close. */
#include "client.h"

/* ---- addresses: 10.0.0.host or fd00::host ---- */

BOOLEAN client_is_v6(void)
{
    return (Program.Options & 64) != 0;
}

SIZE_T client_address_length(void)
{
    return client_is_v6() ? sizeof(SOCKADDR_IN6) : sizeof(SOCKADDR_IN);
}

void client_address(SOCKADDR_STORAGE *out, ULONG host, USHORT port)
{
    SOCKADDR_IN *v4 = (SOCKADDR_IN *)out;
    SOCKADDR_IN6 *v6 = (SOCKADDR_IN6 *)out;
    RtlZeroMemory(out, sizeof *out);
    if (client_is_v6()) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = RtlUshortByteSwap(port);
        v6->sin6_addr.u.Byte[0] = host != 0 ? 0xFD : 0;
        v6->sin6_addr.u.Byte[15] = (UCHAR)host;
    } else {
        v4->sin_family = AF_INET;
        v4->sin_port = RtlUshortByteSwap(port);
        v4->sin_addr.s_addr = host != 0 ? RtlUlongByteSwap(10u << 24 | host) : 0;
    }
}

ULONGLONG client_endpoint(const SOCKADDR *address)
{
    const SOCKADDR_IN *v4 = (const SOCKADDR_IN *)address;
    const SOCKADDR_IN6 *v6 = (const SOCKADDR_IN6 *)address;
    ULONG host = v4->sin_addr.s_addr;
    if (address->sa_family == AF_INET6) {
        RtlCopyMemory(&host, &v6->sin6_addr.u.Byte[12], sizeof host);
    }
    return (ULONGLONG)host << 16 | v4->sin_port;
}

BOOLEAN client_listens(const struct client_socket *s)
{
    return s->Category == LISTENING || (s->Category == STREAM && s->IsListener);
}

BOOLEAN client_is_stream(const struct client_socket *s)
{
    return s->Category == CONNECTION || (s->Category == STREAM && !s->IsListener);
}

struct client_socket *client_socket_new(enum client_category category, BOOLEAN is_listener,
                                        ULONG origin)
{
    static const ULONG bits[] = {[BASIC] = 0,
                                 [LISTENING] = GATE_SOCKET_LISTEN,
                                 [DATAGRAM] = GATE_SOCKET_DATAGRAM,
                                 [CONNECTION] = GATE_SOCKET_CONNECTION};
    KIRQL irql = client_lock();
    struct client_socket *s =
        Client.Sockets < CLIENT_SOCKETS ? &Client.Socket[Client.Sockets++] : NULL;
    if (s != NULL) {
        s->Number = (ULONG)(s - Client.Socket) + 1;
        s->Category = category;
        s->IsListener = is_listener;
        s->MayRetain = (Program.Options & 2) != 0 && Client.StaticMask == 0;
    }
    client_unlock(irql);
    if (s != NULL && category != BASIC) {
        ULONG kind = category != STREAM ? bits[category]
                     : is_listener      ? GATE_SOCKET_LISTEN
                                        : GATE_SOCKET_CONNECTION;
        s->IsConditional = category == LISTENING && (Program.Options & 4) != 0;
        client_note(GATE_NOTE_SOCKET, s->Number,
                    kind | origin | (s->IsConditional ? GATE_SOCKET_CONDITIONAL : 0u));
    }
    return s;
}

/* ---- inside and outside ---- */

static BOOLEAN enter_at(struct client_socket *s, enum client_state low, enum client_state high)
{
    KIRQL irql = client_lock();
    BOOLEAN is_in =
        s->Handle != NULL && !s->IsClosing && !s->IsDead && s->State >= low && s->State <= high;
    s->Users += is_in;
    client_unlock(irql);
    return is_in;
}

BOOLEAN client_enter(struct client_socket *s)
{
    return enter_at(s, UNBOUND, LISTENS);
}

BOOLEAN client_enter_in(struct client_socket *s, enum client_state state)
{
    return enter_at(s, state, state);
}

void client_leave(struct client_socket *s)
{
    KIRQL irql = client_lock();
    s->Users--;
    client_unlock(irql);
}

void client_set_state(struct client_socket *s, enum client_state state)
{
    KIRQL irql = client_lock();
    s->State = state;
    client_unlock(irql);
}

void client_look(struct client_socket *s, NTSTATUS status)
{
    if (status == STATUS_FILE_FORCED_CLOSED) {
        KIRQL irql = client_lock();
        /* Some notice at once; others go on with what they had queued (CLOSE-032 is advice). */
        s->IsDead = (Program.Options & 8) == 0 || ++s->Deaths > 3;
        client_unlock(irql);
    }
}

/* ---- birth ---- */

static const VOID *dispatch_of(const struct client_socket *s)
{
    switch (s->Category) {
    case LISTENING:
        return &ClientListen;
    case DATAGRAM:
        return &ClientDatagram;
    case CONNECTION:
        return &ClientConnection;
    case STREAM:
        return &ClientStream;
    case BASIC:
        break;
    }
    return NULL;
}

void client_open(ULONG what)
{
    static const ULONG flags[] = {[BASIC] = WSK_FLAG_BASIC_SOCKET,
                                  [LISTENING] = WSK_FLAG_LISTEN_SOCKET,
                                  [DATAGRAM] = WSK_FLAG_DATAGRAM_SOCKET,
                                  [CONNECTION] = WSK_FLAG_CONNECTION_SOCKET,
                                  [STREAM] = WSK_FLAG_STREAM_SOCKET};
    static const UCHAR kinds[] = {LISTENING, DATAGRAM,   CONNECTION, LISTENING,
                                  DATAGRAM,  CONNECTION, STREAM,     BASIC};
    enum client_category category = (enum client_category)kinds[what % 8];
    struct client_request *r = client_request(REQUEST_SOCKET, NULL);
    if (r == NULL) {
        return;
    }
    struct client_socket *s = client_socket_new(category, (what & 8) != 0, 0);
    if (s == NULL) {
        client_request_drop(r);
        return;
    }
    r->Accepted = s;
    BOOLEAN is_udp = category == DATAGRAM;
    PSECURITY_DESCRIPTOR descriptor = (what & 32) != 0 ? client_borrow_descriptor() : NULL;
    KIRQL irql = client_rise();
    (void)!Client.Npi.Dispatch->WskSocket(
        Client.Npi.Client, client_is_v6() ? AF_INET6 : AF_INET, is_udp ? SOCK_DGRAM : SOCK_STREAM,
        is_udp ? IPPROTO_UDP : IPPROTO_TCP, flags[category], category != BASIC ? s : NULL,
        dispatch_of(s), NULL, NULL, descriptor, r->Irp);
    client_sink(irql);
    if ((what & 16) == 0 || descriptor != NULL) {
        (void)client_wait(r, 0);
    }
    client_return_descriptor(descriptor);
}

/* ---- bind, listen, accept, connect ---- */

/* One at a time, and only from this state: true = the caller is inside and may call. */
static BOOLEAN begin(struct client_socket *s, enum client_state from, enum client_state to)
{
    KIRQL irql = client_lock();
    BOOLEAN may = s->Handle != NULL && !s->IsClosing && !s->IsDead && s->State == from;
    if (may) {
        s->State = to;
        s->Users++;
    }
    client_unlock(irql);
    return may;
}

static void bind_once(struct client_socket *s, ULONG how, BOOLEAN is_wrong, BOOLEAN is_retry)
{
    struct client_request *r = s->Category != BASIC ? client_request(REQUEST_BIND, s) : NULL;
    if (r == NULL) {
        return;
    }
    if (!begin(s, UNBOUND, BINDING)) {
        client_request_drop(r);
        return;
    }
    if (s->IsConditional && !s->IsConditionalSet) { /* before the bind: CTL-129 */
        s->IsConditionalSet = client_set_flag(s, SO_CONDITIONAL_ACCEPT, 1);
        if (!s->IsConditionalSet) {
            client_set_state(s, UNBOUND);
            client_leave(s);
            client_request_drop(r);
            return;
        }
    }
    BOOLEAN is_any = client_is_stream(s);
    s->Port = is_any ? 0 : (USHORT)(CLIENT_PORT + s->Number);
    /* The host of a peer is none of ours: that bind fails, and leaves the socket as it was. */
    client_address(&r->Local, is_wrong ? 3 : how & 1, s->Port);
    KIRQL irql = client_rise();
    client_note(GATE_NOTE_CALL, s->Number, 0);
    NTSTATUS status;
    switch (s->Category) {
    case LISTENING:
        status = ((const WSK_PROVIDER_LISTEN_DISPATCH *)s->Handle->Dispatch)
                     ->WskBind(s->Handle, (PSOCKADDR)&r->Local, 0, r->Irp);
        break;
    case DATAGRAM:
        status = ((const WSK_PROVIDER_DATAGRAM_DISPATCH *)s->Handle->Dispatch)
                     ->WskBind(s->Handle, (PSOCKADDR)&r->Local, 0, r->Irp);
        break;
    case STREAM:
        status = ((const WSK_PROVIDER_STREAM_DISPATCH *)s->Handle->Dispatch)
                     ->WskBind(s->Handle, (PSOCKADDR)&r->Local, 0, r->Irp);
        break;
    case CONNECTION:
    case BASIC:
    default:
        status = ((const WSK_PROVIDER_CONNECTION_DISPATCH *)s->Handle->Dispatch)
                     ->WskBind(s->Handle, (PSOCKADDR)&r->Local, 0, r->Irp);
        break;
    }
    client_sink(irql);
    client_look(s, status);
    client_leave(s);
    if ((how & 6) != 6 || is_wrong) {
        status = client_wait(r, 0);
    }
    if (is_retry) {
        client_note(LIFE_NOTE_QUERY, 7, (ULONG)status);
    }
}

void client_bind(struct client_socket *s, ULONG how)
{
    BOOLEAN is_wrong = (how & 0x18) == 0x18;
    bind_once(s, how, is_wrong, FALSE);
    if (is_wrong && s->State == UNBOUND) {
        bind_once(s, how & 1, FALSE, TRUE); /* it has failed, and may be tried again (BIND-010) */
    }
}

void client_listen(struct client_socket *s)
{
    if (s->Category != STREAM || !s->IsListener) {
        return;
    }
    struct client_request *r = client_request(REQUEST_LISTEN, s);
    if (r == NULL) {
        return;
    }
    if (!begin(s, BOUND, CONNECTING)) {
        client_request_drop(r);
        return;
    }
    client_note(GATE_NOTE_CALL, s->Number, 0);
    NTSTATUS status =
        ((const WSK_PROVIDER_STREAM_DISPATCH *)s->Handle->Dispatch)->WskListen(s->Handle, r->Irp);
    client_look(s, status);
    client_leave(s);
    (void)client_wait(r, 50); /* it may pend until somebody connects (AMBIGUOUS-LIFE-21) */
}

void client_accept(struct client_socket *s)
{
    struct client_request *r = client_listens(s) ? client_request(REQUEST_CANCELLABLE, s) : NULL;
    if (r == NULL) {
        return;
    }
    if (!client_enter_in(s, LISTENS)) {
        client_request_drop(r);
        return;
    }
    struct client_socket *accepted = client_socket_new(CONNECTION, FALSE, GATE_SOCKET_BY_ACCEPT);
    if (accepted == NULL) {
        client_request_drop(r);
        client_leave(s);
        return;
    }
    r->Accepted = accepted;
    KIRQL irql = client_rise();
    client_note(GATE_NOTE_CALL, s->Number, 0);
    NTSTATUS status;
    if (s->Category == STREAM) {
        status = ((const WSK_PROVIDER_STREAM_DISPATCH *)s->Handle->Dispatch)
                     ->WskAccept(s->Handle, 0, accepted, &ClientConnection, (PSOCKADDR)&r->Local,
                                 (PSOCKADDR)&r->Remote, r->Irp);
    } else {
        status = ((const WSK_PROVIDER_LISTEN_DISPATCH *)s->Handle->Dispatch)
                     ->WskAccept(s->Handle, 0, accepted, &ClientConnection, (PSOCKADDR)&r->Local,
                                 (PSOCKADDR)&r->Remote, r->Irp);
    }
    client_sink(irql);
    client_look(s, status);
    client_leave(s);
}

void client_connect(struct client_socket *s, ULONG how)
{
    struct client_request *r = client_is_stream(s) ? client_request(REQUEST_CONNECT, s) : NULL;
    BOOLEAN has_bytes = (how & 20) == 20; /* WskConnectEx, and with it the first bytes */
    if (r == NULL || (has_bytes && !client_request_buffer(r, 5))) {
        return;
    }
    if (!begin(s, BOUND, CONNECTING)) {
        client_request_drop(r);
        return;
    }
    PSOCKADDR to = (PSOCKADDR)&r->Remote;
    PWSK_BUF bytes = has_bytes ? &r->Buffer : NULL;
    client_address(&r->Remote, 2, (USHORT)(CLIENT_SERVER_PORT + how % 2));
    if (has_bytes) {
        client_fill(s, r, 5);
    }
    KIRQL irql = client_rise();
    client_note(GATE_NOTE_CALL, s->Number, 0);
    NTSTATUS status;
    if (s->Category == STREAM) {
        const WSK_PROVIDER_STREAM_DISPATCH *d = s->Handle->Dispatch;
        status = (how & 4) != 0 ? d->WskConnectEx(s->Handle, to, bytes, 0, r->Irp)
                                : d->WskConnect(s->Handle, to, 0, r->Irp);
    } else {
        const WSK_PROVIDER_CONNECTION_DISPATCH *d = s->Handle->Dispatch;
        status = (how & 4) != 0 ? d->WskConnectEx(s->Handle, to, bytes, 0, r->Irp)
                                : d->WskConnect(s->Handle, to, 0, r->Irp);
    }
    client_sink(irql);
    client_look(s, status);
    client_leave(s);
    if ((how & 8) == 0) {
        (void)client_wait(r, 300);
    }
}

void client_socket_connect(ULONG how)
{
    struct client_request *r = client_request(REQUEST_CONNECT, NULL);
    if (r == NULL) {
        return;
    }
    struct client_socket *s = client_socket_new(CONNECTION, FALSE, 0);
    if (s == NULL) {
        client_request_drop(r);
        return;
    }
    r->Accepted = s;
    client_address(&r->Local, 0, 0);
    client_address(&r->Remote, 2, (USHORT)(CLIENT_SERVER_PORT + how % 2));
    PSECURITY_DESCRIPTOR descriptor = (how & 16) != 0 ? client_borrow_descriptor() : NULL;
    KIRQL irql = client_rise();
    (void)!Client.Npi.Dispatch->WskSocketConnect(Client.Npi.Client, SOCK_STREAM, IPPROTO_TCP,
                                                 (PSOCKADDR)&r->Local, (PSOCKADDR)&r->Remote, 0, s,
                                                 &ClientConnection, NULL, NULL, descriptor, r->Irp);
    client_sink(irql);
    if ((how & 8) == 0 || descriptor != NULL) {
        (void)client_wait(r, descriptor != NULL ? 0 : 300);
    }
    client_return_descriptor(descriptor);
}

/* ---- the end ---- */

void client_close(struct client_socket *s)
{
    KIRQL irql = client_lock();
    BOOLEAN is_mine = s->Handle != NULL && !s->IsClosing;
    BOOLEAN may_hold = s->MayRetain && s->Handle != NULL;
    if (is_mine) {
        s->MayRetain = FALSE;
    }
    client_unlock(irql);
    if (!is_mine) {
        return;
    }
    if (may_hold) {
        client_drain(s); /* who decided to retain has returned */
    }
    irql = client_lock();
    is_mine = !s->IsClosing;
    s->IsClosing = TRUE;
    client_unlock(irql);
    if (!is_mine) {
        return; /* another thread was faster */
    }
    for (;;) {
        irql = client_lock();
        ULONG users = s->Users;
        client_unlock(irql);
        if (users == 0) {
            break;
        }
        client_sleep(1);
    }
    client_release_all(s);
    struct client_request *r;
    while ((r = client_request(REQUEST_CLOSE, s)) == NULL) {
        client_sleep(1); /* memory is short, for a while */
    }
    irql = client_rise();
    client_note(GATE_NOTE_CALL, s->Number, 0);
    (void)!((const WSK_PROVIDER_BASIC_DISPATCH *)s->Handle->Dispatch)
        ->WskCloseSocket(s->Handle, r->Irp);
    client_sink(irql);
    (void)client_wait(r, 0);
}
