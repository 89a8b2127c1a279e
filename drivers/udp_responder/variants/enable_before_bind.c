/* SPDX-License-Identifier: MIT */
/*
 * udp_responder with one mistake. Enables the event before the socket is bound.
 *
 * Class: BUG-LIFE-39.
 * Rules: CTL-061, EVT-002.
 * EXPECT: CTL-061
 * Needs: None.
 */
#define VARIANT_ENABLE_BEFORE_BIND
#include "../udp_responder.c"
