/* SPDX-License-Identifier: MIT */
/*
 * The other half of the suite for property_mutants.c: programs and scripts of the gate's client
 * (gate_program.h, gate_script.h), read by the gate's monitor. The scripts wait until all is quiet,
 * so that they see an event that is missing, which no run of the generated client can.
 */
#include "tests/spec/property_gate.h"

#include <stdio.h>

#include "tests/spec/gate_monitor.h"
#include "tests/spec/gate_program.h"
#include "tests/spec/gate_script.h"

enum { SCRIPT_SCHEDULES = 6 };

static const struct pair {
    void (*body)(void);
    uint32_t property, likeness; /* 0: no pair */
} pairs[] = {
    {script_mask, 12, GATE_SAME_STATE | GATE_SAME_ENTERS},
    {script_order, 13, GATE_SAME_STATE | GATE_SAME_ENTERS},
    {script_irp, 16, GATE_SAME_STATE | GATE_SAME_ENTERS},
    {script_late, 17, GATE_SAME_STATE | GATE_SAME_ENTERS | GATE_SAME_RESULTS},
    {script_cycle, 27, GATE_SAME_STATE | GATE_SAME_ENTERS},
    {script_static, 0, 0},
    {script_accept, 0, 0},
};

/* False if it does not end well. */
static bool run(void (*body)(void), const struct choice_source *source, uint32_t processors,
                struct gate_report *report)
{
    const struct sim_options options = {
        .processors = processors, .steps_max = 400000, .trace = true};
    size_t count;
    void *argument;
    memcpy(&argument, &body, sizeof argument);
    enum sim_verdict verdict = sim_run(ke_test_sim, ke_test_main, argument, &options, source, NULL);
    const struct gate_setting setting = {client.plan.static_mask, verdict == SIM_VERDICT_OK, NULL};
    const struct sim_trace_event *event = sim_trace_events(ke_test_sim, &count);
    gate_monitor(event, count, &setting, report);
    return verdict == SIM_VERDICT_OK;
}

static bool run_script(void (*body)(void), uint32_t variant, uint64_t number,
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
    return run(body, &source, 2, report);
}

static bool run_program(uint64_t number, struct gate_report *report)
{
    const struct choice_source source = {
        .kind = CHOICE_RANDOM,
        .seed = 0x9E3779B97F4A7C15ull * (number + 1),
        .switch_one_in = 1 + (uint32_t)(number % 5),
        .world_one_in = (uint16_t)(1 + number % 7),
        .faults_one_in = number % 3 == 0 ? 40 : 0,
    };
    client.plan = program_plan(number);
    client.random = sim_mix(7, number);
    return run(program_body, &source, 2 + (uint32_t)(number % 3), report);
}

static bool is_killed(const struct gate_report *report, char *killer, size_t size)
{
    if (gate_has_failed(report)) {
        snprintf(killer, size, "%s", report->message);
        return true;
    }
    return false;
}

static bool script_kills(const struct pair *p, uint64_t number, char *killer, size_t size)
{
    static struct gate_report one, other;
    bool is_good = run_script(p->body, 0, number, &other);
    if (is_killed(&other, killer, size) || p->property == 0 || !is_good) {
        return gate_has_failed(&other);
    }
    is_good = run_script(p->body, 1, number, &one);
    if (is_killed(&one, killer, size) || !is_good) {
        return gate_has_failed(&one);
    }
    if (!gate_compare(&one, &other, p->property, p->likeness)) {
        snprintf(killer, size, "PROP-%02u: a script and its variant differ", p->property);
        return true;
    }
    return false;
}

void property_gate_open(void)
{
    (void)ke_test_setup(NULL);
}

bool property_gate_kills(uint64_t number, char *killer, size_t size)
{
    static struct gate_report report;
    bool is_dead = false;
    if (number < SCRIPT_SCHEDULES * SIM_COUNT(pairs)) {
        client.plan = (struct client_plan){0};
        model_knob_force(KNOB_EVENT_IRQL, 2);
        is_dead = script_kills(&pairs[number % SIM_COUNT(pairs)], number / SIM_COUNT(pairs), killer,
                               size);
        model_knob_force(KNOB_EVENT_IRQL, -1);
        return is_dead;
    }
    (void)run_program(number, &report);
    return is_killed(&report, killer, size);
}
