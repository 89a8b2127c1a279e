/* SPDX-License-Identifier: MIT */
/* Between the SOCKADDR of the client and the net_address of the network. */
#include "model/wsk/wsk.h"

#include <string.h>

SIZE_T wsk_address_size(ADDRESS_FAMILY family)
{
    return family == AF_INET6 ? sizeof(SOCKADDR_IN6) : sizeof(SOCKADDR_IN);
}

static uint16_t swap16(USHORT value)
{
    return (uint16_t)(value >> 8 | value << 8);
}

bool wsk_address_in(struct sim *s, const SOCKADDR *from, ADDRESS_FAMILY family,
                    struct net_address *out, const char *what)
{
    model_touch(s, from, sizeof from->sa_family, what);
    *out = (struct net_address){.family = NET_FAMILY_NONE};
    if (from->sa_family != family || (family != AF_INET && family != AF_INET6)) {
        return false;
    }
    model_touch(s, from, wsk_address_size(family), what);
    if (family == AF_INET) {
        SOCKADDR_IN v4;
        memcpy(&v4, from, sizeof v4);
        out->family = NET_IPV4;
        out->port = swap16(v4.sin_port);
        memcpy(out->ip, &v4.sin_addr, 4);
    } else {
        SOCKADDR_IN6 v6;
        memcpy(&v6, from, sizeof v6);
        out->family = NET_IPV6;
        out->port = swap16(v6.sin6_port);
        out->scope = v6.sin6_scope_id;
        memcpy(out->ip, &v6.sin6_addr, 16);
    }
    return true;
}

/* ---- both families on one socket: IPV6_V6ONLY is 0 (control plane 2.4) ---- */

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff}; /* ::ffff:0:0/96 */

bool wsk_is_dual(const struct wsk_socket *socket)
{
    return socket->family == AF_INET6 && socket->v6only == 0;
}

bool wsk_address_is_mapped(const struct net_address *a)
{
    return a->family == NET_IPV6 && memcmp(a->ip, mapped_prefix, sizeof mapped_prefix) == 0;
}

void wsk_address_map(const struct wsk_socket *socket, struct net_address *a)
{
    if (socket->family != AF_INET6 || a->family != NET_IPV4) {
        return;
    }
    uint8_t v4[4];
    memcpy(v4, a->ip, sizeof v4);
    memcpy(a->ip, mapped_prefix, sizeof mapped_prefix);
    memcpy(a->ip + sizeof mapped_prefix, v4, sizeof v4);
    a->family = NET_IPV6;
    a->scope = 0;
}

struct net_address wsk_address_plain(const struct net_address *a)
{
    struct net_address plain = *a;
    if (wsk_address_is_mapped(a)) {
        memset(plain.ip, 0, sizeof plain.ip);
        memcpy(plain.ip, a->ip + sizeof mapped_prefix, 4);
        plain.family = NET_IPV4;
        plain.scope = 0;
    }
    return plain;
}

struct net_address wsk_address_as_v4(const struct net_address *local)
{
    struct net_address v4 = wsk_address_plain(local);
    if (v4.family == NET_IPV6) { /* the wildcard */
        memset(v4.ip, 0, sizeof v4.ip);
        v4.family = NET_IPV4;
        v4.scope = 0;
    }
    return v4;
}

void wsk_address_out(struct sim *s, const struct net_address *from, PSOCKADDR to, const char *what)
{
    bool is_v6 = from->family == NET_IPV6;
    model_touch(s, to, is_v6 ? sizeof(SOCKADDR_IN6) : sizeof(SOCKADDR_IN), what);
    if (is_v6) {
        SOCKADDR_IN6 v6;
        memset(&v6, 0, sizeof v6);
        v6.sin6_family = AF_INET6;
        v6.sin6_port = swap16(from->port);
        v6.sin6_scope_id = from->scope;
        memcpy(&v6.sin6_addr, from->ip, 16);
        memcpy(to, &v6, sizeof v6);
    } else {
        SOCKADDR_IN v4;
        memset(&v4, 0, sizeof v4);
        v4.sin_family = AF_INET;
        v4.sin_port = swap16(from->port);
        memcpy(&v4.sin_addr, from->ip, 4);
        memcpy(to, &v4, sizeof v4);
    }
}
