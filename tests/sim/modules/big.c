/* SPDX-License-Identifier: MIT */
/* A megabyte of data, so that the snapshot drops pages instead of copying. */
#include "host.h"

static unsigned char big[1 << 20];
static unsigned char odd[70001] = {1, 2, 3};

int DriverEntry(void *driver, void *path)
{
    (void)driver;
    (void)path;
    int sum = 0;
    for (int i = 0; i < 1 << 20; i += 511) {
        sum += big[i];
        big[i] = 1;
    }
    sum += odd[0] * 1000 + odd[70000];
    odd[0] = odd[70000] = odd[35000] = 9;
    sum += big[(1 << 20) - 1];
    big[(1 << 20) - 1] = 1;
    HostValue(sum);
    return 0;
}
