/* SPDX-License-Identifier: MIT */
/*
 * tcp_echo with one mistake. The accept callback stores NULL as dispatch table although the
 *     accepted socket inherits events.
 *
 * Class: BUG-27.
 * Rules: CTL-095b, SOCK-012.
 * EXPECT: SOCK-012
 * Needs: None: any accepted connection.
 */
#define VARIANT_NULL_ACCEPT_DISPATCH
#include "../tcp_echo.c"
