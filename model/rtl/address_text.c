/* SPDX-License-Identifier: MIT */
/*
 * IPv4 and IPv6 addresses as text and back.
 *
 * Text is made and read in ASCII; the wide forms copy it. IPv6 text is what Windows writes:
 * lower-case digits, the longest run of zero words (at least two) as "::", and the last 32 bits in
 * dotted form for mapped, compatible and ISATAP addresses.
 */
#include "model/rtl/rtl.h"

#include <in6addr.h>
#include <inaddr.h>
#include <ip2string.h>

#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 72 }; /* "[" 45 characters "%" 10 "]:" 5 */

/* ---- writing ---- */

static size_t write_ipv4(const UCHAR *a, char *out)
{
    return (size_t)snprintf(out, TEXT_MAX, "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
}

static unsigned word_at(const UCHAR *a, unsigned i)
{
    return (unsigned)a[2 * i] << 8 | a[2 * i + 1];
}

/* Are the last two words an IPv4 address? */
static bool has_ipv4_tail(const UCHAR *a)
{
    bool zero4 =
        word_at(a, 0) == 0 && word_at(a, 1) == 0 && word_at(a, 2) == 0 && word_at(a, 3) == 0;
    bool is_mapped = zero4 && word_at(a, 4) == 0 && word_at(a, 5) == 0xffff;
    bool is_compatible = zero4 && word_at(a, 4) == 0 && word_at(a, 5) == 0 && word_at(a, 6) != 0;
    bool is_translated = zero4 && word_at(a, 4) == 0xffff && word_at(a, 5) == 0;
    bool is_isatap = (word_at(a, 4) & 0xfdff) == 0 && word_at(a, 5) == 0x5efe;
    return is_mapped || is_compatible || is_translated || is_isatap;
}

/* Longest run of zero words among the first `words`: start and length (0 if shorter than 2). */
static unsigned zero_run(const UCHAR *a, unsigned words, unsigned *start)
{
    unsigned best = 1, length = 0;
    for (unsigned i = 0; i < words; i++) {
        length = word_at(a, i) == 0 ? length + 1 : 0;
        if (length > best) {
            best = length;
            *start = i + 1 - length;
        }
    }
    return best > 1 ? best : 0;
}

static size_t write_ipv6(const UCHAR *a, char *out)
{
    unsigned words = has_ipv4_tail(a) ? 6 : 8;
    unsigned start = 8, run = zero_run(a, words, &start);
    size_t length = 0;
    for (unsigned i = 0; i < words; i++) {
        if (run != 0 && i == start) {
            length += (size_t)snprintf(out + length, TEXT_MAX - length, "::");
            i += run - 1;
            continue;
        }
        length +=
            (size_t)snprintf(out + length, TEXT_MAX - length, "%s%x",
                             i == 0 || (run != 0 && i == start + run) ? "" : ":", word_at(a, i));
    }
    if (words == 6) {
        if (run == 0 || start + run != 6) {
            out[length++] = ':';
        }
        length += write_ipv4(a + 12, out + length);
    }
    return length;
}

/* ---- reading ---- */

struct source {
    const void *text;
    size_t at, count;
    bool is_wide;
};

static unsigned peek(const struct source *t)
{
    unsigned c = 0;
    if (t->at < t->count) {
        c = t->is_wide ? ((const WCHAR *)t->text)[t->at] : ((const unsigned char *)t->text)[t->at];
    }
    return c;
}

static unsigned hex_value(unsigned c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : 16;
}

/*
 * One number: decimal, or 0x.. and 0.. unless strict. False if there is none, or it is over limit.
 */
static bool read_number(struct source *t, bool is_strict, uint64_t limit, uint32_t *value)
{
    uint64_t result = 0;
    unsigned base = 10, digits = 0;
    if (!is_strict && peek(t) == '0') {
        t->at++;
        digits = 1;
        base = 8;
        if (peek(t) == 'x' || peek(t) == 'X') {
            t->at++;
            digits = 0;
            base = 16;
        }
    }
    for (; hex_value(peek(t)) < base; t->at++, digits++) {
        result = result * base + hex_value(peek(t));
        if (result > limit) {
            return false;
        }
    }
    *value = (uint32_t)result;
    return digits != 0;
}

/* Dotted text; unless strict the last of fewer than four parts fills the rest. */
static bool read_ipv4(struct source *t, bool is_strict, UCHAR out[4])
{
    uint32_t part[4];
    unsigned parts = 0;
    uint32_t address = 0;
    do {
        if (parts == 4 || !read_number(t, is_strict, 0xffffffffu, &part[parts])) {
            return false;
        }
        parts++;
    } while (peek(t) == '.' && (t->at++, true));
    if (is_strict && parts != 4) {
        return false;
    }
    for (unsigned i = 0; i + 1 < parts; i++) {
        if (part[i] > 255) {
            return false;
        }
        address |= part[i] << (24 - 8 * i);
    }
    if ((uint64_t)part[parts - 1] >= 1ull << (32 - 8 * (parts - 1))) {
        return false;
    }
    address |= part[parts - 1];
    for (unsigned i = 0; i < 4; i++) {
        out[i] = (UCHAR)(address >> (24 - 8 * i));
    }
    return true;
}

struct words {
    UCHAR byte[16];
    unsigned used; /* bytes */
    int gap;       /* byte at which "::" stands, -1 = nowhere */
};

/* A word, or a dotted tail; leaves the reader behind it. */
static bool read_group(struct source *t, struct words *w)
{
    size_t start = t->at;
    unsigned value = 0, digits = 0;
    for (; hex_value(peek(t)) < 16 && digits < 5; t->at++, digits++) {
        value = value << 4 | hex_value(peek(t));
    }
    if (digits == 0 || digits > 4) {
        return false;
    }
    if (peek(t) == '.' && w->used <= 12) {
        t->at = start;
        if (!read_ipv4(t, true, w->byte + w->used)) {
            return false;
        }
        w->used += 4;
        return true;
    }
    w->byte[w->used] = (UCHAR)(value >> 8);
    w->byte[w->used + 1] = (UCHAR)value;
    w->used += 2;
    return true;
}

static bool at_double_colon(struct source *t)
{
    bool is_double;
    if (peek(t) != ':') {
        return false;
    }
    t->at++;
    is_double = peek(t) == ':';
    t->at--;
    return is_double;
}

static bool read_ipv6(struct source *t, UCHAR out[16])
{
    struct words w = {.gap = -1};
    memset(w.byte, 0, sizeof(w.byte));
    if (peek(t) == ':' && !at_double_colon(t)) {
        return false;
    }
    while (w.used < 16) {
        if (at_double_colon(t)) {
            if (w.gap >= 0) {
                return false;
            }
            w.gap = (int)w.used;
            t->at += 2;
            if (hex_value(peek(t)) > 15) {
                break;
            }
        } else if (w.used != 0) {
            if (peek(t) != ':') {
                break;
            }
            t->at++;
        }
        if (!read_group(t, &w)) {
            return false;
        }
    }
    if (w.gap < 0 ? w.used != 16 : w.used > 14) {
        return false;
    }
    memset(out, 0, 16);
    if (w.gap < 0) {
        memcpy(out, w.byte, 16);
    } else {
        size_t tail = w.used - (unsigned)w.gap;
        memcpy(out, w.byte, (size_t)w.gap);
        memcpy(out + 16 - tail, w.byte + w.gap, tail);
    }
    return true;
}

/* ---- text in the driver's memory ---- */

static struct source source_of(struct sim *s, const void *text, bool is_wide)
{
    struct source t = {.text = text, .is_wide = is_wide};
    t.count = is_wide ? rtl_length_wide(s, text, 256, "the address text")
                      : rtl_length(s, text, 256, "the address text");
    return t;
}

/* Writes text and terminator; returns where the terminator is. */
static void *give(struct sim *s, const char *text, size_t length, void *out, bool is_wide)
{
    size_t unit = is_wide ? sizeof(WCHAR) : 1;
    model_touch(s, out, (length + 1) * unit, "the address text");
    for (size_t i = 0; i <= length; i++) {
        if (is_wide) {
            ((WCHAR *)out)[i] = (WCHAR)(i < length ? text[i] : 0);
        } else {
            ((char *)out)[i] = i < length ? text[i] : '\0';
        }
    }
    return (char *)out + length * unit;
}

static NTSTATUS give_sized(struct sim *s, const char *text, size_t length, void *out, PULONG size,
                           bool is_wide)
{
    bool fits;
    model_touch(s, size, sizeof(*size), "AddressStringLength");
    fits = *size > length;
    *size = (ULONG)length + 1;
    if (fits) {
        give(s, text, length, out, is_wide);
    }
    return model_leave_status(s, fits ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
}

static const void *position(const struct source *t)
{
    return (const char *)t->text + t->at * (t->is_wide ? sizeof(WCHAR) : 1);
}

static USHORT network_order(uint32_t port)
{
    return (USHORT)(port << 8 | (port >> 8 & 0xff));
}

/* ":port" up to the end of the text, in network order. */
static bool read_port(struct source *t, USHORT *port)
{
    uint32_t value;
    t->at++;
    if (!read_number(t, false, 0xffff, &value) || peek(t) != 0) {
        return false;
    }
    *port = network_order(value);
    return true;
}

/* ---- IPv4 ---- */

static NTSTATUS ipv4_with_port(struct sim *s, const struct in_addr *address, USHORT port, void *out,
                               PULONG size, bool is_wide)
{
    char text[TEXT_MAX];
    size_t length;
    model_touch(s, address, 4, "Address");
    length = write_ipv4((const UCHAR *)address, text);
    if (port != 0) {
        length +=
            (size_t)snprintf(text + length, sizeof(text) - length, ":%u", network_order(port));
    }
    return give_sized(s, text, length, out, size, is_wide);
}

static NTSTATUS ipv4_from(struct sim *s, const void *text, bool is_strict, const void **end,
                          struct in_addr *address, bool is_wide)
{
    struct source t = source_of(s, text, is_wide);
    UCHAR bytes[4];
    bool is_valid = read_ipv4(&t, is_strict, bytes);
    model_touch(s, end, sizeof(*end), "Terminator");
    *end = position(&t);
    if (is_valid) {
        model_touch(s, address, 4, "Addr");
        memcpy(address, bytes, 4);
    }
    return model_leave_status(s, is_valid ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
}

static NTSTATUS ipv4_from_with_port(struct sim *s, const void *text, bool is_strict,
                                    struct in_addr *address, PUSHORT port, bool is_wide)
{
    struct source t = source_of(s, text, is_wide);
    UCHAR bytes[4];
    USHORT number = 0;
    if (!read_ipv4(&t, is_strict, bytes) ||
        (peek(&t) != 0 && (peek(&t) != ':' || !read_port(&t, &number)))) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    model_touch(s, address, 4, "Address");
    model_touch(s, port, sizeof(*port), "Port");
    memcpy(address, bytes, 4);
    *port = number;
    return model_leave_status(s, STATUS_SUCCESS);
}

PSTR RtlIpv4AddressToStringA(const struct in_addr *Addr, PSTR S)
{
    struct sim *s = model_enter(ROUTINE_RtlIpv4AddressToString);
    char text[TEXT_MAX];
    PSTR end;
    model_touch(s, Addr, 4, "Addr");
    end = give(s, text, write_ipv4((const UCHAR *)Addr, text), S, false);
    model_leave(s);
    return end;
}

PWSTR RtlIpv4AddressToStringW(const struct in_addr *Addr, PWSTR S)
{
    struct sim *s = model_enter(ROUTINE_RtlIpv4AddressToString);
    char text[TEXT_MAX];
    PWSTR end;
    model_touch(s, Addr, 4, "Addr");
    end = give(s, text, write_ipv4((const UCHAR *)Addr, text), S, true);
    model_leave(s);
    return end;
}

NTSTATUS RtlIpv4AddressToStringExA(const struct in_addr *Address, USHORT Port, PSTR AddressString,
                                   PULONG AddressStringLength)
{
    struct sim *s = model_enter(ROUTINE_RtlIpv4AddressToString);
    return ipv4_with_port(s, Address, Port, AddressString, AddressStringLength, false);
}

NTSTATUS RtlIpv4AddressToStringExW(const struct in_addr *Address, USHORT Port, PWSTR AddressString,
                                   PULONG AddressStringLength)
{
    struct sim *s = model_enter(ROUTINE_RtlIpv4AddressToString);
    return ipv4_with_port(s, Address, Port, AddressString, AddressStringLength, true);
}

NTSTATUS RtlIpv4StringToAddressA(PCSTR S, BOOLEAN Strict, PCSTR *Terminator, struct in_addr *Addr)
{
    struct sim *s = model_enter(ROUTINE_RtlIpv4StringToAddress);
    return ipv4_from(s, S, Strict != FALSE, (const void **)Terminator, Addr, false);
}

NTSTATUS RtlIpv4StringToAddressW(PCWSTR S, BOOLEAN Strict, PCWSTR *Terminator, struct in_addr *Addr)
{
    struct sim *s = model_enter(ROUTINE_RtlIpv4StringToAddress);
    return ipv4_from(s, S, Strict != FALSE, (const void **)Terminator, Addr, true);
}

NTSTATUS RtlIpv4StringToAddressExA(PCSTR AddressString, BOOLEAN Strict, struct in_addr *Address,
                                   PUSHORT Port)
{
    struct sim *s = model_enter(ROUTINE_RtlIpv4StringToAddress);
    return ipv4_from_with_port(s, AddressString, Strict != FALSE, Address, Port, false);
}

NTSTATUS RtlIpv4StringToAddressExW(PCWSTR AddressString, BOOLEAN Strict, struct in_addr *Address,
                                   PUSHORT Port)
{
    struct sim *s = model_enter(ROUTINE_RtlIpv4StringToAddress);
    return ipv4_from_with_port(s, AddressString, Strict != FALSE, Address, Port, true);
}

/* ---- IPv6 ---- */

/* [address%scope]:port; the brackets only with a port. */
static NTSTATUS ipv6_with_port(struct sim *s, const struct in6_addr *address, ULONG scope,
                               USHORT port, void *out, PULONG size, bool is_wide)
{
    char text[TEXT_MAX];
    size_t length = 0;
    model_touch(s, address, 16, "Address");
    if (port != 0) {
        text[length++] = '[';
    }
    length += write_ipv6((const UCHAR *)address, text + length);
    if (scope != 0) {
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%%%u", scope);
    }
    if (port != 0) {
        length +=
            (size_t)snprintf(text + length, sizeof(text) - length, "]:%u", network_order(port));
    }
    return give_sized(s, text, length, out, size, is_wide);
}

static NTSTATUS ipv6_from(struct sim *s, const void *text, const void **end,
                          struct in6_addr *address, bool is_wide)
{
    struct source t = source_of(s, text, is_wide);
    UCHAR bytes[16];
    bool is_valid = read_ipv6(&t, bytes);
    model_touch(s, end, sizeof(*end), "Terminator");
    *end = position(&t);
    if (is_valid) {
        model_touch(s, address, 16, "Addr");
        memcpy(address, bytes, 16);
    }
    return model_leave_status(s, is_valid ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
}

static bool read_ipv6_with_port(struct source *t, UCHAR bytes[16], ULONG *scope, USHORT *port)
{
    bool is_bracketed = peek(t) == '[';
    uint32_t number = 0;
    t->at += is_bracketed;
    if (!read_ipv6(t, bytes)) {
        return false;
    }
    if (peek(t) == '%') {
        t->at++;
        if (!read_number(t, true, 0xffffffffu, &number)) {
            return false;
        }
    }
    *scope = number;
    if (is_bracketed) {
        if (peek(t) != ']') {
            return false;
        }
        t->at++;
        if (peek(t) == ':') {
            return read_port(t, port);
        }
    }
    return peek(t) == 0;
}

static NTSTATUS ipv6_from_with_port(struct sim *s, const void *text, struct in6_addr *address,
                                    PULONG scope, PUSHORT port, bool is_wide)
{
    struct source t = source_of(s, text, is_wide);
    UCHAR bytes[16];
    ULONG scope_number = 0;
    USHORT port_number = 0;
    if (!read_ipv6_with_port(&t, bytes, &scope_number, &port_number)) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    model_touch(s, address, 16, "Address");
    model_touch(s, scope, sizeof(*scope), "ScopeId");
    model_touch(s, port, sizeof(*port), "Port");
    memcpy(address, bytes, 16);
    *scope = scope_number;
    *port = port_number;
    return model_leave_status(s, STATUS_SUCCESS);
}

PSTR RtlIpv6AddressToStringA(const struct in6_addr *Addr, PSTR S)
{
    struct sim *s = model_enter(ROUTINE_RtlIpv6AddressToString);
    char text[TEXT_MAX];
    PSTR end;
    model_touch(s, Addr, 16, "Addr");
    end = give(s, text, write_ipv6((const UCHAR *)Addr, text), S, false);
    model_leave(s);
    return end;
}

PWSTR RtlIpv6AddressToStringW(const struct in6_addr *Addr, PWSTR S)
{
    struct sim *s = model_enter(ROUTINE_RtlIpv6AddressToString);
    char text[TEXT_MAX];
    PWSTR end;
    model_touch(s, Addr, 16, "Addr");
    end = give(s, text, write_ipv6((const UCHAR *)Addr, text), S, true);
    model_leave(s);
    return end;
}

NTSTATUS RtlIpv6AddressToStringExA(const struct in6_addr *Address, ULONG ScopeId, USHORT Port,
                                   PSTR AddressString, PULONG AddressStringLength)
{
    struct sim *s = model_enter(ROUTINE_RtlIpv6AddressToString);
    return ipv6_with_port(s, Address, ScopeId, Port, AddressString, AddressStringLength, false);
}

NTSTATUS RtlIpv6AddressToStringExW(const struct in6_addr *Address, ULONG ScopeId, USHORT Port,
                                   PWSTR AddressString, PULONG AddressStringLength)
{
    struct sim *s = model_enter(ROUTINE_RtlIpv6AddressToString);
    return ipv6_with_port(s, Address, ScopeId, Port, AddressString, AddressStringLength, true);
}

NTSTATUS RtlIpv6StringToAddressA(PCSTR S, PCSTR *Terminator, struct in6_addr *Addr)
{
    struct sim *s = model_enter(ROUTINE_RtlIpv6StringToAddress);
    return ipv6_from(s, S, (const void **)Terminator, Addr, false);
}

NTSTATUS RtlIpv6StringToAddressW(PCWSTR S, PCWSTR *Terminator, struct in6_addr *Addr)
{
    struct sim *s = model_enter(ROUTINE_RtlIpv6StringToAddress);
    return ipv6_from(s, S, (const void **)Terminator, Addr, true);
}

NTSTATUS RtlIpv6StringToAddressExA(PCSTR AddressString, struct in6_addr *Address, PULONG ScopeId,
                                   PUSHORT Port)
{
    struct sim *s = model_enter(ROUTINE_RtlIpv6StringToAddress);
    return ipv6_from_with_port(s, AddressString, Address, ScopeId, Port, false);
}

NTSTATUS RtlIpv6StringToAddressExW(PCWSTR AddressString, struct in6_addr *Address, PULONG ScopeId,
                                   PUSHORT Port)
{
    struct sim *s = model_enter(ROUTINE_RtlIpv6StringToAddress);
    return ipv6_from_with_port(s, AddressString, Address, ScopeId, Port, true);
}
