/* SPDX-License-Identifier: MIT */
/*
 * Requests from above: the I/O manager's side of a dispatch routine. IRPs arrive from user mode
 * (the world) and, through IoCallDriver, from the driver itself.
 *
 *   sent -> dispatch routine runs -> returned: checks -> ... completed: result to the caller, IRP
 *   freed
 *                     \-> completed inside -^
 *
 * The IRP is freed at its completion, wherever that is: what the driver touches afterwards is a
 * use after free (KRN-019). Its record stays, so the return value can still be compared (KRN-013,
 * KRN-020).
 *
 * Invariants:
 *  1. io_above_finished runs once for each IRP sent.
 *  2. The world's buffers are never shown to the driver: it gets blocks of the arena with their
 *     contents.
 */
#include "model/io/io_internal.h"

#include <string.h>

/* ---- the list of what is not completed ---- */

static void above_add(struct io_state *io, struct io_above *above)
{
    above->previous = io->above_last;
    if (io->above_last != NULL) {
        io->above_last->next = above;
    } else {
        io->above_first = above;
    }
    io->above_last = above;
    io->above_count++;
}

static void above_remove(struct io_state *io, struct io_above *above)
{
    if (above->previous != NULL) {
        above->previous->next = above->next;
    } else {
        io->above_first = above->next;
    }
    if (above->next != NULL) {
        above->next->previous = above->previous;
    } else {
        io->above_last = above->previous;
    }
    io->above_count--;
}

/* ---- making the IRP ---- */

static void *buffer_new(struct sim *s, const void *in, size_t in_size, size_t size,
                        struct sim_block **block)
{
    void *p = ex_alloc(s, size, BLOCK_BUFFER, 0, true, false, block);
    if (in != NULL && in_size != 0) {
        memcpy(p, in, in_size);
    }
    return p;
}

static void set_control_buffers(struct sim *s, struct io_above *above, PIRP irp,
                                PIO_STACK_LOCATION location, const void *buffer, ULONG in_size,
                                ULONG out_size)
{
    ULONG larger = in_size > out_size ? in_size : out_size;
    switch (above->method) {
    case METHOD_BUFFERED:
        if (larger != 0) {
            irp->AssociatedIrp.SystemBuffer =
                buffer_new(s, buffer, in_size, larger, &above->system_buffer);
            irp->Flags |= IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER;
        }
        break;
    case METHOD_NEITHER:
        location->Parameters.DeviceIoControl.Type3InputBuffer =
            in_size != 0 ? buffer_new(s, buffer, in_size, larger, &above->user_buffer) : NULL;
        irp->UserBuffer = location->Parameters.DeviceIoControl.Type3InputBuffer;
        if (irp->UserBuffer == NULL && out_size != 0) {
            irp->UserBuffer = buffer_new(s, NULL, 0, out_size, &above->user_buffer);
        }
        break;
    default: /* METHOD_IN_DIRECT, METHOD_OUT_DIRECT */
        if (in_size != 0) {
            irp->AssociatedIrp.SystemBuffer =
                buffer_new(s, buffer, in_size, in_size, &above->system_buffer);
        }
        if (out_size != 0) {
            bool is_in = above->method == METHOD_IN_DIRECT;
            void *p =
                buffer_new(s, is_in ? buffer : NULL, is_in && in_size < out_size ? in_size : 0,
                           out_size, &above->user_buffer);
            irp->MdlAddress = above->mdl = mm_subsystem_mdl(s, p, out_size);
        }
        break;
    }
}

static void set_transfer_buffers(struct sim *s, struct io_above *above, PIRP irp,
                                 const void *buffer, ULONG size)
{
    const void *in = above->major == IRP_MJ_WRITE ? buffer : NULL;
    ULONG in_size = in != NULL ? size : 0;
    ULONG flags = above->device->device->Flags;
    if (size == 0) {
        return;
    }
    if ((flags & DO_BUFFERED_IO) != 0) {
        irp->AssociatedIrp.SystemBuffer = buffer_new(s, in, in_size, size, &above->system_buffer);
    } else {
        void *p = buffer_new(s, in, in_size, size, &above->user_buffer);
        irp->UserBuffer = p;
        if ((flags & DO_DIRECT_IO) != 0) {
            irp->MdlAddress = above->mdl = mm_subsystem_mdl(s, p, size);
        }
    }
}

static void set_parameters(struct sim *s, struct io_above *above, PIRP irp,
                           PIO_STACK_LOCATION location, ULONG ioctl, const void *buffer,
                           ULONG in_size, ULONG out_size)
{
    location->MajorFunction = above->major;
    location->DeviceObject = above->device->device;
    location->FileObject = above->file;
    switch (above->major) {
    case IRP_MJ_DEVICE_CONTROL:
    case IRP_MJ_INTERNAL_DEVICE_CONTROL:
        above->method = (uint8_t)(ioctl & 3);
        location->Parameters.DeviceIoControl.IoControlCode = ioctl;
        location->Parameters.DeviceIoControl.InputBufferLength = in_size;
        location->Parameters.DeviceIoControl.OutputBufferLength = out_size;
        set_control_buffers(s, above, irp, location, buffer, in_size, out_size);
        break;
    case IRP_MJ_READ:
        above->method = METHOD_BUFFERED;
        location->Parameters.Read.Length = out_size;
        set_transfer_buffers(s, above, irp, buffer, out_size);
        break;
    case IRP_MJ_WRITE:
        location->Parameters.Write.Length = in_size;
        above->out_size = 0;
        set_transfer_buffers(s, above, irp, buffer, in_size);
        break;
    default:
        above->out_size = 0;
        break;
    }
}

static struct io_above *above_new(struct sim *s, struct io_device *device, UCHAR major)
{
    struct io_state *io = io_of(s);
    struct io_above *above = record_pool_new(&io->aboves);
    if (above == NULL) {
        sim_limit(s, "too many IRPs from above in one run");
    }
    unsigned stacks = (unsigned char)device->device->StackSize;
    struct io_irp *r = io_irp_allocate(s, IO_IRP_FROM_ABOVE, stacks, false);
    r->above = above;
    above->record = r;
    above->device = device;
    above->major = major;
    above->process = ke_current(s)->process;
    io_device_reference(device);
    above_add(io, above);
    return above;
}

/* ---- dispatching ---- */

/* A request comes after the creation of its file; its end after all other requests. */
static void know_file(struct sim *s, const void *file, UCHAR major)
{
    if (file != NULL) {
        sim_hb_acquire(s, file);
        if (major == IRP_MJ_CLEANUP || major == IRP_MJ_CLOSE) {
            sim_hb_acquire(s, sim_hb_other(file));
        }
    }
}

NTSTATUS io_dispatch(struct sim *s, struct io_device *device, struct io_irp *r)
{
    PIRP irp = r->irp;
    UCHAR major = irp->Tail.Overlay.CurrentStackLocation->MajorFunction;
    PDRIVER_DISPATCH routine =
        major <= IRP_MJ_MAXIMUM_FUNCTION ? device->driver->MajorFunction[major] : NULL;
    if (routine == NULL) { /* the I/O manager's own entry */
        irp->IoStatus.Status = STATUS_INVALID_DEVICE_REQUEST;
        irp->IoStatus.Information = 0;
        r->completed = sim_here(s);
        sim_trace(s, TRACE_IrpComplete, r->object, (uint64_t)(uint32_t)irp->IoStatus.Status);
        io_complete_request(s, r);
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    model_code(s, (const void *)routine, "MajorFunction");
    sim_hb_release(s, r);
    know_file(s, irp->Tail.Overlay.CurrentStackLocation->FileObject, major);
    ke_window_open(s, KE_WINDOW_DISPATCH, r->object);
    NTSTATUS status = routine(device->device, irp);
    sim_trace(s, TRACE_Return, r->object, (uint64_t)(uint32_t)status);
    ke_window_close(s);
    return status;
}

/* The routine answered STATUS_PENDING. */
static void check_pending(struct sim *s, const struct io_irp *r)
{
    if (r->was_marked) {
        return;
    }
    if (r->passes > 0 && r->returned_pending) {
        return; /* forwarded, and it returns what the lower layer answered */
    }
    model_fail(s, RULE_KRN_013, r->object, &r->born,
               "a dispatch routine returns STATUS_PENDING for an IRP that it did not mark pending");
}

static void check_not_pending(struct sim *s, const struct io_above *above, NTSTATUS status)
{
    const struct io_irp *r = above->record;
    if (r->was_marked) {
        model_fail(s, RULE_KRN_013, r->object, &r->marked,
                   "a dispatch routine returns 0x%08x for an IRP that it marked pending",
                   (unsigned)status);
    }
    if (!above->is_completed) {
        bool is_forwarded = io_irp_in_flight(r) || r->is_with_device;
        model_fail(s, RULE_KRN_020, r->object, is_forwarded ? &r->submitted : &r->born,
                   "a dispatch routine returns 0x%08x for an IRP that is not completed",
                   (unsigned)status);
    }
    if (status != above->final_status) {
        model_fail(s, RULE_KRN_020, r->object, &r->completed,
                   "a dispatch routine returns 0x%08x and completed the IRP with 0x%08x",
                   (unsigned)status, (unsigned)above->final_status);
    }
}

static void check_returned(struct sim *s, const struct io_above *above, NTSTATUS status)
{
    model_exercised(s, RULE_KRN_013);
    model_exercised(s, RULE_KRN_020);
    if (status == STATUS_PENDING) {
        check_pending(s, above->record);
    } else {
        check_not_pending(s, above, status);
    }
}

/* The device went away before the request came: the driver never sees it. */
static NTSTATUS refuse(bool *completed, IO_STATUS_BLOCK *result)
{
    if (completed != NULL) {
        *completed = true;
    }
    if (result != NULL) {
        *result = (IO_STATUS_BLOCK){.Status = STATUS_NO_SUCH_DEVICE};
    }
    return STATUS_NO_SUCH_DEVICE;
}

NTSTATUS io_send_from_above(struct sim *s, PDEVICE_OBJECT device, UCHAR major, ULONG ioctl,
                            void *buffer, ULONG in_size, ULONG out_size, PFILE_OBJECT file,
                            bool *completed, IO_STATUS_BLOCK *result)
{
    struct io_device *d = io_device_find(s, device);
    if (d == NULL || d->is_deleted) {
        return refuse(completed, result);
    }
    struct io_above *above = above_new(s, d, major);
    struct io_irp *r = above->record;
    PIRP irp = r->irp;
    above->caller_buffer = buffer;
    above->caller_completed = completed;
    above->caller_result = result;
    above->file = file;
    above->out_size = out_size;
    if (completed != NULL) {
        *completed = false;
    }
    irp->RequestorMode = UserMode;
    irp->Tail.Overlay.OriginalFileObject = file;
    irp->CurrentLocation--;
    irp->Tail.Overlay.CurrentStackLocation--;
    set_parameters(s, above, irp, irp->Tail.Overlay.CurrentStackLocation, ioctl, buffer, in_size,
                   out_size);
    NTSTATUS status = io_dispatch(s, d, r);
    check_returned(s, above, status);
    return status;
}

/* ---- completed ---- */

enum { CANCELLED_LONG_AGO_MS = 5 * 60 * 1000 }; /* KRN-025 */

static void copy_out(struct io_above *above, const IO_STATUS_BLOCK *result)
{
    size_t size = result->Information < above->out_size ? result->Information : above->out_size;
    const struct sim_block *from = above->system_buffer;
    if (above->method != METHOD_BUFFERED || from == NULL) {
        from = above->user_buffer;
    }
    if (from == NULL || above->caller_buffer == NULL || NT_ERROR(result->Status)) {
        return;
    }
    memcpy(above->caller_buffer, (const void *)from->base, size < from->size ? size : from->size);
}

static void check_result(struct sim *s, const struct io_above *above, const IO_STATUS_BLOCK *result)
{
    const struct io_irp *r = above->record;
    if (above->is_cancelled && s->now - above->cancelled_at > SIM_MS(CANCELLED_LONG_AGO_MS)) {
        model_lint(s, RULE_KRN_025);
    }
    /* What the I/O manager would copy to user mode must be there. */
    if (above->system_buffer != NULL && above->method == METHOD_BUFFERED && above->out_size != 0 &&
        !NT_ERROR(result->Status) && result->Information > above->system_buffer->size) {
        model_fail(s, RULE_KRN_198, r->object, &r->completed,
                   "an IRP is completed with Information %llu; its buffer has %u bytes",
                   (unsigned long long)result->Information, above->system_buffer->size);
    }
}

void io_above_finished(struct sim *s, struct io_irp *r)
{
    struct io_above *above = r->above;
    SIM_ASSERT(above != NULL && !above->is_completed);
    sim_hb_release(s, s->model); /* unload comes after it */
    if (above->file != NULL) {
        bool is_create = above->major == IRP_MJ_CREATE;
        sim_hb_release(s, is_create ? above->file : sim_hb_other(above->file));
    }
    const IO_STATUS_BLOCK result = r->irp->IoStatus;
    check_result(s, above, &result);
    above->is_completed = true;
    above->is_stopped = false;
    above->final_status = result.Status;
    copy_out(above, &result);
    mm_irp_chain_free(s, r->irp->MdlAddress, above->mdl); /* what the driver added goes with it */
    if (above->system_buffer != NULL) {
        ex_free(s, above->system_buffer);
    }
    if (above->user_buffer != NULL) {
        ex_free(s, above->user_buffer);
    }
    io_irp_release(s, r);
    above_remove(io_of(s), above);
    io_device_dereference(s, above->device);
    if (above->caller_result != NULL) {
        *above->caller_result = result;
    }
    if (above->caller_completed != NULL) {
        *above->caller_completed = true;
    }
    ke_poke(s);
}

uint32_t io_cancel_from_above(struct sim *s, const FILE_OBJECT *file)
{
    uint32_t count = 0;
    bool found = true;
    while (found) {
        found = false;
        for (struct io_above *a = io_of(s)->above_first; a != NULL; a = a->next) {
            if (!a->is_cancelled && (file == NULL || a->file == file)) {
                count += io_cancel(s, a->record) != FALSE;
                found = true;
                break; /* the list may have changed */
            }
        }
    }
    return count;
}

void io_shutdown(struct sim *s)
{
    struct io_state *io = io_of(s);
    for (uint32_t i = io->device_count; i-- > 0;) {
        struct io_device *d = &io->device[i];
        if (d->is_shutdown_registered && !d->is_deleted) {
            d->is_shutdown_registered = false;
            (void)io_send_from_above(s, d->device, IRP_MJ_SHUTDOWN, 0, NULL, 0, 0, NULL, NULL,
                                     NULL);
        }
    }
}

/* ---- IoCallDriver ---- */

static void check_call(struct sim *s, const struct io_irp *r, const PIRP irp)
{
    io_irp_not_in_flight(s, r, "IoCallDriver");
    if (irp->CurrentLocation < 2) {
        model_fail(s, RULE_KRN_002, r->object, &r->born,
                   "IoCallDriver is given an IRP without a free stack location");
    }
    io_check_position(s, r, RULE_KRN_002, "IoCallDriver");
    if (r->is_queued) {
        model_fail(s, RULE_KRN_036, r->object, &r->queued,
                   "IoCallDriver is given an IRP that is in a cancel-safe queue");
    }
    if (irp->CancelRoutine != NULL) {
        model_fail(s, RULE_KRN_034, r->object, &r->born,
                   "IoCallDriver is given an IRP whose cancel routine is still set");
    }
    if (r->state == IO_IRP_COMPLETED && io_irp_is_own(r)) {
        model_fail(s, RULE_IRP_006, r->object, &r->completed,
                   "IoCallDriver is given a completed IRP that was not reinitialised");
    }
    ke_outside_call(s);
}

NTSTATUS IofCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    struct sim *s = model_enter_object(ROUTINE_IofCallDriver, SIM_OP_WRITE, Irp);
    struct io_device *d = io_device_argument(s, DeviceObject);
    struct io_irp *r = io_irp_argument(s, Irp);
    check_call(s, r, Irp);
    Irp->CurrentLocation--;
    Irp->Tail.Overlay.CurrentStackLocation--;
    Irp->Tail.Overlay.CurrentStackLocation->DeviceObject = DeviceObject;
    r->is_with_device = true;
    r->is_ex_routine = false;
    r->passes++;
    r->submitted = sim_here(s);
    r->submitted_to = ROUTINE_IofCallDriver;
    sim_trace(s, TRACE_IrpSubmit, r->object, ROUTINE_IofCallDriver);
    NTSTATUS status = io_dispatch(s, d, r);
    if (status == STATUS_PENDING && r->state != IO_IRP_FREED) {
        r->returned_pending = true;
    }
    return model_leave_status(s, status);
}
