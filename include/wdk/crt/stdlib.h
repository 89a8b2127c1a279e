/* SPDX-License-Identifier: MIT */
/*
 * stdlib.h - for drivers only, from a folder of its own so that the engine keeps the system header:
 * only the conversions of wdm_rtl.h exist in a kernel.
 */
#include <ntdef.h>
#include <wdm_rtl.h>
