/* SPDX-License-Identifier: MIT */
/* Cases of the kernel contract, 1.2: IRQL, paged memory, exceptions. */
#include "case.h"

enum { TAG = 'esaC' };

static UCHAR *Paged(void)
{
    UCHAR *Bytes = ExAllocatePoolWithTag(PagedPool, 64, TAG);
    if (Bytes != NULL) {
        RtlZeroMemory(Bytes, 64);
    }
    return Bytes;
}

/* ---- paged memory (KRN-051, KRN-120) ---- */

MISTAKE(reads_paged_pool_at_dispatch, "KRN-051 KBUG-15 KPROP-09")
{
    UCHAR *Bytes = Paged();
    if (Bytes == NULL) {
        return;
    }
    volatile UCHAR *Byte = Bytes;
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    UCHAR Value = Mistaken ? Byte[5] : 0;
    KeLowerIrql(Old);
    Byte[6] = (UCHAR)(Value + 1);
    ExFreePoolWithTag(Bytes, TAG);
}

MISTAKE(copies_paged_pool_at_dispatch, "KRN-051")
{
    UCHAR *Bytes = Paged(), Copy[8] = {0};
    if (Bytes == NULL) {
        return;
    }
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    if (Mistaken) {
        (void)RtlCompareMemory(Copy, Bytes, sizeof Copy);
    }
    KeLowerIrql(Old);
    (void)RtlCompareMemory(Copy, Bytes, sizeof Copy);
    ExFreePoolWithTag(Bytes, TAG);
}

/* Another processor is at DISPATCH_LEVEL while this thread uses its paged pool. */
static KSPIN_LOCK Lock;

static void Raiser(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG i = 0; i < 4; i++) {
        KIRQL Old;
        KeAcquireSpinLock(&Lock, &Old);
        KeReleaseSpinLock(&Lock, Old);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(writes_paged_pool_under_a_spin_lock, "KRN-120 KPROP-09")
{
    KIRQL Old;
    UCHAR *Bytes = Paged();
    if (Bytes == NULL) {
        return;
    }
    PVOID Other = CaseThread(Raiser, NULL);
    for (ULONG i = 0; i < 4; i++) {
        Bytes[i] = (UCHAR)i;
        KeAcquireSpinLock(&Lock, &Old);
        if (Mistaken) {
            Bytes[i]++;
        }
        KeReleaseSpinLock(&Lock, Old);
        Bytes[i]++;
    }
    CaseJoin(Other);
    ExFreePoolWithTag(Bytes, TAG);
}

MISTAKE(paged_lookaside_entry_at_dispatch, "KRN-051")
{
    static PAGED_LOOKASIDE_LIST List;
    ExInitializePagedLookasideList(&List, NULL, NULL, 0, 64, TAG, 0);
    volatile UCHAR *Entry = ExAllocateFromPagedLookasideList(&List);
    if (Entry != NULL) {
        KIRQL Old = KeRaiseIrqlToDpcLevel();
        if (Mistaken) {
            Entry[3] = 1;
        }
        KeLowerIrql(Old);
        Entry[3] = 2;
        ExFreeToPagedLookasideList(&List, (PVOID)Entry);
    }
    ExDeletePagedLookasideList(&List);
}

static void ReadsInDpc(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Second);
    if (Mistaken) {
        (*(volatile UCHAR *)Context)++;
    }
}

MISTAKE(dpc_touches_paged_pool, "KRN-051 KRN-156 KPROP-09")
{
    static KDPC Reader;
    UCHAR *Bytes = Paged();
    if (Bytes != NULL) {
        KeInitializeDpc(&Reader, ReadsInDpc, Bytes);
        KeInsertQueueDpc(&Reader, NULL, NULL);
        for (ULONG i = 0; i < 8; i++) {
            Bytes[i] = (UCHAR)i; /* while the DPC may run elsewhere */
            CaseSleep(0);
        }
        KeFlushQueuedDpcs();
        ExFreePoolWithTag(Bytes, TAG);
    }
}

/* Locked pages are resident. */
DUTY(locked_paged_pool_is_resident, "KRN-051", .is_silent = 1)
{
    UCHAR *Bytes = Paged();
    PMDL Mdl = Bytes != NULL ? IoAllocateMdl(Bytes, 64, FALSE, FALSE, NULL) : NULL;
    if (Mdl != NULL) {
        BOOLEAN IsLocked = FALSE;
        __try {
            MmProbeAndLockPages(Mdl, KernelMode, IoModifyAccess);
            IsLocked = TRUE;
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            IsLocked = FALSE;
        }
        if (IsLocked) {
            KIRQL Old = KeRaiseIrqlToDpcLevel();
            Bytes[1] = 1;
            KeLowerIrql(Old);
            MmUnlockPages(Mdl);
        }
        IoFreeMdl(Mdl);
    }
    if (Bytes != NULL) {
        ExFreePoolWithTag(Bytes, TAG);
    }
}

/* ---- limits (KRN-050, KRN-052 to KRN-055) ---- */

/* Which row: drawn by the world. */
static volatile unsigned Row = 1000;
enum { ROWS = 8 };

static void Draw(void)
{
    Row = wsksim_choose(ROWS);
}

/* One routine that has no narrower rule, at its limit or above. */
static void CallRow(unsigned Number)
{
    ULONG Seed = 1;
    WCHAR Wide[] = L"a", Other[] = L"b";
    UNICODE_STRING Left = {2, 4, Wide}, Right = {2, 4, Other};
    ANSI_STRING Narrow = {0};
    LARGE_INTEGER Time;
    RTL_RUN_ONCE Once = RTL_RUN_ONCE_INIT;
    switch (Number) {
    case 0:
        (void)RtlRandomEx(&Seed);
        break;
    case 1:
        (void)RtlCompareUnicodeString(&Left, &Right, TRUE);
        break;
    case 2:
        (void)RtlEqualUnicodeString(&Left, &Right, FALSE);
        break;
    case 3:
        (void)RtlUnicodeStringToInteger(&Left, 10, &Seed);
        break;
    case 4:
        if (NT_SUCCESS(RtlUnicodeStringToAnsiString(&Narrow, &Left, TRUE))) {
            RtlFreeAnsiString(&Narrow);
        }
        break;
    case 5:
        (void)RtlPrefixUnicodeString(&Left, &Right, FALSE);
        break;
    case 6:
        RtlRunOnceInitialize(&Once);
        break;
    default:
        KeQuerySystemTimePrecise(&Time); /* any IRQL */
        break;
    }
}

MISTAKE(routine_above_its_limit, "KRN-050", .world = Draw)
{
    while (Row == 1000) {
        CaseSleep(1);
    }
    CallRow(Row);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    if (Mistaken || Row == ROWS - 1) {
        CallRow(Row);
    }
    KeLowerIrql(Old);
}

static void Pageable(void)
{
    PAGED_CODE();
}

MISTAKE(pageable_code_at_dispatch, "KRN-052 KPROP-09")
{
    KIRQL Old = PASSIVE_LEVEL;
    if (Mistaken) {
        Old = KeRaiseIrqlToDpcLevel();
    }
    Pageable();
    if (Mistaken) {
        KeLowerIrql(Old);
    }
}

MISTAKE(raised_downward, "KRN-053")
{
    KIRQL Old, Inner;
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    KeRaiseIrql(Mistaken ? APC_LEVEL : DISPATCH_LEVEL, &Inner);
    KeLowerIrql(Inner);
    KeLowerIrql(Old);
}

MISTAKE(lowered_to_what_was_not_raised_from, "KRN-053")
{
    KIRQL Old;
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    KeLowerIrql(Mistaken ? APC_LEVEL : Old);
    if (KeGetCurrentIrql() != PASSIVE_LEVEL) {
        KeLowerIrql(Old);
    }
}

static void ReturnsRaised(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    if (Mistaken) {
        (void)KeRaiseIrqlToDpcLevel();
        return;
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(thread_returns_raised, "KRN-054 KPROP-08")
{
    CaseJoin(CaseThread(ReturnsRaised, NULL));
}

static KDPC Dpc;
static KEVENT Ran;

static void Lowers(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Second);
    if (Mistaken) {
        KeLowerIrql(PASSIVE_LEVEL);
    }
    KeSetEvent(&Ran, IO_NO_INCREMENT, FALSE);
}

static void RunDpc(PKDEFERRED_ROUTINE Routine)
{
    KeInitializeEvent(&Ran, NotificationEvent, FALSE);
    KeInitializeDpc(&Dpc, Routine, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeWaitForSingleObject(&Ran, Executive, KernelMode, FALSE, NULL);
    KeFlushQueuedDpcs();
}

MISTAKE(dpc_lowers_the_irql, "KRN-055")
{
    RunDpc(Lowers);
}

/* ---- long stretches, deep stacks (KRN-056 to KRN-058) ---- */

MISTAKE(spin_lock_held_for_long, "KRN-056")
{
    KIRQL Old;
    KeAcquireSpinLock(&Lock, &Old);
    KeStallExecutionProcessor(Mistaken ? 40 : 10);
    KeReleaseSpinLock(&Lock, Old);
}

static void Stalls(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Second);
    for (ULONG i = 0; i < (Mistaken ? 3 : 1); i++) {
        KeStallExecutionProcessor(50);
    }
    KeSetEvent(&Ran, IO_NO_INCREMENT, FALSE);
}

MISTAKE(dpc_takes_long, "KRN-056")
{
    RunDpc(Stalls);
}

static ULONG Depth, Deepest;

static void Deeper(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    if (++Depth < Deepest) {
        (void)KeExpandKernelStackAndCallout(Deeper, NULL, 1024);
    }
}

static void GoDown(ULONG Levels)
{
    Depth = 0;
    Deepest = Levels;
    Deeper(NULL);
}

MISTAKE(windows_nested_without_bound, "KRN-057 KPROP-32 kernel.stack_depth",
        .knobs = "kernel.stack_depth=8-and-64")
{
    GoDown(Mistaken ? 70 : 20);
}

MISTAKE(windows_nested_deeply, "KRN-057 kernel.stack_depth", .knobs = "kernel.stack_depth=8-and-64",
        .is_lint = TRUE)
{
    GoDown(Mistaken ? 12 : 6);
}

MISTAKE(windows_nested_for_a_small_stack, "KRN-057 kernel.stack_depth",
        .knobs = "kernel.stack_depth=4-and-16")
{
    GoDown(Mistaken ? 20 : 3);
}

MISTAKE(stack_expanded_at_dispatch, "KRN-058")
{
    KIRQL Old = PASSIVE_LEVEL;
    Depth = Deepest = 1;
    if (Mistaken) {
        Old = KeRaiseIrqlToDpcLevel();
    }
    (void)KeExpandKernelStackAndCallout(Deeper, NULL, 1024);
    if (Mistaken) {
        KeLowerIrql(Old);
    }
}

/* ---- Zw routines, debug output, exceptions (KRN-059 to KRN-062) ---- */

static void Ends(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* Makes a thread and closes its handle, in a guarded region or not. */
static void CloseHandle(BOOLEAN IsGuarded)
{
    HANDLE Handle;
    OBJECT_ATTRIBUTES Attributes;
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    if (!NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, &Attributes, NULL, NULL, Ends,
                                         NULL))) {
        return;
    }
    (void)ZwWaitForSingleObject(Handle, FALSE, NULL);
    if (IsGuarded) {
        KeEnterGuardedRegion();
    }
    (void)ZwClose(Handle);
    if (IsGuarded) {
        KeLeaveGuardedRegion();
    }
}

MISTAKE(zw_in_a_guarded_region, "KRN-059 KRN-126")
{
    CloseHandle(Mistaken);
}

MISTAKE(unicode_printed_at_dispatch, "KRN-060")
{
    UNICODE_STRING Text;
    RtlInitUnicodeString(&Text, L"text");
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    if (Mistaken) {
        DbgPrint("%wZ\n", &Text);
    } else {
        DbgPrint("%u\n", 1u);
    }
    KeLowerIrql(Old);
}

static NTSTATUS NTAPI Prints(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    UNICODE_STRING Text;
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Data);
    RtlInitUnicodeString(&Text, L"a datagram");
    if (Mistaken || KeGetCurrentIrql() == PASSIVE_LEVEL) {
        DbgPrint("%wZ\n", &Text);
    }
    return STATUS_SUCCESS;
}

static void SendSome(void)
{
    struct wsksim_port *Port = wsksim_bind(NULL, 0);
    for (int i = 0; i < 30 && Port != NULL && !wsksim_is_over(); i++) {
        (void)wsksim_send_to(Port, NULL, 7000, "hello", 5);
        wsksim_sleep(wsksim_choose(2000));
    }
}

/* Datagrams are indicated to this routine for a while. */
static void Receive(PFN_WSK_RECEIVE_FROM_EVENT Routine)
{
    static WSK_CLIENT_DATAGRAM_DISPATCH Dispatch;
    Dispatch.WskReceiveFromEvent = Routine;
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &Dispatch) : NULL;
    if (Socket != NULL && NT_SUCCESS(SocketBind(Socket, 7000))) {
        (void)SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM);
        CaseSleep(50);
    }
}

MISTAKE(unicode_printed_in_a_callback, "KRN-060 KBUG-16", .world = SendSome)
{
    Receive(Prints);
}

static FAST_MUTEX Mutex;

static NTSTATUS NTAPI Locks(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Data);
    if (Mistaken) {
        ExAcquireFastMutex(&Mutex);
        ExReleaseFastMutex(&Mutex);
    }
    return STATUS_SUCCESS;
}

MISTAKE(fast_mutex_in_a_callback, "KRN-133 KBUG-14 KRN-125", .world = SendSome)
{
    ExInitializeFastMutex(&Mutex);
    Receive(Locks);
}

static NTSTATUS NTAPI Waits(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    LARGE_INTEGER Now = {0};
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Data);
    (void)KeWaitForSingleObject(&Ran, Executive, KernelMode, FALSE, Mistaken ? NULL : &Now);
    return STATUS_SUCCESS;
}

/* At DISPATCH_LEVEL KRN-081, below it the rule for callbacks. */
MISTAKE(callback_waits, "KRN-081 KBUG-17 KRN-082 KPROP-10", .world = SendSome, .off = "EVT-007")
{
    KeInitializeEvent(&Ran, NotificationEvent, TRUE);
    Receive(Waits);
}

MISTAKE(exception_at_dispatch, "KRN-061")
{
    KIRQL Old = PASSIVE_LEVEL;
    __try {
        if (Mistaken) {
            Old = KeRaiseIrqlToDpcLevel();
        }
        ExRaiseStatus(STATUS_UNSUCCESSFUL);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        if (Mistaken) {
            KeLowerIrql(Old);
        }
    }
}

MISTAKE(exception_leaves_the_thread, "KRN-061")
{
    if (Mistaken) {
        ExRaiseStatus(STATUS_UNSUCCESSFUL);
    }
}

MISTAKE(handler_for_a_kernel_address, "KRN-062")
{
    volatile UCHAR *Nowhere = (volatile UCHAR *)0x270000000000ull;
    UCHAR Here = 0;
    __try {
        Here = Mistaken ? *Nowhere : Here;
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Here = 1;
    }
}

/* ---- what happens at DISPATCH_LEVEL (KRN-064, KRN-065) ---- */

static volatile LONG DpcRuns, OtherRuns;

static void Counts(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Second);
    InterlockedIncrement(&DpcRuns);
}

DUTY(nothing_else_runs_here_at_dispatch, "KRN-064")
{
    KeInitializeDpc(&Dpc, Counts, NULL);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    KeSetTargetProcessorDpc(&Dpc, (CCHAR)KeGetCurrentProcessorNumberEx(NULL));
    Check(KeInsertQueueDpc(&Dpc, NULL, NULL));
    KeStallExecutionProcessor(20);
    Check(DpcRuns == 0);
    KeLowerIrql(Old);
    KeFlushQueuedDpcs();
    Check(DpcRuns == 1);
}

static void Other(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    InterlockedIncrement(&OtherRuns);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* With two processors the other thread gets one, and ends although this one is at DISPATCH_LEVEL.
 */
DUTY(raising_excludes_nobody_else, "KRN-065", .is_silent = 1)
{
    PVOID Thread = CaseThread(Other, NULL);
    BOOLEAN HasOthers =
        (BOOLEAN)(KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS) > 1 && Thread != NULL);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    while (HasOthers && InterlockedCompareExchange(&OtherRuns, 0, 0) == 0) {
        KeStallExecutionProcessor(1);
    }
    KeLowerIrql(Old);
    CaseJoin(Thread);
}

/* Both stand at DISPATCH_LEVEL at one time. */
static volatile LONG Raised;

static void RaiseForAWhile(void)
{
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    InterlockedIncrement(&Raised);
    for (ULONG i = 0; i < 50; i++) {
        if (InterlockedCompareExchange(&Raised, 0, 0) == 2) {
            Witness();
        }
        KeStallExecutionProcessor(1);
    }
    InterlockedDecrement(&Raised);
    KeLowerIrql(Old);
}

static void RaisesToo(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    RaiseForAWhile();
    PsTerminateSystemThread(STATUS_SUCCESS);
}

FREEDOM(two_processors_are_raised_at_once, "KRN-065")
{
    PVOID Thread = CaseThread(RaisesToo, NULL);
    RaiseForAWhile();
    CaseJoin(Thread);
}

FREEDOM(other_processors_go_on, "KRN-065 KPROP-31")
{
    PVOID Thread = CaseThread(Other, NULL);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    LONG Before = OtherRuns;
    KeStallExecutionProcessor(20);
    if (OtherRuns != Before) {
        Witness();
    }
    KeLowerIrql(Old);
    CaseJoin(Thread);
}
