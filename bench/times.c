/* SPDX-License-Identifier: MIT */
/*
 * Wrapped around LLVMFuzzerTestOneInput by the linker (--wrap), in the empty target and in ours
 * alike: how much of the process's CPU time is the run, how much the fuzzer's loop.
 */
#include "bench/times.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int __real_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static struct bench_times *times(void)
{
    static struct bench_times *shared;
    if (shared == NULL) {
        int file = open(BENCH_TIMES_FILE, O_RDWR);
        shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (shared == MAP_FAILED) {
            fprintf(stderr, "bench: no file '" BENCH_TIMES_FILE "' in this folder; "
                            "this target is run by wsksim_bench\n");
            _exit(1);
        }
    }
    return shared;
}

int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static double last; /* of this process; a forked one starts at 0 again */
    struct bench_times *t = times();
    double before = now();
    int result = __real_LLVMFuzzerTestOneInput(data, size);
    double after = now();
    t->runs++;
    t->run_seconds += after - before;
    t->cpu_seconds += after - last;
    last = after;
    return result;
}
