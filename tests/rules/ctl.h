/* SPDX-License-Identifier: MIT */
/*
 * What the cases of the control plane share: one bound datagram socket, whose callback does what
 * the case wants, and a world that sends it datagrams.
 */
#ifndef TESTS_RULES_CTL_H
#define TESTS_RULES_CTL_H

#include "case.h"

enum { PORT = 7000 };

extern PWSK_SOCKET Port; /* before the first callback */
/* Called in each callback with data; NULL: STATUS_SUCCESS. */
extern NTSTATUS (*PortInside)(PWSK_DATAGRAM_INDICATION Data);
extern volatile LONG PortEntered, PortLeft; /* callbacks, without the NULL form */
extern const WSK_CLIENT_DATAGRAM_DISPATCH PortDispatch;

/* Opens and binds it; false if that fails. */
BOOLEAN PortOpen(void);
/* And enables its event. */
BOOLEAN PortEnabled(NTSTATUS (*Inside)(PWSK_DATAGRAM_INDICATION Data));
/*
 * The last of a body that has called PortOpen: PortInside has returned and is not called any more,
 * and the world ends.
 */
void PortEnd(void);
/* True when so many callbacks have been entered; false after two seconds. */
BOOLEAN PortWait(LONG Entered);
/* In a callback: stays, at any IRQL, until *Flag or for a few milliseconds. */
void PortHold(const volatile LONG *Flag);
/* A disable request, with the IRP of a request or without; the answer of the call. */
NTSTATUS PortDisable(struct request *Request);

/* Sends datagrams of one byte: 1, 2, ... */
void PortWorld(void);

/* ---- a connection ---- */

extern PWSK_SOCKET Tcp;
/* Called in WskReceiveEvent with data; NULL: STATUS_SUCCESS, everything is taken. */
extern NTSTATUS (*TcpInside)(PWSK_DATA_INDICATION Data, SIZE_T *Accepted);
extern volatile LONG TcpReceives, TcpDisconnects, TcpBacklogs, TcpNulls; /* callbacks */
extern volatile LONG TcpFinished; /* the peer has sent all and finished */

/* Connects to the peer of TcpWorld, events off; false if that fails. */
BOOLEAN TcpOpen(void);
/* As PortEnd. */
void TcpEnd(void);
/* True when *Count is not 0; false after two seconds. */
BOOLEAN TcpWait(const volatile LONG *Count);

/* A peer that accepts, sends some bytes now and then, and finishes at last. */
void TcpWorld(void);

#endif
