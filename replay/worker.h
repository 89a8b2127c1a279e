/* SPDX-License-Identifier: MIT */
/*
 * Workers: child processes in which the driver runs, so that whatever it does to its process (wild
 * writes, exit, an endless loop), the parent keeps going and has the exact choices that led there.
 *
 *   parent --fork--> campaign worker: opens the module, runs n = first, first + stride, ...
 *                    serving worker:  opens the module, runs what it is asked to
 *          <-socket- struct worker_message + payload: a finding, an answer, a farewell
 *          <--page-- shared memory: choice_log of the run in progress, run number, counters
 *
 * A campaign worker reports a finding once per raw key and confirms it first: the case is run again
 * as a recording and must give the same fingerprint and rule, else it is reported as
 * non-determinism. If a worker dies, the parent makes the case of the run in progress out of the
 * shared log.
 *
 * Invariants:
 *  1. What comes from a worker is checked before it is used: its driver may have written anywhere.
 *  2. Only the parent opens the database, and never while it forks.
 */
#ifndef REPLAY_WORKER_H
#define REPLAY_WORKER_H

#include <sys/types.h>

#include "replay/portfolio.h"
#include "replay/session.h"

enum worker_event {
    WORKER_NOTHING, /* nothing to read */
    WORKER_OPENED,  /* the module is open: its name, identity and flavour are in the case */
    WORKER_FINDING, /* a campaign's finding */
    WORKER_FLAKY,   /* it did not repeat: two runs of one case differ (exit code 79) */
    WORKER_SAMPLE,  /* a run that ended well, for whoever wants to compare it (wants_samples) */
    WORKER_ANSWER,  /* what was asked has been run: result and canonical case */
    WORKER_CRASHED, /* the driver took the process with it: case made from the shared log */
    WORKER_KILLED,  /* somebody else did: SIGKILL that we did not send (out of memory?); message */
    WORKER_TIMEOUT, /* killed by the wall clock (exit code 70); case as above */
    WORKER_BROKEN,  /* an assertion of ours failed (exit code 3) */
    WORKER_FAILED,  /* the module could not be opened: message */
    WORKER_RETIRED, /* its memory may be damaged: start it again */
    WORKER_DONE,    /* has done all its runs, or stopped at a finding */
};

struct worker_job {
    const char *module_path;
    struct replay_options options;
    struct replay_plan plan;
    uint64_t first, stride; /* run numbers first, first + stride, ... */
    uint64_t runs;          /* how many; UINT64_MAX = until stopped */
    uint32_t timeout_s;     /* wall clock for one run; 0 = 10 */
    bool keep_going;        /* after a finding; else stop */
    bool wants_samples;     /* WORKER_SAMPLE now and then */
};

/* One run on request. The source's bytes and checks are copied to the worker. */
struct worker_request {
    struct replay_options options;
    struct choice_source source;
};

/* Counters in the shared page; read by the parent at any time. They survive worker_restart. */
struct worker_counters {
    uint64_t runs, steps, switches, decisions, limits, violations;
    uint64_t steps_min, steps_max;
    uint64_t distinct_bits[1 << 14]; /* linear counting of fingerprints: 2^20 bits */
    uint64_t rule_exercised[MODEL_RULE_COUNT];
    uint64_t rule_lints[MODEL_RULE_COUNT];
    char limit[96]; /* the one that a run reached last */
};

struct worker_finding {
    struct replay_case replay; /* owned by the receiver */
    struct replay_result result;
    uint64_t run;                         /* number of the run that found it */
    char message[SIM_MODULE_MESSAGE_MAX]; /* FLAKY: why, if known; CRASHED to FAILED: one line */
};

struct worker;

/* Forks a campaign worker. NULL with errno if that fails. */
struct worker *worker_start(const struct worker_job *job);
/* Forks one that serves requests. */
struct worker *worker_serve(const char *module_path, uint32_t timeout_s);
/* A new process in the place of one that is dead or done; counters go on. False with errno. */
bool worker_restart(struct worker *w, const struct worker_job *job);

/*
 * Asks a serving worker; the answer is an event. A worker that is dead says so in its next event.
 */
void worker_ask(struct worker *w, const struct worker_request *request);

/* File descriptor to poll for reading. */
int worker_descriptor(const struct worker *w);
/*
 * Reads one event, if there is one; never blocks. The finding is filled in unless NOTHING or DONE.
 */
enum worker_event worker_read(struct worker *w, struct worker_finding *finding);
const struct worker_counters *worker_counters(const struct worker *w);
/* Run in progress (for restarting after a crash: continue with the one after it). */
uint64_t worker_run(const struct worker *w);
/* Resident memory in MiB, 0 if unknown. */
unsigned worker_resident_mb(const struct worker *w);
/*
 * Wall-clock check; call now and then. Kills a worker stuck in one run for longer than its
 * time-out.
 */
void worker_tick(struct worker *w, double now_s);
/* Stops and reaps. Counters stay readable until worker_free. */
void worker_stop(struct worker *w);
void worker_free(struct worker *w);

/* Estimate of distinct fingerprints from the merged bits of several workers. */
double worker_distinct(const struct worker_counters *const *counters, size_t count);

/* Seconds of a clock that only goes forward; for time-outs and progress, never for a run. */
double worker_now(void);

#endif
