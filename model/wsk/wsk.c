/* SPDX-License-Identifier: MIT */
/*
 * The state of the subsystem: created once, reset for every run, looked at when the driver is gone.
 */
#include "model/wsk/wsk_internal.h"

#include <string.h>

static struct wsk_state state;
static struct wsk_socket sockets[WSK_SOCKETS_MAX];
static struct wsk_request requests[WSK_REQUESTS_MAX];
static struct wsk_invocation invocations[WSK_INVOCATIONS_MAX];

/* The one datum drivers import: {2227E803-8D8B-11D4-ABAD-009027719E09}. */
SIM_EXPORT const NPIID NPI_WSK_INTERFACE_ID = {
    0x2227E803, 0x8D8B, 0x11D4, {0xAB, 0xAD, 0x00, 0x90, 0x27, 0x71, 0x9E, 0x09}};

struct wsk_state *wsk_create(void)
{
    sim_memory_allow((uintptr_t)&NPI_WSK_INTERFACE_ID, sizeof NPI_WSK_INTERFACE_ID);
    state.socket = sockets;
    state.request = requests;
    state.invocation = invocations;
    state.control = wsk_control_create();
    state.nmr = wsk_nmr_create();
    return &state;
}

void wsk_reset(struct sim *s)
{
    /* Pools are filled by whoever takes a slot; only what is read before that must be cleared. */
    memset(state.call, 0, state.calls_high * sizeof state.call[0]);
    memset(state.inside, 0, state.calls_high * sizeof state.inside[0]);
    memset(state.table, 0, sizeof state.table);
    state.calls_high = 0;
    state.registration_count = 0;
    state.socket_count = 0;
    state.request_count = 0;
    state.invocation_count = 0;
    state.provider = NULL;
    memset(state.refused_output, 0, sizeof state.refused_output);
    state.is_ready = state.ready_drawn = state.has_refused = false;
    state.given_up = NULL;
    wsk_control_reset(s);
    wsk_ioctl_reset(s);
    wsk_nmr_reset(s);
    wsk_data_reset(s);
}

void wsk_check_quiet(struct sim *s)
{
    struct wsk_state *w = wsk_of(s);
    for (uint32_t i = 0; i < w->socket_count; i++) {
        struct wsk_socket *socket = &w->socket[i];
        if (socket->life != WSK_LIVE) {
            continue;
        }
        if (socket->gate[WSK_EV_RECEIVE].suspended && !socket->data.is_shut &&
            socket->data.receives.first == NULL &&
            wsk_stream_receive_backlog(s, socket) != 0) {
            model_lint(s, RULE_RECV_024);
        }
        if (socket->category == WSK_DATAGRAM && wsk_datagram_is_deaf(socket)) {
            model_lint(s, RULE_DGRM_025);
        }
    }
    model_exercised(s, RULE_RECV_024);
    model_exercised(s, RULE_DGRM_025);
}

void wsk_check_unload(struct sim *s)
{
    wsk_registration_check_unload(s);
    wsk_socket_check_tables(s);
    wsk_registration_check_table(s);
    wsk_nmr_check_unload(s);
    wsk_release_check_unload(s);
    wsk_address_check_unload(s);
    wsk_control_check_unload(s);
}

void wsk_check_failed_entry(struct sim *s)
{
    struct wsk_state *w = wsk_of(s);
    for (uint32_t i = 0; i < w->registration_count; i++) {
        const struct wsk_registration *r = &w->registration[i];
        if (r->state != WSK_REG_GONE && !r->is_nmr) {
            model_fail(s, RULE_REG_039, r->object, &r->registered,
                       "DriverEntry fails and leaves its registration behind");
        }
    }
    wsk_check_unload(s);
}
