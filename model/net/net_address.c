/* SPDX-License-Identifier: MIT */
/*
 * Addresses: who owns which, what a name leads to, which source address a packet gets.
 *
 * Host h owns 10.0.0.(h+1), fd00::(h+1), its loopback addresses, and whatever the world has given
 * it. The local host gains and loses a second address per family (10.0.1.1, fd00:1::1) when the
 * world says so.
 *
 * Names: "localhost"; "host.name" is the local host; "peerN" is host N; a dotted or colon-separated
 * name that is an address is that address; "*.invalid" is unknown; any other name is that of some
 * peer, in order of first use, so that a driver that looks up its server finds one.
 */
#include "model/net/net_internal.h"

#include <stdio.h>

/* ---- kinds of addresses ---- */

static size_t ip_bytes(const struct net_address *a)
{
    return a->family == NET_IPV4 ? 4 : 16;
}

bool net_address_is_wildcard(const struct net_address *a)
{
    static const uint8_t zero[16];
    return memcmp(a->ip, zero, ip_bytes(a)) == 0;
}

bool net_address_is_loopback(const struct net_address *a)
{
    static const uint8_t one[16] = {[15] = 1};
    return a->family == NET_IPV4 ? a->ip[0] == 127 : memcmp(a->ip, one, sizeof one) == 0;
}

bool net_address_is_multicast(const struct net_address *a)
{
    return a->family == NET_IPV4 ? (a->ip[0] & 0xf0) == 0xe0 : a->ip[0] == 0xff;
}

bool net_address_is_broadcast(const struct net_address *a)
{
    static const uint8_t all[4] = {255, 255, 255, 255}, subnet[4] = {10, 0, 0, 255};
    return a->family == NET_IPV4 && (memcmp(a->ip, all, 4) == 0 || memcmp(a->ip, subnet, 4) == 0);
}

bool net_address_same_ip(const struct net_address *a, const struct net_address *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, ip_bytes(a)) == 0;
}

bool net_address_matches(const struct net_address *bound, const struct net_address *wanted)
{
    return bound->port == wanted->port && bound->family == wanted->family &&
           (net_address_is_wildcard(bound) || net_address_same_ip(bound, wanted));
}

/* ---- hosts ---- */

void net_addresses_reset(struct sim *s)
{
    struct net_state *net = net_of(s);
    net->hosts_up = 1u << NET_LOCAL;
    memset(net->port, 0, sizeof net->port);
    memset(net->has_second, 0, sizeof net->has_second);
    net->extra_count = net->name_count = net->changes = 0;
    net->addresses_changed = NULL;
}

void net_host_up(struct sim *s, uint32_t host)
{
    SIM_ASSERT_OP(host, <, NET_HOSTS_MAX);
    net_of(s)->hosts_up |= (uint16_t)(1u << host);
}

static void main_address(uint32_t host, enum net_family family, struct net_address *out)
{
    *out = (struct net_address){.family = (uint8_t)family};
    if (family == NET_IPV4) {
        out->ip[0] = 10;
        out->ip[3] = (uint8_t)(host + 1);
    } else {
        out->ip[0] = 0xfd;
        out->ip[15] = (uint8_t)(host + 1);
    }
}

static void second_address(enum net_family family, struct net_address *out)
{
    main_address(NET_LOCAL, family, out);
    out->ip[family == NET_IPV4 ? 2 : 3] = 1;
}

static void loopback_address(enum net_family family, struct net_address *out)
{
    *out = (struct net_address){.family = (uint8_t)family};
    if (family == NET_IPV4) {
        out->ip[0] = 127;
        out->ip[3] = 1;
    } else {
        out->ip[15] = 1;
    }
}

bool net_host_address(struct sim *s, uint32_t host, enum net_family family, uint32_t index,
                      struct net_address *out)
{
    struct net_state *net = net_of(s);
    SIM_ASSERT(family == NET_IPV4 || family == NET_IPV6);
    if (index-- == 0) {
        main_address(host, family, out);
        return true;
    }
    if (host == NET_LOCAL && net->has_second[family] && index-- == 0) {
        second_address(family, out);
        return true;
    }
    for (uint32_t i = 0; i < net->extra_count; i++) {
        const struct net_extra *extra = &net->extra[i];
        if (extra->host == host && extra->address.family == family && index-- == 0) {
            *out = extra->address;
            return true;
        }
    }
    if (index == 0) {
        loopback_address(family, out);
        return true;
    }
    return false;
}

uint32_t net_host_named(const struct net_address *address)
{
    struct net_address own;
    uint32_t host = (uint32_t)address->ip[address->family == NET_IPV4 ? 3 : 15] - 1;
    if (host >= NET_HOSTS_MAX) {
        return NET_HOSTS_MAX;
    }
    main_address(host, address->family, &own);
    return net_address_same_ip(&own, address) ? host : NET_HOSTS_MAX;
}

bool net_host_of(struct sim *s, uint32_t from, const struct net_address *address, uint32_t *host)
{
    struct net_state *net = net_of(s);
    struct net_address own;
    *host = from;
    if (net_address_is_loopback(address)) {
        return true;
    }
    uint32_t named = net_host_named(address);
    if (named < NET_HOSTS_MAX && (net->hosts_up >> named & 1) != 0) {
        *host = named;
        return true;
    }
    second_address(address->family, &own);
    if (net->has_second[address->family] && net_address_same_ip(&own, address)) {
        *host = NET_LOCAL;
        return true;
    }
    for (uint32_t i = 0; i < net->extra_count; i++) {
        if (net_address_same_ip(&net->extra[i].address, address)) {
            *host = net->extra[i].host;
            return true;
        }
    }
    return false;
}

bool net_host_owns(struct sim *s, uint32_t host, const struct net_address *address)
{
    uint32_t owner;
    return net_address_is_wildcard(address) ||
           (net_host_of(s, host, address, &owner) && owner == host);
}

bool net_host_add_address(struct sim *s, uint32_t host, const struct net_address *address)
{
    struct net_state *net = net_of(s);
    if (net->extra_count == NET_EXTRA_MAX) {
        return false;
    }
    net_host_up(s, host);
    struct net_extra *extra = &net->extra[net->extra_count++];
    extra->host = host;
    extra->address = *address;
    extra->address.port = 0;
    return true;
}

bool net_route(struct sim *s, uint32_t host, const struct net_address *remote,
               struct net_address *local)
{
    (void)s;
    if ((remote->family != NET_IPV4 && remote->family != NET_IPV6) ||
        net_address_is_wildcard(remote)) {
        return false;
    }
    if (net_address_is_loopback(remote)) {
        loopback_address(remote->family, local);
    } else {
        main_address(host, remote->family, local);
    }
    return true;
}

void net_local_address_change(struct sim *s)
{
    struct net_state *net = net_of(s);
    enum net_family family = net->changes++ % 2 == 0 ? NET_IPV4 : NET_IPV6;
    struct net_address address;
    net->has_second[family] = !net->has_second[family];
    second_address(family, &address);
    netio_address_changed(s, &address, net->has_second[family]);
    if (net->addresses_changed != NULL) {
        net->addresses_changed(s, family);
    }
}

void net_watch_addresses(struct sim *s, void (*changed)(struct sim *s, enum net_family family))
{
    net_of(s)->addresses_changed = changed;
}

/* ---- names ---- */

static bool parse_ipv4(const char *name, struct net_address *out)
{
    unsigned part[4];
    int end = 0;
    if (sscanf(name, "%3u.%3u.%3u.%3u%n", &part[0], &part[1], &part[2], &part[3], &end) != 4 ||
        name[end] != '\0') {
        return false;
    }
    *out = (struct net_address){.family = NET_IPV4};
    for (int i = 0; i < 4; i++) {
        if (part[i] > 255) {
            return false;
        }
        out->ip[i] = (uint8_t)part[i];
    }
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* Groups of hexadecimal digits with at most one "::"; no dotted tail. */
static bool parse_ipv6(const char *name, struct net_address *out)
{
    uint8_t ip[16] = {0};
    int count = 0, gap = -1;
    *out = (struct net_address){.family = NET_IPV6};
    if (name[0] == ':' && name[1] == ':') {
        gap = 0;
        name += 2;
    }
    while (*name != '\0') {
        unsigned value = 0;
        int digits = 0;
        for (; hex_digit(*name) >= 0 && digits < 4; name++, digits++) {
            value = value * 16 + (unsigned)hex_digit(*name);
        }
        if (digits == 0 || count == 16) {
            return false;
        }
        ip[count++] = (uint8_t)(value >> 8);
        ip[count++] = (uint8_t)value;
        if (name[0] == ':' && name[1] == ':' && gap < 0) {
            gap = count;
            name += 2;
        } else if (name[0] == ':' && name[1] != '\0') {
            name++;
        } else if (*name != '\0') {
            return false;
        }
    }
    if (gap < 0 ? count != 16 : count > 14) {
        return false;
    }
    int head = gap < 0 ? count : gap;
    memcpy(out->ip, ip, (size_t)head);
    memcpy(out->ip + 16 - (count - head), ip + head, (size_t)(count - head));
    return true;
}

/* The peer that goes by this name; a new name gets the next one. NET_HOSTS_MAX if there is none. */
static uint32_t named_host(struct sim *s, const char *name)
{
    struct net_state *net = net_of(s);
    unsigned number;
    int end = 0;
    if (strcmp(name, "host.name") == 0) {
        return NET_LOCAL;
    }
    if (sscanf(name, "peer%2u%n", &number, &end) == 1 && name[end] == '\0') {
        return number >= 1 && number < NET_HOSTS_MAX ? number : NET_HOSTS_MAX;
    }
    size_t size = strlen(name);
    if (size == 0 || size >= NET_NAME_BYTES ||
        (size >= 8 && strcmp(name + size - 8, ".invalid") == 0)) {
        return NET_HOSTS_MAX;
    }
    for (uint32_t i = 0; i < net->name_count; i++) {
        if (strcmp(net->name[i], name) == 0) {
            return 1 + i % (NET_HOSTS_MAX - 1);
        }
    }
    if (net->name_count == NET_NAMES_MAX) {
        return NET_HOSTS_MAX;
    }
    memcpy(net->name[net->name_count], name, size + 1);
    return 1 + net->name_count++ % (NET_HOSTS_MAX - 1);
}

bool net_name_to_address(struct sim *s, const char *name, enum net_family family, uint32_t index,
                         struct net_address *out)
{
    struct net_address address;
    if (parse_ipv4(name, &address) || parse_ipv6(name, &address)) {
        *out = address;
        return index == 0 && address.family == family;
    }
    if (strcmp(name, "localhost") == 0) {
        loopback_address(family, out);
        return index == 0;
    }
    uint32_t host = named_host(s, name);
    if (host == NET_HOSTS_MAX) {
        return false;
    }
    net_host_up(s, host);
    return net_host_address(s, host, family, index, out) && !net_address_is_loopback(out);
}

const char *net_address_to_name(struct sim *s, const struct net_address *address)
{
    static char name[16];
    uint32_t host;
    if (net_address_is_loopback(address)) {
        return "localhost";
    }
    if (!net_host_of(s, NET_LOCAL, address, &host)) {
        return NULL;
    }
    if (host == NET_LOCAL) {
        return "host.name";
    }
    snprintf(name, sizeof name, "peer%u", host);
    return name;
}

/* ---- ports ---- */

static bool is_port_used(struct sim *s, uint32_t host, enum net_protocol protocol, uint16_t port)
{
    struct net_state *net = net_of(s);
    for (uint32_t i = 0; protocol == NET_TCP && i < net->listener_count; i++) {
        if (net->listener[i]->host == host && net->listener[i]->local.port == port) {
            return true;
        }
    }
    for (uint32_t i = 0; protocol == NET_UDP && i < net->udp_count; i++) {
        if (net->udp[i]->host == host && net->udp[i]->local.port == port) {
            return true;
        }
    }
    return false;
}

uint16_t net_ephemeral_port(struct sim *s, uint32_t host, enum net_protocol protocol)
{
    uint16_t *next = &net_of(s)->port[host][protocol];
    uint32_t port;
    do {
        port = NET_EPHEMERAL_FIRST + *next;
        *next = (uint16_t)((*next + 1u) % (65536u - NET_EPHEMERAL_FIRST));
    } while (is_port_used(s, host, protocol, (uint16_t)port));
    return (uint16_t)port;
}
