/* SPDX-License-Identifier: MIT */
/*
 * stdio.h - for drivers only, from a folder of its own so that the engine keeps the system header:
 * only the formatting functions of wdm_rtl.h exist in a kernel.
 */
#include <ntdef.h>
#include <wdm_rtl.h>
