/* SPDX-License-Identifier: MIT */
/*
 * udp_responder: answers each datagram that arrives on UDP port 7001 with a header and a copy of
 * its payload.
 *
 * How it works. WskReceiveFromEvent may run on several processors at a time and at DISPATCH_LEVEL,
 * so it does no more than put the indicated list into a queue and keep it, by returning
 * STATUS_PENDING. One worker thread takes list after list, sends the answers one at a time, and
 * gives each list back with WskRelease. When the queue is full the callback refuses; because the
 * event was enabled by option, that also disables it, and the worker enables it again when there
 * is room. The transport keeps or drops what arrives meanwhile: datagrams may be lost.
 *
 * Invariants:
 *   1. A retained list is in exactly one place: the queue, or the worker's hand. All of them are
 *      released before WskCloseSocket is called.
 *   2. Once Closing is set (under the lock) the callback queues nothing more. Emptying the queue
 *      after that empties it for good, whether or not a callback is still about to return.
 *   3. Only the worker calls functions of the socket, so none can be executing at the close.
 *   4. Enabling again follows a disable that was waited for. The refusal takes effect when the
 *      callback returns; an enable that overtakes that return would be undone by it.
 *   5. IRPs, MDL and the answer's buffer are allocated in DriverEntry: no allocation afterwards.
 *
 * Limits: IPv4; one answer in flight; a payload longer than RESPONDER_MAX_PAYLOAD is cut.
 * Code under VARIANT_x is a planted mistake for the simulator (drivers/README.md), off by default.
 */
#include <ntifs.h> /* ntddk.h, and ZwWaitForSingleObject */
#include <wsk.h>

#define RESPONDER_POOL_TAG 'dpdU'
#define RESPONDER_PORT 7001
#define RESPONDER_MAX_PAYLOAD 512u
#define RESPONDER_QUEUE_DEPTH 3u /* Lists, not datagrams. Buffers are the transport's: keep few. */
#define RESPONDER_MAGIC 0x31445355u
#define RESPONDER_RETRY_MS 500
#define RESPONDER_CAPTURE_POLL_MS 100
#define RESPONDER_SEND_MS 1000
#define RESPONDER_RELATIVE_MS(ms) (-10000LL * (ms)) /* Negative: from now, in units of 100 ns. */

typedef struct _RESPONDER_ANSWER {
    ULONG Magic;
    ULONG Sequence;
    ULONG PayloadLength; /* Of the request, before cutting. */
    UCHAR Payload[RESPONDER_MAX_PAYLOAD];
} RESPONDER_ANSWER;

/* A request of the worker thread: one IRP, used for one call at a time. */
typedef struct _RESPONDER_REQUEST {
    PIRP Irp;
    KEVENT Done;
} RESPONDER_REQUEST;

static struct {
    WSK_REGISTRATION Registration;
    WSK_PROVIDER_NPI Npi; /* Worker only, between capture and release. */
    PKTHREAD Thread;
    KEVENT Stop; /* Notification: unload has begun. */
    KEVENT Work; /* Synchronization: a list, a refusal, or a death was noted. */
    RESPONDER_REQUEST Request; /* Worker only. */
    RESPONDER_ANSWER *Answer;  /* Worker only; non-paged, described by AnswerMdl. */
    PMDL AnswerMdl;
    SOCKADDR_IN Peer; /* Worker only: the address of the answer in flight. */
    ULONG Sequence;
    PWSK_SOCKET Socket; /* Worker only. */
    const WSK_PROVIDER_DATAGRAM_DISPATCH *Dispatch;

    KSPIN_LOCK Lock; /* For all that follows. */
    BOOLEAN Closing; /* The callback keeps nothing any more. */
    BOOLEAN Dead;    /* The socket was forced closed. */
    BOOLEAN Refused; /* The callback has refused a list: the event is off, or about to be. */
    ULONG Queued;
    ULONG First;
    PWSK_DATAGRAM_INDICATION Queue[RESPONDER_QUEUE_DEPTH];
} Responder;

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD ResponderUnload;
static KSTART_ROUTINE ResponderWorker;
static IO_COMPLETION_ROUTINE ResponderRequestComplete;

/* ---- The callback ---------------------------------------------------------------------------- */

static VOID ResponderMarkDead(VOID)
{
    KIRQL irql;

    KeAcquireSpinLock(&Responder.Lock, &irql);
    Responder.Dead = TRUE;
    KeReleaseSpinLock(&Responder.Lock, irql);
}

static BOOLEAN ResponderIsDead(VOID)
{
    BOOLEAN dead;
    KIRQL irql;

    KeAcquireSpinLock(&Responder.Lock, &irql);
    dead = Responder.Dead;
    KeReleaseSpinLock(&Responder.Lock, irql);
    return dead;
}

#if defined(VARIANT_UNLOCKED_QUEUE)
/* MISTAKE (BUG-LIFE-56): no lock, as if the callback were serial. */
static BOOLEAN ResponderEnqueue(_In_ PWSK_DATAGRAM_INDICATION List)
{
    ULONG queued = Responder.Queued;

    if (Responder.Closing || queued == RESPONDER_QUEUE_DEPTH) {
        Responder.Refused = TRUE;
        return FALSE;
    }
    Responder.Queue[(Responder.First + queued) % RESPONDER_QUEUE_DEPTH] = List;
    InterlockedIncrement((LONG volatile *)&Responder.Queued);
    return TRUE;
}
#else
static BOOLEAN ResponderEnqueue(_In_ PWSK_DATAGRAM_INDICATION List)
{
    BOOLEAN kept = FALSE;
    KIRQL irql;

    KeAcquireSpinLock(&Responder.Lock, &irql);
    if (!Responder.Closing && Responder.Queued < RESPONDER_QUEUE_DEPTH) {
        Responder.Queue[(Responder.First + Responder.Queued) % RESPONDER_QUEUE_DEPTH] = List;
        Responder.Queued += 1;
        kept = TRUE;
    } else {
        Responder.Refused = TRUE;
    }
    KeReleaseSpinLock(&Responder.Lock, irql);
    return kept;
}
#endif

#if defined(VARIANT_CALLBACK_DISABLES)
/* MISTAKE (BUG-04): disables the event whose callback this is, and waits for that here. */
static VOID ResponderDisableInsideCallback(VOID)
{
    WSK_EVENT_CALLBACK_CONTROL control = {&NPI_WSK_INTERFACE_ID,
        WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE};
    KEVENT done;
    PIRP irp = IoAllocateIrp(1, FALSE);

    if (irp != NULL) {
        KeInitializeEvent(&done, NotificationEvent, FALSE);
        IoSetCompletionRoutine(irp, ResponderRequestComplete, &done, TRUE, TRUE, TRUE);
        Responder.Dispatch->WskControlSocket(Responder.Socket, WskSetOption,
            SO_WSK_EVENT_CALLBACK, SOL_SOCKET, sizeof(control), &control, 0, NULL, NULL, irp);
        KeWaitForSingleObject(&done, Executive, KernelMode, FALSE, NULL);
        IoFreeIrp(irp);
    }
}
#endif

static NTSTATUS WSKAPI ResponderReceiveFromEvent(_In_opt_ PVOID SocketContext, _In_ ULONG Flags,
    _In_opt_ PWSK_DATAGRAM_INDICATION DataIndication)
{
    NTSTATUS status = STATUS_SUCCESS;

    UNREFERENCED_PARAMETER(SocketContext);
    UNREFERENCED_PARAMETER(Flags);

    if (DataIndication == NULL) {
        ResponderMarkDead();
    } else if (ResponderEnqueue(DataIndication)) {
        /* The worker may have answered and released the list already; the answer stays right. */
        status = STATUS_PENDING;
#if defined(VARIANT_SUCCESS_RETAINS)
        status = STATUS_SUCCESS; /* MISTAKE (BUG-LIFE-20): gives back what is in the queue. */
#endif
#if defined(VARIANT_CALLBACK_DISABLES)
        ResponderDisableInsideCallback(); /* "One list at a time." */
#endif
    } else {
        status = STATUS_DATA_NOT_ACCEPTED;
    }
    KeSetEvent(&Responder.Work, IO_NO_INCREMENT, FALSE);
    return status;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH ResponderDispatch = {ResponderReceiveFromEvent};

/* ---- Requests of the worker thread ----------------------------------------------------------- */

_Use_decl_annotations_
static NTSTATUS ResponderRequestComplete(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    UNREFERENCED_PARAMETER(Irp);

    KeSetEvent((PKEVENT)Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static PIRP ResponderPrepareRequest(VOID)
{
    IoReuseIrp(Responder.Request.Irp, STATUS_UNSUCCESSFUL);
    KeClearEvent(&Responder.Request.Done);
    IoSetCompletionRoutine(Responder.Request.Irp, ResponderRequestComplete,
        &Responder.Request.Done, TRUE, TRUE, TRUE);
    return Responder.Request.Irp;
}

/* Whatever a WSK function returned, its IRP completes exactly once. Waiting for that in every
   case avoids a second, rarely tested path. */
static NTSTATUS ResponderFinishRequest(VOID)
{
    KeWaitForSingleObject(&Responder.Request.Done, Executive, KernelMode, FALSE, NULL);
    return Responder.Request.Irp->IoStatus.Status;
}

static NTSTATUS ResponderEnable(VOID)
{
    WSK_EVENT_CALLBACK_CONTROL control = {&NPI_WSK_INTERFACE_ID, WSK_EVENT_RECEIVE_FROM};

    PAGED_CODE();
    return Responder.Dispatch->WskControlSocket(Responder.Socket, WskSetOption,
        SO_WSK_EVENT_CALLBACK, SOL_SOCKET, sizeof(control), &control, 0, NULL, NULL, NULL);
}

/* Returns when every callback that was running has returned. With an IRP the answer cannot be
   STATUS_EVENT_PENDING, after which nobody would tell us. */
static NTSTATUS ResponderDisable(VOID)
{
    WSK_EVENT_CALLBACK_CONTROL control = {&NPI_WSK_INTERFACE_ID,
        WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE};

    PAGED_CODE();
    Responder.Dispatch->WskControlSocket(Responder.Socket, WskSetOption, SO_WSK_EVENT_CALLBACK,
        SOL_SOCKET, sizeof(control), &control, 0, NULL, NULL, ResponderPrepareRequest());
    return ResponderFinishRequest();
}

/* ---- Answers --------------------------------------------------------------------------------- */

static PWSK_DATAGRAM_INDICATION ResponderDequeue(VOID)
{
    PWSK_DATAGRAM_INDICATION list = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&Responder.Lock, &irql);
    if (Responder.Queued != 0) {
        list = Responder.Queue[Responder.First];
        Responder.First = (Responder.First + 1) % RESPONDER_QUEUE_DEPTH;
        Responder.Queued -= 1;
    }
    KeReleaseSpinLock(&Responder.Lock, irql);
    return list;
}

/* Copies what fits, walking the chain of MDLs. FALSE if the system is short of page table
   entries. An empty datagram may come without an MDL. */
static BOOLEAN ResponderCopyPayload(_In_ PWSK_DATAGRAM_INDICATION Datagram, _Out_ SIZE_T *Copied)
{
    PMDL mdl = Datagram->Buffer.Mdl;
    SIZE_T offset = Datagram->Buffer.Offset;
    SIZE_T left = Datagram->Buffer.Length;

    *Copied = 0;
    if (left > RESPONDER_MAX_PAYLOAD) {
        left = RESPONDER_MAX_PAYLOAD;
    }
    for (; left != 0 && mdl != NULL; mdl = mdl->Next) {
        SIZE_T here = MmGetMdlByteCount(mdl) - offset;
        SIZE_T chunk = here < left ? here : left;
        PUCHAR source = MmGetSystemAddressForMdlSafe(mdl,
            NormalPagePriority | MdlMappingNoExecute);

        if (source == NULL) {
            return FALSE;
        }
        RtlCopyMemory(Responder.Answer->Payload + *Copied, source + offset, chunk);
        *Copied += chunk;
        left -= chunk;
        offset = 0;
    }
    return TRUE;
}

/* Sends one answer and waits until its buffer is ours again. */
static NTSTATUS ResponderAnswerOne(_In_ PWSK_DATAGRAM_INDICATION Datagram)
{
    LARGE_INTEGER timeout = {.QuadPart = RESPONDER_RELATIVE_MS(RESPONDER_SEND_MS)};
    SIZE_T copied;
    WSK_BUF buffer;
    NTSTATUS status;

    PAGED_CODE();
    if (!ResponderCopyPayload(Datagram, &copied)) {
        return STATUS_INSUFFICIENT_RESOURCES; /* No answer: to the peer it looks like a loss. */
    }
    Responder.Answer->Magic = RESPONDER_MAGIC;
    Responder.Answer->Sequence = Responder.Sequence++;
    Responder.Answer->PayloadLength = (ULONG)Datagram->Buffer.Length;
    RtlCopyMemory(&Responder.Peer, Datagram->RemoteAddress, sizeof(Responder.Peer));

    buffer.Mdl = Responder.AnswerMdl;
    buffer.Offset = 0;
    buffer.Length = FIELD_OFFSET(RESPONDER_ANSWER, Payload) + copied;
#if defined(VARIANT_LENGTH_BEYOND_MDL)
    /* MISTAKE (BUG-LIFE-29): the size of the structure counts the payload already. */
    buffer.Length = sizeof(RESPONDER_ANSWER) + copied;
#endif
    Responder.Dispatch->WskSendTo(Responder.Socket, &buffer, 0, (PSOCKADDR)&Responder.Peer, 0,
        NULL, ResponderPrepareRequest());
    status = KeWaitForSingleObject(&Responder.Request.Done, Executive, KernelMode, FALSE,
        &timeout);
    if (status != STATUS_SUCCESS) {
        /* Whatever the cancel says, the IRP and the buffer come back only with completion. */
        IoCancelIrp(Responder.Request.Irp);
    }
    return ResponderFinishRequest();
}

static VOID ResponderAnswerList(_In_ PWSK_DATAGRAM_INDICATION List)
{
    PWSK_DATAGRAM_INDICATION datagram;

    for (datagram = List; datagram != NULL && KeReadStateEvent(&Responder.Stop) == 0;
         datagram = datagram->Next) {
        if (ResponderAnswerOne(datagram) == STATUS_FILE_FORCED_CLOSED) {
            ResponderMarkDead();
            break;
        }
    }
    Responder.Dispatch->WskRelease(Responder.Socket, List);
#if defined(VARIANT_DOUBLE_RELEASE)
    if (datagram == NULL) { /* MISTAKE (BUG-LIFE-18): "all answered: give the list back". */
        Responder.Dispatch->WskRelease(Responder.Socket, List);
    }
#endif
}

#if !defined(VARIANT_CLOSE_RETAINED)
static VOID ResponderReleaseQueue(VOID)
{
    PWSK_DATAGRAM_INDICATION list;

    while ((list = ResponderDequeue()) != NULL) {
        Responder.Dispatch->WskRelease(Responder.Socket, list);
    }
}
#endif

/* ---- The socket ------------------------------------------------------------------------------ */

static VOID ResponderClose(VOID)
{
#if defined(VARIANT_RELEASE_BEFORE_DISABLE)
    ResponderReleaseQueue(); /* MISTAKE (BUG-LIFE-17): callbacks still fill the queue. */
#else
    KIRQL irql;

    KeAcquireSpinLock(&Responder.Lock, &irql);
    Responder.Closing = TRUE;
    KeReleaseSpinLock(&Responder.Lock, irql);
#endif
    if (!ResponderIsDead()) {
        /* Not needed to be safe (the close waits for callbacks, and Closing stops the queue), but
           it spares the transport indications that would only be refused. */
        ResponderDisable();
    }
#if !defined(VARIANT_CLOSE_RETAINED) && !defined(VARIANT_RELEASE_AFTER_CLOSE) \
    && !defined(VARIANT_RELEASE_BEFORE_DISABLE)
    ResponderReleaseQueue();
#endif
    Responder.Dispatch->WskCloseSocket(Responder.Socket, ResponderPrepareRequest());
    ResponderFinishRequest();
#if defined(VARIANT_CLOSE_RETAINED)
    Responder.Queued = 0; /* MISTAKE (BUG-20): "the close gives the lists back". */
#endif
#if defined(VARIANT_RELEASE_AFTER_CLOSE)
    ResponderReleaseQueue(); /* MISTAKE (BUG-17, BUG-20): released on a socket that is gone. */
#endif
    /* No callback runs any more: the next socket starts afresh. */
    Responder.Socket = NULL;
    Responder.Closing = FALSE;
    Responder.Dead = FALSE;
    Responder.Refused = FALSE;
}

static NTSTATUS ResponderOpen(VOID)
{
    SOCKADDR_IN address;
    NTSTATUS status;

    PAGED_CODE();
    Responder.Npi.Dispatch->WskSocket(Responder.Npi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
        WSK_FLAG_DATAGRAM_SOCKET, &Responder, &ResponderDispatch, NULL, NULL, NULL,
        ResponderPrepareRequest());
    status = ResponderFinishRequest();
    if (!NT_SUCCESS(status)) {
        return status;
    }
    Responder.Socket = (PWSK_SOCKET)Responder.Request.Irp->IoStatus.Information;
    Responder.Dispatch = Responder.Socket->Dispatch;
#if defined(VARIANT_ENABLE_BEFORE_BIND)
    ResponderEnable(); /* MISTAKE (BUG-LIFE-39): not bound yet. */
#endif
    RtlZeroMemory(&address, sizeof(address)); /* INADDR_ANY */
    address.sin_family = AF_INET;
    address.sin_port = RtlUshortByteSwap(RESPONDER_PORT);
    Responder.Dispatch->WskBind(Responder.Socket, (PSOCKADDR)&address, 0,
        ResponderPrepareRequest());
    status = ResponderFinishRequest();
#if !defined(VARIANT_ENABLE_BEFORE_BIND)
    if (NT_SUCCESS(status)) {
        /* The callback may run before this returns; everything it uses is ready. */
        status = ResponderEnable();
    }
#endif
    if (!NT_SUCCESS(status)) {
        DbgPrintEx(DPFLTR_IHVNETWORK_ID, DPFLTR_ERROR_LEVEL, "udp_responder: no socket: %08x\n",
            status);
        Responder.Dispatch->WskCloseSocket(Responder.Socket, ResponderPrepareRequest());
        ResponderFinishRequest();
        Responder.Socket = NULL;
    }
    return status;
}

/* A failure means that the socket is of no use any more. Not pageable: takes a spin lock. */
static NTSTATUS ResponderService(VOID)
{
    PWSK_DATAGRAM_INDICATION list;
    NTSTATUS status = STATUS_SUCCESS;
    BOOLEAN refused;
    KIRQL irql;

    while (KeReadStateEvent(&Responder.Stop) == 0) {
        if (ResponderIsDead()) {
            return STATUS_FILE_FORCED_CLOSED;
        }
        list = ResponderDequeue();
        if (list == NULL) {
            break;
        }
        ResponderAnswerList(list);
    }
    KeAcquireSpinLock(&Responder.Lock, &irql);
    refused = Responder.Refused;
    Responder.Refused = FALSE;
    KeReleaseSpinLock(&Responder.Lock, irql);

    if (refused) {
        status = ResponderDisable();
        if (NT_SUCCESS(status)) {
            status = ResponderEnable();
        }
        if (status == STATUS_FILE_FORCED_CLOSED) {
            ResponderMarkDead();
        }
    }
    return status;
}

/* ---- The worker ------------------------------------------------------------------------------ */

static NTSTATUS ResponderCaptureProvider(VOID)
{
    LARGE_INTEGER interval = {.QuadPart = RESPONDER_RELATIVE_MS(RESPONDER_CAPTURE_POLL_MS)};
    NTSTATUS status;

    PAGED_CODE();
    do { /* Waiting here and not inside the capture lets an unload end the wait. */
        status = WskCaptureProviderNPI(&Responder.Registration, WSK_NO_WAIT, &Responder.Npi);
    } while (status == STATUS_DEVICE_NOT_READY
        && KeWaitForSingleObject(&Responder.Stop, Executive, KernelMode, FALSE, &interval)
            == STATUS_TIMEOUT);
    return status;
}

static VOID ResponderServe(VOID)
{
    PVOID objects[] = {&Responder.Stop, &Responder.Work};
    LARGE_INTEGER retry = {.QuadPart = RESPONDER_RELATIVE_MS(RESPONDER_RETRY_MS)};
    NTSTATUS status;

    PAGED_CODE();
    do {
        if (Responder.Socket == NULL) {
            ResponderOpen();
        }
        status = KeWaitForMultipleObjects(RTL_NUMBER_OF(objects), objects, WaitAny, Executive,
            KernelMode, FALSE, Responder.Socket == NULL ? &retry : NULL, NULL);
        if (Responder.Socket != NULL && !NT_SUCCESS(ResponderService())) {
            ResponderClose();
        }
    } while (status != STATUS_WAIT_0);

    if (Responder.Socket != NULL) {
        ResponderClose();
    }
}

_Use_decl_annotations_
static VOID ResponderWorker(PVOID StartContext)
{
    UNREFERENCED_PARAMETER(StartContext);
    PAGED_CODE();

    if (NT_SUCCESS(ResponderCaptureProvider())) {
        ResponderServe();
        WskReleaseProviderNPI(&Responder.Registration);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* ---- Loading and unloading ------------------------------------------------------------------- */

static NTSTATUS ResponderStartWorker(VOID)
{
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle;
    NTSTATUS status;

    PAGED_CODE();
    /* A kernel handle: DriverEntry may run in any process, which must not get at it. */
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    status = PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, &attributes, NULL, NULL,
        ResponderWorker, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode,
        (PVOID *)&Responder.Thread, NULL);
    if (!NT_SUCCESS(status)) {
        /* The thread runs already; it has to be gone before this image is. */
        KeSetEvent(&Responder.Stop, IO_NO_INCREMENT, FALSE);
        ZwWaitForSingleObject(handle, FALSE, NULL);
    }
    ZwClose(handle);
    return status;
}

static NTSTATUS ResponderAllocate(VOID)
{
    Responder.Request.Irp = IoAllocateIrp(1, FALSE);
    Responder.Answer = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*Responder.Answer),
        RESPONDER_POOL_TAG);
    if (Responder.Request.Irp == NULL || Responder.Answer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Responder.AnswerMdl = IoAllocateMdl(Responder.Answer, sizeof(*Responder.Answer), FALSE, FALSE,
        NULL);
    if (Responder.AnswerMdl == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    MmBuildMdlForNonPagedPool(Responder.AnswerMdl);
    return STATUS_SUCCESS;
}

static VOID ResponderFree(VOID)
{
    if (Responder.AnswerMdl != NULL) {
        IoFreeMdl(Responder.AnswerMdl);
    }
    if (Responder.Answer != NULL) {
        ExFreePoolWithTag(Responder.Answer, RESPONDER_POOL_TAG);
    }
    if (Responder.Request.Irp != NULL) {
        IoFreeIrp(Responder.Request.Irp);
    }
}

_Use_decl_annotations_
static VOID ResponderUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    PAGED_CODE();

    KeSetEvent(&Responder.Stop, IO_NO_INCREMENT, FALSE);
    /* The thread object, not an event set by the thread: after setting an event the thread would
       still have instructions to run in an image that is gone. */
    KeWaitForSingleObject(Responder.Thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(Responder.Thread);
    WskDeregister(&Responder.Registration);
    ResponderFree();
}

static const WSK_CLIENT_DISPATCH ResponderClientDispatch = {MAKE_WSK_VERSION(1, 0), 0, NULL};

_Use_decl_annotations_
NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    WSK_CLIENT_NPI clientNpi;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(RegistryPath);

    RtlZeroMemory(&Responder, sizeof(Responder));
    KeInitializeEvent(&Responder.Stop, NotificationEvent, FALSE);
    KeInitializeEvent(&Responder.Work, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Responder.Request.Done, NotificationEvent, FALSE);
    KeInitializeSpinLock(&Responder.Lock);

    status = ResponderAllocate();
    if (NT_SUCCESS(status)) {
        clientNpi.ClientContext = NULL;
        clientNpi.Dispatch = &ResponderClientDispatch;
        status = WskRegister(&clientNpi, &Responder.Registration);
    }
    if (NT_SUCCESS(status)) {
        /* The provider may not be ready for a long time after boot: the worker captures it. */
        status = ResponderStartWorker();
        if (NT_SUCCESS(status)) {
            DriverObject->DriverUnload = ResponderUnload;
            return STATUS_SUCCESS;
        }
#if !defined(VARIANT_ENTRY_NO_DEREGISTER) /* MISTAKE (BUG-LIFE-61) without this call. */
        WskDeregister(&Responder.Registration);
#endif
    }
    /* Unload is not called for a driver whose entry failed: everything is undone here. */
    ResponderFree();
    return status;
}
