/* SPDX-License-Identifier: MIT */
/* EXPECT: MEM-NULL. An allocation that may fail is not tested. */
#include "verdict.h"

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    int *Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 32, TAG);
#ifdef FIXED
    if (Block == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
#endif
    *(volatile int *)Block = 1;
    ExFreePoolWithTag(Block, TAG);
    return STATUS_SUCCESS;
}

static void End(void)
{
}
