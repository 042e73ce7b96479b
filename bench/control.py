"""The control path: one life of a device, from device_add to DEVICE_DELETED, timed from
outside by the monotonic clock, with the calls that each phase makes on the node.

SPDX-License-Identifier: GPL-2.0-or-later
"""
import collections
import tempfile
import time

from driver import DRIVER_OK, Driver
from machine import NODE, TIMEOUT, Failure, Machine

# ACPI PCI hot-plug registers of a q35: docs/specs/acpi_pci_hotplug
ACPI_DOWN, ACPI_EJECT, ACPI_SELECT = 0xcc4, 0xcc8, 0xcd0

# Features of the simulated card with two rings, and those that further rings need
NET = 1 << 32 | 1 << 33 | 1 << 27 | 1 << 16 | 1 << 5 | 1 << 3
NET_MQ = 1 << 22 | 1 << 17

Peer = collections.namedtuple('Peer', 'name command netdev')
Peer.__doc__ = """One device to measure: its name, the QEMU that it is in, whether it is
virtio-net-pci with -netdev vhost-vdpa or else vhost-vdpa-device-pci."""


def net_rings(rings):
    """Returns the number of rings nearest to that which a net device can have: two, or
    pairs and a control ring."""
    return 2 if rings <= 2 else min(rings // 2 * 2 + 1, 1023)


def net_node(rings):
    """Describes a simulated card with that many rings."""
    features = NET if rings == 2 else NET | NET_MQ
    return f'type=net,queues={rings},features={features:#x}'


class Life:
    """The phases of one life.  phases has (name, seconds, calls); failure the reason why
    it ended early, or None."""

    def __init__(self, peer, memory, rings, node):
        self.peer, self.rings = peer, rings
        self.phases = []
        self.failure = None
        self.machine = None
        with tempfile.TemporaryDirectory(prefix='bench') as where:
            try:
                self.machine = Machine(peer.command, memory, node, where)
                self._live()
            except Failure as failure:
                self.failure = self._why(failure)
            finally:
                if self.machine:
                    self.machine.end()

    def _why(self, failure):
        """What failed, and what QEMU says about it."""
        done = self.phases[-1][0] if self.phases else 'nothing'
        said = self.machine.stderr() if self.machine else ''
        return f'after {done}: {failure}' + (f' ({said})' if said else '')

    def _phase(self, name, seconds):
        self.phases.append((name, seconds, collections.Counter(self.machine.calls())))

    def _plug(self):
        """Returns how long until all was answered, and how long the main loop was held."""
        device = {'id': 'dev', 'bus': 'root-port', 'driver': 'vhost-vdpa-device-pci',
                  'vhostdev': NODE}
        added = held = 0
        if self.peer.netdev:
            pairs = self.rings // 2
            device = {'id': 'dev', 'bus': 'root-port', 'driver': 'virtio-net-pci', 'netdev': 'net',
                      'mq': pairs > 1, 'vectors': self.rings + 1, 'iommu_platform': True,
                      'romfile': ''}
            added, held = self.machine.hold('netdev_add', {
                'type': 'vhost-vdpa', 'id': 'net', 'vhostdev': NODE, 'queues': pairs})
        more = self.machine.hold('device_add', device)
        return added + more[0], held + more[1]

    def _run(self, begin):
        """Waits until the simulated device runs; returns the seconds since begin."""
        seconds = time.monotonic() - begin
        while time.monotonic() - begin < TIMEOUT:
            state = self.machine.state()
            if int(state['status'], 0) & DRIVER_OK and state['suspended'] == '0':
                return seconds
            seconds = time.monotonic() - begin
        raise Failure(f'the device does not run after {TIMEOUT} s')

    def _start(self, driver, name):
        """The driver's start, in two phases: what comes before DRIVER_OK, and that."""
        begin = time.monotonic()
        driver.prepare(self.rings)
        self._phase(f'{name} set-up', time.monotonic() - begin)
        begin = time.monotonic()
        driver.start()
        self._phase(name, self._run(begin))

    def _live(self):
        machine = self.machine
        machine.calls()
        answered, held = self._plug()
        self._phase('realize', answered)
        self.phases.append(('main loop held', held, collections.Counter()))
        driver = Driver(machine)
        driver.attach()
        self._start(driver, 'DRIVER_OK')

        self._phase('guest reset', driver.set_status(0))
        self._start(driver, 'restart')

        begin = time.monotonic()
        machine.qmp.command('system_reset')
        machine.qmp.wait('RESET')
        machine.qmp.command('query-status')
        self._phase('system_reset', time.monotonic() - begin)
        driver.attach()
        self._start(driver, 'start after it')

        begin = time.monotonic()
        machine.qmp.command('stop')
        self._phase('stop', time.monotonic() - begin)
        begin = time.monotonic()
        machine.qmp.command('cont')
        self._phase('cont', self._run(begin))

        begin = time.monotonic()
        self._unplug()
        self._phase('unplug', time.monotonic() - begin)

    def _unplug(self):
        """As user and guest do it, until the node is free again."""
        machine = self.machine
        machine.qmp.command('device_del', {'id': 'dev'})
        for bus in range(8):
            down = machine.do(f'outl {ACPI_SELECT:#x} {bus}', f'inl {ACPI_DOWN:#x}')[1]
            if down:
                machine.do(f'outl {ACPI_EJECT:#x} {down:#x}')
                break
        else:
            raise Failure('no slot is to be ejected')
        machine.qmp.wait('DEVICE_DELETED')
        if self.peer.netdev:
            machine.qmp.command('netdev_del', {'id': 'net'})
        begin = time.monotonic()
        while not machine.simulator('list')[0].endswith('open=0'):
            if time.monotonic() - begin > TIMEOUT:
                raise Failure('unplugged, but the node stays open')
