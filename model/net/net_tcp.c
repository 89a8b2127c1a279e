/* SPDX-License-Identifier: MIT */
/*
 * TCP connections: their life, and what their owners call.
 *
 *   end that connects      SYN_SENT ----------------> OPEN -> DEAD
 *   the other end  NONE -> SYN_RECEIVED ------------> OPEN -> DEAD
 *
 * state         left by
 * NONE          the SYN [net_listen_syn]
 * SYN_SENT      SYN+ACK, RST [net_input.c], no answer [net_output.c], close
 * SYN_RECEIVED  any ACK, RST [net_input.c], refusal [net_listen.c]
 * OPEN          RST [net_input.c], no answer [net_output.c], abort; a graceful end leaves it OPEN
 *
 * Invariants:
 *  1. acked <= next <= written; base = what is acknowledged and consumed; the queue holds [base,
 *     written).
 *  2. consumed <= received <= advertised; the window never shrinks.
 *  3. A pair is recycled when both ends are gone and nothing refers to it (references).
 *  4. An end whose owner has closed it goes on by itself until its FIN is acknowledged.
 */
#include "model/net/net_internal.h"

static void announce(struct sim *s, void *argument, uint64_t value);

/* ---- pairs ---- */

static struct net_pair *pair_new(struct sim *s)
{
    struct net_state *net = net_of(s);
    struct net_pair *pair = net->pair_free;
    if (pair != NULL) {
        net->pair_free = pair->next_free;
    } else {
        if (net->pair_used == NET_TCP_MAX) {
            sim_limit(s, "NET_TCP_MAX: too many connections");
        }
        pair = &net->pair_pool[net->pair_used++];
    }
    memset(pair, 0, sizeof *pair);
    pair->is_used = true;
    return pair;
}

static void end_init(struct net_pair *pair, uint8_t side, uint32_t host, uint32_t object)
{
    struct net_tcp *tcp = &pair->end[side];
    tcp->pair = pair;
    tcp->side = side;
    tcp->host = host;
    tcp->object = object;
    tcp->window = tcp->advertised = NET_WINDOW_BYTES;
    tcp->edge = NET_WINDOW_BYTES;
    tcp->ideal_backlog = NET_BACKLOG_BYTES;
    tcp->fin_at = UINT64_MAX;
}

void net_pair_hold(struct sim *s, struct net_pair *pair)
{
    (void)s;
    pair->references++;
}

void net_pair_drop(struct sim *s, struct net_pair *pair)
{
    struct net_state *net = net_of(s);
    SIM_ASSERT(pair->references > 0);
    if (--pair->references > 0 || !pair->end[0].is_gone || !pair->end[1].is_gone) {
        return;
    }
    for (int side = 0; side < 2; side++) {
        net_bytes_drop(s, &pair->end[side].out, pair->end[side].out.size);
    }
    pair->is_used = false;
    pair->next_free = net->pair_free;
    net->pair_free = pair;
}

/* ---- opening ---- */

enum { NET_LATENCIES = 5 };

static sim_time draw_latency(struct sim *s, bool is_loopback)
{
    static const sim_time table[NET_LATENCIES] = {NET_LATENCY_TICKS, 1, 500, SIM_MS(5),
                                                  SIM_MS(100)};
    if (is_loopback) {
        return NET_LOOPBACK_TICKS;
    }
    if (net_of(s)->is_healed) {
        return table[0];
    }
    return table[choice_pick(s, CHOICE_WORLD, PICK_NET_LATENCY, NET_LATENCIES)];
}

static void patience_ends(struct sim *s, void *argument, uint64_t value)
{
    struct net_pair *pair = argument;
    struct net_tcp *tcp = &pair->end[0];
    pair->patience = 0;
    if (tcp->state == NET_TCP_SYN_SENT) {
        net_tcp_die(s, tcp, (enum net_tcp_error)value, false);
    }
    net_tcp_reset_peer(s, tcp);
    net_pair_drop(s, pair);
    net_landed(s);
}

void net_patience_start(struct sim *s, struct net_pair *pair, sim_time ticks,
                        enum net_tcp_error error)
{
    SIM_ASSERT(pair->patience == 0);
    net_pair_hold(s, pair);
    net_of(s)->flying++;
    pair->patience = sim_event_add(s, s->now + ticks, patience_ends, pair, error);
}

void net_patience_stop(struct sim *s, struct net_pair *pair)
{
    if (pair->patience != 0) {
        bool was_pending = sim_event_cancel(s, pair->patience);
        SIM_ASSERT(was_pending);
        pair->patience = 0;
        net_pair_drop(s, pair);
        net_landed(s);
    }
}

/* Nobody is there: the caller is told, or it runs out of patience. */
static void connect_nowhere(struct sim *s, struct net_tcp *tcp)
{
    uint32_t silent = net_of(s)->is_healed
                          ? 0
                          : choice_pick(s, CHOICE_WORLD, PICK_NET_NO_HOST, 2);
    if (silent != 0) {
        net_patience_start(s, tcp->pair, NET_CONNECT_TICKS, NET_TIMED_OUT);
    } else {
        net_patience_start(s, tcp->pair, NET_LATENCY_TICKS, NET_UNREACHABLE);
    }
}

struct net_tcp *net_tcp_connect(struct sim *s, uint32_t host, const struct net_address *local,
                                const struct net_address *remote, const void *data, uint32_t size,
                                bool fast_open, const struct net_tcp_ops *ops, void *user)
{
    SIM_ASSERT(local->port != 0);
    struct net_pair *pair = pair_new(s);
    struct net_tcp *tcp = &pair->end[0], *peer = &pair->end[1];
    uint32_t peer_host = NET_HOSTS_MAX, number = ++net_of(s)->number;
    bool has_route = net_route(s, host, remote, &tcp->local);
    bool is_reachable = has_route && net_host_of(s, host, remote, &peer_host);
    end_init(pair, 0, host, net_object(number, host == NET_LOCAL || peer_host != NET_LOCAL));
    end_init(pair, 1, peer_host,
             net_object(number, peer_host == NET_LOCAL && host != NET_LOCAL));
    if (!net_address_is_wildcard(local)) {
        tcp->local = *local;
    }
    tcp->local.port = local->port;
    tcp->remote = peer->local = *remote;
    peer->remote = tcp->local;
    peer->is_gone = true; /* until it is handed over */
    tcp->ops = ops;
    tcp->user = user;
    tcp->state = NET_TCP_SYN_SENT;
    pair->is_loopback = peer_host == host;
    net_bytes_append(s, &tcp->out, data, size);
    tcp->written = size;
    sim_trace(s, TRACE_NetConnect, tcp->object, remote->port);
    if (!is_reachable) {
        connect_nowhere(s, tcp);
        return tcp;
    }
    pair->latency = draw_latency(s, pair->is_loopback);
    uint32_t early = 0;
    if (fast_open && size > 0 && !net_of(s)->is_healed &&
        choice_flag(s, CHOICE_WORLD, PICK_NET_FAST_OPEN)) {
        early = size < NET_MSS ? size : NET_MSS;
    }
    tcp->next = early;
    net_tcp_emit(s, tcp, NET_SYN, 0, early);
    return tcp;
}

/* ---- adopting ---- */

void net_tcp_adopt(struct sim *s, struct net_tcp *tcp, const struct net_tcp_ops *ops, void *user)
{
    SIM_ASSERT(!tcp->is_gone && ops != NULL);
    tcp->ops = ops;
    tcp->user = user;
    bool has_news = tcp->received > tcp->consumed || tcp->fin_in || tcp->state == NET_TCP_DEAD;
    if (has_news && !tcp->is_announced) {
        tcp->is_announced = true;
        net_pair_hold(s, tcp->pair);
        net_of(s)->flying++;
        sim_event_add(s, s->now, announce, tcp, 0);
    }
}

/* The upcalls that nobody was there to take. */
static void announce(struct sim *s, void *argument, uint64_t value)
{
    struct net_tcp *tcp = argument;
    (void)value;
    tcp->is_announced = false;
    if (tcp->received > tcp->consumed && tcp->ops != NULL && tcp->ops->readable != NULL) {
        tcp->ops->readable(s, tcp->user);
    }
    if (tcp->fin_in && tcp->ops != NULL && tcp->ops->finished != NULL) {
        tcp->ops->finished(s, tcp->user);
    }
    if (tcp->state == NET_TCP_DEAD && tcp->ops != NULL && tcp->ops->reset != NULL) {
        tcp->ops->reset(s, tcp->user, tcp->error);
    }
    net_pair_drop(s, tcp->pair);
    net_landed(s);
}

/* ---- sending ---- */

void net_tcp_send(struct sim *s, struct net_tcp *tcp, const void *bytes, size_t size)
{
    SIM_ASSERT(!tcp->is_gone && !tcp->is_finishing);
    if (tcp->state == NET_TCP_DEAD) {
        return;
    }
    net_bytes_append(s, &tcp->out, bytes, size);
    tcp->written += size;
    net_tcp_output(s, tcp);
}

uint64_t net_tcp_sent(const struct net_tcp *tcp)
{
    return tcp->written;
}

void net_tcp_shutdown(struct sim *s, struct net_tcp *tcp)
{
    SIM_ASSERT(!tcp->is_gone);
    if (tcp->state != NET_TCP_DEAD && !tcp->is_finishing) {
        tcp->is_finishing = true;
        net_tcp_output(s, tcp);
    }
}

/* ---- ending ---- */

bool net_tcp_is_outstanding(const struct net_tcp *tcp)
{
    return tcp->state == NET_TCP_SYN_SENT || tcp->state == NET_TCP_SYN_RECEIVED ||
           (tcp->state == NET_TCP_OPEN &&
            (tcp->acked < tcp->written || (tcp->is_finishing && !tcp->fin_acked)));
}

void net_tcp_die(struct sim *s, struct net_tcp *tcp, enum net_tcp_error error, bool quiet)
{
    bool was_open = tcp->state == NET_TCP_OPEN;
    SIM_ASSERT(tcp->state != NET_TCP_DEAD);
    tcp->state = NET_TCP_DEAD;
    tcp->error = error;
    tcp->ack_due = tcp->probe_due = false;
    net_tcp_timer_stop(s, tcp);
    if (tcp->side == 0 && tcp->pair->end[1].state == NET_TCP_NONE) {
        net_patience_stop(s, tcp->pair);
    }
    const struct net_tcp_ops *ops = quiet || tcp->is_silent ? NULL : tcp->ops;
    if (ops != NULL && was_open && ops->reset != NULL) {
        ops->reset(s, tcp->user, error);
    } else if (ops != NULL && !was_open && ops->failed != NULL) {
        ops->failed(s, tcp->user, error);
    }
}

void net_tcp_abort(struct sim *s, struct net_tcp *tcp)
{
    SIM_ASSERT(!tcp->is_gone);
    if (tcp->state == NET_TCP_DEAD) {
        return;
    }
    net_tcp_die(s, tcp, NET_RESET, true);
    net_tcp_reset_peer(s, tcp);
}

void net_tcp_close(struct sim *s, struct net_tcp *tcp)
{
    SIM_ASSERT(!tcp->is_gone);
    if (model_mutated(close_is_graceful)) {
        net_tcp_shutdown(s, tcp);
    } else if (!(tcp->is_finishing && tcp->fin_in)) {
        net_tcp_abort(s, tcp);
    }
    tcp->ops = NULL;
    tcp->user = NULL;
    tcp->is_gone = true;
    net_pair_hold(s, tcp->pair);
    net_pair_drop(s, tcp->pair);
}

void net_tcp_silence(struct sim *s, struct net_tcp *tcp)
{
    tcp->is_silent = true;
    net_tcp_timer_stop(s, tcp);
}

/* ---- receiving ---- */

void net_tcp_trim(struct sim *s, struct net_tcp *sender)
{
    uint64_t consumed = net_tcp_other(sender)->consumed;
    uint64_t base = sender->acked < consumed ? sender->acked : consumed;
    if (base > sender->base) {
        net_bytes_drop(s, &sender->out, base - sender->base);
        sender->base = base;
    }
}

size_t net_tcp_readable(const struct net_tcp *tcp)
{
    return tcp->received - tcp->consumed;
}

size_t net_tcp_peek(const struct net_tcp *tcp, size_t skip, void *out, size_t size)
{
    size_t readable = net_tcp_readable(tcp);
    if (skip >= readable) {
        return 0;
    }
    size_t part = readable - skip < size ? readable - skip : size;
    const struct net_tcp *sender = net_tcp_other(tcp);
    net_bytes_read(&sender->out, tcp->consumed + skip - sender->base, out, part);
    return part;
}

void net_tcp_consume(struct sim *s, struct net_tcp *tcp, size_t size)
{
    SIM_ASSERT(size <= net_tcp_readable(tcp));
    tcp->consumed += size;
    net_tcp_trim(s, net_tcp_other(tcp));
    uint64_t edge = tcp->consumed + tcp->window;
    /* The peer hears of it when half of the window has opened, not before (RFC 9293, 3.8.6.2.2). */
    if (tcp->state == NET_TCP_OPEN && !tcp->fin_in && edge > tcp->advertised &&
        edge - tcp->advertised >= tcp->window / 2) {
        tcp->ack_due = true;
        net_tcp_output(s, tcp);
    }
}

bool net_tcp_peer_finished(const struct net_tcp *tcp)
{
    return tcp->fin_in;
}

bool net_tcp_is_reset(const struct net_tcp *tcp)
{
    return tcp->state == NET_TCP_DEAD;
}

void net_tcp_set_window(struct sim *s, struct net_tcp *tcp, size_t bytes)
{
    (void)s;
    tcp->window = bytes == 0 ? 1 : bytes;
}

/* ---- asking ---- */

uint64_t net_tcp_ideal_backlog(const struct net_tcp *tcp)
{
    return tcp->ideal_backlog;
}

void net_tcp_local(const struct net_tcp *tcp, struct net_address *out)
{
    *out = tcp->local;
}

void net_tcp_remote(const struct net_tcp *tcp, struct net_address *out)
{
    *out = tcp->remote;
}

uint32_t net_tcp_object(const struct net_tcp *tcp)
{
    return tcp->object;
}

bool net_tcp_is_loopback(const struct net_tcp *tcp)
{
    return tcp->pair->is_loopback;
}
