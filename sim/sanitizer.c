/* SPDX-License-Identifier: MIT */
/*
 * Options of an engine that is itself built with AddressSanitizer. A run takes no memory from
 * malloc, and what lives as long as the process is no leak.
 */
#include "base.h"

SIM_EXPORT const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
