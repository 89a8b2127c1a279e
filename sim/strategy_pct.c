/* SPDX-License-Identifier: MIT */
/*
 * Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte, 2010): contexts
 * have random priorities, the highest that is enabled runs, and at depth - 1 random points of the
 * run the one that runs drops below all others. A bug that needs depth d is found with probability
 * 1 / (n * k^(d-1)) at least, for n contexts and k points.
 *
 * That says nothing of a context that polls: it may keep the others out for ever. The fair form is
 * PCT for `length` points and a uniform walk from there on: the guarantee holds, and whoever waits
 * for somebody gets what he waits for.
 *
 * Limit: PCT_POINTS_MAX points of change.
 */
#include "strategy.h"

enum { PCT_POINTS_MAX = 16, PRIORITY_LOW = 1u << 16 };

static struct {
    uint32_t change_count, change_next;
    uint32_t change[PCT_POINTS_MAX]; /* ascending */
    uint64_t low_priority;           /* next value below all others */
    uint64_t fair_from;              /* steps from which on it is a walk */
} pct;

static void reset(struct sim *s)
{
    uint32_t depth = s->source->depth == 0 ? 1 : s->source->depth;
    uint32_t length = strategy_length(s);
    pct.change_count = depth - 1 < PCT_POINTS_MAX ? depth - 1 : PCT_POINTS_MAX;
    pct.change_next = 0;
    pct.low_priority = PRIORITY_LOW;
    pct.fair_from = s->source->is_fair ? length : UINT64_MAX;
    for (uint32_t i = 0; i < pct.change_count; i++) {
        uint32_t point = 1 + choice_draw_below(s, length);
        uint32_t at = i; /* insertion sort */
        while (at > 0 && pct.change[at - 1] > point) {
            pct.change[at] = pct.change[at - 1];
            at--;
        }
        pct.change[at] = point;
    }
}

static uint64_t draw_priority(struct sim *s)
{
    return PRIORITY_LOW + 1 + (choice_draw(s) >> 16);
}

static void place(struct sim *s, struct sim_ctx *c)
{
    c->priority = draw_priority(s);
}

static void demote(struct sim *s, struct sim_ctx *c)
{
    (void)s;
    c->priority = pct.low_priority--;
}

static struct sim_ctx *pick(struct sim *s, struct sim_ctx *from, struct sim_ctx *normal)
{
    (void)normal;
    if (s->steps >= pct.fair_from) {
        return choice_walk(s);
    }
    if (pct.change_next < pct.change_count && s->steps >= pct.change[pct.change_next]) {
        pct.change_next++;
        from->priority = pct.low_priority--;
    }
    struct sim_ctx *best = s->enabled[0];
    for (uint32_t i = 1; i < s->enabled_count; i++) {
        if (s->enabled[i]->priority > best->priority) {
            best = s->enabled[i];
        }
    }
    if (best == &s->clock) {
        s->clock.priority = draw_priority(s);
    }
    return best;
}

static int64_t horizon(struct sim *s, const struct sim_ctx *c)
{
    (void)c;
    if (s->steps >= pct.fair_from) {
        return 0;
    }
    uint64_t next = pct.change_next < pct.change_count ? pct.change[pct.change_next] : UINT64_MAX;
    next = next < pct.fair_from ? next : pct.fair_from;
    return next == UINT64_MAX ? INT64_MAX / 2 : (int64_t)next - (int64_t)s->steps - 1;
}

const struct sim_strategy strategy_pct = {
    .reset = reset, .place = place, .pick = pick, .horizon = horizon, .demote = demote};
