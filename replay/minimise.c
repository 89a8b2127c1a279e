/* SPDX-License-Identifier: MIT */
/*
 * The search of minimise.h: delta debugging over moves and values, coarse chunks first, in rounds
 * until a round changes nothing.
 */
#include "replay/minimise.h"

#include <stdlib.h>
#include <string.h>

#include "replay/minimise_plan.h"

enum {
    SEEN_SLOTS = 1 << 16,    /* candidates remembered: a second run of the same tells nothing */
    PAIRS_MAX = 24,          /* moves up to which all pairs are tried */
    DELETE_VALUES_MAX = 512, /* values up to which single ones are cut out */
    SHAKES_MAX = 10000,      /* random edits without success before giving up */
};

struct search {
    const struct minimise_target *target;
    struct minimise_plan best;
    struct minimise_size size;
    struct replay_case replay; /* the best as a case */
    uint64_t *seen;
    uint64_t runs;
};

static bool is_over(const struct search *m)
{
    return m->target->is_over(m->target->context);
}

/* ---- one candidate ---- */

static uint64_t hash_candidate(const struct replay_options *options, const uint8_t *bytes,
                               size_t size)
{
    uint64_t hash = sim_mix(options->sim.processors, options->access_points);
    hash = sim_mix(hash, options->knob_count);
    for (uint32_t i = 0; i < options->knob_count; i++) {
        hash = sim_mix(hash, (uint64_t)options->knob[i].knob << 16 | options->knob[i].value);
    }
    for (size_t i = 0; i < size; i++) {
        hash = sim_mix(hash, bytes[i]);
    }
    return hash | 1;
}

static bool was_seen(struct search *m, uint64_t hash)
{
    uint64_t *slot = &m->seen[hash % SEEN_SLOTS];
    bool was = *slot == hash;
    *slot = hash;
    return was;
}

/* Runs the plan; takes it over and answers true if it shows the finding and is simpler. */
static bool try_plan(struct search *m, const struct minimise_plan *plan)
{
    size_t size;
    const uint8_t *bytes = minimise_plan_bytes(plan, &size);
    struct replay_case canonical;
    if (is_over(m) || was_seen(m, hash_candidate(&plan->options, bytes, size))) {
        return false;
    }
    m->runs++;
    if (!m->target->shows(m->target->context, &plan->options, bytes, size, &canonical)) {
        return false;
    }
    struct minimise_plan real;
    minimise_plan_of(&real, &canonical.options, canonical.choices, canonical.choices_size);
    struct minimise_size measured = minimise_plan_measure(&real);
    if (!minimise_is_simpler(&measured, &m->size)) {
        minimise_plan_free(&real);
        replay_case_free(&canonical);
        return false;
    }
    minimise_plan_free(&m->best);
    replay_case_free(&m->replay);
    m->best = real;
    m->size = measured;
    m->replay = canonical;
    if (m->target->progress != NULL) {
        m->target->progress(m->target->context, &m->size);
    }
    return true;
}

/* ---- moves ---- */

static void try_without_moves(struct search *m, uint32_t first, uint32_t count)
{
    struct minimise_plan plan = minimise_plan_clone(&m->best);
    minimise_plan_drop_moves(&plan, first, count);
    try_plan(m, &plan);
    minimise_plan_free(&plan);
}

/* Chunks of one size, from the last one to the first: what comes late is most often not needed. */
static void drop_move_chunks(struct search *m, uint32_t chunk)
{
    uint32_t end = m->best.move_count;
    while (end > 0 && !is_over(m)) {
        uint32_t count = chunk < end ? chunk : end;
        end -= count;
        try_without_moves(m, end, count);
        end = end < m->best.move_count ? end : m->best.move_count;
    }
}

static void drop_moves(struct search *m)
{
    for (uint32_t chunk = m->best.move_count; chunk > 0; chunk /= 2) {
        drop_move_chunks(m, chunk);
    }
}

/* Two moves that only make sense together: there and back again. */
static void drop_move_pairs(struct search *m)
{
    for (uint32_t j = m->best.move_count; j-- > 1 && !is_over(m);) {
        uint32_t reach = m->best.move_count <= PAIRS_MAX ? j : 3;
        for (uint32_t d = 1; d <= reach && d <= j && j < m->best.move_count; d++) {
            struct minimise_plan plan = minimise_plan_clone(&m->best);
            minimise_plan_drop_moves(&plan, j, 1);
            minimise_plan_drop_moves(&plan, j - d, 1);
            try_plan(m, &plan);
            minimise_plan_free(&plan);
        }
    }
}

/* ---- values ---- */

static bool try_zero(struct search *m, int stream, const uint32_t *at, uint32_t count)
{
    struct minimise_plan plan = minimise_plan_clone(&m->best);
    for (uint32_t i = 0; i < count; i++) {
        if (at[i] < plan.value_count[stream]) {
            plan.value[stream][at[i]] = 0;
        }
    }
    bool was_taken = try_plan(m, &plan);
    minimise_plan_free(&plan);
    return was_taken;
}

/* Places of the values that are not 0. The caller frees the list. */
static uint32_t *list_nonzero(const struct search *m, int stream, uint32_t *count)
{
    uint32_t *at = malloc((m->best.value_count[stream] + 1) * sizeof *at);
    *count = 0;
    for (uint32_t i = 0; at != NULL && i < m->best.value_count[stream]; i++) {
        if (m->best.value[stream][i] != 0) {
            at[(*count)++] = i;
        }
    }
    return at;
}

static void zero_values(struct search *m, int stream)
{
    uint32_t count;
    uint32_t *at = list_nonzero(m, stream, &count);
    for (uint32_t chunk = count; chunk > 0; chunk /= 2) {
        for (uint32_t end = count; end > 0 && !is_over(m);) {
            uint32_t size = chunk < end ? chunk : end;
            bool was_taken = try_zero(m, stream, &at[end - size], size);
            end -= size;
            if (was_taken) { /* another run now: other values */
                free(at);
                at = list_nonzero(m, stream, &count);
                end = end < count ? end : count;
            }
        }
    }
    free(at);
}

/* Cuts out stretches, so that later values move forward: requests that are no longer made. */
static void delete_values(struct search *m, int stream)
{
    for (uint32_t chunk = 16; chunk > 0; chunk /= 2) {
        if (m->best.value_count[stream] > DELETE_VALUES_MAX * chunk) {
            return;
        }
        for (uint32_t at = 0; at < m->best.value_count[stream] && !is_over(m);) {
            uint32_t left = m->best.value_count[stream] - at;
            struct minimise_plan plan = minimise_plan_clone(&m->best);
            minimise_plan_drop_values(&plan, stream, at, chunk < left ? chunk : left);
            at += try_plan(m, &plan) ? 0 : chunk;
            minimise_plan_free(&plan);
        }
    }
}

static bool try_value(struct search *m, int stream, uint32_t at, uint32_t value)
{
    if (at >= m->best.value_count[stream] || value >= m->best.value[stream][at]) {
        return false;
    }
    struct minimise_plan plan = minimise_plan_clone(&m->best);
    plan.value[stream][at] = (uint16_t)value;
    bool was_taken = try_plan(m, &plan);
    minimise_plan_free(&plan);
    return was_taken;
}

static void lower_values(struct search *m, int stream)
{
    for (uint32_t i = 0; i < m->best.value_count[stream] && !is_over(m); i++) {
        if (m->best.value[stream][i] > 1 && !try_value(m, stream, i, 1)) {
            while (try_value(m, stream, i, m->best.value[stream][i] / 2u)) {
            }
            while (i < m->best.value_count[stream] && m->best.value[stream][i] > 0 &&
                   try_value(m, stream, i, m->best.value[stream][i] - 1u)) {
            }
        }
    }
}

/* Ends of streams, by halves. */
static void truncate_values(struct search *m, int stream)
{
    for (uint32_t keep = 0; keep < m->best.value_count[stream] && !is_over(m);) {
        uint32_t count = m->best.value_count[stream];
        struct minimise_plan plan = minimise_plan_clone(&m->best);
        minimise_plan_drop_values(&plan, stream, keep, count - keep);
        bool was_taken = try_plan(m, &plan);
        minimise_plan_free(&plan);
        if (!was_taken) {
            keep += (count - keep + 1) / 2;
        }
    }
}

/* ---- options ---- */

static void simplify_options(struct search *m)
{
    uint32_t processors = m->size.processors;
    struct minimise_plan plan = minimise_plan_clone(&m->best);
    if (plan.options.access_points) {
        plan.options.access_points = false;
        try_plan(m, &plan);
    }
    minimise_plan_free(&plan);
    for (uint32_t n = 1; n < processors; n++) {
        plan = minimise_plan_clone(&m->best);
        plan.options.sim.processors = n;
        bool was_taken = try_plan(m, &plan);
        minimise_plan_free(&plan);
        if (was_taken) {
            break;
        }
    }
    for (uint32_t i = m->best.options.knob_count; i-- > 0;) {
        plan = minimise_plan_clone(&m->best);
        plan.options.knob[i] = plan.options.knob[--plan.options.knob_count];
        try_plan(m, &plan);
        minimise_plan_free(&plan);
    }
}

/* ---- rounds ---- */

static void search_round(struct search *m)
{
    static const int streams[] = {CHOICE_PROGRAM, CHOICE_FAULTS, CHOICE_WORLD};
    simplify_options(m);
    for (size_t i = 0; i < SIM_COUNT(streams); i++) {
        truncate_values(m, streams[i]);
    }
    drop_moves(m);
    for (size_t i = 0; i < SIM_COUNT(streams); i++) {
        zero_values(m, streams[i]);
    }
    drop_move_pairs(m);
    for (size_t i = 0; i < SIM_COUNT(streams); i++) {
        delete_values(m, streams[i]);
        lower_values(m, streams[i]);
    }
}

/* True if a random edit made it simpler: then another round may do more. */
static bool shake(struct search *m, uint64_t *random)
{
    for (int i = 0; i < SHAKES_MAX && !is_over(m); i++) {
        struct minimise_plan plan = minimise_plan_clone(&m->best);
        minimise_plan_shake(&plan, random);
        bool was_taken = try_plan(m, &plan);
        minimise_plan_free(&plan);
        if (was_taken) {
            return true;
        }
    }
    return false;
}

static void search_until_still(struct search *m)
{
    struct minimise_size before;
    do {
        before = m->size;
        search_round(m);
    } while (minimise_is_simpler(&m->size, &before) && !is_over(m));
}

struct minimise_size minimise_measure(const struct replay_case *c)
{
    struct minimise_plan plan;
    minimise_plan_of(&plan, &c->options, c->choices, c->choices_size);
    struct minimise_size size = minimise_plan_measure(&plan);
    minimise_plan_free(&plan);
    return size;
}

static void search_begin(struct search *m, const struct minimise_target *target,
                         struct replay_case *c)
{
    *m = (struct search){.target = target, .replay = *c};
    minimise_plan_of(&m->best, &c->options, c->choices, c->choices_size);
    m->size = minimise_plan_measure(&m->best);
    m->seen = calloc(SEEN_SLOTS, sizeof *m->seen);
    SIM_ASSERT(m->seen != NULL);
}

static void search_end(struct search *m)
{
    free(m->seen);
    minimise_plan_free(&m->best);
}

/* Other runs with the same finding, each made small; the simplest one takes the place of *c. */
static uint64_t try_others(const struct minimise_target *target, struct replay_case *c)
{
    struct replay_case other;
    uint64_t runs = 0;
    while (target->another != NULL && !target->is_over(target->context) &&
           target->another(target->context, &other)) {
        struct search m;
        struct minimise_size best = minimise_measure(c);
        search_begin(&m, target, &other);
        search_until_still(&m);
        bool is_better = minimise_is_simpler(&m.size, &best);
        struct replay_case *loser = is_better ? c : &m.replay;
        replay_case_free(loser);
        if (is_better) {
            *c = m.replay;
        }
        runs += m.runs;
        search_end(&m);
    }
    return runs;
}

uint64_t minimise(const struct minimise_target *target, struct replay_case *c)
{
    struct search m;
    uint64_t random = 0x6d696e69;
    search_begin(&m, target, c);
    search_until_still(&m);
    *c = m.replay;
    uint64_t runs = m.runs;
    search_end(&m);
    runs += try_others(target, c);
    search_begin(&m, target, c);
    while (shake(&m, &random)) {
        search_until_still(&m);
    }
    *c = m.replay;
    runs += m.runs;
    search_end(&m);
    return runs;
}
