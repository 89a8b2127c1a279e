/* SPDX-License-Identifier: MIT */
/* A module with all kinds of data a driver can have; DriverEntry changes every one and says what it
 * saw. */
#include "host.h"

static int zero;            /* .bss */
static int four = 4;        /* .data */
int visible = 7;
static int *pointer = &four;
static long table[64];
__attribute__((section("PAGEDATA"))) int paged = 9; /* a section of the driver's own */

int DriverEntry(void *driver, void *path)
{
    (void)driver;
    (void)path;
    int seen = zero + four * 10 + visible * 100 + *pointer * 1000 + (int)table[63] + paged * 10000;
    zero = 1;
    four = 2;
    visible = 3;
    pointer = &zero;
    table[63] = 5;
    paged = 6;
    HostValue(seen);
    return 0;
}
