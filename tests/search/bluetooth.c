/* SPDX-License-Identifier: MIT */
/*
 * The bluetooth driver model as a driver of ours: a request that comes in while the device stops.
 * -DFIXED checks for the stop again after it has counted itself.
 */
#include "../verdicts/verdict.h"

static struct {
    volatile LONG PendingIo, StoppingFlag, StoppingEvent, Stopped;
} Device;
static PVOID Threads[2];
static KSTART_ROUTINE Adder, Stopper;

static void Release(void)
{
    if (InterlockedDecrement(&Device.PendingIo) == 0) {
        Device.StoppingEvent = 1;
    }
}

static void Adder(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
#ifdef FIXED
    InterlockedIncrement(&Device.PendingIo);
    if (Device.StoppingFlag == 0) {
#else
    if (Device.StoppingFlag == 0) {
        InterlockedIncrement(&Device.PendingIo);
#endif
        if (Device.Stopped) {
            KeBugCheckEx(0xB1, 0, 0, 0, 0);
        }
#ifndef FIXED
    }
    Release();
#else
    }
    Release();
#endif
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void Stopper(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    Device.StoppingFlag = 1;
    Release();
    if (Device.StoppingEvent) {
        Device.Stopped = 1;
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS Begin(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    Device.PendingIo = 1;
    Threads[0] = StartThread(Adder, NULL);
    Threads[1] = StartThread(Stopper, NULL);
    return STATUS_SUCCESS;
}

static void End(void)
{
    for (int i = 0; i < 2; i++) {
        if (Threads[i] != NULL) {
            JoinThread(Threads[i]);
        }
    }
}
