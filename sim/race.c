/* SPDX-License-Identifier: MIT */
/*
 * Contexts, objects and events as seen by the race detector: who knows of what. See race.h.
 *
 * Invariants:
 *  1. Only its owner raises the number of a slot, and raises it whenever somebody may have learnt
 *     the old one: no epoch is known to others while it lasts.
 *  2. The table of objects is looked up by address and never walked: addresses decide nothing.
 */
#include "race_internal.h"
#include "sim_internal.h"

enum { TABLE = 2 * RACE_OBJECTS };

struct object {
    uintptr_t key;
    uint32_t place; /* in the table */
    struct race_clock clock;
};

struct race_state race_state;
struct race_hot sim_race_hot;
static struct object objects[RACE_OBJECTS];
static uint16_t table[TABLE]; /* object + 1; 0 = free */
static struct race_clock event_clock[SIM_EVENTS_MAX];

/* ---- epochs ---- */

void race_hot_update(struct sim *s)
{
    bool has_points = s->source->access_points || s->source->kind == CHOICE_SEARCH;
    const struct race_slot *self = &race_state.slot[s->current->race_slot];
    bool is_off = !s->is_racing || s->race_pends;
    sim_race_hot.key = is_off ? 0
                              : self->key | 15ull << RACE_KEY_MASK |
                                    (uint64_t)(s->current->level & 15) << RACE_KEY_LEVEL;
    sim_race_hot.module_key = has_points ? 0 : sim_race_hot.key;
}

void race_switched(struct sim *s)
{
    struct race_slot *self = &race_state.slot[s->current->race_slot];
    sim_race_settle(s);
    if (race_state.hot != NULL) {
        race_state.hot->read = sim_race_hot.read;
    }
    race_state.hot = self;
    sim_race_hot.read = self->read;
    race_hot_update(s);
}

/* What it has done with data of its processor is known to the next that is there. */
static void leave_processor(struct sim *s, struct race_slot *self)
{
    uint32_t processor = self->processor;
    if (processor != 0) {
        self->processor = 0;
        race_release(s, NULL, (uintptr_t)&s->processor[processor - 1]);
    }
}

void race_level(struct sim *s)
{
    if (s->current->level < SIM_LEVEL_NO_SWITCH) {
        leave_processor(s, race_self(s));
    }
    race_hot_update(s);
}

void race_ended(struct sim *s)
{
    sim_race_settle(s);
    leave_processor(s, race_self(s));
}

void race_processor(struct sim *s)
{
    struct race_slot *self = race_self(s);
    race_acquire(s, NULL, (uintptr_t)&s->processor[s->current->processor]);
    self->processor = (uint8_t)(s->current->processor + 1);
}

void race_stop(struct sim *s)
{
    s->is_racing = s->race_pends = false;
    sim_race_hot.key = sim_race_hot.module_key = 0;
    if (!s->source->access_points && s->source->kind != CHOICE_SEARCH) {
        sim_access_countdown = s->accesses_left; /* nobody else wants to see every access */
    }
}

/* The slot that acts begins a new epoch: somebody has learnt of the one before. */
static void next_epoch(struct sim *s, struct race_slot *self)
{
    uint32_t number = race_key_clock(self->key) + 1;
    if (number >= RACE_CLOCK_MAX - 1) {
        race_stop(s);
        return;
    }
    self->key++;
    self->clock.at[race_key_slot(self->key)] = number;
    if (self == race_state.hot) {
        race_hot_update(s);
    }
}

static void slot_init(struct race_slot *self, uint32_t slot, uint32_t number)
{
    self->key = (uint64_t)slot << RACE_KEY_SLOT | number;
    self->read = 0;
    self->read_number = 0;
    self->has_fenced = self->has_seen = false;
    self->processor = 0;
    race_clock_set(&self->clock, slot, number, race_state.base);
}

/* The highest number of the run before. */
static uint32_t last_epoch(void)
{
    uint32_t last = race_state.base;
    for (uint32_t i = 0; i < race_state.slot_count; i++) {
        uint32_t number = race_key_clock(race_state.slot[i].key);
        last = number > last ? number : last;
    }
    return last;
}

void race_reset(struct sim *s)
{
    struct race_state *r = &race_state;
    r->base = last_epoch() + 1; /* + 1: marks of sets and splits */
    race_shadow_reset(s); /* may start again from 0 */
    for (uint32_t i = 0; i < r->object_count; i++) {
        table[objects[i].place] = 0;
    }
    r->object_count = r->reader_count = r->split_count = r->number = 0;
    r->lock_set_count = 1; /* the empty one */
    r->is_clock = false;
    r->hot = NULL;
    sim_race_hot = (struct race_hot){0};
    r->pending.race.captured_seq = 0;
    r->next_reused = 1;
    memset(r->stack_stamp, 0, sizeof r->stack_stamp);
    r->slot_count = 1;
    r->slot[0].clock.count = 0;
    r->slot[0].context = UINT16_MAX;
    r->slot[0].id = 0;
    slot_init(&r->slot[0], 0, r->base + 2);
}

/* ---- contexts ---- */

/* A slot nobody uses, else that of a context that has ended, else any. */
static uint32_t slot_take(void)
{
    struct race_state *r = &race_state;
    if (r->slot_count < RACE_SLOTS) {
        return r->slot_count++;
    }
    for (uint32_t tries = 0; tries < RACE_SLOTS; tries++) {
        uint32_t slot = r->next_reused;
        r->next_reused = slot + 1 < RACE_SLOTS ? slot + 1 : 1;
        if (sim_contexts[r->slot[slot].context].state == SIM_DONE) {
            return slot;
        }
    }
    return r->next_reused;
}

void race_context(struct sim *s, struct sim_ctx *c)
{
    bool is_first = s->context_count == 1;
    struct race_slot *parent = is_first ? &race_state.slot[0] : race_self(s);
    bool is_new = race_state.slot_count < RACE_SLOTS;
    uint32_t slot = slot_take();
    struct race_slot *self = &race_state.slot[slot];
    uint32_t number = is_new ? race_state.base + 2 : race_key_clock(self->key) + 1;
    if (parent != self) {
        race_clock_copy(&self->clock, &parent->clock);
    }
    slot_init(self, slot, number);
    self->context = c->index;
    self->id = c->id;
    c->race_slot = (uint8_t)slot;
    next_epoch(s, parent);
}

void race_woken(struct sim *s, struct sim_ctx *c)
{
    struct race_slot *self = race_self(s);
    race_clock_join(&race_state.slot[c->race_slot].clock, &self->clock);
    next_epoch(s, self);
}

void race_stack(struct sim *s, const struct sim_ctx *c)
{
    (void)s;
    race_state.stack_stamp[c->stack] = race_state.number;
}

/* ---- events ---- */

void race_event_added(struct sim *s, uint32_t slot)
{
    struct race_slot *self = race_self(s);
    race_clock_copy(&event_clock[slot], &self->clock);
    next_epoch(s, self);
}

void race_event_begin(struct sim *s, uint32_t slot)
{
    struct race_slot *clock = &race_state.slot[0];
    uint32_t number = race_key_clock(clock->key);
    race_clock_copy(&clock->clock, &event_clock[slot]);
    race_clock_set(&clock->clock, 0, number, race_state.base);
    race_state.is_clock = true;
    next_epoch(s, clock);
}

void race_event_end(struct sim *s)
{
    (void)s;
    race_state.is_clock = false;
}

/* ---- objects ---- */

/* The object of a key; NULL if there is none and none is wanted, or no room for one. */
static struct object *find(uintptr_t key, bool is_wanted)
{
    uint32_t at = (uint32_t)(sim_mix(key, 1) >> 32) % TABLE;
    while (table[at] != 0) {
        if (objects[table[at] - 1].key == key) {
            return &objects[table[at] - 1];
        }
        at = at + 1 < TABLE ? at + 1 : 0;
    }
    if (!is_wanted || race_state.object_count == RACE_OBJECTS) {
        return NULL;
    }
    struct object *o = &objects[race_state.object_count++];
    table[at] = (uint16_t)race_state.object_count;
    o->key = key;
    o->place = at;
    o->clock.count = 0;
    return o;
}

static struct race_slot *slot_of(struct sim *s, const struct sim_ctx *c)
{
    return c != NULL ? &race_state.slot[c->race_slot] : race_self(s);
}

void race_release(struct sim *s, const struct sim_ctx *c, uintptr_t key)
{
    struct race_slot *self = slot_of(s, c);
    struct object *o = find(key, true);
    if (o == NULL) {
        race_stop(s); /* what is not remembered would be taken for a race */
        return;
    }
    race_clock_join(&o->clock, &self->clock);
    next_epoch(s, self);
}

void race_acquire(struct sim *s, const struct sim_ctx *c, uintptr_t key)
{
    const struct object *o = find(key, false);
    if (o != NULL) {
        race_clock_join(&slot_of(s, c)->clock, &o->clock);
    }
}

/* ---- fences: for atomic accesses that order nothing by themselves ---- */

void race_fence(struct sim *s)
{
    struct race_slot *self = race_self(s);
    if (self->has_seen) {
        race_clock_join(&self->clock, &self->seen);
        self->has_seen = false;
    }
    race_clock_copy(&self->fenced, &self->clock);
    self->has_fenced = true;
    next_epoch(s, self);
}

void race_relaxed(struct sim *s, uintptr_t key, bool is_write)
{
    struct race_slot *self = race_self(s);
    struct object *o = find(key, is_write && self->has_fenced);
    if (is_write && self->has_fenced) {
        if (o == NULL) {
            race_stop(s);
            return;
        }
        race_clock_join(&o->clock, &self->fenced);
    } else if (!is_write && o != NULL) {
        if (!self->has_seen) {
            self->seen.count = 0;
        }
        race_clock_join(&self->seen, &o->clock);
        self->has_seen = true;
    }
}

/* ---- locks, for reports ---- */

static bool is_same_set(const struct sim_race_locks *a, const struct sim_race_locks *b)
{
    return a->count == b->count && memcmp(a->object, b->object, sizeof a->object) == 0;
}

static void set_change(struct sim_race_locks *set, uint32_t object, bool is_taken)
{
    if (is_taken) {
        if (set->count < RACE_LOCKS_MAX) {
            set->object[set->count] = object;
        }
        set->count++;
        return;
    }
    uint32_t named = set->count < RACE_LOCKS_MAX ? set->count : RACE_LOCKS_MAX;
    uint32_t at = named;
    while (at > 0 && set->object[at - 1] != object) {
        at--;
    }
    for (; at > 0 && at < named; at++) {
        set->object[at - 1] = set->object[at];
    }
    if (at > 0) {
        set->object[named - 1] = 0;
    }
    set->count -= set->count > 0;
}

void race_lock(struct sim *s, struct sim_ctx *c, uint32_t object, bool is_taken)
{
    struct race_state *r = &race_state;
    struct race_slot *self = slot_of(s, c);
    struct sim_race_locks set = r->lock_set[self->key >> RACE_KEY_LOCKS];
    set_change(&set, object, is_taken);
    uint32_t i = 0;
    while (i < r->lock_set_count && !is_same_set(&r->lock_set[i], &set)) {
        i++;
    }
    if (i == r->lock_set_count && i < RACE_LOCK_SETS) {
        r->lock_set[r->lock_set_count++] = set;
    }
    i = i < RACE_LOCK_SETS ? i : 0; /* too many: not named */
    self->key = (self->key & ~(~0ull << RACE_KEY_LOCKS)) | (uint64_t)i << RACE_KEY_LOCKS;
    if (self == r->hot) {
        race_hot_update(s);
    }
}
