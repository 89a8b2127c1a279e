/* SPDX-License-Identifier: MIT */
/*
 * IRPs that the I/O manager builds for a driver (KRN-031). They go to devices; of those only the
 * driver's own exist here. The synchronous kinds belong to the I/O manager, which frees them at
 * completion; the asynchronous kind is freed by the client with IoFreeIrp.
 */
#include "model/io/io_internal.h"

#include <string.h>

static struct io_irp *build(struct sim *s, enum io_irp_origin origin, PDEVICE_OBJECT device,
                            UCHAR major, PKEVENT event, PIO_STATUS_BLOCK block)
{
    struct io_device *d = io_device_argument(s, device);
    if (event != NULL) {
        ke_dispatcher_check(s, event, (1u << NotificationEvent) | (1u << SynchronizationEvent),
                            "the Event of an IRP");
    }
    if (block != NULL) {
        model_touch(s, block, sizeof(*block), "IoStatusBlock");
    }
    struct io_irp *r = io_irp_allocate(s, origin, (unsigned char)d->device->StackSize, true);
    if (r == NULL) {
        return NULL;
    }
    PIRP irp = r->irp;
    irp->UserEvent = event;
    irp->UserIosb = block;
    irp->RequestorMode = KernelMode;
    (irp->Tail.Overlay.CurrentStackLocation - 1)->MajorFunction = major;
    return r;
}

/* A system buffer that holds the input; false on a drawn failure. */
static bool set_system_buffer(struct sim *s, struct io_irp *r, const void *in, ULONG in_size,
                              ULONG size)
{
    if (size == 0) {
        return true;
    }
    PVOID p = ex_alloc(s, size, BLOCK_BUFFER, 0, false, true, &r->system_buffer);
    if (p == NULL) {
        return false;
    }
    if (in_size != 0) {
        memcpy(p, in, in_size);
    }
    r->irp->AssociatedIrp.SystemBuffer = p;
    r->irp->Flags |= IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER;
    return true;
}

/* The buffers as the transfer method of the control code has them. The lengths were checked. */
static bool set_control_buffers(struct sim *s, struct io_irp *r, ULONG method, PVOID in,
                                ULONG in_size, PVOID out, ULONG out_size)
{
    PIRP irp = r->irp;
    switch (method) {
    case METHOD_BUFFERED:
        irp->UserBuffer = out;
        r->out_buffer = out;
        r->out_size = out_size;
        return set_system_buffer(s, r, in, in_size, in_size > out_size ? in_size : out_size);
    case METHOD_NEITHER:
        (irp->Tail.Overlay.CurrentStackLocation - 1)->Parameters.DeviceIoControl.Type3InputBuffer =
            in;
        irp->UserBuffer = out;
        return true;
    default: /* METHOD_IN_DIRECT, METHOD_OUT_DIRECT */
        if (!set_system_buffer(s, r, in, in_size, in_size)) {
            return false;
        }
        if (out_size != 0) {
            irp->MdlAddress = r->mdl = mm_subsystem_mdl(s, out, out_size);
        }
        return true;
    }
}

PIRP IoBuildDeviceIoControlRequest(ULONG IoControlCode, PDEVICE_OBJECT DeviceObject,
                                   PVOID InputBuffer, ULONG InputBufferLength, PVOID OutputBuffer,
                                   ULONG OutputBufferLength, BOOLEAN InternalDeviceIoControl,
                                   PKEVENT Event, PIO_STATUS_BLOCK IoStatusBlock)
{
    struct sim *s = model_enter(ROUTINE_IoBuildDeviceIoControlRequest);
    UCHAR major = InternalDeviceIoControl ? IRP_MJ_INTERNAL_DEVICE_CONTROL : IRP_MJ_DEVICE_CONTROL;
    struct io_irp *r = build(s, IO_IRP_IO_MANAGER, DeviceObject, major, Event, IoStatusBlock);
    if (r == NULL) {
        model_leave(s);
        return NULL;
    }
    model_touch(s, InputBuffer, InputBufferLength, "InputBuffer");
    model_touch(s, OutputBuffer, OutputBufferLength, "OutputBuffer");
    if (!set_control_buffers(s, r, IoControlCode & 3, InputBuffer, InputBufferLength, OutputBuffer,
                             OutputBufferLength)) {
        io_irp_release(s, r);
        model_leave(s);
        return NULL;
    }
    PIO_STACK_LOCATION next = r->irp->Tail.Overlay.CurrentStackLocation - 1;
    next->Parameters.DeviceIoControl.IoControlCode = IoControlCode;
    next->Parameters.DeviceIoControl.InputBufferLength = InputBufferLength;
    next->Parameters.DeviceIoControl.OutputBufferLength = OutputBufferLength;
    model_leave(s);
    return r->irp;
}

static PIRP build_transfer(struct sim *s, enum io_irp_origin origin, ULONG major,
                           PDEVICE_OBJECT device, PVOID buffer, ULONG length,
                           const LARGE_INTEGER *offset, PKEVENT event, PIO_STATUS_BLOCK block)
{
    struct io_irp *r = build(s, origin, device, (UCHAR)major, event, block);
    if (r == NULL) {
        return NULL;
    }
    PIO_STACK_LOCATION next = r->irp->Tail.Overlay.CurrentStackLocation - 1;
    r->irp->UserBuffer = buffer;
    if (major == IRP_MJ_READ || major == IRP_MJ_WRITE) {
        model_touch(s, buffer, length, "Buffer");
        next->Parameters.Read.Length = length;
        next->Parameters.Read.ByteOffset.QuadPart = offset != NULL ? offset->QuadPart : 0;
        r->irp->AssociatedIrp.SystemBuffer = buffer;
    }
    return r->irp;
}

PIRP IoBuildSynchronousFsdRequest(ULONG MajorFunction, PDEVICE_OBJECT DeviceObject, PVOID Buffer,
                                  ULONG Length, PLARGE_INTEGER StartingOffset, PKEVENT Event,
                                  PIO_STATUS_BLOCK IoStatusBlock)
{
    struct sim *s = model_enter(ROUTINE_IoBuildSynchronousFsdRequest);
    PIRP irp = build_transfer(s, IO_IRP_IO_MANAGER, MajorFunction, DeviceObject, Buffer, Length,
                              StartingOffset, Event, IoStatusBlock);
    model_leave(s);
    return irp;
}

PIRP IoBuildAsynchronousFsdRequest(ULONG MajorFunction, PDEVICE_OBJECT DeviceObject, PVOID Buffer,
                                   ULONG Length, PLARGE_INTEGER StartingOffset,
                                   PIO_STATUS_BLOCK IoStatusBlock)
{
    struct sim *s = model_enter(ROUTINE_IoBuildAsynchronousFsdRequest);
    PIRP irp = build_transfer(s, IO_IRP_ALLOCATED, MajorFunction, DeviceObject, Buffer, Length,
                              StartingOffset, NULL, IoStatusBlock);
    model_leave(s);
    return irp;
}

PIRP IoMakeAssociatedIrp(PIRP Irp, CCHAR StackSize)
{
    struct sim *s = model_enter(ROUTINE_IoMakeAssociatedIrp);
    struct io_irp *master = io_irp_argument(s, Irp);
    io_irp_not_in_flight(s, master, "IoMakeAssociatedIrp");
    if (StackSize < 0) {
        model_fail(s, RULE_KRN_002, master->object, NULL,
                   "IoMakeAssociatedIrp with a StackSize of %d", StackSize);
    }
    struct io_irp *r = io_irp_allocate(s, IO_IRP_ASSOCIATED, (unsigned char)StackSize, true);
    if (r != NULL) {
        r->irp->Flags |= IRP_ASSOCIATED_IRP;
        r->irp->AssociatedIrp.MasterIrp = Irp;
        r->irp->Tail.Overlay.Thread = Irp->Tail.Overlay.Thread;
    }
    model_leave(s);
    return r != NULL ? r->irp : NULL;
}
