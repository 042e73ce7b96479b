# The steps of the patch series.  Sourced after lib.sh by tree, refresh, series and lint.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# patches/series names the steps in order, one a line, those of some bases with these
# bases behind.  A step is a file patches/NN-name.patch: "Subject: area: what", an empty
# line, the body, lines "Files: PATH...", "Append: PATH..." and "Delete: PATH...", then
# diff hunks or none, which are those of the newest base that has the step.  For another base a file
# patches/BASE/NN-name.patch has, after some words, the hunks of each file that differ there,
# in place of those of the same file, and "Without: PATH..." for files that are not changed
# there.  Words that start with "Subject: " are the message there.
#
# A step becomes one commit of build/BASE/qemu: the files of the project root that Files
# names (a directory stands for all in it) are copied, the fragments that Append names
# are appended to the tree's files of the same path, the files that Delete names are
# deleted, and the hunks are applied, in this order and with no fuzz.

# git in build/BASE/qemu (or in $QEMU_TREE), whatever the user's own settings are
qgit() {
    env GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 \
        GIT_AUTHOR_NAME='vdpa-dev developers' GIT_AUTHOR_EMAIL=vdpa-dev@localhost \
        GIT_COMMITTER_NAME='vdpa-dev developers' GIT_COMMITTER_EMAIL=vdpa-dev@localhost \
        GIT_AUTHOR_DATE='2025-01-01T00:00:00 +0000' \
        GIT_COMMITTER_DATE='2025-01-01T00:00:00 +0000' \
        git -C "${QEMU_TREE:-$top/qemu}" -c core.autocrlf=false -c core.fileMode=true -c gc.auto=0 "$@"
}

step_names() {
    awk -v base="$base" '{ sub(/#.*/, ""); has = NF == 1; for (i = 2; i <= NF; i++) has = has || $i == base }
        has { print $1 }' patches/series
}

# all_names: of the steps of every base
all_names() { awk '{ sub(/#.*/, "") } NF { print $1 }' patches/series; }

# step_native STEP: the base whose hunks are those of patches/STEP
step_native() {
    awk -v step="$1" -v newest="$newest" '{ sub(/#.*/, "") } $1 == step { print (NF > 1 ? $NF : newest) }' patches/series
}
is_native() { [ "$(step_native "$1")" = "$base" ]; }

# patch_head FILE, patch_hunks FILE: what stands before the first hunk, and the rest
patch_head() { sed '/^diff --git /,$d' "$1"; }
patch_hunks() { sed -n '/^diff --git /,$p' "$1"; }

# patch_paths [FILE]: the files that it changes
patch_paths() { sed -n 's/^diff --git a\/\(.*\) b\/\1$/\1/p' "$@"; }

# patch_select PATTERN_FILE [FILE]: the hunks of the files that stand in PATTERN_FILE
patch_select() {
    awk -v list="$1" 'BEGIN { while ((getline line < list) > 0) want["a/" line] = 1 }
        /^diff --git / { on = $3 in want } on' "${@:2}"
}

# step_head STEP: all that stands before the hunks.  step_hunks STEP: the hunks.
step_head() { patch_head "patches/$1"; }
step_hunks() {
    local own=patches/$base/$1
    if [ ! -f "$own" ]; then
        patch_hunks "patches/$1"
        return
    fi
    patch_select <(patch_paths "patches/$1" | grep -vxF -f <(patch_paths "$own"; patch_list "$own" Without)) "patches/$1"
    patch_hunks "$own"
}

# patch_list FILE Files|Append|Delete|Without: the paths that these lines name, one a line
patch_list() {
    awk -v key="$2:" '/^diff --git / { exit } $1 == key { for (i = 2; i <= NF; i++) print $i }' "$1"
}
step_list() { patch_list "patches/$1" "$2"; }

# check_steps: stops when the series names something that is not there
check_steps() {
    local step path line
    [ -f patches/series ] || die "patches/series is missing"
    for step in $(all_names); do
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
    local from=patches/$1 own=patches/$base/$1
    [ ! -f "$own" ] || [[ $(head -n 1 "$own") != "Subject: "* ]] || from=$own
    patch_head "$from" |
        sed -e '1s/^Subject: //' -e '/^Files:/d' -e '/^Append:/d' -e '/^Delete:/d' -e '/^Without:/d' | git stripspace
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

# all_files: what the steps of the series copy, whatever the base
all_files() { all_names | while read -r step; do step_files "$step"; done; }

# all_paths: what they copy and append
all_paths() { all_files; all_names | while read -r step; do step_list "$step" Append; done; }

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
    for path in $(step_list "$1" Delete); do
        [ -n "$(qgit ls-files -- "$path")" ] || die "patches/$1: Delete: QEMU has no $path"
        printf '0 %040d\t%s\n' 0 "$path"
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
    local hunks
    hunks=$(step_hunks "$1")
    [ -z "$hunks" ] || qgit apply --cached --whitespace=nowarn - <<< "$hunks" ||
        die "patches/$1 does not apply to $base: its hunks for that go into patches/$base/$1"
}

# index_diff TREE: what the index has over TREE, as it stands in a patch
index_diff() {
    qgit diff --cached --no-color --no-ext-diff --no-renames --full-index "$1" |
        sed '/^index [0-9a-f]*\.\.[0-9a-f]*\( [0-7]*\)\?$/d'
}

# series_key: changes when anything that the commits are made of does
series_key() {
    local -a paths
    mapfile -t paths < <(all_paths)
    {
        qgit rev-parse pristine
        stat -c '%n %a' "${paths[@]}"
        step_names
        for step in $(step_names); do step_head "$step"; step_hunks "$step"; done
        cat tools/steps.sh "${paths[@]}"
    } | sha256sum | cut -d' ' -f1
}

# edited_files: tracked files of build/BASE/qemu that differ from its last commit
edited_files() {
    qgit update-index -q --refresh || true
    qgit diff --name-only --no-renames HEAD
}
