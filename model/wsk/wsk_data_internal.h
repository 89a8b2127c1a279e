/* SPDX-License-Identifier: MIT */
/* What the files of the data path share with each other and with nobody else. */
#ifndef MODEL_WSK_WSK_DATA_INTERNAL_H
#define MODEL_WSK_WSK_DATA_INTERNAL_H

#include "model/address_table.h"
#include "model/record_pool.h"
#include "model/wsk/wsk.h"

enum {
    WSK_STAGE_BYTES = 64 << 20, /* as much as the arena: a run cannot have more in client buffers */
    WSK_SCRATCH_BYTES = 65536,
    WSK_PIECES_MAX = 2,         /* MDLs of one element */
    WSK_INDICATE_MAX = 65536,   /* bytes in one WskReceiveEvent */
    WSK_DATAGRAMS_MAX = 64,     /* buffered per socket, then dropped (DGRM-014) */
    WSK_BUFFER_LIST_MAX = 1024, /* nodes of a WSK_BUF_LIST: more is a cycle */
    WSK_RACE_TICKS = 100,       /* 10 us: how long a queued request waits for the callback */
    WSK_RACES_MAX = 4,          /* so often it goes first, then a queued receive (RECV-010) */
};

/* Questions of the data path. Append only. */
enum wsk_data_pick {
    PICK_WSK_AMOUNT = PICK_WSK_DATA, /* how many of the bytes there are: 0 = all */
    PICK_WSK_SHAPE,                  /* of an indication: 0 = one element, one MDL, no offset */
    PICK_WSK_FLAGS,                  /* RELEASE_ASAP, ENTIRE_MESSAGE */
    PICK_WSK_DATAGRAMS,              /* how many in one list */
    PICK_WSK_SEND_DELAY,             /* datagram sends: 0 = done soon */
    PICK_WSK_UNREACHABLE,            /* port unreachable: 1 = fails a queued receive */
    PICK_WSK_CHECK,                  /* table 1.4.1 CHECK: 0 = success */
    PICK_WSK_MISSING,                /* DGRM-026 */
    PICK_WSK_RESOLVE_DELAY,
    PICK_WSK_SORT,     /* SIO_ADDRESS_LIST_SORT: 1 = one address fewer */
    PICK_WSK_COALESCE, /* DGRM-027: 0 = the datagram goes into the element before it */
};

/* ---- wsk_stage.c: memory of ours for bytes on their way ---- */

struct wsk_data_state {
    struct record_pool incoming, packet, message, list, element, info;
    struct address_table elements; /* arena address of an indication -> element */
    uint8_t *stage;
    size_t stage_used;
    uint32_t stage_live;
    uint8_t *scratch; /* WSK_SCRATCH_BYTES */
    uint32_t inspect_serial;
};

static inline struct wsk_data_state *wsk_data_of(struct sim *s)
{
    return wsk_of(s)->data;
}

void *wsk_stage_alloc(struct sim *s, size_t size);
void wsk_stage_free(struct sim *s, const void *p);
/* A record of the pool; ends the run when there are too many. */
void *wsk_record(struct sim *s, struct record_pool *pool, const char *what);
/* REL-010, release.held_limit: more is held than the subsystem has buffers for. */
bool wsk_holds_too_much(struct sim *s, const struct wsk_socket *socket, uint16_t reading);

/* Arena memory for arguments of callbacks: valid until wsk_argument_free, then a touch is `rule`.
 */
void *wsk_argument(struct sim *s, size_t size, enum model_rule rule);
void wsk_argument_free(struct sim *s, const void *p);
PSOCKADDR wsk_argument_address(struct sim *s, const struct net_address *address,
                               enum model_rule rule);

/*
 * Takes the client's buffer into call->request (mdl, offset, length, hash of what is to be sent)
 * and marks its MDLs in use. rule: what a NULL chain with a length breaks.
 */
bool wsk_buffer_use(struct wsk_call *call, const WSK_BUF *buffer, enum mm_access access,
                    enum model_rule rule);
/* Only marks them. Both: false = the call is decided (AMBIGUOUS-LIFE-57). */
bool wsk_buffer_map(struct wsk_call *call, const WSK_BUF *buffer, enum mm_access access,
                    enum model_rule rule);
/* Gives it back; sent data must be what it was at the call (`rule`). */
void wsk_buffer_release(struct sim *s, struct wsk_request *r, enum mm_access access,
                        enum model_rule rule);

/* The client's memory must still be there when its request completes: `rule` otherwise. */
void wsk_output_kept(struct sim *s, const struct wsk_request *r, const void *p, SIZE_T size,
                     enum model_rule rule, const char *what);

/* True if the client knows more than `seen` says: a callback of the socket has been entered. */
bool wsk_any_callback(const struct wsk_socket *socket);

/* RECV-011, DGRM-013: the callback goes before the queued receive, but not for ever. */
bool wsk_pick_race(struct sim *s, struct wsk_socket *socket, enum wsk_event event);

/* Of `available` bytes (at least one) as many as the world wants. */
SIZE_T wsk_pick_amount(struct sim *s, SIZE_T available);

/* ---- wsk_indication.c: lists as the client sees them ---- */

enum wsk_list_state { WSK_LIST_RUNNING, WSK_LIST_RETAINED, WSK_LIST_GONE };

struct wsk_piece {
    struct sim_block *block;
    PMDL mdl;
    uint8_t *bytes; /* behind the offset */
    SIZE_T size;
};

struct wsk_element {
    struct wsk_list *list;
    struct wsk_element *next;
    uintptr_t address; /* of the WSK_DATA_INDICATION or WSK_DATAGRAM_INDICATION */
    struct sim_block *block;
    struct wsk_piece piece[WSK_PIECES_MAX];
    uint8_t pieces;
    bool is_released;
    bool is_empty; /* an empty datagram: its bytes are nobody's */
    PSOCKADDR remote;
    void *control;
    struct wsk_packet *packet; /* several, linked, if they were coalesced (DGRM-027) */
    uint64_t hash; /* of the bytes shown */
    struct sim_where released;
};

struct wsk_list {
    struct wsk_socket *socket;
    struct wsk_list *next, *prev; /* of the socket, unless GONE */
    struct wsk_element *first, *last;
    uint8_t state;   /* enum wsk_list_state */
    bool is_overlap; /* retained after the close had been entered (REL-013) */
    bool was_retained;
    uint32_t object;
    uint32_t left; /* elements not released */
    ULONG flags;
    sim_time retained_at;
    struct sim_where entered, retained, ended;
};

struct wsk_shape {
    uint8_t elements, pieces;
    ULONG offset;
};

struct wsk_shape wsk_pick_shape(struct sim *s);
struct wsk_list *wsk_list_new(struct sim *s, struct wsk_socket *socket, ULONG flags);
/* A data element with room for size bytes; the caller fills the pieces. */
struct wsk_element *wsk_list_add(struct sim *s, struct wsk_list *list, SIZE_T size,
                                 struct wsk_shape shape, bool is_datagram);
static inline void *wsk_list_head(const struct wsk_list *list)
{
    return (void *)list->first->address;
}
/* Its pieces have been filled. */
void wsk_element_seal(struct wsk_element *element);
/* Frees one element; the client must not touch it any more. */
void wsk_element_free(struct sim *s, struct wsk_element *element, bool by_client);
/* The callback has returned: retained, or everything goes back. */
void wsk_list_returned(struct sim *s, struct wsk_list *list, const struct wsk_invocation *inv,
                       bool is_retained);
struct wsk_element *wsk_element_find(struct sim *s, uintptr_t address);
void wsk_list_end(struct sim *s, struct wsk_list *list);
/* What the client still holds goes back: a mutant of the close. */
void wsk_lists_take_back(struct sim *s, struct wsk_socket *socket);
/* Lists still retained when the close completes (REL-005, REL-013). */
void wsk_release_closed(struct sim *s, struct wsk_socket *socket);

/* ---- wsk_bind.c ---- */

/* Claims the address for the socket: table 1.4.1, port for 0. Sets socket->local. */
NTSTATUS wsk_bind_claim(struct sim *s, struct wsk_socket *socket,
                        const struct net_address *address);

/* ---- wsk_connect.c: upcalls ---- */

void wsk_connect_done(struct sim *s, void *user);
void wsk_connect_failed(struct sim *s, void *user, enum net_tcp_error error);

/* ---- wsk_stream.c ---- */

extern const struct net_tcp_ops wsk_stream_tcp_ops;
/* The connection exists: what came before (FIN) takes effect, the window is set, events are
 * offered. */
void wsk_stream_established(struct sim *s, struct wsk_socket *socket);
/*
 * The client must know that the socket has been connected: `rule` otherwise. False: the call is
 * decided.
 */
SIM_MUST_USE bool wsk_stream_check_connected(struct wsk_call *call, enum model_rule rule);
/* The connection is gone in both directions: requests fail, events become due. */
void wsk_stream_cut(struct sim *s, struct wsk_socket *socket, enum wsk_cut cut, NTSTATUS status);
/* What sends and receives answer on a connection that is cut or shut (AMBIGUOUS-LIFE-26). */
NTSTATUS wsk_stream_dead_status(struct sim *s, const struct wsk_socket *socket);
/* Bytes that may still be delivered. */
SIZE_T wsk_stream_available(struct sim *s, const struct wsk_socket *socket);
bool wsk_stream_peer_finished(const struct wsk_socket *socket);
/* The fate of `size` bytes is decided. */
void wsk_stream_take(struct sim *s, struct wsk_socket *socket, SIZE_T size);
/* After a graceful disconnect of the client's own: drops what has come, if that is the reading. */
void wsk_stream_shut(struct sim *s, struct wsk_socket *socket);

/* ---- wsk_receive.c ---- */

/* Queued receives get what is there; events are offered. */
void wsk_stream_serve(struct sim *s, struct wsk_socket *socket);

/* ---- wsk_send.c ---- */

void wsk_send_acked(struct sim *s, struct wsk_socket *socket, uint64_t total);
void wsk_send_fin_acked(struct sim *s, struct wsk_socket *socket);
/* Sends and graceful disconnects fail: the connection is cut. */
void wsk_send_fail(struct sim *s, struct wsk_socket *socket);

/* ---- wsk_incoming.c ---- */

enum wsk_incoming_state {
    WSK_IN_ARRIVED,    /* WskInspectEvent is due */
    WSK_IN_INSPECTING, /* it is in the driver */
    WSK_IN_PENDED,     /* it answered pend */
    WSK_IN_HANDSHAKE,
    WSK_IN_WAITING,   /* established, in the backlog */
    WSK_IN_OFFERED,   /* WskAcceptEvent is in the driver */
    WSK_IN_ABORT_DUE, /* WskAbortEvent is due */
    WSK_IN_ABORTING,  /* it is in the driver */
    WSK_IN_ENDED
};

struct wsk_incoming {
    struct wsk_socket *listener;
    struct wsk_incoming *next, *prev;
    uint32_t request; /* net's number */
    uint8_t state;    /* enum wsk_incoming_state */
    uint8_t early;    /* action of a WskInspectComplete before the callback returned, plus 1 */
    bool was_inspected, was_completed, is_dropped, is_skipped, is_racing, abort_told;
    WSK_INSPECT_ID id;
    struct net_address local, remote;
    struct net_tcp *tcp;
    ULONG keep_alive, receive_buffer; /* of the listener at arrival (AMBIGUOUS-48) */
    uint32_t events;                  /* in its template at arrival (AMBIGUOUS-26) */
    struct sim_where completed;
};

void wsk_incoming_state(struct wsk_incoming *in, enum wsk_incoming_state state);
void wsk_incoming_listen(struct sim *s, struct wsk_socket *listener, bool conditional);
/* The oldest in that state that fits, or NULL. */
struct wsk_incoming *wsk_incoming_first(struct wsk_socket *listener, enum wsk_incoming_state state);
/* An established connection becomes a socket: published without client when by_event. */
struct wsk_socket *wsk_incoming_accept(struct sim *s, struct wsk_incoming *in, bool by_event,
                                       PVOID context, const VOID *dispatch, bool hold);
void wsk_incoming_serve(struct sim *s, struct wsk_socket *listener);
/* The network says no, or the client does. */
void wsk_incoming_drop(struct sim *s, struct wsk_incoming *in);
/* The close completes: nothing is left. */
void wsk_incoming_end(struct sim *s, struct wsk_socket *listener);
/* Listener closed or dead. */
void wsk_incoming_close(struct sim *s, struct wsk_socket *listener);

/* ---- wsk_inspect.c ---- */

void wsk_inspect_take(struct sim *s, struct wsk_invocation *inv, struct wsk_incoming *in);
void wsk_inspect_returned(struct sim *s, struct wsk_invocation *inv);
void wsk_inspect_verdict(struct sim *s, struct wsk_incoming *in, WSK_INSPECT_ACTION action);

/* ---- wsk_datagram.c ---- */

/* A datagram that has arrived and is not delivered. */
struct wsk_packet {
    struct wsk_packet *next;
    struct net_address from, to;
    uint8_t *bytes; /* staged; NULL if empty */
    uint32_t size, interface_index;
    uint64_t arrival; /* the buffer is ordered by it */
    ULONG flags;   /* MSG_BCAST, MSG_MCAST */
    bool is_stale; /* refused by a static callback: offered again with a newer one */
    bool was_refused;
    bool has_info; /* the socket asked for packet information when it came */
};

/* One node of a WSK_BUF_LIST. */
struct wsk_message {
    struct wsk_message *next;
    const WSK_BUF_LIST *node;
    WSK_BUF_LIST copy; /* of the node (DGRM-008) */
    PMDL mdl;
    ULONG offset;
    SIZE_T length;
    uint64_t hash;
};

/* ---- wsk_resolver.c ---- */

/* A result list that the client holds or has held. */
struct wsk_info {
    struct wsk_registration *registration;
    uintptr_t head;
    uint32_t object, count;
    bool is_freed;
    struct sim_where made, freed;
};

void wsk_datagram_open(struct sim *s, struct wsk_socket *socket);
/* DGRM-001: the socket is bound, and the client knows it. False: the call is decided. */
bool wsk_datagram_check(struct wsk_call *call, ULONG flags);

#endif
