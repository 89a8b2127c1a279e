/* SPDX-License-Identifier: MIT */
/*
 * Stack locations: completion routines and the pending mark. Walking the stack is inline in the
 * headers; these two are routines because they are where the mistakes are.
 */
#include "model/io/io_internal.h"

/* KRN-008: the context is touched at any IRQL up to DISPATCH_LEVEL. It may be any value. */
static void check_context(struct sim *s, const struct io_irp *r, const void *context)
{
    if (!sim_memory_is_arena((uintptr_t)context)) {
        return;
    }
    const struct sim_block *block = sim_block_find(s, (uintptr_t)context);
    if (block != NULL && block->kind == BLOCK_PAGED) {
        model_fail(s, RULE_KRN_008, r->object, &block->born,
                   "the context of a completion routine lies in paged pool");
    }
}

void io_check_position(struct sim *s, const struct io_irp *r, enum model_rule rule,
                       const char *name)
{
    const IRP *irp = r->irp;
    int location = irp->CurrentLocation;
    if (SIM_LIKELY(irp->Type == IO_TYPE_IRP && irp->StackCount == (CHAR)r->stack_count &&
                   location >= 1 && location <= r->stack_count + 1 &&
                   irp->Tail.Overlay.CurrentStackLocation ==
                       (const IO_STACK_LOCATION *)(irp + 1) + (location - 1))) {
        return;
    }
    model_fail(s, rule, r->object, &r->born,
               "%s is given an IRP whose header or current stack location (%d of %u) was changed "
               "by hand",
               name, location, r->stack_count);
}

static void set_routine(struct sim *s, PIRP irp, PIO_COMPLETION_ROUTINE routine, void *context,
                        unsigned flags, const char *name)
{
    struct io_irp *r = io_irp_argument(s, irp);
    io_irp_not_in_flight(s, r, name);
    model_exercised(s, RULE_KRN_008);
    int location = irp->CurrentLocation;
    if (location < 2 || location > r->stack_count + 1) {
        bool was_skipped = location == r->stack_count + 1 && r->origin == IO_IRP_FROM_ABOVE;
        model_fail(s, was_skipped ? RULE_KRN_030 : RULE_KRN_002, r->object, &r->born,
                   "%s: the IRP has no next stack location (current %d of %u)", name, location,
                   r->stack_count);
    }
    if (location == r->stack_count + 1 && r->origin == IO_IRP_FROM_ABOVE) {
        model_fail(s, RULE_KRN_030, r->object, &r->born,
                   "%s after IoSkipCurrentIrpStackLocation replaces the routine of the layer above",
                   name);
    }
    if (flags != 0) {
        model_code(s, (const void *)routine, "the completion routine");
    }
    check_context(s, r, context);
    PIO_STACK_LOCATION next = irp->Tail.Overlay.CurrentStackLocation - 1;
    next->CompletionRoutine = routine;
    next->Context = context;
    next->Control = (UCHAR)(model_mutated(routine_for_all) ? 0xe0u : flags);
}

static unsigned flags_of(BOOLEAN success, BOOLEAN error, BOOLEAN cancel)
{
    return (success ? SL_INVOKE_ON_SUCCESS : 0u) | (error ? SL_INVOKE_ON_ERROR : 0u) |
           (cancel ? SL_INVOKE_ON_CANCEL : 0u);
}

void IoSetCompletionRoutine(PIRP Irp, PIO_COMPLETION_ROUTINE CompletionRoutine, PVOID Context,
                            BOOLEAN InvokeOnSuccess, BOOLEAN InvokeOnError, BOOLEAN InvokeOnCancel)
{
    struct sim *s = model_enter_object(ROUTINE_IoSetCompletionRoutine, SIM_OP_WRITE, Irp);
    set_routine(s, Irp, CompletionRoutine, Context,
                flags_of(InvokeOnSuccess, InvokeOnError, InvokeOnCancel), "IoSetCompletionRoutine");
    model_leave(s);
}

NTSTATUS IoSetCompletionRoutineEx(PDEVICE_OBJECT DeviceObject, PIRP Irp,
                                  PIO_COMPLETION_ROUTINE CompletionRoutine, PVOID Context,
                                  BOOLEAN InvokeOnSuccess, BOOLEAN InvokeOnError,
                                  BOOLEAN InvokeOnCancel)
{
    struct sim *s = model_enter_object(ROUTINE_IoSetCompletionRoutineEx, SIM_OP_WRITE, Irp);
    io_device_argument(s, DeviceObject);
    model_exercised(s, RULE_KRN_028);
    if (ex_should_fail(s)) {
        return model_leave_status(s, STATUS_INSUFFICIENT_RESOURCES);
    }
    set_routine(s, Irp, CompletionRoutine, Context,
                flags_of(InvokeOnSuccess, InvokeOnError, InvokeOnCancel),
                "IoSetCompletionRoutineEx");
    io_irp_find(s, Irp)->is_ex_routine = true;
    return model_leave_status(s, STATUS_SUCCESS);
}

/* The dispatch routine of the device that it was passed to is at work on it. */
static bool is_dispatched(struct sim *s, const struct io_irp *r)
{
    const struct ke_context *c = ke_current(s);
    const struct ke_window_mark *mark =
        c->window_count > 0 ? &c->window[c->window_count - 1] : NULL;
    return mark != NULL && mark->kind == KE_WINDOW_DISPATCH && mark->object == r->object &&
           mark->entered.seq > r->submitted.seq;
}

static void mark_pending(struct sim *s, PIRP irp)
{
    struct io_irp *r = io_irp_find(s, irp);
    if (r != NULL && r->state == IO_IRP_FREED && r->origin == IO_IRP_FROM_ABOVE) {
        model_fail(s, RULE_KRN_014, r->object, &r->completed,
                   "IoMarkIrpPending on an IRP that has been completed");
    }
    r = io_irp_argument(s, irp);
    bool is_below = r->is_with_device && is_dispatched(s, r);
    if (io_irp_in_flight(r) || (r->is_with_device && !is_below)) {
        model_fail(s, RULE_KRN_014, r->object, &r->submitted,
                   "IoMarkIrpPending on an IRP after it was passed to %s",
                   model_routine_name(r->submitted_to));
    }
    if (r->is_queued) {
        model_fail(s, RULE_KRN_014, r->object, &r->queued,
                   "IoMarkIrpPending on an IRP after it was put into a cancel-safe queue");
    }
    if (irp->CurrentLocation > (CHAR)r->stack_count) {
        bool is_own = io_irp_is_own(r);
        model_fail(s, is_own ? RULE_KRN_016 : RULE_KRN_030, r->object, &r->born,
                   is_own ? "IoMarkIrpPending on an IRP of the client's own, in which it has no "
                            "stack location"
                          : "IoMarkIrpPending after IoSkipCurrentIrpStackLocation");
    }
    irp->Tail.Overlay.CurrentStackLocation->Control |= SL_PENDING_RETURNED;
    r->is_marked_above = true;
    if (!r->was_marked && !is_below) { /* a mark of the layer below says nothing of this one */
        r->was_marked = true;
        r->marked = sim_here(s);
    }
    model_exercised(s, RULE_KRN_014);
    model_exercised(s, RULE_KRN_016);
}

void IoMarkIrpPending(PIRP Irp)
{
    struct sim *s = model_enter_object(ROUTINE_IoMarkIrpPending, SIM_OP_WRITE, Irp);
    mark_pending(s, Irp);
    model_leave(s);
}
