/* SPDX-License-Identifier: MIT */
/* Cases of the kernel contract, 1.10: interlocked operations, lists, run-once. */
#include "case.h"

enum { TAG = 'esaC' };

static void *Pool(SIZE_T Size)
{
    return ExAllocatePoolWithTag(NonPagedPoolNx, Size, TAG);
}

static void Free(void *Bytes)
{
    if (Bytes != NULL) {
        ExFreePoolWithTag(Bytes, TAG);
    }
}

/* Runs the routine on a thread beside the body; false if there is no thread to be had. */
static BOOLEAN Beside(PKSTART_ROUTINE Routine, PVOID Context, void (*Meanwhile)(PVOID Context))
{
    PVOID Thread = CaseThread(Routine, Context);
    if (Thread != NULL) {
        Meanwhile(Context);
        CaseJoin(Thread);
    }
    return Thread != NULL;
}

/* ---- interlocked operations (KRN-300 to KRN-303) ---- */

static volatile LONG Counter;

static void Count(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (int i = 0; i < 3; i++) {
        InterlockedIncrement(&Counter);
    }
}

static KSTART_ROUTINE CountThread;

static void CountThread(PVOID Context)
{
    Count(Context);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

DUTY(interlocked_operations_are_atomic, "KRN-300")
{
    if (Beside(CountThread, NULL, Count)) {
        Check(Counter == 6);
    }
}

DUTY(interlocked_results, "KRN-300")
{
    volatile LONG Value = 5;
    Check(InterlockedIncrement(&Value) == 6);
    Check(InterlockedDecrement(&Value) == 5);
    Check(InterlockedExchange(&Value, 7) == 5);
    Check(InterlockedExchangeAdd(&Value, 1) == 7);
    Check(InterlockedCompareExchange(&Value, 3, 9) == 8 && Value == 8);
    Check(InterlockedCompareExchange(&Value, 3, 8) == 8 && Value == 3);
    Check(InterlockedAnd(&Value, 2) == 3 && Value == 2);
    Check(InterlockedOr(&Value, 1) == 2 && Value == 3);
}

/* What the lost update breaks is an assertion of the driver. */
MISTAKE(interlocked_here_plain_there, "SYS-ASSERT KRN-301")
{
    PVOID Thread = CaseThread(CountThread, NULL);
    if (Thread != NULL) {
        if (Mistaken) {
            LONG Old = Counter;
            CaseSleep(0);
            Counter = Old + 1;
        } else {
            InterlockedIncrement(&Counter);
        }
        CaseJoin(Thread);
        NT_ASSERT(Counter == 4);
    }
}

MISTAKE(interlocked_variable_is_not_aligned, "KRN-302")
{
    static LONG Words[2];
    InterlockedIncrement((volatile LONG *)((char *)Words + (Mistaken ? 2 : 0)));
}

/* A reference count that a lookup raises from zero: the object is freed under it. */
struct counted {
    volatile LONG References;
    LONG Value;
};

static struct counted *volatile Found;

static void Drop(struct counted *Object)
{
    if (InterlockedDecrement(&Object->References) == 0) {
        Found = NULL;
        ExFreePoolWithTag(Object, TAG);
    }
}

static BOOLEAN Raise(struct counted *Object)
{
    LONG Old = Object->References;
    while (Old != 0) {
        LONG Seen = InterlockedCompareExchange(&Object->References, Old + 1, Old);
        if (Seen == Old) {
            return TRUE;
        }
        Old = Seen;
    }
    return FALSE;
}

static KSTART_ROUTINE DropThread;

static void DropThread(PVOID Context)
{
    Drop(Context);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(count_is_raised_from_zero, "MEM-UAF KRN-303 KBUG-51")
{
    struct counted *Object = Pool(sizeof *Object);
    if (Object == NULL) {
        return;
    }
    Object->References = 2; /* the thread's, and that of the table */
    Object->Value = 1;
    Found = Object;
    PVOID Thread = CaseThread(DropThread, Object);
    if (Thread == NULL) {
        Free(Object);
        return;
    }
    if (Mistaken) {
        Drop(Object); /* gives up the table's reference, but goes on as if there were one */
        InterlockedIncrement(&Object->References);
        Object->Value++;
        Drop(Object);
    } else {
        if (Raise(Object)) {
            Object->Value++;
            Drop(Object);
        }
        Drop(Object);
    }
    CaseJoin(Thread);
}

/* ---- singly linked lists (KRN-304 to KRN-306) ---- */

struct entry {
    SLIST_ENTRY Link;
    LONG Value;
};

static SLIST_HEADER Header;

MISTAKE(list_entry_is_not_aligned, "KRN-304 KBUG-55")
{
    static DECLSPEC_ALIGN(16) char Bytes[64];
    InitializeSListHead(&Header);
    InterlockedPushEntrySList(&Header, (PSLIST_ENTRY)(Bytes + (Mistaken ? 8 : 0)));
    InterlockedFlushSList(&Header);
}

MISTAKE(list_header_is_not_aligned, "KRN-304 KBUG-55")
{
    static DECLSPEC_ALIGN(16) char Bytes[64];
    InitializeSListHead((PSLIST_HEADER)(Bytes + (Mistaken ? 8 : 0)));
}

DUTY(last_in_first_out, "KRN-305")
{
    static DECLSPEC_ALIGN(16) struct entry A, B;
    InitializeSListHead(&Header);
    Check(InterlockedPopEntrySList(&Header) == NULL);
    Check(InterlockedPushEntrySList(&Header, &A.Link) == NULL);
    Check(InterlockedPushEntrySList(&Header, &B.Link) == &A.Link);
    Check(InterlockedPopEntrySList(&Header) == &B.Link);
    Check(InterlockedPushEntrySList(&Header, &B.Link) == &A.Link);
    Check(InterlockedFlushSList(&Header) == &B.Link);
    Check(InterlockedPopEntrySList(&Header) == NULL);
}

MISTAKE(entry_is_pushed_twice, "KRN-306")
{
    static DECLSPEC_ALIGN(16) struct entry A;
    InitializeSListHead(&Header);
    InterlockedPushEntrySList(&Header, &A.Link);
    if (Mistaken) {
        InterlockedPushEntrySList(&Header, &A.Link);
    }
    InterlockedFlushSList(&Header);
}

/* ---- doubly linked lists (KRN-306 to KRN-309) ---- */

struct node {
    LIST_ENTRY Link;
    LONG Value;
};

static LIST_ENTRY List;
static KSPIN_LOCK ListLock, OtherLock;

MISTAKE(entry_is_removed_twice, "KRN-306 KBUG-52")
{
    struct node *Node = Pool(sizeof *Node);
    InitializeListHead(&List);
    if (Node != NULL) {
        InsertTailList(&List, &Node->Link);
        RemoveEntryList(&Node->Link);
        if (Mistaken) { /* the other path did not look */
            RemoveEntryList(&Node->Link);
            InsertTailList(&List, &Node->Link);
            RemoveEntryList(&Node->Link);
            RemoveEntryList(&Node->Link);
        }
        Free(Node);
    }
}

MISTAKE(linked_entry_is_freed, "MEM-UAF KRN-306")
{
    struct node *Node = Pool(sizeof *Node), *Other = Pool(sizeof *Other);
    InitializeListHead(&List);
    if (Node != NULL && Other != NULL) {
        InsertTailList(&List, &Node->Link);
        if (!Mistaken) {
            RemoveEntryList(&Node->Link);
        }
        Free(Node);
        Node = NULL;
        InsertTailList(&List, &Other->Link);
        RemoveEntryList(&Other->Link);
    }
    Free(Node);
    Free(Other);
}

MISTAKE(list_with_two_locks, "KRN-307")
{
    static struct node A, B;
    KeInitializeSpinLock(&ListLock);
    KeInitializeSpinLock(&OtherLock);
    InitializeListHead(&List);
    ExInterlockedInsertTailList(&List, &A.Link, &ListLock);
    ExInterlockedInsertTailList(&List, &B.Link, Mistaken ? &OtherLock : &ListLock);
}

static void AddTwo(PVOID Context)
{
    struct node *Node = Context;
    for (int i = 0; i < 2; i++) {
        KIRQL Old = PASSIVE_LEVEL;
        if (!Mistaken) {
            KeAcquireSpinLock(&ListLock, &Old);
        }
        InsertTailList(&List, &Node[i].Link);
        if (!Mistaken) {
            KeReleaseSpinLock(&ListLock, Old);
        }
    }
}

static KSTART_ROUTINE AddThread;

static void AddThread(PVOID Context)
{
    AddTwo((struct node *)Context + 2);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* Found where two memory accesses are interleaved: by the list that lost a node. */
MISTAKE(list_without_a_lock, "SYS-ASSERT KRN-308 KRN-306 KBUG-53 SYS-LIVELOCK")
{
    static struct node Nodes[4];
    LONG Count = 0;
    KeInitializeSpinLock(&ListLock);
    InitializeListHead(&List);
    if (Beside(AddThread, Nodes, AddTwo)) {
        for (PLIST_ENTRY Entry = List.Flink; Entry != &List && Count < 9; Entry = Entry->Flink) {
            Count++;
        }
        NT_ASSERT(Count == 4);
    }
}

/* The head of a list that lies at the beginning of a block is taken for a node. */
MISTAKE(empty_list_is_not_tested, "MEM-OVERFLOW KRN-309")
{
    struct head {
        LIST_ENTRY List;
    } *Head = Pool(sizeof *Head);
    if (Head != NULL) {
        InitializeListHead(&Head->List);
        PLIST_ENTRY Entry = RemoveHeadList(&Head->List);
        if (Mistaken || Entry != &Head->List) {
            CONTAINING_RECORD(Entry, struct node, Link)->Value = 1;
        }
        Free(Head);
    }
}

/* ---- one-time initialisation (KRN-322) ---- */

static RTL_RUN_ONCE Once;
static RTL_RUN_ONCE_INIT_FN Initialise;

static ULONG Initialise(PRTL_RUN_ONCE RunOnce, PVOID Parameter, PVOID *Context)
{
    UNREFERENCED_PARAMETER(Parameter);
    UNREFERENCED_PARAMETER(Context);
    if (Mistaken) {
        (void)RtlRunOnceExecuteOnce(RunOnce, Initialise, NULL, NULL);
    }
    return TRUE;
}

MISTAKE(initialisation_runs_itself, "KRN-322")
{
    RtlRunOnceInitialize(&Once);
    (void)RtlRunOnceExecuteOnce(&Once, Initialise, NULL, NULL);
}
