#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The event gate of the model (gate_search, every class of interleavings) against its specification
# (gate_explore) and its Promela form (spin.sh): within the same bounds the three must reach the
# same set of abstract states.
#
#   search.sh GATE_SEARCH GATE_EXPLORE SPIN_SH [ENABLES [OPTIONS OF GATE_SEARCH]]
#   search.sh --mutants GATE_SEARCH    each mutant of the model named here must be found
set -eu
LC_ALL=C
export LC_ALL
if [ "$1" = --mutants ]; then
    for mutant in gate_disable_success static_disable_works; do
        status=0
        found=$("$2" --small --mutant=$mutant) || status=$?
        if [ $status -ne 1 ]; then
            echo "FAIL mutant $mutant survives (exit code $status)"
            exit 1
        fi
        echo "mutant $mutant: $(echo "$found" | grep FAIL)"
    done
    exit 0
fi
search=$1 explore=$2 spin=$3 is_small=false
enables=${4:-1}
[ $# -lt 4 ] || shift
shift 3
case " $* " in *" --small "*) is_small=true ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
two='W=[0-9]*\.[0-9]\|W=[0-9]*\. Q=[1-9]' # states in which two disables stand

"$search" --enables="$enables" --states="$work/model" "$@" | tee "$work/log"
sort -u "$work/model" >"$work/model.sorted"
"$explore" --states --enables="$enables" | sort -u >"$work/spec"

# compare NAME FILE: the states of FILE and those of the model, for each configuration.
compare() {
    for config in $(cut -d' ' -f1 "$work/model.sorted" | uniq); do
        grep "^$config " "$work/model.sorted" >"$work/a"
        grep "^$config " "$2" >"$work/b" || true
        comm -23 "$work/a" "$work/b" >"$work/more"
        comm -13 "$work/a" "$work/b" >"$work/missing"
        if [ -s "$work/more" ]; then
            sed "s/^/FAIL the model reaches what $1 does not: /" "$work/more"
            failures=1
        fi
        if [ -s "$work/missing" ] && grep -q "^$config .*NOT complete" "$work/log"; then
            sed "s/^/not reached, the search was not complete: /" "$work/missing"
        elif [ -s "$work/missing" ] && $is_small && ! grep -qv "$two" "$work/missing"; then
            sed "s/^/not reached, --small has one disabler: /" "$work/missing"
        elif [ -s "$work/missing" ]; then
            sed "s/^/FAIL $1 reaches what the model does not: /" "$work/missing"
            failures=1
        else
            echo "$config: the model and $1 reach the same $(wc -l <"$work/b") abstract states"
        fi
    done
}

compare gate_explore "$work/spec"
echo "disconnect: not run on the model: a socket has one such event, two callbacks never overlap"
if "$spin" "$explore" --states "$enables" >"$work/spin.all"; then
    sort -u "$work/spin.all" >"$work/spin"
    compare SPIN "$work/spin"
else
    cat "$work/spin.all"
fi
exit $failures
