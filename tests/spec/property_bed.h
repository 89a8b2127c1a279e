/* SPDX-License-Identifier: MIT */
/*
 * Runs of the generated client for the tests of properties: opens the module, makes runs that are a
 * function of a number, and reads each trace with all three monitors.
 */
#ifndef TESTS_SPEC_PROPERTY_BED_H
#define TESTS_SPEC_PROPERTY_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "model/world/run.h"
#include "sim/fault.h"
#include "sim/module.h"

#include "tests/spec/gate_monitor.h"
#include "tests/spec/life_notes.h"
#include "tests/spec/trace_report.h"

extern const struct sim_hooks model_hooks;

enum { BED_TRACE_MAX = 1 << 18 };

struct bed_run {
    struct choice_source source;
    struct sim_options options;
    bool is_default; /* no reading but the default ones */
};

static struct sim *bed_sim;
static struct sim_module bed_module;
static struct choice_log bed_log;
static struct sim_trace_event bed_event[BED_TRACE_MAX];
static size_t bed_events;

static inline void bed_open(const char *name)
{
    static bool is_open;
    char path[512];
    snprintf(path, sizeof path, "%s/%s.so", MODULE_FOLDER, name);
    if (bed_sim == NULL) {
        bed_sim = sim_create(&model_hooks);
        bed_sim->model = model_create();
        sim_fault_install();
    }
    if (is_open) {
        sim_module_close(&bed_module);
    }
    is_open = true;
    enum sim_module_error error = sim_module_open(&bed_module, path);
    if (error != SIM_MODULE_OK) {
        print_error("%s: %s\n", path, bed_module.message);
    }
    assert_int_equal(error, SIM_MODULE_OK);
}

/* Half of the runs at the default readings, some without faults, some with preemption anywhere. */
static inline struct bed_run bed_plan(uint64_t number)
{
    struct bed_run run = {.is_default = number % 2 == 0};
    run.source = (struct choice_source){
        .kind = CHOICE_RANDOM,
        .seed = 0x9E3779B97F4A7C15ull * (number + 1),
        .switch_one_in = 1 + (uint32_t)(number % 31),
        .world_one_in = (uint16_t)(number % 7),
        .faults_one_in = number % 3 == 0 ? 60 : 0,
        .knob_one_in = run.is_default ? 0 : 6,
        .program_one_in = 1,
        .access_points = number % 5 == 4,
    };
    run.options = (struct sim_options){.processors = 1 + (uint32_t)(number % 4), .trace = true};
    return run;
}

/* As the gate's monitor wants it: the client's notes are kinds of their own. */
static inline void bed_copy(void)
{
    size_t count;
    const struct sim_trace_event *event = sim_trace_events(bed_sim, &count);
    assert_true(count <= BED_TRACE_MAX);
    memcpy(bed_event, event, count * sizeof *event);
    bed_events = count;
}

static inline size_t bed_gate_trace(const struct sim_trace_event *in, size_t count,
                                    struct sim_trace_event *out, uint32_t *static_mask)
{
    *static_mask = 0;
    for (size_t i = 0; i < count; i++) {
        out[i] = in[i];
        uint32_t note = GATE_NOTE_SOCKET + (in[i].object >> 24);
        bool is_callback = in[i].kind == TRACE_CallbackEnter || in[i].kind == TRACE_CallbackLeave;
        if (is_callback && in[i].object >> 24 != OBJECT_SOCKET) {
            out[i].kind = TRACE_None; /* a DPC */
        }
        if (in[i].kind != TRACE_Note) {
            continue;
        }
        if (note == LIFE_NOTE_SETTING) {
            *static_mask = (uint32_t)in[i].value;
        }
        out[i].kind = note < GATE_NOTE_END ? (uint16_t)note : TRACE_None;
        out[i].object = in[i].object & 0xffffffu;
    }
    return count;
}

/* All monitors that the setting allows, over one trace. */
static inline void bed_monitors(const struct sim_trace_event *event, size_t count,
                                const struct trace_setting *setting, struct trace_report *report)
{
    static struct trace_report one;
    static struct gate_report gate;
    static struct sim_trace_event copy[BED_TRACE_MAX];
    life_monitor(event, count, setting, report);
    kernel_monitor(event, count, setting, &one);
    trace_report_add(report, &one);
    if (report->message_seq == 0 && one.message_seq != 0) {
        report->message_seq = one.message_seq;
        memcpy(report->message, one.message, sizeof one.message);
    }
    if (!setting->is_default) {
        return;
    }
    struct gate_setting gate_setting = {.is_finished = setting->is_finished};
    bed_gate_trace(event, count, copy, &gate_setting.static_mask);
    gate_monitor(copy, count, &gate_setting, &gate);
    for (uint32_t p = 1; p <= REPORT_CONTROL_LAST; p++) {
        report->checked[p] += gate.checked[p];
        report->failed[p] += gate.failed[p];
    }
    if (report->message_seq == 0 && gate_has_failed(&gate)) {
        report->message_seq = gate.message_seq;
        memcpy(report->message, gate.message, sizeof gate.message);
    }
}

/* Runs; does not read the trace. */
static inline enum sim_verdict bed_only_run(const struct bed_run *run)
{
    sim_module_restore(&bed_module);
    return model_run(bed_sim, (PDRIVER_INITIALIZE)(uintptr_t)bed_module.entry, &run->options,
                     &run->source, &bed_log);
}

static inline void bed_describe(enum sim_verdict verdict)
{
    print_error("verdict %d, %s: %s\n", (int)verdict,
                verdict == SIM_VERDICT_VIOLATION ? model_rules[bed_sim->violation.rule].id : "-",
                verdict == SIM_VERDICT_LIMIT ? bed_sim->limit : bed_sim->violation.text);
}

/* True if the list, words separated by blanks, has the word. */
static inline bool bed_has_word(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at += length) {
        bool is_start = at == list || at[-1] == ' ';
        if (is_start && (at[length] == ' ' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

static inline struct trace_setting bed_setting(const struct bed_run *run)
{
    return (struct trace_setting){.is_finished = true,
                                  .is_default = run->is_default,
                                  .is_faultless = run->source.faults_one_in == 0,
                                  .is_calm = run->source.world_one_in == 0};
}

/* The last run has ended in a finding: what its trace shows up to there. */
static inline void bed_read_broken(const struct bed_run *run, struct trace_report *report)
{
    struct trace_setting setting = bed_setting(run);
    setting.is_finished = false;
    setting.is_stuck = bed_sim->verdict == SIM_VERDICT_VIOLATION &&
                       strcmp(model_rules[bed_sim->violation.rule].id, "SYS-DEADLOCK") == 0;
    bed_copy();
    bed_monitors(bed_event, bed_events, &setting, report);
}

static uint64_t bed_runs, bed_limits; /* of how many runs a limit of ours was met */

/* False if the run does not end well. A run that meets a limit of ours says nothing. */
static inline bool bed_run(const struct bed_run *run, struct trace_report *report)
{
    enum sim_verdict verdict = bed_only_run(run);
    memset(report, 0, sizeof *report);
    bed_runs++;
    if (verdict == SIM_VERDICT_LIMIT) {
        bed_limits++;
        return true;
    }
    if (verdict != SIM_VERDICT_OK) {
        bed_describe(verdict);
        return false;
    }
    bed_copy();
    const struct trace_setting setting = bed_setting(run);
    bed_monitors(bed_event, bed_events, &setting, report);
    return true;
}

static inline void bed_assert(const struct trace_report *report, uint64_t number)
{
    if (trace_has_failed(report)) {
        print_error("program %llu, event %llu: %s\n", (unsigned long long)number,
                    (unsigned long long)report->message_seq, report->message);
        fail();
    }
}

#endif
