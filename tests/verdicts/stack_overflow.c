/* SPDX-License-Identifier: MIT */
/* EXPECT: MEM-STACK-OVERFLOW. A recursion without end. */
#include "verdict.h"

static volatile int Depth, Limit;

#ifdef FIXED
enum { DEEP_ENOUGH = 20 };
#else
enum { DEEP_ENOUGH = -1 };
#endif

__attribute__((noinline)) static int Recurse(int n)
{
    volatile char Room[256];
    Room[0] = (char)n;
    if (n == Limit) {
        return n;
    }
    Depth++;
    return Recurse(n + 1) + Room[0];
}

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    Limit = DEEP_ENOUGH;
    Depth = Recurse(0);
    return STATUS_SUCCESS;
}

static void End(void)
{
}
