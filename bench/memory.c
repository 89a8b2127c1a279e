/* SPDX-License-Identifier: MIT */
/*
 * The memory row: resident size of a process that runs the scenario with the default mixture of
 * strategies, after a tenth of the runs and after all of them. A byte that leaks per run shows as a
 * megabyte after a million.
 */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "replay/portfolio.h"
#include "replay/session.h"

static struct {
    struct replay_session session;
    struct choice_log log;
} memory;

/* Resident size in KiB, or 0. */
static unsigned long resident(void)
{
    char line[256];
    unsigned long size = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (sscanf(line, "VmRSS: %lu", &size) == 1) {
            break;
        }
    }
    if (status != NULL) {
        fclose(status);
    }
    return size;
}

static void run(uint64_t from, uint64_t to)
{
    const struct replay_plan plan = {.strategy = REPLAY_PORTFOLIO, .seed = 1, .has_access = true,
                                     .typical_steps = {300, 1500}};
    const struct replay_options base = {0};
    struct replay_options options;
    struct choice_source source;
    struct replay_result result;
    for (uint64_t n = from; n < to; n++) {
        replay_portfolio(&plan, n, &base, &source, &options);
        replay_session_run(&memory.session, &options, &source, &memory.log, &result);
    }
}

void bench_row_memory(struct bench_report *r, const struct bench_settings *settings)
{
    enum { FLAT_KIB = 256 }; /* pages first touched by a rare run */
    static char message[SIM_MODULE_MESSAGE_MAX];
    char path[4096], name[BENCH_TEXT_MAX];
    snprintf(path, sizeof path, "%s/bench_scenario.so", settings->folder);
    if (!replay_session_open(&memory.session, path, message, sizeof message)) {
        bench_error(r, "%.150s", message);
        return;
    }
    run(0, settings->runs / 10);
    unsigned long early = resident();
    run(settings->runs / 10, settings->runs);
    unsigned long late = resident();
    if (early == 0 || late == 0) {
        bench_error(r, "cannot read /proc/self/status");
        return;
    }
    snprintf(name, sizeof name, "memory after %.0e runs", (double)settings->runs);
    bench_add(r, name, 65536.0 / (double)late, "< 64 MiB", "%.1f MiB resident",
              (double)late / 1024);
    unsigned long growth = late > early ? late - early : 0;
    bench_add(r, "  growth since a tenth", growth <= FLAT_KIB ? 1 : FLAT_KIB / (double)growth,
              "flat (<= 256 KiB)", "%lu KiB", growth);
}
