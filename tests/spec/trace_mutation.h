/* SPDX-License-Identifier: MIT */
/*
 * Mistakes in a trace: an event (or all of its kind) is dropped, doubled, moved or changed. The
 * monitors must say that a property fails on some trace with one mistake, for each property that
 * they check.
 */
#ifndef TESTS_SPEC_TRACE_MUTATION_H
#define TESTS_SPEC_TRACE_MUTATION_H

#include "tests/spec/property_bed.h"

enum trace_mutation {
    TM_DROP,
    TM_TWICE,
    TM_MOVE_1,
    TM_MOVE_7,
    TM_MOVE_60,
    TM_ZERO,
    TM_PENDING,
    TM_FORCED,
    TM_ONE,
    TM_LEVEL,
    TM_OBJECT,
    TM_NOTE,
    TM_LATE,
    TM_DROP_ALL,
    TM_FIRST,
    TM_OFTEN,
    TM_COUNT
};

enum { TM_ROOM = 24 /* a copy may become longer by so much */ };

enum { TM_KINDS = 0x1000 };

/* Events that mean the same. */
static inline uint32_t trace_kind(const struct sim_trace_event *e)
{
    switch (e->kind) {
    case TRACE_Note:
        return 0x100 + (e->object >> 24);
    case TRACE_Create:
    case TRACE_Destroy:
    case TRACE_Queue:
    case TRACE_Unqueue:
    case TRACE_Signal:
    case TRACE_LockAcquire:
        return 0x200 + e->kind * 32u % 0x200 + (e->object >> 24) % 32;
    case TRACE_Call:
        return 0x400 + ((uint32_t)e->value & 0x3ff);
    case TRACE_Return:
        return 0x800 + (e->object & 0x3ff);
    default:
        return e->kind;
    }
}

static inline size_t trace_drop_kind(const struct sim_trace_event *in, size_t count, size_t at,
                                     struct sim_trace_event *out)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (trace_kind(&in[i]) != trace_kind(&in[at])) {
            out[kept++] = in[i];
        }
    }
    return kept;
}

/* One mistake at `at`; returns the new length. */
static inline size_t trace_mutate(const struct sim_trace_event *in, size_t count, size_t at,
                                  enum trace_mutation mutation, struct sim_trace_event *out)
{
    static const size_t distance[TM_COUNT] = {[TM_MOVE_1] = 1, [TM_MOVE_7] = 7, [TM_MOVE_60] = 60};
    memcpy(out, in, count * sizeof *in);
    switch (mutation) {
    case TM_DROP:
        memmove(&out[at], &out[at + 1], (count - at - 1) * sizeof *out);
        return count - 1;
    case TM_TWICE:
        memmove(&out[at + 1], &out[at], (count - at) * sizeof *out);
        return count + 1;
    case TM_MOVE_1:
    case TM_MOVE_7:
    case TM_MOVE_60: {
        size_t to = at + distance[mutation] < count ? at + distance[mutation] : count - 1;
        memmove(&out[at], &out[at + 1], (to - at) * sizeof *out);
        out[to] = in[at];
        return count;
    }
    case TM_ZERO:
        out[at].value = 0;
        break;
    case TM_PENDING:
        out[at].value = GATE_STATUS_PENDING;
        break;
    case TM_FORCED:
        out[at].value = GATE_STATUS_FORCED_CLOSED;
        break;
    case TM_ONE:
        out[at].value ^= 1;
        break;
    case TM_LEVEL:
        out[at].level = out[at].level == 0 ? 2 : out[at].level == 2 ? 0 : 3;
        break;
    case TM_OBJECT:
        out[at].object += 1;
        break;
    case TM_NOTE:
        out[at].object += 1u << 24;
        break;
    case TM_DROP_ALL:
        return trace_drop_kind(in, count, at, out);
    case TM_FIRST:
        memmove(&out[1], &out[0], at * sizeof *out);
        out[0] = in[at];
        break;
    case TM_OFTEN:
        memmove(&out[at + TM_ROOM], &out[at], (count - at) * sizeof *out);
        for (size_t i = 0; i < TM_ROOM; i++) {
            out[at + i] = in[at];
        }
        return count + TM_ROOM;
    case TM_LATE:
        for (size_t i = at + 1; i < count; i++) {
            out[i].time += SIM_MS(20000);
        }
        break;
    case TM_COUNT:
        break;
    }
    return count;
}

#endif
