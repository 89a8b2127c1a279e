/* SPDX-License-Identifier: MIT */
/*
 * The printf family of the kernel's C library, narrow and wide: sprintf, _snprintf, _vsnprintf,
 * swprintf, _snwprintf, _vsnwprintf.
 *
 * One formatter serves both widths; characters travel as 16 bits. The underscore functions return
 * -1 when the text does not fit, and end it with zero only if there is room. Sizes are Windows': %d
 * and %ld 32 bits, %I64d and %lld 64; %s is of the width of the format, %S of the other, %hs
 * narrow, %ws wide, %wZ a counted string. A pointer is 16 digits.
 *
 * Limits: no floating point (a driver at raised IRQL has none): its argument is taken and "?" is
 * written.
 */
#include "sim/support/support.h"

#include <stdarg.h>

struct counted_string {
    uint16_t length, capacity; /* in bytes */
    const void *text;
};

struct sink {
    uintptr_t to;
    size_t room, used; /* in characters */
    bool is_wide;
    struct support_caller caller;
};

struct directive {
    bool left, plus, space, zero, alternate, has_precision, is_upper;
    int width, precision;
    unsigned bytes; /* of an integer argument */
    bool is_narrow, is_wide;
};

static uint16_t char_at(uintptr_t text, size_t index, bool is_wide, struct support_caller caller)
{
    uintptr_t at = text + (is_wide ? index * 2 : index);
    support_check(at, is_wide ? 2 : 1, false, caller);
    return is_wide ? *(const uint16_t *)at : *(const uint8_t *)at;
}

static void emit(struct sink *sink, uint16_t c)
{
    if (sink->used < sink->room) {
        uintptr_t at = sink->to + (sink->is_wide ? sink->used * 2 : sink->used);
        support_check(at, sink->is_wide ? 2 : 1, true, sink->caller);
        if (sink->is_wide) {
            *(uint16_t *)at = c;
        } else {
            *(uint8_t *)at = (uint8_t)c;
        }
    }
    sink->used++;
}

static void repeat(struct sink *sink, uint16_t c, int count)
{
    for (int i = 0; i < count; i++) {
        emit(sink, c);
    }
}

static void emit_string(struct sink *sink, const struct directive *d, uintptr_t text, size_t limit,
                        bool is_wide)
{
    static const char null_text[] = "(null)";
    if (text == 0) {
        text = (uintptr_t)null_text;
        limit = sizeof null_text - 1;
        is_wide = false;
    }
    if (d->has_precision && (size_t)d->precision < limit) {
        limit = (size_t)d->precision;
    }
    size_t length = 0;
    while (length < limit && char_at(text, length, is_wide, sink->caller) != 0) {
        length++;
    }
    int padding = length < (size_t)d->width ? d->width - (int)length : 0;
    repeat(sink, d->zero && !d->left ? '0' : ' ', d->left ? 0 : padding);
    for (size_t i = 0; i < length; i++) {
        emit(sink, char_at(text, i, is_wide, sink->caller));
    }
    repeat(sink, ' ', d->left ? padding : 0);
}

static void emit_number(struct sink *sink, const struct directive *d, uint64_t value,
                        bool is_negative, unsigned base)
{
    char digits[24], prefix[2];
    int count = 0, prefix_count = 0;
    if (base == 16 && d->alternate && value != 0) {
        prefix[prefix_count++] = '0';
        prefix[prefix_count++] = d->is_upper ? 'X' : 'x';
    } else if (is_negative || d->plus || d->space) {
        prefix[prefix_count++] = is_negative ? '-' : d->plus ? '+' : ' ';
    }
    for (; value != 0; value /= base) {
        unsigned digit = (unsigned)(value % base);
        digits[count++] = (char)(digit < 10 ? '0' + digit : (d->is_upper ? 'A' : 'a') + digit - 10);
    }
    int wanted = d->has_precision ? d->precision : 1;
    int zeros = count < wanted ? wanted - count : 0;
    int padding = d->width - prefix_count - zeros - count;
    if (d->zero && !d->left && !d->has_precision && padding > 0) {
        zeros += padding;
        padding = 0;
    }
    repeat(sink, ' ', d->left ? 0 : padding);
    for (int i = 0; i < prefix_count; i++) {
        emit(sink, (uint8_t)prefix[i]);
    }
    repeat(sink, '0', zeros);
    while (count > 0) {
        emit(sink, (uint8_t)digits[--count]);
    }
    repeat(sink, ' ', d->left ? padding : 0);
}

struct reader {
    uintptr_t text;
    size_t at;
    bool is_wide;
    struct support_caller caller;
};

static uint16_t peek(const struct reader *r, size_t ahead)
{
    return char_at(r->text, r->at + ahead, r->is_wide, r->caller);
}

static int read_count(struct reader *r, va_list *arguments)
{
    if (peek(r, 0) == '*') {
        r->at++;
        return va_arg(*arguments, int);
    }
    int value = 0;
    for (uint16_t c; (c = peek(r, 0)) >= '0' && c <= '9'; r->at++) {
        value = value < 100000 ? value * 10 + (c - '0') : value;
    }
    return value;
}

static void read_flags(struct reader *r, struct directive *d)
{
    for (;; r->at++) {
        switch (peek(r, 0)) {
        case '-': d->left = true; break;
        case '+': d->plus = true; break;
        case ' ': d->space = true; break;
        case '0': d->zero = true; break;
        case '#': d->alternate = true; break;
        default: return;
        }
    }
}

static void read_size(struct reader *r, struct directive *d)
{
    d->bytes = 4;
    for (;; r->at++) {
        switch (peek(r, 0)) {
        case 'h':
            d->bytes = d->is_narrow ? 1 : 2;
            d->is_narrow = true;
            break;
        case 'l':
            d->bytes = d->is_wide ? 8 : 4;
            d->is_wide = true;
            break;
        case 'w': d->is_wide = true; break;
        case 'j':
        case 'z':
        case 't': d->bytes = 8; break;
        case 'I':
            d->bytes = 8;
            if (peek(r, 1) == '6' && peek(r, 2) == '4') {
                r->at += 2;
            } else if (peek(r, 1) == '3' && peek(r, 2) == '2') {
                d->bytes = 4;
                r->at += 2;
            }
            break;
        default: return;
        }
    }
}

static void convert_signed(struct sink *sink, const struct directive *d, va_list *arguments)
{
    int64_t value = d->bytes == 8 ? va_arg(*arguments, int64_t) : va_arg(*arguments, int32_t);
    value = d->bytes == 2 ? (int16_t)value : d->bytes == 1 ? (int8_t)value : value;
    emit_number(sink, d, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0, 10);
}

static void convert_unsigned(struct sink *sink, struct directive *d, va_list *arguments,
                             unsigned base)
{
    uint64_t value = d->bytes == 8 ? va_arg(*arguments, uint64_t) : va_arg(*arguments, uint32_t);
    value = d->bytes == 2 ? (uint16_t)value : d->bytes == 1 ? (uint8_t)value : value;
    d->plus = d->space = false;
    emit_number(sink, d, value, false, base);
}

static void convert_pointer(struct sink *sink, struct directive *d, va_list *arguments)
{
    d->has_precision = d->is_upper = true;
    d->precision = 16;
    d->bytes = 8;
    convert_unsigned(sink, d, arguments, 16);
}

static void convert_text(struct sink *sink, const struct directive *d, va_list *arguments,
                         uint16_t letter)
{
    /* Capital letters mean the other width; a size prefix decides either way. */
    bool is_other = letter == 'C' || letter == 'S';
    bool is_wide = d->is_wide || (!d->is_narrow && sink->is_wide != is_other);
    if (letter == 'c' || letter == 'C') {
        uint16_t c = (uint16_t)va_arg(*arguments, int);
        uint16_t text[1] = {is_wide ? c : (uint8_t)c};
        struct directive one = *d;
        repeat(sink, ' ', one.left ? 0 : one.width - 1);
        emit(sink, text[0]);
        repeat(sink, ' ', one.left ? one.width - 1 : 0);
    } else if (letter == 'Z') {
        const struct counted_string *string = va_arg(*arguments, const struct counted_string *);
        uintptr_t text = 0;
        size_t length = 0;
        if (string != NULL) {
            support_check((uintptr_t)string, sizeof *string, false, sink->caller);
            text = (uintptr_t)string->text;
            length = d->is_wide ? string->length / 2u : string->length;
        }
        emit_string(sink, d, text, length, d->is_wide);
    } else {
        emit_string(sink, d, va_arg(*arguments, uintptr_t), SUPPORT_LENGTH_MAX, is_wide);
    }
}

/* One directive; the percent sign has been read. */
static void convert(struct sink *sink, struct reader *r, va_list *arguments)
{
    struct directive d = {0};
    read_flags(r, &d);
    d.width = read_count(r, arguments);
    if (d.width < 0) {
        d.left = true;
        d.width = d.width < -100000 ? 100000 : -d.width;
    }
    if (peek(r, 0) == '.') {
        r->at++;
        d.precision = read_count(r, arguments);
        d.has_precision = d.precision >= 0;
    }
    read_size(r, &d);
    uint16_t letter = peek(r, 0);
    if (letter == 0) {
        return;
    }
    r->at++;
    switch (letter) {
    case 'd':
    case 'i': convert_signed(sink, &d, arguments); break;
    case 'u': convert_unsigned(sink, &d, arguments, 10); break;
    case 'o': convert_unsigned(sink, &d, arguments, 8); break;
    case 'X': d.is_upper = true; /* fall through */
    case 'x': convert_unsigned(sink, &d, arguments, 16); break;
    case 'p': convert_pointer(sink, &d, arguments); break;
    case 'c':
    case 'C':
    case 's':
    case 'S':
    case 'Z': convert_text(sink, &d, arguments, letter); break;
    case 'e':
    case 'f':
    case 'g':
        (void)va_arg(*arguments, double);
        emit(sink, '?');
        break;
    default: emit(sink, letter); break;
    }
}

static int format(struct sink *sink, const void *text, va_list source)
{
    struct reader r = {.text = (uintptr_t)text, .is_wide = sink->is_wide, .caller = sink->caller};
    va_list arguments;
    va_copy(arguments, source);
    if (support_is_traced()) {
        support_access(sink->to, 1, true, sink->caller.pc);
    }
    for (uint16_t c; (c = peek(&r, 0)) != 0;) {
        r.at++;
        if (c == '%') {
            convert(sink, &r, &arguments);
        } else {
            emit(sink, c);
        }
    }
    va_end(arguments);
    size_t length = sink->used;
    if (length < sink->room) {
        emit(sink, 0);
    }
    return length <= sink->room ? (int)length : -1;
}

#define SINK(buffer, count, wide)                                                                  \
    struct sink sink = {.to = (uintptr_t)(buffer), .room = (count), .is_wide = (wide),             \
                        .caller = SUPPORT_CALLER}

#define V_PRINT(name, type, wide)                                                                  \
    int name(type *buffer, size_t count, const type *text, va_list arguments);                     \
    SUPPORT_WEAK int name(type *buffer, size_t count, const type *text, va_list arguments)         \
    {                                                                                              \
        SINK(buffer, count, wide);                                                                 \
        return format(&sink, text, arguments);                                                     \
    }

#define PRINT(name, type, wide)                                                                    \
    int name(type *buffer, size_t count, const type *text, ...);                                   \
    SUPPORT_WEAK int name(type *buffer, size_t count, const type *text, ...)                       \
    {                                                                                              \
        SINK(buffer, count, wide);                                                                 \
        va_list arguments;                                                                         \
        va_start(arguments, text);                                                                 \
        int length = format(&sink, text, arguments);                                               \
        va_end(arguments);                                                                         \
        return length;                                                                             \
    }

V_PRINT(_vsnprintf, char, false)
V_PRINT(_vsnwprintf, uint16_t, true)
PRINT(_snprintf, char, false)
PRINT(_snwprintf, uint16_t, true)
PRINT(swprintf, uint16_t, true)

int sprintf(char *buffer, const char *text, ...);
int vsprintf(char *buffer, const char *text, va_list arguments);

SUPPORT_WEAK int sprintf(char *buffer, const char *text, ...)
{
    SINK(buffer, SUPPORT_LENGTH_MAX, false);
    va_list arguments;
    va_start(arguments, text);
    int length = format(&sink, text, arguments);
    va_end(arguments);
    return length;
}

SUPPORT_WEAK int vsprintf(char *buffer, const char *text, va_list arguments)
{
    SINK(buffer, SUPPORT_LENGTH_MAX, false);
    return format(&sink, text, arguments);
}
