/* SPDX-License-Identifier: MIT */
/* See races.h. Everything here runs in a worker process: a process holds one session. */
#define _GNU_SOURCE
#include "races.h"

#include <dlfcn.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "model/rules/rules.h"
#include "sim/learned.h"
#include "sim/search.h"

enum { CALIBRATION_RUNS = 12 /* as a campaign */, TAME_PROCESSORS = 4 };

static struct replay_session session;
static const struct races *races;
static struct choice_log *choices;
static struct sim_learned *learned[2]; /* without and with access points, of one trial */

/* ---- the module ---- */

bool races_open(struct race_board *board, const struct race_settings *settings)
{
    if (!replay_session_open(&session, settings->module, board->message, sizeof board->message)) {
        return false;
    }
    races = dlsym(session.module.handle, "WskSimRaces");
    choices = malloc(sizeof *choices);
    if (races == NULL || races->version != RACES_VERSION || races->size != sizeof(struct race)) {
        snprintf(board->message, sizeof board->message, "%s: not a module of races",
                 settings->module);
        return false;
    }
    if (choices == NULL) {
        snprintf(board->message, sizeof board->message, "out of memory");
    }
    return choices != NULL;
}

/* A pattern of the list, as of a shell, matches the name. */
static bool is_wanted(const char *name, const char *list)
{
    for (const char *at = list; *at != '\0'; at += strspn(at, ",")) {
        char part[64];
        size_t length = strcspn(at, ",");
        snprintf(part, sizeof part, "%.*s", (int)length, at);
        if (fnmatch(part, name, 0) == 0) {
            return true;
        }
        at += length;
    }
    return list[0] == '\0';
}

/* The linker keeps the order of the files, which is that of their names. */
void races_list(struct race_board *board, const struct race_settings *settings)
{
    for (const struct race *r = races->begin; r < races->end; r++) {
        if (!is_wanted(r->name, settings->programs) ||
            board->program_count == RACES_PROGRAMS_MAX) {
            continue;
        }
        struct race_program *p = &board->program[board->program_count++];
        snprintf(p->name, sizeof p->name, "%s", r->name);
        snprintf(p->fails, sizeof p->fails, "%s", r->fails);
        snprintf(p->published, sizeof p->published, "%s", r->published);
        snprintf(p->file, sizeof p->file, "%s", r->file);
        p->preemptions = r->preemptions;
    }
}

static void prepare(void *argument)
{
    *races->selected = argument;
}

static void select_program(const struct race_program *program)
{
    const struct race *r = races->begin;
    while (strcmp(r->name, program->name) != 0) {
        r++;
        SIM_ASSERT(r < races->end);
    }
    session.prepare = prepare;
    session.prepare_argument = (void *)(uintptr_t)r;
}

/* ---- runs ---- */

static bool is_expected(const struct race_program *program, const char *rule)
{
    size_t length = strlen(rule);
    for (const char *at = program->fails; (at = strstr(at, rule)) != NULL; at += length) {
        bool begins = at == program->fails || at[-1] == ' ';
        if (begins && (at[length] == ' ' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

/* One run; true if it failed as it should. */
static bool run(const struct race_program *program, const struct replay_options *options,
                const struct choice_source *source, struct replay_result *out,
                struct race_result *result)
{
    replay_session_run(&session, options, source, choices, out);
    result->limits += out->verdict == SIM_VERDICT_LIMIT;
    if (out->verdict != SIM_VERDICT_VIOLATION) {
        return false;
    }
    const char *rule = model_rules[out->violation.rule].id;
    if (!is_expected(program, rule)) {
        result->others++;
        snprintf(result->other, sizeof result->other, "%s", rule);
        return false;
    }
    return true;
}

/* As a campaign: how long a usual run is, for PCT. Stops at a failure, as the campaign does. */
static uint32_t typical_steps(const struct race_program *program, const struct replay_plan *plan,
                              bool with_access)
{
    const struct replay_options base = {.access_points = with_access};
    struct race_result ignored = {0};
    struct replay_plan calibration = *plan;
    uint64_t steps = 0;
    uint32_t count = 0;
    calibration.no_access = true;
    for (uint64_t n = 0; n < CALIBRATION_RUNS; n++) {
        struct choice_source source;
        struct replay_options options;
        struct replay_result out;
        replay_portfolio(&calibration, n, &base, &source, &options);
        (void)run(program, &options, &source, &out, &ignored);
        if (out.verdict != SIM_VERDICT_OK) {
            break;
        }
        steps += out.steps;
        count++;
    }
    return count > 0 ? (uint32_t)(steps / count) : 0;
}

void races_trial(struct race_board *board, const struct race_settings *settings,
                 const struct race_program *program, enum replay_strategy strategy, uint64_t seed,
                 struct race_result *result)
{
    const struct replay_options base = {.access_points = strategy != REPLAY_PORTFOLIO};
    struct replay_plan plan = {.strategy = strategy,
                               .seed = seed,
                               .has_access = true,
                               .no_races = true,
                               .no_faults = true,
                               .no_knobs = true};
    select_program(program);
    for (int i = 0; i < 2; i++) {
        learned_free(learned[i]);
        learned[i] = learned_create();
        SIM_ASSERT(learned[i] != NULL);
    }
    plan.typical_steps[0] = typical_steps(program, &plan, false);
    plan.typical_steps[1] = typical_steps(program, &plan, true);
    result->steps = plan.typical_steps[1];
    for (uint64_t n = 0; n < settings->limit && board->must_stop == 0; n++) {
        struct choice_source source;
        struct replay_options options;
        struct replay_result out;
        replay_portfolio(&plan, n, &base, &source, &options);
        source.learned = learned[source.access_points];
        result->schedules++;
        if (run(program, &options, &source, &out, result)) {
            result->state = RACE_FOUND;
            return;
        }
    }
    result->state = board->must_stop == 0 ? RACE_NOT_FOUND : RACE_OPEN;
}

/* ---- tame ---- */

void races_tame(const struct race_program *program, struct race_result *result)
{
    select_program(program);
    for (uint32_t processors = 1; processors <= TAME_PROCESSORS; processors++) {
        for (int access = 0; access <= 1; access++) {
            const struct replay_options options = {.sim.processors = processors,
                                                   .access_points = access != 0};
            const struct choice_source source = {.kind = CHOICE_TAME,
                                                 .access_points = access != 0};
            struct replay_result out;
            result->schedules++;
            if (run(program, &options, &source, &out, result)) {
                result->others++;
                snprintf(result->other, sizeof result->other, "%s",
                         model_rules[out.violation.rule].id);
            }
        }
    }
    result->state = result->others + result->limits == 0 ? RACE_FOUND : RACE_BROKEN;
}

/* ---- fewest preemptions ---- */

/* Runs until one fails (true), none is left within the bound (*is_done), or so many were made. */
static bool search(const struct race_program *program, struct sim_search *q, uint32_t runs_max,
                   bool *is_done)
{
    const struct replay_options base = {.access_points = true, .sim.processors = 2};
    const struct replay_plan plan = {.strategy = REPLAY_DFS, .has_access = true, .search = q};
    struct race_result ignored = {0};
    *is_done = false;
    for (uint32_t i = 0; i < runs_max; i++) {
        struct choice_source source;
        struct replay_options options;
        struct replay_result out;
        replay_portfolio_search(&plan, &base, &source, &options);
        if (!search_next(q)) {
            *is_done = true;
            return false;
        }
        if (run(program, &options, &source, &out, &ignored)) {
            return true;
        }
    }
    return false;
}

void races_fewest(const struct race_program *program, uint32_t runs_max, char *out, size_t size)
{
    enum { BOUND_MAX = 8 };
    bool are_done = true;
    select_program(program);
    for (int32_t bound = 0; bound <= BOUND_MAX; bound++) {
        const struct search_bounds bounds = {
            .kind = SEARCH_DFS, .preemptions = bound, .delays = -1};
        void *memory = mmap(NULL, search_size(), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        SIM_ASSERT(memory != MAP_FAILED);
        bool is_done;
        bool is_found = search(program, search_init(memory, &bounds), runs_max, &is_done);
        munmap(memory, search_size());
        if (is_found) {
            snprintf(out, size, "%d%s", bound, are_done ? "" : " or fewer");
            return;
        }
        are_done = are_done && is_done;
        if (!is_done && bound >= (int32_t)program->preemptions) {
            break;
        }
    }
    snprintf(out, size, "not found in so many runs");
}
