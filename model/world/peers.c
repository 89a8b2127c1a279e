/* SPDX-License-Identifier: MIT */
/*
 * Peers that come to the driver: one to three for each address it listens on.
 *
 *   START --delay--> CONNECTING --> OPEN --send--> WAITING --answer complete, or 0.3 s--> OPEN ...
 *                                     +--finish--> FINISHED --FIN of the driver--> closed
 *
 * In OPEN the peer draws its next act; the tame ones are: send a chunk, wait for as many bytes,
 * finish. A reset may come anywhere; so may the driver's. In FINISHED it waits for the driver
 * without a limit, which counts as quiet: what happens next is the driver's move.
 */
#include "model/world/harness.h"

enum talk_act {
    ACT_NEXT, ACT_SEND, ACT_FINISH, ACT_SEND_FINISH, ACT_RESET, ACT_RESET_LATER, ACT_CLOSE,
    ACT_STALL, ACT_PAUSE, ACT_FLOOD, ACTS
};

#define ANSWER_TICKS SIM_MS(300)
#define HEAL_TICKS SIM_MS(1000)

static void talk_act(struct sim *s, struct world_talk *talk);
static void talk_due(struct sim *s, void *argument, uint64_t value);
static const struct net_tcp_ops client_ops;

/* ---- records ---- */

void talks_reset(struct sim *s)
{
    struct world_state *w = world_of(s);
    w->talk_used = 0;
    w->talk_free = NULL;
}

struct world_talk *talk_new(struct sim *s)
{
    struct world_state *w = world_of(s);
    struct world_talk *talk = w->talk_free;
    if (talk != NULL) {
        w->talk_free = talk->next_free;
    } else if (w->talk_used < WORLD_TALKS_MAX) {
        talk = &w->talk[w->talk_used++];
    } else {
        sim_limit(s, "WORLD_TALKS_MAX: too many conversations at once");
    }
    *talk = (struct world_talk){.is_used = true};
    return talk;
}

void talk_free(struct sim *s, struct world_talk *talk)
{
    struct world_state *w = world_of(s);
    SIM_ASSERT(talk->is_used);
    world_timer_stop(s, &talk->timer);
    talk->is_used = false;
    talk->next_free = w->talk_free;
    w->talk_free = talk;
}

/* ---- what both clients and servers do ---- */

void talk_close(struct sim *s, struct world_talk *talk)
{
    net_tcp_close(s, talk->tcp);
    talk_free(s, talk);
}

void talk_reset_now(struct sim *s, struct world_talk *talk)
{
    net_tcp_abort(s, talk->tcp);
    talk_close(s, talk);
}

void talk_send(struct sim *s, struct world_talk *talk, const void *bytes, uint32_t size)
{
    net_tcp_send(s, talk->tcp, bytes, size);
    talk->sent += size;
}

void talk_finish(struct sim *s, struct world_talk *talk)
{
    world_timer_stop(s, &talk->timer);
    talk->stage = TALK_FINISHED;
    net_tcp_shutdown(s, talk->tcp);
    if (net_tcp_peer_finished(talk->tcp)) {
        talk_close(s, talk);
    }
}

static void read_all(struct sim *s, struct world_talk *talk)
{
    size_t size = net_tcp_readable(talk->tcp);
    talk->received += size;
    net_tcp_consume(s, talk->tcp, size);
}

void talk_wake(struct sim *s, struct world_talk *talk, sim_time delay)
{
    world_timer_stop(s, &talk->timer);
    talk->timer = world_timer(s, delay, talk_due, talk, 0);
}

void talks_heal(struct sim *s)
{
    struct world_state *w = world_of(s);
    for (uint32_t i = 0; i < w->talk_used; i++) {
        struct world_talk *talk = &w->talk[i];
        if (!talk->is_used) {
            continue;
        }
        if (talk->tcp == NULL) {
            talk_free(s, talk);
            continue;
        }
        talk->resets_when_due = true;
        talk_wake(s, talk, HEAL_TICKS);
        if (talk->stage == TALK_CONNECTING) {
            continue;
        }
        talk->is_deaf = false;
        read_all(s, talk);
        net_tcp_shutdown(s, talk->tcp);
        talk->stage = TALK_FINISHED;
        if (net_tcp_peer_finished(talk->tcp)) {
            talk_close(s, talk);
        }
    }
}

/* ---- clients ---- */

static void send_chunk(struct sim *s, struct world_talk *talk)
{
    uint32_t size = world_size(s);
    talk->rounds++;
    talk_send(s, talk, world_content(s, size), size);
}

static void wait_for_answer(struct sim *s, struct world_talk *talk)
{
    talk->stage = TALK_WAITING;
    talk_wake(s, talk, ANSWER_TICKS);
}

static void act_next(struct sim *s, struct world_talk *talk)
{
    if (talk->rounds == 0 && !net_tcp_peer_finished(talk->tcp)) {
        send_chunk(s, talk);
        wait_for_answer(s, talk);
    } else {
        talk_finish(s, talk);
    }
}

static void talk_act(struct sim *s, struct world_talk *talk)
{
    uint32_t act = world_pick(s, PICK_WORLD_ACT, ACTS);
    if (talk->rounds >= WORLD_ROUNDS_MAX) {
        act = ACT_FINISH;
    }
    if (act != ACT_NEXT) {
        sim_trace(s, TRACE_Peer, net_tcp_object(talk->tcp), act);
    }
    switch ((enum talk_act)act) {
    case ACT_NEXT:
    case ACTS:
        act_next(s, talk);
        break;
    case ACT_SEND:
        send_chunk(s, talk);
        wait_for_answer(s, talk);
        break;
    case ACT_FINISH:
        talk_finish(s, talk);
        break;
    case ACT_SEND_FINISH:
        send_chunk(s, talk);
        talk_finish(s, talk);
        break;
    case ACT_RESET:
        talk_reset_now(s, talk);
        break;
    case ACT_RESET_LATER:
        send_chunk(s, talk);
        talk->resets_when_due = true;
        talk_wake(s, talk, world_delay(s));
        break;
    case ACT_CLOSE:
        talk_close(s, talk);
        break;
    case ACT_STALL:
        talk->is_deaf = true;
        talk->rounds++;
        send_chunk(s, talk);
        talk_wake(s, talk, world_delay(s));
        break;
    case ACT_PAUSE:
        talk->rounds++;
        talk_wake(s, talk, world_delay(s));
        break;
    case ACT_FLOOD:
        for (uint32_t i = 0; i < 3; i++) {
            send_chunk(s, talk);
        }
        wait_for_answer(s, talk);
        break;
    }
}

static void client_connect(struct sim *s, struct world_talk *talk)
{
    struct net_address local = {.family = talk->remote.family,
                                .port = net_ephemeral_port(s, talk->host, NET_TCP)};
    talk->stage = TALK_CONNECTING;
    talk->tcp = net_tcp_connect(s, talk->host, &local, &talk->remote, NULL, 0, false, &client_ops,
                                talk);
}

/*
 * The timer of a conversation: start, end of a pause or of the patience, a reset that was decided.
 */
static void talk_due(struct sim *s, void *argument, uint64_t value)
{
    struct world_talk *talk = argument;
    (void)value;
    world_fired(s, &talk->timer);
    if (talk->tcp == NULL) {
        client_connect(s, talk);
    } else if (talk->resets_when_due) {
        talk_reset_now(s, talk);
    } else if (talk->is_server) {
        server_due(s, talk);
    } else {
        talk->stage = TALK_OPEN;
        if (talk->is_deaf) {
            talk->is_deaf = false;
            read_all(s, talk);
        }
        talk_act(s, talk);
    }
    world_rest(s);
}

static void client_connected(struct sim *s, void *user)
{
    struct world_talk *talk = user;
    world_activity(s);
    talk->stage = TALK_OPEN;
    if (world_is_healed(s)) {
        talk_finish(s, talk);
    } else {
        talk_act(s, talk);
    }
}

static void client_failed(struct sim *s, void *user, enum net_tcp_error error)
{
    (void)error;
    world_activity(s);
    talk_close(s, user);
}

static void client_readable(struct sim *s, void *user)
{
    struct world_talk *talk = user;
    world_activity(s);
    if (talk->is_deaf) {
        return;
    }
    read_all(s, talk);
    if (talk->stage == TALK_WAITING && talk->received >= talk->sent) {
        world_timer_stop(s, &talk->timer);
        talk->stage = TALK_OPEN;
        talk_act(s, talk);
    }
}

static void client_finished(struct sim *s, void *user)
{
    struct world_talk *talk = user;
    world_activity(s);
    if (talk->stage == TALK_FINISHED) {
        talk_close(s, talk);
    } else if (talk->stage == TALK_WAITING) {
        world_timer_stop(s, &talk->timer);
        talk->stage = TALK_OPEN;
        talk_act(s, talk);
    }
}

static const struct net_tcp_ops client_ops = {.connected = client_connected,
                                              .failed = client_failed,
                                              .readable = client_readable,
                                              .finished = client_finished,
                                              .reset = client_failed};

void world_listening(struct sim *s, const void *local_address)
{
    struct world_state *w = world_of(s);
    const struct net_address *local = local_address;
    server_give_way(s, local);
    if (w->is_healed || w->clients == WORLD_CLIENTS_MAX ||
        !harness_keeps(s, WSKSIM_KEEP_PEERS)) {
        return;
    }
    world_activity(s);
    for (uint32_t count = 1 + world_pick(s, PICK_WORLD_PEERS, 3); count > 0; count--) {
        if (w->clients == WORLD_CLIENTS_MAX) {
            break;
        }
        w->clients++;
        struct world_talk *talk = talk_new(s);
        world_reach(s, local, &talk->host, &talk->remote);
        talk_wake(s, talk, world_delay(s));
    }
}
