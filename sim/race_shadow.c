/* SPDX-License-Identifier: MIT */
/*
 * The shadow of the driver's memory: for each aligned word of four bytes its last write and its
 * last reads, compared with each new access. See race.h.
 *
 * A word whose bytes are accessed in different widths gets a cell for each byte (split). Of an
 * access longer than RANGE_MAX only the beginning is looked at.
 *
 * Invariants:
 *  1. Nothing is read of the driver's memory that is not mapped and valid there.
 *  2. A record is replaced only by an access that is ordered after it, or that has just been
 *     compared with it.
 */
#include "module.h"
#include "race_internal.h"

#include <stdio.h>
#include <sys/mman.h>

#define SHADOW_BYTES (RACE_SPAN * (sizeof(struct race_cell) / 4))

enum { RANGE_MAX = 4096, SEEN_MAX = 64 };

static struct {
    bool is_mapped;
    uint32_t seen_count;
    uint64_t seen[SEEN_MAX]; /* pairs of sites told of in this run */
} shadow;

/* One access as it is being looked at. */
struct access {
    struct sim *s;
    struct race_slot *self;
    uintptr_t address, frame, pc;
    size_t size;
    uint32_t how;
    uint64_t key; /* without the mask */
    uint32_t site, number;
    uintptr_t word; /* that is being looked at */
    bool has_found;
};

void race_shadow_reset(struct sim *s)
{
    (void)s;
    if (!shadow.is_mapped) {
        sim_memory_map(RACE_SHADOW_BASE, SHADOW_BYTES, "the shadow of the race detector");
        madvise((void *)RACE_SHADOW_BASE, SHADOW_BYTES, MADV_DONTDUMP);
        shadow.is_mapped = true;
    }
    if (race_state.base >= RACE_CLOCK_MAX / 2) {
        madvise((void *)RACE_SHADOW_BASE, SHADOW_BYTES, MADV_DONTNEED);
        race_state.base = 0;
    }
    shadow.seen_count = 0;
}

/* ---- what may be looked at ---- */

SIM_NO_ASAN static bool is_valid(uintptr_t address, size_t size)
{
    uintptr_t last = address + size - 1;
    uintptr_t offset = last - SIM_ARENA_BASE;
    switch (offset >> 40) {
    case 0:
    case 2: /* the arena, frames */
        if ((offset & 0xffffffffffull) >= SIM_ARENA_BYTES) {
            return false;
        }
        break;
    case 1: /* stacks */
        if ((offset & 0xffffffffffull) >= (uintptr_t)SIM_STACKS_MAX * SIM_STACK_STRIDE ||
            (offset & (SIM_STACK_STRIDE - 1)) < SIM_STACK_STRIDE - SIM_STACK_BYTES) {
            return false;
        }
        break;
    default: { /* the module */
        const struct sim_module *m = sim_module_current();
        if (m == NULL || address < m->base || last >= m->end) {
            return false;
        }
        break;
    }
    }
    if (address >> 3 == last >> 3) {
        int8_t value = *(const int8_t *)((address >> 3) + SIM_SHADOW_OFFSET);
        return value == 0 || (value > 0 && (int8_t)(last & 7) < value);
    }
    for (uintptr_t at = address >> 3; at < last >> 3; at++) {
        if (*(const int8_t *)(at + SIM_SHADOW_OFFSET) != 0) {
            return false;
        }
    }
    int8_t value = *(const int8_t *)((last >> 3) + SIM_SHADOW_OFFSET);
    return value == 0 || (value > 0 && (int8_t)(last & 7) < value);
}
_Static_assert(SIM_ARENA_BYTES == SIM_FRAMES_BYTES, "one comparison serves both");

/* The bytes of the word that the mask names, as a number. */
SIM_NO_ASAN static uint32_t value_at(uintptr_t word, uint32_t mask)
{
    const uint8_t *p = (const uint8_t *)word;
    uint32_t value = 0;
    for (int i = 3; i >= 0; i--) {
        value = (mask >> i & 1) != 0 ? value << 8 | p[i] : value;
    }
    return value;
}

/* 0 and 1 are themselves; nothing else has their hash. */
static uint32_t value_hash(uint32_t value)
{
    return value <= 1 ? value : 2 + value % 254;
}

/* ---- order ---- */

static bool is_ordered(const struct access *a, const struct race_record *r)
{
    uint32_t known = race_clock_at(&a->self->clock, race_key_slot(r->key), race_state.base);
    if (race_key_clock(r->key) <= known) {
        return true;
    }
    uintptr_t offset = a->address - SIM_STACK_BASE;
    return offset < (uintptr_t)SIM_STACKS_MAX * SIM_STACK_STRIDE &&
           r->number <= race_state.stack_stamp[offset / SIM_STACK_STRIDE];
}

static bool is_mark(uint64_t key, enum race_kind kind)
{
    return race_key_kind(key) == kind && race_key_clock(key) > race_state.base;
}

/* A key that says: not a record; good until the run ends. */
static uint64_t mark(enum race_kind kind)
{
    return (uint64_t)kind << RACE_KEY_KIND | (race_state.base + 1);
}

/* ---- judging ---- */

static bool is_told(uint64_t pair)
{
    for (uint32_t i = 0; i < shadow.seen_count; i++) {
        if (shadow.seen[i] == pair) {
            return true;
        }
    }
    if (shadow.seen_count < SEEN_MAX) {
        shadow.seen[shadow.seen_count++] = pair;
    }
    return false;
}

static bool is_update(uint64_t key)
{
    return (key >> RACE_KEY_UPDATE & 1) != 0;
}

/* Two accesses of which exactly one is volatile or atomic. */
static enum sim_race_idiom judge_mixed(const struct race_pending *p)
{
    bool first_is_plain = race_key_kind(p->first.key) == RACE_KIND_PLAIN;
    uint64_t plain = first_is_plain ? p->first.key : p->key;
    uint64_t other = first_is_plain ? p->key : p->first.key;
    bool second_writes = (p->race.second.how & SIM_ACCESS_WRITE) != 0;
    bool plain_writes = first_is_plain ? p->first_writes : second_writes;
    bool other_writes = first_is_plain ? second_writes : p->first_writes;
    bool is_atomic = race_key_kind(other) == RACE_KIND_ATOMIC;
    if (plain_writes && other_writes && is_update(plain) && is_atomic) {
        return SIM_RACE_MIXED_UPDATE;
    }
    return is_atomic ? SIM_RACE_INTERLOCKED : SIM_RACE_VOLATILE;
}

/* What the values say of two plain accesses. */
static enum sim_race_idiom judge_plain(const struct race_pending *p, uint32_t after)
{
    bool is_wide = ((p->first.key | p->key) >> RACE_KEY_WIDE & 1) != 0;
    bool has_update = is_update(p->first.key) || is_update(p->key);
    uint32_t first_before = p->first.site >> 24;
    if (race_key_mask(p->first.key) != race_key_mask(p->key)) {
        return SIM_RACE_PLAIN;
    }
    if ((p->race.second.how & SIM_ACCESS_WRITE) != 0) {
        if (p->before == after) {
            return SIM_RACE_SAME_VALUE;
        }
        bool is_flag = p->before <= 1 && after <= 1 && (!p->first_writes || first_before <= 1);
        return is_flag && !is_wide && !has_update ? SIM_RACE_FLAG : SIM_RACE_PLAIN;
    }
    if (first_before == value_hash(after)) {
        return SIM_RACE_SAME_VALUE;
    }
    return first_before <= 1 && after <= 1 && !is_wide && !has_update ? SIM_RACE_FLAG
                                                                      : SIM_RACE_PLAIN;
}

static enum sim_race_idiom judge(const struct race_pending *p)
{
    enum race_kind first = race_key_kind(p->first.key), second = race_key_kind(p->key);
    if (second == RACE_KIND_FREE) {
        return SIM_RACE_FREED;
    }
    if (first != RACE_KIND_PLAIN && second != RACE_KIND_PLAIN) {
        bool is_mixed = first == RACE_KIND_ATOMIC || second == RACE_KIND_ATOMIC;
        return is_mixed ? SIM_RACE_MIXED_UPDATE : SIM_RACE_LOST_UPDATE;
    }
    if (first != RACE_KIND_PLAIN || second != RACE_KIND_PLAIN) {
        return judge_mixed(p);
    }
    return judge_plain(p, value_at(p->word, race_key_mask(p->key)));
}

SIM_NOINLINE void race_settle(struct sim *s)
{
    struct race_pending *p = &race_state.pending;
    s->race_pends = false;
    race_hot_update(s);
    p->race.idiom = judge(p);
    struct sim_ctx *next = s->current; /* perhaps on the point of going on: the report is not its */
    s->current = p->ctx;
    s->hooks->race(s, &p->race);
    s->current = next;
}

static uint32_t how_of(uint64_t key, bool is_write)
{
    switch (race_key_kind(key)) {
    case RACE_KIND_VOLATILE:
        return (uint32_t)is_write | SIM_ACCESS_VOLATILE;
    case RACE_KIND_ATOMIC:
        return (uint32_t)is_write | SIM_ACCESS_ATOMIC;
    case RACE_KIND_FREE:
        return SIM_ACCESS_WRITE | SIM_ACCESS_FREE;
    case RACE_KIND_PLAIN:
    case RACE_KIND_SHARED:
    case RACE_KIND_SPLIT:
        break;
    }
    return (uint32_t)is_write;
}

static struct sim_race_side side_of(uint64_t key, bool is_write, uintptr_t site, uint32_t number)
{
    const struct race_slot *slot = &race_state.slot[race_key_slot(key)];
    return (struct sim_race_side){.context = slot->context,
                                  .id = slot->id,
                                  .how = how_of(key, is_write),
                                  .number = number,
                                  .site = site,
                                  .level = (uint8_t)(key >> RACE_KEY_LEVEL & 15),
                                  .locks = &race_state.lock_set[key >> RACE_KEY_LOCKS]};
}

/* Volatile and atomic accesses do not race, unless an update in two steps has lost another. */
static bool is_conflict(const struct access *a, const struct race_record *first, bool first_writes,
                        uint64_t key)
{
    if ((race_key_mask(first->key) & race_key_mask(key)) == 0) {
        return false;
    }
    enum race_kind x = race_key_kind(first->key), y = race_key_kind(key);
    bool is_plain = x == RACE_KIND_PLAIN || y == RACE_KIND_PLAIN || y == RACE_KIND_FREE;
    return is_plain || (first_writes && is_update(key) && a->self->read_number < first->number);
}

static uint32_t stack_at(const struct access *a, uintptr_t out[SIM_STACK_DEPTH_MAX])
{
    struct sim_ctx *c = a->s->current;
    uintptr_t frame = c->frame, site = c->site;
    c->frame = a->frame;
    c->site = a->pc;
    uint32_t depth = sim_stack(a->s, out);
    c->frame = frame;
    c->site = site;
    return depth;
}

/* The access races with an earlier one on this word. */
SIM_NOINLINE static void found(struct access *a, const struct race_record *first, bool first_writes,
                               uint64_t key, uint32_t before)
{
    struct race_pending *p = &race_state.pending;
    uint32_t site = first->site & 0xffffff;
    if (a->has_found || is_told((uint64_t)site << 32 | a->site)) {
        return;
    }
    a->has_found = true;
    bool is_write = (a->how & SIM_ACCESS_WRITE) != 0;
    struct sim_race *race = &p->race;
    uint64_t captured = race->captured_seq;
    *race = (struct sim_race){
        .first = side_of(first->key, first_writes, SIM_MODULE_BASE + site, first->number),
        .second = side_of(key, is_write, a->pc, a->number),
        .address = a->address, .size = (uint32_t)a->size, .here = sim_here(a->s),
        .captured_seq = captured};
    race->here.site = a->pc;
    race->stack_depth = stack_at(a, race->stack);
    p->ctx = a->s->current;
    p->first = *first;
    p->first_writes = first_writes;
    p->word = a->word;
    p->key = key;
    p->before = before;
    a->s->race_pends = true;
    race_hot_update(a->s);
}

/* ---- cells ---- */

static void compare(struct access *a, const struct race_record *r, bool r_writes, uint64_t key,
                    uint32_t before)
{
    if (!is_ordered(a, r) && is_conflict(a, r, r_writes, key)) {
        found(a, r, r_writes, key, before);
    }
}

/* One more reader beside others that are not ordered with it. */
static void add_reader(struct access *a, struct race_cell *cell, const struct race_record *new)
{
    struct race_readers *set;
    if (is_mark(cell->read.key, RACE_KIND_SHARED)) {
        set = &race_state.readers[cell->read.site];
    } else if (race_state.reader_count == RACE_READ_SETS) {
        cell->read = *new; /* the other is forgotten */
        return;
    } else {
        uint32_t index = race_state.reader_count++;
        set = &race_state.readers[index];
        set->count = 1;
        set->record[0] = cell->read;
        cell->read = (struct race_record){.key = mark(RACE_KIND_SHARED), .site = index};
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        if (!is_ordered(a, &set->record[i])) {
            set->record[kept++] = set->record[i];
        }
    }
    if (kept == RACE_READERS) { /* the oldest goes */
        memmove(&set->record[0], &set->record[1], (RACE_READERS - 1) * sizeof set->record[0]);
        kept--;
    }
    set->record[kept++] = *new;
    set->count = kept;
}

static void cell_read(struct access *a, struct race_cell *cell, uint64_t key)
{
    const struct race_record new = {.key = key, .site = a->site, .number = a->number};
    compare(a, &cell->write, true, key, 0);
    if (!is_mark(cell->read.key, RACE_KIND_SHARED) && is_ordered(a, &cell->read)) {
        cell->read = new;
    } else {
        add_reader(a, cell, &new);
    }
}

static void cell_write(struct access *a, struct race_cell *cell, uint64_t key)
{
    uint32_t before = value_at(a->word, race_key_mask(key));
    compare(a, &cell->write, true, key, before);
    if (is_mark(cell->read.key, RACE_KIND_SHARED)) {
        const struct race_readers *set = &race_state.readers[cell->read.site];
        for (uint32_t i = 0; i < set->count; i++) {
            compare(a, &set->record[i], false, key, before);
        }
    } else {
        compare(a, &cell->read, false, key, before);
    }
    cell->read.key = 0;
    cell->write = (struct race_record){
        .key = key, .site = a->site | value_hash(before) << 24, .number = a->number};
}

static void cell_check(struct access *a, struct race_cell *cell, uint64_t key)
{
    if ((a->how & SIM_ACCESS_WRITE) != 0) {
        if (cell->write.key != key) {
            cell_write(a, cell, key);
        }
    } else if (cell->read.key != key && cell->write.key != key) {
        cell_read(a, cell, key);
    }
}

/* ---- splitting ---- */

static bool is_of_this_run(uint64_t key)
{
    return race_key_clock(key) > race_state.base;
}

/* The word has been accessed in another width in this run. */
static bool wants_split(const struct race_cell *cell, uint32_t mask)
{
    uint64_t read = cell->read.key;
    if (is_mark(read, RACE_KIND_SHARED)) {
        read = race_state.readers[cell->read.site].record[0].key;
    }
    return (is_of_this_run(cell->write.key) && race_key_mask(cell->write.key) != mask) ||
           (is_of_this_run(read) && race_key_mask(read) != mask);
}

static void keep_byte(struct race_record *r, uint32_t byte)
{
    uint32_t mask = race_key_mask(r->key) & 1u << byte;
    r->key = mask == 0 ? 0 : (r->key & ~(15ull << RACE_KEY_MASK)) | (uint64_t)mask << RACE_KEY_MASK;
}

/* Cells for its bytes; false if there is no room for them. Of several readers the last is kept. */
static bool split(struct race_cell *cell)
{
    if (race_state.split_count == RACE_SPLITS) {
        return false;
    }
    uint32_t index = race_state.split_count++;
    struct race_cell whole = *cell;
    if (is_mark(whole.read.key, RACE_KIND_SHARED)) {
        const struct race_readers *set = &race_state.readers[whole.read.site];
        whole.read = set->record[set->count - 1];
    }
    for (uint32_t i = 0; i < 4; i++) {
        struct race_cell *byte = &race_state.split[index][i];
        *byte = whole;
        keep_byte(&byte->write, i);
        keep_byte(&byte->read, i);
    }
    cell->write = (struct race_record){.key = mark(RACE_KIND_SPLIT), .site = index};
    cell->read.key = 0;
    return true;
}

static void word_check(struct access *a, uintptr_t word, uint32_t mask)
{
    struct race_cell *cell = race_cell_of(word);
    a->word = word;
    uint64_t key = a->key | (uint64_t)mask << RACE_KEY_MASK;
    if (!is_mark(cell->write.key, RACE_KIND_SPLIT)) {
        if (!wants_split(cell, mask)) {
            cell_check(a, cell, key);
            return;
        }
        if (!split(cell)) { /* forget what was done in another width */
            cell->write.key = cell->read.key = 0;
            cell_check(a, cell, key);
            return;
        }
    }
    for (uint32_t i = 0; i < 4; i++) {
        if ((mask >> i & 1) != 0) {
            cell_check(a, &race_state.split[cell->write.site][i],
                       a->key | 1ull << (RACE_KEY_MASK + i));
        }
    }
}

/* ---- accesses ---- */

static uint64_t kind_bits(uint32_t how)
{
    uint64_t kind = (how & SIM_ACCESS_FREE) != 0       ? RACE_KIND_FREE
                    : (how & SIM_ACCESS_ATOMIC) != 0   ? RACE_KIND_ATOMIC
                    : (how & SIM_ACCESS_VOLATILE) != 0 ? RACE_KIND_VOLATILE
                                                       : RACE_KIND_PLAIN;
    return kind << RACE_KEY_KIND;
}

static void check_words(struct access *a)
{
    uintptr_t end = a->address + (a->size < RANGE_MAX ? a->size : RANGE_MAX);
    for (uintptr_t word = a->address & ~(uintptr_t)3; word < end && a->s->is_racing; word += 4) {
        uint32_t mask = 15;
        if (word < a->address) {
            mask &= 15u << (a->address - word);
        }
        if (end - word < 4) {
            mask &= 15u >> (4 - (end - word));
        }
        word_check(a, word, mask);
    }
}

/* After the access has been compared (a load) or before it is seen by others (a store). */
static void synchronise(struct sim *s, uintptr_t address, unsigned how)
{
    bool is_write = (how & SIM_ACCESS_WRITE) != 0;
    if ((how & SIM_ACCESS_ACQUIRE) != 0) {
        race_acquire(s, NULL, address);
    }
    if ((how & SIM_ACCESS_RELEASE) != 0) {
        race_release(s, NULL, address);
    }
    if ((how & (SIM_ACCESS_ATOMIC | SIM_ACCESS_ACQUIRE | SIM_ACCESS_RELEASE)) ==
        SIM_ACCESS_ATOMIC) {
        race_relaxed(s, address, is_write);
    }
}

void race_access(struct sim *s, uintptr_t address, size_t size, unsigned how, uintptr_t pc,
                 uintptr_t frame)
{
    struct race_state *r = &race_state;
    sim_race_settle(s);
    if (size == 0 || address - SIM_ARENA_BASE >= RACE_SPAN || !is_valid(address, size)) {
        return;
    }
    struct race_slot *self = race_self(s);
    struct access a = {.s = s, .self = self, .address = address, .frame = frame, .pc = pc,
                       .size = size, .how = how, .number = ++r->number,
                       .site = (uint32_t)(pc - SIM_MODULE_BASE) & 0xffffff};
    if (SIM_UNLIKELY(s->options.capture_seq == (SIM_CAPTURE_ACCESS | a.number))) {
        r->pending.race.captured_seq = s->seq;
        s->violation.prior_stack_depth = stack_at(&a, s->violation.prior_stack);
    }
    bool is_write = (how & SIM_ACCESS_WRITE) != 0;
    bool is_update = is_write && sim_race_hot.read == address;
    a.key = self->key | kind_bits(how) | (uint64_t)(s->current->level & 15) << RACE_KEY_LEVEL |
            (uint64_t)(size > 8) << RACE_KEY_WIDE | (uint64_t)is_update << RACE_KEY_UPDATE;
    if ((how & SIM_ACCESS_ACQUIRE) != 0) {
        race_acquire(s, NULL, address);
        how &= ~(unsigned)SIM_ACCESS_ACQUIRE;
    }
    check_words(&a);
    sim_race_hot.read = is_write ? 0 : address;
    self->read_number = is_write ? self->read_number : a.number;
    if ((how & (SIM_ACCESS_RELEASE | SIM_ACCESS_ATOMIC)) != 0 && s->is_racing) {
        synchronise(s, address, how);
    }
}

void race_touch(struct sim *s, uintptr_t address, size_t size, unsigned how)
{
    if (address - SIM_ARENA_BASE < RACE_SPAN) {
        race_access(s, address, size, how, s->current->site, s->current->frame);
    }
}

void race_forget(struct sim *s, uintptr_t base, size_t size)
{
    (void)s;
    if (size > 0 && base - SIM_ARENA_BASE < RACE_SPAN) {
        memset(race_cell_of(base), 0, (size + 3) / 4 * sizeof(struct race_cell));
    }
}

const char *sim_race_idiom_name(enum sim_race_idiom idiom)
{
    static const char *const names[SIM_RACE_IDIOMS] = {
        [SIM_RACE_PLAIN] = "none",
        [SIM_RACE_LOST_UPDATE] = "update in two steps",
        [SIM_RACE_MIXED_UPDATE] = "update in two steps beside an interlocked operation",
        [SIM_RACE_FREED] = "freed",
        [SIM_RACE_INTERLOCKED] = "interlocked on one side",
        [SIM_RACE_VOLATILE] = "volatile on one side",
        [SIM_RACE_SAME_VALUE] = "same value",
        [SIM_RACE_FLAG] = "flag",
    };
    return names[idiom];
}
