/* SPDX-License-Identifier: MIT */
/*
 * Ex: its one instance, memory of the driver, injected allocation failures, and what must be gone
 * when the driver is unloaded.
 *
 * Each allocation-like call asks the fault stream once: succeed, fail, or begin a short run of
 * failures (KRN-190: a fault plan fails single allocations and runs of them). Once the world has
 * healed nothing fails any more.
 *
 * Freed blocks are never used again, unless the run reads KAMB-20 the other way: then the next
 * allocation of the same size and kind gets the block freed last, with its old bytes.
 *
 * Invariants:
 *  1. A block of pool carries a trace id of its own, an entry of a lookaside list that of the list,
 *     and a cache-aware rundown reference that of the reference: so a wrong free routine is
 *     noticed.
 */
#include "model/ex/ex_internal.h"
#include "model/io/io.h"
#include "model/mm/mm.h"
#include "model/wsk/wsk.h"
#include "model/rtl/rtl.h"
#include "model/world/run.h"

#include <stdio.h>
#include <string.h>

enum {
    FAIL_RUN = 2,      /* further failures of a run */
    PAGE = 4096,       /* blocks of a page or more begin on a page (KRN-206) */
    LEAK_TAGS_MAX = 6, /* tags named in a leak report */
};

/* A driver that asks for more than this fails as it may on a real machine. */
#define ALLOCATION_MAX (SIM_ARENA_BYTES / 2)

struct ex_state *ex_create(void)
{
    static struct ex_state ex; /* large: static, so that it costs nothing until it is used */
    return &ex;
}

void ex_reset(struct sim *s)
{
    struct ex_state *ex = ex_of(s);
    ex_objects_reset(s);
    rtl_reset(s);
    ex->fail_run = 0;
    ex->recent_count = 0;
    ex->paged_blocks = 0;
    ex->is_nx_opted_in = false;
    ex->patterned = 0;
    ex->refilled = NULL;
}

/* ---- failures ---- */

/* Mutants that never run out of something. */
static bool is_never_short(const struct sim *s)
{
    uint32_t routine = s->current->routine;
    return (model_mutated(irps_never_run_out) && routine == ROUTINE_IoAllocateIrp) ||
           (model_mutated(timers_never_run_out) && routine == ROUTINE_ExAllocateTimer) ||
           (model_mutated(work_items_never_run_out) && routine == ROUTINE_IoAllocateWorkItem) ||
           (model_mutated(mdls_never_run_out) && routine == ROUTINE_IoAllocateMdl) ||
           (model_mutated(mapping_never_fails) &&
            routine == ROUTINE_MmGetSystemAddressForMdlSafe) ||
           (model_mutated(threads_never_run_out) && routine == ROUTINE_PsCreateSystemThread) ||
           (model_mutated(lookaside_never_runs_out) &&
            routine == ROUTINE_ExAllocateFromNPagedLookasideList);
}

bool ex_should_fail(struct sim *s)
{
    struct ex_state *ex = ex_of(s);
    uint32_t answer;
    if (world_is_healed(s) || is_never_short(s)) {
        return false;
    }
    if (ex->fail_run != 0) {
        ex->fail_run--;
        sim_trace(s, TRACE_AllocFail, 0, 0);
        return true;
    }
    answer = choice_fault(s, EX_PICK_FAIL, 3);
    if (SIM_LIKELY(answer == 0)) {
        return false;
    }
    ex->fail_run = answer == 2 ? FAIL_RUN : 0;
    sim_trace(s, TRACE_AllocFail, 0, 0);
    return true;
}

/* ---- allocation ---- */

static void recent_remember(struct ex_state *ex, struct sim_block *block)
{
    if (ex->recent_count == EX_RECENT_MAX) {
        memmove(ex->recent, ex->recent + 1, sizeof(ex->recent) - sizeof(ex->recent[0]));
        ex->recent_count--;
    }
    ex->recent[ex->recent_count++] = block;
}

static struct sim_block *recent_take(struct ex_state *ex, SIZE_T size, enum model_block kind)
{
    for (uint32_t i = ex->recent_count; i-- > 0;) {
        struct sim_block *block = ex->recent[i];
        if (block->size == size && block->kind == kind) {
            ex->recent_count--;
            memmove(ex->recent + i, ex->recent + i + 1,
                    (ex->recent_count - i) * sizeof(ex->recent[0]));
            return block;
        }
    }
    return NULL;
}

void *ex_block_revive(struct sim *s, struct sim_block *block)
{
    SIM_ASSERT_OP(block->state, ==, SIM_BLOCK_FREED);
    block->state = SIM_BLOCK_LIVE;
    block->born = sim_here(s);
    memset(&block->died, 0, sizeof(block->died));
    sim_shadow_valid(block->base, block->size);
    sim_race_forget(s, (const void *)block->base, block->size);
    if (block->kind == BLOCK_PAGED) {
        ex_of(s)->paged_blocks++;
        sim_block_pageable(s, block);
    }
    return (void *)block->base;
}

static bool is_pool(enum model_block kind)
{
    return kind == BLOCK_NONPAGED || kind == BLOCK_PAGED;
}

static struct sim_block *cut(struct sim *s, SIZE_T size, enum model_block kind, ULONG tag,
                             bool zero)
{
    struct sim_block *block;
    struct ex_state *ex = ex_of(s);
    size_t align = size >= PAGE && !model_mutated(pages_begin_anywhere) ? PAGE : 16;
    zero = zero && !(model_mutated(pool_is_not_zeroed) && is_pool(kind));
    ex->patterned += !zero;
    uint8_t pattern = ex->patterned <= s->options.refill ? (uint8_t)~s->options.fill
                                                         : s->options.fill;
    if (sim_block_alloc(s, size, align, (uint8_t)kind, tag, zero ? 0 : pattern, &block) == NULL) {
        sim_limit(s, "SIM_ARENA_BYTES or SIM_BLOCKS_MAX: the driver holds too much memory");
    }
    if (!zero && ex->patterned <= s->options.refill) {
        ex->refilled = block;
    }
    if (kind == BLOCK_PAGED) {
        ex_of(s)->paged_blocks++;
        sim_block_pageable(s, block);
    }
    return block;
}

const struct sim_block *ex_refilled(const struct sim *s, uint32_t *count)
{
    const struct ex_state *ex = ex_of((struct sim *)(uintptr_t)s);
    *count = ex->patterned;
    return ex->refilled;
}

void *ex_alloc(struct sim *s, SIZE_T size, enum model_block kind, ULONG tag, bool zero,
               bool may_fail, struct sim_block **out)
{
    struct sim_block *block = NULL;
    if (size > ALLOCATION_MAX) {
        sim_trace(s, TRACE_AllocFail, 0, size);
        return NULL;
    }
    if (may_fail && ex_should_fail(s)) {
        return NULL;
    }
    if (is_pool(kind) && model_knob(s, KNOB_KERNEL_POOL_RECYCLE) != 0) {
        block = recent_take(ex_of(s), size, kind);
    }
    if (block != NULL) {
        ex_block_revive(s, block);
        block->tag = tag;
        if (zero) {
            memset((void *)block->base, 0, size);
        }
    } else {
        block = cut(s, size, kind, tag, zero);
    }
    if (is_pool(kind)) {
        block->object = model_object_new(s, OBJECT_POOL);
        sim_trace(s, TRACE_Alloc, block->object, size);
    }
    if (out != NULL) {
        *out = block;
    }
    return (void *)block->base;
}

void *ex_alloc_entry(struct sim *s, SIZE_T size, enum model_block kind, ULONG tag, uint32_t object)
{
    struct sim_block *block;
    if (ex_should_fail(s)) {
        return NULL;
    }
    block = cut(s, size, kind, tag, false);
    block->object = object;
    sim_trace(s, TRACE_Alloc, object, size);
    return (void *)block->base;
}

void ex_free_shown(struct sim *s, struct sim_block *block)
{
    SIM_ASSERT(!is_pool(block->kind));
    sim_block_free(s, block);
}

void ex_free(struct sim *s, struct sim_block *block)
{
    const void *base = (const void *)block->base;
    SIM_ASSERT_OP(block->state, ==, SIM_BLOCK_LIVE);
    sim_touch(s, block->base, block->size, true);
    ke_memory_freed(s, base, block->size);
    io_memory_freed(s, base, block->size);
    mm_memory_freed(s, base, block->size);
    wsk_memory_freed(s, base, block->size);
    ex_objects_freed(s, block->base, block->size);
    if (is_pool(block->kind)) {
        sim_trace(s, TRACE_Free, block->object, block->size);
    }
    if (block->kind == BLOCK_PAGED) {
        ex_of(s)->paged_blocks--;
    }
    sim_block_free(s, block);
    if (block->object >> 24 == OBJECT_POOL) {
        recent_remember(ex_of(s), block);
    }
}

/* ---- unload ---- */

struct leak {
    uint32_t tag, count;
    uint64_t bytes;
};

/* Adds a block to the list of tags, which is in order of first appearance. */
static void leak_add(struct leak *leak, uint32_t *leaks, const struct sim_block *block)
{
    uint32_t i = 0;
    while (i < *leaks && leak[i].tag != block->tag) {
        i++;
    }
    if (i == LEAK_TAGS_MAX) {
        return; /* counted in the total only */
    }
    if (i == *leaks) {
        leak[(*leaks)++] = (struct leak){.tag = block->tag};
    }
    leak[i].count++;
    leak[i].bytes += block->size;
}

static void check_pool(struct sim *s)
{
    struct leak leak[LEAK_TAGS_MAX];
    const struct sim_block *first = NULL;
    uint32_t leaks = 0, blocks = 0;
    uint64_t bytes = 0;
    char text[SIM_TEXT_MAX - 128];
    size_t count, length = 0;
    const struct sim_block *block = sim_blocks(s, &count);
    for (size_t i = 0; i < count; i++) {
        if (block[i].state == SIM_BLOCK_LIVE && is_pool(block[i].kind)) {
            first = first != NULL ? first : &block[i];
            blocks++;
            bytes += block[i].size;
            leak_add(leak, &leaks, &block[i]);
        }
    }
    model_exercised(s, RULE_KRN_199);
    if (first == NULL) {
        return;
    }
    for (uint32_t i = 0; i < leaks; i++) {
        char tag[7];
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s %u (%llu bytes)",
                                   i == 0 ? "" : ", ", model_tag_text(leak[i].tag, tag),
                                   leak[i].count, (unsigned long long)leak[i].bytes);
    }
    model_fail(s, RULE_KRN_199, first->object, &first->born,
               "pool not freed when the driver is gone: %u blocks, %llu bytes; by tag: %s", blocks,
               (unsigned long long)bytes, text);
}

void ex_check_unload(struct sim *s)
{
    uint32_t count;
    char name[32];
    const struct ex_object *o = ex_objects(s, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (!o[i].is_live) {
            continue;
        }
        if (o[i].type == EX_LOOKASIDE) {
            model_fail(s, RULE_KRN_317, o[i].object, &o[i].born,
                       "%s was not deleted before the driver is gone",
                       model_object_name(o[i].object, name, sizeof(name)));
        }
        if (o[i].type == EX_RESOURCE) {
            model_fail(s, RULE_KRN_284, o[i].object, &o[i].born,
                       "%s was not deleted before the driver is gone",
                       model_object_name(o[i].object, name, sizeof(name)));
        }
    }
    model_exercised(s, RULE_KRN_317);
    rtl_check_unload(s);
    check_pool(s);
}
