/* SPDX-License-Identifier: MIT */
/*
 * Cases of the life cycle, 1.2: IRPs from above that are passed on to WSK (IRP-007, IRP-010,
 * IRP-011, IRP-027).
 */
#include "device.h"

static PWSK_SOCKET Socket;
static UCHAR Remote[64];
static WSK_BUF Buffer;

static BOOLEAN Ready(void)
{
    Socket = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    if (Socket == NULL || !NT_SUCCESS(SocketBind(Socket, 7000))) {
        return FALSE;
    }
    Buffer = BufferNew(64);
    return Buffer.Mdl != NULL;
}

static NTSTATUS Local(PIRP Irp)
{
    static SOCKADDR_STORAGE Address;
    return Datagram(Socket)->WskGetLocalAddress(Socket, (PSOCKADDR)&Address, Irp);
}

/* The device gives its IRPs one location more than it needs itself. */
static void ServeAbove(PDRIVER_DISPATCH Control)
{
    static DEVICE_OBJECT Below = {.StackSize = 2};
    if (Ready()) {
        Serve(Control, &Below);
    }
}

static NTSTATUS Reuses(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    if (Mistaken) {
        IoReuseIrp(Irp, STATUS_SUCCESS);
    }
    return Complete(Irp, STATUS_SUCCESS);
}

MISTAKE(irp_from_above_reused, "IRP-007", .world = User)
{
    Serve(Reuses, NULL);
}

static NTSTATUS Marks(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Context);
    if (Irp->PendingReturned && !Mistaken) {
        IoMarkIrpPending(Irp);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS PassesMarking(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoSetCompletionRoutine(Irp, Marks, NULL, TRUE, TRUE, TRUE);
    return Local(Irp);
}

MISTAKE(pending_is_not_passed_on, "KRN-015 IRP-011", .world = User)
{
    ServeAbove(PassesMarking);
}

static NTSTATUS FreesIt(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Context);
    if (Mistaken) {
        IoFreeIrp(Irp);
        return STATUS_MORE_PROCESSING_REQUIRED;
    }
    if (Irp->PendingReturned) {
        IoMarkIrpPending(Irp);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS PassesFreeing(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoSetCompletionRoutine(Irp, FreesIt, NULL, TRUE, TRUE, TRUE);
    return Local(Irp);
}

MISTAKE(irp_from_above_freed, "IRP-010 BUG-LIFE-57", .world = User)
{
    ServeAbove(PassesFreeing);
}

/* Stops completion, to go on on a thread; and forgets it there. */
static NTSTATUS Stops(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS PassesStopping(PDEVICE_OBJECT Device, PIRP Irp)
{
    KEVENT Done;
    UNREFERENCED_PARAMETER(Device);
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    IoMarkIrpPending(Irp);
    IoSetCompletionRoutine(Irp, Stops, &Done, TRUE, TRUE, TRUE);
    (void)Local(Irp);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    if (!Mistaken) {
        (void)Complete(Irp, STATUS_SUCCESS);
    }
    return STATUS_PENDING;
}

MISTAKE(stopped_irp_never_completed, "KRN-035 BUG-LIFE-57 IRP-010", .world = User)
{
    ServeAbove(PassesStopping);
}

/* An IRP from above waits in WskReceiveFrom; only its sender may cancel it. */
static NTSTATUS Passes(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoSetCompletionRoutine(Irp, Marks, NULL, FALSE, FALSE, FALSE);
    NTSTATUS Status = Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, (PSOCKADDR)Remote, NULL,
                                                       NULL, NULL, Irp);
    if (Mistaken && Status == STATUS_PENDING) {
        (void)IoCancelIrp(Irp);
    }
    return Status;
}

MISTAKE(irp_from_above_cancelled, "IRP-027", .world = ImpatientUser)
{
    ServeAbove(Passes);
}
