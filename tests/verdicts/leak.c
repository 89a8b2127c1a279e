/* SPDX-License-Identifier: MIT */
/* EXPECT: KRN-199|KRN-284. Pool is left behind at unload. */
#include "verdict.h"

static PVOID Block;

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, TAG);
    return STATUS_SUCCESS;
}

static void End(void)
{
#ifdef FIXED
    if (Block != NULL) {
        ExFreePoolWithTag(Block, TAG);
    }
#endif
}
