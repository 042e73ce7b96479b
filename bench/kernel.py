"""The data path on a real kernel: an outer guest runs each QEMU over the kernel's own vDPA
devices, under KVM on the SVM that TCG emulates, so that interrupts can go by irqfd.

SPDX-License-Identifier: GPL-2.0-or-later
"""
import collections
import os
import re
import subprocess
import threading

from data import INITRAMFS, device
from machine import TOP

KERNEL = 'build/kernel/6.1/vmlinux'
OUT = f'{TOP}/bench/outer'
LATER = 'build/bench/later'
FIRMWARE = ('seabios/bios-256k.bin', 'qemu/kvmvapic.bin', 'qemu/pvh.bin')
LIMIT = 1500    # seconds

Run = collections.namedtuple('Run', 'per_second requests cpu handlers interrupts messages exits')
Run.__doc__ = """One run: requests a second, requests; seconds of CPU time of QEMU's threads, by
what they are, and calls of its handler for a kick; the guest's interrupts, and how many of
them QEMU sent itself; VM exits."""


def _later():
    """Returns what guest/initramfs takes to put the later QEMU in: /bin/qemu-later with its
    libraries and firmware in /later."""
    qemu = f'{LATER}/usr/bin/qemu-system-x86_64'
    paths = [f'{LATER}/usr/lib/x86_64-linux-gnu', f'{LATER}/lib/x86_64-linux-gnu']
    linked = subprocess.run(['ldd', qemu], check=True, text=True, stdout=subprocess.PIPE,
                            env={**os.environ, 'LD_LIBRARY_PATH': ':'.join(paths)}).stdout
    libraries = re.findall(r'=> (\S*/\S+)', linked)
    firmware = [f'{LATER}/usr/share/{name}' for name in FIRMWARE]
    return [f'file={qemu}:bin/qemu-later',
            *(f'file={path}:later/{os.path.basename(path)}' for path in libraries + firmware)]


def _life(base, number, peer, kind, node, requests):
    """Returns a line of the outer guest's /lives; a peer's QEMU is base or the later one."""
    qemu = [os.path.basename(base)] if peer.command == [base] else \
        ['env', 'LD_LIBRARY_PATH=/later', 'qemu-later', '-L', '/later']
    words = f'net.ifnames=0 guest.requests={",".join(map(str, requests))}'
    command = [*qemu, '-machine', 'q35,hpet=off', '-device', 'pcie-root-port,id=root-port,chassis=1',
               *device(peer, node)]
    return f"life {number} {kind} '{words}' " + ' '.join(f'"{word}"' for word in command)


class Outer:
    """A boot of the outer guest, in which each of lives is measured in turn.

    lives  of each: title, peer, kind, the node as guest/bench-outer-init names it, and how
           many requests one at a time and how many 32 at a time

    runs is a list of (number of the life, depth, Run); said what else was said, by the
    number of the life, or None.
    """

    def __init__(self, qemu, lives):
        self.lives = lives
        self.runs = []
        self.said = collections.defaultdict(list)
        self._begun = {}
        with open(f'{OUT}.lives', 'w', encoding='utf-8') as file:
            for number, (_, *life) in enumerate(lives):
                print(_life(qemu, number, *life), file=file)
        modules = ('vdpa_sim_blk', 'vdpa_sim_net', 'vp_vdpa', 'vhost_vdpa', 'kvm_amd')
        subprocess.run(['guest/initramfs', '6.1', OUT, 'guest/bench-outer-init',
                        *(f'module={name}' for name in modules), 'program=vdpa',
                        f'program={qemu}', *(f'file=/usr/share/{name}:usr/share/{name}'
                                             for name in FIRMWARE), *_later(),
                        f'file={KERNEL}:vmlinux', *(f'file={path}:inner-{kind}'
                                                    for kind, path in INITRAMFS.items()),
                        f'file={OUT}.lives:lives'], check=True)
        with open(f'{OUT}.disk', 'wb') as disk:
            disk.truncate(256 << 20)
        with subprocess.Popen(self._command(qemu), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True, errors='replace') as process:
            limit = threading.Timer(LIMIT, process.kill)
            limit.start()
            try:
                for line in process.stdout:
                    self._take(line.rstrip())
            finally:
                limit.cancel()
                process.kill()

    @staticmethod
    def _command(qemu):
        return [qemu, '-machine', 'q35,accel=tcg', '-cpu', 'max', '-smp', '3', '-m', '3G',
                '-nodefaults', '-display', 'none', '-no-reboot',
                '-serial', f'file:{OUT}.console', '-serial', 'stdio',
                '-device', 'intel-iommu', '-drive', f'if=none,id=disk,format=raw,file={OUT}.disk',
                '-device', 'virtio-blk-pci,drive=disk,disable-legacy=on,iommu_platform=on,'
                           'page-per-vq=on',
                '-kernel', KERNEL, '-initrd', OUT, '-append',
                'quiet nokaslr mitigations=off no_timer_check intel_iommu=on console=ttyS0 panic=-1']

    def _take(self, line):
        counts = r'(\d+) used' + 6 * r' (\d+)'
        begin = re.fullmatch(r'(\d+) begin (\d+) ' + counts, line)
        end = re.fullmatch(r'(\d+) end (\d+) ([\d.]+) ' + counts, line)
        if begin:
            self._begun[begin[1], begin[2]] = list(map(int, begin.groups()[2:]))
        elif end and (end[1], end[2]) in self._begun:
            number, depth = int(end[1]), int(end[2])
            interrupts, main, vcpu, other, handlers, messages, exits = (
                int(after) - before
                for before, after in zip(self._begun[end[1], end[2]], end.groups()[3:]))
            self.runs.append((number, depth, Run(
                float(end[3]), self.lives[number][4][depth > 1],
                {'vCPU': vcpu / 1e9, 'main loop': main / 1e9, 'other': other / 1e9},
                handlers, interrupts, messages, exits)))
        else:
            said = re.fullmatch(r'(\d+) said (.*)', line)
            self.said[int(said[1]) if said else None].append(said[2] if said else line)
