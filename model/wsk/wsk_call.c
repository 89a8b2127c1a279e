/* SPDX-License-Identifier: MIT */
/*
 * Call windows: the decisions every WSK function makes before its own (sockets.md 2.4, steps 1 to
 * 7), and the ways a call is answered.
 *
 * A call window is open from entry to return of one function on one context; windows of a context
 * nest (a completion routine that runs inline inside WskReceive may call WskSend). They are kept
 * because a close must not overlap one of another thread (CLOSE-002).
 *
 * A breach by the client ends the run at once, so that most answers the contract lists for breaches
 * are never given; what is answered here is what correct or merely sloppy clients meet.
 */
#include "model/wsk/wsk_internal.h"

#include "model/world/run.h"

/* ---- windows ---- */

enum { NESTING_MAX = 4 };

/* A call from a completion routine: lint, or an error once such routines are nested (amb.40). */
static void check_nesting(struct sim *s)
{
    unsigned depth = ke_windows_of(s, KE_WINDOW_COMPLETION);
    if (depth > NESTING_MAX && model_knob(s, KNOB_AMB_40) == 1) {
        model_fail(s, RULE_CTL_056, 0, NULL, "%s is called inside %u nested completion routines",
                   model_routine_name(s->current->routine), depth);
    }
    model_lint(s, RULE_IRP_022);
    model_exercised(s, RULE_CTL_056);
}

static void window_open(struct wsk_call *call)
{
    struct sim *s = call->s;
    if (ke_current(s)->window_count != 0 && ke_in_window(s, KE_WINDOW_COMPLETION)) {
        check_nesting(s);
    }
    ke_outside_call(s);
    wsk_event_check_stack(s);
    struct wsk_state *w = wsk_of(s);
    uint16_t index = s->current->index;
    call->ctx = s->current;
    call->entered = sim_here(s);
    call->outer = w->call[index];
    w->call[index] = call;
    if (index >= w->calls_high) {
        w->calls_high = (uint16_t)(index + 1);
    }
    if (call->socket != NULL) {
        call->socket->calls++;
        sim_hb_release(s, call->socket); /* its callbacks come after it */
    } else {
        call->registration->calls++;
        sim_hb_release(s, call->registration);
    }
}

static void window_close(struct wsk_call *call)
{
    struct wsk_state *w = wsk_of(call->s);
    SIM_ASSERT(w->call[call->ctx->index] == call);
    w->call[call->ctx->index] = call->outer;
    if (call->socket != NULL) {
        call->socket->calls--;
    } else {
        call->registration->calls--;
        ke_poke(call->s);
    }
}

NTSTATUS wsk_leave(struct wsk_call *call)
{
    struct sim *s = call->s;
    SIM_ASSERT(call->decided);
    if (call->socket == NULL && call->registration == NULL) {
        return model_leave_status(s, call->status); /* refused before the window opened */
    }
    window_close(call);
    if (call->socket != NULL && call->routine == ROUTINE_WskControlSocket &&
        call->status == STATUS_SUCCESS) {
        sim_hb_acquire(s, sim_hb_other(call->socket)); /* disabled: all callbacks have returned */
    }
    if (call->status == STATUS_FILE_FORCED_CLOSED && call->socket != NULL) {
        wsk_socket_tell_death(s, call->socket);
    }
    if (model_mutated(codes_flattened) && !NT_SUCCESS(call->status) &&
        call->routine == ROUTINE_WskControlSocket) {
        call->status = STATUS_INVALID_PARAMETER;
    }
    NTSTATUS status = model_leave_status(s, call->status);
    if (call->late != NULL) {
        wsk_request_launch(s, call->late);
    }
    return status;
}

/* ---- steps 1 to 7, sockets ---- */

#define ON(category) (1u << (category))
#define ON_CONNECTIONS (ON(WSK_CONNECTION) | ON(WSK_STREAM))
#define ON_ALL (ON(WSK_BASIC) | ON(WSK_LISTEN) | ON(WSK_DATAGRAM) | ON_CONNECTIONS)

/* Table 2.1: the categories whose provider table has the function. */
static unsigned categories_of(enum model_routine routine)
{
    switch ((int)routine) {
    case ROUTINE_WskControlSocket:
    case ROUTINE_WskCloseSocket:
        return ON_ALL;
    case ROUTINE_WskBind:
    case ROUTINE_WskGetLocalAddress:
        return ON_ALL & ~ON(WSK_BASIC);
    case ROUTINE_WskListen:
        return ON(WSK_STREAM);
    case ROUTINE_WskAccept:
        return ON(WSK_LISTEN) | ON(WSK_STREAM);
    case ROUTINE_WskInspectComplete:
        return ON(WSK_LISTEN);
    case ROUTINE_WskSendTo:
    case ROUTINE_WskSendMessages:
    case ROUTINE_WskReceiveFrom:
        return ON(WSK_DATAGRAM);
    case ROUTINE_WskRelease:
        return ON_CONNECTIONS | ON(WSK_DATAGRAM);
    default:
        return ON_CONNECTIONS;
    }
}

static struct wsk_socket *known_socket(struct sim *s, enum model_routine routine,
                                       const WSK_SOCKET *visible)
{
    struct wsk_socket *socket = wsk_socket_find(s, visible);
    enum model_rule rule = routine == ROUTINE_WskControlSocket ? RULE_CTL_001 : RULE_SOCK_021;
    if (socket == NULL) {
        model_touch(s, visible, sizeof *visible, "Socket");
        model_fail(s, rule, 0, NULL, "%s is given a pointer that is no socket object",
                   model_routine_name(routine));
    }
    if (SIM_UNLIKELY(socket->life != WSK_CLOSED &&
                     visible->Dispatch != wsk_provider_table(s, socket->category))) {
        model_fail(s, RULE_SOCK_008, socket->object, &socket->created,
                   "the client has written into the WSK_SOCKET object");
    }
    if (socket->refused) {
        model_fail(s, RULE_ACPT_014, socket->object, &socket->closed,
                   "%s on a socket that WskAcceptEvent refused", model_routine_name(routine));
    }
    if ((categories_of(routine) & ON(socket->category)) == 0) {
        model_fail(s, RULE_SOCK_021, socket->object, &socket->created,
                   "%s does not exist for a %s socket", model_routine_name(routine),
                   wsk_category_name(socket->category));
    }
    return socket;
}

/*
 * Step 6. False: the call is to be answered STATUS_FILE_FORCED_CLOSED (AMBIGUOUS-LIFE-69; only with
 * the monitor off).
 */
static bool check_not_closed(struct wsk_call *call, unsigned flags)
{
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    if (!socket->close_started) {
        return true;
    }
    if ((flags & WSK_ENTER_CLOSED_OK) != 0 && socket->life != WSK_CLOSED) {
        return true; /* REL-013: the caller decides */
    }
    bool is_over = socket->life == WSK_CLOSED;
    const char *when = is_over ? "whose close has completed"
                               : "that has been passed to WskCloseSocket";
    enum model_rule rule =
        call->routine == ROUTINE_WskControlSocket ? RULE_CTL_182 : RULE_CLOSE_007;
    model_breach(s, rule, socket->object, &socket->closed, "%s on a socket %s",
                 model_routine_name(call->routine), when);
    if (is_over || model_knob(s, KNOB_CLOSE_CALL_AFTER) == 1) {
        model_fail(s, RULE_CTL_183, socket->object, &socket->closed, "%s on a socket %s",
                   model_routine_name(call->routine), when);
    }
    return false;
}

/* Functions for which STATUS_FILE_FORCED_CLOSED is listed (CLOSE-030) may find the socket dead. */
static bool is_fatal_here(struct wsk_call *call, enum wsk_request_kind kind)
{
    if (call->socket->life != WSK_LIVE || kind == WSK_REQ_SEND_MESSAGES ||
        model_mutated(sockets_never_die)) {
        return false;
    }
    model_exercised(call->s, RULE_CLOSE_036);
    return !world_is_healed(call->s) && choice_flag(call->s, CHOICE_FAULTS, PICK_WSK_DEATH);
}

static NTSTATUS dead_status(struct wsk_call *call, enum wsk_request_kind kind)
{
    if (kind == WSK_REQ_SEND_MESSAGES && model_knob(call->s, KNOB_DGRM_SENDMESSAGES) == 1) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    return model_mutated(death_by_another_status) ? STATUS_CONNECTION_ABORTED
                                                  : STATUS_FILE_FORCED_CLOSED;
}

/* Step 7 and the fault plan's death. True: the socket works. */
static bool check_not_dead(struct wsk_call *call, enum wsk_request_kind kind)
{
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    if (is_fatal_here(call, kind)) {
        wsk_socket_die(s, socket);
    }
    if (socket->life != WSK_DEAD || (model_mutated(dead_comes_back) && socket->seen_dead)) {
        return true;
    }
    if (socket->seen_dead) {
        model_lint(s, RULE_CLOSE_032);
    }
    bool is_getter = kind == WSK_REQ_LOCAL_ADDRESS || kind == WSK_REQ_REMOTE_ADDRESS;
    if (is_getter && model_knob(s, KNOB_AMB_34) == 1) {
        return true;
    }
    wsk_refuse(call, dead_status(call, kind));
    return false;
}

/* CTL-166: after the request for silence has completed only the close is left. */
static bool check_not_silent(struct wsk_call *call, enum wsk_request_kind kind)
{
    struct wsk_socket *socket = call->socket;
    if (SIM_LIKELY(!socket->silent)) {
        return true;
    }
    if (socket->silent_seen) {
        model_breach(call->s, RULE_CTL_166, socket->object, &socket->seen_where,
                     "%s on a socket in silent mode", model_routine_name(call->routine));
    }
    bool is_named = kind == WSK_REQ_SEND || kind == WSK_REQ_DISCONNECT || kind == WSK_REQ_ABORT;
    if (!is_named && model_knob(call->s, KNOB_AMB_57) == 1) {
        return true;
    }
    wsk_refuse(call, STATUS_INVALID_DEVICE_STATE);
    return false;
}

/* IRP-002: nothing happens, not even a look at the other arguments. */
static bool refuse_null_irp(struct wsk_call *call, uint32_t object)
{
    struct sim *s = call->s;
    model_breach(s, RULE_IRP_001, object, NULL, "%s is called without an IRP",
                 model_routine_name(call->routine));
    if (model_knob(s, KNOB_IRP_NULL_STATUS) == 1) {
        model_fail(s, RULE_MEM_NULL, object, NULL, "%s reads the IRP at NULL",
                   model_routine_name(call->routine));
    }
    call->socket = NULL; /* no window */
    call->status = model_mutated(null_irp_other_status) ? STATUS_UNSUCCESSFUL
                                                        : STATUS_INVALID_PARAMETER;
    call->decided = true;
    model_exercised(s, RULE_IRP_002);
    return false;
}

bool wsk_enter_socket(struct wsk_call *call, enum model_routine routine, PWSK_SOCKET visible,
                      PIRP irp, enum wsk_request_kind kind, unsigned flags)
{
    struct sim *s = call->s;
    *call = (struct wsk_call){.s = s, .routine = (uint16_t)routine};
    call->socket = known_socket(s, routine, visible);
    if (irp == NULL && (flags & (WSK_ENTER_NO_IRP | WSK_ENTER_OPTIONAL_IRP)) == 0) {
        return refuse_null_irp(call, call->socket->object);
    }
    call->registration = call->socket->registration;
    sim_trace(s, TRACE_WskCall, call->socket->object, (uint64_t)routine);
    bool is_open = check_not_closed(call, flags);
    struct io_irp *io = NULL;
    if ((flags & WSK_ENTER_NO_IRP) == 0) {
        if (irp != NULL) {
            io = io_submit(s, irp, routine);
        }
    }
    window_open(call);
    if (io != NULL) {
        call->request = wsk_request_new(call, kind, io);
    }
    if (!is_open) {
        wsk_refuse(call, STATUS_FILE_FORCED_CLOSED);
        return false;
    }
    if ((flags & WSK_ENTER_DEAD_OK) != 0) {
        return true;
    }
    return check_not_dead(call, kind) && check_not_silent(call, kind);
}

/* ---- steps 1 to 7, provider level ---- */

static struct wsk_registration *known_client(struct sim *s, enum model_routine routine,
                                             PWSK_CLIENT client)
{
    struct wsk_registration *r = wsk_registration_of(s, client);
    if (r == NULL) {
        model_fail(s, RULE_REG_027, 0, NULL, "%s is given a pointer that is no client object",
                   model_routine_name(routine));
    }
    if (r->state == WSK_REG_GONE) {
        model_fail(s, r->is_nmr ? RULE_REG_035 : RULE_REG_027, r->object, &r->left,
                   "%s is given the client object of a registration that is gone",
                   model_routine_name(routine));
    }
    if (r->captures == 0) {
        model_fail(s, r->is_nmr ? RULE_REG_035 : RULE_REG_019, r->object, &r->released,
                   "%s is called while no provider NPI is captured", model_routine_name(routine));
    }
    if (r->has_released && model_knob(s, KNOB_NPI_CALLS_AFTER_PARTIAL_RELEASE) == 1) {
        model_lint(s, RULE_REG_019); /* AMBIGUOUS-LIFE-01 */
    }
    model_exercised(s, r->is_nmr ? RULE_REG_035 : RULE_REG_019);
    return r;
}

/* REG-028; whether the IRP stays with the client is AMBIGUOUS-LIFE-06. */
static void refuse_null_client(struct wsk_call *call, PIRP irp)
{
    struct sim *s = call->s;
    call->status = model_mutated(null_client_other_status) ? STATUS_INVALID_PARAMETER
                                                           : STATUS_INVALID_HANDLE;
    call->decided = true;
    model_exercised(s, RULE_REG_028);
    if (model_knob(s, KNOB_SOCKET_NULL_CLIENT_COMPLETES_IRP) == 1) {
        io_complete(s, io_submit(s, irp, ROUTINE_WskSocket), call->status, 0);
    }
}

bool wsk_enter_client(struct wsk_call *call, enum model_routine routine, PWSK_CLIENT client,
                      PIRP irp, enum wsk_request_kind kind, unsigned flags)
{
    struct sim *s = call->s;
    *call = (struct wsk_call){.s = s, .routine = (uint16_t)routine};
    bool needs_irp = (flags & (WSK_ENTER_NO_IRP | WSK_ENTER_OPTIONAL_IRP)) == 0;
    if (needs_irp && irp == NULL && !(model_mutated(client_before_irp) && client == NULL)) {
        return refuse_null_irp(call, 0);
    }
    if (client == NULL && routine == ROUTINE_WskSocket) {
        refuse_null_client(call, irp);
        return false;
    }
    call->registration = known_client(s, routine, client);
    sim_trace(s, TRACE_WskCall, call->registration->object, (uint64_t)routine);
    window_open(call);
    if ((flags & WSK_ENTER_NO_IRP) == 0 && irp != NULL) {
        call->request = wsk_request_new(call, kind, io_submit(s, irp, routine));
    }
    return true;
}

/* ---- answers ---- */

/* AMBIGUOUS-LIFE-66: a failure in whose row the page does not mention the IRP. */
static bool is_silent_row(const struct wsk_call *call, NTSTATUS status)
{
    switch (call->routine) {
    case ROUTINE_WskSend:
    case ROUTINE_WskSendEx:
    case ROUTINE_WskReceive:
    case ROUTINE_WskReceiveEx:
        return status == STATUS_NOT_SUPPORTED;
    case ROUTINE_WskConnectEx:
        return status == STATUS_INVALID_PARAMETER || status == STATUS_BUFFER_OVERFLOW;
    case ROUTINE_WskGetAddressInfo:
    case ROUTINE_WskGetNameInfo:
        return status == STATUS_INVALID_PARAMETER || status == STATUS_NO_MATCH ||
               status == STATUS_NOT_FOUND;
    default:
        return false;
    }
}

/* The call ends with this failure and the IRP is not completed; false: it is to be. */
static bool leaves_irp(struct wsk_call *call, NTSTATUS status)
{
    if (!is_silent_row(call, status) ||
        model_knob(call->s, KNOB_IRP_STATUS_WITHOUT_IRP_TEXT) == 0) {
        return false;
    }
    io_give_back(call->s, call->request->irp);
    wsk_request_abandon(call);
    return true;
}

void wsk_refuse(struct wsk_call *call, NTSTATUS status)
{
    SIM_ASSERT(!call->decided && status != STATUS_PENDING);
    call->decided = true;
    call->status = status;
    if (call->request != NULL && !leaves_irp(call, status)) {
        call->request->deliver = NULL;
        if (model_mutated(failure_keeps_irp) && call->request->kind == WSK_REQ_CONTROL) {
            wsk_request_abandon(call);
            return;
        }
        bool is_dead = model_mutated(dead_irp_succeeds) && status == STATUS_FILE_FORCED_CLOSED;
        bool is_success = is_dead || model_mutated(failed_irp_succeeds);
        wsk_request_inline(call, is_success ? STATUS_SUCCESS : status, 0);
    }
}

void wsk_refuse_argument(struct wsk_call *call)
{
    bool unsupported = model_knob(call->s, KNOB_ARGS_BAD_STATUS) == 1;
    wsk_refuse(call, unsupported ? STATUS_NOT_SUPPORTED : STATUS_INVALID_PARAMETER);
}

bool wsk_ignores_argument(struct wsk_call *call)
{
    if (model_knob(call->s, KNOB_ARGS_BAD_STATUS) == 2) {
        return true;
    }
    wsk_refuse_argument(call);
    return false;
}

void wsk_refuse_state(struct wsk_call *call)
{
    NTSTATUS status = STATUS_INVALID_DEVICE_STATE;
    switch (model_knob(call->s, KNOB_STATE_WRONG_STATE_STATUS)) {
    case 1:
        status = STATUS_INVALID_PARAMETER;
        break;
    case 2:
        status = STATUS_INVALID_CONNECTION;
        break;
    case 3:
        if (call->routine == ROUTINE_WskBind) {
            status = STATUS_ADDRESS_ALREADY_ASSOCIATED;
        } else if (call->routine == ROUTINE_WskConnect || call->routine == ROUTINE_WskConnectEx) {
            status = STATUS_CONNECTION_ACTIVE;
        }
        break;
    default:
        break;
    }
    wsk_refuse(call, status);
}

void wsk_finish(struct wsk_call *call, enum wsk_style normal, NTSTATUS status,
                ULONG_PTR information)
{
    struct sim *s = call->s;
    SIM_ASSERT(!call->decided && status != STATUS_PENDING);
    call->decided = true;
    call->status = status;
    if (call->request == NULL || leaves_irp(call, status)) {
        return;
    }
    bool other = choice_flag(s, CHOICE_WORLD, PICK_WSK_STYLE);
    if ((normal == WSK_INLINE) != other) {
        bool is_bind = call->request->kind == WSK_REQ_BIND;
        wsk_request_inline(call, status, information);
        if (model_mutated(answer_hides_failure) && is_bind) {
            call->status = STATUS_SUCCESS;
        }
        return;
    }
    bool is_bind = call->request->kind == WSK_REQ_BIND;
    call->status = model_mutated(pends_and_says_success) && is_bind ? STATUS_SUCCESS
                                                                    : STATUS_PENDING;
    wsk_request_later(call, status, information);
}

void wsk_pend(struct wsk_call *call)
{
    SIM_ASSERT(!call->decided && call->request != NULL);
    call->decided = true;
    call->status = STATUS_PENDING;
    wsk_request_wait(call);
}

bool wsk_fault(struct sim *s, const NTSTATUS *list, uint32_t count, NTSTATUS *status)
{
    uint32_t answer = world_is_healed(s) ? 0 : choice_fault(s, PICK_WSK_FAIL, count + 1);
    if (answer != 0) {
        *status = list[answer - 1];
    }
    return answer != 0;
}

/* ---- CLOSE-002 ---- */

/* An innermost window that another context has open on this socket, or NULL. */
static const struct wsk_call *foreign_window(const struct wsk_state *w, const struct wsk_call *own,
                                             bool *only_releases)
{
    const struct wsk_call *found = NULL;
    *only_releases = true;
    for (uint16_t i = 0; i < w->calls_high; i++) {
        if (i == own->ctx->index) {
            continue;
        }
        for (const struct wsk_call *c = w->call[i]; c != NULL; c = c->outer) {
            if (c->socket == own->socket) {
                bool is_release = c->routine == ROUTINE_WskRelease && w->inside[i] != NULL;
                *only_releases = *only_releases && is_release;
                found = c;
            }
        }
    }
    return found;
}

void wsk_call_check_close(struct wsk_call *call)
{
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    uint32_t own = 0;
    for (const struct wsk_call *c = call; c != NULL; c = c->outer) {
        own += c->socket == socket;
    }
    uint16_t nested = own > 1 ? model_knob(s, KNOB_CLOSE_NESTED_SAME_THREAD) : 2;
    if (nested == 1) {
        model_fail(s, RULE_CLOSE_002, socket->object, &call->outer->entered,
                   "WskCloseSocket is called inside %s on the same socket and thread",
                   model_routine_name(call->outer->routine));
    } else if (nested == 0) {
        model_lint(s, RULE_CLOSE_002); /* AMBIGUOUS-LIFE-02 */
    }
    if (socket->extension.calls != 0 && socket->extension.gate.running == 0) {
        model_fail(s, RULE_CTL_175, socket->object, NULL,
                   "WskCloseSocket is called while a function of an extension of that socket is "
                   "executing");
    }
    if (socket->calls == own) {
        model_exercised(s, RULE_CLOSE_002);
        return;
    }
    bool only_releases;
    const struct wsk_call *other = foreign_window(wsk_of(s), call, &only_releases);
    SIM_ASSERT(other != NULL);
    if (only_releases) {
        model_lint(s, RULE_CTL_180); /* AMBIGUOUS-63 */
        return;
    }
    model_fail(s, RULE_CLOSE_002, socket->object, &other->entered,
               "WskCloseSocket is called while %s on the same socket is executing in another "
               "thread",
               model_routine_name(other->routine));
}
