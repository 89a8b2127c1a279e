#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Writes the tables of docs/modelled.md from the sources: which routines a driver may call, with
# their IRQL limits, and which are declared only. With --check it says whether the page is up to
# date, and changes nothing.
#
# What is offered comes from model/routines.def without the rows that tests/tidy/ratchet.txt lists
# as unwritten (the tidy test keeps that list true); what is declared comes from include/wdk, read
# by the compiler; a declared function counts as written when a file of model, or of the support
# archive that is linked into modules, defines it, macros included.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."

clang=${CLANG:-clang}
page=docs/modelled.md
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Reads C after preprocessing. Prints the functions that it declares (want=;) or defines (want={),
# only those from files whose path matches folder.
functions='
    function finish(c) {
        gsub(/__attribute__ *\(\([^()]*(\([^()]*\))?[^()]*\)\)/, "", text)
        if (c == want && text !~ /^typedef|=|^_Static_assert/ &&
            match(text, /[A-Za-z_][A-Za-z_0-9]* *\(/)) {
            name = substr(text, RSTART, RLENGTH)
            gsub(/[ (]/, "", name)
            if (want == "{" || text !~ /inline|__declspec/) print name
        }
        text = ""
    }
    /^# [0-9]+ "/ { is_ours = $3 ~ folder; next }
    is_ours {
        for (i = 1; i <= length($0); i++) {
            c = substr($0, i, 1)
            if (c == "{" && depth++ == 0) { if (text ~ /\) *$/) finish(c) }
            else if (c == "}") depth--
            else if (depth == 0 && c == ";") finish(c)
            else if (depth == 0) text = text c
        }
        if (depth == 0) text = text " "
        sub(/^ +/, "", text)
    }'

# Names of all functions that the headers declare, one a line.
declared() {
    for header in ntifs wsk ntstrsafe ntintsafe wdmsec ip2string netioapi ndis evntprov; do
        echo "#include <$header.h>"
    done | "$clang" -E -std=gnu17 -fms-extensions -fms-compatibility \
        -fms-compatibility-version=19.30 -fshort-wchar -nostdinc -isystem include/wdk \
        -isystem "$("$clang" -print-resource-dir)/include" \
        -D_WIN64=1 -D_AMD64_=1 -D_KERNEL_MODE=1 -x c - |
        awk -v want=';' -v folder=include/wdk "$functions" | sort -u
}

# Names of all functions that model and the support archive of the modules define. All files are
# read as one, which is quick; a macro that two of them define differently names no function.
defined() {
    find model sim/support -name '*.c' | sort | sed 's/.*/#include "&"/' |
        "$clang" -E -w -std=gnu17 -fshort-wchar -I. -Iinclude/wdk -x c - |
        awk -v want='{' -v folder='"(./)?(model|sim/support)/' "$functions" | sort -u
}

# The area of a routine, by its name.
areas='
    function area(name) {
        if (name ~ /^Wsk|^Nmr/) return "Winsock Kernel and its registration"
        if (name ~ /^Interlocked|^ExInterlocked|SList|^YieldProcessor|^KeMemoryBarrier/)
            return "Interlocked operations and lists"
        if (name ~ /List/ && name !~ /^Ex|^Wsk|^Rtl/) return "Interlocked operations and lists"
        if (name ~ /^Ke|^Kf|^Kz/) return "Ke: kernel objects, processors, time"
        if (name ~ /^Ex/) return "Ex: pool, locks, rundown, lookaside lists"
        if (name ~ /^Iof?[A-Z]/) return "Io: requests, devices, work items"
        if (name ~ /^Mm|^Probe/) return "Mm: memory descriptor lists, pages"
        if (name ~ /^Ps|^Ob|^Zw|^Nt|^Se|^Po/)
            return "Ps, Ob, Zw, Se: threads, handles, objects, security"
        if (name ~ /^Rtl|printf|^Dbg|^vDbg/) return "Rtl and debug output"
        if (name ~ /^Etw|^Event/) return "Event tracing"
        if (name ~ /Mib|^GetI[fp]|UnicastIp|^GetBestRoute|^Notify|^ConvertInterface|IpInterface/)
            return "IP Helper: interfaces, addresses, routes"
        return "Others"
    }
    function level(low, high) {
        low += 0; high += 0
        if (low == 0 && high == 0) return "PASSIVE_LEVEL"
        if (low == 0 && high == 1) return "up to APC_LEVEL"
        if (low == 0 && high == 2) return "up to DISPATCH_LEVEL"
        if (low == 0) return "any"
        if (low == high) return "only at " (low == 1 ? "APC_LEVEL" : "DISPATCH_LEVEL")
        return "from " (low == 1 ? "APC_LEVEL" : "DISPATCH_LEVEL") " on"
    }'

# Tables of the routines that are offered.
offered() {
    sed -n 's/^ROUTINE(\([A-Za-z_0-9]*\), *\([0-9]*\), *\([0-9]*\)).*/\1 \2 \3/p' \
        model/routines.def | grep -v '^None ' | grep -vwFf "$folder/unwritten" | sort |
        awk "$areas"'
        {
            a = area($1); l = level($2, $3)
            if (!((a, l) in names)) { order[++n] = a SUBSEP l }
            names[a, l] = names[a, l] (names[a, l] == "" ? "" : ", ") "`" $1 "`"
            count[a]++
            total++
        }
        END {
            printf "%d routines of the table are modelled.\n", total
            m = split("Winsock Kernel and its registration|Io: requests, devices, work items|" \
                "Ke: kernel objects, processors, time|Ex: pool, locks, rundown, lookaside lists|" \
                "Interlocked operations and lists|Mm: memory descriptor lists, pages|" \
                "Ps, Ob, Zw, Se: threads, handles, objects, security|Rtl and debug output|" \
                "Event tracing|IP Helper: interfaces, addresses, routes|Others", wanted, "|")
            k = split("PASSIVE_LEVEL|up to APC_LEVEL|only at APC_LEVEL|up to DISPATCH_LEVEL|" \
                "only at DISPATCH_LEVEL|from DISPATCH_LEVEL on|any", levels, "|")
            for (i = 1; i <= m; i++) {
                if (!(wanted[i] in count)) continue
                printf "\n### %s (%d)\n\n", wanted[i], count[wanted[i]]
                print "| IRQL | routines |\n|---|---|"
                for (j = 1; j <= k; j++)
                    if ((wanted[i], levels[j]) in names)
                        printf "| %s | %s |\n", levels[j], names[wanted[i], levels[j]]
            }
        }'
}

# Functions that are declared, so that sources compile, and that no file of model defines.
refused() {
    declared >"$folder/declared"
    defined >"$folder/defined"
    comm -13 "$folder/defined" "$folder/declared" >"$folder/refused"
    awk "$areas"'
        {
            a = area($1)
            names[a] = names[a] (names[a] == "" ? "" : ", ") "`" $1 "`"
            total++
        }
        END {
            printf "\n### Declared only (%d)\n\n", total
            printf "Sources that call these compile; the module is refused at load, "
            print "all names in one message.\n"
            print "| area | routines |\n|---|---|"
            for (a in names) print "| " a " | " names[a] " |" | "sort"
        }' "$folder/refused"
}

sed -n 's/^routine //p' tests/tidy/ratchet.txt >"$folder/unwritten"
sed '/<!-- generated by/,$d' "$page" >"$folder/page"
{
    echo '<!-- generated by scripts/api_coverage.sh: do not edit below this line -->'
    echo
    offered
    refused
} >>"$folder/page"

if [ "${1:-}" = --check ]; then
    cmp -s "$folder/page" "$page" || {
        echo "$page is out of date: run scripts/api_coverage.sh" >&2
        exit 1
    }
else
    cat "$folder/page" >"$page"
fi
