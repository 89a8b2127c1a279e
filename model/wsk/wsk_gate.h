/* SPDX-License-Identifier: MIT */
/*
 * The machine of STATUS_EVENT_PENDING (control plane section 3) as pure functions on struct
 * wsk_gate: no choices, no knobs, no driver, no trace. Who calls them decides by the knobs what to
 * call.
 *
 *              enable                    enter                  disable
 *      D ----------------> EI <------------------------> EP ----------------> XN (no IRP), XI (IRP)
 *      ^                          leave (last)                                     |
 *      +------------------------------- leave (last of the set) ------------------+
 *
 * The named states are read off the variables (3.1). Each invocation in progress holds one bit of
 * `running`; a disable that pends remembers the bits of its moment, and is done when they are gone.
 *
 * Invariants: `silent` and every wait_set are subsets of `running`; a waiter with an empty set is
 * taken out by wsk_gate_drained before anything else happens.
 */
#ifndef MODEL_WSK_WSK_GATE_H
#define MODEL_WSK_WSK_GATE_H

#include "model/wsk/wsk.h"

enum wsk_gate_state { GATE_D, GATE_EI, GATE_EP, GATE_XN, GATE_XI, GATE_RX, GATE_AD };

/* What a disable comes to: STATUS_SUCCESS, STATUS_PENDING, STATUS_EVENT_PENDING. */
enum wsk_gate_answer { GATE_DISABLED, GATE_WAITS, GATE_EVENT_PENDING };

enum wsk_gate_state wsk_gate_state(const struct wsk_gate *gate);
const char *wsk_gate_name(enum wsk_gate_state state);

/* Invocations in progress: n(S,E). */
uint32_t wsk_gate_running(const struct wsk_gate *gate);
/* A disable has been accepted and has not taken effect. */
bool wsk_gate_is_disabling(const struct wsk_gate *gate);

/* T-01, T-03, T-20, T-24, T-48. */
void wsk_gate_enable(struct wsk_gate *gate);

/*
 * T-02, T-04, T-09, T-10, T-15 to T-18, T-21a, T-25. Reads n atomically with clearing adm. If the
 * answer is GATE_WAITS the request (not NULL then) has been appended to W.
 */
enum wsk_gate_answer wsk_gate_disable(struct wsk_gate *gate, struct wsk_request *request);

/*
 * The disable waits for the calls of this gate too (amb.07=disable-all, amb.60=per-function), once
 * those it waits for now have returned. wsk_gate_wait_next lets it: false if nothing is left.
 */
void wsk_gate_wait_further(struct wsk_request *request, struct wsk_gate *gate);
bool wsk_gate_wait_next(struct wsk_request *request);

/* T-22: the datagram callback refused its data: off, without anybody waiting. */
void wsk_gate_turn_off(struct wsk_gate *gate);

/*
 * T-05, T-06, T-49, T-53: an invocation enters; its slot. Late ones (amb.01 admit) join all sets.
 */
uint32_t wsk_gate_enter(struct wsk_gate *gate);

/*
 * T-07, T-08, T-11 to T-14, T-21, T-50, T-52: it has returned. Then call wsk_gate_drained until
 * NULL.
 */
void wsk_gate_leave(struct wsk_gate *gate, uint32_t slot);

/* Takes out the first waiting disable whose set is empty: its IRP completes now. NULL if none. */
struct wsk_request *wsk_gate_drained(struct wsk_gate *gate);

/* Takes out a waiting disable regardless of its set (cancel, AMBIGUOUS-32, -36, -39). */
void wsk_gate_forget(struct wsk_gate *gate, struct wsk_request *request);

/* T-42: the close: nothing is admitted any more. */
void wsk_gate_close(struct wsk_gate *gate);

#endif
