/* SPDX-License-Identifier: MIT */
/*
 * What the files of the module support archive share.
 *
 * The archive is linked into every driver module. It answers what the compiler's instrumentation
 * calls (__asan_*, __tsan_*, __ubsan_*) and brings the C library functions that a kernel driver may
 * use, so that a module needs nothing but the WDK routines of the engine. Only members that a
 * driver refers to are linked; each of asan.c, tsan.c and ubsan.c defines a marker, and
 * module_info.c tells the loader which markers are there: a module describes itself.
 *
 * Invariants:
 *  1. Nothing here is instrumented, and nothing leaves the module (version script).
 *  2. A bad access is reported before it happens; a report does not return.
 *  3. All code lies in the section wsksim_support, so that a fault in here can be charged to the
 *     driver function that called.
 *  4. All C library functions are weak: a driver may bring its own.
 */
#ifndef SIM_SUPPORT_H
#define SIM_SUPPORT_H

#include "sim/module.h"
#include "sim/race_fast.h"
#include "sim/sim.h"

#pragma clang section text = "wsksim_support"

#define SUPPORT_WEAK __attribute__((weak))
#define SUPPORT_HIDDEN __attribute__((visibility("hidden")))
#define SUPPORT_PC ((uintptr_t)__builtin_return_address(0))
#define SUPPORT_FRAME ((uintptr_t)__builtin_frame_address(0))

/* Shadow values only the instrumentation knows (the rest is enum sim_shadow). */
enum { SHADOW_GLOBAL = 0xf9, SHADOW_SCOPE = 0xf8, SHADOW_ALLOCA_LEFT = 0xca,
       SHADOW_ALLOCA_RIGHT = 0xcb };

/* Lengths beyond this are negative numbers in disguise; nobody scans the shadow of so much. */
#define SUPPORT_LENGTH_MAX ((size_t)1 << 30)

/* Where the call into the support archive came from. */
struct support_caller {
    uintptr_t pc, frame;
};

#define SUPPORT_CALLER ((struct support_caller){SUPPORT_PC, SUPPORT_FRAME})

/* Markers; the references are weak so that asking does not pull the member in. */
extern SUPPORT_HIDDEN SUPPORT_WEAK const char support_has_asan, support_has_tsan,
    support_has_ubsan;

/* True in a module with access points: then the C library's accesses are points too. */
static inline bool support_is_traced(void)
{
    return &support_has_tsan != NULL;
}


static inline uint8_t *support_shadow(uintptr_t address)
{
    return (uint8_t *)((address >> 3) + SIM_SHADOW_OFFSET);
}

static inline void support_shadow_set(uint8_t *shadow, uint8_t value, size_t count)
{
    __asm__ volatile("rep stosb" : "+D"(shadow), "+c"(count) : "a"(value) : "memory");
}

static inline bool support_byte_ok(uintptr_t address)
{
    int8_t shadow = (int8_t)*support_shadow(address);
    return SIM_LIKELY(shadow == 0) || (int8_t)(address & 7) < shadow;
}

/* The first invalid byte of [address, address + size), or 0. */
static inline uintptr_t support_first_bad(uintptr_t address, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (SIM_UNLIKELY(size > SUPPORT_LENGTH_MAX || address + size < address)) {
        return address;
    }
    uintptr_t end = address + size;
    for (uintptr_t at = address; at < end; at = (at | 7) + 1) {
        int8_t shadow = (int8_t)*support_shadow(at);
        if (SIM_LIKELY(shadow == 0)) {
            continue;
        }
        uintptr_t valid = (at & ~(uintptr_t)7) + (shadow < 0 ? 0u : (uintptr_t)shadow);
        uintptr_t bad = at > valid ? at : valid;
        if (bad < end) {
            return bad;
        }
    }
    return 0;
}

static inline void support_check(uintptr_t address, size_t size, bool is_write,
                                 struct support_caller caller)
{
    uintptr_t bad = support_first_bad(address, size);
    if (SIM_UNLIKELY(bad != 0)) {
        sim_module_report(bad, size, is_write, caller.pc, caller.frame);
    }
}

/* how: enum sim_access; true is a plain write, false a plain read. */
static inline void support_access(uintptr_t address, size_t size, unsigned how, uintptr_t pc)
{
    if (SIM_UNLIKELY(--sim_access_countdown < 0)) {
        if (race_is_known(address, size, how, sim_race_hot.module_key) &&
            sim_access_countdown > -SIM_ACCESS_BUDGET) {
            return;
        }
        sim_access_slow(address, size, how, pc);
    }
}

#endif
