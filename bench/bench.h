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

static inline double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct bench_rate bench_bare_loop(double seconds);
struct bench_rate bench_bluetooth(double seconds);

#endif
