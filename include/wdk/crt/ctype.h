/* SPDX-License-Identifier: MIT */
/*
 * ctype.h - for drivers only, from a folder of its own so that the engine keeps the system header:
 * what exists is declared in wdm_rtl.h.
 */
#include <ntdef.h>
#include <wdm_rtl.h>
