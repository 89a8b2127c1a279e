/* SPDX-License-Identifier: MIT */
/*
 * udp_responder with one mistake. Releases a list once where its last datagram was answered
 *     and once at the end.
 *
 * Class: BUG-LIFE-18.
 * Rules: REL-003, REL-002.
 * EXPECT: REL-003
 * Needs: None: any list that is answered to its end.
 */
#define VARIANT_DOUBLE_RELEASE
#include "../udp_responder.c"
