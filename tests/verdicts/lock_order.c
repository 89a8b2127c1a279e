/* SPDX-License-Identifier: MIT */
/* EXPECT: KRN-121. Two threads take two spin locks in opposite order and meet. */
#include "verdict.h"

static KSPIN_LOCK First, Second;
static PVOID Thread[2];
static KSTART_ROUTINE Forward, Backward;

static void TakeBoth(PKSPIN_LOCK Outer, PKSPIN_LOCK Inner)
{
    KIRQL Old;
    KeAcquireSpinLock(Outer, &Old);
    KeAcquireSpinLockAtDpcLevel(Inner);
    KeReleaseSpinLockFromDpcLevel(Inner);
    KeReleaseSpinLock(Outer, Old);
}

static void Forward(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    TakeBoth(&First, &Second);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void Backward(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
#ifdef FIXED
    TakeBoth(&First, &Second);
#else
    TakeBoth(&Second, &First);
#endif
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    KeInitializeSpinLock(&First);
    KeInitializeSpinLock(&Second);
    Thread[0] = StartThread(Forward, NULL);
    Thread[1] = StartThread(Backward, NULL);
    return STATUS_SUCCESS;
}

static void End(void)
{
    JoinThread(Thread[0]);
    JoinThread(Thread[1]);
}
