/* SPDX-License-Identifier: MIT */
/*
 * Reads the trace: keeps, for every context, the calls, callbacks and completion routines it is in,
 * finds out which socket of the client is which of the trace, and tells gate_checks.c what happens.
 *
 * Two passes: in the first only the sockets are matched, by the callbacks and calls in which both
 * numbers appear. A socket the client never heard of is left out.
 */
#include "gate_monitor_internal.h"

#include <stdlib.h>
#include <string.h>

enum {
#define ROUTINE(name, low, high) ROUTINE_##name,
#include "model/routines.def"
#undef ROUTINE
};
enum {
#define TRACE(name, text, shown) TRACE_##name,
#include "model/trace_kinds.def"
#undef TRACE
};

/* WskReceiveEx is reserved and behaves like it. */
static bool is_receive(uint32_t routine)
{
    return routine == ROUTINE_WskReceive || routine == ROUTINE_WskReceiveEx;
}

static uint32_t event_of(const struct sim_trace_event *e)
{
    return (uint32_t)(e->value >> 32);
}
static uint32_t status_of(const struct sim_trace_event *e)
{
    return (uint32_t)e->value;
}
static uint32_t number(uint32_t object)
{
    return object & 0xffffffu;
}

/* ---- contexts ---- */

static struct context *context_of(struct monitor *m, const struct sim_trace_event *e)
{
    return &m->context[e->slot % CONTEXTS_MAX];
}

static struct frame *top(struct context *c)
{
    return c->depth > 0 ? &c->frame[c->depth - 1] : NULL;
}

static struct frame *push(struct context *c, enum frame_kind kind)
{
    if (c->depth == FRAMES_MAX) {
        c->depth--; /* deeper than any client of ours goes */
    }
    struct frame *f = &c->frame[c->depth++];
    memset(f, 0, offsetof(struct frame, datagram));
    f->datagrams = 0;
    f->kind = kind;
    return f;
}

/* The innermost frame of a kind. */
static struct frame *innermost(struct context *c, enum frame_kind kind)
{
    for (uint32_t i = c->depth; i-- > 0;) {
        if (c->frame[i].kind == kind) {
            return &c->frame[i];
        }
    }
    return NULL;
}

/* Takes frames off down to the innermost one of this kind, which is returned; NULL if none. */
static struct frame *pop(struct context *c, enum frame_kind kind)
{
    struct frame *f = innermost(c, kind);
    if (f != NULL) {
        c->depth = (uint32_t)(f - c->frame);
    }
    return f;
}

/* ---- sockets ---- */

/* The client's number; 0 = not known. */
static uint32_t socket_of(struct monitor *m, const struct sim_trace_event *e)
{
    return m->number_of[number(e->object) % TRACE_SOCKETS_MAX];
}

static void match(struct monitor *m, uint32_t object, uint32_t client)
{
    if (m->is_mapping && client != 0 && client < GATE_CLIENT_SOCKETS) {
        m->number_of[number(object) % TRACE_SOCKETS_MAX] = client;
    }
}

/* ---- calls ---- */

static void on_call(struct monitor *m, struct context *c, const struct sim_trace_event *e)
{
    if (c->note == 0) {
        return;
    }
    struct frame *f = push(c, FRAME_CALL);
    f->routine = (uint32_t)e->value;
    f->socket = c->note_socket < GATE_CLIENT_SOCKETS ? c->note_socket : 0;
    f->was_dead = m->socket[f->socket].is_forced;
    if (c->note == GATE_NOTE_REQUEST && m->requests + 1 < REQUESTS_MAX) {
        f->request = ++m->requests;
        struct gate_summary *summary = &m->report->summary;
        m->request[f->request] = (struct request){.socket = f->socket,
                                                  .mask = (uint32_t)c->note_value,
                                                  .was_dead = f->was_dead,
                                                  .result = summary->results};
        summary->results += !m->is_mapping && summary->results < GATE_RESULTS - 1;
    }
    if (!m->is_mapping && is_receive(f->routine)) {
        gate_on_receive(m, f->socket);
    }
    if (!m->is_mapping && f->routine == ROUTINE_WskReceiveFrom) {
        m->socket[f->socket].is_order_unknown = true; /* it may take what was refused */
    }
    c->note = 0;
}

static void on_return(struct monitor *m, struct context *c, const struct sim_trace_event *e)
{
    struct frame *f = top(c);
    if (f == NULL || f->kind != FRAME_CALL || f->routine != e->object) {
        if (!m->is_mapping && status_of(e) == GATE_STATUS_EVENT_PENDING) {
            gate_check(m, 2, false, "event pending from another call");
        }
        return;
    }
    struct frame done = *f;
    pop(c, FRAME_CALL);
    if (m->is_mapping) {
        return;
    }
    if (done.request != 0) {
        struct request *r = &m->request[done.request];
        m->report->summary.result[r->result] = status_of(e);
        gate_on_result(m, r, status_of(e));
    }
    if (is_receive(done.routine)) {
        gate_on_receive_end(m, done.socket);
    }
    if (done.routine != ROUTINE_WskCloseSocket && done.routine != ROUTINE_WskRelease) {
        gate_on_call_result(m, &done, status_of(e));
    }
}

static struct irp *irp_of(struct monitor *m, const struct sim_trace_event *e)
{
    return &m->irp[number(e->object) % IRPS_MAX];
}

static void on_submit(struct monitor *m, struct context *c, const struct sim_trace_event *e)
{
    struct frame *f = top(c);
    struct irp *irp = irp_of(m, e);
    *irp = (struct irp){.is_submitted = true};
    m->irps = number(e->object) >= m->irps ? number(e->object) % IRPS_MAX + 1 : m->irps;
    if (f != NULL && f->kind == FRAME_CALL && f->routine == (uint32_t)e->value) {
        f->irp = number(e->object);
        irp->socket = f->socket;
        irp->request = f->request;
        irp->routine = f->routine;
        irp->is_close = f->routine == ROUTINE_WskCloseSocket;
        if (f->request != 0) {
            m->request[f->request].irp = f->irp;
        }
    }
}

/* ---- requests ---- */

/* The request whose call this context is in; NULL if it is in none. */
static struct request *request_of(struct monitor *m, struct context *c)
{
    struct frame *f = innermost(c, FRAME_CALL);
    return f != NULL && f->request != 0 ? &m->request[f->request] : NULL;
}

static bool is_inside(const struct context *c, uint32_t socket, enum gate_event e)
{
    for (uint32_t i = 0; i < c->depth; i++) {
        const struct frame *f = &c->frame[i];
        if (f->kind == FRAME_CALLBACK && f->socket == socket && f->event == e) {
            return true;
        }
    }
    return false;
}

static void on_enable(struct monitor *m, struct context *c, const struct sim_trace_event *e)
{
    struct request *r = request_of(m, c);
    if (r != NULL) {
        match(m, e->object, r->socket);
    }
    if (!m->is_mapping && event_of(e) < GATE_EVENTS) {
        gate_on_enable(m, socket_of(m, e), (enum gate_event)event_of(e), r);
    }
}

static void decide_disable(struct monitor *m, struct context *c, uint32_t socket,
                           enum gate_event event, uint32_t status, struct request *r)
{
    gate_on_disable(m, socket, event, status, r, is_inside(c, socket, event));
}

static void on_disable(struct monitor *m, struct context *c, const struct sim_trace_event *e)
{
    struct request *r = request_of(m, c);
    if (r != NULL) {
        match(m, e->object, r->socket);
    }
    if (!m->is_mapping && event_of(e) < GATE_EVENTS && (r == NULL || !r->is_decided)) {
        decide_disable(m, c, socket_of(m, e), (enum gate_event)event_of(e), status_of(e), r);
    }
}

/* A disable that succeeds completes its IRP before EventDisable is written. */
static void decide_by_irp(struct monitor *m, struct context *c, uint32_t irp, uint32_t status)
{
    struct frame *f = top(c);
    struct request *r = f != NULL && f->kind == FRAME_CALL ? request_of(m, c) : NULL;
    if (r == NULL || r->is_decided || r->irp != irp || status != GATE_STATUS_SUCCESS ||
        (r->mask & GATE_DISABLE) == 0) {
        return;
    }
    for (uint32_t e = 0; e < GATE_EVENTS; e++) {
        if (gate_flag[e] != 0 && (r->mask & gate_flag[e]) != 0) {
            decide_disable(m, c, r->socket, (enum gate_event)e, status, r);
        }
    }
}

static void on_complete(struct monitor *m, struct context *c, const struct sim_trace_event *e)
{
    if (!m->is_mapping && irp_of(m, e)->is_submitted) {
        const struct irp *irp = irp_of(m, e);
        decide_by_irp(m, c, number(e->object), status_of(e));
        if (irp->routine == ROUTINE_WskAccept && status_of(e) == GATE_STATUS_SUCCESS) {
            gate_on_delivered(m, irp->socket);
        }
        gate_on_irp(m, number(e->object) % IRPS_MAX, status_of(e));
    }
}

/* ---- callbacks ---- */

static void on_enter(struct monitor *m, struct context *c, const struct sim_trace_event *e)
{
    if (event_of(e) >= GATE_EVENTS) {
        return;
    }
    struct frame *f = push(c, FRAME_CALLBACK);
    f->socket = socket_of(m, e);
    f->event = (enum gate_event)event_of(e);
    f->order = ++m->orders;
    f->irp = number(e->object); /* the socket of the trace, for the first pass */
    if (!m->is_mapping) {
        gate_on_enter(m, f->socket, f);
    }
}

static void on_leave(struct monitor *m, struct context *c, const struct sim_trace_event *e)
{
    if (event_of(e) >= GATE_EVENTS) {
        return;
    }
    struct frame *f = innermost(c, FRAME_CALLBACK);
    bool is_matching =
        f != NULL && f->socket == socket_of(m, e) && (uint32_t)f->event == event_of(e);
    if (m->is_mapping || !is_matching) {
        if (!m->is_mapping) {
            gate_check(m, 10, false, "a callback returns that was not entered");
        } else {
            pop(c, FRAME_CALLBACK);
        }
        return;
    }
    static struct frame done; /* big */
    done = *f;
    pop(c, FRAME_CALLBACK);
    gate_on_leave(m, done.socket, &done, status_of(e));
}

static void on_callback_note(struct monitor *m, struct context *c, const struct sim_trace_event *e)
{
    struct frame *f = innermost(c, FRAME_CALLBACK);
    if (f == NULL) {
        return;
    }
    match(m, f->irp, e->object);
    if (!m->is_mapping) {
        f->is_partial = f->is_partial || (e->value & GATE_CALLBACK_PARTIAL) != 0;
        if ((e->value & GATE_CALLBACK_PARTIAL) == 0) {
            gate_on_null(m, f->socket, f, (e->value & GATE_CALLBACK_NULL) != 0);
        }
    }
}

/* ---- notes of the client ---- */

static void on_socket_note(struct monitor *m, struct context *c, const struct sim_trace_event *e)
{
    uint32_t client = e->object;
    if (client == 0 || client >= GATE_CLIENT_SOCKETS) {
        return;
    }
    if (m->is_mapping) {
        gate_begin_socket(m, &m->socket[client], (uint32_t)e->value);
        return;
    }
    struct frame *f = innermost(c, FRAME_CALLBACK);
    if ((e->value & GATE_SOCKET_BY_EVENT) != 0 && f != NULL && f->event == GATE_ACCEPT) {
        f->accepted = client;
    }
}

static void on_note(struct monitor *m, struct context *c, const struct sim_trace_event *e)
{
    struct frame *f;
    switch (e->kind) {
    case GATE_NOTE_SOCKET:
        on_socket_note(m, c, e);
        break;
    case GATE_NOTE_REQUEST:
    case GATE_NOTE_CALL:
        c->note = e->kind;
        c->note_socket = e->object;
        c->note_value = e->value;
        break;
    case GATE_NOTE_CALLBACK:
        on_callback_note(m, c, e);
        break;
    case GATE_NOTE_DATAGRAM:
        f = innermost(c, FRAME_CALLBACK);
        if (!m->is_mapping && f != NULL) {
            gate_on_datagram(m, f->socket, f, e->value);
        }
        break;
    case GATE_NOTE_INFORMATION:
        f = innermost(c, FRAME_COMPLETION);
        if (!m->is_mapping && f != NULL) {
            gate_on_information(m, f->irp, e->value);
        }
        break;
    case GATE_NOTE_QUIET:
        if (!m->is_mapping) {
            gate_on_quiet(m, false);
        }
        break;
    case GATE_NOTE_EXPECT:
        if (!m->is_mapping && e->object < GATE_CLIENT_SOCKETS && e->value < GATE_EVENTS) {
            gate_on_expect(m, e->object, (enum gate_event)e->value);
        }
        break;
    default:
        break;
    }
}

/* ---- one event ---- */

static void on_socket_event(struct monitor *m, const struct sim_trace_event *e)
{
    uint32_t socket = socket_of(m, e);
    switch (e->kind) {
    case TRACE_ForcedClose:
        gate_on_forced(m, socket);
        break;
    case TRACE_CloseStart:
        gate_on_close(m, socket);
        break;
    case TRACE_CloseEnd:
        gate_on_closed(m, socket);
        break;
    case TRACE_EventOff:
        if (event_of(e) < GATE_EVENTS) {
            gate_on_off(m, socket, (enum gate_event)event_of(e));
        }
        break;
    default:
        break;
    }
}

static void on_event(struct monitor *m, const struct sim_trace_event *e)
{
    struct context *c = context_of(m, e);
    struct frame *f;
    m->now = e;
    switch (e->kind) {
    case TRACE_ContextStart:
        c->depth = 0;
        c->note = 0;
        break;
    case TRACE_Call:
        on_call(m, c, e);
        break;
    case TRACE_Return:
        on_return(m, c, e);
        break;
    case TRACE_IrpSubmit:
        on_submit(m, c, e);
        break;
    case TRACE_IrpComplete:
        on_complete(m, c, e);
        break;
    case TRACE_IrpCompletionEnter:
        push(c, FRAME_COMPLETION)->irp = number(e->object);
        break;
    case TRACE_IrpCompletionLeave:
        pop(c, FRAME_COMPLETION);
        irp_of(m, e)->has_left = true;
        break;
    case TRACE_CallbackEnter:
        on_enter(m, c, e);
        break;
    case TRACE_CallbackLeave:
        on_leave(m, c, e);
        break;
    case TRACE_EventEnable:
        on_enable(m, c, e);
        break;
    case TRACE_EventDisable:
        on_disable(m, c, e);
        break;
    case TRACE_CloseStart:
        f = innermost(c, FRAME_CALL);
        match(m, e->object, f != NULL ? f->socket : 0);
        /* fallthrough */
    case TRACE_ForcedClose:
    case TRACE_CloseEnd:
    case TRACE_EventOff:
        if (!m->is_mapping) {
            on_socket_event(m, e);
        }
        break;
    default:
        if (e->kind >= GATE_NOTE_SOCKET && e->kind < GATE_NOTE_END) {
            on_note(m, c, e);
        }
        break;
    }
}

static void pass(struct monitor *m, const struct sim_trace_event *event, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct context *c = context_of(m, &event[i]);
        c->depth = 0;
        c->note = 0;
        irp_of(m, &event[i])->is_submitted = false;
    }
    m->requests = 0;
    m->orders = 0;
    m->waiting_count = 0;
    m->irps = 0;
    m->has_summary = false;
    m->has_pended = false;
    for (size_t i = 0; i < count; i++) {
        on_event(m, &event[i]);
    }
}

void gate_monitor(const struct sim_trace_event *event, size_t count,
                  const struct gate_setting *setting, struct gate_report *report)
{
    static struct monitor *m; /* large, kept */
    if (m == NULL) {
        m = calloc(1, sizeof *m);
        SIM_ASSERT(m != NULL);
    }
    memset(report, 0, sizeof *report);
    for (uint32_t i = 0; i < GATE_CLIENT_SOCKETS; i++) {
        if (m->socket[i].kind != 0) { /* they are large, and the others are clean */
            memset(&m->socket[i], 0, sizeof m->socket[i]);
        }
    }
    memset(m->number_of, 0, sizeof m->number_of);
    m->setting = setting;
    m->report = report;
    m->is_mapping = true;
    pass(m, event, count);
    m->is_mapping = false;
    pass(m, event, count);
    if (setting->is_finished) {
        gate_on_quiet(m, true);
    }
}

/* ---- reports ---- */

bool gate_has_failed(const struct gate_report *report)
{
    for (uint32_t i = 0; i < GATE_PROPERTIES; i++) {
        if (report->failed[i] != 0) {
            return true;
        }
    }
    return false;
}

bool gate_compare(struct gate_report *a, const struct gate_report *b, uint32_t property,
                  uint32_t likeness)
{
    const struct gate_summary *x = &a->summary, *y = &b->summary;
    bool is_alike = true;
    if ((likeness & GATE_SAME_STATE) != 0) {
        is_alike = memcmp(x->adm, y->adm, sizeof x->adm) == 0 &&
                   memcmp(x->running, y->running, sizeof x->running) == 0;
    }
    if ((likeness & GATE_SAME_ENTERS) != 0) {
        is_alike = is_alike && memcmp(x->enters, y->enters, sizeof x->enters) == 0;
    }
    if ((likeness & GATE_SAME_RESULTS) != 0) {
        is_alike = is_alike && x->results == y->results &&
                   memcmp(x->result, y->result, sizeof x->result) == 0;
    }
    a->checked[property]++;
    a->failed[property] += !is_alike;
    return is_alike;
}
