/* SPDX-License-Identifier: MIT */
/*
 * Schedule features: the order of two contexts' events on one object lights a counter, and nothing
 * else does.
 */
#include "tests/sim/engine.h"

#include <string.h>

#include "sim/features.h"

enum { OBJECT = 0x01000001, OTHER = 0x01000002 };

static uint8_t counters[SIM_FEATURES];

/* Two threads, each with one event; who is first is up to the order of their creation. */
struct pair {
    uint16_t kind[2];
    uint32_t object[2];
    uint64_t value[2];
};

static const struct pair *pair;

static void first(struct sim *s, void *argument)
{
    (void)argument;
    sim_trace(s, pair->kind[0], pair->object[0], pair->value[0]);
}

static void second(struct sim *s, void *argument)
{
    (void)argument;
    sim_trace(s, pair->kind[1], pair->object[1], pair->value[1]);
}

static void wake(struct sim *s, void *argument, uint64_t value)
{
    (void)value;
    sim_wake(s, argument);
}

/* The younger thread runs second: with a tame schedule threads start in the order of creation. */
static void in_two(struct sim *s, void *argument)
{
    (void)argument;
    engine_thread(s, first, NULL);
    engine_thread(s, second, NULL);
    sim_event_add(s, SIM_MS(1), wake, s->current, 0);
    sim_block(s);
}

static void in_one(struct sim *s, void *argument)
{
    first(s, argument);
    second(s, argument);
}

/* Runs and returns how many counters were lit; *which is the last of them. */
static unsigned lit_by(void (*body)(struct sim *s, void *argument), const struct pair *p,
                       size_t *which)
{
    const struct choice_source tame = {.kind = CHOICE_TAME};
    unsigned lit = 0;
    pair = p;
    memset(counters, 0, sizeof counters);
    sim_features_into(counters);
    assert_int_equal(engine_run(body, NULL, &tame), SIM_VERDICT_OK);
    sim_features_into(NULL);
    for (size_t i = 0; i < SIM_FEATURES; i++) {
        if (counters[i] != 0) {
            lit++;
            *which = i;
        }
    }
    return lit;
}

static void test_pair(void **state)
{
    const struct pair base = {{1, 2}, {OBJECT, OBJECT}, {0, 0}};
    const struct pair turned = {{2, 1}, {OBJECT, OBJECT}, {0, 0}};
    size_t one, other;
    (void)state;
    assert_int_equal(lit_by(in_two, &base, &one), 1);
    assert_int_equal(lit_by(in_two, &base, &other), 1);
    assert_int_equal(one, other); /* the same order, the same counter, run after run */
    assert_int_equal(lit_by(in_two, &turned, &other), 1);
    assert_int_not_equal(one, other);
}

static void test_silence(void **state)
{
    const struct pair base = {{1, 2}, {OBJECT, OBJECT}, {0, 0}};
    const struct pair apart = {{1, 2}, {OBJECT, OTHER}, {0, 0}};
    const struct pair nowhere = {{1, 2}, {0, 0}, {0, 0}};
    size_t which = 0;
    (void)state;
    assert_int_equal(lit_by(in_one, &base, &which), 0);  /* one context has no order */
    assert_int_equal(lit_by(in_two, &apart, &which), 0); /* nor have two objects */
    assert_int_equal(lit_by(in_two, &nowhere, &which), 0);
}

/* Objects of a kind share their counters: which of them it was tells a fuzzer nothing. */
static void test_kinds(void **state)
{
    const struct pair base = {{1, 2}, {OBJECT, OBJECT}, {0, 0}};
    const struct pair sibling = {{1, 2}, {OTHER, OTHER}, {0, 0}};
    const struct pair stranger = {{1, 2}, {0x02000001, 0x02000001}, {0, 0}};
    size_t one, two, three;
    (void)state;
    assert_int_equal(lit_by(in_two, &base, &one), 1);
    assert_int_equal(lit_by(in_two, &sibling, &two), 1);
    assert_int_equal(lit_by(in_two, &stranger, &three), 1);
    assert_int_equal(one, two);
    assert_int_not_equal(one, three);
}

/* ---- accesses ---- */

static struct {
    uintptr_t word[2], pc[2];
    bool is_write[2];
} access_pair;

static void access_nth(int nth)
{
    sim_access_slow(access_pair.word[nth], 4, access_pair.is_write[nth] ? SIM_ACCESS_WRITE : 0,
                    access_pair.pc[nth]);
}

static void access_first(struct sim *s, void *argument)
{
    (void)s;
    (void)argument;
    access_nth(0);
}

static void access_second(struct sim *s, void *argument)
{
    (void)s;
    (void)argument;
    access_nth(1);
}

static void access_in_two(struct sim *s, void *argument)
{
    (void)argument;
    engine_thread(s, access_first, NULL);
    engine_thread(s, access_second, NULL);
    sim_event_add(s, SIM_MS(1), wake, s->current, 0);
    sim_block(s);
}

/* How many counters two accesses light; *which is the last of them. */
static unsigned lit_by_accesses(bool writes_first, bool writes_second, uintptr_t word_second,
                                size_t *which)
{
    const struct choice_source tame = {.kind = CHOICE_TAME, .access_points = true};
    unsigned lit = 0;
    access_pair.word[0] = SIM_ARENA_BASE;
    access_pair.word[1] = SIM_ARENA_BASE + word_second;
    access_pair.is_write[0] = writes_first;
    access_pair.is_write[1] = writes_second;
    memset(counters, 0, sizeof counters);
    sim_features_into(counters);
    assert_int_equal(engine_run(access_in_two, NULL, &tame), SIM_VERDICT_OK);
    sim_features_into(NULL);
    for (size_t i = 0; i < SIM_FEATURES; i++) {
        if (counters[i] != 0) {
            lit++;
            *which = i;
        }
    }
    return lit;
}

static void test_accesses(void **state)
{
    size_t one, other;
    (void)state;
    access_pair.pc[0] = SIM_MODULE_BASE + 0x1000;
    access_pair.pc[1] = SIM_MODULE_BASE + 0x2000;
    assert_int_equal(lit_by_accesses(true, false, 0, &one), 1);  /* a read of what was written */
    assert_int_equal(lit_by_accesses(false, true, 0, &other), 1); /* a write after a read */
    assert_int_not_equal(one, other);
    assert_int_equal(lit_by_accesses(true, true, 0, &other), 1);
    assert_int_equal(lit_by_accesses(false, false, 0, &other), 0); /* no conflict */
    assert_int_equal(lit_by_accesses(true, true, 8, &other), 0);   /* another word */
    assert_int_equal(lit_by_accesses(true, false, 0, &other), 1);
    assert_int_equal(one, other); /* run after run */
    access_pair.pc[0] = SIM_MODULE_BASE + 0x3000;
    assert_int_equal(lit_by_accesses(true, false, 0, &other), 1);
    assert_int_not_equal(one, other); /* another place */
}

/* Looking changes nothing. */
static void test_fingerprint(void **state)
{
    const struct pair base = {{1, 2}, {OBJECT, OBJECT}, {0, 0}};
    const struct choice_source tame = {.kind = CHOICE_TAME};
    size_t which;
    (void)state;
    assert_int_equal(lit_by(in_two, &base, &which), 1);
    uint64_t watched = sim_fingerprint(sim_create(&engine_hooks));
    assert_int_equal(engine_run(in_two, NULL, &tame), SIM_VERDICT_OK);
    assert_true(watched == sim_fingerprint(sim_create(&engine_hooks)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pair),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_accesses),
        cmocka_unit_test(test_fingerprint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
