/* SPDX-License-Identifier: MIT */
/*
 * Which rule of WSK a touch of freed memory breaks. A callback that touches its own socket's
 * context after it was freed is more than a use after free: either the client took
 * STATUS_EVENT_PENDING for "quiesced" (CTL-025), or a disable of a static event (CTL-106), or the
 * death of the socket (CTL-189), or it did not wait for the close (CLOSE-009).
 */
#include "model/ke/ke.h"
#include "model/wsk/wsk.h"

static bool holds(const struct sim_block *block, const void *p)
{
    return p != NULL && (uintptr_t)p - block->base < block->size;
}

/* A disable without an IRP was answered STATUS_EVENT_PENDING and its callback still runs. */
static const struct wsk_gate *pending_gate(const struct wsk_socket *socket)
{
    for (int event = 0; event < WSK_EVENTS; event++) {
        if (socket->gate[event].silent != 0) {
            return &socket->gate[event];
        }
    }
    return NULL;
}

/* What the client took for the end of the callbacks. */
static enum model_rule rule_of(struct sim *s, const struct wsk_socket *socket)
{
    const struct wsk_invocation *inv = wsk_event_inside(s, socket);
    if (pending_gate(socket) != NULL) {
        return RULE_CTL_025;
    }
    if (socket->seen_dead && !socket->close_started) {
        return RULE_CTL_189;
    }
    bool is_static = inv != NULL && socket->gate[inv->event].src == WSK_SRC_STATIC;
    return is_static && !socket->close_started ? RULE_CTL_106 : RULE_CLOSE_009;
}

enum model_rule wsk_freed_context_rule(struct sim *s, const struct sim_block *block,
                                       uint32_t *object)
{
    struct wsk_state *w = wsk_of(s);
    if (!ke_in_window(s, KE_WINDOW_WSK_CALLBACK)) {
        return RULE_MEM_UAF;
    }
    for (uint32_t i = w->socket_count; i-- > 0;) {
        const struct wsk_socket *socket = &w->socket[i];
        if (socket->invocations == 0 || !holds(block, socket->context)) {
            continue;
        }
        *object = socket->object;
        return rule_of(s, socket);
    }
    return RULE_MEM_UAF;
}

/* The socket of a disable or close that waits for a callback in progress, or NULL. */
static const struct wsk_socket *awaited(struct sim *s)
{
    struct wsk_state *w = wsk_of(s);
    for (uint32_t i = 0; i < w->request_count; i++) {
        const struct wsk_request *r = &w->request[i];
        bool is_disable = r->kind == WSK_REQ_EVENT && r->wait_set != 0;
        bool is_close = r->kind == WSK_REQ_CLOSE && r->socket->invocations != 0;
        if (r->phase == WSK_REQ_WAITING && (is_disable || is_close)) {
            return r->socket;
        }
    }
    return NULL;
}

void wsk_check_lock_cycle(struct sim *s)
{
    uint32_t lock;
    struct sim_where taken;
    if (awaited(s) != NULL && ke_any_lock(s, &lock, &taken)) {
        model_fail(s, RULE_CTL_089a, lock, &taken,
                   "a lock is held while the end of callbacks is awaited, and a callback that has "
                   "not returned waits for a lock");
    }
    model_exercised(s, RULE_CTL_089a);
}
