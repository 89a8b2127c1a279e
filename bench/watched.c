/* SPDX-License-Identifier: MIT */
/*
 *   wsksim_bench_watched MODULE SECONDS
 *
 * Runs the scenario for so many CPU seconds as a campaign does and prints "RUNS SECONDS". Built
 * twice: with the model as it is, and as wsksim_bench_unwatched with a model without monitors
 * (WSKSIM_MONITORS=0); bench/monitors.c lets the two take turns.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"
#include "replay/session.h"

static struct replay_session session;
static struct choice_log choices;

static uint64_t run_for(struct choice_source *source, double seconds)
{
    const struct replay_options options = {0};
    struct replay_result result;
    uint64_t runs = 0;
    for (double start = bench_now(); bench_now() - start < seconds;) {
        for (int i = 0; i < 500; i++, runs++) {
            source->seed++;
            replay_session_run(&session, &options, source, &choices, &result);
            if (result.verdict != SIM_VERDICT_OK) {
                fprintf(stderr, "a run did not end well\n");
                exit(1);
            }
        }
    }
    return runs;
}

int main(int argc, char **argv)
{
    static char message[SIM_MODULE_MESSAGE_MAX];
    if (argc != 3 || !replay_session_open(&session, argv[1], message, sizeof message)) {
        fprintf(stderr, "%s\n", argc != 3 ? "usage: MODULE SECONDS" : message);
        return 1;
    }
    struct choice_source source = {.kind = CHOICE_RANDOM, .switch_one_in = 1};
    run_for(&source, 0.05); /* warm */
    double start = bench_now();
    uint64_t runs = run_for(&source, atof(argv[2]));
    printf("%llu %.6f\n", (unsigned long long)runs, bench_now() - start);
    return 0;
}
