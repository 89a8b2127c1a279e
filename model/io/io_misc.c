/* SPDX-License-Identifier: MIT */
/*
 * The rest of Io: shutdown notification, driver object extensions, device timers, kernel stacks.
 */
#include "model/io/io_internal.h"
#include "model/ps/ps.h"

/* ---- shutdown ---- */

NTSTATUS IoRegisterShutdownNotification(PDEVICE_OBJECT DeviceObject)
{
    struct sim *s = model_enter(ROUTINE_IoRegisterShutdownNotification);
    struct io_device *d = io_device_argument(s, DeviceObject);
    if (ex_should_fail(s)) {
        return model_leave_status(s, STATUS_INSUFFICIENT_RESOURCES);
    }
    d->is_shutdown_registered = true;
    DeviceObject->Flags |= DO_SHUTDOWN_REGISTERED;
    return model_leave_status(s, STATUS_SUCCESS);
}

void IoUnregisterShutdownNotification(PDEVICE_OBJECT DeviceObject)
{
    struct sim *s = model_enter(ROUTINE_IoUnregisterShutdownNotification);
    io_device_argument(s, DeviceObject)->is_shutdown_registered = false;
    DeviceObject->Flags &= ~(ULONG)DO_SHUTDOWN_REGISTERED;
    model_leave(s);
}

/* ---- driver object extensions: freed with the driver object ---- */

static struct io_extension *extension_find(struct sim *s, PVOID id)
{
    struct io_state *io = io_of(s);
    for (uint32_t i = 0; i < io->extension_count; i++) {
        if (io->extension[i].id == id) {
            return &io->extension[i];
        }
    }
    return NULL;
}

NTSTATUS IoAllocateDriverObjectExtension(PDRIVER_OBJECT DriverObject, PVOID ClientIdentification,
                                         ULONG DriverObjectExtensionSize,
                                         PVOID *DriverObjectExtension)
{
    struct sim *s = model_enter(ROUTINE_IoAllocateDriverObjectExtension);
    struct io_state *io = io_of(s);
    model_touch(s, DriverObject, sizeof(*DriverObject), "the driver object");
    model_touch(s, DriverObjectExtension, sizeof(*DriverObjectExtension), "DriverObjectExtension");
    *DriverObjectExtension = NULL;
    if (extension_find(s, ClientIdentification) != NULL) {
        return model_leave_status(s, STATUS_OBJECT_NAME_COLLISION);
    }
    if (io->extension_count == IO_EXTENSIONS_MAX) {
        sim_limit(s, "IO_EXTENSIONS_MAX: too many driver object extensions");
    }
    struct sim_block *block;
    void *p = ex_alloc(s, DriverObjectExtensionSize, BLOCK_DEVICE, 0, true, true, &block);
    if (p == NULL) {
        return model_leave_status(s, STATUS_INSUFFICIENT_RESOURCES);
    }
    io->extension[io->extension_count++] =
        (struct io_extension){.id = ClientIdentification, .memory = p, .block = block};
    *DriverObjectExtension = p;
    return model_leave_status(s, STATUS_SUCCESS);
}

PVOID IoGetDriverObjectExtension(PDRIVER_OBJECT DriverObject, PVOID ClientIdentification)
{
    struct sim *s = model_enter(ROUTINE_IoGetDriverObjectExtension);
    model_touch(s, DriverObject, sizeof(*DriverObject), "the driver object");
    const struct io_extension *e = extension_find(s, ClientIdentification);
    model_leave(s);
    return e != NULL ? e->memory : NULL;
}

/* ---- device timers: once a second, at DISPATCH_LEVEL ---- */

enum { DEVICE_TIMER_MS = 1000 };

/* A tick is named by the slot of the device (upper half) and the number of the start (lower half).
 */

static void tick_routine(struct sim *s, void *argument)
{
    uintptr_t packed = (uintptr_t)argument;
    struct io_device *d = &io_of(s)->device[packed >> 32];
    if (d->is_timer_running && d->timer_number == (uint32_t)packed) {
        ke_window_open(s, KE_WINDOW_TIMER, d->object);
        d->timer_routine(d->device, d->timer_context);
        ke_window_close(s);
    }
}

static void tick_fire(struct sim *s, void *argument, uint64_t value)
{
    const struct io_device *d = &io_of(s)->device[value >> 32];
    if (!d->is_timer_running || d->timer_number != (uint32_t)value) {
        return;
    }
    ke_system_call(s, argument, DISPATCH_LEVEL, tick_routine, (void *)(uintptr_t)value,
                   "device timer");
    sim_event_add(s, s->now + SIM_MS(DEVICE_TIMER_MS), tick_fire, argument, value);
}

NTSTATUS IoInitializeTimer(PDEVICE_OBJECT DeviceObject, PIO_TIMER_ROUTINE TimerRoutine,
                           PVOID Context)
{
    struct sim *s = model_enter(ROUTINE_IoInitializeTimer);
    struct io_device *d = io_device_argument(s, DeviceObject);
    model_code(s, (const void *)TimerRoutine, "the timer routine");
    if (ex_should_fail(s)) {
        return model_leave_status(s, STATUS_INSUFFICIENT_RESOURCES);
    }
    d->timer_routine = TimerRoutine;
    d->timer_context = Context;
    return model_leave_status(s, STATUS_SUCCESS);
}

void IoStartTimer(PDEVICE_OBJECT DeviceObject)
{
    struct sim *s = model_enter(ROUTINE_IoStartTimer);
    struct io_device *d = io_device_argument(s, DeviceObject);
    if (d->timer_routine == NULL) {
        model_fail(s, RULE_KRN_150, d->object, &d->born,
                   "IoStartTimer on a device without a timer routine");
    }
    if (!d->is_timer_running) {
        uint64_t slot = (uint64_t)(d - io_of(s)->device);
        d->is_timer_running = true;
        d->timer_number++;
        sim_event_add(s, s->now + SIM_MS(DEVICE_TIMER_MS), tick_fire, s->current,
                      slot << 32 | d->timer_number);
    }
    model_leave(s);
}

void IoStopTimer(PDEVICE_OBJECT DeviceObject)
{
    struct sim *s = model_enter(ROUTINE_IoStopTimer);
    io_device_argument(s, DeviceObject)->is_timer_running = false;
    model_leave(s);
}

/* ---- processes, access masks ---- */

PEPROCESS IoGetCurrentProcess(void)
{
    struct sim *s = model_enter(ROUTINE_IoGetCurrentProcess);
    PEPROCESS process = ps_process(s, ke_current(s)->process);
    model_leave(s);
    return process;
}

PEPROCESS IoGetRequestorProcess(PIRP Irp)
{
    struct sim *s = model_enter(ROUTINE_IoGetRequestorProcess);
    const struct io_irp *r = io_irp_argument(s, Irp);
    PEPROCESS process = r->above != NULL ? ps_process(s, r->above->process) : NULL;
    model_leave(s);
    return process;
}

/* All callers of this world are 64-bit. */
BOOLEAN IoIs32bitProcess(PIRP Irp)
{
    struct sim *s = model_enter(ROUTINE_IoIs32bitProcess);
    if (Irp != NULL) {
        io_irp_argument(s, Irp);
    }
    model_leave(s);
    return FALSE;
}

PGENERIC_MAPPING IoGetFileObjectGenericMapping(void)
{
    static GENERIC_MAPPING mapping;
    struct sim *s = model_enter(ROUTINE_IoGetFileObjectGenericMapping);
    mapping = (GENERIC_MAPPING){.GenericRead = 0x00120089,
                                .GenericWrite = 0x00120116,
                                .GenericExecute = 0x001200A0,
                                .GenericAll = 0x001F01FF};
    model_leave(s);
    return &mapping;
}

/* ---- kernel stacks ---- */

enum { KERNEL_STACK_BYTES = 24 << 10, WINDOW_BYTES = 1 << 10 };

/*
 * Not measured: our frames are not those of Windows, and those of a plain and a checked module
 * differ. A stack of 24 KiB of which each nested window takes one (KRN-057).
 */
ULONG_PTR IoGetRemainingStackSize(void)
{
    struct sim *s = model_enter(ROUTINE_IoGetRemainingStackSize);
    ULONG_PTR used = (ULONG_PTR)(ke_current(s)->window_count + 1u) * WINDOW_BYTES;
    model_leave(s);
    return used < KERNEL_STACK_BYTES ? KERNEL_STACK_BYTES - used : 0;
}

/* Drivers ask whether an address is on the stack: here the answer must be the truth. */
void IoGetStackLimits(PULONG_PTR LowLimit, PULONG_PTR HighLimit)
{
    struct sim *s = model_enter(ROUTINE_IoGetStackLimits);
    uintptr_t low = SIM_STACK_BASE + (uintptr_t)s->current->stack * SIM_STACK_STRIDE +
                    (SIM_STACK_STRIDE - SIM_STACK_BYTES);
    model_touch(s, LowLimit, sizeof(*LowLimit), "LowLimit");
    model_touch(s, HighLimit, sizeof(*HighLimit), "HighLimit");
    *LowLimit = low;
    *HighLimit = low + SIM_STACK_BYTES;
    model_leave(s);
}
