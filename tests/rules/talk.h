/* SPDX-License-Identifier: MIT */
/*
 * A connection, or datagrams, between a body and a script: the two meet at fixed places and tell
 * each other how far they are by a number that only grows.
 *
 *     static void Script(void)
 *     {
 *         struct wsksim_peer *Peer = TalkPeer();
 *         if (Peer != NULL && TalkReached(1)) {
 *             wsksim_send(Peer, TalkBytes, 10);
 *         }
 *         TalkHold();
 *     }
 *
 *     DUTY(name, "RECV-006", .world = Script)
 *     {
 *         PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
 *         ...
 *         TalkStep(1);
 *     }
 *
 * All of it is bounded: a side whose partner has gone away goes on after a while.
 */
#ifndef TESTS_RULES_TALK_H
#define TESTS_RULES_TALK_H

#include "case.h"

enum { TALK_PORT = 7000, TALK_BYTES = 65536, TALK_ELSEWHERE = 7001 };

/* Byte n of every stream of these cases, from either side. */
static inline UCHAR TalkByte(SIZE_T Position)
{
    return (UCHAR)(Position % 251);
}
/* TALK_BYTES of it. */
const UCHAR *TalkBytes(void);

/* ---- both sides ---- */

/* We have come so far. */
void TalkStep(LONG Step);

/* ---- the script's side ---- */

/* Listens where TalkConnected goes, and takes the connection; NULL if none comes. */
struct wsksim_peer *TalkPeer(void);
/* True when the other side has come so far; false if the case is over. */
BOOLEAN TalkReached(LONG Step);
/* Until the body has returned. */
void TalkHold(void);
/* A connection that says nothing. */
void TalkSilent(void);
/* A connection that takes what comes, and checks that it is a prefix of the stream. */
void TalkSink(void);
/* All of TalkBytes up to size, then the end of the stream. */
void TalkSource(SIZE_T Size);

/* ---- the body's side ---- */

/* A connection to the script, or NULL. */
PWSK_SOCKET TalkConnected(PVOID Context, const WSK_CLIENT_CONNECTION_DISPATCH *Dispatch);
/* A datagram socket bound to TALK_PORT, or NULL; the first step is made. */
PWSK_SOCKET TalkBound(PVOID Context, const WSK_CLIENT_DATAGRAM_DISPATCH *Dispatch);
/* Waits until the script has come so far; false after so many milliseconds. */
BOOLEAN TalkAwait(LONG Step, ULONG Milliseconds);
/* True if the variable is not zero any more within so many milliseconds. */
BOOLEAN TalkSoon(const volatile LONG *Variable, ULONG Milliseconds);
/* A buffer with the first bytes of the stream; Mdl NULL if that fails. */
WSK_BUF TalkBuffer(SIZE_T Size);
/* True if the buffer holds the stream from this position on. */
BOOLEAN TalkHolds(const WSK_BUF *Buffer, SIZE_T From);
/* Checks that of a whole list, and returns how many bytes it has. */
SIZE_T TalkTotal(PWSK_DATA_INDICATION List, SIZE_T From);
/* The world soon stops to act, or has: peers read everything, finish and go. */
BOOLEAN TalkIsLate(void);
/* What a system without enough resources, and a network without mercy, may answer. */
BOOLEAN TalkExcuse(NTSTATUS Status);

#endif
