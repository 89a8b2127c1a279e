#!/bin/sh
# SPDX-License-Identifier: MIT
#
#   bad_input.sh WSKSIM WSKSIM-CC SQL
#
# Whatever the tool is given: one clear line on stderr, the documented exit code, nothing lost.
set -u
wsksim=$1
compiler=$2
sql=$3
. "$(dirname "$0")/common.sh"
cd "$folder" || exit 1
log=$folder/log
campaign="$wsksim check -seed=1 -workers=1 -runs=20 -minimize=0"

# refused WHAT CODE PATTERN WORDS...: exit code, one line on stderr, nothing on stdout.
refused() {
    what=$1
    code=$2
    pattern=$3
    shift 3
    timeout 60 "$@" >out 2>err </dev/null
    got=$?
    cat out err >"$log"
    [ $got -eq "$code" ] || { fail "$what: exit code $got instead of $code" "$log"; return; }
    lines=$(wc -l <err)
    [ "$lines" -eq 1 ] || { fail "$what: $lines lines instead of one" "$log"; return; }
    [ ! -s out ] || { fail "$what: talks on stdout too" "$log"; return; }
    grep -q -e "$pattern" err || { fail "$what: nothing about '$pattern'" "$log"; return; }
    said=$(cut -c1-150 <err)
}

# found WHAT CODE RULE MODULE OPTION...: the campaign finds it, stores it, and lives.
found() {
    what=$1
    code=$2
    rule=$3
    module=$4
    shift 4
    rm -f found.db*
    timeout 120 $campaign -db=found.db -verbosity=0 "$@" "$module" >"$log" 2>&1
    got=$?
    [ $got -eq "$code" ] || { fail "$what: exit code $got instead of $code" "$log"; return; }
    grep -q "^SUMMARY: wsksim: $rule" "$log" || { fail "$what: no $rule" "$log"; return; }
    [ "$(cases found.db)" = "ok 1" ] || fail "$what: not stored" "$log"
}

untouched() {
    [ "$(cksum <"$1")" = "$2" ] || fail "$1: was changed"
}

compile() {
    output=$1
    shift
    "$compiler" -w "$@" -o "$output" "$system_folder/modules/mistakes.c" >"$log" 2>&1 ||
        { fail "$output does not compile" "$log"; finish; }
}

# compared at the end: the report on it takes the longest time-out there is
compile deaf.so -DMISTAKE=deaf
$campaign -db=deaf.db -runs=2 -timeout=1 deaf.so >deaf.out 2>&1 &
deaf=$!
compile good.so -DMISTAKE=nothing
compile recurse.so -DMISTAKE=recurse
compile many.so -DMISTAKE=many

# ---- what is no driver ----

echo 'this is text' >text.so
: >empty.so
head -c 3000 good.so >short.so
mkdir folder.so
mkfifo pipe.so
clang=$(sed -n 's/^clang="${WSKSIM_CLANG:-\(.*\)}"/\1/p' "$compiler")
echo 'int answer(void) { return 42; }' >library.c
"$clang" -shared -fPIC -o library.so library.c || fail "library.so does not compile"
for file in text.so empty.so short.so folder.so pipe.so library.so /dev/null /dev/zero missing.so \
    "$(readlink -f /proc/self/exe)" "$wsksim"; do
    refused "$file as a driver" 1 "$(basename "$file")" "$wsksim" check -db=a.db "$file"
    refused "$file for replay" 1 . "$wsksim" replay -db=a.db wsk1:x "$file"
done
for file in $(ls /lib/x86_64-linux-gnu/libc.so.6 /usr/lib/x86_64-linux-gnu/libsqlite3.so \
    /lib/x86_64-linux-gnu/libz.so.1 2>/dev/null); do
    refused "$file as a driver" 1 'DriverEntry\|wsksim-cc' "$wsksim" check -db=a.db "$file"
done
i=0
while [ $i -lt 24 ]; do # damaged in its header and tables
    cp good.so damaged.so
    printf '\377\377\377\377' | dd of=damaged.so bs=1 seek=$((4 + i * 37)) conv=notrunc 2>/dev/null
    timeout 60 "$wsksim" check -db=a.db -runs=1 -workers=1 -verbosity=0 damaged.so >out 2>err
    got=$?
    case $got in
    0 | 1 | 77) ;;
    *) cat out err >"$log"; fail "damaged module ($i): exit code $got" "$log" ;;
    esac
    i=$((i + 1))
done
rm -f a.db*
if [ "$(id -u)" -ne 0 ]; then
    cp good.so secret.so
    chmod 000 secret.so
    refused "unreadable driver" 1 'Permission denied' "$wsksim" check -db=a.db secret.so
fi
proved "no driver (text, empty, short, folder, pipe, devices, libraries, programs, damaged): $said"

# ---- what asks for things that are not there ----

compile unknown.so -DWANTS_UNKNOWN -DMISTAKE=call_unknown
refused "unknown routines" 1 'ExNoSuchRoutine.*KeNoSuchRoutine.*WskNoSuchRoutine.*getpid.*socket' \
    "$wsksim" check -db=a.db unknown.so
proved "$said"
for name in exit abort; do
    compile $name.so -DWANTS_EXIT -DMISTAKE=call_$name
    refused "a driver that calls $name" 1 "$name.*host" "$wsksim" check -db=a.db $name.so
done
proved "$said"
[ ! -e a.db ] || fail "a refused driver leaves a database behind"
"$compiler" -o none.so library.c >out 2>err && fail "wsksim-cc accepts a source without DriverEntry"
[ "$(wc -l <err)" -eq 1 ] && grep -q DriverEntry err || fail "wsksim-cc without DriverEntry" err

# ---- drivers that misbehave: findings, and the tool lives ----

for flavour in checked plain; do
    option=$(echo "--$flavour" | sed 's/--checked//')
    for mistake in spin_bare spin_mute spin_call spin_sleep; do
        compile $mistake.so $option -DMISTAKE=$mistake
        found "$mistake ($flavour)" 77 SYS-LIVELOCK $mistake.so
    done
    for mistake in free_foreign free_wild free_middle; do
        compile $mistake.so $option -DMISTAKE=$mistake
        found "$mistake ($flavour)" 77 KRN-196 $mistake.so
    done
    compile recurse.so $option -DMISTAKE=recurse
    found "recurse ($flavour)" 77 MEM-STACK-OVERFLOW recurse.so
    compile exit_machine.so $option -DMISTAKE=exit_machine
    found "exit_machine ($flavour)" 77 SYS-EXIT exit_machine.so
done
proved "never returns (4 ways), recurses, frees what it does not own (3 ways), leaves the process"

# ---- databases ----

$campaign -db=whole.db recurse.so >"$log" 2>&1
[ $? -eq 77 ] || fail "no finding to put into a database" "$log"
"$sql" whole.db 'PRAGMA journal_mode=DELETE' >/dev/null # all in one file
"$wsksim" export -db=whole.db 1 >line
line=$(cat line)
size=$(wc -c <whole.db)

# database FILE WHAT PATTERN: every command refuses it and leaves it as it is.
database() {
    file=$1
    before=$(cksum <"$file")
    for command in "check -runs=1 good.so" "list" "show 1" "replay 1" "minimize 1" "export all" \
        "import good.so line"; do
        name=${command%% *}
        refused "$2, $name" 1 "$3" "$wsksim" $name -db="$file" ${command#"$name"}
        untouched "$file" "$before"
    done
}

echo 'just a text, long enough to be no empty file' >text.db
database text.db "a text as a database" 'not a wsksim database'
"$sql" foreign.db 'CREATE TABLE t(x)' 'INSERT INTO t VALUES(1)'
database foreign.db "a database of another program" 'another program'
cp whole.db newer.db
"$sql" newer.db 'PRAGMA user_version=99'
database newer.db "a newer database" 'newer'
for length in 50 1000 4096 5000 $((size / 2)) $((size - 1000)); do
    head -c $length whole.db >short.db
    database short.db "a database cut at $length" 'not a wsksim database\|damaged'
done
cp whole.db corrupt.db
head -c 5000 "$wsksim" | dd of=corrupt.db bs=1 seek=4096 conv=notrunc 2>/dev/null
database corrupt.db "a corrupt database" 'damaged'
proved "databases: text, foreign, newer, truncated, corrupt; seven commands each; e.g. $said"

mkdir folder.db
for place in folder.db missing/x.db; do
    refused "$place as a database" 1 'x.db\|folder.db' "$wsksim" check -db=$place -runs=1 good.so
done
for command in list "show 1" "replay 1" "minimize 1" "export all"; do
    refused "no database, $command" 1 'No such file' "$wsksim" ${command%% *} -db=missing.db \
        ${command#"${command%% *}"}
done
[ ! -e missing.db ] || fail "a database is made where there was none"
if [ "$(id -u)" -ne 0 ]; then
    cp whole.db secret.db
    chmod 000 secret.db
    database_before=none
    refused "unreadable database" 1 'secret.db' "$wsksim" list -db=secret.db
    mkdir locked
    chmod 555 locked
    refused "read-only folder" 1 'Permission denied' "$wsksim" check -db=locked/x.db -runs=1 good.so
fi
proved "no database, a folder, no folder: $said"

# ---- full disk ----

# full WHAT COMMAND: the finding is on screen whole, and can be replayed from there.
full() {
    [ $got -eq 1 ] || fail "$1: exit code $got instead of 1" "$log"
    grep -q 'disk is full' "$log" || fail "$1: does not say so" "$log"
    rescued=$(sed -n '/^FINDING (not stored)/{n;p;}' "$log" | head -n 1)
    "$wsksim" replay -db=none.db "$rescued" recurse.so >out 2>&1
    [ $? -eq 77 ] || fail "$1: the rescued line does not replay" out
}

(
    ulimit -f 4
    exec $campaign -db=small.db recurse.so
) >"$log" 2>&1
got=$?
full "file size limit"
if mkdir disk && mount -t tmpfs -o size=1m none disk 2>/dev/null; then
    trap 'umount "$folder/disk"; clean_up' EXIT
    head -c 1020000 /dev/zero >disk/ballast
    $campaign -db=disk/x.db recurse.so >"$log" 2>&1
    got=$?
    full "full disk"
    rm -f disk/ballast disk/x.db*
    cp whole.db disk/x.db
    head -c 2000000 /dev/zero >disk/ballast 2>/dev/null
    $campaign -db=disk/x.db spin_call.so >"$log" 2>&1
    got=$?
    [ $got -eq 1 ] && [ "$(wc -l <"$log")" -eq 1 ] && grep -q 'disk is full' "$log" ||
        fail "a disk that is full from the start" "$log"
    rm disk/ballast
    [ "$(cases disk/x.db)" = "ok 1" ] || fail "the case of before is lost"
    disk="a limit and a full file system"
else
    disk="a limit (mounting a small file system needs root)"
fi
# In the middle of a campaign: what was stored is there, what was not is on the screen.
for blocks in 130 120 110 100 60 55 50; do # of 512 bytes, or of 1024 in some shells
    rm -f middle.db*
    (
        ulimit -f $blocks
        exec $campaign -db=middle.db -runs=1000 -keep_going=1 many.so
    ) >"$log" 2>&1
    got=$?
    stored=$(grep -c '^FINDING case' "$log")
    lost=$(grep -c '^FINDING (not stored)' "$log")
    [ "$lost" -eq 0 ] || break
done
[ $got -eq 1 ] || fail "a disk that fills up: exit code $got instead of 1" "$log"
middle="$stored stored, $lost on screen"
[ "$stored" -gt 0 ] && [ "$lost" -gt 0 ] || fail "a disk that fills up: $middle" "$log"
[ "$(cases middle.db)" = "ok $stored" ] || fail "a disk that fills up: $(cases middle.db), $middle"
proved "full disk by $disk: wsk1: lines on screen replay; in the middle: $middle"

# ---- wsk1 lines ----

refused "garbage" 1 . "$wsksim" replay wsk1:garbage good.so
for text in wsk1: wsk1::::: wsk1:a:b:c:d:e wsk2:x "$line$line" "${line%?}" "${line#?}" "x$line" \
    wsk 'wsk1:%s%n' '' ' ' "$(head -c 90000 /dev/zero | tr '\0' A)" \
    "wsk1:$(head -c 90000 /dev/zero | tr '\0' :)"; do
    refused "as a case: $(echo "$text" | cut -c1-40)" 1 . \
        "$wsksim" replay -db=whole.db "$text" recurse.so
done
i=1
length=${#line}
while [ $i -le "$length" ]; do # one character changed
    head_part=$(printf '%s' "$line" | cut -c1-$i)
    tail_part=${line#"$head_part"}
    refused "case with character $i changed" 1 . "$wsksim" replay -db=none.db \
        "${head_part%?}!$tail_part" recurse.so
    i=$((i + 1))
done
proved "wsk1: lines: empty, cut, long, and each of $length characters changed: $said"

# ---- words ----

refused "no such command" 1 'unknown command' "$wsksim" chekc good.so
refused "no such option" 1 'rusn' "$wsksim" check -rusn=1 good.so
for option in -runs=abc -runs= -runs=99999999999999999999999 -workers=0 -workers=-1 -timeout=0 \
    -knob=x=1 -knob=amb.32=99 -strategy=none -depth=99 -processors=99 -db= -seed=-3 -runs --runs; do
    refused "option $option" 1 . "$wsksim" check $option good.so
done
refused "no driver named" 1 . "$wsksim" check
refused "two drivers named" 1 . "$wsksim" check good.so good.so
refused "no case named" 1 . "$wsksim" replay
refused "no such case" 1 'no case 99' "$wsksim" replay -db=whole.db 99
refused "no such rule" 1 . "$wsksim" rules NO-SUCH
refused "no such file" 1 'No such file' "$wsksim" replay @missing.txt
refused "no fuzzer beside it" 1 'build it' "$wsksim" fuzz good.so
refused "wsksim-cc, no such file" 1 'no such file' "$compiler" -o x.so missing.c
refused "wsksim-cc, no source" 1 . "$compiler" -o x.so
proved "commands, options, arguments: $said"

# ---- Ctrl-C ----

for signal in INT TERM; do
    "$wsksim" check -db="$folder/ctrl.db" -workers=2 -max_total_time=0 good.so >"$log" 2>&1 &
    pid=$!
    sleep 1.5
    kill -$signal $pid
    wait $pid
    got=$?
    [ $got -eq 72 ] || fail "SIG$signal: exit code $got instead of 72" "$log"
    no_process_left || fail "SIG$signal: processes left" "$folder/left"
done
# a shell without job control starts its children deaf to SIGINT, so the finding is made before
"$wsksim" check -db="$folder/ctrl.db" -workers=2 -max_total_time=0 -keep_going=1 many.so \
    >"$log" 2>&1 &
pid=$!
sleep 2
kill -INT $pid
wait $pid
got=$?
[ $got -eq 77 ] || fail "interrupted with a finding: exit code $got instead of 77" "$log"
stored=$(grep -c '^FINDING case' "$log")
[ "$stored" -gt 0 ] || fail "interrupted: no finding" "$log"
no_process_left || fail "interrupted with a finding: processes left" "$folder/left"
wait $deaf
got=$?
grep -q '^SUMMARY: wsksim: SYS-LIVELOCK' deaf.out || got=wrong
[ $got = 70 ] || fail "deaf: exit code $got" deaf.out
[ "$(cases deaf.db)" = "ok 1" ] || fail "deaf: not stored" deaf.out
proved "deaf to every signal: killed, exit 70, stored"
proved "Ctrl-C: exit 72, or 77 with a finding; database whole, no process left"
finish
