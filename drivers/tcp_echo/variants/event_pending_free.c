/* SPDX-License-Identifier: MIT */
/*
 * tcp_echo with one mistake. The teardown disables WSK_EVENT_RECEIVE without an IRP, tests the
 *     answer with NT_SUCCESS, and frees the connection. STATUS_EVENT_PENDING passes that test,
 *     but it means that the receive callback is running.
 *
 * Class: BUG-01.
 * Rules: CTL-025, CTL-087, PROP-29.
 * EXPECT: CTL-025
 * Needs: The receive callback has entered and not yet entered the socket, or has left it and not
 *     yet counted itself, when the worker gets from the wait for SocketUnused to the disable; the
 *     worker then frees the connection before the callback goes on. A peer that resets, a send
 *     that fails inside the callback, or an unload starts the teardown.
 */
#define VARIANT_EVENT_PENDING_FREE
#include "../tcp_echo.c"
