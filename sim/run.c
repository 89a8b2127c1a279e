/* SPDX-License-Identifier: MIT */
/*
 * The life of a run: everything is put back to its first state, the first thread starts, and one of
 * the endings leaves for the main stack; then what the run used is given back. Cost follows use.
 *
 * Also what is asked about a run from outside: stacks, names of contexts.
 */
#include "features.h"
#include "fiber.h"
#include "race.h"
#include "race_fast.h"
#include "sim_internal.h"

#include <stdio.h>
#include <string.h>

static struct sim the_sim;

/* ---- runs ---- */

struct sim *sim_create(const struct sim_hooks *hooks)
{
    struct sim *s = &the_sim;
    sim_memory_init();
    s->hooks = hooks;
    for (uint32_t i = 0; i < SIM_PROCESSORS_MAX; i++) {
        s->processor[i].idle = (struct sim_ctx){.id = SIM_ID_IDLE + i, .name = "idle", .number = i,
                                                .stack = -1, .processor = (int8_t)i, .bound = -1};
    }
    s->clock = (struct sim_ctx){.name = "clock", .stack = -1, .processor = -1, .bound = -1};
    return s;
}

static void reset_options(struct sim *s, const struct sim_options *options)
{
    static const struct sim_options none;
    const struct sim_options *o = options != NULL ? options : &none;
    s->options.processors = o->processors == 0 ? 2 : o->processors;
    s->options.steps_max = o->steps_max == 0 ? 200000 : o->steps_max;
    s->options.time_max = o->time_max == 0 ? SIM_MS(3600000) : o->time_max;
    s->options.trace = o->trace;
    s->options.capture_seq = o->capture_seq;
    s->options.races = o->races;
    s->options.fill = o->fill == 0 ? 0xCD : o->fill;
    s->options.refill = o->refill;
    s->processor_count = s->options.processors;
    SIM_ASSERT_OP(s->processor_count, <=, SIM_PROCESSORS_MAX);
}

/* Idle processors and the clock: contexts that never run code, on which decisions count. */
static void reset_pseudo(struct sim *s, struct sim_ctx *c)
{
    c->points = c->last_deviation = 0;
    choice_context(s, c);
}

static void reset_run(struct sim *s)
{
    s->now = 0;
    s->hash = 0;
    s->seq = 0;
    s->steps = s->switches = s->decisions = 0;
    s->check = 0;
    s->diverged = false;
    s->verdict = SIM_VERDICT_OK;
    s->limit = NULL;
    s->violation.here.seq = 0;
    s->violation.prior_stack_depth = 0;
    s->violation.prior_access = 0;
    s->queued = s->ready_count = 0;
    s->is_alone = false;
    for (uint32_t i = 0; i < s->processor_count; i++) {
        struct sim_processor *p = &s->processor[i];
        p->top = NULL;
        p->queue_head = p->queue_count = 0;
        reset_pseudo(s, &p->idle);
    }
    reset_pseudo(s, &s->clock);
}

enum sim_verdict sim_run(struct sim *s, void (*main)(struct sim *s, void *argument),
                         void *argument, const struct sim_options *options,
                         const struct choice_source *source, struct choice_log *log)
{
    SIM_ASSERT(!s->is_running);
    sim_current = s;
    if (s->options.trace) {
        trace_reset();
    }
    sched_reset(s);
    reset_options(s, options);
    s->source = source;
    s->log = log;
    s->asks_always = source->kind == CHOICE_RANDOM && source->switch_one_in <= 1;
    s->is_recorded = false;
    s->is_watched = s->options.trace || s->options.capture_seq != 0 || sim_features_on;
    choice_reset(s);
    if (s->event_seq != 0) {
        events_reset(s);
    }
    if (sim_features_on) {
        sim_features_reset();
    }
    reset_run(s);
    s->race_pends = false;
    s->is_racing = s->options.races;
    if (SIM_UNLIKELY(s->is_racing)) {
        race_reset(s);
    }
    const struct sim_ctx_params first = {.kind = SIM_THREAD, .entry = main, .argument = argument,
                                         .name = "system", .bound = -1};
    struct sim_ctx *c = sched_first(s, &first);
    s->is_running = true;
    fiber_enter(c);
    s->is_running = s->is_recorded = s->is_racing = false;
    sim_race_hot.key = sim_race_hot.module_key = 0;
    sched_account(s);
    choice_finish(s);
    fiber_reset(s);
    sim_memory_reset(s);
    return s->verdict;
}

/* ---- endings ---- */

uint32_t sim_context_points(const struct sim *s, uint32_t *id, uint32_t *points, uint32_t max)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->context_count && count < max; i++) {
        if (sim_contexts[i].points > 0) {
            id[count] = sim_contexts[i].id;
            points[count++] = sim_contexts[i].points;
        }
    }
    return count;
}

void sim_context_label(uint16_t slot, char *out, size_t size)
{
    const struct sim_ctx *c = &sim_contexts[slot % SIM_CONTEXTS_MAX];
    const char *name = c->name != NULL ? c->name : "?";
    unsigned nth = 1;
    for (const struct sim_ctx *other = sim_contexts; other < c; other++) {
        nth += other->name != NULL && strcmp(other->name, name) == 0;
    }
    snprintf(out, size, "%s#%u", name, nth);
}

SIM_NO_ASAN uint32_t sim_stack(struct sim *s, uintptr_t out[SIM_STACK_DEPTH_MAX])
{
    const struct sim_ctx *c = s->current;
    uint32_t depth = 0;
    uintptr_t frame = c->frame;
    if (sim_memory_is_module(c->site)) {
        out[depth++] = c->site;
    }
    uintptr_t low = SIM_STACK_BASE + (uintptr_t)(c->stack < 0 ? 0 : c->stack) * SIM_STACK_STRIDE +
                    (SIM_STACK_STRIDE - SIM_STACK_BYTES);
    for (int i = 0; i < 64 && depth < SIM_STACK_DEPTH_MAX; i++) {
        if (frame - low >= SIM_STACK_BYTES - 16 || (frame & 7) != 0) {
            break;
        }
        uintptr_t next = ((const uintptr_t *)frame)[0];
        uintptr_t site = ((const uintptr_t *)frame)[1];
        if (sim_memory_is_module(site) && (depth == 0 || out[depth - 1] != site)) {
            out[depth++] = site;
        }
        if (next <= frame) {
            break;
        }
        frame = next;
    }
    return depth;
}

void sim_fail(struct sim *s, struct sim_violation *violation)
{
    SIM_ASSERT(s->is_running);
    if (violation != &s->violation) {
        uint32_t prior_depth = s->violation.prior_stack_depth; /* captured in this very run */
        if (prior_depth > 0) {
            memcpy(violation->prior_stack, s->violation.prior_stack, sizeof violation->prior_stack);
            violation->prior_stack_depth = prior_depth;
        }
        s->violation = *violation;
    }
    struct sim_violation *v = &s->violation;
    if (v->here.seq == 0) {
        v->here = sim_here(s);
    }
    if (v->stack_depth == 0) {
        v->stack_depth = sim_stack(s, v->stack);
    }
    v->time = s->now;
    v->level = s->current->level;
    s->verdict = SIM_VERDICT_VIOLATION;
    fiber_leave();
}

void sim_limit(struct sim *s, const char *which)
{
    SIM_ASSERT(s->is_running);
    s->verdict = SIM_VERDICT_LIMIT;
    s->limit = which;
    fiber_leave();
}

void sim_finish(struct sim *s)
{
    SIM_ASSERT(s->is_running);
    fiber_leave();
}
