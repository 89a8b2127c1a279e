/* SPDX-License-Identifier: MIT */
/* EXPECT: SYS-BUGCHECK. The driver stops the machine itself. */
#include "verdict.h"

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
#ifdef FIXED
    UNREFERENCED_PARAMETER(Driver);
#else
    KeBugCheckEx(0xE2, (ULONG_PTR)(Driver != NULL), 2, 3, 4);
#endif
    return STATUS_SUCCESS;
}

static void End(void)
{
}
