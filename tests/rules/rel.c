/* SPDX-License-Identifier: MIT */
/* Cases of the life cycle, 1.12: WskRelease and what a client has retained. */
#include "talk.h"

enum { LISTS = 32 };

enum habit { KEEP, RELEASE_INSIDE, RELEASE_AND_SUCCEED, TAKE, WAIT_FOR_THE_CLOSE };

static struct request First, Second;
static PWSK_SOCKET Socket;
static volatile enum habit Habit;
static volatile LONG Calls, IsClosing, IsDead, Running;
static PWSK_DATA_INDICATION Held[LISTS], Taken;
static SIZE_T HeldAt[LISTS];
static volatile LONG HeldCount;
static SIZE_T Position;

/* ---- the callback ---- */

static NTSTATUS Release(PWSK_DATA_INDICATION List)
{
    NTSTATUS Status = Connection(Socket)->WskRelease(Socket, List);
    Check(Status == STATUS_SUCCESS || Status == STATUS_INVALID_PARAMETER);
    return Status;
}

static NTSTATUS Keep(PWSK_DATA_INDICATION List, SIZE_T Count)
{
    SIZE_T From = Position;
    Position += Count;
    if (HeldCount == LISTS) {
        return STATUS_SUCCESS;
    }
    Held[HeldCount] = List;
    HeldAt[HeldCount] = From;
    HeldCount++;
    return STATUS_PENDING;
}

/* Takes its time, so that the close can begin meanwhile. */
static NTSTATUS WaitForTheClose(PWSK_DATA_INDICATION List)
{
    for (ULONG i = 0; i < 100 && !IsClosing; i++) {
        KeStallExecutionProcessor(5);
    }
    if (!IsClosing) {
        return STATUS_SUCCESS;
    }
    for (ULONG i = 0; i < 20; i++) {
        KeStallExecutionProcessor(5);
    }
    if (Mistaken) {
        return STATUS_PENDING;
    }
    Check(Release(List) == STATUS_SUCCESS);
    return STATUS_PENDING;
}

static NTSTATUS Act(PWSK_DATA_INDICATION List, SIZE_T Count)
{
    switch (Habit) {
    case KEEP:
        return Keep(List, Count);
    case RELEASE_INSIDE:
        Check(Release(List) == STATUS_SUCCESS);
        return STATUS_PENDING;
    case RELEASE_AND_SUCCEED:
        (void)Release(List);
        return Mistaken ? STATUS_SUCCESS : STATUS_PENDING;
    case WAIT_FOR_THE_CLOSE:
        return WaitForTheClose(List);
    case TAKE:
        break;
    }
    Taken = List;
    return STATUS_SUCCESS;
}

static NTSTATUS WSKAPI OnReceive(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List,
                                 SIZE_T Count, SIZE_T *Accepted)
{
    NTSTATUS Status = STATUS_SUCCESS;
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Accepted);
    Running = 1;
    IsDead |= List == NULL;
    Calls++;
    if (List != NULL) {
        Status = Act(List, Count);
    }
    Running = 0;
    return Status;
}

static const WSK_CLIENT_CONNECTION_DISPATCH Dispatch = {OnReceive, NULL, NULL};

/* ---- bodies ---- */

static BOOLEAN Listen(enum habit How)
{
    Habit = How;
    Socket = TalkConnected(NULL, &Dispatch);
    BOOLEAN IsReady = RequestNew(&First) && RequestNew(&Second);
    return Socket != NULL && IsReady &&
           SocketEvents(Socket, WSK_EVENT_RECEIVE) == STATUS_SUCCESS;
}

/* Callbacks keep nothing from now on. */
static void Quiet(void)
{
    Habit = TAKE;
    while (Running != 0) {
        CaseSleep(1);
    }
}

static void ReleaseAll(void)
{
    Quiet();
    for (LONG i = 0; i < HeldCount; i++) {
        Check(Release(Held[i]) == STATUS_SUCCESS);
    }
    HeldCount = 0;
}

/* One list is held, and no callback runs. */
static BOOLEAN HoldsOne(void)
{
    if (!Listen(KEEP)) {
        return FALSE;
    }
    (void)TalkSoon(&HeldCount, 2000);
    Quiet();
    CaseSleep(5);
    return HeldCount != 0;
}

/* ---- scripts ---- */

static void Sends(void)
{
    struct wsksim_peer *Peer = TalkPeer();
    for (ULONG i = 0; Peer != NULL && i < 6; i++) {
        wsksim_send(Peer, TalkBytes() + 40 * i, 40);
        wsksim_sleep(2000);
    }
    if (Peer != NULL && TalkReached(1)) {
        wsksim_finish(Peer);
    }
    TalkHold();
}

static void Datagrams(void)
{
    struct wsksim_port *Port = wsksim_bind("10.0.0.2", TALK_ELSEWHERE);
    for (ULONG i = 0; i < 6 && TalkReached(1); i++) {
        wsksim_send_to(Port, NULL, TALK_PORT, TalkBytes(), 8);
    }
    TalkHold();
}

/* ---- mistakes ---- */

MISTAKE(released_nothing, "REL-002 BUG-LIFE-18", .world = Sends)
{
    if (Listen(TAKE) && Mistaken) {
        (void)Release(NULL);
    }
}

MISTAKE(released_a_consumed_list, "REL-002 BUG-LIFE-18", .world = Sends)
{
    if (Listen(TAKE) && TalkSoon(&Calls, 2000) && !IsDead) {
        CaseSleep(5);
        PWSK_DATA_INDICATION List = Taken;
        if (Mistaken && List != NULL) {
            (void)Release(List);
        }
    }
}

MISTAKE(released_and_consumed, "REL-002 BUG-LIFE-18", .world = Sends)
{
    if (Listen(RELEASE_AND_SUCCEED)) {
        (void)TalkSoon(&Calls, 2000);
    }
}

MISTAKE(released_twice, "REL-003 BUG-LIFE-18 PROP-LIFE-10", .world = Sends)
{
    if (HoldsOne()) {
        PWSK_DATA_INDICATION List = Held[0];
        ReleaseAll(); /* all there is */
        if (Mistaken) {
            (void)Release(List);
        }
    }
}

MISTAKE(released_on_another_socket, "REL-004", .world = Sends)
{
    if (!HoldsOne()) {
        ReleaseAll();
        return;
    }
    PWSK_SOCKET Other = SocketConnected("10.0.0.2", TALK_PORT, NULL, NULL);
    if (Other != NULL && Mistaken) {
        (void)Connection(Other)->WskRelease(Other, Held[0]);
    }
    ReleaseAll();
}

MISTAKE(released_from_the_middle, "REL-004 release.granularity", .world = Sends)
{
    if (HoldsOne()) {
        PWSK_DATA_INDICATION Inner = Held[0]->Next;
        if (Mistaken && Inner != NULL) {
            (void)Release(Inner);
        }
        ReleaseAll();
    }
}



MISTAKE(closed_with_a_list, "REL-005 BUG-LIFE-17 PROP-LIFE-10", .world = Sends)
{
    if (HoldsOne() && Mistaken) {
        (void)SocketClose(Socket);
        return;
    }
    ReleaseAll();
}

/* On the way out after a failed send the list is forgotten. */
MISTAKE(forgotten_on_an_error_path, "REL-005 REL-003 BUG-LIFE-19", .world = Sends)
{
    if (!HoldsOne()) {
        ReleaseAll();
        return;
    }
    WSK_BUF Buffer = TalkBuffer(8);
    if (Buffer.Mdl == NULL) {
        if (!Mistaken) {
            ReleaseAll();
        }
        return;
    }
    Connection(Socket)->WskSend(Socket, &Buffer, 0, Fresh(&First));
    if (!NT_SUCCESS(Finish(&First)) && Mistaken) {
        return;
    }
    ReleaseAll();
}

MISTAKE(retained_beyond_the_close, "REL-005 REL-013 REL-006 BUG-LIFE-60", .world = Sends)
{
    if (Listen(WAIT_FOR_THE_CLOSE) && TalkSoon(&Calls, 2000)) {
        IsClosing = 1;
        (void)SocketClose(Socket);
    }
}

MISTAKE(touched_after_the_release, "REL-008", .world = Sends)
{
    if (HoldsOne()) {
        PWSK_DATA_INDICATION List = Held[0];
        ReleaseAll(); /* all there is */
        if (Mistaken && List->Buffer.Length == 0) {
            CaseSleep(1);
        }
    }
}

MISTAKE(held_very_long, "REL-010", .world = Sends)
{
    if (HoldsOne() && Mistaken) {
        CaseSleep(11000);
    }
    ReleaseAll();
}

MISTAKE(released_above_dispatch, "KRN-050 REL-001", .world = Sends)
{
    KIRQL Old;
    if (HoldsOne() && Mistaken) {
        KeRaiseIrql(DISPATCH_LEVEL + 1, &Old);
        (void)Release(Held[0]);
        KeLowerIrql(Old);
        return;
    }
    ReleaseAll();
}

/* ---- datagrams ---- */

static PWSK_DATAGRAM_INDICATION volatile KeptList;

static NTSTATUS WSKAPI OnDatagram(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION List)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    if (List == NULL ||
        InterlockedCompareExchangePointer((PVOID volatile *)&KeptList, List, NULL) != NULL) {
        return STATUS_SUCCESS;
    }
    return STATUS_PENDING;
}

/* A list that is held, with several elements if that can be had; NULL if there is none. */
static PWSK_DATAGRAM_INDICATION HoldsDatagrams(void)
{
    static const WSK_CLIENT_DATAGRAM_DISPATCH Keeps = {OnDatagram};
    static WSK_DATAGRAM_INDICATION Nothing;
    Socket = TalkBound(NULL, &Keeps);
    if (Socket == NULL) {
        return NULL;
    }
    CaseSleep(50);
    if (SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM) == STATUS_SUCCESS) {
        for (ULONG i = 0; i < 40 && KeptList == NULL; i++) {
            CaseSleep(5);
        }
    }
    /* From now on none is kept. */
    return InterlockedCompareExchangePointer((PVOID volatile *)&KeptList, &Nothing, NULL);
}

static void ReleaseDatagrams(PWSK_DATAGRAM_INDICATION List)
{
    Check(Datagram(Socket)->WskRelease(Socket, List) == STATUS_SUCCESS);
}

MISTAKE(datagrams_released_twice, "REL-003 BUG-LIFE-18 PROP-LIFE-10", .world = Datagrams)
{
    PWSK_DATAGRAM_INDICATION List = HoldsDatagrams();
    if (List != NULL) {
        ReleaseDatagrams(List);
        if (Mistaken) {
            (void)Datagram(Socket)->WskRelease(Socket, List);
        }
    }
}

MISTAKE(closed_with_datagrams, "REL-005 BUG-LIFE-17", .world = Datagrams)
{
    PWSK_DATAGRAM_INDICATION List = HoldsDatagrams();
    CaseSleep(5);
    if (List != NULL && !Mistaken) {
        ReleaseDatagrams(List); /* else the frame closes the socket */
    }
}

/* One element after the other, as shipped clients do: lint, and it works. */
MISTAKE(datagrams_released_one_by_one, "REL-004 release.granularity REL-008", .world = Datagrams,
        .is_lint = 1)
{
    PWSK_DATAGRAM_INDICATION List = HoldsDatagrams();
    if (List != NULL && Mistaken && List->Next != NULL) {
        PWSK_DATAGRAM_INDICATION Rest = List->Next;
        List->Next = NULL;
        ReleaseDatagrams(Rest);
    }
    if (List != NULL) {
        ReleaseDatagrams(List);
    }
}

MISTAKE(datagrams_released_by_element_strictly, "REL-004 release.granularity", .world = Datagrams,
        .knobs = "release.granularity=whole-lists")
{
    PWSK_DATAGRAM_INDICATION List = HoldsDatagrams();
    if (List != NULL && Mistaken && List->Next != NULL) {
        PWSK_DATAGRAM_INDICATION Rest = List->Next;
        List->Next = NULL;
        ReleaseDatagrams(Rest);
    }
    if (List != NULL) {
        ReleaseDatagrams(List);
    }
}

FREEDOM(datagrams_released_by_element, "REL-004 REL-008 release.granularity AMBIGUOUS-LIFE-16",
        .world = Datagrams, .knobs = "release.granularity=0")
{
    PWSK_DATAGRAM_INDICATION List = HoldsDatagrams();
    if (List == NULL) {
        return;
    }
    PWSK_DATAGRAM_INDICATION Rest = List->Next;
    List->Next = NULL;
    ReleaseDatagrams(List);
    if (Rest != NULL) {
        ReleaseDatagrams(Rest);
        Witness();
    }
}

FREEDOM(lists_released_by_element, "REL-004 release.granularity AMBIGUOUS-LIFE-16", .world = Sends,
        .knobs = "release.granularity=2")
{
    if (!HoldsOne()) {
        ReleaseAll();
        return;
    }
    PWSK_DATA_INDICATION Rest = Held[0]->Next;
    Held[0]->Next = NULL;
    ReleaseAll();
    if (Rest != NULL) {
        Check(Release(Rest) == STATUS_SUCCESS);
        Witness();
    }
}

/* ---- what the system owes ---- */

DUTY(lists_in_any_order, "REL-001 REL-009 REL-007 PROP-LIFE-11", .world = Sends)
{
    if (!Listen(KEEP)) {
        return;
    }
    CaseSleep(200);
    Quiet();
    for (LONG i = 0; i < HeldCount; i++) {
        Check(TalkTotal(Held[i], HeldAt[i]) != 0);
    }
    for (LONG i = 1; i < HeldCount; i += 2) {
        Check(Release(Held[i]) == STATUS_SUCCESS);
    }
    for (LONG i = 0; i < HeldCount; i += 2) {
        Check(TalkTotal(Held[i], HeldAt[i]) != 0);
        Check(Release(Held[i]) == STATUS_SUCCESS);
    }
}

static void OtherThread(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    ReleaseAll();
    PsTerminateSystemThread(STATUS_SUCCESS);
}

DUTY(lists_from_any_thread, "REL-009 REL-001", .world = Sends)
{
    if (HoldsOne()) {
        PVOID Thread = CaseThread(OtherThread, NULL);
        if (Thread != NULL) {
            CaseJoin(Thread);
            return;
        }
    }
    ReleaseAll();
}

DUTY(released_at_dispatch, "REL-001", .world = Sends)
{
    KIRQL Old;
    BOOLEAN IsHeld = HoldsOne();
    Quiet();
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    for (LONG i = 0; IsHeld && i < HeldCount; i++) {
        Check(Release(Held[i]) == STATUS_SUCCESS);
    }
    KeLowerIrql(Old);
}

DUTY(released_after_the_abort, "REL-014 REL-007", .world = Sends)
{
    if (HoldsOne()) {
        Connection(Socket)->WskDisconnect(Socket, NULL, WSK_FLAG_ABORTIVE, Fresh(&First));
        (void)Finish(&First);
        Check(TalkTotal(Held[0], HeldAt[0]) != 0);
    }
    ReleaseAll();
}

DUTY(released_after_the_end, "REL-014 REL-007", .world = Sends)
{
    if (HoldsOne()) {
        TalkStep(1);
        Connection(Socket)->WskDisconnect(Socket, NULL, 0, Fresh(&First));
        (void)Finish(&First);
        CaseSleep(20);
        Check(TalkTotal(Held[0], HeldAt[0]) != 0);
    }
    ReleaseAll();
}

DUTY(released_after_death, "REL-014 REL-007", .world = Sends)
{
    WSK_BUF Nothing = {NULL, 0, 0};
    if (HoldsOne()) {
        for (ULONG i = 0; i < 20 && !IsDead; i++) {
            Connection(Socket)->WskReceive(Socket, &Nothing, 0, Fresh(&First));
            if (Finish(&First) == STATUS_FILE_FORCED_CLOSED) {
                break;
            }
        }
        Check(TalkTotal(Held[0], HeldAt[0]) != 0);
    }
    ReleaseAll();
}

DUTY(released_while_closing, "REL-013 REL-011 PROP-LIFE-47 PROP-LIFE-48", .world = Sends,
     .knobs = "event.irql=2")
{
    if (Listen(WAIT_FOR_THE_CLOSE) && TalkSoon(&Calls, 2000)) {
        IsClosing = 1;
        (void)SocketClose(Socket);
    }
}

FREEDOM(released_inside, "REL-011", .world = Sends)
{
    if (Listen(RELEASE_INSIDE) && TalkSoon(&Calls, 2000) && !IsDead) {
        Witness();
    }
    Quiet();
}

/* What a client forgets stays where it is: the close does not release it. */
DUTY(close_leaves_lists_alone, "REL-006 close.with_retained", .world = Sends, .off = "REL-005",
     .knobs = "close.with_retained=0")
{
    if (HoldsOne()) {
        PWSK_DATA_INDICATION List = Held[0];
        (void)SocketClose(Socket);
        Check(TalkTotal(List, HeldAt[0]) != 0);
    }
}

/* ---- readings ---- */

static NTSTATUS WSKAPI OnRefused(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List,
                                 SIZE_T Count, SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Count);
    UNREFERENCED_PARAMETER(Accepted);
    if (List != NULL && Release(List) == STATUS_INVALID_PARAMETER) {
        Witness();
    }
    return STATUS_SUCCESS;
}

FREEDOM(early_release_is_refused, "REL-011 release.before_return AMBIGUOUS-LIFE-15",
        .world = Sends, .knobs = "release.before_return=1")
{
    static const WSK_CLIENT_CONNECTION_DISPATCH Refused = {OnRefused, NULL, NULL};
    Socket = TalkConnected(NULL, &Refused);
    if (Socket != NULL && SocketEvents(Socket, WSK_EVENT_RECEIVE) == STATUS_SUCCESS) {
        CaseSleep(100);
    }
}

static NTSTATUS WSKAPI OnReleased(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List,
                                  SIZE_T Count, SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Count);
    UNREFERENCED_PARAMETER(Accepted);
    if (List != NULL) {
        Check(Release(List) == STATUS_SUCCESS);
        return STATUS_PENDING;
    }
    return STATUS_SUCCESS;
}

DUTY(early_release_counts, "REL-011 release.before_return", .world = Sends,
     .knobs = "release.before_return=accept")
{
    static const WSK_CLIENT_CONNECTION_DISPATCH Early = {OnReleased, NULL, NULL};
    Socket = TalkConnected(NULL, &Early);
    if (Socket != NULL && SocketEvents(Socket, WSK_EVENT_RECEIVE) == STATUS_SUCCESS) {
        CaseSleep(100);
    }
}

/* A callback that overlaps the close retains, and the subsystem takes the list back. */
static volatile LONG IsLate;
static BOOLEAN Retains = TRUE;
static PWSK_DATA_INDICATION volatile LateList;

static NTSTATUS WSKAPI OnLate(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List, SIZE_T Count,
                              SIZE_T *Accepted)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Count);
    UNREFERENCED_PARAMETER(Accepted);
    Calls = 1;
    for (ULONG i = 0; i < 100 && !IsClosing; i++) {
        KeStallExecutionProcessor(5);
    }
    for (ULONG i = 0; IsClosing && i < 20; i++) {
        KeStallExecutionProcessor(5);
    }
    IsLate |= List != NULL && IsClosing;
    if (List == NULL || IsClosing <= 1) {
        return STATUS_SUCCESS;
    }
    LateList = List;
    return STATUS_PENDING;
}

/* Closes while the callback runs, which then retains what it was shown. */
static BOOLEAN OverlapsClose(void)
{
    static const WSK_CLIENT_CONNECTION_DISPATCH Late = {OnLate, NULL, NULL};
    BOOLEAN IsReady = RequestNew(&First);
    Socket = IsReady ? TalkConnected(NULL, &Late) : NULL;
    if (Socket == NULL || SocketEvents(Socket, WSK_EVENT_RECEIVE) != STATUS_SUCCESS ||
        !TalkSoon(&Calls, 2000)) {
        return FALSE;
    }
    IsClosing = 1;
    SocketForget(Socket);
    Connection(Socket)->Basic.WskCloseSocket(Socket, Fresh(&First));
    IsClosing = Retains ? 2 : 1; /* entered: what is retained now overlaps the close */
    return TRUE;
}

FREEDOM(late_list_is_taken_back, "REL-013 close.callback_retains AMBIGUOUS-LIFE-73",
        .world = Sends, .knobs = "close.callback_retains=2")
{
    if (OverlapsClose() && NT_SUCCESS(Finish(&First)) && IsLate) {
        Witness();
    }
}

MISTAKE(late_list_is_leaked, "REL-005 REL-013 close.callback_retains", .world = Sends,
        .knobs = "close.callback_retains=leak close.with_retained=leak")
{
    Retains = Mistaken;
    if (OverlapsClose()) {
        (void)Finish(&First);
    }
}

FREEDOM(late_list_can_be_released, "REL-013 close.callback_retains", .world = Sends,
        .off = "REL-005", .knobs = "close.callback_retains=release-until-complete close.delay=10s")
{
    if (OverlapsClose()) {
        while (LateList == NULL && !IsDone(&First)) {
            CaseSleep(500);
        }
        CaseSleep(500); /* the callback has returned */
        if (LateList != NULL && !IsDone(&First) && Release(LateList) == STATUS_SUCCESS) {
            Witness();
        }
        (void)Finish(&First);
    }
}
