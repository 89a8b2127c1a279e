/* SPDX-License-Identifier: MIT */
/* Cases of the control plane, 1.8: templates of listeners, inheritance, conditional accept. */
#include "ctl_tcp.h"

/* ---- the template ---- */

/* One accepted socket whose bytes have had time to come; NULL if that did not work out. */
static struct conn *OneAccepted(void)
{
    WorldMayBegin = 1;
    if (!Until(&AcceptedCount, 5000)) {
        return NULL;
    }
    CaseSleep(2000);
    return &Accepted[0];
}

DUTY(inherits_the_template, "CTL-090 PROP-25 AMBIGUOUS-26", .world = PeerSends)
{
    if (Listening(TCP_PORT, NULL, WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE)) {
        CheckReceives(OneAccepted());
        TcpEnd();
    }
}

DUTY(template_grows, "CTL-090 CTL-092 PROP-24", .world = PeerSends)
{
    if (!Listening(TCP_PORT, NULL, WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE)) {
        return;
    }
    if (SocketEvents(TcpListener, WSK_EVENT_DISCONNECT) == STATUS_SUCCESS) {
        NTSTATUS Status = SocketEvents(TcpListener, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE);
        Check(!NT_SUCCESS(Status)); /* amb.11: the second reading is on request */
        CheckReceives(OneAccepted());
    }
    TcpEnd();
}

MISTAKE(template_bit_disabled, "CTL-092")
{
    if (Listening(TCP_PORT, NULL, WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE)) {
        if (Mistaken) {
            (void)SocketEvents(TcpListener, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE);
        }
        TcpEnd();
    }
}

FREEDOM(amb_11_success, "CTL-092 amb.11", .knobs = "amb.11=success")
{
    if (Listening(TCP_PORT, NULL, WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE)) {
        if (SocketEvents(TcpListener, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE) == STATUS_SUCCESS) {
            Witness();
        }
        TcpEnd();
    }
}

FREEDOM(amb_11_invalid_parameter, "CTL-092 amb.11", .knobs = "amb.11=invalid-parameter")
{
    if (Listening(TCP_PORT, NULL, WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE)) {
        if (SocketEvents(TcpListener, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE) ==
            STATUS_INVALID_PARAMETER) {
            Witness();
        }
        TcpEnd();
    }
}

DUTY(toggled_accept_keeps_the_template, "CTL-093 PROP-27", .world = PeerSends)
{
    if (!Listening(TCP_PORT, NULL, WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE)) {
        return;
    }
    if (SocketEvents(TcpListener, WSK_EVENT_ACCEPT | WSK_EVENT_DISABLE) == STATUS_SUCCESS &&
        SocketEvents(TcpListener, WSK_EVENT_ACCEPT) == STATUS_SUCCESS) {
        CheckReceives(OneAccepted());
    }
    TcpEnd();
}

/* The template gets its bit when the connection may already have arrived (amb.26). */
static struct conn *AcceptedAfterTemplate(void)
{
    if (!Listening(TCP_PORT, NULL, 0)) {
        return NULL;
    }
    WorldMayBegin = 1;
    CaseSleep(3000);
    if (SocketEvents(TcpListener, WSK_EVENT_RECEIVE | WSK_EVENT_ACCEPT) == STATUS_SUCCESS &&
        Until(&AcceptedCount, 3000)) {
        CaseSleep(2000);
        return &Accepted[0];
    }
    return NULL;
}

DUTY(template_is_read_at_the_return, "CTL-090 AMBIGUOUS-26 amb.26", .world = PeerSends,
     .knobs = "amb.26=at-return event.backlog_on_enable=0")
{
    CheckReceives(AcceptedAfterTemplate());
    TcpEnd();
}

FREEDOM(amb_26_at_arrival, "CTL-090 amb.26", .world = PeerSends,
        .knobs = "amb.26=at-arrival event.backlog_on_enable=0")
{
    struct conn *c = AcceptedAfterTemplate();
    if (c != NULL && c->Received == 0 && HasBytes(c->Socket, 500)) {
        Witness();
    }
    TcpEnd();
}

/* ---- WskAccept ---- */

/* A socket taken by WskAccept, in Own; false if none came. */
static BOOLEAN AcceptByIrp(ULONG Milliseconds)
{
    BOOLEAN IsQueued = TcpQueueAccept(&TcpConnection);
    WorldMayBegin = 1;
    for (ULONG i = 0; IsQueued && !IsDone(&TcpAccept) && i < Milliseconds; i += 10) {
        CaseSleep(10);
    }
    return IsQueued && TcpTakeAccepted();
}

DUTY(accept_irp_inherits_nothing, "CTL-091 PROP-26 BUG-29 AMBIGUOUS-23 amb.23", .world = PeerSends,
     .knobs = "amb.23=event-only")
{
    if (!Listening(TCP_PORT, NULL, WSK_EVENT_RECEIVE)) {
        return;
    }
    if (AcceptByIrp(5000)) {
        CaseSleep(2000);
        Check(Own.Received == 0);
    }
    TcpEnd();
}

FREEDOM(amb_23_both_ways, "CTL-091 amb.23", .world = PeerSends, .knobs = "amb.23=both-ways")
{
    if (!Listening(TCP_PORT, NULL, WSK_EVENT_RECEIVE)) {
        return;
    }
    if (AcceptByIrp(5000) && Until(&Own.Received, 2000)) {
        Witness();
    }
    TcpEnd();
}

/*
 * BUG-29: takes sockets by WskAccept and counts on the listener's events; the bytes are never
 * indicated, and whoever waits for them waits for ever.
 */
static KEVENT Came;

static NTSTATUS WSKAPI OnBytes(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION Data, SIZE_T Bytes,
                               SIZE_T *Taken)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Data);
    UNREFERENCED_PARAMETER(Bytes);
    UNREFERENCED_PARAMETER(Taken);
    KeSetEvent(&Came, IO_NO_INCREMENT, FALSE);
    return STATUS_SUCCESS;
}

static NTSTATUS WSKAPI OnEnd(PVOID Context, ULONG Flags)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    KeSetEvent(&Came, IO_NO_INCREMENT, FALSE);
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_CONNECTION_DISPATCH Waking = {OnBytes, OnEnd, NULL};

MISTAKE(inheritance_by_accept_irp_expected, "SYS-DEADLOCK CTL-091 BUG-29", .world = PeerSends)
{
    KeInitializeEvent(&Came, NotificationEvent, FALSE);
    if (!Listening(TCP_PORT, NULL, WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT)) {
        return;
    }
    BOOLEAN IsQueued = TcpQueueAccept(&Waking);
    WorldMayBegin = 1;
    for (ULONG i = 0; IsQueued && !IsDone(&TcpAccept) && i < 10000; i += 10) {
        CaseSleep(10);
    }
    if (IsQueued && TcpTakeAccepted() && Mistaken) {
        KeWaitForSingleObject(&Came, Executive, KernelMode, FALSE, NULL);
    }
    TcpEnd();
}

/* ---- who gets a connection ---- */

DUTY(accept_event_needs_an_enable, "CTL-094", .world = PeerSends)
{
    if (Listening(TCP_PORT, NULL, WSK_EVENT_RECEIVE)) {
        WorldMayBegin = 1;
        CaseSleep(4000);
        Check(AcceptedCount == 0);
        (void)AcceptByIrp(1000);
        Check(AcceptedCount == 0);
        TcpEnd();
    }
}

DUTY(queued_accept_takes_what_comes, "CTL-094", .world = PeerPersists)
{
    if (Listening(TCP_PORT, NULL, 0)) {
        BOOLEAN IsQueued = TcpQueueAccept(&TcpConnection);
        WorldMayBegin = 1;
        for (ULONG i = 0; IsQueued && !IsDone(&TcpAccept) && PeerSaw == 0 && i < 90000; i += 50) {
            CaseSleep(50);
        }
        /* A peer that was heard all the time and is still there has been accepted. */
        Check(!IsQueued || IsDone(&TcpAccept) || PeerSaw != WSKSIM_TIMEOUT + 1000);
        TcpEnd();
    }
}

FREEDOM(accept_event_overtakes_a_queued_irp, "CTL-094", .world = PeerSends)
{
    if (Listening(TCP_PORT, NULL, WSK_EVENT_ACCEPT)) {
        BOOLEAN IsQueued = TcpQueueAccept(&TcpConnection);
        WorldMayBegin = 1;
        if (IsQueued && Until(&AcceptedCount, 4000) && !IsDone(&TcpAccept)) {
            Witness();
        }
        TcpEnd();
    }
}

/* BUG-30: what the callback needs is set up only when no accept is queued any more. */
static struct conn *Table;

static NTSTATUS WSKAPI OnAcceptIntoTable(PVOID Context, ULONG Flags, PSOCKADDR Local,
                                         PSOCKADDR Remote, PWSK_SOCKET Socket, PVOID *OutContext,
                                         const WSK_CLIENT_CONNECTION_DISPATCH **OutDispatch)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Local);
    UNREFERENCED_PARAMETER(Remote);
    UNREFERENCED_PARAMETER(OutContext);
    UNREFERENCED_PARAMETER(OutDispatch);
    if (Socket != NULL) {
        Table->Received++;
    }
    return STATUS_REQUEST_NOT_ACCEPTED;
}

static const WSK_CLIENT_LISTEN_DISPATCH IntoTable = {OnAcceptIntoTable, NULL, NULL};

MISTAKE(queued_accept_trusted_to_silence, "MEM-NULL CTL-094 BUG-30", .world = PeerSends)
{
    if (!Mistaken) {
        Table = &Accepted[1];
    }
    if (Listening(TCP_PORT, &IntoTable, 0)) {
        (void)TcpQueueAccept(&TcpConnection);
        (void)SocketEvents(TcpListener, WSK_EVENT_ACCEPT);
        WorldMayBegin = 1;
        CaseSleep(4000);
        TcpEnd();
    }
}

/* ---- the answer of WskAcceptEvent ---- */

static PWSK_SOCKET Refused;
static const WSK_PROVIDER_CONNECTION_DISPATCH *RefusedTable;
static NTSTATUS RefusedStatus; /* of an enable made inside */
static volatile LONG Shown;
static const WSK_CLIENT_CONNECTION_DISPATCH *Given = &TcpConnection;
static BOOLEAN EnablesFirst;

static NTSTATUS WSKAPI OnAcceptRefuse(PVOID Context, ULONG Flags, PSOCKADDR Local,
                                      PSOCKADDR Remote, PWSK_SOCKET Socket, PVOID *OutContext,
                                      const WSK_CLIENT_CONNECTION_DISPATCH **OutDispatch)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Local);
    UNREFERENCED_PARAMETER(Remote);
    UNREFERENCED_PARAMETER(OutContext);
    UNREFERENCED_PARAMETER(OutDispatch);
    if (Socket != NULL) {
        Refused = Socket;
        RefusedTable = Connection(Socket);
        InterlockedIncrement(&Shown);
    }
    return STATUS_REQUEST_NOT_ACCEPTED;
}

static const WSK_CLIENT_LISTEN_DISPATCH Refusing = {OnAcceptRefuse, NULL, NULL};

MISTAKE(refused_socket_is_closed_too, "CTL-183 CTL-095 BUG-28 PROP-56", .world = PeerSends)
{
    if (Listening(TCP_PORT, &Refusing, WSK_EVENT_ACCEPT)) {
        WorldMayBegin = 1;
        if (Until(&Shown, 4000) && Mistaken) {
            CaseSleep(500);
            (void)SocketClose(Refused);
        }
        TcpEnd();
    }
}

/* The same by a client that keeps the provider's table and does not look into the object. */
MISTAKE(refused_socket_is_used, "ACPT-014 CTL-095 BUG-28", .world = PeerSends)
{
    static SOCKADDR_IN Address;
    static struct request Request;
    if (Listening(TCP_PORT, &Refusing, WSK_EVENT_ACCEPT)) {
        WorldMayBegin = 1;
        if (Until(&Shown, 4000) && Mistaken && RequestNew(&Request)) {
            CaseSleep(500);
            RefusedTable->WskGetLocalAddress(Refused, (PSOCKADDR)&Address, Fresh(&Request));
            (void)Finish(&Request);
        }
        TcpEnd();
    }
}

DUTY(refused_connection_is_ended, "CTL-095", .world = PeerPersists)
{
    if (Listening(TCP_PORT, &Refusing, WSK_EVENT_ACCEPT)) {
        WorldMayBegin = 1;
        if (Until(&Shown, 4000)) {
            (void)Until(&PeerSaw, 90000);
            Check(PeerSaw != WSKSIM_TIMEOUT + 1000);
        }
        TcpEnd();
    }
}

/* Stores and enables in this order or the other. */
static NTSTATUS WSKAPI OnAcceptEnable(PVOID Context, ULONG Flags, PSOCKADDR Local,
                                      PSOCKADDR Remote, PWSK_SOCKET Socket, PVOID *OutContext,
                                      const WSK_CLIENT_CONNECTION_DISPATCH **OutDispatch)
{
    LONG i = AcceptedCount;
    if (EnablesFirst && Socket != NULL) {
        (void)SocketEvents(Socket, WSK_EVENT_RECEIVE);
    }
    NTSTATUS Status =
        TcpOnAccept(Context, Flags, Local, Remote, Socket, OutContext, OutDispatch);
    if (Status == STATUS_SUCCESS) {
        *OutDispatch = Given;
    }
    if (!EnablesFirst && Status == STATUS_SUCCESS && i == 0 && Given != NULL) {
        RefusedStatus = SocketEvents(Socket, WSK_EVENT_RECEIVE);
    }
    return Status;
}

static const WSK_CLIENT_LISTEN_DISPATCH Enabling = {OnAcceptEnable, NULL, NULL};

MISTAKE(enables_before_the_outputs_are_stored, "CTL-095a BUG-27", .world = PeerSends)
{
    EnablesFirst = Mistaken;
    if (Listening(TCP_PORT, &Enabling, WSK_EVENT_ACCEPT)) {
        (void)OneAccepted();
        TcpEnd();
    }
}

MISTAKE(no_table_for_inherited_events, "SOCK-012 CTL-095b BUG-27", .world = PeerSends)
{
    Given = Mistaken ? NULL : &TcpConnection;
    if (Listening(TCP_PORT, &Enabling, WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE)) {
        (void)OneAccepted();
        TcpEnd();
    }
}

DUTY(enable_inside_the_accept_counts, "CTL-095 PROP-25", .world = PeerSends,
     .knobs = "event.backlog_on_enable=yes")
{
    RefusedStatus = STATUS_UNSUCCESSFUL;
    if (Listening(TCP_PORT, &Enabling, WSK_EVENT_ACCEPT)) {
        struct conn *c = OneAccepted();
        if (NT_SUCCESS(RefusedStatus)) {
            CheckReceives(c);
        }
        TcpEnd();
    }
}

/* ---- conditional accept ---- */

DUTY(inspects_only_if_asked, "CTL-096", .world = PeerSends)
{
    if (Listening(TCP_PORT, NULL, WSK_EVENT_ACCEPT)) {
        (void)OneAccepted();
        Check(Inspected == 0 && AbortedCount == 0);
        TcpEnd();
    }
}

DUTY(inspects_before_it_delivers, "CTL-096 CTL-069 CTL-097 PROP-28", .world = PeerSends)
{
    if (!Inspecting(TCP_PORT, &TcpListen, WSK_EVENT_ACCEPT)) {
        return;
    }
    NTSTATUS Status = SocketEvents(TcpListener, WSK_EVENT_ACCEPT | WSK_EVENT_DISABLE);
    if (Status == STATUS_SUCCESS && AcceptByIrp(5000)) {
        Check(Inspected != 0);
    }
    TcpEnd();
}

/* A table with holes: fine as long as nothing is inspected. */
static const WSK_CLIENT_LISTEN_DISPATCH OnlyAccepting = {TcpOnAccept, NULL, NULL};

MISTAKE(conditional_without_callbacks, "LSTN-004 CTL-096")
{
    if (Inspecting(TCP_PORT, Mistaken ? &OnlyAccepting : &TcpListen, WSK_EVENT_ACCEPT)) {
        TcpEnd();
    }
}

/* BUG-31: inspection is asked for when the listener is bound already. */
MISTAKE(conditional_accept_after_bind, "CTL-129 CTL-096 BUG-31 BUG-32")
{
    static ULONG On;
    On = 1;
    if (Listening(TCP_PORT, NULL, WSK_EVENT_ACCEPT)) {
        if (Mistaken) {
            (void)SocketControl(TcpListener, WskSetOption, SO_CONDITIONAL_ACCEPT, SOL_SOCKET,
                                sizeof On, &On, 0, NULL, NULL);
        }
        TcpEnd();
    }
}

/* ---- after the accept ---- */

DUTY(accepted_outlives_its_listener, "CTL-098", .world = PeerWaits)
{
    if (!Listening(TCP_PORT, NULL, WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE)) {
        return;
    }
    WorldMayBegin = 1;
    if (Until(&AcceptedCount, 5000)) {
        (void)SocketEvents(TcpListener, WSK_EVENT_ACCEPT | WSK_EVENT_DISABLE);
        (void)SocketClose(TcpListener);
        TcpListener = NULL;
        WorldMaySend = 1;
        CaseSleep(2000);
        CheckReceives(&Accepted[0]);
    }
    TcpEnd();
}

DUTY(inherited_event_can_be_disabled, "CTL-098a", .world = PeerWaits,
     .knobs = "amb.09.after=accept event.backlog_on_enable=yes")
{
    if (!Listening(TCP_PORT, NULL, WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE)) {
        return;
    }
    WorldMayBegin = 1;
    if (Until(&AcceptedCount, 5000)) {
        CaseSleep(1000);
        struct conn *c = &Accepted[0];
        NTSTATUS Status = SocketEvents(c->Socket, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE);
        Check(Status == STATUS_SUCCESS || Status == STATUS_EVENT_PENDING ||
              Status == STATUS_FILE_FORCED_CLOSED);
        if (Status == STATUS_SUCCESS) {
            LONG Before = c->Received;
            WorldMaySend = 1;
            CaseSleep(3000);
            Check(c->Received == Before);
            Status = SocketEvents(c->Socket, WSK_EVENT_RECEIVE);
            if (Status == STATUS_SUCCESS) {
                CheckReceives(c);
            }
        }
    }
    TcpEnd();
}

/* An inherited event is disabled on the accepted socket as a matter of course: no lint. */
MISTAKE(inherited_taken_for_template, "CTL-092 CTL-098a", .world = PeerWaits)
{
    if (!Listening(TCP_PORT, NULL, WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE)) {
        return;
    }
    WorldMayBegin = 1;
    if (Until(&AcceptedCount, 5000)) {
        CaseSleep(100);
        (void)SocketEvents(Mistaken ? TcpListener : Accepted[0].Socket,
                           WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE);
    }
    TcpEnd();
}

/* ---- WskClientEvent ---- */

static volatile LONG ClientEvents;

static NTSTATUS WSKAPI OnClientEvent(PVOID Context, ULONG Event, PVOID Information, SIZE_T Length)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Event);
    UNREFERENCED_PARAMETER(Information);
    UNREFERENCED_PARAMETER(Length);
    InterlockedIncrement(&ClientEvents);
    return Mistaken ? STATUS_SUCCESS : STATUS_NOT_IMPLEMENTED;
}

MISTAKE(client_event_answers_success, "CTL-099")
{
    CaseClient.WskClientEvent = OnClientEvent;
    if (CaseWsk()) {
        CaseSleep(1000);
    }
}

FREEDOM(client_event_of_an_unknown_type, "CTL-099 client.event",
        .knobs = "client.event=unknown-type")
{
    CaseClient.WskClientEvent = OnClientEvent;
    if (CaseWsk() && Until(&ClientEvents, 2000)) {
        Witness();
    }
}

DUTY(client_event_is_never_called, "CTL-099 client.event", .knobs = "client.event=never")
{
    CaseClient.WskClientEvent = OnClientEvent;
    if (CaseWsk()) {
        CaseSleep(2000);
        Check(ClientEvents == 0);
    }
}
