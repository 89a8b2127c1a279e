/* SPDX-License-Identifier: MIT */
/* Cases of the life cycle, 1.2: IRPs and the calls that take them. */
#include "life.h"

static UCHAR Remote[64];
static WSK_BUF Buffer;

/* A bound datagram socket and a buffer, or NULL. */
static PWSK_SOCKET Bound(void)
{
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    if (Socket == NULL || !RequestNew(&First) || !RequestNew(&Second) ||
        !NT_SUCCESS(SocketBind(Socket, 7000))) {
        return NULL;
    }
    Buffer = BufferNew(64);
    return Buffer.Mdl != NULL ? Socket : NULL;
}

/* A request that waits until somebody cancels it or closes the socket. */
static NTSTATUS Receive(PWSK_SOCKET Socket, PIRP Irp)
{
    return Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, (PSOCKADDR)Remote, NULL, NULL,
                                            NULL, Irp);
}

static NTSTATUS Make(PIRP Irp)
{
    return CaseNpi.Dispatch->WskSocket(CaseNpi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                       WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL, NULL, NULL, NULL, Irp);
}

static void AdoptIf(NTSTATUS Status, ULONG_PTR Information)
{
    if (NT_SUCCESS(Status)) {
        SocketAdopt((PWSK_SOCKET)Information);
    }
}

/* ---- no IRP (IRP-001, IRP-002, IRP-032) ---- */

MISTAKE(socket_without_an_irp, "IRP-001")
{
    if (CaseWsk() && RequestNew(&First)) {
        (void)Make(Mistaken ? NULL : Fresh(&First));
        if (!Mistaken) {
            AdoptIf(Finish(&First), First.Information);
        }
    }
}

MISTAKE(receive_without_an_irp, "IRP-001")
{
    PWSK_SOCKET Socket = Bound();
    if (Socket != NULL) {
        (void)Receive(Socket, Mistaken ? NULL : Fresh(&First));
    }
}

DUTY(null_irp_is_an_invalid_parameter, "IRP-002 IRP-032 PROP-LIFE-49 irp.null_status",
     .off = "IRP-001", .knobs = "irp.null_status=invalid-parameter")
{
    static SOCKADDR_IN Any;
    PWSK_SOCKET Socket = Bound();
    if (Socket == NULL) {
        return;
    }
    Check(Make(NULL) == STATUS_INVALID_PARAMETER);
    Check(CaseNpi.Dispatch->WskSocket(NULL, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                      WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL, NULL, NULL, NULL,
                                      NULL) == STATUS_INVALID_PARAMETER);
    Check(Receive(Socket, NULL) == STATUS_INVALID_PARAMETER);
    Check(Datagram(Socket)->WskBind(Socket, (PSOCKADDR)&Any, 0, NULL) == STATUS_INVALID_PARAMETER);
    Check(Basic(Socket)->WskCloseSocket(Socket, NULL) == STATUS_INVALID_PARAMETER);
}

MISTAKE(irp_null_status_crash, "MEM-NULL irp.null_status IRP-002", .off = "IRP-001",
        .knobs = "irp.null_status=crash")
{
    PWSK_SOCKET Socket = Bound();
    if (Socket != NULL && Mistaken) {
        (void)Receive(Socket, NULL);
    }
}

/* ---- the IRP as it comes (IRP-003 to IRP-007, IRP-012, IRP-031) ---- */

static KEVENT Done;
static NTSTATUS DoneStatus;
static ULONG_PTR DoneInformation;

static NTSTATUS Signal(PIRP Irp, NTSTATUS Answer)
{
    DoneStatus = Irp->IoStatus.Status;
    DoneInformation = Irp->IoStatus.Information;
    KeSetEvent(&Done, IO_NO_INCREMENT, FALSE);
    return Answer;
}

static NTSTATUS OnDone(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Context);
    return Signal(Irp, STATUS_MORE_PROCESSING_REQUIRED);
}

static NTSTATUS OnDoneContinue(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Context);
    return Signal(Irp, Mistaken ? STATUS_SUCCESS : STATUS_MORE_PROCESSING_REQUIRED);
}

/* Creates a socket with this IRP and waits. */
static void MakeAndWait(PIRP Irp)
{
    KeClearEvent(&Done);
    (void)Make(Irp);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    AdoptIf(DoneStatus, DoneInformation);
}

static PIRP NewIrp(CCHAR Locations)
{
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    return CaseWsk() ? IoAllocateIrp(Locations, FALSE) : NULL;
}

MISTAKE(no_stack_location, "IRP-003 BUG-LIFE-07 KRN-002")
{
    PIRP Irp = NewIrp(Mistaken ? 0 : 1);
    if (Irp != NULL) {
        if (!Mistaken) {
            IoSetCompletionRoutine(Irp, OnDone, NULL, TRUE, TRUE, TRUE);
        }
        MakeAndWait(Irp);
        IoFreeIrp(Irp);
    }
}

MISTAKE(last_stack_location_is_taken, "IRP-003")
{
    PIRP Irp = NewIrp(1);
    if (Irp != NULL) {
        IoSetCompletionRoutine(Irp, OnDone, NULL, TRUE, TRUE, TRUE);
        if (Mistaken) {
            IoSetNextIrpStackLocation(Irp);
        }
        MakeAndWait(Irp);
        IoFreeIrp(Irp);
    }
}

MISTAKE(routine_not_for_errors, "IRP-004 BUG-LIFE-05")
{
    PIRP Irp = NewIrp(1);
    if (Irp != NULL) {
        IoSetCompletionRoutine(Irp, OnDone, NULL, TRUE, !Mistaken, TRUE);
        MakeAndWait(Irp);
        IoFreeIrp(Irp);
    }
}

MISTAKE(routine_returns_success, "IRP-005 BUG-LIFE-04")
{
    PIRP Irp = NewIrp(1);
    if (Irp != NULL) {
        IoSetCompletionRoutine(Irp, OnDoneContinue, NULL, TRUE, TRUE, TRUE);
        MakeAndWait(Irp);
        IoFreeIrp(Irp);
    }
}

MISTAKE(irp_not_reinitialised, "IRP-006 BUG-LIFE-06")
{
    PIRP Irp = NewIrp(1);
    if (Irp != NULL) {
        for (ULONG i = 0; i < 2; i++) {
            if (i > 0 && !Mistaken) {
                IoReuseIrp(Irp, STATUS_UNSUCCESSFUL);
            }
            IoSetCompletionRoutine(Irp, OnDone, NULL, TRUE, TRUE, TRUE);
            MakeAndWait(Irp);
        }
        IoFreeIrp(Irp);
    }
}

/* What the client leaves in the next location, the routine apart, counts for nothing. */
static BOOLEAN SawPending;

static NTSTATUS SeesPending(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Context);
    SawPending = Irp->PendingReturned;
    return Signal(Irp, STATUS_MORE_PROCESSING_REQUIRED);
}

DUTY(next_location_is_overwritten, "IRP-012 IRP-018 CTL-016", .off = "CTL-016")
{
    PIRP Irp = NewIrp(1);
    if (Irp != NULL) {
        IoSetCompletionRoutine(Irp, SeesPending, NULL, TRUE, TRUE, TRUE);
        IoGetNextIrpStackLocation(Irp)->Control |= SL_PENDING_RETURNED;
        NTSTATUS Status = Make(Irp);
        KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
        Check(SawPending == (Status == STATUS_PENDING));
        AdoptIf(DoneStatus, DoneInformation);
        IoFreeIrp(Irp);
    }
}

static struct {
    IRP Irp;
    IO_STACK_LOCATION Location[2];
} Raw;

static BOOLEAN RawSocket(void)
{
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    if (!CaseWsk()) {
        return FALSE;
    }
    IoInitializeIrp(&Raw.Irp, sizeof Raw, 1);
    IoSetCompletionRoutine(&Raw.Irp, OnDone, NULL, TRUE, TRUE, TRUE);
    MakeAndWait(&Raw.Irp);
    return (BOOLEAN)NT_SUCCESS(DoneStatus);
}

FREEDOM(raw_irp_is_accepted, "IRP-031")
{
    if (RawSocket()) {
        Witness();
    }
}

MISTAKE(raw_irp_where_pages_list_none, "IRP-031 irp.raw_memory", .is_lint = 1,
        .knobs = "irp.raw_memory=lint")
{
    if (Mistaken) {
        (void)RawSocket();
    }
}

DUTY(raw_irp_without_a_word, "IRP-031 irp.raw_memory", .is_lint = 1,
     .knobs = "irp.raw_memory=accept", .is_silent = 1)
{
    (void)RawSocket();
}

/* ---- the IRP in flight (IRP-008, IRP-009, IRP-019, IRP-030) ---- */

MISTAKE(freed_after_pending, "IRP-008 BUG-LIFE-01 PROP-LIFE-04")
{
    PWSK_SOCKET Socket = Bound();
    if (Socket != NULL && Receive(Socket, Fresh(&First)) == STATUS_PENDING && Mistaken) {
        IoFreeIrp(RequestForget(&First));
    }
}

MISTAKE(reused_after_pending, "IRP-008 BUG-LIFE-01")
{
    PWSK_SOCKET Socket = Bound();
    if (Socket != NULL && Receive(Socket, Fresh(&First)) == STATUS_PENDING && Mistaken) {
        IoReuseIrp(First.Irp, STATUS_SUCCESS);
    }
}

MISTAKE(passed_twice_at_once, "IRP-008")
{
    PWSK_SOCKET Socket = Bound();
    if (Socket != NULL && Receive(Socket, Fresh(&First)) == STATUS_PENDING) {
        PIRP Irp = Mistaken ? First.Irp : Fresh(&Second);
        (void)Receive(Socket, Irp);
    }
}

MISTAKE(irp_never_freed, "IRP-009 PROP-LIFE-05")
{
    PIRP Irp = NewIrp(1);
    if (Irp != NULL) {
        IoSetCompletionRoutine(Irp, OnDone, NULL, TRUE, TRUE, TRUE);
        MakeAndWait(Irp);
        if (!Mistaken) {
            IoFreeIrp(Irp);
        }
    }
}

/* A request with its context in one block, which the routine frees. */
struct block {
    LONG Uses;
    KEVENT *Done;
};

static NTSTATUS OnDoneFree(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    struct block *Mine = Context;
    UNREFERENCED_PARAMETER(Device);
    KEVENT *Event = Mine->Done;
    DoneStatus = Irp->IoStatus.Status;
    DoneInformation = Irp->IoStatus.Information;
    ExFreePoolWithTag(Mine, TAG);
    IoFreeIrp(Irp);
    KeSetEvent(Event, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static struct block *NewBlock(PIRP *Irp)
{
    *Irp = NewIrp(1);
    struct block *Mine =
        *Irp != NULL ? ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Mine, TAG) : NULL;
    if (Mine != NULL) {
        *Mine = (struct block){0, &Done};
        IoSetCompletionRoutine(*Irp, OnDoneFree, Mine, TRUE, TRUE, TRUE);
    } else if (*Irp != NULL) {
        IoFreeIrp(*Irp);
    }
    return Mine;
}

static void WaitAndAdopt(void)
{
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    AdoptIf(DoneStatus, DoneInformation);
}

MISTAKE(context_touched_after_the_call, "MEM-UAF BUG-LIFE-02 IRP-019 IRP-016 PROP-LIFE-39")
{
    PIRP Irp;
    struct block *Mine = NewBlock(&Irp);
    if (Mine != NULL) {
        if (!Mistaken) {
            Mine->Uses++;
        }
        (void)Make(Irp);
        if (Mistaken) {
            Mine->Uses++;
        }
        WaitAndAdopt();
    }
}

MISTAKE(status_read_from_a_freed_irp, "MEM-UAF BUG-LIFE-63 IRP-019")
{
    PIRP Irp;
    struct block *Mine = NewBlock(&Irp);
    if (Mine != NULL) {
        (void)Make(Irp);
        WaitAndAdopt();
        if (Mistaken && NT_SUCCESS(Irp->IoStatus.Status)) {
            DoneStatus = 0;
        }
    }
}

/* The caller believes that a request which did not pend has no routine. */
static NTSTATUS OnBindFree(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Context);
    IoFreeIrp(Irp);
    KeSetEvent(&Done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

MISTAKE(failure_is_handled_twice, "KRN-006 BUG-LIFE-03 IRP-014")
{
    static SOCKADDR_IN Foreign;
    PWSK_SOCKET Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    PIRP Irp = Socket != NULL ? NewIrp(1) : NULL;
    if (Irp != NULL) {
        Foreign = Address4("9.9.9.9", 7000); /* fails, inline or later */
        IoSetCompletionRoutine(Irp, OnBindFree, NULL, TRUE, TRUE, TRUE);
        NTSTATUS Status = Datagram(Socket)->WskBind(Socket, (PSOCKADDR)&Foreign, 0, Irp);
        if (Status != STATUS_PENDING && !NT_SUCCESS(Status) && Mistaken) {
            IoFreeIrp(Irp);
        }
        KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    }
}

MISTAKE(status_read_in_flight, "IRP-030")
{
    PWSK_SOCKET Socket = Bound();
    if (Socket != NULL && Receive(Socket, Fresh(&First)) == STATUS_PENDING && Mistaken &&
        NT_SUCCESS(First.Irp->IoStatus.Status)) {
        CaseSleep(1);
    }
}

/* Waits with a time limit, and leaves although the request is still pending. */
static __attribute__((noinline)) void ReceiveFor(PWSK_SOCKET Socket, LONGLONG Milliseconds)
{
    union {
        IRP Irp;
        UCHAR Bytes[sizeof(IRP) + sizeof(IO_STACK_LOCATION)];
    } Local;
    LARGE_INTEGER Limit;
    Limit.QuadPart = -Milliseconds * 10000;
    KeClearEvent(&Done);
    IoInitializeIrp(&Local.Irp, sizeof Local, 1);
    IoSetCompletionRoutine(&Local.Irp, OnDone, NULL, TRUE, TRUE, TRUE);
    (void)Receive(Socket, &Local.Irp);
    if (KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, &Limit) == STATUS_TIMEOUT &&
        !Mistaken) {
        (void)IoCancelIrp(&Local.Irp);
        KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    }
}

MISTAKE(left_with_the_irp_on_the_stack, "KRN-029 BUG-LIFE-65 IRP-008")
{
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    PWSK_SOCKET Socket = Bound();
    if (Socket != NULL) {
        ReceiveFor(Socket, 1);
    }
}

