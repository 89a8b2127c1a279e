/* SPDX-License-Identifier: MIT */
/*
 * When nothing more can simply be left out: random small edits, several at once. One that keeps the
 * finding and is simpler opens the way for another round. The generator's seed is fixed: the same
 * case gives the same result as long as the time suffices.
 */
#include <string.h>

#include "replay/minimise_plan.h"

enum { EDITS_MAX = 4, SHIFT_MAX = 12, SPAN_MAX = 8 };

static uint32_t draw(uint64_t *random, uint32_t count)
{
    return sim_random_below(random, count);
}

/* A stream that has values, or 0. */
static int draw_stream(const struct minimise_plan *plan, uint64_t *random)
{
    int stream = CHOICE_WORLD + (int)draw(random, CHOICE_STREAMS - CHOICE_WORLD);
    return plan->value_count[stream] > 0 ? stream : 0;
}

static void edit_moves(struct minimise_plan *plan, uint64_t *random)
{
    if (plan->move_count == 0) {
        return;
    }
    uint32_t n = draw(random, plan->move_count);
    switch (draw(random, 4)) {
    case 0:
    case 1:
        minimise_plan_drop_moves(plan, n, 1);
        break;
    case 2: {
        uint32_t by = 1 + draw(random, SHIFT_MAX);
        uint32_t at = plan->move[n].at;
        plan->move[n].at = draw(random, 2) == 0 ? at + by : at > by ? at - by : 1;
        break;
    }
    default:
        plan->move[n].alternative = plan->move[draw(random, plan->move_count)].alternative;
        break;
    }
}

static void edit_values(struct minimise_plan *plan, uint64_t *random)
{
    int stream = draw_stream(plan, random);
    if (stream == 0) {
        return;
    }
    uint32_t count = plan->value_count[stream];
    uint32_t n = draw(random, count);
    uint16_t *value = plan->value[stream];
    switch (draw(random, 4)) {
    case 0: {
        uint32_t span = 1 + draw(random, SPAN_MAX);
        minimise_plan_drop_values(plan, stream, n, span < count - n ? span : count - n);
        break;
    }
    case 1: /* a zero in between: all after it moves back by one, the last falls off */
        memmove(&value[n + 1], &value[n], (count - n - 1) * sizeof *value);
        value[n] = 0;
        break;
    case 2:
        value[n] = (uint16_t)draw(random, value[n] + 2u);
        break;
    default:
        for (uint32_t i = n; i < count; i++) { /* the next one that is not 0 */
            if (value[i] != 0) {
                value[i] = 0;
                break;
            }
        }
        break;
    }
}

/* Keeps the moves of each context in the order of their points: that is what the stream can say. */
static void sort_moves(struct minimise_plan *plan)
{
    for (uint32_t i = 1; i < plan->move_count; i++) {
        for (uint32_t k = i; k-- > 0;) {
            struct minimise_move *a = &plan->move[k], *b = &plan->move[i];
            if (a->context == b->context && a->at > b->at) {
                struct minimise_move swap = *a;
                *a = *b;
                *b = swap;
            }
        }
    }
}

void minimise_plan_shake(struct minimise_plan *plan, uint64_t *random)
{
    for (uint32_t edits = 1 + draw(random, EDITS_MAX); edits > 0; edits--) {
        if (draw(random, 2) == 0) {
            edit_moves(plan, random);
        } else {
            edit_values(plan, random);
        }
    }
    sort_moves(plan);
}
