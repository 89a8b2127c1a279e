/* SPDX-License-Identifier: MIT */
/* EXPECT: KRN-113. A spin lock is acquired by a processor that holds it. */
#include "verdict.h"

static KSPIN_LOCK Lock;

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    KIRQL Outer;
    UNREFERENCED_PARAMETER(Driver);
    KeInitializeSpinLock(&Lock);
    KeAcquireSpinLock(&Lock, &Outer);
#ifndef FIXED
    KIRQL Inner;
    KeAcquireSpinLock(&Lock, &Inner);
    KeReleaseSpinLock(&Lock, Inner);
#endif
    KeReleaseSpinLock(&Lock, Outer);
    return STATUS_SUCCESS;
}

static void End(void)
{
}
