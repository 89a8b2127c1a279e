/* SPDX-License-Identifier: MIT */
/*
 * Rtl: strings, formatting, debug output, conversions, time, bits, tables, one-time initialisation,
 * a registry that is empty, security descriptors. Internal interface.
 */
#ifndef MODEL_RTL_RTL_H
#define MODEL_RTL_RTL_H

#include "model/model.h"

/*
 * Entry and exit of what is no routine of the kernel but code that every driver has inside (C run
 * time, block operations): no trace, no scheduling point; the site is remembered for findings.
 */
#define rtl_enter_quiet(routine)                                                                   \
    rtl_enter_quiet_at((routine), (uintptr_t)__builtin_return_address(0),                          \
                       (uintptr_t)__builtin_frame_address(0))
static inline struct sim *rtl_enter_quiet_at(enum model_routine routine, uintptr_t site,
                                             uintptr_t frame)
{
    struct sim *s = sim_current;
    s->current->site = site;
    s->current->frame = frame;
    s->current->routine = (uint16_t)routine;
    return s;
}
static inline void rtl_leave_quiet(struct sim *s)
{
    s->current->routine = ROUTINE_None;
}

/* ---- formatting (format.c) ---- */

/* Where formatted text goes; characters beyond the capacity are counted, not stored. */
struct rtl_text {
    void *buffer;    /* CHAR or WCHAR */
    size_t capacity; /* characters */
    size_t length;   /* of the whole text, whether it fitted or not */
    bool is_wide;    /* of the buffer */
};

/* What to do about text arguments in bad memory. */
enum rtl_strictness {
    RTL_STRICT,  /* the run ends with the memory rule */
    RTL_LENIENT, /* "(bad pointer)": for output that must not change the run */
};

struct rtl_arguments {
    va_list list;
};

/*
 * Formats as the kernel's printf does. format is CHAR or WCHAR like the output. No terminator is
 * written.
 */
void rtl_format(struct sim *s, struct rtl_text *out, const void *format,
                struct rtl_arguments *arguments, enum rtl_strictness strictness);
/* Does the format need Unicode tables: %C %S %lc %ls %wc %ws %wZ (KRN-060)? */
bool rtl_format_is_unicode(const char *format);

/* ---- debug output (debug.c) ---- */

/* One line of DbgPrint; kept only when the run keeps its trace. */
struct rtl_debug_line {
    uint64_t seq; /* of the last trace event before it: the call itself */
    const char *text;
};
const struct rtl_debug_line *rtl_debug_lines(struct sim *s, size_t *count);
void rtl_reset(struct sim *s);

/* ---- system.c ---- */

void rtl_system_reset(struct sim *s);
/* Event tracing providers still registered (KRN-284). ex_check_unload calls it. */
void rtl_check_unload(struct sim *s);

/* ---- text in the driver's memory (text.c) ---- */

/* Length of a terminated text, or limit if there is no terminator before; checks what it reads. */
size_t rtl_length(struct sim *s, const char *text, size_t limit, const char *what);
size_t rtl_length_wide(struct sim *s, const WCHAR *text, size_t limit, const char *what);
/* A counted string and its characters are valid and well formed. */
void rtl_check_unicode(struct sim *s, const UNICODE_STRING *string, const char *what);
void rtl_check_ansi(struct sim *s, const STRING *string, const char *what);
WCHAR rtl_upcase(WCHAR c);
WCHAR rtl_downcase(WCHAR c);

/*
 * Memory that a routine hands out: of paged pool, freed by its counterpart or as pool. NULL on
 * failure.
 */
void *rtl_allocate(struct sim *s, size_t size, ULONG tag);
void rtl_free(struct sim *s, void *p);

#endif
