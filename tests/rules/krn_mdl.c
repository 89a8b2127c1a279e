/* SPDX-License-Identifier: MIT */
/* Cases of the kernel contract, 1.7: MDLs and locked pages. */
#include "case.h"

enum { TAG = 'esaC', SIZE = 5000 };

static void *Pool(SIZE_T Size)
{
    return ExAllocatePoolWithTag(NonPagedPoolNx, Size, TAG);
}

static void Free(void *Bytes)
{
    if (Bytes != NULL) {
        ExFreePoolWithTag(Bytes, TAG);
    }
}

static PMDL Over(void *Bytes, ULONG Size)
{
    return Bytes != NULL ? IoAllocateMdl(Bytes, Size, FALSE, FALSE, NULL) : NULL;
}

static void FreeMdl(PMDL Mdl)
{
    if (Mdl != NULL) {
        IoFreeMdl(Mdl);
    }
}

/* volatile: a raise changes control flow behind the compiler's back. */
static NTSTATUS Lock(PMDL Mdl, LOCK_OPERATION Operation)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    __try {
        MmProbeAndLockPages(Mdl, KernelMode, Operation);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Status = GetExceptionCode();
    }
    return Status;
}

/* Paged pool with an MDL whose pages are locked, or NULL. */
static PMDL Locked(void **Bytes, LOCK_OPERATION Operation)
{
    *Bytes = ExAllocatePoolWithTag(PagedPool, SIZE, TAG);
    PMDL Mdl = Over(*Bytes, SIZE);
    if (Mdl != NULL && NT_SUCCESS(Lock(Mdl, Operation))) {
        return Mdl;
    }
    FreeMdl(Mdl);
    Free(*Bytes);
    return NULL;
}

/* ---- allocating and building (KRN-220 to KRN-222, KRN-240, KRN-241) ---- */

MISTAKE(mdl_is_not_checked, "MEM-NULL KRN-220")
{
    void *Bytes = Pool(SIZE);
    PMDL Mdl = Over(Bytes, SIZE);
    if (Bytes != NULL && (Mdl != NULL || Mistaken)) {
        MmBuildMdlForNonPagedPool(Mdl);
        IoFreeMdl(Mdl);
    }
    Free(Bytes);
}

MISTAKE(secondary_mdl_without_irp, "KRN-220")
{
    void *Bytes = Pool(SIZE);
    if (Bytes != NULL) {
        FreeMdl(IoAllocateMdl(Bytes, SIZE, (BOOLEAN)Mistaken, FALSE, NULL));
    }
    Free(Bytes);
}

FREEDOM(mdl_cannot_be_had, "KRN-220 KPROP-22")
{
    void *Bytes = Pool(SIZE);
    PMDL Mdl = Over(Bytes, SIZE);
    if (Bytes != NULL && Mdl == NULL) {
        Witness();
    }
    FreeMdl(Mdl);
    Free(Bytes);
}

MISTAKE(nonpaged_mdl_over_paged_pool, "KRN-221")
{
    void *Bytes = ExAllocatePoolWithTag(Mistaken ? PagedPool : NonPagedPoolNx, SIZE, TAG);
    PMDL Mdl = Over(Bytes, SIZE);
    if (Mdl != NULL) {
        MmBuildMdlForNonPagedPool(Mdl);
        IoFreeMdl(Mdl);
    }
    Free(Bytes);
}

MISTAKE(nonpaged_mdl_over_the_stack, "KRN-221 KBUG-39")
{
    static char Global[64];
    char Local[64];
    PMDL Mdl = Over(Mistaken ? Local : Global, sizeof Local);
    if (Mdl != NULL) {
        MmBuildMdlForNonPagedPool(Mdl);
        IoFreeMdl(Mdl);
    }
}

MISTAKE(nonpaged_mdl_is_locked, "KRN-222")
{
    void *Bytes = Pool(SIZE);
    PMDL Mdl = Over(Bytes, SIZE);
    if (Mdl != NULL) {
        if (Mistaken) {
            MmBuildMdlForNonPagedPool(Mdl);
        }
        if (NT_SUCCESS(Lock(Mdl, IoReadAccess))) {
            MmUnlockPages(Mdl);
        }
        IoFreeMdl(Mdl);
    }
    Free(Bytes);
}

MISTAKE(nonpaged_mdl_is_unlocked, "KRN-222")
{
    void *Bytes = Pool(SIZE);
    PMDL Mdl = Over(Bytes, SIZE);
    if (Mdl != NULL) {
        MmBuildMdlForNonPagedPool(Mdl);
        if (Mistaken) {
            MmUnlockPages(Mdl);
        }
        IoFreeMdl(Mdl);
    }
    Free(Bytes);
}

DUTY(mdl_describes_its_range, "KRN-240 KRN-222")
{
    char *Bytes = Pool(SIZE);
    PMDL Mdl = Over(Bytes != NULL ? Bytes + 3 : NULL, SIZE - 3);
    if (Mdl != NULL) {
        Check(MmGetMdlByteCount(Mdl) == SIZE - 3);
        Check(MmGetMdlVirtualAddress(Mdl) == Bytes + 3);
        Check(MmGetMdlByteOffset(Mdl) == BYTE_OFFSET(Bytes + 3));
        MmBuildMdlForNonPagedPool(Mdl);
        Check(MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority) == Bytes + 3);
        IoFreeMdl(Mdl);
    }
    Free(Bytes);
}

MISTAKE(mdl_initialised_while_locked, "KRN-241")
{
    void *Bytes;
    PMDL Mdl = Locked(&Bytes, IoReadAccess);
    if (Mdl != NULL) {
        if (Mistaken) {
            MmInitializeMdl(Mdl, Bytes, SIZE);
        }
        MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
        Free(Bytes);
    }
}

/* ---- locking (KRN-223 to KRN-229) ---- */

static void LockWithout(PMDL Mdl)
{
    MmProbeAndLockPages(Mdl, KernelMode, IoReadAccess);
}

MISTAKE(locks_without_a_handler, "KRN-223 KBUG-40")
{
    void *Bytes = ExAllocatePoolWithTag(PagedPool, SIZE, TAG);
    PMDL Mdl = Over(Bytes, SIZE);
    NTSTATUS Status = STATUS_SUCCESS;
    if (Mdl != NULL) {
        if (Mistaken) {
            LockWithout(Mdl);
        } else {
            Status = Lock(Mdl, IoReadAccess);
        }
        if (NT_SUCCESS(Status)) {
            MmUnlockPages(Mdl);
        }
        IoFreeMdl(Mdl);
    }
    Free(Bytes);
}

DUTY(failed_lock_locks_nothing, "KRN-223")
{
    void *Bytes = ExAllocatePoolWithTag(PagedPool, SIZE, TAG);
    PMDL Mdl = Over(Bytes, SIZE);
    if (Mdl != NULL) {
        if (NT_SUCCESS(Lock(Mdl, IoReadAccess))) {
            Check((Mdl->MdlFlags & MDL_PAGES_LOCKED) != 0);
            MmUnlockPages(Mdl);
        }
        Check((Mdl->MdlFlags & MDL_PAGES_LOCKED) == 0);
        IoFreeMdl(Mdl);
    }
    Free(Bytes);
}

FREEDOM(locking_raises, "KRN-223 KPROP-22")
{
    void *Bytes = ExAllocatePoolWithTag(PagedPool, SIZE, TAG);
    PMDL Mdl = Over(Bytes, SIZE);
    if (Mdl != NULL) {
        if (NT_SUCCESS(Lock(Mdl, IoReadAccess))) {
            MmUnlockPages(Mdl);
        } else {
            Witness();
        }
        IoFreeMdl(Mdl);
    }
    Free(Bytes);
}

MISTAKE(locks_pageable_memory_at_dispatch, "KRN-224")
{
    KIRQL Old;
    void *Bytes = ExAllocatePoolWithTag(Mistaken ? PagedPool : NonPagedPoolNx, SIZE, TAG);
    PMDL Mdl = Over(Bytes, SIZE);
    if (Mdl != NULL) {
        KeRaiseIrql(DISPATCH_LEVEL, &Old);
        NTSTATUS Status = Lock(Mdl, IoReadAccess);
        KeLowerIrql(Old);
        if (NT_SUCCESS(Status)) {
            MmUnlockPages(Mdl);
        }
        IoFreeMdl(Mdl);
    }
    Free(Bytes);
}

MISTAKE(locks_twice, "KRN-225")
{
    void *Bytes;
    PMDL Mdl = Locked(&Bytes, IoReadAccess);
    if (Mdl != NULL) {
        if (Mistaken) {
            (void)Lock(Mdl, IoReadAccess);
        }
        MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
        Free(Bytes);
    }
}

DUTY(two_mdls_over_one_page, "KRN-225")
{
    void *Bytes;
    PMDL Mdl = Locked(&Bytes, IoReadAccess);
    PMDL Other = Mdl != NULL ? Over(Bytes, SIZE) : NULL;
    if (Other != NULL) {
        if (NT_SUCCESS(Lock(Other, IoReadAccess))) {
            Check((Mdl->MdlFlags & Other->MdlFlags & MDL_PAGES_LOCKED) != 0);
            MmUnlockPages(Other);
        }
        Check((Mdl->MdlFlags & MDL_PAGES_LOCKED) != 0);
        IoFreeMdl(Other);
    }
    if (Mdl != NULL) {
        MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
        Free(Bytes);
    }
}

MISTAKE(pages_stay_locked, "KRN-226 KRN-284 KBUG-38")
{
    void *Bytes;
    PMDL Mdl = Locked(&Bytes, IoReadAccess);
    if (Mdl != NULL && !Mistaken) {
        MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
        Free(Bytes);
    }
}

MISTAKE(unlocks_what_is_not_locked, "KRN-227")
{
    void *Bytes;
    PMDL Mdl = Locked(&Bytes, IoReadAccess);
    if (Mdl != NULL) {
        MmUnlockPages(Mdl);
        if (Mistaken) {
            MmUnlockPages(Mdl);
        }
        IoFreeMdl(Mdl);
        Free(Bytes);
    }
}

MISTAKE(locked_mdl_is_freed, "KRN-228 KBUG-41")
{
    void *Bytes;
    PMDL Mdl = Locked(&Bytes, IoReadAccess);
    if (Mdl != NULL) {
        if (!Mistaken) {
            MmUnlockPages(Mdl);
        }
        IoFreeMdl(Mdl);
        Free(Bytes);
    }
}

MISTAKE(mdl_is_freed_twice, "KRN-228")
{
    void *Bytes = Pool(SIZE);
    PMDL Mdl = Over(Bytes, SIZE);
    if (Mdl != NULL) {
        IoFreeMdl(Mdl);
        if (Mistaken) {
            IoFreeMdl(Mdl);
        }
    }
    Free(Bytes);
}

/* What is lost of a chain is found at the unload. */
MISTAKE(only_the_first_of_a_chain_is_freed, "KRN-284 KRN-229 KBUG-42")
{
    void *Bytes = Pool(SIZE);
    PMDL First = Over(Bytes, SIZE), Second = Over(Bytes, SIZE);
    if (First != NULL && Second != NULL) {
        First->Next = Second;
    }
    FreeMdl(First);
    if (!Mistaken || First == NULL) {
        FreeMdl(Second);
    }
    Free(Bytes);
}

MISTAKE(next_is_read_after_the_free, "MEM-UAF KRN-229")
{
    void *Bytes = Pool(SIZE);
    PMDL First = Over(Bytes, SIZE), Next = NULL;
    if (First != NULL) {
        First->Next = Over(Bytes, SIZE);
        if (!Mistaken) {
            Next = First->Next;
        }
        IoFreeMdl(First);
        FreeMdl(Mistaken ? First->Next : Next);
    }
    Free(Bytes);
}

/* ---- system addresses (KRN-230 to KRN-232, KRN-236) ---- */

MISTAKE(system_address_is_not_checked, "MEM-NULL KRN-230 KBUG-43")
{
    void *Bytes;
    PMDL Mdl = Locked(&Bytes, IoReadAccess);
    if (Mdl != NULL) {
        volatile char *Address = MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority);
        if (Mistaken || Address != NULL) {
            (void)Address[0];
        }
        MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
        Free(Bytes);
    }
}

MISTAKE(system_address_of_a_bare_mdl, "KRN-230")
{
    void *Bytes = Pool(SIZE);
    PMDL Mdl = Over(Bytes, SIZE);
    if (Mdl != NULL) {
        if (!Mistaken) {
            MmBuildMdlForNonPagedPool(Mdl);
        }
        (void)MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority);
        IoFreeMdl(Mdl);
    }
    Free(Bytes);
}

FREEDOM(no_system_address, "KRN-230 KPROP-22")
{
    void *Bytes;
    PMDL Mdl = Locked(&Bytes, IoReadAccess);
    if (Mdl != NULL) {
        if (MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority) == NULL) {
            Witness();
        }
        MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
        Free(Bytes);
    }
}

static KSTART_ROUTINE AskAddress;

static void AskAddress(PVOID Context)
{
    (void)MmGetSystemAddressForMdlSafe((PMDL)Context, NormalPagePriority);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(two_threads_ask_for_an_address, "KRN-231")
{
    void *Bytes;
    PMDL Mdl = Locked(&Bytes, IoReadAccess);
    if (Mdl != NULL) {
        PVOID Thread = CaseThread(AskAddress, Mdl);
        if (!Mistaken) {
            CaseJoin(Thread);
        }
        (void)MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority);
        if (Mistaken) {
            CaseJoin(Thread);
        }
        MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
        Free(Bytes);
    }
}

MISTAKE(unlocked_while_being_mapped, "KRN-232 KRN-230")
{
    void *Bytes;
    PMDL Mdl = Locked(&Bytes, IoReadAccess);
    if (Mdl != NULL) {
        PVOID Thread = CaseThread(AskAddress, Mdl);
        if (!Mistaken) {
            CaseJoin(Thread);
        }
        MmUnlockPages(Mdl);
        if (Mistaken) {
            CaseJoin(Thread);
        }
        IoFreeMdl(Mdl);
        Free(Bytes);
    }
}

MISTAKE(mapped_twice, "KRN-236")
{
    void *Bytes;
    PMDL Mdl = Locked(&Bytes, IoReadAccess);
    if (Mdl == NULL) {
        return;
    }
    void *Address =
        MmMapLockedPagesSpecifyCache(Mdl, KernelMode, MmCached, NULL, FALSE, NormalPagePriority);
    if (Address != NULL) {
        if (Mistaken) {
            (void)MmMapLockedPagesSpecifyCache(Mdl, KernelMode, MmCached, NULL, FALSE,
                                               NormalPagePriority);
        }
        MmUnmapLockedPages(Address, Mdl);
    }
    MmUnlockPages(Mdl);
    IoFreeMdl(Mdl);
    Free(Bytes);
}

MISTAKE(unmaps_what_is_not_mapped, "KRN-236")
{
    void *Bytes;
    PMDL Mdl = Locked(&Bytes, IoReadAccess);
    if (Mdl != NULL) {
        if (Mistaken) {
            MmUnmapLockedPages(Bytes, Mdl);
        }
        MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
        Free(Bytes);
    }
}

/* ---- partial MDLs (KRN-233) ---- */

MISTAKE(partial_mdl_is_too_small, "KRN-233")
{
    char *Bytes = Pool(3 * PAGE_SIZE);
    PMDL Source = Over(Bytes, 3 * PAGE_SIZE);
    PMDL Part = Over(Bytes, Mistaken ? 16 : 2 * PAGE_SIZE);
    if (Source != NULL && Part != NULL) {
        MmBuildMdlForNonPagedPool(Source);
        IoBuildPartialMdl(Source, Part, Bytes, 2 * PAGE_SIZE);
    }
    FreeMdl(Part);
    FreeMdl(Source);
    Free(Bytes);
}

MISTAKE(partial_mdl_beyond_its_source, "KRN-233")
{
    char *Bytes = Pool(2 * PAGE_SIZE);
    PMDL Source = Over(Bytes, PAGE_SIZE);
    PMDL Part = Over(Bytes, 2 * PAGE_SIZE);
    if (Source != NULL && Part != NULL) {
        MmBuildMdlForNonPagedPool(Source);
        IoBuildPartialMdl(Source, Part, Bytes, Mistaken ? PAGE_SIZE + 1 : PAGE_SIZE);
    }
    FreeMdl(Part);
    FreeMdl(Source);
    Free(Bytes);
}

MISTAKE(partial_mdl_is_not_prepared, "KRN-233 KBUG-44")
{
    void *Bytes;
    PMDL Source = Locked(&Bytes, IoReadAccess);
    PMDL Part = Source != NULL ? Over(Bytes, SIZE) : NULL;
    if (Part != NULL) {
        IoBuildPartialMdl(Source, Part, Bytes, SIZE);
        (void)MmGetSystemAddressForMdlSafe(Part, NormalPagePriority);
        if (!Mistaken) {
            MmPrepareMdlForReuse(Part);
        }
        IoBuildPartialMdl(Source, Part, Bytes, SIZE / 2);
        (void)MmGetSystemAddressForMdlSafe(Part, NormalPagePriority);
        IoFreeMdl(Part);
    }
    if (Source != NULL) {
        MmUnlockPages(Source);
        IoFreeMdl(Source);
        Free(Bytes);
    }
}

MISTAKE(partial_mdl_outlives_the_lock, "KRN-233")
{
    void *Bytes;
    PMDL Source = Locked(&Bytes, IoReadAccess);
    PMDL Part = Source != NULL ? Over(Bytes, SIZE) : NULL;
    if (Part != NULL) {
        IoBuildPartialMdl(Source, Part, Bytes, SIZE);
        if (Mistaken) {
            MmUnlockPages(Source);
        }
        (void)MmGetSystemAddressForMdlSafe(Part, NormalPagePriority);
        IoFreeMdl(Part);
        if (Mistaken) {
            IoFreeMdl(Source);
            Free(Bytes);
            return;
        }
    }
    if (Source != NULL) {
        MmUnlockPages(Source);
        IoFreeMdl(Source);
        Free(Bytes);
    }
}

/* ---- MDLs given to requests (KRN-234, KRN-235, KRN-237, KRN-239) ---- */

static struct request Transfer;

/* Receives one datagram into, or sends one from, the MDL; waits for it unless it is lost. */
static void Receive(PMDL Mdl)
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    if (Socket == NULL || !NT_SUCCESS(SocketBind(Socket, 7000)) || !RequestNew(&Transfer)) {
        return;
    }
    WSK_BUF Buffer = {Mdl, 0, MmGetMdlByteCount(Mdl)};
    Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, NULL, NULL, NULL, NULL, Fresh(&Transfer));
    IoCancelIrp(Transfer.Irp);
    (void)Finish(&Transfer);
}

MISTAKE(receives_into_pages_locked_for_reading, "KRN-234")
{
    void *Bytes;
    PMDL Mdl = Locked(&Bytes, Mistaken ? IoReadAccess : IoWriteAccess);
    if (Mdl != NULL) {
        Receive(Mdl);
        MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
        Free(Bytes);
    }
}

MISTAKE(memory_of_a_locked_mdl_is_freed, "KRN-235")
{
    void *Bytes;
    PMDL Mdl = Locked(&Bytes, IoReadAccess);
    if (Mdl != NULL) {
        if (Mistaken) {
            Free(Bytes);
        }
        MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
        if (!Mistaken) {
            Free(Bytes);
        }
    }
}

MISTAKE(chain_has_a_cycle, "KRN-237")
{
    void *Bytes = Pool(64);
    PMDL Mdl = Over(Bytes, 64);
    if (Mdl != NULL && CaseWsk() && RequestNew(&Transfer)) {
        static SOCKADDR_IN Remote;
        Remote = Address4("10.0.0.2", 7000);
        MmBuildMdlForNonPagedPool(Mdl);
        PWSK_SOCKET Socket = SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL);
        if (Socket != NULL && NT_SUCCESS(SocketBind(Socket, 7000))) {
            WSK_BUF Buffer = {Mdl, 0, Mistaken ? 128 : 64};
            Mdl->Next = Mistaken ? Mdl : NULL;
            Datagram(Socket)->WskSendTo(Socket, &Buffer, 0, (PSOCKADDR)&Remote, 0, NULL,
                                        Fresh(&Transfer));
            (void)Finish(&Transfer);
        }
    }
    FreeMdl(Mdl);
    Free(Bytes);
}

MISTAKE(byte_count_is_changed_by_hand, "KRN-239")
{
    void *Bytes;
    PMDL Mdl = Locked(&Bytes, IoWriteAccess);
    if (Mdl != NULL) {
        ULONG Count = Mdl->ByteCount;
        if (Mistaken) {
            Mdl->ByteCount = 100;
        }
        Receive(Mdl);
        Mdl->ByteCount = Count;
        MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
        Free(Bytes);
    }
}

/* ---- MDLs of indications (KRN-238) ---- */

static volatile LONG Indications;

static NTSTATUS WSKAPI OnDatagram(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    for (; Data != NULL; Data = Data->Next) {
        InterlockedIncrement(&Indications);
        if (Mistaken) {
            MmBuildMdlForNonPagedPool(Data->Buffer.Mdl);
        }
        (void)MmGetSystemAddressForMdlSafe(Data->Buffer.Mdl, NormalPagePriority);
    }
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH OnDatagrams = {OnDatagram};

static void SendOne(void)
{
    struct wsksim_port *Port = wsksim_bind(NULL, 0);
    for (int i = 0; i < 5 && Port != NULL && Indications == 0; i++) {
        wsksim_send_to(Port, NULL, 7000, "hello", 5);
        wsksim_sleep(10000);
    }
}

MISTAKE(indicated_mdl_is_built_again, "KRN-238 KPROP-24", .world = SendOne)
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &OnDatagrams) : NULL;
    if (Socket != NULL && NT_SUCCESS(SocketBind(Socket, 7000)) &&
        NT_SUCCESS(SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM))) {
        CaseSleep(50);
    }
}
