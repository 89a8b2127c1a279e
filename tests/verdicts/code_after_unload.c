/* SPDX-License-Identifier: MIT */
/*
 * EXPECT: KRN-162|KRN-283|SYS-UNLOADED-CODE|KRN-161. A periodic timer still runs when the driver
 * goes.
 */
#include "verdict.h"

static KTIMER Timer;
static KDPC Dpc;
static KDEFERRED_ROUTINE Routine;
static volatile LONG Count;

static void Routine(PKDPC Self, PVOID Context, PVOID First, PVOID Second)
{
    UNREFERENCED_PARAMETER(Self);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Second);
    InterlockedIncrement(&Count);
}

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    LARGE_INTEGER Due;
    UNREFERENCED_PARAMETER(Driver);
    Due.QuadPart = -10000;
    KeInitializeDpc(&Dpc, Routine, NULL);
    KeInitializeTimerEx(&Timer, SynchronizationTimer);
    KeSetTimerEx(&Timer, Due, 10, &Dpc);
    return STATUS_SUCCESS;
}

static void End(void)
{
#ifdef FIXED
    KeCancelTimer(&Timer);
    KeFlushQueuedDpcs();
#endif
}
