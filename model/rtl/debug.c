/* SPDX-License-Identifier: MIT */
/*
 * Debug output, assertions and break points of the driver.
 *
 * The text of DbgPrint is made only when the run keeps its trace; otherwise the format alone is
 * looked at (KRN-060). Making it must not change the run: bad arguments print as "(bad pointer)"
 * instead of being reported, and the number that DbgPrint returns is always STATUS_SUCCESS.
 *
 * Limit: DEBUG_BYTES of text and DEBUG_LINES lines per run; what comes later is dropped.
 */
#include "model/rtl/rtl.h"

#include "model/ke/ke.h"

#include <string.h>

enum { DEBUG_BYTES = 64 * 1024, DEBUG_LINES = 1024, LINE_MAX = 512 }; /* 512: as Windows */

static struct {
    size_t used;
    size_t count;
    char text[DEBUG_BYTES];
    struct rtl_debug_line line[DEBUG_LINES];
} debug;

void rtl_reset(struct sim *s)
{
    debug.used = 0;
    debug.count = 0;
    rtl_system_reset(s);
}

const struct rtl_debug_line *rtl_debug_lines(struct sim *s, size_t *count)
{
    (void)s;
    *count = debug.count;
    return debug.line;
}

static void keep(struct sim *s, const char *prefix, const char *format, va_list list)
{
    char *text = debug.text + debug.used;
    size_t room = DEBUG_BYTES - debug.used;
    struct rtl_text out = {.buffer = text};
    struct rtl_arguments arguments;
    if (debug.count == DEBUG_LINES || room < LINE_MAX + 1) {
        return;
    }
    out.capacity = LINE_MAX;
    va_copy(arguments.list, list);
    if (prefix != NULL) {
        rtl_format(s, &out, prefix, &arguments, RTL_LENIENT); /* a prefix has no arguments */
    }
    rtl_format(s, &out, format, &arguments, RTL_LENIENT);
    va_end(arguments.list);
    if (out.length > LINE_MAX) {
        out.length = LINE_MAX;
    }
    text[out.length] = '\0';
    debug.line[debug.count++] = (struct rtl_debug_line){.seq = s->seq, .text = text};
    debug.used += out.length + 1;
}

static ULONG print(struct sim *s, const char *prefix, const char *format, va_list list)
{
    (void)rtl_length(s, format, LINE_MAX * 8, "the format");
    if (ke_irql(s) > PASSIVE_LEVEL && rtl_format_is_unicode(format)) {
        model_fail(s, RULE_KRN_060, 0, NULL, "%s with a Unicode format at IRQL %u",
                   model_routine_name(s->current->routine), ke_irql(s));
    }
    model_exercised(s, RULE_KRN_060);
    if (s->options.trace) {
        keep(s, prefix, format, list);
    }
    model_leave(s);
    return STATUS_SUCCESS;
}

ULONG DbgPrint(PCSTR Format, ...)
{
    struct sim *s = model_enter(ROUTINE_DbgPrint);
    ULONG status;
    va_list list;
    va_start(list, Format);
    status = print(s, NULL, Format, list);
    va_end(list);
    return status;
}

ULONG DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...)
{
    struct sim *s = model_enter(ROUTINE_DbgPrintEx);
    ULONG status;
    va_list list;
    (void)ComponentId;
    (void)Level;
    va_start(list, Format);
    status = print(s, NULL, Format, list);
    va_end(list);
    return status;
}

ULONG vDbgPrintEx(ULONG ComponentId, ULONG Level, PCCH Format, va_list Arguments)
{
    struct sim *s = model_enter(ROUTINE_vDbgPrintEx);
    (void)ComponentId;
    (void)Level;
    return print(s, NULL, Format, Arguments);
}

ULONG vDbgPrintExWithPrefix(PCCH Prefix, ULONG ComponentId, ULONG Level, PCCH Format,
                            va_list Arguments)
{
    struct sim *s = model_enter(ROUTINE_vDbgPrintEx);
    (void)ComponentId;
    (void)Level;
    (void)rtl_length(s, Prefix, LINE_MAX * 8, "the prefix");
    return print(s, strchr(Prefix, '%') == NULL ? Prefix : NULL, Format, Arguments);
}

/* ---- the driver stops itself ---- */

/* At most size - 1 characters of a text of the driver; its end if it is a path and too long. */
static const char *quote(const char *text, char *out, size_t size)
{
    size_t length = 0, skip;
    if (text == NULL) {
        return "";
    }
    while (length < 4096 && sim_memory_ok(text + length, 1, NULL) && text[length] != '\0') {
        length++;
    }
    skip = length >= size ? length - (size - 1) : 0;
    memcpy(out, text + skip, length - skip);
    out[length - skip] = '\0';
    return out;
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

void RtlAssert(PVOID FailedAssertion, PVOID FileName, ULONG LineNumber, PCHAR Message)
{
    struct sim *s = model_enter(ROUTINE_RtlAssert);
    char expression[160], file[128], message[128];
    quote(FileName, file, sizeof(file));
    model_fail(s, RULE_SYS_ASSERT, 0, NULL, "assertion failed: %s (%s:%u)%s%s",
               quote(FailedAssertion, expression, sizeof(expression)),
               file_name(FileName != NULL ? file : ""), LineNumber, Message != NULL ? ": " : "",
               quote(Message, message, sizeof(message)));
}

void DbgBreakPoint(void)
{
    struct sim *s = model_enter(ROUTINE_DbgBreakPoint);
    model_fail(s, RULE_SYS_BUGCHECK, 0, NULL, "the driver executes DbgBreakPoint; no debugger");
}

void RtlFailFast(ULONG Code)
{
    struct sim *s = model_enter(ROUTINE_RtlFailFast);
    if (Code == FAST_FAIL_CORRUPT_LIST_ENTRY) {
        model_fail(s, RULE_KRN_306, 0, NULL,
                   "a list is damaged: neighbours of an entry do not point to it");
    }
    model_fail(s, RULE_SYS_BUGCHECK, 0, NULL, "the driver fails fast with code %u", Code);
}

/* PAGED_CODE: no scheduling point, since on a machine it is not even there in a release build. */
void WdkPagedCode(const char *Function)
{
    struct sim *s = rtl_enter_quiet(ROUTINE_WdkPagedCode);
    char name[96];
    if (ke_irql(s) > APC_LEVEL) {
        model_fail(s, RULE_KRN_052, 0, NULL, "pageable code of %s runs at IRQL %u",
                   quote(Function, name, sizeof(name)), ke_irql(s));
    }
    model_exercised(s, RULE_KRN_052);
    rtl_leave_quiet(s);
}
