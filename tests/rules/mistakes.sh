#!/bin/sh
# SPDX-License-Identifier: MIT
# mistakes.sh WSKSIM LIST: each line of LIST is a rule, an outcome, and a driver that breaks the
# rule; wsksim check finds it without options (a seed makes the test repeat).
#
# The outcome is `finding`, or `lint` where the documents grade the mistake as advice (kind L, "lint
# only", "warning"): that is counted and reported at the end of a clean check, and must not be a
# finding, since drivers that ship and work do such things.
#
# Many a mistake is a data race before it is anything else, and then that is what is found: such a
# driver is looked at once more without the race detector.
set -u
wsksim=$1 list=$2
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
found=0 failed=0 races=0
check() {
    "$wsksim" check -seed=1 -runs=$runs -workers=1 -minimize=0 -db="$folder/run.db" "$@" \
        >"$folder/out" 2>&1
}
while read -r rule outcome module; do
    runs=20000
    [ "$outcome" = finding ] || runs=4000 # all of them are made
    check "$module"
    status=$?
    if [ $status -eq 77 ] && grep -q "^SUMMARY: wsksim: [A-Z0-9-]*: data race: " "$folder/out" &&
        ! grep -q "^SUMMARY: wsksim: $rule:" "$folder/out"; then
        races=$((races + 1))
        rm -f "$folder"/run.db*
        check -races=0 "$module"
        status=$?
    fi
    case $status-$outcome in
    77-finding) grep -q "^SUMMARY: wsksim: $rule:" "$folder/out" ;;
    0-lint) grep -q "^lint $rule, " "$folder/out" ;;
    *) false ;;
    esac
    if [ $? -eq 0 ]; then
        found=$((found + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: no $outcome of $rule in $module"
        head -n 20 "$folder/out" | sed 's/^/    | /'
    fi
    rm -f "$folder"/run.db*
done <"$list"
echo "$found mistakes found, $failed not; $races are data races first"
[ $failed -eq 0 ] && [ $found -gt 0 ]
