/* SPDX-License-Identifier: MIT */
/*
 * wsksim check DRIVER.so: a campaign with the built-in strategies, then the finding made small,
 * stored and shown as an interleaving.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "replay/campaign.h"
#include "replay/command.h"

enum { CHECK_SECONDS = 60 };

static enum replay_strategy find_strategy(const char *name)
{
    int i = 0;
    while (i < REPLAY_STRATEGIES && strcmp(replay_strategy_names[i], name) != 0) {
        i++;
    }
    SIM_ASSERT(i < REPLAY_STRATEGIES); /* flags.def lists the same names */
    return (enum replay_strategy)i;
}

static uint64_t choose_seed(const struct flags *flags)
{
    uint32_t seed = 0;
    if (flags->seed > 0) {
        return (uint64_t)flags->seed;
    }
    while (seed == 0) {
        if (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
            seed = 1;
        }
    }
    return seed;
}

static struct campaign_plan make_plan(const struct flags *flags, const char *module_path)
{
    bool has_runs = flags->runs >= 0;
    int64_t seconds = flags->max_total_time >= 0 ? flags->max_total_time
                      : has_runs                 ? 0
                                                 : CHECK_SECONDS;
    uint64_t seed = choose_seed(flags);
    return (struct campaign_plan){
        .finding = {.db = flags->db,
                    .module_path = module_path,
                    .strategy = flags->strategy,
                    .seed = seed,
                    .artifact_prefix = flags->artifact_prefix,
                    .style = command_style(flags)},
        .options = flags_options(flags),
        .plan = {.strategy = find_strategy(flags->strategy),
                 .seed = seed,
                 .depth = flags->depth > 0 ? (uint32_t)flags->depth : 0,
                 .no_access = flags->access == 0,
                 .no_races = flags->races == 0,
                 .bounds = {.kind = strcmp(flags->strategy, "dfs") == 0 ? SEARCH_DFS : SEARCH_DPOR,
                            .preemptions = (int32_t)flags->preemptions,
                            .delays = (int32_t)flags->delays,
                            .values = (uint32_t)flags->answers},
                 .no_faults = flags->faults == 0,
                 .no_knobs = flags->drawn_knobs == 0},
        .workers = flags->workers > 0 ? (uint32_t)flags->workers : 0,
        .runs = has_runs ? (uint64_t)flags->runs : UINT64_MAX,
        .seconds = (double)seconds,
        .timeout_s = (uint32_t)flags->timeout,
        .rss_limit_mb = (unsigned)flags->rss_limit_mb,
        .stop_file = flags->stop_file,
        .keep_going = flags->keep_going == 1,
        .is_quiet = flags->verbosity == 0,
    };
}

/* Nothing was looked at to its end: that must not pass for a clean driver. */
static bool is_all_given_up(const struct campaign_result *result)
{
    return result->end == CAMPAIGN_DONE && result->total.runs > 0 &&
           result->total.limits == result->total.runs;
}

static int exit_code(const struct flags *flags, const struct campaign_result *result)
{
    switch (result->end) {
    case CAMPAIGN_BROKEN:
        return EXIT_CODE_INTERNAL;
    case CAMPAIGN_FAILED:
        return EXIT_CODE_USAGE;
    case CAMPAIGN_DONE:
    case CAMPAIGN_FOUND:
    case CAMPAIGN_INTERRUPTED:
    case CAMPAIGN_MEMORY:
        break;
    }
    if (result->unstored > 0) {
        return EXIT_CODE_USAGE;
    }
    for (unsigned i = 0; i < result->finding_count; i++) {
        if (!result->finding[i].is_timeout) {
            return command_finding_code(flags, result->finding[i].replay.rule);
        }
    }
    if (result->finding_count > 0) {
        return (int)flags->timeout_exitcode;
    }
    if (result->flaky > 0) {
        return EXIT_CODE_FLAKY;
    }
    if (is_all_given_up(result)) {
        return command_refuse("every run was given up at a limit of the simulator, the last at: %s",
                              result->total.limit);
    }
    return result->end == CAMPAIGN_MEMORY        ? EXIT_CODE_MEMORY
           : result->end == CAMPAIGN_INTERRUPTED ? EXIT_CODE_INTERRUPTED
                                                 : EXIT_CODE_CLEAN;
}

/* For 'wsksim rules'. What cannot be kept is not worth an exit code of its own. */
static void keep_counts(const struct campaign_plan *plan, const struct worker_counters *total)
{
    struct store *store;
    if (total->runs == 0) {
        return;
    }
    if (store_open(&store, plan->finding.db, STORE_CREATE) != STORE_OK ||
        store_put_campaign(store, plan->finding.module_path, plan->finding.seed, total->runs,
                           total->rule_exercised, total->rule_lints) != STORE_OK) {
        fprintf(stderr, "wsksim: which rules were exercised is not stored: %s\n",
                store_error(store));
    }
    store_close(store);
}

static bool bounds_are_sane(const struct flags *flags)
{
    bool is_dfs = strcmp(flags->strategy, "dfs") == 0;
    bool is_dpor = strcmp(flags->strategy, "dpor") == 0;
    if (!is_dfs && (flags->preemptions >= 0 || flags->delays >= 0)) {
        command_refuse("-preemptions and -delays are bounds of -strategy=dfs");
        return false;
    }
    if (flags->preemptions >= 0 && flags->delays >= 0) {
        command_refuse("-preemptions and -delays are two bounds: give one of them");
        return false;
    }
    if (!is_dfs && !is_dpor && flags->answers > 0) {
        command_refuse("-answers is a bound of -strategy=dfs and -strategy=dpor");
        return false;
    }
    if ((is_dfs || is_dpor) && flags->workers > 1) {
        command_refuse("-strategy=%s keeps one stack: one worker", flags->strategy);
        return false;
    }
    return true;
}

int command_check(const struct flags *flags)
{
    static struct campaign_result result; /* large */
    if (flags->argument_count != 1) {
        return command_refuse("check takes one driver module; 'wsksim check --help' says more");
    }
    if (flags->runs == 0) {
        return command_refuse("-runs=0: nothing would be run; leave it out for no limit");
    }
    if (!bounds_are_sane(flags)) {
        return EXIT_CODE_USAGE;
    }
    if (!command_database_is_ready(flags->db)) {
        return EXIT_CODE_USAGE;
    }
    char module_path[SIM_MODULE_PATH_MAX];
    command_whole_path(flags->argument[0], module_path, sizeof module_path);
    const struct campaign_plan plan = make_plan(flags, module_path);
    command_catch_signals();
    campaign_run(&plan, &result);
    if (result.end != CAMPAIGN_FAILED) {
        for (unsigned i = 0; i < result.finding_count; i++) {
            finding_show(flags, &plan.finding, &result.finding[i]);
        }
        if (result.was_searched) {
            campaign_print_search(&plan, &result);
        }
        campaign_print_report(&result, flags->print_final_stats == 1);
        keep_counts(&plan, &result.total);
    }
    int code = exit_code(flags, &result);
    campaign_result_free(&result);
    return code;
}
