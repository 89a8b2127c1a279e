/* SPDX-License-Identifier: MIT */
/* Cases of the life cycle, 1.11: WskSendTo, WskSendMessages, WskReceiveFrom. */
#include "talk.h"

enum { LENGTH = 12 };

static struct request First, Second;
static SOCKADDR_IN There; /* 10.0.0.2, TALK_ELSEWHERE */

static PWSK_SOCKET Ready(void)
{
    There = Address4("10.0.0.2", TALK_ELSEWHERE);
    BOOLEAN IsReady = RequestNew(&First) && RequestNew(&Second);
    PWSK_SOCKET Socket = TalkBound(NULL, NULL);
    return IsReady ? Socket : NULL;
}

static void CheckOutcome(NTSTATUS Status, struct request *Request)
{
    Check(Status == STATUS_SUCCESS || Status == STATUS_PENDING || !NT_SUCCESS(Status));
    NTSTATUS Final = Finish(Request);
    Check(Status == STATUS_PENDING || Status == Final);
}

static NTSTATUS SendTo(PWSK_SOCKET Socket, WSK_BUF Buffer, SOCKADDR_IN *To)
{
    CheckOutcome(Datagram(Socket)->WskSendTo(Socket, &Buffer, 0, (PSOCKADDR)To, 0, NULL,
                                             Fresh(&First)),
                 &First);
    Check(First.Information == (NT_SUCCESS(First.Status) ? Buffer.Length : 0));
    return First.Status;
}

static NTSTATUS SendMessages(PWSK_SOCKET Socket, PWSK_BUF_LIST List, SOCKADDR_IN *To)
{
    CheckOutcome(Datagram(Socket)->WskSendMessages(Socket, List, 0, (PSOCKADDR)To, 0, NULL,
                                                   Fresh(&First)),
                 &First);
    return First.Status;
}

static NTSTATUS SetAddress(PWSK_SOCKET Socket, ULONG Code, const char *Text)
{
    static SOCKADDR_IN Address;
    Address = Address4(Text, TALK_ELSEWHERE);
    return SocketControl(Socket, WskIoctl, Code, 0, sizeof Address, &Address, 0, NULL, NULL);
}

/* A datagram socket that is not bound. */
static PWSK_SOCKET Unbound(void)
{
    BOOLEAN IsReady = CaseWsk() && RequestNew(&First);
    return IsReady ? SocketNew(WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL) : NULL;
}

/* ---- scripts ---- */

static void Nobody(void)
{
    TalkHold();
}

/* Two peers, each with a datagram that says who it is. */
static void TwoPeers(void)
{
    struct wsksim_port *Two = wsksim_bind("10.0.0.2", TALK_ELSEWHERE);
    struct wsksim_port *Three = wsksim_bind("10.0.0.3", TALK_ELSEWHERE);
    for (ULONG i = 0; i < 4 && TalkReached(1); i++) {
        wsksim_send_to(Two, NULL, TALK_PORT, "2 to you", 8);
        wsksim_send_to(Three, NULL, TALK_PORT, "3 to you", 8);
        wsksim_sleep(10000);
    }
    TalkHold();
}

/* What comes to 10.0.0.2 begins with '2', what comes to 10.0.0.3 with '3'. */
static void Sorted(void)
{
    static char Two[64], Three[64];
    struct wsksim_port *At2 = wsksim_bind("10.0.0.2", TALK_ELSEWHERE);
    struct wsksim_port *At3 = wsksim_bind("10.0.0.3", TALK_ELSEWHERE);
    TalkStep(2);
    for (ULONG i = 0; i < 200 && !CaseOver; i++) {
        if (wsksim_receive_from(At2, Two, sizeof Two, 5) > 0) {
            Check(Two[0] == '2');
        }
        if (wsksim_receive_from(At3, Three, sizeof Three, 5) > 0) {
            Check(Three[0] == '3');
        }
    }
}

/* Counts the messages "a", "bb", "ccc" by their length. */
static volatile LONG Came[4];

static void Counts(void)
{
    static char Taken[64];
    struct wsksim_port *Port = wsksim_bind("10.0.0.2", TALK_ELSEWHERE);
    TalkStep(2);
    for (ULONG i = 0; i < 200 && !CaseOver; i++) {
        long Size = wsksim_receive_from(Port, Taken, sizeof Taken, 5);
        if (Size > 0) {
            Check(Size <= 3 && Taken[0] == Taken[Size - 1] && Taken[0] == 'a' + Size - 1);
            Came[Size]++;
        }
    }
}

/* ---- arguments and state ---- */

MISTAKE(send_to_unbound, "DGRM-001")
{
    PWSK_SOCKET Socket = Unbound();
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    There = Address4("10.0.0.2", TALK_ELSEWHERE);
    if (Socket != NULL && Buffer.Mdl != NULL && Mistaken) {
        (void)SendTo(Socket, Buffer, &There);
    }
}

MISTAKE(send_messages_unbound, "DGRM-001")
{
    PWSK_SOCKET Socket = Unbound();
    WSK_BUF_LIST List = {NULL, TalkBuffer(LENGTH)};
    There = Address4("10.0.0.2", TALK_ELSEWHERE);
    if (Socket != NULL && List.Buffer.Mdl != NULL && Mistaken) {
        (void)SendMessages(Socket, &List, &There);
    }
}

MISTAKE(receive_from_unbound, "DGRM-001")
{
    PWSK_SOCKET Socket = Unbound();
    WSK_BUF Buffer = BufferNew(LENGTH);
    if (Socket != NULL && Buffer.Mdl != NULL && Mistaken) {
        Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, NULL, NULL, NULL, NULL,
                                         Fresh(&First));
        (void)Finish(&First);
    }
}

MISTAKE(datagram_with_flags, "DGRM-001", .world = Nobody)
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    if (Socket != NULL && Buffer.Mdl != NULL) {
        Datagram(Socket)->WskSendTo(Socket, &Buffer, Mistaken ? WSK_FLAG_NODELAY : 0,
                                    (PSOCKADDR)&There, 0, NULL, Fresh(&First));
        (void)Finish(&First);
    }
}

MISTAKE(datagram_without_destination, "DGRM-002", .world = Nobody)
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    if (Socket != NULL && Buffer.Mdl != NULL) {
        (void)SendTo(Socket, Buffer, Mistaken ? NULL : &There);
    }
}

MISTAKE(messages_without_destination, "DGRM-002", .world = Nobody)
{
    static WSK_BUF_LIST List;
    PWSK_SOCKET Socket = Ready();
    List.Buffer = TalkBuffer(LENGTH);
    if (Socket != NULL && List.Buffer.Mdl != NULL) {
        (void)SendMessages(Socket, &List, Mistaken ? NULL : &There);
    }
}

MISTAKE(datagram_to_another_family, "DGRM-002", .world = Nobody)
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    static SOCKADDR_IN6 There6;
    There6.sin6_family = AF_INET6;
    There6.sin6_port = RtlUshortByteSwap(TALK_ELSEWHERE);
    There6.sin6_addr.u.Byte[15] = 1;
    if (Socket != NULL && Buffer.Mdl != NULL) {
        (void)SendTo(Socket, Buffer, Mistaken ? (SOCKADDR_IN *)(PVOID)&There6 : &There);
    }
}

/* ---- control data ---- */

static struct {
    CMSGHDR Header;
    IN_PKTINFO Info;
} Control;

static void PacketInfo(void)
{
    RtlZeroMemory(&Control, sizeof Control);
    Control.Header.cmsg_len = sizeof Control.Header + sizeof Control.Info;
    Control.Header.cmsg_level = IPPROTO_IP;
    Control.Header.cmsg_type = IP_PKTINFO;
}

static void SendControl(PCMSGHDR Info, ULONG Length)
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    if (Socket != NULL && Buffer.Mdl != NULL) {
        CheckOutcome(Datagram(Socket)->WskSendTo(Socket, &Buffer, 0, (PSOCKADDR)&There, Length,
                                                 Info, Fresh(&First)),
                     &First);
    }
}

MISTAKE(control_too_long, "DGRM-004", .world = Nobody)
{
    PacketInfo();
    Control.Header.cmsg_len += Mistaken ? 1 : 0;
    SendControl(&Control.Header, sizeof Control.Header + sizeof Control.Info);
}

MISTAKE(control_too_short, "DGRM-004", .world = Nobody)
{
    PacketInfo();
    Control.Header.cmsg_len = Mistaken ? 4 : Control.Header.cmsg_len;
    SendControl(&Control.Header, sizeof Control.Header + sizeof Control.Info);
}

MISTAKE(control_without_length, "DGRM-004", .world = Nobody, .is_lint = 1)
{
    PacketInfo();
    SendControl(Mistaken ? &Control.Header : NULL, 0);
}

MISTAKE(control_freed_early, "DGRM-004", .world = Nobody, .is_lint = 1)
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    SIZE_T Length = sizeof Control.Header + sizeof Control.Info;
    PCMSGHDR Info = ExAllocatePoolWithTag(NonPagedPoolNx, Length, 'lrtC');
    if (Socket != NULL && Buffer.Mdl != NULL && Info != NULL) {
        PacketInfo();
        RtlCopyMemory(Info, &Control, Length);
        Datagram(Socket)->WskSendTo(Socket, &Buffer, 0, (PSOCKADDR)&There, (ULONG)Length, Info,
                                    Fresh(&First));
        if (Mistaken) {
            ExFreePoolWithTag(Info, 'lrtC');
            Info = NULL;
        }
        (void)Finish(&First);
    }
    if (Info != NULL) {
        ExFreePoolWithTag(Info, 'lrtC');
    }
}

/* ---- lifetimes ---- */

MISTAKE(datagram_changed, "DGRM-005 PROP-LIFE-31", .world = Nobody)
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    if (Socket != NULL && Buffer.Mdl != NULL) {
        Datagram(Socket)->WskSendTo(Socket, &Buffer, 0, (PSOCKADDR)&There, 0, NULL, Fresh(&First));
        if (Mistaken && !IsDone(&First)) {
            ((PUCHAR)BufferBytes(&Buffer))[0] ^= 1;
        }
        (void)Finish(&First);
    }
}

MISTAKE(message_changed, "DGRM-005 DGRM-008 PROP-LIFE-31", .world = Nobody)
{
    static WSK_BUF_LIST List;
    PWSK_SOCKET Socket = Ready();
    List.Buffer = TalkBuffer(LENGTH);
    if (Socket != NULL && List.Buffer.Mdl != NULL) {
        Datagram(Socket)->WskSendMessages(Socket, &List, 0, (PSOCKADDR)&There, 0, NULL,
                                          Fresh(&First));
        if (Mistaken && !IsDone(&First)) {
            ((PUCHAR)BufferBytes(&List.Buffer))[0] ^= 1;
        }
        (void)Finish(&First);
    }
}

MISTAKE(message_list_changed, "DGRM-008 PROP-LIFE-31", .world = Nobody)
{
    static WSK_BUF_LIST List, Next;
    PWSK_SOCKET Socket = Ready();
    List.Buffer = Next.Buffer = TalkBuffer(LENGTH);
    Next.Buffer.Length = 0;
    if (Socket != NULL && List.Buffer.Mdl != NULL) {
        List.Next = &Next;
        Datagram(Socket)->WskSendMessages(Socket, &List, 0, (PSOCKADDR)&There, 0, NULL,
                                          Fresh(&First));
        if (Mistaken && !IsDone(&First)) {
            List.Next = NULL;
        }
        (void)Finish(&First);
    }
}

MISTAKE(messages_in_a_ring, "DGRM-008", .world = Nobody)
{
    static WSK_BUF_LIST List;
    PWSK_SOCKET Socket = Ready();
    List.Buffer = TalkBuffer(LENGTH);
    if (Socket != NULL && List.Buffer.Mdl != NULL) {
        List.Next = Mistaken ? &List : NULL;
        (void)SendMessages(Socket, &List, &There);
    }
}

MISTAKE(message_nodes_freed_early, "DGRM-008 lifetime.inputs", .world = Nobody,
        .knobs = "lifetime.inputs=mixed")
{
    PWSK_SOCKET Socket = Ready();
    PWSK_BUF_LIST List = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *List, 'edoN');
    if (Socket != NULL && List != NULL) {
        *List = (WSK_BUF_LIST){NULL, TalkBuffer(LENGTH)};
        if (List->Buffer.Mdl != NULL) {
            Datagram(Socket)->WskSendMessages(Socket, List, 0, (PSOCKADDR)&There, 0, NULL,
                                              Fresh(&First));
            if (Mistaken) {
                ExFreePoolWithTag(List, 'edoN');
                List = NULL;
            }
            (void)Finish(&First);
        }
    }
    if (List != NULL) {
        ExFreePoolWithTag(List, 'edoN');
    }
}

FREEDOM(message_nodes_are_captured, "DGRM-008 lifetime.inputs AMBIGUOUS-LIFE-12", .world = Nobody,
        .knobs = "lifetime.inputs=1")
{
    PWSK_SOCKET Socket = Ready();
    PWSK_BUF_LIST List = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *List, 'edoN');
    if (List == NULL) {
        return;
    }
    *List = (WSK_BUF_LIST){NULL, TalkBuffer(LENGTH)};
    BOOLEAN IsReady = Socket != NULL && List->Buffer.Mdl != NULL;
    NTSTATUS Status = STATUS_UNSUCCESSFUL;
    if (IsReady) {
        Status = Datagram(Socket)->WskSendMessages(Socket, List, 0, (PSOCKADDR)&There, 0, NULL,
                                                   Fresh(&First));
    }
    ExFreePoolWithTag(List, 'edoN');
    if (IsReady && Finish(&First) == STATUS_SUCCESS && Status == STATUS_PENDING) {
        Witness();
    }
}

/* Starts a receive whose outputs lie on this stack. */
static __attribute__((noinline)) void StartOnStack(PWSK_SOCKET Socket, WSK_BUF Buffer)
{
    static SOCKADDR_STORAGE Lasting;
    SOCKADDR_STORAGE From;
    PSOCKADDR Where = Mistaken ? (PSOCKADDR)&From : (PSOCKADDR)&Lasting;
    Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, Where, NULL, NULL, NULL, Fresh(&First));
}

MISTAKE(outputs_on_a_stack_that_returns, "MEM-STACK-RETURNED DGRM-009 BUG-LIFE-31 PROP-LIFE-31",
        .world = TwoPeers)
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = BufferNew(LENGTH);
    if (Socket != NULL && Buffer.Mdl != NULL) {
        StartOnStack(Socket, Buffer);
        CaseSleep(1000);
        IoCancelIrp(First.Irp);
        (void)Finish(&First);
    }
}

MISTAKE(outputs_changed_while_pending, "DGRM-009 PROP-LIFE-31", .world = TwoPeers)
{
    static SOCKADDR_STORAGE From;
    static ULONG Length = sizeof Control;
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = BufferNew(LENGTH);
    if (Socket != NULL && Buffer.Mdl != NULL) {
        Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, (PSOCKADDR)&From, &Length,
                                         &Control.Header, NULL, Fresh(&First));
        if (Mistaken && !IsDone(&First)) {
            Length = 0;
        }
        IoCancelIrp(First.Irp);
        (void)Finish(&First);
    }
}

MISTAKE(outputs_in_paged_memory, "DGRM-009 KBUG-15", .world = TwoPeers)
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = BufferNew(LENGTH);
    PSOCKADDR From = ExAllocatePoolWithTag(Mistaken ? PagedPool : NonPagedPoolNx,
                                           sizeof(SOCKADDR_STORAGE), 'mrF ');
    if (From == NULL) {
        return;
    }
    if (Socket != NULL && Buffer.Mdl != NULL) {
        Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, From, NULL, NULL, NULL,
                                         Fresh(&First));
        CaseSleep(1000);
        IoCancelIrp(First.Irp);
        (void)Finish(&First);
    }
    ExFreePoolWithTag(From, 'mrF ');
}

MISTAKE(control_buffer_without_length, "DGRM-009", .world = Nobody, .is_lint = 1)
{
    static ULONG Length = sizeof Control;
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = BufferNew(LENGTH);
    if (Socket != NULL && Buffer.Mdl != NULL) {
        Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, NULL, Mistaken ? NULL : &Length,
                                         &Control.Header, NULL, Fresh(&First));
        IoCancelIrp(First.Irp);
        (void)Finish(&First);
    }
}

/* ---- what the system owes: sending ---- */

DUTY(a_datagram_reports_its_length, "DGRM-006 DGRM-007", .world = Nobody)
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    if (Socket != NULL && Buffer.Mdl != NULL) {
        (void)SendTo(Socket, Buffer, &There);
    }
}

DUTY(fixed_addresses, "DGRM-003", .world = Sorted)
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = TalkBuffer(LENGTH);
    static SOCKADDR_IN Three;
    Three = Address4("10.0.0.3", TALK_ELSEWHERE);
    if (Socket == NULL || Buffer.Mdl == NULL || !TalkAwait(2, 1000) ||
        !NT_SUCCESS(SetAddress(Socket, SIO_WSK_SET_SENDTO_ADDRESS, "10.0.0.2"))) {
        return;
    }
    PUCHAR Bytes = BufferBytes(&Buffer);
    for (ULONG i = 0; i < 3; i++) {
        Bytes[0] = '2';
        (void)SendTo(Socket, Buffer, NULL);
        Bytes[0] = '3';
        (void)SendTo(Socket, Buffer, &Three);
    }
    CaseSleep(50);
}

static WSK_BUF_LIST Messages[3];

static PWSK_BUF_LIST ThreeMessages(void)
{
    for (ULONG i = 0; i < 3; i++) {
        Messages[i].Next = i < 2 ? &Messages[i + 1] : NULL;
        Messages[i].Buffer = BufferNew(i + 1);
        if (Messages[i].Buffer.Mdl == NULL) {
            return NULL;
        }
        RtlFillMemory(BufferBytes(&Messages[i].Buffer), i + 1, (UCHAR)('a' + i));
    }
    return Messages;
}

DUTY(messages_are_datagrams, "DGRM-008 DGRM-007", .world = Counts,
     .knobs = "send.zero_length=0")
{
    PWSK_SOCKET Socket = Ready();
    PWSK_BUF_LIST List = ThreeMessages();
    if (Socket == NULL || List == NULL || !TalkAwait(2, 1000)) {
        return;
    }
    for (ULONG i = 0; i < 20; i++) {
        if (NT_SUCCESS(SendMessages(Socket, List, &There))) {
            Check(First.Information == 6);
        }
    }
    CaseSleep(500);
    Check(Came[1] < 8 || (Came[2] != 0 && Came[3] != 0));
}

/* ---- what the system owes: receiving ---- */

static SOCKADDR_IN From;
static ULONG ControlLength, ControlFlags;

/* One datagram, or a failure after a while. */
static NTSTATUS ReceiveFrom(PWSK_SOCKET Socket, WSK_BUF Buffer)
{
    ControlLength = 77;
    ControlFlags = 0xEEEE;
    NTSTATUS Status =
        Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, (PSOCKADDR)&From, &ControlLength, NULL,
                                         &ControlFlags, Fresh(&First));
    for (ULONG i = 0; i < 10 && !IsDone(&First); i++) {
        CaseSleep(50);
    }
    IoCancelIrp(First.Irp);
    CheckOutcome(Status, &First);
    Check(First.Information <= Buffer.Length);
    return First.Status;
}

DUTY(one_datagram_each, "DGRM-010 DGRM-011 DGRM-007 DGRM-024 PROP-LIFE-36", .world = TwoPeers,
     .knobs = "dgrm.trunc_status=0")
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = BufferNew(LENGTH);
    if (Socket == NULL || Buffer.Mdl == NULL) {
        return;
    }
    for (ULONG i = 0; i < 6; i++) {
        Buffer.Length = i % 2 == 0 ? LENGTH : 3;
        if (!NT_SUCCESS(ReceiveFrom(Socket, Buffer))) {
            continue;
        }
        BOOLEAN IsCut = Buffer.Length < 8;
        const UCHAR *Bytes = BufferBytes(&Buffer);
        Check(First.Information == (IsCut ? 3u : 8u));
        Check(ControlFlags == (IsCut ? MSG_TRUNC : 0u));
        Check(ControlLength == 0);
        Check(From.sin_family == AF_INET && From.sin_port == There.sin_port);
        Check(Bytes[0] == '0' + From.sin_addr.S_un.S_un_b.s_b4);
    }
}

/* A peer numbers its datagrams; the network may lose, swap and double them, but not the system. */
static void Numbers(void)
{
    struct wsksim_port *Port = wsksim_bind("10.0.0.2", TALK_ELSEWHERE);
    for (UCHAR i = 0; i < 8 && TalkReached(1); i++) {
        wsksim_send_to(Port, NULL, TALK_PORT, &i, 1);
    }
    TalkHold();
}

/* How often each number came. */
static UCHAR Times[8];
static UCHAR LastNumber;
static BOOLEAN IsSwapped;

static void TakeNumbers(void)
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = BufferNew(1);
    for (ULONG i = 0; Socket != NULL && Buffer.Mdl != NULL && i < 16; i++) {
        if (NT_SUCCESS(ReceiveFrom(Socket, Buffer)) && First.Information == 1) {
            UCHAR Number = ((PUCHAR)BufferBytes(&Buffer))[0];
            Times[Number]++;
            IsSwapped |= Number < LastNumber;
            LastNumber = Number;
        }
    }
}

DUTY(each_datagram_at_most_twice, "DGRM-010 DGRM-024 PROP-LIFE-36", .world = Numbers)
{
    TakeNumbers();
    for (ULONG i = 0; i < 8; i++) {
        Check(Times[i] <= 2); /* once, and a copy that the network made */
    }
}

FREEDOM(datagram_lost, "DGRM-024", .world = Numbers)
{
    TakeNumbers();
    if (Times[1] == 0 && Times[2] != 0) {
        Witness();
    }
}

FREEDOM(datagram_doubled, "DGRM-024", .world = Numbers)
{
    TakeNumbers();
    if (Times[1] > 1) {
        Witness();
    }
}

FREEDOM(datagrams_swapped, "DGRM-024", .world = Numbers)
{
    TakeNumbers();
    if (IsSwapped) {
        Witness();
    }
}

DUTY(fixed_remote_is_a_filter, "DGRM-012 PROP-LIFE-35", .world = TwoPeers,
     .knobs = "amb.50.buffered=1")
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = BufferNew(LENGTH);
    if (Socket == NULL || Buffer.Mdl == NULL ||
        !NT_SUCCESS(SetAddress(Socket, SIO_WSK_SET_REMOTE_ADDRESS, "10.0.0.2"))) {
        return;
    }
    for (ULONG i = 0; i < 4; i++) {
        if (NT_SUCCESS(ReceiveFrom(Socket, Buffer)) && First.Information != 0) {
            Check(((PUCHAR)BufferBytes(&Buffer))[0] == '2');
        }
    }
}

/* With a destination only, everybody is heard: nothing says that a datagram must come, so this is
 * what has been seen, not what must be. */
FREEDOM(fixed_destination_is_no_filter, "DGRM-012", .world = TwoPeers)
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = BufferNew(LENGTH);
    if (Socket == NULL || Buffer.Mdl == NULL ||
        !NT_SUCCESS(SetAddress(Socket, SIO_WSK_SET_SENDTO_ADDRESS, "10.0.0.2"))) {
        return;
    }
    for (ULONG i = 0; i < 4; i++) {
        if (NT_SUCCESS(ReceiveFrom(Socket, Buffer)) && First.Information != 0 &&
            ((PUCHAR)BufferBytes(&Buffer))[0] == '3') {
            Witness();
        }
    }
}

/* Both peers send again and again over a network that loses one in some: silence of one means a
 * filter. */
DUTY(fixed_destination_lets_all_in, "DGRM-012", .world = TwoPeers)
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = BufferNew(LENGTH);
    ULONG Two = 0, Three = 0;
    if (Socket == NULL || Buffer.Mdl == NULL ||
        !NT_SUCCESS(SetAddress(Socket, SIO_WSK_SET_SENDTO_ADDRESS, "10.0.0.2"))) {
        return;
    }
    for (ULONG i = 0; i < 8; i++) {
        if (NT_SUCCESS(ReceiveFrom(Socket, Buffer)) && First.Information != 0) {
            UCHAR Who = ((PUCHAR)BufferBytes(&Buffer))[0];
            Two += Who == '2';
            Three += Who == '3';
        }
    }
    Check(Two < 4 || Three != 0);
}

/* ---- readings ---- */

FREEDOM(cut_datagram_with_success, "DGRM-010 dgrm.trunc_status", .world = TwoPeers,
        .knobs = "dgrm.trunc_status=0")
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = BufferNew(3);
    if (Socket != NULL && Buffer.Mdl != NULL && ReceiveFrom(Socket, Buffer) == STATUS_SUCCESS &&
        (ControlFlags & MSG_TRUNC) != 0) {
        Witness();
    }
}

FREEDOM(cut_datagram_with_overflow, "DGRM-010 dgrm.trunc_status AMBIGUOUS-LIFE-42",
        .world = TwoPeers, .knobs = "dgrm.trunc_status=1")
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = BufferNew(3);
    if (Socket != NULL && Buffer.Mdl != NULL &&
        ReceiveFrom(Socket, Buffer) == STATUS_BUFFER_OVERFLOW && First.Information == 3) {
        Witness();
    }
}

/* The control flags of a receive that asks for no control data. */
static ULONG FlagsWithoutLength(void)
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Buffer = BufferNew(LENGTH);
    if (Socket == NULL || Buffer.Mdl == NULL) {
        return 1;
    }
    ControlFlags = 0xEEEE;
    Datagram(Socket)->WskReceiveFrom(Socket, &Buffer, 0, NULL, NULL, NULL, &ControlFlags,
                                     Fresh(&First));
    CaseSleep(500);
    IoCancelIrp(First.Irp);
    return NT_SUCCESS(Finish(&First)) ? ControlFlags : 1;
}

FREEDOM(flags_without_length_written, "DGRM-009 dgrm.flags_without_length", .world = TwoPeers,
        .knobs = "dgrm.flags_without_length=0")
{
    if (FlagsWithoutLength() == 0) {
        Witness();
    }
}

FREEDOM(flags_without_length_ignored, "DGRM-009 dgrm.flags_without_length AMBIGUOUS-LIFE-51",
        .world = TwoPeers, .knobs = "dgrm.flags_without_length=1")
{
    if (FlagsWithoutLength() == 0xEEEE) {
        Witness();
    }
}

static NTSTATUS SendNothing(void)
{
    PWSK_SOCKET Socket = Ready();
    WSK_BUF Nothing = {NULL, 0, 0};
    return Socket != NULL ? SendTo(Socket, Nothing, &There) : STATUS_UNSUCCESSFUL;
}

FREEDOM(empty_datagram_sent, "DGRM-006 send.zero_length", .world = Nobody,
        .knobs = "send.zero_length=0")
{
    if (SendNothing() == STATUS_SUCCESS) {
        Witness();
    }
}

FREEDOM(empty_datagram_refused, "DGRM-006 send.zero_length AMBIGUOUS-LIFE-47", .world = Nobody,
        .knobs = "send.zero_length=1")
{
    if (SendNothing() == STATUS_INVALID_PARAMETER) {
        Witness();
    }
}

/* What WskSendMessages answers once the socket is known to be dead. */
static NTSTATUS SendMessagesDead(void)
{
    PWSK_SOCKET Socket = Ready();
    PWSK_BUF_LIST List = ThreeMessages();
    if (Socket == NULL || List == NULL) {
        return STATUS_SUCCESS;
    }
    for (ULONG i = 0; i < 50; i++) {
        if (SendTo(Socket, Messages[0].Buffer, &There) == STATUS_FILE_FORCED_CLOSED) {
            return SendMessages(Socket, List, &There);
        }
    }
    return STATUS_SUCCESS;
}

FREEDOM(dead_messages_forced_closed, "DGRM-007 dgrm.sendmessages", .world = Nobody,
        .knobs = "dgrm.sendmessages=0")
{
    if (SendMessagesDead() == STATUS_FILE_FORCED_CLOSED) {
        Witness();
    }
}

FREEDOM(dead_messages_other, "DGRM-007 dgrm.sendmessages AMBIGUOUS-LIFE-41", .world = Nobody,
        .knobs = "dgrm.sendmessages=1")
{
    if (SendMessagesDead() == STATUS_INVALID_DEVICE_STATE) {
        Witness();
    }
}

#define NO_DESTINATION(name, value, status)                                                        \
    FREEDOM(no_destination_##name, "DGRM-002 dgrm.no_destination_status AMBIGUOUS-LIFE-70",        \
            .world = Nobody, .off = "DGRM-002", .knobs = "dgrm.no_destination_status=" value)      \
    {                                                                                              \
        PWSK_SOCKET Socket = Ready();                                                              \
        WSK_BUF Buffer = TalkBuffer(LENGTH);                                                       \
        if (Socket != NULL && Buffer.Mdl != NULL &&                                                \
            SendTo(Socket, Buffer, NULL) == (status)) {                                            \
            Witness();                                                                             \
        }                                                                                          \
    }

NO_DESTINATION(parameter, "0", STATUS_INVALID_PARAMETER)
NO_DESTINATION(address, "1", STATUS_INVALID_ADDRESS_COMPONENT)
NO_DESTINATION(state, "2", STATUS_INVALID_DEVICE_STATE)

#define BAD_FLAGS(name, value, status)                                                             \
    FREEDOM(datagram_flags_##name, "DGRM-001 args.bad_status AMBIGUOUS-LIFE-71", .world = Nobody,  \
            .off = "DGRM-001", .knobs = "args.bad_status=" value)                                  \
    {                                                                                              \
        PWSK_SOCKET Socket = Ready();                                                              \
        WSK_BUF Buffer = TalkBuffer(LENGTH);                                                       \
        if (Socket != NULL && Buffer.Mdl != NULL) {                                                \
            Datagram(Socket)->WskSendTo(Socket, &Buffer, 4, (PSOCKADDR)&There, 0, NULL,            \
                                        Fresh(&First));                                            \
            if (Finish(&First) == (status)) {                                                      \
                Witness();                                                                         \
            }                                                                                      \
        }                                                                                          \
    }

BAD_FLAGS(invalid, "0", STATUS_INVALID_PARAMETER)
BAD_FLAGS(unsupported, "1", STATUS_NOT_SUPPORTED)
BAD_FLAGS(ignored, "2", STATUS_SUCCESS)
