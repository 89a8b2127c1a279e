/* SPDX-License-Identifier: MIT */
/*
 * Cases of the life cycle, 1.11: datagrams that were sent to a group, control data that does not
 * fit, datagrams that share an element (DGRM-010, DGRM-027), and a client that holds very many
 * (REL-010).
 */
#include "talk.h"

enum { LENGTH = 8, LIMIT = 256, HELD_MAX = 200 };

static struct request Own;
static PWSK_SOCKET Socket;

/* After that step of the body. */
static void Hello(const char *To, LONG Step)
{
    struct wsksim_port *Port = wsksim_bind("10.0.0.2", TALK_ELSEWHERE);
    for (ULONG i = 0; i < 20 && TalkReached(Step) && !CaseOver; i++) {
        wsksim_send_to(Port, To, TALK_PORT, "to you!", LENGTH);
        wsksim_sleep(20000);
    }
    TalkHold();
}

static void ToTheGroup(void)
{
    Hello("224.0.0.9", 1);
}

static void ToEverybody(void)
{
    Hello("255.255.255.255", 1);
}

static void ToOne(void)
{
    Hello(NULL, 2);
}

/* ---- WskReceiveFrom ---- */

static ULONG ControlLength, ControlFlags;
static union {
    CMSGHDR Header;
    UCHAR Bytes[64];
} Control;

static BOOLEAN ReceivesFrom(ULONG Room)
{
    WSK_BUF Buffer = BufferNew(LENGTH);
    if (Buffer.Mdl == NULL) {
        return FALSE;
    }
    ControlLength = Room;
    ControlFlags = 0xEEEE;
    (void)Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, NULL, &ControlLength,
                                           &Control.Header, &ControlFlags, Fresh(&Own));
    for (ULONG i = 0; i < 100 && !IsDone(&Own); i++) {
        CaseSleep(20);
    }
    IoCancelIrp(Own.Irp);
    return NT_SUCCESS(Finish(&Own));
}

static BOOLEAN Ready(const WSK_CLIENT_DATAGRAM_DISPATCH *Dispatch)
{
    Socket = RequestNew(&Own) ? TalkBound(NULL, Dispatch) : NULL;
    return Socket != NULL;
}

static NTSTATUS Option(ULONG Level, ULONG Code, ULONG Number)
{
    static ULONG Value;
    Value = Number;
    return SocketControl(Socket, WskSetOption, Code, Level, sizeof Value, &Value, 0, NULL, NULL);
}

DUTY(group_datagram_is_marked, "DGRM-010", .world = ToTheGroup)
{
    if (Ready(NULL) && ReceivesFrom(sizeof Control)) {
        Check(ControlFlags == MSG_MCAST);
    }
}

DUTY(broadcast_datagram_is_marked, "DGRM-010", .world = ToEverybody)
{
    if (Ready(NULL) && ReceivesFrom(sizeof Control)) {
        Check(ControlFlags == MSG_BCAST);
    }
}

/* With packet information, from the first datagram on. */
static BOOLEAN Informed(void)
{
    if (!Ready(NULL) || !NT_SUCCESS(Option(IPPROTO_IP, IP_PKTINFO, 1))) {
        return FALSE;
    }
    TalkStep(2);
    return TRUE;
}

DUTY(control_data_too_long_is_marked, "DGRM-010 DGRM-011", .world = ToOne,
     .knobs = "dgrm.missing_control=never")
{
    if (Informed() && ReceivesFrom(4)) {
        Check(ControlFlags == MSG_CTRUNC);
        Check(ControlLength == 0);
    }
}

DUTY(control_data_that_fits_is_not_marked, "DGRM-010 DGRM-011", .world = ToOne,
     .knobs = "dgrm.missing_control=never")
{
    if (Informed() && ReceivesFrom(sizeof Control)) {
        Check(ControlFlags == 0);
        Check(ControlLength == CMSG_SPACE(sizeof(IN_PKTINFO)));
        Check(Control.Header.cmsg_type == IP_PKTINFO);
    }
}

/* ---- DGRM-027 ---- */

static volatile LONG Calls, Joined, Held;
static PWSK_DATAGRAM_INDICATION Kept[HELD_MAX];

/* The size of a datagram in this element; 0 if nothing tells. */
static ULONG SegmentOf(PWSK_DATAGRAM_INDICATION Element)
{
    const UCHAR *At = (const UCHAR *)Element->ControlInfo;
    for (ULONG Left = Element->ControlInfoLength; Left >= sizeof(CMSGHDR);) {
        const CMSGHDR *Header = (const CMSGHDR *)At;
        if (Header->cmsg_level == IPPROTO_UDP && Header->cmsg_type == UDP_COALESCED_INFO) {
            return *(const DWORD *)(At + sizeof *Header);
        }
        ULONG Size = (ULONG)CMSG_SPACE(Header->cmsg_len - sizeof *Header);
        At += Size;
        Left -= Size < Left ? Size : Left;
    }
    return 0;
}

static NTSTATUS WSKAPI Joins(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION List)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    InterlockedIncrement(&Calls);
    for (PWSK_DATAGRAM_INDICATION At = List; At != NULL; At = At->Next) {
        ULONG Segment = SegmentOf(At);
        Check(At->Buffer.Length <= LIMIT);
        Check(Segment != 0 || At->Buffer.Length == LENGTH);
        Check(Segment == 0 || (Segment == LENGTH && At->Buffer.Length > LENGTH));
        CountIf(Joined, Segment != 0);
    }
    return Calls % 3 == 0 && List != NULL ? STATUS_DATA_NOT_ACCEPTED : STATUS_SUCCESS;
}

/* Many at once. */
static void Burst(void)
{
    struct wsksim_port *Port = wsksim_bind("10.0.0.2", TALK_ELSEWHERE);
    for (ULONG i = 0; i < 12 && TalkReached(1); i++) {
        wsksim_send_to(Port, NULL, TALK_PORT, "to you!", LENGTH);
    }
    TalkHold();
}

static void Listen(BOOLEAN IsAsked)
{
    static const WSK_CLIENT_DATAGRAM_DISPATCH Table = {Joins};
    if (Ready(&Table) &&
        (!IsAsked ||
         NT_SUCCESS(Option(IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, LIMIT)))) {
        for (ULONG i = 0; i < 5; i++) {
            (void)SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM);
            CaseSleep(50);
        }
    }
}

FREEDOM(datagrams_share_an_element, "DGRM-027", .world = Burst, .knobs = "pass.probes=1")
{
    Listen(TRUE);
    if (Joined != 0) {
        Witness();
    }
}

DUTY(datagrams_do_not_share_unasked, "DGRM-027", .world = Burst)
{
    Listen(FALSE);
    Check(Joined == 0);
}

/* ---- REL-010: more is held than there are buffers for ---- */

static NTSTATUS WSKAPI Keeps(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION List)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Flags);
    LONG i = List != NULL ? InterlockedIncrement(&Held) - 1 : HELD_MAX;
    if (i < HELD_MAX) {
        Kept[i] = List;
        return STATUS_PENDING;
    }
    return STATUS_SUCCESS;
}

static volatile LONG IsSent;

static void Flood(void)
{
    struct wsksim_port *Port = wsksim_bind("10.0.0.2", TALK_ELSEWHERE);
    for (ULONG i = 0; i < 150 && TalkReached(1) && !CaseOver; i++) {
        wsksim_send_to(Port, NULL, TALK_PORT, "to you!", LENGTH);
        wsksim_sleep(10000);
    }
    IsSent = !CaseOver && !wsksim_is_over();
    TalkHold();
}

/* How many come while nothing is released, and how many after that. */
static void HoldMany(LONG *Before, LONG *After)
{
    static const WSK_CLIENT_DATAGRAM_DISPATCH Table = {Keeps};
    WSK_EVENT_CALLBACK_CONTROL Off = {&NPI_WSK_INTERFACE_ID,
                                      WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE};
    if (!Ready(&Table) || SocketEvents(Socket, WSK_EVENT_RECEIVE_FROM) != STATUS_SUCCESS) {
        return;
    }
    (void)TalkSoon(&IsSent, 20000);
    CaseSleep(1000);
    *Before = Held;
    for (LONG i = 0; i < *Before && i < HELD_MAX; i++) {
        (void)Datagram(Socket)->WskRelease(Socket, Kept[i]);
    }
    CaseSleep(1000);
    (void)Datagram(Socket)->Basic.WskControlSocket(Socket, WskSetOption, SO_WSK_EVENT_CALLBACK,
                                                   SOL_SOCKET, sizeof Off, &Off, 0, NULL, NULL,
                                                   Fresh(&Own));
    (void)Finish(&Own);
    *After = Held;
    for (LONG i = *Before; i < *After && i < HELD_MAX; i++) {
        (void)Datagram(Socket)->WskRelease(Socket, Kept[i]);
    }
}

FREEDOM(held_limit_none, "REL-010 release.held_limit", .world = Flood,
        .knobs = "release.held_limit=none")
{
    LONG Before = 0, After = 0;
    HoldMany(&Before, &After);
    if (Before > 100) {
        Witness();
    }
}

FREEDOM(held_limit_drop, "REL-010 release.held_limit", .world = Flood,
        .knobs = "release.held_limit=drop")
{
    LONG Before = 0, After = 0;
    HoldMany(&Before, &After);
    Check(Before <= 80);
    if (IsSent && Before > 50 && After == Before) {
        Witness();
    }
}

FREEDOM(held_limit_stall, "REL-010 release.held_limit", .world = Flood,
        .knobs = "release.held_limit=stall")
{
    LONG Before = 0, After = 0;
    HoldMany(&Before, &After);
    Check(Before <= 80);
    if (IsSent && Before > 50 && After > Before) {
        Witness();
    }
}
