/* SPDX-License-Identifier: MIT */
/* Cases of the kernel contract, 1.6: pool. */
#include "talk.h"

enum { SIZE = 64, TAG = 'looP' };

static PUCHAR Block(void)
{
    return ExAllocatePoolWithTag(NonPagedPoolNx, SIZE, TAG);
}

static void Give(PVOID Memory)
{
    if (Memory != NULL) {
        ExFreePoolWithTag(Memory, TAG);
    }
}

/* ---- allocating ---- */

MISTAKE(allocation_not_tested, "MEM-NULL KRN-190")
{
    PUCHAR Bytes = Block();
    if (Mistaken || Bytes != NULL) {
        Bytes[0] = 1;
    }
    Give(Bytes);
}

MISTAKE(paged_pool_at_dispatch, "KRN-191")
{
    KIRQL Old;
    PVOID Bytes;
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    Bytes = ExAllocatePoolWithTag(Mistaken ? PagedPool : NonPagedPoolNx, SIZE, TAG);
    KeLowerIrql(Old);
    Give(Bytes);
}

MISTAKE(paged_pool_freed_at_dispatch, "KRN-191")
{
    KIRQL Old;
    PVOID Bytes = ExAllocatePoolWithTag(Mistaken ? PagedPool : NonPagedPoolNx, SIZE, TAG);
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    Give(Bytes);
    KeLowerIrql(Old);
}

MISTAKE(nothing_allocated, "KRN-192")
{
    Give(ExAllocatePool2(POOL_FLAG_NON_PAGED, Mistaken ? 0 : SIZE, TAG));
}

MISTAKE(nothing_allocated_the_old_way, "KRN-192 kernel.pool_zero", .is_lint = 1)
{
    Give(ExAllocatePoolWithTag(NonPagedPoolNx, Mistaken ? 0 : SIZE, TAG));
}

MISTAKE(tag_is_zero, "KRN-193")
{
    PVOID Bytes = ExAllocatePoolWithTag(NonPagedPoolNx, SIZE, Mistaken ? 0 : TAG);
    if (Bytes != NULL) {
        ExFreePool(Bytes);
    }
}

MISTAKE(tag_does_not_print, "KRN-193")
{
    ULONG Tag = Mistaken ? 0x01020304 : TAG;
    PVOID Bytes = ExAllocatePool2(POOL_FLAG_NON_PAGED, SIZE, Tag);
    if (Bytes != NULL) {
        ExFreePoolWithTag(Bytes, Tag);
    }
}

MISTAKE(tag_of_the_system, "KRN-193", .is_lint = 1)
{
    ULONG Tag = Mistaken ? ' GIB' : TAG;
    PVOID Bytes = ExAllocatePoolWithTag(NonPagedPoolNx, SIZE, Tag);
    if (Bytes != NULL) {
        ExFreePoolWithTag(Bytes, Tag);
    }
}

MISTAKE(two_kinds_of_pool, "KRN-193")
{
    Give(ExAllocatePool2(POOL_FLAG_NON_PAGED | (Mistaken ? POOL_FLAG_PAGED : 0), SIZE, TAG));
}

MISTAKE(deprecated_routine, "KRN-203")
{
    Give(Mistaken ? ExAllocatePoolWithTag(NonPagedPoolNx, SIZE, TAG)
                  : ExAllocatePoolZero(NonPagedPoolNx, SIZE, TAG));
}

MISTAKE(executable_pool, "KRN-204")
{
    Give(ExAllocatePoolZero(Mistaken ? NonPagedPool : NonPagedPoolNx, SIZE, TAG));
}

MISTAKE(executable_pool_by_flag, "KRN-204")
{
    Give(ExAllocatePool2(Mistaken ? POOL_FLAG_NON_PAGED_EXECUTE : POOL_FLAG_NON_PAGED, SIZE, TAG));
}

/* ---- freeing ---- */

MISTAKE(freed_with_another_tag, "KRN-194 KBUG-37")
{
    PUCHAR Bytes = Block();
    if (Bytes != NULL) {
        ExFreePoolWithTag(Bytes, Mistaken ? 'rehO' : TAG);
    }
}

MISTAKE(freed_with_tag_zero, "KRN-194 kernel.free_tag_zero", .knobs = "kernel.free_tag_zero=1")
{
    PUCHAR Bytes = Block();
    if (Bytes != NULL) {
        ExFreePoolWithTag(Bytes, Mistaken ? 0 : TAG);
    }
}

DUTY(tag_zero_fits_any, "KRN-194 kernel.free_tag_zero", .knobs = "kernel.free_tag_zero=0",
     .is_silent = 1)
{
    PUCHAR Bytes = Block();
    if (Bytes != NULL) {
        ExFreePoolWithTag(Bytes, 0);
    }
}

MISTAKE(pool_freed_twice, "KRN-195")
{
    PUCHAR Bytes = Block();
    Give(Bytes);
    if (Mistaken) {
        Give(Bytes);
    }
}

MISTAKE(stack_freed_as_pool, "KRN-196")
{
    UCHAR Local[SIZE];
    PVOID volatile Where = Local;
    if (Mistaken) {
        Give(Where);
    }
}

MISTAKE(interior_freed, "KRN-196")
{
    PUCHAR Bytes = Block();
    Give(Bytes != NULL && Mistaken ? Bytes + 16 : Bytes);
}

MISTAKE(socket_freed_as_pool, "KRN-196 KBUG-37")
{
    PWSK_SOCKET Socket =
        CaseWsk() ? SocketNew(WSK_FLAG_CONNECTION_SOCKET, NULL, NULL) : NULL;
    if (Socket != NULL && Mistaken) {
        ExFreePool(Socket);
    }
}

MISTAKE(pool_used_after_free, "MEM-UAF KRN-197 KPROP-21")
{
    PUCHAR Bytes = Block();
    Give(Bytes);
    if (Bytes != NULL && Mistaken) {
        Bytes[0] = 1;
    }
}

MISTAKE(freed_pool_passed_on, "MEM-UAF KRN-197 KPROP-21")
{
    PUCHAR Bytes = Block();
    if (Bytes != NULL) {
        KeInitializeEvent((PRKEVENT)(PVOID)Bytes, NotificationEvent, FALSE);
        Give(Bytes);
        if (Mistaken) {
            KeSetEvent((PRKEVENT)(PVOID)Bytes, IO_NO_INCREMENT, FALSE);
        }
    }
}

MISTAKE(pool_written_beyond, "MEM-OVERFLOW KRN-198 KPROP-21")
{
    PUCHAR Bytes = Block();
    if (Bytes != NULL) {
        volatile ULONG At = Mistaken ? SIZE : SIZE - 1;
        Bytes[At] = 1;
    }
    Give(Bytes);
}

MISTAKE(pool_leaks, "KRN-199 KPROP-20")
{
    PUCHAR Bytes = Block();
    if (!Mistaken) {
        Give(Bytes);
    }
}

/* The buffer of a send that fails at once is forgotten. */
MISTAKE(leak_on_a_failed_send, "KRN-199 KBUG-38 KPROP-22 KPROP-20", .world = TalkSilent)
{
    static struct request Request;
    PWSK_SOCKET Socket = TalkConnected(NULL, NULL);
    PUCHAR Bytes = Block();
    WSK_BUF Buffer = TalkBuffer(8);
    if (Socket != NULL && Buffer.Mdl != NULL && RequestNew(&Request)) {
        for (ULONG i = 0; i < 20; i++) {
            NTSTATUS Status =
                Connection(Socket)->WskSend(Socket, &Buffer, 0, Fresh(&Request));
            (void)Finish(&Request);
            if (!NT_SUCCESS(Status) && Mistaken) {
                return;
            }
        }
    }
    Give(Bytes);
}

MISTAKE(freed_with_a_timer, "KRN-161 KRN-200")
{
    PKTIMER Timer = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Timer, TAG);
    LARGE_INTEGER Due = {.QuadPart = -10000000};
    if (Timer != NULL) {
        KeInitializeTimer(Timer);
        KeSetTimer(Timer, Due, NULL);
        if (!Mistaken) {
            KeCancelTimer(Timer);
        }
        Give(Timer);
    }
}

MISTAKE(freed_with_a_resource, "KRN-200 KPROP-15")
{
    PERESOURCE Resource = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Resource, TAG);
    if (Resource != NULL && NT_SUCCESS(ExInitializeResourceLite(Resource)) && !Mistaken) {
        ExDeleteResourceLite(Resource);
    }
    Give(Resource);
}

/* ---- contents and places ---- */

struct holder {
    PRKEVENT Event;
    ULONG Count;
};

MISTAKE(uninitialised_address, "KRN-201")
{
    struct holder *Holder = ExAllocatePoolUninitialized(NonPagedPoolNx, sizeof *Holder, TAG);
    if (Holder == NULL) {
        return;
    }
    if (!Mistaken) {
        Holder->Event = NULL;
    }
    if (Holder->Event != NULL) {
        KeSetEvent(Holder->Event, IO_NO_INCREMENT, FALSE);
    }
    Give(Holder);
}

MISTAKE(uninitialised_decision, "SYS-ASSERT KRN-201")
{
    struct holder *Holder =
        Mistaken ? ExAllocatePoolUninitialized(NonPagedPoolNx, sizeof *Holder, TAG)
                 : ExAllocatePoolZero(NonPagedPoolNx, sizeof *Holder, TAG);
    if (Holder != NULL) {
        NT_ASSERT(Holder->Count == 0);
    }
    Give(Holder);
}

static NTSTATUS WSKAPI OnDatagram(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION List)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(List);
    return STATUS_SUCCESS;
}

MISTAKE(dispatch_in_paged_pool, "KRN-202 KBUG-15")
{
    WSK_CLIENT_DATAGRAM_DISPATCH *Table =
        ExAllocatePoolWithTag(Mistaken ? PagedPool : NonPagedPoolNx, sizeof *Table, TAG);
    if (Table == NULL) {
        return;
    }
    Table->WskReceiveFromEvent = OnDatagram;
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, Table) : NULL;
    if (Socket != NULL) {
        (void)SocketClose(Socket);
    }
    Give(Table);
}

MISTAKE(wrong_pool_for_dispatch, "KRN-051 KRN-205 KBUG-15")
{
    KIRQL Old;
    PUCHAR Bytes = ExAllocatePoolWithTag(Mistaken ? PagedPool : NonPagedPoolNx, SIZE, TAG);
    if (Bytes != NULL) {
        KeRaiseIrql(DISPATCH_LEVEL, &Old);
        Bytes[0] = 1;
        KeLowerIrql(Old);
    }
    Give(Bytes);
}

MISTAKE(wrong_pool_for_an_mdl, "KRN-221 KRN-205")
{
    PUCHAR Bytes = ExAllocatePoolWithTag(Mistaken ? PagedPool : NonPagedPoolNx, SIZE, TAG);
    PMDL Mdl = Bytes != NULL ? IoAllocateMdl(Bytes, SIZE, FALSE, FALSE, NULL) : NULL;
    if (Mdl != NULL) {
        MmBuildMdlForNonPagedPool(Mdl);
        IoFreeMdl(Mdl);
    }
    Give(Bytes);
}

/* ---- what the system owes ---- */

static BOOLEAN IsZero(const UCHAR *Bytes)
{
    BOOLEAN All = TRUE;
    for (ULONG i = 0; i < SIZE; i++) {
        All &= Bytes[i] == 0;
    }
    return All;
}

DUTY(pool_contents, "KRN-206 KRN-201")
{
    for (ULONG i = 0; i < 4; i++) {
        PUCHAR Zero = ExAllocatePool2(POOL_FLAG_NON_PAGED, SIZE, TAG);
        PUCHAR Also = ExAllocatePoolZero(NonPagedPoolNx, SIZE, TAG);
        Check(Zero == NULL || IsZero(Zero));
        Check(Also == NULL || IsZero(Also));
        if (Zero != NULL) {
            RtlFillMemory(Zero, SIZE, 0x77); /* it may come back */
        }
        Give(Zero);
        Give(Also);
    }
}

DUTY(pool_alignment, "KRN-206")
{
    PUCHAR Small = ExAllocatePoolZero(NonPagedPoolNx, 24, TAG);
    PUCHAR Large = ExAllocatePoolZero(NonPagedPoolNx, PAGE_SIZE + 8, TAG);
    Check(((ULONG_PTR)Small & 15) == 0);
    Check(((ULONG_PTR)Large & (PAGE_SIZE - 1)) == 0);
    Give(Small);
    Give(Large);
}

FREEDOM(pool_garbage, "KRN-206 KRN-201")
{
    PUCHAR Bytes = ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED, SIZE, TAG);
    if (Bytes != NULL && !IsZero(Bytes)) {
        Witness();
    }
    Give(Bytes);
}

FREEDOM(allocation_fails, "KRN-190 KPROP-22")
{
    PUCHAR Bytes = Block();
    if (Bytes == NULL) {
        Witness();
    }
    Give(Bytes);
}

FREEDOM(pool_zero_is_small, "KRN-192 kernel.pool_zero", .knobs = "kernel.pool_zero=0")
{
    PVOID Bytes = ExAllocatePoolWithTag(NonPagedPoolNx, 0, TAG);
    if (Bytes != NULL) {
        Witness();
    }
    Give(Bytes);
}

DUTY(pool_zero_is_null, "KRN-192 kernel.pool_zero KAMB-11", .knobs = "kernel.pool_zero=1")
{
    PVOID Bytes = ExAllocatePoolWithTag(NonPagedPoolNx, 0, TAG);
    Check(Bytes == NULL);
}

static BOOLEAN ComesBack(void)
{
    PUCHAR Bytes = Block();
    Give(Bytes);
    PUCHAR Next = Block();
    BOOLEAN IsSame = Bytes != NULL && Bytes == Next;
    Give(Next);
    return IsSame;
}

DUTY(freed_block_stays_away, "KRN-197 kernel.pool_recycle", .knobs = "kernel.pool_recycle=0")
{
    Check(!ComesBack());
}

FREEDOM(freed_block_comes_back, "KRN-197 kernel.pool_recycle KAMB-20",
        .knobs = "kernel.pool_recycle=1")
{
    if (ComesBack()) {
        Witness();
    }
}

/* The quota form raises where others return NULL. */
DUTY(quota_form_raises, "KRN-190")
{
    PUCHAR Bytes = NULL;
    BOOLEAN HasRaised = FALSE;
    __try {
        Bytes = ExAllocatePoolQuotaZero(NonPagedPoolNx, SIZE, TAG);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        HasRaised = TRUE;
    }
    Check(HasRaised || Bytes != NULL);
    Give(Bytes);
}

MISTAKE(quota_form_not_handled, "KRN-061 KRN-190")
{
    PUCHAR Bytes = NULL;
    if (Mistaken) {
        Bytes = ExAllocatePoolQuotaZero(NonPagedPoolNx, SIZE, TAG);
    }
    Give(Bytes);
}
