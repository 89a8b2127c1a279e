/* SPDX-License-Identifier: MIT */
/* A driver that compiles only if definitions, include folders and the driver's headers arrive. */
#include <ntddk.h>

#include "mine.h"
#include "mine.tmh"

C_ASSERT(ANSWER == 42 && sizeof(WORDS) == 10 && sizeof(L"x") == 4);

DRIVER_INITIALIZE DriverEntry;

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    UNREFERENCED_PARAMETER(driver);
    UNREFERENCED_PARAMETER(path);
    return MINE_STATUS;
}
