/* SPDX-License-Identifier: MIT */
/*
 * Bounded copying, appending and measuring of terminated text (ntstrsafe.h), narrow and wide, by
 * bytes and by characters, and the same for counted strings.
 *
 * Every destination stays terminated; what does not fit is cut with STATUS_BUFFER_OVERFLOW.
 */
#include "model/rtl/rtl.h"

#include <ntstrsafe.h>

#include <string.h>

static size_t unit_of(bool is_wide)
{
    return is_wide ? sizeof(WCHAR) : 1;
}

static size_t length_of(struct sim *s, const void *text, bool is_wide, size_t limit,
                        const char *what)
{
    return is_wide ? rtl_length_wide(s, text, limit, what) : rtl_length(s, text, limit, what);
}

/* Copies up to limit characters behind the first `at` of the destination. */
static NTSTATUS copy(struct sim *s, void *dest, size_t at, size_t room, const void *source,
                     size_t limit, bool is_wide)
{
    size_t unit = unit_of(is_wide);
    size_t space = room - at - 1; /* before the terminator */
    size_t length = length_of(s, source, is_wide, space < limit ? space + 1 : limit, "the source");
    size_t fitting = length < space ? length : space;
    char *to = (char *)dest + at * unit;
    model_touch(s, to, (fitting + 1) * unit, "the destination");
    memmove(to, source, fitting * unit);
    memset(to + fitting * unit, 0, unit);
    return length > space ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static NTSTATUS safe_copy(struct sim *s, void *dest, size_t room, const void *source, size_t limit,
                          bool is_wide)
{
    if (room == 0 || room > NTSTRSAFE_MAX_CCH || (limit != SIZE_MAX && limit > NTSTRSAFE_MAX_CCH)) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    return model_leave_status(s, copy(s, dest, 0, room, source, limit, is_wide));
}

static NTSTATUS safe_append(struct sim *s, void *dest, size_t room, const void *source,
                            bool is_wide)
{
    size_t at;
    if (room == 0 || room > NTSTRSAFE_MAX_CCH) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    at = length_of(s, dest, is_wide, room, "the destination");
    if (at == room) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    return model_leave_status(s, copy(s, dest, at, room, source, SIZE_MAX, is_wide));
}

static NTSTATUS safe_length(struct sim *s, const void *text, size_t room, SIZE_T *length,
                            size_t unit, bool is_wide)
{
    size_t count = 0;
    NTSTATUS status = STATUS_SUCCESS;
    if (text == NULL || room > NTSTRSAFE_MAX_CCH) {
        status = STATUS_INVALID_PARAMETER;
    } else {
        count = length_of(s, text, is_wide, room, "the text");
        status = count == room ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
    }
    if (length != NULL) {
        model_touch(s, length, sizeof(*length), "the length");
        *length = NT_SUCCESS(status) ? count * unit : 0;
    }
    return model_leave_status(s, status);
}

/* unit: bytes of what sizes count in the Cb forms, 1 in the Cch forms. */
#define COPY(name, CHARACTER, TEXT, wide, unit)                                                    \
    NTSTATUS name(CHARACTER *Dest, SIZE_T Room, TEXT Source)                                       \
    {                                                                                              \
        struct sim *s = model_enter(ROUTINE_RtlStringCopy);                                        \
        return safe_copy(s, Dest, Room / (unit), Source, SIZE_MAX, wide);                          \
    }
#define COPY_N(name, CHARACTER, TEXT, wide, unit)                                                  \
    NTSTATUS name(CHARACTER *Dest, SIZE_T Room, TEXT Source, SIZE_T Limit)                         \
    {                                                                                              \
        struct sim *s = model_enter(ROUTINE_RtlStringCopy);                                        \
        return safe_copy(s, Dest, Room / (unit), Source, Limit / (unit), wide);                    \
    }
#define APPEND(name, CHARACTER, TEXT, wide, unit)                                                  \
    NTSTATUS name(CHARACTER *Dest, SIZE_T Room, TEXT Source)                                       \
    {                                                                                              \
        struct sim *s = model_enter(ROUTINE_RtlStringCat);                                         \
        return safe_append(s, Dest, Room / (unit), Source, wide);                                  \
    }
#define LENGTH(name, TEXT, wide, unit)                                                             \
    NTSTATUS name(TEXT Text, SIZE_T Room, SIZE_T *Length)                                          \
    {                                                                                              \
        struct sim *s = model_enter(ROUTINE_RtlStringLength);                                      \
        return safe_length(s, Text, Room / (unit), Length, unit, wide);                            \
    }

COPY(RtlStringCbCopyA, CHAR, PCSTR, false, 1)
COPY(RtlStringCbCopyW, WCHAR, PCWSTR, true, sizeof(WCHAR))
COPY(RtlStringCchCopyA, CHAR, PCSTR, false, 1)
COPY(RtlStringCchCopyW, WCHAR, PCWSTR, true, 1)
COPY_N(RtlStringCbCopyNA, CHAR, PCSTR, false, 1)
COPY_N(RtlStringCbCopyNW, WCHAR, PCWSTR, true, sizeof(WCHAR))
COPY_N(RtlStringCchCopyNA, CHAR, PCSTR, false, 1)
COPY_N(RtlStringCchCopyNW, WCHAR, PCWSTR, true, 1)
APPEND(RtlStringCbCatA, CHAR, PCSTR, false, 1)
APPEND(RtlStringCbCatW, WCHAR, PCWSTR, true, sizeof(WCHAR))
APPEND(RtlStringCchCatA, CHAR, PCSTR, false, 1)
APPEND(RtlStringCchCatW, WCHAR, PCWSTR, true, 1)
LENGTH(RtlStringCbLengthA, PCSTR, false, 1)
LENGTH(RtlStringCbLengthW, PCWSTR, true, sizeof(WCHAR))
LENGTH(RtlStringCchLengthA, PCSTR, false, 1)
LENGTH(RtlStringCchLengthW, PCWSTR, true, 1)

/* ---- counted strings ---- */

NTSTATUS RtlUnicodeStringInit(PUNICODE_STRING Dest, PCWSTR Source)
{
    struct sim *s = model_enter(ROUTINE_RtlInitUnicodeString);
    size_t length = 0;
    model_touch(s, Dest, sizeof(*Dest), "DestinationString");
    memset(Dest, 0, sizeof(*Dest));
    if (Source != NULL) {
        length = rtl_length_wide(s, Source, NTSTRSAFE_UNICODE_STRING_MAX_CCH, "the source");
        if (length == NTSTRSAFE_UNICODE_STRING_MAX_CCH) {
            return model_leave_status(s, STATUS_INVALID_PARAMETER);
        }
        Dest->Length = (USHORT)(length * sizeof(WCHAR));
        Dest->MaximumLength = (USHORT)((length + 1) * sizeof(WCHAR));
        Dest->Buffer = (PWCH)Source;
    }
    return model_leave_status(s, STATUS_SUCCESS);
}

/* Copies behind the first `at` bytes; what does not fit is cut. */
static NTSTATUS counted_copy(struct sim *s, PUNICODE_STRING dest, size_t at, const WCHAR *source,
                             size_t bytes)
{
    size_t space, fitting;
    if (at > dest->MaximumLength) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    space = (dest->MaximumLength - at) & ~(size_t)1;
    fitting = bytes < space ? bytes : space;
    model_touch(s, (char *)dest->Buffer + at, fitting, "DestinationString");
    memmove((char *)dest->Buffer + at, source, fitting);
    dest->Length = (USHORT)(at + fitting);
    return model_leave_status(s, bytes > space ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS);
}

NTSTATUS RtlUnicodeStringCopy(PUNICODE_STRING Dest, PCUNICODE_STRING Source)
{
    struct sim *s = model_enter(ROUTINE_RtlUnicodeStringCopy);
    model_touch(s, Dest, sizeof(*Dest), "DestinationString");
    rtl_check_unicode(s, Source, "SourceString");
    return counted_copy(s, Dest, 0, Source->Buffer, Source->Length);
}

NTSTATUS RtlUnicodeStringCopyString(PUNICODE_STRING Dest, PCWSTR Source)
{
    struct sim *s = model_enter(ROUTINE_RtlUnicodeStringCopy);
    size_t length;
    model_touch(s, Dest, sizeof(*Dest), "DestinationString");
    length = rtl_length_wide(s, Source, NTSTRSAFE_UNICODE_STRING_MAX_CCH, "the source");
    return counted_copy(s, Dest, 0, Source, length * sizeof(WCHAR));
}

NTSTATUS RtlUnicodeStringCat(PUNICODE_STRING Dest, PCUNICODE_STRING Source)
{
    struct sim *s = model_enter(ROUTINE_RtlUnicodeStringCopy);
    rtl_check_unicode(s, Dest, "DestinationString");
    rtl_check_unicode(s, Source, "SourceString");
    return counted_copy(s, Dest, Dest->Length, Source->Buffer, Source->Length);
}

NTSTATUS RtlUnicodeStringCatString(PUNICODE_STRING Dest, PCWSTR Source)
{
    struct sim *s = model_enter(ROUTINE_RtlUnicodeStringCopy);
    size_t length;
    rtl_check_unicode(s, Dest, "DestinationString");
    length = rtl_length_wide(s, Source, NTSTRSAFE_UNICODE_STRING_MAX_CCH, "the source");
    return counted_copy(s, Dest, Dest->Length, Source, length * sizeof(WCHAR));
}

NTSTATUS RtlUnicodeStringValidate(PCUNICODE_STRING Source)
{
    struct sim *s = model_enter(ROUTINE_RtlStringLength);
    bool is_valid;
    model_touch(s, Source, sizeof(*Source), "SourceString");
    is_valid = Source->Length % sizeof(WCHAR) == 0 && Source->MaximumLength % sizeof(WCHAR) == 0 &&
               Source->Length <= Source->MaximumLength &&
               (Source->Buffer != NULL || Source->MaximumLength == 0);
    return model_leave_status(s, is_valid ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
}
