/* SPDX-License-Identifier: MIT */
/*
 * A run under a search: what the engine asks at every decision and request, and what it tells.
 *
 *   decision --(step before is over)--> on the stack? follow it : grow it by one step
 *
 * Invariant: `at` steps have begun; the last one is open from its decision to the next.
 */
#include "search_internal.h"

#include <string.h>

static const char redundant_text[] = "the search has seen an equivalent run";
static const char diverged_text[] =
    "the run left the prefix that the search repeats: the driver is not deterministic";

/* ---- processes ---- */

/* Number of the process that a context is, or SEARCH_PROCESSES_MAX if there are too many. */
static uint16_t process_of(struct sim_search *q, const struct sim_ctx *c)
{
    SIM_ASSERT_OP(c->id, <, IDS);
    if (q->number[c->id] == 0) {
        if (q->processes == SEARCH_PROCESSES_MAX) {
            return SEARCH_PROCESSES_MAX;
        }
        q->last[q->processes] = NO_EVENT;
        q->id[q->processes] = c->id;
        q->number[c->id] = (uint16_t)++q->processes;
    }
    return (uint16_t)(q->number[c->id] - 1);
}

/* ---- beginning and end ---- */

void search_begin_run(struct sim_search *q)
{
    q->at = q->value_at = q->spent = q->spent_programs = 0;
    q->is_atomic = q->is_off = q->is_open = q->is_recorded = false;
    q->is_cut = q->is_redundant = q->is_diverged = false;
    for (uint32_t p = 0; p < q->processes; p++) {
        q->last[p] = NO_EVENT;
        q->enablers[p] = 0;
    }
}

static void close_event(struct sim_search *q)
{
    if (q->is_open && q->is_recorded && q->bounds.kind == SEARCH_DPOR) {
        search_finish_event(q, q->at - 1);
    }
    q->is_open = q->is_recorded = false;
}

/* The steps that did not happen might have: whatever ended the run depends on everything. */
void search_end_run(struct sim_search *q)
{
    struct search_report *r = &q->report;
    close_event(q);
    bool is_short = q->at < q->events; /* it did not come to the end of its prefix */
    if (q->bounds.kind == SEARCH_DPOR && !q->is_redundant && !q->is_cut && q->at > 0) {
        struct search_event *last = &q->event[q->at - 1];
        search_want_all(q, last);
        last->is_wild = true;
    }
    r->runs++;
    r->redundant += q->is_redundant;
    r->cut += q->is_cut;
    r->diverged += q->is_diverged || is_short;
    r->complete += !q->is_redundant && !q->is_cut && !q->is_diverged && !is_short;
    r->steps_max = q->at > r->steps_max ? q->at : r->steps_max;
}

void search_scope(struct sim *s, bool is_searched)
{
    struct sim_search *q = s->source->kind == CHOICE_SEARCH ? s->source->search : NULL;
    if (q != NULL) {
        close_event(q);
        s->is_recorded = false;
        q->is_off = !is_searched;
    }
}

void search_atomic(struct sim *s, bool is_atomic)
{
    if (s->source->kind == CHOICE_SEARCH) {
        s->source->search->is_atomic = is_atomic;
    }
}

/* ---- a step begins ---- */

/* What a context will do next, as its last point has announced it. */
static void announce(struct sim *s, struct sim_ctx *c)
{
    if (c == &s->clock) {
        sim_touch(s, SIM_OBJECT_CLOCK, 8, true);
    }
    size_t size = c->op_size != 0 ? c->op_size : 8 - (c->op_object & 7);
    switch ((enum sim_op)c->op) {
    case SIM_OP_READ:
        sim_touch(s, c->op_object, size, false);
        break;
    case SIM_OP_CALL:
    case SIM_OP_WRITE:
    case SIM_OP_LOCK:
    case SIM_OP_UNLOCK:
    case SIM_OP_WAIT:
    case SIM_OP_WAKE:
        if (c->op_object != 0) {
            sim_touch(s, c->op_object, size, true);
        }
        break;
    case SIM_OP_NONE:
    case SIM_OP_RETURN:
        break;
    }
    if (s->hooks->touches != NULL) {
        s->hooks->touches(s, c);
    }
}

/* The step q->at begins; its alternatives and choice stand on the stack. */
static void open_event(struct sim *s, struct sim_search *q, struct sim_ctx *c, bool is_new)
{
    struct search_event *e = &q->event[q->at];
    uint16_t p = e->process;
    e->before = q->last[p];
    e->nth = (uint16_t)(e->before == NO_EVENT ? 1 : q->event[e->before].nth + 1);
    e->enablers = q->enablers[p];
    memcpy(e->enabler, q->enabler[p], sizeof e->enabler);
    q->enablers[p] = 0;
    q->last[p] = q->at++;
    q->is_open = true;
    q->is_recorded = is_new;
    s->is_recorded = is_new && q->bounds.kind == SEARCH_DPOR;
    if (s->is_recorded) {
        announce(s, c);
    }
}

/* ---- a new step ---- */

static void cut(struct sim *s, struct sim_search *q)
{
    q->is_cut = true;
    s->is_recorded = false;
}

static const struct search_alternative *find(const struct sim_search *q,
                                             const struct search_event *e, uint16_t process)
{
    for (uint16_t k = 0; k < e->alternatives; k++) {
        if (q->alternative[e->first + k].process == process) {
            return &q->alternative[e->first + k];
        }
    }
    return NULL;
}

/* Asleep, if it was explored before the last step and that step is nothing to it. */
static void inherit_sleep(const struct sim_search *q, struct search_alternative *a)
{
    const struct search_event *e = &q->event[q->at - 1];
    const struct search_alternative *before = find(q, e, a->process);
    if (before != NULL && before->process != e->process &&
        (before->state & (ALTERNATIVE_DONE | ALTERNATIVE_ASLEEP)) != 0 &&
        search_independent(q, before, e)) {
        a->state |= ALTERNATIVE_ASLEEP;
        a->first = before->first;
        a->count = before->count;
        a->bloom = before->bloom;
    }
}

/* What the k-th alternative costs (DFS); the normal one is free. */
static uint32_t cost_of(const struct sim *s, const struct sim_search *q,
                        const struct sim_ctx *from, uint32_t k, uint32_t normal)
{
    if (q->bounds.delays >= 0) {
        return (k + s->enabled_count - normal) % s->enabled_count;
    }
    return s->enabled[normal] == from && k != normal; /* it could have gone on */
}

static bool is_within(const struct sim_search *q, uint32_t cost)
{
    int32_t bound = q->bounds.delays >= 0 ? q->bounds.delays : q->bounds.preemptions;
    return bound < 0 || cost <= (uint32_t)bound;
}

/* Lists the enabled contexts. False: too many processes. */
static bool list_alternatives(struct sim *s, struct sim_search *q, struct search_event *e,
                              const struct sim_ctx *from, uint32_t normal)
{
    for (uint32_t k = 0; k < s->enabled_count; k++) {
        struct search_alternative *a = &q->alternative[e->first + k];
        *a = (struct search_alternative){.process = process_of(q, s->enabled[k])};
        if (a->process == SEARCH_PROCESSES_MAX) {
            return false;
        }
        if (q->bounds.kind == SEARCH_DPOR) {
            if (q->at > 0) {
                inherit_sleep(q, a);
            }
            continue;
        }
        a->cost = e->cost + cost_of(s, q, from, k, normal);
        if (is_within(q, a->cost)) {
            a->state = ALTERNATIVE_WANTED;
        } else {
            q->report.was_bounded = true;
        }
    }
    e->alternatives = (uint16_t)s->enabled_count;
    return true;
}

/* DPOR: the normal one unless it sleeps; then the first that is awake. -1: all sleep. */
static int first_choice(const struct sim_search *q, const struct search_event *e, uint32_t normal)
{
    const struct search_alternative *a = &q->alternative[e->first];
    if ((a[normal].state & ALTERNATIVE_ASLEEP) == 0) {
        return (int)normal;
    }
    for (uint16_t k = 0; k < e->alternatives; k++) {
        if ((a[k].state & ALTERNATIVE_ASLEEP) == 0) {
            return k;
        }
    }
    return -1;
}

static struct sim_ctx *grow(struct sim *s, struct sim_search *q, const struct sim_ctx *from,
                            struct sim_ctx *normal)
{
    struct search_event *e = &q->event[q->events];
    if (q->events == SEARCH_EVENTS_MAX ||
        q->alternatives + s->enabled_count > ALTERNATIVES_MAX) {
        cut(s, q);
        return normal;
    }
    uint32_t at = 0;
    while (s->enabled[at] != normal) {
        at++;
        SIM_ASSERT_OP(at, <, s->enabled_count);
    }
    const struct search_event *before = q->events > 0 ? e - 1 : NULL;
    *e = (struct search_event){.first = q->alternatives, .access = q->accesses, .pool = q->pool,
                               .stash = q->pool};
    e->cost = before != NULL ? q->alternative[before->first + before->chosen].cost : 0;
    if (!list_alternatives(s, q, e, from, at)) {
        cut(s, q);
        return normal;
    }
    int chosen = q->bounds.kind == SEARCH_DFS ? (int)at : first_choice(q, e, at);
    if (chosen < 0) {
        q->is_redundant = true;
        sim_limit(s, redundant_text);
    }
    e->chosen = (uint16_t)chosen;
    e->process = q->alternative[e->first + e->chosen].process;
    q->alternative[e->first + e->chosen].state |= ALTERNATIVE_WANTED;
    q->alternatives += e->alternatives;
    q->events++;
    struct sim_ctx *next = s->enabled[e->chosen];
    open_event(s, q, next, true);
    return next;
}

/* ---- a step of the prefix ---- */

static struct sim_ctx *follow(struct sim *s, struct sim_search *q)
{
    const struct search_event *e = &q->event[q->at];
    bool is_same = e->alternatives == s->enabled_count;
    for (uint32_t k = 0; is_same && k < s->enabled_count; k++) {
        is_same = q->id[q->alternative[e->first + k].process] == s->enabled[k]->id;
    }
    if (!is_same) {
        q->is_diverged = true;
        sim_limit(s, diverged_text);
    }
    struct sim_ctx *next = s->enabled[e->chosen];
    open_event(s, q, next, q->at + 1 == q->events);
    return next;
}

/* ---- what the engine asks and tells ---- */

/* Who could have run before the last step and cannot now: the two depend on each other. */
static void find_disabled(struct sim *s, struct sim_search *q)
{
    struct search_event *e = &q->event[q->at - 1];
    for (uint16_t k = 0; k < e->alternatives; k++) {
        uint16_t p = q->alternative[e->first + k].process;
        bool is_enabled = p == e->process;
        for (uint32_t i = 0; !is_enabled && i < s->enabled_count; i++) {
            is_enabled = s->enabled[i]->id == q->id[p];
        }
        if (!is_enabled) {
            e->is_wild = true;
            search_want(q, e, p);
        }
    }
}

/*
 * More contexts want a processor than there are free ones: then a step depends on others by the
 * processor that it gets or leaves, which no access shows.
 */
static bool is_crowded(const struct sim *s)
{
    uint32_t idle = 0;
    for (uint32_t i = 0; i < s->processor_count; i++) {
        idle += s->processor[i].top == NULL;
    }
    return s->ready_count > idle;
}

struct sim_ctx *search_decide(struct sim *s, struct sim_ctx *from, struct sim_ctx *normal)
{
    struct sim_search *q = s->source->search;
    if (q->is_off || q->is_cut) {
        return normal;
    }
    if (q->is_atomic && normal == s->current) {
        if (s->is_recorded) {
            announce(s, normal);
        }
        return normal;
    }
    bool was_new = q->is_open && q->is_recorded && q->bounds.kind == SEARCH_DPOR;
    close_event(q);
    if (was_new) {
        find_disabled(s, q);
    }
    q->report.is_crowded |= q->bounds.kind == SEARCH_DPOR && is_crowded(s);
    return q->at < q->events ? follow(s, q) : grow(s, q, from, normal);
}

/* May this answer be another than 0? */
static bool may_answer(struct sim_search *q, enum choice_stream stream, uint32_t count)
{
    bool is_program = stream == CHOICE_PROGRAM;
    uint32_t bound = is_program ? q->bounds.programs : q->bounds.values;
    uint32_t spent = is_program ? q->spent_programs : q->spent;
    if (q->is_off || q->is_cut || !q->is_open || !q->is_recorded) {
        return false;
    }
    if (spent >= bound || count > SEARCH_ANSWERS_MAX || q->values == VALUES_MAX) {
        q->report.were_values_bounded |= bound > 0;
        return false;
    }
    return true;
}

uint32_t search_value(struct sim *s, enum choice_stream stream, uint32_t count)
{
    struct sim_search *q = s->source->search;
    uint32_t event = q->is_open ? q->at - 1 : NO_EVENT;
    uint32_t value = 0;
    if (q->value_at < q->values && q->value[q->value_at].event == event) {
        value = q->value[q->value_at].value; /* of the prefix */
    } else if (may_answer(q, stream, count)) {
        q->value[q->values++] = (struct search_value){.event = event, .count = (uint16_t)count};
    } else {
        return 0;
    }
    q->value_at++;
    *(stream == CHOICE_PROGRAM ? &q->spent_programs : &q->spent) += value != 0;
    return value;
}

void search_enables(struct sim *s, const struct sim_ctx *c)
{
    struct sim_search *q = s->source->search;
    if (!q->is_open) {
        return;
    }
    uint16_t p = process_of(q, c);
    if (p < SEARCH_PROCESSES_MAX && q->enablers[p] < ENABLERS_MAX) {
        q->enabler[p][q->enablers[p]++] = q->at - 1;
    }
}

void search_follows(struct sim *s, const struct sim_ctx *c, const struct sim_ctx *below)
{
    struct sim_search *q = s->source->search;
    uint16_t other = process_of(q, below);
    struct search_event *e = &q->event[q->is_open ? q->at - 1 : 0];
    if (q->is_open && q->id[e->process] == c->id && other < SEARCH_PROCESSES_MAX &&
        q->last[other] != NO_EVENT && e->enablers < ENABLERS_MAX) {
        e->enabler[e->enablers++] = q->last[other];
    }
}

void search_touch(struct sim *s, uintptr_t address, size_t size, bool is_write)
{
    enum { BYTES_MAX = 1 << 16 }; /* of one access: beyond, the words after it are left out */
    struct sim_search *q = s->source->search;
    uintptr_t end = address + (size < BYTES_MAX ? size : BYTES_MAX);
    while (address < end) {
        uint64_t word = address / 8;
        uintptr_t next = (word + 1) * 8 < end ? (word + 1) * 8 : end;
        uint8_t bytes = (uint8_t)(((1u << (next - address)) - 1) << (address & 7));
        search_add_access(q, word, bytes, is_write ? bytes : 0);
        address = next;
    }
}
