/* SPDX-License-Identifier: MIT */
/*
 * tcp_client with one mistake. Reads status and socket from the IRP before it has completed.
 *
 * Class: BUG-12, BUG-LIFE-63.
 * Rules: IRP-030, CTL-033.
 * EXPECT: IRP-030
 * Needs: WskSocket pends and completes after the reading.
 */
#define VARIANT_STATUS_TOO_EARLY
#include "../tcp_client.c"
