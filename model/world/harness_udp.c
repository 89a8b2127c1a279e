/* SPDX-License-Identifier: MIT */
/* Datagrams for scripts: each port keeps the last few that came until the script takes them. */
#include "model/world/harness.h"

static void on_datagram(struct sim *s, void *user, const struct net_datagram *datagram)
{
    struct wsksim_port *port = user;
    if (port->count == HARNESS_QUEUE_MAX) {
        return;
    }
    struct harness_datagram *kept = &port->queue[(port->first + port->count++) % HARNESS_QUEUE_MAX];
    kept->from = datagram->from;
    kept->size = datagram->size < HARNESS_DATAGRAM_BYTES ? datagram->size
                                                         : (uint32_t)HARNESS_DATAGRAM_BYTES;
    memcpy(kept->bytes, datagram->bytes, kept->size);
    ke_poke(s);
}

static const struct net_udp_ops port_ops = {.receive = on_datagram};

void harness_udp_heal(struct sim *s)
{
    for (uint32_t i = 0; i < harness.port_count; i++) {
        if (harness.port[i].udp != NULL) {
            net_udp_close(s, harness.port[i].udp);
            harness.port[i].udp = NULL;
        }
    }
}

struct wsksim_port *wsksim_bind(const char *address, unsigned short number)
{
    struct sim *s = harness_enter();
    struct net_address local;
    uint32_t host;
    if (harness.port_count == HARNESS_PORTS_MAX || world_is_healed(s) ||
        !harness_address(s, address, 1, number, &local) || !harness_host(s, &local, &host)) {
        return NULL;
    }
    if (number == 0) {
        local.port = net_ephemeral_port(s, host, NET_UDP);
    }
    struct wsksim_port *port = &harness.port[harness.port_count++];
    port->host = host;
    port->first = port->count = 0;
    port->last.family = NET_FAMILY_NONE;
    port->udp = net_udp_open(s, host, &local, &port_ops, port);
    return port;
}

static int send_datagram(struct sim *s, struct wsksim_port *from, const struct net_address *to,
                         const void *bytes, size_t size)
{
    harness_touch(s, bytes, size);
    return from->udp != NULL && size <= NET_DATAGRAM_MAX &&
           net_udp_send(s, from->udp, to, NULL, bytes, (uint32_t)size);
}

int wsksim_send_to(struct wsksim_port *from, const char *address, unsigned short port,
                   const void *bytes, __SIZE_TYPE__ size)
{
    struct sim *s = harness_enter();
    struct net_address to;
    return harness_address(s, address, NET_LOCAL, port, &to) &&
           send_datagram(s, from, &to, bytes, size);
}

static bool has_datagram(struct sim *s, void *argument)
{
    const struct wsksim_port *port = argument;
    (void)s;
    return port->count > 0 || port->udp == NULL;
}

long wsksim_receive_from(struct wsksim_port *port, void *out, __SIZE_TYPE__ size,
                         unsigned milliseconds)
{
    struct sim *s = harness_enter();
    harness_touch(s, out, size);
    harness_wait(s, has_datagram, port, milliseconds, "a script to receive a datagram");
    if (port->count == 0) {
        return WSKSIM_TIMEOUT;
    }
    const struct harness_datagram *datagram = &port->queue[port->first];
    size_t count = datagram->size < size ? datagram->size : size;
    memcpy(out, datagram->bytes, count);
    port->last = datagram->from;
    port->first = (port->first + 1) % HARNESS_QUEUE_MAX;
    port->count--;
    return (long)count;
}

int wsksim_reply(struct wsksim_port *port, const void *bytes, __SIZE_TYPE__ size)
{
    struct sim *s = harness_enter();
    return port->last.family != NET_FAMILY_NONE && send_datagram(s, port, &port->last, bytes, size);
}

void wsksim_close_port(struct wsksim_port *port)
{
    struct sim *s = harness_enter();
    if (port->udp != NULL) {
        net_udp_close(s, port->udp);
        port->udp = NULL;
    }
}
