/* SPDX-License-Identifier: MIT */
/*
 * The parent's loop of a campaign. See campaign.h.
 *
 *   open (calibrate) -> start workers -> [ poll -> read events -> settle -> limits -> progress ]*
 *   -> stop
 */
#define _GNU_SOURCE
#include "replay/campaign.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "replay/case_text.h"
#include "replay/command.h"
#include "replay/runner.h"
#include "replay/twin.h"
#include "sim/places.h"

enum {
    CALIBRATION_RUNS = 12, /* per kind, to learn how long a usual run is */
    POLL_MS = 100,
    KEYS_MAX = 4096, /* raw keys that were settled already */
    /* workers that died of the driver: then the campaign tells nothing new */
    DEATHS_MAX = 64,
    KILLS_MAX = 2, /* workers that somebody else killed: the second time is no accident */
};

struct seat {
    struct worker *worker;
    struct worker_job job; /* what it has to do, from its last start */
    bool is_over;
};

struct campaign {
    const struct campaign_plan *plan;
    struct campaign_result *result;
    struct replay_plan runs;
    struct twin *twin; /* NULL: the module has none */
    struct seat seat[CAMPAIGN_WORKERS_MAX];
    uint32_t seat_count;
    uint64_t key[KEYS_MAX];
    uint32_t key_count, deaths, kills;
    double started, last_progress;
    uint64_t last_runs, last_steps;
    bool is_over;
    struct worker_finding found;
};

static void stop(struct campaign *c, enum campaign_end end)
{
    if (!c->is_over) {
        c->is_over = true;
        c->result->end = end;
    }
}

/* ---- opening ---- */

static uint32_t typical_steps(struct runner *runner, const struct campaign *c, bool with_access)
{
    static struct worker_finding out;
    uint64_t steps = 0;
    uint32_t count = 0;
    struct replay_options base = c->plan->options;
    struct replay_plan plan = c->runs;
    base.access_points = with_access;
    plan.no_access = true;
    plan.places = NULL; /* what fails here nobody looks at */
    for (uint64_t n = 0; n < CALIBRATION_RUNS; n++) {
        struct worker_request request;
        replay_portfolio(&plan, n, &base, &request.source, &request.options);
        if (runner_run(runner, &request, &out) != WORKER_ANSWER) {
            break; /* the campaign itself will see it, and say so */
        }
        replay_case_free(&out.replay);
        if (out.result.verdict != SIM_VERDICT_OK) {
            break; /* a bug this shallow needs no tuned strategy */
        }
        steps += out.result.steps;
        count++;
    }
    return count > 0 ? (uint32_t)(steps / count) : 0;
}

/* Shared with the workers; zeroed. NULL: the campaign cannot be. */
static void *shared_memory(struct campaign *c, size_t size, const char *what)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        command_refuse("no memory for %s: %s", what, strerror(errno));
        stop(c, CAMPAIGN_FAILED);
        return NULL;
    }
    return memory;
}

static bool prepare_places(struct campaign *c)
{
    c->runs.places = shared_memory(c, sizeof *c->runs.places, "the places that can fail");
    return c->runs.places != NULL;
}

static void finish_places(struct campaign *c)
{
    if (c->runs.places != NULL) {
        sim_places_count(c->runs.places, &c->result->places, &c->result->places_failed);
        munmap(c->runs.places, sizeof *c->runs.places);
    }
}

/* The stack of a search outlives its worker: it lies in memory that both see. */
static bool prepare_search(struct campaign *c)
{
    const struct replay_plan *plan = &c->plan->plan;
    if (!replay_is_systematic(plan->strategy)) {
        return true;
    }
    void *memory = shared_memory(c, search_size(), "a search");
    if (memory == NULL) {
        return false;
    }
    c->runs.search = search_init(memory, &plan->bounds);
    c->result->was_searched = true;
    c->seat_count = 1; /* one stack, one worker */
    return true;
}

static void finish_search(struct campaign *c)
{
    if (c->runs.search != NULL) {
        search_report(c->runs.search, &c->result->search);
        munmap(c->runs.search, search_size());
    }
}

static bool open_module(struct campaign *c)
{
    static char message[SIM_MODULE_MESSAGE_MAX];
    struct runner *runner =
        runner_open(c->plan->finding.module_path, c->plan->timeout_s, message, sizeof message);
    if (runner == NULL) {
        command_refuse("%s", message);
        stop(c, CAMPAIGN_FAILED);
        return false;
    }
    const struct runner_module *module = runner_module(runner);
    c->runs.has_access = (module->flavour & SIM_MODULE_ACCESS) != 0;
    if (!c->plan->is_quiet) {
        fprintf(stderr, "wsksim %s: %s (%s, %s), seed %llu, strategy %s, %u workers\n",
                WSKSIM_VERSION, module->name, module->identity,
                sim_module_flavour_text(module->flavour), (unsigned long long)c->runs.seed,
                replay_strategy_names[c->runs.strategy], c->seat_count);
        campaign_print_checks(module->flavour, c->plan);
    }
    if (c->plan->options.access_points && !c->runs.has_access) {
        command_refuse("-access=1: %s was built without access points", module->name);
        stop(c, CAMPAIGN_FAILED);
        runner_close(runner);
        return false;
    }
    if (c->runs.search != NULL) {
        struct choice_source source;
        replay_portfolio_search(&c->runs, &c->plan->options, &source, &c->result->search_options);
        runner_close(runner);
        return true;
    }
    c->twin = twin_open(c->plan->finding.module_path, c->plan->timeout_s);
    c->runs.typical_steps[0] = typical_steps(runner, c, false);
    if (c->runs.has_access && !c->runs.no_access) {
        c->runs.typical_steps[1] = typical_steps(runner, c, true);
    }
    runner_close(runner);
    return true;
}

/* ---- workers ---- */

static void start_seat(struct campaign *c, uint32_t i)
{
    struct seat *seat = &c->seat[i];
    uint64_t total = c->plan->runs;
    uint64_t share =
        total == UINT64_MAX ? UINT64_MAX : total / c->seat_count + (i < total % c->seat_count);
    seat->job = (struct worker_job){.module_path = c->plan->finding.module_path,
                                    .options = c->plan->options,
                                    .plan = c->runs,
                                    .first = i,
                                    .stride = c->seat_count,
                                    .runs = share,
                                    .timeout_s = c->plan->timeout_s,
                                    .keep_going = c->plan->keep_going,
                                    .wants_samples = c->twin != NULL};
    seat->is_over = share == 0;
    if (share > 0 && (seat->worker = worker_start(&seat->job)) == NULL) {
        command_refuse("no process for a worker: %s", strerror(errno));
        seat->is_over = true;
        stop(c, CAMPAIGN_FAILED);
    }
}

/* Goes on with the run after the one at which the worker ended. */
static void restart_seat(struct campaign *c, struct seat *seat)
{
    uint64_t last = worker_run(seat->worker);
    uint64_t done = last >= seat->job.first ? (last - seat->job.first) / seat->job.stride + 1 : 1;
    seat->job.first += done * seat->job.stride;
    if (seat->job.runs != UINT64_MAX) {
        seat->job.runs -= done < seat->job.runs ? done : seat->job.runs;
    }
    seat->is_over = c->is_over || seat->job.runs == 0;
    if (!seat->is_over && !worker_restart(seat->worker, &seat->job)) {
        command_refuse("no process for a worker: %s", strerror(errno));
        seat->is_over = true;
        stop(c, CAMPAIGN_FAILED);
    }
}

/* ---- findings ---- */

static bool is_new_key(struct campaign *c, uint64_t key)
{
    for (uint32_t i = 0; i < c->key_count; i++) {
        if (c->key[i] == key) {
            return false;
        }
    }
    if (c->key_count < KEYS_MAX) {
        c->key[c->key_count++] = key;
    }
    return true;
}

static void keep_finding(struct campaign *c, struct finding *f)
{
    struct campaign_result *r = c->result;
    for (unsigned i = 0; i < r->finding_count; i++) {
        if (r->finding[i].replay.signature == f->replay.signature) {
            finding_free(f);
            return;
        }
    }
    if (r->finding_count == CAMPAIGN_FINDINGS_MAX) {
        finding_free(f);
        return;
    }
    r->finding[r->finding_count++] = *f;
}

static void settle(struct campaign *c, enum worker_event event)
{
    struct campaign_result *r = c->result;
    if (!is_new_key(c, c->found.result.raw_key)) {
        replay_case_free(&c->found.replay);
        return;
    }
    struct finding f = finding_settle(&c->plan->finding, event, &c->found);
    r->new_count += f.outcome == FINDING_NEW;
    r->known_count += f.outcome == FINDING_KNOWN;
    r->unstored += f.outcome == FINDING_UNSTORED;
    r->timeouts += f.is_timeout;
    switch (f.outcome) {
    case FINDING_NEW:
    case FINDING_KNOWN:
    case FINDING_UNSTORED:
        keep_finding(c, &f);
        break;
    case FINDING_FLAKY:
        r->flaky++;
        finding_free(&f);
        break;
    case FINDING_INTERNAL:
        finding_free(&f);
        stop(c, CAMPAIGN_BROKEN);
        break;
    }
    if (!c->plan->keep_going) {
        stop(c, CAMPAIGN_FOUND);
    }
}

/* A run that ended well: does it in the twin of the module too? */
static void compare_twin(struct campaign *c)
{
    c->found.result.raw_key = 1; /* said once, beside what the workers say of pool (0) */
    if (twin_differs(c->twin, &c->found, c->found.message, sizeof c->found.message)) {
        settle(c, WORKER_FLAKY);
    } else {
        replay_case_free(&c->found.replay);
    }
}

/* An assertion of ours: everything somebody needs to see it again. */
static void report_broken(struct campaign *c)
{
    command_refuse("%s", c->found.message);
    if (c->found.replay.choices != NULL) {
        char *line = replay_case_text(&c->found.replay);
        fprintf(stderr, "%s\n", line != NULL ? line : "");
        free(line);
        replay_case_free(&c->found.replay);
    }
    stop(c, CAMPAIGN_BROKEN);
}

static void on_death(struct campaign *c, struct seat *seat, enum worker_event event)
{
    settle(c, event);
    if (++c->deaths == DEATHS_MAX) {
        command_refuse("the driver has ended %d workers; the campaign stops here", DEATHS_MAX);
        stop(c, CAMPAIGN_FOUND);
    }
    restart_seat(c, seat);
}

/* Nobody's fault in here: the run is skipped. */
static void on_kill(struct campaign *c, struct seat *seat)
{
    bool is_last = ++c->kills == KILLS_MAX;
    command_refuse("%s%s", c->found.message,
                   is_last ? " It is the second; the campaign stops here"
                           : " Going on with the run after it");
    if (is_last) {
        stop(c, CAMPAIGN_MEMORY);
    }
    restart_seat(c, seat);
}

/* True if there may be more to read. */
static bool take_event(struct campaign *c, struct seat *seat)
{
    enum worker_event event = worker_read(seat->worker, &c->found);
    switch (event) {
    case WORKER_NOTHING:
        return false;
    case WORKER_OPENED:
    case WORKER_ANSWER:
        replay_case_free(&c->found.replay);
        return true;
    case WORKER_FINDING:
    case WORKER_FLAKY:
        settle(c, event);
        return true;
    case WORKER_SAMPLE:
        compare_twin(c);
        return true;
    case WORKER_CRASHED:
    case WORKER_TIMEOUT:
        on_death(c, seat, event);
        return false;
    case WORKER_KILLED:
        on_kill(c, seat);
        return false;
    case WORKER_BROKEN:
        report_broken(c);
        seat->is_over = true;
        return false;
    case WORKER_FAILED:
        command_refuse("%s", c->found.message);
        stop(c, CAMPAIGN_FAILED);
        seat->is_over = true;
        return false;
    case WORKER_RETIRED:
        replay_case_free(&c->found.replay);
        restart_seat(c, seat);
        return false;
    case WORKER_DONE:
        replay_case_free(&c->found.replay);
        seat->is_over = true;
        return false;
    }
    return false;
}

/* ---- the loop ---- */

static void wait_for_events(struct campaign *c)
{
    struct pollfd fd[CAMPAIGN_WORKERS_MAX];
    nfds_t count = 0;
    for (uint32_t i = 0; i < c->seat_count; i++) {
        if (!c->seat[i].is_over) {
            fd[count].fd = worker_descriptor(c->seat[i].worker);
            fd[count++].events = POLLIN;
        }
    }
    poll(fd, count, POLL_MS);
}

static bool look_after(struct campaign *c, double now)
{
    bool any_left = false;
    for (uint32_t i = 0; i < c->seat_count && !c->is_over; i++) {
        struct seat *seat = &c->seat[i];
        while (!seat->is_over && !c->is_over && take_event(c, seat)) {
        }
        if (!seat->is_over) {
            worker_tick(seat->worker, now);
            any_left = true;
        }
    }
    return any_left;
}

static void sum_counters(struct campaign *c)
{
    struct worker_counters *total = &c->result->total;
    memset(total, 0, sizeof *total);
    for (uint32_t i = 0; i < c->seat_count; i++) {
        if (c->seat[i].worker == NULL) {
            continue;
        }
        const struct worker_counters *k = worker_counters(c->seat[i].worker);
        if (k->runs > 0 && (total->runs == 0 || k->steps_min < total->steps_min)) {
            total->steps_min = k->steps_min;
        }
        total->steps_max = k->steps_max > total->steps_max ? k->steps_max : total->steps_max;
        total->runs += k->runs;
        total->steps += k->steps;
        total->switches += k->switches;
        total->decisions += k->decisions;
        total->limits += k->limits;
        if (k->limits > 0) {
            memcpy(total->limit, k->limit, sizeof total->limit);
        }
        total->violations += k->violations;
        for (int rule = 0; rule < MODEL_RULE_COUNT; rule++) {
            total->rule_exercised[rule] += k->rule_exercised[rule];
            total->rule_lints[rule] += k->rule_lints[rule];
        }
    }
}

static void estimate_distinct(struct campaign *c)
{
    const struct worker_counters *counters[CAMPAIGN_WORKERS_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < c->seat_count; i++) {
        if (c->seat[i].worker != NULL) {
            counters[count++] = worker_counters(c->seat[i].worker);
        }
    }
    c->result->distinct = count > 0 ? worker_distinct(counters, count) : 0;
}

static void measure_memory(struct campaign *c)
{
    for (uint32_t i = 0; i < c->seat_count; i++) {
        unsigned mb = c->seat[i].is_over ? 0 : worker_resident_mb(c->seat[i].worker);
        c->result->peak_rss_mb = mb > c->result->peak_rss_mb ? mb : c->result->peak_rss_mb;
        if (c->plan->rss_limit_mb != 0 && mb > c->plan->rss_limit_mb) {
            command_refuse("worker %u uses %u MiB, more than -rss_limit_mb=%u", i, mb,
                           c->plan->rss_limit_mb);
            stop(c, CAMPAIGN_MEMORY);
        }
    }
}

/* Once a second, in libFuzzer's shape. */
static void print_progress(struct campaign *c, double now)
{
    double span = now - c->last_progress;
    if (span < 1) {
        return;
    }
    sum_counters(c);
    measure_memory(c);
    const struct worker_counters *total = &c->result->total;
    if (!c->plan->is_quiet) {
        char distinct[16], steps[16], runs[16];
        estimate_distinct(c);
        campaign_amount(c->result->distinct, distinct, sizeof distinct);
        campaign_amount((double)(total->steps - c->last_steps) / span, steps, sizeof steps);
        campaign_amount((double)(total->runs - c->last_runs) / span, runs, sizeof runs);
        fprintf(
            stderr,
            "#%llu PULSE distinct: ~%s viol: %llu steps/s: %s exec/s: %s rss: %uMb time: %.0fs\n",
            (unsigned long long)total->runs, distinct, (unsigned long long)total->violations, steps,
            runs, c->result->peak_rss_mb, now - c->started);
    }
    c->last_progress = now;
    c->last_runs = total->runs;
    c->last_steps = total->steps;
}

static void check_limits(struct campaign *c, double now)
{
    const struct campaign_plan *plan = c->plan;
    if (command_stop) {
        stop(c, CAMPAIGN_INTERRUPTED);
    } else if (plan->seconds > 0 && now - c->started >= plan->seconds) {
        stop(c, CAMPAIGN_DONE);
    } else if (plan->stop_file[0] != '\0' && access(plan->stop_file, F_OK) == 0) {
        stop(c, CAMPAIGN_DONE);
    }
}

static void run_loop(struct campaign *c)
{
    for (uint32_t i = 0; i < c->seat_count && !c->is_over; i++) {
        start_seat(c, i);
    }
    while (!c->is_over) {
        wait_for_events(c);
        double now = worker_now();
        if (!look_after(c, now)) {
            stop(c, CAMPAIGN_DONE);
        }
        check_limits(c, now);
        print_progress(c, now);
    }
}

void campaign_run(const struct campaign_plan *plan, struct campaign_result *result)
{
    struct campaign *c = calloc(1, sizeof *c);
    memset(result, 0, sizeof *result);
    if (c == NULL) {
        command_refuse("out of memory");
        result->end = CAMPAIGN_FAILED;
        return;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    c->plan = plan;
    c->result = result;
    c->runs = plan->plan;
    c->seat_count = plan->workers != 0 ? plan->workers : online > 0 ? (uint32_t)online : 1;
    c->seat_count = c->seat_count < CAMPAIGN_WORKERS_MAX ? c->seat_count : CAMPAIGN_WORKERS_MAX;
    c->started = c->last_progress = worker_now();
    if (prepare_places(c) && prepare_search(c) && open_module(c)) {
        run_loop(c);
    }
    for (uint32_t i = 0; i < c->seat_count; i++) {
        if (c->seat[i].worker != NULL) {
            worker_stop(c->seat[i].worker);
        }
    }
    result->seconds = worker_now() - c->started;
    sum_counters(c);
    estimate_distinct(c);
    finish_search(c);
    finish_places(c);
    for (uint32_t i = 0; i < c->seat_count; i++) {
        worker_free(c->seat[i].worker);
    }
    twin_close(c->twin);
    free(c);
}

void campaign_result_free(struct campaign_result *result)
{
    for (unsigned i = 0; i < result->finding_count; i++) {
        finding_free(&result->finding[i]);
    }
    result->finding_count = 0;
}
