/* SPDX-License-Identifier: MIT */
/* Cases of the kernel contract, 1.8: threads, handles, objects. */
#include "device.h"

static KEVENT Event, Other;
static volatile LONG Ran;

/* A thread and its handle; FALSE if there is none to be had. */
static BOOLEAN Start(PKSTART_ROUTINE Routine, PVOID Context, ULONG Attributes, HANDLE *Handle)
{
    OBJECT_ATTRIBUTES Object;
    InitializeObjectAttributes(&Object, NULL, Attributes, NULL, NULL);
    return (BOOLEAN)NT_SUCCESS(
        PsCreateSystemThread(Handle, THREAD_ALL_ACCESS, &Object, NULL, NULL, Routine, Context));
}

static KSTART_ROUTINE Nothing, Returns, SetsEvent, WithLock, WithRegion, Checks;

static void Nothing(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    Ran++;
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* Starts Nothing; drops what is left when the case has had its way with it. */
static PVOID StartNothing(HANDLE *Handle)
{
    PVOID Thread = NULL;
    if (!Start(Nothing, NULL, OBJ_KERNEL_HANDLE, Handle)) {
        return NULL;
    }
    if (!NT_SUCCESS(ObReferenceObjectByHandle(*Handle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode,
                                              &Thread, NULL))) {
        ZwWaitForSingleObject(*Handle, FALSE, NULL);
        ZwClose(*Handle);
        return NULL;
    }
    return Thread;
}

static void Await(PVOID Thread)
{
    KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
}

/* ---- creation (KRN-250, KRN-251, KRN-262) ---- */

/* In the process of a user: the handle would be that process's. */
static NTSTATUS CreatesForUser(PDEVICE_OBJECT Device, PIRP Irp)
{
    HANDLE Handle;
    UNREFERENCED_PARAMETER(Device);
    if (Start(Nothing, NULL, Mistaken ? 0 : OBJ_KERNEL_HANDLE, &Handle)) {
        ZwWaitForSingleObject(Handle, FALSE, NULL);
        ZwClose(Handle);
    }
    return Complete(Irp, STATUS_SUCCESS);
}

MISTAKE(handle_of_a_user_process, "KRN-250", .world = User)
{
    Serve(CreatesForUser, NULL);
}

FREEDOM(thread_cannot_be_had, "KRN-250 KPROP-22")
{
    HANDLE Handle;
    if (!Start(Nothing, NULL, OBJ_KERNEL_HANDLE, &Handle)) {
        Witness();
    } else {
        ZwWaitForSingleObject(Handle, FALSE, NULL);
        ZwClose(Handle);
    }
}

static void Checks(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    Check(KeGetCurrentIrql() == PASSIVE_LEVEL);
    Check(KeAreApcsDisabled());
    Check(PsGetCurrentProcess() == PsInitialSystemProcess);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

DUTY(thread_starts_in_a_critical_region, "KRN-251")
{
    CaseJoin(CaseThread(Checks, NULL));
}

FREEDOM(thread_runs_before_the_call_returns, "KRN-251")
{
    HANDLE Handle;
    Ran = 0;
    if (Start(Nothing, NULL, OBJ_KERNEL_HANDLE, &Handle)) {
        if (Ran != 0) {
            Witness();
        }
        ZwWaitForSingleObject(Handle, FALSE, NULL);
        ZwClose(Handle);
    }
}

FREEDOM(thread_runs_after_the_call_returned, "KRN-251 KRN-262")
{
    HANDLE Handle;
    Ran = 0;
    if (Start(Nothing, NULL, OBJ_KERNEL_HANDLE, &Handle)) {
        if (Ran == 0) {
            Witness();
        }
        ZwWaitForSingleObject(Handle, FALSE, NULL);
        ZwClose(Handle);
    }
}

static void SetsEvent(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    Ran++;
    PsTerminateSystemThread(STATUS_SUCCESS);
}

FREEDOM(thread_outlives_its_last_event, "KRN-262")
{
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Ran = 0;
    PVOID Thread = CaseThread(SetsEvent, NULL);
    if (Thread != NULL) {
        KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
        if (Ran == 0) {
            Witness();
        }
        CaseJoin(Thread);
    }
}

/* ---- handles and references (KRN-252 to KRN-255, KRN-258, KRN-261) ---- */

MISTAKE(thread_handle_stays_open, "KRN-252")
{
    HANDLE Handle;
    PVOID Thread = StartNothing(&Handle);
    if (Thread != NULL) {
        if (!Mistaken) {
            ZwClose(Handle);
        }
        Await(Thread);
        ObDereferenceObject(Thread);
    }
}

/* The handle is gone when it is waited for. */
MISTAKE(waits_on_a_closed_handle, "KRN-258 KRN-252 KBUG-45")
{
    HANDLE Handle;
    PVOID Thread = StartNothing(&Handle);
    if (Thread != NULL) {
        ZwClose(Handle);
        if (Mistaken) {
            ZwWaitForSingleObject(Handle, FALSE, NULL);
        }
        Await(Thread);
        ObDereferenceObject(Thread);
    }
}

MISTAKE(handle_is_closed_twice, "KRN-258")
{
    HANDLE Handle;
    PVOID Thread = StartNothing(&Handle);
    if (Thread != NULL) {
        ZwClose(Handle);
        if (Mistaken) {
            ZwClose(Handle);
        }
        Await(Thread);
        ObDereferenceObject(Thread);
    }
}

MISTAKE(references_a_closed_handle, "KRN-258 KRN-253")
{
    HANDLE Handle;
    PVOID Again;
    PVOID Thread = StartNothing(&Handle);
    if (Thread != NULL) {
        if (Mistaken) {
            ZwClose(Handle);
        }
        if (NT_SUCCESS(ObReferenceObjectByHandle(Handle, THREAD_ALL_ACCESS, *PsThreadType,
                                                 KernelMode, &Again, NULL))) {
            ObDereferenceObject(Again);
        }
        if (!Mistaken) {
            ZwClose(Handle);
        }
        Await(Thread);
        ObDereferenceObject(Thread);
    }
}

MISTAKE(references_what_is_no_handle, "KRN-253")
{
    PVOID Object;
    if (Mistaken &&
        NT_SUCCESS(ObReferenceObjectByHandle((HANDLE)0x12340, THREAD_ALL_ACCESS, *PsThreadType,
                                             KernelMode, &Object, NULL))) {
        ObDereferenceObject(Object);
    }
}

MISTAKE(reference_stays, "KRN-254 KBUG-46")
{
    HANDLE Handle;
    PVOID Thread = StartNothing(&Handle);
    if (Thread != NULL) {
        ZwClose(Handle);
        Await(Thread);
        if (!Mistaken) {
            ObDereferenceObject(Thread);
        }
    }
}

MISTAKE(reference_is_dropped_twice, "KRN-254 KBUG-46")
{
    HANDLE Handle;
    PVOID Thread = StartNothing(&Handle);
    if (Thread != NULL) {
        ZwClose(Handle);
        Await(Thread);
        ObDereferenceObject(Thread);
        if (Mistaken) {
            ObDereferenceObject(Thread);
        }
    }
}

MISTAKE(dereference_above_dispatch, "KRN-255 KRN-050")
{
    KIRQL Old;
    HANDLE Handle;
    PVOID Thread = StartNothing(&Handle);
    if (Thread != NULL) {
        ZwClose(Handle);
        Await(Thread);
        KeRaiseIrql(Mistaken ? HIGH_LEVEL : DISPATCH_LEVEL, &Old);
        ObDereferenceObject(Thread);
        KeLowerIrql(Old);
    }
}

MISTAKE(attached_device_keeps_its_reference, "KRN-254 KRN-261 KRN-284")
{
    PDEVICE_OBJECT Device = LowerNew();
    if (Device != NULL) {
        PDEVICE_OBJECT Top = IoGetAttachedDeviceReference(Device);
        if (!Mistaken) {
            ObDereferenceObject(Top);
        }
        IoDeleteDevice(Device);
    }
}

/* ---- ends (KRN-256, KRN-257, KRN-259, KRN-260) ---- */

static FAST_MUTEX Mutex;

static void WithLock(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    ExAcquireFastMutex(&Mutex);
    if (!Mistaken) {
        ExReleaseFastMutex(&Mutex);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(thread_ends_with_a_mutex, "KRN-256")
{
    ExInitializeFastMutex(&Mutex);
    CaseJoin(CaseThread(WithLock, NULL));
}

static void WithRegion(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeEnterCriticalRegion();
    if (!Mistaken) {
        KeLeaveCriticalRegion();
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(thread_ends_in_a_region, "KRN-256")
{
    CaseJoin(CaseThread(WithRegion, NULL));
}

static void AsAnother(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    PACCESS_TOKEN Token = PsReferencePrimaryToken(PsInitialSystemProcess);
    (void)PsImpersonateClient(PsGetCurrentThread(), Token, FALSE, FALSE, SecurityImpersonation);
    if (!Mistaken) {
        PsRevertToSelf();
    }
    PsDereferencePrimaryToken(Token);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(thread_ends_as_another, "KRN-256")
{
    CaseJoin(CaseThread(AsAnother, NULL));
}

static void Returns(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    if (!Mistaken) {
        PsTerminateSystemThread(STATUS_SUCCESS);
    }
}

MISTAKE(thread_returns_is_lint, "KRN-257 kernel.thread_return", .is_lint = 1,
        .knobs = "kernel.thread_return=lint")
{
    CaseJoin(CaseThread(Returns, NULL));
}

MISTAKE(thread_returns_is_error, "KRN-257 kernel.thread_return",
        .knobs = "kernel.thread_return=error")
{
    CaseJoin(CaseThread(Returns, NULL));
}

MISTAKE(thread_returns, "KRN-257")
{
    CaseJoin(CaseThread(Returns, NULL));
}

static KSTART_ROUTINE OwnEvent;

/* Hands out an event on its stack, and ends before it is set. */
static void OwnEvent(PVOID Context)
{
    KEVENT Local;
    PKEVENT volatile *Shared = Context;
    KeInitializeEvent(Mistaken ? &Local : &Other, NotificationEvent, FALSE);
    *Shared = Mistaken ? &Local : &Other;
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(stack_is_used_after_the_thread, "MEM-STACK-RETURNED KRN-259 KRN-080 MEM-WILD MEM-UAF")
{
    static PKEVENT volatile Shared;
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    PVOID Thread = CaseThread(OwnEvent, (PVOID)&Shared);
    if (Thread != NULL) {
        CaseJoin(Thread);
        KeSetEvent(Shared, IO_NO_INCREMENT, FALSE);
    }
}

static KSTART_ROUTINE WaitsForItself;
static HANDLE OwnHandle;

static void WaitsForItself(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
    if (Mistaken) {
        ZwWaitForSingleObject(OwnHandle, FALSE, NULL);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(thread_waits_for_itself, "KRN-260 SYS-DEADLOCK")
{
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    if (Start(WaitsForItself, NULL, OBJ_KERNEL_HANDLE, &OwnHandle)) {
        KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
        ZwWaitForSingleObject(OwnHandle, FALSE, NULL);
        ZwClose(OwnHandle);
    }
}
