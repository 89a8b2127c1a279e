/* SPDX-License-Identifier: MIT */
/*
 * What the runs of one program have taught the strategies: how many points each context passes, on
 * which memory contexts meet, and which event came before which.
 *
 * Belongs to whoever makes the runs (a worker), one for each way to run the program (with and
 * without access points), and is handed to a run by its source. A run of a strategy that learns is
 * a function of its source and of what was learned; its log of choices replays without either.
 *
 * An event is what a context does at a point that names an object; events of the same place in the
 * driver and the same kind are one (abstract) event. A pair is two events of different contexts on
 * the same word, of which one changes it, the second one reading: "to can see what from did".
 *
 * Invariants:
 *  1. What is learned depends on the runs and their order, not on addresses of the host: places,
 *     objects and contexts have the same numbers in each process.
 *  2. A run that was ended early teaches no counts: they would be too small.
 *
 * Limits: LEARNED_*. What does not fit is not learned; nothing else changes.
 */
#ifndef SIM_LEARNED_H
#define SIM_LEARNED_H

#include "sim.h"

enum {
    LEARNED_IDS = 1 << 14,     /* ids have two bytes as a varint */
    LEARNED_EVENTS_MAX = 1024, /* abstract events; index 0 = none */
    LEARNED_PAIRS_MAX = 4096,
    LEARNED_LOG_MAX = 1 << 14, /* events of one run */
    LEARNED_WORDS_MAX = 512,   /* words on which contexts meet */
    LEARNED_CORPUS_MAX = 256,
    LEARNED_CONSTRAINTS_MAX = 6,
    LEARNED_SEEN_BITS = 1 << 16,
    LEARNED_FRACTION = 8, /* bits of counts behind the point */
};

/* to reads what from did; from 0: what was there before anybody wrote. Negated: it does not. */
struct learned_constraint {
    uint16_t from, to;
    bool is_negated;
};

struct learned_schedule {
    uint32_t count, picked; /* constraints; how often it was used again */
    struct learned_constraint constraint[LEARNED_CONSTRAINTS_MAX];
};

struct learned_log_entry {
    uint64_t word; /* address / 8 */
    uint16_t context, event;
    bool writes;
};

struct sim_learned {
    uint32_t runs;  /* that taught counts */
    uint32_t steps; /* of a usual run, fixed point */
    /* By id: points of the context, points of all its descendants; fixed point, 0 = not known. */
    uint32_t own[LEARNED_IDS], kids[LEARNED_IDS];

    /* Contexts of the last run that was logged, by age, and their events. */
    uint32_t context_count, log_count;
    struct { uint16_t id, parent; } context[SIM_CONTEXTS_MAX];
    struct learned_log_entry log[LEARNED_LOG_MAX];
    uint32_t word_count;
    uint64_t word[LEARNED_WORDS_MAX]; /* on which contexts met in that run */
    /* SURW, this run: events on the chosen words, of a context, of its descendants. */
    uint32_t chosen[LEARNED_IDS], chosen_kids[LEARNED_IDS];

    uint32_t event_count;
    struct {
        uint64_t key;
        uint32_t first_pair; /* + 1: pairs of which this is the second */
        uint32_t pairs;
        bool reads;
    } event[LEARNED_EVENTS_MAX];
    uint16_t event_slot[4 * LEARNED_EVENTS_MAX]; /* hash table of event numbers */
    uint32_t to_count;
    uint16_t to[LEARNED_EVENTS_MAX]; /* events that are the second of some pair */
    uint32_t pair_count;
    struct { uint16_t from, to; uint32_t next; } pair[LEARNED_PAIRS_MAX];
    uint32_t pair_slot[2 * LEARNED_PAIRS_MAX]; /* hash table of pair numbers + 1 */

    /* RFF with feedback. */
    uint64_t seen[LEARNED_SEEN_BITS / 64]; /* who read from whom, in any run */
    uint32_t corpus_count;
    struct learned_schedule corpus[LEARNED_CORPUS_MAX];
};

/* Zero bytes; NULL if there is no memory. */
struct sim_learned *learned_create(void);
void learned_free(struct sim_learned *learned);

/* Points of a usual run; 0 = not known. */
static inline uint32_t learned_steps(const struct sim_learned *learned)
{
    return learned->steps >> LEARNED_FRACTION;
}

/* ---- during a run ---- */

void learned_begin(struct sim_learned *learned); /* a run that is logged begins */
/* The abstract event that a context is about to be, 0 = none; known from then on. */
uint16_t learned_event_of(struct sim_learned *learned, const struct sim_ctx *c);
/* The context does now what it was about to do. */
void learned_log(struct sim_learned *learned, const struct sim_ctx *c, uint16_t event);

/* Does this event see what others did before it? A plain store does not. */
bool learned_reads(const struct sim_ctx *c);

/* ---- after a run ---- */

/* Counts; of every run, whatever the strategy. */
void learned_count(struct sim *s, struct sim_learned *learned);
/* The log: words, pairs. Returns how many reads from somebody were new. */
uint32_t learned_settle(struct sim *s, struct sim_learned *learned);

#endif
