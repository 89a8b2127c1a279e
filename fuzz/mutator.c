/* SPDX-License-Identifier: MIT */
/* See mutator.h. An input is taken apart into numbers, changed, and put together again. */
#include "fuzz/mutator.h"

#include <string.h>

#include "sim/choice.h"

enum { NUMBERS_MAX = 4096, CHANGES_MAX = 4 };

/* The numbers of one stream; of the schedule three belong together. */
struct numbers {
    uint32_t count;
    uint32_t value[NUMBERS_MAX];
};

struct input {
    struct numbers stream[CHOICE_STREAMS];
};

static void take_apart(struct input *input, const uint8_t *data, size_t size)
{
    size_t offset[CHOICE_STREAMS], length[CHOICE_STREAMS];
    choice_split(data, size, offset, length);
    for (int i = 0; i < CHOICE_STREAMS; i++) {
        struct numbers *n = &input->stream[i];
        size_t at = offset[i], end = offset[i] + length[i];
        n->count = 0;
        while (at < end && n->count < NUMBERS_MAX) {
            n->value[n->count++] = choice_varint_get(data, end, &at);
        }
    }
    struct numbers *schedule = &input->stream[CHOICE_SCHEDULE];
    schedule->count -= schedule->count % 3;
}

/* Bytes of one stream; stops when the room is used up. */
static size_t put_numbers(const struct numbers *n, uint8_t *out, size_t room)
{
    size_t at = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        size_t used = choice_varint_put(out + at, room - at, n->value[i]);
        if (used == 0) {
            break;
        }
        at += used;
    }
    return at;
}

static size_t put_together(const struct input *input, uint8_t *out, size_t max_size)
{
    enum { HEAD = 3 }; /* a varint below 2^21 */
    size_t at = 0;
    for (int i = 0; i < CHOICE_STREAMS; i++) {
        if (i == CHOICE_PROGRAM) {
            return at + put_numbers(&input->stream[i], out + at, max_size - at);
        }
        if (max_size - at <= HEAD) {
            return at;
        }
        uint8_t *body = out + at + HEAD;
        size_t size = put_numbers(&input->stream[i], body, max_size - at - HEAD);
        size_t head = choice_varint_put(out + at, HEAD, (uint32_t)size);
        memmove(out + at + head, body, size);
        at += head + size;
    }
    return at;
}

/* ---- changes ---- */

static void remove_at(struct numbers *n, uint32_t at, uint32_t count)
{
    memmove(&n->value[at], &n->value[at + count], (n->count - at - count) * sizeof n->value[0]);
    n->count -= count;
}

static bool make_room(struct numbers *n, uint32_t at, uint32_t count)
{
    if (n->count + count > NUMBERS_MAX) {
        return false;
    }
    memmove(&n->value[at + count], &n->value[at], (n->count - at) * sizeof n->value[0]);
    n->count += count;
    return true;
}

static uint32_t any_context(const struct fuzz_shape *shape, uint64_t *random, uint32_t *points)
{
    enum { IDLE_PROCESSORS = 2, FIRST_IDLE = 2 };
    uint32_t which = sim_random_below(random, shape->count + IDLE_PROCESSORS);
    if (which < shape->count) {
        *points = shape->points[which];
        return shape->context[which];
    }
    *points = 16;
    return FIRST_IDLE + which - shape->count;
}

static void add_deviation(struct numbers *schedule, const struct fuzz_shape *shape,
                          uint64_t *random)
{
    uint32_t points, unused;
    uint32_t at = 3 * sim_random_below(random, schedule->count / 3 + 1);
    uint32_t context = any_context(shape, random, &points);
    uint32_t alternative = sim_random_below(random, 8) == 0 ? 0
                                                            : any_context(shape, random, &unused);
    if (make_room(schedule, at, 3)) {
        schedule->value[at] = context;
        schedule->value[at + 1] = 1 + sim_random_below(random, points + 1);
        schedule->value[at + 2] = alternative;
    }
}

static void change_schedule(struct numbers *schedule, const struct fuzz_shape *shape,
                            uint64_t *random)
{
    uint32_t entries = schedule->count / 3, unused;
    uint32_t what = entries == 0 ? 0 : sim_random_below(random, 5);
    uint32_t at = entries == 0 ? 0 : 3 * sim_random_below(random, entries);
    switch (what) {
    case 0:
    case 1:
        add_deviation(schedule, shape, random);
        break;
    case 2:
        remove_at(schedule, at, 3);
        break;
    case 3: { /* a little earlier or later */
        uint32_t step = 1 + sim_random_below(random, 8);
        uint32_t *points = &schedule->value[at + 1];
        *points = sim_random_below(random, 2) == 0 ? *points + step
                  : *points > step                 ? *points - step
                                                   : 1;
        break;
    }
    default:
        schedule->value[at + 2] = any_context(shape, random, &unused);
        break;
    }
}

static void change_values(struct numbers *n, uint64_t *random)
{
    uint32_t at = sim_random_below(random, n->count + 1);
    switch (n->count == 0 ? 0 : sim_random_below(random, 4)) {
    case 0: /* an answer further on, zeros in between */
        at = n->count + sim_random_below(random, 32);
        while (n->count <= at && make_room(n, n->count, 1)) {
            n->value[n->count - 1] = 0;
        }
        if (n->count > at) {
            n->value[at] = 1 + sim_random_below(random, 8);
        }
        break;
    case 1:
        n->value[at % n->count] = sim_random_below(random, 256);
        break;
    case 2:
        n->value[at % n->count] = 0;
        break;
    default:
        n->value[at % n->count] = sim_random_below(random, 4);
        break;
    }
}

size_t fuzz_mutate(uint8_t *data, size_t size, size_t max_size, const struct fuzz_shape *shape,
                   uint64_t seed)
{
    static struct input input;
    uint64_t random = seed * 2654435761u + 88172645463325252ull;
    take_apart(&input, data, size);
    uint32_t changes = 1 + sim_random_below(&random, CHANGES_MAX);
    for (uint32_t i = 0; i < changes; i++) {
        uint32_t which = sim_random_below(&random, 8);
        if (which < 4) {
            change_schedule(&input.stream[CHOICE_SCHEDULE], shape, &random);
        } else if (which < 6) {
            change_values(&input.stream[CHOICE_WORLD], &random);
        } else {
            change_values(&input.stream[which == 6 ? CHOICE_FAULTS : CHOICE_PROGRAM], &random);
        }
    }
    return put_together(&input, data, max_size);
}

size_t fuzz_cross(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *out,
                  size_t max_size, uint64_t seed)
{
    static struct input left, right;
    uint64_t random = seed * 2654435761u + 362436069u;
    take_apart(&left, a, a_size);
    take_apart(&right, b, b_size);
    for (int i = 0; i < CHOICE_STREAMS; i++) {
        if (sim_random_below(&random, 2) == 0) {
            left.stream[i] = right.stream[i];
        }
    }
    return put_together(&left, out, max_size);
}
