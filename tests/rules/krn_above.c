/* SPDX-License-Identifier: MIT */
/* Cases of the kernel contract, 1.1: IRPs from above (KRN-013 to KRN-020, KRN-025 to KRN-036). */
#include "device.h"

static KSPIN_LOCK Lock;

/* ---- what the dispatch routine returns (KRN-013, KRN-014, KRN-018, KRN-020) ---- */

static NTSTATUS ReturnsPending(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    if (!Mistaken) {
        IoMarkIrpPending(Irp);
    }
    (void)Complete(Irp, STATUS_SUCCESS);
    return STATUS_PENDING;
}

MISTAKE(returns_pending_without_marking, "KRN-013 KBUG-07 KPROP-03", .world = User)
{
    Serve(ReturnsPending, NULL);
}

static NTSTATUS ReturnsSuccess(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoMarkIrpPending(Irp);
    NTSTATUS Status = Complete(Irp, STATUS_SUCCESS);
    return Mistaken ? Status : STATUS_PENDING;
}

MISTAKE(marks_and_returns_success, "KRN-013 KBUG-07", .world = User)
{
    Serve(ReturnsSuccess, NULL);
}

static PIRP Queued;
static KEVENT IsQueued;

/* The other thread takes the IRP and completes it. */
static void Completer(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForSingleObject(&IsQueued, Executive, KernelMode, FALSE, NULL);
    if (Queued != NULL) {
        PIRP Irp = InterlockedExchangePointer((PVOID *)&Queued, NULL);
        if (Irp != NULL) {
            (void)Complete(Irp, STATUS_SUCCESS);
        }
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS QueuesAndMarks(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    if (!Mistaken) {
        IoMarkIrpPending(Irp);
    }
    Queued = Irp;
    KeSetEvent(&IsQueued, IO_NO_INCREMENT, FALSE);
    if (Mistaken) {
        IoMarkIrpPending(Irp);
    }
    return STATUS_PENDING;
}

static void ServeWithCompleter(PDRIVER_DISPATCH Routine)
{
    KeInitializeEvent(&IsQueued, NotificationEvent, FALSE);
    PVOID Thread = CaseThread(Completer, NULL);
    if (Thread != NULL) {
        Serve(Routine, NULL);
        KeSetEvent(&IsQueued, IO_NO_INCREMENT, FALSE); /* nothing comes any more */
        CaseJoin(Thread);
    }
}

MISTAKE(marked_after_queueing, "KRN-014 KBUG-06 KPROP-03", .world = User)
{
    ServeWithCompleter(QueuesAndMarks);
}

static NTSTATUS CompletesTwice(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    NTSTATUS Status = Complete(Irp, STATUS_INVALID_PARAMETER);
    if (Mistaken) {
        IoCompleteRequest(Irp, IO_NO_INCREMENT);
    }
    return Status;
}

MISTAKE(completed_twice, "KRN-018 KPROP-03", .world = User)
{
    Serve(CompletesTwice, NULL);
}

static NTSTATUS CompletesPending(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Complete(Irp, Mistaken ? STATUS_PENDING : STATUS_SUCCESS);
}

MISTAKE(completed_with_pending, "KRN-018", .world = User)
{
    Serve(CompletesPending, NULL);
}

static void NeverCalled(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
}

static NTSTATUS CompletesCancellable(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    (void)IoSetCancelRoutine(Irp, Mistaken ? NeverCalled : NULL);
    return Complete(Irp, STATUS_SUCCESS);
}

MISTAKE(completed_with_a_cancel_routine, "KRN-018 KRN-027", .world = User)
{
    Serve(CompletesCancellable, NULL);
}

MISTAKE(own_irp_completed, "KRN-018")
{
    PIRP Irp = IoAllocateIrp(1, FALSE);
    if (Irp != NULL) {
        Irp->IoStatus.Status = STATUS_SUCCESS;
        if (Mistaken) {
            IoCompleteRequest(Irp, IO_NO_INCREMENT);
        }
        IoFreeIrp(Irp);
    }
}

static NTSTATUS CompletesLocked(PDEVICE_OBJECT Device, PIRP Irp)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Device);
    KeAcquireSpinLock(&Lock, &Old);
    if (Mistaken) {
        (void)Complete(Irp, STATUS_SUCCESS);
    }
    KeReleaseSpinLock(&Lock, Old);
    return Mistaken ? STATUS_SUCCESS : Complete(Irp, STATUS_SUCCESS);
}

MISTAKE(completed_with_a_lock_held, "KRN-018 KBUG-09 KRN-120", .world = User)
{
    Serve(CompletesLocked, NULL);
}

static NTSTATUS TouchesCompleted(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    NTSTATUS Status = Complete(Irp, STATUS_SUCCESS);
    if (Mistaken) {
        (void)IoSetCancelRoutine(Irp, NULL);
    }
    return Status;
}

MISTAKE(touched_after_completion, "KRN-019", .world = User)
{
    Serve(TouchesCompleted, NULL);
}

static NTSTATUS ForgetsToComplete(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Mistaken ? STATUS_SUCCESS : Complete(Irp, STATUS_SUCCESS);
}

MISTAKE(returns_without_completing, "KRN-020 KPROP-03", .world = User)
{
    Serve(ForgetsToComplete, NULL);
}

static NTSTATUS ReturnsAnother(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    NTSTATUS Status = Complete(Irp, STATUS_INVALID_PARAMETER);
    return Mistaken ? STATUS_SUCCESS : Status;
}

MISTAKE(returns_another_status, "KRN-020", .world = User)
{
    Serve(ReturnsAnother, NULL);
}

static NTSTATUS CompletesEarly(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoMarkIrpPending(Irp);
    (void)Complete(Irp, STATUS_SUCCESS);
    Witness();
    return STATUS_PENDING;
}

FREEDOM(completed_before_pending_is_returned, "KRN-013 KAMB-09", .world = User)
{
    Serve(CompletesEarly, NULL);
}

/* ---- forwarding (KRN-015, KRN-030, KRN-035) ---- */

static PDEVICE_OBJECT Below;
static BOOLEAN IsServed;

/* The IRP that the lower layer pends is completed by another thread. */
static void LowerCompleter(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG i = 1; Lower.Held == NULL && !IsServed; i += i < 4000 ? i : 0) {
        CaseSleep(i);
    }
    if (Lower.Held != NULL) {
        LowerComplete(STATUS_SUCCESS, PASSIVE_LEVEL);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void ServeForwarding(PDRIVER_DISPATCH Routine, BOOLEAN Pends)
{
    Below = LowerNew();
    Lower.Pends = Pends;
    PVOID Thread = Below != NULL && Pends ? CaseThread(LowerCompleter, NULL) : NULL;
    if (Below != NULL && (Thread != NULL || !Pends)) {
        Serve(Routine, Below);
        IsServed = TRUE;
        CaseJoin(Thread);
        if (Lower.Held != NULL) {
            LowerComplete(STATUS_SUCCESS, PASSIVE_LEVEL);
        }
    }
    if (Below != NULL) {
        IoDeleteDevice(Below);
    }
}

static NTSTATUS Continue(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Context);
    if (Irp->PendingReturned && !Mistaken) {
        IoMarkIrpPending(Irp);
    }
    return STATUS_CONTINUE_COMPLETION;
}

static NTSTATUS Forwards(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, Continue, NULL, TRUE, TRUE, TRUE);
    return IoCallDriver(Below, Irp);
}

MISTAKE(continues_without_marking, "KRN-015 KPROP-03", .world = User)
{
    ServeForwarding(Forwards, TRUE);
}

static NTSTATUS SignalAndStop(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    if (Irp->PendingReturned) {
        IoMarkIrpPending(Irp); /* needless here, and tolerated: KAMB-15 */
    }
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS ForwardsAndWaits(PDEVICE_OBJECT Device, PIRP Irp)
{
    KEVENT Done;
    UNREFERENCED_PARAMETER(Device);
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, SignalAndStop, &Done, TRUE, TRUE, TRUE);
    (void)IoCallDriver(Below, Irp);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    BOOLEAN IsMarked = Irp->PendingReturned;
    (void)Complete(Irp, STATUS_SUCCESS);
    if (!IsMarked) {
        return STATUS_SUCCESS;
    }
    return STATUS_PENDING;
}

DUTY(marks_and_stops, "KRN-015 kernel.mark_and_stop", .world = User,
     .knobs = "kernel.mark_and_stop=tolerated", .is_lint = 1, .is_silent = 1)
{
    ServeForwarding(ForwardsAndWaits, TRUE);
}

static NTSTATUS MarksAndStops(PDEVICE_OBJECT Device, PIRP Irp)
{
    return Mistaken ? ForwardsAndWaits(Device, Irp) : Complete(Irp, STATUS_SUCCESS);
}

MISTAKE(mark_and_stop_is_lint, "KRN-015 kernel.mark_and_stop", .world = User,
        .knobs = "kernel.mark_and_stop=lint", .is_lint = TRUE)
{
    ServeForwarding(MarksAndStops, TRUE);
}

static NTSTATUS Skips(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    if (Mistaken) {
        IoSkipCurrentIrpStackLocation(Irp);
    } else {
        IoCopyCurrentIrpStackLocationToNext(Irp);
    }
    IoSetCompletionRoutine(Irp, Continue, NULL, TRUE, TRUE, TRUE);
    return IoCallDriver(Below, Irp);
}

MISTAKE(skips_with_a_routine, "KRN-030", .world = User)
{
    ServeForwarding(Skips, FALSE);
}

static NTSTATUS SkipsAndMarks(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoSkipCurrentIrpStackLocation(Irp);
    if (Mistaken) {
        IoMarkIrpPending(Irp);
    }
    return IoCallDriver(Below, Irp);
}

MISTAKE(skips_and_marks, "KRN-030", .world = User)
{
    ServeForwarding(SkipsAndMarks, FALSE);
}

static NTSTATUS StopOnce(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    UNREFERENCED_PARAMETER(Context);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS CompletesOnErrorToo(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, Mistaken ? Continue : StopOnce, NULL, TRUE, TRUE, TRUE);
    NTSTATUS Status = IoCallDriver(Below, Irp);
    if (!Mistaken) {
        return Complete(Irp, Status);
    }
    if (!NT_SUCCESS(Status)) {
        IoCompleteRequest(Irp, IO_NO_INCREMENT);
    }
    return Status;
}

MISTAKE(completed_by_routine_and_error_path, "KRN-018 KBUG-08", .world = User)
{
    Below = LowerNew();
    if (Below != NULL) {
        Lower.Status = STATUS_UNSUCCESSFUL;
        Serve(CompletesOnErrorToo, Below);
        IoDeleteDevice(Below);
    }
}

/* ---- cancelling (KRN-023, KRN-025 to KRN-027) ---- */

static NTSTATUS CancelsIt(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    if (Mistaken) {
        (void)IoCancelIrp(Irp);
    }
    return Complete(Irp, STATUS_SUCCESS);
}

MISTAKE(cancels_an_irp_from_above, "KRN-023", .world = User)
{
    Serve(CancelsIt, NULL);
}

static void CancelRoutine(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    KIRQL Irql = Irp->CancelIrql;
    IoReleaseCancelSpinLock(Irql);
    (void)Complete(Irp, STATUS_CANCELLED);
}

/* Pends with this cancel routine. */
static NTSTATUS Pend(PIRP Irp, PDRIVER_CANCEL Routine)
{
    IoMarkIrpPending(Irp);
    (void)IoSetCancelRoutine(Irp, Routine);
    if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL) {
        (void)Complete(Irp, STATUS_CANCELLED);
    }
    return STATUS_PENDING;
}

static void WrongIrql(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    KIRQL Irql = Irp->CancelIrql;
    IoReleaseCancelSpinLock(Mistaken ? APC_LEVEL : Irql);
    (void)Complete(Irp, STATUS_CANCELLED);
}

static NTSTATUS PendsWrongIrql(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Pend(Irp, WrongIrql);
}

MISTAKE(cancel_lock_released_with_another_irql, "KRN-026 KBUG-13", .world = ImpatientUser)
{
    Serve(PendsWrongIrql, NULL);
}

static void CompletesFirst(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    KIRQL Irql = Irp->CancelIrql;
    if (Mistaken) {
        (void)Complete(Irp, STATUS_CANCELLED);
    }
    IoReleaseCancelSpinLock(Irql);
    if (!Mistaken) {
        (void)Complete(Irp, STATUS_CANCELLED);
    }
}

static NTSTATUS PendsCompletesFirst(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Pend(Irp, CompletesFirst);
}

MISTAKE(completed_with_the_cancel_lock, "KRN-026 KBUG-13", .world = ImpatientUser)
{
    Serve(PendsCompletesFirst, NULL);
}

static NTSTATUS PendsUnchecked(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    if (!Mistaken) {
        return Pend(Irp, CancelRoutine);
    }
    IoMarkIrpPending(Irp);
    Queued = Irp; /* another thread gives it its cancel routine */
    KeSetEvent(&IsQueued, IO_NO_INCREMENT, FALSE);
    return STATUS_PENDING;
}

static void SetsRoutineLate(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForSingleObject(&IsQueued, Executive, KernelMode, FALSE, NULL);
    if (Queued != NULL) {
        CaseSleep(5);
        (void)IoSetCancelRoutine(Queued, CancelRoutine);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(cancel_bit_not_tested, "KRN-027", .world = ImpatientUser)
{
    KeInitializeEvent(&IsQueued, NotificationEvent, FALSE);
    PVOID Thread = CaseThread(SetsRoutineLate, NULL);
    if (Thread != NULL) {
        Serve(PendsUnchecked, NULL);
        KeSetEvent(&IsQueued, IO_NO_INCREMENT, FALSE);
        CaseJoin(Thread);
    }
}

static void LateCompleter(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForSingleObject(&IsQueued, Executive, KernelMode, FALSE, NULL);
    if (Queued != NULL) {
        CaseSleep(Mistaken ? 6 * 60 * 1000 : 100);
        (void)Complete(Queued, STATUS_CANCELLED);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS PendsForLong(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoMarkIrpPending(Irp);
    Queued = Irp;
    KeSetEvent(&IsQueued, IO_NO_INCREMENT, FALSE);
    return STATUS_PENDING;
}

MISTAKE(cancelled_and_completed_late, "KRN-025", .world = ImpatientUser)
{
    KeInitializeEvent(&IsQueued, NotificationEvent, FALSE);
    PVOID Thread = CaseThread(LateCompleter, NULL);
    if (Thread != NULL) {
        Serve(PendsForLong, NULL);
        KeSetEvent(&IsQueued, IO_NO_INCREMENT, FALSE);
        CaseJoin(Thread);
    }
}

/* ---- cancel-safe queues (KRN-036) ---- */

static IO_CSQ Csq;
static LIST_ENTRY List;
static KSPIN_LOCK ListLock;

static void CsqInsert(PIO_CSQ Queue, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Queue);
    InsertTailList(&List, &Irp->Tail.Overlay.ListEntry);
}

static void CsqRemove(PIO_CSQ Queue, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Queue);
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
}

static PIRP CsqPeek(PIO_CSQ Queue, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Queue);
    UNREFERENCED_PARAMETER(Context);
    PLIST_ENTRY Next = Irp == NULL ? List.Flink : Irp->Tail.Overlay.ListEntry.Flink;
    return Next == &List ? NULL : CONTAINING_RECORD(Next, IRP, Tail.Overlay.ListEntry);
}

static void CsqLock(PIO_CSQ Queue, PKIRQL Irql)
{
    UNREFERENCED_PARAMETER(Queue);
    KeAcquireSpinLock(&ListLock, Irql);
}

static void CsqUnlock(PIO_CSQ Queue, KIRQL Irql)
{
    UNREFERENCED_PARAMETER(Queue);
    KeReleaseSpinLock(&ListLock, Irql);
}

static void CsqCancelled(PIO_CSQ Queue, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Queue);
    (void)Complete(Irp, STATUS_CANCELLED);
}

static NTSTATUS Inserts(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoCsqInsertIrp(&Csq, Irp, NULL);
    if (Mistaken) {
        (void)Complete(Irp, STATUS_SUCCESS); /* without taking it out */
    } else {
        PIRP Next = IoCsqRemoveNextIrp(&Csq, NULL);
        if (Next != NULL) {
            (void)Complete(Next, STATUS_SUCCESS);
        }
    }
    return STATUS_PENDING;
}

MISTAKE(completed_while_queued, "KRN-036", .world = ImpatientUser)
{
    InitializeListHead(&List);
    KeInitializeSpinLock(&ListLock);
    if (NT_SUCCESS(IoCsqInitialize(&Csq, CsqInsert, CsqRemove, CsqPeek, CsqLock, CsqUnlock,
                                   CsqCancelled))) {
        Serve(Inserts, NULL);
    }
}

/* ---- an IRP that was stopped is owed (KRN-035) ---- */

static NTSTATUS StopsForEver(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoMarkIrpPending(Irp);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, StopOnce, NULL, TRUE, TRUE, TRUE);
    (void)IoCallDriver(Below, Irp);
    if (!Mistaken) {
        (void)Complete(Irp, STATUS_SUCCESS);
    }
    return STATUS_PENDING;
}

MISTAKE(stopped_and_forgotten, "KRN-035", .world = User)
{
    ServeForwarding(StopsForEver, FALSE);
}
