/* SPDX-License-Identifier: MIT */
/* What gate_monitor.c (who does what in the trace) and gate_checks.c (what may be done) share. */
#ifndef TESTS_SPEC_GATE_MONITOR_INTERNAL_H
#define TESTS_SPEC_GATE_MONITOR_INTERNAL_H

#include "tests/spec/gate_monitor.h"

enum {
    REQUESTS_MAX = 2048, IRPS_MAX = 4096, CONTEXTS_MAX = 4096, FRAMES_MAX = 8, REFUSED_MAX = 256,
    DATAGRAMS_MAX = 64, TRACE_SOCKETS_MAX = 128
};

/* One SO_WSK_EVENT_CALLBACK request. Numbers start at 1. */
struct request {
    uint32_t socket, mask, irp;
    uint32_t events;      /* bits decided so far */
    bool is_decided;
    bool was_dead;        /* the socket was force-closed when the call began */
    bool is_waiting;      /* it pends, and the IRP has not completed */
    bool was_waiting_at_close;
    uint32_t status;      /* decided */
    uint32_t count;       /* n at the decision */
    uint32_t set;         /* invocations in progress then that have not left */
    uint64_t enables;     /* of the event, at the decision */
    uint32_t result;      /* place in summary.result */
};

struct irp {
    uint32_t socket, request, routine;
    uint32_t completions;
    bool is_close;
    bool is_submitted, has_left; /* its completion routine has returned */
    bool is_due;                 /* the specification has completed it */
};

enum frame_kind { FRAME_CALL, FRAME_CALLBACK, FRAME_COMPLETION };

struct frame {
    enum frame_kind kind;
    uint32_t routine, socket, request; /* CALL */
    bool was_dead;                     /* CALL: force-closed when it began */
    uint32_t irp;                      /* COMPLETION, CALL: the one submitted */
    enum gate_event event;             /* CALLBACK */
    uint32_t slot, spec_slot;
    uint64_t order;                    /* of entry, over the run */
    uint64_t entered;                  /* place in the trace */
    bool is_partial, was_forced, was_alone;
    uint32_t accepted;                 /* CALLBACK accept: the socket delivered */
    uint64_t datagram[DATAGRAMS_MAX], arrival[DATAGRAMS_MAX];
    uint32_t datagrams;
};

struct context {
    uint32_t depth;
    struct frame frame[FRAMES_MAX];
    uint32_t note, note_socket; /* REQUEST or CALL, until the call begins; 0 = none */
    uint64_t note_value;
};

struct refused {
    uint64_t arrival; /* by the first callback that brought it */
    uint64_t number;
    uint64_t since; /* the refusal's place in the trace */
};

/* The plain counters of one event of one socket: no specification in here. */
struct watch {
    uint32_t running;    /* bits */
    uint32_t enters, enters_since; /* since the last QUIET or EXPECT */
    uint64_t enables;    /* successful ones */
    bool adm, tmpl, ever_enabled, is_touched, is_static, is_inherited;
    bool was_cycled;     /* disabled and enabled again */
    bool after_success;  /* a disable succeeded, no enable since */
    bool after_pended;   /* a disable pended, no enable since */
    bool after_refusal;  /* T-22, no enable since */
    bool is_shut;
    bool is_shut_unsure; /* a call of WskReceive is in progress: it may open it, or have done so */
    bool was_refused;    /* a return was DATA_NOT_ACCEPTED */
    uint32_t retained, nulls;
    bool may_null_late;  /* the same, if that call opened the gate before */
    bool may_null;       /* enabled with an open gate when the forced close came */
};

struct socket {
    uint32_t kind;       /* GATE_SOCKET_ bits; 0 = no such socket */
    bool is_forced, is_closing, is_closed, is_lost /* the specification has lost it */;
    uint32_t inspections, deliveries, receiving /* calls in progress */;
    bool has_closed_irp; /* the close's IRP has completed */
    bool is_of_cycled;   /* accepted while its listener's accept event had been cycled */
    struct watch watch[GATE_EVENTS];
    struct gate_socket spec;
    struct refused refused[REFUSED_MAX];
    uint32_t refused_count;
    uint64_t last_order; /* of the callback that began last */
    bool is_order_unknown; /* more were refused than are kept */
};

struct monitor {
    const struct gate_setting *setting;
    struct gate_report *report;
    const struct sim_trace_event *now;
    bool is_mapping; /* first pass: only finds out which socket is which */
    uint32_t number_of[TRACE_SOCKETS_MAX]; /* socket of the trace -> of the client */
    uint64_t orders;
    bool has_summary;
    bool has_pended; /* some disable */
    struct socket socket[GATE_CLIENT_SOCKETS];
    struct request request[REQUESTS_MAX];
    uint32_t requests;
    struct irp irp[IRPS_MAX];
    uint32_t irps; /* highest number submitted, + 1 */
    uint32_t waiting[REQUESTS_MAX]; /* requests, first in first out */
    uint32_t waiting_count;
    struct context context[CONTEXTS_MAX];
};

/* ---- gate_checks.c ---- */

/* PROP number: says that it was looked at, and whether it holds. Returns `holds`. */
bool gate_check(struct monitor *m, uint32_t property, bool holds, const char *what);

void gate_begin_socket(struct monitor *m, struct socket *s, uint32_t kind);
void gate_on_enable(struct monitor *m, uint32_t socket, enum gate_event e, struct request *r);
void gate_on_disable(struct monitor *m, uint32_t socket, enum gate_event e, uint32_t status,
                     struct request *r, bool is_inside);
void gate_on_result(struct monitor *m, struct request *r, uint32_t status);
void gate_on_call_result(struct monitor *m, const struct frame *f, uint32_t status);
void gate_on_enter(struct monitor *m, uint32_t socket, struct frame *f);
void gate_on_leave(struct monitor *m, uint32_t socket, const struct frame *f, uint32_t status);
void gate_on_null(struct monitor *m, uint32_t socket, const struct frame *f, bool is_null);
void gate_on_datagram(struct monitor *m, uint32_t socket, struct frame *f, uint64_t number);
/* WskAccept of this listener delivered a socket. */
void gate_on_delivered(struct monitor *m, uint32_t listener);
void gate_on_off(struct monitor *m, uint32_t socket, enum gate_event e);
void gate_on_forced(struct monitor *m, uint32_t socket);
void gate_on_close(struct monitor *m, uint32_t socket);
void gate_on_closed(struct monitor *m, uint32_t socket);
void gate_on_irp(struct monitor *m, uint32_t irp, uint32_t status);
void gate_on_information(struct monitor *m, uint32_t irp, uint64_t information);
void gate_on_receive(struct monitor *m, uint32_t socket);
void gate_on_receive_end(struct monitor *m, uint32_t socket);
void gate_on_quiet(struct monitor *m, bool is_end);
void gate_on_expect(struct monitor *m, uint32_t socket, enum gate_event e);

static inline uint32_t watch_count(const struct watch *w)
{
    return (uint32_t)__builtin_popcount(w->running);
}

#endif
