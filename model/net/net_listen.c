/* SPDX-License-Identifier: MIT */
/*
 * TCP listeners: from the SYN to the moment the connection is handed over.
 *
 *   SYN --(unconditional)--> SYN+ACK --ACK--> established
 *    |                          ^
 *    +--(conditional)--> inspect +-- accept
 *                           |---- reject: RST
 *                           +---- pend: nothing, until the connector's patience ends (21 s)
 *
 * Invariants: an attempt is named by request_id until it is established, dropped, or rejected;
 * `dropped` is called only for attempts that were inspected, and never after a rejection.
 */
#include "model/net/net_internal.h"

/* ---- listeners ---- */

struct net_listener *net_listen(struct sim *s, uint32_t host, const struct net_address *local,
                                bool conditional, const struct net_listen_ops *ops, void *user)
{
    struct net_state *net = net_of(s);
    SIM_ASSERT(ops != NULL && local->port != 0);
    struct net_listener *listener = net->listener_free;
    if (listener != NULL) {
        net->listener_free = listener->next_free;
    } else {
        if (net->listener_used == NET_LISTENERS_MAX) {
            sim_limit(s, "NET_LISTENERS_MAX: too many listeners");
        }
        listener = &net->listener_pool[net->listener_used++];
    }
    *listener = (struct net_listener){.host = host,
                                      .local = *local,
                                      .is_conditional = conditional,
                                      .ops = ops,
                                      .user = user};
    net->listener[net->listener_count++] = listener;
    return listener;
}

/* The one bound to the very address, else the oldest wildcard. */
static struct net_listener *find_listener(struct sim *s, uint32_t host,
                                          const struct net_address *to)
{
    struct net_state *net = net_of(s);
    struct net_listener *wildcard = NULL;
    for (uint32_t i = 0; i < net->listener_count; i++) {
        struct net_listener *listener = net->listener[i];
        if (listener->host != host || !net_address_matches(&listener->local, to)) {
            continue;
        }
        if (!net_address_is_wildcard(&listener->local)) {
            return listener;
        }
        wildcard = wildcard == NULL ? listener : wildcard;
    }
    return wildcard;
}

bool net_is_listened(struct sim *s, uint32_t host, const struct net_address *local)
{
    return find_listener(s, host, local) != NULL;
}

/* ---- attempts ---- */

static void request_of(const struct net_pair *pair, struct net_request *out)
{
    *out = (struct net_request){.id = pair->request_id,
                                .local = pair->end[1].local,
                                .remote = pair->end[1].remote};
}

static void refuse(struct sim *s, struct net_pair *pair)
{
    net_patience_stop(s, pair);
    pair->listener = NULL;
    net_tcp_die(s, &pair->end[1], NET_REFUSED, true);
    net_tcp_reset_peer(s, &pair->end[1]);
}

static void accept_request(struct sim *s, struct net_pair *pair)
{
    net_patience_stop(s, pair);
    pair->has_verdict = true;
    net_tcp_emit(s, &pair->end[1], NET_SYN | NET_ACK, 0, 0);
}

void net_listen_syn(struct sim *s, struct net_tcp *passive, const struct net_segment *segment)
{
    struct net_pair *pair = passive->pair;
    struct net_listener *listener = find_listener(s, passive->host, &passive->local);
    passive->state = NET_TCP_SYN_RECEIVED;
    bool has_room = listener != NULL && (listener->ops->admits == NULL ||
                                         listener->ops->admits(s, listener->user));
    if (!has_room) {
        refuse(s, pair);
        return;
    }
    SIM_ASSERT(listener->ops->established != NULL);
    passive->received = segment->size; /* fast open */
    passive->edge = segment->edge;
    pair->listener = listener;
    pair->request_id = ++net_of(s)->requests;
    if (!listener->is_conditional) {
        accept_request(s, pair);
        return;
    }
    struct net_request request;
    request_of(pair, &request);
    pair->is_inspected = true;
    net_patience_start(s, pair, NET_CONNECT_TICKS, NET_TIMED_OUT);
    listener->ops->inspect(s, listener->user, &request);
}

bool net_listen_verdict(struct sim *s, struct net_listener *listener, uint32_t request_id,
                        enum net_verdict verdict)
{
    struct net_state *net = net_of(s);
    for (uint32_t i = 0; i < net->pair_used; i++) {
        struct net_pair *pair = &net->pair_pool[i];
        if (!pair->is_used || pair->listener != listener || pair->request_id != request_id ||
            pair->has_verdict) {
            continue;
        }
        net_pair_hold(s, pair);
        if (verdict == NET_ACCEPT) {
            accept_request(s, pair);
        } else if (verdict == NET_REJECT) {
            refuse(s, pair);
        }
        net_pair_drop(s, pair);
        return true;
    }
    return false;
}

void net_listen_established(struct sim *s, struct net_tcp *passive)
{
    struct net_pair *pair = passive->pair;
    struct net_listener *listener = pair->listener;
    SIM_ASSERT(listener != NULL && pair->has_verdict);
    pair->listener = NULL;
    passive->state = NET_TCP_OPEN;
    passive->is_gone = false;
    sim_trace(s, TRACE_NetEstablished, passive->object, passive->local.port);
    listener->ops->established(s, listener->user, passive, pair->request_id);
}

void net_listen_dropped(struct sim *s, struct net_tcp *passive)
{
    struct net_pair *pair = passive->pair;
    struct net_listener *listener = pair->listener;
    struct net_request request;
    net_patience_stop(s, pair);
    pair->listener = NULL;
    if (listener != NULL && pair->is_inspected && listener->ops->dropped != NULL) {
        request_of(pair, &request);
        listener->ops->dropped(s, listener->user, &request);
    }
}

void net_listener_close(struct sim *s, struct net_listener *listener)
{
    struct net_state *net = net_of(s);
    uint32_t at = 0;
    while (net->listener[at] != listener) {
        at++;
        SIM_ASSERT(at < net->listener_count);
    }
    net->listener_count--;
    memmove(&net->listener[at], &net->listener[at + 1],
            (net->listener_count - at) * sizeof net->listener[0]);
    for (uint32_t i = 0; i < net->pair_used; i++) {
        struct net_pair *pair = &net->pair_pool[i];
        if (pair->is_used && pair->listener == listener) {
            net_pair_hold(s, pair);
            refuse(s, pair);
            net_pair_drop(s, pair);
        }
    }
    listener->ops = NULL;
    listener->next_free = net->listener_free;
    net->listener_free = listener;
}
