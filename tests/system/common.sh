# SPDX-License-Identifier: MIT
#
# Shared by the scripts of this folder; sourced. Makes a folder to work in, which goes away at the
# end, counts what failed, and prints what was proved.

system_folder=$(cd "$(dirname "$0")" && pwd) || exit 1
source_root=$(cd "$system_folder/../.." && pwd) || exit 1
folder=$(mktemp -d) || exit 1
failures=0
proofs=0

clean_up() {
    chmod -R u+w "$folder" 2>/dev/null
    rm -rf "$folder"
}
trap clean_up EXIT
export TMPDIR="$folder" # of mktemp, and of libFuzzer, which leaves things there

# fail TEXT [FILE]: counts, and shows the file's beginning.
fail() {
    printf 'FAILED: %s\n' "$1"
    [ -z "${2:-}" ] || head -n 30 "$2" | sed 's/^/    | /'
    failures=$((failures + 1))
}

# proved TEXT: one line for whoever reads the log.
proved() {
    printf 'ok: %s\n' "$*"
    proofs=$((proofs + 1))
}

# finish: the verdict of the script.
finish() {
    if [ "$failures" -gt 0 ]; then
        echo "$failures failed, $proofs proved"
        exit 1
    fi
    echo "all $proofs proved"
    exit 0
}

# cases FILE: "ok 3" for a whole database with three cases; sql is the helper of that name.
cases() {
    "$sql" "$1" 'PRAGMA integrity_check' 'SELECT count(*) FROM "case"' 2>&1 | tr '\n' ' ' |
        sed 's/ $//'
}

# no_process_left: processes of this script's campaigns have the name of its folder in their words,
# or in those of their parent, of which workers are copies.
no_process_left() {
    for process in /proc/[0-9]*; do
        if cat "$process/cmdline" 2>/dev/null | tr '\0' ' ' | grep -q -F -e "$folder/"; then
            echo "${process#/proc/} $(tr '\0' ' ' <"$process/cmdline")"
        fi
    done >"$folder/left" 2>/dev/null
    [ ! -s "$folder/left" ]
}
