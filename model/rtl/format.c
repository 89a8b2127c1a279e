/* SPDX-License-Identifier: MIT */
/*
 * The kernel's printf, for narrow and wide text alike.
 *
 *     %[-+ 0#][width|*][.precision|*][hh h l ll w I I32 I64 z t j L]type
 *     d i u o x X p    integers (l is 32 bits; I without digits, z, t are 64)
 *     c C s S          characters and texts: the capital means the other width; h and l, w choose
 *     one
 *     Z                ANSI_STRING *, with w or l UNICODE_STRING *
 *
 * Nothing here depends on locale or host: %p is 16 hexadecimal digits, characters beyond ASCII
 * become '?' in narrow text and keep their code in wide text.
 *
 * Limits: no floating point (a kernel has none): such an argument prints as "(float)". %n is
 * ignored.
 */
#include "model/rtl/rtl.h"

#include <string.h>

enum size_word { SIZE_INT, SIZE_CHAR, SIZE_SHORT, SIZE_LONG, SIZE_64 };

struct spec {
    bool minus, plus, space, zero, hash;
    int width, precision; /* precision -1 = none */
    enum size_word size;
    bool is_wide_word, is_narrow_word; /* l or w; h */
    char type;
};

static void put(struct rtl_text *out, WCHAR c);
static void put_integer(struct rtl_text *out, const struct spec *f, struct rtl_arguments *a);

static WCHAR format_at(const void *format, bool is_wide, size_t i)
{
    return is_wide ? ((const WCHAR *)format)[i] : (WCHAR)((const unsigned char *)format)[i];
}

static void put(struct rtl_text *out, WCHAR c)
{
    if (out->length < out->capacity) {
        if (out->is_wide) {
            ((WCHAR *)out->buffer)[out->length] = c;
        } else {
            ((char *)out->buffer)[out->length] = (char)(c < 0x80 ? c : '?');
        }
    }
    out->length++;
}

static void put_many(struct rtl_text *out, WCHAR c, int count)
{
    while (count-- > 0) {
        put(out, c);
    }
}

/* ---- numbers ---- */

static uint64_t fetch_integer(const struct spec *f, struct rtl_arguments *a, bool *is_negative)
{
    bool is_signed = f->type == 'd' || f->type == 'i';
    int64_t value;
    if (f->type == 'p' || f->size == SIZE_64) {
        value = va_arg(a->list, long long);
    } else {
        int word = va_arg(a->list, int);
        value = is_signed ? word : (int64_t)(uint32_t)word;
        if (f->size == SIZE_SHORT) {
            value = is_signed ? (int64_t)(short)word : (int64_t)(unsigned short)word;
        } else if (f->size == SIZE_CHAR) {
            value = is_signed ? (int64_t)(signed char)word : (int64_t)(unsigned char)word;
        }
    }
    *is_negative = is_signed && value < 0;
    return *is_negative ? 0 - (uint64_t)value : (uint64_t)value;
}

/* Digits, last first; returns how many. */
static int digits_of(uint64_t value, const struct spec *f, char out[32])
{
    bool is_hex = f->type == 'x' || f->type == 'X' || f->type == 'p';
    unsigned base = f->type == 'o' ? 8 : is_hex ? 16 : 10;
    const char *digit = f->type == 'x' ? "0123456789abcdef" : "0123456789ABCDEF";
    int count = 0;
    do {
        out[count++] = digit[value % base];
        value /= base;
    } while (value != 0);
    return count;
}

static void put_integer(struct rtl_text *out, const struct spec *f, struct rtl_arguments *a)
{
    bool is_negative;
    uint64_t value = fetch_integer(f, a, &is_negative);
    char digit[32];
    int count = digits_of(value, f, digit);
    int least = f->type == 'p' ? 16 : f->precision;
    bool is_hex = f->type == 'x' || f->type == 'X';
    const char *prefix = "";
    int zeros, blanks;
    if (f->precision == 0 && value == 0 && f->type != 'p') {
        count = 0;
    }
    if (f->type == 'd' || f->type == 'i') {
        prefix = is_negative ? "-" : f->plus ? "+" : f->space ? " " : "";
    } else if (f->hash && value != 0) {
        prefix = is_hex ? (f->type == 'x' ? "0x" : "0X") : f->type == 'o' ? "0" : "";
    }
    zeros = least > count ? least - count : 0;
    blanks = f->width - zeros - count - (int)strlen(prefix);
    if (f->zero && !f->minus && f->precision < 0 && blanks > 0) {
        zeros += blanks;
        blanks = 0;
    }
    put_many(out, ' ', f->minus ? 0 : blanks);
    for (const char *p = prefix; *p != '\0'; p++) {
        put(out, (WCHAR)*p);
    }
    put_many(out, '0', zeros);
    while (count > 0) {
        put(out, (WCHAR)digit[--count]);
    }
    put_many(out, ' ', f->minus ? blanks : 0);
}

/* ---- text ---- */

/* Reads one character of an argument; false if its memory is bad (and the caller is lenient). */
static bool fetch_character(struct sim *s, const void *text, bool is_wide, size_t i,
                            enum rtl_strictness strictness, WCHAR *c)
{
    const char *p = (const char *)text + i * (is_wide ? sizeof(WCHAR) : 1);
    size_t size = is_wide ? sizeof(WCHAR) : 1;
    if (strictness == RTL_STRICT) {
        model_touch(s, p, size, "a text argument");
    } else if (!sim_memory_ok(p, size, NULL)) {
        return false;
    }
    *c = is_wide ? *(const WCHAR *)(const void *)p : (WCHAR) * (const unsigned char *)p;
    return true;
}

/*
 * limit is the number of characters, or that of the precision; a terminator ends it if
 * is_terminated.
 */
static void put_text(struct sim *s, struct rtl_text *out, const struct spec *f, const void *text,
                     bool is_wide, size_t limit, bool is_terminated, enum rtl_strictness strictness)
{
    size_t length = 0;
    WCHAR c = 0;
    if (f->precision >= 0 && (size_t)f->precision < limit) {
        limit = (size_t)f->precision;
    }
    while (length < limit) {
        if (!fetch_character(s, text, is_wide, length, strictness, &c)) {
            text = "(bad pointer)";
            length = strlen(text);
            is_wide = false;
            strictness = RTL_LENIENT;
            for (size_t i = 0; i < length; i++) {
                put(out, (WCHAR)((const char *)text)[i]);
            }
            return;
        }
        if (is_terminated && c == 0) {
            break;
        }
        length++;
    }
    put_many(out, ' ', f->minus ? 0 : f->width - (int)length);
    for (size_t i = 0; i < length; i++) {
        fetch_character(s, text, is_wide, i, strictness, &c);
        put(out, c);
    }
    put_many(out, ' ', f->minus ? f->width - (int)length : 0);
}

/* Text of ours inside the output: "(null)". */
static void put_own(struct rtl_text *out, const struct spec *f, const char *text)
{
    int length = (int)strlen(text);
    put_many(out, ' ', f->minus ? 0 : f->width - length);
    for (int i = 0; i < length; i++) {
        put(out, (WCHAR)text[i]);
    }
    put_many(out, ' ', f->minus ? f->width - length : 0);
}

static bool is_wide_argument(const struct spec *f, bool is_wide_format)
{
    if (f->is_wide_word) {
        return true;
    }
    if (f->is_narrow_word) {
        return false;
    }
    return f->type == 'S' || f->type == 'C' ? !is_wide_format : is_wide_format;
}

static void put_string(struct sim *s, struct rtl_text *out, const struct spec *f, bool is_wide,
                       struct rtl_arguments *a, enum rtl_strictness strictness)
{
    const void *text = va_arg(a->list, const void *);
    if (text == NULL) {
        put_own(out, f, "(null)");
        return;
    }
    put_text(s, out, f, text, is_wide_argument(f, is_wide), SIZE_MAX, true, strictness);
}

static void put_counted(struct sim *s, struct rtl_text *out, const struct spec *f,
                        struct rtl_arguments *a, enum rtl_strictness strictness)
{
    const UNICODE_STRING *string = va_arg(a->list, const UNICODE_STRING *);
    bool is_wide = f->is_wide_word;
    if (string == NULL) {
        put_own(out, f, "(null)");
        return;
    }
    if (strictness == RTL_STRICT) {
        model_touch(s, string, sizeof(*string), "a string argument");
    } else if (!sim_memory_ok(string, sizeof(*string), NULL)) {
        put_own(out, f, "(bad pointer)");
        return;
    }
    if (string->Buffer == NULL) {
        put_own(out, f, "(null)");
        return;
    }
    put_text(s, out, f, string->Buffer, is_wide, string->Length / (is_wide ? sizeof(WCHAR) : 1),
             false, strictness);
}

static void put_character(struct rtl_text *out, const struct spec *f, bool is_wide,
                          struct rtl_arguments *a)
{
    WCHAR c = (WCHAR)va_arg(a->list, int);
    if (!is_wide_argument(f, is_wide)) {
        c &= 0xff;
    }
    put_many(out, ' ', f->minus ? 0 : f->width - 1);
    put(out, c);
    put_many(out, ' ', f->minus ? f->width - 1 : 0);
}

/* ---- the format ---- */

static size_t read_number(const void *format, bool is_wide, size_t i, struct rtl_arguments *a,
                          int *value)
{
    if (format_at(format, is_wide, i) == '*') {
        *value = va_arg(a->list, int);
        return i + 1;
    }
    *value = 0;
    for (; format_at(format, is_wide, i) >= '0' && format_at(format, is_wide, i) <= '9'; i++) {
        *value = *value < 10000 ? *value * 10 + (format_at(format, is_wide, i) - '0') : *value;
    }
    return i;
}

static size_t read_flags(const void *format, bool is_wide, size_t i, struct spec *f)
{
    for (;; i++) {
        switch (format_at(format, is_wide, i)) {
        case '-':
            f->minus = true;
            break;
        case '+':
            f->plus = true;
            break;
        case ' ':
            f->space = true;
            break;
        case '0':
            f->zero = true;
            break;
        case '#':
            f->hash = true;
            break;
        default:
            return i;
        }
    }
}

/* "I64", "I32", or "I" alone, which is as wide as a pointer. */
static size_t read_i(const void *format, bool is_wide, size_t i, struct spec *f)
{
    WCHAR first = format_at(format, is_wide, i);
    WCHAR second = first != 0 ? format_at(format, is_wide, i + 1) : 0;
    f->size = SIZE_64;
    if (first == '6' && second == '4') {
        return i + 2;
    }
    if (first == '3' && second == '2') {
        f->size = SIZE_LONG;
        return i + 2;
    }
    return i;
}

static size_t read_size(const void *format, bool is_wide, size_t i, struct spec *f)
{
    for (;; i++) {
        switch (format_at(format, is_wide, i)) {
        case 'h':
            f->size = f->is_narrow_word ? SIZE_CHAR : SIZE_SHORT;
            f->is_narrow_word = true;
            break;
        case 'l':
            f->size = f->is_wide_word ? SIZE_64 : SIZE_LONG;
            f->is_wide_word = true;
            break;
        case 'w':
            f->is_wide_word = true;
            break;
        case 'z':
        case 't':
        case 'j':
            f->size = SIZE_64;
            break;
        case 'L':
            break;
        case 'I':
            return read_i(format, is_wide, i + 1, f);
        default:
            return i;
        }
    }
}

static size_t read_spec(const void *format, bool is_wide, size_t i, struct rtl_arguments *a,
                        struct spec *f)
{
    memset(f, 0, sizeof(*f));
    f->precision = -1;
    i = read_flags(format, is_wide, i, f);
    i = read_number(format, is_wide, i, a, &f->width);
    if (f->width < 0) {
        f->minus = true;
        f->width = -f->width;
    }
    if (format_at(format, is_wide, i) == '.') {
        i = read_number(format, is_wide, i + 1, a, &f->precision);
    }
    i = read_size(format, is_wide, i, f);
    f->type = (char)format_at(format, is_wide, i);
    return f->type == '\0' ? i : i + 1;
}

static void put_spec(struct sim *s, struct rtl_text *out, const struct spec *f,
                     struct rtl_arguments *a, enum rtl_strictness strictness)
{
    switch (f->type) {
    case 'd':
    case 'i':
    case 'u':
    case 'o':
    case 'x':
    case 'X':
    case 'p':
        put_integer(out, f, a);
        break;
    case 'c':
    case 'C':
        put_character(out, f, out->is_wide, a);
        break;
    case 's':
    case 'S':
        put_string(s, out, f, out->is_wide, a, strictness);
        break;
    case 'Z':
        put_counted(s, out, f, a, strictness);
        break;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
    case 'a':
    case 'A':
        (void)va_arg(a->list, double);
        put_own(out, f, "(float)");
        break;
    case 'n':
        (void)va_arg(a->list, void *);
        break;
    case '\0':
        break;
    default:
        put(out, (WCHAR)(unsigned char)f->type);
        break;
    }
}

void rtl_format(struct sim *s, struct rtl_text *out, const void *format,
                struct rtl_arguments *arguments, enum rtl_strictness strictness)
{
    size_t i = 0;
    WCHAR c;
    while ((c = format_at(format, out->is_wide, i)) != 0) {
        struct spec f;
        i++;
        if (c != '%') {
            put(out, c);
            continue;
        }
        i = read_spec(format, out->is_wide, i, arguments, &f);
        put_spec(s, out, &f, arguments, strictness);
    }
}

bool rtl_format_is_unicode(const char *format)
{
    for (const char *p = format; (p = strchr(p, '%')) != NULL;) {
        bool is_wide = false;
        p++;
        p += strspn(p, "-+ 0#123456789.*");
        for (; *p != '\0' && strchr("hlwILtjz", *p) != NULL; p++) {
            is_wide = is_wide || *p == 'l' || *p == 'w';
        }
        if (*p == 'C' || *p == 'S' || (is_wide && (*p == 'c' || *p == 's' || *p == 'Z'))) {
            return true;
        }
        p += *p != '\0';
    }
    return false;
}
