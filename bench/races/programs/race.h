/* SPDX-License-Identifier: MIT */
/*
 * The frame of the programs: what each file of programs includes. main.c has DriverEntry.
 *
 *     RACE(reorder_3, 1, "SYS-ASSERT", "CS/reorder_3")
 *     {
 *         Start(Setter, 0);
 *         Start(Checker, 1);
 *         Join();
 *     }
 *
 * RACE(name, preemptions, rules, published): the body runs in DriverEntry at PASSIVE_LEVEL; it
 * starts threads and has joined them when it returns. `preemptions` is the least number of times
 * that a context is left which could have gone on, in a run that fails (wsksim_races --fewest
 * looks for it). A run fails by one of `rules`. `published` names the pattern in the tables of the
 * published suites.
 *
 * Each program is silent when nobody is preempted and threads run in the order of their creation;
 * some fail as soon as threads start in another order (0 preemptions). Nothing fails because an
 * allocation does: the suite is run without faults. Statics are what they were at load at the start
 * of each run. Shared memory is volatile, so that each access that is written down is made.
 */
#ifndef BENCH_RACES_RACE_H
#define BENCH_RACES_RACE_H

#include <ntddk.h>

#include "../table.h"

#define RACE(name_, preemptions_, fails_, published_)                                              \
    static void race_##name_(void);                                                                \
    static const struct race entry_##name_                                                         \
        __attribute__((used, section("wsksim_races"), aligned(8))) = {                             \
            .name = #name_, .fails = (fails_), .published = (published_), .file = __FILE_NAME__,   \
            .body = race_##name_, .preemptions = (preemptions_)};                                  \
    static void race_##name_(void)

/* The frame's own memory is no part of a program: no access points. */
#define FRAME __attribute__((no_sanitize("thread")))

#define Check(condition)                                                                           \
    ((condition) ? (void)0                                                                         \
                 : (void)RtlAssert((PVOID) #condition, (PVOID)__FILE__, __LINE__, NULL))

/* A system thread that runs Body(Argument). */
void Start(void (*Body)(LONG Argument), LONG Argument);
/* The same for Count threads, with arguments 0, 1, ... */
void StartMany(void (*Body)(LONG Argument), LONG Count);
/* Waits for all that were started. */
void Join(void);

extern PDRIVER_OBJECT RaceDriver;

/* ---- a lock of threads that may block: a fast mutex ---- */

static inline void Lock(PFAST_MUTEX Mutex)
{
    ExAcquireFastMutex(Mutex);
}

static inline void Unlock(PFAST_MUTEX Mutex)
{
    ExReleaseFastMutex(Mutex);
}

/* ---- events ---- */

static inline void Wait(PRKEVENT Event)
{
    KeWaitForSingleObject(Event, Executive, KernelMode, FALSE, NULL);
}

static inline void Set(PRKEVENT Event)
{
    KeSetEvent(Event, IO_NO_INCREMENT, FALSE);
}

#define RACE_TAG 'ecaR'

static inline PVOID Allocate(SIZE_T Size)
{
    return ExAllocatePool2(POOL_FLAG_NON_PAGED, Size, RACE_TAG);
}

static inline void Free(PVOID Memory)
{
    ExFreePoolWithTag(Memory, RACE_TAG);
}

#endif
