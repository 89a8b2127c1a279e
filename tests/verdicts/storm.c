/* SPDX-License-Identifier: MIT */
/*
 * EXPECT: SYS-LIVELOCK. A work routine queues its item again and again, and no time passes: each
 * round is a context of its own, so their number is used up before the steps are.
 */
#include "verdict.h"

static PDEVICE_OBJECT Device;
static PIO_WORKITEM Item;
static KEVENT Done;
static LONG Rounds;
static IO_WORKITEM_ROUTINE Work;

static void Work(PDEVICE_OBJECT Object, PVOID Context)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Context);
#ifdef FIXED
    if (++Rounds == 20) {
        KeSetEvent(&Done, IO_NO_INCREMENT, FALSE);
        return;
    }
#endif
    IoQueueWorkItem(Item, Work, DelayedWorkQueue, NULL);
}

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    NTSTATUS Status = IoCreateDevice(Driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    Rounds = 0;
    Item = IoAllocateWorkItem(Device);
    if (Item == NULL) {
        IoDeleteDevice(Device);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    IoQueueWorkItem(Item, Work, DelayedWorkQueue, NULL);
    return STATUS_SUCCESS;
}

static void End(void)
{
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    IoFreeWorkItem(Item);
    IoDeleteDevice(Device);
}
