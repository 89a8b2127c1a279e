/* SPDX-License-Identifier: MIT */
/* See portfolio.h. Every draw comes from one word mixed from seed and run number. */
#include "replay/portfolio.h"

enum { ACCESS_ONE_IN = 8, RACES_ONE_IN = 8, ACCESS_ONE_IN_OF_THOSE = 2, PLACES_ONE_IN = 8 };

const char *const replay_strategy_names[REPLAY_STRATEGIES] = {
    [REPLAY_PORTFOLIO] = "portfolio",
    [REPLAY_RANDOM] = "random",
    [REPLAY_PCT] = "pct",
    [REPLAY_FAIR_PCT] = "fair-pct",
    [REPLAY_POS] = "pos",
    [REPLAY_URW] = "urw",
    [REPLAY_SURW] = "surw",
    [REPLAY_RFF] = "rff",
    [REPLAY_RFF_FEEDBACK] = "rff-feedback",
    [REPLAY_DELAY] = "delay",
    [REPLAY_TAME] = "tame",
    [REPLAY_DFS] = "dfs",
    [REPLAY_DPOR] = "dpor",
};

static uint32_t draw(uint64_t *state, uint32_t count)
{
    return sim_random_below(state, count);
}

static void draw_random(uint64_t *state, struct choice_source *source)
{
    source->kind = CHOICE_RANDOM;
    source->switch_one_in = 1u << draw(state, 8); /* from every point to one in 128 */
}

/* Depth and length: of PCT and of delays. */
static void draw_depth(uint64_t *state, const struct replay_plan *plan,
                       struct choice_source *source)
{
    uint32_t typical = plan->typical_steps[source->access_points];
    source->depth = plan->depth != 0 ? plan->depth : 2 + draw(state, 4);
    source->length = typical != 0 ? typical : source->access_points ? 3000 : 300;
    if (!source->is_fair && draw(state, 4) == 0) {
        source->length = 1 + source->length / 4; /* races at start-up and of short lives */
    }
}

/* PCT for as long as a usual run takes; whoever polls longer than that meets a walk. */
static void draw_fair_pct(uint64_t *state, const struct replay_plan *plan,
                          struct choice_source *source)
{
    source->kind = CHOICE_PCT;
    source->is_fair = true;
    draw_depth(state, plan, source);
}

/* A schedule that hardly ever deviates: one switch in thousands of points. */
static void draw_tame(struct choice_source *source)
{
    source->kind = CHOICE_RANDOM;
    source->switch_one_in = 1u << 20;
}

/* Swarm: each group of disturbances is off in some runs, mild in some, wild in others. */
static void draw_disturbances(uint64_t *state, const struct replay_plan *plan,
                              struct choice_source *source)
{
    static const uint16_t world[] = {0, 2, 2, 3, 4, 8, 16, 64};
    static const uint16_t faults[] = {0, 0, 0, 0, 16, 64, 256, 1024};
    static const uint16_t knobs[] = {0, 0, 0, 2, 4, 16, 64, 64};
    source->world_one_in = world[draw(state, SIM_COUNT(world))];
    source->faults_one_in = faults[draw(state, SIM_COUNT(faults))];
    source->knob_one_in = knobs[draw(state, SIM_COUNT(knobs))];
    source->program_one_in = 1;
    if (plan->no_faults) {
        source->faults_one_in = 0;
    }
    if (plan->no_knobs) {
        source->knob_one_in = 0;
    }
}

/* What the mixture is made of, in sixteenths. */
static enum replay_strategy draw_strategy(uint64_t *state)
{
    static const uint8_t sixteenth[16] = {
        REPLAY_RANDOM, REPLAY_RANDOM, REPLAY_RANDOM,       REPLAY_DELAY,
        REPLAY_PCT,    REPLAY_PCT,    REPLAY_PCT,          REPLAY_FAIR_PCT,
        REPLAY_POS,    REPLAY_POS,    REPLAY_SURW,         REPLAY_URW,
        REPLAY_RFF,    REPLAY_RFF,    REPLAY_RFF_FEEDBACK, REPLAY_TAME,
    };
    return (enum replay_strategy)sixteenth[draw(state, SIM_COUNT(sixteenth))];
}

/* They look at who touches what: without access points they see little. */
static bool lives_on_accesses(enum replay_strategy strategy)
{
    return strategy == REPLAY_POS || strategy == REPLAY_SURW || strategy == REPLAY_RFF ||
           strategy == REPLAY_RFF_FEEDBACK;
}

static void draw_source(uint64_t *state, const struct replay_plan *plan,
                        enum replay_strategy strategy, struct choice_source *source)
{
    switch (strategy) {
    case REPLAY_RANDOM:
        draw_random(state, source);
        break;
    case REPLAY_PCT:
        source->kind = CHOICE_PCT;
        draw_depth(state, plan, source);
        break;
    case REPLAY_FAIR_PCT:
        draw_fair_pct(state, plan, source);
        break;
    case REPLAY_POS:
        source->kind = CHOICE_POS;
        break;
    case REPLAY_URW:
        source->kind = CHOICE_URW;
        break;
    case REPLAY_SURW:
        source->kind = CHOICE_SURW;
        break;
    case REPLAY_RFF:
    case REPLAY_RFF_FEEDBACK:
        source->kind = CHOICE_RFF;
        source->has_feedback = strategy == REPLAY_RFF_FEEDBACK;
        break;
    case REPLAY_DELAY:
        source->kind = CHOICE_DELAY;
        draw_depth(state, plan, source);
        break;
    case REPLAY_TAME:
        draw_tame(source);
        break;
    case REPLAY_DFS: /* only runs that calibrate come here */
    case REPLAY_DPOR:
    case REPLAY_PORTFOLIO:
    case REPLAY_STRATEGIES:
        break;
    }
}

/* With access points always, else in some runs; drawn apart, so that it moves nothing else. */
static bool draws_races(const struct replay_plan *plan, uint64_t n, bool has_points)
{
    uint64_t state = sim_mix(sim_mix(0x7261636573ull, plan->seed), n) | 1;
    return plan->has_access && !plan->no_races &&
           (has_points || sim_random_below(&state, RACES_ONE_IN) == 0);
}

void replay_portfolio(const struct replay_plan *plan, uint64_t n, const struct replay_options *base,
                      struct choice_source *source, struct replay_options *options)
{
    uint64_t state = sim_mix(sim_mix(0x77736b73696dull, plan->seed), n) | 1;
    sim_random(&state);
    *source = (struct choice_source){.kind = CHOICE_TAME, .seed = sim_random(&state)};
    *options = *base;
    source->access_points = base->access_points;
    if (n == 0) {
        return; /* the first run of a campaign is the boring one */
    }
    bool is_mixed = plan->strategy == REPLAY_PORTFOLIO;
    enum replay_strategy strategy = is_mixed ? draw_strategy(&state) : plan->strategy;
    uint32_t one_in = lives_on_accesses(strategy) ? ACCESS_ONE_IN_OF_THOSE : ACCESS_ONE_IN;
    bool draws_access = plan->has_access && !plan->no_access && draw(&state, one_in) == 0;
    options->access_points = base->access_points || draws_access;
    source->access_points = options->access_points;
    options->sim.races |= draws_races(plan, n, options->access_points);
    draw_disturbances(&state, plan, source);
    if (n % PLACES_ONE_IN == 1 && !plan->no_faults) { /* one failure in a run, and no others */
        source->places = plan->places;
        source->faults_one_in = 0;
    }
    draw_source(&state, plan, strategy, source);
    if (base->sim.processors == 0 && draw(&state, 8) == 0) {
        options->sim.processors = 1 + draw(&state, 4);
    }
}

void replay_portfolio_search(const struct replay_plan *plan, const struct replay_options *base,
                             struct choice_source *source, struct replay_options *options)
{
    bool is_dpor = plan->strategy == REPLAY_DPOR;
    *options = *base;
    /* A class costs one run, however many points it has: DPOR takes them all. */
    options->access_points |= is_dpor && plan->has_access && !plan->no_access;
    if (options->sim.processors == 0 && is_dpor) {
        options->sim.processors = SIM_PROCESSORS_MAX; /* who gets one is not searched */
    }
    *source = (struct choice_source){.kind = CHOICE_SEARCH,
                                     .search = plan->search,
                                     .access_points = options->access_points};
}
