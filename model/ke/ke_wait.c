/* SPDX-License-Identifier: MIT */
/*
 * Waiting. A waiting context stands in one list, in order of arrival, with the objects it waits
 * for. Who signals an object lets the waiters look again; there are few, so all are looked at.
 *
 *     ke_wait: satisfied now? -> consume, return
 *              else stand in the list, sim_block ... sim_wake by whoever ends the wait:
 *                 ke_wake_waiters (the object was signalled)      status = index
 *                 wait_expired    (the time limit has passed)     STATUS_TIMEOUT
 *                 ke_poke         (internal waits: ready is true)
 *
 * Invariants:
 *  1. A context is in the list exactly while it is blocked and nobody has ended its wait.
 *  2. Whoever ends a wait consumes the signal, cancels the time limit and wakes, in one step: a
 * thread whose limit has passed leaves the signal for the next wait (KRN-100).
 *  3. Which of several waiters goes first is a choice (KRN-099, KAMB-19).
 */
#include "model/ke/ke_internal.h"

/* ---- headers ---- */

#define HEADER_MARK 0x4b65ull /* in the upper bits of Flink; the rest is the trace id */
#define HEADER_KEY 0x5d1e3a77ull

void ke_dispatcher_init(struct sim *s, DISPATCHER_HEADER *header, enum ke_type type,
                        uint32_t object, LONG state)
{
    (void)s;
    header->Lock = 0;
    header->Type = (UCHAR)type;
    header->SignalState = state;
    header->WaitListHead.Flink = (PLIST_ENTRY)(HEADER_MARK << 48 | object);
    header->WaitListHead.Blink = (PLIST_ENTRY)((uintptr_t)header ^ HEADER_KEY);
}

static bool header_is_ours(const DISPATCHER_HEADER *header)
{
    return (uintptr_t)header->WaitListHead.Flink >> 48 == HEADER_MARK &&
           (uintptr_t)header->WaitListHead.Blink == ((uintptr_t)header ^ HEADER_KEY);
}

uint32_t ke_dispatcher_object(const void *p)
{
    return (uint32_t)(uintptr_t)((const DISPATCHER_HEADER *)p)->WaitListHead.Flink;
}

SIM_NOINLINE __attribute__((noreturn)) static void
header_breach(struct sim *s, const DISPATCHER_HEADER *header, const char *what)
{
    if (!header_is_ours(header)) {
        model_fail(s, RULE_KRN_080, 0, NULL, "the %s was never initialised", what);
    }
    model_fail(s, RULE_KRN_080, ke_dispatcher_object(header), NULL,
               "the %s is an object of another type", what);
}

uint32_t ke_dispatcher_check(struct sim *s, const void *p, uint32_t type_mask, const char *what)
{
    const DISPATCHER_HEADER *header = p;
    model_touch(s, p, sizeof *header, what);
    if (SIM_UNLIKELY(!header_is_ours(header) || header->Type > 31 ||
                     (type_mask >> header->Type & 1) == 0)) {
        header_breach(s, header, what);
    }
    model_exercised(s, RULE_KRN_080);
    return ke_dispatcher_object(p);
}

/* ---- signal states ---- */

static DISPATCHER_HEADER *header_of(const void *object)
{
    return (DISPATCHER_HEADER *)(uintptr_t)object;
}

/* Would a wait of c for this object be satisfied now? */
static bool is_signalled(struct ke_context *c, const void *object)
{
    const DISPATCHER_HEADER *header = object;
    if (header->SignalState > 0) {
        return true;
    }
    return header->Type == KE_TYPE_MUTEX && ke_lock_find_in(c, object) != NULL;
}

/* A mutex changes hands (or is acquired once more by its owner). */
static void mutex_consume(struct sim *s, struct ke_context *c, const void *object)
{
    struct ke_held_lock *held = ke_lock_find_in(c, object);
    header_of(object)->SignalState--;
    if (held != NULL) {
        held->depth++;
        return;
    }
    uint32_t id = ke_dispatcher_object(object);
    *ke_lock_slot(s, c, id) = (struct ke_held_lock){.address = object,
                                                    .kind = KE_LOCK_MUTEX,
                                                    .old_irql = c->ctx->level,
                                                    .depth = 1,
                                                    .object = id,
                                                    .taken = c->wait_where};
    c->apc_disable++; /* holding a mutex disables normal kernel APCs */
}

/* c takes what the signal offers. */
static void consume(struct sim *s, struct ke_context *c, const void *object)
{
    DISPATCHER_HEADER *header = header_of(object);
    header->Signalling = KE_SIGNAL_SEEN;
    sim_hb_acquire_for(s, c->ctx, object);
    switch ((enum ke_type)header->Type) {
    case KE_TYPE_SYNCHRONIZATION_EVENT:
    case KE_TYPE_SYNCHRONIZATION_TIMER:
        header->SignalState = model_mutated(synchronization_stays) ? 1 : 0;
        break;
    case KE_TYPE_SEMAPHORE:
        header->SignalState--;
        break;
    case KE_TYPE_MUTEX:
        mutex_consume(s, c, object);
        break;
    case KE_TYPE_NOTIFICATION_EVENT:
        if (model_mutated(notification_resets)) {
            header->SignalState = 0;
        }
        break;
    case KE_TYPE_NOTIFICATION_TIMER:
    case KE_TYPE_PROCESS:
    case KE_TYPE_THREAD:
        break;
    }
}

/* True if the signal goes to one waiter only. */
static bool is_consuming(const void *object)
{
    switch ((enum ke_type)header_of(object)->Type) {
    case KE_TYPE_SYNCHRONIZATION_EVENT:
    case KE_TYPE_SYNCHRONIZATION_TIMER:
    case KE_TYPE_SEMAPHORE:
    case KE_TYPE_MUTEX:
        return true;
    case KE_TYPE_NOTIFICATION_EVENT:
    case KE_TYPE_NOTIFICATION_TIMER:
    case KE_TYPE_PROCESS:
    case KE_TYPE_THREAD:
        break;
    }
    return false;
}

/* ---- satisfying ---- */

/* Takes what c waits for if it can be had now; the status goes to c->wait_status. */
static bool satisfy(struct sim *s, struct ke_context *c)
{
    if (c->wait_all) {
        for (uint32_t i = 0; i < c->wait_count; i++) {
            if (!is_signalled(c, c->wait_object[i])) {
                return false;
            }
        }
        for (uint32_t i = 0; i < c->wait_count; i++) {
            consume(s, c, c->wait_object[i]);
        }
        c->wait_status = STATUS_SUCCESS;
        return true;
    }
    for (uint32_t i = 0; i < c->wait_count; i++) {
        if (is_signalled(c, c->wait_object[i])) {
            consume(s, c, c->wait_object[i]);
            c->wait_status = (NTSTATUS)(STATUS_WAIT_0 + (NTSTATUS)i);
            return true;
        }
    }
    return false;
}

/* Could c be satisfied, now that this object may be signalled? Nothing is consumed. */
static bool is_ready(struct ke_context *c, const void *object)
{
    bool waits = false;
    for (uint32_t i = 0; i < c->wait_count; i++) {
        if (c->wait_object[i] == object) {
            waits = is_signalled(c, object);
        } else if (c->wait_all && !is_signalled(c, c->wait_object[i])) {
            return false;
        }
    }
    return waits;
}

/* ---- the list ---- */

static void list_remove(struct ke_state *ke, struct ke_context *c)
{
    uint32_t i = 0;
    while (ke->waiter[i] != c) {
        i++;
        SIM_ASSERT_OP(i, <, ke->waiter_count);
    }
    ke->waiter_count--;
    for (; i < ke->waiter_count; i++) {
        ke->waiter[i] = ke->waiter[i + 1];
    }
}

/* Ends the wait of c with the status it has been given. */
static void wait_finish(struct sim *s, struct ke_context *c)
{
    struct ke_state *ke = ke_of(s);
    list_remove(ke, c);
    ke->until_count -= c->wait_ready != NULL;
    for (uint32_t i = 0; SIM_UNLIKELY(s->is_recorded) && i < c->wait_count; i++) {
        sim_touch(s, (uintptr_t)c->wait_object[i], 8, true); /* it waits for none of them now */
    }
    c->wait_count = 0;
    c->wait_ready = NULL;
    c->wait_seq = 0;
    if (c->wait_timeout != 0) {
        (void)sim_event_cancel(s, c->wait_timeout);
        c->wait_timeout = 0;
    }
    sim_wake(s, c->ctx);
}

/* The time limit has passed. */
#define LAST_OF_INSTANT (UINT64_C(1) << 63) /* in the value of the event */

static void wait_expired(struct sim *s, void *argument, uint64_t value)
{
    struct ke_context *c = argument;
    uint64_t seq = value & ~LAST_OF_INSTANT;
    if (c->wait_seq != seq) {
        return;
    }
    if (value == seq && model_knob(s, KNOB_KERNEL_WAIT_TIE) == 1) {
        /* The signal wins (KAMB-16), be it the later of the two events of this instant. */
        c->wait_timeout = sim_event_add(s, s->now, wait_expired, c, seq | LAST_OF_INSTANT);
        return;
    }
    c->wait_timeout = 0;
    c->wait_status = STATUS_TIMEOUT;
    wait_finish(s, c);
}

/* Signal and time limit meet: does the limit win? (KAMB-16) */
SIM_NOINLINE static bool limit_wins(struct sim *s)
{
    switch (model_knob(s, KNOB_KERNEL_WAIT_TIE)) {
    case 0:
        return choice_flag(s, CHOICE_WORLD, KE_PICK_TIE);
    case 1:
        return false;
    default:
        return true;
    }
}

/* One waiter among those that could go on, or NULL. */
static struct ke_context *waiter_choose(struct sim *s, const void *object)
{
    struct ke_state *ke = ke_of(s);
    struct ke_context *ready[KE_RECORDS_MAX];
    uint32_t count = 0;
    bool first_only = !is_consuming(object);
    for (uint32_t i = 0; i < ke->waiter_count; i++) {
        if (is_ready(ke->waiter[i], object)) {
            ready[count++] = ke->waiter[i];
            if (first_only) {
                break;
            }
        }
    }
    if (count == 0) {
        return NULL;
    }
    if (count == 1 || model_knob(s, KNOB_KERNEL_WAKE_ORDER) != 0) {
        return ready[0];
    }
    return ready[choice_pick(s, CHOICE_WORLD, KE_PICK_WAKE, count)];
}

/* The signaller must not touch what this waiter frees from now on (KRN-089). */
static void note_woken(struct sim *s, const struct ke_context *c)
{
    struct ke_context *self = s->current->user;
    if (self != NULL) {
        self->woke = c->ctx->id;
        self->woke_seq = s->seq;
    }
    model_exercised(s, RULE_KRN_089);
}

void ke_wake_waiters(struct sim *s, const void *object)
{
    while (ke_of(s)->waiter_count != 0) {
        struct ke_context *c = waiter_choose(s, object);
        if (c == NULL) {
            return;
        }
        if (SIM_UNLIKELY(c->wait_due == s->now) && limit_wins(s)) {
            c->wait_status = STATUS_TIMEOUT;
            if (model_mutated(timed_out_takes_signal)) {
                consume(s, c, object);
            }
        } else {
            bool satisfied = satisfy(s, c);
            SIM_ASSERT(satisfied);
            note_woken(s, c);
        }
        wait_finish(s, c);
    }
}

bool ke_has_waiters(struct sim *s, const void *object)
{
    const struct ke_state *ke = ke_of(s);
    for (uint32_t i = 0; i < ke->waiter_count; i++) {
        const struct ke_context *c = ke->waiter[i];
        for (uint32_t k = 0; k < c->wait_count; k++) {
            if (c->wait_object[k] == object) {
                return true;
            }
        }
    }
    return false;
}

/* ---- blocking ---- */

/* Blocks until somebody ends the wait that stands in the record. */
static NTSTATUS wait_block(struct sim *s, struct ke_context *c, sim_time due)
{
    struct ke_state *ke = ke_of(s);
    SIM_ASSERT_OP(ke->waiter_count, <, KE_RECORDS_MAX);
    c->wait_seq = ++ke->seq;
    c->wait_due = due;
    c->wait_timeout = 0;
    ke->waiter[ke->waiter_count++] = c;
    if (due != SIM_TIME_NEVER) {
        c->wait_timeout = sim_event_add(s, due, wait_expired, c, c->wait_seq);
    }
    sim_block(s);
    SIM_ASSERT_OP(c->wait_count, ==, 0);
    return c->wait_status;
}

/* When this time limit passes; KRN-084 lints one that lies before the start of the run. */
static sim_time limit_due(struct sim *s, const LARGE_INTEGER *timeout)
{
    if (timeout == NULL) {
        return SIM_TIME_NEVER;
    }
    LONGLONG time = timeout->QuadPart;
    if (time > 0 && (uint64_t)time < KE_SYSTEM_TIME_START) {
        model_lint(s, RULE_KRN_084);
    }
    return ke_due(s, time) + ke_lateness(s);
}

/* The wait that stands in the record: objects and wait_all. */
static NTSTATUS wait_run(struct sim *s, struct ke_context *c, const LARGE_INTEGER *timeout)
{
    uint32_t first = ke_dispatcher_object(c->wait_object[0]);
    c->wait_where = sim_here(s);
    c->wait_what = NULL;
    if (satisfy(s, c)) {
        c->wait_count = 0;
        return c->wait_status;
    }
    if (timeout != NULL && timeout->QuadPart == 0) {
        c->wait_count = 0;
        return STATUS_TIMEOUT;
    }
    sim_trace(s, TRACE_WaitStart, first, c->wait_count);
    NTSTATUS status = wait_block(s, c, limit_due(s, timeout));
    sim_trace(s, TRACE_WaitEnd, first, (uint32_t)status);
    return status;
}

NTSTATUS ke_wait(struct sim *s, void *object, BOOLEAN alertable, const LARGE_INTEGER *timeout)
{
    struct ke_context *c = ke_current(s);
    c->wait_object[0] = object;
    c->wait_count = 1;
    c->wait_all = false;
    (void)alertable; /* nobody alerts a thread here */
    return wait_run(s, c, timeout);
}

NTSTATUS ke_wait_many(struct sim *s, ULONG count, PVOID *objects, bool wait_all, BOOLEAN alertable,
                      const LARGE_INTEGER *timeout)
{
    struct ke_context *c = ke_current(s);
    SIM_ASSERT_OP(count, <=, MAXIMUM_WAIT_OBJECTS);
    for (ULONG i = 0; i < count; i++) {
        c->wait_object[i] = objects[i];
    }
    c->wait_count = count;
    c->wait_all = wait_all;
    (void)alertable; /* nobody alerts a thread here */
    return wait_run(s, c, timeout);
}

bool ke_wait_until(struct sim *s, bool (*ready)(struct sim *s, void *argument), void *argument,
                   sim_time limit, const char *what)
{
    if (ready(s, argument)) {
        return true;
    }
    if (limit == 0) {
        return false;
    }
    struct ke_context *c = ke_current(s);
    c->wait_count = 0;
    c->wait_ready = ready;
    c->wait_argument = argument;
    c->wait_what = what;
    c->wait_where = sim_here(s);
    ke_of(s)->until_count++;
    sim_time due = limit < SIM_TIME_NEVER - s->now ? s->now + limit : SIM_TIME_NEVER;
    return wait_block(s, c, due) == STATUS_SUCCESS;
}

void ke_poke(struct sim *s)
{
    struct ke_state *ke = ke_of(s);
    if (ke->until_count != 0) {
        model_touches_all(s);
    }
    for (uint32_t i = 0; ke->until_count != 0 && i < ke->waiter_count;) {
        struct ke_context *c = ke->waiter[i];
        if (c->wait_ready != NULL && c->wait_ready(s, c->wait_argument)) {
            c->wait_status = STATUS_SUCCESS;
            wait_finish(s, c); /* the list moves up */
        } else {
            i++;
        }
    }
}

static bool never(struct sim *s, void *argument)
{
    (void)s;
    (void)argument;
    return false;
}

void ke_sleep(struct sim *s, sim_time due)
{
    (void)ke_wait_until(s, never, NULL, due > s->now ? due - s->now : 1, "a delay to pass");
}

/* ---- may this context block? ---- */

/* The rule for a wait inside the innermost window of the arbitrary kind, and its mark. */
static enum model_rule arbitrary_rule(const struct ke_context *c,
                                      const struct ke_window_mark **mark)
{
    for (uint32_t i = c->window_count; i-- > 0;) {
        *mark = &c->window[i];
        switch ((enum ke_window)c->window[i].kind) {
        case KE_WINDOW_WSK_CALLBACK:
            return RULE_EVT_007;
        case KE_WINDOW_COMPLETION:
            return RULE_IRP_023;
        case KE_WINDOW_CANCEL:
        case KE_WINDOW_DPC:
        case KE_WINDOW_TIMER:
            return RULE_KRN_082;
        case KE_WINDOW_NONE:
        case KE_WINDOW_DRIVER_ENTRY:
        case KE_WINDOW_UNLOAD:
        case KE_WINDOW_THREAD:
        case KE_WINDOW_DISPATCH:
        case KE_WINDOW_WORK_ITEM:
        case KE_WINDOW_OTHER:
            break;
        }
    }
    *mark = NULL;
    return RULE_KRN_082;
}

void ke_check_may_block(struct sim *s, uint32_t object)
{
    const struct ke_context *c = ke_current(s);
    if (ke_irql(s) >= DISPATCH_LEVEL) {
        const struct ke_held_lock *lock = ke_spin_lock_held(s);
        model_fail(s, RULE_KRN_081, object, lock != NULL ? &lock->taken : NULL,
                   "a wait that may block is made at %s%s", ke_irql_name(ke_irql(s)),
                   lock != NULL ? " with a spin lock held" : "");
    }
    model_exercised(s, RULE_KRN_081);
    if (ke_in_arbitrary_context(s)) {
        const struct ke_window_mark *mark;
        enum model_rule rule = arbitrary_rule(c, &mark);
        uint32_t type = object >> 24;
        if (object == 0 || type == OBJECT_MUTEX) {
            rule = RULE_KRN_082; /* not a request of WSK, but not its own context either */
        }
        model_fail(s, rule, object, mark != NULL ? &mark->entered : NULL,
                   "a wait that may block is made inside a callback or completion routine");
    }
    model_exercised(s, RULE_KRN_082);
}

/* ---- Wait TRUE (KRN-086, KRN-087) ---- */

void ke_must_wait_begin(struct sim *s, uint32_t object, enum model_rule irql_rule)
{
    struct ke_context *c = ke_current(s);
    KIRQL limit = irql_rule == RULE_KRN_087 ? PASSIVE_LEVEL : APC_LEVEL;
    if (ke_irql(s) > limit) {
        model_fail(s, irql_rule, object, NULL, "a call with Wait TRUE is made at %s",
                   ke_irql_name(ke_irql(s)));
    }
    if (ke_in_arbitrary_context(s)) {
        model_fail(s, irql_rule, object, NULL,
                   "a call with Wait TRUE is made inside a callback or completion routine");
    }
    c->must_wait = true;
    c->must_wait_irql = ke_irql(s);
    sim_set_level(s, HIGH_LEVEL); /* any routine but a wait is now above its limit */
    model_exercised(s, RULE_KRN_087);
}

void ke_must_wait_end(struct sim *s)
{
    struct ke_context *c = ke_current(s);
    if (SIM_UNLIKELY(c->must_wait)) {
        c->must_wait = false;
        sim_set_level(s, c->must_wait_irql);
    }
}
