"""The control path: one life of a device, from device_add to DEVICE_DELETED, timed from
outside by the monotonic clock, with the calls that each phase makes on the node.

SPDX-License-Identifier: GPL-2.0-or-later
"""
import collections
import contextlib
import tempfile
import time

from driver import DRIVER_OK, Driver
from machine import NODE, TIMEOUT, Failure, Machine

# ACPI PCI hot-plug registers of a q35: docs/specs/acpi_pci_hotplug
ACPI_DOWN, ACPI_EJECT, ACPI_SELECT = 0xcc4, 0xcc8, 0xcd0

# Features of the simulated card with two rings, and those that further rings need
NET = 1 << 32 | 1 << 33 | 1 << 27 | 1 << 16 | 1 << 5 | 1 << 3
NET_MQ = 1 << 22 | 1 << 17

Peer = collections.namedtuple('Peer', 'name command netdev properties', defaults=({},))
Peer.__doc__ = """One device to measure: its name, the QEMU that it is in, whether it is
virtio-net-pci with -netdev vhost-vdpa or else vhost-vdpa-device-pci, and properties that
are not their defaults."""


def net_rings(rings):
    """Returns the number of rings nearest to that which a net device can have: two, or
    pairs and a control ring."""
    return 2 if rings <= 2 else min(rings // 2 * 2 + 1, 1023)


def net_node(rings):
    """Describes a simulated card with that many rings."""
    features = NET if rings == 2 else NET | NET_MQ
    return f'type=net,queues={rings},features={features:#x}'


class Device:
    """A peer's device in a machine of its own.  phases has (name, seconds, calls)."""

    def __init__(self, peer, memory, rings, node, where):
        self.peer, self.rings = peer, rings
        self.phases = []
        self.machine = Machine(peer.command, memory, node, where)
        self.driver = Driver(self.machine)

    def phase(self, name, seconds):
        """Adds a phase that just ended."""
        self.phases.append((name, seconds, collections.Counter(self.machine.calls())))

    def plug(self):
        """Plugs it in: until all was answered, and how long the main loop was held."""
        device = {'id': 'dev', 'bus': 'root-port', 'driver': 'vhost-vdpa-device-pci',
                  'vhostdev': NODE}
        added = held = 0
        self.machine.calls()
        if self.peer.netdev:
            pairs = self.rings // 2
            device = {'id': 'dev', 'bus': 'root-port', 'driver': 'virtio-net-pci', 'netdev': 'net',
                      'mq': pairs > 1, 'vectors': self.rings + 1, 'iommu_platform': True,
                      'romfile': ''}
            added, held = self.machine.hold('netdev_add', {
                'type': 'vhost-vdpa', 'id': 'net', 'vhostdev': NODE, 'queues': pairs})
        more = self.machine.hold('device_add', {**device, **self.peer.properties})
        self.phase('realize', added + more[0])
        self.phases.append(('main loop held', held + more[1], collections.Counter()))
        self.driver.attach()

    def run(self, begin):
        """Waits until the simulated device runs; returns the seconds since begin."""
        seconds = time.monotonic() - begin
        while time.monotonic() - begin < TIMEOUT:
            state = self.machine.state()
            if int(state['status'], 0) & DRIVER_OK and state['suspended'] == '0':
                return seconds
            seconds = time.monotonic() - begin
        raise Failure(f'the device does not run after {TIMEOUT} s')

    def start(self, name):
        """The driver's start, in two phases: what comes before DRIVER_OK, and that.  To the
        latter counts FEATURES_OK: one device negotiates there, another at DRIVER_OK."""
        begin = time.monotonic()
        negotiation = self.driver.prepare(self.rings)
        self.phase(f'{name} set-up', time.monotonic() - begin - negotiation)
        begin = time.monotonic()
        self.driver.start()
        self.phase(name, negotiation + self.run(begin))

    def restart(self):
        """The driver resets it and starts it again."""
        self.phase('guest reset', self.driver.set_status(0))
        self.start('restart')

    def unplug(self):
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


class Life:
    """The phases of one life.  phases is as a Device's; failure the reason why it ended
    early, or None."""

    def __init__(self, peer, memory, rings, node):
        self.peer, self.rings = peer, rings
        self.phases = []
        self.failure = None
        device = None
        with tempfile.TemporaryDirectory(prefix='bench') as where:
            try:
                device = Device(peer, memory, rings, node, where)
                self.phases = device.phases
                self._live(device)
            except Failure as failure:
                self.failure = self._why(failure, device)
            finally:
                if device:
                    device.machine.end()

    def _why(self, failure, device):
        """What failed, and what QEMU says about it."""
        done = self.phases[-1][0] if self.phases else 'nothing'
        said = device.machine.stderr() if device else ''
        return f'after {done}: {failure}' + (f' ({said})' if said else '')

    @staticmethod
    def _live(device):
        qmp = device.machine.qmp
        device.plug()
        device.start('DRIVER_OK')
        device.restart()

        begin = time.monotonic()
        qmp.command('system_reset')
        qmp.wait('RESET')
        qmp.command('query-status')
        device.phase('system_reset', time.monotonic() - begin)
        device.driver.attach()
        device.start('start after it')

        begin = time.monotonic()
        qmp.command('stop')
        device.phase('stop', time.monotonic() - begin)
        begin = time.monotonic()
        qmp.command('cont')
        device.phase('cont', device.run(begin))

        begin = time.monotonic()
        device.unplug()
        device.phase('unplug', time.monotonic() - begin)


class Restarts:
    """The same device in guests that differ in memory, restarted in turn: a machine's
    speed varies more from second to second than these do.  seconds has a list for each
    size, failure the reason why it ended early, or None."""

    def __init__(self, peer, sizes, rings, node, times):
        self.rings = rings
        self.seconds = {size: [] for size in sizes}
        self.failure = None
        devices = {}
        with contextlib.ExitStack() as stack:
            try:
                for size in sizes:
                    where = stack.enter_context(tempfile.TemporaryDirectory(prefix='bench'))
                    devices[size] = Device(peer, size, rings, node, where)
                    stack.callback(devices[size].machine.end)
                    devices[size].plug()
                    devices[size].start('DRIVER_OK')
                for turn in range(times):
                    for size in sizes if turn % 2 else reversed(sizes):
                        devices[size].restart()
                        self.seconds[size].append(devices[size].phases[-1][1])
            except Failure as failure:
                said = (device.machine.stderr() for device in devices.values())
                self.failure = f'restarts in turn: {failure} ({" ".join(said).strip()})'
