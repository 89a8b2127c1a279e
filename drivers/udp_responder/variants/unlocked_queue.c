/* SPDX-License-Identifier: MIT */
/*
 * udp_responder with one mistake. Takes the datagram callback for serial and fills the queue
 *     without the lock.
 *
 * Class: BUG-LIFE-56.
 * Rules: EVT-015, KRN-308.
 * EXPECT: SYS-RACE|REL-003|REL-005|REL-008
 * Needs: Two callbacks read the same fill count, or the worker takes a list between the
 *     reading and the storing: a list is overwritten or lost, and is never released.
 */
#define VARIANT_UNLOCKED_QUEUE
#include "../udp_responder.c"
