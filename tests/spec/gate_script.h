/* SPDX-License-Identifier: MIT */
/*
 * Scripts for the client of gate_client.h: every step waits until all is quiet, callbacks wait for
 * their release, so that the outcome is the same under every schedule and two runs that differ in
 * one step can be compared (PROP-12, -13, -16, -17, -27). Datagrams come from a second socket of
 * the client, connections and their first bytes from the tame world.
 *
 * Callbacks must run at PASSIVE_LEVEL: the test forces that knob.
 */
#ifndef TESTS_SPEC_GATE_SCRIPT_H
#define TESTS_SPEC_GATE_SCRIPT_H

#include "tests/spec/gate_client.h"

enum { SCRIPT_SENDER_PORT = 8, SCRIPT_IP = 0x0A000001 /* 10.0.0.1, the driver's host */ };

static struct {
    uint32_t variant;       /* 0 or 1: the two runs of a pair */
    struct client_socket *first, *sender;
    KEVENT *go;             /* lets held callbacks return */
    bool is_holding;
    NTSTATUS answer;
    uint32_t entered;
} script;

/* ---- steps ---- */

static inline void script_settle(void)
{
    client_sleep(CLIENT_DRAIN_MS);
}

static NTSTATUS script_callback(struct client_socket *s, enum gate_event e, bool is_null,
                                SIZE_T bytes, SIZE_T *accepted)
{
    (void)s;
    (void)is_null;
    (void)bytes;
    (void)accepted;
    NTSTATUS answer = script.answer;
    script.entered++;
    if (script.is_holding) {
        ke_wait(sim_current, script.go, FALSE, NULL);
    }
    return e == GATE_RECEIVE || e == GATE_RECEIVE_FROM ? answer : STATUS_SUCCESS;
}

static inline void script_hold(void)
{
    script.is_holding = true;
    KeClearEvent(script.go);
}

static inline void script_let_go(void)
{
    script.is_holding = false;
    KeSetEvent(script.go, IO_NO_INCREMENT, FALSE);
    script_settle();
}

static inline void script_send(void)
{
    struct client_request *r = client_request(16);
    SIM_ASSERT(r != NULL);
    client_note(GATE_NOTE_CALL, script.sender, 0);
    (void)!client_datagram(script.sender)
        ->WskSendTo(script.sender->handle, &r->buffer, 0, client_address(SCRIPT_IP, CLIENT_PORT),
                    0, NULL, r->irp);
    script_settle();
}

static inline void script_enable(struct client_socket *s, ULONG mask)
{
    (void)!client_event_option(s, mask, NULL);
    script_settle();
}

static inline void script_disable(struct client_socket *s, ULONG flag, bool has_irp)
{
    struct client_request *r = has_irp ? client_request(0) : NULL;
    (void)!client_event_option(s, flag | WSK_EVENT_DISABLE, r);
    script_settle();
}

static inline void script_quiet(void)
{
    script_settle();
    client_note(GATE_NOTE_QUIET, NULL, 0);
}

static inline void script_expect(struct client_socket *s, enum gate_event e)
{
    client_note(GATE_NOTE_EXPECT, s, e);
}

/* ---- birth and end ---- */

static inline void script_begin(uint32_t kind, ULONG static_mask)
{
    client.plan = (struct client_plan){
        .kind = kind, .static_mask = static_mask, .callback = script_callback};
    client_reset();
    bool is_open = client_open();
    SIM_ASSERT(is_open);
    script.go = ke_test_alloc(sizeof *script.go);
    KeInitializeEvent(script.go, NotificationEvent, FALSE);
    script.is_holding = false;
    script.answer = STATUS_SUCCESS;
    script.entered = 0;
    script.sender = NULL;
    script.first = client_open_socket(kind);
    SIM_ASSERT(script.first != NULL && script.first->handle != NULL);
    if ((kind & GATE_SOCKET_DATAGRAM) != 0) {
        script.sender = client_open_socket(kind);
        SIM_ASSERT(script.sender != NULL && script.sender->handle != NULL);
        client_bind(script.sender, SCRIPT_SENDER_PORT);
    }
    client_bind(script.first, CLIENT_PORT);
    SIM_ASSERT(client.is_bound);
}

static inline void script_end(void)
{
    script_quiet();
    client_close(script.first);
    for (uint32_t i = 0; i < client.requests; i++) {
        if (client.request[i]->accepted != NULL) {
            client_wait(client.request[i]);
        }
    }
    for (uint32_t i = 1; i < client.sockets; i++) {
        client_close(client.socket[i]);
    }
    client_shut();
}

/* The first connection that this client has been given. */
static inline struct client_socket *script_connection(void)
{
    script_settle();
    for (uint32_t i = 1; i < client.sockets; i++) {
        if (client.socket[i]->handle != NULL) {
            return client.socket[i];
        }
    }
    SIM_ASSERT(false);
    return NULL;
}

/* ---- pairs ---- */

/* PROP-16: the second run passes an IRP with the disable. */
static inline void script_irp(void)
{
    script_begin(GATE_SOCKET_DATAGRAM, 0);
    script_enable(script.first, WSK_EVENT_RECEIVE_FROM);
    script_hold();
    script_send();
    SIM_ASSERT(script.entered > 0);
    script_disable(script.first, WSK_EVENT_RECEIVE_FROM, script.variant == 1);
    script_send();
    script_let_go();
    script_quiet();
    script_send();
    script_expect(script.first, GATE_RECEIVE_FROM); /* nothing: it is disabled */
    script_enable(script.first, WSK_EVENT_RECEIVE_FROM);
    script_expect(script.first, GATE_RECEIVE_FROM);
    script_disable(script.first, WSK_EVENT_RECEIVE_FROM, script.variant == 1);
    script_end();
}

/* PROP-17: in the second run the callback returns later. */
static inline void script_late(void)
{
    script_begin(GATE_SOCKET_DATAGRAM, 0);
    script_enable(script.first, WSK_EVENT_RECEIVE_FROM);
    script_hold();
    script_send();
    script_disable(script.first, WSK_EVENT_RECEIVE_FROM, true);
    script_disable(script.first, WSK_EVENT_RECEIVE_FROM, false);
    script_enable(script.first, WSK_EVENT_RECEIVE_FROM);
    for (uint32_t i = 0; i < script.variant * 3; i++) {
        script_settle();
    }
    script_let_go();
    script_quiet();
    script_disable(script.first, WSK_EVENT_RECEIVE_FROM, true);
    script_end();
}

/* PROP-12: a mask at once, or bit by bit in another order. */
static inline void script_mask(void)
{
    script_begin(GATE_SOCKET_LISTEN, 0);
    script_enable(script.first, WSK_EVENT_ACCEPT);
    struct client_socket *s = script_connection();
    if (script.variant == 0) {
        script_enable(s, WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT | WSK_EVENT_SEND_BACKLOG);
    } else {
        script_enable(s, WSK_EVENT_SEND_BACKLOG);
        script_enable(s, WSK_EVENT_DISCONNECT);
        script_enable(s, WSK_EVENT_RECEIVE);
    }
    script_quiet();
    script_end();
}

/* PROP-13: disables of different events in either order, and once more. */
static inline void script_order(void)
{
    script_begin(GATE_SOCKET_LISTEN, 0);
    script_enable(script.first, WSK_EVENT_ACCEPT);
    struct client_socket *s = script_connection();
    script_enable(s, WSK_EVENT_DISCONNECT | WSK_EVENT_SEND_BACKLOG);
    script_disable(s, script.variant == 0 ? WSK_EVENT_DISCONNECT : WSK_EVENT_SEND_BACKLOG, false);
    script_disable(s, script.variant == 0 ? WSK_EVENT_SEND_BACKLOG : WSK_EVENT_DISCONNECT, false);
    if (script.variant == 1) {
        script_disable(s, WSK_EVENT_DISCONNECT, true);
    }
    script_enable(s, WSK_EVENT_RECEIVE);
    if (script.variant == 1) {
        script_enable(s, WSK_EVENT_RECEIVE);
    }
    script_quiet();
    script_end();
}

/* PROP-27, PROP-25: the accept event is cycled in the second run. */
static inline void script_cycle(void)
{
    script_begin(GATE_SOCKET_LISTEN, 0);
    (void)!client_event_option(script.first, WSK_EVENT_RECEIVE, NULL); /* a template bit */
    (void)!client_event_option(script.first, WSK_EVENT_ACCEPT, NULL);
    if (script.variant == 1) {
        (void)!client_event_option(script.first, WSK_EVENT_ACCEPT | WSK_EVENT_DISABLE, NULL);
        (void)!client_event_option(script.first, WSK_EVENT_ACCEPT, NULL);
    }
    struct client_socket *s = script_connection();
    script_expect(s, GATE_RECEIVE);
    script_expect(s, GATE_DISCONNECT); /* the peer has finished by now; it is not enabled */
    script_quiet();
    script_end();
}

/* ---- single ones ---- */

/* G-10, PROP-19, PROP-21. */
static inline void script_static(void)
{
    script_begin(GATE_SOCKET_DATAGRAM, WSK_EVENT_RECEIVE_FROM);
    script_quiet();
    script_send();
    script_expect(script.first, GATE_RECEIVE_FROM);
    script_disable(script.first, WSK_EVENT_RECEIVE_FROM, false);
    script_disable(script.first, WSK_EVENT_RECEIVE_FROM, true);
    script_send();
    script_expect(script.first, GATE_RECEIVE_FROM);
    script.answer = STATUS_DATA_NOT_ACCEPTED;
    script_send();
    script_quiet();
    script.answer = STATUS_SUCCESS;
    script_send();
    script_expect(script.first, GATE_RECEIVE_FROM);
    script_end();
}

/* G-13, PROP-26: a listener with a template, and a connection through WskAccept. */
static inline void script_accept(void)
{
    script_begin(GATE_SOCKET_LISTEN, 0);
    client_accept(script.first);
    script_enable(script.first, WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE);
    struct client_socket *s = script_connection();
    script_expect(s, GATE_RECEIVE); /* nothing: the template is not for WskAccept */
    script_disable(script.first, WSK_EVENT_RECEIVE, false); /* PROP-24 */
    script_enable(s, WSK_EVENT_RECEIVE);
    script_quiet();
    script_end();
}

#endif
