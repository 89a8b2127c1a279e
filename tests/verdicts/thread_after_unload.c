/* SPDX-License-Identifier: MIT */
/* EXPECT: KRN-283. Unload waits for an event that the thread sets last, not for the thread. */
#include "verdict.h"

static KEVENT Done;
static PVOID Thread;
static KSTART_ROUTINE Body;

static void Body(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeSetEvent(&Done, IO_NO_INCREMENT, FALSE);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    Thread = StartThread(Body, NULL);
    return Thread != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

static void End(void)
{
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
#ifdef FIXED
    JoinThread(Thread);
#else
    ObDereferenceObject(Thread);
#endif
}
