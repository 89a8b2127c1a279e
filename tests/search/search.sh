#!/bin/sh
# SPDX-License-Identifier: MIT
# search.sh WSKSIM BUGGY.so FIXED.so: systematic search on a driver with a race that one preemption
# shows, and on its repaired twin: found, stored, replayed, minimised like any other; bounds and
# completeness are said as they are.
set -u
wsksim=$(readlink -f "$1") buggy=$(readlink -f "$2") fixed=$(readlink -f "$3")
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failures=0

# expect CODE WORD ARGUMENTS...: its exit code and a part of what it prints.
expect() {
    code=$1 word=$2
    shift 2
    "$wsksim" "$@" >out 2>&1
    got=$?
    if [ $got -ne "$code" ] || ! grep -q -e "$word" out; then
        echo "FAILED: wsksim $*: exit $got (expected $code), expected to read '$word' in:"
        cat out
        failures=$((failures + 1))
    fi
}

expect 77 'SUMMARY: wsksim: SYS-BUGCHECK' check -strategy=dpor "$buggy"
expect 77 'both times, as recorded: recurs' replay 1
expect 77 'both times, as recorded: recurs' replay 2
expect 77 'dpor: complete' check -strategy=dpor -keep_going=1 -minimize=0 "$buggy"
expect 0 'dpor: complete: nothing is left within the bounds' check -strategy=dpor "$fixed"
sed -n '/^dpor/p;/^bounds/p' out
grep -q 'bounds: .*sequential consistency' out || failures=$((failures + 1))

# The race needs one preemption: none finds nothing, and is not called complete.
expect 0 'dfs: came to its end; beyond the bound there is more' \
    check -strategy=dfs -preemptions=0 "$buggy"
expect 77 'SUMMARY: wsksim: SYS-BUGCHECK' check -strategy=dfs -preemptions=1 -db=one.db "$buggy"
expect 77 'both times, as recorded: recurs' replay -db=one.db 1
expect 77 'SUMMARY: wsksim: SYS-BUGCHECK' check -strategy=dfs -delays=2 -db=two.db "$buggy"
expect 0 'dfs: not complete: about' check -strategy=dfs -runs=1000 "$fixed"
expect 0 'with more answers' check -strategy=dpor -answers=1 -runs=2000000 "$fixed"

expect 1 'bounds of -strategy=dfs' check -strategy=dpor -preemptions=1 "$fixed"
expect 1 'give one of them' check -strategy=dfs -preemptions=1 -delays=1 "$fixed"
expect 1 'is a bound of' check -answers=1 "$fixed"
expect 1 'one worker' check -strategy=dfs -workers=2 "$fixed"
[ $failures -eq 0 ] || exit 1
