# apt on a private state, made from the system's own source lists.  Sourced after lib.sh.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# apt checks the signatures, and nothing of the system is changed.

# apt_state NAME TYPE [SUITE [SUITE]]: makes the state in build/apt/NAME and updates it.  Its
# lists are the system's of Debian with TYPE (deb, deb-src) in place of theirs; if SUITE is
# given only those of bookworm, with SUITE instead, and with the second one beside it.
apt_state() {
    local type=$2 suite=${3-} second=${4-} list
    apt=$PWD/build/apt/$1
    rm -rf "$apt"
    mkdir -p "$apt/sources.list.d" "$apt/lists/partial" "$apt/cache/archives/partial"
    touch "$apt/status" "$apt/sources.list"
    for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -f "$list" ] || continue
        sed -n "s/^deb\([[:space:]].*debian.*\)$/$type\1/p" "$list" |
            sed -n "${suite:+s/[[:space:]]bookworm[[:space:]]*main.*$/ $suite main/;T;}p${second:+;s/ $suite main$/ $second main/p}" >> "$apt/sources.list"
    done
    for list in /etc/apt/sources.list.d/*.sources; do
        [ -f "$list" ] || continue
        awk -v RS= -v ORS='\n\n' -v suite="$suite" '/debian-archive-keyring/ &&
            (suite == "" || /\nSuites:([^\n]*[ \t])?bookworm[ \t\n]/)' "$list" |
            sed "s/^Types:.*/Types: $type/${suite:+;s/^Suites:.*/Suites: $suite $second/}" > "$apt/sources.list.d/${list##*/}"
    done
    private_apt get update || die "apt cannot read the package lists: check the network and /etc/apt"
}

# private_apt get|cache ARGUMENT...: apt-get or apt-cache on the state of apt_state
private_apt() {
    local command=apt-$1
    shift
    "$command" -qq \
        -o Dir::Etc::sourcelist="$apt/sources.list" \
        -o Dir::Etc::sourceparts="$apt/sources.list.d" \
        -o Dir::State::status="$apt/status" \
        -o Dir::State::lists="$apt/lists" \
        -o Dir::Cache="$apt/cache" \
        -o APT::Sandbox::User=root "$@"
}

# apt_kernel SERIES: the state for Debian's kernel 6.1, or 6.12 of bookworm-backports
apt_kernel() {
    case $1 in
    6.1) apt_state "kernel-$1" deb ;;
    6.12) apt_state "kernel-$1" deb bookworm-backports ;;
    *) die "no kernel $1: there are 6.1 and 6.12" ;;
    esac
}

# apt_unpack DIR PACKAGE=VERSION...: downloads packages and unpacks them into DIR
apt_unpack() {
    local dir=$1 package
    shift
    mkdir -p "$dir/debs"
    (cd "$dir/debs" && private_apt get download "$@") || return
    for package in "$dir"/debs/*.deb; do
        dpkg-deb -x "$package" "$dir"
    done
    rm -r "$dir/debs"
}
