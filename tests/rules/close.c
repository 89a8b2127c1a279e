/* SPDX-License-Identifier: MIT */
/* Cases of the life cycle, 1.13: closing, and sockets that die. */
#include "life.h"

#include "talk.h"

static UCHAR Remote[64];
static WSK_BUF Buffer;
static struct request Closing;

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

static NTSTATUS Receive(PWSK_SOCKET Socket, PIRP Irp)
{
    return Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, (PSOCKADDR)Remote, NULL, NULL,
                                            NULL, Irp);
}

static NTSTATUS LocalAddress(PWSK_SOCKET Socket, PIRP Irp)
{
    static SOCKADDR_STORAGE Address;
    return Datagram(Socket)->WskGetLocalAddress(Socket, (PSOCKADDR)&Address, Irp);
}

/* Starts the close; the body waits for Closing. */
static NTSTATUS StartClose(PWSK_SOCKET Socket)
{
    SocketForget(Socket);
    return Basic(Socket)->WskCloseSocket(Socket, Fresh(&Closing));
}

/* Asks until the socket has died of it. */
static BOOLEAN Dies(PWSK_SOCKET Socket)
{
    for (ULONG i = 0; i < 50; i++) {
        (void)LocalAddress(Socket, Fresh(&Second));
        if (Finish(&Second) == STATUS_FILE_FORCED_CLOSED) {
            return TRUE;
        }
    }
    return FALSE;
}

/* ---- the call (CLOSE-001, CLOSE-002, CLOSE-007, CLOSE-014, CLOSE-020) ---- */

MISTAKE(closes_at_high_level, "CLOSE-001 PROP-LIFE-41")
{
    KIRQL Old;
    PWSK_SOCKET Socket = Bound(NULL, NULL);
    if (Socket != NULL) {
        PIRP Irp = Fresh(&Closing);
        SocketForget(Socket);
        KeRaiseIrql(Mistaken ? HIGH_LEVEL : DISPATCH_LEVEL, &Old);
        Basic(Socket)->WskCloseSocket(Socket, Irp);
        KeLowerIrql(Old);
        (void)Finish(&Closing);
    }
}

/* A thread that uses the socket while the body closes it. */
static PWSK_SOCKET Shared;
static KEVENT Inside;

static void Uses(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    (void)LocalAddress(Shared, Fresh(&First));
    (void)Finish(&First);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* Often the routine runs inside the call: then the call is not over yet. */
static NTSTATUS SaysInside(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    UNREFERENCED_PARAMETER(Context);
    KeSetEvent(&Inside, IO_NO_INCREMENT, FALSE);
    KeSetEvent(&First.Done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void UsesSlowly(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    PIRP Irp = Fresh(&First);
    IoSetCompletionRoutine(Irp, SaysInside, NULL, TRUE, TRUE, TRUE);
    (void)LocalAddress(Shared, Irp);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(closed_during_a_call, "CLOSE-002 BUG-LIFE-12 CLOSE-020 PROP-LIFE-09")
{
    KeInitializeEvent(&Inside, NotificationEvent, FALSE);
    Shared = Bound(NULL, NULL);
    PVOID Thread = Shared != NULL ? CaseThread(UsesSlowly, NULL) : NULL;
    if (Thread != NULL) {
        KeWaitForSingleObject(&Inside, Executive, KernelMode, FALSE, NULL);
        if (Mistaken) {
            (void)SocketClose(Shared);
        }
        CaseJoin(Thread);
        (void)Finish(&First);
    }
}

MISTAKE(used_after_the_close_began, "CLOSE-007 CLOSE-020 PROP-LIFE-07")
{
    Shared = Bound(NULL, NULL);
    PVOID Thread = NULL;
    if (Shared != NULL) {
        (void)Receive(Shared, Fresh(&Second));
        if (Mistaken) {
            (void)StartClose(Shared);
        }
        Thread = CaseThread(Uses, NULL);
    }
    if (Thread != NULL) {
        CaseJoin(Thread);
    }
    if (Closing.InFlight) {
        (void)Finish(&Closing);
    }
}

/* The connect routine goes on with a socket that another thread may be closing. */
static IO_COMPLETION_ROUTINE GoesOn;

static NTSTATUS GoesOn(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Context);
    if (NT_SUCCESS(Irp->IoStatus.Status) && Mistaken) {
        static SOCKADDR_STORAGE Address;
        Connection(Shared)->WskGetRemoteAddress(Shared, (PSOCKADDR)&Address, Fresh(&Second));
    }
    KeSetEvent(&First.Done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void Connects(void)
{
    static SOCKADDR_IN To;
    To = Address4("10.0.0.2", TALK_PORT);
    PIRP Irp = Fresh(&First);
    IoSetCompletionRoutine(Irp, GoesOn, NULL, TRUE, TRUE, TRUE);
    Connection(Shared)->WskConnect(Shared, (PSOCKADDR)&To, 0, Irp);
}

MISTAKE(connect_routine_uses_a_closing_socket, "CLOSE-007 BUG-LIFE-68 CLOSE-020 CLOSE-002",
        .world = TalkSilent)
{
    Shared = CaseWsk() ? SocketNew(WSK_FLAG_CONNECTION_SOCKET, NULL, NULL) : NULL;
    if (Shared == NULL || !RequestNew(&First) || !RequestNew(&Second) || !RequestNew(&Closing) ||
        !NT_SUCCESS(SocketBind(Shared, 0))) {
        return;
    }
    Connects();
    (void)StartClose(Shared);
    (void)Finish(&Closing);
}

MISTAKE(closes_twice, "CLOSE-007 BUG-LIFE-13 SOCK-020 PROP-LIFE-07")
{
    PWSK_SOCKET Socket = Bound(NULL, NULL);
    if (Socket != NULL) {
        (void)StartClose(Socket);
        if (Mistaken) {
            Basic(Socket)->WskCloseSocket(Socket, Fresh(&Second));
        }
        (void)Finish(&Closing);
    }
}

/* What Windows answers to that is a reading. */
static NTSTATUS AfterClose(void)
{
    PWSK_SOCKET Socket = Bound(NULL, NULL);
    if (Socket == NULL) {
        return STATUS_UNSUCCESSFUL;
    }
    (void)Receive(Socket, Fresh(&First));
    if (StartClose(Socket) != STATUS_PENDING || IsDone(&Closing)) {
        (void)Finish(&Closing);
        return STATUS_UNSUCCESSFUL;
    }
    NTSTATUS Answer = LocalAddress(Socket, Fresh(&Second));
    NTSTATUS Status = Finish(&Second);
    (void)Finish(&Closing);
    return Answer == Status ? Status : STATUS_UNSUCCESSFUL;
}

FREEDOM(close_call_after_forced_closed, "CLOSE-007 close.call_after", .off = "CLOSE-007",
        .knobs = "close.call_after=forced-closed close.delay=10s")
{
    if (AfterClose() == STATUS_FILE_FORCED_CLOSED) {
        Witness();
    }
}

MISTAKE(close_call_after_stop, "CTL-183 CLOSE-007 close.call_after", .off = "CLOSE-007",
        .knobs = "close.call_after=stop close.delay=10s")
{
    if (Mistaken) {
        (void)AfterClose();
    }
}

/* Nested in a function of the same socket. */
static IO_COMPLETION_ROUTINE Nests;

static NTSTATUS Nests(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    UNREFERENCED_PARAMETER(Context);
    if (Mistaken) {
        (void)StartClose(Shared);
    }
    KeSetEvent(&First.Done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void CloseNested(void)
{
    Shared = Bound(NULL, NULL);
    if (Shared != NULL) {
        PIRP Irp = Fresh(&First);
        IoSetCompletionRoutine(Irp, Nests, NULL, TRUE, TRUE, TRUE);
        (void)LocalAddress(Shared, Irp);
        (void)Finish(&First);
    }
}

MISTAKE(close_nested_lint, "CLOSE-002 close.nested_same_thread", .is_lint = 1, .off = "IRP-022",
        .knobs = "close.nested_same_thread=lint")
{
    CloseNested();
}

MISTAKE(close_nested_violation, "CLOSE-002 close.nested_same_thread", .off = "IRP-022",
        .knobs = "close.nested_same_thread=violation")
{
    CloseNested();
}

FREEDOM(close_nested_legal, "CLOSE-002 close.nested_same_thread", .off = "IRP-022",
        .knobs = "close.nested_same_thread=legal")
{
    Mistaken = TRUE; /* nests, and nobody minds */
    CloseNested();
    Mistaken = FALSE;
    if (Closing.InFlight && NT_SUCCESS(Finish(&Closing))) {
        Witness();
    }
}

/* ---- what is pending (CLOSE-003, CLOSE-004, CLOSE-006, CLOSE-011) ---- */

DUTY(close_cancels_what_is_pending,
     "CLOSE-004 CLOSE-003 CLOSE-006 CLOSE-011 PROP-LIFE-08 close.irp_order",
     .knobs = "close.irp_order=others-first")
{
    PWSK_SOCKET Socket = Bound(NULL, NULL);
    if (Socket == NULL) {
        return;
    }
    NTSTATUS Answer = Receive(Socket, Fresh(&First));
    (void)StartClose(Socket);
    Check(NT_SUCCESS(Finish(&Closing)));
    Check(IsDone(&First));
    NTSTATUS Status = Finish(&First);
    Check(Status != STATUS_UNSUCCESSFUL);
    Check(NT_SUCCESS(Status) || First.Information == 0);
    Check(Answer != STATUS_PENDING || Status != STATUS_PENDING);
}

/* The order in which two receives are given back. */
static volatile LONG Order;
static LONG FirstPlace, SecondPlace;

static NTSTATUS Places(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    struct request *Request = Context;
    UNREFERENCED_PARAMETER(Device);
    Request->Status = Irp->IoStatus.Status;
    *(Request == &First ? &FirstPlace : &SecondPlace) = InterlockedIncrement(&Order);
    KeSetEvent(&Request->Done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* True if the close has cancelled both. */
static BOOLEAN CancelBoth(void)
{
    PWSK_SOCKET Socket = Bound(NULL, NULL);
    if (Socket == NULL) {
        return FALSE;
    }
    struct request *Both[] = {&First, &Second};
    for (ULONG i = 0; i < 2; i++) {
        PIRP Irp = Fresh(Both[i]);
        IoSetCompletionRoutine(Irp, Places, Both[i], TRUE, TRUE, TRUE);
        (void)Receive(Socket, Irp);
    }
    (void)StartClose(Socket);
    (void)Finish(&Closing);
    (void)Finish(&First);
    (void)Finish(&Second);
    return First.Status == STATUS_CANCELLED && Second.Status == STATUS_CANCELLED;
}


/* In turn, the younger one first. */
DUTY(close_irp_order_reverse, "CLOSE-004 close.irp_order", .knobs = "close.irp_order=reverse")
{
    if (CancelBoth()) {
        Check(SecondPlace < FirstPlace);
    }
}

FREEDOM(close_irp_order_random, "CLOSE-004 close.irp_order", .knobs = "close.irp_order=random")
{
    if (CancelBoth() && FirstPlace < SecondPlace) {
        Witness();
    }
}

static NTSTATUS Slow(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    UNREFERENCED_PARAMETER(Context);
    for (ULONG i = 0; i < 50; i++) {
        (void)KeReadStateEvent(&Closing.Done);
    }
    if (IsDone(&Closing)) {
        Witness();
    }
    KeSetEvent(&First.Done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

FREEDOM(close_irp_order_while_routines_run, "CLOSE-011 close.irp_order",
        .knobs = "close.irp_order=while-routines-run close.delay=none")
{
    PWSK_SOCKET Socket = Bound(NULL, NULL);
    if (Socket != NULL) {
        PIRP Irp = Fresh(&First);
        IoSetCompletionRoutine(Irp, Slow, NULL, TRUE, TRUE, TRUE);
        (void)Receive(Socket, Irp);
        (void)StartClose(Socket);
        (void)Finish(&Closing);
        (void)Finish(&First);
    }
}

/* ---- outcomes and time (CLOSE-008, CLOSE-012, CLOSE-038, CLOSE-039) ---- */

MISTAKE(socket_read_after_the_close, "CTL-183 CLOSE-008 CLOSE-007")
{
    PWSK_SOCKET Socket = Bound(NULL, NULL);
    if (Socket != NULL && SocketClose(Socket) && Mistaken && Socket->Dispatch == NULL) {
        Witness();
    }
}

DUTY(close_succeeds_and_cannot_be_cancelled,
     "CLOSE-012 CLOSE-039 CLOSE-019 close.may_fail close.irp_cancelled",
     .knobs = "close.irp_cancelled=no-effect close.may_fail=never")
{
    PWSK_SOCKET Socket = Bound(NULL, NULL);
    if (Socket != NULL) {
        (void)Receive(Socket, Fresh(&First));
        NTSTATUS Answer = StartClose(Socket);
        Check(Answer == STATUS_PENDING || Answer == STATUS_SUCCESS);
        (void)IoCancelIrp(Closing.Irp);
        Check(Finish(&Closing) == STATUS_SUCCESS && Closing.Information == 0);
    }
}

FREEDOM(close_irp_cancelled_but_closed, "CLOSE-039 close.irp_cancelled",
        .knobs = "close.irp_cancelled=cancelled-but-closed")
{
    PWSK_SOCKET Socket = Bound(NULL, NULL);
    if (Socket != NULL) {
        (void)Receive(Socket, Fresh(&First));
        (void)StartClose(Socket);
        (void)IoCancelIrp(Closing.Irp);
        if (Finish(&Closing) == STATUS_CANCELLED) {
            Witness();
        }
    }
}



FREEDOM(close_may_fail_once, "CLOSE-012 close.may_fail", .knobs = "close.may_fail=once")
{
    PWSK_SOCKET Socket = Bound(NULL, NULL);
    if (Socket != NULL) {
        (void)StartClose(Socket);
        if (Finish(&Closing) == STATUS_INSUFFICIENT_RESOURCES) {
            Witness();
        }
        (void)StartClose(Socket);
        (void)Finish(&Closing);
    }
}

static ULONGLONG CloseTime(void)
{
    PWSK_SOCKET Socket = Bound(NULL, NULL);
    ULONGLONG Start = Now();
    if (Socket != NULL) {
        (void)StartClose(Socket);
        (void)Finish(&Closing);
    }
    return Now() - Start;
}

FREEDOM(close_delay_10s, "CLOSE-038 close.delay", .knobs = "close.delay=10s")
{
    if (CloseTime() >= 10000) {
        Witness();
    }
}

FREEDOM(close_delay_none, "CLOSE-038 close.delay", .knobs = "close.delay=none")
{
    if (CloseTime() == 0) {
        Witness();
    }
}

FREEDOM(close_delay_drawn, "CLOSE-038 close.delay", .knobs = "close.delay=drawn")
{
    ULONGLONG Time = CloseTime();
    if (Time > 0 && Time <= 100) {
        Witness();
    }
}

MISTAKE(close_delay_never, "SYS-DEADLOCK CLOSE-038 close.delay", .knobs = "close.delay=never",
        .off = "SOCK-020")
{
    if (Mistaken) {
        (void)CloseTime();
    }
}
