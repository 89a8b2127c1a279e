/* SPDX-License-Identifier: MIT */
/* EXPECT: MEM-STACK-RETURNED. An event on the stack of a function that has returned is used. */
#include "verdict.h"

static KEVENT Static;

__attribute__((noinline)) static PKEVENT Make(void)
{
#ifdef FIXED
    PKEVENT Event = &Static;
#else
    KEVENT Local;
    PKEVENT Event = &Local;
#endif
    KeInitializeEvent(Event, NotificationEvent, FALSE);
    PKEVENT volatile Escaped = Event;
    return Escaped;
}

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    Static.Header.SignalState = 0;
    KeSetEvent(Make(), IO_NO_INCREMENT, FALSE);
    return STATUS_SUCCESS;
}

static void End(void)
{
}
