/* SPDX-License-Identifier: MIT */
/*
 * string.h - for drivers only, from a folder of its own so that the engine keeps the system header:
 * the mem* and str* functions are declared in wdm_rtl.h.
 */
#include <ntdef.h>
#include <wdm_rtl.h>
