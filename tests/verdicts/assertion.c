/* SPDX-License-Identifier: MIT */
/* EXPECT: SYS-ASSERT. An assertion of the driver fails. */
#include "verdict.h"

static volatile int Value = 1;

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
#ifdef FIXED
    ASSERT(Value == 1);
#else
    ASSERT(Value == 2);
#endif
    return STATUS_SUCCESS;
}

static void End(void)
{
}
