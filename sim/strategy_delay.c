/* SPDX-License-Identifier: MIT */
/*
 * Delay bounding at random (Emmi, Qadeer, Rakamaric, 2011): a deterministic scheduler, and a few
 * delays. The scheduler is the engine's default (whoever runs goes on; else the one that has waited
 * longest); a delay passes over the context whose turn it is, in the order of the list. depth - 1
 * delays fall on points drawn from the length of a usual run; two on one point pass over two.
 *
 * A delay at a point where nobody else is enabled is spent on nothing. The clock comes last in the
 * list: a delay may fall on it like on any other.
 */
#include "strategy.h"

enum { DELAYS_MAX = 16 };

static struct {
    uint32_t count, next;
    uint32_t at[DELAYS_MAX]; /* steps, ascending */
} delay;

static void reset(struct sim *s)
{
    uint32_t depth = s->source->depth == 0 ? 1 : s->source->depth;
    uint32_t length = strategy_length(s);
    delay.count = depth - 1 < DELAYS_MAX ? depth - 1 : DELAYS_MAX;
    delay.next = 0;
    for (uint32_t i = 0; i < delay.count; i++) {
        uint32_t point = 1 + choice_draw_below(s, length);
        uint32_t at = i; /* insertion sort */
        while (at > 0 && delay.at[at - 1] > point) {
            delay.at[at] = delay.at[at - 1];
            at--;
        }
        delay.at[at] = point;
    }
}

static struct sim_ctx *pick(struct sim *s, struct sim_ctx *from, struct sim_ctx *normal)
{
    (void)from;
    uint32_t at = 0, delays = 0;
    for (; delay.next < delay.count && s->steps >= delay.at[delay.next]; delay.next++) {
        delays++;
    }
    while (s->enabled[at] != normal) {
        at++;
        SIM_ASSERT_OP(at, <, s->enabled_count);
    }
    return s->enabled[(at + delays) % s->enabled_count];
}

static int64_t horizon(struct sim *s, const struct sim_ctx *c)
{
    (void)c;
    if (delay.next == delay.count) {
        return INT64_MAX / 2;
    }
    return (int64_t)delay.at[delay.next] - (int64_t)s->steps - 1;
}

const struct sim_strategy strategy_delay = {.reset = reset, .pick = pick, .horizon = horizon};
