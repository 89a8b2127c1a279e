/* SPDX-License-Identifier: MIT */
/*
 * The WSK rows: bench/scenario.c, built plain and built like any driver, run through a session as a
 * campaign does: random schedules with log and fingerprint, no trace.
 *
 * Four mixtures are measured, from the one the bars speak of (any ready context may run at every
 * point; the world is tame, so that each run does all of its exchanges) to tame runs and runs whose
 * world misbehaves. Where the time goes is sampled: a profiling timer looks at the program counter.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <ucontext.h>

#include "bench/bench.h"
#include "replay/session.h"

static struct {
    struct replay_session session;
    struct choice_log log;
    volatile uint64_t in_driver, in_checks, samples;
} wsk;

struct total {
    struct bench_rate rate;
    uint64_t decisions, picks, switches, bad;
};

static void on_sample(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    const ucontext_t *c = context;
    uintptr_t pc = (uintptr_t)c->uc_mcontext.gregs[REG_RIP];
    wsk.samples++;
    if (sim_module_is_support(&wsk.session.module, pc)) {
        wsk.in_checks++;
    } else if (sim_module_is_text(&wsk.session.module, pc)) {
        wsk.in_driver++;
    }
}

static void sample(bool on)
{
    struct sigaction action = {.sa_sigaction = on_sample, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct itimerval timer = {0};
    sigaction(SIGPROF, &action, NULL);
    timer.it_interval.tv_usec = timer.it_value.tv_usec = on ? 1000 : 0;
    setitimer(ITIMER_PROF, &timer, NULL);
}

static struct total measure(const struct choice_source *model, double seconds)
{
    struct total t = {0};
    struct choice_source source = *model;
    const struct replay_options options = {0};
    struct replay_result result;
    double start = bench_now(), now = start;
    while (now - start < seconds) {
        for (int i = 0; i < 500; i++) {
            source.seed++;
            replay_session_run(&wsk.session, &options, &source, &wsk.log, &result);
            t.rate.points += result.steps;
            t.decisions += result.decisions;
            t.switches += result.switches;
            t.picks += wsk.log.request_count;
            t.bad += result.verdict != SIM_VERDICT_OK;
        }
        t.rate.runs += 500;
        now = bench_now();
    }
    t.rate.seconds = now - start;
    return t;
}

static void note(struct bench_report *r, const char *what, const struct total *t)
{
    double runs = (double)t->rate.runs, points = (double)t->rate.points;
    bench_note(r,
               "  %-34s %7.1f k runs/s, %5.1f points, %5.1f scheduling decisions, %5.1f choices, "
               "%4.1f switches a run, %5.1f ns a point\n",
               what, runs / t->rate.seconds / 1e3, points / runs, (double)t->decisions / runs,
               (double)t->picks / runs, (double)t->switches / runs,
               t->rate.seconds * 1e9 / points);
}

static bool open_module(struct bench_report *r, const struct bench_settings *settings,
                        const char *name)
{
    static char message[SIM_MODULE_MESSAGE_MAX];
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.so", settings->folder, name);
    if (!replay_session_open(&wsk.session, path, message, sizeof message)) {
        bench_error(r, "%.150s", message);
        return false;
    }
    return true;
}

static struct total run_mixtures(struct bench_report *r, const struct bench_settings *settings)
{
    static const struct {
        const char *name;
        struct choice_source source;
    } mixture[] = {
        {"random walk, tame world", {.kind = CHOICE_RANDOM, .switch_one_in = 1}},
        {"stretches of 8 points, tame world", {.kind = CHOICE_RANDOM, .switch_one_in = 8}},
        {"tame schedule, tame world", {.kind = CHOICE_TAME}},
        {"stretches of 8 points, wild world",
         {.kind = CHOICE_RANDOM, .switch_one_in = 8, .world_one_in = 8, .knob_one_in = 4}},
    };
    struct total first = {0};
    for (size_t i = 0; i < SIM_COUNT(mixture); i++) {
        measure(&mixture[i].source, 0.1); /* warm */
        sample(i == 0);
        struct total t = measure(&mixture[i].source, settings->seconds / (i == 0 ? 1 : 4));
        sample(false);
        note(r, mixture[i].name, &t);
        if (t.bad != 0 && first.bad == 0) {
            first.bad = t.bad;
            bench_error(r, "%llu runs of %s ended with a finding: %.90s",
                        (unsigned long long)t.bad, mixture[i].name,
                        wsk.session.sim->violation.text);
        }
        if (i == 0) {
            first = t;
        }
    }
    bench_note(r, "  of the first: %.0f %% of the time in the driver, %.0f %% in its checks\n",
               100.0 * (double)wsk.in_driver / (double)(wsk.samples + (wsk.samples == 0)),
               100.0 * (double)wsk.in_checks / (double)(wsk.samples + (wsk.samples == 0)));
    return first;
}

static double add_rate(struct bench_report *r, const char *name, const struct total *t, double bar)
{
    char text[BENCH_TEXT_MAX];
    double rate = (double)t->rate.runs / t->rate.seconds;
    snprintf(text, sizeof text, ">= %.0f k/s", bar / 1e3);
    bench_add(r, name, rate / bar, text, "%.1f k/s", rate / 1e3);
    return rate;
}

void bench_row_wsk_plain(struct bench_report *r, const struct bench_settings *settings)
{
    if (!open_module(r, settings, "bench_scenario_plain")) {
        return;
    }
    struct total t = run_mixtures(r, settings);
    double points = (double)t.rate.points / t.rate.seconds;
    add_rate(r, "WSK scenario, plain", &t, 200e3);
    bench_add(r, "  scheduling points", points / 40e6, ">= 40 M/s", "%.1f M/s (%.1f ns each)",
              points / 1e6, 1e9 / points);
}

void bench_row_wsk_checked(struct bench_report *r, const struct bench_settings *settings)
{
    if (!open_module(r, settings, "bench_scenario")) {
        return;
    }
    struct total t = run_mixtures(r, settings);
    add_rate(r, "WSK scenario, checked", &t, 100e3);
}
