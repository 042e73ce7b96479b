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

# vp_vdpa DEVICE: the virtio-pci disk becomes a vDPA device of that name
vp_vdpa() {
    local pci
    pci=$(cd /sys/bus/pci/devices && grep -l 0x1042 -- */device)
    pci=${pci%/device}
    # 6.12 has virtio_pci built in
    ! [ -e "/sys/bus/pci/devices/$pci/driver" ] || echo "$pci" > "/sys/bus/pci/devices/$pci/driver/unbind"
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

# stop: the machine is off
stop() { sync; poweroff -f; sleep 60; }
