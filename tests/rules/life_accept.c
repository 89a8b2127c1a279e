/* SPDX-License-Identifier: MIT */
/*
 * Cases of the life cycle, 1.6: accepting, by IRP and by callback. The callback takes what comes,
 * or does what a case put into Act.
 */
#include "ends.h"

enum { TAKEN_MAX = 8, TAG = 'tpcA' };

static struct request Own, Other;
static PWSK_SOCKET Taken[TAKEN_MAX], Listening;
static volatile LONG Calls, TakenCount, Nulls, Received, InCallback;
static volatile LONG NullHasOutputs, NullHasAddress;
static NTSTATUS NullAnswer = STATUS_REQUEST_NOT_ACCEPTED;
static void (*Act)(PWSK_SOCKET Socket, PSOCKADDR Local); /* inside the callback */
static NTSTATUS Answer = STATUS_SUCCESS;
static BOOLEAN StoresNothing;

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

static const WSK_CLIENT_CONNECTION_DISPATCH Receives = {OnReceive, NULL, NULL};

static NTSTATUS WSKAPI OnAccept(PVOID Context, ULONG Flags, PSOCKADDR Local, PSOCKADDR Remote,
                                PWSK_SOCKET Socket, PVOID *OutContext,
                                const WSK_CLIENT_CONNECTION_DISPATCH **OutDispatch)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Remote);
    InterlockedIncrement(&Calls);
    if (Socket == NULL) {
        NullHasOutputs = OutContext != NULL;
        NullHasAddress = Local != NULL;
        InterlockedIncrement(&Nulls);
        return NullAnswer;
    }
    InterlockedIncrement(&InCallback);
    if (!StoresNothing) {
        *OutContext = NULL;
        *OutDispatch = &Receives;
    }
    if (Act != NULL) {
        Act(Socket, Local);
    }
    LONG i = NT_SUCCESS(Answer) ? InterlockedIncrement(&TakenCount) - 1 : 0;
    if (NT_SUCCESS(Answer) && i < TAKEN_MAX) {
        Taken[i] = Socket;
    }
    InterlockedDecrement(&InCallback);
    return i < TAKEN_MAX ? Answer : STATUS_REQUEST_NOT_ACCEPTED;
}

static const WSK_CLIENT_LISTEN_DISPATCH Accepts = {OnAccept, NULL, NULL};

/* A listener with these events. */
static BOOLEAN Opens(ULONG Events)
{
    Listening = ListenerOn(LIFE_PORT, &Accepts);
    return Listening != NULL && RequestNew(&Own) &&
           (Events == 0 || SocketEvents(Listening, Events) == STATUS_SUCCESS);
}

/* Ours from now on, once no callback runs any more: what the callbacks took. */
static void CloseTaken(void)
{
    if (Listening != NULL && !AcceptClosed) {
        (void)SocketClose(Listening);
        Listening = NULL;
    }
    for (LONG i = 0; i < TAKEN_MAX; i++) {
        if (Taken[i] != NULL) {
            (void)SocketClose(Taken[i]);
            Taken[i] = NULL;
        }
    }
}

/* WskAccept into Own; Finish or EndAccept is owed. */
static void QueueAccept(struct request *Request, const WSK_CLIENT_CONNECTION_DISPATCH *Dispatch)
{
    Listener(Listening)->WskAccept(Listening, 0, NULL, Dispatch, NULL, NULL, Fresh(Request));
}

/* The listener is closed: the request has ended one way or the other. */
static void EndAccept(struct request *Request)
{
    if (Request->InFlight && NT_SUCCESS(Finish(Request))) {
        SocketAdopt((PWSK_SOCKET)Request->Information);
    }
}

static void Visitor(void)
{
    struct wsksim_peer *Peer = wsksim_connect(NULL, LIFE_PORT, 2000);
    char Byte;
    if (Peer != NULL) {
        wsksim_send(Peer, "hello", 5);
        (void)wsksim_receive(Peer, &Byte, 1, 3000);
        wsksim_close(Peer);
    }
}

static void Visitors(void)
{
    for (int i = 0; i < 4 && !wsksim_is_over(); i++) {
        struct wsksim_peer *Peer = wsksim_connect(NULL, LIFE_PORT, 300);
        if (Peer != NULL) {
            wsksim_close(Peer);
        }
    }
}

/* ---- ACPT-001 to -004: the call ---- */

MISTAKE(accept_with_flags, "ACPT-001")
{
    if (Opens(0)) {
        Listener(Listening)->WskAccept(Listening, Mistaken ? 4 : 0, NULL, NULL, NULL, NULL,
                                       Fresh(&Own));
        (void)SocketClose(Listening);
        EndAccept(&Own);
    }
}

MISTAKE(accept_before_bind, "ACPT-001")
{
    Listening = CaseWsk() ? SocketNew(WSK_FLAG_LISTEN_SOCKET, NULL, NULL) : NULL;
    if (Listening != NULL && RequestNew(&Own) &&
        (Mistaken || NT_SUCCESS(SocketBind(Listening, LIFE_PORT)))) {
        QueueAccept(&Own, NULL);
        (void)SocketClose(Listening);
        EndAccept(&Own);
    }
}

DUTY(accept_takes_what_waits, "ACPT-002", Calm, .knobs = "listen.backlog=128")
{
    if (!Opens(0)) {
        return;
    }
    PWSK_SOCKET Client = SocketConnected("127.0.0.1", LIFE_PORT, NULL, NULL);
    CaseSleep(20000);
    if (Client != NULL) {
        QueueAccept(&Own, NULL);
        Check(FinishedIn(&Own, 60000));
    }
    (void)SocketClose(Listening);
    EndAccept(&Own);
}

FREEDOM(waiting_connection_pends, "ACPT-002", Calm, .knobs = "listen.backlog=128")
{
    if (!Opens(0)) {
        return;
    }
    PWSK_SOCKET Client = SocketConnected("127.0.0.1", LIFE_PORT, NULL, NULL);
    CaseSleep(1000);
    if (Client != NULL &&
        Listener(Listening)->WskAccept(Listening, 0, NULL, NULL, NULL, NULL, Fresh(&Own)) ==
            STATUS_PENDING &&
        FinishedIn(&Own, 60000)) {
        Witness();
    }
    (void)SocketClose(Listening);
    EndAccept(&Own);
}

MISTAKE(accept_addresses_freed, "ACPT-003 BUG-LIFE-31 PROP-LIFE-31", .world = Visitor)
{
    PSOCKADDR Where = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(SOCKADDR_IN), TAG);
    if (Where != NULL && Opens(0)) {
        NTSTATUS Status = Listener(Listening)->WskAccept(Listening, 0, NULL, NULL, NULL, Where,
                                                         Fresh(&Own));
        if (Mistaken && Status == STATUS_PENDING) {
            ExFreePoolWithTag(Where, TAG);
            Where = NULL;
        }
        (void)FinishedIn(&Own, 5000);
        (void)SocketClose(Listening);
        EndAccept(&Own);
    }
    if (Where != NULL) {
        ExFreePoolWithTag(Where, TAG);
    }
}

MISTAKE(accept_context_in_paged_pool, "ACPT-004 SOCK-009")
{
    PVOID Context = ExAllocatePoolWithTag(Mistaken ? PagedPool : NonPagedPoolNx, 32, TAG);
    if (Context != NULL && Opens(0)) {
        Listener(Listening)->WskAccept(Listening, 0, Context, &Receives, NULL, NULL, Fresh(&Own));
        (void)SocketClose(Listening);
        EndAccept(&Own);
        if (NT_SUCCESS(Own.Status) && Own.Information != 0) {
            (void)SocketClose((PWSK_SOCKET)Own.Information);
        }
    }
    if (Context != NULL) {
        ExFreePoolWithTag(Context, TAG);
    }
}

/* ---- ACPT-005, -006: IRP and callback ---- */

DUTY(every_connection_is_delivered_once, "ACPT-005 PROP-LIFE-20", Calm)
{
    if (!Opens(WSK_EVENT_ACCEPT)) {
        return;
    }
    QueueAccept(&Own, NULL);
    PWSK_SOCKET Client = SocketConnected("127.0.0.1", LIFE_PORT, NULL, NULL);
    CaseSleep(20000);
    Check(Client == NULL || TakenCount + (IsDone(&Own) ? 1 : 0) == 1);
    CloseTaken();
    EndAccept(&Own);
}

FREEDOM(accept_event_despite_a_queued_irp, "ACPT-006", .world = Visitors)
{
    if (Opens(WSK_EVENT_ACCEPT)) {
        QueueAccept(&Own, NULL);
        (void)Soon(&TakenCount, 3000);
        if (TakenCount != 0 && !IsDone(&Own)) {
            Witness();
        }
    }
    CloseTaken();
    EndAccept(&Own);
}

/* Believes that the callback cannot run while an IRP is queued. */
static void TrustsTheQueue(PWSK_SOCKET Socket, PSOCKADDR Local)
{
    UNREFERENCED_PARAMETER(Socket);
    UNREFERENCED_PARAMETER(Local);
    NT_ASSERT(!Mistaken || !Own.InFlight || IsDone(&Own));
}

MISTAKE(accept_event_thought_impossible, "SYS-ASSERT ACPT-006 BUG-LIFE-55", .world = Visitors)
{
    Act = TrustsTheQueue;
    if (Opens(WSK_EVENT_ACCEPT)) {
        QueueAccept(&Own, NULL);
        (void)FinishedIn(&Own, 5000);
    }
    CloseTaken();
    EndAccept(&Own);
}

/* ---- ACPT-007 to -010: enabled events ---- */

DUTY(accepted_by_irp_is_silent, "ACPT-007 PROP-LIFE-22", .world = Visitor)
{
    if (Opens(0)) {
        (void)AcceptOne(Listening, NULL, &Receives, 3000);
        CaseSleep(1000);
        Check(Received == 0);
    }
}

MISTAKE(accept_irp_thought_to_inherit, "SYS-DEADLOCK ACPT-007 BUG-LIFE-38", .world = Visitor)
{
    if (!Opens(WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE) ||
        SocketEvents(Listening, WSK_EVENT_ACCEPT | WSK_EVENT_DISABLE) != STATUS_SUCCESS) {
        CloseTaken();
        return;
    }
    static KEVENT Never;
    KeInitializeEvent(&Never, NotificationEvent, FALSE);
    PWSK_SOCKET Accepted = AcceptOne(Listening, NULL, &Receives, 3000);
    if (Accepted != NULL && Mistaken && Received == 0) {
        KeWaitForSingleObject(&Never, Executive, KernelMode, FALSE, NULL);
    }
    CloseTaken();
}

DUTY(template_is_inherited_by_event, "ACPT-008 ACPT-009 ACPT-010 PROP-LIFE-22", Calm)
{
    if (!Opens(WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE)) {
        return;
    }
    NTSTATUS Status = SocketEvents(Listening, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE);
    Check(!NT_SUCCESS(Status));
    Status = SocketEvents(Listening, WSK_EVENT_ACCEPT | WSK_EVENT_DISABLE);
    Check(Status == STATUS_SUCCESS);
    Check(SocketEvents(Listening, WSK_EVENT_ACCEPT) == STATUS_SUCCESS || TRUE);
    PWSK_SOCKET Client = SocketConnected("127.0.0.1", LIFE_PORT, NULL, NULL);
    if (Client != NULL && Soon(&TakenCount, 60000) && NT_SUCCESS(SendBytes(Client, 1, 5))) {
        Check(Soon(&Received, 60000));
    }
    CloseTaken();
}

DUTY(accept_event_only_if_enabled, "ACPT-010", .world = Visitors)
{
    if (Opens(0)) {
        CaseSleep(2000);
        Check(Calls == 0);
    }
}

/* Stays inside the callback for a while; were there bytes? */
static volatile LONG ReceivedInside;
static void Lingers(PWSK_SOCKET Socket, PSOCKADDR Local)
{
    UNREFERENCED_PARAMETER(Socket);
    UNREFERENCED_PARAMETER(Local);
    for (int i = 0; i < 200 && Received == 0; i++) {
        KeStallExecutionProcessor(50);
    }
    ReceivedInside |= Received != 0;
}

static void AcceptsSlowly(void)
{
    Act = Lingers;
    if (Opens(WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE)) {
        (void)Soon(&TakenCount, 3000);
    }
    CloseTaken();
}

FREEDOM(inherited_event_before_the_return, "ACPT-008 accept.early_callbacks AMBIGUOUS-LIFE-55",
        .world = Visitor,
        .knobs = "accept.early_callbacks=once-stored accept.use_before_return=allowed")
{
    AcceptsSlowly();
    if (ReceivedInside != 0) {
        Witness();
    }
}

DUTY(inherited_event_after_the_return, "ACPT-008 accept.early_callbacks", .world = Visitor,
     .knobs = "accept.early_callbacks=no")
{
    AcceptsSlowly();
    Check(ReceivedInside == 0);
}

/* ---- ACPT-011 to -015: the answer ---- */

MISTAKE(accept_answers_pending, "ACPT-011 BUG-LIFE-23", .world = Visitor)
{
    Answer = Mistaken ? STATUS_PENDING : STATUS_SUCCESS;
    if (Opens(WSK_EVENT_ACCEPT)) {
        (void)Soon(&TakenCount, 3000);
    }
    CloseTaken();
}

MISTAKE(accept_stores_nothing, "ACPT-012 BUG-LIFE-32", .world = Visitor)
{
    StoresNothing = Mistaken;
    if (Opens(WSK_EVENT_ACCEPT)) {
        (void)Soon(&TakenCount, 3000);
    }
    CloseTaken();
}

/* What came after the shutdown began is forgotten. */
MISTAKE(accepted_late_and_forgotten, "SOCK-020 ACPT-013 BUG-LIFE-34", .world = Visitor)
{
    if (Opens(WSK_EVENT_ACCEPT) && Soon(&TakenCount, 3000) && Mistaken) {
        Taken[0] = NULL;
    }
    CloseTaken();
}

DUTY(accepted_is_the_clients, "ACPT-013 PROP-LIFE-20", Calm)
{
    SOCKADDR_STORAGE Where;
    if (!Opens(WSK_EVENT_ACCEPT)) {
        return;
    }
    PWSK_SOCKET Client = SocketConnected("127.0.0.1", LIFE_PORT, NULL, NULL);
    if (Client != NULL && Soon(&TakenCount, 60000)) {
        CaseSleep(10000);
        Check(NT_SUCCESS(LocalOf(Taken[0], Connection(Taken[0])->WskGetRemoteAddress, &Where)));
    }
    CloseTaken();
}

/* Inside the callback, before it accepts. */
static void ClosesListener(PWSK_SOCKET Socket, PSOCKADDR Local)
{
    UNREFERENCED_PARAMETER(Socket);
    UNREFERENCED_PARAMETER(Local);
    PWSK_SOCKET Mine = InterlockedExchangePointer((PVOID *)&Listening, NULL);
    if (Mine != NULL) {
        SocketForget(Mine);
        Listener(Mine)->Basic.WskCloseSocket(Mine, Fresh(&Other));
    }
}

DUTY(accepted_while_the_listener_closes, "CLOSE-040 ACPT-013 PROP-LIFE-47", Calm)
{
    SOCKADDR_STORAGE Where;
    Act = ClosesListener;
    if (!Opens(WSK_EVENT_ACCEPT) || !RequestNew(&Other)) {
        return;
    }
    PWSK_SOCKET Client = SocketConnected("127.0.0.1", LIFE_PORT, NULL, NULL);
    if (Client != NULL && Soon(&TakenCount, 60000) && Listening == NULL) {
        Check(NT_SUCCESS(Finish(&Other)));
        Check(NT_SUCCESS(LocalOf(Taken[0], Connection(Taken[0])->WskGetRemoteAddress, &Where)));
    }
    CloseTaken();
}

static PWSK_SOCKET Refused;
static PFN_WSK_GET_REMOTE_ADDRESS RemoteAddress;
static void Remembers(PWSK_SOCKET Socket, PSOCKADDR Local)
{
    UNREFERENCED_PARAMETER(Local);
    RemoteAddress = Connection(Socket)->WskGetRemoteAddress;
    Refused = Socket;
}

MISTAKE(refused_but_kept, "ACPT-014 BUG-LIFE-33 PROP-LIFE-21", .world = Visitor)
{
    SOCKADDR_STORAGE Where;
    Act = Remembers;
    Answer = STATUS_REQUEST_NOT_ACCEPTED;
    if (Opens(WSK_EVENT_ACCEPT)) {
        (void)Soon(&Calls, 3000);
        (void)SocketClose(Listening);
        if (Mistaken && Refused != NULL) {
            (void)LocalOf(Refused, RemoteAddress, &Where);
        }
    }
}

static WSK_BUF Posted;
static void Posts(PWSK_SOCKET Socket, PSOCKADDR Local)
{
    UNREFERENCED_PARAMETER(Local);
    if (Mistaken && !Other.InFlight) {
        Connection(Socket)->WskReceive(Socket, &Posted, 0, Fresh(&Other));
    }
}

MISTAKE(refused_with_a_request, "ACPT-014 BUG-LIFE-33", .world = Visitor)
{
    Act = Posts;
    Answer = STATUS_REQUEST_NOT_ACCEPTED;
    Posted = BufferNew(8);
    if (Posted.Mdl != NULL && RequestNew(&Other) && Opens(WSK_EVENT_ACCEPT)) {
        (void)Soon(&Calls, 3000);
        (void)SocketClose(Listening);
    }
}

DUTY(refused_socket_is_closed, "ACPT-014 PROP-LIFE-21", Calm)
{
    SIZE_T Got;
    UCHAR Byte;
    Answer = STATUS_REQUEST_NOT_ACCEPTED;
    if (!Opens(WSK_EVENT_ACCEPT)) {
        return;
    }
    PWSK_SOCKET Client = SocketConnected("127.0.0.1", LIFE_PORT, NULL, NULL);
    if (Client != NULL) {
        NTSTATUS Status = ReceiveBytes(Client, &Byte, 1, &Got, 60000);
        Check(Status != STATUS_CANCELLED && Got == 0);
    }
}

static PSOCKADDR KeptLocal;
static void KeepsAddress(PWSK_SOCKET Socket, PSOCKADDR Local)
{
    UNREFERENCED_PARAMETER(Socket);
    KeptLocal = Local;
}

MISTAKE(accept_address_read_later, "ACPT-015", .world = Visitor)
{
    Act = KeepsAddress;
    if (Opens(WSK_EVENT_ACCEPT) && Soon(&TakenCount, 3000)) {
        (void)SocketClose(Listening);
        Listening = NULL;
        if (Mistaken && KeptLocal->sa_family == AF_INET6) {
            DbgPrint("not here\n");
        }
    }
    CloseTaken();
}

/* ---- ACPT-016, -017: death ---- */

/* Calls now and then: a socket may die in any of its calls. */
static void Lives(void)
{
    SOCKADDR_STORAGE Where;
    for (int i = 0; i < 10 && Nulls == 0; i++) {
        CaseSleep(50);
        (void)LocalOf(Listening, Listener(Listening)->WskGetLocalAddress, &Where);
    }
}

MISTAKE(null_accept_answered_success, "ACPT-016 BUG-LIFE-21", .world = Visitors)
{
    NullAnswer = Mistaken ? STATUS_SUCCESS : STATUS_REQUEST_NOT_ACCEPTED;
    if (Opens(WSK_EVENT_ACCEPT)) {
        Lives();
    }
    CloseTaken();
}

DUTY(null_accept_comes_once, "ACPT-017 CLOSE-033 CLOSE-034 CLOSE-035 PROP-LIFE-29",
     .world = Visitors)
{
    if (Opens(WSK_EVENT_ACCEPT)) {
        Lives();
        if (Nulls != 0) {
            LONG Before = Calls;
            QueueAccept(&Own, NULL);
            Check(Finish(&Own) == STATUS_FILE_FORCED_CLOSED);
            CaseSleep(1000);
            Check(Nulls <= 1 && Calls - Before <= 1);
        }
    }
    CloseTaken();
}

FREEDOM(null_accept_with_garbage, "ACPT-016 dead.callback_args AMBIGUOUS-LIFE-33",
        .world = Visitors, .knobs = "dead.callback_args=garbage")
{
    if (Opens(WSK_EVENT_ACCEPT)) {
        Lives();
        if (Nulls != 0 && NullHasAddress && !NullHasOutputs) {
            Witness();
        }
    }
    CloseTaken();
}

FREEDOM(null_accept_without_addresses, "ACPT-016 dead.callback_args", .world = Visitors,
        .knobs = "dead.callback_args=null-addresses")
{
    if (Opens(WSK_EVENT_ACCEPT)) {
        Lives();
        if (Nulls != 0 && !NullHasAddress && NullHasOutputs) {
            Witness();
        }
    }
    CloseTaken();
}

/* On request an error, otherwise advice. */
MISTAKE(null_accept_answered_pending, "EVT-019 dead.callback_answer AMBIGUOUS-LIFE-34",
        .world = Visitors, .knobs = "dead.callback_answer=pending-is-violation")
{
    NullAnswer = Mistaken ? STATUS_PENDING : STATUS_REQUEST_NOT_ACCEPTED;
    if (Opens(WSK_EVENT_ACCEPT)) {
        Lives();
    }
    CloseTaken();
}

/* ---- ACPT-018, -019: what was accepted ---- */

DUTY(accepted_is_connected, "ACPT-018 PROP-LIFE-20", Calm, .knobs = "listen.backlog=128")
{
    struct pair Pair;
    SOCKADDR_STORAGE Here, There;
    if (!PairNew(&Pair, LIFE_PORT)) {
        return;
    }
    const WSK_PROVIDER_CONNECTION_DISPATCH *Table = Connection(Pair.Accepted);
    Check(Table == Connection(Pair.Client));
    Check(NT_SUCCESS(LocalOf(Pair.Accepted, Table->WskGetRemoteAddress, &There)));
    Check(NT_SUCCESS(LocalOf(Pair.Client, Table->WskGetLocalAddress, &Here)));
    Check(RtlCompareMemory(&Here, &There, sizeof(SOCKADDR_IN)) == sizeof(SOCKADDR_IN));
    Check(NT_SUCCESS(SendBytes(Pair.Accepted, 1, 1)));
}

DUTY(accepted_family_is_the_listeners, "ADDR-007 ACPT-018", Calm, .knobs = "listen.backlog=128")
{
    static SOCKADDR_IN6 To, Any;
    SOCKADDR_STORAGE Where;
    Listening = CaseWsk() ? SocketNew6(WSK_FLAG_LISTEN_SOCKET, NULL, NULL) : NULL;
    if (Listening == NULL || !RequestNew(&Own)) {
        return;
    }
    Any.sin6_family = To.sin6_family = AF_INET6;
    Any.sin6_port = To.sin6_port = RtlUshortByteSwap(LIFE_PORT);
    To.sin6_addr.s6_addr[15] = 1;
    Listener(Listening)->WskBind(Listening, (PSOCKADDR)&Any, 0, Fresh(&Own));
    PWSK_SOCKET Client =
        NT_SUCCESS(Finish(&Own)) ? SocketNew6(WSK_FLAG_CONNECTION_SOCKET, NULL, NULL) : NULL;
    if (Client == NULL) {
        return;
    }
    Any.sin6_port = 0;
    Connection(Client)->WskBind(Client, (PSOCKADDR)&Any, 0, Fresh(&Own));
    Check(NT_SUCCESS(Finish(&Own)));
    Connection(Client)->WskConnect(Client, (PSOCKADDR)&To, 0, Fresh(&Own));
    if (NT_SUCCESS(Finish(&Own))) {
        PWSK_SOCKET Accepted = AcceptOne(Listening, NULL, NULL, 60000);
        Check(Accepted != NULL);
        Check(Accepted == NULL ||
              NT_SUCCESS(LocalOf(Accepted, Connection(Accepted)->WskGetRemoteAddress, &Where)));
        Check(Accepted == NULL || Where.ss_family == AF_INET6);
    }
}

DUTY(accepted_does_not_need_its_listener, "ACPT-019 PROP-LIFE-14", Calm,
     .knobs = "listen.backlog=128")
{
    struct pair Pair;
    UCHAR Byte = 0;
    SIZE_T Got;
    if (PairNew(&Pair, LIFE_PORT) && SocketClose(Pair.Listener)) {
        CaseSleep(1000);
        Check(NT_SUCCESS(SendBytes(Pair.Accepted, 7, 1)));
        Check(NT_SUCCESS(ReceiveBytes(Pair.Client, &Byte, 1, &Got, 60000)) && Byte == 7);
    }
}

/* ---- ACPT-020, -021: queued accepts ---- */

DUTY(close_cancels_queued_accepts, "ACPT-020", Calm)
{
    if (Opens(0) && RequestNew(&Other)) {
        QueueAccept(&Own, NULL);
        QueueAccept(&Other, NULL);
        (void)SocketClose(Listening);
        Check(Finish(&Own) == STATUS_CANCELLED && Own.Information == 0);
        Check(Finish(&Other) == STATUS_CANCELLED && Other.Information == 0);
    }
}

DUTY(accepts_are_served_in_order, "ACPT-021", Calm)
{
    if (!Opens(0) || !RequestNew(&Other)) {
        return;
    }
    QueueAccept(&Own, NULL);
    QueueAccept(&Other, NULL);
    if (SocketConnected("127.0.0.1", LIFE_PORT, NULL, NULL) != NULL) {
        Check(FinishedIn(&Own, 60000));
        Check(!IsDone(&Other));
    }
    (void)SocketClose(Listening);
    EndAccept(&Own);
    EndAccept(&Other);
}

static volatile LONG SecondIsBack;
static void QueueSecond(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    QueueAccept(&Other, NULL);
    SecondIsBack = 1;
    PsTerminateSystemThread(STATUS_SUCCESS);
}

FREEDOM(second_accept_blocks, "ACPT-021 accept.multiple AMBIGUOUS-LIFE-19", Calm,
        .knobs = "accept.multiple=blocks")
{
    if (!Opens(0) || !RequestNew(&Other)) {
        return;
    }
    QueueAccept(&Own, NULL);
    PVOID Thread = CaseThread(QueueSecond, NULL);
    CaseSleep(30000);
    BOOLEAN Blocked = SecondIsBack == 0;
    (void)SocketConnected("127.0.0.1", LIFE_PORT, NULL, NULL);
    CaseJoin(Thread);
    if (Thread != NULL && Blocked && SecondIsBack != 0) {
        Witness();
    }
    (void)SocketClose(Listening);
    EndAccept(&Own);
    EndAccept(&Other);
}

FREEDOM(second_accept_is_queued, "ACPT-021 accept.multiple", Calm,
        .knobs = "accept.multiple=queued")
{
    if (!Opens(0) || !RequestNew(&Other)) {
        return;
    }
    QueueAccept(&Own, NULL);
    PVOID Thread = CaseThread(QueueSecond, NULL);
    CaseSleep(30000);
    if (Thread != NULL && SecondIsBack != 0 && !IsDone(&Own) && !IsDone(&Other)) {
        Witness();
    }
    (void)SocketClose(Listening);
    CaseJoin(Thread);
    EndAccept(&Own);
    EndAccept(&Other);
}

/* ---- ACPT-022: use before the return ---- */

static volatile LONG UsedInside, WasUsed;
static void HandsOver(PWSK_SOCKET Socket, PSOCKADDR Local)
{
    UNREFERENCED_PARAMETER(Local);
    if (Refused == NULL) {
        Refused = Socket; /* accepted, in truth */
        for (int i = 0; i < 50 && WasUsed == 0; i++) {
            KeStallExecutionProcessor(10);
        }
    }
}

/* Receives on the accepted socket while its callback may still be running. */
static void UsesEarly(void)
{
    SIZE_T Got;
    UCHAR Bytes[8];
    Act = HandsOver;
    if (!Opens(WSK_EVENT_ACCEPT)) {
        return;
    }
    for (int i = 0; i < 3000 && Refused == NULL; i++) {
        CaseSleep(1);
    }
    if (Refused != NULL &&
        NT_SUCCESS(ReceiveBytes(Refused, Bytes, sizeof Bytes, &Got, 2000)) && InCallback != 0) {
        UsedInside = 1;
    }
    WasUsed = 1;
    CloseTaken();
}

FREEDOM(accepted_socket_used_early, "ACPT-022 accept.use_before_return AMBIGUOUS-LIFE-18",
        .world = Visitor, .knobs = "accept.use_before_return=allowed")
{
    UsesEarly();
    if (UsedInside != 0) {
        Witness();
    }
}

DUTY(accepted_socket_held, "ACPT-022 accept.use_before_return", .world = Visitor,
     .knobs = "accept.use_before_return=held")
{
    UsesEarly();
    Check(UsedInside == 0);
}

/* ---- ACPT-023: other answers ---- */

static LONG OutcomeOf(NTSTATUS Status)
{
    SIZE_T Got;
    UCHAR Byte;
    Answer = Status;
    if (!Opens(WSK_EVENT_ACCEPT)) {
        return -1;
    }
    PWSK_SOCKET Client = SocketConnected("127.0.0.1", LIFE_PORT, NULL, NULL);
    if (Client == NULL || !Soon(&Calls, 60000)) {
        return -1;
    }
    NTSTATUS End = ReceiveBytes(Client, &Byte, 1, &Got, 30000);
    LONG Outcome = End == STATUS_CANCELLED; /* 1: the connection lives */
    if (!Outcome) {
        Taken[0] = NULL;
    }
    CloseTaken();
    return Outcome;
}

DUTY(success_class_accepts, "ACPT-023 callback.other_status AMBIGUOUS-LIFE-72 PROP-LIFE-55", Calm,
     .off = "ACPT-011", .knobs = "callback.other_status=failure-refuses")
{
    Check(OutcomeOf(STATUS_PENDING) != 0);
}

FREEDOM(every_other_answer_refuses, "ACPT-023 callback.other_status", Calm, .off = "ACPT-011",
        .knobs = "callback.other_status=every-other-refuses")
{
    if (OutcomeOf(STATUS_PENDING) == 0) {
        Witness();
    }
}

DUTY(failure_class_refuses, "ACPT-023 PROP-LIFE-55", Calm)
{
    Check(OutcomeOf(STATUS_INSUFFICIENT_RESOURCES) != 1);
}
