/* SPDX-License-Identifier: MIT */
/* EXPECT: KRN-018. An IRP from above is completed twice. */
#include "verdict.h"

static PDEVICE_OBJECT Device;
static DRIVER_DISPATCH Dispatch;

static NTSTATUS Dispatch(PDEVICE_OBJECT Self, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Self);
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
#ifndef FIXED
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
#endif
    return STATUS_SUCCESS;
}

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    for (ULONG i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++) {
        Driver->MajorFunction[i] = Dispatch;
    }
    NTSTATUS Status = IoCreateDevice(Driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device);
    if (NT_SUCCESS(Status)) {
        Device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    }
    return Status;
}

static void End(void)
{
    if (Device != NULL) {
        IoDeleteDevice(Device);
    }
}
