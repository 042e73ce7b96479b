# What the guests' init scripts share.  Sourced in the guest, by busybox sh.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
export PATH=/bin
export LD_LIBRARY_PATH=/lib/x86_64-linux-gnu:/lib:/usr/lib/x86_64-linux-gnu

# start: mounts and modules
start() {
    mount -t proc proc /proc
    mount -t sysfs sysfs /sys
    mount -t devtmpfs dev /dev 2> /dev/null
    mkdir -p /dev/pts
    for module in /modules/*.ko; do
        insmod "$module" || echo "cannot insert $module"
    done
}

# start_outer: an outer guest of "make e2e"; TAP goes to the second serial port, all else to the
# first
start_outer() {
    start > /dev/console 2>&1
    exec > /dev/ttyS1 2> /dev/console
    stty -opost 2> /dev/null < /dev/ttyS1
}

# TAP: what a check says is only shown when it fails
count=0
ok() { count=$((count + 1)); echo "ok - $1"; }
# not_ok NAME FILE...: shows how the files end
not_ok() {
    count=$((count + 1))
    echo "not ok - $1"
    shift
    for file; do
        tail -n 20 "$file" | tr -d '\r' | sed 's/^/# /'
    done
    false
}
# check NAME COMMAND...: the command succeeds
check() {
    local name=$1
    shift
    if "$@" > /tmp/said 2>&1; then ok "$name"; else not_ok "$name: $*" /tmp/said; fi
}
now() { echo "# $(cut -d. -f1 /proc/uptime) s: $1"; }
said() { grep -q "$1" "$2" 2> /dev/null; }
equal() { [ "$1" = "$2" ] || { echo "it is $1, not $2"; return 1; }; }
ended() { ! kill -0 "$1" 2> /dev/null; }

# word NAME [DEFAULT]: the value of guest.NAME= on the kernel's command line
word() {
    local value
    value=$(tr ' ' '\n' < /proc/cmdline | sed -n "s/^guest\.$1=//p")
    echo "${value:-${2-}}"
}

# until_true SECONDS COMMAND...: calls it once a second until it succeeds
until_true() {
    local left=$1
    shift
    until "$@"; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || return 1
        sleep 1
    done
}

# virtio_driver DEVICE: the driver that took /sys/bus/virtio/devices/DEVICE
virtio_driver() {
    basename "$(readlink "/sys/bus/virtio/devices/$1/driver")" 2> /dev/null
}

# virtio_of BASE NAME: the virtio device under /sys/class/BASE/NAME
virtio_of() { basename "$(readlink -f "/sys/class/$1/$2/device")"; }

# disk_round_trip DISK [MIB [BLOCKS]]: BLOCKS of 4 KiB (a MiB) of random data are written to
# it, at that offset, and read back equal
disk_round_trip() {
    local file=/tmp/${1##*/} at=$((${2-0} * 256)) blocks=${3-256}
    dd if=/dev/urandom of="$file.written" bs=4k count="$blocks" 2> /dev/null &&
        dd if="$file.written" of="$1" bs=4k seek="$at" oflag=direct 2> /dev/null &&
        sync &&
        echo 3 > /proc/sys/vm/drop_caches &&
        dd if="$1" of="$file.read" bs=4k skip="$at" count="$blocks" iflag=direct 2> /dev/null &&
        [ "$(stat -c %s "$file.read")" = $((blocks * 4096)) ] &&
        cmp "$file.written" "$file.read"
}

# rng_bytes: 16 bytes of the random number generator in use
rng_bytes() {
    local bytes
    bytes=$(timeout 10 dd if=/dev/hwrng bs=16 count=1 2> /dev/null | xxd -p)
    [ ${#bytes} -eq 32 ] && [ "$bytes" != 00000000000000000000000000000000 ] && echo "$bytes"
}

# counter NET NAME: a counter of a network device
counter() { cat "/sys/class/net/$1/statistics/$2"; }

# send_frames NET: frames leave it; prints by how much tx and rx went up
send_frames() {
    local tx rx
    ip link set "$1" up
    until_true 5 grep -q 1 "/sys/class/net/$1/carrier" 2> /dev/null
    ip addr add 192.0.2.1/24 dev "$1"
    tx=$(counter "$1" tx_packets) rx=$(counter "$1" rx_packets)
    arping -c 3 -w 4 -I "$1" 192.0.2.2 > /dev/null 2>&1
    echo "$(($(counter "$1" tx_packets) - tx)) $(($(counter "$1" rx_packets) - rx))"
}

# node DEVICE: the node of a vDPA device of that name
node() { echo /dev/vhost-vdpa-"$(basename /sys/bus/vdpa/devices/"$1"/vhost-vdpa-* | sed 's/.*-//')"; }

# free_virtio_pci ID: prints the address of the virtio-pci device of that virtio id, which has no
# driver any more
free_virtio_pci() {
    local pci
    pci=$(cd /sys/bus/pci/devices && grep -l "$(printf 0x%x $((0x1040 + $1)))" -- */device)
    pci=${pci%/device}
    [ -n "$pci" ] || { echo "there is no virtio-pci device of virtio id $1" >&2; return 1; }
    # 6.12 has virtio_pci built in
    ! [ -e "/sys/bus/pci/devices/$pci/driver" ] || echo "$pci" > "/sys/bus/pci/devices/$pci/driver/unbind"
    echo "$pci"
}

# vp_vdpa DEVICE [ID]: the virtio-pci device of that virtio id, or the disk, becomes a vDPA device
# of that name
vp_vdpa() {
    local pci
    pci=$(free_virtio_pci "${2-2}") || return
    echo vp-vdpa > "/sys/bus/pci/devices/$pci/driver_override"
    echo "$pci" > /sys/bus/pci/drivers_probe
    vdpa dev add name "$1" mgmtdev "pci/$pci"
}

# hold_kvm: a VM that stays, its APIC off.  KVM patches its code as the last such APIC goes
# on, a second after that and below running guests; a processor of QEMU 7.2's TCG that
# translates the code meanwhile may keep the int3 of the patching, and the kernel dies of it.
hold_kvm() {
    qemu-system-x86_64 -daemonize -S -accel kvm -m 16M -nodefaults -display none
}

# inner_guest WORDS OPTION...: our QEMU with a Linux guest under KVM, which runs it faster than
# TCG would; the words are for its kernel.  It takes the place of the shell, so call it in the
# background.  Not on the first processor: in the outer guest's emulator each processor writes
# the first's IGNNE#, which shares a word with its GIF, without a lock.
inner_guest() {
    local words=$1
    shift
    exec taskset 6 qemu-system-x86_64 -M q35 -accel kvm -cpu max -smp 2 -nodefaults -display none \
        -serial file:/tmp/console -kernel /vmlinux -initrd /inner \
        -append "quiet nokaslr mitigations=off console=ttyS0 $words" "$@"
}

# tell_inner: the TAP of the inner guest, from /tmp/tap, becomes a part of the outer one's
tell_inner() {
    grep -E '^(ok|not ok|#) ' /tmp/tap | grep -v '^# .* round' | sed 's/^\(ok\|not ok\) - /&inner guest: /'
    count=$((count + $(grep -c -E '^(ok|not ok) ' /tmp/tap)))
}

# finish: the end of the TAP, and of an outer guest
finish() {
    echo "1..$count"
    cat /tmp/console > /dev/console
    stop
}

# stop: the machine is off
stop() { sync; poweroff -f; sleep 60; }
