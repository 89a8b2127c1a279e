/* SPDX-License-Identifier: MIT */
/* See divergence.h. Both lists of switches are in the order in which they were made. */
#include "replay/divergence.h"

#include <stdio.h>
#include <string.h>

#include "replay/minimise_plan.h"

static void compare_switches(const struct minimise_plan *recorded, const struct minimise_plan *ran,
                             struct divergence *d)
{
    uint32_t i = 0;
    while (i < recorded->move_count && i < ran->move_count &&
           memcmp(&recorded->move[i], &ran->move[i], sizeof ran->move[i]) == 0) {
        i++;
    }
    d->switch_count = recorded->move_count;
    if (i < recorded->move_count) {
        d->was_found = true;
        d->switch_number = i + 1;
        d->context = recorded->move[i].context;
        d->points = recorded->move[i].at;
    }
}

static void compare_checks(const struct replay_case *recorded, const struct replay_case *ran,
                           struct divergence *d)
{
    size_t i = 0;
    while (i < recorded->check_count && i < ran->check_count &&
           recorded->checks[i] == ran->checks[i]) {
        i++;
    }
    if (recorded->checks != NULL && (i < recorded->check_count || i < ran->check_count)) {
        d->was_found = true;
        d->first_request = (uint64_t)i * CHOICE_CHECK_EVERY + 1;
        d->last_request = (uint64_t)(i + 1) * CHOICE_CHECK_EVERY;
    }
}

struct divergence divergence_find(const struct replay_case *recorded, const struct replay_case *ran)
{
    struct divergence d = {0};
    struct minimise_plan a, b;
    minimise_plan_of(&a, &recorded->options, recorded->choices, recorded->choices_size);
    minimise_plan_of(&b, &ran->options, ran->choices, ran->choices_size);
    compare_switches(&a, &b, &d);
    compare_checks(recorded, ran, &d);
    minimise_plan_free(&a);
    minimise_plan_free(&b);
    return d;
}

void divergence_text(const struct divergence *d, char *out, size_t size)
{
    char where[128] = "", interval[96] = "";
    if (d->switch_number != 0) {
        snprintf(where, sizeof where,
                 "switch %u of %u could not be made (context %#x at its point %u)",
                 d->switch_number, d->switch_count, d->context, d->points);
    }
    if (d->first_request != 0) {
        snprintf(interval, sizeof interval,
                 "the questions differ from the recording within "
                 "requests %llu to %llu",
                 (unsigned long long)d->first_request, (unsigned long long)d->last_request);
    }
    if (!d->was_found) {
        snprintf(out, size,
                 "all listed choices were made, but the events differ after the last one");
    } else {
        snprintf(out, size, "%s%s%s", where, where[0] != '\0' && interval[0] != '\0' ? "; " : "",
                 interval);
    }
}
