#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The event gate in Promela (gate.pml) against the one in C (gate_explore): SPIN checks the
# invariants, that nobody is stuck and that everything drains, and both must reach the same set of
# abstract states.
#
#   spin.sh GATE_EXPLORE             checks; exit 0 when all is well, 77 when spin or gcc is missing
#   spin.sh GATE_EXPLORE --states [ENABLES]  prints the states SPIN reaches, as gate_explore does
#   spin.sh GATE_EXPLORE --mutants   each mistake planted in gate.pml must be found
set -eu
LC_ALL=C
export LC_ALL
explore=$(readlink -f "$1")
what=${2:-}
enables=${3:-3}
model=$(cd "$(dirname "$0")" && pwd)/gate.pml
for tool in spin gcc; do
    if ! command -v $tool >/dev/null 2>&1; then
        echo "SKIPPED: no $tool here (Debian package $tool)"
        exit 77
    fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# build FLAGS NAME: the verifiers for safety (NAME) and progress (NAME.ltl).
build() {
    # shellcheck disable=SC2086
    spin -a -DENABLES="$enables" $1 "$model" >spin.log 2>&1 || { cat spin.log; exit 1; }
    gcc -O1 -w -DSAFETY -DNOREDUCE -DNOCLAIM -o "$2" pan.c
    gcc -O1 -w -DNOREDUCE -DNFAIR=3 -o "$2.ltl" pan.c
}

# safety NAME: true if SPIN finds no error and saw everything; leaves NAME.states.
safety() {
    ./"$1" >"$1.log" 2>&1 || return 1
    sed -n "s/^STATE /$1 /p" "$1.log" | sort >"$1.states"
    grep -q 'errors: 0' "$1.log" && ! grep -qi 'truncated\|max search depth' "$1.log"
}

progress() {
    for claim in waiting_completes quiet_drains close_ends; do
        ./"$1.ltl" -a -f -N $claim >"$1.$claim.log" 2>&1 || return 1
        grep -q 'errors: 0' "$1.$claim.log" || return 1
    done
}

same_states() {
    grep "^$1 " explored >"$1.explored" && cmp -s "$1.states" "$1.explored"
}

"$explore" --states --enables="$enables" | sort >explored

if [ "$what" = --mutants ]; then
    killed=0
    for mutant in 1 2 3 4; do
        build "-DDATAGRAM -DMUTANT=$mutant" datagram
        if ! safety datagram; then by="an assertion or end state"
        elif ! progress datagram; then by="a progress claim"
        elif ! same_states datagram; then by="the set of states"
        else echo "FAIL mutant $mutant survives"; exit 1
        fi
        echo "mutant $mutant: killed by $by"
        killed=$((killed + 1))
    done
    echo "$killed mutants, $killed killed"
    exit 0
fi

while read -r name flags; do
    build "$flags" "$name"
    if ! safety "$name"; then
        cat "$name.log"
        echo "FAIL $name: SPIN finds an error"
        exit 1
    fi
    if [ "$what" = --states ]; then
        cat "$name.states"
        continue
    fi
    if ! progress "$name"; then
        cat "$name".*.log
        echo "FAIL $name: a waiting disable or a close does not come to its end"
        exit 1
    fi
    if ! same_states "$name"; then
        diff "$name.explored" "$name.states" || true
        echo "FAIL $name: SPIN (>) and gate_explore (<) reach different states"
        exit 1
    fi
    stored=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$name.log")
    echo "$name: SPIN stores $stored states, $(wc -l <"$name.states") abstract, the same set"
done <<END
datagram -DDATAGRAM
receive -DRECEIVE
disconnect -DPLAIN
static-datagram -DDATAGRAM -DSTATIC
static-receive -DRECEIVE -DSTATIC
END
