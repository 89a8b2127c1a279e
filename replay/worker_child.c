/* SPDX-License-Identifier: MIT */
/*
 * The worker's side: opens the module, makes its runs, reports each new finding once.
 *
 * Invariant: everything the parent needs to rebuild the run in progress is in the page before the run
 * begins; the log follows choice by choice.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "replay/worker_internal.h"

enum { SEEN_MAX = 1024, STUCK_TICKS = 3, PUBLISH_EVERY = 1024 };

static struct {
    struct worker_page *page;
    int pipe;
    struct replay_session session;
    struct choice_log confirm_log;
    uint64_t seen[SEEN_MAX]; /* raw keys already reported */
    uint32_t seen_count;
    uint64_t total_steps;
    uint64_t watched_seq;
    int64_t watched_countdown;
    int stuck;
} child;

static void send_all(const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t written = write(child.pipe, at, size);
        if (written <= 0) {
            _exit(1); /* the parent is gone */
        }
        at += written;
        size -= (size_t)written;
    }
}

static void send_message(enum worker_event event, uint64_t run, const struct replay_case *c,
                         const struct replay_result *result, const char *text)
{
    struct worker_message message = {.event = event, .run = run};
    if (c != NULL) {
        message.replay = *c;
        message.choices_size = (uint32_t)c->choices_size;
        message.check_count = (uint32_t)c->check_count;
    }
    if (result != NULL) {
        message.result = *result;
    }
    if (text != NULL) {
        snprintf(message.text, sizeof message.text, "%s", text);
    }
    send_all(&message, sizeof message);
    if (c != NULL) {
        send_all(c->choices, c->choices_size);
        send_all(c->checks, c->check_count * sizeof *c->checks);
    }
}

/* ---- the wall clock: a plain module that spins without calling anybody ---- */

/*
 * Three ticks of 100 ms without a point or an event: the driver spins. With access hooks the budget of
 * accesses finds this first, and exactly.
 */
static void on_tick(int signal)
{
    (void)signal;
    struct sim *s = child.session.sim;
    if (s == NULL || !s->is_running) {
        child.stuck = 0;
        return;
    }
    if (s->seq != child.watched_seq || s->countdown != child.watched_countdown) {
        child.watched_seq = s->seq;
        child.watched_countdown = s->countdown;
        child.stuck = 0;
        return;
    }
    if (++child.stuck >= STUCK_TICKS) {
        child.stuck = 0;
        s->hooks->livelock(s);
    }
}

static void start_ticking(void)
{
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_NODEFER | SA_ONSTACK | SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    const struct itimerval every = {.it_interval = {.tv_usec = 100000},
                                    .it_value = {.tv_usec = 100000}};
    setitimer(ITIMER_REAL, &every, NULL);
}

/* ---- runs ---- */

static void count_run(const struct replay_result *result)
{
    struct worker_counters *c = &child.page->counters;
    c->steps += result->steps;
    c->switches += result->switches;
    c->decisions += result->decisions;
    c->limits += result->verdict == SIM_VERDICT_LIMIT;
    c->violations += result->verdict == SIM_VERDICT_VIOLATION;
    c->steps_min = c->runs == 0 || result->steps < c->steps_min ? result->steps : c->steps_min;
    c->steps_max = result->steps > c->steps_max ? result->steps : c->steps_max;
    uint64_t bit = result->fingerprint % (SIM_COUNT(c->distinct_bits) * 64);
    c->distinct_bits[bit / 64] |= 1ull << (bit % 64);
    c->runs++;
}

static bool is_new(uint64_t key)
{
    for (uint32_t i = 0; i < child.seen_count; i++) {
        if (child.seen[i] == key) {
            return false;
        }
    }
    if (child.seen_count < SEEN_MAX) {
        child.seen[child.seen_count++] = key;
    }
    return true;
}

/* Runs the case once more as a recording: believed only if everything comes out the same. */
static bool repeats(const struct replay_case *c, const struct replay_result *first)
{
    struct replay_result again;
    replay_session_case(&child.session, c, false, 0, &child.confirm_log, &again);
    return again.verdict == first->verdict && again.fingerprint == first->fingerprint &&
           !again.diverged && again.violation.rule == first->violation.rule;
}

static void report(const struct replay_options *options, const struct replay_result *result,
                   uint64_t run)
{
    struct replay_case c =
        replay_case_of(&child.session, options, &child.page->log, result);
    enum worker_event event = repeats(&c, result) ? WORKER_FINDING : WORKER_FLAKY;
    send_message(event, run, &c, result, NULL);
    replay_case_free(&c);
}

/* How often each rule was looked at, for the end report; now and then, since it is a few KiB. */
static void publish_rules(void)
{
    const struct model *model = child.session.sim->model;
    struct worker_counters *c = &child.page->counters;
    memcpy(c->rule_exercised, model->rule_exercised, sizeof c->rule_exercised);
    memcpy(c->rule_lints, model->rule_lints, sizeof c->rule_lints);
}

static void begin(uint64_t run, const struct replay_options *options)
{
    struct worker_page *page = child.page;
    page->options = *options;
    page->run = run;
    page->started++;
    page->is_running = true;
}

static void run_campaign(const struct worker_job *job)
{
    struct replay_plan plan = job->plan;
    uint64_t n = job->first;
    for (uint64_t i = 0; i < job->runs; i++, n += job->stride) {
        struct choice_source source;
        struct replay_options options;
        struct replay_result result;
        replay_portfolio(&plan, n, &job->options, &source, &options);
        source.access_points = options.access_points;
        begin(n, &options);
        replay_session_run(&child.session, &options, &source, &child.page->log, &result);
        child.page->is_running = false;
        count_run(&result);
        if (i % PUBLISH_EVERY == 0) {
            publish_rules();
        }
        child.total_steps += result.steps;
        if (result.verdict == SIM_VERDICT_VIOLATION) {
            if (is_new(result.raw_key)) {
                report(&options, &result, n);
            }
            if (!job->keep_going) {
                return;
            }
            if (result.violation.memory_damaged) {
                return; /* retire: the parent starts a fresh one */
            }
        }
    }
}

static void run_only(const struct replay_case *only)
{
    struct replay_result result;
    begin(0, &only->options);
    replay_session_case(&child.session, only, false, 0, &child.page->log, &result);
    child.page->is_running = false;
    send_message(WORKER_FINDING, 0, only, &result, NULL);
}

void worker_child(const struct worker_job *job, struct worker_page *page, int pipe,
                  const struct replay_case *only)
{
    char message[SIM_MODULE_MESSAGE_MAX];
    child.page = page;
    child.pipe = pipe;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_IGN); /* the parent decides when to stop */
    signal(SIGPIPE, SIG_IGN);
    if (!replay_session_open(&child.session, job->module_path, message, sizeof message)) {
        send_message(WORKER_FAILED, 0, NULL, NULL, message);
        _exit(1);
    }
    snprintf(page->module, sizeof page->module, "%.63s", child.session.module.name);
    snprintf(page->identity, sizeof page->identity, "%s", child.session.module.identity);
    page->flavour = child.session.module.flavour;
    if ((page->flavour & SIM_MODULE_ACCESS) == 0) {
        start_ticking();
    }
    if (only != NULL) {
        run_only(only);
    } else {
        run_campaign(job);
    }
    publish_rules();
    send_message(WORKER_DONE, 0, NULL, NULL, NULL);
    _exit(0);
}
