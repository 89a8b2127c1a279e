/* SPDX-License-Identifier: MIT */
/*
 * AFL++: the bridge from the module's inline counters to AFL's map.
 *
 * The module carries libFuzzer's 8-bit counters. Its constructor announces them here; we reserve as
 * many places in AFL's map by announcing a dummy array of guards of the same length to AFL's
 * runtime, and copy the counters there after each run. The schedule features follow behind in the
 * same way.
 *
 * If afl-fuzz has loaded our mutator (afl_mutator.c), the contexts of each run go to a page that
 * both share.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fuzz/target.h"

enum { GUARDS_MAX = 1 << 16 };

extern uint8_t *__afl_area_ptr;
void __sanitizer_cov_trace_pc_guard_init(uint32_t *start, uint32_t *stop); /* AFL's runtime */
void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop);
void __sanitizer_cov_pcs_init(const uintptr_t *start, const uintptr_t *stop);

static uint8_t features[SIM_FEATURES];
uint8_t *fuzz_features = features;

static struct {
    uint8_t *counters;
    size_t count;
    uint32_t guard[GUARDS_MAX + SIM_FEATURES]; /* guard[i]: place of counter i in AFL's map */
    struct fuzz_shape *shape; /* NULL = nobody wants to know */
} bridge;

static void reserve(size_t first, size_t count)
{
    __sanitizer_cov_trace_pc_guard_init(&bridge.guard[first], &bridge.guard[first + count]);
}

void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop)
{
    if (bridge.counters != NULL || start == stop) {
        return; /* one module */
    }
    bridge.counters = start;
    bridge.count = (size_t)(stop - start) < GUARDS_MAX ? (size_t)(stop - start) : GUARDS_MAX;
    reserve(0, bridge.count);
}

void __sanitizer_cov_pcs_init(const uintptr_t *start, const uintptr_t *stop)
{
    (void)start;
    (void)stop;
}

/* Before main, so that AFL's map is large enough when it is attached. */
__attribute__((constructor)) static void reserve_features(void)
{
    reserve(GUARDS_MAX, SIM_FEATURES);
}

__attribute__((constructor)) static void find_mutator(void)
{
    const char *number = getenv(FUZZ_SHAPE_VARIABLE);
    struct stat facts;
    int fd = number != NULL ? atoi(number) : -1;
    if (fd < 0 || fstat(fd, &facts) != 0 || facts.st_size != sizeof *bridge.shape) {
        return;
    }
    void *page = mmap(NULL, sizeof *bridge.shape, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    bridge.shape = page != MAP_FAILED ? page : NULL;
}

void fuzz_before_run(void)
{
    memset(bridge.counters, 0, bridge.count);
    memset(features, 0, sizeof features);
}

/* Guards of one announcement are numbered in a row, so this is a copy. */
void fuzz_after_run(void)
{
    if (bridge.count > 0) {
        memcpy(__afl_area_ptr + bridge.guard[0], bridge.counters, bridge.count);
    }
    memcpy(__afl_area_ptr + bridge.guard[GUARDS_MAX], features, sizeof features);
    if (bridge.shape != NULL) {
        *bridge.shape = fuzz_shape;
    }
}
