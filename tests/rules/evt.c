/* SPDX-License-Identifier: MIT */
/* Cases of the life cycle, 1.16: event callbacks in general. */
#include "talk.h"

enum habit {
    TAKE, WAIT, TOUCH_PAGED, SEND_ON, STALL, USE_STACK, LOCK, RAISE, DISABLE, DISABLE_AND_RETAIN,
    RETAIN_NOTHING, REFUSE_NOTHING, BACKLOG_ANSWER
};

static struct request First, Second;
static PWSK_SOCKET Socket;
static enum habit Habit;
static volatile LONG Calls, Nulls, IsReturned, SawPassive, SawDispatch, SawUnflagged, SawApc;
static volatile LONG NullArguments, IsEarly, Running, IsOver;
static PUCHAR Paged;
static KSPIN_LOCK Lock;
static NTSTATUS DisableStatus, SendStatus;
static PWSK_DATA_INDICATION Held;
static SIZE_T Position, HeldAt;
static WSK_BUF Buffer;
static volatile SIZE_T LastBacklog;
static volatile LONG Backlogs;

/* ---- the callbacks ---- */

static void WaitForRequest(void)
{
    WSK_BUF Nothing = {NULL, 0, 0};
    if (KeGetCurrentIrql() == PASSIVE_LEVEL && !First.InFlight) {
        Connection(Socket)->WskSend(Socket, &Nothing, 0, Fresh(&First));
        if (Mistaken) {
            (void)Finish(&First);
        }
    }
}

static __attribute__((noinline)) void UseStack(ULONG Depth)
{
    volatile UCHAR Room[512];
    Room[Depth] = 0;
    if (Depth != 0) {
        UseStack(Depth - 1);
    } else {
        (void)SocketEvents(Socket, WSK_EVENT_RECEIVE);
    }
    Room[Depth] = 1;
}

static void Misbehave(void)
{
    KIRQL Old;
    switch (Habit) {
    case WAIT:
        WaitForRequest();
        break;
    case TOUCH_PAGED:
        if (Mistaken || KeGetCurrentIrql() < DISPATCH_LEVEL) {
            Paged[0]++;
        }
        break;
    case STALL:
        for (ULONG i = 0; Mistaken && i < 3; i++) {
            KeStallExecutionProcessor(40);
        }
        break;
    case USE_STACK:
        UseStack(Mistaken ? 150 : 1);
        break;
    case LOCK:
        KeAcquireSpinLock(&Lock, &Old);
        if (!Mistaken) {
            KeReleaseSpinLock(&Lock, Old);
        }
        break;
    case RAISE:
        KeRaiseIrql(DISPATCH_LEVEL, &Old);
        if (!Mistaken) {
            KeLowerIrql(Old);
        }
        break;
    default:
        break;
    }
}

static NTSTATUS Act(PWSK_DATA_INDICATION List, SIZE_T Count)
{
    switch (Habit) {
    case SEND_ON:
        if (Buffer.Mdl != NULL && !First.InFlight) {
            SendStatus = Connection(Socket)->WskSend(Socket, &Buffer, 0, Fresh(&First));
        }
        break;
    case DISABLE:
    case DISABLE_AND_RETAIN:
        if (Calls == 1) {
            DisableStatus = SocketEvents(Socket, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE);
        }
        if (Habit == DISABLE_AND_RETAIN && Held == NULL) {
            HeldAt = Position;
            Held = List;
            return STATUS_PENDING;
        }
        break;
    default:
        Misbehave();
        break;
    }
    Position += Count;
    return STATUS_SUCCESS;
}

static void See(ULONG Flags)
{
    KIRQL Irql = KeGetCurrentIrql();
    SawPassive |= Irql == PASSIVE_LEVEL;
    SawApc |= Irql == APC_LEVEL;
    SawDispatch |= Irql == DISPATCH_LEVEL && (Flags & WSK_FLAG_AT_DISPATCH_LEVEL) != 0;
    SawUnflagged |= Irql == DISPATCH_LEVEL && (Flags & WSK_FLAG_AT_DISPATCH_LEVEL) == 0;
    Check(Irql <= DISPATCH_LEVEL);
    Check((Flags & WSK_FLAG_AT_DISPATCH_LEVEL) == 0 || Irql == DISPATCH_LEVEL);
}

static NTSTATUS Hear(ULONG Flags, PWSK_DATA_INDICATION List, SIZE_T Count, BOOLEAN HasPointer)
{
    See(Flags);
    IsEarly |= !IsReturned;
    InterlockedIncrement(&Calls);
    if (List != NULL) {
        return Act(List, Count);
    }
    Nulls++;
    NullArguments = HasPointer ? 1 : 2;
    return Habit == RETAIN_NOTHING && Mistaken ? STATUS_PENDING
           : Habit == REFUSE_NOTHING           ? STATUS_DATA_NOT_ACCEPTED
                                               : STATUS_SUCCESS;
}

static NTSTATUS WSKAPI OnReceive(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List,
                                 SIZE_T Count, SIZE_T *Accepted)
{
    NTSTATUS Status = STATUS_SUCCESS;
    Check(Context == &First);
    InterlockedIncrement(&Running);
    if (!IsOver) {
        Status = Hear(Flags, List, Count, Accepted != NULL);
    }
    InterlockedDecrement(&Running);
    return Status;
}

static NTSTATUS WSKAPI OnBacklog(PVOID Context, SIZE_T Ideal)
{
    Check(Context == &First);
    Check(Ideal != 0);
    Check(Ideal != LastBacklog || Habit == BACKLOG_ANSWER); /* under amb.21.backlog=0 */
    LastBacklog = Ideal;
    CountIf(Backlogs, TRUE);
    return Habit == BACKLOG_ANSWER && Mistaken ? STATUS_MORE_ENTRIES : STATUS_SUCCESS;
}

static const WSK_CLIENT_CONNECTION_DISPATCH Dispatch = {OnReceive, NULL, OnBacklog};

/* ---- bodies ---- */

static BOOLEAN Connect(enum habit How)
{
    Habit = How;
    KeInitializeSpinLock(&Lock);
    BOOLEAN IsReady = RequestNew(&First) && RequestNew(&Second);
    Socket = IsReady ? TalkConnected(&First, &Dispatch) : NULL;
    return Socket != NULL;
}

static BOOLEAN Listen(enum habit How)
{
    BOOLEAN IsOn = Connect(How) && SocketEvents(Socket, WSK_EVENT_RECEIVE) == STATUS_SUCCESS;
    IsReturned = 1;
    return IsOn;
}

/* From now on the callback does nothing. */
static void End(void)
{
    IsOver = 1;
    while (Running != 0) {
        CaseSleep(1);
    }
}

static void Observe(enum habit How)
{
    if (Listen(How)) {
        (void)TalkSoon(&Calls, 1000);
        CaseSleep(20);
    }
    End();
}

/* Dies of one of many calls, if the world wants it. */
static void Exhaust(enum habit How)
{
    WSK_BUF Nothing = {NULL, 0, 0};
    if (!Listen(How)) {
        return;
    }
    for (ULONG i = 0; i < 20 && Nulls == 0; i++) {
        Connection(Socket)->WskReceive(Socket, &Nothing, 0, Fresh(&First));
        if (!NT_SUCCESS(Finish(&First))) {
            break;
        }
    }
    CaseSleep(20);
    End();
}

/* ---- scripts ---- */

static void Source(void)
{
    struct wsksim_peer *Peer = TalkPeer();
    for (ULONG i = 0; Peer != NULL && i < 4; i++) {
        wsksim_send(Peer, TalkBytes() + 40 * i, 40);
        wsksim_sleep(2000);
    }
    TalkHold();
}

static void Sink(void)
{
    TalkSink();
}

static void Ends(void)
{
    TalkSource(40);
}

/* ---- enabling and disabling ---- */

MISTAKE(enabled_before_the_connect, "CTL-062 EVT-002 BUG-LIFE-39")
{
    if (!CaseWsk()) {
        return;
    }
    Socket = SocketNew(WSK_FLAG_CONNECTION_SOCKET, &First, &Dispatch);
    if (Socket != NULL && NT_SUCCESS(SocketBind(Socket, 0)) && Mistaken) {
        (void)SocketEvents(Socket, WSK_EVENT_RECEIVE);
    }
}

static NTSTATUS WSKAPI OnDatagram(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION List)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(List);
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH Datagrams = {OnDatagram};

MISTAKE(enabled_before_the_bind, "CTL-061 EVT-002 BUG-LIFE-39")
{
    if (!CaseWsk()) {
        return;
    }
    Socket = SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &Datagrams);
    if (Socket != NULL && (Mistaken || NT_SUCCESS(SocketBind(Socket, 0)))) {
        (void)SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM);
    }
}

MISTAKE(enabled_without_a_function, "CTL-071 BUG-LIFE-39", .world = Source)
{
    if (Connect(TAKE)) {
        (void)SocketEvents(Socket,
                           WSK_EVENT_RECEIVE | (Mistaken ? WSK_EVENT_DISCONNECT : 0));
    }
}

MISTAKE(two_disabled_in_one_call, "CTL-080 EVT-003", .world = Source)
{
    if (Listen(TAKE)) {
        (void)SocketEvents(Socket, WSK_EVENT_DISABLE | WSK_EVENT_SEND_BACKLOG |
                                       (Mistaken ? WSK_EVENT_RECEIVE : 0));
    }
}

MISTAKE(basic_socket_with_events, "CTL-068 EVT-012")
{
    if (!CaseWsk()) {
        return;
    }
    Socket = SocketNew(WSK_FLAG_BASIC_SOCKET, NULL, NULL);
    if (Socket != NULL && Mistaken) {
        (void)SocketEvents(Socket, WSK_EVENT_RECEIVE);
    }
}

DUTY(basic_socket_has_no_events, "EVT-012 CTL-068", .off = "CTL-068")
{
    Socket = CaseWsk() ? SocketNew(WSK_FLAG_BASIC_SOCKET, NULL, NULL) : NULL;
    if (Socket != NULL) {
        Check(!NT_SUCCESS(SocketEvents(Socket, WSK_EVENT_RECEIVE)));
    }
}

/* ---- what a callback must not do ---- */

MISTAKE(callback_waits_for_a_request, "EVT-007 BUG-LIFE-09 PROP-LIFE-19", .world = Source)
{
    Observe(WAIT);
    if (First.InFlight) {
        (void)Finish(&First);
    }
}

MISTAKE(event_touches_paged_pool, "KRN-051 EVT-010 BUG-LIFE-10 PROP-LIFE-40", .world = Source)
{
    Paged = ExAllocatePoolWithTag(PagedPool, 16, 'egaP');
    if (Paged != NULL) {
        RtlZeroMemory(Paged, 16);
        Observe(TOUCH_PAGED);
        if (Socket != NULL) {
            (void)SocketClose(Socket);
        }
        ExFreePoolWithTag(Paged, 'egaP');
    }
}

MISTAKE(callback_takes_its_time, "EVT-017", .world = Source)
{
    Observe(STALL);
}

MISTAKE(callback_uses_much_stack, "EVT-017 BUG-LIFE-11", .world = Source)
{
    Observe(USE_STACK);
}

MISTAKE(callback_keeps_a_lock, "EVT-018 BUG-LIFE-66 PROP-LIFE-53", .world = Source)
{
    Observe(LOCK);
}

MISTAKE(callback_stays_raised, "EVT-018 BUG-LIFE-66 PROP-LIFE-53", .world = Source)
{
    Observe(RAISE);
}

/* Sends much, so that the ideal size changes now and then. */
static void SendMuch(enum habit How)
{
    if (!Connect(How)) {
        return;
    }
    Buffer = TalkBuffer(4000);
    SIZE_T Ideal = 0;
    NTSTATUS Status = SocketControl(Socket, WskIoctl, SIO_WSK_QUERY_IDEAL_SEND_BACKLOG, 0, 0, NULL,
                                    sizeof Ideal, &Ideal, NULL);
    LastBacklog = NT_SUCCESS(Status) ? Ideal : 1;
    if (Buffer.Mdl == NULL || !NT_SUCCESS(Status) ||
        SocketEvents(Socket, WSK_EVENT_SEND_BACKLOG) != STATUS_SUCCESS) {
        return;
    }
    Buffer.Length = 400;
    for (Buffer.Offset = 0; Buffer.Offset < 4000; Buffer.Offset += 400) {
        Connection(Socket)->WskSend(Socket, &Buffer, 0, Fresh(&First));
        if (!NT_SUCCESS(Finish(&First))) {
            break;
        }
    }
    CaseSleep(10);
}

MISTAKE(backlog_event_answers_oddly, "EVT-014 BUG-LIFE-23", .world = Sink,
        .knobs = "amb.21.backlog=0")
{
    SendMuch(BACKLOG_ANSWER);
}

/* ---- what the system owes ---- */

static NTSTATUS WSKAPI OnNothing(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION List)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    Check(List == NULL); /* nobody sends anything */
    return STATUS_SUCCESS;
}

DUTY(idle_disable_is_success, "EVT-004")
{
    static const WSK_CLIENT_DATAGRAM_DISPATCH Table = {OnNothing};
    PWSK_SOCKET Idle = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &Table) : NULL;
    if (Idle == NULL || !NT_SUCCESS(SocketBind(Idle, 7999)) ||
        SocketEvents(Idle, WSK_EVENT_RECEIVE_FROM) != STATUS_SUCCESS) {
        return;
    }
    NTSTATUS Status = SocketEvents(Idle, WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE);
    Check(Status == STATUS_SUCCESS || !NT_SUCCESS(Status));
}

/* Inside the callback: never success, never a deadlock, and no call afterwards. */
DUTY(disabled_inside_itself, "EVT-004 EVT-005 EVT-001 PROP-LIFE-18 PROP-LIFE-28", .world = Source,
     .knobs = "amb.01=0")
{
    if (!Listen(DISABLE) || !TalkSoon(&Calls, 1000)) {
        End();
        return;
    }
    CaseSleep(100);
    End();
    if (Nulls == 0) {
        Check(DisableStatus == STATUS_EVENT_PENDING || !NT_SUCCESS(DisableStatus));
        Check(Calls == 1 || !NT_SUCCESS(DisableStatus) || Nulls != 0);
    }
}

DUTY(answer_counts_when_disabled, "EVT-020 REL-007", .world = Source, .knobs = "amb.01=0")
{
    if (Listen(DISABLE_AND_RETAIN) && TalkSoon(&Calls, 1000)) {
        CaseSleep(100);
    }
    End();
    if (Held != NULL) {
        Check(TalkTotal(Held, HeldAt) != 0);
        Check(Connection(Socket)->WskRelease(Socket, Held) == STATUS_SUCCESS);
    }
}

DUTY(callback_sends, "EVT-008 EVT-009", .world = Source)
{
    Buffer = TalkBuffer(8);
    if (Buffer.Mdl == NULL || !Listen(SEND_ON)) {
        End();
        return;
    }
    (void)TalkSoon(&Calls, 1000);
    CaseSleep(50);
    End();
    Check(SendStatus == STATUS_SUCCESS || SendStatus == STATUS_PENDING || TalkExcuse(SendStatus));
    if (First.InFlight) {
        NTSTATUS Status = Finish(&First);
        Check(Status == STATUS_SUCCESS || TalkExcuse(Status));
    }
}

DUTY(backlog_event_tells_news, "EVT-013 SEND-014 EVT-009 amb.21.backlog", .world = Sink,
     .knobs = "amb.21.backlog=0")
{
    SendMuch(TAKE);
}

FREEDOM(backlog_changes, "EVT-013", .world = Sink)
{
    SendMuch(TAKE);
    if (Backlogs != 0) {
        Witness();
    }
}

DUTY(backlog_event_only_if_enabled, "EVT-013 EVT-001", .world = Sink,
     .knobs = "amb.21.backlog=0")
{
    if (!Listen(TAKE)) {
        return;
    }
    Buffer = TalkBuffer(400);
    for (ULONG i = 0; i < 8 && Buffer.Mdl != NULL; i++) {
        WSK_BUF One = {Buffer.Mdl, i * 40, 40};
        Connection(Socket)->WskSend(Socket, &One, 0, Fresh(&First));
        if (!NT_SUCCESS(Finish(&First))) {
            break;
        }
    }
    Check(Backlogs == 0);
}

/* A refusal of nothing has no effect: it is not told again. */
DUTY(nothing_can_be_refused, "EVT-019", .world = Source, .knobs = "amb.31=0")
{
    Exhaust(REFUSE_NOTHING);
    Check(Nulls <= 1);
}

MISTAKE(nothing_retained, "EVT-019 dead.callback_answer", .world = Source,
        .knobs = "dead.callback_answer=1")
{
    Exhaust(RETAIN_NOTHING);
}

MISTAKE(nothing_retained_is_lint, "EVT-019 dead.callback_answer AMBIGUOUS-LIFE-34",
        .world = Source, .is_lint = 1, .knobs = "dead.callback_answer=0")
{
    Exhaust(RETAIN_NOTHING);
}

/* A static callback cannot be disabled; who tries gets one of several answers. */
DUTY(static_cannot_be_disabled, "EVT-011", .world = Source)
{
    static WSK_EVENT_CALLBACK_CONTROL Control;
    Control = (WSK_EVENT_CALLBACK_CONTROL){&NPI_WSK_INTERFACE_ID, WSK_EVENT_RECEIVE};
    IsReturned = 1;
    if (!CaseWsk() || !NT_SUCCESS(CaseNpi.Dispatch->WskControlClient(
                          CaseNpi.Client, WSK_SET_STATIC_EVENT_CALLBACKS, sizeof Control, &Control,
                          0, NULL, NULL, NULL)) ||
        !Connect(TAKE)) {
        return;
    }
    (void)SocketEvents(Socket, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE);
    WSK_BUF Byte = BufferNew(1);
    if (Byte.Mdl == NULL) {
        return;
    }
    /* All that the peer sends goes to the callback, sooner or later, or the connection is gone. */
    for (ULONG i = 1; i < 20000 && Position < 160 && Nulls == 0; i *= 2) {
        CaseSleep(i);
    }
    if (Position == 0 && Nulls == 0 && !TalkIsLate()) {
        Connection(Socket)->WskReceive(Socket, &Byte, 0, Fresh(&First));
        Check(!NT_SUCCESS(Finish(&First)) || TalkIsLate());
    }
}

/* ---- readings ---- */

FREEDOM(callback_at_passive, "EVT-006 event.irql", .world = Source)
{
    Observe(TAKE);
    if (SawPassive) {
        Witness();
    }
}

FREEDOM(callback_at_apc, "EVT-006 event.irql", .world = Source, .knobs = "event.irql=0")
{
    Observe(TAKE);
    if (SawApc) {
        Witness();
    }
}

FREEDOM(callback_at_dispatch, "EVT-006", .world = Source)
{
    Observe(TAKE);
    if (SawDispatch) {
        Witness();
    }
}

FREEDOM(callback_at_dispatch_unflagged, "EVT-006", .world = Source)
{
    Observe(TAKE);
    if (SawUnflagged) {
        Witness();
    }
}

DUTY(callbacks_always_at_dispatch, "EVT-006 event.irql AMBIGUOUS-LIFE-61", .world = Source,
     .knobs = "event.irql=1")
{
    Observe(TAKE);
    Check(!SawPassive && !SawApc);
}

DUTY(callbacks_always_at_passive, "EVT-006 event.irql AMBIGUOUS-LIFE-61", .world = Source,
     .knobs = "event.irql=2")
{
    Observe(TAKE);
    Check(!SawApc && !SawDispatch && !SawUnflagged);
}

FREEDOM(callback_before_the_call_returns, "EVT-016", .world = Source)
{
    Observe(TAKE);
    if (IsEarly) {
        Witness();
    }
}

FREEDOM(null_with_a_pointer, "RECV-016 dead.receive_args", .world = Source,
        .knobs = "dead.receive_args=0")
{
    Exhaust(TAKE);
    if (NullArguments == 1) {
        Witness();
    }
}

FREEDOM(null_without_a_pointer, "RECV-016 dead.receive_args AMBIGUOUS-LIFE-50", .world = Source,
        .knobs = "dead.receive_args=1")
{
    Exhaust(TAKE);
    if (NullArguments == 2) {
        Witness();
    }
}

FREEDOM(end_told_as_death, "RECV-028 AMBIGUOUS-LIFE-54", .world = Ends,
        .knobs = "disconnect.receive_only=1")
{
    if (Listen(TAKE)) {
        (void)TalkSoon(&Nulls, 2000);
        if (Nulls != 0 && Position == 40) {
            Witness();
        }
    }
}

FREEDOM(end_not_told, "RECV-028", .world = Ends, .knobs = "disconnect.receive_only=0")
{
    if (Listen(TAKE)) {
        (void)TalkSoon(&Nulls, 2000);
        if (Nulls == 0 && Position == 40) {
            Witness();
        }
    }
}

/* A refusal, then off and on again: is the callback called? */
static volatile LONG Refusals, IsTaking;

static NTSTATUS WSKAPI OnRefusing(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List,
                                  SIZE_T Count, SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Count);
    UNREFERENCED_PARAMETER(Accepted);
    if (List != NULL && !IsTaking) {
        Refusals++;
        return STATUS_DATA_NOT_ACCEPTED;
    }
    Calls += List != NULL;
    return STATUS_SUCCESS;
}

/* 1: it is, 0: it is not, -1: not seen. */
static int Reenable(void)
{
    static const WSK_CLIENT_CONNECTION_DISPATCH Refusing = {OnRefusing, NULL, NULL};
    Socket = TalkConnected(NULL, &Refusing);
    if (Socket == NULL || SocketEvents(Socket, WSK_EVENT_RECEIVE) != STATUS_SUCCESS ||
        !TalkSoon(&Refusals, 1000)) {
        return -1;
    }
    CaseSleep(10);
    IsTaking = 1;
    if (SocketEvents(Socket, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE) != STATUS_SUCCESS ||
        SocketEvents(Socket, WSK_EVENT_RECEIVE) != STATUS_SUCCESS) {
        return -1;
    }
    CaseSleep(500);
    return Calls != 0;
}

DUTY(reenabling_lifts_nothing, "RECV-031 EVT-020 recv.reenable_lifts_suspension", .world = Source,
     .knobs = "recv.reenable_lifts_suspension=0")
{
    Check(Reenable() != 1);
}

FREEDOM(reenabling_lifts_a_suspension,
        "RECV-031 recv.reenable_lifts_suspension AMBIGUOUS-LIFE-65", .world = Source,
        .knobs = "recv.reenable_lifts_suspension=1")
{
    if (Reenable() == 1) {
        Witness();
    }
}
