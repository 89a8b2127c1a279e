/* SPDX-License-Identifier: MIT */
/*
 * Processors, levels, interrupts, spinning, time: what may run when (sim/sched.c, sim/run.c,
 * sim/fiber.c), and the order of timed events (sim/events.c).
 */
#include "tests/sim/engine.h"

#include <string.h>

static char order[64];
static struct sim_ctx *waiter;

static void note(char c)
{
    size_t length = strlen(order);
    order[length] = c;
    order[length + 1] = '\0';
}

static const struct choice_source tame = {.kind = CHOICE_TAME};

static void append_argument(struct sim *s, void *argument)
{
    (void)s;
    note(*(const char *)argument);
}

/* ---- interrupts ---- */

static void bound_interrupt_comes_first(struct sim *s, void *argument)
{
    (void)argument;
    sim_set_level(s, SIM_LEVEL_NO_SWITCH);
    engine_interrupt(s, s->current->processor, append_argument, (void *)"i");
    sim_point(s, SIM_OP_NONE, 0);
    note('h'); /* level is high: not yet */
    sim_set_level(s, 0);
    sim_point(s, SIM_OP_NONE, 0);
    note('l'); /* level is low: it had to run */
}

static void test_bound_interrupt(void **state)
{
    (void)state;
    order[0] = '\0';
    assert_int_equal(engine_run(bound_interrupt_comes_first, NULL, &tame), SIM_VERDICT_OK);
    assert_string_equal(order, "hil");
}

static void interrupt_body(struct sim *s, void *argument)
{
    (void)argument;
    note('a');
    sim_point(s, SIM_OP_NONE, 0);
    note('b');
}

static void withdraws(struct sim *s, void *argument)
{
    (void)argument;
    sim_set_level(s, SIM_LEVEL_NO_SWITCH);
    struct sim_ctx *first = engine_interrupt(s, s->current->processor, interrupt_body, NULL);
    struct sim_ctx *second = engine_interrupt(s, s->current->processor, append_argument,
                                              (void *)"2");
    assert_true(sim_interrupt_withdraw(s, first));
    assert_false(sim_interrupt_withdraw(s, first));
    (void)second;
    sim_set_level(s, 0);
    sim_point(s, SIM_OP_NONE, 0);
    note('e');
}

static void test_withdraw(void **state)
{
    (void)state;
    order[0] = '\0';
    assert_int_equal(engine_run(withdraws, NULL, &tame), SIM_VERDICT_OK);
    assert_string_equal(order, "2e");
}

/* ---- spinning ---- */

static int lock_taken;

static void take(struct sim *s)
{
    sim_set_level(s, SIM_LEVEL_NO_SWITCH);
    while (lock_taken != 0) {
        sim_spin(s, 7);
    }
    lock_taken = 1;
}

static void drop(struct sim *s)
{
    lock_taken = 0;
    sim_spin_release(s, 7);
    sim_set_level(s, 0);
}

static void locker(struct sim *s, void *argument)
{
    for (int i = 0; i < 10; i++) {
        take(s);
        note(*(const char *)argument);
        sim_point(s, SIM_OP_NONE, 0);
        note(*(const char *)argument); /* nobody comes in between */
        drop(s);
        sim_point(s, SIM_OP_NONE, 0);
    }
    if (--*((int *)waiter->user) == 0) {
        sim_wake(s, waiter);
    }
}

static void two_lockers(struct sim *s, void *argument)
{
    int running = 2;
    (void)argument;
    lock_taken = 0;
    waiter = s->current;
    waiter->user = &running;
    engine_thread(s, locker, (void *)"x");
    engine_thread(s, locker, (void *)"y");
    sim_block(s);
}

static void test_spin_excludes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 500; seed++) {
        const struct choice_source source = {.kind = CHOICE_RANDOM, .switch_one_in = 1,
                                             .seed = seed};
        order[0] = '\0';
        assert_int_equal(engine_run(two_lockers, NULL, &source), SIM_VERDICT_OK);
        assert_int_equal(strlen(order), 40);
        for (int i = 0; i < 40; i += 2) {
            assert_int_equal(order[i], order[i + 1]);
        }
    }
}

/* A loop that polls for what another thread does must end under the tame schedule. */
static volatile int flag;

static void setter(struct sim *s, void *argument)
{
    (void)argument;
    sim_point(s, SIM_OP_WRITE, 1);
    flag = 1;
}

static void poller(struct sim *s, void *argument)
{
    (void)argument;
    flag = 0;
    engine_thread(s, setter, NULL);
    while (flag == 0) {
        sim_point(s, SIM_OP_READ, 1);
    }
}

static void test_tame_poller_ends(void **state)
{
    (void)state;
    assert_int_equal(engine_run(poller, NULL, &tame), SIM_VERDICT_OK);
}

static void spin_for_ever(struct sim *s, void *argument)
{
    (void)argument;
    for (;;) {
        sim_point(s, SIM_OP_READ, 1);
    }
}

static void test_endless_loop_is_a_livelock(void **state)
{
    (void)state;
    assert_int_equal(engine_run(spin_for_ever, NULL, &tame), SIM_VERDICT_LIMIT);
    assert_string_equal(sim_create(&engine_hooks)->limit, "livelock");
}

static void block_for_ever(struct sim *s, void *argument)
{
    (void)argument;
    sim_block(s);
}

static void test_deadlock(void **state)
{
    (void)state;
    assert_int_equal(engine_run(block_for_ever, NULL, &tame), SIM_VERDICT_LIMIT);
    assert_string_equal(sim_create(&engine_hooks)->limit, "deadlock");
}

/* ---- time ---- */

static void fire(struct sim *s, void *argument, uint64_t value)
{
    note((char)value);
    if (argument != NULL) {
        sim_wake(s, argument);
    }
}

static void timers(struct sim *s, void *argument)
{
    (void)argument;
    sim_event_add(s, SIM_MS(3), fire, s->current, 'c');
    sim_event_add(s, SIM_MS(1), fire, NULL, 'a');
    uint64_t cancelled = sim_event_add(s, SIM_MS(2), fire, NULL, 'x');
    sim_event_add(s, SIM_MS(2), fire, NULL, 'b');
    sim_event_add(s, SIM_MS(2), fire, NULL, 'B'); /* the same time: in order of creation */
    assert_true(sim_event_cancel(s, cancelled));
    assert_false(sim_event_cancel(s, cancelled));
    assert_int_equal(sim_events_pending(s), 4);
    sim_block(s);
    assert_int_equal(s->now, SIM_MS(3));
}

static void test_events_in_order(void **state)
{
    (void)state;
    order[0] = '\0';
    assert_int_equal(engine_run(timers, NULL, &tame), SIM_VERDICT_OK);
    assert_string_equal(order, "abBc");
}

/* ---- many contexts: limits have verdicts ---- */

static void storm(struct sim *s, void *argument)
{
    (void)argument;
    for (;;) {
        engine_thread(s, block_for_ever, NULL);
        sim_point(s, SIM_OP_NONE, 0);
    }
}

static void test_too_many_contexts(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) { /* and the next run starts clean */
        assert_int_equal(engine_run(storm, NULL, &tame), SIM_VERDICT_LIMIT);
        assert_non_null(strstr(sim_create(&engine_hooks)->limit, "SIM_STACKS_MAX"));
        order[0] = '\0';
        assert_int_equal(engine_run(timers, NULL, &tame), SIM_VERDICT_OK);
        assert_string_equal(order, "abBc");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound_interrupt),
        cmocka_unit_test(test_withdraw),
        cmocka_unit_test(test_spin_excludes),
        cmocka_unit_test(test_tame_poller_ends),
        cmocka_unit_test(test_endless_loop_is_a_livelock),
        cmocka_unit_test(test_deadlock),
        cmocka_unit_test(test_events_in_order),
        cmocka_unit_test(test_too_many_contexts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
