/* SPDX-License-Identifier: MIT */
/*
 * The yardstick: two bare fibers that share nine accesses of the bluetooth model, a random pick
 * before each, and nothing else: no processors, no levels, no log, no checks. What is left of its
 * rate once the engine does its work is what the engine costs. This source stays as it is.
 */
#include "bench/bench.h"

typedef struct {
    void *context;
    void *data;
} transfer;
extern transfer jump_fcontext(void *to, void *data);
extern void *make_fcontext(void *top, size_t size, void (*entry)(transfer));

enum { STACK_BYTES = 65536 };

static struct {
    void *context[2], *main;
    int running;       /* which fiber */
    unsigned alive;    /* bit per fiber */
    uint64_t random;
    uint64_t points;
    int pending_io, stopping_flag, stopping_event, stopped, failed;
} loop;
static char stack[2][STACK_BYTES] __attribute__((aligned(16)));

static void switch_to(int next)
{
    int self = loop.running;
    loop.running = next;
    transfer t = jump_fcontext(loop.context[next], (void *)(intptr_t)self);
    if (t.data != (void *)-1) {
        loop.context[(intptr_t)t.data] = t.context;
    }
}

static void point(void)
{
    loop.points++;
    if (loop.alive == 3) {
        int next = (int)(sim_random(&loop.random) >> 63);
        if (next != loop.running) {
            switch_to(next);
        }
    }
}

static void release(void)
{
    point();
    int left = --loop.pending_io;
    if (left == 0) {
        point();
        loop.stopping_event = 1;
    }
}

static void adder(void)
{
    point();
    if (!loop.stopping_flag) {
        point();
        loop.pending_io++;
        point();
        loop.failed |= loop.stopped;
    }
    release();
}

static void stopper(void)
{
    point();
    loop.stopping_flag = 1;
    release();
    point();
    if (loop.stopping_event) {
        point();
        loop.stopped = 1;
    }
}

static void finish(int self)
{
    loop.alive &= ~(1u << self);
    if (loop.alive != 0) {
        switch_to(1 - self);
    }
    jump_fcontext(loop.main, (void *)-1);
}

static void enter(transfer t)
{
    if (t.data == (void *)-1) {
        loop.main = t.context;
    } else {
        loop.context[(intptr_t)t.data] = t.context;
    }
    int self = loop.running;
    if (self == 0) {
        adder();
    } else {
        stopper();
    }
    finish(self);
}

static void run_once(void)
{
    loop.pending_io = 1;
    loop.stopping_flag = loop.stopping_event = loop.stopped = 0;
    loop.alive = 3;
    for (int i = 0; i < 2; i++) {
        loop.context[i] = make_fcontext(stack[i] + STACK_BYTES, STACK_BYTES, enter);
    }
    loop.running = (int)(sim_random(&loop.random) >> 63);
    jump_fcontext(loop.context[loop.running], (void *)-1);
}

struct bench_rate bench_bare_loop(double seconds)
{
    struct bench_rate rate = {0};
    loop.random = 88172645463325252ull;
    loop.points = 0;
    double start = bench_now(), now = start;
    while (now - start < seconds) {
        for (int i = 0; i < 10000; i++) {
            run_once();
        }
        rate.runs += 10000;
        now = bench_now();
    }
    rate.seconds = now - start;
    rate.points = loop.points;
    return rate;
}
