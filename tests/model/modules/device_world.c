/* SPDX-License-Identifier: MIT */
/*
 * A driver with a device that doubles numbers and holds one request until it is cancelled, and a
 * script that uses it as a program would. No network.
 */
#include <ntddk.h>

#include <wsksim/world.h>

#define IOCTL_DOUBLE CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define IOCTL_HOLD CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, METHOD_BUFFERED, FILE_ANY_ACCESS)

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD Unload;
static DRIVER_DISPATCH Dispatch;
static DRIVER_CANCEL Cancel;

static int Opens;

static NTSTATUS Finish(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static VOID Cancel(PDEVICE_OBJECT Device, PIRP Irp)
{
    (void)Device;
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    Finish(Irp, STATUS_CANCELLED, 0);
}

static NTSTATUS Control(PIRP Irp, PIO_STACK_LOCATION Location)
{
    ULONG *value = Irp->AssociatedIrp.SystemBuffer;
    switch (Location->Parameters.DeviceIoControl.IoControlCode) {
    case IOCTL_DOUBLE:
        if (Location->Parameters.DeviceIoControl.InputBufferLength < sizeof *value ||
            Location->Parameters.DeviceIoControl.OutputBufferLength < sizeof *value) {
            return Finish(Irp, STATUS_BUFFER_TOO_SMALL, 0);
        }
        *value *= 2;
        return Finish(Irp, STATUS_SUCCESS, sizeof *value);
    case IOCTL_HOLD:
        IoMarkIrpPending(Irp);
        IoSetCancelRoutine(Irp, Cancel);
        if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL) {
            Finish(Irp, STATUS_CANCELLED, 0);
        }
        return STATUS_PENDING;
    default:
        return Finish(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
}

static NTSTATUS Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
    (void)Device;
    switch (location->MajorFunction) {
    case IRP_MJ_CREATE:
        Opens++;
        return Finish(Irp, STATUS_SUCCESS, 0);
    case IRP_MJ_CLOSE:
        Opens--;
        return Finish(Irp, STATUS_SUCCESS, 0);
    case IRP_MJ_DEVICE_CONTROL:
        return Control(Irp, location);
    default:
        return Finish(Irp, STATUS_SUCCESS, 0);
    }
}

static VOID Unload(PDRIVER_OBJECT Driver)
{
    DbgPrint(Opens == 0 ? "script: yes\n" : "script: no\n");
    IoDeleteDevice(Driver->DeviceObject);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING Path)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\Device\\Doubler");
    PDEVICE_OBJECT device;
    (void)Path;
    Driver->DriverUnload = Unload;
    Driver->MajorFunction[IRP_MJ_CREATE] = Dispatch;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = Dispatch;
    Driver->MajorFunction[IRP_MJ_CLOSE] = Dispatch;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Dispatch;
    return IoCreateDevice(Driver, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
}

/* ---- the script ---- */

static void Note(int ok)
{
    DbgPrint(ok ? "script: yes\n" : "script: no\n");
}

static void Forever(void *context)
{
    struct wsksim_file *file = wsksim_open(NULL);
    (void)context;
    Note(file != NULL);
    Note(wsksim_control(file, IOCTL_HOLD, NULL, 0, NULL, 0, NULL, WSKSIM_FOREVER) ==
         STATUS_CANCELLED);
    Note(wsksim_is_over()); /* and leaves its handle open */
}

static void Script(void)
{
    unsigned number = 21, returned = 0;
    Note(wsksim_open("\\Device\\Nothing") == NULL);
    struct wsksim_file *file = wsksim_open("\\Device\\Doubler");
    Note(file != NULL);
    wsksim_start(Forever, NULL);
    Note(wsksim_control(file, IOCTL_DOUBLE, &number, 4, &number, 4, &returned, 100) ==
         STATUS_SUCCESS);
    Note(number == 42 && returned == 4);
    Note(wsksim_control(file, IOCTL_HOLD, NULL, 0, NULL, 0, NULL, 100) == STATUS_CANCELLED);
    Note(wsksim_control(file, 0, NULL, 0, NULL, 0, NULL, 100) == STATUS_INVALID_DEVICE_REQUEST);
    wsksim_close_file(file);
    wsksim_sleep(1000);
    wsksim_unload();
    wsksim_sleep(1000000000ull); /* is cut short */
    Note(wsksim_is_over());
}

WSKSIM_WORLD(Script, 0)
