/* SPDX-License-Identifier: MIT */
/*
 * Data races (SYS-RACE, KRN-133, KRN-301, KRN-323): for each way to order two accesses one case
 * that uses it, and whose twin with the mistake does not. The self-test looks for races in all
 * runs of these cases.
 */
#include "case.h"

enum { STEP = 3 /* no value of a flag */, SIM_PROCESSORS = 8 };

static ULONG Value;

/* ---- locks: two threads, of which one forgets the lock ---- */

struct guard {
    void (*Enter)(void);
    void (*Leave)(void);
};
static const struct guard *Guard;

static void Adds(PVOID Context)
{
    BOOLEAN Forgets = Mistaken && Context != NULL;
    if (!Forgets) {
        Guard->Enter();
    }
    Value += STEP;
    if (!Forgets) {
        Guard->Leave();
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void Guarded(const struct guard *With)
{
    Guard = With;
    PVOID One = CaseThread(Adds, NULL);
    PVOID Other = CaseThread(Adds, &Value);
    CaseJoin(One);
    CaseJoin(Other);
    Check(Value == (One != NULL) * STEP + (Other != NULL) * STEP || Mistaken);
}

#define GUARD(name, enter, leave)                                                                  \
    static void name##Enter(void)                                                                  \
    {                                                                                              \
        enter;                                                                                     \
    }                                                                                              \
    static void name##Leave(void)                                                                  \
    {                                                                                              \
        leave;                                                                                     \
    }                                                                                              \
    static const struct guard name = {name##Enter, name##Leave}

static KSPIN_LOCK SpinLock;
static KIRQL Old; /* written by whoever has the lock */
static KIRQL Taken(void)
{
    KIRQL Irql;
    KeAcquireSpinLock(&SpinLock, &Irql);
    return Irql;
}
GUARD(BySpinLock, Old = Taken(), KeReleaseSpinLock(&SpinLock, Old));

MISTAKE(spin_lock_forgotten, "SYS-RACE KRN-308")
{
    KeInitializeSpinLock(&SpinLock);
    Guarded(&BySpinLock);
}

static EX_SPIN_LOCK ExSpinLock;
GUARD(ByExSpinLock, Old = ExAcquireSpinLockExclusive(&ExSpinLock),
      ExReleaseSpinLockExclusive(&ExSpinLock, Old));

MISTAKE(executive_spin_lock_forgotten, "SYS-RACE")
{
    Guarded(&ByExSpinLock);
}

static FAST_MUTEX FastMutex;
GUARD(ByFastMutex, ExAcquireFastMutex(&FastMutex), ExReleaseFastMutex(&FastMutex));

MISTAKE(fast_mutex_forgotten, "SYS-RACE")
{
    ExInitializeFastMutex(&FastMutex);
    Guarded(&ByFastMutex);
}

static KMUTEX Mutex;
GUARD(ByMutex, KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL),
      KeReleaseMutex(&Mutex, FALSE));

MISTAKE(mutex_forgotten, "SYS-RACE")
{
    KeInitializeMutex(&Mutex, 0);
    Guarded(&ByMutex);
}

static KSEMAPHORE Semaphore;
GUARD(BySemaphore, KeWaitForSingleObject(&Semaphore, Executive, KernelMode, FALSE, NULL),
      KeReleaseSemaphore(&Semaphore, IO_NO_INCREMENT, 1, FALSE));

MISTAKE(semaphore_forgotten, "SYS-RACE")
{
    KeInitializeSemaphore(&Semaphore, 1, 1);
    Guarded(&BySemaphore);
}

static KEVENT Turn;
GUARD(ByEvent, KeWaitForSingleObject(&Turn, Executive, KernelMode, FALSE, NULL),
      KeSetEvent(&Turn, IO_NO_INCREMENT, FALSE));

MISTAKE(event_forgotten, "SYS-RACE")
{
    KeInitializeEvent(&Turn, SynchronizationEvent, TRUE);
    Guarded(&ByEvent);
}

static ERESOURCE Resource;
static void ResourceEnter(void)
{
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&Resource, TRUE);
}
static void ResourceLeave(void)
{
    ExReleaseResourceLite(&Resource);
    KeLeaveCriticalRegion();
}
GUARD(ByResource, ResourceEnter(), ResourceLeave());

MISTAKE(resource_forgotten, "SYS-RACE")
{
    ExInitializeResourceLite(&Resource);
    Guarded(&ByResource);
    ExDeleteResourceLite(&Resource);
}

/* ---- shared locks: readers are not ordered with each other ---- */

static void ReadsShared(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KIRQL Irql = ExAcquireSpinLockShared(&ExSpinLock);
    if (Mistaken) {
        Value += STEP;
    } else {
        (void)*(volatile ULONG *)&Value;
    }
    ExReleaseSpinLockShared(&ExSpinLock, Irql);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(written_under_a_shared_lock, "SYS-RACE")
{
    PVOID One = CaseThread(ReadsShared, NULL);
    PVOID Other = CaseThread(ReadsShared, NULL);
    KIRQL Irql = ExAcquireSpinLockExclusive(&ExSpinLock);
    Value += STEP;
    ExReleaseSpinLockExclusive(&ExSpinLock, Irql);
    CaseJoin(One);
    CaseJoin(Other);
}

/* ---- what is handed over: written before, or (the mistake) only after ---- */

static volatile LONG Over;

static void Reads(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    Value += STEP;
    InterlockedExchange(&Over, 1);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(written_after_the_thread_began, "SYS-RACE")
{
    if (!Mistaken) {
        Value = 2 * STEP;
    }
    PVOID Thread = CaseThread(Reads, NULL);
    if (Mistaken) {
        Value = 2 * STEP;
    }
    CaseJoin(Thread);
}

MISTAKE(read_before_the_thread_ended, "SYS-RACE")
{
    PVOID Thread = CaseThread(Reads, NULL);
    if (Mistaken) {
        Value += STEP;
    }
    CaseJoin(Thread);
    Value += STEP;
}

static KDPC Dpc;
static KTIMER Timer;

static void OnDpc(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Second);
    Value += STEP;
}

MISTAKE(written_after_the_dpc_was_queued, "SYS-RACE")
{
    KeInitializeDpc(&Dpc, OnDpc, NULL);
    if (!Mistaken) {
        Value = 2 * STEP;
    }
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    if (Mistaken) {
        Value = 2 * STEP;
    }
    KeFlushQueuedDpcs();
    Value += STEP;
}

MISTAKE(read_before_the_dpcs_were_flushed, "SYS-RACE")
{
    KeInitializeDpc(&Dpc, OnDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    if (!Mistaken) {
        KeFlushQueuedDpcs();
    }
    Value += STEP;
    KeFlushQueuedDpcs();
}

MISTAKE(written_after_the_timer_was_set, "SYS-RACE")
{
    LARGE_INTEGER Due = {.QuadPart = -1};
    KeInitializeDpc(&Dpc, OnDpc, NULL);
    KeInitializeTimer(&Timer);
    if (!Mistaken) {
        Value = 2 * STEP;
    }
    KeSetTimer(&Timer, Due, &Dpc);
    if (Mistaken) {
        Value = 2 * STEP;
    }
    KeWaitForSingleObject(&Timer, Executive, KernelMode, FALSE, NULL);
    KeFlushQueuedDpcs();
}

static KEVENT Done;

static void OnWork(PDEVICE_OBJECT Device, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Context);
    Value += STEP;
    KeSetEvent(&Done, IO_NO_INCREMENT, FALSE);
}

MISTAKE(written_after_the_work_was_queued, "SYS-RACE")
{
    PDEVICE_OBJECT Device = NULL;
    if (!NT_SUCCESS(IoCreateDevice(CaseDriver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device))) {
        return;
    }
    PIO_WORKITEM Item = IoAllocateWorkItem(Device);
    if (Item != NULL) {
        KeInitializeEvent(&Done, NotificationEvent, FALSE);
        if (!Mistaken) {
            Value = 2 * STEP;
        }
        IoQueueWorkItem(Item, OnWork, DelayedWorkQueue, NULL);
        if (Mistaken) {
            Value = 2 * STEP;
        }
        KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
        Value += STEP;
        IoFreeWorkItem(Item);
    }
    IoDeleteDevice(Device);
}

static EX_RUNDOWN_REF Rundown;

static void UsesRundown(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    if (ExAcquireRundownProtection(&Rundown)) {
        Value += STEP;
        ExReleaseRundownProtection(&Rundown);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(torn_down_before_the_rundown, "SYS-RACE")
{
    ExInitializeRundownProtection(&Rundown);
    PVOID Thread = CaseThread(UsesRundown, NULL);
    if (!Mistaken) {
        ExWaitForRundownProtectionRelease(&Rundown);
    }
    Value = 2 * STEP;
    if (Mistaken) {
        ExWaitForRundownProtectionRelease(&Rundown);
    }
    CaseJoin(Thread);
}

static ULONG *Block;

static void ReadsBlock(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    Value = *Block;
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* It is freed after the last access in this run, but nothing makes it so. */
MISTAKE(freed_without_waiting, "SYS-RACE MEM-UAF")
{
    Block = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Block, 'ecaR');
    if (Block == NULL) {
        return;
    }
    *Block = 2 * STEP;
    PVOID Thread = CaseThread(ReadsBlock, NULL);
    if (!Mistaken) {
        CaseJoin(Thread);
    }
    ExFreePoolWithTag(Block, 'ecaR');
    if (Mistaken) {
        CaseJoin(Thread);
    }
}

/* Data of a processor, at DISPATCH_LEVEL; by number, or by whoever comes. */
static ULONG OfProcessor[SIM_PROCESSORS];

static void AddsOnProcessor(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KIRQL Irql;
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    ULONG Number = KeGetCurrentProcessorNumberEx(NULL) % SIM_PROCESSORS;
    OfProcessor[Mistaken ? 0 : Number] += STEP;
    KeLowerIrql(Irql);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(data_of_another_processor, "SYS-RACE")
{
    PVOID One = CaseThread(AddsOnProcessor, NULL);
    PVOID Other = CaseThread(AddsOnProcessor, NULL);
    CaseJoin(One);
    CaseJoin(Other);
}

/* ---- publishing ---- */

static volatile LONG IsReady;
static ULONG PlainReady;

static void Publishes(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    if (Mistaken) {
        InterlockedExchange(&IsReady, 1);
        Value = 2 * STEP;
    } else {
        Value = 2 * STEP;
        InterlockedExchange(&IsReady, 1);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void Consume(BOOLEAN IsInterlocked)
{
    PVOID Thread = CaseThread(Publishes, NULL);
    LONG Ready = IsInterlocked ? InterlockedCompareExchange(&IsReady, 0, 0) : ReadAcquire(&IsReady);
    if (Ready != 0) {
        Value += STEP;
    }
    CaseJoin(Thread);
}

MISTAKE(published_before_it_was_written, "SYS-RACE")
{
    Consume(TRUE);
}

MISTAKE(read_by_acquire_before_it_was_written, "SYS-RACE")
{
    Consume(FALSE);
}

static SLIST_HEADER SList;
static struct {
    DECLSPEC_ALIGN(16) SLIST_ENTRY Link;
    ULONG Content;
} SEntry;

static void Pushes(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    if (!Mistaken) {
        SEntry.Content = 2 * STEP;
    }
    InterlockedPushEntrySList(&SList, &SEntry.Link);
    if (Mistaken) {
        SEntry.Content = 2 * STEP;
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(filled_after_it_was_pushed, "SYS-RACE")
{
    InitializeSListHead(&SList);
    PVOID Thread = CaseThread(Pushes, NULL);
    if (InterlockedPopEntrySList(&SList) != NULL) {
        SEntry.Content += STEP;
    }
    CaseJoin(Thread);
}

static LIST_ENTRY List;
static struct {
    LIST_ENTRY Link;
    ULONG Content;
} Entry;

static void Inserts(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    if (!Mistaken) {
        Entry.Content = 2 * STEP;
    }
    ExInterlockedInsertTailList(&List, &Entry.Link, &SpinLock);
    if (Mistaken) {
        Entry.Content = 2 * STEP;
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(filled_after_it_was_inserted, "SYS-RACE")
{
    KeInitializeSpinLock(&SpinLock);
    InitializeListHead(&List);
    PVOID Thread = CaseThread(Inserts, NULL);
    if (ExInterlockedRemoveHeadList(&List, &SpinLock) != NULL) {
        Entry.Content += STEP;
    }
    CaseJoin(Thread);
}

/* ---- requests ---- */

static struct request Request;
static ULONG Completed;

static NTSTATUS OnCompletion(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    UNREFERENCED_PARAMETER(Context);
    Completed += STEP;
    KeSetEvent(&Request.Done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

MISTAKE(written_while_the_request_is_pending, "SYS-RACE")
{
    if (!CaseWsk() || !RequestNew(&Request)) {
        return;
    }
    SOCKADDR_IN Any = Address4("0.0.0.0", 7000);
    PWSK_SOCKET Socket = SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL);
    if (Socket == NULL) {
        return;
    }
    if (!Mistaken) {
        Completed = 2 * STEP;
    }
    PIRP Irp = Fresh(&Request);
    IoSetCompletionRoutine(Irp, OnCompletion, NULL, TRUE, TRUE, TRUE);
    (void)Datagram(Socket)->WskBind(Socket, (PSOCKADDR)&Any, 0, Irp);
    if (Mistaken) {
        Completed = 2 * STEP;
    }
    KeWaitForSingleObject(&Request.Done, Executive, KernelMode, FALSE, NULL);
    Completed += STEP;
}

/* ---- which rule, or only a lint ---- */

static volatile LONG Counter;

static void Counts(PVOID Context)
{
    if (Context != NULL && Mistaken) {
        (*(LONG *)&Counter)++;
    } else {
        InterlockedIncrement(&Counter);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(counted_in_two_steps_beside_interlocked, "KRN-301 SYS-RACE")
{
    PVOID One = CaseThread(Counts, NULL);
    PVOID Other = CaseThread(Counts, &Value);
    CaseJoin(One);
    CaseJoin(Other);
}

MISTAKE(interlocked_read_as_plain_memory, "KRN-301 SYS-RACE", .is_lint = 1)
{
    PVOID Thread = CaseThread(Counts, NULL);
    LONG Seen = Mistaken ? *(LONG *)&Counter : ReadNoFence(&Counter);
    CaseJoin(Thread);
    Check(Seen == 0 || Thread != NULL);
}

static void SetsFlag(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    if (Mistaken) {
        PlainReady = 1;
    } else {
        IsReady = 1;
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(plain_flag, "KRN-323 SYS-RACE")
{
    PVOID Thread = CaseThread(SetsFlag, NULL);
    ULONG Seen = Mistaken ? PlainReady : (ULONG)IsReady;
    CaseJoin(Thread);
    Check(Seen == 0 || Thread != NULL);
}

static void WritesSame(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    if (Mistaken) {
        Value = 2 * STEP;
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(same_value_written_twice, "SYS-RACE-SAME SYS-RACE")
{
    Value = 2 * STEP;
    PVOID One = CaseThread(WritesSame, NULL);
    PVOID Other = CaseThread(WritesSame, NULL);
    CaseJoin(One);
    CaseJoin(Other);
}

static void AddsUnderMutex(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Second);
    if (!Mistaken) {
        KeAcquireSpinLockAtDpcLevel(&SpinLock);
    }
    Value += STEP;
    if (!Mistaken) {
        KeReleaseSpinLockFromDpcLevel(&SpinLock);
    }
}

MISTAKE(mutex_where_a_dpc_looks, "KRN-133 SYS-RACE")
{
    KIRQL Irql = 0;
    KeInitializeSpinLock(&SpinLock);
    ExInitializeFastMutex(&FastMutex);
    KeInitializeDpc(&Dpc, AddsUnderMutex, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    ExAcquireFastMutex(&FastMutex);
    if (!Mistaken) {
        KeAcquireSpinLock(&SpinLock, &Irql);
    }
    Value += STEP;
    if (!Mistaken) {
        KeReleaseSpinLock(&SpinLock, Irql);
    }
    ExReleaseFastMutex(&FastMutex);
    KeFlushQueuedDpcs();
}
