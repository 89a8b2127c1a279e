/* SPDX-License-Identifier: MIT */
/*
 * udp_responder with one mistake. Releases the retained lists after the close.
 *
 * Class: BUG-17, BUG-20.
 * Rules: CLOSE-007, CTL-182, REL-005.
 * EXPECT: REL-005
 * Needs: A list is queued and not yet answered when the unload (or a forced close) begins.
 */
#define VARIANT_RELEASE_AFTER_CLOSE
#include "../udp_responder.c"
