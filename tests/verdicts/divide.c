/* SPDX-License-Identifier: MIT */
/* EXPECT: MEM-DIVIDE|SYS-UBSAN. A division by zero. */
#include "verdict.h"

static volatile int Zero, Result;

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
#ifdef FIXED
    Result = Zero == 0 ? 0 : 10 / Zero;
#else
    Result = 10 / Zero;
#endif
    return STATUS_SUCCESS;
}

static void End(void)
{
}
