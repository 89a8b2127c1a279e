/* SPDX-License-Identifier: MIT */
/*
 * TCP for scripts: upcalls set flags and poke, functions wait for the flags. When the run heals,
 * what is still open is finished, and reset a second later.
 */
#include "model/world/harness.h"

enum { RETRY_MS = 1 };

static struct wsksim_peer *peer_new(struct sim *s)
{
    if (harness.peer_count == HARNESS_PEERS_MAX) {
        sim_limit(s, "HARNESS_PEERS_MAX: too many connections of scripts");
    }
    struct wsksim_peer *peer = &harness.peer[harness.peer_count++];
    *peer = (struct wsksim_peer){.tcp = NULL};
    return peer;
}

static void peer_close(struct sim *s, struct wsksim_peer *peer)
{
    net_tcp_close(s, peer->tcp);
    peer->tcp = NULL;
}

/* ---- upcalls ---- */

static void on_connected(struct sim *s, void *user)
{
    ((struct wsksim_peer *)user)->is_connected = true;
    ke_poke(s);
}

static void on_failed(struct sim *s, void *user, enum net_tcp_error error)
{
    (void)error;
    ((struct wsksim_peer *)user)->has_failed = true;
    ke_poke(s);
}

static void on_readable(struct sim *s, void *user)
{
    struct wsksim_peer *peer = user;
    if (world_is_healed(s)) {
        net_tcp_consume(s, peer->tcp, net_tcp_readable(peer->tcp));
    }
    ke_poke(s);
}

static void on_finished(struct sim *s, void *user)
{
    struct wsksim_peer *peer = user;
    if (world_is_healed(s)) {
        net_tcp_shutdown(s, peer->tcp);
        peer_close(s, peer);
    }
    ke_poke(s);
}

static const struct net_tcp_ops peer_ops = {.connected = on_connected,
                                            .failed = on_failed,
                                            .readable = on_readable,
                                            .finished = on_finished,
                                            .reset = on_failed};

static void on_established(struct sim *s, void *user, struct net_tcp *tcp, uint32_t request_id)
{
    struct wsksim_server *server = user;
    (void)request_id;
    if (server->count == HARNESS_BACKLOG_MAX) {
        net_tcp_abort(s, tcp);
        net_tcp_close(s, tcp);
        return;
    }
    struct wsksim_peer *peer = peer_new(s);
    peer->tcp = tcp;
    peer->is_connected = true;
    server->waiting[server->count++] = peer;
    net_tcp_adopt(s, tcp, &peer_ops, peer);
    ke_poke(s);
}

static const struct net_listen_ops server_ops = {.established = on_established};

/* ---- healing ---- */

static void give_up(struct sim *s, void *argument, uint64_t value)
{
    uint64_t timer;
    (void)argument;
    (void)value;
    world_fired(s, &timer);
    for (uint32_t i = 0; i < harness.peer_count; i++) {
        if (harness.peer[i].tcp != NULL) {
            net_tcp_abort(s, harness.peer[i].tcp);
            harness.peer[i].has_failed = true;
        }
    }
    world_rest(s);
}

void harness_tcp_heal(struct sim *s)
{
    bool is_any = false;
    for (uint32_t i = 0; i < harness.peer_count; i++) {
        struct wsksim_peer *peer = &harness.peer[i];
        if (peer->tcp != NULL && peer->is_connected && !peer->has_failed) {
            net_tcp_shutdown(s, peer->tcp);
            on_readable(s, peer);
        }
        is_any |= peer->tcp != NULL;
    }
    if (is_any) {
        (void)world_timer(s, SIM_MS(1000), give_up, NULL, 0);
    }
}

/* ---- opening ---- */

static bool is_decided(struct sim *s, void *argument)
{
    const struct wsksim_peer *peer = argument;
    (void)s;
    return peer->is_connected || peer->has_failed;
}

static bool try_connect(struct sim *s, struct wsksim_peer *peer, uint32_t host,
                        const struct net_address *remote, unsigned milliseconds)
{
    struct net_address local = {.family = remote->family,
                                .port = net_ephemeral_port(s, host, NET_TCP)};
    peer->has_failed = false;
    peer->tcp = net_tcp_connect(s, host, &local, remote, NULL, 0, false, &peer_ops, peer);
    harness_wait(s, is_decided, peer, milliseconds, "a script to be connected");
    if (peer->is_connected) {
        return true;
    }
    if (peer->tcp != NULL) {
        peer_close(s, peer);
    }
    return false;
}

struct wsksim_peer *wsksim_connect(const char *address, unsigned short port,
                                   unsigned milliseconds)
{
    struct sim *s = harness_enter();
    struct net_address remote;
    if (!harness_address(s, address, NET_LOCAL, port, &remote)) {
        return NULL;
    }
    uint32_t host = net_address_is_loopback(&remote) ? (uint32_t)NET_LOCAL : world_next_host(s);
    struct wsksim_peer *peer = peer_new(s);
    bool is_endless = milliseconds == WSKSIM_FOREVER;
    sim_time limit = is_endless ? SIM_TIME_NEVER : s->now + SIM_MS(milliseconds);
    while (!world_is_healed(s)) {
        unsigned left = WSKSIM_FOREVER;
        if (!is_endless) {
            left = (unsigned)((limit - s->now) / SIM_MS(1)) + 1;
        }
        if (try_connect(s, peer, host, &remote, left)) {
            return peer;
        }
        if (s->now >= limit) {
            break;
        }
        wsksim_sleep(RETRY_MS * 1000);
    }
    return NULL;
}

struct wsksim_server *wsksim_listen(const char *address, unsigned short port)
{
    struct sim *s = harness_enter();
    struct net_address local;
    uint32_t host;
    if (harness.server_count == HARNESS_SERVERS_MAX ||
        !harness_address(s, address, 1, port, &local) || !harness_host(s, &local, &host) ||
        net_is_listened(s, host, &local)) {
        return NULL;
    }
    struct wsksim_server *server = &harness.server[harness.server_count++];
    *server = (struct wsksim_server){.listener = NULL};
    server->listener = net_listen(s, host, &local, false, &server_ops, server);
    return server;
}

static bool has_waiting(struct sim *s, void *argument)
{
    (void)s;
    return ((const struct wsksim_server *)argument)->count > 0;
}

struct wsksim_peer *wsksim_accept(struct wsksim_server *server, unsigned milliseconds)
{
    struct sim *s = harness_enter();
    harness_wait(s, has_waiting, server, milliseconds, "a script to accept a connection");
    if (server->count == 0) {
        return NULL;
    }
    struct wsksim_peer *peer = server->waiting[0];
    server->count--;
    memmove(&server->waiting[0], &server->waiting[1], server->count * sizeof server->waiting[0]);
    return peer;
}

void wsksim_close_server(struct wsksim_server *server)
{
    struct sim *s = harness_enter();
    if (server->listener != NULL) {
        net_listener_close(s, server->listener);
        server->listener = NULL;
    }
}

/* ---- talking ---- */

static bool is_usable(const struct wsksim_peer *peer)
{
    return peer->tcp != NULL && !peer->has_failed;
}

int wsksim_send(struct wsksim_peer *peer, const void *bytes, __SIZE_TYPE__ size)
{
    struct sim *s = harness_enter();
    harness_touch(s, bytes, size);
    if (!is_usable(peer) || peer->is_finished || world_is_healed(s)) {
        return 0;
    }
    net_tcp_send(s, peer->tcp, bytes, size);
    return 1;
}

static bool has_news(struct sim *s, void *argument)
{
    const struct wsksim_peer *peer = argument;
    (void)s;
    return !is_usable(peer) || net_tcp_readable(peer->tcp) > 0 ||
           net_tcp_peer_finished(peer->tcp);
}

long wsksim_receive(struct wsksim_peer *peer, void *out, __SIZE_TYPE__ size,
                    unsigned milliseconds)
{
    struct sim *s = harness_enter();
    harness_touch(s, out, size);
    harness_wait(s, has_news, peer, milliseconds, "a script to receive");
    if (peer->tcp == NULL) {
        return WSKSIM_RESET;
    }
    size_t count = net_tcp_peek(peer->tcp, 0, out, size);
    if (count > 0) {
        net_tcp_consume(s, peer->tcp, count);
        return (long)count;
    }
    if (peer->has_failed) {
        return WSKSIM_RESET;
    }
    return net_tcp_peer_finished(peer->tcp) ? WSKSIM_FINISHED : WSKSIM_TIMEOUT;
}

void wsksim_finish(struct wsksim_peer *peer)
{
    struct sim *s = harness_enter();
    if (is_usable(peer) && !peer->is_finished) {
        peer->is_finished = true;
        net_tcp_shutdown(s, peer->tcp);
    }
}

void wsksim_close(struct wsksim_peer *peer)
{
    struct sim *s = harness_enter();
    if (peer->tcp != NULL) {
        peer_close(s, peer);
    }
}

void wsksim_reset(struct wsksim_peer *peer)
{
    struct sim *s = harness_enter();
    if (peer->tcp != NULL) {
        net_tcp_abort(s, peer->tcp);
        peer_close(s, peer);
    }
}
