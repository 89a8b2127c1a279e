/* SPDX-License-Identifier: MIT */
/* EXPECT: KRN-196. Memory that never came from the pool is freed. */
#include "verdict.h"

static int NotPool[16];

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    NotPool[0] = 1;
#ifndef FIXED
    ExFreePoolWithTag(NotPool, TAG);
#endif
    return STATUS_SUCCESS;
}

static void End(void)
{
}
