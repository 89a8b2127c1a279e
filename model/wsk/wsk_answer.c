/* SPDX-License-Identifier: MIT */
/*
 * The client's half of an event callback: which function it is, whether the table that names it is
 * still there and unchanged, the call itself, and the verdict on the answer (table 7.7 of the
 * control plane).
 */
#include "model/wsk/wsk_internal.h"

/* ---- targets ---- */

static const void *listen_target(const WSK_CLIENT_LISTEN_DISPATCH *d, enum wsk_event event)
{
    switch (event) {
    case WSK_EV_ACCEPT:
        return (const void *)d->WskAcceptEvent;
    case WSK_EV_INSPECT:
        return (const void *)d->WskInspectEvent;
    case WSK_EV_ABORT:
        return (const void *)d->WskAbortEvent;
    case WSK_EV_RECEIVE_FROM:
    case WSK_EV_DISCONNECT:
    case WSK_EV_RECEIVE:
    case WSK_EV_SEND_BACKLOG:
    case WSK_EVENTS:
        break;
    }
    return NULL;
}

static const void *connection_target(const WSK_CLIENT_CONNECTION_DISPATCH *d, enum wsk_event event)
{
    switch (event) {
    case WSK_EV_RECEIVE:
        return (const void *)d->WskReceiveEvent;
    case WSK_EV_DISCONNECT:
        return (const void *)d->WskDisconnectEvent;
    case WSK_EV_SEND_BACKLOG:
        return (const void *)d->WskSendBacklogEvent;
    case WSK_EV_RECEIVE_FROM:
    case WSK_EV_ACCEPT:
    case WSK_EV_INSPECT:
    case WSK_EV_ABORT:
    case WSK_EVENTS:
        break;
    }
    return NULL;
}

static bool is_listen_event(enum wsk_event event)
{
    return event == WSK_EV_ACCEPT || event == WSK_EV_INSPECT || event == WSK_EV_ABORT;
}

const void *wsk_event_target(const struct wsk_socket *socket, enum wsk_event event)
{
    const void *d = socket->dispatch;
    if (d == NULL) {
        return NULL;
    }
    switch ((enum wsk_category)socket->category) {
    case WSK_LISTEN:
        return listen_target(d, event);
    case WSK_CONNECTION:
        return connection_target(d, event);
    case WSK_DATAGRAM:
        return event == WSK_EV_RECEIVE_FROM
                   ? (const void *)((const WSK_CLIENT_DATAGRAM_DISPATCH *)d)->WskReceiveFromEvent
                   : NULL;
    case WSK_STREAM: {
        const WSK_CLIENT_STREAM_DISPATCH *both = d;
        if (is_listen_event(event)) {
            return both->Listen != NULL ? listen_target(both->Listen, event) : NULL;
        }
        return both->Connect != NULL ? connection_target(both->Connect, event) : NULL;
    }
    case WSK_BASIC:
    case WSK_CATEGORIES:
        break;
    }
    return NULL;
}

/* ---- the table ---- */

/* SOCK-010: the table is where it was and says what it said. */
static void check_table(struct sim *s, const struct wsk_socket *socket, const void *target)
{
    const PVOID *kept = socket->dispatch_copy;
    bool found = false;
    for (int i = 0; i < 3; i++) {
        found |= kept[i] == target || socket->dispatch_copy_connect[i] == target;
    }
    if (!found) {
        model_fail(s, RULE_SOCK_010, socket->object, &socket->created,
                   "the client dispatch table has been changed since the socket got it");
    }
}

static void touch_table(struct sim *s, const struct wsk_socket *socket)
{
    static const uint8_t size[WSK_CATEGORIES] = {
        [WSK_LISTEN] = sizeof(WSK_CLIENT_LISTEN_DISPATCH),
        [WSK_DATAGRAM] = sizeof(WSK_CLIENT_DATAGRAM_DISPATCH),
        [WSK_CONNECTION] = sizeof(WSK_CLIENT_CONNECTION_DISPATCH),
        [WSK_STREAM] = sizeof(WSK_CLIENT_STREAM_DISPATCH),
    };
    model_touch(s, socket->dispatch, size[socket->category], "client dispatch table");
    if (socket->category == WSK_STREAM) {
        const WSK_CLIENT_STREAM_DISPATCH *both = socket->dispatch;
        if (both->Listen != NULL) {
            model_touch(s, both->Listen, sizeof *both->Listen, "client listen table");
        }
        if (both->Connect != NULL) {
            model_touch(s, both->Connect, sizeof *both->Connect, "client connection table");
        }
    }
}

const void *wsk_event_checked_target(struct sim *s, const struct wsk_socket *socket,
                                     enum wsk_event event)
{
    touch_table(s, socket);
    const void *target = wsk_event_target(socket, event);
    if (target == NULL) {
        target = WSK_UNWRITTEN; /* the table has lost its entry: check_table says so */
    }
    check_table(s, socket, target);
    model_code(s, target, wsk_event_name(event));
    return target;
}

/* ---- the call ---- */

static ULONG at_dispatch(struct sim *s, const struct wsk_invocation *inv)
{
    if (inv->irql != DISPATCH_LEVEL) {
        return model_mutated(at_dispatch_lies) ? WSK_FLAG_AT_DISPATCH_LEVEL : 0;
    }
    return choice_flag(s, CHOICE_WORLD, PICK_WSK_EVENT_FLAG) ? 0 : WSK_FLAG_AT_DISPATCH_LEVEL;
}

/* EVT-009. */
static PVOID context_of(const struct wsk_invocation *inv)
{
    return model_mutated(callback_gets_no_context) ? NULL : inv->socket->context;
}

static NTSTATUS call_connection(struct wsk_invocation *inv, ULONG flags, const void *target,
                                SIZE_T *accepted)
{
    PVOID context = context_of(inv);
    switch ((enum wsk_event)inv->event) {
    case WSK_EV_RECEIVE:
        return ((PFN_WSK_RECEIVE_EVENT)target)(context, flags, inv->data, inv->bytes_indicated,
                                               accepted);
    case WSK_EV_DISCONNECT:
        return ((PFN_WSK_DISCONNECT_EVENT)target)(context, flags);
    case WSK_EV_SEND_BACKLOG:
        return ((PFN_WSK_SEND_BACKLOG_EVENT)target)(context, inv->ideal_backlog);
    case WSK_EV_RECEIVE_FROM:
        return ((PFN_WSK_RECEIVE_FROM_EVENT)target)(context, flags, inv->datagram);
    case WSK_EV_ACCEPT:
    case WSK_EV_INSPECT:
    case WSK_EV_ABORT:
    case WSK_EVENTS:
        break;
    }
    SIM_ASSERT_OP(inv->event, <, WSK_EVENTS); /* listen events do not come here */
    return STATUS_SUCCESS;
}

NTSTATUS wsk_event_call(struct sim *s, struct wsk_invocation *inv, const void *target,
                            struct wsk_out *out)
{
    PVOID context = context_of(inv);
    ULONG flags = 0;
    switch ((enum wsk_event)inv->event) {
    case WSK_EV_ACCEPT:
        flags = inv->flags | at_dispatch(s, inv);
        if (inv->is_null && model_knob(s, KNOB_DEAD_CALLBACK_ARGS) == 1) {
            return ((PFN_WSK_ACCEPT_EVENT)target)(context, flags, inv->local, inv->remote, NULL,
                                                  NULL, NULL);
        }
        return ((PFN_WSK_ACCEPT_EVENT)target)(context, flags, inv->local, inv->remote,
                                              inv->accept_socket, &out->context, &out->dispatch);
    case WSK_EV_INSPECT:
        return (NTSTATUS)((PFN_WSK_INSPECT_EVENT)target)(context, inv->local, inv->remote,
                                                         inv->inspect_id);
    case WSK_EV_ABORT:
        return ((PFN_WSK_ABORT_EVENT)target)(context, inv->inspect_id);
    case WSK_EV_RECEIVE_FROM:
    case WSK_EV_RECEIVE:
    case WSK_EV_DISCONNECT:
        flags = inv->flags | at_dispatch(s, inv);
        break;
    case WSK_EV_SEND_BACKLOG:
    case WSK_EVENTS:
        break;
    }
    bool no_pointer = inv->is_null && model_knob(s, KNOB_DEAD_RECEIVE_ARGS) == 1;
    return call_connection(inv, flags, target, no_pointer ? NULL : &out->accepted);
}

/* ---- the answer (table 7.7) ---- */

static const char *status_text(NTSTATUS status)
{
    const char *name = model_status_name((uint32_t)status);
    return name != NULL ? name : "an undefined status";
}

/* A failing status off the list is lint, a success-class one an error (CTL-058). */
static void judge_unlisted(struct sim *s, struct wsk_invocation *inv, enum model_rule rule)
{
    if (!NT_SUCCESS(inv->answer)) {
        model_lint(s, RULE_CTL_058);
        return;
    }
    model_breach(s, rule, inv->socket->object, &inv->entered, "%s answers %s (0x%08x)",
                 wsk_event_name(inv->event), status_text(inv->answer), (unsigned)inv->answer);
}

static void judge_accept(struct sim *s, struct wsk_invocation *inv, const struct wsk_out *out)
{
    if (inv->answer != STATUS_SUCCESS && inv->answer != STATUS_REQUEST_NOT_ACCEPTED) {
        judge_unlisted(s, inv, RULE_ACPT_011);
    }
    if (NT_SUCCESS(inv->answer) &&
        (out->context == WSK_UNWRITTEN || (PVOID)(ULONG_PTR)out->dispatch == WSK_UNWRITTEN)) {
        model_fail(s, RULE_ACPT_012, inv->socket->object, &inv->entered,
                   "WskAcceptEvent accepts a socket but does not store %s",
                   out->context == WSK_UNWRITTEN ? "AcceptSocketContext" : "AcceptSocketDispatch");
    }
    model_exercised(s, RULE_ACPT_011);
    model_exercised(s, RULE_ACPT_012);
}

/* The listening socket is dead: nothing was offered. */
static void judge_null(struct sim *s, const struct wsk_invocation *inv, const struct wsk_out *out)
{
    if (inv->answer == STATUS_PENDING && inv->event != WSK_EV_INSPECT) {
        if (model_knob(s, KNOB_DEAD_CALLBACK_ANSWER) == 1) {
            model_fail(s, RULE_EVT_019, inv->socket->object, &inv->entered,
                       "%s answers STATUS_PENDING although there is nothing to retain",
                       wsk_event_name(inv->event));
        }
        model_lint(s, RULE_EVT_019); /* AMBIGUOUS-LIFE-34 */
    }
    if (inv->event == WSK_EV_ACCEPT) {
        bool has_stored = out->context != WSK_UNWRITTEN ||
                          (PVOID)(ULONG_PTR)out->dispatch != WSK_UNWRITTEN;
        if (inv->answer != STATUS_REQUEST_NOT_ACCEPTED || has_stored) {
            model_lint(s, RULE_ACPT_016);
        }
        model_exercised(s, RULE_ACPT_016);
    }
}

static void judge_data(struct sim *s, struct wsk_invocation *inv, const struct wsk_out *out)
{
    bool is_stream = inv->event == WSK_EV_RECEIVE;
    if (inv->answer != STATUS_SUCCESS && inv->answer != STATUS_PENDING &&
        inv->answer != STATUS_DATA_NOT_ACCEPTED) {
        judge_unlisted(s, inv, is_stream ? RULE_RECV_017 : RULE_DGRM_017);
    }
    if (is_stream && inv->answer == STATUS_SUCCESS && out->accepted > inv->bytes_indicated) {
        model_fail(s, RULE_RECV_020, inv->socket->object, &inv->entered,
                   "WskReceiveEvent accepts %llu of %llu bytes",
                   (unsigned long long)out->accepted, (unsigned long long)inv->bytes_indicated);
    }
}

void wsk_event_judge(struct sim *s, struct wsk_invocation *inv, const struct wsk_out *out)
{
    model_exercised(s, RULE_CTL_058);
    if (inv->is_null) {
        judge_null(s, inv, out);
        return;
    }
    switch ((enum wsk_event)inv->event) {
    case WSK_EV_ACCEPT:
        judge_accept(s, inv, out);
        break;
    case WSK_EV_RECEIVE:
    case WSK_EV_RECEIVE_FROM:
        judge_data(s, inv, out);
        break;
    case WSK_EV_INSPECT:
        if ((uint32_t)inv->answer >= WskInspectMax) {
            model_breach(s, RULE_LSTN_006, inv->socket->object, &inv->entered,
                         "WskInspectEvent answers %d", (int)inv->answer);
            model_exercised(s, RULE_LSTN_024);
            inv->answer = model_mutated(inspect_other_accepts) ? WskInspectAccept
                                                               : WskInspectReject;
        }
        model_exercised(s, RULE_LSTN_006);
        break;
    case WSK_EV_DISCONNECT:
    case WSK_EV_SEND_BACKLOG:
    case WSK_EV_ABORT:
        if (inv->answer != STATUS_SUCCESS) {
            judge_unlisted(s, inv, inv->event == WSK_EV_DISCONNECT ? RULE_DISC_016
                                   : inv->event == WSK_EV_ABORT    ? RULE_LSTN_018
                                                                   : RULE_EVT_014);
        }
        break;
    case WSK_EVENTS:
        break;
    }
}

