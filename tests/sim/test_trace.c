/* SPDX-License-Identifier: MIT */
/*
 * The fingerprint and the list of events: what is in them, what is not, and that keeping the list
 * changes nothing. Also sim/base.c: generator and hash are what they should be, and an assertion
 * ends the process with exit code 3.
 */
#include "tests/sim/engine.h"

#include <sys/wait.h>
#include <unistd.h>

enum { EVENTS = 10000 }; /* more than the list holds at first */

static const struct choice_source tame = {.kind = CHOICE_TAME};

/* What the body of a run records. */
struct script {
    uint16_t kind;
    uint32_t object;
    uint64_t value;
    uint32_t count;
    uintptr_t site;
};

static void record(struct sim *s, void *argument)
{
    const struct script *script = argument;
    s->current->site = script->site;
    for (uint32_t i = 0; i < script->count; i++) {
        sim_trace(s, script->kind, script->object, script->value + i);
    }
}

static uint64_t fingerprint_of(struct script script, bool is_kept)
{
    const struct sim_options options = {.trace = is_kept};
    struct sim *s = sim_create(&engine_hooks);
    assert_int_equal(sim_run(s, record, &script, &options, &tame, &engine_log), SIM_VERDICT_OK);
    return sim_fingerprint(s);
}

static void test_fingerprint(void **state)
{
    const struct script base = {.kind = 3, .object = 0x01000001, .value = 5, .count = 2};
    const uint64_t print = fingerprint_of(base, false);
    struct script other;
    (void)state;
    assert_true(print == fingerprint_of(base, false));
    assert_true(print == fingerprint_of(base, true)); /* keeping events changes nothing */

    other = base, other.site = 0x230000001234; /* where the code lies is for reports only */
    assert_true(print == fingerprint_of(other, false));

    other = base, other.kind = 4;
    assert_true(print != fingerprint_of(other, false));
    other = base, other.object = 0x01000002;
    assert_true(print != fingerprint_of(other, false));
    other = base, other.value = 6;
    assert_true(print != fingerprint_of(other, false));
    other = base, other.count = 3;
    assert_true(print != fingerprint_of(other, false));
}

static void test_list(void **state)
{
    struct script script = {.kind = 9, .object = 0x02000001, .value = 100, .count = EVENTS};
    const struct sim_options options = {.trace = true};
    struct sim *s = sim_create(&engine_hooks);
    size_t count;
    (void)state;
    assert_int_equal(sim_run(s, record, &script, &options, &tame, &engine_log), SIM_VERDICT_OK);
    const struct sim_trace_event *events = sim_trace_events(s, &count);
    assert_int_equal(count, EVENTS);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(events[i].kind, 9);
        assert_int_equal(events[i].object, 0x02000001);
        assert_int_equal(events[i].value, 100 + i);
        assert_int_equal(events[i].seq, events[0].seq + i);
    }

    /* A run that keeps nothing leaves nothing of the one before. */
    fingerprint_of(script, false);
    sim_trace_events(s, &count);
    assert_int_equal(count, 0);
}

static void test_mix(void **state)
{
    (void)state;
    assert_true(sim_mix(sim_mix(1, 2), 3) != sim_mix(sim_mix(1, 3), 2)); /* order matters */
    for (unsigned bit = 0; bit < 64; bit++) {
        assert_true(sim_mix(7, 0) != sim_mix(7, 1ull << bit));
    }
}

static void test_random(void **state)
{
    uint64_t a = 42, b = 42;
    unsigned seen[10] = {0};
    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint32_t value = sim_random_below(&a, 10);
        assert_int_equal(value, sim_random_below(&b, 10)); /* its state is all there is */
        assert_in_range(value, 0, 9);
        seen[value]++;
    }
    for (unsigned i = 0; i < 10; i++) {
        assert_in_range(seen[i], 850, 1150); /* five standard deviations */
    }
    assert_int_equal(sim_random_below(&a, 1), 0);
}

static void test_assertion(void **state)
{
    int status;
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        close(STDERR_FILENO);
        SIM_ASSERT_OP(1 + 1, ==, 3);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fingerprint), cmocka_unit_test(test_list),
        cmocka_unit_test(test_mix),         cmocka_unit_test(test_random),
        cmocka_unit_test(test_assertion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
