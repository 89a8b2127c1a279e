/* SPDX-License-Identifier: MIT */
/*
 * WskBind: which addresses a socket may have (sockets.md 1.4), and what begins with having one.
 *
 * A claim is decided and takes effect in the call; the IRP usually comes later, so that traffic can
 * be there before the client knows (BIND-009). What the client knows is set at the completion.
 */
#include "model/wsk/wsk_data_internal.h"

#include "model/world/run.h"

#include <string.h>

static const NTSTATUS bind_faults[] = {STATUS_INSUFFICIENT_RESOURCES,
                                       STATUS_ADDRESS_ALREADY_EXISTS};

/* ---- table 1.4.1 ---- */

enum share { SHARE_DEFAULT, SHARE_REUSE, SHARE_EXCLUSIVE };
enum verdict { OK, INUSE, DENIED, CHECK };

static enum share share_of(const struct wsk_socket *socket)
{
    if (socket->exclusive_address != 0) {
        return SHARE_EXCLUSIVE;
    }
    return socket->reuse_address != 0 ? SHARE_REUSE : SHARE_DEFAULT;
}

/* [second: sharing, specific][first: sharing, specific] */
static const uint8_t conflict[3][2][3][2] = {
    [SHARE_DEFAULT] = {{{INUSE, OK}, {INUSE, OK}, {INUSE, OK}},
                       {{CHECK, INUSE}, {CHECK, DENIED}, {DENIED, INUSE}}},
    [SHARE_REUSE] = {{{DENIED, OK}, {OK, OK}, {DENIED, OK}},
                     {{CHECK, DENIED}, {OK, OK}, {DENIED, DENIED}}},
    [SHARE_EXCLUSIVE] = {{{INUSE, INUSE}, {INUSE, INUSE}, {INUSE, INUSE}},
                         {{CHECK, INUSE}, {CHECK, INUSE}, {DENIED, INUSE}}},
};

static enum net_protocol protocol_of(const struct wsk_socket *socket)
{
    return socket->category == WSK_DATAGRAM ? NET_UDP : NET_TCP;
}

static enum verdict judge(const struct wsk_socket *second, const struct net_address *address,
                          const struct wsk_socket *first)
{
    if (model_mutated(sharing_unchecked)) {
        return OK;
    }
    if (model_mutated(reuse_denied) && share_of(second) == SHARE_REUSE && first->data.is_bound) {
        return DENIED;
    }
    const struct net_address one = wsk_address_plain(&first->local);
    const struct net_address two = wsk_address_plain(address);
    if (!first->data.is_bound || first == second || protocol_of(first) != protocol_of(second) ||
        one.port != two.port) {
        return OK;
    }
    bool is_first_specific = !net_address_is_wildcard(&one);
    bool is_second_specific = !net_address_is_wildcard(&two);
    if (one.family != two.family && !(wsk_is_dual(first) && !is_first_specific) &&
        !(wsk_is_dual(second) && !is_second_specific)) {
        return OK; /* the wildcard of a dual socket holds the port of both families */
    }
    if (is_first_specific && is_second_specific && !net_address_same_ip(&one, &two) &&
        !model_mutated(bind_ignores_address)) {
        return OK; /* BIND-013 */
    }
    enum verdict verdict = (enum verdict)
        conflict[share_of(second)][is_second_specific][share_of(first)][is_first_specific];
    return verdict == DENIED && model_mutated(bind_denied_is_in_use) ? INUSE : verdict;
}

static NTSTATUS check_conflicts(struct sim *s, const struct wsk_socket *socket,
                                const struct net_address *address)
{
    const struct wsk_state *w = wsk_of(s);
    for (uint32_t i = 0; i < w->socket_count; i++) {
        switch (judge(socket, address, &w->socket[i])) {
        case OK:
            break;
        case INUSE:
            return model_knob(s, KNOB_BIND_INUSE_STATUS) == 1 ? STATUS_ADDRESS_ALREADY_ASSOCIATED
                                                              : STATUS_ADDRESS_ALREADY_EXISTS;
        case DENIED:
            return STATUS_ACCESS_DENIED;
        case CHECK:
            /* Descriptors have no contents here: either answer; the default one denies: CTL-117. */
            if (w->socket[i].sd_object == 0 && !model_mutated(sd_default_shares)) {
                return STATUS_ACCESS_DENIED;
            }
            if (choice_flag(s, CHOICE_WORLD, PICK_WSK_CHECK)) {
                return STATUS_ACCESS_DENIED;
            }
            break;
        }
    }
    return STATUS_SUCCESS;
}

NTSTATUS wsk_bind_claim(struct sim *s, struct wsk_socket *socket, const struct net_address *address)
{
    struct net_address local = *address;
    const struct net_address plain = wsk_address_plain(&local);
    if ((wsk_address_is_mapped(&local) && !wsk_is_dual(socket)) ||
        (!net_address_is_wildcard(&plain) && !net_host_owns(s, NET_LOCAL, &plain))) {
        return STATUS_INVALID_ADDRESS_COMPONENT;
    }
    if (local.port == 0) {
        local.port = net_ephemeral_port(s, NET_LOCAL, protocol_of(socket));
    } else {
        NTSTATUS status = check_conflicts(s, socket, &local);
        if (!NT_SUCCESS(status)) {
            return status;
        }
    }
    socket->local = local;
    socket->data.is_bound = true;
    return STATUS_SUCCESS;
}

/* ---- the call ---- */

/*
 * BIND-015, AMBIGUOUS-LIFE-12: the address was read in the call; a client that has let it go by now
 * depends on that.
 */
static void check_address_kept(struct sim *s, const struct wsk_request *r)
{
    struct net_address now;
    uintptr_t bad;
    const struct wsk_socket *socket = r->socket;
    if (!r->was_pended || model_knob(s, KNOB_LIFETIME_INPUTS) == 1) {
        return;
    }
    bool is_kept = sim_memory_ok(r->out[0], wsk_address_size(socket->family), &bad) &&
                   wsk_address_in(s, r->out[0], socket->family, &now, "LocalAddress") &&
                   memcmp(&now, &r->address[0], sizeof now) == 0;
    if (!is_kept) {
        model_lint(s, RULE_BIND_015);
    }
    model_exercised(s, RULE_BIND_015);
}

static void deliver_bind(struct sim *s, struct wsk_request *r)
{
    struct wsk_socket *socket = r->socket;
    check_address_kept(s, r);
    if (!NT_SUCCESS(r->status)) {
        if (socket->seen == WSK_BINDING && !model_mutated(bind_failure_lingers)) {
            wsk_socket_see(s, socket, WSK_UNBOUND); /* BIND-010 */
        }
        model_exercised(s, RULE_BIND_010);
    } else if (socket->seen == WSK_BINDING) {
        r->information = model_mutated(bind_information) ? 1 : 0;
        model_exercised(s, RULE_BIND_003);
        wsk_socket_see(s, socket, socket->category == WSK_LISTEN ? WSK_LISTENING : WSK_BOUND);
    }
}

/* What begins with the address. */
static void take_effect(struct sim *s, struct wsk_socket *socket)
{
    switch ((enum wsk_category)socket->category) {
    case WSK_LISTEN:
        wsk_socket_state(s, socket, WSK_LISTENING);
        if (model_mutated(inspect_always) && wsk_event_target(socket, WSK_EV_INSPECT) != NULL) {
            socket->conditional_accept = 1;
        }
        model_exercised(s, RULE_LSTN_003);
        model_exercised(s, RULE_LSTN_004);
        if (socket->conditional_accept != 0) {
            wsk_event_conditional(s, socket);
        }
        if (!model_mutated(bind_does_not_listen)) {
            wsk_incoming_listen(s, socket, socket->conditional_accept != 0);
        }
        model_exercised(s, RULE_BIND_004);
        model_exercised(s, RULE_LSTN_001);
        break;
    case WSK_DATAGRAM:
        wsk_socket_state(s, socket, WSK_BOUND);
        wsk_datagram_open(s, socket);
        break;
    case WSK_CONNECTION:
    case WSK_STREAM:
        wsk_socket_state(s, socket, WSK_BOUND);
        break;
    case WSK_BASIC:
    case WSK_CATEGORIES:
        SIM_ASSERT_OP(socket->category, !=, socket->category); /* SOCK-021 stops these */
    }
}

static NTSTATUS bind_now(struct sim *s, struct wsk_request *r)
{
    struct wsk_socket *socket = r->socket;
    NTSTATUS status;
    if (socket->is_wrong_kind) {
        return STATUS_NOT_IMPLEMENTED; /* SOCK-005 */
    }
    if (wsk_fault(s, bind_faults, SIM_COUNT(bind_faults), &status)) {
        return status;
    }
    status = wsk_bind_claim(s, socket, &r->address[0]);
    if (NT_SUCCESS(status)) {
        take_effect(s, socket);
        if (model_knob(s, KNOB_BIND_EVENTS_BEFORE_COMPLETION) == 1) {
            socket->hold_events = true;
            r->held = socket;
        }
    }
    return status;
}

/* Nothing has happened yet. */
static void withdraw_bind(struct sim *s, struct wsk_request *r)
{
    (void)s;
    (void)r;
}

static void bind_slowly(struct sim *s, void *argument, uint64_t value)
{
    struct wsk_request *r = argument;
    (void)value;
    if (r->phase == WSK_REQ_WAITING) {
        wsk_complete(s, r, bind_now(s, r), 0);
    }
}

static void bind_socket(struct wsk_call *call, const SOCKADDR *address, ULONG flags)
{
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    struct net_address local;
    if (flags != 0) {
        model_breach(s, RULE_BIND_001, socket->object, NULL, "WskBind is given Flags 0x%x", flags);
        if (!wsk_ignores_argument(call)) {
            return;
        }
    }
    model_exercised(s, RULE_BIND_001);
    if (!wsk_address_in(s, address, socket->family, &local, "LocalAddress")) {
        model_breach(s, RULE_BIND_002, socket->object, &socket->created,
                     "WskBind is given an address of family %u on a socket of family %u",
                     address->sa_family, socket->family);
        wsk_refuse_argument(call);
        return;
    }
    model_exercised(s, RULE_BIND_002);
    if (socket->state != WSK_UNBOUND || socket->seen != WSK_UNBOUND) {
        model_lint(s, RULE_BIND_011);
        wsk_refuse_state(call);
        return;
    }
    wsk_socket_see(s, socket, WSK_BINDING);
    call->request->deliver = deliver_bind;
    call->request->out[0] = (PVOID)(ULONG_PTR)address;
    call->request->address[0] = local;
    if (model_knob(s, KNOB_CANCEL_HONOURED) == 2) { /* "all": long enough to be cancelled */
        call->request->withdraw = withdraw_bind;
        wsk_pend(call);
        sim_event_add(s, s->now + SIM_MS(1), bind_slowly, call->request, 0);
        return;
    }
    NTSTATUS status = bind_now(s, call->request);
    wsk_finish(call, WSK_PEND, status, 0);
}

NTSTATUS WSKAPI WskBind(PWSK_SOCKET Socket, PSOCKADDR LocalAddress, ULONG Flags, PIRP Irp)
{
    struct wsk_call call;
    if (WSK_ENTER(&call, WskBind, Socket, Irp, WSK_REQ_BIND)) {
        bind_socket(&call, LocalAddress, Flags);
    }
    return wsk_leave(&call);
}
