/* SPDX-License-Identifier: MIT */
/* Cases of the control plane, 1.3 and 1.4: buffers and their lives, IRQL, what callbacks may do. */
#include "ctl.h"

static struct request Request;
static ULONG Value;

static BOOLEAN Open(void)
{
    Port = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &PortDispatch) : NULL;
    return Port != NULL && RequestNew(&Request);
}

static NTSTATUS List(SIZE_T Size, PVOID Out, SIZE_T *Returned, PIRP Irp)
{
    return Basic(Port)->WskControlSocket(Port, WskIoctl, SIO_ADDRESS_LIST_QUERY, 0, 0, NULL, Size,
                                         Out, Returned, Irp);
}

static NTSTATUS SetBroadcast(PULONG In)
{
    return Basic(Port)->WskControlSocket(Port, WskSetOption, SO_BROADCAST, SOL_SOCKET, sizeof *In,
                                         In, 0, NULL, NULL, Fresh(&Request));
}

/* ---- buffers of a request that pends ---- */

MISTAKE(input_in_pool_freed, "CTL-040 CTL-041 PROP-37")
{
    PULONG In = Open() ? ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *In, 'nicC') : NULL;
    if (In == NULL) {
        return;
    }
    *In = 1;
    (void)SetBroadcast(In);
    if (!Mistaken) {
        (void)Finish(&Request);
    }
    ExFreePoolWithTag(In, 'nicC');
    (void)Finish(&Request);
}

static __attribute__((noinline)) void SetFromTheStack(void)
{
    ULONG On = 1;
    (void)SetBroadcast(&On);
    if (!Mistaken) {
        (void)Finish(&Request);
    }
}

/* The sample of the documentation: "SetIPv6Only" and its like. */
MISTAKE(option_value_on_the_stack, "CTL-041 CTL-040 CTL-043 BUG-09")
{
    if (Open()) {
        SetFromTheStack();
        (void)Finish(&Request);
    }
}

static LONG Asked;

static __attribute__((noinline)) NTSTATUS DisableFromTheStack(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    static WSK_EVENT_CALLBACK_CONTROL Lasting;
    WSK_EVENT_CALLBACK_CONTROL Local = {&NPI_WSK_INTERFACE_ID,
                                        WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE};
    Lasting = Local;
    if (InterlockedExchange(&Asked, 1) == 0) {
        (void)Basic(Port)->WskControlSocket(Port, WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET,
                                            sizeof Local, Mistaken ? &Local : &Lasting, 0, NULL,
                                            NULL, Fresh(&Request));
    }
    return STATUS_SUCCESS;
}

/* The other sample: a disable from a callback waits until the callback has returned. */
MISTAKE(event_control_on_the_stack, "CTL-041 CTL-040 CTL-043 BUG-09", .world = PortWorld)
{
    if (RequestNew(&Request) && PortEnabled(DisableFromTheStack)) {
        (void)PortWait(1);
    }
    PortEnd();
}

static NPIID *Id;

static NTSTATUS DisableWithId(PWSK_DATAGRAM_INDICATION Data)
{
    static WSK_EVENT_CALLBACK_CONTROL Control;
    UNREFERENCED_PARAMETER(Data);
    if (InterlockedExchange(&Asked, 1) != 0) {
        return STATUS_SUCCESS;
    }
    Control.NpiId = Id;
    Control.EventMask = WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE;
    (void)Basic(Port)->WskControlSocket(Port, WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET,
                                        sizeof Control, &Control, 0, NULL, NULL, Fresh(&Request));
    if (Mistaken) {
        ExFreePoolWithTag(Id, 'dicC');
    }
    return STATUS_SUCCESS;
}

MISTAKE(npi_id_freed, "CTL-048", .world = PortWorld)
{
    Id = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Id, 'dicC');
    if (Id != NULL) {
        *Id = NPI_WSK_INTERFACE_ID;
        if (RequestNew(&Request) && PortEnabled(DisableWithId)) {
            (void)PortWait(1);
        }
    }
    PortEnd();
    if (Asked != 0) {
        (void)Finish(&Request);
    }
    if (Id != NULL && (!Mistaken || Asked == 0)) {
        ExFreePoolWithTag(Id, 'dicC');
    }
}

/* ---- buffers of one that does not ---- */

DUTY(buffers_are_free_after_the_return, "CTL-042 PROP-36", .is_silent = 1)
{
    SIZE_T Size, Room = 256;
    PVOID Out = Open() ? ExAllocatePoolWithTag(NonPagedPoolNx, Room, 'oucC') : NULL;
    if (Out != NULL) {
        (void)List(Room, Out, &Size, NULL);
        ExFreePoolWithTag(Out, 'oucC');
        CaseSleep(5);
    }
}

MISTAKE(size_pointer_beside_an_irp, "CTL-044")
{
    SIZE_T Size;
    if (Open()) {
        (void)Basic(Port)->WskControlSocket(Port, WskGetOption, SO_BROADCAST, SOL_SOCKET, 0, NULL,
                                            sizeof Value, &Value, Mistaken ? &Size : NULL,
                                            Fresh(&Request));
        (void)Finish(&Request);
    }
}

static SIZE_T ListSize(INT Count)
{
    return FIELD_OFFSET(SOCKET_ADDRESS_LIST, Address) +
           (SIZE_T)Count * (sizeof(SOCKET_ADDRESS) + sizeof(SOCKADDR_IN));
}

DUTY(size_of_what_was_written, "CTL-045 CTL-020")
{
    static UCHAR Out[512];
    SIZE_T Size = 0;
    if (Open() && NT_SUCCESS(List(sizeof Out, Out, &Size, NULL))) {
        Check(Size == ListSize(((const SOCKET_ADDRESS_LIST *)(PVOID)Out)->iAddressCount));
    }
}

DUTY(size_that_is_needed, "CTL-046 PROP-41")
{
    SIZE_T Size = 0;
    if (Open() && List(0, NULL, &Size, NULL) == STATUS_BUFFER_OVERFLOW) {
        Check(Size >= ListSize(1));
    }
}

MISTAKE(size_in_four_bytes, "CTL-047 BUG-25")
{
    PVOID Size = Open() ? ExAllocatePoolWithTag(NonPagedPoolNx,
                                                Mistaken ? sizeof(ULONG) : sizeof(SIZE_T), 'iscC')
                        : NULL;
    if (Size != NULL) {
        (void)List(0, NULL, Size, NULL);
        ExFreePoolWithTag(Size, 'iscC');
    }
}

/* ---- readings ---- */

static SIZE_T Returned;

/* Gets SO_BROADCAST with an IRP and a size pointer, which is no more than lint. */
static NTSTATUS GetWithSize(void)
{
    Returned = 77;
    NTSTATUS Status = Basic(Port)->WskControlSocket(Port, WskGetOption, SO_BROADCAST, SOL_SOCKET, 0,
                                                    NULL, sizeof Value, &Value, &Returned,
                                                    Fresh(&Request));
    return NT_SUCCESS(Finish(&Request)) ? Status : STATUS_UNSUCCESSFUL;
}

FREEDOM(amb_17_inline_only, "CTL-045 amb.17", .knobs = "amb.17=inline-only")
{
    if (Open() && GetWithSize() == STATUS_SUCCESS && Returned == sizeof Value) {
        Witness();
    }
}

FREEDOM(amb_17_never, "CTL-045 amb.17", .knobs = "amb.17=never")
{
    if (Open() && GetWithSize() == STATUS_SUCCESS && Returned == 77) {
        Witness();
    }
}

FREEDOM(amb_17_at_completion_too, "CTL-045 amb.17", .knobs = "amb.17=at-completion-too")
{
    if (Open() && GetWithSize() == STATUS_PENDING && Returned == sizeof Value) {
        Witness();
    }
}

FREEDOM(amb_17_null_refused, "CTL-045 amb.17.null", .knobs = "amb.17.null=refused",
        .off = "CTL-161")
{
    static UCHAR Out[512];
    if (Open() && List(sizeof Out, Out, NULL, NULL) == STATUS_INVALID_PARAMETER) {
        Witness();
    }
}

FREEDOM(amb_17_null_tolerated, "CTL-045 amb.17.null", .knobs = "amb.17.null=tolerated",
        .off = "CTL-161")
{
    static UCHAR Out[512];
    if (Open() && List(sizeof Out, Out, NULL, NULL) == STATUS_SUCCESS) {
        Witness();
    }
}

FREEDOM(amb_16_four_bytes, "CTL-047 amb.16", .knobs = "amb.16=four-bytes")
{
    Returned = ~(SIZE_T)0;
    if (Open() && List(0, NULL, &Returned, NULL) == STATUS_BUFFER_OVERFLOW &&
        Returned >> 32 == 0xFFFFFFFF) {
        Witness();
    }
}

FREEDOM(amb_16_size_t, "CTL-047 amb.16", .knobs = "amb.16=size-t")
{
    Returned = ~(SIZE_T)0;
    if (Open() && List(0, NULL, &Returned, NULL) == STATUS_BUFFER_OVERFLOW && Returned >> 32 == 0) {
        Witness();
    }
}

FREEDOM(amb_15_reject, "CTL-012 amb.15", .knobs = "amb.15=reject")
{
    if (Open() && List(0, NULL, &Returned, Fresh(&Request)) == STATUS_INVALID_PARAMETER &&
        Finish(&Request) == STATUS_INVALID_PARAMETER) {
        Witness();
    }
}

FREEDOM(amb_15_accept, "CTL-012 amb.15", .knobs = "amb.15=accept")
{
    if (Open() && List(0, NULL, &Returned, Fresh(&Request)) == STATUS_BUFFER_OVERFLOW &&
        Finish(&Request) == STATUS_BUFFER_OVERFLOW) {
        Witness();
    }
}

FREEDOM(amb_15_ignore, "CTL-012 amb.15", .knobs = "amb.15=ignore", .off = "IRP-028")
{
    if (Open() && List(0, NULL, &Returned, Fresh(&Request)) == STATUS_BUFFER_OVERFLOW) {
        CaseSleep(5);
        if (Request.Completions == 0) {
            Witness();
            (void)RequestForget(&Request); /* it never comes back */
        }
    }
}

/* ---- IRQL ---- */

MISTAKE(control_socket_above_dispatch, "CTL-050 PROP-40")
{
    KIRQL Old;
    if (!Open()) {
        return;
    }
    Value = 1;
    PIRP Irp = Fresh(&Request);
    KeRaiseIrql(Mistaken ? (KIRQL)(DISPATCH_LEVEL + 1) : DISPATCH_LEVEL, &Old);
    (void)Basic(Port)->WskControlSocket(Port, WskSetOption, SO_BROADCAST, SOL_SOCKET, sizeof Value,
                                        &Value, 0, NULL, NULL, Irp);
    KeLowerIrql(Old);
    (void)Finish(&Request);
}

MISTAKE(address_list_at_dispatch, "CTL-051 PROP-40")
{
    KIRQL Old;
    if (Open()) {
        KeRaiseIrql(Mistaken ? DISPATCH_LEVEL : PASSIVE_LEVEL, &Old);
        (void)List(0, NULL, &Returned, NULL);
        KeLowerIrql(Old);
    }
}

/* SIO_LOOPBACK_FAST_PATH on a listener at this IRQL. */
static NTSTATUS FastPath(KIRQL Irql)
{
    KIRQL Old;
    PWSK_SOCKET Listener = CaseWsk() ? SocketNew(WSK_FLAG_LISTEN_SOCKET, NULL, NULL) : NULL;
    if (Listener == NULL || !RequestNew(&Request)) {
        return STATUS_UNSUCCESSFUL;
    }
    Value = 1;
    KeRaiseIrql(Irql, &Old);
    (void)Basic(Listener)->WskControlSocket(Listener, WskIoctl, SIO_LOOPBACK_FAST_PATH, 0,
                                            sizeof Value, &Value, 0, NULL, NULL, Fresh(&Request));
    KeLowerIrql(Old);
    return Finish(&Request);
}

MISTAKE(fast_path_at_dispatch, "CTL-052 PROP-40")
{
    (void)FastPath(Mistaken ? DISPATCH_LEVEL : PASSIVE_LEVEL);
}

FREEDOM(amb_41_warning, "CTL-052 amb.41", .knobs = "amb.41=warning")
{
    if (NT_SUCCESS(FastPath(DISPATCH_LEVEL))) {
        Witness();
    }
}

MISTAKE(amb_41_error, "CTL-052 amb.41", .knobs = "amb.41=error")
{
    (void)FastPath(Mistaken ? DISPATCH_LEVEL : PASSIVE_LEVEL);
}

MISTAKE(control_client_above_dispatch, "CTL-053 PROP-40")
{
    KIRQL Old;
    SIZE_T Size = 0;
    if (CaseWsk()) {
        KeRaiseIrql(Mistaken ? (KIRQL)(DISPATCH_LEVEL + 1) : DISPATCH_LEVEL, &Old);
        (void)CaseNpi.Dispatch->WskControlClient(CaseNpi.Client, WSK_TRANSPORT_LIST_QUERY, 0, NULL,
                                                 0, NULL, &Size, NULL);
        KeLowerIrql(Old);
    }
}

static BOOLEAN SawClear;

static NTSTATUS WSKAPI OnFlags(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Data);
    KIRQL Irql = KeGetCurrentIrql();
    Check(Irql <= DISPATCH_LEVEL);
    Check((Flags & WSK_FLAG_AT_DISPATCH_LEVEL) == 0 || Irql == DISPATCH_LEVEL);
    if ((Flags & WSK_FLAG_AT_DISPATCH_LEVEL) == 0 && Irql == DISPATCH_LEVEL) {
        SawClear = TRUE;
    }
    PortEntered++;
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH FlagsDispatch = {OnFlags};

static void WatchFlags(void)
{
    PWSK_SOCKET Socket =
        CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &FlagsDispatch) : NULL;
    if (Socket != NULL && NT_SUCCESS(SocketBind(Socket, PORT)) &&
        NT_SUCCESS(SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM))) {
        (void)PortWait(4);
    }
    PortEnd();
}

DUTY(dispatch_flag_tells_the_truth, "CTL-054", .world = PortWorld)
{
    WatchFlags();
}

FREEDOM(dispatch_flag_is_clear_at_dispatch, "CTL-054", .world = PortWorld)
{
    WatchFlags();
    if (SawClear) {
        Witness();
    }
}

/* ---- inside callbacks and completion routines ---- */

static NTSTATUS DisableAndWait(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (InterlockedExchange(&Asked, 1) == 0 && PortDisable(&Request) == STATUS_PENDING &&
        Mistaken && KeGetCurrentIrql() == PASSIVE_LEVEL) {
        (void)Finish(&Request);
    }
    return STATUS_SUCCESS;
}

MISTAKE(callback_waits_for_its_own_disable, "EVT-007 CTL-055 CTL-089 BUG-04 PROP-30",
        .world = PortWorld)
{
    if (RequestNew(&Request) && PortEnabled(DisableAndWait)) {
        (void)PortWait(1);
    }
    PortEnd();
}

static struct request Close;

static NTSTATUS OnDoneClose(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    (void)Basic(Port)->WskCloseSocket(Port, Fresh(&Close));
    if (Mistaken && KeGetCurrentIrql() == PASSIVE_LEVEL) {
        (void)Finish(&Close);
    }
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

MISTAKE(routine_waits_for_the_close, "IRP-023 CTL-055 BUG-19 PROP-30 PROP-59")
{
    static KEVENT Done;
    PIRP Irp = Open() && RequestNew(&Close) ? IoAllocateIrp(1, FALSE) : NULL;
    if (Irp == NULL) {
        return;
    }
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    IoSetCompletionRoutine(Irp, OnDoneClose, &Done, TRUE, TRUE, TRUE);
    Value = 1;
    SocketForget(Port);
    (void)Basic(Port)->WskControlSocket(Port, WskSetOption, SO_BROADCAST, SOL_SOCKET, sizeof Value,
                                        &Value, 0, NULL, NULL, Irp);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    (void)Finish(&Close);
    IoFreeIrp(Irp);
}

static LONG Depth, Deepest;

/* Fails inline again and again, each time inside the routine of the one before. */
static NTSTATUS OnDoneAgain(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    if (++Depth < Deepest) {
        IoReuseIrp(Irp, STATUS_UNSUCCESSFUL);
        IoSetCompletionRoutine(Irp, OnDoneAgain, Context, TRUE, TRUE, TRUE);
        (void)Basic(Port)->WskControlSocket(Port, WskSetOption, 0x7777, SOL_SOCKET, sizeof Value,
                                            &Value, 0, NULL, NULL, Irp);
        return STATUS_MORE_PROCESSING_REQUIRED;
    }
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void Recurse(LONG Limit)
{
    static KEVENT Done;
    PIRP Irp = Open() ? IoAllocateIrp(1, FALSE) : NULL;
    if (Irp != NULL) {
        KeInitializeEvent(&Done, NotificationEvent, FALSE);
        Deepest = Limit;
        IoSetCompletionRoutine(Irp, OnDoneAgain, &Done, TRUE, TRUE, TRUE);
        (void)Basic(Port)->WskControlSocket(Port, WskSetOption, 0x7777, SOL_SOCKET, sizeof Value,
                                            &Value, 0, NULL, NULL, Irp);
        KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
        IoFreeIrp(Irp);
    }
}

MISTAKE(wsk_from_a_completion_routine, "IRP-022 CTL-056")
{
    Recurse(Mistaken ? 2 : 1);
}

/* Under this reading it is an error, once it is deep. */
MISTAKE(wsk_from_nested_routines, "CTL-056 IRP-022 amb.40", .knobs = "amb.40=error-above-depth")
{
    Recurse(Mistaken ? 8 : 2);
}

DUTY(wsk_from_nested_routines_is_no_error, "CTL-056 amb.40", .knobs = "amb.40=allowed",
     .is_silent = 1)
{
    Recurse(8);
}

MISTAKE(context_in_paged_pool, "CTL-057")
{
    PVOID Context = CaseWsk() ? ExAllocatePoolWithTag(Mistaken ? PagedPool : NonPagedPoolNx, 32,
                                                      'xtcC')
                              : NULL;
    if (Context != NULL) {
        PWSK_SOCKET Socket = SocketNew(WSK_FLAG_DATAGRAM_SOCKET, Context, &PortDispatch);
        if (Socket != NULL) {
            (void)SocketClose(Socket);
        }
        ExFreePoolWithTag(Context, 'xtcC');
    }
}

static NTSTATUS Answer;

static NTSTATUS AnswerIt(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    return Answer;
}

MISTAKE(callback_answers_an_unlisted_success, "DGRM-017 CTL-058 BUG-23", .world = PortWorld)
{
    Answer = Mistaken ? STATUS_WAIT_1 : STATUS_SUCCESS;
    if (PortEnabled(AnswerIt)) {
        (void)PortWait(1);
    }
    PortEnd();
}

FREEDOM(amb_62_dropped, "CTL-058 amb.62", .world = PortWorld, .knobs = "amb.62=dropped")
{
    Answer = STATUS_DEVICE_NOT_READY;
    if (PortEnabled(AnswerIt) && PortWait(3)) {
        Witness();
    }
    PortEnd();
}

DUTY(amb_62_as_refusal, "CTL-058 amb.62", .world = PortWorld,
     .knobs = "amb.62=as-refusal event.concurrency=serial")
{
    Answer = STATUS_DEVICE_NOT_READY;
    if (PortEnabled(AnswerIt) && PortWait(1)) {
        CaseSleep(20);
        Check(PortEntered == 1); /* turned off by the answer */
        Answer = STATUS_SUCCESS;
        (void)SocketEvents(Port, WSK_EVENT_RECEIVE_FROM);
    }
    PortEnd();
}
