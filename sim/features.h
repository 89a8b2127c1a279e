/* SPDX-License-Identifier: MIT */
/*
 * Schedule features: what a coverage-guided fuzzer sees of an interleaving. Code edges hardly
 * change when only the order changes; so each pair of events of two different contexts on one
 * object, in the order in which they happened, lights one of a few thousand counters.
 *
 * A feature is a hash of (kind of object, kind and value class of both events, roles of both
 * contexts). With access points so is each pair of accesses to one word by different contexts of
 * which one writes: (place and kind of both, roles of both); the write that a read sees, the read
 * that a write comes after. Nothing here goes into the fingerprint.
 */
#ifndef SIM_FEATURES_H
#define SIM_FEATURES_H

#include "base.h"

enum { SIM_FEATURES = 4096 };

struct sim;

/* Counters to light (SIM_FEATURES bytes), or NULL = nobody looks. Set before a run. */
void sim_features_into(uint8_t *counters);

extern bool sim_features_on;

/* Called by sim_trace for every event with an object, only while somebody looks. */
void sim_features_event(struct sim *s, uint16_t kind, uint32_t object, uint64_t value);

/*
 * Called for every access that is a scheduling point, when it happens, only while somebody looks.
 * Of an access that covers several words the first one counts.
 */
void sim_features_access(struct sim *s, uintptr_t address, bool is_write, uintptr_t pc);

/* Forgets who touched what; before each run. */
void sim_features_reset(void);

#endif
