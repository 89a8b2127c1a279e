/* SPDX-License-Identifier: MIT */
/* EXPECT: KRN-258|KRN-059|KRN-050. A handle is closed at DISPATCH_LEVEL. */
#include "verdict.h"

static KSTART_ROUTINE Body;

static void Body(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    HANDLE Handle;
    OBJECT_ATTRIBUTES Attributes;
    UNREFERENCED_PARAMETER(Driver);
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    NTSTATUS Status = PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, &Attributes, NULL, NULL,
                                           Body, NULL);
    if (NT_SUCCESS(Status)) {
        ZwWaitForSingleObject(Handle, FALSE, NULL);
#ifdef FIXED
        ZwClose(Handle);
#else
        KIRQL Old;
        KeRaiseIrql(DISPATCH_LEVEL, &Old);
        ZwClose(Handle);
        KeLowerIrql(Old);
#endif
    }
    return Status;
}

static void End(void)
{
}
