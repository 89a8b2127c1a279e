/* SPDX-License-Identifier: MIT */
/*
 * The formatting routines of ntstrsafe.h, all in terms of rtl_format. They always terminate
 * (counted strings excepted) and say STATUS_BUFFER_OVERFLOW when they cut. The printf family of the
 * C run time is part of every module (sim/support/format.c).
 */
#include "model/rtl/rtl.h"

#include <ntstrsafe.h>

#include <string.h>

/* One safe call: where to, how much room (in characters), and what the Ex forms add. */
struct target {
    void *buffer;
    SIZE_T room;
    bool is_wide;
    ULONG flags;
    SIZE_T written; /* characters before the terminator */
};

static size_t unit_of(bool is_wide)
{
    return is_wide ? sizeof(WCHAR) : 1;
}

static void terminate(const struct target *t, SIZE_T at)
{
    if (t->is_wide) {
        ((WCHAR *)t->buffer)[at] = 0;
    } else {
        ((char *)t->buffer)[at] = '\0';
    }
}

/* STRSAFE_...: what becomes of the rest, or of everything after a failure. */
static void apply_flags(struct target *t, NTSTATUS status)
{
    char *bytes = t->buffer;
    size_t unit = unit_of(t->is_wide);
    if (NT_SUCCESS(status)) {
        if ((t->flags & STRSAFE_FILL_BEHIND_NULL) != 0) {
            memset(bytes + (t->written + 1) * unit, (int)(t->flags & 0xff),
                   (t->room - t->written - 1) * unit);
        }
        return;
    }
    if ((t->flags & (STRSAFE_NULL_ON_FAILURE | STRSAFE_NO_TRUNCATION)) != 0) {
        t->written = 0;
        terminate(t, 0);
    }
    if ((t->flags & STRSAFE_FILL_ON_FAILURE) != 0) {
        memset(bytes, (int)(t->flags & 0xff), t->room * unit);
        t->written = t->room - 1;
        terminate(t, t->written);
    }
}

/* Formats into the first `room` characters; only what will be written must be valid. */
static void format_into(struct sim *s, struct rtl_text *text, const void *format, va_list list,
                        size_t room)
{
    struct rtl_arguments arguments;
    text->capacity = 0; /* how long will it be? */
    va_copy(arguments.list, list);
    rtl_format(s, text, format, &arguments, RTL_STRICT);
    va_end(arguments.list);
    text->capacity = text->length < room ? text->length : room;
    if (text->capacity != 0) {
        model_touch(s, text->buffer, text->capacity * unit_of(text->is_wide), "the destination");
        text->length = 0;
        va_copy(arguments.list, list);
        rtl_format(s, text, format, &arguments, RTL_STRICT);
        va_end(arguments.list);
    }
}

static NTSTATUS print(struct sim *s, struct target *t, const void *format, va_list list)
{
    struct rtl_text text = {.buffer = t->buffer, .is_wide = t->is_wide};
    NTSTATUS status;
    t->written = 0;
    if (t->room == 0 || t->room > NTSTRSAFE_MAX_CCH) {
        return STATUS_INVALID_PARAMETER;
    }
    if (format != NULL || (t->flags & STRSAFE_IGNORE_NULLS) == 0) {
        format_into(s, &text, format, list, t->room - 1);
    }
    t->written = text.capacity;
    model_touch(s, (char *)t->buffer + t->written * unit_of(t->is_wide), unit_of(t->is_wide),
                "the destination");
    terminate(t, t->written);
    status = text.length > text.capacity ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
    apply_flags(t, status);
    return status;
}

/* The format is read by rtl_format without checks: its memory is looked at here. */
static void check_format(struct sim *s, const void *format, bool is_wide)
{
    if (format == NULL) {
        model_touch(s, format, 1, "the format");
    }
    if (is_wide) {
        (void)rtl_length_wide(s, format, NTSTRSAFE_MAX_CCH, "the format");
    } else {
        (void)rtl_length(s, format, NTSTRSAFE_MAX_CCH, "the format");
    }
}

static NTSTATUS safe_print(struct sim *s, void *dest, SIZE_T room, bool is_wide, const void *format,
                           va_list list)
{
    struct target t = {.buffer = dest, .room = room, .is_wide = is_wide};
    check_format(s, format, is_wide);
    return model_leave_status(s, print(s, &t, format, list));
}

#define PRINT(name, CHARACTER, TEXT, wide, unit, routine)                                          \
    NTSTATUS name(CHARACTER *Dest, SIZE_T Room, TEXT Format, ...)                                  \
    {                                                                                              \
        struct sim *s = model_enter(routine);                                                      \
        NTSTATUS status;                                                                           \
        va_list list;                                                                              \
        va_start(list, Format);                                                                    \
        status = safe_print(s, Dest, Room / (unit), wide, Format, list);                           \
        va_end(list);                                                                              \
        return status;                                                                             \
    }
#define VPRINT(name, CHARACTER, TEXT, wide, unit, routine)                                         \
    NTSTATUS name(CHARACTER *Dest, SIZE_T Room, TEXT Format, va_list Arguments)                    \
    {                                                                                              \
        struct sim *s = model_enter(routine);                                                      \
        return safe_print(s, Dest, Room / (unit), wide, Format, Arguments);                        \
    }
#define PRINT_EX(name, CHARACTER, TEXT, wide, unit, routine)                                       \
    NTSTATUS name(CHARACTER *Dest, SIZE_T Room, CHARACTER **DestEnd, SIZE_T *Remaining,            \
                  ULONG Flags, TEXT Format, ...)                                                   \
    {                                                                                              \
        struct sim *s = model_enter(routine);                                                      \
        struct target t = {                                                                        \
            .buffer = Dest, .room = Room / (unit), .is_wide = wide, .flags = Flags};               \
        NTSTATUS status;                                                                           \
        va_list list;                                                                              \
        if (Format != NULL || (Flags & STRSAFE_IGNORE_NULLS) == 0) {                               \
            check_format(s, Format, wide);                                                         \
        }                                                                                          \
        va_start(list, Format);                                                                    \
        status = print(s, &t, Format, list);                                                       \
        va_end(list);                                                                              \
        if (DestEnd != NULL) {                                                                     \
            model_touch(s, DestEnd, sizeof(*DestEnd), "DestEnd");                                  \
            *DestEnd = Dest + t.written;                                                           \
        }                                                                                          \
        if (Remaining != NULL) {                                                                   \
            model_touch(s, Remaining, sizeof(*Remaining), "Remaining");                            \
            *Remaining = (t.room - t.written) * (unit);                                            \
        }                                                                                          \
        return model_leave_status(s, status);                                                      \
    }

PRINT(RtlStringCbPrintfA, CHAR, PCSTR, false, 1, ROUTINE_RtlStringCbPrintf)
PRINT(RtlStringCbPrintfW, WCHAR, PCWSTR, true, sizeof(WCHAR), ROUTINE_RtlStringCbPrintf)
PRINT(RtlStringCchPrintfA, CHAR, PCSTR, false, 1, ROUTINE_RtlStringCchPrintf)
PRINT(RtlStringCchPrintfW, WCHAR, PCWSTR, true, 1, ROUTINE_RtlStringCchPrintf)
VPRINT(RtlStringCbVPrintfA, CHAR, PCSTR, false, 1, ROUTINE_RtlStringCbPrintf)
VPRINT(RtlStringCbVPrintfW, WCHAR, PCWSTR, true, sizeof(WCHAR), ROUTINE_RtlStringCbPrintf)
VPRINT(RtlStringCchVPrintfA, CHAR, PCSTR, false, 1, ROUTINE_RtlStringCchPrintf)
VPRINT(RtlStringCchVPrintfW, WCHAR, PCWSTR, true, 1, ROUTINE_RtlStringCchPrintf)
PRINT_EX(RtlStringCbPrintfExA, CHAR, PCSTR, false, 1, ROUTINE_RtlStringCbPrintf)
PRINT_EX(RtlStringCbPrintfExW, WCHAR, PCWSTR, true, sizeof(WCHAR), ROUTINE_RtlStringCbPrintf)
PRINT_EX(RtlStringCchPrintfExA, CHAR, PCSTR, false, 1, ROUTINE_RtlStringCchPrintf)
PRINT_EX(RtlStringCchPrintfExW, WCHAR, PCWSTR, true, 1, ROUTINE_RtlStringCchPrintf)

/* ---- counted strings ---- */

static NTSTATUS counted_print(struct sim *s, PUNICODE_STRING dest, PCWSTR format, va_list list)
{
    struct rtl_text text = {.is_wide = true};
    model_touch(s, dest, sizeof(*dest), "DestinationString");
    check_format(s, format, true);
    text.buffer = dest->Buffer;
    format_into(s, &text, format, list, dest->MaximumLength / sizeof(WCHAR));
    dest->Length = (USHORT)(text.capacity * sizeof(WCHAR));
    return model_leave_status(s, text.length > text.capacity ? STATUS_BUFFER_OVERFLOW
                                                             : STATUS_SUCCESS);
}

NTSTATUS RtlUnicodeStringPrintf(PUNICODE_STRING Dest, PCWSTR Format, ...)
{
    struct sim *s = model_enter(ROUTINE_RtlUnicodeStringPrintf);
    NTSTATUS status;
    va_list list;
    va_start(list, Format);
    status = counted_print(s, Dest, Format, list);
    va_end(list);
    return status;
}

NTSTATUS RtlUnicodeStringVPrintf(PUNICODE_STRING Dest, PCWSTR Format, va_list Arguments)
{
    struct sim *s = model_enter(ROUTINE_RtlUnicodeStringPrintf);
    return counted_print(s, Dest, Format, Arguments);
}
