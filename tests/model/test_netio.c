/* SPDX-License-Identifier: MIT */
/* IP Helper: tables, routes, notices of changes, and what must be given back. */
#include "test_ke.h"

#include <netioapi.h>

#include "model/net/net.h"

static SOCKADDR_INET v4(unsigned a, unsigned b, unsigned c, unsigned d)
{
    const uint8_t ip[4] = {(uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d};
    SOCKADDR_INET address = {0};
    address.Ipv4.sin_family = AF_INET;
    memcpy(&address.Ipv4.sin_addr, ip, 4);
    return address;
}

static void expect(bool truth)
{
    SIM_ASSERT(truth);
}

static bool is_ip(const SOCKADDR_INET *address, unsigned a, unsigned b, unsigned c, unsigned d)
{
    const SOCKADDR_INET wanted = v4(a, b, c, d);
    return address->si_family == AF_INET &&
           memcmp(&address->Ipv4.sin_addr, &wanted.Ipv4.sin_addr, 4) == 0;
}

/* ---- interfaces ---- */

static void interfaces_body(void)
{
    NET_LUID luid;
    NET_IFINDEX index = 0;
    expect(ConvertInterfaceIndexToLuid(NET_INTERFACE_ETHERNET, &luid) == STATUS_SUCCESS);
    expect(luid.Info.IfType == IF_TYPE_ETHERNET_CSMACD);
    expect(ConvertInterfaceLuidToIndex(&luid, &index) == STATUS_SUCCESS);
    expect(index == NET_INTERFACE_ETHERNET);
    expect(ConvertInterfaceIndexToLuid(77, &luid) == STATUS_INVALID_PARAMETER);

    MIB_IF_ROW2 *row = ke_test_alloc(sizeof *row);
    memset(row, 0, sizeof *row);
    expect(GetIfEntry2(row) == STATUS_INVALID_PARAMETER);
    row->InterfaceIndex = 77;
    expect(GetIfEntry2(row) == STATUS_NOT_FOUND);
    row->InterfaceIndex = NET_INTERFACE_ETHERNET;
    expect(GetIfEntry2(row) == STATUS_SUCCESS);
    expect(row->OperStatus == IfOperStatusUp && row->Mtu == 1500);

    MIB_IPINTERFACE_ROW *ip = ke_test_alloc(sizeof *ip);
    memset(ip, 0, sizeof *ip);
    ip->InterfaceLuid = row->InterfaceLuid;
    expect(GetIpInterfaceEntry(ip) == STATUS_INVALID_PARAMETER); /* no family */
    ip->Family = AF_INET6;
    expect(GetIpInterfaceEntry(ip) == STATUS_SUCCESS);
    expect(ip->InterfaceIndex == NET_INTERFACE_ETHERNET && ip->Connected && ip->Metric != 0);

    MIB_IF_TABLE2 *table;
    expect(GetIfTable2(&table) == STATUS_SUCCESS);
    expect(table->NumEntries == 2 && table->Table[0].Type == IF_TYPE_SOFTWARE_LOOPBACK);
    FreeMibTable(table);
    MIB_IPINTERFACE_TABLE *ips;
    expect(GetIpInterfaceTable(AF_UNSPEC, &ips) == STATUS_SUCCESS);
    expect(ips->NumEntries == 4);
    FreeMibTable(ips);
    netio_check_unload(sim_current);
}

static void test_interfaces(void **state)
{
    (void)state;
    ke_test_good(interfaces_body);
}

/* ---- addresses and routes ---- */

/* How many routes and addresses of IPv4 there are; what they say agrees with each other. */
static void count_rows(uint32_t *routes, uint32_t *addresses)
{
    MIB_UNICASTIPADDRESS_TABLE *owned;
    MIB_IPFORWARD_TABLE2 *table;
    expect(GetUnicastIpAddressTable(AF_INET, &owned) == STATUS_SUCCESS);
    expect(GetIpForwardTable2(AF_INET, &table) == STATUS_SUCCESS);
    *addresses = owned->NumEntries;
    *routes = table->NumEntries;
    for (uint32_t i = 0; i < owned->NumEntries; i++) {
        MIB_UNICASTIPADDRESS_ROW row = owned->Table[i];
        expect(GetUnicastIpAddressEntry(&row) == STATUS_SUCCESS);
        uint32_t hosts = 0;
        for (uint32_t k = 0; k < table->NumEntries; k++) {
            const IP_ADDRESS_PREFIX *p = &table->Table[k].DestinationPrefix;
            hosts += p->PrefixLength == 32 &&
                     p->Prefix.Ipv4.sin_addr.s_addr == row.Address.Ipv4.sin_addr.s_addr;
        }
        expect(hosts == 1);
    }
    for (uint32_t k = 0; k < table->NumEntries; k++) {
        MIB_IPFORWARD_ROW2 row = table->Table[k];
        expect(GetIpForwardEntry2(&row) == STATUS_SUCCESS);
    }
    FreeMibTable(owned);
    FreeMibTable(table);
}

static void tables_body(void)
{
    uint32_t routes, addresses, more_routes, more_addresses;
    count_rows(&routes, &addresses);
    expect(addresses == 2); /* 10.0.0.1, 127.0.0.1 */
    net_local_address_change(sim_current); /* one more of IPv4 */
    count_rows(&more_routes, &more_addresses);
    expect(more_addresses == addresses + 1 && more_routes == routes + 2);
    MIB_IPFORWARD_TABLE2 *table;
    expect(GetIpForwardTable2(AF_APPLETALK, &table) == STATUS_INVALID_PARAMETER);
    netio_check_unload(sim_current);
}

static void test_tables(void **state)
{
    (void)state;
    ke_test_good(tables_body);
}

/* The prefix length, the interface and the source of the way to an address. */
static void expect_way(unsigned a, unsigned b, unsigned c, unsigned d, unsigned length,
                       uint32_t interface, unsigned source)
{
    const SOCKADDR_INET to = v4(a, b, c, d);
    MIB_IPFORWARD_ROW2 best;
    SOCKADDR_INET from;
    expect(GetBestRoute2(NULL, 0, NULL, &to, 0, &best, &from) == STATUS_SUCCESS);
    expect(best.DestinationPrefix.PrefixLength == length && best.InterfaceIndex == interface);
    expect(is_ip(&from, source, 0, 0, 1));
    struct net_address remote = {.family = NET_IPV4}, local;
    memcpy(remote.ip, &to.Ipv4.sin_addr, 4);
    expect(net_route(sim_current, NET_LOCAL, &remote, &local));
    expect(memcmp(local.ip, &from.Ipv4.sin_addr, 4) == 0); /* what a packet really gets */
}

static void best_route_body(void)
{
    const SOCKADDR_INET nowhere = v4(0, 0, 0, 0), to = v4(10, 0, 0, 2);
    MIB_IPFORWARD_ROW2 best;
    SOCKADDR_INET from;
    NET_LUID luid;
    expect_way(10, 0, 0, 2, 24, NET_INTERFACE_ETHERNET, 10);
    expect_way(10, 0, 0, 1, 32, NET_INTERFACE_ETHERNET, 10);
    expect_way(127, 3, 0, 1, 8, NET_INTERFACE_LOOPBACK, 127);
    expect_way(8, 8, 8, 8, 0, NET_INTERFACE_ETHERNET, 10);
    expect_way(224, 0, 0, 5, 4, NET_INTERFACE_ETHERNET, 10);
    expect(GetBestRoute2(NULL, 0, NULL, &nowhere, 0, &best, &from) == STATUS_NETWORK_UNREACHABLE);
    expect(ConvertInterfaceIndexToLuid(NET_INTERFACE_LOOPBACK, &luid) == STATUS_SUCCESS);
    expect(GetBestRoute2(&luid, 0, NULL, &to, 0, &best, &from) == STATUS_NETWORK_UNREACHABLE);
    expect(GetBestRoute2(NULL, 77, NULL, &to, 0, &best, &from) == STATUS_NOT_FOUND);
    expect(GetBestRoute2(NULL, 0, NULL, NULL, 0, &best, &from) == STATUS_INVALID_PARAMETER);
}

static void test_best_route(void **state)
{
    (void)state;
    ke_test_good(best_route_body);
}

/* ---- notices ---- */

struct watch {
    HANDLE handle;
    LONG told, added, removed, initial, hosts;
    bool is_over; /* cancelled: nothing may come any more */
    bool is_inside, lingers;
};

static struct watch *watch_new(void)
{
    struct watch *w = ke_test_alloc(sizeof *w);
    memset(w, 0, sizeof *w);
    return w;
}

static void count_notice(struct watch *w, const void *row, MIB_NOTIFICATION_TYPE type)
{
    expect(!w->is_over && !w->is_inside); /* never after the cancel, one at a time */
    expect(KeGetCurrentIrql() == PASSIVE_LEVEL);
    w->is_inside = true;
    if (w->lingers) {
        LARGE_INTEGER span = ke_test_ms(1);
        KeDelayExecutionThread(KernelMode, FALSE, &span);
    }
    expect((row == NULL) == (type == MibInitialNotification));
    w->told++;
    w->added += type == MibAddInstance;
    w->removed += type == MibDeleteInstance;
    w->initial += type == MibInitialNotification;
    w->is_inside = false;
}

static VOID route_changed(PVOID context, PMIB_IPFORWARD_ROW2 row, MIB_NOTIFICATION_TYPE type)
{
    struct watch *w = context;
    if (row != NULL) {
        w->hosts += row->DestinationPrefix.PrefixLength == 32;
        expect(row->InterfaceIndex == NET_INTERFACE_ETHERNET);
    }
    count_notice(w, row, type);
}

static VOID address_changed(PVOID context, PMIB_UNICASTIPADDRESS_ROW row,
                            MIB_NOTIFICATION_TYPE type)
{
    expect(row == NULL || is_ip(&row->Address, 10, 0, 1, 1));
    count_notice(context, row, type);
}

static VOID interface_changed(PVOID context, PMIB_IPINTERFACE_ROW row, MIB_NOTIFICATION_TYPE type)
{
    count_notice(context, row, type);
}

static void pass(LONGLONG ms)
{
    LARGE_INTEGER span = ke_test_ms(ms);
    KeDelayExecutionThread(KernelMode, FALSE, &span);
}

static void cancel(struct watch *w)
{
    expect(CancelMibChangeNotify2(w->handle) == STATUS_SUCCESS);
    w->is_over = true;
}

static void notices_body(void)
{
    struct watch *route = watch_new(), *address = watch_new(), *interface = watch_new(),
                 *other = watch_new();
    expect(NotifyRouteChange2(AF_INET, route_changed, route, FALSE, &route->handle) == 0);
    expect(NotifyRouteChange2(AF_INET6, route_changed, other, FALSE, &other->handle) == 0);
    expect(NotifyUnicastIpAddressChange(AF_UNSPEC, address_changed, address, TRUE,
                                        &address->handle) == 0);
    expect(NotifyIpInterfaceChange(AF_UNSPEC, interface_changed, interface, TRUE,
                                   &interface->handle) == 0);
    net_local_address_change(sim_current);
    pass(10000);
    expect(route->added == 2 && route->hosts == 1 && route->told == 2);
    expect(other->told == 0);
    expect(address->initial == 1 && address->added == 1 && address->told == 2);
    expect(interface->initial == 1 && interface->told == 1);
    cancel(address);
    cancel(interface);
    net_local_address_change(sim_current); /* IPv6 now */
    net_local_address_change(sim_current); /* and the IPv4 one goes */
    pass(10000);
    expect(route->removed == 2 && other->added == 2);
    cancel(route);
    cancel(other);
    expect(CancelMibChangeNotify2(NULL) == STATUS_INVALID_PARAMETER);
    netio_check_unload(sim_current);
}

static void test_notices(void **state)
{
    (void)state;
    ke_test_good(notices_body);
}

/* The cancel comes while the callback runs, before it, or after it. */
static void cancel_race_body(void)
{
    struct watch *w = watch_new();
    w->lingers = true;
    expect(NotifyRouteChange2(AF_UNSPEC, route_changed, w, TRUE, &w->handle) == 0);
    net_local_address_change(sim_current);
    cancel(w);
    expect(!w->is_inside);
    pass(20);
    netio_check_unload(sim_current);
}

static void test_cancel_race(void **state)
{
    (void)state;
    ke_test_good(cancel_race_body);
}

/* ---- breaches ---- */

static VOID cancels_itself(PVOID context, PMIB_IPFORWARD_ROW2 row, MIB_NOTIFICATION_TYPE type)
{
    (void)row;
    (void)type;
    CancelMibChangeNotify2(((struct watch *)context)->handle);
}

static void self_cancel_body(void)
{
    struct watch *w = watch_new();
    expect(NotifyRouteChange2(AF_INET, cancels_itself, w, TRUE, &w->handle) == 0);
    pass(10);
}

static void kept_notice_body(void)
{
    struct watch *w = watch_new();
    expect(NotifyRouteChange2(AF_INET, route_changed, w, FALSE, &w->handle) == 0);
    netio_check_unload(sim_current);
}

static void second_cancel_body(void)
{
    struct watch *w = watch_new();
    expect(NotifyRouteChange2(AF_INET, route_changed, w, FALSE, &w->handle) == 0);
    cancel(w);
    CancelMibChangeNotify2(w->handle);
}

static void kept_table_body(void)
{
    MIB_IPFORWARD_TABLE2 *table;
    expect(GetIpForwardTable2(AF_INET, &table) == STATUS_SUCCESS);
    netio_check_unload(sim_current);
}

static void twice_freed_body(void)
{
    MIB_IF_TABLE2 *table;
    expect(GetIfTable2(&table) == STATUS_SUCCESS);
    FreeMibTable(table);
    FreeMibTable(table);
}

static void pool_freed_body(void)
{
    FreeMibTable(ke_test_alloc(64));
}

static void as_pool_body(void)
{
    MIB_IF_TABLE2 *table;
    expect(GetIfTable2(&table) == STATUS_SUCCESS);
    ExFreePool(table);
}

static void test_breaches(void **state)
{
    (void)state;
    ke_test_bad(self_cancel_body, RULE_SYS_DEADLOCK);
    ke_test_bad(kept_notice_body, RULE_KRN_283);
    ke_test_bad(second_cancel_body, RULE_MEM_UAF);
    ke_test_bad(kept_table_body, RULE_KRN_284);
    ke_test_bad(twice_freed_body, RULE_KRN_195);
    ke_test_bad(pool_freed_body, RULE_KRN_196);
    ke_test_bad(as_pool_body, RULE_KRN_196);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interfaces),  cmocka_unit_test(test_tables),
        cmocka_unit_test(test_best_route),  cmocka_unit_test(test_notices),
        cmocka_unit_test(test_cancel_race), cmocka_unit_test(test_breaches),
    };
    return cmocka_run_group_tests(tests, ke_test_setup, NULL);
}
