/* SPDX-License-Identifier: MIT */
/*
 * See learned.h. The log of a run is evaluated after it, word by word: a small direct-mapped table
 * holds the last few accesses of each word; it is stamped, so that a reset is one step. Two words
 * in one slot forget each other: something is not learned in this run.
 */
#include "learned.h"

#include <stdlib.h>

#include "sim_internal.h"

enum {
    TABLE = 4096,
    RECENT_MAX = 6, /* accesses of a word that are remembered */
    INERTIA = 4,    /* a new count moves the old one by a quarter of the difference */
};

struct access {
    uint16_t context, event;
    bool writes;
};

static struct slot {
    uint32_t stamp, count;
    uint64_t word;
    bool is_shared, is_written, is_listed;
    uint16_t context, writer; /* first to touch it; the event that wrote last, 0 = none */
    struct access recent[RECENT_MAX];
} table[TABLE];
static uint32_t table_stamp;

struct sim_learned *learned_create(void)
{
    return calloc(1, sizeof(struct sim_learned));
}

void learned_free(struct sim_learned *learned)
{
    free(learned);
}

/* ---- events ---- */

bool learned_reads(const struct sim_ctx *c)
{
    return c->op != SIM_OP_WRITE || c->routine != 0 || c->op_size == 0;
}

uint16_t learned_event_of(struct sim_learned *learned, const struct sim_ctx *c)
{
    if (c->op_object == 0 || c->state == SIM_FREE) {
        return 0;
    }
    uint64_t key = sim_mix(sim_mix(c->op, c->routine), c->site) | 1;
    uint32_t at = (uint32_t)(key >> 20) % SIM_COUNT(learned->event_slot);
    while (learned->event_slot[at] != 0) {
        if (learned->event[learned->event_slot[at]].key == key) {
            return learned->event_slot[at];
        }
        at = (at + 1) % SIM_COUNT(learned->event_slot);
    }
    if (learned->event_count + 1 == LEARNED_EVENTS_MAX) {
        return 0;
    }
    uint16_t event = (uint16_t)++learned->event_count;
    learned->event[event].key = key;
    learned->event[event].reads = learned_reads(c);
    learned->event_slot[at] = event;
    return event;
}

void learned_begin(struct sim_learned *learned)
{
    learned->log_count = 0;
}

void learned_log(struct sim_learned *learned, const struct sim_ctx *c, uint16_t event)
{
    if (event == 0 || learned->log_count == LEARNED_LOG_MAX) {
        return;
    }
    learned->log[learned->log_count++] = (struct learned_log_entry){
        .word = c->op_object / 8,
        .context = (uint16_t)c->id,
        .event = event,
        .writes = c->op != SIM_OP_READ};
}

/* ---- counts ---- */

static void move_towards(uint32_t *count, uint64_t value)
{
    uint64_t fixed = value << LEARNED_FRACTION;
    fixed = fixed < UINT32_MAX / 4 ? fixed : UINT32_MAX / 4;
    if (*count == 0) {
        *count = (uint32_t)fixed;
    } else {
        *count = (uint32_t)((int64_t)*count + ((int64_t)fixed - (int64_t)*count) / INERTIA);
    }
}

void learned_count(struct sim *s, struct sim_learned *learned)
{
    static uint64_t below[SIM_CONTEXTS_MAX]; /* by age: points of all descendants */
    if (s->verdict != SIM_VERDICT_OK) {
        return;
    }
    for (uint32_t i = 0; i < s->context_count; i++) {
        below[i] = 0;
    }
    for (uint32_t i = s->context_count; i-- > 0;) {
        const struct sim_ctx *c = &sim_contexts[i];
        uint64_t own = (uint64_t)c->points + 1; /* being started is the first step */
        move_towards(&learned->own[c->id], own);
        move_towards(&learned->kids[c->id], below[i]);
        const struct sim_ctx *parent = c->parent;
        if (parent >= sim_contexts && parent < c) { /* an idle processor is none */
            below[parent - sim_contexts] += own + below[i];
        }
    }
    move_towards(&learned->steps, s->steps);
    learned->runs++;
}

/* ---- pairs ---- */

static void add_pair(struct sim_learned *learned, uint16_t from, uint16_t to)
{
    uint32_t at = (uint32_t)(sim_mix(from, to) >> 20) % SIM_COUNT(learned->pair_slot);
    while (learned->pair_slot[at] != 0) {
        uint32_t pair = learned->pair_slot[at] - 1;
        if (learned->pair[pair].from == from && learned->pair[pair].to == to) {
            return;
        }
        at = (at + 1) % SIM_COUNT(learned->pair_slot);
    }
    if (learned->pair_count == LEARNED_PAIRS_MAX) {
        return;
    }
    uint32_t pair = learned->pair_count++;
    learned->pair_slot[at] = pair + 1;
    learned->pair[pair].from = from;
    learned->pair[pair].to = to;
    learned->pair[pair].next = learned->event[to].first_pair;
    if (learned->event[to].pairs++ == 0) {
        learned->to[learned->to_count++] = to;
    }
    learned->event[to].first_pair = pair + 1;
}

/* Both orders are possible, whichever was seen. */
static void pair_with(struct sim_learned *learned, const struct access *a,
                      const struct learned_log_entry *b)
{
    if (a->context == b->context) {
        return;
    }
    if (a->writes && learned->event[b->event].reads) {
        add_pair(learned, a->event, b->event);
    }
    if (b->writes && learned->event[a->event].reads) {
        add_pair(learned, b->event, a->event);
    }
}

static bool is_new_read(struct sim_learned *learned, uint16_t writer, uint16_t reader)
{
    uint32_t bit = (uint32_t)(sim_mix(writer, reader) >> 20) % LEARNED_SEEN_BITS;
    bool is_new = (learned->seen[bit / 64] >> (bit % 64) & 1) == 0;
    learned->seen[bit / 64] |= 1ull << (bit % 64);
    return is_new;
}

static void remember(struct slot *slot, const struct learned_log_entry *e)
{
    for (uint32_t i = 0; i < slot->count && i < RECENT_MAX; i++) {
        if (slot->recent[i].context == e->context && slot->recent[i].event == e->event) {
            return;
        }
    }
    slot->recent[slot->count++ % RECENT_MAX] =
        (struct access){.context = e->context, .event = e->event, .writes = e->writes};
}

static uint32_t settle_entry(struct sim_learned *learned, const struct learned_log_entry *e)
{
    struct slot *slot = &table[(uint32_t)(sim_mix(1, e->word) >> 20) % TABLE];
    if (slot->stamp != table_stamp || slot->word != e->word) {
        *slot = (struct slot){.stamp = table_stamp, .word = e->word, .context = e->context};
    }
    slot->is_shared |= slot->context != e->context;
    slot->is_written |= e->writes;
    if (slot->is_shared && slot->is_written && !slot->is_listed &&
        learned->word_count < LEARNED_WORDS_MAX) {
        slot->is_listed = true;
        learned->word[learned->word_count++] = e->word;
    }
    uint32_t count = slot->count < RECENT_MAX ? slot->count : RECENT_MAX;
    for (uint32_t i = 0; i < count; i++) {
        pair_with(learned, &slot->recent[i], e);
    }
    uint32_t is_new = learned->event[e->event].reads &&
                      is_new_read(learned, slot->writer, e->event);
    if (e->writes) {
        slot->writer = e->event;
    }
    remember(slot, e);
    return is_new;
}

uint32_t learned_settle(struct sim *s, struct sim_learned *learned)
{
    uint32_t fresh = 0;
    table_stamp++;
    learned->word_count = 0;
    for (uint32_t i = 0; i < learned->log_count; i++) {
        fresh += settle_entry(learned, &learned->log[i]);
    }
    learned->context_count = s->context_count;
    for (uint32_t i = 0; i < s->context_count; i++) {
        const struct sim_ctx *parent = sim_contexts[i].parent;
        learned->context[i].id = (uint16_t)sim_contexts[i].id;
        learned->context[i].parent = (uint16_t)(parent != NULL ? parent->id : 0);
    }
    return fresh;
}
