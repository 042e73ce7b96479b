# The steps of the patch series.  Sourced after lib.sh by tree, refresh, series and lint.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# patches/series names the steps in order, one a line.  A step is a file
# patches/NN-name.patch: "Subject: area: what", an empty line, the body, lines
# "Files: PATH..." and "Append: PATH...", then diff hunks or none.  It becomes one
# commit of build/qemu: the files of the project root that Files names (a
# directory stands for all in it) are copied, the fragments that Append names are
# appended to the tree's files of the same path, and the hunks are applied, in
# this order and with no fuzz.

# git in build/qemu (or in $QEMU_TREE), whatever the user's own settings are
qgit() {
    env GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 \
        GIT_AUTHOR_NAME='vdpa-dev developers' GIT_AUTHOR_EMAIL=vdpa-dev@localhost \
        GIT_COMMITTER_NAME='vdpa-dev developers' GIT_COMMITTER_EMAIL=vdpa-dev@localhost \
        GIT_AUTHOR_DATE='2025-01-01T00:00:00 +0000' \
        GIT_COMMITTER_DATE='2025-01-01T00:00:00 +0000' \
        git -C "${QEMU_TREE:-build/qemu}" -c core.autocrlf=false -c core.fileMode=true -c gc.auto=0 "$@"
}

step_names() {
    sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' patches/series
}

# step_head STEP: all that stands before the hunks.  step_hunks STEP: the hunks.
step_head() { sed '/^diff --git /,$d' "patches/$1"; }
step_hunks() { sed -n '/^diff --git /,$p' "patches/$1"; }

# step_list STEP Files|Append: the paths that these lines name, one a line
step_list() {
    awk -v key="$2:" '/^diff --git / { exit } $1 == key { for (i = 2; i <= NF; i++) print $i }' "patches/$1"
}

# check_steps: stops when the series names something that is not there
check_steps() {
    local step path line
    [ -f patches/series ] || die "patches/series is missing"
    for step in $(step_names); do
        [ -f "patches/$step" ] || die "patches/series names $step, which is not in patches/"
        line=$(head -n 1 "patches/$step")
        [[ $line == "Subject: "* ]] ||
            die "patches/$step does not start with 'Subject: '"
        for path in $(step_list "$step" Files) $(step_list "$step" Append); do
            [ -e "$path" ] || die "patches/$step names $path, which does not exist"
        done
    done
}

# step_message STEP: the commit message
step_message() {
    step_head "$1" |
        sed -e '1s/^Subject: //' -e '/^Files:/d' -e '/^Append:/d' | git stripspace
}

# files_below PATH...: the regular files of the project root at or below the paths
files_below() {
    find "$@" \( -name .git -o -name __pycache__ -o -name .pytest_cache \) -prune -o \
        -type f ! -name '*~' ! -name '*.orig' ! -name '*.rej' ! -name '.*.sw?' -print |
        LC_ALL=C sort
}

# step_files STEP: the files, one a line, that the step copies
step_files() {
    local -a paths
    mapfile -t paths < <(step_list "$1" Files)
    [ ${#paths[@]} -eq 0 ] || files_below "${paths[@]%/}"
}

# all_files: what the steps of the series copy
all_files() { step_names | while read -r step; do step_files "$step"; done; }

# all_paths: what they copy and append
all_paths() { all_files; step_names | while read -r step; do step_list "$step" Append; done; }

# stray_files: at a path as QEMU has them, but named by no step
stray_files() {
    files_below hw include tests docs subprojects qapi scripts 2> /dev/null | grep -vxF -f <(all_paths)
}

# step_entries STEP: all of the step but its hunks, as git update-index --index-info wants it
step_entries() {
    local path entry
    local -a files
    mapfile -t files < <(step_files "$1")
    [ ${#files[@]} -eq 0 ] || paste -d ' \t' \
        <(for path in "${files[@]}"; do if [ -x "$path" ]; then echo 100755; else echo 100644; fi; done) \
        <(printf '%s\n' "${files[@]/#/$PWD/}" | qgit hash-object -w --no-filters --stdin-paths) \
        <(printf '%s\n' "${files[@]}")
    for path in $(step_list "$1" Append); do
        entry=$(qgit ls-files -s -- "$path")
        [ -n "$entry" ] || die "patches/$1: Append: QEMU has no $path"
        printf '%s %s\t%s\n' "${entry%% *}" "$({ qgit cat-file blob ":$path"; cat "$path"; } |
            qgit hash-object -w --no-filters --stdin)" "$path"
    done
}

# step_prepare STEP: in the index ($GIT_INDEX_FILE), all of the step but its hunks
step_prepare() {
    local entries
    entries=$(step_entries "$1")
    [ -z "$entries" ] || qgit update-index --add --index-info <<< "$entries"
}

# step_apply STEP: in the index, the whole of the step
step_apply() {
    step_prepare "$1"
    if grep -q '^diff --git ' "patches/$1"; then
        step_hunks "$1" | qgit apply --cached --whitespace=nowarn - ||
            die "patches/$1 does not apply"
    fi
}

# index_diff TREE: what the index has over TREE, as it stands in a patch
index_diff() {
    qgit diff --cached --no-color --no-ext-diff --no-renames --full-index "$1" |
        sed '/^index [0-9a-f]*\.\.[0-9a-f]*\( [0-7]*\)\?$/d'
}

# series_key: changes when anything that the commits are made of does
series_key() {
    local -a steps paths
    mapfile -t steps < <(step_names)
    mapfile -t paths < <(all_paths)
    {
        qgit rev-parse pristine
        stat -c '%n %a' "${paths[@]}"
        cat tools/steps.sh patches/series "${steps[@]/#/patches/}" "${paths[@]}"
    } | sha256sum | cut -d' ' -f1
}

# edited_files: tracked files of build/qemu that differ from its last commit
edited_files() {
    qgit update-index -q --refresh || true
    qgit diff --name-only --no-renames HEAD
}
