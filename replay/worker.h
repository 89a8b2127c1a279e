/* SPDX-License-Identifier: MIT */
/*
 * Workers: child processes in which the driver runs, so that whatever it does to its process (wild
 * writes, exit, an endless loop), the parent keeps going and has the exact choices that led there.
 *
 *   parent --fork--> worker: opens the module, runs n = first, first + stride, ...
 *          <--pipe-- struct worker_message + payload: a finding (case, violation), a summary
 *          <--page-- shared memory: choice_log of the run in progress, run number, counters
 *
 * The worker reports a finding once per raw key and confirms it first: the case is run again as a
 * recording and must give the same fingerprint and rule, else it is reported as non-determinism. If the
 * worker dies, the parent makes the case of the run in progress out of the shared log.
 *
 * Only the parent opens the database.
 */
#ifndef REPLAY_WORKER_H
#define REPLAY_WORKER_H

#include <sys/types.h>

#include "replay/portfolio.h"
#include "replay/session.h"

enum worker_event {
    WORKER_NOTHING,   /* nothing to read */
    WORKER_FINDING,   /* finding */
    WORKER_FLAKY,     /* finding did not repeat: two runs of one case differ (exit code 79) */
    WORKER_CRASHED,   /* the driver took the process with it: finding made from the shared log */
    WORKER_TIMEOUT,   /* killed by the wall clock (exit code 70); finding as above */
    WORKER_BROKEN,    /* an assertion of ours failed (exit code 3) */
    WORKER_FAILED,    /* the module could not be opened: message */
    WORKER_DONE,      /* has done all its runs */
};

struct worker_job {
    const char *module_path;
    struct replay_options options;
    struct replay_plan plan;
    uint64_t first, stride; /* run numbers first, first + stride, ... */
    uint64_t runs;          /* how many; UINT64_MAX = until stopped */
    uint32_t timeout_s;     /* wall clock for one run; 0 = 10 */
    bool keep_going;        /* after a finding; else stop */
};

/* Counters in the shared page; read by the parent at any time. */
struct worker_counters {
    uint64_t runs, steps, switches, decisions, limits, violations;
    uint64_t steps_min, steps_max;
    uint64_t distinct_bits[1 << 14]; /* linear counting of fingerprints: 2^20 bits */
    uint64_t rule_exercised[MODEL_RULE_COUNT];
    uint64_t rule_lints[MODEL_RULE_COUNT];
};

struct worker_finding {
    struct replay_case replay; /* owned by the receiver */
    struct replay_result result;
    uint64_t run; /* number of the run that found it */
    char message[256]; /* CRASHED, TIMEOUT, FAILED: what happened, one line */
};

struct worker;

/* Forks a worker. NULL with errno if that fails. */
struct worker *worker_start(const struct worker_job *job);
/* File descriptor to poll for reading. */
int worker_descriptor(const struct worker *w);
/* Reads one event, if there is one; never blocks. */
enum worker_event worker_read(struct worker *w, struct worker_finding *finding);
const struct worker_counters *worker_counters(const struct worker *w);
/* Run in progress (for restarting after a crash: continue with the one after it). */
uint64_t worker_run(const struct worker *w);
/* Wall-clock check; call now and then. Kills a worker stuck in one run for longer than its time-out. */
void worker_tick(struct worker *w, double now_s);
/* Stops and reaps. Counters stay readable until worker_free. */
void worker_stop(struct worker *w);
void worker_free(struct worker *w);

/* Estimate of distinct fingerprints from the merged bits of several workers. */
double worker_distinct(const struct worker_counters *const *counters, size_t count);

/*
 * Runs one case in a worker of its own (replay of cases that may take the process with them). Returns the
 * event as above; FINDING means it ran (whatever the verdict) and *finding holds the result.
 */
enum worker_event worker_run_case(const char *module_path, const struct replay_case *c,
                                  uint32_t timeout_s, struct worker_finding *finding);

#endif
