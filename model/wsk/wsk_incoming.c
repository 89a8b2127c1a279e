/* SPDX-License-Identifier: MIT */
/*
 * Incoming connections of a listener, from the first packet to the accepted socket
 * (sockets.md 3.4).
 *
 *   ARRIVED -> INSPECTING -> PENDED -> HANDSHAKE -> WAITING -> OFFERED -> ENDED (a socket, or
 * refused) (conditional accept only)          |            +--accept IRP--------^
 *                +------------------------+--dropped--> ABORT_DUE -> ABORTING -> ENDED
 *
 * WAITING is the backlog. A queued accept IRP goes first (ACPT-005); by choice the callback does
 * (ACPT-006), for a short while. The backlog has a limit only while neither is there to take from
 * it.
 *
 * Invariants:
 *  1. data.arrived, waiting, aborted count the connections in ARRIVED, WAITING, ABORT_DUE; skipped
 * and racing count flagged ones among the WAITING.
 *  2. tcp is set exactly in WAITING and OFFERED (until the socket has it).
 *  3. Inspected connections stay on the list when they have ended: their ids may still be asked
 * for.
 */
#include "model/wsk/wsk_data_internal.h"
#include "model/wsk/wsk_internal.h"

#include "model/world/run.h"

static struct wsk_data *data_of(struct wsk_incoming *in)
{
    return &in->listener->data;
}

static uint32_t *counter(struct wsk_incoming *in)
{
    switch ((enum wsk_incoming_state)in->state) {
    case WSK_IN_ARRIVED:
        return &data_of(in)->arrived;
    case WSK_IN_WAITING:
        return &data_of(in)->waiting;
    case WSK_IN_ABORT_DUE:
        return &data_of(in)->aborted;
    case WSK_IN_INSPECTING:
    case WSK_IN_PENDED:
    case WSK_IN_HANDSHAKE:
    case WSK_IN_OFFERED:
    case WSK_IN_ABORTING:
    case WSK_IN_ENDED:
        break;
    }
    return NULL;
}

static void unlink_incoming(struct wsk_incoming *in)
{
    struct wsk_data *d = data_of(in);
    if (in->prev != NULL) {
        in->prev->next = in->next;
    } else {
        d->incoming_first = in->next;
    }
    if (in->next != NULL) {
        in->next->prev = in->prev;
    } else {
        d->incoming_last = in->prev;
    }
}

void wsk_incoming_state(struct wsk_incoming *in, enum wsk_incoming_state state)
{
    SIM_ASSERT(in->state != WSK_IN_ENDED);
    uint32_t *count = counter(in);
    if (count != NULL) {
        (*count)--;
    }
    if (in->state == WSK_IN_WAITING) {
        data_of(in)->skipped -= in->is_skipped;
        data_of(in)->racing -= in->is_racing;
        in->is_skipped = in->is_racing = false;
    }
    in->state = (uint8_t)state;
    count = counter(in);
    if (count != NULL) {
        (*count)++;
    }
    if (state == WSK_IN_ENDED && !in->was_inspected) {
        unlink_incoming(in);
    }
}

static struct wsk_incoming *incoming_new(struct sim *s, struct wsk_socket *listener,
                                         enum wsk_incoming_state state, uint32_t request)
{
    struct wsk_data *d = &listener->data;
    struct wsk_incoming *in =
        wsk_record(s, &wsk_data_of(s)->incoming, "too many incoming connections in one run");
    in->listener = listener;
    in->request = request;
    in->state = WSK_IN_HANDSHAKE;
    in->keep_alive = listener->keep_alive;
    in->receive_buffer = listener->receive_buffer;
    for (enum wsk_event e = 0; e < WSK_EVENTS; e++) {
        in->events |= (uint32_t)listener->gate[e].tmpl << e;
    }
    in->prev = d->incoming_last;
    if (in->prev != NULL) {
        in->prev->next = in;
    } else {
        d->incoming_first = in;
    }
    d->incoming_last = in;
    wsk_incoming_state(in, state);
    return in;
}

static bool fits(const struct wsk_socket *listener, const struct wsk_incoming *in,
                 enum wsk_incoming_state state)
{
    if (in->state != (uint8_t)state) {
        return false;
    }
    if (state != WSK_IN_WAITING) {
        return true;
    }
    return listener->data.accepts.first != NULL ? in->is_racing : !in->is_skipped;
}

struct wsk_incoming *wsk_incoming_first(struct wsk_socket *listener, enum wsk_incoming_state state)
{
    struct wsk_incoming *in = listener->data.incoming_first;
    while (in != NULL && !fits(listener, in, state)) {
        in = in->next;
    }
    return in;
}

/* ---- leaving ---- */

static void cut(struct sim *s, struct wsk_incoming *in)
{
    if (in->tcp != NULL) {
        net_tcp_abort(s, in->tcp);
        net_tcp_close(s, in->tcp);
        in->tcp = NULL;
    }
}

void wsk_incoming_drop(struct sim *s, struct wsk_incoming *in)
{
    cut(s, in);
    if (!in->was_inspected) {
        wsk_incoming_state(in, WSK_IN_ENDED);
        return;
    }
    in->is_dropped = true;
    if (in->state == WSK_IN_ARRIVED || in->listener->is_finishing) {
        /* The client has never heard of it, or the close does not wait for callbacks any more. */
        wsk_incoming_state(in, WSK_IN_ENDED);
    } else if (in->state != WSK_IN_INSPECTING) {
        wsk_incoming_state(in,
                           WSK_IN_ABORT_DUE); /* else when the callback has returned: LSTN-017 */
        wsk_event_due(s, in->listener, WSK_EV_ABORT);
    }
}

/* In the backlog nothing interests us but that the peer goes away. */
static void backlog_reset(struct sim *s, void *user, enum net_tcp_error error)
{
    struct wsk_incoming *in = user;
    (void)error;
    if (in->state == WSK_IN_WAITING) {
        wsk_incoming_drop(s, in);
    }
}
static void backlog_nothing(struct sim *s, void *user)
{
    (void)s;
    (void)user;
}
static void backlog_bytes(struct sim *s, void *user, uint64_t total)
{
    (void)s;
    (void)user;
    (void)total;
}
static void backlog_failed(struct sim *s, void *user, enum net_tcp_error error)
{
    (void)s;
    (void)user;
    (void)error;
}
static const struct net_tcp_ops backlog_ops = {
    .connected = backlog_nothing,
    .failed = backlog_failed,
    .readable = backlog_nothing,
    .finished = backlog_nothing,
    .reset = backlog_reset,
    .acked = backlog_bytes,
    .fin_acked = backlog_nothing,
    .backlog = backlog_bytes,
};

/* ---- becoming a socket ---- */

struct wsk_socket *wsk_incoming_accept(struct sim *s, struct wsk_incoming *in, bool by_event,
                                       PVOID context, const VOID *dispatch, bool hold)
{
    struct wsk_socket *listener = in->listener;
    enum wsk_category category = WSK_CONNECTION;
    if (model_mutated(stream_accepts_streams) && listener->category == WSK_STREAM) {
        category = WSK_STREAM; /* STRM-009 */
    }
    struct wsk_socket *socket = wsk_socket_new(s, listener->registration, category,
                                               listener->family, SOCK_STREAM, IPPROTO_TCP);
    bool at_arrival = model_knob(s, KNOB_AMB_48) == 1;
    socket->is_accepted = true;
    socket->by_event = by_event;
    socket->is_conditional = in->was_inspected;
    if (!model_mutated(inspect_id_lost)) {
        socket->inspect_id = in->id;
        model_exercised(s, RULE_LSTN_023);
    }
    socket->parent = listener->parent;
    socket->keep_alive = at_arrival ? in->keep_alive : listener->keep_alive;
    socket->receive_buffer = at_arrival ? in->receive_buffer : listener->receive_buffer;
    if (model_mutated(option_inherit_missed)) {
        socket->keep_alive = 0;
    }
    wsk_extension_inherit(socket, listener);
    socket->hold_events = hold;
    net_tcp_local(in->tcp, model_mutated(accept_swaps_addresses) ? &socket->remote
                                                                 : &socket->local);
    net_tcp_remote(in->tcp, model_mutated(accept_swaps_addresses) ? &socket->local
                                                                  : &socket->remote);
    wsk_address_map(socket, &socket->local);
    wsk_address_map(socket, &socket->remote);
    socket->v6only = listener->v6only;
    model_exercised(s, RULE_ACPT_018);
    model_exercised(s, RULE_ADDR_007);
    socket->data.tcp = in->tcp;
    net_tcp_adopt(s, in->tcp, &wsk_stream_tcp_ops, socket);
    in->tcp = NULL;
    wsk_socket_state(s, socket, WSK_CONNECTED);
    wsk_socket_publish(s, socket, context, dispatch);
    sim_trace(s, TRACE_AcceptedBy, socket->object, listener->object);
    wsk_socket_see(s, socket, WSK_CONNECTED);
    socket->data.arrival_template = in->events;
    if (!by_event && model_mutated(accept_irp_enables) &&
        wsk_event_target(socket, WSK_EV_RECEIVE) != NULL) {
        socket->gate[WSK_EV_RECEIVE].adm = true;
        socket->gate[WSK_EV_RECEIVE].src = WSK_SRC_DYNAMIC;
    }
    model_exercised(s, by_event ? RULE_ACPT_008 : RULE_ACPT_007);
    bool by_irp = model_knob(s, KNOB_AMB_23) == 1 || model_mutated(inherit_by_irp);
    if (!by_event && dispatch != NULL && by_irp) {
        wsk_socket_inherit(s, socket, listener);
    }
    wsk_stream_established(s, socket);
    return socket;
}

/* ACPT-005: queued IRPs take what waits, except what the callback was promised. */
void wsk_incoming_serve(struct sim *s, struct wsk_socket *listener)
{
    struct wsk_data *d = &listener->data;
    struct wsk_incoming *next;
    if (model_mutated(accept_irp_starves)) {
        return;
    }
    bool hold = model_knob(s, KNOB_CONN_EVENTS_BEFORE_COMPLETION) == 1;
    for (struct wsk_incoming *in = d->incoming_first; in != NULL && d->accepts.first != NULL;
         in = next) {
        next = in->next;
        if (in->state != WSK_IN_WAITING || in->is_racing) {
            continue;
        }
        struct wsk_request *r = model_mutated(accept_lifo) ? d->accepts.last : d->accepts.first;
        model_exercised(s, RULE_ACPT_021);
        wsk_queue_remove(&d->accepts, r);
        struct wsk_socket *socket = wsk_incoming_accept(s, in, false, r->out[2], r->out[3], hold);
        wsk_incoming_state(in, WSK_IN_ENDED);
        r->item = socket;
        r->held = hold ? socket : NULL;
        wsk_complete(s, r, STATUS_SUCCESS, (ULONG_PTR)socket->visible);
    }
}

/* ---- arriving ---- */

static void end_race(struct sim *s, void *argument, uint64_t value)
{
    struct wsk_incoming *in = argument;
    (void)value;
    if (in->state == WSK_IN_WAITING && in->is_racing) {
        in->is_racing = false;
        data_of(in)->racing--;
        wsk_incoming_serve(s, in->listener);
    }
}

static uint32_t backlog_limit(struct sim *s)
{
    static const uint32_t limits[] = {128, 0, 1, 16};
    return limits[model_knob(s, KNOB_LISTEN_BACKLOG)];
}

/* AMBIGUOUS-LIFE-20. False: the newcomer has been dropped. */
static bool make_room(struct sim *s, struct wsk_socket *listener, struct wsk_incoming *newest)
{
    struct wsk_data *d = &listener->data;
    uint32_t limit = backlog_limit(s);
    if (d->accepts.first != NULL || wsk_event_on(s, listener, WSK_EV_ACCEPT) ||
        d->waiting <= limit) {
        return true;
    }
    struct wsk_incoming *victim = newest;
    if (limit != 0 && model_knob(s, KNOB_LISTEN_BACKLOG_FULL) == 1) {
        victim = d->incoming_first;
        while (victim->state != WSK_IN_WAITING) {
            victim = victim->next;
        }
    }
    wsk_incoming_drop(s, victim);
    return victim != newest;
}

/* AMBIGUOUS-LIFE-20, "refuse": who would find the backlog full is not let in. */
static bool admits(struct sim *s, void *user)
{
    const struct wsk_socket *listener = user;
    return listener->data.accepts.first != NULL || wsk_event_on(s, listener, WSK_EV_ACCEPT) ||
           model_knob(s, KNOB_LISTEN_BACKLOG_FULL) != 2 ||
           listener->data.waiting < backlog_limit(s);
}

static void first_connection(struct sim *s, struct wsk_socket *listener)
{
    struct wsk_request *r = listener->data.listen;
    if (r != NULL) { /* AMBIGUOUS-LIFE-21: WskListen has waited for this */
        listener->data.listen = NULL;
        wsk_complete(s, r, STATUS_SUCCESS, 0);
    }
}

static struct wsk_incoming *by_request(struct wsk_socket *listener, uint32_t request)
{
    struct wsk_incoming *in = listener->data.incoming_last;
    while (in != NULL && (in->request != request || in->state == WSK_IN_ENDED)) {
        in = in->prev;
    }
    return in;
}

static void on_established(struct sim *s, void *user, struct net_tcp *tcp, uint32_t request_id)
{
    struct wsk_socket *listener = user;
    struct wsk_data *d = &listener->data;
    struct wsk_incoming *in = by_request(listener, request_id);
    if (in == NULL) {
        in = incoming_new(s, listener, WSK_IN_HANDSHAKE, request_id);
    }
    in->tcp = tcp;
    net_tcp_adopt(s, tcp, &backlog_ops, in);
    wsk_incoming_state(in, WSK_IN_WAITING);
    first_connection(s, listener);
    if (!make_room(s, listener, in)) {
        return;
    }
    if (d->accepts.first != NULL && wsk_event_on(s, listener, WSK_EV_ACCEPT) &&
        choice_flag(s, CHOICE_WORLD, PICK_WSK_RACE)) {
        in->is_racing = true;
        d->racing++;
        sim_event_add(s, s->now + WSK_RACE_TICKS, end_race, in, 0);
    } else {
        wsk_incoming_serve(s, listener);
    }
    wsk_event_due(s, listener, WSK_EV_ACCEPT);
}

static void on_inspect(struct sim *s, void *user, const struct net_request *request)
{
    struct wsk_socket *listener = user;
    struct wsk_data_state *d = wsk_data_of(s);
    struct wsk_incoming *in = incoming_new(s, listener, WSK_IN_ARRIVED, request->id);
    uint32_t n = ++d->inspect_serial;
    if (model_mutated(inspect_id_repeated)) {
        n = (n + 1) / 2;
    }
    model_exercised(s, RULE_LSTN_011);
    in->was_inspected = true;
    in->id.Key = 0x40u + n % 3; /* LSTN-011: keys come again, with another serial number */
    in->id.SerialNumber = n;
    in->local = request->local;
    in->remote = request->remote;
    wsk_address_map(listener, &in->local);
    wsk_address_map(listener, &in->remote);
    if (model_mutated(inspect_off_with_accept) && !listener->gate[WSK_EV_ACCEPT].adm) {
        wsk_incoming_state(in, WSK_IN_INSPECTING);
        wsk_inspect_verdict(s, in, WskInspectAccept);
        return;
    }
    wsk_event_due(s, listener, WSK_EV_INSPECT);
}

static void on_dropped(struct sim *s, void *user, const struct net_request *request)
{
    struct wsk_incoming *in = by_request(user, request->id);
    if (in != NULL) {
        wsk_incoming_drop(s, in);
    }
}

static const struct net_listen_ops listen_ops = {
    .inspect = on_inspect,
    .dropped = on_dropped,
    .established = on_established,
    .admits = admits,
};

void wsk_incoming_listen(struct sim *s, struct wsk_socket *listener, bool conditional)
{
    if (model_mutated(accept_event_always_on)) {
        listener->gate[WSK_EV_ACCEPT].adm = true;
    }
    if (model_mutated(inspect_skipped)) {
        conditional = false;
    }
    model_exercised(s, RULE_CTL_096);
    const struct net_address plain = wsk_address_plain(&listener->local);
    listener->data.listener =
        net_listen(s, NET_LOCAL, &plain, conditional, &listen_ops, listener);
    if (wsk_is_dual(listener) && net_address_is_wildcard(&plain)) {
        const struct net_address v4 = wsk_address_as_v4(&plain);
        listener->data.listener4 =
            net_listen(s, NET_LOCAL, &v4, conditional, &listen_ops, listener);
    }
    world_listening(s, &listener->local);
}

/* What the close leaves to callbacks that may still start. */
static bool outlives_close(struct sim *s, const struct wsk_incoming *in)
{
    if (in->listener->life != WSK_CLOSING) {
        return false;
    }
    if (in->state == WSK_IN_WAITING) {
        return model_knob(s, KNOB_CLOSE_LATE_CALLBACKS) == 1;
    }
    return in->state == WSK_IN_ABORT_DUE;
}

static void close_one(struct sim *s, struct wsk_incoming *in)
{
    bool is_closing = in->listener->life == WSK_CLOSING;
    if (in->state == WSK_IN_PENDED && is_closing) {
        if (!in->was_completed) {
            model_lint(s, RULE_LSTN_009); /* never completed while the listener was open */
        }
        if (model_knob(s, KNOB_INSPECT_ON_CLOSE) == 1) {
            in->is_dropped = true;
            wsk_incoming_state(in, WSK_IN_ABORT_DUE); /* AMBIGUOUS-LIFE-52 */
            return;
        }
    }
    if (outlives_close(s, in)) {
        return;
    }
    if (in->state == WSK_IN_WAITING) {
        cut(s, in);
    }
    if (in->state != WSK_IN_ENDED && in->state != WSK_IN_OFFERED &&
        in->state != WSK_IN_INSPECTING && in->state != WSK_IN_ABORTING) {
        wsk_incoming_state(in, WSK_IN_ENDED); /* the callbacks in progress end theirs */
    }
}

void wsk_incoming_end(struct sim *s, struct wsk_socket *listener)
{
    struct wsk_incoming *next;
    for (struct wsk_incoming *in = listener->data.incoming_first; in != NULL; in = next) {
        next = in->next;
        if (in->state != WSK_IN_ENDED) {
            cut(s, in);
            wsk_incoming_state(in, WSK_IN_ENDED);
        }
    }
}

/* What ACPT-019 rules out. */
static void abort_accepted(struct sim *s, const struct wsk_socket *listener)
{
    struct wsk_state *w = wsk_of(s);
    for (uint32_t i = 0; i < w->socket_count; i++) {
        struct wsk_socket *socket = &w->socket[i];
        if (socket->is_accepted && socket->life == WSK_LIVE && socket->data.tcp != NULL &&
            socket->data.cut == WSK_CUT_NONE && socket->local.port == listener->local.port) {
            net_tcp_abort(s, socket->data.tcp);
            wsk_stream_cut(s, socket, WSK_CUT_LOCAL, STATUS_CONNECTION_ABORTED);
        }
    }
}

void wsk_incoming_close(struct sim *s, struct wsk_socket *listener)
{
    struct wsk_data *d = &listener->data;
    if (model_mutated(listener_close_aborts)) {
        abort_accepted(s, listener);
    }
    model_exercised(s, RULE_ACPT_019);
    if (d->listener != NULL) {
        net_listener_close(s, d->listener);
        d->listener = NULL;
    }
    if (d->listener4 != NULL) {
        net_listener_close(s, d->listener4);
        d->listener4 = NULL;
    }
    d->is_bound = false;
    struct wsk_incoming *next;
    for (struct wsk_incoming *in = d->incoming_first; in != NULL; in = next) {
        next = in->next;
        close_one(s, in);
    }
    if (listener->life == WSK_CLOSING) {
        wsk_event_due(s, listener, WSK_EV_ACCEPT);
        wsk_event_due(s, listener, WSK_EV_ABORT);
    }
}
