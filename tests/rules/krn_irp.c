/* SPDX-License-Identifier: MIT */
/* Cases of the kernel contract, 1.1: IRPs of the driver's own and of the I/O manager. */
#include "device.h"

enum { TAG = 'esaC' };

static NTSTATUS Stop(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    UNREFERENCED_PARAMETER(Context);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* ---- allocating, initialising, freeing (KRN-001 to KRN-007) ---- */

MISTAKE(irp_is_not_checked, "KRN-001 KPROP-22")
{
    PIRP Irp = IoAllocateIrp(1, FALSE);
    if (Irp == NULL && !Mistaken) {
        return;
    }
    IoReuseIrp(Irp, STATUS_UNSUCCESSFUL);
    IoFreeIrp(Irp);
}

FREEDOM(irp_cannot_be_had, "KRN-001")
{
    PIRP Irp = IoAllocateIrp(1, FALSE);
    if (Irp == NULL) {
        Witness();
    } else {
        IoFreeIrp(Irp);
    }
}

MISTAKE(irp_without_stack_locations, "KRN-002 KBUG-01")
{
    PIRP Irp = IoAllocateIrp(Mistaken ? 0 : 1, FALSE);
    if (Irp != NULL) {
        IoSetCompletionRoutine(Irp, Stop, NULL, TRUE, TRUE, TRUE);
        IoFreeIrp(Irp);
    }
}

MISTAKE(irp_too_small_for_two_devices, "KRN-002")
{
    PDEVICE_OBJECT Device = LowerNew();
    PIRP Irp = Device != NULL ? IoAllocateIrp(Device->StackSize, FALSE) : NULL;
    if (Irp != NULL) {
        (void)Pass(Device, Irp, Stop, NULL);
        if (Mistaken) { /* its only location is used up: it was not reinitialised */
            IoSetNextIrpStackLocation(Irp);
            (void)IoCallDriver(Device, Irp);
        }
        IoFreeIrp(Irp);
    }
    if (Device != NULL) {
        IoDeleteDevice(Device);
    }
}

MISTAKE(irp_initialised_after_allocation, "KRN-004 KBUG-02 KPROP-02")
{
    PIRP Irp = IoAllocateIrp(1, FALSE);
    if (Irp != NULL) {
        if (Mistaken) {
            IoInitializeIrp(Irp, IoSizeOfIrp(1), 1);
        }
        IoFreeIrp(Irp);
    }
}

MISTAKE(irp_initialised_too_small, "KRN-004")
{
    PIRP Irp = ExAllocatePoolWithTag(NonPagedPoolNx, IoSizeOfIrp(2), TAG);
    if (Irp != NULL) {
        IoInitializeIrp(Irp, Mistaken ? sizeof(IRP) : IoSizeOfIrp(2), 2);
        ExFreePoolWithTag(Irp, TAG);
    }
}

MISTAKE(irp_in_paged_pool, "KRN-004 KBUG-15")
{
    PIRP Irp = ExAllocatePoolWithTag(Mistaken ? PagedPool : NonPagedPoolNx, IoSizeOfIrp(1), TAG);
    if (Irp != NULL) {
        IoInitializeIrp(Irp, IoSizeOfIrp(1), 1);
        ExFreePoolWithTag(Irp, TAG);
    }
}

MISTAKE(irp_reused_below, "KRN-005 KPROP-02")
{
    PDEVICE_OBJECT Device = LowerNew();
    PIRP Irp = Device != NULL ? IoAllocateIrp(1, FALSE) : NULL;
    if (Irp != NULL) {
        Lower.Pends = TRUE;
        (void)Pass(Device, Irp, Stop, NULL);
        if (Mistaken) {
            IoReuseIrp(Irp, STATUS_SUCCESS);
        }
        LowerComplete(STATUS_SUCCESS, PASSIVE_LEVEL);
        IoReuseIrp(Irp, STATUS_SUCCESS);
        IoFreeIrp(Irp);
    }
    if (Device != NULL) {
        IoDeleteDevice(Device);
    }
}

DUTY(reuse_resets_the_irp, "KRN-005")
{
    PDEVICE_OBJECT Device = LowerNew();
    PIRP Irp = Device != NULL ? IoAllocateIrp(2, FALSE) : NULL;
    if (Irp != NULL) {
        Lower.Pends = TRUE;
        (void)Pass(Device, Irp, Stop, NULL);
        (void)IoCancelIrp(Irp);
        Check(Irp->Cancel);
        LowerComplete(STATUS_CANCELLED, PASSIVE_LEVEL);
        IoReuseIrp(Irp, STATUS_UNEXPECTED_IO_ERROR);
        Check(Irp->IoStatus.Status == STATUS_UNEXPECTED_IO_ERROR);
        Check(!Irp->Cancel && Irp->Flags == 0 && Irp->StackCount == 2);
        Check(Irp->CurrentLocation == 3);
        IoSetCompletionRoutine(Irp, Stop, NULL, TRUE, TRUE, TRUE);
        IoReuseIrp(Irp, STATUS_SUCCESS);
        Check(IoGetNextIrpStackLocation(Irp)->CompletionRoutine == NULL);
        IoFreeIrp(Irp);
    }
    if (Device != NULL) {
        IoDeleteDevice(Device);
    }
}

static void ReuseRaw(void)
{
    PIRP Irp = ExAllocatePoolWithTag(NonPagedPoolNx, IoSizeOfIrp(1), TAG);
    if (Irp != NULL) {
        IoInitializeIrp(Irp, IoSizeOfIrp(1), 1);
        IoReuseIrp(Irp, STATUS_TIMEOUT);
        Check(Irp->IoStatus.Status == STATUS_TIMEOUT);
        ExFreePoolWithTag(Irp, TAG);
    }
}

DUTY(raw_irp_may_be_reused, "KRN-005 kernel.reuse_raw", .knobs = "kernel.reuse_raw=allowed",
     .is_lint = 1)
{
    ReuseRaw();
}

MISTAKE(raw_irp_reused, "KRN-005 kernel.reuse_raw", .knobs = "kernel.reuse_raw=lint", .is_lint = 1)
{
    if (Mistaken) {
        ReuseRaw();
    }
}

MISTAKE(irp_freed_twice, "KRN-006 KPROP-01")
{
    PIRP Irp = IoAllocateIrp(1, FALSE);
    if (Irp == NULL) {
        return;
    }
    IoFreeIrp(Irp);
    if (Mistaken) {
        IoFreeIrp(Irp);
    }
}

static NTSTATUS FreeIt(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Context);
    IoFreeIrp(Irp);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

MISTAKE(irp_freed_by_routine_and_caller, "KRN-006 KBUG-03 KPROP-01")
{
    PDEVICE_OBJECT Device = LowerNew();
    PIRP Irp = Device != NULL ? IoAllocateIrp(1, FALSE) : NULL;
    if (Irp != NULL) {
        Lower.Status = STATUS_UNSUCCESSFUL;
        NTSTATUS Status = Pass(Device, Irp, FreeIt, NULL);
        if (!NT_SUCCESS(Status) && Mistaken) {
            IoFreeIrp(Irp);
        }
    }
    if (Device != NULL) {
        IoDeleteDevice(Device);
    }
}

MISTAKE(raw_irp_freed, "KRN-006")
{
    PIRP Irp = ExAllocatePoolWithTag(NonPagedPoolNx, IoSizeOfIrp(1), TAG);
    if (Irp != NULL) {
        IoInitializeIrp(Irp, IoSizeOfIrp(1), 1);
        if (Mistaken) {
            IoFreeIrp(Irp);
        } else {
            ExFreePoolWithTag(Irp, TAG);
        }
    }
}

MISTAKE(mdl_forgotten_with_the_irp, "KRN-007")
{
    static UCHAR Bytes[64];
    PIRP Irp = IoAllocateIrp(1, FALSE);
    PMDL Mdl = Irp != NULL ? IoAllocateMdl(Bytes, sizeof Bytes, FALSE, FALSE, Irp) : NULL;
    if (Mdl != NULL && !Mistaken) {
        IoFreeMdl(Mdl);
        Irp->MdlAddress = NULL;
    }
    if (Irp != NULL) {
        IoFreeIrp(Irp);
    }
}

/* ---- the completion routine (KRN-003, KRN-008 to KRN-012, KRN-016, KRN-017) ---- */

static struct {
    PDEVICE_OBJECT Device;
    BOOLEAN PendingReturned, IsWrongDevice;
    KIRQL Irql;
    LONG Calls;
} Seen;

/* A request of WSK whose routine looks around. */
static NTSTATUS Look(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    KEVENT *Done = Context;
    Seen.Device = Device;
    Seen.PendingReturned = Irp->PendingReturned;
    Seen.Irql = KeGetCurrentIrql();
    Seen.Calls++;
    KeSetEvent(Done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* Creates a socket with this routine; the value of the call. The frame closes the socket. */
static NTSTATUS CreateWith(PIRP Irp, PIO_COMPLETION_ROUTINE Routine)
{
    static KEVENT Done;
    RtlZeroMemory(&Seen, sizeof Seen);
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    IoSetCompletionRoutine(Irp, Routine, &Done, TRUE, TRUE, TRUE);
    NTSTATUS Status =
        CaseNpi.Dispatch->WskSocket(CaseNpi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                    WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL, NULL, NULL, NULL, Irp);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    if (NT_SUCCESS(Irp->IoStatus.Status)) {
        SocketAdopt((PWSK_SOCKET)Irp->IoStatus.Information);
    }
    return Status;
}

static void LookOnce(NTSTATUS *Status)
{
    PIRP Irp = CaseWsk() ? IoAllocateIrp(1, FALSE) : NULL;
    if (Irp != NULL) {
        *Status = CreateWith(Irp, Look);
        IoFreeIrp(Irp);
    }
}

DUTY(own_irp_has_no_device, "KRN-003")
{
    NTSTATUS Status = STATUS_SUCCESS;
    LookOnce(&Status);
    Check(Seen.Device == NULL);
}

DUTY(pending_returned_tells_the_truth, "KRN-017 KPROP-05")
{
    NTSTATUS Status = STATUS_SUCCESS;
    LookOnce(&Status);
    Check(Seen.Calls == 0 || (Seen.PendingReturned != FALSE) == (Status == STATUS_PENDING));
}

FREEDOM(completes_at_passive, "KRN-063 KPROP-31")
{
    NTSTATUS Status;
    LookOnce(&Status);
    if (Seen.Calls != 0 && Seen.Irql == PASSIVE_LEVEL) {
        Witness();
    }
}

FREEDOM(completes_at_apc, "KRN-063")
{
    NTSTATUS Status;
    LookOnce(&Status);
    if (Seen.Irql == APC_LEVEL) {
        Witness();
    }
}

FREEDOM(completes_at_dispatch, "KRN-063")
{
    NTSTATUS Status;
    LookOnce(&Status);
    if (Seen.Irql == DISPATCH_LEVEL) {
        Witness();
    }
}

MISTAKE(routine_context_in_paged_pool, "KRN-008 KBUG-15")
{
    PIRP Irp = IoAllocateIrp(1, FALSE);
    PVOID Context = ExAllocatePoolWithTag(Mistaken ? PagedPool : NonPagedPoolNx, 64, TAG);
    if (Irp != NULL && Context != NULL) {
        IoSetCompletionRoutine(Irp, Stop, Context, TRUE, TRUE, TRUE);
    }
    if (Irp != NULL) {
        IoFreeIrp(Irp);
    }
    if (Context != NULL) {
        ExFreePoolWithTag(Context, TAG);
    }
}

DUTY(routine_goes_into_the_next_location, "KRN-008")
{
    PIRP Irp = IoAllocateIrp(2, FALSE);
    if (Irp != NULL) {
        PIO_STACK_LOCATION Next = IoGetNextIrpStackLocation(Irp);
        IoSetCompletionRoutine(Irp, Stop, &Seen, TRUE, FALSE, TRUE);
        Check(Next->CompletionRoutine == Stop && Next->Context == &Seen);
        Check((Next->Control & SL_INVOKE_ON_SUCCESS) != 0);
        Check((Next->Control & SL_INVOKE_ON_ERROR) == 0);
        Check((Next->Control & SL_INVOKE_ON_CANCEL) != 0);
        IoSetNextIrpStackLocation(Irp);
        Check(IoGetNextIrpStackLocation(Irp)->CompletionRoutine == NULL);
        IoFreeIrp(Irp);
    }
}

static LONG Calls;

static NTSTATUS Count(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    Calls++;
    return Context != NULL        ? (NTSTATUS)(LONG_PTR)Context
           : Irp->PendingReturned ? STATUS_SUCCESS
                                  : STATUS_CONTINUE_COMPLETION;
}

/* One request of the I/O manager to the lower layer; true if the routine was called. */
static BOOLEAN IsCalled(PDEVICE_OBJECT Device, BOOLEAN OnSuccess, BOOLEAN OnError, BOOLEAN OnCancel,
                        BOOLEAN IsCancelled, NTSTATUS Status)
{
    KEVENT Done;
    IO_STATUS_BLOCK Result;
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    PIRP Irp =
        IoBuildDeviceIoControlRequest(0x222000, Device, NULL, 0, NULL, 0, TRUE, &Done, &Result);
    Calls = -1;
    if (Irp != NULL) {
        Calls = 0;
        Lower.Pends = TRUE;
        IoSetCompletionRoutine(Irp, Count, NULL, OnSuccess, OnError, OnCancel);
        Check(IoCallDriver(Device, Irp) == STATUS_PENDING);
        if (IsCancelled) {
            (void)IoCancelIrp(Irp);
        }
        LowerComplete(Status, PASSIVE_LEVEL);
        KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
        Check(Result.Status == Status);
        Check(Calls <= 1);
    }
    return Calls == 1;
}

DUTY(routine_runs_by_status_and_cancel, "KRN-009 KPROP-04")
{
    PDEVICE_OBJECT Device = LowerNew();
    if (Device == NULL) {
        return;
    }
    Check(IsCalled(Device, TRUE, FALSE, FALSE, FALSE, STATUS_SUCCESS) || Calls < 0);
    Check(!IsCalled(Device, TRUE, FALSE, FALSE, FALSE, STATUS_UNSUCCESSFUL));
    Check(!IsCalled(Device, FALSE, TRUE, FALSE, FALSE, STATUS_SUCCESS));
    Check(IsCalled(Device, FALSE, TRUE, FALSE, FALSE, STATUS_UNSUCCESSFUL) || Calls < 0);
    Check(!IsCalled(Device, FALSE, FALSE, TRUE, FALSE, STATUS_SUCCESS));
    Check(IsCalled(Device, FALSE, FALSE, TRUE, TRUE, STATUS_SUCCESS) || Calls < 0);
    Check(!IsCalled(Device, TRUE, FALSE, FALSE, TRUE, STATUS_CANCELLED));
    IoDeleteDevice(Device);
}

MISTAKE(routine_only_for_success, "IRP-004 KBUG-10 KRN-009")
{
    PIRP Irp = CaseWsk() ? IoAllocateIrp(1, FALSE) : NULL;
    static KEVENT Done;
    if (Irp == NULL) {
        return;
    }
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    IoSetCompletionRoutine(Irp, Look, &Done, TRUE, !Mistaken, !Mistaken);
    CaseNpi.Dispatch->WskSocket(CaseNpi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL, NULL, NULL, NULL, Irp);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    if (NT_SUCCESS(Irp->IoStatus.Status)) {
        SocketAdopt((PWSK_SOCKET)Irp->IoStatus.Information);
    }
    IoFreeIrp(Irp);
}

/* A request of the I/O manager whose routine answers this. */
static void Answer(NTSTATUS Value)
{
    KEVENT Done;
    IO_STATUS_BLOCK Result;
    PDEVICE_OBJECT Device = LowerNew();
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    PIRP Irp = Device != NULL ? IoBuildDeviceIoControlRequest(0x222000, Device, NULL, 0, NULL, 0,
                                                              TRUE, &Done, &Result)
                              : NULL;
    if (Irp != NULL) {
        IoSetCompletionRoutine(Irp, Count, (PVOID)(LONG_PTR)Value, TRUE, TRUE, TRUE);
        Check(IoCallDriver(Device, Irp) == STATUS_SUCCESS);
        Check(KeReadStateEvent(&Done) != 0 && Result.Status == STATUS_SUCCESS);
    }
    if (Device != NULL) {
        IoDeleteDevice(Device);
    }
}

DUTY(any_value_lets_completion_continue, "KRN-010 kernel.completion_value")
{
    Answer(STATUS_SUCCESS);
    Answer(STATUS_UNSUCCESSFUL);
}

MISTAKE(odd_value_of_a_routine_is_lint, "KRN-010 kernel.completion_value", .is_lint = 1,
        .knobs = "kernel.completion_value=lint")
{
    Answer(Mistaken ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS);
}

MISTAKE(odd_value_of_a_routine, "KRN-010 kernel.completion_value",
        .knobs = "kernel.completion_value=error")
{
    Answer(Mistaken ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS);
}

static NTSTATUS Raise(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    KIRQL Old;
    if (Context != NULL) {
        KeRaiseIrql(DISPATCH_LEVEL, &Old);
    }
    return Stop(Device, Irp, Context);
}

MISTAKE(routine_returns_raised, "KRN-011 KPROP-08")
{
    PDEVICE_OBJECT Device = LowerNew();
    PIRP Irp = Device != NULL ? IoAllocateIrp(1, FALSE) : NULL;
    if (Irp != NULL) {
        (void)Pass(Device, Irp, Raise, Mistaken ? Irp : NULL);
        IoFreeIrp(Irp);
    }
    if (Device != NULL) {
        IoDeleteDevice(Device);
    }
}

static NTSTATUS Region(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    KeEnterCriticalRegion();
    if (Context == NULL) {
        KeLeaveCriticalRegion();
    }
    return Stop(Device, Irp, Context);
}

MISTAKE(routine_stays_in_a_region, "KRN-011 KBUG-30 KRN-130")
{
    PDEVICE_OBJECT Device = LowerNew();
    PIRP Irp = Device != NULL ? IoAllocateIrp(1, FALSE) : NULL;
    if (Irp != NULL) {
        (void)Pass(Device, Irp, Region, Mistaken ? Irp : NULL);
        IoFreeIrp(Irp);
    }
    if (Device != NULL) {
        IoDeleteDevice(Device);
    }
}

static NTSTATUS Low(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    ULONG Seed = 1;
    if (Mistaken || KeGetCurrentIrql() < DISPATCH_LEVEL) {
        (void)RtlRandomEx(&Seed);
    }
    return Look(Device, Irp, Context);
}

MISTAKE(routine_calls_too_high, "KRN-012")
{
    PIRP Irp = CaseWsk() ? IoAllocateIrp(1, FALSE) : NULL;
    if (Irp != NULL) {
        (void)CreateWith(Irp, Low);
        IoFreeIrp(Irp);
    }
}

static KSPIN_LOCK Lock;

static NTSTATUS AtDpcLevel(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    if (Mistaken) {
        KeAcquireSpinLockAtDpcLevel(&Lock);
        KeReleaseSpinLockFromDpcLevel(&Lock);
    } else {
        KIRQL Old;
        KeAcquireSpinLock(&Lock, &Old);
        KeReleaseSpinLock(&Lock, Old);
    }
    return Look(Device, Irp, Context);
}

MISTAKE(routine_thinks_it_is_at_dispatch, "KRN-114 KBUG-25 KRN-012")
{
    PIRP Irp = CaseWsk() ? IoAllocateIrp(1, FALSE) : NULL;
    if (Irp != NULL) {
        (void)CreateWith(Irp, AtDpcLevel);
        IoFreeIrp(Irp);
    }
}

static NTSTATUS Mark(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    if (Irp->PendingReturned && Mistaken) {
        IoMarkIrpPending(Irp);
    }
    return Look(Device, Irp, Context);
}

MISTAKE(own_irp_marked_pending, "KRN-016 KBUG-05")
{
    PIRP Irp = CaseWsk() ? IoAllocateIrp(1, FALSE) : NULL;
    if (Irp != NULL) {
        (void)CreateWith(Irp, Mark);
        IoFreeIrp(Irp);
    }
}
