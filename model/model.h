/* SPDX-License-Identifier: MIT */
/*
 * What all parts of the Windows model share: entry and exit of a routine, breaches by the driver,
 * knobs, object names, and checks of driver memory before we touch it.
 *
 * A routine of the WDK looks like this:
 *
 *     LONG KeResetEvent(PRKEVENT Event)
 *     {
 *         struct sim *s = model_enter(ROUTINE_KeResetEvent);   // IRQL limit, trace, scheduling
 *         point
 *         LONG previous = ke_event_reset(s, Event);
 *         model_leave(s);                                      // scheduling point
 *         return previous;
 *     }
 *
 * Parts call each other through their internal functions (ke_..., io_...), never through WDK names:
 * no double scheduling points, no double checks. Each part keeps its state in its own struct,
 * reached through struct model; a part is created once and reset for every run (cost follows use).
 *
 * Blame: model_fail ends the run with a finding of the driver; model_lint only counts. A rule whose
 * severity is a warning is always lint. What is our own fault is SIM_ASSERT.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

/*
 * 0 builds a model that watches nobody: what only serves to find a breach is compiled away. For the
 * bench alone, which measures what watching costs.
 */
#ifndef WSKSIM_MONITORS
#define WSKSIM_MONITORS 1
#endif

#include "sim/race.h"
#include "sim/sim.h"

#include <ntddk.h>

#include "model/rules/knobs.h"
#include "model/rules/rules.h"

enum model_routine {
#define ROUTINE(name, low, high) ROUTINE_##name,
#include "model/routines.def"
#undef ROUTINE
    ROUTINE_COUNT
};

enum model_trace {
#define TRACE(name, text, shown) TRACE_##name,
#include "model/trace_kinds.def"
#undef TRACE
    TRACE_COUNT
};

/* Kinds of objects in trace ids. Append only: part of the fingerprint. */
enum model_object {
    OBJECT_NONE, OBJECT_THREAD, OBJECT_EVENT, OBJECT_MUTEX, OBJECT_SEMAPHORE, OBJECT_TIMER,
    OBJECT_DPC, OBJECT_SPIN_LOCK, OBJECT_FAST_MUTEX, OBJECT_RESOURCE, OBJECT_PUSH_LOCK,
    OBJECT_RUNDOWN, OBJECT_WORK_ITEM, OBJECT_IRP, OBJECT_MDL, OBJECT_POOL, OBJECT_LOOKASIDE,
    OBJECT_DEVICE, OBJECT_HANDLE, OBJECT_REGISTRATION, OBJECT_SOCKET, OBJECT_INDICATION,
    OBJECT_PEER, OBJECT_CONNECTION, OBJECT_ADDRESS_INFO, OBJECT_SD, OBJECT_DRIVER,
    OBJECT_REMOVE_LOCK, OBJECT_FILE, OBJECT_REQUEST, OBJECT_KINDS
};

/* Kinds of arena blocks (sim_block.kind). */
enum model_block {
    BLOCK_OTHER, BLOCK_NONPAGED, BLOCK_PAGED, BLOCK_IRP, BLOCK_MDL, BLOCK_SOCKET, BLOCK_INDICATION,
    BLOCK_WORK_ITEM, BLOCK_DEVICE, BLOCK_THREAD, BLOCK_SUBSYSTEM, BLOCK_BUFFER, BLOCK_KINDS
};

/*
 * Questions asked of choice_pick: parts number theirs from these bases. Append only inside a part.
 */
enum {
    PICK_KE = CHOICE_KIND_MODEL, PICK_IO = 64, PICK_EX = 128, PICK_MM = 192, PICK_WSK = 256,
    PICK_NET = 512, PICK_WORLD = 768, PICK_PS = 1024
};

struct ke_state; struct io_state; struct ex_state; struct mm_state; struct wsk_state;
struct net_state; struct world_state; struct ps_state;

struct model_driver; /* model/world/driver.h: the driver object, its entry points and its life */

struct model {
    struct ke_state *ke;
    struct ps_state *ps;
    struct io_state *io;
    struct ex_state *ex;
    struct mm_state *mm;
    struct wsk_state *wsk;
    struct net_state *net;
    struct world_state *world;
    uint32_t object_count[OBJECT_KINDS];
    uint16_t knob_value[MODEL_KNOB_COUNT]; /* value + 1; 0 = not drawn yet */
    uint64_t rule_lints[MODEL_RULE_COUNT];     /* of the campaign: grows from run to run */
    uint64_t rule_exercised[MODEL_RULE_COUNT]; /* of the campaign: how often a check was made */
    /* The request whose results are being written to the driver's memory, for reports; or NULL. */
    const struct sim_where *writes_for;
    uint16_t writes_routine;
};

static inline struct model *model_of(struct sim *s)
{
    return (struct model *)s->model;
}

/* ---- entering and leaving a routine ---- */

extern const uint8_t model_irql_low[ROUTINE_COUNT], model_irql_high[ROUTINE_COUNT];

/* Slow half of model_enter: the IRQL is outside the limits. Reports KRN-050 and ends the run. */
__attribute__((noreturn)) void model_irql_breach(struct sim *s, enum model_routine routine);

/*
 * First statement of every routine a driver calls. Remembers the call site, checks the IRQL limit
 * of model/routines.def (KRN-050), records the call, and is a scheduling point. A macro so that
 * the return address is the driver's.
 */
#define model_enter(routine)                                                                       \
    model_enter_at((routine), (uintptr_t)__builtin_return_address(0),                              \
                   (uintptr_t)__builtin_frame_address(0), SIM_OP_CALL, 0)
/* The same, naming the object the call is about: strategies want it. */
#define model_enter_object(routine, op, address)                                                   \
    model_enter_at((routine), (uintptr_t)__builtin_return_address(0),                              \
                   (uintptr_t)__builtin_frame_address(0), (op), (uintptr_t)(address))

static inline struct sim *model_enter_at(enum model_routine routine, uintptr_t site,
                                         uintptr_t frame, enum sim_op op, uintptr_t object)
{
    struct sim *s = sim_current;
    struct sim_ctx *c = s->current;
    c->site = site;
    c->frame = frame;
    c->routine = (uint16_t)routine;
    if (WSKSIM_MONITORS &&
        SIM_UNLIKELY(c->level > model_irql_high[routine] || c->level < model_irql_low[routine])) {
        model_irql_breach(s, routine);
    }
    sim_trace(s, TRACE_Call, 0, (uint64_t)routine);
    sim_point(s, op, object);
    return s;
}

/* Last statement before the return of every routine: a scheduling point; back in driver code. */
static inline void model_leave(struct sim *s)
{
    sim_point(s, SIM_OP_RETURN, 0);
    s->current->routine = 0;
}

/* The same for a routine that returns a status (or another value worth seeing). */
static inline NTSTATUS model_leave_status(struct sim *s, NTSTATUS status)
{
    sim_trace(s, TRACE_Return, s->current->routine, (uint64_t)(uint32_t)status);
    model_leave(s);
    return status;
}

/*
 * Calls into the driver while a routine is in progress lose site and routine of the outer call:
 * wrap them in save/restore.
 */
struct model_call {
    uintptr_t site, frame;
    uint16_t routine;
};
static inline struct model_call model_call_save(struct sim *s)
{
    struct sim_ctx *c = s->current;
    struct model_call call = {c->site, c->frame, c->routine};
    c->routine = 0;
    return call;
}
static inline void model_call_restore(struct sim *s, struct model_call call)
{
    struct sim_ctx *c = s->current;
    c->site = call.site;
    c->frame = call.frame;
    c->routine = call.routine;
}

/* For searches: what the step that this context begins may touch (model/footprint.c). */
void model_touches(struct sim *s, const struct sim_ctx *ctx);
/* The step in progress goes beyond the object that its routine named. */
static inline void model_touches_all(struct sim *s)
{
    sim_touch(s, SIM_OBJECT_MODEL, 8, true);
}

/* ---- breaches ---- */

/*
 * The driver broke `rule`. object: trace id of what it is about (0 = none); prior: where it became
 * illegal (NULL or seq 0 = none). The text says in one sentence what happened here (printf formats
 * with numbers and names, never pointers). Ends the run. If the rule is only a warning in the table
 * this still ends the run: use model_lint for lint.
 */
#if WSKSIM_MONITORS
__attribute__((noreturn, format(printf, 5, 6))) void
model_fail(struct sim *s, enum model_rule rule, uint32_t object, const struct sim_where *prior,
           const char *format, ...);
#else
__attribute__((noreturn, format(printf, 5, 6))) static inline void
model_fail(struct sim *s, enum model_rule rule, uint32_t object, const struct sim_where *prior,
           const char *format, ...)
{
    (void)s, (void)rule, (void)object, (void)prior, (void)format;
    __builtin_unreachable(); /* so that the question before it is not asked either */
}
#define model_breach model_fail
#endif

/* The same with a record of the caller's making; what is missing in it is that of this moment. */
#if WSKSIM_MONITORS
__attribute__((noreturn)) void model_fail_with(struct sim *s, struct sim_violation *violation);
#else
static inline void model_fail_with(struct sim *s, struct sim_violation *violation)
{
    (void)s, (void)violation;
}
#endif

/* hooks->race: a finding or a lint (model/race.c). */
void model_race(struct sim *s, const struct sim_race *race);

/*
 * The same, but it comes back if the monitor of the rule is switched off: for breaches that Windows
 * answers in a way that is written down, or is a knob, so that the answer can be seen.
 */
#if WSKSIM_MONITORS
__attribute__((format(printf, 5, 6))) void model_breach(struct sim *s, enum model_rule rule,
                                                        uint32_t object,
                                                        const struct sim_where *prior,
                                                        const char *format, ...);
#endif

/*
 * A rule + 1 whose monitor is switched off: a breach of it ends the run without a finding, a lint
 * is not counted. 0 = none. Only to show that a test needs its monitor (wsksim rules -selftest=1).
 */
extern uint16_t model_rule_off;
/* How often it would have spoken; the caller sets it to 0 before a run. */
extern uint64_t model_rule_off_hits;

/* A rule + 1 whose lint a person wants to see as a finding; 0 = none. Settable between runs. */
extern uint16_t model_lint_strict;

/* Lint: counted and shown at the end of a campaign, never a finding of its own accord. */
static inline void model_lint(struct sim *s, enum model_rule rule)
{
    if (!WSKSIM_MONITORS) {
        return;
    }
    if (SIM_UNLIKELY(rule + 1u == model_rule_off)) {
        model_rule_off_hits++;
        return;
    }
    model_of(s)->rule_lints[rule]++;
    if (SIM_UNLIKELY(rule + 1u == model_lint_strict)) {
        model_fail(s, rule, 0, NULL, "%s (a lint that is wanted as a finding)",
                   model_lint_text(rule));
    }
}

/* A monitor looked at this rule and had nothing to say. For the end report ("rules exercised"). */
static inline void model_exercised(struct sim *s, enum model_rule rule)
{
    if (!WSKSIM_MONITORS) {
        return;
    }
    model_of(s)->rule_exercised[rule]++;
}

/* ---- mutants: the system broken on purpose, by name, in builds with WSKSIM_MUTANTS ---- */

enum model_mutant {
#define MUTANT(name, proves, text) MUTANT_##name,
#include "model/mutants.def"
#undef MUTANT
    MODEL_MUTANT_COUNT
};

struct model_mutant_info {
    const char *name;
    const char *proves; /* ids of what it breaks, separated by blanks */
    const char *text;
};
extern const struct model_mutant_info model_mutants[MODEL_MUTANT_COUNT];

/* A mutant + 1, or 0. Settable between runs. */
extern uint16_t model_mutant_on;

#if WSKSIM_MUTANTS
#define model_mutated(name) ((bool)SIM_UNLIKELY(model_mutant_on == MUTANT_##name + 1))
#else
#define model_mutated(name) false
#endif

/* ---- knobs ---- */

uint16_t model_knob_draw(struct sim *s, enum model_knob knob);

/*
 * Fixes the value of a knob for all runs of this process, on-request values included; -1 = draw
 * again. Settable between runs; part of the options of a case.
 */
void model_knob_force(enum model_knob knob, int value);

/*
 * The reading of a silence of the documentation in this run: drawn once, at first use; 0 = default.
 */
static inline uint16_t model_knob(struct sim *s, enum model_knob knob)
{
    uint16_t value = model_of(s)->knob_value[knob];
    return SIM_LIKELY(value != 0) ? (uint16_t)(value - 1) : model_knob_draw(s, knob);
}

/* ---- objects and memory of the driver ---- */

/* The next trace id of a kind: event#1, event#2, ... */
static inline uint32_t model_object_new(struct sim *s, enum model_object kind)
{
    return sim_object_id((uint32_t)kind, ++model_of(s)->object_count[kind]);
}

const char *model_object_name(uint32_t object, char *buffer, size_t size); /* "irp#3" */
const char *model_routine_name(unsigned routine);
const char *model_tag_text(uint32_t tag, char out[7]); /* "'Echo'", dots for what does not print */
const char *model_status_name(uint32_t status); /* "STATUS_PENDING", or NULL */

/*
 * Before we read or write driver memory: ends the run with the memory rule that fits (use after
 * free, overflow, NULL, wild; paged memory at DISPATCH_LEVEL) if any byte of it is bad. `what`
 * names it: "Event".
 */
static inline void model_touch(struct sim *s, const void *p, size_t size, const char *what);
void model_touch_breach(struct sim *s, const void *p, size_t size, uintptr_t bad, const char *what);
static inline void model_touch(struct sim *s, const void *p, size_t size, const char *what)
{
    uintptr_t bad;
    if (WSKSIM_MONITORS && SIM_UNLIKELY(!sim_memory_ok(p, size, &bad))) {
        model_touch_breach(s, p, size, bad, what);
    }
    sim_touch(s, (uintptr_t)p, size, true);
}

/* KRN-051/KRN-080: the memory must be resident (not paged pool). Reports `rule` if it is not. */
void model_resident(struct sim *s, const void *p, size_t size, enum model_rule rule,
                    const char *what);

/*
 * Before we call the driver: the pointer must lead into its code. `what` names it:
 * "CompletionRoutine".
 */
void model_code(struct sim *s, const void *function, const char *what);
/* True if it may lead into the driver's image. */
bool model_is_driver(const void *address);

/* ---- life of the model ---- */

extern const struct sim_hooks model_hooks; /* for sim_create */
struct model *model_create(void);      /* once per process, after sim_create */
void model_reset(struct sim *s);       /* before each run */

#endif
