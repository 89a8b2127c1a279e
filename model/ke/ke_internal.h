/* SPDX-License-Identifier: MIT */
/* What the files of Ke share with each other and with Ps. */
#ifndef MODEL_KE_KE_INTERNAL_H
#define MODEL_KE_KE_INTERNAL_H

#include "model/ke/ke.h"

enum {
    KE_RECORDS_MAX = SIM_STACKS_MAX + 8, /* contexts alive at once */
    KE_DPCS_MAX = 256,                   /* queued or running at once */
    KE_TIMERS_MAX = 256,                 /* set at once, KTIMER and EX_TIMER together */
    KE_ORDER_MAX = 64,                   /* locks whose order is watched */
    KE_TICK = 156250,                    /* one clock tick: 15.625 ms, as on most machines */
};

/* 2024-01-01 00:00 UTC in units of 100 ns since 1601: when every run begins. */
#define KE_SYSTEM_TIME_START 133485408000000000ull

/* Later than any run, and far enough from the end of the clock to add to. */
#define KE_TIME_FAR (SIM_TIME_NEVER / 4)

/* Questions of Ke. Append only. */
enum {
    KE_PICK_WAKE = PICK_KE, /* which waiter */
    KE_PICK_TIE,            /* signal or time limit */
    KE_PICK_LATE,           /* thirds of a tick by which a time limit or timer is late */
    KE_PICK_THREADED,       /* threaded DPC: 0 = at PASSIVE_LEVEL, 1 = at DISPATCH_LEVEL */
    KE_PICK_TIMER_PROCESSOR,
    KE_PICK_TEST_LOCK, /* KRN-132 */
};

enum ke_dpc_state { KE_DPC_FREE, KE_DPC_QUEUED, KE_DPC_RUNNING, KE_DPC_REMOVED };

/* One queueing of a DPC: from KeInsertQueueDpc until its routine has returned. */
struct ke_dpc {
    PRKDPC dpc;
    uint8_t state; /* enum ke_dpc_state */
    uint32_t object;
    uint64_t seq;
    struct ke_context *context;
    struct sim_where queued;
};

/* One setting of a timer. */
struct ke_timer {
    PKTIMER timer;     /* NULL = free */
    bool is_executive; /* EX_TIMER */
    uint32_t object;
    uint64_t seq;
    uint64_t event;
    sim_time due;
    uint64_t period; /* 100 ns, 0 = one-shot */
    PKDPC dpc;
    struct sim_ctx *parent; /* who set it: gives the DPC its stable id */
    int8_t processor;
    struct sim_where set;
};

/* Order in which locks nest, over the whole run (KRN-121). */
struct ke_order {
    uint32_t count;
    uint32_t object[KE_ORDER_MAX];
    uint64_t
        before[KE_ORDER_MAX]; /* bit j of before[i]: i was held (transitively) when j was taken */
};

/* A timer made by ExAllocateTimer. */
struct ke_ex_timer {
    PKTIMER timer; /* NULL = free; the driver's PEX_TIMER */
    struct sim_block *block;
    PEXT_CALLBACK callback;
    PVOID context;
    ULONG attributes;
    uint32_t object;
    uint32_t running; /* callbacks queued or running */
    bool is_queued;   /* one of them has not started */
    bool is_deleted;  /* ExDeleteTimer was called */
    PEXT_DELETE_CALLBACK delete_callback;
    PVOID delete_context;
    struct sim_where allocated, deleted;
};
enum { KE_EX_TIMERS_MAX = 64 };

struct ke_callback {
    PPROCESSOR_CALLBACK_FUNCTION function; /* NULL = free */
    PVOID context;
    uint32_t object;
    struct sim_where registered;
};
enum { KE_CALLBACKS_MAX = 16 };

/* Header.Signalling of an event: has a wait taken notice of its last signal? */
enum { KE_SIGNAL_SEEN, KE_SIGNAL_UNSEEN, KE_SIGNAL_LOST };

/* A signal that was wiped out before a wait had seen it. */
struct ke_lost {
    uint32_t object;
    struct sim_where cleared;
};

/* Who has set an event so far: one context, or several. */
struct ke_setter {
    uint32_t object, context; /* 0 = none */
    bool are_several;
};
enum { KE_SETTERS_MAX = 64 }; /* a power of two */

struct ke_state {
    struct ke_setter setter[KE_SETTERS_MAX]; /* by object; the last one of those that collide */
    bool has_setters;
    struct ke_lost lost[16]; /* the last ones */
    uint32_t lost_count;
    struct ke_context record[KE_RECORDS_MAX];
    uint32_t record_count;                     /* ever used in this run */
    struct ke_context *pool;                   /* given back */
    struct ke_context *waiter[KE_RECORDS_MAX]; /* blocked in a wait, in order of arrival */
    uint32_t waiter_count;
    uint32_t until_count; /* of these: internal waits */
    uint64_t seq;         /* numbers waits, queueings and settings */
    uint32_t windows_open;
    uint32_t queued_spinners;
    struct ke_dpc dpc[KE_DPCS_MAX];
    uint32_t dpc_count; /* entries ever used in this run */
    struct ke_timer timer[KE_TIMERS_MAX];
    uint32_t timer_count;
    struct ke_ex_timer ex_timer[KE_EX_TIMERS_MAX];
    uint32_t ex_timer_count;
    struct ke_callback callback[KE_CALLBACKS_MAX];
    struct ke_order order;
    char limit_text[160]; /* ke_seh.c */
};

static inline struct ke_state *ke_of(struct sim *s)
{
    return model_of(s)->ke;
}

/* ---- ke.c ---- */

struct ke_spawn {
    struct sim_ctx *parent; /* NULL = the current context */
    enum sim_ctx_kind kind;
    KIRQL irql;
    int8_t bound; /* interrupts: processor, or -1 */
    const char *name;
    void (*function)(struct sim *s, void *argument);
    void *argument;
};
struct ke_context *ke_spawn(struct sim *s, const struct ke_spawn *p);
/* Gives the record of a context back that never ran or will run no more. */
void ke_context_release(struct sim *s, struct ke_context *c);
/* Ends the current context (its record is given back first). */
__attribute__((noreturn)) void ke_context_exit(struct sim *s);
/* The record of any context; NULL for idle processors and the clock. */
static inline struct ke_context *ke_record(const struct sim_ctx *ctx)
{
    return (struct ke_context *)ctx->user;
}
/* Virtual time of a Windows time: relative if negative, since 1601 otherwise. */
sim_time ke_due(struct sim *s, LONGLONG time);
/* A drawn delay of up to one tick (KRN-101, KRN-175). */
sim_time ke_lateness(struct sim *s);

/* ---- ke_lock.c ---- */

/* A new entry among the held locks of c, for the caller to fill; notes the order (KRN-121). */
struct ke_held_lock *ke_lock_slot(struct sim *s, struct ke_context *c, uint32_t object);
void ke_lock_pop(struct ke_context *c, struct ke_held_lock *lock);
struct ke_held_lock *ke_lock_find_in(struct ke_context *c, const void *address);
bool ke_lock_is_spin(const struct ke_held_lock *lock);

/* ---- ke_irql.c ---- */

/* The level falls to irql: KRN-118 if a spin lock is still held. */
void ke_lower(struct sim *s, KIRQL irql);

/* ---- ke_wait.c ---- */

/* Was this wait announced by KeSetEvent(Wait TRUE)? Then the IRQL falls back now (KRN-087). */
void ke_must_wait_end(struct sim *s);
/* KeSetEvent(Wait TRUE) and its like: the next call must be a wait. */
void ke_must_wait_begin(struct sim *s, uint32_t object, enum model_rule irql_rule);
NTSTATUS ke_wait_many(struct sim *s, ULONG count, PVOID *objects, bool wait_all, BOOLEAN alertable,
                      const LARGE_INTEGER *timeout);
bool ke_has_waiters(struct sim *s, const void *object);
/* Sleeps until the time has come. */
void ke_sleep(struct sim *s, sim_time due);

/* ---- ke_dpc.c ---- */

/* Who queues a DPC: parent NULL = the current context; processor unless the DPC has a target. */
struct ke_dpc_origin {
    struct sim_ctx *parent;
    int8_t processor;
    struct sim_where where;
};
/* Queues a DPC without checks; false if it is queued already. */
bool ke_dpc_queue(struct sim *s, PRKDPC dpc, PVOID first, PVOID second,
                  const struct ke_dpc_origin *origin);
uint32_t ke_dpc_check(struct sim *s, PRKDPC dpc); /* KRN-150 */
uint32_t ke_dpcs_pending(struct sim *s);          /* queued or running */
void ke_dpcs_freed(struct sim *s, uintptr_t base, size_t size);

/* ---- ke_timer.c ---- */

void ke_timers_freed(struct sim *s, uintptr_t base, size_t size);
void ke_timers_check_unload(struct sim *s);
struct ke_timer *ke_timer_find(struct sim *s, const KTIMER *timer);
void ke_timer_start(struct sim *s, PKTIMER timer, LONGLONG due, uint64_t period, PKDPC dpc,
                    bool is_executive);
/* True if it was set. */
bool ke_timer_stop(struct sim *s, PKTIMER timer);

/* ---- ke_ex_timer.c ---- */

/* The timer of an EX_TIMER has gone off; it may be a shell already (one-shot). */
void ke_ex_timer_expired(struct sim *s, PKTIMER timer, struct sim_ctx *parent);
void ke_ex_timers_check_unload(struct sim *s);

/* ---- ke_processor.c ---- */

void ke_callbacks_check_unload(struct sim *s);

static inline bool ke_is_in(const void *p, uintptr_t base, size_t size)
{
    return (uintptr_t)p - base < size;
}

#endif
