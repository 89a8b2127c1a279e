#!/bin/sh
# SPDX-License-Identifier: MIT
# mistakes.sh WSKSIM LIST: each line of LIST is a rule, an outcome, and a driver that breaks the
# rule; wsksim check finds it without options (a seed makes the test repeat).
#
# The outcome is `finding`, or `lint` where the documents grade the mistake as advice (kind L, "lint
# only", "warning"): that is counted and reported at the end of a clean check, and must not be a
# finding, since drivers that ship and work do such things.
set -u
wsksim=$1 list=$2
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
found=0 failed=0
while read -r rule outcome module; do
    "$wsksim" check -seed=1 -runs=20000 -workers=1 -minimize=0 -db="$folder/run.db" "$module" \
        >"$folder/out" 2>&1
    case $?-$outcome in
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
echo "$found mistakes found, $failed not"
[ $failed -eq 0 ] && [ $found -gt 0 ]
