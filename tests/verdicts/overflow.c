/* SPDX-License-Identifier: MIT */
/* EXPECT: MEM-OVERFLOW. One element too many is written. */
#include "verdict.h"

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    volatile int *Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 8 * sizeof(int), TAG);
    if (Block == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
#ifdef FIXED
    for (int i = 0; i < 8; i++) {
#else
    for (int i = 0; i <= 8; i++) {
#endif
        Block[i] = i;
    }
    ExFreePoolWithTag((PVOID)Block, TAG);
    return STATUS_SUCCESS;
}

static void End(void)
{
}
