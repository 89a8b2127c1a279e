#!/bin/sh
# SPDX-License-Identifier: MIT
#
#   killed.sh WSKSIM WSKSIM-CC SQL FUZZER|none
#
# kill -9 of a campaign at many moments: the database opens, is whole, and holds every finding that
# was announced on the screen; no process is left. The database is the same one throughout, as for
# somebody whose machine keeps dying; findings are forgotten now and then, or there would be no new
# ones.
set -u
wsksim=$1
compiler=$2
sql=$3
fuzzer=$4
. "$(dirname "$0")/common.sh"
cd "$folder" || exit 1
kills=24
fuzz_kills=6

"$compiler" -w -DMISTAKE=many -o many.so "$system_folder/modules/mistakes.c" >log 2>&1 ||
    { fail "many.so does not compile" log; finish; }

# kill_after SECONDS COMMAND...: kills the process group's leader only; its children must notice.
kill_after() {
    delay=$1
    shift
    "$@" >screen 2>err &
    pid=$!
    sleep "$delay"
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    sleep 0.2
}

# check_database FILE: whole, and every case on the screen is in it.
check_database() {
    sed -n 's/^FINDING case \([0-9]*\).*/\1/p' screen | sort -n >announced
    if [ ! -e "$1" ]; then
        [ ! -s announced ] || fail "findings were announced, and there is no database" screen
        return
    fi
    [ "$("$sql" "$1" 'PRAGMA integrity_check' 2>&1)" = ok ] || fail "the database is damaged"
    [ ! -s announced ] || "$wsksim" list -db="$1" >listed 2>&1 || fail "list" listed
    while read -r id; do
        known=$("$sql" "$1" "SELECT count(*) FROM \"case\" JOIN violation ON \"case\" = id
            WHERE id = $id")
        [ "$known" = 1 ] || fail "case $id was announced and is not in the database" screen
    done <announced
    total=$((total + $(wc -l <announced)))
}

# forget FILE: all findings, so that there are new ones. Killed early, there may be no tables yet.
forget() {
    [ -s announced ] || return
    "$sql" "$1" 'DELETE FROM event' 'DELETE FROM violation' 'DELETE FROM run' \
        'DELETE FROM "case"' >log 2>&1 || fail "cannot forget the findings" log
}

total=0
i=0
while [ $i -lt $kills ]; do
    delay=0.$(printf '%02d' $((3 + i * 3)))
    kill_after $delay "$wsksim" check -db="$folder/killed.db" -seed=$((i + 1)) -workers=2 \
        -keep_going=1 -minimize=0 -verbosity=0 many.so
    check_database killed.db
    no_process_left || fail "killed after $delay s: processes left" left
    if [ $((i % 4)) -eq 3 ]; then
        last=$(tail -n 1 announced)
        if [ -n "$last" ]; then
            "$wsksim" replay -db=killed.db "$last" many.so >log 2>&1
            [ $? -eq 77 ] || fail "case $last does not replay" log
        fi
        forget killed.db
    fi
    i=$((i + 1))
done
[ $total -gt $kills ] || fail "only $total findings in $kills campaigns: that proves nothing"
proved "check killed $kills times: $total findings announced, all in the database, nobody left over"

if [ "$fuzzer" = none ]; then
    echo "skipped: no libFuzzer here, so no campaign of it to kill"
    finish
fi
total=0
i=0
while [ $i -lt $fuzz_kills ]; do
    delay=$(printf '%d.%d' $((1 + i / 2)) $((i % 2 * 5 + 2)))
    rm -rf fuzz.work
    kill_after $delay "$wsksim" fuzz -db="$folder/fuzz.db" -work="$folder/fuzz.work" -workers=2 \
        -keep_going=1 -minimize=0 -verbosity=0 "$fuzzer"
    check_database fuzz.db
    sleep 1
    no_process_left || fail "fuzz killed after $delay s: processes left" left
    forget fuzz.db
    i=$((i + 1))
done
[ $total -gt 0 ] || fail "no finding in $fuzz_kills campaigns of libFuzzer: that proves nothing" err
proved "fuzz killed $fuzz_kills times: $total findings announced, all in the database"
finish
