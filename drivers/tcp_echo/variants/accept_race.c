/* SPDX-License-Identifier: MIT */
/*
 * tcp_echo with one mistake. Unload sweeps the connections before it closes the listener.
 *
 * Class: BUG-LIFE-34.
 * Rules: SOCK-020, ACPT-019, REG-021.
 * EXPECT: SYS-DEADLOCK
 * Needs: A connection is accepted after the sweep and before the listener's accept event is
 *     off. Nobody closes it, and the unload never ends.
 */
#define VARIANT_ACCEPT_RACE
#include "../tcp_echo.c"
