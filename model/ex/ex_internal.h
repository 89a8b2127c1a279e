/* SPDX-License-Identifier: MIT */
/* What the files of Ex share with each other and with nobody else. */
#ifndef MODEL_EX_EX_INTERNAL_H
#define MODEL_EX_EX_INTERNAL_H

#include "model/ex/ex.h"
#include "model/ex/objects.h"

enum { EX_RECENT_MAX = 8 }; /* freed blocks that may come back (KAMB-20) */

/* Questions of Ex. Append only. */
enum {
    EX_PICK_FAIL = PICK_EX, /* 0 = succeed, 1 = fail, 2 = fail, and the next two calls as well */
    EX_PICK_LOOKASIDE,      /* lookaside list: 1 = hand out the entry freed last (KRN-320) */
    EX_PICK_KEEP,           /* lookaside list with own routines: 1 = keep the freed entry */
};

struct ex_state {
    uint32_t object_count;
    struct ex_object object[EX_OBJECTS_MAX];
    uint16_t slot[EX_SLOTS]; /* index + 1 into object */
    uint32_t fail_run;       /* allocations that will fail without asking */
    uint32_t recent_count;   /* blocks freed, newest last */
    struct sim_block *recent[EX_RECENT_MAX];
    uint32_t paged_blocks; /* live ones: as long as there are none nothing can be paged */
    bool is_nx_opted_in;   /* ExInitializeDriverRuntime */
    uint32_t patterned;    /* blocks that began with a pattern */
    struct sim_block *refilled; /* the last of those that options.refill is about */
};

static inline struct ex_state *ex_of(struct sim *s)
{
    return model_of(s)->ex;
}

/* ex.c: a block for an entry of a lookaside list, whose trace id it carries; may fail. */
void *ex_alloc_entry(struct sim *s, SIZE_T size, enum model_block kind, ULONG tag, uint32_t object);
/* ex.c: brings a freed block back to life with its old contents. */
void *ex_block_revive(struct sim *s, struct sim_block *block);
/* Normal kernel APCs are off: critical or guarded region, or APC_LEVEL. */
static inline bool ex_apcs_disabled(struct sim *s)
{
    const struct ke_context *c = ke_current(s);
    return c->apc_disable != 0 || c->guarded != 0 || ke_irql(s) >= APC_LEVEL;
}

/*
 * lock.c: shared by all locks on which threads block. Waits until can_take(o) holds; counts the
 * waiter in *waiters meanwhile. The caller takes the lock at once, without a scheduling point in
 * between.
 */
void ex_lock_wait(struct sim *s, struct ex_object *o, bool (*can_take)(struct sim *s, void *object),
                  uint32_t *waiters, const char *mode);

#endif
