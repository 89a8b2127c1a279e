/* SPDX-License-Identifier: MIT */
/* Cases of the life cycle, 1.4: binding to a local address. */
#include "ends.h"

static struct request Own;
static SOCKADDR_IN Local;

static PWSK_SOCKET Connector(void)
{
    return CaseWsk() ? SocketNew(WSK_FLAG_CONNECTION_SOCKET, NULL, NULL) : NULL;
}

/* ---- arguments and state ---- */

MISTAKE(bind_with_flags, "BIND-001")
{
    PWSK_SOCKET Socket = Connector();
    if (Socket != NULL && RequestNew(&Own)) {
        Local = Address4("0.0.0.0", 0);
        Connection(Socket)->WskBind(Socket, (PSOCKADDR)&Local, Mistaken ? 1 : 0, Fresh(&Own));
        (void)Finish(&Own);
    }
}

MISTAKE(bind_above_dispatch, "KRN-050 BIND-001 PROP-LIFE-41")
{
    PWSK_SOCKET Socket = Connector();
    if (Socket != NULL && RequestNew(&Own)) {
        KIRQL Old = KeGetCurrentIrql();
        Local = Address4("0.0.0.0", 0);
        PIRP Irp = Fresh(&Own);
        if (Mistaken) {
            KeRaiseIrql(DISPATCH_LEVEL + 1, &Old);
        }
        Connection(Socket)->WskBind(Socket, (PSOCKADDR)&Local, 0, Irp);
        if (Mistaken) {
            KeLowerIrql(Old);
        }
        (void)Finish(&Own);
    }
}

MISTAKE(bind_other_family, "BIND-002")
{
    PWSK_SOCKET Socket = Connector();
    if (Socket != NULL && RequestNew(&Own)) {
        static SOCKADDR_IN6 Wide;
        Wide.sin6_family = AF_INET6;
        Local = Address4("0.0.0.0", 0);
        Connection(Socket)->WskBind(Socket, Mistaken ? (PSOCKADDR)&Wide : (PSOCKADDR)&Local, 0,
                                    Fresh(&Own));
        (void)Finish(&Own);
    }
}

/* What the system answers to bad arguments: AMBIGUOUS-LIFE-71. */
static NTSTATUS AnswerToFlags(void)
{
    PWSK_SOCKET Socket = Connector();
    if (Socket == NULL || !RequestNew(&Own)) {
        return STATUS_PENDING;
    }
    Local = Address4("0.0.0.0", 0);
    NTSTATUS Status =
        Connection(Socket)->WskBind(Socket, (PSOCKADDR)&Local, 1, Fresh(&Own));
    NTSTATUS Final = Finish(&Own);
    Check(Status == STATUS_PENDING || Status == Final);
    return Final;
}

FREEDOM(args_bad_status_invalid, "BIND-001 args.bad_status AMBIGUOUS-LIFE-71", Calm,
        .off = "BIND-001", .knobs = "args.bad_status=invalid-parameter")
{
    if (AnswerToFlags() == STATUS_INVALID_PARAMETER) {
        Witness();
    }
}

FREEDOM(args_bad_status_unsupported, "BIND-001 args.bad_status", Calm, .off = "BIND-001",
        .knobs = "args.bad_status=not-supported")
{
    if (AnswerToFlags() == STATUS_NOT_SUPPORTED) {
        Witness();
    }
}

FREEDOM(args_bad_status_ignored, "BIND-001 args.bad_status", Calm, .off = "BIND-001",
        .knobs = "args.bad_status=ignored")
{
    if (AnswerToFlags() == STATUS_SUCCESS) {
        Witness();
    }
}

MISTAKE(connect_before_bind, "BIND-006 BUG-LIFE-44")
{
    PWSK_SOCKET Socket = Connector();
    if (Socket != NULL && (Mistaken || NT_SUCCESS(SocketBind(Socket, 0)))) {
        (void)ConnectTo(Socket, "10.0.0.2", LIFE_PORT);
    }
}

static void ConnectStream(PWSK_SOCKET Socket)
{
    static SOCKADDR_IN Remote;
    if (RequestNew(&Own)) {
        Remote = Address4("10.0.0.2", LIFE_PORT);
        Stream(Socket)->WskConnect(Socket, (PSOCKADDR)&Remote, 0, Fresh(&Own));
        (void)Finish(&Own);
    }
}

MISTAKE(stream_connect_before_bind, "BIND-008 BUG-LIFE-44")
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_STREAM_SOCKET, NULL, NULL) : NULL;
    if (Socket != NULL && (Mistaken || NT_SUCCESS(SocketBind(Socket, 0)))) {
        ConnectStream(Socket);
    }
}

MISTAKE(binds_twice, "BIND-011")
{
    PWSK_SOCKET Socket = BoundConnection();
    if (Socket != NULL && Mistaken) {
        (void)SocketBind(Socket, 0);
    }
}

static NTSTATUS AnswerToSecondBind(void)
{
    PWSK_SOCKET Socket = BoundConnection();
    return Socket != NULL ? SocketBind(Socket, 0) : STATUS_PENDING;
}

FREEDOM(wrong_state_device_state, "BIND-011 state.wrong_state_status AMBIGUOUS-LIFE-10", Calm,
        .knobs = "state.wrong_state_status=invalid-device-state")
{
    if (AnswerToSecondBind() == STATUS_INVALID_DEVICE_STATE) {
        Witness();
    }
}

FREEDOM(wrong_state_parameter, "BIND-011 state.wrong_state_status", Calm,
        .knobs = "state.wrong_state_status=invalid-parameter")
{
    if (AnswerToSecondBind() == STATUS_INVALID_PARAMETER) {
        Witness();
    }
}

FREEDOM(wrong_state_connection, "BIND-011 state.wrong_state_status", Calm,
        .knobs = "state.wrong_state_status=invalid-connection")
{
    if (AnswerToSecondBind() == STATUS_INVALID_CONNECTION) {
        Witness();
    }
}

FREEDOM(wrong_state_specific, "BIND-011 state.wrong_state_status", Calm,
        .knobs = "state.wrong_state_status=specific")
{
    if (AnswerToSecondBind() == STATUS_ADDRESS_ALREADY_ASSOCIATED) {
        Witness();
    }
}

MISTAKE(reuse_after_bind, "CTL-129 BIND-014")
{
    PWSK_SOCKET Socket = Connector();
    if (Socket == NULL || (!Mistaken && !NT_SUCCESS(SetOption(Socket, SO_REUSEADDR, 1)))) {
        return;
    }
    if (NT_SUCCESS(SocketBind(Socket, LIFE_PORT)) && Mistaken) {
        (void)SetOption(Socket, SO_REUSEADDR, 1);
    }
}

MISTAKE(bind_address_let_go, "BIND-015")
{
    PWSK_SOCKET Socket = Connector();
    if (Socket == NULL || !RequestNew(&Own)) {
        return;
    }
    Local = Address4("0.0.0.0", 0);
    NTSTATUS Status =
        Connection(Socket)->WskBind(Socket, (PSOCKADDR)&Local, 0, Fresh(&Own));
    if (Mistaken && Status == STATUS_PENDING) {
        Local.sin_port = 1;
    }
    (void)Finish(&Own);
}

FREEDOM(lifetime_inputs_captured, "BIND-015 AMBIGUOUS-LIFE-12", Calm,
        .knobs = "lifetime.inputs=all-captured")
{
    PWSK_SOCKET Socket = Connector();
    if (Socket != NULL && RequestNew(&Own)) {
        Local = Address4("0.0.0.0", LIFE_PORT);
        NTSTATUS Status =
            Connection(Socket)->WskBind(Socket, (PSOCKADDR)&Local, 0, Fresh(&Own));
        Local.sin_port = 1;
        if (NT_SUCCESS(Finish(&Own)) && Status == STATUS_PENDING) {
            Witness();
        }
    }
}

/* ---- outcomes ---- */

DUTY(bind_outcome, "BIND-003")
{
    PWSK_SOCKET Socket = Connector();
    if (Socket == NULL || !RequestNew(&Own)) {
        return;
    }
    Local = Address4("0.0.0.0", LIFE_PORT);
    NTSTATUS Status =
        Connection(Socket)->WskBind(Socket, (PSOCKADDR)&Local, 0, Fresh(&Own));
    NTSTATUS Final = Finish(&Own);
    Check(Own.Completions == 1 && Final != STATUS_PENDING);
    Check(Status == STATUS_PENDING || Status == Final);
    Check(Own.Information == 0);
}

static void Reaches(PWSK_SOCKET Listening, const char *To)
{
    PWSK_SOCKET Client = SocketConnected(To, LIFE_PORT, NULL, NULL);
    Check(Client != NULL);
    PWSK_SOCKET Accepted = Client != NULL ? AcceptOne(Listening, NULL, NULL, 60000) : NULL;
    Check(Accepted != NULL || Client == NULL);
}

DUTY(listens_from_bind_on, "BIND-004 LSTN-001", Calm, .knobs = "listen.backlog=128")
{
    PWSK_SOCKET Listening = ListenerOn(LIFE_PORT, NULL);
    if (Listening != NULL) {
        Reaches(Listening, "127.0.0.1");
        Reaches(Listening, "10.0.0.1");
    }
}

static NTSTATUS SendTo(PWSK_SOCKET Socket, const char *To, WSK_BUF *Buffer)
{
    static SOCKADDR_IN Remote;
    PIRP Irp = LifeIrp();
    if (Irp == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Remote = Address4(To, LIFE_PORT);
    Datagram(Socket)->WskSendTo(Socket, Buffer, 0, (PSOCKADDR)&Remote, 0, NULL, Irp);
    return LifeFinish(NULL);
}

/* Sends itself a datagram; where it came from. */
static ULONG Source(PWSK_SOCKET Socket, const char *To, WSK_BUF *Buffer)
{
    static SOCKADDR_IN From;
    Datagram(Socket)->WskReceiveFrom(Socket, Buffer, 0, (PSOCKADDR)&From, NULL, NULL, NULL,
                                     Fresh(&Own));
    (void)SendTo(Socket, To, Buffer);
    return NT_SUCCESS(FinishIn(&Own, 60000)) ? From.sin_addr.s_addr : 0;
}

DUTY(datagrams_from_bind_on, "BIND-005", Calm)
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    WSK_BUF Buffer = BufferNew(8);
    if (Socket == NULL || Buffer.Mdl == NULL || !RequestNew(&Own) ||
        !NT_SUCCESS(SocketBind(Socket, LIFE_PORT))) {
        return;
    }
    Check(Source(Socket, "127.0.0.1", &Buffer) == Address4("127.0.0.1", 0).sin_addr.s_addr);
    Check(Source(Socket, "10.0.0.1", &Buffer) == Address4("10.0.0.1", 0).sin_addr.s_addr);
}

DUTY(wildcard_gets_its_address_at_connect, "BIND-007 CONN-009 ADDR-006", Calm,
     .knobs = "listen.backlog=128")
{
    SOCKADDR_STORAGE Before, After;
    PWSK_SOCKET Listening = ListenerOn(LIFE_PORT, NULL);
    PWSK_SOCKET Socket = Listening != NULL ? BoundConnection() : NULL;
    if (Socket == NULL) {
        return;
    }
    Check(LocalOf(Socket, Connection(Socket)->WskGetLocalAddress, &Before) == STATUS_SUCCESS);
    Check(((SOCKADDR_IN *)&Before)->sin_port != 0);
    if (NT_SUCCESS(ConnectTo(Socket, "127.0.0.1", LIFE_PORT))) {
        Check(LocalOf(Socket, Connection(Socket)->WskGetLocalAddress, &After) == STATUS_SUCCESS);
        Check(((SOCKADDR_IN *)&After)->sin_port == ((SOCKADDR_IN *)&Before)->sin_port);
        Check(((SOCKADDR_IN *)&After)->sin_addr.s_addr ==
              Address4("127.0.0.1", 0).sin_addr.s_addr);
    }
}

/* ---- BIND-009: traffic before the completion routine ---- */

static volatile LONG AcceptedEarly, BindIsDone;

static NTSTATUS WSKAPI OnAccept(PVOID Context, ULONG Flags, PSOCKADDR To, PSOCKADDR From,
                                PWSK_SOCKET Socket, PVOID *OutContext,
                                const WSK_CLIENT_CONNECTION_DISPATCH **OutDispatch)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(To);
    UNREFERENCED_PARAMETER(From);
    UNREFERENCED_PARAMETER(Socket);
    UNREFERENCED_PARAMETER(OutContext);
    UNREFERENCED_PARAMETER(OutDispatch);
    AcceptedEarly |= BindIsDone == 0;
    return STATUS_REQUEST_NOT_ACCEPTED;
}

static const WSK_CLIENT_LISTEN_DISPATCH Listens = {OnAccept, NULL, NULL};

static NTSTATUS BindCompleted(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    BindIsDone = 1;
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void Visitors(void)
{
    for (int i = 0; i < 3 && !wsksim_is_over(); i++) {
        struct wsksim_peer *Peer = wsksim_connect(NULL, LIFE_PORT, 200);
        if (Peer != NULL) {
            wsksim_close(Peer);
        }
    }
}

static BOOLEAN StaticAccept(void)
{
    static WSK_EVENT_CALLBACK_CONTROL Control;
    Control.NpiId = &NPI_WSK_INTERFACE_ID;
    Control.EventMask = WSK_EVENT_ACCEPT;
    return CaseWsk() &&
           NT_SUCCESS(CaseNpi.Dispatch->WskControlClient(
               CaseNpi.Client, WSK_SET_STATIC_EVENT_CALLBACKS, sizeof Control, &Control, 0, NULL,
               NULL, NULL));
}

static void BindWithVisitors(void)
{
    KEVENT Done;
    PWSK_SOCKET Socket =
        StaticAccept() ? SocketNew(WSK_FLAG_LISTEN_SOCKET, NULL, &Listens) : NULL;
    PIRP Irp = Socket != NULL ? IoAllocateIrp(1, FALSE) : NULL;
    if (Irp == NULL) {
        return;
    }
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    IoSetCompletionRoutine(Irp, BindCompleted, &Done, TRUE, TRUE, TRUE);
    Local = Address4("0.0.0.0", LIFE_PORT);
    Listener(Socket)->WskBind(Socket, (PSOCKADDR)&Local, 0, Irp);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    IoFreeIrp(Irp);
}

FREEDOM(accept_event_before_the_bind_completes,
        "BIND-009 bind.events_before_completion AMBIGUOUS-LIFE-14 amb.29", .world = Visitors,
        .knobs = "bind.events_before_completion=yes")
{
    BindWithVisitors();
    if (AcceptedEarly != 0) {
        Witness();
    }
}

DUTY(events_wait_for_the_bind, "BIND-009 bind.events_before_completion", .world = Visitors,
     .knobs = "bind.events_before_completion=after-routine")
{
    BindWithVisitors();
    Check(AcceptedEarly == 0);
}

/* ---- failures and conflicts ---- */

DUTY(failed_bind_changes_nothing, "BIND-010 PROP-LIFE-44", Calm)
{
    SOCKADDR_STORAGE Where;
    PWSK_SOCKET First = ListenerOn(LIFE_PORT, NULL);
    PWSK_SOCKET Socket = First != NULL ? Connector() : NULL;
    if (Socket == NULL) {
        return;
    }
    Check(!NT_SUCCESS(SocketBind(Socket, LIFE_PORT)));
    Check(NT_SUCCESS(BindTo(Socket, "127.0.0.1", LIFE_PORT + 1)));
    Check(LocalOf(Socket, Connection(Socket)->WskGetLocalAddress, &Where) == STATUS_SUCCESS);
    Check(((SOCKADDR_IN *)&Where)->sin_port == RtlUshortByteSwap(LIFE_PORT + 1));
}

/* Table 1.4.1: S success, I in use, D denied, C the descriptors decide. */
static const char *const Table[6] = {
    /* first:  default W, S, reuse W, S, exclusive W, S */
    "ISISIS", "CICDDI", "DSSSDS", "CDSSDD", "IIIIII", "CICIDI",
};
enum { SHARE_NOT, SHARE_REUSE, SHARE_NEVER };

/* Row or column n of the table: a socket, bound or not. */
static NTSTATUS BindLike(ULONG n, PWSK_SOCKET *Socket)
{
    static const ULONG Options[] = {0, SO_REUSEADDR, (ULONG)SO_EXCLUSIVEADDRUSE};
    *Socket = Connector();
    if (*Socket == NULL ||
        (n / 2 != SHARE_NOT && !NT_SUCCESS(SetOption(*Socket, Options[n / 2], 1)))) {
        return STATUS_PENDING;
    }
    return BindTo(*Socket, n % 2 == 0 ? "0.0.0.0" : "10.0.0.1", LIFE_PORT);
}

static void CheckCell(char Wanted, NTSTATUS Status)
{
    BOOLEAN IsInUse = Status == STATUS_ADDRESS_ALREADY_EXISTS ||
                      Status == STATUS_ADDRESS_ALREADY_ASSOCIATED;
    Check(Wanted != 'S' || Status == STATUS_SUCCESS);
    Check(Wanted != 'I' || IsInUse);
    Check(Wanted != 'D' || Status == STATUS_ACCESS_DENIED);
    Check(Wanted != 'C' || Status == STATUS_SUCCESS || Status == STATUS_ACCESS_DENIED);
}

DUTY(shared_addresses, "BIND-012", Calm)
{
    for (ULONG Row = 0; Row < 6; Row++) {
        for (ULONG Column = 0; Column < 6; Column++) {
            PWSK_SOCKET First = NULL, Other = NULL;
            if (BindLike(Column, &First) == STATUS_SUCCESS) {
                NTSTATUS Status = BindLike(Row, &Other);
                if (Status != STATUS_PENDING) {
                    CheckCell(Table[Row][Column], Status);
                }
            }
            if (Other != NULL) {
                (void)SocketClose(Other);
            }
            if (First != NULL) {
                (void)SocketClose(First);
            }
        }
    }
}

FREEDOM(inuse_already_exists, "BIND-012 bind.inuse_status AMBIGUOUS-LIFE-11", Calm,
        .knobs = "bind.inuse_status=already-exists")
{
    PWSK_SOCKET First = ListenerOn(LIFE_PORT, NULL), Other = First != NULL ? Connector() : NULL;
    if (Other != NULL && SocketBind(Other, LIFE_PORT) == STATUS_ADDRESS_ALREADY_EXISTS) {
        Witness();
    }
}

FREEDOM(inuse_already_associated, "BIND-012 bind.inuse_status", Calm,
        .knobs = "bind.inuse_status=already-associated")
{
    PWSK_SOCKET First = ListenerOn(LIFE_PORT, NULL), Other = First != NULL ? Connector() : NULL;
    if (Other != NULL && SocketBind(Other, LIFE_PORT) == STATUS_ADDRESS_ALREADY_ASSOCIATED) {
        Witness();
    }
}

DUTY(specific_addresses_do_not_conflict, "BIND-013", Calm)
{
    PWSK_SOCKET First = Connector(), Other = First != NULL ? Connector() : NULL;
    if (Other != NULL && NT_SUCCESS(SetOption(First, (ULONG)SO_EXCLUSIVEADDRUSE, 1)) &&
        NT_SUCCESS(SetOption(Other, (ULONG)SO_EXCLUSIVEADDRUSE, 1)) &&
        NT_SUCCESS(BindTo(First, "10.0.0.1", LIFE_PORT))) {
        Check(BindTo(Other, "127.0.0.1", LIFE_PORT) == STATUS_SUCCESS);
    }
}
