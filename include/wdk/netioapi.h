/* SPDX-License-Identifier: MIT */
/*
 * IP Helper for the kernel: tables of interfaces, addresses and routes, and notices of changes.
 *
 * Tables are allocated by the callee and given back with FreeMibTable. All routines run at
 * PASSIVE_LEVEL unless their annotation says otherwise.
 *
 * Limits: multicast addresses, neighbours, paths and compartments are left out.
 */
#ifndef WDK_NETIOAPI_H
#define WDK_NETIOAPI_H

#include "ws2def.h"
#include "ws2ipdef.h"
#include "ifdef.h"
#include "ifmib.h"
#include "nldef.h"
#include "ntddndis.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NETIOAPI_API_ NTAPI
#define NETIOAPI_API NTSTATUS NETIOAPI_API_
typedef NTSTATUS NETIO_STATUS;

typedef enum _MIB_NOTIFICATION_TYPE {
    MibParameterNotification,
    MibAddInstance,
    MibDeleteInstance,
    MibInitialNotification
} MIB_NOTIFICATION_TYPE, *PMIB_NOTIFICATION_TYPE;

/* ---- interfaces ---- */

typedef struct _MIB_IF_ROW2 {
    NET_LUID InterfaceLuid;
    NET_IFINDEX InterfaceIndex;
    GUID InterfaceGuid;
    WCHAR Alias[IF_MAX_STRING_SIZE + 1];
    WCHAR Description[IF_MAX_STRING_SIZE + 1];
    ULONG PhysicalAddressLength;
    UCHAR PhysicalAddress[IF_MAX_PHYS_ADDRESS_LENGTH];
    UCHAR PermanentPhysicalAddress[IF_MAX_PHYS_ADDRESS_LENGTH];
    ULONG Mtu;
    ULONG Type;
    TUNNEL_TYPE TunnelType;
    NDIS_MEDIUM MediaType;
    NDIS_PHYSICAL_MEDIUM PhysicalMediumType;
    NET_IF_ACCESS_TYPE AccessType;
    NET_IF_DIRECTION_TYPE DirectionType;
    struct {
        BOOLEAN HardwareInterface : 1;
        BOOLEAN FilterInterface : 1;
        BOOLEAN ConnectorPresent : 1;
        BOOLEAN NotAuthenticated : 1;
        BOOLEAN NotMediaConnected : 1;
        BOOLEAN Paused : 1;
        BOOLEAN LowPower : 1;
        BOOLEAN EndPointInterface : 1;
    } InterfaceAndOperStatusFlags;
    IF_OPER_STATUS OperStatus;
    NET_IF_ADMIN_STATUS AdminStatus;
    NET_IF_MEDIA_CONNECT_STATE MediaConnectState;
    NET_IF_NETWORK_GUID NetworkGuid;
    NET_IF_CONNECTION_TYPE ConnectionType;
    ULONG64 TransmitLinkSpeed;
    ULONG64 ReceiveLinkSpeed;
    ULONG64 InOctets;
    ULONG64 InUcastPkts;
    ULONG64 InNUcastPkts;
    ULONG64 InDiscards;
    ULONG64 InErrors;
    ULONG64 InUnknownProtos;
    ULONG64 InUcastOctets;
    ULONG64 InMulticastOctets;
    ULONG64 InBroadcastOctets;
    ULONG64 OutOctets;
    ULONG64 OutUcastPkts;
    ULONG64 OutNUcastPkts;
    ULONG64 OutDiscards;
    ULONG64 OutErrors;
    ULONG64 OutUcastOctets;
    ULONG64 OutMulticastOctets;
    ULONG64 OutBroadcastOctets;
    ULONG64 OutQLen;
} MIB_IF_ROW2, *PMIB_IF_ROW2;

typedef struct _MIB_IF_TABLE2 {
    ULONG NumEntries;
    MIB_IF_ROW2 Table[ANYSIZE_ARRAY];
} MIB_IF_TABLE2, *PMIB_IF_TABLE2;

typedef struct _MIB_IPINTERFACE_ROW {
    ADDRESS_FAMILY Family;
    NET_LUID InterfaceLuid;
    NET_IFINDEX InterfaceIndex;
    ULONG MaxReassemblySize;
    ULONG64 InterfaceIdentifier;
    ULONG MinRouterAdvertisementInterval;
    ULONG MaxRouterAdvertisementInterval;
    BOOLEAN AdvertisingEnabled;
    BOOLEAN ForwardingEnabled;
    BOOLEAN WeakHostSend;
    BOOLEAN WeakHostReceive;
    BOOLEAN UseAutomaticMetric;
    BOOLEAN UseNeighborUnreachabilityDetection;
    BOOLEAN ManagedAddressConfigurationSupported;
    BOOLEAN OtherStatefulConfigurationSupported;
    BOOLEAN AdvertiseDefaultRoute;
    NL_ROUTER_DISCOVERY_BEHAVIOR RouterDiscoveryBehavior;
    ULONG DadTransmits;
    ULONG BaseReachableTime;
    ULONG RetransmitTime;
    ULONG PathMtuDiscoveryTimeout;
    NL_LINK_LOCAL_ADDRESS_BEHAVIOR LinkLocalAddressBehavior;
    ULONG LinkLocalAddressTimeout;
    ULONG ZoneIndices[ScopeLevelCount];
    ULONG SitePrefixLength;
    ULONG Metric;
    ULONG NlMtu;
    BOOLEAN Connected;
    BOOLEAN SupportsWakeUpPatterns;
    BOOLEAN SupportsNeighborDiscovery;
    BOOLEAN SupportsRouterDiscovery;
    ULONG ReachableTime;
    NL_INTERFACE_OFFLOAD_ROD TransmitOffload;
    NL_INTERFACE_OFFLOAD_ROD ReceiveOffload;
    BOOLEAN DisableDefaultRoutes;
} MIB_IPINTERFACE_ROW, *PMIB_IPINTERFACE_ROW;

typedef struct _MIB_IPINTERFACE_TABLE {
    ULONG NumEntries;
    MIB_IPINTERFACE_ROW Table[ANYSIZE_ARRAY];
} MIB_IPINTERFACE_TABLE, *PMIB_IPINTERFACE_TABLE;

/* ---- addresses ---- */

typedef struct _MIB_UNICASTIPADDRESS_ROW {
    SOCKADDR_INET Address;
    NET_LUID InterfaceLuid;
    NET_IFINDEX InterfaceIndex;
    NL_PREFIX_ORIGIN PrefixOrigin;
    NL_SUFFIX_ORIGIN SuffixOrigin;
    ULONG ValidLifetime;
    ULONG PreferredLifetime;
    UINT8 OnLinkPrefixLength;
    BOOLEAN SkipAsSource;
    NL_DAD_STATE DadState;
    SCOPE_ID ScopeId;
    LARGE_INTEGER CreationTimeStamp;
} MIB_UNICASTIPADDRESS_ROW, *PMIB_UNICASTIPADDRESS_ROW;

typedef struct _MIB_UNICASTIPADDRESS_TABLE {
    ULONG NumEntries;
    MIB_UNICASTIPADDRESS_ROW Table[ANYSIZE_ARRAY];
} MIB_UNICASTIPADDRESS_TABLE, *PMIB_UNICASTIPADDRESS_TABLE;

/* ---- routes ---- */

typedef struct _IP_ADDRESS_PREFIX {
    SOCKADDR_INET Prefix;
    UINT8 PrefixLength;
} IP_ADDRESS_PREFIX, *PIP_ADDRESS_PREFIX;

typedef struct _MIB_IPFORWARD_ROW2 {
    NET_LUID InterfaceLuid;
    NET_IFINDEX InterfaceIndex;
    IP_ADDRESS_PREFIX DestinationPrefix;
    SOCKADDR_INET NextHop;
    UCHAR SitePrefixLength;
    ULONG ValidLifetime;
    ULONG PreferredLifetime;
    ULONG Metric;
    NL_ROUTE_PROTOCOL Protocol;
    BOOLEAN Loopback;
    BOOLEAN AutoconfigureAddress;
    BOOLEAN Publish;
    BOOLEAN Immortal;
    ULONG Age;
    NL_ROUTE_ORIGIN Origin;
} MIB_IPFORWARD_ROW2, *PMIB_IPFORWARD_ROW2;

typedef struct _MIB_IPFORWARD_TABLE2 {
    ULONG NumEntries;
    MIB_IPFORWARD_ROW2 Table[ANYSIZE_ARRAY];
} MIB_IPFORWARD_TABLE2, *PMIB_IPFORWARD_TABLE2;

/* ---- notices ---- */

typedef VOID NETIOAPI_API_ FN_IPINTERFACE_CHANGE_CALLBACK(PVOID CallerContext,
                                                          PMIB_IPINTERFACE_ROW Row,
                                                          MIB_NOTIFICATION_TYPE NotificationType);
typedef FN_IPINTERFACE_CHANGE_CALLBACK *PIPINTERFACE_CHANGE_CALLBACK;

typedef VOID NETIOAPI_API_ FN_UNICAST_IPADDRESS_CHANGE_CALLBACK(
    PVOID CallerContext, PMIB_UNICASTIPADDRESS_ROW Row, MIB_NOTIFICATION_TYPE NotificationType);
typedef FN_UNICAST_IPADDRESS_CHANGE_CALLBACK *PUNICAST_IPADDRESS_CHANGE_CALLBACK;

typedef VOID NETIOAPI_API_ FN_IPFORWARD_CHANGE_CALLBACK(PVOID CallerContext,
                                                        PMIB_IPFORWARD_ROW2 Row,
                                                        MIB_NOTIFICATION_TYPE NotificationType);
typedef FN_IPFORWARD_CHANGE_CALLBACK *PIPFORWARD_CHANGE_CALLBACK;

/* ---- functions ---- */

_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS GetIfEntry2(_Inout_ PMIB_IF_ROW2 Row);
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS GetIfTable2(_Outptr_ PMIB_IF_TABLE2 *Table);

_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS GetIpInterfaceEntry(_Inout_ PMIB_IPINTERFACE_ROW Row);
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS GetIpInterfaceTable(_In_ ADDRESS_FAMILY Family, _Outptr_ PMIB_IPINTERFACE_TABLE *Table);
VOID InitializeIpInterfaceEntry(_Inout_ PMIB_IPINTERFACE_ROW Row);

_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS GetUnicastIpAddressEntry(_Inout_ PMIB_UNICASTIPADDRESS_ROW Row);
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS GetUnicastIpAddressTable(_In_ ADDRESS_FAMILY Family,
                                  _Outptr_ PMIB_UNICASTIPADDRESS_TABLE *Table);

_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS GetIpForwardEntry2(_Inout_ PMIB_IPFORWARD_ROW2 Row);
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS GetIpForwardTable2(_In_ ADDRESS_FAMILY Family, _Outptr_ PMIB_IPFORWARD_TABLE2 *Table);
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS GetBestRoute2(_In_opt_ NET_LUID *InterfaceLuid, _In_ NET_IFINDEX InterfaceIndex,
                       _In_opt_ const SOCKADDR_INET *SourceAddress,
                       _In_ const SOCKADDR_INET *DestinationAddress, _In_ ULONG AddressSortOptions,
                       _Out_ PMIB_IPFORWARD_ROW2 BestRoute, _Out_ SOCKADDR_INET *BestSourceAddress);

_IRQL_requires_max_(APC_LEVEL)
VOID FreeMibTable(_In_ PVOID Memory);

_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS NotifyIpInterfaceChange(_In_ ADDRESS_FAMILY Family,
                                 _In_ PIPINTERFACE_CHANGE_CALLBACK Callback,
                                 _In_opt_ PVOID CallerContext, _In_ BOOLEAN InitialNotification,
                                 _Inout_ HANDLE *NotificationHandle);
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS NotifyUnicastIpAddressChange(_In_ ADDRESS_FAMILY Family,
                                      _In_ PUNICAST_IPADDRESS_CHANGE_CALLBACK Callback,
                                      _In_opt_ PVOID CallerContext,
                                      _In_ BOOLEAN InitialNotification,
                                      _Inout_ HANDLE *NotificationHandle);
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS NotifyRouteChange2(_In_ ADDRESS_FAMILY AddressFamily,
                            _In_ PIPFORWARD_CHANGE_CALLBACK Callback, _In_opt_ PVOID CallerContext,
                            _In_ BOOLEAN InitialNotification, _Inout_ HANDLE *NotificationHandle);
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS CancelMibChangeNotify2(_In_ HANDLE NotificationHandle);

_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS ConvertInterfaceLuidToIndex(_In_ const NET_LUID *InterfaceLuid,
                                     _Out_ PNET_IFINDEX InterfaceIndex);
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS ConvertInterfaceIndexToLuid(_In_ NET_IFINDEX InterfaceIndex,
                                     _Out_ PNET_LUID InterfaceLuid);

#ifdef __cplusplus
}
#endif

#endif /* WDK_NETIOAPI_H */
