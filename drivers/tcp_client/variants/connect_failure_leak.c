/* SPDX-License-Identifier: MIT */
/*
 * tcp_client with one mistake. Does not close the socket when the connect has failed.
 *
 * Class: BUG-LIFE-46.
 * Rules: SOCK-020, REG-021.
 * EXPECT: CLOSE-032|SOCK-020
 * Needs: The connect is refused or times out.
 */
#define VARIANT_CONNECT_FAILURE_LEAK
#include "../tcp_client.c"
