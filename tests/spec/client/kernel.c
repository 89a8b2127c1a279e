/* SPDX-License-Identifier: MIT */
/* What a driver does beside WSK: timers, DPCs, work items, locks, memory, all put away again. */
#include "client.h"

struct client_job {
    KEVENT Done;
    KDPC Dpc;
    KTIMER Timer;
    PIO_WORKITEM Item;
    BOOLEAN IsWrong; /* the DPC must not run any more */
    PVOID Argument;  /* with which it was queued */
};

static void job_dpc(PKDPC dpc, PVOID context, PVOID one, PVOID two)
{
    struct client_job *job = context;
    (void)dpc;
    (void)two;
    if (job->Argument != NULL) { /* a timer has its own */
        client_note(LIFE_NOTE_DPC, 0, one == job->Argument && !job->IsWrong);
    }
    KeSetEvent(&job->Done, IO_NO_INCREMENT, FALSE);
}

static void job_work(PDEVICE_OBJECT device, PVOID context)
{
    struct client_job *job = context;
    (void)device;
    KeSetEvent(&job->Done, IO_NO_INCREMENT, FALSE);
}

static void run_dpc(struct client_job *job, ULONG how)
{
    KIRQL irql;
    KeInitializeDpc(&job->Dpc, job_dpc, job);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    job->Argument = job;
    (void)KeInsertQueueDpc(&job->Dpc, job, NULL);
    if ((how & 2) != 0 && KeInsertQueueDpc(&job->Dpc, &job->Dpc, NULL)) {
        job->Argument = &job->Dpc; /* it has run: never, at this level */
    }
    BOOLEAN is_removed = (how & 1) != 0 && KeRemoveQueueDpc(&job->Dpc);
    job->IsWrong = is_removed;
    KeLowerIrql(irql);
    if (is_removed) {
        KeFlushQueuedDpcs();
        return;
    }
    KeFlushQueuedDpcs();
    (void)KeWaitForSingleObject(&job->Done, Executive, KernelMode, FALSE, NULL);
}

static void run_timer(struct client_job *job, ULONG how)
{
    LARGE_INTEGER due;
    due.QuadPart = -10000LL * (1 + how % 20);
    KeInitializeDpc(&job->Dpc, job_dpc, job);
    KeInitializeTimer(&job->Timer);
    (void)KeSetTimer(&job->Timer, due, &job->Dpc);
    if ((how & 1) == 0 || !KeCancelTimer(&job->Timer)) {
        (void)KeWaitForSingleObject(&job->Done, Executive, KernelMode, FALSE, NULL);
    }
    KeFlushQueuedDpcs();
}

static void run_work(struct client_job *job)
{
    job->Item = IoAllocateWorkItem(Client.Device);
    if (job->Item != NULL) {
        IoQueueWorkItem(job->Item, job_work, DelayedWorkQueue, job);
        (void)KeWaitForSingleObject(&job->Done, Executive, KernelMode, FALSE, NULL);
        IoFreeWorkItem(job->Item);
    }
}

static void run_rundown(ULONG how)
{
    EX_RUNDOWN_REF rundown;
    ExInitializeRundownProtection(&rundown);
    if (ExAcquireRundownProtection(&rundown)) {
        if ((how & 1) != 0) {
            client_sleep(1);
        }
        ExReleaseRundownProtection(&rundown);
    }
    ExWaitForRundownProtectionRelease(&rundown);
}

static void run_lookaside(void)
{
    NPAGED_LOOKASIDE_LIST *list = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *list, CLIENT_TAG);
    if (list == NULL) {
        return;
    }
    ExInitializeNPagedLookasideList(list, NULL, NULL, 0, 64, CLIENT_TAG, 0);
    PVOID entry = ExAllocateFromNPagedLookasideList(list);
    if (entry != NULL) {
        RtlZeroMemory(entry, 64);
        ExFreeToNPagedLookasideList(list, entry);
    }
    ExDeleteNPagedLookasideList(list);
    ExFreePoolWithTag(list, CLIENT_TAG);
}

/* A user's buffer would be locked like this; here it is our own. */
static void run_locked(void)
{
    PVOID bytes = ExAllocatePoolWithTag(NonPagedPoolNx, 64, CLIENT_TAG);
    PMDL mdl = bytes != NULL ? IoAllocateMdl(bytes, 64, FALSE, FALSE, NULL) : NULL;
    if (mdl != NULL) {
        MmBuildMdlForNonPagedPool(mdl);
        IoFreeMdl(mdl);
    }
    if (bytes != NULL) {
        ExFreePoolWithTag(bytes, CLIENT_TAG);
    }
}

void client_kernel(ULONG how)
{
    struct client_job *job = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *job, CLIENT_TAG);
    if (job == NULL) {
        return;
    }
    RtlZeroMemory(job, sizeof *job);
    KeInitializeEvent(&job->Done, NotificationEvent, FALSE);
    switch (how % 6) {
    case 0:
        run_dpc(job, how >> 3);
        break;
    case 1:
        run_timer(job, how >> 3);
        break;
    case 2:
        run_work(job);
        break;
    case 3:
        run_rundown(how >> 3);
        break;
    case 4:
        run_lookaside();
        break;
    default:
        run_locked();
        break;
    }
    ExFreePoolWithTag(job, CLIENT_TAG);
}
