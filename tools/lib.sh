# What the tools share.  Sourced; leaves the working directory at the project's root.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

say() { printf '>> %s\n' "$*" >&2; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# The QEMU to work on, and where all that is made of it goes: see patches/bases
mapfile -t bases < <(sed 's/#.*//' patches/bases | awk 'NF { print $1 }')
# shellcheck disable=SC2034
newest=${bases[-1]}
# base_field BASE 2|3|4: that column of patches/bases
base_field() { awk -v base="$1" -v n="$2" '$1 == base { print $n }' patches/bases; }
base=${BASE-}
if [ -z "$base" ]; then
    base=$(. /etc/os-release && awk -v suite="${VERSION_CODENAME-}" '$2 == suite { print $1 }' patches/bases)
    base=${base:-$newest}
fi
[ -n "$(base_field "$base" 2)" ] || die "BASE=$base: there are ${bases[*]}"
export BASE=$base
top=build/$base

# QEMU's configure wants Debian's python3, not one that a user put in front of it.
# shellcheck disable=SC2034
system_path=/usr/sbin:/usr/bin:/sbin:/bin

# progress: shows the newest of the lines that it reads, on a terminal at once, else
# one every 20 seconds
progress() {
    local line next=$((SECONDS + 20))
    while IFS= read -r line; do
        if [ -t 2 ]; then
            printf '\r\033[K   %.*s' "$((${COLUMNS:-80} - 4))" "$line" >&2
        elif [ "$SECONDS" -ge "$next" ]; then
            printf '   %.100s\n' "$line" >&2
            next=$((SECONDS + 20))
        fi
    done
    [ ! -t 2 ] || printf '\r\033[K' >&2
}

# logged NAME COMMAND...: runs it with progress; all that it prints goes to
# $top/log/NAME.log, and the end of that is shown when it fails
logged() {
    local log=$top/log/$1.log
    shift
    mkdir -p "$top/log"
    (set -o pipefail; "$@" < /dev/null 2>&1 | tee "$log" | progress) && return
    if grep -q '^FAILED: ' "$log"; then
        sed -n '/^FAILED: /,$p' "$log" | head -n 40 >&2
    else
        tail -n 20 "$log" >&2
    fi
    die "failed; all that was said is in $log"
}
