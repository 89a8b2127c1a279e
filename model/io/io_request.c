/* SPDX-License-Identifier: MIT */
/*
 * IRPs as WSK requests: passed in, pended, completed (sockets.md 1.2, 2.4 steps 3 and 4, 3.2).
 *
 * While a request is in flight the IRP is the subsystem's. Its IoStatus is filled with a pattern,
 * so that who reads it gets no plausible status, and marked OWNED in the validity map, so that a
 * checked module is caught reading it (IRP-030): no legal access can hit these 16 bytes before
 * the completion routine is entered, and before that happens the mark is gone. What the client
 * may have changed meanwhile (its stack location, IRP-008) is compared at completion.
 *
 * Invariants:
 *  1. io_complete runs once for each io_submit (IRP-013).
 *  2. PendingReturned is what io_pend said (IRP-018, KRN-017).
 *  3. After the completion routine was entered, the IRP is not touched for an own IRP (it may be
 *     freed).
 */
#include "model/io/io_internal.h"

#include <string.h>

enum { ALL_FLAGS = SL_INVOKE_ON_SUCCESS | SL_INVOKE_ON_ERROR | SL_INVOKE_ON_CANCEL };

/* ---- passing in ---- */

static void check_state(struct sim *s, const struct io_irp *r, enum model_routine routine)
{
    if (SIM_UNLIKELY(io_irp_in_flight(r))) {
        model_fail(s, RULE_IRP_008, r->object, &r->submitted,
                   "%s is given an IRP that was passed to %s and is not completed yet",
                   model_routine_name(routine), model_routine_name(r->submitted_to));
    }
    if (r->origin == IO_IRP_IO_MANAGER || r->origin == IO_IRP_ASSOCIATED) {
        model_fail(s, RULE_KRN_031, r->object, &r->born,
                   "%s is given an IRP that belongs to the I/O manager",
                   model_routine_name(routine));
    }
    if (r->is_with_device || r->is_queued) {
        model_fail(s, r->is_queued ? RULE_KRN_036 : RULE_KRN_019, r->object,
                   r->is_queued ? &r->queued : &r->submitted, "%s is given an IRP that is in %s",
                   model_routine_name(routine),
                   r->is_queued ? "a cancel-safe queue" : "the hands of another device");
    }
    if (r->state == IO_IRP_COMPLETED && io_irp_is_own(r)) {
        model_fail(s, RULE_IRP_006, r->object, &r->completed,
                   "%s is given a completed IRP that was not reinitialised",
                   model_routine_name(routine));
    }
}

static void check_location(struct sim *s, const struct io_irp *r, enum model_routine routine)
{
    const IRP *irp = r->irp;
    int location = irp->CurrentLocation;
    if (SIM_UNLIKELY(location < 2 || location > r->stack_count + 1)) {
        model_fail(s, RULE_IRP_003, r->object, &r->born,
                   "%s is given an IRP without a free stack location (%d of %u)",
                   model_routine_name(routine), location - 1, r->stack_count);
    }
    if (irp->Tail.Overlay.CurrentStackLocation !=
        (const IO_STACK_LOCATION *)(irp + 1) + (location - 1)) {
        model_fail(s, RULE_IRP_003, r->object, &r->born,
                   "%s is given an IRP whose current stack location was changed by hand",
                   model_routine_name(routine));
    }
    if (SIM_UNLIKELY(irp->CancelRoutine != NULL)) {
        model_fail(s, RULE_KRN_034, r->object, &r->born,
                   "%s is given an IRP that has a cancel routine of the client",
                   model_routine_name(routine));
    }
}

static void check_routine(struct sim *s, const struct io_irp *r, const IO_STACK_LOCATION *next,
                          enum model_routine routine)
{
    if (next->CompletionRoutine != NULL && (next->Control & ALL_FLAGS) != 0) {
        model_code(s, (const void *)next->CompletionRoutine, "the completion routine");
    }
    if (!io_irp_is_own(r)) {
        return;
    }
    if (next->CompletionRoutine == NULL) {
        model_fail(s, RULE_IRP_004, r->object, &r->born,
                   "%s is given an IRP of the client's without a completion routine",
                   model_routine_name(routine));
    }
    if ((next->Control & ALL_FLAGS) != ALL_FLAGS) {
        model_fail(s, RULE_IRP_004, r->object, &r->born,
                   "%s is given an IRP whose completion routine is not set for success, error and "
                   "cancel alike",
                   model_routine_name(routine));
    }
}

static void poison(struct io_irp *r)
{
    uintptr_t base = (uintptr_t)&r->irp->IoStatus;
    memset(&r->irp->IoStatus, 0xCD, sizeof(r->irp->IoStatus));
    if ((base & 7) == 0 && io_irp_is_own(r)) {
        sim_shadow_poison(base, sizeof(r->irp->IoStatus), SIM_SHADOW_OWNED);
        r->is_poisoned = true;
    }
}

static void unpoison(struct io_irp *r)
{
    if (r->is_poisoned) {
        sim_shadow_valid((uintptr_t)&r->irp->IoStatus, sizeof(r->irp->IoStatus));
        r->is_poisoned = false;
    }
}

/* CTL-016: of a location in an IRP of its own the client sets the completion routine only. */
static void check_untouched(struct sim *s, const struct io_irp *r, const IO_STACK_LOCATION *next)
{
    static const uint8_t zero[sizeof(next->Parameters)];
    if (io_irp_is_own(r) &&
        (next->MajorFunction != 0 || next->MinorFunction != 0 || next->Flags != 0 ||
         next->DeviceObject != NULL || next->FileObject != NULL ||
         memcmp(&next->Parameters, zero, sizeof(zero)) != 0)) {
        model_lint(s, RULE_CTL_016);
    }
    model_exercised(s, RULE_CTL_016);
}

struct io_irp *io_submit(struct sim *s, PIRP irp, enum model_routine routine)
{
    struct io_irp *r = io_irp_argument(s, irp);
    check_state(s, r, routine);
    check_location(s, r, routine);
    PIO_STACK_LOCATION next = irp->Tail.Overlay.CurrentStackLocation - 1;
    check_routine(s, r, next, routine);
    check_untouched(s, r, next);
    model_exercised(s, RULE_IRP_004);
    model_exercised(s, RULE_IRP_006);
    model_exercised(s, RULE_IRP_008);
    irp->CurrentLocation--;
    irp->Tail.Overlay.CurrentStackLocation = next;
    irp->PendingReturned = FALSE;
    r->location = (uint8_t)irp->CurrentLocation;
    r->routine = next->CompletionRoutine;
    r->context = next->Context;
    /* IRP-012: nothing else of what the client left there counts. */
    memset(&next->Parameters, 0, sizeof(next->Parameters));
    next->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    next->MinorFunction = 0;
    next->Flags = 0;
    next->Control &= model_mutated(location_kept) ? 0xff : ALL_FLAGS;
    next->DeviceObject = NULL;
    next->FileObject = NULL;
    r->state = IO_IRP_SUBMITTED;
    sim_hb_release(s, r);
    r->passes++;
    r->returned_pending = false;
    r->is_ex_routine = false;
    r->cancel_requested = irp->Cancel != FALSE;
    r->submitted_to = (uint16_t)routine;
    r->submitted = sim_here(s);
    io_flight_add(s, r);
    poison(r);
    sim_trace(s, TRACE_IrpSubmit, r->object, (uint64_t)routine);
    return r;
}

/* ---- pending ---- */

/* IoCancelIrp came while the call was still on its way: the request hears of it now. */
static void late_cancel_main(struct sim *s, void *argument)
{
    uintptr_t packed = (uintptr_t)argument;
    struct io_irp *r = record_pool_at(&io_of(s)->irps, (uint32_t)(packed >> 32));
    if (r->state == IO_IRP_PENDING && r->passes == (uint32_t)packed && r->cancel != NULL) {
        void (*cancel)(struct sim *, struct io_irp *, void *) = r->cancel;
        r->cancel = NULL;
        cancel(s, r, r->request);
    }
}

void io_pend(struct sim *s, struct io_irp *r,
             void (*cancel)(struct sim *s, struct io_irp *irp, void *request), void *request)
{
    SIM_ASSERT(r->state == IO_IRP_SUBMITTED);
    r->state = IO_IRP_PENDING;
    r->returned_pending = true;
    r->cancel = cancel;
    r->request = request;
    sim_trace(s, TRACE_IrpPend, r->object, 0);
    if (SIM_UNLIKELY(r->cancel_requested && cancel != NULL)) {
        uint64_t index = address_table_get(&io_of(s)->irp_table, (uintptr_t)r->irp);
        ke_system_call(s, NULL, DISPATCH_LEVEL, late_cancel_main,
                       (void *)(uintptr_t)(index << 32 | r->passes), "cancel");
    }
}

/* ---- completing ---- */

static void check_memory(struct sim *s, const struct io_irp *r)
{
    uintptr_t bad;
    if (SIM_LIKELY(sim_memory_ok(r->irp, r->size, &bad) && !io_frame_is_left(s, r->irp))) {
        model_exercised(s, RULE_KRN_029);
        return;
    }
    if (sim_memory_is_stack((uintptr_t)r->irp)) {
        model_fail(s, RULE_KRN_029, r->object, &r->submitted,
                   "the frame of an IRP was left before %s completed it",
                   model_routine_name(r->submitted_to));
    }
    model_fail(s, RULE_IRP_008, r->object, &r->submitted,
               "the memory of an IRP is gone before %s completed it",
               model_routine_name(r->submitted_to));
}

static void check_unchanged(struct sim *s, const struct io_irp *r)
{
    const IRP *irp = r->irp;
    const IO_STACK_LOCATION *location = (const IO_STACK_LOCATION *)(irp + 1) + (r->location - 1);
    if (SIM_UNLIKELY(irp->Type != IO_TYPE_IRP || irp->CurrentLocation != (CHAR)r->location ||
                     irp->Tail.Overlay.CurrentStackLocation != location ||
                     location->CompletionRoutine != r->routine ||
                     location->Context != r->context)) {
        model_fail(s, RULE_IRP_008, r->object, &r->submitted,
                   "the IRP or its stack location was changed while %s had it",
                   model_routine_name(r->submitted_to));
    }
}

void io_give_back(struct sim *s, struct io_irp *r)
{
    SIM_ASSERT(r->state == IO_IRP_SUBMITTED);
    unpoison(r);
    check_memory(s, r);
    io_flight_remove(s, r);
    r->state = IO_IRP_COMPLETED; /* to be reinitialised before it is passed again */
    r->completed = sim_here(s);
}

void io_complete(struct sim *s, struct io_irp *r, NTSTATUS status, ULONG_PTR information)
{
    SIM_ASSERT(io_irp_in_flight(r)); /* IRP-013: completed once */
    SIM_ASSERT(status != STATUS_PENDING);
    unpoison(r);
    check_memory(s, r);
    check_unchanged(s, r);
    io_flight_remove(s, r);
    r->state = IO_IRP_COMPLETED;
    sim_hb_acquire(s, r);
    r->cancel = NULL;
    r->request = NULL;
    r->completed = sim_here(s);
    PIRP irp = r->irp;
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    if (r->returned_pending) {
        irp->Tail.Overlay.CurrentStackLocation->Control |= SL_PENDING_RETURNED;
    }
    sim_trace(s, TRACE_IrpComplete, r->object, (uint64_t)(uint32_t)status);
    PIO_COMPLETION_ROUTINE routine = r->routine;
    void *context = r->context;
    io_complete_request(s, r);
    if (model_mutated(irp_completed_twice) && r->state == IO_IRP_COMPLETED && routine != NULL &&
        r->submitted_to == ROUTINE_WskControlSocket) {
        ke_window_open(s, KE_WINDOW_COMPLETION, r->object);
        (void)routine(NULL, irp, context);
        ke_window_close(s);
    }
}
