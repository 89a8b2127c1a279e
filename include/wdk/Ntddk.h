/* SPDX-License-Identifier: MIT */
/* Ntddk.h - ntddk.h as drivers from a case-insensitive file system spell it. */
#include <ntddk.h>
