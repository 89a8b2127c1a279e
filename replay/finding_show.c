/* SPDX-License-Identifier: MIT */
/* The end of a campaign that found something: the finding made smaller, as a person reads it. */
#include <string.h>

#include "replay/command.h"
#include "replay/finding.h"

/* The finding in its smallest form, if there is one, else as it is. */
void finding_show(const struct flags *flags, const struct finding_context *context,
                  const struct finding *f)
{
    struct finding small = {0};
    struct minimise_report report;
    const struct minimise_budget budget = {.seconds = (double)flags->minimize_time,
                                           .stop = &command_stop,
                                           .is_quiet = flags->verbosity == 0};
    bool is_small =
        flags->minimize == 1 && !f->is_timeout && !command_stop &&
        finding_minimise(context, f, &budget, (uint32_t)flags->timeout, &small, &report);
    const struct finding *shown = is_small ? &small : f;
    printf("\n");
    command_print_explanation(&shown->e);
    if (is_small) {
        char before[128], after[128];
        minimise_size_text(&report.before, before, sizeof before);
        minimise_size_text(&report.after, after, sizeof after);
        printf("\nmade smaller: %s\n          from: %s", after, before);
        if (report.runs > 0) {
            printf(" (%llu runs, %.1f s)", (unsigned long long)report.runs, report.seconds);
        }
        printf("\n");
    }
    if (shown->id != 0) {
        command_print_replay_line(flags, shown->id);
    }
    fflush(stdout);
    finding_free(&small);
}
