/* SPDX-License-Identifier: MIT */
/*
 * tcp_echo with one mistake. Holds the connection's spin lock over WskSend; the completion
 *     routine takes the same lock.
 *
 * Class: KBUG-23.
 * Rules: KRN-113, KRN-129.
 * EXPECT: KRN-113
 * Needs: The send completes inline (self-deadlock). A completion on another processor only
 *     spins for a while.
 */
#define VARIANT_LOCK_OVER_SEND
#include "../tcp_echo.c"
