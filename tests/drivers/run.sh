#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh WSKSIM DRIVER.so             a correct driver: many runs, no finding
# run.sh WSKSIM VARIANT.so VARIANT.c  a planted mistake: found, with a rule of the EXPECT line
#
# A variant is looked for without options, as its reader would; the number of runs is a ceiling far
# above what it needs (drivers/README.md), so that a slow machine does not decide.
set -u
wsksim=$1 module=$2 source=${3-}
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

fail() {
    echo "$*"
    cat "$folder/out"
    exit 1
}

check() {
    "$wsksim" check -seed=1 -workers=1 -minimize=0 -db="$folder/run.db" "$@" "$module" \
        >"$folder/out" 2>&1
}

if [ -z "$source" ]; then
    check -runs=50000
    status=$?
    [ $status -eq 0 ] || fail "exit $status instead of 0"
    echo "silent over 50000 runs"
    exit 0
fi

expected=$(sed -n 's/^ \* EXPECT: \([A-Za-z0-9|-]*\)$/\1/p' "$source")
[ -n "$expected" ] || fail "$source has no EXPECT line"
check -runs=500000
status=$?
[ $status -eq 77 ] || fail "exit $status instead of 77"
found=$(sed -n 's/^SUMMARY: wsksim: \([A-Za-z0-9-]*\):.*/\1/p' "$folder/out" | head -n 1)
case "|$expected|" in
*"|$found|"*) ;;
*) fail "found '$found' where one of '$expected' was expected" ;;
esac
echo "found: $found"
