/* SPDX-License-Identifier: MIT */
/*
 *   wsksim_bench_phases MODULE RUNS       the runs of a campaign, tame world, uniform walk
 *   wsksim_bench_phases bluetooth | bare  10,000 runs of the bluetooth model or of the bare loop
 *
 * Run by bench/phases under callgrind, which counts only the runs themselves: opening the module
 * and the first runs are left out. Prints how many runs were counted. Nothing here depends on a
 * clock, so neither do the counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION (void)0
#define CALLGRIND_STOP_INSTRUMENTATION (void)0
#endif

#include "bench/bench.h"
#include "replay/session.h"

enum { WARM_RUNS = 200 };

static struct replay_session session;
static struct choice_log choices;

/* valgrind needs the addresses that the whole validity map would take. */
bool sim_memory_is_sparse(void)
{
    return true;
}

static void run_many(struct choice_source *source, unsigned long runs)
{
    const struct replay_options options = {0};
    struct replay_result result;
    for (unsigned long i = 0; i < runs; i++) {
        source->seed++;
        replay_session_run(&session, &options, source, &choices, &result);
        if (result.verdict != SIM_VERDICT_OK) {
            fprintf(stderr, "wsksim_bench_phases: a run did not end well: %s\n",
                    result.violation.text);
            exit(1);
        }
    }
}

static int run_loop(bool is_bare)
{
    const double once = 1e-9; /* both loops make 10,000 runs before they look at the clock */
    bench_bluetooth(once);
    CALLGRIND_START_INSTRUMENTATION;
    struct bench_rate rate = is_bare ? bench_bare_loop(once) : bench_bluetooth(once);
    CALLGRIND_STOP_INSTRUMENTATION;
    printf("%llu\n", (unsigned long long)rate.runs);
    return 0;
}

int main(int argc, char **argv)
{
    static char message[SIM_MODULE_MESSAGE_MAX];
    if (argc == 2) {
        return run_loop(strcmp(argv[1], "bare") == 0);
    }
    unsigned long runs = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    if (runs == 0 || !replay_session_open(&session, argv[1], message, sizeof message)) {
        fprintf(stderr, "wsksim_bench_phases: %s\n",
                runs == 0 ? "usage: MODULE RUNS | bluetooth | bare" : message);
        return 1;
    }
    struct choice_source source = {.kind = CHOICE_RANDOM, .switch_one_in = 1};
    run_many(&source, WARM_RUNS);
    CALLGRIND_START_INSTRUMENTATION;
    run_many(&source, runs);
    CALLGRIND_STOP_INSTRUMENTATION;
    printf("%lu\n", runs);
    return 0;
}
