/* SPDX-License-Identifier: MIT */
/* Cases of the kernel contract, 1.2: IRQL, paged memory, exceptions. */
#include "case.h"

enum { TAG = 'esaC' };

static UCHAR *Paged(void)
{
    UCHAR *Bytes = ExAllocatePoolWithTag(PagedPool, 64, TAG);
    if (Bytes != NULL) {
        RtlZeroMemory(Bytes, 64);
    }
    return Bytes;
}

/* ---- paged memory (KRN-051, KRN-120) ---- */

MISTAKE(reads_paged_pool_at_dispatch, "KRN-051 KBUG-15 KPROP-09")
{
    UCHAR *Bytes = Paged();
    if (Bytes == NULL) {
        return;
    }
    volatile UCHAR *Byte = Bytes;
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    UCHAR Value = Mistaken ? Byte[5] : 0;
    KeLowerIrql(Old);
    Byte[6] = (UCHAR)(Value + 1);
    ExFreePoolWithTag(Bytes, TAG);
}

MISTAKE(copies_paged_pool_at_dispatch, "KRN-051")
{
    UCHAR *Bytes = Paged(), Copy[8] = {0};
    if (Bytes == NULL) {
        return;
    }
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    if (Mistaken) {
        (void)RtlCompareMemory(Copy, Bytes, sizeof Copy);
    }
    KeLowerIrql(Old);
    (void)RtlCompareMemory(Copy, Bytes, sizeof Copy);
    ExFreePoolWithTag(Bytes, TAG);
}

/* Another processor is at DISPATCH_LEVEL while this thread uses its paged pool. */
static KSPIN_LOCK Lock;

static void Raiser(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG i = 0; i < 4; i++) {
        KIRQL Old;
        KeAcquireSpinLock(&Lock, &Old);
        KeReleaseSpinLock(&Lock, Old);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(writes_paged_pool_under_a_spin_lock, "KRN-120 KPROP-09")
{
    KIRQL Old;
    UCHAR *Bytes = Paged();
    if (Bytes == NULL) {
        return;
    }
    PVOID Other = CaseThread(Raiser, NULL);
    for (ULONG i = 0; i < 4; i++) {
        Bytes[i] = (UCHAR)i;
        KeAcquireSpinLock(&Lock, &Old);
        if (Mistaken) {
            Bytes[i]++;
        }
        KeReleaseSpinLock(&Lock, Old);
        Bytes[i]++;
    }
    CaseJoin(Other);
    ExFreePoolWithTag(Bytes, TAG);
}

/* Locked pages are resident. */
DUTY(locked_paged_pool_is_resident, "KRN-051")
{
    UCHAR *Bytes = Paged();
    PMDL Mdl = Bytes != NULL ? IoAllocateMdl(Bytes, 64, FALSE, FALSE, NULL) : NULL;
    if (Mdl != NULL) {
        BOOLEAN IsLocked = FALSE;
        __try {
            MmProbeAndLockPages(Mdl, KernelMode, IoModifyAccess);
            IsLocked = TRUE;
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            IsLocked = FALSE;
        }
        if (IsLocked) {
            KIRQL Old = KeRaiseIrqlToDpcLevel();
            Bytes[1] = 1;
            KeLowerIrql(Old);
            MmUnlockPages(Mdl);
        }
        IoFreeMdl(Mdl);
    }
    if (Bytes != NULL) {
        ExFreePoolWithTag(Bytes, TAG);
    }
}
