/* SPDX-License-Identifier: MIT */
/* Bytes and datagrams: sent and received by request, and given back. */
#include "client.h"

/* ---- what the bytes are ---- */

ULONGLONG client_digest(const WSK_BUF *buffer, SIZE_T limit, SIZE_T *length)
{
    ULONGLONG digest = 0;
    SIZE_T left = buffer->Length < limit ? buffer->Length : limit, skip = buffer->Offset;
    *length = 0;
    for (PMDL mdl = buffer->Mdl; mdl != NULL && left > 0; mdl = mdl->Next) {
        const UCHAR *byte = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);
        SIZE_T size = MmGetMdlByteCount(mdl);
        if (byte == NULL) {
            *length = 0;
            return 0; /* memory is short */
        }
        for (SIZE_T i = skip; i < size && left > 0; i++, left--) {
            digest = life_digest(digest, byte[i]);
            ++*length;
        }
        skip = skip > size ? skip - size : 0;
    }
    return digest;
}

/* The next bytes of the socket's stream. The caller is alone in sending. */
void client_fill(struct client_socket *s, struct client_request *r, ULONG length)
{
    ULONGLONG digest = 0;
    for (ULONG i = 0; i < length; i++) {
        r->Bytes[i] = life_byte(s->Number, s->Sent + i);
        digest = life_digest(digest, r->Bytes[i]);
    }
    s->Sent += length;
    client_note(LIFE_NOTE_SEND, s->Number, life_piece(length, digest));
}

/* Sends of a socket are called one after the other, so that their order is that of the calls. */
static BOOLEAN begin_sending(struct client_socket *s)
{
    KIRQL irql = client_lock();
    BOOLEAN may = s->Handle != NULL && !s->IsClosing && !s->IsDead && s->State == CONNECTED &&
                  !s->IsFinished && !s->IsSending;
    if (may) {
        s->IsSending = TRUE;
        s->Users++;
    }
    client_unlock(irql);
    return may;
}

static void end_sending(struct client_socket *s)
{
    KIRQL irql = client_lock();
    s->IsSending = FALSE;
    s->Users--;
    client_unlock(irql);
}

/* WskSendEx and WskReceiveEx: reserved, lint, and like their namesakes (sockets.md, table 2.1). */
static BOOLEAN uses_reserved(void)
{
    return (Program.Options & 128) != 0 && client_answer(2) == 0;
}

void client_send(struct client_socket *s, ULONG how)
{
    struct client_request *r = client_is_stream(s) ? client_request(REQUEST_CANCELLABLE, s) : NULL;
    ULONG length = 1 + how % 61;
    if (r == NULL || !client_request_buffer(r, length)) {
        return;
    }
    if (!begin_sending(s)) {
        client_request_drop(r);
        return;
    }
    ULONG flags = (how & 64) != 0 ? WSK_FLAG_NODELAY : 0;
    client_fill(s, r, length);
    KIRQL irql = client_rise();
    client_note(GATE_NOTE_CALL, s->Number, 0);
    NTSTATUS status = s->Category == STREAM
                          ? ((const WSK_PROVIDER_STREAM_DISPATCH *)s->Handle->Dispatch)
                                ->WskSend(s->Handle, &r->Buffer, flags, r->Irp)
                      : uses_reserved()
                          ? ((const WSK_PROVIDER_CONNECTION_DISPATCH *)s->Handle->Dispatch)
                                ->WskSendEx(s->Handle, &r->Buffer, flags, 0, NULL, r->Irp)
                          : ((const WSK_PROVIDER_CONNECTION_DISPATCH *)s->Handle->Dispatch)
                                ->WskSend(s->Handle, &r->Buffer, flags, r->Irp);
    client_sink(irql);
    client_look(s, status);
    end_sending(s);
    if ((how & 128) != 0) {
        (void)client_wait(r, 100);
    }
}

void client_receive(struct client_socket *s, ULONG how)
{
    static const ULONG all_flags[] = {0, 0, 0, 0, 0, 0, WSK_FLAG_WAITALL, WSK_FLAG_DRAIN};
    struct client_request *r = client_is_stream(s) ? client_request(REQUEST_RECEIVE, s) : NULL;
    ULONG flags = all_flags[how >> 5 & 7];
    ULONG length = flags == WSK_FLAG_DRAIN ? 0 : 1 + how % 31;
    if (r == NULL || !client_request_buffer(r, length)) {
        return;
    }
    if (!client_enter_in(s, CONNECTED)) {
        client_request_drop(r);
        return;
    }
    KIRQL irql = client_rise();
    client_note(LIFE_NOTE_RECEIVE, s->Number, (ULONGLONG)length << 32 | flags);
    client_note(GATE_NOTE_CALL, s->Number, 0);
    NTSTATUS status =
        s->Category == STREAM ? ((const WSK_PROVIDER_STREAM_DISPATCH *)s->Handle->Dispatch)
                                    ->WskReceive(s->Handle, &r->Buffer, flags, r->Irp)
        : uses_reserved()     ? ((const WSK_PROVIDER_CONNECTION_DISPATCH *)s->Handle->Dispatch)
                                ->WskReceiveEx(s->Handle, &r->Buffer, flags, NULL, NULL, NULL,
                                                   r->Irp)
                              : ((const WSK_PROVIDER_CONNECTION_DISPATCH *)s->Handle->Dispatch)
                                    ->WskReceive(s->Handle, &r->Buffer, flags, r->Irp);
    client_sink(irql);
    client_look(s, status);
    client_leave(s);
}

void client_received(struct client_request *r)
{
    SIZE_T length = 0;
    WSK_BUF got = r->Buffer;
    got.Length = NT_SUCCESS(r->Status) ? r->Information : 0;
    ULONGLONG digest = client_digest(&got, CLIENT_BYTES, &length);
    client_note(LIFE_NOTE_RECEIVED, r->Socket->Number, life_piece((ULONG)length, digest));
}

void client_disconnect(struct client_socket *s, ULONG how)
{
    BOOLEAN is_abort = (how & 7) == 0, has_bytes = !is_abort && (how & 8) != 0;
    struct client_request *r = client_is_stream(s) ? client_request(REQUEST_CANCELLABLE, s) : NULL;
    if (r == NULL || (has_bytes && !client_request_buffer(r, 5))) {
        return;
    }
    if (!begin_sending(s)) {
        client_request_drop(r);
        return;
    }
    s->IsFinished = TRUE; /* nobody else sends: begin_sending */
    if (has_bytes) {
        client_fill(s, r, 5);
    }
    ULONG flags = is_abort ? WSK_FLAG_ABORTIVE : 0;
    PWSK_BUF buffer = has_bytes ? &r->Buffer : NULL;
    KIRQL irql = client_rise();
    client_note(LIFE_NOTE_DISCONNECT, s->Number, (ULONGLONG)flags << 32 | r->Number);
    client_note(GATE_NOTE_CALL, s->Number, 0);
    NTSTATUS status = s->Category == STREAM
                          ? ((const WSK_PROVIDER_STREAM_DISPATCH *)s->Handle->Dispatch)
                                ->WskDisconnect(s->Handle, buffer, flags, r->Irp)
                          : ((const WSK_PROVIDER_CONNECTION_DISPATCH *)s->Handle->Dispatch)
                                ->WskDisconnect(s->Handle, buffer, flags, r->Irp);
    client_sink(irql);
    client_look(s, status);
    end_sending(s);
    if ((how & 16) != 0) {
        (void)client_wait(r, 500);
    }
}

/* ---- lists that callbacks kept ---- */

static ULONGLONG digest_list(const struct client_socket *s, PVOID list)
{
    ULONGLONG digest = 1;
    SIZE_T length;
    if (s->Category == DATAGRAM) {
        for (PWSK_DATAGRAM_INDICATION at = list; at != NULL; at = at->Next) {
            digest = digest * 31 + client_digest(&at->Buffer, 65536, &length);
        }
    } else {
        for (PWSK_DATA_INDICATION at = list; at != NULL; at = at->Next) {
            digest = digest * 31 + client_digest(&at->Buffer, 65536, &length);
        }
    }
    return digest;
}

static void release(struct client_socket *s, PVOID list, ULONGLONG digest)
{
    client_note(LIFE_NOTE_CHANGED, s->Number, digest_list(s, list) == digest);
    client_note(GATE_NOTE_CALL, s->Number, 0);
    switch (s->Category) {
    case DATAGRAM:
        (void)!((const WSK_PROVIDER_DATAGRAM_DISPATCH *)s->Handle->Dispatch)
            ->WskRelease(s->Handle, list);
        break;
    case STREAM:
        (void)!((const WSK_PROVIDER_STREAM_DISPATCH *)s->Handle->Dispatch)
            ->WskRelease(s->Handle, list);
        break;
    case CONNECTION:
    case BASIC:
    case LISTENING:
    default:
        (void)!((const WSK_PROVIDER_CONNECTION_DISPATCH *)s->Handle->Dispatch)
            ->WskRelease(s->Handle, list);
        break;
    }
}

/* Takes one list out; NULL if none is held. */
static PVOID take_held(struct client_socket *s, ULONGLONG *digest)
{
    PVOID list = NULL;
    KIRQL irql = client_lock();
    if (s->HeldCount != 0) {
        list = s->Held[--s->HeldCount];
        *digest = s->HeldDigest[s->HeldCount];
    }
    client_unlock(irql);
    return list;
}

void client_release(struct client_socket *s)
{
    ULONGLONG digest = 0;
    KIRQL irql = client_lock();
    BOOLEAN is_in = s->Handle != NULL && !s->IsClosing; /* a dead socket takes lists back, too */
    s->Users += is_in;
    client_unlock(irql);
    if (!is_in) {
        return;
    }
    PVOID list = take_held(s, &digest);
    if (list != NULL) {
        release(s, list, digest);
    }
    client_leave(s);
}

void client_release_all(struct client_socket *s)
{
    ULONGLONG digest = 0;
    PVOID list;
    while ((list = take_held(s, &digest)) != NULL) {
        release(s, list, digest);
    }
}

/* ---- datagrams ---- */

static ULONG fill_datagram(struct client_socket *s, UCHAR *bytes, ULONG length)
{
    ULONG number = (ULONG)InterlockedIncrement(&Client.Datagrams);
    RtlCopyMemory(bytes, &number, 4);
    for (ULONG i = 4; i < length; i++) {
        bytes[i] = life_byte(number & 0xff, i);
    }
    (void)s;
    return number;
}

void client_send_to(struct client_socket *s, ULONG how)
{
    struct client_request *r =
        s->Category == DATAGRAM ? client_request(REQUEST_CANCELLABLE, s) : NULL;
    ULONG length = 4 + how % 17;
    if (r == NULL || !client_request_buffer(r, length)) {
        return;
    }
    if (!client_enter_in(s, BOUND)) {
        client_request_drop(r);
        return;
    }
    const WSK_PROVIDER_DATAGRAM_DISPATCH *d = s->Handle->Dispatch;
    NTSTATUS status;
    client_address(&r->Remote, 2 + (how & 1), CLIENT_SERVER_PORT);
    ULONG number = fill_datagram(s, r->Bytes, length);
    KIRQL irql = client_rise();
    client_note(LIFE_NOTE_SEND, 0, (ULONGLONG)number << 16 | length);
    client_note(GATE_NOTE_CALL, s->Number, 0);
    if ((how & 32) != 0) {
        r->List[0].Buffer = r->Buffer;
        r->List[0].Buffer.Length = 4;
        status =
            d->WskSendMessages(s->Handle, &r->List[0], 0, (PSOCKADDR)&r->Remote, 0, NULL, r->Irp);
    } else {
        status = d->WskSendTo(s->Handle, &r->Buffer, 0, (PSOCKADDR)&r->Remote, 0, NULL, r->Irp);
    }
    client_sink(irql);
    client_look(s, status);
    client_leave(s);
}

void client_receive_from(struct client_socket *s, ULONG how)
{
    struct client_request *r =
        s->Category == DATAGRAM ? client_request(REQUEST_RECEIVE_FROM, s) : NULL;
    if (r == NULL || !client_request_buffer(r, 4 + how % 29)) {
        return;
    }
    if (!client_enter_in(s, BOUND)) {
        client_request_drop(r);
        return;
    }
    BOOLEAN has_control = (how & 64) == 0; /* else nobody says that it was cut */
    r->Value = has_control;
    r->ControlLength = sizeof r->ControlInfo;
    KIRQL irql = client_rise();
    client_note(GATE_NOTE_CALL, s->Number, 0);
    NTSTATUS status = ((const WSK_PROVIDER_DATAGRAM_DISPATCH *)s->Handle->Dispatch)
                          ->WskReceiveFrom(s->Handle, &r->Buffer, 0, (PSOCKADDR)&r->Remote,
                                           has_control ? &r->ControlLength : NULL,
                                           has_control ? (PCMSGHDR)r->ControlInfo : NULL,
                                           has_control ? &r->ControlFlags : NULL, r->Irp);
    client_sink(irql);
    client_look(s, status);
    client_leave(s);
}

void client_received_from(struct client_request *r)
{
    ULONG number = 0;
    if (!NT_SUCCESS(r->Status) || r->Information < 4 || r->Value == 0) {
        return;
    }
    RtlCopyMemory(&number, r->Bytes, 4);
    BOOLEAN is_cut = (r->ControlFlags & MSG_TRUNC) != 0;
    client_note(LIFE_NOTE_FROM, r->Socket->Number,
                client_endpoint((const SOCKADDR *)&r->Remote));
    client_note(LIFE_NOTE_DATAGRAM_IN, r->Socket->Number,
                (ULONGLONG)is_cut << 63 | (ULONGLONG)number << 16 | (ULONG)r->Information);
}

/* ---- addresses ---- */

static NTSTATUS get_address(struct client_socket *s, struct client_request *r, BOOLEAN is_remote)
{
    PSOCKADDR out = (PSOCKADDR)&r->Local;
    switch (s->Category) {
    case LISTENING:
        return ((const WSK_PROVIDER_LISTEN_DISPATCH *)s->Handle->Dispatch)
            ->WskGetLocalAddress(s->Handle, out, r->Irp);
    case DATAGRAM:
        return ((const WSK_PROVIDER_DATAGRAM_DISPATCH *)s->Handle->Dispatch)
            ->WskGetLocalAddress(s->Handle, out, r->Irp);
    case STREAM: {
        const WSK_PROVIDER_STREAM_DISPATCH *d = s->Handle->Dispatch;
        return is_remote ? d->WskGetRemoteAddress(s->Handle, out, r->Irp)
                         : d->WskGetLocalAddress(s->Handle, out, r->Irp);
    }
    case CONNECTION:
    case BASIC:
    default: {
        const WSK_PROVIDER_CONNECTION_DISPATCH *d = s->Handle->Dispatch;
        return is_remote ? d->WskGetRemoteAddress(s->Handle, out, r->Irp)
                         : d->WskGetLocalAddress(s->Handle, out, r->Irp);
    }
    }
}

void client_get_address(struct client_socket *s, BOOLEAN is_remote)
{
    if (s->Category == BASIC || (is_remote && (!client_is_stream(s) || s->State != CONNECTED))) {
        return;
    }
    struct client_request *r = client_request(REQUEST_OTHER, s);
    if (r == NULL) {
        return;
    }
    if (s->State < BOUND || s->State == BINDING || !client_enter(s)) {
        client_request_drop(r);
        return;
    }
    client_note(GATE_NOTE_CALL, s->Number, 0);
    client_look(s, get_address(s, r, is_remote));
    client_leave(s);
}
