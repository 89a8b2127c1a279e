#!/bin/sh
# SPDX-License-Identifier: MIT
#
#   places.sh WSKSIM WSKSIM-CC
#
# Failures are injected systematically: each of 64 call stacks of one allocation fails alone in some
# run, within eight runs for each of them. So a mistake in the answer to one of these failures is
# found, and the same driver without it stays silent.
set -u
wsksim=$1
compiler=$2
. "$(dirname "$0")/common.sh"
log=$folder/log
runs=640

# check NAME EXIT-CODE OPTION...
check() {
    check_name=$1 check_code=$2
    shift 2
    "$wsksim" check -runs=$runs -seed=1 -workers=1 -print_final_stats=1 \
        -db="$folder/$check_name.db" "$@" "$folder/$check_name.so" >"$log" 2>&1
    code=$?
    [ "$code" -eq "$check_code" ] ||
        fail "$check_name: exit code $code instead of $check_code" "$log"
}

stat_of() {
    sed -n "s/^stat::$1: *//p" "$log"
}

for name in right wrong; do
    option=-DRIGHT
    [ "$name" = right ] || option=-DWRONG
    "$compiler" --no-access "$option" -o "$folder/$name.so" "$system_folder/modules/callers.c" \
        >"$log" 2>&1 || { fail "$name does not compile" "$log"; finish; }
done
check right 0
seen=$(stat_of places_that_can_fail)
failed=$(stat_of places_failed)
if [ "$seen" -eq 64 ] && [ "$failed" -eq 64 ]; then
    proved "64 call stacks, each failed alone in $runs runs"
else
    fail "$seen call stacks of 64 seen, $failed failed" "$log"
fi
check right 0 -faults=0
[ "$(stat_of places_failed)" -eq 0 ] && proved "none with -faults=0" ||
    fail "-faults=0: something failed" "$log"
check wrong 77
grep -q 'KRN-199' "$log" && proved "the one wrong answer is found" ||
    fail "wrong: another finding" "$log"
finish
