/* SPDX-License-Identifier: MIT */
/* Cases of the kernel contract, 1.1: cancelling, frames, who owns an IRP, order of completion. */
#include "device.h"

enum { TAG = 'esaC' };

static NTSTATUS Stop(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    UNREFERENCED_PARAMETER(Context);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void End(PDEVICE_OBJECT Device, PIRP Irp)
{
    if (Irp != NULL) {
        IoFreeIrp(Irp);
    }
    if (Device != NULL) {
        IoDeleteDevice(Device);
    }
}

/* A request that stays with the lower layer; NULL if it could not be made. */
static PIRP Held(PDEVICE_OBJECT *Device, PIO_COMPLETION_ROUTINE Routine, PVOID Context)
{
    *Device = LowerNew();
    PIRP Irp = *Device != NULL ? IoAllocateIrp(1, FALSE) : NULL;
    if (Irp != NULL) {
        Lower.Pends = TRUE;
        (void)Pass(*Device, Irp, Routine, Context);
    } else {
        End(*Device, NULL);
    }
    return Irp;
}

/* ---- IoCancelIrp (KRN-021 to KRN-024) ---- */

static LONG Cancels;
static KIRQL CancelLevel;

static void Cancelled(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    Cancels++;
    CancelLevel = KeGetCurrentIrql();
    Check(Irp->Cancel && Irp->CancelRoutine == NULL);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
}

DUTY(cancel_calls_the_routine_once, "KRN-021")
{
    PDEVICE_OBJECT Device;
    PIRP Irp = Held(&Device, Stop, NULL);
    if (Irp == NULL) {
        return;
    }
    Cancels = 0;
    Check(IoSetCancelRoutine(Lower.Held, Cancelled) == NULL);
    Check(IoCancelIrp(Irp));
    Check(Cancels == 1 && CancelLevel == DISPATCH_LEVEL);
    Check(!IoCancelIrp(Irp)); /* taken out: nobody is there to call */
    Check(Cancels == 1 && Irp->Cancel);
    LowerComplete(STATUS_SUCCESS, PASSIVE_LEVEL);
    End(Device, Irp);
}

static BOOLEAN CancelValue;

static void Cancel(PVOID Context)
{
    CancelValue = IoCancelIrp(Context);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* Asks for a datagram, and cancels at the same time; what the two values say. */
static BOOLEAN CancelRequest(BOOLEAN *IsCancelled)
{
    static struct request Receive;
    static UCHAR Remote[64];
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    *IsCancelled = FALSE;
    if (Socket == NULL || !NT_SUCCESS(SocketBind(Socket, 7000)) || !RequestNew(&Receive)) {
        return TRUE;
    }
    WSK_BUF Buffer = BufferNew(64);
    PIRP Irp = Fresh(&Receive);
    PVOID Canceller = Buffer.Mdl != NULL ? CaseThread(Cancel, Irp) : NULL;
    if (Canceller == NULL) {
        Receive.InFlight = FALSE;
        return TRUE;
    }
    Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, (PSOCKADDR)Remote, NULL, NULL, NULL, Irp);
    CaseJoin(Canceller);
    *IsCancelled = (BOOLEAN)(Finish(&Receive) == STATUS_CANCELLED);
    return CancelValue;
}

FREEDOM(cancel_says_no_and_it_is_cancelled, "KRN-021 KPROP-07")
{
    BOOLEAN IsCancelled;
    if (!CancelRequest(&IsCancelled) && IsCancelled) {
        Witness();
    }
}

static void SendOne(void)
{
    struct wsksim_port *Port = wsksim_bind(NULL, 0);
    for (int i = 0; i < 40 && Port != NULL && !wsksim_is_over(); i++) {
        (void)wsksim_send_to(Port, NULL, 7000, "hello", 5);
        wsksim_sleep(wsksim_choose(2000));
    }
}

FREEDOM(cancel_says_yes_and_it_succeeds, "KRN-021 KPROP-07", .world = SendOne)
{
    BOOLEAN IsCancelled;
    if (CancelRequest(&IsCancelled) && !IsCancelled) {
        Witness();
    }
}

MISTAKE(cancel_taken_for_the_end, "IRP-008 KBUG-11 KRN-021")
{
    PIRP Irp = CaseWsk() ? IoAllocateIrp(1, FALSE) : NULL;
    static struct request Receive;
    static UCHAR Remote[64];
    PWSK_SOCKET Socket = Irp != NULL ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    WSK_BUF Buffer = {0};
    if (Irp != NULL) {
        IoFreeIrp(Irp);
    }
    if (Socket == NULL || !NT_SUCCESS(SocketBind(Socket, 7000)) || !RequestNew(&Receive)) {
        return;
    }
    Buffer = BufferNew(64);
    if (Buffer.Mdl == NULL) {
        return;
    }
    Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, (PSOCKADDR)Remote, NULL, NULL, NULL,
                                     Fresh(&Receive));
    if (IoCancelIrp(Receive.Irp) && Mistaken) {
        IoFreeIrp(RequestForget(&Receive));
    }
    (void)Finish(&Receive);
}

MISTAKE(freed_irp_cancelled, "KRN-022 KPROP-06")
{
    PDEVICE_OBJECT Device;
    PIRP Irp = Held(&Device, Stop, NULL);
    if (Irp != NULL) {
        LowerComplete(STATUS_SUCCESS, PASSIVE_LEVEL);
        End(Device, Irp);
        if (Mistaken) {
            (void)IoCancelIrp(Irp);
        }
    }
}

static void CancelCompleted(void)
{
    static struct request Again;
    if (CaseWsk() && RequestNew(&Again)) {
        CaseNpi.Dispatch->WskSocket(CaseNpi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                    WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL, NULL, NULL, NULL,
                                    Fresh(&Again));
        if (NT_SUCCESS(Finish(&Again))) {
            SocketAdopt((PWSK_SOCKET)Again.Information);
        }
        if (Mistaken) {
            (void)IoCancelIrp(Again.Irp);
        }
    }
}

MISTAKE(completed_irp_cancelled, "KRN-022 kernel.cancel_completed",
        .knobs = "kernel.cancel_completed=error")
{
    CancelCompleted();
}

MISTAKE(completed_irp_cancelled_is_lint, "KRN-022 kernel.cancel_completed", .is_lint = 1,
        .knobs = "kernel.cancel_completed=lint")
{
    CancelCompleted();
}

FREEDOM(completed_irp_may_be_cancelled, "KRN-022", .knobs = "kernel.cancel_completed=lint")
{
    PDEVICE_OBJECT Device;
    PIRP Irp = Held(&Device, Stop, NULL);
    if (Irp != NULL) {
        LowerComplete(STATUS_SUCCESS, PASSIVE_LEVEL);
        if (!IoCancelIrp(Irp) && Irp->Cancel) {
            Witness();
        }
        End(Device, Irp);
    }
}

/* The routine frees, and somebody cancels at the same time. */
static PIRP Victim;
static KSPIN_LOCK VictimLock;

static NTSTATUS FreeIt(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Context);
    KeAcquireSpinLock(&VictimLock, &Old);
    Victim = NULL;
    KeReleaseSpinLock(&VictimLock, Old);
    IoFreeIrp(Irp);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void CancelVictim(PVOID Context)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Context);
    KeAcquireSpinLock(&VictimLock, &Old);
    PIRP Irp = Victim;
    if (Irp != NULL && !Mistaken) {
        (void)IoCancelIrp(Irp); /* the routine waits for the lock before it frees */
    }
    KeReleaseSpinLock(&VictimLock, Old);
    if (Irp != NULL && Mistaken) {
        (void)IoCancelIrp(Irp);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void CancelWhileFreed(void)
{
    PDEVICE_OBJECT Device;
    Victim = Held(&Device, FreeIt, NULL);
    if (Victim != NULL) {
        PVOID Canceller = CaseThread(CancelVictim, NULL);
        LowerComplete(STATUS_SUCCESS, PASSIVE_LEVEL);
        CaseJoin(Canceller);
        End(Device, NULL);
    }
}

MISTAKE(freed_while_cancelled, "KRN-024 KPROP-06", .off = "KRN-022")
{
    CancelWhileFreed();
}

/* The same from a timer, some time after the request was passed on. */
static KTIMER Timer;
static KDPC TimerDpc;

static void OnTimer(PKDPC Dpc, PVOID Context, PVOID First, PVOID Second)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Second);
    KeAcquireSpinLockAtDpcLevel(&VictimLock);
    PIRP Irp = Victim;
    if (Irp != NULL && !Mistaken) {
        (void)IoCancelIrp(Irp);
    }
    KeReleaseSpinLockFromDpcLevel(&VictimLock);
    if (Irp != NULL && Mistaken) {
        (void)IoCancelIrp(Irp);
    }
}

MISTAKE(timer_cancels_what_was_freed, "KRN-022 KBUG-12 KRN-024")
{
    PDEVICE_OBJECT Device;
    LARGE_INTEGER Due;
    Due.QuadPart = -1;
    KeInitializeTimer(&Timer);
    KeInitializeDpc(&TimerDpc, OnTimer, NULL);
    Victim = Held(&Device, FreeIt, NULL);
    if (Victim != NULL) {
        KeSetTimer(&Timer, Due, &TimerDpc);
        CaseSleep(1);
        LowerComplete(STATUS_SUCCESS, PASSIVE_LEVEL);
        KeCancelTimer(&Timer);
        KeFlushQueuedDpcs();
        End(Device, NULL);
    }
}

/* ---- IRPs and frames (KRN-029) ---- */

static NTSTATUS Completed(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static __attribute__((noinline)) void ReceiveOnStack(PWSK_SOCKET Socket, WSK_BUF *Buffer,
                                                     KEVENT *Done)
{
    union {
        IRP Irp;
        UCHAR Bytes[sizeof(IRP) + sizeof(IO_STACK_LOCATION)];
    } Raw;
    static UCHAR Remote[64];
    LARGE_INTEGER Limit;
    Limit.QuadPart = -10000;
    IoInitializeIrp(&Raw.Irp, sizeof Raw.Bytes, 1);
    IoSetCompletionRoutine(&Raw.Irp, Completed, Done, TRUE, TRUE, TRUE);
    Datagram(Socket)->WskReceiveFrom(Socket, Buffer, 0, (PSOCKADDR)Remote, NULL, NULL, NULL,
                                     &Raw.Irp);
    if (KeWaitForSingleObject(Done, Executive, KernelMode, FALSE, &Limit) == STATUS_TIMEOUT &&
        !Mistaken) {
        (void)IoCancelIrp(&Raw.Irp);
        KeWaitForSingleObject(Done, Executive, KernelMode, FALSE, NULL);
    }
}

/* Reuses the stack where the IRP was. */
static __attribute__((noinline)) void Overwrite(void)
{
    volatile UCHAR Bytes[512];
    for (ULONG i = 0; i < sizeof Bytes; i++) {
        Bytes[i] = (UCHAR)i;
    }
    CaseSleep(1);
}

MISTAKE(frame_of_an_irp_left, "KRN-029 KBUG-04 KPROP-02")
{
    static KEVENT Done;
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    WSK_BUF Buffer = Socket != NULL ? BufferNew(64) : (WSK_BUF){0};
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    if (Buffer.Mdl == NULL || !NT_SUCCESS(SocketBind(Socket, 7000))) {
        return;
    }
    ReceiveOnStack(Socket, &Buffer, &Done);
    Overwrite();
    (void)SocketClose(Socket);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
}

/* ---- whose IRP it is (KRN-028, KRN-031 to KRN-034) ---- */

MISTAKE(armed_irp_never_passed, "KRN-028")
{
    PDEVICE_OBJECT Device = LowerNew();
    PIRP Irp = Device != NULL ? IoAllocateIrp(1, FALSE) : NULL;
    if (Irp != NULL &&
        NT_SUCCESS(IoSetCompletionRoutineEx(Device, Irp, Stop, NULL, TRUE, TRUE, TRUE)) &&
        !Mistaken) {
        IoGetNextIrpStackLocation(Irp)->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
        (void)IoCallDriver(Device, Irp);
    }
    End(Device, Irp);
}

FREEDOM(routine_ex_may_fail, "KRN-028 KPROP-22")
{
    PDEVICE_OBJECT Device = LowerNew();
    PIRP Irp = Device != NULL ? IoAllocateIrp(1, FALSE) : NULL;
    if (Irp != NULL) {
        if (NT_SUCCESS(IoSetCompletionRoutineEx(Device, Irp, Stop, NULL, TRUE, TRUE, TRUE))) {
            IoGetNextIrpStackLocation(Irp)->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
            (void)IoCallDriver(Device, Irp);
        } else {
            Witness();
        }
    }
    End(Device, Irp);
}

MISTAKE(irp_of_the_io_manager_freed, "KRN-031")
{
    KEVENT Done;
    IO_STATUS_BLOCK Result;
    PDEVICE_OBJECT Device = LowerNew();
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    PIRP Irp = Device != NULL ? IoBuildDeviceIoControlRequest(0x222000, Device, NULL, 0, NULL, 0,
                                                              TRUE, &Done, &Result)
                              : NULL;
    if (Irp != NULL && Mistaken) {
        IoFreeIrp(Irp);
    } else if (Irp != NULL) {
        (void)IoCallDriver(Device, Irp);
    }
    End(Device, NULL);
}

MISTAKE(raw_irp_cleaned_up, "KRN-032")
{
    PIRP Irp = ExAllocatePoolWithTag(NonPagedPoolNx, IoSizeOfIrp(1), TAG);
    if (Irp != NULL) {
        IoInitializeIrp(Irp, IoSizeOfIrp(1), 1);
        if (Mistaken) {
            IoCleanupIrp(Irp);
        }
        ExFreePoolWithTag(Irp, TAG);
    }
}

MISTAKE(irp_charged_to_quota, "KRN-033")
{
    PIRP Irp = IoAllocateIrp(1, Mistaken);
    if (Irp != NULL) {
        IoFreeIrp(Irp);
    }
}

static void NeverCalled(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
}

MISTAKE(cancel_routine_on_a_request, "KRN-034")
{
    static struct request Request;
    if (!CaseWsk() || !RequestNew(&Request)) {
        return;
    }
    PIRP Irp = Fresh(&Request);
    if (Mistaken) {
        (void)IoSetCancelRoutine(Irp, NeverCalled);
    }
    CaseNpi.Dispatch->WskSocket(CaseNpi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL, NULL, NULL, NULL, Irp);
    if (NT_SUCCESS(Finish(&Request))) {
        SocketAdopt((PWSK_SOCKET)Request.Information);
    }
}

/* ---- the order of completion (KRN-037) ---- */

static LONG Order[2], Next;
static KIRQL Levels[2];

static NTSTATUS Note(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    Levels[Next] = KeGetCurrentIrql();
    Order[Next++] = (LONG)(LONG_PTR)Context;
    if (Context == (PVOID)2) {
        return STATUS_MORE_PROCESSING_REQUIRED;
    }
    if (Irp->PendingReturned) {
        IoMarkIrpPending(Irp);
    }
    return STATUS_CONTINUE_COMPLETION;
}

/* The driver keeps one location for itself, and passes the IRP on through two layers. */
DUTY(completion_goes_upward, "KRN-037")
{
    for (KIRQL Irql = PASSIVE_LEVEL; Irql <= DISPATCH_LEVEL; Irql++) {
        PDEVICE_OBJECT Device = LowerNew();
        PIRP Irp = Device != NULL ? IoAllocateIrp(2, FALSE) : NULL;
        if (Irp != NULL) {
            Next = 0;
            Lower.Pends = TRUE;
            IoSetCompletionRoutine(Irp, Note, (PVOID)2, TRUE, TRUE, TRUE);
            IoSetNextIrpStackLocation(Irp);
            (void)Pass(Device, Irp, Note, (PVOID)1);
            LowerComplete(STATUS_SUCCESS, Irql);
            Check(Next == 2 && Order[0] == 1 && Order[1] == 2);
            Check(Levels[0] == Irql && Levels[1] == Irql);
        }
        End(Device, Irp);
    }
}
