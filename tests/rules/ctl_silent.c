/* SPDX-License-Identifier: MIT */
/* Cases of the control plane, 1.13: SIO_WSK_SET_TCP_SILENT_MODE. */
#include "ctl_tcp.h"

static struct request Request, SendRequest;
static SOCKADDR_IN Address;

/* Sends and receives as long as the connection is there. */
static void ServerTalks(void)
{
    char Bytes[64];
    struct wsksim_server *Server = wsksim_listen(0, TCP_PORT);
    struct wsksim_peer *Peer = Server != NULL ? wsksim_accept(Server, 60000) : NULL;
    WaitForGo(&WorldMaySend);
    for (int i = 0; Peer != NULL && i < 10 && wsksim_send(Peer, "hello", 5); i++) {
        (void)wsksim_receive(Peer, Bytes, sizeof Bytes, 200);
    }
    if (Peer != NULL) {
        wsksim_close(Peer);
    }
}

static PWSK_SOCKET Connected(void)
{
    return CaseWsk() ? SocketConnected("10.0.0.2", TCP_PORT, &Own, &TcpConnection) : NULL;
}

static NTSTATUS Silence(PWSK_SOCKET Socket)
{
    return SocketControl(Socket, WskIoctl, SIO_WSK_SET_TCP_SILENT_MODE, 0, 0, NULL, 0, NULL,
                         NULL);
}

/* Hands eight bytes over; false if that was not possible. */
static BOOLEAN Send(PWSK_SOCKET Socket)
{
    static WSK_BUF Buffer;
    Buffer = BufferNew(8);
    if (Buffer.Mdl == NULL || !RequestNew(&SendRequest)) {
        return FALSE;
    }
    Connection(Socket)->WskSend(Socket, &Buffer, 0, Fresh(&SendRequest));
    return TRUE;
}

/* BUG-41: silence while a send is on its way. */
MISTAKE(silence_with_a_send_pending, "CTL-165 BUG-41 PROP-60", .world = ServerTalks)
{
    PWSK_SOCKET Socket = Connected();
    if (Socket != NULL && Send(Socket)) {
        if (!Mistaken) {
            (void)Finish(&SendRequest);
        }
        (void)Silence(Socket);
    }
    WorldMaySend = 1;
}

/* BUG-41: more than the close, after silence. */
MISTAKE(send_in_silence, "CTL-166 BUG-41 PROP-60", .world = ServerTalks)
{
    PWSK_SOCKET Socket = Connected();
    if (Socket != NULL && Silence(Socket) == STATUS_SUCCESS && Mistaken && Send(Socket)) {
        (void)Finish(&SendRequest);
    }
    WorldMaySend = 1;
}

DUTY(silence_indicates_nothing, "CTL-166", .world = ServerTalks)
{
    PWSK_SOCKET Socket = Connected();
    if (Socket != NULL &&
        SocketEvents(Socket, WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT) == STATUS_SUCCESS &&
        Silence(Socket) == STATUS_SUCCESS) {
        LONG Before = Own.Received;
        WorldMaySend = 1;
        CaseSleep(5000);
        Check(Own.Received <= Before + 1); /* one may have been on its way */
    }
    WorldMaySend = 1;
}

/* The request for silence has been made and has not completed; what WskGetLocalAddress says. */
static NTSTATUS AskMeanwhile(void)
{
    PWSK_SOCKET Socket = Connected();
    NTSTATUS Status = STATUS_UNSUCCESSFUL;
    if (Socket != NULL && RequestNew(&Request) && RequestNew(&SendRequest)) {
        NTSTATUS Pends = Basic(Socket)->WskControlSocket(
            Socket, WskIoctl, SIO_WSK_SET_TCP_SILENT_MODE, 0, 0, NULL, 0, NULL, NULL,
            Fresh(&Request));
        if (Pends == STATUS_PENDING && !IsDone(&Request)) {
            Connection(Socket)->WskGetLocalAddress(Socket, (PSOCKADDR)&Address,
                                                   Fresh(&SendRequest));
            Status = Finish(&SendRequest);
        }
    }
    WorldMaySend = 1;
    return Status;
}

FREEDOM(amb_57_fail, "CTL-166 amb.57", .world = ServerTalks, .knobs = "amb.57=fail",
        .off = "CTL-166")
{
    if (AskMeanwhile() == STATUS_INVALID_DEVICE_STATE) {
        Witness();
    }
}

FREEDOM(amb_57_others_succeed, "CTL-166 amb.57", .world = ServerTalks,
        .knobs = "amb.57=others-succeed", .off = "CTL-166")
{
    if (AskMeanwhile() == STATUS_SUCCESS) {
        Witness();
    }
}
