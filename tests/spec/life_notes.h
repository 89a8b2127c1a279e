/* SPDX-License-Identifier: MIT */
/*
 * What the generated client (tests/spec/client) and the peers of its world say of themselves in the
 * trace, beyond gate_notes.h: bytes, datagrams, ends of connections, illegal steps.
 *
 * A note is wsksim_note(note << 24 | number, value) with the note counted from GATE_NOTE_SOCKET;
 * life_note_of and life_number take it apart. Numbers of sockets are the client's own.
 *
 * Bytes of a stream are a function of key and place: byte 0 is the key, so that whoever sees the
 * beginning knows the rest. The key of what a socket sends is its number, that of what peer p sends
 * is 128 + p. A datagram is its number, 4 bytes, and after them bytes of its own stream.
 */
#ifndef TESTS_SPEC_LIFE_NOTES_H
#define TESTS_SPEC_LIFE_NOTES_H

#include "gate_notes.h"

enum life_note {
    LIFE_NOTE_SETTING = 0x110, /* value: the static mask of the registration */
    LIFE_NOTE_RECEIVE,         /* a WskReceive is about to be called; value: length << 32 | flags */
    LIFE_NOTE_RECEIVED,        /* inside its completion routine; value: life_piece */
    LIFE_NOTE_TAKEN,           /* inside WskReceiveEvent: what was taken; value: life_piece */
    LIFE_NOTE_SEND,            /* a send is about to be called; value: life_piece */
    LIFE_NOTE_DISCONNECT,      /* before the call; value: flags << 32 | bytes */
    LIFE_NOTE_CONNECTED,   /* inside the completion routine: an accept, connect, socket-connect */
    LIFE_NOTE_DATAGRAM_IN, /* value: number of the datagram << 16 | length, cut << 63 */
    LIFE_NOTE_FIXED,       /* a fixed remote address was set; value: its host and port, 0 = none */
    LIFE_NOTE_FROM,        /* the sender of a datagram; value as above */
    LIFE_NOTE_PENDING_RETURNED, /* inside a completion routine; value: PendingReturned */
    LIFE_NOTE_STATUS,           /* the same; value: IoStatus.Status */
    LIFE_NOTE_GUARD,            /* bytes beyond what was reported were written; value: where */
    LIFE_NOTE_ADDRESS,          /* what WskGetLocalAddress told; value: host and port */
    LIFE_NOTE_ILLEGAL,          /* the next step breaks a rule on purpose; number: of illegal.def */
    LIFE_NOTE_PEER_SENT,        /* number: the peer; value: life_piece */
    LIFE_NOTE_PEER_GOT,         /* the same */
    LIFE_NOTE_PEER_END,         /* number: the peer; value: 0 finished, 1 reset, 2 given up */
    LIFE_NOTE_PEER_ACT,         /* number: the peer; value: 0 finishes, 1 resets, 2 closes */
    LIFE_NOTE_PEER_DATAGRAM,    /* a peer sends; value: number << 16 | length */
    LIFE_NOTE_PEER_GOT_DATAGRAM,
    LIFE_NOTE_INSPECTED,    /* inside WskInspectEvent; value: key << 8 | action */
    LIFE_NOTE_INSPECT_DONE, /* before WskInspectComplete; value: key << 8 | action */
    LIFE_NOTE_ABORTED,      /* inside WskAbortEvent; value: key */
    LIFE_NOTE_CANCEL,       /* before IoCancelIrp; value: number of the request */
    LIFE_NOTE_OPTION,       /* a get has succeeded; value: option << 32 | value */
    LIFE_NOTE_OPTION_SET,   /* a set has succeeded; the same; bit 63: it is about to be called */
    LIFE_NOTE_QUERY,        /* number: what was asked (life_data.c); value: status, more << 32 */
    LIFE_NOTE_PUBLIC,  /* inside a completion routine of WskBind etc.; value: routine's status */
    LIFE_NOTE_CHANGED, /* value: 1 = a list that is released is what it was */
    LIFE_NOTE_WATCH,   /* before a wait for a change; value: 0 transports, 1 IPv4, 2 IPv6 */
    LIFE_NOTE_INSPECT_ID, /* an inspect id was asked for; value: key << 32 | status */
    LIFE_NOTE_DPC,        /* inside a DPC; value: 1 = it was queued, with these arguments */
    LIFE_NOTE_END
};

/* Length, and a digest of the bytes. */
static inline unsigned long long life_piece(unsigned length, unsigned long long digest)
{
    return (unsigned long long)length << 48 | (digest & 0xffffffffffffull);
}
static inline unsigned life_piece_length(unsigned long long piece)
{
    return (unsigned)(piece >> 48);
}
static inline unsigned long long life_piece_digest(unsigned long long piece)
{
    return piece & 0xffffffffffffull;
}

/* Byte `at` of the stream with this key. */
static inline unsigned char life_byte(unsigned key, unsigned long long at)
{
    unsigned long long x = (at + 1) * 0x9E3779B97F4A7C15ull ^ (unsigned long long)key << 17;
    x ^= x >> 29;
    x *= 0xBF58476D1CE4E5B9ull;
    return at == 0 ? (unsigned char)key : (unsigned char)(x >> 40);
}
static inline unsigned long long life_digest(unsigned long long digest, unsigned char byte)
{
    return (digest ^ byte) * 0x100000001B3ull + 1;
}

#endif
