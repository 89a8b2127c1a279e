/* SPDX-License-Identifier: MIT */
/*
 * tcp_client with one mistake. Reinitialises the IRP right after IoCancelIrp instead of
 *     waiting for its completion.
 *
 * Class: BUG-LIFE-59, KBUG-11.
 * Rules: IRP-033, IRP-008, KRN-005.
 * EXPECT: IRP-008
 * Needs: A step exceeds its limit and the cancelled request has not completed when IoCancelIrp
 *     returns.
 */
#define VARIANT_CANCEL_NO_WAIT
#include "../tcp_client.c"
