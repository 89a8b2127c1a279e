/* SPDX-License-Identifier: MIT */
/*
 * Conditional accept: WskInspectEvent, WskAbortEvent and WskInspectComplete (LSTN-005 to LSTN-024).
 *
 * The client may hand an id to another thread, which completes the inspection before the callback
 * has returned WskInspectPend; that action is kept and applied at the return.
 */
#include "model/wsk/wsk_data_internal.h"

/* ---- the callbacks ---- */

static PWSK_INSPECT_ID id_argument(struct sim *s, const struct wsk_incoming *in)
{
    PWSK_INSPECT_ID id = wsk_argument(s, sizeof *id, RULE_LSTN_012);
    *id = in->id;
    return id;
}

void wsk_inspect_take(struct sim *s, struct wsk_invocation *inv, struct wsk_incoming *in)
{
    inv->item = in;
    inv->inspect_id = id_argument(s, in);
    if (inv->event == WSK_EV_INSPECT) {
        wsk_incoming_state(in, WSK_IN_INSPECTING);
        inv->local = wsk_argument_address(s, &in->local, RULE_LSTN_012);
        inv->remote = wsk_argument_address(s, &in->remote, RULE_LSTN_012);
    } else {
        wsk_incoming_state(in, WSK_IN_ABORTING);
        in->abort_told = true;
    }
}

/* The peer has left while the callback ran. */
static void end_dropped(struct sim *s, struct wsk_incoming *in, WSK_INSPECT_ACTION action)
{
    if (action == WskInspectReject || in->listener->data.listener == NULL) {
        wsk_incoming_state(in, WSK_IN_ENDED);
        return;
    }
    wsk_incoming_state(in, WSK_IN_ABORT_DUE);
    wsk_event_due(s, in->listener, WSK_EV_ABORT);
}

void wsk_inspect_verdict(struct sim *s, struct wsk_incoming *in, WSK_INSPECT_ACTION action)
{
    struct net_listener *listener = in->listener->data.listener;
    SIM_ASSERT(listener != NULL && action != WskInspectPend);
    enum net_verdict verdict =
        action == WskInspectAccept && !model_mutated(inspect_accept_drops) ? NET_ACCEPT
                                                                           : NET_REJECT;
    bool is_there = net_listen_verdict(s, listener, in->request, verdict);
    listener = in->listener->data.listener4;
    if (!is_there && listener != NULL) {
        is_there = net_listen_verdict(s, listener, in->request, verdict);
    }
    if (verdict == NET_REJECT) {
        bool is_told = model_mutated(inspect_reject_aborts);
        wsk_incoming_state(in, is_told ? WSK_IN_ABORT_DUE : WSK_IN_ENDED); /* LSTN-008 */
        if (is_told) {
            wsk_event_due(s, in->listener, WSK_EV_ABORT);
        }
        model_exercised(s, RULE_LSTN_008);
    } else if (is_there) {
        wsk_incoming_state(in, WSK_IN_HANDSHAKE);
    } else {
        end_dropped(s, in, action);
    }
}

static void inspected(struct sim *s, struct wsk_invocation *inv, struct wsk_incoming *in)
{
    WSK_INSPECT_ACTION action = (WSK_INSPECT_ACTION)inv->answer;
    if (in->early != 0) {
        if (action != WskInspectPend) {
            model_fail(s, RULE_LSTN_014, in->listener->object, &in->completed,
                       "WskInspectComplete for a request whose WskInspectEvent answers %s",
                       action == WskInspectAccept ? "WskInspectAccept" : "WskInspectReject");
        }
        action = (WSK_INSPECT_ACTION)(in->early - 1);
    }
    if (model_mutated(inspect_twice) && action == WskInspectAccept && !in->was_completed) {
        in->was_completed = true;
        wsk_incoming_state(in, WSK_IN_ARRIVED);
        wsk_event_due(s, in->listener, WSK_EV_INSPECT);
        return;
    }
    model_exercised(s, RULE_LSTN_005);
    if (in->listener->data.listener == NULL) {
        wsk_incoming_state(in, WSK_IN_ENDED);
    } else if (in->is_dropped) {
        end_dropped(s, in, action);
    } else if (action == WskInspectPend && model_mutated(abort_is_premature)) {
        wsk_incoming_state(in, WSK_IN_ABORT_DUE);
        wsk_event_due(s, in->listener, WSK_EV_ABORT);
    } else if (action == WskInspectPend) {
        wsk_incoming_state(in, WSK_IN_PENDED);
    } else {
        wsk_inspect_verdict(s, in, action);
    }
}

void wsk_inspect_returned(struct sim *s, struct wsk_invocation *inv)
{
    struct wsk_incoming *in = inv->item;
    wsk_argument_free(s, inv->inspect_id);
    wsk_argument_free(s, inv->local);
    wsk_argument_free(s, inv->remote);
    if (inv->event == WSK_EV_INSPECT) {
        inspected(s, inv, in);
    } else if (model_mutated(abort_told_twice) && !in->was_completed) {
        in->was_completed = true;
        wsk_incoming_state(in, WSK_IN_ABORT_DUE);
        wsk_event_due(s, in->listener, WSK_EV_ABORT);
    } else if (!model_mutated(abort_is_premature) || in->state != WSK_IN_ENDED) {
        model_exercised(s, RULE_LSTN_017);
        wsk_incoming_state(in, WSK_IN_ENDED);
    }
}

/* ---- WskInspectComplete ---- */

static struct wsk_incoming *by_id(struct wsk_socket *listener, const WSK_INSPECT_ID *id)
{
    struct wsk_incoming *in = listener->data.incoming_first;
    while (in != NULL && (!in->was_inspected || in->id.Key != id->Key ||
                          in->id.SerialNumber != id->SerialNumber)) {
        in = in->next;
    }
    return in;
}

/* AMBIGUOUS-LIFE-22: `documented` for an aborted request, or for one that is not known. */
static NTSTATUS stale_status(struct sim *s, NTSTATUS documented)
{
    switch (model_knob(s, KNOB_INSPECT_STALE_STATUS)) {
    case 1:
        return STATUS_NOT_FOUND;
    case 2:
        return STATUS_CANCELLED;
    default:
        return documented;
    }
}

static void deliver_inspect(struct sim *s, struct wsk_request *r)
{
    if (model_knob(s, KNOB_LIFETIME_INPUTS) != 1) { /* AMBIGUOUS-LIFE-12 */
        model_touch(s, r->out[0], sizeof(WSK_INSPECT_ID), "InspectID");
    }
}

static bool listener_is_open(const struct wsk_incoming *in)
{
    return in->listener->data.listener != NULL;
}

/* The request is known and has not been completed before. */
static NTSTATUS act(struct wsk_call *call, struct wsk_incoming *in, WSK_INSPECT_ACTION action)
{
    struct sim *s = call->s;
    in->was_completed = true;
    in->completed = sim_here(s);
    if (model_mutated(inspect_complete_ignores_reject)) {
        action = WskInspectAccept;
    }
    if (model_mutated(abort_is_premature) && in->abort_told && listener_is_open(in)) {
        in->state = WSK_IN_PENDED;
    }
    switch ((enum wsk_incoming_state)in->state) {
    case WSK_IN_PENDED:
        wsk_inspect_verdict(s, in, action);
        model_exercised(s, RULE_LSTN_021);
        return STATUS_SUCCESS;
    case WSK_IN_INSPECTING:
        in->early = (uint8_t)(action + 1);
        return STATUS_SUCCESS;
    case WSK_IN_ABORT_DUE:
    case WSK_IN_ABORTING:
    case WSK_IN_ENDED:
        if (in->is_dropped || in->abort_told) {
            if (in->abort_told) {
                model_lint(s, RULE_LSTN_018);
            }
            model_exercised(s, RULE_LSTN_019);
            return stale_status(s, STATUS_SUCCESS);
        }
        break;
    case WSK_IN_ARRIVED:
    case WSK_IN_HANDSHAKE:
    case WSK_IN_WAITING:
    case WSK_IN_OFFERED:
        break;
    }
    model_breach(s, RULE_LSTN_014, call->socket->object, NULL,
                 "WskInspectComplete for a request whose WskInspectEvent did not answer "
                 "WskInspectPend");
    return stale_status(s, STATUS_INVALID_PARAMETER);
}

/* LSTN-010: both members name a request, neither does alone. */
static bool is_half_known(const struct wsk_socket *listener, const WSK_INSPECT_ID *id)
{
    const struct wsk_incoming *in = listener->data.incoming_first;
    while (in != NULL && (!in->was_inspected || in->state == WSK_IN_ENDED ||
                          (in->id.Key != id->Key && in->id.SerialNumber != id->SerialNumber))) {
        in = in->next;
    }
    return in != NULL;
}

static struct wsk_incoming *known_request(struct wsk_call *call, const WSK_INSPECT_ID *id)
{
    struct sim *s = call->s;
    struct wsk_socket *listener = call->socket;
    struct wsk_incoming *in = by_id(listener, id);
    if (in == NULL) {
        bool is_half = is_half_known(listener, id);
        model_breach(s, is_half ? RULE_LSTN_010 : RULE_LSTN_014, listener->object, NULL,
                     "WskInspectComplete for an id that no WskInspectEvent of this socket has "
                     "passed%s",
                     is_half ? "; one of its two members is that of a request" : "");
    } else if (in->was_completed) {
        model_breach(s, RULE_LSTN_009, listener->object, &in->completed,
                     "WskInspectComplete is called twice for one request");
        in = NULL;
    }
    model_exercised(s, RULE_LSTN_009);
    model_exercised(s, RULE_LSTN_010);
    model_exercised(s, RULE_LSTN_014);
    return in;
}

/* LSTN-009: the id of the callback is the subsystem's; the client passes a copy. */
static void check_copied(struct wsk_call *call, PWSK_INSPECT_ID id)
{
    const struct sim_block *block = sim_block_find(call->s, (uintptr_t)id);
    uintptr_t bad;
    if (block != NULL && block->kind == BLOCK_INDICATION &&
        !sim_memory_ok(id, sizeof *id, &bad)) {
        model_fail(call->s, RULE_LSTN_009, call->socket->object, &block->born,
                   "WskInspectComplete is given the pointer that WskInspectEvent got, not a copy "
                   "of what it led to");
    }
    model_touch(call->s, id, sizeof *id, "InspectID");
}

static void complete_inspection(struct wsk_call *call, PWSK_INSPECT_ID id,
                                WSK_INSPECT_ACTION action)
{
    struct sim *s = call->s;
    struct wsk_socket *listener = call->socket;
    check_copied(call, id);
    if (action != WskInspectAccept && action != WskInspectReject) {
        model_breach(s, RULE_LSTN_014, listener->object, NULL, "WskInspectComplete with action %d",
                     (int)action);
        wsk_refuse_argument(call);
        return;
    }
    struct wsk_incoming *in = known_request(call, id);
    if (in == NULL) {
        wsk_refuse(call, stale_status(s, STATUS_INVALID_PARAMETER));
        return;
    }
    static const NTSTATUS faults[] = {STATUS_INSUFFICIENT_RESOURCES};
    NTSTATUS status;
    if (wsk_fault(s, faults, SIM_COUNT(faults), &status)) {
        wsk_finish(call, WSK_PEND, status, 0);
        return;
    }
    call->request->out[0] = id;
    call->request->deliver = deliver_inspect;
    status = act(call, in, action);
    if (model_mutated(inspect_complete_fails)) {
        status = STATUS_INVALID_DEVICE_STATE;
    }
    model_exercised(s, RULE_LSTN_015);
    wsk_finish(call, WSK_PEND, status, 0);
}

NTSTATUS WSKAPI WskInspectComplete(PWSK_SOCKET ListenSocket, PWSK_INSPECT_ID InspectID,
                                   WSK_INSPECT_ACTION Action, PIRP Irp)
{
    struct wsk_call call;
    if (WSK_ENTER(&call, WskInspectComplete, ListenSocket, Irp, WSK_REQ_INSPECT)) {
        complete_inspection(&call, InspectID, Action);
    }
    return wsk_leave(&call);
}
