/* SPDX-License-Identifier: MIT */
/* EXPECT: SYS-DEADLOCK|KRN-102. Unload waits for an event that nobody sets. */
#include "verdict.h"

static KEVENT Event;

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    return STATUS_SUCCESS;
}

static void End(void)
{
#ifdef FIXED
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
#endif
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
}
