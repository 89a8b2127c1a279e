/* SPDX-License-Identifier: MIT */
/* Cases of the control plane, 1.9: WSK_SET_STATIC_EVENT_CALLBACKS. */
#include "ctl_tcp.h"

/* ---- datagrams ---- */

static volatile LONG Datagrams;      /* invocations with data */
static volatile LONG IsBound;        /* the bind IRP has completed */
static volatile LONG SeenBeforeBind; /* invocations before that */
static NTSTATUS Answer = STATUS_SUCCESS;

struct state {
    LONG Datagrams;
    struct state *Self;
};
static struct state Fixed, *volatile Current;

static NTSTATUS WSKAPI OnDatagram(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    if (Data == NULL) {
        return STATUS_SUCCESS;
    }
    if (!IsBound) {
        InterlockedIncrement(&SeenBeforeBind);
    }
    InterlockedIncrement(&Datagrams);
    return Answer;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH Counting = {OnDatagram};

/* One every 200 ms, for six seconds. */
static void Sends(void)
{
    WaitForGo(&WorldMayBegin);
    struct wsksim_port *Port = wsksim_bind(0, 0);
    for (int i = 0; Port != NULL && i < 30 && !wsksim_is_over(); i++) {
        (void)wsksim_send_to(Port, 0, TCP_PORT, "datagram", 8);
        wsksim_sleep(200000);
    }
}

static NTSTATUS AskStatic(ULONG Mask)
{
    WSK_EVENT_CALLBACK_CONTROL Control = {&NPI_WSK_INTERFACE_ID, Mask};
    return CaseNpi.Dispatch->WskControlClient(CaseNpi.Client, WSK_SET_STATIC_EVENT_CALLBACKS,
                                              sizeof Control, &Control, 0, NULL, NULL, NULL);
}

static BOOLEAN Static(ULONG Mask)
{
    return CaseWsk() && NT_SUCCESS(AskStatic(Mask));
}

/* A datagram socket, bound while datagrams come; NULL if that fails. */
static PWSK_SOCKET BoundDatagram(PVOID Context, const WSK_CLIENT_DATAGRAM_DISPATCH *Dispatch)
{
    PWSK_SOCKET Socket = SocketNew(WSK_FLAG_DATAGRAM_SOCKET, Context, Dispatch);
    if (Socket == NULL) {
        return NULL;
    }
    WorldMayBegin = 1;
    if (!NT_SUCCESS(SocketBind(Socket, TCP_PORT))) {
        return NULL;
    }
    IsBound = 1;
    return Socket;
}

/* Takes one datagram by an IRP; true if one lay there. */
static BOOLEAN Takes(PWSK_SOCKET Socket)
{
    static struct request Request;
    static WSK_BUF Buffer;
    Buffer = BufferNew(64);
    if (Buffer.Mdl == NULL || !RequestNew(&Request)) {
        return FALSE;
    }
    Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, NULL, NULL, NULL, NULL, Fresh(&Request));
    CaseSleep(500);
    BOOLEAN IsThere = IsDone(&Request) && NT_SUCCESS(Request.Status);
    (void)SocketClose(Socket); /* and with it the request */
    (void)Finish(&Request);
    return IsThere;
}

/* ---- the request ---- */

MISTAKE(static_request_of_wrong_size, "CTL-100")
{
    WSK_EVENT_CALLBACK_CONTROL Control = {&NPI_WSK_INTERFACE_ID, WSK_EVENT_RECEIVE_FROM};
    if (CaseWsk()) {
        (void)CaseNpi.Dispatch->WskControlClient(
            CaseNpi.Client, WSK_SET_STATIC_EVENT_CALLBACKS,
            Mistaken ? sizeof Control.EventMask : sizeof Control, &Control, 0, NULL, NULL, NULL);
    }
}

MISTAKE(static_request_with_a_disable_bit, "CTL-100")
{
    if (CaseWsk()) {
        (void)AskStatic(WSK_EVENT_RECEIVE_FROM | (Mistaken ? WSK_EVENT_DISABLE : 0));
    }
}

MISTAKE(static_request_after_a_socket, "CTL-101 BUG-33 PROP-46")
{
    if (CaseWsk()) {
        if (!Mistaken) {
            (void)AskStatic(WSK_EVENT_RECEIVE_FROM);
        }
        PWSK_SOCKET Socket = SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &Counting);
        if (Socket != NULL && Mistaken) {
            (void)SocketClose(Socket);
            (void)AskStatic(WSK_EVENT_RECEIVE_FROM); /* again, for the next socket */
        }
    }
}

static NTSTATUS LateRequest(void)
{
    if (!CaseWsk() || SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &Counting) == NULL) {
        return STATUS_UNSUCCESSFUL;
    }
    return AskStatic(WSK_EVENT_RECEIVE_FROM);
}

FREEDOM(amb_28_fail, "CTL-101 amb.28", .knobs = "amb.28=fail", .off = "CTL-101")
{
    if (LateRequest() == STATUS_INVALID_DEVICE_STATE) {
        Witness();
    }
}

FREEDOM(amb_28_later_sockets, "CTL-101 amb.28", .knobs = "amb.28=later-sockets", .off = "CTL-101",
        .world = Sends)
{
    if (NT_SUCCESS(LateRequest()) && BoundDatagram(NULL, &Counting) != NULL &&
        Until(&Datagrams, 8000)) {
        Witness();
    }
}

FREEDOM(amb_28_second_replaces, "CTL-101 amb.28.second", .knobs = "amb.28.second=replace",
        .world = Sends)
{
    if (Static(WSK_EVENT_RECEIVE_FROM) && NT_SUCCESS(AskStatic(WSK_EVENT_ACCEPT))) {
        PWSK_SOCKET Socket = BoundDatagram(NULL, &Counting);
        CaseSleep(8000);
        if (Socket != NULL && Datagrams == 0 && Takes(Socket)) {
            Witness();
        }
    }
}

FREEDOM(amb_28_second_adds, "CTL-101 amb.28.second", .knobs = "amb.28.second=union",
        .world = Sends)
{
    if (Static(WSK_EVENT_RECEIVE_FROM) && NT_SUCCESS(AskStatic(WSK_EVENT_ACCEPT)) &&
        BoundDatagram(NULL, &Counting) != NULL && Until(&Datagrams, 8000)) {
        Witness();
    }
}

FREEDOM(amb_28_second_fails, "CTL-101 amb.28.second", .knobs = "amb.28.second=fail")
{
    if (Static(WSK_EVENT_RECEIVE_FROM) &&
        AskStatic(WSK_EVENT_ACCEPT) == STATUS_INVALID_DEVICE_STATE) {
        Witness();
    }
}

/* ---- what it turns on ---- */

/* Nothing lies in the socket while the callback has not been called. */
static void CheckIndicated(PWSK_SOCKET Socket, LONG Wanted)
{
    for (int i = 0; i < 60 && Datagrams < Wanted; i++) {
        CaseSleep(500);
    }
    Check(Datagrams >= Wanted || !Takes(Socket) || Datagrams >= Wanted);
}

DUTY(static_mask_mixes_categories, "CTL-102 PROP-19", .world = Sends)
{
    if (Static(WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE | WSK_EVENT_RECEIVE_FROM)) {
        PWSK_SOCKET Socket = BoundDatagram(NULL, &Counting);
        if (Socket != NULL) {
            CheckIndicated(Socket, 1);
        }
    }
}

DUTY(static_events_stay, "CTL-103 PROP-19", .world = Sends)
{
    if (Static(WSK_EVENT_RECEIVE_FROM)) {
        PWSK_SOCKET Socket = BoundDatagram(NULL, &Counting);
        if (Socket != NULL) {
            NTSTATUS Status = SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE);
            Check(!NT_SUCCESS(Status)); /* amb.10: success is on request */
            CheckIndicated(Socket, 1);
        }
    }
}

DUTY(static_refusal_is_no_disable, "CTL-104 PROP-21", .world = Sends,
     .knobs = "dgrm.static_refusal=dropped")
{
    Answer = STATUS_DATA_NOT_ACCEPTED;
    if (Static(WSK_EVENT_RECEIVE_FROM)) {
        PWSK_SOCKET Socket = BoundDatagram(NULL, &Counting);
        if (Socket != NULL) {
            CheckIndicated(Socket, 2);
        }
    }
}

MISTAKE(static_event_disabled, "CTL-103 BUG-08")
{
    if (Static(WSK_EVENT_RECEIVE_FROM)) {
        PWSK_SOCKET Socket = BoundDatagram(NULL, &Counting);
        if (Socket != NULL && Mistaken) {
            (void)SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE);
        }
    }
}

/* Accepted sockets: amb.27. */
static struct conn *AcceptedStatic(BOOLEAN ByIrp)
{
    if (!Static(WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT) ||
        !Listening(TCP_PORT, NULL, ByIrp ? 0 : WSK_EVENT_ACCEPT)) {
        return NULL;
    }
    BOOLEAN IsQueued = ByIrp && TcpQueueAccept(&TcpConnection);
    WorldMayBegin = 1;
    if (!ByIrp) {
        return Until(&AcceptedCount, 5000) ? &Accepted[0] : NULL;
    }
    for (int i = 0; IsQueued && !IsDone(&TcpAccept) && i < 5000; i += 10) {
        CaseSleep(10);
    }
    return IsQueued && TcpTakeAccepted() ? &Own : NULL;
}

DUTY(static_on_sockets_of_the_accept_event, "CTL-102 AMBIGUOUS-27", .world = PeerSends,
     .knobs = "amb.27=both-ways")
{
    struct conn *c = AcceptedStatic(FALSE);
    CaseSleep(1000);
    CheckReceives(c);
    TcpEnd();
}

DUTY(static_on_sockets_of_the_accept_irp, "CTL-102 AMBIGUOUS-27 amb.27", .world = PeerSends,
     .knobs = "amb.27=both-ways")
{
    struct conn *c = AcceptedStatic(TRUE);
    CaseSleep(1000);
    CheckReceives(c);
    TcpEnd();
}

DUTY(amb_27_event_only, "CTL-102 amb.27", .world = PeerSends, .knobs = "amb.27=event-only")
{
    struct conn *c = AcceptedStatic(TRUE);
    CaseSleep(3000);
    Check(c == NULL || c->Received == 0);
    TcpEnd();
}

DUTY(amb_27_not_at_all, "CTL-102 amb.27", .world = PeerSends, .knobs = "amb.27=not-at-all")
{
    struct conn *c = AcceptedStatic(FALSE);
    CaseSleep(3000);
    Check(c == NULL || c->Received == 0);
    TcpEnd();
}

static const WSK_CLIENT_DATAGRAM_DISPATCH Empty = {NULL};

MISTAKE(static_event_without_an_entry, "CTL-105 AMBIGUOUS-25")
{
    if (Static(WSK_EVENT_RECEIVE_FROM)) {
        (void)SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, Mistaken ? &Empty : &Counting);
    }
}

MISTAKE(amb_25_violation_at_creation, "SOCK-012 CTL-105 event.static_null_entry",
        .knobs = "event.static_null_entry=violation-at-creation")
{
    if (Static(WSK_EVENT_RECEIVE_FROM)) {
        (void)SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, Mistaken ? &Empty : &Counting);
    }
}

DUTY(amb_25_skipped, "CTL-105 event.static_null_entry", .world = Sends,
     .knobs = "event.static_null_entry=skipped", .is_silent = 1)
{
    if (Static(WSK_EVENT_RECEIVE_FROM) && BoundDatagram(NULL, &Empty)) {
        CaseSleep(1000);
    }
}

/* Nothing is said of the socket, only of the event; the twin has none. */
MISTAKE(amb_25_called, "MEM-NULL CTL-105 event.static_null_entry", .world = Sends,
        .knobs = "event.static_null_entry=called")
{
    if (Static(WSK_EVENT_RECEIVE_FROM) && BoundDatagram(NULL, Mistaken ? &Empty : &Counting)) {
        CaseSleep(1000);
    }
}

static void DisableStatic(NTSTATUS Expected)
{
    if (Static(WSK_EVENT_RECEIVE_FROM)) {
        PWSK_SOCKET Socket = BoundDatagram(NULL, &Counting);
        if (Socket != NULL &&
            SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE) == Expected) {
            Witness();
        }
    }
}

FREEDOM(amb_10_not_supported, "CTL-103 amb.10", .knobs = "amb.10=not-supported")
{
    DisableStatic(STATUS_NOT_SUPPORTED);
}

FREEDOM(amb_10_invalid_device_request, "CTL-103 amb.10", .knobs = "amb.10=invalid-device-request")
{
    DisableStatic(STATUS_INVALID_DEVICE_REQUEST);
}

FREEDOM(amb_10_success, "CTL-103 amb.10", .knobs = "amb.10=success")
{
    DisableStatic(STATUS_SUCCESS);
}

/* ---- when it is quiet again ---- */

static NTSTATUS WSKAPI OnDatagramForState(PVOID Context, ULONG Flags,
                                          PWSK_DATAGRAM_INDICATION Data)
{
    struct state *State = Context;
    UNREFERENCED_PARAMETER(Flags);
    if (Data != NULL) {
        InterlockedIncrement(&State->Datagrams);
    }
    return Answer;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH ForState = {OnDatagramForState};

/* BUG-08: what an event disable says is believed although the event is static. */
MISTAKE(static_event_thought_disabled, "CTL-106 BUG-08 CTL-103 PROP-29", .world = Sends)
{
    struct state *State = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *State, 'tats');
    if (State == NULL) {
        return;
    }
    RtlZeroMemory(State, sizeof *State);
    PWSK_SOCKET Socket = Static(WSK_EVENT_RECEIVE_FROM) ? BoundDatagram(State, &ForState) : NULL;
    if (Socket != NULL && Mistaken) {
        (void)SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE);
        ExFreePoolWithTag(State, 'tats');
        State = NULL;
    }
    CaseSleep(3000);
    if (Socket != NULL) {
        (void)SocketClose(Socket);
    }
    if (State != NULL) {
        ExFreePoolWithTag(State, 'tats');
    }
}

/*
 * BUG-22: takes its refusal for the end of the callbacks; the next datagram calls it again, and
 * without end as long as datagrams come. Of itself a refusal calls nobody under either reading:
 * what is offered again comes with the next call (AMBIGUOUS-LIFE-43), which a newer datagram makes.
 */
static NTSTATUS WSKAPI OnDatagramRefused(PVOID Context, ULONG Flags,
                                         PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    if (Data == NULL) {
        return STATUS_SUCCESS;
    }
    InterlockedIncrement(&Current->Datagrams);
    if (Mistaken) {
        Current = NULL; /* it has been turned off, has it not? */
    }
    return STATUS_DATA_NOT_ACCEPTED;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH Refusing = {OnDatagramRefused};

MISTAKE(static_refusal_trusted, "MEM-NULL CTL-104 BUG-22", .world = Sends)
{
    Current = &Fixed;
    if (Static(WSK_EVENT_RECEIVE_FROM) && BoundDatagram(NULL, &Refusing) != NULL) {
        CaseSleep(6000);
    }
}

/* ---- how early it comes ---- */

FREEDOM(static_callback_before_the_bind_is_known, "CTL-107",
        .world = Sends, .knobs = "bind.events_before_completion=yes")
{
    if (Static(WSK_EVENT_RECEIVE_FROM) && BoundDatagram(NULL, &Counting) != NULL) {
        CaseSleep(100);
    }
    if (SeenBeforeBind != 0) {
        Witness();
    }
}

/* The bind is known when its completion routine has run, not when its waiter has woken. */
static struct request BindRequest;

static NTSTATUS WSKAPI OnDatagramAfterBind(PVOID Context, ULONG Flags,
                                           PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Data);
    Check(IsDone(&BindRequest));
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH AfterBind = {OnDatagramAfterBind};

DUTY(static_callback_held_until_the_bind_is_known, "CTL-107 bind.events_before_completion",
     .world = Sends, .knobs = "bind.events_before_completion=after-routine")
{
    static SOCKADDR_IN Local;
    Local = Address4("0.0.0.0", TCP_PORT);
    PWSK_SOCKET Socket = Static(WSK_EVENT_RECEIVE_FROM) && RequestNew(&BindRequest)
                             ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &AfterBind)
                             : NULL;
    WorldMayBegin = 1;
    if (Socket != NULL) {
        CaseSleep(1000);
        Datagram(Socket)->WskBind(Socket, (PSOCKADDR)&Local, 0, Fresh(&BindRequest));
        (void)Finish(&BindRequest);
        CaseSleep(1000);
    }
}

/* BUG-26, CTL-107: the callback counts on what is set up when the bind is known to be done. */
static NTSTATUS WSKAPI OnDatagramForCurrent(PVOID Context, ULONG Flags,
                                            PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    if (Data != NULL) {
        InterlockedIncrement(&Current->Datagrams);
    }
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH ForCurrent = {OnDatagramForCurrent};

MISTAKE(static_callback_before_its_state, "MEM-NULL CTL-107 BUG-26", .world = Sends)
{
    if (!Mistaken) {
        Current = &Fixed;
    }
    if (Static(WSK_EVENT_RECEIVE_FROM) && BoundDatagram(NULL, &ForCurrent) != NULL) {
        Current = &Fixed;
        CaseSleep(500);
    }
}
