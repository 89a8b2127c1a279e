/* SPDX-License-Identifier: MIT */
/*
 * tcp_echo with one mistake. Forgets the buffer and the MDL when no IRP can be allocated.
 *
 * Class: KBUG-38.
 * Rules: KRN-199, KRN-284.
 * EXPECT: KRN-199|KRN-284
 * Needs: IoAllocateIrp fails for a send.
 */
#define VARIANT_LEAK_ON_FAILURE
#include "../tcp_echo.c"
