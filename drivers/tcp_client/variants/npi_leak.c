/* SPDX-License-Identifier: MIT */
/*
 * tcp_client with one mistake. Does not release the provider after a failed conversation.
 *
 * Class: BUG-LIFE-46, BUG-LIFE-62.
 * Rules: REG-018, REG-021.
 * EXPECT: REG-018
 * Needs: All attempts fail, or unload ends them. WskDeregister never returns.
 */
#define VARIANT_NPI_LEAK
#include "../tcp_client.c"
