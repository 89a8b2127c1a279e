/* SPDX-License-Identifier: MIT */
/* See device.h. */
#include "device.h"

struct lower Lower;

static PDRIVER_DISPATCH ControlRoutine;
static PDEVICE_OBJECT LowerDevice, UpperDevice;

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
    return Complete(Irp, STATUS_SUCCESS);
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

/* The body and the script of the world take turns: the device is there, the script is done. */
static volatile enum { NOT_YET, THERE, FAILED } State;
static volatile BOOLEAN IsAnswered;

void Serve(PDRIVER_DISPATCH Control, PDEVICE_OBJECT Below)
{
    UNICODE_STRING Name;
    RtlInitUnicodeString(&Name, L"\\Device\\Case");
    ControlRoutine = Control;
    UpperDevice = DeviceNew(&Name);
    if (UpperDevice == NULL) {
        State = FAILED;
        return;
    }
    if (Below != NULL) {
        UpperDevice->StackSize = (CCHAR)(Below->StackSize + 1);
    }
    State = THERE;
    for (ULONG Milliseconds = 1; !IsAnswered;
         Milliseconds += Milliseconds < 8000 ? Milliseconds : 0) {
        CaseSleep(Milliseconds);
    }
    IoDeleteDevice(UpperDevice);
}

static void Ask(unsigned Milliseconds)
{
    char Bytes[16] = {0};
    for (unsigned Wait = 100; State == NOT_YET && !wsksim_is_over(); Wait *= 2) {
        wsksim_sleep(Wait);
    }
    struct wsksim_file *File = State == THERE ? wsksim_open("\\Device\\Case") : NULL;
    if (File != NULL) {
        (void)wsksim_control(File, 0x222000, Bytes, sizeof Bytes, Bytes, sizeof Bytes, NULL,
                             Milliseconds);
        wsksim_close_file(File);
    }
    IsAnswered = TRUE;
}

void User(void)
{
    Ask(WSKSIM_FOREVER);
}

void ImpatientUser(void)
{
    Ask(1);
}
