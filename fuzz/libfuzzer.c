/* SPDX-License-Identifier: MIT */
/* libFuzzer: extra counters for schedule features, and the mutator. */
#include <stdlib.h>

#include "fuzz/mutator.h"

__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t counters[SIM_FEATURES];
uint8_t *fuzz_features = counters;

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size); /* the engine's own */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t max_size, unsigned seed);

void fuzz_before_run(void)
{
    /* libFuzzer clears and reads the counters itself. */
}

void fuzz_after_run(void)
{
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    if (seed % 16 == 0) { /* what nobody thought of */
        return LLVMFuzzerMutate(data, size, max_size);
    }
    return fuzz_mutate(data, size, max_size, &fuzz_shape, seed);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t max_size, unsigned seed)
{
    return fuzz_cross(a, a_size, b, b_size, out, max_size, seed);
}
