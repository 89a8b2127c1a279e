/* SPDX-License-Identifier: MIT */
/*
 * Places that can fail: each fails once, one in a run, and a full table is no error. That stacks
 * are told apart is shown on a real driver by tests/system/places.sh.
 *
 * Covers sim/places.c and choice_fault of sim/choice.c.
 */
#include "sim/places.h"
#include "tests/sim/engine.h"

enum { KIND = 100, KINDS = 5 };

static struct sim_places places;
static uint32_t answers[KINDS];

static void ask_all(struct sim *s, void *argument)
{
    (void)argument;
    for (uint32_t i = 0; i < KINDS; i++) {
        answers[i] = choice_fault(s, KIND + i, 3);
    }
}

static uint32_t run_once(const struct choice_source *source)
{
    uint32_t failures = 0;
    assert_int_equal(engine_run(ask_all, NULL, source), SIM_VERDICT_OK);
    for (uint32_t i = 0; i < KINDS; i++) {
        failures += answers[i] != 0;
    }
    return failures;
}

static void test_each_once(void **state)
{
    (void)state;
    const struct choice_source source = {.kind = CHOICE_TAME, .places = &places};
    uint32_t seen, failed;
    places = (struct sim_places){0};
    for (uint32_t i = 0; i < KINDS; i++) {
        assert_int_equal(run_once(&source), 1);
        assert_int_equal(answers[i], 1); /* the first that had not failed */
        sim_places_count(&places, &seen, &failed);
        assert_int_equal(seen, KINDS);
        assert_int_equal(failed, i + 1);
    }
    assert_int_equal(run_once(&source), 0);
}

static void test_recording(void **state)
{
    (void)state;
    static uint8_t bytes[1024];
    const struct choice_source source = {.kind = CHOICE_TAME, .places = &places};
    places = (struct sim_places){0};
    assert_int_equal(run_once(&source), 1);
    const struct choice_source again = {.kind = CHOICE_RECORDING,
                                        .bytes = bytes,
                                        .size = choice_encode(&engine_log, bytes, sizeof bytes),
                                        .places = &places}; /* has no say in a recording */
    assert_int_equal(run_once(&again), 1);
    assert_int_equal(answers[0], 1);
}

static void fill_table(struct sim *s, void *argument)
{
    (void)argument;
    for (uint32_t i = 0; i < SIM_PLACES_MAX; i++) {
        assert_true(sim_place_fails(&places, s, i, true));
    }
    assert_false(sim_place_fails(&places, s, SIM_PLACES_MAX, true));
    assert_false(sim_place_fails(&places, s, 0, true));
}

static void test_full(void **state)
{
    (void)state;
    const struct choice_source source = {.kind = CHOICE_TAME};
    uint32_t seen, failed;
    places = (struct sim_places){0};
    assert_int_equal(engine_run(fill_table, NULL, &source), SIM_VERDICT_OK);
    sim_places_count(&places, &seen, &failed);
    assert_int_equal(seen, SIM_PLACES_MAX);
    assert_int_equal(failed, SIM_PLACES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_once),
                                       cmocka_unit_test(test_recording),
                                       cmocka_unit_test(test_full)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
