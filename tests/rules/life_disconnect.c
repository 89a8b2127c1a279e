/* SPDX-License-Identifier: MIT */
/* Cases of the life cycle, 1.8: disconnecting, gracefully and abortively. */
#include "ends.h"

#include "talk.h"

static struct request Own, Other, Third;
static volatile LONG Graceful, Abortive, Received, Bytes, AfterFinish;

static NTSTATUS WSKAPI OnDisconnect(PVOID Context, ULONG Flags)
{
    UNREFERENCED_PARAMETER(Context);
    InterlockedIncrement((Flags & WSK_FLAG_ABORTIVE) != 0 ? &Abortive : &Graceful);
    return STATUS_SUCCESS;
}

static NTSTATUS WSKAPI OnReceive(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION Data,
                                 SIZE_T Size, SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Accepted);
    if (Data != NULL) {
        InterlockedIncrement(&Received);
        Bytes += (LONG)Size;
        AfterFinish |= Graceful != 0;
    }
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_CONNECTION_DISPATCH Events = {OnReceive, OnDisconnect, NULL};

/* WskDisconnect into Own, not waited for. */
static NTSTATUS StartDisconnect(PWSK_SOCKET Socket, WSK_BUF *Buffer, ULONG Flags)
{
    return Connection(Socket)->WskDisconnect(Socket, Buffer, Flags, Fresh(&Own));
}

/* A pair whose client has these events enabled. */
static BOOLEAN PairWith(struct pair *Pair, ULONG Mask)
{
    Pair->Listener = ListenerOn(LIFE_PORT, NULL);
    Pair->Client = Pair->Listener != NULL
                       ? SocketConnected("127.0.0.1", LIFE_PORT, NULL, &Events)
                       : NULL;
    Pair->Accepted =
        Pair->Client != NULL ? AcceptOne(Pair->Listener, NULL, NULL, 60000) : NULL;
    return Pair->Accepted != NULL && SocketEvents(Pair->Client, Mask) == STATUS_SUCCESS &&
           RequestNew(&Own) && RequestNew(&Other) && RequestNew(&Third);
}

static BOOLEAN Paired(struct pair *Pair)
{
    return PairNew(Pair, LIFE_PORT) && RequestNew(&Own) && RequestNew(&Other) && RequestNew(&Third);
}

#define Paired128 Calm, .knobs = "listen.backlog=128"

/* ---- arguments ---- */

MISTAKE(disconnect_unconnected, "DISC-001")
{
    PWSK_SOCKET Socket = BoundConnection();
    if (Socket != NULL && Mistaken) {
        (void)Disconnect(Socket, 0);
    }
}

MISTAKE(disconnect_unknown_flag, "DISC-002", .world = TalkSilent)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    if (Socket != NULL) {
        (void)Disconnect(Socket, Mistaken ? WSK_FLAG_ABORTIVE | 2 : WSK_FLAG_ABORTIVE);
    }
}

MISTAKE(abortive_with_a_buffer, "DISC-002 BUG-LIFE-40", .world = TalkSilent)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    WSK_BUF Buffer = BufferNew(8);
    if (Socket != NULL && Buffer.Mdl != NULL && RequestNew(&Own)) {
        (void)StartDisconnect(Socket, Mistaken ? &Buffer : NULL, WSK_FLAG_ABORTIVE);
        (void)Finish(&Own);
    }
}

MISTAKE(final_buffer_changed, "DISC-005 PROP-LIFE-31", .world = TalkSilent)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    WSK_BUF Buffer = BufferNew(8);
    if (Socket != NULL && Buffer.Mdl != NULL && RequestNew(&Own)) {
        NTSTATUS Status = StartDisconnect(Socket, &Buffer, 0);
        if (Mistaken && Status == STATUS_PENDING && !IsDone(&Own)) {
            *(UCHAR *)BufferBytes(&Buffer) = 1;
        }
        (void)SocketClose(Socket);
        (void)Finish(&Own);
    }
}

/* ---- graceful ---- */

DUTY(disconnect_outcome, "DISC-003 DISC-004", Paired128)
{
    struct pair Pair;
    if (Paired(&Pair)) {
        Check(Disconnect(Pair.Client, 0) == STATUS_SUCCESS);
    }
}

/* All that the peer gets until the end of the stream; -1 if the stream does not end. */
static LONG Drain(PWSK_SOCKET Socket, UCHAR *Last)
{
    UCHAR Part[64];
    SIZE_T Got;
    for (LONG Total = 0; Total < 4096; Total += (LONG)Got) {
        if (!NT_SUCCESS(ReceiveBytes(Socket, Part, sizeof Part, &Got, 60000))) {
            return -1;
        }
        if (Got == 0) {
            return Total;
        }
        *Last = Part[Got - 1];
    }
    return -1;
}

DUTY(graceful_end_comes_last, "DISC-004 PROP-LIFE-15 PROP-LIFE-13", Paired128)
{
    struct pair Pair;
    UCHAR Last = 0;
    WSK_BUF Buffer = BufferNew(8);
    if (Buffer.Mdl != NULL && Paired(&Pair) && NT_SUCCESS(SendBytes(Pair.Client, 1, 100))) {
        RtlFillMemory(BufferBytes(&Buffer), 8, 2);
        (void)StartDisconnect(Pair.Client, &Buffer, 0);
        Check(Drain(Pair.Accepted, &Last) == 108 && Last == 2);
        Check(Finish(&Own) == STATUS_SUCCESS);
    }
}

/* More than the peer's window, from a peer that takes nothing. */
static BOOLEAN Stalls(PWSK_SOCKET Socket)
{
    WSK_BUF Buffer = BufferNew(200000);
    if (Buffer.Mdl == NULL || (Own.Irp == NULL && !RequestNew(&Own))) {
        return FALSE;
    }
    (void)StartDisconnect(Socket, &Buffer, 0);
    return !FinishedIn(&Own, 10000);
}

FREEDOM(disconnect_stalls, "DISC-006", .world = TalkSilent)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    if (Socket != NULL) {
        if (Stalls(Socket)) {
            Witness();
        }
        (void)SocketClose(Socket);
    }
}

/* No abort to fall back on. */
MISTAKE(disconnect_without_a_limit, "SYS-DEADLOCK DISC-006 IRP-024 BUG-LIFE-41", Calm,
        .knobs = "listen.backlog=128")
{
    struct pair Pair;
    if (!Paired(&Pair)) {
        return;
    }
    BOOLEAN Stalled = Stalls(Pair.Client);
    if (Stalled && !Mistaken) {
        (void)Disconnect(Pair.Client, WSK_FLAG_ABORTIVE);
    }
    (void)(Own.InFlight ? Finish(&Own) : 0);
}

DUTY(abort_ends_a_stall, "DISC-007", Paired128)
{
    struct pair Pair;
    if (Paired(&Pair) && Stalls(Pair.Client)) {
        (void)Disconnect(Pair.Client, WSK_FLAG_ABORTIVE);
        Check(FinishedIn(&Own, 60000));
    }
}

static NTSTATUS ForcedBy(BOOLEAN Abort)
{
    struct pair Pair;
    if (!Paired(&Pair) || !Stalls(Pair.Client)) {
        return STATUS_PENDING;
    }
    if (Abort) {
        (void)Disconnect(Pair.Client, WSK_FLAG_ABORTIVE);
    } else {
        (void)SocketClose(Pair.Client);
    }
    return Finish(&Own);
}

FREEDOM(forced_by_abort, "DISC-007 disconnect.forced_status AMBIGUOUS-LIFE-27", Calm,
        .knobs = "listen.backlog=128 disconnect.forced_status=by-cause")
{
    if (ForcedBy(TRUE) == STATUS_CONNECTION_ABORTED) {
        Witness();
    }
}

FREEDOM(forced_by_close, "DISC-007 disconnect.forced_status", Calm,
        .knobs = "listen.backlog=128 disconnect.forced_status=by-cause")
{
    if (ForcedBy(FALSE) == STATUS_CANCELLED) {
        Witness();
    }
}

FREEDOM(forced_with_success, "DISC-007 disconnect.forced_status", Calm,
        .knobs = "listen.backlog=128 disconnect.forced_status=success")
{
    if (ForcedBy(TRUE) == STATUS_SUCCESS) {
        Witness();
    }
}

FREEDOM(forced_swapped, "DISC-007 disconnect.forced_status", Calm,
        .knobs = "listen.backlog=128 disconnect.forced_status=swapped")
{
    if (ForcedBy(TRUE) == STATUS_CANCELLED) {
        Witness();
    }
}

MISTAKE(send_after_disconnect, "DISC-008 BUG-LIFE-40", .world = TalkSilent)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    if (Socket != NULL) {
        NTSTATUS Status = Disconnect(Socket, 0);
        if (Mistaken && NT_SUCCESS(Status)) {
            (void)SendBytes(Socket, 1, 1);
        }
    }
}

DUTY(half_open_delivers, "DISC-009 disconnect.half_open", Calm,
     .knobs = "disconnect.half_open=supported listen.backlog=128")
{
    struct pair Pair;
    UCHAR Byte = 0;
    SIZE_T Got;
    if (Paired(&Pair) && NT_SUCCESS(Disconnect(Pair.Client, 0))) {
        Check(NT_SUCCESS(SendBytes(Pair.Accepted, 5, 1)));
        Check(NT_SUCCESS(ReceiveBytes(Pair.Client, &Byte, 1, &Got, 60000)));
        Check(Got == 1 && Byte == 5);
    }
}

FREEDOM(no_half_open_connections, "DISC-009 disconnect.half_open", Calm,
        .knobs = "disconnect.half_open=not-supported listen.backlog=128")
{
    struct pair Pair;
    UCHAR Byte = 0;
    SIZE_T Got;
    if (Paired(&Pair) && NT_SUCCESS(Disconnect(Pair.Client, 0))) {
        Check(NT_SUCCESS(SendBytes(Pair.Accepted, 5, 1)));
        Check(NT_SUCCESS(Disconnect(Pair.Accepted, 0)));
        if (NT_SUCCESS(ReceiveBytes(Pair.Client, &Byte, 1, &Got, 60000)) && Got == 0) {
            Witness(); /* the end of the stream, and not the byte before it */
        }
    }
}

/* ---- abortive ---- */

DUTY(abort_cancels_sends, "DISC-010 SEND-012", Paired128)
{
    struct pair Pair;
    WSK_BUF Buffer = BufferNew(200000);
    if (Buffer.Mdl != NULL && Paired(&Pair)) {
        Connection(Pair.Client)->WskSend(Pair.Client, &Buffer, 0, Fresh(&Own));
        if (!FinishedIn(&Own, 10000)) {
            Check(NT_SUCCESS(Disconnect(Pair.Client, WSK_FLAG_ABORTIVE)));
            Check(!NT_SUCCESS(Finish(&Own)));
        }
    }
}

DUTY(nothing_after_an_abort, "DISC-011", Paired128)
{
    struct pair Pair;
    UCHAR Byte;
    SIZE_T Got;
    if (Paired(&Pair) && NT_SUCCESS(Disconnect(Pair.Client, WSK_FLAG_ABORTIVE))) {
        Check(!NT_SUCCESS(SendBytes(Pair.Client, 1, 1)));
        Check(!NT_SUCCESS(ReceiveBytes(Pair.Client, &Byte, 1, &Got, 60000)));
    }
}

/* The status of a send after a local abort: AMBIGUOUS-LIFE-26. */
static void AfterAbort(NTSTATUS Wanted)
{
    struct pair Pair;
    if (Paired(&Pair) && NT_SUCCESS(Disconnect(Pair.Client, WSK_FLAG_ABORTIVE)) &&
        SendBytes(Pair.Client, 1, 1) == Wanted) {
        Witness();
    }
}

#define DEAD_IO(name, value, status)                                                               \
    FREEDOM(name, "DISC-011 conn.dead_io_status AMBIGUOUS-LIFE-26", Calm,                          \
            .knobs = "listen.backlog=128 conn.dead_io_status=" value)                              \
    {                                                                                              \
        AfterAbort(status);                                                                        \
    }

DEAD_IO(dead_io_by_cause, "by-cause", STATUS_CONNECTION_ABORTED)
DEAD_IO(dead_io_forced_closed, "forced-closed", STATUS_FILE_FORCED_CLOSED)
DEAD_IO(dead_io_disconnected, "disconnected", STATUS_CONNECTION_DISCONNECTED)
DEAD_IO(dead_io_local, "local", STATUS_LOCAL_DISCONNECT)
DEAD_IO(dead_io_remote, "remote", STATUS_REMOTE_DISCONNECT)
DEAD_IO(dead_io_invalid_connection, "invalid-connection", STATUS_INVALID_CONNECTION)
DEAD_IO(dead_io_pipe, "pipe", STATUS_PIPE_DISCONNECTED)

DUTY(close_aborts_what_is_open, "DISC-012 CLOSE-015 PROP-LIFE-14", Paired128)
{
    struct pair Pair;
    UCHAR Byte;
    SIZE_T Got;
    if (Paired(&Pair) && SocketClose(Pair.Client)) {
        NTSTATUS Status = ReceiveBytes(Pair.Accepted, &Byte, 1, &Got, 60000);
        Check(!NT_SUCCESS(Status) && Status != STATUS_CANCELLED);
    }
}

DUTY(close_after_both_ended_is_quiet, "DISC-012 PROP-LIFE-14", Calm,
     .knobs = "listen.backlog=128 disconnect.before_enable=on-enable")
{
    struct pair Pair;
    UCHAR Last;
    if (PairWith(&Pair, WSK_EVENT_DISCONNECT) && NT_SUCCESS(Disconnect(Pair.Client, 0)) &&
        NT_SUCCESS(Disconnect(Pair.Accepted, 0))) {
        Check(Drain(Pair.Accepted, &Last) == 0);
        (void)SocketClose(Pair.Accepted);
        CaseSleep(10000);
        Check(Abortive == 0);
    }
}

/* Expects the last bytes to arrive although it closes at once. */
MISTAKE(closes_after_the_last_send, "CLOSE-016 DISC-012 BUG-LIFE-42", .world = TalkSilent)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    WSK_BUF Buffer = BufferNew(8);
    if (Socket != NULL && Buffer.Mdl != NULL && RequestNew(&Own)) {
        Connection(Socket)->WskSend(Socket, &Buffer, 0, Fresh(&Own));
        if (!Mistaken) {
            (void)Finish(&Own);
            (void)Disconnect(Socket, WSK_FLAG_ABORTIVE);
        }
        (void)SocketClose(Socket);
    }
}

/* ---- the peer's end ---- */

DUTY(finished_peer_can_be_sent_to, "DISC-013", Paired128)
{
    struct pair Pair;
    UCHAR Last;
    if (Paired(&Pair) && NT_SUCCESS(Disconnect(Pair.Accepted, 0))) {
        Check(Drain(Pair.Client, &Last) == 0);
        Check(NT_SUCCESS(SendBytes(Pair.Client, 1, 1)));
    }
}

DUTY(end_completes_every_receive, "DISC-014 PROP-LIFE-34", Paired128)
{
    struct pair Pair;
    WSK_BUF First = BufferNew(8), Second = BufferNew(8);
    if (First.Mdl == NULL || Second.Mdl == NULL || !Paired(&Pair)) {
        return;
    }
    Connection(Pair.Client)->WskReceive(Pair.Client, &First, 0, Fresh(&Other));
    Connection(Pair.Client)->WskReceive(Pair.Client, &Second, 0, Fresh(&Third));
    if (NT_SUCCESS(Disconnect(Pair.Accepted, 0))) {
        Check(FinishedIn(&Other, 60000) && FinishedIn(&Third, 60000));
        Check(Other.Status == STATUS_SUCCESS && Other.Information == 0);
        Check(Third.Status == STATUS_SUCCESS && Third.Information == 0);
    } else {
        (void)SocketClose(Pair.Client);
    }
}

/* Takes 0 bytes for "nothing yet". */
MISTAKE(end_of_stream_is_retried, "SYS-LIVELOCK DISC-014 BUG-LIFE-43", Calm,
        .knobs = "listen.backlog=128")
{
    struct pair Pair;
    UCHAR Byte;
    SIZE_T Got = 0;
    if (Paired(&Pair) && NT_SUCCESS(Disconnect(Pair.Accepted, 0))) {
        while (NT_SUCCESS(ReceiveBytes(Pair.Client, &Byte, 1, &Got, 60000)) && Got == 0 &&
               Mistaken) {
        }
    }
}

/* ---- WskDisconnectEvent ---- */

DUTY(event_for_the_peers_abort, "DISC-015 DISC-017", Calm,
     .knobs = "listen.backlog=128 dead.cause=separate-fault")
{
    struct pair Pair;
    if (PairWith(&Pair, WSK_EVENT_DISCONNECT) &&
        NT_SUCCESS(Disconnect(Pair.Accepted, WSK_FLAG_ABORTIVE))) {
        CaseSleep(30000);
        Check(Abortive == 1 && Graceful == 0);
    }
}

DUTY(no_event_for_the_own_abort, "DISC-015", Paired128)
{
    struct pair Pair;
    if (PairWith(&Pair, WSK_EVENT_DISCONNECT) &&
        NT_SUCCESS(Disconnect(Pair.Client, WSK_FLAG_ABORTIVE))) {
        CaseSleep(10000);
        Check(Abortive == 0 && Graceful == 0);
    }
}

static NTSTATUS WSKAPI OnDisconnectPends(PVOID Context, ULONG Flags)
{
    (void)OnDisconnect(Context, Flags);
    return Mistaken ? STATUS_PENDING : STATUS_SUCCESS;
}

static const WSK_CLIENT_CONNECTION_DISPATCH Pending = {NULL, OnDisconnectPends, NULL};

static void Leaves(void)
{
    struct wsksim_peer *Peer = TalkPeer();
    if (Peer != NULL) {
        wsksim_close(Peer);
        TalkHold();
    }
}

MISTAKE(disconnect_event_answers_pending, "DISC-016 BUG-LIFE-23", .world = Leaves)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, &Pending);
    if (Socket != NULL && SocketEvents(Socket, WSK_EVENT_DISCONNECT) == STATUS_SUCCESS) {
        for (int i = 0; i < 30 && Graceful + Abortive == 0; i++) {
            CaseSleep(100);
        }
    }
}

DUTY(graceful_event_once, "DISC-017 DISC-015", Paired128)
{
    struct pair Pair;
    if (PairWith(&Pair, WSK_EVENT_DISCONNECT) && NT_SUCCESS(Disconnect(Pair.Accepted, 0))) {
        CaseSleep(30000);
        Check(Graceful == 1 && Abortive == 0);
    }
}

/* The peer sends and finishes; both events are on. */
static BOOLEAN SendsAndFinishes(struct pair *Pair)
{
    if (!PairWith(Pair, WSK_EVENT_DISCONNECT | WSK_EVENT_RECEIVE) ||
        !NT_SUCCESS(SendBytes(Pair->Accepted, 1, 64)) ||
        !NT_SUCCESS(Disconnect(Pair->Accepted, 0))) {
        return FALSE;
    }
    for (int i = 0; i < 60 && (Graceful == 0 || Bytes < 64); i++) {
        CaseSleep(1000);
    }
    return Graceful != 0;
}

DUTY(graceful_event_follows_the_data, "DISC-018 disconnect.order AMBIGUOUS-LIFE-24", Calm,
     .knobs = "listen.backlog=128 disconnect.order=after-taken disconnect.receive_only=silent")
{
    struct pair Pair;
    if (SendsAndFinishes(&Pair)) {
        Check(AfterFinish == 0);
    }
}

FREEDOM(graceful_event_at_once, "DISC-018 disconnect.order", Calm,
        .knobs = "listen.backlog=128 disconnect.order=at-once")
{
    struct pair Pair;
    if (SendsAndFinishes(&Pair) && AfterFinish != 0) {
        Witness();
    }
}

/* Refuses everything: what is offered is never taken. */
static NTSTATUS WSKAPI OnReceiveRefuses(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION Data,
                                        SIZE_T Size, SIZE_T *Accepted)
{
    (void)OnReceive(Context, Flags, Data, Size, Accepted);
    return STATUS_DATA_NOT_ACCEPTED;
}

static const WSK_CLIENT_CONNECTION_DISPATCH Refuses = {OnReceiveRefuses, OnDisconnect, NULL};

static void RefusedThenFinished(void)
{
    struct pair Pair;
    Pair.Listener = ListenerOn(LIFE_PORT, NULL);
    Pair.Client = Pair.Listener != NULL
                      ? SocketConnected("127.0.0.1", LIFE_PORT, NULL, &Refuses)
                      : NULL;
    Pair.Accepted = Pair.Client != NULL ? AcceptOne(Pair.Listener, NULL, NULL, 60000) : NULL;
    if (Pair.Accepted != NULL &&
        SocketEvents(Pair.Client, WSK_EVENT_DISCONNECT | WSK_EVENT_RECEIVE) == STATUS_SUCCESS &&
        NT_SUCCESS(SendBytes(Pair.Accepted, 1, 1)) && NT_SUCCESS(Disconnect(Pair.Accepted, 0))) {
        CaseSleep(30000);
    }
}

FREEDOM(graceful_event_after_the_offer, "DISC-018 disconnect.order", Calm,
        .knobs = "listen.backlog=128 disconnect.order=after-offered")
{
    RefusedThenFinished();
    if (Received != 0 && Graceful == 1) {
        Witness();
    }
}

DUTY(graceful_event_waits_for_the_taker, "DISC-018 disconnect.order", Calm,
     .knobs = "listen.backlog=128 disconnect.order=after-taken")
{
    RefusedThenFinished();
    Check(Graceful == 0);
}

MISTAKE(disconnects_twice, "DISC-019", .world = TalkSilent)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    if (Socket != NULL && NT_SUCCESS(Disconnect(Socket, 0)) && Mistaken) {
        (void)Disconnect(Socket, 0);
    }
}

/* ---- AMBIGUOUS-LIFE-25, -45, -54 ---- */

/* The peer finishes, then resets; events seen. */
static BOOLEAN FinishesThenResets(void)
{
    struct pair Pair;
    if (!PairWith(&Pair, WSK_EVENT_DISCONNECT) || !NT_SUCCESS(Disconnect(Pair.Accepted, 0)) ||
        !Soon(&Graceful, 60000)) {
        return FALSE;
    }
    (void)Disconnect(Pair.Accepted, WSK_FLAG_ABORTIVE);
    CaseSleep(30000);
    return TRUE;
}

FREEDOM(abort_follows_the_finish, "DISC-017 disconnect.second_event AMBIGUOUS-LIFE-25", Calm,
        .knobs = "listen.backlog=128 disconnect.second_event=yes dead.cause=separate-fault")
{
    if (FinishesThenResets() && Abortive == 1) {
        Witness();
    }
}

DUTY(no_abort_after_the_finish, "DISC-017 disconnect.second_event", Calm,
     .knobs = "listen.backlog=128 disconnect.second_event=no")
{
    if (FinishesThenResets()) {
        Check(Abortive == 0);
    }
}

DUTY(abort_after_the_finish_only_if_sending, "DISC-017 disconnect.second_event", Calm,
     .knobs = "listen.backlog=128 disconnect.second_event=only-if-sending")
{
    if (FinishesThenResets()) {
        Check(Abortive == 0);
    }
}

static BOOLEAN EnablesLate(void)
{
    struct pair Pair;
    UCHAR Last;
    Pair.Listener = ListenerOn(LIFE_PORT, NULL);
    Pair.Client = Pair.Listener != NULL
                      ? SocketConnected("127.0.0.1", LIFE_PORT, NULL, &Events)
                      : NULL;
    Pair.Accepted = Pair.Client != NULL ? AcceptOne(Pair.Listener, NULL, NULL, 60000) : NULL;
    if (Pair.Accepted == NULL || !NT_SUCCESS(Disconnect(Pair.Accepted, 0)) ||
        Drain(Pair.Client, &Last) != 0 ||
        SocketEvents(Pair.Client, WSK_EVENT_DISCONNECT) != STATUS_SUCCESS) {
        return FALSE;
    }
    CaseSleep(30000);
    return TRUE;
}

DUTY(finish_is_told_on_enable, "DISC-015 disconnect.before_enable AMBIGUOUS-LIFE-45", Calm,
     .knobs = "listen.backlog=128 disconnect.before_enable=on-enable")
{
    if (EnablesLate()) {
        Check(Graceful == 1);
    }
}

DUTY(finish_is_never_told, "DISC-015 disconnect.before_enable", Calm,
     .knobs = "listen.backlog=128 disconnect.before_enable=never")
{
    if (EnablesLate()) {
        Check(Graceful == 0);
    }
}

static volatile LONG Ended;
static NTSTATUS WSKAPI OnReceiveOnly(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION Data,
                                     SIZE_T Size, SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Size);
    UNREFERENCED_PARAMETER(Accepted);
    Ended |= Data == NULL;
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_CONNECTION_DISPATCH ReceivesOnly = {OnReceiveOnly, NULL, NULL};

static void FinishedWithoutEvent(void)
{
    struct pair Pair;
    Pair.Listener = ListenerOn(LIFE_PORT, NULL);
    Pair.Client = Pair.Listener != NULL
                      ? SocketConnected("127.0.0.1", LIFE_PORT, NULL, &ReceivesOnly)
                      : NULL;
    Pair.Accepted = Pair.Client != NULL ? AcceptOne(Pair.Listener, NULL, NULL, 60000) : NULL;
    if (Pair.Accepted != NULL &&
        SocketEvents(Pair.Client, WSK_EVENT_RECEIVE) == STATUS_SUCCESS) {
        (void)Disconnect(Pair.Accepted, 0);
        CaseSleep(30000);
    }
}

DUTY(finish_is_silent, "DISC-013 disconnect.receive_only AMBIGUOUS-LIFE-54", Calm,
     .knobs = "listen.backlog=128 disconnect.receive_only=silent")
{
    FinishedWithoutEvent();
    Check(Ended == 0);
}

FREEDOM(finish_ends_the_receives, "DISC-013 disconnect.receive_only", Calm,
        .knobs = "listen.backlog=128 disconnect.receive_only=null-indication")
{
    FinishedWithoutEvent();
    if (Ended != 0) {
        Witness();
    }
}
