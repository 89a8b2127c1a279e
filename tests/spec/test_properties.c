/* SPDX-License-Identifier: MIT */
/*
 * The properties of the three documents over runs of the generated client (tests/spec/client),
 * which is loaded like any driver: legal programs under random schedules, worlds, faults and
 * readings.
 */
#include <stdlib.h>

#include "tests/spec/property_bed.h"
#include "tests/spec/property_pairs.h"
#include "tests/spec/trace_mutation.h"

enum {
    PROGRAMS = 4000,
    ILLEGAL_PROGRAMS = 2500,
    PAIRS = 100,
    LIMIT_ONE_IN = 100,
    MUTATED_RUNS = 150,
    MUTATED_TRIES = 24,
    MUTATED_EVENTS = 3,
    MUTATED_MAX = 2500
};

/* Where a property is checked (properties.def). */
enum property_home {
    HOME_TRACE,
    HOME_GATE,
    HOME_GATE_PAIR,
    HOME_ALIAS,
    HOME_PAIR,
    HOME_BREACH,
    HOME_CASE
};

static struct trace_report total;

static void test_legal(void **state)
{
    static struct trace_report report;
    (void)state;
    bed_open("wsk_program");
    for (uint64_t number = 0; number < PROGRAMS; number++) {
        struct bed_run run = bed_plan(number);
        if (!bed_run(&run, &report)) {
            print_error("program %llu\n", (unsigned long long)number);
            fail();
        }
        bed_assert(&report, number);
        trace_report_add(&total, &report);
    }
}

/* ---- illegal on purpose ---- */

static const struct illegal {
    const char *name, *rules, *properties;
} illegal[] = {
#define ILLEGAL(name, phase, rules, properties) {#name, rules, properties},
#include "tests/spec/client/illegal.def"
#undef ILLEGAL
};
static uint64_t found[SIM_COUNT(illegal)];

/* The step that the last run has taken, + 1; 0 = none. */
static uint32_t step_taken(void)
{
    size_t count;
    const struct sim_trace_event *event = sim_trace_events(bed_sim, &count);
    for (size_t i = count; i-- > 0;) {
        uint32_t note = GATE_NOTE_SOCKET + (event[i].object >> 24);
        if (event[i].kind == TRACE_Note && note == LIFE_NOTE_ILLEGAL) {
            return (event[i].object & 0xffffffu) % (uint32_t)SIM_COUNT(illegal) + 1;
        }
    }
    return 0;
}

static void judge_illegal(uint64_t number, enum sim_verdict verdict, uint32_t step)
{
    const char *rule =
        verdict == SIM_VERDICT_VIOLATION ? model_rules[bed_sim->violation.rule].id : "none";
    if (step == 0) {
        if (verdict != SIM_VERDICT_OK) {
            print_error("program %llu breaks no rule on purpose\n", (unsigned long long)number);
            bed_describe(verdict);
            fail();
        }
        return;
    }
    if (verdict != SIM_VERDICT_VIOLATION || !bed_has_word(illegal[step - 1].rules, rule)) {
        print_error("program %llu, %s: wanted %s\n", (unsigned long long)number,
                    illegal[step - 1].name, illegal[step - 1].rules);
        bed_describe(verdict);
        fail();
    }
    found[step - 1]++;
}

/* Every program ends in one breach, which must be found, and nothing else. */
static void test_illegal(void **state)
{
    (void)state;
    bed_open("wsk_program_illegal");
    for (uint64_t number = 0; number < ILLEGAL_PROGRAMS; number++) {
        struct bed_run run = bed_plan(number);
        run.source.knob_one_in = 0;
        run.source.faults_one_in = 0; /* on a socket that dies in the call it would be no breach */
        run.options.processors = 1;   /* at DISPATCH_LEVEL nobody else is faster than a breach */
        enum sim_verdict verdict = bed_only_run(&run);
        if (verdict != SIM_VERDICT_LIMIT) {
            judge_illegal(number, verdict, step_taken());
        }
    }
    for (size_t i = 0; i < SIM_COUNT(illegal); i++) {
        if (found[i] == 0) {
            print_error("no program takes the step %s\n", illegal[i].name);
            fail();
        }
    }
}

/* ---- properties over pairs of runs ---- */

/* The comparisons can fail: another program is another run, and a broken Level is noticed. */
static void test_pairs_differ(void **state)
{
    bool is_noticed = false;
    (void)state;
    bed_open("wsk_program");
    struct bed_run one = bed_plan(0), other = bed_plan(2);
    (void)bed_only_run(&one);
    uint64_t fingerprint = sim_fingerprint(bed_sim);
    (void)bed_only_run(&other);
    assert_true(sim_fingerprint(bed_sim) != fingerprint);
#if WSKSIM_MUTANTS
    for (uint32_t m = 0; m < MODEL_MUTANT_COUNT; m++) {
        if (strcmp(model_mutants[m].name, "ioctl_level_matters") == 0) {
            model_mutant_on = (uint16_t)(m + 1);
        }
    }
    assert_true(model_mutant_on != 0);
    for (uint64_t number = 0; number < PAIRS && !is_noticed; number++) {
        is_noticed = pair_levels_differ(number, NULL);
    }
    model_mutant_on = 0;
    assert_true(is_noticed);
#endif
    (void)is_noticed;
}

static void test_pairs(void **state)
{
    static const char *const drivers[] = {"tcp_echo", "udp_responder", "tcp_client"};
    (void)state;
    bed_open("wsk_program");
    for (uint64_t number = 0; number < PAIRS; number++) {
        pair_again(number, &total);
        pair_level(number, &total);
        pair_turned(number, &total);
        pair_raised(number, &total);
    }
    for (size_t i = 0; i < SIM_COUNT(drivers); i++) {
        char path[64];
        snprintf(path, sizeof path, "../drivers/%s", drivers[i]);
        bed_open(path);
        for (uint64_t number = 0; number < PAIRS; number++) {
            pair_driver(drivers[i], number, &total);
        }
    }
}

/* ---- the monitors can fail ---- */

static bool is_broken[REPORT_PROPERTIES];

static const struct property {
    const char *id;
    enum property_home home;
    const char *where;
} properties[] = {
#define PROPERTY(id, home, where) {id, HOME_##home, where},
#include "tests/spec/properties.def"
#undef PROPERTY
};

/* Of the report; 0 = no such property. */
static uint32_t property_number(const char *id)
{
    char name[16];
    for (uint32_t p = 1; p < REPORT_PROPERTIES; p++) {
        if (strcmp(trace_property_name(p, name), id) == 0) {
            return p;
        }
    }
    return 0;
}

/* Every property that is checked over runs was, and few runs met a limit of ours. */
static void test_reach(void **state)
{
    char name[16];
    uint32_t unseen = 0;
    (void)state;
    for (size_t i = 0; i < SIM_COUNT(properties); i++) {
        bool is_here = properties[i].home == HOME_TRACE || properties[i].home == HOME_PAIR;
        if (is_here && total.checked[property_number(properties[i].id)] == 0) {
            print_error("%s was never looked at\n", properties[i].id);
            unseen++;
        }
    }
    for (uint32_t p = 0; p < REPORT_PROPERTIES; p++) {
        if (total.checked[p] != 0) {
            print_message("%s looked at %llu times\n", trace_property_name(p, name),
                          (unsigned long long)total.checked[p]);
        }
        assert_int_equal(total.failed[p], 0);
    }
    print_message("%llu of %llu runs met a limit\n", (unsigned long long)bed_limits,
                  (unsigned long long)bed_runs);
    assert_true(bed_limits * LIMIT_ONE_IN <= bed_runs);
    assert_int_equal(unseen, 0);
}

static uint32_t tries[REPORT_PROPERTIES];

/* True if the run looks at a property that no mistake has broken yet, and few were tried. */
static bool is_wanted(const struct trace_report *report)
{
    bool is_any = false;
    for (size_t i = 0; i < SIM_COUNT(properties); i++) {
        uint32_t p = property_number(properties[i].id);
        if (properties[i].home == HOME_TRACE && report->checked[p] != 0 && !is_broken[p] &&
            tries[p] < MUTATED_TRIES) {
            tries[p]++;
            is_any = true;
        }
    }
    return is_any;
}

static void mutate_at(size_t at, const struct trace_setting *setting)
{
    static struct sim_trace_event out[BED_TRACE_MAX + TM_ROOM];
    static struct trace_report life, kernel;
    for (uint32_t mutation = 0; mutation < TM_COUNT; mutation++) {
        size_t size = trace_mutate(bed_event, bed_events, at, (enum trace_mutation)mutation, out);
        life_monitor(out, size, setting, &life);
        kernel_monitor(out, size, setting, &kernel);
        for (uint32_t p = 0; p < REPORT_PROPERTIES; p++) {
            is_broken[p] = is_broken[p] || life.failed[p] != 0 || kernel.failed[p] != 0;
        }
    }
}

/* Of each kind a few, spread over the trace, others in each run. */
static void mutate_run(uint32_t run, const struct trace_setting *setting)
{
    static uint32_t count[TM_KINDS], seen[TM_KINDS];
    memset(count, 0, sizeof count);
    memset(seen, 0, sizeof seen);
    for (size_t at = 0; at < bed_events; at++) {
        count[trace_kind(&bed_event[at]) % TM_KINDS]++;
    }
    for (size_t at = 0; at < bed_events; at++) {
        uint32_t kind = trace_kind(&bed_event[at]) % TM_KINDS;
        uint32_t stride = 1 + count[kind] / MUTATED_EVENTS;
        if (seen[kind]++ % stride == run % stride) {
            mutate_at(at, setting);
        }
    }
}

static void test_self(void **state)
{
    static struct trace_report report;
    uint32_t runs = 0;
    (void)state;
    bed_open("wsk_program");
    for (uint64_t number = 0; number < PROGRAMS && runs < MUTATED_RUNS; number++) {
        struct bed_run run = bed_plan(number);
        assert_true(bed_run(&run, &report));
        if (bed_events < MUTATED_MAX && is_wanted(&report)) {
            const struct trace_setting setting = {.is_finished = true,
                                                  .is_default = run.is_default,
                                                  .is_faultless = run.source.faults_one_in == 0,
                                                  .is_calm = run.source.world_one_in == 0};
            mutate_run(runs, &setting);
            runs++;
        }
    }
    print_message("%u traces with mistakes in them\n", runs);
}

/* ---- every property has a home ---- */

static bool is_illegal_home(const char *id, const char *name)
{
    for (size_t i = 0; i < SIM_COUNT(illegal); i++) {
        if (strcmp(illegal[i].name, name) == 0) {
            return found[i] != 0 && bed_has_word(illegal[i].properties, id);
        }
    }
    return false;
}

/* A case of tests/rules with this name that names the property. */
static bool is_case_home(const char *id, const char *name)
{
    char command[512];
    snprintf(command, sizeof command,
             "cat '" RULES_FOLDER "'/*.c | grep -A2 '^[A-Z]*(%s,' | grep -q '\\b%s\\b'", name, id);
    return system(command) == 0;
}

/* What an alias names is not one itself. */
static bool is_checked_itself(const char *id)
{
    for (size_t i = 0; i < SIM_COUNT(properties); i++) {
        if (strcmp(properties[i].id, id) == 0 && properties[i].home != HOME_ALIAS) {
            return true;
        }
    }
    return false;
}

static bool is_home(const struct property *p, uint32_t number)
{
    switch (p->home) {
    case HOME_TRACE:
        return total.checked[number] != 0 && is_broken[number];
    case HOME_GATE: /* test_gate_traces asserts that it is looked at, and breaks it */
    case HOME_GATE_PAIR:
        return strcmp(p->where, "test_gate_traces") == 0;
    case HOME_ALIAS:
        return is_checked_itself(p->where);
    case HOME_PAIR:
        return total.checked[number] != 0;
    case HOME_BREACH:
        return is_illegal_home(p->id, p->where);
    case HOME_CASE:
        return is_case_home(p->id, p->where);
    }
    return false;
}

static void test_table(void **state)
{
    static bool has_home[REPORT_PROPERTIES];
    char name[16];
    uint32_t bad = 0;
    (void)state;
    for (size_t i = 0; i < SIM_COUNT(properties); i++) {
        uint32_t number = property_number(properties[i].id);
        if (number == 0 || !is_home(&properties[i], number)) {
            print_error("%s: not (or never) checked by %s%s\n", properties[i].id,
                        properties[i].where,
                        properties[i].home == HOME_TRACE && total.checked[number] != 0
                            ? ": no mistake in a trace breaks it"
                            : "");
            bad++;
        } else {
            has_home[number] = true;
        }
    }
    for (uint32_t p = 1; p < REPORT_PROPERTIES; p++) {
        bool is_id = p <= REPORT_CONTROL_LAST ||
                     (p > REPORT_LIFE && p <= REPORT_LIFE + REPORT_LIFE_LAST) ||
                     (p > REPORT_KERNEL && p <= REPORT_KERNEL + REPORT_KERNEL_LAST);
        if (is_id && !has_home[p]) {
            print_error("%s has no home\n", trace_property_name(p, name));
            bad++;
        }
    }
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_legal), cmocka_unit_test(test_illegal), cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_pairs_differ),
        cmocka_unit_test(test_reach), cmocka_unit_test(test_self),    cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
