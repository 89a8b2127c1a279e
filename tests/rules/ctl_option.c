/* SPDX-License-Identifier: MIT */
/* Cases of the control plane, 1.11: ordinary socket options; and those of the protocols (2.4). */
#include "ctl_tcp.h"

static ULONG Value; /* what options read and write */
static struct request Request;

static NTSTATUS SetAt(PWSK_SOCKET Socket, ULONG Level, ULONG Option, ULONG New, SIZE_T Size)
{
    static ULONG Storage[4];
    Storage[0] = New;
    return SocketControl(Socket, WskSetOption, Option, Level, Size, Storage, 0, NULL, NULL);
}

static NTSTATUS Set(PWSK_SOCKET Socket, ULONG Option, ULONG New)
{
    return SetAt(Socket, SOL_SOCKET, Option, New, sizeof New);
}

/* STATUS_SUCCESS: Value. */
static NTSTATUS Get(PWSK_SOCKET Socket, ULONG Option)
{
    Value = 0x55555555;
    return SocketControl(Socket, WskGetOption, Option, SOL_SOCKET, 0, NULL, sizeof Value, &Value,
                         NULL);
}

static PWSK_SOCKET New(ULONG Flags)
{
    return CaseWsk() ? SocketNew(Flags, NULL, NULL) : NULL;
}

/* ---- shape ---- */

MISTAKE(option_of_two_bytes, "CTL-125")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_DATAGRAM_SOCKET);
    if (Socket != NULL) {
        (void)SetAt(Socket, SOL_SOCKET, SO_BROADCAST, 1, Mistaken ? 2 : 4);
    }
}

MISTAKE(option_without_irp, "CTL-012 CTL-125")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_DATAGRAM_SOCKET);
    if (Socket != NULL && Mistaken) {
        (void)Basic(Socket)->WskControlSocket(Socket, WskSetOption, SO_BROADCAST, SOL_SOCKET,
                                              sizeof Value, &Value, 0, NULL, NULL, NULL);
    }
}

MISTAKE(switch_set_to_two, "CTL-126 PROP-43")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_DATAGRAM_SOCKET);
    if (Socket != NULL) {
        (void)Set(Socket, SO_BROADCAST, Mistaken ? 2 : 1);
    }
}

/* BUG-41a: one byte comes, four are read, and the other three were never written. */
MISTAKE(option_result_not_initialised, "SYS-ASSERT CTL-125 BUG-41a")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_DATAGRAM_SOCKET);
    ULONG *Result = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Result, 'tluR');
    if (Result == NULL) {
        return;
    }
    if (!Mistaken) {
        *Result = 0;
    }
    if (Socket != NULL &&
        NT_SUCCESS(SocketControl(Socket, WskGetOption, SO_BROADCAST, SOL_SOCKET, 0, NULL, 1,
                                 Result, NULL))) {
        NT_ASSERT(*Result <= 1);
    }
    ExFreePoolWithTag(Result, 'tluR');
}

FREEDOM(amb_46_short_accepted, "CTL-125 amb.46", .knobs = "amb.46=short-accepted",
        .off = "CTL-125")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_DATAGRAM_SOCKET);
    if (Socket != NULL && NT_SUCCESS(SetAt(Socket, SOL_SOCKET, SO_BROADCAST, 1, 3))) {
        Witness();
    }
}

FREEDOM(amb_46_short_refused, "CTL-125 amb.46", .knobs = "amb.46=short-refused")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_DATAGRAM_SOCKET);
    if (Socket != NULL &&
        SetAt(Socket, SOL_SOCKET, SO_BROADCAST, 1, 1) == STATUS_INVALID_PARAMETER) {
        Witness();
    }
}

FREEDOM(amb_46_large_accepted, "CTL-125 amb.46.large", .knobs = "amb.46.large=accepted",
        .off = "CTL-125")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_DATAGRAM_SOCKET);
    if (Socket != NULL && NT_SUCCESS(SetAt(Socket, SOL_SOCKET, SO_BROADCAST, 1, 8)) &&
        NT_SUCCESS(Get(Socket, SO_BROADCAST)) && Value == 1) {
        Witness();
    }
}

FREEDOM(amb_46_large_rejected, "CTL-125 amb.46.large", .knobs = "amb.46.large=rejected",
        .off = "CTL-125")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_DATAGRAM_SOCKET);
    if (Socket != NULL &&
        SetAt(Socket, SOL_SOCKET, SO_BROADCAST, 1, 8) == STATUS_INVALID_PARAMETER) {
        Witness();
    }
}

FREEDOM(amb_46_values_on, "CTL-126 amb.46.values", .knobs = "amb.46.values=non-zero-is-on")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_DATAGRAM_SOCKET);
    if (Socket != NULL && NT_SUCCESS(Set(Socket, SO_BROADCAST, 7)) &&
        NT_SUCCESS(Get(Socket, SO_BROADCAST)) && Value == 1) {
        Witness();
    }
}

FREEDOM(amb_46_values_rejected, "CTL-126 amb.46.values", .knobs = "amb.46.values=rejected")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_DATAGRAM_SOCKET);
    if (Socket != NULL && Set(Socket, SO_BROADCAST, 7) == STATUS_INVALID_PARAMETER) {
        Witness();
    }
}

FREEDOM(amb_46_get_one_byte, "CTL-125 amb.46.get", .knobs = "amb.46.get=one-byte")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_DATAGRAM_SOCKET);
    if (Socket != NULL && NT_SUCCESS(Get(Socket, SO_BROADCAST)) && Value == 0x55555500) {
        Witness();
    }
}

FREEDOM(amb_46_get_four_bytes, "CTL-125 amb.46.get", .knobs = "amb.46.get=four-bytes")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_DATAGRAM_SOCKET);
    if (Socket != NULL && NT_SUCCESS(Get(Socket, SO_BROADCAST)) && Value == 0) {
        Witness();
    }
}

/* ---- what a get says ---- */

/* Default, then each value set. */
static void CheckSwitch(ULONG Flags, ULONG Option)
{
    PWSK_SOCKET Socket = New(Flags);
    if (Socket == NULL) {
        return;
    }
    if (NT_SUCCESS(Get(Socket, Option))) {
        Check(Value == 0);
    }
    if (NT_SUCCESS(Set(Socket, Option, 1)) && NT_SUCCESS(Get(Socket, Option))) {
        Check(Value == 1);
    }
    if (NT_SUCCESS(Set(Socket, Option, 0)) && NT_SUCCESS(Get(Socket, Option))) {
        Check(Value == 0);
    }
    (void)SocketClose(Socket);
}

DUTY(get_says_what_was_set, "CTL-127 PROP-43")
{
    CheckSwitch(WSK_FLAG_DATAGRAM_SOCKET, SO_BROADCAST);
    CheckSwitch(WSK_FLAG_LISTEN_SOCKET, SO_CONDITIONAL_ACCEPT);
    CheckSwitch(WSK_FLAG_DATAGRAM_SOCKET, (ULONG)SO_EXCLUSIVEADDRUSE);
    CheckSwitch(WSK_FLAG_CONNECTION_SOCKET, SO_REUSEADDR);
    CheckSwitch(WSK_FLAG_LISTEN_SOCKET, SO_KEEPALIVE);
    CheckSwitch(WSK_FLAG_STREAM_SOCKET, SO_KEEPALIVE);
}

DUTY(receive_buffer_is_kept, "CTL-127 PROP-43")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_CONNECTION_SOCKET);
    if (Socket != NULL && NT_SUCCESS(Set(Socket, SO_RCVBUF, 32768)) &&
        NT_SUCCESS(Get(Socket, SO_RCVBUF))) {
        Check(Value == 32768);
    }
}

/* Every option that drivers were seen to pass through (table 2.4). */
DUTY(options_of_protocols_are_kept, "CTL-127")
{
    static const struct {
        ULONG Level, Option;
    } Passed[] = {
        {IPPROTO_IPV6, IPV6_V6ONLY},     {IPPROTO_IP, IP_PKTINFO},   {IPPROTO_IPV6, IPV6_PKTINFO},
        {IPPROTO_IP, IP_DONTFRAGMENT},   {IPPROTO_IPV6, IPV6_DONTFRAG},
        {IPPROTO_IP, IP_UNICAST_IF},     {IPPROTO_IPV6, IPV6_UNICAST_IF},
        {IPPROTO_IP, IP_RECVTOS},        {IPPROTO_IPV6, IPV6_RECVTCLASS},
    };
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew6(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    for (ULONG i = 0; Socket != NULL && i < ARRAYSIZE(Passed); i++) {
        if (!NT_SUCCESS(SetAt(Socket, Passed[i].Level, Passed[i].Option, 1, sizeof Value))) {
            continue;
        }
        Value = 0;
        if (NT_SUCCESS(SocketControl(Socket, WskGetOption, Passed[i].Option, Passed[i].Level, 0,
                                     NULL, sizeof Value, &Value, NULL))) {
            Check(Value == 1);
        }
    }
}

DUTY(probed_option_refused, "CTL-011 pass.probes", .knobs = "pass.probes=refused")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_CONNECTION_SOCKET);
    Check(Socket == NULL || !NT_SUCCESS(SetAt(Socket, IPPROTO_TCP, TCP_NODELAY, 1, 4)));
}

FREEDOM(probed_option_accepted, "CTL-011 pass.probes", .knobs = "pass.probes=accepted")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_CONNECTION_SOCKET);
    if (Socket != NULL && NT_SUCCESS(SetAt(Socket, IPPROTO_TCP, TCP_NODELAY, 1, 4))) {
        Witness();
    }
}

static void Unknown(NTSTATUS Expected)
{
    PWSK_SOCKET Socket = New(WSK_FLAG_DATAGRAM_SOCKET);
    if (Socket != NULL && Set(Socket, 0x7777, 1) == Expected) {
        Witness();
    }
}

FREEDOM(amb_45_not_supported, "CTL-011 amb.45", .knobs = "amb.45=not-supported")
{
    Unknown(STATUS_NOT_SUPPORTED);
}

FREEDOM(amb_45_option_parameter, "CTL-011 amb.45", .knobs = "amb.45=invalid-parameter")
{
    Unknown(STATUS_INVALID_PARAMETER);
}

FREEDOM(amb_45_option_device_request, "CTL-011 amb.45",
        .knobs = "amb.45=invalid-device-request")
{
    Unknown(STATUS_INVALID_DEVICE_REQUEST);
}

/* ---- where and when ---- */

MISTAKE(option_of_another_category, "CTL-128")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_CONNECTION_SOCKET);
    if (Socket != NULL) {
        (void)Set(Socket, Mistaken ? SO_BROADCAST : SO_KEEPALIVE, 1);
    }
}

MISTAKE(reuse_address_after_bind, "CTL-129 BUG-32")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_DATAGRAM_SOCKET);
    if (Socket == NULL) {
        return;
    }
    if (Mistaken) {
        (void)SocketBind(Socket, 0);
    }
    (void)Set(Socket, SO_REUSEADDR, 1);
}

/* 0 bound and set late; else what the set said. */
static NTSTATUS SetLate(void)
{
    PWSK_SOCKET Socket = New(WSK_FLAG_DATAGRAM_SOCKET);
    if (Socket == NULL || !NT_SUCCESS(SocketBind(Socket, 0))) {
        return STATUS_UNSUCCESSFUL;
    }
    NTSTATUS Status = Set(Socket, SO_REUSEADDR, 1);
    return NT_SUCCESS(Status) && NT_SUCCESS(Get(Socket, SO_REUSEADDR)) && Value != 0
               ? STATUS_UNSUCCESSFUL /* it had an effect */
               : Status;
}

FREEDOM(amb_47_invalid_device_state, "CTL-129 amb.47", .knobs = "amb.47=invalid-device-state",
        .off = "CTL-129")
{
    if (SetLate() == STATUS_INVALID_DEVICE_STATE) {
        Witness();
    }
}

FREEDOM(amb_47_success, "CTL-129 amb.47", .knobs = "amb.47=success-no-effect", .off = "CTL-129")
{
    if (SetLate() == STATUS_SUCCESS) {
        Witness();
    }
}

MISTAKE(pre_bind_option_after_socket_connect, "CTL-130 BUG-32", .world = ServerSends)
{
    PWSK_SOCKET Socket =
        CaseWsk() ? SocketConnected("10.0.0.2", TCP_PORT, NULL, NULL) : NULL;
    if (Socket != NULL) {
        (void)Set(Socket, Mistaken ? SO_REUSEADDR : SO_KEEPALIVE, 1);
    }
}

/* ---- inheritance ---- */

/* What an accepted socket has. */
static void CheckInherited(PWSK_SOCKET Socket)
{
    if (NT_SUCCESS(Get(Socket, SO_KEEPALIVE))) {
        Check(Value == 1);
    }
    if (NT_SUCCESS(Get(Socket, SO_RCVBUF))) {
        Check(Value == 32768);
    }
    if (NT_SUCCESS(Set(Socket, SO_KEEPALIVE, 0)) && NT_SUCCESS(Get(Socket, SO_KEEPALIVE))) {
        Check(Value == 0);
    }
}

DUTY(accepted_inherits_options, "CTL-131 PROP-43", .world = PeerSends)
{
    if (Listening(TCP_PORT, NULL, WSK_EVENT_ACCEPT)) {
        if (NT_SUCCESS(Set(TcpListener, SO_KEEPALIVE, 1)) &&
            NT_SUCCESS(Set(TcpListener, SO_RCVBUF, 32768))) {
            WorldMayBegin = 1;
            if (Until(&AcceptedCount, 5000)) {
                CaseSleep(500);
                CheckInherited(Accepted[0].Socket);
            }
        }
        TcpEnd();
    }
}

DUTY(accepted_by_irp_inherits_options, "CTL-131 PROP-43", .world = PeerSends)
{
    if (Listening(TCP_PORT, NULL, 0)) {
        if (NT_SUCCESS(Set(TcpListener, SO_KEEPALIVE, 1)) &&
            NT_SUCCESS(Set(TcpListener, SO_RCVBUF, 32768)) && TcpQueueAccept(&TcpConnection)) {
            WorldMayBegin = 1;
            for (int i = 0; !IsDone(&TcpAccept) && i < 5000; i += 10) {
                CaseSleep(10);
            }
            if (TcpTakeAccepted()) {
                CheckInherited(Own.Socket);
            }
        }
        TcpEnd();
    }
}

/* The value of a socket whose connection was there before the listener's option was set. */
static BOOLEAN SetBetween(void)
{
    if (!Listening(TCP_PORT, NULL, 0)) {
        return FALSE;
    }
    WorldMayBegin = 1;
    CaseSleep(3000);
    if (PeerIn && NT_SUCCESS(Set(TcpListener, SO_KEEPALIVE, 1)) &&
        TcpQueueAccept(&TcpConnection)) {
        CaseSleep(1000);
        return TcpTakeAccepted() && NT_SUCCESS(Get(Own.Socket, SO_KEEPALIVE));
    }
    return FALSE;
}

FREEDOM(amb_48_at_accept, "CTL-131 amb.48", .world = PeerSends, .knobs = "amb.48=at-accept")
{
    if (SetBetween() && Value == 1) {
        Witness();
    }
    TcpEnd();
}

FREEDOM(amb_48_at_arrival, "CTL-131 amb.48", .world = PeerSends, .knobs = "amb.48=at-arrival")
{
    if (SetBetween() && Value == 0) {
        Witness();
    }
    TcpEnd();
}

/* ---- transports that lack one ---- */

FREEDOM(transport_lacks_keep_alive, "CTL-132")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_CONNECTION_SOCKET);
    if (Socket != NULL && Set(Socket, SO_KEEPALIVE, 1) == STATUS_NOT_SUPPORTED) {
        Witness();
    }
}

/* BUG-42: start-up stands and falls with an option. */
MISTAKE(option_taken_for_granted, "SYS-ASSERT CTL-132 BUG-42")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_CONNECTION_SOCKET);
    if (Socket != NULL) {
        NTSTATUS Status = Set(Socket, SO_KEEPALIVE, 1);
        NT_ASSERT(!Mistaken || NT_SUCCESS(Status));
    }
}

/* ---- sharing of addresses ---- */

/* Binds a second socket where the first is bound, with these options; the status. */
static NTSTATUS BindSecond(ULONG FirstOption, ULONG SecondOption, BOOLEAN *IsMeant)
{
    static SOCKADDR_IN Local;
    PWSK_SOCKET First = New(WSK_FLAG_DATAGRAM_SOCKET);
    PWSK_SOCKET Second = First != NULL ? New(WSK_FLAG_DATAGRAM_SOCKET) : NULL;
    Local = Address4("0.0.0.0", 7000);
    *IsMeant = Second != NULL && (FirstOption == 0 || NT_SUCCESS(Set(First, FirstOption, 1))) &&
               (SecondOption == 0 || NT_SUCCESS(Set(Second, SecondOption, 1))) &&
               NT_SUCCESS(SocketBind(First, 7000)) && RequestNew(&Request);
    if (!*IsMeant) {
        return STATUS_UNSUCCESSFUL;
    }
    Datagram(Second)->WskBind(Second, (PSOCKADDR)&Local, 0, Fresh(&Request));
    return Finish(&Request);
}

DUTY(sharing_follows_the_matrix, "CTL-133")
{
    BOOLEAN IsMeant;
    NTSTATUS Status = BindSecond(0, 0, &IsMeant);
    Check(!IsMeant || !NT_SUCCESS(Status));
}

DUTY(exclusive_use_keeps_others_out, "CTL-133")
{
    BOOLEAN IsMeant;
    NTSTATUS Status = BindSecond((ULONG)SO_EXCLUSIVEADDRUSE, SO_REUSEADDR, &IsMeant);
    Check(!IsMeant || !NT_SUCCESS(Status));
}

DUTY(two_that_reuse_may_share, "CTL-133")
{
    BOOLEAN IsMeant;
    NTSTATUS Status = BindSecond(SO_REUSEADDR, SO_REUSEADDR, &IsMeant);
    Check(!IsMeant || Status != STATUS_ACCESS_DENIED);
}

static NTSTATUS SetBoth(PWSK_SOCKET *Socket)
{
    *Socket = New(WSK_FLAG_DATAGRAM_SOCKET);
    if (*Socket == NULL || !NT_SUCCESS(Set(*Socket, SO_REUSEADDR, 1))) {
        return STATUS_UNSUCCESSFUL;
    }
    return Set(*Socket, (ULONG)SO_EXCLUSIVEADDRUSE, 1);
}

FREEDOM(amb_49_later_fails, "CTL-133 amb.49", .knobs = "amb.49=later-fails")
{
    PWSK_SOCKET Socket;
    if (SetBoth(&Socket) == STATUS_INVALID_PARAMETER) {
        Witness();
    }
}

FREEDOM(amb_49_last_wins, "CTL-133 amb.49", .knobs = "amb.49=last-wins")
{
    PWSK_SOCKET Socket;
    if (SetBoth(&Socket) == STATUS_SUCCESS && NT_SUCCESS(Get(Socket, SO_REUSEADDR)) &&
        Value == 0) {
        Witness();
    }
}
