/* SPDX-License-Identifier: MIT */
/*
 * Datagrams that arrive: the buffer of a socket, WskReceiveFrom, WskReceiveFromEvent (1.11).
 *
 * Each datagram is staged when it comes and goes to the first queued receive, else into the buffer,
 * from where the callback or a later receive takes it. By choice the callback goes first for a
 * short while (DGRM-013). The buffer has a limit, beyond which the newest is dropped (DGRM-014).
 *
 *   refused by a dynamic callback: back to its place in the buffer, the event is off (DGRM-020)
 *   refused by a static callback: dropped, or kept as stale until a newer one comes
 * (AMBIGUOUS-LIFE-43)
 *
 * Invariants: `packets` counts the buffer, `stale` those of them that wait for a newer one.
 */
#include "model/wsk/wsk_data_internal.h"
#include "model/wsk/wsk_internal.h"

#include "model/world/run.h"

#include <string.h>

enum { CONTROL_MAX = 64, LIST_MAX = 4 };

/* ---- the buffer ---- */

static void packet_free(struct sim *s, struct wsk_packet *p)
{
    wsk_stage_free(s, p->bytes);
    p->bytes = NULL;
}

static struct wsk_packet *pop(struct wsk_socket *socket)
{
    struct wsk_data *d = &socket->data;
    struct wsk_packet *p = d->packet_first;
    SIM_ASSERT(p != NULL && d->packets != 0);
    d->packet_first = p->next;
    if (p->next == NULL) {
        d->packet_last = NULL;
    }
    d->packets--;
    d->stale -= p->is_stale;
    p->is_stale = false;
    p->next = NULL;
    return p;
}

/* The first that may be shown, or NULL; what is stale waits for a newer one. */
static struct wsk_packet *first_fresh(const struct wsk_socket *socket)
{
    struct wsk_packet *p = socket->data.packet_first;
    while (p != NULL && p->is_stale) {
        p = p->next;
    }
    return p;
}

static struct wsk_packet *pop_fresh(struct wsk_socket *socket)
{
    struct wsk_data *d = &socket->data;
    struct wsk_packet *before = NULL, *p = d->packet_first;
    for (; p->is_stale; p = p->next) {
        before = p;
    }
    if (before == NULL) {
        return pop(socket);
    }
    before->next = p->next;
    if (p->next == NULL) {
        d->packet_last = before;
    }
    d->packets--;
    p->next = NULL;
    return p;
}

static void push_back(struct wsk_socket *socket, struct wsk_packet *p)
{
    struct wsk_data *d = &socket->data;
    if (d->packet_last != NULL) {
        d->packet_last->next = p;
    } else {
        d->packet_first = p;
    }
    d->packet_last = p;
    d->packets++;
}

/* Refused: back to its place; one that came later may have been refused before it (CTL-078). */
static void push_again(struct wsk_socket *socket, struct wsk_packet *p, bool is_stale)
{
    struct wsk_data *d = &socket->data;
    struct wsk_packet **at = &d->packet_first;
    while (*at != NULL && ((*at)->arrival < p->arrival || model_mutated(refused_last))) {
        at = &(*at)->next;
    }
    p->next = *at;
    *at = p;
    if (p->next == NULL) {
        d->packet_last = p;
    }
    p->is_stale = is_stale;
    p->was_refused = true;
    d->stale += is_stale;
    d->packets++;
}

static void refresh(struct wsk_socket *socket)
{
    for (struct wsk_packet *p = socket->data.packet_first; p != NULL; p = p->next) {
        p->is_stale = false;
    }
    socket->data.stale = 0;
}

static void drop_all(struct sim *s, struct wsk_socket *socket)
{
    while (socket->data.packet_first != NULL) {
        packet_free(s, pop(socket));
    }
}

/* ---- control data ---- */

static bool wants_info(const struct wsk_socket *socket)
{
    return socket->family == AF_INET6 ? wsk_option_value(socket, IPPROTO_IPV6, IPV6_PKTINFO) != 0
                                      : wsk_option_value(socket, IPPROTO_IP, IP_PKTINFO) != 0;
}

/* Writes the control objects of a datagram; how many bytes. */
static ULONG make_control(struct sim *s, const struct wsk_packet *p, uint8_t out[CONTROL_MAX])
{
    if (!p->has_info) {
        return 0;
    }
    if (model_knob(s, KNOB_DGRM_MISSING_CONTROL) == 1 &&
        choice_pick(s, CHOICE_WORLD, PICK_WSK_MISSING, 100) == 99) {
        return 0; /* DGRM-026 */
    }
    bool is_v6 = p->to.family == NET_IPV6;
    SIZE_T data = is_v6 ? sizeof(IN6_PKTINFO) : sizeof(IN_PKTINFO);
    CMSGHDR header = {.cmsg_len = CMSG_LEN(data),
                      .cmsg_level = is_v6 ? IPPROTO_IPV6 : IPPROTO_IP,
                      .cmsg_type = is_v6 ? IPV6_PKTINFO : IP_PKTINFO};
    ULONG index = p->interface_index;
    SIM_ASSERT(CMSG_SPACE(data) <= CONTROL_MAX);
    memset(out, 0, CONTROL_MAX);
    memcpy(out, &header, sizeof header);
    memcpy(out + sizeof header, p->to.ip, is_v6 ? 16 : 4);
    memcpy(out + sizeof header + (is_v6 ? 16 : 4), &index, sizeof index);
    return (ULONG)CMSG_SPACE(data);
}

/* The object that tells coalesced datagrams apart (DGRM-027). */
static ULONG make_coalesced(DWORD segment, uint8_t *out)
{
    CMSGHDR header = {.cmsg_len = CMSG_LEN(sizeof segment),
                      .cmsg_level = IPPROTO_UDP,
                      .cmsg_type = UDP_COALESCED_INFO};
    memset(out, 0, CMSG_SPACE(sizeof segment));
    memcpy(out, &header, sizeof header);
    memcpy(out + sizeof header, &segment, sizeof segment);
    return (ULONG)CMSG_SPACE(sizeof segment);
}

/* ---- WskReceiveFrom ---- */

static bool is_cut_short(const struct wsk_request *r, const struct wsk_packet *p)
{
    return p->size > r->length;
}

/* AMBIGUOUS-LIFE-42. */
static NTSTATUS packet_status(struct sim *s, const struct wsk_request *r,
                              const struct wsk_packet *p)
{
    return is_cut_short(r, p) && model_knob(s, KNOB_DGRM_TRUNC_STATUS) == 1 ? STATUS_BUFFER_OVERFLOW
                                                                            : STATUS_SUCCESS;
}

/* Control data and its length; true if there was not enough room (MSG_CTRUNC). */
static bool write_control(struct sim *s, struct wsk_request *r, const struct wsk_packet *p)
{
    PULONG length = r->out[1];
    uint8_t control[CONTROL_MAX];
    ULONG size = make_control(s, p, control);
    if (length == NULL) {
        return false;
    }
    bool is_short = size > r->out_size[2];
    model_touch(s, length, sizeof *length, "ControlLength");
    if (size != 0 || !model_mutated(control_length_stays)) {
        *length = is_short ? 0 : size;
    }
    if (r->out[2] != NULL && r->out_size[2] != 0) {
        model_touch(s, r->out[2], r->out_size[2], "ControlInfo");
        if (*length != 0) {
            memcpy(r->out[2], control, size);
        } else {
            memset(r->out[2], 0xDB, r->out_size[2]); /* DGRM-011: undefined */
        }
    }
    return is_short;
}

static void write_outputs(struct sim *s, struct wsk_request *r, const struct wsk_packet *p)
{
    ULONG flags = p->flags;
    if (is_cut_short(r, p) && !model_mutated(cut_is_not_flagged)) {
        flags |= MSG_TRUNC;
    }
    if (write_control(s, r, p)) {
        flags |= MSG_CTRUNC;
    }
    if (r->out[0] != NULL) {
        wsk_address_out(s, &p->from, r->out[0], "RemoteAddress");
    }
    bool is_wanted = r->out[1] != NULL || model_knob(s, KNOB_DGRM_FLAGS_WITHOUT_LENGTH) == 0;
    if (r->out[3] != NULL && is_wanted) {
        PULONG out = r->out[3];
        model_touch(s, out, sizeof *out, "ControlFlags");
        *out = flags;
    }
}

static uint64_t digest(const void *p, SIZE_T size, uint64_t hash)
{
    const uint8_t *byte = p;
    for (SIZE_T i = 0; p != NULL && i < size; i++) {
        hash = (hash ^ byte[i]) * 0x100000001b3;
    }
    return hash;
}

/* What lies where the outputs go; 0: nothing to compare. */
static uint64_t digest_outputs(const struct wsk_request *r)
{
    SIZE_T size = wsk_address_size(r->socket->family);
    if ((r->out[0] != NULL && !sim_memory_ok(r->out[0], size, NULL)) ||
        (r->out[1] != NULL && !sim_memory_ok(r->out[1], sizeof(ULONG), NULL))) {
        return 0; /* gone: the write says so */
    }
    return digest(r->out[1], sizeof(ULONG), digest(r->out[0], size, 0xcbf29ce484222325)) | 1;
}

static bool is_shared(const struct wsk_request *r, const struct wsk_request *other)
{
    return other != r && other->kind == WSK_REQ_RECEIVE_FROM &&
           ((r->out[0] != NULL && r->out[0] == other->out[0]) ||
            (r->out[1] != NULL && r->out[1] == other->out[1]));
}

/* PROP-LIFE-31. Outputs that another request gets as well are written by that one's completion. */
static void watch_outputs(struct sim *s, struct wsk_request *r)
{
    struct wsk_state *w = wsk_of(s);
    r->hash = digest_outputs(r);
    for (uint32_t i = 0; i < w->socket_count; i++) {
        for (struct wsk_request *q = w->socket[i].all_first; q != NULL; q = q->all_next) {
            if (is_shared(r, q)) {
                q->hash = r->hash = 0;
            }
        }
    }
}

static void check_outputs_kept(struct sim *s, const struct wsk_request *r)
{
    uint64_t now = r->hash != 0 ? digest_outputs(r) : 0;
    if (now != 0 && now != r->hash) {
        model_fail(s, RULE_DGRM_009, r->socket->object, &r->submitted,
                   "RemoteAddress or *ControlLength of WskReceiveFrom is changed before its IRP "
                   "completes");
    }
}

static void deliver_receive_from(struct sim *s, struct wsk_request *r)
{
    struct wsk_packet *p = r->item;
    check_outputs_kept(s, r);
    if (p != NULL) {
        SIZE_T size = p->size < r->length ? p->size : r->length;
        if (size != 0) {
            mm_chain_write(s, r->mdl, r->offset, 0, p->bytes, size);
        }
        write_outputs(s, r, p);
        r->information = size;
        if (model_mutated(datagram_comes_again)) {
            push_back(r->socket, p);
        } else {
            packet_free(s, p);
        }
        r->item = NULL;
    }
    wsk_buffer_release(s, r, MM_WRITE, RULE_RECV_003);
}

static void withdraw_receive_from(struct sim *s, struct wsk_request *r)
{
    (void)s;
    wsk_queue_remove(&r->socket->data.receives, r);
}

static void serve(struct sim *s, struct wsk_socket *socket)
{
    struct wsk_data *d = &socket->data;
    if (socket->life != WSK_LIVE) {
        return;
    }
    while (d->receives.first != NULL && d->packets != 0 && !d->is_racing) {
        struct wsk_request *r = d->receives.first;
        wsk_queue_remove(&d->receives, r);
        d->overtaken = 0;
        r->item = pop(socket);
        wsk_complete(s, r, packet_status(s, r, r->item), 0);
    }
    wsk_event_due(s, socket, WSK_EV_RECEIVE_FROM);
}

static void check_outputs(struct wsk_call *call, PSOCKADDR remote, PULONG length, PCMSGHDR control,
                          PULONG flags)
{
    struct sim *s = call->s;
    struct wsk_request *r = call->request;
    if (remote != NULL) {
        model_touch(s, remote, wsk_address_size(call->socket->family), "RemoteAddress");
        model_resident(s, remote, sizeof *remote, RULE_DGRM_009, "RemoteAddress");
    }
    if (length != NULL) {
        model_touch(s, length, sizeof *length, "ControlLength");
        model_resident(s, length, sizeof *length, RULE_DGRM_009, "ControlLength");
        r->out_size[2] = control != NULL ? *length : 0;
        if (control != NULL) {
            model_touch(s, control, *length, "ControlInfo");
            model_resident(s, control, *length, RULE_DGRM_009, "ControlInfo");
        }
    } else if (control != NULL) {
        model_lint(s, RULE_DGRM_009);
        control = NULL;
    }
    if (flags != NULL) {
        model_touch(s, flags, sizeof *flags, "ControlFlags");
        model_resident(s, flags, sizeof *flags, RULE_DGRM_009, "ControlFlags");
    }
    model_exercised(s, RULE_DGRM_009);
    r->out[0] = remote;
    r->out[1] = length;
    r->out[2] = control;
    r->out[3] = flags;
    if (remote != NULL || length != NULL) {
        watch_outputs(s, r);
    }
}

bool wsk_datagram_check(struct wsk_call *call, ULONG flags)
{
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    const char *name = model_routine_name(call->routine);
    if (flags != 0) {
        model_breach(s, RULE_DGRM_001, socket->object, NULL, "%s is given Flags 0x%x", name, flags);
        if (!wsk_ignores_argument(call)) {
            return false;
        }
    }
    bool is_known = socket->seen == WSK_BOUND || wsk_any_callback(socket);
    if (!is_known || socket->state != WSK_BOUND) {
        model_breach(s, RULE_DGRM_001, socket->object, &socket->created,
                     "%s on a socket that is not bound", name);
        wsk_refuse_state(call);
        return false;
    }
    model_exercised(s, RULE_DGRM_001);
    return true;
}

static void receive_from(struct wsk_call *call, const WSK_BUF *buffer)
{
    static const NTSTATUS faults[] = {STATUS_INSUFFICIENT_RESOURCES};
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    struct wsk_data *d = &socket->data;
    struct wsk_request *r = call->request;
    NTSTATUS status;
    if (wsk_fault(s, faults, SIM_COUNT(faults), &status)) {
        wsk_finish(call, WSK_INLINE, status, 0);
        return;
    }
    if (!wsk_buffer_use(call, buffer, MM_WRITE, RULE_RECV_002)) {
        return;
    }
    if (model_mutated(receive_from_answers_more_entries)) {
        wsk_finish(call, WSK_INLINE, STATUS_MORE_ENTRIES, 0);
        return;
    }
    r->deliver = deliver_receive_from;
    if (d->receives.first == NULL && d->packets != 0 && !d->is_racing) {
        r->item = pop(socket);
        status = packet_status(s, r, r->item);
        wsk_finish(call, WSK_PEND, status, 0);
        return;
    }
    r->withdraw = withdraw_receive_from;
    wsk_queue_push(&d->receives, r);
    wsk_pend(call);
}

NTSTATUS WSKAPI WskReceiveFrom(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags,
                               PSOCKADDR RemoteAddress, PULONG ControlLength, PCMSGHDR ControlInfo,
                               PULONG ControlFlags, PIRP Irp)
{
    struct wsk_call call;
    if (WSK_ENTER(&call, WskReceiveFrom, Socket, Irp, WSK_REQ_RECEIVE_FROM)) {
        check_outputs(&call, RemoteAddress, ControlLength, ControlInfo, ControlFlags);
        if (wsk_datagram_check(&call, Flags)) {
            receive_from(&call, Buffer);
        }
    }
    return wsk_leave(&call);
}

/* ---- what the network reports ---- */

static bool is_filtered(const struct wsk_socket *socket, const struct net_address *from)
{
    if (model_mutated(remote_is_no_filter)) {
        return false;
    }
    if (model_mutated(destination_is_a_filter) && socket->has_destination) {
        return !net_address_same_ip(&socket->destination_fixed, from);
    }
    return socket->has_remote && (!net_address_same_ip(&socket->remote_fixed, from) ||
                                  socket->remote_fixed.port != from->port); /* DGRM-012 */
}

static void end_race(struct sim *s, void *argument, uint64_t value)
{
    struct wsk_socket *socket = argument;
    (void)value;
    socket->data.is_racing = false;
    serve(s, socket);
}

static bool has_room(struct sim *s, const struct wsk_socket *socket)
{
    if (wsk_holds_too_much(s, socket, 1)) {
        return false;
    }
    bool is_off = socket->data.receives.first == NULL && !socket->gate[WSK_EV_RECEIVE_FROM].adm;
    if (is_off && model_knob(s, KNOB_AMB_59) == 1) {
        return false;
    }
    return socket->data.packets < WSK_DATAGRAMS_MAX;
}

static struct wsk_packet *stage(struct sim *s, const struct wsk_socket *socket,
                                const struct net_datagram *datagram)
{
    struct wsk_packet *p = wsk_record(s, &wsk_data_of(s)->packet, "too many datagrams in one run");
    p->from = datagram->from;
    p->to = datagram->to;
    p->size = datagram->size;
    p->interface_index = datagram->interface_index;
    p->has_info = wants_info(socket);
    if (net_address_is_broadcast(&datagram->to)) {
        p->flags = MSG_BCAST;
    } else if (net_address_is_multicast(&datagram->to)) {
        p->flags = MSG_MCAST;
    }
    if (p->size != 0) {
        p->bytes = wsk_stage_alloc(s, p->size);
        memcpy(p->bytes, datagram->bytes, p->size);
    }
    return p;
}

static void on_datagram(struct sim *s, void *user, const struct net_datagram *datagram)
{
    struct wsk_socket *socket = user;
    struct wsk_data *d = &socket->data;
    struct net_address from = datagram->from;
    wsk_address_map(socket, &from);
    if (is_filtered(socket, &from) || !has_room(s, socket)) {
        return;
    }
    struct wsk_packet *p = stage(s, socket, datagram);
    p->from = from;
    wsk_address_map(socket, &p->to);
    p->arrival = d->packet_arrivals++;
    push_back(socket, p);
    refresh(socket);
    if (wsk_pick_race(s, socket, WSK_EV_RECEIVE_FROM)) {
        sim_event_add(s, s->now + WSK_RACE_TICKS, end_race, socket, 0);
        wsk_event_due(s, socket, WSK_EV_RECEIVE_FROM);
        return;
    }
    serve(s, socket);
}

static void on_unreachable(struct sim *s, void *user, const struct net_address *remote)
{
    struct wsk_socket *socket = user;
    struct wsk_request *r = socket->data.receives.first;
    (void)remote;
    if (r != NULL && choice_flag(s, CHOICE_WORLD, PICK_WSK_UNREACHABLE)) {
        wsk_queue_remove(&socket->data.receives, r);
        wsk_complete(s, r, STATUS_PORT_UNREACHABLE, 0);
    }
}

static const struct net_udp_ops udp_ops = {.receive = on_datagram, .unreachable = on_unreachable};

void wsk_datagram_open(struct sim *s, struct wsk_socket *socket)
{
    struct net_address local = socket->local;
    if (model_mutated(bind_datagram_deaf) && net_address_is_wildcard(&local)) {
        (void)net_host_address(s, NET_LOCAL, (enum net_family)local.family, 0, &local);
        local.port = socket->local.port;
    }
    if (!wsk_address_is_mapped(&local)) {
        socket->data.udp = net_udp_open(s, NET_LOCAL, &local, &udp_ops, socket);
    }
    if (wsk_address_is_mapped(&local) || (wsk_is_dual(socket) && net_address_is_wildcard(&local))) {
        const struct net_address v4 = wsk_address_as_v4(&local);
        socket->data.udp4 = net_udp_open(s, NET_LOCAL, &v4, &udp_ops, socket);
    }
    model_exercised(s, RULE_BIND_005);
    world_bound(s, &socket->local);
}

void wsk_datagram_filter_changed(struct sim *s, struct wsk_socket *socket)
{
    if (model_knob(s, KNOB_AMB_50_BUFFERED) != 1) {
        return;
    }
    for (uint32_t left = socket->data.packets; left != 0; left--) {
        struct wsk_packet *p = pop(socket);
        if (is_filtered(socket, &p->from)) {
            packet_free(s, p);
        } else {
            push_back(socket, p);
        }
    }
}

/* ---- WskReceiveFromEvent ---- */

static uint32_t datagram_ready(struct sim *s, struct wsk_socket *socket, enum wsk_event event)
{
    const struct wsk_data *d = &socket->data;
    if (event != WSK_EV_RECEIVE_FROM || (d->receives.first != NULL && !d->is_racing) ||
        wsk_holds_too_much(s, socket, 2)) {
        return 0;
    }
    return d->packets - d->stale;
}

/* Byte `at` of an element that shows these packets. */
static uint8_t byte_at(const struct wsk_packet *p, uint32_t at)
{
    while (at >= p->size) {
        at -= p->size;
        p = p->next;
    }
    return p->bytes[at];
}

/*
 * DGRM-027, after UDP_RECV_MAX_COALESCED_SIZE has been set: datagrams of one sender and one size,
 * the last may be shorter, go into one element, as many as the option has room for. Links what
 * joins `p` behind it; how many bytes all have.
 */
static uint32_t coalesce(struct sim *s, struct wsk_socket *socket, struct wsk_packet *p)
{
    uint32_t total = p->size, segment = p->size;
    ULONG limit = wsk_option_value(socket, IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE);
    struct wsk_packet *next;
    while (limit != 0 && segment != 0 && p->size == segment &&
           (next = first_fresh(socket)) != NULL && next->size != 0 && next->size <= segment &&
           next->size <= limit - (total < limit ? total : limit) && next->flags == p->flags &&
           net_address_same_ip(&next->from, &p->from) && next->from.port == p->from.port &&
           choice_pick(s, CHOICE_WORLD, PICK_WSK_COALESCE, 3) == 0) {
        p->next = pop_fresh(socket);
        p = p->next;
        total += p->size;
    }
    return total;
}

static void add_packet(struct sim *s, struct wsk_list *list, struct wsk_packet *p,
                       struct wsk_shape shape)
{
    uint32_t total = coalesce(s, list->socket, p);
    struct wsk_element *e = wsk_list_add(s, list, total, shape, true);
    WSK_DATAGRAM_INDICATION *visible = (WSK_DATAGRAM_INDICATION *)e->address;
    for (uint32_t i = 0, at = 0; i < e->pieces && at < total; i++) {
        for (SIZE_T k = 0; k < e->piece[i].size; k++) {
            e->piece[i].bytes[k] = byte_at(p, at++);
        }
    }
    e->is_empty = total == 0;
    wsk_element_seal(e);
    e->packet = p;
    e->remote = wsk_argument_address(s, &p->from, RULE_DGRM_022);
    visible->RemoteAddress = model_mutated(no_remote_address) ? NULL : e->remote;
    if (model_mutated(control_without_end)) {
        visible->ControlInfoLength = 8;
    }
    uint8_t control[CONTROL_MAX];
    ULONG size = make_control(s, p, control);
    if (p->next != NULL) {
        size += make_coalesced(p->size, control + size);
    }
    if (size != 0) {
        e->control = wsk_argument(s, size, RULE_DGRM_022);
        memcpy(e->control, control, size);
        visible->ControlInfo = e->control;
        visible->ControlInfoLength = size;
    }
}

static bool datagram_take(struct sim *s, struct wsk_invocation *inv)
{
    struct wsk_socket *socket = inv->socket;
    struct wsk_data *d = &socket->data;
    if (datagram_ready(s, socket, (enum wsk_event)inv->event) == 0) {
        return false;
    }
    uint32_t fresh = d->packets - d->stale;
    uint32_t most = fresh < LIST_MAX ? fresh : LIST_MAX;
    uint32_t wanted = 1 + (most > 1 ? choice_pick(s, CHOICE_WORLD, PICK_WSK_DATAGRAMS, most) : 0);
    struct wsk_shape shape = wsk_pick_shape(s);
    struct wsk_list *list = wsk_list_new(s, socket, 0);
    const struct wsk_packet *next = first_fresh(socket);
    inv->flags = next->flags;
    bool is_any = model_mutated(lists_mix_kinds);
    do { /* DGRM-016: one kind in one list */
        add_packet(s, list, pop_fresh(socket), shape);
        next = first_fresh(socket);
    } while (--wanted != 0 && next != NULL && (is_any || next->flags == inv->flags));
    d->is_racing = false;
    inv->item = list;
    inv->datagram = wsk_list_head(list);
    return true;
}

enum answer { TAKEN, RETAINED, REFUSED };

static enum answer answer_of(struct sim *s, const struct wsk_invocation *inv)
{
    if (inv->answer == STATUS_PENDING && !model_mutated(pending_is_success)) {
        return RETAINED;
    }
    if (inv->answer == STATUS_SUCCESS && model_mutated(success_is_refusal)) {
        return REFUSED;
    }
    if (!NT_SUCCESS(inv->answer) && inv->answer != STATUS_DATA_NOT_ACCEPTED &&
        model_mutated(other_failure_disables)) {
        return REFUSED;
    }
    if (inv->answer == STATUS_DATA_NOT_ACCEPTED ||
        (!NT_SUCCESS(inv->answer) && model_knob(s, KNOB_AMB_62) == 1)) {
        return REFUSED;
    }
    return TAKEN; /* another failure: the list goes back and is dropped (DGRM-028) */
}

static void put_back(struct wsk_socket *socket, struct wsk_element *first, bool is_stale)
{
    for (struct wsk_element *e = first; e != NULL; e = e->next) {
        for (struct wsk_packet *p = e->packet, *next; p != NULL; p = next) {
            next = p->next;
            push_again(socket, p, is_stale);
        }
    }
}

static void datagram_returned(struct sim *s, struct wsk_invocation *inv)
{
    struct wsk_socket *socket = inv->socket;
    struct wsk_list *list = inv->item;
    enum answer answer = answer_of(s, inv);
    bool is_static = socket->gate[WSK_EV_RECEIVE_FROM].src == WSK_SRC_STATIC;
    /* CLOSE-040: a refusal that overlaps the close is one, but nothing comes again. */
    bool is_kept = answer == REFUSED && socket->life == WSK_LIVE &&
                   (!is_static || model_knob(s, KNOB_DGRM_STATIC_REFUSAL) == 1);
    struct wsk_element *first = list->first;
    is_kept = is_kept && !model_mutated(refused_datagrams_are_dropped);
    wsk_list_returned(s, list, inv, answer == RETAINED);
    if (is_kept && !model_mutated(refused_forgotten)) {
        put_back(socket, first, is_static);
    } else {
        for (struct wsk_element *e = first; e != NULL; e = e->next) {
            for (struct wsk_packet *p = e->packet; p != NULL; p = p->next) {
                packet_free(s, p);
            }
        }
    }
    if (answer == REFUSED) {
        wsk_event_refused(s, socket);
    }
    serve(s, socket);
}

bool wsk_datagram_is_deaf(const struct wsk_socket *socket)
{
    const struct wsk_gate *gate = &socket->gate[WSK_EV_RECEIVE_FROM];
    if (gate->adm || gate->src != WSK_SRC_DYNAMIC || socket->data.receives.first != NULL) {
        return false;
    }
    const struct wsk_packet *p = socket->data.packet_first;
    while (p != NULL && !p->was_refused) {
        p = p->next;
    }
    return p != NULL;
}

/* ---- endings ---- */

static void datagram_leave(struct sim *s, struct wsk_socket *socket)
{
    struct wsk_data *d = &socket->data;
    d->is_bound = false;
    if (d->udp != NULL) {
        net_udp_close(s, d->udp);
        d->udp = NULL;
    }
    if (d->udp4 != NULL) {
        net_udp_close(s, d->udp4);
        d->udp4 = NULL;
    }
    if (socket->life == WSK_CLOSING && model_knob(s, KNOB_CLOSE_LATE_CALLBACKS) == 1) {
        wsk_event_due(s, socket, WSK_EV_RECEIVE_FROM); /* AMBIGUOUS-LIFE-03 */
    } else {
        drop_all(s, socket);
    }
}

static void datagram_closed(struct sim *s, struct wsk_socket *socket)
{
    drop_all(s, socket);
    SIM_ASSERT(socket->data.receives.first == NULL);
    wsk_release_closed(s, socket);
}

/* AMBIGUOUS-LIFE-44. What was refused comes again all the same (DGRM-020). */
static void datagram_enabled(struct sim *s, struct wsk_socket *socket, enum wsk_event event)
{
    (void)event;
    if (model_knob(s, KNOB_EVENT_BACKLOG_ON_ENABLE) == 1 && socket->data.receives.first == NULL) {
        for (struct wsk_packet *p = socket->data.packet_first; p != NULL; p = p->next) {
            if (!p->is_stale && !p->was_refused) {
                p->is_stale = true;
                socket->data.stale++;
            }
        }
    }
}

const struct wsk_category_ops wsk_datagram_ops = {
    .ready = datagram_ready,
    .take = datagram_take,
    .returned = datagram_returned,
    .died = datagram_leave,
    .closing = datagram_leave,
    .closed = datagram_closed,
    .enabled = datagram_enabled,
};
