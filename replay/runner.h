/* SPDX-License-Identifier: MIT */
/*
 * A runner makes single runs on request, thousands a second, in a serving worker that it starts
 * again when the driver has taken it along. Replay, minimiser and import run everything through it.
 */
#ifndef REPLAY_RUNNER_H
#define REPLAY_RUNNER_H

#include "replay/worker.h"

struct runner;

/* What is known of the module once it is open. */
struct runner_module {
    char path[SIM_MODULE_PATH_MAX];
    char name[64];
    char identity[17];
    uint32_t flavour;
};

/* Opens the module in a child. NULL: message says why, in one line. */
struct runner *runner_open(const char *module_path, uint32_t timeout_s, char *message, size_t size);
void runner_close(struct runner *runner);
const struct runner_module *runner_module(const struct runner *runner);

/*
 * One run. ANSWER: it ran, whatever the verdict. CRASHED, TIMEOUT: it did not come back, the case
 * in *out
 * is what is known, verdict VIOLATION. BROKEN, FAILED: ours, see out->message. out->replay is owned
 * by
 * the caller after ANSWER, CRASHED and TIMEOUT.
 */
enum worker_event runner_run(struct runner *runner, const struct worker_request *request,
                             struct worker_finding *out);

/* The same for a stored case, as a recording. */
enum worker_event runner_case(struct runner *runner, const struct replay_case *c,
                              struct worker_finding *out);
/* The same for a fuzz input. */
enum worker_event runner_bytes(struct runner *runner, const struct replay_options *options,
                               const uint8_t *bytes, size_t size, struct worker_finding *out);

#endif
