/* SPDX-License-Identifier: MIT */
/* DPCs and timers: KRN-150 to KRN-165, KRN-174, KRN-175, KRN-290. */
#include "test_ke.h"

struct work {
    KDPC dpc;
    KTIMER timer;
    KEVENT done;
    int runs, inserted;
    bool is_slow, frees;
    struct sim_block *block;
};

static void count_run(PKDPC dpc, PVOID context, PVOID first, PVOID second)
{
    struct work *w = context;
    SIM_ASSERT(dpc == &w->dpc);
    (void)first;
    (void)second;
    SIM_ASSERT(KeGetCurrentIrql() == DISPATCH_LEVEL);
    KeMemoryBarrier();
    w->runs++;
    KeSetEvent(&w->done, 0, FALSE);
}

static void work_init(struct work *w)
{
    memset(w, 0, sizeof *w);
    KeInitializeDpc(&w->dpc, count_run, w);
    KeInitializeTimer(&w->timer);
    KeInitializeEvent(&w->done, SynchronizationEvent, FALSE);
}

static struct work *work_new(void)
{
    struct work *w = ke_test_alloc(sizeof *w);
    work_init(w);
    return w;
}

static void target_missing(void)
{
    struct work *w = work_new();
    KeSetTargetProcessorDpc(&w->dpc, 1); /* the last one of these runs */
    KeSetTargetProcessorDpc(&w->dpc, 2);
}

static void wait_done(struct work *w)
{
    KeWaitForSingleObject(&w->done, Executive, KernelMode, FALSE, NULL);
}

/* ---- DPCs ---- */

static void queue_once(void)
{
    struct work *w = work_new();
    KIRQL old = KeRaiseIrqlToDpcLevel();
    SIM_ASSERT(KeInsertQueueDpc(&w->dpc, NULL, NULL));
    SIM_ASSERT(!KeInsertQueueDpc(&w->dpc, NULL, NULL)); /* KRN-151: this processor is at DISPATCH */
    SIM_ASSERT(w->runs == 0);
    KeLowerIrql(old);
    wait_done(w);
    SIM_ASSERT(w->runs == 1);
    KeFlushQueuedDpcs();
    ke_check_unload(sim_current);
}

static void remove_queued(void)
{
    struct work *w = work_new();
    KIRQL old = KeRaiseIrqlToDpcLevel();
    KeInsertQueueDpc(&w->dpc, NULL, NULL);
    SIM_ASSERT(KeRemoveQueueDpc(&w->dpc)); /* KRN-154 */
    SIM_ASSERT(!KeRemoveQueueDpc(&w->dpc));
    KeLowerIrql(old);
    KeFlushQueuedDpcs();
    SIM_ASSERT(w->runs == 0);
    ke_memory_freed(sim_current, w, sizeof *w);
}

static void insert_many(PVOID argument)
{
    struct work *w = argument;
    for (int i = 0; i < 5; i++) {
        w->inserted += KeInsertQueueDpc(&w->dpc, NULL, NULL);
    }
}

/* KPROP-16: one run per successful queueing, wherever it comes from. */
static void run_per_queueing(void)
{
    struct work *w = work_new();
    PROCESSOR_NUMBER target = {.Group = 0, .Number = 1};
    SIM_ASSERT(KeSetTargetProcessorDpcEx(&w->dpc, &target) == STATUS_SUCCESS);
    PKTHREAD a = ke_test_thread(insert_many, w);
    insert_many(w);
    ke_test_join(a);
    KeFlushQueuedDpcs(); /* KPROP-17 */
    SIM_ASSERT(w->runs == w->inserted && w->runs >= 1);
}

static void threaded_run(PKDPC dpc, PVOID context, PVOID first, PVOID second)
{
    struct work *w = context;
    (void)dpc;
    (void)first;
    (void)second;
    w->runs |= 1 << KeGetCurrentIrql();
    KeSetEvent(&w->done, 0, FALSE);
}

static int threaded_irqls;

static void threaded(void)
{
    struct work *w = work_new();
    KeInitializeThreadedDpc(&w->dpc, threaded_run, w);
    KeInsertQueueDpc(&w->dpc, NULL, NULL);
    wait_done(w);
    threaded_irqls |= w->runs;
}

static void test_dpc(void **state)
{
    (void)state;
    ke_test_good(queue_once);
    ke_test_good(remove_queued);
    ke_test_good(run_per_queueing);
    ke_test_good(threaded);
    assert_int_equal(threaded_irqls, 1 << PASSIVE_LEVEL | 1 << DISPATCH_LEVEL); /* KRN-174 */
}

static void dpc_garbage(void)
{
    struct work *w = ke_test_alloc(sizeof *w);
    KeInsertQueueDpc(&w->dpc, NULL, NULL);
}

static void dpc_freed_while_queued(void)
{
    struct work *w = work_new();
    KeRaiseIrqlToDpcLevel();
    KeInsertQueueDpc(&w->dpc, NULL, NULL);
    ke_memory_freed(sim_current, w, sizeof *w);
}

static void dpc_initialised_while_queued(void)
{
    struct work *w = work_new();
    KeRaiseIrqlToDpcLevel();
    KeInsertQueueDpc(&w->dpc, NULL, NULL);
    KeInitializeDpc(&w->dpc, count_run, w);
}

static void waiting_run(PKDPC dpc, PVOID context, PVOID first, PVOID second)
{
    (void)dpc;
    (void)first;
    (void)second;
    wait_done(context);
}

static void dpc_waits(void)
{
    struct work *w = work_new();
    KeInitializeDpc(&w->dpc, waiting_run, w);
    KeInsertQueueDpc(&w->dpc, NULL, NULL);
    KeFlushQueuedDpcs();
}

static void test_dpc_breaches(void **state)
{
    (void)state;
    ke_test_bad(target_missing, RULE_KRN_150);
    ke_test_bad(dpc_garbage, RULE_KRN_150);
    ke_test_bad(dpc_initialised_while_queued, RULE_KRN_150);
    ke_test_bad(dpc_freed_while_queued, RULE_KRN_153);
    ke_test_bad(dpc_waits, RULE_KRN_081);
}

/* ---- timers ---- */

static void one_shot(void)
{
    struct sim *s = sim_current;
    struct work *w = work_new();
    sim_time before = s->now;
    SIM_ASSERT(!KeSetTimer(&w->timer, ke_test_ms(30), &w->dpc));
    KeWaitForSingleObject(&w->timer, Executive, KernelMode, FALSE, NULL);
    SIM_ASSERT(s->now >= before + SIM_MS(30)); /* KRN-175 */
    wait_done(w);
    SIM_ASSERT(w->runs == 1 && KeReadStateTimer(&w->timer));
    SIM_ASSERT(!KeCancelTimer(&w->timer)); /* KRN-158 */
    KeFlushQueuedDpcs();
    ke_memory_freed(s, w, sizeof *w);
    ke_check_unload(s);
}

static void cancelled(void)
{
    struct work *w = work_new();
    LARGE_INTEGER long_time = ke_test_ms(500);
    KeSetTimer(&w->timer, ke_test_ms(100), &w->dpc);
    BOOLEAN was_set = KeSetTimer(&w->timer, ke_test_ms(200), &w->dpc); /* KRN-157 */
    was_set = KeCancelTimer(&w->timer) && was_set;
    int before = w->runs;
    KeDelayExecutionThread(KernelMode, FALSE, &long_time);
    KeFlushQueuedDpcs();
    if (was_set) {
        SIM_ASSERT(before == 0 && w->runs == 0); /* KPROP-18 */
    }
}

static void periodic(void)
{
    struct work *w = work_new();
    KeSetTimerEx(&w->timer, ke_test_ms(10), 10, &w->dpc);
    for (int i = 0; i < 3; i++) {
        wait_done(w);
    }
    SIM_ASSERT(KeCancelTimer(&w->timer));
    KeFlushQueuedDpcs();
    int runs = w->runs;
    SIM_ASSERT(runs >= 3);
    LARGE_INTEGER long_time = ke_test_ms(500);
    KeDelayExecutionThread(KernelMode, FALSE, &long_time);
    SIM_ASSERT(w->runs == runs);
}

static void clocks(void)
{
    LARGE_INTEGER system, frequency, ticks, delay = ke_test_ms(100);
    ULONGLONG before = KeQueryInterruptTime();
    KeQuerySystemTime(&system);
    KeStallExecutionProcessor(10);
    SIM_ASSERT(KeQueryInterruptTime() >= before + 100);
    KeDelayExecutionThread(KernelMode, FALSE, &delay);
    KeQueryTickCount(&ticks);
    SIM_ASSERT(ticks.QuadPart * KeQueryTimeIncrement() <= (LONGLONG)KeQueryInterruptTime());
    SIM_ASSERT(KeQueryPerformanceCounter(&frequency).QuadPart > 0 &&
               frequency.QuadPart == 10000000);
    SIM_ASSERT(KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS) == 2);
    SIM_ASSERT(KeGetCurrentProcessorNumberEx(NULL) < 2);
}

static void test_timers(void **state)
{
    (void)state;
    ke_test_good(one_shot);
    ke_test_good(cancelled);
    ke_test_good(periodic);
    ke_test_good(clocks);
}

static void timer_freed_while_set(void)
{
    struct work *w = work_new();
    KeSetTimer(&w->timer, ke_test_ms(30), NULL);
    ke_memory_freed(sim_current, w, sizeof *w);
}

static void timer_left_set(void)
{
    struct work *w = work_new();
    KeSetTimer(&w->timer, ke_test_ms(30), NULL);
    ke_check_unload(sim_current);
}

/* KBUG-31: the DPC may still be queued when KeCancelTimer answers FALSE. */
static void freed_after_cancel(void)
{
    struct work *w = work_new();
    LARGE_INTEGER delay = ke_test_ms(10);
    KeSetTimer(&w->timer, ke_test_ms(10), &w->dpc);
    KeDelayExecutionThread(KernelMode, FALSE, &delay);
    KeCancelTimer(&w->timer);
    ke_memory_freed(sim_current, w, sizeof *w);
}

static void test_timer_breaches(void **state)
{
    (void)state;
    ke_test_bad(timer_freed_while_set, RULE_KRN_161);
    ke_test_bad(timer_left_set, RULE_KRN_162);
    assert_true(ke_test_found(freed_after_cancel, RULE_KRN_153) > 0); /* a narrow window */
}

/* ---- timers of the executive ---- */

static void ex_callback(PEX_TIMER timer, PVOID context)
{
    struct work *w = context;
    SIM_ASSERT(timer != NULL && KeGetCurrentIrql() == DISPATCH_LEVEL);
    w->runs++;
    KeSetEvent(&w->done, 0, FALSE);
}

static void ex_timer(void)
{
    struct work *w = work_new();
    PEX_TIMER timer = ExAllocateTimer(ex_callback, w, 0);
    if (timer == NULL) {
        return;
    }
    SIM_ASSERT(!ExSetTimer(timer, -10 * 10000, 0, NULL));
    wait_done(w);
    SIM_ASSERT(w->runs == 1);
    SIM_ASSERT(!ExSetTimer(timer, -10 * 10000, 5 * 10000, NULL));
    wait_done(w);
    SIM_ASSERT(ExCancelTimer(timer, NULL)); /* KRN-165 */
    ExSetTimer(timer, -10 * 10000, 0, NULL);
    (void)ExDeleteTimer(timer, TRUE, TRUE, NULL);
    int runs = w->runs;
    LARGE_INTEGER delay = ke_test_ms(100);
    KeDelayExecutionThread(KernelMode, FALSE, &delay);
    SIM_ASSERT(w->runs == runs);
    ke_check_unload(sim_current);
}

static void ex_timer_waits_without_cancel(void)
{
    PEX_TIMER timer = ExAllocateTimer(ex_callback, NULL, 0);
    ExDeleteTimer(timer, FALSE, TRUE, NULL);
}

static void ex_timer_used_after_delete(void)
{
    PEX_TIMER timer = ExAllocateTimer(ex_callback, work_new(), 0);
    ExSetTimer(timer, -10 * 10000, 0, NULL);
    ExDeleteTimer(timer, FALSE, FALSE, NULL); /* goes when it has gone off */
    ExSetTimer(timer, -10 * 10000, 0, NULL);
}

static void ex_timer_kept(void)
{
    ExAllocateTimer(ex_callback, work_new(), 0);
    ke_check_unload(sim_current);
}

static void test_ex_timers(void **state)
{
    (void)state;
    ke_test_good(ex_timer);
    ke_test_bad(ex_timer_waits_without_cancel, RULE_KRN_163);
    ke_test_bad(ex_timer_used_after_delete, RULE_KRN_163);
    ke_test_bad(ex_timer_kept, RULE_KRN_284);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dpc),       cmocka_unit_test(test_dpc_breaches),
        cmocka_unit_test(test_timers),    cmocka_unit_test(test_timer_breaches),
        cmocka_unit_test(test_ex_timers),
    };
    ke_test_setup(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
