/* SPDX-License-Identifier: MIT */
/*
 * IRQL, critical and guarded regions. The IRQL is the level of the context; what a raise must
 * restore stands on a small stack per context (KRN-053), and no routine goes below the IRQL of its
 * own window (KRN-055). Locks keep their own old IRQL (ke_spin.c).
 *
 * Limits: KE_RAISES_MAX raises at once on one context; there are only so many levels.
 */
#include "model/ke/ke_internal.h"

const char *ke_irql_name(unsigned irql)
{
    static const char *const names[] = {
        "PASSIVE_LEVEL", "APC_LEVEL", "DISPATCH_LEVEL", "IRQL 3",     "IRQL 4",  "IRQL 5",
        "IRQL 6",        "IRQL 7",    "IRQL 8",         "IRQL 9",     "IRQL 10", "IRQL 11",
        "IRQL 12",       "IRQL 13",   "IRQL 14",        "HIGH_LEVEL",
    };
    return irql < SIM_COUNT(names) ? names[irql] : "an IRQL that does not exist";
}

void ke_set_irql(struct sim *s, KIRQL irql)
{
    sim_set_level(s, irql);
}

void ke_lower(struct sim *s, KIRQL irql)
{
    const struct ke_held_lock *lock = irql < DISPATCH_LEVEL ? ke_spin_lock_held(s) : NULL;
    if (lock != NULL) {
        model_fail(s, RULE_KRN_118, lock->object, &lock->taken,
                   "the IRQL falls to %s while a spin lock is held", ke_irql_name(irql));
    }
    sim_set_level(s, irql);
}

/* ---- the rule that fits a wrong IRQL best ---- */

/* The innermost window is a completion routine, whose IRQL is nobody's choice (KRN-012). */
static bool is_in_completion(struct sim *s)
{
    const struct ke_context *c = ke_current(s);
    return c->window_count > 0 && c->window[c->window_count - 1].kind == KE_WINDOW_COMPLETION;
}

/* A lock that cannot be taken at DISPATCH_LEVEL guards what callbacks touch (KRN-133). */
static bool is_blocking_lock(unsigned rule)
{
    return rule == RULE_KRN_125 || rule == RULE_KRN_126 || rule == RULE_KRN_127 ||
           rule == RULE_KRN_128;
}

/* Routines whose limit is a rule of its own. */
static const struct {
    uint16_t routine;
    uint16_t rule;
} narrow[] = {
    {ROUTINE_WskRegister, RULE_REG_001},
    {ROUTINE_WskDeregister, RULE_REG_001},
    {ROUTINE_WskCaptureProviderNPI, RULE_REG_010},
    {ROUTINE_WskReleaseProviderNPI, RULE_REG_018},
    {ROUTINE_WskQueryProviderCharacteristics, RULE_REG_017},
    {ROUTINE_NmrRegisterClient, RULE_REG_031},
    {ROUTINE_NmrClientAttachProvider, RULE_REG_031},
    {ROUTINE_NmrWaitForClientDeregisterComplete, RULE_REG_037},
    {ROUTINE_WskSocket, RULE_SOCK_001},
    {ROUTINE_WskSocketConnect, RULE_SOCK_001},
    {ROUTINE_WskCloseSocket, RULE_CLOSE_001},
    {ROUTINE_WskGetAddressInfo, RULE_ADDR_010},
    {ROUTINE_WskGetNameInfo, RULE_ADDR_010},
    {ROUTINE_WskFreeAddressInfo, RULE_ADDR_010},
    {ROUTINE_KeWaitForSingleObject, RULE_KRN_081},
    {ROUTINE_KeWaitForMultipleObjects, RULE_KRN_081},
    {ROUTINE_KeWaitForMutexObject, RULE_KRN_081},
    {ROUTINE_KeDelayExecutionThread, RULE_KRN_097},
    {ROUTINE_KeInitializeSemaphore, RULE_KRN_092},
    {ROUTINE_KeSetEvent, RULE_KRN_086},
    {ROUTINE_KeAcquireSpinLock, RULE_KRN_111},
    {ROUTINE_KeAcquireSpinLockRaiseToDpc, RULE_KRN_111},
    {ROUTINE_KeReleaseSpinLock, RULE_KRN_112},
    {ROUTINE_KeAcquireSpinLockAtDpcLevel, RULE_KRN_114},
    {ROUTINE_KeReleaseSpinLockFromDpcLevel, RULE_KRN_114},
    {ROUTINE_KeTryToAcquireSpinLockAtDpcLevel, RULE_KRN_114},
    {ROUTINE_KeAcquireInStackQueuedSpinLockAtDpcLevel, RULE_KRN_114},
    {ROUTINE_KeReleaseInStackQueuedSpinLockFromDpcLevel, RULE_KRN_114},
    {ROUTINE_KeReleaseInStackQueuedSpinLock, RULE_KRN_116},
    {ROUTINE_KeEnterCriticalRegion, RULE_KRN_130},
    {ROUTINE_KeLeaveCriticalRegion, RULE_KRN_130},
    {ROUTINE_KeEnterGuardedRegion, RULE_KRN_130},
    {ROUTINE_KeLeaveGuardedRegion, RULE_KRN_130},
    {ROUTINE_KeFlushQueuedDpcs, RULE_KRN_155},
    {ROUTINE_WskControlSocket, RULE_CTL_050},
    {ROUTINE_WskControlClient, RULE_CTL_053},
    {ROUTINE_KeExpandKernelStackAndCallout, RULE_KRN_058},
    {ROUTINE_ExRaiseStatus, RULE_KRN_061},
    {ROUTINE_ExRaiseAccessViolation, RULE_KRN_061},
    {ROUTINE_PsCreateSystemThread, RULE_KRN_250},
    {ROUTINE_PsTerminateSystemThread, RULE_KRN_256},
    {ROUTINE_ObReferenceObjectByHandle, RULE_KRN_253},
    {ROUTINE_ObDereferenceObject, RULE_KRN_255},
    {ROUTINE_ZwClose, RULE_KRN_258},
    {ROUTINE_ObCloseHandle, RULE_KRN_258},
    {ROUTINE_ZwWaitForSingleObject, RULE_KRN_059},
    {ROUTINE_ExAcquireFastMutex, RULE_KRN_125},
    {ROUTINE_ExTryToAcquireFastMutex, RULE_KRN_125},
    {ROUTINE_ExReleaseFastMutex, RULE_KRN_125},
    {ROUTINE_ExAcquireFastMutexUnsafe, RULE_KRN_125},
    {ROUTINE_ExReleaseFastMutexUnsafe, RULE_KRN_125},
    {ROUTINE_KeAcquireGuardedMutex, RULE_KRN_126},
    {ROUTINE_KeReleaseGuardedMutex, RULE_KRN_126},
    {ROUTINE_ExAcquirePushLockExclusive, RULE_KRN_127},
    {ROUTINE_ExAcquirePushLockShared, RULE_KRN_127},
    {ROUTINE_ExReleasePushLockExclusive, RULE_KRN_127},
    {ROUTINE_ExReleasePushLockShared, RULE_KRN_127},
    {ROUTINE_ExReleasePushLock, RULE_KRN_127},
    {ROUTINE_ExAcquireResourceExclusiveLite, RULE_KRN_128},
    {ROUTINE_ExAcquireResourceSharedLite, RULE_KRN_128},
    {ROUTINE_ExEnterCriticalRegionAndAcquireResourceExclusive, RULE_KRN_128},
};

enum model_rule ke_irql_rule(struct sim *s, enum model_routine routine)
{
    if (ke_current(s)->must_wait) {
        return RULE_KRN_087;
    }
    for (size_t i = 0; i < SIM_COUNT(narrow); i++) {
        if (narrow[i].routine == routine) {
            if (narrow[i].rule == RULE_KRN_114 && ke_in_window(s, KE_WINDOW_DPC)) {
                return RULE_KRN_131; /* a threaded DPC at PASSIVE_LEVEL */
            }
            if (is_blocking_lock(narrow[i].rule) && ke_in_arbitrary_context(s)) {
                return RULE_KRN_133;
            }
            return (enum model_rule)narrow[i].rule;
        }
    }
    return is_in_completion(s) ? RULE_KRN_012 : RULE_KRN_050;
}

/* ---- raising and lowering ---- */

KIRQL KeGetCurrentIrql(void)
{
    struct sim *s = model_enter(ROUTINE_KeGetCurrentIrql);
    KIRQL irql = ke_irql(s);
    s->current->routine = 0; /* nobody else can see or change it: one point is enough */
    return irql;
}

/* For a mutant: does another context stand on a raised IRQL? */
static bool is_other_raised(const struct sim *s)
{
    for (uint32_t i = 0; i < s->live_count; i++) {
        const struct ke_context *c = ke_record(s->live[i]);
        if (s->live[i] != s->current && c != NULL && c->raise_count != 0) {
            return true;
        }
    }
    return false;
}

/* KRN-065: an IRQL belongs to a context; who runs on other processors goes on. */
static KIRQL raise_to(struct sim *s, KIRQL irql)
{
    struct ke_context *c = ke_current(s);
    KIRQL old = ke_irql(s);
    if (irql < old || irql > HIGH_LEVEL) {
        model_fail(s, RULE_KRN_053, 0, NULL, "KeRaiseIrql is asked to raise from %s to %s",
                   ke_irql_name(old), ke_irql_name(irql));
    }
    if (c->raise_count == KE_RAISES_MAX) {
        model_fail(s, RULE_KRN_053, 0, NULL, "the IRQL is raised %d times and never lowered",
                   KE_RAISES_MAX);
    }
    while (model_mutated(raising_is_a_lock) && irql == DISPATCH_LEVEL && is_other_raised(s)) {
        sim_spin(s, (uintptr_t)ke_of(s));
    }
    c->raise[c->raise_count++] = old;
    sim_trace(s, TRACE_Irql, 0, irql);
    sim_set_level(s, irql);
    model_exercised(s, RULE_KRN_065);
    return old;
}

KIRQL KfRaiseIrql(KIRQL NewIrql)
{
    struct sim *s = model_enter(ROUTINE_KfRaiseIrql);
    KIRQL old = raise_to(s, NewIrql);
    model_leave(s);
    return old;
}

KIRQL KeRaiseIrqlToDpcLevel(void)
{
    struct sim *s = model_enter(ROUTINE_KeRaiseIrqlToDpcLevel);
    KIRQL old = raise_to(s, DISPATCH_LEVEL);
    model_leave(s);
    return old;
}

/* The raise that this lowering ends; those inside it that were never ended are dropped. */
static void lower_checked(struct sim *s, KIRQL irql)
{
    struct ke_context *c = ke_current(s);
    const struct ke_window_mark *mark =
        c->window_count > 0 ? &c->window[c->window_count - 1] : NULL;
    if (irql > ke_irql(s)) {
        model_fail(s, RULE_KRN_053, 0, NULL, "KeLowerIrql is asked to lower from %s to %s",
                   ke_irql_name(ke_irql(s)), ke_irql_name(irql));
    }
    if (mark != NULL && irql < mark->irql) {
        model_fail(s, RULE_KRN_055, mark->object, &mark->entered,
                   "the routine was called at %s and lowers the IRQL to %s",
                   ke_irql_name(mark->irql), ke_irql_name(irql));
    }
    uint32_t floor = mark != NULL ? mark->raise_count : 0;
    uint32_t at = c->raise_count;
    while (at > floor && c->raise[at - 1] != irql) {
        at--;
    }
    if (at == floor) {
        model_fail(s, RULE_KRN_053, 0, NULL,
                   "KeLowerIrql lowers to %s, which no KeRaiseIrql in progress returned",
                   ke_irql_name(irql));
    }
    if (at != c->raise_count) {
        model_lint(s, RULE_KRN_053); /* skips a raise: works, but the pairs do not nest */
    }
    c->raise_count = (uint8_t)(at - 1);
    sim_trace(s, TRACE_Irql, 0, irql);
    ke_lower(s, irql);
    if (model_mutated(raising_is_a_lock)) {
        sim_spin_release(s, (uintptr_t)ke_of(s));
    }
}

void KeLowerIrql(KIRQL NewIrql)
{
    struct sim *s = model_enter(ROUTINE_KeLowerIrql);
    lower_checked(s, NewIrql);
    model_exercised(s, RULE_KRN_053);
    model_leave(s);
}

/* ---- regions ---- */

void KeEnterCriticalRegion(void)
{
    struct sim *s = model_enter(ROUTINE_KeEnterCriticalRegion);
    ke_current(s)->critical++;
    ke_current(s)->apc_disable++;
    model_leave(s);
}

void KeLeaveCriticalRegion(void)
{
    struct sim *s = model_enter(ROUTINE_KeLeaveCriticalRegion);
    struct ke_context *c = ke_current(s);
    if (c->critical <= 0) {
        model_fail(s, RULE_KRN_130, 0, NULL, "a critical region is left that was not entered");
    }
    c->critical--;
    c->apc_disable--;
    model_exercised(s, RULE_KRN_130);
    model_leave(s);
}

void KeEnterGuardedRegion(void)
{
    struct sim *s = model_enter(ROUTINE_KeEnterGuardedRegion);
    ke_current(s)->guarded++;
    model_leave(s);
}

void KeLeaveGuardedRegion(void)
{
    struct sim *s = model_enter(ROUTINE_KeLeaveGuardedRegion);
    struct ke_context *c = ke_current(s);
    if (c->guarded <= 0) {
        model_fail(s, RULE_KRN_130, 0, NULL, "a guarded region is left that was not entered");
    }
    c->guarded--;
    model_exercised(s, RULE_KRN_130);
    model_leave(s);
}

BOOLEAN KeAreApcsDisabled(void)
{
    struct sim *s = model_enter(ROUTINE_KeAreApcsDisabled);
    const struct ke_context *c = ke_current(s);
    BOOLEAN disabled = c->apc_disable > 0 || c->guarded > 0;
    model_leave(s);
    return disabled;
}

BOOLEAN KeAreAllApcsDisabled(void)
{
    struct sim *s = model_enter(ROUTINE_KeAreAllApcsDisabled);
    BOOLEAN disabled = ke_current(s)->guarded > 0 || ke_irql(s) >= APC_LEVEL;
    model_leave(s);
    return disabled;
}
