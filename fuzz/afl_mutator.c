/* SPDX-License-Identifier: MIT */
/*
 * The mutator as a library for afl-fuzz (AFL_CUSTOM_MUTATOR_LIBRARY). It runs in the fuzzer's
 * process and sees no run; so it shares a page with the target, in which fuzz/afl.c leaves contexts
 * and lengths of the last one. The page is a file in memory without a name, inherited by the
 * target; the number of its descriptor is in the environment (FUZZ_SHAPE_VARIABLE).
 *
 * Where that does not work, it takes contexts that most drivers have: the first system thread, the
 * world, and what the world creates, whose ids follow from their creation (sim_context_child_id).
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/mutator.h"
#include "sim/choice.h"
#include "sim/sim.h"

enum { CHILDREN_GUESS = 12, POINTS_GUESS = 32, CROSS_ONE_IN = 4 };

struct afl_mutator {
    uint64_t seed;
    struct fuzz_shape shape;         /* of this mutation */
    const struct fuzz_shape *shared; /* of the last run; NULL = no page */
    int fd;
    uint8_t *buffer;
    size_t capacity;
};

void *afl_custom_init(void *afl, unsigned seed);
size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t buf_size, uint8_t **out_buf,
                       uint8_t *add_buf, size_t add_buf_size, size_t max_size);
void afl_custom_deinit(void *data);

static void shape_add(struct fuzz_shape *shape, uint32_t context)
{
    for (uint32_t i = 0; i < shape->count; i++) {
        if (shape->context[i] == context) {
            return;
        }
    }
    if (shape->count < FUZZ_CONTEXTS_MAX) {
        shape->context[shape->count] = context;
        shape->points[shape->count++] = POINTS_GUESS;
    }
}

static void shape_guess(struct fuzz_shape *shape)
{
    const uint32_t system_thread = 1, world = sim_context_child_id(system_thread, 1);
    shape_add(shape, system_thread);
    shape_add(shape, world);
    for (uint32_t i = 1; i <= CHILDREN_GUESS; i++) {
        shape_add(shape, sim_context_child_id(world, i));
    }
}

/* Contexts that the schedule of an input already names. */
static void shape_of_input(struct fuzz_shape *shape, const uint8_t *bytes, size_t size)
{
    size_t offset[CHOICE_STREAMS], length[CHOICE_STREAMS];
    choice_split(bytes, size, offset, length);
    size_t at = offset[CHOICE_SCHEDULE], end = at + length[CHOICE_SCHEDULE];
    while (at < end) {
        uint32_t context = choice_varint_get(bytes, end, &at);
        (void)choice_varint_get(bytes, end, &at);
        uint32_t alternative = choice_varint_get(bytes, end, &at);
        shape_add(shape, context);
        shape_add(shape, alternative);
    }
}

/* The target may be writing, or may have written anything: its count is not believed. */
static void find_shape(struct afl_mutator *m, const uint8_t *bytes, size_t size)
{
    m->shape.count = 0;
    if (m->shared != NULL) {
        m->shape = *m->shared;
    }
    if (m->shape.count == 0 || m->shape.count > FUZZ_CONTEXTS_MAX) {
        m->shape.count = 0;
        shape_guess(&m->shape);
        shape_of_input(&m->shape, bytes, size);
    }
}

static void share_page(struct afl_mutator *m)
{
    char text[16];
    m->fd = memfd_create("wsksim shape", 0);
    if (m->fd < 0 || ftruncate(m->fd, sizeof *m->shared) != 0) {
        return;
    }
    void *page = mmap(NULL, sizeof *m->shared, PROT_READ, MAP_SHARED, m->fd, 0);
    snprintf(text, sizeof text, "%d", m->fd);
    if (page != MAP_FAILED && setenv(FUZZ_SHAPE_VARIABLE, text, 1) == 0) {
        m->shared = page;
    }
}

void *afl_custom_init(void *afl, unsigned seed)
{
    struct afl_mutator *m = calloc(1, sizeof *m);
    (void)afl;
    if (m != NULL) {
        m->seed = (uint64_t)seed << 32;
        share_page(m);
    }
    return m;
}

size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t buf_size, uint8_t **out_buf,
                       uint8_t *add_buf, size_t add_buf_size, size_t max_size)
{
    struct afl_mutator *m = data;
    if (m->capacity < max_size) {
        uint8_t *grown = realloc(m->buffer, max_size);
        if (grown == NULL) {
            *out_buf = buf;
            return buf_size;
        }
        m->buffer = grown;
        m->capacity = max_size;
    }
    m->seed++;
    *out_buf = m->buffer;
    size_t size = buf_size < max_size ? buf_size : max_size;
    if (add_buf != NULL && m->seed % CROSS_ONE_IN == 0) {
        size = fuzz_cross(buf, buf_size, add_buf, add_buf_size, m->buffer, max_size, m->seed);
    } else {
        memcpy(m->buffer, buf, size);
    }
    find_shape(m, buf, buf_size);
    return fuzz_mutate(m->buffer, size, max_size, &m->shape, m->seed);
}

void afl_custom_deinit(void *data)
{
    struct afl_mutator *m = data;
    if (m == NULL) {
        return;
    }
    if (m->shared != NULL) {
        munmap((void *)(uintptr_t)m->shared, sizeof *m->shared);
    }
    if (m->fd >= 0) {
        close(m->fd);
    }
    free(m->buffer);
    free(m);
}
