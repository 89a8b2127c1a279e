/* SPDX-License-Identifier: MIT */
/* Cases of the kernel contract, 1.4: locks and regions. */
#include "case.h"

enum { TAG = 'esaC' };

static KSPIN_LOCK Lock, Second;
static KEVENT Event;

/* ---- ordinary spin locks (KRN-110 to KRN-115) ---- */

MISTAKE(spin_lock_in_paged_pool, "KRN-110 KBUG-15")
{
    PKSPIN_LOCK Object =
        ExAllocatePoolWithTag(Mistaken ? PagedPool : NonPagedPoolNx, sizeof *Object, TAG);
    if (Object != NULL) {
        KeInitializeSpinLock(Object);
        ExFreePoolWithTag(Object, TAG);
    }
}

MISTAKE(spin_lock_not_initialised, "KRN-110")
{
    KIRQL Old;
    PKSPIN_LOCK Object = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Object, TAG);
    if (Object != NULL) {
        if (!Mistaken) {
            KeInitializeSpinLock(Object);
        }
        KeAcquireSpinLock(Object, &Old);
        KeReleaseSpinLock(Object, Old);
        ExFreePoolWithTag(Object, TAG);
    }
}

MISTAKE(spin_lock_freed_while_held, "KRN-110 KPROP-15")
{
    KIRQL Old;
    PKSPIN_LOCK Object = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Object, TAG);
    if (Object != NULL) {
        KeInitializeSpinLock(Object);
        KeAcquireSpinLock(Object, &Old);
        if (Mistaken) {
            ExFreePoolWithTag(Object, TAG);
        }
        KeReleaseSpinLock(Object, Old);
        ExFreePoolWithTag(Object, TAG);
    }
}

DUTY(spin_lock_raises_and_hands_back, "KRN-111")
{
    for (KIRQL Irql = PASSIVE_LEVEL; Irql <= DISPATCH_LEVEL; Irql++) {
        KIRQL Outer, Old;
        KeRaiseIrql(Irql, &Outer);
        KeAcquireSpinLock(&Lock, &Old);
        Check(Old == Irql && KeGetCurrentIrql() == DISPATCH_LEVEL);
        KeReleaseSpinLock(&Lock, Old);
        Check(KeGetCurrentIrql() == Irql);
        KeLowerIrql(Outer);
    }
}

MISTAKE(spin_lock_above_dispatch, "KRN-111")
{
    KIRQL Outer, Old;
    KeRaiseIrql(Mistaken ? DISPATCH_LEVEL + 1 : DISPATCH_LEVEL, &Outer);
    KeAcquireSpinLock(&Lock, &Old);
    KeReleaseSpinLock(&Lock, Old);
    KeLowerIrql(Outer);
}

MISTAKE(released_with_another_irql, "KRN-112 KPROP-11")
{
    KIRQL Old;
    KeAcquireSpinLock(&Lock, &Old);
    KeReleaseSpinLock(&Lock, Mistaken ? APC_LEVEL : Old);
}

/* One place for the old IRQL of two acquisitions, as in a structure of both. */
MISTAKE(old_irql_shared_by_two_locks, "KRN-112 KBUG-24 KRN-118")
{
    KIRQL Shared, Own;
    KIRQL *Inner = Mistaken ? &Shared : &Own;
    KeAcquireSpinLock(&Lock, &Shared);
    KeAcquireSpinLock(&Second, Inner);
    KeReleaseSpinLock(&Second, *Inner);
    KeReleaseSpinLock(&Lock, Shared);
}

MISTAKE(spin_lock_acquired_twice, "KRN-113 KPROP-12")
{
    KIRQL Old, Inner;
    KeAcquireSpinLock(&Lock, &Old);
    if (Mistaken) {
        KeAcquireSpinLock(&Lock, &Inner);
    }
    KeReleaseSpinLock(&Lock, Old);
}

/* A completion routine that takes the lock under which the request was passed. */
static NTSTATUS TakesLock(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    KeAcquireSpinLock(&Lock, &Old);
    KeReleaseSpinLock(&Lock, Old);
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void SendUnderLock(BOOLEAN IsUnderLock)
{
    static SOCKADDR_IN Remote;
    KIRQL Old;
    PIRP Irp = CaseWsk() ? IoAllocateIrp(1, FALSE) : NULL;
    PWSK_SOCKET Socket = Irp != NULL ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    WSK_BUF Buffer = Socket != NULL ? BufferNew(16) : (WSK_BUF){0};
    if (Buffer.Mdl != NULL && NT_SUCCESS(SocketBind(Socket, 7000))) {
        Remote = Address4("10.0.0.2", 9);
        KeInitializeEvent(&Event, NotificationEvent, FALSE);
        IoSetCompletionRoutine(Irp, TakesLock, &Event, TRUE, TRUE, TRUE);
        if (IsUnderLock) {
            KeAcquireSpinLock(&Lock, &Old);
        }
        (void)Datagram(Socket)->WskSendTo(Socket, &Buffer, 0, (PSOCKADDR)&Remote, 0, NULL, Irp);
        if (IsUnderLock) {
            KeReleaseSpinLock(&Lock, Old);
        }
        KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
    }
    if (Irp != NULL) {
        IoFreeIrp(Irp);
    }
}

MISTAKE(inline_completion_takes_the_lock, "KRN-113 KBUG-23 KRN-129")
{
    SendUnderLock(Mistaken);
}

MISTAKE(wsk_called_under_a_lock, "KRN-129 kernel.call_under_lock", .off = "KRN-113",
        .knobs = "kernel.call_under_lock=lint")
{
    SendUnderLock(Mistaken);
}

MISTAKE(wsk_called_under_a_lock_is_error, "KRN-129 kernel.call_under_lock",
        .knobs = "kernel.call_under_lock=error")
{
    SendUnderLock(Mistaken);
}

MISTAKE(at_dpc_level_below_dispatch, "KRN-114")
{
    KIRQL Old = PASSIVE_LEVEL;
    if (!Mistaken) {
        Old = KeRaiseIrqlToDpcLevel();
    }
    KeAcquireSpinLockAtDpcLevel(&Lock);
    KeReleaseSpinLockFromDpcLevel(&Lock);
    if (!Mistaken) {
        KeLowerIrql(Old);
    }
}

MISTAKE(kinds_of_release_crossed, "KRN-114")
{
    KIRQL Old;
    KeAcquireSpinLock(&Lock, &Old);
    if (Mistaken) {
        KeReleaseSpinLockFromDpcLevel(&Lock);
        KeLowerIrql(Old);
    } else {
        KeReleaseSpinLock(&Lock, Old);
    }
}

MISTAKE(free_lock_released, "KRN-115")
{
    KIRQL Old;
    KeAcquireSpinLock(&Lock, &Old);
    KeReleaseSpinLock(&Lock, Old);
    if (Mistaken) {
        Old = KeRaiseIrqlToDpcLevel();
        KeReleaseSpinLock(&Lock, Old);
    }
}

static void ReturnsEarly(PVOID Context)
{
    KIRQL Old;
    KeAcquireSpinLock(&Lock, &Old);
    if (Context == NULL && Mistaken) {
        return; /* "nothing to do" */
    }
    KeReleaseSpinLock(&Lock, Old);
}

MISTAKE(early_return_with_a_lock, "KRN-115 KBUG-26 KPROP-08")
{
    CaseJoin(CaseThread(ReturnsEarly, NULL));
}

/* ---- queued and reader-writer spin locks (KRN-116, KRN-117, KRN-119) ---- */

static KLOCK_QUEUE_HANDLE SharedHandle;

static void TakesQueued(PVOID Context)
{
    KLOCK_QUEUE_HANDLE Own;
    PKLOCK_QUEUE_HANDLE Handle = Mistaken ? &SharedHandle : &Own;
    UNREFERENCED_PARAMETER(Context);
    for (ULONG i = 0; i < 3; i++) {
        KeAcquireInStackQueuedSpinLock(&Lock, Handle);
        KeReleaseInStackQueuedSpinLock(Handle);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(queue_handle_shared, "KRN-116 KBUG-29")
{
    PVOID First = CaseThread(TakesQueued, NULL), Other = CaseThread(TakesQueued, NULL);
    CaseJoin(First);
    CaseJoin(Other);
}

MISTAKE(lock_used_in_two_ways, "KRN-117")
{
    KIRQL Old;
    KLOCK_QUEUE_HANDLE Handle;
    KeAcquireSpinLock(&Lock, &Old);
    KeReleaseSpinLock(&Lock, Old);
    KeAcquireInStackQueuedSpinLock(Mistaken ? &Lock : &Second, &Handle);
    KeReleaseInStackQueuedSpinLock(&Handle);
}

MISTAKE(irql_falls_with_a_lock_held, "KRN-118 KPROP-11")
{
    KIRQL Old, Outer = KeRaiseIrqlToDpcLevel();
    KeAcquireSpinLock(&Lock, &Old);
    if (Mistaken) {
        KeLowerIrql(Outer);
    }
    KeReleaseSpinLock(&Lock, Old);
    KeLowerIrql(Outer);
}

static EX_SPIN_LOCK Readers;

MISTAKE(reader_lock_released_as_writer, "KRN-119")
{
    KIRQL Old = ExAcquireSpinLockShared(&Readers);
    if (Mistaken) {
        ExReleaseSpinLockExclusive(&Readers, Old);
    } else {
        ExReleaseSpinLockShared(&Readers, Old);
    }
}

static void Writes(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KIRQL Old = ExAcquireSpinLockExclusive(&Readers);
    ExReleaseSpinLockExclusive(&Readers, Old);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(reader_lock_taken_twice, "KRN-119 KBUG-28")
{
    PVOID Writer = CaseThread(Writes, NULL);
    KIRQL Old = ExAcquireSpinLockShared(&Readers);
    KeStallExecutionProcessor(1);
    if (Mistaken) {
        KIRQL Inner = ExAcquireSpinLockShared(&Readers);
        ExReleaseSpinLockShared(&Readers, Inner);
    }
    ExReleaseSpinLockShared(&Readers, Old);
    CaseJoin(Writer);
}

DUTY(reader_lock_converts_or_stays, "KRN-119")
{
    PVOID Writer = CaseThread(Writes, NULL);
    KIRQL Old = ExAcquireSpinLockShared(&Readers);
    if (ExTryConvertSharedSpinLockExclusive(&Readers)) {
        ExReleaseSpinLockExclusive(&Readers, Old);
    } else {
        ExReleaseSpinLockShared(&Readers, Old);
    }
    Check(KeGetCurrentIrql() == PASSIVE_LEVEL);
    CaseJoin(Writer);
}

/* ---- order (KRN-121, KRN-122, KRN-124, KRN-134) ---- */

/* Takes two locks, in the opposite order if this is the other thread and mistaken. */
static void TakesBoth(PVOID Context)
{
    KIRQL Old;
    BOOLEAN IsTurned = (BOOLEAN)(Context != NULL && Mistaken);
    KeAcquireSpinLock(IsTurned ? &Second : &Lock, &Old);
    KeAcquireSpinLockAtDpcLevel(IsTurned ? &Lock : &Second);
    KeReleaseSpinLockFromDpcLevel(IsTurned ? &Lock : &Second);
    KeReleaseSpinLock(IsTurned ? &Second : &Lock, Old);
    if (Context != NULL) {
        PsTerminateSystemThread(STATUS_SUCCESS);
    }
}

static void TakeBothTwice(void)
{
    PVOID Other = CaseThread(TakesBoth, &Lock);
    TakesBoth(NULL);
    CaseJoin(Other);
}

MISTAKE(opposite_order_meets, "KRN-121 KBUG-27 KPROP-12")
{
    TakeBothTwice();
}

MISTAKE(opposite_order_is_lint, "KRN-121 kernel.lock_order", .is_lint = TRUE,
        .knobs = "kernel.lock_order=lint")
{
    TakesBoth(NULL);
    CaseJoin(CaseThread(TakesBoth, &Lock));
}

MISTAKE(opposite_order_is_error, "KRN-121 kernel.lock_order", .knobs = "kernel.lock_order=error")
{
    TakesBoth(NULL);
    CaseJoin(CaseThread(TakesBoth, &Lock));
}

static KMUTEX Left, Right;

static void TakesMutexes(PVOID Context)
{
    BOOLEAN IsTurned = (BOOLEAN)(Context != NULL && Mistaken);
    PKMUTEX First = IsTurned ? &Right : &Left, Other = IsTurned ? &Left : &Right;
    KeWaitForSingleObject(First, Executive, KernelMode, FALSE, NULL);
    KeWaitForSingleObject(Other, Executive, KernelMode, FALSE, NULL);
    KeReleaseMutex(Other, FALSE);
    KeReleaseMutex(First, FALSE);
    if (Context != NULL) {
        PsTerminateSystemThread(STATUS_SUCCESS);
    }
}

MISTAKE(mutexes_in_opposite_order, "KRN-121 KPROP-12")
{
    KeInitializeMutex(&Left, 0);
    KeInitializeMutex(&Right, 0);
    PVOID Other = CaseThread(TakesMutexes, &Left);
    TakesMutexes(NULL);
    CaseJoin(Other);
}

MISTAKE(released_out_of_order, "KRN-122 KAMB-14")
{
    KIRQL Old, Inner;
    KeAcquireSpinLock(&Lock, &Old);
    KeAcquireSpinLock(&Second, &Inner);
    if (Mistaken) {
        KeReleaseSpinLock(&Lock, Inner);
        KeReleaseSpinLock(&Second, Old);
    } else {
        KeReleaseSpinLock(&Second, Inner);
        KeReleaseSpinLock(&Lock, Old);
    }
}

static volatile LONG Inside, Most, Entered;

static void Enters(PVOID Context)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Context);
    for (ULONG i = 0; i < 4; i++) {
        KeAcquireSpinLock(&Lock, &Old);
        Check(InterlockedIncrement(&Inside) == 1);
        Entered++;
        InterlockedDecrement(&Inside);
        KeReleaseSpinLock(&Lock, Old);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

DUTY(spin_lock_excludes, "KRN-124")
{
    PVOID First = CaseThread(Enters, NULL), Other = CaseThread(Enters, NULL);
    CaseJoin(First);
    CaseJoin(Other);
    Check(Entered == ((First != NULL) + (Other != NULL)) * 4);
}

/* Waits at DISPATCH_LEVEL for a lock: nothing else runs on this processor meanwhile. */
static KDPC Dpc;
static volatile LONG DpcRuns;

static void Runs(PKDPC Object, PVOID Context, PVOID First, PVOID Other)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Other);
    InterlockedIncrement(&DpcRuns);
}

static void Holds(PVOID Context)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Context);
    KeAcquireSpinLock(&Lock, &Old);
    KeStallExecutionProcessor(5);
    KeReleaseSpinLock(&Lock, Old);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

DUTY(spinning_processor_runs_nothing_else, "KRN-124 KRN-064")
{
    PVOID Holder = CaseThread(Holds, NULL);
    KeInitializeDpc(&Dpc, Runs, NULL);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    KeSetTargetProcessorDpc(&Dpc, (CCHAR)KeGetCurrentProcessorNumberEx(NULL));
    (void)KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeAcquireSpinLockAtDpcLevel(&Lock);
    Check(DpcRuns == 0);
    KeReleaseSpinLockFromDpcLevel(&Lock);
    KeLowerIrql(Old);
    CaseJoin(Holder);
    KeFlushQueuedDpcs();
}

static volatile LONG Arrivals, Served, OrderOf[2];

static void Arrives(PVOID Context)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Context);
    LONG Number = InterlockedIncrement(&Arrivals);
    KeAcquireSpinLock(&Lock, &Old);
    OrderOf[Served++] = Number;
    KeReleaseSpinLock(&Lock, Old);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

FREEDOM(later_spinner_gets_the_lock, "KRN-134")
{
    PVOID First = CaseThread(Arrives, NULL), Other = CaseThread(Arrives, NULL);
    CaseJoin(First);
    CaseJoin(Other);
    if (First != NULL && Other != NULL && OrderOf[0] == 2) {
        Witness();
    }
}

FREEDOM(test_of_a_lock_is_a_hint, "KRN-132")
{
    KIRQL Old;
    KeAcquireSpinLock(&Lock, &Old);
    if (KeTestSpinLock(&Lock)) {
        Witness(); /* says free although it is held */
    }
    KeReleaseSpinLock(&Lock, Old);
}

/* ---- locks with an owner (KRN-123, KRN-125 to KRN-128) ---- */

static FAST_MUTEX Fast;
static KGUARDED_MUTEX Guarded;
static EX_PUSH_LOCK Push;
static ERESOURCE Resource;

static void ReleasesFast(PVOID Context)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Context);
    if (Mistaken) {
        KeRaiseIrql(APC_LEVEL, &Old);
        ExReleaseFastMutex(&Fast);
        KeLowerIrql(Old);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(mutex_released_by_a_stranger, "KRN-123")
{
    ExInitializeFastMutex(&Fast);
    PVOID Other = CaseThread(ReleasesFast, NULL);
    ExAcquireFastMutex(&Fast);
    if (Other != NULL) {
        KeDelayExecutionThread(KernelMode, FALSE, &(LARGE_INTEGER){.QuadPart = -100000});
    }
    ExReleaseFastMutex(&Fast);
    CaseJoin(Other);
}

MISTAKE(fast_mutex_recursive, "KRN-125")
{
    ExInitializeFastMutex(&Fast);
    ExAcquireFastMutex(&Fast);
    if (Mistaken) {
        ExAcquireFastMutex(&Fast);
    }
    ExReleaseFastMutex(&Fast);
}

MISTAKE(fast_mutex_at_dispatch, "KRN-125")
{
    KIRQL Old = PASSIVE_LEVEL;
    ExInitializeFastMutex(&Fast);
    if (Mistaken) {
        Old = KeRaiseIrqlToDpcLevel();
    }
    if (ExTryToAcquireFastMutex(&Fast)) {
        ExReleaseFastMutex(&Fast);
    }
    if (Mistaken) {
        KeLowerIrql(Old);
    }
}

MISTAKE(guarded_mutex_recursive, "KRN-126")
{
    KeInitializeGuardedMutex(&Guarded);
    KeAcquireGuardedMutex(&Guarded);
    if (Mistaken) {
        KeAcquireGuardedMutex(&Guarded);
    }
    KeReleaseGuardedMutex(&Guarded);
}

MISTAKE(push_lock_outside_a_region, "KRN-127", .place = WSKSIM_CASE_ENTRY)
{
    ExInitializePushLock(&Push);
    if (!Mistaken) {
        KeEnterCriticalRegion();
    }
    ExAcquirePushLockExclusive(&Push);
    ExReleasePushLockExclusive(&Push);
    if (!Mistaken) {
        KeLeaveCriticalRegion();
    }
}

MISTAKE(resource_with_apcs_enabled, "KRN-128", .place = WSKSIM_CASE_ENTRY)
{
    if (!NT_SUCCESS(ExInitializeResourceLite(&Resource))) {
        return;
    }
    if (!Mistaken) {
        KeEnterCriticalRegion();
    }
    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    ExReleaseResourceLite(&Resource);
    if (!Mistaken) {
        KeLeaveCriticalRegion();
    }
    ExDeleteResourceLite(&Resource);
}

MISTAKE(resource_upgraded, "KRN-128")
{
    if (!NT_SUCCESS(ExInitializeResourceLite(&Resource))) {
        return;
    }
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&Resource, TRUE);
    if (Mistaken) {
        ExAcquireResourceExclusiveLite(&Resource, TRUE);
        ExReleaseResourceLite(&Resource);
    }
    ExReleaseResourceLite(&Resource);
    KeLeaveCriticalRegion();
    ExDeleteResourceLite(&Resource);
}

/* ---- regions (KRN-130, KRN-131) ---- */

static void StaysInRegion(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeEnterCriticalRegion();
    if (Mistaken) {
        return; /* the path that forgets it */
    }
    KeLeaveCriticalRegion();
}

MISTAKE(region_left_on_one_path_only, "KRN-130 KBUG-30 KPROP-08")
{
    CaseJoin(CaseThread(StaysInRegion, NULL));
}

MISTAKE(region_left_too_often, "KRN-130")
{
    KeEnterGuardedRegion();
    KeLeaveGuardedRegion();
    if (Mistaken) {
        KeLeaveGuardedRegion();
    }
}

static void TakesInDpc(PKDPC Object, PVOID Context, PVOID First, PVOID Other)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Other);
    if (Mistaken) {
        KeAcquireSpinLockAtDpcLevel(&Lock);
        KeReleaseSpinLockFromDpcLevel(&Lock);
    } else {
        KIRQL Old = KeAcquireSpinLockForDpc(&Lock);
        KeReleaseSpinLockForDpc(&Lock, Old);
    }
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
}

MISTAKE(threaded_dpc_thinks_it_is_at_dispatch, "KRN-131")
{
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    KeInitializeThreadedDpc(&Dpc, TakesInDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
    KeFlushQueuedDpcs();
}
