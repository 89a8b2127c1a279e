/* SPDX-License-Identifier: MIT */
/*
 * The properties of the three documents over runs of the generated client (tests/spec/client),
 * which is loaded like any driver: legal programs under random schedules, worlds, faults and
 * readings.
 */
#include "tests/spec/property_bed.h"

enum { PROGRAMS = 4000, ILLEGAL_PROGRAMS = 3000 };

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
            return (event[i].object & 0xffffffu) % SIM_COUNT(illegal) + 1;
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
        run.options.processors = 1; /* at DISPATCH_LEVEL nobody else is faster than a breach */
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

static void test_reach(void **state)
{
    char name[16];
    (void)state;
    for (uint32_t p = 0; p < REPORT_PROPERTIES; p++) {
        if (total.checked[p] != 0) {
            print_message("%s looked at %llu times\n", trace_property_name(p, name),
                          (unsigned long long)total.checked[p]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_legal),
        cmocka_unit_test(test_illegal),
        cmocka_unit_test(test_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
