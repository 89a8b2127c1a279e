/* SPDX-License-Identifier: MIT */
/* Cases of the control plane, 1.5 and 1.6: SO_WSK_EVENT_CALLBACK, its shape, and enabling. */
#include "ctl.h"

static struct request Request;
static LONG Asked;

static const WSK_CLIENT_DATAGRAM_DISPATCH Empty; /* no callback */

/* The option with all it takes; an IRP of Request if asked for. */
static NTSTATUS Event(PWSK_SOCKET Socket, ULONG Mask, PNPIID Id, SIZE_T Size, BOOLEAN HasIrp)
{
    static WSK_EVENT_CALLBACK_CONTROL Control;
    Control.NpiId = Id;
    Control.EventMask = Mask;
    return Basic(Socket)->WskControlSocket(Socket, WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET,
                                           Size, &Control, 0, NULL, NULL,
                                           HasIrp ? Fresh(&Request) : NULL);
}

static NTSTATUS Plain(PWSK_SOCKET Socket, ULONG Mask)
{
    return Event(Socket, Mask, (PNPIID)&NPI_WSK_INTERFACE_ID, sizeof(WSK_EVENT_CALLBACK_CONTROL),
                 FALSE);
}

/* A bound datagram socket whose client has no callback. */
static PWSK_SOCKET MuteAt(USHORT Number)
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &Empty) : NULL;
    return Socket != NULL && NT_SUCCESS(SocketBind(Socket, Number)) ? Socket : NULL;
}

static PWSK_SOCKET Mute(void)
{
    return MuteAt(PORT);
}

/* ---- 1.5: to what it applies ---- */

MISTAKE(event_on_a_basic_socket, "CTL-068 CTL-060")
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_BASIC_SOCKET, NULL, NULL) : NULL;
    if (Socket != NULL && Mistaken) {
        (void)Plain(Socket, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE);
    }
}

MISTAKE(disabled_before_bound, "CTL-061 BUG-07")
{
    if (CaseWsk()) {
        Port = SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &PortDispatch);
        if (Port == NULL || (!Mistaken && !NT_SUCCESS(SocketBind(Port, PORT)))) {
            return;
        }
        (void)PortDisable(NULL); /* "now it is quiet" */
        (void)SocketClose(Port);
    }
}

MISTAKE(enabled_before_connected, "CTL-062 BUG-07", .world = TcpWorld)
{
    static const WSK_CLIENT_CONNECTION_DISPATCH None;
    PWSK_SOCKET Socket = NULL;
    if (!Mistaken) {
        Socket = TcpOpen() ? Tcp : NULL;
    } else if (CaseWsk()) {
        Socket = SocketNew(WSK_FLAG_CONNECTION_SOCKET, NULL, &None);
    }
    if (Socket != NULL) {
        (void)Plain(Socket, WSK_EVENT_DISCONNECT | WSK_EVENT_DISABLE);
    }
    TcpEnd();
}

MISTAKE(event_control_too_small, "CTL-063")
{
    if (PortOpen()) {
        (void)Event(Port, WSK_EVENT_RECEIVE_FROM, (PNPIID)&NPI_WSK_INTERFACE_ID,
                    sizeof(WSK_EVENT_CALLBACK_CONTROL) - (Mistaken ? 4u : 0u), FALSE);
    }
    PortEnd();
}

MISTAKE(event_option_is_read, "CTL-064")
{
    static WSK_EVENT_CALLBACK_CONTROL Control;
    if (PortOpen() && Mistaken) {
        (void)Basic(Port)->WskControlSocket(Port, WskGetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET,
                                            0, NULL, sizeof Control, &Control, NULL, NULL);
    }
    PortEnd();
}

MISTAKE(event_of_an_unknown_interface, "CTL-066 CTL-065")
{
    static NPIID Other = {0x12345678, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};
    if (PortOpen()) {
        (void)Event(Port, WSK_EVENT_RECEIVE_FROM,
                    Mistaken ? &Other : (PNPIID)&NPI_WSK_INTERFACE_ID,
                    sizeof(WSK_EVENT_CALLBACK_CONTROL), FALSE);
    }
    PortEnd();
}

DUTY(npi_id_counts_by_its_contents, "CTL-065")
{
    static NPIID Copy;
    Copy = NPI_WSK_INTERFACE_ID;
    if (PortOpen()) {
        NTSTATUS Status = Event(Port, WSK_EVENT_RECEIVE_FROM, &Copy,
                                sizeof(WSK_EVENT_CALLBACK_CONTROL), FALSE);
        Check(Status == STATUS_SUCCESS || Status == STATUS_FILE_FORCED_CLOSED);
    }
    PortEnd();
}

MISTAKE(event_of_another_category, "CTL-067")
{
    if (PortOpen()) {
        (void)Plain(Port, WSK_EVENT_RECEIVE_FROM | (Mistaken ? WSK_EVENT_RECEIVE : 0u));
    }
    PortEnd();
}

FREEDOM(amb_08_fail_request, "CTL-067 amb.08", .off = "CTL-067",
        .knobs = "amb.08=fail-request amb.58=all-or-nothing", .world = PortWorld)
{
    if (PortOpen() &&
        Plain(Port, WSK_EVENT_RECEIVE_FROM | WSK_EVENT_RECEIVE) == STATUS_INVALID_PARAMETER) {
        CaseSleep(20);
        if (PortEntered == 0) {
            Witness();
        }
    }
    PortEnd();
}

FREEDOM(amb_08_ignore_foreign, "CTL-067 amb.08", .off = "CTL-067",
        .knobs = "amb.08=ignore-foreign", .world = PortWorld)
{
    if (PortOpen() && Plain(Port, WSK_EVENT_RECEIVE_FROM | WSK_EVENT_RECEIVE) == STATUS_SUCCESS &&
        PortWait(1)) {
        Witness();
    }
    PortEnd();
}

FREEDOM(amb_08_invalid_device_request, "CTL-067 amb.08", .off = "CTL-067",
        .knobs = "amb.08=invalid-device-request amb.58=all-or-nothing")
{
    if (PortOpen() &&
        Plain(Port, WSK_EVENT_RECEIVE_FROM | WSK_EVENT_RECEIVE) == STATUS_INVALID_DEVICE_REQUEST) {
        Witness();
    }
    PortEnd();
}

DUTY(amb_58_all_or_nothing, "CTL-067 amb.58", .off = "CTL-067",
     .knobs = "amb.08=fail-request amb.58=all-or-nothing", .world = PortWorld)
{
    if (PortOpen() && !NT_SUCCESS(Plain(Port, WSK_EVENT_RECEIVE_FROM | WSK_EVENT_RECEIVE))) {
        CaseSleep(20);
        Check(PortEntered == 0);
    }
    PortEnd();
}

FREEDOM(amb_58_valid_bits, "CTL-067 amb.58", .off = "CTL-067",
        .knobs = "amb.08=fail-request amb.58=valid-bits", .world = PortWorld)
{
    if (PortOpen() &&
        Plain(Port, WSK_EVENT_RECEIVE_FROM | WSK_EVENT_RECEIVE) == STATUS_INVALID_PARAMETER &&
        PortWait(1)) {
        Witness();
    }
    PortEnd();
}

FREEDOM(amb_09_fail, "CTL-061 amb.09", .off = "CTL-061", .knobs = "amb.09=fail")
{
    PWSK_SOCKET Socket =
        CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &PortDispatch) : NULL;
    if (Socket != NULL && Plain(Socket, WSK_EVENT_RECEIVE_FROM) == STATUS_INVALID_DEVICE_STATE) {
        Witness();
    }
}

FREEDOM(amb_09_remember, "CTL-061 amb.09", .off = "CTL-061", .knobs = "amb.09=remember",
        .world = PortWorld)
{
    Port = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &PortDispatch) : NULL;
    if (Port != NULL && Plain(Port, WSK_EVENT_RECEIVE_FROM) == STATUS_SUCCESS &&
        NT_SUCCESS(SocketBind(Port, PORT)) && PortWait(1)) {
        Witness();
    }
    Port = NULL;
    PortEnd();
}

FREEDOM(amb_09_after_fail, "CTL-062 amb.09.after", .knobs = "amb.09.after=fail", .world = TcpWorld)
{
    if (TcpOpen() && NT_SUCCESS(Plain(Tcp, WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT)) &&
        TcpWait(&TcpDisconnects) &&
        Plain(Tcp, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE) == STATUS_INVALID_DEVICE_STATE) {
        Witness();
    }
    TcpEnd();
}

FREEDOM(amb_09_after_accept, "CTL-062 amb.09.after", .knobs = "amb.09.after=accept",
        .world = TcpWorld)
{
    if (TcpOpen() && NT_SUCCESS(Plain(Tcp, WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT)) &&
        TcpWait(&TcpDisconnects) &&
        Plain(Tcp, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE) == STATUS_SUCCESS) {
        Witness();
    }
    TcpEnd();
}

/* A mask without an event on a stream socket without a role is wrong in two ways. */
static NTSTATUS WrongTwice(void)
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_STREAM_SOCKET, NULL, NULL) : NULL;
    return Socket != NULL ? Plain(Socket, 0) : STATUS_SUCCESS;
}

FREEDOM(amb_61_listed_order, "CTL-027 amb.61", .knobs = "amb.61=listed-order amb.07.zero=fail")
{
    if (WrongTwice() == STATUS_INVALID_PARAMETER) {
        Witness();
    }
}

FREEDOM(amb_61_shuffled, "CTL-027 amb.61", .knobs = "amb.61=shuffled amb.07.zero=fail")
{
    if (WrongTwice() == STATUS_INVALID_DEVICE_STATE) {
        Witness();
    }
}

FREEDOM(amb_07_zero_success, "CTL-067 amb.07.zero", .knobs = "amb.07.zero=success")
{
    if (PortOpen() && Plain(Port, 0) == STATUS_SUCCESS) {
        Witness();
    }
    PortEnd();
}

FREEDOM(amb_07_zero_fail, "CTL-067 amb.07.zero", .knobs = "amb.07.zero=fail")
{
    if (PortOpen() && Plain(Port, 0) == STATUS_INVALID_PARAMETER) {
        Witness();
    }
    PortEnd();
}

DUTY(never_called_unless_enabled, "CTL-070 PROP-14", .world = PortWorld)
{
    if (PortOpen()) {
        CaseSleep(15);
        Check(PortEntered == 0);
    }
    PortEnd();
}

MISTAKE(enabled_without_a_callback, "CTL-071")
{
    PWSK_SOCKET Socket = Mute();
    if (Socket != NULL && Mistaken) {
        (void)Plain(Socket, WSK_EVENT_RECEIVE_FROM);
    }
}

FREEDOM(amb_12_fail, "CTL-071 amb.12", .off = "CTL-071", .knobs = "amb.12=fail")
{
    PWSK_SOCKET Socket = Mute();
    if (Socket != NULL && Plain(Socket, WSK_EVENT_RECEIVE_FROM) == STATUS_INVALID_PARAMETER) {
        Witness();
    }
}

FREEDOM(amb_12_accept_never_called, "CTL-071 amb.12", .off = "CTL-071",
        .knobs = "amb.12=accept-never-called", .world = PortWorld)
{
    PWSK_SOCKET Socket = Mute();
    if (Socket != NULL && Plain(Socket, WSK_EVENT_RECEIVE_FROM) == STATUS_SUCCESS) {
        CaseSleep(20);
        Witness();
    }
    PortEnd();
}

MISTAKE(amb_12_accept_crash, "CTL-071", .knobs = "amb.12=accept-crash", .world = PortWorld)
{
    PWSK_SOCKET Socket = Mute();
    if (Socket != NULL && Mistaken) {
        (void)Plain(Socket, WSK_EVENT_RECEIVE_FROM);
        CaseSleep(30);
    }
    PortEnd();
}

/* Nothing is said of the enable, only of the event; here none comes. */
DUTY(amb_12_accept_without_event, "CTL-071 amb.12", .knobs = "amb.12=accept-crash",
     .world = PortWorld)
{
    PWSK_SOCKET Socket = MuteAt(PORT + 1);
    if (Socket != NULL) {
        Check(Plain(Socket, WSK_EVENT_RECEIVE_FROM) != STATUS_INVALID_PARAMETER);
        CaseSleep(30);
    }
    PortEnd();
}

/* ---- 1.6: enabling ---- */

/* The peer sends and finishes: both callbacks, or the NULL form, come. */
static void CheckBoth(void)
{
    (void)TcpWait(&TcpReceives);
    for (ULONG i = 0; i < 3000 && TcpDisconnects == 0 && TcpNulls == 0; i++) {
        CaseSleep(1);
    }
    Check(!TcpFinished || TcpReceives == 0 || TcpDisconnects != 0 || TcpNulls != 0);
    Check(!TcpFinished || TcpDisconnects == 0 || TcpReceives != 0 || TcpNulls != 0);
}

DUTY(several_events_in_one_mask, "CTL-073 PROP-12", .world = TcpWorld,
     .knobs = "recv.data_at_abort=delivered-first")
{
    if (TcpOpen() && NT_SUCCESS(Plain(Tcp, WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT |
                                               WSK_EVENT_SEND_BACKLOG))) {
        CheckBoth();
    }
    TcpEnd();
}

DUTY(enable_leaves_the_others, "CTL-076 PROP-11", .world = TcpWorld,
     .knobs = "recv.data_at_abort=delivered-first event.backlog_on_enable=yes")
{
    if (TcpOpen() && NT_SUCCESS(Plain(Tcp, WSK_EVENT_DISCONNECT)) &&
        NT_SUCCESS(Plain(Tcp, WSK_EVENT_RECEIVE))) {
        CheckBoth();
    }
    TcpEnd();
}

MISTAKE(enable_with_an_irp, "CTL-074")
{
    if (PortOpen() && RequestNew(&Request)) {
        (void)Event(Port, WSK_EVENT_RECEIVE_FROM, (PNPIID)&NPI_WSK_INTERFACE_ID,
                    sizeof(WSK_EVENT_CALLBACK_CONTROL), Mistaken);
        if (Mistaken) {
            (void)Finish(&Request);
        }
    }
    PortEnd();
}

static NTSTATUS EnableWithIrp(void)
{
    return PortOpen() && RequestNew(&Request)
               ? Event(Port, WSK_EVENT_RECEIVE_FROM, (PNPIID)&NPI_WSK_INTERFACE_ID,
                       sizeof(WSK_EVENT_CALLBACK_CONTROL), TRUE)
               : STATUS_UNSUCCESSFUL;
}

FREEDOM(amb_06_accept, "CTL-074 amb.06", .knobs = "amb.06=accept")
{
    if (EnableWithIrp() == STATUS_SUCCESS && Finish(&Request) == STATUS_SUCCESS) {
        Witness();
    }
    PortEnd();
}

FREEDOM(amb_06_pend, "CTL-074 amb.06", .knobs = "amb.06=pend")
{
    if (EnableWithIrp() == STATUS_PENDING && Finish(&Request) == STATUS_SUCCESS) {
        Witness();
    }
    PortEnd();
}

FREEDOM(amb_06_reject, "CTL-074 amb.06", .knobs = "amb.06=reject")
{
    if (EnableWithIrp() == STATUS_INVALID_PARAMETER &&
        Finish(&Request) == STATUS_INVALID_PARAMETER) {
        Witness();
    }
    PortEnd();
}

FREEDOM(amb_06_ignore, "CTL-074 amb.06", .knobs = "amb.06=ignore", .off = "IRP-028")
{
    if (EnableWithIrp() == STATUS_SUCCESS) {
        CaseSleep(5);
        if (Request.Completions == 0) {
            Witness();
            (void)RequestForget(&Request); /* it never comes back */
        }
    }
    PortEnd();
}

static NTSTATUS ToggleInside(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    (void)PortDisable(NULL);
    NTSTATUS Status = SocketEvents(Port, WSK_EVENT_RECEIVE_FROM);
    Check(Status != STATUS_PENDING && Status != STATUS_EVENT_PENDING);
    return STATUS_SUCCESS;
}

DUTY(enable_never_pends, "CTL-075 PROP-05", .world = PortWorld)
{
    if (PortEnabled(ToggleInside)) {
        (void)PortWait(3);
    }
    PortEnd();
}

static volatile LONG Enabling;

static NTSTATUS SeeEnabling(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (Enabling) {
        Witness();
    }
    return STATUS_SUCCESS;
}

FREEDOM(called_inside_the_enable, "CTL-077", .world = PortWorld)
{
    PortInside = SeeEnabling;
    if (PortOpen()) {
        CaseSleep(5); /* something is buffered by then */
        Enabling = 1;
        (void)SocketEvents(Port, WSK_EVENT_RECEIVE_FROM);
        Enabling = 0;
    }
    PortEnd();
}

static struct state {
    volatile LONG Count;
} State, *StateOfPort;

static NTSTATUS UseState(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    InterlockedIncrement(&StateOfPort->Count);
    return STATUS_SUCCESS;
}

MISTAKE(enabled_before_its_state_is_there, "MEM-NULL CTL-077 BUG-26", .world = PortWorld)
{
    PortInside = UseState;
    if (PortOpen()) {
        if (!Mistaken) {
            StateOfPort = &State;
        }
        (void)SocketEvents(Port, WSK_EVENT_RECEIVE_FROM);
        StateOfPort = &State;
        (void)PortWait(1);
    }
    PortEnd();
}

static UCHAR FirstRefused, FirstAfter;

static UCHAR ByteOf(const WSK_DATAGRAM_INDICATION *Data)
{
    const UCHAR *Bytes = MmGetSystemAddressForMdlSafe(Data->Buffer.Mdl,
                                                      NormalPagePriority | MdlMappingNoExecute);
    return Bytes != NULL ? Bytes[Data->Buffer.Offset] : 0;
}

static NTSTATUS RefuseFirst(PWSK_DATAGRAM_INDICATION Data)
{
    if (InterlockedExchange(&Asked, 1) == 0) {
        FirstRefused = ByteOf(Data);
        return STATUS_DATA_NOT_ACCEPTED;
    }
    if (FirstAfter == 0) {
        FirstAfter = ByteOf(Data);
    }
    return STATUS_SUCCESS;
}

DUTY(resumes_with_what_was_refused, "CTL-078 PROP-20", .world = PortWorld,
     .knobs = "event.concurrency=serial")
{
    if (PortEnabled(RefuseFirst) && PortWait(1)) {
        CaseSleep(5);
        if (SocketEvents(Port, WSK_EVENT_RECEIVE_FROM) == STATUS_SUCCESS && PortWait(2)) {
            CaseSleep(1);
            Check(FirstAfter == FirstRefused || FirstRefused == 0 || FirstAfter == 0);
        }
    }
    PortEnd();
}

FREEDOM(amb_05_fail, "CTL-073 amb.05", .knobs = "amb.05=fail")
{
    if (PortEnabled(NULL) && !NT_SUCCESS(SocketEvents(Port, WSK_EVENT_RECEIVE_FROM))) {
        Witness();
    }
    PortEnd();
}

FREEDOM(amb_05_success, "CTL-073 amb.05", .knobs = "amb.05=success")
{
    if (PortEnabled(NULL) && SocketEvents(Port, WSK_EVENT_RECEIVE_FROM) == STATUS_SUCCESS) {
        Witness();
    }
    PortEnd();
}

FREEDOM(amb_21_initial_report, "CTL-077 amb.21.backlog", .knobs = "amb.21.backlog=initial-report",
        .world = TcpWorld)
{
    if (TcpOpen() && Plain(Tcp, WSK_EVENT_SEND_BACKLOG) == STATUS_SUCCESS &&
        TcpWait(&TcpBacklogs)) {
        Witness();
    }
    TcpEnd();
}

/* Three datagrams, once somebody is there, and none later. */
static volatile LONG IsThere, IsAsked;

static void ThreeEarly(void)
{
    struct wsksim_port *From = wsksim_bind(NULL, 0);
    for (unsigned us = 500; !IsThere && !IsAsked && !wsksim_is_over(); us += us / 2) {
        wsksim_sleep(us);
    }
    for (unsigned char i = 1; i <= 3 && IsThere; i++) {
        (void)wsksim_send_to(From, NULL, PORT, &i, 1);
    }
}

/* Enabled long after they came: calls of the callback. */
static LONG CalledForThree(void)
{
    if (PortOpen()) {
        IsThere = 1;
        CaseSleep(30000);
        (void)SocketEvents(Port, WSK_EVENT_RECEIVE_FROM);
        CaseSleep(30000);
    }
    IsAsked = 1;
    PortEnd();
    return PortEntered;
}

FREEDOM(amb_59_buffered, "CTL-077 amb.59", .world = ThreeEarly,
        .knobs = "amb.59=buffered event.backlog_on_enable=yes")
{
    if (CalledForThree() != 0) {
        Witness();
    }
}

DUTY(amb_59_datagrams_dropped, "CTL-077 amb.59", .world = ThreeEarly,
     .knobs = "amb.59=datagrams-dropped event.backlog_on_enable=yes")
{
    Check(CalledForThree() == 0);
}
