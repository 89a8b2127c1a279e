/* SPDX-License-Identifier: MIT */
/*
 * udp_responder with one mistake. The callback disables its own event with an IRP and waits
 *     for it.
 *
 * Class: BUG-04.
 * Rules: CTL-089, CTL-055, IRP-023, KRN-081, KRN-082.
 * EXPECT: CLOSE-002|EVT-007|KRN-081
 * Needs: None: any datagram that is kept. The disable waits for the callback, the callback for
 *     the disable.
 */
#define VARIANT_CALLBACK_DISABLES
#include "../udp_responder.c"
