/* SPDX-License-Identifier: MIT */
/* A driver that does nothing: what a run costs that uses no socket, no request and no thread. */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD NothingUnload;

static void NothingUnload(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING Path)
{
    UNREFERENCED_PARAMETER(Path);
    Driver->DriverUnload = NothingUnload;
    return STATUS_SUCCESS;
}
