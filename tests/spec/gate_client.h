/* SPDX-License-Identifier: MIT */
/*
 * A client in this process that lives on event callbacks and keeps every rule of the contract,
 * whatever the schedule: it notes in the trace what it asks for (gate_notes.h), calls no function
 * of a socket once it has begun to close it, keeps requests until they have completed, and gives
 * retained data back before the close.
 *
 * Between two calls into the simulator nothing else runs, so plain variables need no lock.
 */
#ifndef TESTS_SPEC_GATE_CLIENT_H
#define TESTS_SPEC_GATE_CLIENT_H

#include "tests/model/test_ke.h"
#include "tests/spec/gate_notes.h"
#include "tests/spec/gate_spec.h"

#include <wsk.h>

enum {
    CLIENT_SOCKETS = 24, CLIENT_REQUESTS = 512, CLIENT_HELD = 64, CLIENT_PORT = 7,
    CLIENT_DRAIN_MS = 20000, /* longer than any callback of ours may be overtaken */
};

struct client_request {
    PIRP irp;
    bool is_done, is_option /* SO_WSK_EVENT_CALLBACK */;
    KEVENT *done;
    PMDL mdl;
    WSK_BUF buffer;
    NTSTATUS status;
    ULONG_PTR information;
    struct client_socket *accepted; /* WskAccept: what becomes of it */
};

struct client_socket {
    PWSK_SOCKET handle; /* NULL until known */
    uint32_t number, kind;
    uint32_t users; /* calls into functions of it in progress */
    bool is_closing, is_dead;
    VOID *held[CLIENT_HELD]; /* lists retained from callbacks */
    uint32_t held_count;
};

/* What this run's client is like: by the seed, or by a test that steps it. */
struct client_plan {
    uint32_t kind; /* GATE_SOCKET_ bits of the first socket */
    ULONG static_mask;
    uint32_t threads, steps, accepts;
    bool retains, is_abrupt;
    /* Replaces what callbacks do by themselves. */
    NTSTATUS (*callback)(struct client_socket *s, enum gate_event e, bool is_null, SIZE_T bytes,
                         SIZE_T *accepted);
};

static struct {
    struct client_plan plan;
    uint64_t random;
    WSK_REGISTRATION *registration;
    WSK_PROVIDER_NPI *npi;
    WSK_CLIENT_LISTEN_DISPATCH *listen;
    WSK_CLIENT_CONNECTION_DISPATCH *connection;
    WSK_CLIENT_DATAGRAM_DISPATCH *datagram;
    struct client_socket *socket[CLIENT_SOCKETS]; /* [0] is the first one */
    uint32_t sockets;
    struct client_request *request[CLIENT_REQUESTS];
    uint32_t requests;
    WSK_INSPECT_ID pended[CLIENT_SOCKETS];
    uint32_t pended_count;
    bool may_retain;
    bool is_bound; /* the first socket's bind has completed (CTL-061) */
} client;

static inline uint32_t client_draw(uint32_t count)
{
    return sim_random_below(&client.random, count);
}

static inline void client_note(enum gate_note note, const struct client_socket *s, uint64_t value)
{
    sim_trace(sim_current, (uint16_t)note, s != NULL ? s->number : 0, value);
}

/* Lets others run, for so many points at most. */
static inline void client_dawdle(uint32_t most)
{
    for (uint32_t i = client_draw(most + 1); i > 0; i--) {
        sim_point(sim_current, SIM_OP_NONE, 0);
    }
}

static inline void client_sleep(LONGLONG ms)
{
    LARGE_INTEGER time = ke_test_ms(ms);
    KeDelayExecutionThread(KernelMode, FALSE, &time);
}

/* ---- requests ---- */

static NTSTATUS client_completed(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct client_request *r = context;
    (void)device;
    SIM_ASSERT(!r->is_done);
    if (r->is_option) {
        client_note(GATE_NOTE_INFORMATION, NULL, irp->IoStatus.Information);
    }
    r->is_done = true;
    r->status = irp->IoStatus.Status;
    r->information = irp->IoStatus.Information;
    if (r->accepted != NULL && NT_SUCCESS(r->status)) {
        r->accepted->handle = (PWSK_SOCKET)r->information;
    }
    client_dawdle(2);
    KeSetEvent(r->done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* NULL when memory is short or this run has had enough of them. */
static inline struct client_request *client_request(SIZE_T bytes)
{
    struct client_request *r = ke_test_alloc(sizeof *r);
    memset(r, 0, sizeof *r);
    PIRP irp = client.requests < CLIENT_REQUESTS ? IoAllocateIrp(1, FALSE) : NULL;
    if (irp == NULL) {
        return NULL;
    }
    r->irp = irp;
    r->done = ke_test_alloc(sizeof *r->done);
    KeInitializeEvent(r->done, NotificationEvent, FALSE);
    if (bytes != 0) {
        r->mdl = IoAllocateMdl(ke_test_alloc(bytes), (ULONG)bytes, FALSE, FALSE, NULL);
        if (r->mdl == NULL) {
            IoFreeIrp(irp);
            return NULL;
        }
        MmBuildMdlForNonPagedPool(r->mdl);
        r->buffer = (WSK_BUF){r->mdl, 0, bytes};
    }
    IoSetCompletionRoutine(irp, client_completed, r, TRUE, TRUE, TRUE);
    if (client.requests == CLIENT_REQUESTS) { /* somebody else was faster */
        IoFreeIrp(irp);
        return NULL;
    }
    client.request[client.requests++] = r;
    return r;
}

/* It is never passed on. */
static inline void client_request_drop(struct client_request *r)
{
    r->is_done = true;
    KeSetEvent(r->done, IO_NO_INCREMENT, FALSE);
}

static inline NTSTATUS client_wait(struct client_request *r)
{
    KeWaitForSingleObject(r->done, Executive, KernelMode, FALSE, NULL);
    SIM_ASSERT(r->is_done);
    return r->status;
}

static inline void client_free_requests(void)
{
    for (uint32_t i = 0; i < client.requests; i++) {
        client_wait(client.request[i]);
        if (client.request[i]->mdl != NULL) {
            IoFreeMdl(client.request[i]->mdl);
        }
        IoFreeIrp(client.request[i]->irp);
    }
}

static inline void client_reset(void)
{
    client.sockets = client.requests = client.pended_count = 0;
    client.may_retain = client.plan.retains;
    client.is_bound = false;
}

/* Everything is closed. */
static inline void client_shut(void)
{
    client_free_requests();
    WskReleaseProviderNPI(client.registration);
    WskDeregister(client.registration);
}

/* ---- sockets ---- */

static inline struct client_socket *client_socket_new(uint32_t kind)
{
    if (client.sockets == CLIENT_SOCKETS) {
        return NULL;
    }
    struct client_socket *s = ke_test_alloc(sizeof *s);
    memset(s, 0, sizeof *s);
    s->kind = kind;
    s->number = client.sockets + 1;
    client.socket[client.sockets++] = s;
    client_note(GATE_NOTE_SOCKET, s, kind);
    return s;
}

/* True if the caller may now call functions of the socket, until client_leave. */
static inline bool client_enter(struct client_socket *s)
{
    if (s->handle == NULL || s->is_closing) {
        return false;
    }
    s->users++;
    return true;
}

static inline void client_leave(struct client_socket *s)
{
    SIM_ASSERT(s->users > 0);
    s->users--;
}

static inline const WSK_PROVIDER_CONNECTION_DISPATCH *client_connection(struct client_socket *s)
{
    return s->handle->Dispatch;
}
static inline const WSK_PROVIDER_LISTEN_DISPATCH *client_listening(struct client_socket *s)
{
    return s->handle->Dispatch;
}
static inline const WSK_PROVIDER_DATAGRAM_DISPATCH *client_datagram(struct client_socket *s)
{
    return s->handle->Dispatch;
}

/* The caller has entered. */
static inline NTSTATUS client_event_option(struct client_socket *s, ULONG mask,
                                           struct client_request *r)
{
    WSK_EVENT_CALLBACK_CONTROL *in = ke_test_alloc(sizeof *in);
    *in = (WSK_EVENT_CALLBACK_CONTROL){(PNPIID)(ULONG_PTR)&NPI_WSK_INTERFACE_ID, mask};
    if (r != NULL) {
        r->is_option = true;
    }
    client_note(GATE_NOTE_REQUEST, s, mask);
    NTSTATUS status = client_connection(s)->WskControlSocket(
        s->handle, WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET, sizeof *in, in, 0, NULL, NULL,
        r != NULL ? r->irp : NULL);
    s->is_dead = s->is_dead || status == STATUS_FILE_FORCED_CLOSED;
    return status;
}

static inline void client_receive(struct client_socket *s)
{
    struct client_request *r =
        (s->kind & GATE_SOCKET_CONNECTION) != 0 ? client_request(1 + client_draw(20)) : NULL;
    if (r == NULL) {
        return;
    }
    if (!client_enter(s)) {
        client_request_drop(r);
        return;
    }
    client_note(GATE_NOTE_CALL, s, 0);
    (void)!client_connection(s)->WskReceive(s->handle, &r->buffer, 0, r->irp);
    client_leave(s);
}

/* Enters, disables with an IRP, leaves; the request, or NULL. */
static inline struct client_request *client_disable(struct client_socket *s, ULONG flag)
{
    struct client_request *r = client_request(0);
    if (r == NULL) {
        return NULL;
    }
    if (!client_enter(s)) {
        client_request_drop(r);
        return NULL;
    }
    (void)!client_event_option(s, flag | WSK_EVENT_DISABLE, r);
    client_leave(s);
    return r;
}

static inline void client_release(struct client_socket *s, VOID *list)
{
    client_note(GATE_NOTE_CALL, s, 0);
    if ((s->kind & GATE_SOCKET_DATAGRAM) != 0) {
        (void)!client_datagram(s)->WskRelease(s->handle, list);
    } else {
        (void)!client_connection(s)->WskRelease(s->handle, list);
    }
}

static inline void client_release_one(struct client_socket *s)
{
    if (s->held_count > 0 && client_enter(s)) {
        client_release(s, s->held[--s->held_count]);
        client_leave(s);
    }
}

static inline void client_close(struct client_socket *s)
{
    struct client_request *r;
    if (s->handle == NULL) {
        return;
    }
    s->is_closing = true;
    while (s->users > 0) {
        client_sleep(1);
    }
    while (s->held_count > 0) {
        client_release(s, s->held[--s->held_count]);
    }
    do {
        r = client_request(0);
    } while (r == NULL);
    client_note(GATE_NOTE_CALL, s, 0);
    (void)!client_connection(s)->WskCloseSocket(s->handle, r->irp);
    NTSTATUS status = client_wait(r);
    SIM_ASSERT_OP(status, ==, STATUS_SUCCESS);
}

/* ---- callbacks ---- */

static const ULONG client_flags[] = {WSK_EVENT_RECEIVE, WSK_EVENT_DISCONNECT,
                                     WSK_EVENT_SEND_BACKLOG, WSK_EVENT_RECEIVE_FROM,
                                     WSK_EVENT_ACCEPT};

/* Asks for something on its own socket, from inside. */
static inline void client_ask_inside(struct client_socket *s, enum gate_event e)
{
    if (e > GATE_ACCEPT || !client.is_bound || !client_enter(s)) {
        return;
    }
    switch (client_draw(7)) {
    case 0:
        (void)!client_event_option(s, client_flags[e] | WSK_EVENT_DISABLE, NULL);
        break;
    case 1:
        (void)!client_event_option(s, client_flags[e], NULL);
        break;
    case 2: {
        struct client_request *r = client_request(0);
        if (r != NULL) {
            (void)!client_event_option(s, client_flags[e] | WSK_EVENT_DISABLE, r);
        }
        break;
    }
    case 3:
        client_receive(s);
        break;
    default:
        break;
    }
    client_leave(s);
}

static inline NTSTATUS client_answer(struct client_socket *s, enum gate_event e, VOID *list,
                                     SIZE_T bytes, SIZE_T *accepted)
{
    if (e != GATE_RECEIVE && e != GATE_RECEIVE_FROM) {
        return STATUS_SUCCESS;
    }
    switch (client_draw(6)) {
    case 0:
        return STATUS_DATA_NOT_ACCEPTED;
    case 1:
        if (!client.may_retain || s->is_closing || s->held_count == CLIENT_HELD || list == NULL) {
            return STATUS_SUCCESS;
        }
        s->held[s->held_count++] = list;
        return STATUS_PENDING;
    case 2:
        if (accepted != NULL && bytes > 1) {
            *accepted = bytes / 2;
            client_note(GATE_NOTE_CALLBACK, s, GATE_CALLBACK_PARTIAL);
        }
        return STATUS_SUCCESS;
    default:
        return STATUS_SUCCESS;
    }
}

static inline NTSTATUS client_callback(struct client_socket *s, enum gate_event e, VOID *list,
                                       bool is_null, SIZE_T bytes, SIZE_T *accepted)
{
    client_note(GATE_NOTE_CALLBACK, s, is_null ? GATE_CALLBACK_NULL : 0);
    s->is_dead = s->is_dead || is_null;
    if (client.plan.callback != NULL) {
        return client.plan.callback(s, e, is_null, bytes, accepted);
    }
    client_dawdle(4);
    client_ask_inside(s, e);
    client_dawdle(4);
    return is_null ? STATUS_SUCCESS : client_answer(s, e, list, bytes, accepted);
}

static NTSTATUS WSKAPI client_on_receive(PVOID context, ULONG flags, PWSK_DATA_INDICATION data,
                                         SIZE_T bytes, SIZE_T *accepted)
{
    (void)flags;
    return client_callback(context, GATE_RECEIVE, data, data == NULL, bytes, accepted);
}

static NTSTATUS WSKAPI client_on_disconnect(PVOID context, ULONG flags)
{
    (void)flags;
    return client_callback(context, GATE_DISCONNECT, NULL, false, 0, NULL);
}

static NTSTATUS WSKAPI client_on_backlog(PVOID context, SIZE_T size)
{
    (void)size;
    return client_callback(context, GATE_SEND_BACKLOG, NULL, false, 0, NULL);
}

/* A number for sender and bytes. */
static inline uint64_t client_number_of(const WSK_DATAGRAM_INDICATION *datagram)
{
    uint64_t number = ((const SOCKADDR_IN *)(const void *)datagram->RemoteAddress)->sin_port;
    SIZE_T left = datagram->Buffer.Length, skip = datagram->Buffer.Offset;
    for (PMDL mdl = datagram->Buffer.Mdl; mdl != NULL && left > 0; mdl = mdl->Next) {
        const uint8_t *byte = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);
        SIZE_T size = MmGetMdlByteCount(mdl);
        if (byte == NULL) {
            return 0; /* memory is short */
        }
        for (SIZE_T i = skip; i < size && left > 0; i++, left--) {
            number = sim_mix(number, byte[i]);
        }
        skip = skip > size ? skip - size : 0;
    }
    return number | 1;
}

static NTSTATUS WSKAPI client_on_datagram(PVOID context, ULONG flags,
                                          PWSK_DATAGRAM_INDICATION list)
{
    (void)flags;
    for (PWSK_DATAGRAM_INDICATION at = list; at != NULL; at = at->Next) {
        client_note(GATE_NOTE_DATAGRAM, context, client_number_of(at));
    }
    return client_callback(context, GATE_RECEIVE_FROM, list, list == NULL, 0, NULL);
}

static NTSTATUS WSKAPI client_on_accept(PVOID context, ULONG flags, PSOCKADDR local,
                                        PSOCKADDR remote, PWSK_SOCKET socket, PVOID *out_context,
                                        const WSK_CLIENT_CONNECTION_DISPATCH **out_dispatch)
{
    (void)flags;
    (void)local;
    (void)remote;
    if (socket == NULL) {
        (void)!client_callback(context, GATE_ACCEPT, NULL, true, 0, NULL);
        return STATUS_REQUEST_NOT_ACCEPTED;
    }
    bool is_refused = client.plan.callback == NULL && client_draw(5) == 0;
    struct client_socket *s =
        is_refused ? NULL : client_socket_new(GATE_SOCKET_CONNECTION | GATE_SOCKET_BY_EVENT);
    (void)!client_callback(context, GATE_ACCEPT, NULL, false, 0, NULL);
    if (s == NULL) {
        return STATUS_REQUEST_NOT_ACCEPTED;
    }
    s->handle = socket;
    *out_context = s;
    *out_dispatch = client.connection;
    if (client.plan.callback == NULL && client_draw(3) == 0) { /* CTL-095a: outputs are stored */
        ULONG flag = client_flags[client_draw(3)];
        client_enter(s);
        (void)!client_event_option(s, client_draw(2) ? flag : flag | WSK_EVENT_DISABLE, NULL);
        client_leave(s);
    }
    return STATUS_SUCCESS;
}

static WSK_INSPECT_ACTION WSKAPI client_on_inspect(PVOID context, PSOCKADDR local,
                                                   PSOCKADDR remote, PWSK_INSPECT_ID id)
{
    (void)local;
    (void)remote;
    (void)!client_callback(context, GATE_INSPECT, NULL, id == NULL, 0, NULL);
    if (id == NULL || client_draw(4) == 0) {
        return WskInspectReject;
    }
    if (client_draw(3) == 0 && client.pended_count < CLIENT_SOCKETS) {
        client.pended[client.pended_count++] = *id;
        return WskInspectPend;
    }
    return WskInspectAccept;
}

static NTSTATUS WSKAPI client_on_abort(PVOID context, PWSK_INSPECT_ID id)
{
    (void)id;
    return client_callback(context, GATE_ABORT, NULL, false, 0, NULL);
}

/* ---- birth ---- */

static inline bool client_set_static(void)
{
    WSK_EVENT_CALLBACK_CONTROL *in = ke_test_alloc(sizeof *in);
    *in = (WSK_EVENT_CALLBACK_CONTROL){(PNPIID)(ULONG_PTR)&NPI_WSK_INTERFACE_ID,
                                       client.plan.static_mask};
    return client.npi->Dispatch->WskControlClient(client.npi->Client,
                                                  WSK_SET_STATIC_EVENT_CALLBACKS, sizeof *in, in,
                                                  0, NULL, NULL, NULL) == STATUS_SUCCESS;
}

static inline bool client_open(void)
{
    WSK_CLIENT_DISPATCH *dispatch = ke_test_alloc(sizeof *dispatch);
    WSK_CLIENT_NPI *npi = ke_test_alloc(sizeof *npi);
    client.registration = ke_test_alloc(sizeof *client.registration);
    client.npi = ke_test_alloc(sizeof *client.npi);
    client.listen = ke_test_alloc(sizeof *client.listen);
    client.connection = ke_test_alloc(sizeof *client.connection);
    client.datagram = ke_test_alloc(sizeof *client.datagram);
    *client.listen =
        (WSK_CLIENT_LISTEN_DISPATCH){client_on_accept, client_on_inspect, client_on_abort};
    *client.connection = (WSK_CLIENT_CONNECTION_DISPATCH){client_on_receive, client_on_disconnect,
                                                          client_on_backlog};
    *client.datagram = (WSK_CLIENT_DATAGRAM_DISPATCH){client_on_datagram};
    *dispatch = (WSK_CLIENT_DISPATCH){MAKE_WSK_VERSION(1, 0), 0, NULL};
    *npi = (WSK_CLIENT_NPI){NULL, dispatch};
    if (!NT_SUCCESS(WskRegister(npi, client.registration))) {
        return false;
    }
    if (!NT_SUCCESS(WskCaptureProviderNPI(client.registration, WSK_INFINITE_WAIT, client.npi))) {
        WskDeregister(client.registration);
        return false;
    }
    if (client.plan.static_mask != 0 && !client_set_static()) {
        WskReleaseProviderNPI(client.registration);
        WskDeregister(client.registration);
        return false;
    }
    return true;
}

/* Its handle is NULL when the simulator refuses; NULL when it cannot even be asked. */
static inline struct client_socket *client_open_socket(uint32_t kind)
{
    bool is_udp = (kind & GATE_SOCKET_DATAGRAM) != 0;
    struct client_socket *s = client_socket_new(kind);
    struct client_request *r = client_request(0);
    if (s == NULL || r == NULL) {
        return NULL;
    }
    const VOID *dispatch = is_udp ? (const VOID *)client.datagram : client.listen;
    (void)!client.npi->Dispatch->WskSocket(
        client.npi->Client, AF_INET, is_udp ? SOCK_DGRAM : SOCK_STREAM,
        is_udp ? IPPROTO_UDP : IPPROTO_TCP,
        is_udp ? WSK_FLAG_DATAGRAM_SOCKET : WSK_FLAG_LISTEN_SOCKET, s, dispatch, NULL, NULL, NULL,
        r->irp);
    if (NT_SUCCESS(client_wait(r))) {
        s->handle = (PWSK_SOCKET)r->information;
    }
    return s;
}

static inline bool client_set_conditional(struct client_socket *s)
{
    struct client_request *r = client_request(0);
    ULONG *in = ke_test_alloc(sizeof *in);
    *in = 1;
    if (r == NULL) {
        return false;
    }
    client_note(GATE_NOTE_CALL, s, 0);
    (void)!client_connection(s)->WskControlSocket(s->handle, WskSetOption, SO_CONDITIONAL_ACCEPT,
                                                  SOL_SOCKET, sizeof *in, in, 0, NULL, NULL,
                                                  r->irp);
    return NT_SUCCESS(client_wait(r));
}

static inline PSOCKADDR client_address(uint32_t ip, uint16_t port)
{
    SOCKADDR_IN *address = ke_test_alloc(sizeof *address);
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_port = RtlUshortByteSwap(port);
    address->sin_addr.s_addr = RtlUlongByteSwap(ip);
    return (PSOCKADDR)address;
}

static inline bool client_bind(struct client_socket *s, uint16_t port)
{
    struct client_request *r = client_request(0);
    if (r == NULL) {
        return false;
    }
    client_note(GATE_NOTE_CALL, s, 0);
    (void)!client_listening(s)->WskBind(s->handle, client_address(0, port), 0, r->irp);
    client.is_bound = NT_SUCCESS(client_wait(r));
    return client.is_bound;
}

static inline void client_accept(struct client_socket *listener)
{
    struct client_request *r = client_request(0);
    if (r == NULL) {
        return;
    }
    struct client_socket *s = client_socket_new(GATE_SOCKET_CONNECTION | GATE_SOCKET_BY_ACCEPT);
    if (s == NULL) {
        client_request_drop(r);
        return;
    }
    r->accepted = s;
    client_note(GATE_NOTE_CALL, listener, 0);
    (void)!client_listening(listener)->WskAccept(listener->handle, 0, s, client.connection, NULL,
                                                 NULL, r->irp);
}

#endif
