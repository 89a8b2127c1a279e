/* SPDX-License-Identifier: MIT */
/*
 * tcp_client with one mistake. Unload does not drop the reference to the thread object.
 *
 * Class: KBUG-46.
 * Rules: KRN-254, KRN-284.
 * EXPECT: KRN-254
 * Needs: None.
 */
#define VARIANT_THREAD_REFERENCE_LEAK
#include "../tcp_client.c"
