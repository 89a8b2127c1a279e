/* SPDX-License-Identifier: MIT */
/* Rtl: formatting, safe strings, counted strings, conversions, text of addresses. */
#include "test_ke.h"

#include <in6addr.h>
#include <inaddr.h>
#include <ip2string.h>
#include <ntstrsafe.h>

#define CHECK_TEXT(text, wanted) SIM_ASSERT(strcmp((text), (wanted)) == 0)

/* Literals of this test lie in the executable. */
static int setup(void **state)
{
    extern const char __executable_start[], _end[];
    ke_test_setup(state);
    sim_memory_allow((uintptr_t)__executable_start, (size_t)(_end - __executable_start));
    return 0;
}

static bool is_wide(const WCHAR *text, const char *wanted)
{
    size_t i = 0;
    while (text[i] != 0 && text[i] == (WCHAR)wanted[i]) {
        i++;
    }
    return text[i] == 0 && wanted[i] == '\0';
}

/* ---- formatting ---- */

static void formats(void)
{
    char out[128];
    WCHAR wide[64];
    UNICODE_STRING u = RTL_CONSTANT_STRING(L"wide");
    ANSI_STRING a = RTL_CONSTANT_STRING("narrow");
    a.Length = 3;
    RtlStringCbPrintfA(out, sizeof out, "%d|%5u|%-5i|%05d|%+d|% d", -7, 42u, 3, -12, 5, 6);
    CHECK_TEXT(out, "-7|   42|3    |-0012|+5| 6");
    RtlStringCbPrintfA(out, sizeof out, "%x|%X|%#x|%08lx|%o|%.3d", 0xabu, 0xabu, 0xabu, 0x1234u, 8u,
                       7);
    CHECK_TEXT(out, "ab|AB|0xab|00001234|10|007");
    RtlStringCbPrintfA(out, sizeof out, "%I64d|%I64x|%Iu|%lld|%zu|%hd|%ld", -(1ll << 40),
                       0xffffffffffffffffull, (SIZE_T)1 << 33, 5ll, (SIZE_T)9, 70000, -1);
    CHECK_TEXT(out, "-1099511627776|ffffffffffffffff|8589934592|5|9|4464|-1");
    RtlStringCbPrintfA(out, sizeof out, "%p %c%%%C", (PVOID)(uintptr_t)0x1234abcd, 'x', L'y');
    CHECK_TEXT(out, "000000001234ABCD x%y");
    RtlStringCbPrintfA(out, sizeof out, "%s|%S|%ws|%ls|%hs|%.2s|%6s|%-6s|", "a", L"b", L"c", L"d",
                       "e", "fgh", "ij", "kl");
    CHECK_TEXT(out, "a|b|c|d|e|fg|    ij|kl    |");
    RtlStringCbPrintfA(out, sizeof out, "%wZ %Z %s %.*s", &u, &a, (char *)NULL, 2, "xyz");
    CHECK_TEXT(out, "wide nar (null) xy");
    RtlStringCbPrintfW(wide, sizeof wide, L"%s %S %hs %wZ %d", L"w", "n", "h", &u, 12);
    SIM_ASSERT(is_wide(wide, "w n h wide 12"));
}

static void safe_strings(void)
{
    char out[8];
    WCHAR wide[4];
    PSTR end;
    SIZE_T rest, length;
    SIM_ASSERT(RtlStringCchPrintfA(out, 4, "abcdef") == STATUS_BUFFER_OVERFLOW);
    CHECK_TEXT(out, "abc");
    SIM_ASSERT(RtlStringCbPrintfA(out, 0, "a") == STATUS_INVALID_PARAMETER);
    SIM_ASSERT(RtlStringCbPrintfExA(out, sizeof out, &end, &rest, 0, "%d", 12) == STATUS_SUCCESS);
    SIM_ASSERT(end == out + 2 && rest == 6);
    SIM_ASSERT(RtlStringCbPrintfExA(out, 3, &end, &rest, STRSAFE_NO_TRUNCATION, "abc") ==
               STATUS_BUFFER_OVERFLOW);
    SIM_ASSERT(end == out && out[0] == '\0');
    SIM_ASSERT(RtlStringCbCopyA(out, sizeof out, "abc") == STATUS_SUCCESS);
    SIM_ASSERT(RtlStringCbCatA(out, sizeof out, "defgh") == STATUS_BUFFER_OVERFLOW);
    CHECK_TEXT(out, "abcdefg");
    SIM_ASSERT(RtlStringCbCopyNA(out, sizeof out, "abcdef", 2) == STATUS_SUCCESS);
    CHECK_TEXT(out, "ab");
    SIM_ASSERT(RtlStringCbLengthA(out, sizeof out, &length) == STATUS_SUCCESS && length == 2);
    SIM_ASSERT(RtlStringCbCopyW(wide, sizeof wide, L"xyz") == STATUS_SUCCESS);
    SIM_ASSERT(RtlStringCchCatW(wide, 4, L"!") == STATUS_BUFFER_OVERFLOW && is_wide(wide, "xyz"));
    SIM_ASSERT(RtlStringCbLengthW(wide, sizeof wide, &length) == STATUS_SUCCESS && length == 6);
    SIM_ASSERT(RtlStringCchLengthW(wide, 2, &length) == STATUS_INVALID_PARAMETER);
}

/* ---- counted strings ---- */

static void counted_strings(void)
{
    UNICODE_STRING a, b, c;
    ANSI_STRING n;
    WCHAR buffer[8];
    ULONG hash;
    RtlInitUnicodeString(&a, L"Abc");
    RtlInitUnicodeString(&b, L"aBC");
    SIM_ASSERT(a.Length == 6 && a.MaximumLength == 8);
    SIM_ASSERT(!RtlEqualUnicodeString(&a, &b, FALSE) && RtlEqualUnicodeString(&a, &b, TRUE));
    SIM_ASSERT(RtlCompareUnicodeString(&a, &b, FALSE) < 0);
    RtlInitEmptyUnicodeString(&c, buffer, sizeof buffer);
    RtlCopyUnicodeString(&c, &a);
    SIM_ASSERT(RtlAppendUnicodeToString(&c, L"defg") == STATUS_SUCCESS &&
               is_wide(buffer, "Abcdefg"));
    SIM_ASSERT(RtlAppendUnicodeStringToString(&c, &a) == STATUS_BUFFER_TOO_SMALL);
    SIM_ASSERT(RtlPrefixUnicodeString(&b, &c, TRUE) && !RtlPrefixUnicodeString(&b, &c, FALSE));
    SIM_ASSERT(RtlHashUnicodeString(&a, TRUE, HASH_STRING_ALGORITHM_X65599, &hash) ==
               STATUS_SUCCESS);
    SIM_ASSERT(hash == (('A' * 65599u) + 'B') * 65599u + 'C');
    RtlInitAnsiString(&n, "text");
    if (NT_SUCCESS(RtlAnsiStringToUnicodeString(&c, &n, TRUE))) {
        SIM_ASSERT(c.Length == 8 && c.MaximumLength == 10 && is_wide(c.Buffer, "text"));
        RtlFreeUnicodeString(&c);
        SIM_ASSERT(c.Buffer == NULL);
    }
    if (NT_SUCCESS(RtlUnicodeStringToAnsiString(&n, &a, TRUE))) {
        CHECK_TEXT(n.Buffer, "Abc");
        RtlFreeAnsiString(&n);
    }
    RtlInitEmptyUnicodeString(&c, buffer, 4);
    RtlInitAnsiString(&n, "text");
    SIM_ASSERT(RtlAnsiStringToUnicodeString(&c, &n, FALSE) == STATUS_BUFFER_OVERFLOW);
    ex_check_unload(sim_current);
}

static void conversions(void)
{
    UNICODE_STRING u, text;
    WCHAR buffer[40];
    ULONG value, bytes;
    GUID guid;
    const GUID wanted = {
        0x00112233, 0x4455, 0x6677, {0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}};
    char utf8[8];
    RtlInitUnicodeString(&u, L" -0x1F");
    SIM_ASSERT(RtlUnicodeStringToInteger(&u, 0, &value) == STATUS_SUCCESS && value == 0u - 31);
    SIM_ASSERT(RtlCharToInteger("77z", 8, &value) == STATUS_SUCCESS && value == 63);
    RtlInitEmptyUnicodeString(&text, buffer, sizeof buffer);
    SIM_ASSERT(RtlIntegerToUnicodeString(255, 16, &text) == STATUS_SUCCESS &&
               is_wide(buffer, "FF"));
    SIM_ASSERT(RtlInt64ToUnicodeString(1ull << 40, 10, &text) == STATUS_SUCCESS);
    SIM_ASSERT(is_wide(buffer, "1099511627776"));
    RtlInitUnicodeString(&u, L"{00112233-4455-6677-8899-aabbccddeeff}");
    SIM_ASSERT(RtlGUIDFromString(&u, &guid) == STATUS_SUCCESS);
    SIM_ASSERT(memcmp(&guid, &wanted, sizeof guid) == 0);
    if (NT_SUCCESS(RtlStringFromGUID(&guid, &text))) {
        SIM_ASSERT(RtlEqualUnicodeString(&u, &text, TRUE));
        RtlFreeUnicodeString(&text);
    }
    SIM_ASSERT(RtlUTF8ToUnicodeN(buffer, sizeof buffer, &bytes, "a\xc3\xa9\xf0\x9f\x98\x80", 7) ==
               STATUS_SUCCESS);
    SIM_ASSERT(bytes == 8 && buffer[1] == 0xe9 && buffer[2] == 0xd83d && buffer[3] == 0xde00);
    SIM_ASSERT(RtlUnicodeToUTF8N(utf8, sizeof utf8, &bytes, buffer, 8) == STATUS_SUCCESS);
    SIM_ASSERT(bytes == 7 && memcmp(utf8, "a\xc3\xa9\xf0\x9f\x98\x80", 7) == 0);
    SIM_ASSERT(RtlUTF8ToUnicodeN(buffer, sizeof buffer, &bytes, "\xff", 1) ==
               STATUS_SOME_NOT_MAPPED);
}

/* ---- addresses ---- */

static void check_ipv6(const char *text, const char *canonical)
{
    struct in6_addr address;
    PCSTR end;
    char out[64];
    SIM_ASSERT(RtlIpv6StringToAddressA(text, &end, &address) == STATUS_SUCCESS && *end == '\0');
    RtlIpv6AddressToStringA(&address, out);
    CHECK_TEXT(out, canonical);
}

static void addresses(void)
{
    struct in_addr v4;
    struct in6_addr v6;
    PCSTR end;
    char out[64];
    USHORT port;
    ULONG size = sizeof out, scope;
    SIM_ASSERT(RtlIpv4StringToAddressA("10.0.2.15/x", TRUE, &end, &v4) == STATUS_SUCCESS);
    SIM_ASSERT(*end == '/');
    SIM_ASSERT(*RtlIpv4AddressToStringA(&v4, out) == '\0');
    CHECK_TEXT(out, "10.0.2.15");
    SIM_ASSERT(RtlIpv4StringToAddressA("0x7f.1", TRUE, &end, &v4) == STATUS_INVALID_PARAMETER);
    SIM_ASSERT(RtlIpv4StringToAddressA("0x7f.1", FALSE, &end, &v4) == STATUS_SUCCESS);
    SIM_ASSERT(RtlIpv4AddressToStringExA(&v4, 0x5000, out, &size) == STATUS_SUCCESS);
    CHECK_TEXT(out, "127.0.0.1:80");
    SIM_ASSERT(size == 13);
    SIM_ASSERT(RtlIpv4StringToAddressExA("1.2.3.4:8080", TRUE, &v4, &port) == STATUS_SUCCESS);
    SIM_ASSERT(port == 0x901f);
    SIM_ASSERT(RtlIpv4StringToAddressA("1.2.3.256", TRUE, &end, &v4) == STATUS_INVALID_PARAMETER);
    check_ipv6("2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
    check_ipv6("::", "::");
    check_ipv6("::1", "::1");
    check_ipv6("1::", "1::");
    check_ipv6("::ffff:1.2.3.4", "::ffff:1.2.3.4");
    check_ipv6("fe80::1:2:3:4", "fe80::1:2:3:4");
    SIM_ASSERT(RtlIpv6StringToAddressA("1::2::3", &end, &v6) == STATUS_INVALID_PARAMETER);
    SIM_ASSERT(RtlIpv6StringToAddressA("1:2:3", &end, &v6) == STATUS_INVALID_PARAMETER);
    SIM_ASSERT(RtlIpv6StringToAddressExA("[fe80::1%7]:443", &v6, &scope, &port) == STATUS_SUCCESS);
    SIM_ASSERT(scope == 7 && port == 0xbb01);
    size = sizeof out;
    SIM_ASSERT(RtlIpv6AddressToStringExA(&v6, 7, port, out, &size) == STATUS_SUCCESS);
    CHECK_TEXT(out, "[fe80::1%7]:443");
}

/* ---- breaches ---- */

static void format_at_dispatch(void)
{
    char out[8];
    KeRaiseIrqlToDpcLevel();
    RtlStringCbPrintfA(out, sizeof out, "x");
}

static void print_unicode_at_dispatch(void)
{
    UNICODE_STRING u = RTL_CONSTANT_STRING(L"wide");
    KeRaiseIrqlToDpcLevel();
    DbgPrint("%d\n", 1);
    DbgPrint("%wZ\n", &u);
}

static void format_freed_text(void)
{
    char out[8];
    char *text = ExAllocatePool2(POOL_FLAG_NON_PAGED, 8, 0x74736554);
    ExFreePool(text);
    RtlStringCbPrintfA(out, sizeof out, "%s", text);
}

static void copy_behind_end(void)
{
    char *out = ExAllocatePool2(POOL_FLAG_NON_PAGED, 4, 0x74736554);
    RtlStringCbCopyA(out, 16, "0123456789");
}

static void frees_string_twice(void)
{
    UNICODE_STRING u, copy;
    ANSI_STRING n;
    RtlInitAnsiString(&n, "text");
    RtlAnsiStringToUnicodeString(&u, &n, TRUE);
    copy = u;
    RtlFreeUnicodeString(&u);
    RtlFreeUnicodeString(&copy);
}

static void frees_literal(void)
{
    UNICODE_STRING u;
    RtlInitUnicodeString(&u, L"text");
    RtlFreeUnicodeString(&u);
}

static void test_good(void **state)
{
    (void)state;
    ke_test_good(formats);
    ke_test_good(safe_strings);
    ke_test_good(counted_strings);
    ke_test_good(conversions);
    ke_test_good(addresses);
}

static void test_breaches(void **state)
{
    (void)state;
    ke_test_bad(format_at_dispatch, RULE_KRN_050);
    ke_test_bad(print_unicode_at_dispatch, RULE_KRN_060);
    ke_test_bad(format_freed_text, RULE_MEM_UAF);
    ke_test_bad(copy_behind_end, RULE_MEM_OVERFLOW);
    ke_test_bad(frees_string_twice, RULE_KRN_195);
    ke_test_bad(frees_literal, RULE_KRN_196);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_breaches),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
