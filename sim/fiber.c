/* SPDX-License-Identifier: MIT */
/*
 * Machine contexts: Boost.Context's fcontext, C-callable, about 5 ns a switch.
 *
 * Stacks come from a pool of fixed slots (sim/memory.h), lowest free slot first, so that which
 * stack a context gets follows from the run alone. A context that is abandoned at the end of a run
 * needs no unwinding: its slot is simply free again, and the validity map of what it used is
 * cleared.
 *
 * In an engine built with AddressSanitizer the runtime is told about every switch.
 */
#include "fiber.h"
#include "race.h"

#include <string.h>

#ifdef FIBER_ASAN
void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *save, const void **bottom, size_t *size);
void __asan_unpoison_memory_region(void const volatile *p, size_t size);
#endif

static struct {
    void *main;
    uintptr_t left_at; /* stack pointer of the context that ended the run */
    const void *main_bottom;
    size_t main_size;
    void *main_save;
    void *save[SIM_STACKS_MAX];
} fibers;
uint64_t fiber_used[SIM_STACKS_MAX / 64];
struct fiber_pending fiber_pending;

static uintptr_t stack_low(int slot)
{
    return SIM_STACK_BASE + (uintptr_t)slot * SIM_STACK_STRIDE +
           (SIM_STACK_STRIDE - SIM_STACK_BYTES);
}

#ifdef FIBER_ASAN
static void switch_begin(void **save, int slot)
{
    if (slot < 0) {
        __sanitizer_start_switch_fiber(save, fibers.main_bottom, fibers.main_size);
    } else {
        __sanitizer_start_switch_fiber(save, (const void *)stack_low(slot), SIM_STACK_BYTES);
    }
}
static void switch_end(void *save, bool from_main)
{
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(save, &bottom, &size);
    if (from_main) {
        fibers.main_bottom = bottom;
        fibers.main_size = size;
    }
}
#else
static void switch_begin(void **save, int slot)
{
    (void)save;
    (void)slot;
}
static void switch_end(void *save, bool from_main)
{
    (void)save;
    (void)from_main;
}
#endif

static void fiber_main(struct fiber_transfer from)
{
    switch_end(NULL, from.data == NULL);
    if (from.data == NULL) {
        fibers.main = from.context;
    } else {
        fiber_arrived(from);
    }
    struct sim *s = sim_current;
    sched_context_main(s, s->current);
}

void fiber_start(struct sim *s, struct sim_ctx *c)
{
    for (unsigned word = 0; word < SIM_COUNT(fiber_used); word++) {
        if (fiber_used[word] != UINT64_MAX) {
            int bit = __builtin_ctzll(~fiber_used[word]);
            fiber_used[word] |= 1ull << bit;
            c->stack = (int)word * 64 + bit;
            c->fiber = make_fcontext((void *)(stack_low(c->stack) + SIM_STACK_BYTES),
                                     SIM_STACK_BYTES, fiber_main);
            if (SIM_UNLIKELY(s->is_racing)) {
                race_stack(s, c);
            }
            return;
        }
    }
    sim_limit(s, "SIM_STACKS_MAX: too many threads and interrupts at once");
}

void fiber_release(struct sim *s, struct sim_ctx *c)
{
    (void)s;
    SIM_ASSERT(c->stack >= 0 && fiber_pending.bit == 0);
    fiber_pending.word = (unsigned)c->stack / 64; /* we still stand on it */
    fiber_pending.bit = 1ull << (c->stack % 64);
    c->stack = -1;
}

#ifdef FIBER_ASAN
void fiber_switch(struct sim_ctx *from, struct sim_ctx *to)
{
    int slot = from->stack; /* -1: from has given its stack back and never resumes */
    switch_begin(slot < 0 ? NULL : &fibers.save[slot], to->stack);
    struct fiber_transfer back = jump_fcontext(to->fiber, from);
    switch_end(slot < 0 ? NULL : fibers.save[slot], false);
    fiber_arrived(back);
}

void fiber_enter(struct sim_ctx *to)
{
    switch_begin(&fibers.main_save, to->stack);
    jump_fcontext(to->fiber, NULL);
    switch_end(fibers.main_save, false);
}
#endif

void fiber_leave(void)
{
    fibers.left_at = (uintptr_t)__builtin_frame_address(0);
    switch_begin(NULL, -1);
    jump_fcontext(fibers.main, NULL);
    __builtin_unreachable();
}

/*
 * A checked driver marks parts of its stack invalid while a function runs. Contexts abandoned in
 * the middle leave such marks between their stack pointer and the top of their stack: clear them.
 */
SIM_NO_ASAN void fiber_reset(struct sim *s)
{
    for (uint32_t i = 0; i < s->live_count; i++) {
        const struct sim_ctx *c = s->live[i];
        if (c->stack >= 0) {
            uintptr_t top = stack_low(c->stack) + SIM_STACK_BYTES;
            uintptr_t low = c == s->current ? fibers.left_at : (uintptr_t)c->fiber;
            if (low < stack_low(c->stack) || low > top) {
                low = stack_low(c->stack);
            }
            sim_shadow_valid(low & ~(uintptr_t)7, top - (low & ~(uintptr_t)7));
        }
    }
    memset(fiber_used, 0, sizeof fiber_used);
    fiber_pending.bit = 0;
}
