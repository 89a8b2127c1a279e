/* SPDX-License-Identifier: MIT */
/*
 * Systematic search: every schedule of a program, or one of each class of equivalent ones, by
 * running it again and again with a source of choices that follows a stack.
 *
 *   search_init -> [ search_next -> sim_run with {CHOICE_SEARCH, .search} ]* -> search_report
 *
 * DFS walks the tree of decisions, tame answer first, within bounds: preemptions (the context that
 * ran could have gone on), delays (places by which an answer is behind the default, in the order of
 * the list). DPOR runs one schedule per class of equivalent ones (Mazurkiewicz traces): two steps
 * depend on each other if they touch the same object and one of them changes it, or if one enables
 * the other. It is the source-set algorithm with sleep sets (Abdulla, Aronis, Jonsson, Sagonas,
 * 2014): a run that a sleep set ends early is counted as redundant, not as complete.
 *
 * A step is what a context does from one scheduling point to the next. What it touches is what the
 * point announced (sim_op and object), the accesses of a module with access points, and what the
 * layers above declare with sim_touch; what nobody declares must be declared by the hook
 * `touches`, which knows what is not known (model/footprint.c).
 *
 * Answers of world, faults and program are 0 unless the bounds allow some others; then they are
 * branches like the schedule's.
 *
 * Invariants:
 *  1. The stack is plain data without pointers: it may lie in shared memory and outlives the
 *     process that a driver takes along.
 *  2. search_next leaves a prefix; a run that follows it meets the same alternatives, or it is
 *     counted as diverged and nothing is called complete.
 *  3. Reported as complete only if nothing was left out: no bound, no limit, no run that differed.
 *
 * Limits: SEARCH_EVENTS_MAX steps, SEARCH_PROCESSES_MAX contexts; a run beyond them is cut: it goes
 * on, but tamely and unseen. With more contexts than processors steps depend on each other in ways
 * that DPOR does not see: nothing is called complete then (is_crowded). Memory is sequentially
 * consistent.
 */
#ifndef SIM_SEARCH_H
#define SIM_SEARCH_H

#include "sim.h"

enum {
    SEARCH_EVENTS_MAX = 8192,     /* steps of one run that are looked at */
    SEARCH_PROCESSES_MAX = 256,   /* contexts of all runs, by id */
    SEARCH_ANSWERS_MAX = 8,       /* a request with more answers is not "small" */
};

enum search_kind { SEARCH_DFS, SEARCH_DPOR };

struct search_bounds {
    enum search_kind kind;
    int32_t preemptions, delays; /* DFS; negative = no bound */
    uint32_t values; /* answers of world and faults other than 0, per run */
    uint32_t programs; /* the same for program: what the harness leaves open */
};

struct search_report {
    uint64_t runs;      /* all of the following */
    uint64_t complete;  /* came to their end, findings included */
    uint64_t redundant; /* DPOR: ended by a sleep set, equivalent to one that was seen */
    uint64_t cut;       /* longer than the limits */
    uint64_t diverged;  /* left their prefix: the program is not deterministic */
    uint64_t fallbacks; /* DPOR: races for which all alternatives were taken */
    uint32_t steps_max; /* of one run */
    bool is_exhausted;  /* nothing is left within the bounds */
    bool was_bounded;   /* a bound kept an alternative away */
    bool were_values_bounded; /* the same for answers of world, faults, program */
    bool is_crowded;    /* DPOR: some run had more contexts than processors */
    bool is_complete;   /* exhausted, and nothing was kept away or lost */
    double explored;    /* share of the tree known so far, 0..1, branches alike */
    double estimate;    /* runs in all, by that share; DPOR: at least */
};

struct sim_search;

size_t search_size(void);
/* memory: search_size() zero bytes. */
struct sim_search *search_init(void *memory, const struct search_bounds *bounds);
/*
 * Settles the run that was made last, if there was one, and prepares the next: false when none is
 * left. is_final: it came to its end by itself or by a finding.
 */
SIM_MUST_USE bool search_next(struct sim_search *q);
void search_report(const struct sim_search *q, struct search_report *report);

/* True if a sleep set ended the last run: its verdict LIMIT is none. */
bool search_was_redundant(const struct sim_search *q);

/*
 * Between scopes decisions are not searched but tame. A run begins inside; nothing happens if no
 * search drives it.
 */
void search_scope(struct sim *s, bool is_searched);

/*
 * Between true and false the current context goes on as long as it can: the points in between
 * belong to the step in progress.
 */
void search_atomic(struct sim *s, bool is_atomic);

#endif
