/* SPDX-License-Identifier: MIT */
/* See trace_report.h. */
#include "trace_report.h"

#include <stdio.h>

const char *trace_property_name(uint32_t property, char out[16])
{
    if (property > REPORT_KERNEL) {
        snprintf(out, 16, "KPROP-%02u", (property - REPORT_KERNEL) % 100);
    } else if (property > REPORT_LIFE) {
        snprintf(out, 16, "PROP-LIFE-%02u", property - REPORT_LIFE);
    } else {
        snprintf(out, 16, "PROP-%02u", property);
    }
    return out;
}

bool trace_has_failed(const struct trace_report *r)
{
    return r->message_seq != 0;
}

bool trace_check(struct trace_report *r, const struct sim_trace_event *now, uint32_t property,
                 bool holds, const char *what)
{
    char name[16];
    SIM_ASSERT(property < REPORT_PROPERTIES);
    r->checked[property]++;
    if (!holds) {
        r->failed[property]++;
        if (r->message_seq == 0) {
            snprintf(r->message, sizeof r->message, "%s: %s", trace_property_name(property, name),
                     what);
            r->message_seq = now->seq != 0 ? now->seq : 1;
        }
    }
    return holds;
}

void trace_deny(struct trace_report *r, const struct sim_trace_event *now, uint32_t property,
                bool is_breach, const char *what)
{
    if (is_breach) {
        (void)trace_check(r, now, property, false, what);
    }
}

void trace_report_add(struct trace_report *to, const struct trace_report *from)
{
    for (uint32_t i = 0; i < REPORT_PROPERTIES; i++) {
        to->checked[i] += from->checked[i];
        to->failed[i] += from->failed[i];
    }
}
