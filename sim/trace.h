/* SPDX-License-Identifier: MIT */
/*
 * The trace: what happened, as numbers. Each event goes into the fingerprint; it is kept only if
 * the run was asked to (options.trace), because a finding can be run again.
 *
 * What an event holds and what the fingerprint covers is listed in docs/trace.md: kind, context,
 * object, value, virtual time. Never an address, never the output of a monitor.
 *
 * Objects have small stable ids: kind in the upper byte, number (1..) of that kind in the lower 24.
 */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include "base.h"

#define SIM_FINGERPRINT_VERSION 2u

struct sim;

struct sim_trace_event {
    uint64_t seq;
    sim_time time;
    uint32_t context;  /* sim_ctx.id; 0 = the clock */
    uint16_t slot;     /* sim_ctx.index, to find name and number */
    uint16_t kind;     /* model/trace_kinds.def */
    uint32_t object;
    uint64_t value;
    uintptr_t site;    /* for reports only, not in the fingerprint */
    int8_t processor;
    uint8_t level;
    uint16_t routine;
};

static inline uint32_t sim_object_id(uint32_t kind, uint32_t number)
{
    return kind << 24 | (number & 0xffffffu);
}

/* sim_trace itself is in sim.h. The rest of it, when somebody wants more than the fingerprint. */
void sim_trace_watch(struct sim *s, uint16_t kind, uint32_t object, uint64_t value);

/* The events kept by the last run. */
const struct sim_trace_event *sim_trace_events(const struct sim *s, size_t *count);

/* The fingerprint of the run that has ended: version, hash, number of events, time. */
uint64_t sim_fingerprint(const struct sim *s);

#endif
