/* SPDX-License-Identifier: MIT */
/*
 * Algorithms of mutual exclusion, each with the one mistake that textbooks warn of. Waiting is a
 * loop with YieldProcessor. Who enters counts itself; two inside is the failure.
 */
#include "race.h"

static volatile LONG Inside;

static void Enter(void)
{
    Check(InterlockedIncrement(&Inside) == 1);
}

static void Leave(void)
{
    InterlockedDecrement(&Inside);
}

/*
 * spin_flag: tests the flag, then sets it. The first is preempted between the two, the second
 * inside. 2 preemptions.
 */
static volatile LONG Flag[4];

static void SpinFlag(LONG Me)
{
    UNREFERENCED_PARAMETER(Me);
    while (Flag[0]) {
        YieldProcessor();
    }
    Flag[0] = 1;
    Enter();
    Leave();
    Flag[0] = 0;
}

RACE(spin_flag, 2, "SYS-ASSERT", "")
{
    StartMany(SpinFlag, 2);
    Join();
}

/* dekker: looks at the other's flag before it raises its own. 2 preemptions. */
static volatile LONG Turn;

static void Dekker(LONG Me)
{
    LONG Other = 1 - Me;
    while (Flag[Other]) {
        if (Turn == Other) {
            while (Turn == Other) {
                YieldProcessor();
            }
        }
        YieldProcessor();
    }
    Flag[Me] = 1;
    Enter();
    Leave();
    Turn = Other;
    Flag[Me] = 0;
}

RACE(dekker, 2, "SYS-ASSERT", "")
{
    StartMany(Dekker, 2);
    Join();
}

/* peterson: gives the turn away before it raises its flag. 2 preemptions. */
static void Peterson(LONG Me)
{
    LONG Other = 1 - Me;
    Turn = Other;
    Flag[Me] = 1;
    while (Flag[Other] && Turn == Other) {
        YieldProcessor();
    }
    Enter();
    Leave();
    Flag[Me] = 0;
}

RACE(peterson, 2, "SYS-ASSERT", "")
{
    StartMany(Peterson, 2);
    Join();
}

/*
 * szymanski: the doors are right, but who has passed the second does not wait for those with lower
 * numbers: two inside, or one that waits for ever for a door that nobody passes any more. 2
 * preemptions.
 */
static BOOLEAN IsAnyone(LONG From, LONG To)
{
    for (LONG i = 0; i < 2; i++) {
        LONG Value = Flag[i];
        if (Value >= From && Value <= To) {
            return TRUE;
        }
    }
    return FALSE;
}

static void Szymanski(LONG Me)
{
    Flag[Me] = 1;
    while (IsAnyone(3, 4)) {
        YieldProcessor();
    }
    Flag[Me] = 3;
    if (IsAnyone(1, 1)) {
        Flag[Me] = 2;
        while (!IsAnyone(4, 4)) {
            YieldProcessor();
        }
    }
    Flag[Me] = 4;
    Enter();
    Leave();
    Flag[Me] = 0;
}

RACE(szymanski, 2, "SYS-ASSERT SYS-LIVELOCK", "")
{
    StartMany(Szymanski, 2);
    Join();
}

/*
 * lamport: the fast mutex, whose slow path forgets to wait until the others have made up their
 * minds. 3 preemptions.
 */
static volatile LONG FastX, FastY;

static void Lamport(LONG Me)
{
    for (;;) {
        FastX = Me + 1;
        if (FastY != 0) {
            while (FastY != 0) {
                YieldProcessor();
            }
            continue;
        }
        FastY = Me + 1;
        if (FastX == Me + 1 || FastY == Me + 1) {
            break;
        }
        while (FastY != 0) {
            YieldProcessor();
        }
    }
    Enter();
    Leave();
    FastY = 0;
}

RACE(lamport, 3, "SYS-ASSERT", "")
{
    StartMany(Lamport, 2);
    Join();
}

/* bakery: draws a number without saying that it is about to. 2 preemptions. */
static volatile LONG Number[3];

static void Bakery(LONG Me)
{
    LONG Highest = 0;
    for (LONG i = 0; i < 2; i++) {
        LONG Other = Number[i];
        Highest = Other > Highest ? Other : Highest;
    }
    Number[Me] = Highest + 1;
    for (LONG i = 0; i < 2; i++) {
        while (i != Me && Number[i] != 0 &&
               (Number[i] < Number[Me] || (Number[i] == Number[Me] && i < Me))) {
            YieldProcessor();
        }
    }
    Enter();
    Leave();
    Number[Me] = 0;
}

RACE(bakery, 2, "SYS-ASSERT", "")
{
    StartMany(Bakery, 2);
    Join();
}

/* ticket: takes a ticket by reading and writing instead of adding. 2 preemptions. */
static volatile LONG NextTicket, NowServing;

static void Ticket(LONG Me)
{
    LONG Mine = NextTicket;
    UNREFERENCED_PARAMETER(Me);
    NextTicket = Mine + 1;
    while (NowServing < Mine) {
        YieldProcessor();
    }
    Enter();
    Leave();
    NowServing = NowServing + 1;
}

RACE(ticket, 2, "SYS-ASSERT", "")
{
    StartMany(Ticket, 2);
    Join();
}

/*
 * readers_writer: readers are counted; the writer waits until there is none, and then takes the
 * lock that keeps new ones out, in that order. 2 preemptions.
 */
static volatile LONG Readers, IsWriting;

static void ReadSide(LONG Me)
{
    UNREFERENCED_PARAMETER(Me);
    while (IsWriting) {
        YieldProcessor();
    }
    InterlockedIncrement(&Readers);
    Check(Inside == 0);
    InterlockedDecrement(&Readers);
}

static void WriteSide(LONG Me)
{
    UNREFERENCED_PARAMETER(Me);
    while (Readers != 0) {
        YieldProcessor();
    }
    IsWriting = 1;
    Enter();
    Leave();
    IsWriting = 0;
}

RACE(readers_writer, 2, "SYS-ASSERT", "")
{
    Start(ReadSide, 0);
    Start(WriteSide, 0);
    Start(ReadSide, 1);
    Join();
}

/*
 * barrier: the last to arrive opens the gate, the first to arrive of the next round closes it. One
 * who has arrived and does not wait yet finds it closed again, for ever. 1 preemption.
 */
static volatile LONG Arrived;
static KEVENT Gate;
enum { AT_BARRIER = 2, ROUNDS = 2 };

static void Barrier(void)
{
    LONG Nth = InterlockedIncrement(&Arrived);
    if (Nth == AT_BARRIER) {
        Arrived = 0;
        Set(&Gate);
        return;
    }
    KeClearEvent(&Gate);
    Wait(&Gate);
}

static void BarrierWork(LONG Me)
{
    UNREFERENCED_PARAMETER(Me);
    for (LONG i = 0; i < ROUNDS; i++) {
        Barrier();
    }
}

RACE(barrier, 1, "SYS-DEADLOCK SYS-LOST-WAKEUP KRN-102", "")
{
    KeInitializeEvent(&Gate, NotificationEvent, FALSE);
    StartMany(BarrierWork, AT_BARRIER);
    Join();
}
