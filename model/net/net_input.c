/* SPDX-License-Identifier: MIT */
/*
 * TCP, the receiving half: what a segment does to the end it reaches.
 *
 * A segment is judged by what it carries, in this order: RST, SYN, acknowledgement and window,
 * data, FIN. Then its owner hears of what changed, and at last the end sends what it may: so an
 * answer given inside an upcall leaves together with the acknowledgement.
 *
 * Invariants:
 *  1. An upcall may close, abort or silence the end: after each one `ops` is looked at again.
 *  2. The segment holds the pair until everything is done.
 */
#include "model/net/net_internal.h"

/* ---- acknowledgements ---- */

struct news {
    bool is_acked, is_fin_acked, is_readable, is_finished;
};

static void take_acknowledgement(struct sim *s, struct net_tcp *tcp, const struct net_segment *in,
                                 struct news *news)
{
    tcp->attempts = 0;
    tcp->edge = in->edge > tcp->edge ? in->edge : tcp->edge;
    uint64_t acked = in->ack < tcp->written ? in->ack : tcp->written;
    if (acked > tcp->acked) {
        tcp->acked = acked;
        tcp->next = tcp->next < acked ? acked : tcp->next;
        net_tcp_trim(s, tcp);
        news->is_acked = true;
    }
    if (tcp->is_finishing && in->ack == tcp->written + 1 && !tcp->fin_acked) {
        tcp->fin_acked = true;
        tcp->fin_out = true;
        news->is_fin_acked = true;
    }
}

/* ---- data ---- */

static void range_remove(struct net_tcp *tcp, uint32_t at)
{
    tcp->range_count--;
    memmove(&tcp->range[at], &tcp->range[at + 1],
            (tcp->range_count - at) * sizeof tcp->range[0]);
}

/* Keeps a stretch that does not continue what is there. False: too many of them. */
static bool range_add(struct net_tcp *tcp, uint64_t from, uint64_t to)
{
    for (uint32_t i = 0; i < tcp->range_count;) {
        struct net_range *r = &tcp->range[i];
        if (r->from <= to && from <= r->to) {
            from = r->from < from ? r->from : from;
            to = r->to > to ? r->to : to;
            range_remove(tcp, i);
        } else {
            i++;
        }
    }
    if (tcp->range_count == NET_RANGES_MAX) {
        return false;
    }
    tcp->range[tcp->range_count++] = (struct net_range){from, to};
    return true;
}

/* Stretches that have become continuous. */
static void range_join(struct net_tcp *tcp)
{
    for (uint32_t i = 0; i < tcp->range_count;) {
        if (tcp->range[i].from <= tcp->received) {
            tcp->received =
                tcp->range[i].to > tcp->received ? tcp->range[i].to : tcp->received;
            range_remove(tcp, i);
            i = 0;
        } else {
            i++;
        }
    }
}

static void take_data(struct sim *s, struct net_tcp *tcp, const struct net_segment *in,
                      struct news *news)
{
    uint64_t end = in->position + in->size;
    tcp->ack_due = true;
    if (end <= tcp->received) {
        return; /* a copy */
    }
    SIM_ASSERT(end <= tcp->advertised); /* the sender keeps to the window */
    if (in->position > tcp->received) {
        if (!range_add(tcp, in->position, end)) {
            net_tcp_lost(s, net_tcp_other(tcp), NET_ACK, in->size);
        }
        return;
    }
    uint64_t before = tcp->received;
    tcp->received = end;
    range_join(tcp);
    sim_trace(s, TRACE_NetDeliver, tcp->object, tcp->received - before);
    news->is_readable = true;
}

static void take_fin(struct net_tcp *tcp, const struct net_segment *in, struct news *news)
{
    if ((in->flags & NET_FIN) != 0) {
        tcp->fin_at = in->position + in->size;
        tcp->ack_due = true;
    }
    if (tcp->received == tcp->fin_at && !tcp->fin_in) {
        tcp->fin_in = true;
        news->is_finished = true;
    }
}

/* ---- upcalls ---- */

/*
 * At its 1st, 2nd, 4th... acknowledgement a connection may change its mind about the ideal backlog.
 */
static void draw_backlog(struct sim *s, struct net_tcp *tcp)
{
    static const uint64_t table[4] = {0, 4 * NET_BACKLOG_BYTES, NET_BACKLOG_BYTES / 8,
                                      NET_BACKLOG_BYTES};
    tcp->acks++;
    if (tcp->ops == NULL || tcp->ops->backlog == NULL || (tcp->acks & (tcp->acks - 1)) != 0 ||
        net_of(s)->is_healed) {
        return;
    }
    uint32_t what = choice_pick(s, CHOICE_WORLD, PICK_NET_BACKLOG, 4);
    if (what != 0 && table[what] != tcp->ideal_backlog) {
        tcp->ideal_backlog = table[what];
        tcp->ops->backlog(s, tcp->user, tcp->ideal_backlog);
    }
}

static void tell(struct sim *s, struct net_tcp *tcp, const struct news *news)
{
    if (news->is_acked) {
        if (tcp->ops != NULL && tcp->ops->acked != NULL) {
            tcp->ops->acked(s, tcp->user, tcp->acked);
        }
        draw_backlog(s, tcp);
    }
    if (news->is_fin_acked && tcp->ops != NULL && tcp->ops->fin_acked != NULL) {
        tcp->ops->fin_acked(s, tcp->user);
    }
    if (news->is_readable && tcp->ops != NULL && tcp->ops->readable != NULL) {
        tcp->ops->readable(s, tcp->user);
    }
    if (news->is_finished && tcp->ops != NULL && tcp->ops->finished != NULL) {
        tcp->ops->finished(s, tcp->user);
    }
}

/* ---- segments ---- */

static void input_reset(struct sim *s, struct net_tcp *tcp)
{
    bool is_over = tcp->fin_in && tcp->fin_acked;
    if (tcp->state == NET_TCP_DEAD || tcp->state == NET_TCP_NONE || is_over) {
        return;
    }
    if (tcp->state == NET_TCP_SYN_RECEIVED) {
        net_listen_dropped(s, tcp);
    }
    net_tcp_die(s, tcp, tcp->state == NET_TCP_SYN_SENT ? NET_REFUSED : NET_RESET, false);
}

static void input_syn(struct sim *s, struct net_tcp *tcp, const struct net_segment *in)
{
    if (tcp->state == NET_TCP_NONE) {
        net_listen_syn(s, tcp, in);
    } else if (tcp->state == NET_TCP_SYN_RECEIVED && tcp->pair->has_verdict) {
        net_tcp_emit(s, tcp, NET_SYN | NET_ACK, 0, 0);
    } else if (tcp->state == NET_TCP_DEAD) {
        net_tcp_reset_peer(s, tcp);
    }
}

static void input_syn_ack(struct sim *s, struct net_tcp *tcp, const struct net_segment *in)
{
    struct news news = {false, false, false, false};
    tcp->ack_due = true;
    if (tcp->state == NET_TCP_SYN_SENT) {
        tcp->state = NET_TCP_OPEN;
        tcp->next = in->ack;
        take_acknowledgement(s, tcp, in, &news);
        if (tcp->ops != NULL && tcp->ops->connected != NULL) {
            tcp->ops->connected(s, tcp->user);
        }
        tell(s, tcp, &news);
    } else if (tcp->state == NET_TCP_DEAD) {
        net_tcp_reset_peer(s, tcp);
        return;
    }
    net_tcp_output(s, tcp);
}

static void input_open(struct sim *s, struct net_tcp *tcp, const struct net_segment *in)
{
    struct news news = {false, false, false, false};
    if (tcp->state == NET_TCP_SYN_RECEIVED) {
        net_listen_established(s, tcp);
        if (tcp->state != NET_TCP_OPEN) {
            return;
        }
    }
    take_acknowledgement(s, tcp, in, &news);
    if (in->size > 0) {
        take_data(s, tcp, in, &news);
    }
    take_fin(tcp, in, &news);
    if ((in->flags & NET_PROBE) != 0) {
        tcp->ack_due = true;
    }
    tell(s, tcp, &news);
    net_tcp_output(s, tcp);
}

static void input(struct sim *s, struct net_tcp *tcp, const struct net_segment *in)
{
    if (tcp->is_silent) {
        sim_trace(s, TRACE_NetDrop, net_tcp_other(tcp)->object, in->size);
        net_tcp_lost(s, net_tcp_other(tcp), in->flags, in->size);
    } else if ((in->flags & NET_RST) != 0) {
        input_reset(s, tcp);
    } else if ((in->flags & (NET_SYN | NET_ACK)) == NET_SYN) {
        input_syn(s, tcp, in);
    } else if ((in->flags & NET_SYN) != 0) {
        input_syn_ack(s, tcp, in);
    } else if (tcp->state == NET_TCP_OPEN ||
               (tcp->state == NET_TCP_SYN_RECEIVED && tcp->pair->has_verdict)) {
        input_open(s, tcp, in);
    } else if (tcp->state == NET_TCP_DEAD) {
        net_tcp_reset_peer(s, tcp);
    }
}

void net_tcp_arrive(struct sim *s, void *argument, uint64_t value)
{
    struct net_segment *segment = argument;
    struct net_pair *pair = segment->pair;
    struct net_tcp *tcp = &pair->end[segment->to], *from = &pair->end[1 - segment->to];
    struct net_state *net = net_of(s);
    (void)value;
    if (from->last_out == segment) {
        from->last_out = NULL;
    }
    if ((segment->flags & NET_RST) != 0) {
        from->resets_flying--;
    }
    input(s, tcp, segment);
    segment->next_free = net->segment_free;
    net->segment_free = segment;
    net_pair_drop(s, pair);
    net_landed(s);
}
