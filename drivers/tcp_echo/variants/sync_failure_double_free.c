/* SPDX-License-Identifier: MIT */
/*
 * tcp_echo with one mistake. When WskSend fails synchronously the caller frees the send, which
 *     the completion routine has freed.
 *
 * Class: BUG-10, BUG-LIFE-03, KBUG-03.
 * Rules: IRP-008, IRP-009, KRN-006, CTL-029.
 * EXPECT: MEM-UAF
 * Needs: WskSend fails inside the call: the peer has reset the connection, or it was forced
 *     closed, before the echo is sent.
 */
#define VARIANT_SYNC_FAILURE_DOUBLE_FREE
#include "../tcp_echo.c"
