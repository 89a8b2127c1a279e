/* SPDX-License-Identifier: MIT */
/* Cases of the kernel contract, 1.10: rundown protection and lookaside lists. */
#include "case.h"

enum { TAG = 'esaC', SIZE = 64 };

/* ---- rundown protection (KRN-310 to KRN-316) ---- */

static EX_RUNDOWN_REF Rundown;
static KEVENT Entered;
static volatile LONG Working;

MISTAKE(rundown_is_not_initialised, "KRN-310")
{
    if (!Mistaken) {
        ExInitializeRundownProtection(&Rundown);
    }
    if (ExAcquireRundownProtection(&Rundown)) {
        ExReleaseRundownProtection(&Rundown);
    }
    ExWaitForRundownProtectionRelease(&Rundown);
}

static KSTART_ROUTINE Work;

/* Works on the object as long as it is protected. */
static void Work(PVOID Context)
{
    LONG *Object = Context;
    for (int i = 0; i < 2; i++) {
        BOOLEAN Has = ExAcquireRundownProtection(&Rundown);
        if (Has || Mistaken) {
            InterlockedIncrement(&Working);
            InterlockedIncrement(Object);
            InterlockedDecrement(&Working);
        }
        if (Has) {
            ExReleaseRundownProtection(&Rundown);
        }
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(object_is_touched_after_false, "MEM-UAF IRP-019 KRN-311 KBUG-49")
{
    LONG *Object = ExAllocatePoolWithTag(NonPagedPoolNx, SIZE, TAG);
    if (Object == NULL) {
        return;
    }
    *Object = 0;
    ExInitializeRundownProtection(&Rundown);
    PVOID Thread = CaseThread(Work, Object);
    ExWaitForRundownProtectionRelease(&Rundown);
    ExFreePoolWithTag(Object, TAG);
    CaseJoin(Thread);
}

MISTAKE(releases_what_it_did_not_get, "KRN-312 KRN-311 KBUG-49")
{
    ExInitializeRundownProtection(&Rundown);
    ExWaitForRundownProtectionRelease(&Rundown);
    BOOLEAN Has = ExAcquireRundownProtection(&Rundown);
    if (Has || Mistaken) {
        ExReleaseRundownProtection(&Rundown);
    }
}

MISTAKE(waits_for_its_own_release, "SYS-DEADLOCK KRN-313 KRN-312 KBUG-50")
{
    ExInitializeRundownProtection(&Rundown);
    if (ExAcquireRundownProtection(&Rundown)) {
        if (!Mistaken) {
            ExReleaseRundownProtection(&Rundown);
        }
        ExWaitForRundownProtectionRelease(&Rundown);
    }
}

static KSTART_ROUTINE HoldForAWhile;

static void HoldForAWhile(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    if (ExAcquireRundownProtection(&Rundown)) {
        InterlockedIncrement(&Working);
        KeSetEvent(&Entered, IO_NO_INCREMENT, FALSE);
        CaseSleep(1);
        InterlockedDecrement(&Working);
        ExReleaseRundownProtection(&Rundown);
    } else {
        KeSetEvent(&Entered, IO_NO_INCREMENT, FALSE);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

DUTY(rundown_waits_and_refuses, "KRN-314")
{
    ExInitializeRundownProtection(&Rundown);
    KeInitializeEvent(&Entered, NotificationEvent, FALSE);
    PVOID Thread = CaseThread(HoldForAWhile, NULL);
    if (Thread != NULL) {
        KeWaitForSingleObject(&Entered, Executive, KernelMode, FALSE, NULL);
        ExWaitForRundownProtectionRelease(&Rundown);
        Check(Working == 0);
        Check(!ExAcquireRundownProtection(&Rundown));
        ExWaitForRundownProtectionRelease(&Rundown); /* returns at once */
        CaseJoin(Thread);
    }
}

MISTAKE(reinitialised_without_a_wait, "KRN-315")
{
    ExInitializeRundownProtection(&Rundown);
    if (!Mistaken) {
        ExWaitForRundownProtectionRelease(&Rundown);
    }
    ExReInitializeRundownProtection(&Rundown);
}

MISTAKE(cache_aware_rundown_taken_for_plain, "KRN-316")
{
    PEX_RUNDOWN_REF_CACHE_AWARE Aware = ExAllocateCacheAwareRundownProtection(NonPagedPoolNx, TAG);
    if (Aware != NULL) {
        if (Mistaken) {
            if (ExAcquireRundownProtection((PEX_RUNDOWN_REF)Aware)) {
                ExReleaseRundownProtection((PEX_RUNDOWN_REF)Aware);
            }
        } else if (ExAcquireRundownProtectionCacheAware(Aware)) {
            ExReleaseRundownProtectionCacheAware(Aware);
        }
        ExWaitForRundownProtectionReleaseCacheAware(Aware);
        ExFreeCacheAwareRundownProtection(Aware);
    }
}

/* ---- lookaside lists (KRN-317 to KRN-321) ---- */

static NPAGED_LOOKASIDE_LIST List, Other;
static LOOKASIDE_LIST_EX Paged;

static void Initialise(PNPAGED_LOOKASIDE_LIST Which)
{
    ExInitializeNPagedLookasideList(Which, NULL, NULL, 0, SIZE, TAG, 0);
}

MISTAKE(lookaside_is_not_initialised, "KRN-317")
{
    if (!Mistaken) {
        Initialise(&List);
    }
    PVOID Entry = ExAllocateFromNPagedLookasideList(&List);
    if (Entry != NULL) {
        ExFreeToNPagedLookasideList(&List, Entry);
    }
    ExDeleteNPagedLookasideList(&List);
}

MISTAKE(lookaside_is_initialised_twice, "KRN-317")
{
    Initialise(&List);
    if (Mistaken) {
        Initialise(&List);
    }
    ExDeleteNPagedLookasideList(&List);
}

MISTAKE(lookaside_is_used_after_its_end, "KRN-317")
{
    Initialise(&List);
    if (Mistaken) {
        ExDeleteNPagedLookasideList(&List);
    }
    PVOID Entry = ExAllocateFromNPagedLookasideList(&List);
    if (Entry != NULL) {
        ExFreeToNPagedLookasideList(&List, Entry);
    }
    if (!Mistaken) {
        ExDeleteNPagedLookasideList(&List);
    }
}

MISTAKE(lookaside_entry_is_not_checked, "MEM-NULL KRN-318")
{
    Initialise(&List);
    volatile char *Entry = ExAllocateFromNPagedLookasideList(&List);
    if (Entry != NULL || Mistaken) {
        Entry[0] = 1;
        ExFreeToNPagedLookasideList(&List, (PVOID)Entry);
    }
    ExDeleteNPagedLookasideList(&List);
}

FREEDOM(lookaside_entry_cannot_be_had, "KRN-318")
{
    Initialise(&List);
    PVOID Entry = ExAllocateFromNPagedLookasideList(&List);
    if (Entry == NULL) {
        Witness();
    } else {
        ExFreeToNPagedLookasideList(&List, Entry);
    }
    ExDeleteNPagedLookasideList(&List);
}

MISTAKE(entry_goes_to_another_list, "KRN-319")
{
    Initialise(&List);
    Initialise(&Other);
    PVOID Entry = ExAllocateFromNPagedLookasideList(&List);
    if (Entry != NULL) {
        ExFreeToNPagedLookasideList(Mistaken ? &Other : &List, Entry);
    }
    ExDeleteNPagedLookasideList(&Other);
    ExDeleteNPagedLookasideList(&List);
}

MISTAKE(lookaside_goes_before_its_entries, "KRN-319 KRN-317 KBUG-54")
{
    Initialise(&List);
    PVOID Entry = ExAllocateFromNPagedLookasideList(&List);
    if (Mistaken) {
        ExDeleteNPagedLookasideList(&List);
    }
    if (Entry != NULL) {
        ExFreeToNPagedLookasideList(&List, Entry);
    }
    if (!Mistaken) {
        ExDeleteNPagedLookasideList(&List);
    }
}

FREEDOM(entry_is_handed_out_again, "KRN-320")
{
    Initialise(&List);
    char *Entry = ExAllocateFromNPagedLookasideList(&List), *Again;
    if (Entry != NULL) {
        Entry[SIZE - 1] = 77;
        ExFreeToNPagedLookasideList(&List, Entry);
        Again = ExAllocateFromNPagedLookasideList(&List);
        if (Again == Entry && Again[SIZE - 1] != 0) {
            Witness();
        }
        if (Again != NULL) {
            ExFreeToNPagedLookasideList(&List, Again);
        }
    }
    ExDeleteNPagedLookasideList(&List);
}

MISTAKE(paged_lookaside_at_dispatch, "KRN-321")
{
    KIRQL Old;
    if (!NT_SUCCESS(ExInitializeLookasideListEx(&Paged, NULL, NULL, PagedPool, 0, SIZE, TAG, 0))) {
        return;
    }
    KeRaiseIrql(Mistaken ? DISPATCH_LEVEL : APC_LEVEL, &Old);
    PVOID Entry = ExAllocateFromLookasideListEx(&Paged);
    if (Entry != NULL) {
        ExFreeToLookasideListEx(&Paged, Entry);
    }
    KeLowerIrql(Old);
    ExDeleteLookasideListEx(&Paged);
}
