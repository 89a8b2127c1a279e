/* SPDX-License-Identifier: MIT */
/*
 * The systematic search (sim/search.h) against numbers that are known: interleavings of threads
 * with a known number of steps, the bluetooth model (73 interleavings of which 4 fail, few
 * classes), and small programs whose outcomes are counted by plain enumeration: what DPOR sees must
 * be what DFS sees. All of sim/search.c, sim/search_walk.c and sim/search_race.c.
 *
 * A step on an object of unknown size is charged for the whole word: objects are words here. Being
 * scheduled for the first time is the first step of a thread: no point stands before it.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/search.h"
#include "tests/sim/engine.h"

enum { OUTCOMES_MAX = 4096, THREADS_MAX = 6 };

static struct {
    struct sim_ctx *starter;
    int running;
    void (*entry[THREADS_MAX])(struct sim *s, void *argument);
    int threads;
    void (*reset)(void);
    uint64_t outcome; /* of a run: what its threads have seen */
    uint64_t seen[OUTCOMES_MAX];
    uint32_t outcomes;
    uint32_t failed;
} program;

/* ---- running a program to its last schedule ---- */

static void one_thread(struct sim *s, void *argument)
{
    program.entry[(intptr_t)argument](s, argument);
    if (--program.running == 0) {
        sim_wake(s, program.starter);
    }
}

static void first_thread(struct sim *s, void *argument)
{
    (void)argument;
    program.reset();
    program.starter = s->current;
    program.running = program.threads;
    search_scope(s, false);
    for (intptr_t i = 0; i < program.threads; i++) {
        engine_thread(s, one_thread, (void *)i);
    }
    search_scope(s, true);
    sim_block(s);
    search_scope(s, false);
}

static void note_outcome(void)
{
    for (uint32_t i = 0; i < program.outcomes; i++) {
        if (program.seen[i] == program.outcome) {
            return;
        }
    }
    assert_true(program.outcomes < OUTCOMES_MAX);
    program.seen[program.outcomes++] = program.outcome;
}

static struct search_report search_all(const struct search_bounds *bounds, uint32_t processors)
{
    static void *memory;
    struct search_report report;
    memory = memory == NULL ? malloc(search_size()) : memory;
    assert_non_null(memory);
    memset(memory, 0, search_size());
    struct sim_search *q = search_init(memory, bounds);
    const struct choice_source source = {.kind = CHOICE_SEARCH, .search = q};
    const struct sim_options options = {.processors = processors};
    program.outcomes = program.failed = 0;
    while (search_next(q)) {
        program.outcome = 0;
        enum sim_verdict verdict =
            sim_run(sim_create(&engine_hooks), first_thread, NULL, &options, &source, &engine_log);
        if (search_was_redundant(q)) {
            assert_int_equal(verdict, SIM_VERDICT_LIMIT);
            continue;
        }
        assert_int_equal(verdict, SIM_VERDICT_OK);
        note_outcome();
    }
    search_report(q, &report);
    return report;
}

static const struct search_bounds dfs = {SEARCH_DFS, -1, -1, 0, 0};
static const struct search_bounds dpor = {SEARCH_DPOR, -1, -1, 0, 0};

/* ---- the bluetooth model ---- */

static struct {
    int64_t pending_io, stopping_flag, stopping_event, stopped;
    bool failed;
} bluetooth;

static void bluetooth_reset(void)
{
    memset(&bluetooth, 0, sizeof bluetooth);
    bluetooth.pending_io = 1;
}

/* The next access is another step. */
static void step(struct sim *s, enum sim_op op, const int64_t *object)
{
    sim_point(s, op, (uintptr_t)object);
}

/* The first access: it has no point of its own. */
static void first_step(struct sim *s, const int64_t *object, bool is_write)
{
    sim_touch(s, (uintptr_t)object, sizeof *object, is_write);
}

static void decrement(struct sim *s)
{
    step(s, SIM_OP_WRITE, &bluetooth.pending_io);
    if (--bluetooth.pending_io == 0) {
        step(s, SIM_OP_WRITE, &bluetooth.stopping_event);
        bluetooth.stopping_event = 1;
    }
}

static void adder(struct sim *s, void *argument)
{
    (void)argument;
    first_step(s, &bluetooth.stopping_flag, false);
    if (bluetooth.stopping_flag == 0) {
        step(s, SIM_OP_WRITE, &bluetooth.pending_io);
        bluetooth.pending_io++;
        step(s, SIM_OP_READ, &bluetooth.stopped);
        bluetooth.failed = bluetooth.stopped != 0;
        program.failed += bluetooth.failed;
    }
    decrement(s);
}

static void stopper(struct sim *s, void *argument)
{
    (void)argument;
    first_step(s, &bluetooth.stopping_flag, true);
    bluetooth.stopping_flag = 1;
    decrement(s);
    step(s, SIM_OP_READ, &bluetooth.stopping_event);
    if (bluetooth.stopping_event != 0) {
        step(s, SIM_OP_WRITE, &bluetooth.stopped);
        bluetooth.stopped = 1;
    }
}

static void use_bluetooth(void)
{
    program.entry[0] = adder;
    program.entry[1] = stopper;
    program.threads = 2;
    program.reset = bluetooth_reset;
}

static void test_bluetooth_dfs(void **state)
{
    (void)state;
    use_bluetooth();
    struct search_report r = search_all(&dfs, 2);
    assert_true(r.is_complete);
    assert_int_equal(r.complete, 73);
    assert_int_equal(r.runs, 73);
    assert_int_equal(program.failed, 4);
    assert_true(r.explored > 0.999999 && r.explored < 1.000001);
}

static void test_bluetooth_dpor(void **state)
{
    (void)state;
    use_bluetooth();
    struct search_report r = search_all(&dpor, 2);
    print_message("bluetooth: %llu complete, %llu redundant, %u failing\n",
                  (unsigned long long)r.complete, (unsigned long long)r.redundant, program.failed);
    assert_true(r.is_complete);
    assert_true(r.runs <= 12);
    assert_true(program.failed > 0);
    assert_int_equal(r.fallbacks, 0);
}

/* ---- n and m steps ---- */

static int64_t cell[THREADS_MAX];
static int steps[THREADS_MAX];
static bool is_shared;

static void cells_reset(void)
{
    memset(cell, 0, sizeof cell);
}

/* Each step changes the thread's own cell, or all change one; the outcome is the order of these. */
static void stepper(struct sim *s, void *argument)
{
    intptr_t me = (intptr_t)argument;
    int64_t *object = &cell[is_shared ? 0 : me];
    first_step(s, object, true);
    for (int i = 0; i < steps[me]; i++) {
        if (i > 0) {
            step(s, SIM_OP_WRITE, object);
        }
        (*object)++;
        program.outcome = is_shared ? program.outcome * 4 + (uint64_t)me + 1 : 0;
    }
}

static void use_steppers(int threads, int n, int m, int k, bool shared)
{
    steps[0] = n;
    steps[1] = m;
    steps[2] = k;
    is_shared = shared;
    program.threads = threads;
    for (int i = 0; i < threads; i++) {
        program.entry[i] = stepper;
    }
    program.reset = cells_reset;
}

static uint64_t factorial(int n)
{
    return n < 2 ? 1 : (uint64_t)n * factorial(n - 1);
}

static void test_interleavings(void **state)
{
    (void)state;
    for (int n = 1; n <= 5; n++) {
        for (int m = 1; m <= 5; m++) {
            uint64_t orders = factorial(n + m) / factorial(n) / factorial(m);
            use_steppers(2, n, m, 0, true);
            struct search_report r = search_all(&dfs, 2);
            assert_int_equal(r.complete, orders);
            assert_int_equal(program.outcomes, orders);
            r = search_all(&dpor, 2);
            assert_int_equal(r.complete, orders); /* all dependent: nothing can be left out */
            assert_int_equal(program.outcomes, orders);
            assert_true(r.is_complete);
            use_steppers(2, n, m, 0, false);
            r = search_all(&dfs, 2);
            assert_int_equal(r.complete, orders);
            r = search_all(&dpor, 2);
            assert_int_equal(r.complete, 1); /* all independent: one class */
            assert_int_equal(r.redundant, 0);
            assert_true(r.is_complete);
        }
    }
}

static void test_three_threads(void **state)
{
    (void)state;
    use_steppers(3, 2, 2, 2, true);
    struct search_report r = search_all(&dfs, 3);
    assert_int_equal(r.complete, 90); /* 6! / 2! 2! 2! */
    r = search_all(&dpor, 3);
    assert_int_equal(r.complete, 90);
    use_steppers(3, 3, 3, 3, false);
    r = search_all(&dpor, 3);
    assert_int_equal(r.runs, 1);
    assert_true(r.is_complete);
    r = search_all(&dpor, 2); /* who gets a processor is not searched */
    assert_true(r.is_crowded);
    assert_false(r.is_complete);
}

/* ---- DPOR loses no outcome ---- */

enum { VARIABLES = 3, OPERATIONS = 3 };
static struct {
    uint8_t variable[THREADS_MAX][OPERATIONS];
    bool is_write[THREADS_MAX][OPERATIONS];
} script;
static int64_t variable[VARIABLES];

static void variables_reset(void)
{
    memset(variable, 0, sizeof variable);
}

static void reader_writer(struct sim *s, void *argument)
{
    intptr_t me = (intptr_t)argument;
    uint64_t seen = 0;
    for (int i = 0; i < OPERATIONS; i++) {
        int64_t *v = &variable[script.variable[me][i]];
        bool is_write = script.is_write[me][i];
        if (i == 0) {
            first_step(s, v, is_write);
        } else {
            step(s, is_write ? SIM_OP_WRITE : SIM_OP_READ, v);
        }
        if (is_write) {
            *v = (int)me * OPERATIONS + i + 1;
        } else {
            seen = seen * 16 + (uint64_t)*v;
        }
    }
    program.outcome ^= sim_mix((uint64_t)me + 1, seen);
}

static void final_values(void)
{
    for (int i = 0; i < VARIABLES; i++) {
        program.outcome = sim_mix(program.outcome, (uint64_t)variable[i]);
    }
}

/* The last thread to end adds what is left in memory. */
static void reader_writer_last(struct sim *s, void *argument)
{
    reader_writer(s, argument);
    if (program.running == 1) {
        final_values();
    }
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void test_same_outcomes(void **state)
{
    static uint64_t seen[OUTCOMES_MAX];
    uint64_t random = 77, saved = 0, all = 0;
    (void)state;
    for (int number = 0; number < 300; number++) {
        program.threads = 2 + number % 2;
        for (int t = 0; t < program.threads; t++) {
            program.entry[t] = reader_writer_last;
            for (int i = 0; i < OPERATIONS; i++) {
                script.variable[t][i] = (uint8_t)sim_random_below(&random, VARIABLES);
                script.is_write[t][i] = sim_random_below(&random, 2) != 0;
            }
        }
        program.reset = variables_reset;
        struct search_report a = search_all(&dfs, 3);
        uint32_t count = program.outcomes;
        memcpy(seen, program.seen, sizeof seen);
        struct search_report b = search_all(&dpor, 3);
        assert_true(a.is_complete && b.is_complete);
        assert_int_equal(b.fallbacks, 0);
        assert_int_equal(program.outcomes, count);
        qsort(seen, count, sizeof *seen, by_value);
        qsort(program.seen, count, sizeof *seen, by_value);
        assert_memory_equal(seen, program.seen, count * sizeof *seen);
        all += a.runs;
        saved += b.runs;
    }
    print_message("300 programs: %llu runs by DFS, %llu by DPOR\n", (unsigned long long)all,
                  (unsigned long long)saved);
    assert_true(saved * 5 < all);
}

/* ---- bounds ---- */

/* The second thread must come twice into the first: two preemptions, no fewer. */
static int64_t turn;

static void turn_reset(void)
{
    turn = 0;
}

static void takes_turns(struct sim *s, void *argument)
{
    intptr_t me = (intptr_t)argument;
    first_step(s, &turn, true);
    for (int i = 0; i < 3; i++) {
        if (i > 0) {
            step(s, SIM_OP_WRITE, &turn);
        }
        if (turn % 2 == me) {
            turn++;
        }
    }
    program.failed += turn == 4; /* 0 1 0 1: three switches, the last two with nobody done */
}

static void test_preemption_bound(void **state)
{
    (void)state;
    program.threads = 2;
    program.entry[0] = program.entry[1] = takes_turns;
    program.reset = turn_reset;
    struct search_bounds bounds = dfs;
    uint64_t before = 0;
    for (int32_t k = 0; k <= 4; k++) {
        bounds.preemptions = k;
        struct search_report r = search_all(&bounds, 2);
        assert_true(r.is_exhausted);
        assert_true(r.runs > before || !r.was_bounded);
        assert_true(r.was_bounded ? !r.is_complete : r.is_complete);
        assert_int_equal(program.failed > 0, k >= 2);
        before = r.runs;
    }
}

static void test_delay_bound(void **state)
{
    (void)state;
    use_steppers(2, 3, 3, 0, true);
    struct search_bounds bounds = dfs;
    uint64_t before = 0;
    for (int32_t k = 0; k <= 6; k++) {
        bounds.delays = k;
        struct search_report r = search_all(&bounds, 2);
        assert_true(r.is_exhausted);
        assert_true(k > 0 || r.runs == 1);
        assert_true(r.runs >= before);
        assert_true(r.was_bounded != r.is_complete);
        before = r.runs;
    }
    assert_int_equal(before, 20); /* 6! / 3! 3! */
}

/* ---- answers of the world ---- */

static void asks(struct sim *s, void *argument)
{
    intptr_t me = (intptr_t)argument;
    int64_t *object = &cell[me];
    first_step(s, object, true);
    uint64_t answer = choice_pick(s, CHOICE_WORLD, 1, 3);
    program.outcome += (answer + 1) << (8 * me);
}

static void test_answers(void **state)
{
    (void)state;
    program.threads = 2;
    program.entry[0] = program.entry[1] = asks;
    program.reset = cells_reset;
    struct search_bounds bounds = dpor;
    struct search_report r = search_all(&bounds, 2);
    assert_int_equal(r.runs, 1);
    bounds.values = 1;
    r = search_all(&bounds, 2);
    assert_int_equal(r.runs, 5);
    assert_true(r.is_exhausted && r.were_values_bounded && !r.is_complete);
    bounds.values = 2;
    r = search_all(&bounds, 2);
    assert_int_equal(r.runs, 9);
    assert_int_equal(program.outcomes, 9);
    assert_true(r.is_complete);
    bounds = dfs;
    bounds.values = 2;
    r = search_all(&bounds, 2);
    assert_int_equal(r.runs, 18);
}

/* ---- what a search finds is an ordinary recording ---- */

static void test_recording(void **state)
{
    static uint8_t bytes[4096];
    (void)state;
    use_bluetooth();
    void *memory = calloc(1, search_size());
    assert_non_null(memory);
    struct sim_search *q = search_init(memory, &dpor);
    const struct choice_source source = {.kind = CHOICE_SEARCH, .search = q};
    unsigned failing = 0;
    while (search_next(q)) {
        (void)engine_run(first_thread, NULL, &source);
        bool has_failed = bluetooth.failed;
        uint64_t steps_before = sim_current->steps;
        size_t size = choice_encode(&engine_log, bytes, sizeof bytes);
        assert_true(size > 0);
        if (search_was_redundant(q)) {
            continue;
        }
        const struct choice_source again = {
            .kind = CHOICE_RECORDING, .bytes = bytes, .size = size};
        assert_int_equal(engine_run(first_thread, NULL, &again), SIM_VERDICT_OK);
        assert_false(sim_current->diverged);
        assert_int_equal(sim_current->steps, steps_before);
        assert_int_equal(bluetooth.failed, has_failed);
        failing += has_failed;
    }
    assert_true(failing > 0);
    free(memory);
}

/* ---- the clock ---- */

static void fire(struct sim *s, void *argument, uint64_t value)
{
    (void)argument;
    (void)value;
    sim_touch(s, (uintptr_t)&cell[0], sizeof cell[0], true);
    program.outcome = program.outcome * 4 + 3;
}

static bool has_digit(uint64_t outcome, uint64_t digit)
{
    while (outcome != 0 && outcome % 4 != digit) {
        outcome /= 4;
    }
    return outcome != 0;
}

static void clock_reset(void)
{
    cells_reset();
    sim_event_add(sim_current, 10, fire, NULL, 0);
}

/* The clock is one more that may go at every step, and may be too late. */
static void test_clock(void **state)
{
    static uint8_t bytes[4096];
    (void)state;
    use_steppers(2, 2, 2, 0, true);
    program.reset = clock_reset;
    struct search_report r = search_all(&dfs, 2);
    assert_int_equal(r.complete, 36); /* 5! / 2! 2!, and 4! / 2! 2! without it */
    assert_int_equal(program.outcomes, 36);
    r = search_all(&dpor, 2); /* a run that ends before the clock is the beginning of another */
    uint32_t with_clock = 0;
    for (uint32_t i = 0; i < program.outcomes; i++) {
        with_clock += has_digit(program.seen[i], 3);
    }
    assert_int_equal(with_clock, 30);
    assert_int_equal(r.fallbacks, 0);
    void *memory = calloc(1, search_size());
    assert_non_null(memory);
    struct sim_search *q = search_init(memory, &dfs);
    const struct choice_source source = {.kind = CHOICE_SEARCH, .search = q};
    while (search_next(q)) {
        program.outcome = 0;
        assert_int_equal(engine_run(first_thread, NULL, &source), SIM_VERDICT_OK);
        uint64_t outcome = program.outcome;
        size_t size = choice_encode(&engine_log, bytes, sizeof bytes);
        const struct choice_source again = {
            .kind = CHOICE_RECORDING, .bytes = bytes, .size = size};
        program.outcome = 0;
        assert_int_equal(engine_run(first_thread, NULL, &again), SIM_VERDICT_OK);
        assert_false(sim_current->diverged);
        assert_int_equal(program.outcome, outcome);
    }
    free(memory);
}

/* ---- locks ---- */

static int64_t lock_word, counter;

static void lock_reset(void)
{
    lock_word = counter = 0;
}

static void locker(struct sim *s, void *argument)
{
    (void)argument;
    sim_touch(s, (uintptr_t)&lock_word, sizeof lock_word, true);
    while (lock_word != 0) {
        sim_spin(s, 7);
        sim_touch(s, (uintptr_t)&lock_word, sizeof lock_word, true);
    }
    lock_word = 1;
    step(s, SIM_OP_WRITE, &counter);
    counter++;
    program.outcome = program.outcome * 4 + (uint64_t)(intptr_t)argument + 1;
    step(s, SIM_OP_UNLOCK, &lock_word);
    lock_word = 0;
    sim_spin_release(s, 7);
}

static void test_locks(void **state)
{
    (void)state;
    program.reset = lock_reset;
    for (int i = 0; i < 3; i++) {
        program.entry[i] = locker;
    }
    program.threads = 3;
    struct search_report r = search_all(&dpor, 3);
    assert_int_equal(program.outcomes, 6);
    assert_true(r.is_complete);
    struct search_report all = search_all(&dfs, 3);
    assert_int_equal(program.outcomes, 6);
    assert_true(r.runs < all.runs);
    print_message("three lockers: %llu by DFS, %llu and %llu redundant by DPOR\n",
                  (unsigned long long)all.runs, (unsigned long long)r.complete,
                  (unsigned long long)r.redundant);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bluetooth_dfs),    cmocka_unit_test(test_bluetooth_dpor),
        cmocka_unit_test(test_interleavings),    cmocka_unit_test(test_three_threads),
        cmocka_unit_test(test_same_outcomes),    cmocka_unit_test(test_preemption_bound),
        cmocka_unit_test(test_delay_bound),      cmocka_unit_test(test_answers),
        cmocka_unit_test(test_recording),        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_locks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
