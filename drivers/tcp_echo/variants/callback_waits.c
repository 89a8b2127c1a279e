/* SPDX-License-Identifier: MIT */
/*
 * tcp_echo with one mistake. The disconnect callback waits until all sends have completed.
 *
 * Class: BUG-LIFE-09.
 * Rules: IRP-023, CTL-055, EVT-007, KRN-081, KRN-082.
 * EXPECT: KRN-082|KRN-097
 * Needs: None: any disconnect by a peer. At DISPATCH_LEVEL the wait itself is the error, below
 *     it the waiting for WSK requests is.
 */
#define VARIANT_CALLBACK_WAITS
#include "../tcp_echo.c"
