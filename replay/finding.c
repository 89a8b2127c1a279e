/* SPDX-License-Identifier: MIT */
/* See finding.h. The database is open only inside store_*: no child is ever forked with it open. */
#include "replay/finding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/artifact.h"
#include "replay/case_text.h"
#include "replay/command.h"

void finding_free(struct finding *f)
{
    replay_case_free(&f->replay);
    explanation_free(&f->e);
    memset(f, 0, sizeof *f);
}

/* ---- the database ---- */

static void fill_record(struct store_record *record, const struct finding_context *context,
                        const struct replay_case *c, const struct explanation *e)
{
    *record = (struct store_record){.replay = *c, .seed = context->seed};
    if (c->verdict == SIM_VERDICT_VIOLATION && c->signature != 0 && c->rule < MODEL_RULE_COUNT) {
        snprintf(record->rule, sizeof record->rule, "%s", model_rules[c->rule].id);
    }
    snprintf(record->strategy, sizeof record->strategy, "%s", context->strategy);
    record->title = e != NULL ? e->title : NULL;
    record->report = e != NULL ? e->report : NULL;
    record->steps = e != NULL ? e->steps : 0;
    record->switches = e != NULL ? e->switches : 0;
}

int64_t finding_store_case(const struct finding_context *context, const struct replay_case *c,
                           const struct explanation *e, int64_t minimised_from, uint64_t run)
{
    struct store *store;
    struct store_record record;
    bool was_new;
    if (store_open(&store, context->db, STORE_CREATE) != STORE_OK) {
        command_refuse("%s", store_error(NULL));
        return 0;
    }
    fill_record(&record, context, c, e); /* borrows: not freed */
    record.minimised_from = minimised_from;
    record.run = run;
    bool ok = store_put(store, &record, context->module_path, &was_new) == STORE_OK;
    if (!ok) {
        command_refuse("%s", store_error(store));
    }
    store_close(store);
    return ok ? record.id : 0;
}

/* The case that has this signature already, 0 if none. */
static int64_t find_known(const struct finding_context *context, const struct replay_case *c)
{
    struct store *store;
    int64_t id = 0;
    if (c->signature == 0 || store_open(&store, context->db, STORE_CREATE) != STORE_OK) {
        return 0; /* why it cannot be opened is said when it is written */
    }
    if (store_find_signature(store, c->identity, c->signature, &id) != STORE_OK) {
        id = 0;
    }
    store_close(store);
    return id;
}

/* The smallest form of a case that is stored already. */
static bool load_minimised(const struct finding_context *context, int64_t from, struct finding *f)
{
    struct store *store;
    struct store_record record;
    int64_t id;
    if (store_open(&store, context->db, STORE_READ) != STORE_OK) {
        return false;
    }
    bool ok = store_find_minimised(store, from, &id) == STORE_OK &&
              store_get(store, id, &record) == STORE_OK;
    store_close(store);
    if (!ok) {
        return false;
    }
    f->id = id;
    f->replay = replay_case_clone(&record.replay);
    store_record_free(&record);
    return true;
}

/* ---- announcing ---- */

static const char *title_of(const struct finding *f)
{
    return f->e.title != NULL ? f->e.title : "(no title)";
}

/* What could not be stored must not be lost: the line holds all of it. */
static void rescue(const struct finding *f)
{
    char *line = replay_case_text(&f->replay);
    printf("FINDING (not stored): %s\n%s\n", title_of(f), line != NULL ? line : "");
    fflush(stdout);
    free(line);
}

static void announce(const struct finding_context *context, const struct finding *f, uint64_t run)
{
    switch (f->outcome) {
    case FINDING_NEW:
        printf("FINDING case %lld (run %llu): %s\n", (long long)f->id, (unsigned long long)run,
               title_of(f));
        break;
    case FINDING_KNOWN:
        if (!context->is_quiet) {
            printf("KNOWN as case %lld (run %llu): %s\n", (long long)f->id, (unsigned long long)run,
                   title_of(f));
        }
        break;
    case FINDING_FLAKY:
        printf("FLAKY case %lld (run %llu): %s\n", (long long)f->id, (unsigned long long)run,
               title_of(f));
        break;
    case FINDING_UNSTORED:
        rescue(f);
        break;
    case FINDING_INTERNAL:
        command_refuse("the finding of run %llu cannot be explained: %s", (unsigned long long)run,
                       f->e.report != NULL ? f->e.report : "the process that does it failed");
        rescue(f);
        break;
    }
    fflush(stdout);
}

/* ---- settling ---- */

static bool repeats(enum worker_event event, enum explain_result result, const struct finding *f)
{
    switch (event) {
    case WORKER_CRASHED:
    case WORKER_TIMEOUT:
        return result == EXPLAIN_CRASHED || f->e.verdict == SIM_VERDICT_VIOLATION;
    case WORKER_FLAKY:
        return false;
    case WORKER_NOTHING:
    case WORKER_OPENED:
    case WORKER_SAMPLE:
    case WORKER_FINDING:
    case WORKER_ANSWER:
    case WORKER_KILLED:
    case WORKER_BROKEN:
    case WORKER_FAILED:
    case WORKER_RETIRED:
    case WORKER_DONE:
        break;
    }
    return result == EXPLAIN_OK && f->e.verdict == SIM_VERDICT_VIOLATION &&
           f->e.rule == f->replay.rule && f->e.fingerprint == f->replay.fingerprint;
}

/* What the second run knows better than the worker that died. */
static void take_explanation(struct finding *f)
{
    f->replay.verdict = SIM_VERDICT_VIOLATION;
    f->replay.rule = f->e.rule;
    f->replay.signature = f->e.signature;
    f->replay.fingerprint = f->e.fingerprint;
}

static void store_finding(const struct finding_context *context, struct finding *f, uint64_t run)
{
    int64_t known = f->outcome == FINDING_NEW ? find_known(context, &f->replay) : 0;
    if (known != 0) {
        f->outcome = FINDING_KNOWN;
        f->id = known;
        return;
    }
    f->id = finding_store_case(context, &f->replay, &f->e, 0, run);
    if (f->id == 0) {
        f->outcome = FINDING_UNSTORED;
    }
}

static void write_artifact(const struct finding_context *context, const struct finding *f)
{
    const char *kind = f->outcome == FINDING_FLAKY ? "nondet"
                       : f->is_timeout             ? "timeout"
                                                   : artifact_kind(f->replay.rule);
    char name[96];
    artifact_name(kind, &f->replay, name, sizeof name);
    if (context->artifact_prefix[0] != '\0' &&
        !artifact_write(context->artifact_prefix, name, &f->replay, &f->e)) {
        rescue(f);
    }
}

struct finding finding_settle(const struct finding_context *context, enum worker_event event,
                              struct worker_finding *found)
{
    struct finding f = {.replay = found->replay, .is_timeout = event == WORKER_TIMEOUT};
    found->replay.choices = NULL;
    found->replay.checks = NULL;
    enum explain_result result =
        explain_case(context->module_path, &f.replay, &context->style, &f.e);
    if (result == EXPLAIN_FAILED) {
        f.outcome = FINDING_INTERNAL;
        announce(context, &f, found->run);
        return f;
    }
    if (repeats(event, result, &f)) {
        f.outcome = FINDING_NEW;
        take_explanation(&f);
    } else {
        f.outcome = FINDING_FLAKY; /* a case, but no finding: no rule, no signature */
        f.replay.signature = 0;
        free(f.e.title);
        f.e.title = strdup(found->message[0] != '\0' ? found->message
                                                     : "two runs of the same choices differ");
    }
    store_finding(context, &f, found->run);
    announce(context, &f, found->run);
    write_artifact(context, &f);
    return f;
}

/* ---- minimising ---- */

static bool explain_small(const struct finding_context *context, struct finding *small)
{
    enum explain_result result =
        explain_case(context->module_path, &small->replay, &context->style, &small->e);
    return result != EXPLAIN_FAILED && small->e.verdict == SIM_VERDICT_VIOLATION;
}

bool finding_minimise(const struct finding_context *context, const struct finding *f,
                      const struct minimise_budget *budget, uint32_t timeout_s,
                      struct finding *small, struct minimise_report *report)
{
    char message[512];
    const char *why = "";
    memset(small, 0, sizeof *small);
    memset(report, 0, sizeof *report);
    if (f->id != 0 && load_minimised(context, f->id, small) && explain_small(context, small)) {
        report->before = minimise_measure(&f->replay);
        report->after = minimise_measure(&small->replay);
        return true;
    }
    finding_free(small);
    struct runner *runner = runner_open(context->module_path, timeout_s, message, sizeof message);
    if (runner == NULL) {
        command_refuse("%s", message);
        return false;
    }
    enum minimise_result result =
        minimise_case(runner, &f->replay, budget, &small->replay, report, &why);
    runner_close(runner);
    if (result == MINIMISE_FAILED) {
        command_refuse("minimising stopped: %s", why);
        return false;
    }
    if (result != MINIMISE_OK || !explain_small(context, small)) {
        finding_free(small);
        return false;
    }
    small->replay.signature = f->replay.signature; /* it is the same finding */
    small->id = f->id != 0 ? finding_store_case(context, &small->replay, &small->e, f->id, 0) : 0;
    return true;
}
