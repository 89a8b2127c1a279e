/* SPDX-License-Identifier: MIT */
/*
 * Uniform over interleavings, not over decisions. A walk that weighs each context by the number of
 * events it has left draws every interleaving with the same probability: of n!/(n1! n2! ...) orders
 * the share n1/n begins with the first context. How many are left is learned from earlier runs
 * (sim/learned.h); a context answers for its descendants until they exist. URW does this for all
 * points. Where counts vary or contexts wait for each other it is uniform only about.
 *
 * SURW (Zhao, Wolff, Mathur, Roychoudhury, 2025) does it for the events on one or two words that
 * contexts share, drawn for each run: the context that shall have the next such event is drawn by
 * weight, the others go on up to theirs and wait there. The rest is a plain walk.
 *
 * sim_ctx.priority is what a context has left. Nothing learned yet: both are the plain walk.
 */
#include "learned.h"
#include "strategy.h"

enum {
    ONE = 1 << LEARNED_FRACTION,
    PATIENCE = 400, /* steps without a chosen event: whoever is to have it waits for somebody */
};

/* ---- weights ---- */

static struct sim_ctx *draw_weighted(struct sim *s, uint32_t count, uint64_t total,
                                     uint64_t (*weigh)(const struct sim_ctx *c))
{
    SIM_ASSERT(total > 0);
    uint64_t at = (uint64_t)(((__uint128_t)choice_draw(s) * total) >> 64);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t weight = weigh(s->enabled[i]);
        if (at < weight) {
            return s->enabled[i];
        }
        at -= weight;
    }
    SIM_ASSERT(false);
    return NULL;
}

/* The enabled contexts without the clock, which is the last one. */
static uint32_t count_contexts(const struct sim *s)
{
    return s->enabled_count - (s->enabled[s->enabled_count - 1] == &s->clock);
}

/* As often as in the walk. */
static bool draws_clock(struct sim *s, uint32_t contexts)
{
    return contexts == 0 ||
           (contexts < s->enabled_count &&
            choice_draw_below(s, s->enabled_count * STRATEGY_CLOCK_DAMPING) == 0);
}

/* A child takes its share from its parent. */
static void take_from_parent(struct sim_ctx *c)
{
    struct sim_ctx *parent = c->parent;
    if (parent != NULL) {
        parent->priority -= c->priority < parent->priority ? c->priority : parent->priority;
    }
}

/* ---- all points ---- */

static void urw_place(struct sim *s, struct sim_ctx *c)
{
    const struct sim_learned *learned = s->source->learned;
    c->priority = 0;
    if (learned != NULL) {
        c->priority = (uint64_t)learned->own[c->id] + learned->kids[c->id];
        take_from_parent(c);
    }
}

static uint64_t urw_weight(const struct sim_ctx *c)
{
    uint64_t passed = (uint64_t)c->points * ONE;
    return c->priority > passed + ONE ? c->priority - passed : ONE;
}

static struct sim_ctx *urw_pick(struct sim *s, struct sim_ctx *from, struct sim_ctx *normal)
{
    (void)from;
    (void)normal;
    uint32_t contexts = count_contexts(s);
    if (draws_clock(s, contexts)) {
        return &s->clock;
    }
    uint64_t total = 0;
    for (uint32_t i = 0; i < contexts; i++) {
        total += urw_weight(s->enabled[i]);
    }
    return draw_weighted(s, contexts, total, urw_weight);
}

const struct sim_strategy strategy_urw = {.place = urw_place, .pick = urw_pick};

/* ---- the events on one or two words ---- */

static struct {
    uint32_t count; /* words chosen; 0 = nothing is known: a walk */
    uint64_t word[2];
    const struct sim_ctx *next; /* shall have the next chosen event; NULL = to be drawn */
    uint32_t waited;
} surw;

static bool is_chosen_word(uint64_t word)
{
    return surw.count > 0 && (word == surw.word[0] || word == surw.word[surw.count - 1]);
}

/* How many events on the chosen words each context had in the run that was logged last. */
static void count_chosen(struct sim_learned *learned)
{
    for (uint32_t i = 0; i < learned->context_count; i++) {
        learned->chosen[learned->context[i].id] = 0;
        learned->chosen_kids[learned->context[i].id] = 0;
    }
    for (uint32_t i = 0; i < learned->log_count; i++) {
        if (is_chosen_word(learned->log[i].word)) {
            learned->chosen[learned->log[i].context]++;
        }
    }
    for (uint32_t i = learned->context_count; i-- > 0;) {
        uint16_t id = learned->context[i].id;
        learned->chosen_kids[learned->context[i].parent] +=
            learned->chosen[id] + learned->chosen_kids[id];
    }
}

static void surw_reset(struct sim *s)
{
    struct sim_learned *learned = s->source->learned;
    surw.count = 0;
    surw.next = NULL;
    surw.waited = 0;
    if (learned == NULL) {
        return;
    }
    if (learned->word_count > 0) {
        surw.count = 1 + (choice_draw_below(s, 4) == 0);
        surw.word[0] = learned->word[choice_draw_below(s, learned->word_count)];
        surw.word[1] = learned->word[choice_draw_below(s, learned->word_count)];
        count_chosen(learned);
    }
    learned_begin(learned);
}

static void surw_place(struct sim *s, struct sim_ctx *c)
{
    c->priority = 0;
    if (surw.count > 0) {
        const struct sim_learned *learned = s->source->learned;
        c->priority = (uint64_t)learned->chosen[c->id] + learned->chosen_kids[c->id];
        take_from_parent(c);
        if (surw.next != NULL && surw.next == c->parent) {
            uint64_t both = c->priority + c->parent->priority;
            surw.next = both > 0 && choice_draw(s) % both < c->priority ? c : c->parent;
        }
    }
}

static bool is_at_chosen(const struct sim_ctx *c)
{
    return c->op_object != 0 && is_chosen_word(c->op_object / 8);
}

/* Somebody who stands before a chosen event has one left, whatever was learned. */
static uint64_t surw_weight(const struct sim_ctx *c)
{
    return c->priority == 0 && is_at_chosen(c) ? 1 : c->priority;
}

static void draw_next(struct sim *s, uint32_t contexts)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < contexts; i++) {
        total += surw_weight(s->enabled[i]);
    }
    surw.next = total > 0 ? draw_weighted(s, contexts, total, surw_weight) : NULL;
    surw.waited = 0;
}

/* One of those who do not wait for their turn; NULL: all do. */
static struct sim_ctx *draw_free(struct sim *s, uint32_t contexts)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < contexts; i++) {
        count += s->enabled[i] == surw.next || !is_at_chosen(s->enabled[i]);
    }
    uint32_t at = count > 0 ? choice_draw_below(s, count) : 0;
    for (uint32_t i = 0; i < contexts && count > 0; i++) {
        if ((s->enabled[i] == surw.next || !is_at_chosen(s->enabled[i])) && at-- == 0) {
            return s->enabled[i];
        }
    }
    return NULL;
}

static struct sim_ctx *surw_step(struct sim *s, struct sim_ctx *c)
{
    if (is_at_chosen(c)) {
        c->priority -= c->priority > 0;
        surw.next = NULL;
        surw.waited = 0;
    }
    if (s->source->learned != NULL) {
        learned_log(s->source->learned, c, learned_event_of(s->source->learned, c));
    }
    return c;
}

static struct sim_ctx *surw_pick(struct sim *s, struct sim_ctx *from, struct sim_ctx *normal)
{
    (void)from;
    (void)normal;
    uint32_t contexts = count_contexts(s);
    if (contexts < s->enabled_count && draws_clock(s, contexts)) {
        return &s->clock;
    }
    if (s->enabled_count == 1) {
        return surw_step(s, s->enabled[0]);
    }
    if (surw.next == NULL || ++surw.waited > PATIENCE) {
        draw_next(s, contexts);
    }
    struct sim_ctx *c = draw_free(s, contexts);
    if (c == NULL) { /* the one that shall have it cannot go on */
        draw_next(s, contexts);
        c = draw_free(s, contexts);
    }
    return surw_step(s, c != NULL ? c : s->enabled[0]);
}

static void surw_finish(struct sim *s)
{
    if (s->source->learned != NULL) {
        learned_settle(s, s->source->learned);
    }
}

const struct sim_strategy strategy_surw = {.reset = surw_reset, .place = surw_place,
                                           .pick = surw_pick, .finish = surw_finish,
                                           .sees_all = true};
