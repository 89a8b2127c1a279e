/* SPDX-License-Identifier: MIT */
/*
 * Families that grow: the number of threads is the parameter, the race stays the same. Classic
 * strategies die here as N grows, because the one thread that can see the mistake has to come in
 * between two accesses of the very first of its N - 1 siblings.
 */
#include "race.h"

/*
 * reorder_N: N - 1 threads set A, then B; one checks that it sees both or none. It fails if it runs
 * after the first A and before any B: the first setter is preempted between its two writes, and the
 * checker has to be the next one and to come to its end. 1 preemption.
 */
static volatile LONG A, B;

static void Setter(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    A = 1;
    B = -1;
}

static void Checker(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Check((A == 0 && B == 0) || (A == 1 && B == -1));
}

static void Reorder(LONG Threads)
{
    StartMany(Setter, Threads - 1);
    Start(Checker, 0);
    Join();
}

RACE(reorder_3, 1, "SYS-ASSERT", "CS/reorder_3") { Reorder(3); }
RACE(reorder_4, 1, "SYS-ASSERT", "CS/reorder_4") { Reorder(4); }
RACE(reorder_5, 1, "SYS-ASSERT", "CS/reorder_5") { Reorder(5); }
RACE(reorder_10, 1, "SYS-ASSERT", "CS/reorder_10") { Reorder(10); }
RACE(reorder_20, 1, "SYS-ASSERT", "CS/reorder_20") { Reorder(20); }
RACE(reorder_50, 1, "SYS-ASSERT", "CS/reorder_50") { Reorder(50); }
RACE(reorder_100, 1, "SYS-ASSERT", "CS/reorder_100") { Reorder(100); }

/*
 * twostage_N: N - 1 threads write First under one lock, then Second = First + 1 under another; one
 * reads them under the same two locks. It fails if it reads First after the first stage of one
 * writer, and Second before the second stage of any. 1 preemption.
 */
static FAST_MUTEX FirstLock, SecondLock;
static volatile LONG First, Second;

static void Stage(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&FirstLock);
    First = 1;
    Unlock(&FirstLock);
    Lock(&SecondLock);
    Second = First + 1;
    Unlock(&SecondLock);
}

static void Reader(LONG Argument)
{
    LONG SeenFirst, SeenSecond;
    UNREFERENCED_PARAMETER(Argument);
    Lock(&FirstLock);
    SeenFirst = First;
    Unlock(&FirstLock);
    if (SeenFirst != 0) {
        Lock(&SecondLock);
        SeenSecond = Second;
        Unlock(&SecondLock);
        Check(SeenSecond == SeenFirst + 1);
    }
}

static void TwoStage(LONG Threads)
{
    ExInitializeFastMutex(&FirstLock);
    ExInitializeFastMutex(&SecondLock);
    StartMany(Stage, Threads - 1);
    Start(Reader, 0);
    Join();
}

RACE(twostage, 1, "SYS-ASSERT", "CS/twostage") { TwoStage(2); }
RACE(twostage_5, 1, "SYS-ASSERT", "") { TwoStage(5); }
RACE(twostage_10, 1, "SYS-ASSERT", "") { TwoStage(10); }
RACE(twostage_20, 1, "SYS-ASSERT", "CS/twostage_20") { TwoStage(20); }
RACE(twostage_50, 1, "SYS-ASSERT", "CS/twostage_50") { TwoStage(50); }
RACE(twostage_100, 1, "SYS-ASSERT", "CS/twostage_100") { TwoStage(100); }

/*
 * wronglock_N: one thread increments a counter under its lock and expects it to be one higher; N
 * others increment it under another lock. 1 preemption between the read and the check.
 */
static FAST_MUTEX DataLock, OtherLock;
static volatile LONG Data;

static void RightLock(LONG Argument)
{
    LONG Before;
    UNREFERENCED_PARAMETER(Argument);
    Lock(&DataLock);
    Before = Data;
    Data++;
    Check(Data == Before + 1);
    Unlock(&DataLock);
}

static void WrongLock(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Lock(&OtherLock);
    Data++;
    Unlock(&OtherLock);
}

static void Wrong(LONG Right, LONG Others)
{
    ExInitializeFastMutex(&DataLock);
    ExInitializeFastMutex(&OtherLock);
    StartMany(RightLock, Right);
    StartMany(WrongLock, Others);
    Join();
}

RACE(wronglock, 1, "SYS-ASSERT", "CS/wronglock") { Wrong(1, 7); }
RACE(wronglock_3, 1, "SYS-ASSERT", "CS/wronglock_3") { Wrong(1, 3); }

/*
 * philosophers_N: each takes its left fork, then its right one. All hold their left fork: a ring of
 * waits. 1 preemption, if the others come in the one order in which each finds its right fork
 * taken; in the order of creation all but the last have to be preempted, N - 1 times.
 */
enum { SEATS_MAX = 7 };
static FAST_MUTEX Fork[SEATS_MAX];
static LONG Seats;

static void Philosopher(LONG Seat)
{
    Lock(&Fork[Seat]);
    Lock(&Fork[(Seat + 1) % Seats]);
    Unlock(&Fork[(Seat + 1) % Seats]);
    Unlock(&Fork[Seat]);
}

static void Dine(LONG Count)
{
    Seats = Count;
    for (LONG i = 0; i < Count; i++) {
        ExInitializeFastMutex(&Fork[i]);
    }
    StartMany(Philosopher, Count);
    Join();
}

RACE(philosophers_2, 1, "KRN-121", "") { Dine(2); }
RACE(philosophers_3, 1, "KRN-121", "") { Dine(3); }
RACE(philosophers_5, 1, "KRN-121", "") { Dine(5); }
RACE(philosophers_7, 1, "KRN-121", "") { Dine(7); }

/*
 * fibonacci_N: two threads add each other's variable to their own, N times each. The largest
 * value needs every addition to follow one of the other thread, and none to be torn: 2 N - 2
 * preemptions, each at one place. The program asserts that nobody can be so unlucky.
 */
static volatile LONG I, J;
static LONG Rounds;

static void AddToI(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    for (LONG k = 0; k < Rounds; k++) {
        I += J;
    }
}

static void AddToJ(LONG Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    for (LONG k = 0; k < Rounds; k++) {
        J += I;
    }
}

static void Fibonacci(LONG Times, LONG Largest)
{
    I = J = 1;
    Rounds = Times;
    Start(AddToI, 0);
    Start(AddToJ, 0);
    Join();
    Check(I < Largest && J < Largest);
}

RACE(fibonacci_2, 2, "SYS-ASSERT", "") { Fibonacci(2, 8); }
RACE(fibonacci_3, 4, "SYS-ASSERT", "") { Fibonacci(3, 21); }
