#!/bin/sh
# SPDX-License-Identifier: MIT
#
#   readings.sh WSKSIM WSKSIM-CC
#
# A finding that needs another reading of the contract than the default names it, and only it:
# those that the campaign had drawn besides are driven back by minimising. Nobody draws what is
# only on request.
set -u
wsksim=$1
compiler=$2
. "$(dirname "$0")/common.sh"
log=$folder/log
needed='kernel.pool_zero=1'
default='readings that are not the default:'

"$compiler" -o "$folder/reading.so" "$system_folder/modules/reading.c" >"$log" 2>&1 ||
    { fail "reading.c does not compile" "$log"; finish; }

# check OPTION...: exit code of a campaign without faults; what it said is in $log.
check() {
    "$wsksim" check -workers=1 -faults=0 -db="$folder/db" "$@" "$folder/reading.so" >"$log" 2>&1
}

# As it is found it often has others beside it: then there is something to drive back.
others=0
for seed in 1 2 3 4 5 6 7 8; do
    check -seed="$seed" -runs=400 -minimize=0
    grep "$default" "$log" | grep -q "$needed" || fail "seed $seed: the reading is not named" "$log"
    grep -q "$default.*," "$log" && others=$((others + 1))
done
if [ "$others" -eq 0 ]; then
    fail "no finding has a reading that does not matter" "$log"
else
    proved "as found, the reading is named; $others of 8 findings have others beside it"
fi

wrong=0
for seed in 1 2 3 4 5 6 7 8; do
    check -seed="$seed" -runs=400
    [ "$(grep "$default" "$log" | sort -u)" = "  $default $needed" ] ||
        { fail "seed $seed: not the one reading" "$log"; wrong=1; }
done
[ "$wrong" -eq 0 ] && proved "minimised, every finding names '$needed' and no other"

check -seed=1 -runs=1000 -drawn_knobs=0
code=$?
[ "$code" -eq 0 ] && proved "no finding under the default readings" ||
    fail "exit code $code under the default readings" "$log"

check -seed=1 -runs=10 -drawn_knobs=0 -knob=kernel.pool_zero=null
code=$?
[ "$code" -eq 77 ] && proved "a finding under the reading that is asked for" ||
    fail "exit code $code with the reading asked for" "$log"
finish
