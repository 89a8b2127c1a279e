/* SPDX-License-Identifier: MIT */
/*
 * The str* functions (text.inc), character classes and the conversions that the kernel exports, for
 * strings of bytes. "C" locale only.
 */
#include "sim/support/support.h"

#define CHAR unsigned char
#define NAME(s) str##s
#define LOW_NAME(s) _str##s
#include "sim/support/text.inc"

int strcasecmp(const CHAR *left, const CHAR *right);
int strncasecmp(const CHAR *left, const CHAR *right, size_t limit);
int toupper(int c);
int tolower(int c);
int isdigit(int c);
int isxdigit(int c);
int isspace(int c);
int islower(int c);
int isupper(int c);
int isalpha(int c);
int isalnum(int c);
int isprint(int c);
int atoi(const CHAR *text);
int atol(const CHAR *text);

/* Names clang may substitute for the underscore ones. */
SUPPORT_WEAK int strcasecmp(const CHAR *left, const CHAR *right)
{
    return compare(left, right, SIZE_MAX, true, SUPPORT_CALLER);
}

SUPPORT_WEAK int strncasecmp(const CHAR *left, const CHAR *right, size_t limit)
{
    return compare(left, right, limit, true, SUPPORT_CALLER);
}

static inline bool in(int c, int low, int high)
{
    return c >= low && c <= high;
}

#define CLASS(name, condition)                                                                     \
    SUPPORT_WEAK int name(int c)                                                                   \
    {                                                                                              \
        return (condition) ? 1 : 0;                                                                \
    }

CLASS(isdigit, in(c, '0', '9'))
CLASS(isxdigit, in(c, '0', '9') || in(c | 32, 'a', 'f'))
CLASS(isspace, c == ' ' || in(c, '\t', '\r'))
CLASS(islower, in(c, 'a', 'z'))
CLASS(isupper, in(c, 'A', 'Z'))
CLASS(isalpha, in(c, 'A', 'Z') || in(c, 'a', 'z'))
CLASS(isalnum, in(c, 'A', 'Z') || in(c, 'a', 'z') || in(c, '0', '9'))
CLASS(isprint, in(c, ' ', '~'))

SUPPORT_WEAK int toupper(int c)
{
    return in(c, 'a', 'z') ? c - 32 : c;
}

SUPPORT_WEAK int tolower(int c)
{
    return in(c, 'A', 'Z') ? c + 32 : c;
}

static inline int number(const CHAR *at, struct support_caller caller)
{
    while (get(at, caller) == ' ' || in(*at, '\t', '\r')) {
        at++;
    }
    bool is_negative = *at == '-';
    if (*at == '-' || *at == '+') {
        at++;
    }
    unsigned value = 0; /* wraps, as the original does */
    for (; in(get(at, caller), '0', '9'); at++) {
        value = value * 10 + (unsigned)(*at - '0');
    }
    return (int)(is_negative ? 0u - value : value);
}

SUPPORT_WEAK int atoi(const CHAR *text)
{
    return number(text, SUPPORT_CALLER);
}

/* LONG has 32 bits. */
SUPPORT_WEAK int atol(const CHAR *text)
{
    return number(text, SUPPORT_CALLER);
}
