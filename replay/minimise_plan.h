/* SPDX-License-Identifier: MIT */
/*
 * A plan is a case taken apart so that it can be edited: moves (deviations with the points counted
 * from the start of their context) and three sequences of values.
 */
#ifndef REPLAY_MINIMISE_PLAN_H
#define REPLAY_MINIMISE_PLAN_H

#include "replay/minimise.h"

struct minimise_move {
    uint32_t context, at, alternative; /* at: points of the context since it began */
};

struct minimise_plan {
    struct replay_options options;
    struct minimise_move *move;
    uint32_t move_count;
    uint16_t *value[CHOICE_STREAMS]; /* [CHOICE_SCHEDULE] unused */
    uint32_t value_count[CHOICE_STREAMS];
};

void minimise_plan_of(struct minimise_plan *plan, const struct replay_options *options,
                      const uint8_t *bytes, size_t size);
struct minimise_plan minimise_plan_clone(const struct minimise_plan *plan);
void minimise_plan_free(struct minimise_plan *plan);

/* The byte form in a buffer that stays until the next call. */
const uint8_t *minimise_plan_bytes(const struct minimise_plan *plan, size_t *size);

struct minimise_size minimise_plan_measure(const struct minimise_plan *plan);
bool minimise_is_simpler(const struct minimise_size *a, const struct minimise_size *b);

/* Edits. */
void minimise_plan_drop_moves(struct minimise_plan *plan, uint32_t first, uint32_t count);
void minimise_plan_drop_values(struct minimise_plan *plan, int stream, uint32_t first,
                               uint32_t count);
/* A few random edits (minimise_shake.c). */
void minimise_plan_shake(struct minimise_plan *plan, uint64_t *random);

#endif
