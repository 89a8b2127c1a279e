/* SPDX-License-Identifier: MIT */
/*
 * A map from addresses of driver memory to small numbers (indices of records): open addressing,
 * linear probing. What the model knows about an IRP, an MDL or a work item stands beside the
 * object, not in it, because the object may lie in the driver's own memory.
 *
 * Invariants:
 *  1. A slot counts only if its epoch is the table's: emptying the table is one addition.
 *  2. Nothing ever walks the table: the order of addresses must not be seen by a run.
 *  3. At most half of the slots are taken; the table doubles and keeps its size between runs.
 */
#ifndef MODEL_ADDRESS_TABLE_H
#define MODEL_ADDRESS_TABLE_H

#include "sim/base.h"

#include <stdlib.h>
#include <string.h>

#define ADDRESS_TABLE_NONE UINT32_MAX

struct address_slot {
    uintptr_t key;
    uint32_t value;
    uint32_t epoch;
};

struct address_table {
    struct address_slot *slot;
    uint32_t mask; /* slots - 1; a power of two */
    uint32_t used;
    uint32_t epoch; /* 0 = no slot is taken */
};

static inline uint32_t address_table_hash(uintptr_t key)
{
    return (uint32_t)(((uint64_t)(key >> 3) * 0x9E3779B97F4A7C15ull) >> 32);
}

static inline void address_table_init(struct address_table *table, uint32_t slots)
{
    SIM_ASSERT(slots >= 16 && (slots & (slots - 1)) == 0);
    table->slot = calloc(slots, sizeof(*table->slot));
    SIM_ASSERT(table->slot != NULL);
    table->mask = slots - 1;
    table->used = 0;
    table->epoch = 1;
}

static inline void address_table_reset(struct address_table *table)
{
    table->used = 0;
    if (SIM_UNLIKELY(++table->epoch == 0)) {
        memset(table->slot, 0, ((size_t)table->mask + 1) * sizeof(*table->slot));
        table->epoch = 1;
    }
}

/* The slot of the key, or the free one where it would go. */
static inline struct address_slot *address_table_at(const struct address_table *table,
                                                    uintptr_t key)
{
    uint32_t i = address_table_hash(key) & table->mask;
    while (table->slot[i].epoch == table->epoch && table->slot[i].key != key) {
        i = (i + 1) & table->mask;
    }
    return &table->slot[i];
}

static inline uint32_t address_table_get(const struct address_table *table, uintptr_t key)
{
    const struct address_slot *slot = address_table_at(table, key);
    return slot->epoch == table->epoch ? slot->value : ADDRESS_TABLE_NONE;
}

static inline void address_table_grow(struct address_table *table)
{
    struct address_table bigger;
    address_table_init(&bigger, (table->mask + 1) * 2);
    for (uint32_t i = 0; i <= table->mask; i++) {
        if (table->slot[i].epoch == table->epoch) {
            struct address_slot *slot = address_table_at(&bigger, table->slot[i].key);
            *slot = (struct address_slot){table->slot[i].key, table->slot[i].value, bigger.epoch};
            bigger.used++;
        }
    }
    free(table->slot);
    *table = bigger;
}

/* Enters the key or replaces its value. */
static inline void address_table_put(struct address_table *table, uintptr_t key, uint32_t value)
{
    if (SIM_UNLIKELY(table->used * 2 > table->mask)) {
        address_table_grow(table);
    }
    struct address_slot *slot = address_table_at(table, key);
    if (slot->epoch != table->epoch) {
        slot->epoch = table->epoch;
        slot->key = key;
        table->used++;
    }
    slot->value = value;
}

#endif
