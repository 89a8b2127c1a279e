/* SPDX-License-Identifier: MIT */
/*
 * Ke: IRQL, windows, dispatcher objects and waits, spin locks, DPCs, timers, time. Internal
 * interface for the other parts of the model; the WDK entry points live in ke_*.c.
 *
 * State of a dispatcher object lives in the object itself (as on Windows): type and signal state in
 * its header, its trace id where the header has its wait list. Waiters are contexts that remember
 * the objects they wait for; there are few, so setting an object looks at all of them in order of
 * arrival.
 *
 * A window is a stretch of driver code that the system called: dispatch routine, completion
 * routine, DPC, WSK callback, ... Windows nest on a context. At its end IRQL, spin locks and
 * APC-disable count must be those of its start (KRN-011, KRN-054, KRN-115, KRN-130, EVT-018).
 */
#ifndef MODEL_KE_KE_H
#define MODEL_KE_KE_H

#include "model/model.h"

enum ke_window {
    KE_WINDOW_NONE,
    KE_WINDOW_DRIVER_ENTRY,
    KE_WINDOW_UNLOAD,
    KE_WINDOW_THREAD,
    KE_WINDOW_DISPATCH,
    KE_WINDOW_COMPLETION,
    KE_WINDOW_CANCEL,
    KE_WINDOW_DPC,
    KE_WINDOW_TIMER,
    KE_WINDOW_WORK_ITEM,
    KE_WINDOW_WSK_CALLBACK,
    KE_WINDOW_OTHER
};

enum { KE_WINDOWS_MAX = 72, KE_LOCKS_MAX = 32, KE_RAISES_MAX = 16, KE_NO_IRQL = 0xff };

enum ke_lock_kind {
    KE_LOCK_SPIN,
    KE_LOCK_QUEUED,
    KE_LOCK_EX_SHARED,
    KE_LOCK_EX_EXCLUSIVE,
    KE_LOCK_CANCEL,
    KE_LOCK_FAST_MUTEX,
    KE_LOCK_GUARDED_MUTEX,
    KE_LOCK_PUSH_SHARED,
    KE_LOCK_PUSH_EXCLUSIVE,
    KE_LOCK_RESOURCE_SHARED,
    KE_LOCK_RESOURCE_EXCLUSIVE,
    KE_LOCK_MUTEX,
    KE_LOCK_INTERLOCKED_LIST
};

struct ke_held_lock {
    const void *address;
    uint8_t kind;     /* enum ke_lock_kind */
    uint8_t old_irql; /* spin locks: what the release must restore; KE_NO_IRQL = AtDpcLevel form */
    uint16_t depth;   /* recursion of mutexes and resources */
    uint32_t object;
    const void *handle; /* queued spin locks: the KLOCK_QUEUE_HANDLE */
    uint64_t cost;      /* ke_cost when it was taken */
    struct sim_where taken;
};

struct ke_window_mark {
    uint8_t kind; /* enum ke_window */
    uint8_t irql;
    uint8_t lock_count;
    int16_t apc_disable;
    int16_t guarded;
    uint8_t raise_count;
    uint32_t object;
    uint64_t cost; /* ke_cost when it was entered */
    void *seh; /* exception frames of the caller: no exception passes through the system */
    struct sim_where entered;
    struct model_call outer;
};

/* What Ke knows about a context: hangs on sim_ctx.user. One per context, pooled. */
struct ke_context {
    struct sim_ctx *ctx;
    uint16_t window_count;
    uint16_t lock_count;
    int16_t apc_disable;          /* critical regions + mutexes */
    int16_t critical;             /* critical regions alone */
    int16_t guarded;              /* guarded regions */
    uint8_t raise[KE_RAISES_MAX]; /* what the raises in progress must restore (KRN-053) */
    uint8_t raise_count;
    bool impersonates; /* PsImpersonateClient */
    bool must_wait; /* KeSetEvent(.., Wait TRUE): the next call is a wait (KRN-087) */
    uint8_t must_wait_irql;
    uint32_t process; /* 0 = the system process; the world numbers its user processes from 1 */
    uint32_t attached_from;   /* KeAttachProcess: the process before */
    struct ps_thread *thread; /* thread of the driver or NULL (interrupts, threads of the system) */
    void *thread_object;      /* PETHREAD, made when somebody asks for it; NULL until then */
    void *seh;                /* innermost struct wdk_seh_frame */
    NTSTATUS seh_code;        /* of the exception caught last */
    uint64_t stalled;         /* 100 ns spent in KeStallExecutionProcessor */
    const void *spinning;     /* the lock it spins for, or NULL */
    const void *spin_queue;   /* queued spin lock for which it stands in line, or NULL */
    uint64_t spin_seq;        /* order of arrival there */
    const void *spin_handle;  /* KLOCK_QUEUE_HANDLE with which it stands there, or NULL */
    /* A wait in progress (ke_wait.c). */
    uint32_t wait_count;
    bool wait_all;
    NTSTATUS wait_status;
    uint64_t wait_timeout; /* event handle, 0 = none */
    uint64_t wait_seq;     /* order of arrival */
    struct sim_where wait_where;
    const char *wait_what; /* internal waits: what for, in words */
    sim_time wait_due;     /* when the time limit passes; SIM_TIME_NEVER = none */
    bool (*wait_ready)(struct sim *s, void *argument); /* internal waits */
    void *wait_argument;
    uint32_t woke;      /* context that a signal of this one woke last, 0 = none (KRN-089) */
    uint64_t woke_seq;  /* when */
    struct sim_ctx *const *wait_owner; /* internal wait for a lock: who has it, or NULL */
    void (*function)(struct sim *s, void *argument); /* what this context runs */
    void *argument;
    struct ke_context *next; /* pool */
    /* Large ones last: what is used in every call shares a few cache lines. */
    const void *wait_object[MAXIMUM_WAIT_OBJECTS];
    struct ke_held_lock lock[KE_LOCKS_MAX];
    struct ke_window_mark window[KE_WINDOWS_MAX];
};

/* The record of the current context. */
static inline struct ke_context *ke_current(struct sim *s)
{
    return (struct ke_context *)s->current->user;
}
static inline KIRQL ke_irql(struct sim *s)
{
    return s->current->level;
}
void ke_set_irql(struct sim *s, KIRQL irql);
/*
 * What the current context has cost so far, in units of 100 ns (KRN-056): the time it stalled, and
 * 100 ns for each scheduling point.
 */
static inline uint64_t ke_cost(struct sim *s)
{
    return ke_current(s)->stalled + s->current->points + (uint64_t)(s->armed - s->countdown);
}
/* For model_irql_breach: the narrowest rule for a call of this routine at the wrong IRQL. */
enum model_rule ke_irql_rule(struct sim *s, enum model_routine routine);

/* ---- windows: call around every call into the driver ---- */

/* Opens a window on the current context. Checks nesting depth (KRN-057). */
void ke_window_open(struct sim *s, enum ke_window kind, uint32_t object);
/* Right after that: which routine of the driver it is. Reports name its line, like a call's. */
static inline void ke_window_code(struct sim *s, const void *routine)
{
    s->current->site = (uintptr_t)routine + 1; /* as a return address: inside the routine */
}
/* Closes the innermost; reports IRQL, locks, regions that differ from the start. */
void ke_window_close(struct sim *s);
/* True if a window of that kind is open on the current context. */
bool ke_in_window(struct sim *s, enum ke_window kind);
/* A lock that some context holds outside every WSK callback, and where it was taken. */
bool ke_any_lock(struct sim *s, uint32_t *object, struct sim_where *taken);
/* How many of this kind are nested on the current context. */
unsigned ke_windows_of(struct sim *s, enum ke_window kind);
/* True if the current context is inside a callback or completion routine or DPC (arbitrary
 * context). */
bool ke_in_arbitrary_context(struct sim *s);
/* True if a kernel timer of the driver is set. */
bool ke_timer_is_set(struct sim *s);
/* How many windows (of any context) are open right now: unload checks (KRN-283). */
uint32_t ke_windows_open(struct sim *s);
/*
 * Nothing can run any more: ends the run if the reason is a ring of threads that wait for each
 * other's locks (KRN-121), or an event that only its waiter has ever set (KRN-102).
 */
void ke_check_deadlock(struct sim *s, const char *text);
/* The spin lock (incl. queued, executive, cancel) that the current context took last, or NULL. */
const struct ke_held_lock *ke_spin_lock_held(struct sim *s);
/* "DISPATCH_LEVEL" */
const char *ke_irql_name(unsigned irql);
/* Number of spin locks (incl. queued, executive, cancel) the current context holds. */
uint32_t ke_spin_locks_held(struct sim *s);
/* KRN-129, KAMB-08: the driver calls a WSK function or another driver; is a spin lock held? */
void ke_outside_call(struct sim *s);
/* Bookkeeping for every kind of lock, so that windows, deadlock reports and lock order see it. */
void ke_lock_taken(struct sim *s, const void *address, enum ke_lock_kind kind, KIRQL old_irql,
                   uint32_t object);
/* For the race detector: c has the lock, and knows what its holders before have done. */
void ke_lock_known(struct sim *s, const struct sim_ctx *c, const void *address,
                   enum ke_lock_kind kind);
/*
 * ExInterlocked... list routines: the lock is valid, initialised, used for nothing else (KRN-110,
 * KRN-117) and not held by this processor. They are atomic here, so that nothing is taken.
 */
void ke_list_lock_check(struct sim *s, PKSPIN_LOCK lock);
/* The record of a lock the current context holds, or NULL. */
struct ke_held_lock *ke_lock_find(struct sim *s, const void *address);
void ke_lock_dropped(struct sim *s, struct ke_held_lock *lock);
/*
 * The current context spins once for a lock that another one holds; the caller looks again
 * afterwards. Reports a wait for oneself (KRN-113) and contexts that spin for each other's locks
 * (KRN-121). object: trace id of the lock.
 */
void ke_spin_wait(struct sim *s, const void *lock, uint32_t object);
/* The context that holds the lock, or NULL. */
struct ke_context *ke_lock_owner(struct sim *s, const void *address);

/* ---- contexts of the system ---- */

/*
 * Gives the current context its record. The first thread of a run (sim_run's main) calls this
 * before anything else of the model; all other contexts come from ke_system_call and get theirs
 * there.
 */
struct ke_context *ke_context_attach(struct sim *s);

/*
 * Runs function(s, argument) on a context of the system: DISPATCH_LEVEL = an interrupt on any
 * processor; PASSIVE_LEVEL or APC_LEVEL = a system thread. `parent` gives the stable id (NULL = the
 * current context). It starts at the earliest at the next scheduling point.
 */
struct sim_ctx *ke_system_call(struct sim *s, struct sim_ctx *parent, KIRQL irql,
                               void (*function)(struct sim *s, void *argument), void *argument,
                               const char *name);

/* ---- dispatcher objects ---- */

/* Fails the run unless p is an initialised dispatcher object of a type in the mask (1 << type). */
uint32_t ke_dispatcher_check(struct sim *s, const void *p, uint32_t type_mask, const char *what);
uint32_t ke_dispatcher_object(const void *p); /* its trace id */
/* Types in a DISPATCHER_HEADER: the numbers are those of Windows. */
enum ke_type {
    KE_TYPE_NOTIFICATION_EVENT = 0,
    KE_TYPE_SYNCHRONIZATION_EVENT = 1,
    KE_TYPE_MUTEX = 2,
    KE_TYPE_PROCESS = 3,
    KE_TYPE_SEMAPHORE = 5,
    KE_TYPE_THREAD = 6,
    KE_TYPE_NOTIFICATION_TIMER = 8,
    KE_TYPE_SYNCHRONIZATION_TIMER = 9
};
#define KE_TYPES_ALL 0x36fu
#define KE_TYPES_EVENT (1u << KE_TYPE_NOTIFICATION_EVENT | 1u << KE_TYPE_SYNCHRONIZATION_EVENT)
#define KE_TYPES_TIMER (1u << KE_TYPE_NOTIFICATION_TIMER | 1u << KE_TYPE_SYNCHRONIZATION_TIMER)
/* Writes the header of a new object. */
void ke_dispatcher_init(struct sim *s, DISPATCHER_HEADER *header, enum ke_type type,
                        uint32_t object, LONG state);

void ke_event_init(struct sim *s, PKEVENT event, EVENT_TYPE type, BOOLEAN state);
LONG ke_event_set(struct sim *s, PKEVENT event); /* wakes waiters; previous state */
LONG ke_event_reset(struct sim *s, PKEVENT event);
/*
 * Blocks the current thread; same results as KeWaitForSingleObject. No scheduling points of its
 * own. The caller has checked that it may block here (ke_check_may_block). A mutex becomes a held
 * lock.
 */
NTSTATUS ke_wait(struct sim *s, void *object, BOOLEAN alertable, const LARGE_INTEGER *timeout);
/*
 * Is a blocking wait legal here? KRN-081 at DISPATCH; EVT-007, IRP-023 or KRN-082 in an arbitrary
 * context.
 */
void ke_check_may_block(struct sim *s, uint32_t object);
/* Signals a thread object, a mutex...: after the state changed, lets waiters look again. */
void ke_wake_waiters(struct sim *s, const void *object);

/*
 * An internal wait of the subsystem (WskDeregister, ExWaitForRundownProtectionRelease, ...): blocks
 * the current thread until ready(s, argument) is true or the time limit (relative; SIM_TIME_NEVER =
 * none) has passed. ready is evaluated now and at every ke_poke. Returns true if ready. `what` goes
 * into deadlock reports: "all sockets of registration#1 to close".
 */
bool ke_wait_until(struct sim *s, bool (*ready)(struct sim *s, void *argument), void *argument,
                   sim_time limit, const char *what);
void ke_poke(struct sim *s);

/* True if memory [p, p+size) holds a waited-on object, set timer, queued DPC or held lock
 * (KRN-200). */
void ke_memory_freed(struct sim *s, const void *p, size_t size);

/* Raises an exception in the driver: unwinds to its innermost __try, or KRN-061 / BC 0x1E. */
__attribute__((noreturn)) void ke_raise(struct sim *s, NTSTATUS status);

/* True if somebody waits for an event whose only signal was cleared unseen (SYS_LOST_WAKEUP). */
bool ke_lost_wakeup(struct sim *s, uint32_t *object, struct sim_where *cleared);

/* How many contexts are blocked in a wait. */
uint32_t ke_blocked(struct sim *s);
/* The same without those that wait for nothing but the end of a thread. */
uint32_t ke_blocked_but_joining(struct sim *s);

/* The wait-for graph in words, for SYS_DEADLOCK and SYS_LOST_WAKEUP (written into out). */
void ke_describe_blocked(struct sim *s, char *out, size_t size);

struct ke_state *ke_create(void);
void ke_reset(struct sim *s);
/* Unload checks: timers still set, DPCs queued, windows open, threads alive (KRN-162, KRN-283,
 * ...). */
void ke_check_unload(struct sim *s);

#endif
