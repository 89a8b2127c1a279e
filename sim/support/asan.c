/* SPDX-License-Identifier: MIT */
/*
 * AddressSanitizer instrumentation without its runtime: reports, globals, stacks.
 *
 * The compiler tests the shadow inline and calls __asan_report_* when the test fails; here that
 * becomes a violation of the run. Globals get their red zones when the module's constructors run,
 * which is after the engine mapped the shadow (sim/module.c, .preinit_array). The shadow of
 * the module is never restored: constructors run once and the layout does not change.
 *
 * Limits: an unaligned access that straddles the end of a block is missed, as with the real
 * runtime. The order of C++ initialisers is not checked.
 */
#include "sim/support/support.h"

const char support_has_asan = 1;

/* Every checked object file refers to these. */
void __asan_init(void);
void __asan_version_mismatch_check_v8(void);

void __asan_init(void)
{
}

void __asan_version_mismatch_check_v8(void)
{
}

/* ---- accesses ---- */

#define REPORT(name, is_write, size)                                                               \
    void __asan_report_##name(uintptr_t address);                                                  \
    void __asan_report_##name(uintptr_t address)                                                   \
    {                                                                                              \
        sim_module_report(address, size, is_write, SUPPORT_PC, SUPPORT_FRAME);                     \
    }

#define CHECK(name, is_write, size)                                                                \
    void __asan_##name(uintptr_t address);                                                         \
    void __asan_##name(uintptr_t address)                                                          \
    {                                                                                              \
        support_check(address, size, is_write, SUPPORT_CALLER);                                    \
    }

#define BOTH(size)                                                                                 \
    REPORT(load##size, false, size)                                                                \
    REPORT(store##size, true, size)                                                                \
    CHECK(load##size, false, size)                                                                 \
    CHECK(store##size, true, size)

BOTH(1)
BOTH(2)
BOTH(4)
BOTH(8)
BOTH(16)

void __asan_report_load_n(uintptr_t address, size_t size);
void __asan_report_store_n(uintptr_t address, size_t size);
void __asan_loadN(uintptr_t address, size_t size);
void __asan_storeN(uintptr_t address, size_t size);

void __asan_report_load_n(uintptr_t address, size_t size)
{
    sim_module_report(address, size, false, SUPPORT_PC, SUPPORT_FRAME);
}

void __asan_report_store_n(uintptr_t address, size_t size)
{
    sim_module_report(address, size, true, SUPPORT_PC, SUPPORT_FRAME);
}

void __asan_loadN(uintptr_t address, size_t size)
{
    support_check(address, size, false, SUPPORT_CALLER);
}

void __asan_storeN(uintptr_t address, size_t size)
{
    support_check(address, size, true, SUPPORT_CALLER);
}

uintptr_t __asan_region_is_poisoned(uintptr_t address, size_t size);

uintptr_t __asan_region_is_poisoned(uintptr_t address, size_t size)
{
    return support_first_bad(address, size);
}

/* ---- globals ---- */

/* As the instrumentation lays it out. */
struct asan_global {
    uintptr_t base;
    size_t size, size_with_red_zone;
    const char *name, *module;
    uintptr_t has_dynamic_init;
    uintptr_t location, odr;
};

void __asan_register_globals(struct asan_global *global, size_t count);
void __asan_unregister_globals(struct asan_global *global, size_t count);
void __asan_register_elf_globals(uintptr_t *flag, struct asan_global *begin,
                                 struct asan_global *end);
void __asan_unregister_elf_globals(uintptr_t *flag, struct asan_global *begin,
                                   struct asan_global *end);
void __asan_before_dynamic_init(const char *module);
void __asan_after_dynamic_init(void);

void __asan_register_globals(struct asan_global *global, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uintptr_t end = global[i].base + global[i].size;
        uint8_t *shadow = support_shadow(end);
        if ((end & 7) != 0) {
            *shadow++ = (uint8_t)(end & 7);
        }
        uint8_t *stop = support_shadow(global[i].base + global[i].size_with_red_zone);
        support_shadow_set(shadow, SHADOW_GLOBAL, (size_t)(stop - shadow));
    }
}

void __asan_unregister_globals(struct asan_global *global, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        support_shadow_set(support_shadow(global[i].base), 0, global[i].size_with_red_zone >> 3);
    }
}

void __asan_register_elf_globals(uintptr_t *flag, struct asan_global *begin,
                                 struct asan_global *end)
{
    if (*flag == 0) {
        *flag = 1;
        __asan_register_globals(begin, (size_t)(end - begin));
    }
}

void __asan_unregister_elf_globals(uintptr_t *flag, struct asan_global *begin,
                                   struct asan_global *end)
{
    if (*flag != 0) {
        *flag = 0;
        __asan_unregister_globals(begin, (size_t)(end - begin));
    }
}

void __asan_before_dynamic_init(const char *module)
{
    (void)module;
}

void __asan_after_dynamic_init(void)
{
}

/* ---- shadow of the stack ---- */

void __asan_handle_no_return(void);
void __asan_poison_stack_memory(uintptr_t address, size_t size);
void __asan_unpoison_stack_memory(uintptr_t address, size_t size);
void __asan_alloca_poison(uintptr_t address, size_t size);
void __asan_allocas_unpoison(uintptr_t top, uintptr_t bottom);

/* A call that does not return leaves its callers' red zones behind: clear up to the stack's top. */
void __asan_handle_no_return(void)
{
    uintptr_t here = SUPPORT_FRAME & ~(uintptr_t)7;
    uintptr_t offset = here - SIM_STACK_BASE;
    if (offset >= (uintptr_t)SIM_STACKS_MAX * SIM_STACK_STRIDE) {
        return; /* a constructor, on the host's stack */
    }
    size_t left = SIM_STACK_STRIDE - offset % SIM_STACK_STRIDE;
    support_shadow_set(support_shadow(here), 0, left >> 3);
}

/* A variable leaves its scope. The compiler aligns both ends to 8. */
void __asan_poison_stack_memory(uintptr_t address, size_t size)
{
    support_shadow_set(support_shadow(address), SHADOW_SCOPE, (size + 7) >> 3);
}

void __asan_unpoison_stack_memory(uintptr_t address, size_t size)
{
    uint8_t *shadow = support_shadow(address);
    support_shadow_set(shadow, 0, size >> 3);
    if ((size & 7) != 0) {
        shadow[size >> 3] = (uint8_t)(size & 7);
    }
}

/* Red zones of 32 bytes on both sides of an alloca block; the right one is aligned up. */
void __asan_alloca_poison(uintptr_t address, size_t size)
{
    uintptr_t end = address + size;
    uintptr_t right = (end + 31) & ~(uintptr_t)31;
    support_shadow_set(support_shadow(address - 32), SHADOW_ALLOCA_LEFT, 4);
    uint8_t *shadow = support_shadow(end);
    if ((end & 7) != 0) {
        *shadow++ = (uint8_t)(end & 7);
    }
    uint8_t *stop = support_shadow(right + 32);
    support_shadow_set(shadow, SHADOW_ALLOCA_RIGHT, (size_t)(stop - shadow));
}

void __asan_allocas_unpoison(uintptr_t top, uintptr_t bottom)
{
    if (top != 0 && top < bottom) {
        support_shadow_set(support_shadow(top), 0, (bottom - top) >> 3);
    }
}

#define SET_SHADOW(value)                                                                          \
    void __asan_set_shadow_##value(uintptr_t shadow, size_t size);                                 \
    void __asan_set_shadow_##value(uintptr_t shadow, size_t size)                                  \
    {                                                                                              \
        support_shadow_set((uint8_t *)shadow, 0x##value, size);                                    \
    }

SET_SHADOW(00)
SET_SHADOW(01)
SET_SHADOW(02)
SET_SHADOW(03)
SET_SHADOW(04)
SET_SHADOW(05)
SET_SHADOW(06)
SET_SHADOW(07)
SET_SHADOW(f1)
SET_SHADOW(f2)
SET_SHADOW(f3)
SET_SHADOW(f5)
SET_SHADOW(f8)
