/* SPDX-License-Identifier: MIT */
/*
 * A driver that spins without calling anybody: no scheduling point is reached, no budget of points
 * runs out. Three ticks of 100 ms of processor time without a point, an access or an event end the
 * run with the livelock verdict, from inside the process, so that the finding has a place and
 * replays.
 *
 * Processor time, not wall-clock time: a machine under load is no reason. What does not even come
 * back from here is killed by the parent (replay/worker.h).
 */
#ifndef REPLAY_WATCHDOG_H
#define REPLAY_WATCHDOG_H

#include "replay/session.h"

/* Begins to watch the runs of the session; once per process, in a process that is expendable. */
void watchdog_start(struct replay_session *session);

#endif
