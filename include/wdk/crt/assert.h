/* SPDX-License-Identifier: MIT */
/*
 * assert.h - for drivers only, from a folder of its own so that the engine keeps the system header:
 * assert is the kernel's ASSERT.
 */
#include <ntdef.h>
#include <wdm_rtl.h>
#undef assert
#define assert(e) ((void)ASSERT(e))
