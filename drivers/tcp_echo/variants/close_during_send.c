/* SPDX-License-Identifier: MIT */
/*
 * tcp_echo with one mistake. The worker closes without running down the users of the socket
 *     first; it relies on the disable.
 *
 * Class: BUG-18, BUG-LIFE-12.
 * Rules: CLOSE-002, CTL-180.
 * EXPECT: CLOSE-002|CLOSE-007
 * Needs: The socket dies while the receive callback is inside WskSend. The send completes
 *     inline with STATUS_FILE_FORCED_CLOSED and wakes the worker, whose disables are skipped
 *     or refused, and WskCloseSocket is entered before WskSend has returned.
 */
#define VARIANT_CLOSE_DURING_SEND
#include "../tcp_echo.c"
