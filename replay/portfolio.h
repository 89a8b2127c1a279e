/* SPDX-License-Identifier: MIT */
/*
 * The default mixture of strategies: which source and options run number n of a campaign has. A
 * pure function of the campaign's seed and n; what a strategy that learns makes of it depends on
 * the runs before it in the same worker, too (choice_source.learned: who makes the runs sets it).
 *
 * No single strategy wins everywhere: a random walk finds shallow races at once, PCT finds deep
 * ones with few switches, constraints find orders that hundreds of contexts stand in the way of,
 * uniform sampling finds what needs many switches, runs with a tame schedule and a wild world find
 * what needs no race. Each run also switches whole groups of disturbances off (swarm testing): a
 * driver that always sees failing allocations never gets far enough to show its other bugs. Access
 * points make a run several times longer and find what happens between two calls: one run in eight
 * has them, one in two of strategies that live on accesses, unless the options fix it. Data
 * races are looked for in all runs with access points and in one of eight others. One run in
 * eight lets one place fail that never failed before, which depends on the runs before it
 * (sim/places.h).
 */
#ifndef REPLAY_PORTFOLIO_H
#define REPLAY_PORTFOLIO_H

#include "replay/case.h"
#include "sim/search.h"

enum replay_strategy {
    REPLAY_PORTFOLIO,
    REPLAY_RANDOM,
    REPLAY_PCT,
    REPLAY_FAIR_PCT,
    REPLAY_POS,
    REPLAY_URW,
    REPLAY_SURW,
    REPLAY_RFF,
    REPLAY_RFF_FEEDBACK,
    REPLAY_DELAY,
    REPLAY_TAME,
    REPLAY_DFS, /* systematic: plan.search leads, not the number of the run */
    REPLAY_DPOR,
    REPLAY_STRATEGIES
};

extern const char *const replay_strategy_names[REPLAY_STRATEGIES];

struct replay_plan {
    enum replay_strategy strategy;
    uint64_t seed;
    uint32_t depth;            /* PCT, DELAY; 0 = drawn */
    uint32_t typical_steps[2]; /* points of a usual run, without and with access points: k */
    bool has_access;           /* the module has access points */
    bool no_access, no_races, no_faults, no_knobs;
    struct search_bounds bounds; /* DFS, DPOR */
    struct sim_places *places;   /* what can fail, in memory that workers share; or NULL */
    struct sim_search *search;   /* in memory that workers share with the parent; or NULL */
};

/*
 * Source and options of run n. base: options given by the user; *options gets what n adds to them.
 */
void replay_portfolio(const struct replay_plan *plan, uint64_t n, const struct replay_options *base,
                      struct choice_source *source, struct replay_options *options);

/* Source and options of the next run of plan->search. */
void replay_portfolio_search(const struct replay_plan *plan, const struct replay_options *base,
                             struct choice_source *source, struct replay_options *options);

static inline bool replay_is_systematic(enum replay_strategy strategy)
{
    return strategy == REPLAY_DFS || strategy == REPLAY_DPOR;
}

#endif
