/* SPDX-License-Identifier: MIT */
/*
 * A driver that decides by a byte nobody has written. WHERE: 0 nowhere, it only copies such bytes;
 * 1 in a block of pool, behind another one that is innocent; 2 among the locals; 3 as 1, but only
 * under a reading that some runs draw.
 */
#include <ntddk.h>

#ifndef WHERE
#define WHERE 0
#endif
#define TAG 'brGW'

typedef struct _ITEM {
    ULONG Count;
    UCHAR Flags;
} ITEM, *PITEM;

DRIVER_INITIALIZE DriverEntry;

static void Unload(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}

static void Decide(UCHAR Flags)
{
    LARGE_INTEGER Moment = {.QuadPart = -10};
    if (Flags & 2) {
        KeDelayExecutionThread(KernelMode, FALSE, &Moment);
    }
}

static __declspec(noinline) void SetNothing(PITEM Item)
{
    Item->Count = 1;
}

static BOOLEAN IsDrawn(void)
{
    PVOID Block = WHERE == 3 ? ExAllocatePoolWithTag(NonPagedPoolNx, 0, TAG) : NULL;
    if (Block != NULL) {
        ExFreePoolWithTag(Block, TAG);
    }
    return WHERE == 3 && Block == NULL; /* kernel.pool_zero=null */
}

NTSTATUS DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING Path)
{
    ITEM Local;
    PITEM Innocent = ExAllocatePoolUninitialized(NonPagedPoolNx, sizeof *Innocent, TAG);
    PITEM Item = ExAllocatePoolUninitialized(NonPagedPoolNx, sizeof *Item, TAG);
    UNREFERENCED_PARAMETER(Path);
    Driver->DriverUnload = Unload;
    SetNothing(&Local);
    if (Innocent != NULL && Item != NULL) {
        *Innocent = *Item;
        Decide(WHERE == 1 || IsDrawn() ? Item->Flags : WHERE == 2 ? Local.Flags : 0);
    }
    if (Item != NULL) {
        ExFreePoolWithTag(Item, TAG);
    }
    if (Innocent != NULL) {
        ExFreePoolWithTag(Innocent, TAG);
    }
    return STATUS_SUCCESS;
}
