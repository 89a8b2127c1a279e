/* SPDX-License-Identifier: MIT */
/*
 * WskSendTo and WskSendMessages. A datagram leaves in the call; its IRP completes soon after, or
 * after a millisecond, in which it can be cancelled and its socket closed (DGRM-006, table 2.3).
 */
#include "model/wsk/wsk_data_internal.h"
#include "model/wsk/wsk_internal.h"

#include "model/world/run.h"

#include <string.h>

static const NTSTATUS send_faults[] = {STATUS_INSUFFICIENT_RESOURCES, STATUS_NETWORK_UNREACHABLE};

/* ---- control data (DGRM-004) ---- */

/* False: the call is decided. */
static bool check_control(struct wsk_call *call, const void *control, ULONG length)
{
    struct sim *s = call->s;
    if (length == 0) {
        if (control != NULL) {
            model_lint(s, RULE_DGRM_004);
        }
        return true;
    }
    model_touch(s, control, length, "ControlInfo");
    for (SIZE_T at = 0; at < length;) {
        CMSGHDR header;
        bool is_whole = length - at >= sizeof header;
        if (is_whole) {
            memcpy(&header, (const uint8_t *)control + at, sizeof header);
            is_whole = header.cmsg_len >= sizeof header && header.cmsg_len <= length - at;
        }
        if (!is_whole) {
            model_breach(s, RULE_DGRM_004, call->socket->object, NULL,
                         "the control data of %s is no row of CMSGHDR objects",
                         model_routine_name(call->routine));
            wsk_refuse_argument(call); /* there is no part of it that could be ignored */
            return false;
        }
        at += CMSGHDR_ALIGN(header.cmsg_len);
    }
    call->request->out[2] = (void *)(uintptr_t)control;
    call->request->out_size[2] = length;
    model_exercised(s, RULE_DGRM_004);
    wsk_input_keep(call->request, control, length, RULE_DGRM_004);
    return true;
}

/* Control data may be looked at until the completion; shipped clients think otherwise. */
static void check_control_kept(struct sim *s, const struct wsk_request *r)
{
    if (r->out[2] != NULL && !sim_memory_ok(r->out[2], r->out_size[2], NULL)) {
        model_lint(s, RULE_DGRM_004);
    }
}

/* The source address that packet information asks for; false if there is none. */
static bool find_source(const struct wsk_socket *socket, const uint8_t *control, ULONG length,
                        struct net_address *from)
{
    bool is_v6 = socket->family == AF_INET6;
    SIZE_T size = is_v6 ? 16 : 4;
    for (SIZE_T at = 0; at < length;) {
        CMSGHDR header;
        memcpy(&header, control + at, sizeof header);
        if (header.cmsg_level == (is_v6 ? IPPROTO_IPV6 : IPPROTO_IP) &&
            header.cmsg_type == (is_v6 ? IPV6_PKTINFO : IP_PKTINFO) &&
            header.cmsg_len >= sizeof header + size) {
            *from = socket->local;
            memcpy(from->ip, control + at + sizeof header, size);
            return !net_address_is_wildcard(from);
        }
        at += CMSGHDR_ALIGN(header.cmsg_len);
    }
    return false;
}

/* ---- destination (DGRM-002, DGRM-003) ---- */

/* AMBIGUOUS-LIFE-70. */
static void refuse_destination(struct wsk_call *call)
{
    static const NTSTATUS status[] = {STATUS_INVALID_PARAMETER, STATUS_INVALID_ADDRESS_COMPONENT,
                                      STATUS_INVALID_DEVICE_STATE};
    wsk_refuse(call, status[model_knob(call->s, KNOB_DGRM_NO_DESTINATION_STATUS)]);
}

/* False: the call is decided. */
static bool find_destination(struct wsk_call *call, const SOCKADDR *address, struct net_address *to)
{
    struct sim *s = call->s;
    const struct wsk_socket *socket = call->socket;
    const char *name = model_routine_name(call->routine);
    bool is_fixed = socket->has_remote || socket->has_destination;
    if (address != NULL && !(model_mutated(fixed_address_wins) && is_fixed)) {
        if (!wsk_address_in(s, address, socket->family, to, "RemoteAddress")) {
            model_breach(s, RULE_DGRM_002, socket->object, &socket->created,
                         "%s is given an address of family %u on a socket of family %u", name,
                         address->sa_family, socket->family);
            wsk_refuse_argument(call); /* nobody knows where to send it */
            return false;
        }
        wsk_input_keep(call->request, address, wsk_address_size(socket->family), RULE_DGRM_004);
    } else if (socket->has_remote &&
               !(socket->destination_wins && model_knob(s, KNOB_AMB_50) == 1)) {
        *to = socket->remote_fixed;
    } else if (socket->has_destination) {
        *to = socket->destination_fixed;
    } else {
        enum model_rule rule = socket->asked_fixed ? RULE_CTL_158 : RULE_DGRM_002;
        model_breach(s, rule, socket->object, NULL,
                     "%s has no RemoteAddress and the socket has no fixed address%s", name,
                     socket->asked_fixed ? " any more, or its setting has failed" : "");
        refuse_destination(call);
        return false;
    }
    model_exercised(s, RULE_DGRM_002);
    model_exercised(s, RULE_CTL_158);
    return true;
}

/* Step 9 and 10. False: the call is decided. */
static bool may_send(struct wsk_call *call, const struct net_address *to)
{
    NTSTATUS status;
    if (to->port == 0 || net_address_is_wildcard(to)) {
        wsk_refuse(call, STATUS_INVALID_ADDRESS_COMPONENT);
    } else if (net_address_is_broadcast(to) && call->socket->broadcast == 0) {
        wsk_refuse(call, STATUS_ACCESS_DENIED);
    } else if (wsk_fault(call->s, send_faults, SIM_COUNT(send_faults), &status)) {
        wsk_finish(call, WSK_INLINE, status, 0);
    } else {
        return true;
    }
    return false;
}

/* Steps 8 and 9: arguments and state. False: the call is decided. */
static bool may_begin(struct wsk_call *call, ULONG flags, const SOCKADDR *remote,
                      struct net_address *to, const void *control, ULONG control_length)
{
    return wsk_datagram_check(call, flags) && find_destination(call, remote, to) &&
           check_control(call, control, control_length);
}

/* ---- sending ---- */

static void withdraw_nothing(struct sim *s, struct wsk_request *r)
{
    (void)s;
    (void)r;
}

static void sent(struct sim *s, void *argument, uint64_t value)
{
    struct wsk_request *r = argument;
    (void)value;
    if (r->phase == WSK_REQ_WAITING) {
        wsk_complete(s, r, (NTSTATUS)r->mark, r->done);
    }
}

static void finish(struct wsk_call *call, NTSTATUS status, SIZE_T bytes)
{
    struct sim *s = call->s;
    struct wsk_request *r = call->request;
    if (model_mutated(send_to_answers_more_entries)) {
        wsk_finish(call, WSK_INLINE, STATUS_MORE_ENTRIES, 0);
        return;
    }
    if (model_mutated(datagram_reports_nothing)) {
        bytes = 0;
    }
    if (!choice_flag(s, CHOICE_WORLD, PICK_WSK_SEND_DELAY)) {
        wsk_finish(call, WSK_PEND, status, NT_SUCCESS(status) ? bytes : 0);
        return;
    }
    r->mark = (uint64_t)(uint32_t)status;
    r->done = NT_SUCCESS(status) ? bytes : 0;
    r->withdraw = withdraw_nothing;
    sim_event_add(s, s->now + SIM_MS(1), sent, r, 0);
    wsk_pend(call);
}

/* One datagram; false if there is no route. */
static bool transmit(struct wsk_call *call, PMDL mdl, ULONG offset, SIZE_T length,
                     const struct net_address *to, const struct net_address *from)
{
    struct sim *s = call->s;
    uint8_t *scratch = wsk_data_of(s)->scratch;
    if (length != 0) {
        mm_chain_read(s, mdl, offset, 0, scratch, length);
    }
    const struct net_address plain = wsk_address_plain(to);
    bool is_v4_half = wsk_address_is_mapped(to);
    struct net_udp *udp = is_v4_half ? call->socket->data.udp4 : call->socket->data.udp;
    if (udp == NULL) {
        return false; /* IPV6_V6ONLY, or bound to an address of the other family */
    }
    const struct net_address plain_from = from != NULL ? wsk_address_plain(from) : plain;
    bool has_from = from != NULL && plain_from.family == plain.family;
    return net_udp_send(s, udp, &plain, has_from ? &plain_from : NULL, scratch, (uint32_t)length);
}

static bool is_refused_length(struct wsk_call *call, SIZE_T length)
{
    if (length > NET_DATAGRAM_MAX) {
        wsk_refuse(call, STATUS_INVALID_BUFFER_SIZE);
        return true;
    }
    if (length == 0 && model_knob(call->s, KNOB_SEND_ZERO_LENGTH) == 1) {
        wsk_refuse(call, STATUS_INVALID_PARAMETER); /* AMBIGUOUS-LIFE-47 */
        return true;
    }
    return false;
}

static void deliver_send_to(struct sim *s, struct wsk_request *r)
{
    check_control_kept(s, r);
    wsk_buffer_release(s, r, MM_READ, RULE_DGRM_005);
}

static void send_to(struct wsk_call *call, const WSK_BUF *buffer, const struct net_address *to,
                    const struct net_address *from)
{
    struct sim *s = call->s;
    struct wsk_request *r = call->request;
    model_touch(s, buffer, sizeof *buffer, "Buffer");
    if (!may_send(call, to) || is_refused_length(call, buffer->Length)) {
        return;
    }
    if (!wsk_buffer_use(call, buffer, MM_READ, RULE_SEND_002)) {
        return;
    }
    r->deliver = deliver_send_to;
    world_datagram(s, to);
    bool is_sent = transmit(call, r->mdl, r->offset, r->length, to, from);
    finish(call, is_sent ? STATUS_SUCCESS : STATUS_NETWORK_UNREACHABLE, r->length);
}

NTSTATUS WSKAPI WskSendTo(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags, PSOCKADDR RemoteAddress,
                          ULONG ControlInfoLength, PCMSGHDR ControlInfo, PIRP Irp)
{
    struct wsk_call call;
    struct net_address to, from;
    if (WSK_ENTER(&call, WskSendTo, Socket, Irp, WSK_REQ_SEND_TO)) {
        if (may_begin(&call, Flags, RemoteAddress, &to, ControlInfo, ControlInfoLength)) {
            bool has_from =
                find_source(call.socket, (const uint8_t *)ControlInfo, ControlInfoLength, &from);
            send_to(&call, Buffer, &to, has_from ? &from : NULL);
        }
    }
    return wsk_leave(&call);
}

/* ---- WskSendMessages ---- */

/* The list is needed until the completion (DGRM-008). */
static void check_node(struct sim *s, const struct wsk_request *r, const struct wsk_message *m)
{
    const WSK_BUF_LIST *node = m->node, *copy = &m->copy;
    wsk_output_kept(s, r, node, sizeof *node, RULE_DGRM_008, "WSK_BUF_LIST");
    if (node->Next != copy->Next || node->Buffer.Mdl != copy->Buffer.Mdl ||
        node->Buffer.Offset != copy->Buffer.Offset || node->Buffer.Length != copy->Buffer.Length) {
        model_fail(s, RULE_DGRM_008, r->socket->object, &r->submitted,
                   "a WSK_BUF_LIST passed to WskSendMessages is changed before its IRP completes");
    }
}

static void deliver_messages(struct sim *s, struct wsk_request *r)
{
    check_control_kept(s, r);
    for (struct wsk_message *m = r->item; m != NULL; m = m->next) {
        if (model_knob(s, KNOB_LIFETIME_INPUTS) != 1) { /* AMBIGUOUS-LIFE-12 */
            check_node(s, r, m);
        }
        if (m->mdl == NULL) {
            continue;
        }
        if (mm_chain_hash(s, m->mdl, m->offset, m->length) != m->hash) {
            model_fail(s, RULE_DGRM_005, r->socket->object, &r->submitted,
                       "the data passed to WskSendMessages is changed before its IRP completes");
        }
        mm_chain_release(s, m->mdl, r->object);
    }
    r->item = NULL;
}

static struct wsk_message *use_node(struct wsk_call *call, const WSK_BUF_LIST *node)
{
    struct sim *s = call->s;
    const WSK_BUF *buffer = &node->Buffer;
    struct wsk_message *m = wsk_record(s, &wsk_data_of(s)->message, "too many messages in one run");
    *m = (struct wsk_message){.node = node, .copy = *node, .offset = buffer->Offset,
                              .length = buffer->Length};
    if (buffer->Length == 0 && buffer->Mdl == NULL) {
        return m;
    }
    if (!wsk_buffer_map(call, buffer, MM_READ, RULE_SEND_002)) {
        return NULL;
    }
    m->mdl = buffer->Mdl;
    m->hash = mm_chain_hash(s, m->mdl, m->offset, m->length);
    return m;
}

/* The longest message, for the argument check. */
static SIZE_T check_list(struct wsk_call *call, const WSK_BUF_LIST *list)
{
    SIZE_T longest = 0;
    uint32_t count = 0;
    for (const WSK_BUF_LIST *node = list; node != NULL; node = node->Next) {
        model_touch(call->s, node, sizeof *node, "BufferList");
        if (++count > WSK_BUFFER_LIST_MAX) {
            model_fail(call->s, RULE_DGRM_008, call->socket->object, NULL,
                       "the list of WskSendMessages has more than %d elements, or is a ring",
                       WSK_BUFFER_LIST_MAX);
        }
        longest = node->Buffer.Length > longest ? node->Buffer.Length : longest;
    }
    model_exercised(call->s, RULE_DGRM_008);
    return longest;
}

static void send_messages(struct wsk_call *call, const WSK_BUF_LIST *list,
                          const struct net_address *to, const struct net_address *from)
{
    struct sim *s = call->s;
    struct wsk_request *r = call->request;
    model_touch(s, list, sizeof *list, "BufferList");
    SIZE_T longest = check_list(call, list);
    if (!may_send(call, to) || (longest > NET_DATAGRAM_MAX && is_refused_length(call, longest))) {
        return;
    }
    r->deliver = deliver_messages;
    world_datagram(s, to);
    struct wsk_message *last = NULL;
    SIZE_T total = 0;
    bool is_sent = true;
    for (const WSK_BUF_LIST *node = list; node != NULL; node = node->Next) {
        struct wsk_message *m = use_node(call, node);
        if (m == NULL) {
            return;
        }
        if (last == NULL) {
            r->item = m;
        } else {
            last->next = m;
        }
        last = m;
        if (model_mutated(messages_stop_after_first) && m != r->item) {
            continue;
        }
        is_sent = is_sent && transmit(call, m->mdl, m->offset, m->length, to, from);
        total += m->length;
    }
    finish(call, is_sent ? STATUS_SUCCESS : STATUS_NETWORK_UNREACHABLE, total);
}

NTSTATUS WSKAPI WskSendMessages(PWSK_SOCKET Socket, PWSK_BUF_LIST BufferList, ULONG Flags,
                                PSOCKADDR RemoteAddress, ULONG ControlInfoLength,
                                PCMSGHDR ControlInfo, PIRP Irp)
{
    struct wsk_call call;
    struct net_address to, from;
    if (WSK_ENTER(&call, WskSendMessages, Socket, Irp, WSK_REQ_SEND_MESSAGES)) {
        if (may_begin(&call, Flags, RemoteAddress, &to, ControlInfo, ControlInfoLength)) {
            bool has_from =
                find_source(call.socket, (const uint8_t *)ControlInfo, ControlInfoLength, &from);
            send_messages(&call, BufferList, &to, has_from ? &from : NULL);
        }
    }
    return wsk_leave(&call);
}
