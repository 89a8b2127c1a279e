/* SPDX-License-Identifier: MIT */
/*
 * The engine: one host thread, fibers, virtual processors, virtual time, and one decision at a
 * time.
 *
 * A context is a fiber: a thread, or an interrupt (a deferred call that runs on top of whatever its
 * processor was doing). Each of N processors holds a stack of contexts. A context has a level: from
 * SIM_LEVEL_NO_SWITCH on, its processor neither switches threads nor takes interrupts. A context
 * that wants a lock held elsewhere spins on its processor: it stays there and is not enabled.
 *
 * A step picks one enabled transition: go on with this context, run the context on top of another
 * processor, put a ready thread on a processor, deliver an interrupt, or let the clock jump to the
 * next event. sim_point is the place where that is asked. The decision is taken on the stack of the
 * context that asks, and control jumps straight to the chosen one.
 *
 *            +--------- sim_block ----------+
 *            v                              |
 *   READY --(placed on a processor)--> RUNNING --(entry returned)--> DONE
 *     ^                                 |   ^
 *     +---- sim_wake (from BLOCKED) ----+   +-- sim_spin / sim_spin_release -- SPINNING
 *
 * Invariants:
 *  1. Exactly one context (current) executes; it is RUNNING and on top of its processor.
 *  2. An interrupt never blocks; a context at SIM_LEVEL_NO_SWITCH or above never blocks.
 *  3. An interrupt bound to a processor whose level permits is taken before that processor goes on.
 *  4. What a run does depends on its module, its options and its choices, on nothing else.
 *  5. Decisions ask for a list in a fixed order: processors by number, then contexts by age, then
 *     the clock. Nothing is ordered by address.
 *
 * Limits: SIM_CONTEXTS_MAX contexts per run, SIM_STACKS_MAX at once, options.steps_max points,
 * options.time_max of virtual time. Each has a verdict; none hangs.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "base.h"
#include "choice.h"
#include "memory.h"
#include "trace.h"

enum {
    SIM_PROCESSORS_MAX = 8,
    SIM_CONTEXTS_MAX = 4096,     /* created in one run: a storm of interrupts is a livelock */
    SIM_EVENTS_MAX = 4096,       /* pending in the event queue */
    SIM_LEVEL_NO_SWITCH = 2,     /* no thread switch and no interrupt at or above */
    SIM_STRETCH_MAX = 10000,     /* points of one context before the default moves on */
    SIM_STACK_DEPTH_MAX = 16,    /* frames kept of a call stack */
    SIM_TEXT_MAX = 512,
    SIM_ACCESS_BUDGET = 10000000, /* accesses between two switches, without access points: 20 ms */
};

enum sim_ctx_kind { SIM_THREAD, SIM_INTERRUPT };
/* PARKED: it spins and was preempted; nothing it could do changes that before the release. */
enum sim_ctx_state {
    SIM_FREE,
    SIM_READY,
    SIM_RUNNING,
    SIM_SPINNING,
    SIM_BLOCKED,
    SIM_DONE,
    SIM_PARKED
};

/* What the context is about to do at a point: for strategies and reports. */
enum sim_op {
    SIM_OP_NONE, SIM_OP_CALL, SIM_OP_RETURN, SIM_OP_READ, SIM_OP_WRITE, SIM_OP_LOCK, SIM_OP_UNLOCK,
    SIM_OP_WAIT, SIM_OP_WAKE,
};

/* How memory is accessed: a set of these. Plain unless volatile or atomic. */
enum sim_access {
    SIM_ACCESS_WRITE = 1, SIM_ACCESS_VOLATILE = 2, SIM_ACCESS_ATOMIC = 4, SIM_ACCESS_ACQUIRE = 8,
    SIM_ACCESS_RELEASE = 16,
    SIM_ACCESS_FREE = 32, /* no access: the memory is given back */
};

/*
 * How long the clock may overtake a context that could run: a thread may lose its processor for a
 * while, but not for ever. Longer than the usual time-outs of drivers, so that a wait can time out
 * although what it waits for is about to happen.
 */
#define SIM_OVERTAKE_MAX SIM_MS(5000)

/* Three cache lines: the first is what a point and a switch touch. */
struct sim_ctx {
    uint32_t id;      /* stable: derived from creator and order of creation; never 0 */
    uint16_t index;   /* slot in sim.contexts, by age */
    uint8_t kind;     /* enum sim_ctx_kind */
    uint8_t state;    /* enum sim_ctx_state */
    uint8_t level;    /* integer level; the model calls it IRQL */
    int8_t processor; /* where it runs, or -1 */
    int8_t bound;     /* interrupt: the only processor it may run on, or -1 */
    uint8_t op;       /* enum sim_op: what it will do next */
    int stack;        /* stack slot, or -1 */
    uintptr_t op_object;
    void *fiber;             /* saved machine context */
    uint32_t points;         /* so far in this run */
    uint32_t last_deviation; /* points at its last deviation */
    uint64_t last_run;       /* stamp of the last time it was switched to */
    sim_time since;          /* when it last ran or became able to run */
    uintptr_t site;          /* return address in the driver of the call in progress */

    uintptr_t frame;        /* frame pointer of that call, for stacks */
    uint16_t routine;       /* routine in progress, 0 = driver code */
    uint32_t children;
    void (*entry)(struct sim *s, void *argument);
    struct sim_ctx *below;  /* what this interrupt interrupted */
    void *argument;
    struct sim_ctx *parent; /* creator; NULL for roots */
    void *user;             /* the model's record for this context */
    const char *name;       /* static text: the role, for reports ("thread", "dpc", ...) */

    uint32_t next_at;       /* decoded schedule: points at which its next entry applies */
    uint32_t next_entry;    /* that entry */
    uint64_t priority;      /* of the strategy: PCT, POS; URW, SURW: events it has left */
    uintptr_t spin_key;
    uint32_t number;        /* n-th of its role, for reports */
    uint8_t op_size;        /* of an access at op_object; 0 = not known */
    uint8_t race_slot;      /* sim/race.h */
} __attribute__((aligned(64)));

enum sim_verdict {
    SIM_VERDICT_OK,        /* the run came to its end */
    SIM_VERDICT_VIOLATION, /* the driver broke a rule: sim.violation */
    SIM_VERDICT_LIMIT,     /* one of our own limits (arena, contexts, log) ended it: no finding */
};

struct sim_race; /* sim/race.h */

/* A breach by the driver. Filled by the model, ends the run. */
struct sim_violation {
    uint32_t rule;        /* the model's numbering */
    uint32_t object[2];   /* trace ids, 0 = none */
    struct sim_where here, prior;
    uintptr_t stack[SIM_STACK_DEPTH_MAX]; /* return addresses in the module, innermost first */
    uint32_t stack_depth;
    /* only on a run repeated with options.capture_seq */
    uintptr_t prior_stack[SIM_STACK_DEPTH_MAX];
    uint32_t prior_stack_depth;
    uint32_t prior_access; /* the earlier access of a race: its number; 0 = prior is an event */
    uint16_t prior_slot;   /* whose access (sim_context_label) */
    sim_time time;
    uint8_t level;
    bool memory_damaged; /* an unchecked module wrote where it should not: retire the process */
    char text[SIM_TEXT_MAX];
};

/* In sim_options.capture_seq: the number is that of an access (sim/race.h), not of an event. */
#define SIM_CAPTURE_ACCESS (1ull << 63)

struct sim_options {
    uint32_t processors;  /* 1..SIM_PROCESSORS_MAX; 0 = 2 */
    uint64_t steps_max;   /* points; 0 = 200000 */
    sim_time time_max;    /* virtual; 0 = 1 h */
    bool trace;           /* keep the events */
    uint64_t capture_seq; /* remember the stack when this event happens, or this access */
    bool races;           /* detect data races, in a module with access points */
    uint8_t fill;         /* pattern of uninitialised pool; 0 = 0xCD */
    uint32_t refill;      /* the first so many blocks of it hold ~fill instead */
};

/* Set by the model: what to do when the engine notices something. None returns, where not noted. */
struct sim_hooks {
    void (*memory_fault)(struct sim *s, uintptr_t address, size_t size, bool is_write,
                         uintptr_t pc);
    void (*signal_fault)(struct sim *s, int signal, uintptr_t address, uintptr_t pc);
    /* Nothing is enabled and no event is pending. May return after it has added an event. */
    void (*deadlock)(struct sim *s);
    void (*livelock)(struct sim *s);  /* steps_max or time_max used up */
    /* time_max is used up: may end the run in another way, or return (livelock). NULL = return. */
    void (*late)(struct sim *s);
    void (*undefined)(struct sim *s, const char *what, const char *file, unsigned line,
                      uintptr_t pc); /* UndefinedBehaviorSanitizer in the module */
    void (*context_done)(struct sim *s, struct sim_ctx *ctx); /* entry returned; returns */
    /*
     * A search records the step that this context begins: declares (sim_touch) what its operation
     * does not tell. NULL = the operation tells all.
     */
    void (*touches)(struct sim *s, const struct sim_ctx *ctx);
    /* Two accesses race, and the second has been done; returns unless it ends the run. */
    void (*race)(struct sim *s, const struct sim_race *race);
};

struct sim_processor {
    struct sim_ctx *top; /* NULL = idle */
    uint16_t queue_head, queue_count; /* bound interrupts, first in first out */
    uint16_t queue[64];
    struct sim_ctx idle; /* pseudo context on which idle decisions count */
};

/* Whether the list of enabled contexts holds, and whether a point may take the quick way. */
enum sim_enabled { SIM_ENABLED_QUICK, SIM_ENABLED_LISTED, SIM_ENABLED_DIRTY };

struct sim {
    /* Hot: read at every point. */
    int64_t countdown; /* points until somebody must be asked */
    int64_t armed;     /* what countdown started from */
    struct sim_ctx *current;
    uint8_t enabled_state; /* enum sim_enabled */
    bool asks_always; /* the source may switch at every point */
    bool sees_all;    /* and wants to be asked when there is only one answer, too */
    bool is_alone;    /* countdown is long because there is nobody else */
    bool is_watched;  /* somebody wants to see the events */
    bool is_recorded; /* a search wants to know what this step touches */
    bool is_racing;   /* data races are looked for */
    bool race_pends;  /* one waits to be judged */
    bool clock_listed, clock_waits; /* the clock is enabled; is not, until some context runs */
    uint32_t enabled_count;
    struct sim_ctx *enabled[SIM_STACKS_MAX + 2]; /* last entry may be &clock */
    uint64_t hash;     /* fingerprint so far */
    uint64_t seq;      /* trace events so far */

    uint64_t steps, switches, decisions;
    int64_t accesses_left; /* a search without access points: until a livelock is suspected */
    uint64_t watch;         /* steps at which the stretch of current or the run is too long */
    uint64_t event_seq;     /* events created so far: ties break by it */
    uint32_t event_count;   /* pending */
    sim_time now;
    uint32_t processor_count;
    struct sim_processor processor[SIM_PROCESSORS_MAX];
    struct sim_ctx clock; /* pseudo context: the alternative "let time jump", id 0 */
    uint32_t ready_count; /* contexts that are READY and may run on any processor, by age */
    struct sim_ctx *ready[SIM_STACKS_MAX];
    uint32_t queued;      /* interrupts in the queues of all processors */
    uint32_t pageable;    /* pageable blocks to be hidden and revealed (memory.h) */
    bool is_hidden;       /* they are hidden now */
    uint32_t live_count;  /* contexts neither FREE nor DONE, in order of age */
    struct sim_ctx *live[SIM_STACKS_MAX];
    uint32_t context_count;

    struct sim_options options;
    const struct sim_hooks *hooks;
    const struct choice_source *source;
    struct choice_log *log;
    uint64_t random; /* state of the seeded strategies */
    uint64_t drawn;  /* the number they take next */
    uint32_t check;  /* rolling hash of requests */
    int32_t picks_left; /* requests that choice_pick may answer by itself */
    /* Seeded sources: one in n answers of a stream is not 0, 0 = none; CHOICE_ASKED = no seed. */
    uint32_t one_in[CHOICE_STREAMS];
    bool diverged;
    uint64_t diverged_request; /* first request that is known to differ */
    bool is_running;

    enum sim_verdict verdict;
    const char *limit; /* VERDICT_LIMIT: which */
    struct sim_violation violation;

    void *model; /* the layer above */
};

/* The one mutable global: WDK calls carry no context. NULL outside a run. */
SIM_EXPORT extern struct sim *sim_current;

/* Countdown of memory accesses until sim_access_slow is called; used by sim/support. */
SIM_EXPORT extern int64_t sim_access_countdown;

/* One instance per process, created once and reused for each run. Never NULL. */
struct sim *sim_create(const struct sim_hooks *hooks);

/*
 * One run: resets the engine, starts a first thread (id 1, level 0) in main(s, argument), and
 * returns when that thread ends, a violation occurs or a limit is hit. The caller has reset the
 * model and restored the module. log may be NULL only for bench-like use: then nothing is
 * remembered.
 */
enum sim_verdict sim_run(struct sim *s, void (*main)(struct sim *s, void *argument),
                         void *argument, const struct sim_options *options,
                         const struct choice_source *source, struct choice_log *log);

/* ---- contexts ---- */

struct sim_ctx_params {
    enum sim_ctx_kind kind;
    void (*entry)(struct sim *s, void *argument);
    void *argument;
    const char *name;
    uint8_t level;  /* level at which it starts */
    int8_t bound;   /* interrupt: processor, or -1 for any */
    void *user;
};

/*
 * Creates a ready context whose creator is `parent` (NULL = current). Ends the run with LIMIT if
 * there are too many. It runs when somebody schedules it: at the earliest at the next point.
 */
struct sim_ctx *sim_spawn(struct sim *s, struct sim_ctx *parent, const struct sim_ctx_params *p);

/* Takes a queued interrupt that has not started out of its queue again. True if it was queued. */
bool sim_interrupt_withdraw(struct sim *s, struct sim_ctx *ctx);

/* The current thread leaves its processor until sim_wake. Level must be below NO_SWITCH. */
void sim_block(struct sim *s);
void sim_wake(struct sim *s, struct sim_ctx *ctx);

/* The current context spins on its processor until sim_spin_release(key); then it returns. */
void sim_spin(struct sim *s, uintptr_t key);
void sim_spin_release(struct sim *s, uintptr_t key);

/* The current context gives way once: the default runs the oldest other enabled context. */
void sim_yield(struct sim *s);

/* Ends the current context; does not return. */
__attribute__((noreturn)) void sim_exit(struct sim *s);

void sim_set_level(struct sim *s, uint8_t level);

/* ---- points ---- */

void sim_point_slow(struct sim *s);

/* A scheduling point. The context says what it is about to do. */
static inline void sim_point(struct sim *s, enum sim_op op, uintptr_t object)
{
    struct sim_ctx *c = s->current;
    c->op = (uint8_t)op;
    c->op_object = object;
    if (SIM_UNLIKELY(--s->countdown < 0)) {
        sim_point_slow(s);
    }
}

/* Records one event of the current context. Inline: the kind and often the object are constants. */
static inline void sim_trace(struct sim *s, uint16_t kind, uint32_t object, uint64_t value)
{
    uint64_t what = (uint64_t)kind << 48 ^ (uint64_t)object << 16 ^ s->current->id;
    s->seq++;
    s->hash = sim_mix(s->hash, what) + value * 0xC2B2AE3D27D4EB4Full + (uint64_t)s->now;
    if (SIM_UNLIKELY(s->is_watched)) {
        sim_trace_watch(s, kind, object, value);
    }
}

/* ---- choices ---- */

uint32_t choice_pick_slow(struct sim *s, enum choice_stream stream, uint32_t kind, uint32_t count);
uint32_t choice_pick_seeded(struct sim *s, uint32_t one_in, uint32_t count);

/* "One in n" of what this request asks for. */
static inline uint32_t choice_one_in(const struct sim *s, enum choice_stream stream, uint32_t kind)
{
    return s->one_in[stream == CHOICE_WORLD && kind >= CHOICE_KIND_KNOB ? CHOICE_KNOBS : stream];
}

/* One step of the rolling hash of requests. */
static inline void choice_check(struct sim *s, uint32_t kind, uint32_t count)
{
    uint64_t what = (uint64_t)s->current->id << 32 | kind << 16 | (count & 0xffff);
    s->check = (uint32_t)sim_mix(s->check, what);
}

/*
 * One decision among count >= 1 answers, 0..count-1; count 1 asks nobody. kind names the question
 * (for checks and reports). Not for scheduling. Inline, because most of it is constant and most
 * answers are 0: a campaign asks some hundred times in each run.
 */
static inline uint32_t choice_pick(struct sim *s, enum choice_stream stream, uint32_t kind,
                                   uint32_t count)
{
    SIM_ASSERT(stream != CHOICE_SCHEDULE && count - 1 < 0x10000);
    if (count == 1) {
        return 0;
    }
    if (SIM_UNLIKELY(--s->picks_left < 0)) {
        return choice_pick_slow(s, stream, kind, count);
    }
    uint32_t one_in = choice_one_in(s, stream, kind), value = 0;
    if (one_in != 0) {
        value = choice_pick_seeded(s, one_in, count);
    }
    choice_check(s, kind, count);
    struct choice_log *log = s->log;
    uint32_t at = log->value_count[stream];
    log->value[stream][at] = (uint16_t)value;
    __atomic_signal_fence(__ATOMIC_RELEASE);
    log->value_count[stream] = at + 1;
    log->request_count++;
    return value;
}

uint32_t choice_fault_at_place(struct sim *s, uint32_t kind, uint32_t count);
/*
 * The same of the faults stream, where the answer 1 is a failure of the call in progress: a run may
 * be there to let each place fail once (sim/places.h).
 */
static inline uint32_t choice_fault(struct sim *s, uint32_t kind, uint32_t count)
{
    return SIM_UNLIKELY(s->source->places != NULL) ? choice_fault_at_place(s, kind, count)
                                                   : choice_pick(s, CHOICE_FAULTS, kind, count);
}

/* choice_pick with arguments in the order of use most frequent in the model. */
static inline bool choice_flag(struct sim *s, enum choice_stream stream, uint32_t kind)
{
    return choice_pick(s, stream, kind, 2) != 0;
}

/* A memory access of a module with access points (sim/support calls it through the countdown). */
SIM_EXPORT void sim_access_slow(uintptr_t address, size_t size, unsigned how, uintptr_t pc);

/* A memory barrier that such a module executes. */
SIM_EXPORT void sim_access_fence(void);

/* ---- what a step touches, for a search (sim/search.h) ---- */

/* Objects that are no memory: everything of the layers above that nobody declares; the clock. */
#define SIM_OBJECT_MODEL ((uintptr_t)8)
#define SIM_OBJECT_CLOCK ((uintptr_t)16)

void search_touch(struct sim *s, uintptr_t address, size_t size, bool is_write);

/* The step in progress reads or changes these bytes. */
static inline void sim_touch(struct sim *s, uintptr_t address, size_t size, bool is_write)
{
    if (SIM_UNLIKELY(s->is_recorded)) {
        search_touch(s, address, size, is_write);
    }
}

/* ---- time ---- */

/*
 * Runs fire(s, argument, value) when the clock reaches `time` (now, if that has passed). It runs
 * between steps, on no context of its own: it must not call the driver and must not block. Returns
 * a handle for sim_event_cancel; ties break by order of creation.
 */
uint64_t sim_event_add(struct sim *s, sim_time time,
                       void (*fire)(struct sim *s, void *argument, uint64_t value), void *argument,
                       uint64_t value);
/* True if the event had not fired yet. */
bool sim_event_cancel(struct sim *s, uint64_t handle);
/* Number of events pending. */
static inline uint32_t sim_events_pending(const struct sim *s)
{
    return s->event_count;
}

/* ---- endings; none returns ---- */

/* The driver broke a rule. here is filled from the current context if here.seq is 0. */
__attribute__((noreturn)) void sim_fail(struct sim *s, struct sim_violation *violation);
/* One of our own limits. */
__attribute__((noreturn)) void sim_limit(struct sim *s, const char *which);
/* The run has come to its end, whoever is still running. */
__attribute__((noreturn)) void sim_finish(struct sim *s);

/* "thread#2", "dpc#5": name and number of the context in that slot of the last run. */
void sim_context_label(uint16_t slot, char *out, size_t size);

/*
 * Contexts of the last run that ran, and how many points each passed: what a mutator can deviate.
 */
uint32_t sim_context_points(const struct sim *s, uint32_t *id, uint32_t *points, uint32_t max);

/*
 * The id that the nth context created by `parent` gets, counted from 1 (unless that id is taken:
 * then the next free one). For mutators that have not seen a run.
 */
uint32_t sim_context_child_id(uint32_t parent, uint32_t nth);

/*
 * Where the current context is now. Inline: a struct that is returned is written in small pieces
 * and read in large ones, which has to wait for the pieces.
 */
static inline struct sim_where sim_here(struct sim *s)
{
    const struct sim_ctx *c = s->current;
    return (struct sim_where){.seq = s->seq, .context = c->id, .routine = c->routine,
                              .site = c->site};
}

/* Return addresses inside the module, innermost first, from the current call outward. */
uint32_t sim_stack(struct sim *s, uintptr_t out[SIM_STACK_DEPTH_MAX]);

#endif
