/* SPDX-License-Identifier: MIT */
/*
 * What race.c (contexts and synchronisation) and race_shadow.c (accesses) share.
 *
 * The key of a record holds all that two accesses of one epoch have in common, so that an access
 * which adds nothing new is recognised by one comparison:
 *
 *   bits 0..23 number of the epoch, 24..31 slot, 32..35 bytes of the word, 36..38 kind,
 *   39 read-modify-write in two steps, 40..43 level, 44 part of a longer access, 48..63 lock set
 */
#ifndef SIM_RACE_INTERNAL_H
#define SIM_RACE_INTERNAL_H

#include "race.h"
#include "race_clock.h"
#include "race_fast.h"

enum race_kind {
    RACE_KIND_PLAIN, RACE_KIND_VOLATILE, RACE_KIND_ATOMIC, RACE_KIND_FREE,
    RACE_KIND_SHARED = 6, /* no record: a set of readers */
    RACE_KIND_SPLIT = 7,  /* no record: cells for single bytes */
};

enum {
    RACE_KEY_SLOT = 24, RACE_KEY_MASK = 32, RACE_KEY_KIND = 36,
    RACE_KEY_LEVEL = 40, RACE_KEY_WIDE = 44, RACE_KEY_LOCKS = 48,
};

static inline uint32_t race_key_clock(uint64_t key)
{
    return (uint32_t)key & (RACE_CLOCK_MAX - 1);
}
static inline uint32_t race_key_slot(uint64_t key)
{
    return (uint32_t)(key >> RACE_KEY_SLOT) & (RACE_SLOTS - 1);
}
static inline uint32_t race_key_mask(uint64_t key)
{
    return (uint32_t)(key >> RACE_KEY_MASK) & 15;
}
static inline enum race_kind race_key_kind(uint64_t key)
{
    return (enum race_kind)((uint32_t)(key >> RACE_KEY_KIND) & 7);
}

struct race_readers {
    uint32_t count;
    struct race_record record[RACE_READERS];
};

/* What is known of one context, and by it. */
struct race_slot {
    uint64_t key; /* number, slot and lock set; the rest is 0 */
    uintptr_t read;       /* sim_race_hot.read while another context runs */
    uint32_t read_number; /* of its last read that was not passed over */
    uint32_t id;          /* sim_ctx.id */
    uint16_t context;
    bool has_fenced, has_seen;
    uint8_t processor; /* + 1: whose data it uses until it leaves SIM_LEVEL_NO_SWITCH */
    struct race_clock clock;
    struct race_clock fenced; /* what its last fence covers */
    struct race_clock seen;   /* what its next fence makes known to it */
};

struct race_pending {
    struct sim_race race;
    struct sim_ctx *ctx; /* of the second access */
    struct race_record first;
    bool first_writes;
    uintptr_t word;   /* address of the word on which they met */
    uint64_t key;     /* of the second */
    uint32_t before;  /* value of the bytes in question */
};

struct race_state {
    uint32_t base;       /* epochs up to it are of earlier runs */
    uint32_t slot_count; /* taken in this run */
    uint32_t next_reused;
    uint32_t number;     /* accesses so far in this run, but for those passed over */
    struct race_slot *hot; /* whose read sim_race_hot holds */
    bool is_clock;       /* an event fires: slot 0 acts */
    uint32_t object_count;
    uint32_t lock_set_count;
    uint32_t reader_count, split_count;
    uint32_t stack_stamp[SIM_STACKS_MAX]; /* accesses before a context began on that stack */
    struct race_slot slot[RACE_SLOTS];
    struct sim_race_locks lock_set[RACE_LOCK_SETS];
    struct race_readers readers[RACE_READ_SETS];
    struct race_cell split[RACE_SPLITS][4];
    struct race_pending pending;
};
extern struct race_state race_state;

static inline struct race_slot *race_self(struct sim *s)
{
    return &race_state.slot[race_state.is_clock ? 0 : s->current->race_slot];
}

/* sim_race_hot is that of the current context, as it is now. */
void race_hot_update(struct sim *s);

/* Detection ends for this run: one of the limits. */
void race_stop(struct sim *s);

/* A load or store that orders nothing by itself: what fences make of it. */
void race_relaxed(struct sim *s, uintptr_t key, bool is_write);

/* race_shadow.c */
void race_shadow_reset(struct sim *s);

#endif
