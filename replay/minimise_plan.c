/* SPDX-License-Identifier: MIT */
/* See minimise_plan.h. */
#include "replay/minimise_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *allocate(size_t count, size_t size)
{
    void *p = calloc(count + 1, size);
    if (p == NULL) {
        fprintf(stderr, "wsksim: out of memory\n");
        exit(71);
    }
    return p;
}

static void decode_moves(struct minimise_plan *plan, const uint8_t *bytes, size_t end, size_t at)
{
    plan->move = allocate((end - at) / 3 + 1, sizeof *plan->move);
    while (at < end && plan->move_count < CHOICE_DEVIATIONS_MAX) {
        struct minimise_move *move = &plan->move[plan->move_count];
        move->context = choice_varint_get(bytes, end, &at);
        move->at = choice_varint_get(bytes, end, &at) & 0xffffff;
        move->alternative = choice_varint_get(bytes, end, &at);
        for (uint32_t i = plan->move_count; i-- > 0;) {
            if (plan->move[i].context == move->context) {
                move->at += plan->move[i].at;
                break;
            }
        }
        plan->move_count++;
    }
}

static void decode_values(struct minimise_plan *plan, int stream, const uint8_t *bytes, size_t end,
                          size_t at)
{
    plan->value[stream] = allocate(end - at, sizeof *plan->value[stream]);
    while (at < end && plan->value_count[stream] < CHOICE_VALUES_MAX) {
        plan->value[stream][plan->value_count[stream]++] =
            (uint16_t)choice_varint_get(bytes, end, &at);
    }
}

void minimise_plan_of(struct minimise_plan *plan, const struct replay_options *options,
                      const uint8_t *bytes, size_t size)
{
    size_t offset[CHOICE_STREAMS], length[CHOICE_STREAMS];
    memset(plan, 0, sizeof *plan);
    plan->options = *options;
    choice_split(bytes, size, offset, length);
    decode_moves(plan, bytes, offset[CHOICE_SCHEDULE] + length[CHOICE_SCHEDULE],
                 offset[CHOICE_SCHEDULE]);
    for (int stream = CHOICE_WORLD; stream < CHOICE_STREAMS; stream++) {
        decode_values(plan, stream, bytes, offset[stream] + length[stream], offset[stream]);
    }
}

struct minimise_plan minimise_plan_clone(const struct minimise_plan *plan)
{
    struct minimise_plan copy = *plan;
    copy.move = allocate(plan->move_count, sizeof *copy.move);
    memcpy(copy.move, plan->move, plan->move_count * sizeof *copy.move);
    for (int stream = CHOICE_WORLD; stream < CHOICE_STREAMS; stream++) {
        size_t count = plan->value_count[stream];
        copy.value[stream] = allocate(count, sizeof *copy.value[stream]);
        memcpy(copy.value[stream], plan->value[stream], count * sizeof *copy.value[stream]);
    }
    return copy;
}

void minimise_plan_free(struct minimise_plan *plan)
{
    free(plan->move);
    for (int stream = CHOICE_WORLD; stream < CHOICE_STREAMS; stream++) {
        free(plan->value[stream]);
    }
    memset(plan, 0, sizeof *plan);
}

/* Points since the last deviation of the same context. */
static uint32_t points_of(const struct minimise_plan *plan, uint32_t n)
{
    for (uint32_t i = n; i-- > 0;) {
        if (plan->move[i].context == plan->move[n].context) {
            return plan->move[n].at - plan->move[i].at;
        }
    }
    return plan->move[n].at;
}

const uint8_t *minimise_plan_bytes(const struct minimise_plan *plan, size_t *size)
{
    static uint8_t bytes[REPLAY_CHOICES_MAX];
    static struct choice_log log;
    log.deviation_count = plan->move_count;
    for (uint32_t i = 0; i < plan->move_count; i++) {
        log.deviation[i] = (struct choice_deviation){.context = plan->move[i].context,
                                                     .points = points_of(plan, i),
                                                     .alternative = plan->move[i].alternative};
    }
    for (int stream = CHOICE_WORLD; stream < CHOICE_STREAMS; stream++) {
        log.value_count[stream] = plan->value_count[stream];
        memcpy(log.value[stream], plan->value[stream],
               plan->value_count[stream] * sizeof(uint16_t));
    }
    *size = choice_encode(&log, bytes, sizeof bytes);
    SIM_ASSERT_OP(*size, >, 0);
    return bytes;
}

/* ---- measure ---- */

static uint32_t count_values(const struct minimise_plan *plan, int stream,
                             struct minimise_size *size)
{
    uint32_t count = 0, length = 0;
    for (uint32_t i = 0; i < plan->value_count[stream]; i++) {
        uint16_t value = plan->value[stream][i];
        if (value != 0) {
            count++;
            length = i + 1;
            size->sum += value;
        }
    }
    size->length += length;
    return count;
}

struct minimise_size minimise_plan_measure(const struct minimise_plan *plan)
{
    struct minimise_size size = {0};
    uint32_t processors = plan->options.sim.processors;
    size.access_points = plan->options.access_points;
    size.switches = plan->move_count;
    size.faults = count_values(plan, CHOICE_FAULTS, &size);
    size.world = count_values(plan, CHOICE_WORLD, &size);
    size.program = count_values(plan, CHOICE_PROGRAM, &size);
    size.processors = processors == 0 ? 2 : processors;
    size.knobs = plan->options.knob_count;
    return size;
}

bool minimise_is_simpler(const struct minimise_size *a, const struct minimise_size *b)
{
    const uint64_t x[] = {a->access_points, a->switches, a->faults, a->world, a->program,
                          a->processors,    a->knobs,    a->length, a->sum};
    const uint64_t y[] = {b->access_points, b->switches, b->faults, b->world, b->program,
                          b->processors,    b->knobs,    b->length, b->sum};
    for (size_t i = 0; i < SIM_COUNT(x); i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i];
        }
    }
    return false;
}

/* ---- edits ---- */

void minimise_plan_drop_moves(struct minimise_plan *plan, uint32_t first, uint32_t count)
{
    SIM_ASSERT(first + count <= plan->move_count);
    memmove(&plan->move[first], &plan->move[first + count],
            (plan->move_count - first - count) * sizeof *plan->move);
    plan->move_count -= count;
}

void minimise_plan_drop_values(struct minimise_plan *plan, int stream, uint32_t first,
                               uint32_t count)
{
    SIM_ASSERT(first + count <= plan->value_count[stream]);
    uint16_t *value = plan->value[stream];
    memmove(&value[first], &value[first + count],
            (plan->value_count[stream] - first - count) * sizeof *value);
    plan->value_count[stream] -= count;
}
