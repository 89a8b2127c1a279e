/* SPDX-License-Identifier: MIT */
/*
 * Interlocked operations: a scheduling point, a check of the variable, the operation, a scheduling
 * point.
 *
 * They are the most frequent calls of a driver, so they are not traced (an operation is seen
 * through its effects) and the check has a short path: aligned, in one of the regions, and valid
 * according to the validity map. Everything else, breaches and objects of tests included, takes the
 * long one.
 *
 * Invariant: between check and operation there is no scheduling point, so the operation is atomic.
 */
#include "model/ex/ex_internal.h"

/*
 * Misaligned, outside the regions, not valid, or at DISPATCH_LEVEL with paged memory about
 * (KRN-302).
 */
SIM_NOINLINE static void check_slow(struct sim *s, const volatile void *p, size_t size)
{
    const void *variable = (const void *)p;
    if (ke_irql(s) >= DISPATCH_LEVEL) {
        model_resident(s, variable, size, RULE_KRN_302, "the variable");
    }
    model_touch(s, variable, size, "the variable");
    if (((uintptr_t)p & (size - 1)) != 0) {
        model_fail(s, RULE_KRN_302, 0, NULL, "%s: the variable is not aligned to %zu bytes",
                   model_routine_name(s->current->routine), size);
    }
}

SIM_NO_ASAN static inline void check(struct sim *s, const volatile void *p, size_t size)
{
    const uintptr_t address = (uintptr_t)p;
    const uintptr_t regions = SIM_MODULE_BASE + SIM_MODULE_BYTES - SIM_ARENA_BASE;
    bool is_plain = address - SIM_ARENA_BASE < regions && (address & (size - 1)) == 0 &&
                    *(const uint8_t *)((address >> 3) + SIM_SHADOW_OFFSET) == SIM_SHADOW_VALID;
    if (SIM_UNLIKELY(!is_plain || (ke_irql(s) >= DISPATCH_LEVEL && ex_of(s)->paged_blocks != 0))) {
        check_slow(s, p, size);
    }
}

/* Entry of an operation; the site is the caller's, which is why it is inlined. */
__attribute__((always_inline)) static inline struct sim *begin(enum model_routine routine,
                                                               const volatile void *p, size_t size)
{
    struct sim *s = sim_current;
    struct sim_ctx *c = s->current;
    c->site = (uintptr_t)__builtin_return_address(0);
    c->frame = (uintptr_t)__builtin_frame_address(0);
    c->routine = (uint16_t)routine;
    sim_point(s, SIM_OP_WRITE, (uintptr_t)p);
    check(s, p, size);
    sim_race_touch(s, p, size, SIM_ACCESS_WRITE | SIM_ACCESS_ATOMIC | SIM_ACCESS_ACQUIRE |
                                   SIM_ACCESS_RELEASE);
    return s;
}

static inline void end(struct sim *s)
{
    sim_point(s, SIM_OP_RETURN, 0);
    s->current->routine = ROUTINE_None;
}

/* One operation: `effect` sees the variable as *p and sets `result`. */
#define OPERATION(declaration, T, p, routine, effect)                                              \
    declaration                                                                                    \
    {                                                                                              \
        struct sim *s = begin(ROUTINE_##routine, (p), sizeof(T));                                  \
        T result;                                                                                  \
        effect;                                                                                    \
        end(s);                                                                                    \
        return result;                                                                             \
    }

/* The eight operations of a width; arithmetic wraps in the unsigned type U. */
#define WIDTH(S, T, U)                                                                             \
    OPERATION(                                                                                     \
        T InterlockedIncrement##S(T volatile *Addend), T, Addend, InterlockedIncrement,            \
        U old = (U)*Addend;                                                                        \
        if (model_mutated(interlocked_not_atomic)) {                                               \
            sim_point(s, SIM_OP_WRITE, (uintptr_t)Addend);                                         \
        } result = (T)(old + 1u);                                                                  \
        *Addend = result)                                                                          \
    OPERATION(T InterlockedDecrement##S(T volatile *Addend), T, Addend, InterlockedDecrement,      \
              result = (T)((U)*Addend - 1u);                                                       \
              *Addend = result)                                                                    \
    OPERATION(T InterlockedExchange##S(T volatile *Target, T Value), T, Target,                    \
              InterlockedExchange, result = *Target;                                               \
              *Target = Value)                                                                     \
    OPERATION(                                                                                     \
        T InterlockedExchangeAdd##S(T volatile *Addend, T Value), T, Addend,                       \
        InterlockedExchangeAdd, result = *Addend;                                                  \
        *Addend = (T)((U)result + (U)Value);                                                       \
        if (model_mutated(exchange_add_new)) { result = *Addend; })                                \
    OPERATION(                                                                                     \
        T InterlockedCompareExchange##S(T volatile *Destination, T ExChange, T Comparand), T,      \
        Destination, InterlockedCompareExchange, result = *Destination;                            \
        if (result == Comparand) { *Destination = ExChange; })                                     \
    OPERATION(T InterlockedAnd##S(T volatile *Destination, T Value), T, Destination,               \
              InterlockedAnd, result = *Destination;                                               \
              *Destination = (T)(result & Value))                                                  \
    OPERATION(T InterlockedOr##S(T volatile *Destination, T Value), T, Destination, InterlockedOr, \
              result = *Destination;                                                               \
              *Destination = (T)(result | Value))                                                  \
    OPERATION(T InterlockedXor##S(T volatile *Destination, T Value), T, Destination,               \
              InterlockedXor, result = *Destination;                                               \
              *Destination = (T)(result ^ Value))

WIDTH(8, CHAR, UCHAR)
WIDTH(16, SHORT, USHORT)
WIDTH(, LONG, ULONG)
WIDTH(64, LONG64, ULONG64)

OPERATION(LONG InterlockedAdd(LONG volatile *Addend, LONG Value), LONG, Addend, InterlockedAdd,
          result = (LONG)((ULONG)*Addend + (ULONG)Value);
          *Addend = result)
OPERATION(LONG64 InterlockedAdd64(LONG64 volatile *Addend, LONG64 Value), LONG64, Addend,
          InterlockedAdd, result = (LONG64)((ULONG64)*Addend + (ULONG64)Value);
          *Addend = result)
OPERATION(PVOID InterlockedExchangePointer(PVOID volatile *Target, PVOID Value), PVOID, Target,
          InterlockedExchangePointer, result = *Target;
          *Target = Value)
OPERATION(
    PVOID InterlockedCompareExchangePointer(PVOID volatile *Destination, PVOID ExChange,
                                            PVOID Comparand),
    PVOID, Destination, InterlockedCompareExchangePointer, result = *Destination;
    if (result == Comparand) { *Destination = ExChange; })

UCHAR InterlockedCompareExchange128(LONG64 volatile *Destination, LONG64 ExchangeHigh,
                                    LONG64 ExchangeLow, LONG64 *ComparandResult)
{
    struct sim *s = begin(ROUTINE_InterlockedCompareExchange128, Destination, 16);
    UCHAR is_equal;
    model_touch(s, (const void *)Destination, 16, "the variable");
    model_touch(s, ComparandResult, 16, "ComparandResult");
    is_equal = Destination[0] == ComparandResult[0] && Destination[1] == ComparandResult[1];
    ComparandResult[0] = Destination[0];
    ComparandResult[1] = Destination[1];
    if (is_equal) {
        Destination[0] = ExchangeLow;
        Destination[1] = ExchangeHigh;
    }
    end(s);
    return is_equal;
}

/* ---- bits: any bit number is legal, it counts from the base ---- */

#define BIT(name, T, U, effect)                                                                    \
    UCHAR name(T volatile *Base, T Bit)                                                            \
    {                                                                                              \
        const T width = (T)(sizeof(T) * 8);                                                        \
        const T index = Bit >> (sizeof(T) == 8 ? 6 : 5);                                           \
        T volatile *word = Base + index;                                                           \
        const U mask = (U)1 << (Bit - index * width);                                              \
        struct sim *s = begin(ROUTINE_InterlockedBitTest, word, sizeof(T));                        \
        U old = (U)*word;                                                                          \
        *word = (T)(effect);                                                                       \
        end(s);                                                                                    \
        return (old & mask) != 0;                                                                  \
    }

BIT(InterlockedBitTestAndSet, LONG, ULONG, old | mask)
BIT(InterlockedBitTestAndReset, LONG, ULONG, old & ~mask)
BIT(InterlockedBitTestAndComplement, LONG, ULONG, old ^ mask)
BIT(InterlockedBitTestAndSet64, LONG64, ULONG64, old | mask)
BIT(InterlockedBitTestAndReset64, LONG64, ULONG64, old & ~mask)

/* ---- statistics and sums under a lock ---- */

void ExInterlockedAddLargeStatistic(PLARGE_INTEGER Addend, ULONG Increment)
{
    struct sim *s = begin(ROUTINE_ExInterlockedAddLargeStatistic, Addend, sizeof(*Addend));
    Addend->QuadPart = (LONGLONG)((ULONGLONG)Addend->QuadPart + Increment);
    end(s);
}

ULONG ExInterlockedAddUlong(PULONG Addend, ULONG Increment, PKSPIN_LOCK Lock)
{
    struct sim *s = begin(ROUTINE_ExInterlockedAddUlong, Addend, sizeof(*Addend));
    ULONG old;
    ke_list_lock_check(s, Lock);
    old = *Addend;
    *Addend = old + Increment;
    end(s);
    return old;
}

LARGE_INTEGER ExInterlockedAddLargeInteger(PLARGE_INTEGER Addend, LARGE_INTEGER Increment,
                                           PKSPIN_LOCK Lock)
{
    struct sim *s = begin(ROUTINE_ExInterlockedAddLargeInteger, Addend, sizeof(*Addend));
    LARGE_INTEGER old;
    ke_list_lock_check(s, Lock);
    old = *Addend;
    Addend->QuadPart = (LONGLONG)((ULONGLONG)old.QuadPart + (ULONGLONG)Increment.QuadPart);
    end(s);
    return old;
}

/* A pause in a loop of the driver: somebody else runs, so that what it waits for can happen. */
void YieldProcessor(void)
{
    struct sim *s = model_enter(ROUTINE_YieldProcessor);
    sim_yield(s);
    model_leave(s);
}
