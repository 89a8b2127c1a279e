/* SPDX-License-Identifier: MIT */
/*
 * Cases of the control plane, 1.15: forced close and close.
 *
 * Sockets die by chance, at a call (CLOSE-036): a case that needs a dead one goes on asking.
 */
#include "ctl_tcp.h"

static struct request Request, Other;
static volatile LONG Nulls, Datagrams;
static volatile LONG Inside;   /* a callback is running */
static volatile LONG MayLeave; /* it need not spin any longer */

struct context {
    LONG Calls;
};
static struct context Fixed;

/* Goes round for a while, so that others can act meanwhile. */
static void Linger(void)
{
    for (int i = 0; i < 400 && !MayLeave; i++) {
        (void)KeReadStateEvent(&Other.Done);
    }
}

static NTSTATUS WSKAPI OnDatagram(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    struct context *c = Context;
    UNREFERENCED_PARAMETER(Flags);
    InterlockedIncrement(&Inside);
    InterlockedIncrement(Data == NULL ? &Nulls : &Datagrams);
    if (Data != NULL) {
        Linger();
    }
    InterlockedIncrement(&c->Calls);
    InterlockedDecrement(&Inside);
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH Lingering = {OnDatagram};

static void Sends(void)
{
    WaitForGo(&WorldMayBegin);
    struct wsksim_port *Port = wsksim_bind(0, 0);
    for (int i = 0; Port != NULL && i < 12 && !wsksim_is_over(); i++) {
        (void)wsksim_send_to(Port, 0, TCP_PORT, "datagram", 8);
        wsksim_sleep(50000);
    }
}

/* A bound datagram socket whose callback is on; NULL if that fails. */
static PWSK_SOCKET Bound(PVOID Context, const WSK_CLIENT_DATAGRAM_DISPATCH *Dispatch)
{
    if (Other.Irp == NULL && !RequestNew(&Other)) {
        return NULL;
    }
    PWSK_SOCKET Socket =
        CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, Context, Dispatch) : NULL;
    if (Socket == NULL || !NT_SUCCESS(SocketBind(Socket, TCP_PORT)) ||
        SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM) != STATUS_SUCCESS) {
        return NULL;
    }
    return Socket;
}

static NTSTATUS Ask(PWSK_SOCKET Socket)
{
    static ULONG Value;
    return SocketControl(Socket, WskGetOption, SO_RCVBUF, SOL_SOCKET, 0, NULL, sizeof Value,
                         &Value, NULL);
}

/* True if the socket dies under the questions. */
static BOOLEAN Dies(PWSK_SOCKET Socket)
{
    for (int i = 0; i < 50; i++) {
        if (Ask(Socket) == STATUS_FILE_FORCED_CLOSED) {
            return TRUE;
        }
    }
    return FALSE;
}

/* ---- the close ---- */

static PWSK_SOCKET Shared;
static KEVENT InRoutine;

static NTSTATUS OnAddress(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    UNREFERENCED_PARAMETER(Context);
    KeSetEvent(&InRoutine, IO_NO_INCREMENT, FALSE);
    Linger();
    KeSetEvent(&Other.Done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void Asks(PVOID Context)
{
    static SOCKADDR_IN Address;
    UNREFERENCED_PARAMETER(Context);
    IoSetCompletionRoutine(Other.Irp, OnAddress, NULL, TRUE, TRUE, TRUE);
    Datagram(Shared)->WskGetLocalAddress(Shared, (PSOCKADDR)&Address, Other.Irp);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* BUG-18: another thread is inside a function of the socket. */
MISTAKE(closed_under_another_thread, "CLOSE-002 CTL-180 BUG-18 PROP-57")
{
    KeInitializeEvent(&InRoutine, NotificationEvent, FALSE);
    Shared = Bound(&Fixed, &Lingering);
    if (Shared == NULL) {
        return;
    }
    PVOID Thread = CaseThread(Asks, NULL);
    if (Thread != NULL) {
        KeWaitForSingleObject(&InRoutine, Executive, KernelMode, FALSE, NULL);
        if (Mistaken) {
            (void)SocketClose(Shared);
        }
        CaseJoin(Thread);
        (void)Finish(&Other);
    }
}

DUTY(close_waits_for_callbacks, "CTL-181 PROP-54 PROP-55", .world = Sends)
{
    PWSK_SOCKET Socket = Bound(&Fixed, &Lingering);
    WorldMayBegin = 1;
    if (Socket != NULL && Until(&Inside, 3000)) {
        (void)SocketClose(Socket);
        Check(Inside == 0);
        LONG Before = Datagrams + Nulls;
        CaseSleep(1000);
        Check(Datagrams + Nulls == Before);
    }
}

DUTY(close_completes_what_is_pending, "CTL-181 PROP-54", .knobs = "close.irp_order=others-first")
{
    static WSK_BUF Buffer;
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    Buffer = BufferNew(8);
    if (Socket == NULL || Buffer.Mdl == NULL || !RequestNew(&Request) ||
        !NT_SUCCESS(SocketBind(Socket, TCP_PORT))) {
        return;
    }
    Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, NULL, NULL, NULL, NULL, Fresh(&Request));
    (void)SocketClose(Socket);
    Check(IsDone(&Request));
}

MISTAKE(socket_object_read_after_the_close, "CTL-183")
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    if (Socket != NULL && SocketClose(Socket) && Mistaken) {
        Own.Received = Socket->Dispatch != NULL;
    }
}

/* BUG-20: closes with a list it has retained. */
static PVOID volatile Kept;

static NTSTATUS WSKAPI OnDatagramKept(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    if (Data == NULL || InterlockedCompareExchangePointer(&Kept, Data, NULL) != NULL) {
        return STATUS_SUCCESS;
    }
    return STATUS_PENDING;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH Keeping = {OnDatagramKept};

MISTAKE(closed_with_a_retained_list, "REL-005 CTL-184 BUG-20", .world = Sends,
        .knobs = "event.concurrency=serial")
{
    PWSK_SOCKET Socket = Bound(NULL, &Keeping);
    WorldMayBegin = 1;
    if (Socket != NULL) {
        for (int i = 0; i < 100 && Kept == NULL; i++) {
            CaseSleep(20);
        }
        while (SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE) ==
               STATUS_EVENT_PENDING) {
            CaseSleep(10);
        }
        if (Kept != NULL && !Mistaken) {
            (void)Datagram(Socket)->WskRelease(Socket, Kept);
        }
    }
}

/* ---- NULL indications ---- */

static NTSTATUS WSKAPI OnAbortChecked(PVOID Context, PWSK_INSPECT_ID Id)
{
    UNREFERENCED_PARAMETER(Context);
    Check(Id != NULL);
    return STATUS_SUCCESS;
}

static volatile LONG InspectNulls;

static WSK_INSPECT_ACTION WSKAPI OnInspectCounted(PVOID Context, PSOCKADDR Local, PSOCKADDR Remote,
                                                  PWSK_INSPECT_ID Id)
{
    InterlockedAdd(&InspectNulls, Id == NULL);
    return TcpOnInspect(Context, Local, Remote, Id);
}

static const WSK_CLIENT_LISTEN_DISPATCH Checked = {TcpOnAccept, OnInspectCounted, OnAbortChecked};

DUTY(death_has_its_forms, "CTL-185 CTL-188 PROP-52", .world = PeerSends, .knobs = "amb.31=once")
{
    if (Inspecting(TCP_PORT, &Checked, WSK_EVENT_ACCEPT)) {
        WorldMayBegin = 1;
        if (Dies(TcpListener)) {
            Check(Ask(TcpListener) == STATUS_FILE_FORCED_CLOSED);
            CaseSleep(2000);
            Check(ListenNulls <= 1 && InspectNulls <= 1);
        }
        TcpEnd();
    }
}

DUTY(death_is_indicated_once, "CTL-185 PROP-52", .knobs = "amb.31=once")
{
    PWSK_SOCKET Socket = Bound(&Fixed, &Lingering);
    if (Socket != NULL && Dies(Socket)) {
        CaseSleep(2000);
        Check(Nulls <= 1);
    }
}

FREEDOM(amb_31_once, "CTL-188 amb.31", .knobs = "amb.31=once dead.announce=both")
{
    PWSK_SOCKET Socket = Bound(&Fixed, &Lingering);
    if (Socket != NULL && Dies(Socket) && Until(&Nulls, 1000)) {
        Witness();
    }
}

FREEDOM(amb_31_repeated, "CTL-188 amb.31", .knobs = "amb.31=repeated dead.announce=both")
{
    PWSK_SOCKET Socket = Bound(&Fixed, &Lingering);
    if (Socket != NULL && Dies(Socket)) {
        CaseSleep(2000);
        if (Nulls > 1) {
            Witness();
        }
    }
}

DUTY(amb_31_none, "CTL-185 amb.31", .knobs = "amb.31=none dead.announce=both")
{
    PWSK_SOCKET Socket = Bound(&Fixed, &Lingering);
    if (Socket != NULL && Dies(Socket)) {
        CaseSleep(5000);
        Check(Nulls == 0);
    }
}

/* A connection whose receive callback has refused: its gate is closed. */
static NTSTATUS WSKAPI OnReceiveRefused(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION Data,
                                        SIZE_T Bytes, SIZE_T *Taken)
{
    (void)TcpOnReceive(Context, Flags, Data, Bytes, Taken);
    return Data != NULL ? STATUS_DATA_NOT_ACCEPTED : STATUS_SUCCESS;
}

static const WSK_CLIENT_CONNECTION_DISPATCH RefusingData = {OnReceiveRefused, NULL, NULL};

FREEDOM(amb_31_closed_gate_too, "CTL-185 amb.31", .world = ServerSends,
        .knobs = "amb.31=closed-gate-too dead.announce=both")
{
    PWSK_SOCKET Socket =
        CaseWsk() ? SocketConnected("10.0.0.2", TCP_PORT, &Own, &RefusingData) : NULL;
    if (Socket != NULL && SocketEvents(Socket, WSK_EVENT_RECEIVE) == STATUS_SUCCESS &&
        Until(&Own.Received, 5000)) {
        CaseSleep(100);
        if (Dies(Socket) && Until(&Own.Nulls, 2000)) {
            Witness();
        }
    }
}

DUTY(closed_gate_hears_no_death, "CTL-185 PROP-52", .world = ServerSends, .knobs = "amb.31=once")
{
    PWSK_SOCKET Socket =
        CaseWsk() ? SocketConnected("10.0.0.2", TCP_PORT, &Own, &RefusingData) : NULL;
    if (Socket != NULL && SocketEvents(Socket, WSK_EVENT_RECEIVE) == STATUS_SUCCESS &&
        Until(&Own.Received, 5000)) {
        CaseSleep(2000);
        LONG Before = Own.Nulls;
        if (Dies(Socket)) {
            CaseSleep(2000);
            Check(Own.Nulls == Before);
        }
    }
}

/* ---- what the client makes of it ---- */

/* BUG-13: a NULL list is an empty one, and nobody closes. */
MISTAKE(null_indication_ignored, "CLOSE-032 CTL-186 BUG-13 PROP-50")
{
    PWSK_SOCKET Socket = Bound(&Fixed, &Lingering);
    if (Socket != NULL && Dies(Socket) && Until(&Nulls, 2000) && Mistaken) {
        SocketForget(Socket);
    }
}

/* BUG-14: dereferences what is NULL when the socket is dead. */
static NTSTATUS WSKAPI OnDatagramTrusting(PVOID Context, ULONG Flags,
                                          PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    if (Mistaken || Data != NULL) {
        InterlockedAdd(&Datagrams, (LONG)Data->Buffer.Length);
    }
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH Trusting = {OnDatagramTrusting};

MISTAKE(null_indication_dereferenced, "CTL-187 BUG-14 PROP-53")
{
    PWSK_SOCKET Socket = Bound(NULL, &Trusting);
    if (Socket != NULL && Dies(Socket)) {
        CaseSleep(100);
    }
}

/* BUG-15: tries again for ever. */
MISTAKE(dead_socket_asked_for_ever, "SYS-LIVELOCK CTL-186 BUG-15 PROP-49")
{
    PWSK_SOCKET Socket = Bound(&Fixed, &Lingering);
    if (Socket != NULL && Dies(Socket)) {
        while (Mistaken && Ask(Socket) == STATUS_FILE_FORCED_CLOSED) {
        }
    }
}

/* BUG-16: the context goes when the death is seen, not when the close has completed. */
MISTAKE(context_freed_at_death, "CTL-189 BUG-16 PROP-51 CLOSE-009", .world = Sends)
{
    struct context *c = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *c, 'txtC');
    if (c == NULL) {
        return;
    }
    c->Calls = 0;
    PWSK_SOCKET Socket = Bound(c, &Lingering);
    WorldMayBegin = 1;
    if (Socket != NULL && Dies(Socket)) {
        if (Mistaken) {
            ExFreePoolWithTag(c, 'txtC');
            c = NULL;
        }
        CaseSleep(10);
    }
    MayLeave = 1;
    if (Socket != NULL) {
        (void)SocketClose(Socket);
    }
    if (c != NULL) {
        ExFreePoolWithTag(c, 'txtC');
    }
}

/* ---- deregistration ---- */

MISTAKE(socket_left_open, "SOCK-020 CTL-190 PROP-59")
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    if (Socket != NULL && Mistaken) {
        SocketForget(Socket);
    }
}

DUTY(deregistration_waits_for_the_close, "CTL-190 PROP-59",
     .knobs = "close.irp_order=others-first deregister.waits_for_routines=0")
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    if (Socket != NULL && RequestNew(&Request)) {
        SocketForget(Socket);
        Basic(Socket)->WskCloseSocket(Socket, Fresh(&Request));
        CaseWskEnd();
        Check(IsDone(&Request));
    }
}

/* ---- silences ---- */

static NTSTATUS DisableDead(void)
{
    PWSK_SOCKET Socket = Bound(&Fixed, &Lingering);
    if (Socket == NULL || !Dies(Socket)) {
        return STATUS_UNSUCCESSFUL;
    }
    CaseSleep(1000);
    return SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE);
}

FREEDOM(amb_32_forced_closed, "CTL-026 amb.32", .knobs = "amb.32=forced-closed")
{
    if (DisableDead() == STATUS_FILE_FORCED_CLOSED) {
        Witness();
    }
}

FREEDOM(amb_32_normal_rules, "CTL-026 amb.32", .knobs = "amb.32=normal-rules")
{
    if (DisableDead() == STATUS_SUCCESS) {
        Witness();
    }
}

/* A disable with an IRP that pends, then the death or the close; the final status. */
static BOOLEAN WasInside; /* it completed while the callback was running */

static NTSTATUS PendedDisable(BOOLEAN IsClosed)
{
    static WSK_EVENT_CALLBACK_CONTROL Events;
    Events = (WSK_EVENT_CALLBACK_CONTROL){&NPI_WSK_INTERFACE_ID,
                                          WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE};
    PWSK_SOCKET Socket = Bound(&Fixed, &Lingering);
    NTSTATUS Status = STATUS_UNSUCCESSFUL;
    WorldMayBegin = 1;
    if (Socket == NULL || !RequestNew(&Request) || !Until(&Inside, 3000) ||
        Basic(Socket)->WskControlSocket(Socket, WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET,
                                        sizeof Events, &Events, 0, NULL, NULL,
                                        Fresh(&Request)) != STATUS_PENDING) {
        MayLeave = 1;
        return Status;
    }
    BOOLEAN IsMeant = IsClosed;
    if (!IsClosed) {
        IsMeant = Dies(Socket);
    } else {
        SocketForget(Socket);
        Basic(Socket)->WskCloseSocket(Socket, Fresh(&Other));
    }
    IsMeant = IsMeant && Inside != 0;
    for (int i = 0; i < 100 && !IsDone(&Request) && Inside != 0; i++) {
    }
    WasInside = IsDone(&Request) && Inside != 0;
    MayLeave = 1;
    Status = Finish(&Request);
    if (IsClosed && Other.InFlight) {
        (void)Finish(&Other);
    }
    return IsMeant ? Status : STATUS_UNSUCCESSFUL;
}

FREEDOM(amb_32_pended_success, "CTL-083 amb.32.pended", .world = Sends,
        .knobs = "amb.32.pended=success-at-drain")
{
    if (PendedDisable(FALSE) == STATUS_SUCCESS && !WasInside) {
        Witness();
    }
}

FREEDOM(amb_32_pended_forced_closed, "CTL-083 amb.32.pended", .world = Sends,
        .knobs = "amb.32.pended=forced-closed-at-drain")
{
    if (PendedDisable(FALSE) == STATUS_FILE_FORCED_CLOSED) {
        Witness();
    }
}

FREEDOM(amb_32_pended_at_once, "CTL-083 amb.32.pended", .world = Sends,
        .knobs = "amb.32.pended=forced-closed-at-once")
{
    if (PendedDisable(FALSE) == STATUS_FILE_FORCED_CLOSED && WasInside) {
        Witness();
    }
}

/* The close comes after the disable that waits, whatever its status. */
DUTY(waiting_disable_precedes_the_close, "CTL-181 PROP-58 amb.36", .world = Sends,
     .knobs = "close.irp_order=others-first")
{
    static WSK_EVENT_CALLBACK_CONTROL Events;
    Events = (WSK_EVENT_CALLBACK_CONTROL){&NPI_WSK_INTERFACE_ID,
                                          WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE};
    PWSK_SOCKET Socket = Bound(&Fixed, &Lingering);
    WorldMayBegin = 1;
    if (Socket == NULL || !RequestNew(&Request) || !Until(&Inside, 3000)) {
        MayLeave = 1;
        return;
    }
    NTSTATUS Status = Basic(Socket)->WskControlSocket(
        Socket, WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET, sizeof Events, &Events, 0, NULL,
        NULL, Fresh(&Request));
    (void)SocketClose(Socket);
    Check(IsDone(&Request) && Request.Completions == 1);
    Check(Status != STATUS_PENDING || Inside == 0);
}

FREEDOM(amb_36_success, "CTL-181 amb.36", .world = Sends, .knobs = "amb.36=success-at-drain")
{
    if (PendedDisable(TRUE) == STATUS_SUCCESS) {
        Witness();
    }
}

FREEDOM(amb_36_cancelled_at_once, "CTL-181 amb.36", .world = Sends,
        .knobs = "amb.36=cancelled-at-once")
{
    if (PendedDisable(TRUE) == STATUS_CANCELLED && WasInside) {
        Witness();
    }
}

FREEDOM(amb_36_cancelled_at_drain, "CTL-181 amb.36", .world = Sends,
        .knobs = "amb.36=cancelled-at-drain")
{
    if (PendedDisable(TRUE) == STATUS_CANCELLED && !WasInside) {
        Witness();
    }
}

/* A receive that waits when the socket dies; *IsLeft: it still waits a second later. */
static NTSTATUS PendedReceive(BOOLEAN *IsLeft)
{
    static WSK_BUF Buffer;
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    Buffer = BufferNew(8);
    *IsLeft = FALSE;
    if (Socket == NULL || Buffer.Mdl == NULL || !RequestNew(&Request) ||
        !NT_SUCCESS(SocketBind(Socket, TCP_PORT))) {
        return STATUS_UNSUCCESSFUL;
    }
    Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, NULL, NULL, NULL, NULL, Fresh(&Request));
    if (IsDone(&Request) || !Dies(Socket)) {
        return STATUS_UNSUCCESSFUL;
    }
    CaseSleep(20000);
    *IsLeft = !IsDone(&Request);
    return *IsLeft ? STATUS_PENDING : Request.Status;
}

FREEDOM(amb_33_fail_promptly, "CTL-185 amb.33", .knobs = "amb.33=fail-promptly")
{
    BOOLEAN IsLeft;
    if (PendedReceive(&IsLeft) == STATUS_FILE_FORCED_CLOSED) {
        Witness();
    }
}

FREEDOM(amb_33_stay_pending, "CTL-185 amb.33", .knobs = "amb.33=stay-pending")
{
    BOOLEAN IsLeft;
    if (PendedReceive(&IsLeft) == STATUS_PENDING && IsLeft) {
        Witness();
    }
}

FREEDOM(amb_33_other_codes, "CTL-185 amb.33", .knobs = "amb.33=other-codes")
{
    BOOLEAN IsLeft;
    if (PendedReceive(&IsLeft) == STATUS_CONNECTION_ABORTED) {
        Witness();
    }
}

static NTSTATUS AddressOfDead(void)
{
    static SOCKADDR_IN Address;
    PWSK_SOCKET Socket = Bound(&Fixed, &Lingering);
    if (Socket == NULL || !Dies(Socket)) {
        return STATUS_UNSUCCESSFUL;
    }
    Datagram(Socket)->WskGetLocalAddress(Socket, (PSOCKADDR)&Address, Fresh(&Other));
    return Finish(&Other);
}

FREEDOM(amb_34_all_fail, "CTL-026 amb.34", .knobs = "amb.34=all-fail")
{
    if (AddressOfDead() == STATUS_FILE_FORCED_CLOSED) {
        Witness();
    }
}

FREEDOM(amb_34_getters_work, "CTL-026 amb.34", .knobs = "amb.34=getters-work")
{
    if (AddressOfDead() == STATUS_SUCCESS) {
        Witness();
    }
}

/* Two sockets, one function: does a call for the one count for the other? */
static NTSTATUS DisableSibling(void)
{
    PWSK_SOCKET First = Bound(&Fixed, &Lingering);
    PWSK_SOCKET Second =
        First != NULL ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, &Fixed, &Lingering) : NULL;
    NTSTATUS Status = STATUS_UNSUCCESSFUL;
    WorldMayBegin = 1;
    if (Second != NULL && NT_SUCCESS(SocketBind(Second, TCP_PORT + 1)) &&
        SocketEvents(Second, WSK_EVENT_RECEIVE_FROM) == STATUS_SUCCESS && Until(&Inside, 3000)) {
        Status = SocketEvents(Second, WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE);
        Status = Inside != 0 ? Status : STATUS_UNSUCCESSFUL;
    }
    MayLeave = 1;
    return Status;
}

FREEDOM(amb_60_function_of_one_socket, "CTL-084 amb.60", .world = Sends,
        .knobs = "amb.60=per-socket-event")
{
    if (DisableSibling() == STATUS_SUCCESS) {
        Witness();
    }
}

FREEDOM(amb_60_function_of_all_sockets, "CTL-084 amb.60", .world = Sends,
        .knobs = "amb.60=per-function")
{
    if (DisableSibling() == STATUS_EVENT_PENDING) {
        Witness();
    }
}

/* A callback that gives its list back while its socket is being closed. */
static NTSTATUS Released = STATUS_UNSUCCESSFUL;
static volatile LONG IsClosing;
static BOOLEAN GivesBack;

static NTSTATUS WSKAPI OnDatagramGiven(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    if (Data == NULL) {
        return STATUS_SUCCESS;
    }
    InterlockedIncrement(&Inside);
    Linger();
    if (GivesBack && IsClosing) {
        Released = Datagram(Shared)->WskRelease(Shared, Data);
        return STATUS_PENDING;
    }
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH Giving = {OnDatagramGiven};

static void CloseUnderRelease(void)
{
    Shared = Bound(NULL, &Giving);
    WorldMayBegin = 1;
    if (Shared != NULL && Until(&Inside, 3000) && RequestNew(&Request)) {
        SocketForget(Shared);
        Basic(Shared)->WskCloseSocket(Shared, Fresh(&Request));
        IsClosing = 1;
        MayLeave = 1;
        (void)Finish(&Request);
    }
    MayLeave = 1;
}

FREEDOM(amb_63_works, "CTL-182 CTL-180 amb.63", .world = Sends,
        .knobs = "amb.63=works event.concurrency=serial")
{
    GivesBack = TRUE;
    CloseUnderRelease();
    if (Released == STATUS_SUCCESS) {
        Witness();
    }
}

MISTAKE(amb_63_error, "CLOSE-007 CTL-182 amb.63", .world = Sends,
        .knobs = "amb.63=error event.concurrency=serial")
{
    GivesBack = Mistaken;
    CloseUnderRelease();
}
