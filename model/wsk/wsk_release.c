/* SPDX-License-Identifier: MIT */
/*
 * WskRelease and who still holds what (REL-001 to REL-014).
 *
 * A connection's list is released as a whole, by the pointer the callback got. Of a datagram list
 * the client may release any element with what hangs on it: shipped clients relink what they retain
 * (AMBIGUOUS-LIFE-16), so the chain is walked as the client has left it.
 */
#include "model/wsk/wsk_data_internal.h"

/* REL-010, RECV-026: nothing is quantified. */
enum { HELD_LONG_MS = 10000, ASAP_MS = 100, HELD_MAX = 64 };

bool wsk_holds_too_much(struct sim *s, const struct wsk_socket *socket, uint16_t reading)
{
    return SIM_UNLIKELY(socket->retained > HELD_MAX) &&
           model_knob(s, KNOB_RELEASE_HELD_LIMIT) == reading;
}

/* REL-013: after the close was entered only the lists of callbacks that have not returned. */
static void check_not_closing(struct wsk_call *call, const struct wsk_list *list)
{
    struct sim *s = call->s;
    struct wsk_socket *socket = call->socket;
    if (!socket->close_started) {
        return;
    }
    bool is_own =
        list != NULL && list->state == WSK_LIST_RUNNING && wsk_event_inside(s, socket) != NULL;
    bool is_late = list != NULL && list->is_overlap && list->state == WSK_LIST_RETAINED &&
                   model_knob(s, KNOB_CLOSE_CALLBACK_RETAINS) == 1;
    is_late |= list != NULL && list->state == WSK_LIST_RETAINED &&
               model_knob(s, KNOB_CLOSE_WITH_RETAINED) == 1; /* the close waits for it */
    if ((is_own && model_knob(s, KNOB_AMB_63) == 0) || is_late) {
        model_lint(s, RULE_REL_013);
        return;
    }
    model_fail(s, RULE_CLOSE_007, socket->object, &socket->closed,
               "WskRelease on a socket that has been passed to WskCloseSocket");
}

static struct wsk_element *known_element(struct wsk_call *call, uintptr_t address)
{
    struct sim *s = call->s;
    struct wsk_element *e = wsk_element_find(s, address);
    if (e == NULL) {
        model_fail(s, RULE_REL_002, call->socket->object, NULL, "WskRelease is given %s",
                   address == 0 ? "NULL" : "a pointer that is no indication");
    }
    if (e->list->socket != call->socket) {
        model_fail(s, RULE_REL_004, call->socket->object, &e->list->entered,
                   "WskRelease is given an indication of another socket");
    }
    if (e->is_released) {
        const struct wsk_list *list = e->list;
        bool is_twice = list->was_retained || list->state == WSK_LIST_RUNNING;
        model_fail(s, is_twice ? RULE_REL_003 : RULE_REL_002, call->socket->object, &e->released,
                   is_twice ? "an indication is released twice"
                            : "an indication is released that was not retained");
    }
    return e;
}

static void lint_time(struct sim *s, const struct wsk_list *list)
{
    if (list->state != WSK_LIST_RETAINED) {
        return;
    }
    sim_time held = s->now - list->retained_at;
    if (held > SIM_MS(HELD_LONG_MS)) {
        model_lint(s, RULE_REL_010);
    }
    if ((list->flags & WSK_FLAG_RELEASE_ASAP) != 0 && held > SIM_MS(ASAP_MS)) {
        model_lint(s, RULE_RECV_026);
    }
}

static void free_element(struct sim *s, struct wsk_element *e)
{
    struct wsk_list *list = e->list;
    wsk_element_free(s, e, true);
    if (list->left == 0 && list->state == WSK_LIST_RETAINED) {
        wsk_list_end(s, list);
    }
}

/* Along the links as the client has left them. */
static void release_chain(struct wsk_call *call, uintptr_t address)
{
    struct sim *s = call->s;
    while (address != 0) {
        struct wsk_element *e = known_element(call, address);
        check_not_closing(call, e->list);
        const WSK_DATA_INDICATION *visible = (const WSK_DATA_INDICATION *)address;
        model_touch(s, visible, sizeof *visible, "indication");
        address = (uintptr_t)visible->Next;
        free_element(s, e);
    }
}

static void release_whole(struct wsk_call *call, struct wsk_list *list)
{
    struct wsk_element *next;
    for (struct wsk_element *e = list->first; e != NULL; e = next) {
        next = e->next;
        if (!e->is_released) {
            free_element(call->s, e);
        }
    }
}

static void check_head(struct wsk_call *call, const struct wsk_element *e, bool is_datagram)
{
    struct sim *s = call->s;
    if (e == e->list->first) {
        model_exercised(s, RULE_REL_004);
        return;
    }
    uint16_t reading = model_knob(s, KNOB_RELEASE_GRANULARITY);
    bool is_allowed = is_datagram ? reading != 1 : reading == 2;
    if (is_allowed) {
        model_lint(s, RULE_REL_004);
        return;
    }
    model_fail(s, RULE_REL_004, call->socket->object, &e->list->entered,
               "WskRelease is given an element inside a list and not the list");
}

/* Mutants that know of reasons to refuse. */
static bool is_mutant_refusal(const struct wsk_socket *socket, const struct wsk_list *list)
{
    if (model_mutated(release_of_the_oldest_only)) {
        for (list = list->next; list != NULL && list->state != WSK_LIST_RETAINED;) {
            list = list->next;
        }
        return list != NULL;
    }
    if (model_mutated(release_ends_with_connection)) {
        return socket->life == WSK_DEAD || socket->data.cut != WSK_CUT_NONE;
    }
    return model_mutated(release_ends_with_close) && socket->close_started;
}

static void release(struct wsk_call *call, uintptr_t address, bool is_datagram)
{
    struct sim *s = call->s;
    call->decided = true;
    if (call->socket->close_started && wsk_element_find(s, address) == NULL) {
        check_not_closing(call, NULL);
    }
    struct wsk_element *e = known_element(call, address);
    struct wsk_list *list = e->list;
    check_not_closing(call, list);
    if (list->state == WSK_LIST_RUNNING && model_knob(s, KNOB_RELEASE_BEFORE_RETURN) == 1) {
        model_lint(s, RULE_REL_011);
        call->status = STATUS_INVALID_PARAMETER;
        return;
    }
    if (is_mutant_refusal(call->socket, list)) {
        call->status = STATUS_INVALID_PARAMETER;
        return;
    }
    check_head(call, e, is_datagram);
    lint_time(s, list);
    model_exercised(s, RULE_REL_003);
    if (is_datagram || model_knob(s, KNOB_RELEASE_GRANULARITY) == 2) {
        release_chain(call, address);
    } else {
        release_whole(call, list);
    }
    call->status = model_mutated(release_pends) ? STATUS_PENDING : STATUS_SUCCESS;
    wsk_close_poke(s, call->socket);
    if (model_knob(s, KNOB_RELEASE_HELD_LIMIT) == 2) {
        wsk_socket_kick(s, call->socket);
    }
}

NTSTATUS WSKAPI WskReleaseData(PWSK_SOCKET Socket, PWSK_DATA_INDICATION DataIndication)
{
    struct wsk_call call;
    if (WSK_ENTER_FLAGS(&call, WskRelease, Socket, NULL, WSK_REQ_KINDS,
                        WSK_ENTER_NO_IRP | WSK_ENTER_DEAD_OK | WSK_ENTER_CLOSED_OK)) {
        release(&call, (uintptr_t)DataIndication, false);
    }
    return wsk_leave(&call);
}

NTSTATUS WSKAPI WskReleaseDatagram(PWSK_SOCKET Socket, PWSK_DATAGRAM_INDICATION DatagramIndication)
{
    struct wsk_call call;
    if (WSK_ENTER_FLAGS(&call, WskRelease, Socket, NULL, WSK_REQ_KINDS,
                        WSK_ENTER_NO_IRP | WSK_ENTER_DEAD_OK | WSK_ENTER_CLOSED_OK)) {
        release(&call, (uintptr_t)DatagramIndication, true);
    }
    return wsk_leave(&call);
}

/* ---- who still holds what ---- */

static const struct wsk_list *first_retained(const struct wsk_socket *socket)
{
    const struct wsk_list *list = socket->data.list_first;
    while (list != NULL && list->state != WSK_LIST_RETAINED) {
        list = list->next;
    }
    return list;
}

void wsk_release_check_close(struct sim *s, struct wsk_socket *socket)
{
    const struct wsk_list *list = first_retained(socket);
    if (list != NULL) {
        model_breach(s, RULE_REL_005, socket->object, &list->retained,
                     "WskCloseSocket is called while the client holds %u indication%s it retained",
                     socket->retained, socket->retained == 1 ? "" : "s");
        if (model_knob(s, KNOB_CLOSE_WITH_RETAINED) == 2) {
            model_fail(s, RULE_MEM_UAF, socket->object, &list->retained,
                       "WskCloseSocket frees what a retained indication still needs");
        }
    }
    model_exercised(s, RULE_REL_005);
}

void wsk_release_closed(struct sim *s, struct wsk_socket *socket)
{
    const struct wsk_list *list = first_retained(socket);
    if (list != NULL) {
        model_breach(s, RULE_REL_005, socket->object, &list->retained,
                     "the close completes while the client holds %u indication%s that a callback "
                     "retained after the close had begun",
                     socket->retained, socket->retained == 1 ? "" : "s");
    }
    if (model_mutated(close_releases_lists)) {
        wsk_lists_take_back(s, socket);
    }
}

void wsk_release_check_unload(struct sim *s)
{
    struct wsk_state *w = wsk_of(s);
    for (uint32_t i = 0; i < w->socket_count; i++) {
        const struct wsk_socket *socket = &w->socket[i];
        if (socket->life == WSK_CLOSED) {
            SIM_ASSERT(socket->retained == 0 || model_rule_off != 0); /* wsk_release_closed */
        }
    }
}
