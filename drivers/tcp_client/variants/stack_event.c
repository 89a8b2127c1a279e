/* SPDX-License-Identifier: MIT */
/*
 * tcp_client with one mistake. Waits for the receive with an event on the stack and leaves the
 *     frame when time is up.
 *
 * Class: BUG-LIFE-65, KBUG-04.
 * Rules: KRN-029, KRN-080, KRN-259.
 * EXPECT: MEM-STACK-RETURNED
 * Needs: The server does not answer within the limit. The completion sets an event in a frame
 *     that is gone.
 */
#define VARIANT_STACK_EVENT
#include "../tcp_client.c"
