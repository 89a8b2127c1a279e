/* SPDX-License-Identifier: MIT */
/*
 * TCP of model/net between two hosts: exchanges, ends of connections, listeners, and 3000 bad
 * networks.
 */
#include "tests/model/net_bed.h"

static struct bed_end client, server;

static void fresh(void)
{
    client = (struct bed_end){.size = 0};
    server = (struct bed_end){.size = 0};
}

static void pattern(uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(i * 7 + i / 251);
    }
}

/* ---- one exchange ---- */

static void exchange_body(struct sim *s)
{
    fresh();
    server.is_echo = server.closes_after_peer = true;
    bed_listen(s, &server, 1, 80, false);
    bed_connect(s, &client, NET_LOCAL, bed_address(s, 1, 80));
    assert_int_equal(client.connected, 0); /* never from inside a call */
    bed_pass(s, SIM_MS(1));
    assert_int_equal(client.connected, 1);
    assert_int_equal(server.established, 1);
    net_tcp_send(s, client.tcp, "hello", 5);
    bed_pass(s, SIM_MS(1));
    assert_int_equal(client.acked_total, 5);
    assert_int_equal(client.size, 5);
    assert_memory_equal(client.bytes, "hello", 5);
    net_tcp_shutdown(s, client.tcp);
    bed_pass(s, SIM_MS(1));
    assert_int_equal(server.finished, 1);
    assert_int_equal(client.finished, 1);
    assert_int_equal(client.fin_acked, 1);
    assert_int_equal(client.reset + server.reset, 0);
    assert_true(net_tcp_peer_finished(client.tcp));
    net_tcp_close(s, client.tcp);
    assert_true(net_is_idle(s));
    assert_int_equal(net_in_flight(s), 0);
    assert_int_equal(s->event_count, 0);
}

static void test_exchange(void **state)
{
    (void)state;
    assert_int_equal(bed_run(exchange_body, NULL), SIM_VERDICT_OK);
}

/*
 * Seven segments: SYN, SYN+ACK, ACK+data, echo+ACK, ACK+FIN, ACK+FIN, ACK. Each one is one event.
 */
static void seven_body(struct sim *s)
{
    fresh();
    server.is_echo = server.closes_after_peer = true;
    bed_listen(s, &server, 1, 80, false);
    struct net_address local = bed_any(50000), to = bed_address(s, 1, 80);
    client.tcp = net_tcp_connect(s, 0, &local, &to, "hello", 5, false, &bed_tcp_ops, &client);
    bed_pass(s, 4 * 2000 + 1); /* four ways of 0.2 ms */
    assert_int_equal(client.size, 5);
    net_tcp_shutdown(s, client.tcp);
    bed_pass(s, SIM_MS(2));
    assert_int_equal(client.finished, 1);
    assert_true(s->event_seq <= 7 + 1 + 2); /* the answer's acknowledgement had left: one more */
}

static void test_seven_segments(void **state)
{
    (void)state;
    assert_int_equal(bed_run(seven_body, NULL), SIM_VERDICT_OK);
}

/* ---- ends of connections ---- */

static void half_close_body(struct sim *s)
{
    fresh();
    bed_listen(s, &server, 1, 80, false);
    bed_connect(s, &client, 0, bed_address(s, 1, 80));
    bed_pass(s, SIM_MS(1));
    net_tcp_send(s, client.tcp, "bye", 3);
    net_tcp_shutdown(s, client.tcp);
    bed_pass(s, SIM_MS(1));
    assert_int_equal(server.finished, 1);
    assert_int_equal(server.size, 3);
    assert_int_equal(client.finished, 0);
    net_tcp_send(s, server.tcp, "late", 4); /* the other direction is still open */
    bed_pass(s, SIM_MS(1));
    assert_int_equal(client.size, 4);
    net_tcp_shutdown(s, server.tcp);
    bed_pass(s, SIM_MS(1));
    assert_int_equal(client.finished, 1);
    net_tcp_close(s, client.tcp);
    net_tcp_close(s, server.tcp);
    bed_pass(s, SIM_MS(1));
    assert_int_equal(client.reset + server.reset, 0);
}

static void test_half_close(void **state)
{
    (void)state;
    assert_int_equal(bed_run(half_close_body, NULL), SIM_VERDICT_OK);
}

static void simultaneous_body(struct sim *s)
{
    fresh();
    bed_listen(s, &server, 1, 80, false);
    bed_connect(s, &client, 0, bed_address(s, 1, 80));
    bed_pass(s, SIM_MS(1));
    net_tcp_shutdown(s, client.tcp);
    net_tcp_shutdown(s, server.tcp);
    bed_pass(s, SIM_MS(1));
    assert_int_equal(client.finished, 1);
    assert_int_equal(server.finished, 1);
    assert_int_equal(client.fin_acked, 1);
    assert_int_equal(server.fin_acked, 1);
}

static void test_simultaneous_close(void **state)
{
    (void)state;
    assert_int_equal(bed_run(simultaneous_body, NULL), SIM_VERDICT_OK);
}

static void reset_body(struct sim *s)
{
    fresh();
    server.keeps_unread = true;
    bed_listen(s, &server, 1, 80, false);
    bed_connect(s, &client, 0, bed_address(s, 1, 80));
    bed_pass(s, SIM_MS(1));
    net_tcp_send(s, client.tcp, "abc", 3);
    bed_pass(s, SIM_MS(1));
    net_tcp_close(s, client.tcp); /* not shut down: aborts */
    bed_pass(s, SIM_MS(1));
    assert_int_equal(server.reset, 1);
    assert_int_equal(server.error, NET_RESET);
    assert_true(net_tcp_is_reset(server.tcp));
    assert_int_equal(net_tcp_readable(server.tcp), 3); /* what came stays */
    net_tcp_send(s, server.tcp, "x", 1);               /* goes nowhere, harms nobody */
    net_tcp_close(s, server.tcp);
    bed_pass(s, SIM_MS(1));
    assert_int_equal(client.reset, 0);
}

static void test_reset(void **state)
{
    (void)state;
    assert_int_equal(bed_run(reset_body, NULL), SIM_VERDICT_OK);
}

static void refused_body(struct sim *s)
{
    fresh();
    bed_connect(s, &client, 0, bed_address(s, 1, 81));
    bed_pass(s, SIM_MS(1));
    assert_int_equal(client.failed, 1);
    assert_int_equal(client.error, NET_REFUSED);
    net_tcp_close(s, client.tcp);
    bed_connect(s, &client, 0, bed_address(s, 9, 81)); /* a host that is not there */
    bed_pass(s, SIM_MS(1));
    assert_int_equal(client.failed, 2);
    assert_int_equal(client.error, NET_UNREACHABLE);
    net_tcp_close(s, client.tcp);
}

static void test_refused(void **state)
{
    (void)state;
    assert_int_equal(bed_run(refused_body, NULL), SIM_VERDICT_OK);
}

static void silent_body(struct sim *s)
{
    fresh();
    bed_listen(s, &server, 1, 80, false);
    bed_connect(s, &client, 0, bed_address(s, 1, 80));
    bed_pass(s, SIM_MS(1));
    net_tcp_silence(s, client.tcp);
    net_tcp_send(s, server.tcp, "anyone?", 7);
    net_tcp_send(s, client.tcp, "never leaves", 12);
    bed_pass(s, SIM_MS(40000));
    assert_int_equal(server.size, 0);
    assert_int_equal(client.size, 0);
    assert_int_equal(server.reset, 1);
    assert_int_equal(server.error, NET_TIMED_OUT);
    net_tcp_close(s, client.tcp);
    bed_pass(s, SIM_MS(1));
    assert_true(net_is_idle(s));
}

static void test_silence(void **state)
{
    (void)state;
    assert_int_equal(bed_run(silent_body, NULL), SIM_VERDICT_OK);
}

/* ---- windows ---- */

static void window_body(struct sim *s)
{
    static uint8_t bytes[300000];
    pattern(bytes, sizeof bytes);
    fresh();
    server.keeps_unread = true;
    bed_listen(s, &server, 1, 80, false);
    bed_connect(s, &client, 0, bed_address(s, 1, 80));
    bed_pass(s, SIM_MS(1));
    net_tcp_send(s, client.tcp, bytes, sizeof bytes);
    bed_pass(s, SIM_MS(100));
    size_t first = net_tcp_readable(server.tcp);
    assert_int_equal(first, 65536);
    assert_int_equal(client.acked_total, 65536);
    server.keeps_unread = false;
    bed_readable(s, &server);
    bed_pass(s, SIM_MS(100));
    assert_int_equal(server.size, sizeof bytes);
    assert_memory_equal(server.bytes, bytes, sizeof bytes);
    assert_int_equal(client.acked_total, sizeof bytes);
}

static void test_window(void **state)
{
    (void)state;
    assert_int_equal(bed_run(window_body, NULL), SIM_VERDICT_OK);
}

/* ---- listeners ---- */

static void conditional_body(struct sim *s)
{
    fresh();
    struct net_listener *listener = bed_listen(s, &server, 1, 80, true);
    bed_connect(s, &client, 0, bed_address(s, 1, 80));
    bed_pass(s, SIM_MS(100));
    assert_int_equal(server.inspected, 1);
    assert_int_equal(client.connected, 0);
    assert_true(net_listen_verdict(s, listener, server.request, NET_ACCEPT));
    assert_false(net_listen_verdict(s, listener, server.request, NET_ACCEPT));
    bed_pass(s, SIM_MS(1));
    assert_int_equal(client.connected, 1);
    assert_int_equal(server.established, 1);

    bed_connect(s, &client, 0, bed_address(s, 1, 80));
    bed_pass(s, SIM_MS(1));
    assert_true(net_listen_verdict(s, listener, server.request, NET_REJECT));
    bed_pass(s, SIM_MS(1));
    assert_int_equal(client.error, NET_REFUSED);
    assert_int_equal(server.dropped, 0);

    bed_connect(s, &client, 0, bed_address(s, 1, 80));
    bed_pass(s, SIM_MS(1));
    net_tcp_close(s, client.tcp); /* the connector leaves first */
    bed_pass(s, SIM_MS(1));
    assert_int_equal(server.dropped, 1);
    assert_false(net_listen_verdict(s, listener, server.request, NET_ACCEPT));

    bed_connect(s, &client, 0, bed_address(s, 1, 80)); /* nobody ever decides */
    bed_pass(s, SIM_MS(30000));
    assert_int_equal(client.error, NET_TIMED_OUT);
    assert_int_equal(server.dropped, 2);
    assert_int_equal(server.established, 1);
}

static void test_conditional(void **state)
{
    (void)state;
    assert_int_equal(bed_run(conditional_body, NULL), SIM_VERDICT_OK);
}

static void listener_close_body(struct sim *s)
{
    fresh();
    struct net_listener *listener = bed_listen(s, &server, 1, 80, false);
    bed_connect(s, &client, 0, bed_address(s, 1, 80));
    bed_pass(s, 2001); /* the SYN is in, the ACK is not */
    net_listener_close(s, listener);
    bed_pass(s, SIM_MS(1));
    assert_int_equal(server.established, 0);
    assert_int_equal(client.reset + client.failed, 1);
}

static void test_listener_close(void **state)
{
    (void)state;
    assert_int_equal(bed_run(listener_close_body, NULL), SIM_VERDICT_OK);
}

/* ---- late adoption ---- */

static void keep(struct sim *s, void *user, struct net_tcp *tcp, uint32_t request)
{
    (void)s;
    (void)request;
    ((struct bed_end *)user)->tcp = tcp;
}

static void adopt_body(struct sim *s)
{
    static const struct net_listen_ops ops = {.established = keep};
    fresh();
    struct net_address local = bed_any(80);
    net_listen(s, 1, &local, false, &ops, &server);
    bed_connect(s, &client, 0, bed_address(s, 1, 80));
    bed_pass(s, SIM_MS(1));
    net_tcp_send(s, client.tcp, "early", 5);
    net_tcp_shutdown(s, client.tcp);
    bed_pass(s, SIM_MS(1));
    net_tcp_adopt(s, server.tcp, &bed_tcp_ops, &server);
    assert_int_equal(server.readable, 0);
    bed_pass(s, 1);
    assert_int_equal(server.size, 5);
    assert_int_equal(server.finished, 1);
}

static void test_late_adoption(void **state)
{
    (void)state;
    assert_int_equal(bed_run(adopt_body, NULL), SIM_VERDICT_OK);
}

/* ---- bad networks ---- */

static uint32_t timed_out, drops;

/* Whatever the network does: bytes arrive in order and complete, or the connection times out. */
static void bad_body(struct sim *s)
{
    static uint8_t bytes[40000];
    pattern(bytes, sizeof bytes);
    fresh();
    server.is_echo = server.closes_after_peer = true;
    bed_listen(s, &server, 1, 80, false);
    bed_connect(s, &client, 0, bed_address(s, 1, 80));
    net_tcp_send(s, client.tcp, bytes, 100);
    for (size_t at = 100; at < sizeof bytes; at += 1900) {
        net_tcp_send(s, client.tcp, bytes + at, 1900);
        bed_pass(s, SIM_MS(1));
    }
    net_tcp_shutdown(s, client.tcp);
    bed_pass(s, SIM_MS(60000));
    assert_memory_equal(client.bytes, bytes, client.size);
    net_heal(s);
    bed_pass(s, SIM_MS(60000));
    assert_memory_equal(server.bytes, bytes, server.size);
    if (client.failed + client.reset + server.reset > 0) {
        timed_out++;
    } else {
        assert_int_equal(client.size, sizeof bytes);
        assert_int_equal(client.finished, 1);
        assert_int_equal(client.fin_acked, 1);
        net_tcp_close(s, client.tcp);
    }
    bed_pass(s, SIM_MS(60000));
    assert_true(net_is_idle(s));
    size_t count;
    sim_trace_events(s, &count);
    drops += bed_log.value_count[CHOICE_WORLD] > 0;
}

static void test_bad_networks(void **state)
{
    (void)state;
    uint32_t runs = 0;
    for (uint32_t one_in = 2; one_in <= 32; one_in *= 2) {
        for (uint64_t seed = 1; seed <= 600; seed++, runs++) {
            const struct choice_source source = {.kind = CHOICE_RANDOM,
                                                 .seed = seed,
                                                 .switch_one_in = 1000,
                                                 .world_one_in = (uint16_t)one_in};
            assert_int_equal(bed_run(bad_body, &source), SIM_VERDICT_OK);
        }
    }
    assert_int_equal(drops, runs);
    assert_true(timed_out < runs / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchange),      cmocka_unit_test(test_seven_segments),
        cmocka_unit_test(test_half_close),    cmocka_unit_test(test_simultaneous_close),
        cmocka_unit_test(test_reset),         cmocka_unit_test(test_refused),
        cmocka_unit_test(test_silence),       cmocka_unit_test(test_window),
        cmocka_unit_test(test_conditional),   cmocka_unit_test(test_listener_close),
        cmocka_unit_test(test_late_adoption), cmocka_unit_test(test_bad_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
