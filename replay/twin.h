/* SPDX-License-Identifier: MIT */
/*
 * The twin of a module: the same driver with zeroes in locals that nobody has initialised, where
 * the module itself has a pattern. wsksim-cc puts it into a section of the module. A run that is
 * another one in the twin depends on such a local (or, rarer, on the address of one).
 *
 * Only runs without access points can be compared: a schedule with them belongs to one module.
 */
#ifndef REPLAY_TWIN_H
#define REPLAY_TWIN_H

#include "replay/runner.h"

struct twin;

/* NULL if the module has no twin, or one that cannot be opened. */
struct twin *twin_open(const char *module_path, uint32_t timeout_s);
void twin_close(struct twin *twin); /* NULL is fine */

/*
 * Makes a run of the module again in its twin. True if it is another run: message says from where
 * on, in one line. A twin that does not come back has no opinion.
 */
bool twin_differs(struct twin *twin, const struct worker_finding *run, char *message, size_t size);

#endif
