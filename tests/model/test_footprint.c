/* SPDX-License-Identifier: MIT */
/*
 * What steps of the model are said to touch (model/footprint.c) against the truth: programs of
 * two threads over events, locks, a semaphore, counters, a DPC and a timer are run under
 * every schedule (DFS) and under one of each class (DPOR). What can be observed must be the same:
 * an effect that nobody declared would make DPOR leave out an outcome.
 */
#include "tests/model/test_ke.h"

#include <stdlib.h>

#include "sim/search.h"

enum {
    THREADS = 2, OPERATIONS = 2, OUTCOMES_MAX = 4096, VARIABLES = 2, EVENTS = 2,
    PROGRAMS = 40, RUNS_MAX = 20000 /* of DFS: a larger program is left out */
};

enum operation {
    READ, WRITE, ADD, LOCKED_ADD, SET, RESET, LOOK, LOOK_MANY, WAIT, WAIT_MANY, RELEASE, TAKE,
    QUEUE_DPC, SET_TIMER, ALLOCATE, TIME, REQUEST, OPERATIONS_END
};

static struct {
    enum operation operation[THREADS][OPERATIONS];
    uint32_t object[THREADS][OPERATIONS];
} script;

struct shared {
    LONG64 variable[VARIABLES];
    KEVENT event[EVENTS];
    KSPIN_LOCK lock;
    LONG64 guarded;
    KSEMAPHORE semaphore;
    KDPC dpc;
    KTIMER timer;
};

static struct {
    struct shared *shared;
    struct sim_ctx *starter;
    uint32_t running;
    uint64_t observed[THREADS + 1]; /* by each thread, by the DPC */
    uint64_t outcome;
    uint64_t seen[OUTCOMES_MAX];
    uint32_t outcomes;
} bed;

static void observe(uint32_t who, uint64_t what)
{
    bed.observed[who] = sim_mix(bed.observed[who], what);
}

/* ---- one operation ---- */

/* The accesses of a module with access points. */
static LONG64 get(const LONG64 *p)
{
    sim_point(sim_current, SIM_OP_READ, (uintptr_t)p);
    return *p;
}
static void put(LONG64 *p, LONG64 value)
{
    sim_point(sim_current, SIM_OP_WRITE, (uintptr_t)p);
    *p = value;
}

static void locked_add(uint32_t me)
{
    KIRQL irql;
    KeAcquireSpinLock(&bed.shared->lock, &irql);
    LONG64 value = get(&bed.shared->guarded);
    put(&bed.shared->guarded, value + 1);
    observe(me, (uint64_t)value);
    KeReleaseSpinLock(&bed.shared->lock, irql);
}

static void wait_one(uint32_t me, void *object, bool is_look)
{
    LARGE_INTEGER none = {.QuadPart = 0}, soon = ke_test_ms(1);
    observe(me, (uint64_t)KeWaitForSingleObject(object, Executive, KernelMode, FALSE,
                                                is_look ? &none : &soon));
}

static void wait_many(uint32_t me, bool is_look)
{
    LARGE_INTEGER none = {.QuadPart = 0};
    PVOID object[EVENTS] = {&bed.shared->event[0], &bed.shared->event[1]};
    observe(me, (uint64_t)KeWaitForMultipleObjects(EVENTS, object, WaitAny, Executive, KernelMode,
                                                   FALSE, is_look ? &none : NULL, NULL));
}

/* A request that nobody else hears of, in a guarded region. */
static void request(uint32_t me)
{
    KeEnterGuardedRegion();
    PIRP irp = IoAllocateIrp(1, FALSE);
    observe(me, irp != NULL);
    if (irp != NULL) {
        IoFreeIrp(irp);
    }
    KeLeaveGuardedRegion();
    observe(me, KeQueryActiveProcessorCount(NULL));
}

static void perform(uint32_t me, enum operation operation, uint32_t object)
{
    struct shared *x = bed.shared;
    LONG64 *v = &x->variable[object % VARIABLES];
    KEVENT *event = &x->event[object % EVENTS];
    LARGE_INTEGER now = ke_test_ms(1);
    switch (operation) {
    case READ:
        observe(me, (uint64_t)get(v));
        break;
    case WRITE:
        put(v, 10 + (LONG64)me);
        break;
    case ADD:
        observe(me, (uint64_t)InterlockedIncrement64(v));
        break;
    case LOCKED_ADD:
        locked_add(me);
        break;
    case SET:
        observe(me, (uint64_t)KeSetEvent(event, 0, FALSE));
        break;
    case RESET:
        observe(me, (uint64_t)KeResetEvent(event));
        break;
    case LOOK:
    case WAIT:
        wait_one(me, event, operation == LOOK);
        break;
    case LOOK_MANY:
    case WAIT_MANY:
        wait_many(me, operation == LOOK_MANY);
        break;
    case RELEASE:
        observe(me, (uint64_t)KeReleaseSemaphore(&x->semaphore, 0, 1, FALSE));
        break;
    case TAKE:
        wait_one(me, &x->semaphore, true);
        break;
    case QUEUE_DPC:
        observe(me, KeInsertQueueDpc(&x->dpc, NULL, NULL));
        break;
    case SET_TIMER:
        observe(me, KeSetTimer(&x->timer, now, &x->dpc));
        break;
    case ALLOCATE: {
        PVOID p = ExAllocatePool2(POOL_FLAG_NON_PAGED, 16, 'tseT');
        observe(me, p != NULL);
        if (p != NULL) {
            ExFreePool(p);
        }
        break;
    }
    case TIME:
        observe(me, KeQueryInterruptTime());
        break;
    case REQUEST:
        request(me);
        break;
    case OPERATIONS_END:
        break;
    }
}

static VOID on_dpc(PKDPC dpc, PVOID context, PVOID first, PVOID second)
{
    (void)dpc;
    (void)context;
    (void)first;
    (void)second;
    observe(THREADS, (uint64_t)InterlockedIncrement64(&bed.shared->variable[0]));
}

/* ---- a run ---- */

static VOID thread(PVOID argument)
{
    uint32_t me = (uint32_t)(ULONG_PTR)argument;
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        perform(me, script.operation[me][i], script.object[me][i]);
    }
    if (--bed.running == 0) {
        sim_wake(sim_current, bed.starter);
    }
}

static void make_shared(void)
{
    struct shared *x = ke_test_alloc(sizeof *x);
    memset(x, 0, sizeof *x);
    for (uint32_t i = 0; i < EVENTS; i++) {
        KeInitializeEvent(&x->event[i], i == 0 ? NotificationEvent : SynchronizationEvent, FALSE);
    }
    KeInitializeSpinLock(&x->lock);
    KeInitializeSemaphore(&x->semaphore, 0, 8);
    KeInitializeDpc(&x->dpc, on_dpc, NULL);
    KeInitializeTimer(&x->timer);
    bed.shared = x;
}

static void body(void)
{
    struct sim *s = sim_current;
    LARGE_INTEGER long_enough = ke_test_ms(100);
    search_scope(s, false);
    make_shared();
    bed.starter = s->current;
    bed.running = THREADS;
    for (ULONG_PTR i = 0; i < THREADS; i++) {
        (void)ke_test_thread(thread, (PVOID)i);
    }
    search_scope(s, true);
    sim_block(s);
    search_scope(s, false);
    KeDelayExecutionThread(KernelMode, FALSE, &long_enough); /* what is left comes to its end */
    for (uint32_t i = 0; i < VARIABLES; i++) {
        bed.outcome = sim_mix(bed.outcome, (uint64_t)bed.shared->variable[i]);
    }
    for (uint32_t i = 0; i < EVENTS; i++) {
        bed.outcome = sim_mix(bed.outcome, (uint64_t)KeReadStateEvent(&bed.shared->event[i]));
    }
    bed.outcome = sim_mix(bed.outcome, (uint64_t)bed.shared->guarded);
    sim_finish(s);
}

static void note_outcome(void)
{
    for (uint32_t i = 0; i <= THREADS; i++) {
        bed.outcome = sim_mix(bed.outcome, bed.observed[i]);
    }
    for (uint32_t i = 0; i < bed.outcomes; i++) {
        if (bed.seen[i] == bed.outcome) {
            return;
        }
    }
    assert_true(bed.outcomes < OUTCOMES_MAX);
    bed.seen[bed.outcomes++] = bed.outcome;
}

/* All schedules, or one of each class; false if there are more than RUNS_MAX. */
static bool explore(enum search_kind kind, struct search_report *r)
{
    static void *memory;
    const struct search_bounds bounds = {kind, -1, -1, 0, 0};
    const struct sim_options options = {.processors = SIM_PROCESSORS_MAX};
    void (*entry)(void) = body;
    void *argument;
    memcpy(&argument, &entry, sizeof argument);
    memory = memory == NULL ? malloc(search_size()) : memory;
    assert_non_null(memory);
    memset(memory, 0, search_size());
    struct sim_search *q = search_init(memory, &bounds);
    const struct choice_source source = {.kind = CHOICE_SEARCH, .search = q};
    bed.outcomes = 0;
    for (uint32_t runs = 0; search_next(q); runs++) {
        if (runs == RUNS_MAX) {
            return false;
        }
        memset(bed.observed, 0, sizeof bed.observed);
        bed.outcome = 0;
        (void)sim_run(ke_test_sim, ke_test_main, argument, &options, &source, NULL);
        if (!search_was_redundant(q)) { /* a deadlock is an outcome, too */
            bed.outcome = sim_mix(bed.outcome, (uint64_t)ke_test_sim->verdict);
            note_outcome();
        }
    }
    search_report(q, r);
    return true;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void print_script(void)
{
    for (uint32_t t = 0; t < THREADS; t++) {
        for (uint32_t i = 0; i < OPERATIONS; i++) {
            print_message("thread %u: operation %d on %u\n", t, (int)script.operation[t][i],
                          script.object[t][i]);
        }
    }
}

/* False: too large. Adds the runs of both to *all and *kept. */
static bool compare(uint32_t number, uint64_t *all, uint64_t *kept)
{
    static uint64_t seen[OUTCOMES_MAX];
    struct search_report a, b;
    if (!explore(SEARCH_DFS, &a)) {
        return false;
    }
    uint32_t count = bed.outcomes;
    memcpy(seen, bed.seen, sizeof seen);
    bool is_explored = explore(SEARCH_DPOR, &b);
    assert_true(is_explored && a.is_complete && b.is_complete);
    qsort(seen, count, sizeof *seen, by_value);
    qsort(bed.seen, bed.outcomes, sizeof *seen, by_value);
    if (bed.outcomes != count || memcmp(seen, bed.seen, count * sizeof *seen) != 0) {
        print_message("program %u: %u outcomes by DFS, %u by DPOR (%llu and %llu runs)\n", number,
                      count, bed.outcomes, (unsigned long long)a.runs, (unsigned long long)b.runs);
        print_script();
        fail();
    }
    *all += a.runs;
    *kept += b.runs;
    return true;
}

static void test_same_outcomes(void **state)
{
    uint64_t random = 4711, all = 0, kept = 0;
    uint32_t compared = 0;
    (void)state;
    for (uint32_t number = 0; number < PROGRAMS; number++) {
        for (uint32_t t = 0; t < THREADS; t++) {
            for (uint32_t i = 0; i < OPERATIONS; i++) {
                script.operation[t][i] =
                    (enum operation)sim_random_below(&random, OPERATIONS_END);
                script.object[t][i] = sim_random_below(&random, 2);
            }
        }
        compared += compare(number, &all, &kept);
    }
    print_message("%u programs: %llu runs by DFS, %llu by DPOR\n", compared,
                  (unsigned long long)all, (unsigned long long)kept);
    assert_true(compared > PROGRAMS / 2);
    assert_true(kept * 5 < all);
}

/* One looks at the clock while the other waits for it. */
static void test_time(void **state)
{
    const enum operation none = OPERATIONS_END;
    static const enum operation other[] = {WAIT, SET_TIMER};
    (void)state;
    for (size_t i = 0; i < SIM_COUNT(other); i++) {
        uint64_t all = 0, kept = 0;
        memset(&script, 0, sizeof script);
        script.operation[0][0] = TIME;
        script.operation[0][1] = none;
        script.operation[1][0] = other[i];
        script.operation[1][1] = none;
        assert_true(compare((uint32_t)i, &all, &kept));
        assert_true(bed.outcomes >= 2); /* before and after */
        print_message("%llu runs by DFS, %llu by DPOR\n", (unsigned long long)all,
                      (unsigned long long)kept);
    }
}

/* Nothing that one does is seen by the other: one class. */
static void test_request(void **state)
{
    const enum operation none = OPERATIONS_END;
    uint64_t all = 0, kept = 0;
    (void)state;
    memset(&script, 0, sizeof script);
    script.operation[0][0] = REQUEST;
    script.operation[0][1] = none;
    script.operation[1][0] = READ;
    script.operation[1][1] = READ;
    assert_true(compare(0, &all, &kept));
    print_message("%llu runs by DFS, %llu by DPOR\n", (unsigned long long)all,
                  (unsigned long long)kept);
    assert_true(kept * 20 < all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_same_outcomes, ke_test_setup),
        cmocka_unit_test_setup(test_time, ke_test_setup),
        cmocka_unit_test_setup(test_request, ke_test_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
