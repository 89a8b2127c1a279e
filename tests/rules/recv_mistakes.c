/* SPDX-License-Identifier: MIT */
/*
 * Cases of the life cycle, 1.10: clients that misunderstand WskReceiveEvent, each with the callback
 * that does.
 */
#include "talk.h"

enum { LENGTH = 12 };

static struct request First, Second;
static PWSK_SOCKET Socket;
static volatile LONG IsSuspended, Calls;
static volatile SIZE_T Position;

static BOOLEAN Enable(void)
{
    return SocketEvents(Socket, WSK_EVENT_RECEIVE) == STATUS_SUCCESS;
}

/* Lifts a suspension and takes nothing. False: the connection is gone. */
static BOOLEAN Resume(void)
{
    WSK_BUF Nothing = {NULL, 0, 0};
    IsSuspended = 0;
    Connection(Socket)->WskReceive(Socket, &Nothing, 0, Fresh(&First));
    return NT_SUCCESS(Finish(&First));
}

/* Off for good. */
static void Quiet(void)
{
    WSK_EVENT_CALLBACK_CONTROL Off = {&NPI_WSK_INTERFACE_ID, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE};
    Basic(Socket)->WskControlSocket(Socket, WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET,
                                    sizeof Off, &Off, 0, NULL, NULL, Fresh(&Second));
    (void)Finish(&Second);
}

static void Source(void)
{
    TalkSource(600);
}

/* Some bytes at once, more when the body says so. */
static void TwoParts(void)
{
    struct wsksim_peer *Peer = TalkPeer();
    if (Peer != NULL) {
        wsksim_send(Peer, TalkBytes(), 40);
        if (TalkReached(1)) {
            wsksim_send(Peer, TalkBytes() + 40, 40);
        }
        TalkHold();
    }
}

/* It takes one byte of what it is shown, and does not say so: the rest is lost. */
static NTSTATUS WSKAPI OnRecord(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List, SIZE_T Count,
                                SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Flags);
    volatile LONG *IsLost = Context;
    if (List != NULL && IsSuspended == 0) {
        WSK_BUF One = {List->Buffer.Mdl, List->Buffer.Offset, 1};
        *IsLost |= !TalkHolds(&One, Position);
        NT_ASSERT(!*IsLost);
        Position++;
        if (!Mistaken) {
            *Accepted = 1;
            IsSuspended = Count > 1;
        }
    }
    return STATUS_SUCCESS;
}

MISTAKE(forgets_the_count, "SYS-ASSERT RECV-020 BUG-LIFE-24", .world = Source)
{
    static const WSK_CLIENT_CONNECTION_DISPATCH Records = {OnRecord, NULL, NULL};
    static volatile LONG IsLost;
    Socket = TalkConnected((PVOID)&IsLost, &Records);
    if (Socket != NULL && RequestNew(&First) && Enable()) {
        for (ULONG i = 0; i < 20; i++) {
            CaseSleep(10);
            if (IsSuspended != 0 && !Resume()) {
                break;
            }
        }
    }
}

static KEVENT AllTaken;

static NTSTATUS WSKAPI OnPart(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List, SIZE_T Count,
                              SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Accepted);
    if (List == NULL || Calls++ != 0) {
        Position += Count;
        if (List == NULL || Position == 80) {
            KeSetEvent(&AllTaken, IO_NO_INCREMENT, FALSE);
        }
        return STATUS_SUCCESS;
    }
    return STATUS_DATA_NOT_ACCEPTED; /* not ready yet */
}

/* The same client, waiting for all the bytes it knows there are. */
MISTAKE(refuses_and_waits, "SYS-DEADLOCK RECV-024 BUG-LIFE-25", .world = TwoParts)
{
    static const WSK_CLIENT_CONNECTION_DISPATCH Parts = {OnPart, NULL, NULL};
    LARGE_INTEGER Limit = {.QuadPart = -10 * 10000000ll};
    KeInitializeEvent(&AllTaken, NotificationEvent, FALSE);
    Socket = TalkConnected(NULL, &Parts);
    if (Socket == NULL || !RequestNew(&First) || !Enable() || !TalkSoon(&Calls, 2000)) {
        return;
    }
    TalkStep(1);
    if (!Mistaken && !Resume()) {
        return;
    }
    KeWaitForSingleObject(&AllTaken, Executive, KernelMode, FALSE, Mistaken ? NULL : &Limit);
}

static PWSK_DATA_INDICATION Kept;

static NTSTATUS WSKAPI OnKept(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List, SIZE_T Count,
                              SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Count);
    UNREFERENCED_PARAMETER(Accepted);
    Kept = List;
    Calls += List != NULL;
    return STATUS_SUCCESS;
}

MISTAKE(list_used_after_success, "RECV-025 BUG-LIFE-20", .world = Source)
{
    static const WSK_CLIENT_CONNECTION_DISPATCH Keeps = {OnKept, NULL, NULL};
    Socket = TalkConnected(NULL, &Keeps);
    if (Socket != NULL && Enable() && TalkSoon(&Calls, 2000) && Mistaken) {
        CaseSleep(5);
        if (Kept != NULL && Kept->Buffer.Length == 0) {
            KeStallExecutionProcessor(1);
        }
    }
}

static NTSTATUS WSKAPI OnAsap(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List, SIZE_T Count,
                              SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Count);
    UNREFERENCED_PARAMETER(Accepted);
    if (List == NULL || Kept != NULL || (Flags & WSK_FLAG_RELEASE_ASAP) == 0) {
        return STATUS_SUCCESS;
    }
    Kept = List;
    return STATUS_PENDING;
}

MISTAKE(list_held_that_is_wanted_back, "RECV-026", .world = Source)
{
    static const WSK_CLIENT_CONNECTION_DISPATCH Asap = {OnAsap, NULL, NULL};
    Socket = TalkConnected(NULL, &Asap);
    BOOLEAN IsReady = RequestNew(&First) && RequestNew(&Second);
    if (Socket != NULL && IsReady && Enable()) {
        CaseSleep(Mistaken ? 2000 : 50);
        Quiet();
        if (Kept != NULL) {
            Connection(Socket)->WskRelease(Socket, Kept);
        }
    }
}

/* The dead socket's callback is called without a list. */
static NTSTATUS WSKAPI OnCareless(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List,
                                  SIZE_T Count, SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Count);
    UNREFERENCED_PARAMETER(Accepted);
    if (!Mistaken && List == NULL) {
        return STATUS_SUCCESS;
    }
    return List->Buffer.Length == 0 ? STATUS_DATA_NOT_ACCEPTED : STATUS_SUCCESS;
}

MISTAKE(null_indication_not_expected, "CTL-187 RECV-016 BUG-LIFE-21", .world = TwoParts)
{
    static const WSK_CLIENT_CONNECTION_DISPATCH Careless = {OnCareless, NULL, NULL};
    Socket = TalkConnected(NULL, &Careless);
    if (Socket == NULL || !RequestNew(&First) || !Enable()) {
        return;
    }
    for (ULONG i = 0; i < 20 && Resume(); i++) {
        CaseSleep(1);
    }
    CaseSleep(20);
}

/* All of a list is read through its first MDL. */
static NTSTATUS WSKAPI OnFlat(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List, SIZE_T Count,
                              SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Accepted);
    if (List != NULL && Mistaken) {
        const UCHAR *Bytes = MmGetSystemAddressForMdlSafe(List->Buffer.Mdl, NormalPagePriority);
        for (SIZE_T i = 0; Bytes != NULL && i < Count; i++) {
            Position += Bytes[i];
        }
    } else if (List != NULL) {
        Position += TalkTotal(List, Position);
    }
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_CONNECTION_DISPATCH Flat = {OnFlat, NULL, NULL};

MISTAKE(only_the_first_mdl_is_read, "MEM-OVERFLOW RECV-030 BUG-LIFE-28", .world = Source)
{
    Socket = TalkConnected(NULL, &Flat);
    if (Socket != NULL && Enable()) {
        CaseSleep(1000);
    }
}

/* A client that ignores the offset sees bytes that are not the peer's. */
static NTSTATUS WSKAPI OnUnshifted(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List,
                                   SIZE_T Count, SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Accepted);
    if (List != NULL) {
        WSK_BUF One = {List->Buffer.Mdl, Mistaken ? 0 : List->Buffer.Offset, 1};
        NT_ASSERT(TalkHolds(&One, Position));
    }
    Position += Count;
    return STATUS_SUCCESS;
}

MISTAKE(the_offset_is_ignored, "SYS-ASSERT RECV-030 BUG-LIFE-28", .world = Source)
{
    static const WSK_CLIENT_CONNECTION_DISPATCH Unshifted = {OnUnshifted, NULL, NULL};
    Socket = TalkConnected(NULL, &Unshifted);
    if (Socket != NULL && Enable()) {
        CaseSleep(1000);
    }
}

/* One indication is taken for one message of eight bytes. */
static NTSTATUS WSKAPI OnMessage(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List,
                                 SIZE_T Count, SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Accepted);
    if (List != NULL && Mistaken && (Flags & WSK_FLAG_ENTIRE_MESSAGE) != 0) {
        NT_ASSERT(Count == 8);
    }
    return STATUS_SUCCESS;
}

static void Messages(void)
{
    struct wsksim_peer *Peer = TalkPeer();
    for (ULONG i = 0; Peer != NULL && i < 8; i++) {
        wsksim_send(Peer, TalkBytes() + 8 * i, 8);
    }
    TalkHold();
}

MISTAKE(one_callback_is_one_message, "SYS-ASSERT RECV-027 RECV-030 BUG-LIFE-27",
        .world = Messages)
{
    static const WSK_CLIENT_CONNECTION_DISPATCH Framed = {OnMessage, NULL, NULL};
    Socket = TalkConnected(NULL, &Framed);
    if (Socket != NULL && Enable()) {
        CaseSleep(1000);
    }
}

/* The callback takes the one IRP of the client: no receive can be queued, or so it believes. */
static NTSTATUS WSKAPI OnAnswer(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List, SIZE_T Count,
                                SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Count);
    UNREFERENCED_PARAMETER(Accepted);
    if (List != NULL && Mistaken && !IsDone(&First)) {
        IoReuseIrp(First.Irp, STATUS_UNSUCCESSFUL);
    }
    return STATUS_SUCCESS;
}

MISTAKE(callback_takes_the_queued_irp, "IRP-008 RECV-011 BUG-LIFE-55", .world = Source)
{
    static const WSK_CLIENT_CONNECTION_DISPATCH Answers = {OnAnswer, NULL, NULL};
    Socket = TalkConnected(NULL, &Answers);
    WSK_BUF Buffer = BufferNew(LENGTH);
    if (Socket == NULL || Buffer.Mdl == NULL || !RequestNew(&First)) {
        return;
    }
    Connection(Socket)->WskReceive(Socket, &Buffer, 0, Fresh(&First));
    if (Enable()) {
        CaseSleep(1000);
    }
    IoCancelIrp(First.Irp);
    (void)Finish(&First);
}

static BOOLEAN WritesAnyway; /* be it a mistake or not */

/* The client works in the subsystem's buffer. */
static NTSTATUS WSKAPI OnInPlace(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List,
                                 SIZE_T Count, SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Count);
    UNREFERENCED_PARAMETER(Accepted);
    if (List != NULL && (Mistaken || WritesAnyway)) {
        PUCHAR Bytes = MmGetSystemAddressForMdlSafe(List->Buffer.Mdl, NormalPagePriority);
        if (Bytes != NULL) {
            Bytes[List->Buffer.Offset] ^= 0x20;
        }
    }
    return STATUS_SUCCESS;
}

static void WorkInPlace(void)
{
    static const WSK_CLIENT_CONNECTION_DISPATCH InPlace = {OnInPlace, NULL, NULL};
    Socket = TalkConnected(NULL, &InPlace);
    if (Socket != NULL && Enable()) {
        CaseSleep(50);
    }
}

MISTAKE(writes_into_a_list, "RECV-025 recv.client_writes", .world = Source, .is_lint = 1,
        .knobs = "recv.client_writes=0")
{
    WorkInPlace();
}

MISTAKE(writes_into_a_list_strictly, "RECV-025 recv.client_writes AMBIGUOUS-LIFE-64",
        .world = Source, .knobs = "recv.client_writes=1")
{
    WorkInPlace();
}

DUTY(writes_into_a_list_legally, "RECV-025 recv.client_writes", .world = Source,
     .knobs = "recv.client_writes=legal", .is_lint = 1, .is_silent = 1)
{
    WritesAnyway = TRUE;
    WorkInPlace();
}

/* When it resumes: at the call, or when the receive has completed. */
static volatile LONG IsEarlyCall;

static NTSTATUS WSKAPI OnResumed(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List,
                                 SIZE_T Count, SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Count);
    UNREFERENCED_PARAMETER(Accepted);
    if (List == NULL) {
        return STATUS_SUCCESS;
    }
    if (Calls++ == 0) {
        return STATUS_DATA_NOT_ACCEPTED;
    }
    IsEarlyCall |= First.Completions == 0;
    return STATUS_SUCCESS;
}

static void ResumeOnce(void)
{
    static const WSK_CLIENT_CONNECTION_DISPATCH Resumed = {OnResumed, NULL, NULL};
    Socket = TalkConnected(NULL, &Resumed);
    if (Socket != NULL && RequestNew(&First) && Enable() && TalkSoon(&Calls, 2000)) {
        CaseSleep(20);
        (void)Resume();
        CaseSleep(20);
    }
}

FREEDOM(resumed_at_the_call, "RECV-023 recv.resume_moment", .world = Source,
        .knobs = "recv.resume_moment=0")
{
    ResumeOnce();
    if (IsEarlyCall) {
        Witness();
    }
}

DUTY(resumed_at_the_completion, "RECV-023 recv.resume_moment AMBIGUOUS-LIFE-23", .world = Source,
     .knobs = "recv.resume_moment=1")
{
    ResumeOnce();
    Check(!IsEarlyCall);
}
