/* SPDX-License-Identifier: MIT */
/*
 * A listener and what it accepts, for cases of the control plane: counting callbacks, a world that
 * begins when the driver says so, and an end in the right order.
 *
 *     Listening(7000, NULL, WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE)   // TcpListener
 *     WorldMayBegin = 1;                                            // PeerSends connects and sends
 *     Until(&AcceptedCount, 2000)
 *     ...
 *     TcpEnd();                                 // listener first, then Accepted[]
 *
 * Each file that includes this has its own copy of the state. An accepted socket belongs to
 * Accepted[] and not to the frame.
 */
#ifndef TESTS_RULES_CTL_TCP_H
#define TESTS_RULES_CTL_TCP_H

#include "case.h"

enum { ACCEPTED_MAX = 8, TCP_PORT = 7000 };

struct conn {
    PWSK_SOCKET Socket;
    LONG Received, Disconnected, Nulls;
};

static struct conn Accepted[ACCEPTED_MAX], Own; /* Own: a connection the case makes itself */
static volatile LONG AcceptedCount, AcceptedTaken;
static struct request TcpAccept; /* WskAccept by TcpQueueAccept */
static volatile LONG ListenNulls, Inspected, AbortedCount;
static volatile LONG WorldMayBegin; /* set by the body */
static volatile LONG WorldMaySend;  /* set by the body: PeerWaits sends only then */
static volatile LONG PeerIn;        /* the peer is connected */
static volatile LONG PeerSaw;       /* what the peer's last receive answered, + 1000 */
static PWSK_SOCKET TcpListener;

/* True if the flag becomes non-zero in time. */
static inline BOOLEAN Until(const volatile LONG *Flag, ULONG Milliseconds)
{
    for (ULONG i = 0; *Flag == 0 && i < Milliseconds; i += 10) {
        CaseSleep(10);
    }
    return *Flag != 0;
}

static inline NTSTATUS WSKAPI TcpOnReceive(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION Data,
                                           SIZE_T Bytes, SIZE_T *Taken)
{
    struct conn *c = Context;
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Bytes);
    UNREFERENCED_PARAMETER(Taken);
    InterlockedIncrement(Data == NULL ? &c->Nulls : &c->Received);
    return STATUS_SUCCESS;
}

static inline NTSTATUS WSKAPI TcpOnDisconnect(PVOID Context, ULONG Flags)
{
    UNREFERENCED_PARAMETER(Flags);
    InterlockedIncrement(&((struct conn *)Context)->Disconnected);
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_CONNECTION_DISPATCH TcpConnection = {TcpOnReceive, TcpOnDisconnect, NULL};

static inline NTSTATUS WSKAPI TcpOnAccept(PVOID Context, ULONG Flags, PSOCKADDR Local,
                                          PSOCKADDR Remote, PWSK_SOCKET Socket, PVOID *OutContext,
                                          const WSK_CLIENT_CONNECTION_DISPATCH **OutDispatch)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Local);
    UNREFERENCED_PARAMETER(Remote);
    if (Socket == NULL) {
        InterlockedIncrement(&ListenNulls);
        return STATUS_REQUEST_NOT_ACCEPTED;
    }
    LONG i = InterlockedIncrement(&AcceptedTaken) - 1;
    if (i >= ACCEPTED_MAX) {
        return STATUS_REQUEST_NOT_ACCEPTED;
    }
    *OutContext = &Accepted[i];
    *OutDispatch = &TcpConnection;
    Accepted[i].Socket = Socket;
    InterlockedIncrement(&AcceptedCount);
    return STATUS_SUCCESS;
}

static inline WSK_INSPECT_ACTION WSKAPI TcpOnInspect(PVOID Context, PSOCKADDR Local,
                                                     PSOCKADDR Remote, PWSK_INSPECT_ID Id)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Local);
    UNREFERENCED_PARAMETER(Remote);
    if (Id == NULL) {
        return WskInspectReject;
    }
    InterlockedIncrement(&Inspected);
    return WskInspectAccept;
}

static inline NTSTATUS WSKAPI TcpOnAbort(PVOID Context, PWSK_INSPECT_ID Id)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Id);
    InterlockedIncrement(&AbortedCount);
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_LISTEN_DISPATCH TcpListen = {TcpOnAccept, TcpOnInspect, TcpOnAbort};

/* Queues WskAccept: its socket gets Own. False if there is no IRP. */
static inline BOOLEAN TcpQueueAccept(const WSK_CLIENT_CONNECTION_DISPATCH *Dispatch)
{
    if (TcpAccept.Irp == NULL && !RequestNew(&TcpAccept)) {
        return FALSE;
    }
    Listener(TcpListener)->WskAccept(TcpListener, 0, &Own, Dispatch, NULL, NULL,
                                     Fresh(&TcpAccept));
    return TRUE;
}

/* True if it has completed with a socket: Own.Socket. */
static inline BOOLEAN TcpTakeAccepted(void)
{
    if (!TcpAccept.InFlight || !IsDone(&TcpAccept) || !NT_SUCCESS(Finish(&TcpAccept))) {
        return FALSE;
    }
    Own.Socket = (PWSK_SOCKET)TcpAccept.Information;
    SocketAdopt(Own.Socket);
    return TRUE;
}

/* Closes the listener, then what was accepted. */
static inline void TcpEnd(void)
{
    WorldMayBegin = WorldMaySend = 1;
    if (TcpListener != NULL) {
        (void)SocketClose(TcpListener);
        TcpListener = NULL;
    }
    if (TcpAccept.InFlight) { /* completed at the latest by the close */
        (void)Finish(&TcpAccept);
        if (NT_SUCCESS(TcpAccept.Status)) {
            SocketAdopt((PWSK_SOCKET)TcpAccept.Information);
        }
    }
    for (ULONG i = 0; i < ACCEPTED_MAX; i++) {
        if (Accepted[i].Socket != NULL) {
            (void)SocketClose(Accepted[i].Socket);
            Accepted[i].Socket = NULL;
        }
    }
}

/* A bound listener with these events (0: none); false after cleaning up. */
static inline BOOLEAN Listening(USHORT Port, const WSK_CLIENT_LISTEN_DISPATCH *Dispatch,
                                ULONG Events)
{
    TcpListener = CaseWsk() ? SocketNew(WSK_FLAG_LISTEN_SOCKET, NULL,
                                        Dispatch != NULL ? Dispatch : &TcpListen)
                            : NULL;
    if (TcpListener == NULL) {
        return FALSE;
    }
    if (!NT_SUCCESS(SocketBind(TcpListener, Port)) ||
        (Events != 0 && SocketEvents(TcpListener, Events) != STATUS_SUCCESS)) {
        TcpEnd();
        return FALSE;
    }
    return TRUE;
}

/* A listener with conditional accept, bound, with these events. */
static inline BOOLEAN Inspecting(USHORT Port, const WSK_CLIENT_LISTEN_DISPATCH *Dispatch,
                                 ULONG Events)
{
    static ULONG On;
    On = 1;
    TcpListener = CaseWsk() ? SocketNew(WSK_FLAG_LISTEN_SOCKET, NULL, Dispatch) : NULL;
    if (TcpListener == NULL) {
        return FALSE;
    }
    if (!NT_SUCCESS(SocketControl(TcpListener, WskSetOption, SO_CONDITIONAL_ACCEPT, SOL_SOCKET,
                                  sizeof On, &On, 0, NULL, NULL)) ||
        !NT_SUCCESS(SocketBind(TcpListener, Port)) ||
        (Events != 0 && SocketEvents(TcpListener, Events) != STATUS_SUCCESS)) {
        TcpEnd();
        return FALSE;
    }
    return TRUE;
}

/* Bytes that wait in the socket, or -1 if it does not say. */
static inline LONG Backlog(PWSK_SOCKET Socket)
{
    static SIZE_T Bytes;
    Bytes = 0;
    NTSTATUS Status = SocketControl(Socket, WskIoctl, SIO_WSK_QUERY_RECEIVE_BACKLOG, 0, 0, NULL,
                                    sizeof Bytes, &Bytes, NULL);
    return NT_SUCCESS(Status) ? (LONG)Bytes : -1;
}

/*
 * The event is on, so that bytes do not lie in the socket for ever without a call; however long
 * others are preferred (the scheduler of a run need not be fair for seconds).
 */
static inline void CheckReceives(struct conn *c)
{
    for (int i = 0; c != NULL && c->Socket != NULL && c->Received == 0; i++) {
        if (Backlog(c->Socket) <= 0) {
            return;
        }
        Check(i < 60 || c->Received != 0);
        CaseSleep(200);
    }
}

/* True if bytes wait there, in time. */
static inline BOOLEAN HasBytes(PWSK_SOCKET Socket, ULONG Milliseconds)
{
    for (ULONG i = 0; i < Milliseconds; i += 50) {
        LONG Bytes = Backlog(Socket);
        if (Bytes != 0) {
            return Bytes > 0;
        }
        CaseSleep(50);
    }
    return FALSE;
}

/* ---- worlds ---- */

static inline void WaitForGo(const volatile LONG *Flag)
{
    for (int i = 0; *Flag == 0 && i < 900 && !wsksim_is_over(); i++) {
        wsksim_sleep(100000);
    }
}

/* Connects, sends five bytes, waits for the other side to finish. */
static inline void PeerSends(void)
{
    char Byte;
    WaitForGo(&WorldMayBegin);
    struct wsksim_peer *Peer = wsksim_connect(0, TCP_PORT, 3000);
    if (Peer != NULL) {
        PeerIn = 1;
        wsksim_send(Peer, "hello", 5);
        long Got = wsksim_receive(Peer, &Byte, 1, 20000);
        PeerSaw = (LONG)Got + 1000;
        wsksim_close(Peer);
    }
}

/* The same, but the bytes wait for WorldMaySend. */
static inline void PeerWaits(void)
{
    char Byte;
    WaitForGo(&WorldMayBegin);
    struct wsksim_peer *Peer = wsksim_connect(0, TCP_PORT, 3000);
    if (Peer != NULL) {
        WaitForGo(&WorldMaySend);
        wsksim_send(Peer, "hello", 5);
        PeerSaw = (LONG)wsksim_receive(Peer, &Byte, 1, 20000) + 1000;
        wsksim_close(Peer);
    }
}

/* Goes on sending until the connection ends, or for a long time: then PeerSaw is a timeout. */
static inline void PeerPersists(void)
{
    char Byte;
    WaitForGo(&WorldMayBegin);
    struct wsksim_peer *Peer = wsksim_connect(0, TCP_PORT, 3000);
    if (Peer != NULL) {
        long Got = WSKSIM_TIMEOUT;
        for (int i = 0; i < 60 && Got == WSKSIM_TIMEOUT; i++) {
            Got = wsksim_send(Peer, "x", 1) ? wsksim_receive(Peer, &Byte, 1, 1000) : WSKSIM_RESET;
        }
        PeerSaw = wsksim_is_over() ? 1 : (LONG)Got + 1000;
        wsksim_close(Peer);
    }
}

/* A listener of a peer at 10.0.0.2 that sends five bytes to each of two connections. */
static inline void ServerSends(void)
{
    char Byte;
    struct wsksim_server *Server = wsksim_listen(0, TCP_PORT);
    for (int i = 0; Server != NULL && i < 2; i++) {
        struct wsksim_peer *Peer = wsksim_accept(Server, 20000);
        if (Peer == NULL) {
            break;
        }
        wsksim_send(Peer, "hello", 5);
        (void)wsksim_receive(Peer, &Byte, 1, 20000);
        wsksim_close(Peer);
    }
}

#endif
