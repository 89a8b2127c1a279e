/* SPDX-License-Identifier: MIT */
/*
 * Cancel-safe queues (KRN-036): the driver brings lock, list and the completion of what was
 * cancelled; the order of steps, which makes it safe, is ours.
 *
 * The queue's callbacks take and release the driver's lock, so they are no windows: what they
 * leave held is released by another callback of the same call.
 *
 * Invariants:
 *  1. An IRP is in a queue exactly while its record says so.
 *  2. Whoever takes the cancel routine away owns the IRP: the remover, or the cancel routine.
 */
#include "model/io/io_internal.h"

static void acquire(struct sim *s, PIO_CSQ csq, KIRQL *irql)
{
    struct model_call call = model_call_save(s);
    *irql = PASSIVE_LEVEL;
    csq->CsqAcquireLock(csq, irql);
    model_call_restore(s, call);
}

static void release(struct sim *s, PIO_CSQ csq, KIRQL irql)
{
    struct model_call call = model_call_save(s);
    csq->CsqReleaseLock(csq, irql);
    model_call_restore(s, call);
}

static void take_out(struct sim *s, PIO_CSQ csq, PIRP irp)
{
    struct model_call call = model_call_save(s);
    csq->CsqRemoveIrp(csq, irp);
    model_call_restore(s, call);
    PIO_CSQ_IRP_CONTEXT context = irp->Tail.Overlay.DriverContext[3];
    if (context != NULL && context->Type == IO_TYPE_CSQ_IRP_CONTEXT) {
        context->Irp = NULL;
    }
    irp->Tail.Overlay.DriverContext[3] = NULL;
    struct io_irp *r = io_irp_find(s, irp);
    SIM_ASSERT(r != NULL);
    r->is_queued = false;
}

static void complete_cancelled(struct sim *s, PIO_CSQ csq, PIRP irp)
{
    struct model_call call = model_call_save(s);
    csq->CsqCompleteCanceledIrp(csq, irp);
    model_call_restore(s, call);
}

static PDRIVER_CANCEL exchange_cancel(PIRP irp, PDRIVER_CANCEL routine)
{
    PDRIVER_CANCEL old = irp->CancelRoutine;
    irp->CancelRoutine = routine;
    return old;
}

void io_csq_cancel(PDEVICE_OBJECT device, PIRP irp)
{
    struct sim *s = sim_current;
    KIRQL irql;
    (void)device;
    io_cancel_unlock(s, irp->CancelIrql);
    PIO_CSQ csq = irp->Tail.Overlay.DriverContext[3];
    if (csq->Type == IO_TYPE_CSQ_IRP_CONTEXT) {
        csq = ((PIO_CSQ_IRP_CONTEXT)csq)->Csq;
    }
    model_touch(s, csq, sizeof(*csq), "the cancel-safe queue of an IRP");
    acquire(s, csq, &irql);
    take_out(s, csq, irp);
    release(s, csq, irql);
    complete_cancelled(s, csq, irp);
}

/* ---- initialising ---- */

static void initialize(struct sim *s, PIO_CSQ csq, ULONG type, PIO_CSQ_INSERT_IRP insert,
                       const IO_CSQ *rest)
{
    model_touch(s, csq, sizeof(*csq), "the cancel-safe queue");
    model_code(s, (const void *)insert, "CsqInsertIrp");
    model_code(s, (const void *)rest->CsqRemoveIrp, "CsqRemoveIrp");
    model_code(s, (const void *)rest->CsqPeekNextIrp, "CsqPeekNextIrp");
    model_code(s, (const void *)rest->CsqAcquireLock, "CsqAcquireLock");
    model_code(s, (const void *)rest->CsqReleaseLock, "CsqReleaseLock");
    model_code(s, (const void *)rest->CsqCompleteCanceledIrp, "CsqCompleteCanceledIrp");
    *csq = *rest;
    csq->Type = type;
    csq->CsqInsertIrp = insert;
    csq->ReservePointer = NULL;
}

NTSTATUS IoCsqInitialize(PIO_CSQ Csq, PIO_CSQ_INSERT_IRP CsqInsertIrp,
                         PIO_CSQ_REMOVE_IRP CsqRemoveIrp, PIO_CSQ_PEEK_NEXT_IRP CsqPeekNextIrp,
                         PIO_CSQ_ACQUIRE_LOCK CsqAcquireLock, PIO_CSQ_RELEASE_LOCK CsqReleaseLock,
                         PIO_CSQ_COMPLETE_CANCELED_IRP CsqCompleteCanceledIrp)
{
    struct sim *s = model_enter(ROUTINE_IoCsqInitialize);
    const IO_CSQ rest = {0,
                         NULL,
                         CsqRemoveIrp,
                         CsqPeekNextIrp,
                         CsqAcquireLock,
                         CsqReleaseLock,
                         CsqCompleteCanceledIrp,
                         NULL};
    initialize(s, Csq, IO_TYPE_CSQ, CsqInsertIrp, &rest);
    return model_leave_status(s, STATUS_SUCCESS);
}

NTSTATUS IoCsqInitializeEx(PIO_CSQ Csq, PIO_CSQ_INSERT_IRP_EX CsqInsertIrp,
                           PIO_CSQ_REMOVE_IRP CsqRemoveIrp, PIO_CSQ_PEEK_NEXT_IRP CsqPeekNextIrp,
                           PIO_CSQ_ACQUIRE_LOCK CsqAcquireLock, PIO_CSQ_RELEASE_LOCK CsqReleaseLock,
                           PIO_CSQ_COMPLETE_CANCELED_IRP CsqCompleteCanceledIrp)
{
    struct sim *s = model_enter(ROUTINE_IoCsqInitializeEx);
    const IO_CSQ rest = {0,
                         NULL,
                         CsqRemoveIrp,
                         CsqPeekNextIrp,
                         CsqAcquireLock,
                         CsqReleaseLock,
                         CsqCompleteCanceledIrp,
                         NULL};
    initialize(s, Csq, IO_TYPE_CSQ_EX, (PIO_CSQ_INSERT_IRP)(void *)CsqInsertIrp, &rest);
    return model_leave_status(s, STATUS_SUCCESS);
}

static void check_queue(struct sim *s, const IO_CSQ *csq)
{
    model_touch(s, csq, sizeof(*csq), "the cancel-safe queue");
    if (csq->Type != IO_TYPE_CSQ && csq->Type != IO_TYPE_CSQ_EX) {
        model_fail(s, RULE_KRN_036, 0, NULL, "%s on a queue that was not initialised",
                   model_routine_name(s->current->routine));
    }
    model_exercised(s, RULE_KRN_036);
}

/* ---- inserting ---- */

static NTSTATUS call_insert(struct sim *s, PIO_CSQ csq, PIRP irp, void *insert_context)
{
    NTSTATUS status = STATUS_SUCCESS;
    struct model_call call = model_call_save(s);
    if (csq->Type == IO_TYPE_CSQ_EX) {
        PIO_CSQ_INSERT_IRP_EX insert = (PIO_CSQ_INSERT_IRP_EX)(void *)csq->CsqInsertIrp;
        status = insert(csq, irp, insert_context);
    } else {
        csq->CsqInsertIrp(csq, irp);
    }
    model_call_restore(s, call);
    return status;
}

static void enter_queue(struct sim *s, struct io_irp *r, PIO_CSQ csq, PIO_CSQ_IRP_CONTEXT context)
{
    PIRP irp = r->irp;
    if (context != NULL) {
        model_touch(s, context, sizeof(*context), "the queue context");
        context->Type = IO_TYPE_CSQ_IRP_CONTEXT;
        context->Irp = irp;
        context->Csq = csq;
        irp->Tail.Overlay.DriverContext[3] = context;
    } else {
        irp->Tail.Overlay.DriverContext[3] = csq;
    }
}

static NTSTATUS insert(struct sim *s, PIO_CSQ csq, PIRP irp, PIO_CSQ_IRP_CONTEXT context,
                       void *insert_context)
{
    KIRQL irql;
    check_queue(s, csq);
    struct io_irp *r = io_irp_argument(s, irp);
    io_irp_not_in_flight(s, r, "IoCsqInsertIrp");
    if (r->is_queued || irp->CurrentLocation > (CHAR)r->stack_count) {
        model_fail(s, RULE_KRN_036, r->object, r->is_queued ? &r->queued : &r->born,
                   r->is_queued
                       ? "IoCsqInsertIrp on an IRP that is in a queue already"
                       : "IoCsqInsertIrp on an IRP of which the driver has no stack location");
    }
    enter_queue(s, r, csq, context);
    acquire(s, csq, &irql);
    NTSTATUS status = call_insert(s, csq, irp, insert_context);
    if (!NT_SUCCESS(status)) {
        release(s, csq, irql);
        return status;
    }
    r->is_queued = true;
    r->queued = sim_here(s);
    irp->Tail.Overlay.CurrentStackLocation->Control |= SL_PENDING_RETURNED;
    r->was_marked = true;
    r->marked = r->queued;
    exchange_cancel(irp, io_csq_cancel);
    if (irp->Cancel && exchange_cancel(irp, NULL) != NULL) {
        take_out(s, csq, irp);
        release(s, csq, irql);
        complete_cancelled(s, csq, irp);
        return status;
    }
    release(s, csq, irql);
    return status;
}

void IoCsqInsertIrp(PIO_CSQ Csq, PIRP Irp, PIO_CSQ_IRP_CONTEXT Context)
{
    struct sim *s = model_enter_object(ROUTINE_IoCsqInsertIrp, SIM_OP_WRITE, Irp);
    (void)insert(s, Csq, Irp, Context, NULL);
    model_leave(s);
}

NTSTATUS IoCsqInsertIrpEx(PIO_CSQ Csq, PIRP Irp, PIO_CSQ_IRP_CONTEXT Context, PVOID InsertContext)
{
    struct sim *s = model_enter_object(ROUTINE_IoCsqInsertIrpEx, SIM_OP_WRITE, Irp);
    NTSTATUS status = insert(s, Csq, Irp, Context, InsertContext);
    return model_leave_status(s, status);
}

/* ---- removing ---- */

static PIRP remove_this(struct sim *s, PIO_CSQ csq, PIO_CSQ_IRP_CONTEXT context)
{
    KIRQL irql;
    check_queue(s, csq);
    model_touch(s, context, sizeof(*context), "the queue context");
    acquire(s, csq, &irql);
    PIRP irp = context->Irp;
    if (irp != NULL && exchange_cancel(irp, NULL) == NULL) {
        irp = NULL; /* its cancel routine has been called and owns it */
    }
    if (irp != NULL) {
        take_out(s, csq, irp);
    }
    release(s, csq, irql);
    return irp;
}

static PIRP peek(struct sim *s, PIO_CSQ csq, PIRP after, void *peek_context)
{
    struct model_call call = model_call_save(s);
    PIRP irp = csq->CsqPeekNextIrp(csq, after, peek_context);
    model_call_restore(s, call);
    if (irp != NULL) {
        const struct io_irp *r = io_irp_argument(s, irp);
        if (!r->is_queued) {
            model_fail(s, RULE_KRN_036, r->object, &r->completed,
                       "CsqPeekNextIrp answers with an IRP that is not in the queue");
        }
    }
    return irp;
}

static PIRP remove_next(struct sim *s, PIO_CSQ csq, void *peek_context)
{
    KIRQL irql;
    check_queue(s, csq);
    acquire(s, csq, &irql);
    PIRP irp = peek(s, csq, NULL, peek_context);
    while (irp != NULL && exchange_cancel(irp, NULL) == NULL) {
        irp = peek(s, csq, irp, peek_context);
    }
    if (irp != NULL) {
        take_out(s, csq, irp);
    }
    release(s, csq, irql);
    return irp;
}

PIRP IoCsqRemoveIrp(PIO_CSQ Csq, PIO_CSQ_IRP_CONTEXT Context)
{
    struct sim *s = model_enter(ROUTINE_IoCsqRemoveIrp);
    PIRP irp = remove_this(s, Csq, Context);
    model_leave(s);
    return irp;
}

PIRP IoCsqRemoveNextIrp(PIO_CSQ Csq, PVOID PeekContext)
{
    struct sim *s = model_enter(ROUTINE_IoCsqRemoveNextIrp);
    PIRP irp = remove_next(s, Csq, PeekContext);
    model_leave(s);
    return irp;
}
