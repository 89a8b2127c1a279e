/* SPDX-License-Identifier: MIT */
/*
 * The properties of the kernel (kernel.md 3) that a trace shows: things are made and unmade once,
 * routines of the driver run once per queueing and return as they were entered, locks are held at
 * DISPATCH_LEVEL, nobody waits there, nothing is left at unload.
 *
 * What can only be seen at the instant of an access (KPROP-09, -14, -21, ...) is not in a trace.
 */
#include "trace_report.h"

#include <stdlib.h>
#include <string.h>

enum {
#define ROUTINE(name, low, high) ROUTINE_##name,
#include "model/routines.def"
#undef ROUTINE
};
enum {
#define TRACE(name, text, shown) TRACE_##name,
#include "model/trace_kinds.def"
#undef TRACE
};

enum {
    OBJECTS = 4096, /* of one kind; a number beyond is not followed */
    CONTEXTS = 4096,
    DEPTH = 16,
    DEPTH_MAX = 12 /* nested windows: KRN-057 */
};
/* As in docs/trace.md and model.h. */
enum {
    THREAD = 1,
    TIMER = 5,
    DPC = 6,
    SPIN_LOCK = 7,
    WORK_ITEM = 12,
    IRP = 13,
    MDL = 14,
    POOL = 15,
    KINDS = 16
};

struct thing {
    uint8_t live, in_flight, was_above, completed;
    uint8_t queued, running;
    uint64_t queued_seq, running_seq; /* of the queueing that waits, and of the one that runs */
};

struct window {
    uint8_t level;
    uint32_t locks;
};

struct context {
    uint32_t depth, locks;
    struct window window[DEPTH];
    bool is_inserting; /* in KeInsertQueueDpc */
    uint64_t flush; /* the call of KeFlushQueuedDpcs that has not been seen to return; 0 = none */
};

struct kernel {
    const struct sim_trace_event *now;
    struct trace_report *report;
    struct thing thing[KINDS][OBJECTS];
    uint32_t highest[KINDS];
    struct context context[CONTEXTS];
    bool is_unloaded;
    uint64_t rang; /* where a timer went off */
    uint32_t failures;
};

static void check(struct kernel *k, uint32_t property, bool holds, const char *what)
{
    (void)trace_check(k->report, k->now, property, holds, what);
}

static struct thing *thing(struct kernel *k, uint32_t object)
{
    uint32_t kind = object >> 24, number = object & 0xffffffu;
    if (kind >= KINDS || number >= OBJECTS) {
        return NULL;
    }
    k->highest[kind] = number > k->highest[kind] ? number : k->highest[kind];
    return &k->thing[kind][number];
}

/* The property that speaks of making and unmaking this kind; 0 = none. */
static uint32_t balance_of(uint32_t kind)
{
    switch (kind) {
    case IRP:
        return KPROP(1);
    case POOL:
        return KPROP(20);
    case MDL:
        return KPROP(23);
    case THREAD:
        return KPROP(25);
    default:
        return 0;
    }
}

static void on_life(struct kernel *k, const struct sim_trace_event *e)
{
    struct thing *t = thing(k, e->object);
    uint32_t property = balance_of(e->object >> 24);
    bool is_birth = e->kind == TRACE_Create || e->kind == TRACE_Alloc;
    if (t == NULL || property == 0) {
        return;
    }
    if (is_birth) {
        *t = (struct thing){.live = 1};
        return;
    }
    check(k, property, t->live == 1, "something is freed twice, or was never made");
    if (e->object >> 24 == IRP) {
        check(k, KPROP(2), t->in_flight == 0, "an IRP in flight is freed");
    }
    t->live = 0;
}

/* ---- IRPs ---- */

static void on_irp(struct kernel *k, const struct sim_trace_event *e)
{
    struct thing *t = thing(k, e->object);
    if (t == NULL) {
        return;
    }
    switch (e->kind) {
    case TRACE_IrpSubmit:
        check(k, KPROP(2), t->in_flight == 0, "an IRP in flight is passed again");
        t->in_flight = 1;
        t->completed = 0;
        break;
    case TRACE_IrpComplete:
        check(k, KPROP(3), t->completed == 0, "an IRP is completed twice");
        t->in_flight = 0;
        t->completed = 1;
        break;
    case TRACE_Return: /* of a dispatch routine */
        t->was_above = 1;
        check(k, KPROP(3), (uint32_t)e->value == 0x103u || t->completed == 1,
              "a dispatch routine returns a status for an IRP that is not complete");
        break;
    default:
        break;
    }
}

/* ---- queues: DPCs, timers, work items ---- */

static void on_queue(struct kernel *k, const struct sim_trace_event *e)
{
    struct thing *t = thing(k, e->object);
    if (t == NULL) {
        return;
    }
    if (e->kind == TRACE_Queue) {
        uint32_t property = e->object >> 24 == WORK_ITEM ? KPROP(19)
                            : e->object >> 24 == TIMER   ? KPROP(18)
                                                         : KPROP(16);
        check(k, property, t->queued == 0, "it is in its queue twice");
        t->queued = 1;
        t->queued_seq = e->seq;
        if (e->object >> 24 == DPC && !k->context[e->slot % CONTEXTS].is_inserting) {
            check(k, KPROP(18), e->seq - k->rang <= 2, "the DPC of a timer that did not go off");
        }
    } else {
        check(k, e->object >> 24 == TIMER ? KPROP(18) : KPROP(16), t->queued == 1,
              "it is taken from a queue in which it is not");
        t->queued = 0;
    }
}

static void on_timer(struct kernel *k, const struct sim_trace_event *e, bool is_periodic)
{
    struct thing *t = thing(k, e->object);
    if (t != NULL) {
        check(k, KPROP(18), t->queued == 1, "a timer goes off that was cancelled, or never set");
        k->rang = e->seq;
        t->queued = is_periodic;
    }
}

static void on_routine(struct kernel *k, const struct sim_trace_event *e)
{
    struct thing *t = thing(k, e->object);
    uint32_t kind = e->object >> 24;
    if (t == NULL || (kind != DPC && kind != WORK_ITEM)) {
        return;
    }
    if (e->kind == TRACE_CallbackEnter) {
        check(k, kind == DPC ? KPROP(16) : KPROP(19), t->queued == 1,
              "a routine runs that was not queued, or was removed");
        t->queued = 0;
        t->running++;
        t->running_seq = t->queued_seq;
    } else {
        t->running = (uint8_t)(t->running - (t->running > 0));
    }
}

/* PROP 17, when the context that called is seen again. */
static void check_flush(struct kernel *k, struct context *c)
{
    for (uint32_t n = 0; n <= k->highest[DPC]; n++) {
        const struct thing *t = &k->thing[DPC][n];
        check(k, KPROP(17),
              !(t->queued != 0 && t->queued_seq < c->flush) &&
                  !(t->running != 0 && t->running_seq < c->flush),
              "a DPC queued before KeFlushQueuedDpcs has not run when that returns");
    }
    c->flush = 0;
}

/* ---- windows and locks ---- */

static void on_window(struct kernel *k, struct context *c, const struct sim_trace_event *e)
{
    bool is_enter = e->kind == TRACE_CallbackEnter || e->kind == TRACE_IrpCompletionEnter;
    if (is_enter) {
        check(k, KPROP(26), !k->is_unloaded, "the driver is called after its unload");
        check(k, KPROP(32), c->depth < DEPTH_MAX, "calls into the driver nest without end");
        if (c->depth < DEPTH) {
            c->window[c->depth] = (struct window){e->level, c->locks};
        }
        c->depth++;
        return;
    }
    if (c->depth == 0) {
        check(k, KPROP(8), false, "a routine returns that was not entered");
        return;
    }
    c->depth--;
    if (c->depth < DEPTH) {
        const struct window *w = &c->window[c->depth];
        check(k, KPROP(8), w->level == e->level && w->locks == c->locks,
              "a routine returns at another IRQL, or with other locks");
    }
}

static void on_lock(struct kernel *k, struct context *c, const struct sim_trace_event *e)
{
    if (e->object >> 24 != SPIN_LOCK) {
        return;
    }
    if (e->kind == TRACE_LockAcquire) {
        c->locks++;
        check(k, KPROP(11), e->level >= 2, "a spin lock is held below DISPATCH_LEVEL");
    } else {
        check(k, KPROP(11), c->locks > 0, "a spin lock is given back that was not held");
        c->locks -= c->locks > 0;
    }
}

/* ---- one event ---- */

static void on_event(struct kernel *k, const struct sim_trace_event *e)
{
    struct context *c = &k->context[e->slot % CONTEXTS];
    k->now = e;
    if (c->flush != 0 && e->kind != TRACE_WaitStart && e->kind != TRACE_WaitEnd) {
        check_flush(k, c);
    }
    if (c->locks != 0) {
        check(k, KPROP(11), e->level >= 2, "a spin lock is held below DISPATCH_LEVEL");
    }
    switch (e->kind) {
    case TRACE_ContextStart:
        memset(c, 0, sizeof *c);
        break;
    case TRACE_Call:
        c->flush = e->value == ROUTINE_KeFlushQueuedDpcs ? e->seq : 0;
        c->is_inserting = e->value == ROUTINE_KeInsertQueueDpc;
        break;
    case TRACE_Create:
    case TRACE_Destroy:
    case TRACE_Alloc:
    case TRACE_Free:
        on_life(k, e);
        break;
    case TRACE_AllocFail:
        k->failures++;
        break;
    case TRACE_IrpSubmit:
    case TRACE_IrpComplete:
        on_irp(k, e);
        break;
    case TRACE_Return:
        if (e->object >> 24 == IRP) {
            on_irp(k, e);
        }
        break;
    case TRACE_Queue:
    case TRACE_Unqueue:
        on_queue(k, e);
        break;
    case TRACE_Signal:
        if (e->object >> 24 == TIMER) {
            on_timer(k, e, false);
        }
        break;
    case TRACE_CallbackEnter:
    case TRACE_CallbackLeave:
        on_routine(k, e);
        on_window(k, c, e);
        break;
    case TRACE_IrpCompletionEnter:
    case TRACE_IrpCompletionLeave:
        on_window(k, c, e);
        break;
    case TRACE_WaitStart:
        check(k, KPROP(10), e->level < 2 && c->locks == 0, "a wait at DISPATCH_LEVEL");
        break;
    case TRACE_LockAcquire:
    case TRACE_LockRelease:
        on_lock(k, c, e);
        break;
    case TRACE_Unloaded:
        k->is_unloaded = true;
        break;
    default:
        break;
    }
}

/* Nothing is left. */
static void at_end(struct kernel *k, const struct trace_setting *setting)
{
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        uint32_t property = balance_of(kind);
        for (uint32_t n = 1; n <= k->highest[kind]; n++) {
            const struct thing *t = &k->thing[kind][n];
            if (property != 0 && k->is_unloaded) {
                check(k, property, t->live == 0, "something is left at unload");
            }
            if (kind == DPC || kind == WORK_ITEM) {
                check(k, kind == DPC ? KPROP(16) : KPROP(19), t->queued == 0 && t->running == 0,
                      "a routine that was queued never ran");
            }
            if (kind == IRP && t->was_above != 0) {
                check(k, KPROP(3), t->completed == 1, "an IRP from above is never completed");
            }
        }
    }
    if (k->failures != 0) {
        check(k, KPROP(22), true, ""); /* the balances above hold in this run, too */
    }
    if (setting->is_faultless) {
        check(k, KPROP(12), true, ""); /* the run has ended */
        check(k, KPROP(13), true, "");
    }
}

void kernel_monitor(const struct sim_trace_event *event, size_t count,
                    const struct trace_setting *setting, struct trace_report *report)
{
    static struct kernel *k; /* large, kept */
    if (k == NULL) {
        k = calloc(1, sizeof *k);
        SIM_ASSERT(k != NULL);
    }
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        memset(k->thing[kind], 0, (k->highest[kind] + 1) * sizeof k->thing[kind][0]);
    }
    for (size_t i = 0; i < count; i++) {
        memset(&k->context[event[i].slot % CONTEXTS], 0, sizeof k->context[0]);
    }
    memset(k->highest, 0, sizeof k->highest);
    memset(report, 0, sizeof *report);
    k->is_unloaded = false;
    k->failures = 0;
    k->rang = 0;
    k->report = report;
    for (size_t i = 0; i < count; i++) {
        on_event(k, &event[i]);
    }
    if (setting->is_finished) {
        at_end(k, setting);
    }
}
