/* SPDX-License-Identifier: MIT */
/*
 * The model against the specification of the event gate (tests/spec/gate_spec.h): random programs
 * of a legal client under random schedules, worlds and faults, and scripts in pairs, all with the
 * trace on; the monitor reads each trace. And the monitor against itself: every property must fail
 * on some trace in which one event was dropped, doubled, moved or changed.
 */
#include "tests/spec/gate_monitor.h"
#include "tests/spec/gate_program.h"
#include "tests/spec/gate_script.h"

enum {
    PROGRAMS = 20000, SCHEDULES = 12, MUTATED_PROGRAMS = 20000, TRACE_MAX = 400

};

/* What this test is for; the others of 5.1 and 5.3 are the client's. */
static const uint32_t by_trace[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 14, 15, 18, 19,
                                    20, 21, 22, 23, 24, 25, 26, 27, 28, 48, 52, 54, 55, 58, 61};
static const uint32_t by_pair[] = {12, 13, 16, 17, 27};

static struct gate_report total;

static void add(const struct gate_report *r)
{
    for (uint32_t i = 0; i < GATE_PROPERTIES; i++) {
        total.checked[i] += r->checked[i];
        total.failed[i] += r->failed[i];
    }
    total.steps += r->steps;
}

/* ---- runs ---- */

static bool run(void (*body)(void), const struct choice_source *source, uint32_t processors,
                struct gate_report *report)
{
    const struct sim_options options = {
        .processors = processors, .steps_max = 400000, .trace = true};
    size_t count;
    void *argument;
    memcpy(&argument, &body, sizeof argument);
    enum sim_verdict verdict =
        sim_run(ke_test_sim, ke_test_main, argument, &options, source, NULL);
    if (verdict != SIM_VERDICT_OK) {
        ke_test_describe("unexpected");
        return false;
    }
    const struct gate_setting setting = {client.plan.static_mask, true, NULL};
    const struct sim_trace_event *event = sim_trace_events(ke_test_sim, &count);
    gate_monitor(event, count, &setting, report);
    return true;
}

static bool run_program(uint64_t number, struct gate_report *report)
{
    const struct choice_source source = {
        .kind = CHOICE_RANDOM,
        .seed = 0x9E3779B97F4A7C15ull * (number + 1),
        .switch_one_in = 1 + (uint32_t)(number % 5),
        .world_one_in = 1 + (uint16_t)(number % 7),
        .faults_one_in = number % 3 == 0 ? 40 : 0,
    };
    client.plan = program_plan(number);
    client.random = sim_mix(7, number);
    return run(program_body, &source, 2 + (uint32_t)(number % 3), report);
}

static void assert_holds(const struct gate_report *report, const char *what, uint64_t number)
{
    if (gate_has_failed(report)) {
        print_error("%s %llu, event %llu: %s\n", what, (unsigned long long)number,
                    (unsigned long long)report->message_seq, report->message);
        fail();
    }
}

static void test_programs(void **state)
{
    static struct gate_report report;
    (void)state;
    for (uint64_t number = 0; number < PROGRAMS; number++) {
        if (!run_program(number, &report)) {
            print_error("program %llu\n", (unsigned long long)number);
            fail();
        }
        assert_holds(&report, "program", number);
        add(&report);
    }
}

/* ---- scripts ---- */

static void run_script(void (*body)(void), uint32_t variant, uint64_t number,
                       struct gate_report *report)
{
    struct choice_source source = {.kind = CHOICE_TAME};
    if (number > 0) {
        source = (struct choice_source){.kind = CHOICE_RANDOM,
                                        .seed = 0x9E3779B97F4A7C15ull * number,
                                        .switch_one_in = 1 + (uint32_t)(number % 4)};
    }
    script.variant = variant;
    client.random = 1;
    if (!run(body, &source, 2, report)) {
        print_error("schedule %llu\n", (unsigned long long)number);
        fail();
    }
    assert_holds(report, "script, schedule", number);
}

static const struct pair {
    void (*body)(void);
    uint32_t property, likeness;
} pairs[] = {
    {script_mask, 12, GATE_SAME_STATE | GATE_SAME_ENTERS},
    {script_order, 13, GATE_SAME_STATE | GATE_SAME_ENTERS},
    {script_irp, 16, GATE_SAME_STATE | GATE_SAME_ENTERS},
    {script_late, 17, GATE_SAME_STATE | GATE_SAME_ENTERS | GATE_SAME_RESULTS},
    {script_cycle, 27, GATE_SAME_STATE | GATE_SAME_ENTERS},
};

static void test_scripts(void **state)
{
    static struct gate_report one, other;
    (void)state;
    model_knob_force(KNOB_EVENT_IRQL, 2);
    for (uint64_t number = 0; number < SCHEDULES; number++) {
        for (size_t i = 0; i < SIM_COUNT(pairs); i++) {
            run_script(pairs[i].body, 0, number, &other);
            run_script(pairs[i].body, 1, number, &one);
            add(&other);
            if (!gate_compare(&one, &other, pairs[i].property, pairs[i].likeness)) {
                print_error("PROP-%02u, schedule %llu: the two runs differ\n", pairs[i].property,
                            (unsigned long long)number);
                fail();
            }
            add(&one);
        }
        run_script(script_static, 0, number, &one);
        add(&one);
        run_script(script_accept, 0, number, &one);
        add(&one);
    }
    model_knob_force(KNOB_EVENT_IRQL, -1);
}

/* Every property had something to look at. */
static void test_reach(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIM_COUNT(by_trace); i++) {
        if (total.checked[by_trace[i]] == 0) {
            print_error("PROP-%02u was never looked at\n", by_trace[i]);
            fail();
        }
    }
    for (size_t i = 0; i < SIM_COUNT(by_pair); i++) {
        assert_true(total.checked[by_pair[i]] > 0);
    }
    for (uint32_t p = 0; p < GATE_PROPERTIES; p++) {
        if (total.checked[p] != 0) {
            print_message("%s%02u looked at %llu times\n", gate_is_extra(p) ? "extra " : "PROP-", p,
                          (unsigned long long)total.checked[p]);
        }
    }
    for (uint32_t p = 0; p < GATE_PROPERTIES; p++) {
        assert_int_equal(total.failed[p], 0);
    }
}

/* ---- the monitor can fail ---- */

static bool is_read(uint16_t kind)
{
    static const uint16_t kinds[] = {
        TRACE_Call, TRACE_Return, TRACE_IrpSubmit, TRACE_IrpComplete, TRACE_IrpCompletionEnter,
        TRACE_IrpCompletionLeave, TRACE_CallbackEnter, TRACE_CallbackLeave, TRACE_EventEnable,
        TRACE_EventDisable, TRACE_EventOff, TRACE_ForcedClose, TRACE_CloseStart, TRACE_CloseEnd};
    for (size_t i = 0; i < SIM_COUNT(kinds); i++) {
        if (kinds[i] == kind) {
            return true;
        }
    }
    return kind >= GATE_NOTE_SOCKET && kind < GATE_NOTE_END;
}

/* The part of the last trace that the monitor reads; 0 if it is too long to be mutated. */
static size_t copy_trace(struct sim_trace_event *out)
{
    size_t count, kept = 0;
    const struct sim_trace_event *event = sim_trace_events(ke_test_sim, &count);
    for (size_t i = 0; i < count; i++) {
        if (is_read(event[i].kind)) {
            if (kept == TRACE_MAX) {
                return 0;
            }
            out[kept++] = event[i];
        }
    }
    return kept;
}

enum mutation { DROP, TWICE, MOVE_1, MOVE_3, MOVE_9, MOVE_27, CHANGE_0, CHANGE_1, CHANGE_2,
                CHANGE_3, MUTATIONS };

/* One mistake at `at`; returns the new length. */
static size_t mutate(const struct sim_trace_event *in, size_t count, size_t at,
                     enum mutation mutation, struct sim_trace_event *out)
{
    static const size_t distance[] = {[MOVE_1] = 1, [MOVE_3] = 3, [MOVE_9] = 9, [MOVE_27] = 27};
    static const uint32_t status[] = {GATE_STATUS_SUCCESS, GATE_STATUS_PENDING,
                                      GATE_STATUS_EVENT_PENDING, GATE_STATUS_NOT_ACCEPTED};
    memcpy(out, in, count * sizeof *in);
    switch (mutation) {
    case DROP:
        memmove(&out[at], &out[at + 1], (count - at - 1) * sizeof *out);
        return count - 1;
    case TWICE:
        memmove(&out[at + 1], &out[at], (count - at) * sizeof *out);
        return count + 1;
    case MOVE_1:
    case MOVE_3:
    case MOVE_9:
    case MOVE_27: {
        size_t to = at + distance[mutation] < count ? at + distance[mutation] : count - 1;
        memmove(&out[at], &out[at + 1], (to - at) * sizeof *out);
        out[to] = in[at];
        return count;
    }
    case CHANGE_0:
    case CHANGE_1:
    case CHANGE_2:
    case CHANGE_3:
        out[at].value = (out[at].value & ~(uint64_t)UINT32_MAX) | status[mutation - CHANGE_0];
        return count;
    case MUTATIONS:
        break;
    }
    return count;
}

static bool killed[GATE_PROPERTIES];
static uint64_t mutants;

/* Every mutation of one trace. `original` may be NULL; with it pairs are compared, too. */
static void mutate_trace(const struct sim_trace_event *in, size_t count, ULONG static_mask,
                         const struct gate_report *original)
{
    static struct sim_trace_event out[TRACE_MAX + 1];
    static struct gate_report report;
    const struct gate_setting setting = {static_mask, true, NULL};
    for (size_t at = 0; at < count; at++) {
        for (uint32_t mutation = 0; mutation < MUTATIONS; mutation++) {
            size_t size = mutate(in, count, at, (enum mutation)mutation, out);
            gate_monitor(out, size, &setting, &report);
            mutants++;
            for (size_t i = 0; original != NULL && i < SIM_COUNT(pairs); i++) {
                if (pairs[i].property != 12 && pairs[i].property != 27) {
                    gate_compare(&report, original, pairs[i].property, pairs[i].likeness);
                }
            }
            for (uint32_t p = 0; p < GATE_PROPERTIES; p++) {
                killed[p] = killed[p] || report.failed[p] != 0;
            }
        }
    }
}

/* True if this run looks at a property that no mutant has broken yet. */
static bool is_wanted(const struct gate_report *report)
{
    for (size_t i = 0; i < SIM_COUNT(by_trace); i++) {
        if (!killed[by_trace[i]] && report->checked[by_trace[i]] != 0) {
            return true;
        }
    }
    for (uint32_t p = 0; p < GATE_PROPERTIES; p++) {
        if (gate_is_extra(p) && !killed[p] && report->checked[p] != 0) {
            return true;
        }
    }
    return false;
}

static void test_self(void **state)
{
    static struct gate_report report;
    static struct sim_trace_event trace[TRACE_MAX];
    static void (*const scripts[])(void) = {script_static, script_accept, script_irp, script_late,
                                            script_cycle};
    (void)state;
    model_knob_force(KNOB_EVENT_IRQL, 2);
    for (size_t i = 0; i < SIM_COUNT(scripts); i++) {
        run_script(scripts[i], 1, 0, &report);
        size_t count = copy_trace(trace);
        assert_true(count > 0);
        mutate_trace(trace, count, client.plan.static_mask, &report);
    }
    model_knob_force(KNOB_EVENT_IRQL, -1);
    for (uint64_t number = 0; number < MUTATED_PROGRAMS; number++) {
        assert_true(run_program(number, &report));
        size_t count = is_wanted(&report) ? copy_trace(trace) : 0;
        if (count > 0) {
            mutate_trace(trace, count, client.plan.static_mask, NULL);
        }
    }
    uint32_t missed = 0;
    for (uint32_t p = 0; p < GATE_PROPERTIES; p++) {
        bool is_ours = gate_is_extra(p);
        for (size_t i = 0; i < SIM_COUNT(by_trace); i++) {
            is_ours = is_ours || by_trace[i] == p;
        }
        for (size_t i = 0; i < SIM_COUNT(by_pair); i++) {
            is_ours = is_ours || by_pair[i] == p;
        }
        if (is_ours && !killed[p]) {
            print_error("PROP-%02u: no mutated trace breaks it\n", p);
            missed++;
        }
    }
    print_message("%llu mutated traces\n", (unsigned long long)mutants);
    assert_int_equal(missed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_programs),
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_reach),
        cmocka_unit_test(test_self),
    };
    return cmocka_run_group_tests(tests, ke_test_setup, NULL);
}
