/* SPDX-License-Identifier: MIT */
/*
 * Clocks. All of them are the virtual time: interrupt time starts at 0 with the run, system time at
 * KE_SYSTEM_TIME_START, the performance counter ticks with 10 MHz. The machine lives in UTC.
 *
 * Each query is a scheduling point, so that a driver that polls a clock lets time pass.
 */
#include "model/ke/ke_internal.h"

enum { PERFORMANCE_FREQUENCY = 10000000, STALL_LINT_US = 50, STALL_LINT_DPC_US = 100 };

static void store(struct sim *s, PLARGE_INTEGER out, uint64_t value, const char *what)
{
    model_touch(s, out, sizeof *out, what);
    out->QuadPart = (LONGLONG)value;
}

void KeQuerySystemTime(PLARGE_INTEGER CurrentTime)
{
    struct sim *s = model_enter(ROUTINE_KeQuerySystemTime);
    store(s, CurrentTime, KE_SYSTEM_TIME_START + s->now, "CurrentTime");
    model_leave(s);
}

void KeQuerySystemTimePrecise(PLARGE_INTEGER CurrentTime)
{
    struct sim *s = model_enter(ROUTINE_KeQuerySystemTimePrecise);
    store(s, CurrentTime, KE_SYSTEM_TIME_START + s->now, "CurrentTime");
    model_leave(s);
}

void KeQueryTickCount(PLARGE_INTEGER CurrentCount)
{
    struct sim *s = model_enter(ROUTINE_KeQueryTickCount);
    store(s, CurrentCount, s->now / KE_TICK, "CurrentCount");
    model_leave(s);
}

ULONG KeQueryTimeIncrement(void)
{
    struct sim *s = model_enter(ROUTINE_KeQueryTimeIncrement);
    s->current->routine = 0; /* a constant */
    return KE_TICK;
}

ULONGLONG KeQueryInterruptTime(void)
{
    struct sim *s = model_enter(ROUTINE_KeQueryInterruptTime);
    ULONGLONG now = s->now;
    model_leave(s);
    return now;
}

ULONGLONG KeQueryInterruptTimePrecise(PULONG64 QpcTimeStamp)
{
    struct sim *s = model_enter(ROUTINE_KeQueryInterruptTimePrecise);
    model_touch(s, QpcTimeStamp, sizeof *QpcTimeStamp, "QpcTimeStamp");
    ULONGLONG now = s->now;
    *QpcTimeStamp = now;
    model_leave(s);
    return now;
}

ULONGLONG KeQueryUnbiasedInterruptTime(void)
{
    struct sim *s = model_enter(ROUTINE_KeQueryUnbiasedInterruptTime);
    ULONGLONG now = s->now; /* the machine never sleeps */
    model_leave(s);
    return now;
}

LARGE_INTEGER KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency)
{
    struct sim *s = model_enter(ROUTINE_KeQueryPerformanceCounter);
    if (PerformanceFrequency != NULL) {
        store(s, PerformanceFrequency, PERFORMANCE_FREQUENCY, "PerformanceFrequency");
    }
    LARGE_INTEGER count = {.QuadPart = (LONGLONG)s->now};
    model_leave(s);
    return count;
}

void ExSystemTimeToLocalTime(PLARGE_INTEGER SystemTime, PLARGE_INTEGER LocalTime)
{
    struct sim *s = model_enter(ROUTINE_ExSystemTimeToLocalTime);
    model_touch(s, SystemTime, sizeof *SystemTime, "SystemTime");
    store(s, LocalTime, (uint64_t)SystemTime->QuadPart, "LocalTime");
    model_leave(s);
}

void ExLocalTimeToSystemTime(PLARGE_INTEGER LocalTime, PLARGE_INTEGER SystemTime)
{
    struct sim *s = model_enter(ROUTINE_ExLocalTimeToSystemTime);
    model_touch(s, LocalTime, sizeof *LocalTime, "LocalTime");
    store(s, SystemTime, (uint64_t)LocalTime->QuadPart, "SystemTime");
    model_leave(s);
}

/* ---- stalling: the processor is busy until the time has come ---- */

static void stall_over(struct sim *s, void *argument, uint64_t value)
{
    (void)value;
    sim_spin_release(s, (uintptr_t)argument);
}

void KeStallExecutionProcessor(ULONG MicroSeconds)
{
    struct sim *s = model_enter(ROUTINE_KeStallExecutionProcessor);
    struct ke_context *c = ke_current(s);
    ULONG limit = ke_in_window(s, KE_WINDOW_DPC) ? STALL_LINT_DPC_US : STALL_LINT_US;
    if (MicroSeconds > limit) {
        model_lint(s, RULE_KRN_098);
    }
    if (MicroSeconds != 0) {
        sim_time due = s->now + (sim_time)MicroSeconds * 10;
        c->stalled += (uint64_t)MicroSeconds * 10;
        (void)sim_event_add(s, due, stall_over, c, 0);
        while (s->now < due) {
            sim_spin(s, (uintptr_t)c);
        }
    }
    model_leave(s);
}
