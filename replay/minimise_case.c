/* SPDX-License-Identifier: MIT */
/*
 * Minimising a finding of a module: the runner is the oracle, the raw key says what "the same" is.
 */
#include <stdio.h>
#include <string.h>

#include "replay/minimise.h"

enum {
    CONFIRMATIONS = 2,
    OTHERS_MAX = 24,         /* more runs with the same finding that are made small */
    OTHERS_RUNS_MAX = 30000, /* runs in which they are looked for */
};

static const double PROGRESS_EVERY_S = 0.5;

struct job {
    struct runner *runner;
    const struct minimise_budget *budget;
    uint64_t key; /* raw key of the finding */
    struct minimise_size before;
    uint64_t runs;
    struct replay_plan plan; /* of the runs in which others are looked for */
    struct replay_options options;
    uint64_t next_run;
    unsigned others;
    double started, last_progress;
    bool is_broken;
    struct worker_finding out;
};

static bool has_result(enum worker_event event)
{
    return event == WORKER_ANSWER || event == WORKER_CRASHED;
}

static bool shows(void *context, const struct replay_options *options, const uint8_t *bytes,
                  size_t size, struct replay_case *canonical)
{
    struct job *job = context;
    enum worker_event event = runner_bytes(job->runner, options, bytes, size, &job->out);
    job->runs++;
    if (event == WORKER_BROKEN || event == WORKER_FAILED) {
        job->is_broken = true;
        return false;
    }
    if (has_result(event) && job->out.result.verdict == SIM_VERDICT_VIOLATION &&
        job->out.result.raw_key == job->key) {
        *canonical = job->out.replay;
        return true;
    }
    replay_case_free(&job->out.replay);
    return false;
}

static bool is_over(void *context)
{
    const struct job *job = context;
    const struct minimise_budget *budget = job->budget;
    return job->is_broken || (budget->stop != NULL && *budget->stop != 0) ||
           (budget->runs != 0 && job->runs >= budget->runs) ||
           (budget->seconds > 0 && worker_now() - job->started > budget->seconds);
}

/* The next run of a campaign of our own that shows the finding. */
static bool another(void *context, struct replay_case *c)
{
    struct job *job = context;
    while (job->others < OTHERS_MAX && job->next_run < OTHERS_RUNS_MAX && !is_over(job)) {
        struct worker_request request;
        replay_portfolio(&job->plan, job->next_run++, &job->options, &request.source,
                         &request.options);
        enum worker_event event = runner_run(job->runner, &request, &job->out);
        job->runs++;
        job->is_broken |= event == WORKER_BROKEN || event == WORKER_FAILED;
        if (event == WORKER_ANSWER && job->out.result.verdict == SIM_VERDICT_VIOLATION &&
            job->out.result.raw_key == job->key) {
            job->others++;
            *c = job->out.replay;
            return true;
        }
        if (has_result(event) || event == WORKER_TIMEOUT) {
            replay_case_free(&job->out.replay);
        }
    }
    return false;
}

static void progress(void *context, const struct minimise_size *best)
{
    struct job *job = context;
    double now = worker_now();
    if (job->budget->is_quiet || now - job->last_progress < PROGRESS_EVERY_S) {
        return;
    }
    char text[128];
    job->last_progress = now;
    minimise_size_text(best, text, sizeof text);
    fprintf(stderr, "#%llu MINIMISE %s left (began with %u switches)\n",
            (unsigned long long)job->runs, text, job->before.switches);
}

/* As a recording, twice, with the same outcome. */
static bool is_confirmed(struct job *job, const struct replay_case *c)
{
    for (int i = 0; i < CONFIRMATIONS; i++) {
        enum worker_event event = runner_case(job->runner, c, &job->out);
        bool has_case = has_result(event) || event == WORKER_TIMEOUT;
        bool is_same = has_result(event) && job->out.result.raw_key == job->key &&
                       job->out.result.verdict == SIM_VERDICT_VIOLATION &&
                       (event == WORKER_CRASHED || (job->out.result.fingerprint == c->fingerprint &&
                                                    !job->out.result.diverged));
        if (has_case) {
            replay_case_free(&job->out.replay);
        }
        if (!is_same) {
            return false;
        }
    }
    return true;
}

/*
 * What "the same finding" is. Others are looked for only where a run costs little: not if the
 * driver ends its process, nor if it loops.
 */
static enum minimise_result find_key(struct job *job, const struct replay_case *c, bool *can_search,
                                     const char **why)
{
    enum worker_event event = runner_case(job->runner, c, &job->out);
    const struct replay_result *result = &job->out.result;
    if (event == WORKER_BROKEN || event == WORKER_FAILED) {
        *why = job->out.message;
        return MINIMISE_FAILED;
    }
    bool is_there = has_result(event) && result->verdict == SIM_VERDICT_VIOLATION;
    *can_search = event == WORKER_ANSWER && result->violation.rule != RULE_SYS_LIVELOCK &&
                  !result->violation.memory_damaged;
    uint32_t steps = result->steps < UINT32_MAX ? (uint32_t)result->steps : UINT32_MAX;
    job->key = result->raw_key;
    job->options = c->options;
    job->plan = (struct replay_plan){
        .seed = 1, .typical_steps = {steps, steps}, .no_access = !c->options.access_points};
    replay_case_free(&job->out.replay);
    return is_there ? MINIMISE_OK : MINIMISE_GONE;
}

enum minimise_result minimise_case(struct runner *runner, const struct replay_case *c,
                                   const struct minimise_budget *budget, struct replay_case *out,
                                   struct minimise_report *report, const char **why)
{
    static struct job job; /* large, and the message must outlive the call */
    memset(&job, 0, sizeof job);
    job.runner = runner;
    job.budget = budget;
    job.started = worker_now();
    bool can_search = false;
    enum minimise_result result = find_key(&job, c, &can_search, why);
    if (result != MINIMISE_OK) {
        return result;
    }
    const struct minimise_target target = {.context = &job,
                                           .shows = shows,
                                           .is_over = is_over,
                                           .another = can_search ? another : NULL,
                                           .progress = progress};
    job.before = minimise_measure(c);
    *out = replay_case_clone(c);
    minimise(&target, out);
    *report = (struct minimise_report){.before = job.before,
                                       .after = minimise_measure(out),
                                       .runs = job.runs,
                                       .seconds = worker_now() - job.started};
    if (job.is_broken) {
        *why = job.out.message;
        replay_case_free(out);
        return MINIMISE_FAILED;
    }
    if (memcmp(&report->after, &report->before, sizeof report->after) == 0) {
        return MINIMISE_SAME;
    }
    out->signature = c->signature;
    if (!is_confirmed(&job, out)) {
        replay_case_free(out);
        *out = replay_case_clone(c);
        report->after = report->before;
        return MINIMISE_UNSTABLE;
    }
    return MINIMISE_OK;
}

void minimise_size_text(const struct minimise_size *size, char *out, size_t bytes)
{
    uint32_t choices = size->world + size->program;
    int at =
        snprintf(out, bytes, "%u switch%s, %u choice%s that %s not 0, %u fault%s", size->switches,
                 size->switches == 1 ? "" : "es", choices, choices == 1 ? "" : "s",
                 choices == 1 ? "is" : "are", size->faults, size->faults == 1 ? "" : "s");
    if (size->processors != 2 && (size_t)at < bytes) {
        snprintf(out + at, bytes - (size_t)at, ", %u processor%s", size->processors,
                 size->processors == 1 ? "" : "s");
    }
}
