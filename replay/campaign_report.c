/* SPDX-License-Identifier: MIT */
/* What a campaign says at its beginning and at its end. */
#include <stdio.h>

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

static void print_lints(const struct worker_counters *total)
{
    for (int i = 0; i < MODEL_RULE_COUNT; i++) {
        if (total->rule_lints[i] > 0) {
            printf("lint %s, %llu times: %s\n", model_rules[i].id,
                   (unsigned long long)total->rule_lints[i], model_rules[i].text);
        }
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
    printf("stat::findings_new:             %llu\n", (unsigned long long)r->new_count);
    printf("stat::findings_known:           %llu\n", (unsigned long long)r->known_count);
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
