#!/bin/sh
# SPDX-License-Identifier: MIT
#
#   fuzz_modes.sh WSKSIM SQL DRIVERS RACE
#
# The executables NAME_fuzzer and NAME_afl in folder DRIVERS, used as libFuzzer's and AFL++'s own
# manuals have it, on tcp_echo and on RACE, which has a planted race; then under wsksim fuzz.
set -u
wsksim=$1
sql=$2
drivers=$3
race=$4
. "$(dirname "$0")/common.sh"
cd "$folder" || exit 1
log=$folder/log

# run WHAT CODE COMMAND...
run() {
    what=$1
    expected=$2
    shift 2
    timeout 120 "$@" >"$log" 2>&1 </dev/null
    got=$?
    [ $got -eq "$expected" ] || fail "$what: exit code $got instead of $expected" "$log"
}

says() {
    grep -a -q -e "$1" "$log" || fail "$what: nothing about '$1'" "$log"
}

count() {
    find "$1" -type f | wc -l
}

# ---- libFuzzer ----

libfuzzer() {
    clean=$drivers/tcp_echo_fuzzer
    broken=$drivers/${race}_fuzzer
    mkdir corpus again merged forked garbage
    run "-runs" 0 "$clean" -seed=1 -runs=1500 corpus
    says 'Done 1500 runs'
    run "-runs once more" 0 "$clean" -seed=1 -runs=1500 again
    [ "$(ls corpus)" = "$(ls again)" ] || fail "one seed, two corpora"
    found=$(count corpus)
    [ "$found" -gt 20 ] || fail "-runs: a corpus of $found" "$log"
    proved "-runs=1500 twice with one seed: the same corpus of $found inputs"

    run "-max_total_time" 0 "$clean" -max_total_time=2 corpus
    says 'Done [0-9]* runs in [2-5] second'
    run "-merge" 0 "$clean" -merge=1 merged corpus
    [ "$(count merged)" -gt 10 ] && [ "$(count merged)" -le "$(count corpus)" ] ||
        fail "-merge: $(count merged) of $(count corpus)" "$log"
    run "-fork" 0 "$clean" -fork=2 -max_total_time=2 forked
    [ "$(count forked)" -gt 10 ] || fail "-fork: a corpus of $(count forked)" "$log"
    for i in $(seq 60); do
        head -c $((i * 67)) /dev/urandom >garbage/$i
    done
    run "garbage as a corpus" 0 "$clean" -runs=0 --findings=0 garbage
    proved "-max_total_time, -merge=1, -fork=2, inputs of noise"

    run "the race" 77 "$broken" -seed=1 -max_total_time=60 -artifact_prefix="$folder/"
    says '^SUMMARY: wsksim: CTL-025'
    line=$(grep -a '^wsk1:' "$log")
    crash=$(ls crash-* 2>/dev/null | head -n 1)
    run "the crash file" 77 "$broken" "$crash"
    says '^SUMMARY: wsksim: CTL-025'
    run "the wsk1: line" 77 "$wsksim" replay -db=none.db "$line" "$drivers/$race.so"
    says 'recurs'
    run "the crash file under wsksim" 77 "$wsksim" replay -db=none.db "$crash" "$drivers/$race.so"
    run "-minimize_crash" 0 "$broken" -minimize_crash=1 -max_total_time=4 \
        -exact_artifact_path=small "$crash"
    [ -s small ] || cp "$crash" small
    [ "$(wc -c <small)" -le "$(wc -c <"$crash")" ] || fail "-minimize_crash makes it larger" "$log"
    run "the small crash" 77 "$broken" small
    proved "the race: $(wc -c <"$crash") bytes, $(wc -c <small) after -minimize_crash=1; all replay"

    run "no such option" 1 "$broken" --nosuch=1
    says 'unknown option --nosuch'
    run "a bad value" 1 "$broken" --processors=99
    for attempt in 1 2 3 4 5; do # a short campaign may well find nothing
        timeout 60 "$broken" -fork=2 -ignore_crashes=1 -max_total_time=3 \
            -artifact_prefix="$folder/many-" forked >"$log" 2>&1
        got=$?
        [ $got -eq 0 ] || break
    done
    [ $got -eq 77 ] || fail "-ignore_crashes: exit code $got in attempt $attempt" "$log"
    ls many-crash-* >/dev/null 2>&1 || fail "-ignore_crashes: no crash file" "$log"
    run "wsksim fuzz" 77 "$wsksim" fuzz -db=fuzz.db -max_total_time=60 -minimize=0 \
        "$drivers/$race.so"
    case $(cases fuzz.db) in
    "ok "[12]) ;; # both processes may have found one, with signatures of their own
    *) fail "wsksim fuzz: $(cases fuzz.db)" "$log" ;;
    esac
    [ -z "$(ls -A "${race}.fuzz/tmp" 2>/dev/null)" ] || fail "wsksim fuzz leaves temporary files"
    run "a work directory for no shell" 1 "$wsksim" fuzz -db=fuzz.db -work="with blank" \
        "$drivers/$race.so"
    says 'hands .with blank. to a shell'
    proved "-fork=2 -ignore_crashes=1; wsksim fuzz finds the race and stores it"
}

# ---- AFL++ ----

export AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_NO_COLOR=1
export AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1

statistic() {
    sed -n "s/^$2 *: *//p" "$1/fuzzer_stats"
}

# looks_well FOLDER WHAT
looks_well() {
    [ -e "$1/fuzzer_stats" ] || { fail "$2: no statistics" "$log"; return; }
    [ "$(statistic "$1" stability)" = 100.00% ] ||
        fail "$2: stability $(statistic "$1" stability)" "$1/fuzzer_stats"
    [ "$(statistic "$1" corpus_count)" -gt 10 ] || fail "$2: finds nothing" "$1/fuzzer_stats"
    [ "$(statistic "$1" saved_crashes)" = 0 ] || fail "$2: crashes" "$1/fuzzer_stats"
    case $(statistic "$1" target_mode) in
    *persistent*) ;;
    *) fail "$2: not persistent" "$1/fuzzer_stats" ;;
    esac
}

afl() {
    clean=$drivers/tcp_echo_afl
    mkdir seeds
    printf '\0\0\0' >seeds/tame
    run "afl-fuzz" 0 afl-fuzz -V 5 -i seeds -o alone -- "$clean"
    looks_well alone/default "afl-fuzz"
    timeout 60 afl-fuzz -V 7 -M main -i seeds -o pair -- "$clean" >main.log 2>&1 </dev/null &
    timeout 60 afl-fuzz -V 7 -S other -i seeds -o pair -- "$clean" >other.log 2>&1 </dev/null &
    wait
    cat main.log other.log >"$log"
    looks_well pair/main "afl-fuzz -M"
    looks_well pair/other "afl-fuzz -S"
    proved "afl-fuzz alone ($(statistic alone/default execs_done) runs) and as -M/-S: persistent," \
        "stability 100 %"
    input=$(find alone/default/queue -type f | sort | tail -n 1)
    for i in 1 2; do
        run "afl-showmap" 0 afl-showmap -q -o map-$i -- "$clean" "$input"
    done
    cmp -s map-1 map-2 && [ -s map-1 ] || fail "one input, two maps"
    run "wsksim fuzz -engine=afl" 77 "$wsksim" fuzz -engine=afl -db=afl.db -max_total_time=90 \
        -minimize=0 "$drivers/$race.so"
    says AFL_CUSTOM_MUTATOR_LIBRARY
    [ "$(cases afl.db)" = "ok 1" ] || fail "wsksim fuzz -engine=afl: $(cases afl.db)" "$log"
    proved "wsksim fuzz -engine=afl finds the race and stores it"
}

if [ -x "$drivers/${race}_fuzzer" ]; then
    libfuzzer
else
    echo "skipped: no libFuzzer executables in this tree"
fi
if ! command -v afl-fuzz >/dev/null 2>&1; then
    echo "skipped: afl-fuzz is not installed"
elif [ ! -x "$drivers/${race}_afl" ]; then
    echo "skipped: no AFL++ executables in this tree"
else
    afl
fi
no_process_left || fail "processes left" left
finish
