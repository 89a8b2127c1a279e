/* SPDX-License-Identifier: MIT */
/*
 * State of the network, and what happens to a packet on its way: one question to the world stream
 * per packet decides whether it arrives in order, late, early, twice or not at all.
 *
 * Invariants:
 *  1. All memory is one static record; resetting it costs what the last run used of nothing but
 *     counts.
 *  2. Loopback packets and, after net_heal, all packets are not asked about.
 */
#include "model/net/net_internal.h"

static struct net_state state;

struct net_state *net_create(void)
{
    return &state;
}

void net_reset(struct sim *s)
{
    struct net_state *net = net_of(s);
    net->is_healed = false;
    net->idle = NULL;
    net->flying = net->number = net->datagrams = net->requests = 0;
    net->chunk_used = net->segment_used = net->packet_used = 0;
    net->pair_used = net->udp_used = net->udp_count = 0;
    net->listener_used = net->listener_count = 0;
    net->chunk_free = NULL;
    net->segment_free = NULL;
    net->packet_free = NULL;
    net->pair_free = NULL;
    net->udp_free = NULL;
    net->listener_free = NULL;
    net_addresses_reset(s);
    netio_reset(s);
}

/* ---- the way of a packet ---- */

/* How much later than usual; what was sent afterwards overtakes it. */
static const sim_time fate_delay[NET_FATES] = {
    [NET_FATE_LATE] = 1500, [NET_FATE_LATER] = SIM_MS(2), [NET_FATE_VERY_LATE] = SIM_MS(50)};

void net_travel(struct sim *s, bool is_loopback, sim_time latency, struct net_travel *out)
{
    out->arrival = s->now + latency;
    out->copy = SIM_TIME_NEVER;
    out->is_normal = true;
    if (is_loopback || net_of(s)->is_healed) {
        return;
    }
    uint32_t fate = choice_pick(s, CHOICE_WORLD, PICK_NET_FATE, NET_FATES);
    if (SIM_LIKELY(fate == NET_FATE_NORMAL)) {
        return;
    }
    out->is_normal = false;
    out->arrival += fate_delay[fate];
    if (fate == NET_FATE_LOST) {
        out->arrival = SIM_TIME_NEVER;
    } else if (fate == NET_FATE_TWICE) {
        out->copy = out->arrival + latency / 2 + 1;
    } else if (fate == NET_FATE_SOON) {
        out->arrival = s->now + latency / 4;
    }
}

/* ---- how the world sees it ---- */

bool net_is_idle(struct sim *s)
{
    return net_of(s)->flying == 0;
}

void net_watch_idle(struct sim *s, void (*idle)(struct sim *s))
{
    net_of(s)->idle = idle;
}

uint32_t net_in_flight(struct sim *s)
{
    struct net_state *net = net_of(s);
    uint64_t sum = net->flying;
    for (uint32_t i = 0; i < net->pair_used; i++) {
        const struct net_pair *pair = &net->pair_pool[i];
        for (int side = 0; pair->is_used && side < 2; side++) {
            const struct net_tcp *tcp = &pair->end[side];
            sum += tcp->state == NET_TCP_OPEN ? tcp->written - tcp->acked : 0;
        }
    }
    return sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
}

/* An end whose peer is dead has missed the reset: it is sent again. */
static void heal_pair(struct sim *s, struct net_pair *pair)
{
    for (int side = 0; side < 2; side++) {
        struct net_tcp *dead = &pair->end[side], *other = &pair->end[1 - side];
        bool is_waiting = other->state == NET_TCP_OPEN || other->state == NET_TCP_SYN_SENT ||
                          other->state == NET_TCP_SYN_RECEIVED;
        if (dead->state == NET_TCP_DEAD && is_waiting && dead->resets_flying == 0) {
            net_tcp_reset_peer(s, dead);
        }
    }
}

void net_heal(struct sim *s)
{
    struct net_state *net = net_of(s);
    if (net->is_healed) {
        return;
    }
    net->is_healed = true;
    for (uint32_t i = 0; i < net->pair_used; i++) {
        if (net->pair_pool[i].is_used) {
            heal_pair(s, &net->pair_pool[i]);
        }
    }
}
