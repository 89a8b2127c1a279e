/* SPDX-License-Identifier: MIT */
/* Cases of the kernel contract, 1.3: dispatcher objects and waits. */
#include "case.h"

enum { TAG = 'esaC', TICK = 156250 };

static KEVENT Event;
static KMUTEX Mutex;
static KSEMAPHORE Semaphore;

static LARGE_INTEGER Limit(LONGLONG Units)
{
    LARGE_INTEGER Time;
    Time.QuadPart = Units;
    return Time;
}

static NTSTATUS WaitFor(PVOID Object, LONGLONG Units)
{
    LARGE_INTEGER Time = Limit(Units);
    return KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, &Time);
}

/* ---- objects (KRN-080, KRN-091) ---- */

MISTAKE(event_in_paged_pool, "KRN-080 KBUG-15")
{
    PKEVENT Object =
        ExAllocatePoolWithTag(Mistaken ? PagedPool : NonPagedPoolNx, sizeof(KEVENT), TAG);
    if (Object != NULL) {
        KeInitializeEvent(Object, NotificationEvent, FALSE);
        ExFreePoolWithTag(Object, TAG);
    }
}

MISTAKE(event_not_initialised, "KRN-080")
{
    static KEVENT Object;
    if (!Mistaken) {
        KeInitializeEvent(&Object, NotificationEvent, FALSE);
    }
    KeSetEvent(&Object, IO_NO_INCREMENT, FALSE);
}

static void WaitsForEvent(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(event_initialised_with_a_waiter, "KRN-091", .off = "SYS-DEADLOCK")
{
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    PVOID Waiter = CaseThread(WaitsForEvent, NULL);
    CaseSleep(10);
    if (Mistaken) {
        KeInitializeEvent(&Event, NotificationEvent, FALSE);
    }
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    CaseJoin(Waiter);
}

static KEVENT Done;

static NTSTATUS SetsContext(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* What is done to the event after the request was passed. */
enum after { KEEP, INITIALISE, CLEAR };

static void PassAndTouch(enum after After)
{
    PIRP Irp = CaseWsk() ? IoAllocateIrp(1, FALSE) : NULL;
    if (Irp == NULL) {
        return;
    }
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    IoSetCompletionRoutine(Irp, SetsContext, &Done, TRUE, TRUE, TRUE);
    NTSTATUS Status =
        CaseNpi.Dispatch->WskSocket(CaseNpi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                    WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL, NULL, NULL, NULL, Irp);
    if (Status == STATUS_PENDING && After == INITIALISE) {
        KeInitializeEvent(&Done, NotificationEvent, FALSE);
    }
    if (Status == STATUS_PENDING && After == CLEAR) {
        KeClearEvent(&Done);
    }
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    if (NT_SUCCESS(Irp->IoStatus.Status)) {
        SocketAdopt((PWSK_SOCKET)Irp->IoStatus.Information);
    }
    IoFreeIrp(Irp);
}

MISTAKE(event_of_a_request_initialised_again, "KRN-091", .off = "SYS-DEADLOCK")
{
    PassAndTouch(Mistaken ? INITIALISE : KEEP);
}

MISTAKE(event_cleared_after_passing, "KRN-090")
{
    PassAndTouch(Mistaken ? CLEAR : KEEP);
}

MISTAKE(signal_lost_by_a_late_clear, "SYS-LOST-WAKEUP KBUG-21 KRN-090 KPROP-13")
{
    PassAndTouch(Mistaken ? CLEAR : KEEP);
}

/* ---- where a wait may be made (KRN-081 to KRN-083, KRN-096, KRN-097) ---- */

MISTAKE(thread_waits_at_dispatch, "KRN-081 KPROP-10")
{
    KeInitializeEvent(&Event, NotificationEvent, TRUE);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    (void)WaitFor(&Event, Mistaken ? -1 : 0);
    KeLowerIrql(Old);
}

static KSPIN_LOCK Lock;

MISTAKE(waits_with_a_spin_lock_held, "KRN-081 KRN-120 KPROP-10")
{
    KIRQL Old;
    KeInitializeEvent(&Event, NotificationEvent, TRUE);
    KeAcquireSpinLock(&Lock, &Old);
    if (Mistaken) {
        KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
    }
    KeReleaseSpinLock(&Lock, Old);
}

FREEDOM(zero_limit_below_dispatch, "KRN-081 KAMB-06")
{
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    if (WaitFor(&Event, 0) == STATUS_TIMEOUT) {
        Witness();
    }
}

static KDPC Dpc;

static void WaitsInThreadedDpc(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Second);
    if (KeGetCurrentIrql() == PASSIVE_LEVEL) {
        (void)WaitFor(&Event, Mistaken ? -10000 : 0);
    }
    KeSetEvent(&Done, IO_NO_INCREMENT, FALSE);
}

MISTAKE(waits_in_an_arbitrary_context, "KRN-082 KPROP-10")
{
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    KeInitializeThreadedDpc(&Dpc, WaitsInThreadedDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    KeFlushQueuedDpcs();
}

MISTAKE(user_wait_on_a_stack_object, "KRN-083")
{
    KEVENT OnStack;
    KeInitializeEvent(&OnStack, NotificationEvent, TRUE);
    (void)KeWaitForSingleObject(&OnStack, Executive, Mistaken ? UserMode : KernelMode, FALSE, NULL);
}

MISTAKE(user_wait_for_a_mutex, "KRN-083")
{
    KeInitializeMutex(&Mutex, 0);
    (void)KeWaitForSingleObject(&Mutex, Executive, Mistaken ? UserMode : KernelMode, FALSE, NULL);
    KeReleaseMutex(&Mutex, FALSE);
}

MISTAKE(too_many_objects_without_blocks, "KRN-096")
{
    static KEVENT Events[THREAD_WAIT_OBJECTS + 1];
    static KWAIT_BLOCK Blocks[THREAD_WAIT_OBJECTS + 1];
    PVOID Objects[THREAD_WAIT_OBJECTS + 1];
    for (ULONG i = 0; i <= THREAD_WAIT_OBJECTS; i++) {
        KeInitializeEvent(&Events[i], NotificationEvent, TRUE);
        Objects[i] = &Events[i];
    }
    (void)KeWaitForMultipleObjects(THREAD_WAIT_OBJECTS + 1, Objects, WaitAll, Executive, KernelMode,
                                   FALSE, NULL, Mistaken ? NULL : Blocks);
}

MISTAKE(delays_at_dispatch, "KRN-097 KRN-064")
{
    KIRQL Old = PASSIVE_LEVEL;
    if (Mistaken) {
        Old = KeRaiseIrqlToDpcLevel();
    }
    CaseSleep(0);
    if (Mistaken) {
        KeLowerIrql(Old);
    }
}

/* ---- time limits (KRN-084, KRN-085, KRN-098, KRN-100, KRN-101) ---- */

DUTY(time_limits_are_kept, "KRN-084 KRN-101")
{
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    ULONGLONG Start = KeQueryInterruptTime();
    Check(WaitFor(&Event, 0) == STATUS_TIMEOUT);
    Check(WaitFor(&Event, -TICK) == STATUS_TIMEOUT);
    Check(KeQueryInterruptTime() - Start >= TICK); /* never early */
    LARGE_INTEGER Now;
    KeQuerySystemTimePrecise(&Now);
    Check(WaitFor(&Event, Now.QuadPart + 2 * TICK) == STATUS_TIMEOUT);
    LARGE_INTEGER Then;
    KeQuerySystemTimePrecise(&Then);
    Check(Then.QuadPart - Now.QuadPart >= 2 * TICK);
}

FREEDOM(small_positive_limit_is_long_past, "KRN-084")
{
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    ULONGLONG Start = KeQueryInterruptTime();
    if (WaitFor(&Event, 10000000) == STATUS_TIMEOUT && KeQueryInterruptTime() - Start < 10000000) {
        Witness();
    }
}

MISTAKE(minus_sign_forgotten, "KRN-084 KBUG-18", .is_lint = TRUE)
{
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    (void)WaitFor(&Event, Mistaken ? 10000 : -10000);
}

FREEDOM(time_limit_ends_late, "KRN-101")
{
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    ULONGLONG Start = KeQueryInterruptTime();
    (void)WaitFor(&Event, -10000);
    if (KeQueryInterruptTime() - Start > 10000 + TICK / 2) {
        Witness();
    }
}

FREEDOM(a_timeout_is_a_success, "KRN-085")
{
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    NTSTATUS Status = WaitFor(&Event, -10000);
    if (Status == STATUS_TIMEOUT && NT_SUCCESS(Status)) {
        Witness();
    }
}

/* Waits for a datagram for a moment, and looks at the result without knowing that there is one. */
MISTAKE(timeout_taken_for_success, "IRP-008 KBUG-19 KRN-085")
{
    static struct request Request;
    static UCHAR Remote[64];
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    WSK_BUF Buffer = Socket != NULL ? BufferNew(64) : (WSK_BUF){0};
    if (Buffer.Mdl == NULL || !NT_SUCCESS(SocketBind(Socket, 7000)) || !RequestNew(&Request)) {
        return;
    }
    Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, (PSOCKADDR)Remote, NULL, NULL, NULL,
                                     Fresh(&Request));
    NTSTATUS Status = WaitFor(&Request.Done, -10000);
    if (Mistaken ? NT_SUCCESS(Status) : Status == STATUS_SUCCESS) {
        Request.InFlight = FALSE;
        IoReuseIrp(Request.Irp, STATUS_SUCCESS);
    }
}

MISTAKE(stalls_for_long, "KRN-098")
{
    KeStallExecutionProcessor(Mistaken ? 60 : 40);
}

static void SetsLater(PVOID Context)
{
    CaseSleep((ULONG)(ULONG_PTR)Context);
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* The signal comes when the time limit passes; what the wait says. */
static NTSTATUS Tie(void)
{
    KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
    PVOID Setter = CaseThread(SetsLater, (PVOID)20);
    NTSTATUS Status = WaitFor(&Event, -200000);
    CaseJoin(Setter);
    if (Setter != NULL && Status == STATUS_TIMEOUT) {
        Check(WaitFor(&Event, 0) == STATUS_SUCCESS); /* the signal is kept for the next wait */
    }
    return Setter == NULL ? STATUS_UNSUCCESSFUL : Status;
}

DUTY(a_signal_that_came_late_is_kept, "KRN-100")
{
    (void)Tie();
}

/* ---- events (KRN-086 to KRN-089, KRN-095) ---- */

MISTAKE(set_with_wait_at_dispatch, "KRN-086")
{
    KIRQL Old = PASSIVE_LEVEL;
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    if (Mistaken) {
        Old = KeRaiseIrqlToDpcLevel();
    }
    KeSetEvent(&Event, IO_NO_INCREMENT, TRUE);
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
    if (Mistaken) {
        KeLowerIrql(Old);
    }
}

MISTAKE(set_with_wait_and_no_wait, "KRN-087 KBUG-22")
{
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    KeSetEvent(&Event, IO_NO_INCREMENT, TRUE);
    if (Mistaken) {
        (void)KeQueryInterruptTime();
        KeClearEvent(&Done);
    }
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
}

DUTY(events_keep_their_promises, "KRN-088")
{
    KEVENT Notification, Synchronization;
    KeInitializeEvent(&Notification, NotificationEvent, FALSE);
    KeInitializeEvent(&Synchronization, SynchronizationEvent, FALSE);
    Check(KeReadStateEvent(&Notification) == 0);
    Check(KeSetEvent(&Notification, IO_NO_INCREMENT, FALSE) == 0);
    Check(KeSetEvent(&Notification, IO_NO_INCREMENT, FALSE) != 0);
    Check(WaitFor(&Notification, 0) == STATUS_SUCCESS);
    Check(WaitFor(&Notification, 0) == STATUS_SUCCESS); /* stays */
    Check(KeResetEvent(&Notification) != 0);
    Check(KeResetEvent(&Notification) == 0);
    Check(WaitFor(&Notification, 0) == STATUS_TIMEOUT);
    (void)KeSetEvent(&Synchronization, IO_NO_INCREMENT, FALSE);
    Check(KeSetEvent(&Synchronization, IO_NO_INCREMENT, FALSE) != 0);
    Check(WaitFor(&Synchronization, 0) == STATUS_SUCCESS);
    Check(WaitFor(&Synchronization, 0) == STATUS_TIMEOUT); /* resets itself */
    (void)KeSetEvent(&Synchronization, IO_NO_INCREMENT, FALSE);
    KeClearEvent(&Synchronization);
    Check(KeReadStateEvent(&Synchronization) == 0);
}

static LONG Woken;

static void CountsWake(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
    InterlockedIncrement(&Woken);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void WakeTwo(EVENT_TYPE Type, LONG Expected)
{
    KeInitializeEvent(&Event, Type, FALSE);
    PVOID First = CaseThread(CountsWake, NULL), Second = CaseThread(CountsWake, NULL);
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    CaseSleep(100);
    Check(Woken <= Expected);
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    if (Type == SynchronizationEvent) {
        CaseSleep(100);
        for (ULONG i = 0; i < 100 && Woken < (First != NULL) + (Second != NULL); i++) {
            KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
            CaseSleep(100);
        }
    }
    CaseJoin(First);
    CaseJoin(Second);
}

DUTY(synchronization_event_frees_one, "KRN-088")
{
    WakeTwo(SynchronizationEvent, 1);
}

DUTY(notification_event_frees_all, "KRN-088")
{
    WakeTwo(NotificationEvent, 2);
}

/* The waiter frees what the signaller still needs. */
struct job {
    KEVENT Done;
    LONG Result;
};

static void DoesJob(PVOID Context)
{
    struct job *Job = Context;
    if (!Mistaken) {
        Job->Result = 1;
    }
    KeSetEvent(&Job->Done, IO_NO_INCREMENT, FALSE);
    if (Mistaken) {
        Job->Result = 1;
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(signaller_touches_what_the_waiter_frees, "KRN-089 KBUG-20 KPROP-14")
{
    struct job *Job = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Job, TAG);
    if (Job == NULL) {
        return;
    }
    KeInitializeEvent(&Job->Done, NotificationEvent, FALSE);
    PVOID Worker = CaseThread(DoesJob, Job);
    if (Worker != NULL) {
        KeWaitForSingleObject(&Job->Done, Executive, KernelMode, FALSE, NULL);
    }
    ExFreePoolWithTag(Job, TAG);
    CaseJoin(Worker);
}

MISTAKE(relies_on_a_pulse, "KRN-095")
{
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    if (Mistaken) {
        KePulseEvent(&Event, IO_NO_INCREMENT, FALSE);
    }
}

/* ---- semaphores and mutexes (KRN-092 to KRN-094) ---- */

DUTY(semaphore_stops_at_its_limit, "KRN-092")
{
    BOOLEAN IsRaised = FALSE;
    KeInitializeSemaphore(&Semaphore, 1, 2);
    Check(KeReleaseSemaphore(&Semaphore, IO_NO_INCREMENT, 1, FALSE) == 1);
    __try {
        KeReleaseSemaphore(&Semaphore, IO_NO_INCREMENT, 1, FALSE);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        IsRaised = (BOOLEAN)(GetExceptionCode() == STATUS_SEMAPHORE_LIMIT_EXCEEDED);
    }
    Check(IsRaised && KeReadStateSemaphore(&Semaphore) == 2);
    Check(WaitFor(&Semaphore, 0) == STATUS_SUCCESS && WaitFor(&Semaphore, 0) == STATUS_SUCCESS);
    Check(WaitFor(&Semaphore, 0) == STATUS_TIMEOUT);
}

MISTAKE(semaphore_above_its_limit, "KRN-092")
{
    KeInitializeSemaphore(&Semaphore, 0, 1);
    KeReleaseSemaphore(&Semaphore, IO_NO_INCREMENT, Mistaken ? 2 : 1, FALSE);
}

static void ReleasesMutex(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    if (Mistaken) {
        KeReleaseMutex(&Mutex, FALSE);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(mutex_released_by_another_thread, "KRN-093")
{
    KeInitializeMutex(&Mutex, 0);
    KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL);
    CaseJoin(CaseThread(ReleasesMutex, NULL));
    KeReleaseMutex(&Mutex, FALSE);
}

static void KeepsMutex(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL);
    if (!Mistaken) {
        KeReleaseMutex(&Mutex, FALSE);
    }
}

MISTAKE(thread_returns_with_a_mutex, "KRN-094")
{
    KeInitializeMutex(&Mutex, 0);
    CaseJoin(CaseThread(KeepsMutex, NULL));
}

/* ---- order and deadlock (KRN-099, KRN-102) ---- */

static LONG Turn[2];
static volatile LONG Turns;

static void TakesTurn(PVOID Context)
{
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
    Turn[InterlockedIncrement(&Turns) - 1] = (LONG)(LONG_PTR)Context;
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/*
 * Two waiters, the first one certainly earlier (a run may leave one alone for five seconds); true
 * if the second was freed first.
 */
static BOOLEAN IsOvertaken(void)
{
    KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
    PVOID First = CaseThread(TakesTurn, (PVOID)1);
    CaseSleep(20000);
    PVOID Second = CaseThread(TakesTurn, (PVOID)2);
    CaseSleep(20000);
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    CaseJoin(First);
    CaseJoin(Second);
    return (BOOLEAN)(First != NULL && Second != NULL && Turn[0] == 2);
}

FREEDOM(later_waiter_is_freed_first, "KRN-099 kernel.wake_order",
        .knobs = "kernel.wake_order=drawn")
{
    if (IsOvertaken()) {
        Witness();
    }
}

DUTY(waiters_first_in_first_out, "KRN-099 kernel.wake_order",
     .knobs = "kernel.wake_order=first-in-first-out")
{
    Check(!IsOvertaken());
}

MISTAKE(waits_for_its_own_signal, "KRN-102 KPROP-12")
{
    KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
    for (ULONG i = 0; i < 2; i++) {
        if (i == 0 || !Mistaken) {
            KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
        }
        KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
    }
}
