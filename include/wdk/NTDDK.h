/* SPDX-License-Identifier: MIT */
/* NTDDK.h - ntddk.h as drivers from a case-insensitive file system spell it. */
#include <ntddk.h>
