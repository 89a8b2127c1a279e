/* SPDX-License-Identifier: MIT */
/*
 * What the files of the life-cycle monitor share: life_monitor.c (who does what), life_checks.c
 * (requests, sockets, registrations), life_data.c (bytes and datagrams).
 */
#ifndef TESTS_SPEC_LIFE_MONITOR_INTERNAL_H
#define TESTS_SPEC_LIFE_MONITOR_INTERNAL_H

#include "life_notes.h"
#include "trace_report.h"

enum {
#define ROUTINE(name, low, high) ROUTINE_##name,
#include "model/routines.def"
#undef ROUTINE
    ROUTINES
};
enum {
#define TRACE(name, text, shown) TRACE_##name,
#include "model/trace_kinds.def"
#undef TRACE
    TRACES
};

enum {
    LIFE_SOCKETS = 256,
    LIFE_IRPS = 4096,
    LIFE_CONTEXTS = 4096,
    LIFE_FRAMES = 10,
    LIFE_CLIENTS = 32,
    LIFE_PEERS = 64,
    LIFE_PIECES = 256,
    LIFE_DATAGRAMS = 2048,
    LIFE_INSPECTIONS = 64,
    LIFE_REQUESTS = 256,
    LIFE_EVENTS = 7,
    /* kinds of objects, as in docs/trace.md */
    LIFE_IRP = 13,
    LIFE_REGISTRATION = 19,
    LIFE_SOCKET = 20, LIFE_PEER = 22,
    EVENT_RECEIVE = 0,
    EVENT_RECEIVE_FROM = 3,
    EVENT_ACCEPT = 4,
    EVENT_INSPECT = 5,
    EVENT_ABORT = 6
};

#define LIFE_PENDING 0x103u
#define LIFE_EVENT_PENDING 0x40000013u
#define LIFE_FORCED_CLOSED 0xC00000B6u
#define LIFE_CANCELLED 0xC0000120u
#define LIFE_NOT_ACCEPTED 0xC000021Bu
#define LIFE_REJECTED 0xC00000D0u

static inline bool life_success(uint32_t status)
{
    return (int32_t)status >= 0;
}

struct life_irp {
    uint32_t routine, socket, client; /* routine 0: not passed to WSK */
    bool is_in_flight, is_entered, has_left, was_pending_returned, is_cancelled, is_watch;
    bool is_returned, is_returned_pending, was_dead, was_closing;
    uint32_t status;
    uint64_t information, order;
    sim_time cancelled_at;
    uint32_t watched, watched_count; /* which changes, and how many there had been */
    bool is_due;                     /* one came while it waited */
    uint64_t length; /* WskReceive: asked for; flags */
    uint32_t flags;
    uint64_t piece; /* got, or to be sent */
    uint64_t at;    /* sends: place in the stream */
};

enum life_frame_kind { LIFE_CALL, LIFE_CALLBACK, LIFE_COMPLETION };

struct life_frame {
    enum life_frame_kind kind;
    uint32_t routine, object, irp, event, accepted;
    bool was_dead, was_deregistering, is_counted;
    uint8_t level;
    uint64_t entered;
    uint64_t note; /* LIFE_NOTE_ + 1 that stood before the call; 0 = none */
    uint64_t note_value;
    uint32_t client;
    uint64_t datagram[64];
    uint32_t datagrams;
};

struct life_context {
    uint32_t depth;
    struct life_frame frame[LIFE_FRAMES];
    uint32_t accepted; /* AcceptedBy, until the callback or completion that delivers it */
    uint32_t client;   /* from the last note before a call */
    uint64_t note, note_value;
};

struct life_socket {
    bool is_born, is_forced, is_closing, is_closed, is_refused, is_delivered, has_overlap;
    bool is_conditional;
    uint32_t category, parent, client, closes, requests, inside, retained;
    uint32_t running[LIFE_EVENTS];
    uint32_t keep_alive; /* inherited; 0, 1, 2 = not known */
};

struct life_registration {
    bool is_known, is_deregistering, is_gone;
    int32_t captures;
    uint32_t sockets, calls, requests, routines;
};

/* Pieces in the order of their deciding. */
struct life_list {
    uint64_t piece[LIFE_PIECES];
    uint64_t order[LIFE_PIECES];
    uint32_t count;
};

/* A socket as the client numbers it. */
struct life_client {
    struct life_list received, taken, sent;
    bool is_unknown;                 /* bytes were dropped, or could not be read */
    bool has_cancelled;              /* a receive was cancelled */
    uint64_t sent_bytes, sure_bytes; /* before the first send that failed */
    uint64_t good_bytes;             /* the end of the last send that succeeded */
    bool is_connected, has_disconnected, has_aborted, has_finished_well, has_closed, is_dead;
    bool has_gap;
    uint64_t fixed, fixed_seq;
    uint32_t option[4], option_known, option_setting; /* bits of slots; a call is in progress */
    uint64_t address;
    uint32_t inspect_id; /* + 1; 0 = none told */
};

struct life_peer {
    uint64_t sent_bytes, got_bytes;
    uint32_t client;  /* whose bytes it gets; 0 = not known */
    uint32_t suspect; /* whose it gets without the first ones; 0 = nobody's */
    bool has_finished, has_reset, has_closed, has_ended, is_unknown;
};

struct life_datagram {
    uint64_t sent_seq;
    uint32_t number, length, deliveries;
};

struct life_inspection {
    uint32_t socket, id;
    uint32_t action;
    bool is_done, is_aborted;
    uint64_t rejected; /* where, or 0 */
};

struct life {
    const struct trace_setting *setting;
    struct trace_report *report;
    const struct sim_trace_event *now;
    struct life_irp irp[LIFE_IRPS];
    uint32_t irps;
    struct life_context context[LIFE_CONTEXTS];
    struct life_socket socket[LIFE_SOCKETS];
    struct life_registration registration[8];
    uint32_t births, good_births;
    uint32_t addresses_changed, transports_changed;
    uint32_t changed[3]; /* transports, IPv4, IPv6 */
    uint64_t orders;
    struct life_client client[LIFE_CLIENTS];
    struct life_peer peer[LIFE_PEERS];
    uint32_t finishes;
    struct life_datagram datagram[LIFE_DATAGRAMS];
    uint32_t datagrams;
    struct life_inspection inspection[LIFE_INSPECTIONS];
    uint32_t inspections;
    uint8_t told[LIFE_REQUESTS]; /* how often the routine of this request has run */
};

/* `property` was looked at. */
static inline bool life_check(struct life *l, uint32_t property, bool holds, const char *what)
{
    return trace_check(l->report, l->now, property, holds, what);
}
static inline void life_deny(struct life *l, uint32_t property, bool is_breach, const char *what)
{
    trace_deny(l->report, l->now, property, is_breach, what);
}

static inline struct life_socket *life_socket(struct life *l, uint32_t object)
{
    uint32_t number = object & 0xffffffu;
    return object >> 24 == LIFE_SOCKET && number < LIFE_SOCKETS ? &l->socket[number] : NULL;
}
static inline struct life_registration *life_registration(struct life *l, uint32_t object)
{
    uint32_t number = object & 0xffffffu;
    return object >> 24 == LIFE_REGISTRATION && number < 8 ? &l->registration[number] : NULL;
}
static inline struct life_irp *life_irp(struct life *l, uint32_t object)
{
    return &l->irp[(object & 0xffffffu) % LIFE_IRPS];
}
static inline struct life_client *life_client(struct life *l, uint32_t number)
{
    return number > 0 && number < LIFE_CLIENTS ? &l->client[number] : NULL;
}
/* The reserved twins of these functions behave like them (sockets.md, table 2.1). */
static inline bool is_receive(uint32_t routine)
{
    return routine == ROUTINE_WskReceive || routine == ROUTINE_WskReceiveEx;
}
static inline bool is_send(uint32_t routine)
{
    return routine == ROUTINE_WskSend || routine == ROUTINE_WskSendEx;
}
static inline bool life_is_wsk(uint32_t routine)
{
    return routine >= ROUTINE_WskRegister && routine <= ROUTINE_WskReceiveEx;
}

/* ---- life_checks.c ---- */

void life_on_wsk_call(struct life *l, struct life_context *c, struct life_frame *f);
void life_on_submit(struct life *l, struct life_frame *f, uint32_t irp, uint32_t routine);
void life_on_complete(struct life *l, struct life_context *c, uint32_t irp, uint32_t status);
void life_on_routine(struct life *l, uint32_t irp, bool is_pending_returned);
void life_on_routine_left(struct life *l, uint32_t irp);
void life_on_return(struct life *l, const struct life_frame *f, uint32_t status);
void life_on_enter(struct life *l, struct life_context *c, struct life_frame *f);
void life_on_leave(struct life *l, const struct life_frame *f, uint32_t status);
void life_on_socket(struct life *l, const struct sim_trace_event *e);
void life_on_gone(struct life *l, uint32_t registration);
void life_on_cancel(struct life *l, uint32_t irp);
void life_on_change(struct life *l, uint32_t what);
void life_checks_end(struct life *l);
void life_checks_stuck(struct life *l);

/* ---- life_data.c ---- */

void life_on_note(struct life *l, struct life_context *c, uint32_t note, uint32_t number,
                  uint64_t value);
/* What a socket that is being delivered takes over from its listener. */
void life_data_inherit(struct life *l, struct life_socket *s);
/* A send or receive with bytes has completed. */
void life_data_complete(struct life *l, struct life_irp *irp);
void life_data_return(struct life *l, const struct life_frame *f, uint32_t status);
void life_data_leave(struct life *l, const struct life_frame *f, uint32_t status);
void life_data_end(struct life *l);

#endif
