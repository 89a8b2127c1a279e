/* SPDX-License-Identifier: MIT */
/*
 * EXPECT: KRN-172|KRN-283|SYS-UNLOADED-CODE. A work routine of ExQueueWorkItem is about to return
 * when the driver goes; IoQueueWorkItem would hold the device object and with it the image
 * (KRN-171).
 */
#include "verdict.h"

static PDEVICE_OBJECT Device;
static KEVENT Done;
#ifdef FIXED
static PIO_WORKITEM Item;
static IO_WORKITEM_ROUTINE Work;

static void Work(PDEVICE_OBJECT Object, PVOID Context)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Context);
    KeSetEvent(&Done, IO_NO_INCREMENT, FALSE);
}
#else
static WORK_QUEUE_ITEM Item;
static WORKER_THREAD_ROUTINE Work;

static void Work(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeSetEvent(&Done, IO_NO_INCREMENT, FALSE);
}
#endif

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    NTSTATUS Status = IoCreateDevice(Driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
#ifdef FIXED
    Item = IoAllocateWorkItem(Device);
    if (Item == NULL) {
        IoDeleteDevice(Device);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
#endif
    return STATUS_SUCCESS;
}

static void End(void)
{
#ifdef FIXED
    IoQueueWorkItem(Item, Work, DelayedWorkQueue, NULL);
#else
    ExInitializeWorkItem(&Item, Work, NULL);
    ExQueueWorkItem(&Item, DelayedWorkQueue);
#endif
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
#ifdef FIXED
    IoFreeWorkItem(Item);
#endif
    IoDeleteDevice(Device);
}
