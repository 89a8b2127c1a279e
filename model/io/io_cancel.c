/* SPDX-License-Identifier: MIT */
/*
 * Cancelling: the cancel bit, cancel routines, the cancel spin lock (KRN-021 to KRN-027).
 *
 * A request that WSK holds has no cancel routine in the IRP: its record names the subsystem's
 * function. A cancel routine of the driver (IRPs from above) is called with the cancel spin lock
 * held, in a window that was opened before the lock was taken: the routine must release it
 * (KRN-026).
 *
 * Invariants:
 *  1. From entry to return of IoCancelIrp the call is in the list of calls in progress: memory of
 *     the IRP that goes away meanwhile on another context is IRP-026.
 *  2. A cancel function or routine is taken out before it is called: it is called at most once.
 */
#include "model/io/io_internal.h"

/* ---- the cancel spin lock ---- */

void io_cancel_lock(struct sim *s, KIRQL *old)
{
    KIRQL irql = ke_irql(s);
    struct ke_held_lock *held = ke_lock_find(s, IO_CANCEL_LOCK);
    if (held != NULL) {
        model_fail(s, RULE_KRN_113, 0, &held->taken,
                   "the cancel spin lock is acquired by the processor that holds it");
    }
    ke_set_irql(s, DISPATCH_LEVEL);
    while (ke_lock_owner(s, IO_CANCEL_LOCK) != NULL) {
        sim_spin(s, (uintptr_t)IO_CANCEL_LOCK);
    }
    ke_lock_taken(s, IO_CANCEL_LOCK, KE_LOCK_CANCEL, irql, 0);
    *old = irql;
}

void io_cancel_unlock(struct sim *s, KIRQL irql)
{
    struct ke_held_lock *held = ke_lock_find(s, IO_CANCEL_LOCK);
    if (held == NULL) {
        model_fail(s, RULE_KRN_115, 0, NULL,
                   "the cancel spin lock is released by a context that does not hold it");
    }
    if (irql != held->old_irql) {
        bool is_routine = ke_in_window(s, KE_WINDOW_CANCEL);
        model_fail(s, is_routine ? RULE_KRN_026 : RULE_KRN_112, 0, &held->taken,
                   "the cancel spin lock is released with IRQL %u; the acquisition handed back %u",
                   irql, held->old_irql);
    }
    ke_lock_dropped(s, held);
    sim_spin_release(s, (uintptr_t)IO_CANCEL_LOCK);
    if (ke_spin_locks_held(s) != 0 && irql < DISPATCH_LEVEL) {
        model_fail(
            s, RULE_KRN_118, 0, NULL,
            "releasing the cancel spin lock lowers the IRQL while another spin lock is held");
    }
    ke_set_irql(s, irql);
}

void IoAcquireCancelSpinLock(PKIRQL Irql)
{
    struct sim *s =
        model_enter_object(ROUTINE_IoAcquireCancelSpinLock, SIM_OP_LOCK, IO_CANCEL_LOCK);
    model_touch(s, Irql, sizeof(*Irql), "Irql");
    KIRQL old;
    io_cancel_lock(s, &old);
    model_touch(s, Irql, sizeof(*Irql), "Irql"); /* may have waited */
    *Irql = old;
    sim_trace(s, TRACE_LockAcquire, 0, old);
    model_leave(s);
}

void IoReleaseCancelSpinLock(KIRQL Irql)
{
    struct sim *s =
        model_enter_object(ROUTINE_IoReleaseCancelSpinLock, SIM_OP_UNLOCK, IO_CANCEL_LOCK);
    io_cancel_unlock(s, Irql);
    sim_trace(s, TRACE_LockRelease, 0, Irql);
    model_leave(s);
}

/* ---- IoSetCancelRoutine ---- */

PDRIVER_CANCEL IoSetCancelRoutine(PIRP Irp, PDRIVER_CANCEL CancelRoutine)
{
    struct sim *s = model_enter_object(ROUTINE_IoSetCancelRoutine, SIM_OP_WRITE, Irp);
    struct io_irp *r = io_irp_argument(s, Irp);
    if (io_irp_in_flight(r)) {
        model_fail(s, RULE_KRN_034, r->object, &r->submitted,
                   "IoSetCancelRoutine on an IRP that %s holds",
                   model_routine_name(r->submitted_to));
    }
    if (CancelRoutine != NULL) {
        model_code(s, (const void *)CancelRoutine, "the cancel routine");
    }
    sim_hb_exchange(s, sim_hb_other(r));
    PDRIVER_CANCEL old = Irp->CancelRoutine;
    Irp->CancelRoutine = CancelRoutine;
    r->routine_set = sim_here(s);
    model_exercised(s, RULE_KRN_027);
    model_exercised(s, RULE_KRN_034);
    model_leave(s);
    return old;
}

/* ---- cancelling ---- */

/* Calls the driver's cancel routine as the I/O manager does: cancel lock held, IRQL in the IRP. */
static void call_cancel_routine(struct sim *s, struct io_irp *r, PDRIVER_CANCEL routine)
{
    PIRP irp = r->irp;
    KIRQL old;
    PDEVICE_OBJECT device = irp->CurrentLocation <= (CHAR)r->stack_count
                                ? irp->Tail.Overlay.CurrentStackLocation->DeviceObject
                                : NULL;
    if (routine != io_csq_cancel) {
        model_code(s, (const void *)routine, "the cancel routine");
    }
    ke_window_open(s, KE_WINDOW_CANCEL, r->object);
    io_cancel_lock(s, &old); /* was free a moment ago: no waiting */
    irp->CancelIrql = old;
    routine(device, irp);
    struct ke_held_lock *held = ke_lock_find(s, IO_CANCEL_LOCK);
    if (held != NULL) {
        model_fail(s, RULE_KRN_026, r->object, &held->taken,
                   "a cancel routine returns without releasing the cancel spin lock");
    }
    model_exercised(s, RULE_KRN_026);
    ke_window_close(s);
}

/* Who looks at the cancel bit or takes the routine away under the lock must see both or neither. */
static bool set_cancel_bit(struct sim *s, struct io_irp *r, PDRIVER_CANCEL *routine)
{
    KIRQL old;
    io_cancel_lock(s, &old);
    bool is_there = r->state != IO_IRP_FREED;
    if (is_there) {
        sim_hb_exchange(s, sim_hb_other(r));
        r->irp->Cancel = TRUE;
        r->cancel_requested = true;
        *routine = r->irp->CancelRoutine;
        r->irp->CancelRoutine = model_mutated(cancel_twice) ? *routine : NULL;
    }
    io_cancel_unlock(s, old);
    return is_there;
}

BOOLEAN io_cancel(struct sim *s, struct io_irp *r)
{
    PDRIVER_CANCEL routine = NULL;
    if (!set_cancel_bit(s, r, &routine)) {
        return FALSE;
    }
    if (r->above != NULL && !r->above->is_cancelled) {
        r->above->is_cancelled = true;
        r->above->cancelled_at = s->now;
    }
    sim_trace(s, TRACE_IrpCancel, r->object, 0);
    if (routine != NULL) {
        call_cancel_routine(s, r, routine);
        return !model_mutated(cancel_answers_false);
    }
    if (r->state == IO_IRP_PENDING && r->cancel != NULL) {
        void (*cancel)(struct sim *, struct io_irp *, void *) = r->cancel;
        r->cancel = NULL;
        cancel(s, r, r->request);
        return TRUE;
    }
    return FALSE;
}

void io_check_never_idle(struct sim *s)
{
    for (const struct io_above *a = io_of(s)->above_first; a != NULL; a = a->next) {
        if (a->is_stopped) {
            model_fail(s, RULE_KRN_035, a->record->object, &a->record->submitted,
                       "a completion routine stopped the completion of an IRP from above, and "
                       "the driver never completed it");
        }
        if (a->is_cancelled && a->record->irp->CancelRoutine != NULL) {
            model_fail(s, RULE_KRN_027, a->record->object, &a->record->routine_set,
                       "a cancel routine was set on an IRP that was cancelled already, and the "
                       "driver did not test the cancel bit afterwards");
        }
    }
    io_works_check_idle(s);
}

static void cancel_check(struct sim *s, const struct io_irp *r)
{
    model_exercised(s, RULE_IRP_027);
    model_exercised(s, RULE_KRN_023);
    switch ((enum io_irp_origin)r->origin) {
    case IO_IRP_ALLOCATED:
    case IO_IRP_RAW:
    case IO_IRP_IO_MANAGER:
    case IO_IRP_ASSOCIATED:
        break;
    case IO_IRP_FROM_ABOVE:
        model_fail(s, r->passes > 0 ? RULE_IRP_027 : RULE_KRN_023, r->object, &r->born,
                   "IoCancelIrp on an IRP received from above: only its creator cancels it");
    }
    if (r->state == IO_IRP_COMPLETED) { /* KAMB-01 */
        if (model_knob(s, KNOB_KERNEL_CANCEL_COMPLETED) != 0) {
            model_fail(s, RULE_KRN_022, r->object, &r->completed, "IoCancelIrp on a completed IRP");
        }
        model_lint(s, RULE_KRN_022);
    }
    if (io_irp_in_flight(r) && io_frame_is_left(s, r->irp)) {
        model_fail(s, RULE_KRN_029, r->object, &r->submitted,
                   "IoCancelIrp on an IRP in a frame that was left");
    }
}

static struct io_irp *cancel_argument(struct sim *s, PIRP irp)
{
    struct io_irp *r = io_irp_find(s, irp);
    model_exercised(s, RULE_KRN_022);
    if (r != NULL && r->state == IO_IRP_FREED) {
        bool is_own = io_irp_is_own(r);
        model_fail(s, RULE_KRN_022, r->object, is_own ? &r->freed : &r->completed,
                   "IoCancelIrp on an IRP that has been %s", is_own ? "freed" : "completed");
    }
    return io_irp_argument(s, irp);
}

static void call_begin(struct sim *s, struct io_irp *r)
{
    struct io_state *io = io_of(s);
    SIM_ASSERT_OP(io->cancel_call_count, <, IO_CANCELS_MAX);
    io->cancel_call[io->cancel_call_count++] =
        (struct io_cancel_call){.record = r, .context = s->current, .where = sim_here(s)};
    r->cancel_windows++;
}

static void call_end(struct sim *s, struct io_irp *r)
{
    struct io_state *io = io_of(s);
    uint32_t i = io->cancel_call_count;
    while (i-- > 0 &&
           (io->cancel_call[i].record != r || io->cancel_call[i].context != s->current)) {
    }
    SIM_ASSERT_OP(i, <, io->cancel_call_count);
    io->cancel_call[i] = io->cancel_call[--io->cancel_call_count];
    r->cancel_windows--;
}

void io_cancel_check_free(struct sim *s, const struct io_irp *r)
{
    model_exercised(s, RULE_IRP_026);
    model_exercised(s, RULE_KRN_024);
    if (SIM_LIKELY(r->cancel_windows == 0)) {
        return;
    }
    const struct io_state *io = io_of(s);
    for (uint32_t i = 0; i < io->cancel_call_count; i++) {
        const struct io_cancel_call *call = &io->cancel_call[i];
        if (call->record == r && call->context != s->current) {
            bool is_wsk = r->submitted_to != ROUTINE_IofCallDriver;
            model_fail(s, is_wsk ? RULE_IRP_026 : RULE_KRN_024, r->object, &call->where,
                       "the IRP is freed while IoCancelIrp is at work on it elsewhere");
        }
    }
}

BOOLEAN IoCancelIrp(PIRP Irp)
{
    struct sim *s = model_enter_object(ROUTINE_IoCancelIrp, SIM_OP_WRITE, Irp);
    struct io_irp *r = cancel_argument(s, Irp);
    cancel_check(s, r);
    call_begin(s, r);
    sim_point(s, SIM_OP_WRITE, (uintptr_t)Irp); /* what others do to the IRP now is IRP-026 */
    BOOLEAN result = io_cancel(s, r);
    sim_point(s, SIM_OP_RETURN, 0);
    call_end(s, r);
    s->current->routine = 0;
    return result;
}
