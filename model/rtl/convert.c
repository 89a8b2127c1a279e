/* SPDX-License-Identifier: MIT */
/*
 * Numbers, identifiers and UTF-8 from and to text.
 */
#include "model/rtl/rtl.h"

#include <string.h>

/* ---- integers ---- */

/* Value of a digit in any base up to 36, or 36. */
static unsigned digit_value(WCHAR c)
{
    WCHAR upper = rtl_upcase(c);
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    return upper >= 'A' && upper <= 'Z' ? (unsigned)(upper - 'A') + 10 : 36;
}

struct reader {
    const void *text;
    size_t count, at;
    bool is_wide;
};

/* The next character, 0 at the end. */
static WCHAR peek(const struct reader *r)
{
    if (r->at >= r->count) {
        return 0;
    }
    return r->is_wide ? ((const WCHAR *)r->text)[r->at]
                      : (WCHAR)((const unsigned char *)r->text)[r->at];
}

/* Base 0 asks the text: 0x, 0o and 0b name one, otherwise it is 10. */
static ULONG read_base(struct reader *r, ULONG base)
{
    WCHAR mark;
    if (base != 0 || peek(r) != '0') {
        return base != 0 ? base : 10;
    }
    r->at++;
    mark = rtl_downcase(peek(r));
    base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
    if (base != 10) {
        r->at++;
    }
    return base;
}

static NTSTATUS read_integer(struct reader *r, ULONG base, ULONG *value)
{
    bool is_negative;
    ULONG result = 0;
    while (peek(r) != 0 && peek(r) <= ' ') {
        r->at++;
    }
    is_negative = peek(r) == '-';
    if (peek(r) == '-' || peek(r) == '+') {
        r->at++;
    }
    base = read_base(r, base);
    if (base != 2 && base != 8 && base != 10 && base != 16) {
        return STATUS_INVALID_PARAMETER;
    }
    while (digit_value(peek(r)) < base) {
        result = result * base + digit_value(peek(r));
        r->at++;
    }
    *value = is_negative ? 0u - result : result;
    return STATUS_SUCCESS;
}

NTSTATUS RtlUnicodeStringToInteger(PCUNICODE_STRING String, ULONG Base, PULONG Value)
{
    struct sim *s = model_enter(ROUTINE_RtlUnicodeStringToInteger);
    struct reader r = {.is_wide = true};
    rtl_check_unicode(s, String, "String");
    model_touch(s, Value, sizeof(*Value), "Value");
    r.text = String->Buffer;
    r.count = String->Length / sizeof(WCHAR);
    return model_leave_status(s, read_integer(&r, Base, Value));
}

NTSTATUS RtlCharToInteger(PCSTR String, ULONG Base, PULONG Value)
{
    struct sim *s = model_enter(ROUTINE_RtlCharToInteger);
    struct reader r = {.text = String};
    r.count = rtl_length(s, String, 128, "String");
    model_touch(s, Value, sizeof(*Value), "Value");
    return model_leave_status(s, read_integer(&r, Base, Value));
}

static NTSTATUS write_integer(struct sim *s, uint64_t value, ULONG base, PUNICODE_STRING string)
{
    WCHAR digit[64];
    size_t count = 0;
    base = base == 0 ? 10 : base;
    if (base != 2 && base != 8 && base != 10 && base != 16) {
        return STATUS_INVALID_PARAMETER;
    }
    do {
        digit[count++] = (WCHAR) "0123456789ABCDEF"[value % base];
        value /= base;
    } while (value != 0);
    model_touch(s, string, sizeof(*string), "String");
    if (count * sizeof(WCHAR) > string->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    model_touch(s, string->Buffer, count * sizeof(WCHAR), "String");
    for (size_t i = 0; i < count; i++) {
        string->Buffer[i] = digit[count - 1 - i];
    }
    string->Length = (USHORT)(count * sizeof(WCHAR));
    if ((count + 1) * sizeof(WCHAR) <= string->MaximumLength) {
        model_touch(s, string->Buffer, (count + 1) * sizeof(WCHAR), "String");
        string->Buffer[count] = 0;
    }
    return STATUS_SUCCESS;
}

NTSTATUS RtlIntegerToUnicodeString(ULONG Value, ULONG Base, PUNICODE_STRING String)
{
    struct sim *s = model_enter(ROUTINE_RtlIntegerToUnicodeString);
    return model_leave_status(s, write_integer(s, Value, Base, String));
}

NTSTATUS RtlInt64ToUnicodeString(ULONGLONG Value, ULONG Base, PUNICODE_STRING String)
{
    struct sim *s = model_enter(ROUTINE_RtlInt64ToUnicodeString);
    return model_leave_status(s, write_integer(s, Value, Base, String));
}

/* ---- identifiers: {00112233-4455-6677-8899-AABBCCDDEEFF} ---- */

enum { GUID_LENGTH = 38, GUID_TAG = 'G' | 'u' << 8 | 'i' << 16 | 'd' << 24 };

/* Byte of the structure for each pair of digits of the text. */
static const UCHAR guid_order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
/* Where the pairs stand in the text. */
static const UCHAR guid_place[16] = {1, 3, 5, 7, 10, 12, 15, 17, 20, 22, 25, 27, 29, 31, 33, 35};

NTSTATUS RtlStringFromGUID(REFGUID Guid, PUNICODE_STRING GuidString)
{
    struct sim *s = model_enter(ROUTINE_RtlStringFromGUID);
    const UCHAR *bytes = (const UCHAR *)Guid;
    WCHAR *text;
    model_touch(s, Guid, sizeof(*Guid), "Guid");
    model_touch(s, GuidString, sizeof(*GuidString), "GuidString");
    text = rtl_allocate(s, (GUID_LENGTH + 1) * sizeof(WCHAR), GUID_TAG);
    if (text == NULL) {
        return model_leave_status(s, STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < GUID_LENGTH; i++) {
        text[i] = '-';
    }
    text[0] = '{';
    text[GUID_LENGTH - 1] = '}';
    text[GUID_LENGTH] = 0;
    for (size_t i = 0; i < 16; i++) {
        UCHAR byte = bytes[guid_order[i]];
        text[guid_place[i]] = (WCHAR) "0123456789ABCDEF"[byte >> 4];
        text[guid_place[i] + 1] = (WCHAR) "0123456789ABCDEF"[byte & 15];
    }
    GuidString->Buffer = text;
    GuidString->Length = GUID_LENGTH * sizeof(WCHAR);
    GuidString->MaximumLength = (GUID_LENGTH + 1) * sizeof(WCHAR);
    return model_leave_status(s, STATUS_SUCCESS);
}

static bool is_guid_shape(const UNICODE_STRING *string)
{
    const WCHAR *text = string->Buffer;
    return string->Length == GUID_LENGTH * sizeof(WCHAR) && text[0] == '{' &&
           text[GUID_LENGTH - 1] == '}' && text[9] == '-' && text[14] == '-' && text[19] == '-' &&
           text[24] == '-';
}

NTSTATUS RtlGUIDFromString(PCUNICODE_STRING GuidString, GUID *Guid)
{
    struct sim *s = model_enter(ROUTINE_RtlGUIDFromString);
    UCHAR bytes[16];
    rtl_check_unicode(s, GuidString, "GuidString");
    model_touch(s, Guid, sizeof(*Guid), "Guid");
    if (!is_guid_shape(GuidString)) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    for (size_t i = 0; i < 16; i++) {
        unsigned high = digit_value(GuidString->Buffer[guid_place[i]]);
        unsigned low = digit_value(GuidString->Buffer[guid_place[i] + 1]);
        if (high > 15 || low > 15) {
            return model_leave_status(s, STATUS_INVALID_PARAMETER);
        }
        bytes[guid_order[i]] = (UCHAR)(high << 4 | low);
    }
    memcpy(Guid, bytes, sizeof(bytes));
    return model_leave_status(s, STATUS_SUCCESS);
}

/* ---- UTF-8 ---- */

enum { REPLACEMENT = 0xfffd };

/* One character at source[*at]; malformed bytes give the replacement character one by one. */
static uint32_t decode_utf8(const UCHAR *source, size_t size, size_t *at, bool *is_malformed)
{
    UCHAR first = source[(*at)++];
    unsigned more = first < 0x80 ? 0 : first < 0xc2 ? 4 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    uint32_t value = first < 0x80 ? first : first & (0x3fu >> more);
    if (more == 4 || first > 0xf4 || *at + more > size) {
        *is_malformed = true;
        return REPLACEMENT;
    }
    for (unsigned i = 0; i < more; i++) {
        if ((source[*at + i] & 0xc0) != 0x80) {
            *is_malformed = true;
            return REPLACEMENT;
        }
        value = value << 6 | (source[*at + i] & 0x3fu);
    }
    if ((more == 2 && (value < 0x800 || value >> 11 == 0x1b)) ||
        (more == 3 && (value < 0x10000 || value > 0x10ffff))) {
        *is_malformed = true;
        return REPLACEMENT;
    }
    *at += more;
    return value;
}

NTSTATUS RtlUTF8ToUnicodeN(PWSTR Destination, ULONG MaxBytes, PULONG ActualBytes, PCCH Source,
                           ULONG SourceBytes)
{
    struct sim *s = model_enter(ROUTINE_RtlUTF8ToUnicodeN);
    size_t written = 0, at = 0;
    bool is_malformed = false;
    model_touch(s, Source, SourceBytes, "Source");
    while (at < SourceBytes) {
        uint32_t c = decode_utf8((const UCHAR *)Source, SourceBytes, &at, &is_malformed);
        size_t units = c > 0xffff ? 2 : 1;
        if (Destination != NULL && (written + units) * sizeof(WCHAR) > MaxBytes) {
            model_touch(s, ActualBytes, sizeof(*ActualBytes), "ActualBytes");
            *ActualBytes = (ULONG)(written * sizeof(WCHAR));
            return model_leave_status(s, STATUS_BUFFER_TOO_SMALL);
        }
        if (Destination != NULL) {
            model_touch(s, Destination + written, units * sizeof(WCHAR), "Destination");
            Destination[written] = (WCHAR)(units == 1 ? c : 0xd7c0 + (c >> 10));
            if (units == 2) {
                Destination[written + 1] = (WCHAR)(0xdc00 | (c & 0x3ff));
            }
        }
        written += units;
    }
    if (ActualBytes != NULL) {
        model_touch(s, ActualBytes, sizeof(*ActualBytes), "ActualBytes");
        *ActualBytes = (ULONG)(written * sizeof(WCHAR));
    }
    return model_leave_status(s, is_malformed ? STATUS_SOME_NOT_MAPPED : STATUS_SUCCESS);
}

static uint32_t decode_utf16(const WCHAR *source, size_t count, size_t *at, bool *is_malformed)
{
    uint32_t c = source[(*at)++];
    if (c >> 10 == 0x36 && *at < count && source[*at] >> 10 == 0x37) {
        return 0x10000 + ((c & 0x3ff) << 10 | (source[(*at)++] & 0x3ffu));
    }
    if (c >> 11 == 0x1b) {
        *is_malformed = true;
        return REPLACEMENT;
    }
    return c;
}

static size_t encode_utf8(uint32_t c, UCHAR out[4])
{
    size_t count = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const UCHAR mark[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = count; i-- > 1;) {
        out[i] = (UCHAR)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    out[0] = (UCHAR)(mark[count] | c);
    return count;
}

NTSTATUS RtlUnicodeToUTF8N(PCHAR Destination, ULONG MaxBytes, PULONG ActualBytes, PCWCH Source,
                           ULONG SourceBytes)
{
    struct sim *s = model_enter(ROUTINE_RtlUnicodeToUTF8N);
    size_t written = 0, at = 0, count = SourceBytes / sizeof(WCHAR);
    bool is_malformed = false;
    NTSTATUS status = STATUS_SUCCESS;
    model_touch(s, Source, SourceBytes, "Source");
    while (at < count) {
        UCHAR bytes[4];
        size_t size = encode_utf8(decode_utf16(Source, count, &at, &is_malformed), bytes);
        if (Destination != NULL && written + size > MaxBytes) {
            status = STATUS_BUFFER_TOO_SMALL;
            break;
        }
        if (Destination != NULL) {
            model_touch(s, Destination + written, size, "Destination");
            memcpy(Destination + written, bytes, size);
        }
        written += size;
    }
    if (ActualBytes != NULL) {
        model_touch(s, ActualBytes, sizeof(*ActualBytes), "ActualBytes");
        *ActualBytes = (ULONG)written;
    }
    if (NT_SUCCESS(status) && is_malformed) {
        status = STATUS_SOME_NOT_MAPPED;
    }
    return model_leave_status(s, status);
}
