/* SPDX-License-Identifier: MIT */
/*
 * Cases of the life cycle, 1.5: conditional accept. The listener's callbacks do what Answer says
 * and count what happens to each request.
 */
#include "ends.h"

enum { IDS = 32 };

static struct request Own, Other;
static WSK_INSPECT_ACTION Answer = WskInspectAccept;
static WSK_INSPECT_ID Ids[IDS]; /* in the order of their inspections */
static volatile LONG Taken, Inspected, Aborted, Delivered, Nulls, InInspect;
static LONG AbortOf[IDS];
static PWSK_INSPECT_ID Kept;
static WSK_INSPECT_ID LastAborted;
static PWSK_SOCKET Listening;

static WSK_INSPECT_ACTION WSKAPI OnInspect(PVOID Context, PSOCKADDR Local, PSOCKADDR Remote,
                                           PWSK_INSPECT_ID Id)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Local);
    UNREFERENCED_PARAMETER(Remote);
    if (Id == NULL) {
        InterlockedIncrement(&Nulls);
        return WskInspectReject;
    }
    InterlockedIncrement(&InInspect);
    LONG i = InterlockedIncrement(&Taken) - 1;
    if (i < IDS) {
        Ids[i] = *Id;
    }
    Kept = Id;
    InterlockedIncrement(&Inspected);
    KeStallExecutionProcessor(5);
    InterlockedDecrement(&InInspect);
    return Answer;
}

static LONG Find(const WSK_INSPECT_ID *Id)
{
    for (LONG i = 0; i < Inspected && i < IDS; i++) {
        if (Ids[i].Key == Id->Key && Ids[i].SerialNumber == Id->SerialNumber) {
            return i;
        }
    }
    return -1;
}

static NTSTATUS WSKAPI OnAbort(PVOID Context, PWSK_INSPECT_ID Id)
{
    UNREFERENCED_PARAMETER(Context);
    LONG i = Find(Id);
    if (i >= 0) {
        InterlockedIncrement(&AbortOf[i]);
    }
    LastAborted = *Id;
    InterlockedIncrement(&Aborted);
    return STATUS_SUCCESS;
}

static NTSTATUS WSKAPI OnAccept(PVOID Context, ULONG Flags, PSOCKADDR Local, PSOCKADDR Remote,
                                PWSK_SOCKET Socket, PVOID *OutContext,
                                const WSK_CLIENT_CONNECTION_DISPATCH **OutDispatch)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Local);
    UNREFERENCED_PARAMETER(Remote);
    UNREFERENCED_PARAMETER(OutContext);
    UNREFERENCED_PARAMETER(OutDispatch);
    if (Socket != NULL) {
        InterlockedIncrement(&Delivered);
    }
    return STATUS_REQUEST_NOT_ACCEPTED;
}

static const WSK_CLIENT_LISTEN_DISPATCH Inspects = {OnAccept, OnInspect, OnAbort};

static BOOLEAN ConditionalWith(const WSK_CLIENT_LISTEN_DISPATCH *Dispatch, ULONG Events)
{
    Listening = CaseWsk() ? SocketNew(WSK_FLAG_LISTEN_SOCKET, NULL, Dispatch) : NULL;
    return Listening != NULL && NT_SUCCESS(SetOption(Listening, SO_CONDITIONAL_ACCEPT, 1)) &&
           NT_SUCCESS(SocketBind(Listening, LIFE_PORT)) &&
           (Events == 0 || SocketEvents(Listening, Events) == STATUS_SUCCESS);
}

static BOOLEAN Conditional(ULONG Events)
{
    return ConditionalWith(&Inspects, Events) && RequestNew(&Own);
}

/* Resumes request n of Ids; the final status. */
static NTSTATUS Resume(LONG n, WSK_INSPECT_ACTION Action)
{
    Listener(Listening)->WskInspectComplete(Listening, &Ids[n], Action, Fresh(&Own));
    return Finish(&Own);
}

/* ---- worlds ---- */

/* One visitor, who leaves after a while. */
static void Visitor(void)
{
    struct wsksim_peer *Peer = wsksim_connect(NULL, LIFE_PORT, 2000);
    if (Peer != NULL) {
        char Byte;
        (void)wsksim_receive(Peer, &Byte, 1, 3000);
        wsksim_close(Peer);
    }
}

static void Visitors(void)
{
    for (int i = 0; i < 3 && !wsksim_is_over(); i++) {
        struct wsksim_peer *Peer = wsksim_connect(NULL, LIFE_PORT, 300);
        if (Peer != NULL) {
            wsksim_close(Peer);
        }
    }
}

/* ---- LSTN-002: the backlog ---- */

enum { COMERS = 20 };

/* How many of so many connections are still there half a second after they were made. */
static LONG Waiting(ULONG Count)
{
    static PWSK_SOCKET Comer[COMERS];
    LONG Left = 0;
    Listening = ListenerOn(LIFE_PORT, NULL);
    for (ULONG i = 0; Listening != NULL && i < Count; i++) {
        Comer[i] = SocketConnected("127.0.0.1", LIFE_PORT, NULL, NULL);
    }
    CaseSleep(500);
    for (ULONG i = 0; Listening != NULL && i < Count; i++) {
        Left += Comer[i] != NULL && NT_SUCCESS(SendBytes(Comer[i], 1, 1));
    }
    return Left;
}

FREEDOM(backlog_of_128, "LSTN-002 listen.backlog AMBIGUOUS-LIFE-20", Calm,
        .knobs = "listen.backlog=128")
{
    if (Waiting(COMERS) == COMERS) {
        Witness();
    }
}

FREEDOM(backlog_of_0, "LSTN-002 listen.backlog", Calm, .knobs = "listen.backlog=0")
{
    if (Waiting(1) == 0) {
        Witness();
    }
}

FREEDOM(backlog_of_1, "LSTN-002 listen.backlog", Calm,
        .knobs = "listen.backlog=1 listen.backlog_full=drop-newest")
{
    if (Waiting(3) == 1) {
        Witness();
    }
}

FREEDOM(backlog_of_16, "LSTN-002 listen.backlog", Calm, .knobs = "listen.backlog=16")
{
    if (Waiting(COMERS) == 16) {
        Witness();
    }
}

/* Two come where there is room for one; which of them is still there. */
static void TwoForOne(BOOLEAN *First, NTSTATUS *SecondConnects)
{
    struct pair Two = {0};
    *First = FALSE;
    *SecondConnects = STATUS_PENDING;
    Listening = ListenerOn(LIFE_PORT, NULL);
    if (Listening == NULL) {
        return;
    }
    Two.Client = SocketConnected("127.0.0.1", LIFE_PORT, NULL, NULL);
    Two.Accepted = BoundConnection();
    if (Two.Client != NULL && Two.Accepted != NULL) {
        *SecondConnects = ConnectTo(Two.Accepted, "127.0.0.1", LIFE_PORT);
        CaseSleep(500);
        *First = (BOOLEAN)NT_SUCCESS(SendBytes(Two.Client, 1, 1));
    }
}

FREEDOM(full_backlog_drops_the_oldest, "LSTN-002 listen.backlog_full", Calm,
        .knobs = "listen.backlog=1 listen.backlog_full=drop-oldest")
{
    BOOLEAN First;
    NTSTATUS Second;
    TwoForOne(&First, &Second);
    if (!First && NT_SUCCESS(Second)) {
        Witness();
    }
}

FREEDOM(full_backlog_drops_the_newest, "LSTN-002 listen.backlog_full", Calm,
        .knobs = "listen.backlog=1 listen.backlog_full=drop-newest")
{
    BOOLEAN First;
    NTSTATUS Second;
    TwoForOne(&First, &Second);
    if (First && NT_SUCCESS(Second)) {
        Witness();
    }
}

FREEDOM(full_backlog_refuses, "LSTN-002 listen.backlog_full", Calm,
        .knobs = "listen.backlog=1 listen.backlog_full=refuse")
{
    BOOLEAN First;
    NTSTATUS Second;
    TwoForOne(&First, &Second);
    if (First && Second == STATUS_CONNECTION_REFUSED) {
        Witness();
    }
}

/* ---- LSTN-003 to -008: what the answer does ---- */

DUTY(inspects_only_when_conditional, "LSTN-003", .world = Visitors)
{
    Listening = ListenerOn(LIFE_PORT, &Inspects);
    if (Listening != NULL && SocketEvents(Listening, WSK_EVENT_ACCEPT) == STATUS_SUCCESS) {
        CaseSleep(2000);
        Check(Inspected == 0 && Aborted == 0);
    }
}

static const WSK_CLIENT_LISTEN_DISPATCH NoAbort = {OnAccept, OnInspect, NULL};

MISTAKE(conditional_without_abort, "LSTN-004")
{
    (void)ConditionalWith(Mistaken ? &NoAbort : &Inspects, 0);
}

DUTY(inspects_first, "LSTN-005 LSTN-003 LSTN-016 PROP-LIFE-23", .world = Visitors)
{
    if (Conditional(WSK_EVENT_ACCEPT)) {
        for (int i = 0; i < 20; i++) {
            CaseSleep(100);
            Check(Delivered + Aborted <= Inspected);
        }
    }
}

MISTAKE(inspect_answers_7, "LSTN-006 BUG-LIFE-23", .world = Visitors)
{
    Answer = Mistaken ? (WSK_INSPECT_ACTION)7 : WskInspectReject;
    if (Conditional(0)) {
        CaseSleep(2000);
    }
}

/* Connects to itself without waiting; True if the attempt is on its way. */
static PWSK_SOCKET Comer;
static BOOLEAN Comes(void)
{
    static SOCKADDR_IN Remote;
    Comer = BoundConnection();
    if (Comer == NULL || !RequestNew(&Other)) {
        return FALSE;
    }
    Remote = Address4("127.0.0.1", LIFE_PORT);
    Connection(Comer)->WskConnect(Comer, (PSOCKADDR)&Remote, 0, Fresh(&Other));
    return TRUE;
}

DUTY(accepted_request_is_delivered, "LSTN-007 LSTN-005 LSTN-016 PROP-LIFE-23", Calm)
{
    if (Conditional(WSK_EVENT_ACCEPT) && Comes()) {
        (void)Soon(&Delivered, 60000);
        Check(Inspected == 1 && Delivered + Aborted == 1);
    }
}

DUTY(rejected_request_is_gone, "LSTN-008 PROP-LIFE-23", Calm)
{
    Answer = WskInspectReject;
    if (Conditional(WSK_EVENT_ACCEPT) && Comes()) {
        Check(!NT_SUCCESS(Finish(&Other)));
        CaseSleep(10000);
        Check(Inspected == 1 && Delivered == 0 && Aborted == 0);
    }
}

/* ---- LSTN-009, -010, -012: the id ---- */

/* Pends one request; False if none came. */
static BOOLEAN Pends(void)
{
    Answer = WskInspectPend;
    return Conditional(0) && Soon(&Inspected, 60000) && Aborted == 0;
}

static BOOLEAN ReturnedFromInspect(void)
{
    for (int i = 0; i < 50 && InInspect != 0; i++) {
        CaseSleep(10);
    }
    CaseSleep(10);
    return InInspect == 0;
}

MISTAKE(inspection_completed_twice, "LSTN-009 BUG-LIFE-36 PROP-LIFE-24", .world = Visitor)
{
    if (Pends()) {
        (void)Resume(0, WskInspectReject);
        if (Mistaken) {
            (void)Resume(0, WskInspectReject);
        }
    }
}

MISTAKE(inspection_never_completed, "LSTN-009 BUG-LIFE-36 PROP-LIFE-24", .world = Visitor,
        .is_lint = 1)
{
    if (Pends() && !Mistaken) {
        (void)Resume(0, WskInspectReject);
    }
}

MISTAKE(inspect_id_not_copied, "LSTN-009 LSTN-010 BUG-LIFE-35", .world = Visitor)
{
    if (Pends() && ReturnedFromInspect()) {
        Listener(Listening)->WskInspectComplete(Listening, Mistaken ? Kept : &Ids[0],
                                                WskInspectReject, Fresh(&Own));
        (void)Finish(&Own);
    }
}

/* Remembers requests by their key alone. */
MISTAKE(inspect_id_by_one_member, "LSTN-010 BUG-LIFE-35", .world = Visitor)
{
    if (Pends()) {
        if (Mistaken) {
            Ids[0].SerialNumber = 0;
        }
        (void)Resume(0, WskInspectReject);
    }
}

DUTY(inspect_ids_are_unique, "LSTN-011", Calm)
{
    static struct request Attempt[3];
    static SOCKADDR_IN Remote;
    PWSK_SOCKET Socket;
    Answer = WskInspectPend;
    Remote = Address4("127.0.0.1", LIFE_PORT);
    if (!Conditional(0)) {
        return;
    }
    for (LONG i = 0; i < 3 && (Socket = BoundConnection()) != NULL && RequestNew(&Attempt[i]);
         i++) {
        Connection(Socket)->WskConnect(Socket, (PSOCKADDR)&Remote, 0, Fresh(&Attempt[i]));
    }
    for (int i = 0; i < 60 && Inspected < 3; i++) {
        CaseSleep(1000);
    }
    (void)ReturnedFromInspect();
    for (LONG i = 0; i < Inspected && i < 3; i++) {
        Check(InInspect != 0 || Find(&Ids[i]) == i);
        (void)Resume(i, WskInspectReject);
    }
}

FREEDOM(inspect_key_comes_again, "LSTN-011", .world = Visitors)
{
    Answer = WskInspectReject;
    if (!Conditional(0)) {
        return;
    }
    CaseSleep(2000);
    for (LONG i = 1; i < Inspected && i < IDS; i++) {
        if (Ids[i].Key == Ids[0].Key && Ids[i].SerialNumber != Ids[0].SerialNumber) {
            Witness();
        }
    }
}

MISTAKE(inspect_id_read_later, "LSTN-012", .world = Visitor)
{
    if (Pends() && ReturnedFromInspect()) {
        if (Mistaken) {
            Ids[0] = *Kept;
        }
        (void)Resume(0, WskInspectReject);
    }
}

/* ---- LSTN-013: death ---- */

DUTY(null_inspect_id_means_death, "LSTN-013 CLOSE-033 CLOSE-034 CLOSE-035 PROP-LIFE-29",
     .world = Visitors)
{
    if (!Conditional(WSK_EVENT_ACCEPT)) {
        return;
    }
    for (int i = 0; i < 10 && Nulls == 0; i++) {
        SOCKADDR_STORAGE Where;
        CaseSleep(100);
        (void)LocalOf(Listening, Listener(Listening)->WskGetLocalAddress, &Where);
    }
    if (Nulls != 0) {
        Listener(Listening)->WskAccept(Listening, 0, NULL, NULL, NULL, NULL, Fresh(&Own));
        Check(Finish(&Own) == STATUS_FILE_FORCED_CLOSED);
        CaseSleep(500);
        Check(Nulls <= 1);
    }
}

static WSK_INSPECT_ACTION WSKAPI OnInspectUnwary(PVOID Context, PSOCKADDR Local, PSOCKADDR Remote,
                                                 PWSK_INSPECT_ID Id)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Local);
    UNREFERENCED_PARAMETER(Remote);
    if (Id != NULL || Mistaken) {
        LastAborted = *Id;
    }
    return WskInspectReject;
}

static const WSK_CLIENT_LISTEN_DISPATCH Unwary = {OnAccept, OnInspectUnwary, OnAbort};

MISTAKE(null_inspect_id_used, "CTL-187 LSTN-013 BUG-LIFE-21", .world = Visitors)
{
    if (ConditionalWith(&Unwary, 0)) {
        for (int i = 0; i < 20; i++) {
            SOCKADDR_STORAGE Where;
            CaseSleep(50);
            (void)LocalOf(Listening, Listener(Listening)->WskGetLocalAddress, &Where);
        }
    }
}

/* ---- LSTN-014, -015: WskInspectComplete ---- */

MISTAKE(inspection_pended_again, "LSTN-014", .world = Visitor)
{
    if (Pends()) {
        (void)Resume(0, Mistaken ? WskInspectPend : WskInspectReject);
    }
}

MISTAKE(inspection_of_nobody, "LSTN-014")
{
    if (Conditional(0) && Mistaken) {
        Ids[0].Key = 12345;
        Ids[0].SerialNumber = 54321;
        (void)Resume(0, WskInspectAccept);
    }
}

MISTAKE(inspection_completed_unasked, "LSTN-014", .world = Visitor)
{
    Answer = WskInspectAccept;
    if (Conditional(0) && Soon(&Inspected, 60000) && ReturnedFromInspect() && Mistaken) {
        (void)Resume(0, WskInspectAccept);
    }
}

DUTY(inspect_complete_outcome, "LSTN-015", .world = Visitor)
{
    if (Pends()) {
        NTSTATUS Status = Listener(Listening)->WskInspectComplete(Listening, &Ids[0],
                                                                  WskInspectReject, Fresh(&Own));
        NTSTATUS Final = Finish(&Own);
        Check(Own.Completions == 1 && Final != STATUS_PENDING && Own.Information == 0);
        Check(Status == STATUS_PENDING || Status == Final);
    }
}

DUTY(inspect_complete_reports_resumption, "LSTN-015", Calm)
{
    Answer = WskInspectPend;
    if (Conditional(0) && Comes() && Soon(&Inspected, 60000)) {
        Check(Resume(0, WskInspectReject) == STATUS_SUCCESS);
    }
}

/* What the answer to an id that nobody knows is. */
static NTSTATUS StaleAnswer(void)
{
    if (!Conditional(0)) {
        return STATUS_PENDING;
    }
    Ids[0].Key = 12345;
    Ids[0].SerialNumber = 54321;
    return Resume(0, WskInspectAccept);
}

FREEDOM(stale_inspection_invalid, "LSTN-014 inspect.stale_status AMBIGUOUS-LIFE-22", Calm,
        .off = "LSTN-014", .knobs = "inspect.stale_status=documented")
{
    if (StaleAnswer() == STATUS_INVALID_PARAMETER) {
        Witness();
    }
}

FREEDOM(stale_inspection_not_found, "LSTN-014 inspect.stale_status", Calm, .off = "LSTN-014",
        .knobs = "inspect.stale_status=not-found")
{
    if (StaleAnswer() == STATUS_NOT_FOUND) {
        Witness();
    }
}

FREEDOM(stale_inspection_cancelled, "LSTN-014 inspect.stale_status", Calm, .off = "LSTN-014",
        .knobs = "inspect.stale_status=cancelled")
{
    if (StaleAnswer() == STATUS_CANCELLED) {
        Witness();
    }
}

/* ---- LSTN-016 to -021: aborts ---- */

/* A pended request of ours, which we give up again. */
static BOOLEAN PendsAndLeaves(ULONG Events)
{
    Answer = WskInspectPend;
    if (!Conditional(Events) || !Comes() || !Soon(&Inspected, 60000)) {
        return FALSE;
    }
    IoCancelIrp(Other.Irp);
    (void)Finish(&Other);
    (void)SocketClose(Comer);
    return TRUE;
}

DUTY(dropped_request_is_aborted, "LSTN-017 LSTN-016 PROP-LIFE-23", Calm)
{
    if (PendsAndLeaves(WSK_EVENT_ACCEPT)) {
        Check(Soon(&Aborted, 60000));
        CaseSleep(100);
        Check(Aborted == 1 && AbortOf[0] == 1 && Delivered == 0);
    }
}

DUTY(aborts_only_what_was_inspected, "LSTN-017 LSTN-016 LSTN-018", .world = Visitors)
{
    Answer = WskInspectAccept;
    if (Conditional(WSK_EVENT_ACCEPT)) {
        CaseSleep(3000);
        Check(Aborted == 0 || Find(&LastAborted) >= 0);
        for (LONG i = 0; i < IDS; i++) {
            Check(AbortOf[i] <= 1);
        }
    }
}

MISTAKE(inspection_completed_after_its_abort, "LSTN-018 BUG-LIFE-37", .world = Visitor,
        .is_lint = 1)
{
    Answer = WskInspectPend;
    if (Conditional(0) && Soon(&Aborted, 30000) && Mistaken) {
        (void)Resume(0, WskInspectReject);
    }
}

static NTSTATUS WSKAPI OnAbortPends(PVOID Context, PWSK_INSPECT_ID Id)
{
    (void)OnAbort(Context, Id);
    return Mistaken ? STATUS_PENDING : STATUS_SUCCESS;
}

static const WSK_CLIENT_LISTEN_DISPATCH AbortPends = {OnAccept, OnInspect, OnAbortPends};

MISTAKE(abort_answers_pending, "LSTN-018 BUG-LIFE-23", .world = Visitor)
{
    Answer = WskInspectPend;
    if (ConditionalWith(&AbortPends, 0)) {
        (void)Soon(&Aborted, 30000);
    }
}

/* One record per pended request: freed by whoever ends it, abort or completion. */
static PVOID Record;

static NTSTATUS WSKAPI OnAbortFrees(PVOID Context, PWSK_INSPECT_ID Id)
{
    (void)OnAbort(Context, Id);
    PVOID Mine = Mistaken ? Record : InterlockedExchangePointer(&Record, NULL);
    if (Mine != NULL) {
        ExFreePoolWithTag(Mine, 'tsnI');
    }
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_LISTEN_DISPATCH AbortFrees = {OnAccept, OnInspect, OnAbortFrees};

MISTAKE(abort_and_completion_both_free, "KRN-195 LSTN-018 LSTN-020 BUG-LIFE-37", .world = Visitor)
{
    Answer = WskInspectPend;
    Record = ExAllocatePoolWithTag(NonPagedPoolNx, 32, 'tsnI');
    if (Record != NULL && ConditionalWith(&AbortFrees, 0) && RequestNew(&Own) &&
        Soon(&Inspected, 60000)) {
        CaseSleep(1500);
        (void)Resume(0, WskInspectReject);
        (void)SocketClose(Listening);
    }
    PVOID Mine = Mistaken ? Record : InterlockedExchangePointer(&Record, NULL);
    if (Mine != NULL) {
        ExFreePoolWithTag(Mine, 'tsnI');
    }
}

DUTY(aborted_request_stays_aborted, "LSTN-019 LSTN-016 PROP-LIFE-23", Calm)
{
    if (PendsAndLeaves(WSK_EVENT_ACCEPT) && Soon(&Aborted, 60000)) {
        (void)Resume(0, WskInspectAccept);
        CaseSleep(1000);
        Check(Delivered == 0 && Aborted == 1);
    }
}

static volatile LONG IsResuming, SawBoth;

static NTSTATUS WSKAPI OnAbortLooks(PVOID Context, PWSK_INSPECT_ID Id)
{
    (void)OnAbort(Context, Id);
    KeStallExecutionProcessor(5);
    SawBoth |= IsResuming;
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_LISTEN_DISPATCH AbortLooks = {OnAccept, OnInspect, OnAbortLooks};

FREEDOM(abort_during_the_completion, "LSTN-020")
{
    Answer = WskInspectPend;
    if (!ConditionalWith(&AbortLooks, 0) || !RequestNew(&Own) || !Comes() ||
        !Soon(&Inspected, 60000)) {
        return;
    }
    IoCancelIrp(Other.Irp);
    (void)Finish(&Other);
    IsResuming = 1;
    Listener(Listening)->WskInspectComplete(Listening, &Ids[0], WskInspectReject, Fresh(&Own));
    IsResuming = 0;
    (void)Finish(&Own);
    if (SawBoth != 0) {
        Witness();
    }
}

/* A pended request is resumed by this; whether it got through. */
static BOOLEAN ResumedBy(WSK_INSPECT_ACTION Action)
{
    Answer = WskInspectPend;
    if (!Conditional(WSK_EVENT_ACCEPT) || !Comes() || !Soon(&Inspected, 60000)) {
        return FALSE;
    }
    (void)Resume(0, Action);
    BOOLEAN Connected = (BOOLEAN)NT_SUCCESS(Finish(&Other));
    for (int i = 0; i < 20 && (i < 5 || (Connected && Delivered == 0)); i++) {
        CaseSleep(2000);
    }
    return Connected;
}

DUTY(resumed_request_is_delivered, "LSTN-021 LSTN-016 PROP-LIFE-23", Calm)
{
    if (ResumedBy(WskInspectAccept)) {
        Check(Delivered + Aborted == 1);
    }
}

DUTY(resumed_request_is_refused, "LSTN-021 PROP-LIFE-23", Calm)
{
    Check(!ResumedBy(WskInspectReject));
    Check(Delivered == 0 && Aborted == 0);
}

FREEDOM(no_conditional_accept, "LSTN-022")
{
    Listening = CaseWsk() ? SocketNew(WSK_FLAG_LISTEN_SOCKET, NULL, &Inspects) : NULL;
    if (Listening != NULL &&
        SetOption(Listening, SO_CONDITIONAL_ACCEPT, 1) == STATUS_NOT_SUPPORTED) {
        Witness();
    }
}

/* ---- LSTN-023: the id of an accepted socket ---- */

static NTSTATUS InspectIdOf(PWSK_SOCKET Socket, WSK_INSPECT_ID *Id)
{
    static WSK_INSPECT_ID Out;
    NTSTATUS Status = SocketControl(Socket, WskIoctl, SIO_WSK_QUERY_INSPECT_ID, 0, 0, NULL,
                                    sizeof Out, &Out, NULL);
    *Id = Out;
    return Status;
}

DUTY(accepted_socket_knows_its_id, "LSTN-023", Calm, .knobs = "listen.backlog=128")
{
    WSK_INSPECT_ID Id;
    if (!Conditional(0) || !Comes()) {
        return;
    }
    PWSK_SOCKET Accepted = AcceptOne(Listening, NULL, NULL, 60000);
    Check(Accepted != NULL);
    if (Accepted != NULL) {
        Check(InspectIdOf(Accepted, &Id) == STATUS_SUCCESS && Find(&Id) == 0);
    }
}

DUTY(other_sockets_have_no_inspect_id, "LSTN-023", Calm, .off = "CTL-164")
{
    WSK_INSPECT_ID Id;
    struct pair Pair;
    if (PairNew(&Pair, LIFE_PORT)) {
        Check(InspectIdOf(Pair.Accepted, &Id) == STATUS_INVALID_DEVICE_REQUEST);
    }
}

/* ---- LSTN-024: answers outside the set ---- */

DUTY(other_inspect_answer_rejects, "LSTN-024 callback.other_status AMBIGUOUS-LIFE-72 PROP-LIFE-55",
     Calm, .off = "LSTN-006")
{
    Answer = (WSK_INSPECT_ACTION)7;
    if (Conditional(WSK_EVENT_ACCEPT) && Comes()) {
        Check(!NT_SUCCESS(Finish(&Other)));
        CaseSleep(10000);
        Check(Inspected == 1 && Delivered == 0 && Aborted == 0);
    }
}

/* ---- AMBIGUOUS-LIFE-52 ---- */

static void PendAndClose(void)
{
    Answer = WskInspectPend;
    if (Conditional(0) && Comes() && Soon(&Inspected, 60000) && ReturnedFromInspect()) {
        (void)SocketClose(Listening);
    }
}

FREEDOM(inspections_end_with_an_abort, "LSTN-017 inspect.on_close AMBIGUOUS-LIFE-52", Calm,
        .knobs = "inspect.on_close=yes")
{
    PendAndClose();
    if (Aborted == 1) {
        Witness();
    }
}

DUTY(inspections_end_silently, "LSTN-017 inspect.on_close", Calm, .knobs = "inspect.on_close=no")
{
    PendAndClose();
    Check(Aborted == 0);
}
