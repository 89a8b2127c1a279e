/* SPDX-License-Identifier: MIT */
/*
 * The worker's side: opens the module, makes its runs, reports each new finding once.
 *
 * Invariant: everything the parent needs to rebuild the run in progress is in the page before the
 * run begins; the log follows choice by choice.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "replay/refill.h"
#include "replay/watchdog.h"
#include "replay/worker_internal.h"
#include "sim/learned.h"

enum {
    SEEN_MAX = 1024,
    SYNC_EVERY = 256, /* runs between two copies of the rule counters to the page */
    REFILL_EVERY = 32,  /* runs between two that are made again with other garbage in pool */
    SAMPLE_EVERY = 128, /* and in the locals, which takes another process */
};

static struct {
    struct worker_page *page;
    int socket;
    struct replay_session session;
    struct choice_log confirm_log;
    uint64_t seen[SEEN_MAX]; /* raw keys already reported */
    uint32_t seen_count;
    bool is_full_said;
    struct worker_counters before; /* what a predecessor had counted */
    struct sim_learned *learned[2]; /* by the runs so far, without and with access points */
} child;

static void send_all(const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t written = send(child.socket, at, size, MSG_NOSIGNAL);
        if (written < 0 && errno == EINTR) {
            continue; /* the watchdog's timer */
        }
        if (written <= 0) {
            _exit(1); /* the parent is gone */
        }
        at += written;
        size -= (size_t)written;
    }
}

static void receive_all(void *bytes, size_t size)
{
    char *at = bytes;
    while (size > 0) {
        ssize_t got = recv(child.socket, at, size, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            _exit(0); /* the parent has closed: nothing more to do */
        }
        at += got;
        size -= (size_t)got;
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
    message.text_size = text != NULL ? (uint32_t)strlen(text) : 0;
    send_all(&message, sizeof message);
    if (c != NULL) {
        send_all(c->choices, c->choices_size);
        send_all(c->checks, c->check_count * sizeof *c->checks);
    }
    send_all(text, message.text_size);
}

/* ---- counters ---- */

static void sync_rules(void)
{
    struct worker_counters *c = &child.page->counters;
    const struct model *model = model_of(child.session.sim);
    for (int i = 0; i < MODEL_RULE_COUNT; i++) {
        c->rule_exercised[i] = child.before.rule_exercised[i] + model->rule_exercised[i];
        c->rule_lints[i] = child.before.rule_lints[i] + model->rule_lints[i];
    }
}

static void count_run(const struct replay_result *result)
{
    struct worker_counters *c = &child.page->counters;
    c->steps += result->steps;
    c->switches += result->switches;
    c->decisions += result->decisions;
    if (result->verdict == SIM_VERDICT_LIMIT) {
        c->limits++;
        snprintf(c->limit, sizeof c->limit, "%s", result->limit != NULL ? result->limit : "?");
    }
    c->violations += result->verdict == SIM_VERDICT_VIOLATION;
    c->steps_min = c->runs == 0 || result->steps < c->steps_min ? result->steps : c->steps_min;
    c->steps_max = result->steps > c->steps_max ? result->steps : c->steps_max;
    uint64_t bit = result->fingerprint % (SIM_COUNT(c->distinct_bits) * 64);
    c->distinct_bits[bit / 64] |= 1ull << (bit % 64);
    if (++c->runs % SYNC_EVERY == 0) {
        sync_rules();
    }
}

/* ---- runs ---- */

static void begin(uint64_t run, const struct replay_options *options)
{
    struct worker_page *page = child.page;
    page->options = *options;
    page->run = run;
    page->started++;
    page->is_running = true;
}

static void end(void)
{
    child.page->is_running = false;
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
    } else if (!child.is_full_said) {
        child.is_full_said = true;
        fprintf(stderr,
                "wsksim: a worker has reported %d different violations; from here on it reports "
                "others each time they occur\n",
                SEEN_MAX);
    }
    return true;
}

/* Runs the case once more as a recording: believed only if everything comes out the same. */
static bool repeats(const struct replay_case *c, const struct replay_result *first, uint64_t run)
{
    struct replay_result again;
    begin(run, &c->options);
    replay_session_case(&child.session, c, false, 0, &child.confirm_log, &again);
    end();
    return again.verdict == first->verdict && again.fingerprint == first->fingerprint &&
           !again.diverged && again.violation.rule == first->violation.rule;
}

static void report(const struct replay_options *options, const struct replay_result *result,
                   uint64_t run)
{
    struct replay_case c = replay_case_of(&child.session, options, &child.page->log, result);
    /*
     * Damaged memory: a second run here proves nothing. The parent repeats it in a fresh process.
     */
    bool is_sure = result->violation.memory_damaged || repeats(&c, result, run);
    send_message(is_sure ? WORKER_FINDING : WORKER_FLAKY, run, &c, result, NULL);
    replay_case_free(&c);
}

static void send_sample(const struct replay_options *options, const struct replay_result *result,
                        uint64_t run)
{
    struct replay_case c = replay_case_of(&child.session, options, &child.page->log, result);
    send_message(WORKER_SAMPLE, run, &c, result, NULL);
    replay_case_free(&c);
}

/* A run that ended well, made again with other garbage in uninitialised memory. */
static bool depends_on_garbage(const struct replay_options *options,
                               const struct replay_result *result, uint64_t run)
{
    char message[512];
    struct replay_case c = replay_case_of(&child.session, options, &child.page->log, result);
    begin(run, options);
    bool differs = refill_differs(&child.session, &c, result, &child.confirm_log, message,
                                  sizeof message);
    end();
    if (differs && is_new(REFILL_EVERY)) {
        send_message(WORKER_FLAKY, run, &c, result, message);
    }
    replay_case_free(&c);
    return differs;
}

/* kernel.uninit=error (KAMB-13): no run is left out. */
static bool is_strict(const struct replay_options *options)
{
    for (uint32_t i = 0; i < options->knob_count; i++) {
        if (options->knob[i].knob == KNOB_KERNEL_UNINIT) {
            return options->knob[i].value != 0;
        }
    }
    return false;
}

/*
 * True if the run was not determined by its choices, as far as can be seen here; the parent looks
 * further.
 */
static bool is_uncontrolled(const struct worker_job *job, uint64_t done,
                            const struct replay_options *options,
                            const struct replay_result *result, uint64_t run)
{
    if ((done % REFILL_EVERY != 0 && !is_strict(options)) ||
        (child.page->flavour & SIM_MODULE_CHECKED) == 0 || job->plan.search != NULL) {
        return false;
    }
    if (job->wants_samples && done % SAMPLE_EVERY == 0 && !options->access_points) {
        send_sample(options, result, run);
    }
    return depends_on_garbage(options, result, run);
}

/* False: a systematic search has seen everything. */
static bool choose(const struct worker_job *job, uint64_t n, struct choice_source *source,
                   struct replay_options *options)
{
    if (job->plan.search == NULL) {
        replay_portfolio(&job->plan, n, &job->options, source, options);
        source->learned = child.learned[source->access_points];
        return true;
    }
    replay_portfolio_search(&job->plan, &job->options, source, options);
    return search_next(job->plan.search);
}

static bool was_redundant(const struct worker_job *job)
{
    return job->plan.search != NULL && search_was_redundant(job->plan.search);
}

static enum worker_event run_campaign(const struct worker_job *job)
{
    uint64_t n = job->first;
    for (int i = 0; i < 2; i++) {
        child.learned[i] = learned_create(); /* without it strategies that learn know less */
    }
    for (uint64_t i = 0; i < job->runs; i++, n += job->stride) {
        struct choice_source source;
        struct replay_options options;
        struct replay_result result;
        if (!choose(job, n, &source, &options)) {
            return WORKER_DONE;
        }
        begin(n, &options);
        replay_session_run(&child.session, &options, &source, &child.page->log, &result);
        end();
        if (was_redundant(job)) {
            result.verdict = SIM_VERDICT_OK; /* ended by the search, at no limit */
        }
        count_run(&result);
        if (result.verdict == SIM_VERDICT_VIOLATION) {
            if (is_new(result.raw_key)) {
                report(&options, &result, n);
            }
            if (!job->keep_going) {
                return WORKER_DONE;
            }
        }
        if (result.verdict == SIM_VERDICT_OK && is_uncontrolled(job, i, &options, &result, n) &&
            !job->keep_going) {
            return WORKER_DONE;
        }
        if (result.violation.memory_damaged) { /* given up at a limit or not */
            return WORKER_RETIRED;
        }
    }
    return WORKER_DONE;
}

/* ---- requests ---- */

static void serve(void)
{
    static uint8_t bytes[REPLAY_CHOICES_MAX];
    static uint32_t checks[CHOICE_CHECKS_MAX];
    for (;;) {
        struct worker_question question;
        struct replay_result result;
        receive_all(&question, sizeof question);
        struct choice_source *source = &question.request.source;
        receive_all(bytes, source->size);
        receive_all(checks, source->check_count * sizeof *checks);
        source->bytes = bytes;
        source->checks = source->check_count > 0 ? checks : NULL;
        begin(0, &question.request.options);
        replay_session_run(&child.session, &question.request.options, source, &child.page->log,
                           &result);
        end();
        struct replay_case c =
            replay_case_of(&child.session, &question.request.options, &child.page->log, &result);
        send_message(WORKER_ANSWER, 0, &c, &result, NULL);
        replay_case_free(&c);
    }
}

static void open_module(const char *path)
{
    static char message[SIM_MODULE_MESSAGE_MAX];
    struct worker_page *page = child.page;
    if (!replay_session_open(&child.session, path, message, sizeof message)) {
        send_message(WORKER_FAILED, 0, NULL, NULL, message);
        _exit(0);
    }
    snprintf(page->module, sizeof page->module, "%.63s", child.session.module.name);
    snprintf(page->identity, sizeof page->identity, "%s", child.session.module.identity);
    page->flavour = child.session.module.flavour;
    struct replay_case facts = {.flavour = page->flavour};
    memcpy(facts.module, page->module, sizeof facts.module);
    memcpy(facts.identity, page->identity, sizeof facts.identity);
    send_message(WORKER_OPENED, 0, &facts, NULL, NULL);
}

void worker_child(const struct worker_job *job, struct worker_page *page, int socket)
{
    child.page = page;
    child.socket = socket;
    child.before = page->counters;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != page->parent) {
        _exit(0); /* it died before we asked to be told */
    }
    signal(SIGINT, SIG_IGN); /* the parent decides when to stop */
    signal(SIGTERM, SIG_DFL);
    open_module(job->module_path);
    watchdog_start(&child.session);
    if (job->runs == 0) {
        serve();
    }
    enum worker_event last = run_campaign(job);
    sync_rules();
    send_message(last, 0, NULL, NULL, NULL);
    _exit(0);
}
