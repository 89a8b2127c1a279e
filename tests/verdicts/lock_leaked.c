/* SPDX-License-Identifier: MIT */
/* EXPECT: KRN-115|KRN-054. A DPC returns with a spin lock held. */
#include "verdict.h"

static KSPIN_LOCK Lock;
static KDPC Dpc;
static KDEFERRED_ROUTINE Routine;

static void Routine(PKDPC Self, PVOID Context, PVOID First, PVOID Second)
{
    UNREFERENCED_PARAMETER(Self);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(First);
    UNREFERENCED_PARAMETER(Second);
    KeAcquireSpinLockAtDpcLevel(&Lock);
#ifdef FIXED
    KeReleaseSpinLockFromDpcLevel(&Lock);
#endif
}

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    KeInitializeSpinLock(&Lock);
    KeInitializeDpc(&Dpc, Routine, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    return STATUS_SUCCESS;
}

static void End(void)
{
    KeFlushQueuedDpcs();
}
