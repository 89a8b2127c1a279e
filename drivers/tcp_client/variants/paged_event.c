/* SPDX-License-Identifier: MIT */
/*
 * tcp_client with one mistake. Keeps the completion events in paged pool.
 *
 * Class: BUG-LIFE-64, KBUG-15.
 * Rules: KRN-080, KRN-051, IRP-021.
 * EXPECT: KRN-080
 * Needs: None; the touch is worst when a completion routine runs at DISPATCH_LEVEL.
 */
#define VARIANT_PAGED_EVENT
#include "../tcp_client.c"
