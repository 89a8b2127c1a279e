/* SPDX-License-Identifier: MIT */
/*
 * Microsoft's additions to the internet protocols: I/O controls, and helpers on addresses.
 *
 * Helpers are inline functions over plain data. IN4 helpers take addresses in network order.
 */
#ifndef WDK_MSTCPIP_H
#define WDK_MSTCPIP_H

#include "ws2def.h"
#include "ws2ipdef.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SIO_RCVALL _WSAIOW(IOC_VENDOR, 1)
#define SIO_RCVALL_MCAST _WSAIOW(IOC_VENDOR, 2)
#define SIO_RCVALL_IGMPMCAST _WSAIOW(IOC_VENDOR, 3)
#define SIO_KEEPALIVE_VALS _WSAIOW(IOC_VENDOR, 4)
#define SIO_ABSORB_RTRALERT _WSAIOW(IOC_VENDOR, 5)
#define SIO_UCAST_IF _WSAIOW(IOC_VENDOR, 6)
#define SIO_LIMIT_BROADCASTS _WSAIOW(IOC_VENDOR, 7)
#define SIO_INDEX_BIND _WSAIOW(IOC_VENDOR, 8)
#define SIO_INDEX_MCASTIF _WSAIOW(IOC_VENDOR, 9)
#define SIO_INDEX_ADD_MCAST _WSAIOW(IOC_VENDOR, 10)
#define SIO_INDEX_DEL_MCAST _WSAIOW(IOC_VENDOR, 11)
#define SIO_UDP_CONNRESET _WSAIOW(IOC_VENDOR, 12)
#define SIO_UDP_NETRESET _WSAIOW(IOC_VENDOR, 15)
#define SIO_LOOPBACK_FAST_PATH _WSAIOW(IOC_VENDOR, 16)
#define SIO_TCP_INITIAL_RTO _WSAIOW(IOC_VENDOR, 17)
#define SIO_APPLY_TRANSPORT_SETTING _WSAIOW(IOC_VENDOR, 19)
#define SIO_QUERY_TRANSPORT_SETTING _WSAIOW(IOC_VENDOR, 20)
#define SIO_CPU_AFFINITY _WSAIOW(IOC_VENDOR, 21)
#define SIO_TCP_SET_ICW _WSAIOW(IOC_VENDOR, 22)
#define SIO_TCP_SET_ACK_FREQUENCY _WSAIOW(IOC_VENDOR, 23)
#define SIO_SET_PRIORITY_HINT _WSAIOW(IOC_VENDOR, 24)
#define SIO_TCP_INFO _WSAIORW(IOC_VENDOR, 39)
#define SIO_QUERY_RSS_SCALABILITY_INFO _WSAIOR(IOC_VENDOR, 210)
#define SIO_QUERY_WFP_CONNECTION_REDIRECT_RECORDS _WSAIOW(IOC_VENDOR, 220)
#define SIO_QUERY_WFP_CONNECTION_REDIRECT_CONTEXT _WSAIOW(IOC_VENDOR, 221)
#define SIO_SET_WFP_CONNECTION_REDIRECT_RECORDS _WSAIOW(IOC_VENDOR, 222)

struct tcp_keepalive {
    ULONG onoff;
    ULONG keepalivetime;
    ULONG keepaliveinterval;
};

typedef struct _RSS_SCALABILITY_INFO {
    BOOLEAN RssEnabled;
} RSS_SCALABILITY_INFO, *PRSS_SCALABILITY_INFO;

#define RCVALL_OFF 0
#define RCVALL_ON 1
#define RCVALL_SOCKETLEVELONLY 2
#define RCVALL_IPLEVEL 3

/* ---- IPv4 ---- */

#define IN4ADDR_ANY_INIT                                                                           \
    {                                                                                              \
        {                                                                                          \
            { 0, 0, 0, 0 }                                                                         \
        }                                                                                          \
    }
#define IN4ADDR_LOOPBACK_INIT                                                                      \
    {                                                                                              \
        {                                                                                          \
            { 0x7f, 0, 0, 1 }                                                                      \
        }                                                                                          \
    }
#define IN4ADDR_BROADCAST_INIT                                                                     \
    {                                                                                              \
        {                                                                                          \
            { 0xff, 0xff, 0xff, 0xff }                                                             \
        }                                                                                          \
    }

WDK_INLINE BOOLEAN IN4_ADDR_EQUAL(const IN_ADDR *a, const IN_ADDR *b)
{
    return (BOOLEAN)(a->s_addr == b->s_addr);
}

WDK_INLINE BOOLEAN IN4_IS_ADDR_UNSPECIFIED(const IN_ADDR *a)
{
    return (BOOLEAN)(a->s_addr == 0);
}

WDK_INLINE BOOLEAN IN4_IS_ADDR_LOOPBACK(const IN_ADDR *a)
{
    return (BOOLEAN)(a->S_un.S_un_b.s_b1 == 0x7f);
}

WDK_INLINE BOOLEAN IN4_IS_ADDR_BROADCAST(const IN_ADDR *a)
{
    return (BOOLEAN)(a->s_addr == 0xffffffff);
}

WDK_INLINE BOOLEAN IN4_IS_ADDR_MULTICAST(const IN_ADDR *a)
{
    return (BOOLEAN)((a->S_un.S_un_b.s_b1 & 0xf0) == 0xe0);
}

WDK_INLINE BOOLEAN IN4_IS_ADDR_LINKLOCAL(const IN_ADDR *a)
{
    return (BOOLEAN)(a->S_un.S_un_b.s_b1 == 169 && a->S_un.S_un_b.s_b2 == 254);
}

/* ---- IPv6 ---- */

WDK_INLINE BOOLEAN IN6_ADDR_EQUAL(const IN6_ADDR *a, const IN6_ADDR *b)
{
    for (int i = 0; i < 16; i++) {
        if (a->u.Byte[i] != b->u.Byte[i]) {
            return FALSE;
        }
    }
    return TRUE;
}

WDK_INLINE BOOLEAN WdkIn6BytesAreZero(const IN6_ADDR *a, int from, int to)
{
    for (int i = from; i < to; i++) {
        if (a->u.Byte[i] != 0) {
            return FALSE;
        }
    }
    return TRUE;
}

WDK_INLINE BOOLEAN IN6_IS_ADDR_UNSPECIFIED(const IN6_ADDR *a)
{
    return WdkIn6BytesAreZero(a, 0, 16);
}

WDK_INLINE BOOLEAN IN6_IS_ADDR_LOOPBACK(const IN6_ADDR *a)
{
    return (BOOLEAN)(WdkIn6BytesAreZero(a, 0, 15) && a->u.Byte[15] == 1);
}

WDK_INLINE BOOLEAN IN6_IS_ADDR_MULTICAST(const IN6_ADDR *a)
{
    return (BOOLEAN)(a->u.Byte[0] == 0xff);
}

WDK_INLINE BOOLEAN IN6_IS_ADDR_LINKLOCAL(const IN6_ADDR *a)
{
    return (BOOLEAN)(a->u.Byte[0] == 0xfe && (a->u.Byte[1] & 0xc0) == 0x80);
}

WDK_INLINE BOOLEAN IN6_IS_ADDR_V4MAPPED(const IN6_ADDR *a)
{
    return (BOOLEAN)(WdkIn6BytesAreZero(a, 0, 10) && a->u.Byte[10] == 0xff &&
                     a->u.Byte[11] == 0xff);
}

WDK_INLINE VOID IN6_SET_ADDR_V4MAPPED(IN6_ADDR *a6, const IN_ADDR *a4)
{
    for (int i = 0; i < 10; i++) {
        a6->u.Byte[i] = 0;
    }
    a6->u.Byte[10] = 0xff;
    a6->u.Byte[11] = 0xff;
    a6->u.Byte[12] = a4->S_un.S_un_b.s_b1;
    a6->u.Byte[13] = a4->S_un.S_un_b.s_b2;
    a6->u.Byte[14] = a4->S_un.S_un_b.s_b3;
    a6->u.Byte[15] = a4->S_un.S_un_b.s_b4;
}

WDK_INLINE VOID IN6_GET_ADDR_V4MAPPED(const IN6_ADDR *a6, IN_ADDR *a4)
{
    a4->S_un.S_un_b.s_b1 = a6->u.Byte[12];
    a4->S_un.S_un_b.s_b2 = a6->u.Byte[13];
    a4->S_un.S_un_b.s_b3 = a6->u.Byte[14];
    a4->S_un.S_un_b.s_b4 = a6->u.Byte[15];
}

#define IN6_EXTRACT_V4ADDR_FROM_V4MAPPED(address) ((const IN_ADDR *)&(address)->u.Byte[12])

/* ---- socket addresses of either family ---- */

#define SS_PORT(ss) (((PSOCKADDR_IN)(ss))->sin_port)

WDK_INLINE ULONG INET_SOCKADDR_LENGTH(ADDRESS_FAMILY family)
{
    return family == AF_INET ? (ULONG)sizeof(SOCKADDR_IN)
                             : (family == AF_INET6 ? (ULONG)sizeof(SOCKADDR_IN6) : 0);
}
#define SOCKADDR_SIZE(family)                                                                      \
    ((family) == AF_INET ? sizeof(SOCKADDR_IN)                                                     \
                         : ((family) == AF_INET6 ? sizeof(SOCKADDR_IN6) : sizeof(SOCKADDR_STORAGE)))

WDK_INLINE USHORT INETADDR_PORT(const SOCKADDR *a)
{
    return a->sa_family == AF_INET6 ? ((const SOCKADDR_IN6 *)(const VOID *)a)->sin6_port
                                    : ((const SOCKADDR_IN *)(const VOID *)a)->sin_port;
}

WDK_INLINE VOID INETADDR_SET_PORT(PSOCKADDR a, USHORT port)
{
    SS_PORT((PVOID)a) = port;
}

WDK_INLINE PUCHAR INETADDR_ADDRESS(const SOCKADDR *a)
{
    return a->sa_family == AF_INET6 ? (PUCHAR)&((PSOCKADDR_IN6)(ULONG_PTR)a)->sin6_addr
                                    : (PUCHAR)&((PSOCKADDR_IN)(ULONG_PTR)a)->sin_addr;
}

WDK_INLINE BOOLEAN INETADDR_ISANY(const SOCKADDR *a)
{
    return a->sa_family == AF_INET6
               ? IN6_IS_ADDR_UNSPECIFIED(&((const SOCKADDR_IN6 *)(const VOID *)a)->sin6_addr)
               : IN4_IS_ADDR_UNSPECIFIED(&((const SOCKADDR_IN *)(const VOID *)a)->sin_addr);
}

WDK_INLINE BOOLEAN INETADDR_ISLOOPBACK(const SOCKADDR *a)
{
    return a->sa_family == AF_INET6
               ? IN6_IS_ADDR_LOOPBACK(&((const SOCKADDR_IN6 *)(const VOID *)a)->sin6_addr)
               : IN4_IS_ADDR_LOOPBACK(&((const SOCKADDR_IN *)(const VOID *)a)->sin_addr);
}

WDK_INLINE VOID INETADDR_SETANY(PSOCKADDR a)
{
    const ULONG length = INET_SOCKADDR_LENGTH(a->sa_family);
    for (ULONG i = (ULONG)sizeof(ADDRESS_FAMILY); i < length; i++) {
        ((PUCHAR)a)[i] = 0;
    }
}

WDK_INLINE VOID INETADDR_SETLOOPBACK(PSOCKADDR a)
{
    INETADDR_SETANY(a);
    if (a->sa_family == AF_INET6) {
        INETADDR_ADDRESS(a)[15] = 1;
    } else {
        INETADDR_ADDRESS(a)[0] = 0x7f;
        INETADDR_ADDRESS(a)[3] = 1;
    }
}

#ifdef __cplusplus
}
#endif

#endif /* WDK_MSTCPIP_H */
