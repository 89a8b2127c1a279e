/* SPDX-License-Identifier: MIT */
/* See netio.h. Two interfaces that are always there and always up. */
#include "model/net/netio.h"

enum {
    ETHERNET_MTU = 1500,
    ETHERNET_NUMBER = 0x8000, /* of the LUID */
    ETHERNET_METRIC = 25,     /* what Windows gives a gigabit link */
    LOOPBACK_METRIC = 75,
    REACHABLE_MS = 30000,
    RETRANSMIT_MS = 1000,
    REASSEMBLY_BYTES = 65535,
};
#define ETHERNET_BITS_PER_SECOND 1000000000ull
#define LOOPBACK_BITS_PER_SECOND 1073741824ull
#define LOOPBACK_MTU 0xffffffffu

static const UCHAR ethernet_address[6] = {0x02, 0x00, 0x0a, 0x00, 0x00, 0x01};

/* ---- names of interfaces ---- */

uint64_t netio_luid(uint32_t interface)
{
    bool is_loopback = interface == NET_INTERFACE_LOOPBACK;
    NET_LUID luid = {.Info.NetLuidIndex = is_loopback ? 0 : ETHERNET_NUMBER,
                     .Info.IfType = is_loopback ? IF_TYPE_SOFTWARE_LOOPBACK
                                                : IF_TYPE_ETHERNET_CSMACD};
    return luid.Value;
}

uint32_t netio_interface_of(uint64_t luid, uint32_t index)
{
    for (uint32_t i = NET_INTERFACE_LOOPBACK; i <= NET_INTERFACE_ETHERNET; i++) {
        if (luid != 0 ? luid == netio_luid(i) : index == i) {
            return i;
        }
    }
    return 0;
}

uint32_t netio_metric(uint32_t interface)
{
    return interface == NET_INTERFACE_LOOPBACK ? LOOPBACK_METRIC : ETHERNET_METRIC;
}

NTSTATUS ConvertInterfaceLuidToIndex(const NET_LUID *InterfaceLuid, PNET_IFINDEX InterfaceIndex)
{
    struct sim *s = model_enter(ROUTINE_ConvertInterfaceLuidToIndex);
    model_touch(s, InterfaceLuid, sizeof *InterfaceLuid, "InterfaceLuid");
    model_touch(s, InterfaceIndex, sizeof *InterfaceIndex, "InterfaceIndex");
    uint64_t luid = InterfaceLuid->Value;
    *InterfaceIndex = luid != 0 ? netio_interface_of(luid, 0) : NET_IFINDEX_UNSPECIFIED;
    return model_leave_status(s, *InterfaceIndex != 0 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
}

NTSTATUS ConvertInterfaceIndexToLuid(NET_IFINDEX InterfaceIndex, PNET_LUID InterfaceLuid)
{
    struct sim *s = model_enter(ROUTINE_ConvertInterfaceIndexToLuid);
    model_touch(s, InterfaceLuid, sizeof *InterfaceLuid, "InterfaceLuid");
    uint32_t interface = netio_interface_of(0, InterfaceIndex);
    InterfaceLuid->Value = interface != 0 ? netio_luid(interface) : NET_IFLUID_UNSPECIFIED;
    return model_leave_status(s, interface != 0 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
}

/*
 * The interface of a row that names one; the status is that of the routine if there is none.
 */
static NTSTATUS named(uint64_t luid, uint32_t index, uint32_t *interface)
{
    *interface = netio_interface_of(luid, index);
    return *interface != 0           ? STATUS_SUCCESS
           : luid == 0 && index == 0 ? STATUS_INVALID_PARAMETER
                                     : STATUS_NOT_FOUND;
}

/* ---- interfaces below IP ---- */

static void set_names(MIB_IF_ROW2 *row, bool is_loopback)
{
    static const WCHAR ethernet[] = L"Ethernet", adapter[] = L"Simulated Ethernet Adapter",
                       loopback[] = L"Loopback Pseudo-Interface 1",
                       software[] = L"Software Loopback Interface 1";
    memcpy(row->Alias, is_loopback ? loopback : ethernet,
           is_loopback ? sizeof loopback : sizeof ethernet);
    memcpy(row->Description, is_loopback ? software : adapter,
           is_loopback ? sizeof software : sizeof adapter);
}

static void fill_interface(uint32_t interface, MIB_IF_ROW2 *row)
{
    bool is_loopback = interface == NET_INTERFACE_LOOPBACK;
    *row = (MIB_IF_ROW2){
        .InterfaceLuid.Value = netio_luid(interface),
        .InterfaceIndex = interface,
        .InterfaceGuid = {.Data1 = 0x77736b00u + interface},
        .Mtu = is_loopback ? LOOPBACK_MTU : ETHERNET_MTU,
        .Type = is_loopback ? IF_TYPE_SOFTWARE_LOOPBACK : IF_TYPE_ETHERNET_CSMACD,
        .MediaType = is_loopback ? NdisMediumLoopback : NdisMedium802_3,
        .PhysicalMediumType = is_loopback ? NdisPhysicalMediumUnspecified
                                          : NdisPhysicalMedium802_3,
        .AccessType = is_loopback ? NET_IF_ACCESS_LOOPBACK : NET_IF_ACCESS_BROADCAST,
        .DirectionType = NET_IF_DIRECTION_SENDRECEIVE,
        .OperStatus = IfOperStatusUp,
        .AdminStatus = NET_IF_ADMIN_STATUS_UP,
        .MediaConnectState = MediaConnectStateConnected,
        .ConnectionType = NET_IF_CONNECTION_DEDICATED,
        .TransmitLinkSpeed = is_loopback ? LOOPBACK_BITS_PER_SECOND : ETHERNET_BITS_PER_SECOND,
        .ReceiveLinkSpeed = is_loopback ? LOOPBACK_BITS_PER_SECOND : ETHERNET_BITS_PER_SECOND,
    };
    set_names(row, is_loopback);
    if (!is_loopback) {
        row->InterfaceAndOperStatusFlags.HardwareInterface = 1;
        row->InterfaceAndOperStatusFlags.ConnectorPresent = 1;
        row->PhysicalAddressLength = sizeof ethernet_address;
        memcpy(row->PhysicalAddress, ethernet_address, sizeof ethernet_address);
        memcpy(row->PermanentPhysicalAddress, ethernet_address, sizeof ethernet_address);
    }
}

NTSTATUS GetIfEntry2(PMIB_IF_ROW2 Row)
{
    struct sim *s = model_enter(ROUTINE_GetIfEntry2);
    uint32_t interface;
    model_touch(s, Row, sizeof *Row, "Row");
    NTSTATUS status = named(Row->InterfaceLuid.Value, Row->InterfaceIndex, &interface);
    if (status == STATUS_SUCCESS) {
        fill_interface(interface, Row);
    }
    return model_leave_status(s, status);
}

NTSTATUS GetIfTable2(PMIB_IF_TABLE2 *Table)
{
    struct sim *s = model_enter(ROUTINE_GetIfTable2);
    model_touch(s, Table, sizeof *Table, "Table");
    MIB_IF_TABLE2 *table = netio_table_new(s, offsetof(MIB_IF_TABLE2, Table), sizeof(MIB_IF_ROW2),
                                           NET_INTERFACE_ETHERNET);
    *Table = table;
    if (table == NULL) {
        return model_leave_status(s, STATUS_INSUFFICIENT_RESOURCES);
    }
    table->NumEntries = NET_INTERFACE_ETHERNET;
    for (uint32_t i = 0; i < table->NumEntries; i++) {
        fill_interface(i + 1, &table->Table[i]);
    }
    return model_leave_status(s, STATUS_SUCCESS);
}

/* ---- interfaces of IP ---- */

static void fill_ip_interface(uint32_t interface, ADDRESS_FAMILY family, MIB_IPINTERFACE_ROW *row)
{
    bool is_loopback = interface == NET_INTERFACE_LOOPBACK, is_v6 = family == AF_INET6;
    *row = (MIB_IPINTERFACE_ROW){
        .Family = family,
        .InterfaceLuid.Value = netio_luid(interface),
        .InterfaceIndex = interface,
        .MaxReassemblySize = REASSEMBLY_BYTES,
        .UseAutomaticMetric = TRUE,
        .UseNeighborUnreachabilityDetection = !is_loopback,
        .RouterDiscoveryBehavior = is_v6 && !is_loopback ? RouterDiscoveryEnabled
                                                         : RouterDiscoveryDisabled,
        .DadTransmits = is_loopback ? 0 : is_v6 ? 1 : 3,
        .BaseReachableTime = REACHABLE_MS,
        .RetransmitTime = RETRANSMIT_MS,
        .LinkLocalAddressBehavior = is_v6 && !is_loopback ? LinkLocalAlwaysOn : LinkLocalAlwaysOff,
        .SitePrefixLength = is_v6 ? 64 : 0,
        .Metric = netio_metric(interface),
        .NlMtu = is_loopback ? LOOPBACK_MTU : ETHERNET_MTU,
        .Connected = TRUE,
        .SupportsNeighborDiscovery = !is_loopback,
        .SupportsRouterDiscovery = !is_loopback,
        .ReachableTime = REACHABLE_MS,
    };
    for (unsigned i = 0; i < ScopeLevelCount; i++) {
        row->ZoneIndices[i] = i <= ScopeLevelLink ? interface : 1;
    }
}

NTSTATUS GetIpInterfaceEntry(PMIB_IPINTERFACE_ROW Row)
{
    struct sim *s = model_enter(ROUTINE_GetIpInterfaceEntry);
    uint32_t interface;
    model_touch(s, Row, sizeof *Row, "Row");
    if (netio_family(Row->Family) == NET_FAMILY_NONE) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    NTSTATUS status = named(Row->InterfaceLuid.Value, Row->InterfaceIndex, &interface);
    if (status == STATUS_SUCCESS) {
        fill_ip_interface(interface, Row->Family, Row);
    }
    return model_leave_status(s, status);
}

NTSTATUS GetIpInterfaceTable(ADDRESS_FAMILY Family, PMIB_IPINTERFACE_TABLE *Table)
{
    static const ADDRESS_FAMILY families[] = {AF_INET, AF_INET6};
    struct sim *s = model_enter(ROUTINE_GetIpInterfaceTable);
    model_touch(s, Table, sizeof *Table, "Table");
    *Table = NULL;
    if (Family != AF_UNSPEC && netio_family(Family) == NET_FAMILY_NONE) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    MIB_IPINTERFACE_TABLE *table =
        netio_table_new(s, offsetof(MIB_IPINTERFACE_TABLE, Table), sizeof(MIB_IPINTERFACE_ROW),
                        SIM_COUNT(families) * NET_INTERFACE_ETHERNET);
    if (table == NULL) {
        return model_leave_status(s, STATUS_INSUFFICIENT_RESOURCES);
    }
    for (size_t f = 0; f < SIM_COUNT(families); f++) {
        if (Family != AF_UNSPEC && Family != families[f]) {
            continue;
        }
        for (uint32_t i = NET_INTERFACE_LOOPBACK; i <= NET_INTERFACE_ETHERNET; i++) {
            fill_ip_interface(i, families[f], &table->Table[table->NumEntries++]);
        }
    }
    *Table = table;
    return model_leave_status(s, STATUS_SUCCESS);
}
