/* SPDX-License-Identifier: MIT */
/*
 * The WSK subsystem: registrations, sockets, requests, event callbacks. Internal interface between
 * the files of model/wsk (and for model/world, which asks what the driver has open).
 *
 *   control plane   wsk_registration, wsk_nmr, wsk_socket, wsk_request, wsk_callback, wsk_gate,
 *                   wsk_control, wsk_options, wsk_ioctl, wsk_client_control, wsk_close
 *   data path       wsk_bind, wsk_accept, wsk_stream, wsk_datagram, wsk_release, wsk_address
 *
 * A socket function looks like this:
 *
 *     NTSTATUS WSKAPI WskSend(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags, PIRP Irp)
 *     {
 *         struct wsk_call call;
 *         if (WSK_ENTER(&call, WskSend, Socket, Irp, WSK_REQ_SEND)) { // steps 1-7 of 2.4
 *             stream_send(&call, Buffer, Flags);                        // steps 8-11
 *         }
 *         return wsk_leave(&call);
 *     }
 *
 * stream_send must decide the call in exactly one way:
 *     wsk_refuse(call, status)                        synchronous failure (IRP completed inline)
 *     wsk_finish(call, normal style, status, info)    result is known; style is a choice
 *     wsk_pend(call) + later wsk_complete(...)        waits in a queue of the data path
 *
 * Requests. A request is WAITING (in some queue of the data path, found through `withdraw`), then
 * COMPLETING (its result is fixed; a system context is on its way), then gone. What goes to the
 * client's memory at completion is written by `deliver`, immediately before the IRP goes back, on
 * the context that completes: the latest moment the contract allows (CTL-040, RECV, ACPT-003).
 *
 * Events. The data path says wsk_event_due(socket, event) whenever something may be there to
 * indicate, from any context and from net's upcalls. If the gate admits, a context of the system is
 * created; when it runs it asks the category's `take` for something to indicate (there may be
 * nothing any more), counts itself in, calls the driver, counts itself out and hands the answer to
 * `returned`.
 *
 * Two states per socket (sockets.md 0.4): `state` is the truth, `seen` is what the client knows.
 * Monitors blame by `seen`; answers come from `state`.
 *
 * Invariants:
 *  1. Everything is pooled; slots are never reused within a run. A full pool is sim_limit.
 *  2. The visible WSK_SOCKET lies in the arena and is freed when the close completes; the record
 *     stays.
 *  3. Every accepted IRP is completed exactly once (IRP-013); the close IRP after all others, when
 *     their completion routines have returned (CLOSE-011), and after all invocations have
 *     (CLOSE-005).
 *  4. `running` of a gate has one bit per invocation in progress; waiting disables hold subsets of
 *     it.
 */
#ifndef MODEL_WSK_WSK_H
#define MODEL_WSK_WSK_H

#include <wsk.h>

#include "model/ex/ex.h"
#include "model/io/io.h"
#include "model/ke/ke.h"
#include "model/mm/mm.h"
#include "model/model.h"
#include "model/net/net.h"

enum {
    WSK_REGISTRATIONS_MAX = 64,
    WSK_SOCKETS_MAX = 1024,     /* per run */
    WSK_REQUESTS_MAX = 16384,   /* per run: IRPs passed to WSK */
    WSK_INVOCATIONS_MAX = 4096, /* per run: callbacks */
    WSK_LATE_MAX = 4,           /* amb.01, amb.20: late invocations per disable */
    WSK_OVERLAP_MAX = 8,        /* invocations of one event of one socket at a time */
};

/* Questions of this part. Append only. */
enum wsk_pick {
    PICK_WSK_STYLE = PICK_WSK, /* inline or later (IRP-016) */
    PICK_WSK_COMPLETION_IRQL,  /* 0 DISPATCH, 1 PASSIVE, 2 APC (IRP-020) */
    PICK_WSK_EVENT_IRQL,       /* 0 DISPATCH, 1 PASSIVE, 2 APC (EVT-006) */
    PICK_WSK_EVENT_FLAG,       /* at DISPATCH: 0 = flag set, 1 = clear (CTL-054) */
    PICK_WSK_CANCEL,           /* 0 CANCELLED, 1 again, 2 own result (IRP-025) */
    PICK_WSK_DEATH,            /* faults: 1 = the socket dies here (CLOSE-036) */
    PICK_WSK_FAIL,             /* faults: n = the operation fails in the nth way */
    PICK_WSK_CLOSE_DELAY,      /* AMBIGUOUS-LIFE-74 */
    PICK_WSK_READY,            /* when the provider becomes ready (REG-012) */
    /* indicate although a request is queued (RECV-011, ACPT-006, DGRM-013) */
    PICK_WSK_RACE,
    PICK_WSK_ORDER,            /* order of cancelled IRPs (close.irp_order) */
    PICK_WSK_CANCEL_DELAY,     /* milliseconds - 1 */
    PICK_WSK_DATA = PICK_WSK + 64, /* data path numbers its own from here (wsk_data.h) */
};

/* ---- categories, states, events ---- */

enum wsk_category {
    WSK_BASIC, WSK_LISTEN, WSK_DATAGRAM, WSK_CONNECTION, WSK_STREAM, WSK_CATEGORIES
};

/*
 * 3.3 to 3.6. A listening socket goes UNBOUND, BINDING, LISTENING; a datagram socket ends at BOUND.
 */
enum wsk_phase {
    WSK_UNBOUND, WSK_BINDING, WSK_BOUND, WSK_CONNECTING, WSK_CONNECTED, WSK_LOCAL_FIN,
    WSK_REMOTE_FIN, WSK_BOTH_FIN, WSK_ABORTED, WSK_LISTENING
};

enum wsk_life { WSK_CREATING, WSK_LIVE, WSK_DEAD, WSK_CLOSING, WSK_CLOSED };

/* The order is that of the names in reports (%e of a trace event). */
enum wsk_event {
    WSK_EV_RECEIVE, WSK_EV_DISCONNECT, WSK_EV_SEND_BACKLOG, WSK_EV_RECEIVE_FROM, WSK_EV_ACCEPT,
    WSK_EV_INSPECT, WSK_EV_ABORT, WSK_EVENTS
};

struct wsk_socket;
struct wsk_request;
struct wsk_invocation;
struct wsk_call;

/* A first-in first-out queue of requests through next/prev. */
struct wsk_queue {
    struct wsk_request *first, *last;
};

/* ---- registrations and client objects ---- */

enum wsk_registration_state { WSK_REG_NONE, WSK_REG_ACTIVE, WSK_REG_LEAVING, WSK_REG_GONE };

/*
 * One WskRegister, or one attachment through NMR. Also the client object: `client` is its address.
 */
struct wsk_registration {
    uint32_t object;
    uint8_t state;         /* enum wsk_registration_state */
    bool is_nmr;
    bool had_sockets;      /* a socket was ever created (CTL-101, REG-030) */
    uint32_t captures;
    uint32_t calls;        /* provider-level calls in progress */
    uint32_t requests;     /* provider-level requests not completed, routines included */
    uint32_t sockets;      /* not closed, accepted ones included */
    PWSK_CLIENT client;    /* arena */
    PWSK_REGISTRATION block;
    WSK_REGISTRATION block_copy; /* REG-005 */
    const WSK_CLIENT_DISPATCH *dispatch;
    WSK_CLIENT_DISPATCH dispatch_copy; /* REG-003 */
    PVOID context;
    const WSK_PROVIDER_DISPATCH *provider; /* the table this version gets */
    ULONG static_mask;
    struct sim_where registered, captured, released, left;
    struct wsk_queue list_changes; /* WSK_TRANSPORT_LIST_CHANGE */
    uint32_t info_lists;   /* resolver results not freed (ADDR-016) */
    bool has_asked;        /* a capture got as far as the version (REG-017) */
    bool event_made;       /* WskClientEvent has been called (client.event) */
    bool has_released;     /* since its captures were zero (AMBIGUOUS-LIFE-01) */
    bool is_given_up;      /* WskDeregister could never return: wsk_check_deadlock */
    PWSK_CLIENT_NPI npi;   /* register_keeps_npi */
    char what[128];        /* what WskDeregister waits for, in words */
};

/* ---- requests ---- */

enum wsk_request_kind {
    WSK_REQ_SOCKET, WSK_REQ_SOCKET_CONNECT, WSK_REQ_BIND, WSK_REQ_LISTEN, WSK_REQ_ACCEPT,
    WSK_REQ_INSPECT, WSK_REQ_CONNECT, WSK_REQ_CONNECT_EX, WSK_REQ_SEND, WSK_REQ_RECEIVE,
    WSK_REQ_DISCONNECT, WSK_REQ_ABORT, WSK_REQ_SEND_TO, WSK_REQ_SEND_MESSAGES,
    WSK_REQ_RECEIVE_FROM, WSK_REQ_LOCAL_ADDRESS, WSK_REQ_REMOTE_ADDRESS, WSK_REQ_RESOLVE,
    WSK_REQ_CONTROL, WSK_REQ_EVENT, WSK_REQ_CLIENT, WSK_REQ_CLOSE, WSK_REQ_KINDS
};

enum wsk_request_phase { WSK_REQ_ENTERED, WSK_REQ_WAITING, WSK_REQ_COMPLETING, WSK_REQ_DONE };

struct wsk_request {
    uint32_t object;   /* OBJECT_REQUEST */
    uint8_t kind;      /* enum wsk_request_kind */
    uint8_t phase;     /* enum wsk_request_phase */
    bool was_pended;   /* the call returns (or returned) STATUS_PENDING */
    bool is_cancelled; /* IoCancelIrp has been called on it */
    bool resumes;      /* its completion resumes WskReceiveEvent (AMBIGUOUS-LIFE-23) */
    bool is_late;      /* cancelled by the close, completes much later (connect.late_cancel) */
    uint16_t routine;
    NTSTATUS status;   /* result, from COMPLETING on */
    ULONG_PTR information;
    struct io_irp *irp;
    struct wsk_socket *socket;             /* NULL: provider level */
    struct wsk_registration *registration; /* set for all */
    struct sim_where submitted;
    struct sim_ctx *parent;   /* who asked: creator of the context that completes it (stable ids) */
    struct wsk_socket *held;  /* its events wait until the completion routine has returned */

    /*
     * WAITING: takes the request out of the data path's queue. Called for a cancel that is
     * honoured, for a close, for a death; the request is then completed by the caller. Must not
     * complete it itself.
     */
    void (*withdraw)(struct sim *s, struct wsk_request *request);
    /*
     * Just before the IRP goes back, whatever the status: writes results to client memory, advances
     * socket->seen, gives MDL chains back. May change information. Never calls the driver.
     */
    void (*deliver)(struct sim *s, struct wsk_request *request);

    /* Owned by whoever holds the request in a queue. */
    struct wsk_request *next, *prev;
    /* All requests of the socket that are not done, oldest first (wsk_request.c). */
    struct wsk_request *all_next, *all_prev;

    uint32_t sd_object; /* cached descriptor in use until the completion (CTL-115), or 0 */
    uint32_t wait_set; /* WSK_REQ_EVENT: invocations this disable waits for (set W) */
    uint8_t event;     /* WSK_REQ_EVENT: enum wsk_event */
    uint8_t further_count;
    struct wsk_gate *gate;       /* WSK_REQ_EVENT: in whose W it is */
    struct wsk_gate *further[3]; /* ... and whose calls it waits for after that */

    /* Free use by the file that owns the kind. */
    PMDL mdl;
    ULONG offset, flags;
    SIZE_T length;   /* of the client's buffer */
    SIZE_T done;     /* bytes so far */
    uint64_t mark;   /* e.g. position in the stream at which a send is acknowledged */
    uint64_t hash;   /* mm_chain_hash at submission (SEND-004) */
    struct wsk_input {
        const void *memory;
        uint64_t hash;
        uint16_t size, rule;
    } kept[3]; /* AMBIGUOUS-LIFE-12: looked at again before the completion */
    PVOID out[4];    /* client memory written by deliver */
    SIZE_T out_size[4];
    uint8_t value[32];   /* control operations: what deliver writes to out[1] */
    uint32_t value_size;
    void *item;      /* e.g. the accepted socket, the datagram */
    struct net_address address[2];
};

void wsk_queue_push(struct wsk_queue *queue, struct wsk_request *request);
void wsk_queue_remove(struct wsk_queue *queue, struct wsk_request *request);
static inline struct wsk_request *wsk_queue_first(const struct wsk_queue *queue)
{
    return queue->first;
}

/* ---- one call ---- */

struct wsk_call {
    struct sim *s;
    struct wsk_socket *socket;
    struct wsk_registration *registration;
    struct wsk_request *request; /* NULL: no IRP was given (control operations, WskRelease) */
    struct sim_ctx *ctx;
    struct wsk_call *outer;      /* call windows of this context nest */
    NTSTATUS status;             /* what the routine will return */
    uint16_t routine;
    bool decided;
    struct sim_where entered;
    /* completes after the return (irp.nonpending_completion, amb.13) */
    struct wsk_request *late;
};

enum {
    WSK_ENTER_NO_IRP = 1,       /* the routine takes none (WskRelease, WskFreeAddressInfo) */
    WSK_ENTER_OPTIONAL_IRP = 2, /* NULL is decided by the operation (WskControlSocket) */
    WSK_ENTER_DEAD_OK = 4,      /* passes on dead sockets (close, release) */
    WSK_ENTER_CLOSED_OK = 8,    /* closing is decided by the caller (WskRelease: REL-013) */
};

/* Steps 1 to 7 of sockets.md 2.4. True: go on; false: the answer stands, return wsk_leave(call). */
#define WSK_ENTER(call, name, socket_pointer, irp, kind)                                           \
    WSK_ENTER_FLAGS(call, name, socket_pointer, irp, kind, 0)
#define WSK_ENTER_FLAGS(call, name, socket_pointer, irp, kind, flags)                              \
    ((call)->s = model_enter_object(ROUTINE_##name, SIM_OP_CALL, (socket_pointer)),                \
     wsk_enter_socket((call), ROUTINE_##name, (socket_pointer), (irp), (kind), (flags)))
SIM_MUST_USE bool wsk_enter_socket(struct wsk_call *call, enum model_routine routine,
                                   PWSK_SOCKET socket, PIRP irp, enum wsk_request_kind kind,
                                   unsigned flags);

/* The same for functions of WSK_PROVIDER_DISPATCH (REG-019, REG-027, REG-028). */
#define WSK_ENTER_CLIENT(call, name, client, irp, kind, flags)                                     \
    ((call)->s = model_enter_object(ROUTINE_##name, SIM_OP_CALL, (client)),                        \
     wsk_enter_client((call), ROUTINE_##name, (client), (irp), (kind), (flags)))
SIM_MUST_USE bool wsk_enter_client(struct wsk_call *call, enum model_routine routine,
                                   PWSK_CLIENT client, PIRP irp, enum wsk_request_kind kind,
                                   unsigned flags);

/* Closes the call window; scheduling point; the value to return. */
NTSTATUS wsk_leave(struct wsk_call *call);

/* Synchronous failure: the IRP (if any) completes with status inline, Information 0 (IRP-015). */
void wsk_refuse(struct wsk_call *call, NTSTATUS status);
/* The same with the knob for a bad argument (AMBIGUOUS-LIFE-71) or a wrong state (-10). */
void wsk_refuse_argument(struct wsk_call *call);
/* True: the bad argument is ignored (AMBIGUOUS-LIFE-71); false: the call is refused. */
SIM_MUST_USE bool wsk_ignores_argument(struct wsk_call *call);
void wsk_refuse_state(struct wsk_call *call);

enum wsk_style { WSK_PEND, WSK_INLINE };
/*
 * The result is known now. With an IRP: `normal` is the style of choice 0, the other that of choice
 * 1. WSK_PEND: returns STATUS_PENDING, a system context completes the IRP soon (perhaps before the
 * return). WSK_INLINE: completes here, returns status. Without an IRP: just the status. Set
 * request->deliver before.
 */
void wsk_finish(struct wsk_call *call, enum wsk_style normal, NTSTATUS status,
                ULONG_PTR information);
/*
 * The request waits: STATUS_PENDING. Set withdraw (and deliver) before, and have it in your queue.
 * Its completion may come from any moment on.
 */
void wsk_pend(struct wsk_call *call);
/*
 * Completes a WAITING request on a context of the system. From any context or upcall. Not in a
 * queue.
 */
void wsk_complete(struct sim *s, struct wsk_request *request, NTSTATUS status,
                  ULONG_PTR information);

/*
 * One question to the fault stream: does this operation fail (step 10)? *status: one of the list.
 */
bool wsk_fault(struct sim *s, const NTSTATUS *list, uint32_t count, NTSTATUS *status);

/* ---- sockets ---- */

struct wsk_gate {
    bool adm;       /* admission */
    bool suspended; /* WskReceiveEvent: refused or accepted a part, until WskReceive */
    bool null_due;  /* a NULL indication (death) is owed */
    uint8_t nulls;  /* NULL indications made */
    bool tmpl;      /* listener: connection event is in the template */
    uint8_t src;    /* enum wsk_source */
    uint8_t due;    /* contexts on their way to the callback */
    uint8_t late;   /* invocations that started while a disable pends (amb.01=admit) */
    bool was_adm;   /* at the close (close.late_callbacks) */
    bool enabled_inside;   /* enabled from inside the callback that runs (amb.19) */
    bool queued_enable;    /* amb.03=queue */
    bool off_when_drained; /* amb.20=when-all-returned */
    uint32_t running; /* bit per invocation in progress; n = popcount */
    uint32_t silent;  /* Q */
    struct wsk_request *wait_first, *wait_last; /* W, linked by next */
    struct wsk_queue drained; /* taken out of W, not yet given back (T-14) */
    bool is_giving;           /* a context is giving them back */
    struct sim_where enabled, disabled, entered;
};

enum wsk_source { WSK_SRC_NONE, WSK_SRC_DYNAMIC, WSK_SRC_STATIC, WSK_SRC_INHERITED,
                  WSK_SRC_CONDITIONAL };

/* An extension interface that is registered on a socket (CTL-172); context NULL: none. */
struct wsk_extension {
    PVOID context, client_context; /* the provider's and the client's */
    const void *provider_dispatch, *client_dispatch;
    uint32_t calls; /* of its functions, in progress (CTL-175) */
    struct wsk_gate gate;
};

/* An option that the transport or network protocol keeps (control plane 2.4). */
struct wsk_pass_option {
    ULONG level, code, value;
};
enum { WSK_PASS_OPTIONS_MAX = 12 };

#include "model/wsk/wsk_data.h" /* struct wsk_data: what the data path keeps per socket */

struct wsk_socket {
    uint32_t object;    /* OBJECT_SOCKET */
    uint32_t number;    /* index in the pool */
    uint8_t category;   /* enum wsk_category */
    uint8_t state;      /* enum wsk_phase: the truth */
    uint8_t seen;       /* enum wsk_phase: what the client knows */
    uint8_t life;       /* enum wsk_life */
    bool seen_dead;     /* the client has been told */
    bool is_accepted;    /* set by the data path before wsk_socket_publish, as the next two */
    struct wsk_invocation *accepting; /* the WskAcceptEvent that is showing it to the client */
    bool by_event;       /* accepted through WskAcceptEvent, not WskAccept */
    bool is_conditional; /* accepted on a conditional listener: inspect_id is valid */
    bool from_connect;  /* WskSocketConnect */
    bool is_wrong_kind; /* type or protocol of another category: fails at bind (SOCK-005) */
    bool committed_listen, committed_connect; /* stream sockets */
    bool once_connected, once_connected_seen; /* truth; what the client knows (wsk_socket_see) */
    bool close_scheduled, close_failed_once;
    bool is_finishing;  /* the close IRP is about to complete */
    bool close_started; /* WskCloseSocket has been entered */
    bool refused;       /* WskAcceptEvent answered STATUS_REQUEST_NOT_ACCEPTED */
    /* no callback before its creator's routine has returned (amb.29); see held */
    bool hold_events;
    ADDRESS_FAMILY family;
    USHORT type;
    ULONG protocol;
    PWSK_SOCKET visible;              /* arena; freed at the end of the close */
    struct sim_block *block;
    struct wsk_registration *registration;
    PVOID context;
    const VOID *dispatch;             /* client table */
    PVOID dispatch_copy[3];           /* SOCK-010: listen or datagram or connection part */
    PVOID dispatch_copy_connect[3];   /* the connection part of a stream socket */
    struct sim_ctx *parent;           /* who created it: creator of its event contexts */
    const struct wsk_category_ops *ops;
    struct wsk_gate gate[WSK_EVENTS];

    uint32_t calls;     /* call windows open */
    struct wsk_request *all_first, *all_last; /* requests not done */
    uint32_t requests;  /* not done, completion routines included, the close excluded */
    uint32_t invocations; /* callbacks in progress */
    struct wsk_queue in_order; /* cancelled by the close, given back one after the other */
    bool is_giving;            /* a context does so */
    struct wsk_request *close_request;
    uint32_t retained;  /* lists (elements) the client holds: kept by wsk_release.c */

    /* Options and fixed addresses (wsk_options.c, wsk_ioctl.c). */
    ULONG broadcast, conditional_accept, exclusive_address, reuse_address, keep_alive, v6only;
    ULONG receive_buffer;
    PSECURITY_DESCRIPTOR sd;
    uint32_t sd_object;
    bool asked_fixed; /* the client has set one of these, cleared it, or tried to */
    bool has_remote, has_destination; /* SIO_WSK_SET_REMOTE_ADDRESS, SIO_WSK_SET_SENDTO_ADDRESS */
    struct net_address remote_fixed, destination_fixed;
    bool destination_wins; /* it was set last (amb.50) */
    uint32_t changes_seen; /* address list changes (amb.42) */
    struct wsk_pass_option pass[WSK_PASS_OPTIONS_MAX]; /* options of the protocols, as set */
    uint32_t pass_count;
    bool silent;        /* SIO_WSK_SET_TCP_SILENT_MODE */
    bool silent_seen;
    bool fast_open;
    WSK_INSPECT_ID inspect_id;
    struct wsk_extension extension; /* wsk_extension.c */

    struct net_address local, remote; /* bound and connected addresses */
    sim_time told;      /* when the client learnt that the socket is dead */
    struct sim_where told_where;
    struct sim_where created, died, closed, seen_where /* where `seen` changed last */;
    struct wsk_data data;
};

/*
 * What a category does at the moments the control plane knows. All must be set, except `control`.
 */
struct wsk_category_ops {
    /* Is there something to indicate? Number of items, at most WSK_OVERLAP_MAX counted. */
    uint32_t (*ready)(struct sim *s, struct wsk_socket *socket, enum wsk_event event);
    /*
     * An invocation is about to enter the driver: takes what it indicates and fills the arguments.
     * False: nothing there after all (or a queued request goes first). Not called for NULL forms.
     */
    bool (*take)(struct sim *s, struct wsk_invocation *invocation);
    /* The callback has returned invocation->answer; gates are already counted down. */
    void (*returned)(struct sim *s, struct wsk_invocation *invocation);
    /* Death (CLOSE-036): cut the network. Requests are failed by the caller afterwards. */
    void (*died)(struct sim *s, struct wsk_socket *socket);
    /*
     * Close entered: abort or leave the connection (CLOSE-015), close endpoints, drop what is
     * buffered.
     */
    void (*closing)(struct sim *s, struct wsk_socket *socket);
    /* Close about to complete: release records; report lists still retained (REL-005, REL-013). */
    void (*closed)(struct sim *s, struct wsk_socket *socket);
    /* The event has just been enabled by the client (amb.21: what happened before). May be NULL. */
    void (*enabled)(struct sim *s, struct wsk_socket *socket, enum wsk_event event);
};
extern const struct wsk_category_ops wsk_basic_ops;      /* wsk_socket.c */
extern const struct wsk_category_ops wsk_listen_ops;     /* wsk_accept.c */
extern const struct wsk_category_ops wsk_datagram_ops;   /* wsk_datagram.c */
extern const struct wsk_category_ops wsk_connection_ops; /* wsk_stream.c */
extern const struct wsk_category_ops wsk_stream_ops;     /* wsk_socket.c: forwards by commitment */

/* The record of a socket pointer, live or not; NULL if it never was one. */
struct wsk_socket *wsk_socket_find(struct sim *s, const WSK_SOCKET *visible);

/*
 * A new socket, not yet visible to the client (life CREATING). Accepted sockets: WSK_CONNECTION,
 * the caller sets state, addresses, options inherited (CTL-131).
 */
struct wsk_socket *wsk_socket_new(struct sim *s, struct wsk_registration *registration,
                                  enum wsk_category category, ADDRESS_FAMILY family, USHORT type,
                                  ULONG protocol);
/*
 * Makes it visible: allocates the WSK_SOCKET, stores context and client table (checked: SOCK-009 to
 * SOCK-012), turns static events on. Returns what goes into Information.
 */
PWSK_SOCKET wsk_socket_publish(struct sim *s, struct wsk_socket *socket, PVOID context,
                               const VOID *dispatch);
/* The table of an accepted socket is known only when WskAcceptEvent has returned. */
void wsk_socket_set_client(struct sim *s, struct wsk_socket *socket, PVOID context,
                           const VOID *dispatch);
/* The creation failed, or WskAcceptEvent refused: the record ends, its memory is poisoned. */
void wsk_socket_discard(struct sim *s, struct wsk_socket *socket);
/* The memory of a discarded socket goes when its last callback has returned. */
void wsk_socket_vanish(struct sim *s, struct wsk_socket *socket);

/* Sets the true state (trace); wsk_socket_see what the client knows. */
void wsk_socket_state(struct sim *s, struct wsk_socket *socket, enum wsk_phase state);
void wsk_socket_see(struct sim *s, struct wsk_socket *socket, enum wsk_phase state);

/*
 * Bound or connected (accepted): offers every event that is on and ready. Also for inherited
 * events.
 */
void wsk_socket_kick(struct sim *s, struct wsk_socket *socket);
/* Inherits the listener's template (T-35) and starts its events. */
void wsk_socket_inherit(struct sim *s, struct wsk_socket *accepted, struct wsk_socket *listener);

/* Kills the socket: requests fail, NULL indications become due. Also the fault point's action. */
void wsk_socket_die(struct sim *s, struct wsk_socket *socket);
/* The client has been told that the socket is dead (status or NULL form). */
void wsk_socket_tell_death(struct sim *s, struct wsk_socket *socket);

/* WskClose calls this; whoever lowers a count that a close waits for calls it again. */
void wsk_close_poke(struct sim *s, struct wsk_socket *socket);

/* Subsystem closes a socket the client never owned (refused accept): network part only. */
/* -> ops->closing, then wsk_socket_discard. */

/* SOCKADDR of the client to net_address and back; false if the family is not `family`. */
bool wsk_address_in(struct sim *s, const SOCKADDR *from, ADDRESS_FAMILY family,
                    struct net_address *out, const char *what);
/* Writes the SOCKADDR of the family; size = sizeof(SOCKADDR_IN or _IN6). */
void wsk_address_out(struct sim *s, const struct net_address *from, PSOCKADDR to,
                     const char *what);
SIZE_T wsk_address_size(ADDRESS_FAMILY family);
/*
 * Sockets of AF_INET6 whose IPV6_V6ONLY is 0 speak IPv4 too. Everywhere in model/wsk their IPv4
 * addresses are IPv6 ones, mapped (::ffff:a.b.c.d); the network below knows only plain ones.
 */
bool wsk_is_dual(const struct wsk_socket *socket);
bool wsk_address_is_mapped(const struct net_address *a);
/* From the network: an IPv4 address becomes a mapped one if the socket is an IPv6 socket. */
void wsk_address_map(const struct wsk_socket *socket, struct net_address *a);
/* To the network: a mapped address becomes the IPv4 one. */
struct net_address wsk_address_plain(const struct net_address *a);
/* The same for a local address, whose IPv6 wildcard becomes the IPv4 wildcard. */
struct net_address wsk_address_as_v4(const struct net_address *local);

/* Value of a protocol option the client has set (IP_PKTINFO, IP_RECVTOS, ...), 0 if it has not. */
ULONG wsk_option_value(const struct wsk_socket *socket, ULONG level, ULONG code);

/* ---- events ---- */

struct wsk_invocation {
    struct wsk_socket *socket;
    uint32_t object;   /* OBJECT_INDICATION */
    uint8_t event;     /* enum wsk_event */
    uint8_t slot;      /* bit in gate->running */
    bool is_null;      /* the NULL form: death */
    bool is_done;
    uint32_t irql;
    NTSTATUS answer;   /* or WSK_INSPECT_ACTION */
    struct sim_where entered;
    /* Arguments: filled by `take` (all NULL form defaults are set by the caller). */
    ULONG flags;       /* WITHOUT the at-dispatch bit, that is added by the caller */
    PWSK_DATA_INDICATION data;
    PWSK_DATAGRAM_INDICATION datagram;
    SIZE_T bytes_indicated;
    /* in: what the out-parameter starts with; out: what the client left there */
    SIZE_T bytes_accepted;
    SIZE_T ideal_backlog;
    PSOCKADDR local, remote;        /* arena memory of the data path, freed by `returned` */
    PWSK_INSPECT_ID inspect_id;     /* the same */
    PWSK_SOCKET accept_socket;
    PVOID accept_context;           /* out */
    const WSK_CLIENT_CONNECTION_DISPATCH *accept_dispatch; /* out */
    void *item;        /* the data path's own */
    PVOID *stored_context;  /* WskAcceptEvent: where the client stores while it runs */
    const WSK_CLIENT_CONNECTION_DISPATCH **stored_dispatch;
    struct wsk_invocation *outer; /* callbacks of one context nest */
    uint64_t stalled;  /* how long the context had stalled when it entered (EVT-017) */
    uintptr_t frame;   /* where its stack stood then */
};

/*
 * Something may be there for this event: creates contexts as the gate admits. Any context, upcalls
 * too.
 */
void wsk_event_due(struct sim *s, struct wsk_socket *socket, enum wsk_event event);
/* WskReceive was called (any length): opens the receive gate, offers again (T-59). */
void wsk_event_resume(struct sim *s, struct wsk_socket *socket);
/* Closes the receive gate (T-47): called by `returned` of the connection ops. */
void wsk_event_suspend(struct sim *s, struct wsk_socket *socket);
/*
 * `returned` of the datagram ops: STATUS_DATA_NOT_ACCEPTED of a dynamic event turns it off (T-22).
 */
void wsk_event_refused(struct sim *s, struct wsk_socket *socket);
/* Is the event on (adm) and able to call the client (pointer not NULL, not suspended)? */
bool wsk_event_on(struct sim *s, const struct wsk_socket *socket, enum wsk_event event);
/* Conditional accept at bind: inspect and abort are on from here (CTL-096, LSTN-003, LSTN-004). */
void wsk_event_conditional(struct sim *s, struct wsk_socket *listener);
/*
 * The socket is being shown to the client by WskAcceptEvent: takes over what it has stored so far
 * (CTL-095a). False: nothing stored yet.
 */
bool wsk_event_peek_client(struct sim *s, struct wsk_socket *accepted);
/* The client's function for an event, or NULL. */
const void *wsk_event_target(const struct wsk_socket *socket, enum wsk_event event);
/* The event whose callback runs on this context, if it was called with nothing (CTL-187). */
const char *wsk_event_told_nothing(struct sim *s);
/* Where an extension was refused whose output, not written, leads to the address (CTL-174). */
const struct sim_where *wsk_extension_refused(struct sim *s, uintptr_t address);
/* True if the current context is inside a callback of this socket (REL-013); its invocation. */
struct wsk_invocation *wsk_event_inside(struct sim *s, const struct wsk_socket *socket);

/* ---- data path entry points used by the control plane ---- */

/* WskSocketConnect after its checks: binds, connects, finishes or pends call->request. */
void wsk_stream_open(struct wsk_call *call, struct wsk_socket *socket,
                     const struct net_address *local, const struct net_address *remote,
                     PVOID context, const VOID *dispatch);
/* Bytes received and not taken by the client; ideal backlog (SIO_WSK_QUERY_...). */
SIZE_T wsk_stream_receive_backlog(struct sim *s, struct wsk_socket *socket);
SIZE_T wsk_stream_ideal_backlog(struct sim *s, struct wsk_socket *socket);
void wsk_stream_options_changed(struct sim *s, struct wsk_socket *socket); /* keep-alive, window */
/* Sends or disconnects waiting (CTL-165). */
bool wsk_stream_is_sending(const struct wsk_socket *socket);
void wsk_stream_silence(struct sim *s, struct wsk_socket *socket);
void wsk_datagram_filter_changed(struct sim *s, struct wsk_socket *socket);
/* Refused datagrams wait, and nothing that the client has asked for will bring them. */
bool wsk_datagram_is_deaf(const struct wsk_socket *socket);
/* Lists still retained at the entry of the close, callbacks in progress excepted (REL-005). */
void wsk_release_check_close(struct sim *s, struct wsk_socket *socket);
/* Result lists, retained lists... at unload; called by wsk_check_unload. */
void wsk_release_check_unload(struct sim *s);
void wsk_address_check_unload(struct sim *s);
/* Per-run state of the data path's files. */
void wsk_data_reset(struct sim *s);

/* ---- state of the part ---- */

struct wsk_state {
    struct wsk_registration registration[WSK_REGISTRATIONS_MAX];
    struct wsk_socket *socket;         /* [WSK_SOCKETS_MAX] */
    struct wsk_request *request;       /* [WSK_REQUESTS_MAX] */
    struct wsk_invocation *invocation; /* [WSK_INVOCATIONS_MAX] */
    uint32_t registration_count, socket_count, request_count, invocation_count;
    struct wsk_call *call[SIM_CONTEXTS_MAX]; /* innermost call window of a context, by ctx->index */
    uint16_t calls_high;                     /* highest index used + 1 */
    struct wsk_invocation *inside[SIM_CONTEXTS_MAX]; /* innermost callback of a context */
    const void *table[WSK_CATEGORIES];       /* provider tables of the run (arena) */
    const WSK_PROVIDER_DISPATCH *provider;
    WSK_PROVIDER_DISPATCH provider_copy;
    SIZE_T provider_size;
    bool is_ready, ready_drawn;
    sim_time ready_at;
    bool has_refused; /* nointerface_sticks */
    /* What the output of the latest refused registration of an extension led to (CTL-174). */
    uintptr_t refused_output[2];
    struct sim_where refused;
    struct wsk_registration *given_up; /* its WskDeregister could never return */
    /* wsk_client_control.c: SD cache, transports, queued changes */
    struct wsk_control_state *control;
    struct wsk_data_state *data;       /* wsk_release.c */
    struct wsk_nmr_state *nmr;
};

static inline struct wsk_state *wsk_of(struct sim *s)
{
    return model_of(s)->wsk;
}

/* The list of transports has changed: completes WSK_TRANSPORT_LIST_CHANGE (world, tests). */
void wsk_transports_changed(struct sim *s);
struct wsk_state *wsk_create(void);
void wsk_reset(struct sim *s);
/* SOCK-020, REG-006, REG-018, REG-023, ADDR-016, CTL-120, CLOSE-032: what was not given back. */
void wsk_check_unload(struct sim *s);
/* The world is quiet: who refused data and has not asked for it since (RECV-024, DGRM-025)? */
void wsk_check_quiet(struct sim *s);
/* REG-023: a WskDeregister in progress when the driver is gone. Before the checks of threads. */
void wsk_check_leaving(struct sim *s);
/*
 * Nothing can run any more. True: a WskDeregister that waits for what only its own thread could
 * give back has been made to return, and the run goes on to see whether it does (REG-024).
 */
bool wsk_check_deadlock(struct sim *s);
/* Nothing can run any more: is a callback awaited by who holds a lock (CTL-089a)? */
void wsk_check_lock_cycle(struct sim *s);
/* After that: whatever is found has its cause in what WskDeregister waited for. */
void wsk_report_given_up(struct sim *s);
/*
 * Nothing can run any more. A WskListen that waits for its first connection gets it, so that who
 * waits for it is not accused (stream.listen_semantics). True if something was done.
 */
bool wsk_relieve(struct sim *s);
/* Some request of the driver waits for a peer, a disable, a lookup. */
bool wsk_any_request_waits(struct sim *s);
/* DriverEntry failed: nothing may be left registered (REG-039). */
void wsk_check_failed_entry(struct sim *s);
/*
 * KRN-200, REG-003, REG-005: a registration block, dispatch table or context in use is being freed.
 */
void wsk_memory_freed(struct sim *s, const void *p, size_t size);
/*
 * wsk_blame.c: the rule that a touch of this freed block breaks: CTL-025 or CLOSE-009 if it held
 * the context of the socket whose callback is running (then *object is the socket), else MEM-UAF.
 */
enum model_rule wsk_freed_context_rule(struct sim *s, const struct sim_block *block,
                                       uint32_t *object);

/* Entry points of the tables, by their WDK names. */
FN_WSK_SOCKET WskSocket;
FN_WSK_SOCKET_CONNECT WskSocketConnect;
FN_WSK_CONTROL_CLIENT WskControlClient;
FN_WSK_GET_ADDRESS_INFO WskGetAddressInfo;
FN_WSK_FREE_ADDRESS_INFO WskFreeAddressInfo;
FN_WSK_GET_NAME_INFO WskGetNameInfo;
FN_WSK_CONTROL_SOCKET WskControlSocket;
FN_WSK_CLOSE_SOCKET WskCloseSocket;
FN_WSK_BIND WskBind;
FN_WSK_ACCEPT WskAccept;
FN_WSK_INSPECT_COMPLETE WskInspectComplete;
FN_WSK_GET_LOCAL_ADDRESS WskGetLocalAddress;
FN_WSK_GET_REMOTE_ADDRESS WskGetRemoteAddress;
FN_WSK_CONNECT WskConnect;
FN_WSK_CONNECT_EX WskConnectEx;
FN_WSK_LISTEN WskListen;
FN_WSK_SEND WskSend;
FN_WSK_RECEIVE WskReceive;
FN_WSK_DISCONNECT WskDisconnect;
FN_WSK_RELEASE_DATA_INDICATION_LIST WskReleaseData;
FN_WSK_RELEASE_DATAGRAM_INDICATION_LIST WskReleaseDatagram;
FN_WSK_SEND_TO WskSendTo;
FN_WSK_SEND_MESSAGES WskSendMessages;
FN_WSK_RECEIVE_FROM WskReceiveFrom;
FN_WSK_SEND_EX WskSendEx;
FN_WSK_RECEIVE_EX WskReceiveEx;

#endif
