/* SPDX-License-Identifier: MIT */
/*
 * A driver that decides by what uninitialised pool holds does on a real machine what nobody chose.
 * A run that is made again with another pattern in that memory shows it, without a detector that
 * follows every byte: only what matters to the run is noticed, copied padding is not (KAMB-13).
 */
#ifndef REPLAY_REFILL_H
#define REPLAY_REFILL_H

#include "replay/session.h"

/*
 * Runs the case with the pattern inverted, as a recording. True if the run is another one: message
 * names the first block that makes the difference, in one line. first is what the case gave.
 * The module must be a checked one: it may be led astray by what it reads.
 */
bool refill_differs(struct replay_session *session, const struct replay_case *c,
                    const struct replay_result *first, struct choice_log *log, char *message,
                    size_t size);

#endif
