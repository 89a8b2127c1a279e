/* SPDX-License-Identifier: MIT */
/*
 * tcp_echo with one mistake. When a disable fails because the socket was forced closed, the
 *     connection is freed before the close has completed, as if a dead socket had no
 *     callbacks.
 *
 * Class: BUG-16.
 * Rules: CTL-189, CLOSE-009, PROP-51.
 * EXPECT: CLOSE-009|SYS-RACE
 * Needs: The socket dies; its receive callback (the one that was told so with a NULL
 *     indication, or one that was already running) has left its note and is still running when
 *     the worker frees the connection.
 */
#define VARIANT_FORCED_CLOSE_FREE
#include "../tcp_echo.c"
