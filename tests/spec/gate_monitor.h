/* SPDX-License-Identifier: MIT */
/*
 * A monitor of one finished run: reads its trace (kinds of model/trace_kinds.def and the client's
 * notes of gate_notes.h) and checks the properties of the control plane, 5.1 and 5.3, that speak of
 * the event gate. It knows no model, only trace, contract and specification (gate_spec.h).
 *
 *   trace --(gate_monitor.c: contexts, calls, callbacks, IRPs)--> steps of each socket
 *         --(gate_checks.c: plain counters)--> PROP-01 to PROP-28, -48, -52, -54, -55, -58
 *         --(gate_spec.c)--> PROP-61: a row for every step, and the result the row says
 *
 * PROP-12, -13, -16, -17 and -27 compare two runs: gate_compare. A property counts how often it had
 * something to look at; a run that never looked proves nothing.
 *
 * The moment of decision of a request is the trace's EventEnable or EventDisable, or the inline
 * completion of its IRP if that comes first. Default knobs are assumed.
 */
#ifndef TESTS_SPEC_GATE_MONITOR_H
#define TESTS_SPEC_GATE_MONITOR_H

#include "tests/spec/gate_notes.h"
#include "tests/spec/gate_spec.h"

enum {
    GATE_PROPERTIES = 63,    /* by number, and two more: */
    GATE_ORDER = 0,          /* waiting IRPs complete first in, first out (T-14) */
    GATE_REFUSED_ORDER = 62, /* refused datagrams come again first, as they arrived (PROP-20) */
    GATE_CLIENT_SOCKETS = 32,
    GATE_RESULTS = 64,
    GATE_MESSAGE = 160,
};

/* What can be compared between two runs. */
struct gate_summary {
    uint32_t enters[GATE_CLIENT_SOCKETS][GATE_EVENTS];
    bool adm[GATE_CLIENT_SOCKETS][GATE_EVENTS]; /* at the last QUIET, or at the end */
    uint32_t running[GATE_CLIENT_SOCKETS][GATE_EVENTS];
    uint32_t result[GATE_RESULTS]; /* of event option requests, in order of their calls */
    uint32_t results;
};

struct gate_report {
    uint64_t checked[GATE_PROPERTIES];
    uint64_t failed[GATE_PROPERTIES];
    uint64_t steps; /* of the specification */
    char message[GATE_MESSAGE]; /* of the first failure */
    uint64_t message_seq;
    struct gate_summary summary;
};

struct gate_setting {
    uint32_t static_mask; /* as given to WSK_SET_STATIC_EVENT_CALLBACKS */
    bool is_finished;     /* the run came to its end: nothing may be left */
    /* NULL, or told the state of each socket at its birth and after each step. */
    void (*visit)(uint32_t socket, const struct gate_socket *spec);
};

void gate_monitor(const struct sim_trace_event *event, size_t count,
                  const struct gate_setting *setting, struct gate_report *report);

/* True for the two that have no number in the book. */
static inline bool gate_is_extra(uint32_t property)
{
    return property == GATE_ORDER || property == GATE_REFUSED_ORDER;
}

/* True if any property failed. */
bool gate_has_failed(const struct gate_report *report);

/* What a pair of runs must share. */
enum gate_likeness {
    GATE_SAME_STATE = 1,   /* adm and n of everything */
    GATE_SAME_ENTERS = 2,  /* invocations */
    GATE_SAME_RESULTS = 4, /* return values of requests */
};
/* Checks and counts `property` in report a; true if the two are alike. */
bool gate_compare(struct gate_report *a, const struct gate_report *b, uint32_t property,
                  uint32_t likeness);

#endif
