/* SPDX-License-Identifier: MIT */
/*
 * The minimiser on synthetic targets: a "finding" is a condition on the plan, and what "the run
 * asked" is the plan itself, as if every run were straight.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replay/divergence.h"
#include "replay/minimise_plan.h"

struct synthetic {
    bool (*condition)(const struct minimise_plan *plan);
    uint64_t runs, runs_max;
    struct minimise_size last;
    bool went_up;
};

static struct replay_case case_of(const struct minimise_plan *plan)
{
    size_t size;
    const uint8_t *bytes = minimise_plan_bytes(plan, &size);
    struct replay_case c = {.options = plan->options, .choices_size = size};
    c.choices = malloc(size);
    memcpy(c.choices, bytes, size);
    return c;
}

static bool shows(void *context, const struct replay_options *options, const uint8_t *bytes,
                  size_t size, struct replay_case *canonical)
{
    struct synthetic *s = context;
    struct minimise_plan plan;
    s->runs++;
    minimise_plan_of(&plan, options, bytes, size);
    bool is_there = s->condition(&plan);
    if (is_there) {
        *canonical = case_of(&plan);
    }
    minimise_plan_free(&plan);
    return is_there;
}

static bool is_over(void *context)
{
    const struct synthetic *s = context;
    return s->runs_max != 0 && s->runs >= s->runs_max;
}

static void progress(void *context, const struct minimise_size *best)
{
    struct synthetic *s = context;
    s->went_up |= s->last.length != 0 && !minimise_is_simpler(best, &s->last);
    s->last = *best;
}

/* 200 moves of 3 contexts, 120 world values, 40 faults, 10 program values. */
static struct replay_case make_case(void)
{
    struct minimise_plan plan = {0};
    static struct minimise_move move[200];
    static uint16_t value[CHOICE_STREAMS][120];
    static const uint32_t counts[CHOICE_STREAMS] = {0, 120, 40, 10};
    uint32_t at[3] = {0, 0, 0};
    uint64_t random = 99;
    plan.move = move;
    plan.move_count = 200;
    for (uint32_t i = 0; i < 200; i++) {
        uint32_t context = sim_random_below(&random, 3);
        at[context] += 1 + sim_random_below(&random, 20);
        move[i] = (struct minimise_move){context + 10, at[context], i % 5};
    }
    for (int stream = CHOICE_WORLD; stream < CHOICE_STREAMS; stream++) {
        plan.value[stream] = value[stream];
        plan.value_count[stream] = counts[stream];
        for (uint32_t i = 0; i < counts[stream]; i++) {
            value[stream][i] = (uint16_t)sim_random_below(&random, 50);
        }
    }
    value[CHOICE_WORLD][77] = 33;
    value[CHOICE_FAULTS][12] = 7;
    plan.options.sim.processors = 4;
    plan.options.knob_count = 2;
    plan.options.knob[0].knob = 3;
    plan.options.knob[1].knob = 4;
    plan.options.knob[1].value = 1;
    return case_of(&plan);
}

/* Two moves of context 11, which must stand where they stood, and two values. */
static uint32_t wanted[2];

static bool needs_four_things(const struct minimise_plan *plan)
{
    unsigned found = 0;
    for (uint32_t i = 0; i < plan->move_count; i++) {
        found += plan->move[i].context == 11 &&
                 (plan->move[i].at == wanted[0] || plan->move[i].at == wanted[1]);
    }
    return found == 2 && plan->value_count[CHOICE_WORLD] > 77 &&
           plan->value[CHOICE_WORLD][77] >= 20 && plan->value_count[CHOICE_FAULTS] > 12 &&
           plan->value[CHOICE_FAULTS][12] >= 5;
}

static void choose_wanted(const struct replay_case *c)
{
    struct minimise_plan plan;
    unsigned seen = 0, count = 0;
    minimise_plan_of(&plan, &c->options, c->choices, c->choices_size);
    for (uint32_t i = 0; i < plan.move_count && count < 2; i++) {
        if (plan.move[i].context == 11 && ++seen % 20 == 0) {
            wanted[count++] = plan.move[i].at;
        }
    }
    assert_int_equal(count, 2);
    minimise_plan_free(&plan);
}

static void test_finds_the_needed_things(void **state)
{
    (void)state;
    struct synthetic s = {.condition = needs_four_things};
    const struct minimise_target target = {
        .context = &s, .shows = shows, .is_over = is_over, .progress = progress};
    struct replay_case c = make_case();
    choose_wanted(&c);
    minimise(&target, &c);
    struct minimise_size size = minimise_measure(&c);
    assert_int_equal(size.switches, 2);
    assert_int_equal(size.world, 1);
    assert_int_equal(size.faults, 1);
    assert_int_equal(size.program, 0);
    assert_int_equal(size.processors, 1);
    assert_int_equal(size.knobs, 0);
    assert_int_equal(size.sum, 25);
    assert_false(s.went_up);
    struct minimise_plan plan;
    minimise_plan_of(&plan, &c.options, c.choices, c.choices_size);
    assert_true(needs_four_things(&plan));
    minimise_plan_free(&plan);
    replay_case_free(&c);
}

/* There and back: neither move may go alone. */
static bool needs_both_or_none(const struct minimise_plan *plan)
{
    return plan->move_count % 2 == 0;
}

static void test_pairs(void **state)
{
    (void)state;
    struct synthetic s = {.condition = needs_both_or_none};
    const struct minimise_target target = {.context = &s, .shows = shows, .is_over = is_over};
    struct replay_case c = make_case();
    minimise(&target, &c);
    assert_int_equal(minimise_measure(&c).switches, 0);
    replay_case_free(&c);
}

/* Stopped at any moment: the case in hand shows the finding. */
static void test_any_time(void **state)
{
    (void)state;
    for (uint64_t runs = 1; runs < 400; runs += 37) {
        struct synthetic s = {.condition = needs_four_things, .runs_max = runs};
        const struct minimise_target target = {.context = &s, .shows = shows, .is_over = is_over};
        struct replay_case c = make_case();
        struct minimise_plan plan;
        choose_wanted(&c);
        minimise(&target, &c);
        assert_true(s.runs <= runs);
        minimise_plan_of(&plan, &c.options, c.choices, c.choices_size);
        assert_true(needs_four_things(&plan));
        minimise_plan_free(&plan);
        replay_case_free(&c);
    }
}

/* The same case gives the same result. */
static void test_repeats(void **state)
{
    (void)state;
    struct replay_case c[2];
    for (int i = 0; i < 2; i++) {
        struct synthetic s = {.condition = needs_four_things};
        const struct minimise_target target = {.context = &s, .shows = shows, .is_over = is_over};
        c[i] = make_case();
        choose_wanted(&c[i]);
        minimise(&target, &c[i]);
    }
    assert_int_equal(c[0].choices_size, c[1].choices_size);
    assert_memory_equal(c[0].choices, c[1].choices, c[0].choices_size);
    replay_case_free(&c[0]);
    replay_case_free(&c[1]);
}

/* Leaving out a move leaves the points of the others alone. */
static void test_plan_round_trip(void **state)
{
    (void)state;
    struct replay_case c = make_case();
    struct minimise_plan plan, back;
    minimise_plan_of(&plan, &c.options, c.choices, c.choices_size);
    minimise_plan_drop_moves(&plan, 50, 20);
    struct replay_case shorter = case_of(&plan);
    minimise_plan_of(&back, &shorter.options, shorter.choices, shorter.choices_size);
    assert_int_equal(back.move_count, 180);
    assert_memory_equal(back.move, plan.move, 180 * sizeof *plan.move);
    minimise_plan_free(&plan);
    minimise_plan_free(&back);
    replay_case_free(&c);
    replay_case_free(&shorter);
}

static void test_divergence(void **state)
{
    (void)state;
    char text[320];
    uint32_t a[3] = {1, 2, 3}, b[3] = {1, 9, 3};
    struct replay_case recorded = make_case();
    struct minimise_plan plan;
    minimise_plan_of(&plan, &recorded.options, recorded.choices, recorded.choices_size);
    struct divergence d = divergence_find(&recorded, &recorded);
    assert_false(d.was_found);
    minimise_plan_drop_moves(&plan, 41, 159);
    struct replay_case ran = case_of(&plan);
    recorded.checks = a;
    recorded.check_count = 3;
    ran.checks = b;
    ran.check_count = 3;
    d = divergence_find(&recorded, &ran);
    assert_true(d.was_found);
    assert_int_equal(d.switch_number, 42);
    assert_int_equal(d.switch_count, 200);
    assert_int_equal(d.first_request, 65);
    assert_int_equal(d.last_request, 128);
    divergence_text(&d, text, sizeof text);
    assert_non_null(strstr(text, "switch 42 of 200"));
    assert_non_null(strstr(text, "65 to 128"));
    recorded.checks = ran.checks = NULL;
    minimise_plan_free(&plan);
    replay_case_free(&recorded);
    replay_case_free(&ran);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_the_needed_things),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_any_time),
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_plan_round_trip),
        cmocka_unit_test(test_divergence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
