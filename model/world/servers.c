/* SPDX-License-Identifier: MIT */
/*
 * Servers at the addresses the driver connects to. An address that nobody owns gets a host (or, by
 * choice, none: unreachable); its port gets a listener that decides about each attempt and draws a
 * conduct for each connection. The tame one accepts, echoes, and closes when the driver has
 * finished.
 *
 * A driver that connects to its own machine meets its own listener if it has one; if not, a server
 * of the world, which gives way as soon as the driver listens there itself.
 */
#include "model/world/harness.h"

enum talk_admit { ADMIT_NOW, ADMIT_REFUSE, ADMIT_LATER, ADMIT_NEVER, ADMITS };

static void server_readable(struct sim *s, void *user);
static void server_finished(struct sim *s, void *user);
static void server_reset(struct sim *s, void *user, enum net_tcp_error error);

static const struct net_tcp_ops server_ops = {
    .readable = server_readable, .finished = server_finished, .reset = server_reset};

/* ---- one connection ---- */

/* Sends back what can be read, of each chunk one part in `divisor`. */
static void echo(struct sim *s, struct world_talk *talk, uint32_t divisor)
{
    uint8_t *bytes = world_of(s)->bytes;
    size_t size;
    while ((size = net_tcp_peek(talk->tcp, 0, bytes, WORLD_BYTES_MAX)) > 0) {
        net_tcp_consume(s, talk->tcp, size);
        talk->received += size;
        if (talk->stage != TALK_FINISHED && talk->rounds < WORLD_ECHOES_MAX) {
            talk->rounds++;
            talk_send(s, talk, bytes, (uint32_t)size / divisor);
        }
    }
}

static void greet(struct sim *s, struct world_talk *talk)
{
    uint32_t size = world_size(s);
    talk_send(s, talk, world_content(s, size), size);
}

static void established(struct sim *s, void *user, struct net_tcp *tcp, uint32_t request_id)
{
    (void)user;
    (void)request_id;
    world_activity(s);
    struct world_talk *talk = talk_new(s);
    talk->is_server = true;
    talk->stage = TALK_OPEN;
    talk->tcp = tcp;
    net_tcp_adopt(s, tcp, &server_ops, talk);
    talk->conduct = (uint8_t)world_pick(s, PICK_WORLD_CONDUCT, TALK_CONDUCTS);
    if (talk->conduct != TALK_ECHO) {
        sim_trace(s, TRACE_Peer, net_tcp_object(tcp), 100u + talk->conduct);
    }
    if (talk->conduct == TALK_RESET_AT_ONCE) {
        talk_reset_now(s, talk);
    } else if (talk->conduct == TALK_FINISH_AT_ONCE) {
        talk_finish(s, talk);
    } else if (talk->conduct == TALK_GREET) {
        greet(s, talk);
    }
}

static void server_readable(struct sim *s, void *user)
{
    struct world_talk *talk = user;
    world_activity(s);
    enum talk_conduct conduct = world_is_healed(s) ? TALK_ECHO : (enum talk_conduct)talk->conduct;
    switch (conduct) {
    case TALK_ECHO:
    case TALK_GREET:
    case TALK_FINISH_AT_ONCE:
    case TALK_RESET_AT_ONCE:
    case TALK_CONDUCTS:
        echo(s, talk, 1);
        break;
    case TALK_HALF:
        echo(s, talk, 2);
        break;
    case TALK_MUTE:
        net_tcp_consume(s, talk->tcp, net_tcp_readable(talk->tcp));
        break;
    case TALK_RESET_ON_DATA:
        talk_reset_now(s, talk);
        break;
    case TALK_FINISH_AFTER_DATA:
        echo(s, talk, 1);
        if (talk->stage != TALK_FINISHED) {
            talk_finish(s, talk);
        }
        break;
    case TALK_LATE:
        if (talk->timer == 0) {
            talk_wake(s, talk, world_delay(s));
        }
        break;
    case TALK_DEAF:
        break;
    }
}

static void server_finished(struct sim *s, void *user)
{
    struct world_talk *talk = user;
    world_activity(s);
    bool waits = !world_is_healed(s) && (talk->conduct == TALK_DEAF || talk->timer != 0);
    if (talk->stage == TALK_FINISHED) {
        talk_close(s, talk);
    } else if (!waits) {
        talk_finish(s, talk);
    }
}

static void server_reset(struct sim *s, void *user, enum net_tcp_error error)
{
    (void)error;
    world_activity(s);
    talk_close(s, user);
}

void server_due(struct sim *s, struct world_talk *talk)
{
    echo(s, talk, 1);
    if (net_tcp_peer_finished(talk->tcp) && talk->stage != TALK_FINISHED) {
        talk_finish(s, talk);
    }
}

/* ---- attempts ---- */

static void late_verdict(struct sim *s, void *argument, uint64_t value)
{
    struct world_server *server = argument;
    uint64_t timer;
    world_fired(s, &timer);
    if (server->listener != NULL) {
        (void)net_listen_verdict(s, server->listener, (uint32_t)value, NET_ACCEPT);
    }
    world_rest(s);
}

static void inspect(struct sim *s, void *user, const struct net_request *request)
{
    struct world_server *server = user;
    world_activity(s);
    enum talk_admit admit = (enum talk_admit)world_pick(s, PICK_WORLD_ADMIT, ADMITS);
    switch (admit) {
    case ADMIT_NOW:
    case ADMITS:
        (void)net_listen_verdict(s, server->listener, request->id, NET_ACCEPT);
        break;
    case ADMIT_REFUSE:
        (void)net_listen_verdict(s, server->listener, request->id, NET_REJECT);
        break;
    case ADMIT_LATER:
        (void)world_timer(s, world_delay(s), late_verdict, server, request->id);
        break;
    case ADMIT_NEVER:
        break; /* the driver gives up, or the network does after 21 s */
    }
}

static const struct net_listen_ops listen_ops = {.inspect = inspect, .established = established};

/* ---- servers ---- */

void servers_reset(struct sim *s)
{
    world_of(s)->server_count = 0;
}

static struct world_server *find_server(struct world_state *w, const struct net_address *address)
{
    for (uint32_t i = 0; i < w->server_count; i++) {
        struct world_server *server = &w->server[i];
        if (server->address.port == address->port &&
            net_address_same_ip(&server->address, address)) {
            return server;
        }
    }
    return NULL;
}

/* The host at that address, which may have to be made up first. False: there is none. */
static bool find_host(struct sim *s, const struct net_address *address, uint32_t *host)
{
    if (net_host_of(s, NET_LOCAL, address, host)) {
        return true;
    }
    if (net_address_is_wildcard(address) || net_address_is_multicast(address) ||
        world_pick(s, PICK_WORLD_HOST, 2) != 0) {
        return false;
    }
    *host = net_host_named(address);
    if (*host < NET_HOSTS_MAX) {
        net_host_up(s, *host);
        return true;
    }
    *host = world_next_host(s);
    return net_host_add_address(s, *host, address);
}

void world_connecting(struct sim *s, const void *remote_address)
{
    struct world_state *w = world_of(s);
    const struct net_address *remote = remote_address;
    struct world_server *server = find_server(w, remote);
    uint32_t host;
    world_activity(s);
    if (!harness_keeps(s, WSKSIM_KEEP_SERVERS) || !find_host(s, remote, &host) ||
        net_is_listened(s, host, remote)) {
        return;
    }
    if (server == NULL) {
        if (w->server_count == WORLD_SERVERS_MAX) {
            return; /* refused */
        }
        server = &w->server[w->server_count++];
    }
    server->host = host;
    server->address = *remote;
    server->listener = net_listen(s, host, remote, true, &listen_ops, server);
}

void server_give_way(struct sim *s, const struct net_address *local)
{
    struct world_state *w = world_of(s);
    for (uint32_t i = 0; i < w->server_count; i++) {
        struct world_server *server = &w->server[i];
        if (server->host == NET_LOCAL && server->listener != NULL &&
            server->address.port == local->port &&
            (net_address_is_wildcard(local) || net_address_same_ip(local, &server->address))) {
            net_listener_close(s, server->listener);
            server->listener = NULL;
        }
    }
}
