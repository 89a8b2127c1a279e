/* SPDX-License-Identifier: MIT */
/*
 * Small racy programs for tests of strategies, after the families of the published suites, on the
 * bare engine. An access names its place and its object, as an access point does.
 */
#ifndef TESTS_SIM_TOYS_H
#define TESTS_SIM_TOYS_H

#include "tests/sim/engine.h"

enum { TOY_OBJECTS = 0x1000 };

static struct {
    int n; /* size of the program */
    int a, b;
    bool failed;
    int running;
    bool is_taken[2];
    int waiters[2];
    struct sim_ctx *waiter[2][SIM_STACKS_MAX];
    struct sim_ctx *starter;
    uint32_t order_count, order[64]; /* which context made the n-th step: toys of fixed length */
} toy;

/* The step that begins here is an access to object `object` (1, 2, ...) at place `place`. */
static inline void toy_access(struct sim *s, uintptr_t place, enum sim_op op, uintptr_t object)
{
    s->current->site = place;
    s->current->op_size = 4;
    sim_point(s, op, TOY_OBJECTS + 8 * object);
    s->current->op_size = 0;
}

/* A mutex: who finds it taken blocks, and tries again when it is given back. */
static inline void toy_lock(struct sim *s, uintptr_t place, int lock)
{
    toy_access(s, place, SIM_OP_LOCK, 16 + (uintptr_t)lock);
    while (toy.is_taken[lock]) {
        toy.waiter[lock][toy.waiters[lock]++] = s->current;
        sim_block(s);
    }
    toy.is_taken[lock] = true;
}

static inline void toy_unlock(struct sim *s, uintptr_t place, int lock)
{
    toy_access(s, place, SIM_OP_UNLOCK, 16 + (uintptr_t)lock);
    toy.is_taken[lock] = false;
    while (toy.waiters[lock] > 0) {
        sim_wake(s, toy.waiter[lock][--toy.waiters[lock]]);
    }
}

static inline void toy_finish(struct sim *s)
{
    if (--toy.running == 0 && toy.starter != NULL) {
        sim_wake(s, toy.starter);
    }
}

/* Starts one of `toy.running`; being created is a step of the one that creates. */
static inline void toy_start(struct sim *s, void (*entry)(struct sim *, void *), void *argument)
{
    s->current->site = 1;
    sim_point(s, SIM_OP_CALL, 0);
    engine_thread(s, entry, argument);
}

static inline void toy_join(struct sim *s)
{
    if (toy.running > 0) {
        toy.starter = s->current;
        sim_block(s);
    }
}

/* ---- reorder_N: N - 1 write a and b, one sees the first without the second ---- */

static void reorder_setter(struct sim *s, void *argument)
{
    (void)argument;
    toy_access(s, 10, SIM_OP_WRITE, 1);
    toy.a = 1;
    toy_access(s, 11, SIM_OP_WRITE, 2);
    toy.b = -1;
    toy_finish(s);
}

static void reorder_checker(struct sim *s, void *argument)
{
    (void)argument;
    toy_access(s, 12, SIM_OP_READ, 1);
    int a = toy.a;
    toy_access(s, 13, SIM_OP_READ, 2);
    toy.failed |= (a == 0) != (toy.b == 0);
    toy_finish(s);
}

static inline void reorder(struct sim *s, void *argument)
{
    (void)argument;
    toy.running = toy.n;
    for (int i = 1; i < toy.n; i++) {
        toy_start(s, reorder_setter, NULL);
    }
    toy_start(s, reorder_checker, NULL);
    toy_join(s);
}

/* ---- twostage_N: N - 1 write two values under two locks, one reads in between ---- */

static void twostage_writer(struct sim *s, void *argument)
{
    (void)argument;
    toy_lock(s, 20, 0);
    toy_access(s, 21, SIM_OP_WRITE, 1);
    toy.a = 1;
    toy_unlock(s, 22, 0);
    toy_lock(s, 23, 1);
    toy_access(s, 24, SIM_OP_READ, 1);
    int a = toy.a;
    toy_access(s, 25, SIM_OP_WRITE, 2);
    toy.b = a + 1;
    toy_unlock(s, 26, 1);
    toy_finish(s);
}

static void twostage_reader(struct sim *s, void *argument)
{
    (void)argument;
    toy_lock(s, 30, 0);
    toy_access(s, 31, SIM_OP_READ, 1);
    int a = toy.a;
    toy_unlock(s, 32, 0);
    if (a != 0) {
        toy_lock(s, 33, 1);
        toy_access(s, 34, SIM_OP_READ, 2);
        toy.failed |= toy.b != a + 1;
        toy_unlock(s, 35, 1);
    }
    toy_finish(s);
}

static inline void twostage(struct sim *s, void *argument)
{
    (void)argument;
    toy.running = toy.n;
    for (int i = 1; i < toy.n; i++) {
        toy_start(s, twostage_writer, NULL);
    }
    toy_start(s, twostage_reader, NULL);
    toy_join(s);
}

static inline void toy_reset(int n)
{
    toy.n = n;
    toy.a = toy.b = 0;
    toy.failed = false;
    toy.is_taken[0] = toy.is_taken[1] = false;
    toy.waiters[0] = toy.waiters[1] = 0;
    toy.order_count = 0;
    toy.starter = NULL;
}

#endif
