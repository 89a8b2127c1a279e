/* SPDX-License-Identifier: MIT */
/* See runner.h. */
#define _GNU_SOURCE
#include "replay/runner.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POLL_MS = 200 };

struct runner {
    struct worker *worker;
    struct runner_module module;
    uint32_t timeout_s;
    bool is_alive; /* the worker serves */
};

/* The next event of the worker, however long it takes; the wall clock sees to that. */
static enum worker_event wait_event(struct runner *runner, struct worker_finding *out)
{
    enum worker_event event;
    while ((event = worker_read(runner->worker, out)) == WORKER_NOTHING) {
        struct pollfd fd = {.fd = worker_descriptor(runner->worker), .events = POLLIN};
        poll(&fd, 1, POLL_MS);
        worker_tick(runner->worker, worker_now());
    }
    return event;
}

static void take_module(struct runner *runner, const struct worker_finding *opened)
{
    snprintf(runner->module.name, sizeof runner->module.name, "%s", opened->replay.module);
    snprintf(runner->module.identity, sizeof runner->module.identity, "%s",
             opened->replay.identity);
    runner->module.flavour = opened->replay.flavour;
}

/* Starts the worker, or starts it again, and hears that the module is open. */
static bool start(struct runner *runner, struct worker_finding *out)
{
    const struct worker_job job = {.module_path = runner->module.path,
                                   .timeout_s = runner->timeout_s};
    bool is_started = true;
    if (runner->worker == NULL) {
        runner->worker = worker_serve(runner->module.path, runner->timeout_s);
        is_started = runner->worker != NULL;
    } else {
        is_started = worker_restart(runner->worker, &job);
    }
    if (!is_started) {
        snprintf(out->message, sizeof out->message, "no process for the driver: %s",
                 strerror(errno));
        return false;
    }
    enum worker_event event = wait_event(runner, out);
    runner->is_alive = event == WORKER_OPENED;
    if (runner->is_alive) {
        take_module(runner, out);
        replay_case_free(&out->replay);
    }
    return runner->is_alive;
}

struct runner *runner_open(const char *module_path, uint32_t timeout_s, char *message, size_t size)
{
    static struct worker_finding out;
    struct runner *runner = calloc(1, sizeof *runner);
    if (runner == NULL) {
        snprintf(message, size, "out of memory");
        return NULL;
    }
    snprintf(runner->module.path, sizeof runner->module.path, "%s", module_path);
    runner->timeout_s = timeout_s;
    out.message[0] = '\0';
    if (!start(runner, &out)) {
        snprintf(message, size, "%s",
                 out.message[0] != '\0' ? out.message : "the driver died while it was opened");
        runner_close(runner);
        return NULL;
    }
    return runner;
}

void runner_close(struct runner *runner)
{
    if (runner != NULL) {
        worker_free(runner->worker);
        free(runner);
    }
}

const struct runner_module *runner_module(const struct runner *runner)
{
    return &runner->module;
}

enum worker_event runner_run(struct runner *runner, const struct worker_request *request,
                             struct worker_finding *out)
{
    out->message[0] = '\0';
    if (!runner->is_alive && !start(runner, out)) {
        return WORKER_FAILED;
    }
    worker_ask(runner->worker, request);
    enum worker_event event = wait_event(runner, out);
    runner->is_alive = event == WORKER_ANSWER && !out->result.violation.memory_damaged;
    return event;
}

enum worker_event runner_case(struct runner *runner, const struct replay_case *c,
                              struct worker_finding *out)
{
    const struct worker_request request = {
        .options = c->options,
        .source = {.kind = CHOICE_RECORDING,
                   .bytes = c->choices,
                   .size = c->choices_size,
                   .checks = c->checks,
                   .check_count = c->check_count,
                   .access_points = c->options.access_points},
    };
    return runner_run(runner, &request, out);
}

enum worker_event runner_bytes(struct runner *runner, const struct replay_options *options,
                               const uint8_t *bytes, size_t size, struct worker_finding *out)
{
    const struct worker_request request = {.options = *options,
                                           .source = {.kind = CHOICE_BYTES,
                                                      .bytes = bytes,
                                                      .size = size,
                                                      .access_points = options->access_points}};
    return runner_run(runner, &request, out);
}
