/* SPDX-License-Identifier: MIT */
/*
 * IP Helper: what a driver can ask about interfaces, addresses and routes of its host. Internal
 * interface between the files netio_*.c.
 *
 *   netio_table       tables given to the driver and back, what is left over at unload
 *   netio_interface   the two interfaces: loopback (index 1) and Ethernet (index 2)
 *   netio_route       addresses and routes, made on demand from what the network knows
 *   netio_notify      notices of changes
 *
 * There is no second source of truth: rows are computed from net_host_address and net_route, and
 * the numbers of the interfaces are those of net_datagram.interface_index.
 *
 * Invariants:
 *  1. Nothing is kept per address or route; two tables asked for at one instant are equal.
 *  2. All memory a driver gets to see is arena memory of kind BLOCK_SUBSYSTEM with one of the tags
 *     below; a row shown to a callback is gone when the callback has returned.
 *  3. A callback runs on a thread of the system at PASSIVE_LEVEL, one at a time for each notice,
 *     and never after CancelMibChangeNotify2 has returned.
 *
 * Limits: no traffic counters (they stay 0), no gateways that could be down, interfaces never go
 * away: of an interface only the first notice is ever given. Metrics and prefixes are fixed.
 */
#ifndef MODEL_NET_NETIO_H
#define MODEL_NET_NETIO_H

#include <netioapi.h>

#include "model/net/net_internal.h"

enum {
    NETIO_NOTICES_MAX = 64,  /* registrations in one run */
    NETIO_PENDING_MAX = 32,  /* changes a notice has not told yet */
    NETIO_ADDRESSES_MAX = 3 + NET_EXTRA_MAX, /* of a family */
    NETIO_ROUTES_MAX = 8 + 2 * NETIO_ADDRESSES_MAX,
    NETIO_TAG_TABLE = 0x7462694D,  /* "Mibt" */
    NETIO_TAG_NOTICE = 0x6E62694D, /* "Mibn" */
};

/* ---- netio_table.c ---- */

/*
 * Memory for a table of count rows behind a count: the driver's until FreeMibTable. NULL if the
 * allocation fails.
 */
void *netio_table_new(struct sim *s, size_t header, size_t row, uint32_t count);
void netio_notices_reset(struct sim *s);
void netio_notices_check_unload(struct sim *s);

/* ---- netio_interface.c ---- */

uint64_t netio_luid(uint32_t interface);
/* The interface a driver names by LUID, or if that is 0 by index; 0 if it names none. */
uint32_t netio_interface_of(uint64_t luid, uint32_t index);
/* The metric a route over that interface adds to its own. */
uint32_t netio_metric(uint32_t interface);

/* ---- netio_route.c ---- */

struct netio_route {
    struct net_address prefix, next_hop;
    uint8_t length; /* bits of the prefix */
    uint8_t interface;
    bool is_local;  /* of the host itself, not of a link or beyond */
};

/* The family of the network for one of Windows; NET_FAMILY_NONE if there is none. */
enum net_family netio_family(unsigned family);
/* The interface that carries an address of the local host. */
uint32_t netio_carrier(const struct net_address *address);
void netio_address_row(const struct net_address *address, MIB_UNICASTIPADDRESS_ROW *row);
void netio_route_row(const struct netio_route *route, MIB_IPFORWARD_ROW2 *row);
/* The routes that exist because of an address; how many (at most 2). */
uint32_t netio_routes_of(const struct net_address *address, struct netio_route out[2]);

#endif
