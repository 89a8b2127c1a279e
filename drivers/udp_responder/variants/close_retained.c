/* SPDX-License-Identifier: MIT */
/*
 * udp_responder with one mistake. Closes the socket with retained lists in the queue and
 *     forgets them.
 *
 * Class: BUG-20, BUG-LIFE-17.
 * Rules: CTL-184, REL-005.
 * EXPECT: REL-005
 * Needs: A list is queued and not yet answered when the unload (or a forced close) begins.
 */
#define VARIANT_CLOSE_RETAINED
#include "../udp_responder.c"
