/* SPDX-License-Identifier: MIT */
/*
 * udp_responder with one mistake. Empties the queue first and stops the callback afterwards.
 *
 * Class: BUG-LIFE-17, BUG-LIFE-60.
 * Rules: REL-005, REL-013, CTL-184.
 * EXPECT: REL-005
 * Needs: The callback keeps a list between the release of the queue and the moment the disable
 *     takes effect.
 */
#define VARIANT_RELEASE_BEFORE_DISABLE
#include "../udp_responder.c"
