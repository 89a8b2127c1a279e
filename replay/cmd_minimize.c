/* SPDX-License-Identifier: MIT */
/* wsksim minimize CASE: makes a finding smaller and stores the result. */
#include <stdlib.h>
#include <string.h>

#include "replay/artifact.h"
#include "replay/case_text.h"
#include "replay/command.h"
#include "replay/finding.h"
#include "replay/runner.h"

enum { MINIMIZE_SECONDS = 60 };

struct minimize_job {
    const struct flags *flags;
    struct command_case c;
    struct finding_context context;
    struct minimise_report report;
    struct replay_case small; /* owned */
};

static void print_sizes(const struct minimize_job *job)
{
    char before[128], after[128];
    minimise_size_text(&job->report.before, before, sizeof before);
    minimise_size_text(&job->report.after, after, sizeof after);
    printf("made smaller: %s\n          from: %s (%llu runs, %.1f s)\n", after, before,
           (unsigned long long)job->report.runs, job->report.seconds);
}

/* The signature is taken over: it is the same finding, whatever else has moved. */
static int store_small(struct minimize_job *job)
{
    struct explanation e;
    const struct store_record *r = &job->c.record;
    if (explain_case(job->c.module_path, &job->small, &job->context.style, &e) == EXPLAIN_FAILED) {
        explanation_free(&e);
        return command_refuse("the smaller case cannot be explained");
    }
    job->small.signature = r->replay.signature != 0 ? r->replay.signature : e.signature;
    int64_t id = finding_store_case(&job->context, &job->small, &e, r->id, 0);
    char name[96];
    artifact_name("minimized-from", &r->replay, name, sizeof name);
    bool has_files = job->context.artifact_prefix[0] == '\0' ||
                     artifact_write(job->context.artifact_prefix, name, &job->small, &e);
    print_sizes(job);
    printf("\n");
    command_print_explanation(&e);
    if (id != 0) {
        command_print_replay_line(job->flags, id);
    }
    char *line = replay_case_text(&job->small);
    printf("%s%s\n",
           id == 0 ? "not stored; the case is " : "or:         ", line != NULL ? line : "");
    free(line);
    explanation_free(&e);
    return id != 0 && has_files ? EXIT_CODE_CLEAN : EXIT_CODE_USAGE;
}

static int run(struct minimize_job *job, struct runner *runner)
{
    const struct flags *flags = job->flags;
    const char *why = "";
    const struct minimise_budget budget = {
        .seconds = flags->max_total_time >= 0 ? (double)flags->max_total_time : MINIMIZE_SECONDS,
        .runs = flags->runs > 0 ? (uint64_t)flags->runs : 0,
        .stop = &command_stop,
        .is_quiet = flags->verbosity == 0};
    enum minimise_result result =
        minimise_case(runner, &job->c.record.replay, &budget, &job->small, &job->report, &why);
    switch (result) {
    case MINIMISE_OK:
        return store_small(job);
    case MINIMISE_SAME:
        replay_case_free(&job->small);
        printf("nothing can be left out of %s (%llu runs, %.1f s)\n", job->c.origin,
               (unsigned long long)job->report.runs, job->report.seconds);
        return EXIT_CODE_CLEAN;
    case MINIMISE_UNSTABLE:
        replay_case_free(&job->small);
        command_refuse("the smaller case does not repeat; %s stays as it is", job->c.origin);
        return EXIT_CODE_FLAKY;
    case MINIMISE_GONE:
        command_refuse("%s shows no finding with this module; see 'wsksim replay'", job->c.origin);
        return EXIT_CODE_DIVERGED;
    case MINIMISE_FAILED:
        break;
    }
    return command_refuse("%s", why);
}

/* A fuzz input becomes a case first. */
static bool canonicalise(struct minimize_job *job, struct runner *runner)
{
    static struct worker_finding out;
    struct replay_case *r = &job->c.record.replay;
    if (!job->c.is_input) {
        return true;
    }
    enum worker_event event = runner_bytes(runner, &r->options, r->choices, r->choices_size, &out);
    if (event != WORKER_ANSWER && event != WORKER_CRASHED) {
        command_refuse("%s: %s", job->c.origin, out.message);
        return false;
    }
    replay_case_free(r);
    *r = out.replay;
    return true;
}

int command_minimize(const struct flags *flags)
{
    static struct minimize_job job; /* large */
    static char message[SIM_MODULE_MESSAGE_MAX];
    char path[SIM_MODULE_PATH_MAX];
    job.flags = flags;
    if (!command_database_is_ready(flags->db) || !command_case_find(flags, &job.c)) {
        return EXIT_CODE_USAGE;
    }
    command_whole_path(job.c.module_path, path, sizeof path);
    job.context = (struct finding_context){.db = flags->db,
                                           .module_path = path,
                                           .strategy = "minimize",
                                           .artifact_prefix = flags->artifact_prefix,
                                           .style = command_style(flags)};
    command_catch_signals();
    struct runner *runner = runner_open(path, (uint32_t)flags->timeout, message, sizeof message);
    int code = EXIT_CODE_USAGE;
    if (runner == NULL) {
        command_refuse("%s", message);
    } else if (canonicalise(&job, runner)) {
        code = run(&job, runner);
    }
    runner_close(runner);
    command_case_free(&job.c);
    return code;
}
