/* SPDX-License-Identifier: MIT */
/*
 * The parent's side of a worker. Messages are gathered in a buffer until one is complete, so that reading
 * never blocks; the end of the pipe means that the worker is dead, and waitpid says how it died.
 */
#define _GNU_SOURCE
#include "replay/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "replay/worker_internal.h"

struct worker {
    pid_t pid;
    int pipe;
    struct worker_page *page;
    uint8_t *buffer;
    size_t used, capacity;
    bool is_done, is_reaped, was_killed;
    uint32_t timeout_s;
    uint64_t seen_started; /* wall-clock check */
    double seen_since;
};

static struct worker *start(const struct worker_job *job, const struct replay_case *only)
{
    int ends[2];
    struct worker *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return NULL;
    }
    w->page = mmap(NULL, sizeof *w->page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (w->page == MAP_FAILED || pipe2(ends, O_CLOEXEC) != 0) {
        free(w);
        return NULL;
    }
    fflush(NULL); /* or the child would write our buffered lines again */
    w->pid = fork();
    if (w->pid == 0) {
        close(ends[0]);
        worker_child(job, w->page, ends[1], only);
    }
    close(ends[1]);
    if (w->pid < 0) {
        close(ends[0]);
        munmap(w->page, sizeof *w->page);
        free(w);
        return NULL;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    w->pipe = ends[0];
    w->timeout_s = job->timeout_s == 0 ? 10 : job->timeout_s;
    return w;
}

struct worker *worker_start(const struct worker_job *job)
{
    return start(job, NULL);
}

int worker_descriptor(const struct worker *w)
{
    return w->pipe;
}

const struct worker_counters *worker_counters(const struct worker *w)
{
    return &w->page->counters;
}

uint64_t worker_run(const struct worker *w)
{
    return w->page->run;
}

/* ---- reading ---- */

static void take_message(struct worker *w, struct worker_finding *finding)
{
    const struct worker_message *message = (const void *)w->buffer;
    const uint8_t *choices = w->buffer + sizeof *message;
    const size_t checks_size = message->check_count * sizeof(uint32_t);
    struct replay_case borrowed = message->replay;
    borrowed.choices = (uint8_t *)choices;
    borrowed.choices_size = message->choices_size;
    uint32_t *checks = malloc(checks_size + 1);
    memcpy(checks, choices + message->choices_size, checks_size);
    borrowed.checks = checks;
    borrowed.check_count = message->check_count;
    finding->replay = replay_case_clone(&borrowed);
    free(checks);
    finding->result = message->result;
    finding->run = message->run;
    memcpy(finding->message, message->text, sizeof finding->message);
    size_t size = sizeof *message + message->choices_size + checks_size;
    w->used -= size;
    memmove(w->buffer, w->buffer + size, w->used);
}

static bool has_message(const struct worker *w)
{
    if (w->used < sizeof(struct worker_message)) {
        return false;
    }
    const struct worker_message *m = (const void *)w->buffer;
    return w->used >= sizeof *m + m->choices_size + m->check_count * sizeof(uint32_t);
}

/* Reads what is there. False at the end of the pipe. */
static bool fill(struct worker *w)
{
    for (;;) {
        if (w->used == w->capacity) {
            size_t capacity = w->capacity == 0 ? 1 << 16 : w->capacity * 2;
            uint8_t *buffer = realloc(w->buffer, capacity);
            if (buffer == NULL) {
                return false;
            }
            w->buffer = buffer;
            w->capacity = capacity;
        }
        ssize_t got = read(w->pipe, w->buffer + w->used, w->capacity - w->used);
        if (got <= 0) {
            return got < 0 && (errno == EAGAIN || errno == EINTR);
        }
        w->used += (size_t)got;
    }
}

/* The worker is dead without a farewell: what it was doing stands in the page. */
static enum worker_event post_mortem(struct worker *w, struct worker_finding *finding)
{
    int status = 0;
    if (!w->is_reaped) {
        waitpid(w->pid, &status, 0);
        w->is_reaped = true;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 3) {
        return WORKER_BROKEN;
    }
    memset(finding, 0, sizeof *finding);
    finding->run = w->page->run;
    struct replay_session facts = {0};
    snprintf(facts.module.name, sizeof facts.module.name, "%s", w->page->module);
    snprintf(facts.module.identity, sizeof facts.module.identity, "%s", w->page->identity);
    facts.module.flavour = w->page->flavour;
    struct replay_result result = {.verdict = SIM_VERDICT_VIOLATION};
    result.violation.rule = w->was_killed ? RULE_SYS_LIVELOCK
                            : WIFEXITED(status) ? RULE_SYS_EXIT : RULE_MEM_WILD;
    finding->result = result;
    finding->replay = replay_case_of(&facts, &w->page->options, &w->page->log, &result);
    if (w->was_killed) {
        snprintf(finding->message, sizeof finding->message,
                 "run %llu did not come back within %u s and was killed",
                 (unsigned long long)w->page->run, w->timeout_s);
        return WORKER_TIMEOUT;
    }
    if (WIFSIGNALED(status)) {
        snprintf(finding->message, sizeof finding->message, "the driver killed its process: signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        snprintf(finding->message, sizeof finding->message, "the driver ended its process: exit code %d",
                 WEXITSTATUS(status));
    }
    return WORKER_CRASHED;
}

enum worker_event worker_read(struct worker *w, struct worker_finding *finding)
{
    if (w->is_done) {
        return WORKER_DONE;
    }
    bool is_open = has_message(w) || fill(w);
    if (has_message(w)) {
        enum worker_event event = (enum worker_event)((const struct worker_message *)(const void *)
                                                          w->buffer)->event;
        take_message(w, finding);
        w->is_done = event == WORKER_DONE || event == WORKER_FAILED;
        return event;
    }
    if (is_open) {
        return WORKER_NOTHING;
    }
    w->is_done = true;
    return post_mortem(w, finding);
}

void worker_tick(struct worker *w, double now_s)
{
    uint64_t started = w->page->started;
    if (w->is_done || !w->page->is_running || started != w->seen_started) {
        w->seen_started = started;
        w->seen_since = now_s;
        return;
    }
    if (now_s - w->seen_since > w->timeout_s && !w->was_killed) {
        w->was_killed = true;
        kill(w->pid, SIGKILL);
    }
}

void worker_stop(struct worker *w)
{
    if (!w->is_reaped) {
        kill(w->pid, SIGKILL);
        waitpid(w->pid, NULL, 0);
        w->is_reaped = true;
    }
    w->is_done = true;
}

void worker_free(struct worker *w)
{
    if (w == NULL) {
        return;
    }
    worker_stop(w);
    close(w->pipe);
    munmap(w->page, sizeof *w->page);
    free(w->buffer);
    free(w);
}

/* ---- statistics ---- */

double worker_distinct(const struct worker_counters *const *counters, size_t count)
{
    const size_t words = SIM_COUNT(counters[0]->distinct_bits);
    size_t zeros = 0;
    for (size_t i = 0; i < words; i++) {
        uint64_t merged = 0;
        for (size_t k = 0; k < count; k++) {
            merged |= counters[k]->distinct_bits[i];
        }
        zeros += 64u - (size_t)__builtin_popcountll(merged);
    }
    double bits = (double)words * 64;
    return zeros == 0 ? bits : -bits * log((double)zeros / bits); /* linear counting */
}

/* ---- one case ---- */

enum worker_event worker_run_case(const char *module_path, const struct replay_case *c,
                                  uint32_t timeout_s, struct worker_finding *finding)
{
    const struct worker_job job = {.module_path = module_path, .timeout_s = timeout_s};
    struct worker *w = start(&job, c);
    if (w == NULL) {
        return WORKER_FAILED;
    }
    enum worker_event event;
    double now_s = 0;
    while ((event = worker_read(w, finding)) == WORKER_NOTHING) {
        usleep(1000);
        now_s += 0.001;
        worker_tick(w, now_s);
    }
    worker_free(w);
    return event;
}
