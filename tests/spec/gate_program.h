/* SPDX-License-Identifier: MIT */
/*
 * Random programs for the client of gate_client.h: a socket, a few threads that enable and disable
 * its events and those of the sockets it accepts, receive, ask, release and pause, and an end with
 * or without draining first. A program is a function of its number.
 */
#ifndef TESTS_SPEC_GATE_PROGRAM_H
#define TESTS_SPEC_GATE_PROGRAM_H

#include "tests/spec/gate_client.h"

enum { PROGRAM_THREADS = 3 };

static inline struct client_plan program_plan(uint64_t number)
{
    static const ULONG masks[] = {0, 0, 0, WSK_EVENT_RECEIVE_FROM | WSK_EVENT_RECEIVE,
                                  WSK_EVENT_DISCONNECT,
                                  WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE | WSK_EVENT_RECEIVE_FROM};
    uint64_t random = sim_mix(1, number);
    struct client_plan plan = {0};
    plan.kind = sim_random_below(&random, 2) ? GATE_SOCKET_DATAGRAM : GATE_SOCKET_LISTEN;
    if (plan.kind == GATE_SOCKET_LISTEN && sim_random_below(&random, 4) == 0) {
        plan.kind |= GATE_SOCKET_CONDITIONAL;
    }
    plan.static_mask = masks[sim_random_below(&random, SIM_COUNT(masks))];
    plan.threads = sim_random_below(&random, PROGRAM_THREADS + 1);
    plan.steps = 2 + sim_random_below(&random, 8);
    plan.accepts = plan.kind == GATE_SOCKET_DATAGRAM ? 0 : sim_random_below(&random, 3);
    plan.retains = sim_random_below(&random, 2) != 0 && plan.static_mask == 0;
    plan.is_abrupt = !plan.retains && sim_random_below(&random, 2) != 0;
    return plan;
}

/* ---- one step of a thread ---- */

static inline ULONG program_flag(const struct client_socket *s)
{
    if ((s->kind & GATE_SOCKET_DATAGRAM) != 0) {
        return WSK_EVENT_RECEIVE_FROM;
    }
    return (s->kind & GATE_SOCKET_LISTEN) != 0 ? WSK_EVENT_ACCEPT : client_flags[client_draw(3)];
}

static inline void program_enable(struct client_socket *s)
{
    ULONG mask = program_flag(s);
    if ((s->kind & GATE_SOCKET_LISTEN) != 0 && client_draw(2)) {
        mask |= client_flags[client_draw(3)]; /* a template bit */
    } else if ((s->kind & GATE_SOCKET_CONNECTION) != 0 && client_draw(2)) {
        mask |= client_flags[client_draw(3)];
    }
    if (client_enter(s)) {
        (void)!client_event_option(s, mask, NULL);
        client_leave(s);
    }
}

static inline void program_ask_address(struct client_socket *s)
{
    struct client_request *r = client_request(0);
    PSOCKADDR out = ke_test_alloc(64);
    if (r == NULL) {
        return;
    }
    if (!client_enter(s)) {
        client_request_drop(r);
        return;
    }
    client_note(GATE_NOTE_CALL, s, 0);
    if ((s->kind & GATE_SOCKET_DATAGRAM) != 0) {
        (void)!client_datagram(s)->WskGetLocalAddress(s->handle, out, r->irp);
    } else if ((s->kind & GATE_SOCKET_LISTEN) != 0) {
        (void)!client_listening(s)->WskGetLocalAddress(s->handle, out, r->irp);
    } else {
        (void)!client_connection(s)->WskGetLocalAddress(s->handle, out, r->irp);
    }
    client_leave(s);
}

static inline void program_inspect_complete(struct client_socket *s)
{
    if (client.pended_count == 0 || !client_enter(s)) {
        return;
    }
    WSK_INSPECT_ID *id = ke_test_alloc(sizeof *id);
    *id = client.pended[--client.pended_count];
    struct client_request *r = client_request(0);
    if (r != NULL) {
        client_note(GATE_NOTE_CALL, s, 0);
        (void)!client_listening(s)->WskInspectComplete(
            s->handle, id, client_draw(3) ? WskInspectAccept : WskInspectReject, r->irp);
    }
    client_leave(s);
}

static inline void program_step(struct client_socket *s)
{
    struct client_request *r;
    switch (client_draw(10)) {
    case 0:
    case 1:
        program_enable(s);
        break;
    case 2:
        if (client_enter(s)) {
            (void)!client_event_option(s, program_flag(s) | WSK_EVENT_DISABLE, NULL);
            client_leave(s);
        }
        break;
    case 3:
        (void)client_disable(s, program_flag(s));
        break;
    case 4:
        r = client_disable(s, program_flag(s));
        if (r != NULL) {
            client_wait(r);
        }
        break;
    case 5:
        client_sleep(client_draw(20));
        break;
    case 6:
        client_receive(s);
        break;
    case 7:
        program_ask_address(s);
        break;
    case 8:
        client_release_one(s);
        break;
    default:
        if ((s->kind & GATE_SOCKET_LISTEN) != 0) {
            program_inspect_complete(client.socket[0]);
        } else {
            client_dawdle(6);
        }
        break;
    }
}

static void program_thread(PVOID argument)
{
    (void)argument;
    for (uint32_t i = 0; i < client.plan.steps; i++) {
        program_step(client.socket[client_draw(client.sockets)]);
        client_dawdle(3);
    }
}

/* NULL when the simulator refuses. */
static inline PKTHREAD program_start_thread(void)
{
    HANDLE handle;
    PVOID object = NULL;
    if (!NT_SUCCESS(PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL,
                                         program_thread, NULL))) {
        return NULL;
    }
    while (!NT_SUCCESS(ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, *PsThreadType,
                                                 KernelMode, &object, NULL))) {
        client_sleep(1);
    }
    ZwClose(handle);
    return object;
}

/* ---- the program ---- */

/* Until no callback of a dynamic event can hold or get anything (CTL-184). */
static inline void program_drain(struct client_socket *s)
{
    ULONG flags[] = {WSK_EVENT_RECEIVE_FROM, 0, 0};
    if (s->handle == NULL || (s->kind & GATE_SOCKET_LISTEN) != 0) {
        return;
    }
    if ((s->kind & GATE_SOCKET_CONNECTION) != 0) {
        memcpy(flags, client_flags, sizeof flags);
    }
    for (size_t i = 0; i < SIM_COUNT(flags) && flags[i] != 0; i++) {
        struct client_request *r = client_disable(s, flags[i]);
        if (r == NULL || !NT_SUCCESS(client_wait(r))) {
            client_sleep(CLIENT_DRAIN_MS);
        }
    }
}

static inline void program_end(void)
{
    client.may_retain = false;
    if (client.plan.retains) {
        client_sleep(CLIENT_DRAIN_MS); /* who decided to retain has returned */
    }
    if (!client.plan.is_abrupt) {
        for (uint32_t i = 0; i < client.sockets; i++) {
            program_drain(client.socket[i]);
        }
    }
    client_close(client.socket[0]);
    /* A closed listener delivers nothing any more; by WskAccept, when the request has completed. */
    for (uint32_t i = 0; i < client.requests; i++) {
        if (client.request[i]->accepted != NULL) {
            client_wait(client.request[i]);
        }
    }
    for (uint32_t i = 1; i < client.sockets; i++) {
        client_close(client.socket[i]);
    }
}

static inline bool program_is_bound(void)
{
    struct client_socket *first = client.socket[0];
    if ((client.plan.kind & GATE_SOCKET_CONDITIONAL) != 0 && !client_set_conditional(first)) {
        return false;
    }
    return client_bind(first, CLIENT_PORT);
}

static inline void program_life(void)
{
    PKTHREAD thread[PROGRAM_THREADS];
    struct client_socket *first = client.socket[0];
    for (uint32_t i = 0; i < client.plan.accepts; i++) {
        client_accept(first);
    }
    program_enable(first);
    for (uint32_t i = 0; i < client.plan.threads; i++) {
        thread[i] = program_start_thread();
    }
    program_thread(NULL);
    client_sleep(client_draw(3) * 100);
    program_thread(NULL);
    for (uint32_t i = 0; i < client.plan.threads; i++) {
        if (thread[i] != NULL) {
            ke_test_join(thread[i]);
        }
    }
}

/* The body of a run; client.plan and client.random are set. */
static void program_body(void)
{
    client_reset();
    if (!client_open()) {
        return;
    }
    struct client_socket *first = client_open_socket(client.plan.kind);
    if (first != NULL && first->handle != NULL) {
        if (program_is_bound()) {
            program_life();
            program_end();
        } else {
            client_close(first);
        }
    }
    client_shut();
}

#endif
