/* SPDX-License-Identifier: MIT */
/* Ntifs.h - ntifs.h as drivers from a case-insensitive file system spell it. */
#include <ntifs.h>
