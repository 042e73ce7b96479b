"""A driver of a modern virtio-pci device behind a root port, by a Machine's qtest.

It does what a guest's driver does up to DRIVER_OK, with a vector for each ring, and has
no requests.

SPDX-License-Identifier: GPL-2.0-or-later
"""
from machine import Failure

ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK = 1, 2, 4, 8
# What it takes if it is offered: VERSION_1, ACCESS_PLATFORM, and of net MQ and CTRL_VQ
FEATURES = 1 << 32 | 1 << 33 | 1 << 22 | 1 << 17

PORT = 1 << 11          # root port 00:01.0
DEVICE = 1 << 16        # 01:00.0
WINDOW = 0xc0000000     # two windows of 256 MiB, the second prefetchable
RINGS = 16 << 20        # guest memory: a ring each 16 KiB
RING_STRIDE = 16 << 10

# struct virtio_pci_common_cfg
DFSELECT, DF, GFSELECT, GF, CONFIG_VECTOR, NUM_QUEUES, STATUS = 0, 4, 8, 12, 16, 18, 20
SELECT, SIZE, VECTOR, ENABLE, DESC, AVAIL, USED = 22, 24, 26, 28, 32, 40, 48


class Driver:
    """The driver; the device is plugged in already."""

    def __init__(self, machine):
        self.machine = machine
        self.bars = {}
        self.common = self.table = self.vectors = None

    def _read(self, at, size='l'):
        port = 0xcfc + (at & (3 if size == 'b' else 2 if size == 'w' else 0))
        return self.machine.do(f'outl 0xcf8 {1 << 31 | at & ~3:#x}', f'in{size} {port:#x}')[1]

    def _write(self, at, value, size='l'):
        port = 0xcfc + (at & (2 if size == 'w' else 0))
        self.machine.do(f'outl 0xcf8 {1 << 31 | at & ~3:#x}', f'out{size} {port:#x} {value:#x}')

    def _bars(self):
        """Gives each memory BAR an address in its window."""
        free = [WINDOW, WINDOW + (1 << 28)]
        index = 0
        while index < 6:
            at = DEVICE + 0x10 + 4 * index
            self._write(at, 0xffffffff)
            value = self._read(at)
            wide = value & 4
            size = (~(value & ~15) + 1) & 0xffffffff
            if value and not value & 1:
                kind = 1 if value & 8 else 0
                place = (free[kind] + size - 1) & ~(size - 1)
                free[kind] = place + size
                self.bars[index] = place
                self._write(at, place)
                if wide:
                    self._write(at + 4, 0)
            index += 2 if wide else 1

    def _capabilities(self):
        at = self._read(DEVICE + 0x34, 'b')
        while at:
            kind, following = self._read(DEVICE + at, 'b'), self._read(DEVICE + at + 1, 'b')
            if kind == 9 and self._read(DEVICE + at + 3, 'b') == 1 and self.common is None:
                bar = self._read(DEVICE + at + 4, 'b')
                self.common = self.bars[bar] + self._read(DEVICE + at + 8)
            elif kind == 0x11:
                control, table = self._read(DEVICE + at + 2, 'w'), self._read(DEVICE + at + 4)
                self.vectors = (control & 0x7ff) + 1
                self.table = self.bars[table & 7] + (table & ~7)
                self._write(DEVICE + at + 2, control | 1 << 15, 'w')
            at = following
        if self.common is None:
            raise Failure('no virtio device behind the root port')

    def attach(self):
        """Does what firmware and the PCI bus driver do: windows, BARs, MSI-X.  Again after
        a reset of the machine."""
        self.bars, self.common, self.vectors = {}, None, 0
        self._write(PORT + 0x18, 0x010100)
        self._write(PORT + 0x20, (WINDOW + (1 << 28) - (1 << 20)) & 0xfff00000 | WINDOW >> 16)
        self._write(PORT + 0x24, (WINDOW + (1 << 29) - (1 << 20)) & 0xfff00000
                    | (WINDOW + (1 << 28)) >> 16)
        self._write(PORT + 0x28, 0)
        self._write(PORT + 0x2c, 0)
        self._write(PORT + 4, 6, 'w')
        if self._read(DEVICE) & 0xffff != 0x1af4:
            raise Failure(f'vendor {self._read(DEVICE):#x} behind the root port')
        self._bars()
        self._write(DEVICE + 4, 6, 'w')
        self._capabilities()
        commands = []
        for vector in range(self.vectors):
            entry = self.table + 16 * vector
            commands += [f'writel {entry:#x} 0xfee00000', f'writel {entry + 4:#x} 0',
                         f'writel {entry + 8:#x} {vector & 0xff:#x}', f'writel {entry + 12:#x} 0']
        self.machine.do(*commands)

    def status(self):
        """Returns the device's status."""
        return self.machine.do(f'readb {self.common + STATUS:#x}')[0]

    def set_status(self, value):
        """Writes the status; returns how long that takes, in seconds."""
        return self.machine.time(f'writeb {self.common + STATUS:#x} {value:#x}')

    def prepare(self, rings):
        """Does all that a driver does before DRIVER_OK, on so many rings; returns how long
        the write of FEATURES_OK takes, in seconds."""
        base = self.common
        for status in (ACKNOWLEDGE, ACKNOWLEDGE | DRIVER):
            self.set_status(status)
        features = 0
        for half in (0, 1):
            features |= self.machine.do(f'writel {base + DFSELECT:#x} {half}',
                                        f'readl {base + DF:#x}')[1] << 32 * half
        features &= FEATURES
        for half in (0, 1):
            self.machine.do(f'writel {base + GFSELECT:#x} {half}',
                            f'writel {base + GF:#x} {features >> 32 * half & 0xffffffff:#x}')
        negotiation = self.set_status(ACKNOWLEDGE | DRIVER | FEATURES_OK)
        if not self.status() & FEATURES_OK:
            raise Failure(f'features {features:#x} are refused')
        has = self.machine.do(f'readw {base + NUM_QUEUES:#x}')[0]
        if has < rings:
            raise Failure(f'{has} rings, not {rings}')
        commands = [f'writew {base + CONFIG_VECTOR:#x} 0']
        for ring in range(rings):
            at = RINGS + ring * RING_STRIDE
            vector = min(ring + 1, self.vectors - 1)
            commands += [f'writew {base + SELECT:#x} {ring}', f'writew {base + SIZE:#x} 256',
                         f'writew {base + VECTOR:#x} {vector}']
            for field, offset in (DESC, 0), (AVAIL, 4096), (USED, 8192):
                commands += [f'writel {base + field:#x} {at + offset:#x}',
                             f'writel {base + field + 4:#x} 0']
            commands.append(f'writew {base + ENABLE:#x} 1')
        self.machine.do(*commands)
        return negotiation

    def start(self):
        """Writes DRIVER_OK; returns how long that takes, in seconds."""
        return self.set_status(ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)
