/* SPDX-License-Identifier: MIT */
/*
 * The wcs* functions (text.inc) for WCHAR, 16 bits wide. A driver must never reach the host's C
 * library with these: its characters have 32 bits.
 */
#include "sim/support/support.h"

#define CHAR uint16_t
#define NAME(s) wcs##s
#define LOW_NAME(s) _wcs##s
#include "sim/support/text.inc"

CHAR towlower(CHAR c);
CHAR towupper(CHAR c);
CHAR *wmemcpy(CHAR *to, const CHAR *from, size_t count);
CHAR *wmemset(CHAR *to, CHAR value, size_t count);

SUPPORT_WEAK CHAR towlower(CHAR c)
{
    return lower(c);
}

SUPPORT_WEAK CHAR towupper(CHAR c)
{
    return upper(c);
}

SUPPORT_WEAK CHAR *wmemcpy(CHAR *to, const CHAR *from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put(to + i, get(from + i, SUPPORT_CALLER), SUPPORT_CALLER);
    }
    return to;
}

SUPPORT_WEAK CHAR *wmemset(CHAR *to, CHAR value, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put(to + i, value, SUPPORT_CALLER);
    }
    return to;
}
