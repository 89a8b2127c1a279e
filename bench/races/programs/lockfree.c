/* SPDX-License-Identifier: MIT */
/*
 * Data structures without locks, each with a mistake that its inventors warned of. Most nodes are
 * numbered slots of an array: -1 is none.
 */
#include "race.h"

enum { NODES = 4, NONE = -1 };

static volatile LONG Top, Next[NODES], Owned[NODES];

static void Own(LONG Node)
{
    Check(InterlockedIncrement(&Owned[Node]) == 1);
}

static void Disown(LONG Node)
{
    Check(InterlockedDecrement(&Owned[Node]) == 0);
}

/* 0 on top of 1 on top of 2. */
static void Fill(void)
{
    for (LONG i = 0; i < 3; i++) {
        Next[i] = i < 2 ? i + 1 : NONE;
    }
}

static LONG Pop(void)
{
    for (;;) {
        LONG Node = Top;
        if (Node == NONE) {
            return NONE;
        }
        LONG After = Next[Node];
        if (InterlockedCompareExchange(&Top, After, Node) == Node) {
            Own(Node);
            return Node;
        }
    }
}

static void Push(LONG Node)
{
    Disown(Node);
    for (;;) {
        LONG Old = Top;
        Next[Node] = Old;
        if (InterlockedCompareExchange(&Top, Node, Old) == Old) {
            return;
        }
    }
}

/*
 * treiber_aba: one pops, and is preempted between reading the second node and the swap; the other
 * pops two and pushes the first back: the swap succeeds and puts a node that is owned on top. 1
 * preemption.
 */
static void PopTwice(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Pop();
    Pop();
}

static void PopTwoPushOne(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    LONG First = Pop();
    LONG Second = Pop();
    if (First != NONE && Second != NONE) {
        Push(First);
    }
}

RACE(treiber_aba, 1, "SYS-ASSERT", "")
{
    Fill();
    Start(PopTwice, 0);
    Start(PopTwoPushOne, 0);
    Join();
}

/* treiber_push: reads the top, then stores the new one; another push in between is lost. 1. */
static void BlindPush(LONG Node)
{
    Next[Node] = Top;
    Top = Node;
}

RACE(treiber_push, 1, "SYS-ASSERT", "")
{
    LONG Count = 0;
    Top = NONE;
    StartMany(BlindPush, 2);
    Join();
    for (LONG Node = Top; Node != NONE; Node = Next[Node]) {
        Count++;
    }
    Check(Count == 2);
}

/* treiber_free: who pops frees the node, while another still reads where it points to. 1. */
struct node {
    struct node *volatile Next;
};
static struct node *volatile TopNode;

static void PopAndFree(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    for (;;) {
        struct node *Node = TopNode;
        if (Node == NULL) {
            return;
        }
        struct node *After = Node->Next;
        if (InterlockedCompareExchangePointer((PVOID volatile *)&TopNode, After, Node) == Node) {
            Free(Node);
            return;
        }
    }
}

RACE(treiber_free, 1, "MEM-UAF", "")
{
    for (LONG i = 0; i < 2; i++) {
        struct node *Node = Allocate(sizeof *Node);
        if (Node != NULL) {
            Node->Next = TopNode;
            TopNode = Node;
        }
    }
    StartMany(PopAndFree, 2);
    Join();
}

/*
 * safestack: a stack of indices that counts its nodes and never hands out the last one, so that no
 * node can come back unseen; so it was believed for years. Three threads that pop, write, and push,
 * with two rounds or more; at least five preemptions at the right places.
 */
enum { SAFE = 3, SAFE_ROUNDS = 2, SAFE_TRIES = 4 };
static volatile LONG SafeCount, SafeTop, SafeNext[SAFE], SafeValue[SAFE];

static LONG SafePop(void)
{
    while (SafeCount > 1) {
        LONG Node = SafeTop;
        LONG After = InterlockedExchange(&SafeNext[Node], NONE);
        if (After >= 0) {
            if (InterlockedCompareExchange(&SafeTop, After, Node) == Node) {
                InterlockedDecrement(&SafeCount);
                return Node;
            }
            InterlockedExchange(&SafeNext[Node], After);
        }
        YieldProcessor();
    }
    return NONE;
}

static void SafePush(LONG Node)
{
    LONG Old;
    do {
        Old = SafeTop;
        SafeNext[Node] = Old;
    } while (InterlockedCompareExchange(&SafeTop, Node, Old) != Old);
    InterlockedIncrement(&SafeCount);
}

static void SafeWork(LONG Me)
{
    for (LONG Round = 0; Round < SAFE_ROUNDS; Round++) {
        LONG Node = NONE;
        for (LONG i = 0; i < SAFE_TRIES && Node == NONE; i++) {
            Node = SafePop();
        }
        if (Node != NONE) {
            SafeValue[Node] = Me;
            Check(SafeValue[Node] == Me);
            SafePush(Node);
        }
    }
}

static void SafeFill(void)
{
    SafeCount = SAFE;
    for (LONG i = 0; i < SAFE; i++) {
        SafeNext[i] = i + 1 < SAFE ? i + 1 : NONE;
    }
}

RACE(safestack, 5, "SYS-ASSERT", "SafeStack")
{
    SafeFill();
    StartMany(SafeWork, 3);
    Join();
}

/*
 * ms_queue: the tail of a linked queue is moved by a plain write instead of a swap: it can move
 * backwards over a node that was added meanwhile, which is lost. 1 preemption.
 */
static volatile LONG Last;

static void Enqueue(LONG Node)
{
    Node++; /* node 0 is the dummy */
    Next[Node] = NONE;
    for (;;) {
        LONG Old = Last;
        if (InterlockedCompareExchange(&Next[Old], Node, NONE) == NONE) {
            Last = Node;
            return;
        }
        YieldProcessor();
    }
}

static void EnqueueBlind(LONG Node)
{
    LONG Old = Last;
    Node++;
    Next[Node] = NONE;
    Next[Old] = Node;
    Last = Node;
}

RACE(ms_queue, 1, "SYS-ASSERT", "")
{
    LONG Count = 0;
    Next[0] = NONE;
    Start(Enqueue, 0);
    Start(EnqueueBlind, 1);
    Start(Enqueue, 2);
    Join();
    for (LONG Node = Next[0]; Node != NONE; Node = Next[Node]) {
        Count++;
    }
    Check(Count == 3);
}

/* spsc_ring: the writer publishes the index before the value. 1 preemption. */
static volatile LONG Written, Ring[NODES];

static void RingWrite(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    for (LONG i = 0; i < NODES; i++) {
        Written = i + 1;
        Ring[i] = i + 1;
    }
}

static void RingRead(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    LONG Count = Written;
    if (Count > 0) {
        Check(Ring[Count - 1] == Count);
    }
}

RACE(spsc_ring, 1, "SYS-ASSERT", "")
{
    Start(RingWrite, 0);
    Start(RingRead, 0);
    Join();
}

/* mpsc_ring: two writers take the same place: the index is read, then moved. 1 preemption. */
static void RingAdd(LONG Argument)
{
    LONG At = Written;
    Ring[At] = Argument + 1;
    Written = At + 1;
}

RACE(mpsc_ring, 1, "SYS-ASSERT", "")
{
    StartMany(RingAdd, 3);
    Join();
    Check(Written == 3);
}

/*
 * seqlock: the reader takes two equal numbers for a clean copy, also when they are odd, that is
 * while the writer writes. 1 preemption.
 */
static volatile LONG Sequence, Half[2];

static void SeqWrite(LONG Value)
{
    Sequence = Sequence + 1;
    Half[0] = Value;
    Half[1] = Value;
    Sequence = Sequence + 1;
}

static void SeqRead(LONG Argument)
{
    LONG Before, First, Second;
    UNREFERENCED_PARAMETER(Argument);
    do {
        Before = Sequence;
        First = Half[0];
        Second = Half[1];
    } while (Sequence != Before);
    Check(First == Second);
}

RACE(seqlock, 1, "SYS-ASSERT", "")
{
    Start(SeqWrite, 7);
    Start(SeqRead, 0);
    Join();
}

/*
 * seqlock_writers: the reader is right, but two writers share the sequence without a lock: both
 * make it even while one still writes. 1 preemption, if the reader yields at the right place.
 */
static void SeqReadEven(LONG Argument)
{
    LONG Before, First, Second;
    UNREFERENCED_PARAMETER(Argument);
    for (LONG i = 0; i < NODES; i++) {
        Before = Sequence;
        First = Half[0];
        Second = Half[1];
        if ((Before & 1) == 0 && Sequence == Before) {
            Check(First == Second);
            return;
        }
        YieldProcessor();
    }
}

RACE(seqlock_writers, 1, "SYS-ASSERT", "")
{
    Start(SeqReadEven, 0);
    Start(SeqWrite, 7);
    Start(SeqWrite, 8);
    Join();
}

/*
 * hazard: the reader announces the pointer it has read, and does not look again whether it is still
 * the current one. 1 preemption between reading and announcing.
 */
static LONG *volatile Current, *volatile Hazard;

static void HazardRead(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    LONG *Mine = Current;
    Hazard = Mine;
    Check(*Mine == 1);
    Hazard = NULL;
}

static void HazardReplace(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    LONG *New = Allocate(sizeof(LONG)), *Old;
    if (New == NULL) {
        return;
    }
    *New = 1;
    Old = Current;
    Current = New;
    while (Hazard == Old) {
        YieldProcessor();
    }
    Free(Old);
}

RACE(hazard, 1, "MEM-UAF", "")
{
    LONG *First = Allocate(sizeof(LONG));
    if (First != NULL) {
        *First = 1;
        Current = First;
        Start(HazardRead, 0);
        Start(HazardReplace, 0);
        Join();
        Free(Current);
    }
}

/*
 * rcu_flip: readers count themselves in one of two epochs; the updater flips the epoch once and
 * waits for the readers of the old one. A reader that has read the epoch and not yet counted itself
 * is missed, and reads under a count that the next update does not wait for. 3 preemptions.
 */
static volatile LONG Epoch, ReadersIn[2];

static void RcuRead(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    LONG Mine = Epoch;
    InterlockedIncrement(&ReadersIn[Mine]);
    LONG *Seen = Current;
    Check(*Seen == 1);
    InterlockedDecrement(&ReadersIn[Mine]);
}

static void RcuUpdate(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    for (LONG i = 0; i < 2; i++) {
        LONG *New = Allocate(sizeof(LONG)), *Old = Current;
        if (New == NULL) {
            return;
        }
        *New = 1;
        Current = New;
        LONG Before = Epoch;
        Epoch = 1 - Before;
        while (ReadersIn[Before] != 0) {
            YieldProcessor();
        }
        Free(Old);
    }
}

RACE(rcu_flip, 3, "MEM-UAF", "")
{
    LONG *First = Allocate(sizeof(LONG));
    if (First != NULL) {
        *First = 1;
        Current = First;
        Start(RcuRead, 0);
        Start(RcuUpdate, 0);
        Join();
        Free(Current);
    }
}

/* bitmap: finds a free bit, then sets it. Two owners of one bit. 1 preemption. */
static volatile LONG Bits;
static LONG BitOf[3];

static void BitTake(LONG Me)
{
    LONG Seen = Bits, Bit = 0;
    while ((Seen >> Bit & 1) != 0) {
        Bit++;
    }
    Bits = Bits | 1 << Bit;
    BitOf[Me] = Bit;
}

RACE(bitmap, 1, "SYS-ASSERT", "")
{
    StartMany(BitTake, 3);
    Join();
    Check(BitOf[0] != BitOf[1] && BitOf[1] != BitOf[2] && BitOf[0] != BitOf[2]);
}

/* torn: a counter of 64 bits is read in two halves while it carries over. 1 preemption. */
static union {
    volatile LONG64 Whole;
    volatile LONG Part[2];
} Counter = {.Whole = 0xFFFFFFFF};

static void TornRead(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    LONG64 High = Counter.Part[1];
    LONG64 Low = (ULONG)Counter.Part[0];
    LONG64 Seen = High << 32 | Low;
    Check(Seen == 0xFFFFFFFF || Seen == 0x100000000);
}

static void TornAdd(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Counter.Whole = Counter.Whole + 1;
}

RACE(torn, 1, "SYS-ASSERT", "")
{
    Start(TornRead, 0);
    Start(TornAdd, 0);
    Join();
}
