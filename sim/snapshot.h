/* SPDX-License-Identifier: MIT */
/*
 * Saved contents of a few ranges of memory, put back before every run.
 *
 * Below 64 KiB a range is copied (0.1 us for 16 KiB). Above, its whole pages become a private
 * mapping of the saved contents, and putting back means dropping the pages that were written: cost
 * follows use (3 us for one page of a megabyte), not size.
 */
#ifndef SIM_SNAPSHOT_H
#define SIM_SNAPSHOT_H

#include "base.h"

enum {
    SIM_SNAPSHOT_RANGES = 32,        /* writable sections of one module */
    SIM_SNAPSHOT_MAPPED_FROM = 65536 /* bytes; where dropping pages begins to win over a copy */
};

struct sim_snapshot_range {
    uint8_t *base;
    size_t size;
    uint8_t *saved;
    uint8_t *pages; /* whole pages that are dropped instead of copied; NULL if none */
    size_t pages_size;
};

struct sim_snapshot {
    uint32_t count;
    struct sim_snapshot_range range[SIM_SNAPSHOT_RANGES];
};

/* Adds a range and saves what it holds now. False if there are too many or memory is short. */
SIM_MUST_USE bool sim_snapshot_add(struct sim_snapshot *snapshot, uintptr_t base, size_t size);

void sim_snapshot_restore(const struct sim_snapshot *snapshot);

/* Frees what was saved; the ranges keep what they hold, as long as they are mapped. */
void sim_snapshot_free(struct sim_snapshot *snapshot);

#endif
