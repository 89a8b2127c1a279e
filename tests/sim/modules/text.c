/* SPDX-License-Identifier: MIT */
/* The C library of the support archive. Each check that fails tells the test its line. */
#include <wdm.h>

#include "host.h"

int swprintf(wchar_t *buffer, size_t count, const wchar_t *text, ...);
int strcpy_s(char *to, size_t room, const char *from);
wchar_t *_wcsupr(wchar_t *text);
void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *));

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            HostValue(__LINE__);                                                                   \
        }                                                                                          \
    } while (0)

#define PRINTS(expected, ...)                                                                      \
    do {                                                                                           \
        char out[128];                                                                             \
        int n = _snprintf(out, sizeof out, __VA_ARGS__);                                           \
        CHECK(n == (int)sizeof(expected) - 1 && strcmp(out, expected) == 0);                       \
    } while (0)

static void narrow(void)
{
    char text[16];
    memset(text, 'z', sizeof text);
    CHECK(strcpy(text, "Abc") == text && strlen(text) == 3 && text[4] == 'z');
    CHECK(strcmp(text, "Abd") < 0 && strncmp(text, "Abd", 2) == 0 && _stricmp(text, "aBC") == 0);
    CHECK(strcmp(strcat(text, "def"), "Abcdef") == 0);
    CHECK(strchr(text, 'c') == text + 2 && strchr(text, 'x') == NULL);
    CHECK(strchr(text, 0) == text + 6);
    CHECK(strrchr("abcabc", 'b') != NULL && strcmp(strrchr("abcabc", 'b'), "bc") == 0);
    CHECK(strstr(text, "cd") == text + 2 && strstr(text, "dc") == NULL);
    strncpy(text, "xy", 5);
    CHECK(text[1] == 'y' && text[2] == 0 && text[4] == 0 && text[5] == 'f');
    CHECK(strcpy_s(text, 3, "abc") == 34 && text[0] == 0 && strcpy_s(text, 4, "abc") == 0);
    CHECK(memcmp("ab\0c", "ab\0d", 4) < 0 && memchr("abc", 'c', 2) == NULL);
    memmove(text + 1, text, 3);
    CHECK(text[0] == 'a' && text[1] == 'a' && text[2] == 'b' && text[3] == 'c');
    CHECK(atoi("  -42x") == -42 && toupper('q') == 'Q' && tolower('1') == '1');
}

static void wide(void)
{
    wchar_t text[16];
    CHECK(wcslen(wcscpy(text, L"Abc")) == 3 && sizeof text == 32);
    CHECK(wcscmp(text, L"Abc") == 0 && _wcsicmp(text, L"ABC") == 0);
    CHECK(wcschr(text, L'b') == text + 1 && wcsstr(text, L"bc") == text + 1);
    CHECK(wcscmp(_wcsupr(text), L"ABC") == 0);
    CHECK(swprintf(text, 16, L"%s %S %d", L"w", "n", 7) == 5 && wcscmp(text, L"w n 7") == 0);
}

static void print(void)
{
    char text[8];
    UNICODE_STRING counted = {4, 4, L"abxx"};
    PRINTS("1 -2 3 ff FF 0x10", "%d %ld %u %x %X %#x", 1, -2, 3u, 255, 255, 16);
    PRINTS("[  7|7  |007|+7]", "[%3d|%-3d|%03d|%+d]", 7, 7, 7, 7);
    PRINTS("123456789012 -1", "%I64d %lld", 123456789012ll, -1ll);
    PRINTS("a wide bc", "%c %ws %.2s", 'a', L"wide", "bcd");
    PRINTS("ab|   ab|100%", "%wZ|%5wZ|100%%", &counted, &counted);
    PRINTS("00000000DEADBEEF", "%p", (void *)0xDEADBEEFull);
    PRINTS("(null) -128", "%s %hhd", (char *)NULL, 128);
    memset(text, 'z', sizeof text);
    CHECK(_snprintf(text, 4, "%s", "abcdef") == -1 && text[3] == 'd' && text[4] == 'z');
    CHECK(_snprintf(text, 3, "%s", "abc") == 3 && text[3] == 'd');
    CHECK(sprintf(text, "%d", 12) == 2 && text[2] == 0);
}

static int by_value(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

static void sort(void)
{
    int values[50];
    for (int i = 0; i < 50; i++) {
        values[i] = i * 37 % 50;
    }
    qsort(values, 50, sizeof values[0], by_value);
    for (int i = 0; i < 50; i++) {
        CHECK(values[i] == i);
    }
}

DRIVER_INITIALIZE DriverEntry;

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    (void)driver;
    (void)path;
    narrow();
    wide();
    print();
    sort();
    HostValue(0);
    return 0;
}
