#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What docs/driver-authors.md promises, step by step: the example builds, its mistake is found, the
# finding replays with the same fingerprint and as a line, and the mended example has none.
#
# usage: test_example.sh WSKSIM_CC WSKSIM EXAMPLE_FOLDER
set -u
cc=$1
wsksim=$2
example=$3
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

fail() {
    echo "test_example: $*" >&2
    cat log >&2
    exit 1
}

# expect CODE COMMAND...: output goes to log.
expect() {
    expected=$1
    shift
    "$@" >log 2>&1
    code=$?
    [ "$code" -eq "$expected" ] || fail "$*: exit code $code instead of $expected"
}

expect 0 "$cc" -o beacon.so "$example/beacon.c"
expect 77 "$wsksim" check -workers=1 -max_total_time=60 beacon.so
grep -q '^SUMMARY: wsksim: SEND-004: .* at beacon\.c:[0-9]' log || fail "another finding"
grep -q '^replay it:  wsksim replay 2' log || fail "no command to replay it"
expect 77 "$wsksim" replay 2
grep -q 'both times, as recorded: recurs' log || fail "replayed otherwise"
expect 0 "$wsksim" show 2
line=$(tail -n 1 log)
expect 77 "$wsksim" replay "$line" beacon.so

sed 's/^        IoFreeMdl/        BeaconWait();\n        IoFreeMdl/' "$example/beacon.c" >beacon.c
expect 0 "$cc" -o beacon.so beacon.c
"$wsksim" replay 2 >log 2>&1
case $? in
0 | 76) ;;
*) fail "the mended driver still has the finding" ;;
esac
expect 0 "$wsksim" check -workers=1 -runs=20000 beacon.so
