/* SPDX-License-Identifier: MIT */
/*
 * Scheduling under reads-from constraints (after Wolff, Shi, Duck, Mathur, Roychoudhury, 2024): a
 * run draws a few constraints "this read sees what that write did" (or nobody's write, or: does not
 * see it) and steers towards a schedule in which each of them holds once; where they leave a
 * choice, partial order sampling decides. Order bugs that need one event before hundreds of others
 * are one constraint away, however many contexts there are.
 *
 *   (from -> to):   delay to --(from happens, on word o)--> delay other changes of o, hurry to
 *                     ^-------(o is changed all the same)--------+   --(to happens)--> done
 *   (nobody -> to): delay whatever may change what to reads, until to happens
 *   not (from -> to): while o holds what from did: delay to
 *
 * Nobody is disabled: if all wait, one of those goes. Constraints that have kept somebody waiting
 * for longer than a usual run takes are dropped; a polling loop may wait for what they delay.
 *
 * With feedback, constraints under which somebody read from somebody for the first time are kept,
 * and half of the runs change a set of those by one constraint.
 */
#include "learned.h"
#include "strategy.h"

#include <string.h>

enum {
    PRIORITY_LOWEST = 1,
    PATIENCE = 1000, /* steps with somebody waiting, beside the length of a usual run */
    BIRTH_MAX = 4,   /* constraints of a set drawn afresh, about */
};

enum rank { RANK_DELAYED, RANK_NORMAL, RANK_HURRIED };

struct active {
    struct learned_constraint what;
    bool is_done, is_bound; /* bound: word holds what `from` did */
    uint64_t word;
    uint64_t delays[LEARNED_EVENTS_MAX / 64]; /* nobody -> to: events that may change it */
};

static struct {
    uint32_t count, left; /* constraints; not done */
    struct active active[LEARNED_CONSTRAINTS_MAX];
    struct learned_schedule schedule;
    uint64_t waited, patience;
    bool is_clock_late; /* the clock waits like somebody who is delayed */
} rff;

/* ---- drawing constraints ---- */

/* Any event that can see another; any of those it can see, or what was there before. */
static struct learned_constraint draw_constraint(struct sim *s, const struct sim_learned *learned)
{
    struct learned_constraint c = {.to = learned->to[choice_draw_below(s, learned->to_count)]};
    uint32_t nth = choice_draw_below(s, learned->event[c.to].pairs + 1);
    uint32_t pair = learned->event[c.to].first_pair;
    for (; nth > 0; nth--) {
        c.from = learned->pair[pair - 1].from;
        pair = learned->pair[pair - 1].next;
    }
    c.is_negated = c.from != 0 && choice_draw_below(s, 4) == 0;
    return c;
}

static void draw_afresh(struct sim *s, const struct sim_learned *learned)
{
    struct learned_schedule *set = &rff.schedule;
    do {
        set->constraint[set->count++] = draw_constraint(s, learned);
    } while (set->count < BIRTH_MAX && choice_draw_below(s, 2) == 0);
}

/* One constraint more, less, other or reversed than in a set that was good for something. */
static void draw_changed(struct sim *s, struct sim_learned *learned)
{
    struct learned_schedule *a = &learned->corpus[choice_draw_below(s, learned->corpus_count)];
    struct learned_schedule *b = &learned->corpus[choice_draw_below(s, learned->corpus_count)];
    struct learned_schedule *set = &rff.schedule;
    b = b->picked < a->picked ? b : a; /* the one that was less often used */
    b->picked++;
    *set = *b;
    uint32_t at = choice_draw_below(s, set->count);
    switch (choice_draw_below(s, 4)) {
    case 0:
        if (set->count < LEARNED_CONSTRAINTS_MAX) {
            set->constraint[set->count++] = draw_constraint(s, learned);
        }
        break;
    case 1:
        if (set->count > 1) {
            set->constraint[at] = set->constraint[--set->count];
        }
        break;
    case 2:
        set->constraint[at].is_negated ^= set->constraint[at].from != 0;
        break;
    default:
        set->constraint[at] = draw_constraint(s, learned);
    }
}

static void activate(const struct sim_learned *learned, const struct learned_constraint *what)
{
    struct active *a = &rff.active[rff.count++];
    *a = (struct active){.what = *what};
    if (what->from == 0) {
        uint32_t pair = learned->event[what->to].first_pair;
        for (; pair != 0; pair = learned->pair[pair - 1].next) {
            uint16_t from = learned->pair[pair - 1].from;
            a->delays[from / 64] |= 1ull << (from % 64);
        }
    }
}

static void reset(struct sim *s)
{
    struct sim_learned *learned = s->source->learned;
    s->clock.priority = 0;
    s->clock.next_at = 0;
    rff.count = 0;
    rff.schedule.count = rff.schedule.picked = 0;
    rff.waited = 0;
    if (learned == NULL) {
        return;
    }
    rff.patience = (uint64_t)learned_steps(learned) + PATIENCE;
    if (learned->to_count > 0) {
        if (s->source->has_feedback && learned->corpus_count > 0 &&
            choice_draw_below(s, 2) == 0) {
            draw_changed(s, learned);
        } else {
            draw_afresh(s, learned);
        }
        for (uint32_t i = 0; i < rff.schedule.count; i++) {
            activate(learned, &rff.schedule.constraint[i]);
        }
    }
    rff.left = rff.count;
    learned_begin(learned);
}

static void demote(struct sim *s, struct sim_ctx *c)
{
    (void)s;
    c->priority = PRIORITY_LOWEST;
}

/* ---- what constraints say of an event that is about to happen ---- */

static bool changes(const struct sim_ctx *c, uint64_t word)
{
    return c->op != SIM_OP_READ && c->op_object / 8 == word;
}

static enum rank rank_by(const struct active *a, const struct sim_ctx *c, uint16_t event)
{
    const struct learned_constraint *what = &a->what;
    if (a->is_done || event == 0) {
        return RANK_NORMAL;
    }
    if (what->from == 0) {
        bool is_delayed = (a->delays[event / 64] >> (event % 64) & 1) != 0;
        return is_delayed && event != what->to ? RANK_DELAYED : RANK_NORMAL;
    }
    if (what->is_negated) {
        bool would_see = event == what->to && a->is_bound && c->op_object / 8 == a->word;
        return would_see ? RANK_DELAYED : RANK_NORMAL;
    }
    if (!a->is_bound) {
        return event == what->to && event != what->from ? RANK_DELAYED : RANK_NORMAL;
    }
    if (event == what->to && c->op_object / 8 == a->word) {
        return RANK_HURRIED;
    }
    return changes(c, a->word) ? RANK_DELAYED : RANK_NORMAL;
}

/* Delayed by one is delayed; else hurried by one is hurried. */
static enum rank rank_of(const struct sim_ctx *c, uint16_t event)
{
    enum rank rank = RANK_NORMAL;
    for (uint32_t i = 0; i < rff.count; i++) {
        enum rank by = rank_by(&rff.active[i], c, event);
        if (by == RANK_DELAYED) {
            return RANK_DELAYED;
        }
        rank = by > rank ? by : rank;
    }
    return rank;
}

/* ---- what happens to constraints when an event does ---- */

static void step_constraint(struct active *a, const struct sim_ctx *c, uint16_t event)
{
    const struct learned_constraint *what = &a->what;
    bool is_here = a->is_bound && c->op_object / 8 == a->word;
    if (what->from == 0) {
        a->is_done = event == what->to || (a->delays[event / 64] >> (event % 64) & 1) != 0;
    } else if (!what->is_negated && is_here && event == what->to) {
        a->is_done = true;
    } else if (event == what->from && (!a->is_bound || is_here)) {
        a->is_bound = true;
        a->word = c->op_object / 8;
    } else if (is_here && changes(c, a->word)) {
        a->is_bound = false;
    }
    rff.left -= a->is_done;
}

static struct sim_ctx *step(struct sim *s, struct sim_ctx *c, bool kept_waiting)
{
    struct sim_learned *learned = s->source->learned;
    uint16_t event = learned != NULL && c != &s->clock ? learned_event_of(learned, c) : 0;
    if (event != 0) {
        learned_log(learned, c, event);
        for (uint32_t i = 0; i < rff.count && rff.left > 0; i++) {
            if (!rff.active[i].is_done) {
                step_constraint(&rff.active[i], c, event);
            }
        }
    }
    if ((kept_waiting && ++rff.waited > rff.patience) || rff.left == 0) {
        rff.count = 0;
    }
    c->priority = 0;
    c->next_at = 0;
    return c;
}

/* ---- the decision ---- */

/* The clock is late as often as it loses in the walk: time is not just another context. */
static void draw_priority(struct sim *s, struct sim_ctx *c)
{
    c->priority = PRIORITY_LOWEST + 1 + (choice_draw(s) >> 8);
    if (c == &s->clock) {
        rff.is_clock_late = choice_draw_below(s, STRATEGY_CLOCK_DAMPING) != 0;
    }
}

static enum rank rank_now(struct sim *s, struct sim_ctx *c)
{
    if (c == &s->clock) {
        return rff.is_clock_late ? RANK_DELAYED : RANK_NORMAL;
    }
    if (rff.count == 0) {
        return RANK_NORMAL;
    }
    if (c->next_at == 0) { /* the event it stands before, + 1 */
        c->next_at = learned_event_of(s->source->learned, c) + 1u;
    }
    return rank_of(c, (uint16_t)(c->next_at - 1));
}

static struct sim_ctx *pick(struct sim *s, struct sim_ctx *from, struct sim_ctx *normal)
{
    (void)from;
    (void)normal;
    struct sim_ctx *best = NULL;
    enum rank best_rank = RANK_DELAYED;
    bool any_delayed = false;
    for (uint32_t i = 0; i < s->enabled_count; i++) {
        struct sim_ctx *c = s->enabled[i];
        if (c->priority == 0) {
            draw_priority(s, c);
        }
        enum rank rank = rank_now(s, c);
        any_delayed |= rank == RANK_DELAYED && c != &s->clock;
        if (best == NULL || rank > best_rank ||
            (rank == best_rank && c->priority > best->priority)) {
            best = c;
            best_rank = rank;
        }
    }
    for (uint32_t i = 0; i < s->enabled_count; i++) {
        if (strategy_conflict(s->enabled[i], best)) {
            s->enabled[i]->priority = 0;
        }
    }
    return step(s, best, any_delayed);
}

/* ---- after the run ---- */

static void finish(struct sim *s)
{
    struct sim_learned *learned = s->source->learned;
    if (learned == NULL) {
        return;
    }
    uint32_t fresh = learned_settle(s, learned);
    if (fresh > 0 && s->source->has_feedback && rff.schedule.count > 0) {
        uint32_t at = learned->corpus_count < LEARNED_CORPUS_MAX
                          ? learned->corpus_count++
                          : choice_draw_below(s, LEARNED_CORPUS_MAX);
        learned->corpus[at] = rff.schedule;
        learned->corpus[at].picked = 0;
    }
}

const struct sim_strategy strategy_rff = {
    .reset = reset, .pick = pick, .demote = demote, .finish = finish, .sees_all = true};
