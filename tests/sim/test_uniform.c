/* SPDX-License-Identifier: MIT */
/*
 * Uniformity (sim/strategy_uniform.c, counts of sim/learned.c) by chi-square: runs of toys whose
 * interleavings can be counted, one cell for each. The
 * bounds lie at about 1 in a million for a sampler that is uniform; the seeds are fixed, so that
 * the tests pass always or never. The plain walk must fail the same test.
 */
#include <math.h>
#include <string.h>

#include "sim/learned.h"
#include "tests/sim/toys.h"

enum { CELLS_MAX = 1024, WARM = 4 };

static struct {
    uint64_t key[CELLS_MAX];
    uint32_t hits[CELLS_MAX], count;
} cells;

/* Wilson and Hilferty: the value that chi-square with df degrees exceeds once in a million. */
static double bound_of(double df)
{
    const double z = 4.7534;
    double root = 1 - 2 / (9 * df) + z * sqrt(2 / (9 * df));
    return df * root * root * root;
}

static void step(struct sim *s, uint32_t who)
{
    (void)s;
    assert_true(toy.order_count < SIM_COUNT(toy.order));
    toy.order[toy.order_count++] = who;
}

static void count_order(void)
{
    uint64_t key = 0;
    for (uint32_t i = 0; i < toy.order_count; i++) {
        key = key * 5 + toy.order[i] + 1;
    }
    uint32_t at = 0;
    while (at < cells.count && cells.key[at] != key) {
        at++;
    }
    assert_true(at < CELLS_MAX);
    if (at == cells.count) {
        cells.key[cells.count++] = key;
    }
    cells.hits[at]++;
}

/* Chi-square of `runs` runs, against the number of interleavings there are. */
static double sample(void (*program)(struct sim *, void *), struct choice_source source,
                     uint32_t runs, uint32_t interleavings)
{
    struct sim_learned *learned = learned_create();
    memset(&cells, 0, sizeof cells);
    source.learned = learned;
    for (uint32_t i = 0; i < runs + WARM; i++) {
        source.seed = i + 1;
        toy_reset(0);
        assert_int_equal(engine_run(program, NULL, &source), SIM_VERDICT_OK);
        if (i >= WARM) {
            count_order();
        }
    }
    learned_free(learned);
    assert_int_equal(cells.count, interleavings); /* all of them, and no other */
    double expected = (double)runs / interleavings, sum = 0;
    for (uint32_t i = 0; i < cells.count; i++) {
        sum += (cells.hits[i] - expected) * (cells.hits[i] - expected) / expected;
    }
    return sum;
}

/* ---- contexts of fixed length that exist from the start ---- */

/* Being started is the first of its steps. */
static void plain(struct sim *s, void *argument)
{
    uint32_t who = (uint32_t)(uintptr_t)argument % 8, steps = (uint32_t)(uintptr_t)argument / 8;
    step(s, who);
    for (uint32_t i = 1; i < steps; i++) {
        toy_access(s, 40, SIM_OP_WRITE, 1);
        step(s, who);
    }
    toy_finish(s);
}

static void three_contexts(struct sim *s, void *argument)
{
    (void)argument;
    toy.running = 3;
    engine_thread(s, plain, (void *)(uintptr_t)(3 * 8 + 0));
    engine_thread(s, plain, (void *)(uintptr_t)(3 * 8 + 1));
    engine_thread(s, plain, (void *)(uintptr_t)(2 * 8 + 2));
    toy_join(s);
}

enum { ORDERS_OF_THREE = 560 /* 8! / (3! 3! 2!) */ };

static void urw_is_uniform(void **state)
{
    (void)state;
    double sum = sample(three_contexts, (struct choice_source){.kind = CHOICE_URW},
                        100 * ORDERS_OF_THREE, ORDERS_OF_THREE);
    assert_true(sum < bound_of(ORDERS_OF_THREE - 1));
}

static void the_walk_is_not(void **state)
{
    (void)state;
    double sum = sample(three_contexts,
                        (struct choice_source){.kind = CHOICE_RANDOM, .switch_one_in = 1},
                        100 * ORDERS_OF_THREE, ORDERS_OF_THREE);
    assert_true(sum > 4 * bound_of(ORDERS_OF_THREE - 1));
}

/* ---- contexts that one creates after the other ---- */

/*
 * The steps form a tree: the starter's second step comes after its first, and so does the first
 * step of the context created in between. Such a tree of n steps has n! / (product of the sizes of
 * all subtrees) orders: 7! / (7 * 6 * 3 * 2 * 1 * 2 * 1) below.
 *
 *   start A (7) - start B (4, beside A's two) - and go on (1, beside B's two)
 */
static void one_after_the_other(struct sim *s, void *argument)
{
    (void)argument;
    toy.running = 2;
    engine_thread(s, plain, (void *)(uintptr_t)(2 * 8 + 0));
    toy_access(s, 41, SIM_OP_WRITE, 1);
    step(s, 3);
    engine_thread(s, plain, (void *)(uintptr_t)(2 * 8 + 1));
    toy_access(s, 42, SIM_OP_WRITE, 1);
    step(s, 3);
    toy_join(s);
}

enum { ORDERS_OF_TREE = 6 * 5 * 4 * 3 * 2 / (4 * 2 * 1 * 2 * 1) }; /* of the six steps recorded */

static void a_context_answers_for_its_children(void **state)
{
    (void)state;
    double sum = sample(one_after_the_other, (struct choice_source){.kind = CHOICE_URW},
                        400 * ORDERS_OF_TREE, ORDERS_OF_TREE);
    assert_true(sum < bound_of(ORDERS_OF_TREE - 1));
}

/* ---- the events on one word ---- */

/* Three accesses to the shared word; many others before and between, of one of the two only. */
static void busy(struct sim *s, void *argument)
{
    uint32_t who = (uint32_t)(uintptr_t)argument;
    for (int i = 0; i < 3; i++) {
        for (uint32_t k = 0; k < who * 9; k++) {
            toy_access(s, 50, SIM_OP_WRITE, 4);
        }
        toy_access(s, 51 + who, SIM_OP_WRITE, 1);
        step(s, who);
    }
    toy_finish(s);
}

static void two_on_one_word(struct sim *s, void *argument)
{
    (void)argument;
    toy.running = 2;
    engine_thread(s, busy, (void *)(uintptr_t)0);
    engine_thread(s, busy, (void *)(uintptr_t)1);
    toy_join(s);
}

enum { ORDERS_OF_TWO = 20 /* 6! / (3! 3!) */ };

static void surw_is_uniform_on_its_word(void **state)
{
    (void)state;
    double sum = sample(two_on_one_word, (struct choice_source){.kind = CHOICE_SURW},
                        1000 * ORDERS_OF_TWO, ORDERS_OF_TWO);
    assert_true(sum < bound_of(ORDERS_OF_TWO - 1));
}

static void urw_is_not_on_one_word(void **state)
{
    (void)state;
    double sum = sample(two_on_one_word, (struct choice_source){.kind = CHOICE_URW},
                        1000 * ORDERS_OF_TWO, ORDERS_OF_TWO);
    assert_true(sum > 4 * bound_of(ORDERS_OF_TWO - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urw_is_uniform),
        cmocka_unit_test(the_walk_is_not),
        cmocka_unit_test(a_context_answers_for_its_children),
        cmocka_unit_test(surw_is_uniform_on_its_word),
        cmocka_unit_test(urw_is_not_on_one_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
