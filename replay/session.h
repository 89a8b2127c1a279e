/* SPDX-License-Identifier: MIT */
/*
 * A session: one module opened in this process, run as often as you like. Workers, fuzzers, replay
 * and the minimiser all run through replay_session_run; there is no other way to make a run.
 *
 *   source + options --> restore module --> model_run --> verdict, violation, fingerprint, log
 *
 * A process holds at most one session. A run whose driver damages memory (an unchecked module) or
 * calls exit may not come back: whoever cannot afford that runs the session in a worker
 * (replay/worker.h).
 */
#ifndef REPLAY_SESSION_H
#define REPLAY_SESSION_H

#include "replay/case.h"
#include "sim/module.h"

struct replay_result {
    enum sim_verdict verdict;
    const char *limit; /* SIM_VERDICT_LIMIT: which */
    uint64_t fingerprint;
    uint64_t steps, switches, decisions;
    sim_time time;
    bool diverged; /* RECORDING: the run left the recording */
    uint64_t diverged_request;
    struct sim_violation violation; /* SIM_VERDICT_VIOLATION */
    uint64_t raw_key;      /* cheap key of the violation: rule and addresses; see explain.h */
    uint16_t context_slot; /* who broke the rule, and its name: "thread#2", "dpc#1" */
    char context_name[48];
};

struct replay_session {
    struct sim *sim;
    struct sim_module module;
    uint64_t runs;
    /* Called before each run, when the module is as it was loaded; NULL = nothing to prepare. */
    void (*prepare)(void *argument);
    void *prepare_argument;
};

/* Creates engine and model, opens the module. False: message says why, in one line. */
SIM_MUST_USE bool replay_session_open(struct replay_session *session, const char *path,
                                      char *message, size_t size);
/* The same for a module linked into this executable (fuzzers). */
SIM_MUST_USE bool replay_session_linked(struct replay_session *session, const void *driver_entry,
                                        char *message, size_t size);

/* One run. log must not be NULL. */
void replay_session_run(struct replay_session *session, const struct replay_options *options,
                        const struct choice_source *source, struct choice_log *log,
                        struct replay_result *result);

/* What of the run to capture when it is repeated to explain this: sim_options.capture_seq. */
static inline uint64_t replay_capture_of(const struct sim_violation *v)
{
    return v->prior_access != 0 ? SIM_CAPTURE_ACCESS | v->prior_access : v->prior.seq;
}

/* Runs a case as a recording. trace: keep the events (sim_trace_events). */
void replay_session_case(struct replay_session *session, const struct replay_case *c, bool trace,
                         uint64_t capture_seq, struct choice_log *log,
                         struct replay_result *result);

/* Makes a case of what a run logged. */
struct replay_case replay_case_of(const struct replay_session *session,
                                  const struct replay_options *options,
                                  const struct choice_log *log, const struct replay_result *result);

/* Name of a context of the last run, for reports: "system", "thread#3", "dpc#1 (cpu 0)". */
void replay_context_name(struct replay_session *session, uint16_t slot, char *out, size_t size);

#endif
