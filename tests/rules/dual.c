/* SPDX-License-Identifier: MIT */
/* IPv6 sockets that speak IPv4 too: IPV6_V6ONLY is 0 (CTL-129, control plane 2.4). */
#include "case.h"

static SOCKADDR_IN6 Local, Remote;
static struct request Request;
static volatile LONG IsReady, IsOver;

/* 10.0.0.2 as an IPv6 address. */
static const UCHAR Mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2};

static PWSK_SOCKET Dual(ULONG Flags, ULONG V6Only)
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew6(Flags, NULL, NULL) : NULL;
    if (Socket == NULL || !RequestNew(&Request) ||
        !NT_SUCCESS(SocketControl(Socket, WskSetOption, IPV6_V6ONLY, IPPROTO_IPV6, sizeof V6Only,
                                  &V6Only, 0, NULL, NULL))) {
        return NULL;
    }
    Local.sin6_family = Remote.sin6_family = AF_INET6;
    Local.sin6_port = RtlUshortByteSwap(7000);
    Datagram(Socket)->WskBind(Socket, (PSOCKADDR)&Local, 0, Fresh(&Request));
    return NT_SUCCESS(Finish(&Request)) ? Socket : NULL;
}

static BOOLEAN IsMapped(void)
{
    return RtlCompareMemory(&Remote.sin6_addr, Mapped, sizeof Mapped) == sizeof Mapped;
}

static void Sends(void)
{
    for (unsigned i = 0; !IsReady && i < 100 && !wsksim_is_over(); i++) {
        wsksim_sleep(10000);
    }
    struct wsksim_port *Port = wsksim_bind("10.0.0.2", 5000);
    for (unsigned i = 0; Port != NULL && !IsOver && i < 20 && !wsksim_is_over(); i++) {
        (void)wsksim_send_to(Port, "10.0.0.1", 7000, "four", 4);
        wsksim_sleep(50000);
    }
}

static void Connects(void)
{
    struct wsksim_peer *Peer = wsksim_connect("10.0.0.1", 7000, 5000);
    if (Peer != NULL) {
        for (unsigned i = 0; !IsOver && i < 100 && !wsksim_is_over(); i++) {
            wsksim_sleep(20000);
        }
        wsksim_close(Peer);
    }
}

/* Waits for a request that may never end; true if it succeeded. */
static BOOLEAN Soon(void)
{
    for (ULONG i = 0; i < 20 && !IsDone(&Request); i++) {
        CaseSleep(100);
    }
    (void)IoCancelIrp(Request.Irp);
    return (BOOLEAN)NT_SUCCESS(Finish(&Request));
}

static BOOLEAN Hears(ULONG V6Only)
{
    PWSK_SOCKET Socket = Dual(WSK_FLAG_DATAGRAM_SOCKET, V6Only);
    WSK_BUF Buffer = BufferNew(16);
    BOOLEAN Is = FALSE;
    if (Socket != NULL && Buffer.Mdl != NULL) {
        Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, (PSOCKADDR)&Remote, NULL, NULL, NULL,
                                         Fresh(&Request));
        IsReady = 1;
        Is = Soon();
        Check(!Is || IsMapped());
    }
    IsOver = 1;
    return Is;
}

FREEDOM(dual_socket_hears_both_families, "CTL-129", .world = Sends)
{
    if (Hears(0)) {
        Witness();
    }
}

DUTY(v6only_socket_hears_no_ipv4, "CTL-129", .world = Sends)
{
    Check(!Hears(1));
}

FREEDOM(dual_listener_accepts_both_families, "CTL-129", .world = Connects)
{
    PWSK_SOCKET Socket = Dual(WSK_FLAG_LISTEN_SOCKET, 0);
    if (Socket != NULL) {
        Listener(Socket)->WskAccept(Socket, 0, NULL, NULL, NULL, (PSOCKADDR)&Remote,
                                    Fresh(&Request));
        if (Soon()) {
            SocketAdopt((PWSK_SOCKET)Request.Information);
            Check(IsMapped());
            Witness();
        }
    }
    IsOver = 1;
}

/* It answers to an IPv4 address, and the port is taken for IPv4 as well. */
DUTY(dual_socket_holds_both_ports, "BIND-012 CTL-129")
{
    PWSK_SOCKET Socket = Dual(WSK_FLAG_DATAGRAM_SOCKET, 0);
    PWSK_SOCKET Other =
        Socket != NULL ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    if (Other != NULL) {
        Check(!NT_SUCCESS(SocketBind(Other, 7000)));
    }
}

FREEDOM(dual_connection_to_a_mapped_address, "CTL-129", .keep = WSKSIM_KEEP_SERVERS)
{
    PWSK_SOCKET Socket = Dual(WSK_FLAG_CONNECTION_SOCKET, 0);
    if (Socket == NULL) {
        return;
    }
    RtlCopyMemory(&Remote.sin6_addr, Mapped, sizeof Mapped);
    Remote.sin6_port = RtlUshortByteSwap(80);
    Connection(Socket)->WskConnect(Socket, (PSOCKADDR)&Remote, 0, Fresh(&Request));
    if (NT_SUCCESS(Finish(&Request))) {
        RtlZeroMemory(&Remote, sizeof Remote);
        Connection(Socket)->WskGetRemoteAddress(Socket, (PSOCKADDR)&Remote, Fresh(&Request));
        if (NT_SUCCESS(Finish(&Request))) {
            Check(Remote.sin6_family == AF_INET6 && IsMapped());
            Witness();
        }
    }
}
