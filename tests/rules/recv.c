/* SPDX-License-Identifier: MIT */
/* Cases of the life cycle, 1.10: WskReceive. */
#include "talk.h"

enum { LENGTH = 12 };

static struct request First, Second;
static volatile LONG IsFinishing; /* the peer is about to end the stream, or the world is */

/* Starts a receive; what the call answers is on the list. */
static NTSTATUS Start(PWSK_SOCKET Socket, WSK_BUF Buffer, ULONG Flags, struct request *Request)
{
    NTSTATUS Status = Connection(Socket)->WskReceive(Socket, &Buffer, Flags, Fresh(Request));
    Check(Status == STATUS_SUCCESS || Status == STATUS_PENDING || !NT_SUCCESS(Status));
    return Status;
}

static NTSTATUS Receive(PWSK_SOCKET Socket, WSK_BUF Buffer, ULONG Flags, struct request *Request)
{
    NTSTATUS Status = Start(Socket, Buffer, Flags, Request);
    NTSTATUS Final = Finish(Request);
    Check(Status == STATUS_PENDING || Status == Final);
    Check(Request->Information <= Buffer.Length);
    Check(NT_SUCCESS(Final) || Flags != 0 || Request->Information == 0);
    return Final;
}

static BOOLEAN MayBeFinished(void)
{
    return IsFinishing != 0 || TalkIsLate();
}

/* The bytes are the stream's from this position on. */
static void CheckBytes(const WSK_BUF *Buffer, SIZE_T Count, SIZE_T Position)
{
    const UCHAR *Bytes = BufferBytes(Buffer);
    for (SIZE_T i = 0; Bytes != NULL && i < Count; i++) {
        Check(Bytes[i] == TalkByte(Position + i));
    }
}

/* A connection, a buffer and two requests; the socket, or NULL if any of it fails. */
static PWSK_SOCKET Ready(WSK_BUF *Buffer, SIZE_T Size)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    *Buffer = BufferNew(Size);
    BOOLEAN IsReady = RequestNew(&First) && RequestNew(&Second);
    return Buffer->Mdl != NULL && IsReady ? Socket : NULL;
}

/* ---- scripts ---- */

static void Silent(void)
{
    TalkSilent();
}

/* One byte; the next, and the end, when the body says so. */
static void ByteByByte(void)
{
    struct wsksim_peer *Peer = TalkPeer();
    if (Peer == NULL) {
        return;
    }
    wsksim_send(Peer, TalkBytes(), 1);
    for (LONG i = 1; i < 8 && TalkReached(i); i++) {
        wsksim_send(Peer, TalkBytes() + i, 1);
    }
    TalkReached(8);
    IsFinishing = 1;
    wsksim_finish(Peer);
    TalkHold();
}

/* A few bytes, one by one, and then the end. */
static void Trickle(void)
{
    struct wsksim_peer *Peer = TalkPeer();
    for (ULONG i = 0; Peer != NULL && i < 8; i++) {
        wsksim_send(Peer, TalkBytes() + i, 1);
        wsksim_sleep(1000);
    }
    IsFinishing = 1;
    if (Peer != NULL) {
        wsksim_finish(Peer);
    }
    TalkHold();
}

static void Source(void)
{
    TalkSource(4000);
}

static void Resets(void)
{
    struct wsksim_peer *Peer = TalkPeer();
    if (Peer != NULL && TalkReached(1)) {
        wsksim_reset(Peer);
    }
    TalkHold();
}

static void SendsAndResets(void)
{
    struct wsksim_peer *Peer = TalkPeer();
    if (Peer != NULL) {
        wsksim_send(Peer, TalkBytes(), 4);
        if (TalkReached(1)) {
            wsksim_reset(Peer);
        }
    }
    TalkHold();
}

/* ---- arguments and state ---- */

MISTAKE(receive_unconnected, "RECV-001")
{
    if (!CaseWsk() || !RequestNew(&First)) {
        return;
    }
    PWSK_SOCKET Socket = SocketNew(WSK_FLAG_CONNECTION_SOCKET, NULL, NULL);
    WSK_BUF Buffer = BufferNew(LENGTH);
    if (Socket != NULL && Buffer.Mdl != NULL && NT_SUCCESS(SocketBind(Socket, 0)) && Mistaken) {
        (void)Receive(Socket, Buffer, 0, &First);
    }
}

MISTAKE(receive_ex_unconnected, "RECV-001")
{
    if (!CaseWsk() || !RequestNew(&First)) {
        return;
    }
    PWSK_SOCKET Socket = SocketNew(WSK_FLAG_CONNECTION_SOCKET, NULL, NULL);
    WSK_BUF Buffer = BufferNew(LENGTH);
    if (Socket != NULL && Buffer.Mdl != NULL && NT_SUCCESS(SocketBind(Socket, 0)) && Mistaken) {
        Connection(Socket)->WskReceiveEx(Socket, &Buffer, 0, NULL, NULL, NULL, Fresh(&First));
        (void)Finish(&First);
    }
}

MISTAKE(receive_longer_than_its_chain, "RECV-002 BUG-LIFE-29", .world = Source)
{
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, LENGTH);
    if (Socket != NULL) {
        Buffer.Length += Mistaken ? 1 : 0;
        (void)Receive(Socket, Buffer, 0, &First);
    }
}

/* Both twins are allowed to pass no MDL with no length. */
MISTAKE(receive_length_without_mdl, "RECV-002", .world = Source)
{
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, LENGTH);
    if (Socket != NULL) {
        WSK_BUF None = {NULL, 0, Mistaken ? LENGTH : 0};
        (void)Receive(Socket, None, 0, &First);
    }
}

static NTSTATUS ReceiveIntoNothing(void)
{
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, LENGTH);
    if (Socket == NULL) {
        return STATUS_SUCCESS;
    }
    Buffer.Mdl = NULL;
    (void)Connection(Socket)->WskReceive(Socket, &Buffer, 0, Fresh(&First));
    return Finish(&First);
}

FREEDOM(length_without_mdl_is_invalid, "RECV-002 buf.null_mdl", .world = Source, .off = "RECV-002",
        .knobs = "buf.null_mdl=invalid-parameter")
{
    if (ReceiveIntoNothing() == STATUS_INVALID_PARAMETER) {
        Witness();
    }
}

MISTAKE(length_without_mdl_crashes, "MEM-NULL RECV-002 buf.null_mdl", .world = Source,
        .off = "RECV-002", .knobs = "buf.null_mdl=crash")
{
    if (Mistaken) {
        (void)ReceiveIntoNothing();
    }
}

/* The structure, not the buffer: captured, or wanted until the completion. */
MISTAKE(buf_changed_while_pending, "SEND-005 lifetime.inputs AMBIGUOUS-LIFE-12", .world = Silent,
        .is_lint = 1, .knobs = "lifetime.inputs=all-needed")
{
    static WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, LENGTH);
    if (Socket == NULL) {
        return;
    }
    NTSTATUS Status = Connection(Socket)->WskReceive(Socket, &Buffer, 0, Fresh(&First));
    if (Mistaken && Status == STATUS_PENDING) {
        Buffer.Offset = 1;
    }
    IoCancelIrp(First.Irp);
    (void)Finish(&First);
}

MISTAKE(receive_mdl_not_built, "RECV-002", .world = Source)
{
    static UCHAR Bytes[LENGTH];
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    PMDL Mdl = IoAllocateMdl(Bytes, LENGTH, FALSE, FALSE, NULL);
    if (Socket != NULL && Mdl != NULL && RequestNew(&First)) {
        WSK_BUF Buffer = {Mdl, 0, LENGTH};
        if (!Mistaken) {
            MmBuildMdlForNonPagedPool(Mdl);
        }
        (void)Receive(Socket, Buffer, 0, &First);
    }
    if (Mdl != NULL) {
        IoFreeMdl(Mdl);
    }
}

MISTAKE(receive_chain_cut, "RECV-003 PROP-LIFE-31", .world = ByteByByte)
{
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, 4);
    WSK_BUF Rest = BufferNew(LENGTH);
    if (Socket == NULL || Rest.Mdl == NULL) {
        return;
    }
    Buffer.Mdl->Next = Rest.Mdl;
    Buffer.Length = 4 + LENGTH; /* eight come, and then the end */
    Start(Socket, Buffer, WSK_FLAG_WAITALL, &First);
    if (Mistaken) {
        Buffer.Mdl->Next = NULL;
    }
    TalkStep(8);
    (void)Finish(&First);
    Buffer.Mdl->Next = NULL;
}

MISTAKE(receive_buffer_freed, "KRN-235 RECV-003 PROP-LIFE-31", .world = Silent)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    PUCHAR Bytes = ExAllocatePoolWithTag(NonPagedPoolNx, LENGTH, 'vceR');
    PMDL Mdl = Bytes != NULL ? IoAllocateMdl(Bytes, LENGTH, FALSE, FALSE, NULL) : NULL;
    if (Socket != NULL && Mdl != NULL && RequestNew(&First)) {
        MmBuildMdlForNonPagedPool(Mdl);
        WSK_BUF Buffer = {Mdl, 0, LENGTH};
        Start(Socket, Buffer, 0, &First);
        if (Mistaken && !IsDone(&First)) {
            ExFreePoolWithTag(Bytes, 'vceR');
            Bytes = NULL;
        }
        IoCancelIrp(First.Irp);
        (void)Finish(&First);
    }
    if (Mdl != NULL) {
        IoFreeMdl(Mdl);
    }
    if (Bytes != NULL) {
        ExFreePoolWithTag(Bytes, 'vceR');
    }
}

MISTAKE(receive_all_and_drain, "RECV-004", .world = Source)
{
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, LENGTH);
    if (Socket != NULL) {
        Buffer.Length = 0;
        (void)Receive(Socket, Buffer, WSK_FLAG_DRAIN | (Mistaken ? WSK_FLAG_WAITALL : 0), &First);
    }
}

MISTAKE(drain_into_a_buffer, "RECV-004", .world = Source)
{
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, LENGTH);
    if (Socket != NULL) {
        Buffer.Length = Mistaken ? LENGTH : 0;
        (void)Receive(Socket, Buffer, WSK_FLAG_DRAIN, &First);
    }
}

/* ---- clients that expect more than they are promised ---- */

/* A header of four bytes: the mistake is to take it for granted that it comes as a whole. */
MISTAKE(one_receive_fills_the_buffer, "SYS-ASSERT RECV-030 RECV-006 BUG-LIFE-27", .world = Source)
{
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, 4);
    if (Socket == NULL) {
        return;
    }
    while (Buffer.Length != 0) {
        if (!NT_SUCCESS(Receive(Socket, Buffer, 0, &First)) || First.Information == 0) {
            return;
        }
        Buffer.Offset += (ULONG)First.Information;
        Buffer.Length -= Mistaken ? Buffer.Length : First.Information;
    }
    const UCHAR *Bytes = BufferBytes(&Buffer);
    NT_ASSERT(Bytes == NULL || Bytes[3] == TalkByte(3));
}

/* ---- what the system owes ---- */

DUTY(receive_what_there_is, "RECV-006 RECV-005 PROP-LIFE-34 PROP-LIFE-12 PROP-LIFE-32",
     .world = ByteByByte)
{
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, LENGTH);
    SIZE_T Position = 0;
    while (Socket != NULL && Position < 8) {
        UCHAR *Bytes = BufferBytes(&Buffer);
        RtlFillMemory(Bytes, LENGTH, 0xEE);
        NTSTATUS Status = Receive(Socket, Buffer, 0, &First);
        if (!NT_SUCCESS(Status)) {
            Check(TalkExcuse(Status));
            return;
        }
        Check(First.Information != 0 || MayBeFinished());
        CheckBytes(&Buffer, First.Information, Position);
        for (SIZE_T i = First.Information; i < LENGTH; i++) {
            Check(Bytes[i] == 0xEE);
        }
        Position += First.Information;
        TalkStep((LONG)Position);
        if (First.Information == 0) {
            return;
        }
    }
}

DUTY(waitall_fills_or_ends, "RECV-007 PROP-LIFE-33 RECV-012", .world = Trickle)
{
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, 5);
    if (Socket == NULL) {
        return;
    }
    NTSTATUS Status = Receive(Socket, Buffer, WSK_FLAG_WAITALL, &First);
    if (NT_SUCCESS(Status)) {
        Check(First.Information == 5 || MayBeFinished());
        CheckBytes(&Buffer, First.Information, 0);
    }
}

DUTY(drain_ends_with_the_stream, "RECV-008", .world = Trickle)
{
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, LENGTH);
    if (Socket == NULL) {
        return;
    }
    Buffer.Length = 0;
    NTSTATUS Status = Receive(Socket, Buffer, WSK_FLAG_DRAIN, &First);
    const UCHAR *Bytes = BufferBytes(&Buffer);
    Check(!NT_SUCCESS(Status) || MayBeFinished());
    Check(!NT_SUCCESS(Status) || First.Information == 0);
    for (ULONG i = 0; i < LENGTH; i++) {
        Check(Bytes[i] == 0);
    }
}

DUTY(receives_are_filled_in_order, "RECV-009 RECV-012 PROP-LIFE-12", .world = Trickle)
{
    WSK_BUF Buffer, Other;
    PWSK_SOCKET Socket = Ready(&Buffer, 3);
    Other = BufferNew(3);
    if (Socket == NULL || Other.Mdl == NULL || Start(Socket, Buffer, 0, &First) != STATUS_PENDING) {
        return;
    }
    Start(Socket, Other, 0, &Second);
    NTSTATUS Status = Finish(&First);
    NTSTATUS Next = Finish(&Second);
    if (NT_SUCCESS(Status)) {
        CheckBytes(&Buffer, First.Information, 0);
    }
    if (NT_SUCCESS(Status) && NT_SUCCESS(Next)) {
        CheckBytes(&Other, Second.Information, First.Information);
    }
}

/* Plain receives that are cancelled lose nothing. */
DUTY(cancelled_receives_lose_nothing, "RECV-012 PROP-LIFE-51 PROP-LIFE-50", .world = Trickle)
{
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, LENGTH);
    SIZE_T Position = 0;
    for (ULONG i = 0; Socket != NULL && i < 16; i++) {
        Start(Socket, Buffer, 0, &First);
        IoCancelIrp(First.Irp);
        NTSTATUS Status = Finish(&First);
        if (NT_SUCCESS(Status)) {
            CheckBytes(&Buffer, First.Information, Position);
            Position += First.Information;
        } else if (Status != STATUS_CANCELLED) {
            return;
        }
        CaseSleep(1);
    }
}

DUTY(reset_fails_receives, "RECV-029", .world = Resets)
{
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, LENGTH);
    WSK_BUF Other = BufferNew(LENGTH);
    if (Socket == NULL || Other.Mdl == NULL) {
        return;
    }
    Start(Socket, Buffer, 0, &First);
    Start(Socket, Other, WSK_FLAG_WAITALL, &Second);
    TalkStep(1);
    Check(!NT_SUCCESS(Finish(&First)) || TalkIsLate());
    Check(!NT_SUCCESS(Finish(&Second)) || TalkIsLate());
}

DUTY(abort_fails_receives, "RECV-029", .world = Silent)
{
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, LENGTH);
    if (Socket == NULL) {
        return;
    }
    Start(Socket, Buffer, 0, &First);
    Connection(Socket)->WskDisconnect(Socket, NULL, WSK_FLAG_ABORTIVE, Fresh(&Second));
    NTSTATUS Status = Finish(&Second);
    if (!NT_SUCCESS(Status)) {
        IoCancelIrp(First.Irp);
    }
    Check(!NT_SUCCESS(Finish(&First)) || TalkIsLate());
}

/* Reserved for system use; who calls it gets what WskReceive gives, and no control data. */
DUTY(receive_ex_is_receive, "RECV-006", .world = Source)
{
    static ULONG ControlLength, ControlFlags;
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, LENGTH);
    if (Socket == NULL) {
        return;
    }
    Connection(Socket)->WskReceiveEx(Socket, &Buffer, 0, &ControlLength, NULL, &ControlFlags,
                                     Fresh(&First));
    NTSTATUS Status = Finish(&First);
    Check(First.Information <= LENGTH && ControlLength == 0);
    if (NT_SUCCESS(Status)) {
        Check(First.Information != 0 || TalkIsLate());
        CheckBytes(&Buffer, First.Information, 0);
    }
}

/* ---- readings ---- */

FREEDOM(receive_flag_not_supported, "RECV-005", .world = Source)
{
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, 1);
    for (ULONG i = 0; Socket != NULL && i < 50; i++) {
        if (Receive(Socket, Buffer, WSK_FLAG_WAITALL, &First) == STATUS_NOT_SUPPORTED) {
            Witness();
        }
    }
}

DUTY(flagless_receive_is_supported, "RECV-005", .world = Source)
{
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, 1);
    for (ULONG i = 0; Socket != NULL && i < 50; i++) {
        Check(Receive(Socket, Buffer, 0, &First) != STATUS_NOT_SUPPORTED);
    }
}

FREEDOM(receive_less_than_there_is, "RECV-006 RECV-030", .world = Source)
{
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, LENGTH);
    CaseSleep(500);
    if (Socket != NULL && NT_SUCCESS(Receive(Socket, Buffer, 0, &First)) &&
        First.Information != 0 && First.Information < LENGTH) {
        Witness();
    }
}

/* A receive without length, before anything has come: is it done? */
static BOOLEAN ZeroCompletesAtOnce(void)
{
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, LENGTH);
    if (Socket == NULL) {
        return FALSE;
    }
    Buffer.Length = 0;
    Start(Socket, Buffer, 0, &First);
    CaseSleep(1000);
    BOOLEAN WasDone = IsDone(&First);
    IoCancelIrp(First.Irp);
    return NT_SUCCESS(Finish(&First)) && First.Information == 0 && WasDone;
}

FREEDOM(zero_length_at_once, "RECV-023 recv.zero_length", .world = Silent,
        .knobs = "recv.zero_length=0")
{
    if (ZeroCompletesAtOnce()) {
        Witness();
    }
}

FREEDOM(zero_length_when_data, "RECV-023 recv.zero_length AMBIGUOUS-LIFE-46", .world = Silent,
        .knobs = "recv.zero_length=1")
{
    if (!ZeroCompletesAtOnce() && First.Completions != 0 && First.Status == STATUS_CANCELLED) {
        Witness();
    }
}

/* What a WAITALL that has some bytes gives when it is cancelled. */
static NTSTATUS CancelPartial(void)
{
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, LENGTH);
    if (Socket == NULL) {
        return STATUS_UNSUCCESSFUL;
    }
    Start(Socket, Buffer, WSK_FLAG_WAITALL, &First);
    CaseSleep(2000);
    IoCancelIrp(First.Irp);
    return Finish(&First);
}

DUTY(recv_partial_as_receive, "RECV-007 recv.partial_status", .world = ByteByByte,
     .knobs = "recv.partial_status=0")
{
    NTSTATUS Status = CancelPartial();
    Check(Status == STATUS_SUCCESS ? IsFinishing || First.Information == LENGTH
                             : First.Information == 0);
}

FREEDOM(recv_partial_with_success, "RECV-007 recv.partial_status AMBIGUOUS-LIFE-28",
        .world = ByteByByte, .knobs = "recv.partial_status=1")
{
    if (CancelPartial() == STATUS_SUCCESS && First.Information == 1) {
        Witness();
    }
}

FREEDOM(recv_partial_with_count, "RECV-007 recv.partial_status AMBIGUOUS-LIFE-28",
        .world = ByteByByte, .knobs = "recv.partial_status=2")
{
    if (CancelPartial() == STATUS_CANCELLED && First.Information == 1) {
        Witness();
    }
}

/* Bytes that have come, and then a reset: can they be received? */
static BOOLEAN ReceivesAfterReset(void)
{
    WSK_BUF Buffer;
    PWSK_SOCKET Socket = Ready(&Buffer, LENGTH);
    if (Socket == NULL) {
        return FALSE;
    }
    CaseSleep(500);
    TalkStep(1);
    CaseSleep(500);
    WSK_BUF Nothing = {NULL, 0, 0};
    Connection(Socket)->WskSend(Socket, &Nothing, 0, Fresh(&Second));
    (void)Finish(&Second);
    return NT_SUCCESS(Receive(Socket, Buffer, 0, &First)) && First.Information != 0;
}

DUTY(reset_discards, "RECV-029 recv.data_at_abort", .world = SendsAndResets,
     .knobs = "recv.data_at_abort=0 conn.dead_io_status=by-cause")
{
    Check(!ReceivesAfterReset() || Second.Status != STATUS_CONNECTION_RESET);
}

FREEDOM(reset_keeps_bytes, "RECV-029 recv.data_at_abort AMBIGUOUS-LIFE-29",
        .world = SendsAndResets,
        .knobs = "recv.data_at_abort=1 conn.dead_io_status=by-cause")
{
    if (ReceivesAfterReset() && Second.Status == STATUS_CONNECTION_RESET) {
        Witness();
    }
}
