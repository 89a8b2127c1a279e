/* SPDX-License-Identifier: MIT */
/* What a campaign says at its beginning and at its end. */
#include <stdio.h>
#include <string.h>

#include "replay/campaign.h"

void campaign_amount(double value, char *out, size_t size)
{
    static const char unit[] = " kMGT";
    unsigned at = 0;
    while (value >= 10000 && at < 4) {
        value /= 1000;
        at++;
    }
    snprintf(out, size, at == 0 ? "%.0f" : "%.1f%c", value, unit[at]);
}

void campaign_print_checks(uint32_t flavour, const struct campaign_plan *plan)
{
    bool has_access = (flavour & SIM_MODULE_ACCESS) != 0 && !plan->plan.no_access;
    fprintf(stderr,
            "checks: +contract +irql +locks +irp +leaks +deadlock +livelock %cmemory %cundefined; "
            "disturbances: %cfaults %creadings %caccess-points\n",
            (flavour & SIM_MODULE_CHECKED) != 0 ? '+' : '-',
            (flavour & SIM_MODULE_UNDEFINED) != 0 ? '+' : '-', plan->plan.no_faults ? '-' : '+',
            plan->plan.no_knobs ? '-' : '+', has_access ? '+' : '-');
}

static unsigned count_rules(const uint64_t *counter)
{
    unsigned count = 0;
    for (int i = 0; i < MODEL_RULE_COUNT; i++) {
        count += counter[i] > 0;
    }
    return count;
}

/*
 * What a lint is about: 0 sockets, 1 the kernel, where worse of the same rule is an error, 2 advice
 * about the kernel that is never an error: style.
 */
static int lint_group(const struct model_rule_info *rule)
{
    bool is_socket = strncmp(rule->id, "KRN-", 4) != 0 && strncmp(rule->id, "SYS-", 4) != 0;
    return is_socket ? 0 : rule->severity == MODEL_SEVERITY_ERROR ? 1 : 2;
}

static bool is_later(const uint64_t *lints, int a, int b)
{
    int group_a = lint_group(&model_rules[a]), group_b = lint_group(&model_rules[b]);
    return group_a != group_b ? group_a > group_b : lints[a] > lints[b];
}

/* Sockets first, style last; of each the rarest first: what every run has says least. */
static void print_lints(const struct worker_counters *total)
{
    int order[MODEL_RULE_COUNT], count = 0;
    for (int i = 0; i < MODEL_RULE_COUNT; i++) {
        if (total->rule_lints[i] > 0) {
            int at = count++;
            for (; at > 0 && is_later(total->rule_lints, order[at - 1], i); at--) {
                order[at] = order[at - 1];
            }
            order[at] = i;
        }
    }
    for (int i = 0; i < count; i++) {
        printf("lint %s, %llu times: %s\n", model_rules[order[i]].id,
               (unsigned long long)total->rule_lints[order[i]],
               model_lint_text((enum model_rule)order[i]));
    }
}

static void print_stats(const struct campaign_result *r)
{
    const struct worker_counters *t = &r->total;
    double runs = t->runs > 0 ? (double)t->runs : 1;
    double seconds = r->seconds > 0 ? r->seconds : 1e-9;
    printf("stat::number_of_executed_units: %llu\n", (unsigned long long)t->runs);
    printf("stat::average_exec_per_sec:     %.0f\n", (double)t->runs / seconds);
    printf("stat::new_units_added:          %llu\n", (unsigned long long)r->new_count);
    printf("stat::peak_rss_mb:              %u\n", r->peak_rss_mb);
    printf("stat::distinct_fingerprints:    %.0f\n", r->distinct);
    printf("stat::scheduling_points_min:    %llu\n", (unsigned long long)t->steps_min);
    printf("stat::scheduling_points_avg:    %.1f\n", (double)t->steps / runs);
    printf("stat::scheduling_points_max:    %llu\n", (unsigned long long)t->steps_max);
    printf("stat::scheduling_points_per_sec: %.0f\n", (double)t->steps / seconds);
    printf("stat::switches_avg:             %.1f\n", (double)t->switches / runs);
    printf("stat::decisions_avg:            %.1f\n", (double)t->decisions / runs);
    printf("stat::runs_at_a_limit:          %llu\n", (unsigned long long)t->limits);
    printf("stat::buggy_runs:               %llu\n", (unsigned long long)t->violations);
    printf("stat::rules_exercised:          %u\n", count_rules(t->rule_exercised));
    printf("stat::rules_with_lint:          %u\n", count_rules(t->rule_lints));
    printf("stat::places_that_can_fail:     %u\n", r->places);
    printf("stat::places_failed:            %u\n", r->places_failed);
    printf("stat::findings_new:             %llu\n", (unsigned long long)r->new_count);
    printf("stat::findings_known:           %llu\n", (unsigned long long)r->known_count);
}

/* "within: ...": what was held fixed. */
static void print_bounds(const struct campaign_plan *plan, const struct campaign_result *r)
{
    const struct search_bounds *b = &plan->plan.bounds;
    const struct replay_options *o = &r->search_options;
    printf("bounds: %s, %u processors, %s memory accesses as scheduling points, ",
           b->kind == SEARCH_DPOR  ? "all schedules up to the order of independent steps"
                                   : "all schedules",
           o->sim.processors == 0 ? 2 : o->sim.processors, o->access_points ? "with" : "without");
    if (b->preemptions >= 0 || b->delays >= 0) {
        printf("no more than %d %s, ", b->preemptions >= 0 ? b->preemptions : b->delays,
               b->preemptions >= 0 ? "preemption(s)" : "delay(s)");
    }
    if (b->values == 0) {
        printf("world and faults tame, ");
    } else {
        printf("no more than %u answer(s) of world and faults that are not tame, ", b->values);
    }
    printf("clock at most %d ms ahead of a context that can run, sequential consistency\n",
           (int)(SIM_OVERTAKE_MAX / SIM_MS(1)));
}

/* Why a search that came to its end has not seen everything, or "". */
static const char *shortfall(const struct search_report *s)
{
    return s->diverged > 0          ? "; but runs differed, so that something may be missing"
           : s->cut > 0             ? "; but some runs were longer than the search can follow"
           : s->is_crowded ? "; but more contexts than processors: some orders may be missing"
           : s->was_bounded         ? "; beyond the bound there is more"
           : s->were_values_bounded ? "; with more answers, or at requests with many, there is more"
                                    : "";
}

void campaign_print_search(const struct campaign_plan *plan, const struct campaign_result *r)
{
    const struct search_report *s = &r->search;
    const char *name = replay_strategy_names[plan->plan.strategy];
    printf("\n%s: %llu executions complete, %llu redundant (sleep sets), %llu cut, %llu diverged; "
           "up to %u steps\n",
           name, (unsigned long long)s->complete, (unsigned long long)s->redundant,
           (unsigned long long)s->cut, (unsigned long long)s->diverged, s->steps_max);
    if (s->is_exhausted) {
        printf("%s: %s%s\n", name,
               s->is_complete ? "complete: nothing is left within the bounds" : "came to its end",
               shortfall(s));
    } else if (s->explored <= 0) {
        printf("%s: not complete: a tree too deep for a guess at its size\n", name);
    } else {
        printf("%s: not complete: about %.3g %% of the tree seen, %s%.3g executions in all by the "
               "weights of the branches\n",
               name, 100 * s->explored, plan->plan.strategy == REPLAY_DPOR ? "at least " : "about ",
               s->estimate);
    }
    print_bounds(plan, r);
}

void campaign_print_report(const struct campaign_result *r, bool wants_stats)
{
    const struct worker_counters *t = &r->total;
    double runs = t->runs > 0 ? (double)t->runs : 1;
    printf("\n%llu runs in %.1f s (%.0f/s), about %.0f distinct\n", (unsigned long long)t->runs,
           r->seconds, (double)t->runs / (r->seconds > 0 ? r->seconds : 1e-9), r->distinct);
    printf(
        "scheduling points per run: %llu min, %.0f avg, %llu max; %.0f switches, %.0f decisions\n",
        (unsigned long long)t->steps_min, (double)t->steps / runs, (unsigned long long)t->steps_max,
        (double)t->switches / runs, (double)t->decisions / runs);
    printf("rules exercised: %u of %d\n", count_rules(t->rule_exercised), MODEL_RULE_COUNT);
    if (r->places > 0) {
        printf("calls that can fail: %u call stacks, %u of them failed alone in a run\n", r->places,
               r->places_failed);
    }
    if (t->violations > 0) {
        printf("buggy runs: %llu (%.3g %%), %.1f runs per violation\n",
               (unsigned long long)t->violations, 100 * (double)t->violations / runs,
               (double)t->runs / (double)t->violations);
    }
    if (t->limits > 0) {
        printf("runs given up at a limit of the simulator: %llu (lately: %s)\n",
               (unsigned long long)t->limits, t->limit);
    }
    print_lints(t);
    if (wants_stats) {
        print_stats(r);
    }
    fflush(stdout);
}
