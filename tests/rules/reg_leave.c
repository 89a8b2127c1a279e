/* SPDX-License-Identifier: MIT */
/*
 * Cases of the life cycle, 1.1: WskDeregister and what it waits for, WskClientEvent, and what comes
 * before the first socket.
 */
#include "life.h"

/* ---- WskDeregister (REG-021 to REG-026, REG-041) ---- */

static volatile LONG HasLeft;

static void Leave(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    WskDeregister(&Block);
    InterlockedExchange(&HasLeft, 1);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

DUTY(deregister_waits_for_captures, "REG-021 PROP-LIFE-25")
{
    if (!Register(&Block)) {
        return;
    }
    if (!Capture(&Block)) {
        WskDeregister(&Block);
        return;
    }
    PVOID Thread = CaseThread(Leave, NULL);
    CaseSleep(1);
    Check(HasLeft == 0);
    WskReleaseProviderNPI(&Block);
    CaseJoin(Thread);
    if (Thread == NULL) {
        WskDeregister(&Block);
    }
}

DUTY(deregister_waits_for_sockets, "REG-021 PROP-LIFE-25")
{
    if (!RequestNew(&First) || !RequestNew(&Second) || !Register(&Block)) {
        return;
    }
    PWSK_SOCKET Socket = NULL;
    if (Capture(&Block)) {
        Socket = Create(Npi.Client, &First);
        WskReleaseProviderNPI(&Block);
    }
    PVOID Thread = CaseThread(Leave, NULL);
    CaseSleep(1);
    Check(Socket == NULL || HasLeft == 0);
    Close(Socket);
    CaseJoin(Thread);
    if (Thread == NULL) {
        WskDeregister(&Block);
    }
}

/* The IRP of a creation: not done, so that neither may WskDeregister be. */
DUTY(deregister_waits_for_requests,
     "REG-021 PROP-LIFE-25 PROP-LIFE-54 REG-026 amb.53 deregister.waits_for_routines",
     .knobs = "amb.53=all-awaited deregister.waits_for_routines=yes")
{
    if (!RequestNew(&First) || !Register(&Block)) {
        return;
    }
    BOOLEAN IsPending = FALSE;
    if (Capture(&Block)) {
        IsPending = Npi.Dispatch->WskControlClient(Npi.Client, WSK_TRANSPORT_LIST_CHANGE, 0, NULL,
                                                   0, NULL, NULL, Fresh(&First)) == STATUS_PENDING;
        WskReleaseProviderNPI(&Block);
    }
    WskDeregister(&Block);
    Check(!IsPending || First.Completions == 1);
    Check(!IsPending || First.Status == STATUS_CANCELLED || !NT_SUCCESS(First.Status) ||
          First.Status == STATUS_SUCCESS);
}

static volatile LONG IsOut;

static NTSTATUS Lingers(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    for (ULONG i = 0; i < 100 && !IsOut; i++) {
        (void)KeReadStateEvent(&First.Done);
    }
    if (IsOut) {
        Witness();
    }
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

FREEDOM(deregister_outruns_a_routine, "REG-021 deregister.waits_for_routines AMBIGUOUS-LIFE-67",
        .knobs = "deregister.waits_for_routines=no", .off = "KRN-283")
{
    static KEVENT Done;
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    if (!RequestNew(&First) || !RequestNew(&Second) || !Register(&Block)) {
        return;
    }
    PWSK_SOCKET Socket = NULL;
    if (Capture(&Block)) {
        Socket = Create(Npi.Client, &First);
        WskReleaseProviderNPI(&Block);
    }
    if (Socket != NULL) {
        PIRP Irp = Fresh(&Second);
        IoSetCompletionRoutine(Irp, Lingers, &Done, TRUE, TRUE, TRUE);
        (void)Basic(Socket)->WskCloseSocket(Socket, Irp);
    }
    WskDeregister(&Block);
    IsOut = 1;
    if (Socket != NULL) {
        KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
        Second.InFlight = FALSE;
    }
}

/* A client that implements WskClientEvent: it is not running any more (client.event). */
static volatile LONG Running;
static PVOID SeenContext;
static volatile LONG Seen;

static NTSTATUS WSKAPI Slow(PVOID Context, ULONG Type, PVOID Information, SIZE_T Size)
{
    UNREFERENCED_PARAMETER(Type);
    UNREFERENCED_PARAMETER(Information);
    UNREFERENCED_PARAMETER(Size);
    SeenContext = Context;
    InterlockedIncrement(&Running);
    (void)KeGetCurrentIrql();
    (void)KeGetCurrentIrql();
    InterlockedDecrement(&Running);
    InterlockedIncrement(&Seen);
    return STATUS_NOT_IMPLEMENTED;
}

static WSK_CLIENT_DISPATCH WithEvent = {MAKE_WSK_VERSION(1, 0), 0, Slow};
static WSK_CLIENT_NPI EventNpi = {&WithEvent, &WithEvent};

DUTY(deregister_waits_for_calls, "REG-021 REG-029 PROP-LIFE-25",
     .knobs = "client.event=unknown-type")
{
    if (NT_SUCCESS(WskRegister(&EventNpi, &Block))) {
        if (Capture(&Block)) {
            WskReleaseProviderNPI(&Block);
        }
        WskDeregister(&Block);
        Check(Running == 0);
        Check(Seen == 0 || SeenContext == &WithEvent);
    }
}

FREEDOM(client_event_unknown_type_comes, "REG-029", .knobs = "client.event=unknown-type")
{
    if (NT_SUCCESS(WskRegister(&EventNpi, &Block))) {
        if (Capture(&Block)) {
            WskReleaseProviderNPI(&Block);
        }
        WskDeregister(&Block);
        if (Seen != 0) {
            Witness();
        }
    }
}

static const UCHAR *volatile Kept;
static volatile SIZE_T KeptSize;

static NTSTATUS WSKAPI Keeps(PVOID Context, ULONG Type, PVOID Information, SIZE_T Size)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Type);
    KeptSize = Size;
    Kept = Information;
    return STATUS_NOT_IMPLEMENTED;
}

MISTAKE(keeps_information_of_the_client_event, "REG-029")
{
    static WSK_CLIENT_DISPATCH Dispatch = {MAKE_WSK_VERSION(1, 0), 0, Keeps};
    WSK_CLIENT_NPI Mine = {NULL, &Dispatch};
    if (NT_SUCCESS(WskRegister(&Mine, &Block))) {
        if (Capture(&Block)) {
            WskReleaseProviderNPI(&Block);
        }
        WskDeregister(&Block);
        if (Mistaken && Kept != NULL && Kept[KeptSize - 1] != 0) {
            Kept = NULL;
        }
    }
}

/* A capture that waits when WskDeregister comes, and one that comes after it. */
static NTSTATUS WaitedStatus;
static WSK_PROVIDER_NPI WaitedNpi;
static KEVENT Started;

static void WaitForProvider(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeSetEvent(&Started, IO_NO_INCREMENT, FALSE);
    WaitedStatus = WskCaptureProviderNPI(&Block, WSK_INFINITE_WAIT, &WaitedNpi);
    if (NT_SUCCESS(WaitedStatus)) {
        WskReleaseProviderNPI(&Block);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

DUTY(captures_end_with_the_registration, "REG-022 PROP-LIFE-27")
{
    WSK_PROVIDER_CHARACTERISTICS Versions;
    if (!Register(&Block)) {
        return;
    }
    KeInitializeEvent(&Started, NotificationEvent, FALSE);
    PVOID Thread = CaseThread(WaitForProvider, NULL);
    if (Thread == NULL) {
        WskDeregister(&Block);
        return;
    }
    KeWaitForSingleObject(&Started, Executive, KernelMode, FALSE, NULL);
    ULONGLONG Start = Now();
    WskDeregister(&Block);
    CaseJoin(Thread);
    Check(Now() - Start < 9000);
    Check(WskCaptureProviderNPI(&Block, WSK_NO_WAIT, &Npi) == STATUS_DEVICE_NOT_READY);
    Check(WskQueryProviderCharacteristics(&Block, &Versions) == STATUS_DEVICE_NOT_READY);
}

MISTAKE(unload_does_not_wait_for_the_deregistration, "REG-023 BUG-LIFE-49",
        .place = WSKSIM_CASE_UNLOAD)
{
    if (!Register(&Block)) {
        return;
    }
    BOOLEAN Is = Capture(&Block);
    PVOID Thread = CaseThread(Leave, NULL);
    CaseSleep(1);
    if (Is) {
        WskReleaseProviderNPI(&Block);
    }
    if (Thread == NULL) {
        WskDeregister(&Block);
    }
    if (Mistaken && Thread != NULL) {
        ObDereferenceObject(Thread);
    } else {
        CaseJoin(Thread);
    }
}

MISTAKE(closes_after_deregistering, "REG-024 BUG-LIFE-48 BUG-LIFE-62")
{
    if (!RequestNew(&First) || !RequestNew(&Second) || !Register(&Block)) {
        return;
    }
    PWSK_SOCKET Socket = NULL;
    if (Capture(&Block)) {
        Socket = Create(Npi.Client, &First);
        WskReleaseProviderNPI(&Block);
    }
    if (Mistaken) {
        WskDeregister(&Block);
    }
    Close(Socket);
    if (!Mistaken) {
        WskDeregister(&Block);
    }
}

MISTAKE(releases_after_deregistering, "REG-024 BUG-LIFE-62")
{
    if (!Register(&Block)) {
        return;
    }
    BOOLEAN Is = Capture(&Block);
    if (Mistaken) {
        WskDeregister(&Block);
    }
    if (Is) {
        WskReleaseProviderNPI(&Block);
    }
    if (!Mistaken) {
        WskDeregister(&Block);
    }
}

static IO_COMPLETION_ROUTINE Ends;

static NTSTATUS Ends(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    struct request *Request = Context;
    UNREFERENCED_PARAMETER(Device);
    Request->Status = Irp->IoStatus.Status;
    Request->Information = Irp->IoStatus.Information;
    if (Mistaken && KeGetCurrentIrql() == PASSIVE_LEVEL) {
        WskDeregister(&Block);
    }
    KeSetEvent(&Request->Done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

MISTAKE(deregisters_in_a_completion_routine, "REG-025 BUG-LIFE-48")
{
    if (!RequestNew(&First) || !RequestNew(&Second) || !Register(&Block)) {
        return;
    }
    if (Capture(&Block)) {
        PWSK_SOCKET Socket = Create(Npi.Client, &First);
        WskReleaseProviderNPI(&Block);
        if (Socket != NULL) {
            PIRP Irp = Fresh(&Second);
            IoSetCompletionRoutine(Irp, Ends, &Second, TRUE, TRUE, TRUE);
            Basic(Socket)->WskCloseSocket(Socket, Irp);
            (void)Finish(&Second);
        }
    }
    WskDeregister(&Block);
}

MISTAKE(driver_entry_fails_registered, "REG-039 BUG-LIFE-61 REG-006",
        .place = WSKSIM_CASE_ENTRY)
{
    if (Register(&Block) && !Mistaken) {
        WskDeregister(&Block);
    }
    CaseEntryStatus = STATUS_UNSUCCESSFUL;
}

/* ---- before the first socket (REG-030) ---- */

static NTSTATUS StaticEvents(void)
{
    WSK_EVENT_CALLBACK_CONTROL Control = {&NPI_WSK_INTERFACE_ID, WSK_EVENT_RECEIVE_FROM};
    return CaseNpi.Dispatch->WskControlClient(CaseNpi.Client, WSK_SET_STATIC_EVENT_CALLBACKS,
                                              sizeof Control, &Control, 0, NULL, NULL, NULL);
}

MISTAKE(static_events_after_the_first_socket, "CTL-101 REG-030 BUG-LIFE-52")
{
    if (!CaseWsk()) {
        return;
    }
    if (!Mistaken) {
        (void)StaticEvents();
    }
    PWSK_SOCKET Socket = SocketNew(WSK_FLAG_BASIC_SOCKET, NULL, NULL);
    if (Socket != NULL && SocketClose(Socket) && Mistaken) {
        (void)StaticEvents(); /* a closed socket counts */
    }
}

MISTAKE(tdi_behavior_after_the_first_socket, "CTL-152 REG-030")
{
    ULONG Behavior = WSK_TDI_BEHAVIOR_BYPASS_TDI;
    if (!CaseWsk()) {
        return;
    }
    PWSK_SOCKET Socket = Mistaken ? SocketNew(WSK_FLAG_BASIC_SOCKET, NULL, NULL) : NULL;
    if (Socket != NULL || !Mistaken) {
        (void)CaseNpi.Dispatch->WskControlClient(CaseNpi.Client, WSK_TDI_BEHAVIOR, sizeof Behavior,
                                                 &Behavior, 0, NULL, NULL, NULL);
    }
}
