/* SPDX-License-Identifier: MIT */
/*
 * The network below WSK: hosts, addresses, ports in use, UDP endpoints, TCP listeners and
 * connections. Internal interface. WSK sits on host 0 (NET_LOCAL); simulated peers (model/world)
 * sit on the other hosts and use the very same calls from there.
 *
 * Everything below an endpoint is net's business: segments, latency, loss, duplication, reordering,
 * retransmission, handshakes, windows, lingering after close. Each of those decisions is a choice
 * of the world stream (PICK_NET + ...), 0 = arrives in order after the base latency.
 *
 *            net_udp_send / net_tcp_send / ...            (calls: from any context, never block)
 *    WSK ---------------------------------------> net
 *        <---------------------------------------
 *            struct net_udp_ops, net_tcp_ops, net_listen_ops   (upcalls: event context)
 *
 * Invariants:
 *  1. An upcall runs between steps, on no context: it must not call the driver and must not block.
 *     It may call net again (also on the endpoint it is about, also close it).
 *  2. net never calls up from inside a call made to it: the earliest upcall is the next event. So
 *     the caller of net_tcp_connect can finish its bookkeeping first. (The one exception is noted
 *     below.)
 *  3. After net_*_close no upcall with that endpoint's user pointer happens any more. The pointer
 *     of the endpoint itself is dead for the caller from then on; net may keep it until FIN or RST
 *     are through.
 *  4. All endpoints, segments and bytes come from pools that are reset, not freed; nothing is
 *     allocated after net_create. A pool that is empty is sim_limit.
 *  5. Bytes given to net are copied in the call. Bytes taken from net are copied out.
 *  6. Every connection and datagram endpoint has a stable trace id (OBJECT_CONNECTION).
 *
 * Every member of the ops structures may be NULL.
 *
 * Ids: the two ends of a connection share a number; the end of the driver's host is connection#n,
 * the other one peer#n (of two ends on one host, the one that connected is the connection).
 * Likewise UDP.
 *
 * Cost: a connect, send, echo, close exchange is seven events. What is sent at one instant in one
 * direction travels as one segment, acknowledgements ride along, and no timer runs unless a segment
 * was lost: the one who would have waited for it is told by the loss.
 *
 * Limits: no fragmentation, no routing beyond "every host reaches every host", no ICMP but the port
 * unreachable that becomes net_udp_ops.unreachable; no simultaneous open; an IPv6 endpoint takes no
 * IPv4 packets (open two for dual mode).
 */
#ifndef MODEL_NET_NET_H
#define MODEL_NET_NET_H

#include "model/model.h"

enum {
    NET_LOCAL = 0,      /* the host of the driver */
    /* host h has 10.0.0.(h+1) and fd00::(h+1); loopback addresses stay on the host */
    NET_HOSTS_MAX = 16,
    NET_UDP_MAX = 256,
    NET_TCP_MAX = 1024,
    NET_LISTENERS_MAX = 64,
    NET_DATAGRAM_MAX = 65507,
};

enum net_family { NET_FAMILY_NONE, NET_IPV4, NET_IPV6 };

/* Address and port, in host order and without Windows layouts; all-zero ip = wildcard. */
struct net_address {
    uint8_t family; /* enum net_family */
    uint16_t port;  /* host byte order; 0 = none or any */
    uint32_t scope;
    uint8_t ip[16]; /* network byte order; IPv4 in the first four bytes, the rest zero */
};

bool net_address_is_wildcard(const struct net_address *a);
bool net_address_is_loopback(const struct net_address *a);
bool net_address_is_multicast(const struct net_address *a);
bool net_address_is_broadcast(const struct net_address *a);
/* family and ip */
bool net_address_same_ip(const struct net_address *a, const struct net_address *b);

/* ---- hosts and their addresses ---- */

/* Brings host h to life (NET_LOCAL always is). */
void net_host_up(struct sim *s, uint32_t host);
/* The i-th address of a host in a family (unicast first, loopback last); false if there is none. */
bool net_host_address(struct sim *s, uint32_t host, enum net_family family, uint32_t index,
                      struct net_address *out);
/* True if the host owns that unicast or loopback address (a wildcard counts as owned). */
bool net_host_owns(struct sim *s, uint32_t host, const struct net_address *address);
/* Source address a packet from `host` to `remote` gets (CONN-009); false if unreachable. */
bool net_route(struct sim *s, uint32_t host, const struct net_address *remote,
               struct net_address *local);
/*
 * The host that owns a unicast address as seen from `from` (loopback stays there); false if none
 * does.
 */
bool net_host_of(struct sim *s, uint32_t from, const struct net_address *address, uint32_t *host);
/* The number of the host whose first address this is, up or not; NET_HOSTS_MAX if it is none's. */
uint32_t net_host_named(const struct net_address *address);
/*
 * Gives a host one more address, so that the world can put a peer at any address the driver names.
 */
bool net_host_add_address(struct sim *s, uint32_t host, const struct net_address *address);
/*
 * Name of the simulated DNS: "localhost", "peer1".. , "host.name"; index-th address. False if
 * unknown.
 */
bool net_name_to_address(struct sim *s, const char *name, enum net_family family, uint32_t index,
                         struct net_address *out);
const char *net_address_to_name(struct sim *s, const struct net_address *address);

/* Adds or removes a second address of the local host; calls the watcher. World and tests use it. */
void net_local_address_change(struct sim *s);
/* The one watcher of the local address list (WSK). */
void net_watch_addresses(struct sim *s, void (*changed)(struct sim *s, enum net_family family));

/* ---- ports ---- */

enum net_protocol { NET_TCP, NET_UDP };

/* Interfaces of every host. */
enum { NET_INTERFACE_LOOPBACK = 1, NET_INTERFACE_ETHERNET = 2 };

/*
 * A free ephemeral port on the host. Deterministic: counts up from 49152. Sharing rules are WSK's.
 */
uint16_t net_ephemeral_port(struct sim *s, uint32_t host, enum net_protocol protocol);

/* ---- UDP ---- */

struct net_udp;

struct net_datagram {
    struct net_address from, to;
    uint32_t size;
    uint32_t object;      /* stable number of the datagram, for traces */
    const uint8_t *bytes; /* valid during the upcall only */
    uint32_t interface_index;
    uint8_t tos, hop_limit;
};

struct net_udp_ops {
    void (*receive)(struct sim *s, void *user, const struct net_datagram *datagram);
    /* may be NULL */
    void (*unreachable)(struct sim *s, void *user, const struct net_address *remote);
};

/*
 * Opens an endpoint bound to `local` (wildcard ip allowed, port not 0). Several endpoints may share
 * an address: a unicast datagram goes to the most specific, then the oldest one; multicast and
 * broadcast to all.
 */
struct net_udp *net_udp_open(struct sim *s, uint32_t host, const struct net_address *local,
                             const struct net_udp_ops *ops, void *user);
/* Sends; the datagram has left when the call returns. False if there is no route. */
bool net_udp_send(struct sim *s, struct net_udp *udp, const struct net_address *to,
                  const struct net_address *from_or_null, const void *bytes, uint32_t size);
void net_udp_close(struct sim *s, struct net_udp *udp);

/* ---- TCP connections ---- */

struct net_tcp;
struct net_listener;

enum net_tcp_error {
    NET_REFUSED,     /* RST or no listener */
    NET_UNREACHABLE, /* no route, host down */
    NET_TIMED_OUT,   /* retransmissions used up */
    NET_RESET,       /* RST on an established connection */
};

struct net_tcp_ops {
    void (*connected)(struct sim *s, void *user);                   /* active open is through */
    void (*failed)(struct sim *s, void *user, enum net_tcp_error error); /* active open is not */
    void (*readable)(struct sim *s, void *user);       /* net_tcp_readable has grown */
    void (*finished)(struct sim *s, void *user);       /* peer's FIN is in, after all its data */
    /* established one is gone */
    void (*reset)(struct sim *s, void *user, enum net_tcp_error error);
    /* bytes of ours the peer has, in all */
    void (*acked)(struct sim *s, void *user, uint64_t total);
    /* the peer has our FIN (and all before it) */
    void (*fin_acked)(struct sim *s, void *user);
    /* ideal send backlog changed; may be NULL */
    void (*backlog)(struct sim *s, void *user, uint64_t size);
};

/*
 * Active open from `local` (port not 0, may be wildcard ip: net_tcp_local then tells the routed
 * one). data/size: bytes that may ride in the SYN if fast_open, else right after the handshake
 * (CONN-007).
 */
struct net_tcp *net_tcp_connect(struct sim *s, uint32_t host, const struct net_address *local,
                                const struct net_address *remote, const void *data, uint32_t size,
                                bool fast_open, const struct net_tcp_ops *ops, void *user);

/*
 * Takes over an established connection (net_listen_ops.established): from now on its upcalls go
 * there. What happened before nobody listened (data, FIN, reset) is told by an event of its own.
 */
void net_tcp_adopt(struct sim *s, struct net_tcp *tcp, const struct net_tcp_ops *ops, void *user);

/*
 * Appends bytes to the stream. All are taken (pool limit aside); flow control shows in `acked`
 * only.
 */
void net_tcp_send(struct sim *s, struct net_tcp *tcp, const void *bytes, size_t size);
/* Bytes accepted by net_tcp_send so far; compare with `total` of acked. */
uint64_t net_tcp_sent(const struct net_tcp *tcp);
/* FIN after everything sent so far. */
void net_tcp_shutdown(struct sim *s, struct net_tcp *tcp);
/* RST now, both directions dead, no more upcalls but none is lost either: the caller knows. */
void net_tcp_abort(struct sim *s, struct net_tcp *tcp);
/* Gives the endpoint back. Not shut down both ways: aborts first (CLOSE-015, DISC-012). */
void net_tcp_close(struct sim *s, struct net_tcp *tcp);

/* In-order bytes received and not consumed. They count against the receive window. */
size_t net_tcp_readable(const struct net_tcp *tcp);
/* Copies up to size bytes from position skip of them, without consuming; returns how many. */
size_t net_tcp_peek(const struct net_tcp *tcp, size_t skip, void *out, size_t size);
/* Consumes; opens the window. */
void net_tcp_consume(struct sim *s, struct net_tcp *tcp, size_t size);
/* The peer's FIN has been received (and all bytes before it are readable or consumed). */
bool net_tcp_peer_finished(const struct net_tcp *tcp);
/* The connection is gone: reset by either side, or timed out. What was received stays readable. */
bool net_tcp_is_reset(const struct net_tcp *tcp);
/* Size of the receive window (SO_RCVBUF); takes effect for what is advertised next. */
void net_tcp_set_window(struct sim *s, struct net_tcp *tcp, size_t bytes);
/*
 * SIO_WSK_SET_TCP_SILENT_MODE: from now on nothing is sent, not even RST, and all input is
 * discarded.
 */
void net_tcp_silence(struct sim *s, struct net_tcp *tcp);

uint64_t net_tcp_ideal_backlog(const struct net_tcp *tcp);
void net_tcp_local(const struct net_tcp *tcp, struct net_address *out);
void net_tcp_remote(const struct net_tcp *tcp, struct net_address *out);
uint32_t net_tcp_object(const struct net_tcp *tcp);
bool net_tcp_is_loopback(const struct net_tcp *tcp);

/* ---- TCP listeners ---- */

enum net_verdict { NET_ACCEPT, NET_REJECT, NET_PEND };

/* One incoming attempt before it is established: names it in inspect, verdict and dropped. */
struct net_request {
    uint32_t id; /* unique per run, never 0 */
    struct net_address local, remote;
};

struct net_listen_ops {
    /*
     * Conditional listeners only: a SYN has come. Answer later with net_listen_verdict (also from
     * inside the upcall); until then nothing goes back to the peer.
     */
    void (*inspect)(struct sim *s, void *user, const struct net_request *request);
    /*
     * Conditional listeners only: the attempt went away after `inspect` and before it was
     * established.
     */
    void (*dropped)(struct sim *s, void *user, const struct net_request *request);
    /*
     * The handshake is through. The receiver owns tcp: adopt it, or net_tcp_abort + net_tcp_close.
     * Data and FIN may be in already. request_id is that of inspect (also set on unconditional
     * listeners).
     */
    void (*established)(struct sim *s, void *user, struct net_tcp *tcp, uint32_t request_id);
    /* Is there room for one more? Asked when the SYN comes; false: refused. NULL: always. */
    bool (*admits)(struct sim *s, void *user);
};

struct net_listener *net_listen(struct sim *s, uint32_t host, const struct net_address *local,
                                bool conditional, const struct net_listen_ops *ops, void *user);
/*
 * NET_ACCEPT goes on with the handshake, NET_REJECT sends RST, NET_PEND = not yet. False: id is
 * gone.
 */
bool net_listen_verdict(struct sim *s, struct net_listener *listener, uint32_t request_id,
                        enum net_verdict verdict);
/*
 * No more upcalls. Attempts not established are refused; established connections are not touched.
 */
void net_listener_close(struct sim *s, struct net_listener *listener);

/* True if somebody listens for connections to that address of that host. */
bool net_is_listened(struct sim *s, uint32_t host, const struct net_address *local);

/* The same for datagrams. */
bool net_is_bound(struct sim *s, uint32_t host, const struct net_address *local);

/* Bytes and datagrams in flight plus unacked stream data: drain checks of the world. */
uint32_t net_in_flight(struct sim *s);
/* Nothing is in flight and nothing will be sent again: only the ends can go on from here. */
bool net_is_idle(struct sim *s);
/* The one watcher (world) that is called whenever the network has become idle. */
void net_watch_idle(struct sim *s, void (*idle)(struct sim *s));
/* "Heals": no more loss, duplication, reordering, stalls (end of a run). */
void net_heal(struct sim *s);

struct net_state *net_create(void);
void net_reset(struct sim *s);

/* ---- IP Helper (netio.h): what the driver is told about its host ---- */

void netio_reset(struct sim *s);
/* An address of the local host has come or gone: callbacks are due. */
void netio_address_changed(struct sim *s, const struct net_address *address, bool is_there);
/* KRN-283, KRN-284: change notifications not cancelled, tables not freed. */
void netio_check_unload(struct sim *s);

#endif
