#!/bin/sh
# SPDX-License-Identifier: MIT
#
#   uncontrolled.sh WSKSIM WSKSIM-CC
#
# What could make two runs of the same choices differ is named: routines of the host and
# instructions of the processor when the module is loaded, memory that nobody has written when it
# matters. A driver that only copies such memory is left alone.
set -u
wsksim=$1
compiler=$2
. "$(dirname "$0")/common.sh"
modules=$system_folder/modules
log=$folder/log

# compile NAME SOURCE OPTION...
compile() {
    compile_name=$1
    shift
    "$compiler" -o "$folder/$compile_name.so" "$@" >"$log" 2>&1 ||
        { fail "$compile_name does not compile" "$log"; finish; }
}

# check NAME EXIT-CODE TEXT
check() {
    "$wsksim" check -runs=400 -seed=1 -workers=1 -db="$folder/$1.db" "$folder/$1.so" >"$log" 2>&1
    code=$?
    if [ "$code" -ne "$2" ]; then
        fail "$1: exit code $code instead of $2" "$log"
    elif ! grep -q "$3" "$log"; then
        fail "$1: nothing said of '$3'" "$log"
    else
        proved "$1: exit code $2, $3"
    fi
}

cat >"$folder/host.c" <<'END'
#include <ntddk.h>
int rand(void);
NTSTATUS DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING Path)
{
    UNREFERENCED_PARAMETER(Driver);
    UNREFERENCED_PARAMETER(Path);
    return rand() != 0 ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}
END
cat >"$folder/processor.c" <<'END'
#include <ntddk.h>
static __declspec(noinline) ULONG ReadClock(void)
{
    ULONG Low;
    __asm__ volatile("rdtsc" : "=a"(Low) : : "rdx");
    return Low;
}
NTSTATUS DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING Path)
{
    UNREFERENCED_PARAMETER(Driver);
    UNREFERENCED_PARAMETER(Path);
    return ReadClock() != 0 ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}
END
cat >"$folder/counter.c" <<'END'
#include <ntddk.h>
NTSTATUS DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING Path)
{
    UNREFERENCED_PARAMETER(Driver);
    UNREFERENCED_PARAMETER(Path);
    return ReadTimeStampCounter() != 1 ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
}
END
compile host "$folder/host.c"
check host 1 "rand (the host's, not the kernel's)"
compile processor "$folder/processor.c"
check processor 1 "rdtsc in ReadClock"
compile counter "$folder/counter.c"
check counter 0 "400 runs"

compile copied -DWHERE=0 "$modules/garbage.c"
check copied 0 "400 runs"
line=$(grep -n 'Item = Ex' "$modules/garbage.c" | cut -d: -f1)
compile pool -DWHERE=1 "$modules/garbage.c"
check pool 79 "8 bytes with tag 'WGrb', allocated in DriverEntry at .*garbage.c:$line"
line=$(grep -n 'KeDelay' "$modules/garbage.c" | cut -d: -f1)
# kernel.uninit=lint looks at some runs, kernel.uninit=error at all of them.
compile drawn -DWHERE=3 "$modules/garbage.c"
strict=0
for seed in 1 2 3 4 5 6 7 8; do
    "$wsksim" check -runs=30 -seed=$seed -faults=0 -workers=1 -db="$folder/drawn.db" \
        "$folder/drawn.so" >"$log" 2>&1 || continue
    "$wsksim" check -runs=30 -seed=$seed -faults=0 -workers=1 -db="$folder/drawn.db" \
        -knob=kernel.uninit=error "$folder/drawn.so" >"$log" 2>&1
    [ $? -eq 79 ] && grep -q "8 bytes with tag 'WGrb'" "$log" && strict=$((strict + 1))
done
[ "$strict" -gt 0 ] && proved "kernel.uninit=error finds in $strict campaigns what lint does not" ||
    fail "kernel.uninit=error finds nothing that lint does not" "$log"
compile locals -DWHERE=2 "$modules/garbage.c"
check locals 79 "from 'KeDelayExecutionThread' in Decide at .*garbage.c:$line on"
compile no_twin --no-twin -DWHERE=2 "$modules/garbage.c"
check no_twin 0 "400 runs"
"$compiler" -c -DWHERE=2 -o "$folder/apart.o" "$modules/garbage.c" &&
    compile apart "$folder/apart.o" && check apart 79 "uninitialised local"
"$wsksim" replay -fill=50 -db="$folder/pool.db" 1 >"$log" 2>&1
code=$?
[ "$code" -eq 76 ] && proved "pool: the replay with another pattern diverges" ||
    fail "pool: replay -fill=50 ends with $code instead of 76" "$log"
finish
