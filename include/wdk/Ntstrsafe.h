/* SPDX-License-Identifier: MIT */
/* Ntstrsafe.h - ntstrsafe.h as drivers from a case-insensitive file system spell it. */
#include <ntstrsafe.h>
