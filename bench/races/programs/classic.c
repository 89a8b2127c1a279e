/* SPDX-License-Identifier: MIT */
/*
 * The small programs that concurrency papers have been measured by for twenty years: an account, a
 * buffer, a ring of tokens, two locks. Restated with fast mutexes and events of the kernel.
 */
#include "race.h"

static FAST_MUTEX M, L;

/*
 * account: a check of the balance expects deposit and withdrawal to have happened as it imagines,
 * and has the sum wrong. It fails if it runs after both. 0 preemptions: it starts last.
 */
static volatile LONG Balance, Deposited, Withdrawn;

static void AccountCheck(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&M);
    if (Deposited && Withdrawn) {
        Check(Balance == (1 - 2) - 4);
    }
    Unlock(&M);
}

static void AccountDeposit(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&M);
    Balance = Balance + 2;
    Deposited = 1;
    Unlock(&M);
}

static void AccountWithdraw(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&M);
    Balance = Balance - 4;
    Withdrawn = 1;
    Unlock(&M);
}

RACE(account, 0, "SYS-ASSERT", "CS/account")
{
    ExInitializeFastMutex(&M);
    Balance = 1;
    Start(AccountCheck, 0);
    Start(AccountDeposit, 0);
    Start(AccountWithdraw, 0);
    Join();
}

/* arithmetic: who sums up does not wait for who counts, and finds a sum it did not expect. */
static KEVENT Empty, Full;
static volatile LONG Sum, IsSummed, Slot;
enum { ARITHMETIC_ROUNDS = 3 };

static void ArithmeticProduce(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    for (LONG i = 1; i <= ARITHMETIC_ROUNDS; i++) {
        Wait(&Empty);
        Slot = i;
        Set(&Full);
    }
}

static void ArithmeticConsume(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    for (LONG i = 1; i <= ARITHMETIC_ROUNDS; i++) {
        Wait(&Full);
        Sum += Slot;
        Set(&Empty);
    }
    IsSummed = 1;
}

/* 1 preemption: the thread that looks is left between starting the others and looking. */
RACE(arithmetic, 1, "SYS-ASSERT", "")
{
    LONG Summed;
    KeInitializeEvent(&Empty, SynchronizationEvent, TRUE);
    KeInitializeEvent(&Full, SynchronizationEvent, FALSE);
    Start(ArithmeticProduce, 0);
    Start(ArithmeticConsume, 0);
    Summed = IsSummed;
    Join();
    Check(!Summed);
}

/*
 * carter01: two groups share a lock that the first of a group takes and the last gives back, both
 * under the lock of the counts. The second group waits for it with the counts locked: a ring. 1
 * preemption between the two halves.
 */
static void Carter(LONG Group)
{
    static volatile LONG Inside[2];
    Lock(&M);
    Inside[Group]++;
    if (Inside[Group] == 1) {
        Lock(&L);
    }
    Unlock(&M);
    Lock(&M);
    Inside[Group]--;
    if (Inside[Group] == 0) {
        Unlock(&L);
    }
    Unlock(&M);
}

RACE(carter01, 1, "KRN-121", "CS/carter01")
{
    ExInitializeFastMutex(&M);
    ExInitializeFastMutex(&L);
    StartMany(Carter, 2);
    Join();
}

/*
 * circular_buffer: sender and receiver take turns by two flags; the receiver counts its own rounds
 * also when there was nothing to receive. 1 preemption puts them out of step.
 */
enum { BUFFER_ROUNDS = 7 };
static volatile LONG Ring[BUFFER_ROUNDS + 1], RingFirst, RingNext, MaySend = TRUE, MayReceive;

static void BufferSend(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    for (LONG i = 0; i < BUFFER_ROUNDS; i++) {
        Lock(&M);
        if (MaySend) {
            Ring[RingNext++] = i;
            MaySend = FALSE;
            MayReceive = TRUE;
        }
        Unlock(&M);
    }
}

static void BufferReceive(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    for (LONG i = 0; i < BUFFER_ROUNDS; i++) {
        Lock(&M);
        if (MayReceive) {
            Check(Ring[RingFirst++] == i);
            MayReceive = FALSE;
            MaySend = TRUE;
        }
        Unlock(&M);
    }
}

RACE(circular_buffer, 1, "SYS-ASSERT", "CS/circular_buffer")
{
    ExInitializeFastMutex(&M);
    Start(BufferSend, 0);
    Start(BufferReceive, 0);
    Join();
}

/* queue: the same with a queue whose reader compares with what was written at the same index. */
enum { QUEUE_SIZE = 10 };
static volatile LONG Queue[QUEUE_SIZE + 1], Stored[QUEUE_SIZE + 1], QueueHead, QueueTail;

static void QueueWrite(LONG Argument)
{
    LONG Value = 0;
    UNREFERENCED_PARAMETER(Argument);
    for (LONG i = 0; i < QUEUE_SIZE; i++) {
        Lock(&M);
        if (MaySend) {
            Value++;
            Queue[QueueTail++] = Value;
            Stored[i] = Value;
            MaySend = FALSE;
            MayReceive = TRUE;
        }
        Unlock(&M);
    }
}

static void QueueRead(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    for (LONG i = 0; i < QUEUE_SIZE; i++) {
        Lock(&M);
        if (MayReceive) {
            Check(Queue[QueueHead++] == Stored[i]);
            MayReceive = FALSE;
            MaySend = TRUE;
        }
        Unlock(&M);
    }
}

RACE(queue, 1, "SYS-ASSERT", "CS/queue")
{
    ExInitializeFastMutex(&M);
    Start(QueueWrite, 0);
    Start(QueueRead, 0);
    Join();
}

/* stack: once something was pushed the popper believes there is something. 1 preemption. */
enum { STACK_SIZE = 5 };
static volatile LONG Stack[STACK_SIZE], StackTop, WasPushed;

static void StackPush(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    for (LONG i = 0; i < STACK_SIZE; i++) {
        Lock(&M);
        Stack[StackTop++] = i;
        WasPushed = TRUE;
        Unlock(&M);
    }
}

static void StackPop(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    for (LONG i = 0; i < STACK_SIZE; i++) {
        Lock(&M);
        if (WasPushed) {
            Check(StackTop > 0);
            StackTop--;
        }
        Unlock(&M);
    }
}

RACE(stack, 1, "SYS-ASSERT", "CS/stack")
{
    ExInitializeFastMutex(&M);
    Start(StackPush, 0);
    Start(StackPop, 0);
    Join();
}

/* deadlock01: two locks in opposite order. 1 preemption between them. */
static void Forward(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&M);
    Lock(&L);
    Unlock(&L);
    Unlock(&M);
}

static void Backward(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&L);
    Lock(&M);
    Unlock(&M);
    Unlock(&L);
}

RACE(deadlock01, 1, "KRN-121", "CS/deadlock01")
{
    ExInitializeFastMutex(&M);
    ExInitializeFastMutex(&L);
    Start(Forward, 0);
    Start(Backward, 0);
    Join();
}

/* lazy01: a sum must not be complete when it is looked at. 0 preemptions: who looks is last. */
static volatile LONG LazyData;

static void LazyLook(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&M);
    Check(LazyData < 3);
    Unlock(&M);
}

static void LazyAdd(LONG Amount)
{
    Lock(&M);
    LazyData += Amount;
    Unlock(&M);
}

RACE(lazy01, 0, "SYS-ASSERT", "CS/lazy01")
{
    ExInitializeFastMutex(&M);
    Start(LazyLook, 0);
    Start(LazyAdd, 1);
    Start(LazyAdd, 2);
    Join();
}

/*
 * phase01: a worker locks in the first phase and unlocks in the first phase, but looks twice what
 * phase it is. 1 preemption while it works: it ends with the lock held.
 */
static volatile LONG Phase;

static void PhaseWork(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    if (Phase == 0) {
        Lock(&M);
        LazyData++;
        if (Phase == 0) {
            Unlock(&M);
        }
    }
}

static void PhaseAdvance(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Phase = 1;
}

RACE(phase01, 1, "KRN-256", "")
{
    ExInitializeFastMutex(&M);
    Start(PhaseWork, 0);
    Start(PhaseAdvance, 0);
    Join();
}

/*
 * sync01: a condition without memory. The consumer looks under the lock, gives it back, and then
 * waits for a pulse that may have come in between. 1 preemption.
 */
static volatile LONG Items;

static void SyncConsume(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&M);
    while (Items == 0) {
        Unlock(&M);
        Wait(&Full);
        Lock(&M);
    }
    Items--;
    Unlock(&M);
}

static void SyncProduce(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&M);
    Items++;
    Unlock(&M);
    KePulseEvent(&Full, IO_NO_INCREMENT, FALSE);
}

RACE(sync01, 1, "SYS-DEADLOCK SYS-LOST-WAKEUP KRN-102", "")
{
    ExInitializeFastMutex(&M);
    KeInitializeEvent(&Full, NotificationEvent, FALSE);
    Start(SyncConsume, 0);
    Start(SyncProduce, 0);
    Join();
}

/*
 * sync02: one event for "not full" and "not empty". A signal that was meant for the consumer wakes
 * the other producer, which swallows it. 0 preemptions: the order in which they start and wake.
 */
static KEVENT Changed;

static void SharedProduce(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&M);
    while (Items > 0) {
        Unlock(&M);
        Wait(&Changed);
        Lock(&M);
    }
    Items++;
    Unlock(&M);
    Set(&Changed);
}

static void SharedConsume(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    for (LONG i = 0; i < 2; i++) {
        Lock(&M);
        while (Items == 0) {
            Unlock(&M);
            Wait(&Changed);
            Lock(&M);
        }
        Items--;
        Unlock(&M);
        Set(&Changed);
    }
}

RACE(sync02, 1, "SYS-DEADLOCK SYS-LOST-WAKEUP KRN-102", "")
{
    ExInitializeFastMutex(&M);
    KeInitializeEvent(&Changed, SynchronizationEvent, FALSE);
    Start(SharedConsume, 0);
    Start(SharedProduce, 0);
    Start(SharedProduce, 1);
    Join();
}

/*
 * token_ring: each of three copies its neighbour's value; a fourth expects that all are equal once
 * all have. True for one order of starting only. 0 preemptions.
 */
static volatile LONG X[3] = {1, 2, 1}, Copied[3];

static void TokenCopy(LONG Argument)
{
    Lock(&M);
    X[Argument] = Argument == 0 ? (X[2] + 1) % 4 : X[Argument - 1];
    Copied[Argument] = TRUE;
    Unlock(&M);
}

static void TokenLook(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&M);
    if (Copied[0] && Copied[1] && Copied[2]) {
        Check(X[0] == X[1] && X[1] == X[2]);
    }
    Unlock(&M);
}

RACE(token_ring, 0, "SYS-ASSERT", "CS/token_ring")
{
    ExInitializeFastMutex(&M);
    StartMany(TokenCopy, 3);
    Start(TokenLook, 0);
    Join();
}

/*
 * fsbench: each of five threads looks for a free block from its own place on and takes it without
 * holding the lock of the block while it looked. Two take the same block. 1 preemption.
 */
enum { BLOCKS = 6, FILES = 5 };
static volatile LONG Busy[BLOCKS];
static LONG BlockOf[FILES];

static void FileCreate(LONG File)
{
    for (LONG i = 0; i < BLOCKS; i++) {
        LONG Block = (File * 2 + i) % BLOCKS;
        if (!Busy[Block]) {
            Lock(&M);
            Busy[Block] = TRUE;
            Unlock(&M);
            BlockOf[File] = Block;
            return;
        }
    }
}

RACE(fsbench, 1, "SYS-ASSERT", "")
{
    ExInitializeFastMutex(&M);
    StartMany(FileCreate, FILES);
    Join();
    for (LONG i = 0; i < FILES; i++) {
        for (LONG k = 0; k < i; k++) {
            Check(BlockOf[i] != BlockOf[k]);
        }
    }
}

/*
 * indexer: threads put their messages into a table by open addressing, and test a slot before they
 * take it instead of doing both at once. One pair of messages collides. 1 preemption.
 */
enum { TABLE = 16, MESSAGES = 2, INDEXERS = 4 };
static volatile LONG Table[TABLE];

static void Indexer(LONG Argument)
{
    for (LONG i = 0; i < MESSAGES; i++) {
        LONG Message = Argument * MESSAGES + i + 1;
        LONG Hash = (Message * 5) % (TABLE - 1);
        Hash = Message == INDEXERS * MESSAGES ? 5 : Hash; /* collides with the first message */
        while (Table[Hash] != 0) {
            Hash = (Hash + 1) % TABLE;
        }
        Table[Hash] = Message;
    }
}

RACE(indexer, 1, "SYS-ASSERT", "")
{
    LONG Count = 0;
    StartMany(Indexer, INDEXERS);
    Join();
    for (LONG i = 0; i < TABLE; i++) {
        Count += Table[i] != 0;
    }
    Check(Count == INDEXERS * MESSAGES);
}
