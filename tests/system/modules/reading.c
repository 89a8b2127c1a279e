/* SPDX-License-Identifier: MIT */
/*
 * A driver that fails under one reading only: it believes that an allocation of no bytes gives a
 * block (kernel.pool_zero). On its way it asks several others, none of which matters.
 */
#include <ntddk.h>
#include <wsk.h>

#define TAG 'daeR'

DRIVER_INITIALIZE DriverEntry;

static void Unload(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}

/* Registers, looks at the provider, closes an event: readings that are drawn and do not matter. */
static void AskOthers(void)
{
    static const WSK_CLIENT_DISPATCH Dispatch = {MAKE_WSK_VERSION(1, 0), 0, NULL};
    static WSK_CLIENT_NPI Client = {NULL, &Dispatch};
    static WSK_REGISTRATION Registration;
    WSK_PROVIDER_NPI Npi;
    HANDLE Handle;
    if (IoCreateNotificationEvent(NULL, &Handle) != NULL) {
        ZwClose(Handle);
    }
    if (NT_SUCCESS(WskRegister(&Client, &Registration))) {
        if (NT_SUCCESS(WskCaptureProviderNPI(&Registration, WSK_INFINITE_WAIT, &Npi))) {
            WskReleaseProviderNPI(&Registration);
        }
        WskDeregister(&Registration);
    }
}

NTSTATUS DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING Path)
{
    UNREFERENCED_PARAMETER(Path);
    Driver->DriverUnload = Unload;
    AskOthers();
    PVOID Block = ExAllocatePoolWithTag(NonPagedPoolNx, 0, TAG);
    if (Block == NULL) {
        KeBugCheckEx(MANUALLY_INITIATED_CRASH, 0, 0, 0, 0);
    }
    ExFreePoolWithTag(Block, TAG);
    return STATUS_SUCCESS;
}
