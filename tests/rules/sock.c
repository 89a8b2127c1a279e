/* SPDX-License-Identifier: MIT */
/* Cases of the life cycle, 1.3: creating sockets. */
#include "life.h"

#include "talk.h"

static NTSTATUS Make(ADDRESS_FAMILY Family, USHORT Type, ULONG Protocol, ULONG Flags,
                     PEPROCESS Process, PSECURITY_DESCRIPTOR Descriptor, PIRP Irp)
{
    return CaseNpi.Dispatch->WskSocket(CaseNpi.Client, Family, Type, Protocol, Flags, NULL, NULL,
                                       Process, NULL, Descriptor, Irp);
}

/* Creates, waits, and lets the frame close it; the final status. */
static NTSTATUS MakeAndWait(ADDRESS_FAMILY Family, USHORT Type, ULONG Protocol, ULONG Flags)
{
    if (!CaseWsk() || !RequestNew(&First)) {
        return STATUS_UNSUCCESSFUL;
    }
    (void)Make(Family, Type, Protocol, Flags, NULL, NULL, Fresh(&First));
    if (NT_SUCCESS(Finish(&First))) {
        SocketAdopt((PWSK_SOCKET)First.Information);
    }
    return First.Status;
}

/* ---- arguments (SOCK-001 to SOCK-005, SOCK-015) ---- */

MISTAKE(creates_at_high_level, "SOCK-001 PROP-LIFE-41")
{
    KIRQL Old;
    if (!CaseWsk() || !RequestNew(&First)) {
        return;
    }
    PIRP Irp = Fresh(&First);
    KeRaiseIrql(Mistaken ? HIGH_LEVEL : DISPATCH_LEVEL, &Old);
    (void)Make(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL, Irp);
    KeLowerIrql(Old);
    if (NT_SUCCESS(Finish(&First))) {
        SocketAdopt((PWSK_SOCKET)First.Information);
    }
}

MISTAKE(two_categories_at_once, "SOCK-002")
{
    ULONG Flags = Mistaken ? WSK_FLAG_LISTEN_SOCKET | WSK_FLAG_CONNECTION_SOCKET
                           : WSK_FLAG_LISTEN_SOCKET;
    (void)MakeAndWait(AF_INET, SOCK_STREAM, IPPROTO_TCP, Flags);
}

MISTAKE(unknown_category, "SOCK-002")
{
    (void)MakeAndWait(AF_INET, SOCK_STREAM, IPPROTO_TCP,
                      Mistaken ? 0x8000 : WSK_FLAG_CONNECTION_SOCKET);
}

FREEDOM(socket_bad_flags_status_not_supported, "SOCK-002 socket.bad_flags_status",
        .off = "SOCK-002", .knobs = "socket.bad_flags_status=not-supported")
{
    if (MakeAndWait(AF_INET, SOCK_STREAM, IPPROTO_TCP, 0x8000) == STATUS_NOT_SUPPORTED) {
        Witness();
    }
}

FREEDOM(socket_bad_flags_status_invalid, "SOCK-002 socket.bad_flags_status", .off = "SOCK-002",
        .knobs = "socket.bad_flags_status=invalid-parameter")
{
    if (MakeAndWait(AF_INET, SOCK_STREAM, IPPROTO_TCP, 0x8000) == STATUS_INVALID_PARAMETER) {
        Witness();
    }
}

MISTAKE(protocol_of_another_category, "SOCK-003")
{
    (void)MakeAndWait(AF_INET, SOCK_STREAM, Mistaken ? IPPROTO_UDP : IPPROTO_TCP,
                      WSK_FLAG_LISTEN_SOCKET);
}

MISTAKE(unknown_family, "SOCK-003")
{
    (void)MakeAndWait((ADDRESS_FAMILY)(Mistaken ? AF_UNSPEC : AF_INET6), SOCK_DGRAM, IPPROTO_UDP,
                      WSK_FLAG_DATAGRAM_SOCKET);
}

FREEDOM(wrong_protocol_fails_at_bind, "SOCK-005 socket.wrong_combination", .off = "SOCK-003",
        .knobs = "socket.wrong_combination=fails-at-bind")
{
    if (NT_SUCCESS(MakeAndWait(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_LISTEN_SOCKET)) &&
        SocketBind((PWSK_SOCKET)First.Information, 7000) == STATUS_NOT_IMPLEMENTED) {
        Witness();
    }
}

FREEDOM(wrong_protocol_fails_at_creation, "SOCK-005 socket.wrong_combination", .off = "SOCK-003",
        .knobs = "socket.wrong_combination=fails-at-creation")
{
    if (MakeAndWait(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_LISTEN_SOCKET) ==
        STATUS_INVALID_PARAMETER) {
        Witness();
    }
}

MISTAKE(owner_is_no_process, "SOCK-015")
{
    if (CaseWsk() && RequestNew(&First)) {
        PEPROCESS Owner =
            Mistaken ? (PEPROCESS)(PVOID)PsGetCurrentThread() : PsGetCurrentProcess();
        (void)Make(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, Owner, NULL,
                   Fresh(&First));
        if (NT_SUCCESS(Finish(&First))) {
            SocketAdopt((PWSK_SOCKET)First.Information);
        }
    }
}

/* ---- outcomes (SOCK-004, SOCK-006, SOCK-007, SOCK-013, SOCK-015) ---- */

DUTY(creation_outcomes, "SOCK-004 SOCK-007 SOCK-015 SOCK-023 PROP-LIFE-43")
{
    NTSTATUS Status =
        MakeAndWait(AF_INET6, SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_CONNECTION_SOCKET);
    Check(Status != STATUS_FILE_FORCED_CLOSED && Status != STATUS_INVALID_PARAMETER);
    Check(NT_SUCCESS(Status) == (First.Information != 0) || First.Completions == 0);
}

/* Each category's table has the functions of table 2.1, and no two are one. */
DUTY(tables_fit_the_categories, "SOCK-006")
{
    static const ULONG Flags[] = {WSK_FLAG_LISTEN_SOCKET, WSK_FLAG_DATAGRAM_SOCKET,
                                  WSK_FLAG_CONNECTION_SOCKET, WSK_FLAG_STREAM_SOCKET};
    const VOID *Table[4];
    PWSK_SOCKET Socket[4];
    for (ULONG i = 0; i < 4; i++) {
        Socket[i] = CaseWsk() ? SocketNew(Flags[i], NULL, NULL) : NULL;
        if (Socket[i] == NULL) {
            return;
        }
        Table[i] = Socket[i]->Dispatch;
        for (ULONG k = 0; k < i; k++) {
            Check(Table[k] != Table[i]);
        }
        Check(Datagram(Socket[i])->Basic.WskControlSocket != NULL);
        Check(Datagram(Socket[i])->Basic.WskCloseSocket != NULL);
        Check(Datagram(Socket[i])->WskBind != NULL);
    }
    Check(Listener(Socket[0])->WskAccept != NULL);
    Check(Listener(Socket[0])->WskInspectComplete != NULL);
    Check(Datagram(Socket[1])->WskSendTo != NULL && Datagram(Socket[1])->WskReceiveFrom != NULL);
    Check(Connection(Socket[2])->WskConnect != NULL && Connection(Socket[2])->WskSend != NULL);
    Check(Stream(Socket[3])->WskListen != NULL && Stream(Socket[3])->WskAccept != NULL);
}

static volatile LONG Called;

static NTSTATUS WSKAPI Counts(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Data);
    InterlockedIncrement(&Called);
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH Counting = {Counts};

DUTY(new_sockets_have_no_events, "SOCK-013 PROP-LIFE-18", .keep = WSKSIM_KEEP_DATAGRAMS)
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &Counting) : NULL;
    if (Socket != NULL && NT_SUCCESS(SocketBind(Socket, 7000))) {
        CaseSleep(100);
    }
    Check(Called == 0);
}

/* ---- the socket object (SOCK-008, SOCK-020 to SOCK-022) ---- */

MISTAKE(socket_object_written, "SOCK-008")
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    if (Socket != NULL) {
        const VOID *Table = Socket->Dispatch;
        if (Mistaken) {
            static WSK_PROVIDER_DATAGRAM_DISPATCH Copy;
            Copy = *Datagram(Socket);
            *(const VOID **)(PVOID)Socket = &Copy;
        }
        (void)((const WSK_PROVIDER_BASIC_DISPATCH *)Table)
            ->WskControlSocket(Socket, WskGetOption, SO_TYPE, SOL_SOCKET, 0, NULL, 0, NULL, NULL,
                               NULL);
    }
}

/* The tables are the provider's too, and serve every socket. */
MISTAKE(provider_table_written, "SOCK-008")
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    if (Socket != NULL && Mistaken) {
        WSK_PROVIDER_DATAGRAM_DISPATCH *Table =
            (WSK_PROVIDER_DATAGRAM_DISPATCH *)(ULONG_PTR)Socket->Dispatch;
        Table->WskSendMessages = NULL;
    }
}

MISTAKE(provider_dispatch_written, "REG-027")
{
    if (CaseWsk() && Mistaken) {
        ((WSK_PROVIDER_DISPATCH *)(ULONG_PTR)CaseNpi.Dispatch)->WskGetNameInfo = NULL;
    }
}

MISTAKE(socket_never_closed, "SOCK-020 PROP-LIFE-06")
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_BASIC_SOCKET, NULL, NULL) : NULL;
    if (Socket != NULL && Mistaken) {
        SocketForget(Socket);
    }
}

/* Sockets that the peers bring while the driver is already leaving. */
static volatile LONG IsLeaving;

static NTSTATUS WSKAPI TakesAll(PVOID Context, ULONG Flags, PSOCKADDR Local, PSOCKADDR Remote,
                                PWSK_SOCKET Socket, PVOID *SocketContext,
                                const WSK_CLIENT_CONNECTION_DISPATCH **Dispatch)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Local);
    UNREFERENCED_PARAMETER(Remote);
    if (Socket == NULL) {
        return STATUS_SUCCESS;
    }
    BOOLEAN IsLate = InterlockedCompareExchange(&IsLeaving, 0, 0) != 0;
    if (IsLate && !Mistaken) {
        return STATUS_REQUEST_NOT_ACCEPTED;
    }
    if (!IsLate) {
        SocketAdopt(Socket);
    }
    *SocketContext = NULL;
    *Dispatch = NULL;
    return STATUS_SUCCESS;
}

MISTAKE(accepted_while_leaving, "SOCK-020 BUG-LIFE-34", .keep = WSKSIM_KEEP_PEERS)
{
    static const WSK_CLIENT_LISTEN_DISPATCH Table = {.WskAcceptEvent = TakesAll};
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_LISTEN_SOCKET, NULL, &Table) : NULL;
    if (Socket != NULL && NT_SUCCESS(SocketBind(Socket, 7000)) &&
        NT_SUCCESS(SocketEvents(Socket, WSK_EVENT_ACCEPT))) {
        CaseSleep(5);
        InterlockedExchange(&IsLeaving, 1);
        CaseSleep(5);
    }
    if (Socket != NULL) {
        (void)SocketClose(Socket);
    }
}

MISTAKE(called_through_another_table, "SOCK-021 BUG-LIFE-45")
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    if (Socket != NULL && RequestNew(&First) && Mistaken) {
        Connection(Socket)->WskDisconnect(Socket, NULL, 0, Fresh(&First));
    }
}

MISTAKE(function_of_another_socket, "SOCK-021")
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_CONNECTION_SOCKET, NULL, NULL) : NULL;
    PWSK_SOCKET Other = Socket != NULL ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    if (Other != NULL && RequestNew(&First) && Mistaken) {
        Connection(Socket)->WskDisconnect(Other, NULL, 0, Fresh(&First));
    }
}

MISTAKE(bind_on_a_basic_socket, "SOCK-021 SOCK-022")
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_BASIC_SOCKET, NULL, NULL) : NULL;
    if (Socket != NULL && Mistaken) {
        (void)SocketBind(Socket, 7000);
    }
}

/* ---- context, table, descriptor (SOCK-009 to SOCK-012, SOCK-014) ---- */

MISTAKE(socket_context_in_paged_pool, "CTL-057 SOCK-009")
{
    PVOID Context = ExAllocatePoolWithTag(Mistaken ? PagedPool : NonPagedPoolNx, 16, TAG);
    PWSK_SOCKET Socket = Context != NULL && CaseWsk()
                             ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, Context, &Counting)
                             : NULL;
    if (Socket != NULL) {
        (void)SocketClose(Socket);
    }
    if (Context != NULL) {
        ExFreePoolWithTag(Context, TAG);
    }
}

MISTAKE(context_without_a_table, "SOCK-009", .is_lint = 1)
{
    static int Context;
    if (CaseWsk()) {
        (void)SocketNew(WSK_FLAG_DATAGRAM_SOCKET, Mistaken ? &Context : NULL, NULL);
    }
}

static WSK_CLIENT_DATAGRAM_DISPATCH Changing = {Counts};

static NTSTATUS WSKAPI Other(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    return Counts(Context, Flags, Data);
}

MISTAKE(client_table_changed, "SOCK-010", .keep = WSKSIM_KEEP_DATAGRAMS)
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &Changing) : NULL;
    if (Socket != NULL) {
        if (Mistaken) {
            Changing.WskReceiveFromEvent = Other;
        }
        if (NT_SUCCESS(SocketBind(Socket, 7000)) &&
            NT_SUCCESS(SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM))) {
            CaseSleep(100);
        }
    }
}

MISTAKE(table_without_callbacks, "SOCK-010", .is_lint = 1)
{
    if (CaseWsk()) {
        (void)SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, Mistaken ? &Counting : NULL);
    }
}

MISTAKE(basic_socket_with_a_context, "SOCK-011")
{
    static int Context;
    if (CaseWsk()) {
        (void)SocketNew(WSK_FLAG_BASIC_SOCKET, Mistaken ? &Context : NULL, NULL);
    }
}

MISTAKE(enabled_without_an_entry, "CTL-071 BUG-LIFE-39 SOCK-012")
{
    static const WSK_CLIENT_DATAGRAM_DISPATCH Empty = {NULL};
    PWSK_SOCKET Socket =
        CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, Mistaken ? &Empty : &Counting) : NULL;
    if (Socket != NULL && NT_SUCCESS(SocketBind(Socket, 7000))) {
        (void)SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM);
    }
}

MISTAKE(descriptor_is_not_cached, "SOCK-014")
{
    static SECURITY_DESCRIPTOR Descriptor;
    if (CaseWsk() && RequestNew(&First)) {
        (void)Make(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, NULL,
                   Mistaken ? &Descriptor : NULL, Fresh(&First));
        if (NT_SUCCESS(Finish(&First))) {
            SocketAdopt((PWSK_SOCKET)First.Information);
        }
    }
}

/* ---- WskSocketConnect (SOCK-016 to SOCK-019) ---- */

static SOCKADDR_IN Local, Remote;
static SOCKADDR_IN6 Remote6;

static NTSTATUS Connect(ULONG Flags, PSOCKADDR To)
{
    if (!CaseWsk() || !RequestNew(&First)) {
        return STATUS_UNSUCCESSFUL;
    }
    Local = Address4("0.0.0.0", 0);
    (void)CaseNpi.Dispatch->WskSocketConnect(CaseNpi.Client, SOCK_STREAM, IPPROTO_TCP,
                                             (PSOCKADDR)&Local, To, Flags, NULL, NULL, NULL, NULL,
                                             NULL, Fresh(&First));
    if (NT_SUCCESS(Finish(&First))) {
        SocketAdopt((PWSK_SOCKET)First.Information);
    }
    return First.Status;
}

MISTAKE(socket_connect_with_flags, "SOCK-016")
{
    Remote = Address4("10.0.0.2", TALK_PORT);
    (void)Connect(Mistaken ? 1 : 0, (PSOCKADDR)&Remote);
}

DUTY(socket_connect_is_bound_and_connected, "SOCK-017", .world = TalkSilent)
{
    static SOCKADDR_STORAGE Address;
    Remote = Address4("10.0.0.2", TALK_PORT);
    if (!NT_SUCCESS(Connect(0, (PSOCKADDR)&Remote))) {
        return;
    }
    PWSK_SOCKET Socket = (PWSK_SOCKET)First.Information;
    const SOCKADDR_IN *Seen = (const SOCKADDR_IN *)&Address;
    (void)Connection(Socket)->WskGetRemoteAddress(Socket, (PSOCKADDR)&Address, Fresh(&First));
    NTSTATUS Status = Finish(&First);
    Check(Status != STATUS_INVALID_DEVICE_STATE);
    Check(!NT_SUCCESS(Status) ||
          (Seen->sin_family == AF_INET && Seen->sin_port == Remote.sin_port));
    (void)Connection(Socket)->WskGetLocalAddress(Socket, (PSOCKADDR)&Address, Fresh(&First));
    Status = Finish(&First);
    Check(Status != STATUS_INVALID_DEVICE_STATE);
    Check(!NT_SUCCESS(Status) || Seen->sin_port != 0);
}

MISTAKE(two_families_in_socket_connect, "SOCK-018")
{
    Remote = Address4("10.0.0.2", TALK_PORT);
    Remote6.sin6_family = AF_INET6;
    Remote6.sin6_port = Remote.sin_port;
    (void)Connect(0, Mistaken ? (PSOCKADDR)&Remote6 : (PSOCKADDR)&Remote);
}

MISTAKE(option_after_socket_connect, "CTL-130 SOCK-019", .world = TalkSilent)
{
    ULONG On = 1;
    Remote = Address4("10.0.0.2", TALK_PORT);
    if (NT_SUCCESS(Connect(0, (PSOCKADDR)&Remote)) && Mistaken) {
        (void)SocketControl((PWSK_SOCKET)First.Information, WskSetOption, SO_EXCLUSIVEADDRUSE,
                            SOL_SOCKET, sizeof On, &On, 0, NULL, NULL);
    }
}
