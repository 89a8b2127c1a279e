/* SPDX-License-Identifier: MIT */
/*
 * Requests, sockets, callbacks and registrations: each property as a plain counter or flag, next to
 * the step of the trace at which it can be seen to fail.
 *
 * A property of the client (sockets.md: C) is checked here where the trace shows it, too: a legal
 * client keeps it, and a run that shows a breach must have ended as a finding.
 */
#include "life_monitor_internal.h"

enum { CANCEL_MAX_MS = 1000 }; /* "bounded": no step of the model's worlds is longer */

/* ---- calls ---- */

static bool is_provider_call(uint32_t routine)
{
    return routine >= ROUTINE_WskSocket && routine <= ROUTINE_WskGetNameInfo;
}

static void on_provider_call(struct life *l, struct life_frame *f, struct life_registration *r)
{
    if (is_provider_call(f->routine)) {
        life_check(l, LIFE(26), r->captures > 0, "a provider-level call without a captured NPI");
        r->calls++;
        f->is_counted = true;
    }
    switch (f->routine) {
    case ROUTINE_WskCaptureProviderNPI:
        f->was_deregistering = r->is_deregistering;
        break;
    case ROUTINE_WskReleaseProviderNPI:
        life_check(l, LIFE(26), --r->captures >= 0, "more releases of the NPI than captures");
        break;
    case ROUTINE_WskDeregister:
        r->is_deregistering = true;
        break;
    default:
        break;
    }
}

/* Windows of this context do not count (AMBIGUOUS-LIFE-02). */
static uint32_t own_windows(const struct life_context *c, uint32_t object)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->depth; i++) {
        count +=
            c->frame[i].kind == LIFE_CALL && c->frame[i].object == object && c->frame[i].is_counted;
    }
    return count;
}

static void on_close_call(struct life *l, const struct life_context *c, const struct life_frame *f,
                          struct life_socket *s)
{
    uint32_t own = own_windows(c, f->object);
    life_check(l, LIFE(9), s->inside <= own, "closed while another thread is inside");
    life_check(l, PROP(57), s->inside <= own, "closed while another thread is inside");
    life_check(l, LIFE(10), s->retained == 0, "closed with lists retained");
    life_check(l, PROP(56), s->closes++ == 0, "closed twice");
    for (uint32_t e = 0; e < LIFE_EVENTS; e++) {
        s->has_overlap = s->has_overlap || s->running[e] != 0;
    }
    struct life_client *client = life_client(l, s->client);
    if (client != NULL) {
        client->has_closed = true;
    }
}

void life_on_wsk_call(struct life *l, struct life_context *c, struct life_frame *f)
{
    struct life_registration *r = life_registration(l, f->object);
    struct life_socket *s = life_socket(l, f->object);
    if (r != NULL) {
        on_provider_call(l, f, r);
    }
    if (s == NULL) {
        return;
    }
    if (f->client != 0) {
        s->client = f->client;
    }
    bool is_release = f->routine == ROUTINE_WskRelease;
    life_check(l, LIFE(7), !s->is_closing || is_release, "a call names a socket after its close");
    life_check(l, PROP(56), !s->is_closing || is_release, "a call names a socket after its close");
    life_check(l, LIFE(21), !s->is_refused, "a refused socket is named");
    f->was_dead = s->is_forced;
    if (f->routine == ROUTINE_WskCloseSocket) {
        on_close_call(l, c, f, s);
    }
    if (!is_release) {
        s->inside++;
        f->is_counted = true;
    }
}

/* ---- requests ---- */

void life_on_submit(struct life *l, struct life_frame *f, uint32_t irp, uint32_t routine)
{
    struct life_irp *i = life_irp(l, irp);
    uint32_t number = (irp & 0xffffffu) % LIFE_IRPS;
    life_check(l, LIFE(4), !i->is_in_flight, "an IRP in flight is passed again");
    *i = (struct life_irp){.is_in_flight = true, .order = ++l->orders};
    l->irps = number >= l->irps ? number + 1 : l->irps;
    if (f == NULL || !life_is_wsk(routine)) {
        return;
    }
    i->routine = routine;
    i->socket = f->object;
    i->client = f->client;
    f->irp = irp;
    struct life_socket *s = life_socket(l, f->object);
    struct life_registration *r = life_registration(l, f->object);
    if (s != NULL) {
        s->requests++;
        i->was_dead = s->is_forced;
    } else if (r != NULL) {
        r->requests++;
    }
    if (f->note == LIFE_NOTE_RECEIVE) {
        i->length = f->note_value >> 32;
        i->flags = (uint32_t)f->note_value;
    } else if (f->note == LIFE_NOTE_SEND) {
        const struct life_client *client = life_client(l, f->client);
        i->piece = f->note_value;
        i->at = client != NULL ? client->sent_bytes - life_piece_length(i->piece) : 0;
    } else if (f->note == LIFE_NOTE_DISCONNECT) {
        i->flags = (uint32_t)(f->note_value >> 32);
    } else if (f->note == LIFE_NOTE_WATCH) {
        i->is_watch = true;
        i->watched = (uint32_t)f->note_value % 3;
        i->watched_count = l->changed[i->watched];
    }
}

/* PROP-LIFE-08 and PROP-54: nothing of the socket is left. */
static void on_close_complete(struct life *l, const struct life_irp *close, struct life_socket *s)
{
    uint32_t running = 0;
    for (uint32_t e = 0; e < LIFE_EVENTS; e++) {
        running += s->running[e];
    }
    life_check(l, LIFE(8), running == 0, "the close completes while a callback runs");
    if (s->has_overlap) {
        life_check(l, LIFE(47), running == 0, "a close completes before an overlapping callback");
    }
    life_check(l, LIFE(8), s->requests == 1, "the close completes before another request");
    life_check(l, LIFE(48), s->retained == 0, "a list is retained after the close");
    for (uint32_t n = 0; n < l->irps; n++) {
        const struct life_irp *i = &l->irp[n];
        if (i != close && i->routine != 0 && i->socket == close->socket) {
            life_check(l, LIFE(8), !i->is_in_flight && i->has_left,
                       "the close completes before a completion routine has returned");
        }
    }
}

static void on_receive_complete(struct life *l, const struct life_irp *i)
{
    bool is_success = life_success(i->status);
    bool is_all = (i->flags & 2) != 0, is_drain = (i->flags & 4) != 0;
    if (!is_success || i->length == 0) {
        return;
    }
    if (is_all && i->information < i->length && !i->is_cancelled) {
        life_check(l, LIFE(33), l->finishes != 0, "a short WAITALL before any end of stream");
    } else if (is_all) {
        life_check(l, LIFE(33), i->information == i->length, "a WAITALL with too much");
    }
    if (!is_all && !is_drain) {
        life_check(l, LIFE(34), i->information != 0 || l->finishes != 0,
                   "0 bytes before any end of stream");
    }
}

/* PROP-34: what the completion may say. */
static void check_block(struct life *l, const struct life_irp *i)
{
    bool is_control =
        i->routine == ROUTINE_WskControlSocket || i->routine == ROUTINE_WskControlClient;
    life_check(l, PROP(34), i->status != LIFE_PENDING && i->status != LIFE_EVENT_PENDING,
               "an IRP completes with a pending status");
    if (is_control && !life_success(i->status) && l->setting->is_default) {
        life_check(l, PROP(34), i->information == 0 || (i->status >> 16) == 0xC000u,
                   "a failure with Information");
    }
    if (is_receive(i->routine) && i->client != 0) {
        life_check(l, LIFE(32), !life_success(i->status) || i->information <= i->length,
                   "more bytes than there was room for");
    }
}

static void check_watch(struct life *l, const struct life_irp *i)
{
    const struct life_socket *s = life_socket(l, i->socket);
    const struct life_registration *r = life_registration(l, i->socket);
    bool has_cause = l->addresses_changed + l->transports_changed != 0 || i->is_cancelled ||
                     (s != NULL && (s->is_forced || s->is_closing)) ||
                     (r != NULL && r->is_deregistering) || !i->is_returned_pending;
    bool is_success = life_success(i->status);
    life_check(l, PROP(42), has_cause || !is_success, "a notification without cause");
    if (!l->setting->is_default) { /* amb.42 */
        return;
    }
    life_check(l, PROP(42), !is_success || i->watched_count != l->changed[i->watched],
               "a notification of what was over before the call");
    if (i->is_due && !i->is_cancelled) {
        life_check(l, PROP(42), is_success, "a change does not complete a request that waits");
    }
}

/* What waits for it from before must hear of it. */
void life_on_change(struct life *l, uint32_t what)
{
    l->changed[what]++;
    for (uint32_t n = 0; n < l->irps; n++) {
        struct life_irp *i = &l->irp[n];
        const struct life_socket *s = life_socket(l, i->socket);
        const struct life_registration *r = life_registration(l, i->socket);
        bool is_ending = (s != NULL && (s->is_forced || s->is_closing)) ||
                         (r != NULL && r->is_deregistering);
        if (i->is_watch && i->is_in_flight && i->is_returned_pending && i->watched == what &&
            !i->is_cancelled && !is_ending) {
            i->is_due = true;
        }
    }
}

/* PROP-LIFE-50. Other ends than its own: the socket's, the connection's. */
static void check_cancelled(struct life *l, const struct life_irp *i)
{
    const struct life_socket *s = life_socket(l, i->socket);
    bool is_soon = l->now->time - i->cancelled_at <= SIM_MS(CANCEL_MAX_MS);
    bool is_plain = i->routine == ROUTINE_WskAccept || i->routine == ROUTINE_WskReceiveFrom;
    bool is_honoured = is_receive(i->routine) || is_plain;
    life_check(l, LIFE(50), is_soon || !is_honoured, "a cancelled request takes long");
    if (is_plain && s != NULL && !s->is_forced && !s->is_closing && !life_success(i->status)) {
        life_check(l, LIFE(50), i->status == LIFE_CANCELLED,
                   "a cancelled request fails with a status of its own");
    }
}

static void count_down(struct life *l, const struct life_irp *i)
{
    struct life_socket *s = life_socket(l, i->socket);
    struct life_registration *r = life_registration(l, i->socket);
    if (s != NULL && s->requests > 0) {
        s->requests--;
    } else if (r != NULL && r->requests > 0) {
        r->requests--;
        r->routines++; /* until its routine has returned */
    }
}

static void on_delivery(struct life *l, const struct life_irp *i)
{
    struct life_socket *s = life_socket(l, (uint32_t)i->information);
    bool is_birth = i->routine == ROUTINE_WskSocket || i->routine == ROUTINE_WskSocketConnect;
    if (i->routine == ROUTINE_WskAccept && life_success(i->status)) {
        life_check(l, LIFE(20), s != NULL && !s->is_delivered && s->parent == i->socket,
                   "an accepted connection is delivered again, or from elsewhere");
        if (s != NULL) {
            s->is_delivered = true;
        }
    }
    if (is_birth) {
        uint32_t coming = 0;
        l->good_births += life_success(i->status);
        for (uint32_t n = 0; n < l->irps; n++) {
            const struct life_irp *other = &l->irp[n];
            coming += other != i && other->is_in_flight &&
                      (other->routine == ROUTINE_WskSocket ||
                       other->routine == ROUTINE_WskSocketConnect);
        }
        life_check(l, LIFE(43), l->births <= l->good_births + coming,
                   "a creation has failed and left a socket");
        life_check(l, LIFE(43), life_success(i->status) == (s != NULL && s->is_born),
                   "a failed creation leaves a socket, or a good one does not");
    }
}

void life_on_complete(struct life *l, struct life_context *c, uint32_t irp, uint32_t status)
{
    struct life_irp *i = life_irp(l, irp);
    (void)c;
    if (i->routine == 0) {
        return;
    }
    i->status = status;
    life_check(l, LIFE(1), i->is_in_flight, "a request completes twice");
    life_check(l, PROP(32), i->is_in_flight, "a request completes twice");
    life_deny(l, LIFE(2), i->is_returned && !i->is_returned_pending,
              "a request completes after a call that did not pend");
    check_block(l, i);
    struct life_socket *s = life_socket(l, i->socket);
    if (i->routine == ROUTINE_WskCloseSocket && s != NULL) {
        on_close_complete(l, i, s);
    }
    if (is_receive(i->routine)) {
        on_receive_complete(l, i);
    }
    if (i->is_watch) {
        check_watch(l, i);
    }
    if (i->is_cancelled && l->setting->is_default && l->setting->is_faultless) {
        check_cancelled(l, i);
    }
    if (s != NULL && status == LIFE_FORCED_CLOSED && life_client(l, s->client) != NULL) {
        life_client(l, s->client)->is_dead = true;
    }
    on_delivery(l, i);
    life_data_complete(l, i);
    count_down(l, i);
    i->is_in_flight = false;
}

void life_on_routine(struct life *l, uint32_t irp, bool is_pending_returned)
{
    struct life_irp *i = life_irp(l, irp);
    if (i->routine == 0) {
        return;
    }
    life_check(l, LIFE(1), !i->is_in_flight && !i->is_entered, "a routine runs twice, or early");
    life_check(l, KPROP(4), !i->is_entered, "a completion routine is invoked twice");
    life_check(l, LIFE(2), !i->is_returned || i->is_returned_pending,
               "a routine runs after a call that did not pend");
    i->is_entered = true;
    i->was_pending_returned = is_pending_returned;
    if (i->is_returned) {
        life_check(l, LIFE(3), is_pending_returned == i->is_returned_pending, "PendingReturned");
        life_check(l, KPROP(5), is_pending_returned == i->is_returned_pending, "PendingReturned");
    }
}

void life_on_routine_left(struct life *l, uint32_t irp)
{
    struct life_irp *i = life_irp(l, irp);
    struct life_registration *r = life_registration(l, i->socket);
    if (i->routine != 0 && r != NULL && r->routines > 0) {
        r->routines--;
    }
    i->has_left = true;
}

/* PROP-LIFE-02, -03, -46, PROP-33: the returned value and the IRP's fate. */
static void check_value(struct life *l, struct life_irp *i, uint32_t status)
{
    bool is_pending = status == LIFE_PENDING;
    i->is_returned = true;
    i->is_returned_pending = is_pending;
    if (i->is_entered) {
        life_check(l, LIFE(3), i->was_pending_returned == is_pending, "PendingReturned");
        life_check(l, KPROP(5), i->was_pending_returned == is_pending, "PendingReturned");
    }
    if (is_pending) {
        return;
    }
    life_check(l, LIFE(46), i->is_entered && i->has_left, "not pending, and no routine has run");
    bool is_same = status == 0 ? i->status == 0 : life_success(status) == life_success(i->status);
    life_check(l, LIFE(2), is_same, "returned value and completion differ");
    life_check(l, PROP(33), is_same, "returned value and completion differ");
}

void life_on_return(struct life *l, const struct life_frame *f, uint32_t status)
{
    struct life_registration *r = life_registration(l, f->object);
    bool may_serve_dead = f->routine == ROUTINE_WskCloseSocket || f->routine == ROUTINE_WskRelease;
    if (f->irp != 0) {
        check_value(l, life_irp(l, f->irp), status);
    }
    if (status == LIFE_PENDING) {
        life_check(l, PROP(35), f->irp != 0, "pending without an IRP");
    }
    if (f->was_dead && !may_serve_dead && l->setting->is_default) {
        life_check(l, LIFE(29), status == LIFE_FORCED_CLOSED, "a dead socket answers otherwise");
    }
    if (f->routine == ROUTINE_WskCaptureProviderNPI && r != NULL) {
        r->captures += life_success(status);
        if (f->was_deregistering) {
            life_check(l, LIFE(27), !life_success(status),
                       "a capture after WskDeregister succeeds");
        }
    }
    if (f->routine == ROUTINE_WskRelease && l->setting->is_default) {
        life_check(l, LIFE(48), status == 0, "a release fails");
    }
}

void life_on_cancel(struct life *l, uint32_t irp)
{
    struct life_irp *i = life_irp(l, irp);
    if (i->routine != 0 && i->is_in_flight) {
        i->is_cancelled = true;
        i->cancelled_at = l->now->time;
        struct life_client *client = life_client(l, i->client);
        if (client != NULL && is_receive(i->routine)) {
            client->has_cancelled = true;
            client->is_unknown = client->is_unknown || (i->flags & 6) != 0;
        }
    }
}

/* ---- callbacks ---- */

void life_on_enter(struct life *l, struct life_context *c, struct life_frame *f)
{
    struct life_socket *s = life_socket(l, f->object);
    (void)c;
    if (s == NULL) {
        return;
    }
    life_check(l, LIFE(8), !s->is_closed, "a callback opens after the close has completed");
    if (f->event == EVENT_RECEIVE) {
        life_check(l, LIFE(16), s->running[EVENT_RECEIVE] == 0, "receive callbacks overlap");
    }
    s->has_overlap = s->has_overlap || s->is_closing;
    s->running[f->event]++;
}

void life_on_leave(struct life *l, const struct life_frame *f, uint32_t status)
{
    struct life_socket *s = life_socket(l, f->object);
    struct life_socket *accepted = life_socket(l, f->accepted);
    if (s == NULL) {
        return;
    }
    if (s->running[f->event] > 0) {
        s->running[f->event]--;
    }
    if (f->event == EVENT_ACCEPT && accepted != NULL) {
        life_check(l, LIFE(20), !accepted->is_delivered, "a connection is delivered again");
        accepted->is_delivered = status == 0;
        accepted->is_refused = status != 0;
    }
}

/* ---- sockets ---- */

void life_on_socket(struct life *l, const struct sim_trace_event *e)
{
    struct life_socket *s = life_socket(
        l, e->kind == TRACE_Retain || e->kind == TRACE_Release ? (uint32_t)e->value : e->object);
    if (s == NULL) {
        return;
    }
    struct life_client *client = life_client(l, s->client);
    switch (e->kind) {
    case TRACE_ForcedClose:
        s->is_forced = true;
        if (client != NULL) {
            client->is_dead = true;
        }
        break;
    case TRACE_CloseStart:
        s->is_closing = true;
        break;
    case TRACE_CloseEnd:
        life_check(l, LIFE(48), s->retained == 0, "a list is retained after the close");
        s->is_closed = true;
        l->registration[1].sockets -= l->registration[1].sockets > 0;
        break;
    case TRACE_Destroy:
        if (!s->is_born) {
            break; /* a creation that failed */
        }
        life_check(l, LIFE(21), s->is_refused, "a socket vanishes that nobody refused");
        s->is_closed = true;
        l->registration[1].sockets -= l->registration[1].sockets > 0;
        break;
    case TRACE_Retain:
        s->retained++;
        break;
    case TRACE_Release:
        life_check(l, LIFE(10), s->retained > 0, "more is released than was retained");
        s->retained -= s->retained > 0;
        break;
    default:
        break;
    }
}

/* WskDeregister is about to return. */
void life_on_gone(struct life *l, uint32_t registration)
{
    struct life_registration *r = life_registration(l, registration);
    bool is_free = r->sockets == 0 && r->captures == 0 && r->calls == 0 && r->requests == 0;
    life_check(l, LIFE(25), is_free && r->is_deregistering,
               "WskDeregister returns before its four conditions hold");
    life_check(l, PROP(59), is_free, "WskDeregister returns before all is closed and released");
    life_check(l, LIFE(26), r->captures == 0, "captures are left when WskDeregister returns");
    if (l->setting->is_default) { /* deregister.waits_for_routines */
        life_check(l, LIFE(54), r->routines == 0, "WskDeregister returns while a routine runs");
    }
    r->is_gone = true;
}

/* What a client cannot hold up for ever; a disable ends when the callbacks have returned. */
static bool must_end(const struct life_irp *i)
{
    return i->routine == ROUTINE_WskCloseSocket || i->routine == ROUTINE_WskSocket ||
           i->routine == ROUTINE_WskBind || i->routine == ROUTINE_WskGetLocalAddress ||
           i->routine == ROUTINE_WskGetRemoteAddress ||
           (i->routine == ROUTINE_WskControlSocket && !i->is_watch);
}

/* Everybody waits, and nothing will ever happen again. */
void life_checks_stuck(struct life *l)
{
    for (uint32_t n = 0; n < l->irps; n++) {
        const struct life_irp *i = &l->irp[n];
        if (i->is_in_flight && must_end(i)) {
            life_check(l, LIFE(1), false, "a request never completes");
            life_check(l, PROP(32), false, "a request never completes");
        }
    }
    for (uint32_t n = 1; n < 8; n++) {
        const struct life_registration *r = &l->registration[n];
        bool is_free = r->sockets == 0 && r->captures == 0 && r->calls == 0;
        if (r->is_deregistering && !r->is_gone && is_free) {
            life_check(l, LIFE(25), false, "WskDeregister never returns");
            life_check(l, PROP(59), false, "WskDeregister never returns");
        }
    }
}

void life_checks_end(struct life *l)
{
    for (uint32_t n = 0; n < l->irps; n++) {
        const struct life_irp *i = &l->irp[n];
        if (i->routine != 0) {
            life_check(l, LIFE(1), !i->is_in_flight && i->is_entered, "a request never completes");
            life_check(l, PROP(32), !i->is_in_flight, "a request never completes");
            life_check(l, KPROP(4), i->is_entered && i->has_left, "a routine is never invoked");
        }
    }
    for (uint32_t n = 1; n < LIFE_SOCKETS; n++) {
        const struct life_socket *s = &l->socket[n];
        if (!s->is_born) {
            continue;
        }
        bool is_owned = s->parent == 0 || s->is_delivered;
        life_check(l, LIFE(6), is_owned ? s->closes == 1 : s->closes == 0, "closes and sockets");
        life_check(l, LIFE(45), !is_owned || s->is_closed, "a socket is left");
        if (s->is_forced && is_owned) {
            life_check(l, PROP(50), s->is_closed, "a dead socket is never closed");
            life_check(l, LIFE(30), s->is_closed, "a dead socket is never closed");
        }
        life_check(l, LIFE(21), !s->is_refused || s->is_closed, "a refused socket stays");
    }
    life_check(l, LIFE(43), l->births == l->good_births, "sockets and good creations");
    for (uint32_t n = 1; n < 8; n++) {
        if (l->registration[n].is_deregistering) {
            life_check(l, LIFE(25), l->registration[n].is_gone, "WskDeregister never returns");
        }
    }
    if (l->setting->is_faultless) {
        life_check(l, LIFE(28), true, ""); /* the run has ended: nobody waits */
    }
}
