/* SPDX-License-Identifier: MIT */
/*
 * The parent's side of a worker. Messages are gathered in a buffer until one is complete, so that
 * reading never blocks; the end of the stream means that the worker is dead, and waitpid says how
 * it died.
 */
#define _GNU_SOURCE
#include "replay/worker.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "replay/worker_internal.h"

enum { TIMEOUT_DEFAULT_S = 10, BUFFER_FIRST = 1 << 14 };

struct worker {
    pid_t pid;
    int socket; /* -1 = none */
    struct worker_page *page;
    uint8_t *buffer;
    size_t used, capacity;
    bool is_done, is_reaped, was_killed, sent_garbage;
    int status; /* of waitpid, once reaped */
    uint32_t timeout_s;
    uint64_t seen_started; /* wall-clock check */
    double seen_since;
};

/* ---- life ---- */

static void reap(struct worker *w)
{
    if (!w->is_reaped) {
        while (waitpid(w->pid, &w->status, 0) < 0 && errno == EINTR) {
        }
        w->is_reaped = true;
    }
}

static bool spawn(struct worker *w, const struct worker_job *job)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return false;
    }
    w->page->is_running = false;
    w->page->started = 0; /* who dies while it opens the module has no run to blame */
    w->page->parent = getpid();
    fflush(NULL); /* or the child would write our buffered lines again */
    w->pid = fork();
    if (w->pid == 0) {
        close(ends[0]);
        worker_child(job, w->page, ends[1]);
    }
    close(ends[1]);
    if (w->pid < 0) {
        close(ends[0]);
        return false;
    }
    w->socket = ends[0];
    w->used = 0;
    w->is_done = w->is_reaped = w->was_killed = w->sent_garbage = false;
    w->timeout_s = job->timeout_s == 0 ? TIMEOUT_DEFAULT_S : job->timeout_s;
    w->seen_started = w->page->started;
    w->seen_since = worker_now();
    return true;
}

static struct worker *create(const struct worker_job *job)
{
    struct worker *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return NULL;
    }
    w->socket = -1;
    w->is_reaped = true;
    w->page =
        mmap(NULL, sizeof *w->page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (w->page == MAP_FAILED) {
        free(w);
        return NULL;
    }
    if (!spawn(w, job)) {
        worker_free(w);
        return NULL;
    }
    return w;
}

struct worker *worker_start(const struct worker_job *job)
{
    SIM_ASSERT(job->runs > 0); /* 0 means a serving worker */
    return create(job);
}

struct worker *worker_serve(const char *module_path, uint32_t timeout_s)
{
    const struct worker_job job = {.module_path = module_path, .timeout_s = timeout_s};
    return create(&job);
}

bool worker_restart(struct worker *w, const struct worker_job *job)
{
    worker_stop(w);
    if (w->socket >= 0) {
        close(w->socket);
        w->socket = -1;
    }
    return spawn(w, job);
}

void worker_stop(struct worker *w)
{
    if (!w->is_reaped) {
        kill(w->pid, SIGKILL);
        reap(w);
    }
    w->is_done = true;
}

void worker_free(struct worker *w)
{
    if (w == NULL) {
        return;
    }
    worker_stop(w);
    if (w->socket >= 0) {
        close(w->socket);
    }
    munmap(w->page, sizeof *w->page);
    free(w->buffer);
    free(w);
}

/* ---- asking ---- */

static void send_all(struct worker *w, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t written = send(w->socket, at, size, MSG_NOSIGNAL);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return; /* dead: the next read says so */
        }
        at += written;
        size -= (size_t)written;
    }
}

void worker_ask(struct worker *w, const struct worker_request *request)
{
    struct worker_question question = {.request = *request};
    struct choice_source *source = &question.request.source;
    if (source->size > REPLAY_CHOICES_MAX) {
        source->size = REPLAY_CHOICES_MAX;
    }
    if (source->checks == NULL) {
        source->check_count = 0;
    } else if (source->check_count > CHOICE_CHECKS_MAX) {
        source->check_count = CHOICE_CHECKS_MAX;
    }
    send_all(w, &question, sizeof question);
    send_all(w, request->source.bytes, source->size);
    send_all(w, request->source.checks, source->check_count * sizeof(uint32_t));
}

/* ---- reading ---- */

static size_t payload_size(const struct worker_message *m)
{
    return m->choices_size + m->check_count * sizeof(uint32_t) + m->text_size;
}

static bool options_are_sane(const struct replay_options *options)
{
    bool is_sane = options->knob_count <= REPLAY_FORCED_KNOBS_MAX &&
                   options->strict_lint <= MODEL_RULE_COUNT;
    for (uint32_t i = 0; is_sane && i < options->knob_count; i++) {
        is_sane = options->knob[i].knob < MODEL_KNOB_COUNT &&
                  options->knob[i].value < model_knobs[options->knob[i].knob].values;
    }
    return is_sane;
}

/* Of a run without a finding these fields say nothing and hold anything. */
static bool violation_is_sane(const struct replay_result *result)
{
    const struct sim_violation *v = &result->violation;
    return result->verdict != SIM_VERDICT_VIOLATION ||
           (v->here.routine < ROUTINE_COUNT && v->prior.routine < ROUTINE_COUNT &&
            v->rule < MODEL_RULE_COUNT && v->stack_depth <= SIM_STACK_DEPTH_MAX &&
            v->prior_stack_depth <= SIM_STACK_DEPTH_MAX &&
            memchr(v->text, '\0', sizeof v->text) != NULL &&
            memchr(result->context_name, '\0', sizeof result->context_name) != NULL);
}

/* A driver that writes anywhere may have written here: nothing of it may lead us astray. */
static bool is_sane(const struct worker_message *m)
{
    return m->event >= WORKER_OPENED && m->event <= WORKER_DONE &&
           m->choices_size <= REPLAY_CHOICES_MAX && m->check_count <= CHOICE_CHECKS_MAX &&
           m->text_size < SIM_MODULE_MESSAGE_MAX && options_are_sane(&m->replay.options) &&
           m->result.verdict <= SIM_VERDICT_LIMIT && m->replay.verdict <= SIM_VERDICT_LIMIT &&
           m->replay.rule < MODEL_RULE_COUNT && violation_is_sane(&m->result) &&
           memchr(m->replay.module, '\0', sizeof m->replay.module) != NULL &&
           memchr(m->replay.identity, '\0', sizeof m->replay.identity) != NULL;
}

static void *copy_of(const void *bytes, size_t size)
{
    void *copy = malloc(size + 1);
    if (copy == NULL) {
        fprintf(stderr, "wsksim: out of memory\n");
        exit(71);
    }
    memcpy(copy, bytes, size);
    return copy;
}

static enum worker_event take_message(struct worker *w, struct worker_finding *finding)
{
    struct worker_message message;
    memcpy(&message, w->buffer, sizeof message);
    const uint8_t *payload = w->buffer + sizeof message;
    const size_t checks_size = message.check_count * sizeof(uint32_t);
    finding->replay = message.replay;
    finding->replay.choices = copy_of(payload, message.choices_size);
    finding->replay.choices_size = message.choices_size;
    finding->replay.checks = copy_of(payload + message.choices_size, checks_size);
    finding->replay.check_count = message.check_count;
    finding->result = message.result;
    finding->run = message.run;
    memcpy(finding->message, payload + message.choices_size + checks_size, message.text_size);
    finding->message[message.text_size] = '\0';
    size_t size = sizeof message + payload_size(&message);
    w->used -= size;
    memmove(w->buffer, w->buffer + size, w->used);
    return (enum worker_event)message.event;
}

/* True if a whole, sane message is in the buffer. */
static bool has_message(struct worker *w)
{
    struct worker_message message;
    if (w->sent_garbage || w->used < sizeof message) {
        return false;
    }
    memcpy(&message, w->buffer, sizeof message);
    if (!is_sane(&message)) {
        w->sent_garbage = true;
        kill(w->pid, SIGKILL);
        return false;
    }
    return w->used >= sizeof message + payload_size(&message);
}

static bool grow(struct worker *w)
{
    size_t capacity = w->capacity == 0 ? BUFFER_FIRST : w->capacity * 2;
    uint8_t *buffer = realloc(w->buffer, capacity);
    if (buffer == NULL) {
        return false;
    }
    w->buffer = buffer;
    w->capacity = capacity;
    return true;
}

/* Reads what is there. False at the end of the stream. */
static bool fill(struct worker *w)
{
    for (;;) {
        if (w->used == w->capacity && !grow(w)) {
            return false;
        }
        ssize_t got = recv(w->socket, w->buffer + w->used, w->capacity - w->used, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 && errno == EAGAIN;
        }
        w->used += (size_t)got;
        if (w->used < w->capacity) {
            return true;
        }
    }
}

enum worker_event worker_read(struct worker *w, struct worker_finding *finding)
{
    if (w->is_done) {
        return WORKER_DONE;
    }
    bool is_open = has_message(w) || fill(w);
    if (has_message(w)) {
        enum worker_event event = take_message(w, finding);
        w->is_done = event == WORKER_DONE || event == WORKER_FAILED || event == WORKER_RETIRED;
        return event;
    }
    if (is_open && !w->sent_garbage) {
        return WORKER_NOTHING;
    }
    w->is_done = true;
    reap(w);
    return worker_post_mortem(w, finding);
}

int worker_descriptor(const struct worker *w)
{
    return w->socket;
}

/* ---- the dead ---- */

/* The log as it was left, or as much of it as can be true. */
static void repair(struct worker_page *page)
{
    struct choice_log *log = &page->log;
    if (log->deviation_count > CHOICE_DEVIATIONS_MAX) {
        log->deviation_count = 0;
    }
    for (int i = 0; i < CHOICE_STREAMS; i++) {
        if (log->value_count[i] > CHOICE_VALUES_MAX) {
            log->value_count[i] = 0;
        }
    }
    if (log->check_count > CHOICE_CHECKS_MAX) {
        log->check_count = 0;
    }
    if (!options_are_sane(&page->options)) {
        memset(&page->options, 0, sizeof page->options);
    }
    page->module[sizeof page->module - 1] = '\0';
    page->identity[sizeof page->identity - 1] = '\0';
}

static enum worker_event describe_death(const struct worker *w, char *message, size_t size)
{
    unsigned long long run = (unsigned long long)w->page->run;
    if (w->was_killed) {
        snprintf(message, size, "run %llu did not come back within %u s and was killed", run,
                 w->timeout_s);
        return WORKER_TIMEOUT;
    }
    if (w->sent_garbage) {
        snprintf(message, size, "the driver wrote into the memory of its process");
    } else if (WIFSIGNALED(w->status)) {
        snprintf(message, size, "the driver killed its process: signal %d (%s)",
                 WTERMSIG(w->status), strsignal(WTERMSIG(w->status)));
    } else {
        snprintf(message, size, "the driver ended its process: exit code %d",
                 WEXITSTATUS(w->status));
    }
    return WORKER_CRASHED;
}

/* The case of the run that stands in the page. */
static void take_case(struct worker *w, struct worker_finding *finding)
{
    repair(w->page);
    struct replay_session facts = {0};
    snprintf(facts.module.name, sizeof facts.module.name, "%s", w->page->module);
    snprintf(facts.module.identity, sizeof facts.module.identity, "%s", w->page->identity);
    facts.module.flavour = w->page->flavour;
    finding->run = w->page->run;
    finding->replay = replay_case_of(&facts, &w->page->options, &w->page->log, &finding->result);
}

/* The worker is dead without a farewell: what it was doing stands in the page. */
enum worker_event worker_post_mortem(struct worker *w, struct worker_finding *finding)
{
    memset(finding, 0, sizeof *finding);
    if (WIFSIGNALED(w->status) && WTERMSIG(w->status) == SIGKILL && !w->was_killed &&
        !w->sent_garbage) { /* not by a driver: it cannot name its process */
        snprintf(finding->message, sizeof finding->message,
                 "a worker was killed from outside (SIGKILL): is the machine out of memory?");
        return WORKER_KILLED;
    }
    bool is_exit = WIFEXITED(w->status);
    if (w->page->started == 0) {
        snprintf(finding->message, sizeof finding->message,
                 "the worker died before its first run (%s %d)", is_exit ? "exit code" : "signal",
                 is_exit ? WEXITSTATUS(w->status) : WTERMSIG(w->status));
        return WORKER_BROKEN;
    }
    if (is_exit && WEXITSTATUS(w->status) == 3) {
        take_case(w, finding);
        snprintf(finding->message, sizeof finding->message,
                 "internal error in run %llu, see the assertion above: the fault is ours, please "
                 "report it",
                 (unsigned long long)w->page->run);
        return WORKER_BROKEN;
    }
    enum worker_event event = describe_death(w, finding->message, sizeof finding->message);
    finding->result.verdict = SIM_VERDICT_VIOLATION;
    finding->result.violation.rule = event == WORKER_TIMEOUT ? RULE_SYS_LIVELOCK
                                     : is_exit               ? RULE_SYS_EXIT
                                                             : RULE_MEM_WILD;
    finding->result.raw_key = sim_mix(sim_mix(0x64656164ull, (uint64_t)event), (uint64_t)w->status);
    take_case(w, finding);
    return event;
}

/* ---- looking ---- */

const struct worker_counters *worker_counters(const struct worker *w)
{
    return &w->page->counters;
}

uint64_t worker_run(const struct worker *w)
{
    return w->page->run;
}

double worker_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

unsigned worker_resident_mb(const struct worker *w)
{
    char path[64];
    unsigned long size = 0, resident = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)w->pid);
    FILE *file = w->is_reaped ? NULL : fopen(path, "r");
    if (file == NULL) {
        return 0;
    }
    if (fscanf(file, "%lu %lu", &size, &resident) != 2) {
        resident = 0;
    }
    fclose(file);
    return (unsigned)(resident * (unsigned long)sysconf(_SC_PAGESIZE) >> 20);
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
    return zeros == 0 ? bits : bits * log(bits / (double)zeros); /* linear counting */
}
