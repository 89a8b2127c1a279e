/* SPDX-License-Identifier: MIT */
/*
 * The default world, with the test in the place of the driver: it listens, connects and binds by
 * calls of model/net and the hooks of run.h, and counts what the world does to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/ke/ke.h"
#include "model/net/net.h"
#include "model/world/run.h"

enum { PORT = 7000, CONNECTIONS_MAX = 64 };

/* One connection as the "driver" sees it. */
struct connection {
    struct net_tcp *tcp;
    uint32_t received;
    bool is_closed;
};

static struct {
    struct connection connection[CONNECTIONS_MAX];
    uint32_t count, open;
    uint32_t connected, failed, resets, finishes, bytes, datagrams, replies;
    bool is_silent; /* neither answers nor closes */
    struct net_udp *udp;
} driver;

static struct choice_log choices;

static void (*body)(struct sim *s);

static void run_body(struct sim *s, void *argument)
{
    (void)argument;
    memset(&driver, 0, sizeof driver);
    model_reset(s);
    ke_context_attach(s);
    body(s);
}

static void run(void (*test)(struct sim *s), const struct choice_source *source)
{
    static const struct choice_source tame = {.kind = CHOICE_TAME};
    static struct sim *s;
    if (s == NULL) {
        s = sim_create(&model_hooks);
        s->model = model_create();
    }
    body = test;
    enum sim_verdict verdict =
        sim_run(s, run_body, NULL, NULL, source != NULL ? source : &tame, &choices);
    if (verdict != SIM_VERDICT_OK) {
        print_message("%s\n", verdict == SIM_VERDICT_LIMIT ? s->limit : s->violation.text);
    }
    assert_int_equal(verdict, SIM_VERDICT_OK);
}

static struct choice_source random_source(uint64_t seed, uint16_t one_in)
{
    return (struct choice_source){.kind = CHOICE_RANDOM,
                                  .seed = seed,
                                  .switch_one_in = 1000,
                                  .world_one_in = one_in,
                                  .program_one_in = 2};
}

/* ---- the driver's side ---- */

static void drop(struct sim *s, struct connection *c)
{
    net_tcp_close(s, c->tcp);
    c->is_closed = true;
    driver.open--;
}

static void on_readable(struct sim *s, void *user)
{
    static uint8_t bytes[65536];
    struct connection *c = user;
    size_t size;
    if (driver.is_silent) {
        return;
    }
    while ((size = net_tcp_peek(c->tcp, 0, bytes, sizeof bytes)) > 0) {
        net_tcp_consume(s, c->tcp, size);
        net_tcp_send(s, c->tcp, bytes, size);
        driver.bytes += (uint32_t)size;
        c->received += (uint32_t)size;
    }
}

static void on_finished(struct sim *s, void *user)
{
    struct connection *c = user;
    driver.finishes++;
    if (!driver.is_silent) {
        net_tcp_shutdown(s, c->tcp);
        drop(s, c);
    }
}

static void on_reset(struct sim *s, void *user, enum net_tcp_error error)
{
    (void)error;
    driver.resets++;
    drop(s, user);
}

static const struct net_tcp_ops server_ops = {
    .readable = on_readable, .finished = on_finished, .reset = on_reset};

static void on_established(struct sim *s, void *user, struct net_tcp *tcp, uint32_t request)
{
    (void)user;
    (void)request;
    assert_true(driver.count < CONNECTIONS_MAX);
    struct connection *c = &driver.connection[driver.count++];
    c->tcp = tcp;
    driver.open++;
    net_tcp_adopt(s, tcp, &server_ops, c);
}

static const struct net_listen_ops listen_ops = {.established = on_established};

static struct net_listener *listen_on(struct sim *s, uint16_t port)
{
    struct net_address local = {.family = NET_IPV4, .port = port};
    struct net_listener *listener = net_listen(s, NET_LOCAL, &local, false, &listen_ops, NULL);
    world_listening(s, &local);
    return listener;
}

static bool quiet(struct sim *s, void *argument)
{
    (void)argument;
    return world_is_quiet(s);
}

static bool never(struct sim *s, void *argument)
{
    (void)s;
    (void)argument;
    return false;
}

static void pass(struct sim *s, sim_time span)
{
    (void)ke_wait_until(s, never, NULL, span, "time to pass");
}

static void wait_for_quiet(struct sim *s)
{
    assert_true(ke_wait_until(s, quiet, NULL, SIM_MS(200000), "quiet"));
    assert_true(net_is_idle(s));
}

/* ---- a driver that listens ---- */

static void tame_server_body(struct sim *s)
{
    struct net_listener *listener = listen_on(s, PORT);
    world_start(s);
    assert_false(world_is_quiet(s));
    wait_for_quiet(s);
    assert_int_equal(driver.count, 1);
    assert_int_equal(driver.bytes, 16);
    assert_int_equal(driver.finishes, 1);
    assert_int_equal(driver.resets, 0);
    assert_int_equal(driver.open, 0);
    net_listener_close(s, listener);
    (void)listen_on(s, PORT + 1); /* another one gets its peer, too */
    pass(s, SIM_MS(100));
    assert_int_equal(driver.count, 2);
    assert_int_equal(driver.finishes, 2);
}

static void test_tame_server(void **state)
{
    (void)state;
    run(tame_server_body, NULL);
}

static uint32_t resets, finishes, peers, silent_runs, addresses;

static void changed(struct sim *s, enum net_family family)
{
    (void)s;
    (void)family;
    addresses++;
}

static void wild_server_body(struct sim *s)
{
    driver.is_silent = choice_flag(s, CHOICE_PROGRAM, 0);
    silent_runs += driver.is_silent;
    net_watch_addresses(s, changed);
    for (uint16_t i = 0; i < 8; i++) {
        listen_on(s, (uint16_t)(PORT + i));
        pass(s, SIM_MS(1));
    }
    world_start(s);
    wait_for_quiet(s);
    assert_true(driver.count <= 16);
    peers += driver.count;
    resets += driver.resets;
    finishes += driver.finishes;
    world_heal(s);
    pass(s, SIM_MS(60000));
    assert_int_equal(driver.open, 0); /* whoever waited for the driver has given up */
    assert_true(net_is_idle(s));
    (void)listen_on(s, 9000);
    pass(s, SIM_MS(1000));
    assert_int_equal(driver.open, 0); /* nobody comes any more */
}

static void test_wild_server(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct choice_source source = random_source(seed, seed % 2 == 0 ? 3 : 12);
        run(wild_server_body, &source);
    }
    assert_true(peers > 500 * 7);
    assert_true(resets > 200);
    assert_true(finishes > 200);
    assert_true(silent_runs > 50);
    assert_true(addresses > 50);
}

/* ---- a driver that connects ---- */

static void on_connected(struct sim *s, void *user)
{
    struct connection *c = user;
    driver.connected++;
    net_tcp_send(s, c->tcp, "question", 8);
}

static void on_failed(struct sim *s, void *user, enum net_tcp_error error)
{
    (void)error;
    driver.failed++;
    drop(s, user);
}

static void on_answer(struct sim *s, void *user)
{
    struct connection *c = user;
    size_t size = net_tcp_readable(c->tcp);
    net_tcp_consume(s, c->tcp, size);
    driver.bytes += (uint32_t)size;
    c->received += (uint32_t)size;
    if (c->received == 8) {
        net_tcp_shutdown(s, c->tcp);
    }
}

static const struct net_tcp_ops client_ops = {.connected = on_connected,
                                              .failed = on_failed,
                                              .readable = on_answer,
                                              .finished = on_finished,
                                              .reset = on_reset};

static void connect_to(struct sim *s, struct net_address remote)
{
    struct connection *c = &driver.connection[driver.count++];
    struct net_address local = {.family = remote.family,
                                .port = net_ephemeral_port(s, NET_LOCAL, NET_TCP)};
    driver.open++;
    world_connecting(s, &remote);
    c->tcp = net_tcp_connect(s, NET_LOCAL, &local, &remote, NULL, 0, false, &client_ops, c);
}

static void tame_client_body(struct sim *s)
{
    static const struct net_address server[] = {
        {.family = NET_IPV4, .port = 7002, .ip = {10, 0, 0, 2}},
        {.family = NET_IPV4, .port = 80, .ip = {93, 184, 216, 34}},
        {.family = NET_IPV4, .port = 80, .ip = {93, 184, 216, 34}}, /* again */
        {.family = NET_IPV6, .port = 80, .ip = {0x20, 1, 0xd, 0xb8, [15] = 7}},
        {.family = NET_IPV4, .port = 445, .ip = {127, 0, 0, 1}},
    };
    world_start(s);
    for (size_t i = 0; i < SIM_COUNT(server); i++) {
        connect_to(s, server[i]);
        pass(s, SIM_MS(10));
        assert_int_equal(driver.connected, i + 1);
        assert_int_equal(driver.finishes, i + 1);
    }
    assert_int_equal(driver.failed + driver.resets, 0);
    assert_int_equal(driver.bytes, 8 * SIM_COUNT(server));
    wait_for_quiet(s);
}

static void test_tame_client(void **state)
{
    (void)state;
    run(tame_client_body, NULL);
}

static uint32_t failed, answered;

static void wild_client_body(struct sim *s)
{
    static const struct net_address server = {
        .family = NET_IPV4, .port = 80, .ip = {93, 184, 216, 34}};
    world_start(s);
    for (int i = 0; i < 10; i++) {
        connect_to(s, server);
        pass(s, SIM_MS(10));
    }
    wait_for_quiet(s);
    failed += driver.failed;
    answered += driver.bytes >= 8;
    resets += driver.resets;
    world_heal(s);
    pass(s, SIM_MS(60000));
    assert_int_equal(driver.open, 0);
    uint32_t before = driver.finishes;
    connect_to(s, server); /* after healing everything is tame, if there is a host */
    pass(s, SIM_MS(100));
    assert_int_equal(driver.open, 0);
    assert_true(driver.finishes == before + 1 || driver.failed > 0);
}

static void test_wild_client(void **state)
{
    (void)state;
    resets = 0;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct choice_source source = random_source(seed, seed % 2 == 0 ? 3 : 12);
        run(wild_client_body, &source);
    }
    assert_true(failed > 500 && answered > 200 && resets > 100);
}

/* ---- datagrams ---- */

static void on_datagram(struct sim *s, void *user, const struct net_datagram *datagram)
{
    (void)user;
    driver.datagrams++;
    if (datagram->size > 0 && memcmp(datagram->bytes, "ping", 4) == 0) {
        driver.replies++;
        return;
    }
    world_datagram(s, &datagram->from);
    assert_true(net_udp_send(s, driver.udp, &datagram->from, NULL, datagram->bytes,
                             datagram->size));
}

static const struct net_udp_ops udp_ops = {.receive = on_datagram};

static void bind_udp(struct sim *s)
{
    struct net_address local = {.family = NET_IPV4, .port = PORT};
    driver.udp = net_udp_open(s, NET_LOCAL, &local, &udp_ops, NULL);
    world_bound(s, &local);
}

static void ping(struct sim *s, struct net_address to)
{
    world_datagram(s, &to);
    assert_true(net_udp_send(s, driver.udp, &to, NULL, "ping", 4));
}

static void tame_datagram_body(struct sim *s)
{
    static const struct net_address known = {.family = NET_IPV4, .port = 53, .ip = {8, 8, 8, 8}},
                                    all = {.family = NET_IPV4, .port = 67,
                                           .ip = {255, 255, 255, 255}};
    world_start(s);
    bind_udp(s);
    wait_for_quiet(s);
    assert_int_equal(driver.datagrams, 1);
    ping(s, known);
    ping(s, known);
    ping(s, all);
    pass(s, SIM_MS(10));
    assert_int_equal(driver.replies, 3);
}

static void test_tame_datagrams(void **state)
{
    (void)state;
    run(tame_datagram_body, NULL);
}

static uint32_t datagrams;

static void wild_datagram_body(struct sim *s)
{
    world_start(s);
    bind_udp(s);
    wait_for_quiet(s);
    datagrams += driver.datagrams;
    assert_true(driver.datagrams <= 2 * 128); /* WORLD_DATAGRAMS_MAX, each perhaps twice */
    world_heal(s);
    pass(s, SIM_MS(1000));
    assert_true(net_is_idle(s));
}

static void test_wild_datagrams(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct choice_source source = random_source(seed, seed % 2 == 0 ? 3 : 12);
        run(wild_datagram_body, &source);
    }
    assert_true(datagrams > 500 * 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tame_server),    cmocka_unit_test(test_wild_server),
        cmocka_unit_test(test_tame_client),    cmocka_unit_test(test_wild_client),
        cmocka_unit_test(test_tame_datagrams), cmocka_unit_test(test_wild_datagrams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
