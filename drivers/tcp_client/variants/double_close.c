/* SPDX-License-Identifier: MIT */
/*
 * tcp_client with one mistake. The error path closes the socket and the common path closes it
 *     again.
 *
 * Class: BUG-LIFE-13.
 * Rules: CLOSE-007, SOCK-020, CTL-182.
 * EXPECT: CTL-183
 * Needs: Send or receive fails: the server resets, finishes early, or stalls.
 */
#define VARIANT_DOUBLE_CLOSE
#include "../tcp_client.c"
