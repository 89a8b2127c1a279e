/* SPDX-License-Identifier: MIT */
/*
 * wsksim replay CASE: runs it twice as a recording and says whether the two agree with each other
 * and with what was recorded, and where they do not.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/case_text.h"
#include "replay/command.h"
#include "replay/divergence.h"
#include "replay/runner.h"

enum outcome { OUTCOME_RECURS, OUTCOME_GONE, OUTCOME_DIVERGED, OUTCOME_FLAKY, OUTCOME_TIMEOUT };

static const char *const outcome_names[] = {
    [OUTCOME_RECURS] = "recurs", [OUTCOME_GONE] = "gone",       [OUTCOME_DIVERGED] = "diverged",
    [OUTCOME_FLAKY] = "flaky",   [OUTCOME_TIMEOUT] = "timeout",
};

struct replay_job {
    const struct flags *flags;
    struct command_case c;
    struct runner *runner;
    enum worker_event event[2];
    struct worker_finding out[2];
    bool is_changed; /* the module is not the one of the recording */
};

static bool came_back(enum worker_event event)
{
    return event == WORKER_ANSWER || event == WORKER_CRASHED || event == WORKER_TIMEOUT;
}

static bool is_violation(const struct replay_job *job, int i)
{
    return job->event[i] == WORKER_CRASHED ||
           (job->event[i] == WORKER_ANSWER && job->out[i].result.verdict == SIM_VERDICT_VIOLATION);
}

/* A fuzz input has no canonical form yet: running it as bytes makes one. */
static int canonicalise(struct replay_job *job)
{
    struct replay_case *c = &job->c.record.replay;
    enum worker_event event =
        runner_bytes(job->runner, &c->options, c->choices, c->choices_size, &job->out[0]);
    if (!came_back(event)) {
        command_refuse("%s", job->out[0].message);
        return event == WORKER_BROKEN ? EXIT_CODE_INTERNAL : EXIT_CODE_USAGE;
    }
    replay_case_free(c);
    *c = job->out[0].replay;
    job->c.is_input = false;
    return 0;
}

static int run_twice(struct replay_job *job)
{
    for (int i = 0; i < 2; i++) {
        job->event[i] = runner_case(job->runner, &job->c.record.replay, &job->out[i]);
        if (!came_back(job->event[i])) {
            command_refuse("%s", job->out[i].message);
            return job->event[i] == WORKER_BROKEN ? EXIT_CODE_INTERNAL : EXIT_CODE_USAGE;
        }
    }
    return 0;
}

static bool runs_agree(const struct replay_job *job)
{
    const struct replay_result *a = &job->out[0].result, *b = &job->out[1].result;
    return job->event[0] == job->event[1] && a->verdict == b->verdict &&
           a->fingerprint == b->fingerprint &&
           (a->verdict != SIM_VERDICT_VIOLATION || a->violation.rule == b->violation.rule);
}

/* What was recorded is known of a case of the database; of a line only its choices are. */
static bool has_record(const struct replay_job *job)
{
    return job->c.record.id != 0;
}

static bool is_diverged(const struct replay_job *job)
{
    const struct replay_case *c = &job->c.record.replay;
    if (job->event[0] != WORKER_ANSWER) {
        return false;
    }
    return job->out[0].result.diverged ||
           (has_record(job) && job->out[0].result.fingerprint != c->fingerprint);
}

static bool is_same_finding(const struct replay_job *job)
{
    return is_violation(job, 0) && (!has_record(job) || job->event[0] == WORKER_CRASHED ||
                                    job->out[0].result.violation.rule == job->c.record.replay.rule);
}

static enum outcome judge(const struct replay_job *job)
{
    if (!runs_agree(job)) {
        return OUTCOME_FLAKY;
    }
    if (job->event[0] == WORKER_TIMEOUT) {
        return OUTCOME_TIMEOUT;
    }
    bool recurs = is_same_finding(job);
    if (recurs && (!is_diverged(job) || job->is_changed)) {
        return OUTCOME_RECURS;
    }
    if (is_diverged(job)) {
        return OUTCOME_DIVERGED;
    }
    return is_violation(job, 0) ? OUTCOME_RECURS : OUTCOME_GONE;
}

/* ---- words ---- */

static void print_module(const struct replay_job *job)
{
    const struct runner_module *module = runner_module(job->runner);
    if (job->is_changed) {
        printf("the module has changed: recorded with %s-%s, now %s-%s\n",
               job->c.record.replay.module, job->c.record.replay.identity, module->name,
               module->identity);
    }
}

static void print_divergence(const struct replay_job *job)
{
    char text[320];
    if (!is_diverged(job)) {
        return;
    }
    struct divergence d = divergence_find(&job->c.record.replay, &job->out[0].replay);
    divergence_text(&d, text, sizeof text);
    printf("diverged: %s\n", text);
}

static void print_outcome(const struct replay_job *job, enum outcome outcome)
{
    if (job->event[0] != WORKER_ANSWER) {
        printf("replay of %s, twice: %s: %s\n", job->c.origin, job->out[0].message,
               outcome_names[outcome]);
        return;
    }
    unsigned long long a = job->out[0].result.fingerprint, b = job->out[1].result.fingerprint;
    printf("replay of %s, twice: fingerprint %016llx", job->c.origin, a);
    if (outcome == OUTCOME_FLAKY) {
        printf(" and %016llx: two runs of the same choices differ\n", b);
        return;
    }
    const char *recorded = !has_record(job)   ? ""
                           : is_diverged(job) ? ", not as recorded"
                                              : ", as recorded";
    printf(" both times%s: %s\n", recorded, outcome_names[outcome]);
}

static void print_finding(const struct replay_job *job)
{
    struct explanation e;
    const struct explain_style style = command_style(job->flags);
    enum explain_result result =
        explain_case(job->c.module_path, &job->c.record.replay, &style, &e);
    if (result == EXPLAIN_FAILED) {
        command_refuse("%s", e.report != NULL ? e.report : "no process to explain the finding");
    } else if (style.wants_events) {
        fputs(e.events != NULL ? e.events : "", stdout);
    } else {
        printf("\n");
        command_print_explanation(&e);
    }
    explanation_free(&e);
}

/* For the statistics of replays; a database that cannot be written is no reason to fail. */
static void remember(const struct replay_job *job, enum outcome outcome)
{
    struct store *store;
    if (!has_record(job) || store_open(&store, job->flags->db, STORE_WRITE) != STORE_OK) {
        return;
    }
    store_put_run(store, job->c.record.id, "replay", job->out[0].result.fingerprint,
                  job->out[0].result.steps, outcome_names[outcome]);
    store_close(store);
}

static int exit_code(const struct replay_job *job, enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_RECURS:
        return command_finding_code(job->flags, job->event[0] == WORKER_ANSWER
                                                    ? job->out[0].result.violation.rule
                                                    : RULE_MEM_WILD);
    case OUTCOME_GONE:
        return EXIT_CODE_CLEAN;
    case OUTCOME_DIVERGED:
        return EXIT_CODE_DIVERGED;
    case OUTCOME_FLAKY:
        return EXIT_CODE_FLAKY;
    case OUTCOME_TIMEOUT:
        return (int)job->flags->timeout_exitcode;
    }
    return EXIT_CODE_INTERNAL;
}

static int report(struct replay_job *job)
{
    enum outcome outcome = judge(job);
    bool is_json = strcmp(job->flags->trace, "json") == 0;
    if (!is_json) {
        print_module(job);
        print_outcome(job, outcome);
        print_divergence(job);
    }
    if (is_violation(job, 0) || is_json) {
        print_finding(job);
    }
    fflush(stdout);
    remember(job, outcome);
    return exit_code(job, outcome);
}

int command_replay(const struct flags *flags)
{
    static struct replay_job job; /* large */
    static char message[SIM_MODULE_MESSAGE_MAX];
    job.flags = flags;
    if (!command_case_find(flags, &job.c)) {
        return EXIT_CODE_USAGE;
    }
    job.runner = runner_open(job.c.module_path, (uint32_t)flags->timeout, message, sizeof message);
    if (job.runner == NULL) {
        command_case_free(&job.c);
        return command_refuse("%s", message);
    }
    job.is_changed = !job.c.is_input &&
                     strcmp(job.c.record.replay.identity, runner_module(job.runner)->identity) != 0;
    if (flags->fill > 0) { /* the same choices over other garbage */
        job.c.record.replay.options.sim.fill = (uint8_t)flags->fill;
    }
    int code = job.c.is_input ? canonicalise(&job) : 0;
    if (code == 0) {
        code = run_twice(&job);
    }
    if (code == 0) {
        code = report(&job);
    }
    runner_close(job.runner);
    command_case_free(&job.c);
    return code;
}
