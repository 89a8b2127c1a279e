/* SPDX-License-Identifier: MIT */
/*
 * Work-stealing queues: the owner puts and pops at the tail, thieves steal at the head. Each
 * variant has one of the mistakes that such queues are known for; an item that is taken twice, or
 * by nobody, is the failure.
 */
#include "race.h"

enum { ITEMS = 4, SLOTS = 4, NO_ITEM = -1 };

static volatile LONG Head, Tail, Slot[SLOTS];
static FAST_MUTEX QueueLock;
static volatile LONG Taken[ITEMS], TakenCount;

static void Take(LONG Item)
{
    if (Item != NO_ITEM) {
        Check(InterlockedIncrement(&Taken[Item]) == 1);
        InterlockedIncrement(&TakenCount);
    }
}

static void Put(LONG Item)
{
    LONG T = Tail;
    Slot[T % SLOTS] = Item;
    Tail = T + 1;
}

/* Owner: two items, one popped, two more, the rest popped; one thief tries twice. */
static LONG (*PopItem)(void);
static LONG (*StealItem)(void);

static void Owner(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Put(0);
    Put(1);
    Take(PopItem());
    Put(2);
    Put(3);
    for (LONG i = 0; i < 3; i++) {
        Take(PopItem());
    }
}

static void Thief(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    for (LONG i = 0; i < 2; i++) {
        Take(StealItem());
    }
}

static void Steal(LONG (*Pop)(void), LONG (*StealOne)(void))
{
    ExInitializeFastMutex(&QueueLock);
    PopItem = Pop;
    StealItem = StealOne;
    Start(Owner, 0);
    Start(Thief, 0);
    Join();
    for (LONG Item = Pop(); Item != NO_ITEM; Item = Pop()) {
        Take(Item);
    }
    Check(TakenCount == ITEMS);
}

/* ---- with a lock for the last item ---- */

static LONG LockedPop(void)
{
    LONG T = Tail - 1, Item = NO_ITEM;
    Tail = T;
    if (Head <= T) {
        return Slot[T % SLOTS];
    }
    Tail = T + 1;
    Lock(&QueueLock);
    T = Tail - 1;
    if (Head <= T) {
        Item = Slot[T % SLOTS];
        Tail = T;
    }
    Unlock(&QueueLock);
    return Item;
}

/*
 * wsq: the thief reads head and tail, takes the item, and moves the head last. The owner pops the
 * same item in between. 2 preemptions.
 */
static LONG StealMoveLast(void)
{
    LONG Item = NO_ITEM;
    Lock(&QueueLock);
    LONG H = Head;
    if (H < Tail) {
        Item = Slot[H % SLOTS];
        Head = H + 1;
    }
    Unlock(&QueueLock);
    return Item;
}

RACE(wsq, 2, "SYS-ASSERT", "Chess/WorkStealQueue") { Steal(LockedPop, StealMoveLast); }

/*
 * wsq_pop: the thief is right, but the owner looks at the head before it has moved the tail. 1
 * preemption.
 */
static LONG StealMoveFirst(void)
{
    LONG Item = NO_ITEM;
    Lock(&QueueLock);
    LONG H = Head;
    Head = H + 1;
    if (H < Tail) {
        Item = Slot[H % SLOTS];
    } else {
        Head = H;
    }
    Unlock(&QueueLock);
    return Item;
}

static LONG PopLookFirst(void)
{
    LONG T = Tail - 1;
    if (Head > T) {
        return NO_ITEM;
    }
    Tail = T;
    return Slot[T % SLOTS];
}

RACE(wsq_pop, 1, "SYS-ASSERT", "") { Steal(PopLookFirst, StealMoveFirst); }

/* ---- without a lock ---- */

/*
 * wsq_interlocked: both ends decide about the last item by a compare-and-swap of the head, except
 * that the owner believes that two are left when it has read the head too early. 1 preemption.
 */
static LONG SwapPop(void)
{
    LONG H = Head, T = Tail - 1, Item;
    if (H > T) {
        return NO_ITEM;
    }
    Tail = T;
    Item = Slot[T % SLOTS];
    if (H < T) {
        return Item;
    }
    if (InterlockedCompareExchange(&Head, H + 1, H) != H) {
        Item = NO_ITEM;
    }
    Tail = H + 1;
    return Item;
}

static LONG SwapSteal(void)
{
    LONG H = Head;
    if (H >= Tail) {
        return NO_ITEM;
    }
    LONG Item = Slot[H % SLOTS];
    return InterlockedCompareExchange(&Head, H + 1, H) == H ? Item : NO_ITEM;
}

RACE(wsq_interlocked, 1, "SYS-ASSERT", "Chess/InterlockedWorkStealQueue")
{
    Steal(SwapPop, SwapSteal);
}

/*
 * wsq_state: items have a state; who takes one tests that it is there and then marks it as gone. 1
 * preemption between the two.
 */
enum { ITEM_EMPTY, ITEM_READY };
static volatile LONG State[SLOTS];

static void StatePut(LONG Item)
{
    Slot[Item % SLOTS] = Item;
    State[Item % SLOTS] = ITEM_READY;
}

static LONG StateTake(LONG i)
{
    if (State[i] != ITEM_READY) {
        return NO_ITEM;
    }
    LONG Item = Slot[i];
    State[i] = ITEM_EMPTY;
    return Item;
}

static void StateOwner(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    for (LONG i = 0; i < ITEMS; i++) {
        StatePut(i);
    }
    for (LONG i = ITEMS - 1; i >= 0; i--) {
        Take(StateTake(i));
    }
}

static void StateThief(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    for (LONG i = 0; i < 2; i++) {
        Take(StateTake(i));
    }
}

RACE(wsq_state, 1, "SYS-ASSERT", "Chess/StateWorkStealQueue")
{
    Start(StateOwner, 0);
    Start(StateThief, 0);
    Join();
}

/*
 * wsq_state_aba: the state is taken by a compare-and-swap, but the item was read before it, and the
 * slot may have been emptied and filled again meanwhile. 2 preemptions.
 */
static LONG AbaTake(LONG i)
{
    LONG Item = Slot[i];
    return InterlockedCompareExchange(&State[i], ITEM_EMPTY, ITEM_READY) == ITEM_READY ? Item
                                                                                      : NO_ITEM;
}

static void AbaOwner(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    for (LONG i = 0; i < ITEMS; i++) {
        Slot[0] = i;
        State[0] = ITEM_READY;
        Take(AbaTake(0));
        while (State[0] != ITEM_EMPTY) {
            YieldProcessor();
        }
    }
}

static void AbaThief(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Take(AbaTake(0));
}

RACE(wsq_state_aba, 2, "SYS-ASSERT", "Chess/InterlockedWorkStealQueueWithState")
{
    Start(AbaOwner, 0);
    Start(AbaThief, 0);
    Join();
}

/*
 * wsq_grow: the owner replaces the array by a larger one and frees the old one, which a thief has
 * read the address of. 1 preemption.
 */
static LONG *volatile Array;
static volatile LONG ArraySize;

static void GrowOwner(LONG Argument)
{
    LONG *Old = Array, *New;
    UNREFERENCED_PARAMETER(Argument);
    New = Allocate(2 * SLOTS * sizeof(LONG));
    if (New == NULL) {
        return;
    }
    for (LONG i = 0; i < SLOTS; i++) {
        New[i] = Old[i];
    }
    Array = New;
    ArraySize = 2 * SLOTS;
    Free(Old);
}

static void GrowThief(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    LONG *From = Array;
    Check(From[0] == 0);
}

RACE(wsq_grow, 1, "MEM-UAF", "")
{
    Array = Allocate(SLOTS * sizeof(LONG));
    ArraySize = SLOTS;
    if (Array == NULL) {
        return;
    }
    RtlZeroMemory(Array, SLOTS * sizeof(LONG));
    Start(GrowThief, 0);
    Start(GrowOwner, 0);
    Join();
    Free(Array);
}
