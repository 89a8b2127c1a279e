/* SPDX-License-Identifier: MIT */
/*
 * Races of drivers: stopping, removing and cancelling against what is still on its way. DPCs,
 * timers, work items, spin locks, levels.
 */
#include "race.h"

/*
 * bluetooth: a request that comes in while the device stops. The adder finds the device running,
 * and counts itself after the stopper has seen the last request leave. 1 preemption, of the adder
 * after its test. Here the count is plain memory.
 */
static volatile LONG PendingIo = 1, IsStopping, StoppingEvent, IsStopped;

static void IoLeave(void)
{
    PendingIo--;
    if (PendingIo == 0) {
        StoppingEvent = TRUE;
    }
}

static void BluetoothAdd(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    if (IsStopping) {
        return;
    }
    PendingIo++;
    Check(!IsStopped);
    IoLeave();
}

static void BluetoothStop(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    IsStopping = TRUE;
    IoLeave();
    if (StoppingEvent) {
        IsStopped = TRUE;
    }
}

RACE(bluetooth, 1, "SYS-ASSERT", "CS/bluetooth_driver")
{
    Start(BluetoothAdd, 0);
    Start(BluetoothStop, 0);
    Join();
}

/* bluetooth_ke: the same with interlocked counts and an event that the stopper waits for. */
static KEVENT Stopped;

static void KeLeave(void)
{
    if (InterlockedDecrement(&PendingIo) == 0) {
        Set(&Stopped);
    }
}

static void KeAdd(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    if (IsStopping) {
        return;
    }
    InterlockedIncrement(&PendingIo);
    Check(!IsStopped);
    KeLeave();
}

static void KeStop(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    IsStopping = TRUE;
    KeLeave();
    Wait(&Stopped);
    IsStopped = TRUE;
}

RACE(bluetooth_ke, 1, "SYS-ASSERT", "CS/bluetooth_driver")
{
    KeInitializeEvent(&Stopped, NotificationEvent, FALSE);
    Start(KeAdd, 0);
    Start(KeStop, 0);
    Join();
}

/* ---- DPCs, timers, work items ---- */

struct context {
    KDPC Dpc;
    KTIMER Timer;
    volatile LONG Runs;
};
static struct context *Context;
static volatile LONG IsReady;

static struct context *NewContext(PKDEFERRED_ROUTINE Routine)
{
    struct context *New = Allocate(sizeof *New);
    if (New != NULL) {
        KeInitializeDpc(&New->Dpc, Routine, New);
        KeInitializeTimer(&New->Timer);
        New->Runs = 0;
    }
    return New;
}

static void Counts(PKDPC Dpc, PVOID Deferred, PVOID First, PVOID Second)
{
    struct context *Mine = Deferred;
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Second);
    Mine->Runs++;
}

/*
 * dpc_free: a DPC that is not in the queue any more may be running on another processor; its memory
 * is freed nevertheless. 2 preemptions: the thread, so that the DPC starts, and the DPC.
 */
RACE(dpc_free, 2, "MEM-UAF KRN-153", "")
{
    Context = NewContext(Counts);
    if (Context != NULL) {
        ULONG Processors = KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS);
        KeSetTargetProcessorDpc(&Context->Dpc, (CCHAR)(Processors - 1));
        KeInsertQueueDpc(&Context->Dpc, NULL, NULL);
        KeRemoveQueueDpc(&Context->Dpc);
        Free(Context);
    }
}

/* timer_free: the same with a timer that has just fired and cannot be cancelled. 0: the clock. */
RACE(timer_free, 0, "MEM-UAF KRN-153", "")
{
    LARGE_INTEGER Due = {.QuadPart = -10000};
    Context = NewContext(Counts);
    if (Context != NULL) {
        KeSetTimer(&Context->Timer, Due, &Context->Dpc);
        KeDelayExecutionThread(KernelMode, FALSE, &Due);
        KeCancelTimer(&Context->Timer);
        Free(Context);
    }
}

/*
 * dpc_torn: a thread changes two fields at PASSIVE_LEVEL, without the spin lock that its DPC holds
 * when it compares them. 1 preemption, by the DPC.
 */
static volatile LONG Left, Right;
static KSPIN_LOCK SpinA, SpinB;
static KDPC StaticDpc;

static void Compares(PKDPC Dpc, PVOID Deferred, PVOID First, PVOID Second)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Deferred);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Second);
    KeAcquireSpinLockAtDpcLevel(&SpinA);
    Check(Left == Right);
    KeReleaseSpinLockFromDpcLevel(&SpinA);
}

static void Changes(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Left = 1;
    Right = 1;
}

static void Queues(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    KeInsertQueueDpc(&StaticDpc, NULL, NULL);
}

RACE(dpc_torn, 1, "SYS-ASSERT", "")
{
    KeInitializeSpinLock(&SpinA);
    KeInitializeDpc(&StaticDpc, Compares, NULL);
    Start(Changes, 0);
    Start(Queues, 0);
    Join();
    KeFlushQueuedDpcs();
}

/* A device of the driver, for work items and requests. */
static PDEVICE_OBJECT NewDevice(PDRIVER_DISPATCH Dispatch)
{
    PDEVICE_OBJECT Device = NULL;
    RaceDriver->MajorFunction[IRP_MJ_INTERNAL_DEVICE_CONTROL] = Dispatch;
    if (!NT_SUCCESS(
            IoCreateDevice(RaceDriver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device))) {
        return NULL;
    }
    Device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    return Device;
}

/*
 * work_free: a work item signals that it is done before it touches its context for the last time. 1
 * preemption.
 */
static KEVENT WorkDone;

static void Work(PDEVICE_OBJECT Device, PVOID Argument)
{
    struct context *Mine = Argument;
    UNREFERENCED_PARAMETER(Device);
    Set(&WorkDone);
    Mine->Runs++;
}

RACE(work_free, 1, "MEM-UAF KRN-089", "")
{
    PDEVICE_OBJECT Device = NewDevice(NULL);
    PIO_WORKITEM Item = Device != NULL ? IoAllocateWorkItem(Device) : NULL;
    Context = NewContext(Counts);
    KeInitializeEvent(&WorkDone, NotificationEvent, FALSE);
    if (Item != NULL && Context != NULL) {
        IoQueueWorkItem(Item, Work, DelayedWorkQueue, Context);
        Wait(&WorkDone);
        Free(Context);
        KeFlushQueuedDpcs();
        IoFreeWorkItem(Item);
    }
    if (Device != NULL) {
        IoDeleteDevice(Device);
    }
}

/*
 * stack_event: an event on the stack of a thread that believes a flag instead of waiting for it: it
 * returns while the other is about to signal. 1 preemption.
 */
struct request {
    KEVENT Done;
    volatile LONG IsDone;
};
static struct request *volatile Given;

static void RequestServe(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    struct request *Mine = Given;
    if (Mine != NULL) {
        Mine->IsDone = TRUE;
        Set(&Mine->Done);
    }
}

static DECLSPEC_NOINLINE void RequestMake(void)
{
    struct request Mine;
    KeInitializeEvent(&Mine.Done, NotificationEvent, FALSE);
    Mine.IsDone = FALSE;
    Given = &Mine;
    while (!Mine.IsDone) {
        YieldProcessor();
    }
    Given = NULL;
}

static void RequestThread(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    RequestMake();
}

static void RequestServer(LONG Argument)
{
    while (Given == NULL && !IsReady) {
        YieldProcessor();
    }
    RequestServe(Argument);
}

RACE(stack_event, 1, "MEM-STACK-RETURNED KRN-089 MEM-UAF", "")
{
    Start(RequestThread, 0);
    Start(RequestServer, 0);
    Join();
}

/* stop_free: a flag tells a thread to stop; its context is freed without waiting for it. 1. */
static volatile LONG MustStop;

static void StopWorker(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    while (!MustStop) {
        Context->Runs++;
        YieldProcessor();
    }
}

static void StopOwner(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    MustStop = TRUE;
    Free(Context);
}

RACE(stop_free, 1, "MEM-UAF", "")
{
    Context = NewContext(Counts);
    if (Context != NULL) {
        Start(StopWorker, 0);
        Start(StopOwner, 0);
        Join();
    }
}

/* ---- locks ---- */

/* spin_order: two spin locks in opposite order on two processors. 1 preemption. */
static void SpinForward(LONG Argument)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Argument);
    KeAcquireSpinLock(&SpinA, &Old);
    KeAcquireSpinLockAtDpcLevel(&SpinB);
    KeReleaseSpinLockFromDpcLevel(&SpinB);
    KeReleaseSpinLock(&SpinA, Old);
}

static void SpinBackward(LONG Argument)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Argument);
    KeAcquireSpinLock(&SpinB, &Old);
    KeAcquireSpinLockAtDpcLevel(&SpinA);
    KeReleaseSpinLockFromDpcLevel(&SpinA);
    KeReleaseSpinLock(&SpinB, Old);
}

RACE(spin_order, 1, "KRN-121", "")
{
    KeInitializeSpinLock(&SpinA);
    KeInitializeSpinLock(&SpinB);
    Start(SpinForward, 0);
    Start(SpinBackward, 0);
    Join();
}

/*
 * upgrade: a shared push lock is given back and taken exclusively, without looking again whether
 * the entry is still missing: it is made twice. 1 preemption.
 */
static EX_PUSH_LOCK PushLock;
static volatile LONG Entries;

static void Upgrade(LONG Argument)
{
    LONG Seen;
    UNREFERENCED_PARAMETER(Argument);
    KeEnterCriticalRegion();
    ExAcquirePushLockShared(&PushLock);
    Seen = Entries;
    ExReleasePushLockShared(&PushLock);
    if (Seen == 0) {
        ExAcquirePushLockExclusive(&PushLock);
        Entries++;
        ExReleasePushLockExclusive(&PushLock);
    }
    KeLeaveCriticalRegion();
}

RACE(upgrade, 1, "SYS-ASSERT", "")
{
    ExInitializePushLock(&PushLock);
    StartMany(Upgrade, 2);
    Join();
    Check(Entries == 1);
}

/* busy_flag: a device is started if it is not busy; the test and the mark are two steps. 1. */
static volatile LONG IsBusy, Running;

static void StartIo(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    if (!IsBusy) {
        IsBusy = TRUE;
        Check(InterlockedIncrement(&Running) == 1);
        InterlockedDecrement(&Running);
        IsBusy = FALSE;
    }
}

RACE(busy_flag, 2, "SYS-ASSERT", "")
{
    StartMany(StartIo, 2);
    Join();
}

/*
 * lost_start: who finishes looks whether something is queued, and then marks the device as idle; a
 * request that is queued in between is never started. 1 preemption.
 */
static volatile LONG Queued;
static KEVENT AllDone;
static FAST_MUTEX M;

static void Submit(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&M);
    Queued++;
    LONG MustStart = !IsBusy;
    IsBusy = TRUE;
    Unlock(&M);
    while (MustStart) {
        Lock(&M);
        LONG Served = Queued;
        Queued = 0;
        Unlock(&M);
        Running += Served;
        Lock(&M);
        MustStart = Queued > 0;
        Unlock(&M);
        if (!MustStart) {
            IsBusy = FALSE;
        }
    }
    if (Running == 2) {
        Set(&AllDone);
    }
}

RACE(lost_start, 1, "SYS-DEADLOCK SYS-LOST-WAKEUP KRN-102", "")
{
    ExInitializeFastMutex(&M);
    KeInitializeEvent(&AllDone, NotificationEvent, FALSE);
    StartMany(Submit, 2);
    Wait(&AllDone);
    Join();
}

/*
 * coalesced: a synchronization event is set once for each of two things; two signals before the
 * first wait are one. 0 preemptions: the waiter starts last.
 */
static void WaitTwice(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Wait(&AllDone);
    Wait(&AllDone);
}

static void SetOnce(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Set(&AllDone);
}

RACE(coalesced, 0, "SYS-DEADLOCK SYS-LOST-WAKEUP KRN-102", "")
{
    KeInitializeEvent(&AllDone, SynchronizationEvent, FALSE);
    Start(WaitTwice, 0);
    StartMany(SetOnce, 2);
    Join();
}

/* power: the state of the device is looked at, then its registers, while it powers down. 1. */
static volatile LONG IsPowered = TRUE, Registers = 1;

static void PowerUse(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    if (IsPowered) {
        Check(Registers == 1);
    }
}

static void PowerDown(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    IsPowered = FALSE;
    Registers = 0;
}

RACE(power, 1, "SYS-ASSERT", "")
{
    Start(PowerUse, 0);
    Start(PowerDown, 0);
    Join();
}

/* pair: a count and a sum, each changed by one interlocked operation, both by two. 1 preemption. */
static volatile LONG Samples, SampleSum;

static void Sample(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    InterlockedIncrement(&Samples);
    InterlockedExchangeAdd(&SampleSum, 5);
}

static void Average(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    LONG Count = Samples;
    Check(SampleSum == 5 * Count);
}

RACE(pair, 1, "SYS-ASSERT", "")
{
    Start(Sample, 0);
    Start(Average, 0);
    Join();
}

/*
 * timeout: who waits gives up after a while and frees the request, which the other has looked up
 * and not yet answered. 1 preemption, and the clock.
 */
static volatile LONG HasFinished;

static void TimeoutAnswer(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    struct request *Mine = Given;
    if (Mine != NULL) {
        Mine->IsDone = TRUE;
        Set(&Mine->Done);
    }
    HasFinished = TRUE;
}

RACE(timeout, 1, "MEM-UAF", "")
{
    LARGE_INTEGER Limit = {.QuadPart = -10000};
    struct request *Mine = Allocate(sizeof *Mine);
    if (Mine == NULL) {
        return;
    }
    KeInitializeEvent(&Mine->Done, NotificationEvent, FALSE);
    Mine->IsDone = FALSE;
    Given = Mine;
    Start(TimeoutAnswer, 0);
    if (KeWaitForSingleObject(&Mine->Done, Executive, KernelMode, FALSE, &Limit) ==
        STATUS_TIMEOUT) {
        Given = NULL;
    } else {
        Join();
    }
    Free(Mine);
    Join();
}

/*
 * rundown: the pointer is taken before the protection that keeps it alive, and the protection is
 * not asked whether it was granted. 1 preemption.
 */
static EX_RUNDOWN_REF Rundown;
static struct context *volatile Protected;

static void RundownUse(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    struct context *Mine = Protected;
    if (Mine != NULL) {
        BOOLEAN IsHeld = ExAcquireRundownProtection(&Rundown);
        Mine->Runs++;
        if (IsHeld) {
            ExReleaseRundownProtection(&Rundown);
        }
    }
}

static void RundownEnd(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    struct context *Mine = Protected;
    Protected = NULL;
    ExWaitForRundownProtectionRelease(&Rundown);
    Free(Mine);
}

RACE(rundown, 1, "MEM-UAF", "")
{
    ExInitializeRundownProtection(&Rundown);
    Protected = NewContext(Counts);
    if (Protected != NULL) {
        Start(RundownUse, 0);
        Start(RundownEnd, 0);
        Join();
    }
}
