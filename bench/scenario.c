/* SPDX-License-Identifier: MIT */
/*
 * The WSK scenario of the bench: one connection to an echo server, three exchanges, the receive
 * event disabled with an IRP, graceful disconnect, close. All of it in DriverEntry, so that a run
 * is this and nothing else: about 200 decisions. A peer that leaves or never answers ends it early.
 */
#include <ntddk.h>
#include <wsk.h>

enum {
    EXCHANGES = 3,
    MESSAGE = 64,
    SERVER_PORT = 7002,
    EVENTS = WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT,
};
#define PATIENCE (30 * 10000000LL) /* for an echo: 30 s */

typedef struct _SCENARIO {
    WSK_REGISTRATION Registration;
    WSK_PROVIDER_NPI Npi;
    PWSK_SOCKET Socket;
    PIRP Irp;
    KEVENT Done;
    KEVENT Echoed;
    LONG Received;
    LONG Ended; /* the peer has left */
    UCHAR *Buffer;
    PMDL Mdl;
} SCENARIO;

static SCENARIO Scenario;

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD ScenarioUnload;
static IO_COMPLETION_ROUTINE ScenarioComplete;

static NTSTATUS ScenarioComplete(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    KeSetEvent((PKEVENT)Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static PIRP Prepare(SCENARIO *S)
{
    IoReuseIrp(S->Irp, STATUS_UNSUCCESSFUL);
    KeClearEvent(&S->Done);
    IoSetCompletionRoutine(S->Irp, ScenarioComplete, &S->Done, TRUE, TRUE, TRUE);
    return S->Irp;
}

static NTSTATUS Finish(SCENARIO *S, NTSTATUS Status)
{
    if (Status == STATUS_PENDING) {
        KeWaitForSingleObject(&S->Done, Executive, KernelMode, FALSE, NULL);
        Status = S->Irp->IoStatus.Status;
    }
    return Status;
}

static NTSTATUS WSKAPI ReceiveEvent(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION Indication,
                                    SIZE_T Indicated, SIZE_T *Accepted)
{
    SCENARIO *S = Context;
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Accepted);
    if (Indication != NULL &&
        InterlockedExchangeAdd(&S->Received, (LONG)Indicated) + (LONG)Indicated >= MESSAGE) {
        KeSetEvent(&S->Echoed, IO_NO_INCREMENT, FALSE);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS WSKAPI DisconnectEvent(PVOID Context, ULONG Flags)
{
    SCENARIO *S = Context;
    UNREFERENCED_PARAMETER(Flags);
    InterlockedExchange(&S->Ended, 1);
    KeSetEvent(&S->Echoed, IO_NO_INCREMENT, FALSE);
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_CONNECTION_DISPATCH Dispatch = {ReceiveEvent, DisconnectEvent, NULL};
static const WSK_CLIENT_DISPATCH ClientDispatch = {MAKE_WSK_VERSION(1, 0), 0, NULL};

static const WSK_PROVIDER_CONNECTION_DISPATCH *Table(SCENARIO *S)
{
    return (const WSK_PROVIDER_CONNECTION_DISPATCH *)S->Socket->Dispatch;
}

static NTSTATUS SetEvents(SCENARIO *S, ULONG Mask, PIRP Irp)
{
    WSK_EVENT_CALLBACK_CONTROL Control = {&NPI_WSK_INTERFACE_ID, Mask};
    NTSTATUS Status = Table(S)->WskControlSocket(S->Socket, WskSetOption, SO_WSK_EVENT_CALLBACK,
                                                 SOL_SOCKET, sizeof Control, &Control, 0, NULL,
                                                 NULL, Irp);
    return Irp != NULL ? Finish(S, Status) : Status;
}

static NTSTATUS Exchange(SCENARIO *S)
{
    WSK_BUF Buffer = {S->Mdl, 0, MESSAGE};
    LARGE_INTEGER Patience = {.QuadPart = -PATIENCE};
    S->Received = 0;
    KeClearEvent(&S->Echoed);
    NTSTATUS Status = Finish(S, Table(S)->WskSend(S->Socket, &Buffer, 0, Prepare(S)));
    if (NT_SUCCESS(Status)) {
        Status = KeWaitForSingleObject(&S->Echoed, Executive, KernelMode, FALSE, &Patience);
        if (Status == STATUS_TIMEOUT || S->Ended != 0) {
            Status = STATUS_CONNECTION_ABORTED;
        }
    }
    return Status;
}

static NTSTATUS Connect(SCENARIO *S)
{
    SOCKADDR_IN Local = {.sin_family = AF_INET};
    SOCKADDR_IN Remote = {.sin_family = AF_INET};
    Remote.sin_port = RtlUshortByteSwap(SERVER_PORT);
    Remote.sin_addr.s_addr = RtlUlongByteSwap(0x0A000002u);
    NTSTATUS Status = Finish(S, S->Npi.Dispatch->WskSocket(
                                    S->Npi.Client, AF_INET, SOCK_STREAM, IPPROTO_TCP,
                                    WSK_FLAG_CONNECTION_SOCKET, S, &Dispatch, NULL, NULL, NULL,
                                    Prepare(S)));
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    S->Socket = (PWSK_SOCKET)S->Irp->IoStatus.Information;
    Status = Finish(S, Table(S)->WskBind(S->Socket, (PSOCKADDR)&Local, 0, Prepare(S)));
    if (NT_SUCCESS(Status)) {
        Status = Finish(S, Table(S)->WskConnect(S->Socket, (PSOCKADDR)&Remote, 0, Prepare(S)));
    }
    return Status;
}

static void Converse(SCENARIO *S)
{
    NTSTATUS Status = Connect(S);
    if (NT_SUCCESS(Status)) {
        Status = SetEvents(S, EVENTS, NULL);
        for (int i = 0; i < EXCHANGES && NT_SUCCESS(Status); i++) {
            Status = Exchange(S);
        }
        SetEvents(S, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE, Prepare(S));
        Finish(S, Table(S)->WskDisconnect(S->Socket, NULL, 0, Prepare(S)));
    }
    if (S->Socket != NULL) {
        Finish(S, Table(S)->WskCloseSocket(S->Socket, Prepare(S)));
    }
}

static void ScenarioUnload(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    WskDeregister(&Scenario.Registration);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING Path)
{
    SCENARIO *S = &Scenario;
    WSK_CLIENT_NPI Client = {NULL, &ClientDispatch};
    UNREFERENCED_PARAMETER(Path);
    NTSTATUS Status = WskRegister(&Client, &S->Registration);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Driver->DriverUnload = ScenarioUnload;
    KeInitializeEvent(&S->Done, SynchronizationEvent, FALSE);
    KeInitializeEvent(&S->Echoed, SynchronizationEvent, FALSE);
    S->Irp = IoAllocateIrp(1, FALSE);
    S->Buffer = ExAllocatePoolZero(NonPagedPoolNx, MESSAGE, 'hcnB');
    S->Mdl = S->Buffer != NULL ? IoAllocateMdl(S->Buffer, MESSAGE, FALSE, FALSE, NULL) : NULL;
    if (S->Irp != NULL && S->Mdl != NULL) {
        MmBuildMdlForNonPagedPool(S->Mdl);
        if (NT_SUCCESS(WskCaptureProviderNPI(&S->Registration, 100, &S->Npi))) {
            Converse(S);
            WskReleaseProviderNPI(&S->Registration);
        }
    }
    if (S->Mdl != NULL) {
        IoFreeMdl(S->Mdl);
    }
    if (S->Buffer != NULL) {
        ExFreePoolWithTag(S->Buffer, 'hcnB');
    }
    if (S->Irp != NULL) {
        IoFreeIrp(S->Irp);
    }
    return STATUS_SUCCESS;
}
