/* SPDX-License-Identifier: MIT */
/* EXPECT: SYS-LOST-WAKEUP. The event is cleared after the thread that sets it was started. */
#include "verdict.h"

static KEVENT Ready;
static PVOID Thread;
static KSTART_ROUTINE Body;

static void Body(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeSetEvent(&Ready, IO_NO_INCREMENT, FALSE);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    KeInitializeEvent(&Ready, NotificationEvent, FALSE);
#ifdef FIXED
    KeClearEvent(&Ready);
    Thread = StartThread(Body, NULL);
#else
    Thread = StartThread(Body, NULL);
    KeClearEvent(&Ready);
#endif
    if (Thread == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}

static void End(void)
{
    KeWaitForSingleObject(&Ready, Executive, KernelMode, FALSE, NULL);
    JoinThread(Thread);
}
