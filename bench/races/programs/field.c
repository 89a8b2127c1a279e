/* SPDX-License-Identifier: MIT */
/*
 * Mistakes that were shipped: the patterns of races known from servers, libraries and kernels,
 * reduced to what races. References name the collections in which they are studied.
 */
#include "race.h"

static FAST_MUTEX M;

/*
 * stringbuffer: append takes the length of another buffer, and copies so much after the other was
 * cut. Each step holds the lock, both together do not. 1 preemption.
 */
static volatile LONG Length = 6;

static LONG LengthOf(void)
{
    Lock(&M);
    LONG Now = Length;
    Unlock(&M);
    return Now;
}

static void StringAppend(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    LONG Count = LengthOf();
    Lock(&M);
    Check(Count <= Length);
    Unlock(&M);
}

static void StringCut(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&M);
    Length = 0;
    Unlock(&M);
}

RACE(stringbuffer, 1, "SYS-ASSERT", "CB/stringbuffer-jdk1.4")
{
    ExInitializeFastMutex(&M);
    Start(StringAppend, 0);
    Start(StringCut, 0);
    Join();
}

/*
 * aget: a download is interrupted; who saves the progress adds up the segments while their owners
 * count on, and saves more bytes than the total that it read before. 1 preemption.
 */
static volatile LONG Segment[2], Total;

static void Download(LONG Which)
{
    for (LONG i = 0; i < 3; i++) {
        InterlockedIncrement(&Total);
        InterlockedIncrement(&Segment[Which]);
    }
}

static void SaveProgress(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    LONG Bytes = Total;
    Check(Segment[0] + Segment[1] == Bytes);
}

RACE(aget, 1, "SYS-ASSERT", "CB/aget-bug2")
{
    StartMany(Download, 2);
    Start(SaveProgress, 0);
    Join();
}

/*
 * pbzip2: the main thread frees the queue when all blocks are out, while the consumer is still on
 * its way out of it. 1 preemption.
 */
struct queue {
    FAST_MUTEX Mutex;
    volatile LONG Count;
};
static struct queue *Queue;
static volatile LONG IsAllOut;

static void Compress(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&Queue->Mutex);
    Queue->Count--;
    IsAllOut = Queue->Count == 0;
    Unlock(&Queue->Mutex);
}

static void QueueDelete(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    while (!IsAllOut) {
        YieldProcessor();
    }
    Free(Queue);
}

RACE(pbzip2, 1, "KRN-200 MEM-UAF", "CB/pbzip2-0.9.4")
{
    Queue = Allocate(sizeof *Queue);
    if (Queue != NULL) {
        ExInitializeFastMutex(&Queue->Mutex);
        Queue->Count = 1;
        Start(Compress, 0);
        Start(QueueDelete, 0);
        Join();
    }
}

/* bank: a transfer is two bookings; the audit comes in between. 1 preemption. */
static volatile LONG Money[3] = {10, 10, 10};

static void Book(LONG Account, LONG Amount)
{
    Lock(&M);
    Money[Account] += Amount;
    Unlock(&M);
}

static void Transfer(LONG From)
{
    Book(From, -5);
    Book(From + 1, 5);
}

static void Audit(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&M);
    Check(Money[0] + Money[1] + Money[2] == 30);
    Unlock(&M);
}

RACE(bank, 1, "SYS-ASSERT", "")
{
    ExInitializeFastMutex(&M);
    StartMany(Transfer, 2);
    Start(Audit, 0);
    Join();
}

/*
 * log_buffer: a line is copied to the end of a buffer, then the end is moved: two lines overlap and
 * one is lost. 1 preemption.
 */
static volatile CHAR LogBuffer[16];
static volatile LONG LogEnd;

static void LogLine(LONG Me)
{
    LONG At = LogEnd;
    for (LONG i = 0; i < 2; i++) {
        LogBuffer[At + i] = (CHAR)('a' + Me);
    }
    LogEnd = At + 2;
}

RACE(log_buffer, 1, "SYS-ASSERT", "")
{
    StartMany(LogLine, 3);
    Join();
    Check(LogEnd == 6);
}

/*
 * log_rotate: a log is closed and opened again; who writes in between drops its entry without a
 * word. 1 preemption.
 */
static volatile LONG IsOpen = TRUE, Dropped;

static void LogRotate(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&M);
    IsOpen = FALSE;
    Unlock(&M);
    Lock(&M);
    IsOpen = TRUE;
    Unlock(&M);
}

static void LogWrite(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&M);
    Dropped += !IsOpen;
    Unlock(&M);
}

RACE(log_rotate, 1, "SYS-ASSERT", "")
{
    ExInitializeFastMutex(&M);
    Start(LogRotate, 0);
    Start(LogWrite, 0);
    Join();
    Check(Dropped == 0);
}

/* pipe_open: tests a pointer and follows it, while release sets it to NULL. 1 preemption. */
static LONG PipeObject;
static LONG *volatile Pipe = &PipeObject;

static void PipeOpen(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    if (Pipe != NULL) {
        *Pipe = 1;
    }
}

static void PipeRelease(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Pipe = NULL;
}

RACE(pipe_open, 1, "MEM-NULL", "ConVul/CVE-2009-3547")
{
    Start(PipeOpen, 0);
    Start(PipeRelease, 0);
    Join();
}

/* A list of blocks, newest first. */
struct item {
    struct item *volatile Next;
    volatile LONG Value;
};
static struct item *volatile List;

static struct item *AddItem(LONG Value)
{
    struct item *New = Allocate(sizeof *New);
    if (New != NULL) {
        New->Value = Value;
        New->Next = List;
        List = New;
    }
    return New;
}

static void FreeItems(void)
{
    while (List != NULL) {
        struct item *First = List;
        List = First->Next;
        Free(First);
    }
}

/*
 * scan_list: a scanner keeps its place in a list while it gives the lock back; the item at that
 * place is removed and freed meanwhile. 1 preemption.
 */
static void ScanList(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&M);
    struct item *At = List;
    Unlock(&M);
    while (At != NULL) {
        Lock(&M);
        At = At->Next;
        Unlock(&M);
    }
}

static void RemoveFirst(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&M);
    struct item *First = List;
    if (First != NULL) {
        List = First->Next;
    }
    Unlock(&M);
    if (First != NULL) {
        Free(First);
    }
}

RACE(scan_list, 1, "MEM-UAF", "ConVul/CVE-2011-2183")
{
    ExInitializeFastMutex(&M);
    AddItem(1);
    AddItem(2);
    Start(ScanList, 0);
    Start(RemoveFirst, 0);
    Join();
    FreeItems();
}

/*
 * keyring: two threads make what is missing; the second finds one half made and uses the other
 * half, which is not there yet. 1 preemption.
 */
static LONG SessionRing;
static LONG *volatile UserRing, *volatile UserSession;

static void InstallKeyrings(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    if (UserRing == NULL) {
        UserRing = &SessionRing;
        UserSession = &SessionRing;
    }
    *UserSession = 1;
}

RACE(keyring, 1, "MEM-NULL", "ConVul/CVE-2013-1792")
{
    StartMany(InstallKeyrings, 2);
    Join();
}

/*
 * key_read: whether a key is valid is tested before the lock is taken, under which it may have been
 * revoked meanwhile. 1 preemption.
 */
static volatile LONG IsValid = TRUE;
static LONG KeyPayload;
static LONG *volatile Payload = &KeyPayload;

static void KeyRead(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    if (IsValid) {
        Lock(&M);
        Check(*Payload == 0);
        Unlock(&M);
    }
}

static void KeyRevoke(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&M);
    IsValid = FALSE;
    Payload = NULL;
    Unlock(&M);
}

RACE(key_read, 1, "MEM-NULL", "ConVul/CVE-2015-7550")
{
    ExInitializeFastMutex(&M);
    Start(KeyRead, 0);
    Start(KeyRevoke, 0);
    Join();
}

/*
 * frame_thread: a decoder hands frames to a thread through a slot; the slot is freed on the way to
 * the next size while the thread is between taking its address and using it. 2 preemptions: the
 * thread has to see work, too.
 */
static struct item *volatile Frame;
static volatile LONG HasWork, IsResizing;

static void FrameWork(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    if (HasWork && !IsResizing) {
        struct item *Mine = Frame;
        if (Mine != NULL) {
            Mine->Value++;
            Mine->Value++;
        }
    }
}

static void FrameResize(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    HasWork = TRUE;
    IsResizing = TRUE;
    struct item *Old = Frame;
    Frame = NULL;
    Free(Old);
    HasWork = FALSE;
    IsResizing = FALSE;
}

RACE(frame_thread, 2, "MEM-UAF", "ConVul/CVE-2016-1972")
{
    Frame = AddItem(0);
    List = NULL;
    if (Frame != NULL) {
        Start(FrameWork, 0);
        Start(FrameResize, 0);
        Join();
    }
}

/* refcount_zero: a look-up takes a reference of an object whose last one is being given back. 1. */
struct counted {
    volatile LONG References, Value;
};
static struct counted *volatile Shared;

static void Dereference(struct counted *Object)
{
    if (InterlockedDecrement(&Object->References) == 0) {
        Free(Object);
    }
}

static void LookUp(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    struct counted *Mine = Shared;
    if (Mine != NULL) {
        InterlockedIncrement(&Mine->References);
        Mine->Value++;
        Dereference(Mine);
    }
}

static void DropLast(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    struct counted *Mine = Shared;
    Shared = NULL;
    Dereference(Mine);
}

static struct counted *NewCounted(LONG References)
{
    struct counted *New = Allocate(sizeof *New);
    if (New != NULL) {
        New->References = References;
        New->Value = 0;
    }
    return New;
}

RACE(refcount_zero, 1, "MEM-UAF KRN-195", "ConVul/CVE-2016-1973")
{
    Shared = NewCounted(1);
    if (Shared != NULL) {
        Start(LookUp, 0);
        Start(DropLast, 0);
        Join();
    }
}

/*
 * io_context: an owner leaves an object that others still find through a second pointer, which is
 * cleared after the memory has gone. 1 preemption.
 */
static struct counted *volatile Owner;

static void ContextUse(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    struct counted *Mine = Owner;
    if (Mine != NULL) {
        Mine->Value++;
    }
}

static void ContextExit(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Free(Owner);
    Owner = NULL;
}

RACE(io_context, 1, "MEM-UAF", "ConVul/CVE-2016-7911")
{
    Owner = NewCounted(1);
    if (Owner != NULL) {
        Start(ContextUse, 0);
        Start(ContextExit, 0);
        Join();
    }
}

/* dump_twice: the end of a dump is found by two, and both free its buffer. 1 preemption. */
static volatile LONG IsDumping = TRUE;
static PVOID Buffer;

static void DumpEnd(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    if (IsDumping) {
        IsDumping = FALSE;
        Free(Buffer);
    }
}

RACE(dump_twice, 1, "KRN-195", "ConVul/CVE-2016-9806")
{
    Buffer = Allocate(16);
    if (Buffer != NULL) {
        StartMany(DumpEnd, 2);
        Join();
    }
}

/*
 * port_create: a port is put on the list before its creator has finished with it; another deletes
 * it from there. 1 preemption.
 */
static void PortCreate(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&M);
    struct item *Port = AddItem(1);
    Unlock(&M);
    if (Port != NULL) {
        Port->Value = 2;
    }
}

RACE(port_create, 1, "MEM-UAF", "ConVul/CVE-2017-15265")
{
    ExInitializeFastMutex(&M);
    Start(RemoveFirst, 0);
    Start(PortCreate, 0);
    Join();
    FreeItems();
}

/*
 * fanout: adding to a group tests that the socket is in none, outside the lock under which it is
 * added; it is added twice. 1 preemption.
 */
static volatile LONG IsInGroup, Members;

static void FanoutAdd(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    if (!IsInGroup) {
        Lock(&M);
        IsInGroup = TRUE;
        Members++;
        Unlock(&M);
    }
}

RACE(fanout, 1, "SYS-ASSERT", "ConVul/CVE-2017-6346")
{
    ExInitializeFastMutex(&M);
    StartMany(FanoutAdd, 2);
    Join();
    Check(Members == 1);
}

/*
 * singleton: double-checked creation whose flag is raised before the object is filled in. 1
 * preemption.
 */
static volatile LONG IsMade, Made;

static void Singleton(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    if (!IsMade) {
        Lock(&M);
        if (!IsMade) {
            IsMade = TRUE;
            Made = 42;
        }
        Unlock(&M);
    }
    Check(Made == 42);
}

RACE(singleton, 1, "SYS-ASSERT", "")
{
    ExInitializeFastMutex(&M);
    StartMany(Singleton, 2);
    Join();
}

/*
 * bounded_buffer: producer and consumer, one place; who wakes looks only once ("if" where
 * "while" belongs), and finds what it was woken for taken by somebody who never slept. 0
 * preemptions: waking is enough.
 */
static KEVENT NotEmpty, NotFull;
static volatile LONG Filled;

static void BoundedPut(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    for (LONG i = 0; i < 2; i++) {
        Lock(&M);
        if (Filled == 1) {
            Unlock(&M);
            Wait(&NotFull);
            Lock(&M);
        }
        Check(Filled == 0);
        Filled++;
        Unlock(&M);
        Set(&NotEmpty);
    }
}

static void BoundedGet(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    for (LONG i = 0; i < 2; i++) {
        Lock(&M);
        if (Filled == 0) {
            Unlock(&M);
            Wait(&NotEmpty);
            Lock(&M);
        }
        Check(Filled == 1);
        Filled--;
        Unlock(&M);
        Set(&NotFull);
    }
}

RACE(bounded_buffer, 0, "SYS-ASSERT", "Inspect/boundedBuffer")
{
    ExInitializeFastMutex(&M);
    KeInitializeEvent(&NotEmpty, SynchronizationEvent, FALSE);
    KeInitializeEvent(&NotFull, SynchronizationEvent, FALSE);
    Start(BoundedGet, 0);
    Start(BoundedPut, 0);
    Join();
}

/*
 * thread_trace: threads register in a table at the place that a counter shows, and move the counter
 * afterwards. 1 preemption.
 */
static volatile LONG Traced, TraceOf[4];

static void TraceThread(LONG Me)
{
    LONG At = Traced;
    TraceOf[At] = Me + 1;
    Traced = At + 1;
}

RACE(thread_trace, 1, "SYS-ASSERT", "Inspect/ctrace-test")
{
    StartMany(TraceThread, 3);
    Join();
    Check(Traced == 3);
}

/*
 * worker_pool: who has work looks for an idle worker and gives it the job in two steps; two give
 * one worker a job each, and one job is lost. 1 preemption, and both must find the same worker.
 */
enum { WORKERS = 2, GIVERS = 2 };
static volatile LONG IsIdle[WORKERS] = {TRUE, TRUE}, Job[WORKERS], JobsDone;

static void GiveJob(LONG Me)
{
    for (LONG i = 0; i < WORKERS; i++) {
        if (IsIdle[i]) {
            Lock(&M);
            IsIdle[i] = FALSE;
            Job[i] = Me + 1;
            Unlock(&M);
            return;
        }
    }
}

RACE(worker_pool, 1, "SYS-ASSERT", "")
{
    ExInitializeFastMutex(&M);
    StartMany(GiveJob, GIVERS);
    Join();
    for (LONG i = 0; i < WORKERS; i++) {
        JobsDone += Job[i] != 0;
    }
    Check(JobsDone == GIVERS);
}

/*
 * gc_request: a request starts if no collection runs, a collection if no request runs; each looks
 * before it says that it has started. 2 preemptions.
 */
static volatile LONG Requests, IsCollecting;

static void BeginRequest(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    if (!IsCollecting) {
        InterlockedIncrement(&Requests);
        Check(!IsCollecting);
        InterlockedDecrement(&Requests);
    }
}

static void Collect(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    if (Requests == 0) {
        IsCollecting = TRUE;
        IsCollecting = FALSE;
    }
}

RACE(gc_request, 2, "SYS-ASSERT", "")
{
    Start(BeginRequest, 0);
    Start(Collect, 0);
    Join();
}

/*
 * monitor_exit: a thread signals that a monitor is free before it has left it; the owner of the
 * monitor frees it at the signal. 1 preemption.
 */
struct monitor {
    KEVENT Freed;
    volatile LONG Entries;
};
static struct monitor *Monitor;

static void MonitorExit(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Set(&Monitor->Freed);
    Monitor->Entries--;
}

static void MonitorFree(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Wait(&Monitor->Freed);
    Free(Monitor);
}

RACE(monitor_exit, 1, "MEM-UAF KRN-089", "")
{
    Monitor = Allocate(sizeof *Monitor);
    if (Monitor != NULL) {
        KeInitializeEvent(&Monitor->Freed, NotificationEvent, FALSE);
        Monitor->Entries = 1;
        Start(MonitorExit, 0);
        Start(MonitorFree, 0);
        Join();
    }
}

/* thread_id: threads number themselves by reading and writing a counter: two are the same. 1. */
static volatile LONG NextId, IdIsUsed[4];

static void NumberThread(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    LONG Mine = NextId;
    NextId = Mine + 1;
    Check(InterlockedIncrement(&IdIsUsed[Mine]) == 1);
}

RACE(thread_id, 1, "SYS-ASSERT", "")
{
    StartMany(NumberThread, 3);
    Join();
}
