/* SPDX-License-Identifier: MIT */
/* EXPECT: MEM-WILD. A pointer that leads nowhere. */
#include "verdict.h"

static int Target;

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
#ifdef FIXED
    volatile int *volatile Pointer = &Target;
#else
    volatile int *volatile Pointer = (int *)(0x123456789000ull + (ULONG_PTR)Target);
#endif
    *Pointer = 1;
    return STATUS_SUCCESS;
}

static void End(void)
{
}
