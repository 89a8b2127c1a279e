/* SPDX-License-Identifier: MIT */
/*
 * Socket IOCTLs: table 2.2 of the control plane. Level is ignored (CTL-007), and so are the
 * direction bits of a code, which do not tell the truth for all of them.
 */
#include "model/wsk/wsk_data_internal.h"
#include "model/wsk/wsk_internal.h"

#include <mstcpip.h>
#include <string.h>

enum { ADDRESSES_MAX = 8 };

static void only_on(struct wsk_call *call, unsigned category, enum model_rule rule,
                    const char *name)
{
    bool as_connection = category == WSK_CONNECTION && call->socket->committed_connect;
    if (call->socket->category != category && !as_connection) {
        model_fail(call->s, rule, call->socket->object, NULL, "%s does not apply to a %s socket",
                   name, wsk_category_name(call->socket->category));
    }
}

/* A callback may tell the client so before the request completes. */
static bool is_bound_known(const struct wsk_socket *socket)
{
    bool is_unbound = socket->seen == WSK_UNBOUND || socket->seen == WSK_BINDING;
    return !is_unbound || wsk_any_callback(socket);
}

static bool is_connected_known(const struct wsk_socket *socket)
{
    return socket->once_connected_seen || wsk_any_callback(socket);
}

static void at_passive(struct wsk_call *call, enum model_rule rule, const char *name)
{
    if (ke_irql(call->s) != PASSIVE_LEVEL) {
        model_fail(call->s, rule, call->socket->object, NULL, "%s is called at IRQL %u", name,
                   ke_irql(call->s));
    }
    model_exercised(call->s, rule);
}

/* ---- fixed addresses of datagram sockets ---- */

static void set_fixed(struct wsk_socket *socket, ULONG code, bool is_set,
                      const struct net_address *address)
{
    if (code == SIO_WSK_SET_REMOTE_ADDRESS) {
        socket->has_remote = is_set;
        socket->remote_fixed = *address;
        socket->destination_wins = false;
        if (model_mutated(remote_filters_nothing)) {
            socket->has_remote = false;
            socket->has_destination = is_set;
            socket->destination_fixed = *address;
        }
    } else if (model_mutated(destination_filters)) {
        socket->has_remote = is_set;
        socket->remote_fixed = *address;
    } else {
        socket->has_destination = is_set;
        socket->destination_fixed = *address;
        socket->destination_wins = is_set;
    }
}

static void deliver_fixed(struct sim *s, struct wsk_request *r)
{
    struct net_address address = {.family = NET_FAMILY_NONE};
    if (!NT_SUCCESS(r->status)) {
        return;
    }
    if (r->out[0] != NULL) { /* read at the last moment: CTL-040 */
        wsk_address_in(s, r->out[0], r->socket->family, &address, "InputBuffer");
    }
    set_fixed(r->socket, r->flags, r->out[0] != NULL, &address);
    wsk_datagram_filter_changed(s, r->socket);
}

static void fixed_address(struct wsk_call *call, const struct wsk_control *c)
{
    static const NTSTATUS faults[] = {STATUS_INSUFFICIENT_RESOURCES};
    struct sim *s = call->s;
    bool is_remote = c->code == SIO_WSK_SET_REMOTE_ADDRESS;
    enum model_rule rule = is_remote ? RULE_CTL_155 : RULE_CTL_157;
    const char *name = is_remote ? "SIO_WSK_SET_REMOTE_ADDRESS" : "SIO_WSK_SET_SENDTO_ADDRESS";
    struct wsk_socket *socket = call->socket;
    only_on(call, WSK_DATAGRAM, rule, name);
    if (!wsk_control_needs_irp(call, name, false)) {
        return;
    }
    wsk_control_no_output(s, c);
    if (!is_bound_known(socket)) {
        model_fail(s, rule, socket->object, NULL, "%s is called before the socket is bound", name);
    }
    struct net_address address;
    bool is_clear = c->in == NULL && c->in_size == 0;
    if (!is_clear && (c->in == NULL || c->in_size < wsk_address_size(socket->family) ||
                      !wsk_address_in(s, c->in, socket->family, &address, "InputBuffer"))) {
        model_fail(s, rule, socket->object, NULL,
                   "%s is given no socket address of the socket's family", name);
    }
    model_exercised(s, rule);
    socket->asked_fixed = true; /* CTL-158 */
    call->request->out[0] = c->in;
    call->request->flags = c->code;
    call->request->deliver = deliver_fixed;
    NTSTATUS status = STATUS_SUCCESS;
    (void)wsk_fault(s, faults, SIM_COUNT(faults), &status); /* CTL-027 */
    wsk_finish(call, WSK_PEND, status, 0);
}

/* ---- queries of a connection ---- */

static void query_backlog(struct wsk_call *call, const struct wsk_control *c)
{
    struct sim *s = call->s;
    bool is_ideal = c->code == SIO_WSK_QUERY_IDEAL_SEND_BACKLOG;
    const char *name =
        is_ideal ? "SIO_WSK_QUERY_IDEAL_SEND_BACKLOG" : "SIO_WSK_QUERY_RECEIVE_BACKLOG";
    struct wsk_socket *socket = call->socket;
    only_on(call, WSK_CONNECTION, RULE_CTL_159, name);
    if (!wsk_control_needs_irp(call, name, false)) {
        return;
    }
    wsk_control_no_input(s, c);
    if (!is_connected_known(socket)) {
        model_fail(s, RULE_CTL_159, socket->object, NULL,
                   "%s is called before the socket is connected", name);
    }
    if (c->out == NULL || c->out_size != sizeof(SIZE_T)) {
        model_fail(s, RULE_CTL_159, socket->object, NULL, "%s is given %u bytes for a SIZE_T",
                   name, c->out == NULL ? 0 : (unsigned)c->out_size);
    }
    if (c->returned != NULL) {
        model_lint(s, RULE_CTL_044);
    }
    SIZE_T value = is_ideal ? wsk_stream_ideal_backlog(s, socket)
                            : wsk_stream_receive_backlog(s, socket);
    wsk_control_output(call, c, &value, sizeof value);
}

static void query_inspect_id(struct wsk_call *call, const struct wsk_control *c)
{
    struct sim *s = call->s;
    if (!wsk_control_wants_none(call)) {
        return;
    }
    wsk_control_no_input(s, c);
    if (!call->socket->is_conditional && !model_mutated(inspect_id_for_all)) {
        wsk_refuse(call, STATUS_INVALID_DEVICE_REQUEST);
        return;
    }
    model_exercised(s, RULE_CTL_160);
    if (c->out == NULL || c->out_size < sizeof(WSK_INSPECT_ID)) {
        model_fail(s, RULE_CTL_160, call->socket->object, NULL,
                   "SIO_WSK_QUERY_INSPECT_ID is given too small a buffer");
    }
    if (c->returned == NULL) {
        model_lint(s, RULE_CTL_160);
    }
    WSK_INSPECT_ID id = call->socket->inspect_id;
    id.SerialNumber += model_mutated(inspect_id_of_another) ? 1 : 0;
    wsk_control_output(call, c, &id, sizeof id);
}

/* ---- silent mode ---- */

static void deliver_silence(struct sim *s, struct wsk_request *r)
{
    if (NT_SUCCESS(r->status)) {
        r->socket->silent_seen = true;
        r->socket->seen_where = sim_here(s);
    }
}

static const struct wsk_request *busy_request(const struct wsk_socket *socket)
{
    for (const struct wsk_request *r = socket->all_first; r != NULL; r = r->all_next) {
        if (r->kind == WSK_REQ_SEND || r->kind == WSK_REQ_DISCONNECT || r->kind == WSK_REQ_ABORT) {
            if (r->phase != WSK_REQ_DONE) {
                return r;
            }
        }
    }
    return NULL;
}

static void silence(struct wsk_call *call, const struct wsk_control *c)
{
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    only_on(call, WSK_CONNECTION, RULE_CTL_165, "SIO_WSK_SET_TCP_SILENT_MODE");
    if (!wsk_control_needs_irp(call, "SIO_WSK_SET_TCP_SILENT_MODE", false)) {
        return;
    }
    wsk_control_no_input(s, c);
    wsk_control_no_output(s, c);
    if (!is_connected_known(socket)) {
        model_fail(s, RULE_CTL_165, socket->object, NULL,
                   "silent mode is asked for before the socket is connected");
    }
    model_exercised(s, RULE_CTL_165);
    const struct wsk_request *busy = busy_request(socket);
    if (busy != NULL) {
        model_fail(s, RULE_CTL_165, socket->object, &busy->submitted,
                   "silent mode is asked for while a send or disconnect is pending");
    }
    if (net_address_is_loopback(&socket->remote)) {
        wsk_refuse(call, STATUS_NOT_SUPPORTED);
        return;
    }
    if (socket->state != WSK_CONNECTED && socket->state != WSK_REMOTE_FIN) {
        wsk_refuse(call, STATUS_INVALID_DEVICE_STATE);
        return;
    }
    socket->silent = true;
    if (!model_mutated(silence_is_loud)) {
        wsk_stream_silence(s, socket);
    }
    call->request->deliver = deliver_silence;
    wsk_finish(call, WSK_PEND, STATUS_SUCCESS, 0);
}

/* ---- address lists ---- */

static uint32_t collect_addresses(struct sim *s, ADDRESS_FAMILY family,
                                  struct net_address out[ADDRESSES_MAX])
{
    enum net_family f = family == AF_INET6 ? NET_IPV6 : NET_IPV4;
    uint32_t count = 0;
    while (count < ADDRESSES_MAX && net_host_address(s, NET_LOCAL, f, count, &out[count])) {
        out[count++].port = 0;
    }
    return count;
}

static SIZE_T list_size(ADDRESS_FAMILY family, uint32_t count)
{
    return offsetof(SOCKET_ADDRESS_LIST, Address) +
           count * (sizeof(SOCKET_ADDRESS) + wsk_address_size(family));
}

static void write_list(struct sim *s, void *out, ADDRESS_FAMILY family,
                       const struct net_address *address, uint32_t count)
{
    SOCKET_ADDRESS_LIST *list = out;
    uint8_t *at = (uint8_t *)&list->Address[count];
    list->iAddressCount = (INT)count;
    for (uint32_t i = 0; i < count; i++, at += wsk_address_size(family)) {
        list->Address[i].lpSockaddr =
            (LPSOCKADDR)(model_mutated(address_list_elsewhere) ? at + (1u << 20) : at);
        list->Address[i].iSockaddrLength = (INT)wsk_address_size(family);
        wsk_address_out(s, &address[i], (PSOCKADDR)at, "OutputBuffer");
    }
}

/* For the mutant. */
static void touch_late(struct sim *s, void *argument)
{
    model_touch(s, argument, sizeof(INT), "OutputBuffer");
}

static void query_addresses(struct wsk_call *call, const struct wsk_control *c)
{
    struct sim *s = call->s;
    at_passive(call, RULE_CTL_051, "SIO_ADDRESS_LIST_QUERY");
    if (!wsk_control_wants_none(call)) {
        return;
    }
    wsk_control_no_input(s, c);
    if (c->returned == NULL) {
        model_breach(s, RULE_CTL_161, call->socket->object, NULL,
                     "SIO_ADDRESS_LIST_QUERY is called without OutputSizeReturned");
    }
    model_exercised(s, RULE_CTL_161);
    struct net_address address[ADDRESSES_MAX];
    ADDRESS_FAMILY family = call->socket->family;
    uint32_t count = collect_addresses(s, family, address);
    SIZE_T size = list_size(family, count);
    if (c->out == NULL && model_mutated(address_list_sizing_fails)) {
        wsk_refuse(call, STATUS_INVALID_PARAMETER);
        return;
    }
    bool is_short = c->out == NULL || c->out_size < size;
    if (c->returned == NULL && !is_short && model_knob(s, KNOB_AMB_17_NULL) == 1) {
        wsk_inline(call, STATUS_INVALID_PARAMETER, 0);
        return;
    }
    SIZE_T told = is_short ? (model_mutated(required_size_lost) ? 0 : size)
                           : (model_mutated(returned_size_short) ? size - 1 : size);
    wsk_control_returned(s, c->returned, told);
    if (is_short) {
        if (c->out != NULL && c->out_size >= sizeof(INT) && model_knob(s, KNOB_AMB_43) == 1) {
            model_touch(s, c->out, sizeof(INT), "OutputBuffer");
            *(INT *)c->out = (INT)count;
        }
        wsk_inline(call, STATUS_BUFFER_OVERFLOW, 0);
        return;
    }
    model_touch(s, c->out, size, "OutputBuffer");
    write_list(s, c->out, family, address, count);
    if (model_mutated(touches_after_return)) {
        ke_system_call(s, s->current, PASSIVE_LEVEL, touch_late, c->out, "late");
    }
    wsk_inline(call, STATUS_SUCCESS, size);
}

/* A list of IPv6 addresses (mapped ones too) that lies in the input with all that it names. */
static bool is_sortable(struct sim *s, const struct wsk_control *c)
{
    const SOCKET_ADDRESS_LIST *list = c->in;
    if (list->iAddressCount < 0 ||
        (c->in_size - offsetof(SOCKET_ADDRESS_LIST, Address)) / sizeof(SOCKET_ADDRESS) <
            (SIZE_T)list->iAddressCount) {
        return false;
    }
    for (INT i = 0; i < list->iAddressCount; i++) {
        const SOCKET_ADDRESS *at = &list->Address[i];
        if (at->lpSockaddr == NULL || at->iSockaddrLength < (INT)sizeof(SOCKADDR_IN6)) {
            return false;
        }
        model_touch(s, at->lpSockaddr, sizeof(SOCKADDR_IN6), "InputBuffer address");
        if (at->lpSockaddr->sa_family != AF_INET6) {
            return false;
        }
    }
    return true;
}

/*
 * One link: every order is as good as another. What cannot be reached goes to the end and is not
 * counted: the number may have become smaller.
 */
static void sort_addresses(struct wsk_call *call, const struct wsk_control *c)
{
    struct sim *s = call->s;
    at_passive(call, RULE_CTL_164, "SIO_ADDRESS_LIST_SORT");
    if (!wsk_control_wants_none(call)) {
        return;
    }
    if (c->in == NULL || c->out == NULL || c->in_size < offsetof(SOCKET_ADDRESS_LIST, Address) ||
        c->out_size < c->in_size) {
        wsk_inline(call, STATUS_INVALID_PARAMETER, 0);
        return;
    }
    model_touch(s, c->in, c->in_size, "InputBuffer");
    model_touch(s, c->out, c->in_size, "OutputBuffer");
    if (!is_sortable(s, c)) {
        wsk_inline(call, STATUS_INVALID_PARAMETER, 0);
        return;
    }
    memmove(c->out, c->in, c->in_size);
    SOCKET_ADDRESS_LIST *sorted = c->out;
    if (sorted->iAddressCount > 1 && choice_flag(s, CHOICE_WORLD, PICK_WSK_SORT)) {
        sorted->iAddressCount--;
    }
    wsk_control_returned(s, c->returned, c->in_size);
    if (model_mutated(address_sort_loses)) {
        sorted->iAddressCount = 0;
    }
    wsk_inline(call, STATUS_SUCCESS, c->in_size);
}

/* Requests that wait for a change, all sockets, oldest first. */
static struct wsk_queue waiting;
static uint32_t changes; /* seen so far in this run */

static void withdraw_change(struct sim *s, struct wsk_request *r)
{
    (void)s;
    wsk_queue_remove(&waiting, r);
}

static void addresses_changed(struct sim *s, enum net_family family)
{
    bool one_only = model_knob(s, KNOB_AMB_42) == 2;
    if (model_mutated(address_change_lost)) {
        return;
    }
    changes++;
    for (struct wsk_request *r = waiting.first, *next; r != NULL; r = next) {
        next = r->next;
        if ((r->socket->family == AF_INET6) == (family == NET_IPV6)) {
            wsk_queue_remove(&waiting, r);
            wsk_complete(s, r, STATUS_SUCCESS, 0);
            if (one_only) {
                return;
            }
        }
    }
}

void wsk_ioctl_reset(struct sim *s)
{
    waiting = (struct wsk_queue){NULL, NULL};
    changes = 0;
    net_watch_addresses(s, addresses_changed);
}

static void wait_for_change(struct wsk_call *call, const struct wsk_control *c)
{
    struct sim *s = call->s;
    at_passive(call, RULE_CTL_051, "SIO_ADDRESS_LIST_CHANGE");
    if (!wsk_control_needs_irp(call, "SIO_ADDRESS_LIST_CHANGE", false)) {
        return;
    }
    wsk_control_no_input(s, c);
    wsk_control_no_output(s, c);
    struct wsk_request *r = call->request;
    r->withdraw = withdraw_change;
    wsk_queue_push(&waiting, r);
    wsk_pend(call);
    model_exercised(s, RULE_CTL_163);
    bool is_level = model_knob(s, KNOB_AMB_42) == 1 || model_mutated(address_change_early);
    if (is_level && r->phase == WSK_REQ_WAITING && call->socket->changes_seen != changes) {
        wsk_queue_remove(&waiting, r);
        wsk_complete(s, r, STATUS_SUCCESS, 0);
    }
    call->socket->changes_seen = changes;
}

/* ---- the rest ---- */

static void redirect_irql(struct wsk_call *call, const char *name)
{
    if (ke_irql(call->s) == PASSIVE_LEVEL) {
        return;
    }
    if (model_knob(call->s, KNOB_AMB_41) == 1) {
        model_lint(call->s, RULE_CTL_052);
        return;
    }
    at_passive(call, RULE_CTL_052, name);
}

static void deliver_input(struct sim *s, struct wsk_request *r)
{
    model_touch(s, r->out[0], r->out_size[0], "InputBuffer"); /* CTL-169 */
}

/* From the client's own call on, or from when it was told of a connection (CTL-167). */
static bool has_begun(const struct wsk_socket *socket)
{
    if (socket->category == WSK_LISTEN || socket->committed_listen) {
        return socket->data.has_begun || socket->gate[WSK_EV_ACCEPT].entered.seq != 0;
    }
    return socket->once_connected_seen || socket->seen == WSK_CONNECTING ||
           wsk_any_callback(socket);
}

static void check_fast_path(struct wsk_call *call)
{
    struct wsk_socket *socket = call->socket;
    if (socket->category == WSK_BASIC || socket->category == WSK_DATAGRAM) {
        model_fail(call->s, RULE_CTL_167, socket->object, NULL,
                   "SIO_LOOPBACK_FAST_PATH does not apply to a %s socket",
                   wsk_category_name(socket->category));
    }
    if (has_begun(socket)) {
        model_fail(call->s, RULE_CTL_167, socket->object, &socket->seen_where,
                   "SIO_LOOPBACK_FAST_PATH is set after the socket began to connect or accept");
    }
    model_exercised(call->s, RULE_CTL_167);
}

static void fast_path(struct wsk_call *call, const struct wsk_control *c)
{
    struct sim *s = call->s;
    redirect_irql(call, "SIO_LOOPBACK_FAST_PATH");
    if (!wsk_control_needs_irp(call, "SIO_LOOPBACK_FAST_PATH", false)) {
        return;
    }
    check_fast_path(call);
    model_lint(s, RULE_CTL_167);
    if (c->in == NULL || (c->in_size != 1 && c->in_size != sizeof(ULONG))) {
        wsk_refuse(call, STATUS_INVALID_BUFFER_SIZE);
        return;
    }
    call->request->out[0] = c->in;
    call->request->out_size[0] = c->in_size;
    call->request->deliver = deliver_input;
    wsk_finish(call, WSK_PEND, STATUS_SUCCESS, 0);
}

enum { REDIRECT_BYTES = 24 }; /* of a record as of a context */

static void answer_redirect(struct wsk_call *call, const struct wsk_control *c)
{
    static const uint8_t record[REDIRECT_BYTES] = {'W', 'F', 'P'};
    struct sim *s = call->s;
    model_exercised(s, RULE_CTL_168);
    if (!call->socket->is_accepted || model_knob(s, KNOB_WFP_REDIRECT) == 0) {
        wsk_finish(call, WSK_PEND, STATUS_NOT_FOUND, 0);
        return;
    }
    if (c->out != NULL && c->out_size >= REDIRECT_BYTES) {
        wsk_control_output(call, c, record, REDIRECT_BYTES);
        return;
    }
    bool is_sizing = c->out == NULL && c->out_size == 0;
    bool succeeds = is_sizing && model_knob(s, KNOB_AMB_44) == 1;
    wsk_control_returned(s, c->returned, REDIRECT_BYTES);
    SIZE_T size = model_mutated(redirect_size_lost) ? 0 : REDIRECT_BYTES;
    wsk_inline(call, succeeds ? STATUS_SUCCESS : STATUS_BUFFER_TOO_SMALL, size);
}

static void query_redirect(struct wsk_call *call, const struct wsk_control *c)
{
    redirect_irql(call, "a redirect query");
    only_on(call, WSK_CONNECTION, RULE_CTL_168, "a redirect query");
    if (!wsk_control_needs_irp(call, "a redirect query", false)) {
        return;
    }
    if (c->returned == NULL) {
        model_lint(call->s, RULE_CTL_168);
    }
    answer_redirect(call, c);
}

static void set_redirect(struct wsk_call *call, const struct wsk_control *c)
{
    redirect_irql(call, "SIO_SET_WFP_CONNECTION_REDIRECT_RECORDS");
    only_on(call, WSK_CONNECTION, RULE_CTL_169, "SIO_SET_WFP_CONNECTION_REDIRECT_RECORDS");
    if (!wsk_control_needs_irp(call, "SIO_SET_WFP_CONNECTION_REDIRECT_RECORDS", false)) {
        return;
    }
    if (c->in == NULL || c->in_size == 0) {
        model_fail(call->s, RULE_CTL_169, call->socket->object, NULL,
                   "SIO_SET_WFP_CONNECTION_REDIRECT_RECORDS is given no record");
    }
    model_exercised(call->s, RULE_CTL_169);
    model_touch(call->s, c->in, c->in_size, "InputBuffer");
    call->request->out[0] = c->in;
    call->request->out_size[0] = c->in_size;
    call->request->deliver = deliver_input;
    wsk_finish(call, WSK_PEND, STATUS_SUCCESS, 0);
}

static void query_rss(struct wsk_call *call, const struct wsk_control *c)
{
    /* Header of an NDIS structure: type, revision, size; everything it could report is zero. */
    static const uint8_t capabilities[20] = {0x88, 2, 20, 0};
    if (c->out == NULL || c->out_size < sizeof capabilities) {
        wsk_refuse(call, STATUS_BUFFER_TOO_SMALL);
        return;
    }
    wsk_control_output(call, c, capabilities, sizeof capabilities);
}

bool wsk_is_ioctl(ULONG code)
{
    static const ULONG codes[] = {
        SIO_WSK_SET_REMOTE_ADDRESS, SIO_WSK_SET_SENDTO_ADDRESS, SIO_WSK_REGISTER_EXTENSION,
        SIO_WSK_QUERY_IDEAL_SEND_BACKLOG, SIO_WSK_QUERY_RECEIVE_BACKLOG, SIO_WSK_QUERY_INSPECT_ID,
        SIO_WSK_SET_TCP_SILENT_MODE, SIO_ADDRESS_LIST_QUERY, SIO_ADDRESS_LIST_CHANGE,
        SIO_ADDRESS_LIST_SORT, SIO_LOOPBACK_FAST_PATH, SIO_QUERY_WFP_CONNECTION_REDIRECT_RECORDS,
        SIO_QUERY_WFP_CONNECTION_REDIRECT_CONTEXT, SIO_SET_WFP_CONNECTION_REDIRECT_RECORDS};
    for (size_t i = 0; i < SIM_COUNT(codes); i++) {
        if (codes[i] == code) {
            return true;
        }
    }
    return false;
}

void wsk_ioctl(struct wsk_call *call, const struct wsk_control *c)
{
    if (model_mutated(ioctl_level_matters) && c->level == 0) {
        wsk_refuse(call, STATUS_INVALID_PARAMETER);
        return;
    }
    switch (c->code) {
    case SIO_WSK_SET_REMOTE_ADDRESS:
    case SIO_WSK_SET_SENDTO_ADDRESS:
        fixed_address(call, c);
        break;
    case SIO_WSK_REGISTER_EXTENSION:
        wsk_extension_register(call, c);
        break;
    case SIO_WSK_QUERY_IDEAL_SEND_BACKLOG:
    case SIO_WSK_QUERY_RECEIVE_BACKLOG:
        query_backlog(call, c);
        break;
    case SIO_WSK_QUERY_INSPECT_ID:
        query_inspect_id(call, c);
        break;
    case SIO_WSK_SET_TCP_SILENT_MODE:
        silence(call, c);
        break;
    case SIO_ADDRESS_LIST_QUERY:
        query_addresses(call, c);
        break;
    case SIO_ADDRESS_LIST_CHANGE:
        wait_for_change(call, c);
        break;
    case SIO_ADDRESS_LIST_SORT:
        sort_addresses(call, c);
        break;
    case SIO_LOOPBACK_FAST_PATH:
        fast_path(call, c);
        break;
    case SIO_QUERY_WFP_CONNECTION_REDIRECT_RECORDS:
    case SIO_QUERY_WFP_CONNECTION_REDIRECT_CONTEXT:
        query_redirect(call, c);
        break;
    case SIO_SET_WFP_CONNECTION_REDIRECT_RECORDS:
        set_redirect(call, c);
        break;
    case SIO_QUERY_RSS_SCALABILITY_INFO:
        query_rss(call, c);
        break;
    default:
        wsk_refuse(call, wsk_unknown_status(call->s));
        break;
    }
}
