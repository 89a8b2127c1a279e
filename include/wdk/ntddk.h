/* SPDX-License-Identifier: MIT */
/* ntddk.h - alias: here wdm.h declares everything. */
#ifndef WDK_NTDDK_H
#define WDK_NTDDK_H
#define _NTDDK_
#include <wdm.h>
#endif
