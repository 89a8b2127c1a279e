/* SPDX-License-Identifier: MIT */
/*
 * Systematic injection of failures: each distinct call stack at which something can fail does so
 * once.
 *
 * A campaign has one table, in memory that its workers share. In a run that is given the table the
 * first place that has not failed yet fails; a run makes at most one fail, so that what follows is
 * the driver's answer to this failure alone. When no place is left such a run is like any other.
 * The failure is an ordinary choice of the run: nothing of the table is needed to replay it.
 *
 * Limit: stacks are told apart by their innermost SIM_STACK_DEPTH_MAX return addresses.
 */
#ifndef SIM_PLACES_H
#define SIM_PLACES_H

#include "base.h"

struct sim;

enum { SIM_PLACES_MAX = 4096 };

/* Zero is the empty table. */
struct sim_places {
    uint64_t stack[SIM_PLACES_MAX]; /* hash of stack and kind; 0 = free; open addressing */
    uint8_t has_failed[SIM_PLACES_MAX];
};

/*
 * Notes the place where the current context stands. True if it has to fail now: may_fail, and it
 * has not before. A full table: never. Several processes may ask at once.
 */
bool sim_place_fails(struct sim_places *places, struct sim *s, uint32_t kind, bool may_fail);

/* How many places have been seen, and how many of them have failed. */
void sim_places_count(const struct sim_places *places, uint32_t *seen, uint32_t *failed);

#endif
