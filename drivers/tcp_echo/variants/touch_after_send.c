/* SPDX-License-Identifier: MIT */
/*
 * tcp_echo with one mistake. Reads the length from the send after WskSend has returned.
 *
 * Class: BUG-LIFE-02.
 * Rules: IRP-019.
 * EXPECT: MEM-UAF|SYS-RACE
 * Needs: The send completes, inline or on another processor, before the caller reads.
 */
#define VARIANT_TOUCH_AFTER_SEND
#include "../tcp_echo.c"
