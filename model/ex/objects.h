/* SPDX-License-Identifier: MIT */
/*
 * What Ex and Rtl remember about objects that lie in the driver's memory: locks, rundown
 * references, lookaside lists, interlocked lists. Keyed by address and type, since their layout has
 * no room for a trace id, a birth place or the waiters.
 *
 * Invariants:
 *  1. One entry per address; a new object at the same address (stack frames are used again) takes
 *     it over.
 *  2. Entries are listed in order of birth; nothing walks them in order of address or hash.
 *  3. Resetting costs as much as the run used.
 *
 * Limit: EX_OBJECTS_MAX entries per run; one more ends the run with a LIMIT.
 */
#ifndef MODEL_EX_OBJECTS_H
#define MODEL_EX_OBJECTS_H

#include "model/ke/ke.h"

enum ex_type {
    EX_NOTHING,
    EX_SPIN,
    EX_FAST_MUTEX,
    EX_GUARDED_MUTEX,
    EX_PUSH,
    EX_RESOURCE,
    EX_RUNDOWN,
    EX_RUNDOWN_CACHE_AWARE,
    EX_LOOKASIDE,
    EX_LIST,
    EX_RUN_ONCE
};

enum { EX_OBJECTS_MAX = 8192, EX_SLOTS = 2 * EX_OBJECTS_MAX, EX_KEPT_MAX = 4 };

/* Spin locks, push locks, fast and guarded mutexes, resources. */
struct ex_lock {
    struct sim_ctx *owner; /* exclusive */
    uint32_t shared;       /* holders, recursion of one holder counted once */
    uint32_t exclusive_waiters, shared_waiters;
    bool is_unsafe; /* fast mutex: taken by the unsafe routine */
};

struct ex_rundown {
    uint64_t count;
    bool is_running_down; /* a wait has begun: acquisitions fail */
    bool is_completed;    /* a wait has ended, or ExRundownCompleted */
    struct sim_where wait;
};

struct ex_lookaside {
    uint32_t size, tag, outstanding;
    uint8_t block_kind; /* enum model_block */
    bool is_raising;
    uint16_t kept_count;
    void *kept[EX_KEPT_MAX]; /* entries given back, newest last */
};

struct ex_run_once {
    struct sim_ctx *runner; /* its initialisation is going on here; NULL = not, or asynchronously */
};

struct ex_object {
    uintptr_t address;
    uint32_t size;
    uint32_t object; /* trace id */
    uint8_t type;    /* enum ex_type */
    bool is_live;    /* initialised and not deleted */
    uint16_t slot;
    struct sim_where born, died;
    char waiting[56]; /* what a waiter waits for, in words; filled when somebody does */
    union {
        struct ex_lock lock;
        struct ex_rundown rundown;
        struct ex_lookaside lookaside;
        struct ex_run_once run_once;
        uintptr_t list_lock; /* EX_LIST: the lock it is used with */
    };
};

/* The entry at this address, whatever its type and whether it is live; NULL if there is none. */
struct ex_object *ex_object_at(struct sim *s, const void *address);
/* The live object of this type at this address, or NULL. */
static inline struct ex_object *ex_object_find(struct sim *s, const void *address,
                                               enum ex_type type)
{
    struct ex_object *o = ex_object_at(s, address);
    return o != NULL && o->is_live && o->type == type ? o : NULL;
}
/* A fresh object at this address with a new trace id; replaces what was there. */
struct ex_object *ex_object_new(struct sim *s, const void *address, size_t size, enum ex_type type);
void ex_object_end(struct sim *s, struct ex_object *o);
/* All entries, in order of first use. */
struct ex_object *ex_objects(struct sim *s, uint32_t *count);
void ex_objects_reset(struct sim *s);
/* KRN-200, KRN-315, KRN-317: objects in memory that is freed; they end with it. */
void ex_objects_freed(struct sim *s, uintptr_t base, size_t size);

#endif
