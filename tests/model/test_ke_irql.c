/* SPDX-License-Identifier: MIT */
/* IRQL, windows, regions, exceptions: KRN-050 to KRN-061, KRN-011, KRN-130, EVT-018. */
#include "test_ke.h"

#include <seh.h>

/* ---- raising and lowering ---- */

static void nested(void)
{
    KIRQL a, b;
    KeRaiseIrql(APC_LEVEL, &a);
    KeRaiseIrql(DISPATCH_LEVEL, &b);
    SIM_ASSERT(a == PASSIVE_LEVEL && b == APC_LEVEL && KeGetCurrentIrql() == DISPATCH_LEVEL);
    KeLowerIrql(b);
    KeLowerIrql(a);
    SIM_ASSERT(KeGetCurrentIrql() == PASSIVE_LEVEL);
}

static void raised_downward(void)
{
    KIRQL old;
    KeRaiseIrqlToDpcLevel();
    KeRaiseIrql(PASSIVE_LEVEL, &old);
}

static void lowered_upward(void)
{
    KeLowerIrql(DISPATCH_LEVEL);
}

static void lowered_without_raise(void)
{
    KeLowerIrql(PASSIVE_LEVEL);
}

static void lowered_below_entry(void)
{
    KeRaiseIrqlToDpcLevel();
    ke_window_open(sim_current, KE_WINDOW_WSK_CALLBACK, 0);
    KeLowerIrql(PASSIVE_LEVEL);
}

static void above_limit(void)
{
    KeRaiseIrqlToDpcLevel();
    KeInitializeSemaphore(ke_test_alloc(sizeof(KSEMAPHORE)), 0, 1);
}

static void test_irql(void **state)
{
    (void)state;
    ke_test_good(nested);
    ke_test_bad(raised_downward, RULE_KRN_053);
    ke_test_bad(lowered_upward, RULE_KRN_053);
    ke_test_bad(lowered_without_raise, RULE_KRN_053);
    ke_test_bad(lowered_below_entry, RULE_KRN_055);
    ke_test_bad(above_limit, RULE_KRN_092); /* KRN-050, but the narrower rule is named */
}

/* ---- windows ---- */

static void returned_raised(void)
{
    ke_window_open(sim_current, KE_WINDOW_DISPATCH, 0);
    KeRaiseIrqlToDpcLevel();
    ke_window_close(sim_current);
}

static void completion_returned_raised(void)
{
    ke_window_open(sim_current, KE_WINDOW_COMPLETION, 0);
    KeRaiseIrqlToDpcLevel();
    ke_window_close(sim_current);
}

static void kept_mutex(void)
{
    KMUTEX mutex;
    KeInitializeMutex(&mutex, 0);
    ke_window_open(sim_current, KE_WINDOW_WORK_ITEM, 0);
    KeWaitForSingleObject(&mutex, Executive, KernelMode, FALSE, NULL);
    ke_window_close(sim_current);
}

static void kept_region(void)
{
    ke_window_open(sim_current, KE_WINDOW_DISPATCH, 0);
    KeEnterCriticalRegion();
    ke_window_close(sim_current);
}

static void kept_region_in_callback(void)
{
    ke_window_open(sim_current, KE_WINDOW_WSK_CALLBACK, 0);
    KeEnterGuardedRegion();
    ke_window_close(sim_current);
}

static void left_too_often(void)
{
    KeEnterCriticalRegion();
    KeLeaveCriticalRegion();
    KeLeaveCriticalRegion();
}

static void regions(void)
{
    SIM_ASSERT(!KeAreApcsDisabled());
    KeEnterCriticalRegion();
    SIM_ASSERT(KeAreApcsDisabled() && !KeAreAllApcsDisabled());
    KeEnterGuardedRegion();
    SIM_ASSERT(KeAreAllApcsDisabled());
    KeLeaveGuardedRegion();
    KeLeaveCriticalRegion();
    SIM_ASSERT(!KeAreApcsDisabled());
}

static void nested_deeply(void)
{
    for (int i = 0; i < 70; i++) {
        ke_window_open(sim_current, KE_WINDOW_COMPLETION, 0);
    }
}

static void test_windows(void **state)
{
    (void)state;
    ke_test_good(regions);
    ke_test_bad(returned_raised, RULE_KRN_054);
    ke_test_bad(completion_returned_raised, RULE_KRN_011);
    ke_test_bad(kept_mutex, RULE_KRN_094);
    ke_test_bad(kept_region, RULE_KRN_130);
    ke_test_bad(kept_region_in_callback, RULE_EVT_018);
    ke_test_bad(left_too_often, RULE_KRN_130);
    ke_test_bad(nested_deeply, RULE_KRN_057);
}

/* ---- exceptions, by hand: what include/wdk/seh.h expands to ---- */

__attribute__((noinline)) static NTSTATUS caught(void (*raise)(void))
{
    struct wdk_seh_frame frame = {.code = 0};
    WdkSehPush(&frame);
    if (__builtin_setjmp(frame.jump) == 0) {
        raise();
    }
    WdkSehPop(&frame);
    return frame.code;
}

static void raise_status(void)
{
    ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
}

static void raise_in_routine(void)
{
    KSEMAPHORE *semaphore = ke_test_alloc(sizeof *semaphore);
    KeInitializeSemaphore(semaphore, 1, 1);
    KeReleaseSemaphore(semaphore, 0, 1, FALSE);
}

static void raise_nothing(void)
{
    KeMemoryBarrier();
}

static void catching(void)
{
    SIM_ASSERT(caught(raise_status) == STATUS_INSUFFICIENT_RESOURCES);
    SIM_ASSERT(WdkSehCode() == STATUS_INSUFFICIENT_RESOURCES);
    SIM_ASSERT(caught(raise_nothing) == 0);
    SIM_ASSERT(caught(raise_in_routine) == STATUS_SEMAPHORE_LIMIT_EXCEEDED);
    SIM_ASSERT(ke_current(sim_current)->seh == NULL);
}

static void raise_through_window(void)
{
    ke_window_open(sim_current, KE_WINDOW_COMPLETION, 0);
    ExRaiseStatus(STATUS_UNSUCCESSFUL);
}

static void catching_through_window(void)
{
    caught(raise_through_window);
}

static void raise_at_dispatch(void)
{
    KeRaiseIrqlToDpcLevel();
    ke_raise(sim_current, STATUS_UNSUCCESSFUL);
}

static void catching_at_dispatch(void)
{
    caught(raise_at_dispatch);
}

static void bug_check(void)
{
    KeBugCheckEx(0xE2, 1, 2, 3, 4);
}

static void test_exceptions(void **state)
{
    (void)state;
    ke_test_good(catching);
    ke_test_bad(raise_status, RULE_KRN_061);
    ke_test_bad(catching_through_window, RULE_KRN_061);
    ke_test_bad(catching_at_dispatch, RULE_KRN_061);
    ke_test_bad(bug_check, RULE_SYS_BUGCHECK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_irql),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_exceptions),
    };
    ke_test_setup(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
