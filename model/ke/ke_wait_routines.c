/* SPDX-License-Identifier: MIT */
/*
 * The wait routines of the WDK: KeWaitForSingleObject, KeWaitForMultipleObjects,
 * KeDelayExecutionThread. They check what the caller may ask (KRN-081 to KRN-084, KRN-096, KRN-097)
 * and leave the waiting to ke_wait.c.
 *
 * Limits: nobody alerts a thread and no APC is delivered, so STATUS_ALERTED and STATUS_USER_APC do
 * not occur.
 */
#include "model/ke/ke_internal.h"

/* KRN-083: a user-mode wait lets the stack of the waiter be paged out. */
static void mode_check(struct sim *s, const void *object, uint32_t id, KPROCESSOR_MODE mode)
{
    if (mode == KernelMode) {
        return;
    }
    if (sim_memory_is_stack((uintptr_t)object)) {
        model_fail(s, RULE_KRN_083, id, NULL,
                   "a wait in user mode names an object that lies on a kernel stack");
    }
    if (((const DISPATCHER_HEADER *)object)->Type == KE_TYPE_MUTEX) {
        model_fail(s, RULE_KRN_083, id, NULL, "a wait for a mutex is made in user mode");
    }
    model_exercised(s, RULE_KRN_083);
}

/* KRN-260: only the thread itself could end this wait. */
static void self_check(struct sim *s, const void *object, uint32_t id)
{
    if (object == ke_current(s)->thread_object) {
        model_fail(s, RULE_KRN_260, id, NULL, "a thread waits for its own end");
    }
}

static uint32_t object_check(struct sim *s, const void *object, KPROCESSOR_MODE mode)
{
    uint32_t id = ke_dispatcher_check(s, object, KE_TYPES_ALL, "Object");
    mode_check(s, object, id, mode);
    return id;
}

/* KRN-170: a worker thread is blocked without a limit. */
static void lint_worker(struct sim *s, const LARGE_INTEGER *timeout)
{
    const struct ke_context *c = ke_current(s);
    if (timeout == NULL && c->window_count > 0 &&
        c->window[c->window_count - 1].kind == KE_WINDOW_WORK_ITEM) {
        model_lint(s, RULE_KRN_170);
    }
}

/* Is this limit one with which the wait may block? Reads it once (KRN-081). */
static bool may_block(struct sim *s, const LARGE_INTEGER *timeout)
{
    if (timeout == NULL) {
        return true;
    }
    model_touch(s, timeout, sizeof *timeout, "Timeout");
    return timeout->QuadPart != 0;
}

NTSTATUS KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                               BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    (void)WaitReason;
    ke_must_wait_end(sim_current);
    struct sim *s = model_enter_object(ROUTINE_KeWaitForSingleObject, SIM_OP_WAIT, Object);
    uint32_t id = object_check(s, Object, WaitMode);
    lint_worker(s, Timeout);
    if (may_block(s, Timeout)) {
        ke_check_may_block(s, id);
        self_check(s, Object, id);
    }
    NTSTATUS status = ke_wait(s, Object, Alertable, Timeout);
    return model_leave_status(s, status);
}

/* KRN-096: how many objects, and where the wait blocks lie. */
static void count_check(struct sim *s, ULONG count, PVOID *objects, PKWAIT_BLOCK blocks)
{
    if (count == 0 || count > MAXIMUM_WAIT_OBJECTS) {
        model_fail(s, RULE_KRN_096, 0, NULL, "KeWaitForMultipleObjects is given %u objects",
                   (unsigned)count);
    }
    if (blocks == NULL && count > THREAD_WAIT_OBJECTS) {
        model_fail(s, RULE_KRN_096, 0, NULL,
                   "KeWaitForMultipleObjects is given %u objects and no array of wait blocks",
                   (unsigned)count);
    }
    model_touch(s, objects, count * sizeof *objects, "Object[]");
    if (blocks != NULL) {
        model_touch(s, blocks, count * sizeof *blocks, "WaitBlockArray");
        model_resident(s, blocks, count * sizeof *blocks, RULE_KRN_096, "WaitBlockArray");
    }
    model_exercised(s, RULE_KRN_096);
}

NTSTATUS KeWaitForMultipleObjects(ULONG Count, PVOID Object[], WAIT_TYPE WaitType,
                                  KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                                  BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                                  PKWAIT_BLOCK WaitBlockArray)
{
    (void)WaitReason;
    ke_must_wait_end(sim_current);
    struct sim *s = model_enter_object(ROUTINE_KeWaitForMultipleObjects, SIM_OP_WAIT, Object);
    count_check(s, Count, Object, WaitBlockArray);
    uint32_t first = 0;
    for (ULONG i = 0; i < Count; i++) {
        uint32_t id = object_check(s, Object[i], WaitMode);
        first = i == 0 ? id : first;
    }
    lint_worker(s, Timeout);
    if (may_block(s, Timeout)) {
        ke_check_may_block(s, first);
        for (ULONG i = 0; i < Count; i++) {
            self_check(s, Object[i], ke_dispatcher_object(Object[i]));
        }
    }
    NTSTATUS status = ke_wait_many(s, Count, Object, WaitType == WaitAll, Alertable, Timeout);
    return model_leave_status(s, status);
}

NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                                PLARGE_INTEGER Interval)
{
    (void)WaitMode;
    (void)Alertable;
    ke_must_wait_end(sim_current);
    struct sim *s = model_enter_object(ROUTINE_KeDelayExecutionThread, SIM_OP_WAIT, 0);
    model_touch(s, Interval, sizeof *Interval, "Interval");
    ke_check_may_block(s, 0);
    model_exercised(s, RULE_KRN_097);
    LONGLONG time = Interval->QuadPart;
    if (time == 0) {
        sim_yield(s);
        return model_leave_status(s, STATUS_SUCCESS);
    }
    if (time > 0 && (uint64_t)time < KE_SYSTEM_TIME_START) {
        model_lint(s, RULE_KRN_084);
    }
    sim_time due = ke_due(s, time) + ke_lateness(s);
    if (due <= s->now) {
        sim_yield(s);
    } else {
        ke_sleep(s, due);
    }
    return model_leave_status(s, STATUS_SUCCESS);
}
