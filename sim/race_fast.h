/* SPDX-License-Identifier: MIT */
/*
 * The part of the race detector that every access pays: has this context already accessed this word
 * in this way since it last learnt or told something? Then nothing is new. Inline in the engine and
 * in the modules.
 *
 * Invariant: key is 0 while an access must not be passed over (nobody looks for races, one waits to
 * be judged).
 */
#ifndef SIM_RACE_FAST_H
#define SIM_RACE_FAST_H

#include "memory.h"

struct race_record {
    uint64_t key;    /* race_internal.h; 0 = nobody */
    uint32_t site;   /* offset in the module; upper 8 bits of writes: hash of the value before */
    uint32_t number; /* of the access in its run */
};

/* One aligned word of four bytes. */
struct race_cell {
    struct race_record write, read;
};

/* Above the regions of memory.h, which lie within SPAN. */
#define RACE_SHADOW_BASE 0x300000000000ull
#define RACE_SPAN 0x40000000000ull

enum { RACE_KEY_UPDATE = 39 };

/* Of the context that runs. */
struct race_hot {
    uint64_t key;        /* of its plain accesses to a whole word */
    uint64_t module_key; /* the same if the module may pass over an access; else 0 */
    uintptr_t read;      /* what it read last, without a write since: then a write is an update */
};
SIM_EXPORT extern struct race_hot sim_race_hot;

static inline struct race_cell *race_cell_of(uintptr_t address)
{
    return (struct race_cell *)RACE_SHADOW_BASE + (address - SIM_ARENA_BASE) / 4;
}

/* how: a set of enum sim_access. The word is aligned, and whole. */
static inline bool race_word_known(const struct race_cell *cell, unsigned how, uint64_t key)
{
    const uint64_t update = 1ull << RACE_KEY_UPDATE;
    if (how == 0) {
        return cell->read.key == key || (cell->write.key & ~update) == key;
    }
    return cell->write.key == (key | update) || cell->write.key == key;
}

/* True if the access adds nothing to what is known. */
static inline bool race_is_known(uintptr_t address, size_t size, unsigned how, uint64_t key)
{
    if (key == 0 || how > 1 || (size != 4 && size != 8) || (address & 3) != 0 ||
        address - SIM_ARENA_BASE >= RACE_SPAN) {
        return false;
    }
    bool is_update = how != 0 && sim_race_hot.read == address;
    const struct race_cell *cell = race_cell_of(address);
    if (is_update) {
        key |= 1ull << RACE_KEY_UPDATE; /* a mark that must not get lost */
    }
    if (!race_word_known(cell, how, key) || (size == 8 && !race_word_known(cell + 1, how, key))) {
        return false;
    }
    sim_race_hot.read = how == 0 ? address : 0;
    return true;
}

#endif
