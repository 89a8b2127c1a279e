/* SPDX-License-Identifier: MIT */
/*
 * Empty coverage functions, so that a module with coverage counters also runs in an executable that
 * has no fuzzer. All are weak: libFuzzer's, AFL++'s and our own bridge take their place when
 * linked.
 */
#include "base.h"

#define EMPTY(name, ...)                                                                           \
    SIM_EXPORT void name(__VA_ARGS__);                                                             \
    SIM_EXPORT __attribute__((weak)) void name(__VA_ARGS__)                                        \
    {                                                                                              \
    }

EMPTY(__sanitizer_cov_8bit_counters_init, uint8_t *begin __attribute__((unused)),
      uint8_t *end __attribute__((unused)))
EMPTY(__sanitizer_cov_pcs_init, const uintptr_t *begin __attribute__((unused)),
      const uintptr_t *end __attribute__((unused)))
EMPTY(__sanitizer_cov_trace_pc, void)
EMPTY(__sanitizer_cov_trace_pc_guard, uint32_t *guard __attribute__((unused)))
EMPTY(__sanitizer_cov_trace_pc_guard_init, uint32_t *begin __attribute__((unused)),
      uint32_t *end __attribute__((unused)))
EMPTY(__sanitizer_cov_trace_pc_indir, uintptr_t callee __attribute__((unused)))
EMPTY(__sanitizer_cov_trace_switch, uint64_t value __attribute__((unused)),
      uint64_t *cases __attribute__((unused)))
EMPTY(__sanitizer_cov_trace_gep, uintptr_t index __attribute__((unused)))

#define COMPARE(name, type)                                                                        \
    EMPTY(name, type left __attribute__((unused)), type right __attribute__((unused)))

COMPARE(__sanitizer_cov_trace_cmp1, uint8_t)
COMPARE(__sanitizer_cov_trace_cmp2, uint16_t)
COMPARE(__sanitizer_cov_trace_cmp4, uint32_t)
COMPARE(__sanitizer_cov_trace_cmp8, uint64_t)
COMPARE(__sanitizer_cov_trace_const_cmp1, uint8_t)
COMPARE(__sanitizer_cov_trace_const_cmp2, uint16_t)
COMPARE(__sanitizer_cov_trace_const_cmp4, uint32_t)
COMPARE(__sanitizer_cov_trace_const_cmp8, uint64_t)

EMPTY(__sanitizer_cov_trace_div4, uint32_t value __attribute__((unused)))
EMPTY(__sanitizer_cov_trace_div8, uint64_t value __attribute__((unused)))
