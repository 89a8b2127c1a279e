/* SPDX-License-Identifier: MIT */
/*
 * What a monitor of traces says: how often each property had something to look at, and how often it
 * did not hold. The properties of the three documents in one row: PROP-nn, PROP-LIFE-nn, KPROP-nn.
 */
#ifndef TESTS_SPEC_TRACE_REPORT_H
#define TESTS_SPEC_TRACE_REPORT_H

#include <stdbool.h>

#include "sim/trace.h"

enum {
    REPORT_LIFE = 64,
    REPORT_KERNEL = 128,
    REPORT_PROPERTIES = 176,
    REPORT_MESSAGE = 160,
    REPORT_CONTROL_LAST = 61,
    REPORT_LIFE_LAST = 55,
    REPORT_KERNEL_LAST = 34
};

#define PROP(n) (n)
#define LIFE(n) (REPORT_LIFE + (n))
#define KPROP(n) (REPORT_KERNEL + (n))

struct trace_report {
    uint64_t checked[REPORT_PROPERTIES];
    uint64_t failed[REPORT_PROPERTIES];
    char message[REPORT_MESSAGE]; /* of the first failure */
    uint64_t message_seq;
};

/* "PROP-LIFE-12" */
const char *trace_property_name(uint32_t property, char out[16]);

/* The property was looked at, `now`. Returns `holds`. */
bool trace_check(struct trace_report *r, const struct sim_trace_event *now, uint32_t property,
                 bool holds, const char *what);
/* The same, where only a breach says something. */
void trace_deny(struct trace_report *r, const struct sim_trace_event *now, uint32_t property,
                bool is_breach, const char *what);
bool trace_has_failed(const struct trace_report *r);
void trace_report_add(struct trace_report *to, const struct trace_report *from);

struct trace_setting {
    bool is_finished; /* the run came to its end without a finding: nothing may be left */
    bool is_default;  /* no reading but the default ones, no choice of the system on request */
    bool is_faultless;
    bool is_stuck; /* the run ended because everybody waits */
    bool is_calm; /* the network does nothing of its own accord */
};

/* The life cycle: sockets, requests, indications, registrations (sockets.md 4, control.md 5.2). */
void life_monitor(const struct sim_trace_event *event, size_t count,
                  const struct trace_setting *setting, struct trace_report *report);
/* The kernel (kernel.md 3). */
void kernel_monitor(const struct sim_trace_event *event, size_t count,
                    const struct trace_setting *setting, struct trace_report *report);

#endif
