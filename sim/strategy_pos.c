/* SPDX-License-Identifier: MIT */
/*
 * Partial order sampling (Yuan, Yang, Gu, 2018): every event that is about to happen has a random
 * priority, and the highest happens. An event that raced with the one that happened draws again, so
 * that the order of two that conflict is a fresh coin each time, and the order of two that do not
 * wastes no randomness.
 *
 * The priority of a context is that of its next event; 0 = to be drawn. Whoever gave way of its own
 * accord gets the lowest.
 */
#include "strategy.h"

enum { PRIORITY_LOWEST = 1 };

/* The clock must be drawn several times in a row: time is not just another context. */
static uint64_t draw_priority(struct sim *s, const struct sim_ctx *c)
{
    uint64_t drawn = choice_draw(s) >> 8;
    if (c == &s->clock && choice_draw_below(s, STRATEGY_CLOCK_DAMPING) != 0) {
        drawn >>= 8;
    }
    return PRIORITY_LOWEST + 1 + drawn;
}

static void reset(struct sim *s)
{
    s->clock.priority = 0;
}

static void demote(struct sim *s, struct sim_ctx *c)
{
    (void)s;
    c->priority = PRIORITY_LOWEST;
}

static struct sim_ctx *pick(struct sim *s, struct sim_ctx *from, struct sim_ctx *normal)
{
    (void)from;
    (void)normal;
    struct sim_ctx *best = NULL;
    for (uint32_t i = 0; i < s->enabled_count; i++) {
        struct sim_ctx *c = s->enabled[i];
        if (c->priority == 0) {
            c->priority = draw_priority(s, c);
        }
        if (best == NULL || c->priority > best->priority) {
            best = c;
        }
    }
    for (uint32_t i = 0; i < s->enabled_count; i++) {
        if (strategy_conflict(s->enabled[i], best)) {
            s->enabled[i]->priority = 0;
        }
    }
    best->priority = 0;
    return best;
}

const struct sim_strategy strategy_pos = {
    .reset = reset, .pick = pick, .demote = demote, .sees_all = true};
