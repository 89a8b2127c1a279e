/* SPDX-License-Identifier: MIT */
/* EXPECT: IRP-009|KRN-006|KRN-284. An IRP is never freed. */
#include "verdict.h"

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    PIRP Irp = IoAllocateIrp(1, FALSE);
#ifdef FIXED
    if (Irp != NULL) {
        IoFreeIrp(Irp);
    }
#else
    UNREFERENCED_PARAMETER(Irp);
#endif
    return STATUS_SUCCESS;
}

static void End(void)
{
}
