/* SPDX-License-Identifier: MIT */
/*
 * The event gate of one socket as the control plane document describes it (section 3), at default
 * knobs: an independent specification against which the model is checked. It was written from that
 * section alone and shares nothing with the model but sim/trace.h.
 *
 * A socket is an overlay (alive, forced closed, closing, closed) and one machine per event. A
 * machine holds the variables of 3.1; the named states are read off them. gate_step takes a
 * trigger, finds the one row of 3.4.1, applies what gate_rows.def says of it, checks the state
 * reached against the row and the invariants of 3.1, and says what must be seen from outside: the
 * result of a call, whether an invocation starts, which IRPs complete.
 *
 *     trigger + state --(matrix of 3.4.1)--> row --(gate_rows.def)--> variables, outcome
 *
 * Invariants: (1) n is the number of bits of `running`; (2) Q and each set of W are subsets of it;
 * (3) W holds no empty set; (4) a static event has adm = 1 and no sets until the socket closes.
 *
 * Limits: GATE_WAITERS_MAX disables wait at once, GATE_SLOTS invocations run at once.
 */
#ifndef TESTS_SPEC_GATE_SPEC_H
#define TESTS_SPEC_GATE_SPEC_H

#include "sim/trace.h"

/* In the numbering of the trace (upper 32 bits of the value). */
enum gate_event {
    GATE_RECEIVE, GATE_DISCONNECT, GATE_SEND_BACKLOG, GATE_RECEIVE_FROM, GATE_ACCEPT, GATE_INSPECT,
    GATE_ABORT, GATE_EVENTS
};

/* Bits of the request mask (7.2), in the order of enum gate_event; 0 = no flag exists. */
extern const uint32_t gate_flag[GATE_EVENTS];
#define GATE_DISABLE 0x80000000u

/* The statuses the machine looks at (7.1). */
#define GATE_STATUS_SUCCESS 0u
#define GATE_STATUS_PENDING 0x103u
#define GATE_STATUS_EVENT_PENDING 0x40000013u
#define GATE_STATUS_FORCED_CLOSED 0xC00000B6u
#define GATE_STATUS_NOT_ACCEPTED 0xC000021Bu     /* STATUS_DATA_NOT_ACCEPTED */
#define GATE_STATUS_REJECTED 0xC00000D0u         /* STATUS_REQUEST_NOT_ACCEPTED */

enum { GATE_WAITERS_MAX = 16, GATE_SLOTS = 32 };

enum gate_state {
    GATE_D, GATE_EI, GATE_EP, GATE_XN, GATE_XI, GATE_RX, GATE_AD, GATE_SI, GATE_SP, GATE_FORCED,
    GATE_CLOSING, GATE_CLOSED, GATE_STATES
};

enum gate_source { GATE_DYNAMIC, GATE_STATIC, GATE_INHERITED, GATE_CONDITIONAL };
enum gate_overlay { GATE_ALIVE, GATE_IS_FORCED, GATE_IS_CLOSING, GATE_IS_CLOSED };

struct gate_waiter {
    uint32_t irp;
    uint32_t set;
};

struct gate_machine {
    bool adm, is_shut /* gate */, tmpl;
    bool is_null_due;   /* forced close: one NULL indication is due (T-40, T-54) */
    bool is_touched;    /* the client asked for something on this socket (T-35) */
    enum gate_source source;
    uint32_t running;   /* the invocations in progress, one bit each; n is their number */
    uint32_t quiet;     /* Q */
    struct gate_waiter waiter[GATE_WAITERS_MAX]; /* W, first in first out */
    uint32_t waiters;
};

struct gate_socket {
    enum gate_overlay overlay;
    uint32_t events;    /* bit e: the category has event e */
    bool is_listener;   /* connection flags are a template */
    struct gate_machine machine[GATE_EVENTS];
};

enum gate_trigger_kind {
    GATE_ON_ENABLE, GATE_ON_DISABLE, GATE_ON_EVENT, GATE_ON_RETURN, GATE_ON_CANCEL, GATE_ON_FORCED,
    GATE_ON_CLOSE, GATE_ON_CLOSED /* T-43 */, GATE_ON_MALFORMED, GATE_ON_RECEIVE /* T-59 */,
    GATE_ON_ENDED /* T-60 */
};

struct gate_trigger {
    enum gate_trigger_kind kind;
    enum gate_event event; /* ENABLE, DISABLE, EVENT, RETURN, CANCEL */
    uint32_t irp;          /* 0 = NULL */
    uint32_t slot;         /* RETURN: which invocation, 0.. */
    uint32_t status;       /* RETURN: what the callback answered */
    bool is_partial;       /* RETURN of the receive event: it took only a part */
};

enum gate_result {
    GATE_NONE, GATE_SUCCESS, GATE_PENDING, GATE_EVENT_PENDING, GATE_FORCED_CLOSED,
    GATE_REFUSED,   /* any failing status */
    GATE_UNDEFINED, /* the client broke the contract: no status defined */
};

struct gate_row {
    const char *id;
    uint32_t from, to; /* sets of states; to = 0: the state does not change */
    enum gate_result result;
    uint32_t effects;
};

struct gate_completion {
    uint32_t irp;
    bool is_success;
};

struct gate_outcome {
    const struct gate_row *row;
    const struct gate_row *refined; /* T-47 or T-62, in addition; or NULL */
    enum gate_result result;
    bool is_started;
    uint32_t slot; /* of the invocation that started */
    uint32_t completions;
    struct gate_completion completion[GATE_WAITERS_MAX + 1];
};

/* All events in D; those in static_events (bits by event) in SI. */
void gate_socket_init(struct gate_socket *s, uint32_t events, uint32_t static_events);
/* Inspect and abort, from bind to close (CTL-096). */
void gate_socket_conditional(struct gate_socket *s);
/* T-35: `accepted` was delivered by WskAcceptEvent of `listener`, which returned success. */
void gate_socket_inherit(struct gate_socket *accepted, const struct gate_socket *listener);
/* T-61: the listener's client refused it. */
void gate_socket_vanish(struct gate_socket *accepted);

enum gate_state gate_state(const struct gate_socket *s, enum gate_event event);
const char *gate_state_name(enum gate_state state);
uint32_t gate_count(const struct gate_machine *m); /* n */
/* How many invocations of one event may run at a time (AMBIGUOUS-22); T-54 may add one. */
uint32_t gate_limit(enum gate_event event);

/* The row of 3.4.1 for this trigger now; NULL if the pair is marked "not possible". */
const struct gate_row *gate_row(const struct gate_socket *s, const struct gate_trigger *trigger);

/* Takes the row; there must be one. */
struct gate_outcome gate_step(struct gate_socket *s, const struct gate_trigger *trigger);

/* True while the invariants of 3.1 hold. */
bool gate_is_sound(const struct gate_socket *s);

/* The table, for those who want to know which rows were taken. */
extern const struct gate_row gate_rows[];
extern const uint32_t gate_row_count;

#endif
