/* SPDX-License-Identifier: MIT */
/*
 * What all string routines share: reading text of the driver with checks, case of characters, and
 * memory that a routine hands out.
 *
 * Limit: upper and lower case are known for Latin-1, Greek and Cyrillic; other characters have
 * none.
 */
#include "model/rtl/rtl.h"

#include "model/ex/ex.h"

/* Bytes from p to the end of its granule of the validity map, if they are all valid; else 0. */
static size_t valid_ahead(const void *p)
{
    size_t ahead = 8 - ((uintptr_t)p & 7);
    return sim_memory_ok(p, ahead, NULL) ? ahead : 0;
}

size_t rtl_length(struct sim *s, const char *text, size_t limit, const char *what)
{
    size_t checked = 0;
    for (size_t i = 0; i < limit; i++) {
        if (i >= checked) {
            size_t ahead = valid_ahead(text + i);
            if (ahead == 0) {
                model_touch(s, text + i, 1, what);
                ahead = 1;
            }
            checked = i + ahead;
        }
        if (text[i] == '\0') {
            return i;
        }
    }
    return limit;
}

size_t rtl_length_wide(struct sim *s, const WCHAR *text, size_t limit, const char *what)
{
    size_t checked = 0;
    for (size_t i = 0; i < limit; i++) {
        if (i >= checked) {
            size_t ahead = valid_ahead(text + i) / sizeof(WCHAR);
            if (ahead == 0) {
                model_touch(s, text + i, sizeof(WCHAR), what);
                ahead = 1;
            }
            checked = i + ahead;
        }
        if (text[i] == 0) {
            return i;
        }
    }
    return limit;
}

void rtl_check_unicode(struct sim *s, const UNICODE_STRING *string, const char *what)
{
    model_touch(s, string, sizeof(*string), what);
    if (string->Length != 0) {
        model_touch(s, string->Buffer, string->Length, what);
    }
}

void rtl_check_ansi(struct sim *s, const STRING *string, const char *what)
{
    model_touch(s, string, sizeof(*string), what);
    if (string->Length != 0) {
        model_touch(s, string->Buffer, string->Length, what);
    }
}

WCHAR rtl_upcase(WCHAR c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 0xe0 && c <= 0xfe && c != 0xf7)) {
        return (WCHAR)(c - 0x20);
    }
    if ((c >= 0x3b1 && c <= 0x3c9 && c != 0x3c2) || (c >= 0x430 && c <= 0x44f)) {
        return (WCHAR)(c - 0x20);
    }
    if (c >= 0x450 && c <= 0x45f) {
        return (WCHAR)(c - 0x50);
    }
    return c == 0xff ? 0x178 : c;
}

WCHAR rtl_downcase(WCHAR c)
{
    if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7)) {
        return (WCHAR)(c + 0x20);
    }
    if ((c >= 0x391 && c <= 0x3a9 && c != 0x3a2) || (c >= 0x410 && c <= 0x42f)) {
        return (WCHAR)(c + 0x20);
    }
    if (c >= 0x400 && c <= 0x40f) {
        return (WCHAR)(c + 0x50);
    }
    return c == 0x178 ? 0xff : c;
}

void *rtl_allocate(struct sim *s, size_t size, ULONG tag)
{
    return ex_alloc(s, size, BLOCK_PAGED, tag, false, true, NULL);
}

void rtl_free(struct sim *s, void *p)
{
    struct sim_block *block = sim_block_find(s, (uintptr_t)p);
    if (block == NULL || block->base != (uintptr_t)p ||
        (block->kind != BLOCK_PAGED && block->kind != BLOCK_NONPAGED)) {
        model_fail(s, RULE_KRN_196, 0, NULL, "%s: the buffer was not allocated by the system",
                   model_routine_name(s->current->routine));
    }
    if (block->state != SIM_BLOCK_LIVE) {
        model_fail(s, RULE_KRN_195, block->object, &block->died,
                   "%s: the buffer was freed before by %s", model_routine_name(s->current->routine),
                   model_routine_name(block->died.routine));
    }
    ex_free(s, block);
}
