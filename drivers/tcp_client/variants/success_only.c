/* SPDX-License-Identifier: MIT */
/*
 * tcp_client with one mistake. Sets the completion routine for success only.
 *
 * Class: BUG-LIFE-05, KBUG-10.
 * Rules: IRP-004, CTL-014, KRN-009.
 * EXPECT: IRP-004
 * Needs: None: the first request. Where a request fails, nobody wakes the thread.
 */
#define VARIANT_SUCCESS_ONLY
#include "../tcp_client.c"
