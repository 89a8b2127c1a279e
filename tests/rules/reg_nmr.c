/* SPDX-License-Identifier: MIT */
/* Cases of the life cycle, 1.1: the older way to the provider, the Network Module Registrar. */
#include "case.h"

enum { TAG = 'esaC' };

static const NPI_MODULEID ModuleId = {sizeof ModuleId, MIT_GUID, {{1, 2, 3, {4}}}};
static const WSK_CLIENT_DISPATCH Client = {MAKE_WSK_VERSION(1, 0), 0, NULL};
static NPI_CLIENT_ATTACH_PROVIDER_FN Attach;
static NPI_CLIENT_DETACH_PROVIDER_FN Detach;
static NPI_CLIENT_CLEANUP_BINDING_CONTEXT_FN Cleanup;

static NPI_CLIENT_CHARACTERISTICS Characteristics = {
    .Length = sizeof Characteristics,
    .ClientAttachProvider = Attach,
    .ClientDetachProvider = Detach,
    .ClientCleanupBindingContext = Cleanup,
    .ClientRegistrationInstance = {.Size = sizeof(NPI_REGISTRATION_INSTANCE),
                                   .NpiId = &NPI_WSK_INTERFACE_ID,
                                   .ModuleId = &ModuleId},
};

static HANDLE Nmr, Binding;
static WSK_PROVIDER_NPI Npi;
static KEVENT Attached;
static volatile LONG Attaches, Detaches, Cleanups, IsOpen;
static NTSTATUS DetachAnswer = STATUS_SUCCESS;
static USHORT WantedVersion;
static NTSTATUS AttachStatus;
static struct request First, Second;

static NTSTATUS Attach(HANDLE NmrBindingHandle, PVOID Context,
                       PNPI_REGISTRATION_INSTANCE Provider)
{
    static WSK_CLIENT_DISPATCH Future;
    PVOID Object;
    const VOID *Table;
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Provider);
    InterlockedIncrement(&Attaches);
    Binding = NmrBindingHandle;
    if (WantedVersion != 0) {
        Future.Version = WantedVersion;
        AttachStatus = NmrClientAttachProvider(NmrBindingHandle, &Npi, &Future, &Object, &Table);
        Check(AttachStatus == STATUS_NOINTERFACE);
    }
    AttachStatus = NmrClientAttachProvider(NmrBindingHandle, &Npi, &Client, &Object, &Table);
    if (NT_SUCCESS(AttachStatus)) {
        Npi.Client = Object;
        Npi.Dispatch = Table;
    }
    KeSetEvent(&Attached, IO_NO_INCREMENT, FALSE);
    return AttachStatus;
}

static NTSTATUS Detach(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    InterlockedIncrement(&Detaches);
    return DetachAnswer;
}

static VOID Cleanup(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    Check(IsOpen == 0);
    InterlockedIncrement(&Cleanups);
}

static BOOLEAN Register(void)
{
    KeInitializeEvent(&Attached, NotificationEvent, FALSE);
    return (BOOLEAN)NT_SUCCESS(NmrRegisterClient(&Characteristics, NULL, &Nmr));
}

/* Registered, and the provider has come. */
static BOOLEAN RegisterAndWait(void)
{
    if (!RequestNew(&First) || !RequestNew(&Second) || !Register()) {
        return FALSE;
    }
    KeWaitForSingleObject(&Attached, Executive, KernelMode, FALSE, NULL);
    return TRUE;
}

static void Wait(void)
{
    (void)NmrWaitForClientDeregisterComplete(Nmr);
}

static void Deregister(void)
{
    if (NmrDeregisterClient(Nmr) == STATUS_PENDING) {
        Wait();
    }
}

static PWSK_SOCKET Create(void)
{
    if (Npi.Client == NULL) {
        return NULL;
    }
    Npi.Dispatch->WskSocket(Npi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET,
                            NULL, NULL, NULL, NULL, NULL, Fresh(&First));
    return NT_SUCCESS(Finish(&First)) ? (PWSK_SOCKET)First.Information : NULL;
}

static void Close(PWSK_SOCKET Socket)
{
    if (Socket != NULL) {
        Basic(Socket)->WskCloseSocket(Socket, Fresh(&Second));
        (void)Finish(&Second);
    }
}

/* ---- registering (REG-031, REG-032) ---- */

MISTAKE(nmr_registers_at_dispatch, "REG-031")
{
    KIRQL Old = PASSIVE_LEVEL;
    if (Mistaken) {
        KeRaiseIrql(DISPATCH_LEVEL, &Old);
    }
    BOOLEAN Is = Register();
    if (Mistaken) {
        KeLowerIrql(Old);
    }
    if (Is) {
        Deregister();
    }
}

MISTAKE(nmr_characteristics_changed, "REG-031")
{
    if (!RegisterAndWait()) {
        return;
    }
    if (Mistaken) {
        Characteristics.ClientDetachProvider = NULL;
    }
    Deregister();
}

MISTAKE(nmr_module_id_freed, "REG-031")
{
    NPI_MODULEID *Id = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Id, TAG);
    if (Id == NULL) {
        return;
    }
    *Id = ModuleId;
    Characteristics.ClientRegistrationInstance.ModuleId = Id;
    BOOLEAN Is = Register();
    if (Mistaken) {
        ExFreePoolWithTag(Id, TAG);
    }
    if (Is) {
        Deregister();
    }
    if (!Mistaken) {
        ExFreePoolWithTag(Id, TAG);
    }
}

/* Attached once, with another version after the first was refused. */
DUTY(nmr_attaches_once, "REG-032 REG-033")
{
    WantedVersion = MAKE_WSK_VERSION(9, 0);
    if (!RegisterAndWait()) {
        return;
    }
    Check(NT_SUCCESS(AttachStatus) && Npi.Client != NULL && Npi.Dispatch != NULL);
    Deregister();
    Check(Attaches == 1 && Detaches == 1 && Cleanups == 1);
}

FREEDOM(nmr_attaches_at_once, "REG-032")
{
    if (Register()) {
        if (Attaches != 0) {
            Witness();
        }
        Deregister();
    }
}

FREEDOM(nmr_attaches_later, "REG-032")
{
    if (Register()) {
        LONG Before = Attaches;
        KeWaitForSingleObject(&Attached, Executive, KernelMode, FALSE, NULL);
        if (Before == 0) {
            Witness();
        }
        Deregister();
    }
}

/* ---- detaching (REG-033 to REG-037) ---- */

/* A thread that is in WskSocket while the detach callback answers. */
static KEVENT Inside;

static IO_COMPLETION_ROUTINE Created;

static NTSTATUS Created(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    struct request *Request = Context;
    UNREFERENCED_PARAMETER(Device);
    Request->Status = Irp->IoStatus.Status;
    Request->Information = Irp->IoStatus.Information;
    KeSetEvent(&Request->Done, IO_NO_INCREMENT, FALSE);
    KeSetEvent(&Inside, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void Creator(PVOID Context)
{
    PIRP Irp = Fresh(&First);
    UNREFERENCED_PARAMETER(Context);
    IoSetCompletionRoutine(Irp, Created, &First, TRUE, TRUE, TRUE);
    Npi.Dispatch->WskSocket(Npi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET,
                            NULL, NULL, NULL, NULL, NULL, Irp);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(nmr_detach_done_with_calls_in_progress, "REG-034")
{
    if (!RegisterAndWait()) {
        return;
    }
    KeInitializeEvent(&Inside, NotificationEvent, FALSE);
    PVOID Thread = CaseThread(Creator, NULL);
    if (Thread == NULL) {
        Deregister();
        return;
    }
    KeWaitForSingleObject(&Inside, Executive, KernelMode, FALSE, NULL);
    if (!Mistaken) {
        CaseJoin(Thread); /* its call has returned */
    }
    NTSTATUS Status = NmrDeregisterClient(Nmr);
    if (Mistaken) {
        CaseJoin(Thread);
    }
    (void)Finish(&First);
    Close(NT_SUCCESS(First.Status) ? (PWSK_SOCKET)First.Information : NULL);
    if (Status == STATUS_PENDING) {
        Wait();
    }
}

MISTAKE(nmr_detach_completed_twice, "REG-034")
{
    DetachAnswer = STATUS_PENDING;
    if (!RegisterAndWait()) {
        return;
    }
    NTSTATUS Status = NmrDeregisterClient(Nmr);
    while (Status == STATUS_PENDING && Detaches == 0) {
        CaseSleep(1); /* it met the attach callback */
    }
    if (Detaches != 0) {
        NmrClientDetachProviderComplete(Binding);
        if (Mistaken) {
            NmrClientDetachProviderComplete(Binding);
        }
    }
    if (Status == STATUS_PENDING) {
        Wait();
    }
}

MISTAKE(nmr_creates_after_the_detach, "REG-035")
{
    if (!RegisterAndWait()) {
        return;
    }
    PWSK_SOCKET Socket = Create();
    NTSTATUS Status = NmrDeregisterClient(Nmr);
    if (Mistaken && Detaches != 0) {
        Close(Create());
    }
    Close(Socket);
    if (Status == STATUS_PENDING) {
        Wait();
    }
}

DUTY(nmr_cleans_up_when_all_is_closed, "REG-036 REG-033")
{
    if (!RegisterAndWait()) {
        return;
    }
    PWSK_SOCKET Socket = Create();
    IsOpen = Socket != NULL;
    NTSTATUS Status = NmrDeregisterClient(Nmr);
    CaseSleep(1);
    Check(Socket == NULL || Cleanups == 0);
    InterlockedExchange(&IsOpen, 0);
    Close(Socket);
    if (Status == STATUS_PENDING) {
        Wait();
    }
    Check(Detaches == 1 && Cleanups == 1);
}

MISTAKE(nmr_unload_does_not_wait, "REG-037", .place = WSKSIM_CASE_UNLOAD)
{
    if (!RegisterAndWait()) {
        return;
    }
    NTSTATUS Status = NmrDeregisterClient(Nmr);
    if (Status == STATUS_PENDING && !Mistaken) {
        Wait();
    }
}
