/* SPDX-License-Identifier: MIT */
/*
 * The default world: what acts on a driver that has no harness of its own. Whatever port it listens
 * on gets peers (peers.c), whatever address it connects to a server (servers.c), whatever datagram
 * socket it binds some datagrams (datagrams.c), whatever device it creates a user-mode client
 * (users.c). How they behave is drawn from the world stream step by step; with an empty stream each
 * does the tame thing once: connect, send 16 bytes, wait for the answer, finish, close.
 *
 * Quiet. The world is quiet when it has nothing left to do, nothing is in flight, and it has been
 * so for a while (50 ms if tame): threads and timers of the driver get the chance to begin
 * something.
 *
 * Healing. From world_heal on nothing is drawn any more; peers read what comes, finish, and after
 * a second without an answer reset.
 *
 * Invariants:
 *  1. All of it runs in event context, the users excepted: it never calls the driver.
 *  2. Every thing that will still happen by itself is counted in `busy` or in flight in the
 *     network.
 *  3. Numbers of peers, conversations, rounds and datagrams are bounded.
 */
#include "model/world/harness.h"

#include "model/wsk/wsk.h"

static struct world_state state;

static void settle_fire(struct sim *s, void *argument, uint64_t value);

struct world_state *world_create(void)
{
    state.user = users_create();
    for (uint32_t i = 0; i < sizeof state.letters; i++) {
        state.letters[i] = (uint8_t)('a' + i % 26);
    }
    return &state;
}

void world_reset(struct sim *s)
{
    struct world_state *w = world_of(s);
    w->is_healed = w->is_started = w->is_settled = w->is_settling = w->has_settle = false;
    w->busy = w->clients = w->datagrams = w->answers = w->next_host = 0;
    w->last_activity = 0;
    w->user_count = w->users_alive = 0;
    talks_reset(s);
    servers_reset(s);
    senders_reset(s);
    harness_reset(s);
    net_watch_idle(s, world_rest);
}

/* ---- drawing ---- */

uint32_t world_pick(struct sim *s, enum world_pick kind, uint32_t count)
{
    return world_of(s)->is_healed ? 0 : choice_pick(s, CHOICE_WORLD, kind, count);
}

sim_time world_delay(struct sim *s)
{
    static const sim_time delay[] = {1000,      0,          100,         3000,
                                     SIM_MS(1), SIM_MS(5),  SIM_MS(30),  SIM_MS(300),
                                     SIM_MS(3000), SIM_MS(20000)};
    return delay[world_pick(s, PICK_WORLD_DELAY, SIM_COUNT(delay))];
}

uint32_t world_size(struct sim *s)
{
    static const uint32_t size[] = {16, 1, 2, 100, 512, 1460, 1461, 4096, 9000, 20000, 65000, 0};
    return size[world_pick(s, PICK_WORLD_SIZE, SIM_COUNT(size))];
}

const uint8_t *world_content(struct sim *s, uint32_t size)
{
    struct world_state *w = world_of(s);
    SIM_ASSERT_OP(size, <=, WORLD_BYTES_MAX);
    size_t given = 0;
    switch (world_pick(s, PICK_WORLD_CONTENT, 4)) {
    case 0:
        return w->letters;
    case 1:
        given = choice_bytes(s, w->bytes, size < 256 ? size : 256);
        memset(w->bytes + given, 0, size - given);
        break;
    case 2:
        memset(w->bytes, 0, size);
        break;
    default:
        memset(w->bytes, 0xff, size);
        break;
    }
    return w->bytes;
}

uint32_t world_next_host(struct sim *s)
{
    uint32_t host = 1 + world_of(s)->next_host++ % (NET_HOSTS_MAX - 1);
    net_host_up(s, host);
    return host;
}

void world_reach(struct sim *s, const struct net_address *local, uint32_t *host,
                 struct net_address *remote)
{
    *remote = *local;
    if (net_address_is_loopback(local)) {
        *host = NET_LOCAL;
        return;
    }
    *host = world_next_host(s);
    if (net_address_is_wildcard(local)) {
        (void)net_host_address(s, NET_LOCAL, local->family, 0, remote);
        remote->port = local->port;
    }
}

/* ---- quiet ---- */

uint64_t world_timer(struct sim *s, sim_time delay,
                     void (*fire)(struct sim *s, void *argument, uint64_t value), void *argument,
                     uint64_t value)
{
    world_of(s)->busy++;
    return sim_event_add(s, s->now + delay, fire, argument, value);
}

void world_fired(struct sim *s, uint64_t *timer)
{
    *timer = 0;
    world_activity(s);
    SIM_ASSERT(world_of(s)->busy > 0);
    world_of(s)->busy--;
}

void world_timer_stop(struct sim *s, uint64_t *timer)
{
    if (*timer != 0) {
        bool was_pending = sim_event_cancel(s, *timer);
        SIM_ASSERT(was_pending);
        *timer = 0;
        world_of(s)->busy--;
    }
}

static bool is_resting(struct sim *s)
{
    return world_of(s)->busy == 0 && net_is_idle(s);
}

/* Nothing may be left to do: if so, wait for a while whether it stays like that. */
void world_rest(struct sim *s)
{
    struct world_state *w = world_of(s);
    if (!is_resting(s)) {
        return;
    }
    w->last_activity = s->now;
    w->is_settled = false;
    if (w->is_started && !w->is_settling) {
        w->is_settling = true;
        sim_event_add(s, s->now + w->settle, settle_fire, NULL, 0);
    }
}

static void settle_fire(struct sim *s, void *argument, uint64_t value)
{
    struct world_state *w = world_of(s);
    (void)argument;
    (void)value;
    w->is_settling = false;
    if (!is_resting(s)) {
        return; /* world_rest comes again */
    }
    if (s->now >= w->last_activity + w->settle) {
        w->is_settled = true;
        ke_poke(s);
    } else {
        w->is_settling = true;
        sim_event_add(s, w->last_activity + w->settle, settle_fire, NULL, 0);
    }
}

bool world_is_quiet(struct sim *s)
{
    return world_of(s)->is_settled || harness.may_unload;
}

bool world_is_settled(struct sim *s)
{
    return world_of(s)->is_settled && world_of(s)->settle >= SIM_MS(50);
}

/* ---- start and end ---- */

static void addresses_change(struct sim *s, void *argument, uint64_t value)
{
    uint64_t timer;
    (void)argument;
    (void)value;
    world_fired(s, &timer);
    sim_trace(s, TRACE_World, 0, 1);
    net_local_address_change(s);
    world_rest(s);
}

static void transports_change(struct sim *s, void *argument, uint64_t value)
{
    uint64_t timer;
    (void)argument;
    (void)value;
    world_fired(s, &timer);
    wsk_transports_changed(s);
    world_rest(s);
}

void world_start(struct sim *s)
{
    static const sim_time settle[] = {SIM_MS(50), SIM_MS(3000), SIM_MS(30000), SIM_MS(1)};
    struct world_state *w = world_of(s);
    w->is_started = true;
    w->settle = settle[world_pick(s, PICK_WORLD_SETTLE, SIM_COUNT(settle))];
    for (uint32_t i = world_pick(s, PICK_WORLD_ADDRESSES, 4); i > 0; i--) {
        (void)world_timer(s, world_delay(s), addresses_change, NULL, 0);
    }
    for (uint32_t i = world_pick(s, PICK_WORLD_TRANSPORTS, 3); i > 0; i--) {
        (void)world_timer(s, world_delay(s), transports_change, NULL, 0);
    }
    if (harness_keeps(s, WSKSIM_KEEP_USERS)) {
        users_start(s);
    }
    harness_start(s);
    world_rest(s);
}

bool world_is_healed(struct sim *s)
{
    return world_of(s)->is_healed;
}

void world_heal(struct sim *s)
{
    struct world_state *w = world_of(s);
    if (w->is_healed) {
        return;
    }
    w->is_healed = true;
    sim_trace(s, TRACE_World, 0, 0);
    net_heal(s);
    talks_heal(s);
    senders_heal(s);
    harness_heal(s);
    ke_poke(s); /* the users */
}
