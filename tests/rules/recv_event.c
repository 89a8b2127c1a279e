/* SPDX-License-Identifier: MIT */
/*
 * Cases of the life cycle, 1.10: WskReceiveEvent.
 *
 * One callback serves them all. It checks what every call promises, and answers as the case wants
 * it to. The position in the stream is the callback's as long as no receive is in progress.
 */
#include "talk.h"

enum { LENGTH = 12, LISTS = 64 };

enum answer { ACCEPT, REFUSE, PART, RETAIN, ZERO, ODD_SUCCESS, ODD_FAILURE, TOO_MANY, FORGET,
              DISABLE_AND_REFUSE };

static struct request First, Second;
static PWSK_SOCKET Socket;

static enum answer Answer;
static volatile LONG IsEnabled, IsSuspended, IsReceiving, IsDead, IsDisconnected;
static volatile LONG Calls, Running, Disconnects, WithMark, WithoutMark;
static volatile SIZE_T Position; /* of the first byte that has not been taken */
static SIZE_T Sent;              /* what the peer sends at most; 0 = not known */
static PWSK_DATA_INDICATION Held[LISTS];
static SIZE_T HeldAt[LISTS];
static volatile LONG HeldCount;

/* ---- the callbacks ---- */

static NTSTATUS Retain(PWSK_DATA_INDICATION List, SIZE_T *Accepted, SIZE_T Count)
{
    if (HeldCount == LISTS) {
        Position += Count;
        return STATUS_SUCCESS;
    }
    HeldAt[HeldCount] = Position;
    Held[HeldCount] = List;
    *Accepted = 0; /* not looked at */
    Position += Count;
    HeldCount++;
    return STATUS_PENDING;
}

static NTSTATUS Reply(PWSK_DATA_INDICATION List, SIZE_T Count, SIZE_T *Accepted)
{
    switch (Answer) {
    case REFUSE:
        IsSuspended = 1;
        return STATUS_DATA_NOT_ACCEPTED;
    case PART:
        if (Count > 1) {
            *Accepted = Count - 1;
            Position += Count - 1;
            IsSuspended = 1;
            return STATUS_SUCCESS;
        }
        break;
    case RETAIN:
        return Retain(List, Accepted, Count);
    case ZERO:
        *Accepted = 0;
        return STATUS_SUCCESS;
    case ODD_SUCCESS:
        Position += Count;
        return Mistaken ? STATUS_MORE_ENTRIES : STATUS_SUCCESS;
    case ODD_FAILURE:
        return STATUS_UNSUCCESSFUL;
    case TOO_MANY:
        Position += Count;
        *Accepted += Mistaken ? 1 : 0;
        return STATUS_SUCCESS;
    case FORGET:
        *Accepted = Mistaken ? *Accepted : 1;
        IsSuspended = Count > 1;
        Position += 1;
        return STATUS_SUCCESS;
    case DISABLE_AND_REFUSE:
        IsEnabled = 0;
        IsSuspended = 1;
        (void)SocketEvents(Socket, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE);
        return STATUS_DATA_NOT_ACCEPTED;
    case ACCEPT:
        break;
    }
    Position += Count;
    return STATUS_SUCCESS;
}

static NTSTATUS WSKAPI OnReceive(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List,
                                 SIZE_T Count, SIZE_T *Accepted)
{
    Check(InterlockedIncrement(&Running) == 1);
    Check(Context == &First);
    Check((Flags & ~(ULONG)(WSK_FLAG_AT_DISPATCH_LEVEL | WSK_FLAG_RELEASE_ASAP |
                            WSK_FLAG_ENTIRE_MESSAGE)) == 0);
    Check((Flags & WSK_FLAG_AT_DISPATCH_LEVEL) == 0 || KeGetCurrentIrql() == DISPATCH_LEVEL);
    Calls++;
    if (List == NULL) {
        IsDead = 1;
        Check(Count == 0 && (Accepted == NULL || *Accepted == 0));
        InterlockedDecrement(&Running);
        return STATUS_SUCCESS;
    }
    Check(IsEnabled != 0);
    Check(IsSuspended == 0);
    Check(Count != 0 && *Accepted == Count);
    InterlockedIncrement((Flags & WSK_FLAG_ENTIRE_MESSAGE) != 0 ? &WithMark : &WithoutMark);
    if (IsReceiving) {
        IsSuspended = 1;
        InterlockedDecrement(&Running);
        return STATUS_DATA_NOT_ACCEPTED;
    }
    Check(TalkTotal(List, Position) == Count);
    Check(Sent == 0 || Position + Count <= Sent);
    NTSTATUS Status = Reply(List, Count, Accepted);
    InterlockedDecrement(&Running);
    return Status;
}

static NTSTATUS WSKAPI OnDisconnect(PVOID Context, ULONG Flags)
{
    Check(Context == &First);
    Check((Flags & ~(ULONG)(WSK_FLAG_AT_DISPATCH_LEVEL | WSK_FLAG_ABORTIVE)) == 0);
    Disconnects++;
    IsDisconnected = 1;
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_CONNECTION_DISPATCH Dispatch = {OnReceive, OnDisconnect, NULL};
static const WSK_CLIENT_CONNECTION_DISPATCH OnlyData = {OnReceive, NULL, NULL};

/* ---- bodies ---- */

static BOOLEAN Enable(ULONG Events)
{
    IsEnabled = 1;
    return SocketEvents(Socket, Events) == STATUS_SUCCESS;
}

/* A connection whose callbacks are on and answer so. */
static BOOLEAN Listen(enum answer How, SIZE_T HowMuch)
{
    Answer = How;
    Sent = HowMuch;
    Socket = TalkConnected(&First, &Dispatch);
    BOOLEAN IsReady = RequestNew(&First) && RequestNew(&Second);
    return Socket != NULL && IsReady && Enable(WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT);
}

/* Waits until the callback has been called so often. */
static BOOLEAN Called(LONG Wanted, ULONG Milliseconds)
{
    for (ULONG i = 0; Calls < Wanted && i < Milliseconds; i += 5) {
        CaseSleep(5);
    }
    return Calls >= Wanted;
}

static NTSTATUS Receive(WSK_BUF Buffer)
{
    IsReceiving = 1;
    IsSuspended = 0;
    Connection(Socket)->WskReceive(Socket, &Buffer, 0, Fresh(&First));
    NTSTATUS Status = Finish(&First);
    if (NT_SUCCESS(Status) && First.Information != 0) {
        Check(TalkHolds(&(WSK_BUF){Buffer.Mdl, 0, First.Information}, Position));
        Position += First.Information;
    }
    IsReceiving = 0;
    return Status;
}

/* Lifts a suspension and takes nothing. False: the connection is gone. */
static BOOLEAN Resume(void)
{
    WSK_BUF Nothing = {NULL, 0, 0};
    IsSuspended = 0;
    Connection(Socket)->WskReceive(Socket, &Nothing, 0, Fresh(&First));
    return NT_SUCCESS(Finish(&First));
}

static void ReleaseAll(void)
{
    for (LONG i = 0; i < HeldCount; i++) {
        Check(Connection(Socket)->WskRelease(Socket, Held[i]) == STATUS_SUCCESS);
    }
    HeldCount = 0;
}

/* Callbacks off, then what was retained goes back. */
static void Quiet(void)
{
    WSK_EVENT_CALLBACK_CONTROL Off = {&NPI_WSK_INTERFACE_ID, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE};
    Connection(Socket)->Basic.WskControlSocket(Socket, WskSetOption, SO_WSK_EVENT_CALLBACK,
                                               SOL_SOCKET, sizeof Off, &Off, 0, NULL, NULL,
                                               Fresh(&Second));
    IsEnabled = !NT_SUCCESS(Finish(&Second)); /* a socket that is at its end may refuse it */
    Answer = ACCEPT;
    while (Running != 0) {
        CaseSleep(1);
    }
    ReleaseAll();
}

/* ---- scripts ---- */

static void Source(void)
{
    TalkSource(600);
}

/* Some bytes at once, more when the body says so; the end much later. */
static void TwoParts(void)
{
    struct wsksim_peer *Peer = TalkPeer();
    if (Peer == NULL) {
        return;
    }
    wsksim_send(Peer, TalkBytes(), 40);
    if (TalkReached(1)) {
        wsksim_send(Peer, TalkBytes() + 40, 40);
    }
    if (TalkReached(2)) {
        wsksim_finish(Peer);
    }
    TalkHold();
}

/* The next byte when the one before has been taken. */
static void OneByOne(void)
{
    struct wsksim_peer *Peer = TalkPeer();
    for (LONG i = 0; Peer != NULL && i < 16 && TalkReached(i); i++) {
        wsksim_send(Peer, TalkBytes() + i, 1);
    }
    TalkHold();
}

/* ---- mistakes ---- */

MISTAKE(receive_event_odd_success, "RECV-017 BUG-LIFE-23", .world = Source)
{
    if (Listen(ODD_SUCCESS, 0)) {
        (void)TalkSoon(&IsDisconnected, 2000);
    }
}

/* Another failure is only lint. */
MISTAKE(receive_event_odd_failure, "CTL-058 RECV-017 BUG-LIFE-23", .world = Source, .is_lint = 1)
{
    if (Listen(Mistaken ? ODD_FAILURE : ACCEPT, 0)) {
        (void)TalkSoon(&IsDisconnected, 2000);
    }
}

MISTAKE(accepts_more_than_shown, "RECV-020", .world = Source)
{
    if (Listen(TOO_MANY, 0)) {
        (void)TalkSoon(&IsDisconnected, 2000);
    }
}

MISTAKE(accepts_nothing_with_success, "RECV-020 recv.accept_zero", .world = TwoParts, .is_lint = 1)
{
    if (Listen(Mistaken ? ZERO : ACCEPT, 0)) {
        (void)Called(1, 2000);
    }
}

MISTAKE(refuses_for_ever, "RECV-024 BUG-LIFE-25", .world = TwoParts)
{
    if (Listen(REFUSE, 0) && Called(1, 2000)) {
        TalkStep(2);
        Answer = ACCEPT;
        if (!Mistaken) {
            (void)Resume();
        }
        CaseSleep(40000);
    }
}

/* ---- what the system owes ---- */

DUTY(bytes_come_once_and_in_order,
     "RECV-012 RECV-014 RECV-015 RECV-018 RECV-028 EVT-009 PROP-LIFE-12 PROP-LIFE-16",
     .world = Source)
{
    if (Listen(ACCEPT, 600)) {
        (void)TalkSoon(&IsDisconnected, 5000);
        CaseSleep(50);
        Quiet();
    }
}

DUTY(part_of_the_bytes, "RECV-019 RECV-012 PROP-LIFE-12 PROP-LIFE-17", .world = Source)
{
    if (!Listen(PART, 600)) {
        return;
    }
    for (ULONG i = 0; i < 30 && !IsDead; i++) {
        CaseSleep(10);
        if (IsSuspended != 0 && !Resume()) {
            break;
        }
    }
    Quiet();
}

DUTY(refused_bytes_come_again, "RECV-022 RECV-012 PROP-LIFE-12 PROP-LIFE-17", .world = Source)
{
    WSK_BUF Buffer = BufferNew(LENGTH);
    if (Buffer.Mdl == NULL || !Listen(REFUSE, 600)) {
        return;
    }
    for (ULONG i = 0; i < 30 && !IsDead; i++) {
        CaseSleep(10);
        Answer = i % 3 == 2 ? ACCEPT : REFUSE;
        if (IsSuspended != 0 && !NT_SUCCESS(Receive(Buffer))) {
            break;
        }
    }
    Quiet();
}

/* Each call may find the socket dead, and then the callback is called with nothing (OnReceive). */
DUTY(death_is_told_with_nothing, "RECV-016 EVT-009", .world = Source)
{
    if (!Listen(ACCEPT, 600)) {
        return;
    }
    for (ULONG i = 0; i < 20 && !IsDead && Resume(); i++) {
        CaseSleep(1);
    }
    CaseSleep(20);
}

DUTY(receive_resumes, "RECV-023", .world = TwoParts)
{
    if (!Listen(REFUSE, 80) || !TalkSoon(&IsSuspended, 2000) || IsDead) {
        return;
    }
    LONG Before = Calls;
    Answer = ACCEPT;
    for (ULONG i = 0; i < 20 && Calls == Before; i++) {
        if (!Resume()) {
            return;
        }
        CaseSleep(1000);
    }
    Check(Calls != Before || IsDisconnected || TalkIsLate());
}

DUTY(retained_bytes_are_taken, "RECV-021 REL-007 REL-009 PROP-LIFE-11 PROP-LIFE-12",
     .world = TwoParts)
{
    if (!Listen(RETAIN, 80)) {
        return;
    }
    (void)Called(1, 1000);
    TalkStep(1);
    CaseSleep(200);
    TalkStep(2);
    (void)TalkSoon(&IsDisconnected, 500);
    for (LONG i = 0; i < HeldCount; i++) {
        Check(TalkTotal(Held[i], HeldAt[i]) != 0);
    }
    Quiet();
}

DUTY(only_while_enabled, "RECV-013 EVT-001 PROP-LIFE-18", .world = TwoParts)
{
    if (!Listen(ACCEPT, 80)) {
        return;
    }
    (void)Called(1, 1000);
    Quiet();
    LONG Before = Calls;
    TalkStep(1);
    CaseSleep(500);
    Check(Calls == Before || IsDead || IsEnabled);
}

/* A queued receive is overtaken now and then, but not for ever. */
static NTSTATUS WSKAPI OnByte(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List, SIZE_T Count,
                              SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Accepted);
    if (List != NULL) {
        Position += Count;
        TalkStep((LONG)Position);
    }
    return STATUS_SUCCESS;
}

DUTY(queued_receive_goes_first, "RECV-010", .world = OneByOne)
{
    static const WSK_CLIENT_CONNECTION_DISPATCH Bytes = {OnByte, NULL, NULL};
    Socket = TalkConnected(NULL, &Bytes);
    WSK_BUF Buffer = BufferNew(1);
    if (Socket == NULL || Buffer.Mdl == NULL || !RequestNew(&First)) {
        return;
    }
    Connection(Socket)->WskReceive(Socket, &Buffer, 0, Fresh(&First));
    if (Enable(WSK_EVENT_RECEIVE)) {
        for (ULONG i = 0; i < 100 && Position < 16 && !IsDone(&First); i++) {
            CaseSleep(20);
        }
        Check(Position < 16);
    }
    IoCancelIrp(First.Irp);
    (void)Finish(&First);
}

FREEDOM(callback_overtakes_a_receive, "RECV-011", .world = OneByOne)
{
    static const WSK_CLIENT_CONNECTION_DISPATCH Bytes = {OnByte, NULL, NULL};
    Socket = TalkConnected(NULL, &Bytes);
    WSK_BUF Buffer = BufferNew(1);
    if (Socket == NULL || Buffer.Mdl == NULL || !RequestNew(&First)) {
        return;
    }
    if (Connection(Socket)->WskReceive(Socket, &Buffer, 0, Fresh(&First)) == STATUS_PENDING &&
        !IsDone(&First) && Enable(WSK_EVENT_RECEIVE)) {
        for (ULONG i = 0; i < 20 && Position == 0 && !IsDone(&First); i++) {
            CaseSleep(20);
        }
        if (Position != 0 && !IsDone(&First)) {
            Witness();
        }
    }
    IoCancelIrp(First.Irp);
    (void)Finish(&First);
}

/* Disabling does not undo a refusal: the bytes are there for WskReceive. */
DUTY(refused_bytes_outlive_the_disable, "RECV-031 EVT-020 EVT-005 RECV-012", .world = TwoParts)
{
    WSK_BUF Buffer = BufferNew(LENGTH);
    if (Buffer.Mdl == NULL || !Listen(DISABLE_AND_REFUSE, 80) || !Called(1, 2000) || IsDead) {
        return;
    }
    while (InterlockedCompareExchange(&Running, 0, 0) != 0) {
        CaseSleep(1); /* what it refuses is known when it has returned */
    }
    NTSTATUS Status = Receive(Buffer);
    Check(!NT_SUCCESS(Status) || First.Information != 0 || TalkIsLate());
}

/* ---- readings ---- */

static void Messages(void)
{
    struct wsksim_peer *Peer = TalkPeer();
    for (ULONG i = 0; Peer != NULL && i < 8; i++) {
        wsksim_send(Peer, TalkBytes() + 8 * i, 8);
    }
    TalkHold();
}

FREEDOM(message_flag_says_nothing, "RECV-027", .world = Messages)
{
    if (Listen(ACCEPT, 64)) {
        CaseSleep(500);
        if (Calls > 8) {
            Witness();
        }
        Quiet();
    }
}

FREEDOM(some_data_ends_a_message, "RECV-027", .world = Messages)
{
    if (Listen(ACCEPT, 64)) {
        CaseSleep(500);
        if (WithMark != 0 && WithoutMark != 0) {
            Witness();
        }
        Quiet();
    }
}

FREEDOM(several_shapes, "RECV-030 RECV-015", .world = Source)
{
    if (Listen(RETAIN, 600)) {
        CaseSleep(500);
        for (LONG i = 0; i < HeldCount; i++) {
            if (Held[i]->Next != NULL && Held[i]->Buffer.Mdl->Next != NULL &&
                Held[i]->Buffer.Offset != 0) {
                Witness();
            }
        }
        Quiet();
    }
}

/* A success that accepts nothing: a refusal, or everything. */
static BOOLEAN ZeroIsRefusal(void)
{
    if (!Listen(ZERO, 80) || !Called(1, 2000)) {
        return TRUE;
    }
    CaseSleep(50);
    WSK_BUF Buffer = BufferNew(LENGTH);
    if (Buffer.Mdl == NULL) {
        return TRUE;
    }
    IsReceiving = 1;
    Connection(Socket)->WskReceive(Socket, &Buffer, 0, Fresh(&First));
    IoCancelIrp(First.Irp);
    NTSTATUS Status = Finish(&First);
    return !NT_SUCCESS(Status) || ((PUCHAR)BufferBytes(&Buffer))[0] == TalkByte(0);
}

FREEDOM(accept_zero_is_refusal, "RECV-019 recv.accept_zero", .world = TwoParts,
        .knobs = "recv.accept_zero=0")
{
    if (ZeroIsRefusal() && First.Completions != 0 && NT_SUCCESS(First.Status)) {
        Witness();
    }
}

FREEDOM(accept_zero_is_everything, "RECV-019 recv.accept_zero AMBIGUOUS-LIFE-48",
        .world = TwoParts, .knobs = "recv.accept_zero=1")
{
    Answer = ZERO;
    Socket = TalkConnected(&First, &Dispatch);
    if (Socket != NULL && RequestNew(&First) && Enable(WSK_EVENT_RECEIVE) && Called(1, 2000)) {
        CaseSleep(50);
        WSK_BUF Buffer = BufferNew(LENGTH);
        if (Buffer.Mdl == NULL) {
            return;
        }
        Connection(Socket)->WskReceive(Socket, &Buffer, 0, Fresh(&First));
        CaseSleep(50);
        if (!IsDone(&First)) {
            Witness();
        }
        IoCancelIrp(First.Irp);
        (void)Finish(&First);
    }
}
