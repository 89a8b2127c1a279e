/* SPDX-License-Identifier: MIT */
/*
 * Rows of the bench. Each row runs in a process of its own (a process holds one engine and one
 * module) and reports lines: what was measured, the bar, and whether it was reached. Nothing is
 * judged by a figure that was not measured in the same run.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <time.h>

#include "sim/base.h"

enum { BENCH_LINES_MAX = 16, BENCH_TEXT_MAX = 96, BENCH_NOTES_MAX = 2048 };

struct bench_rate {
    double seconds;
    uint64_t runs, points;
};

/* CPU seconds of this process: what others do on the machine counts less. */
static inline double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct bench_line {
    char name[BENCH_TEXT_MAX], measured[BENCH_TEXT_MAX], bar[BENCH_TEXT_MAX];
    double ratio; /* against the bar: 1 is exactly the bar, more is better; 0 = no bar */
};

/* Lies in memory shared with the parent. */
struct bench_report {
    int count;
    struct bench_line line[BENCH_LINES_MAX];
    char notes[BENCH_NOTES_MAX]; /* printed below the table */
    char error[BENCH_TEXT_MAX * 2];
};

struct bench_settings {
    double seconds;     /* per measurement */
    uint64_t runs;      /* of the memory row */
    int core;           /* fuzzers are bound to it; -1 = the last one */
    const char *folder; /* where this executable and the modules are */
};

void bench_add(struct bench_report *r, const char *name, double ratio, const char *bar,
               const char *format, ...) __attribute__((format(printf, 5, 6)));
void bench_note(struct bench_report *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void bench_error(struct bench_report *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct bench_rate bench_bare_loop(double seconds);
struct bench_rate bench_bluetooth(double seconds);
/* The share of these runs in which the model's assertion failed; the truth is 15 in 512. */
double bench_bluetooth_failed(const struct bench_rate *rate);

/* The rows. */
void bench_row_bluetooth(struct bench_report *r, const struct bench_settings *settings);
void bench_row_wsk_plain(struct bench_report *r, const struct bench_settings *settings);
void bench_row_wsk_checked(struct bench_report *r, const struct bench_settings *settings);
void bench_row_monitors(struct bench_report *r, const struct bench_settings *settings);
void bench_row_libfuzzer(struct bench_report *r, const struct bench_settings *settings);
void bench_row_afl(struct bench_report *r, const struct bench_settings *settings);
void bench_row_memory(struct bench_report *r, const struct bench_settings *settings);
void bench_row_replay(struct bench_report *r, const struct bench_settings *settings);

#endif
