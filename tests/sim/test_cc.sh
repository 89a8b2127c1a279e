#!/bin/sh
# SPDX-License-Identifier: MIT
#
# wsksim-cc: what it accepts, what it refuses and with which one line. Usage: test_cc.sh WSKSIM_CC
set -u
cc=$1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

fail() {
    echo "test_cc: $*" >&2
    [ ! -s log ] || cat log >&2
    exit 1
}

accepts() {
    "$cc" "$@" >log 2>&1 || fail "refused: $*"
    [ ! -s log ] || fail "not silent: $*"
}

# refuses PATTERN ARGUMENT...: one line, exit code 1
refuses() {
    pattern=$1
    shift
    "$cc" "$@" >log 2>&1
    code=$?
    [ "$code" -eq 1 ] || fail "exit code $code: $*"
    [ "$(wc -l <log)" -eq 1 ] || fail "not one line: $*"
    grep -q "^wsksim-cc: .*$pattern" log || fail "other words: $*"
}

cat >driver.c <<'END'
#include <ntddk.h>
#include "sub/trace.h"
#include "driver.tmh"
#ifndef NAME
#error -D does not arrive
#endif
DRIVER_INITIALIZE DriverEntry;
NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    WPP_INIT_TRACING(driver, path);
    TraceMine(TRACE_LEVEL_ERROR, "%d", value());
    (void)driver;
    (void)path;
    return sizeof(L"ab") == 6 && sizeof(LONG) == 4 && sizeof(NAME) == 4 ? STATUS_SUCCESS : -1;
}
END
mkdir sub
cat >sub/trace.h <<'END'
// FUNC TraceMine(LEVEL,MSG,...)
int value(void);
END
cat >value.c <<'END'
int value(void);
int value(void) { return 3; }
END
accepts '-DNAME="a b"' -o driver.so driver.c value.c
nm -D --defined-only driver.so | awk '{print $3}' | sort >names
printf 'DriverEntry\nwsksim_module_info\n' | cmp -s - names || fail "exports something else"

# Compiled apart, linked later, as a Makefile does.
accepts -c '-DNAME="a b"' -MD -MF driver.d driver.c
accepts -c -O2 -o value.obj.o value.c
accepts -o driver2.so driver.o value.obj.o
grep -q 'sub/trace.h' driver.d || fail "no dependencies written"

# Structured exception handling turns optimisation off, also against -O2.
cat >seh.c <<'END'
#include <ntddk.h>
NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    LONG n = 1;
    (void)driver;
    (void)path;
    __try {
        n = 2;
        ExRaiseStatus(STATUS_UNSUCCESSFUL);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        n *= 10;
    }
    return n;
}
END
"$cc" --show -O2 -o seh.so seh.c >log 2>&1 || fail "refused seh.c"
grep -q -- '-O2.* -O0 ' log || fail "seh.c is optimised"

cat >cxx.cpp <<'END'
extern "C" int DriverEntry(void *, void *) { return [](auto x) { return x; }(0); }
END
accepts -o cxx.so cxx.cpp
accepts --plain -o plain.so cxx.cpp
nm plain.so | grep -q __asan_init && fail "--plain is checked"
nm cxx.so | grep -q __asan_init || fail "not checked by default"
nm cxx.so | grep -q __tsan_init || fail "no access points by default"

refuses 'no input files'
refuses 'nothing.c: no such file' -o x.so nothing.c
refuses 'unknown option' --whatever driver.c
refuses 'links no libraries' -o x.so cxx.cpp -lntoskrnl
refuses 'choose the checks' -fsanitize=memory cxx.cpp
refuses 'not a C or C++ source' -o x.so driver.txt
refuses 'no function DriverEntry' -o x.so value.c
refuses 'takes one source' -c -o x.o value.c cxx.cpp
WSKSIM_CLANG=/nonexistent/clang refuses 'clang is missing' -o x.so cxx.cpp
[ ! -e x.so ] || fail "left a broken module behind"

# A name that is declared nowhere is an error where it is used.
printf 'int DriverEntry(void *a, void *b) { (void)a; (void)b; return KeFoo(); }\n' >typo.c
"$cc" -o x.so typo.c >log 2>&1 && fail "accepted an undeclared function"
grep -q "typo.c:1:.*KeFoo" log || fail "does not name it"
echo "test_cc: passed"
