/* SPDX-License-Identifier: MIT */
/*
 * Vector clocks, as arrays of numbers and nothing else.
 *
 * A clock says for every slot (a context, sim/race.h) up to which of its epochs all is known to
 * have happened. Slots from `count` on stand at the base of the run: a clock costs what the run
 * uses.
 *
 * An epoch is (slot, number). It happened before whoever owns a clock exactly if the clock has
 * reached it.
 */
#ifndef SIM_RACE_CLOCK_H
#define SIM_RACE_CLOCK_H

#include "base.h"

#include <string.h>

enum { RACE_SLOTS = 256 };

struct race_clock {
    uint32_t count;
    uint32_t at[RACE_SLOTS];
};

static inline uint32_t race_clock_at(const struct race_clock *c, uint32_t slot, uint32_t base)
{
    return slot < c->count ? c->at[slot] : base;
}

static inline void race_clock_copy(struct race_clock *to, const struct race_clock *from)
{
    to->count = from->count;
    memcpy(to->at, from->at, from->count * sizeof from->at[0]);
}

/* to = the later of both, slot by slot. */
static inline void race_clock_join(struct race_clock *to, const struct race_clock *from)
{
    uint32_t both = to->count < from->count ? to->count : from->count;
    for (uint32_t i = 0; i < both; i++) {
        to->at[i] = to->at[i] > from->at[i] ? to->at[i] : from->at[i];
    }
    for (; both < from->count; both++) {
        to->at[both] = from->at[both];
    }
    to->count = to->count > both ? to->count : both;
}

static inline void race_clock_set(struct race_clock *c, uint32_t slot, uint32_t number,
                                  uint32_t base)
{
    for (; c->count <= slot; c->count++) {
        c->at[c->count] = base;
    }
    c->at[slot] = number;
}

#endif
