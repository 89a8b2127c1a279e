/* SPDX-License-Identifier: MIT */
/* EXPECT: KRN-020. A dispatch routine returns another status than it completed the IRP with. */
#include "verdict.h"

static PDEVICE_OBJECT Device;
static const UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\Verdict");
static const UNICODE_STRING Link = RTL_CONSTANT_STRING(L"\\DosDevices\\Verdict");
static DRIVER_DISPATCH Dispatch;

static NTSTATUS Dispatch(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
#ifdef FIXED
    return STATUS_SUCCESS;
#else
    return STATUS_UNSUCCESSFUL;
#endif
}

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    NTSTATUS Status = IoCreateDevice(Driver, 0, (PUNICODE_STRING)&Name, FILE_DEVICE_UNKNOWN, 0,
                                     FALSE, &Device);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    for (ULONG i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++) {
        Driver->MajorFunction[i] = Dispatch;
    }
    Status = IoCreateSymbolicLink((PUNICODE_STRING)&Link, (PUNICODE_STRING)&Name);
    if (!NT_SUCCESS(Status)) {
        IoDeleteDevice(Device);
    }
    return Status;
}

static void End(void)
{
    IoDeleteSymbolicLink((PUNICODE_STRING)&Link);
    IoDeleteDevice(Device);
}
