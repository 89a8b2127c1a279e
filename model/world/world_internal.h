/* SPDX-License-Identifier: MIT */
/*
 * What the files of the default world share: the state of the world, timers that count as something
 * left to do, and the conversations peers hold.
 */
#ifndef MODEL_WORLD_WORLD_INTERNAL_H
#define MODEL_WORLD_WORLD_INTERNAL_H

#include "model/net/net.h"
#include "model/world/run.h"

#include <string.h>

/* Questions of this part; run.c has the first eight. Append only. */
enum world_pick {
    /* how many peers a listener or bound socket gets, less one */
    PICK_WORLD_PEERS = PICK_WORLD + 8,
    PICK_WORLD_DELAY,                  /* index of world_delay */
    PICK_WORLD_SIZE,                   /* index of world_size */
    PICK_WORLD_CONTENT,                /* 0 letters, 1 program stream, 2 zeros, 3 ones */
    PICK_WORLD_ACT,                    /* enum talk_act */
    PICK_WORLD_CONDUCT,                /* enum talk_conduct */
    PICK_WORLD_ADMIT,                  /* enum talk_admit */
    PICK_WORLD_HOST,                   /* is there a host at an address the driver names: 0 = yes */
    PICK_WORLD_BURST,                  /* datagrams at once */
    PICK_WORLD_REPLY,                  /* what a datagram peer does with an answer */
    PICK_WORLD_RESPONDER,              /* what an address the driver sends datagrams to does */
    PICK_WORLD_SETTLE,                 /* how long it must be quiet to be called quiet */
    PICK_WORLD_ADDRESSES,              /* changes of the local address list */
    PICK_WORLD_USERS,                  /* user-mode clients of the driver's devices */
    PICK_WORLD_USER_DEVICE,
    PICK_WORLD_USER_OPERATION,
    PICK_WORLD_USER_CODE,
    PICK_WORLD_USER_PATIENCE,
    PICK_WORLD_TRANSPORTS,             /* changes of the list of transports */
};

enum {
    WORLD_CLIENTS_MAX = 16,    /* peers that come to the driver in one run */
    WORLD_TALKS_MAX = 1024,    /* conversations at once, servers included */
    WORLD_DATAGRAM_PEERS_MAX = 64,
    WORLD_DATAGRAMS_MAX = 128, /* datagrams the world sends in one run, answers counted apart */
    WORLD_SERVERS_MAX = 48,    /* addresses the driver connects to */
    WORLD_USERS_MAX = 3,
    WORLD_ROUNDS_MAX = 8,      /* chunks a peer sends in one conversation */
    WORLD_ECHOES_MAX = 512,    /* of one server: a driver that echoes as well must come to an end */
    WORLD_BYTES_MAX = 65536,
    WORLD_USER_BYTES_MAX = 4096,
};

/* How a server treats one connection; 0 is tame. */
enum talk_conduct {
    TALK_ECHO, TALK_RESET_AT_ONCE, TALK_RESET_ON_DATA, TALK_FINISH_AT_ONCE, TALK_FINISH_AFTER_DATA,
    TALK_GREET, TALK_LATE, TALK_DEAF, TALK_MUTE, TALK_HALF, TALK_CONDUCTS
};

enum talk_stage { TALK_START, TALK_CONNECTING, TALK_OPEN, TALK_WAITING, TALK_FINISHED };

/* One end of a TCP connection, held by the world. */
struct world_talk {
    bool is_used, is_server;
    bool is_deaf;          /* does not read for now */
    bool resets_when_due;  /* the timer resets the connection */
    uint8_t stage;         /* enum talk_stage */
    uint8_t conduct;       /* enum talk_conduct */
    uint16_t rounds;       /* chunks sent */
    uint32_t host;
    struct net_tcp *tcp;
    struct net_address remote;
    uint64_t sent, received;
    uint64_t timer;
    struct world_talk *next_free;
};

struct world_server {
    uint32_t host;
    struct net_address address;
    struct net_listener *listener; /* NULL: closed again */
};

/* A datagram endpoint of the world: a peer that sends to the driver, or a responder. */
struct world_sender {
    struct net_udp *udp;
    struct net_address address; /* peer: where it sends; responder: what it answers from */
    struct net_address known;   /* where the driver finds it */
    bool is_mute;
    uint64_t timer;
};

struct world_user;

struct world_state {
    bool is_healed, is_started, is_settled, is_settling, has_settle;
    uint32_t busy; /* timers pending and users at work */
    sim_time settle, last_activity;
    uint32_t clients, datagrams, answers, next_host;
    uint32_t talk_used;
    struct world_talk *talk_free;
    uint32_t server_count, sender_count;
    struct world_server server[WORLD_SERVERS_MAX];
    struct world_sender sender[WORLD_DATAGRAM_PEERS_MAX];
    struct world_talk talk[WORLD_TALKS_MAX];
    struct world_user *user;
    uint32_t user_count, users_alive;
    uint8_t letters[WORLD_BYTES_MAX];
    uint8_t bytes[WORLD_BYTES_MAX];
};

static inline struct world_state *world_of(struct sim *s)
{
    return model_of(s)->world;
}

/* world.c */
/* Something is going on: the world is not quiet. */
static inline void world_activity(struct sim *s)
{
    struct world_state *w = world_of(s);
    w->last_activity = s->now;
    w->is_settled = false;
}
/*
 * A timer that keeps the world from being quiet. `fire` begins with world_fired, ends with
 * world_rest.
 */
uint64_t world_timer(struct sim *s, sim_time delay,
                     void (*fire)(struct sim *s, void *argument, uint64_t value), void *argument,
                     uint64_t value);
void world_fired(struct sim *s, uint64_t *timer);
void world_rest(struct sim *s);
void world_timer_stop(struct sim *s, uint64_t *timer);
/* One question of the world stream; 0 once the world has healed. */
uint32_t world_pick(struct sim *s, enum world_pick kind, uint32_t count);
sim_time world_delay(struct sim *s); /* drawn; 0.1 ms if tame */
uint32_t world_size(struct sim *s);  /* of a chunk; 16 if tame */
/* size bytes of drawn content; valid until the next call. */
const uint8_t *world_content(struct sim *s, uint32_t size);
/* The host of a peer: 1, 2, ... in turn. */
uint32_t world_next_host(struct sim *s);
/* Where somebody on `host` reaches what the driver has bound to `local`. */
void world_reach(struct sim *s, const struct net_address *local, uint32_t *host,
                 struct net_address *remote);

/* peers.c */
void talks_reset(struct sim *s);
void talks_heal(struct sim *s);
struct world_talk *talk_new(struct sim *s);
void talk_free(struct sim *s, struct world_talk *talk);
void talk_close(struct sim *s, struct world_talk *talk); /* graceful if both have finished */
void talk_reset_now(struct sim *s, struct world_talk *talk);
void talk_send(struct sim *s, struct world_talk *talk, const void *bytes, uint32_t size);
void talk_finish(struct sim *s, struct world_talk *talk);
/* (Re)starts the timer of the conversation. */
void talk_wake(struct sim *s, struct world_talk *talk, sim_time delay);

/* servers.c */
void servers_reset(struct sim *s);
/* The timer of a server's conversation. */
void server_due(struct sim *s, struct world_talk *talk);
/* The driver listens there itself: a server of the world at that place goes. */
void server_give_way(struct sim *s, const struct net_address *local);

/* datagrams.c */
void senders_reset(struct sim *s);
void senders_heal(struct sim *s);

/* users.c */
struct world_user *users_create(void);
void users_start(struct sim *s);

#endif
