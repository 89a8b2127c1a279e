/* SPDX-License-Identifier: MIT */
/*
 * Io: IRPs, device objects, dispatch routines, work items, cancel. Internal interface.
 *
 * An IRP is driver-visible memory; what we know about it (origin, owner, how often completed) stands in a
 * side table keyed by address, for IRPs in the client's own memory too (KRN-004, IRP-031).
 *
 *   Fresh -> Armed -> Submitted -> Pending -> Completed -> Reinit -> Armed ...   (sockets.md 3.2)
 */
#ifndef MODEL_IO_IO_H
#define MODEL_IO_IO_H

#include "model/model.h"

enum io_irp_origin { IO_IRP_ALLOCATED, IO_IRP_RAW, IO_IRP_FROM_ABOVE, IO_IRP_IO_MANAGER };
enum io_irp_state {
    IO_IRP_FRESH, IO_IRP_SUBMITTED, IO_IRP_PENDING, IO_IRP_COMPLETED, IO_IRP_REINIT, IO_IRP_FREED
};

struct io_irp {
    PIRP irp;
    uint32_t object;
    uint8_t origin; /* enum io_irp_origin */
    uint8_t state;  /* enum io_irp_state; Armed is Fresh or Reinit with a routine set */
    bool cancel_requested;
    bool returned_pending; /* the call answered STATUS_PENDING: PendingReturned (KRN-017) */
    uint16_t stack_count;
    uint32_t passes;       /* times submitted */
    uint32_t cancel_windows; /* IoCancelIrp calls in progress on other contexts (KRN-024) */
    struct sim_where born, submitted, completed, freed;
    uint16_t submitted_to; /* routine */
    /* The subsystem's cancel function for a request in flight; called by IoCancelIrp, at most once. */
    void (*cancel)(struct sim *s, struct io_irp *irp, void *request);
    void *request;
};

/* The record of an IRP, or NULL if this address never was one. */
struct io_irp *io_irp_find(struct sim *s, const IRP *irp);

/*
 * A WSK function was given this IRP: steps 3 and 4 of sockets.md 2.4 (except NULL): memory, free stack
 * location (IRP-003), not in flight (IRP-008), reinitialised (IRP-006), routine set with all flags on an
 * own IRP (IRP-004), no client cancel routine (KRN-034). Takes one stack location, state Submitted,
 * poisons IoStatus. Returns the record.
 */
struct io_irp *io_submit(struct sim *s, PIRP irp, enum model_routine routine);

/*
 * The call that was given this IRP will return STATUS_PENDING: must be said before the completion can
 * run (PendingReturned is taken from it). cancel may be NULL: cancelling is ignored.
 */
void io_pend(struct sim *s, struct io_irp *irp,
             void (*cancel)(struct sim *s, struct io_irp *irp, void *request), void *request);

/*
 * Completes a submitted or pending IRP, once: sets IoStatus, gives it back to the client, runs the
 * completion routine on the current context at the current IRQL (window, return value IRP-005). After
 * this the IRP may be freed memory: do not touch it.
 */
void io_complete(struct sim *s, struct io_irp *irp, NTSTATUS status, ULONG_PTR information);

/* ---- devices ---- */

/* Sends an IRP from above to a device of the driver (world, user mode). Returns the dispatch status. */
struct io_device;
NTSTATUS io_send_from_above(struct sim *s, PDEVICE_OBJECT device, UCHAR major, ULONG ioctl,
                            void *buffer, ULONG in_size, ULONG out_size, PFILE_OBJECT file,
                            bool *completed, IO_STATUS_BLOCK *result);
/* First device object of the driver, or NULL; next through NextDevice. */
PDEVICE_OBJECT io_first_device(struct sim *s);
/* IRPs from above not completed yet; queued or running work items of IoQueueWorkItem. */
uint32_t io_outstanding(struct sim *s);

struct io_state *io_create(void);
void io_reset(struct sim *s);
/* Leaks: IRPs, devices, links, work items; IRPs in flight (KRN-284, IRP-009, IRP-028). */
void io_check_unload(struct sim *s);
/* KRN-200: an IRP in flight or queued work item lies in memory being freed. */
void io_memory_freed(struct sim *s, const void *p, size_t size);

#endif
