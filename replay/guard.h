/* SPDX-License-Identifier: MIT */
/*
 * A process that outlives us by a moment, for one purpose: if we are killed, it kills the process
 * groups that we have named. Children can ask the kernel to die with their parent, grandchildren
 * cannot, and libFuzzer's jobs run below a shell of their own: without the guard they would keep
 * the machine busy for minutes after a kill -9.
 *
 *   we --pipe--> guard: group, group, ..., 0 (all have ended: forget them); end of file: we died
 */
#ifndef REPLAY_GUARD_H
#define REPLAY_GUARD_H

#include <sys/types.h>

/* Starts the guard at the first call. Without one (no more processes) life goes on as well. */
void guard_add(pid_t group);
/* All groups named so far have ended: their numbers may soon be somebody else's. */
void guard_forget(void);

#endif
