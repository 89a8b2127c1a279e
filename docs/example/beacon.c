/* SPDX-License-Identifier: MIT */
/*
 * beacon: tells a log server over UDP that this machine has loaded it, and that it goes.
 *
 * The example of docs/driver-authors.md: a small driver as it might lie on anyone's disk. It works
 * every time you try it, and it has a mistake.
 */
#include <ntddk.h>
#include <wsk.h>

#define BEACON_TAG 'ncaB'

static struct {
    WSK_REGISTRATION Registration;
    WSK_PROVIDER_NPI Npi;
    PWSK_SOCKET Socket;
    PIRP Irp; /* For one request at a time; Idle is set while there is none. */
    KEVENT Idle;
} Beacon;

static const WSK_CLIENT_DISPATCH BeaconClientDispatch = {MAKE_WSK_VERSION(1, 0), 0, NULL};

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD BeaconUnload;
static IO_COMPLETION_ROUTINE BeaconComplete;

static NTSTATUS BeaconComplete(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    UNREFERENCED_PARAMETER(Context);
    KeSetEvent(&Beacon.Idle, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* Waits until the IRP is free and takes it for the next request. */
static PIRP BeaconTakeIrp(VOID)
{
    KeWaitForSingleObject(&Beacon.Idle, Executive, KernelMode, FALSE, NULL);
    KeClearEvent(&Beacon.Idle);
    IoReuseIrp(Beacon.Irp, STATUS_SUCCESS);
    IoSetCompletionRoutine(Beacon.Irp, BeaconComplete, NULL, TRUE, TRUE, TRUE);
    return Beacon.Irp;
}

static NTSTATUS BeaconWait(VOID)
{
    KeWaitForSingleObject(&Beacon.Idle, Executive, KernelMode, FALSE, NULL);
    return Beacon.Irp->IoStatus.Status;
}

static VOID BeaconSend(const CHAR *Text)
{
    const WSK_PROVIDER_DATAGRAM_DISPATCH *dispatch = Beacon.Socket->Dispatch;
    SIZE_T length = strlen(Text);
    SOCKADDR_IN server = {AF_INET, RtlUshortByteSwap(514)};
    WSK_BUF data = {NULL, 0, length};
    CHAR *copy = ExAllocatePool2(POOL_FLAG_NON_PAGED, length, BEACON_TAG);
    NTSTATUS status;

    server.sin_addr.s_addr = RtlUlongByteSwap(0x0A000002); /* 10.0.0.2 */
    if (copy == NULL) {
        return;
    }
    RtlCopyMemory(copy, Text, length);
    data.Mdl = IoAllocateMdl(copy, (ULONG)length, FALSE, FALSE, NULL);
    if (data.Mdl != NULL) {
        MmBuildMdlForNonPagedPool(data.Mdl);
        status = dispatch->WskSendTo(Beacon.Socket, &data, 0, (PSOCKADDR)&server, 0, NULL,
                                     BeaconTakeIrp());
        if (!NT_SUCCESS(status)) {
            DbgPrint("beacon: not sent, %08x\n", status);
        }
        IoFreeMdl(data.Mdl);
    }
    ExFreePoolWithTag(copy, BEACON_TAG);
}

static NTSTATUS BeaconOpen(VOID)
{
    SOCKADDR_IN any = {AF_INET};
    const WSK_PROVIDER_DATAGRAM_DISPATCH *dispatch;
    NTSTATUS status;

    Beacon.Npi.Dispatch->WskSocket(Beacon.Npi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                   WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL, NULL, NULL, NULL,
                                   BeaconTakeIrp());
    status = BeaconWait();
    if (!NT_SUCCESS(status)) {
        return status;
    }
    Beacon.Socket = (PWSK_SOCKET)Beacon.Irp->IoStatus.Information;
    dispatch = Beacon.Socket->Dispatch;
    dispatch->WskBind(Beacon.Socket, (PSOCKADDR)&any, 0, BeaconTakeIrp());
    return BeaconWait();
}

static VOID BeaconClose(VOID)
{
    const WSK_PROVIDER_BASIC_DISPATCH *dispatch;

    if (Beacon.Socket != NULL) {
        dispatch = Beacon.Socket->Dispatch;
        dispatch->WskCloseSocket(Beacon.Socket, BeaconTakeIrp());
        BeaconWait();
        Beacon.Socket = NULL;
    }
    IoFreeIrp(Beacon.Irp);
    WskReleaseProviderNPI(&Beacon.Registration);
    WskDeregister(&Beacon.Registration);
}

static VOID BeaconUnload(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    BeaconSend("beacon unloaded\n");
    BeaconClose();
}

NTSTATUS DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    WSK_CLIENT_NPI client = {NULL, &BeaconClientDispatch};
    NTSTATUS status;

    UNREFERENCED_PARAMETER(RegistryPath);
    Driver->DriverUnload = BeaconUnload;
    KeInitializeEvent(&Beacon.Idle, NotificationEvent, TRUE);
    status = WskRegister(&client, &Beacon.Registration);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = WskCaptureProviderNPI(&Beacon.Registration, WSK_INFINITE_WAIT, &Beacon.Npi);
    if (!NT_SUCCESS(status)) {
        WskDeregister(&Beacon.Registration);
        return status;
    }
    Beacon.Irp = IoAllocateIrp(1, FALSE);
    if (Beacon.Irp == NULL) {
        WskReleaseProviderNPI(&Beacon.Registration);
        WskDeregister(&Beacon.Registration);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    status = BeaconOpen();
    if (!NT_SUCCESS(status)) {
        BeaconClose();
        return status;
    }
    BeaconSend("beacon loaded\n");
    return STATUS_SUCCESS;
}
