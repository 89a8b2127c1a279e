/* SPDX-License-Identifier: MIT */
/* Cases of the control plane, 1.7: disabling events; most from inside the callback. */
#include "ctl.h"

static struct request First, Second;
static LONG Asked;
static volatile LONG Go;

static BOOLEAN IsFirst(void)
{
    return InterlockedExchange(&Asked, 1) == 0;
}

static BOOLEAN IsDead(NTSTATUS Status)
{
    return Status == STATUS_FILE_FORCED_CLOSED;
}

/* Runs the callback once in a world that sends; true if it has been called. */
static BOOLEAN Once(NTSTATUS (*Inside)(PWSK_DATAGRAM_INDICATION Data))
{
    return RequestNew(&First) && RequestNew(&Second) && PortEnabled(Inside) && PortWait(1);
}

/* ---- how many events, with or without an IRP ---- */

MISTAKE(two_events_in_one_disable, "CTL-080 BUG-06", .world = TcpWorld)
{
    if (TcpOpen()) {
        if (!Mistaken) {
            (void)SocketEvents(Tcp, WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE);
        }
        (void)SocketEvents(Tcp, WSK_EVENT_DISCONNECT | WSK_EVENT_DISABLE |
                                    (Mistaken ? WSK_EVENT_RECEIVE : 0u));
    }
    TcpEnd();
}

/* Both events on, both disabled in one request: what the call answers. */
static NTSTATUS DisableBoth(void)
{
    return TcpOpen() && NT_SUCCESS(SocketEvents(Tcp, WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT))
               ? SocketEvents(Tcp, WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT | WSK_EVENT_DISABLE)
               : STATUS_UNSUCCESSFUL;
}

FREEDOM(amb_07_fail, "CTL-080 amb.07", .off = "CTL-080", .knobs = "amb.07=fail", .world = TcpWorld)
{
    if (DisableBoth() == STATUS_INVALID_PARAMETER && TcpWait(&TcpReceives)) {
        Witness();
    }
    TcpEnd();
}

FREEDOM(amb_07_disable_all, "CTL-080 amb.07", .off = "CTL-080", .knobs = "amb.07=disable-all",
        .world = TcpWorld)
{
    if (DisableBoth() == STATUS_SUCCESS) {
        LONG Before = TcpReceives;
        CaseSleep(40);
        if (TcpReceives == Before && TcpDisconnects == 0) {
            Witness();
        }
    }
    TcpEnd();
}

static NTSTATUS DisableBothInside(PWSK_DATA_INDICATION Data, SIZE_T *Accepted)
{
    static WSK_EVENT_CALLBACK_CONTROL Control;
    UNREFERENCED_PARAMETER(Data);
    UNREFERENCED_PARAMETER(Accepted);
    Control.NpiId = &NPI_WSK_INTERFACE_ID;
    Control.EventMask = WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT | WSK_EVENT_DISABLE;
    if (IsFirst()) {
        Go = Basic(Tcp)->WskControlSocket(Tcp, WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET,
                                          sizeof Control, &Control, 0, NULL, NULL,
                                          Fresh(&First)) == STATUS_PENDING;
    }
    return STATUS_SUCCESS;
}

FREEDOM(amb_07_disable_all_waits, "CTL-080 amb.07", .off = "CTL-080",
        .knobs = "amb.07=disable-all", .world = TcpWorld)
{
    TcpInside = DisableBothInside;
    if (RequestNew(&First) && TcpOpen() &&
        NT_SUCCESS(SocketEvents(Tcp, WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT)) &&
        TcpWait(&TcpReceives)) {
        TcpEnd();
        if (Asked != 0 && Finish(&First) == STATUS_SUCCESS && Go) {
            Witness();
        }
    }
    TcpEnd();
}

static NTSTATUS DisableByTurns(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (IsFirst()) {
        NTSTATUS Status = PortDisable(NULL);
        Check(Status == STATUS_EVENT_PENDING || IsDead(Status));
        Status = PortDisable(&First);
        Check(Status == STATUS_PENDING || IsDead(Status));
    }
    return STATUS_SUCCESS;
}

DUTY(irp_is_optional, "CTL-081 PROP-38", .world = PortWorld, .knobs = "amb.02=pend-again")
{
    (void)Once(DisableByTurns);
    PortEnd();
}

/* ---- nothing in progress ---- */

DUTY(idle_disable_succeeds, "CTL-082 CTL-081 PROP-01 PROP-04 amb.04", .world = PortWorld,
     .knobs = "amb.04=success")
{
    if (RequestNew(&First) && PortOpen()) {
        for (ULONG i = 0; i < 2; i++) { /* never enabled: nothing can be in progress */
            NTSTATUS Status = PortDisable(i == 0 ? NULL : &First);
            Check(Status == STATUS_SUCCESS || IsDead(Status));
        }
        Check(NT_SUCCESS(Finish(&First)) == NT_SUCCESS(First.Status));
        CaseSleep(10);
        Check(PortEntered == 0);
    }
    PortEnd();
}

DUTY(after_success_it_is_quiet, "CTL-082 CTL-088a PROP-01", .world = PortWorld)
{
    if (PortOpen()) {
        for (ULONG i = 0; i < 8; i++) {
            if (SocketEvents(Port, WSK_EVENT_RECEIVE_FROM) != STATUS_SUCCESS) {
                break;
            }
            if (PortDisable(NULL) == STATUS_SUCCESS) {
                LONG Entered = PortEntered;
                CaseSleep(2); /* datagrams wait: the next enable meets one */
                Check(PortEntered == Entered && PortLeft == Entered);
            } else {
                CaseSleep(2);
            }
        }
    }
    PortEnd();
}

static NTSTATUS HoldAndCount(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (PortEntered <= 2) {
        PortHold(&Go);
    }
    return STATUS_SUCCESS;
}

/* With calls in progress that stay for a while. */
DUTY(success_means_none_runs, "CTL-088a CTL-084 PROP-01", .world = PortWorld,
     .knobs = "event.concurrency=serial")
{
    if (PortEnabled(HoldAndCount) && PortWait(1)) {
        if (PortDisable(NULL) == STATUS_SUCCESS) {
            Check(PortEntered == PortLeft);
        }
    }
    Go = 1;
    PortEnd();
}

/* ---- calls in progress, and an IRP ---- */

static NTSTATUS DisableWithIrp(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (IsFirst()) {
        NTSTATUS Status = PortDisable(&First);
        Check(Status == STATUS_PENDING || IsDead(Status));
        PortHold(&Go);
        Check(!IsDone(&First) || IsDead(Status));
    }
    return STATUS_SUCCESS;
}

DUTY(disable_waits_for_the_callback, "CTL-083 PROP-04 PROP-06 PROP-08 PROP-15 PROP-17",
     .world = PortWorld)
{
    if (Once(DisableWithIrp)) {
        PortEnd();
        if (Asked != 0 && Finish(&First) == STATUS_SUCCESS) {
            Check(First.Information == 0);
        }
    }
    PortEnd();
}

static volatile LONG HasLeft; /* the first callback: as good as returned */
static BOOLEAN WasBeside;     /* the disable was made while it stayed */

/* The first stays; the second disables beside it and returns. */
static NTSTATUS StayOrDisable(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    switch (InterlockedIncrement(&Asked)) {
    case 1:
        PortHold(&Go);
        HasLeft = 1;
        break;
    case 2:
        if (PortDisable(&First) == STATUS_PENDING) {
            WasBeside = !HasLeft;
        }
        break;
    default:
        break;
    }
    return STATUS_SUCCESS;
}

DUTY(disable_waits_for_all_of_them, "CTL-083 PROP-06", .world = PortWorld,
     .knobs = "event.concurrency=two-at-a-time")
{
    if (Once(StayOrDisable) && PortWait(2)) {
        for (ULONG i = 0; i < 20 && First.Completions == 0; i++) {
            CaseSleep(1);
        }
        Check(!WasBeside || HasLeft || First.Completions == 0);
    }
    PortEnd();
}

static NTSTATUS DisableTwiceWithIrp(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (IsFirst()) {
        (void)PortDisable(&First);
        (void)PortDisable(&Second);
    }
    return STATUS_SUCCESS;
}

DUTY(disables_end_in_their_order, "CTL-083 PROP-06", .world = PortWorld)
{
    if (Once(DisableTwiceWithIrp)) {
        PortEnd();
        if (Asked != 0 && Finish(&Second) == STATUS_SUCCESS) {
            Check(IsDone(&First));
        }
    }
    PortEnd();
}

static NTSTATUS DisableAndEnable(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (IsFirst()) {
        NTSTATUS Status = PortDisable(&First);
        (void)SocketEvents(Port, WSK_EVENT_RECEIVE_FROM);
        PortHold(&Go);
        Check(!IsDone(&First) || Status != STATUS_PENDING);
    }
    return STATUS_SUCCESS;
}

DUTY(enable_does_not_end_a_disable, "CTL-083 PROP-06", .world = PortWorld)
{
    (void)Once(DisableAndEnable);
    PortEnd();
}

static NTSTATUS DisableAndCancel(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (IsFirst() && PortDisable(&First) == STATUS_PENDING) {
        (void)IoCancelIrp(First.Irp);
        PortHold(&Go);
        Check(!IsDone(&First));
    }
    return STATUS_SUCCESS;
}

DUTY(cancel_of_a_disable_is_ignored, "CTL-083 PROP-06 amb.39", .world = PortWorld,
     .knobs = "amb.39=ignored")
{
    (void)Once(DisableAndCancel);
    PortEnd();
}

/* ---- calls in progress, no IRP ---- */

static NTSTATUS DisableSilently(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (IsFirst()) {
        NTSTATUS Status = PortDisable(NULL);
        Check(Status == STATUS_EVENT_PENDING || IsDead(Status));
    }
    return STATUS_SUCCESS;
}

DUTY(disable_from_inside_is_pending, "CTL-084 CTL-088 PROP-03 PROP-09", .world = PortWorld)
{
    (void)Once(DisableSilently);
    PortEnd();
}

static volatile LONG AfterDisable = -1;

static NTSTATUS DisableAndSee(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (IsFirst() && PortDisable(NULL) == STATUS_EVENT_PENDING) {
        AfterDisable = PortEntered;
        PortHold(&Go);
    }
    return STATUS_SUCCESS;
}

/* Not more than were in progress: two at a time, of which one may be on its first instruction. */
DUTY(none_start_while_disabling, "CTL-084 PROP-07 PROP-13 PROP-15 amb.01", .world = PortWorld,
     .knobs = "amb.01=block event.concurrency=two-at-a-time")
{
    if (Once(DisableAndSee)) {
        CaseSleep(30);
        Check(AfterDisable < 0 || PortEntered <= AfterDisable + 1);
    }
    Go = 1;
    PortEnd();
}

FREEDOM(amb_01_admit, "CTL-087 amb.01", .world = PortWorld,
        .knobs = "amb.01=admit event.concurrency=unlimited")
{
    if (Once(DisableAndSee)) {
        CaseSleep(30);
        if (AfterDisable >= 0 && PortEntered > AfterDisable + 1) {
            Witness();
        }
    }
    Go = 1;
    PortEnd();
}

/* ---- other events ---- */

static NTSTATUS DisableSibling(PWSK_DATA_INDICATION Data, SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Data);
    UNREFERENCED_PARAMETER(Accepted);
    if (IsFirst()) {
        NTSTATUS Status = SocketEvents(Tcp, WSK_EVENT_SEND_BACKLOG | WSK_EVENT_DISABLE);
        Check(Status != STATUS_EVENT_PENDING);
    }
    return STATUS_SUCCESS;
}

DUTY(siblings_do_not_count, "CTL-085 PROP-11", .world = TcpWorld)
{
    TcpInside = DisableSibling;
    if (TcpOpen() && NT_SUCCESS(SocketEvents(Tcp, WSK_EVENT_RECEIVE))) {
        (void)TcpWait(&TcpReceives);
    }
    TcpEnd();
}

static PWSK_SOCKET OtherPort;

static NTSTATUS DisableOther(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (IsFirst() &&
        SocketEvents(OtherPort, WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE) ==
            STATUS_EVENT_PENDING) {
        Witness();
    }
    return STATUS_SUCCESS;
}

FREEDOM(amb_60_per_function, "CTL-085 amb.60", .knobs = "amb.60=per-function", .world = PortWorld)
{
    OtherPort = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &PortDispatch) : NULL;
    if (OtherPort != NULL && NT_SUCCESS(SocketBind(OtherPort, 0)) &&
        NT_SUCCESS(SocketEvents(OtherPort, WSK_EVENT_RECEIVE_FROM))) {
        (void)Once(DisableOther);
    }
    PortEnd();
}

static NTSTATUS DisableOtherWithIrp(PWSK_DATAGRAM_INDICATION Data)
{
    static WSK_EVENT_CALLBACK_CONTROL Control;
    UNREFERENCED_PARAMETER(Data);
    Control.NpiId = &NPI_WSK_INTERFACE_ID;
    Control.EventMask = WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE;
    if (IsFirst() &&
        Basic(OtherPort)->WskControlSocket(OtherPort, WskSetOption, SO_WSK_EVENT_CALLBACK,
                                           SOL_SOCKET, sizeof Control, &Control, 0, NULL, NULL,
                                           Fresh(&First)) == STATUS_PENDING) {
        Go = !IsDone(&First);
    }
    return STATUS_SUCCESS;
}

FREEDOM(amb_60_per_function_waits, "CTL-085 amb.60", .knobs = "amb.60=per-function",
        .world = PortWorld)
{
    OtherPort = CaseWsk() ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, &PortDispatch) : NULL;
    if (OtherPort != NULL && NT_SUCCESS(SocketBind(OtherPort, 0)) &&
        NT_SUCCESS(SocketEvents(OtherPort, WSK_EVENT_RECEIVE_FROM)) && Once(DisableOtherWithIrp)) {
        PortEnd();
        if (Asked != 0 && Finish(&First) == STATUS_SUCCESS && Go) {
            Witness();
        }
    }
    PortEnd();
}

/* ---- refusals ---- */

static NTSTATUS Refuse(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    return Go ? STATUS_SUCCESS : STATUS_DATA_NOT_ACCEPTED;
}

DUTY(refusal_disables, "CTL-086 PROP-20", .world = PortWorld,
     .knobs = "event.concurrency=serial amb.20=at-once")
{
    if (PortEnabled(Refuse) && PortWait(1)) {
        CaseSleep(20);
        Check(PortEntered == 1);
        Go = 1;
        (void)SocketEvents(Port, WSK_EVENT_RECEIVE_FROM);
    }
    PortEnd();
}

MISTAKE(deaf_after_a_refusal, "DGRM-025 CTL-086 BUG-21", .world = PortWorld)
{
    if (PortEnabled(Refuse) && PortWait(1)) {
        CaseSleep(20);
        Go = 1;
        if (!Mistaken) {
            (void)SocketEvents(Port, WSK_EVENT_RECEIVE_FROM);
        }
        CaseSleep(30000);
    }
    PortEnd();
}

static NTSTATUS EnableAndRefuse(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    (void)SocketEvents(Port, WSK_EVENT_RECEIVE_FROM);
    return Go || PortEntered > 3 ? STATUS_SUCCESS : STATUS_DATA_NOT_ACCEPTED;
}

FREEDOM(amb_19_enable_wins, "CTL-086 amb.19", .world = PortWorld,
        .knobs = "amb.19=enable-wins event.concurrency=serial amb.05=success")
{
    if (PortEnabled(EnableAndRefuse) && PortWait(2)) {
        Witness();
    }
    Go = 1;
    PortEnd();
}

DUTY(auto_disable_wins, "CTL-086 PROP-20 amb.19", .world = PortWorld,
     .knobs = "amb.19=auto-disable-wins event.concurrency=serial amb.05=success")
{
    if (PortEnabled(EnableAndRefuse) && PortWait(1)) {
        CaseSleep(20);
        Check(PortEntered == 1);
        Go = 1;
        (void)SocketEvents(Port, WSK_EVENT_RECEIVE_FROM);
    }
    PortEnd();
}

/* The first call stays, those beside it refuse. */
static NTSTATUS StayOrRefuse(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (IsFirst()) {
        PortHold(&Go);
        return STATUS_SUCCESS;
    }
    return Go ? STATUS_SUCCESS : STATUS_DATA_NOT_ACCEPTED;
}

/* Several beside the first, though the second has refused: the refusal waits for the first. */
FREEDOM(amb_20_when_all_returned, "CTL-086 amb.20", .world = PortWorld,
        .knobs = "amb.20=when-all-returned event.concurrency=two-at-a-time")
{
    if (PortEnabled(StayOrRefuse) && PortWait(3) && PortLeft < PortEntered) {
        Witness();
    }
    Go = 1;
    PortEnd();
}

/* One beside the first at the most, and that one has refused. */
DUTY(amb_20_at_once, "CTL-086 amb.20", .world = PortWorld,
     .knobs = "amb.20=at-once event.concurrency=two-at-a-time")
{
    if (PortEnabled(StayOrRefuse) && PortWait(2)) {
        CaseSleep(20);
        Check(PortEntered == 2 || PortLeft == PortEntered || Go);
    }
    Go = 1;
    PortEnd();
}

/* ---- what the client must not conclude ---- */

struct context {
    volatile LONG Count;
};

static NTSTATUS WSKAPI OnCounted(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION Data)
{
    struct context *Mine = Context;
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Data);
    CountIf(PortEntered, TRUE);
    InterlockedIncrement(&Mine->Count);
    InterlockedIncrement(&Mine->Count);
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH CountedDispatch = {OnCounted};

MISTAKE(event_pending_taken_for_success, "CTL-025 CTL-087 BUG-01 PROP-29", .world = PortWorld)
{
    struct context *Mine =
        CaseWsk() ? ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *Mine, 'xtcC') : NULL;
    if (Mine == NULL) {
        return;
    }
    Mine->Count = 0;
    Port = SocketNew(WSK_FLAG_DATAGRAM_SOCKET, Mine, &CountedDispatch);
    if (Port != NULL && NT_SUCCESS(SocketBind(Port, PORT)) &&
        NT_SUCCESS(SocketEvents(Port, WSK_EVENT_RECEIVE_FROM)) && PortWait(1) && Mistaken &&
        NT_SUCCESS(PortDisable(NULL))) {
        ExFreePoolWithTag(Mine, 'xtcC');
        Mine = NULL;
    }
    if (Port != NULL) {
        (void)SocketClose(Port);
        Port = NULL;
    }
    if (Mine != NULL) {
        ExFreePoolWithTag(Mine, 'xtcC');
    }
    PortEnd();
}

static NTSTATUS DisableUntilSuccess(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    while (PortDisable(NULL) == STATUS_EVENT_PENDING && Mistaken) {
        KeStallExecutionProcessor(1); /* "not yet, again" */
    }
    return STATUS_SUCCESS;
}

MISTAKE(disable_repeated_inside, "SYS-LIVELOCK CTL-084 CTL-089 BUG-02", .world = PortWorld)
{
    (void)Once(DisableUntilSuccess);
    PortEnd();
}

static KEVENT Told;

MISTAKE(waits_to_be_told, "SYS-DEADLOCK CTL-084 BUG-03 PROP-30", .world = PortWorld,
        .knobs = "event.concurrency=serial")
{
    KeInitializeEvent(&Told, NotificationEvent, FALSE);
    if (PortEnabled(HoldAndCount) && PortWait(1)) {
        NTSTATUS Status = PortDisable(NULL);
        if (Mistaken && Status == STATUS_EVENT_PENDING) {
            KeWaitForSingleObject(&Told, Executive, KernelMode, FALSE, NULL);
        }
    }
    Go = 1;
    PortEnd();
}

/* A lock that both sides need: the callback takes it where it may. */
static FAST_MUTEX Lock;

static NTSTATUS TakeLock(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (PortEntered <= 2) {
        PortHold(&Go);
    }
    if (KeGetCurrentIrql() == PASSIVE_LEVEL && ExTryToAcquireFastMutex(&Lock)) {
        ExReleaseFastMutex(&Lock);
    } else if (KeGetCurrentIrql() == PASSIVE_LEVEL && Mistaken) {
        ExAcquireFastMutex(&Lock);
        ExReleaseFastMutex(&Lock);
    }
    return STATUS_SUCCESS;
}

MISTAKE(disable_awaited_under_a_lock, "CTL-089a BUG-05 PROP-31", .world = PortWorld,
        .knobs = "event.irql=passive event.concurrency=serial")
{
    ExInitializeFastMutex(&Lock);
    if (RequestNew(&First) && PortEnabled(TakeLock) && PortWait(1)) {
        ExAcquireFastMutex(&Lock);
        (void)PortDisable(&First);
        if (!Mistaken) {
            ExReleaseFastMutex(&Lock);
        }
        (void)Finish(&First);
        if (Mistaken) {
            ExReleaseFastMutex(&Lock);
        }
    }
    Go = 1;
    PortEnd();
}

/* ---- queued requests, retained data ---- */

static WSK_BUF Buffer;

/* A receive is queued, the event is enabled; what the callback sees is said by the receive. */
static BOOLEAN ReceiveQueued(NTSTATUS (*Inside)(PWSK_DATAGRAM_INDICATION Data))
{
    PortInside = Inside;
    if (!RequestNew(&First) || !PortOpen()) {
        return FALSE;
    }
    Buffer = BufferNew(64);
    if (Buffer.Mdl == NULL) {
        return FALSE;
    }
    (void)Datagram(Port)->WskReceiveFrom(Port, &Buffer, 0, NULL, NULL, NULL, NULL, Fresh(&First));
    (void)SocketEvents(Port, WSK_EVENT_RECEIVE_FROM);
    (void)PortWait(1);
    return TRUE;
}

static NTSTATUS SeeQueued(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (!IsDone(&First)) {
        Witness();
    }
    return STATUS_SUCCESS;
}

FREEDOM(called_although_a_receive_is_queued, "CTL-089b", .world = PortWorld)
{
    (void)ReceiveQueued(SeeQueued);
    PortEnd();
}

static NTSTATUS BelieveQueued(PWSK_DATAGRAM_INDICATION Data)
{
    UNREFERENCED_PARAMETER(Data);
    if (Mistaken) {
        ASSERT(IsDone(&First)); /* "it takes the datagrams" */
    }
    return STATUS_SUCCESS;
}

MISTAKE(receive_believed_to_hold_calls_off, "SYS-ASSERT CTL-089b BUG-30", .world = PortWorld)
{
    (void)ReceiveQueued(BelieveQueued);
    PortEnd();
}

static PWSK_DATAGRAM_INDICATION Kept;

static NTSTATUS Keep(PWSK_DATAGRAM_INDICATION Data)
{
    if (IsFirst()) {
        Kept = Data;
        return STATUS_PENDING;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS GiveBack(void)
{
    return Datagram(Port)->WskRelease(Port, Kept);
}

DUTY(retained_data_is_not_in_progress, "CTL-089c PROP-18", .world = PortWorld,
     .knobs = "event.concurrency=serial", .is_silent = 1)
{
    if (Once(Keep)) {
        PortEnd();
        (void)PortDisable(&Second);
        (void)Finish(&Second); /* comes, although the data is still here */
        if (Kept != NULL) {
            (void)GiveBack();
        }
    }
    PortEnd();
}

MISTAKE(disable_believed_to_release, "REL-005 CTL-089c BUG-20", .world = PortWorld)
{
    if (Once(Keep)) {
        PortEnd();
        (void)PortDisable(NULL); /* "now nothing is mine" */
        if (!Mistaken && Kept != NULL) {
            (void)GiveBack();
        }
    }
    PortEnd();
}

MISTAKE(released_after_the_close, "REL-005 CTL-089c BUG-20", .world = PortWorld)
{
    BOOLEAN HasKept = Once(Keep);
    PortEnd();
    if (!HasKept || Kept == NULL) {
        return;
    }
    if (!Mistaken) {
        (void)GiveBack();
    }
    PWSK_SOCKET Socket = Port;
    SocketForget(Socket);
    Basic(Socket)->WskCloseSocket(Socket, Fresh(&Second));
    if (Mistaken) {
        (void)GiveBack();
    }
    (void)Finish(&Second);
}

MISTAKE(retained_for_a_long_time, "REL-010 CTL-089d", .world = PortWorld)
{
    if (Once(Keep)) {
        PortEnd();
        if (Mistaken) {
            CaseSleep(12000);
        }
        if (Kept != NULL) {
            (void)GiveBack();
        }
    }
    PortEnd();
}
