/* SPDX-License-Identifier: MIT */
/*
 * tcp_client with one mistake. Unload waits for an event that the thread sets as its last act,
 *     not for the thread object.
 *
 * Class: KBUG-45.
 * Rules: KRN-283.
 * EXPECT: KRN-283
 * Needs: The thread is preempted after setting the event until unload has returned.
 */
#define VARIANT_UNLOAD_EVENT_ONLY
#include "../tcp_client.c"
