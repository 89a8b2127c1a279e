/* SPDX-License-Identifier: MIT */
/*
 * A mutator that knows what an input is: four streams (sim/choice.h). It moves, adds and drops
 * single deviations of the schedule, changes single answers of the world and the faults, and leaves
 * the rest as it was. Blind byte mutation would mostly shift everything that follows.
 *
 * New deviations name contexts that the last run had and points that they passed.
 */
#ifndef FUZZ_MUTATOR_H
#define FUZZ_MUTATOR_H

#include "fuzz/target.h"

/* Mutates data in place (size bytes, at most max_size afterwards); returns the new size. */
size_t fuzz_mutate(uint8_t *data, size_t size, size_t max_size, const struct fuzz_shape *shape,
                   uint64_t seed);

/* Streams of a and b mixed, written to out; returns the size. */
size_t fuzz_cross(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *out,
                  size_t max_size, uint64_t seed);

#endif
