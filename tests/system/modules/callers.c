/* SPDX-License-Identifier: MIT */
/*
 * 64 call stacks lead to one allocation. WRONG: when it fails, and nothing else did, for one of
 * them, a block is lost.
 */
#include <ntddk.h>

#define TAG 'claC'

DRIVER_INITIALIZE DriverEntry;

static ULONG Failures;

static void Unload(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}

static __declspec(noinline) BOOLEAN Allocate(ULONG Caller)
{
    PVOID First = ExAllocatePool2(POOL_FLAG_NON_PAGED, 16, TAG);
    if (First == NULL) {
        Failures++;
#ifdef WRONG
        if (Caller == 037 && Failures == 1) {
            (void)ExAllocatePool2(POOL_FLAG_NON_PAGED, 32, TAG);
        }
#endif
        return FALSE;
    }
    ExFreePoolWithTag(First, TAG);
    return Caller != 0;
}

#define INNER(a, b)                                                                                \
    static __declspec(noinline) void Caller##a##b(void)                                            \
    {                                                                                              \
        (void)Allocate(0##a##b);                                                                   \
        KeMemoryBarrier();                                                                         \
    }
#define ROW(a) INNER(a, 0) INNER(a, 1) INNER(a, 2) INNER(a, 3)                                     \
    INNER(a, 4) INNER(a, 5) INNER(a, 6) INNER(a, 7)
ROW(0) ROW(1) ROW(2) ROW(3) ROW(4) ROW(5) ROW(6) ROW(7)

#define CALLS(a) Caller##a##0(); Caller##a##1(); Caller##a##2(); Caller##a##3();                   \
    Caller##a##4(); Caller##a##5(); Caller##a##6(); Caller##a##7()

NTSTATUS DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING Path)
{
    UNREFERENCED_PARAMETER(Path);
    Driver->DriverUnload = Unload;
    CALLS(0);
    CALLS(1);
    CALLS(2);
    CALLS(3);
    CALLS(4);
    CALLS(5);
    CALLS(6);
    CALLS(7);
    return STATUS_SUCCESS;
}
