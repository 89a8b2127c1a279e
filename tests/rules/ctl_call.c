/* SPDX-License-Identifier: MIT */
/* Cases of the control plane, 1.1: the shape of WskControlSocket, and whose the IRP is. */
#include "case.h"

static struct request Request;

static PWSK_SOCKET Udp(void)
{
    return CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
}

/* SO_BROADCAST with what is needed and a level. */
static NTSTATUS Broadcast(PWSK_SOCKET Socket, ULONG Level)
{
    static ULONG On;
    On = 1;
    return SocketControl(Socket, WskSetOption, SO_BROADCAST, Level, sizeof On, &On, 0, NULL, NULL);
}

/* Sizing form of the address list: no IRP, nothing is written. */
static NTSTATUS AskSize(PWSK_SOCKET Socket, ULONG Level)
{
    SIZE_T Size = 0;
    return Basic(Socket)->WskControlSocket(Socket, WskIoctl, SIO_ADDRESS_LIST_QUERY, Level, 0, NULL,
                                           0, NULL, &Size, NULL);
}

/* ---- the call ---- */

MISTAKE(control_on_a_copy, "CTL-001")
{
    static WSK_SOCKET Copy;
    PWSK_SOCKET Socket = Udp();
    if (Socket != NULL) {
        Copy = *Socket;
        (void)Broadcast(Mistaken ? &Copy : Socket, SOL_SOCKET);
    }
}

DUTY(tables_begin_with_control_and_close, "CTL-002")
{
    static const ULONG Flags[] = {WSK_FLAG_BASIC_SOCKET, WSK_FLAG_LISTEN_SOCKET,
                                  WSK_FLAG_DATAGRAM_SOCKET, WSK_FLAG_CONNECTION_SOCKET,
                                  WSK_FLAG_STREAM_SOCKET};
    PVOID First[2] = {NULL, NULL};
    for (ULONG i = 0; i < RTL_NUMBER_OF(Flags); i++) {
        PWSK_SOCKET Socket = CaseWsk() ? SocketNew(Flags[i], NULL, NULL) : NULL;
        if (Socket == NULL) {
            return;
        }
        const PVOID *Slots = (const PVOID *)Socket->Dispatch;
        Check(First[0] == NULL || (Slots[0] == First[0] && Slots[1] == First[1]));
        RtlCopyMemory(First, Slots, sizeof First);
        NTSTATUS Status = AskSize(Socket, 0);
        Check(Status == STATUS_BUFFER_OVERFLOW || Status == STATUS_FILE_FORCED_CLOSED);
    }
}

MISTAKE(control_after_close, "CTL-182 CTL-003 BUG-17 PROP-56")
{
    PWSK_SOCKET Socket = Udp();
    if (Socket == NULL || !RequestNew(&Request)) {
        return;
    }
    if (!Mistaken) {
        (void)AskSize(Socket, 0);
    }
    SocketForget(Socket);
    Basic(Socket)->WskCloseSocket(Socket, Fresh(&Request));
    if (Mistaken) {
        (void)AskSize(Socket, 0);
    }
    (void)Finish(&Request);
}

MISTAKE(unknown_request_type, "CTL-004")
{
    PWSK_SOCKET Socket = Udp();
    static ULONG On = 1;
    if (Socket != NULL) {
        (void)SocketControl(Socket, Mistaken ? WskControlMax : WskSetOption, SO_BROADCAST,
                            SOL_SOCKET, sizeof On, &On, 0, NULL, NULL);
    }
}

MISTAKE(ioctl_as_an_option, "CTL-005")
{
    PWSK_SOCKET Socket = Udp();
    if (Socket != NULL && NT_SUCCESS(SocketBind(Socket, 0))) {
        (void)SocketControl(Socket, Mistaken ? WskSetOption : WskIoctl, SIO_WSK_SET_REMOTE_ADDRESS,
                            SOL_SOCKET, 0, NULL, 0, NULL, NULL);
    }
}

MISTAKE(option_as_an_ioctl, "CTL-005")
{
    PWSK_SOCKET Socket = Udp();
    static ULONG On = 1;
    if (Socket != NULL) {
        (void)SocketControl(Socket, Mistaken ? WskIoctl : WskSetOption, SO_BROADCAST, SOL_SOCKET,
                            sizeof On, &On, 0, NULL, NULL);
    }
}

/* An option of IP that has the number of an I/O control is an option of IP. */
DUTY(two_number_spaces, "CTL-005 CTL-011")
{
    static ULONG In, Out;
    PWSK_SOCKET Socket = Udp();
    In = 5;
    Out = 0;
    if (Socket == NULL) {
        return;
    }
    NTSTATUS Status = SocketControl(Socket, WskSetOption, SIO_ADDRESS_LIST_QUERY, IPPROTO_IP,
                                    sizeof In, &In, 0, NULL, NULL);
    Check(Status == STATUS_SUCCESS || Status == STATUS_FILE_FORCED_CLOSED);
    if (!NT_SUCCESS(Status)) {
        return;
    }
    Status = SocketControl(Socket, WskGetOption, SIO_ADDRESS_LIST_QUERY, IPPROTO_IP, 0, NULL,
                           sizeof Out, &Out, NULL);
    Check(!NT_SUCCESS(Status) || Out == 5);
}

MISTAKE(option_with_a_wrong_level, "CTL-006")
{
    PWSK_SOCKET Socket = Udp();
    if (Socket != NULL) {
        (void)Broadcast(Socket, Mistaken ? 0x1234 : SOL_SOCKET);
    }
}

MISTAKE(event_option_with_level_0, "CTL-006")
{
    PWSK_SOCKET Socket = Udp();
    WSK_EVENT_CALLBACK_CONTROL Control = {&NPI_WSK_INTERFACE_ID,
                                          WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE};
    if (Socket != NULL && NT_SUCCESS(SocketBind(Socket, 0))) {
        (void)Basic(Socket)->WskControlSocket(Socket, WskSetOption, SO_WSK_EVENT_CALLBACK,
                                              Mistaken ? 0 : SOL_SOCKET, sizeof Control, &Control,
                                              0, NULL, NULL, NULL);
    }
}

DUTY(ioctl_ignores_the_level, "CTL-007 PROP-39")
{
    static const ULONG Levels[] = {0, SOL_SOCKET, IPPROTO_TCP, 0xDEAD};
    PWSK_SOCKET Socket = Udp();
    for (ULONG i = 0; Socket != NULL && i < RTL_NUMBER_OF(Levels); i++) {
        NTSTATUS Status = AskSize(Socket, Levels[i]);
        Check(Status == STATUS_BUFFER_OVERFLOW || Status == STATUS_FILE_FORCED_CLOSED);
    }
}

MISTAKE(input_that_nobody_wants, "CTL-008")
{
    static ULONG On, Unused;
    PWSK_SOCKET Socket = Udp();
    if (Socket != NULL) {
        (void)SocketControl(Socket, WskGetOption, SO_BROADCAST, SOL_SOCKET,
                            Mistaken ? sizeof Unused : 0, Mistaken ? &Unused : NULL, sizeof On, &On,
                            NULL);
    }
}

MISTAKE(output_that_nobody_fills, "CTL-009")
{
    static ULONG On = 1, Unused;
    PWSK_SOCKET Socket = Udp();
    if (Socket != NULL) {
        (void)SocketControl(Socket, WskSetOption, SO_BROADCAST, SOL_SOCKET, sizeof On, &On,
                            Mistaken ? sizeof Unused : 0, Mistaken ? &Unused : NULL, NULL);
    }
}

MISTAKE(output_size_lies, "CTL-010")
{
    PWSK_SOCKET Socket = Udp();
    SIZE_T Size = 0, Room = 64;
    PVOID List = ExAllocatePoolWithTag(NonPagedPoolNx, Room, 'ltcC');
    if (Socket != NULL && List != NULL) {
        (void)Basic(Socket)->WskControlSocket(Socket, WskIoctl, SIO_ADDRESS_LIST_QUERY, 0, 0, NULL,
                                              Mistaken ? 2 * Room : Room, List, &Size, NULL);
    }
    if (List != NULL) {
        ExFreePoolWithTag(List, 'ltcC');
    }
}

DUTY(output_stays_in_its_size, "CTL-010 PROP-36")
{
    static UCHAR Out[16];
    PWSK_SOCKET Socket = Udp();
    if (Socket != NULL) {
        RtlFillMemory(Out, sizeof Out, 0xA5);
        (void)SocketControl(Socket, WskGetOption, SO_BROADCAST, SOL_SOCKET, 0, NULL, sizeof(ULONG),
                            Out, NULL);
        Check(Out[sizeof(ULONG)] == 0xA5);
    }
}

DUTY(protocol_options_are_kept, "CTL-011")
{
    static ULONG In, Out;
    PWSK_SOCKET Socket = Udp();
    In = 1;
    Out = 0;
    if (Socket == NULL || !NT_SUCCESS(SocketControl(Socket, WskSetOption, IP_PKTINFO, IPPROTO_IP,
                                                    sizeof In, &In, 0, NULL, NULL))) {
        return;
    }
    NTSTATUS Status = SocketControl(Socket, WskGetOption, IP_PKTINFO, IPPROTO_IP, 0, NULL,
                                    sizeof Out, &Out, NULL);
    Check(!NT_SUCCESS(Status) || Out == 1);
    Check(!NT_SUCCESS(SocketControl(Socket, WskSetOption, 0x7777, 0x1234, sizeof In, &In, 0, NULL,
                                    NULL)));
}

MISTAKE(option_without_an_irp, "CTL-012")
{
    static ULONG On = 1;
    PWSK_SOCKET Socket = Udp();
    if (Socket == NULL) {
        return;
    }
    if (Mistaken) {
        (void)Basic(Socket)->WskControlSocket(Socket, WskSetOption, SO_BROADCAST, SOL_SOCKET,
                                              sizeof On, &On, 0, NULL, NULL, NULL);
    } else {
        (void)Broadcast(Socket, SOL_SOCKET);
    }
}

/* ---- IRPs of the client ---- */

static KEVENT Done;

static NTSTATUS OnDone(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    UNREFERENCED_PARAMETER(Context);
    KeSetEvent(&Done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS OnDoneWrong(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    (void)OnDone(Device, Irp, Context);
    return STATUS_SUCCESS;
}

/* Passes the IRP with SO_BROADCAST and waits for the routine. */
static void Pass(PWSK_SOCKET Socket, PIRP Irp)
{
    static ULONG On = 1;
    KeClearEvent(&Done);
    (void)Basic(Socket)->WskControlSocket(Socket, WskSetOption, SO_BROADCAST, SOL_SOCKET, sizeof On,
                                          &On, 0, NULL, NULL, Irp);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
}

static PIRP IrpFor(PWSK_SOCKET *Socket, CCHAR Locations)
{
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    *Socket = Udp();
    return *Socket != NULL ? IoAllocateIrp(Locations, FALSE) : NULL;
}

MISTAKE(irp_without_a_location, "KRN-002 CTL-013 IRP-003")
{
    PWSK_SOCKET Socket;
    PIRP Irp = IrpFor(&Socket, Mistaken ? 0 : 1);
    if (Irp != NULL) {
        IoSetCompletionRoutine(Irp, OnDone, NULL, TRUE, TRUE, TRUE);
        Pass(Socket, Irp);
        IoFreeIrp(Irp);
    }
}

MISTAKE(irp_without_a_routine, "IRP-004 CTL-014")
{
    PWSK_SOCKET Socket;
    PIRP Irp = IrpFor(&Socket, 1);
    if (Irp != NULL) {
        if (!Mistaken) {
            IoSetCompletionRoutine(Irp, OnDone, NULL, TRUE, TRUE, TRUE);
        }
        Pass(Socket, Irp);
        IoFreeIrp(Irp);
    }
}

MISTAKE(routine_not_for_cancel, "IRP-004 CTL-014")
{
    PWSK_SOCKET Socket;
    PIRP Irp = IrpFor(&Socket, 1);
    if (Irp != NULL) {
        IoSetCompletionRoutine(Irp, OnDone, NULL, TRUE, TRUE, !Mistaken);
        Pass(Socket, Irp);
        IoFreeIrp(Irp);
    }
}

MISTAKE(routine_lets_completion_go_on, "IRP-005 CTL-014")
{
    PWSK_SOCKET Socket;
    PIRP Irp = IrpFor(&Socket, 1);
    if (Irp != NULL) {
        IoSetCompletionRoutine(Irp, Mistaken ? OnDoneWrong : OnDone, NULL, TRUE, TRUE, TRUE);
        Pass(Socket, Irp);
        IoFreeIrp(Irp);
    }
}

MISTAKE(irp_passed_again_as_it_is, "IRP-006 CTL-015")
{
    PWSK_SOCKET Socket;
    PIRP Irp = IrpFor(&Socket, 1);
    if (Irp == NULL) {
        return;
    }
    for (ULONG i = 0; i < 2; i++) {
        if (i == 1 && !Mistaken) {
            IoReuseIrp(Irp, STATUS_UNSUCCESSFUL);
        }
        IoSetCompletionRoutine(Irp, OnDone, NULL, TRUE, TRUE, TRUE);
        Pass(Socket, Irp);
    }
    IoFreeIrp(Irp);
}

MISTAKE(location_filled_by_the_client, "CTL-016")
{
    PWSK_SOCKET Socket;
    PIRP Irp = IrpFor(&Socket, 1);
    if (Irp != NULL) {
        IoSetCompletionRoutine(Irp, OnDone, NULL, TRUE, TRUE, TRUE);
        if (Mistaken) {
            IoGetNextIrpStackLocation(Irp)->MajorFunction = IRP_MJ_DEVICE_CONTROL;
        }
        Pass(Socket, Irp);
        IoFreeIrp(Irp);
    }
}

/* ---- IRPs that are passed down ---- */

static struct {
    PWSK_SOCKET Socket;
    NTSTATUS (*Handle)(PIRP Irp);
    volatile LONG IsReady; /* the device has its locations */
    volatile LONG IsOver;  /* the script has no handle open any more */
} Down;

static void DownScript(void)
{
    struct wsksim_file *File = NULL;
    for (int i = 0; i < 100 && File == NULL && !wsksim_is_over(); i++) {
        wsksim_sleep(1000);
        File = Down.IsReady ? wsksim_open("\\Device\\Case") : NULL;
    }
    if (File != NULL) {
        (void)wsksim_control(File, 0x222000, NULL, 0, NULL, 0, NULL, WSKSIM_FOREVER);
        wsksim_close_file(File);
    }
    Down.IsOver = 1;
}

static NTSTATUS OnIrp(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    if (IoGetCurrentIrpStackLocation(Irp)->MajorFunction == IRP_MJ_DEVICE_CONTROL &&
        Down.Socket != NULL) {
        return Down.Handle(Irp);
    }
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

/* Runs a device until the script is done with it. */
static void PassDown(CCHAR Locations, NTSTATUS (*Handle)(PIRP Irp))
{
    static UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\Case");
    PDEVICE_OBJECT Device;
    Down.Handle = Handle;
    Down.Socket = Udp();
    if (!NT_SUCCESS(IoCreateDevice(CaseDriver, 0, &Name, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device))) {
        return;
    }
    CaseDriver->MajorFunction[IRP_MJ_CREATE] = OnIrp;
    CaseDriver->MajorFunction[IRP_MJ_CLEANUP] = OnIrp;
    CaseDriver->MajorFunction[IRP_MJ_CLOSE] = OnIrp;
    CaseDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = OnIrp;
    Device->StackSize = Locations;
    Device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    Down.IsReady = 1;
    while (!Down.IsOver) {
        CaseSleep(1);
    }
    IoDeleteDevice(Device);
}

static NTSTATUS HandOn(PIRP Irp)
{
    static ULONG On = 1;
    return Basic(Down.Socket)
        ->WskControlSocket(Down.Socket, WskSetOption, SO_BROADCAST, SOL_SOCKET, sizeof On, &On, 0,
                           NULL, NULL, Irp);
}

MISTAKE(irp_passed_down_without_a_location, "IRP-003 CTL-013", .world = DownScript)
{
    PassDown(Mistaken ? 1 : 2, HandOn);
}

static NTSTATUS OnPassedDown(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Context);
    if (Irp->PendingReturned && !Mistaken) {
        IoMarkIrpPending(Irp);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS HandOnWithNotice(PIRP Irp)
{
    IoSetCompletionRoutine(Irp, OnPassedDown, NULL, TRUE, TRUE, TRUE);
    return HandOn(Irp);
}

MISTAKE(pending_not_propagated, "KRN-015 CTL-017", .world = DownScript)
{
    PassDown(2, HandOnWithNotice);
}

static NTSTATUS OnPassedDownFree(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
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

static NTSTATUS HandOnAndFree(PIRP Irp)
{
    IoSetCompletionRoutine(Irp, OnPassedDownFree, NULL, TRUE, TRUE, TRUE);
    return HandOn(Irp);
}

MISTAKE(passed_down_irp_freed, "IRP-010 CTL-017", .world = DownScript)
{
    PassDown(2, HandOnAndFree);
}
