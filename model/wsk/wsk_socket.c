/* SPDX-License-Identifier: MIT */
/*
 * Socket records: birth, what the client sees of them, true and seen state, death, discard; the
 * provider tables of the five categories.
 *
 * The visible object is eight bytes in the arena. Behind them, where the client may not look,
 * stands the number of the record, so that a pointer is resolved without a search. The object is
 * freed when the close completes; its bytes stay, so that a late call still finds the record and
 * can be named.
 */
#include "model/wsk/wsk_gate.h"
#include "model/wsk/wsk_internal.h"

#include <string.h>

/* ---- names ---- */

const char *wsk_category_name(unsigned category)
{
    static const char *const names[] = {"basic", "listening", "datagram", "connection-oriented",
                                        "stream"};
    return category < SIM_COUNT(names) ? names[category] : "?";
}

const char *wsk_event_name(unsigned event)
{
    static const char *const names[] = {
        "WskReceiveEvent", "WskDisconnectEvent", "WskSendBacklogEvent", "WskReceiveFromEvent",
        "WskAcceptEvent",  "WskInspectEvent",    "WskAbortEvent"};
    return event < SIM_COUNT(names) ? names[event] : "?";
}

/* ---- provider tables ---- */

static const WSK_PROVIDER_BASIC_DISPATCH basic_table = {
    .WskControlSocket = WskControlSocket,
    .WskCloseSocket = WskCloseSocket,
};
static const WSK_PROVIDER_LISTEN_DISPATCH listen_table = {
    .WskControlSocket = WskControlSocket,
    .WskCloseSocket = WskCloseSocket,
    .WskBind = WskBind,
    .WskAccept = WskAccept,
    .WskInspectComplete = WskInspectComplete,
    .WskGetLocalAddress = WskGetLocalAddress,
};
static const WSK_PROVIDER_DATAGRAM_DISPATCH datagram_table = {
    .WskControlSocket = WskControlSocket,
    .WskCloseSocket = WskCloseSocket,
    .WskBind = WskBind,
    .WskSendTo = WskSendTo,
    .WskReceiveFrom = WskReceiveFrom,
    .WskRelease = WskReleaseDatagram,
    .WskGetLocalAddress = WskGetLocalAddress,
    .WskSendMessages = WskSendMessages,
};
static const WSK_PROVIDER_CONNECTION_DISPATCH connection_table = {
    .WskControlSocket = WskControlSocket,
    .WskCloseSocket = WskCloseSocket,
    .WskBind = WskBind,
    .WskConnect = WskConnect,
    .WskGetLocalAddress = WskGetLocalAddress,
    .WskGetRemoteAddress = WskGetRemoteAddress,
    .WskSend = WskSend,
    .WskReceive = WskReceive,
    .WskDisconnect = WskDisconnect,
    .WskRelease = WskReleaseData,
    .WskConnectEx = WskConnectEx,
    .WskSendEx = WskSendEx,
    .WskReceiveEx = WskReceiveEx,
};
static const WSK_PROVIDER_STREAM_DISPATCH stream_table = {
    .WskControlSocket = WskControlSocket,
    .WskCloseSocket = WskCloseSocket,
    .WskBind = WskBind,
    .WskAccept = WskAccept,
    .WskConnect = WskConnect,
    .WskListen = WskListen,
    .WskSend = WskSend,
    .WskReceive = WskReceive,
    .WskDisconnect = WskDisconnect,
    .WskRelease = WskReleaseData,
    .WskGetLocalAddress = WskGetLocalAddress,
    .WskGetRemoteAddress = WskGetRemoteAddress,
    .WskConnectEx = WskConnectEx,
    .WskSendEx = WskSendEx,
    .WskReceiveEx = WskReceiveEx,
};

static const struct {
    const void *table;
    SIZE_T size;
} source[WSK_CATEGORIES] = {
    [WSK_BASIC] = {&basic_table, sizeof basic_table},
    [WSK_LISTEN] = {&listen_table, sizeof listen_table},
    [WSK_DATAGRAM] = {&datagram_table, sizeof datagram_table},
    [WSK_CONNECTION] = {&connection_table, sizeof connection_table},
    [WSK_STREAM] = {&stream_table, sizeof stream_table},
};

void wsk_socket_check_tables(struct sim *s)
{
    const struct wsk_state *w = wsk_of(s);
    for (unsigned category = 0; category < WSK_CATEGORIES; category++) {
        if (w->table[category] == NULL || model_mutated(table_slots_swapped)) {
            continue;
        }
        model_touch(s, w->table[category], source[category].size, "provider table");
        if (memcmp(w->table[category], source[category].table, source[category].size) != 0) {
            model_fail(s, RULE_SOCK_008, 0, NULL,
                       "the client has written into the provider's table of %s sockets",
                       wsk_category_name(category));
        }
    }
}

const void *wsk_provider_table(struct sim *s, enum wsk_category category)
{
    struct wsk_state *w = wsk_of(s);
    if (w->table[category] == NULL) {
        void *copy = ex_alloc(s, source[category].size, BLOCK_SUBSYSTEM, RULE_SOCK_021, true, false,
                              NULL);
        memcpy(copy, source[category].table, source[category].size);
        if (model_mutated(table_slots_swapped) && category == WSK_LISTEN) {
            WSK_PROVIDER_LISTEN_DISPATCH *table = copy;
            void *first;
            memcpy(&first, &table->WskControlSocket, sizeof first);
            memcpy(&table->WskControlSocket, &table->WskCloseSocket, sizeof first);
            memcpy(&table->WskCloseSocket, &first, sizeof first);
        }
        w->table[category] = copy;
    }
    return w->table[category];
}

/* ---- operations of categories without a data path of their own ---- */

static uint32_t none_ready(struct sim *s, struct wsk_socket *socket, enum wsk_event event)
{
    (void)s;
    (void)socket;
    (void)event;
    return 0;
}

static bool none_take(struct sim *s, struct wsk_invocation *invocation)
{
    (void)s;
    (void)invocation;
    return false;
}

static void none_returned(struct sim *s, struct wsk_invocation *invocation)
{
    (void)s;
    (void)invocation;
}

static void none_changes(struct sim *s, struct wsk_socket *socket)
{
    (void)s;
    (void)socket;
}

const struct wsk_category_ops wsk_basic_ops = {
    .ready = none_ready,
    .take = none_take,
    .returned = none_returned,
    .died = none_changes,
    .closing = none_changes,
    .closed = none_changes,
};

static const struct wsk_category_ops *role_ops(const struct wsk_socket *socket)
{
    return socket->committed_listen ? &wsk_listen_ops : &wsk_connection_ops;
}

static uint32_t stream_ready(struct sim *s, struct wsk_socket *socket, enum wsk_event event)
{
    bool committed = socket->committed_listen || socket->committed_connect;
    if (model_mutated(stream_without_callbacks)) {
        return 0;
    }
    return committed ? role_ops(socket)->ready(s, socket, event) : 0;
}

static bool stream_take(struct sim *s, struct wsk_invocation *invocation)
{
    return role_ops(invocation->socket)->take(s, invocation);
}

static void stream_returned(struct sim *s, struct wsk_invocation *invocation)
{
    role_ops(invocation->socket)->returned(s, invocation);
}

static void stream_died(struct sim *s, struct wsk_socket *socket)
{
    role_ops(socket)->died(s, socket);
}

static void stream_closing(struct sim *s, struct wsk_socket *socket)
{
    role_ops(socket)->closing(s, socket);
}

static void stream_closed(struct sim *s, struct wsk_socket *socket)
{
    role_ops(socket)->closed(s, socket);
}

static void stream_enabled(struct sim *s, struct wsk_socket *socket, enum wsk_event event)
{
    if (role_ops(socket)->enabled != NULL) {
        role_ops(socket)->enabled(s, socket, event);
    }
}

const struct wsk_category_ops wsk_stream_ops = {
    .ready = stream_ready,
    .take = stream_take,
    .returned = stream_returned,
    .died = stream_died,
    .closing = stream_closing,
    .closed = stream_closed,
    .enabled = stream_enabled,
};

/* ---- records ---- */

static uint32_t *hidden_number(const WSK_SOCKET *visible)
{
    return (uint32_t *)((uintptr_t)visible + sizeof(WSK_SOCKET));
}

SIM_NO_ASAN static void hide_number(const WSK_SOCKET *visible, uint32_t number)
{
    *hidden_number(visible) = number;
}

SIM_NO_ASAN static uint32_t read_number(const WSK_SOCKET *visible)
{
    return *hidden_number(visible);
}

struct wsk_socket *wsk_socket_find(struct sim *s, const WSK_SOCKET *visible)
{
    struct wsk_state *w = wsk_of(s);
    uintptr_t address = (uintptr_t)visible;
    if (address % 16 != 0 || !sim_memory_is_arena(address)) {
        return NULL;
    }
    uint32_t number = read_number(visible);
    if (number >= w->socket_count || w->socket[number].visible != visible) {
        return NULL;
    }
    return &w->socket[number];
}

static const struct wsk_category_ops *category_ops(enum wsk_category category)
{
    static const struct wsk_category_ops *const ops[WSK_CATEGORIES] = {
        [WSK_BASIC] = &wsk_basic_ops,
        [WSK_LISTEN] = &wsk_listen_ops,
        [WSK_DATAGRAM] = &wsk_datagram_ops,
        [WSK_CONNECTION] = &wsk_connection_ops,
        [WSK_STREAM] = &wsk_stream_ops,
    };
    return ops[category];
}

struct wsk_socket *wsk_socket_new(struct sim *s, struct wsk_registration *registration,
                                  enum wsk_category category, ADDRESS_FAMILY family, USHORT type,
                                  ULONG protocol)
{
    struct wsk_state *w = wsk_of(s);
    if (w->socket_count == WSK_SOCKETS_MAX) {
        sim_limit(s, "WSK_SOCKETS_MAX: too many sockets in one run");
    }
    struct wsk_socket *socket = &w->socket[w->socket_count];
    *socket = (struct wsk_socket){
        .object = model_object_new(s, OBJECT_SOCKET),
        .number = w->socket_count++,
        .category = (uint8_t)category,
        .family = family,
        .type = type,
        .protocol = protocol,
        .registration = registration,
        .ops = category_ops(category),
        .parent = s->current,
        .receive_buffer = 65536,
        .v6only = family == AF_INET6, /* what Windows begins with */
    };
    sim_hb_release(s, socket);
    return socket;
}

static bool statics_apply(struct sim *s, const struct wsk_socket *socket)
{
    if (!socket->is_accepted) {
        return true;
    }
    if (model_mutated(static_skips_accepted)) {
        return false;
    }
    uint16_t reading = model_knob(s, KNOB_AMB_27);
    return reading == 0 || (reading == 1 && socket->by_event);
}

static void enable_statics(struct sim *s, struct wsk_socket *socket)
{
    ULONG mask = socket->registration->static_mask &
                 wsk_category_flags((enum wsk_category)socket->category);
    bool is_mixed = mask != socket->registration->static_mask;
    if (is_mixed && model_mutated(static_mixed_ignored)) {
        return;
    }
    if (mask == 0 || !statics_apply(s, socket)) {
        return;
    }
    for (enum wsk_event e = 0; e < WSK_EVENTS; e++) {
        if ((mask & wsk_event_flag(e)) != 0) {
            socket->gate[e].adm = true;
            socket->gate[e].src = WSK_SRC_STATIC;
        }
    }
}

static void take_client(struct sim *s, struct wsk_socket *socket, PVOID context,
                        const VOID *dispatch);

PWSK_SOCKET wsk_socket_publish(struct sim *s, struct wsk_socket *socket, PVOID context,
                               const VOID *dispatch)
{
    SIM_ASSERT(socket->life == WSK_CREATING && socket->visible == NULL);
    socket->visible =
        ex_alloc(s, sizeof(WSK_SOCKET), BLOCK_SOCKET, 0, true, false, &socket->block);
    socket->block->object = socket->object;
    hide_number(socket->visible, socket->number);
    bool is_other = model_mutated(table_of_other_category) && socket->category == WSK_STREAM;
    socket->visible->Dispatch =
        wsk_provider_table(s, is_other ? WSK_CONNECTION : (enum wsk_category)socket->category);
    model_exercised(s, RULE_SOCK_006);
    model_exercised(s, RULE_SOCK_013);
    if (model_mutated(new_socket_events_on)) {
        socket->gate[WSK_EV_RECEIVE_FROM].adm = true;
        socket->gate[WSK_EV_RECEIVE_FROM].src = WSK_SRC_DYNAMIC;
    }
    socket->life = WSK_LIVE;
    socket->registration->sockets++;
    socket->registration->had_sockets = true;
    socket->created = sim_here(s);
    sim_trace(s, TRACE_Create, socket->object, 0);
    sim_trace(s, TRACE_SocketIs, socket->object, socket->category);
    enable_statics(s, socket);
    if (model_mutated(enabled_at_birth) && socket->category == WSK_DATAGRAM) {
        wsk_gate_enable(&socket->gate[WSK_EV_RECEIVE_FROM]);
    }
    if (socket->by_event) {
        take_client(s, socket, context, dispatch); /* the callback has not said which: CTL-105 */
    } else {
        wsk_socket_set_client(s, socket, context, dispatch);
    }
    return socket->visible;
}

/* ---- the client's context and table ---- */

/* STRM-002: a table of callbacks, not a callback. */
static void check_stream_part(struct sim *s, const struct wsk_socket *socket, const void *part,
                              const char *what)
{
    uintptr_t bad;
    bool is_table = sim_memory_ok(part, sizeof(WSK_CLIENT_LISTEN_DISPATCH), &bad);
    for (size_t i = 0; is_table && i < sizeof(WSK_CLIENT_LISTEN_DISPATCH) / sizeof(PVOID); i++) {
        const void *entry = ((const void *const *)part)[i];
        is_table = entry == NULL || model_is_driver(entry);
    }
    if (!is_table) {
        model_fail(s, RULE_STRM_002, socket->object, NULL,
                   "the client table of a stream socket does not lead to a %s table", what);
    }
    model_exercised(s, RULE_STRM_002);
}

static void keep_table(struct sim *s, struct wsk_socket *socket)
{
    static const uint8_t size[WSK_CATEGORIES] = {
        [WSK_LISTEN] = sizeof(WSK_CLIENT_LISTEN_DISPATCH),
        [WSK_DATAGRAM] = sizeof(WSK_CLIENT_DATAGRAM_DISPATCH),
        [WSK_CONNECTION] = sizeof(WSK_CLIENT_CONNECTION_DISPATCH),
        [WSK_STREAM] = sizeof(WSK_CLIENT_STREAM_DISPATCH),
    };
    memset(socket->dispatch_copy, 0, sizeof socket->dispatch_copy);
    memset(socket->dispatch_copy_connect, 0, sizeof socket->dispatch_copy_connect);
    if (socket->dispatch == NULL || size[socket->category] == 0) {
        return;
    }
    model_touch(s, socket->dispatch, size[socket->category], "client dispatch table");
    if (socket->category != WSK_STREAM) {
        memcpy(socket->dispatch_copy, socket->dispatch, size[socket->category]);
        return;
    }
    const WSK_CLIENT_STREAM_DISPATCH *both = socket->dispatch;
    if (both->Listen != NULL) {
        check_stream_part(s, socket, both->Listen, "listen");
        memcpy(socket->dispatch_copy, both->Listen, sizeof *both->Listen);
    }
    if (both->Connect != NULL) {
        check_stream_part(s, socket, both->Connect, "connection");
        memcpy(socket->dispatch_copy_connect, both->Connect, sizeof *both->Connect);
    }
}

static void check_context(struct sim *s, const struct wsk_socket *socket)
{
    const struct sim_block *block = sim_block_find(s, (uintptr_t)socket->context);
    if (block != NULL && block->kind == BLOCK_PAGED) {
        model_fail(s, RULE_CTL_057, socket->object, &block->born,
                   "SocketContext lies in paged memory");
    }
    if (socket->category == WSK_BASIC && (socket->context != NULL || socket->dispatch != NULL)) {
        model_lint(s, RULE_SOCK_011);
    }
    model_exercised(s, RULE_SOCK_011);
    model_exercised(s, RULE_SOCK_009);
    if (socket->category != WSK_BASIC && socket->context != NULL && socket->dispatch == NULL) {
        model_lint(s, RULE_SOCK_009); /* no callback can ever be given it */
    }
}

static void take_client(struct sim *s, struct wsk_socket *socket, PVOID context,
                        const VOID *dispatch)
{
    socket->context = context;
    socket->dispatch = dispatch;
    keep_table(s, socket);
    check_context(s, socket);
}

void wsk_socket_set_client(struct sim *s, struct wsk_socket *socket, PVOID context,
                           const VOID *dispatch)
{
    if (dispatch != NULL) {
        model_resident(s, dispatch, sizeof(PVOID), RULE_KRN_202, "the client dispatch table");
    }
    model_exercised(s, RULE_KRN_202);
    sim_hb_release(s, socket); /* its callbacks come after it */
    take_client(s, socket, context, dispatch);
    for (enum wsk_event e = 0; e < WSK_EVENTS; e++) {
        if (socket->gate[e].src == WSK_SRC_STATIC && wsk_event_target(socket, e) == NULL) {
            model_lint(s, RULE_CTL_105);
            if (model_knob(s, KNOB_EVENT_STATIC_NULL_ENTRY) == 1) {
                model_fail(s, RULE_SOCK_012, socket->object, NULL,
                           "%s is enabled statically and its pointer in the client dispatch table "
                           "is NULL",
                           wsk_event_name(e));
            }
        }
    }
}

/* AMBIGUOUS-26. */
static bool is_inherited(struct sim *s, const struct wsk_socket *accepted,
                         const struct wsk_socket *listener, enum wsk_event event)
{
    if (model_mutated(inherit_missed) && event == WSK_EV_RECEIVE) {
        return false;
    }
    return model_knob(s, KNOB_AMB_26) == 1 ? (accepted->data.arrival_template >> event & 1) != 0
                                           : listener->gate[event].tmpl;
}

void wsk_socket_inherit(struct sim *s, struct wsk_socket *accepted, struct wsk_socket *listener)
{
    for (enum wsk_event e = 0; e < WSK_EVENTS; e++) {
        struct wsk_gate *gate = &accepted->gate[e];
        /* What the client did on it inside the callback wins (T-35). */
        if (is_inherited(s, accepted, listener, e) && gate->src == WSK_SRC_NONE &&
            gate->disabled.seq == 0) {
            gate->adm = true;
            gate->src = WSK_SRC_INHERITED;
            if (wsk_event_target(accepted, e) == NULL && accepted->by_event) {
                model_fail(s, RULE_SOCK_012, accepted->object, &listener->created,
                           "WskAcceptEvent gives no %s although the listener has that event "
                           "enabled for what it accepts",
                           wsk_event_name(e));
            }
        }
    }
    wsk_socket_kick(s, accepted);
}

/* ---- states ---- */

void wsk_socket_state(struct sim *s, struct wsk_socket *socket, enum wsk_phase state)
{
    if (socket->state == (uint8_t)state) {
        return;
    }
    socket->state = (uint8_t)state;
    if (state == WSK_CONNECTED) {
        socket->once_connected = true;
    }
    sim_trace(s, TRACE_SocketState, socket->object, state);
}

void wsk_socket_see(struct sim *s, struct wsk_socket *socket, enum wsk_phase state)
{
    socket->seen = (uint8_t)state;
    socket->seen_where = sim_here(s);
    if (state >= WSK_CONNECTED && state <= WSK_ABORTED) {
        socket->once_connected_seen = true;
    }
}

/* ---- death ---- */

static void fail_waiting_disables(struct sim *s, struct wsk_socket *socket)
{
    for (enum wsk_event e = 0; e < WSK_EVENTS; e++) {
        struct wsk_gate *gate = &socket->gate[e];
        while (gate->wait_first != NULL) {
            struct wsk_request *r = gate->wait_first;
            wsk_gate_forget(gate, r);
            wsk_complete(s, r, STATUS_FILE_FORCED_CLOSED, 0);
        }
    }
}

static bool has_null_due(const struct wsk_socket *socket)
{
    bool due = false;
    for (enum wsk_event e = 0; e < WSK_EVENTS; e++) {
        due |= socket->gate[e].null_due;
    }
    return due;
}

/* death_keeps_requests: out of their queues and forgotten. */
static void lose_requests(struct sim *s, struct wsk_socket *socket)
{
    for (struct wsk_request *r = socket->all_first; r != NULL; r = r->all_next) {
        if (r->phase == WSK_REQ_WAITING && r->kind == WSK_REQ_RECEIVE_FROM) {
            r->withdraw(s, r);
            r->phase = WSK_REQ_ENTERED;
        }
    }
}

void wsk_socket_die(struct sim *s, struct wsk_socket *socket)
{
    if (socket->life != WSK_LIVE) {
        return; /* T-56 */
    }
    socket->life = WSK_DEAD;
    socket->died = sim_here(s);
    sim_trace(s, TRACE_ForcedClose, socket->object, 0);
    socket->ops->died(s, socket);
    if (model_knob(s, KNOB_AMB_32_PENDED) == 2) {
        fail_waiting_disables(s, socket);
    }
    wsk_event_nulls(s, socket);
    uint16_t reading = model_knob(s, KNOB_AMB_33);
    model_exercised(s, RULE_CLOSE_037);
    if (model_mutated(death_keeps_requests)) {
        lose_requests(s, socket);
    }
    /* AMBIGUOUS-LIFE-59, callback-only: a client that hears of it by a callback closes. */
    bool is_announced = model_knob(s, KNOB_DEAD_ANNOUNCE) == 2 && has_null_due(socket);
    if (reading != 1 && !is_announced) {
        NTSTATUS status = reading == 2 ? STATUS_CONNECTION_ABORTED : STATUS_FILE_FORCED_CLOSED;
        wsk_request_fail_all(s, socket, status, false);
    }
}

void wsk_socket_tell_death(struct sim *s, struct wsk_socket *socket)
{
    if (!socket->seen_dead) {
        socket->seen_dead = true;
        socket->told = s->now;
        socket->told_where = sim_here(s);
    }
}

void wsk_socket_discard(struct sim *s, struct wsk_socket *socket)
{
    SIM_ASSERT(socket->life != WSK_CLOSED);
    if (socket->close_started) {
        model_fail(s, RULE_ACPT_014, socket->object, &socket->closed,
                   "WskAcceptEvent refuses a socket that the client has closed itself");
    }
    if (socket->requests != 0) {
        model_fail(s, RULE_ACPT_014, socket->object, &socket->all_first->submitted,
                   "WskAcceptEvent refuses a socket on which the client has submitted %s",
                   model_routine_name(socket->all_first->routine));
    }
    for (enum wsk_event e = 0; e < WSK_EVENTS; e++) {
        wsk_gate_close(&socket->gate[e]);
    }
    socket->life = WSK_CLOSED;
    socket->refused = true;
    socket->closed = sim_here(s);
    wsk_socket_vanish(s, socket);
}

void wsk_socket_vanish(struct sim *s, struct wsk_socket *socket)
{
    if (SIM_LIKELY(!socket->refused) || socket->invocations != 0) {
        return; /* CTL-181: its callbacks return first */
    }
    if (socket->visible != NULL) {
        ex_free(s, socket->block);
        socket->registration->sockets--;
        ke_poke(s);
    }
    sim_trace(s, TRACE_Destroy, socket->object, 0);
}
