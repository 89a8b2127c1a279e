/* SPDX-License-Identifier: MIT */
/* Cases of the kernel contract, 1.5: DPCs and timers. */
#include "case.h"

enum { TAG = 'esaC', TICK = 156250 };

static KDPC Dpc;
static KTIMER Timer;
static KEVENT Event;
static volatile LONG Runs, Running;
static PVOID LastArgument;

static LARGE_INTEGER In(LONGLONG Units)
{
    LARGE_INTEGER Time;
    Time.QuadPart = -Units;
    return Time;
}

static void Counts(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Second);
    LastArgument = First;
    InterlockedIncrement(&Runs);
}

/* ---- DPC objects (KRN-150 to KRN-156) ---- */

MISTAKE(dpc_in_paged_pool, "KRN-150 KBUG-15")
{
    PKDPC Object =
        ExAllocatePoolWithTag(Mistaken ? PagedPool : NonPagedPoolNx, sizeof *Object, TAG);
    if (Object != NULL) {
        KeInitializeDpc(Object, Counts, NULL);
        ExFreePoolWithTag(Object, TAG);
    }
}

MISTAKE(dpc_initialised_while_queued, "KRN-150")
{
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    KeInitializeDpc(&Dpc, Counts, NULL);
    KeSetTargetProcessorDpc(&Dpc, (CCHAR)KeGetCurrentProcessorNumberEx(NULL));
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    if (Mistaken) {
        KeInitializeDpc(&Dpc, Counts, NULL);
    }
    KeLowerIrql(Old);
    KeFlushQueuedDpcs();
}

MISTAKE(timer_initialised_while_set, "KRN-150")
{
    KeInitializeTimer(&Timer);
    KeSetTimer(&Timer, In(TICK), NULL);
    if (Mistaken) {
        KeInitializeTimer(&Timer);
    }
    KeCancelTimer(&Timer);
}

DUTY(dpc_is_queued_once, "KRN-151 KRN-154 KPROP-16")
{
    KeInitializeDpc(&Dpc, Counts, NULL);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    KeSetTargetProcessorDpc(&Dpc, (CCHAR)KeGetCurrentProcessorNumberEx(NULL));
    Check(KeInsertQueueDpc(&Dpc, (PVOID)1, NULL));
    Check(!KeInsertQueueDpc(&Dpc, (PVOID)2, NULL)); /* new arguments are lost */
    Check(KeRemoveQueueDpc(&Dpc));
    Check(!KeRemoveQueueDpc(&Dpc));
    Check(KeInsertQueueDpc(&Dpc, (PVOID)3, NULL));
    Check(!KeInsertQueueDpc(&Dpc, (PVOID)4, NULL));
    KeLowerIrql(Old);
    KeFlushQueuedDpcs();
    Check(Runs == 1 && LastArgument == (PVOID)3);
    Check(!KeRemoveQueueDpc(&Dpc));
}

static void Overlaps(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Second);
    if (InterlockedIncrement(&Running) == 2) {
        Witness(); /* on two processors at a time */
    }
    if (First == NULL) {
        KeSetTargetProcessorDpc(Object, (CCHAR)(KeGetCurrentProcessorNumberEx(NULL) == 0));
        KeInsertQueueDpc(Object, Object, NULL);
        KeStallExecutionProcessor(5);
    }
    InterlockedDecrement(&Running);
}

FREEDOM(dpc_runs_on_two_processors, "KRN-152")
{
    if (KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS) < 2) {
        return;
    }
    KeInitializeDpc(&Dpc, Overlaps, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeFlushQueuedDpcs();
    KeFlushQueuedDpcs();
}

MISTAKE(queued_dpc_freed, "KRN-153 KPROP-15")
{
    PKDPC Object = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Object, TAG);
    if (Object != NULL) {
        KeInitializeDpc(Object, Counts, NULL);
        KIRQL Old = KeRaiseIrqlToDpcLevel();
        KeSetTargetProcessorDpc(Object, (CCHAR)KeGetCurrentProcessorNumberEx(NULL));
        KeInsertQueueDpc(Object, NULL, NULL);
        if (!Mistaken) {
            KeRemoveQueueDpc(Object);
        }
        ExFreePoolWithTag(Object, TAG);
        KeLowerIrql(Old);
    }
}

static CCHAR OtherProcessor(void)
{
    return (CCHAR)(KeGetCurrentProcessorNumberEx(NULL) == 0 &&
                   KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS) > 1);
}

static void Late(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Second);
    InterlockedIncrement(&Running);
    KeStallExecutionProcessor(5);
    InterlockedDecrement(&Running);
    InterlockedIncrement(&Runs);
}

DUTY(flush_waits_for_what_was_queued, "KRN-155 KPROP-17")
{
    for (LONG i = 1; i <= 3; i++) {
        KeInitializeDpc(&Dpc, Late, NULL);
        KeSetTargetProcessorDpc(&Dpc, OtherProcessor());
        Check(KeInsertQueueDpc(&Dpc, NULL, NULL));
        KeFlushQueuedDpcs();
        Check(Running == 0 && Runs == i);
    }
}

MISTAKE(flush_at_dispatch, "KRN-155")
{
    KIRQL Old = PASSIVE_LEVEL;
    if (Mistaken) {
        Old = KeRaiseIrqlToDpcLevel();
    }
    KeFlushQueuedDpcs();
    if (Mistaken) {
        KeLowerIrql(Old);
    }
}

static void Raises(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Second);
    KIRQL Old;
    KeRaiseIrql(DISPATCH_LEVEL + 1, &Old);
    if (!Mistaken) {
        KeLowerIrql(Old);
    }
}

MISTAKE(dpc_returns_raised, "KRN-156 KPROP-08")
{
    KeInitializeDpc(&Dpc, Raises, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeFlushQueuedDpcs();
}

static void Waits(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    LARGE_INTEGER Now = {0};
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Second);
    (void)KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, Mistaken ? NULL : &Now);
}

MISTAKE(dpc_waits, "KRN-081 KBUG-17 KRN-082 KRN-156 KPROP-10")
{
    KeInitializeEvent(&Event, NotificationEvent, TRUE);
    KeInitializeDpc(&Dpc, Waits, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeFlushQueuedDpcs();
}

static volatile KIRQL Level;

static void NotesLevel(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Second);
    Level = KeGetCurrentIrql();
    Runs++;
}

static KIRQL ThreadedLevel(void)
{
    KeInitializeThreadedDpc(&Dpc, NotesLevel, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeFlushQueuedDpcs();
    Check(Runs == 1);
    return Level;
}

FREEDOM(threaded_dpc_at_passive, "KRN-174")
{
    if (ThreadedLevel() == PASSIVE_LEVEL) {
        Witness();
    }
}

FREEDOM(threaded_dpc_at_dispatch, "KRN-174")
{
    if (ThreadedLevel() == DISPATCH_LEVEL) {
        Witness();
    }
}

/* ---- timers (KRN-157 to KRN-162, KRN-175) ---- */

DUTY(setting_a_timer_again_cancels, "KRN-157")
{
    KeInitializeDpc(&Dpc, Counts, NULL);
    KeInitializeTimer(&Timer);
    Check(!KeSetTimer(&Timer, In(1000 * TICK), &Dpc));
    Check(KeSetTimer(&Timer, In(2 * TICK), &Dpc));
    KeWaitForSingleObject(&Timer, Executive, KernelMode, FALSE, NULL);
    Check(KeReadStateTimer(&Timer)); /* a notification timer */
    KeFlushQueuedDpcs();
    Check(Runs == 1);
    Check(!KeSetTimer(&Timer, In(1000 * TICK), NULL) && !KeReadStateTimer(&Timer));
    Check(KeCancelTimer(&Timer));
}

DUTY(cancelled_timer_stays_silent, "KRN-158 KPROP-18")
{
    KeInitializeDpc(&Dpc, Counts, NULL);
    KeInitializeTimer(&Timer);
    Check(!KeCancelTimer(&Timer));
    KeSetTimer(&Timer, In(TICK), &Dpc);
    CaseSleep(15);
    if (KeCancelTimer(&Timer)) {
        CaseSleep(100);
        KeFlushQueuedDpcs();
        Check(Runs == 0 && !KeReadStateTimer(&Timer));
    } else {
        KeFlushQueuedDpcs();
        Check(Runs == 1 && KeReadStateTimer(&Timer));
    }
    Runs = 0;
    KeSetTimerEx(&Timer, In(TICK), 10, &Dpc);
    CaseSleep(100);
    Check(KeCancelTimer(&Timer)); /* a periodic one that is set, always */
    KeFlushQueuedDpcs();
    Check(Runs > 0);
    Check(!KeCancelTimer(&Timer));
}

FREEDOM(cancelled_timer_has_its_dpc_queued, "KRN-158")
{
    KeInitializeDpc(&Dpc, Counts, NULL);
    KeInitializeTimer(&Timer);
    KeSetTimer(&Timer, In(10000), &Dpc);
    CaseSleep(1);
    if (!KeCancelTimer(&Timer) && Runs == 0) {
        Witness();
    }
    KeFlushQueuedDpcs();
}

struct watch {
    KTIMER Timer;
    KDPC Dpc;
    LONG Alarms;
};

static void Alarm(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    struct watch *Watch = Context;
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Second);
    Watch->Alarms++;
}

static struct watch *WatchNew(LONG Period)
{
    struct watch *Watch = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Watch, TAG);
    if (Watch != NULL) {
        Watch->Alarms = 0;
        KeInitializeTimer(&Watch->Timer);
        KeInitializeDpc(&Watch->Dpc, Alarm, Watch);
        KeSetTimerEx(&Watch->Timer, In(10000), Period, &Watch->Dpc);
        CaseSleep(1);
    }
    return Watch;
}

/* What is touched is freed: a queued DPC (KRN-153), or what its routine uses. */
MISTAKE(freed_although_cancel_said_false, "KRN-153 KBUG-31 KRN-159", .off = "MEM-UAF")
{
    struct watch *Watch = WatchNew(0);
    if (Watch != NULL) {
        if (!KeCancelTimer(&Watch->Timer) && !Mistaken) {
            KeFlushQueuedDpcs();
        }
        ExFreePoolWithTag(Watch, TAG);
    }
}

MISTAKE(periodic_timer_cancelled_without_flush, "KRN-153 KBUG-32 KRN-159", .off = "MEM-UAF")
{
    struct watch *Watch = WatchNew(1);
    if (Watch != NULL) {
        KeCancelTimer(&Watch->Timer);
        if (!Mistaken) {
            KeFlushQueuedDpcs();
        }
        ExFreePoolWithTag(Watch, TAG);
    }
}

MISTAKE(dpc_of_a_set_timer_freed, "KRN-159")
{
    PKDPC Object = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Object, TAG);
    if (Object != NULL) {
        KeInitializeDpc(Object, Counts, NULL);
        KeInitializeTimer(&Timer);
        KeSetTimer(&Timer, In(1000 * TICK), Object);
        if (!Mistaken) {
            KeCancelTimer(&Timer);
        }
        ExFreePoolWithTag(Object, TAG);
        KeCancelTimer(&Timer);
    }
}

MISTAKE(one_dpc_for_two_timers, "KRN-160")
{
    static KTIMER Other;
    static KDPC Own;
    KeInitializeDpc(&Dpc, Counts, NULL);
    KeInitializeDpc(&Own, Counts, NULL);
    KeInitializeTimer(&Timer);
    KeInitializeTimer(&Other);
    KeSetTimer(&Timer, In(1000 * TICK), &Dpc);
    KeSetTimer(&Other, In(1000 * TICK), Mistaken ? &Dpc : &Own);
    KeCancelTimer(&Timer);
    KeCancelTimer(&Other);
}

MISTAKE(set_timer_freed, "KRN-161 KPROP-15")
{
    PKTIMER Object = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Object, TAG);
    if (Object != NULL) {
        KeInitializeTimer(Object);
        KeSetTimer(Object, In(1000 * TICK), NULL);
        if (!Mistaken) {
            KeCancelTimer(Object);
        }
        ExFreePoolWithTag(Object, TAG);
    }
}

static void FreesItself(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Second);
    ExFreePoolWithTag(Context, TAG);
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
}

/* A DPC routine may free its own one-shot timer, not a periodic one. */
MISTAKE(periodic_timer_freed_by_its_dpc, "KRN-161")
{
    struct watch *Watch = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Watch, TAG);
    if (Watch != NULL) {
        KeInitializeEvent(&Event, NotificationEvent, FALSE);
        KeInitializeTimer(&Watch->Timer);
        KeInitializeDpc(&Watch->Dpc, FreesItself, Watch);
        KeSetTimerEx(&Watch->Timer, In(10000), Mistaken ? 1000 : 0, &Watch->Dpc);
        KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
        KeFlushQueuedDpcs();
    }
}

MISTAKE(timer_set_at_unload, "KRN-162", .place = WSKSIM_CASE_UNLOAD)
{
    KeInitializeTimer(&Timer);
    KeSetTimer(&Timer, In(1000 * TICK), NULL);
    if (!Mistaken) {
        KeCancelTimer(&Timer);
    }
}

static void QueueAtUnload(void)
{
    KeInitializeDpc(&Dpc, Counts, NULL);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    KeSetTargetProcessorDpc(&Dpc, OtherProcessor());
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeLowerIrql(Old);
    if (!Mistaken) {
        KeFlushQueuedDpcs();
    }
}

MISTAKE(dpc_queued_at_unload, "KRN-283 kernel.dpc_at_unload", .place = WSKSIM_CASE_UNLOAD,
        .knobs = "kernel.dpc_at_unload=error")
{
    QueueAtUnload();
}

MISTAKE(dpc_queued_at_unload_is_lint, "KRN-283 kernel.dpc_at_unload", .place = WSKSIM_CASE_UNLOAD,
        .knobs = "kernel.dpc_at_unload=lint", .is_lint = TRUE)
{
    QueueAtUnload();
}

static ULONGLONG Rang;

static void NotesTime(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Second);
    Rang = KeQueryInterruptTime();
}

/* How much later than asked the timer went off. */
static ULONGLONG Lateness(void)
{
    KeInitializeDpc(&Dpc, NotesTime, NULL);
    KeInitializeTimer(&Timer);
    ULONGLONG Start = KeQueryInterruptTime();
    KeSetTimer(&Timer, In(3 * TICK), &Dpc);
    KeWaitForSingleObject(&Timer, Executive, KernelMode, FALSE, NULL);
    KeFlushQueuedDpcs();
    Check(Rang - Start >= 3 * TICK);
    return Rang - Start - 3 * TICK;
}

DUTY(timer_is_never_early, "KRN-175")
{
    (void)Lateness();
    ULONGLONG Start = KeQueryInterruptTime();
    CaseSleep(20);
    Check(KeQueryInterruptTime() - Start >= 200000);
}

FREEDOM(timer_is_late, "KRN-175")
{
    if (Lateness() > TICK / 2) {
        Witness();
    }
}

/* ---- timers of the executive (KRN-163 to KRN-165) ---- */

static void Rings(PEX_TIMER Object, PVOID Context)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Context);
    Check(KeGetCurrentIrql() == DISPATCH_LEVEL);
    InterlockedIncrement(&Runs);
}

MISTAKE(timer_used_after_deletion, "KRN-163")
{
    PEX_TIMER Object = ExAllocateTimer(Rings, NULL, 0);
    if (Object != NULL) {
        ExDeleteTimer(Object, TRUE, TRUE, NULL);
        if (Mistaken) {
            (void)ExCancelTimer(Object, NULL);
        }
    }
}

MISTAKE(deletion_waits_without_cancelling, "KRN-163")
{
    PEX_TIMER Object = ExAllocateTimer(Rings, NULL, 0);
    if (Object != NULL) {
        ExDeleteTimer(Object, !Mistaken, TRUE, NULL);
    }
}

MISTAKE(high_resolution_and_no_wake, "KRN-164")
{
    PEX_TIMER Object =
        ExAllocateTimer(Rings, NULL, EX_TIMER_HIGH_RESOLUTION | (Mistaken ? EX_TIMER_NO_WAKE : 0u));
    if (Object != NULL) {
        ExDeleteTimer(Object, TRUE, TRUE, NULL);
    }
}

FREEDOM(timer_cannot_be_had, "KRN-164 KPROP-22")
{
    PEX_TIMER Object = ExAllocateTimer(Rings, NULL, 0);
    if (Object == NULL) {
        Witness();
    } else {
        ExDeleteTimer(Object, TRUE, TRUE, NULL);
    }
}

DUTY(executive_timers_tell_the_truth, "KRN-165")
{
    PEX_TIMER Object = ExAllocateTimer(Rings, NULL, EX_TIMER_NOTIFICATION);
    if (Object == NULL) {
        return;
    }
    Check(!ExCancelTimer(Object, NULL));
    Check(!ExSetTimer(Object, -1000 * TICK, 0, NULL));
    Check(ExSetTimer(Object, -1000 * TICK, 0, NULL));
    Check(ExCancelTimer(Object, NULL));
    CaseSleep(20);
    Check(Runs == 0); /* cancelled */
    Check(!ExSetTimer(Object, -TICK, 0, NULL));
    KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, NULL);
    Check(!ExDeleteTimer(Object, TRUE, TRUE, NULL));
    Check(Runs == 1); /* went off: called once, and over */
}
