/* SPDX-License-Identifier: MIT */
/* The machine of STATUS_EVENT_PENDING; wsk_gate.h explains it. */
#include "model/wsk/wsk_gate.h"

uint32_t wsk_gate_running(const struct wsk_gate *gate)
{
    return (uint32_t)__builtin_popcount(gate->running);
}

bool wsk_gate_is_disabling(const struct wsk_gate *gate)
{
    return gate->silent != 0 || gate->wait_first != NULL;
}

enum wsk_gate_state wsk_gate_state(const struct wsk_gate *gate)
{
    bool disabling = wsk_gate_is_disabling(gate);
    if (gate->running == 0) {
        SIM_ASSERT(!disabling);
        return gate->adm ? GATE_EI : GATE_D;
    }
    if (gate->adm) {
        return disabling ? GATE_RX : GATE_EP;
    }
    if (gate->wait_first != NULL) {
        return GATE_XI;
    }
    return gate->silent != 0 ? GATE_XN : GATE_AD;
}

const char *wsk_gate_name(enum wsk_gate_state state)
{
    static const char *const names[] = {"D", "EI", "EP", "XN", "XI", "RX", "AD"};
    return names[state];
}

void wsk_gate_enable(struct wsk_gate *gate)
{
    gate->adm = true;
    if (gate->src == WSK_SRC_NONE) {
        gate->src = WSK_SRC_DYNAMIC;
    }
}

static void append_waiter(struct wsk_gate *gate, struct wsk_request *request)
{
    request->gate = gate;
    request->wait_set = gate->running;
    request->next = NULL;
    request->prev = gate->wait_last;
    if (gate->wait_last != NULL) {
        gate->wait_last->next = request;
    } else {
        gate->wait_first = request;
    }
    gate->wait_last = request;
}

enum wsk_gate_answer wsk_gate_disable(struct wsk_gate *gate, struct wsk_request *request)
{
    gate->adm = model_mutated(disable_leaves_admission) && gate->running == 0;
    if (model_mutated(gate_one_too_few) && __builtin_popcount(gate->running) == 1) {
        return GATE_DISABLED;
    }
    if (model_mutated(gate_counts_due) && request == NULL && gate->due != 0) {
        return GATE_EVENT_PENDING;
    }
    if (gate->running == 0) {
        return model_mutated(gate_one_too_many) && request == NULL ? GATE_EVENT_PENDING
                                                                   : GATE_DISABLED;
    }
    if (request == NULL) {
        gate->silent |= gate->running;
        return model_mutated(gate_disable_success) ? GATE_DISABLED : GATE_EVENT_PENDING;
    }
    append_waiter(gate, request);
    return GATE_WAITS;
}

void wsk_gate_wait_further(struct wsk_request *request, struct wsk_gate *gate)
{
    if (request->further_count < SIM_COUNT(request->further)) {
        request->further[request->further_count++] = gate;
    }
}

bool wsk_gate_wait_next(struct wsk_request *request)
{
    while (request->further_count > 0) {
        struct wsk_gate *gate = request->further[--request->further_count];
        if (gate->running != 0) {
            append_waiter(gate, request);
            return true;
        }
    }
    return false;
}

void wsk_gate_turn_off(struct wsk_gate *gate)
{
    gate->adm = false;
}

uint32_t wsk_gate_enter(struct wsk_gate *gate)
{
    uint32_t slot = 0;
    while ((gate->running >> slot & 1) != 0) {
        slot++;
    }
    SIM_ASSERT(slot < 32);
    uint32_t bit = 1u << slot;
    if (!gate->adm && wsk_gate_is_disabling(gate)) {
        /* amb.01=admit: it started before the disable took effect, so all of them wait for it. */
        if (gate->silent != 0) {
            gate->silent |= bit;
        }
        for (struct wsk_request *r = gate->wait_first; r != NULL; r = r->next) {
            r->wait_set |= bit;
        }
    }
    gate->running |= bit;
    return slot;
}

void wsk_gate_leave(struct wsk_gate *gate, uint32_t slot)
{
    uint32_t bit = 1u << slot;
    SIM_ASSERT((gate->running & bit) != 0);
    gate->running &= ~bit;
    gate->silent &= ~bit;
    for (struct wsk_request *r = gate->wait_first; r != NULL; r = r->next) {
        r->wait_set &= model_mutated(drain_at_first_return) ? 0 : ~bit;
    }
}

void wsk_gate_forget(struct wsk_gate *gate, struct wsk_request *request)
{
    if (request->prev != NULL) {
        request->prev->next = request->next;
    } else {
        gate->wait_first = request->next;
    }
    if (request->next != NULL) {
        request->next->prev = request->prev;
    } else {
        gate->wait_last = request->prev;
    }
    request->next = request->prev = NULL;
}

struct wsk_request *wsk_gate_drained(struct wsk_gate *gate)
{
    struct wsk_request *found = NULL;
    for (struct wsk_request *r = gate->wait_first; r != NULL; r = r->next) {
        if (r->wait_set == 0) {
            found = r;
            if (!model_mutated(drained_last_first)) {
                break;
            }
        }
    }
    if (found != NULL) {
        wsk_gate_forget(gate, found);
    }
    return found;
}

void wsk_gate_close(struct wsk_gate *gate)
{
    gate->adm = false;
    gate->null_due = false;
}
