/* SPDX-License-Identifier: MIT */
/*
 * Event callbacks and what turns them on and off. What a callback answers, and what it asks for
 * from inside, is drawn with the program; it keeps lists only of sockets that are not being closed.
 */
#include "client.h"

static const ULONG stream_flags[] = {WSK_EVENT_RECEIVE, WSK_EVENT_DISCONNECT,
                                     WSK_EVENT_SEND_BACKLOG};

/* ---- enabling and disabling ---- */

static ULONG flag_of(const struct client_socket *s, ULONG which)
{
    if (s->Category == DATAGRAM) {
        return WSK_EVENT_RECEIVE_FROM;
    }
    return client_listens(s) ? WSK_EVENT_ACCEPT : stream_flags[which % 3];
}

static enum client_state needed_state(const struct client_socket *s)
{
    if (s->Category == DATAGRAM) {
        return BOUND;
    }
    return client_listens(s) ? LISTENS : CONNECTED;
}

NTSTATUS client_event_option(struct client_socket *s, ULONG mask, struct client_request *r)
{
    WSK_EVENT_CALLBACK_CONTROL control = {&NPI_WSK_INTERFACE_ID, mask};
    WSK_EVENT_CALLBACK_CONTROL *in = r != NULL ? &r->Control : &control;
    *in = control;
    KIRQL irql = client_rise();
    client_note(GATE_NOTE_REQUEST, s->Number, mask);
    NTSTATUS status =
        ((const WSK_PROVIDER_BASIC_DISPATCH *)s->Handle->Dispatch)
            ->WskControlSocket(s->Handle, WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET,
                               sizeof *in, in, 0, NULL, NULL, r != NULL ? r->Irp : NULL);
    client_sink(irql);
    client_look(s, status);
    return status;
}

void client_enable(struct client_socket *s, ULONG which)
{
    ULONG mask = flag_of(s, which);
    if (s->Category == BASIC) {
        return;
    }
    if ((which & 4) != 0 && s->Category != DATAGRAM) {
        mask |= stream_flags[which >> 3 & 1]; /* a listener's template, or a second event */
    }
    if (client_enter_in(s, needed_state(s))) {
        (void)!client_event_option(s, mask, NULL);
        client_leave(s);
    }
}

/* Enters, disables with an IRP, leaves. */
static struct client_request *disable(struct client_socket *s, ULONG flag, enum client_kind kind)
{
    struct client_request *r = client_request(kind, s);
    if (r == NULL) {
        return NULL;
    }
    if (!client_enter_in(s, needed_state(s))) {
        client_request_drop(r);
        return NULL;
    }
    (void)!client_event_option(s, flag | WSK_EVENT_DISABLE, r);
    client_leave(s);
    return r;
}

void client_disable(struct client_socket *s, ULONG which, ULONG wait)
{
    ULONG flag = flag_of(s, which);
    if (s->Category == BASIC) {
        return;
    }
    if (wait == 0) {
        if (client_enter_in(s, needed_state(s))) {
            (void)!client_event_option(s, flag | WSK_EVENT_DISABLE, NULL);
            client_leave(s);
        }
        return;
    }
    struct client_request *r = disable(s, flag, REQUEST_DISABLE);
    if (r != NULL && wait == 2) {
        (void)client_wait(r, 0); /* by now nobody of ours waits inside a callback */
    }
}

void client_drain(struct client_socket *s)
{
    ULONG flag = s->Category == DATAGRAM ? WSK_EVENT_RECEIVE_FROM : WSK_EVENT_RECEIVE;
    if (s->Category == BASIC || client_listens(s) || s->State != needed_state(s)) {
        return;
    }
    struct client_request *r = disable(s, flag, REQUEST_DRAIN);
    if (r == NULL || !NT_SUCCESS(client_wait(r, 0))) {
        client_sleep(CLIENT_DRAIN_MS);
    }
}

/* ---- inside ---- */

/* Asks for something on its own socket. */
static void ask_inside(struct client_socket *s)
{
    ULONG what = client_answer(8);
    if (what > 4 || !client_enter_in(s, needed_state(s))) {
        return;
    }
    ULONG flag = flag_of(s, client_answer(3));
    switch (what) {
    case 0:
        (void)!client_event_option(s, flag | WSK_EVENT_DISABLE, NULL);
        break;
    case 1:
        (void)!client_event_option(s, flag, NULL);
        break;
    case 2: {
        struct client_request *r = client_request(REQUEST_DISABLE, s);
        if (r != NULL) {
            (void)!client_event_option(s, flag | WSK_EVENT_DISABLE, r);
            if (client_answer(3) == 0) { /* it waits for this callback: the cancel is ignored */
                client_note(LIFE_NOTE_CANCEL, s->Number, r->Number);
                (void)IoCancelIrp(r->Irp);
            }
        }
        break;
    }
    default:
        break;
    }
    client_leave(s);
    if (what == 3 && client_is_stream(s)) {
        client_receive(s, client_answer(32));
    } else if (what == 4 && client_is_stream(s)) {
        client_send(s, client_answer(64));
    }
}

static void enter(struct client_socket *s, BOOLEAN is_null)
{
    client_note(GATE_NOTE_CALLBACK, s->Number, is_null ? GATE_CALLBACK_NULL : 0);
    if (is_null) {
        client_look(s, STATUS_FILE_FORCED_CLOSED);
    } else {
        ask_inside(s);
    }
}

/* True if the list is kept. */
static BOOLEAN hold(struct client_socket *s, PVOID list, ULONGLONG digest)
{
    KIRQL irql = client_lock();
    BOOLEAN may = s->MayRetain && !s->IsClosing && s->HeldCount < CLIENT_HELD;
    if (may) {
        s->HeldDigest[s->HeldCount] = digest;
        s->Held[s->HeldCount++] = list;
    }
    client_unlock(irql);
    return may;
}

static void taken(struct client_socket *s, PWSK_DATA_INDICATION list, SIZE_T limit)
{
    ULONGLONG digest = 0;
    SIZE_T total = 0;
    for (PWSK_DATA_INDICATION at = list; at != NULL && total < limit; at = at->Next) {
        SIZE_T left = at->Buffer.Length, skip = at->Buffer.Offset;
        for (PMDL mdl = at->Buffer.Mdl; mdl != NULL && left > 0; mdl = mdl->Next) {
            const UCHAR *byte = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);
            SIZE_T size = MmGetMdlByteCount(mdl);
            for (SIZE_T i = skip; byte != NULL && i < size && left > 0 && total < limit;
                 i++, left--) {
                digest = life_digest(digest, byte[i]);
                total++;
            }
            skip = skip > size ? skip - size : 0;
            if (byte == NULL || total == limit) {
                break;
            }
        }
    }
    client_note(LIFE_NOTE_TAKEN, s->Number,
                life_piece((ULONG)limit, total == limit ? digest : ~0ull));
}

/* ---- the callbacks of connections ---- */

static NTSTATUS WSKAPI on_receive(PVOID context, ULONG flags, PWSK_DATA_INDICATION data,
                                  SIZE_T bytes, SIZE_T *accepted)
{
    struct client_socket *s = context;
    SIZE_T length;
    ULONGLONG digest = 1;
    (void)flags;
    enter(s, data == NULL);
    if (data == NULL) {
        return STATUS_SUCCESS;
    }
    switch (client_answer(8)) {
    case 0:
        return STATUS_DATA_NOT_ACCEPTED;
    case 1:
    case 2:
        for (PWSK_DATA_INDICATION at = data; at != NULL; at = at->Next) {
            digest = digest * 31 + client_digest(&at->Buffer, 65536, &length);
        }
        taken(s, data, bytes);
        if (hold(s, data, digest)) {
            return STATUS_PENDING;
        }
        return STATUS_SUCCESS;
    case 3:
        if (bytes > 1) {
            *accepted = bytes / 2;
            taken(s, data, bytes / 2);
            client_note(GATE_NOTE_CALLBACK, s->Number, GATE_CALLBACK_PARTIAL);
            return STATUS_SUCCESS;
        }
        break;
    default:
        break;
    }
    taken(s, data, bytes);
    return STATUS_SUCCESS;
}

static NTSTATUS WSKAPI on_disconnect(PVOID context, ULONG flags)
{
    (void)flags;
    enter(context, FALSE);
    return STATUS_SUCCESS;
}

static NTSTATUS WSKAPI on_backlog(PVOID context, SIZE_T size)
{
    (void)size;
    enter(context, FALSE);
    return STATUS_SUCCESS;
}

const WSK_CLIENT_CONNECTION_DISPATCH ClientConnection = {on_receive, on_disconnect, on_backlog};

/* ---- datagrams ---- */

static void see_datagram(struct client_socket *s, PWSK_DATAGRAM_INDICATION at)
{
    UCHAR number[4] = {0};
    SIZE_T length, had = 0, skip = at->Buffer.Offset, left = at->Buffer.Length;
    ULONGLONG digest = client_digest(&at->Buffer, 65536, &length);
    for (PMDL mdl = at->Buffer.Mdl; mdl != NULL && had < 4 && left > 0; mdl = mdl->Next) {
        const UCHAR *byte = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);
        SIZE_T size = MmGetMdlByteCount(mdl);
        for (SIZE_T i = skip; byte != NULL && i < size && had < 4 && left > 0; i++, left--) {
            number[had++] = byte[i];
        }
        skip = skip > size ? skip - size : 0;
    }
    ULONGLONG value = (ULONGLONG)number[0] | (ULONGLONG)number[1] << 8 |
                      (ULONGLONG)number[2] << 16 | (ULONGLONG)number[3] << 24;
    ULONGLONG from = client_endpoint(at->RemoteAddress);
    client_note(GATE_NOTE_DATAGRAM, s->Number,
                had == 4 ? (digest ^ (from & 0xffff) << 40) | 1 : 0);
    client_note(LIFE_NOTE_FROM, s->Number, from);
    client_note(LIFE_NOTE_DATAGRAM_IN, s->Number,
                had == 4 ? value << 16 | (ULONGLONG)at->Buffer.Length : 0);
}

static NTSTATUS WSKAPI on_datagrams(PVOID context, ULONG flags, PWSK_DATAGRAM_INDICATION list)
{
    struct client_socket *s = context;
    ULONGLONG digest = 1;
    SIZE_T length;
    (void)flags;
    for (PWSK_DATAGRAM_INDICATION at = list; at != NULL; at = at->Next) {
        see_datagram(s, at);
        digest = digest * 31 + client_digest(&at->Buffer, 65536, &length);
    }
    enter(s, list == NULL);
#if CLIENT_ILLEGAL
    client_inside();
#endif
    if (list == NULL) {
        return STATUS_SUCCESS;
    }
    switch (client_answer(6)) {
    case 0:
        return STATUS_DATA_NOT_ACCEPTED;
    case 1:
    case 2:
        return hold(s, list, digest) ? STATUS_PENDING : STATUS_SUCCESS;
    default:
        return STATUS_SUCCESS;
    }
}

const WSK_CLIENT_DATAGRAM_DISPATCH ClientDatagram = {on_datagrams};

/* ---- listeners ---- */

static NTSTATUS WSKAPI on_accept(PVOID context, ULONG flags, PSOCKADDR local, PSOCKADDR remote,
                                 PWSK_SOCKET socket, PVOID *out_context,
                                 const WSK_CLIENT_CONNECTION_DISPATCH **out_dispatch)
{
    (void)flags;
    (void)local;
    (void)remote;
    if (socket == NULL) {
        enter(context, TRUE);
        return STATUS_REQUEST_NOT_ACCEPTED;
    }
    BOOLEAN is_refused = client_answer(5) == 0;
    struct client_socket *s =
        is_refused ? NULL : client_socket_new(CONNECTION, FALSE, GATE_SOCKET_BY_EVENT);
    enter(context, FALSE);
    if (s == NULL) {
        return STATUS_REQUEST_NOT_ACCEPTED;
    }
    *out_context = s;
    *out_dispatch = &ClientConnection;
    KIRQL irql = client_lock();
    s->Handle = socket;
    s->State = CONNECTED;
    client_unlock(irql);
    client_note(LIFE_NOTE_CONNECTED, s->Number, 0);
    if (client_answer(3) == 0) { /* CTL-095a: outputs are stored */
        client_enable(s, client_answer(8));
    }
    return STATUS_SUCCESS;
}

static WSK_INSPECT_ACTION WSKAPI on_inspect(PVOID context, PSOCKADDR local, PSOCKADDR remote,
                                            PWSK_INSPECT_ID id)
{
    struct client_socket *s = context;
    WSK_INSPECT_ACTION action = WskInspectAccept;
    (void)local;
    (void)remote;
    enter(s, id == NULL);
    if (id == NULL) {
        return WskInspectReject;
    }
    ULONG answer = client_answer(6);
    if (answer == 0) {
        action = WskInspectReject;
    } else if (answer < 3) {
        KIRQL irql = client_lock();
        if (Client.PendedCount < CLIENT_PENDED) {
            Client.PendedOn[Client.PendedCount] = s;
            Client.Pended[Client.PendedCount++] = *id;
            action = WskInspectPend;
        }
        client_unlock(irql);
    }
    client_note(LIFE_NOTE_INSPECTED, s->Number, (ULONGLONG)id->SerialNumber << 8 | (ULONG)action);
    return action;
}

static NTSTATUS WSKAPI on_abort(PVOID context, PWSK_INSPECT_ID id)
{
    struct client_socket *s = context;
    enter(s, FALSE);
    client_note(LIFE_NOTE_ABORTED, s->Number, id->SerialNumber);
    KIRQL irql = client_lock();
    for (ULONG i = 0; i < Client.PendedCount; i++) {
        if (Client.Pended[i].Key == id->Key && Client.Pended[i].SerialNumber == id->SerialNumber) {
            Client.PendedCount--;
            Client.Pended[i] = Client.Pended[Client.PendedCount];
            Client.PendedOn[i] = Client.PendedOn[Client.PendedCount];
            break;
        }
    }
    client_unlock(irql);
    return STATUS_SUCCESS;
}

const WSK_CLIENT_LISTEN_DISPATCH ClientListen = {on_accept, on_inspect, on_abort};
const WSK_CLIENT_STREAM_DISPATCH ClientStream = {&ClientListen, &ClientConnection};

void client_inspect_complete(ULONG how)
{
    struct client_request *r = client_request(REQUEST_OTHER, NULL);
    if (r == NULL) {
        return;
    }
    struct client_socket *s = NULL;
    KIRQL irql = client_lock();
    if (Client.PendedCount != 0) {
        s = Client.PendedOn[--Client.PendedCount];
        r->Inspect = Client.Pended[Client.PendedCount];
    }
    client_unlock(irql);
    if (s == NULL || !client_enter_in(s, LISTENS)) {
        client_request_drop(r);
        return;
    }
    r->Socket = s;
    WSK_INSPECT_ACTION action = how % 3 != 0 ? WskInspectAccept : WskInspectReject;
    client_note(LIFE_NOTE_INSPECT_DONE, s->Number,
                (ULONGLONG)r->Inspect.SerialNumber << 8 | (ULONG)action);
    client_note(GATE_NOTE_CALL, s->Number, 0);
    NTSTATUS status = ((const WSK_PROVIDER_LISTEN_DISPATCH *)s->Handle->Dispatch)
                          ->WskInspectComplete(s->Handle, &r->Inspect, action, r->Irp);
    client_look(s, status);
    client_leave(s);
}
