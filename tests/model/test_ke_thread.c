/* SPDX-License-Identifier: MIT */
/* System threads, handles, references (model/ps): KRN-059, KRN-250 to KRN-262, KRN-283. */
#include "test_ke.h"

struct task {
    KEVENT go, done;
    int value;
};

static struct task *task_new(void)
{
    struct task *t = ke_test_alloc(sizeof *t);
    KeInitializeEvent(&t->go, NotificationEvent, FALSE);
    KeInitializeEvent(&t->done, NotificationEvent, FALSE);
    t->value = 0;
    return t;
}

static void work(PVOID argument)
{
    struct task *t = argument;
    SIM_ASSERT(KeGetCurrentIrql() == PASSIVE_LEVEL && KeAreApcsDisabled()); /* KRN-251 */
    t->value++;
    KeSetEvent(&t->done, 0, FALSE);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static HANDLE start(PKSTART_ROUTINE routine, void *argument)
{
    HANDLE handle;
    NTSTATUS status =
        PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, routine, argument);
    SIM_ASSERT(status == STATUS_SUCCESS);
    return handle;
}

static void check_unload(void)
{
    ke_check_unload(sim_current);
    ps_check_unload(sim_current);
}

/* ---- the right way, in its forms ---- */

static void by_object(void)
{
    struct task *t = task_new();
    PKTHREAD thread = ke_test_thread(work, t);
    SIM_ASSERT(thread != KeGetCurrentThread());
    ObReferenceObject(thread);
    ObDereferenceObject(thread);
    ke_test_join(thread);
    SIM_ASSERT(t->value == 1);
    check_unload();
}

static void by_handle(void)
{
    struct task *t = task_new();
    HANDLE handle = start(work, t);
    SIM_ASSERT(ZwWaitForSingleObject(handle, FALSE, NULL) == STATUS_SUCCESS);
    SIM_ASSERT(t->value == 1);
    ZwClose(handle);
    check_unload();
}

static void wrong_type(void)
{
    struct task *t = task_new();
    HANDLE handle = start(work, t);
    PVOID object;
    SIM_ASSERT(ObReferenceObjectByHandle(handle, 0, *ExEventObjectType, KernelMode, &object,
                                         NULL) == STATUS_OBJECT_TYPE_MISMATCH);
    SIM_ASSERT(object == NULL);
    ZwWaitForSingleObject(handle, FALSE, NULL);
    ZwClose(handle);
}

static void named_event(void)
{
    static WCHAR text[] = {'\\', 'x'};
    UNICODE_STRING *name = ke_test_alloc(sizeof *name);
    *name = (UNICODE_STRING){.Length = 4, .MaximumLength = 4, .Buffer = ke_test_alloc(4)};
    memcpy(name->Buffer, text, 4);
    HANDLE a, b;
    PKEVENT first = IoCreateNotificationEvent(name, &a);
    PKEVENT second = IoCreateNotificationEvent(name, &b);
    SIM_ASSERT(first != NULL && first == second && a != b);
    SIM_ASSERT(KeReadStateEvent(first) == 1);
    ZwClose(a);
    KeClearEvent(second);
    ZwClose(b);
    check_unload();
}

/* What the memory of an event is after its last handle was closed, at PASSIVE_LEVEL. */
static enum sim_block_state state_after_close;

static void close_last_handle(void)
{
    HANDLE handle;
    PKEVENT event = IoCreateNotificationEvent(NULL, &handle);
    SIM_ASSERT(event != NULL);
    uintptr_t at = (uintptr_t)event;
    ZwClose(handle);
    state_after_close = (enum sim_block_state)sim_block_find(sim_current, at)->state;
    LARGE_INTEGER soon = ke_test_ms(100);
    KeDelayExecutionThread(KernelMode, FALSE, &soon);
    SIM_ASSERT(sim_block_find(sim_current, at)->state != SIM_BLOCK_LIVE);
    check_unload();
}

/* KAMB-10; nobody else runs in a tame run before the driver waits. */
static void test_object_delete(void **state)
{
    const struct choice_source tame = {.kind = CHOICE_TAME};
    (void)state;
    model_knob_force(KNOB_KERNEL_OBJECT_DELETE, 0); /* kernel.object_delete=at-once */
    assert_int_equal(ke_test_run(close_last_handle, &tame), SIM_VERDICT_OK);
    assert_int_not_equal(state_after_close, SIM_BLOCK_LIVE);
    model_knob_force(KNOB_KERNEL_OBJECT_DELETE, 1); /* kernel.object_delete=deferred */
    assert_int_equal(ke_test_run(close_last_handle, &tame), SIM_VERDICT_OK);
    assert_int_equal(state_after_close, SIM_BLOCK_LIVE);
    model_knob_force(KNOB_KERNEL_OBJECT_DELETE, -1);
}

static void test_right(void **state)
{
    (void)state;
    ke_test_good(by_object);
    ke_test_good(by_handle);
    ke_test_good(wrong_type);
    ke_test_good(named_event);
}

/* ---- breaches ---- */

static void closed_twice(void)
{
    HANDLE handle = start(work, task_new());
    ZwClose(handle);
    ZwClose(handle);
}

static void used_after_close(void)
{
    HANDLE handle = start(work, task_new());
    ZwClose(handle);
    ZwWaitForSingleObject(handle, FALSE, NULL);
}

static void handle_kept(void)
{
    HANDLE handle = start(work, task_new());
    ZwWaitForSingleObject(handle, FALSE, NULL);
    check_unload();
}

static void reference_kept(void)
{
    PKTHREAD thread = ke_test_thread(work, task_new());
    ObReferenceObject(thread);
    ke_test_join(thread);
    check_unload();
}

static void reference_dropped_twice(void)
{
    PKTHREAD thread = ke_test_thread(work, task_new());
    ObDereferenceObject(thread);
    ObDereferenceObject(thread);
}

/* KBUG-45: an event set as the last act says nothing about the thread. */
static void by_event(void)
{
    struct task *t = task_new();
    ZwClose(start(work, t));
    KeWaitForSingleObject(&t->done, Executive, KernelMode, FALSE, NULL);
    check_unload();
}

static void hold_and_end(PVOID argument)
{
    (void)argument;
    KeEnterCriticalRegion();
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void ends_in_region(void)
{
    ke_test_join(ke_test_thread(hold_and_end, NULL));
}

static void not_a_thread_of_ours(void)
{
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void in_guarded_region(void)
{
    HANDLE handle = start(work, task_new());
    KeEnterGuardedRegion();
    ZwClose(handle);
}

static void stack_left_behind(PVOID argument)
{
    struct task *t = argument;
    KTIMER timer;
    KeInitializeTimer(&timer);
    KeSetTimer(&timer, ke_test_ms(100), NULL);
    t->value = 1;
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void timer_on_dead_stack(void)
{
    ke_test_join(ke_test_thread(stack_left_behind, task_new()));
}

static void test_breaches(void **state)
{
    (void)state;
    ke_test_bad(closed_twice, RULE_KRN_258);
    ke_test_bad(used_after_close, RULE_KRN_258);
    ke_test_bad(handle_kept, RULE_KRN_252);
    ke_test_bad(reference_kept, RULE_KRN_254);
    ke_test_bad(reference_dropped_twice, RULE_KRN_254);
    ke_test_bad(ends_in_region, RULE_KRN_256);
    ke_test_bad(not_a_thread_of_ours, RULE_KRN_256);
    ke_test_bad(in_guarded_region, RULE_KRN_059);
    ke_test_bad(timer_on_dead_stack, RULE_KRN_161);
    assert_true(ke_test_found(by_event, RULE_KRN_283) > 100);
}

/* ---- processes ---- */

static void processes(void)
{
    KAPC_STATE apc;
    PEPROCESS system = PsGetCurrentProcess();
    SIM_ASSERT(system == PsInitialSystemProcess && PsGetCurrentProcessId() == (HANDLE)4);
    PEPROCESS user = ps_process(sim_current, 2);
    KeStackAttachProcess(user, &apc);
    SIM_ASSERT(PsGetCurrentProcess() == user && PsGetProcessId(user) != (HANDLE)4);
    KeUnstackDetachProcess(&apc);
    SIM_ASSERT(PsGetCurrentProcess() == system && KeGetPreviousMode() == KernelMode);
    SIM_ASSERT(PsGetCurrentThreadId() == PsGetThreadId((PETHREAD)KeGetCurrentThread()));
}

static void user_process_without_kernel_handle(void)
{
    ke_current(sim_current)->process = 1;
    start(work, task_new());
}

static void test_processes(void **state)
{
    (void)state;
    ke_test_good(processes);
    ke_test_bad(user_process_without_kernel_handle, RULE_KRN_250);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),
        cmocka_unit_test(test_breaches),
        cmocka_unit_test(test_processes),
        cmocka_unit_test(test_object_delete),
    };
    ke_test_setup(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
