/* SPDX-License-Identifier: MIT */
/*
 * Strategies (sim/strategy_pct.c, sim/strategy_pos.c, sim/strategy_delay.c) against exact odds. The
 * bluetooth driver model (two threads, one step per shared access, both already started) has 73
 * interleavings of which 4 fail; a fair random walk fails with probability 10/256, and PCT of depth
 * 2 with at least 1/18. A strategy that is off is wrong, not
 * unlucky: the tolerances below are more than five standard deviations wide.
 */
#include <math.h>
#include <string.h>

#include "sim/learned.h"
#include "tests/sim/engine.h"

enum { RUNS = 40000 };

static struct {
    int pending_io, stopping_flag, stopping_event, stopped;
    bool failed;
    int running;
    struct sim_ctx *starter;
} model;

static void point(struct sim *s)
{
    sim_point(s, SIM_OP_WRITE, 1);
}

static void finish(struct sim *s)
{
    if (--model.running == 0) {
        sim_wake(s, model.starter);
    }
}

static void decrement(struct sim *s)
{
    point(s);
    if (--model.pending_io == 0) {
        point(s);
        model.stopping_event = 1;
    }
}

/* Being scheduled for the first time is the first step: no point stands before the first access. */
static void adder(struct sim *s, void *argument)
{
    (void)argument;
    if (model.stopping_flag == 0) {
        point(s);
        model.pending_io++;
        point(s);
        model.failed |= model.stopped != 0;
    }
    decrement(s);
    finish(s);
}

static void stopper(struct sim *s, void *argument)
{
    (void)argument;
    model.stopping_flag = 1;
    decrement(s);
    point(s);
    if (model.stopping_event != 0) {
        point(s);
        model.stopped = 1;
    }
    finish(s);
}

static void bluetooth(struct sim *s, void *argument)
{
    (void)argument;
    model.pending_io = 1;
    model.stopping_flag = model.stopping_event = model.stopped = 0;
    model.failed = false;
    model.running = 2;
    model.starter = s->current;
    engine_thread(s, adder, NULL);
    engine_thread(s, stopper, NULL);
    sim_block(s);
}

static int count_failures(struct choice_source source)
{
    int failures = 0;
    for (int i = 1; i <= RUNS; i++) {
        source.seed = (uint64_t)i;
        assert_int_equal(engine_run(bluetooth, NULL, &source), SIM_VERDICT_OK);
        failures += model.failed;
    }
    return failures;
}

static void random_walk_has_the_exact_odds(void **state)
{
    (void)state;
    int failures = count_failures((struct choice_source){.kind = CHOICE_RANDOM,
                                                         .switch_one_in = 1});
    const double expected = RUNS * 10.0 / 256, deviation = 38.7; /* sqrt(n p (1-p)) */
    assert_true(failures > expected - 5 * deviation);
    assert_true(failures < expected + 5 * deviation);
}

static void pct_keeps_its_bound(void **state)
{
    (void)state;
    int failures = count_failures((struct choice_source){.kind = CHOICE_PCT, .depth = 2,
                                                         .length = 9});
    assert_true(failures > RUNS / 18 - 5 * 46);
}

static void the_tame_run_never_fails(void **state)
{
    (void)state;
    assert_int_equal(count_failures((struct choice_source){.kind = CHOICE_TAME}), 0);
}

/* The fair form draws the same priorities: only what comes after the usual length differs. */
static void fair_pct_keeps_it_too(void **state)
{
    (void)state;
    int failures = count_failures((struct choice_source){.kind = CHOICE_PCT, .depth = 2,
                                                         .length = 9, .is_fair = true});
    assert_true(failures > RUNS / 18 - 5 * 46);
}

/* All its accesses conflict: then every order of two events is a fresh coin, as in the walk. */
static void pos_is_the_walk_where_all_conflicts(void **state)
{
    (void)state;
    int failures = count_failures((struct choice_source){.kind = CHOICE_POS});
    const double expected = RUNS * 10.0 / 256, deviation = 38.7;
    assert_true(failures > expected - 5 * deviation);
    assert_true(failures < expected + 5 * deviation);
}

/* Of the nine points at which the one delay can fall, one makes it fail: after the flag is read. */
static void delay_has_the_exact_odds(void **state)
{
    (void)state;
    int failures = count_failures((struct choice_source){.kind = CHOICE_DELAY, .depth = 2,
                                                         .length = 9});
    const double expected = RUNS / 9.0, deviation = 62.9;
    assert_true(failures > expected - 5 * deviation);
    assert_true(failures < expected + 5 * deviation);
    assert_int_equal(count_failures((struct choice_source){.kind = CHOICE_DELAY, .depth = 1}), 0);
}

/*
 * Weighed by what is usually left it lies between the walk and the uniform 4 of 73: how much is
 * left depends here on what was read.
 */
static void urw_lies_between(void **state)
{
    (void)state;
    struct sim_learned *learned = learned_create();
    int failures = count_failures((struct choice_source){.kind = CHOICE_URW, .learned = learned});
    learned_free(learned);
    assert_true(failures > RUNS * 10 / 256 + 3 * 39);
    assert_true(failures < RUNS * 4 / 73 + 5 * 46);
}

/* ---- orders of two threads whose steps are named ---- */

enum { ORDER_MAX = 8 };

/* Being started is the first step of a thread and touches nothing; the others touch `object`. */
struct script {
    uint32_t steps;
    uintptr_t object[2];
};

static const struct script *script;
static char order[ORDER_MAX + 1];
static size_t order_size;

static void follow_script(struct sim *s, void *argument)
{
    size_t who = (size_t)(uintptr_t)argument;
    for (uint32_t i = 0; i < script->steps; i++) {
        if (i > 0) {
            sim_point(s, SIM_OP_WRITE, script->object[who]);
        }
        order[order_size++] = (char)('A' + who);
    }
    finish(s);
}

static void two_scripts(struct sim *s, void *argument)
{
    (void)argument;
    order_size = 0;
    model.running = 2;
    model.starter = s->current;
    engine_thread(s, follow_script, (void *)(uintptr_t)0);
    engine_thread(s, follow_script, (void *)(uintptr_t)1);
    sim_block(s);
    order[order_size] = '\0';
}

static int count_order(struct choice_source source, const struct script *what, const char *wanted)
{
    int count = 0;
    script = what;
    for (int i = 1; i <= RUNS; i++) {
        source.seed = (uint64_t)i;
        assert_int_equal(engine_run(two_scripts, NULL, &source), SIM_VERDICT_OK);
        count += strcmp(order, wanted) == 0;
    }
    return count;
}

static void assert_odds(int count, double probability)
{
    double expected = RUNS * probability;
    double deviation = sqrt(expected * (1 - probability));
    assert_true(count > expected - 5 * deviation);
    assert_true(count < expected + 5 * deviation);
}

/*
 * Order statistics. A context whose event has lost against n others holds the least of n + 1 draws,
 * and loses again with probability (n + 1) / (n + 2). ABBBAA: A's first is above B's first, which
 * is above A's second (1/6); then that loses to B's second (3/4) and to B's third (4/5). If the two
 * conflict, B's second makes A draw again: 1/2 in the place of 4/5. Starts conflict with nothing.
 */
static void pos_has_the_exact_odds(void **state)
{
    (void)state;
    static const struct script apart = {.steps = 3, .object = {8, 16}};
    static const struct script together = {.steps = 3, .object = {8, 8}};
    const struct choice_source pos = {.kind = CHOICE_POS};
    assert_odds(count_order(pos, &apart, "ABBBAA"), 1.0 / 10);
    assert_odds(count_order(pos, &together, "ABBBAA"), 1.0 / 16);
    assert_odds(count_order(pos, &apart, "AAABBB"), 1.0 / 4); /* B's first loses three times */
}

/* Two switches away from contexts that could go on: depth 3, at least 1 / (n k^2). */
static void pct_keeps_its_bound_at_depth_three(void **state)
{
    (void)state;
    static const struct script apart = {.steps = 3, .object = {8, 16}};
    const double least = RUNS / (2.0 * 8 * 8);
    int count = count_order((struct choice_source){.kind = CHOICE_PCT, .depth = 3, .length = 8},
                            &apart, "ABBAAB");
    assert_true(count > least - 5 * sqrt(least));
    assert_int_equal(count_order((struct choice_source){.kind = CHOICE_PCT, .depth = 2,
                                                        .length = 8},
                                 &apart, "ABBAAB"), 0);
}

/* ---- somebody who polls ---- */

static void poller(struct sim *s, void *argument)
{
    (void)argument;
    while (model.stopping_flag == 0) {
        point(s);
    }
    finish(s);
}

static void setter(struct sim *s, void *argument)
{
    (void)argument;
    point(s);
    model.stopping_flag = 1;
    finish(s);
}

static void polling(struct sim *s, void *argument)
{
    (void)argument;
    model.stopping_flag = 0;
    model.running = 2;
    model.starter = s->current;
    engine_thread(s, poller, NULL);
    engine_thread(s, setter, NULL);
    sim_block(s);
}

static uint64_t longest_poll(struct choice_source source)
{
    uint64_t steps_max = 0;
    for (source.seed = 1; source.seed <= 200; source.seed++) {
        assert_int_equal(engine_run(polling, NULL, &source), SIM_VERDICT_OK);
        uint64_t steps = sim_create(&engine_hooks)->steps;
        steps_max = steps > steps_max ? steps : steps_max;
    }
    return steps_max;
}

static void only_the_fair_form_lets_a_poller_end(void **state)
{
    (void)state;
    struct choice_source pct = {.kind = CHOICE_PCT, .depth = 2, .length = 50};
    assert_true(longest_poll(pct) > SIM_STRETCH_MAX); /* until the engine itself moves on */
    pct.is_fair = true;
    assert_true(longest_poll(pct) < 150);
}

/* The same choices give the same run, whatever drove it first. */
static void a_failure_replays_bit_for_bit(void **state)
{
    static uint8_t bytes[4096];
    (void)state;
    int replayed = 0;
    for (uint64_t seed = 1; seed < 2000; seed++) {
        static const enum choice_source_kind kinds[] = {CHOICE_RANDOM, CHOICE_PCT, CHOICE_POS,
                                                        CHOICE_DELAY};
        struct choice_source source = {.kind = kinds[seed % SIM_COUNT(kinds)],
                                       .switch_one_in = 1, .depth = 3, .length = 9, .seed = seed};
        engine_run(bluetooth, NULL, &source);
        bool failed = model.failed;
        uint64_t steps = sim_create(&engine_hooks)->steps;
        size_t size = choice_encode(&engine_log, bytes, sizeof bytes);
        assert_true(size > 0);
        source = (struct choice_source){.kind = CHOICE_RECORDING, .bytes = bytes, .size = size};
        engine_run(bluetooth, NULL, &source);
        struct sim *s = sim_create(&engine_hooks);
        assert_false(s->diverged);
        assert_int_equal(s->steps, steps);
        assert_int_equal(model.failed, failed);
        replayed += failed;
    }
    assert_true(replayed > 20);
}

/* A random walk with a mean stretch finds the bug too, only at another rate. */
static void long_stretches_still_switch(void **state)
{
    (void)state;
    int failures = count_failures((struct choice_source){.kind = CHOICE_RANDOM,
                                                         .switch_one_in = 4});
    assert_true(failures > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_walk_has_the_exact_odds),
        cmocka_unit_test(pct_keeps_its_bound),
        cmocka_unit_test(fair_pct_keeps_it_too),
        cmocka_unit_test(pos_is_the_walk_where_all_conflicts),
        cmocka_unit_test(pos_has_the_exact_odds),
        cmocka_unit_test(pct_keeps_its_bound_at_depth_three),
        cmocka_unit_test(only_the_fair_form_lets_a_poller_end),
        cmocka_unit_test(delay_has_the_exact_odds),
        cmocka_unit_test(urw_lies_between),
        cmocka_unit_test(the_tame_run_never_fails),
        cmocka_unit_test(a_failure_replays_bit_for_bit),
        cmocka_unit_test(long_stretches_still_switch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
