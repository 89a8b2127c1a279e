/* SPDX-License-Identifier: MIT */
/*
 * Where a replay left its recording: found by comparing what the run asked with what was recorded.
 * A listed choice (a switch) is named exactly; everything else within an interval of 64 requests,
 * because a recording keeps a rolling hash for each of those.
 */
#ifndef REPLAY_DIVERGENCE_H
#define REPLAY_DIVERGENCE_H

#include "replay/case.h"

struct divergence {
    bool was_found;
    /* the first switch that was not made, 1..; 0 = all were */
    uint32_t switch_number, switch_count;
    uint32_t context, points;             /* of that switch */
    uint64_t first_request, last_request; /* 0 = no interval known */
};

/* recorded: with its checks; ran: the canonical case of the replay. */
struct divergence divergence_find(const struct replay_case *recorded,
                                  const struct replay_case *ran);

/* One line without newline. */
void divergence_text(const struct divergence *d, char *out, size_t size);

#endif
