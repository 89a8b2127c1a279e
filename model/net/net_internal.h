/* SPDX-License-Identifier: MIT */
/*
 * What the files of model/net share: byte queues, the fate of a packet, and the record of a
 * connection.
 *
 * A connection is one record, a pair of ends. The bytes of a direction are kept once, by the end
 * that sends them, until they are acknowledged and consumed; a segment names a stretch of them. So
 * a copy that arrives twice or late costs nothing, and receiving copies nothing.
 */
#ifndef MODEL_NET_NET_INTERNAL_H
#define MODEL_NET_NET_INTERNAL_H

#include "model/net/net.h"

#include <string.h>

/* Questions of this part. Append only. */
enum net_pick {
    PICK_NET_FATE = PICK_NET, /* enum net_fate */
    PICK_NET_SEGMENT,         /* how much of what could be sent goes into this segment */
    PICK_NET_LATENCY,         /* of a connection: enum net_latency */
    PICK_NET_BACKLOG,         /* the ideal send backlog changes */
    PICK_NET_NO_HOST,         /* 0 = told that the host is unreachable, 1 = silence */
    PICK_NET_FAST_OPEN,       /* data of a connect: 0 = after the handshake, 1 = in the SYN */
};

enum {
    NET_CHUNK_BYTES = 2040,
    NET_CHUNKS_MAX = 16384,    /* 32 MiB of bytes in flight or unread */
    NET_SEGMENTS_MAX = 4096,   /* in flight; more events would not fit either */
    NET_PACKETS_MAX = 2048,    /* datagrams in flight */
    NET_EXTRA_MAX = 64,        /* addresses beyond the two of each host */
    NET_NAMES_MAX = 32,
    NET_NAME_BYTES = 64,
    NET_RANGES_MAX = 8,        /* stretches received out of order; more are dropped */
    NET_SEGMENT_BYTES = 16384, /* what a receiver with coalescing hands up at once */
    NET_MSS = 1460,
    NET_WINDOW_BYTES = 65536,
    NET_BACKLOG_BYTES = 65536,
    NET_ATTEMPTS_MAX = 6,      /* 0.3 s doubled: gives up after 19 s, as Windows does after 21 */
    NET_EPHEMERAL_FIRST = 49152,
};

#define NET_LATENCY_TICKS 2000u   /* 0.2 ms one way */
#define NET_LOOPBACK_TICKS 100u   /* 10 us */
#define NET_RETRANSMIT_TICKS SIM_MS(300)
#define NET_CONNECT_TICKS SIM_MS(21000)

/* ---- bytes ---- */

struct net_chunk {
    struct net_chunk *next;
    uint8_t bytes[NET_CHUNK_BYTES];
};

/* A queue of bytes; zero is empty. */
struct net_bytes {
    struct net_chunk *first, *last;
    uint32_t head; /* bytes of the first chunk that are gone */
    uint32_t tail; /* bytes of the last chunk that are filled */
    size_t size;
};

void net_bytes_append(struct sim *s, struct net_bytes *queue, const void *bytes, size_t size);
/* Copies size bytes from position `at` on; they must be there. */
void net_bytes_read(const struct net_bytes *queue, size_t at, void *out, size_t size);
void net_bytes_drop(struct sim *s, struct net_bytes *queue, size_t size);
/*
 * The bytes as one piece: in place if one chunk holds them, else in scratch (at least size bytes).
 */
const uint8_t *net_bytes_flat(const struct net_bytes *queue, uint8_t *scratch);

/* ---- fate ---- */

enum net_fate {
    NET_FATE_NORMAL, NET_FATE_LOST, NET_FATE_TWICE, NET_FATE_LATE, NET_FATE_LATER,
    NET_FATE_VERY_LATE, NET_FATE_SOON, NET_FATES
};

/* Asks what becomes of a packet: when it arrives (SIM_TIME_NEVER = lost), when its copy does. */
struct net_travel {
    sim_time arrival, copy; /* copy: SIM_TIME_NEVER = there is none */
    bool is_normal;
};
void net_travel(struct sim *s, bool is_loopback, sim_time latency, struct net_travel *out);

/* ---- UDP ---- */

struct net_udp {
    uint32_t host;
    struct net_address local;
    const struct net_udp_ops *ops; /* NULL: slot is free */
    void *user;
    uint32_t object;
    struct net_udp *next_free;
};

struct net_packet {
    struct net_address from, to;
    uint32_t from_host, host, number, object;
    bool is_unreachable; /* the ICMP message: port unreachable at `to` */
    struct net_bytes bytes;
    struct net_packet *next_free;
};

/* ---- TCP ---- */

enum { NET_ACK = 1, NET_SYN = 2, NET_FIN = 4, NET_RST = 8, NET_PROBE = 16 };

enum net_tcp_state {
    NET_TCP_NONE,         /* passive end before the SYN */
    NET_TCP_SYN_SENT,
    NET_TCP_SYN_RECEIVED, /* inspection and handshake */
    NET_TCP_OPEN,
    NET_TCP_DEAD,         /* reset, aborted, timed out */
};

struct net_pair;

struct net_segment {
    struct net_pair *pair;
    uint8_t to; /* 0 = the end that connected, 1 = the other */
    uint8_t flags;
    bool is_open; /* more may be put into it as long as the clock stands still */
    uint32_t size;
    sim_time sent_at;
    uint64_t position, ack, edge;
    struct net_segment *next_free;
};

struct net_range {
    uint64_t from, to;
};

/*
 * One end. Positions count bytes of a direction from 0; the FIN stands at `written` of its sender.
 */
struct net_tcp {
    struct net_pair *pair;
    uint8_t side;  /* index in pair->end */
    uint8_t state; /* enum net_tcp_state */
    uint8_t attempts;
    uint8_t resets_flying;
    bool is_gone;      /* nobody holds it: closed, or never handed over */
    bool is_silent;
    bool is_finishing; /* shutdown was called: FIN after `written` */
    bool fin_out;      /* FIN has been sent after what was sent last */
    bool fin_acked, fin_in;
    bool ack_due, probe_due;
    bool is_announced; /* adopted after the fact: an event is on its way */
    uint32_t host, object, acks;
    struct net_address local, remote;
    const struct net_tcp_ops *ops;
    void *user;
    /* Sending. */
    struct net_bytes out; /* from position `base` on */
    uint64_t base, acked, next, written;
    uint64_t edge;        /* the peer takes bytes below this */
    uint64_t ideal_backlog;
    uint64_t timer;       /* retransmission: event handle, 0 = not running */
    struct net_segment *last_out;
    /* Receiving. */
    uint64_t received, consumed, advertised, window, fin_at;
    enum net_tcp_error error; /* DEAD: why */
    uint32_t range_count;
    struct net_range range[NET_RANGES_MAX];
};

struct net_pair {
    struct net_tcp end[2]; /* 0 connected, 1 was connected to */
    bool is_used, is_loopback, is_inspected, has_verdict;
    uint32_t references;   /* segments in flight, timers and events, calls in progress */
    uint32_t request_id;
    struct net_listener *listener; /* from SYN to established */
    sim_time latency;
    uint64_t patience;     /* event at which the connector gives up: nobody answers */
    struct net_pair *next_free;
};

struct net_listener {
    uint32_t host;
    struct net_address local;
    bool is_conditional;
    const struct net_listen_ops *ops; /* NULL: slot is free */
    void *user;
    struct net_listener *next_free;
};

static inline struct net_tcp *net_tcp_other(const struct net_tcp *tcp)
{
    return &tcp->pair->end[1 - tcp->side];
}

/* net_tcp.c */
void net_pair_hold(struct sim *s, struct net_pair *pair);
void net_pair_drop(struct sim *s, struct net_pair *pair);
/* The end dies: no more output, timers stop. Tells its owner unless `quiet`. */
void net_tcp_die(struct sim *s, struct net_tcp *tcp, enum net_tcp_error error, bool quiet);
/* The connector waits for an answer for so long, then fails with `error`; an answer stops that. */
void net_patience_start(struct sim *s, struct net_pair *pair, sim_time ticks,
                        enum net_tcp_error error);
void net_patience_stop(struct sim *s, struct net_pair *pair);
/* Forgets bytes that are both acknowledged and consumed. */
void net_tcp_trim(struct sim *s, struct net_tcp *sender);
bool net_tcp_is_outstanding(const struct net_tcp *tcp);

/* net_output.c */
void net_tcp_output(struct sim *s, struct net_tcp *tcp);
/* One segment without regard to windows: SYN, SYN+ACK, RST, retransmissions. */
void net_tcp_emit(struct sim *s, struct net_tcp *tcp, unsigned flags, uint64_t position,
                  uint32_t size);
void net_tcp_reset_peer(struct sim *s, struct net_tcp *tcp);
/* A segment of this end did not arrive: whoever waits for it will send again. */
void net_tcp_lost(struct sim *s, struct net_tcp *tcp, unsigned flags, uint32_t size);
void net_tcp_timer_stop(struct sim *s, struct net_tcp *tcp);

/* net_input.c */
void net_tcp_arrive(struct sim *s, void *argument, uint64_t value);

/* net_listen.c */
void net_listen_syn(struct sim *s, struct net_tcp *passive, const struct net_segment *segment);
void net_listen_established(struct sim *s, struct net_tcp *passive);
void net_listen_dropped(struct sim *s, struct net_tcp *passive);

/* net_address.c */
void net_addresses_reset(struct sim *s);
bool net_address_matches(const struct net_address *bound, const struct net_address *wanted);

/* ---- state of the part ---- */

struct net_extra {
    uint32_t host;
    struct net_address address;
};

struct net_state {
    bool is_healed;
    uint16_t hosts_up; /* bit per host */
    uint16_t port[NET_HOSTS_MAX][2];
    uint32_t extra_count;
    struct net_extra extra[NET_EXTRA_MAX];
    bool has_second[3];  /* by family: the second address of the local host */
    uint32_t changes;
    uint32_t name_count;
    char name[NET_NAMES_MAX][NET_NAME_BYTES];
    void (*addresses_changed)(struct sim *s, enum net_family family);
    void (*idle)(struct sim *s);

    uint32_t flying; /* segments, datagrams, retransmission timers */
    uint32_t number; /* of connections and datagram endpoints */
    uint32_t datagrams, requests;

    uint32_t chunk_used;
    struct net_chunk *chunk_free;
    uint32_t segment_used;
    struct net_segment *segment_free;
    uint32_t packet_used;
    struct net_packet *packet_free;
    uint32_t pair_used;
    struct net_pair *pair_free;
    uint32_t udp_used, udp_count;
    struct net_udp *udp_free;
    struct net_udp *udp[NET_UDP_MAX]; /* open ones, oldest first */
    uint32_t listener_used, listener_count;
    struct net_listener *listener_free;
    struct net_listener *listener[NET_LISTENERS_MAX]; /* the same */

    struct net_udp udp_pool[NET_UDP_MAX];
    struct net_listener listener_pool[NET_LISTENERS_MAX];
    struct net_pair pair_pool[NET_TCP_MAX];
    struct net_segment segment_pool[NET_SEGMENTS_MAX];
    struct net_packet packet_pool[NET_PACKETS_MAX];
    uint8_t scratch[NET_DATAGRAM_MAX + 1];
    struct net_chunk chunk_pool[NET_CHUNKS_MAX];
};

static inline struct net_state *net_of(struct sim *s)
{
    return model_of(s)->net;
}

/* The number of an end as trace id: connection#n on the driver's host, peer#n elsewhere. */
static inline uint32_t net_object(uint32_t number, bool is_local)
{
    return sim_object_id(is_local ? OBJECT_CONNECTION : OBJECT_PEER, number);
}

/* One thing less in flight: tells the watcher when it was the last. */
static inline void net_landed(struct sim *s)
{
    struct net_state *net = net_of(s);
    SIM_ASSERT(net->flying > 0);
    if (--net->flying == 0 && net->idle != NULL) {
        net->idle(s);
    }
}

#endif
