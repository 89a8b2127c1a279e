/* SPDX-License-Identifier: MIT */
/*
 * The data-race detector: happens-before by vector clocks, and a shadow of the driver's memory that
 * remembers its last accesses (the algorithm of FastTrack: Flanagan, Freund, PLDI 2009).
 *
 * Two accesses of one byte race if at least one of them writes, they come from two contexts, and no
 * chain of synchronisation leads from the first to the second. So a race is seen although the run
 * was harmless: the two need not meet. It watches; it never changes what a run does, save that a
 * finding ends it.
 *
 * Who tells it what:
 *   accesses          sim/support through sim_access_slow, in modules with access points;
 *                     the model by sim_race_touch, for what a routine does on behalf of its caller
 *   synchronisation   the model: whoever makes something known calls sim_hb_release(key), whoever
 *                     learns it sim_hb_acquire(key). A key is the address of the object.
 *   life of contexts  the engine itself: a context begins after what its creator has done, a woken
 *                     one goes on after its waker, an event fires after what its creator had done
 *
 * The clock fires events on no context: while one fires, slot 0 stands for it, with what the
 * creator of the event knew.
 *
 * An access is plain, volatile or atomic. Volatile accesses order as on x64 and as the default of
 * the usual compiler has it: a load acquires, a store releases; atomic ones as they say. Two
 * accesses of these kinds never race, unless a read-modify-write in two steps loses an update.
 *
 * What is only an idiom is told apart (enum sim_race_idiom); what to make of it is up to
 * hooks->race. Whether a write changes anything, and whether it writes a flag, is known only when
 * it has been done: a race whose second access is a write is judged (sim_race_settle) at the next
 * access, the next switch or the end of its context.
 *
 * Invariants:
 *  1. Epochs grow from run to run, and each run begins above the last epoch of the one before: old
 *     cells count as ordered, so that nothing is cleared between runs.
 *  2. With the detector off nothing is called: a flag that is tested anyway (sim.is_racing).
 *  3. Reports name contexts and numbers of accesses, never addresses.
 *
 * Limits: RACE_SLOTS contexts are told apart, later ones share slots (races between those that
 * share are missed); of more than RACE_READERS concurrent readers of a word the oldest is
 * forgotten, and once RACE_SPLITS words have been accessed in different widths so is what was done
 * before to the next one; beyond RACE_OBJECTS objects or RACE_CLOCK_MAX epochs the run goes on
 * unwatched. A slot of stacks counts as new memory for each context, but not for each function.
 */
#ifndef SIM_RACE_H
#define SIM_RACE_H

#include "sim.h"

enum {
    RACE_OBJECTS = 2048,
    RACE_SPLITS = 4096,
    RACE_READERS = 8,
    RACE_READ_SETS = 1024,
    RACE_LOCK_SETS = 256,
    RACE_LOCKS_MAX = 6, /* of a lock set: more are not named */
    RACE_CLOCK_MAX = 1 << 24,
};

enum sim_race_idiom {
    SIM_RACE_PLAIN,       /* none: a data race */
    SIM_RACE_LOST_UPDATE, /* a read-modify-write in two steps, beside another write */
    SIM_RACE_MIXED_UPDATE, /* the same, beside an interlocked operation */
    SIM_RACE_FREED,       /* the second frees the memory */
    /* From here on it may well be meant so. */
    SIM_RACE_INTERLOCKED, /* one side is interlocked, the other a plain load or store */
    SIM_RACE_VOLATILE,    /* one side is volatile */
    SIM_RACE_SAME_VALUE,  /* a write that changes nothing */
    SIM_RACE_FLAG,        /* a word that goes from 0 to 1 or back, stored blindly */
    SIM_RACE_IDIOMS
};

static inline bool sim_race_is_benign(enum sim_race_idiom idiom)
{
    return idiom >= SIM_RACE_INTERLOCKED;
}

struct sim_race_locks {
    uint32_t count;
    uint32_t object[RACE_LOCKS_MAX]; /* trace ids */
};

struct sim_race_side {
    uint16_t context;  /* slot for sim_context_label; UINT16_MAX = the clock */
    uint32_t id;       /* sim_ctx.id */
    uint32_t how;      /* enum sim_access */
    uint32_t number;   /* of the access, 1..: sim_options.capture_seq with SIM_CAPTURE_ACCESS */
    uintptr_t site;
    uint8_t level;
    const struct sim_race_locks *locks;
};

struct sim_race {
    enum sim_race_idiom idiom;
    struct sim_race_side first, second;
    uintptr_t address;
    uint32_t size;              /* of the second */
    struct sim_where here;      /* of the second */
    uintptr_t stack[SIM_STACK_DEPTH_MAX];
    uint32_t stack_depth;
    uint64_t captured_seq;      /* events before the first, if it was captured; else 0 */
};

/* ---- called by the engine ---- */

void race_reset(struct sim *s);
void race_context(struct sim *s, struct sim_ctx *c); /* created, by whoever acts now */
void race_woken(struct sim *s, struct sim_ctx *c);
void race_switched(struct sim *s); /* another context goes on */
void race_level(struct sim *s);    /* that of the current one has changed */
void race_ended(struct sim *s);    /* the current one */
void race_stack(struct sim *s, const struct sim_ctx *c); /* gets a stack */
void race_event_added(struct sim *s, uint32_t slot);
void race_event_begin(struct sim *s, uint32_t slot);
void race_event_end(struct sim *s);
void race_access(struct sim *s, uintptr_t address, size_t size, unsigned how, uintptr_t pc,
                 uintptr_t frame);
void race_settle(struct sim *s);

/* A race whose second access has been done by now is judged; may end the run. */
static inline void sim_race_settle(struct sim *s)
{
    if (SIM_UNLIKELY(s->race_pends)) {
        race_settle(s);
    }
}

/* ---- called by the model; nothing with the detector off ---- */

void race_release(struct sim *s, const struct sim_ctx *c, uintptr_t key);
void race_acquire(struct sim *s, const struct sim_ctx *c, uintptr_t key);
void race_fence(struct sim *s);
void race_processor(struct sim *s);
void race_lock(struct sim *s, struct sim_ctx *c, uint32_t object, bool is_taken);
void race_forget(struct sim *s, uintptr_t base, size_t size);
void race_touch(struct sim *s, uintptr_t address, size_t size, unsigned how);

/* What the current context has done is known to whoever acquires the key after this. */
static inline void sim_hb_release(struct sim *s, const void *key)
{
    if (SIM_UNLIKELY(s->is_racing)) {
        race_release(s, NULL, (uintptr_t)key);
    }
}
static inline void sim_hb_acquire(struct sim *s, const void *key)
{
    if (SIM_UNLIKELY(s->is_racing)) {
        race_acquire(s, NULL, (uintptr_t)key);
    }
}
/* Both: an operation on the key that is atomic and a full barrier. */
static inline void sim_hb_exchange(struct sim *s, const void *key)
{
    if (SIM_UNLIKELY(s->is_racing)) {
        race_acquire(s, NULL, (uintptr_t)key);
        race_release(s, NULL, (uintptr_t)key);
    }
}
/* On behalf of a context that is not the current one: a waiter that is given what it waits for. */
static inline void sim_hb_acquire_for(struct sim *s, const struct sim_ctx *c, const void *key)
{
    if (SIM_UNLIKELY(s->is_racing)) {
        race_acquire(s, c, (uintptr_t)key);
    }
}
/* Two keys of one object: readers and writers, ... */
static inline const void *sim_hb_other(const void *key)
{
    return (const void *)((uintptr_t)key + 1);
}
/* A full memory barrier. */
static inline void sim_hb_fence(struct sim *s)
{
    if (SIM_UNLIKELY(s->is_racing)) {
        race_fence(s);
    }
}
/*
 * The current context is at SIM_LEVEL_NO_SWITCH and has asked on which processor: what it does
 * there until it leaves that level comes after what others have done there who had asked, too.
 */
static inline void sim_race_processor(struct sim *s)
{
    if (SIM_UNLIKELY(s->is_racing)) {
        race_processor(s);
    }
}
/* The context holds the lock from now on, or no longer: for reports only. */
static inline void sim_race_lock(struct sim *s, struct sim_ctx *c, uint32_t object, bool is_taken)
{
    if (SIM_UNLIKELY(s->is_racing)) {
        race_lock(s, c, object, is_taken);
    }
}
/* The memory begins a new life: recycled. */
static inline void sim_race_forget(struct sim *s, const void *p, size_t size)
{
    if (SIM_UNLIKELY(s->is_racing)) {
        race_forget(s, (uintptr_t)p, size);
    }
}
/* The routine in progress accesses driver memory on behalf of its caller. */
static inline void sim_race_touch(struct sim *s, const volatile void *p, size_t size, unsigned how)
{
    if (SIM_UNLIKELY(s->is_racing)) {
        race_touch(s, (uintptr_t)p, size, how);
    }
}

/* Context and lock set of a record are numbers: what is printed for them. */
const char *sim_race_idiom_name(enum sim_race_idiom idiom);

#endif
