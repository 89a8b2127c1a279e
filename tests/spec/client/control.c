/* SPDX-License-Identifier: MIT */
/* Options, IOCTLs, WskControlClient, names and addresses. */
#include "client.h"

static const WSK_PROVIDER_BASIC_DISPATCH *basic(const struct client_socket *s)
{
    return s->Handle->Dispatch;
}

/* ---- WskControlClient ---- */

static NTSTATUS control_client(ULONG code, SIZE_T in_size, PVOID in, SIZE_T out_size, PVOID out,
                               SIZE_T *returned, PIRP irp)
{
    return Client.Npi.Dispatch->WskControlClient(Client.Npi.Client, code, in_size, in, out_size,
                                                 out, returned, irp);
}

BOOLEAN client_set_statics(void)
{
    static const ULONG masks[] = {0,
                                  0,
                                  0,
                                  0,
                                  WSK_EVENT_RECEIVE_FROM | WSK_EVENT_RECEIVE,
                                  WSK_EVENT_DISCONNECT,
                                  WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE | WSK_EVENT_RECEIVE_FROM,
                                  WSK_EVENT_SEND_BACKLOG};
    WSK_EVENT_CALLBACK_CONTROL control = {&NPI_WSK_INTERFACE_ID, masks[Program.Statics % 8]};
    Client.StaticMask = control.EventMask;
    client_note(LIFE_NOTE_SETTING, 0, control.EventMask);
    return control.EventMask == 0 ||
           NT_SUCCESS(control_client(WSK_SET_STATIC_EVENT_CALLBACKS, sizeof control, &control, 0,
                                     NULL, NULL, NULL));
}

/* Nobody writes once the call has returned (PROP-36). */
static void check_untouched(UCHAR *bytes, SIZE_T size)
{
    RtlFillMemory(bytes, size, 0xA5);
    client_sleep(3);
    for (SIZE_T i = 0; i < size; i++) {
        if (bytes[i] != 0xA5) {
            client_note(LIFE_NOTE_GUARD, 0, i);
            return;
        }
    }
}

/* Sizing form first, then with that size (CTL-153). */
static void query_transports(BOOLEAN is_patient)
{
    SIZE_T needed = 0, returned = 0;
    NTSTATUS sizing = control_client(WSK_TRANSPORT_LIST_QUERY, 0, NULL, 0, NULL, &needed, NULL);
    client_note(LIFE_NOTE_QUERY, 5, (ULONG)sizing | (ULONGLONG)(needed != 0) << 32);
    if (sizing != STATUS_BUFFER_OVERFLOW || needed == 0) {
        return;
    }
    PVOID list = ExAllocatePoolWithTag(NonPagedPoolNx, needed, CLIENT_TAG);
    if (list != NULL) {
        NTSTATUS status =
            control_client(WSK_TRANSPORT_LIST_QUERY, 0, NULL, needed, list, &returned, NULL);
        client_note(LIFE_NOTE_QUERY, 1, (ULONG)status);
        if (NT_SUCCESS(status) && is_patient) {
            check_untouched(list, returned);
        }
        ExFreePoolWithTag(list, CLIENT_TAG);
    }
}

static PSECURITY_DESCRIPTOR take_descriptor(PSECURITY_DESCRIPTOR other)
{
    KIRQL irql = client_lock();
    PSECURITY_DESCRIPTOR old = Client.Descriptor;
    Client.Descriptor = other;
    client_unlock(irql);
    return old;
}

static void release_descriptor(PSECURITY_DESCRIPTOR descriptor)
{
    if (descriptor != NULL) {
        (void)!control_client(WSK_RELEASE_SD, sizeof descriptor, &descriptor, 0, NULL, NULL, NULL);
    }
}

static void cache_descriptor(void)
{
    SECURITY_DESCRIPTOR descriptor;
    PSECURITY_DESCRIPTOR in = &descriptor, out = NULL;
    if (!NT_SUCCESS(RtlCreateSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION))) {
        return;
    }
    if (NT_SUCCESS(control_client(WSK_CACHE_SD, sizeof in, &in, sizeof out, &out, NULL, NULL))) {
        release_descriptor(take_descriptor(out));
    }
}

PSECURITY_DESCRIPTOR client_borrow_descriptor(void)
{
    return take_descriptor(NULL);
}

void client_return_descriptor(PSECURITY_DESCRIPTOR descriptor)
{
    if (descriptor != NULL) {
        release_descriptor(take_descriptor(descriptor));
    }
}

void client_control(ULONG how)
{
    struct client_request *r;
    switch (how % 4) {
    case 0:
        query_transports((how & 4) != 0);
        break;
    case 1:
        r = client_request(REQUEST_CANCELLABLE, NULL);
        if (r != NULL) {
            client_note(LIFE_NOTE_WATCH, 0, 0);
            (void)!control_client(WSK_TRANSPORT_LIST_CHANGE, 0, NULL, 0, NULL, NULL, r->Irp);
        }
        break;
    case 2:
        cache_descriptor();
        break;
    default:
        release_descriptor(take_descriptor(NULL));
        break;
    }
}

/* ---- options ---- */

/* True if it was set; waits. */
static BOOLEAN set_option(struct client_socket *s, ULONG option, ULONG value)
{
    struct client_request *r = client_request(REQUEST_OTHER, s);
    if (r == NULL) {
        return FALSE;
    }
    if (!client_enter(s)) {
        client_request_drop(r);
        return FALSE;
    }
    r->Value = value;
    client_note(LIFE_NOTE_OPTION_SET, s->Number, 1ull << 63 | (ULONGLONG)option << 32 | value);
    client_note(GATE_NOTE_CALL, s->Number, 0);
    NTSTATUS status = basic(s)->WskControlSocket(s->Handle, WskSetOption, option, SOL_SOCKET,
                                                 sizeof r->Value, &r->Value, 0, NULL, NULL, r->Irp);
    client_look(s, status);
    client_leave(s);
    BOOLEAN is_set = NT_SUCCESS(client_wait(r, 0));
    if (is_set) {
        client_note(LIFE_NOTE_OPTION_SET, s->Number, (ULONGLONG)option << 32 | value);
    }
    return is_set;
}

BOOLEAN client_set_flag(struct client_socket *s, ULONG option, ULONG value)
{
    return set_option(s, option, value);
}

static void get_option(struct client_socket *s, ULONG option)
{
    struct client_request *r = client_request(REQUEST_OTHER, s);
    if (r == NULL) {
        return;
    }
    if (!client_enter(s)) {
        client_request_drop(r);
        return;
    }
    client_note(GATE_NOTE_CALL, s->Number, 0);
    NTSTATUS status = basic(s)->WskControlSocket(s->Handle, WskGetOption, option, SOL_SOCKET, 0,
                                                 NULL, sizeof r->Value, &r->Value, NULL, r->Irp);
    client_look(s, status);
    client_leave(s);
    if (NT_SUCCESS(client_wait(r, 0))) {
        client_note(LIFE_NOTE_OPTION, s->Number, (ULONGLONG)option << 32 | r->Value);
    }
}

/* One thread at a time, so that what was set last is known. */
static BOOLEAN begin_option(struct client_socket *s, BOOLEAN is_begin)
{
    KIRQL irql = client_lock();
    BOOLEAN may = !s->IsInOption || !is_begin;
    if (may) {
        s->IsInOption = is_begin;
    }
    client_unlock(irql);
    return may;
}

void client_option(struct client_socket *s, ULONG how)
{
    ULONG option = s->Category == DATAGRAM ? SO_BROADCAST : SO_KEEPALIVE;
    if (s->Category == BASIC || s->Category == STREAM || !begin_option(s, TRUE)) {
        return;
    }
    if ((how & 12) == 12) {
        get_option(s, SO_RCVBUF);
    } else if ((how & 1) != 0) {
        (void)set_option(s, option, how >> 1 & 1);
        if ((how & 16) != 0) {
            get_option(s, option);
        }
    } else {
        get_option(s, option);
    }
    (void)begin_option(s, FALSE);
}

/* ---- IOCTLs ---- */

/* Says nothing to an IOCTL (CTL-007). */
static ULONG level(void)
{
    return (Program.Options & 16) != 0 ? SOL_SOCKET : 0;
}

static void query_size(struct client_socket *s, ULONG code)
{
    struct client_request *r = client_request(REQUEST_OTHER, s);
    if (r == NULL) {
        return;
    }
    if (s->Category != CONNECTION || !client_enter_in(s, CONNECTED)) {
        client_request_drop(r);
        return;
    }
    client_note(GATE_NOTE_CALL, s->Number, 0);
    client_look(s, basic(s)->WskControlSocket(s->Handle, WskIoctl, code, level(), 0, NULL,
                                              sizeof r->Size, &r->Size, NULL, r->Irp));
    client_leave(s);
}

static void query_addresses(struct client_socket *s, BOOLEAN is_sizing)
{
    static UCHAR small[4];
    SIZE_T needed = 0;
    if (!client_enter(s)) {
        return;
    }
    client_note(GATE_NOTE_CALL, s->Number, 0);
    NTSTATUS status =
        basic(s)->WskControlSocket(s->Handle, WskIoctl, SIO_ADDRESS_LIST_QUERY, level(), 0, NULL,
                                   is_sizing ? 0 : sizeof small, is_sizing ? NULL : small, &needed,
                                   NULL);
    client_look(s, status);
    client_note(LIFE_NOTE_QUERY, 6, (ULONG)status | (ULONGLONG)(needed > sizeof small) << 32);
    PVOID list = status == STATUS_BUFFER_OVERFLOW && needed > sizeof small
                     ? ExAllocatePoolWithTag(NonPagedPoolNx, needed, CLIENT_TAG)
                     : NULL;
    if (list != NULL) {
        client_note(GATE_NOTE_CALL, s->Number, 0);
        status = basic(s)->WskControlSocket(s->Handle, WskIoctl, SIO_ADDRESS_LIST_QUERY, level(), 0,
                                            NULL, needed, list, &needed, NULL);
        client_look(s, status);
        client_note(LIFE_NOTE_QUERY, 2, (ULONG)status);
        ExFreePoolWithTag(list, CLIENT_TAG);
    }
    client_leave(s);
}

static void watch_addresses(struct client_socket *s)
{
    struct client_request *r = client_request(REQUEST_CANCELLABLE, s);
    if (r == NULL) {
        return;
    }
    if (!client_enter(s)) {
        client_request_drop(r);
        return;
    }
    client_note(LIFE_NOTE_WATCH, s->Number, client_is_v6() ? 2 : 1);
    client_note(GATE_NOTE_CALL, s->Number, 0);
    client_look(s, basic(s)->WskControlSocket(s->Handle, WskIoctl, SIO_ADDRESS_LIST_CHANGE, level(),
                                              0, NULL, 0, NULL, NULL, r->Irp));
    client_leave(s);
}

/* What filters counts from the completion of its request, and ends with the next call. */
static void fix_address(struct client_socket *s, ULONG how)
{
    struct client_request *r = client_request(REQUEST_OTHER, s);
    BOOLEAN is_clear = (how & 3) == 0, is_filter = (how & 4) != 0;
    if (r == NULL) {
        return;
    }
    if (s->Category != DATAGRAM || !client_enter_in(s, BOUND)) {
        client_request_drop(r);
        return;
    }
    client_address(&r->Remote, 2, (USHORT)(CLIENT_SERVER_PORT + 1));
    if (is_filter) {
        client_note(LIFE_NOTE_FIXED, s->Number, 0);
    }
    client_note(GATE_NOTE_CALL, s->Number, 0);
    client_look(s, basic(s)->WskControlSocket(s->Handle, WskIoctl,
                                              is_filter ? SIO_WSK_SET_REMOTE_ADDRESS
                                                        : SIO_WSK_SET_SENDTO_ADDRESS,
                                              level(), is_clear ? 0 : client_address_length(),
                                              is_clear ? NULL : &r->Remote, 0, NULL, NULL, r->Irp));
    if (NT_SUCCESS(client_wait(r, 0)) && is_filter && !is_clear) {
        client_note(LIFE_NOTE_FIXED, s->Number, client_endpoint((const SOCKADDR *)&r->Remote));
    }
    client_leave(s);
}

/* SIO_WSK_REGISTER_EXTENSION of an interface nobody knows, SIO_WSK_QUERY_INSPECT_ID. */
static void ask_inline(struct client_socket *s, BOOLEAN is_extension)
{
    static const NPIID unknown = {0x12345678, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};
    WSK_EXTENSION_CONTROL_IN in = {&unknown, NULL, NULL};
    WSK_EXTENSION_CONTROL_OUT out = {(PVOID)&unknown, NULL};
    WSK_INSPECT_ID id;
    SIZE_T size = 0;
    NTSTATUS status;
    if (is_extension ? !client_enter(s)
                     : s->Category != CONNECTION || !client_enter_in(s, CONNECTED)) {
        return;
    }
    client_note(GATE_NOTE_CALL, s->Number, 0);
    if (is_extension) {
        status = basic(s)->WskControlSocket(s->Handle, WskIoctl, SIO_WSK_REGISTER_EXTENSION,
                                            level(), sizeof in, &in, sizeof out, &out, NULL, NULL);
        client_note(LIFE_NOTE_QUERY, 3,
                    (ULONG)status | (ULONGLONG)(out.ProviderDispatch != NULL ||
                                                out.ProviderContext != (PVOID)&unknown)
                                        << 32);
    } else {
        status = basic(s)->WskControlSocket(s->Handle, WskIoctl, SIO_WSK_QUERY_INSPECT_ID, level(),
                                            0, NULL, sizeof id, &id, &size, NULL);
        client_note(LIFE_NOTE_INSPECT_ID, s->Number,
                    (ULONG)status | (NT_SUCCESS(status) ? (ULONGLONG)id.SerialNumber << 32 : 0));
    }
    client_look(s, status);
    client_leave(s);
}

/* No request that sends is pending: with IsSending nobody begins one. */
static BOOLEAN is_quiet(const struct client_socket *s)
{
    for (ULONG i = 0; i < Client.Requests; i++) {
        const struct client_request *r = Client.Request[i];
        if (r->Socket == s && r->Kind == REQUEST_CANCELLABLE && r->IsPassed && r->IsDone == 0) {
            return FALSE;
        }
    }
    return TRUE;
}

/*
 * Silent mode, after which nothing but the close is left (CTL-166). So nobody may be inside, nobody
 * gets in any more, and the socket keeps no lists.
 */
static void silence(struct client_socket *s)
{
    struct client_request *r = s->Category == CONNECTION ? client_request(REQUEST_OTHER, s) : NULL;
    if (r == NULL) {
        return;
    }
    KIRQL irql = client_lock();
    BOOLEAN may = s->Handle != NULL && !s->IsClosing && !s->IsDead && s->State == CONNECTED &&
                  s->Users == 0 && !s->IsSending && !s->MayRetain && is_quiet(s);
    if (may) {
        s->State = FAILED;
        s->Users++;
    }
    client_unlock(irql);
    if (!may) {
        client_request_drop(r);
        return;
    }
    client_note(GATE_NOTE_CALL, s->Number, 0);
    (void)!basic(s)->WskControlSocket(s->Handle, WskIoctl, SIO_WSK_SET_TCP_SILENT_MODE, level(), 0,
                                      NULL, 0, NULL, NULL, r->Irp);
    client_leave(s);
    (void)client_wait(r, 0);
}

void client_ioctl(struct client_socket *s, ULONG how)
{
    if (how >= 248) {
        silence(s);
        return;
    }
    switch (how % 8) {
    case 0:
        query_size(s, SIO_WSK_QUERY_RECEIVE_BACKLOG);
        break;
    case 1:
        query_size(s, SIO_WSK_QUERY_IDEAL_SEND_BACKLOG);
        break;
    case 2:
        query_addresses(s, (how & 8) != 0);
        break;
    case 3:
        watch_addresses(s);
        break;
    case 4:
    case 5:
        fix_address(s, how >> 3);
        break;
    case 6:
        ask_inline(s, TRUE);
        break;
    default:
        ask_inline(s, FALSE);
        break;
    }
}

/* ---- names and addresses ---- */

void client_resolve(ULONG how)
{
    static const WCHAR name[] = L"peer.example";
    struct client_request *r = client_request(REQUEST_OTHER, NULL);
    if (r == NULL) {
        return;
    }
    r->Node.Buffer = r->Text;
    if ((how & 1) != 0) {
        RtlCopyMemory(r->Text, name, sizeof name);
        r->Node.Length = sizeof name - sizeof name[0];
        r->Node.MaximumLength = sizeof name;
        (void)!Client.Npi.Dispatch->WskGetAddressInfo(Client.Npi.Client, &r->Node, NULL, 0, NULL,
                                                      NULL, &r->Found, NULL, NULL, r->Irp);
    } else {
        r->Node.MaximumLength = sizeof r->Text;
        client_address(&r->Remote, 2, CLIENT_SERVER_PORT);
        (void)!Client.Npi.Dispatch->WskGetNameInfo(Client.Npi.Client, (PSOCKADDR)&r->Remote,
                                                   client_address_length(), &r->Node, NULL, 0, NULL,
                                                   NULL, r->Irp);
    }
}
