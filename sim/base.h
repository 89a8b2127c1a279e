/* SPDX-License-Identifier: MIT */
/*
 * What every file of the engine shares: fixed-width types, the assertion that guards our own
 * invariants, and a handful of compiler words. Nothing here knows Windows.
 *
 * SIM_ASSERT is always on. It speaks of OUR code only: what a driver does wrong is data (see
 * sim_fail in sim.h) and must never reach an assertion. A failed assertion leaves the process by
 * _exit(3), so that no exit handler of a half-finished run can make things worse.
 */
#ifndef SIM_BASE_H
#define SIM_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Virtual time in units of 100 ns since the start of the run. */
typedef uint64_t sim_time;

#define SIM_MS(n) ((sim_time)(n) * 10000u)
#define SIM_TIME_NEVER UINT64_MAX

#define SIM_LIKELY(x) __builtin_expect(!!(x), 1)
#define SIM_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define SIM_MUST_USE __attribute__((warn_unused_result))
#define SIM_NOINLINE __attribute__((noinline))
#define SIM_INLINE static inline __attribute__((always_inline)) /* only what was measured */
#define SIM_EXPORT __attribute__((visibility("default")))
#define SIM_NO_ASAN __attribute__((no_sanitize("address", "undefined")))
#define SIM_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#ifdef __cplusplus
extern "C" {
#endif

__attribute__((noreturn, cold)) void sim_assert_failed(const char *expression, const char *file,
                                                       int line, long long left, long long right);

#define SIM_ASSERT(condition)                                                                      \
    (SIM_LIKELY(condition) ? (void)0                                                               \
                           : sim_assert_failed(#condition, __FILE__, __LINE__, 0, 0))

/* As SIM_ASSERT(a op b), but prints both values. */
#define SIM_ASSERT_OP(a, op, b)                                                                    \
    (SIM_LIKELY((a)op(b)) ? (void)0                                                                \
                          : sim_assert_failed(#a " " #op " " #b, __FILE__, __LINE__,               \
                                              (long long)(a), (long long)(b)))

/* xorshift64*-like generator whose whole state is the word given: strategies are seeded values. */
static inline uint64_t sim_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545F4914F6CDD1Dull;
}

/* Uniform in [0, count) without a division; count >= 1. The bias is below 2^-32. */
static inline uint32_t sim_random_below(uint64_t *state, uint32_t count)
{
    return (uint32_t)(((sim_random(state) >> 32) * (uint64_t)count) >> 32);
}

/* One step of the fingerprint: order matters, every bit of the value counts. */
static inline uint64_t sim_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9E3779B97F4A7C15ull;
    return hash ^ (hash >> 29);
}

#ifdef __cplusplus
}
#endif
#endif
