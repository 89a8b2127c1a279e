/* SPDX-License-Identifier: MIT */
/* Wsk.h - wsk.h as drivers from a case-insensitive file system spell it. */
#include <wsk.h>
