/* SPDX-License-Identifier: MIT */
/*
 * Datagram peers. A socket the driver binds gets one to three peers that send to it, in bursts of
 * drawn sizes, zero included; an answer may bring another datagram, or find the peer gone. An
 * address the driver sends to of its own accord gets a responder that echoes, keeps silent, or is
 * not there.
 */
#include "model/world/harness.h"

static void peer_due(struct sim *s, void *argument, uint64_t value);

void senders_reset(struct sim *s)
{
    world_of(s)->sender_count = 0;
}

void senders_heal(struct sim *s)
{
    struct world_state *w = world_of(s);
    for (uint32_t i = 0; i < w->sender_count; i++) {
        world_timer_stop(s, &w->sender[i].timer);
    }
}

static struct world_sender *sender_new(struct sim *s)
{
    struct world_state *w = world_of(s);
    if (w->sender_count == WORLD_DATAGRAM_PEERS_MAX) {
        return NULL;
    }
    struct world_sender *sender = &w->sender[w->sender_count++];
    *sender = (struct world_sender){.is_mute = false};
    return sender;
}

/* ---- peers ---- */

static void peer_send(struct sim *s, struct world_sender *sender)
{
    struct world_state *w = world_of(s);
    if (sender->udp == NULL || w->datagrams == WORLD_DATAGRAMS_MAX) {
        return;
    }
    w->datagrams++;
    uint32_t size = world_size(s);
    (void)net_udp_send(s, sender->udp, &sender->address, NULL, world_content(s, size), size);
}

static void peer_due(struct sim *s, void *argument, uint64_t value)
{
    static const uint32_t burst[] = {1, 2, 5, 16};
    struct world_sender *sender = argument;
    (void)value;
    world_fired(s, &sender->timer);
    for (uint32_t i = burst[world_pick(s, PICK_WORLD_BURST, SIM_COUNT(burst))]; i > 0; i--) {
        peer_send(s, sender);
    }
    world_rest(s);
}

/*
 * An answer: content with it, ask again now or later, or leave (further answers find a closed
 * port).
 */
static void peer_receive(struct sim *s, void *user, const struct net_datagram *datagram)
{
    struct world_sender *sender = user;
    (void)datagram;
    world_activity(s);
    switch (world_pick(s, PICK_WORLD_REPLY, 4)) {
    case 0:
        break;
    case 1:
        peer_send(s, sender);
        break;
    case 2:
        if (sender->timer == 0) {
            sender->timer = world_timer(s, world_delay(s), peer_due, sender, 0);
        }
        break;
    default:
        world_timer_stop(s, &sender->timer);
        net_udp_close(s, sender->udp);
        sender->udp = NULL;
        break;
    }
}

static const struct net_udp_ops peer_ops = {.receive = peer_receive};

void world_bound(struct sim *s, const void *local_address)
{
    const struct net_address *local = local_address;
    struct world_state *w = world_of(s);
    if (w->is_healed || w->clients == WORLD_CLIENTS_MAX ||
        !harness_keeps(s, WSKSIM_KEEP_DATAGRAMS)) {
        return;
    }
    world_activity(s);
    for (uint32_t count = 1 + world_pick(s, PICK_WORLD_PEERS, 3); count > 0; count--) {
        struct world_sender *sender = sender_new(s);
        if (sender == NULL || w->clients == WORLD_CLIENTS_MAX) {
            return;
        }
        w->clients++;
        uint32_t host;
        world_reach(s, local, &host, &sender->address);
        struct net_address own = {.family = local->family,
                                  .port = net_ephemeral_port(s, host, NET_UDP)};
        sender->udp = net_udp_open(s, host, &own, &peer_ops, sender);
        (void)net_host_address(s, host, local->family, 0, &sender->known);
        sender->known.port = own.port;
        sender->timer = world_timer(s, world_delay(s), peer_due, sender, 0);
    }
}

/* ---- responders ---- */

static void responder_receive(struct sim *s, void *user, const struct net_datagram *datagram)
{
    struct world_sender *sender = user;
    world_activity(s);
    /* Bounded: two that echo would never end. */
    if (!sender->is_mute && world_of(s)->answers++ < WORLD_DATAGRAMS_MAX) {
        (void)net_udp_send(s, sender->udp, &datagram->from, &sender->address, datagram->bytes,
                           datagram->size);
    }
}

static const struct net_udp_ops responder_ops = {.receive = responder_receive};

static bool is_known(struct world_state *w, const struct net_address *address)
{
    for (uint32_t i = 0; i < w->sender_count; i++) {
        const struct world_sender *sender = &w->sender[i];
        if (sender->known.port == address->port && net_address_same_ip(&sender->known, address)) {
            return true;
        }
    }
    return false;
}

/* Where the responder for an address lives. False: nowhere. */
static bool responder_host(struct sim *s, const struct net_address *remote, uint32_t *host)
{
    if (net_address_is_multicast(remote) || net_address_is_broadcast(remote)) {
        *host = world_next_host(s);
        return true;
    }
    if (net_host_of(s, NET_LOCAL, remote, host)) {
        return true;
    }
    *host = net_host_named(remote);
    if (*host < NET_HOSTS_MAX) {
        net_host_up(s, *host);
        return true;
    }
    *host = world_next_host(s);
    return net_host_add_address(s, *host, remote);
}

void world_datagram(struct sim *s, const void *remote_address)
{
    struct world_state *w = world_of(s);
    const struct net_address *remote = remote_address;
    uint32_t host;
    world_activity(s);
    if (!harness_keeps(s, WSKSIM_KEEP_DATAGRAMS) || net_address_is_wildcard(remote) ||
        is_known(w, remote)) {
        return;
    }
    if (net_host_of(s, NET_LOCAL, remote, &host) &&
        (host == NET_LOCAL || net_is_bound(s, host, remote))) {
        return; /* the driver's own host, or a peer that asked first */
    }
    struct world_sender *sender = sender_new(s);
    if (sender == NULL) {
        return;
    }
    sender->address = sender->known = *remote;
    /* 0 echo, 1 keeps silent, 2 no such host, 3 a host that does not listen */
    uint32_t what = world_pick(s, PICK_WORLD_RESPONDER, 4);
    sender->is_mute = what == 1;
    if (what == 2 || !responder_host(s, remote, &host) || what == 3) {
        return;
    }
    struct net_address own = {.family = remote->family, .port = remote->port};
    sender->udp = net_udp_open(s, host, &own, &responder_ops, sender);
    if (net_address_is_multicast(remote) || net_address_is_broadcast(remote)) {
        (void)net_host_address(s, host, remote->family, 0, &sender->address);
        sender->address.port = remote->port;
    }
}
