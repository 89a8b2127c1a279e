/* SPDX-License-Identifier: MIT */
/* Wdm.h - wdm.h as drivers from a case-insensitive file system spell it. */
#include <wdm.h>
