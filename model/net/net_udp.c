/* SPDX-License-Identifier: MIT */
/*
 * UDP: a datagram is one packet with one fate. It is looked up at its destination when it arrives,
 * so what it finds there is what is open then. A datagram for a port where nobody listens comes
 * back as a port-unreachable message, if the sender cares and is still there.
 */
#include "model/net/net_internal.h"

static void datagram_arrive(struct sim *s, void *argument, uint64_t value);

struct net_udp *net_udp_open(struct sim *s, uint32_t host, const struct net_address *local,
                             const struct net_udp_ops *ops, void *user)
{
    struct net_state *net = net_of(s);
    SIM_ASSERT(ops != NULL && local->port != 0 && host < NET_HOSTS_MAX);
    struct net_udp *udp = net->udp_free;
    if (udp != NULL) {
        net->udp_free = udp->next_free;
    } else {
        if (net->udp_used == NET_UDP_MAX) {
            sim_limit(s, "NET_UDP_MAX: too many datagram endpoints");
        }
        udp = &net->udp_pool[net->udp_used++];
    }
    *udp = (struct net_udp){.host = host,
                            .local = *local,
                            .ops = ops,
                            .user = user,
                            .object = net_object(++net->number, host == NET_LOCAL)};
    net->udp[net->udp_count++] = udp;
    return udp;
}

void net_udp_close(struct sim *s, struct net_udp *udp)
{
    struct net_state *net = net_of(s);
    uint32_t at = 0;
    while (net->udp[at] != udp) {
        at++;
        SIM_ASSERT(at < net->udp_count);
    }
    net->udp_count--;
    memmove(&net->udp[at], &net->udp[at + 1], (net->udp_count - at) * sizeof net->udp[0]);
    udp->ops = NULL;
    udp->next_free = net->udp_free;
    net->udp_free = udp;
}

/* ---- sending ---- */

static struct net_packet *packet_new(struct sim *s)
{
    struct net_state *net = net_of(s);
    struct net_packet *packet = net->packet_free;
    if (packet != NULL) {
        net->packet_free = packet->next_free;
    } else {
        if (net->packet_used == NET_PACKETS_MAX) {
            sim_limit(s, "NET_PACKETS_MAX: too many datagrams in flight");
        }
        packet = &net->packet_pool[net->packet_used++];
    }
    *packet = (struct net_packet){.host = 0};
    return packet;
}

static void packet_free(struct sim *s, struct net_packet *packet)
{
    struct net_state *net = net_of(s);
    net_bytes_drop(s, &packet->bytes, packet->bytes.size);
    packet->next_free = net->packet_free;
    net->packet_free = packet;
}

static void packet_launch(struct sim *s, const struct net_packet *what, const void *bytes,
                          uint32_t size, sim_time arrival)
{
    struct net_packet *packet = packet_new(s);
    *packet = *what;
    net_bytes_append(s, &packet->bytes, bytes, size);
    net_of(s)->flying++;
    sim_event_add(s, arrival, datagram_arrive, packet, 0);
}

/* To one host: asks for its fate. */
static void packet_send(struct sim *s, const struct net_packet *what, const void *bytes,
                        uint32_t size)
{
    struct net_travel travel;
    bool is_loopback = what->from_host == what->host;
    net_travel(s, is_loopback, is_loopback ? NET_LOOPBACK_TICKS : NET_LATENCY_TICKS, &travel);
    if (travel.arrival == SIM_TIME_NEVER) {
        sim_trace(s, TRACE_NetDrop, what->object, size);
        return;
    }
    packet_launch(s, what, bytes, size, travel.arrival);
    if (travel.copy != SIM_TIME_NEVER) {
        packet_launch(s, what, bytes, size, travel.copy);
    }
}

static bool has_receiver(struct sim *s, uint32_t host, const struct net_address *to)
{
    struct net_state *net = net_of(s);
    for (uint32_t i = 0; i < net->udp_count; i++) {
        const struct net_udp *udp = net->udp[i];
        if (udp->host == host && udp->local.port == to->port && udp->local.family == to->family) {
            return true;
        }
    }
    return false;
}

bool net_udp_send(struct sim *s, struct net_udp *udp, const struct net_address *to,
                  const struct net_address *from_or_null, const void *bytes, uint32_t size)
{
    struct net_state *net = net_of(s);
    SIM_ASSERT(udp->ops != NULL);
    SIM_ASSERT_OP(size, <=, NET_DATAGRAM_MAX);
    struct net_packet what = {.to = *to,
                              .from = from_or_null != NULL ? *from_or_null : udp->local,
                              .from_host = udp->host,
                              .object = udp->object};
    if (net_address_is_wildcard(&what.from) && !net_route(s, udp->host, to, &what.from)) {
        return false;
    }
    what.from.port = udp->local.port;
    what.number = ++net->datagrams;
    sim_trace(s, TRACE_NetSend, udp->object, size);
    if (net_address_is_multicast(to) || net_address_is_broadcast(to)) {
        for (what.host = 0; what.host < NET_HOSTS_MAX; what.host++) {
            if (what.host != udp->host && has_receiver(s, what.host, to)) {
                packet_send(s, &what, bytes, size);
            }
        }
    } else if (net_host_of(s, udp->host, to, &what.host)) {
        packet_send(s, &what, bytes, size);
    } else {
        sim_trace(s, TRACE_NetDrop, udp->object, size);
    }
    return true;
}

/* ---- arriving ---- */

/* The endpoint a unicast datagram goes to: the one bound to the very address, else the wildcard. */
static struct net_udp *find_receiver(struct sim *s, uint32_t host, const struct net_address *to)
{
    struct net_state *net = net_of(s);
    struct net_udp *wildcard = NULL;
    for (uint32_t i = 0; i < net->udp_count; i++) {
        struct net_udp *udp = net->udp[i];
        if (udp->host != host || !net_address_matches(&udp->local, to)) {
            continue;
        }
        if (!net_address_is_wildcard(&udp->local)) {
            return udp;
        }
        wildcard = wildcard == NULL ? udp : wildcard;
    }
    return wildcard;
}

bool net_is_bound(struct sim *s, uint32_t host, const struct net_address *local)
{
    return find_receiver(s, host, local) != NULL;
}

static void hand_over(struct sim *s, struct net_udp *udp, const struct net_packet *packet)
{
    struct net_datagram datagram = {
        .from = packet->from,
        .to = packet->to,
        .size = (uint32_t)packet->bytes.size,
        .object = packet->number,
        .bytes = net_bytes_flat(&packet->bytes, net_of(s)->scratch),
        .interface_index = net_address_is_loopback(&packet->to) ? NET_INTERFACE_LOOPBACK
                                                                : NET_INTERFACE_ETHERNET,
        .hop_limit = packet->from_host == packet->host ? 128 : 64,
    };
    sim_trace(s, TRACE_NetDeliver, udp->object, datagram.size);
    if (udp->ops->receive != NULL) {
        udp->ops->receive(s, udp->user, &datagram);
    }
}

/* Multicast and broadcast: to every endpoint of the host that was there when it came. */
static void hand_to_all(struct sim *s, const struct net_packet *packet)
{
    struct net_state *net = net_of(s);
    uint32_t object[NET_UDP_MAX], count = net->udp_count;
    struct net_udp *udp[NET_UDP_MAX];
    for (uint32_t i = 0; i < count; i++) {
        udp[i] = net->udp[i];
        object[i] = udp[i]->object;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (udp[i]->ops != NULL && udp[i]->object == object[i] && udp[i]->host == packet->host &&
            udp[i]->local.port == packet->to.port && udp[i]->local.family == packet->to.family) {
            hand_over(s, udp[i], packet);
        }
    }
}

static void send_unreachable(struct sim *s, const struct net_packet *about)
{
    struct net_udp *sender = find_receiver(s, about->from_host, &about->from);
    if (sender == NULL || sender->ops->unreachable == NULL) {
        return;
    }
    struct net_packet what = {.from = about->to,
                              .to = about->from,
                              .from_host = about->host,
                              .host = about->from_host,
                              .object = about->object,
                              .number = about->number,
                              .is_unreachable = true};
    packet_send(s, &what, NULL, 0);
}

static void datagram_arrive(struct sim *s, void *argument, uint64_t value)
{
    struct net_packet *packet = argument;
    (void)value;
    bool is_group = net_address_is_multicast(&packet->to) || net_address_is_broadcast(&packet->to);
    struct net_udp *udp = is_group ? NULL : find_receiver(s, packet->host, &packet->to);
    if (is_group) {
        hand_to_all(s, packet);
    } else if (packet->is_unreachable) {
        if (udp != NULL && udp->ops->unreachable != NULL) {
            udp->ops->unreachable(s, udp->user, &packet->from);
        }
    } else if (udp != NULL) {
        hand_over(s, udp, packet);
    } else {
        sim_trace(s, TRACE_NetDrop, packet->object, packet->bytes.size);
        send_unreachable(s, packet);
    }
    packet_free(s, packet);
    net_landed(s);
}
