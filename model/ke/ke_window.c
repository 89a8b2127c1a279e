/* SPDX-License-Identifier: MIT */
/*
 * Windows: stretches of driver code that the system called. Opening one remembers IRQL, locks and
 * regions; closing it compares (KRN-011, KRN-054, KRN-094, KRN-115, KRN-130, EVT-018).
 *
 * Invariants:
 *  1. Windows nest on a context; the innermost is the last.
 *  2. One mistake is one report: a lock that was kept is named before the IRQL that it explains.
 *  3. Exceptions do not pass: a window hides the exception frames of what is outside it.
 */
#include "model/ke/ke_internal.h"

/* Nested windows: more than these lint or end the run (KRN-057, KAMB-18). */
enum { DEPTH_LINT = 8, DEPTH_MAX = 64, DEPTH_LINT_STRICT = 4, DEPTH_MAX_STRICT = 16 };

enum { DISPATCH_LINT = 1000 }; /* KRN-056: 100 microseconds, in units of ke_cost */

static const char *window_name(unsigned kind)
{
    static const char *const names[] = {
        [KE_WINDOW_NONE] = "code",
        [KE_WINDOW_DRIVER_ENTRY] = "DriverEntry",
        [KE_WINDOW_UNLOAD] = "DriverUnload",
        [KE_WINDOW_THREAD] = "a thread routine",
        [KE_WINDOW_DISPATCH] = "a dispatch routine",
        [KE_WINDOW_COMPLETION] = "a completion routine",
        [KE_WINDOW_CANCEL] = "a cancel routine",
        [KE_WINDOW_DPC] = "a DPC routine",
        [KE_WINDOW_TIMER] = "a timer callback",
        [KE_WINDOW_WORK_ITEM] = "a work item routine",
        [KE_WINDOW_WSK_CALLBACK] = "a WSK callback",
        [KE_WINDOW_OTHER] = "a callback",
    };
    SIM_ASSERT_OP(kind, <, SIM_COUNT(names));
    return names[kind];
}

SIM_NOINLINE static void depth_check(struct sim *s, struct ke_context *c)
{
    bool is_strict = model_knob(s, KNOB_KERNEL_STACK_DEPTH) != 0;
    if (c->window_count > (is_strict ? DEPTH_MAX_STRICT : DEPTH_MAX)) {
        model_fail(s, RULE_KRN_057, 0, NULL, "%u callbacks and completions are nested on one stack",
                   (unsigned)c->window_count);
    }
    if (c->window_count > (is_strict ? DEPTH_LINT_STRICT : DEPTH_LINT)) {
        model_lint(s, RULE_KRN_057);
    }
    SIM_ASSERT_OP(c->window_count, <, KE_WINDOWS_MAX);
}

void ke_window_open(struct sim *s, enum ke_window kind, uint32_t object)
{
    struct ke_context *c = ke_current(s);
    if (SIM_UNLIKELY(c->window_count >= DEPTH_LINT_STRICT)) {
        depth_check(s, c);
    }
    struct ke_window_mark *mark = &c->window[c->window_count++];
    mark->kind = (uint8_t)kind;
    mark->irql = ke_irql(s);
    mark->lock_count = (uint8_t)c->lock_count;
    mark->apc_disable = c->apc_disable;
    mark->guarded = c->guarded;
    mark->raise_count = c->raise_count;
    mark->object = object;
    mark->cost = ke_cost(s);
    mark->seh = c->seh;
    mark->entered = sim_here(s);
    mark->outer = model_call_save(s);
    c->seh = NULL;
    ke_of(s)->windows_open++;
}

/* The rule for a lock that was kept. */
static enum model_rule lock_rule(unsigned window, unsigned lock)
{
    if (window == KE_WINDOW_WSK_CALLBACK) {
        return RULE_EVT_018;
    }
    switch ((enum ke_lock_kind)lock) {
    case KE_LOCK_MUTEX:
        return RULE_KRN_094;
    case KE_LOCK_PUSH_SHARED:
    case KE_LOCK_PUSH_EXCLUSIVE:
        return RULE_KRN_127;
    case KE_LOCK_RESOURCE_SHARED:
    case KE_LOCK_RESOURCE_EXCLUSIVE:
        return RULE_KRN_128;
    case KE_LOCK_FAST_MUTEX:
        return RULE_KRN_125;
    case KE_LOCK_GUARDED_MUTEX:
        return RULE_KRN_126;
    case KE_LOCK_SPIN:
    case KE_LOCK_QUEUED:
    case KE_LOCK_EX_SHARED:
    case KE_LOCK_EX_EXCLUSIVE:
    case KE_LOCK_CANCEL:
    case KE_LOCK_INTERLOCKED_LIST:
        break;
    }
    return RULE_KRN_115;
}

/* The rule for an IRQL or a region that differs. */
static enum model_rule window_rule(unsigned window, enum model_rule otherwise)
{
    switch ((enum ke_window)window) {
    case KE_WINDOW_WSK_CALLBACK:
        return RULE_EVT_018;
    case KE_WINDOW_COMPLETION:
        return RULE_KRN_011;
    case KE_WINDOW_DPC:
    case KE_WINDOW_TIMER:
        return RULE_KRN_156;
    case KE_WINDOW_WORK_ITEM:
        return RULE_KRN_170;
    case KE_WINDOW_NONE:
    case KE_WINDOW_DRIVER_ENTRY:
    case KE_WINDOW_UNLOAD:
    case KE_WINDOW_THREAD:
    case KE_WINDOW_DISPATCH:
    case KE_WINDOW_CANCEL:
    case KE_WINDOW_OTHER:
        break;
    }
    return otherwise;
}

/* A thread of the driver may leave the region in which it was started (KRN-251), but no other. */
static bool regions_differ(const struct ke_context *c, const struct ke_window_mark *mark)
{
    if (c->guarded != mark->guarded) {
        return true;
    }
    if (mark->kind == KE_WINDOW_THREAD) {
        return c->apc_disable > mark->apc_disable;
    }
    return c->apc_disable != mark->apc_disable;
}

SIM_NOINLINE static void window_breach(struct sim *s, struct ke_context *c,
                                       const struct ke_window_mark *mark)
{
    const char *name = window_name(mark->kind);
    if (c->must_wait) {
        model_fail(s, RULE_KRN_087, mark->object, &mark->entered,
                   "%s returns after a call with Wait TRUE without having waited", name);
    }
    if (c->lock_count > mark->lock_count) {
        const struct ke_held_lock *lock = &c->lock[c->lock_count - 1];
        model_fail(s, lock_rule(mark->kind, lock->kind), lock->object, &lock->taken,
                   "%s returns with a lock held that it took", name);
    }
    if (ke_irql(s) != mark->irql) {
        model_fail(s, window_rule(mark->kind, RULE_KRN_054), mark->object, &mark->entered,
                   "%s was called at %s and returns at %s", name, ke_irql_name(mark->irql),
                   ke_irql_name(ke_irql(s)));
    }
    if (regions_differ(c, mark)) {
        model_fail(s, window_rule(mark->kind, RULE_KRN_130), mark->object, &mark->entered,
                   "%s returns with APCs disabled %d times and was called with %d", name,
                   c->apc_disable + c->guarded, mark->apc_disable + mark->guarded);
    }
}

void ke_window_close(struct sim *s)
{
    struct ke_context *c = ke_current(s);
    model_touches_all(s); /* what follows belongs to whoever called the driver */
    SIM_ASSERT_OP(c->window_count, >, 0);
    const struct ke_window_mark *mark = &c->window[c->window_count - 1];
    if (SIM_UNLIKELY(c->must_wait || c->lock_count > mark->lock_count || ke_irql(s) != mark->irql ||
                     c->apc_disable != mark->apc_disable || c->guarded != mark->guarded)) {
        window_breach(s, c, mark);
    }
    if (mark->irql >= DISPATCH_LEVEL && SIM_UNLIKELY(ke_cost(s) - mark->cost > DISPATCH_LINT)) {
        model_lint(s, RULE_KRN_056);
    }
    if (mark->kind == KE_WINDOW_DISPATCH || mark->kind == KE_WINDOW_WORK_ITEM) {
        sim_hb_release(s, ke_of(s)); /* unload comes after it */
    }
    c->raise_count = mark->raise_count;
    c->seh = mark->seh;
    model_call_restore(s, mark->outer);
    c->window_count--;
    ke_of(s)->windows_open--;
}

bool ke_in_window(struct sim *s, enum ke_window kind)
{
    const struct ke_context *c = ke_current(s);
    for (uint32_t i = 0; i < c->window_count; i++) {
        if (c->window[i].kind == kind) {
            return true;
        }
    }
    return false;
}

unsigned ke_windows_of(struct sim *s, enum ke_window kind)
{
    const struct ke_context *c = ke_current(s);
    unsigned count = 0;
    for (uint32_t i = 0; i < c->window_count; i++) {
        count += c->window[i].kind == kind;
    }
    return count;
}

bool ke_in_arbitrary_context(struct sim *s)
{
    static const uint32_t arbitrary = 1u << KE_WINDOW_COMPLETION | 1u << KE_WINDOW_CANCEL |
                                      1u << KE_WINDOW_DPC | 1u << KE_WINDOW_TIMER |
                                      1u << KE_WINDOW_WSK_CALLBACK;
    const struct ke_context *c = ke_current(s);
    for (uint32_t i = 0; i < c->window_count; i++) {
        if ((arbitrary >> c->window[i].kind & 1) != 0) {
            return true;
        }
    }
    return false;
}

uint32_t ke_windows_open(struct sim *s)
{
    return ke_of(s)->windows_open;
}
