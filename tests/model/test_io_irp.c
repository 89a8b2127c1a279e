/* SPDX-License-Identifier: MIT */
/* IRPs as requests: who may do what when (KRN-001 to KRN-037, sockets.md 1.2 and 3.2). */
#include "test_ke.h"

#include "model/io/io.h"

/* The subsystem of these tests: one request at a time, completed by the body or by a system
 * context. */
static struct io_irp *held;

static NTSTATUS submit(PIRP irp)
{
    struct sim *s = model_enter(ROUTINE_WskSend);
    held = io_submit(s, irp, ROUTINE_WskSend);
    return model_leave_status(s, STATUS_SUCCESS);
}

static void pend_cancel(struct sim *s, struct io_irp *irp, void *request)
{
    (void)request;
    io_complete(s, irp, STATUS_CANCELLED, 0);
}

static void pend(void)
{
    io_pend(sim_current, held, pend_cancel, NULL);
}

static void complete_later(struct sim *s, void *argument)
{
    io_complete(s, argument, STATUS_SUCCESS, 7);
}

/* ---- a driver's routines ---- */

static struct {
    unsigned calls;
    BOOLEAN pending_returned;
    IO_STATUS_BLOCK status;
    KEVENT *event;
} seen;

static NTSTATUS keep(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    SIM_ASSERT(device == NULL); /* KRN-003 */
    SIM_ASSERT(context == &seen);
    seen.calls++;
    seen.pending_returned = irp->PendingReturned;
    seen.status = irp->IoStatus;
    if (seen.event != NULL) {
        KeSetEvent(seen.event, 0, FALSE);
    }
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS let_go(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    (void)device;
    (void)irp;
    (void)context;
    return STATUS_SUCCESS;
}

static NTSTATUS free_it(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    (void)device;
    (void)context;
    seen.calls++;
    IoFreeIrp(irp);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS mark(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    (void)device;
    (void)context;
    IoMarkIrpPending(irp);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static PIRP irp_new(PIO_COMPLETION_ROUTINE routine)
{
    memset(&seen, 0, sizeof seen);
    PIRP irp = IoAllocateIrp(1, FALSE);
    SIM_ASSERT(irp != NULL);
    IoSetCompletionRoutine(irp, routine, &seen, TRUE, TRUE, TRUE);
    return irp;
}

/* ---- the good path ---- */

static void inline_and_again(void)
{
    PIRP irp = irp_new(keep);
    for (unsigned pass = 1; pass <= 3; pass++) {
        SIM_ASSERT(submit(irp) == STATUS_SUCCESS);
        io_complete(sim_current, held, STATUS_SUCCESS, pass);
        SIM_ASSERT(seen.calls == pass);
        SIM_ASSERT(!seen.pending_returned); /* IRP-018 */
        SIM_ASSERT(seen.status.Status == STATUS_SUCCESS && seen.status.Information == pass);
        SIM_ASSERT(irp->CurrentLocation == 2);
        IoReuseIrp(irp, STATUS_UNSUCCESSFUL);
        SIM_ASSERT(irp->IoStatus.Status == STATUS_UNSUCCESSFUL);
        IoSetCompletionRoutine(irp, keep, &seen, TRUE, TRUE, TRUE);
    }
    IoFreeIrp(irp);
    io_check_unload(sim_current);
}

static void pended(void)
{
    PIRP irp = irp_new(keep);
    KEVENT *event = ke_test_alloc(sizeof *event);
    KeInitializeEvent(event, NotificationEvent, FALSE);
    seen.event = event;
    submit(irp);
    pend();
    ke_system_call(sim_current, NULL, DISPATCH_LEVEL, complete_later, held, "stack");
    KeWaitForSingleObject(event, Executive, KernelMode, FALSE, NULL);
    SIM_ASSERT(seen.pending_returned && seen.status.Information == 7);
    SIM_ASSERT(irp->IoStatus.Information == 7);
    IoFreeIrp(irp);
    io_check_unload(sim_current);
}

static void raw_memory(void)
{
    PIRP irp = ke_test_alloc(IoSizeOfIrp(2));
    memset(&seen, 0, sizeof seen);
    IoInitializeIrp(irp, IoSizeOfIrp(2), 2);
    IoSetCompletionRoutine(irp, keep, &seen, TRUE, TRUE, TRUE);
    submit(irp);
    io_complete(sim_current, held, STATUS_UNSUCCESSFUL, 0);
    IoInitializeIrp(irp, IoSizeOfIrp(2), 2);
    IoSetCompletionRoutine(irp, keep, &seen, TRUE, TRUE, TRUE);
    submit(irp);
    io_complete(sim_current, held, STATUS_SUCCESS, 0);
    SIM_ASSERT(seen.calls == 2);
    io_check_unload(sim_current);
}

static void on_the_stack(void)
{
    union {
        IRP irp;
        char bytes[IoSizeOfIrp(1)];
    } u;
    memset(&seen, 0, sizeof seen);
    IoInitializeIrp(&u.irp, sizeof u.bytes, 1);
    IoSetCompletionRoutine(&u.irp, keep, &seen, TRUE, TRUE, TRUE);
    submit(&u.irp);
    SIM_ASSERT(sim_shadow_at((uintptr_t)&u.irp.IoStatus) == SIM_SHADOW_OWNED); /* IRP-030 */
    SIM_ASSERT(io_irp_owning(sim_current, (uintptr_t)&u.irp.IoStatus.Information) == held);
    io_complete(sim_current, held, STATUS_SUCCESS, 1);
    SIM_ASSERT(sim_shadow_at((uintptr_t)&u.irp.IoStatus) == SIM_SHADOW_VALID);
    SIM_ASSERT(u.irp.IoStatus.Information == 1);
}

static void freed_inside(void)
{
    submit(irp_new(free_it));
    io_complete(sim_current, held, STATUS_SUCCESS, 0);
    SIM_ASSERT(seen.calls == 1);
    io_check_unload(sim_current);
}

static void test_good(void **state)
{
    (void)state;
    ke_test_good(inline_and_again);
    ke_test_good(pended);
    ke_test_good(raw_memory);
    ke_test_good(on_the_stack);
    ke_test_good(freed_inside);
}

/* KRN-009: which routine is called for which status, flags and cancel bit. */
static void flags(void)
{
    static const struct {
        unsigned flags;
        NTSTATUS status;
        bool cancel, is_called;
    } rows[] = {
        {SL_INVOKE_ON_SUCCESS, STATUS_SUCCESS, false, true},
        {SL_INVOKE_ON_SUCCESS, STATUS_CANCELLED, true, false},
        {SL_INVOKE_ON_ERROR, STATUS_CANCELLED, false, true},
        {SL_INVOKE_ON_ERROR, STATUS_SUCCESS, true, false},
        {SL_INVOKE_ON_CANCEL, STATUS_SUCCESS, true, true},
        {SL_INVOKE_ON_CANCEL, STATUS_SUCCESS, false, false},
    };
    /* A second location, whose routine ends completion whatever the first did. */
    for (unsigned i = 0; i < SIM_COUNT(rows); i++) {
        memset(&seen, 0, sizeof seen);
        PIRP irp = IoAllocateIrp(2, FALSE);
        IoSetCompletionRoutine(irp, keep, &seen, TRUE, TRUE, TRUE);
        IoSetNextIrpStackLocation(irp);
        IoSetCompletionRoutine(irp, let_go, &seen, TRUE, TRUE, TRUE);
        submit(irp);
        PIO_STACK_LOCATION location = irp->Tail.Overlay.CurrentStackLocation;
        location->Control = (UCHAR)rows[i].flags;
        irp->Cancel = rows[i].cancel;
        io_complete(sim_current, held, rows[i].status, 0);
        SIM_ASSERT(seen.calls == 1);
        IoFreeIrp(irp);
    }
}

static void test_flags(void **state)
{
    (void)state;
    ke_test_good(flags);
}

/* ---- mistakes ---- */

static void no_location(void)
{
    PIRP irp = IoAllocateIrp(0, FALSE);
    submit(irp);
}

static void second_submit_without_location(void)
{
    PIRP irp = irp_new(keep);
    IoSetNextIrpStackLocation(irp);
    submit(irp);
}

static void no_routine(void)
{
    submit(IoAllocateIrp(1, FALSE));
}

static void not_all_flags(void)
{
    PIRP irp = IoAllocateIrp(1, FALSE);
    IoSetCompletionRoutine(irp, keep, &seen, TRUE, FALSE, TRUE);
    submit(irp);
}

static void continues(void)
{
    submit(irp_new(let_go));
    io_complete(sim_current, held, STATUS_SUCCESS, 0);
}

static void reused_without_reinit(void)
{
    PIRP irp = irp_new(keep);
    submit(irp);
    io_complete(sim_current, held, STATUS_SUCCESS, 0);
    IoSetCompletionRoutine(irp, keep, &seen, TRUE, TRUE, TRUE);
    submit(irp);
}

static void submitted_twice(void)
{
    PIRP irp = irp_new(keep);
    submit(irp);
    submit(irp);
}

static void freed_in_flight(void)
{
    PIRP irp = irp_new(keep);
    submit(irp);
    pend();
    IoFreeIrp(irp);
}

static void reused_in_flight(void)
{
    PIRP irp = irp_new(keep);
    submit(irp);
    pend();
    IoReuseIrp(irp, STATUS_SUCCESS);
}

static void memory_freed_in_flight(void)
{
    PIRP irp = ExAllocatePool2(POOL_FLAG_NON_PAGED, IoSizeOfIrp(1), 'tseT');
    IoInitializeIrp(irp, IoSizeOfIrp(1), 1);
    IoSetCompletionRoutine(irp, keep, &seen, TRUE, TRUE, TRUE);
    submit(irp);
    pend();
    ExFreePool(irp);
}

static void stack_changed_in_flight(void)
{
    PIRP irp = irp_new(keep);
    submit(irp);
    IoGetCurrentIrpStackLocation(irp)->CompletionRoutine = let_go;
    io_complete(sim_current, held, STATUS_SUCCESS, 0);
}

static void freed_twice(void)
{
    PIRP irp = irp_new(keep);
    IoFreeIrp(irp);
    IoFreeIrp(irp);
}

static void used_after_free(void)
{
    PIRP irp = irp_new(keep);
    IoFreeIrp(irp);
    submit(irp);
}

static void raw_freed(void)
{
    PIRP irp = ke_test_alloc(IoSizeOfIrp(1));
    IoInitializeIrp(irp, IoSizeOfIrp(1), 1);
    IoFreeIrp(irp);
}

static void initialized_before_use(void)
{
    PIRP irp = IoAllocateIrp(1, FALSE);
    IoInitializeIrp(irp, IoSizeOfIrp(1), 1);
}

static void too_small(void)
{
    PIRP irp = ke_test_alloc(IoSizeOfIrp(2));
    IoInitializeIrp(irp, IoSizeOfIrp(1), 2);
}

static void marks_own(void)
{
    submit(irp_new(mark));
    pend();
    io_complete(sim_current, held, STATUS_SUCCESS, 0);
}

static void cancel_routine_set(void)
{
    PIRP irp = irp_new(keep);
    IoSetCancelRoutine(irp, (PDRIVER_CANCEL)(void *)keep);
    submit(irp);
}

static void leaked(void)
{
    irp_new(keep);
    io_check_unload(sim_current);
}

static void unloaded_in_flight(void)
{
    submit(irp_new(keep));
    pend();
    io_check_unload(sim_current);
}

static void completes_own(void)
{
    PIRP irp = irp_new(keep);
    IoCompleteRequest(irp, IO_NO_INCREMENT);
}

static void paged_context(void)
{
    PIRP irp = IoAllocateIrp(1, FALSE);
    void *context = ExAllocatePool2(POOL_FLAG_PAGED, 16, 'tseT');
    IoSetCompletionRoutine(irp, keep, context, TRUE, TRUE, TRUE);
}

SIM_NOINLINE static void submit_from_frame(void)
{
    union {
        IRP irp;
        char bytes[IoSizeOfIrp(1)];
    } u;
    IoInitializeIrp(&u.irp, sizeof u.bytes, 1);
    IoSetCompletionRoutine(&u.irp, keep, &seen, TRUE, TRUE, TRUE);
    submit(&u.irp);
    pend();
}

static void frame_left(void)
{
    submit_from_frame();
    (void)KeGetCurrentIrql();
    io_complete(sim_current, held, STATUS_SUCCESS, 0);
}

/* What a checked module reports when it reads the status too early. */
static void status_read_early(void)
{
    PIRP irp = irp_new(keep);
    submit(irp);
    pend();
    model_touch(sim_current, &irp->IoStatus.Status, sizeof(NTSTATUS), "the status");
}

static void test_mistakes(void **state)
{
    (void)state;
    ke_test_bad(status_read_early, RULE_IRP_030);
    ke_test_bad(no_location, RULE_IRP_003);
    ke_test_bad(second_submit_without_location, RULE_IRP_003);
    ke_test_bad(no_routine, RULE_IRP_004);
    ke_test_bad(not_all_flags, RULE_IRP_004);
    ke_test_bad(continues, RULE_IRP_005);
    ke_test_bad(reused_without_reinit, RULE_IRP_006);
    ke_test_bad(submitted_twice, RULE_IRP_008);
    ke_test_bad(freed_in_flight, RULE_IRP_008);
    ke_test_bad(reused_in_flight, RULE_IRP_008);
    ke_test_bad(memory_freed_in_flight, RULE_KRN_200);
    ke_test_bad(stack_changed_in_flight, RULE_IRP_008);
    ke_test_bad(freed_twice, RULE_KRN_006);
    ke_test_bad(used_after_free, RULE_IRP_009);
    ke_test_bad(raw_freed, RULE_KRN_006);
    ke_test_bad(initialized_before_use, RULE_KRN_004);
    ke_test_bad(too_small, RULE_KRN_004);
    ke_test_bad(marks_own, RULE_KRN_016);
    ke_test_bad(cancel_routine_set, RULE_KRN_034);
    ke_test_bad(leaked, RULE_IRP_009);
    ke_test_bad(unloaded_in_flight, RULE_IRP_028);
    ke_test_bad(completes_own, RULE_KRN_018);
    ke_test_bad(paged_context, RULE_KRN_008);
    ke_test_bad(frame_left, RULE_KRN_029);
}

/* ---- cancelling ---- */

static void cancelled(void)
{
    PIRP irp = irp_new(keep);
    submit(irp);
    pend();
    SIM_ASSERT(IoCancelIrp(irp) == TRUE);
    SIM_ASSERT(seen.status.Status == STATUS_CANCELLED && irp->Cancel);
    IoReuseIrp(irp, STATUS_SUCCESS);
    SIM_ASSERT(!irp->Cancel);
    IoFreeIrp(irp);
}

static void cancelled_and_freed_inside(void)
{
    PIRP irp = irp_new(free_it);
    submit(irp);
    pend();
    IoCancelIrp(irp);
    io_check_unload(sim_current);
}

static void cancel_after_free(void)
{
    PIRP irp = irp_new(keep);
    IoFreeIrp(irp);
    IoCancelIrp(irp);
}

static NTSTATUS signal_and_free(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    (void)device;
    (void)context;
    IoFreeIrp(irp);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* KBUG-12: the routine frees the IRP while another context cancels it. */
static void cancel_races_free(void)
{
    PIRP irp = irp_new(signal_and_free);
    submit(irp);
    io_pend(sim_current, held, NULL, NULL);
    ke_system_call(sim_current, NULL, DISPATCH_LEVEL, complete_later, held, "stack");
    struct io_irp *record = held;
    if (record->state == IO_IRP_PENDING) {
        IoCancelIrp(irp);
    }
    LARGE_INTEGER soon = ke_test_ms(10);
    KeDelayExecutionThread(KernelMode, FALSE, &soon);
}

/* Between that look and the entry of the call the IRP may go too: KRN-022; inside it: IRP-026. */
static void test_cancel(void **state)
{
    (void)state;
    unsigned inside = 0, before = 0;
    ke_test_good(cancelled);
    ke_test_good(cancelled_and_freed_inside);
    ke_test_bad(cancel_after_free, RULE_KRN_022);
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        const struct choice_source source = {
            .kind = CHOICE_RANDOM, .seed = 0x9E3779B97F4A7C15ull * seed, .switch_one_in = 2};
        if (ke_test_run(cancel_races_free, &source) == SIM_VERDICT_VIOLATION) {
            inside += ke_test_sim->violation.rule == RULE_IRP_026;
            before += ke_test_sim->violation.rule == RULE_KRN_022;
        }
    }
    assert_true(inside > 0);
    assert_true(before > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_good, ke_test_setup),
        cmocka_unit_test_setup(test_flags, ke_test_setup),
        cmocka_unit_test_setup(test_mistakes, ke_test_setup),
        cmocka_unit_test_setup(test_cancel, ke_test_setup),
    };
    return cmocka_run_group_tests_name("io_irp", tests, NULL, NULL);
}
