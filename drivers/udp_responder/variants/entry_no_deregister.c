/* SPDX-License-Identifier: MIT */
/*
 * udp_responder with one mistake. DriverEntry fails after WskRegister and does not deregister.
 *
 * Class: BUG-LIFE-61, KBUG-47.
 * Rules: REG-039, REG-006, KRN-280.
 * EXPECT: REG-039
 * Needs: The creation of the worker thread fails.
 */
#define VARIANT_ENTRY_NO_DEREGISTER
#include "../udp_responder.c"
