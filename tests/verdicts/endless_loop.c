/* SPDX-License-Identifier: MIT */
/* EXPECT: SYS-LIVELOCK. A loop that calls nobody (KRN-323). */
#include "verdict.h"

static volatile LONG Flag;

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
#ifdef FIXED
    Flag = 1;
#endif
    while (Flag == 0) {
    }
    return STATUS_SUCCESS;
}

static void End(void)
{
}
