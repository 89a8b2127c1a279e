/* SPDX-License-Identifier: MIT */
/*
 * EXPECT: SOCK-020|SYS-DEADLOCK|REG-021|REG-024|CLOSE-018. A socket is never closed: deregistration
 * waits for ever.
 */
#include "verdict.h"

static WSK_REGISTRATION Registration;
static WSK_PROVIDER_NPI Npi;
static const WSK_CLIENT_DISPATCH ClientDispatch = {MAKE_WSK_VERSION(1, 0), 0, NULL};
static KEVENT Done;
static IO_COMPLETION_ROUTINE Complete;

static NTSTATUS Complete(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    UNREFERENCED_PARAMETER(Context);
    KeSetEvent(&Done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static PIRP Prepare(PIRP Irp)
{
    KeClearEvent(&Done);
    IoSetCompletionRoutine(Irp, Complete, NULL, TRUE, TRUE, TRUE);
    return Irp;
}

static NTSTATUS Await(PIRP Irp)
{
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    return Irp->IoStatus.Status;
}

#ifdef FIXED
static void Close(PWSK_SOCKET Socket, PIRP Irp)
{
    const WSK_PROVIDER_BASIC_DISPATCH *Dispatch = Socket->Dispatch;
    IoReuseIrp(Irp, STATUS_UNSUCCESSFUL);
    Dispatch->WskCloseSocket(Socket, Prepare(Irp));
    Await(Irp);
}
#endif

static NTSTATUS Create(PIRP Irp)
{
    return Npi.Dispatch->WskSocket(Npi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                   WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL, NULL, NULL, NULL,
                                   Prepare(Irp));
}

static void Work(PIRP Irp)
{
    Create(Irp);
#ifdef FIXED
    if (NT_SUCCESS(Await(Irp))) {
        Close((PWSK_SOCKET)Irp->IoStatus.Information, Irp);
    }
#else
    Await(Irp);
#endif
    IoFreeIrp(Irp);
}

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    WSK_CLIENT_NPI Client = {NULL, &ClientDispatch};
    UNREFERENCED_PARAMETER(Driver);
    KeInitializeEvent(&Done, SynchronizationEvent, FALSE);
    NTSTATUS Status = WskRegister(&Client, &Registration);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (NT_SUCCESS(WskCaptureProviderNPI(&Registration, 1000, &Npi))) {
        PIRP Irp = IoAllocateIrp(1, FALSE);
        if (Irp != NULL) {
            Work(Irp);
        }
        WskReleaseProviderNPI(&Registration);
    }
    return STATUS_SUCCESS;
}

static void End(void)
{
    WskDeregister(&Registration);
}
