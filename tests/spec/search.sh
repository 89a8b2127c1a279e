#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The event gate of the model (gate_search, every class of interleavings) against its specification
# (gate_explore) and its Promela form (spin.sh): within the same bounds the three must reach the
# same set of abstract states, and the search must say that it is complete.
#
#   search.sh GATE_SEARCH GATE_EXPLORE SPIN_SH [ENABLES [OPTIONS OF GATE_SEARCH]]
#   search.sh --mutants GATE_SEARCH    each mutant of the gate must be found
#   search.sh --self-test SEARCH_SH    what must fail does fail, shown on tools that lie
set -eu
LC_ALL=C
export LC_ALL
configs="datagram static-datagram receive static-receive"
mutants_min=8 # of the gate, in model/mutants.def; more may come, none may go unnoticed

mutants() {
    count=0
    for mutant in $("$1" --list-mutants); do
        status=0
        found=$("$1" --small --mutant="$mutant") || status=$?
        if [ $status -ne 1 ] || ! echo "$found" | grep -q '^FAIL '; then
            echo "FAIL mutant $mutant survives (exit code $status)"
            exit 1
        fi
        echo "mutant $mutant: $(echo "$found" | grep '^FAIL ')"
        count=$((count + 1))
    done
    echo "$count mutants found"
    [ $count -ge $mutants_min ] || { echo "FAIL at least $mutants_min were to be found"; exit 1; }
}

# The states of both sides in $work/model and $work/NAME.
# compare NAME: prints what differs; failures=1 if anything does.
compare() {
    for config in $configs; do
        grep "^$config " "$work/model" >"$work/a" || true
        grep "^$config " "$work/$1" >"$work/b" || true
        comm -23 "$work/a" "$work/b" >"$work/more"
        comm -13 "$work/a" "$work/b" >"$work/missing"
        if $is_small; then # one disabler: states with two disables are left out
            grep -v "$two" "$work/missing" >"$work/rest" || true
            mv "$work/rest" "$work/missing"
        fi
        if [ ! -s "$work/a" ] || [ ! -s "$work/b" ]; then
            echo "FAIL $config: no state at all of the model or of $1"
            failures=1
        elif [ -s "$work/more" ] || [ -s "$work/missing" ]; then
            sed "s/^/FAIL the model reaches what $1 does not: /" "$work/more"
            sed "s/^/FAIL $1 reaches what the model does not: /" "$work/missing"
            failures=1
        else
            echo "$config: the model and $1 reach the same $(wc -l <"$work/a") abstract states"
        fi
    done
}

# Every configuration was searched, and to its end.
check_complete() {
    for config in $configs; do
        if ! grep -q "^$config .*; complete for" "$work/log" ||
            grep -q "^$config .*NOT complete" "$work/log"; then
            echo "FAIL $config: the search is not complete"
            failures=1
        fi
    done
}

# shellcheck disable=SC2016 # the liars expand, not we
self_test() {
    printf '%s\n' '#!/bin/sh' \
        'for c in datagram static-datagram receive static-receive; do' \
        '    [ "$c" = "${SKIP:-}" ] || echo "$c D adm=0 run=0 W= Q=0 shut=0 due=0"' \
        'done' 'exit ${STATUS:-0}' >"$work/states"
    printf '%s\n' '#!/bin/sh' \
        'for c in datagram static-datagram receive static-receive; do' \
        '    echo "$c  1 classes; ${SAY:-complete} for"' \
        'done' 'states=${2#--states=}' 'STATUS=0 "$(dirname "$0")/states" >"$states"' \
        'exit ${SEARCH_STATUS:-0}' >"$work/search"
    printf '#!/bin/sh\n[ "${SPIN_STATUS:-0}" = 0 ] || exit $SPIN_STATUS\nexec "%s/states"\n' \
        "$work" >"$work/spin"
    chmod +x "$work/states" "$work/search" "$work/spin"
    expect() {
        wanted=$1
        shift
        status=0
        env "$@" "$script" "$work/search" "$work/states" "$work/spin" >"$work/said" 2>&1 ||
            status=$?
        if [ $status -ne "$wanted" ]; then
            cat "$work/said"
            echo "FAIL with $*: exit code $status, not $wanted"
            exit 1
        fi
    }
    expect 0 STATUS=0
    expect 0 SPIN_STATUS=77
    expect 1 SPIN_STATUS=1
    expect 1 SEARCH_STATUS=1
    expect 1 SEARCH_STATUS=3
    expect 1 STATUS=2
    expect 1 SAY="NOT complete"
    expect 1 SKIP=receive
    echo "7 liars noticed or excused as they should be"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ "$1" = --mutants ]; then
    mutants "$2"
    exit 0
elif [ "$1" = --self-test ]; then
    script=$2
    self_test
    exit 0
fi
search=$1 explore=$2 spin=$3 is_small=false
enables=${4:-1}
[ $# -lt 4 ] || shift
shift 3
case " $* " in *" --small "*) is_small=true ;; esac
failures=0
two='W=[0-9]*\.[0-9]\|W=[0-9]*\. Q=[1-9]' # states in which two disables stand

status=0
"$search" --enables="$enables" --states="$work/found" "$@" >"$work/log" || status=$?
cat "$work/log"
[ $status -eq 0 ] || { echo "FAIL gate_search: exit code $status"; exit 1; }
check_complete
sort -u "$work/found" >"$work/model"
"$explore" --states --enables="$enables" >"$work/all" || { echo "FAIL gate_explore"; exit 1; }
sort -u "$work/all" >"$work/gate_explore"
compare gate_explore
echo "disconnect: not run on the model: a socket has one such event, two callbacks never overlap"
"$spin" "$explore" --states "$enables" >"$work/all" || status=$?
case $status in
0)
    sort -u "$work/all" >"$work/SPIN"
    compare SPIN
    ;;
77) cat "$work/all" ;; # not installed
*)
    cat "$work/all"
    echo "FAIL spin.sh: exit code $status"
    failures=1
    ;;
esac
exit $failures
