/* SPDX-License-Identifier: MIT */
/*
 * The bench: one table of what the engine does here, against the bars of the project. See README.md
 * of this folder for how to read it.
 *
 *   wsksim_bench [--seconds=N] [--row=NAME] [--runs=N] [--core=N]
 *
 * Exit code: 0 if every bar of the rows that ran was reached, 1 if not, 2 if a row could not run.
 */
#define _GNU_SOURCE
#include "bench/bench.h"

#include <libgen.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct row {
    const char *name;
    void (*run)(struct bench_report *r, const struct bench_settings *settings);
};

static const struct row rows[] = {
    {"bluetooth", bench_row_bluetooth},     {"wsk", bench_row_wsk_plain},
    {"wsk-checked", bench_row_wsk_checked}, {"monitors", bench_row_monitors},
    {"libfuzzer", bench_row_libfuzzer},     {"afl", bench_row_afl},
    {"memory", bench_row_memory},           {"replay", bench_row_replay},
};

/* ---- running them ---- */

/* One row in a child, bound to one core like the fuzzers. */
static void run_row(const struct row *row, struct bench_report *report,
                    const struct bench_settings *settings)
{
    fprintf(stderr, "wsksim_bench: %s ...\n", row->name);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        cpu_set_t cores;
        CPU_ZERO(&cores);
        CPU_SET((size_t)settings->core, &cores);
        sched_setaffinity(0, sizeof cores, &cores);
        row->run(report, settings);
        fflush(NULL);
        _exit(0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        bench_error(report, "cannot start a process");
    } else if (status != 0 && report->error[0] == '\0') {
        bench_error(report, "the process of this row died (status %#x)", (unsigned)status);
    }
}

static void print_line(const char *name, const char *measured, const char *bar, const char *ratio,
                       const char *reached)
{
    printf("| %-27s | %-43s | %-30s | %6s | %-7s |\n", name, measured, bar, ratio, reached);
}

/* Returns 0, 1 or 2 as for the whole. */
static int print_row(const struct row *row, const struct bench_report *report)
{
    int code = 0;
    for (int i = 0; i < report->count; i++) {
        const struct bench_line *line = &report->line[i];
        char ratio[32] = "";
        if (line->bar[0] != '\0') {
            snprintf(ratio, sizeof ratio, "%.2f", line->ratio);
            code |= line->ratio < 1;
        }
        const char *reached = line->bar[0] == '\0' ? "" : line->ratio >= 1 ? "yes" : "no";
        print_line(line->name, line->measured, line->bar, ratio, reached);
    }
    if (report->error[0] != '\0') {
        print_line(row->name, report->error, "", "", "not run");
        code = 2;
    }
    return code;
}

static int print_table(struct bench_report *reports, const char *only)
{
    int code = 0;
    print_line("row", "measured", "bar", "ratio", "reached");
    print_line("---", "---", "---", "---:", "---");
    for (size_t i = 0; i < SIM_COUNT(rows); i++) {
        if (only == NULL || strcmp(only, rows[i].name) == 0) {
            int row_code = print_row(&rows[i], &reports[i]);
            code = row_code > code ? row_code : code;
        }
    }
    for (size_t i = 0; i < SIM_COUNT(rows); i++) {
        if (reports[i].notes[0] != '\0') {
            printf("\n%s:\n%s", rows[i].name, reports[i].notes);
        }
    }
    return code;
}

/* ---- options ---- */

__attribute__((noreturn)) static void usage(int code)
{
    fprintf(code == 0 ? stdout : stderr,
            "usage: wsksim_bench [--seconds=N] [--row=NAME] [--runs=N] [--core=N]\n"
            "  --seconds=N  per measurement, default 5\n"
            "  --row=NAME   only this row:");
    for (size_t i = 0; i < SIM_COUNT(rows); i++) {
        fprintf(code == 0 ? stdout : stderr, " %s", rows[i].name);
    }
    fprintf(code == 0 ? stdout : stderr,
            "\n  --runs=N     of the memory row, default 1000000\n"
            "  --core=N     measure on this core, default the last one\n");
    exit(code);
}

static bool is_row(const char *name)
{
    for (size_t i = 0; i < SIM_COUNT(rows); i++) {
        if (strcmp(name, rows[i].name) == 0) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    static char folder[4096];
    struct bench_settings settings = {
        .seconds = 5, .runs = 1000000, .core = (int)sysconf(_SC_NPROCESSORS_ONLN) - 1};
    const char *only = NULL;
    for (int i = 1; i < argc; i++) {
        if (sscanf(argv[i], "--seconds=%lf", &settings.seconds) == 1 && settings.seconds > 0) {
            continue;
        } else if (sscanf(argv[i], "--runs=%lu", &settings.runs) == 1 && settings.runs >= 1000) {
            continue;
        } else if (sscanf(argv[i], "--core=%d", &settings.core) == 1 && settings.core >= 0) {
            continue;
        } else if (strncmp(argv[i], "--row=", 6) == 0 && is_row(argv[i] + 6)) {
            only = argv[i] + 6;
            continue;
        }
        usage(strcmp(argv[i], "--help") == 0 ? 0 : 2);
    }
    ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);
    settings.folder = length > 0 ? dirname(folder) : ".";
    struct bench_report *reports = mmap(NULL, sizeof *reports * SIM_COUNT(rows),
                                        PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    SIM_ASSERT(reports != MAP_FAILED);
    for (size_t i = 0; i < SIM_COUNT(rows); i++) {
        if (only == NULL || strcmp(only, rows[i].name) == 0) {
            run_row(&rows[i], &reports[i], &settings);
        }
    }
    return print_table(reports, only);
}
