/* SPDX-License-Identifier: MIT */
/*
 * Access points: the thread-sanitizer pass calls these before every access to memory that escapes
 * its function. A call counts down; the engine is asked only when the count runs out.
 *
 * Atomic accesses become calls that perform the operation. One host thread runs everything, so a
 * plain operation is atomic; memory orders only tell the race detector what orders what (the model
 * is sequentially consistent).
 * AddressSanitizer never sees these accesses, so they are checked here.
 *
 * Limit: coverage counters are bytes that the pass instruments too; byte accesses are compared with
 * their range and let through.
 */
#include "sim/support/support.h"

const char support_has_tsan = 1;

extern SUPPORT_HIDDEN SUPPORT_WEAK const uint8_t __start___sancov_cntrs[], __stop___sancov_cntrs[];

static inline bool is_counter(uintptr_t address)
{
    return address - (uintptr_t)__start___sancov_cntrs <
           (uintptr_t)__stop___sancov_cntrs - (uintptr_t)__start___sancov_cntrs;
}

void __tsan_init(void);
void __tsan_func_entry(void *pc);
void __tsan_func_exit(void);
void __tsan_ignore_thread_begin(void);
void __tsan_ignore_thread_end(void);

void __tsan_init(void)
{
}

void __tsan_func_entry(void *pc)
{
    (void)pc;
}

void __tsan_func_exit(void)
{
}

void __tsan_ignore_thread_begin(void)
{
}

void __tsan_ignore_thread_end(void)
{
}

/* ---- plain accesses ---- */

#define READ 0
#define WRITE SIM_ACCESS_WRITE
/* On x64 every load acquires and every store releases; the usual compiler keeps to it. */
#define VOLATILE_READ (SIM_ACCESS_VOLATILE | SIM_ACCESS_ACQUIRE)
#define VOLATILE_WRITE (SIM_ACCESS_VOLATILE | SIM_ACCESS_RELEASE | SIM_ACCESS_WRITE)

#define BYTE_HOOK(name, how)                                                                       \
    void __tsan_##name(uintptr_t address);                                                         \
    void __tsan_##name(uintptr_t address)                                                          \
    {                                                                                              \
        if (!is_counter(address)) {                                                                \
            support_access(address, 1, how, SUPPORT_PC);                                           \
        }                                                                                          \
    }

#define HOOK(name, size, how)                                                                      \
    void __tsan_##name(uintptr_t address);                                                         \
    void __tsan_##name(uintptr_t address)                                                          \
    {                                                                                              \
        support_access(address, size, how, SUPPORT_PC);                                            \
    }

BYTE_HOOK(read1, READ)
BYTE_HOOK(write1, WRITE)
BYTE_HOOK(read_write1, WRITE)
BYTE_HOOK(volatile_read1, VOLATILE_READ)
BYTE_HOOK(volatile_write1, VOLATILE_WRITE)

#define WIDE_HOOKS(size)                                                                           \
    HOOK(read##size, size, READ)                                                                   \
    HOOK(write##size, size, WRITE)                                                                 \
    HOOK(read_write##size, size, WRITE)                                                            \
    HOOK(volatile_read##size, size, VOLATILE_READ)                                                 \
    HOOK(volatile_write##size, size, VOLATILE_WRITE)                                               \
    HOOK(unaligned_read##size, size, READ)                                                         \
    HOOK(unaligned_write##size, size, WRITE)                                                       \
    HOOK(unaligned_read_write##size, size, WRITE)                                                  \
    HOOK(unaligned_volatile_read##size, size, VOLATILE_READ)                                       \
    HOOK(unaligned_volatile_write##size, size, VOLATILE_WRITE)

WIDE_HOOKS(2)
WIDE_HOOKS(4)
WIDE_HOOKS(8)
WIDE_HOOKS(16)

void __tsan_read_range(uintptr_t address, size_t size);
void __tsan_write_range(uintptr_t address, size_t size);
void __tsan_vptr_update(uintptr_t address, uintptr_t value);
void __tsan_vptr_read(uintptr_t address);

void __tsan_read_range(uintptr_t address, size_t size)
{
    support_access(address, size, false, SUPPORT_PC);
}

void __tsan_write_range(uintptr_t address, size_t size)
{
    support_access(address, size, true, SUPPORT_PC);
}

void __tsan_vptr_update(uintptr_t address, uintptr_t value)
{
    (void)value;
    support_access(address, 8, true, SUPPORT_PC);
}

void __tsan_vptr_read(uintptr_t address)
{
    support_access(address, 8, false, SUPPORT_PC);
}

/* ---- atomic accesses ---- */

enum { LOAD = 0, STORE = SIM_ACCESS_WRITE, UPDATE = SIM_ACCESS_WRITE | SIM_ACCESS_ATOMIC };

/* The orders as the compiler counts them: relaxed, consume, acquire, release, both, all. */
static inline unsigned atomic_how(unsigned what, int order)
{
    unsigned how = (what & SIM_ACCESS_WRITE) | SIM_ACCESS_ATOMIC;
    if (what != STORE && (order == 1 || order == 2 || order >= 4)) {
        how |= SIM_ACCESS_ACQUIRE;
    }
    if (what != LOAD && order >= 3) {
        how |= SIM_ACCESS_RELEASE;
    }
    return how;
}

static inline void atomic_begin(uintptr_t address, size_t size, unsigned what, int order,
                                struct support_caller caller)
{
    support_access(address, size, atomic_how(what, order), caller.pc);
    support_check(address, size, what != LOAD, caller);
}

#define ATOMIC_UPDATE(type, bits, name, expression)                                                \
    type __tsan_atomic##bits##_##name(volatile type *address, type value, int order);              \
    type __tsan_atomic##bits##_##name(volatile type *address, type value, int order)               \
    {                                                                                              \
        atomic_begin((uintptr_t)address, sizeof(type), UPDATE, order, SUPPORT_CALLER);             \
        type old = *address;                                                                       \
        *address = (type)(expression);                                                             \
        return old;                                                                                \
    }

#define ATOMIC_EXCHANGE_IF(type, bits, name)                                                       \
    int __tsan_atomic##bits##_##name(volatile type *address, type *expected, type value,           \
                                     int order, int fail_order);                                   \
    int __tsan_atomic##bits##_##name(volatile type *address, type *expected, type value,           \
                                     int order, int fail_order)                                    \
    {                                                                                              \
        (void)fail_order;                                                                          \
        atomic_begin((uintptr_t)address, sizeof(type), UPDATE, order, SUPPORT_CALLER);             \
        type old = *address;                                                                       \
        if (old == *expected) {                                                                    \
            *address = value;                                                                      \
            return 1;                                                                              \
        }                                                                                          \
        *expected = old;                                                                           \
        return 0;                                                                                  \
    }

#define ATOMIC(type, bits)                                                                         \
    type __tsan_atomic##bits##_load(const volatile type *address, int order);                      \
    type __tsan_atomic##bits##_load(const volatile type *address, int order)                       \
    {                                                                                              \
        atomic_begin((uintptr_t)address, sizeof(type), LOAD, order, SUPPORT_CALLER);               \
        return *address;                                                                           \
    }                                                                                              \
    void __tsan_atomic##bits##_store(volatile type *address, type value, int order);               \
    void __tsan_atomic##bits##_store(volatile type *address, type value, int order)                \
    {                                                                                              \
        atomic_begin((uintptr_t)address, sizeof(type), STORE, order, SUPPORT_CALLER);              \
        *address = value;                                                                          \
    }                                                                                              \
    ATOMIC_UPDATE(type, bits, exchange, value)                                                     \
    ATOMIC_UPDATE(type, bits, fetch_add, old + value)                                              \
    ATOMIC_UPDATE(type, bits, fetch_sub, old - value)                                              \
    ATOMIC_UPDATE(type, bits, fetch_and, old & value)                                              \
    ATOMIC_UPDATE(type, bits, fetch_or, old | value)                                               \
    ATOMIC_UPDATE(type, bits, fetch_xor, old ^ value)                                              \
    ATOMIC_UPDATE(type, bits, fetch_nand, ~(old & value))                                          \
    ATOMIC_EXCHANGE_IF(type, bits, compare_exchange_strong)                                        \
    ATOMIC_EXCHANGE_IF(type, bits, compare_exchange_weak)                                          \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *address, type expected,         \
                                                    type value, int order, int fail_order);        \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *address, type expected,         \
                                                    type value, int order, int fail_order)         \
    {                                                                                              \
        (void)fail_order;                                                                          \
        atomic_begin((uintptr_t)address, sizeof(type), UPDATE, order, SUPPORT_CALLER);             \
        type old = *address;                                                                       \
        if (old == expected) {                                                                     \
            *address = value;                                                                      \
        }                                                                                          \
        return old;                                                                                \
    }

ATOMIC(uint8_t, 8)
ATOMIC(uint16_t, 16)
ATOMIC(uint32_t, 32)
ATOMIC(uint64_t, 64)
ATOMIC(unsigned __int128, 128)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_signal_fence(int order);

void __tsan_atomic_thread_fence(int order)
{
    (void)order;
    sim_access_fence();
}

void __tsan_atomic_signal_fence(int order)
{
    (void)order;
}
