/* SPDX-License-Identifier: MIT */
/*
 * Cases of the life cycle, 1.13: callbacks around the close, connections, retained lists, sockets
 * that die. They die by chance, at a call (CLOSE-036): who needs a dead one goes on asking.
 */
#include "life.h"

#include "talk.h"

static UCHAR Remote[64];
static WSK_BUF Buffer;
static struct request Closing;
static PWSK_SOCKET Shared;
static volatile LONG Inside, Calls, MayLeave, IsClosing, Nulls, AfterEnd;

struct context {
    volatile LONG Calls;
};

static PWSK_SOCKET Bound(PVOID Context, const WSK_CLIENT_DATAGRAM_DISPATCH *Dispatch)
{
    PWSK_SOCKET Socket =
        CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, Context, Dispatch) : NULL;
    if (Socket == NULL || !RequestNew(&First) || !RequestNew(&Second) || !RequestNew(&Closing) ||
        !NT_SUCCESS(SocketBind(Socket, 7000))) {
        return NULL;
    }
    Buffer = BufferNew(64);
    return Buffer.Mdl != NULL ? Socket : NULL;
}

/* The same with its callback on. */
static PWSK_SOCKET Listening(PVOID Context, const WSK_CLIENT_DATAGRAM_DISPATCH *Dispatch)
{
    PWSK_SOCKET Socket = Bound(Context, Dispatch);
    return Socket != NULL && SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM) == STATUS_SUCCESS
               ? Socket
               : NULL;
}

static NTSTATUS LocalAddress(PWSK_SOCKET Socket, PIRP Irp)
{
    static SOCKADDR_STORAGE Address;
    return Datagram(Socket)->WskGetLocalAddress(Socket, (PSOCKADDR)&Address, Irp);
}

static NTSTATUS StartClose(PWSK_SOCKET Socket)
{
    SocketForget(Socket);
    return Basic(Socket)->WskCloseSocket(Socket, Fresh(&Closing));
}

static BOOLEAN Dies(PWSK_SOCKET Socket)
{
    for (ULONG i = 0; i < 50; i++) {
        NTSTATUS Answer = LocalAddress(Socket, Fresh(&Second));
        if (Finish(&Second) == STATUS_FILE_FORCED_CLOSED || Answer == STATUS_FILE_FORCED_CLOSED) {
            return TRUE;
        }
    }
    return FALSE;
}

/* ---- callbacks (CLOSE-005, CLOSE-009, CLOSE-010, CLOSE-013, CLOSE-014, CLOSE-040) ---- */

static NTSTATUS WSKAPI Lingers(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    struct context *c = Context;
    UNREFERENCED_PARAMETER(Flags);
    InterlockedIncrement(&Inside);
    if (IsClosing) {
        InterlockedIncrement(&AfterEnd);
    }
    for (ULONG i = 0; Data != NULL && i < 100 && !MayLeave; i++) {
        (void)KeReadStateEvent(&Closing.Done);
    }
    InterlockedIncrement(&c->Calls);
    InterlockedIncrement(&Calls);
    InterlockedDecrement(&Inside);
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH Lingering = {Lingers};
static struct context Fixed;

DUTY(close_waits_for_its_callbacks, "CLOSE-005 CLOSE-006 PROP-LIFE-08 PROP-LIFE-47",
     .keep = WSKSIM_KEEP_DATAGRAMS)
{
    PWSK_SOCKET Socket = Listening(&Fixed, &Lingering);
    if (Socket != NULL) {
        (void)TalkSoon(&Inside, 500);
        (void)StartClose(Socket);
        (void)Finish(&Closing);
        Check(Inside == 0);
        LONG Before = Calls;
        CaseSleep(500);
        Check(Calls == Before);
    }
}

FREEDOM(callback_runs_on_in_a_close, "CLOSE-010", .keep = WSKSIM_KEEP_DATAGRAMS)
{
    PWSK_SOCKET Socket = Listening(&Fixed, &Lingering);
    if (Socket != NULL) {
        (void)TalkSoon(&Inside, 500);
        (void)StartClose(Socket);
        if (Inside != 0 && !IsDone(&Closing)) {
            Witness();
        }
        MayLeave = 1;
        (void)Finish(&Closing);
    }
}

static void CloseEarly(void)
{
    PWSK_SOCKET Socket = Listening(&Fixed, &Lingering);
    if (Socket != NULL) {
        (void)TalkSoon(&Calls, 500);
        (void)StartClose(Socket);
        InterlockedExchange(&IsClosing, 1);
        (void)Finish(&Closing);
    }
}

FREEDOM(close_late_callbacks_until_completion, "CLOSE-010 close.late_callbacks",
        .keep = WSKSIM_KEEP_DATAGRAMS,
        .knobs = "close.late_callbacks=until-completion close.delay=10s event.concurrency=serial")
{
    CloseEarly();
    if (AfterEnd > 1) {
        Witness();
    }
}

/* Of the one that is on its way when the close is entered nobody can tell; after that: none. */
DUTY(close_late_callbacks_none, "CLOSE-010 close.late_callbacks", .keep = WSKSIM_KEEP_DATAGRAMS,
     .knobs = "close.late_callbacks=none close.delay=10s event.concurrency=serial")
{
    CloseEarly();
    Check(AfterEnd <= 1);
}

MISTAKE(context_freed_when_close_pends, "CLOSE-009 BUG-LIFE-14 BUG-LIFE-15",
        .keep = WSKSIM_KEEP_DATAGRAMS)
{
    struct context *c = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *c, TAG);
    if (c == NULL) {
        return;
    }
    c->Calls = 0;
    PWSK_SOCKET Socket = Bound(c, &Lingering);
    if (Socket != NULL) {
        if (SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM) == STATUS_SUCCESS) {
            (void)TalkSoon(&Inside, 500);
        }
        (void)StartClose(Socket);
        if (Mistaken) {
            ExFreePoolWithTag(c, TAG);
        }
        (void)Finish(&Closing);
        if (!Mistaken) {
            ExFreePoolWithTag(c, TAG);
        }
    } else {
        ExFreePoolWithTag(c, TAG);
    }
}

/* Closes its own socket inside its callback. */
static NTSTATUS WSKAPI ClosesItself(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    if (Data != NULL && InterlockedExchange(&IsClosing, 1) == 0) {
        NTSTATUS Answer = StartClose(Shared);
        Check(Answer == STATUS_PENDING && !IsDone(&Closing));
        if (Mistaken && KeGetCurrentIrql() < DISPATCH_LEVEL) {
            KeWaitForSingleObject(&Closing.Done, Executive, KernelMode, FALSE, NULL);
        }
        InterlockedIncrement(&Calls);
    }
    return STATUS_SUCCESS;
}

static void CloseInside(void)
{
    static const WSK_CLIENT_DATAGRAM_DISPATCH Table = {ClosesItself};
    Shared = Bound(NULL, &Table);
    if (Shared == NULL) {
        return;
    }
    PWSK_SOCKET Mine = Shared;
    if (SocketEvents(Mine, WSK_EVENT_RECEIVE_FROM) == STATUS_SUCCESS) {
        (void)TalkSoon(&Calls, 2000);
    }
    if (InterlockedExchange(&IsClosing, 1) == 0) {
        (void)StartClose(Mine);
    }
    (void)Finish(&Closing);
}

DUTY(close_in_a_callback_pends, "CLOSE-013 PROP-LIFE-47 PROP-LIFE-28",
     .keep = WSKSIM_KEEP_DATAGRAMS)
{
    CloseInside();
}

MISTAKE(callback_waits_for_its_close, "EVT-007 BUG-LIFE-16 CLOSE-014 IRP-023",
        .keep = WSKSIM_KEEP_DATAGRAMS)
{
    CloseInside();
}

static NTSTATUS WSKAPI Refuses(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    (void)Lingers(Context, Flags, Data);
    return Data != NULL && IsClosing ? STATUS_DATA_NOT_ACCEPTED : STATUS_SUCCESS;
}

FREEDOM(refusal_overlaps_the_close, "CLOSE-040", .keep = WSKSIM_KEEP_DATAGRAMS)
{
    static const WSK_CLIENT_DATAGRAM_DISPATCH Table = {Refuses};
    PWSK_SOCKET Socket = Listening(&Fixed, &Table);
    if (Socket != NULL) {
        (void)TalkSoon(&Inside, 500);
        BOOLEAN IsOverlap = Inside != 0;
        InterlockedExchange(&IsClosing, 1);
        (void)StartClose(Socket);
        MayLeave = 1;
        if (NT_SUCCESS(Finish(&Closing)) && IsOverlap) {
            Witness();
        }
    }
}

/* The socket object is there until the close has completed: a callback still finds its table. */
static NTSTATUS WSKAPI GivesBack(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    (void)Lingers(Context, Flags, Data);
    if (Data == NULL || !IsClosing) {
        return STATUS_SUCCESS;
    }
    Check(NT_SUCCESS(Datagram(Shared)->WskRelease(Shared, Data)));
    return STATUS_PENDING;
}

DUTY(socket_object_lives_until_completion, "CLOSE-008 PROP-LIFE-48",
     .keep = WSKSIM_KEEP_DATAGRAMS, .knobs = "amb.63=works release.before_return=accept")
{
    static const WSK_CLIENT_DATAGRAM_DISPATCH Table = {GivesBack};
    Shared = Listening(&Fixed, &Table);
    if (Shared != NULL) {
        (void)TalkSoon(&Inside, 500);
        InterlockedExchange(&IsClosing, 1);
        (void)StartClose(Shared);
        MayLeave = 1;
        (void)Finish(&Closing);
    }
}

/* ---- connections (CLOSE-015, CLOSE-016) ---- */

static volatile LONG PeerSaw;

static void Watches(void)
{
    char Byte;
    struct wsksim_peer *Peer = TalkPeer();
    if (Peer != NULL && TalkReached(1)) {
        PeerSaw = 1 + (LONG)-wsksim_receive(Peer, &Byte, 1, 20000);
    }
    TalkHold();
}

DUTY(close_of_a_connection_aborts, "CLOSE-015 PROP-LIFE-14", .world = Watches)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    if (Socket != NULL) {
        (void)SocketClose(Socket);
        TalkStep(1);
        (void)TalkSoon(&PeerSaw, 1000);
        Check(PeerSaw != 1 + -WSKSIM_FINISHED);
    }
}

MISTAKE(closed_right_after_a_send, "CLOSE-016 BUG-LIFE-42", .world = TalkSilent)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    Buffer = TalkBuffer(4096);
    if (Socket != NULL && Buffer.Mdl != NULL && RequestNew(&First)) {
        Connection(Socket)->WskSend(Socket, &Buffer, 0, Fresh(&First));
        if (!Mistaken) {
            (void)Finish(&First);
        }
        (void)SocketClose(Socket);
        if (Mistaken) {
            (void)Finish(&First);
        }
    }
}

/* ---- what the close does not do for the client (CLOSE-017, CLOSE-018, AMBIGUOUS-LIFE-17) ---- */

MISTAKE(descriptor_left_to_the_close, "CTL-119 CLOSE-017")
{
    static SECURITY_DESCRIPTOR Source;
    PSECURITY_DESCRIPTOR In = &Source, Cached = NULL;
    if (!CaseWsk() || !RequestNew(&First) ||
        !NT_SUCCESS(RtlCreateSecurityDescriptor(&Source, SECURITY_DESCRIPTOR_REVISION)) ||
        !NT_SUCCESS(CaseNpi.Dispatch->WskControlClient(CaseNpi.Client, WSK_CACHE_SD, sizeof In, &In,
                                                       sizeof Cached, &Cached, NULL, NULL))) {
        return;
    }
    CaseNpi.Dispatch->WskSocket(CaseNpi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL, NULL, NULL, Cached,
                                Fresh(&First));
    if (NT_SUCCESS(Finish(&First))) {
        SocketAdopt((PWSK_SOCKET)First.Information);
        (void)SocketClose((PWSK_SOCKET)First.Information);
    }
    if (!Mistaken) {
        (void)CaseNpi.Dispatch->WskControlClient(CaseNpi.Client, WSK_RELEASE_SD, sizeof Cached,
                                                 &Cached, 0, NULL, NULL, NULL);
    }
}

MISTAKE(socket_open_at_deregistration, "SOCK-020 CLOSE-018 PROP-LIFE-06")
{
    PWSK_SOCKET Socket = Bound(NULL, NULL);
    if (Socket != NULL && Mistaken) {
        SocketForget(Socket);
    }
}

static PWSK_DATAGRAM_INDICATION volatile Kept;

static NTSTATUS WSKAPI Keeps(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    if (Data == NULL || Kept != NULL || MayLeave) {
        return STATUS_SUCCESS;
    }
    Kept = Data;
    InterlockedIncrement(&Calls);
    return STATUS_PENDING;
}

/* Closes with a list that it has retained. */
static PWSK_SOCKET CloseRetaining(void)
{
    static const WSK_CLIENT_DATAGRAM_DISPATCH Table = {Keeps};
    PWSK_SOCKET Socket = Listening(NULL, &Table);
    if (Socket == NULL) {
        return NULL;
    }
    (void)TalkSoon(&Calls, 2000);
    MayLeave = 1;
    CaseSleep(10);
    (void)StartClose(Socket);
    return Socket;
}

FREEDOM(close_with_retained_leak, "REL-005 close.with_retained", .off = "REL-005",
        .keep = WSKSIM_KEEP_DATAGRAMS,
        .knobs = "close.with_retained=leak event.concurrency=serial close.delay=none")
{
    if (CloseRetaining() != NULL && NT_SUCCESS(Finish(&Closing)) && Kept != NULL) {
        Witness();
    }
}

FREEDOM(close_with_retained_never_completes, "REL-005 close.with_retained", .off = "REL-005",
        .keep = WSKSIM_KEEP_DATAGRAMS,
        .knobs = "close.with_retained=never-completes event.concurrency=serial close.delay=none")
{
    PWSK_SOCKET Socket = CloseRetaining();
    if (Socket != NULL) {
        CaseSleep(2000);
        if (Kept != NULL && !IsDone(&Closing)) {
            Witness();
            (void)Datagram(Socket)->WskRelease(Socket, Kept);
        }
        (void)Finish(&Closing);
    }
}

MISTAKE(close_with_retained_crash, "MEM-UAF close.with_retained REL-005", .off = "REL-005",
        .keep = WSKSIM_KEEP_DATAGRAMS,
        .knobs = "close.with_retained=crash event.concurrency=serial")
{
    if (Mistaken && CloseRetaining() != NULL) {
        (void)Finish(&Closing);
    }
}

/* ---- death (CLOSE-030 to CLOSE-037) ---- */

static NTSTATUS Ends(NTSTATUS Answer, struct request *Request)
{
    NTSTATUS Status = Finish(Request);
    Check(Answer == STATUS_PENDING || Answer == Status); /* CLOSE-031 */
    return Status;
}

DUTY(dead_sockets_stay_dead, "CLOSE-034 CLOSE-030 CLOSE-031 CLOSE-019 PROP-LIFE-29",
     .knobs = "amb.34=all-fail close.may_fail=never")
{
    static SOCKADDR_IN To;
    PWSK_SOCKET Socket = Bound(NULL, NULL);
    if (Socket == NULL || !Dies(Socket)) {
        return;
    }
    const NTSTATUS Dead = STATUS_FILE_FORCED_CLOSED;
    To = Address4("10.0.0.2", 7000);
    Check(Ends(LocalAddress(Socket, Fresh(&First)), &First) == Dead);
    Check(Ends(Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, (PSOCKADDR)Remote, NULL, NULL,
                                                NULL, Fresh(&First)),
               &First) == Dead);
    Check(Ends(Datagram(Socket)->WskSendTo(Socket, &Buffer, 0, (PSOCKADDR)&To, 0, NULL,
                                           Fresh(&First)),
               &First) == Dead);
    (void)StartClose(Socket);
    Check(NT_SUCCESS(Finish(&Closing)));
}

DUTY(pending_requests_end_with_the_socket, "CLOSE-037 CLOSE-031")
{
    PWSK_SOCKET Socket = Bound(NULL, NULL);
    if (Socket == NULL) {
        return;
    }
    (void)Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, (PSOCKADDR)Remote, NULL, NULL, NULL,
                                           Fresh(&First));
    if (Dies(Socket)) {
        (void)StartClose(Socket);
        (void)Finish(&Closing);
        NTSTATUS Status = Finish(&First);
        Check(NT_SUCCESS(Status) == (First.Information != 0) || NT_SUCCESS(Status));
        Check(Status != STATUS_PENDING);
    }
}

static NTSTATUS WSKAPI CountsNulls(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    InterlockedAdd(&Nulls, Data == NULL);
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH Counting = {CountsNulls};

DUTY(death_is_announced_once, "CLOSE-035 CLOSE-033", .knobs = "amb.31=once")
{
    PWSK_SOCKET Socket = Listening(NULL, &Counting);
    if (Socket != NULL && Dies(Socket)) {
        CaseSleep(2000);
        Check(Nulls <= 1);
    }
}

FREEDOM(death_is_announced_by_a_callback, "CLOSE-033 dead.announce",
        .knobs = "amb.31=once dead.announce=both")
{
    PWSK_SOCKET Socket = Listening(NULL, &Counting);
    if (Socket != NULL && Dies(Socket) && TalkSoon(&Nulls, 1000)) {
        Witness();
    }
}

DUTY(dead_announce_irps_only, "CLOSE-033 dead.announce",
     .knobs = "amb.31=once dead.announce=irps-only")
{
    PWSK_SOCKET Socket = Listening(NULL, &Counting);
    if (Socket != NULL && Dies(Socket)) {
        CaseSleep(2000);
        Check(Nulls == 0);
    }
}

/* Told by the callback, and the receive waits until the close. */
FREEDOM(dead_announce_callback_only, "CLOSE-037 CLOSE-033 dead.announce",
        .knobs = "amb.31=once amb.33=fail-promptly dead.announce=callback-only")
{
    PWSK_SOCKET Socket = Listening(NULL, &Counting);
    if (Socket == NULL) {
        return;
    }
    (void)Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, (PSOCKADDR)Remote, NULL, NULL, NULL,
                                           Fresh(&First));
    if (!IsDone(&First) && Dies(Socket) && TalkSoon(&Nulls, 1000)) {
        CaseSleep(1000);
        if (!IsDone(&First)) {
            Witness();
        }
    }
}

FREEDOM(sockets_die, "CLOSE-036")
{
    PWSK_SOCKET Socket = Bound(NULL, NULL);
    if (Socket != NULL && Dies(Socket)) {
        Witness();
    }
}

MISTAKE(dead_socket_never_closed, "CLOSE-032 BUG-LIFE-22 PROP-LIFE-30")
{
    PWSK_SOCKET Socket = Bound(NULL, NULL);
    if (Socket != NULL && Dies(Socket) && Mistaken) {
        SocketForget(Socket);
    }
}

MISTAKE(dead_socket_asked_again, "CLOSE-032", .is_lint = 1)
{
    PWSK_SOCKET Socket = Bound(NULL, NULL);
    if (Socket != NULL && Dies(Socket) && Mistaken) {
        (void)LocalAddress(Socket, Fresh(&Second));
        (void)Finish(&Second);
    }
}

/* How late is late? */
static void CloseLate(ULONG InTime, ULONG Late)
{
    PWSK_SOCKET Socket = Bound(NULL, NULL);
    if (Socket != NULL && Dies(Socket)) {
        CaseSleep(Mistaken ? Late : InTime);
    }
}

MISTAKE(dead_grace_1s, "CLOSE-032 dead.grace", .is_lint = 1, .knobs = "dead.grace=1s")
{
    CloseLate(0, 1500);
}

MISTAKE(dead_grace_10ms, "CLOSE-032 dead.grace", .is_lint = 1, .knobs = "dead.grace=10ms")
{
    CloseLate(0, 50);
}

MISTAKE(dead_grace_10s, "CLOSE-032 dead.grace", .is_lint = 1, .knobs = "dead.grace=10s")
{
    CloseLate(4000, 15000);
}

/* A reset of the peer kills the socket under one reading. */
static void Resets(void)
{
    struct wsksim_peer *Peer = TalkPeer();
    if (Peer != NULL && TalkReached(1)) {
        wsksim_reset(Peer);
    }
    TalkHold();
}

static volatile LONG Aborts;

static NTSTATUS WSKAPI OnAbort(PVOID Context, ULONG Flags)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    Aborts++;
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_CONNECTION_DISPATCH Aborting = {NULL, OnAbort, NULL};

/* How often the abort of the peer is told as what it is. */
static LONG ResetIsTold(void)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, &Aborting);
    if (Socket != NULL && SocketEvents(Socket, WSK_EVENT_DISCONNECT) == STATUS_SUCCESS) {
        TalkStep(1);
        (void)TalkSoon(&Aborts, 3000);
    }
    return Aborts;
}

FREEDOM(dead_cause_separate_fault, "CLOSE-036 dead.cause", .world = Resets,
        .knobs = "dead.cause=separate-fault")
{
    if (ResetIsTold() != 0) {
        Witness();
    }
}

DUTY(dead_cause_reset_kills, "CLOSE-036 dead.cause", .world = Resets,
     .knobs = "dead.cause=reset-kills")
{
    Check(ResetIsTold() == 0);
}
