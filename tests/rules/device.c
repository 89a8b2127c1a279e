/* SPDX-License-Identifier: MIT */
/* See device.h. */
#include "device.h"

struct lower Lower;

static PDRIVER_DISPATCH ControlRoutine;
static PDEVICE_OBJECT LowerDevice, UpperDevice;
static KEVENT Closed;

static DRIVER_DISPATCH Dispatch;

NTSTATUS Complete(PIRP Irp, NTSTATUS Status)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static NTSTATUS LowerDispatch(PIRP Irp)
{
    if (!Lower.Pends) {
        Irp->IoStatus.Status = Lower.Status;
        Irp->IoStatus.Information = Lower.Information;
        NTSTATUS Status = Lower.Status;
        IoCompleteRequest(Irp, IO_NO_INCREMENT);
        return Status;
    }
    IoMarkIrpPending(Irp);
    Lower.Held = Irp;
    return STATUS_PENDING;
}

static NTSTATUS Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    if (Device == LowerDevice) {
        return LowerDispatch(Irp);
    }
    UCHAR Major = IoGetCurrentIrpStackLocation(Irp)->MajorFunction;
    if (Major == IRP_MJ_DEVICE_CONTROL) {
        return ControlRoutine(Device, Irp);
    }
    NTSTATUS Status = Complete(Irp, STATUS_SUCCESS);
    if (Major == IRP_MJ_CLOSE) {
        KeSetEvent(&Closed, IO_NO_INCREMENT, FALSE);
    }
    return Status;
}

static PDEVICE_OBJECT DeviceNew(PUNICODE_STRING Name)
{
    PDEVICE_OBJECT Device = NULL;
    for (ULONG i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++) {
        CaseDriver->MajorFunction[i] = Dispatch;
    }
    if (!NT_SUCCESS(IoCreateDevice(CaseDriver, 0, Name, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device))) {
        return NULL;
    }
    Device->Flags &= ~DO_DEVICE_INITIALIZING;
    return Device;
}

PDEVICE_OBJECT LowerNew(void)
{
    RtlZeroMemory(&Lower, sizeof Lower);
    LowerDevice = DeviceNew(NULL);
    return LowerDevice;
}

void LowerComplete(NTSTATUS Status, KIRQL Irql)
{
    KIRQL Old;
    PIRP Irp = Lower.Held;
    Lower.Held = NULL;
    KeRaiseIrql(Irql, &Old);
    (void)Complete(Irp, Status);
    KeLowerIrql(Old);
}

NTSTATUS Pass(PDEVICE_OBJECT Device, PIRP Irp, PIO_COMPLETION_ROUTINE Routine, PVOID Context)
{
    IoGetNextIrpStackLocation(Irp)->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    IoSetCompletionRoutine(Irp, Routine, Context, TRUE, TRUE, TRUE);
    return IoCallDriver(Device, Irp);
}

/* ---- user mode ---- */

void Serve(PDRIVER_DISPATCH Control, PDEVICE_OBJECT Below)
{
    UNICODE_STRING Name;
    LARGE_INTEGER Limit;
    Limit.QuadPart = -20000000;
    RtlInitUnicodeString(&Name, L"\\Device\\Case");
    KeInitializeEvent(&Closed, NotificationEvent, FALSE);
    ControlRoutine = Control;
    UpperDevice = DeviceNew(&Name);
    if (UpperDevice != NULL) {
        if (Below != NULL) {
            UpperDevice->StackSize = (CCHAR)(Below->StackSize + 1);
        }
        KeWaitForSingleObject(&Closed, Executive, KernelMode, FALSE, &Limit);
        IoDeleteDevice(UpperDevice);
    }
}

static void Ask(unsigned Milliseconds)
{
    struct wsksim_file *File = NULL;
    char Bytes[16] = {0};
    for (int i = 0; i < 50 && File == NULL && !wsksim_is_over(); i++) {
        File = wsksim_open("\\Device\\Case");
        if (File == NULL) {
            wsksim_sleep(1000);
        }
    }
    if (File != NULL) {
        (void)wsksim_control(File, 0x222000, Bytes, sizeof Bytes, Bytes, sizeof Bytes, NULL,
                             Milliseconds);
        wsksim_close_file(File);
    }
}

void User(void)
{
    Ask(WSKSIM_FOREVER);
}

void ImpatientUser(void)
{
    Ask(1);
}
