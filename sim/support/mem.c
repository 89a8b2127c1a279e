/* SPDX-License-Identifier: MIT */
/*
 * Blocks of memory: memcpy and its family, checked against the shadow before a byte moves.
 *
 * The compiler turns struct copies into calls of these, and with access points all intrinsics too;
 * checked modules without access points call the __asan_ names. A copy of an invalid block is
 * reported as one access of the whole length at the first bad byte. memcpy copes with overlap, as
 * the kernel's own does.
 */
#include "sim/support/support.h"

typedef uint64_t word __attribute__((may_alias, aligned(1)));

static inline void move_bytes(uint8_t *to, const uint8_t *from, size_t size)
{
    if ((uintptr_t)to - (uintptr_t)from >= size) {
        if (size > 256) {
            __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
            return;
        }
        for (; size >= 8; size -= 8, to += 8, from += 8) {
            *(word *)to = *(const word *)from;
        }
        for (; size != 0; size--) {
            *to++ = *from++;
        }
        return;
    }
    while (size != 0) {
        size--;
        to[size] = from[size];
    }
}

static inline void *move(void *to, const void *from, size_t size, struct support_caller caller)
{
    if (support_is_traced()) {
        support_access((uintptr_t)from, size, false, caller.pc);
        support_access((uintptr_t)to, size, true, caller.pc);
    }
    support_check((uintptr_t)from, size, false, caller);
    support_check((uintptr_t)to, size, true, caller);
    move_bytes(to, from, size);
    return to;
}

static inline void *fill(void *to, int value, size_t size, struct support_caller caller)
{
    if (support_is_traced()) {
        support_access((uintptr_t)to, size, true, caller.pc);
    }
    support_check((uintptr_t)to, size, true, caller);
    support_shadow_set(to, (uint8_t)value, size);
    return to;
}

#define MOVE(name)                                                                                 \
    void *name(void *to, const void *from, size_t size);                                           \
    SUPPORT_WEAK void *name(void *to, const void *from, size_t size)                               \
    {                                                                                              \
        return move(to, from, size, SUPPORT_CALLER);                                               \
    }

#define FILL(name)                                                                                 \
    void *name(void *to, int value, size_t size);                                                  \
    SUPPORT_WEAK void *name(void *to, int value, size_t size)                                      \
    {                                                                                              \
        return fill(to, value, size, SUPPORT_CALLER);                                              \
    }

MOVE(memcpy)
MOVE(memmove)
MOVE(__asan_memcpy)
MOVE(__asan_memmove)
MOVE(__tsan_memcpy)
MOVE(__tsan_memmove)
FILL(memset)
FILL(__asan_memset)
FILL(__tsan_memset)

int memcmp(const void *left, const void *right, size_t size);
int bcmp(const void *left, const void *right, size_t size);
void *memchr(const void *block, int value, size_t size);
void bzero(void *to, size_t size);
int memcpy_s(void *to, size_t room, const void *from, size_t size);
int memmove_s(void *to, size_t room, const void *from, size_t size);

static inline int compare(const uint8_t *left, const uint8_t *right, size_t size,
                          struct support_caller caller)
{
    if (support_is_traced()) {
        support_access((uintptr_t)left, size, false, caller.pc);
        support_access((uintptr_t)right, size, false, caller.pc);
    }
    support_check((uintptr_t)left, size, false, caller);
    support_check((uintptr_t)right, size, false, caller);
    for (size_t i = 0; i < size; i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}

SUPPORT_WEAK int memcmp(const void *left, const void *right, size_t size)
{
    return compare(left, right, size, SUPPORT_CALLER);
}

SUPPORT_WEAK int bcmp(const void *left, const void *right, size_t size)
{
    return compare(left, right, size, SUPPORT_CALLER);
}

/* Reads no further than the byte it finds, so it checks as it goes. */
SUPPORT_WEAK void *memchr(const void *block, int value, size_t size)
{
    const uint8_t *at = block;
    for (size_t i = 0; i < size; i++) {
        support_check((uintptr_t)(at + i), 1, false, SUPPORT_CALLER);
        if (at[i] == (uint8_t)value) {
            return (void *)(uintptr_t)(at + i);
        }
    }
    return NULL;
}

SUPPORT_WEAK void bzero(void *to, size_t size)
{
    fill(to, 0, size, SUPPORT_CALLER);
}

/* The errors of the secure functions: 22 invalid argument, 34 too small. */
static inline int move_s(void *to, size_t room, const void *from, size_t size,
                         struct support_caller caller)
{
    if (size == 0) {
        return 0;
    }
    if (to == NULL) {
        return 22;
    }
    if (from == NULL || room < size) {
        fill(to, 0, room, caller);
        return from == NULL ? 22 : 34;
    }
    move(to, from, size, caller);
    return 0;
}

SUPPORT_WEAK int memcpy_s(void *to, size_t room, const void *from, size_t size)
{
    return move_s(to, room, from, size, SUPPORT_CALLER);
}

SUPPORT_WEAK int memmove_s(void *to, size_t room, const void *from, size_t size)
{
    return move_s(to, room, from, size, SUPPORT_CALLER);
}
