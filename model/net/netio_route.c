/* SPDX-License-Identifier: MIT */
/*
 * See netio.h. Addresses are those of net_host_address for the local host. Routes follow from them:
 *
 *   of the family      0/0 by the gateway, the loopback prefix, multicast (and broadcast) on link
 *   of an address      its prefix on link (/24, /64), and the address itself
 *
 * The best route to an address has the longest prefix; the source address it comes with is the one
 * the network would give to a packet (net_route).
 */
#include "model/net/netio.h"

enum { LIFETIME_INFINITE = -1, ETHERNET_BITS_V4 = 24, ETHERNET_BITS_V6 = 64 };
#define METRIC_ON_LINK 256u /* what Windows gives routes it makes itself */

/* ---- addresses ---- */

enum net_family netio_family(unsigned family)
{
    return family == AF_INET ? NET_IPV4 : family == AF_INET6 ? NET_IPV6 : NET_FAMILY_NONE;
}

uint32_t netio_carrier(const struct net_address *address)
{
    return net_address_is_loopback(address) ? NET_INTERFACE_LOOPBACK : NET_INTERFACE_ETHERNET;
}

static unsigned all_bits(enum net_family family)
{
    return family == NET_IPV4 ? 32 : 128;
}

static void address_out(const struct net_address *from, SOCKADDR_INET *to)
{
    memset(to, 0, sizeof *to);
    if (from->family == NET_IPV4) {
        to->Ipv4.sin_family = AF_INET;
        memcpy(&to->Ipv4.sin_addr, from->ip, 4);
    } else {
        to->Ipv6.sin6_family = AF_INET6;
        memcpy(&to->Ipv6.sin6_addr, from->ip, 16);
    }
}

static bool address_in(const SOCKADDR_INET *from, struct net_address *to)
{
    *to = (struct net_address){.family = (uint8_t)netio_family(from->si_family)};
    if (to->family == NET_IPV4) {
        memcpy(to->ip, &from->Ipv4.sin_addr, 4);
    } else if (to->family == NET_IPV6) {
        memcpy(to->ip, &from->Ipv6.sin6_addr, 16);
    }
    return to->family != NET_FAMILY_NONE;
}

static uint8_t link_bits(const struct net_address *address)
{
    if (net_address_is_loopback(address)) {
        return address->family == NET_IPV4 ? 8 : 128;
    }
    return address->family == NET_IPV4 ? ETHERNET_BITS_V4 : ETHERNET_BITS_V6;
}

void netio_address_row(const struct net_address *address, MIB_UNICASTIPADDRESS_ROW *row)
{
    uint32_t interface = netio_carrier(address);
    bool is_loopback = interface == NET_INTERFACE_LOOPBACK;
    *row = (MIB_UNICASTIPADDRESS_ROW){
        .InterfaceLuid.Value = netio_luid(interface),
        .InterfaceIndex = interface,
        .PrefixOrigin = is_loopback ? IpPrefixOriginWellKnown : IpPrefixOriginManual,
        .SuffixOrigin = is_loopback ? IpSuffixOriginWellKnown : IpSuffixOriginManual,
        .ValidLifetime = (ULONG)LIFETIME_INFINITE,
        .PreferredLifetime = (ULONG)LIFETIME_INFINITE,
        .OnLinkPrefixLength = link_bits(address),
        .DadState = IpDadStatePreferred,
    };
    address_out(address, &row->Address);
}

/* The addresses of the local host in a family (NET_FAMILY_NONE: in both). */
static uint32_t addresses_of(struct sim *s, enum net_family family, struct net_address *out)
{
    uint32_t count = 0;
    for (enum net_family f = NET_IPV4; f <= NET_IPV6; f++) {
        if (family != NET_FAMILY_NONE && family != f) {
            continue;
        }
        for (uint32_t i = 0; net_host_address(s, NET_LOCAL, f, i, &out[count]); i++) {
            count++;
        }
    }
    SIM_ASSERT_OP(count, <=, 2 * NETIO_ADDRESSES_MAX);
    return count;
}

static struct net_address addresses[2 * NETIO_ADDRESSES_MAX + 1]; /* of the call in progress */

NTSTATUS GetUnicastIpAddressTable(ADDRESS_FAMILY Family, PMIB_UNICASTIPADDRESS_TABLE *Table)
{
    struct sim *s = model_enter(ROUTINE_GetUnicastIpAddressTable);
    model_touch(s, Table, sizeof *Table, "Table");
    *Table = NULL;
    if (Family != AF_UNSPEC && netio_family(Family) == NET_FAMILY_NONE) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    uint32_t count = addresses_of(s, netio_family(Family), addresses);
    MIB_UNICASTIPADDRESS_TABLE *table =
        netio_table_new(s, offsetof(MIB_UNICASTIPADDRESS_TABLE, Table),
                        sizeof(MIB_UNICASTIPADDRESS_ROW), count);
    if (table == NULL) {
        return model_leave_status(s, STATUS_INSUFFICIENT_RESOURCES);
    }
    table->NumEntries = count;
    for (uint32_t i = 0; i < count; i++) {
        netio_address_row(&addresses[i], &table->Table[i]);
    }
    *Table = table;
    return model_leave_status(s, STATUS_SUCCESS);
}

NTSTATUS GetUnicastIpAddressEntry(PMIB_UNICASTIPADDRESS_ROW Row)
{
    struct sim *s = model_enter(ROUTINE_GetUnicastIpAddressEntry);
    struct net_address wanted;
    model_touch(s, Row, sizeof *Row, "Row");
    bool is_named = Row->InterfaceLuid.Value != 0 || Row->InterfaceIndex != 0;
    if (!is_named || !address_in(&Row->Address, &wanted)) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    uint32_t interface = netio_interface_of(Row->InterfaceLuid.Value, Row->InterfaceIndex);
    uint32_t count = addresses_of(s, wanted.family, addresses);
    for (uint32_t i = 0; i < count; i++) {
        if (net_address_same_ip(&addresses[i], &wanted) && netio_carrier(&wanted) == interface) {
            netio_address_row(&addresses[i], Row);
            return model_leave_status(s, STATUS_SUCCESS);
        }
    }
    return model_leave_status(s, STATUS_NOT_FOUND);
}

/* ---- routes ---- */

/* Clears what is behind the first bits of an address. */
static void cut(struct net_address *address, unsigned bits)
{
    for (unsigned i = 0; i < sizeof address->ip; i++) {
        unsigned kept = bits > i * 8 ? bits - i * 8 : 0;
        if (kept < 8) {
            address->ip[i] &= (uint8_t)(0xff00u >> kept);
        }
    }
}

static bool is_within(const struct netio_route *route, const struct net_address *address)
{
    struct net_address prefix = *address;
    cut(&prefix, route->length);
    return net_address_same_ip(&prefix, &route->prefix);
}

uint32_t netio_routes_of(const struct net_address *address, struct netio_route out[2])
{
    uint32_t count = 0;
    struct netio_route route = {.prefix = *address,
                                .next_hop.family = address->family,
                                .length = link_bits(address),
                                .interface = (uint8_t)netio_carrier(address),
                                .is_local = net_address_is_loopback(address)};
    cut(&route.prefix, route.length);
    if (route.length < all_bits(address->family)) {
        out[count++] = route;
    }
    route.prefix = *address;
    route.length = (uint8_t)all_bits(address->family);
    route.is_local = true;
    out[count++] = route;
    return count;
}

/* Routes that are there whatever the addresses: the default one, multicast, broadcast. */
static uint32_t fixed_routes(enum net_family family, struct netio_route *out)
{
    bool is_v4 = family == NET_IPV4;
    uint32_t count = 0;
    const struct netio_route all = {.prefix.family = (uint8_t)family,
                                    .next_hop.family = (uint8_t)family,
                                    .interface = NET_INTERFACE_ETHERNET};
    out[count] = all;
    memcpy(out[count].next_hop.ip,
           is_v4 ? (const uint8_t[16]){10, 0, 0, 254}
                 : (const uint8_t[16]){0xfe, 0x80, [15] = 0xfe}, 16);
    count++;
    for (uint8_t i = NET_INTERFACE_LOOPBACK; i <= NET_INTERFACE_ETHERNET; i++) {
        struct netio_route *multicast = &out[count++];
        *multicast = all;
        multicast->interface = i;
        multicast->prefix.ip[0] = is_v4 ? 224 : 0xff;
        multicast->length = is_v4 ? 4 : 8;
        if (is_v4) {
            struct netio_route *broadcast = &out[count++];
            *broadcast = *multicast;
            memset(broadcast->prefix.ip, 0xff, 4);
            broadcast->length = 32;
        }
    }
    return count;
}

/* The routes of a family; at most NETIO_ROUTES_MAX. */
static uint32_t routes_of(struct sim *s, enum net_family family, struct netio_route *out)
{
    uint32_t count = fixed_routes(family, out);
    uint32_t owned = addresses_of(s, family, addresses);
    for (uint32_t i = 0; i < owned; i++) {
        struct netio_route of_address[2];
        uint32_t n = netio_routes_of(&addresses[i], of_address);
        for (uint32_t k = 0; k < n; k++) {
            bool is_new = true; /* two addresses of one link share its route */
            for (uint32_t j = 0; j < count; j++) {
                is_new = is_new && (out[j].length != of_address[k].length ||
                                    !net_address_same_ip(&out[j].prefix, &of_address[k].prefix));
            }
            if (is_new) {
                out[count++] = of_address[k];
            }
        }
    }
    SIM_ASSERT_OP(count, <=, NETIO_ROUTES_MAX);
    return count;
}

static bool has_gateway(const struct netio_route *route)
{
    return !net_address_is_wildcard(&route->next_hop);
}

void netio_route_row(const struct netio_route *route, MIB_IPFORWARD_ROW2 *row)
{
    *row = (MIB_IPFORWARD_ROW2){
        .InterfaceLuid.Value = netio_luid(route->interface),
        .InterfaceIndex = route->interface,
        .DestinationPrefix.PrefixLength = route->length,
        .ValidLifetime = (ULONG)LIFETIME_INFINITE,
        .PreferredLifetime = (ULONG)LIFETIME_INFINITE,
        .Metric = has_gateway(route) ? 0 : METRIC_ON_LINK,
        .Protocol = has_gateway(route) ? RouteProtocolNetMgmt : RouteProtocolLocal,
        .Loopback = route->is_local,
        .AutoconfigureAddress = FALSE,
        .Immortal = !has_gateway(route),
        .Origin = has_gateway(route) ? NlroManual : NlroWellKnown,
    };
    address_out(&route->prefix, &row->DestinationPrefix.Prefix);
    address_out(&route->next_hop, &row->NextHop);
}

static struct netio_route routes[2 * NETIO_ROUTES_MAX]; /* of the call in progress */

static uint32_t routes_of_family(struct sim *s, ADDRESS_FAMILY family)
{
    uint32_t count = 0;
    for (enum net_family f = NET_IPV4; f <= NET_IPV6; f++) {
        if (family == AF_UNSPEC || netio_family(family) == f) {
            count += routes_of(s, f, &routes[count]);
        }
    }
    return count;
}

NTSTATUS GetIpForwardTable2(ADDRESS_FAMILY Family, PMIB_IPFORWARD_TABLE2 *Table)
{
    struct sim *s = model_enter(ROUTINE_GetIpForwardTable2);
    model_touch(s, Table, sizeof *Table, "Table");
    *Table = NULL;
    if (Family != AF_UNSPEC && netio_family(Family) == NET_FAMILY_NONE) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    uint32_t count = routes_of_family(s, Family);
    MIB_IPFORWARD_TABLE2 *table = netio_table_new(s, offsetof(MIB_IPFORWARD_TABLE2, Table),
                                                  sizeof(MIB_IPFORWARD_ROW2), count);
    if (table == NULL) {
        return model_leave_status(s, STATUS_INSUFFICIENT_RESOURCES);
    }
    table->NumEntries = count;
    for (uint32_t i = 0; i < count; i++) {
        netio_route_row(&routes[i], &table->Table[i]);
    }
    *Table = table;
    return model_leave_status(s, STATUS_SUCCESS);
}

NTSTATUS GetIpForwardEntry2(PMIB_IPFORWARD_ROW2 Row)
{
    struct sim *s = model_enter(ROUTINE_GetIpForwardEntry2);
    struct net_address prefix, next_hop;
    model_touch(s, Row, sizeof *Row, "Row");
    bool is_named = Row->InterfaceLuid.Value != 0 || Row->InterfaceIndex != 0;
    if (!is_named || !address_in(&Row->DestinationPrefix.Prefix, &prefix) ||
        !address_in(&Row->NextHop, &next_hop) || prefix.family != next_hop.family) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    uint32_t interface = netio_interface_of(Row->InterfaceLuid.Value, Row->InterfaceIndex);
    uint32_t count = routes_of(s, prefix.family, routes);
    for (uint32_t i = 0; i < count; i++) {
        const struct netio_route *r = &routes[i];
        if (r->interface == interface && r->length == Row->DestinationPrefix.PrefixLength &&
            net_address_same_ip(&r->prefix, &prefix) &&
            net_address_same_ip(&r->next_hop, &next_hop)) {
            netio_route_row(r, Row);
            return model_leave_status(s, STATUS_SUCCESS);
        }
    }
    return model_leave_status(s, STATUS_NOT_FOUND);
}

/* The route with the longest prefix on that interface (0 = on any); of equals the cheaper one. */
static const struct netio_route *best_route(struct sim *s, const struct net_address *remote,
                                            uint32_t interface)
{
    const struct netio_route *best = NULL;
    uint32_t count = routes_of(s, remote->family, routes);
    for (uint32_t i = 0; i < count; i++) {
        const struct netio_route *r = &routes[i];
        if ((interface != 0 && r->interface != interface) || !is_within(r, remote)) {
            continue;
        }
        if (best == NULL || r->length > best->length ||
            (r->length == best->length &&
             netio_metric(r->interface) < netio_metric(best->interface))) {
            best = r;
        }
    }
    return best;
}

/* The source address of packets by that route: what the network picks, if the interface has it. */
static bool source_by(struct sim *s, const struct netio_route *route,
                      const struct net_address *remote, struct net_address *source)
{
    if (!net_route(s, NET_LOCAL, remote, source)) {
        return false;
    }
    uint32_t count = addresses_of(s, remote->family, addresses);
    for (uint32_t i = 0; i < count && netio_carrier(source) != route->interface; i++) {
        if (netio_carrier(&addresses[i]) == route->interface) {
            *source = addresses[i];
        }
    }
    return true;
}

/*
 * The documentation wants an interface to be named; callers that name none are common, and are
 * answered from all routes.
 */
NTSTATUS GetBestRoute2(NET_LUID *InterfaceLuid, NET_IFINDEX InterfaceIndex,
                       const SOCKADDR_INET *SourceAddress, const SOCKADDR_INET *DestinationAddress,
                       ULONG AddressSortOptions, PMIB_IPFORWARD_ROW2 BestRoute,
                       SOCKADDR_INET *BestSourceAddress)
{
    struct sim *s = model_enter(ROUTINE_GetBestRoute2);
    struct net_address remote, source;
    uint64_t luid = 0;
    (void)AddressSortOptions;
    if (DestinationAddress == NULL || BestRoute == NULL || BestSourceAddress == NULL) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    if (InterfaceLuid != NULL) {
        model_touch(s, InterfaceLuid, sizeof *InterfaceLuid, "InterfaceLuid");
        luid = InterfaceLuid->Value;
    }
    model_touch(s, DestinationAddress, sizeof *DestinationAddress, "DestinationAddress");
    model_touch(s, BestRoute, sizeof *BestRoute, "BestRoute");
    model_touch(s, BestSourceAddress, sizeof *BestSourceAddress, "BestSourceAddress");
    if (!address_in(DestinationAddress, &remote)) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    uint32_t interface = netio_interface_of(luid, InterfaceIndex);
    if (interface == 0 && (luid != 0 || InterfaceIndex != 0)) {
        return model_leave_status(s, STATUS_NOT_FOUND);
    }
    const struct netio_route *route = best_route(s, &remote, interface);
    if (route == NULL || !source_by(s, route, &remote, &source)) {
        return model_leave_status(s, STATUS_NETWORK_UNREACHABLE);
    }
    if (SourceAddress != NULL) {
        struct net_address wanted;
        model_touch(s, SourceAddress, sizeof *SourceAddress, "SourceAddress");
        if (!address_in(SourceAddress, &wanted) || wanted.family != remote.family) {
            return model_leave_status(s, STATUS_INVALID_PARAMETER);
        }
        source = net_address_is_wildcard(&wanted) ? source : wanted;
    }
    netio_route_row(route, BestRoute);
    address_out(&source, BestSourceAddress);
    return model_leave_status(s, STATUS_SUCCESS);
}
