/* SPDX-License-Identifier: MIT */
/*
 * A driver as a fuzz target. input -> choices -> run -> verdict: the same four steps under
 * libFuzzer and AFL++; only what surrounds a run differs (fuzz_before_run, fuzz_after_run in
 * libfuzzer.c and afl.c).
 *
 * A finding is printed (report, wsk1: line) and the process aborts, as both engines expect; no
 * database is opened here: `wsksim fuzz` supervises and imports.
 */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "sim/features.h"

/* Contexts and lengths seen by the last run: what a mutator can usefully deviate. */
enum { FUZZ_CONTEXTS_MAX = 64 };
struct fuzz_shape {
    uint32_t count;
    uint32_t context[FUZZ_CONTEXTS_MAX], points[FUZZ_CONTEXTS_MAX];
};
extern struct fuzz_shape fuzz_shape;

/* AFL++: names the descriptor of a page that the mutator in afl-fuzz shares with its target. */
#define FUZZ_SHAPE_VARIABLE "WSKSIM_AFL_SHAPE"

/* Counters that the engine of this executable reads; SIM_FEATURES bytes. */
extern uint8_t *fuzz_features;

void fuzz_before_run(void);
void fuzz_after_run(void); /* fuzz_shape is up to date */

/* Entry points that both engines call; names and meaning are libFuzzer's. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
