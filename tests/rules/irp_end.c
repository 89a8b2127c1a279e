/* SPDX-License-Identifier: MIT */
/*
 * Cases of the life cycle, 1.2: how a request ends. Answers and completions, completion routines,
 * cancelling.
 */
#include "life.h"

static UCHAR Remote[64];
static WSK_BUF Buffer;

static PWSK_SOCKET Unbound(void)
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    return Socket != NULL && RequestNew(&First) && RequestNew(&Second) ? Socket : NULL;
}

static PWSK_SOCKET Bound(void)
{
    PWSK_SOCKET Socket = Unbound();
    if (Socket == NULL || !NT_SUCCESS(SocketBind(Socket, 7000))) {
        return NULL;
    }
    Buffer = BufferNew(64);
    return Buffer.Mdl != NULL ? Socket : NULL;
}

static NTSTATUS Receive(PWSK_SOCKET Socket, PIRP Irp)
{
    return Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, (PSOCKADDR)Remote, NULL, NULL,
                                            NULL, Irp);
}

static NTSTATUS Bind(PWSK_SOCKET Socket, const char *Address, USHORT Port, PIRP Irp)
{
    static SOCKADDR_IN Local;
    Local = Address4(Address, Port);
    return Datagram(Socket)->WskBind(Socket, (PSOCKADDR)&Local, 0, Irp);
}

static NTSTATUS Make(PIRP Irp)
{
    return CaseNpi.Dispatch->WskSocket(CaseNpi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                       WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL, NULL, NULL, NULL, Irp);
}

/* ---- answers and completions (IRP-013 to IRP-018, IRP-029) ---- */

/* What a request came to, as a routine sees it. */
static struct seen {
    KEVENT Done;
    NTSTATUS Status;
    ULONG_PTR Information;
    BOOLEAN Pending, IsCancelled;
    KIRQL Irql;
    volatile LONG Completions;
} Seen;

static NTSTATUS Sees(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    struct seen *To = Context;
    UNREFERENCED_PARAMETER(Device);
    To->Status = Irp->IoStatus.Status;
    To->Information = Irp->IoStatus.Information;
    To->Pending = Irp->PendingReturned;
    To->IsCancelled = Irp->Cancel;
    To->Irql = KeGetCurrentIrql();
    InterlockedIncrement(&To->Completions);
    KeSetEvent(&To->Done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static PIRP Seeing(struct request *Request)
{
    PIRP Irp = Fresh(Request);
    Request->InFlight = FALSE; /* it is waited for here */
    RtlZeroMemory(&Seen, sizeof Seen);
    KeInitializeEvent(&Seen.Done, NotificationEvent, FALSE);
    IoSetCompletionRoutine(Irp, Sees, &Seen, TRUE, TRUE, TRUE);
    return Irp;
}

/* Everything that is promised about the answer and the completion of one request. */
static NTSTATUS Agree(NTSTATUS Answer)
{
    LONG Before = Seen.Completions;
    Check(Answer == STATUS_PENDING || Before == 1);
    KeWaitForSingleObject(&Seen.Done, Executive, KernelMode, FALSE, NULL);
    Check(Seen.Completions == 1);
    Check(Seen.Status != STATUS_PENDING);
    Check(Answer == STATUS_PENDING || NT_SUCCESS(Answer) == NT_SUCCESS(Seen.Status));
    Check(Answer == STATUS_PENDING || NT_SUCCESS(Answer) || Answer == Seen.Status);
    Check(Seen.Pending == (Answer == STATUS_PENDING));
    Check(NT_SUCCESS(Seen.Status) || Seen.Information == 0);
    return Seen.Status;
}

DUTY(answers_agree_with_completions,
     "IRP-014 IRP-013 IRP-015 IRP-017 IRP-018 IRP-029 PROP-LIFE-01 PROP-LIFE-02 PROP-LIFE-03 "
     "PROP-LIFE-46 irp.nonpending_completion",
     .knobs = "irp.nonpending_completion=before-return")
{
    PWSK_SOCKET Socket = Unbound();
    if (Socket == NULL) {
        return;
    }
    (void)Agree(Bind(Socket, "9.9.9.9", 7000, Seeing(&First))); /* no address of ours */
    if (NT_SUCCESS(Agree(Bind(Socket, "0.0.0.0", 7000, Seeing(&First))))) {
        Check(Seen.Information == 0);
        static SOCKADDR_STORAGE Local;
        if (NT_SUCCESS(Agree(Datagram(Socket)->WskGetLocalAddress(Socket, (PSOCKADDR)&Local,
                                                                  Seeing(&First))))) {
            Check(Seen.Information == 0);
        }
    }
    if (NT_SUCCESS(Agree(Make(Seeing(&First))))) {
        Check(Seen.Information != 0);
        SocketAdopt((PWSK_SOCKET)Seen.Information);
    }
    SocketForget(Socket);
    Check(NT_SUCCESS(Agree(Basic(Socket)->WskCloseSocket(Socket, Seeing(&First)))));
    Check(Seen.Information == 0);
}

FREEDOM(completes_before_the_call_returns, "IRP-016")
{
    PWSK_SOCKET Socket = Unbound();
    if (Socket != NULL) {
        NTSTATUS Answer = Bind(Socket, "0.0.0.0", 7000, Seeing(&First));
        if (Answer == STATUS_PENDING && Seen.Completions == 1) {
            Witness();
        }
        (void)Agree(Answer);
    }
}

FREEDOM(completes_without_pending, "IRP-016")
{
    PWSK_SOCKET Socket = Unbound();
    if (Socket != NULL && Agree(Bind(Socket, "0.0.0.0", 7000, Seeing(&First))) == STATUS_SUCCESS &&
        !Seen.Pending) {
        Witness();
    }
}

FREEDOM(irp_nonpending_completion_after_return, "IRP-017 irp.nonpending_completion",
        .knobs = "irp.nonpending_completion=after-return")
{
    PWSK_SOCKET Socket = Unbound();
    if (Socket != NULL) {
        NTSTATUS Answer = Bind(Socket, "9.9.9.9", 7000, Seeing(&First));
        if (Answer != STATUS_PENDING && Seen.Completions == 0) {
            Witness();
        }
        KeWaitForSingleObject(&Seen.Done, Executive, KernelMode, FALSE, NULL);
    }
}

static void SeeIrql(KIRQL Irql)
{
    PWSK_SOCKET Socket = Unbound();
    if (Socket != NULL) {
        (void)Agree(Bind(Socket, "0.0.0.0", 7000, Seeing(&First)));
        if (Seen.Irql == Irql) {
            Witness();
        }
    }
}

FREEDOM(completes_at_dispatch_level, "IRP-020")
{
    SeeIrql(DISPATCH_LEVEL);
}

FREEDOM(completes_at_apc_level, "IRP-020")
{
    SeeIrql(APC_LEVEL);
}

FREEDOM(completes_at_passive_level, "IRP-020")
{
    SeeIrql(PASSIVE_LEVEL);
}

/* ---- completion routines (IRP-021 to IRP-024) ---- */

static UCHAR *Paged;

static NTSTATUS TouchesPaged(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    if (Mistaken) {
        Paged[0]++;
    }
    return Sees(Device, Irp, Context);
}

MISTAKE(routine_touches_paged_pool, "KRN-051 IRP-021 PROP-LIFE-40")
{
    PWSK_SOCKET Socket = Unbound();
    Paged = Socket != NULL ? ExAllocatePoolWithTag(PagedPool, 16, TAG) : NULL;
    if (Paged != NULL) {
        Paged[0] = 0;
        PIRP Irp = Seeing(&First);
        IoSetCompletionRoutine(Irp, TouchesPaged, &Seen, TRUE, TRUE, TRUE);
        (void)Agree(Bind(Socket, "0.0.0.0", 7000, Irp));
        ExFreePoolWithTag(Paged, TAG);
    }
}

/* A callback that was only ever seen at PASSIVE_LEVEL. */
static NTSTATUS WSKAPI PagedCallback(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    if (Mistaken && Data != NULL) {
        Paged[0]++;
    }
    return STATUS_SUCCESS;
}

MISTAKE(callback_touches_paged_pool, "KRN-051 BUG-LIFE-10 IRP-021 EVT-010 PROP-LIFE-40",
        .keep = WSKSIM_KEEP_DATAGRAMS)
{
    static const WSK_CLIENT_DATAGRAM_DISPATCH Dispatch = {PagedCallback};
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &Dispatch) : NULL;
    Paged = Socket != NULL ? ExAllocatePoolWithTag(PagedPool, 16, TAG) : NULL;
    if (Paged != NULL) {
        Paged[0] = 0;
        if (NT_SUCCESS(SocketBind(Socket, 7000)) &&
            NT_SUCCESS(SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM))) {
            CaseSleep(100);
        }
        (void)SocketClose(Socket);
        ExFreePoolWithTag(Paged, TAG);
    }
}

MISTAKE(completion_event_in_paged_pool, "KRN-080 BUG-LIFE-64 IRP-021 KRN-008")
{
    PWSK_SOCKET Socket = Unbound();
    struct seen *Mine =
        Socket != NULL ? ExAllocatePoolWithTag(Mistaken ? PagedPool : NonPagedPoolNx, sizeof *Mine,
                                               TAG)
                       : NULL;
    if (Mine != NULL) {
        RtlZeroMemory(Mine, sizeof *Mine);
        KeInitializeEvent(&Mine->Done, NotificationEvent, FALSE);
        PIRP Irp = Seeing(&First);
        IoSetCompletionRoutine(Irp, Sees, Mine, TRUE, TRUE, TRUE);
        (void)Bind(Socket, "0.0.0.0", 7000, Irp);
        KeWaitForSingleObject(&Mine->Done, Executive, KernelMode, FALSE, NULL);
        ExFreePoolWithTag(Mine, TAG);
    }
}

/* The next request from the routine of the last one. */
static PWSK_SOCKET Chain;
static volatile LONG Links;

static NTSTATUS Continues(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    if (NT_SUCCESS(Irp->IoStatus.Status) && ++Links < 3 && Mistaken) {
        (void)Bind(Chain, "0.0.0.0", 7001, Seeing(&Second));
    }
    return Sees(Device, Irp, Context);
}

MISTAKE(routine_issues_the_next_request, "IRP-022 BUG-LIFE-11 EVT-017")
{
    static struct seen Own;
    Chain = Unbound();
    if (Chain != NULL) {
        PIRP Irp = Fresh(&First);
        First.InFlight = FALSE;
        KeInitializeEvent(&Own.Done, NotificationEvent, FALSE);
        IoSetCompletionRoutine(Irp, Continues, &Own, TRUE, TRUE, TRUE);
        (void)Bind(Chain, "0.0.0.0", 7000, Irp);
        KeWaitForSingleObject(&Own.Done, Executive, KernelMode, FALSE, NULL);
        if (Mistaken && Links != 0) {
            KeWaitForSingleObject(&Seen.Done, Executive, KernelMode, FALSE, NULL);
        }
    }
}

static NTSTATUS Waits(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    if (Mistaken && KeGetCurrentIrql() < DISPATCH_LEVEL) {
        (void)Receive(Chain, Fresh(&Second));
        (void)Finish(&Second);
    }
    return Sees(Device, Irp, Context);
}

MISTAKE(routine_waits_for_a_request, "IRP-023 BUG-LIFE-09 PROP-LIFE-19")
{
    Chain = Bound();
    if (Chain != NULL) {
        PIRP Irp = Seeing(&First);
        IoSetCompletionRoutine(Irp, Waits, &Seen, TRUE, TRUE, TRUE);
        static SOCKADDR_STORAGE Local;
        (void)Datagram(Chain)->WskGetLocalAddress(Chain, (PSOCKADDR)&Local, Irp);
        KeWaitForSingleObject(&Seen.Done, Executive, KernelMode, FALSE, NULL);
    }
}

MISTAKE(waits_at_dispatch, "KRN-081 IRP-024")
{
    KIRQL Old = PASSIVE_LEVEL;
    PWSK_SOCKET Socket = Unbound();
    if (Socket != NULL) {
        if (Mistaken) {
            KeRaiseIrql(DISPATCH_LEVEL, &Old);
        }
        (void)Bind(Socket, "0.0.0.0", 7000, Fresh(&First));
        (void)Finish(&First);
        if (Mistaken) {
            KeLowerIrql(Old);
        }
    }
}

/* ---- cancelling (IRP-025 to IRP-028, IRP-033, IRP-034, table 2.3) ---- */

DUTY(cancelled_receive_ends_soon, "IRP-025 IRP-013 PROP-LIFE-50 PROP-LIFE-01")
{
    PWSK_SOCKET Socket = Bound();
    if (Socket == NULL) {
        return;
    }
    ULONGLONG Start = Now();
    NTSTATUS Answer = Receive(Socket, Seeing(&First));
    (void)IoCancelIrp(First.Irp);
    NTSTATUS Status = Agree(Answer);
    Check(NT_SUCCESS(Status) || Status == STATUS_CANCELLED || Status == STATUS_FILE_FORCED_CLOSED ||
          Status == STATUS_INSUFFICIENT_RESOURCES || Status == STATUS_CONNECTION_ABORTED);
    Check(Now() - Start < 8000); /* a second of delay, and what the clock may overtake */
}

/* What a cancelled request of each kind may come to, by the readings of cancel.honoured. */
static NTSTATUS CancelBind(void)
{
    PWSK_SOCKET Socket = Unbound();
    if (Socket == NULL) {
        return STATUS_UNSUCCESSFUL;
    }
    NTSTATUS Answer = Bind(Socket, "0.0.0.0", 7000, Seeing(&First));
    (void)IoCancelIrp(First.Irp);
    return Agree(Answer);
}

static NTSTATUS CancelCreation(void)
{
    if (!CaseWsk() || !RequestNew(&First)) {
        return STATUS_UNSUCCESSFUL;
    }
    NTSTATUS Answer = Make(Seeing(&First));
    (void)IoCancelIrp(First.Irp);
    if (NT_SUCCESS(Agree(Answer))) {
        SocketAdopt((PWSK_SOCKET)Seen.Information);
    }
    return Seen.Status;
}

DUTY(cancelled_bind_goes_on, "IRP-025 cancel.honoured", .knobs = "cancel.honoured=table")
{
    Check(CancelBind() != STATUS_CANCELLED);
}

FREEDOM(cancel_honoured_all, "IRP-025 cancel.honoured", .knobs = "cancel.honoured=all")
{
    if (CancelBind() == STATUS_CANCELLED) {
        Witness();
    }
}

DUTY(cancel_honoured_by_receives_only, "IRP-025 cancel.honoured",
     .knobs = "cancel.honoured=receives-only")
{
    Check(CancelCreation() != STATUS_CANCELLED);
}

/* Who waits after cancelling is right, whatever the request waits for (AMBIGUOUS-LIFE-75). */
DUTY(cancelled_list_change_ends, "IRP-025 IRP-033",
     .knobs = "cancel.honoured=receives-only")
{
    if (CaseWsk() && RequestNew(&First)) {
        NTSTATUS Answer =
            CaseNpi.Dispatch->WskControlClient(CaseNpi.Client, WSK_TRANSPORT_LIST_CHANGE, 0, NULL,
                                               0, NULL, NULL, Seeing(&First));
        (void)IoCancelIrp(First.Irp);
        Check(Agree(Answer) != STATUS_PENDING);
    }
}

FREEDOM(cancel_honoured_receives_only, "IRP-025",
        .knobs = "cancel.honoured=receives-only")
{
    if (CancelCreation() == STATUS_SUCCESS && Seen.Pending) {
        Witness();
    }
}

DUTY(cancel_honoured_delayed, "IRP-025 cancel.honoured", .knobs = "cancel.honoured=delayed")
{
    PWSK_SOCKET Socket = Bound();
    if (Socket != NULL) {
        LARGE_INTEGER Before, After;
        NTSTATUS Answer = Receive(Socket, Seeing(&First));
        KeQuerySystemTime(&Before);
        (void)IoCancelIrp(First.Irp);
        BOOLEAN IsEnded = Seen.Completions != 0;
        KeQuerySystemTime(&After);
        if (Agree(Answer) == STATUS_CANCELLED) {
            Check(!IsEnded || After.QuadPart - Before.QuadPart >= 10000);
        }
    }
}

FREEDOM(cancelled_creation_is_cancelled, "IRP-034 IRP-025")
{
    if (CancelCreation() == STATUS_CANCELLED) {
        Witness();
    }
}

FREEDOM(cancelled_creation_succeeds, "IRP-034 PROP-LIFE-45")
{
    if (CancelCreation() == STATUS_SUCCESS && Seen.Pending && Seen.IsCancelled) {
        Witness();
    }
}

DUTY(failed_creation_leaves_nothing, "SOCK-007 SOCK-023 PROP-LIFE-43")
{
    NTSTATUS Status = CancelCreation();
    Check(NT_SUCCESS(Status) || Seen.Information == 0);
}

MISTAKE(cancelled_creation_forgotten, "SOCK-020 BUG-LIFE-58 IRP-034 PROP-LIFE-45")
{
    if (CaseWsk() && RequestNew(&First)) {
        NTSTATUS Answer = Make(Seeing(&First));
        (void)IoCancelIrp(First.Irp);
        if (NT_SUCCESS(Agree(Answer)) && !Mistaken) {
            SocketAdopt((PWSK_SOCKET)Seen.Information);
        }
    }
}

/* The routine frees, although somebody cancels: the cancel is what makes it run. */
static PIRP Shared;
static KEVENT Gone;

static NTSTATUS Frees(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Context);
    if (Mistaken) {
        IoFreeIrp(Irp);
    }
    KeSetEvent(&Gone, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void Cancels(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    (void)IoCancelIrp(Shared);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

MISTAKE(freed_during_the_cancel, "IRP-026 BUG-LIFE-08")
{
    PWSK_SOCKET Socket = Bound();
    Shared = Socket != NULL ? IoAllocateIrp(1, FALSE) : NULL;
    if (Shared == NULL) {
        return;
    }
    KeInitializeEvent(&Gone, NotificationEvent, FALSE);
    IoSetCompletionRoutine(Shared, Frees, NULL, TRUE, TRUE, TRUE);
    PVOID Thread =
        Receive(Socket, Shared) == STATUS_PENDING && KeReadStateEvent(&Gone) == 0
            ? CaseThread(Cancels, NULL)
            : NULL;
    CaseJoin(Thread);
    (void)SocketClose(Socket);
    KeWaitForSingleObject(&Gone, Executive, KernelMode, FALSE, NULL);
    if (!Mistaken) {
        IoFreeIrp(Shared);
    }
}

MISTAKE(freed_right_after_the_cancel, "IRP-008 BUG-LIFE-59 IRP-033")
{
    PWSK_SOCKET Socket = Bound();
    if (Socket != NULL) {
        (void)Receive(Socket, Fresh(&First));
        (void)IoCancelIrp(First.Irp);
        if (!Mistaken) {
            (void)Finish(&First);
        }
        IoFreeIrp(RequestForget(&First));
    }
}

/*
 * A name that is still looked up when the driver goes: under this reading WskDeregister does not
 * wait for it.
 */
MISTAKE(unloaded_before_the_routine, "IRP-028 amb.53", .place = WSKSIM_CASE_UNLOAD,
        .knobs = "amb.53=irps-not-awaited")
{
    static UNICODE_STRING Name;
    static PADDRINFOEXW Result;
    static struct request Lookup;
    if (!RequestNew(&Lookup) || !Register(&Block)) {
        return;
    }
    if (Capture(&Block)) {
        if (Mistaken) {
            RtlInitUnicodeString(&Name, L"peer1");
            (void)Npi.Dispatch->WskGetAddressInfo(Npi.Client, &Name, NULL, 0, NULL, NULL, &Result,
                                                  NULL, NULL, Fresh(&Lookup));
            (void)RequestForget(&Lookup);
        }
        WskReleaseProviderNPI(&Block);
    }
    WskDeregister(&Block);
}
