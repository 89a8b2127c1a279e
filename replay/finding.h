/* SPDX-License-Identifier: MIT */
/*
 * From what a worker sent to a stored finding: run again and explained in a child, compared with
 * what is in the database, committed, and only then announced.
 *
 *   worker_finding --explain--> signature --known?--> announce "known as case N"
 *                      |                      |no
 *                      |does not repeat       +--> store, announce "case N"
 *                      +--> flaky (exit code 79)
 */
#ifndef REPLAY_FINDING_H
#define REPLAY_FINDING_H

#include "replay/explain.h"
#include "replay/minimise.h"
#include "replay/store.h"
#include "replay/worker.h"

struct finding_context {
    const char *db, *module_path;
    const char *strategy; /* what drove the runs: "portfolio", "libfuzzer", "import" */
    uint64_t seed;
    const char *artifact_prefix; /* "" = no files */
    struct explain_style style;
    bool is_quiet; /* announce new findings only */
};

enum finding_outcome {
    FINDING_NEW,
    FINDING_KNOWN,    /* its signature is in the database: id */
    FINDING_FLAKY,    /* stored as such */
    FINDING_UNSTORED, /* found, but the database could not take it; said so, with the wsk1: line */
    FINDING_INTERNAL, /* could not be explained: our fault, or the module is gone */
};

struct finding {
    enum finding_outcome outcome;
    int64_t id;                /* 0 = not stored */
    bool is_timeout;           /* killed by the wall clock */
    struct replay_case replay; /* owned */
    struct explanation e;      /* owned */
};

/* Takes over found->replay. Prints one line. */
struct finding finding_settle(const struct finding_context *context, enum worker_event event,
                              struct worker_finding *found);
void finding_free(struct finding *f);

/*
 * Makes a settled finding small, within the budget, and stores the result beside it; a minimised
 * case that is in the database already is taken instead. *small is explained like the finding
 * itself. False if there is nothing smaller: then *small is empty.
 */
bool finding_minimise(const struct finding_context *context, const struct finding *f,
                      const struct minimise_budget *budget, uint32_t timeout_s,
                      struct finding *small, struct minimise_report *report);

/* finding_show.c: makes it smaller if -minimize says so, prints report, table and the replay line.
 */
struct flags;
void finding_show(const struct flags *flags, const struct finding_context *context,
                  const struct finding *f);

/* Stores a case that broke no rule, or one that was imported; id of the row, 0 if it could not. */
int64_t finding_store_case(const struct finding_context *context, const struct replay_case *c,
                           const struct explanation *e, int64_t minimised_from, uint64_t run);

#endif
