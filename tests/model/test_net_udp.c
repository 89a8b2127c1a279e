/* SPDX-License-Identifier: MIT */
/*
 * UDP of model/net: who gets a datagram, what comes back from a closed port, what bad networks do.
 */
#include "tests/model/net_bed.h"

struct port {
    struct net_udp *udp;
    uint32_t received, unreachable;
    struct net_address from;
    uint32_t size, numbers[64];
    uint8_t bytes[NET_DATAGRAM_MAX];
};

static struct port a, b, c;

static void receive(struct sim *s, void *user, const struct net_datagram *datagram)
{
    struct port *port = user;
    (void)s;
    port->numbers[port->received++ % SIM_COUNT(port->numbers)] = datagram->object;
    port->from = datagram->from;
    port->size = datagram->size;
    memcpy(port->bytes, datagram->bytes, datagram->size);
}

static void unreachable(struct sim *s, void *user, const struct net_address *remote)
{
    (void)s;
    (void)remote;
    ((struct port *)user)->unreachable++;
}

static const struct net_udp_ops ops = {.receive = receive, .unreachable = unreachable};

static void open_port(struct sim *s, struct port *port, uint32_t host, struct net_address local)
{
    *port = (struct port){.received = 0};
    port->udp = net_udp_open(s, host, &local, &ops, port);
}

static void send_to(struct sim *s, struct port *port, struct net_address to, const void *bytes,
                    uint32_t size)
{
    assert_true(net_udp_send(s, port->udp, &to, NULL, bytes, size));
}

/* ---- plain ---- */

static void plain_body(struct sim *s)
{
    static uint8_t large[NET_DATAGRAM_MAX];
    open_port(s, &a, 0, bed_any(1000));
    open_port(s, &b, 1, bed_any(2000));
    send_to(s, &a, bed_address(s, 1, 2000), "hi", 2);
    assert_int_equal(b.received, 0); /* never inside the call */
    bed_pass(s, SIM_MS(1));
    assert_int_equal(b.received, 1);
    assert_int_equal(b.size, 2);
    assert_int_equal(b.from.port, 1000);
    struct net_address own = bed_address(s, 0, 1000);
    assert_true(net_address_same_ip(&b.from, &own)); /* the wildcard became the routed address */
    send_to(s, &b, b.from, NULL, 0);
    bed_pass(s, SIM_MS(1));
    assert_int_equal(a.received, 1);
    assert_int_equal(a.size, 0);
    for (size_t i = 0; i < sizeof large; i++) {
        large[i] = (uint8_t)(i / 7);
    }
    send_to(s, &a, bed_address(s, 1, 2000), large, sizeof large);
    bed_pass(s, SIM_MS(1));
    assert_int_equal(b.size, sizeof large);
    assert_memory_equal(b.bytes, large, sizeof large);
    assert_true(net_is_idle(s));
}

static void test_plain(void **state)
{
    (void)state;
    assert_int_equal(bed_run(plain_body, NULL), SIM_VERDICT_OK);
}

/* ---- who gets it ---- */

static void binding_body(struct sim *s)
{
    open_port(s, &a, 0, bed_any(1000));
    open_port(s, &b, 1, bed_any(2000));
    open_port(s, &c, 1, bed_address(s, 1, 2000));
    send_to(s, &a, bed_address(s, 1, 2000), "x", 1);
    bed_pass(s, SIM_MS(1));
    assert_int_equal(b.received, 0);
    assert_int_equal(c.received, 1); /* the more specific one */
    net_udp_close(s, c.udp);
    send_to(s, &a, bed_address(s, 1, 2000), "x", 1);
    bed_pass(s, SIM_MS(1));
    assert_int_equal(b.received, 1);
    net_udp_close(s, b.udp);
    send_to(s, &a, bed_address(s, 1, 2000), "x", 1);
    bed_pass(s, SIM_MS(1));
    assert_int_equal(a.unreachable, 1);
    struct net_address nowhere = {.family = NET_IPV4, .port = 9, .ip = {192, 0, 2, 1}};
    send_to(s, &a, nowhere, "x", 1); /* lost without a word */
    bed_pass(s, SIM_MS(1));
    assert_int_equal(a.unreachable, 1);
    send_to(s, &a, bed_address(s, 1, 2000), "x", 1);
    net_udp_close(s, a.udp); /* nobody is left to be told */
    bed_pass(s, SIM_MS(1));
    assert_int_equal(a.unreachable, 1);
}

static void test_binding(void **state)
{
    (void)state;
    assert_int_equal(bed_run(binding_body, NULL), SIM_VERDICT_OK);
}

static void group_body(struct sim *s)
{
    open_port(s, &a, 0, bed_any(1000));
    open_port(s, &b, 1, bed_any(2000));
    open_port(s, &c, 2, bed_any(2000));
    struct net_address all = {.family = NET_IPV4, .port = 2000, .ip = {255, 255, 255, 255}};
    struct net_address group = {.family = NET_IPV4, .port = 2000, .ip = {239, 1, 2, 3}};
    assert_true(net_address_is_broadcast(&all));
    assert_true(net_address_is_multicast(&group));
    send_to(s, &a, all, "x", 1);
    send_to(s, &a, group, "x", 1);
    bed_pass(s, SIM_MS(1));
    assert_int_equal(b.received, 2);
    assert_int_equal(c.received, 2);
    assert_int_equal(a.received, 0);
}

static void test_group(void **state)
{
    (void)state;
    assert_int_equal(bed_run(group_body, NULL), SIM_VERDICT_OK);
}

/* ---- bad networks ---- */

static uint32_t lost, twice, reordered;

static void bad_body(struct sim *s)
{
    uint32_t seen[65] = {0}, sent = 0;
    open_port(s, &a, 0, bed_any(1000));
    open_port(s, &b, 1, bed_any(2000));
    for (; sent < 30; sent++) {
        send_to(s, &a, bed_address(s, 1, 2000), "0123456789", sent % 10);
        bed_pass(s, 500);
    }
    bed_pass(s, SIM_MS(1000));
    assert_true(b.received <= 60);
    for (uint32_t i = 0; i < b.received; i++) {
        seen[b.numbers[i]]++;
        reordered += i > 0 && b.numbers[i] < b.numbers[i - 1];
    }
    for (uint32_t number = 1; number <= sent; number++) {
        assert_true(seen[number] <= 2);
        lost += seen[number] == 0;
        twice += seen[number] == 2;
    }
    net_heal(s);
    uint32_t before = b.received;
    send_to(s, &a, bed_address(s, 1, 2000), "x", 1);
    bed_pass(s, SIM_MS(1));
    assert_int_equal(b.received, before + 1);
    assert_true(net_is_idle(s));
}

static void test_bad_networks(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        const struct choice_source source = {
            .kind = CHOICE_RANDOM, .seed = seed, .switch_one_in = 1000, .world_one_in = 4};
        assert_int_equal(bed_run(bad_body, &source), SIM_VERDICT_OK);
    }
    assert_true(lost > 100 && twice > 100 && reordered > 100);
}

/* ---- addresses and names ---- */

static uint32_t changes;

static void changed(struct sim *s, enum net_family family)
{
    (void)s;
    (void)family;
    changes++;
}

static uint32_t count_addresses(struct sim *s, enum net_family family)
{
    struct net_address address;
    uint32_t count = 0;
    while (net_host_address(s, NET_LOCAL, family, count, &address)) {
        count++;
    }
    assert_true(net_address_is_loopback(&address)); /* the last one found */
    return count;
}

static void address_body(struct sim *s)
{
    struct net_address address, other, local;
    uint32_t host;
    changes = 0;
    net_watch_addresses(s, changed);
    assert_int_equal(count_addresses(s, NET_IPV4), 2);
    net_local_address_change(s);
    assert_int_equal(changes, 1);
    assert_int_equal(count_addresses(s, NET_IPV4), 3);
    assert_true(net_name_to_address(s, "localhost", NET_IPV6, 0, &address));
    assert_true(net_address_is_loopback(&address));
    assert_true(net_name_to_address(s, "peer2", NET_IPV4, 0, &address));
    assert_true(net_host_of(s, 0, &address, &host));
    assert_int_equal(host, 2);
    assert_string_equal(net_address_to_name(s, &address), "peer2");
    assert_true(net_route(s, 0, &address, &local));
    assert_true(net_host_owns(s, 0, &local));
    assert_true(net_name_to_address(s, "server.example", NET_IPV4, 0, &address));
    assert_true(net_name_to_address(s, "server.example", NET_IPV4, 0, &other));
    assert_true(net_address_same_ip(&address, &other));
    assert_false(net_name_to_address(s, "nobody.invalid", NET_IPV4, 0, &address));
    assert_false(net_name_to_address(s, "peer99", NET_IPV4, 0, &address));
    assert_true(net_name_to_address(s, "fd00::1:2", NET_IPV6, 0, &address));
    assert_int_equal(address.ip[15], 2);
    assert_int_equal(address.ip[13], 1);
    assert_false(net_name_to_address(s, "10.0.0.1", NET_IPV6, 0, &address));
    assert_true(net_name_to_address(s, "192.0.2.7", NET_IPV4, 0, &address));
    assert_false(net_host_of(s, 0, &address, &host));
    assert_true(net_host_add_address(s, 3, &address));
    assert_true(net_host_of(s, 0, &address, &host));
    assert_int_equal(host, 3);
    uint16_t port = net_ephemeral_port(s, 0, NET_UDP);
    assert_int_equal(net_ephemeral_port(s, 0, NET_UDP), port + 1);
}

static void test_addresses(void **state)
{
    (void)state;
    assert_int_equal(bed_run(address_body, NULL), SIM_VERDICT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),        cmocka_unit_test(test_binding),
        cmocka_unit_test(test_group),        cmocka_unit_test(test_bad_networks),
        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
