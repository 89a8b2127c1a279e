/* SPDX-License-Identifier: MIT */
/* ntifs.h - alias: here wdm.h declares everything. */
#ifndef WDK_NTIFS_H
#define WDK_NTIFS_H
#define _NTIFS_
#include <ntddk.h>
#endif
