/* SPDX-License-Identifier: MIT */
/*
 * udp_responder with one mistake. Answers STATUS_SUCCESS for a list that it keeps in the
 *     queue, and uses and releases it later.
 *
 * Class: BUG-LIFE-20.
 * Rules: DGRM-022, REL-002.
 * EXPECT: DGRM-022|KRN-228|REL-002
 * Needs: None: any datagram.
 */
#define VARIANT_SUCCESS_RETAINS
#include "../udp_responder.c"
