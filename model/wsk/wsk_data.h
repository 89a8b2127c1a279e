/* SPDX-License-Identifier: MIT */
/*
 * What the data path keeps per socket. Included by wsk.h inside its body; owned by the files of the
 * data path (wsk_bind, wsk_accept, wsk_connect, wsk_stream, wsk_datagram, wsk_release,
 * wsk_address).
 */
#ifndef MODEL_WSK_WSK_DATA_H
#define MODEL_WSK_WSK_DATA_H

struct wsk_incoming; /* wsk_incoming.c */
struct wsk_packet;   /* wsk_datagram.c */
struct wsk_list;     /* wsk_indication.c */

/* Who ended a connection abortively. */
enum wsk_cut { WSK_CUT_NONE, WSK_CUT_PEER, WSK_CUT_LOCAL };

struct wsk_data {
    struct net_tcp *tcp;
    struct net_udp *udp;
    struct net_listener *listener;
    struct net_udp *udp4;           /* the IPv4 half of a dual socket */
    struct net_listener *listener4; /* the same */
    struct wsk_queue sends, receives, accepts, disconnects;
    struct wsk_request *connect; /* WskConnect, WskConnectEx or WskSocketConnect in progress */
    struct wsk_request *listen;  /* WskListen that waits (AMBIGUOUS-LIFE-21) */
    bool is_bound;               /* holds socket->local against others (table 1.4.1) */
    bool has_failed;             /* a connect has failed (CONN-011) */
    bool must_close;             /* ... and connect.after_failure says so */

    /* Connection. */
    uint8_t cut; /* enum wsk_cut */
    NTSTATUS cut_status;
    bool is_shut;              /* the client has finished sending */
    bool is_held;              /* accept.use_before_return=held: receives wait */
    bool is_indicating;        /* WskReceiveEvent is in the driver: its bytes are undecided */
    bool is_racing;            /* RECV-011: the callback is to go before a queued receive */
    uint8_t overtaken;         /* how often it has, since the last receive was served */
    bool fin_told, abort_told; /* disconnect events made, or lost */
    bool was_sending;          /* sends were pending when the connection was cut */
    bool backlog_due;
    uint64_t backlog_told; /* the ideal size the client knows of (EVT-013) */
    bool has_enable_mark;
    uint64_t enable_mark; /* event.backlog_on_enable: no indication up to this position */
    uint64_t taken;       /* bytes of the stream whose fate is decided */
    uint64_t offered;     /* highest position ever indicated */
    uint32_t lonely; /* sends in a row that found nothing under way and no answer (SEND-015) */
    uint64_t lonely_taken;
    sim_time pause_until; /* a callback failed: its bytes come again, but not at once */

    uint32_t arrival_template; /* accepted: events in the listener's template then (amb.26) */

    /* Listener. */
    bool has_begun; /* WskAccept has been called */
    struct wsk_incoming *incoming_first, *incoming_last;
    uint32_t arrived, waiting, skipped, racing, aborted; /* incoming connections by what is due */

    /* Datagrams. */
    struct wsk_packet *packet_first, *packet_last;
    uint32_t packets, stale; /* buffered; refused ones that wait for a newer one */
    uint64_t packet_arrivals; /* so far */
    SIZE_T packet_bytes;

    struct wsk_list *list_first; /* indicated or retained */
};

#endif
