# SPDX-License-Identifier: MIT
#
# Shared by the scripts: where the repository is, one-line errors, what the build needs. Sourced,
# not run. The caller has set `self` to its own name.

repository=$(cd "$(dirname "$0")/.." && pwd) || exit 1
jobs=$(nproc 2>/dev/null || echo 2)
log_folder=$repository/build/log

die() {
    printf '%s: %s\n' "$self" "$*" >&2
    exit 1
}

# Sets install=yes|no from the arguments; anything else is an error.
parse_install() {
    install=yes
    for argument; do
        case $argument in
        --no-install) install=no ;;
        -h | --help)
            usage
            exit 0
            ;;
        *) die "unknown option $argument (--no-install is the only one)" ;;
        esac
    done
}

set_up() {
    if [ "$install" = yes ]; then
        "$repository/scripts/setup" || exit 1
    else
        "$repository/scripts/setup" --no-install || exit 1
    fi
}

# Ctrl-C ends what runs in the background too.
quiet_process=
interrupted() {
    [ -z "$quiet_process" ] || kill "$quiet_process" 2>/dev/null
    printf '\n%s: interrupted\n' "$self" >&2
    exit 130
}
trap interrupted INT TERM HUP

# Where a build is, "[17/203]", from its log; a dot if it does not say.
show_progress() {
    quiet_where=$(tail -c 2000 "$quiet_log" | sed -n 's/^\[\([0-9]*\/[0-9]*\)\].*/\1/p' | tail -n 1)
    printf '%s ' "${quiet_where:-.}"
}

# quiet NAME COMMAND...: output goes to a log, of which the end is shown on failure; every five
# seconds something shows that it lives.
quiet() {
    quiet_name=$1
    shift
    mkdir -p "$log_folder" || die "cannot make $log_folder"
    quiet_log=$log_folder/$quiet_name.log
    "$@" >"$quiet_log" 2>&1 &
    quiet_process=$!
    quiet_ticks=0
    while kill -0 "$quiet_process" 2>/dev/null; do
        sleep 1
        quiet_ticks=$((quiet_ticks + 1))
        [ $((quiet_ticks % 5)) -ne 0 ] || show_progress
    done
    if ! wait "$quiet_process"; then
        quiet_process=
        echo
        tail -n 25 "$quiet_log" >&2
        die "$quiet_name failed; the whole output is in $quiet_log"
    fi
    quiet_process=
}

# build PRESET [TARGET...]
build() {
    build_preset=$1
    shift
    printf '%s: building (%s) ' "$self" "$build_preset"
    cd "$repository" || exit 1
    quiet "configure-$build_preset" cmake --preset "$build_preset"
    if [ $# -gt 0 ]; then
        quiet "build-$build_preset" cmake --build --preset "$build_preset" -j "$jobs" --target "$@"
    else
        quiet "build-$build_preset" cmake --build --preset "$build_preset" -j "$jobs"
    fi
    echo done
}
