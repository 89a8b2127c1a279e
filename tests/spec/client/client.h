/* SPDX-License-Identifier: MIT */
/*
 * A WSK client made of choices: a driver that decodes a program from bytes which the script of its
 * world has drawn, and runs it on several threads over sockets of all five categories, with every
 * operation of the two documents. `wsksim check`, libFuzzer and AFL++ run it like any other driver.
 *
 * Legal by construction: a step that would break a rule in the state the client knows is left out.
 * wsk_program_illegal is the same source with CLIENT_ILLEGAL: its program ends in one step of
 * illegal.def that breaks a rule on purpose.
 *
 *   world.c     the script: draws the program, plays the peers
 *   driver.c    DriverEntry, the main thread, the workers, DriverUnload
 *   steps.c     one step: which operation, on which socket
 *   request.c   IRPs, buffers, completion, cancelling
 *   socket.c    birth, bind, listen, accept, connect, close
 *   data.c      send, receive, release, disconnect, datagrams
 *   event.c     callbacks, enabling and disabling
 *   control.c   options, IOCTLs, WskControlClient, names and addresses
 *   kernel.c    timers, DPCs, work items, locks beside WSK
 *   illegal.c   steps that break rules
 *
 * Invariants: (1) everything below is read and written under Lock, if it can change; (2) no WSK
 * function is called with Lock held; (3) a function of a socket is called between client_enter and
 * client_leave only, and the close waits until nobody is inside; (4) a request lives until the end
 * of the program, so that cancelling it is always legal.
 */
#ifndef TESTS_SPEC_CLIENT_H
#define TESTS_SPEC_CLIENT_H

#include <ntifs.h>
#include <wsk.h>

#include <wsksim/world.h>

#include "../life_notes.h"

enum {
    CLIENT_THREADS = 3,
    CLIENT_STEPS = 24,
    CLIENT_STEP_BYTES = 3,
    CLIENT_ANSWERS = 48,
    CLIENT_SOCKETS = 20,
    CLIENT_REQUESTS = 240,
    CLIENT_HELD = 12,
    CLIENT_BYTES = 96,
    CLIENT_RESERVED = 80, /* requests kept for draining and closing every socket */
    CLIENT_PEERS = 3,
    CLIENT_PEER_STEPS = 12,
    CLIENT_PENDED = 8,
    CLIENT_PORT = 7000, /* the first socket that is bound; each further one the next */
    CLIENT_SERVER_PORT = 9000,
    CLIENT_DRAIN_MS = 20000, /* longer than any callback of ours may be overtaken */
    CLIENT_TAG = 'tnlC',
};

/* What the script has drawn. */
struct client_program {
    UCHAR Threads, Options, Statics, Illegal;
    UCHAR Step[CLIENT_THREADS][CLIENT_STEPS][CLIENT_STEP_BYTES];
    UCHAR Answer[CLIENT_ANSWERS];
    UCHAR Peer[CLIENT_PEERS][CLIENT_PEER_STEPS];
};
extern struct client_program Program;
extern KEVENT ProgramDrawn;

enum client_category { BASIC, LISTENING, DATAGRAM, CONNECTION, STREAM };
enum client_state { ABSENT, UNBOUND, BINDING, BOUND, CONNECTING, CONNECTED, LISTENS, FAILED };

struct client_socket {
    PWSK_SOCKET Handle; /* NULL until known */
    ULONG Number;       /* from 1 */
    enum client_category Category;
    enum client_state State;
    BOOLEAN IsListener; /* its role, if it is a stream socket */
    BOOLEAN IsConditional;
    ULONG Users; /* calls into functions of it in progress */
    BOOLEAN IsClosing, IsDead, IsFinished, IsSending, IsConditionalSet, IsInOption;
    BOOLEAN MayRetain;
    BOOLEAN HasDrained; /* a receive that drains, waits for all or was cancelled: order unknown */
    USHORT Port;
    ULONGLONG Sent; /* bytes of its stream so far */
    PVOID Held[CLIENT_HELD];
    ULONGLONG HeldDigest[CLIENT_HELD];
    ULONG HeldCount;
    ULONG Deaths; /* how often it was told that it is dead */
};

enum client_kind {
    REQUEST_OTHER,
    REQUEST_RECEIVE,
    REQUEST_SOCKET,
    REQUEST_CONNECT,
    REQUEST_DISABLE,
    REQUEST_RECEIVE_FROM,
    REQUEST_BIND,
    REQUEST_LISTEN,
    REQUEST_CLOSE,
    REQUEST_CANCELLABLE,
    REQUEST_DRAIN, /* a disable for the sake of the close */
};

struct client_request {
    PIRP Irp;
    PMDL Mdl;
    KEVENT Done;
    enum client_kind Kind;
    ULONG Number;
    LONG volatile IsDone;
    BOOLEAN IsPassed, IsOrdered;
    struct client_socket *Socket;   /* whose number the notes carry */
    struct client_socket *Accepted; /* WskSocket, WskAccept, WskSocketConnect: what becomes of it */
    NTSTATUS Status;
    ULONG_PTR Information;
    WSK_BUF Buffer;
    WSK_BUF_LIST List[3];
    SOCKADDR_STORAGE Local, Remote;
    WSK_INSPECT_ID Inspect;
    WSK_EVENT_CALLBACK_CONTROL Control;
    ULONG Value;
    UCHAR ValueGuard[4]; /* behind what is written, and never written */
    ULONG ControlLength, ControlFlags;
    SIZE_T Size;
    UCHAR SizeGuard[8];
    PADDRINFOEXW Found;
    UNICODE_STRING Node, Service;
    WCHAR Text[64];
    UCHAR ControlInfo[64];
    UCHAR Bytes[CLIENT_BYTES + 8]; /* the last eight are never given away */
};

struct client {
    KSPIN_LOCK Lock;
    PDRIVER_OBJECT Driver;
    PDEVICE_OBJECT Device;
    PKTHREAD Main;
    LONG volatile Stop;
    WSK_REGISTRATION Registration;
    WSK_PROVIDER_NPI Npi;
    ULONG StaticMask;
    struct client_socket Socket[CLIENT_SOCKETS];
    ULONG Sockets;
    struct client_request *Request[CLIENT_REQUESTS];
    ULONG Requests;
    WSK_INSPECT_ID Pended[CLIENT_PENDED];
    struct client_socket *PendedOn[CLIENT_PENDED];
    ULONG PendedCount;
    LONG volatile Answers;
    LONG volatile Datagrams;
    BOOLEAN IsRegistered;
    struct client_socket *Spared; /* closed only when the registration ends */
    PSECURITY_DESCRIPTOR Descriptor; /* cached, or NULL */
};
extern struct client Client;

extern const WSK_CLIENT_LISTEN_DISPATCH ClientListen;
extern const WSK_CLIENT_CONNECTION_DISPATCH ClientConnection;
extern const WSK_CLIENT_DATAGRAM_DISPATCH ClientDatagram;
extern const WSK_CLIENT_STREAM_DISPATCH ClientStream;

/* ---- driver.c ---- */

void client_note(unsigned note, ULONG number, ULONGLONG value);
void client_sleep(ULONG milliseconds);
KIRQL client_lock(void);
void client_unlock(KIRQL irql);
/*
 * Raises to DISPATCH_LEVEL before some of the calls that may be made there, which is all that take
 * an IRP; client_sink goes back.
 */
KIRQL client_rise(void);
void client_sink(KIRQL irql);
/* One of 0..count-1, from the answers of the program, in the order of asking. */
ULONG client_answer(ULONG count);
void client_end(void);

/* ---- request.c ---- */

/* NULL when memory is short or this run has had enough of them. */
struct client_request *client_request(enum client_kind kind, struct client_socket *s);
/* It will not be passed on. */
void client_request_drop(struct client_request *r);
/* The MDL over `length` bytes of it; false when memory is short (and it is dropped). */
BOOLEAN client_request_buffer(struct client_request *r, ULONG length);
/* Until it is done; 0 = no limit. STATUS_TIMEOUT if it is not. */
NTSTATUS client_wait(struct client_request *r, ULONG milliseconds);
void client_cancel(ULONG which);
void client_free_results(void);
void client_free_requests(void);

/* ---- socket.c ---- */

struct client_socket *client_socket_new(enum client_category category, BOOLEAN is_listener,
                                        ULONG origin);
BOOLEAN client_enter(struct client_socket *s);
/* The same, if it is in this state now. */
BOOLEAN client_enter_in(struct client_socket *s, enum client_state state);
void client_leave(struct client_socket *s);
void client_set_state(struct client_socket *s, enum client_state state);
void client_look(struct client_socket *s, NTSTATUS status); /* is it dead? */
void client_open(ULONG what);
void client_bind(struct client_socket *s, ULONG how);
void client_listen(struct client_socket *s);
void client_accept(struct client_socket *s);
void client_connect(struct client_socket *s, ULONG how);
void client_socket_connect(ULONG how);
void client_close(struct client_socket *s);
/* Of the family of the program; host 0 is the wildcard, 1 the client's, 2 and 3 are peers. */
BOOLEAN client_is_v6(void);
void client_address(SOCKADDR_STORAGE *out, ULONG host, USHORT port);
SIZE_T client_address_length(void);
ULONGLONG client_endpoint(const SOCKADDR *address); /* as the notes carry it */
BOOLEAN client_listens(const struct client_socket *s);
BOOLEAN client_is_stream(const struct client_socket *s); /* bytes flow in it */

/* ---- data.c ---- */

/* The next bytes of its stream; nobody else sends on it meanwhile. */
void client_fill(struct client_socket *s, struct client_request *r, ULONG length);
void client_send(struct client_socket *s, ULONG how);
void client_receive(struct client_socket *s, ULONG how);
void client_disconnect(struct client_socket *s, ULONG how);
void client_release(struct client_socket *s);
void client_release_all(struct client_socket *s);
void client_send_to(struct client_socket *s, ULONG how);
void client_receive_from(struct client_socket *s, ULONG how);
void client_get_address(struct client_socket *s, BOOLEAN is_remote);
ULONGLONG client_digest(const WSK_BUF *buffer, SIZE_T limit, SIZE_T *length);
/* Inside a completion routine. */
void client_received(struct client_request *r);
void client_received_from(struct client_request *r);

/* ---- event.c ---- */

void client_enable(struct client_socket *s, ULONG which);
/* wait: 0 = no IRP, 1 = with, 2 = with, and waits. */
void client_disable(struct client_socket *s, ULONG which, ULONG wait);
void client_drain(struct client_socket *s);
void client_inspect_complete(ULONG how);
NTSTATUS client_event_option(struct client_socket *s, ULONG mask, struct client_request *r);

/* ---- control.c ---- */

void client_option(struct client_socket *s, ULONG how);
void client_ioctl(struct client_socket *s, ULONG how);
void client_control(ULONG how);
void client_resolve(ULONG how);
/* A cached descriptor for nobody else until it is given back; NULL if there is none. */
PSECURITY_DESCRIPTOR client_borrow_descriptor(void);
void client_return_descriptor(PSECURITY_DESCRIPTOR descriptor);
BOOLEAN client_set_statics(void);
BOOLEAN client_set_flag(struct client_socket *s, ULONG option, ULONG value);

/* ---- kernel.c, steps.c, illegal.c ---- */

void client_kernel(ULONG how);
void client_step(const UCHAR *step);
void client_illegal(ULONG number, ULONG phase);
#if CLIENT_ILLEGAL
void client_inside(void); /* inside WskReceiveFromEvent */
#endif

#endif
