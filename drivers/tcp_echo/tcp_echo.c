/* SPDX-License-Identifier: MIT */
/*
 * tcp_echo: a kernel-mode TCP echo server on port 7000, built on Winsock Kernel event callbacks.
 *
 * How it works. Three parties share the work:
 *   - callbacks (accept, receive, disconnect) run in any thread at any IRQL up to DISPATCH_LEVEL.
 *     They never wait; they copy data, start sends, or leave a note in Connection->Notes.
 *   - completion routines of sends run anywhere as well. They free the send and leave notes.
 *   - one worker thread at PASSIVE_LEVEL opens and closes every socket and acts on the notes. It
 *     is the only code that waits, and the only code that closes.
 *
 * Life of a connection: accepted -> echoing (callbacks) -> note left -> socket unused -> callbacks
 * disabled -> disconnected -> closed, and waited for -> freed.
 *
 * Invariants:
 *   1. A connection's memory lives until the close of its socket has completed and its last send
 *      has been freed: the socket holds one reference, each send holds one.
 *   2. WskCloseSocket is entered only when no other function of the socket is executing.
 *      Callbacks enter and leave the socket; the worker waits until it is unused first. The disable
 *      alone would not do: on a socket that was forced closed it fails, and says nothing about
 *      callbacks that are still inside WskSend.
 *   3. Connections are swept only after the listener's close has completed, so none can be
 *      accepted behind the sweep.
 *   4. No spin lock is held over a WSK call: its completion may run inline and take the lock.
 *   5. Everything needed to tear down is allocated in DriverEntry; closing cannot fail for want
 *      of memory.
 *
 * Limits: IPv4 only; a connection that cannot get memory is dropped, not throttled.
 * Code under VARIANT_x is a planted mistake for the simulator (drivers/README.md), off by default.
 */
#include <ntifs.h> /* ntddk.h, and ZwWaitForSingleObject */
#include <wsk.h>

#define ECHO_POOL_TAG 'ohcE'
#define ECHO_PORT 7000
/* Receiving is paused above the high mark and resumed at the low one. A page is plenty: the
   transport's own window holds the rest. */
#define ECHO_HIGH_WATER 4096u
#define ECHO_LOW_WATER 1024u
#define ECHO_MAX_INDICATION (16u * 1024u * 1024u) /* No sane window is larger. */
#define ECHO_RETRY_MS 500
#define ECHO_CAPTURE_POLL_MS 100
#define ECHO_DISCONNECT_MS 2000
#define ECHO_RELATIVE_MS(ms) (-10000LL * (ms)) /* Negative: from now, in units of 100 ns. */

/* Notes to the worker. */
#define ECHO_PEER_FINISHED 0x01 /* The peer finished sending: finish too, then close. */
#define ECHO_FAILED 0x02        /* Aborted, or out of memory: close without ceremony. */
#define ECHO_DEAD 0x04          /* Forced closed: close, and call nothing else before. */
#define ECHO_FLOW 0x08          /* The outstanding bytes crossed a water mark. */

/* A request of the worker thread: one IRP, used for one call at a time. */
typedef struct _ECHO_REQUEST {
    PIRP Irp;
    KEVENT Done;
} ECHO_REQUEST;

typedef struct _ECHO_CONNECTION {
    LIST_ENTRY Link; /* Server.Lock */
    PWSK_SOCKET Socket;
    const WSK_PROVIDER_CONNECTION_DISPATCH *Dispatch;
    LONG volatile SocketUsers; /* Callbacks inside the socket, and 1 until it is run down. */
    KEVENT SocketUnused;       /* Notification: SocketUsers has become 0. */
    LONG volatile References;  /* The socket, and each send in flight. */
    LONG volatile Notes;       /* ECHO_PEER_FINISHED ... ECHO_FLOW */
    LONG volatile ReceiveEvents;
    LONG volatile BytesEchoed;
    KSPIN_LOCK Lock;
    SIZE_T volatile Outstanding; /* Bytes in sends not completed; changed under Lock. */
    BOOLEAN Paused; /* Worker only: receive events are disabled for flow control. */
} ECHO_CONNECTION;

typedef struct _ECHO_SEND {
    ECHO_CONNECTION *Connection;
    PIRP Irp;
    PMDL Mdl;
    ULONG Length;
    UCHAR Data[ANYSIZE_ARRAY];
} ECHO_SEND;

static struct {
    WSK_REGISTRATION Registration;
    WSK_PROVIDER_NPI Npi; /* Worker only, between capture and release. */
    PKTHREAD Thread;
    KEVENT Stop;          /* Notification: unload has begun. */
    KEVENT Work;          /* Synchronization: there are notes to read. */
    ECHO_REQUEST Request; /* Worker only: every call but the close. */
    ECHO_REQUEST Close;   /* Worker only: a close may overtake a stalled disconnect. */
    PWSK_SOCKET Listener; /* Worker only. */
    LONG volatile ListenerDead;
    EX_RUNDOWN_REF Connections; /* One for each ECHO_CONNECTION in memory. */
    KSPIN_LOCK Lock;
    LIST_ENTRY ConnectionList; /* Lock */
} Server;

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD EchoUnload;
static KSTART_ROUTINE EchoWorker;
static IO_COMPLETION_ROUTINE EchoRequestComplete;
static IO_COMPLETION_ROUTINE EchoSendComplete;

/* ---- Requests of the worker thread --------------------------------------------------------- */

static NTSTATUS EchoRequestComplete(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    UNREFERENCED_PARAMETER(Irp);

    KeSetEvent((PKEVENT)Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static PIRP EchoPrepareRequest(_Inout_ ECHO_REQUEST *Request)
{
    IoReuseIrp(Request->Irp, STATUS_UNSUCCESSFUL);
    KeClearEvent(&Request->Done);
    IoSetCompletionRoutine(Request->Irp, EchoRequestComplete, &Request->Done, TRUE, TRUE, TRUE);
    return Request->Irp;
}

/* Whatever a WSK function returned, its IRP completes exactly once. Waiting for that in every
   case avoids a second, rarely tested path. */
static NTSTATUS EchoFinishRequest(_In_ ECHO_REQUEST *Request)
{
    KeWaitForSingleObject(&Request->Done, Executive, KernelMode, FALSE, NULL);
    return Request->Irp->IoStatus.Status;
}

/* Enabling takes no request and is finished on return. Disabling takes one, and returns when the
   callbacks have: without an IRP the answer may be STATUS_EVENT_PENDING, which passes for success
   although callbacks still run, and nobody is told when the last of them has returned. */
static NTSTATUS EchoSetEvents(_In_ PWSK_SOCKET Socket, _In_ ULONG Mask,
    _In_opt_ ECHO_REQUEST *Request)
{
    const WSK_PROVIDER_BASIC_DISPATCH *dispatch = Socket->Dispatch;
    WSK_EVENT_CALLBACK_CONTROL control; /* Read until the request completes: we wait for that. */
    NTSTATUS status;

    PAGED_CODE();
    control.NpiId = &NPI_WSK_INTERFACE_ID;
    control.EventMask = Mask;
    status = dispatch->WskControlSocket(Socket, WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET,
        sizeof(control), &control, 0, NULL, NULL,
        Request == NULL ? NULL : EchoPrepareRequest(Request));
    return Request == NULL ? status : EchoFinishRequest(Request);
}

static VOID EchoCloseSocket(_In_ PWSK_SOCKET Socket)
{
    const WSK_PROVIDER_BASIC_DISPATCH *dispatch = Socket->Dispatch;

    PAGED_CODE();
    dispatch->WskCloseSocket(Socket, EchoPrepareRequest(&Server.Close));
    EchoFinishRequest(&Server.Close);
}

/* ---- Connections: what callbacks and completion routines do -------------------------------- */

static VOID EchoNote(_Inout_ ECHO_CONNECTION *Connection, _In_ LONG Note)
{
    InterlockedOr(&Connection->Notes, Note);
    KeSetEvent(&Server.Work, IO_NO_INCREMENT, FALSE);
}

static VOID EchoDereference(_In_ ECHO_CONNECTION *Connection)
{
    if (InterlockedDecrement(&Connection->References) == 0) {
        ExFreePoolWithTag(Connection, ECHO_POOL_TAG);
        ExReleaseRundownProtection(&Server.Connections);
    }
}

/* Like EX_RUNDOWN_REF, which must be initialised below DISPATCH_LEVEL: not in WskAcceptEvent. */
static BOOLEAN EchoEnterSocket(_Inout_ ECHO_CONNECTION *Connection)
{
    LONG users = Connection->SocketUsers;
    LONG expected = 0;

    while (users != 0 && users != expected) {
        expected = users;
        users = InterlockedCompareExchange(&Connection->SocketUsers, expected + 1, expected);
    }
    return users != 0;
}

static VOID EchoLeaveSocket(_Inout_ ECHO_CONNECTION *Connection)
{
    if (InterlockedDecrement(&Connection->SocketUsers) == 0) {
        KeSetEvent(&Connection->SocketUnused, IO_NO_INCREMENT, FALSE);
    }
}

static ECHO_CONNECTION *EchoCreateConnection(_In_ PWSK_SOCKET Socket)
{
    ECHO_CONNECTION *connection;

    connection = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*connection), ECHO_POOL_TAG);
    if (connection == NULL) {
        return NULL;
    }
    if (!ExAcquireRundownProtection(&Server.Connections)) {
        ExFreePoolWithTag(connection, ECHO_POOL_TAG);
        return NULL;
    }
    connection->Socket = Socket;
    connection->Dispatch = Socket->Dispatch;
    connection->References = 1;
    connection->SocketUsers = 1;
    KeInitializeEvent(&connection->SocketUnused, NotificationEvent, FALSE);
    KeInitializeSpinLock(&connection->Lock);
    return connection;
}

static VOID EchoFreeSend(_In_ ECHO_SEND *Send)
{
    if (Send->Irp != NULL) {
        IoFreeIrp(Send->Irp);
    }
    if (Send->Mdl != NULL) {
        IoFreeMdl(Send->Mdl);
    }
    ExFreePoolWithTag(Send, ECHO_POOL_TAG);
}

/* Copies an indication: a list of chains of MDLs, the data of each starting at an offset. */
static BOOLEAN EchoCopyIndication(_In_ PWSK_DATA_INDICATION List,
    _Out_writes_bytes_(Length) PUCHAR Target, _In_ SIZE_T Length)
{
    for (; List != NULL; List = List->Next) {
        PMDL mdl = List->Buffer.Mdl;
        SIZE_T offset = List->Buffer.Offset;
        SIZE_T left = List->Buffer.Length;

        for (; left != 0 && mdl != NULL; mdl = mdl->Next) {
            SIZE_T here = MmGetMdlByteCount(mdl) - offset;
            SIZE_T chunk = here < left ? here : left;
            PUCHAR source = MmGetSystemAddressForMdlSafe(mdl,
                NormalPagePriority | MdlMappingNoExecute);

            if (source == NULL || chunk > Length) {
                return FALSE; /* NULL: the system is short of page table entries. */
            }
            RtlCopyMemory(Target, source + offset, chunk);
            Target += chunk;
            Length -= chunk;
            left -= chunk;
            offset = 0;
        }
    }
    return Length == 0;
}

static ECHO_SEND *EchoCreateSend(_In_ ECHO_CONNECTION *Connection,
    _In_ PWSK_DATA_INDICATION List, _In_ SIZE_T Length)
{
    ECHO_SEND *send;

    if (Length == 0 || Length > ECHO_MAX_INDICATION) {
        return NULL;
    }
    send = ExAllocatePool2(POOL_FLAG_NON_PAGED, FIELD_OFFSET(ECHO_SEND, Data) + Length,
        ECHO_POOL_TAG);
    if (send == NULL) {
        return NULL;
    }
    send->Connection = Connection;
    send->Length = (ULONG)Length;
    send->Mdl = IoAllocateMdl(send->Data, send->Length, FALSE, FALSE, NULL);
    send->Irp = IoAllocateIrp(1, FALSE);
#if defined(VARIANT_LEAK_ON_FAILURE)
    if (send->Irp == NULL) {
        return NULL; /* MISTAKE (KBUG-38): the buffer and the MDL are forgotten. */
    }
#endif
    if (send->Mdl == NULL || send->Irp == NULL
        || !EchoCopyIndication(List, send->Data, Length)) {
        EchoFreeSend(send);
        return NULL;
    }
    MmBuildMdlForNonPagedPool(send->Mdl);
    return send;
}

/* Called inside the receive callback, inside EchoEnterSocket. Receive callbacks of one socket are
   serial, so the sends go out in the order of the data. */
static VOID EchoSubmitSend(_In_ ECHO_SEND *Send)
{
    ECHO_CONNECTION *connection = Send->Connection;
    WSK_BUF buffer = {Send->Mdl, 0, Send->Length};
    SIZE_T outstanding;
    KIRQL irql;
    NTSTATUS status;

    InterlockedIncrement(&connection->References);
    KeAcquireSpinLock(&connection->Lock, &irql);
    connection->Outstanding += Send->Length;
    outstanding = connection->Outstanding;
#if !defined(VARIANT_LOCK_OVER_SEND)
    KeReleaseSpinLock(&connection->Lock, irql);
#endif
    if (outstanding > ECHO_HIGH_WATER) {
        EchoNote(connection, ECHO_FLOW);
    }
    IoSetCompletionRoutine(Send->Irp, EchoSendComplete, Send, TRUE, TRUE, TRUE);
    status = connection->Dispatch->WskSend(connection->Socket, &buffer, 0, Send->Irp);
    UNREFERENCED_PARAMETER(status);
    /* The completion routine deals with every outcome, and may have freed Send by now. The
       connection stays: we are inside a callback of its socket. */
#if defined(VARIANT_TOUCH_AFTER_SEND)
    buffer.Length = Send->Length; /* MISTAKE (BUG-LIFE-02): Send is the completion routine's. */
#endif
    InterlockedExchangeAdd(&connection->BytesEchoed, (LONG)buffer.Length);
#if defined(VARIANT_LOCK_OVER_SEND)
    /* MISTAKE (KBUG-23): an inline completion takes this lock. */
    KeReleaseSpinLock(&connection->Lock, irql);
#endif
#if defined(VARIANT_SYNC_FAILURE_DOUBLE_FREE)
    if (!NT_SUCCESS(status)) {
        EchoFreeSend(Send); /* MISTAKE (BUG-10): the completion routine has run all the same. */
    }
#endif
}

static NTSTATUS EchoSendComplete(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    ECHO_SEND *send = Context;
    ECHO_CONNECTION *connection = send->Connection;
    NTSTATUS status = Irp->IoStatus.Status;
    SIZE_T before, length = send->Length;
    KIRQL irql;

    UNREFERENCED_PARAMETER(DeviceObject);
    EchoFreeSend(send);

    KeAcquireSpinLock(&connection->Lock, &irql);
    before = connection->Outstanding;
    connection->Outstanding = before - length;
    KeReleaseSpinLock(&connection->Lock, irql);

    if (status == STATUS_FILE_FORCED_CLOSED) {
        EchoNote(connection, ECHO_DEAD);
    } else if (!NT_SUCCESS(status)) {
        EchoNote(connection, ECHO_FAILED);
    } else if (before > ECHO_LOW_WATER && before - length <= ECHO_LOW_WATER) {
        EchoNote(connection, ECHO_FLOW);
    }
    EchoDereference(connection);
    /* The IRP was ours and is free: the I/O manager must not go on with it. */
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* ---- Event callbacks ------------------------------------------------------------------------ */

static NTSTATUS WSKAPI EchoReceiveEvent(_In_opt_ PVOID SocketContext, _In_ ULONG Flags,
    _In_opt_ PWSK_DATA_INDICATION DataIndication, _In_ SIZE_T BytesIndicated,
    _Inout_ SIZE_T *BytesAccepted)
{
    ECHO_CONNECTION *connection = SocketContext;
    NTSTATUS status = STATUS_DATA_NOT_ACCEPTED;

    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(BytesAccepted); /* Left as it is: all or nothing. */

#if defined(VARIANT_NULL_INDICATION)
    if (DataIndication->Buffer.Length == 0) { /* MISTAKE (BUG-14): it may be NULL. */
        return STATUS_SUCCESS;
    }
#endif
    if (DataIndication == NULL) {
        EchoNote(connection, ECHO_DEAD);
        status = STATUS_SUCCESS;
    } else if (EchoEnterSocket(connection)) {
        ECHO_SEND *send = EchoCreateSend(connection, DataIndication, BytesIndicated);

        if (send != NULL) {
            EchoSubmitSend(send);
            status = STATUS_SUCCESS;
        } else {
            /* Refusing suspends this callback; the worker ends the connection. */
            EchoNote(connection, ECHO_FAILED);
        }
        EchoLeaveSocket(connection);
    }
    /* Still there, whatever the worker did meanwhile: the socket's reference goes after the
       close, and the close does not complete before this callback has returned. */
    InterlockedIncrement(&connection->ReceiveEvents);
    return status;
}

static NTSTATUS WSKAPI EchoDisconnectEvent(_In_opt_ PVOID SocketContext, _In_ ULONG Flags)
{
    ECHO_CONNECTION *connection = SocketContext;

#if defined(VARIANT_CALLBACK_WAITS)
    LARGE_INTEGER tick = {.QuadPart = ECHO_RELATIVE_MS(1)};

    do { /* MISTAKE (BUG-LIFE-09): a callback waits for sends to complete. */
        KeDelayExecutionThread(KernelMode, FALSE, &tick);
    } while (connection->Outstanding != 0);
#endif
    EchoNote(connection, (Flags & WSK_FLAG_ABORTIVE) != 0 ? ECHO_FAILED : ECHO_PEER_FINISHED);
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_CONNECTION_DISPATCH EchoConnectionDispatch = {
    EchoReceiveEvent, EchoDisconnectEvent, NULL};

static NTSTATUS WSKAPI EchoAcceptEvent(_In_opt_ PVOID SocketContext, _In_ ULONG Flags,
    _In_ PSOCKADDR LocalAddress, _In_ PSOCKADDR RemoteAddress, _In_opt_ PWSK_SOCKET AcceptSocket,
    _Outptr_result_maybenull_ PVOID *AcceptSocketContext,
    _Outptr_result_maybenull_ CONST WSK_CLIENT_CONNECTION_DISPATCH **AcceptSocketDispatch)
{
    ECHO_CONNECTION *connection;
    KIRQL irql;

    UNREFERENCED_PARAMETER(SocketContext);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(LocalAddress);
    UNREFERENCED_PARAMETER(RemoteAddress);

    if (AcceptSocket == NULL) {
        /* The listener is dead; the worker closes it and opens another one. */
        InterlockedExchange(&Server.ListenerDead, TRUE);
        KeSetEvent(&Server.Work, IO_NO_INCREMENT, FALSE);
        return STATUS_REQUEST_NOT_ACCEPTED;
    }
    connection = EchoCreateConnection(AcceptSocket);
    if (connection == NULL) {
        return STATUS_REQUEST_NOT_ACCEPTED;
    }
    /* The outputs come before the connection is visible to anybody else: the inherited callbacks
       (see EchoOpenListener) use them. */
    *AcceptSocketContext = connection;
    *AcceptSocketDispatch = &EchoConnectionDispatch;
#if defined(VARIANT_NULL_ACCEPT_DISPATCH)
    *AcceptSocketDispatch = NULL; /* MISTAKE (BUG-27): inherited events without callbacks. */
#endif
    KeAcquireSpinLock(&Server.Lock, &irql);
    InsertTailList(&Server.ConnectionList, &connection->Link);
    KeReleaseSpinLock(&Server.Lock, irql);
    /* From here on the worker may close and free the connection at any time. */
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_LISTEN_DISPATCH EchoListenDispatch = {EchoAcceptEvent, NULL, NULL};

/* ---- Connections: what the worker does ------------------------------------------------------ */

/* With the receive event off the transport holds data back, and with it the peer. The second
   test follows the pause: sends that drained before it left a note that has been read already. */
static NTSTATUS EchoUpdateFlow(_Inout_ ECHO_CONNECTION *Connection)
{
    NTSTATUS status = STATUS_SUCCESS;

    if (!Connection->Paused && Connection->Outstanding > ECHO_HIGH_WATER) {
        status = EchoSetEvents(Connection->Socket, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE,
            &Server.Request);
        Connection->Paused = NT_SUCCESS(status);
    }
    if (Connection->Paused && Connection->Outstanding <= ECHO_LOW_WATER) {
        Connection->Paused = FALSE;
        status = EchoSetEvents(Connection->Socket, WSK_EVENT_RECEIVE, NULL);
    }
    return status;
}

/* Gives up the socket's reference. */
static VOID EchoForgetConnection(_In_ ECHO_CONNECTION *Connection)
{
    KIRQL irql;

    KeAcquireSpinLock(&Server.Lock, &irql);
    RemoveEntryList(&Connection->Link);
    KeReleaseSpinLock(&Server.Lock, irql);
    EchoDereference(Connection);
}

/* Lets out what was sent, then the end of the stream. A peer that does not read can stall that
   for ever. FALSE: still pending when patience or the driver's life ended; the close then aborts
   the connection, which completes the request. */
static BOOLEAN EchoFinishStream(_In_ ECHO_CONNECTION *Connection)
{
    PVOID objects[] = {&Server.Request.Done, &Server.Stop};
    LARGE_INTEGER timeout = {.QuadPart = ECHO_RELATIVE_MS(ECHO_DISCONNECT_MS)};

    Connection->Dispatch->WskDisconnect(Connection->Socket, NULL, 0,
        EchoPrepareRequest(&Server.Request));
    return KeWaitForMultipleObjects(RTL_NUMBER_OF(objects), objects, WaitAny, Executive,
        KernelMode, FALSE, &timeout, NULL) == STATUS_WAIT_0;
}

static VOID EchoCloseConnection(_In_ ECHO_CONNECTION *Connection, _In_ LONG Reason)
{
    PWSK_SOCKET socket = Connection->Socket;
    ECHO_REQUEST *request = &Server.Request;
    BOOLEAN finished = TRUE;
    NTSTATUS status = STATUS_FILE_FORCED_CLOSED;

    PAGED_CODE();
#if !defined(VARIANT_CLOSE_DURING_SEND) /* MISTAKE (BUG-18) without this wait. */
    /* New callbacks leave the socket alone from here on; those that use it let go first. */
    EchoLeaveSocket(Connection);
    KeWaitForSingleObject(&Connection->SocketUnused, Executive, KernelMode, FALSE, NULL);
#endif
    if ((Reason & ECHO_DEAD) == 0) {
        status = EchoSetEvents(socket, WSK_EVENT_DISCONNECT | WSK_EVENT_DISABLE, request);
    }
    if (NT_SUCCESS(status)) {
#if defined(VARIANT_EVENT_PENDING_FREE)
        request = NULL; /* MISTAKE (BUG-01), first half: the answer may be STATUS_EVENT_PENDING. */
#endif
        status = EchoSetEvents(socket, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE, request);
    }
#if defined(VARIANT_EVENT_PENDING_FREE)
    if (NT_SUCCESS(status)) /* Second half: NT_SUCCESS, so no callback uses the connection. */
#elif defined(VARIANT_FORCED_CLOSE_FREE)
    if (!NT_SUCCESS(status)) /* MISTAKE (BUG-16): callbacks of a dead socket may still run. */
#endif
#if defined(VARIANT_EVENT_PENDING_FREE) || defined(VARIANT_FORCED_CLOSE_FREE)
    {
        EchoForgetConnection(Connection);
        EchoCloseSocket(socket);
        return;
    }
#endif
    /* A socket that refused a disable is dead. Only the close is left, and it waits for callbacks
       that still run. */
    if (NT_SUCCESS(status) && (Reason & ~ECHO_FLOW) == ECHO_PEER_FINISHED) {
        finished = EchoFinishStream(Connection);
    }
    EchoCloseSocket(socket);
    if (!finished) {
        EchoFinishRequest(request);
    }
    DbgPrintEx(DPFLTR_IHVNETWORK_ID, DPFLTR_TRACE_LEVEL, "tcp_echo: %d events, %d bytes\n",
        Connection->ReceiveEvents, Connection->BytesEchoed);
    EchoForgetConnection(Connection);
}

/* Finds a connection with notes, or just any, and takes its notes. It cannot go away afterwards:
   only the worker, which calls this, gives up a socket's reference. Not pageable: spin lock. */
static ECHO_CONNECTION *EchoTakeNotes(_In_ BOOLEAN Any, _Out_ LONG *Notes)
{
    ECHO_CONNECTION *found = NULL;
    PLIST_ENTRY entry;
    KIRQL irql;

    *Notes = 0;
    KeAcquireSpinLock(&Server.Lock, &irql);
    for (entry = Server.ConnectionList.Flink; entry != &Server.ConnectionList && found == NULL;
         entry = entry->Flink) {
        ECHO_CONNECTION *connection = CONTAINING_RECORD(entry, ECHO_CONNECTION, Link);

        *Notes = InterlockedExchange(&connection->Notes, 0);
        if (*Notes != 0 || Any) {
            found = connection;
        }
    }
    KeReleaseSpinLock(&Server.Lock, irql);
    return found;
}

static VOID EchoServiceConnections(VOID)
{
    ECHO_CONNECTION *connection;
    LONG notes;

    while (KeReadStateEvent(&Server.Stop) == 0) {
        connection = EchoTakeNotes(FALSE, &notes);
        if (connection == NULL) {
            break;
        }
        if (notes == ECHO_FLOW) {
            NTSTATUS status = EchoUpdateFlow(connection);

            if (NT_SUCCESS(status)) {
                continue;
            }
            notes = status == STATUS_FILE_FORCED_CLOSED ? ECHO_DEAD : ECHO_FAILED;
        }
        EchoCloseConnection(connection, notes);
    }
}

static VOID EchoCloseAllConnections(VOID)
{
    ECHO_CONNECTION *connection;
    LONG notes;

    while ((connection = EchoTakeNotes(TRUE, &notes)) != NULL) {
        EchoCloseConnection(connection, notes | ECHO_FAILED);
    }
}

/* ---- The listener and the worker's main loop ------------------------------------------------ */

static NTSTATUS EchoCaptureProvider(VOID)
{
    LARGE_INTEGER interval = {.QuadPart = ECHO_RELATIVE_MS(ECHO_CAPTURE_POLL_MS)};
    NTSTATUS status;

    PAGED_CODE();
    do { /* Waiting here and not inside the capture lets an unload end the wait. */
        status = WskCaptureProviderNPI(&Server.Registration, WSK_NO_WAIT, &Server.Npi);
    } while (status == STATUS_DEVICE_NOT_READY
        && KeWaitForSingleObject(&Server.Stop, Executive, KernelMode, FALSE, &interval)
            == STATUS_TIMEOUT);
    return status;
}

static NTSTATUS EchoOpenListener(VOID)
{
    const WSK_PROVIDER_LISTEN_DISPATCH *dispatch;
    SOCKADDR_IN address;
    NTSTATUS status;

    PAGED_CODE();
    Server.Npi.Dispatch->WskSocket(Server.Npi.Client, AF_INET, SOCK_STREAM, IPPROTO_TCP,
        WSK_FLAG_LISTEN_SOCKET, &Server, &EchoListenDispatch, NULL, NULL, NULL,
        EchoPrepareRequest(&Server.Request));
    status = EchoFinishRequest(&Server.Request);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    Server.Listener = (PWSK_SOCKET)Server.Request.Irp->IoStatus.Information;
    dispatch = Server.Listener->Dispatch;

    RtlZeroMemory(&address, sizeof(address)); /* INADDR_ANY */
    address.sin_family = AF_INET;
    address.sin_port = RtlUshortByteSwap(ECHO_PORT);
    dispatch->WskBind(Server.Listener, (PSOCKADDR)&address, 0,
        EchoPrepareRequest(&Server.Request));
    status = EchoFinishRequest(&Server.Request);
    if (NT_SUCCESS(status)) {
        /* The connection events are a template: accepted sockets start with them enabled, so
           there is no gap before an enable of our own, and no failure of one to handle. */
        status = EchoSetEvents(Server.Listener,
            WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT, NULL);
    }
    if (!NT_SUCCESS(status)) {
        DbgPrintEx(DPFLTR_IHVNETWORK_ID, DPFLTR_ERROR_LEVEL, "tcp_echo: no listener: %08x\n",
            status);
        EchoCloseSocket(Server.Listener);
        Server.Listener = NULL;
    }
    return status;
}

/* When this returns no accept callback is running or will run. */
static VOID EchoCloseListener(VOID)
{
    PAGED_CODE();
    if (Server.Listener == NULL) {
        return;
    }
    if (!Server.ListenerDead) {
        EchoSetEvents(Server.Listener, WSK_EVENT_ACCEPT | WSK_EVENT_DISABLE, &Server.Request);
    }
    EchoCloseSocket(Server.Listener);
    Server.Listener = NULL;
    /* The callback that told us of the old listener's death has returned. */
    InterlockedExchange(&Server.ListenerDead, FALSE);
}

static VOID EchoServe(VOID)
{
    PVOID objects[] = {&Server.Stop, &Server.Work};
    LARGE_INTEGER retry = {.QuadPart = ECHO_RELATIVE_MS(ECHO_RETRY_MS)};
    NTSTATUS status;

    PAGED_CODE();
    do {
        if (Server.Listener == NULL) {
            EchoOpenListener();
        }
        status = KeWaitForMultipleObjects(RTL_NUMBER_OF(objects), objects, WaitAny, Executive,
            KernelMode, FALSE, Server.Listener == NULL ? &retry : NULL, NULL);
        if (Server.ListenerDead) {
            EchoCloseListener();
        }
        EchoServiceConnections();
    } while (status != STATUS_WAIT_0);

#if defined(VARIANT_ACCEPT_RACE)
    EchoCloseAllConnections(); /* MISTAKE (BUG-LIFE-34): nobody sweeps what is accepted now. */
    EchoCloseListener();
#else
    EchoCloseListener();
    EchoCloseAllConnections();
#endif
    /* The last reference to a connection may be that of a send. */
    ExWaitForRundownProtectionRelease(&Server.Connections);
}

static VOID EchoWorker(PVOID StartContext)
{
    UNREFERENCED_PARAMETER(StartContext);
    PAGED_CODE();

    if (NT_SUCCESS(EchoCaptureProvider())) {
        EchoServe();
        WskReleaseProviderNPI(&Server.Registration);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* ---- Loading and unloading ----------------------------------------------------------------- */

static NTSTATUS EchoStartWorker(VOID)
{
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle;
    NTSTATUS status;

    PAGED_CODE();
    /* A kernel handle: DriverEntry may run in any process, which must not get at it. */
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    status = PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, &attributes, NULL, NULL, EchoWorker,
        NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode,
        (PVOID *)&Server.Thread, NULL);
    if (!NT_SUCCESS(status)) {
        /* The thread runs already; it has to be gone before this image is. */
        KeSetEvent(&Server.Stop, IO_NO_INCREMENT, FALSE);
        ZwWaitForSingleObject(handle, FALSE, NULL);
    }
    ZwClose(handle);
    return status;
}

static VOID EchoFreeRequests(VOID)
{
    if (Server.Request.Irp != NULL) {
        IoFreeIrp(Server.Request.Irp);
    }
    if (Server.Close.Irp != NULL) {
        IoFreeIrp(Server.Close.Irp);
    }
}

static VOID EchoUnload(PDRIVER_OBJECT DriverObject)
{
    PAGED_CODE();
    UNREFERENCED_PARAMETER(DriverObject);

    KeSetEvent(&Server.Stop, IO_NO_INCREMENT, FALSE);
    /* The thread object, not an event set by the thread: after setting an event the thread would
       still have instructions to run in an image that is gone. */
    KeWaitForSingleObject(Server.Thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(Server.Thread);
    /* The sockets are closed and the provider is released; what this still waits for are
       completion routines that have signalled but not returned. */
    WskDeregister(&Server.Registration);
    EchoFreeRequests();
}

static const WSK_CLIENT_DISPATCH EchoClientDispatch = {MAKE_WSK_VERSION(1, 0), 0, NULL};

NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    WSK_CLIENT_NPI clientNpi;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(RegistryPath);

    RtlZeroMemory(&Server, sizeof(Server));
    KeInitializeEvent(&Server.Stop, NotificationEvent, FALSE);
    KeInitializeEvent(&Server.Work, SynchronizationEvent, FALSE);
    KeInitializeSpinLock(&Server.Lock);
    InitializeListHead(&Server.ConnectionList);
    ExInitializeRundownProtection(&Server.Connections);

    KeInitializeEvent(&Server.Request.Done, NotificationEvent, FALSE);
    KeInitializeEvent(&Server.Close.Done, NotificationEvent, FALSE);
    Server.Request.Irp = IoAllocateIrp(1, FALSE);
    Server.Close.Irp = IoAllocateIrp(1, FALSE);
    status = STATUS_INSUFFICIENT_RESOURCES;
    if (Server.Request.Irp != NULL && Server.Close.Irp != NULL) {
        clientNpi.ClientContext = NULL;
        clientNpi.Dispatch = &EchoClientDispatch;
        status = WskRegister(&clientNpi, &Server.Registration);
    }
    if (NT_SUCCESS(status)) {
        /* The provider may not be ready for a long time after boot: the worker captures it. */
        status = EchoStartWorker();
        if (NT_SUCCESS(status)) {
            DriverObject->DriverUnload = EchoUnload;
            return STATUS_SUCCESS;
        }
        WskDeregister(&Server.Registration);
    }
    /* Unload is not called for a driver whose entry failed: everything is undone here. */
    EchoFreeRequests();
    return status;
}
