/* SPDX-License-Identifier: MIT */
/* What rows of the bench say: lines of the table, notes below it, and why a row did not run. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"

void bench_add(struct bench_report *r, const char *name, double ratio, const char *bar,
               const char *format, ...)
{
    SIM_ASSERT_OP(r->count, <, BENCH_LINES_MAX);
    struct bench_line *line = &r->line[r->count++];
    va_list list;
    va_start(list, format);
    vsnprintf(line->measured, sizeof line->measured, format, list);
    va_end(list);
    snprintf(line->name, sizeof line->name, "%s", name);
    snprintf(line->bar, sizeof line->bar, "%s", bar);
    line->ratio = ratio;
}

void bench_note(struct bench_report *r, const char *format, ...)
{
    size_t used = strlen(r->notes);
    va_list list;
    va_start(list, format);
    vsnprintf(r->notes + used, sizeof r->notes - used, format, list);
    va_end(list);
}

void bench_error(struct bench_report *r, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(r->error, sizeof r->error, format, list);
    va_end(list);
}
