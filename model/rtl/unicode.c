/* SPDX-License-Identifier: MIT */
/*
 * Counted strings: initialise, copy, append, compare, convert between ANSI and Unicode, free.
 *
 * ANSI is Latin-1 here: a Unicode character up to 0xff keeps its code, others become '?'.
 *
 * Invariant: lengths count bytes and never exceed MaximumLength; a buffer the system allocates is
 * paged pool, terminated, and freed by RtlFreeUnicodeString or RtlFreeAnsiString (KRN-195,
 * KRN-196).
 */
#include "model/rtl/rtl.h"

#include <string.h>

enum { STRING_TAG = 'S' | 't' << 8 | 'r' << 16 | 'g' << 24 };
enum { BYTES_MAX = 0xfffe }; /* of a counted string */

/* ---- initialising ---- */

void RtlInitUnicodeString(PUNICODE_STRING Destination, PCWSTR Source)
{
    struct sim *s = model_enter(ROUTINE_RtlInitUnicodeString);
    size_t length = 0;
    model_touch(s, Destination, sizeof(*Destination), "DestinationString");
    if (Source != NULL) {
        length = rtl_length_wide(s, Source, BYTES_MAX / sizeof(WCHAR) - 1, "SourceString");
    }
    Destination->Length = (USHORT)(length * sizeof(WCHAR));
    Destination->MaximumLength = (USHORT)(Source != NULL ? (length + 1) * sizeof(WCHAR) : 0);
    Destination->Buffer = (PWCH)Source;
    model_leave(s);
}

NTSTATUS RtlInitUnicodeStringEx(PUNICODE_STRING Destination, PCWSTR Source)
{
    struct sim *s = model_enter(ROUTINE_RtlInitUnicodeString);
    size_t length = 0;
    model_touch(s, Destination, sizeof(*Destination), "DestinationString");
    memset(Destination, 0, sizeof(*Destination));
    if (Source != NULL) {
        length = rtl_length_wide(s, Source, BYTES_MAX / sizeof(WCHAR), "SourceString");
        if (length == BYTES_MAX / sizeof(WCHAR)) {
            return model_leave_status(s, STATUS_NAME_TOO_LONG);
        }
        Destination->Length = (USHORT)(length * sizeof(WCHAR));
        Destination->MaximumLength = (USHORT)((length + 1) * sizeof(WCHAR));
        Destination->Buffer = (PWCH)Source;
    }
    return model_leave_status(s, STATUS_SUCCESS);
}

static void init_ansi(struct sim *s, PSTRING string, PCSTR source)
{
    size_t length = 0;
    model_touch(s, string, sizeof(*string), "DestinationString");
    if (source != NULL) {
        length = rtl_length(s, source, BYTES_MAX, "SourceString");
    }
    string->Length = (USHORT)length;
    string->MaximumLength = (USHORT)(source != NULL ? length + 1 : 0);
    string->Buffer = (PCHAR)source;
}

void RtlInitString(PSTRING Destination, PCSTR Source)
{
    struct sim *s = model_enter(ROUTINE_RtlInitString);
    init_ansi(s, Destination, Source);
    model_leave(s);
}

void RtlInitAnsiString(PANSI_STRING Destination, PCSTR Source)
{
    struct sim *s = model_enter(ROUTINE_RtlInitAnsiString);
    init_ansi(s, Destination, Source);
    model_leave(s);
}

NTSTATUS RtlInitAnsiStringEx(PANSI_STRING Destination, PCSTR Source)
{
    struct sim *s = model_enter(ROUTINE_RtlInitAnsiString);
    init_ansi(s, Destination, Source);
    return model_leave_status(s, STATUS_SUCCESS);
}

/* ---- copying and appending ---- */

void RtlCopyUnicodeString(PUNICODE_STRING Destination, PCUNICODE_STRING Source)
{
    struct sim *s = model_enter(ROUTINE_RtlCopyUnicodeString);
    USHORT length = 0;
    model_touch(s, Destination, sizeof(*Destination), "DestinationString");
    if (Source != NULL) {
        rtl_check_unicode(s, Source, "SourceString");
        length = Source->Length < Destination->MaximumLength ? Source->Length
                                                             : Destination->MaximumLength;
        length = (USHORT)(length & ~1u);
        model_touch(s, Destination->Buffer, length, "DestinationString");
        memmove(Destination->Buffer, Source->Buffer, length);
    }
    Destination->Length = length;
    if (length + sizeof(WCHAR) <= Destination->MaximumLength) {
        model_touch(s, Destination->Buffer, length + sizeof(WCHAR), "DestinationString");
        Destination->Buffer[length / sizeof(WCHAR)] = 0;
    }
    model_leave(s);
}

void RtlCopyString(PSTRING Destination, const STRING *Source)
{
    struct sim *s = model_enter(ROUTINE_RtlCopyString);
    USHORT length = 0;
    model_touch(s, Destination, sizeof(*Destination), "DestinationString");
    if (Source != NULL) {
        rtl_check_ansi(s, Source, "SourceString");
        length = Source->Length < Destination->MaximumLength ? Source->Length
                                                             : Destination->MaximumLength;
        model_touch(s, Destination->Buffer, length, "DestinationString");
        memmove(Destination->Buffer, Source->Buffer, length);
    }
    Destination->Length = length;
    model_leave(s);
}

static NTSTATUS append(struct sim *s, PUNICODE_STRING string, const WCHAR *text, size_t bytes)
{
    size_t length;
    rtl_check_unicode(s, string, "Destination");
    length = string->Length + bytes;
    if (length > string->MaximumLength) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    model_touch(s, string->Buffer, length, "Destination");
    memmove((char *)string->Buffer + string->Length, text, bytes);
    string->Length = (USHORT)length;
    if (length + sizeof(WCHAR) <= string->MaximumLength) {
        model_touch(s, string->Buffer, length + sizeof(WCHAR), "Destination");
        string->Buffer[length / sizeof(WCHAR)] = 0;
    }
    return STATUS_SUCCESS;
}

NTSTATUS RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source)
{
    struct sim *s = model_enter(ROUTINE_RtlAppendUnicodeToString);
    size_t length = 0;
    if (Source != NULL) {
        length = rtl_length_wide(s, Source, BYTES_MAX / sizeof(WCHAR), "Source");
    }
    return model_leave_status(s, append(s, Destination, Source, length * sizeof(WCHAR)));
}

NTSTATUS RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PCUNICODE_STRING Source)
{
    struct sim *s = model_enter(ROUTINE_RtlAppendUnicodeStringToString);
    rtl_check_unicode(s, Source, "Source");
    return model_leave_status(s, append(s, Destination, Source->Buffer, Source->Length));
}

/* ---- comparing ---- */

static LONG compare_wide(const UNICODE_STRING *a, const UNICODE_STRING *b, bool ignore_case)
{
    size_t count = (a->Length < b->Length ? a->Length : b->Length) / sizeof(WCHAR);
    for (size_t i = 0; i < count; i++) {
        WCHAR left = ignore_case ? rtl_upcase(a->Buffer[i]) : a->Buffer[i];
        WCHAR right = ignore_case ? rtl_upcase(b->Buffer[i]) : b->Buffer[i];
        if (left != right) {
            return (LONG)left - (LONG)right;
        }
    }
    return (LONG)a->Length - (LONG)b->Length;
}

static LONG compare_narrow(const STRING *a, const STRING *b, bool ignore_case)
{
    size_t count = a->Length < b->Length ? a->Length : b->Length;
    for (size_t i = 0; i < count; i++) {
        WCHAR left = (UCHAR)a->Buffer[i];
        WCHAR right = (UCHAR)b->Buffer[i];
        if (ignore_case) {
            left = rtl_upcase(left);
            right = rtl_upcase(right);
        }
        if (left != right) {
            return (LONG)left - (LONG)right;
        }
    }
    return (LONG)a->Length - (LONG)b->Length;
}

LONG RtlCompareUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2,
                             BOOLEAN CaseInSensitive)
{
    struct sim *s = model_enter(ROUTINE_RtlCompareUnicodeString);
    LONG order;
    rtl_check_unicode(s, String1, "String1");
    rtl_check_unicode(s, String2, "String2");
    order = compare_wide(String1, String2, CaseInSensitive != FALSE);
    model_leave(s);
    return order;
}

BOOLEAN RtlEqualUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2,
                              BOOLEAN CaseInSensitive)
{
    struct sim *s = model_enter(ROUTINE_RtlEqualUnicodeString);
    BOOLEAN is_equal;
    rtl_check_unicode(s, String1, "String1");
    rtl_check_unicode(s, String2, "String2");
    is_equal = compare_wide(String1, String2, CaseInSensitive != FALSE) == 0;
    model_leave(s);
    return is_equal;
}

BOOLEAN RtlPrefixUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2,
                               BOOLEAN CaseInSensitive)
{
    struct sim *s = model_enter(ROUTINE_RtlPrefixUnicodeString);
    UNICODE_STRING start;
    BOOLEAN is_prefix = FALSE;
    rtl_check_unicode(s, String1, "String1");
    rtl_check_unicode(s, String2, "String2");
    if (String1->Length <= String2->Length) {
        start = *String2;
        start.Length = String1->Length;
        is_prefix = compare_wide(String1, &start, CaseInSensitive != FALSE) == 0;
    }
    model_leave(s);
    return is_prefix;
}

LONG RtlCompareString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive)
{
    struct sim *s = model_enter(ROUTINE_RtlCompareString);
    LONG order;
    rtl_check_ansi(s, String1, "String1");
    rtl_check_ansi(s, String2, "String2");
    order = compare_narrow(String1, String2, CaseInSensitive != FALSE);
    model_leave(s);
    return order;
}

BOOLEAN RtlEqualString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive)
{
    struct sim *s = model_enter(ROUTINE_RtlEqualString);
    BOOLEAN is_equal;
    rtl_check_ansi(s, String1, "String1");
    rtl_check_ansi(s, String2, "String2");
    is_equal = compare_narrow(String1, String2, CaseInSensitive != FALSE) == 0;
    model_leave(s);
    return is_equal;
}

/* The documented x65599 hash; the default algorithm is the same one. */
NTSTATUS RtlHashUnicodeString(PCUNICODE_STRING String, BOOLEAN CaseInSensitive, ULONG HashAlgorithm,
                              PULONG HashValue)
{
    struct sim *s = model_enter(ROUTINE_RtlHashUnicodeString);
    ULONG hash = 0;
    rtl_check_unicode(s, String, "String");
    model_touch(s, HashValue, sizeof(*HashValue), "HashValue");
    if (HashAlgorithm > HASH_STRING_ALGORITHM_X65599) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    for (size_t i = 0; i < String->Length / sizeof(WCHAR); i++) {
        WCHAR c = String->Buffer[i];
        hash = hash * 65599 + (CaseInSensitive ? rtl_upcase(c) : c);
    }
    *HashValue = hash;
    return model_leave_status(s, STATUS_SUCCESS);
}

/* ---- case ---- */

WCHAR RtlUpcaseUnicodeChar(WCHAR SourceCharacter)
{
    struct sim *s = model_enter(ROUTINE_RtlUpcaseUnicodeChar);
    model_leave(s);
    return rtl_upcase(SourceCharacter);
}

WCHAR RtlDowncaseUnicodeChar(WCHAR SourceCharacter)
{
    struct sim *s = model_enter(ROUTINE_RtlDowncaseUnicodeChar);
    model_leave(s);
    return rtl_downcase(SourceCharacter);
}

CHAR RtlUpperChar(CHAR Character)
{
    struct sim *s = model_enter(ROUTINE_RtlUpperChar);
    model_leave(s);
    return Character >= 'a' && Character <= 'z' ? (CHAR)(Character - 0x20) : Character;
}

/* Room for `bytes` and a terminator of `unit` bytes: in the caller's buffer, or allocated. */
static NTSTATUS make_room(struct sim *s, USHORT *maximum, void **buffer, size_t bytes, size_t unit,
                          bool is_allocated)
{
    if (bytes + unit > BYTES_MAX + 1) {
        return STATUS_INVALID_PARAMETER_2;
    }
    if (!is_allocated) {
        if (bytes > *maximum) {
            return STATUS_BUFFER_OVERFLOW;
        }
        model_touch(s, *buffer, bytes, "DestinationString");
        return STATUS_SUCCESS;
    }
    *buffer = rtl_allocate(s, bytes + unit, STRING_TAG);
    if (*buffer == NULL) {
        return STATUS_NO_MEMORY;
    }
    *maximum = (USHORT)(bytes + unit);
    return STATUS_SUCCESS;
}

static void terminate_wide(struct sim *s, PUNICODE_STRING string)
{
    if (string->Length + sizeof(WCHAR) <= string->MaximumLength) {
        model_touch(s, string->Buffer, string->Length + sizeof(WCHAR), "DestinationString");
        string->Buffer[string->Length / sizeof(WCHAR)] = 0;
    }
}

NTSTATUS RtlUpcaseUnicodeString(PUNICODE_STRING Destination, PCUNICODE_STRING Source,
                                BOOLEAN AllocateDestinationString)
{
    struct sim *s = model_enter(ROUTINE_RtlUpcaseUnicodeString);
    NTSTATUS status;
    rtl_check_unicode(s, Source, "SourceString");
    model_touch(s, Destination, sizeof(*Destination), "DestinationString");
    status = make_room(s, &Destination->MaximumLength, (void **)&Destination->Buffer,
                       Source->Length, sizeof(WCHAR), AllocateDestinationString != FALSE);
    if (NT_SUCCESS(status)) {
        for (size_t i = 0; i < Source->Length / sizeof(WCHAR); i++) {
            Destination->Buffer[i] = rtl_upcase(Source->Buffer[i]);
        }
        Destination->Length = Source->Length;
        terminate_wide(s, Destination);
    }
    return model_leave_status(s, status);
}

/* ---- ANSI and Unicode ---- */

NTSTATUS RtlAnsiStringToUnicodeString(PUNICODE_STRING Destination, PCANSI_STRING Source,
                                      BOOLEAN AllocateDestinationString)
{
    struct sim *s = model_enter(ROUTINE_RtlAnsiStringToUnicodeString);
    NTSTATUS status;
    rtl_check_ansi(s, Source, "SourceString");
    model_touch(s, Destination, sizeof(*Destination), "DestinationString");
    status = make_room(s, &Destination->MaximumLength, (void **)&Destination->Buffer,
                       Source->Length * sizeof(WCHAR), sizeof(WCHAR),
                       AllocateDestinationString != FALSE);
    if (NT_SUCCESS(status)) {
        for (size_t i = 0; i < Source->Length; i++) {
            Destination->Buffer[i] = (UCHAR)Source->Buffer[i];
        }
        Destination->Length = (USHORT)(Source->Length * sizeof(WCHAR));
        terminate_wide(s, Destination);
    }
    return model_leave_status(s, status);
}

NTSTATUS RtlUnicodeStringToAnsiString(PANSI_STRING Destination, PCUNICODE_STRING Source,
                                      BOOLEAN AllocateDestinationString)
{
    struct sim *s = model_enter(ROUTINE_RtlUnicodeStringToAnsiString);
    NTSTATUS status;
    size_t count;
    rtl_check_unicode(s, Source, "SourceString");
    model_touch(s, Destination, sizeof(*Destination), "DestinationString");
    count = Source->Length / sizeof(WCHAR);
    status = make_room(s, &Destination->MaximumLength, (void **)&Destination->Buffer, count, 1,
                       AllocateDestinationString != FALSE);
    if (NT_SUCCESS(status)) {
        for (size_t i = 0; i < count; i++) {
            WCHAR c = Source->Buffer[i];
            Destination->Buffer[i] = (CHAR)(c <= 0xff ? c : '?');
        }
        Destination->Length = (USHORT)count;
        if (count < Destination->MaximumLength) {
            model_touch(s, Destination->Buffer, count + 1, "DestinationString");
            Destination->Buffer[count] = '\0';
        }
    }
    return model_leave_status(s, status);
}

ULONG RtlxUnicodeStringToAnsiSize(PCUNICODE_STRING UnicodeString)
{
    struct sim *s = model_enter(ROUTINE_RtlUnicodeStringToAnsiString);
    ULONG size;
    model_touch(s, UnicodeString, sizeof(*UnicodeString), "UnicodeString");
    size = UnicodeString->Length / (ULONG)sizeof(WCHAR) + 1;
    model_leave(s);
    return size;
}

ULONG RtlxAnsiStringToUnicodeSize(PCANSI_STRING AnsiString)
{
    struct sim *s = model_enter(ROUTINE_RtlAnsiStringToUnicodeString);
    ULONG size;
    model_touch(s, AnsiString, sizeof(*AnsiString), "AnsiString");
    size = (AnsiString->Length + 1u) * (ULONG)sizeof(WCHAR);
    model_leave(s);
    return size;
}

void RtlFreeUnicodeString(PUNICODE_STRING UnicodeString)
{
    struct sim *s = model_enter(ROUTINE_RtlFreeUnicodeString);
    model_touch(s, UnicodeString, sizeof(*UnicodeString), "UnicodeString");
    if (UnicodeString->Buffer != NULL) {
        rtl_free(s, UnicodeString->Buffer);
        memset(UnicodeString, 0, sizeof(*UnicodeString));
    }
    model_leave(s);
}

void RtlFreeAnsiString(PANSI_STRING AnsiString)
{
    struct sim *s = model_enter(ROUTINE_RtlFreeAnsiString);
    model_touch(s, AnsiString, sizeof(*AnsiString), "AnsiString");
    if (AnsiString->Buffer != NULL) {
        rtl_free(s, AnsiString->Buffer);
        memset(AnsiString, 0, sizeof(*AnsiString));
    }
    model_leave(s);
}
