/* SPDX-License-Identifier: MIT */
/* Cases of the life cycle, 1.15: stream sockets in both roles. */
#include "ends.h"

static struct request Own, Other;
static SOCKADDR_IN Remote;
static volatile LONG Calls, Received;
static PWSK_SOCKET Taken;

static NTSTATUS WSKAPI OnReceive(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION Data,
                                 SIZE_T Bytes, SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Bytes);
    UNREFERENCED_PARAMETER(Accepted);
    if (Data != NULL) {
        InterlockedIncrement(&Received);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS WSKAPI OnAccept(PVOID Context, ULONG Flags, PSOCKADDR Local, PSOCKADDR From,
                                PWSK_SOCKET Socket, PVOID *OutContext,
                                const WSK_CLIENT_CONNECTION_DISPATCH **OutDispatch)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Local);
    UNREFERENCED_PARAMETER(From);
    UNREFERENCED_PARAMETER(OutContext);
    UNREFERENCED_PARAMETER(OutDispatch);
    if (Socket != NULL) {
        InterlockedIncrement(&Calls);
    }
    return STATUS_REQUEST_NOT_ACCEPTED;
}

static const WSK_CLIENT_LISTEN_DISPATCH Listens = {OnAccept, NULL, NULL};
static const WSK_CLIENT_CONNECTION_DISPATCH Connects = {OnReceive, NULL, NULL};
static const WSK_CLIENT_STREAM_DISPATCH Both = {&Listens, &Connects};

/* A stream socket, bound or not. */
static PWSK_SOCKET New(BOOLEAN IsBound, USHORT Port)
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_STREAM_SOCKET, NULL, &Both) : NULL;
    if (Socket == NULL || (Own.Irp == NULL && !RequestNew(&Own)) ||
        (Other.Irp == NULL && !RequestNew(&Other)) ||
        (IsBound && !NT_SUCCESS(SocketBind(Socket, Port)))) {
        return NULL;
    }
    return Socket;
}

/* Needs a connection to complete, if stream.listen_semantics says so: then the socket is closed. */
static NTSTATUS Listen(PWSK_SOCKET Socket)
{
    Stream(Socket)->WskListen(Socket, Fresh(&Own));
    return Finish(&Own);
}

static NTSTATUS Connect(PWSK_SOCKET Socket, const char *To)
{
    Remote = Address4(To, LIFE_PORT);
    Stream(Socket)->WskConnect(Socket, (PSOCKADDR)&Remote, 0, Fresh(&Own));
    return Finish(&Own);
}

static void Visitor(void)
{
    char Byte;
    struct wsksim_peer *Peer = wsksim_connect(NULL, LIFE_PORT, 2000);
    if (Peer != NULL) {
        wsksim_send(Peer, "hello", 5);
        (void)wsksim_receive(Peer, &Byte, 1, 3000);
        wsksim_close(Peer);
    }
}

#define AtOnce .knobs = "stream.listen_semantics=set-up listen.backlog=128"

/* Listens without waiting for it, and closes the socket in the end. */
static void EndListen(PWSK_SOCKET Socket)
{
    (void)SocketClose(Socket);
    if (Own.InFlight) {
        (void)Finish(&Own);
    }
}

/* Waits for the listen as long as it can take here: the visitor comes or the call fails. */
static BOOLEAN ListenSoon(PWSK_SOCKET Socket)
{
    Stream(Socket)->WskListen(Socket, Fresh(&Own));
    return FinishedIn(&Own, 20000) && NT_SUCCESS(Finish(&Own));
}

MISTAKE(stream_listens_twice, "STRM-001 PROP-LIFE-37", .world = Visitor)
{
    PWSK_SOCKET Socket = New(TRUE, LIFE_PORT);
    if (Socket == NULL) {
        return;
    }
    if (ListenSoon(Socket) && Mistaken) {
        Stream(Socket)->WskListen(Socket, Fresh(&Own));
    }
    EndListen(Socket);
}

static const WSK_CLIENT_LISTEN_DISPATCH *const Wrong = &Listens;

MISTAKE(stream_with_a_listen_table, "STRM-002")
{
    if (CaseWsk()) {
        (void)SocketNew(WSK_FLAG_STREAM_SOCKET, NULL,
                        Mistaken ? (const void *)Wrong : (const void *)&Both);
    }
}

MISTAKE(stream_listen_unbound, "STRM-003 BIND-008", .world = Visitor)
{
    PWSK_SOCKET Socket = New(!Mistaken, LIFE_PORT);
    if (Socket != NULL) {
        (void)ListenSoon(Socket);
        EndListen(Socket);
    }
}

MISTAKE(stream_connects_after_listen, "STRM-004 BUG-LIFE-54 PROP-LIFE-37", .world = Visitor)
{
    PWSK_SOCKET Socket = New(TRUE, LIFE_PORT);
    if (Socket == NULL) {
        return;
    }
    if (ListenSoon(Socket) && Mistaken) {
        (void)Connect(Socket, "10.0.0.2");
    }
    EndListen(Socket);
}

MISTAKE(stream_listens_after_connect, "STRM-005 BUG-LIFE-54 PROP-LIFE-37",
        .keep = WSKSIM_KEEP_SERVERS)
{
    PWSK_SOCKET Socket = New(TRUE, 0);
    if (Socket != NULL && NT_SUCCESS(Connect(Socket, "10.0.0.2")) && Mistaken) {
        Stream(Socket)->WskListen(Socket, Fresh(&Own));
        EndListen(Socket);
    }
}

MISTAKE(stream_accepts_after_connect, "STRM-008 STRM-005 BUG-LIFE-54", .keep = WSKSIM_KEEP_SERVERS)
{
    PWSK_SOCKET Socket = New(TRUE, 0);
    if (Socket != NULL && NT_SUCCESS(Connect(Socket, "10.0.0.2")) && Mistaken) {
        Stream(Socket)->WskAccept(Socket, 0, NULL, NULL, NULL, NULL, Fresh(&Own));
        EndListen(Socket);
    }
}

DUTY(failed_listen_does_not_commit, "STRM-006 STRM-001", .world = Visitor, .is_silent = 1)
{
    PWSK_SOCKET Socket = New(TRUE, LIFE_PORT);
    if (Socket == NULL) {
        return;
    }
    Stream(Socket)->WskListen(Socket, Fresh(&Own));
    if (FinishedIn(&Own, 100) && Finish(&Own) == STATUS_INSUFFICIENT_RESOURCES) {
        (void)Connect(Socket, "10.0.0.2"); /* allowed: STRM-004 is not reported */
    }
    EndListen(Socket);
}

DUTY(stream_listen_outcome, "STRM-007", AtOnce)
{
    PWSK_SOCKET Socket = New(TRUE, LIFE_PORT);
    if (Socket != NULL) {
        NTSTATUS Status = Stream(Socket)->WskListen(Socket, Fresh(&Own));
        NTSTATUS Final = Finish(&Own);
        Check(Own.Completions == 1 && Final != STATUS_PENDING && Own.Information == 0);
        Check(Status == STATUS_PENDING || Status == Final);
    }
}

MISTAKE(stream_accepts_unbound, "STRM-008 ACPT-001")
{
    PWSK_SOCKET Socket = New(FALSE, 0);
    if (Socket != NULL && Mistaken) {
        Stream(Socket)->WskAccept(Socket, 0, NULL, NULL, NULL, NULL, Fresh(&Own));
        EndListen(Socket);
    }
}

DUTY(stream_listener_accepts_connections, "STRM-009 ACPT-018", Calm, AtOnce)
{
    SOCKADDR_STORAGE Where;
    PWSK_SOCKET Socket = New(TRUE, LIFE_PORT);
    if (Socket == NULL || !NT_SUCCESS(Listen(Socket))) {
        return;
    }
    Stream(Socket)->WskAccept(Socket, 0, NULL, NULL, NULL, NULL, Fresh(&Other));
    PWSK_SOCKET Client = SocketConnected("127.0.0.1", LIFE_PORT, NULL, NULL);
    if (Client != NULL && FinishedIn(&Other, 60000) && NT_SUCCESS(Finish(&Other))) {
        Taken = (PWSK_SOCKET)Other.Information;
        SocketAdopt(Taken);
        Check(Connection(Taken) == Connection(Client));
        Check(NT_SUCCESS(LocalOf(Taken, Connection(Taken)->WskGetRemoteAddress, &Where)));
    }
    EndListen(Socket);
    if (Other.InFlight) {
        (void)Finish(&Other);
    }
}

DUTY(stream_callbacks_by_role, "STRM-011 stream.callbacks AMBIGUOUS-LIFE-32", Calm,
     .knobs = "stream.listen_semantics=set-up listen.backlog=128 stream.callbacks=by-role")
{
    PWSK_SOCKET Socket = New(TRUE, LIFE_PORT);
    PWSK_SOCKET Client = Socket != NULL && NT_SUCCESS(Listen(Socket)) ? New(TRUE, 0) : NULL;
    if (Client == NULL) {
        return;
    }
    Check(SocketEvents(Socket, WSK_EVENT_ACCEPT) == STATUS_SUCCESS);
    if (NT_SUCCESS(Connect(Client, "127.0.0.1"))) {
        Check(Soon(&Calls, 60000));
    }
}

DUTY(connected_stream_works, "STRM-011", Calm, AtOnce)
{
    PWSK_SOCKET Socket = New(TRUE, LIFE_PORT);
    PWSK_SOCKET Client = Socket != NULL && NT_SUCCESS(Listen(Socket)) ? New(TRUE, 0) : NULL;
    WSK_BUF Buffer = BufferNew(4);
    if (Client != NULL && Buffer.Mdl != NULL && NT_SUCCESS(Connect(Client, "127.0.0.1"))) {
        Stream(Client)->WskSend(Client, &Buffer, 0, Fresh(&Own));
        Check(NT_SUCCESS(Finish(&Own)) && Own.Information == 4);
    }
}

FREEDOM(stream_callbacks_not_supported, "STRM-011 stream.callbacks", Calm,
        .knobs = "stream.listen_semantics=set-up stream.callbacks=not-supported")
{
    PWSK_SOCKET Socket = New(TRUE, LIFE_PORT);
    if (Socket != NULL && NT_SUCCESS(Listen(Socket)) &&
        !NT_SUCCESS(SocketEvents(Socket, WSK_EVENT_ACCEPT))) {
        Witness();
    }
}

FREEDOM(stream_callbacks_of_both_roles, "STRM-011 stream.callbacks", Calm,
        .knobs = "stream.listen_semantics=set-up stream.callbacks=union-of-roles")
{
    PWSK_SOCKET Socket = New(TRUE, LIFE_PORT);
    if (Socket != NULL && NT_SUCCESS(Listen(Socket)) &&
        SocketEvents(Socket, WSK_EVENT_RECEIVE) == STATUS_SUCCESS) {
        Witness();
    }
}

/* ---- AMBIGUOUS-LIFE-21 ---- */

FREEDOM(listen_waits_for_a_connection, "STRM-007 stream.listen_semantics AMBIGUOUS-LIFE-21", Calm,
        .knobs = "stream.listen_semantics=first-connection listen.backlog=128")
{
    PWSK_SOCKET Socket = New(TRUE, LIFE_PORT);
    if (Socket == NULL) {
        return;
    }
    Stream(Socket)->WskListen(Socket, Fresh(&Own));
    BOOLEAN Waits = !FinishedIn(&Own, 30000);
    (void)SocketConnected("127.0.0.1", LIFE_PORT, NULL, NULL);
    if (FinishedIn(&Own, 60000) && NT_SUCCESS(Finish(&Own)) && Waits) {
        Witness();
    }
    EndListen(Socket);
}

/* Nobody connects, and who waits for WskListen is right. */
DUTY(listen_completes_at_last, "STRM-007",
     .knobs = "stream.listen_semantics=first-connection")
{
    PWSK_SOCKET Socket = New(TRUE, LIFE_PORT);
    if (Socket != NULL) {
        Check(Listen(Socket) != STATUS_PENDING);
        EndListen(Socket);
    }
}

static NTSTATUS AcceptsBeforeListen(void)
{
    PWSK_SOCKET Socket = New(TRUE, LIFE_PORT);
    if (Socket == NULL) {
        return STATUS_PENDING;
    }
    NTSTATUS Status =
        Stream(Socket)->WskAccept(Socket, 0, NULL, NULL, NULL, NULL, Fresh(&Other));
    (void)SocketClose(Socket);
    (void)Finish(&Other);
    return Status;
}

FREEDOM(accept_before_listen_refused, "STRM-008 stream.listen_semantics", Calm,
        .knobs = "stream.listen_semantics=set-up state.wrong_state_status=invalid-device-state")
{
    if (AcceptsBeforeListen() == STATUS_INVALID_DEVICE_STATE) {
        Witness();
    }
}

FREEDOM(accept_before_listen_queued, "STRM-008 stream.listen_semantics", Calm,
        .knobs = "stream.listen_semantics=accept-after-bind")
{
    if (AcceptsBeforeListen() == STATUS_PENDING && Other.Status == STATUS_CANCELLED) {
        Witness();
    }
}
