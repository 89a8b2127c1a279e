# SPDX-License-Identifier: MIT
#
# Reads the list of places ("function path"), then a profile of callgrind; prints instructions per
# run (variables name, runs) by phase. A function's own instructions count, not those of calls.

function named(text,    id) { # "(12) name" defines, "(12)" refers
    match(text, /^\([0-9]+\)/)
    id = substr(text, 1, RLENGTH)
    if (length(text) > RLENGTH) {
        known[kind, id] = substr(text, RLENGTH + 2)
    }
    return known[kind, id]
}

function phase(function_name, object,    path) {
    sub(/'.*/, "", function_name)
    path = place[function_name]
    if (object ~ /\.so$/ && object ~ /bench_/) return "driver"
    if (object ~ /boost|libc\.so|ld-linux/) {
        return function_name ~ /fcontext/ ? "scheduling: fibers" : "C library (copies, fills)"
    }
    if (function_name ~ /_reset$|^reset_|restore|^sched_first$|^sim_run$/) return "reset and restore"
    if (function_name ~ /check_unload|check_leaving|^check_everything$|fingerprint|_finish$/) {
        return "finish"
    }
    if (path ~ /^sim\/(sched|fiber|strategy)/) return "scheduling: decisions"
    if (path ~ /^sim\/choice/) return "scheduling: choices"
    if (path ~ /^sim\/events/) return "scheduling: clock"
    if (path ~ /^sim\/memory/) return "memory and its map"
    if (path ~ /^sim\//) return "engine, other"
    if (match(path, /^model\/[a-z]+\//)) return "model: " substr(path, 7, RLENGTH - 7)
    if (path ~ /^model\//) return "model: shared"
    return "other"
}

FNR == NR { place[$1] = $2; next }
/^ob=/ { kind = "o"; object = named(substr($0, 4)); next }
/^fn=/ { kind = "f"; current = named(substr($0, 4)); next }
/^cob=/ { kind = "o"; named(substr($0, 5)); next }
/^cfn=/ { kind = "f"; named(substr($0, 5)); next }
/^calls=/ { skip = 1; next }
/^[-+*0-9]/ {
    if (!skip) {
        sum[phase(current, object)] += $2
        total += $2
    }
    skip = 0
}
END {
    printf "%9.0f  %s\n", total / runs, name
    for (p in sum) {
        printf "  %9.0f %5.1f %%  %s\n", sum[p] / runs, 100 * sum[p] / total, p | "sort -rn"
    }
}
