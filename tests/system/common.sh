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

# fail TEXT [FILE]: counts, and shows the file's beginning.
fail() {
    printf 'FAILED: %s\n' "$1"
    [ -z "${2:-}" ] || head -n 30 "$2" | sed 's/^/    | /'
    failures=$((failures + 1))
}

# proved TEXT: one line for whoever reads the log.
proved() {
    printf 'ok: %s\n' "$1"
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
