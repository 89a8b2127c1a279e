/* SPDX-License-Identifier: MIT */
/* A thread-local variable, which no kernel driver can have. */
static __thread int mine;

int DriverEntry(void *driver, void *path)
{
    (void)driver;
    (void)path;
    return mine++;
}
