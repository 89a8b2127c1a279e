/* SPDX-License-Identifier: MIT */
/*
 * tcp_client with one mistake. Passes an IRP a second time without reinitialising it.
 *
 * Class: BUG-LIFE-06.
 * Rules: IRP-006, CTL-015.
 * EXPECT: IRP-006
 * Needs: None: the second request.
 */
#define VARIANT_IRP_NO_REUSE
#include "../tcp_client.c"
