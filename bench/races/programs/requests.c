/* SPDX-License-Identifier: MIT */
/*
 * Races of requests: IRPs of the driver's own, sent to a device of its own that keeps them pending,
 * and completed, cancelled and freed by different threads.
 */
#include "race.h"

static PDEVICE_OBJECT Device;
static PIRP Irp;
static PIRP volatile Held; /* by the lower layer */
static KEVENT Completed;
static volatile LONG Completions;

static NTSTATUS Complete(PIRP Request, NTSTATUS Status)
{
    Request->IoStatus.Status = Status;
    Request->IoStatus.Information = 0;
    IoCompleteRequest(Request, IO_NO_INCREMENT);
    return Status;
}

/* Takes the request out of the hands of the lower layer by what the routine is told to be right. */
static void CancelTakes(PDEVICE_OBJECT Of, PIRP Request)
{
    UNREFERENCED_PARAMETER(Of);
    IoReleaseCancelSpinLock(Request->CancelIrql);
    Held = NULL;
    (void)Complete(Request, STATUS_CANCELLED);
}

static NTSTATUS Keep(PDEVICE_OBJECT Of, PIRP Request)
{
    UNREFERENCED_PARAMETER(Of);
    IoMarkIrpPending(Request);
    Held = Request;
    (void)IoSetCancelRoutine(Request, CancelTakes);
    return STATUS_PENDING;
}

static NTSTATUS Ended(PDEVICE_OBJECT Of, PIRP Request, PVOID Argument)
{
    UNREFERENCED_PARAMETER(Of);
    UNREFERENCED_PARAMETER(Request);
    UNREFERENCED_PARAMETER(Argument);
    Completions++;
    Set(&Completed);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS EndedAndFreed(PDEVICE_OBJECT Of, PIRP Request, PVOID Argument)
{
    UNREFERENCED_PARAMETER(Of);
    UNREFERENCED_PARAMETER(Argument);
    IoFreeIrp(Request);
    Set(&Completed);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* A device, and a request that is pending there. */
static BOOLEAN Begin(PIO_COMPLETION_ROUTINE Routine)
{
    KeInitializeEvent(&Completed, NotificationEvent, FALSE);
    RaceDriver->MajorFunction[IRP_MJ_INTERNAL_DEVICE_CONTROL] = Keep;
    if (!NT_SUCCESS(
            IoCreateDevice(RaceDriver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device))) {
        return FALSE;
    }
    Device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    Irp = IoAllocateIrp(1, FALSE);
    if (Irp == NULL) {
        IoDeleteDevice(Device);
        return FALSE;
    }
    IoGetNextIrpStackLocation(Irp)->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    IoSetCompletionRoutine(Irp, Routine, NULL, TRUE, TRUE, TRUE);
    (void)IoCallDriver(Device, Irp);
    return TRUE;
}

static void End(void)
{
    Join();
    Wait(&Completed);
    IoDeleteDevice(Device);
}

static void CancelIt(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    IoCancelIrp(Irp);
}

/*
 * cancel_twice: the lower layer takes its request, and takes the cancel routine out without asking
 * whether it was still there: both complete the request. 1 preemption.
 */
static void FinishBlindly(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    PIRP Mine = Held;
    if (Mine != NULL) {
        Held = NULL;
        (void)IoSetCancelRoutine(Mine, NULL);
        (void)Complete(Mine, STATUS_SUCCESS);
    }
}

RACE(cancel_twice, 1, "KRN-018", "")
{
    if (Begin(Ended)) {
        Start(FinishBlindly, 0);
        Start(CancelIt, 0);
        End();
        IoFreeIrp(Irp);
    }
}

/*
 * cancel_freed: who cancels looks whether the request has ended, and cancels it; the completion
 * routine frees it in between. 1 preemption.
 */
static void Finish(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    PIRP Mine = Held;
    if (Mine != NULL && IoSetCancelRoutine(Mine, NULL) != NULL) {
        Held = NULL;
        (void)Complete(Mine, STATUS_SUCCESS);
    }
}

static void CancelUnlessEnded(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    if (!KeReadStateEvent(&Completed)) {
        IoCancelIrp(Irp);
    }
}

RACE(cancel_freed, 1, "KRN-022 KRN-024 IRP-009 MEM-UAF", "")
{
    if (Begin(EndedAndFreed)) {
        Start(Finish, 0);
        Start(CancelUnlessEnded, 0);
        End();
    }
}

/*
 * status_early: the result of a request is looked at when the lower layer has let go of it, which
 * is before it has been completed. 1 preemption.
 */
static void LookEarly(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    if (Held == NULL) {
        Check(Completions == 1);
    }
}

static void FinishOnce(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    PIRP Mine = Held;
    (void)IoSetCancelRoutine(Mine, NULL);
    Held = NULL;
    (void)Complete(Mine, STATUS_SUCCESS);
}

RACE(status_early, 1, "SYS-ASSERT", "")
{
    if (Begin(Ended)) {
        Start(FinishOnce, 0);
        Start(LookEarly, 0);
        End();
        IoFreeIrp(Irp);
    }
}

/*
 * remove_device: a request is sent to a device that was there a moment ago; the remover counts
 * requests, and the sender counts itself too late. 1 preemption.
 */
static volatile LONG Senders, IsRemoved;

static NTSTATUS Answer(PDEVICE_OBJECT Of, PIRP Request)
{
    UNREFERENCED_PARAMETER(Of);
    Check(!IsRemoved);
    return Complete(Request, STATUS_SUCCESS);
}

static void Send(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    if (IsRemoved) {
        return;
    }
    InterlockedIncrement(&Senders);
    IoGetNextIrpStackLocation(Irp)->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    IoSetCompletionRoutine(Irp, Ended, NULL, TRUE, TRUE, TRUE);
    (void)IoCallDriver(Device, Irp);
    InterlockedDecrement(&Senders);
}

static void Remove(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    while (Senders != 0) {
        YieldProcessor();
    }
    IsRemoved = TRUE;
}

RACE(remove_device, 1, "SYS-ASSERT", "")
{
    if (Begin(Ended)) {
        RaceDriver->MajorFunction[IRP_MJ_INTERNAL_DEVICE_CONTROL] = Answer;
        FinishOnce(0);
        IoReuseIrp(Irp, STATUS_UNSUCCESSFUL);
        Start(Send, 0);
        Start(Remove, 0);
        End();
        IoFreeIrp(Irp);
    }
}

/*
 * two_owners: a request has two reasons to end, an answer and a time-out; each looks whether the
 * other has come first, and both complete it. 1 preemption.
 */
static volatile LONG HasEnded;

static void EndOnce(LONG Status)
{
    PIRP Mine = Held;
    if (!HasEnded) {
        HasEnded = TRUE;
        (void)IoSetCancelRoutine(Mine, NULL);
        (void)Complete(Mine, Status);
    }
}

RACE(two_owners, 1, "KRN-018", "")
{
    if (Begin(Ended)) {
        Start(EndOnce, STATUS_SUCCESS);
        Start(EndOnce, STATUS_IO_TIMEOUT);
        End();
        IoFreeIrp(Irp);
    }
}

/*
 * reuse_early: a request is used again by a thread that saw the event of the first round set by
 * somebody in a hurry, before the lower layer has completed it. 1 preemption.
 */
static void Hurry(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    PIRP Mine = Held;
    (void)IoSetCancelRoutine(Mine, NULL);
    Set(&Completed);
    (void)Complete(Mine, STATUS_SUCCESS);
}

static void Reuse(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Wait(&Completed);
    IoReuseIrp(Irp, STATUS_UNSUCCESSFUL);
}

RACE(reuse_early, 1, "KRN-005 KRN-018", "")
{
    if (Begin(Ended)) {
        Start(Hurry, 0);
        Start(Reuse, 0);
        End();
        IoFreeIrp(Irp);
    }
}
