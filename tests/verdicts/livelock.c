/* SPDX-License-Identifier: MIT */
/* EXPECT: SYS-LIVELOCK. A thread polls for something that never comes. */
#include "verdict.h"

static volatile LONG Flag;

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
#ifdef FIXED
    Flag = 1;
#endif
    while (InterlockedCompareExchange(&Flag, 0, 0) == 0) {
        YieldProcessor();
    }
    return STATUS_SUCCESS;
}

static void End(void)
{
}
