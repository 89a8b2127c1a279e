/* SPDX-License-Identifier: MIT */
/*
 * Io: IRPs, device objects, dispatch routines, work items, cancel. Internal interface.
 *
 * An IRP is driver-visible memory; what we know about it (origin, owner, how often completed)
 * stands in a side table keyed by address, for IRPs in the client's own memory too (KRN-004,
 * IRP-031).
 *
 *   Fresh -> Armed -> Submitted -> Pending -> Completed -> Reinit -> Armed ...   (sockets.md 3.2)
 */
#ifndef MODEL_IO_IO_H
#define MODEL_IO_IO_H

#include "model/model.h"

enum io_irp_origin {
    IO_IRP_ALLOCATED,  /* IoAllocateIrp, IoBuildAsynchronousFsdRequest */
    IO_IRP_RAW,        /* the client's memory, IoInitializeIrp */
    IO_IRP_FROM_ABOVE, /* arrived in a dispatch routine */
    IO_IRP_IO_MANAGER, /* IoBuildDeviceIoControlRequest, IoBuildSynchronousFsdRequest */
    IO_IRP_ASSOCIATED  /* IoMakeAssociatedIrp */
};
enum io_irp_state {
    IO_IRP_FRESH,
    IO_IRP_SUBMITTED,
    IO_IRP_PENDING,
    IO_IRP_COMPLETED,
    IO_IRP_REINIT,
    IO_IRP_FREED
};

struct io_above; /* an IRP from above: io_dispatch.c */

struct io_irp {
    PIRP irp;
    uint32_t object;
    uint8_t origin; /* enum io_irp_origin */
    uint8_t state;  /* enum io_irp_state; Armed is Fresh or Reinit with a routine set */
    bool cancel_requested;
    bool returned_pending; /* the call answered STATUS_PENDING: PendingReturned (KRN-017) */
    uint16_t stack_count;
    uint32_t passes;         /* times submitted */
    uint32_t cancel_windows; /* IoCancelIrp calls in progress, of any context (KRN-024) */
    struct sim_where born, submitted, completed, freed;
    uint16_t submitted_to; /* routine */
    /* The subsystem's cancel function for a request in flight; called by IoCancelIrp, at most once.
     */
    void (*cancel)(struct sim *s, struct io_irp *irp, void *request);
    void *request;

    /* From here on only for the files of model/io. */
    uint16_t size;         /* bytes: sizeof(IRP) and its stack locations */
    bool is_quota_charged; /* KRN-033 */
    bool is_queued;        /* in a cancel-safe queue (KRN-036) */
    bool is_with_device;   /* passed on by IofCallDriver, not completed yet */
    bool is_poisoned;      /* the shadow of IoStatus says OWNED */
    bool is_ex_routine;    /* IoSetCompletionRoutineEx armed and not passed down yet (KRN-028) */
    bool is_marked_above;  /* IoMarkIrpPending in the completion routine that runs (KAMB-15) */
    bool was_marked;       /* IoMarkIrpPending on the location of a dispatch routine (KRN-013) */
    uint8_t location;      /* CurrentLocation of the pass in progress */
    PIO_COMPLETION_ROUTINE routine; /* of the pass in progress */
    PVOID context;
    uint32_t sets_event; /* that its completion routine set last */
    struct sim_where queued, marked, routine_set; /* ... the cancel routine */
    struct sim_block *block; /* NULL for raw memory */
    struct io_above *above;
    /* Of an IRP of IoBuildDeviceIoControlRequest: what the I/O manager frees and copies back. */
    struct sim_block *system_buffer;
    PVOID out_buffer;
    ULONG out_size;
    PMDL mdl;
    struct io_irp *next, *previous; /* in flight, in order of submission */
};

/* The record of an IRP, or NULL if this address never was one. */
struct io_irp *io_irp_find(struct sim *s, const IRP *irp);

/*
 * A WSK function was given this IRP: steps 3 and 4 of sockets.md 2.4 (except NULL): memory, free
 * stack location (IRP-003), not in flight (IRP-008), reinitialised (IRP-006), routine set with
 * all flags on an own IRP (IRP-004), no client cancel routine (KRN-034). Takes one stack
 * location, state Submitted, poisons IoStatus. Returns the record.
 */
struct io_irp *io_submit(struct sim *s, PIRP irp, enum model_routine routine);

/*
 * The call that was given this IRP will return STATUS_PENDING: must be said before the completion
 * can run (PendingReturned is taken from it). cancel may be NULL: cancelling is ignored. It is
 * called on the context of IoCancelIrp, or, if that came before this call, on a context of the
 * system.
 */
void io_pend(struct sim *s, struct io_irp *irp,
             void (*cancel)(struct sim *s, struct io_irp *irp, void *request), void *request);

/*
 * Completes a submitted or pending IRP, once: sets IoStatus, gives it back to the client, runs
 * the completion routine on the current context at the current IRQL (window, return value
 * IRP-005). After this the IRP may be freed memory: do not touch it.
 */
void io_complete(struct sim *s, struct io_irp *irp, NTSTATUS status, ULONG_PTR information);

/*
 * The call refuses, and leaves the IRP alone: it is the client's again and has not completed
 * (AMBIGUOUS-LIFE-66).
 */
void io_give_back(struct sim *s, struct io_irp *irp);

/* KRN-090, KRN-091: what is known of events that completion routines set. */
void io_event_set_by(struct sim *s, uint32_t irp, uint32_t event);
/* The IRP in flight whose routine gets this event as context; or that set it at an earlier pass. */
const struct io_irp *io_flight_context(struct sim *s, const void *event);
const struct io_irp *io_flight_sets(struct sim *s, const void *event, uint32_t object);

/* The IRP in flight whose poisoned IoStatus holds the address, or NULL (IRP-030). */
struct io_irp *io_irp_owning(struct sim *s, uintptr_t address);

/* ---- devices ---- */

/*
 * Sends an IRP from above to a device of the driver (world, user mode), on the current context.
 * Returns the value of the dispatch routine, with all its checks. buffer is the world's own
 * memory (any address); it must live until *completed: then *result holds the status and buffer
 * the output. CREATE, CLEANUP and CLOSE take only the file object.
 */
NTSTATUS io_send_from_above(struct sim *s, PDEVICE_OBJECT device, UCHAR major, ULONG ioctl,
                            void *buffer, ULONG in_size, ULONG out_size, PFILE_OBJECT file,
                            bool *completed, IO_STATUS_BLOCK *result);
/* Cancels every outstanding IRP of this file (NULL: of any file), as the I/O manager does. */
uint32_t io_cancel_from_above(struct sim *s, const FILE_OBJECT *file);
/* First device object of the driver, or NULL; next through NextDevice. */
PDEVICE_OBJECT io_first_device(struct sim *s);
/* The device a name or a symbolic link leads to ("\\Device\\Echo", "\\??\\Echo"), or NULL. */
PDEVICE_OBJECT io_device_by_name(struct sim *s, const WCHAR *name, size_t characters);
/* IRPs from above not completed yet; queued or running work items of IoQueueWorkItem. */
uint32_t io_outstanding(struct sim *s);
/*
 * The driver keeps IRPs from above for ever: ends the run if one was stopped by a completion
 * routine (KRN-035), or got its cancel routine after it had been cancelled, and nobody looked
 * (KRN-027).
 */
void io_check_never_idle(struct sim *s);
/* Of these, the work items: they hold the image while they are queued or run (KRN-171). */
uint32_t io_works_pending(struct sim *s);
/* Sends IRP_MJ_SHUTDOWN to every device that registered for it. */
void io_shutdown(struct sim *s);

struct io_state *io_create(void);
void io_reset(struct sim *s);
/* Leaks: IRPs, devices, links, work items; IRPs in flight (KRN-284, IRP-009, IRP-028). */
void io_check_unload(struct sim *s);
/* KRN-200: an IRP in flight or queued work item lies in memory being freed. */
void io_memory_freed(struct sim *s, const void *p, size_t size);

#endif
