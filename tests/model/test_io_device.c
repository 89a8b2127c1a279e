/* SPDX-License-Identifier: MIT */
/* Requests from above, cancel-safe queues, work items, remove locks, devices (KRN-013 to KRN-037,
 * KRN-166 to KRN-173, KRN-284 to KRN-289). */
#include "test_ke.h"

#include "model/io/io.h"
#include "model/mm/mm.h"

#define IOCTL_ECHO CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS)

static struct {
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT device;
    PIRP kept;
    KEVENT *event;
    unsigned calls;
    IO_CSQ csq;
    LIST_ENTRY list;
    KSPIN_LOCK lock;
} drv;

static void driver_new(PDRIVER_DISPATCH dispatch)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\Device\\Test");
    memset(&drv, 0, sizeof drv);
    drv.driver = ke_test_alloc(sizeof *drv.driver);
    memset(drv.driver, 0, sizeof *drv.driver);
    drv.driver->Type = IO_TYPE_DRIVER;
    for (unsigned i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++) {
        drv.driver->MajorFunction[i] = dispatch;
    }
    NTSTATUS status =
        IoCreateDevice(drv.driver, 64, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &drv.device);
    SIM_ASSERT(status == STATUS_SUCCESS);
    drv.device->StackSize = 2;
    drv.event = ke_test_alloc(sizeof *drv.event);
    KeInitializeEvent(drv.event, NotificationEvent, FALSE);
}

static NTSTATUS finish(PIRP irp, NTSTATUS status, ULONG_PTR information)
{
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

static bool completed;
static IO_STATUS_BLOCK result;

static NTSTATUS ioctl(char *buffer, ULONG in, ULONG out)
{
    return io_send_from_above(sim_current, drv.device, IRP_MJ_DEVICE_CONTROL, IOCTL_ECHO, buffer,
                              in, out, NULL, &completed, &result);
}

/* ---- dispatch ---- */

static NTSTATUS echo(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(irp);
    char *buffer = irp->AssociatedIrp.SystemBuffer;
    SIM_ASSERT(device == drv.device && location->DeviceObject == device);
    SIM_ASSERT(location->Parameters.DeviceIoControl.IoControlCode == IOCTL_ECHO);
    buffer[0]++;
    return finish(irp, STATUS_SUCCESS, 4);
}

static void echoed(void)
{
    char text[5] = "Aloha";
    driver_new(echo);
    SIM_ASSERT(ioctl(text, 5, 4) == STATUS_SUCCESS);
    SIM_ASSERT(completed && result.Status == STATUS_SUCCESS && result.Information == 4);
    SIM_ASSERT(memcmp(text, "Bloha", 5) == 0);
    SIM_ASSERT(io_outstanding(sim_current) == 0);
    SIM_ASSERT(io_first_device(sim_current) == drv.device);
    IoDeleteDevice(drv.device);
    SIM_ASSERT(io_first_device(sim_current) == NULL);
    io_check_unload(sim_current);
}

static NTSTATUS keep(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    IoMarkIrpPending(irp);
    drv.kept = irp;
    return STATUS_PENDING;
}

static void kept(void)
{
    char text[4] = "abc";
    driver_new(keep);
    SIM_ASSERT(ioctl(text, 4, 4) == STATUS_PENDING);
    SIM_ASSERT(!completed && io_outstanding(sim_current) == 1);
    finish(drv.kept, STATUS_UNSUCCESSFUL, 0);
    SIM_ASSERT(completed && result.Status == STATUS_UNSUCCESSFUL);
    SIM_ASSERT(io_outstanding(sim_current) == 0);
}

static NTSTATUS unmarked(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    drv.kept = irp;
    return STATUS_PENDING;
}

static NTSTATUS marked_and_success(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    IoMarkIrpPending(irp);
    drv.kept = irp;
    return STATUS_SUCCESS;
}

static NTSTATUS forgotten(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    (void)irp;
    return STATUS_SUCCESS;
}

static NTSTATUS other_status(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    finish(irp, STATUS_UNSUCCESSFUL, 0);
    return STATUS_SUCCESS;
}

static NTSTATUS twice(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    finish(irp, STATUS_SUCCESS, 0);
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static NTSTATUS marked_late(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    finish(irp, STATUS_SUCCESS, 0);
    IoMarkIrpPending(irp);
    return STATUS_PENDING;
}

static NTSTATUS pending_status(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    return finish(irp, STATUS_PENDING, 0);
}

static NTSTATUS under_lock(PDEVICE_OBJECT device, PIRP irp)
{
    KIRQL irql;
    (void)device;
    KeInitializeSpinLock(&drv.lock);
    KeAcquireSpinLock(&drv.lock, &irql);
    finish(irp, STATUS_SUCCESS, 0);
    KeReleaseSpinLock(&drv.lock, irql);
    return STATUS_SUCCESS;
}

static NTSTATUS frees_it(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    IoFreeIrp(irp);
    return STATUS_SUCCESS;
}

static NTSTATUS too_much(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    return finish(irp, STATUS_SUCCESS, 1000);
}

static PDRIVER_DISPATCH wrong_dispatch;

static void send_one(void)
{
    char text[4] = "abc";
    driver_new(wrong_dispatch);
    ioctl(text, 4, 4);
}

static void bad_dispatch(PDRIVER_DISPATCH dispatch, enum model_rule rule)
{
    wrong_dispatch = dispatch;
    ke_test_bad(send_one, rule);
}

static NTSTATUS moved(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    irp->Tail.Overlay.CurrentStackLocation = (PIO_STACK_LOCATION)0x1234560;
    return finish(irp, STATUS_SUCCESS, 0);
}

static NTSTATUS zeroed(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    memset(irp, 0, sizeof *irp);
    return finish(irp, STATUS_SUCCESS, 0);
}

static void test_dispatch(void **state)
{
    (void)state;
    ke_test_good(echoed);
    ke_test_good(kept);
    bad_dispatch(unmarked, RULE_KRN_013);
    bad_dispatch(marked_and_success, RULE_KRN_013);
    bad_dispatch(forgotten, RULE_KRN_020);
    bad_dispatch(other_status, RULE_KRN_020);
    bad_dispatch(twice, RULE_KRN_018);
    bad_dispatch(marked_late, RULE_KRN_014);
    bad_dispatch(pending_status, RULE_KRN_018);
    bad_dispatch(under_lock, RULE_KRN_018);
    bad_dispatch(frees_it, RULE_IRP_010);
    bad_dispatch(too_much, RULE_KRN_198);
    bad_dispatch(moved, RULE_KRN_018);
    bad_dispatch(zeroed, RULE_KRN_018);
}

/* ---- forwarding to WSK ---- */

static struct io_irp *held;
static BOOLEAN is_marking;
static NTSTATUS routine_value;

static NTSTATUS forwarded_done(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    (void)context;
    SIM_ASSERT(device == drv.device);
    drv.calls++;
    if (irp->PendingReturned && is_marking) {
        IoMarkIrpPending(irp);
    }
    return routine_value;
}

static NTSTATUS forward(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    IoSetCompletionRoutine(irp, forwarded_done, NULL, TRUE, TRUE, TRUE);
    struct sim *s = model_enter(ROUTINE_WskSend);
    held = io_submit(s, irp, ROUTINE_WskSend);
    io_pend(s, held, NULL, NULL);
    return model_leave_status(s, STATUS_PENDING);
}

static void forward_marking(void)
{
    char text[4] = "abc";
    is_marking = TRUE;
    routine_value = STATUS_SUCCESS;
    driver_new(forward);
    SIM_ASSERT(ioctl(text, 4, 4) == STATUS_PENDING);
    io_complete(sim_current, held, STATUS_SUCCESS, 2);
    SIM_ASSERT(completed && result.Information == 2 && drv.calls == 1);
}

static void forward_not_marking(void)
{
    char text[4] = "abc";
    is_marking = FALSE;
    routine_value = STATUS_SUCCESS;
    driver_new(forward);
    ioctl(text, 4, 4);
    io_complete(sim_current, held, STATUS_SUCCESS, 2);
}

static void forward_and_stop(void)
{
    char text[4] = "abc";
    is_marking = FALSE;
    routine_value = STATUS_MORE_PROCESSING_REQUIRED;
    driver_new(forward);
    ioctl(text, 4, 4);
    PIRP irp = held->irp;
    io_complete(sim_current, held, STATUS_SUCCESS, 2);
    SIM_ASSERT(!completed);
    finish(irp, STATUS_SUCCESS, 3);
    SIM_ASSERT(completed && result.Information == 3);
}

static void forward_and_forget(void)
{
    char text[4] = "abc";
    is_marking = FALSE;
    routine_value = STATUS_MORE_PROCESSING_REQUIRED;
    driver_new(forward);
    ioctl(text, 4, 4);
    io_complete(sim_current, held, STATUS_SUCCESS, 2);
    io_check_unload(sim_current);
}

static void test_forward(void **state)
{
    (void)state;
    ke_test_good(forward_marking);
    ke_test_good(forward_and_stop);
    ke_test_bad(forward_not_marking, RULE_KRN_015);
    ke_test_bad(forward_and_forget, RULE_KRN_035);
}

/* ---- cancel routines ---- */

static void on_cancel(PDEVICE_OBJECT device, PIRP irp)
{
    SIM_ASSERT(device == drv.device && KeGetCurrentIrql() == DISPATCH_LEVEL);
    IoReleaseCancelSpinLock(irp->CancelIrql);
    finish(irp, STATUS_CANCELLED, 0);
}

static void on_cancel_keeping_the_lock(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    (void)irp;
}

static void on_cancel_completing_early(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    finish(irp, STATUS_CANCELLED, 0);
}

static PDRIVER_CANCEL cancel_routine;

static NTSTATUS keep_cancelable(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    IoMarkIrpPending(irp);
    IoSetCancelRoutine(irp, cancel_routine);
    return STATUS_PENDING;
}

static void cancel_it(void)
{
    char text[4] = "abc";
    driver_new(keep_cancelable);
    ioctl(text, 4, 4);
    SIM_ASSERT(io_cancel_from_above(sim_current, NULL) == 1);
}

static void cancel_good(void)
{
    cancel_routine = on_cancel;
    cancel_it();
    SIM_ASSERT(completed && result.Status == STATUS_CANCELLED);
    SIM_ASSERT(KeGetCurrentIrql() == PASSIVE_LEVEL);
}

static void cancel_lock_kept(void)
{
    cancel_routine = on_cancel_keeping_the_lock;
    cancel_it();
}

static void cancel_completes_early(void)
{
    cancel_routine = on_cancel_completing_early;
    cancel_it();
}

static void cancels_from_above(void)
{
    char text[4] = "abc";
    driver_new(keep);
    ioctl(text, 4, 4);
    IoCancelIrp(drv.kept);
}

static void test_cancel(void **state)
{
    (void)state;
    ke_test_good(cancel_good);
    ke_test_bad(cancel_lock_kept, RULE_KRN_026);
    ke_test_bad(cancel_completes_early, RULE_KRN_026);
    ke_test_bad(cancels_from_above, RULE_KRN_023);
}

/* ---- cancel-safe queues ---- */

static void csq_insert(PIO_CSQ csq, PIRP irp)
{
    (void)csq;
    InsertTailList(&drv.list, &irp->Tail.Overlay.ListEntry);
}

static void csq_remove(PIO_CSQ csq, PIRP irp)
{
    (void)csq;
    RemoveEntryList(&irp->Tail.Overlay.ListEntry);
}

static PIRP csq_peek(PIO_CSQ csq, PIRP irp, PVOID context)
{
    (void)csq;
    (void)context;
    PLIST_ENTRY next = irp != NULL ? irp->Tail.Overlay.ListEntry.Flink : drv.list.Flink;
    return next == &drv.list ? NULL : CONTAINING_RECORD(next, IRP, Tail.Overlay.ListEntry);
}

static void csq_lock(PIO_CSQ csq, PKIRQL irql)
{
    (void)csq;
    KeAcquireSpinLock(&drv.lock, irql);
}

static void csq_unlock(PIO_CSQ csq, KIRQL irql)
{
    (void)csq;
    KeReleaseSpinLock(&drv.lock, irql);
}

static void csq_cancelled(PIO_CSQ csq, PIRP irp)
{
    (void)csq;
    drv.calls++;
    finish(irp, STATUS_CANCELLED, 0);
}

static NTSTATUS keep_in_queue(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    IoCsqInsertIrp(&drv.csq, irp, NULL);
    return STATUS_PENDING;
}

static void queue_new(void)
{
    driver_new(keep_in_queue);
    InitializeListHead(&drv.list);
    KeInitializeSpinLock(&drv.lock);
    IoCsqInitialize(&drv.csq, csq_insert, csq_remove, csq_peek, csq_lock, csq_unlock,
                    csq_cancelled);
}

static void queue_fifo(void)
{
    char text[4] = "abc";
    queue_new();
    ioctl(text, 4, 4);
    ioctl(text, 4, 4);
    PIRP first = IoCsqRemoveNextIrp(&drv.csq, NULL);
    SIM_ASSERT(first != NULL);
    finish(first, STATUS_SUCCESS, 0);
    SIM_ASSERT(io_cancel_from_above(sim_current, NULL) == 1);
    SIM_ASSERT(drv.calls == 1 && IoCsqRemoveNextIrp(&drv.csq, NULL) == NULL);
    SIM_ASSERT(io_outstanding(sim_current) == 0);
}

static void canceller(PVOID argument)
{
    (void)argument;
    io_cancel_from_above(sim_current, NULL);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* Whoever wins, the IRP is completed once. */
static void queue_race(void)
{
    char text[4] = "abc";
    queue_new();
    ioctl(text, 4, 4);
    PKTHREAD thread = ke_test_thread(canceller, NULL);
    PIRP irp = IoCsqRemoveNextIrp(&drv.csq, NULL);
    if (irp != NULL) {
        finish(irp, STATUS_SUCCESS, 0);
    }
    ke_test_join(thread);
    SIM_ASSERT(io_outstanding(sim_current) == 0);
    SIM_ASSERT((irp != NULL) == (drv.calls == 0));
}

static void completes_queued(void)
{
    char text[4] = "abc";
    queue_new();
    ioctl(text, 4, 4);
    PIRP irp = CONTAINING_RECORD(drv.list.Flink, IRP, Tail.Overlay.ListEntry);
    finish(irp, STATUS_SUCCESS, 0);
}

static void test_queue(void **state)
{
    (void)state;
    ke_test_good(queue_fifo);
    ke_test_good(queue_race);
    ke_test_bad(completes_queued, RULE_KRN_036);
}

/* ---- work items ---- */

static void work(PDEVICE_OBJECT device, PVOID context)
{
    SIM_ASSERT(device == drv.device && KeGetCurrentIrql() == PASSIVE_LEVEL);
    drv.calls++;
    if (context != NULL) {
        IoFreeWorkItem(context);
    }
    KeSetEvent(drv.event, 0, FALSE);
}

static void work_ex(PVOID parameter)
{
    (void)parameter;
    drv.calls++;
    KeSetEvent(drv.event, 0, FALSE);
}

static void wait_for_work(void)
{
    KeWaitForSingleObject(drv.event, Executive, KernelMode, FALSE, NULL);
    KeClearEvent(drv.event);
}

static void work_good(void)
{
    driver_new(echo);
    PIO_WORKITEM item = IoAllocateWorkItem(drv.device);
    IoQueueWorkItem(item, work, DelayedWorkQueue, NULL);
    wait_for_work();
    IoQueueWorkItem(item, work, DelayedWorkQueue, item); /* frees itself */
    wait_for_work();
    PWORK_QUEUE_ITEM ex = ke_test_alloc(sizeof *ex);
    ExInitializeWorkItem(ex, work_ex, NULL);
    ExQueueWorkItem(ex, DelayedWorkQueue);
    wait_for_work();
    SIM_ASSERT(drv.calls == 3);
}

static void work_outlives_device(void)
{
    driver_new(echo);
    PIO_WORKITEM item = IoAllocateWorkItem(drv.device);
    IoQueueWorkItem(item, work, DelayedWorkQueue, item);
    IoDeleteDevice(drv.device); /* referenced: its memory stays */
    wait_for_work();
    SIM_ASSERT(drv.calls == 1);
}

static void queued_twice(void)
{
    driver_new(echo);
    PIO_WORKITEM item = IoAllocateWorkItem(drv.device);
    IoQueueWorkItem(item, work, DelayedWorkQueue, NULL);
    IoQueueWorkItem(item, work, DelayedWorkQueue, NULL);
}

static void freed_while_queued(void)
{
    driver_new(echo);
    PIO_WORKITEM item = IoAllocateWorkItem(drv.device);
    IoQueueWorkItem(item, work, DelayedWorkQueue, NULL);
    IoFreeWorkItem(item);
}

static void memory_freed_while_queued(void)
{
    driver_new(echo);
    PWORK_QUEUE_ITEM item = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof *item, 'tseT');
    ExInitializeWorkItem(item, work_ex, NULL);
    ExQueueWorkItem(item, DelayedWorkQueue);
    ExFreePool(item);
}

static void unloaded_while_queued(void)
{
    driver_new(echo);
    PWORK_QUEUE_ITEM item = ke_test_alloc(sizeof *item);
    ExInitializeWorkItem(item, work_ex, NULL);
    ExQueueWorkItem(item, DelayedWorkQueue);
    IoDeleteDevice(drv.device);
    io_check_unload(sim_current);
}

static void work_leaked(void)
{
    driver_new(echo);
    IoAllocateWorkItem(drv.device);
    io_check_unload(sim_current);
}

static void test_work(void **state)
{
    (void)state;
    ke_test_good(work_good);
    ke_test_good(work_outlives_device);
    ke_test_bad(queued_twice, RULE_KRN_167);
    ke_test_bad(freed_while_queued, RULE_KRN_168);
    ke_test_bad(memory_freed_while_queued, RULE_KRN_200);
    ke_test_bad(unloaded_while_queued, RULE_KRN_172);
    ke_test_bad(work_leaked, RULE_KRN_284);
}

/* ---- remove locks, names, deletion ---- */

static PIO_REMOVE_LOCK removal;

static void remover_user(PVOID argument)
{
    LARGE_INTEGER soon = ke_test_ms(5);
    KeDelayExecutionThread(KernelMode, FALSE, &soon);
    IoReleaseRemoveLock(removal, argument);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void remove_lock_good(void)
{
    int tag;
    removal = ke_test_alloc(sizeof *removal);
    IoInitializeRemoveLock(removal, 'tseT', 0, 0);
    SIM_ASSERT(IoAcquireRemoveLock(removal, &tag) == STATUS_SUCCESS);
    PKTHREAD thread = ke_test_thread(remover_user, &tag);
    SIM_ASSERT(IoAcquireRemoveLock(removal, NULL) == STATUS_SUCCESS);
    IoReleaseRemoveLockAndWait(removal, NULL);
    SIM_ASSERT(IoAcquireRemoveLock(removal, NULL) == STATUS_DELETE_PENDING);
    ke_test_join(thread);
    io_check_unload(sim_current);
}

static void other_tag(void)
{
    int a, b;
    removal = ke_test_alloc(sizeof *removal);
    IoInitializeRemoveLock(removal, 'tseT', 0, 0);
    SIM_ASSERT(IoAcquireRemoveLock(removal, &a) == STATUS_SUCCESS);
    IoReleaseRemoveLock(removal, &b);
}

static void names(void)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\Device\\Test");
    UNICODE_STRING link = RTL_CONSTANT_STRING(L"\\DosDevices\\Test");
    PDEVICE_OBJECT other;
    driver_new(echo);
    SIM_ASSERT(IoCreateDevice(drv.driver, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &other) ==
               STATUS_OBJECT_NAME_COLLISION);
    SIM_ASSERT(IoCreateSymbolicLink(&link, &name) == STATUS_SUCCESS);
    SIM_ASSERT(IoCreateSymbolicLink(&link, &name) == STATUS_OBJECT_NAME_COLLISION);
    SIM_ASSERT(io_device_by_name(sim_current, L"\\??\\TEST", 8) == drv.device);
    SIM_ASSERT(io_device_by_name(sim_current, L"\\??\\Tess", 8) == NULL);
    SIM_ASSERT(IoDeleteSymbolicLink(&link) == STATUS_SUCCESS);
    SIM_ASSERT(IoDeleteSymbolicLink(&link) == STATUS_OBJECT_NAME_NOT_FOUND);
    IoDeleteDevice(drv.device);
    io_check_unload(sim_current);
}

static void deleted_twice(void)
{
    driver_new(echo);
    IoDeleteDevice(drv.device);
    IoDeleteDevice(drv.device);
}

static void device_leaked(void)
{
    driver_new(echo);
    io_check_unload(sim_current);
}

static void test_rest(void **state)
{
    (void)state;
    ke_test_good(remove_lock_good);
    ke_test_good(names);
    ke_test_bad(other_tag, RULE_KRN_289);
    ke_test_bad(deleted_twice, RULE_KRN_285);
    ke_test_bad(device_leaked, RULE_KRN_284);
}

/* The globals and constants of this executable are those of a driver. */
static int setup(void **state)
{
    extern char __executable_start[], _end[];
    static bool is_done;
    ke_test_setup(state);
    if (!is_done) {
        sim_memory_allow((uintptr_t)__executable_start, (size_t)(_end - __executable_start));
        is_done = true;
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_dispatch, setup), cmocka_unit_test_setup(test_forward, setup),
        cmocka_unit_test_setup(test_cancel, setup),   cmocka_unit_test_setup(test_queue, setup),
        cmocka_unit_test_setup(test_work, setup),     cmocka_unit_test_setup(test_rest, setup),
    };
    return cmocka_run_group_tests_name("io_device", tests, NULL, NULL);
}
