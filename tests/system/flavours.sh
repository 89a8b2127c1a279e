#!/bin/sh
# SPDX-License-Identifier: MIT
#
#   flavours.sh FINGERPRINTS WSKSIM-CC
#
# Same choices, same run: cases of the three example drivers, drawn ones and the inputs of the
# corpus, are written once and read back as recordings by other builds of driver and engine. Every
# line must be equal: verdict, rule, fingerprint, number of steps.
#   modules: checked and plain, at -O1 and -O0. The engine is FINGERPRINTS.
#   engines: FINGERPRINTS, and those named in WSKSIM_OTHER_ENGINES (scripts/test names the ones it
#            has just built: with gcc, with sanitizers, ...). The module is the checked one at -O1,
#            here also with access points, whose schedules belong to one module.
# Also some broken drivers whose breach is none of memory: they must break the same rule.
set -u
fingerprints=$1
compiler=$2
. "$(dirname "$0")/common.sh"
drivers=$source_root/drivers
log=$folder/log
calls=80
accesses=20

# compile NAME SOURCE: four modules.
compile() {
    for level in O1 O0; do
        mkdir -p "$folder/checked-$level" "$folder/plain-$level"
        "$compiler" "-$level" -o "$folder/checked-$level/$1.so" "$2" >"$log" 2>&1 &&
            "$compiler" --plain "-$level" -o "$folder/plain-$level/$1.so" "$2" >"$log" 2>&1 ||
            { fail "$1 does not compile at -$level" "$log"; finish; }
    done
}

# compare ENGINE MODULE CASES WHAT
compare() {
    "$1" read "$2" <"$3" >"$folder/again" 2>"$log" || fail "$4: exit code $?" "$log"
    if ! cmp -s "$3" "$folder/again"; then
        diff "$3" "$folder/again" | cut -c1-60,200-400 >"$log"
        fail "$4: other runs of the same choices" "$log"
    fi
}

# check NAME SOURCE
check() {
    name=$1
    compile "$name" "$2"
    reference=$folder/checked-O1/$name.so
    "$fingerprints" write "$reference" $calls calls >"$folder/$name.calls" 2>"$log" &&
        "$fingerprints" write "$reference" $accesses accesses >"$folder/$name.accesses" \
            2>"$log" ||
        { fail "$name: no cases" "$log"; return; }
    if [ -d "$source_root/corpus/$name" ]; then
        "$fingerprints" corpus "$reference" "$source_root/corpus/$name"/* >>"$folder/$name.calls" \
            2>"$log" || fail "$name: corpus" "$log"
    fi
    for module in checked-O1 checked-O0 plain-O1 plain-O0; do
        compare "$fingerprints" "$folder/$module/$name.so" "$folder/$name.calls" "$name $module"
    done
    compare "$fingerprints" "$reference" "$folder/$name.accesses" "$name with access points"
    for engine in ${WSKSIM_OTHER_ENGINES:-}; do
        compare "$engine" "$reference" "$folder/$name.calls" "$name under $engine"
        compare "$engine" "$folder/plain-O1/$name.so" "$folder/$name.calls" \
            "$name plain under $engine"
        compare "$engine" "$reference" "$folder/$name.accesses" \
            "$name with access points under $engine"
    done
    cat "$folder/$name.calls" "$folder/$name.accesses" >"$folder/all"
    count=$(wc -l <"$folder/all")
    distinct=$(sed 's/.* \([0-9a-f]\{16\}\) .*/\1/' "$folder/all" | sort -u | wc -l)
    broken=$(grep -c ' violation ' "$folder/all")
    proved "$name: $count cases ($broken with a finding), $distinct fingerprints: all builds agree"
    [ "$distinct" -gt $((count / 3)) ] || fail "$name: too tame to prove anything"
}

for name in tcp_echo udp_responder tcp_client; do
    check $name "$drivers/$name/$name.c"
done
for variant in tcp_echo/callback_waits udp_responder/callback_disables tcp_client/irp_no_reuse; do
    check "${variant%/*}_${variant#*/}" "$drivers/${variant%/*}/variants/${variant#*/}.c"
done
engines=$(echo ${WSKSIM_OTHER_ENGINES:-} | wc -w)
proved "modules: checked and plain, -O1 and -O0; engines: this one and $engines more"
finish
