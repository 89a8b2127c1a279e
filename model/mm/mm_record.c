/* SPDX-License-Identifier: MIT */
/*
 * The records of MDLs, and Mm as a part of the model.
 *
 * What pins memory (an MDL that is locked, or that a request uses) is in the list of active MDLs;
 * freeing memory looks at that list only (KRN-200, KRN-235).
 *
 * Invariants:
 *  1. is_active == (built is LOCKED or PAGES, or uses > 0).
 *  2. A record stays until the run ends; a new object at the same address gets a new one.
 */
#include "model/mm/mm_internal.h"

static struct mm_state mm;

struct mm_state *mm_create(void)
{
    mm.mdls.record_size = sizeof(struct mm_mdl);
    mm.uses.record_size = sizeof(struct mm_use);
    address_table_init(&mm.table, 128);
    return &mm;
}

void mm_reset(struct sim *s)
{
    (void)s;
    address_table_reset(&mm.table);
    mm.mdls.count = 0;
    mm.uses.count = 0;
    mm.use_free = NULL;
    mm.chain_first = mm.chain_last = NULL;
    mm.active_first = mm.active_last = NULL;
    mm.live = mm.locked = mm.walk = mm.contiguous_live = 0;
}

struct mm_mdl *mm_find(struct sim *s, const MDL *mdl)
{
    (void)s;
    uint32_t index = address_table_get(&mm.table, (uintptr_t)mdl);
    return index == ADDRESS_TABLE_NONE ? NULL : record_pool_at(&mm.mdls, index);
}

struct mm_mdl *mm_new(struct sim *s, PMDL mdl, enum mm_origin origin)
{
    uint32_t index = mm.mdls.count;
    struct mm_mdl *m = record_pool_new(&mm.mdls);
    if (m == NULL) {
        sim_limit(s, "too many MDLs in one run");
    }
    address_table_put(&mm.table, (uintptr_t)mdl, index);
    m->mdl = mdl;
    m->origin = (uint8_t)origin;
    m->object = model_object_new(s, OBJECT_MDL);
    m->born = sim_here(s);
    sim_trace(s, TRACE_Create, m->object, 0);
    return m;
}

struct mm_mdl *mm_argument(struct sim *s, const MDL *mdl)
{
    struct mm_mdl *m = mm_find(s, mdl);
    if (SIM_UNLIKELY(m == NULL)) {
        model_touch(s, mdl, sizeof(*mdl), "the MDL");
        model_fail(s, RULE_KRN_241, 0, NULL, "%s: the memory given was never initialised as an MDL",
                   model_routine_name(s->current->routine));
    }
    if (SIM_UNLIKELY(m->is_freed)) {
        model_fail(s, RULE_KRN_228, m->object, &m->freed, "%s: the MDL has been freed",
                   model_routine_name(s->current->routine));
    }
    if (m->block == NULL) { /* else it is ours, and not freed */
        model_touch(s, mdl, sizeof(*mdl), "the MDL");
    }
    return m;
}

struct mm_mdl *mm_client_argument(struct sim *s, const MDL *mdl)
{
    struct mm_mdl *m = mm_argument(s, mdl);
    model_exercised(s, RULE_KRN_238);
    if (SIM_UNLIKELY(m->origin == MM_SUBSYSTEM)) {
        model_fail(s, RULE_KRN_238, m->object, &m->born, "%s on an MDL that belongs to the system",
                   model_routine_name(s->current->routine));
    }
    return m;
}

void mm_not_in_use(struct sim *s, const struct mm_mdl *m, const char *what)
{
    if (SIM_LIKELY(m->uses == 0)) {
        return;
    }
    model_fail(s, m->use_access == MM_WRITE ? RULE_RECV_003 : RULE_SEND_004, m->object, &m->used_at,
               "an MDL is %s while a request uses it", what);
}

/* ---- active ---- */

void mm_active_add(struct sim *s, struct mm_mdl *m)
{
    (void)s;
    if (m->is_active) {
        return;
    }
    m->is_active = true;
    m->next = NULL;
    m->previous = mm.active_last;
    if (mm.active_last != NULL) {
        mm.active_last->next = m;
    } else {
        mm.active_first = m;
    }
    mm.active_last = m;
}

void mm_active_remove(struct sim *s, struct mm_mdl *m)
{
    (void)s;
    if (!m->is_active || m->uses > 0 || m->built == MM_BUILT_LOCKED || m->built == MM_BUILT_PAGES) {
        return;
    }
    m->is_active = false;
    if (m->previous != NULL) {
        m->previous->next = m->next;
    } else {
        mm.active_first = m->next;
    }
    if (m->next != NULL) {
        m->next->previous = m->previous;
    } else {
        mm.active_last = m->previous;
    }
    m->next = m->previous = NULL;
}

void mm_unpinned(struct sim *s, struct mm_mdl *m)
{
    if (m->built == MM_BUILT_LOCKED) {
        mm.locked--;
    }
    m->built = MM_BUILT_NOT;
    m->generation++;
    m->is_mapped = false;
    m->hand_mapping = NULL;
    mm_active_remove(s, m);
}

void mm_check_source(struct sim *s, const struct mm_mdl *m)
{
    if (m->built != MM_BUILT_PARTIAL) {
        return;
    }
    const struct mm_mdl *source = m->source;
    if (SIM_UNLIKELY(source->is_freed || source->generation != m->source_generation)) {
        model_fail(s, RULE_KRN_233, m->object, source->is_freed ? &source->freed : &m->built_at,
                   "a partial MDL is used after its source was %s",
                   source->is_freed ? "freed" : "unlocked or rebuilt");
    }
    mm_check_source(s, source);
    model_exercised(s, RULE_KRN_233);
}

/* ---- memory that goes away ---- */

static void freed_under(struct sim *s, const struct mm_mdl *m)
{
    if (m->uses > 0) {
        model_fail(s, RULE_KRN_235, m->object, &m->used_at,
                   "the memory being freed is described by an MDL that a request uses");
    }
    model_fail(s, RULE_KRN_235, m->object, &m->built_at,
               "the memory being freed is described by an MDL that is locked");
}

void mm_memory_freed(struct sim *s, const void *p, size_t size)
{
    uintptr_t base = (uintptr_t)p;
    for (const struct mm_mdl *m = mm.active_first; m != NULL; m = m->next) {
        if (m->pages != NULL && m->pages->base == base) {
            continue; /* MmFreePagesFromMdl itself */
        }
        if (SIM_UNLIKELY(mm_overlaps(base, size, m->base, m->bytes))) {
            freed_under(s, m);
        }
        if (SIM_UNLIKELY(mm_overlaps(base, size, (uintptr_t)m->mdl, sizeof(MDL))) &&
            m->origin == MM_CLIENT) {
            model_fail(s, RULE_KRN_200, m->object, m->uses > 0 ? &m->used_at : &m->built_at,
                       "the memory being freed holds an MDL that is %s",
                       m->uses > 0 ? "used by a request" : "locked");
        }
    }
    /* The client frees the MDL of MmAllocatePagesForMdl with ExFreePool. */
    struct mm_mdl *m = mm_find(s, p);
    if (m != NULL && m->origin == MM_PAGES && !m->is_freed) {
        mm_not_in_use(s, m, "freed");
        m->is_freed = true;
        m->freed = sim_here(s);
        mm.live--;
    }
}

/* ---- unload ---- */

void mm_orphaned(struct sim *s, PMDL chain)
{
    enum { CHAIN_MAX = 1024 };
    PMDL mdl = chain;
    for (unsigned i = 0; i < CHAIN_MAX && mdl != NULL; i++) {
        struct mm_mdl *m = mm_find(s, mdl);
        if (m == NULL || m->is_freed) {
            return;
        }
        m->orphaned = sim_here(s);
        mdl = mdl->Next;
    }
}

/* Who freed only the IRP has forgotten its MDLs (KRN-007). */
static enum model_rule leak_rule(const struct mm_mdl *m, enum model_rule otherwise)
{
    return m->orphaned.seq != 0 ? RULE_KRN_007 : otherwise;
}

void mm_check_unload(struct sim *s)
{
    model_exercised(s, RULE_KRN_226);
    for (const struct mm_mdl *m = mm.active_first; m != NULL && mm.locked > 0; m = m->next) {
        if (m->built == MM_BUILT_LOCKED) {
            model_fail(s, leak_rule(m, RULE_KRN_226), m->object, &m->built_at,
                       "pages locked by MmProbeAndLockPages were never unlocked");
        }
    }
    for (uint32_t i = 0; i < mm.mdls.count && mm.live > 0; i++) {
        const struct mm_mdl *m = record_pool_at(&mm.mdls, i);
        bool is_ours = m->origin == MM_ALLOCATED || m->origin == MM_PAGES;
        if (is_ours && !m->is_freed) {
            model_fail(s, leak_rule(m, RULE_KRN_284), m->object, &m->born,
                       "an MDL was never freed");
        }
    }
    SIM_ASSERT_OP(mm.live, ==, 0);
    for (const struct mm_mdl *m = mm.active_first; m != NULL; m = m->next) {
        if (m->built == MM_BUILT_PAGES) {
            model_fail(s, RULE_KRN_284, m->object, &m->born,
                       "pages of MmAllocatePagesForMdl were never freed");
        }
    }
    mm_contiguous_check_unload(s);
}
