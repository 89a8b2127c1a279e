/* SPDX-License-Identifier: MIT */
/*
 * The scheduler. One decision reads top to bottom in decide(): list what is enabled, know the
 * default, ask the source, let the clock jump if that was the answer, else place the chosen context
 * on a processor and switch to it.
 *
 * sim_point costs a countdown while nobody has to be asked; choice_horizon says for how long.
 * Whoever changes what is enabled in a way that cannot wait calls sched_ask_soon.
 */
#include "features.h"
#include "fiber.h"
#include "race.h"
#include "sim_internal.h"

#include <stdio.h>
#include <string.h>

struct sim *sim_current;
int64_t sim_access_countdown;

enum {
    ID_MAIN = 1,
    ID_FIRST = 16,
    ID_COUNT = 16384 - ID_FIRST, /* two bytes as a varint */
    STORM_TIME = 10000,       /* 1 ms for half of SIM_CONTEXTS_MAX */
};

struct sim_ctx sim_contexts[SIM_CONTEXTS_MAX];
static uint64_t id_used[(ID_FIRST + ID_COUNT + 63) / 64];

/* ---- accounting ---- */

/* Adds the points that passed since the last account to the current context. */
static void account(struct sim *s)
{
    uint64_t passed = (uint64_t)(s->armed - s->countdown);
    s->current->points += (uint32_t)passed;
    s->steps += passed;
    s->armed = s->countdown;
}

SIM_NOINLINE static void arm_horizon(struct sim *s)
{
    int64_t horizon = choice_horizon(s, s->current);
    int64_t left = (int64_t)(s->watch - s->steps);
    horizon = horizon < left ? horizon : left;
    s->armed = s->countdown = horizon < 0 ? 0 : horizon;
}

/*
 * For how many points nobody need be asked. A source that may switch at every point always is, as
 * long as there is somebody to switch to.
 */
SIM_INLINE void arm(struct sim *s)
{
    if (!s->asks_always) {
        arm_horizon(s);
        return;
    }
    s->is_alone = s->enabled_count == 1 && s->enabled_state != SIM_ENABLED_DIRTY;
    s->armed = s->countdown = s->is_alone ? (int64_t)(s->watch - s->steps) : 0;
}

/* From now on the current context may run for SIM_STRETCH_MAX points. */
SIM_INLINE void start_stretch(struct sim *s)
{
    uint64_t patience = s->steps + SIM_STRETCH_MAX;
    s->watch = patience < s->options.steps_max ? patience : s->options.steps_max;
}

void sched_ask_soon(struct sim *s)
{
    account(s);
    s->armed = s->countdown = 0;
}

static void enabled_changed(struct sim *s)
{
    s->enabled_state = SIM_ENABLED_DIRTY;
    if (s->is_alone || s->source->kind == CHOICE_PCT) {
        sched_ask_soon(s); /* a context of higher priority may have appeared */
    }
}

/* ---- what is enabled ---- */

static bool takes_interrupts(const struct sim_processor *p)
{
    return p->top == NULL || p->top->level < SIM_LEVEL_NO_SWITCH;
}

/* Room for a context that may run anywhere: not where a bound interrupt must come first. */
static bool has_room(const struct sim_processor *p, enum sim_ctx_kind kind)
{
    if (p->queue_count > 0 || !takes_interrupts(p)) {
        return false;
    }
    return kind == SIM_INTERRUPT || p->top == NULL || p->top->kind == SIM_THREAD;
}

/* A context on top of a processor goes on unless a bound interrupt must come first. */
static bool may_continue(const struct sim *s, const struct sim_ctx *c)
{
    if (c->state != SIM_RUNNING || c->processor < 0) {
        return false;
    }
    const struct sim_processor *p = &s->processor[c->processor];
    return p->top == c && !(p->queue_count > 0 && c->level < SIM_LEVEL_NO_SWITCH);
}

/*
 * The clock may jump past contexts that could run (the first `count` of the list), for a while. If
 * one of them forbids it, that ends when it runs: clock_waits.
 */
static bool clock_may_overtake(struct sim *s, uint32_t count)
{
    sim_time next = events_next_time(s);
    if (next > s->now + SIM_OVERTAKE_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (next > s->enabled[i]->since + SIM_OVERTAKE_MAX && s->enabled[i] != s->current) {
            s->clock_waits = true;
            return false;
        }
    }
    return true;
}

enum { ROOM_INTERRUPT = 1, ROOM_THREAD = 2 };

/*
 * The contexts on top of their processors, or the bound interrupts that must come before them.
 * *room: what kind of context there is a processor for.
 */
SIM_INLINE uint32_t list_tops(struct sim *s, unsigned *room)
{
    const struct sim_processor *p = s->processor, *end = p + s->processor_count;
    uint32_t count = 0;
    for (; p < end; p++) {
        struct sim_ctx *top = p->top;
        if (SIM_UNLIKELY(p->queue_count > 0) && takes_interrupts(p)) {
            s->enabled[count++] = &sim_contexts[p->queue[p->queue_head]];
            continue;
        }
        if (top == NULL) {
            *room = ROOM_INTERRUPT | ROOM_THREAD;
            continue;
        }
        s->enabled[count] = top;
        count += top->state == SIM_RUNNING;
        if (top->level < SIM_LEVEL_NO_SWITCH) {
            *room |= top->kind == SIM_THREAD ? ROOM_INTERRUPT | ROOM_THREAD : ROOM_INTERRUPT;
        }
    }
    return count;
}

/* The ready contexts that may run on any processor, if one has room for them. */
SIM_INLINE uint32_t list_ready(struct sim *s, uint32_t count, unsigned room)
{
    struct sim_ctx *const *c = s->ready, *const *end = c + s->ready_count;
    for (; c < end; c++) {
        s->enabled[count] = *c;
        count += ((*c)->kind == SIM_INTERRUPT ? room & ROOM_INTERRUPT : room & ROOM_THREAD) != 0;
    }
    return count;
}

SIM_NOINLINE static void enabled_rebuild(struct sim *s)
{
    unsigned room = 0;
    uint32_t count = list_tops(s, &room);
    if (room != 0) {
        count = list_ready(s, count, room);
    }
    s->clock_listed = s->clock_waits = false;
    if (s->event_count > 0 && (count == 0 || clock_may_overtake(s, count))) {
        s->clock_listed = true;
        s->enabled[count++] = &s->clock;
    }
    s->enabled_count = count;
    bool quick = s->asks_always && s->queued == 0 && count > 1 && !s->clock_waits;
    s->enabled_state = quick ? SIM_ENABLED_QUICK : SIM_ENABLED_LISTED;
}

/*
 * The enabled context that has not run for the longest time; the clock only if there is no other.
 */
static struct sim_ctx *oldest_enabled(struct sim *s, const struct sim_ctx *except)
{
    struct sim_ctx *oldest = NULL;
    for (uint32_t i = 0; i < s->enabled_count; i++) {
        struct sim_ctx *c = s->enabled[i];
        if (c != except && c != &s->clock && (oldest == NULL || c->last_run < oldest->last_run)) {
            oldest = c;
        }
    }
    if (oldest == NULL && s->clock_listed) {
        return &s->clock;
    }
    return oldest;
}

/* The default when nobody has a claim to go on. */
SIM_NOINLINE static struct sim_ctx *default_other(struct sim *s, const struct sim_ctx *except)
{
    struct sim_ctx *other = oldest_enabled(s, except);
    return other != NULL ? other : oldest_enabled(s, NULL);
}

/* ---- the decision ---- */

/*
 * One answer. `from`: on whom the decision counts. `prefer`: the default if it may continue (the
 * current context, or what an interrupt interrupted), or NULL: then it is the one that has waited
 * longest, other than `except`.
 */
SIM_INLINE struct sim_ctx *ask(struct sim *s, struct sim_ctx *from, struct sim_ctx *prefer,
                               const struct sim_ctx *except)
{
    if (s->enabled_state == SIM_ENABLED_DIRTY) {
        enabled_rebuild(s);
    }
    while (SIM_UNLIKELY(s->enabled_count == 0)) {
        s->hooks->deadlock(s); /* returns only if it has made something happen */
        enabled_rebuild(s);
    }
    if (s->enabled_count == 1) {
        return SIM_UNLIKELY(s->sees_all) ? choice_ask(s, from, s->enabled[0]) : s->enabled[0];
    }
    struct sim_ctx *normal = prefer;
    if (prefer == NULL || !may_continue(s, prefer)) {
        normal = default_other(s, except);
    }
    s->decisions++;
    return choice_schedule(s, from, normal);
}

/* The answer was the clock. True if `prefer` goes on: the jump was the deviation. */
SIM_NOINLINE static bool jump_clock(struct sim *s, struct sim_ctx *from,
                                    const struct sim_ctx *prefer)
{
    if (s->now >= s->options.time_max) {
        if (s->hooks->late != NULL) {
            s->hooks->late(s);
        }
        s->hooks->livelock(s);
    }
    events_fire_next(s);
    s->enabled_state = SIM_ENABLED_DIRTY; /* what the clock may overtake depends on the time */
    if (prefer != NULL && may_continue(s, prefer)) {
        return true;
    }
    from->points++; /* the next decision is another point of whoever waits */
    s->steps++;
    return false;
}

/* Who runs next; see ask. */
SIM_INLINE struct sim_ctx *decide(struct sim *s, struct sim_ctx *from, struct sim_ctx *prefer,
                                     const struct sim_ctx *except)
{
    for (;;) {
        struct sim_ctx *next = ask(s, from, prefer, except);
        if (SIM_LIKELY(next != &s->clock)) {
            return next;
        }
        if (jump_clock(s, from, prefer) && SIM_LIKELY(!choice_asks_again(s, from))) {
            return prefer;
        }
    }
}

/* ---- placing and switching ---- */

static void ready_add(struct sim *s, struct sim_ctx *c)
{
    uint32_t at = s->ready_count++;
    for (; at > 0 && s->ready[at - 1]->index > c->index; at--) {
        s->ready[at] = s->ready[at - 1];
    }
    s->ready[at] = c;
}

static void ready_remove(struct sim *s, const struct sim_ctx *c)
{
    uint32_t at = 0;
    while (s->ready[at] != c) {
        at++;
        SIM_ASSERT(at < s->ready_count);
    }
    s->ready_count--;
    for (; at < s->ready_count; at++) {
        s->ready[at] = s->ready[at + 1];
    }
}

static struct sim_processor *find_processor(struct sim *s, const struct sim_ctx *c)
{
    struct sim_processor *other = NULL, *own = NULL;
    for (uint32_t i = 0; i < s->processor_count; i++) {
        struct sim_processor *p = &s->processor[i];
        if (!has_room(p, (enum sim_ctx_kind)c->kind)) {
            continue;
        }
        if (p->top == NULL) {
            return p; /* idle processors first */
        }
        if (p->top == s->current) {
            own = p;
        } else if (other == NULL) {
            other = p;
        }
    }
    /* A thread takes the place of the current one; an interrupt leaves it running if it can. */
    if (c->kind == SIM_THREAD) {
        return own != NULL ? own : other;
    }
    return other != NULL ? other : own;
}

/*
 * A thread loses its processor. One that spins is not ready: two that spin on one processor would
 * hand it to each other for ever, while the time waits for a third that is never chosen.
 */
static void preempted(struct sim *s, struct sim_ctx *c)
{
    SIM_ASSERT(c->state == SIM_RUNNING || c->state == SIM_SPINNING);
    c->processor = -1;
    if (c->state == SIM_SPINNING) {
        c->state = SIM_PARKED;
        return;
    }
    c->state = SIM_READY;
    ready_add(s, c);
}

SIM_NOINLINE static void place(struct sim *s, struct sim_ctx *c)
{
    struct sim_processor *p;
    if (c->bound >= 0) {
        p = &s->processor[c->bound];
        SIM_ASSERT(p->queue_count > 0 && p->queue[p->queue_head] == c->index);
        p->queue_head = (uint16_t)((p->queue_head + 1) % SIM_COUNT(p->queue));
        p->queue_count--;
        s->queued--;
    } else {
        p = find_processor(s, c);
        ready_remove(s, c);
    }
    SIM_ASSERT(p != NULL);
    if (c->kind == SIM_INTERRUPT) {
        c->below = p->top;
        if (c->below != NULL && s->source->kind == CHOICE_SEARCH) {
            search_follows(s, c, c->below);
        }
    } else if (p->top != NULL) {
        SIM_ASSERT(p->top->level < SIM_LEVEL_NO_SWITCH);
        preempted(s, p->top);
    }
    p->top = c;
    c->processor = (int8_t)(p - s->processor);
    c->state = SIM_RUNNING;
    s->enabled_state = SIM_ENABLED_DIRTY;
}

/* A loop that never asks is caught by its accesses. */
SIM_INLINE void reset_access_budget(struct sim *s)
{
    sim_access_countdown = s->source->access_points ? 0 : SIM_ACCESS_BUDGET;
    if (SIM_UNLIKELY(s->source->kind == CHOICE_SEARCH || s->is_racing)) {
        s->accesses_left = SIM_ACCESS_BUDGET;
        sim_access_countdown = 0; /* it wants to see them all */
        if (s->is_racing) {
            race_switched(s);
        }
    }
}

/* Control passes to `next`; returns when somebody passes it back to the caller's context. */
SIM_INLINE void switch_to(struct sim *s, struct sim_ctx *next)
{
    struct sim_ctx *self = s->current;
    if (next->state == SIM_READY) {
        place(s, next);
    }
    SIM_ASSERT(next->state == SIM_RUNNING && s->processor[next->processor].top == next);
    if (next->stack < 0) {
        fiber_start(s, next);
    }
    self->since = s->now;
    s->current = next;
    if (s->clock_waits) {
        s->enabled_state = SIM_ENABLED_DIRTY; /* perhaps for the one that goes on now */
    }
    reset_access_budget(s);
    next->last_run = ++s->switches;
    start_stretch(s);
    arm(s);
    if (SIM_UNLIKELY(s->pageable != 0)) {
        sim_pageable_update(s);
    }
    if (next != self) {
        fiber_switch(self, next);
    }
}

/* ---- points ---- */

/* The current context has run for SIM_STRETCH_MAX points: the default moves on. */
SIM_NOINLINE static struct sim_ctx *end_stretch(struct sim *s, struct sim_ctx *self)
{
    if (s->steps >= s->options.steps_max) {
        s->hooks->livelock(s);
    }
    choice_demote(s, self);
    if (s->enabled_state == SIM_ENABLED_DIRTY) {
        enabled_rebuild(s);
    }
    struct sim_ctx *other = oldest_enabled(s, self);
    start_stretch(s);
    return other != NULL ? NULL : self;
}

SIM_NOINLINE static void point_ask(struct sim *s)
{
    account(s);
    struct sim_ctx *self = s->current;
    struct sim_ctx *prefer = self;
    if (SIM_UNLIKELY(s->steps > s->watch)) {
        prefer = end_stretch(s, self);
    }
    struct sim_ctx *next = decide(s, self, prefer, self);
    if (next != self) {
        switch_to(s, next);
    } else {
        arm(s);
    }
}

/* The second half of a quick point whose answer was the clock or a context not yet running. */
SIM_NOINLINE static void point_place(struct sim *s, struct sim_ctx *next)
{
    struct sim_ctx *self = s->current;
    if (next == &s->clock) {
        if (jump_clock(s, self, self)) {
            arm(s);
            return;
        }
        next = decide(s, self, self, self);
    }
    if (next != self) {
        switch_to(s, next);
    } else {
        arm(s);
    }
}

/* The second half of a quick point whose answer was another context. */
SIM_NOINLINE static void point_switch(struct sim *s, struct sim_ctx *next)
{
    struct sim_ctx *self = s->current;
    choice_log_deviation(s, self, next);
    if (SIM_UNLIKELY(next->state != SIM_RUNNING)) { /* the clock never is */
        point_place(s, next);
        return;
    }
    self->since = s->now;
    s->current = next;
    reset_access_budget(s);
    next->last_run = ++s->switches;
    start_stretch(s);
    if (SIM_UNLIKELY(s->pageable != 0)) {
        sim_pageable_update(s);
    }
    fiber_switch(self, next);
}

/*
 * The quick way is the uniform walk among a list that holds, no bound interrupt waiting: armed is 0
 * and stays so, one point has passed, and self may go on. It does what point_ask would.
 */
SIM_NOINLINE void sim_point_slow(struct sim *s)
{
    if (s->enabled_state == SIM_ENABLED_DIRTY) {
        enabled_rebuild(s);
    }
    if (s->enabled_state != SIM_ENABLED_QUICK || s->steps + 1 > s->watch) {
        point_ask(s);
        return;
    }
    struct sim_ctx *self = s->current;
    s->countdown = 0;
    s->steps++;
    s->decisions++;
    self->points++;
    struct sim_ctx *next = choice_walk(s);
    if (next != self) {
        point_switch(s, next);
    }
}

/* ---- contexts ---- */

uint32_t sim_context_child_id(uint32_t parent, uint32_t nth)
{
    return ID_FIRST + (uint32_t)(sim_mix(sim_mix(7, parent), nth) >> 32) % ID_COUNT;
}

static uint32_t new_id(struct sim_ctx *parent)
{
    uint32_t id = sim_context_child_id(parent->id, ++parent->children);
    while ((id_used[id / 64] >> (id % 64) & 1) != 0) {
        id = id + 1 < ID_FIRST + ID_COUNT ? id + 1 : ID_FIRST;
    }
    id_used[id / 64] |= 1ull << (id % 64);
    return id;
}

static struct sim_ctx *context_new(struct sim *s, struct sim_ctx *parent,
                                   const struct sim_ctx_params *params)
{
    if (s->context_count == SIM_CONTEXTS_MAX) {
        if (s->now - sim_contexts[SIM_CONTEXTS_MAX / 2].since < STORM_TIME) {
            s->hooks->livelock(s); /* half of them in no time: each makes the next one */
        }
        sim_limit(s, "SIM_CONTEXTS_MAX: too many threads and interrupts in one run");
    }
    if (s->live_count == SIM_STACKS_MAX) {
        sim_limit(s, "SIM_STACKS_MAX: too many threads and interrupts at once");
    }
    struct sim_ctx *c = &sim_contexts[s->context_count];
    *c = (struct sim_ctx){
        .id = parent != NULL ? new_id(parent) : ID_MAIN,
        .index = (uint16_t)s->context_count++,
        .kind = (uint8_t)params->kind,
        .state = SIM_READY,
        .since = s->now,
        .level = params->level,
        .processor = -1,
        .bound = params->bound,
        .parent = parent,
        .stack = -1,
        .entry = params->entry,
        .argument = params->argument,
        .name = params->name,
        .number = s->context_count,
        .user = params->user,
    };
    s->live[s->live_count++] = c;
    if (SIM_UNLIKELY(s->is_racing)) {
        race_context(s, c);
    }
    if (c->bound < 0) {
        s->ready[s->ready_count++] = c; /* the youngest */
    }
    choice_context(s, c);
    return c;
}

struct sim_ctx *sim_spawn(struct sim *s, struct sim_ctx *parent,
                          const struct sim_ctx_params *params)
{
    SIM_ASSERT(params->bound < (int)s->processor_count);
    struct sim_ctx *c = context_new(s, parent != NULL ? parent : s->current, params);
    if (c->bound >= 0) {
        SIM_ASSERT(c->kind == SIM_INTERRUPT);
        struct sim_processor *p = &s->processor[c->bound];
        if (p->queue_count == SIM_COUNT(p->queue)) {
            sim_limit(s, "too many interrupts queued to one processor");
        }
        p->queue[(p->queue_head + p->queue_count) % SIM_COUNT(p->queue)] = c->index;
        s->queued++;
        if (p->queue_count++ == 0 && takes_interrupts(p)) {
            sched_ask_soon(s);
        }
    }
    enabled_changed(s);
    sched_enables(s, c);
    return c;
}

static void live_remove(struct sim *s, struct sim_ctx *c)
{
    uint32_t at = 0;
    while (s->live[at] != c) {
        at++;
        SIM_ASSERT(at < s->live_count);
    }
    s->live_count--;
    for (; at < s->live_count; at++) { /* a few: not worth a call */
        s->live[at] = s->live[at + 1];
    }
    c->state = SIM_DONE;
}

bool sim_interrupt_withdraw(struct sim *s, struct sim_ctx *c)
{
    if (c->kind != SIM_INTERRUPT || c->state != SIM_READY) {
        return false;
    }
    if (c->bound >= 0) {
        struct sim_processor *p = &s->processor[c->bound];
        uint16_t kept = 0;
        for (uint16_t i = 0; i < p->queue_count; i++) {
            uint16_t index = p->queue[(p->queue_head + i) % SIM_COUNT(p->queue)];
            if (index != c->index) {
                p->queue[(p->queue_head + kept++) % SIM_COUNT(p->queue)] = index;
            }
        }
        SIM_ASSERT_OP(kept + 1, ==, p->queue_count);
        p->queue_count = kept;
        s->queued--;
    } else {
        ready_remove(s, c);
    }
    live_remove(s, c);
    enabled_changed(s);
    return true;
}

/* The current context cannot go on: it leaves its processor to what is below, or idle. */
static void give_up(struct sim *s, struct sim_ctx *prefer)
{
    account(s);
    if (s->steps >= s->options.steps_max) {
        s->hooks->livelock(s);
    }
    struct sim_ctx *self = s->current;
    struct sim_ctx *idle = &s->processor[self->processor].idle;
    self->processor = -1;
    s->enabled_state = SIM_ENABLED_DIRTY;
    idle->points++;
    s->steps++;
    switch_to(s, decide(s, idle, prefer, NULL));
}

void sched_context_main(struct sim *s, struct sim_ctx *c)
{
    c->entry(s, c->argument);
    sim_exit(s);
}

void sim_exit(struct sim *s)
{
    struct sim_ctx *self = s->current;
    if (SIM_UNLIKELY(s->is_racing)) {
        race_ended(s);
    }
    if (self->id == ID_MAIN) {
        sim_finish(s);
    }
    s->hooks->context_done(s, self);
    struct sim_processor *p = &s->processor[self->processor];
    SIM_ASSERT(p->top == self);
    p->top = self->below;
    live_remove(s, self);
    fiber_release(s, self);
    if (self->below != NULL) {
        sched_enables(s, self->below);
    }
    give_up(s, self->below);
    __builtin_unreachable();
}

void sim_block(struct sim *s)
{
    struct sim_ctx *self = s->current;
    SIM_ASSERT(self->kind == SIM_THREAD);
    SIM_ASSERT_OP(self->level, <, SIM_LEVEL_NO_SWITCH);
    s->processor[self->processor].top = NULL;
    self->state = SIM_BLOCKED;
    give_up(s, NULL);
}

void sim_wake(struct sim *s, struct sim_ctx *c)
{
    SIM_ASSERT_OP(c->state, ==, SIM_BLOCKED);
    if (SIM_UNLIKELY(s->is_racing)) {
        race_woken(s, c);
    }
    c->state = SIM_READY;
    ready_add(s, c);
    c->since = s->now;
    enabled_changed(s);
    sched_enables(s, c);
}

void sim_spin(struct sim *s, uintptr_t key)
{
    struct sim_ctx *self = s->current;
    self->state = SIM_SPINNING;
    self->spin_key = key;
    account(s);
    s->enabled_state = SIM_ENABLED_DIRTY;
    self->points++;
    s->steps++;
    switch_to(s, decide(s, self, NULL, NULL));
}

void sim_spin_release(struct sim *s, uintptr_t key)
{
    for (uint32_t i = 0; i < s->live_count; i++) {
        struct sim_ctx *c = s->live[i];
        bool is_parked = c->state == SIM_PARKED;
        if ((is_parked || c->state == SIM_SPINNING) && c->spin_key == key) {
            c->state = is_parked ? SIM_READY : SIM_RUNNING;
            if (is_parked) {
                ready_add(s, c);
            }
            c->since = s->now;
            enabled_changed(s);
            sched_enables(s, c);
        }
    }
}

void sim_yield(struct sim *s)
{
    account(s);
    if (s->steps >= s->options.steps_max) {
        s->hooks->livelock(s);
    }
    struct sim_ctx *self = s->current;
    self->points++;
    s->steps++;
    choice_demote(s, self);
    if (s->enabled_state == SIM_ENABLED_DIRTY) {
        enabled_rebuild(s);
    }
    struct sim_ctx *other = oldest_enabled(s, self);
    bool alone = other == NULL || other == &s->clock;
    struct sim_ctx *next = decide(s, self, alone ? self : NULL, self);
    if (next != self) {
        switch_to(s, next);
    } else {
        arm(s);
    }
}

void sim_set_level(struct sim *s, uint8_t level)
{
    struct sim_ctx *self = s->current;
    bool was = self->level < SIM_LEVEL_NO_SWITCH, is = level < SIM_LEVEL_NO_SWITCH;
    self->level = level;
    if (was != is) {
        if (is && s->processor[self->processor].queue_count > 0) {
            sched_ask_soon(s); /* invariant 3: bound interrupts come first */
        }
        if ((s->ready_count | s->queued) != 0) { /* nobody else cares */
            sched_dirty(s);
        }
        if (SIM_UNLIKELY(s->pageable != 0)) {
            sim_pageable_update(s);
        }
        if (SIM_UNLIKELY(s->is_racing)) {
            race_level(s);
        }
    }
}

/* ---- the first context of a run ---- */

void sched_reset(struct sim *s)
{
    for (uint32_t i = 0; i < s->context_count; i++) {
        uint32_t id = sim_contexts[i].id;
        id_used[id / 64] &= ~(1ull << (id % 64));
    }
    s->context_count = 0;
    s->live_count = 0;
}

struct sim_ctx *sched_first(struct sim *s, const struct sim_ctx_params *params)
{
    struct sim_ctx *c = context_new(s, NULL, params);
    s->enabled_state = SIM_ENABLED_DIRTY;
    s->current = c;
    reset_access_budget(s);
    place(s, c);
    fiber_start(s, c);
    start_stretch(s);
    arm(s);
    return c;
}

void sched_account(struct sim *s)
{
    account(s);
}
