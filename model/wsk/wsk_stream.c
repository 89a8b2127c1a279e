/* SPDX-License-Identifier: MIT */
/*
 * Connections: what the network reports, what may be indicated, and what a callback's answer does.
 *
 * The bytes of the peer stay in the network until their fate is decided: given to a receive,
 * accepted or retained by WskReceiveEvent, dropped by a drain. While the callback is in the driver
 * the fate of its bytes is open, so receives that come in between wait for its return (RECV-012).
 *
 *   Connected --peer's FIN--> RemoteFin --+--> BothFin          any --RST, abort--> Aborted
 *       +-----WskDisconnect--> LocalFin --+
 *
 * Invariants:
 *  1. `taken` is the position in the stream up to which every byte is decided, `offered` the
 * highest position ever shown to the callback.
 *  2. A disconnect event is told at most once of each kind, the graceful one never after the other.
 *  3. After ops->closing or died no upcall comes and `tcp` is NULL; but if callbacks may start
 * until the close completes (AMBIGUOUS-LIFE-03), `tcp` keeps what one more of them may show.
 */
#include "model/wsk/wsk_data_internal.h"

enum { PAUSE_MS = 10 }; /* a failing receive callback is asked again after this */

/* ---- questions ---- */

bool wsk_stream_check_connected(struct wsk_call *call, enum model_rule rule)
{
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    const char *name = model_routine_name(call->routine);
    if (socket->committed_listen) {
        model_breach(s, RULE_STRM_004, socket->object, &socket->seen_where,
                     "%s on a stream socket that listens", name);
        wsk_refuse_state(call);
        return false;
    }
    bool is_known = socket->once_connected_seen || wsk_any_callback(socket);
    if (!socket->once_connected || !is_known) {
        model_breach(s, rule, socket->object, &socket->created,
                     "%s on a socket that has not been connected", name);
        if (rule == RULE_ADDR_003) {
            wsk_refuse(call, model_mutated(remote_address_unconnected)
                                 ? STATUS_INVALID_PARAMETER
                                 : STATUS_INVALID_DEVICE_STATE); /* ADDR-004 */
            model_exercised(s, RULE_ADDR_004);
        } else {
            wsk_refuse_state(call);
        }
        return false;
    }
    model_exercised(s, rule);
    return true;
}

NTSTATUS wsk_stream_dead_status(struct sim *s, const struct wsk_socket *socket)
{
    static const NTSTATUS other[] = {
        STATUS_FILE_FORCED_CLOSED, STATUS_CONNECTION_DISCONNECTED, STATUS_LOCAL_DISCONNECT,
        STATUS_REMOTE_DISCONNECT,  STATUS_INVALID_CONNECTION,      STATUS_PIPE_DISCONNECTED,
    };
    uint16_t reading = model_knob(s, KNOB_CONN_DEAD_IO_STATUS);
    if (reading != 0) {
        return other[reading - 1];
    }
    return socket->data.cut != WSK_CUT_NONE ? socket->data.cut_status : STATUS_INVALID_DEVICE_STATE;
}

SIZE_T wsk_stream_available(struct sim *s, const struct wsk_socket *socket)
{
    const struct wsk_data *d = &socket->data;
    if (d->tcp == NULL ||
        (d->cut != WSK_CUT_NONE &&
         (d->cut == WSK_CUT_LOCAL || model_knob(s, KNOB_RECV_DATA_AT_ABORT) == 0))) {
        return 0; /* RECV-029 */
    }
    if (d->is_shut &&
        (model_mutated(half_open_lost) || model_knob(s, KNOB_DISCONNECT_HALF_OPEN) == 1)) {
        return 0;
    }
    return net_tcp_readable(d->tcp);
}

void wsk_stream_shut(struct sim *s, struct wsk_socket *socket)
{
    struct wsk_data *d = &socket->data;
    if (!d->is_shut || d->is_indicating || d->tcp == NULL || d->cut != WSK_CUT_NONE ||
        model_knob(s, KNOB_DISCONNECT_HALF_OPEN) != 1) {
        return;
    }
    model_exercised(s, RULE_DISC_009);
    SIZE_T size = net_tcp_readable(d->tcp);
    if (size != 0) {
        net_tcp_consume(s, d->tcp, size);
        d->taken += size;
        d->offered = d->taken;
    }
}

bool wsk_stream_peer_finished(const struct wsk_socket *socket)
{
    return socket->data.tcp != NULL && net_tcp_peer_finished(socket->data.tcp);
}

void wsk_stream_take(struct sim *s, struct wsk_socket *socket, SIZE_T size)
{
    if (model_mutated(end_keeps_a_byte) && net_tcp_peer_finished(socket->data.tcp) &&
        size == net_tcp_readable(socket->data.tcp) && size > 1) {
        size--;
    }
    if (size != 0) {
        net_tcp_consume(s, socket->data.tcp, size);
        socket->data.taken += size;
    }
}

/* ---- what the network reports ---- */

/* AMBIGUOUS-LIFE-45: what happened while the callback was off may never be told. */
static bool is_lost(struct sim *s, const struct wsk_socket *socket)
{
    return !socket->gate[WSK_EV_DISCONNECT].adm && socket->dispatch != NULL &&
           model_knob(s, KNOB_DISCONNECT_BEFORE_ENABLE) == 1;
}

static void peer_finished(struct sim *s, struct wsk_socket *socket)
{
    if (model_mutated(remote_fin_shuts)) {
        socket->data.is_shut = true;
    }
    model_exercised(s, RULE_DISC_013);
    if (socket->state == WSK_CONNECTED) {
        wsk_socket_state(s, socket, WSK_REMOTE_FIN);
    } else if (socket->state == WSK_LOCAL_FIN) {
        wsk_socket_state(s, socket, WSK_BOTH_FIN);
    }
}

/* AMBIGUOUS-LIFE-54: the end of the stream as death, for a client with the receive callback only.
 */
static void end_receive_only(struct sim *s, void *argument, uint64_t value)
{
    struct wsk_socket *socket = argument;
    (void)value;
    if (socket->data.cut == WSK_CUT_NONE && socket->state == WSK_REMOTE_FIN &&
        wsk_stream_available(s, socket) == 0 && socket->data.receives.first == NULL &&
        wsk_event_on(s, socket, WSK_EV_RECEIVE) && !socket->gate[WSK_EV_DISCONNECT].adm) {
        wsk_socket_die(s, socket);
    }
}

static void on_finished(struct sim *s, void *user)
{
    struct wsk_socket *socket = user;
    if (socket->data.cut != WSK_CUT_NONE) {
        return;
    }
    peer_finished(s, socket);
    socket->data.fin_told |= is_lost(s, socket);
    wsk_stream_serve(s, socket);
    if (model_knob(s, KNOB_DISCONNECT_RECEIVE_ONLY) == 1) {
        sim_event_add(s, s->now + SIM_MS(PAUSE_MS), end_receive_only, socket, 0);
    }
}

static void end_race(struct sim *s, void *argument, uint64_t value)
{
    struct wsk_socket *socket = argument;
    (void)value;
    if (socket->data.is_racing) {
        socket->data.is_racing = false;
        wsk_stream_serve(s, socket);
    }
}

static void on_readable(struct sim *s, void *user)
{
    struct wsk_socket *socket = user;
    const struct wsk_request *first = socket->data.receives.first;
    wsk_stream_shut(s, socket);
    /* What a WAITALL has begun with, it goes on with: no callback takes bytes out of its middle. */
    bool is_begun = first != NULL && first->done != 0;
    if (!is_begun && wsk_pick_race(s, socket, WSK_EV_RECEIVE)) {
        sim_event_add(s, s->now + WSK_RACE_TICKS, end_race, socket, 0);
        wsk_event_due(s, socket, WSK_EV_RECEIVE);
        return;
    }
    wsk_stream_serve(s, socket);
}

void wsk_stream_cut(struct sim *s, struct wsk_socket *socket, enum wsk_cut cut, NTSTATUS status)
{
    struct wsk_data *d = &socket->data;
    if (d->cut != WSK_CUT_NONE) {
        return;
    }
    d->cut = (uint8_t)cut;
    d->cut_status = status;
    d->was_sending = d->sends.first != NULL;
    d->is_racing = false;
    d->abort_told |= is_lost(s, socket);
    wsk_socket_state(s, socket, WSK_ABORTED);
    wsk_send_fail(s, socket);
    wsk_stream_serve(s, socket);
    if (cut == WSK_CUT_PEER && model_knob(s, KNOB_DEAD_CAUSE) == 1) {
        wsk_socket_die(s, socket); /* AMBIGUOUS-LIFE-31 */
    }
}

static void on_reset(struct sim *s, void *user, enum net_tcp_error error)
{
    NTSTATUS status = error == NET_TIMED_OUT ? STATUS_CONNECTION_ABORTED : STATUS_CONNECTION_RESET;
    wsk_stream_cut(s, user, WSK_CUT_PEER, status);
}

static void on_acked(struct sim *s, void *user, uint64_t total)
{
    wsk_send_acked(s, user, total);
}

static void on_fin_acked(struct sim *s, void *user)
{
    wsk_send_fin_acked(s, user);
}

static void on_backlog(struct sim *s, void *user, uint64_t size)
{
    struct wsk_socket *socket = user;
    (void)size;
    bool is_on = socket->gate[WSK_EV_SEND_BACKLOG].adm; /* EVT-013 */
    if (is_on) {
        socket->data.backlog_due = true;
        wsk_event_due(s, socket, WSK_EV_SEND_BACKLOG);
    }
}

const struct net_tcp_ops wsk_stream_tcp_ops = {
    .connected = wsk_connect_done,
    .failed = wsk_connect_failed,
    .readable = on_readable,
    .finished = on_finished,
    .reset = on_reset,
    .acked = on_acked,
    .fin_acked = on_fin_acked,
    .backlog = on_backlog,
};

void wsk_stream_established(struct sim *s, struct wsk_socket *socket)
{
    wsk_stream_options_changed(s, socket);
    socket->data.backlog_told = net_tcp_ideal_backlog(socket->data.tcp);
    if (wsk_stream_peer_finished(socket)) {
        peer_finished(s, socket);
    }
    wsk_socket_kick(s, socket);
}

/* ---- what may be indicated ---- */

static uint32_t receive_ready(struct sim *s, const struct wsk_socket *socket)
{
    const struct wsk_data *d = &socket->data;
    bool is_parallel = model_mutated(receive_events_overlap);
    if ((d->is_indicating && !is_parallel) || d->is_held || s->now < d->pause_until ||
        (d->receives.first != NULL && !d->is_racing) || wsk_holds_too_much(s, socket, 2)) {
        return 0;
    }
    SIZE_T available = wsk_stream_available(s, socket);
    if (d->has_enable_mark && d->taken + available <= d->enable_mark) {
        return 0;
    }
    return available != 0;
}

static bool is_graceful_due(struct sim *s, const struct wsk_socket *socket)
{
    const struct wsk_data *d = &socket->data;
    if (d->fin_told || d->cut != WSK_CUT_NONE || !wsk_stream_peer_finished(socket)) {
        return false;
    }
    SIZE_T left = wsk_stream_available(s, socket);
    switch (model_knob(s, KNOB_DISCONNECT_ORDER)) {
    case 1:
        return true;
    case 2:
        return d->taken + left <= d->offered;
    default:
        return left == 0 || model_mutated(disconnect_event_early);
    }
}

static bool is_abort_due(struct sim *s, const struct wsk_socket *socket)
{
    const struct wsk_data *d = &socket->data;
    bool is_local = d->cut == WSK_CUT_LOCAL && model_mutated(disconnect_event_local);
    if ((d->cut != WSK_CUT_PEER && !is_local) || d->abort_told) {
        return false;
    }
    model_exercised(s, RULE_DISC_015);
    if (!d->fin_told) {
        return true;
    }
    switch (model_knob(s, KNOB_DISCONNECT_SECOND_EVENT)) {
    case 1:
        return false;
    case 2:
        return d->was_sending;
    default:
        return true;
    }
}

/* EVT-013: a size that has come back to what it was is no news. */
static bool is_backlog_due(const struct wsk_socket *socket)
{
    const struct wsk_data *d = &socket->data;
    return d->backlog_due && d->tcp != NULL &&
           (model_mutated(backlog_event_repeats) ||
            net_tcp_ideal_backlog(d->tcp) != d->backlog_told);
}

static uint32_t stream_ready(struct sim *s, struct wsk_socket *socket, enum wsk_event event)
{
    switch (event) {
    case WSK_EV_RECEIVE:
        return receive_ready(s, socket);
    case WSK_EV_DISCONNECT:
        return is_abort_due(s, socket) || is_graceful_due(s, socket);
    case WSK_EV_SEND_BACKLOG:
        return is_backlog_due(socket);
    case WSK_EV_ACCEPT:
    case WSK_EV_RECEIVE_FROM:
    case WSK_EV_INSPECT:
    case WSK_EV_ABORT:
    case WSK_EVENTS:
        break;
    }
    return 0;
}

/* RECV-015, RECV-030: any number of elements, MDLs and offsets. */
static void fill_indication(struct sim *s, struct wsk_socket *socket, struct wsk_list *list,
                            SIZE_T size)
{
    struct wsk_shape shape = wsk_pick_shape(s);
    SIZE_T at = 0;
    for (uint32_t left = shape.elements; left != 0 && at < size; left--) {
        SIZE_T part = (size - at) / left;
        if (part == 0) {
            part = 1;
        }
        struct wsk_element *e = wsk_list_add(s, list, part, shape, false);
        for (uint32_t i = 0; i < e->pieces; i++) {
            size_t got = net_tcp_peek(socket->data.tcp, at, e->piece[i].bytes, e->piece[i].size);
            SIM_ASSERT_OP(got, ==, e->piece[i].size);
            at += got;
        }
        wsk_element_seal(e);
    }
    SIM_ASSERT_OP(at, ==, size);
}

static void take_receive(struct sim *s, struct wsk_invocation *inv)
{
    static const ULONG flags[] = {WSK_FLAG_ENTIRE_MESSAGE, 0, WSK_FLAG_RELEASE_ASAP,
                                  WSK_FLAG_RELEASE_ASAP | WSK_FLAG_ENTIRE_MESSAGE};
    struct wsk_socket *socket = inv->socket;
    struct wsk_data *d = &socket->data;
    SIZE_T available = wsk_stream_available(s, socket);
    SIZE_T size = wsk_pick_amount(s, available < WSK_INDICATE_MAX ? available : WSK_INDICATE_MAX);
    inv->flags = flags[choice_pick(s, CHOICE_WORLD, PICK_WSK_FLAGS, 4)];
    if (model_mutated(message_flag_lost)) {
        inv->flags &= ~(ULONG)WSK_FLAG_ENTIRE_MESSAGE;
    }
    model_exercised(s, RULE_RECV_027);
    struct wsk_list *list = wsk_list_new(s, socket, inv->flags);
    fill_indication(s, socket, list, size);
    inv->item = list;
    inv->data = wsk_list_head(list);
    inv->bytes_indicated = inv->bytes_accepted = size; /* RECV-018 */
    if (model_mutated(indicated_is_more)) {
        inv->bytes_indicated = inv->bytes_accepted = size + 1;
    } else if (model_mutated(accepted_begins_with_zero)) {
        inv->bytes_accepted = 0;
    }
    d->is_indicating = true;
    d->is_racing = false;
    if (d->offered < d->taken + size) {
        d->offered = d->taken + size;
    }
}

static void take_disconnect(struct sim *s, struct wsk_invocation *inv)
{
    struct wsk_socket *socket = inv->socket;
    struct wsk_data *d = &socket->data;
    if (is_abort_due(s, socket)) {
        inv->flags = model_mutated(disconnect_event_mild) ? 0 : WSK_FLAG_ABORTIVE;
        d->abort_told = d->fin_told = true;
        wsk_socket_see(s, socket, WSK_ABORTED);
        return;
    }
    d->fin_told = !model_mutated(disconnect_event_twice) || d->has_failed;
    d->has_failed |= model_mutated(disconnect_event_twice);
    model_exercised(s, RULE_DISC_017);
    model_exercised(s, RULE_DISC_018);
    if (socket->seen == WSK_CONNECTED || socket->seen == WSK_CONNECTING) {
        wsk_socket_see(s, socket, WSK_REMOTE_FIN);
    } else if (socket->seen == WSK_LOCAL_FIN) {
        wsk_socket_see(s, socket, WSK_BOTH_FIN);
    }
}

static bool stream_take(struct sim *s, struct wsk_invocation *inv)
{
    struct wsk_socket *socket = inv->socket;
    if (stream_ready(s, socket, (enum wsk_event)inv->event) == 0) {
        return false;
    }
    if (inv->event == WSK_EV_RECEIVE) {
        take_receive(s, inv);
    } else if (inv->event == WSK_EV_DISCONNECT) {
        take_disconnect(s, inv);
    } else {
        socket->data.backlog_due = false;
        inv->ideal_backlog = (SIZE_T)net_tcp_ideal_backlog(socket->data.tcp);
        if (model_mutated(backlog_event_repeats)) {
            inv->ideal_backlog = (SIZE_T)socket->data.backlog_told;
        }
        socket->data.backlog_told = inv->ideal_backlog;
    }
    return true;
}

/* ---- what the answer does ---- */

static void leave_network(struct sim *s, struct wsk_socket *socket)
{
    struct wsk_data *d = &socket->data;
    d->is_bound = false;
    d->is_racing = false;
    if (d->tcp != NULL && model_mutated(close_never_aborts)) {
        static const struct net_tcp_ops nobody;
        net_tcp_shutdown(s, d->tcp);
        net_tcp_adopt(s, d->tcp, &nobody, NULL);
        d->tcp = NULL;
    }
    model_exercised(s, RULE_DISC_012);
    if (d->tcp != NULL) {
        net_tcp_close(s, d->tcp); /* CLOSE-015: aborts unless both directions are done */
        d->tcp = NULL;
    }
}

static void offer_again(struct sim *s, void *argument, uint64_t value)
{
    struct wsk_socket *socket = argument;
    (void)value;
    wsk_event_due(s, socket, WSK_EV_RECEIVE);
}

/* How many bytes the answer consumes. */
static SIZE_T judge_answer(struct sim *s, struct wsk_socket *socket,
                           const struct wsk_invocation *inv)
{
    if (inv->answer == STATUS_PENDING) {
        if (model_mutated(pending_honours_accepted)) {
            return inv->bytes_accepted < inv->bytes_indicated ? inv->bytes_accepted
                                                              : inv->bytes_indicated;
        }
        return inv->bytes_indicated; /* RECV-021 */
    }
    if (NT_SUCCESS(inv->answer)) {
        SIZE_T accepted = inv->bytes_accepted;
        if (accepted == 0) { /* AMBIGUOUS-LIFE-48 */
            model_lint(s, RULE_RECV_020);
            accepted = model_knob(s, KNOB_RECV_ACCEPT_ZERO) == 1 ? inv->bytes_indicated : 0;
        }
        if (accepted >= inv->bytes_indicated) {
            return inv->bytes_indicated; /* more is RECV-020, or lint by another success status */
        }
        if (!model_mutated(part_keeps_armed)) {
            wsk_event_suspend(s, socket); /* a call during the callback came too early: T-47 */
        }
        return model_mutated(part_is_everything) ? inv->bytes_indicated : accepted;
    }
    if (inv->answer == STATUS_DATA_NOT_ACCEPTED || model_knob(s, KNOB_AMB_62_RECEIVE) == 1) {
        wsk_event_suspend(s, socket);
        return model_mutated(refusal_takes_everything) ? inv->bytes_indicated : 0; /* RECV-022 */
    }
    socket->data.pause_until = s->now + SIM_MS(PAUSE_MS); /* AMBIGUOUS-62: kept, offered again */
    sim_event_add(s, socket->data.pause_until, offer_again, socket, 0);
    return 0;
}

static void receive_returned(struct sim *s, struct wsk_invocation *inv)
{
    struct wsk_socket *socket = inv->socket;
    SIZE_T consumed = judge_answer(s, socket, inv);
    socket->data.is_indicating = false;
    wsk_list_returned(s, inv->item, inv, inv->answer == STATUS_PENDING);
    if (socket->life == WSK_CLOSING) {
        leave_network(s, socket); /* the last one */
        return;
    }
    if (wsk_stream_available(s, socket) != 0) { /* not cut or closed meanwhile */
        wsk_stream_take(s, socket, consumed);
    }
    wsk_stream_shut(s, socket);
    wsk_stream_serve(s, socket);
}

static void stream_returned(struct sim *s, struct wsk_invocation *inv)
{
    if (inv->event == WSK_EV_RECEIVE) {
        receive_returned(s, inv);
    }
}

/* ---- endings ---- */

/* AMBIGUOUS-LIFE-03: the connection is gone, what had come is not. */
static void linger(struct sim *s, struct wsk_socket *socket)
{
    struct wsk_data *d = &socket->data;
    if (!d->is_shut || !wsk_stream_peer_finished(socket)) {
        net_tcp_abort(s, d->tcp);
    }
    wsk_event_due(s, socket, WSK_EV_RECEIVE);
    wsk_event_due(s, socket, WSK_EV_DISCONNECT);
}

static void stream_closing(struct sim *s, struct wsk_socket *socket)
{
    struct wsk_data *d = &socket->data;
    model_exercised(s, RULE_CLOSE_015);
    if (d->sends.first != NULL && d->cut == WSK_CUT_NONE) {
        model_lint(s, RULE_CLOSE_016);
    }
    bool may_linger = socket->life == WSK_CLOSING && d->tcp != NULL && d->connect == NULL &&
                      model_knob(s, KNOB_CLOSE_LATE_CALLBACKS) == 1;
    if (may_linger) {
        d->is_bound = d->is_racing = false;
        linger(s, socket);
    } else {
        leave_network(s, socket);
    }
}

static void stream_died(struct sim *s, struct wsk_socket *socket)
{
    if (socket->data.tcp != NULL && socket->data.cut == WSK_CUT_NONE) {
        net_tcp_abort(s, socket->data.tcp);
    }
    leave_network(s, socket);
}

static void stream_closed(struct sim *s, struct wsk_socket *socket)
{
    const struct wsk_data *d = &socket->data;
    leave_network(s, socket);
    SIM_ASSERT(d->sends.first == NULL && d->receives.first == NULL);
    SIM_ASSERT(d->disconnects.first == NULL && d->connect == NULL && !d->is_indicating);
    wsk_release_closed(s, socket);
}

/* AMBIGUOUS-21: what happened before the client enabled the event. */
static void stream_enabled(struct sim *s, struct wsk_socket *socket, enum wsk_event event)
{
    struct wsk_data *d = &socket->data;
    switch (event) {
    case WSK_EV_RECEIVE:
        d->has_enable_mark = model_knob(s, KNOB_EVENT_BACKLOG_ON_ENABLE) == 1;
        d->enable_mark = d->taken + wsk_stream_available(s, socket);
        break;
    case WSK_EV_DISCONNECT:
        if (model_knob(s, KNOB_DISCONNECT_BEFORE_ENABLE) == 1) {
            d->fin_told |= wsk_stream_peer_finished(socket);
            d->abort_told |= d->cut == WSK_CUT_PEER;
        }
        break;
    case WSK_EV_SEND_BACKLOG:
        d->backlog_due = model_knob(s, KNOB_AMB_21_BACKLOG) == 1;
        if (d->backlog_due) {
            d->backlog_told = UINT64_MAX; /* whatever it is, it is news */
        }
        break;
    case WSK_EV_ACCEPT:
    case WSK_EV_RECEIVE_FROM:
    case WSK_EV_INSPECT:
    case WSK_EV_ABORT:
    case WSK_EVENTS:
        break;
    }
}

const struct wsk_category_ops wsk_connection_ops = {
    .ready = stream_ready,
    .take = stream_take,
    .returned = stream_returned,
    .died = stream_died,
    .closing = stream_closing,
    .closed = stream_closed,
    .enabled = stream_enabled,
};

/* ---- for the control plane ---- */

SIZE_T wsk_stream_receive_backlog(struct sim *s, struct wsk_socket *socket)
{
    return wsk_stream_available(s, socket);
}

SIZE_T wsk_stream_ideal_backlog(struct sim *s, struct wsk_socket *socket)
{
    (void)s;
    return socket->data.tcp != NULL ? (SIZE_T)net_tcp_ideal_backlog(socket->data.tcp) : 0;
}

void wsk_stream_options_changed(struct sim *s, struct wsk_socket *socket)
{
    if (socket->data.tcp != NULL && socket->receive_buffer != 0) {
        net_tcp_set_window(s, socket->data.tcp, socket->receive_buffer);
    }
}

bool wsk_stream_is_sending(const struct wsk_socket *socket)
{
    return socket->data.sends.first != NULL || socket->data.disconnects.first != NULL;
}

void wsk_stream_silence(struct sim *s, struct wsk_socket *socket)
{
    if (socket->data.tcp != NULL) {
        net_tcp_silence(s, socket->data.tcp);
    }
}
