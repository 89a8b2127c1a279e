/* SPDX-License-Identifier: MIT */
/* Cases of the life cycle, 1.7: connecting. */
#include "ends.h"

static struct request Own, Other;
static SOCKADDR_IN Remote;

/* WskConnect without waiting. */
static NTSTATUS StartConnect(PWSK_SOCKET Socket, const char *To, ULONG Flags)
{
    Remote = Address4(To, LIFE_PORT);
    return Connection(Socket)->WskConnect(Socket, (PSOCKADDR)&Remote, Flags, Fresh(&Own));
}

static NTSTATUS StartConnectEx(PWSK_SOCKET Socket, const char *To, WSK_BUF *Buffer, ULONG Flags)
{
    Remote = Address4(To, LIFE_PORT);
    return Connection(Socket)->WskConnectEx(Socket, (PSOCKADDR)&Remote, Buffer, Flags,
                                            Fresh(&Own));
}

static PWSK_SOCKET Ready(void)
{
    PWSK_SOCKET Socket = BoundConnection();
    return Socket != NULL && RequestNew(&Own) ? Socket : NULL;
}

/* A listener and a bound socket that could connect to it. */
static PWSK_SOCKET Listening;
static PWSK_SOCKET Facing(void)
{
    Listening = ListenerOn(LIFE_PORT, NULL);
    return Listening != NULL ? Ready() : NULL;
}

/* ---- arguments and state ---- */

MISTAKE(connect_with_flags, "CONN-001")
{
    PWSK_SOCKET Socket = Ready();
    if (Socket != NULL) {
        (void)StartConnect(Socket, "10.0.0.2", Mistaken ? 2 : 0);
        (void)Finish(&Own);
    }
}

MISTAKE(connect_ex_with_flags, "CONN-001")
{
    PWSK_SOCKET Socket = Ready();
    if (Socket != NULL) {
        (void)StartConnectEx(Socket, "10.0.0.2", NULL, Mistaken ? 2 : 0);
        (void)Finish(&Own);
    }
}

MISTAKE(connect_to_other_family, "CONN-002")
{
    static SOCKADDR_IN6 Wide;
    PWSK_SOCKET Socket = Ready();
    if (Socket != NULL) {
        Wide.sin6_family = AF_INET6;
        Wide.sin6_addr.s6_addr[15] = 1;
        Remote = Address4("10.0.0.2", LIFE_PORT);
        Connection(Socket)->WskConnect(Socket, Mistaken ? (PSOCKADDR)&Wide : (PSOCKADDR)&Remote, 0,
                                       Fresh(&Own));
        (void)Finish(&Own);
    }
}

DUTY(connect_unbound_is_refused, "CONN-003 BIND-006", Calm, .off = "BIND-006",
     .knobs = "listen.backlog=128")
{
    Listening = ListenerOn(LIFE_PORT, NULL);
    PWSK_SOCKET Socket =
        Listening != NULL ? SocketNew(WSK_FLAG_CONNECTION_SOCKET, NULL, NULL) : NULL;
    if (Socket == NULL || !RequestNew(&Own)) {
        return;
    }
    Check(StartConnect(Socket, "127.0.0.1", 0) == STATUS_INVALID_DEVICE_STATE);
    Check(Finish(&Own) == STATUS_INVALID_DEVICE_STATE && Own.Information == 0);
    Check(NT_SUCCESS(SocketBind(Socket, 0)));
    Check(NT_SUCCESS(ConnectTo(Socket, "127.0.0.1", LIFE_PORT)));
}

DUTY(connect_outcome, "CONN-004", .knobs = "listen.backlog=128")
{
    PWSK_SOCKET Socket = Facing();
    if (Socket != NULL) {
        NTSTATUS Status = StartConnect(Socket, "127.0.0.1", 0);
        NTSTATUS Final = Finish(&Own);
        Check(Own.Completions == 1 && Final != STATUS_PENDING && Own.Information == 0);
        Check(Status == STATUS_PENDING || Status == Final);
    }
}

DUTY(connect_ex_bad_flags, "CONN-005", Calm, .off = "CONN-001")
{
    PWSK_SOCKET Socket = Ready();
    if (Socket != NULL) {
        Check(StartConnectEx(Socket, "10.0.0.2", NULL, 2) == STATUS_INVALID_PARAMETER);
        Check(Finish(&Own) == STATUS_INVALID_PARAMETER);
    }
}

DUTY(connect_ex_too_much, "CONN-005", Calm)
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = BufferNew(65536);
    if (Socket != NULL && Buffer.Mdl != NULL) {
        Check(StartConnectEx(Socket, "10.0.0.2", &Buffer, 0) == STATUS_BUFFER_OVERFLOW);
        Check(Finish(&Own) == STATUS_BUFFER_OVERFLOW);
    }
}

/* ---- WskConnectEx: the data ---- */

MISTAKE(connect_ex_data_changed, "CONN-006 PROP-LIFE-31", .keep = WSKSIM_KEEP_SERVERS)
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = BufferNew(64);
    if (Socket != NULL && Buffer.Mdl != NULL) {
        NTSTATUS Status = StartConnectEx(Socket, "10.0.0.2", &Buffer, 0);
        if (Mistaken && Status == STATUS_PENDING && !IsDone(&Own)) {
            *(UCHAR *)BufferBytes(&Buffer) = 1;
        }
        (void)Finish(&Own);
    }
}

DUTY(connect_ex_data_arrives, "CONN-006 CONN-005 PROP-LIFE-13", Calm,
     .knobs = "listen.backlog=128")
{
    UCHAR Bytes[64];
    SIZE_T Got;
    PWSK_SOCKET Socket = Facing();
    WSK_BUF Buffer = BufferNew(64);
    if (Socket == NULL || Buffer.Mdl == NULL) {
        return;
    }
    RtlFillMemory(BufferBytes(&Buffer), 64, 9);
    (void)StartConnectEx(Socket, "127.0.0.1", &Buffer, 0);
    if (NT_SUCCESS(Finish(&Own))) {
        RtlFillMemory(BufferBytes(&Buffer), 64, 1); /* it is ours again */
        PWSK_SOCKET Accepted = AcceptOne(Listening, NULL, NULL, 60000);
        Check(Accepted != NULL);
        Check(NT_SUCCESS(ReceiveBytes(Accepted, Bytes, sizeof Bytes, &Got, 60000)) && Got != 0);
        Check(Bytes[0] == 9 && Bytes[Got - 1] == 9);
    }
}

static volatile LONG WithTheConnection, LaterOn;

static void Server(void)
{
    char Byte;
    struct wsksim_server *Server = wsksim_listen(NULL, LIFE_PORT);
    struct wsksim_peer *Peer = Server != NULL ? wsksim_accept(Server, 5000) : NULL;
    if (Peer != NULL) {
        long Got = wsksim_receive(Peer, &Byte, 1, 0);
        WithTheConnection = Got == 1;
        LaterOn = Got == WSKSIM_TIMEOUT && wsksim_receive(Peer, &Byte, 1, 3000) == 1;
        wsksim_close(Peer);
    }
}

static void SendsWithConnect(BOOLEAN IsFast)
{
    static ULONG On = 1;
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_CONNECTION_SOCKET, NULL, NULL) : NULL;
    WSK_BUF Buffer = BufferNew(64);
    if (Socket == NULL || Buffer.Mdl == NULL || !RequestNew(&Own) ||
        (IsFast && !NT_SUCCESS(SocketControl(Socket, WskSetOption, TCP_FASTOPEN, IPPROTO_TCP,
                                             sizeof On, &On, 0, NULL, NULL))) ||
        !NT_SUCCESS(SocketBind(Socket, 0))) {
        return;
    }
    (void)StartConnectEx(Socket, "10.0.0.2", &Buffer, 0);
    (void)Finish(&Own);
    CaseSleep(3000);
}

FREEDOM(connect_ex_data_comes_with_the_connection, "CONN-007", .world = Server)
{
    SendsWithConnect(TRUE);
    if (WithTheConnection != 0) {
        Witness();
    }
}

FREEDOM(connect_ex_data_comes_later, "CONN-007", .world = Server)
{
    SendsWithConnect(FALSE);
    if (LaterOn != 0) {
        Witness();
    }
}

/* ---- CONN-008: what becomes legal ---- */

DUTY(connected_socket_works, "CONN-008 CONN-009", Calm, .knobs = "listen.backlog=128")
{
    SOCKADDR_STORAGE Where;
    PWSK_SOCKET Socket = Facing();
    if (Socket == NULL) {
        return;
    }
    (void)StartConnect(Socket, "127.0.0.1", 0);
    if (NT_SUCCESS(Finish(&Own))) {
        Check(NT_SUCCESS(LocalOf(Socket, Connection(Socket)->WskGetRemoteAddress, &Where)));
        Check(((SOCKADDR_IN *)&Where)->sin_port == RtlUshortByteSwap(LIFE_PORT));
        Check(NT_SUCCESS(SendBytes(Socket, 1, 1)));
    }
}

MISTAKE(connects_twice, "CONN-010", .keep = WSKSIM_KEEP_SERVERS)
{
    PWSK_SOCKET Socket = Ready();
    if (Socket != NULL && NT_SUCCESS(ConnectTo(Socket, "10.0.0.2", LIFE_PORT)) && Mistaken) {
        (void)StartConnect(Socket, "10.0.0.2", 0);
        (void)Finish(&Own);
    }
}

FREEDOM(second_connect_is_active, "CONN-010 state.wrong_state_status", Calm,
        .knobs = "state.wrong_state_status=specific")
{
    PWSK_SOCKET Socket = Facing();
    if (Socket != NULL && NT_SUCCESS(ConnectTo(Socket, "127.0.0.1", LIFE_PORT))) {
        (void)StartConnect(Socket, "127.0.0.1", 0);
        if (Finish(&Own) == STATUS_CONNECTION_ACTIVE) {
            Witness();
        }
    }
}

/* ---- CONN-011: after a failure ---- */

MISTAKE(connect_tried_again, "CONN-011")
{
    PWSK_SOCKET Socket = Ready();
    if (Socket != NULL && ConnectTo(Socket, "10.0.0.9", LIFE_PORT) != STATUS_FILE_FORCED_CLOSED &&
        Mistaken) {
        (void)ConnectTo(Socket, "10.0.0.9", LIFE_PORT);
    }
}

/* A connect that nobody answers, then one to a listener. */
static NTSTATUS SecondAttempt(void)
{
    PWSK_SOCKET Socket = Ready();
    if (Socket == NULL || NT_SUCCESS(ConnectTo(Socket, "127.0.0.1", LIFE_PORT))) {
        return STATUS_PENDING;
    }
    Listening = ListenerOn(LIFE_PORT, NULL);
    return Listening != NULL ? ConnectTo(Socket, "127.0.0.1", LIFE_PORT) : STATUS_PENDING;
}

FREEDOM(failed_connect_can_be_repeated, "CONN-011 connect.after_failure AMBIGUOUS-LIFE-13", Calm,
        .knobs = "connect.after_failure=back-to-bound")
{
    if (SecondAttempt() == STATUS_SUCCESS) {
        Witness();
    }
}

FREEDOM(failed_connect_must_be_closed, "CONN-011 connect.after_failure", Calm,
        .knobs = "connect.after_failure=must-close")
{
    if (SecondAttempt() == STATUS_INVALID_DEVICE_STATE) {
        Witness();
    }
}

FREEDOM(failed_connect_kills, "CONN-011 connect.after_failure", Calm,
        .knobs = "connect.after_failure=dead")
{
    if (SecondAttempt() == STATUS_FILE_FORCED_CLOSED) {
        Witness();
    }
}

/* ---- CONN-012: cancel and close ---- */

DUTY(close_cancels_a_connect, "CONN-012", Calm)
{
    PWSK_SOCKET Socket = Ready();
    if (Socket != NULL) {
        (void)StartConnect(Socket, "10.0.0.9", 0);
        (void)SocketClose(Socket);
        NTSTATUS Status = Finish(&Own);
        Check(Status == STATUS_CANCELLED || Status == STATUS_HOST_UNREACHABLE ||
              Status == STATUS_IO_TIMEOUT);
        Check(Own.Information == 0);
    }
}

FREEDOM(cancelled_connect, "CONN-012", .knobs = "cancel.honoured=table")
{
    PWSK_SOCKET Socket = Ready();
    if (Socket != NULL) {
        (void)StartConnect(Socket, "10.0.0.9", 0);
        IoCancelIrp(Own.Irp);
        if (Finish(&Own) == STATUS_CANCELLED) {
            Witness();
        }
    }
}

static ULONGLONG Milliseconds(void)
{
    LARGE_INTEGER Time;
    KeQuerySystemTime(&Time);
    return (ULONGLONG)Time.QuadPart / 10000;
}

FREEDOM(close_hangs_behind_a_connect, "CONN-012 connect.late_cancel", Calm,
        .knobs = "connect.late_cancel=after-30s close.delay=none")
{
    PWSK_SOCKET Socket = Ready();
    if (Socket != NULL) {
        NTSTATUS Answer = StartConnect(Socket, "10.0.0.9", 0);
        ULONGLONG Before = Milliseconds();
        (void)SocketClose(Socket);
        ULONGLONG After = Milliseconds();
        if (Finish(&Own) == STATUS_CANCELLED && Answer == STATUS_PENDING &&
            After - Before >= 30000) {
            Witness();
        }
    }
}

FREEDOM(close_cancels_a_connect_at_once, "CONN-012 connect.late_cancel", Calm,
        .knobs = "connect.late_cancel=at-once close.delay=none")
{
    PWSK_SOCKET Socket = Ready();
    if (Socket != NULL) {
        NTSTATUS Answer = StartConnect(Socket, "10.0.0.9", 0);
        ULONGLONG Before = Milliseconds();
        (void)SocketClose(Socket);
        ULONGLONG After = Milliseconds();
        if (Finish(&Own) == STATUS_CANCELLED && Answer == STATUS_PENDING &&
            After - Before < 30000) {
            Witness();
        }
    }
}

/* ---- CONN-013: callbacks before the completion ---- */

static volatile LONG ConnectIsDone, ReceivedEarly;

static NTSTATUS WSKAPI OnReceive(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION Data,
                                 SIZE_T Bytes, SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Bytes);
    UNREFERENCED_PARAMETER(Accepted);
    if (Data != NULL) {
        ReceivedEarly |= ConnectIsDone == 0;
    }
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_CONNECTION_DISPATCH Receives = {OnReceive, NULL, NULL};

static void Greeter(void)
{
    char Byte;
    struct wsksim_server *Server = wsksim_listen(NULL, LIFE_PORT);
    struct wsksim_peer *Peer = Server != NULL ? wsksim_accept(Server, 5000) : NULL;
    if (Peer != NULL) {
        wsksim_send(Peer, "hello", 5);
        (void)wsksim_receive(Peer, &Byte, 1, 3000);
        wsksim_close(Peer);
    }
}

static NTSTATUS ConnectCompleted(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    ConnectIsDone = 1;
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void ConnectsWithStatics(void)
{
    static WSK_EVENT_CALLBACK_CONTROL Control;
    static SOCKADDR_IN Local;
    KEVENT Done;
    Control.NpiId = &NPI_WSK_INTERFACE_ID;
    Control.EventMask = WSK_EVENT_RECEIVE;
    if (!CaseWsk() ||
        !NT_SUCCESS(CaseNpi.Dispatch->WskControlClient(
            CaseNpi.Client, WSK_SET_STATIC_EVENT_CALLBACKS, sizeof Control, &Control, 0, NULL,
            NULL, NULL))) {
        return;
    }
    CaseSleep(1);
    PIRP Irp = IoAllocateIrp(1, FALSE);
    if (Irp == NULL) {
        return;
    }
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    IoSetCompletionRoutine(Irp, ConnectCompleted, &Done, TRUE, TRUE, TRUE);
    Local = Address4("0.0.0.0", 0);
    Remote = Address4("10.0.0.2", LIFE_PORT);
    CaseNpi.Dispatch->WskSocketConnect(CaseNpi.Client, SOCK_STREAM, IPPROTO_TCP, (PSOCKADDR)&Local,
                                       (PSOCKADDR)&Remote, 0, NULL, &Receives, NULL, NULL, NULL,
                                       Irp);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    if (NT_SUCCESS(Irp->IoStatus.Status)) {
        SocketAdopt((PWSK_SOCKET)Irp->IoStatus.Information);
    }
    IoFreeIrp(Irp);
}

FREEDOM(received_before_the_connect_completes,
        "CONN-013 conn.events_before_completion AMBIGUOUS-LIFE-63 amb.29", .world = Greeter,
        .knobs = "conn.events_before_completion=yes")
{
    ConnectsWithStatics();
    if (ReceivedEarly != 0) {
        Witness();
    }
}

DUTY(events_wait_for_the_connect, "CONN-013 conn.events_before_completion", .world = Greeter,
     .knobs = "conn.events_before_completion=after-routine")
{
    ConnectsWithStatics();
    Check(ReceivedEarly == 0);
}
