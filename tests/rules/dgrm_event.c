/* SPDX-License-Identifier: MIT */
/*
 * Cases of the life cycle, 1.11: WskReceiveFromEvent.
 *
 * Datagrams carry a number: byte 0 says which, byte 1 whether it was broadcast. One callback serves
 * them all; it checks what every element promises, counts, and answers as the case wants it to.
 */
#include "talk.h"

enum { LENGTH = 8, NUMBERS = 16, LISTS = 32 };

enum answer { TAKE, REFUSE_ALL, RETAIN, ODD_SUCCESS, ODD_FAILURE };

static struct request First, Second;
static PWSK_SOCKET Socket;
static enum answer Answer;
static volatile LONG IsEnabled, IsRefused, IsDead, IsStatic;
static volatile LONG Calls, Running, Overlaps, Elements, Empties, Infos, NoInfos;
static volatile LONG Times[NUMBERS];
static PWSK_DATAGRAM_INDICATION Held[LISTS];
static volatile LONG HeldCount;

/* ---- the callback ---- */

/* The first two bytes; false if they cannot be seen. */
static BOOLEAN Look(const WSK_BUF *Buffer, UCHAR Out[2])
{
    SIZE_T Offset = Buffer->Offset, Count = 0;
    for (PMDL Mdl = Buffer->Mdl; Mdl != NULL && Count < 2; Mdl = Mdl->Next, Offset = 0) {
        const UCHAR *Bytes = MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority);
        for (; Bytes != NULL && Offset < MmGetMdlByteCount(Mdl) && Count < 2; Offset++) {
            Out[Count++] = Bytes[Offset];
        }
    }
    return Count == 2;
}

static void CheckElement(PWSK_DATAGRAM_INDICATION Element, ULONG Flags)
{
    UCHAR Bytes[2];
    Check(Element->RemoteAddress != NULL && Element->RemoteAddress->sa_family == AF_INET);
    Check((Element->ControlInfo == NULL) == (Element->ControlInfoLength == 0));
    if (Element->Buffer.Length == 0) {
        InterlockedIncrement(&Empties);
        return;
    }
    Check(Element->Buffer.Length == LENGTH);
    CountIf(Infos, Element->ControlInfo != NULL);
    CountIf(NoInfos, Element->ControlInfo == NULL);
    if (Look(&Element->Buffer, Bytes)) {
        Check(Bytes[0] < NUMBERS);
        Check((Bytes[1] != 0) == ((Flags & MSG_BCAST) != 0));
        InterlockedIncrement(&Times[Bytes[0]]);
    }
}

static NTSTATUS Reply(PWSK_DATAGRAM_INDICATION List)
{
    switch (Answer) {
    case REFUSE_ALL:
        IsRefused = 1;
        return STATUS_DATA_NOT_ACCEPTED;
    case RETAIN:
        if (HeldCount < LISTS) {
            Held[InterlockedIncrement(&HeldCount) - 1] = List;
            return STATUS_PENDING;
        }
        break;
    case ODD_SUCCESS:
        return Mistaken ? STATUS_MORE_ENTRIES : STATUS_SUCCESS;
    case ODD_FAILURE:
        return STATUS_UNSUCCESSFUL;
    case TAKE:
        break;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS WSKAPI OnDatagram(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION List)
{
    Check(Context == &First);
    Check((Flags & ~(ULONG)(MSG_BCAST | MSG_MCAST | WSK_FLAG_AT_DISPATCH_LEVEL)) == 0);
    Check(IsEnabled != 0);
    CountIf(Overlaps, InterlockedIncrement(&Running) > 1);
    InterlockedIncrement(&Calls);
    if (List == NULL) {
        IsDead = 1;
    }
    for (PWSK_DATAGRAM_INDICATION Element = List; Element != NULL; Element = Element->Next) {
        InterlockedIncrement(&Elements);
        CheckElement(Element, Flags);
    }
    NTSTATUS Status = List != NULL ? Reply(List) : STATUS_SUCCESS;
    InterlockedDecrement(&Running);
    return Status;
}

static const WSK_CLIENT_DATAGRAM_DISPATCH Dispatch = {OnDatagram};

/* ---- bodies ---- */

static BOOLEAN Bound(enum answer How)
{
    Answer = How;
    BOOLEAN IsReady = RequestNew(&First) && RequestNew(&Second);
    Socket = IsReady ? TalkBound(&First, &Dispatch) : NULL;
    return Socket != NULL;
}

static BOOLEAN Enable(void)
{
    IsEnabled = 1;
    return SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM) == STATUS_SUCCESS;
}

static BOOLEAN Listen(enum answer How)
{
    return Bound(How) && Enable();
}

static BOOLEAN AskForPacketInfo(void)
{
    static ULONG One = 1;
    return NT_SUCCESS(SocketControl(Socket, WskSetOption, IP_PKTINFO, IPPROTO_IP, sizeof One, &One,
                                    0, NULL, NULL));
}

/* Static callbacks, set before the first socket. */
static BOOLEAN ListenStatic(enum answer How)
{
    static WSK_EVENT_CALLBACK_CONTROL Control;
    Control = (WSK_EVENT_CALLBACK_CONTROL){&NPI_WSK_INTERFACE_ID, WSK_EVENT_RECEIVE_FROM};
    IsEnabled = IsStatic = 1;
    return CaseWsk() &&
           NT_SUCCESS(CaseNpi.Dispatch->WskControlClient(
               CaseNpi.Client, WSK_SET_STATIC_EVENT_CALLBACKS, sizeof Control, &Control, 0, NULL,
               NULL, NULL)) &&
           Bound(How);
}

static BOOLEAN Called(LONG Wanted, ULONG Milliseconds)
{
    for (ULONG i = 0; Calls < Wanted && i < Milliseconds; i += 5) {
        CaseSleep(5);
    }
    return Calls >= Wanted;
}

static void ReleaseAll(void)
{
    for (LONG i = 0; i < HeldCount; i++) {
        Check(Datagram(Socket)->WskRelease(Socket, Held[i]) == STATUS_SUCCESS);
    }
    HeldCount = 0;
}

/* Off, and no call in progress. */
static void Quiet(void)
{
    WSK_EVENT_CALLBACK_CONTROL Off = {&NPI_WSK_INTERFACE_ID,
                                      WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE};
    Datagram(Socket)->Basic.WskControlSocket(Socket, WskSetOption, SO_WSK_EVENT_CALLBACK,
                                             SOL_SOCKET, sizeof Off, &Off, 0, NULL, NULL,
                                             Fresh(&Second));
    (void)Finish(&Second); /* a dead socket refuses it */
    Answer = TAKE;
    while (Running != 0) {
        CaseSleep(1);
    }
    ReleaseAll();
}

/* ---- scripts ---- */

static void Send(struct wsksim_port *Port, UCHAR Number, BOOLEAN IsBroadcast)
{
    UCHAR Bytes[LENGTH] = {Number, IsBroadcast};
    wsksim_send_to(Port, IsBroadcast ? "255.255.255.255" : NULL, TALK_PORT, Bytes, sizeof Bytes);
}

static void Numbers(void)
{
    struct wsksim_port *Port = wsksim_bind("10.0.0.2", TALK_ELSEWHERE);
    for (UCHAR i = 0; i < 8 && TalkReached(1); i++) {
        Send(Port, i, FALSE);
        wsksim_sleep(i % 3 == 0 ? 3000 : 1);
    }
    TalkHold();
}

static void Mixed(void)
{
    struct wsksim_port *Port = wsksim_bind("10.0.0.2", TALK_ELSEWHERE);
    for (UCHAR i = 0; i < 8 && TalkReached(1); i++) {
        Send(Port, i, i % 2);
    }
    TalkHold();
}

/* Numbers until the body is done, the first ones long before the others. */
static void Ever(void)
{
    struct wsksim_port *Port = wsksim_bind("10.0.0.2", TALK_ELSEWHERE);
    for (ULONG i = 0; i < 200 && TalkReached(1) && !CaseOver && !wsksim_is_over(); i++) {
        Send(Port, (UCHAR)(i % NUMBERS), FALSE);
        wsksim_sleep(20000);
    }
}

/* Three early ones and none later. */
static void Early(void)
{
    struct wsksim_port *Port = wsksim_bind("10.0.0.2", TALK_ELSEWHERE);
    for (UCHAR i = 0; i < 3 && TalkReached(1); i++) {
        Send(Port, i, FALSE);
    }
    TalkHold();
}

static void Empty(void)
{
    struct wsksim_port *Port = wsksim_bind("10.0.0.2", TALK_ELSEWHERE);
    for (UCHAR i = 0; i < 8 && TalkReached(1); i++) {
        wsksim_send_to(Port, NULL, TALK_PORT, NULL, 0);
        wsksim_sleep(3000);
    }
    TalkHold();
}

/* ---- mistakes ---- */

MISTAKE(datagram_event_odd_success, "DGRM-017 BUG-LIFE-23", .world = Numbers)
{
    if (Listen(ODD_SUCCESS)) {
        (void)Called(1, 500);
    }
}

MISTAKE(datagram_event_odd_failure, "CTL-058 DGRM-017 BUG-LIFE-23", .world = Numbers, .is_lint = 1)
{
    if (Listen(Mistaken ? ODD_FAILURE : TAKE)) {
        (void)Called(1, 500);
    }
}

static volatile PWSK_DATAGRAM_INDICATION Kept;

static NTSTATUS WSKAPI OnKept(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION List)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    Kept = List;
    CountIf(Calls, List != NULL);
    return STATUS_SUCCESS;
}

MISTAKE(datagrams_used_after_success, "DGRM-022 BUG-LIFE-20", .world = Numbers)
{
    static const WSK_CLIENT_DATAGRAM_DISPATCH Keeps = {OnKept};
    Socket = TalkBound(&First, &Keeps);
    if (Socket != NULL && Enable() && Called(1, 500) && Mistaken) {
        CaseSleep(5);
        if (Kept != NULL && Kept->Buffer.Length == 0) {
            KeStallExecutionProcessor(1);
        }
    }
}

MISTAKE(refuses_datagrams_for_ever, "DGRM-025 BUG-LIFE-26", .world = Numbers)
{
    if (Listen(REFUSE_ALL) && Called(1, 500)) {
        CaseSleep(20);
        Answer = TAKE;
        if (!Mistaken) {
            (void)Enable();
        }
        CaseSleep(40000);
    }
}

static KEVENT SomeTaken;

static NTSTATUS WSKAPI OnSecond(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION List)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    if (List != NULL && Calls++ == 0) {
        return STATUS_DATA_NOT_ACCEPTED; /* not ready yet */
    }
    KeSetEvent(&SomeTaken, IO_NO_INCREMENT, FALSE);
    return STATUS_SUCCESS;
}

MISTAKE(refuses_datagrams_and_waits, "SYS-DEADLOCK DGRM-025 BUG-LIFE-26", .world = Numbers)
{
    static const WSK_CLIENT_DATAGRAM_DISPATCH Seconds = {OnSecond};
    LARGE_INTEGER Limit = {.QuadPart = -10 * 10000000ll};
    KeInitializeEvent(&SomeTaken, NotificationEvent, FALSE);
    Socket = TalkBound(NULL, &Seconds);
    if (Socket == NULL || !Enable() || !Called(1, 500)) {
        return;
    }
    CaseSleep(20);
    if (!Mistaken) {
        (void)Enable();
    }
    KeWaitForSingleObject(&SomeTaken, Executive, KernelMode, FALSE, Mistaken ? NULL : &Limit);
}

static NTSTATUS WSKAPI OnCareless(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION List)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    if (!Mistaken && List == NULL) {
        return STATUS_SUCCESS;
    }
    return List->Next == List ? STATUS_PENDING : STATUS_SUCCESS;
}

MISTAKE(null_datagrams_not_expected, "CTL-187 DGRM-015 BUG-LIFE-21", .world = Numbers)
{
    static const WSK_CLIENT_DATAGRAM_DISPATCH Careless = {OnCareless};
    Socket = TalkBound(NULL, &Careless);
    for (ULONG i = 0; Socket != NULL && i < 20; i++) {
        if (!NT_SUCCESS(SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM))) {
            break;
        }
    }
    CaseSleep(20);
}

/* Two calls that run at once fill one reassembly buffer. */
static UCHAR Shared[LENGTH];
static KSPIN_LOCK SharedLock;

static NTSTATUS WSKAPI OnShared(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION List)
{
    KLOCK_QUEUE_HANDLE Handle;
    UCHAR Bytes[2];
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    if (List == NULL || List->Buffer.Length < 2 || !Look(&List->Buffer, Bytes)) {
        return STATUS_SUCCESS;
    }
    if (!Mistaken) {
        KeAcquireInStackQueuedSpinLock(&SharedLock, &Handle);
    }
    Shared[0] = Bytes[0];
    (void)KeGetCurrentProcessorNumberEx(NULL);
    NT_ASSERT(Shared[0] == Bytes[0]);
    if (!Mistaken) {
        KeReleaseInStackQueuedSpinLock(&Handle);
    }
    return STATUS_SUCCESS;
}

MISTAKE(parallel_calls_share_a_buffer, "SYS-ASSERT EVT-015 BUG-LIFE-56 BUG-LIFE-67",
        .world = Numbers)
{
    static const WSK_CLIENT_DATAGRAM_DISPATCH Sharing = {OnShared};
    KeInitializeSpinLock(&SharedLock);
    Socket = TalkBound(NULL, &Sharing);
    if (Socket != NULL && Enable()) {
        CaseSleep(500);
    }
}

/* The callback takes the one IRP of the client: no receive can be queued, or so it believes. */
static NTSTATUS WSKAPI OnAnswer(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION List)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    if (List != NULL && Mistaken && !IsDone(&First)) {
        IoReuseIrp(First.Irp, STATUS_UNSUCCESSFUL);
    }
    return STATUS_SUCCESS;
}

MISTAKE(datagram_callback_takes_the_queued_irp, "IRP-008 DGRM-013 BUG-LIFE-55", .world = Numbers)
{
    static const WSK_CLIENT_DATAGRAM_DISPATCH Answers = {OnAnswer};
    Socket = RequestNew(&First) ? TalkBound(NULL, &Answers) : NULL;
    WSK_BUF Buffer = BufferNew(LENGTH);
    if (Socket == NULL || Buffer.Mdl == NULL) {
        return;
    }
    Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, NULL, NULL, NULL, NULL, Fresh(&First));
    if (Enable()) {
        CaseSleep(500);
    }
    IoCancelIrp(First.Irp);
    (void)Finish(&First);
}

/* ---- what the system owes ---- */

DUTY(datagrams_as_promised,
     "DGRM-015 DGRM-016 DGRM-018 DGRM-023 DGRM-024 DGRM-027 EVT-009 PROP-LIFE-36",
     .world = Mixed)
{
    if (!Listen(TAKE)) {
        return;
    }
    CaseSleep(500);
    Quiet();
    for (ULONG i = 0; i < NUMBERS; i++) {
        Check(Times[i] <= 2); /* the network makes one copy at most */
    }
}

DUTY(no_datagrams_when_off, "DGRM-015 EVT-001 EVT-004 PROP-LIFE-18", .world = Ever)
{
    if (!Listen(TAKE)) {
        return;
    }
    (void)Called(1, 500);
    Quiet();
    BOOLEAN IsOff = NT_SUCCESS(Second.Status);
    LONG Before = Calls;
    CaseSleep(300);
    Check(Calls == Before || IsDead || !IsOff);
}

DUTY(retained_datagrams_stay, "DGRM-019 REL-007 REL-009 PROP-LIFE-11", .world = Mixed)
{
    if (!Listen(RETAIN)) {
        return;
    }
    CaseSleep(300);
    for (LONG i = 0; i < HeldCount; i++) {
        for (PWSK_DATAGRAM_INDICATION Element = Held[i]; Element != NULL; Element = Element->Next) {
            UCHAR Bytes[2];
            Check(Element->RemoteAddress->sa_family == AF_INET);
            Check(!Look(&Element->Buffer, Bytes) || Times[Bytes[0]] != 0);
        }
    }
    Quiet();
}

DUTY(refusal_turns_the_event_off, "DGRM-020 PROP-LIFE-18", .world = Ever,
     .knobs = "event.concurrency=1 amb.20=0")
{
    if (!Listen(REFUSE_ALL) || !Called(1, 500)) {
        return;
    }
    LONG Before = Calls;
    CaseSleep(300);
    Check(Calls == Before || IsDead);
}

/* The refused one comes again, to the callback, once that is enabled again. */
DUTY(refused_datagrams_come_again, "DGRM-020 CTL-078", .world = Ever,
     .knobs = "event.concurrency=1 amb.20=0 event.backlog_on_enable=0")
{
    LONG Number = 0;
    if (!Listen(REFUSE_ALL) || !TalkSoon(&IsRefused, 500) || IsDead) {
        return;
    }
    CaseSleep(50);
    while (Number < NUMBERS && Times[Number] == 0) {
        Number++;
    }
    if (Number == NUMBERS) {
        return;
    }
    LONG Before = Times[Number], Seen = Elements;
    Answer = TAKE;
    if (!Enable()) {
        return;
    }
    for (ULONG i = 0; i < 20 && Elements < Seen + 5; i++) {
        CaseSleep(20);
    }
    Check(Times[Number] > Before || Elements < Seen + 5 || IsDead);
}

/* Sends itself a datagram, which never gets lost, and waits until the callback has seen it. */
static void ShowsItself(void)
{
    static SOCKADDR_IN Self;
    WSK_BUF Buffer = BufferNew(LENGTH);
    LONG Before = Elements;
    Self = Address4("127.0.0.1", TALK_PORT);
    if (Buffer.Mdl == NULL) {
        return;
    }
    Datagram(Socket)->WskSendTo(Socket, &Buffer, 0, (PSOCKADDR)&Self, 0, NULL, Fresh(&First));
    if (!NT_SUCCESS(Finish(&First))) {
        return;
    }
    for (ULONG i = 1; i < 20000 && Elements == Before && !IsDead; i *= 2) {
        CaseSleep(i);
    }
    Check(Elements != Before || IsDead || TalkIsLate());
}

static void Nobody(void)
{
    TalkHold();
}

DUTY(static_refusal_keeps_the_event, "DGRM-021 EVT-011", .world = Nobody)
{
    if (ListenStatic(REFUSE_ALL)) {
        for (ULONG i = 0; i < 4; i++) {
            ShowsItself();
        }
    }
}

DUTY(other_failure_keeps_the_event, "DGRM-028 PROP-LIFE-55", .world = Nobody, .knobs = "amb.62=0")
{
    if (Listen(ODD_FAILURE)) {
        for (ULONG i = 0; i < 4; i++) {
            ShowsItself();
        }
    }
}

/* Each of a few datagrams is answered with a failure: it is dropped, and never seen again. */
DUTY(other_failure_drops_the_list, "DGRM-028", .world = Numbers, .knobs = "amb.62=0")
{
    if (!Listen(ODD_FAILURE)) {
        return;
    }
    CaseSleep(300);
    Quiet();
    for (ULONG i = 0; i < NUMBERS; i++) {
        Check(Times[i] <= 2);
    }
}

/* A queued receive is overtaken now and then, but not for ever. */
DUTY(queued_receive_from_goes_first, "DGRM-013", .world = Ever)
{
    if (!Bound(TAKE)) {
        return;
    }
    WSK_BUF Buffer = BufferNew(LENGTH);
    if (Buffer.Mdl == NULL) {
        return;
    }
    Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, NULL, NULL, NULL, NULL, Fresh(&First));
    if (Enable()) {
        for (ULONG i = 0; i < 100 && Elements < 40 && !IsDone(&First); i++) {
            CaseSleep(20);
        }
        Check(Elements < 40 || IsDone(&First));
    }
    IoCancelIrp(First.Irp);
    (void)Finish(&First);
}

FREEDOM(callback_overtakes_receive_from, "DGRM-013", .world = Ever)
{
    if (!Bound(TAKE)) {
        return;
    }
    WSK_BUF Buffer = BufferNew(LENGTH);
    if (Buffer.Mdl == NULL) {
        return;
    }
    if (Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, NULL, NULL, NULL, NULL,
                                         Fresh(&First)) == STATUS_PENDING &&
        !IsDone(&First) && Enable()) {
        for (ULONG i = 0; i < 20 && Elements == 0 && !IsDone(&First); i++) {
            CaseSleep(20);
        }
        if (Elements != 0 && !IsDone(&First)) {
            Witness();
        }
    }
    IoCancelIrp(First.Irp);
    (void)Finish(&First);
}

/* ---- readings ---- */

/* Datagrams that come while nobody asks: is one of them there later? */
static BOOLEAN IsBuffered(void)
{
    if (!Bound(TAKE)) {
        return FALSE;
    }
    WSK_BUF Buffer = BufferNew(LENGTH);
    CaseSleep(500);
    if (Buffer.Mdl == NULL) {
        return FALSE;
    }
    Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, NULL, NULL, NULL, NULL, Fresh(&First));
    CaseSleep(20);
    IoCancelIrp(First.Irp);
    return NT_SUCCESS(Finish(&First));
}

FREEDOM(datagrams_are_buffered, "DGRM-014", .world = Numbers, .knobs = "amb.59=0")
{
    if (IsBuffered()) {
        Witness();
    }
}

FREEDOM(datagrams_are_dropped, "DGRM-014", .world = Numbers, .knobs = "amb.59=1")
{
    if (!IsBuffered() && First.Completions != 0 && First.Status == STATUS_CANCELLED) {
        Witness();
    }
}

FREEDOM(empty_with_mdl, "DGRM-023 dgrm.empty_shape", .world = Empty, .knobs = "dgrm.empty_shape=0")
{
    if (Listen(RETAIN)) {
        CaseSleep(200);
        if (HeldCount != 0 && Held[0]->Buffer.Mdl != NULL) {
            Witness();
        }
        Quiet();
    }
}

FREEDOM(empty_without_mdl, "DGRM-023 dgrm.empty_shape AMBIGUOUS-LIFE-53", .world = Empty,
        .knobs = "dgrm.empty_shape=1")
{
    if (Listen(RETAIN)) {
        CaseSleep(200);
        if (HeldCount != 0 && Held[0]->Buffer.Length == 0 && Held[0]->Buffer.Mdl == NULL) {
            Witness();
        }
        Quiet();
    }
}

/* How often the first number comes to a static callback that refuses the first list. */
static LONG RefusedStatically(void)
{
    LONG Most = 0;
    if (ListenStatic(REFUSE_ALL) && Called(1, 500)) {
        CaseSleep(200);
        for (ULONG i = 0; i < NUMBERS; i++) {
            Most = Times[i] > Most ? Times[i] : Most;
        }
    }
    return Most;
}

/* To itself, in a world that has healed: nothing comes twice that is not shown twice. */
static void SendToItself(void)
{
    static SOCKADDR_IN To;
    WSK_BUF Buffer = BufferNew(LENGTH);
    To = Address4("127.0.0.1", TALK_PORT);
    for (UCHAR i = 0; Buffer.Mdl != NULL && i < 4; i++) {
        ((PUCHAR)BufferBytes(&Buffer))[0] = i;
        ((PUCHAR)BufferBytes(&Buffer))[1] = 0;
        Datagram(Socket)->WskSendTo(Socket, &Buffer, 0, (PSOCKADDR)&To, 0, NULL, Fresh(&Second));
        (void)Finish(&Second);
        CaseSleep(1000);
    }
}

DUTY(static_refusal_drops, "DGRM-021 dgrm.static_refusal", .place = WSKSIM_CASE_UNLOAD,
     .knobs = "dgrm.static_refusal=0")
{
    if (ListenStatic(REFUSE_ALL)) {
        SendToItself();
        for (ULONG i = 0; i < NUMBERS; i++) {
            Check(Times[i] <= 1);
        }
    }
}

FREEDOM(static_refusal_offers_again, "DGRM-021 dgrm.static_refusal AMBIGUOUS-LIFE-43",
        .world = Numbers, .knobs = "dgrm.static_refusal=1")
{
    if (RefusedStatically() > 2) {
        Witness();
    }
}

/* Is what came long before the callback was enabled shown to it? */
static BOOLEAN IsShownLater(void)
{
    if (!Bound(TAKE)) {
        return FALSE;
    }
    CaseSleep(30000);
    return Enable() && Called(1, 30000);
}

FREEDOM(backlog_is_shown, "DGRM-014 event.backlog_on_enable", .world = Early,
        .knobs = "event.backlog_on_enable=0 amb.59=0")
{
    if (IsShownLater()) {
        Witness();
    }
}

DUTY(backlog_is_not_shown, "DGRM-014 event.backlog_on_enable AMBIGUOUS-LIFE-44", .world = Early,
     .knobs = "event.backlog_on_enable=1 amb.59=0")
{
    Check(!IsShownLater() || IsDead); /* the NULL form of a dead socket is no backlog */
}

/* Asked for long before the callback is on: what came earlier without it has been taken. */
static BOOLEAN TakesInfos(void)
{
    if (!Bound(TAKE) || !AskForPacketInfo()) {
        return FALSE;
    }
    CaseSleep(1000);
    if (!Enable()) {
        return FALSE;
    }
    CaseSleep(8000);
    Quiet();
    return TRUE;
}

FREEDOM(control_is_missing, "DGRM-026 dgrm.missing_control AMBIGUOUS-LIFE-77", .world = Ever,
        .knobs = "dgrm.missing_control=1 amb.59=datagrams-dropped")
{
    if (TakesInfos() && Infos != 0 && NoInfos != 0) {
        Witness();
    }
}

DUTY(control_is_never_missing, "DGRM-026 DGRM-023 dgrm.missing_control", .world = Ever,
     .knobs = "dgrm.missing_control=0 amb.59=datagrams-dropped")
{
    Check(!TakesInfos() || NoInfos == 0);
}

FREEDOM(calls_overlap, "EVT-015 event.concurrency", .world = Numbers,
        .knobs = "event.concurrency=0")
{
    if (Listen(TAKE)) {
        CaseSleep(300);
        Quiet();
        if (Overlaps != 0) {
            Witness();
        }
    }
}

DUTY(calls_are_serial, "EVT-015 event.concurrency AMBIGUOUS-LIFE-38", .world = Numbers,
     .knobs = "event.concurrency=1")
{
    if (Listen(TAKE)) {
        CaseSleep(300);
        Quiet();
        Check(Overlaps == 0);
    }
}

FREEDOM(many_calls_overlap, "EVT-015 event.concurrency", .world = Numbers,
        .knobs = "event.concurrency=2")
{
    if (Listen(TAKE)) {
        CaseSleep(300);
        Quiet();
        if (Overlaps > 1) {
            Witness();
        }
    }
}
