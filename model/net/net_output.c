/* SPDX-License-Identifier: MIT */
/*
 * TCP, the sending half: what may go out, in which segments, and what happens when one is lost.
 *
 * Segments that leave an end at one instant travel as one, as if its interface had joined them: the
 * acknowledgement of a question rides on the answer, a FIN on the last data. A question to the
 * world stream per segment of data (PICK_NET_SEGMENT) makes smaller ones and seals them.
 *
 * Loss. Nobody runs a timer for what arrives. A lost segment starts the retransmission timer of the
 * end that would have noticed: its sender, or, for a bare acknowledgement or window update, its
 * receiver. When the timer fires and something is still outstanding, everything from the first
 * unacknowledged byte is sent again; after NET_ATTEMPTS_MAX times without any answer the connection
 * has timed out.
 */
#include "model/net/net_internal.h"

enum { SEGMENT_ALL, SEGMENT_SEALED, SEGMENT_MSS, SEGMENT_HALF, SEGMENT_FIRST, SEGMENT_BUT_LAST,
       SEGMENT_CUTS };

static void timer_fire(struct sim *s, void *argument, uint64_t value);

/* ---- one segment ---- */

static struct net_segment *segment_new(struct sim *s)
{
    struct net_state *net = net_of(s);
    struct net_segment *segment = net->segment_free;
    if (segment != NULL) {
        net->segment_free = segment->next_free;
        return segment;
    }
    if (net->segment_used == NET_SEGMENTS_MAX) {
        sim_limit(s, "NET_SEGMENTS_MAX: too many segments in flight");
    }
    return &net->segment_pool[net->segment_used++];
}

static void launch(struct sim *s, struct net_segment *segment, sim_time arrival)
{
    struct net_pair *pair = segment->pair;
    net_pair_hold(s, pair);
    net_of(s)->flying++;
    if ((segment->flags & NET_RST) != 0) {
        pair->end[1 - segment->to].resets_flying++;
    }
    sim_event_add(s, arrival, net_tcp_arrive, segment, 0);
}

static uint64_t window_edge(struct net_tcp *tcp)
{
    uint64_t edge = tcp->consumed + tcp->window;
    tcp->advertised = edge > tcp->advertised ? edge : tcp->advertised;
    return tcp->advertised;
}

/* What has been received, the FIN counted. */
static uint64_t acknowledgement(const struct net_tcp *tcp)
{
    return tcp->received + (tcp->fin_in ? 1 : 0);
}

/* Puts it into the segment that leaves at this very instant. False: it needs one of its own. */
static bool join(struct sim *s, struct net_tcp *tcp, unsigned flags, uint64_t position,
                 uint32_t size)
{
    struct net_segment *last = tcp->last_out;
    if (last == NULL || !last->is_open || last->sent_at != s->now ||
        (flags & (NET_SYN | NET_RST)) != 0) {
        return false;
    }
    if (size > 0 || (flags & NET_FIN) != 0) {
        if ((last->flags & NET_FIN) != 0 || last->size + size > NET_SEGMENT_BYTES ||
            (last->size > 0 && last->position + last->size != position)) {
            return false;
        }
        last->position = last->size > 0 ? last->position : position;
    }
    last->size += size;
    last->flags |= (uint8_t)flags;
    last->ack = acknowledgement(tcp);
    last->edge = window_edge(tcp);
    return true;
}

static void trace_segment(struct sim *s, const struct net_tcp *tcp, unsigned flags, uint32_t size)
{
    if (size > 0) {
        sim_trace(s, TRACE_NetSend, tcp->object, size);
    }
    if ((flags & NET_RST) != 0) {
        sim_trace(s, TRACE_NetReset, tcp->object, 0);
    } else if ((flags & NET_FIN) != 0) {
        sim_trace(s, TRACE_NetFinish, tcp->object, 0);
    }
}

void net_tcp_emit(struct sim *s, struct net_tcp *tcp, unsigned flags, uint64_t position,
                  uint32_t size)
{
    struct net_travel travel;
    tcp->ack_due = tcp->probe_due = false;
    if (tcp->is_silent) {
        return;
    }
    trace_segment(s, tcp, flags, size);
    if (join(s, tcp, flags, position, size)) {
        return;
    }
    net_travel(s, tcp->pair->is_loopback, tcp->pair->latency, &travel);
    if (travel.arrival == SIM_TIME_NEVER) {
        sim_trace(s, TRACE_NetDrop, tcp->object, size);
        net_tcp_lost(s, tcp, flags, size);
        return;
    }
    struct net_segment *segment = segment_new(s);
    *segment = (struct net_segment){
        .pair = tcp->pair,
        .to = (uint8_t)(1 - tcp->side),
        .flags = (uint8_t)flags,
        .is_open = travel.is_normal && (flags & (NET_SYN | NET_RST)) == 0,
        .size = size,
        .sent_at = s->now,
        .position = position,
        .ack = acknowledgement(tcp),
        .edge = window_edge(tcp),
    };
    launch(s, segment, travel.arrival);
    tcp->last_out = segment;
    if (travel.copy != SIM_TIME_NEVER) {
        struct net_segment *copy = segment_new(s);
        *copy = *segment;
        launch(s, copy, travel.copy);
    }
}

void net_tcp_reset_peer(struct sim *s, struct net_tcp *tcp)
{
    const struct net_tcp *other = net_tcp_other(tcp);
    if (other->state != NET_TCP_DEAD && other->host < NET_HOSTS_MAX && tcp->resets_flying == 0) {
        net_tcp_emit(s, tcp, NET_RST, tcp->next, 0);
    }
}

/* ---- what may go out ---- */

static uint32_t segment_size(struct sim *s, const struct net_tcp *tcp, uint64_t left, bool *seal)
{
    uint32_t size = left < NET_SEGMENT_BYTES ? (uint32_t)left : NET_SEGMENT_BYTES;
    *seal = false;
    if (net_of(s)->is_healed) {
        return size;
    }
    (void)tcp;
    switch (choice_pick(s, CHOICE_WORLD, PICK_NET_SEGMENT, SEGMENT_CUTS)) {
    case SEGMENT_ALL:
        return size;
    case SEGMENT_MSS:
        size = size < NET_MSS ? size : NET_MSS;
        break;
    case SEGMENT_HALF:
        size = (size + 1) / 2;
        break;
    case SEGMENT_FIRST:
        size = 1;
        break;
    case SEGMENT_BUT_LAST:
        size = size > 1 ? size - 1 : 1;
        break;
    default:
        break;
    }
    *seal = true;
    return size;
}

static void output_data(struct sim *s, struct net_tcp *tcp)
{
    uint64_t limit = tcp->edge < tcp->written ? tcp->edge : tcp->written;
    while (tcp->next < limit) {
        bool seal;
        uint32_t size = segment_size(s, tcp, limit - tcp->next, &seal);
        uint64_t position = tcp->next;
        tcp->next += size;
        net_tcp_emit(s, tcp, NET_ACK, position, size);
        if (seal && tcp->last_out != NULL) {
            tcp->last_out->is_open = false;
        }
    }
}

void net_tcp_output(struct sim *s, struct net_tcp *tcp)
{
    if (tcp->state != NET_TCP_OPEN || tcp->is_silent) {
        return;
    }
    output_data(s, tcp);
    if (tcp->is_finishing && !tcp->fin_out && tcp->next == tcp->written) {
        tcp->fin_out = true;
        net_tcp_emit(s, tcp, NET_ACK | NET_FIN, tcp->written, 0);
    }
    if (tcp->ack_due || tcp->probe_due) {
        net_tcp_emit(s, tcp, NET_ACK | (tcp->probe_due ? NET_PROBE : 0u), tcp->next, 0);
    }
}

/* ---- loss ---- */

static void timer_start(struct sim *s, struct net_tcp *tcp)
{
    if (tcp->timer != 0 || tcp->is_silent) {
        return;
    }
    net_pair_hold(s, tcp->pair);
    net_of(s)->flying++;
    tcp->timer = sim_event_add(s, s->now + (NET_RETRANSMIT_TICKS << tcp->attempts), timer_fire,
                               tcp, 0);
}

void net_tcp_timer_stop(struct sim *s, struct net_tcp *tcp)
{
    if (tcp->timer == 0) {
        return;
    }
    bool was_pending = sim_event_cancel(s, tcp->timer);
    SIM_ASSERT(was_pending);
    tcp->timer = 0;
    net_pair_drop(s, tcp->pair);
    net_landed(s);
}

void net_tcp_lost(struct sim *s, struct net_tcp *tcp, unsigned flags, uint32_t size)
{
    struct net_tcp *other = net_tcp_other(tcp);
    if (size > 0 || (flags & (NET_SYN | NET_FIN | NET_PROBE)) != 0) {
        if (tcp->state != NET_TCP_DEAD) {
            timer_start(s, tcp);
        }
    } else if (net_tcp_is_outstanding(other)) {
        timer_start(s, other); /* it hears neither acknowledgement, nor window, nor reset */
    }
}

static void send_again(struct sim *s, struct net_tcp *tcp)
{
    if (tcp->state == NET_TCP_SYN_SENT) {
        tcp->next = 0;
        net_tcp_emit(s, tcp, NET_SYN, 0, 0);
    } else if (tcp->state == NET_TCP_SYN_RECEIVED) {
        if (tcp->pair->has_verdict) {
            net_tcp_emit(s, tcp, NET_SYN | NET_ACK, 0, 0);
        }
    } else {
        tcp->next = tcp->acked;
        tcp->fin_out = false;
        tcp->probe_due = true; /* also goes out alone if the window is closed */
        net_tcp_output(s, tcp);
    }
}

static void timer_fire(struct sim *s, void *argument, uint64_t value)
{
    struct net_tcp *tcp = argument;
    (void)value;
    tcp->timer = 0;
    if (net_tcp_is_outstanding(tcp) && !tcp->is_silent) {
        if (++tcp->attempts > NET_ATTEMPTS_MAX) {
            if (tcp->state == NET_TCP_SYN_RECEIVED) {
                net_listen_dropped(s, tcp);
            }
            net_tcp_die(s, tcp, NET_TIMED_OUT, false);
            net_tcp_reset_peer(s, tcp);
        } else {
            send_again(s, tcp);
        }
    }
    net_pair_drop(s, tcp->pair);
    net_landed(s);
}
