/* SPDX-License-Identifier: MIT */
/*
 * The stack of a search: from the run that was made to the next one, and what is known of the whole
 * tree. See search.h.
 *
 *   last branch that is left --(answers of its step, then its alternatives)--> next prefix
 *
 * Invariant: accesses, alternatives and pool are stacks that shrink with the steps they belong to.
 */
#include "search_internal.h"

#include <string.h>

size_t search_size(void)
{
    return sizeof(struct sim_search);
}

struct sim_search *search_init(void *memory, const struct search_bounds *bounds)
{
    struct sim_search *q = memory;
    SIM_ASSERT(!q->has_run && q->events == 0); /* zero bytes */
    q->bounds = *bounds;
    return q;
}

bool search_was_redundant(const struct sim_search *q)
{
    return q->is_redundant;
}

/* ---- the way back ---- */

/* The slot of a word leaves with its first access: the table shrinks as it grew. */
void search_undo_accesses(struct sim_search *q, struct search_event *e)
{
    while (q->accesses > e->access) {
        const struct search_access *a = &q->access[--q->accesses];
        size_t at = (size_t)(sim_mix(1, a->touch.word) % WORDS);
        while (q->word[at].key != a->touch.word + 1) {
            at = (at + 1) % WORDS;
        }
        q->word[at].head = a->prev;
        if (a->prev == 0) {
            q->word[at].key = 0;
        }
    }
    e->accesses = 0;
    e->bloom = 0;
    e->is_wild = false;
}

/* What the step touched goes to the pool, behind what it touched with other answers. */
static bool stash(struct sim_search *q, const struct search_event *e)
{
    if (q->pool + e->accesses > POOL_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < e->accesses; i++) {
        q->touched[q->pool++] = q->access[e->access + i].touch;
    }
    return true;
}

/* The choice of this step is explored. */
static void retire(struct sim_search *q, struct search_event *e)
{
    struct search_alternative *a = &q->alternative[e->first + e->chosen];
    a->state |= ALTERNATIVE_DONE;
    if (q->bounds.kind == SEARCH_DPOR) {
        a->is_wild |= e->is_wild || !stash(q, e);
        a->first = e->stash;
        a->count = q->pool - e->stash;
        a->bloom |= e->bloom;
        e->stash = q->pool;
    }
}

static bool is_left(const struct search_alternative *a)
{
    return (a->state & (ALTERNATIVE_WANTED | ALTERNATIVE_DONE | ALTERNATIVE_ASLEEP)) ==
           ALTERNATIVE_WANTED;
}

/* The next answer of the last request, if that lies in the last step. */
static bool next_value(struct sim_search *q, struct search_event *e)
{
    struct search_value *v = &q->value[q->values - 1];
    if (v->value + 1u >= v->count) {
        q->values--;
        return false;
    }
    struct search_alternative *a = &q->alternative[e->first + e->chosen];
    a->is_wild |= e->is_wild || !stash(q, e); /* its steps with other answers count, too */
    a->bloom |= e->bloom;
    v->value++;
    return true;
}

static bool next_alternative(struct sim_search *q, struct search_event *e)
{
    for (uint16_t k = 0; k < e->alternatives; k++) {
        if (is_left(&q->alternative[e->first + k])) {
            e->chosen = k;
            e->process = q->alternative[e->first + k].process;
            return true;
        }
    }
    return false;
}

/* True if there is a branch left; then the last step of the stack is to be run anew. */
static bool advance(struct sim_search *q)
{
    while (q->events > 0) {
        struct search_event *e = &q->event[q->events - 1];
        bool is_found = false;
        while (q->values > 0 && q->value[q->values - 1].event == q->events - 1 && !is_found) {
            is_found = next_value(q, e);
        }
        if (!is_found) {
            retire(q, e);
            is_found = next_alternative(q, e);
        }
        search_undo_accesses(q, e);
        if (is_found) {
            return true;
        }
        q->alternatives = e->first;
        q->pool = e->pool;
        q->events--;
    }
    return false;
}

bool search_next(struct sim_search *q)
{
    if (q->report.is_exhausted) {
        return false;
    }
    if (q->has_run) {
        search_end_run(q);
        if (!advance(q)) {
            q->report.is_exhausted = true;
            return false;
        }
    }
    q->has_run = true;
    search_begin_run(q);
    return true;
}

/* ---- how much is known ---- */

/*
 * The share of the tree that lies behind, if every branch of a node were as large as any other: of
 * the weighted estimates of a tree's size the one that needs the present path alone.
 */
static double explored(const struct sim_search *q)
{
    double share = q->report.is_exhausted ? 1 : 0;
    uint32_t values = q->values;
    for (uint32_t i = q->events; i-- > 0;) {
        const struct search_event *e = &q->event[i];
        while (values > 0 && q->value[values - 1].event == i) {
            const struct search_value *v = &q->value[--values];
            share = (v->value + share) / v->count;
        }
        uint32_t done = 0, wanted = 0;
        for (uint16_t k = 0; k < e->alternatives; k++) {
            const struct search_alternative *a = &q->alternative[e->first + k];
            bool counts = (a->state & (ALTERNATIVE_WANTED | ALTERNATIVE_ASLEEP)) ==
                          ALTERNATIVE_WANTED;
            wanted += counts;
            done += counts && (a->state & ALTERNATIVE_DONE) != 0;
        }
        share = wanted > 0 ? (done + share) / wanted : share;
    }
    return share;
}

void search_report(const struct sim_search *q, struct search_report *report)
{
    *report = q->report;
    report->explored = explored(q);
    report->estimate = report->explored > 0 ? (double)report->runs / report->explored : 0;
    report->is_complete = report->is_exhausted && !report->was_bounded &&
                          !report->were_values_bounded && !report->is_crowded &&
                          report->cut == 0 && report->diverged == 0;
}
