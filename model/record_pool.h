/* SPDX-License-Identifier: MIT */
/*
 * Records of one kind, numbered from 0 in order of creation, at addresses that stay: chunks that
 * are allocated when first needed and kept between runs. Resetting costs nothing; a record is
 * zeroed when it is handed out.
 */
#ifndef MODEL_RECORD_POOL_H
#define MODEL_RECORD_POOL_H

#include "sim/base.h"

#include <stdlib.h>
#include <string.h>

enum { RECORD_POOL_CHUNK = 64, RECORD_POOL_CHUNKS = 1024 };

struct record_pool {
    uint32_t record_size;
    uint32_t count;
    char *chunk[RECORD_POOL_CHUNKS];
};

static inline void *record_pool_at(const struct record_pool *pool, uint32_t index)
{
    return pool->chunk[index / RECORD_POOL_CHUNK] +
           (size_t)(index % RECORD_POOL_CHUNK) * pool->record_size;
}

/* The next record, zeroed; NULL when RECORD_POOL_CHUNK * RECORD_POOL_CHUNKS are in use. */
static inline void *record_pool_new(struct record_pool *pool)
{
    uint32_t chunk = pool->count / RECORD_POOL_CHUNK;
    if (SIM_UNLIKELY(chunk == RECORD_POOL_CHUNKS)) {
        return NULL;
    }
    if (SIM_UNLIKELY(pool->chunk[chunk] == NULL)) {
        pool->chunk[chunk] = malloc((size_t)RECORD_POOL_CHUNK * pool->record_size);
        SIM_ASSERT(pool->chunk[chunk] != NULL);
    }
    void *record = record_pool_at(pool, pool->count++);
    memset(record, 0, pool->record_size);
    return record;
}

#endif
