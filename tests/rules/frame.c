/* SPDX-License-Identifier: MIT */
/*
 * The driver around the cases (case.h): starts the case that was selected, waits for it when it is
 * unloaded, and takes down what the body left behind.
 *
 * Which case: before the run `wsksim rules` writes Selected and Mistaken. A module for
 * `wsksim check` has one case for good (choose.c).
 */
#include "case.h"

#include <ip2string.h>

enum { TRACKED = 64 };

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD Unload;
static KSTART_ROUTINE Thread;
static IO_COMPLETION_ROUTINE Completed;

/* choose.c */
extern const char CaseName[];
extern const BOOLEAN CaseIsMistaken;

extern const struct wsksim_case __start_wsksim_cases[], __stop_wsksim_cases[];

static const struct wsksim_case *Selected;
BOOLEAN Mistaken;
static unsigned Witnessed, Checked;

PDRIVER_OBJECT CaseDriver;
PUNICODE_STRING CasePath;
volatile BOOLEAN CaseOver;
NTSTATUS CaseEntryStatus = STATUS_SUCCESS;
static PVOID CaseThreadObject;

static const struct wsksim_elsewhere Elsewhere[] = {
#define ELSEWHERE(id, place, what) {id, place, what},
#include "elsewhere.def"
#undef ELSEWHERE
    {NULL, NULL, NULL},
};

extern const struct wsksim_cases WskSimCases;
const struct wsksim_cases WskSimCases = {
    .version = WSKSIM_CASES_VERSION,
    .size = sizeof(struct wsksim_case),
    .begin = __start_wsksim_cases,
    .end = __stop_wsksim_cases,
    .selected = &Selected,
    .is_mistaken = &Mistaken,
    .witnessed = &Witnessed,
    .checked = &Checked,
    .elsewhere = Elsewhere,
    .elsewhere_count = RTL_NUMBER_OF(Elsewhere) - 1,
};

void Witness(void)
{
    CountIf(Witnessed, TRUE);
}

/* Called wherever a Check stands, from many contexts: nothing that a run or a detector sees. */
__attribute__((noinline, no_sanitize("thread", "address", "coverage"))) void CaseReached(void)
{
    Checked++;
}

/* ---- the world ---- */

static void Script(void)
{
    if (Selected != NULL && Selected->world != NULL) {
        Selected->world();
    }
}

extern struct wsksim_world WskSimWorld;
struct wsksim_world WskSimWorld = {WSKSIM_WORLD_VERSION, 0, Script};

/* ---- threads ---- */

PVOID CaseThread(PKSTART_ROUTINE Routine, PVOID Context)
{
    HANDLE Handle;
    PVOID Object = NULL;
    OBJECT_ATTRIBUTES Attributes;
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    if (NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, &Attributes, NULL, NULL,
                                        Routine, Context))) {
        if (!NT_SUCCESS(ObReferenceObjectByHandle(Handle, THREAD_ALL_ACCESS, *PsThreadType,
                                                  KernelMode, &Object, NULL))) {
            ZwWaitForSingleObject(Handle, FALSE, NULL);
            Object = NULL;
        }
        ZwClose(Handle);
    }
    return Object;
}

void CaseJoin(PVOID Object)
{
    if (Object != NULL) {
        KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(Object);
    }
}

void CaseSleep(ULONG Milliseconds)
{
    LARGE_INTEGER Interval;
    Interval.QuadPart = -(LONGLONG)Milliseconds * 10000;
    KeDelayExecutionThread(KernelMode, FALSE, &Interval);
}

/* ---- requests ---- */

static struct request *Requests[TRACKED];
static ULONG RequestCount;
static struct request CloseRequest, CommonRequest; /* of this frame */

static NTSTATUS Completed(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    struct request *Request = Context;
    UNREFERENCED_PARAMETER(Device);
    Request->Status = Irp->IoStatus.Status;
    Request->Information = Irp->IoStatus.Information;
    Request->Completions++;
    KeSetEvent(&Request->Done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

BOOLEAN RequestNew(struct request *Request)
{
    RtlZeroMemory(Request, sizeof *Request);
    KeInitializeEvent(&Request->Done, NotificationEvent, FALSE);
    Request->Irp = RequestCount < TRACKED ? IoAllocateIrp(1, FALSE) : NULL;
    if (Request->Irp != NULL) {
        Requests[RequestCount++] = Request;
    }
    return Request->Irp != NULL;
}

PIRP Fresh(struct request *Request)
{
    if (Request->Irp != NULL) {
        IoReuseIrp(Request->Irp, STATUS_UNSUCCESSFUL);
        KeClearEvent(&Request->Done);
        IoSetCompletionRoutine(Request->Irp, Completed, Request, TRUE, TRUE, TRUE);
        Request->InFlight = TRUE;
    }
    return Request->Irp;
}

NTSTATUS Finish(struct request *Request)
{
    KeWaitForSingleObject(&Request->Done, Executive, KernelMode, FALSE, NULL);
    Request->InFlight = FALSE;
    return Request->Status;
}

BOOLEAN IsDone(struct request *Request)
{
    return KeReadStateEvent(&Request->Done) != 0;
}

PIRP RequestForget(struct request *Request)
{
    PIRP Irp = Request->Irp;
    Request->Irp = NULL;
    return Irp;
}

static void EndRequests(void)
{
    for (ULONG i = 0; i < RequestCount; i++) {
        if (Requests[i]->Irp != NULL) {
            if (Requests[i]->InFlight) {
                Finish(Requests[i]);
            }
            IoFreeIrp(Requests[i]->Irp);
            Requests[i]->Irp = NULL;
        }
    }
}

/* ---- WSK ---- */

WSK_REGISTRATION CaseRegistration;
WSK_PROVIDER_NPI CaseNpi;
WSK_CLIENT_DISPATCH CaseClient = {MAKE_WSK_VERSION(1, 0), 0, NULL};
static WSK_CLIENT_NPI ClientNpi = {NULL, &CaseClient};
static BOOLEAN IsRegistered, IsCaptured;

BOOLEAN CaseWsk(void)
{
    if (!IsRegistered) {
        IsRegistered = (BOOLEAN)NT_SUCCESS(WskRegister(&ClientNpi, &CaseRegistration));
    }
    if (IsRegistered && !IsCaptured) {
        IsCaptured =
            (BOOLEAN)NT_SUCCESS(WskCaptureProviderNPI(&CaseRegistration, 10000, &CaseNpi));
    }
    return IsCaptured && (CloseRequest.Irp != NULL || RequestNew(&CloseRequest)) &&
           (CommonRequest.Irp != NULL || RequestNew(&CommonRequest));
}

void CaseWskEnd(void)
{
    if (IsCaptured) {
        IsCaptured = FALSE;
        WskReleaseProviderNPI(&CaseRegistration);
    }
    if (IsRegistered) {
        IsRegistered = FALSE;
        WskDeregister(&CaseRegistration);
    }
}

/* ---- sockets ---- */

static PWSK_SOCKET Sockets[TRACKED];

void SocketAdopt(PWSK_SOCKET Socket)
{
    for (ULONG i = 0; i < TRACKED; i++) {
        if (Sockets[i] == NULL) {
            Sockets[i] = Socket;
            return;
        }
    }
    KeBugCheckEx(MANUALLY_INITIATED_CRASH, TRACKED, 0, 0, 0);
}

void SocketForget(PWSK_SOCKET Socket)
{
    for (ULONG i = 0; i < TRACKED; i++) {
        if (Sockets[i] == Socket) {
            Sockets[i] = NULL;
        }
    }
}

static PWSK_SOCKET Create(ADDRESS_FAMILY Family, ULONG Flags, PVOID Context, const void *Dispatch)
{
    BOOLEAN IsDatagram = Flags == WSK_FLAG_DATAGRAM_SOCKET;
    CaseNpi.Dispatch->WskSocket(CaseNpi.Client, Family, IsDatagram ? SOCK_DGRAM : SOCK_STREAM,
                                IsDatagram ? IPPROTO_UDP : IPPROTO_TCP, Flags, Context, Dispatch,
                                NULL, NULL, NULL, Fresh(&CommonRequest));
    if (!NT_SUCCESS(Finish(&CommonRequest))) {
        return NULL;
    }
    SocketAdopt((PWSK_SOCKET)CommonRequest.Information);
    return (PWSK_SOCKET)CommonRequest.Information;
}

PWSK_SOCKET SocketNew(ULONG Flags, PVOID Context, const void *Dispatch)
{
    return Create(AF_INET, Flags, Context, Dispatch);
}

PWSK_SOCKET SocketNew6(ULONG Flags, PVOID Context, const void *Dispatch)
{
    return Create(AF_INET6, Flags, Context, Dispatch);
}

BOOLEAN SocketClose(PWSK_SOCKET Socket)
{
    SocketForget(Socket);
    Basic(Socket)->WskCloseSocket(Socket, Fresh(&CloseRequest));
    return (BOOLEAN)NT_SUCCESS(Finish(&CloseRequest));
}

NTSTATUS SocketBind(PWSK_SOCKET Socket, USHORT Port)
{
    static SOCKADDR_STORAGE Local;
    SOCKADDR_IN *Local4 = (SOCKADDR_IN *)&Local;
    RtlZeroMemory(&Local, sizeof Local);
    Local4->sin_family = AF_INET;
    Local4->sin_port = RtlUshortByteSwap(Port);
    Datagram(Socket)->WskBind(Socket, (PSOCKADDR)&Local, 0, Fresh(&CommonRequest));
    return Finish(&CommonRequest);
}

PWSK_SOCKET SocketConnected(const char *Address, USHORT Port, PVOID Context,
                            const WSK_CLIENT_CONNECTION_DISPATCH *Dispatch)
{
    static SOCKADDR_IN Local, Remote;
    Local = Address4("0.0.0.0", 0);
    Remote = Address4(Address, Port);
    CaseNpi.Dispatch->WskSocketConnect(CaseNpi.Client, SOCK_STREAM, IPPROTO_TCP, (PSOCKADDR)&Local,
                                       (PSOCKADDR)&Remote, 0, Context, Dispatch, NULL, NULL, NULL,
                                       Fresh(&CommonRequest));
    if (!NT_SUCCESS(Finish(&CommonRequest))) {
        return NULL;
    }
    SocketAdopt((PWSK_SOCKET)CommonRequest.Information);
    return (PWSK_SOCKET)CommonRequest.Information;
}

NTSTATUS SocketControl(PWSK_SOCKET Socket, WSK_CONTROL_SOCKET_TYPE Type, ULONG Code, ULONG Level,
                       SIZE_T InputSize, PVOID Input, SIZE_T OutputSize, PVOID Output,
                       SIZE_T *Returned)
{
    Basic(Socket)->WskControlSocket(Socket, Type, Code, Level, InputSize, Input, OutputSize, Output,
                                    NULL, Fresh(&CommonRequest));
    NTSTATUS Status = Finish(&CommonRequest);
    if (Returned != NULL) {
        *Returned = CommonRequest.Information;
    }
    return Status;
}

NTSTATUS SocketEvents(PWSK_SOCKET Socket, ULONG Mask)
{
    WSK_EVENT_CALLBACK_CONTROL Control = {&NPI_WSK_INTERFACE_ID, Mask};
    return Basic(Socket)->WskControlSocket(Socket, WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET,
                                           sizeof Control, &Control, 0, NULL, NULL, NULL);
}

static void EndSockets(void)
{
    for (ULONG i = 0; i < TRACKED; i++) {
        if (Sockets[i] != NULL) {
            (void)SocketClose(Sockets[i]);
        }
    }
}

/* ---- addresses and buffers ---- */

SOCKADDR_IN Address4(const char *Text, USHORT Port)
{
    PCSTR End;
    SOCKADDR_IN Address = {.sin_family = AF_INET, .sin_port = RtlUshortByteSwap(Port)};
    (void)RtlIpv4StringToAddressA(Text, TRUE, &End, &Address.sin_addr);
    return Address;
}

static PMDL Mdls[TRACKED];

WSK_BUF BufferNew(SIZE_T Size)
{
    WSK_BUF Buffer = {NULL, 0, Size};
    PVOID Bytes = ExAllocatePoolWithTag(NonPagedPoolNx, Size, 'esaC');
    for (ULONG i = 0; Bytes != NULL && i < TRACKED; i++) {
        if (Mdls[i] == NULL) {
            RtlZeroMemory(Bytes, Size);
            Mdls[i] = IoAllocateMdl(Bytes, (ULONG)Size, FALSE, FALSE, NULL);
            if (Mdls[i] != NULL) {
                MmBuildMdlForNonPagedPool(Mdls[i]);
                Buffer.Mdl = Mdls[i];
                return Buffer;
            }
            break;
        }
    }
    if (Bytes != NULL) {
        ExFreePoolWithTag(Bytes, 'esaC');
    }
    return Buffer;
}

void *BufferBytes(const WSK_BUF *Buffer)
{
    return MmGetSystemAddressForMdlSafe(Buffer->Mdl, NormalPagePriority | MdlMappingNoExecute);
}

static void EndBuffers(void)
{
    for (ULONG i = 0; i < TRACKED; i++) {
        if (Mdls[i] != NULL) {
            PVOID Bytes = MmGetMdlVirtualAddress(Mdls[i]);
            IoFreeMdl(Mdls[i]);
            ExFreePoolWithTag(Bytes, 'esaC');
            Mdls[i] = NULL;
        }
    }
}

/* ---- the driver ---- */

static void RunCase(void)
{
    Selected->body();
    CaseOver = TRUE;
    EndSockets();
    CaseWskEnd();
    EndRequests();
    EndBuffers();
}

static void Thread(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    RunCase();
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void Unload(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    if (Selected->place == WSKSIM_CASE_UNLOAD) {
        RunCase();
    }
    CaseJoin(CaseThreadObject);
}

static const struct wsksim_case *Find(const char *Name)
{
    for (const struct wsksim_case *c = __start_wsksim_cases; c < __stop_wsksim_cases; c++) {
        if (strcmp(c->name, Name) == 0) {
            return c;
        }
    }
    return NULL;
}

NTSTATUS DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING Path)
{
    CaseDriver = Driver;
    CasePath = Path;
    Driver->DriverUnload = Unload;
    if (Selected == NULL) {
        Selected = Find(CaseName);
        Mistaken = CaseIsMistaken;
    }
    if (Selected == NULL) {
        DbgPrint("no case: 'wsksim rules -selftest=1' runs this module\n");
        return STATUS_NOT_FOUND;
    }
    WskSimWorld.keep = Selected->keep;
    if (Selected->entry != NULL) {
        Selected->entry();
    }
    if (Selected->place == WSKSIM_CASE_ENTRY) {
        RunCase();
        return CaseEntryStatus;
    }
    if (Selected->place == WSKSIM_CASE_THREAD) {
        CaseThreadObject = CaseThread(Thread, NULL);
        return CaseThreadObject != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}
