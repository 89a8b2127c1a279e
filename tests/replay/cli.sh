#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The command line from end to end, on a driver with a planted race and on its correct twin:
#   cli.sh WSKSIM BUGGY.so CORRECT.so SQL
# Exit codes, the database, strings to copy, files, what is said about bad input, kill -9.
set -u

wsksim=$1
buggy=$(readlink -f "$2")
correct=$(readlink -f "$3")
sql=$(readlink -f "$4")
script=$(readlink -f "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failures=0

# expect CODE WORD ARGUMENTS...: runs wsksim; its exit code and a part of what it prints.
expect() {
    code=$1
    word=$2
    shift 2
    "$wsksim" "$@" >out 2>&1
    got=$?
    if [ $got -ne "$code" ] || ! grep -q -e "$word" out; then
        echo "FAILED: wsksim $*: exit $got (expected $code), expected to read '$word' in:"
        head -20 out
        failures=$((failures + 1))
    fi
}

# expect_line: the same for refusals, which are one line.
expect_line() {
    expect "$@"
    if [ "$(wc -l <out)" -ne 1 ]; then
        echo "FAILED: wsksim $*: more than one line"
        failures=$((failures + 1))
    fi
}

# ---- find, replay, show, minimise ----

expect 77 SUMMARY check -seed=1 "$buggy"
grep -q 'replay it:' out && grep -q '<== .*\.c:[0-9]' out && grep -q '(1)' out || {
    echo "FAILED: check shows no table with places"
    failures=$((failures + 1))
}
expect 0 'MEM-UAF\|CTL-' list
expect 77 'both times, as recorded: recurs' replay 1
expect 77 'both times, as recorded: recurs' replay 2
expect 0 wsk1: show 2
expect 0 '"seq":1' show -trace=json 1
expect 0 wsk1: show -full -store_events=1 1
expect 77 'KNOWN as case 1' check -seed=1 -minimize=0 "$buggy"
expect 0 'made smaller\|nothing can be left out' minimize -max_total_time=5 1
expect 77 'stat::number_of_executed_units' check -seed=1 -print_final_stats=1 -verbosity=0 "$buggy"
expect 12 SUMMARY check -seed=1 -exit_detail=1 "$buggy"
expect 55 SUMMARY check -seed=1 -error_exitcode=55 -db=other.db "$buggy"
expect 0 'rules exercised' check -db=clean.db -runs=2000 "$correct"
expect 0 'no cases' list -db=wsksim.db -rule=NONE-

# ---- strings and files ----

expect 0 '^wsk1:' export 2
line=$(cat out)
expect 77 recurs replay "$line" "$buggy"
expect 77 recurs replay "$line"
echo "$line" >line.schedule
expect 77 recurs replay @line.schedule
mkdir files
expect 0 'written' export all files
ls files/crash-* >/dev/null 2>&1 || ls files/leak-* >/dev/null 2>&1 || {
    echo "FAILED: export wrote no crash file"
    failures=$((failures + 1))
}
expect 0 'written' export -format=text all lines.schedule
expect 77 'new findings' import -db=imported.db "$buggy" lines.schedule files
expect 77 ', 0 new\|: 0 new findings' import -db=imported.db "$buggy" lines.schedule
expect 77 FINDING check -seed=1 -db=third.db -artifact_prefix=art- -minimize=0 "$buggy"
ls art-*.txt art-*.schedule >/dev/null || failures=$((failures + 1))

# ---- a changed driver ----

expect 76 'the module has changed' replay 1 "$correct"
grep -q 'diverged: ' out || failures=$((failures + 1))

# ---- bad input: one line, exit 1 ----

expect_line 1 'did you mean check' chekc
expect_line 1 'did you mean -runs' check -rusn=1 "$buggy"
expect_line 1 'no case 999' replay 999
expect_line 1 'not whole' replay wsk1:garbage
expect_line 1 'checksum' replay "$(echo "$line" | sed 's/.$/z/')"
expect_line 1 'another version' replay wsk2:x
expect_line 1 'not an ELF' check "$0"
expect_line 1 'cannot open' check nosuch.so
expect_line 1 'No such file' list -db=nosuch.db
expect_line 1 'not a wsksim database' list -db=lines.schedule
cp "$correct" alone.so
expect_line 1 'build it' fuzz alone.so
expect 1 usage
[ -e nosuch.db ] && failures=$((failures + 1))

expect_line 1 'nothing would be run' check -runs=0 "$correct"
expect_line 1 'nothing would be run' rules -selftest=1 -runs=0

# ---- rules: what is about an id ----

# expect_row WORD: what wsksim printed last has it, too.
expect_row() {
    grep -q -e "$1" out || {
        echo "FAILED: no '$1' in:"
        head -20 out
        failures=$((failures + 1))
    }
}

expect 0 '^case deaf_after_a_refusal (mistake, ' rules -brief=1 -rule=BUG-21
expect_row '^DGRM-025 '
expect 0 '^case deaf_after_a_refusal (mistake, ' rules -brief=1 -rule=deaf_after_a_refusal
expect_row '^CTL-086 '
expect 0 '^case .*PROP-02' rules -brief=1 -rule=PROP-02
expect_row '^mutant .*PROP-02'
for silence in AMBIGUOUS-23 amb.23; do
    expect 0 '^case amb_23_both_ways (freedom, ' rules -brief=1 -rule=$silence
    expect_row '^CTL-091 '
done
expect 0 '^2 cases, 0 failed' rules -selftest=1 -rule=AMBIGUOUS-23 -runs=20
expect_line 1 'no case or mutant names it' rules -rule=BUG-999
expect 0 '^cancel.honoured (once per run; AMBIGUOUS-LIFE-75): ' rules -knobs=1
expect_row '^accept.early_callbacks (once per run; AMBIGUOUS-24 AMBIGUOUS-LIFE-55): '
expect_row '^amb.09.after (once per run; AMBIGUOUS-09): '

# ---- kill -9 at any moment: what was announced is there ----

announced=0
for delay in 0.1 0.3 0.5 0.7 3; do
    rm -f killed.db killed.db-wal killed.db-shm
    "$wsksim" check -db=killed.db -keep_going=1 -verbosity=0 "$buggy" >killed.out 2>/dev/null &
    pid=$!
    sleep $delay
    kill -9 $pid
    wait $pid 2>/dev/null
    if [ -e killed.db ] && [ "$("$sql" killed.db 'PRAGMA integrity_check' 2>&1)" != ok ]; then
        echo "FAILED: killed after $delay s: the database is damaged"
        failures=$((failures + 1))
    fi
    for id in $(sed -n 's/^FINDING case \([0-9]*\).*/\1/p' killed.out); do
        expect 77 'as recorded: recurs' replay -db=killed.db "$id"
        announced=$((announced + 1))
    done
done
if [ $announced -eq 0 ]; then
    echo "FAILED: no finding was announced before any kill -9: nothing was tried"
    failures=$((failures + 1))
fi

# ---- the documents say it all ----

root=$(dirname "$script")/../..
for option in $(sed -n 's/^[A-Z_]*(\([a-z_]*\),.*/\1/p' "$root/replay/flags.def"); do
    grep -q -e "-$option" "$root/docs/cli.md" || [ "$option" = help ] || {
        echo "FAILED: docs/cli.md does not name -$option"
        failures=$((failures + 1))
    }
done
for kind in $(sed -n 's/^TRACE(\([A-Za-z]*\),.*/\1/p' "$root/model/trace_kinds.def"); do
    grep -q "^| .$kind. |" "$root/docs/trace.md" || {
        echo "FAILED: docs/trace.md does not list $kind"
        failures=$((failures + 1))
    }
done

# ---- Ctrl-C ----

"$wsksim" check -db=clean.db -max_total_time=0 "$correct" >out 2>&1 &
pid=$!
sleep 1
kill -TERM $pid
wait $pid
got=$?
if [ $got -ne 72 ]; then
    echo "FAILED: interrupted: exit $got"
    failures=$((failures + 1))
fi

"$wsksim" rules -selftest=1 >out 2>&1 &
pid=$!
sleep 1
kill -TERM $pid
wait $pid
got=$?
if [ $got -ne 72 ] || ! grep -q '^wsksim: interrupted' out; then
    echo "FAILED: self-test interrupted: exit $got"
    failures=$((failures + 1))
fi

# ---- lint: sockets first, style last, of each kind the rarest first ----

expect 0 '^lint ' check -db=clean.db -seed=7 -runs=3000 "$correct"
awk -F'[ ,]' '/^lint /{
    kind = $2 ~ /^(KRN|SYS)-/
    if (kind < last || kind == last && kind == 0 && $4 < count) bad = 1
    last = kind
    count = $4
} END { exit bad }' out || {
    echo "FAILED: lint is out of order:"
    grep '^lint ' out
    failures=$((failures + 1))
}

[ $failures -eq 0 ] && echo "all well"
[ $failures -eq 0 ]
