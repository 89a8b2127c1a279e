/* SPDX-License-Identifier: MIT */
/* NtStrSafe.h - ntstrsafe.h as drivers from a case-insensitive file system spell it. */
#include <ntstrsafe.h>
