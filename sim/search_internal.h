/* SPDX-License-Identifier: MIT */
/* What search.c (the stack), search_walk.c (the run) and search_race.c (DPOR) share. */
#ifndef SIM_SEARCH_INTERNAL_H
#define SIM_SEARCH_INTERNAL_H

#include "search.h"
#include "sim_internal.h"

enum {
    ALTERNATIVES_MAX = 1 << 17, /* of all steps of a run: few have more than ten */
    ACCESSES_MAX = 1 << 17,     /* of all steps of a run */
    WORDS = 1 << 18,            /* twice as many */
    POOL_MAX = 1 << 20,         /* accesses of steps that are done or asleep */
    VALUES_MAX = 4096,
    ENABLERS_MAX = 8,
    IDS = 1 << 14, /* sched.c: ids have two bytes as a varint */
    NO_EVENT = 0xffffffff,
};

/* What became of an alternative of a step. */
enum {
    ALTERNATIVE_WANTED = 1, /* to be explored; DPOR: in the backtrack set */
    ALTERNATIVE_DONE = 2,
    ALTERNATIVE_ASLEEP = 4, /* explored from an earlier step on, and nothing has changed for it */
};

struct search_touch {
    uint64_t word; /* address / 8 */
    uint8_t read, write; /* its bytes, one bit each */
};

struct search_alternative {
    uint16_t process;
    uint8_t state;
    bool is_wild;          /* its step disabled somebody: it depends on everything */
    uint32_t cost;         /* DFS */
    uint32_t first, count; /* DONE, ASLEEP: what its step touched, in the pool */
    uint64_t bloom;
};

struct search_event {
    uint16_t process, nth;    /* nth of its process, from 1 */
    uint16_t chosen, alternatives;
    uint32_t first;           /* alternative */
    uint32_t access, accesses;
    uint32_t pool, stash;     /* end of the pool at birth; where this choice's accesses begin */
    uint32_t cost;            /* DFS: of the choices before */
    uint32_t before;          /* of the same process, or NO_EVENT */
    uint32_t enabler[ENABLERS_MAX], enablers;
    uint64_t bloom;
    bool is_wild;
};

struct search_access {
    struct search_touch touch;
    uint32_t event;
    uint32_t prev; /* of the same word, + 1 */
};

struct search_value {
    uint32_t event;
    uint16_t value, count;
};

struct sim_search {
    struct search_bounds bounds;
    struct search_report report;
    bool has_run, is_off, is_atomic, is_cut, is_redundant, is_diverged;
    bool is_open;      /* the step at - 1 is in progress */
    bool is_recorded;  /* and it is new */
    uint32_t at;       /* steps begun in this run */
    uint32_t value_at; /* answers given in this run */
    uint32_t spent, spent_programs; /* of them not 0 */

    uint32_t events, alternatives, accesses, pool, values;
    uint16_t number[IDS]; /* by id: number of the process + 1 */
    uint32_t id[SEARCH_PROCESSES_MAX];
    uint32_t processes;

    /* Rebuilt by each run. */
    uint32_t last[SEARCH_PROCESSES_MAX]; /* its last step, or NO_EVENT */
    uint32_t enabler[SEARCH_PROCESSES_MAX][ENABLERS_MAX]; /* since its last step */
    uint8_t enablers[SEARCH_PROCESSES_MAX];

    struct search_event event[SEARCH_EVENTS_MAX];
    struct search_alternative alternative[ALTERNATIVES_MAX];
    struct search_access access[ACCESSES_MAX];
    struct search_touch touched[POOL_MAX];
    struct search_value value[VALUES_MAX];
    struct {
        uint64_t key; /* word + 1; 0 = free */
        uint32_t head; /* access + 1 */
    } word[WORDS];
    /* clock[e][p]: how many steps of p happen before e or are e. */
    uint16_t clock[SEARCH_EVENTS_MAX][SEARCH_PROCESSES_MAX];
};

/* search.c */
void search_undo_accesses(struct sim_search *q, struct search_event *e);

/* search_walk.c */
void search_begin_run(struct sim_search *q);
void search_end_run(struct sim_search *q);

/* search_race.c */
bool search_independent(const struct sim_search *q, const struct search_alternative *a,
                        const struct search_event *e);
/* The step is over: its place among the others, and the races in which it is the second. */
void search_finish_event(struct sim_search *q, uint32_t number);
void search_add_access(struct sim_search *q, uint64_t word, uint8_t read, uint8_t write);
void search_want(struct sim_search *q, struct search_event *e, uint16_t process);
void search_want_all(struct sim_search *q, struct search_event *e);

#endif
