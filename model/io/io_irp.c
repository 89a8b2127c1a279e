/* SPDX-License-Identifier: MIT */
/*
 * Making, initialising and freeing IRPs. Who may do what depends on the origin of the IRP and on
 * whose it is at this moment; both stand in its record (sockets.md 3.2; KRN-001 to KRN-006).
 *
 * Invariants:
 *  1. Memory of IoAllocateIrp is freed by IoFreeIrp only; raw memory never is.
 *  2. Reinitialising resets everything but allocation flags and record: cancel bit, stack, routine.
 */
#include "model/io/io_internal.h"

#include <string.h>

void io_irp_fill(PIRP irp, uint16_t size, unsigned stack_count)
{
    memset(irp, 0, size);
    irp->Type = IO_TYPE_IRP;
    irp->Size = size;
    irp->StackCount = (CHAR)stack_count;
    irp->CurrentLocation = (CHAR)(stack_count + 1);
    irp->Tail.Overlay.CurrentStackLocation = (PIO_STACK_LOCATION)(irp + 1) + stack_count;
    irp->ThreadListEntry.Flink = irp->ThreadListEntry.Blink = &irp->ThreadListEntry;
}

struct io_irp *io_irp_allocate(struct sim *s, enum io_irp_origin origin, unsigned stack_count,
                               bool may_fail)
{
    struct sim_block *block;
    uint16_t size = IoSizeOfIrp(stack_count);
    PIRP irp = ex_alloc(s, size, BLOCK_IRP, 0, true, may_fail, &block);
    if (irp == NULL) {
        return NULL;
    }
    struct io_irp *record = io_irp_new(s, irp, origin, (uint16_t)stack_count);
    record->size = size;
    record->block = block;
    block->object = record->object;
    io_irp_fill(irp, size, stack_count);
    if (origin == IO_IRP_ALLOCATED) {
        io_of(s)->allocated_live++;
    }
    return record;
}

void io_irp_release(struct sim *s, struct io_irp *record)
{
    SIM_ASSERT(record->block != NULL && record->state != IO_IRP_FREED);
    record->state = IO_IRP_FREED;
    record->freed = sim_here(s);
    if (record->origin == IO_IRP_ALLOCATED) {
        io_of(s)->allocated_live--;
    }
    ex_free(s, record->block);
    sim_trace(s, TRACE_Destroy, record->object, 0);
}

static PIRP allocate(struct sim *s, CCHAR stack_size, BOOLEAN charge_quota)
{
    if (stack_size < 0) {
        model_fail(s, RULE_KRN_002, 0, NULL, "IoAllocateIrp with a StackSize of %d", stack_size);
    }
    model_exercised(s, RULE_KRN_001);
    struct io_irp *record = io_irp_allocate(s, IO_IRP_ALLOCATED, (unsigned)stack_size, true);
    if (record == NULL) {
        return NULL;
    }
    if (charge_quota) {
        model_lint(s, RULE_KRN_033);
        record->is_quota_charged = true;
        record->irp->AllocationFlags |= IRP_QUOTA_CHARGED;
    }
    return record->irp;
}

PIRP IoAllocateIrp(CCHAR StackSize, BOOLEAN ChargeQuota)
{
    struct sim *s = model_enter(ROUTINE_IoAllocateIrp);
    PIRP irp = allocate(s, StackSize, ChargeQuota);
    model_leave(s);
    return irp;
}

PIRP IoAllocateIrpEx(PDEVICE_OBJECT DeviceObject, CCHAR StackSize, BOOLEAN ChargeQuota)
{
    struct sim *s = model_enter(ROUTINE_IoAllocateIrpEx);
    io_device_argument(s, DeviceObject);
    PIRP irp = allocate(s, StackSize, ChargeQuota);
    model_leave(s);
    return irp;
}

/* ---- IoFreeIrp ---- */

/* KRN-007: the MDLs of the IRP stay the client's; should they leak, this is why. */
static void note_mdls(struct sim *s, PIRP irp)
{
    if (SIM_UNLIKELY(irp->MdlAddress != NULL)) {
        mm_orphaned(s, irp->MdlAddress);
    }
    model_exercised(s, RULE_KRN_007);
}

static struct io_irp *free_check(struct sim *s, PIRP irp)
{
    struct io_irp *record = io_irp_find(s, irp);
    if (record != NULL && record->state == IO_IRP_FREED && record->origin == IO_IRP_ALLOCATED) {
        model_fail(s, RULE_KRN_006, record->object, &record->freed, "IoFreeIrp frees an IRP again");
    }
    record = io_irp_argument(s, irp);
    io_irp_not_in_flight(s, record, "IoFreeIrp");
    switch ((enum io_irp_origin)record->origin) {
    case IO_IRP_ALLOCATED:
        break;
    case IO_IRP_RAW:
        model_fail(s, RULE_KRN_006, record->object, &record->born,
                   "IoFreeIrp on an IRP in the client's own memory");
    case IO_IRP_FROM_ABOVE:
        model_fail(s, RULE_IRP_010, record->object, &record->born,
                   "IoFreeIrp on an IRP received from above");
    case IO_IRP_IO_MANAGER:
    case IO_IRP_ASSOCIATED:
        model_fail(s, RULE_KRN_031, record->object, &record->born,
                   "IoFreeIrp on an IRP that belongs to the I/O manager");
    }
    if (record->is_with_device) {
        model_fail(s, RULE_KRN_006, record->object, &record->submitted,
                   "IoFreeIrp on an IRP that was passed to a device and is not completed yet");
    }
    if (record->is_queued) {
        model_fail(s, RULE_KRN_036, record->object, &record->queued,
                   "IoFreeIrp on an IRP that is in a cancel-safe queue");
    }
    if (record->is_ex_routine) {
        model_fail(s, RULE_KRN_028, record->object, &record->born,
                   "IoFreeIrp on an IRP armed with IoSetCompletionRoutineEx that was never passed "
                   "down");
    }
    io_cancel_check_free(s, record);
    model_exercised(s, RULE_KRN_006);
    note_mdls(s, irp);
    return record;
}

void IoFreeIrp(PIRP Irp)
{
    struct sim *s = model_enter_object(ROUTINE_IoFreeIrp, SIM_OP_WRITE, Irp);
    io_irp_release(s, free_check(s, Irp));
    model_leave(s);
}

/* ---- initialising ---- */

/* IoInitializeIrp on an IRP of IoAllocateIrp: for reuse only, without quota charge (KRN-004,
 * KRN-033). */
static void reinitialize_allocated(struct sim *s, struct io_irp *record)
{
    if (record->passes == 0) {
        model_fail(s, RULE_KRN_004, record->object, &record->born,
                   "IoInitializeIrp on an IRP of IoAllocateIrp before its first use");
    }
    if (record->is_quota_charged) {
        model_fail(s, RULE_KRN_033, record->object, &record->born,
                   "IoInitializeIrp on an IRP that was allocated with a quota charge");
    }
    if (record->stack_count * sizeof(IO_STACK_LOCATION) + sizeof(IRP) > record->size) {
        model_fail(s, RULE_KRN_004, record->object, &record->born,
                   "IoInitializeIrp gives an IRP more stack locations than it was allocated with");
    }
}

static void initialize(struct sim *s, PIRP irp, USHORT size, CCHAR stack_size)
{
    if (stack_size < 0 || size < IoSizeOfIrp((unsigned char)stack_size)) {
        model_fail(s, RULE_KRN_004, 0, NULL, "IoInitializeIrp with %u bytes for %d stack locations",
                   size, stack_size);
    }
    struct io_irp *record = io_irp_find(s, irp);
    bool is_live = record != NULL && record->state != IO_IRP_FREED;
    if (is_live && io_irp_in_flight(record)) {
        if (io_frame_is_left(s, irp)) {
            model_fail(s, RULE_KRN_029, record->object, &record->submitted,
                       "the frame of an IRP that was passed to %s was left before it was completed",
                       model_routine_name(record->submitted_to));
        }
        io_irp_not_in_flight(s, record, "IoInitializeIrp");
    }
    model_touch(s, irp, size, "the IRP");
    model_resident(s, irp, size, RULE_KRN_004, "the IRP");
    if (is_live && record->origin == IO_IRP_ALLOCATED) {
        record->stack_count = (unsigned char)stack_size;
        reinitialize_allocated(s, record);
    } else if (is_live && record->origin != IO_IRP_RAW) {
        model_fail(s, RULE_IRP_007, record->object, &record->born,
                   "IoInitializeIrp on an IRP that the client did not create");
    } else {
        record = io_irp_new(s, irp, IO_IRP_RAW, (unsigned char)stack_size);
        record->size = size;
        if (model_knob(s, KNOB_IRP_RAW_MEMORY) != 0) {
            model_lint(s, RULE_IRP_031);
        }
    }
    io_irp_fill(irp, size, (unsigned char)stack_size);
    record->state = record->passes > 0 ? IO_IRP_REINIT : IO_IRP_FRESH;
    record->cancel_requested = false;
    record->is_with_device = false;
    model_exercised(s, RULE_KRN_004);
}

void IoInitializeIrp(PIRP Irp, USHORT PacketSize, CCHAR StackSize)
{
    struct sim *s = model_enter_object(ROUTINE_IoInitializeIrp, SIM_OP_WRITE, Irp);
    initialize(s, Irp, PacketSize, StackSize);
    model_leave(s);
}

static void reuse(struct sim *s, PIRP irp, NTSTATUS status)
{
    struct io_irp *record = io_irp_argument(s, irp);
    io_irp_not_in_flight(s, record, "IoReuseIrp");
    model_exercised(s, RULE_KRN_005);
    if (!io_irp_is_own(record)) {
        model_fail(s, RULE_IRP_007, record->object, &record->born,
                   "IoReuseIrp on an IRP that the client did not create");
    }
    if (record->is_with_device) {
        model_fail(s, RULE_KRN_005, record->object, &record->submitted,
                   "IoReuseIrp on an IRP that was passed to a device and is not completed yet");
    }
    if (record->origin == IO_IRP_RAW && model_knob(s, KNOB_KERNEL_REUSE_RAW) != 0) {
        model_lint(s, RULE_KRN_005);
    }
    UCHAR flags = irp->AllocationFlags;
    if (!model_mutated(reuse_keeps_routine)) {
        io_irp_fill(irp, record->size, record->stack_count);
    }
    irp->Cancel = model_mutated(reuse_keeps_cancel) && record->cancel_requested;
    irp->AllocationFlags = flags;
    irp->IoStatus.Status = status;
    record->state = record->passes > 0 ? IO_IRP_REINIT : IO_IRP_FRESH;
    record->cancel_requested = false;
    record->is_ex_routine = false;
}

void IoReuseIrp(PIRP Irp, NTSTATUS Iostatus)
{
    struct sim *s = model_enter_object(ROUTINE_IoReuseIrp, SIM_OP_WRITE, Irp);
    reuse(s, Irp, Iostatus);
    model_leave(s);
}

/* Not documented; accepted as the end of a raw IRP (KRN-032). */
void IoCleanupIrp(PIRP Irp)
{
    struct sim *s = model_enter_object(ROUTINE_IoCleanupIrp, SIM_OP_WRITE, Irp);
    struct io_irp *record = io_irp_argument(s, Irp);
    io_irp_not_in_flight(s, record, "IoCleanupIrp");
    if (record->origin != IO_IRP_RAW) {
        model_fail(s, RULE_KRN_032, record->object, &record->born,
                   "IoCleanupIrp on an IRP that is not in the client's own memory");
    }
    io_cancel_check_free(s, record);
    model_lint(s, RULE_KRN_032);
    record->state = IO_IRP_FREED;
    record->freed = sim_here(s);
    sim_trace(s, TRACE_Destroy, record->object, 0);
    model_leave(s);
}
