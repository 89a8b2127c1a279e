/* SPDX-License-Identifier: MIT */
/*
 * Chains of MDLs as buffers of requests.
 *
 * A request that uses a chain pins its MDLs: until mm_chain_release none may be freed, unlocked,
 * mapped anew or rebuilt, nor their memory freed. A use remembers records, so that releasing does
 * not depend on what the client did to the links meanwhile. A partial MDL pins its source too.
 *
 * Invariants:
 *  1. Only MDLs that hold bytes of the range are pinned and looked at.
 *  2. Where the bytes are is what the records say; that the client wrote into the MDL is KRN-239.
 */
#include "model/mm/mm_internal.h"

#include <string.h>

/* ---- uses ---- */

static struct mm_use *use_new(struct sim *s)
{
    struct mm_state *mm = mm_of(s);
    struct mm_use *use = mm->use_free;
    if (use != NULL) {
        mm->use_free = use->next;
        memset(use, 0, sizeof(*use));
        return use;
    }
    use = record_pool_new(&mm->uses);
    if (use == NULL) {
        sim_limit(s, "too many MDLs in use by requests");
    }
    return use;
}

static void pin(struct sim *s, struct mm_mdl *m, enum mm_access access, uint32_t request)
{
    for (; m != NULL; m = m->built == MM_BUILT_PARTIAL ? m->source : NULL) {
        m->uses++;
        m->use_access = (uint8_t)access;
        m->used_by = request;
        m->used_at = sim_here(s);
        mm_active_add(s, m);
    }
}

static void unpin(struct sim *s, struct mm_mdl *m)
{
    for (; m != NULL; m = m->built == MM_BUILT_PARTIAL ? m->source : NULL) {
        SIM_ASSERT(m->uses > 0);
        m->uses--;
        mm_active_remove(s, m);
    }
}

/* ---- checks ---- */

static enum model_rule shape_rule(enum mm_access access)
{
    return access == MM_WRITE ? RULE_RECV_002 : RULE_SEND_002;
}

static void check_built(struct sim *s, const struct mm_mdl *m, enum mm_access access)
{
    if (SIM_UNLIKELY(m->built == MM_BUILT_NOT)) {
        model_fail(s, access == MM_WRITE ? RULE_RECV_002 : RULE_SEND_003, m->object, &m->born,
                   "%s is given an MDL that is neither built nor locked",
                   model_routine_name(s->current->routine));
    }
    mm_check_source(s, m);
    const struct mm_mdl *locked = m;
    while (locked->built == MM_BUILT_PARTIAL) {
        locked = locked->source;
    }
    if (access == MM_WRITE && locked->built == MM_BUILT_LOCKED && locked->access == IoReadAccess) {
        model_fail(s, RULE_KRN_234, m->object, &locked->built_at,
                   "%s is to write into an MDL that was locked for reading",
                   model_routine_name(s->current->routine));
    }
}

static void check_unchanged(struct sim *s, const struct mm_mdl *m)
{
    const MDL *mdl = m->mdl;
    uintptr_t base = (uintptr_t)mdl->StartVa + mdl->ByteOffset;
    if (SIM_UNLIKELY(mdl->ByteCount != m->bytes || base != m->base)) {
        model_fail(s, RULE_KRN_239, m->object, &m->built_at,
                   "the range in an MDL was changed by hand: it was built for %u bytes and says %u",
                   m->bytes, mdl->ByteCount);
    }
}

/* The record of the next MDL of a chain that is about to be used. */
static struct mm_mdl *chain_step(struct sim *s, PMDL mdl, uint32_t walk)
{
    struct mm_mdl *m = mm_argument(s, mdl);
    if (SIM_UNLIKELY(m->walk == walk)) {
        model_fail(s, RULE_KRN_237, m->object, &m->born, "a chain of MDLs leads back into itself");
    }
    m->walk = walk;
    return m;
}

/* Checks one MDL that holds `bytes` of the range from byte `offset` on. */
static void check_one(struct sim *s, const struct mm_mdl *m, SIZE_T offset, SIZE_T bytes,
                      enum mm_access access)
{
    check_built(s, m, access);
    check_unchanged(s, m);
    model_touch(s, (const void *)(m->base + offset), bytes, "the memory of an MDL");
}

static void exercised(struct sim *s, enum mm_access access)
{
    model_exercised(s, shape_rule(access));
    model_exercised(s, access == MM_WRITE ? RULE_KRN_234 : RULE_SEND_003);
    model_exercised(s, RULE_KRN_237);
}

bool mm_chain_use(struct sim *s, PMDL mdl, ULONG offset, SIZE_T length, enum mm_access access,
                  uint32_t request)
{
    struct mm_state *mm = mm_of(s);
    struct mm_use *head = NULL, *last = NULL;
    struct mm_mdl *first = NULL;
    SIZE_T at = offset, left = length;
    if (length == 0) {
        return true;
    }
    if (mdl == NULL) {
        return false;
    }
    exercised(s, access);
    mm->walk++;
    for (; left > 0; at = 0) {
        if (mdl == NULL) {
            model_fail(s, shape_rule(access), first->object, &first->built_at,
                       "a buffer of %zu bytes from offset %u is longer than its chain by %zu",
                       length, offset, left);
        }
        struct mm_mdl *m = chain_step(s, mdl, mm->walk);
        if (first == NULL) {
            first = m;
            if (at > m->bytes) {
                model_fail(s, shape_rule(access), m->object, &m->built_at,
                           "the offset %u of a buffer lies outside its first MDL (%u bytes)",
                           offset, m->bytes);
            }
        }
        SIZE_T bytes = m->bytes - at < left ? m->bytes - at : left;
        check_one(s, m, at, bytes, access);
        left -= bytes;
        struct mm_use *use = use_new(s);
        *use = (struct mm_use){.request = request, .head = first, .mdl = m};
        pin(s, m, access, request);
        if (head == NULL) {
            head = use;
        } else {
            last->next = use;
        }
        last = use;
        mdl = mdl->Next;
    }
    head->chain_previous = mm->chain_last;
    if (mm->chain_last != NULL) {
        mm->chain_last->chain_next = head;
    } else {
        mm->chain_first = head;
    }
    mm->chain_last = head;
    return true;
}

static void chain_unlink(struct mm_state *mm, struct mm_use *head)
{
    if (head->chain_previous != NULL) {
        head->chain_previous->chain_next = head->chain_next;
    } else {
        mm->chain_first = head->chain_next;
    }
    if (head->chain_next != NULL) {
        head->chain_next->chain_previous = head->chain_previous;
    } else {
        mm->chain_last = head->chain_previous;
    }
}

void mm_chain_release(struct sim *s, PMDL mdl, uint32_t request)
{
    struct mm_state *mm = mm_of(s);
    struct mm_use *use = mm->chain_first;
    while (use != NULL && (use->request != request || use->head->mdl != mdl)) {
        use = use->chain_next;
    }
    if (use == NULL) {
        return;
    }
    chain_unlink(mm, use);
    while (use != NULL) {
        struct mm_use *next = use->next;
        unpin(s, use->mdl);
        use->next = mm->use_free;
        mm->use_free = use;
        use = next;
    }
}

/* ---- contents ---- */

/* mm_chain_use found all of the chain; `last` is where it ends now. */
SIM_NOINLINE __attribute__((noreturn)) static void chain_was_cut(struct sim *s,
                                                                 const struct mm_mdl *last)
{
    SIM_ASSERT(last != NULL);
    model_fail(s, last->use_access == MM_WRITE ? RULE_RECV_003 : RULE_SEND_004, last->object,
               &last->used_at, "a chain of MDLs is cut while a request uses it");
}

/* Calls step for each stretch of memory that holds bytes [skip, skip + size) after offset. */
static void for_each_stretch(struct sim *s, PMDL mdl, SIZE_T position, SIZE_T size,
                             void (*step)(void *context, void *memory, SIZE_T bytes), void *context)
{
    const struct mm_mdl *m = NULL;
    while (size > 0) {
        if (SIM_UNLIKELY(mdl == NULL)) {
            chain_was_cut(s, m);
        }
        m = mm_argument(s, mdl);
        if (position >= m->bytes) {
            position -= m->bytes;
        } else {
            SIZE_T bytes = m->bytes - position < size ? m->bytes - position : size;
            void *memory = (void *)(m->base + position);
            model_touch(s, memory, bytes, "the memory of an MDL");
            step(context, memory, bytes);
            size -= bytes;
            position = 0;
        }
        mdl = mdl->Next;
    }
}

static void step_read(void *context, void *memory, SIZE_T bytes)
{
    char **out = context;
    memcpy(*out, memory, bytes);
    *out += bytes;
}

static void step_write(void *context, void *memory, SIZE_T bytes)
{
    const char **in = context;
    memcpy(memory, *in, bytes);
    *in += bytes;
}

struct hash {
    uint64_t lane[4];
    uint64_t tail;
};

/* Four lanes, so that the multiplications of one do not wait for another. */
static void step_hash(void *context, void *memory, SIZE_T bytes)
{
    struct hash *h = context;
    const char *p = memory;
    uint64_t word[4];
    for (; bytes >= sizeof(word); bytes -= sizeof(word), p += sizeof(word)) {
        memcpy(word, p, sizeof(word));
        for (unsigned i = 0; i < SIM_COUNT(word); i++) {
            h->lane[i] = sim_mix(h->lane[i], word[i]);
        }
    }
    for (; bytes > 0; bytes--, p++) {
        h->tail = sim_mix(h->tail, (unsigned char)*p);
    }
}

void mm_chain_read(struct sim *s, PMDL mdl, ULONG offset, SIZE_T skip, void *out, SIZE_T size)
{
    char *to = out;
    for_each_stretch(s, mdl, offset + skip, size, step_read, &to);
}

void mm_chain_write(struct sim *s, PMDL mdl, ULONG offset, SIZE_T skip, const void *in, SIZE_T size)
{
    const char *from = in;
    for_each_stretch(s, mdl, offset + skip, size, step_write, &from);
}

uint64_t mm_chain_hash(struct sim *s, PMDL mdl, ULONG offset, SIZE_T length)
{
    struct hash h = {{1, 2, 3, 4}, 5};
    for_each_stretch(s, mdl, offset, length, step_hash, &h);
    for (unsigned i = 0; i < SIM_COUNT(h.lane); i++) {
        h.tail = sim_mix(h.tail, h.lane[i]);
    }
    return h.tail;
}
