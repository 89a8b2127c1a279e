/* SPDX-License-Identifier: MIT */
/*
 * tcp_client: asks the server 10.0.0.2:7002 one question over TCP and checks the answer, which is
 * the question sent back. A few attempts, a time limit on every step.
 *
 * How it works. A system thread runs the conversation step by step, each step being one WSK call
 * whose IRP it waits for: socket, bind, connect, send, receive until the answer is complete,
 * graceful disconnect, close. No event callbacks.
 *
 *     wait (limit) -> IoCancelIrp -> wait again (limit) -> give up: the step is "stuck"
 *
 * Cancelling asks; it does not give the IRP back. A request may ignore it, or succeed in spite of
 * it, so the thread always waits for the completion before it looks at the status or uses the IRP
 * again. If a step is stuck, its IRP stays with WSK and the conversation goes on to the close,
 * with an IRP of its own: a close aborts the connection and completes everything that is pending.
 *
 * Invariants:
 *   1. Step.Irp, the buffers and their MDLs are touched only while no step is pending.
 *   2. Each socket that WskSocket has handed out is closed once, on every path.
 *   3. The thread owns all WSK work; unload sets Stop and waits for the thread object.
 *   4. What the last close needs is allocated in DriverEntry.
 *
 * Limits: IPv4; one conversation; the answer has a fixed length.
 * Code under VARIANT_x is a planted mistake for the simulator (drivers/README.md), off by default.
 */
#include <ntifs.h> /* ntddk.h, and ZwWaitForSingleObject */
#include <wsk.h>

#define CLIENT_POOL_TAG 'tneC'
#define CLIENT_SERVER_ADDRESS 0x0a000002u /* 10.0.0.2, host order */
#define CLIENT_SERVER_PORT 7002
#define CLIENT_ATTEMPTS 3u
#define CLIENT_MESSAGE_LENGTH 64u
#define CLIENT_CONNECT_MS 2000
#define CLIENT_SEND_MS 1000
#define CLIENT_RECEIVE_MS 1000
#define CLIENT_DISCONNECT_MS 1000
#define CLIENT_CANCEL_MS 500 /* Patience after a cancel. */
#define CLIENT_RETRY_MS 250
#define CLIENT_CAPTURE_POLL_MS 100
#define CLIENT_RELATIVE_MS(ms) (-10000LL * (ms)) /* Negative: from now, in units of 100 ns. */

/* One IRP, used for one call at a time. */
typedef struct _CLIENT_REQUEST {
    PIRP Irp;
    PKEVENT Done; /* Set by the completion routine; non-paged. */
    BOOLEAN Pending;
} CLIENT_REQUEST;

typedef struct _CLIENT_EVENTS {
    KEVENT Step;
    KEVENT Close;
} CLIENT_EVENTS;

typedef struct _CLIENT_MESSAGES {
    UCHAR Question[CLIENT_MESSAGE_LENGTH];
    UCHAR Answer[CLIENT_MESSAGE_LENGTH];
} CLIENT_MESSAGES;

static struct {
    WSK_REGISTRATION Registration;
    WSK_PROVIDER_NPI Npi; /* Thread only, between capture and release. */
    PKTHREAD Thread;
    KEVENT Stop; /* Notification: unload has begun. */
#if defined(VARIANT_UNLOAD_EVENT_ONLY)
    KEVENT Finished;
#endif
    CLIENT_EVENTS *Events;     /* Set by completion routines: non-paged. */
    CLIENT_MESSAGES *Messages; /* Described by the MDLs: non-paged. */
    PMDL QuestionMdl;
    PMDL AnswerMdl;
    CLIENT_REQUEST Step;  /* Thread only: all calls but the two that must overtake it. */
    CLIENT_REQUEST Close; /* Thread only: abortive disconnect, then close. */
} Client;

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD ClientUnload;
static KSTART_ROUTINE ClientThread;
static IO_COMPLETION_ROUTINE ClientRequestComplete;

/* ---- Requests -------------------------------------------------------------------------------- */

_Use_decl_annotations_
static NTSTATUS ClientRequestComplete(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    UNREFERENCED_PARAMETER(Irp);

    KeSetEvent((PKEVENT)Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static PIRP ClientPrepare(_Inout_ CLIENT_REQUEST *Request)
{
#if !defined(VARIANT_IRP_NO_REUSE) /* MISTAKE (BUG-LIFE-06) without this call. */
    IoReuseIrp(Request->Irp, STATUS_UNSUCCESSFUL);
#endif
#if !defined(VARIANT_CLEAR_EVENT_LATE) /* MISTAKE (KBUG-21): cleared in ClientWait. */
    KeClearEvent(Request->Done);
#endif
    Request->Pending = TRUE;
#if defined(VARIANT_SUCCESS_ONLY)
    /* MISTAKE (BUG-LIFE-05): nobody sets the event when the request fails. */
    IoSetCompletionRoutine(Request->Irp, ClientRequestComplete, Request->Done, TRUE, FALSE,
        FALSE);
#else
    IoSetCompletionRoutine(Request->Irp, ClientRequestComplete, Request->Done, TRUE, TRUE, TRUE);
#endif
    return Request->Irp;
}

static NTSTATUS ClientWait(_Inout_ CLIENT_REQUEST *Request, _In_opt_ PLARGE_INTEGER Limit)
{
    NTSTATUS status;

#if defined(VARIANT_CLEAR_EVENT_LATE)
    KeClearEvent(Request->Done); /* The completion may have set it already. */
#endif
    status = KeWaitForSingleObject(Request->Done, Executive, KernelMode, FALSE, Limit);
#if defined(VARIANT_TIMEOUT_IS_SUCCESS)
    if (NT_SUCCESS(status)) { /* MISTAKE (KBUG-19): STATUS_TIMEOUT is a success code. */
        status = STATUS_SUCCESS;
    }
#endif
    if (status == STATUS_SUCCESS) {
        Request->Pending = FALSE;
    }
    return status;
}

/* Waits for a request, without limit. For requests that complete by themselves: creation, bind,
   abort, close, and what a close has completed. */
static NTSTATUS ClientFinish(_Inout_ CLIENT_REQUEST *Request)
{
    ClientWait(Request, NULL);
    return Request->Irp->IoStatus.Status;
}

/* Waits for the step with a limit. STATUS_IO_TIMEOUT with Step.Pending set: it is stuck. A
   request that succeeds in spite of the cancel has succeeded. */
static NTSTATUS ClientFinishStep(_In_ LONG Milliseconds)
{
    LARGE_INTEGER limit = {.QuadPart = CLIENT_RELATIVE_MS(Milliseconds)};
    LARGE_INTEGER cancelLimit = {.QuadPart = CLIENT_RELATIVE_MS(CLIENT_CANCEL_MS)};

    PAGED_CODE();
    if (ClientWait(&Client.Step, &limit) != STATUS_SUCCESS) {
        IoCancelIrp(Client.Step.Irp);
#if defined(VARIANT_CANCEL_NO_WAIT)
        /* MISTAKE (BUG-LIFE-59): "ready for the next step". Cancelled is not completed. */
        IoReuseIrp(Client.Step.Irp, STATUS_UNSUCCESSFUL);
        Client.Step.Pending = FALSE;
        return STATUS_IO_TIMEOUT;
#endif
        if (ClientWait(&Client.Step, &cancelLimit) != STATUS_SUCCESS) {
            return STATUS_IO_TIMEOUT;
        }
        if (Client.Step.Irp->IoStatus.Status == STATUS_CANCELLED) {
            return STATUS_IO_TIMEOUT;
        }
    }
    return Client.Step.Irp->IoStatus.Status;
}

static BOOLEAN ClientIsStopping(VOID)
{
    return KeReadStateEvent(&Client.Stop) != 0;
}

/* ---- One conversation ------------------------------------------------------------------------ */

static VOID ClientClose(_In_ PWSK_SOCKET Socket)
{
    const WSK_PROVIDER_BASIC_DISPATCH *dispatch = Socket->Dispatch;

    PAGED_CODE();
    dispatch->WskCloseSocket(Socket, ClientPrepare(&Client.Close));
    ClientFinish(&Client.Close);
    if (Client.Step.Pending) {
        ClientFinish(&Client.Step); /* The close has completed it, or is about to. */
    }
}

static NTSTATUS ClientConnect(_In_ PWSK_SOCKET Socket)
{
    const WSK_PROVIDER_CONNECTION_DISPATCH *dispatch = Socket->Dispatch;
    SOCKADDR_IN local;
    SOCKADDR_IN remote;
    NTSTATUS status = STATUS_SUCCESS;

    PAGED_CODE();
    RtlZeroMemory(&local, sizeof(local)); /* INADDR_ANY, any port */
    local.sin_family = AF_INET;
    RtlZeroMemory(&remote, sizeof(remote));
    remote.sin_family = AF_INET;
    remote.sin_port = RtlUshortByteSwap(CLIENT_SERVER_PORT);
    remote.sin_addr.s_addr = RtlUlongByteSwap(CLIENT_SERVER_ADDRESS);

#if !defined(VARIANT_CONNECT_UNBOUND) /* MISTAKE (BUG-LIFE-44) without this call. */
    dispatch->WskBind(Socket, (PSOCKADDR)&local, 0, ClientPrepare(&Client.Step));
    status = ClientFinish(&Client.Step);
#endif
    if (NT_SUCCESS(status)) {
        dispatch->WskConnect(Socket, (PSOCKADDR)&remote, 0, ClientPrepare(&Client.Step));
        status = ClientFinishStep(CLIENT_CONNECT_MS);
    }
    return status;
}

static NTSTATUS ClientSendQuestion(_In_ PWSK_SOCKET Socket)
{
    const WSK_PROVIDER_CONNECTION_DISPATCH *dispatch = Socket->Dispatch;
    WSK_BUF buffer = {Client.QuestionMdl, 0, CLIENT_MESSAGE_LENGTH};

    PAGED_CODE();
    dispatch->WskSend(Socket, &buffer, 0, ClientPrepare(&Client.Step));
    return ClientFinishStep(CLIENT_SEND_MS);
}

static NTSTATUS ClientReceive(_In_ PWSK_SOCKET Socket, _In_ ULONG Received)
{
    const WSK_PROVIDER_CONNECTION_DISPATCH *dispatch = Socket->Dispatch;
    WSK_BUF buffer = {Client.AnswerMdl, Received, CLIENT_MESSAGE_LENGTH - Received};
#if defined(VARIANT_STACK_EVENT)
    LARGE_INTEGER limit = {.QuadPart = CLIENT_RELATIVE_MS(CLIENT_RECEIVE_MS)};
    KEVENT done;
    NTSTATUS status;

    KeInitializeEvent(&done, NotificationEvent, FALSE);
    Client.Step.Done = &done;
    dispatch->WskReceive(Socket, &buffer, 0, ClientPrepare(&Client.Step));
    status = ClientWait(&Client.Step, &limit);
    Client.Step.Done = &Client.Events->Step;
    /* MISTAKE (BUG-LIFE-65): after a time-out the frame is left and the request is not over. */
    return status == STATUS_SUCCESS ? Client.Step.Irp->IoStatus.Status : STATUS_IO_TIMEOUT;
#else
    PAGED_CODE();
    dispatch->WskReceive(Socket, &buffer, 0, ClientPrepare(&Client.Step));
    return ClientFinishStep(CLIENT_RECEIVE_MS);
#endif
}

/* A receive brings any part of what was sent, so it is repeated until the answer is complete. */
static NTSTATUS ClientReceiveAnswer(_In_ PWSK_SOCKET Socket)
{
    ULONG received = 0;
    NTSTATUS status;

    PAGED_CODE();
    while (received < CLIENT_MESSAGE_LENGTH) {
        if (ClientIsStopping()) {
            return STATUS_CANCELLED;
        }
        status = ClientReceive(Socket, received);
        if (!NT_SUCCESS(status)) {
            return status;
        }
        if (Client.Step.Irp->IoStatus.Information == 0) {
            return STATUS_CONNECTION_DISCONNECTED; /* The server has finished early. */
        }
        received += (ULONG)Client.Step.Irp->IoStatus.Information;
    }
    return RtlEqualMemory(Client.Messages->Question, Client.Messages->Answer,
               CLIENT_MESSAGE_LENGTH)
        ? STATUS_SUCCESS
        : STATUS_DATA_ERROR;
}

/* Finishes the stream and waits until the transport has delivered it. When the server does not
   take it the connection is aborted, which forces the first request to complete. */
static VOID ClientDisconnect(_In_ PWSK_SOCKET Socket)
{
    const WSK_PROVIDER_CONNECTION_DISPATCH *dispatch = Socket->Dispatch;
    LARGE_INTEGER limit = {.QuadPart = CLIENT_RELATIVE_MS(CLIENT_DISCONNECT_MS)};

    PAGED_CODE();
    dispatch->WskDisconnect(Socket, NULL, 0, ClientPrepare(&Client.Step));
    if (ClientWait(&Client.Step, &limit) != STATUS_SUCCESS) {
        dispatch->WskDisconnect(Socket, NULL, WSK_FLAG_ABORTIVE, ClientPrepare(&Client.Close));
        ClientFinish(&Client.Close);
        /* Should even the abort have failed, the close completes the step. */
        ClientWait(&Client.Step, &limit);
    }
}

static NTSTATUS ClientConverse(VOID)
{
    PWSK_SOCKET socket;
    NTSTATUS status;

    PAGED_CODE();
    Client.Npi.Dispatch->WskSocket(Client.Npi.Client, AF_INET, SOCK_STREAM, IPPROTO_TCP,
        WSK_FLAG_CONNECTION_SOCKET, NULL, NULL, NULL, NULL, NULL, ClientPrepare(&Client.Step));
#if defined(VARIANT_STATUS_TOO_EARLY)
    /* MISTAKE (BUG-12): the IRP says nothing before it has completed. */
    status = Client.Step.Irp->IoStatus.Status;
    socket = (PWSK_SOCKET)Client.Step.Irp->IoStatus.Information;
    ClientFinish(&Client.Step);
#else
    status = ClientFinish(&Client.Step);
    socket = (PWSK_SOCKET)Client.Step.Irp->IoStatus.Information;
#endif
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ClientConnect(socket);
#if defined(VARIANT_CONNECT_FAILURE_LEAK)
    if (!NT_SUCCESS(status) && !Client.Step.Pending) {
        return status; /* MISTAKE (BUG-LIFE-46): the socket exists, connected or not. */
    }
#endif
    if (NT_SUCCESS(status)) {
        status = ClientSendQuestion(socket);
        if (NT_SUCCESS(status)) {
            status = ClientReceiveAnswer(socket);
        }
        if (NT_SUCCESS(status)) {
            ClientDisconnect(socket);
        }
#if defined(VARIANT_DOUBLE_CLOSE)
        if (!NT_SUCCESS(status)) {
            ClientClose(socket); /* MISTAKE (BUG-LIFE-13): the common path closes as well. */
        }
#endif
    }
    /* After a failed step the close is also the abort. */
    ClientClose(socket);
    return status;
}

/* ---- The thread ------------------------------------------------------------------------------ */

static NTSTATUS ClientCaptureProvider(VOID)
{
    LARGE_INTEGER interval = {.QuadPart = CLIENT_RELATIVE_MS(CLIENT_CAPTURE_POLL_MS)};
    NTSTATUS status;

    PAGED_CODE();
    do { /* Waiting here and not inside the capture lets an unload end the wait. */
        status = WskCaptureProviderNPI(&Client.Registration, WSK_NO_WAIT, &Client.Npi);
    } while (status == STATUS_DEVICE_NOT_READY
        && KeWaitForSingleObject(&Client.Stop, Executive, KernelMode, FALSE, &interval)
            == STATUS_TIMEOUT);
    return status;
}

_Use_decl_annotations_
static VOID ClientThread(PVOID StartContext)
{
    LARGE_INTEGER interval = {.QuadPart = CLIENT_RELATIVE_MS(CLIENT_RETRY_MS)};
    NTSTATUS status;
    ULONG attempt;

    UNREFERENCED_PARAMETER(StartContext);
    PAGED_CODE();

    status = ClientCaptureProvider();
    if (NT_SUCCESS(status)) {
        for (attempt = 0; attempt < CLIENT_ATTEMPTS && !ClientIsStopping(); attempt++) {
            status = ClientConverse();
            if (NT_SUCCESS(status)) {
                break;
            }
            KeWaitForSingleObject(&Client.Stop, Executive, KernelMode, FALSE, &interval);
        }
        DbgPrintEx(DPFLTR_IHVNETWORK_ID, DPFLTR_INFO_LEVEL, "tcp_client: %08x after %u attempts\n",
            status, attempt);
#if defined(VARIANT_NPI_LEAK)
        if (NT_SUCCESS(status)) /* MISTAKE (BUG-LIFE-46): held for ever after a failure. */
#endif
            WskReleaseProviderNPI(&Client.Registration);
    }
#if defined(VARIANT_UNLOAD_EVENT_ONLY)
    KeSetEvent(&Client.Finished, IO_NO_INCREMENT, FALSE);
#endif
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* ---- Loading and unloading ------------------------------------------------------------------- */

static NTSTATUS ClientStartThread(VOID)
{
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle;
    NTSTATUS status;

    PAGED_CODE();
    /* A kernel handle: DriverEntry may run in any process, which must not get at it. */
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    status = PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, &attributes, NULL, NULL,
        ClientThread, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode,
        (PVOID *)&Client.Thread, NULL);
    if (!NT_SUCCESS(status)) {
        /* The thread runs already; it has to be gone before this image is. */
        KeSetEvent(&Client.Stop, IO_NO_INCREMENT, FALSE);
        ZwWaitForSingleObject(handle, FALSE, NULL);
    }
    ZwClose(handle);
    return status;
}

static NTSTATUS ClientAllocate(VOID)
{
    POOL_FLAGS eventFlags = POOL_FLAG_NON_PAGED;
    ULONG i;

#if defined(VARIANT_PAGED_EVENT)
    eventFlags = POOL_FLAG_PAGED; /* MISTAKE (BUG-LIFE-64): used at DISPATCH_LEVEL. */
#endif
    Client.Step.Irp = IoAllocateIrp(1, FALSE);
    Client.Close.Irp = IoAllocateIrp(1, FALSE);
    Client.Events = ExAllocatePool2(eventFlags, sizeof(*Client.Events), CLIENT_POOL_TAG);
    Client.Messages = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*Client.Messages),
        CLIENT_POOL_TAG);
    if (Client.Step.Irp == NULL || Client.Close.Irp == NULL || Client.Events == NULL
        || Client.Messages == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    KeInitializeEvent(&Client.Events->Step, NotificationEvent, FALSE);
    KeInitializeEvent(&Client.Events->Close, NotificationEvent, FALSE);
    Client.Step.Done = &Client.Events->Step;
    Client.Close.Done = &Client.Events->Close;
    for (i = 0; i < CLIENT_MESSAGE_LENGTH; i++) {
        Client.Messages->Question[i] = (UCHAR)('A' + i % 26);
    }
    Client.QuestionMdl = IoAllocateMdl(Client.Messages->Question, CLIENT_MESSAGE_LENGTH, FALSE,
        FALSE, NULL);
    Client.AnswerMdl = IoAllocateMdl(Client.Messages->Answer, CLIENT_MESSAGE_LENGTH, FALSE, FALSE,
        NULL);
    if (Client.QuestionMdl == NULL || Client.AnswerMdl == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    MmBuildMdlForNonPagedPool(Client.QuestionMdl);
    MmBuildMdlForNonPagedPool(Client.AnswerMdl);
    return STATUS_SUCCESS;
}

static VOID ClientFree(VOID)
{
    if (Client.QuestionMdl != NULL) {
        IoFreeMdl(Client.QuestionMdl);
    }
    if (Client.AnswerMdl != NULL) {
        IoFreeMdl(Client.AnswerMdl);
    }
    if (Client.Messages != NULL) {
        ExFreePoolWithTag(Client.Messages, CLIENT_POOL_TAG);
    }
    if (Client.Events != NULL) {
        ExFreePoolWithTag(Client.Events, CLIENT_POOL_TAG);
    }
    if (Client.Step.Irp != NULL) {
        IoFreeIrp(Client.Step.Irp);
    }
    if (Client.Close.Irp != NULL) {
        IoFreeIrp(Client.Close.Irp);
    }
}

_Use_decl_annotations_
static VOID ClientUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    PAGED_CODE();

    KeSetEvent(&Client.Stop, IO_NO_INCREMENT, FALSE);
#if defined(VARIANT_UNLOAD_EVENT_ONLY)
    /* MISTAKE (KBUG-45): the thread still has to return from setting this event. */
    KeWaitForSingleObject(&Client.Finished, Executive, KernelMode, FALSE, NULL);
#else
    /* The thread object, not an event set by the thread: after setting an event the thread would
       still have instructions to run in an image that is gone. */
    KeWaitForSingleObject(Client.Thread, Executive, KernelMode, FALSE, NULL);
#endif
#if !defined(VARIANT_THREAD_REFERENCE_LEAK) /* MISTAKE (KBUG-46) without this call. */
    ObDereferenceObject(Client.Thread);
#endif
    WskDeregister(&Client.Registration);
    ClientFree();
}

static const WSK_CLIENT_DISPATCH ClientDispatch = {MAKE_WSK_VERSION(1, 0), 0, NULL};

_Use_decl_annotations_
NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    WSK_CLIENT_NPI clientNpi;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(RegistryPath);

    RtlZeroMemory(&Client, sizeof(Client));
    KeInitializeEvent(&Client.Stop, NotificationEvent, FALSE);
#if defined(VARIANT_UNLOAD_EVENT_ONLY)
    KeInitializeEvent(&Client.Finished, NotificationEvent, FALSE);
#endif
    status = ClientAllocate();
    if (NT_SUCCESS(status)) {
        clientNpi.ClientContext = NULL;
        clientNpi.Dispatch = &ClientDispatch;
        status = WskRegister(&clientNpi, &Client.Registration);
    }
    if (NT_SUCCESS(status)) {
        /* The provider may not be ready for a long time after boot: the thread captures it. */
        status = ClientStartThread();
        if (NT_SUCCESS(status)) {
            DriverObject->DriverUnload = ClientUnload;
            return STATUS_SUCCESS;
        }
        WskDeregister(&Client.Registration);
    }
    /* Unload is not called for a driver whose entry failed: everything is undone here. */
    ClientFree();
    return status;
}
