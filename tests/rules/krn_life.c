/* SPDX-License-Identifier: MIT */
/* Cases of the kernel contract, 1.9: loading and unloading a driver. */
#include "device.h"

enum { TAG = 'esaC' };

static KEVENT Event;
static volatile LONG Steps;
static PVOID ThreadObject;

/* ---- DriverEntry (KRN-280, KRN-281) ---- */

static KSTART_ROUTINE Waits;

static void Waits(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* The consequences are those of a leak at the unload. */
MISTAKE(failed_entry_leaves_pool, "KRN-199 KRN-280 KBUG-47", .place = WSKSIM_CASE_ENTRY)
{
    PVOID Bytes = ExAllocatePoolWithTag(NonPagedPoolNx, 32, TAG);
    if (Bytes != NULL) {
        if (!Mistaken) {
            ExFreePoolWithTag(Bytes, TAG);
        }
        CaseEntryStatus = STATUS_UNSUCCESSFUL;
    }
}

MISTAKE(failed_entry_leaves_a_thread, "KRN-283 KRN-280 KBUG-47", .place = WSKSIM_CASE_ENTRY)
{
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    PVOID Thread = CaseThread(Waits, NULL);
    if (Thread != NULL) {
        if (!Mistaken) {
            KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
            CaseJoin(Thread);
        } else {
            ObDereferenceObject(Thread);
        }
        CaseEntryStatus = STATUS_UNSUCCESSFUL;
    }
}

static PUNICODE_STRING Path;
static UNICODE_STRING Copy;

static void KeepPath(void)
{
    Path = CasePath;
    Copy = *CasePath;
}

static void UsePath(void)
{
    if (Mistaken && Path != NULL) {
        volatile WCHAR First = Path->Buffer[0];
        UNREFERENCED_PARAMETER(First);
    }
}

MISTAKE(registry_path_is_kept, "MEM-UAF KRN-281 KBUG-48", .place = WSKSIM_CASE_UNLOAD,
        .entry = KeepPath)
{
    UsePath();
}

static KSTART_ROUTINE StaysInInit, Stays;

__attribute__((section("INIT"))) static void StaysInInit(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void Stays(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(code_of_the_init_section_runs_late, "KRN-286")
{
    CaseJoin(CaseThread(Mistaken ? StaysInInit : Stays, NULL));
}

/* ---- DriverUnload (KRN-282, KRN-283, KRN-284, KRN-290) ---- */

DUTY(unload_runs_at_passive, "KRN-282", .place = WSKSIM_CASE_UNLOAD)
{
    Check(KeGetCurrentIrql() == PASSIVE_LEVEL);
    Check(PsGetCurrentProcess() == PsInitialSystemProcess);
}

static NTSTATUS CountsAnswer(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    Steps++;
    NTSTATUS Status = Complete(Irp, STATUS_SUCCESS);
    Steps--;
    return Status;
}

/* The requests of a user have all been answered when unload begins. */
static void NoneOutstanding(void);

DUTY(unload_waits_for_requests, "KRN-282", .world = User)
{
    Serve(CountsAnswer, NULL);
    NoneOutstanding();
}

static void NoneOutstanding(void)
{
    Check(Steps == 0);
}

static KSTART_ROUTINE SignalsAndGoesOn;

static void SignalsAndGoesOn(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    Steps++;
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(event_instead_of_the_thread, "KRN-283 KBUG-45")
{
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    PVOID Thread = CaseThread(SignalsAndGoesOn, NULL);
    if (Thread != NULL) {
        KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
        if (Mistaken) {
            ObDereferenceObject(Thread);
        } else {
            CaseJoin(Thread);
        }
    }
}

static WORK_QUEUE_ITEM Item;
static WORKER_THREAD_ROUTINE Works;

static void Works(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    Steps++;
}

/* An item of ExQueueWorkItem holds nothing: its last instructions run in an image that is gone. */
MISTAKE(work_item_about_to_return, "KRN-172 KRN-283 KBUG-36")
{
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    if (Mistaken) {
        ExInitializeWorkItem(&Item, Works, NULL);
        ExQueueWorkItem(&Item, DelayedWorkQueue);
        KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
    }
}

MISTAKE(pool_is_left, "KRN-199 KRN-284")
{
    PVOID Bytes = ExAllocatePoolWithTag(NonPagedPoolNx, 32, TAG);
    if (Bytes != NULL && !Mistaken) {
        ExFreePoolWithTag(Bytes, TAG);
    }
}

MISTAKE(link_is_left, "KRN-284")
{
    static UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\Case");
    static UNICODE_STRING Link = RTL_CONSTANT_STRING(L"\\DosDevices\\Case");
    PDEVICE_OBJECT Device;
    if (NT_SUCCESS(IoCreateDevice(CaseDriver, 0, &Name, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device))) {
        if (NT_SUCCESS(IoCreateSymbolicLink(&Link, &Name)) && !Mistaken) {
            IoDeleteSymbolicLink(&Link);
        }
        IoDeleteDevice(Device);
    }
}

static KDPC Dpc;
static KDEFERRED_ROUTINE Deferred;

static void Deferred(PKDPC Self, PVOID Context, PVOID One, PVOID Two)
{
    UNREFERENCED_PARAMETER(Self);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(One);
    UNREFERENCED_PARAMETER(Two);
    if (Steps != 0) {
        Witness();
    }
}

/* Queued at the end of unload, the DPC runs before the image goes. */
FREEDOM(queued_dpc_runs_at_the_unload, "KRN-290", .place = WSKSIM_CASE_UNLOAD)
{
    KeInitializeDpc(&Dpc, Deferred, NULL);
    if (KeQueryActiveProcessorCount(NULL) > 1) {
        KeSetTargetProcessorDpc(&Dpc, 1); /* not at once, on this processor */
    }
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    Steps = 1;
}

static KTIMER Timer;

MISTAKE(timer_outlives_the_registration, "KRN-287")
{
    LARGE_INTEGER Due = {.QuadPart = -10000000};
    KeInitializeTimer(&Timer);
    if (CaseWsk()) {
        KeSetTimer(&Timer, Due, NULL);
        if (!Mistaken) {
            KeCancelTimer(&Timer);
        }
        CaseWskEnd();
        KeCancelTimer(&Timer);
    }
}

/* ---- devices (KRN-285), pended requests (KRN-288), remove locks (KRN-289) ---- */

MISTAKE(device_is_deleted_twice, "KRN-285")
{
    PDEVICE_OBJECT Device = LowerNew();
    if (Device != NULL) {
        IoDeleteDevice(Device);
        if (Mistaken) {
            IoDeleteDevice(Device);
        }
    }
}

struct extension {
    KTIMER Timer;
    LONG Value;
};

MISTAKE(extension_is_used_after_the_delete, "MEM-UAF KRN-285 KRN-284")
{
    PDEVICE_OBJECT Device;
    if (NT_SUCCESS(IoCreateDevice(CaseDriver, sizeof(struct extension), NULL, FILE_DEVICE_UNKNOWN,
                                  0, FALSE, &Device))) {
        struct extension *Extension = Device->DeviceExtension;
        Extension->Value = 1;
        IoDeleteDevice(Device);
        if (Mistaken) {
            Extension->Value = 2;
        }
    }
}

static PIRP Kept;

static NTSTATUS Keeps(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    if (!Mistaken) {
        return Complete(Irp, STATUS_SUCCESS);
    }
    IoMarkIrpPending(Irp);
    Kept = Irp;
    return STATUS_PENDING;
}

MISTAKE(request_is_kept_for_ever, "KRN-288 SYS-DEADLOCK", .world = User)
{
    Serve(Keeps, NULL);
}

static IO_REMOVE_LOCK RemoveLock;

MISTAKE(remove_lock_is_released_with_another_tag, "KRN-289")
{
    static int Tags[2];
    PDEVICE_OBJECT Device;
    if (NT_SUCCESS(IoCreateDevice(CaseDriver, sizeof RemoveLock, NULL, FILE_DEVICE_UNKNOWN, 0,
                                  FALSE, &Device))) {
        PIO_REMOVE_LOCK Lock = Device->DeviceExtension;
        IoInitializeRemoveLock(Lock, TAG, 0, 0);
        if (NT_SUCCESS(IoAcquireRemoveLock(Lock, &Tags[0]))) {
            IoReleaseRemoveLock(Lock, &Tags[Mistaken ? 1 : 0]);
        }
        IoDeleteDevice(Device);
    }
}

MISTAKE(remove_lock_after_the_wait, "KRN-289")
{
    PDEVICE_OBJECT Device;
    if (NT_SUCCESS(IoCreateDevice(CaseDriver, sizeof RemoveLock, NULL, FILE_DEVICE_UNKNOWN, 0,
                                  FALSE, &Device))) {
        PIO_REMOVE_LOCK Lock = Device->DeviceExtension;
        IoInitializeRemoveLock(Lock, TAG, 0, 0);
        if (NT_SUCCESS(IoAcquireRemoveLock(Lock, NULL))) {
            IoReleaseRemoveLockAndWait(Lock, NULL);
            if (Mistaken) {
                IoReleaseRemoveLock(Lock, NULL);
            }
        }
        IoDeleteDevice(Device);
    }
}

/* ---- load again (KRN-291) ---- */

DUTY(nothing_survives_in_globals, "KRN-291")
{
    static LONG Loads;
    Check(++Loads == 1);
}
