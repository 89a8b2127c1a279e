/* SPDX-License-Identifier: MIT */
/*
 * tcp_client with one mistake. Clears the completion event after the request was passed.
 *
 * Class: KBUG-21.
 * Rules: KRN-090, KRN-102.
 * EXPECT: SYS-LOST-WAKEUP
 * Needs: The request completes before the event is cleared: a wake-up is lost and the thread
 *     waits for ever.
 */
#define VARIANT_CLEAR_EVENT_LATE
#include "../tcp_client.c"
