/* SPDX-License-Identifier: MIT */
/* Rows of the bench. Each returns what it did in about the given time; bench.c prints ratios. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <time.h>

#include "sim/base.h"

struct bench_rate {
    double seconds;
    uint64_t runs, points;
};

/* CPU seconds of this process: what others do on the machine counts less. */
static inline double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct bench_rate bench_bare_loop(double seconds);
struct bench_rate bench_bluetooth(double seconds);
/* The share of these runs in which the model's assertion failed; the truth is 15 in 512. */
double bench_bluetooth_failed(const struct bench_rate *rate);

#endif
