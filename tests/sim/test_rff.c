/* SPDX-License-Identifier: MIT */
/*
 * Constraints (sim/strategy_rff.c, pairs of sim/learned.c) on the two families on which strategies
 * without constraints die as the number of contexts grows.
 * Twenty campaigns each, with fixed seeds; what is counted is the run that fails first, what is
 * learned is forgotten in between.
 */
#include "sim/learned.h"
#include "tests/sim/toys.h"

enum { CAMPAIGNS = 20, RUNS_MAX = 400 };

struct score {
    int found;
    double mean; /* runs up to the first failure, of those that found it */
};

static struct score race(void (*program)(struct sim *, void *), int n, struct choice_source source)
{
    struct score score = {.found = 0};
    for (uint64_t campaign = 1; campaign <= CAMPAIGNS; campaign++) {
        source.learned = learned_create();
        for (uint64_t run = 1; run <= RUNS_MAX; run++) {
            source.seed = campaign * 1000003 + run;
            toy_reset(n);
            assert_int_equal(engine_run(program, NULL, &source), SIM_VERDICT_OK);
            if (toy.failed) {
                score.found++;
                score.mean += (double)run;
                break;
            }
        }
        learned_free(source.learned);
    }
    score.mean /= score.found > 0 ? score.found : 1;
    print_message("    %d of %d, mean %.1f\n", score.found, CAMPAIGNS, score.mean);
    return score;
}

static void assert_found(void (*program)(struct sim *, void *), int n,
                         struct choice_source source, double mean)
{
    struct score score = race(program, n, source);
    assert_int_equal(score.found, CAMPAIGNS);
    assert_true(score.mean <= mean);
}

static void one_constraint_suffices_for_reorder(void **state)
{
    (void)state;
    const struct choice_source rff = {.kind = CHOICE_RFF};
    assert_found(reorder, 5, rff, 10);
    assert_found(reorder, 20, rff, 10);
    assert_found(reorder, 100, rff, 10);
}

static void constraints_on_locks_find_twostage(void **state)
{
    (void)state;
    const struct choice_source rff = {.kind = CHOICE_RFF};
    assert_found(twostage, 5, rff, 60);
    assert_found(twostage, 100, rff, 60);
}

static void feedback_does_not_lose_them(void **state)
{
    (void)state;
    const struct choice_source rff = {.kind = CHOICE_RFF, .has_feedback = true};
    assert_found(reorder, 100, rff, 10);
    assert_found(twostage, 100, rff, 60);
}

/* Uniform over the accesses to one word: 1 in 100 orders, if it is the right word. */
static void surw_scales_with_the_word(void **state)
{
    (void)state;
    const struct choice_source surw = {.kind = CHOICE_SURW};
    assert_found(reorder, 20, surw, 60);
    assert_true(race(reorder, 100, surw).found >= CAMPAIGNS / 2);
}

/* The toys are as hard as they are said to be. */
static void others_do_not_find_them(void **state)
{
    (void)state;
    assert_int_equal(race(reorder, 20, (struct choice_source){.kind = CHOICE_POS}).found, 0);
    assert_int_equal(
        race(reorder, 20, (struct choice_source){.kind = CHOICE_RANDOM, .switch_one_in = 1}).found,
        0);
}

/* Nothing learned: the same answers as from an empty memory, and no crash. */
static void works_without_a_memory(void **state)
{
    (void)state;
    int failures = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        const struct choice_source source = {.kind = CHOICE_RFF, .seed = seed};
        toy_reset(3);
        assert_int_equal(engine_run(reorder, NULL, &source), SIM_VERDICT_OK);
        failures += toy.failed;
    }
    assert_true(failures > 0);
}

/* What a run that learned did is in its log alone. */
static void replays_without_a_memory(void **state)
{
    static uint8_t bytes[1 << 16];
    struct sim_learned *learned = learned_create();
    int replayed = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        static const enum choice_source_kind kinds[] = {CHOICE_RFF, CHOICE_URW, CHOICE_SURW};
        struct choice_source source = {.kind = kinds[seed % 3], .seed = seed, .learned = learned,
                                       .has_feedback = seed % 2 != 0};
        toy_reset(8);
        engine_run(seed % 4 < 2 ? reorder : twostage, NULL, &source);
        bool failed = toy.failed;
        uint64_t steps = sim_create(&engine_hooks)->steps;
        size_t size = choice_encode(&engine_log, bytes, sizeof bytes);
        assert_true(size > 0);
        source = (struct choice_source){.kind = CHOICE_RECORDING, .bytes = bytes, .size = size};
        toy_reset(8);
        engine_run(seed % 4 < 2 ? reorder : twostage, NULL, &source);
        struct sim *s = sim_create(&engine_hooks);
        assert_false(s->diverged);
        assert_int_equal(s->steps, steps);
        assert_int_equal(toy.failed, failed);
        replayed += failed;
    }
    learned_free(learned);
    assert_true(replayed > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_constraint_suffices_for_reorder),
        cmocka_unit_test(constraints_on_locks_find_twostage),
        cmocka_unit_test(feedback_does_not_lose_them),
        cmocka_unit_test(surw_scales_with_the_word),
        cmocka_unit_test(others_do_not_find_them),
        cmocka_unit_test(works_without_a_memory),
        cmocka_unit_test(replays_without_a_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
