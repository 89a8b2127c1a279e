/* SPDX-License-Identifier: MIT */
/* EXPECT: KRN-081. A wait without a time limit under a spin lock. */
#include "verdict.h"

static KEVENT Event;
static KSPIN_LOCK Lock;

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Driver);
    KeInitializeEvent(&Event, NotificationEvent, TRUE);
    KeInitializeSpinLock(&Lock);
    KeAcquireSpinLock(&Lock, &Old);
#ifdef FIXED
    KeReleaseSpinLock(&Lock, Old);
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
#else
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
    KeReleaseSpinLock(&Lock, Old);
#endif
    return STATUS_SUCCESS;
}

static void End(void)
{
}
