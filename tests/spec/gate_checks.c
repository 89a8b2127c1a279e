/* SPDX-License-Identifier: MIT */
/*
 * The properties of the control plane (5.1, 5.3) as plain counters, each next to the step at which
 * it can be seen to fail, and beside them one step of the specification for each step of the trace.
 *
 * A socket whose specification meets a step for which it has no row, or whose result differs, fails
 * PROP-61 and is not stepped further: one mistake, one report. The counters go on.
 */
#include "gate_monitor_internal.h"

#include <stdio.h>
#include <string.h>

static struct socket *known(struct monitor *m, uint32_t socket)
{
    struct socket *s = &m->socket[socket];
    return socket != 0 && s->kind != 0 ? s : NULL;
}

static bool is_success(uint32_t status)
{
    return (int32_t)status >= 0;
}

bool gate_check(struct monitor *m, uint32_t property, bool holds, const char *what)
{
    struct gate_report *r = m->report;
    r->checked[property]++;
    if (!holds) {
        if (!gate_has_failed(r)) {
            snprintf(r->message, sizeof r->message, "PROP-%02u: %s", property, what);
            r->message_seq = m->now->seq;
        }
        r->failed[property]++;
    }
    return holds;
}

/* The same, where only a breach says something: it is counted when it happens. */
static void deny(struct monitor *m, uint32_t property, bool is_breach, const char *what)
{
    if (is_breach) {
        gate_check(m, property, false, what);
    }
}

/* ---- the specification ---- */

/* PROP-61. True if it could be taken; *out says what must be seen. */
static bool step(struct monitor *m, struct socket *s, const struct gate_trigger *t,
                 struct gate_outcome *out)
{
    if (s->is_lost) {
        return false;
    }
    const struct gate_row *row = gate_row(&s->spec, t);
    if (!gate_check(m, 61, row != NULL, "a pair of 3.4.1 that is not possible")) {
        s->is_lost = true;
        return false;
    }
    *out = gate_step(&s->spec, t);
    m->report->steps++;
    if (m->setting->visit != NULL) {
        m->setting->visit((uint32_t)(s - m->socket), &s->spec);
    }
    for (uint32_t i = 0; i < out->completions; i++) {
        m->irp[out->completion[i].irp % IRPS_MAX].is_due = true;
    }
    return true;
}

static void agree(struct monitor *m, struct socket *s, bool is_agreed, const char *what)
{
    if (!s->is_lost && !gate_check(m, 61, is_agreed, what)) {
        s->is_lost = true;
    }
}

static bool is_result(enum gate_result result, uint32_t status)
{
    switch (result) {
    case GATE_SUCCESS:
        return status == GATE_STATUS_SUCCESS;
    case GATE_PENDING:
        return status == GATE_STATUS_PENDING;
    case GATE_EVENT_PENDING:
        return status == GATE_STATUS_EVENT_PENDING;
    case GATE_FORCED_CLOSED:
        return status == GATE_STATUS_FORCED_CLOSED;
    case GATE_REFUSED:
        return !is_success(status);
    case GATE_NONE:
    case GATE_UNDEFINED:
        break;
    }
    return true;
}

static void step_request(struct monitor *m, struct socket *s, enum gate_event e,
                         const struct request *r, uint32_t status)
{
    struct gate_trigger t = {.kind = (r->mask & GATE_DISABLE) != 0 ? GATE_ON_DISABLE
                                                                   : GATE_ON_ENABLE,
                             .event = e,
                             .irp = r->irp};
    struct gate_outcome out;
    if (step(m, s, &t, &out)) {
        agree(m, s, is_result(out.result, status), "a request returns what its row does not say");
    }
}

static void step_plain(struct monitor *m, struct socket *s, enum gate_trigger_kind kind)
{
    struct gate_trigger t = {.kind = kind};
    struct gate_outcome out;
    (void)step(m, s, &t, &out);
}

/* ---- birth ---- */

static uint32_t events_of(uint32_t kind)
{
    if ((kind & GATE_SOCKET_LISTEN) != 0) {
        return 1u << GATE_ACCEPT;
    }
    if ((kind & GATE_SOCKET_DATAGRAM) != 0) {
        return 1u << GATE_RECEIVE_FROM;
    }
    return 1u << GATE_RECEIVE | 1u << GATE_DISCONNECT | 1u << GATE_SEND_BACKLOG;
}

static bool is_connection_event(uint32_t e)
{
    return e == GATE_RECEIVE || e == GATE_DISCONNECT || e == GATE_SEND_BACKLOG;
}

void gate_begin_socket(struct monitor *m, struct socket *s, uint32_t kind)
{
    uint32_t events = events_of(kind), fixed = 0;
    s->kind = kind;
    for (uint32_t e = 0; e < GATE_EVENTS; e++) {
        if ((m->setting->static_mask & gate_flag[e]) != 0 && (events >> e & 1) != 0) {
            s->watch[e].is_static = s->watch[e].adm = true;
            fixed |= 1u << e;
        }
    }
    gate_socket_init(&s->spec, events, fixed);
    s->spec.is_listener = (kind & GATE_SOCKET_LISTEN) != 0;
    if ((kind & GATE_SOCKET_CONDITIONAL) != 0) {
        gate_socket_conditional(&s->spec);
        s->watch[GATE_INSPECT].adm = s->watch[GATE_ABORT].adm = true;
    }
    if (m->setting->visit != NULL) {
        m->setting->visit((uint32_t)(s - m->socket), &s->spec);
    }
}

/* ---- requests ---- */

static bool is_asked_for(const struct request *r, uint32_t socket, enum gate_event e,
                         bool is_disable)
{
    return r != NULL && r->socket == socket && (r->mask & gate_flag[e]) != 0 &&
           ((r->mask & GATE_DISABLE) != 0) == is_disable;
}

/* T-33: together with the first event of the request that is enabled, or at its end. */
static void take_template(struct monitor *m, struct socket *s, struct request *r)
{
    for (uint32_t e = 0; (s->kind & GATE_SOCKET_LISTEN) != 0 && e < GATE_EVENTS; e++) {
        if (is_connection_event(e) && (r->mask & gate_flag[e]) != 0 && (r->events >> e & 1) == 0) {
            r->events |= 1u << e;
            s->watch[e].tmpl = true;
            step_request(m, s, (enum gate_event)e, r, GATE_STATUS_SUCCESS);
        }
    }
}

void gate_on_enable(struct monitor *m, uint32_t socket, enum gate_event e, struct request *r)
{
    struct socket *s = known(m, socket);
    if (s == NULL ||
        !gate_check(m, 11, is_asked_for(r, socket, e, false), "enabled though nobody asked")) {
        return;
    }
    struct watch *w = &s->watch[e];
    deny(m, 19, w->is_static, "a static event is enabled by a request");
    r->is_decided = true;
    r->status = GATE_STATUS_SUCCESS;
    r->events |= 1u << e;
    step_request(m, s, e, r, r->status);
    take_template(m, s, r);
    w->was_cycled = w->was_cycled || (w->ever_enabled && !w->adm);
    w->adm = w->ever_enabled = w->is_touched = true;
    w->enables++;
    w->after_success = w->after_pended = w->after_refusal = false;
}

void gate_on_disable(struct monitor *m, uint32_t socket, enum gate_event e, uint32_t status,
                     struct request *r, bool is_inside)
{
    struct socket *s = known(m, socket);
    if (s == NULL ||
        !gate_check(m, 11, is_asked_for(r, socket, e, true), "disabled though nobody asked")) {
        return;
    }
    struct watch *w = &s->watch[e];
    deny(m, 19, w->is_static, "a static event is disabled");
    r->is_decided = true;
    r->status = status;
    r->events |= 1u << e;
    r->count = watch_count(w);
    r->set = w->running;
    r->enables = w->enables;
    step_request(m, s, e, r, status);
    w->adm = false;
    w->is_touched = true;
    w->after_success = status == GATE_STATUS_SUCCESS;
    w->after_pended = !w->after_success;
    if (is_inside) {
        gate_check(m, 9, status != GATE_STATUS_SUCCESS, "success from inside the callback");
    }
    if (w->retained > 0 && r->count == 0) {
        gate_check(m, 18, status == GATE_STATUS_SUCCESS, "retained data make a disable pend");
    }
    if (w->after_pended) {
        gate_check(m, 7, true, "");
        m->has_pended = true;
    }
    if (status == GATE_STATUS_PENDING && m->waiting_count < REQUESTS_MAX) {
        r->is_waiting = true;
        m->waiting[m->waiting_count++] = (uint32_t)(r - m->request);
    }
}

/* PROP-01 to -05 at the return of a disable that was decided. */
static void check_disable_result(struct monitor *m, const struct socket *s,
                                 const struct request *r, uint32_t status)
{
    uint32_t e = (uint32_t)__builtin_ctz(r->events);
    const struct watch *w = &s->watch[e];
    if (r->count == 0) {
        gate_check(m, 4, status == GATE_STATUS_SUCCESS, "a disable with n = 0 does not succeed");
    } else if (r->irp != 0) {
        gate_check(m, 4, status == GATE_STATUS_PENDING, "n > 0 and an IRP: not pending");
    } else {
        gate_check(m, 3, status == GATE_STATUS_EVENT_PENDING, "n > 0, no IRP: not event pending");
    }
    if (status == GATE_STATUS_SUCCESS && w->enables == r->enables) {
        gate_check(m, 1, w->running == 0, "a disable succeeds while a callback runs");
    }
}

/* A failing answer to a well-formed request. */
static void check_refusal(struct monitor *m, struct socket *s, const struct request *r,
                          uint32_t status)
{
    bool is_disable = (r->mask & GATE_DISABLE) != 0;
    for (uint32_t e = 0; e < GATE_EVENTS; e++) {
        if (gate_flag[e] == 0 || (r->mask & gate_flag[e]) == 0) {
            continue;
        }
        bool is_template = is_connection_event(e) && (s->kind & GATE_SOCKET_LISTEN) != 0;
        if (r->was_dead || s->watch[e].is_static || (is_template && is_disable)) {
            if (r->was_dead || !s->is_forced) { /* else it may have been decided before that */
                step_request(m, s, (enum gate_event)e, r, status);
            }
            if (!r->was_dead) {
                gate_check(m, is_template ? 24 : 19, true, "");
            }
            return;
        }
    }
    bool is_excused = s->is_forced || status == 0xC000009Au /* no memory */;
    gate_check(m, is_disable ? (r->irp != 0 ? 4 : 3) : 12, is_excused,
               "a legal request fails on a live socket");
}

void gate_on_result(struct monitor *m, struct request *r, uint32_t status)
{
    struct socket *s = known(m, r->socket);
    bool is_disable = (r->mask & GATE_DISABLE) != 0;
    bool may_pend = is_disable && r->is_decided && r->count >= 1;
    if (status == GATE_STATUS_EVENT_PENDING) {
        gate_check(m, 2, may_pend && r->irp == 0, "event pending without cause");
    }
    if (status == GATE_STATUS_PENDING) {
        gate_check(m, 5, may_pend && r->irp != 0, "pending without cause");
    }
    if (s == NULL) {
        return;
    }
    if (r->is_decided) {
        agree(m, s, r->status == status, "a call returns what was not decided");
    }
    if (!is_success(status)) {
        check_refusal(m, s, r, status);
        return;
    }
    if (is_disable && r->is_decided) {
        check_disable_result(m, s, r, status);
    }
    if (!is_disable) {
        take_template(m, s, r);
    }
    for (uint32_t e = 0; e < GATE_EVENTS; e++) {
        if (gate_flag[e] == 0 || (r->mask & gate_flag[e]) == 0) {
            continue;
        }
        bool is_template = is_connection_event(e) && (s->kind & GATE_SOCKET_LISTEN) != 0;
        bool has_effect = (r->events >> e & 1) != 0;
        if (is_disable) {
            deny(m, is_template ? 24 : 19, !has_effect, "success of a disable without effect");
        } else {
            gate_check(m, 12, has_effect, "success without effect on a bit of the mask");
        }
    }
}

void gate_on_call_result(struct monitor *m, const struct frame *f, uint32_t status)
{
    if (known(m, f->socket) != NULL && f->was_dead) {
        gate_check(m, 48, !is_success(status), "a call on a force-closed socket succeeds");
    }
}

/* ---- callbacks ---- */

static void check_enter(struct monitor *m, const struct socket *s, const struct frame *f)
{
    const struct watch *w = &s->watch[f->event];
    bool is_conditional = f->event == GATE_INSPECT || f->event == GATE_ABORT;
    bool was_enabled = w->ever_enabled || w->is_static || w->is_inherited;
    deny(m, 55, s->is_closing, "a callback begins after the call of the close");
    deny(m, 1, w->after_success, "a callback begins after a disable succeeded");
    deny(m, 7, w->after_pended, "a callback begins while a disable stands");
    if (is_conditional) {
        gate_check(m, 28, (s->kind & GATE_SOCKET_CONDITIONAL) != 0, "inspection not asked for");
        return;
    }
    gate_check(m, 14, was_enabled, "a callback begins that was never enabled");
    if ((s->kind & GATE_SOCKET_BY_EVENT) != 0) {
        gate_check(m, 25, was_enabled, "more than inherited events");
    }
    if ((s->kind & GATE_SOCKET_BY_ACCEPT) != 0) {
        gate_check(m, 26, was_enabled, "an event is inherited through WskAccept");
    }
    deny(m, 20, w->after_refusal, "a callback begins after a refusal");
    if (f->event == GATE_RECEIVE) {
        gate_check(m, 22, w->running == 0, "two receive callbacks at a time");
        deny(m, 23, w->is_shut, "a callback begins behind the closed gate");
    }
}

/*
 * A call of WskReceive opens the gate somewhere between its entry and its return (T-59), which the
 * trace does not show: one that is in progress when a return closes the gate may open it again.
 */
static void read_gate_open(struct monitor *m, struct socket *s, enum gate_event e)
{
    struct watch *w = &s->watch[e];
    if (e != GATE_RECEIVE || !w->is_shut || !w->is_shut_unsure) {
        return;
    }
    w->is_shut_unsure = false;
    if (!s->is_forced) {
        w->is_shut = false;
        step_plain(m, s, GATE_ON_RECEIVE);
    } else if (w->may_null_late) {
        w->is_shut = w->may_null_late = false;
        w->may_null = true;
        s->spec.machine[e].is_shut = false;
        s->spec.machine[e].is_null_due = s->spec.overlay == GATE_IS_FORCED;
    }
}

void gate_on_enter(struct monitor *m, uint32_t socket, struct frame *f)
{
    struct socket *s = known(m, socket);
    if (s == NULL) {
        return;
    }
    struct watch *w = &s->watch[f->event];
    struct gate_trigger t = {.kind = GATE_ON_EVENT, .event = f->event};
    struct gate_outcome out;
    read_gate_open(m, s, f->event);
    check_enter(m, s, f);
    if (w->running == UINT32_MAX) {
        return;
    }
    f->entered = m->now->seq;
    f->was_forced = s->is_forced;
    f->was_alone = w->running == 0;
    s->last_order = f->order;
    f->slot = (uint32_t)__builtin_ctz(~w->running);
    w->running |= 1u << f->slot;
    w->enters++;
    w->enters_since++;
    m->report->summary.enters[socket][f->event]++;
    s->inspections += f->event == GATE_INSPECT;
    if (step(m, s, &t, &out)) {
        agree(m, s, out.is_started, "an invocation starts that its row does not start");
        f->spec_slot = out.slot;
    }
}

/* PROP-52, when the client has looked at the indication. */
void gate_on_null(struct monitor *m, uint32_t socket, const struct frame *f, bool is_null)
{
    struct socket *s = known(m, socket);
    if (s == NULL) {
        return;
    }
    struct watch *w = &s->watch[f->event];
    if (is_null) {
        w->nulls++;
        gate_check(m, 52, w->nulls == 1 && w->may_null && f->was_forced, "a NULL indication");
    } else if (f->was_forced) {
        gate_check(m, 52, false, "a callback of a force-closed socket without NULL");
    }
}

/* PROP-20, second half: what was refused comes again first, in order of arrival. A client sees the
 * order only when it is alone. */
void gate_on_datagram(struct monitor *m, uint32_t socket, struct frame *f, uint64_t number)
{
    struct socket *s = known(m, socket);
    if (f->datagrams < DATAGRAMS_MAX) {
        f->datagram[f->datagrams] = number;
        f->arrival[f->datagrams] = f->order * DATAGRAMS_MAX + f->datagrams;
        f->datagrams++;
    } else if (s != NULL) {
        s->is_order_unknown = true;
    }
    if (s == NULL || s->refused_count == 0 || s->is_order_unknown) {
        return;
    }
    bool is_alone = f->was_alone && s->last_order == f->order; /* else: who is first is not known */
    if (is_alone && f->datagrams == 1 && number != 0 && s->refused[0].number != 0 &&
        s->refused[0].since < f->entered) {
        gate_check(m, GATE_REFUSED_ORDER, s->refused[0].number == number,
                   "of refused datagrams a later one comes again first");
    }
    for (uint32_t i = 0; i < s->refused_count; i++) {
        /* What came in before that is another datagram of the same bytes. */
        if (s->refused[i].number == number && s->refused[i].since < f->entered) {
            f->arrival[f->datagrams - 1] = s->refused[i].arrival;
            memmove(&s->refused[i], &s->refused[i + 1],
                    (--s->refused_count - i) * sizeof s->refused[0]);
            return;
        }
    }
}

/* Each at its place by arrival: some of them may have been refused before. */
static void keep_refused(const struct monitor *m, struct socket *s, const struct frame *f)
{
    if (s->refused_count + f->datagrams > REFUSED_MAX) {
        s->is_order_unknown = true;
        return;
    }
    for (uint32_t i = 0; i < f->datagrams; i++) {
        uint32_t at = s->refused_count++;
        while (at > 0 && s->refused[at - 1].arrival > f->arrival[i]) {
            s->refused[at] = s->refused[at - 1];
            at--;
        }
        s->refused[at] = (struct refused){f->arrival[i], f->datagram[i], m->now->seq};
    }
}

/* T-35, T-61. */
static void accepted(struct monitor *m, struct socket *listener, uint32_t socket, uint32_t status)
{
    struct socket *s = known(m, socket);
    if (s == NULL) {
        return;
    }
    if (status != GATE_STATUS_SUCCESS) {
        gate_socket_vanish(&s->spec);
        s->kind = 0;
        return;
    }
    for (uint32_t e = 0; e < GATE_EVENTS; e++) {
        struct watch *w = &s->watch[e];
        if (listener->watch[e].tmpl && !w->is_touched && !w->is_static && !s->is_closing) {
            w->adm = w->is_inherited = true;
        }
    }
    s->is_of_cycled = listener->watch[GATE_ACCEPT].was_cycled;
    gate_socket_inherit(&s->spec, &listener->spec);
}

void gate_on_delivered(struct monitor *m, uint32_t listener)
{
    struct socket *s = known(m, listener);
    if (s != NULL && (s->kind & GATE_SOCKET_CONDITIONAL) != 0) {
        s->deliveries++;
        gate_check(m, 28, s->deliveries <= s->inspections, "delivered without inspection");
    }
}

static void watch_leave(struct monitor *m, struct socket *s, struct watch *w,
                        const struct frame *f, uint32_t status)
{
    bool is_refused = status == GATE_STATUS_NOT_ACCEPTED;
    w->running &= ~(1u << f->slot);
    for (uint32_t i = 0; i < m->waiting_count; i++) {
        struct request *r = &m->request[m->waiting[i]];
        if (r->socket == f->socket && (r->events >> f->event & 1) != 0) {
            r->set &= ~(1u << f->slot);
        }
    }
    w->retained += status == GATE_STATUS_PENDING;
    w->was_refused = w->was_refused || is_refused;
    if (f->event == GATE_RECEIVE && !s->is_forced) { /* T-47 does not speak of T-55 */
        w->is_shut = w->is_shut || is_refused || (f->is_partial && is_success(status));
        w->is_shut_unsure = s->receiving > 0;
        if (w->is_shut) {
            gate_check(m, 23, true, "");
        }
    }
    if (f->event == GATE_RECEIVE_FROM && is_refused && !w->is_static && !s->is_closing &&
        !s->is_forced) {
        w->adm = false;
        w->after_refusal = true;
        gate_check(m, 20, true, "");
        keep_refused(m, s, f);
    }
}

void gate_on_leave(struct monitor *m, uint32_t socket, const struct frame *f, uint32_t status)
{
    struct socket *s = known(m, socket);
    if (s == NULL) {
        return;
    }
    struct watch *w = &s->watch[f->event];
    struct gate_outcome out;
    if (!gate_check(m, 10, (w->running >> f->slot & 1) != 0, "it leaves, but it is not there")) {
        return;
    }
    watch_leave(m, s, w, f, status);
    struct gate_trigger t = {.kind = GATE_ON_RETURN,
                             .event = f->event,
                             .slot = f->spec_slot,
                             .status = status,
                             .is_partial = f->is_partial};
    (void)step(m, s, &t, &out);
    if (f->event == GATE_ACCEPT && f->accepted != 0) {
        if (status == GATE_STATUS_SUCCESS) {
            gate_on_delivered(m, socket);
        }
        accepted(m, s, f->accepted, status);
    }
}

void gate_on_receive(struct monitor *m, uint32_t socket)
{
    struct socket *s = known(m, socket);
    if (s != NULL) {
        struct watch *w = &s->watch[GATE_RECEIVE];
        w->is_shut = w->is_shut && s->is_forced;
        s->receiving++;
        step_plain(m, s, GATE_ON_RECEIVE);
    }
}

void gate_on_receive_end(struct monitor *m, uint32_t socket)
{
    struct socket *s = known(m, socket);
    if (s != NULL) {
        s->receiving -= s->receiving > 0;
    }
}

void gate_on_off(struct monitor *m, uint32_t socket, enum gate_event e)
{
    struct socket *s = known(m, socket);
    if (s != NULL) {
        deny(m, 19, s->watch[e].is_static, "a static event goes off");
    }
}

/* ---- the end of a socket ---- */

void gate_on_forced(struct monitor *m, uint32_t socket)
{
    struct socket *s = known(m, socket);
    if (s == NULL) {
        return;
    }
    s->is_forced = true;
    for (uint32_t e = 0; e < GATE_EVENTS; e++) {
        bool has_null_form = e == GATE_ACCEPT || e == GATE_INSPECT || e == GATE_RECEIVE ||
                             e == GATE_RECEIVE_FROM; /* CTL-185 */
        struct watch *w = &s->watch[e];
        w->may_null = has_null_form && w->adm && !w->is_shut;
        w->may_null_late = has_null_form && w->adm && w->is_shut && w->is_shut_unsure;
    }
    step_plain(m, s, GATE_ON_FORCED);
}

void gate_on_close(struct monitor *m, uint32_t socket)
{
    struct socket *s = known(m, socket);
    if (s == NULL) {
        return;
    }
    s->is_closing = true;
    gate_check(m, 55, true, "");
    for (uint32_t e = 0; e < GATE_EVENTS; e++) {
        s->watch[e].adm = false;
    }
    for (uint32_t i = 0; i < m->waiting_count; i++) {
        struct request *r = &m->request[m->waiting[i]];
        r->was_waiting_at_close = r->was_waiting_at_close || r->socket == socket;
    }
    step_plain(m, s, GATE_ON_CLOSE);
}

void gate_on_closed(struct monitor *m, uint32_t socket)
{
    struct socket *s = known(m, socket);
    if (s == NULL) {
        return;
    }
    s->is_closed = true;
    for (uint32_t e = 0; e < GATE_EVENTS; e++) {
        gate_check(m, 54, s->watch[e].running == 0, "closed while a callback runs");
    }
    step_plain(m, s, GATE_ON_CLOSED);
}

/* ---- IRPs ---- */

/* T-14: among those of one event that are due, first in first out. */
static void check_order(struct monitor *m, const struct request *r)
{
    bool is_first = true;
    for (uint32_t i = 0; i < m->waiting_count && &m->request[m->waiting[i]] != r; i++) {
        const struct request *other = &m->request[m->waiting[i]];
        is_first = is_first && (other->socket != r->socket || other->events != r->events ||
                                other->set != 0);
    }
    gate_check(m, GATE_ORDER, is_first, "waiting disables complete out of order (T-14)");
}

static void stop_waiting(struct monitor *m, struct request *r)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m->waiting_count; i++) {
        if (&m->request[m->waiting[i]] != r) {
            m->waiting[kept++] = m->waiting[i];
        }
    }
    m->waiting_count = kept;
    r->is_waiting = false;
}

static void waiting_completes(struct monitor *m, struct request *r, uint32_t irp, uint32_t status)
{
    struct socket *s = known(m, r->socket);
    if (s == NULL) {
        return;
    }
    const struct watch *w = &s->watch[__builtin_ctz(r->events)];
    bool is_drained = r->set == 0 && (w->enables != r->enables || w->running == 0);
    gate_check(m, 6, is_drained, "the IRP completes while a callback runs");
    if (!s->is_forced && !s->is_closing) {
        gate_check(m, 8, status == GATE_STATUS_SUCCESS, "a waiting disable fails");
    }
    if (r->was_waiting_at_close) {
        gate_check(m, 58, !s->has_closed_irp, "a waiting disable completes after the close");
    }
    agree(m, s, m->irp[irp].is_due, "a waiting IRP completes before its set is empty");
    agree(m, s, status == GATE_STATUS_SUCCESS, "a waiting IRP fails");
    check_order(m, r);
    stop_waiting(m, r);
}

/* PROP-54, when the close IRP completes. */
static void close_completes(struct monitor *m, uint32_t close)
{
    struct socket *s = known(m, m->irp[close].socket);
    bool has_left = true;
    if (s == NULL) {
        return;
    }
    for (uint32_t i = 0; i < m->irps; i++) {
        const struct irp *irp = &m->irp[i];
        if (i != close && irp->is_submitted && irp->socket == m->irp[close].socket) {
            has_left = has_left && irp->completions > 0 && irp->has_left;
        }
    }
    gate_check(m, 54, has_left, "the close completes before another IRP of the socket");
    for (uint32_t e = 0; e < GATE_EVENTS; e++) {
        gate_check(m, 54, s->watch[e].running == 0, "the close completes while a callback runs");
    }
    for (uint32_t i = 0; i < m->waiting_count; i++) {
        gate_check(m, 58, m->request[m->waiting[i]].socket != m->irp[close].socket,
                   "the close completes before a waiting disable");
    }
    s->has_closed_irp = true;
}

void gate_on_irp(struct monitor *m, uint32_t number, uint32_t status)
{
    struct irp *irp = &m->irp[number];
    struct request *r = irp->request != 0 ? &m->request[irp->request] : NULL;
    irp->completions++;
    if (r != NULL && r->was_waiting_at_close) {
        gate_check(m, 58, irp->completions == 1, "a waiting disable completes twice");
    }
    if (r != NULL && r->is_waiting) {
        waiting_completes(m, r, number, status);
    } else if (irp->is_close) {
        close_completes(m, number);
    }
}

void gate_on_information(struct monitor *m, uint32_t number, uint64_t information)
{
    const struct irp *irp = &m->irp[number % IRPS_MAX];
    if (irp->request != 0) {
        gate_check(m, 8, information == 0, "Information of an event request is not 0");
    }
}

/* ---- rest ---- */

static void summarise(struct monitor *m)
{
    for (uint32_t n = 1; n < GATE_CLIENT_SOCKETS; n++) {
        for (uint32_t e = 0; e < GATE_EVENTS; e++) {
            m->report->summary.adm[n][e] = m->socket[n].watch[e].adm;
            m->report->summary.running[n][e] = watch_count(&m->socket[n].watch[e]);
        }
    }
    m->has_summary = true;
}

void gate_on_quiet(struct monitor *m, bool is_end)
{
    for (uint32_t i = 0; i < m->waiting_count; i++) {
        const struct request *r = &m->request[m->waiting[i]];
        const struct socket *s = known(m, r->socket);
        if (s != NULL) {
            bool is_held = s->watch[__builtin_ctz(r->events)].running != 0;
            deny(m, 15, !is_held || is_end, "a disable waits though nobody runs");
        }
    }
    if (m->has_pended) {
        gate_check(m, 15, true, "");
    }
    for (uint32_t n = 1; n < GATE_CLIENT_SOCKETS; n++) {
        for (uint32_t e = 0; e < GATE_EVENTS && m->socket[n].kind != 0; e++) {
            struct watch *w = &m->socket[n].watch[e];
            gate_check(m, 10, !is_end || w->running == 0, "a callback never returned");
            w->enters_since = 0;
        }
    }
    if (!is_end || !m->has_summary) {
        summarise(m);
    }
}

/* The client knows that there is something for this event, and all is quiet. */
void gate_on_expect(struct monitor *m, uint32_t socket, enum gate_event e)
{
    struct socket *s = known(m, socket);
    if (s == NULL) {
        return;
    }
    struct watch *w = &s->watch[e];
    bool is_open = w->adm && !w->is_shut && !s->is_forced;
    uint32_t property = 1;
    if (w->is_static) {
        property = w->was_refused && e == GATE_RECEIVE_FROM ? 21 : 19;
    } else if (w->is_inherited) {
        property = s->is_of_cycled ? 27 : 25;
    } else if ((s->kind & GATE_SOCKET_BY_ACCEPT) != 0) {
        property = 26;
    }
    gate_check(m, property, (w->enters_since != 0) == is_open,
               is_open ? "an enabled event is not delivered" : "a disabled event is delivered");
    w->enters_since = 0;
}
