/* SPDX-License-Identifier: MIT */
/*
 * tcp_echo with one mistake. The receive callback looks into the indication before it tests it
 *     for NULL.
 *
 * Class: BUG-14, BUG-LIFE-21.
 * Rules: CTL-187, RECV-016.
 * EXPECT: CTL-187
 * Needs: A connection with the receive event enabled is forced closed.
 */
#define VARIANT_NULL_INDICATION
#include "../tcp_echo.c"
