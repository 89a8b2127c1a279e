/* SPDX-License-Identifier: MIT */
/* EXPECT: KRN-195. A block is freed twice. */
#include "verdict.h"

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    PVOID Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 32, TAG);
    if (Block != NULL) {
        ExFreePoolWithTag(Block, TAG);
#ifndef FIXED
        ExFreePoolWithTag(Block, TAG);
#endif
    }
    return STATUS_SUCCESS;
}

static void End(void)
{
}
