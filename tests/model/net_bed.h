/* SPDX-License-Identifier: MIT */
/*
 * A run with nothing in it but engine and network, for tests of model/net: the body of the test is
 * the first thread, and net_bed_pass lets virtual time go by.
 *
 * An end of a connection under test remembers what it was told (struct bed_end); an echoing one
 * answers.
 */
#ifndef TESTS_MODEL_NET_BED_H
#define TESTS_MODEL_NET_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/net/net.h"

struct bed_end {
    struct net_tcp *tcp;
    uint32_t connected, failed, readable, finished, reset, acked, fin_acked, established;
    uint32_t inspected, dropped, request;
    enum net_tcp_error error;
    enum net_verdict verdict;
    bool is_echo, closes_after_peer, keeps_unread;
    uint64_t acked_total;
    size_t size;
    uint8_t bytes[1 << 20];
};

static struct model bed_model;
static struct choice_log bed_log;

static void bed_wake(struct sim *s, void *argument, uint64_t value)
{
    (void)value;
    sim_wake(s, argument);
}

static inline void bed_pass(struct sim *s, sim_time span)
{
    sim_event_add(s, s->now + span, bed_wake, s->current, 0);
    sim_block(s);
}

static void bed_deadlock(struct sim *s)
{
    sim_limit(s, "deadlock");
}

static void bed_livelock(struct sim *s)
{
    sim_limit(s, "livelock");
}

static void bed_done(struct sim *s, struct sim_ctx *ctx)
{
    (void)s;
    (void)ctx;
}

static inline struct sim *bed_sim(void)
{
    static const struct sim_hooks hooks = {
        .deadlock = bed_deadlock, .livelock = bed_livelock, .context_done = bed_done};
    static struct sim *s;
    if (s == NULL) {
        s = sim_create(&hooks);
        s->model = &bed_model;
        bed_model.net = net_create();
    }
    return s;
}

static void (*bed_body)(struct sim *s);

static void bed_main(struct sim *s, void *argument)
{
    (void)argument;
    memset(bed_model.object_count, 0, sizeof bed_model.object_count);
    net_reset(s);
    for (uint32_t host = 1; host < 4; host++) {
        net_host_up(s, host);
    }
    bed_body(s);
}

static inline enum sim_verdict bed_run(void (*body)(struct sim *s),
                                       const struct choice_source *source)
{
    static const struct choice_source tame = {.kind = CHOICE_TAME};
    struct sim *s = bed_sim();
    bed_body = body;
    return sim_run(s, bed_main, NULL, NULL, source != NULL ? source : &tame, &bed_log);
}

/* ---- ends ---- */

static void bed_connected(struct sim *s, void *user)
{
    (void)s;
    ((struct bed_end *)user)->connected++;
}

static void bed_failed(struct sim *s, void *user, enum net_tcp_error error)
{
    struct bed_end *end = user;
    (void)s;
    end->failed++;
    end->error = error;
}

static void bed_readable(struct sim *s, void *user)
{
    struct bed_end *end = user;
    end->readable++;
    if (end->keeps_unread) {
        return;
    }
    size_t size = net_tcp_peek(end->tcp, 0, end->bytes + end->size, sizeof end->bytes - end->size);
    net_tcp_consume(s, end->tcp, size);
    if (end->is_echo) {
        net_tcp_send(s, end->tcp, end->bytes + end->size, size);
    }
    end->size += size;
}

static void bed_finished(struct sim *s, void *user)
{
    struct bed_end *end = user;
    end->finished++;
    if (end->closes_after_peer) {
        net_tcp_shutdown(s, end->tcp);
        net_tcp_close(s, end->tcp);
        end->tcp = NULL;
    }
}

static void bed_reset(struct sim *s, void *user, enum net_tcp_error error)
{
    struct bed_end *end = user;
    (void)s;
    end->reset++;
    end->error = error;
}

static void bed_acked(struct sim *s, void *user, uint64_t total)
{
    struct bed_end *end = user;
    (void)s;
    end->acked++;
    end->acked_total = total;
}

static void bed_fin_acked(struct sim *s, void *user)
{
    (void)s;
    ((struct bed_end *)user)->fin_acked++;
}

static const struct net_tcp_ops bed_tcp_ops = {
    .connected = bed_connected, .failed = bed_failed, .readable = bed_readable,
    .finished = bed_finished, .reset = bed_reset, .acked = bed_acked, .fin_acked = bed_fin_acked};

static void bed_inspect(struct sim *s, void *user, const struct net_request *request)
{
    struct bed_end *end = user;
    (void)s;
    end->inspected++;
    end->request = request->id;
}

static void bed_dropped(struct sim *s, void *user, const struct net_request *request)
{
    struct bed_end *end = user;
    (void)s;
    assert_int_equal(request->id, end->request);
    end->dropped++;
}

static void bed_established(struct sim *s, void *user, struct net_tcp *tcp, uint32_t request)
{
    struct bed_end *end = user;
    (void)request;
    end->established++;
    end->tcp = tcp;
    net_tcp_adopt(s, tcp, &bed_tcp_ops, end);
}

static const struct net_listen_ops bed_listen_ops = {
    .inspect = bed_inspect, .dropped = bed_dropped, .established = bed_established};

/* ---- addresses ---- */

static inline struct net_address bed_address(struct sim *s, uint32_t host, uint16_t port)
{
    struct net_address address;
    bool found = net_host_address(s, host, NET_IPV4, 0, &address);
    assert_true(found);
    address.port = port;
    return address;
}

static inline struct net_address bed_any(uint16_t port)
{
    return (struct net_address){.family = NET_IPV4, .port = port};
}

/* host connects to the address; what happens goes to `end`. */
static inline void bed_connect(struct sim *s, struct bed_end *end, uint32_t host,
                               struct net_address to)
{
    struct net_address local = bed_any(net_ephemeral_port(s, host, NET_TCP));
    end->tcp = net_tcp_connect(s, host, &local, &to, NULL, 0, false, &bed_tcp_ops, end);
}

static inline struct net_listener *bed_listen(struct sim *s, struct bed_end *end, uint32_t host,
                                              uint16_t port, bool conditional)
{
    struct net_address local = bed_any(port);
    return net_listen(s, host, &local, conditional, &bed_listen_ops, end);
}

#endif
