/* SPDX-License-Identifier: MIT */
/* See ctl.h. */
#include "ctl.h"

PWSK_SOCKET Port;
NTSTATUS (*PortInside)(PWSK_DATAGRAM_INDICATION Data);
volatile LONG PortEntered, PortLeft;
static volatile LONG PortOver;

static EX_RUNDOWN_REF Using; /* while PortInside runs */

static NTSTATUS WSKAPI OnDatagram(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    if (Data == NULL) {
        return STATUS_SUCCESS; /* the socket is dead */
    }
    InterlockedIncrement(&PortEntered);
    NTSTATUS Status = STATUS_SUCCESS;
    if (PortInside != NULL && ExAcquireRundownProtection(&Using)) {
        Status = PortInside(Data);
        ExReleaseRundownProtection(&Using);
    }
    InterlockedIncrement(&PortLeft);
    return Status;
}

const WSK_CLIENT_DATAGRAM_DISPATCH PortDispatch = {OnDatagram};

BOOLEAN PortOpen(void)
{
    ExInitializeRundownProtection(&Using);
    Port = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &PortDispatch) : NULL;
    return Port != NULL && NT_SUCCESS(SocketBind(Port, PORT));
}

BOOLEAN PortEnabled(NTSTATUS (*Inside)(PWSK_DATAGRAM_INDICATION Data))
{
    PortInside = Inside;
    return PortOpen() && SocketEvents(Port, WSK_EVENT_RECEIVE_FROM) == STATUS_SUCCESS;
}

void PortEnd(void)
{
    PortOver = 1;
    if (Port != NULL) {
        ExWaitForRundownProtectionRelease(&Using);
    }
}

BOOLEAN PortWait(LONG Entered)
{
    for (ULONG i = 0; i < 2000 && PortEntered < Entered; i++) {
        CaseSleep(1);
    }
    return PortEntered >= Entered;
}

void PortHold(const volatile LONG *Flag)
{
    for (ULONG i = 0; i < 30 && !*Flag; i++) {
        KeStallExecutionProcessor(50);
    }
}

NTSTATUS PortDisable(struct request *Request)
{
    static WSK_EVENT_CALLBACK_CONTROL Control = {NULL,
                                                 WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE};
    Control.NpiId = &NPI_WSK_INTERFACE_ID;
    return Basic(Port)->WskControlSocket(Port, WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET,
                                         sizeof Control, &Control, 0, NULL, NULL,
                                         Request != NULL ? Fresh(Request) : NULL);
}

void PortWorld(void)
{
    struct wsksim_port *From = wsksim_bind(NULL, 0);
    for (unsigned char i = 1; i <= 40 && !PortOver && !wsksim_is_over(); i++) {
        wsksim_sleep(500 + 500 * wsksim_choose(4));
        (void)wsksim_send_to(From, NULL, PORT, &i, 1);
    }
}

/* ---- a connection ---- */

PWSK_SOCKET Tcp;
NTSTATUS (*TcpInside)(PWSK_DATA_INDICATION Data, SIZE_T *Accepted);
volatile LONG TcpReceives, TcpDisconnects, TcpBacklogs, TcpNulls, TcpFinished;
static volatile LONG TcpOver;

static NTSTATUS WSKAPI OnReceive(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION Data,
                                 SIZE_T Indicated, SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Indicated);
    if (Data == NULL) {
        TcpNulls++;
        return STATUS_SUCCESS;
    }
    NTSTATUS Status = STATUS_SUCCESS;
    TcpReceives++;
    if (TcpInside != NULL && ExAcquireRundownProtection(&Using)) {
        Status = TcpInside(Data, Accepted);
        ExReleaseRundownProtection(&Using);
    }
    return Status;
}

static NTSTATUS WSKAPI OnDisconnect(PVOID Context, ULONG Flags)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    TcpDisconnects++;
    return STATUS_SUCCESS;
}

static NTSTATUS WSKAPI OnBacklog(PVOID Context, SIZE_T Ideal)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Ideal);
    TcpBacklogs++;
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_CONNECTION_DISPATCH TcpDispatch = {OnReceive, OnDisconnect, OnBacklog};

BOOLEAN TcpOpen(void)
{
    ExInitializeRundownProtection(&Using);
    Tcp = CaseWsk() ? SocketConnected("10.0.0.2", 9000, NULL, &TcpDispatch) : NULL;
    return Tcp != NULL;
}

void TcpEnd(void)
{
    TcpOver = 1;
    if (Tcp != NULL) {
        ExWaitForRundownProtectionRelease(&Using);
    }
}

BOOLEAN TcpWait(const volatile LONG *Count)
{
    for (ULONG i = 0; i < 2000 && *Count == 0; i++) {
        CaseSleep(1);
    }
    return *Count != 0;
}

void TcpWorld(void)
{
    struct wsksim_server *Server = wsksim_listen("10.0.0.2", 9000);
    struct wsksim_peer *Peer = wsksim_accept(Server, 5000);
    for (int i = 0; Peer != NULL && i < 10 && !TcpOver && !wsksim_is_over(); i++) {
        wsksim_sleep(500 + 500 * wsksim_choose(4));
        (void)wsksim_send(Peer, "abcd", 4);
    }
    if (Peer != NULL) {
        wsksim_finish(Peer);
        TcpFinished = 1;
    }
    for (int i = 0; i < 4000 && !TcpOver && !wsksim_is_over(); i++) {
        wsksim_sleep(1000);
    }
}
