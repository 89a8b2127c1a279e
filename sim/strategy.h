/* SPDX-License-Identifier: MIT */
/*
 * What a strategy is: a source of answers to one question, who runs next. Each answers from its
 * seed, from what the contexts are about to do (sim_ctx.op, op_object, site) and, some of them,
 * from what earlier runs have taught (sim/learned.h). The world's answers are drawn in choice.c
 * whatever the strategy is.
 *
 * A strategy's choices are written to the log as deviations from the default like those of any
 * other source, so that a replay needs no strategy and nothing learned.
 */
#ifndef SIM_STRATEGY_H
#define SIM_STRATEGY_H

#include "sim_internal.h"

struct sim_strategy {
    void (*reset)(struct sim *s);                    /* before a run; NULL = nothing to do */
    void (*place)(struct sim *s, struct sim_ctx *c); /* a context was created; NULL */
    /* One of s->enabled. With sees_all also asked when there is only one. */
    struct sim_ctx *(*pick)(struct sim *s, struct sim_ctx *from, struct sim_ctx *normal);
    /* Points until it must be asked again for this context; NULL = at every point. */
    int64_t (*horizon)(struct sim *s, const struct sim_ctx *c);
    void (*demote)(struct sim *s, struct sim_ctx *c); /* it gave way of its own accord; NULL */
    void (*finish)(struct sim *s);                    /* after a run; NULL */
    bool sees_all; /* wants to know of every step, and is asked again after a jump of the clock */
};

extern const struct sim_strategy strategy_pct, strategy_pos, strategy_delay, strategy_urw,
    strategy_surw, strategy_rff;

/* Length of a usual run: what the plan says, else what was learned, else a guess. */
uint32_t strategy_length(const struct sim *s);

/* The clock among `count` alternatives: chosen less often than its share, as in the walk. */
enum { STRATEGY_CLOCK_DAMPING = 8 };

/* ---- events: what a context is about to do ---- */

static inline size_t strategy_size(const struct sim_ctx *c)
{
    return c->op_size != 0 ? c->op_size : 8 - (c->op_object & 7);
}

/* The order of the two matters: the same bytes or object, and one of them changes it. */
static inline bool strategy_conflict(const struct sim_ctx *a, const struct sim_ctx *b)
{
    if (a->op_object == 0 || b->op_object == 0 ||
        (a->op == SIM_OP_READ && b->op == SIM_OP_READ)) {
        return false;
    }
    return a->op_object < b->op_object + strategy_size(b) &&
           b->op_object < a->op_object + strategy_size(a);
}

#endif
