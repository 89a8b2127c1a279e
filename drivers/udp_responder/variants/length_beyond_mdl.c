/* SPDX-License-Identifier: MIT */
/*
 * udp_responder with one mistake. The length of the answer counts the payload twice and
 *     reaches beyond the MDL.
 *
 * Class: BUG-LIFE-29.
 * Rules: SEND-002, DGRM-005.
 * EXPECT: SEND-002
 * Needs: None: any datagram with a payload.
 */
#define VARIANT_LENGTH_BEYOND_MDL
#include "../udp_responder.c"
