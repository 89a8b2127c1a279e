/* SPDX-License-Identifier: MIT */
/*
 * The world of the client: a script that draws the program and plays up to three peers, which
 * connect to the ports the client binds, listen where it connects to, and exchange datagrams.
 */
#include "client.h"

struct peer {
    ULONG Number;
    struct wsksim_peer *Tcp;
    ULONGLONG Sent;
};

static LONG volatile peers;

/* The driver's host and the first peer, in the family of the program. */
static const char *client_host(void)
{
    return client_is_v6() ? "fd00::1" : "10.0.0.1";
}

static const char *peer_host(void)
{
    return client_is_v6() ? "fd00::2" : "10.0.0.2";
}

static ULONG datagrams = 0x800000;

static void peer_end(const struct peer *p, ULONG how)
{
    client_note(LIFE_NOTE_PEER_END, p->Number, how);
}

static BOOLEAN peer_send(struct peer *p, ULONG length)
{
    UCHAR bytes[64];
    ULONGLONG digest = 0;
    for (ULONG i = 0; i < length; i++) {
        bytes[i] = life_byte(128 + p->Number, p->Sent + i);
        digest = life_digest(digest, bytes[i]);
    }
    if (!wsksim_send(p->Tcp, bytes, length)) {
        return FALSE;
    }
    p->Sent += length;
    client_note(LIFE_NOTE_PEER_SENT, p->Number, life_piece(length, digest));
    return TRUE;
}

/* False when nothing more comes. */
static BOOLEAN peer_receive(struct peer *p, unsigned milliseconds)
{
    UCHAR bytes[64];
    ULONGLONG digest = 0;
    long got = wsksim_receive(p->Tcp, bytes, sizeof bytes, milliseconds);
    if (got == WSKSIM_TIMEOUT) {
        return TRUE;
    }
    if (got <= 0) {
        peer_end(p, got == WSKSIM_FINISHED ? 0 : 1);
        return FALSE;
    }
    for (long i = 0; i < got; i++) {
        digest = life_digest(digest, bytes[i]);
    }
    client_note(LIFE_NOTE_PEER_GOT, p->Number, life_piece((unsigned)got, digest));
    return TRUE;
}

/* A conversation of which each step is one byte. */
static void converse(struct peer *p, const UCHAR *steps)
{
    BOOLEAN may_receive = TRUE, may_send = TRUE;
    for (ULONG i = 0; i < CLIENT_PEER_STEPS && !wsksim_is_over(); i++) {
        ULONG how = steps[i] >> 3;
        switch (steps[i] & 7) {
        case 0:
        case 1:
        case 2:
            may_send = may_send && peer_send(p, 1 + how * 2 % 63);
            break;
        case 3:
        case 4:
            may_receive = may_receive && peer_receive(p, 10 + how);
            break;
        case 5:
            wsksim_sleep(how * 1000);
            break;
        case 6:
            if (how < 8 && may_send) {
                client_note(LIFE_NOTE_PEER_ACT, p->Number, 0);
                wsksim_finish(p->Tcp);
                may_send = FALSE;
            }
            break;
        default:
            if (how == 0) {
                client_note(LIFE_NOTE_PEER_ACT, p->Number, 1);
                wsksim_reset(p->Tcp);
                return;
            }
            break;
        }
    }
    while (may_receive && !wsksim_is_over()) {
        may_receive = peer_receive(p, 200);
    }
    client_note(LIFE_NOTE_PEER_ACT, p->Number, 2);
    wsksim_close(p->Tcp);
}

static struct peer peer_new(struct wsksim_peer *tcp)
{
    return (struct peer){.Number = (ULONG)InterlockedIncrement(&peers), .Tcp = tcp};
}

/* The port of a listener that is there, drawn by `how`; 0 = none. */
static USHORT listener_port(ULONG how)
{
    for (ULONG i = 0; i < Client.Sockets; i++) {
        const struct client_socket *s = &Client.Socket[(i + how) % Client.Sockets];
        if (client_listens(s) && s->State == LISTENS && !s->IsClosing) {
            return s->Port;
        }
    }
    return 0;
}

/* Connects to what the client listens on, one conversation after the other. */
static void caller(void *context)
{
    const UCHAR *steps = context;
    for (ULONG round = 0; round < 16 && !wsksim_is_over(); round++) {
        USHORT port = listener_port(steps[round % CLIENT_PEER_STEPS] >> 2);
        struct wsksim_peer *tcp = port != 0 ? wsksim_connect(client_host(), port, 2) : NULL;
        if (tcp != NULL) {
            struct peer p = peer_new(tcp);
            converse(&p, steps);
        } else {
            wsksim_sleep(4000);
        }
    }
}

static void server(void *context)
{
    const UCHAR *steps = context;
    struct wsksim_server *s = wsksim_listen(peer_host(), CLIENT_SERVER_PORT);
    while (s != NULL && !wsksim_is_over()) {
        struct wsksim_peer *tcp = wsksim_accept(s, 500);
        if (tcp != NULL) {
            struct peer p = peer_new(tcp);
            converse(&p, steps);
        }
    }
}

/* Datagrams from two ports to what the client has bound, and whatever comes back. */
static void sender(void *context)
{
    const UCHAR *steps = context;
    struct wsksim_port *port[2] = {wsksim_bind(peer_host(), CLIENT_SERVER_PORT),
                                   wsksim_bind(peer_host(), CLIENT_SERVER_PORT + 1)};
    UCHAR bytes[64];
    for (ULONG i = 0; i < CLIENT_PEER_STEPS && !wsksim_is_over(); i++) {
        struct wsksim_port *from = port[steps[i] & 1];
        ULONG length = 4 + steps[i] % 29;
        if (from == NULL) {
            return;
        }
        for (ULONG to = 0; to < Client.Sockets; to++) {
            const struct client_socket *s = &Client.Socket[to];
            if (s->Category == DATAGRAM && s->State == BOUND && !s->IsClosing) {
                ULONG number = ++datagrams;
                RtlCopyMemory(bytes, &number, 4);
                for (ULONG k = 4; k < length; k++) {
                    bytes[k] = life_byte(number & 0xff, k);
                }
                client_note(LIFE_NOTE_PEER_DATAGRAM, s->Number, (ULONGLONG)number << 16 | length);
                (void)wsksim_send_to(from, client_host(), s->Port, bytes, length);
            }
        }
        long got = wsksim_receive_from(from, bytes, sizeof bytes, (unsigned)(steps[i] >> 3));
        if (got >= 4) {
            ULONG number;
            RtlCopyMemory(&number, bytes, 4);
            client_note(LIFE_NOTE_PEER_GOT_DATAGRAM, 0, (ULONGLONG)number << 16 | (ULONGLONG)got);
        }
    }
}

/* The program is one run of bytes; what is not drawn is 0. */
static void script(void)
{
    (void)wsksim_bytes(&Program, sizeof Program);
    KeSetEvent(&ProgramDrawn, IO_NO_INCREMENT, FALSE);
    wsksim_start(caller, Program.Peer[0]);
    wsksim_start(server, Program.Peer[1]);
    wsksim_start(sender, Program.Peer[2]);
    caller(Program.Peer[1]);
    wsksim_sleep(100000);
}

WSKSIM_WORLD(script, 0)
