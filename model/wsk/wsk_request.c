/* SPDX-License-Identifier: MIT */
/*
 * One IRP in the hands of WSK: from the call that submits it to the return of its completion
 * routine.
 *
 *   ENTERED --refuse, finish inline--------------------------> DONE
 *      |----finish later----> COMPLETING --context runs------> DONE
 *      +----pend----> WAITING --wsk_complete--^
 *
 * A request is counted (socket->requests or registration->requests) until its completion routine
 * has returned: that is what a close and WskDeregister wait for (CLOSE-011, AMBIGUOUS-LIFE-67).
 */
#include "model/wsk/wsk_gate.h"
#include "model/wsk/wsk_internal.h"

/* ---- queues ---- */

void wsk_queue_push(struct wsk_queue *queue, struct wsk_request *request)
{
    request->next = NULL;
    request->prev = queue->last;
    if (queue->last != NULL) {
        queue->last->next = request;
    } else {
        queue->first = request;
    }
    queue->last = request;
}

void wsk_queue_remove(struct wsk_queue *queue, struct wsk_request *request)
{
    if (request->prev != NULL) {
        request->prev->next = request->next;
    } else {
        SIM_ASSERT(queue->first == request);
        queue->first = request->next;
    }
    if (request->next != NULL) {
        request->next->prev = request->prev;
    } else {
        SIM_ASSERT(queue->last == request);
        queue->last = request->prev;
    }
    request->next = request->prev = NULL;
}

static void all_push(struct wsk_socket *socket, struct wsk_request *r)
{
    r->all_prev = socket->all_last;
    if (socket->all_last != NULL) {
        socket->all_last->all_next = r;
    } else {
        socket->all_first = r;
    }
    socket->all_last = r;
}

static void all_remove(struct wsk_socket *socket, struct wsk_request *r)
{
    if (r->all_prev != NULL) {
        r->all_prev->all_next = r->all_next;
    } else {
        socket->all_first = r->all_next;
    }
    if (r->all_next != NULL) {
        r->all_next->all_prev = r->all_prev;
    } else {
        socket->all_last = r->all_prev;
    }
}

/* ---- birth ---- */

struct wsk_request *wsk_request_new(struct wsk_call *call, enum wsk_request_kind kind,
                                    struct io_irp *irp)
{
    struct sim *s = call->s;
    struct wsk_state *w = wsk_of(s);
    if (w->request_count == WSK_REQUESTS_MAX) {
        sim_limit(s, "WSK_REQUESTS_MAX: too many requests in one run");
    }
    struct wsk_request *r = &w->request[w->request_count++];
    *r = (struct wsk_request){
        .object = model_object_new(s, OBJECT_REQUEST),
        .kind = (uint8_t)kind,
        .phase = WSK_REQ_ENTERED,
        .routine = call->routine,
        .irp = irp,
        .socket = call->socket,
        .registration = call->registration,
        .submitted = sim_here(s),
        .parent = s->current,
    };
    if (r->socket == NULL) {
        r->registration->requests++;
    } else if (kind != WSK_REQ_CLOSE) {
        r->socket->requests++;
        all_push(r->socket, r);
    }
    return r;
}

/* ---- death ---- */

static void uncount(struct sim *s, struct wsk_request *r)
{
    if (r->socket == NULL) {
        r->registration->requests--;
        ke_poke(s);
    } else if (r->kind != WSK_REQ_CLOSE) {
        all_remove(r->socket, r);
        r->socket->requests--;
        wsk_close_poke(s, r->socket);
    }
}

static bool counts_down_early(struct sim *s, const struct wsk_request *r)
{
    return r->socket == NULL ? model_knob(s, KNOB_DEREGISTER_WAITS_FOR_ROUTINES) == 1
                             : model_knob(s, KNOB_CLOSE_IRP_ORDER) == 1;
}

/* The completion routine has returned (or, early, is about to be entered). */
static void release_held(struct sim *s, struct wsk_request *r)
{
    if (r->held != NULL) {
        r->held->hold_events = false;
        wsk_socket_kick(s, r->held);
    }
}

/* For the trace: a socket by its number, not by its address. */
static uint64_t shown_information(struct sim *s, const struct wsk_request *r)
{
    const struct wsk_socket *socket =
        NT_SUCCESS(r->status) && r->information != 0
            ? wsk_socket_find(s, (const WSK_SOCKET *)r->information)
            : NULL;
    bool is_birth = r->kind == WSK_REQ_SOCKET || r->kind == WSK_REQ_SOCKET_CONNECT ||
                    r->kind == WSK_REQ_ACCEPT;
    return is_birth && socket != NULL ? socket->object : r->information;
}

/* The end of these tells that callbacks have returned: what those did comes before. */
static void know_callbacks(struct sim *s, const struct wsk_request *r)
{
    if (r->socket != NULL && (r->kind == WSK_REQ_CLOSE || r->kind == WSK_REQ_EVENT)) {
        sim_hb_acquire(s, sim_hb_other(r->socket));
    }
}

/* Gives the IRP back on the current context. */
static void complete_here(struct sim *s, struct wsk_request *r)
{
    wsk_inputs_kept(s, r);
    know_callbacks(s, r);
    if (r->deliver != NULL) {
        model_of(s)->writes_for = &r->submitted;
        model_of(s)->writes_routine = r->routine;
        r->deliver(s, r);
        model_of(s)->writes_for = NULL;
    }
    if (r->status == STATUS_FILE_FORCED_CLOSED && r->socket != NULL) {
        wsk_socket_tell_death(s, r->socket);
    }
    if (r->sd_object != 0) {
        wsk_sd_use(s, r->sd_object, -1);
    }
    r->phase = WSK_REQ_DONE;
    bool early = counts_down_early(s, r);
    if (early) {
        uncount(s, r);
    }
    /* AMBIGUOUS-LIFE-67, "closes included". */
    bool early_close = r->kind == WSK_REQ_CLOSE && r->item != NULL &&
                       model_knob(s, KNOB_DEREGISTER_WAITS_FOR_ROUTINES) == 1;
    if (early_close) {
        r->registration->sockets--;
        ke_poke(s);
    }
    sim_trace(s, TRACE_IrpInformation, r->irp->object, shown_information(s, r));
    io_complete(s, r->irp, r->status, r->information);
    r->irp = NULL;
    /* The close and the deregistration come after the completion routine. */
    if (r->socket != NULL) {
        sim_hb_release(s, sim_hb_other(r->socket));
        sim_hb_release(s, sim_hb_other(r->socket->registration));
    } else {
        sim_hb_release(s, sim_hb_other(r->registration));
    }
    release_held(s, r);
    if (r->resumes) {
        wsk_event_resume(s, r->socket);
    }
    if (!early) {
        uncount(s, r);
    }
    if (r->kind == WSK_REQ_CLOSE && r->item != NULL && !early_close) {
        r->registration->sockets--;
        ke_poke(s);
    }
}

static void complete_main(struct sim *s, void *argument)
{
    complete_here(s, argument);
}

KIRQL wsk_pick_irql(struct sim *s, uint32_t kind)
{
    switch (choice_pick(s, CHOICE_WORLD, kind, 3)) {
    case 0:
        return DISPATCH_LEVEL;
    case 1:
        return PASSIVE_LEVEL;
    default:
        return APC_LEVEL;
    }
}

static void launch_late(struct sim *s, void *argument, uint64_t value)
{
    struct wsk_request *r = argument;
    (void)value;
    KIRQL irql = wsk_pick_irql(s, PICK_WSK_COMPLETION_IRQL);
    ke_system_call(s, r->parent, irql, complete_main, r, "completion");
}

void wsk_request_launch(struct sim *s, struct wsk_request *r)
{
    if (model_mutated(completion_never_overtakes)) {
        sim_event_add(s, s->now + 2 * SIM_OVERTAKE_MAX, launch_late, r, 0);
        return;
    }
    model_exercised(s, RULE_CTL_033);
    if (model_mutated(request_lost) && r->kind == WSK_REQ_BIND) {
        return;
    }
    KIRQL irql = wsk_pick_irql(s, PICK_WSK_COMPLETION_IRQL);
    model_exercised(s, RULE_IRP_013);
    model_exercised(s, RULE_IRP_020);
    ke_system_call(s, r->parent, irql, complete_main, r, "completion");
}

static void set_result(struct wsk_request *r, NTSTATUS status, ULONG_PTR information)
{
    SIM_ASSERT(status != STATUS_PENDING && status != STATUS_EVENT_PENDING); /* CTL-030 */
    SIM_ASSERT(r->phase == WSK_REQ_ENTERED || r->phase == WSK_REQ_WAITING);
    if ((model_mutated(failure_has_information) && !NT_SUCCESS(status)) ||
        (model_mutated(bind_has_information) && r->kind == WSK_REQ_BIND)) {
        information = 1;
    }
    r->phase = WSK_REQ_COMPLETING;
    r->status = status;
    r->information = information;
}

void wsk_request_inline(struct wsk_call *call, NTSTATUS status, ULONG_PTR information)
{
    struct wsk_request *r = call->request;
    if (model_mutated(success_without_effect) && NT_SUCCESS(status) && r->kind == WSK_REQ_CONTROL) {
        r->deliver = NULL;
    }
    if (model_mutated(inline_information_lost)) {
        information = 0;
    }
    set_result(r, status, information);
    if (model_knob(call->s, KNOB_IRP_NONPENDING_COMPLETION) == 1) {
        call->late = r;
    } else {
        complete_here(call->s, r);
    }
    call->request = NULL;
}

void wsk_request_abandon(struct wsk_call *call)
{
    struct wsk_request *r = call->request;
    r->phase = WSK_REQ_DONE;
    uncount(call->s, r);
    call->request = NULL;
}

/* ---- cancel (table 2.3) ---- */

static bool is_cancellable(struct sim *s, const struct wsk_request *r, uint16_t reading)
{
    switch ((enum wsk_request_kind)r->kind) {
    case WSK_REQ_LISTEN:
        /* It waits for a connection that may never come (AMBIGUOUS-LIFE-21). */
        return reading == 2 ||
               (reading != 1 && model_knob(s, KNOB_STREAM_LISTEN_SEMANTICS) == 1);
    case WSK_REQ_RECEIVE:
    case WSK_REQ_RECEIVE_FROM:
        return true;
    case WSK_REQ_SOCKET:
    case WSK_REQ_SOCKET_CONNECT:
    case WSK_REQ_ACCEPT:
    case WSK_REQ_CONNECT:
    case WSK_REQ_CONNECT_EX:
    case WSK_REQ_SEND:
    case WSK_REQ_DISCONNECT:
    case WSK_REQ_SEND_TO:
    case WSK_REQ_SEND_MESSAGES:
    case WSK_REQ_CONTROL:
    case WSK_REQ_CLIENT:
        return reading != 1;
    case WSK_REQ_BIND:
    case WSK_REQ_RESOLVE:
        return reading == 2;
    case WSK_REQ_INSPECT:
    case WSK_REQ_ABORT:
    case WSK_REQ_LOCAL_ADDRESS:
    case WSK_REQ_REMOTE_ADDRESS:
    case WSK_REQ_EVENT:
    case WSK_REQ_CLOSE:
    case WSK_REQ_KINDS:
        break;
    }
    return false;
}

/*
 * Nothing honours the cancel, and the request has no end of its own (an accept, a send to a peer
 * that does not read): a client that waits after cancelling is right under all readings
 * (AMBIGUOUS-LIFE-75), so it ends at last, but not before everybody has lost patience.
 */
#define UNHEEDED SIM_MS(60000)

static void cancel_now(struct sim *s, void *argument, uint64_t value)
{
    struct wsk_request *r = argument;
    (void)value;
    if (r->phase == WSK_REQ_WAITING && !r->is_late) {
        r->withdraw(s, r);
        if (r->phase == WSK_REQ_WAITING) { /* the socket may have died of it: LIFE-13 */
            bool is_wrong = model_mutated(cancel_other_status);
            wsk_complete(s, r, is_wrong ? STATUS_UNSUCCESSFUL : STATUS_CANCELLED, 0);
        }
    }
}

/* A waiting disable: ignored, or one of the readings that are drawn only on request. */
static void cancel_event(struct sim *s, struct wsk_request *r)
{
    uint16_t reading = model_knob(s, KNOB_AMB_39);
    if (model_mutated(cancel_completes_disable) && r->phase == WSK_REQ_WAITING) {
        wsk_gate_forget(r->gate, r);
        wsk_complete(s, r, STATUS_SUCCESS, 0);
        return;
    }
    if (reading == 0 || r->phase != WSK_REQ_WAITING) {
        return;
    }
    struct wsk_gate *gate = &r->socket->gate[r->event];
    wsk_gate_forget(r->gate, r);
    if (reading == 2 && r->socket->life == WSK_LIVE) {
        gate->adm = true;
    }
    wsk_complete(s, r, STATUS_CANCELLED, 0);
}

/* The result is fixed but a creation can still be taken back (SOCK-023, IRP-034). */
static void cancel_creation(struct sim *s, struct wsk_request *r)
{
    if (r->kind == WSK_REQ_SOCKET && NT_SUCCESS(r->status) &&
        (choice_pick(s, CHOICE_WORLD, PICK_WSK_CANCEL, 3) != 2 ||
         model_mutated(cancel_always_wins))) {
        model_exercised(s, RULE_IRP_034);
        r->status = model_mutated(cancel_other_status) ? STATUS_UNSUCCESSFUL : STATUS_CANCELLED;
        r->information = 0;
    }
}

static void on_cancel(struct sim *s, struct io_irp *irp, void *argument)
{
    struct wsk_request *r = argument;
    (void)irp;
    r->is_cancelled = true;
    model_exercised(s, RULE_IRP_025);
    if (model_mutated(cancel_lost)) {
        return;
    }
    if (r->kind == WSK_REQ_EVENT) {
        cancel_event(s, r);
        return;
    }
    uint16_t reading = model_knob(s, KNOB_CANCEL_HONOURED);
    if (!is_cancellable(s, r, reading) &&
        !(model_mutated(cancel_always_wins) && r->kind == WSK_REQ_SOCKET)) {
        if (r->phase == WSK_REQ_WAITING && reading == 1 && is_cancellable(s, r, 0)) {
            sim_event_add(s, s->now + UNHEEDED, cancel_now, r, 0);
        }
        return;
    }
    if (r->phase == WSK_REQ_COMPLETING) {
        cancel_creation(s, r);
        return;
    }
    if (r->phase != WSK_REQ_WAITING) {
        return;
    }
    /* Its own result may still win: then the cancel comes a little later. */
    bool delayed = choice_pick(s, CHOICE_WORLD, PICK_WSK_CANCEL, 3) == 2 || reading == 3;
    if (delayed) {
        uint32_t ms = 1 + choice_pick(s, CHOICE_WORLD, PICK_WSK_CANCEL_DELAY, 1000);
        sim_event_add(s, s->now + SIM_MS(ms), cancel_now, r, 0);
    } else {
        cancel_now(s, r, 0);
    }
}

/* ---- pending ---- */

static void pend(struct sim *s, struct wsk_request *r)
{
    r->was_pended = true;
    io_pend(s, r->irp, on_cancel, r);
}

void wsk_request_later(struct wsk_call *call, NTSTATUS status, ULONG_PTR information)
{
    struct wsk_request *r = call->request;
    pend(call->s, r);
    set_result(r, status, model_mutated(pended_information_lost) ? 0 : information);
    wsk_request_launch(call->s, r);
}

/* What a request that is still there gets when its socket closes or is dead. */
static NTSTATUS orphan_status(struct sim *s, const struct wsk_socket *socket)
{
    if (socket->life != WSK_DEAD) {
        return STATUS_CANCELLED;
    }
    return model_knob(s, KNOB_AMB_33) == 2 ? STATUS_CONNECTION_ABORTED
                                           : STATUS_FILE_FORCED_CLOSED;
}

void wsk_request_wait(struct wsk_call *call)
{
    struct sim *s = call->s;
    struct wsk_request *r = call->request;
    struct wsk_socket *socket = r->socket;
    bool is_self_draining = r->kind == WSK_REQ_EVENT || r->kind == WSK_REQ_CLOSE;
    SIM_ASSERT(r->withdraw != NULL || is_self_draining);
    pend(s, r);
    r->phase = WSK_REQ_WAITING;
    /* Only a close or death from inside this very call can have come in between. */
    if (socket != NULL && !is_self_draining && socket->life >= WSK_DEAD) {
        r->withdraw(s, r);
        wsk_complete(s, r, orphan_status(s, socket), 0);
    }
}

void wsk_complete(struct sim *s, struct wsk_request *r, NTSTATUS status, ULONG_PTR information)
{
    SIM_ASSERT(r->phase == WSK_REQ_WAITING);
    set_result(r, status, information);
    wsk_request_launch(s, r);
}

static void give_back(struct sim *s, void *argument)
{
    struct wsk_gate *gate = argument;
    while (gate->drained.first != NULL) {
        struct wsk_request *r = gate->drained.first;
        wsk_queue_remove(&gate->drained, r);
        if (model_mutated(irp_says_event_pending)) {
            r->status = STATUS_EVENT_PENDING;
        }
        complete_here(s, r);
    }
    gate->is_giving = false;
}

void wsk_request_drained(struct sim *s, struct wsk_gate *gate, struct wsk_request *r,
                         NTSTATUS status)
{
    SIM_ASSERT(r->phase == WSK_REQ_WAITING);
    set_result(r, status, 0);
    wsk_queue_push(&gate->drained, r);
    if (!gate->is_giving) {
        gate->is_giving = true;
        KIRQL irql = wsk_pick_irql(s, PICK_WSK_COMPLETION_IRQL);
        ke_system_call(s, r->parent, irql, give_back, gate, "completion");
    }
}

/* ---- all at once: close and death ---- */

enum { ORPHANS_MAX = 256, LATE_CANCEL_MS = 30000 };

static uint32_t collect(struct wsk_socket *socket, struct wsk_request *out[ORPHANS_MAX])
{
    uint32_t count = 0;
    for (struct wsk_request *r = socket->all_first; r != NULL && count < ORPHANS_MAX;
         r = r->all_next) {
        if (r->phase == WSK_REQ_WAITING && r->kind != WSK_REQ_EVENT && !r->is_late) {
            out[count++] = r;
        }
    }
    return count;
}

static void swap(struct wsk_request **a, struct wsk_request **b)
{
    struct wsk_request *kept = *a;
    *a = *b;
    *b = kept;
}

static void reorder(struct sim *s, struct wsk_request *r[], uint32_t count)
{
    uint16_t order = model_knob(s, KNOB_CLOSE_IRP_ORDER);
    if (order == 2) {
        for (uint32_t i = 0; i < count / 2; i++) {
            swap(&r[i], &r[count - 1 - i]);
        }
    } else if (order == 3) {
        for (uint32_t left = count; left > 1; left--) {
            uint32_t at = choice_pick(s, CHOICE_WORLD, PICK_WSK_ORDER, left);
            swap(&r[count - left], &r[count - left + at]);
        }
    }
}

static void complete_late(struct sim *s, void *argument, uint64_t value)
{
    struct wsk_request *r = argument;
    (void)value;
    if (r->phase == WSK_REQ_WAITING) {
        wsk_complete(s, r, STATUS_CANCELLED, 0);
    }
}

/* CONN-012: closes have been seen to hang behind a connect for a long time. */
static bool is_late(struct sim *s, struct wsk_request *r)
{
    bool is_connect = r->kind == WSK_REQ_CONNECT || r->kind == WSK_REQ_CONNECT_EX;
    if (!is_connect || r->socket->life != WSK_CLOSING ||
        model_knob(s, KNOB_CONNECT_LATE_CANCEL) == 0) {
        return false;
    }
    r->is_late = true;
    sim_event_add(s, s->now + SIM_MS(LATE_CANCEL_MS), complete_late, r, 0);
    return true;
}

static void give_in_order(struct sim *s, void *argument)
{
    struct wsk_socket *socket = argument;
    while (socket->in_order.first != NULL) {
        struct wsk_request *r = socket->in_order.first;
        wsk_queue_remove(&socket->in_order, r);
        complete_here(s, r);
    }
    socket->is_giving = false;
}

/* One after the other, in the order that the reading has put them in. */
static void complete_in_order(struct sim *s, struct wsk_socket *socket, struct wsk_request *r,
                              NTSTATUS status)
{
    set_result(r, status, 0);
    wsk_queue_push(&socket->in_order, r);
    if (!socket->is_giving) {
        KIRQL irql = wsk_pick_irql(s, PICK_WSK_COMPLETION_IRQL);
        socket->is_giving = true;
        ke_system_call(s, r->parent, irql, give_in_order, socket, "completion");
    }
}

void wsk_request_fail_all(struct sim *s, struct wsk_socket *socket, NTSTATUS status,
                          bool in_any_order)
{
    struct wsk_request *orphan[ORPHANS_MAX];
    bool is_ordered = in_any_order && model_knob(s, KNOB_CLOSE_IRP_ORDER) >= 2;
    for (;;) {
        uint32_t count = collect(socket, orphan);
        if (count == 0) {
            return;
        }
        if (in_any_order) {
            reorder(s, orphan, count);
        }
        for (uint32_t i = 0; i < count; i++) {
            if (orphan[i]->phase == WSK_REQ_WAITING) { /* one may take another with it */
                orphan[i]->withdraw(s, orphan[i]);
                if (is_late(s, orphan[i])) {
                    continue;
                }
                if (is_ordered) {
                    complete_in_order(s, socket, orphan[i], status);
                } else {
                    wsk_complete(s, orphan[i], status, 0);
                }
            }
        }
    }
}

bool wsk_relieve(struct sim *s)
{
    struct wsk_state *w = wsk_of(s);
    bool any = false;
    for (uint32_t i = 0; i < w->request_count; i++) {
        struct wsk_request *r = &w->request[i];
        if (r->phase == WSK_REQ_WAITING && r->kind == WSK_REQ_LISTEN) {
            r->socket->data.listen = NULL;
            wsk_complete(s, r, STATUS_SUCCESS, 0);
            any = true;
        }
    }
    return any;
}

bool wsk_any_request_waits(struct sim *s)
{
    const struct wsk_state *w = wsk_of(s);
    for (uint32_t i = 0; i < w->request_count; i++) {
        if (w->request[i].phase == WSK_REQ_WAITING) {
            return true;
        }
    }
    return false;
}
