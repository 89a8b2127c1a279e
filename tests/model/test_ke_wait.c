/* SPDX-License-Identifier: MIT */
/* Dispatcher objects and waits: KRN-080 to KRN-102. */
#include "test_ke.h"

#define WAIT(object, timeout)                                                                      \
    KeWaitForSingleObject((object), Executive, KernelMode, FALSE, (timeout))

/* ---- events ---- */

struct pair {
    KEVENT to, fro;
    int value;
};

static void answer(PVOID argument)
{
    struct pair *p = argument;
    WAIT(&p->to, NULL);
    p->value++;
    KeSetEvent(&p->fro, 0, FALSE);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void handshake(void)
{
    struct pair *p = ke_test_alloc(sizeof *p);
    p->value = 1;
    KeInitializeEvent(&p->to, SynchronizationEvent, FALSE);
    KeInitializeEvent(&p->fro, NotificationEvent, FALSE);
    PKTHREAD thread = ke_test_thread(answer, p);
    SIM_ASSERT(KeSetEvent(&p->to, 0, FALSE) == 0);
    WAIT(&p->fro, NULL);
    SIM_ASSERT(p->value == 2);
    SIM_ASSERT(KeReadStateEvent(&p->fro) == 1); /* KRN-088 */
    SIM_ASSERT(KeReadStateEvent(&p->to) == 0);
    SIM_ASSERT(KeResetEvent(&p->fro) == 1);
    SIM_ASSERT(KeResetEvent(&p->fro) == 0);
    ke_test_join(thread);
    ps_check_unload(sim_current);
    ke_check_unload(sim_current);
}

static void test_handshake(void **state)
{
    (void)state;
    ke_test_good(handshake);
}

static void wait_and_count(PVOID argument)
{
    struct pair *p = argument;
    WAIT(&p->to, NULL);
    p->value++;
}

static void one_signal_one_waiter(void)
{
    struct pair *p = ke_test_alloc(sizeof *p);
    LARGE_INTEGER soon = ke_test_ms(100);
    p->value = 0;
    KeInitializeEvent(&p->to, SynchronizationEvent, FALSE);
    PKTHREAD a = ke_test_thread(wait_and_count, p);
    PKTHREAD b = ke_test_thread(wait_and_count, p);
    KeSetEvent(&p->to, 0, FALSE);
    do {
        KeDelayExecutionThread(KernelMode, FALSE, &soon);
        SIM_ASSERT(p->value <= 1);
    } while (p->value == 0); /* a thread may start late */
    KeSetEvent(&p->to, 0, FALSE);
    ke_test_join(a);
    ke_test_join(b);
    SIM_ASSERT(p->value == 2);
}

static void test_synchronization_event_frees_one(void **state)
{
    (void)state;
    ke_test_good(one_signal_one_waiter);
}

/* ---- time limits ---- */

static void limits(void)
{
    struct sim *s = sim_current;
    KEVENT event;
    LARGE_INTEGER zero = {.QuadPart = 0}, limit = ke_test_ms(20), past = {.QuadPart = 5}, now;
    KeInitializeEvent(&event, SynchronizationEvent, FALSE);
    SIM_ASSERT(WAIT(&event, &zero) == STATUS_TIMEOUT);
    sim_time before = s->now;
    SIM_ASSERT(WAIT(&event, &limit) == STATUS_TIMEOUT);
    SIM_ASSERT(s->now >= before + SIM_MS(20) && s->now <= before + SIM_MS(60)); /* KRN-101 */
    SIM_ASSERT(WAIT(&event, &past) == STATUS_TIMEOUT);                          /* KRN-084 */
    KeQuerySystemTime(&now);
    now.QuadPart += 50 * 10000;
    before = s->now;
    SIM_ASSERT(WAIT(&event, &now) == STATUS_TIMEOUT);
    SIM_ASSERT(s->now >= before + SIM_MS(50));
    KeSetEvent(&event, 0, FALSE);
    SIM_ASSERT(WAIT(&event, &zero) == STATUS_SUCCESS);
    KIRQL old = KeRaiseIrqlToDpcLevel();
    SIM_ASSERT(WAIT(&event, &zero) == STATUS_TIMEOUT); /* KAMB-06 */
    KeLowerIrql(old);
}

static void test_limits(void **state)
{
    (void)state;
    const uint64_t *lints = &model_of(ke_test_sim)->rule_lints[RULE_KRN_084];
    uint64_t before = *lints;
    ke_test_good(limits);
    assert_true(*lints > before);
}

static void set_later(PVOID argument)
{
    LARGE_INTEGER later = ke_test_ms(10);
    KeDelayExecutionThread(KernelMode, FALSE, &later);
    KeSetEvent(argument, 0, FALSE);
}

/* KRN-100: at the same instant either may win, and the signal is not lost. */
static void tie(void)
{
    KEVENT *event = ke_test_alloc(sizeof *event);
    LARGE_INTEGER limit = ke_test_ms(10), zero = {.QuadPart = 0};
    KeInitializeEvent(event, SynchronizationEvent, FALSE);
    PKTHREAD thread = ke_test_thread(set_later, event);
    NTSTATUS first = WAIT(event, &limit);
    ke_test_join(thread);
    NTSTATUS second = WAIT(event, &zero);
    SIM_ASSERT((first == STATUS_SUCCESS) != (second == STATUS_SUCCESS));
}

static void test_tie(void **state)
{
    (void)state;
    ke_test_good(tie);
}

static KTIMER *late_timer;

static void timer_later(PVOID argument)
{
    KeSetTimer(late_timer, *(LARGE_INTEGER *)argument, NULL);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* A wait for a timer until the moment it is due; set before the wait began, or after. */
static NTSTATUS exact_tie(bool is_set_later)
{
    KTIMER *timer = ke_test_alloc(sizeof *timer);
    LARGE_INTEGER *due = ke_test_alloc(sizeof *due);
    PKTHREAD thread = NULL;
    KeInitializeTimer(timer);
    KeQuerySystemTime(due);
    due->QuadPart += 200000;
    late_timer = timer;
    if (is_set_later) {
        thread = ke_test_thread(timer_later, due);
    } else {
        KeSetTimer(timer, *due, NULL);
    }
    NTSTATUS status = WAIT(timer, due);
    if (thread != NULL) {
        ke_test_join(thread);
    }
    return status;
}

static NTSTATUS tie_before, tie_after;

static void both_ties(void)
{
    tie_before = exact_tie(false);
    tie_after = exact_tie(true);
}

/* KAMB-16: no lateness is drawn in a tame run, so that both are due at the same instant. */
static void test_tie_readings(void **state)
{
    struct choice_source source = {.kind = CHOICE_TAME};
    unsigned signals = 0, limits = 0;
    (void)state;
    model_knob_force(KNOB_KERNEL_WAIT_TIE, 1);
    assert_int_equal(ke_test_run(both_ties, &source), SIM_VERDICT_OK);
    assert_int_equal(tie_before, STATUS_SUCCESS);
    assert_int_equal(tie_after, STATUS_SUCCESS);
    model_knob_force(KNOB_KERNEL_WAIT_TIE, 2);
    assert_int_equal(ke_test_run(both_ties, &source), SIM_VERDICT_OK);
    assert_int_equal(tie_before, STATUS_TIMEOUT);
    assert_int_equal(tie_after, STATUS_TIMEOUT);
    model_knob_force(KNOB_KERNEL_WAIT_TIE, 0);
    for (uint64_t seed = 1; seed <= 100; seed++) {
        source = (struct choice_source){
            .kind = CHOICE_RANDOM, .seed = 0x9E3779B97F4A7C15ull * seed, .world_one_in = 3};
        assert_int_equal(ke_test_run(both_ties, &source), SIM_VERDICT_OK);
        signals += tie_before == STATUS_SUCCESS;
        limits += tie_before == STATUS_TIMEOUT;
    }
    model_knob_force(KNOB_KERNEL_WAIT_TIE, -1);
    assert_true(signals > 0 && limits > 0);
}

/* ---- several objects ---- */

static void many(void)
{
    KEVENT a, b;
    PVOID objects[] = {&a, &b};
    LARGE_INTEGER zero = {.QuadPart = 0};
    KeInitializeEvent(&a, SynchronizationEvent, FALSE);
    KeInitializeEvent(&b, SynchronizationEvent, TRUE);
    SIM_ASSERT(KeWaitForMultipleObjects(2, objects, WaitAll, Executive, KernelMode, FALSE, &zero,
                                        NULL) == STATUS_TIMEOUT);
    SIM_ASSERT(KeReadStateEvent(&b) == 1); /* nothing was consumed */
    SIM_ASSERT(KeWaitForMultipleObjects(2, objects, WaitAny, Executive, KernelMode, FALSE, NULL,
                                        NULL) == STATUS_WAIT_1);
    SIM_ASSERT(KeReadStateEvent(&b) == 0);
    KeSetEvent(&a, 0, FALSE);
    KeSetEvent(&b, 0, FALSE);
    SIM_ASSERT(KeWaitForMultipleObjects(2, objects, WaitAll, Executive, KernelMode, FALSE, NULL,
                                        NULL) == STATUS_SUCCESS);
    SIM_ASSERT(KeReadStateEvent(&a) == 0 && KeReadStateEvent(&b) == 0);
}

static void too_many(void)
{
    KEVENT a;
    PVOID objects[] = {&a, &a, &a, &a};
    KeInitializeEvent(&a, NotificationEvent, TRUE);
    KeWaitForMultipleObjects(4, objects, WaitAny, Executive, KernelMode, FALSE, NULL, NULL);
}

static void test_many(void **state)
{
    (void)state;
    ke_test_good(many);
    ke_test_bad(too_many, RULE_KRN_096);
}

/* ---- mutexes, semaphores ---- */

struct guarded {
    KMUTEX mutex;
    int inside, value;
};

static void enter_guarded(PVOID argument)
{
    struct guarded *g = argument;
    for (int i = 0; i < 3; i++) {
        KeWaitForMutexObject(&g->mutex, Executive, KernelMode, FALSE, NULL);
        SIM_ASSERT(KeAreApcsDisabled());
        KeWaitForMutexObject(&g->mutex, Executive, KernelMode, FALSE, NULL);
        SIM_ASSERT(++g->inside == 1);
        g->value++;
        KeMemoryBarrier();
        g->inside--;
        KeReleaseMutex(&g->mutex, FALSE);
        KeReleaseMutex(&g->mutex, FALSE);
    }
}

static void mutex_excludes(void)
{
    struct guarded *g = ke_test_alloc(sizeof *g);
    *g = (struct guarded){.inside = 0};
    KeInitializeMutex(&g->mutex, 0);
    PKTHREAD a = ke_test_thread(enter_guarded, g);
    PKTHREAD b = ke_test_thread(enter_guarded, g);
    ke_test_join(a);
    ke_test_join(b);
    SIM_ASSERT(g->value == 6 && KeReadStateMutex(&g->mutex) == 1);
}

static void mutex_of_nobody(void)
{
    KMUTEX mutex;
    KeInitializeMutex(&mutex, 0);
    KeReleaseMutex(&mutex, FALSE);
}

static void test_mutex(void **state)
{
    (void)state;
    ke_test_good(mutex_excludes);
    ke_test_bad(mutex_of_nobody, RULE_KRN_093);
}

static void semaphore_counts(void)
{
    KSEMAPHORE semaphore;
    LARGE_INTEGER zero = {.QuadPart = 0};
    KeInitializeSemaphore(&semaphore, 1, 3);
    SIM_ASSERT(KeReleaseSemaphore(&semaphore, 0, 2, FALSE) == 1);
    for (int i = 0; i < 3; i++) {
        SIM_ASSERT(WAIT(&semaphore, &zero) == STATUS_SUCCESS);
    }
    SIM_ASSERT(WAIT(&semaphore, &zero) == STATUS_TIMEOUT);
    SIM_ASSERT(KeReadStateSemaphore(&semaphore) == 0);
}

static void semaphore_over_limit(void)
{
    KSEMAPHORE semaphore;
    KeInitializeSemaphore(&semaphore, 1, 1);
    KeReleaseSemaphore(&semaphore, 0, 1, FALSE);
}

static void test_semaphore(void **state)
{
    (void)state;
    ke_test_good(semaphore_counts);
    ke_test_bad(semaphore_over_limit, RULE_KRN_092);
}

/* ---- breaches ---- */

static void never_initialised(void)
{
    KEVENT *event = ke_test_alloc(sizeof *event);
    KeSetEvent(event, 0, FALSE);
}

static void wrong_type(void)
{
    KSEMAPHORE semaphore;
    KeInitializeSemaphore(&semaphore, 0, 1);
    KeSetEvent((PKEVENT)(void *)&semaphore, 0, FALSE);
}

static void wait_at_dispatch(void)
{
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, TRUE);
    KeRaiseIrqlToDpcLevel();
    WAIT(&event, NULL);
}

static void wait_in_callback(void)
{
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, TRUE);
    ke_window_open(sim_current, KE_WINDOW_WSK_CALLBACK, 0);
    WAIT(&event, NULL);
}

static void wait_in_completion(void)
{
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, TRUE);
    ke_window_open(sim_current, KE_WINDOW_THREAD, 0);
    ke_window_open(sim_current, KE_WINDOW_COMPLETION, 0);
    WAIT(&event, NULL);
}

static void delay_in_callback(void)
{
    LARGE_INTEGER time = ke_test_ms(1);
    ke_window_open(sim_current, KE_WINDOW_WSK_CALLBACK, 0);
    KeDelayExecutionThread(KernelMode, FALSE, &time);
}

static void wait_in_user_mode(void)
{
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, TRUE);
    KeWaitForSingleObject(&event, UserRequest, UserMode, FALSE, NULL);
}

static void wait_true_then_other(void)
{
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    KeSetEvent(&event, 0, TRUE);
    KeResetEvent(&event);
}

static void wait_true_then_wait(void)
{
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    KeSetEvent(&event, 0, TRUE);
    WAIT(&event, NULL);
    SIM_ASSERT(KeGetCurrentIrql() == PASSIVE_LEVEL);
}

static void freed_while_waited_for(void)
{
    struct sim *s = sim_current;
    struct sim_block *block;
    struct pair *p = ex_alloc(s, sizeof *p, BLOCK_NONPAGED, 0, false, false, &block);
    LARGE_INTEGER soon = ke_test_ms(5);
    KeInitializeEvent(&p->to, NotificationEvent, FALSE);
    ke_test_thread(wait_and_count, p);
    KeDelayExecutionThread(KernelMode, FALSE, &soon);
    ke_memory_freed(s, p, sizeof *p);
}

static void test_breaches(void **state)
{
    (void)state;
    ke_test_bad(never_initialised, RULE_KRN_080);
    ke_test_bad(wrong_type, RULE_KRN_080);
    ke_test_bad(wait_at_dispatch, RULE_KRN_081);
    ke_test_bad(wait_in_callback, RULE_EVT_007);
    ke_test_bad(wait_in_completion, RULE_IRP_023);
    ke_test_bad(delay_in_callback, RULE_KRN_082);
    ke_test_bad(wait_in_user_mode, RULE_KRN_083);
    ke_test_bad(wait_true_then_other, RULE_KRN_087);
    ke_test_good(wait_true_then_wait);
    ke_test_bad(freed_while_waited_for, RULE_KRN_200);
}

/* ---- deadlock ---- */

struct crossed {
    KMUTEX a, b;
};

static void take_b_then_a(PVOID argument)
{
    struct crossed *x = argument;
    WAIT(&x->b, NULL);
    WAIT(&x->a, NULL);
    KeReleaseMutex(&x->a, FALSE);
    KeReleaseMutex(&x->b, FALSE);
}

static void crossing(void)
{
    struct crossed *x = ke_test_alloc(sizeof *x);
    KeInitializeMutex(&x->a, 0);
    KeInitializeMutex(&x->b, 0);
    PKTHREAD thread = ke_test_thread(take_b_then_a, x);
    WAIT(&x->a, NULL);
    WAIT(&x->b, NULL);
    KeReleaseMutex(&x->b, FALSE);
    KeReleaseMutex(&x->a, FALSE);
    ke_test_join(thread);
}

static void test_deadlock(void **state)
{
    (void)state;
    assert_true(ke_test_found(crossing, RULE_KRN_121) > 20);
    unsigned seed = 0;
    do {
        const struct choice_source source = {
            .kind = CHOICE_RANDOM, .seed = 77 + ++seed * 1000003ull, .switch_one_in = 2};
        ke_test_run(crossing, &source);
    } while (ke_test_sim->verdict == SIM_VERDICT_OK);
    const char *text = ke_test_sim->violation.text;
    assert_non_null(strstr(text, "waits for mutex#1, which"));
    assert_non_null(strstr(text, "waits for mutex#2, which"));
}

static void own_end(void)
{
    WAIT(KeGetCurrentThread(), NULL);
}

static void test_self_wait(void **state)
{
    (void)state;
    ke_test_bad(own_end, RULE_KRN_260);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake), cmocka_unit_test(test_synchronization_event_frees_one),
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_tie),
        cmocka_unit_test(test_tie_readings),
        cmocka_unit_test(test_many),      cmocka_unit_test(test_mutex),
        cmocka_unit_test(test_semaphore), cmocka_unit_test(test_breaches),
        cmocka_unit_test(test_deadlock),  cmocka_unit_test(test_self_wait),
    };
    ke_test_setup(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
