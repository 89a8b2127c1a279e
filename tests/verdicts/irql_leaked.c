/* SPDX-License-Identifier: MIT */
/* EXPECT: KRN-054. DriverEntry returns at another IRQL than it was called at. */
#include "verdict.h"

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Driver);
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
#ifdef FIXED
    KeLowerIrql(Old);
#endif
    return STATUS_SUCCESS;
}

static void End(void)
{
}
