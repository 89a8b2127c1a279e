/* SPDX-License-Identifier: MIT */
/*
 * What a client under test says of itself in the trace, so that a monitor need not trust the model
 * for it: which socket it is about to call and what it asks for. Kinds of events beyond those of
 * model/trace_kinds.def; the object is the client's own number of the socket, from 1.
 *
 * A REQUEST or CALL stands directly before the call, on the same context. A CALLBACK, DATAGRAM or
 * SOCKET (origin event) stands inside the callback it speaks of.
 */
#ifndef TESTS_SPEC_GATE_NOTES_H
#define TESTS_SPEC_GATE_NOTES_H

enum gate_note {
    GATE_NOTE_SOCKET = 0x100, /* value: GATE_SOCKET_ bits and origin */
    GATE_NOTE_REQUEST,        /* value: the mask of a well-formed SO_WSK_EVENT_CALLBACK request */
    GATE_NOTE_CALL,           /* any other call of a function of the socket */
    GATE_NOTE_CALLBACK,       /* value: GATE_CALLBACK_ bits */
    GATE_NOTE_DATAGRAM,       /* value: a number for its bytes and sender; 0 = not known */
    GATE_NOTE_INFORMATION,    /* inside a completion routine; value: IoStatus.Information */
    GATE_NOTE_QUIET,          /* everything that can happen has happened */
    GATE_NOTE_EXPECT,         /* quiet, and this socket has something for event `value` */
    GATE_NOTE_END             /* beyond the last */
};

enum {
    GATE_SOCKET_LISTEN = 1, GATE_SOCKET_DATAGRAM = 2, GATE_SOCKET_CONNECTION = 4,
    GATE_SOCKET_CONDITIONAL = 8,
    GATE_SOCKET_BY_ACCEPT = 0x10, /* WskAccept */
    GATE_SOCKET_BY_EVENT = 0x20,  /* WskAcceptEvent */
};

enum { GATE_CALLBACK_NULL = 1, GATE_CALLBACK_PARTIAL = 2 };

#endif
