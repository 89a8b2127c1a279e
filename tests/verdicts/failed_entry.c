/* SPDX-License-Identifier: MIT */
/* EXPECT: KRN-199|KRN-280. A DriverEntry that fails leaves its work behind. */
#include "verdict.h"

static PVOID Block;

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, TAG);
#ifdef FIXED
    if (Block != NULL) {
        ExFreePoolWithTag(Block, TAG);
    }
#endif
    return STATUS_UNSUCCESSFUL;
}

static void End(void)
{
}
