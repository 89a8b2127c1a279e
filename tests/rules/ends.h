/* SPDX-License-Identifier: MIT */
/*
 * For cases of the life cycle: calls that are waited for, and both ends of a connection in one
 * driver (over the loopback interface of its host).
 *
 *     struct pair Pair;
 *     if (PairNew(&Pair, 7000)) { ... Pair.Client ... Pair.Accepted ... }
 *
 * Everything is closed by the frame. A case with .place = WSKSIM_CASE_UNLOAD runs when the world
 * has healed: nothing fails there that should not (Calm).
 */
#ifndef TESTS_RULES_ENDS_H
#define TESTS_RULES_ENDS_H

#include "case.h"

enum { LIFE_PORT = 7000 };

#define Calm .place = WSKSIM_CASE_UNLOAD

struct pair {
    PWSK_SOCKET Listener, Client, Accepted;
};

/*
 * A run may prefer others to a context that is ready for five seconds of its time: what must happen
 * is waited for much longer than that.
 */

/* A request of the caller's that need not live longer than the call; NULL if there is no IRP. */
PIRP LifeIrp(void);
NTSTATUS LifeFinish(ULONG_PTR *Information);

/* ---- waited for: the final status ---- */

NTSTATUS BindTo(PWSK_SOCKET Socket, const char *Address, USHORT Port);
NTSTATUS ConnectTo(PWSK_SOCKET Socket, const char *Address, USHORT Port);
NTSTATUS Disconnect(PWSK_SOCKET Socket, ULONG Flags);
/* By the entry of the socket's table, WskGetLocalAddress or WskGetRemoteAddress. */
NTSTATUS LocalOf(PWSK_SOCKET Socket, PFN_WSK_GET_LOCAL_ADDRESS Get, SOCKADDR_STORAGE *Address);
/* So many bytes, each of this value. */
NTSTATUS SendBytes(PWSK_SOCKET Socket, UCHAR Value, SIZE_T Size);
/* At most Size; *Got: how many. Cancelled after so many milliseconds. */
NTSTATUS ReceiveBytes(PWSK_SOCKET Socket, PVOID Bytes, SIZE_T Size, SIZE_T *Got,
                      ULONG Milliseconds);
/* True if it completes in so many milliseconds; Finish is still owed. */
BOOLEAN FinishedIn(struct request *Request, ULONG Milliseconds);
/* As Finish, but cancels after so many milliseconds; for receives, which always honour that. */
NTSTATUS FinishIn(struct request *Request, ULONG Milliseconds);
NTSTATUS SetOption(PWSK_SOCKET Socket, ULONG Option, ULONG Value);

/* ---- sockets ---- */

/* A new connection socket, bound; NULL if that fails. */
PWSK_SOCKET BoundConnection(void);
/* A listener on 0.0.0.0. */
PWSK_SOCKET ListenerOn(USHORT Port, const WSK_CLIENT_LISTEN_DISPATCH *Dispatch);
/* WskAccept, waited for so long, then the listener is closed; adopted. NULL if none came. */
PWSK_SOCKET AcceptOne(PWSK_SOCKET Listening, PVOID Context,
                      const WSK_CLIENT_CONNECTION_DISPATCH *Dispatch, ULONG Milliseconds);
/* AcceptOne had to. */
extern BOOLEAN AcceptClosed;
BOOLEAN PairNew(struct pair *Pair, USHORT Port);
/* True if the flag is not 0 any more, in time. */
BOOLEAN Soon(const volatile LONG *Flag, ULONG Milliseconds);

#endif
