/* SPDX-License-Identifier: MIT */
/* Cases of the control plane, 1.2: return codes of WskControlSocket and completion of its IRP. */
#include "ctl.h"

static struct request Request;
static ULONG Value;
static LONG Asked;

static BOOLEAN Open(void)
{
    Port = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
    return Port != NULL && RequestNew(&Request);
}

/* Passes SO_BROADCAST (or what Code says) with the IRP of Request; what the call returned. */
static NTSTATUS Option(WSK_CONTROL_SOCKET_TYPE Type, ULONG Code)
{
    BOOLEAN IsSet = Type == WskSetOption;
    return Basic(Port)->WskControlSocket(Port, Type, Code, SOL_SOCKET, IsSet ? sizeof Value : 0,
                                         IsSet ? &Value : NULL, IsSet ? 0 : sizeof Value,
                                         IsSet ? NULL : &Value, NULL, Fresh(&Request));
}

/* What holds for every control request with an IRP. */
static void CheckCompletion(NTSTATUS Returned)
{
    Check(Returned == STATUS_PENDING || IsDone(&Request));
    NTSTATUS Status = Finish(&Request);
    Check(Status != STATUS_PENDING && Status != STATUS_EVENT_PENDING);
    Check(Returned == STATUS_PENDING || NT_SUCCESS(Returned) == NT_SUCCESS(Status));
    Check(Returned != STATUS_SUCCESS || Status == STATUS_SUCCESS);
    Check(NT_SUCCESS(Status) || Request.Information == 0);
}

/* ---- success, pending ---- */

DUTY(success_is_finished, "CTL-020")
{
    if (!Open()) {
        return;
    }
    Value = 1;
    NTSTATUS Status = Option(WskSetOption, SO_BROADCAST);
    if (Finish(&Request) != STATUS_SUCCESS || Status != STATUS_SUCCESS) {
        return;
    }
    Value = 0;
    (void)Option(WskGetOption, SO_BROADCAST);
    Check(!NT_SUCCESS(Finish(&Request)) || Value == 1);
}

DUTY(success_completes_the_irp, "CTL-021 PROP-33 PROP-34")
{
    if (!Open()) {
        return;
    }
    NTSTATUS Status = Option(WskGetOption, SO_BROADCAST);
    CheckCompletion(Status);
    Check(Status != STATUS_SUCCESS || Request.Information == sizeof Value);
    Status = Option(WskSetOption, SO_BROADCAST);
    CheckCompletion(Status);
    Check(Status != STATUS_SUCCESS || Request.Information == 0);
}

static NTSTATUS DisableSilently(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    NTSTATUS Status = PortDisable(NULL);
    Check(Status != STATUS_PENDING);
    return STATUS_SUCCESS;
}

DUTY(pending_needs_an_irp, "CTL-022 PROP-35", .world = PortWorld)
{
    if (PortEnabled(DisableSilently)) {
        SIZE_T Size;
        NTSTATUS Status = Basic(Port)->WskControlSocket(Port, WskIoctl, SIO_ADDRESS_LIST_QUERY, 0,
                                                        0, NULL, 0, NULL, &Size, NULL);
        Check(Status != STATUS_PENDING);
        (void)PortWait(1);
    }
    PortEnd();
}

DUTY(outcome_is_in_the_irp, "CTL-023 PROP-34")
{
    if (!Open()) {
        return;
    }
    NTSTATUS Status = Option(WskGetOption, SO_BROADCAST);
    CheckCompletion(Status);
    Check(Status != STATUS_PENDING || !NT_SUCCESS(Request.Status) ||
          Request.Information == sizeof Value);
}

static NTSTATUS DisableWithIrp(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (InterlockedExchange(&Asked, 1) == 0) {
        NTSTATUS Status = PortDisable(&Request);
        Check(Status != STATUS_EVENT_PENDING);
    }
    return STATUS_SUCCESS;
}

DUTY(event_pending_needs_a_call_in_progress, "CTL-024 PROP-02", .world = PortWorld)
{
    if (PortOpen()) {
        NTSTATUS Status = SocketEvents(Port, WSK_EVENT_RECEIVE_FROM);
        Check(Status != STATUS_EVENT_PENDING);
        CaseSleep(1);
        Status = PortDisable(NULL);
        Check(Status != STATUS_EVENT_PENDING || PortWait(1));
    }
    PortEnd();
}

DUTY(event_pending_needs_no_irp, "CTL-024 PROP-02 PROP-05 CTL-030", .world = PortWorld)
{
    if (RequestNew(&Request) && PortEnabled(DisableWithIrp) && PortWait(1)) {
        PortEnd();
        if (Request.InFlight) {
            NTSTATUS Status = Finish(&Request);
            Check(Status != STATUS_EVENT_PENDING && Status != STATUS_PENDING);
        }
    }
    PortEnd();
}

/* ---- death ---- */

DUTY(death_is_for_good, "CTL-026 PROP-48")
{
    BOOLEAN IsDead = FALSE;
    if (!Open()) {
        return;
    }
    for (ULONG i = 0; i < 12; i++) {
        NTSTATUS Status = Option(WskSetOption, SO_BROADCAST);
        CheckCompletion(Status);
        Check(!IsDead || Status == STATUS_FILE_FORCED_CLOSED);
        IsDead = Status == STATUS_FILE_FORCED_CLOSED;
    }
}

MISTAKE(dead_socket_is_never_closed, "CLOSE-032 CTL-026 PROP-50")
{
    if (!Open()) {
        return;
    }
    NTSTATUS Status = STATUS_SUCCESS;
    for (ULONG i = 0; i < 12 && Status != STATUS_FILE_FORCED_CLOSED; i++) {
        Status = Option(WskSetOption, SO_BROADCAST);
        (void)Finish(&Request);
    }
    if (Mistaken && Status == STATUS_FILE_FORCED_CLOSED) {
        SocketForget(Port);
    }
}

/* ---- failure ---- */

DUTY(failure_completes_the_irp, "CTL-027 CTL-028 PROP-32 PROP-33")
{
    if (!Open()) {
        return;
    }
    NTSTATUS Status = Option(WskSetOption, 0x7777);
    Check(!NT_SUCCESS(Status));
    CheckCompletion(Status);
    Check(Request.Completions == 1);
}

DUTY(irp_completes_once, "CTL-028 PROP-32")
{
    if (!Open()) {
        return;
    }
    for (LONG i = 1; i <= 4; i++) {
        (void)Option(i % 2 != 0 ? WskSetOption : WskGetOption, SO_BROADCAST);
        (void)Finish(&Request);
        CaseSleep(1);
        Check(Request.Completions == i);
    }
}

MISTAKE(irp_reused_in_flight, "IRP-008 CTL-029 PROP-37")
{
    if (Open()) {
        (void)Basic(Port)->WskControlSocket(Port, WskIoctl, SIO_ADDRESS_LIST_CHANGE, 0, 0, NULL, 0,
                                            NULL, NULL, Fresh(&Request));
        if (Mistaken && !IsDone(&Request)) {
            IoReuseIrp(Request.Irp, STATUS_UNSUCCESSFUL);
        }
    }
}

static NTSTATUS FreeIrp(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    IoFreeIrp(Irp);
    if (Context != NULL) {
        ExFreePoolWithTag(Context, 'xtcC');
    }
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* An option that does not exist, with an IRP that its completion routine frees. */
static NTSTATUS FailWith(PIRP Irp, PVOID Context)
{
    IoSetCompletionRoutine(Irp, FreeIrp, Context, TRUE, TRUE, TRUE);
    return Basic(Port)->WskControlSocket(Port, WskSetOption, 0x7777, SOL_SOCKET, sizeof Value,
                                         &Value, 0, NULL, NULL, Irp);
}

MISTAKE(irp_freed_since_the_call_failed, "KRN-006 CTL-027 CTL-029 BUG-10")
{
    PIRP Irp = Open() ? IoAllocateIrp(1, FALSE) : NULL;
    if (Irp != NULL && !NT_SUCCESS(FailWith(Irp, NULL)) && Mistaken) {
        IoFreeIrp(Irp); /* "it did not pend" */
    }
}

MISTAKE(context_freed_since_the_call_failed, "KRN-195 CTL-027 BUG-11 PROP-32")
{
    PIRP Irp = Open() ? IoAllocateIrp(1, FALSE) : NULL;
    PVOID Context = Irp != NULL ? ExAllocatePoolWithTag(NonPagedPoolNx, 16, 'xtcC') : NULL;
    if (Irp != NULL && Context == NULL) {
        IoFreeIrp(Irp);
    } else if (Irp != NULL && !NT_SUCCESS(FailWith(Irp, Context)) && Mistaken) {
        ExFreePoolWithTag(Context, 'xtcC'); /* "the routine has not run" */
    }
}

DUTY(operations_have_codes_of_their_own, "CTL-031")
{
    static UCHAR Flag[2];
    SIZE_T Size = 0;
    if (!Open()) {
        return;
    }
    NTSTATUS Status = Basic(Port)->WskControlSocket(Port, WskIoctl, SIO_ADDRESS_LIST_QUERY, 0, 0,
                                                    NULL, 0, NULL, &Size, NULL);
    Check(Status == STATUS_BUFFER_OVERFLOW || Status == STATUS_FILE_FORCED_CLOSED);
    PWSK_SOCKET Listener = SocketNew(WSK_FLAG_LISTEN_SOCKET, NULL, NULL);
    if (Listener != NULL) {
        Status = SocketControl(Listener, WskIoctl, SIO_LOOPBACK_FAST_PATH, 0, sizeof Flag, Flag, 0,
                               NULL, NULL);
        Check(Status == STATUS_INVALID_BUFFER_SIZE || Status == STATUS_FILE_FORCED_CLOSED);
    }
}

FREEDOM(null_irp_is_not_accepted, "CTL-032 irp.null_status", .off = "CTL-012",
        .knobs = "irp.null_status=request-not-accepted")
{
    if (Open() && Basic(Port)->WskControlSocket(Port, WskSetOption, SO_BROADCAST, SOL_SOCKET,
                                                sizeof Value, &Value, 0, NULL, NULL,
                                                NULL) == STATUS_REQUEST_NOT_ACCEPTED) {
        Witness();
    }
}

FREEDOM(null_irp_is_invalid, "CTL-012 irp.null_status", .off = "CTL-012",
        .knobs = "irp.null_status=invalid-parameter")
{
    if (Open() && Basic(Port)->WskControlSocket(Port, WskGetOption, SO_BROADCAST, SOL_SOCKET, 0,
                                                NULL, sizeof Value, &Value, NULL,
                                                NULL) == STATUS_INVALID_PARAMETER) {
        Witness();
    }
}

FREEDOM(null_irp_is_done_inline, "CTL-012 irp.null_status", .off = "CTL-012",
        .knobs = "irp.null_status=executes-inline")
{
    if (!Open()) {
        return;
    }
    Value = 1;
    NTSTATUS Status = Basic(Port)->WskControlSocket(Port, WskSetOption, SO_BROADCAST, SOL_SOCKET,
                                                    sizeof Value, &Value, 0, NULL, NULL, NULL);
    Value = 0;
    if (Status == STATUS_SUCCESS &&
        Basic(Port)->WskControlSocket(Port, WskGetOption, SO_BROADCAST, SOL_SOCKET, 0, NULL,
                                      sizeof Value, &Value, NULL, NULL) == STATUS_SUCCESS &&
        Value == 1) {
        Witness();
    }
}

/* ---- a completion that comes before the return ---- */

FREEDOM(completion_overtakes_the_return, "CTL-033 amb.13")
{
    if (Open()) {
        NTSTATUS Status = Option(WskGetOption, SO_BROADCAST);
        if (Status == STATUS_PENDING && IsDone(&Request)) {
            Witness();
        }
        (void)Finish(&Request);
    }
}

MISTAKE(status_read_while_pending, "IRP-030 CTL-033 BUG-12")
{
    if (!Open()) {
        return;
    }
    NTSTATUS Status = Option(WskGetOption, SO_BROADCAST);
    if (Mistaken && Status == STATUS_PENDING) {
        Status = Request.Irp->IoStatus.Status;
    }
    (void)Finish(&Request);
    if (!NT_SUCCESS(Status)) {
        Value = 0;
    }
}

/* ---- values for operations that take no IRP ---- */

FREEDOM(amb_45_invalid_parameter, "CTL-005 amb.45")
{
    if (Open() && Option(WskSetOption, 0x7777) == STATUS_INVALID_PARAMETER) {
        Witness();
    }
}

FREEDOM(amb_45_invalid_device_request, "CTL-005 amb.45")
{
    if (Open() && Option(WskSetOption, 0x7777) == STATUS_INVALID_DEVICE_REQUEST) {
        Witness();
    }
}
