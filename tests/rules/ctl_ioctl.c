/* SPDX-License-Identifier: MIT */
/* Cases of the control plane, 1.13: socket IOCTLs, but for silent mode (ctl_silent.c). */
#include <mstcpip.h>

#include "ctl_tcp.h"

static struct request Request;
static SOCKADDR_IN Address;
static SOCKADDR_IN6 Address6;
static SIZE_T Returned;

static NTSTATUS Ioctl(PWSK_SOCKET Socket, ULONG Code, SIZE_T InputSize, PVOID Input,
                      SIZE_T OutputSize, PVOID Output)
{
    return SocketControl(Socket, WskIoctl, Code, 0, InputSize, Input, OutputSize, Output, NULL);
}

/* Without an IRP. */
static NTSTATUS Inline(PWSK_SOCKET Socket, ULONG Code, SIZE_T InputSize, PVOID Input,
                       SIZE_T OutputSize, PVOID Output, SIZE_T *Size)
{
    return Basic(Socket)->WskControlSocket(Socket, WskIoctl, Code, 0, InputSize, Input, OutputSize,
                                           Output, Size, NULL);
}

static PWSK_SOCKET New(ULONG Flags)
{
    return CaseWsk() ? SocketNew(Flags, NULL, NULL) : NULL;
}

/* ---- fixed addresses of datagram sockets ---- */

static volatile LONG Datagrams;

static NTSTATUS WSKAPI OnDatagram(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    if (Data != NULL) {
        InterlockedIncrement(&Datagrams);
    }
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH Counting = {OnDatagram};

static void Sends(void)
{
    WaitForGo(&WorldMayBegin);
    struct wsksim_port *Port = wsksim_bind(0, 0);
    for (int i = 0; Port != NULL && i < 20 && !wsksim_is_over(); i++) {
        (void)wsksim_send_to(Port, 0, TCP_PORT, "datagram", 8);
        wsksim_sleep(100000);
    }
}

/* Two ports at the addresses a client fixes; PeerSaw: which of them got something. */
static void ReceivesAtTwo(void)
{
    char Byte;
    struct wsksim_port *First = wsksim_bind(0, 6001), *Second = wsksim_bind(0, 6002);
    WaitForGo(&WorldMayBegin);
    for (int i = 0; First != NULL && Second != NULL && i < 20 && !wsksim_is_over(); i++) {
        if (wsksim_receive_from(First, &Byte, 1, 100) > 0) {
            InterlockedOr(&PeerSaw, 1);
        }
        if (wsksim_receive_from(Second, &Byte, 1, 100) > 0) {
            InterlockedOr(&PeerSaw, 2);
        }
    }
}

static PWSK_SOCKET BoundDatagram(void)
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &Counting) : NULL;
    return Socket != NULL && NT_SUCCESS(SocketBind(Socket, TCP_PORT)) ? Socket : NULL;
}

static NTSTATUS Fix(PWSK_SOCKET Socket, ULONG Code, const char *Text, USHORT Port)
{
    Address = Address4(Text, Port);
    return Ioctl(Socket, Code, sizeof Address, &Address, 0, NULL);
}

MISTAKE(remote_fixed_before_bind, "CTL-155")
{
    PWSK_SOCKET Socket = Mistaken ? New(WSK_FLAG_DATAGRAM_SOCKET) : BoundDatagram();
    if (Socket != NULL) {
        (void)Fix(Socket, SIO_WSK_SET_REMOTE_ADDRESS, "10.0.0.2", 6001);
    }
}

MISTAKE(destination_of_another_family, "CTL-157")
{
    PWSK_SOCKET Socket = BoundDatagram();
    Address6.sin6_family = AF_INET6;
    if (Socket != NULL && Mistaken) {
        (void)Ioctl(Socket, SIO_WSK_SET_SENDTO_ADDRESS, sizeof Address6, &Address6, 0, NULL);
    }
}

DUTY(fixed_remote_filters, "CTL-156", .world = Sends)
{
    PWSK_SOCKET Socket = BoundDatagram();
    if (Socket != NULL &&
        NT_SUCCESS(Fix(Socket, SIO_WSK_SET_REMOTE_ADDRESS, "10.0.0.3", 6001)) &&
        SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM) == STATUS_SUCCESS) {
        WorldMayBegin = 1;
        CaseSleep(4000);
        Check(Datagrams == 0);
    }
}

/* Twenty to each of two sockets: what reaches the one reaches the other. */
static void SendsToTwo(void)
{
    WaitForGo(&WorldMayBegin);
    struct wsksim_port *Port = wsksim_bind(0, 0);
    for (int i = 0; Port != NULL && i < 20 && !wsksim_is_over(); i++) {
        (void)wsksim_send_to(Port, 0, TCP_PORT, "datagram", 8);
        (void)wsksim_send_to(Port, 0, TCP_PORT + 1, "datagram", 8);
        wsksim_sleep(100000);
    }
}

static volatile LONG Other;

static NTSTATUS WSKAPI OnOther(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    if (Data != NULL) {
        InterlockedIncrement(&Other);
    }
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH CountingOther = {OnOther};

DUTY(fixed_destination_filters_nothing, "CTL-157", .world = SendsToTwo)
{
    PWSK_SOCKET Fixed = BoundDatagram();
    PWSK_SOCKET Free =
        Fixed != NULL ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &CountingOther) : NULL;
    if (Free == NULL || !NT_SUCCESS(SocketBind(Free, TCP_PORT + 1)) ||
        !NT_SUCCESS(Fix(Fixed, SIO_WSK_SET_SENDTO_ADDRESS, "10.0.0.3", 6001)) ||
        SocketEvents(Fixed, WSK_EVENT_RECEIVE_FROM) != STATUS_SUCCESS ||
        SocketEvents(Free, WSK_EVENT_RECEIVE_FROM) != STATUS_SUCCESS) {
        return;
    }
    WorldMayBegin = 1;
    for (int i = 0; i < 60 && (Datagrams == 0 || Other < 8); i++) {
        CaseSleep(200);
    }
    /* Unless the one has died. */
    Check(Other < 8 || Datagrams != 0 ||
          SocketEvents(Fixed, WSK_EVENT_RECEIVE_FROM) == STATUS_FILE_FORCED_CLOSED);
}

/* Sends one datagram without an explicit address. */
static NTSTATUS SendFixed(PWSK_SOCKET Socket, PSOCKADDR Remote)
{
    static WSK_BUF Buffer;
    Buffer = BufferNew(8);
    if (Buffer.Mdl == NULL || (Request.Irp == NULL && !RequestNew(&Request))) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Datagram(Socket)->WskSendTo(Socket, &Buffer, 0, Remote, 0, NULL, Fresh(&Request));
    return Finish(&Request);
}

DUTY(sends_go_to_the_fixed_remote, "CTL-156", .world = ReceivesAtTwo)
{
    PWSK_SOCKET Socket = BoundDatagram();
    if (Socket != NULL &&
        NT_SUCCESS(Fix(Socket, SIO_WSK_SET_REMOTE_ADDRESS, "10.0.0.2", 6001))) {
        (void)SendFixed(Socket, NULL);
        WorldMayBegin = 1;
        CaseSleep(2000);
        Check((PeerSaw & 2) == 0);
    }
}

FREEDOM(explicit_address_overrides, "CTL-156 DGRM-003", .world = ReceivesAtTwo)
{
    static SOCKADDR_IN Explicit;
    PWSK_SOCKET Socket = BoundDatagram();
    Explicit = Address4("10.0.0.2", 6002);
    if (Socket != NULL &&
        NT_SUCCESS(Fix(Socket, SIO_WSK_SET_REMOTE_ADDRESS, "10.0.0.2", 6001))) {
        (void)SendFixed(Socket, (PSOCKADDR)&Explicit);
        WorldMayBegin = 1;
        CaseSleep(2000);
        if (PeerSaw == 2) {
            Witness();
        }
    }
}

/* BUG-40: the fixed address is cleared, and a send counts on it. */
MISTAKE(send_to_a_cleared_address, "CTL-158 DGRM-002 BUG-40")
{
    PWSK_SOCKET Socket = BoundDatagram();
    if (Socket != NULL &&
        NT_SUCCESS(Fix(Socket, SIO_WSK_SET_SENDTO_ADDRESS, "10.0.0.2", 6001)) &&
        (!Mistaken ||
         NT_SUCCESS(Ioctl(Socket, SIO_WSK_SET_SENDTO_ADDRESS, 0, NULL, 0, NULL)))) {
        (void)SendFixed(Socket, NULL);
    }
}

/* Remote and destination both fixed: amb.50. */
static LONG Both(void)
{
    PWSK_SOCKET Socket = BoundDatagram();
    if (Socket != NULL &&
        NT_SUCCESS(Fix(Socket, SIO_WSK_SET_REMOTE_ADDRESS, "10.0.0.2", 6001)) &&
        NT_SUCCESS(Fix(Socket, SIO_WSK_SET_SENDTO_ADDRESS, "10.0.0.2", 6002))) {
        (void)SendFixed(Socket, NULL);
        WorldMayBegin = 1;
        CaseSleep(2000);
    }
    return PeerSaw;
}

FREEDOM(amb_50_remote_wins, "CTL-157 amb.50", .knobs = "amb.50=remote-wins",
        .world = ReceivesAtTwo)
{
    if (Both() == 1) {
        Witness();
    }
}

FREEDOM(amb_50_last_set_wins, "CTL-157 amb.50", .knobs = "amb.50=last-set-wins",
        .world = ReceivesAtTwo)
{
    if (Both() == 2) {
        Witness();
    }
}

/* Datagrams of others that came before the remote address was fixed. */
static LONG Buffered(void)
{
    PWSK_SOCKET Socket = BoundDatagram();
    WorldMayBegin = 1;
    CaseSleep(4000);
    if (Socket != NULL &&
        NT_SUCCESS(Fix(Socket, SIO_WSK_SET_REMOTE_ADDRESS, "10.0.0.3", 6001)) &&
        SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM) == STATUS_SUCCESS) {
        CaseSleep(2000);
        return Datagrams;
    }
    return -1;
}

FREEDOM(amb_50_buffered_deliverable, "CTL-156 amb.50.buffered", .world = Sends,
        .knobs = "amb.50.buffered=deliverable event.backlog_on_enable=yes")
{
    if (Buffered() > 0) {
        Witness();
    }
}

DUTY(amb_50_buffered_filtered, "CTL-156 amb.50.buffered", .world = Sends,
     .knobs = "amb.50.buffered=filtered event.backlog_on_enable=yes")
{
    Check(Buffered() <= 0);
}

/* ---- queries of a connection ---- */

static PWSK_SOCKET Connected(void)
{
    return CaseWsk() ? SocketConnected("10.0.0.2", TCP_PORT, &Own, &TcpConnection) : NULL;
}

MISTAKE(backlog_of_four_bytes, "CTL-159", .world = ServerSends)
{
    static SIZE_T Bytes;
    PWSK_SOCKET Socket = Connected();
    if (Socket != NULL) {
        (void)Ioctl(Socket, SIO_WSK_QUERY_IDEAL_SEND_BACKLOG, 0, NULL,
                    Mistaken ? sizeof(ULONG) : sizeof Bytes, &Bytes);
    }
}

MISTAKE(backlog_before_connect, "CTL-159")
{
    static SIZE_T Bytes;
    PWSK_SOCKET Socket = New(WSK_FLAG_CONNECTION_SOCKET);
    if (Socket != NULL && Mistaken) {
        (void)Ioctl(Socket, SIO_WSK_QUERY_RECEIVE_BACKLOG, 0, NULL, sizeof Bytes, &Bytes);
    }
}

/* ---- inspect ids ---- */

static WSK_INSPECT_ID SeenId, FirstId, SecondId;

static WSK_INSPECT_ACTION WSKAPI OnInspectKeep(PVOID Context, PSOCKADDR Local, PSOCKADDR Remote,
                                               PWSK_INSPECT_ID Id)
{
    if (Id != NULL) {
        SeenId = *Id;
    }
    return TcpOnInspect(Context, Local, Remote, Id);
}

static const WSK_CLIENT_LISTEN_DISPATCH Keeping = {TcpOnAccept, OnInspectKeep, TcpOnAbort};

static NTSTATUS QueryId(PWSK_SOCKET Socket, WSK_INSPECT_ID *Id, SIZE_T Size)
{
    return Inline(Socket, SIO_WSK_QUERY_INSPECT_ID, 0, NULL, Size, Id, &Returned);
}

DUTY(inspect_id_is_the_inspected, "CTL-160 PROP-44", .world = PeerSends)
{
    if (!Inspecting(TCP_PORT, &Keeping, WSK_EVENT_ACCEPT)) {
        return;
    }
    WorldMayBegin = 1;
    if (Until(&AcceptedCount, 5000)) {
        NTSTATUS First = QueryId(Accepted[0].Socket, &FirstId, sizeof FirstId);
        NTSTATUS Second = QueryId(Accepted[0].Socket, &SecondId, sizeof SecondId);
        Check(First == STATUS_SUCCESS || First == STATUS_FILE_FORCED_CLOSED);
        if (NT_SUCCESS(First) && NT_SUCCESS(Second)) {
            Check(memcmp(&FirstId, &SecondId, sizeof FirstId) == 0);
            Check(Inspected != 1 || memcmp(&FirstId, &SeenId, sizeof FirstId) == 0);
        }
    }
    TcpEnd();
}

DUTY(inspect_id_of_the_uninspected, "CTL-160 PROP-44", .world = PeerSends)
{
    if (!Listening(TCP_PORT, NULL, WSK_EVENT_ACCEPT)) {
        return;
    }
    WorldMayBegin = 1;
    if (Until(&AcceptedCount, 5000)) {
        NTSTATUS Status = QueryId(Accepted[0].Socket, &FirstId, sizeof FirstId);
        Check(Status == STATUS_INVALID_DEVICE_REQUEST || Status == STATUS_FILE_FORCED_CLOSED);
    }
    TcpEnd();
}

MISTAKE(inspect_id_of_four_bytes, "CTL-160", .world = PeerSends)
{
    if (!Inspecting(TCP_PORT, &Keeping, WSK_EVENT_ACCEPT)) {
        return;
    }
    WorldMayBegin = 1;
    if (Until(&AcceptedCount, 5000)) {
        (void)QueryId(Accepted[0].Socket, &FirstId, Mistaken ? 4 : sizeof FirstId);
    }
    TcpEnd();
}

MISTAKE(inspect_id_without_a_size, "CTL-160", .world = PeerSends, .is_lint = 1)
{
    if (!Inspecting(TCP_PORT, &Keeping, WSK_EVENT_ACCEPT)) {
        return;
    }
    WorldMayBegin = 1;
    if (Until(&AcceptedCount, 5000)) {
        (void)Inline(Accepted[0].Socket, SIO_WSK_QUERY_INSPECT_ID, 0, NULL, sizeof FirstId,
                     &FirstId, Mistaken ? NULL : &Returned);
    }
    TcpEnd();
}

/* ---- address lists ---- */

static union {
    SOCKET_ADDRESS_LIST List;
    UCHAR Bytes[1024];
} Out, In;

static NTSTATUS QueryList(PWSK_SOCKET Socket, SIZE_T Size)
{
    Returned = 0;
    return Inline(Socket, SIO_ADDRESS_LIST_QUERY, 0, NULL, Size, Size != 0 ? &Out : NULL,
                  &Returned);
}

static void CheckList(PWSK_SOCKET Socket, ADDRESS_FAMILY Family)
{
    NTSTATUS Status = QueryList(Socket, 0);
    if (Status == STATUS_FILE_FORCED_CLOSED) {
        return;
    }
    Check(Status == STATUS_BUFFER_OVERFLOW && Returned != 0 && Returned <= sizeof Out);
    Status = QueryList(Socket, sizeof Out);
    Check(Status == STATUS_SUCCESS || Status == STATUS_FILE_FORCED_CLOSED);
    for (INT i = 0; Status == STATUS_SUCCESS && i < Out.List.iAddressCount; i++) {
        ULONG_PTR At = (ULONG_PTR)Out.List.Address[i].lpSockaddr;
        Check(At >= (ULONG_PTR)&Out &&
              At + (ULONG)Out.List.Address[i].iSockaddrLength <= (ULONG_PTR)&Out + Returned);
        Check(Out.List.Address[i].lpSockaddr->sa_family == Family);
    }
}

DUTY(address_list_points_into_itself, "CTL-161 CTL-162 PROP-41")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_BASIC_SOCKET);
    if (Socket != NULL) {
        CheckList(Socket, AF_INET);
    }
    Socket = CaseWsk() ? SocketNew6(WSK_FLAG_LISTEN_SOCKET, NULL, NULL) : NULL;
    if (Socket != NULL) {
        CheckList(Socket, AF_INET6);
    }
}

MISTAKE(address_list_without_size, "CTL-161")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_BASIC_SOCKET);
    if (Socket != NULL) {
        (void)Inline(Socket, SIO_ADDRESS_LIST_QUERY, 0, NULL, sizeof Out, &Out,
                     Mistaken ? NULL : &Returned);
    }
}

FREEDOM(amb_43_nothing_written, "CTL-162 amb.43", .knobs = "amb.43=nothing-written")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_BASIC_SOCKET);
    Out.List.iAddressCount = 77;
    if (Socket != NULL && QueryList(Socket, sizeof(INT)) == STATUS_BUFFER_OVERFLOW &&
        Out.List.iAddressCount == 77) {
        Witness();
    }
}

FREEDOM(amb_43_prefix_written, "CTL-162 amb.43", .knobs = "amb.43=prefix-written")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_BASIC_SOCKET);
    Out.List.iAddressCount = 77;
    if (Socket != NULL && QueryList(Socket, sizeof(INT)) == STATUS_BUFFER_OVERFLOW &&
        Out.List.iAddressCount != 77) {
        Witness();
    }
}

/* BUG-39: an address list at DISPATCH_LEVEL. */
MISTAKE(address_list_in_a_callback, "CTL-051 BUG-39")
{
    KIRQL Old = PASSIVE_LEVEL;
    PWSK_SOCKET Socket = New(WSK_FLAG_BASIC_SOCKET);
    if (Socket != NULL) {
        if (Mistaken) {
            KeRaiseIrql(DISPATCH_LEVEL, &Old);
        }
        (void)QueryList(Socket, sizeof Out);
        if (Mistaken) {
            KeLowerIrql(Old);
        }
    }
}

MISTAKE(address_sort_at_dispatch, "CTL-164 BUG-39")
{
    KIRQL Old = PASSIVE_LEVEL;
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew6(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    if (Socket == NULL || QueryList(Socket, sizeof Out) != STATUS_SUCCESS) {
        return;
    }
    In = Out;
    if (Mistaken) {
        KeRaiseIrql(DISPATCH_LEVEL, &Old);
    }
    (void)Inline(Socket, SIO_ADDRESS_LIST_SORT, Returned, &In, sizeof Out, &Out, NULL);
    if (Mistaken) {
        KeLowerIrql(Old);
    }
}

/* IPv6 addresses of our own making. */
static struct {
    SOCKET_ADDRESS_LIST List; /* with one entry of the next */
    SOCKET_ADDRESS More[2];
    SOCKADDR_IN6 Address[3];
} Many, Sorted;

static void MakeMany(void)
{
    Many.List.iAddressCount = 3;
    for (ULONG i = 0; i < 3; i++) {
        Many.Address[i].sin6_family = AF_INET6;
        Many.Address[i].sin6_addr.u.Byte[0] = 0xfd;
        Many.Address[i].sin6_addr.u.Byte[15] = (UCHAR)(i + 1);
        Many.List.Address[i].lpSockaddr = (PSOCKADDR)&Many.Address[i];
        Many.List.Address[i].iSockaddrLength = sizeof Many.Address[i];
    }
}

static NTSTATUS SortMany(PWSK_SOCKET Socket, SIZE_T Size)
{
    return Inline(Socket, SIO_ADDRESS_LIST_SORT, Size, &Many, sizeof Sorted, &Sorted, &Returned);
}

/* What comes out is what went in: as many addresses, or fewer. */
DUTY(address_sort_keeps_the_addresses, "CTL-164")
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew6(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    if (Socket == NULL) {
        return;
    }
    MakeMany();
    NTSTATUS Status = SortMany(Socket, sizeof Many);
    Check(Status == STATUS_SUCCESS || Status == STATUS_FILE_FORCED_CLOSED);
    INT Count = Status == STATUS_SUCCESS ? Sorted.List.iAddressCount : 1;
    Check(Count >= 1 && Count <= 3);
    for (INT i = 0; Status == STATUS_SUCCESS && i < Count; i++) {
        const SOCKADDR_IN6 *At = (const SOCKADDR_IN6 *)Sorted.List.Address[i].lpSockaddr;
        Check(At->sin6_family == AF_INET6 && At->sin6_addr.u.Byte[0] == 0xfd);
        Check(At->sin6_addr.u.Byte[15] >= 1 && At->sin6_addr.u.Byte[15] <= 3);
    }
}

FREEDOM(address_sort_leaves_one_out, "CTL-164")
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew6(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    MakeMany();
    if (Socket != NULL && SortMany(Socket, sizeof Many) == STATUS_SUCCESS &&
        Sorted.List.iAddressCount == 2) {
        Witness();
    }
}

/* A count beyond the buffer, a negative one, an address of another family, none at all. */
DUTY(address_sort_refuses_what_is_no_list, "CTL-164")
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew6(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    if (Socket == NULL) {
        return;
    }
    MakeMany();
    Check(!NT_SUCCESS(SortMany(Socket, sizeof Many.List)));
    Check(!NT_SUCCESS(SortMany(Socket, sizeof(INT))));
    Many.List.iAddressCount = -1;
    Check(!NT_SUCCESS(SortMany(Socket, sizeof Many)));
    MakeMany();
    Many.Address[1].sin6_family = AF_INET;
    Check(!NT_SUCCESS(SortMany(Socket, sizeof Many)));
    MakeMany();
    Many.List.Address[0].lpSockaddr = NULL;
    Check(!NT_SUCCESS(SortMany(Socket, sizeof Many)));
}

static NTSTATUS ArmChange(PWSK_SOCKET Socket)
{
    return Basic(Socket)->WskControlSocket(Socket, WskIoctl, SIO_ADDRESS_LIST_CHANGE, 0, 0, NULL,
                                           0, NULL, NULL, Fresh(&Request));
}

/* An IRP armed when all changes of the run are over stays. */
DUTY(address_change_waits_for_a_change, "CTL-163 PROP-42", .knobs = "amb.42=all-on-edge")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_BASIC_SOCKET);
    if (Socket == NULL || !RequestNew(&Request)) {
        return;
    }
    CaseSleep(100000);
    NTSTATUS Status = ArmChange(Socket);
    Check(Status == STATUS_PENDING || Status == STATUS_FILE_FORCED_CLOSED);
    CaseSleep(2000);
    Check(Status != STATUS_PENDING || !IsDone(&Request) || Request.Status != STATUS_SUCCESS);
}

DUTY(address_change_is_told, "CTL-163 PROP-42", .is_silent = 1)
{
    PWSK_SOCKET Socket = New(WSK_FLAG_BASIC_SOCKET);
    if (Socket == NULL || !RequestNew(&Request) || ArmChange(Socket) != STATUS_PENDING ||
        QueryList(Socket, 0) != STATUS_BUFFER_OVERFLOW) {
        return;
    }
    SIZE_T Before = Returned;
    for (int i = 0; i < 60 && !IsDone(&Request); i++) {
        if (QueryList(Socket, 0) == STATUS_BUFFER_OVERFLOW && Returned != Before) {
            (void)Finish(&Request); /* or waits for ever */
            break;
        }
        CaseSleep(50);
    }
}

MISTAKE(address_change_without_irp, "CTL-012 CTL-163")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_BASIC_SOCKET);
    if (Socket != NULL && Mistaken) {
        (void)Inline(Socket, SIO_ADDRESS_LIST_CHANGE, 0, NULL, 0, NULL, NULL);
    }
}

/* BUG-38: a change between the query and the arming goes unnoticed. */
MISTAKE(address_change_armed_after_the_query, "SYS-DEADLOCK CTL-163 BUG-38 amb.42")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_BASIC_SOCKET);
    if (Socket == NULL || !RequestNew(&Request) || QueryList(Socket, 0) != STATUS_BUFFER_OVERFLOW) {
        return;
    }
    SIZE_T Known = Returned;
    CaseSleep(1);
    if (ArmChange(Socket) != STATUS_PENDING ||
        (!Mistaken && QueryList(Socket, 0) != STATUS_BUFFER_OVERFLOW)) {
        return;
    }
    Known = Mistaken ? Known : Returned;
    for (int i = 0; i < 60 && !IsDone(&Request); i++) {
        if (QueryList(Socket, 0) != STATUS_BUFFER_OVERFLOW) {
            return;
        }
        if (Returned != Known) {
            (void)Finish(&Request); /* the notification is on its way, is it not? */
            break;
        }
        CaseSleep(200);
    }
}

/* Many IRPs, more than changes come; how many have completed some time later. */
enum { MANY = 8 };

static ULONG ManyWait(void)
{
    static struct request Many[MANY];
    PWSK_SOCKET Socket = New(WSK_FLAG_BASIC_SOCKET);
    ULONG Armed = 0, Done = 0;
    while (Socket != NULL && Armed < MANY && RequestNew(&Many[Armed])) {
        (void)Basic(Socket)->WskControlSocket(Socket, WskIoctl, SIO_ADDRESS_LIST_CHANGE, 0, 0, NULL,
                                              0, NULL, NULL, Fresh(&Many[Armed++]));
    }
    if (Armed == 0 || IsDone(&Many[0])) {
        return 0; /* a change came in between */
    }
    CaseSleep(20000);
    for (ULONG i = 0; i < Armed; i++) {
        Done += IsDone(&Many[i]) && Finish(&Many[i]) == STATUS_SUCCESS;
    }
    return Armed == MANY ? Done : 0;
}

FREEDOM(amb_42_all_on_edge, "CTL-163 amb.42", .knobs = "amb.42=all-on-edge")
{
    if (ManyWait() == MANY) {
        Witness();
    }
}

FREEDOM(amb_42_one_irp_per_change, "CTL-163 amb.42", .knobs = "amb.42=one-irp-per-change")
{
    ULONG Done = ManyWait();
    if (Done > 0 && Done < MANY) {
        Witness();
    }
}

FREEDOM(amb_42_level_triggered, "CTL-163 amb.42", .knobs = "amb.42=level-triggered")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_BASIC_SOCKET);
    if (Socket == NULL || !RequestNew(&Request) || QueryList(Socket, 0) != STATUS_BUFFER_OVERFLOW) {
        return;
    }
    SIZE_T Before = Returned;
    CaseSleep(5000);
    if (QueryList(Socket, 0) == STATUS_BUFFER_OVERFLOW && Returned != Before &&
        ArmChange(Socket) == STATUS_PENDING) {
        CaseSleep(1);
        if (IsDone(&Request) && Finish(&Request) == STATUS_SUCCESS) {
            Witness();
        }
    }
}

/* ---- loopback fast path, redirection, what a driver probes for ---- */

MISTAKE(fast_path_of_a_datagram_socket, "CTL-167")
{
    static ULONG On;
    PWSK_SOCKET Socket = New(Mistaken ? WSK_FLAG_DATAGRAM_SOCKET : WSK_FLAG_CONNECTION_SOCKET);
    On = 1;
    if (Socket != NULL) {
        (void)Ioctl(Socket, SIO_LOOPBACK_FAST_PATH, sizeof On, &On, 0, NULL);
    }
}

MISTAKE(redirect_query_of_a_listener, "CTL-168")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_LISTEN_SOCKET);
    if (Socket != NULL && Mistaken) {
        (void)Ioctl(Socket, SIO_QUERY_WFP_CONNECTION_REDIRECT_RECORDS, 0, NULL, 0, NULL);
    }
}

/* Asks an accepted socket; *Status is the final one. */
static BOOLEAN QueryRedirect(SIZE_T Size, NTSTATUS *Status)
{
    static UCHAR Bytes[1024];
    if (!Listening(TCP_PORT, NULL, WSK_EVENT_ACCEPT) || !RequestNew(&Request)) {
        TcpEnd();
        return FALSE;
    }
    WorldMayBegin = 1;
    BOOLEAN IsThere = Until(&AcceptedCount, 5000);
    if (IsThere) {
        PWSK_SOCKET Socket = Accepted[0].Socket;
        Returned = 0;
        (void)Basic(Socket)->WskControlSocket(
            Socket, WskIoctl, SIO_QUERY_WFP_CONNECTION_REDIRECT_RECORDS, 0, 0, NULL, Size,
            Size != 0 ? Bytes : NULL, &Returned, Fresh(&Request));
        *Status = Finish(&Request);
    }
    TcpEnd();
    return IsThere;
}

DUTY(redirect_records_of_nobody, "CTL-168 wfp.redirect", .world = PeerSends,
     .knobs = "wfp.redirect=none")
{
    NTSTATUS Status;
    if (QueryRedirect(1024, &Status)) {
        Check(Status == STATUS_NOT_FOUND || Status == STATUS_FILE_FORCED_CLOSED);
    }
}

DUTY(redirect_records_need_room, "CTL-168 PROP-41", .world = PeerSends,
     .knobs = "wfp.redirect=redirected")
{
    NTSTATUS Status;
    if (QueryRedirect(1, &Status) && Status != STATUS_FILE_FORCED_CLOSED) {
        Check(Status == STATUS_BUFFER_TOO_SMALL && Request.Information > 1);
    }
}

FREEDOM(redirect_records_come, "CTL-168 wfp.redirect", .world = PeerSends,
        .knobs = "wfp.redirect=redirected")
{
    NTSTATUS Status;
    if (QueryRedirect(1024, &Status) && NT_SUCCESS(Status) && Request.Information > 1) {
        Witness();
    }
}

FREEDOM(amb_44_buffer_too_small, "CTL-168 amb.44", .world = PeerSends,
        .knobs = "wfp.redirect=redirected amb.44=buffer-too-small")
{
    NTSTATUS Status;
    if (QueryRedirect(0, &Status) && Status == STATUS_BUFFER_TOO_SMALL &&
        Request.Information != 0 && Returned == Request.Information) {
        Witness();
    }
}

FREEDOM(amb_44_success_with_size, "CTL-168 amb.44", .world = PeerSends,
        .knobs = "wfp.redirect=redirected amb.44=success-with-size")
{
    NTSTATUS Status;
    if (QueryRedirect(0, &Status) && Status == STATUS_SUCCESS && Request.Information != 0) {
        Witness();
    }
}

MISTAKE(redirect_record_freed_too_soon, "CTL-040 CTL-169 PROP-37")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_CONNECTION_SOCKET);
    UCHAR *Record = ExAllocatePoolWithTag(NonPagedPoolNx, 64, 'ceRR');
    if (Record == NULL) {
        return;
    }
    RtlZeroMemory(Record, 64);
    if (Socket != NULL && RequestNew(&Request)) {
        (void)Basic(Socket)->WskControlSocket(Socket, WskIoctl,
                                              SIO_SET_WFP_CONNECTION_REDIRECT_RECORDS, 0, 64,
                                              Record, 0, NULL, NULL, Fresh(&Request));
        if (!Mistaken) {
            (void)Finish(&Request);
        }
    }
    ExFreePoolWithTag(Record, 'ceRR');
}

MISTAKE(redirect_record_missing, "CTL-169")
{
    PWSK_SOCKET Socket = New(WSK_FLAG_CONNECTION_SOCKET);
    if (Socket != NULL && Mistaken) {
        (void)Ioctl(Socket, SIO_SET_WFP_CONNECTION_REDIRECT_RECORDS, 0, NULL, 0, NULL);
    }
}
