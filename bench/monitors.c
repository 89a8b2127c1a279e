/* SPDX-License-Identifier: MIT */
/*
 * The monitors row: the same scenario with the model as it is and with one that watches nobody
 * (bench/watched.c), in turns; the median of the ratios counts.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"

enum { TURNS = 9 };

/* Runs per second, or 0. */
static double rate_of(const struct bench_settings *settings, const char *program)
{
    char command[8192];
    double runs, seconds;
    snprintf(command, sizeof command, "'%s/%s' '%s/bench_scenario_plain.so' %.3f", settings->folder,
             program, settings->folder, settings->seconds / TURNS / 2);
    FILE *pipe = popen(command, "r");
    if (pipe == NULL) {
        return 0;
    }
    bool ok = fscanf(pipe, "%lf %lf", &runs, &seconds) == 2;
    return pclose(pipe) == 0 && ok ? runs / seconds : 0;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_row_monitors(struct bench_report *r, const struct bench_settings *settings)
{
    double ratio[TURNS], watched = 0, unwatched = 0;
    for (int i = 0; i < TURNS; i++) {
        watched = rate_of(settings, "wsksim_bench_watched");
        unwatched = rate_of(settings, "wsksim_bench_unwatched");
        if (watched <= 0 || unwatched <= 0) {
            bench_error(r, "wsksim_bench_watched and _unwatched do not run");
            return;
        }
        ratio[i] = watched / unwatched;
    }
    qsort(ratio, TURNS, sizeof ratio[0], compare);
    double median = ratio[TURNS / 2];
    bench_add(r, "cost of the monitors", median / 0.85, "<= 15 %", "%.1f %%", 100 * (1 - median));
    bench_note(r, "  the last turn: %.1f k runs/s with, %.1f k/s without; ratios %.3f to %.3f\n",
               watched / 1e3, unwatched / 1e3, ratio[0], ratio[TURNS - 1]);
}
