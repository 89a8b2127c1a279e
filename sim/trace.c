/* SPDX-License-Identifier: MIT */
/*
 * The fingerprint and, on request, the list of events. The list grows by doubling and stays
 * allocated for the life of the process; a run without trace touches none of it.
 */
#include "trace.h"

#include <stdlib.h>

#include "features.h"
#include "sim.h"
#include "sim_internal.h"

enum { TRACE_FIRST_CAPACITY = 4096, TRACE_MAX = 1 << 22 };

static struct {
    struct sim_trace_event *event;
    size_t count, capacity;
} kept;

/* Makes room for one more event; false when the list is as long as it may get. */
static bool trace_grow(void)
{
    if (kept.capacity >= TRACE_MAX) {
        return false;
    }
    size_t capacity = kept.capacity == 0 ? TRACE_FIRST_CAPACITY : kept.capacity * 2;
    struct sim_trace_event *event = realloc(kept.event, capacity * sizeof *event);
    if (event == NULL) {
        return false;
    }
    kept.event = event;
    kept.capacity = capacity;
    return true;
}

SIM_NOINLINE static void trace_keep(struct sim *s, uint16_t kind, uint32_t object, uint64_t value)
{
    if (kept.count == kept.capacity && !trace_grow()) {
        return;
    }
    const struct sim_ctx *c = s->current;
    kept.event[kept.count++] = (struct sim_trace_event){
        .seq = s->seq,
        .time = s->now,
        .context = c->id,
        .slot = c->index,
        .kind = kind,
        .object = object,
        .value = value,
        .site = c->site,
        .processor = c->processor,
        .level = c->level,
        .routine = c->routine,
    };
}

/* The stack of one event, for the "because" side of a finding. */
SIM_NOINLINE static void trace_capture(struct sim *s)
{
    s->violation.prior_stack_depth = sim_stack(s, s->violation.prior_stack);
}

SIM_NOINLINE void sim_trace_watch(struct sim *s, uint16_t kind, uint32_t object, uint64_t value)
{
    if (sim_features_on && object != 0) {
        sim_features_event(s, kind, object, value);
    }
    if (s->options.trace) {
        trace_keep(s, kind, object, value);
    }
    if (s->seq == s->options.capture_seq) {
        trace_capture(s);
    }
}

void trace_reset(void)
{
    kept.count = 0;
}

const struct sim_trace_event *sim_trace_events(const struct sim *s, size_t *count)
{
    (void)s;
    *count = kept.count;
    return kept.event;
}

uint64_t sim_fingerprint(const struct sim *s)
{
    uint64_t hash = sim_mix(s->hash, SIM_FINGERPRINT_VERSION);
    hash = sim_mix(hash, s->seq);
    return sim_mix(hash, s->now);
}
