/* SPDX-License-Identifier: MIT */
/* Cases of the life cycle, 1.9: sending on a connection. */
#include "talk.h"

enum { LENGTH = 12, MORE_THAN_FITS = 70000 }; /* the window of a peer is 65536 bytes */

static struct request First, Second, Third;

/* One send, waited for. */
static NTSTATUS Send(PWSK_SOCKET Socket, WSK_BUF Buffer, ULONG Flags, struct request *Request)
{
    NTSTATUS Status = Connection(Socket)->WskSend(Socket, &Buffer, Flags, Fresh(Request));
    Check(Status == STATUS_SUCCESS || Status == STATUS_PENDING || !NT_SUCCESS(Status));
    NTSTATUS Final = Finish(Request);
    Check(Status == STATUS_PENDING || Status == Final);
    return Final;
}

static void Sink(void)
{
    TalkSink();
}

static void Silent(void)
{
    TalkSilent();
}

/* ---- arguments and state ---- */

MISTAKE(send_unconnected, "SEND-001")
{
    if (!CaseWsk() || !RequestNew(&First)) {
        return;
    }
    PWSK_SOCKET Socket = SocketNew(WSK_FLAG_CONNECTION_SOCKET, NULL, NULL);
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    if (Socket != NULL && Buffer.Mdl != NULL && NT_SUCCESS(SocketBind(Socket, 0)) && Mistaken) {
        (void)Send(Socket, Buffer, 0, &First);
    }
}

MISTAKE(send_ex_unconnected, "SEND-001")
{
    if (!CaseWsk() || !RequestNew(&First)) {
        return;
    }
    PWSK_SOCKET Socket = SocketNew(WSK_FLAG_CONNECTION_SOCKET, NULL, NULL);
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    if (Socket != NULL && Buffer.Mdl != NULL && NT_SUCCESS(SocketBind(Socket, 0)) && Mistaken) {
        Connection(Socket)->WskSendEx(Socket, &Buffer, 0, 0, NULL, Fresh(&First));
        (void)Finish(&First);
    }
}

MISTAKE(send_longer_than_its_chain, "SEND-002 BUG-LIFE-29", .world = Sink)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    if (Socket != NULL && Buffer.Mdl != NULL && RequestNew(&First)) {
        Buffer.Length = Mistaken ? LENGTH + 1 : LENGTH;
        (void)Send(Socket, Buffer, 0, &First);
    }
}

MISTAKE(send_offset_outside, "SEND-002 BUG-LIFE-29", .world = Silent)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    if (Socket != NULL && Buffer.Mdl != NULL && RequestNew(&First)) {
        Buffer.Offset = Mistaken ? LENGTH + 4 : 4;
        Buffer.Length = LENGTH - 4;
        (void)Send(Socket, Buffer, 0, &First);
    }
}

MISTAKE(send_length_without_mdl, "SEND-002", .world = Silent)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    WSK_BUF Buffer = {NULL, 0, Mistaken ? LENGTH : 0};
    if (Socket != NULL && RequestNew(&First)) {
        (void)Send(Socket, Buffer, 0, &First);
    }
}

MISTAKE(send_mdl_not_built, "SEND-003", .world = Sink)
{
    static UCHAR Bytes[LENGTH];
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    PMDL Mdl = IoAllocateMdl(Bytes, LENGTH, FALSE, FALSE, NULL);
    for (ULONG i = 0; i < LENGTH; i++) {
        Bytes[i] = TalkByte(i);
    }
    if (Socket != NULL && Mdl != NULL && RequestNew(&First)) {
        WSK_BUF Buffer = {Mdl, 0, LENGTH};
        if (!Mistaken) {
            MmBuildMdlForNonPagedPool(Mdl);
        }
        (void)Send(Socket, Buffer, 0, &First);
    }
    if (Mdl != NULL) {
        IoFreeMdl(Mdl);
    }
}

MISTAKE(send_data_changed, "SEND-004 SEND-013 BUG-LIFE-30 PROP-LIFE-31", .world = Silent)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    if (Socket == NULL || Buffer.Mdl == NULL || !RequestNew(&First)) {
        return;
    }
    Connection(Socket)->WskSend(Socket, &Buffer, 0, Fresh(&First));
    if (Mistaken && !IsDone(&First)) {
        ((PUCHAR)BufferBytes(&Buffer))[LENGTH - 1] ^= 1;
    }
    (void)Finish(&First);
}

MISTAKE(send_data_freed, "KRN-235 SEND-004 BUG-LIFE-30 PROP-LIFE-31", .world = Silent)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    PUCHAR Bytes = ExAllocatePoolWithTag(NonPagedPoolNx, LENGTH, 'dneS');
    PMDL Mdl = Bytes != NULL ? IoAllocateMdl(Bytes, LENGTH, FALSE, FALSE, NULL) : NULL;
    if (Socket != NULL && Mdl != NULL && RequestNew(&First)) {
        RtlZeroMemory(Bytes, LENGTH);
        MmBuildMdlForNonPagedPool(Mdl);
        WSK_BUF Buffer = {Mdl, 0, LENGTH};
        Connection(Socket)->WskSend(Socket, &Buffer, 0, Fresh(&First));
        if (Mistaken && !IsDone(&First)) {
            ExFreePoolWithTag(Bytes, 'dneS');
            Bytes = NULL;
        }
        (void)Finish(&First);
    }
    if (Mdl != NULL) {
        IoFreeMdl(Mdl);
    }
    if (Bytes != NULL) {
        ExFreePoolWithTag(Bytes, 'dneS');
    }
}

MISTAKE(send_unknown_flag, "SEND-006", .world = Silent)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    if (Socket != NULL && Buffer.Mdl != NULL && RequestNew(&First)) {
        (void)Send(Socket, Buffer, Mistaken ? 0x40 : WSK_FLAG_NODELAY, &First);
    }
}

MISTAKE(send_one_at_a_time, "SEND-015", .world = Silent)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    WSK_BUF Buffer = TalkBuffer(48);
    BOOLEAN IsReady = RequestNew(&First) && RequestNew(&Second);
    if (Socket == NULL || Buffer.Mdl == NULL || !IsReady) {
        return;
    }
    Buffer.Length = 1;
    for (Buffer.Offset = 0; Buffer.Offset < 48; Buffer.Offset++) {
        struct request *Next = Mistaken || Buffer.Offset % 2 == 0 ? &First : &Second;
        if (Next->InFlight && !NT_SUCCESS(Finish(Next))) {
            return;
        }
        if (Mistaken && !NT_SUCCESS(Send(Socket, Buffer, 0, Next))) {
            return;
        }
        if (!Mistaken) {
            Connection(Socket)->WskSend(Socket, &Buffer, 0, Fresh(Next));
        }
    }
}

/* ---- what the system owes ---- */

/* What the caller does with the structure after the call does not matter. */
DUTY(send_buf_is_read_in_the_call, "SEND-005 SEND-010 SEND-008", .world = Sink)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    if (Socket == NULL || Buffer.Mdl == NULL || !RequestNew(&First)) {
        return;
    }
    NTSTATUS Status = Connection(Socket)->WskSend(Socket, &Buffer, 0, Fresh(&First));
    RtlFillMemory(&Buffer, sizeof Buffer, 0xEE);
    Check(Status == STATUS_SUCCESS || Status == STATUS_PENDING || !NT_SUCCESS(Status));
    NTSTATUS Final = Finish(&First);
    Check(Final == STATUS_SUCCESS || TalkExcuse(Final));
    Check(First.Information == (NT_SUCCESS(Final) ? LENGTH : 0));
}

DUTY(send_flags_supported_or_not, "SEND-007 SEND-010", .world = Silent)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    if (Socket == NULL || Buffer.Mdl == NULL || !RequestNew(&First)) {
        return;
    }
    for (ULONG i = 0; i < 20; i++) {
        NTSTATUS Plain = Send(Socket, Buffer, 0, &First);
        Check(Plain == STATUS_SUCCESS || TalkExcuse(Plain));
    }
    NTSTATUS Flagged = Send(Socket, Buffer, WSK_FLAG_NODELAY, &First);
    Check(Flagged == STATUS_SUCCESS || Flagged == STATUS_NOT_SUPPORTED || TalkExcuse(Flagged));
    Check(First.Information == (NT_SUCCESS(Flagged) ? LENGTH : 0));
}

FREEDOM(send_flag_not_supported, "SEND-007", .world = Silent)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    BOOLEAN IsReady = Socket != NULL && Buffer.Mdl != NULL && RequestNew(&First);
    for (ULONG i = 0; IsReady && i < 50; i++) {
        if (Send(Socket, Buffer, WSK_FLAG_NODELAY, &First) == STATUS_NOT_SUPPORTED) {
            Witness();
        }
    }
}

/* When a send has completed its bytes are at the peer, whoever reads them. */
static void LooksOnlyThen(void)
{
    static UCHAR Taken[2 * LENGTH];
    struct wsksim_peer *Peer = TalkPeer();
    if (Peer != NULL && TalkReached(1)) {
        long Total = 0, Count;
        while ((Count = wsksim_receive(Peer, Taken + Total, LENGTH, 0)) > 0) {
            Total += Count;
        }
        Check(Total >= LENGTH || wsksim_is_over());
    }
    TalkHold();
}

DUTY(send_completes_when_sent, "SEND-009 PROP-LIFE-13", .world = LooksOnlyThen)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    if (Socket != NULL && Buffer.Mdl != NULL && RequestNew(&First) &&
        NT_SUCCESS(Send(Socket, Buffer, 0, &First))) {
        TalkStep(1);
        CaseSleep(20);
    }
}

/* What comes never falls. */
static void Rising(void)
{
    static UCHAR Taken[4096];
    struct wsksim_peer *Peer = TalkPeer();
    UCHAR Last = 0;
    for (ULONG n = 0; Peer != NULL && n < 100 && !CaseOver; n++) {
        long Count = wsksim_receive(Peer, Taken, sizeof Taken, 200);
        for (long i = 0; i < Count; i++) {
            Check(Taken[i] >= Last);
            Last = Taken[i];
        }
        if (Count == WSKSIM_FINISHED || Count == WSKSIM_RESET) {
            break;
        }
    }
    TalkHold();
}

DUTY(sends_keep_their_order, "SEND-011 SEND-010 PROP-LIFE-13", .world = Rising)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    WSK_BUF Buffer = TalkBuffer(3000);
    BOOLEAN IsReady = RequestNew(&First) && RequestNew(&Second) && RequestNew(&Third);
    struct request *Request[] = {&First, &Second, &Third};
    if (Socket == NULL || Buffer.Mdl == NULL || !IsReady) {
        return;
    }
    PUCHAR Bytes = BufferBytes(&Buffer);
    for (ULONG i = 0; i < 3000; i++) {
        Bytes[i] = (UCHAR)(i / 100);
    }
    Buffer.Length = 1000;
    for (ULONG i = 0; i < 3; i++, Buffer.Offset += 1000) {
        Connection(Socket)->WskSend(Socket, &Buffer, 0, Fresh(Request[i]));
    }
    for (ULONG i = 0; i < 3; i++) {
        NTSTATUS Final = Finish(Request[i]);
        Check(!NT_SUCCESS(Final) || Request[i]->Information == 1000);
    }
}

/* ---- sends that cannot end well ---- */

static PWSK_SOCKET Stuck(void)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    WSK_BUF Buffer = TalkBuffer(MORE_THAN_FITS);
    BOOLEAN IsReady = RequestNew(&First) && RequestNew(&Second);
    if (Socket == NULL || Buffer.Mdl == NULL || !IsReady) {
        return NULL;
    }
    Connection(Socket)->WskSend(Socket, &Buffer, 0, Fresh(&First));
    CaseSleep(1);
    return Socket;
}

DUTY(abort_fails_sends, "SEND-012", .world = Silent)
{
    PWSK_SOCKET Socket = Stuck();
    if (Socket != NULL) {
        Connection(Socket)->WskDisconnect(Socket, NULL, WSK_FLAG_ABORTIVE, Fresh(&Second));
        NTSTATUS Status = Finish(&Second);
        Check(!NT_SUCCESS(Status) || !NT_SUCCESS(Finish(&First)) || TalkIsLate());
    }
}

static void Resets(void)
{
    struct wsksim_peer *Peer = TalkPeer();
    if (Peer != NULL && TalkReached(1)) {
        wsksim_reset(Peer);
    }
    TalkHold();
}

DUTY(reset_fails_sends, "SEND-012", .world = Resets)
{
    if (Stuck() != NULL) {
        TalkStep(1);
        Check(!NT_SUCCESS(Finish(&First)) || TalkIsLate());
    }
}

DUTY(close_fails_sends, "SEND-012", .world = Silent)
{
    PWSK_SOCKET Socket = Stuck();
    if (Socket != NULL) {
        (void)SocketClose(Socket);
        NTSTATUS Status = Finish(&First);
        Check(!NT_SUCCESS(Status) || TalkIsLate());
    }
}

/* ---- the ideal backlog ---- */

static SIZE_T Ideal(PWSK_SOCKET Socket)
{
    SIZE_T Backlog = 0;
    NTSTATUS Status = SocketControl(Socket, WskIoctl, SIO_WSK_QUERY_IDEAL_SEND_BACKLOG, 0, 0, NULL,
                                    sizeof Backlog, &Backlog, NULL);
    return NT_SUCCESS(Status) ? Backlog : 0;
}

DUTY(more_than_the_backlog, "SEND-014", .world = Silent)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    WSK_BUF Buffer = TalkBuffer(MORE_THAN_FITS);
    BOOLEAN IsReady = RequestNew(&First) && RequestNew(&Second);
    if (Socket == NULL || Buffer.Mdl == NULL || !IsReady || Ideal(Socket) == 0) {
        return;
    }
    Connection(Socket)->WskSend(Socket, &Buffer, 0, Fresh(&First));
    NTSTATUS Status = Connection(Socket)->WskSend(Socket, &Buffer, 0, Fresh(&Second));
    Check(Status == STATUS_PENDING || Status == STATUS_SUCCESS || TalkExcuse(Status));
}

/* ---- readings ---- */

FREEDOM(send_zero_length_invalid, "SEND-010 send.zero_length AMBIGUOUS-LIFE-47", .world = Silent)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    WSK_BUF Buffer = {NULL, 0, 0};
    if (Socket != NULL && RequestNew(&First) &&
        Send(Socket, Buffer, 0, &First) == STATUS_INVALID_PARAMETER) {
        Witness();
    }
}

DUTY(send_zero_length, "SEND-010 send.zero_length", .world = Sink)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    WSK_BUF Buffer = {NULL, 0, 0};
    if (Socket != NULL && RequestNew(&First)) {
        NTSTATUS Status = Send(Socket, Buffer, 0, &First);
        Check(Status == STATUS_SUCCESS || Status == STATUS_INVALID_PARAMETER ||
              TalkExcuse(Status));
        Check(First.Information == 0);
    }
}

/* Cancels a send; true if the connection certainly lives: another one waits like the first. */
static BOOLEAN OutlivesCancel(void)
{
    PWSK_SOCKET Socket = Stuck();
    if (Socket == NULL) {
        return FALSE;
    }
    IoCancelIrp(First.Irp);
    if (Finish(&First) != STATUS_CANCELLED) {
        return FALSE;
    }
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    if (Buffer.Mdl == NULL) {
        return FALSE;
    }
    CaseSleep(10);
    NTSTATUS Status = Connection(Socket)->WskSend(Socket, &Buffer, 0, Fresh(&Second));
    CaseSleep(10);
    return Status == STATUS_PENDING && !IsDone(&Second);
}

FREEDOM(send_cancel_is_survived, "SEND-012 send.cancel_effect", .world = Silent,
        .knobs = "send.cancel_effect=cancelled")
{
    if (OutlivesCancel()) {
        Witness();
    }
}

DUTY(send_cancel_aborts, "SEND-012 send.cancel_effect AMBIGUOUS-LIFE-49", .world = Silent,
     .knobs = "send.cancel_effect=connection-aborted")
{
    Check(!OutlivesCancel());
}

/* What a send answers on a connection that the peer has reset. */
static NTSTATUS AfterReset(void)
{
    PWSK_SOCKET Socket = Stuck();
    if (Socket == NULL) {
        return STATUS_SUCCESS;
    }
    TalkStep(1);
    return Finish(&First);
}

#define DEAD_STATUS(name, status)                                                                  \
    FREEDOM(send_after_reset_##name, "DISC-011 conn.dead_io_status", .world = Resets)              \
    {                                                                                              \
        if (AfterReset() == (status)) {                                                            \
            Witness();                                                                             \
        }                                                                                          \
    }

DEAD_STATUS(by_cause, STATUS_CONNECTION_RESET)
DEAD_STATUS(forced_closed, STATUS_FILE_FORCED_CLOSED)
DEAD_STATUS(disconnected, STATUS_CONNECTION_DISCONNECTED)
DEAD_STATUS(local, STATUS_LOCAL_DISCONNECT)
DEAD_STATUS(remote, STATUS_REMOTE_DISCONNECT)
DEAD_STATUS(invalid_connection, STATUS_INVALID_CONNECTION)
DEAD_STATUS(pipe, STATUS_PIPE_DISCONNECTED)

/* Reserved for system use; who calls it gets what WskSend gives. */
DUTY(send_ex_is_send, "SEND-010", .world = Sink)
{
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    if (Socket == NULL || Buffer.Mdl == NULL || !RequestNew(&First)) {
        return;
    }
    Connection(Socket)->WskSendEx(Socket, &Buffer, 0, 0, NULL, Fresh(&First));
    NTSTATUS Status = Finish(&First);
    Check(Status == STATUS_SUCCESS || TalkExcuse(Status));
    Check(First.Information == (NT_SUCCESS(Status) ? LENGTH : 0));
}
