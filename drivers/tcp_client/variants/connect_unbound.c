/* SPDX-License-Identifier: MIT */
/*
 * tcp_client with one mistake. Connects a socket that was not bound.
 *
 * Class: BUG-LIFE-44.
 * Rules: BIND-006, CONN-001, CONN-003.
 * EXPECT: BIND-006
 * Needs: None.
 */
#define VARIANT_CONNECT_UNBOUND
#include "../tcp_client.c"
