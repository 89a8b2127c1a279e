/* SPDX-License-Identifier: MIT */
/*
 * tcp_client with one mistake. Tests the wait with NT_SUCCESS: STATUS_TIMEOUT is a success
 *     code.
 *
 * Class: KBUG-19.
 * Rules: KRN-085, IRP-030, IRP-008.
 * EXPECT: IRP-030
 * Needs: A step exceeds its limit. The status of a pending IRP is read, and the IRP is used
 *     again.
 */
#define VARIANT_TIMEOUT_IS_SUCCESS
#include "../tcp_client.c"
