"""The data path: requests of a Linux guest, the CPU time that QEMU spends on each, and by
which way the kicks went.

SPDX-License-Identifier: GPL-2.0-or-later
"""
import collections
import glob
import os
import re
import subprocess
import tempfile
import threading

from machine import NODE, TIMEOUT, Failure, simulated, simulator_state

# What QEMU traces when a guest's kick is handled by a function of its own
TRACE = 'virtio_queue_notify'
INITRAMFS = {'block': 'build/bench/initramfs-block', 'net': 'build/bench/initramfs-net'}
# What a guest of a kind needs beside its bus
NEEDS = {'block': ['module=virtio_blk', 'program=fio'],
         'net': ['module=virtio_net', 'module=pktgen']}

Sample = collections.namedtuple('Sample', 'cpu kicks doorbells handlers requests')
Run = collections.namedtuple('Run', 'peer kind depth per_second used')
Run.__doc__ = """One run: requests a second as the guest counts them, and a Sample of what was
used from its begin to its end."""


def make_guests():
    """Makes the guests' initramfs, one of each kind."""
    for kind, initramfs in INITRAMFS.items():
        subprocess.run(['guest/initramfs', '6.1', initramfs, 'guest/bench-init',
                        'module=virtio_pci', *NEEDS[kind]], check=True)


def device(peer, node):
    """Returns a QEMU's options for a device behind the port "root-port"."""
    if peer.netdev:
        return ['-netdev', f'vhost-vdpa,id=net,vhostdev={node}',
                '-device', 'virtio-net-pci,netdev=net,iommu_platform=on,romfile=,bus=root-port']
    return ['-device', f'vhost-vdpa-device-pci,vhostdev={node},bus=root-port']


def cpu_times(pid):
    """Returns the seconds of CPU time of a QEMU's threads, by what they are."""
    times = collections.Counter()
    for path in glob.glob(f'/proc/{pid}/task/*'):
        try:
            with open(f'{path}/comm', encoding='utf-8') as file:
                name = file.read().strip()
            with open(f'{path}/schedstat', encoding='utf-8') as file:
                seconds = int(file.read().split()[0]) / 1e9
        except FileNotFoundError:
            continue
        kind = 'main loop' if path.endswith(f'/{pid}') else 'vCPU' if name.startswith('CPU ') \
            else 'simulator' if name == 'vhost-vdpa-sim' else 'other'
        times[kind] += seconds
    return times


class Guest:
    """A Linux guest with one device.

    requests  how many of them with one at a time, and how many with 32
    """

    def __init__(self, peer, kind, node, accel, requests):
        self.peer, self.kind, self.requests = peer, kind, requests
        self.runs = []
        self.failure = None
        with tempfile.TemporaryDirectory(prefix='bench') as where:
            self.where = where
            with open(f'{where}/stderr', 'wb') as stderr, \
                    subprocess.Popen(self._command(accel), stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=stderr, text=True,
                                     errors='replace',
                                     env={**os.environ, **simulated(node, where)}) as process:
                limit = threading.Timer(TIMEOUT, process.kill)
                limit.start()
                try:
                    self._follow(process)
                except Failure as failure:
                    self.failure = str(failure)
                finally:
                    limit.cancel()
                    process.kill()

    def _command(self, accel):
        return [*self.peer.command, '-name', 'bench,debug-threads=on',
                '-machine', f'q35,accel={accel},memory-backend=ram', '-cpu', 'max', '-m', '512M',
                '-object', 'memory-backend-memfd,id=ram,size=512M,share=on',
                '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot',
                '-serial', 'stdio', '-kernel', 'build/kernel/6.1/vmlinux',
                '-initrd', INITRAMFS[self.kind], '-append',
                'quiet nokaslr mitigations=off no_timer_check tsc=reliable net.ifnames=0'
                f' console=ttyS0 panic=-1 guest.kind={self.kind}'
                f' guest.requests={",".join(map(str, self.requests))}',
                '-trace', TRACE, '-D', f'{self.where}/trace',
                '-device', 'pcie-root-port,id=root-port,chassis=1', *device(self.peer, NODE)]

    def _sample(self, process):
        cpu = cpu_times(process.pid)
        with open(f'{self.where}/trace', 'rb') as file:
            handlers = file.read().count(TRACE.encode())
        state = simulator_state(self.where)
        return Sample(cpu, int(state['kicks']), int(state['doorbell-kicks']), handlers,
                      int(state['requests']))

    def _follow(self, process):
        begin = None
        console = []
        for line in process.stdout:
            console.append(line.strip())
            words = re.match(r'bench (begin|end|failed) (\d+) ?([\d.]+)?', line)
            if not words:
                continue
            if words[1] == 'begin':
                begin = self._sample(process)
            elif words[1] == 'end' and begin and words[3]:
                end = self._sample(process)
                self.runs.append(Run(self.peer, self.kind, int(words[2]), float(words[3]), Sample(
                    end.cpu - begin.cpu, *(b - a for a, b in zip(begin[1:], end[1:])))))
                begin = None
            else:
                break
            if len(self.runs) == 2:
                break
        if len(self.runs) != 2:
            with open(f'{self.where}/stderr', encoding='utf-8', errors='replace') as file:
                said = file.read().split('\n')[-4:]
            raise Failure(' '.join(console[-3:] + said))
