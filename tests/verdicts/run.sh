#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh WSKSIM CASE.c BROKEN.so FIXED.so: the broken driver is found with the rule that its source
# expects, the fixed one survives as many runs in silence.
set -u
wsksim=$1 source=$2 broken=$3 fixed=$4
runs=4000
expected=$(sed -n 's/.*EXPECT: \([A-Z0-9|-]*\).*/\1/p' "$source")
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

"$wsksim" check -runs=$runs -seed=1 -workers=1 -db="$folder/broken.db" "$broken" >"$folder/out" 2>&1
status=$?
if [ $status -ne 77 ]; then
    echo "broken driver: exit $status instead of 77"
    cat "$folder/out"
    exit 1
fi
found=$(sed -n 's/^SUMMARY: wsksim: \([A-Za-z0-9-]*\):.*/\1/p' "$folder/out" | head -n 1)
case "|$expected|" in
*"|$found|"*) ;;
*)
    echo "broken driver: found '$found' where one of '$expected' was expected"
    cat "$folder/out"
    exit 1
    ;;
esac
"$wsksim" check -runs=$runs -seed=1 -workers=1 -db="$folder/fixed.db" "$fixed" >"$folder/out" 2>&1
status=$?
if [ $status -ne 0 ]; then
    echo "fixed driver: exit $status instead of 0"
    cat "$folder/out"
    exit 1
fi
echo "$found found, fixed twin silent over $runs runs"
