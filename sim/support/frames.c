/* SPDX-License-Identifier: MIT */
/*
 * Frames of checked functions. Locals whose address escapes live in a frame cut from a region of
 * the engine instead of on the stack, so that a touch after the function returned is recognised,
 * and the frame's own description names the variable.
 *
 * Class k is 64 << k bytes. The last word of a frame points to a byte that inlined code clears on
 * return; nobody reads it here. When the region is used up the engine answers 0, and the function
 * uses its stack as if this file did not exist.
 */
#include "sim/support/support.h"

int __asan_option_detect_stack_use_after_return = 1;

static uint8_t live_flag;

static inline uintptr_t frame_get(size_t class_index)
{
    uintptr_t frame = sim_frame_alloc(class_index);
    if (SIM_LIKELY(frame != 0)) {
        *(uint8_t **)(frame + ((size_t)64 << class_index) - sizeof(void *)) = &live_flag;
    }
    return frame;
}

#define FRAME(k)                                                                                   \
    uintptr_t __asan_stack_malloc_##k(size_t size);                                                \
    uintptr_t __asan_stack_malloc_##k(size_t size)                                                 \
    {                                                                                              \
        (void)size;                                                                                \
        return frame_get(k);                                                                       \
    }                                                                                              \
    uintptr_t __asan_stack_malloc_always_##k(size_t size);                                         \
    uintptr_t __asan_stack_malloc_always_##k(size_t size)                                          \
    {                                                                                              \
        (void)size;                                                                                \
        return frame_get(k);                                                                       \
    }                                                                                              \
    void __asan_stack_free_##k(uintptr_t frame, size_t size);                                      \
    void __asan_stack_free_##k(uintptr_t frame, size_t size)                                       \
    {                                                                                              \
        (void)size;                                                                                \
        sim_frame_free(frame, k);                                                                  \
    }

FRAME(0)
FRAME(1)
FRAME(2)
FRAME(3)
FRAME(4)
FRAME(5)
FRAME(6)
FRAME(7)
FRAME(8)
FRAME(9)
FRAME(10)
