/* SPDX-License-Identifier: MIT */
/* EXPECT: MEM-UAF. A block is read after it was freed. */
#include "verdict.h"

static volatile int Seen;

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    int *Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 32, TAG);
    if (Block == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
#ifdef FIXED
    Seen = Block[2];
    ExFreePoolWithTag(Block, TAG);
#else
    ExFreePoolWithTag(Block, TAG);
    Seen = Block[2];
#endif
    return STATUS_SUCCESS;
}

static void End(void)
{
}
