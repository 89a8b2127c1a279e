/* SPDX-License-Identifier: MIT */
/*
 * Completion: routines from the lowest stack location upward, each in a window of its own, until
 * one stops it (KRN-009, KRN-010, KRN-037), then what the origin of the IRP asks for at the top.
 *
 *   location 1 (WSK or a device)  its routine: whoever passed the IRP down
 *   location 2                    its routine: one level up
 *   top                           nobody (own IRP: an error), or the I/O manager
 *
 * Invariants:
 *  1. A location is cleared before its routine runs: a copied or skipped one carries nothing stale.
 *  2. After a routine answered STATUS_MORE_PROCESSING_REQUIRED the IRP is not touched any more.
 */
#include "model/io/io_internal.h"

#include <string.h>

static bool wants_call(const IRP *irp, const IO_STACK_LOCATION *location)
{
    if (location->CompletionRoutine == NULL) {
        return false;
    }
    if (NT_SUCCESS(irp->IoStatus.Status) && (location->Control & SL_INVOKE_ON_SUCCESS) != 0) {
        return true;
    }
    bool is_error = !NT_SUCCESS(irp->IoStatus.Status) || model_mutated(error_flag_ignored);
    if (is_error && (location->Control & SL_INVOKE_ON_ERROR) != 0) {
        return true;
    }
    if (model_mutated(cancel_flag_ignored)) {
        return false;
    }
    return irp->Cancel && (location->Control & SL_INVOKE_ON_CANCEL) != 0;
}

static NTSTATUS call_routine(struct sim *s, struct io_irp *r, PDEVICE_OBJECT device,
                             const IO_STACK_LOCATION *location, struct sim_where *entered)
{
    uint32_t object = r->object;
    if (model_mutated(own_irp_gets_a_device)) {
        device = (PDEVICE_OBJECT)(uintptr_t)r->irp;
    }
    if (model_mutated(completion_raises)) {
        ke_set_irql(s, DISPATCH_LEVEL);
    }
    ke_window_open(s, KE_WINDOW_COMPLETION, object);
    ke_window_code(s, (const void *)location->CompletionRoutine);
    sim_trace(s, TRACE_IrpCompletionEnter, object, r->irp->PendingReturned);
    *entered = sim_here(s);
    r->is_marked_above = false;
    NTSTATUS status = location->CompletionRoutine(device, r->irp, location->Context);
    sim_trace(s, TRACE_IrpCompletionLeave, object, (uint64_t)(uint32_t)status);
    ke_window_close(s);
    return status;
}

/* The routine lets completion continue: may it? */
static void check_continued(struct sim *s, struct io_irp *r, NTSTATUS value, bool was_pending,
                            bool at_top, const struct sim_where *entered)
{
    model_exercised(s, RULE_KRN_010);
    if (io_irp_is_own(r) && (at_top || r->state == IO_IRP_FREED || io_irp_in_flight(r))) {
        model_fail(s, RULE_IRP_005, r->object, entered,
                   "the completion routine of an IRP of the client's returns 0x%08x, not "
                   "STATUS_MORE_PROCESSING_REQUIRED",
                   (unsigned)value);
    }
    if (io_irp_in_flight(r) || r->state == IO_IRP_FREED) {
        model_fail(s, RULE_KRN_019, r->object, &r->submitted,
                   "a completion routine lets completion continue with an IRP that it passed on");
    }
    if (value != STATUS_SUCCESS) {
        if (model_knob(s, KNOB_KERNEL_COMPLETION_VALUE) != 0) {
            model_fail(s, RULE_KRN_010, r->object, entered,
                       "a completion routine returns 0x%08x", (unsigned)value);
        }
        model_lint(s, RULE_KRN_010);
    }
    if (!was_pending || at_top) {
        return;
    }
    model_exercised(s, RULE_KRN_015);
    if ((r->irp->Tail.Overlay.CurrentStackLocation->Control & SL_PENDING_RETURNED) == 0) {
        model_fail(s, RULE_KRN_015, r->object, entered,
                   "PendingReturned was TRUE, and the completion routine lets completion continue "
                   "without IoMarkIrpPending");
    }
}

static void stopped(struct sim *s, struct io_irp *r)
{
    if (r->above != NULL && r->is_marked_above && model_knob(s, KNOB_KERNEL_MARK_AND_STOP) != 0) {
        model_lint(s, RULE_KRN_015); /* needless */
    }
    if (r->above != NULL && r->state != IO_IRP_FREED) {
        r->above->is_stopped = true; /* KRN-035 */
    }
}

bool io_walk(struct sim *s, struct io_irp *r)
{
    PIRP irp = r->irp;
    while (irp->CurrentLocation <= (CHAR)r->stack_count) {
        PIO_STACK_LOCATION slot = irp->Tail.Overlay.CurrentStackLocation;
        const IO_STACK_LOCATION done = *slot;
        memset(slot, 0, sizeof(*slot));
        irp->CurrentLocation++;
        irp->Tail.Overlay.CurrentStackLocation = slot + 1;
        bool at_top = irp->CurrentLocation > (CHAR)r->stack_count;
        bool was_pending = (done.Control & SL_PENDING_RETURNED) != 0;
        irp->PendingReturned = was_pending && !model_mutated(pending_returned_lost);
        if (wants_call(irp, &done)) {
            r->is_with_device = false;
            struct sim_where entered;
            NTSTATUS value =
                call_routine(s, r, at_top ? NULL : slot[1].DeviceObject, &done, &entered);
            if (value == STATUS_MORE_PROCESSING_REQUIRED ||
                (model_mutated(value_stops_completion) && !NT_SUCCESS(value))) {
                stopped(s, r);
                return false;
            }
            check_continued(s, r, value, was_pending, at_top, &entered);
        } else if (was_pending && !at_top) {
            slot[1].Control |= SL_PENDING_RETURNED;
        }
    }
    return true;
}

/* ---- the top ---- */

/* Buffered output goes to the caller, unless the request failed. */
static void return_buffer(struct sim *s, struct io_irp *r, const IO_STATUS_BLOCK *result)
{
    const struct sim_block *from = r->system_buffer;
    if (from == NULL) {
        return;
    }
    if (r->out_size != 0 && !NT_ERROR(result->Status)) {
        if (result->Information > from->size) {
            model_fail(s, RULE_KRN_198, r->object, &r->completed,
                       "an IRP is completed with Information %llu; its buffer has %u bytes",
                       (unsigned long long)result->Information, from->size);
        }
        size_t size = result->Information < r->out_size ? result->Information : r->out_size;
        model_touch(s, r->out_buffer, size, "OutputBuffer");
        memcpy(r->out_buffer, (const void *)from->base, size);
    }
    ex_free(s, r->system_buffer);
}

/* The I/O manager takes its own IRP back: buffers, status block, event, memory (KRN-031). */
static void finish_io_manager(struct sim *s, struct io_irp *r)
{
    PIRP irp = r->irp;
    PKEVENT event = irp->UserEvent;
    PIO_STATUS_BLOCK block = irp->UserIosb;
    IO_STATUS_BLOCK result = irp->IoStatus;
    r->completed = sim_here(s);
    return_buffer(s, r, &result);
    mm_irp_chain_free(s, irp->MdlAddress, r->mdl);
    io_irp_release(s, r);
    if (block != NULL) {
        model_touch(s, block, sizeof(*block), "the IoStatusBlock of an IRP");
        *block = result;
    }
    if (event != NULL) {
        model_touch(s, event, sizeof(*event), "the Event of an IRP");
        ke_event_set(s, event);
    }
}

static void finish_associated(struct sim *s, struct io_irp *r)
{
    PIRP master = r->irp->AssociatedIrp.MasterIrp;
    mm_irp_chain_free(s, r->irp->MdlAddress, NULL);
    io_irp_release(s, r);
    struct io_irp *master_record = io_irp_argument(s, master);
    if (--master->AssociatedIrp.IrpCount == 0) {
        master_record->completed = sim_here(s);
        io_complete_request(s, master_record);
    }
}

void io_complete_request(struct sim *s, struct io_irp *r)
{
    if (!io_walk(s, r)) {
        return;
    }
    switch ((enum io_irp_origin)r->origin) {
    case IO_IRP_ALLOCATED:
    case IO_IRP_RAW:
        model_fail(s, RULE_IRP_005, r->object, &r->completed,
                   "nothing stopped the completion of an IRP of the client's");
    case IO_IRP_FROM_ABOVE:
        io_above_finished(s, r);
        break;
    case IO_IRP_IO_MANAGER:
        finish_io_manager(s, r);
        break;
    case IO_IRP_ASSOCIATED:
        finish_associated(s, r);
        break;
    }
}

/* ---- IoCompleteRequest ---- */

static void check_ownership(struct sim *s, const struct io_irp *r)
{
    if (r->state == IO_IRP_FREED && !io_irp_is_own(r)) {
        model_fail(s, RULE_KRN_018, r->object, &r->completed,
                   "IoCompleteRequest completes an IRP for the second time");
    }
    io_irp_argument(s, r->irp);
    io_irp_not_in_flight(s, r, "IoCompleteRequest");
    io_check_position(s, r, RULE_KRN_018, "IoCompleteRequest");
    if (r->irp->CurrentLocation > (CHAR)r->stack_count) {
        model_fail(s, RULE_KRN_018, r->object, &r->born,
                   "IoCompleteRequest on an IRP of which the driver has no stack location: it made "
                   "the IRP itself");
    }
    if (r->is_queued) {
        model_fail(s, RULE_KRN_036, r->object, &r->queued,
                   "IoCompleteRequest on an IRP that is in a cancel-safe queue");
    }
}

static void check_moment(struct sim *s, const struct io_irp *r)
{
    NTSTATUS status = r->irp->IoStatus.Status;
    if (status == STATUS_PENDING || status == -1) {
        model_fail(s, RULE_KRN_018, r->object, &r->born,
                   "IoCompleteRequest with 0x%08x, which is no final status", (unsigned)status);
    }
    if (r->irp->CancelRoutine != NULL) {
        model_fail(s, RULE_KRN_018, r->object, &r->born,
                   "IoCompleteRequest on an IRP whose cancel routine is still set");
    }
    if (SIM_UNLIKELY(ke_spin_locks_held(s) != 0)) {
        const struct ke_held_lock *lock = ke_lock_find(s, IO_CANCEL_LOCK);
        if (lock != NULL) {
            model_fail(s, RULE_KRN_026, r->object, &lock->taken,
                       "IoCompleteRequest with the cancel spin lock held");
        }
        model_fail(s, RULE_KRN_018, r->object, NULL, "IoCompleteRequest with a spin lock held");
    }
    model_exercised(s, RULE_KRN_018);
}

void IofCompleteRequest(PIRP Irp, CCHAR PriorityBoost)
{
    struct sim *s = model_enter_object(ROUTINE_IofCompleteRequest, SIM_OP_WRITE, Irp);
    (void)PriorityBoost;
    struct io_irp *r = io_irp_find(s, Irp);
    if (r == NULL) {
        r = io_irp_argument(s, Irp); /* ends the run */
    }
    check_ownership(s, r);
    check_moment(s, r);
    r->completed = sim_here(s);
    sim_hb_acquire(s, r);
    if (r->above != NULL) {
        r->above->is_stopped = false;
    }
    sim_trace(s, TRACE_IrpComplete, r->object, (uint64_t)(uint32_t)Irp->IoStatus.Status);
    io_complete_request(s, r);
    model_leave(s);
}
