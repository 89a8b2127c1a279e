#!/bin/sh
# SPDX-License-Identifier: MIT
# mistakes.sh WSKSIM LIST: each line of LIST is a rule and a driver that breaks it; wsksim check
# finds it without options (a seed makes the test repeat; advice is counted, not found).
set -u
wsksim=$1 list=$2
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
found=0 failed=0
while read -r rule module; do
    "$wsksim" check -seed=1 -runs=20000 -workers=1 -minimize=0 -db="$folder/run.db" "$module" \
        >"$folder/out" 2>&1
    case $? in
    77) grep -q "^SUMMARY: wsksim: $rule:" "$folder/out" ;;
    0) grep -q "^lint $rule, " "$folder/out" ;;
    *) false ;;
    esac
    if [ $? -eq 0 ]; then
        found=$((found + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $rule in $module"
        head -n 20 "$folder/out" | sed 's/^/    | /'
    fi
    rm -f "$folder"/run.db*
done <"$list"
echo "$found mistakes found, $failed not"
[ $failed -eq 0 ] && [ $found -gt 0 ]
