/* SPDX-License-Identifier: MIT */
/* What a fuzzed target tells the bench, in a file of its working folder that both map. */
#ifndef BENCH_TIMES_H
#define BENCH_TIMES_H

#include <stdint.h>

#define BENCH_TIMES_FILE "times"

struct bench_times {
    uint64_t runs;
    double run_seconds; /* CPU time inside LLVMFuzzerTestOneInput */
    double cpu_seconds; /* CPU time of all processes of the target, up to their last run */
};

#endif
