"""What was measured, as tables, as CSV, as points for gnuplot, and as a check of the aims.

SPDX-License-Identifier: GPL-2.0-or-later
"""
import csv
import statistics

# Rows of the tables, and the phases of which each is the sum.  The calls of a start are
# counted with those that the driver's set-up caused.
ROWS = {
    'realize': ('realize',),
    'main loop held by device_add': ('main loop held',),
    'set-up before DRIVER_OK': ('DRIVER_OK set-up',),
    'DRIVER_OK': ('DRIVER_OK',),
    'realize + DRIVER_OK': ('realize', 'DRIVER_OK'),
    'guest reset': ('guest reset',),
    'guest reset + restart': ('guest reset', 'restart'),
    'system_reset to running': ('system_reset', 'start after it'),
    'stop': ('stop',),
    'cont': ('cont',),
    'unplug': ('unplug',),
}
SET_UPS = {'DRIVER_OK': 'DRIVER_OK set-up', 'restart': 'restart set-up',
           'start after it': 'start after it set-up'}


def digits(value):
    """Returns a number as text, with three digits that count or all before the point."""
    return f'{value:.0f}' if value >= 100 else f'{value:.3g}'


def spread(values, scale=1):
    """Returns median, least and greatest as text."""
    return (f'{digits(scale * statistics.median(values))}'
            f' ({digits(scale * min(values))}..{digits(scale * max(values))})')


def is_iotlb(call):
    """Whether a call is an IOTLB message."""
    return call.startswith('IOTLB_')


class Control:
    """All lives, by sweep, point and peer."""

    def __init__(self, ours):
        self.ours = ours
        self.lives = {}
        self.restarts = []

    def add(self, sweep, point, life):
        """Adds one life."""
        self.lives.setdefault(sweep, {}).setdefault(point, {}) \
            .setdefault(life.peer.name, []).append(life)

    def seconds(self, sweep, point, peer, row):
        """Returns the seconds of a row, sorted, of the lives that got there."""
        values = []
        for life in self.lives[sweep][point].get(peer, ()):
            times = {name: seconds for name, seconds, _ in life.phases}
            if all(phase in times for phase in ROWS[row]):
                values.append(sum(times[phase] for phase in ROWS[row]))
        return sorted(values)

    def median(self, sweep, point, peer, row):
        """Returns the median of the seconds, or None."""
        values = self.seconds(sweep, point, peer, row)
        return statistics.median(values) if values else None

    def calls(self, sweep, point, peer, row, which=lambda call: True):
        """Returns the greatest number of calls in a row, or None."""
        numbers = []
        for life in self.lives[sweep][point].get(peer, ()):
            counts = {name: counter for name, _, counter in life.phases}
            phases = list(ROWS[row]) + [SET_UPS[name] for name in ROWS[row] if name in SET_UPS]
            if all(phase in counts for phase in phases):
                numbers.append(sum(number for phase in phases
                                   for call, number in counts[phase].items() if which(call)))
        return max(numbers) if numbers else None

    def _cell(self, sweep, point, peer, row):
        values = self.seconds(sweep, point, peer, row)
        if not values:
            return '-'
        text = f'{spread(values, 1000)} {self.calls(sweep, point, peer, row)}c'
        ours = self.median(sweep, point, self.ours, row)
        if peer != self.ours and ours:
            text += f' x{digits(statistics.median(values) / ours)}'
        return text

    def print(self, sweep, title):
        """Prints the table of one sweep."""
        points = list(self.lives[sweep])
        peers = sorted(self.lives[sweep][points[0]], key=lambda peer: peer != self.ours)
        cells = {(row, peer): [self._cell(sweep, point, peer, row) for point in points]
                 for row in ROWS for peer in peers}
        widths = [2 + max(len(cell) for cell in column)
                  for column in zip(points, *cells.values())]
        head = max(14, *map(len, peers))
        print(f'\n{title}\nmilliseconds: median (min..max), calls, ratio to {self.ours}')
        print((head + 2) * ' ' + ''.join(point.rjust(width)
                                         for point, width in zip(points, widths)))
        for row in ROWS:
            print(row)
            for peer in peers:
                print(f'  {peer:{head}}' + ''.join(
                    cell.rjust(width) for cell, width in zip(cells[row, peer], widths)))
        failures = {}
        for point in points:
            for peer in peers:
                for life in self.lives[sweep][point][peer]:
                    if life.failure:
                        failures.setdefault((peer, life.failure), []).append(point)
        for (peer, failure), where in failures.items():
            print(f'! {peer} at {", ".join(dict.fromkeys(where))}: {failure}')

    def restart_seconds(self):
        """Returns the seconds of all restarts in turn, by GiB of memory."""
        return {gib: [seconds for restarts in self.restarts for seconds in restarts.seconds[gib]]
                for gib in self.restarts[0].seconds}

    def print_restarts(self):
        """Prints the restarts in turn."""
        print(f'\nDRIVER_OK of {self.ours}, guests restarted in turn: milliseconds, median, and '
              'half of them within')
        for gib, seconds in self.restart_seconds().items():
            if seconds:
                low, middle, high = (digits(1000 * value) for value in quartiles(seconds))
                print(f'  {gib} GiB: {middle} ({low}..{high}), {len(seconds)} restarts')
        for restarts in self.restarts:
            if restarts.failure:
                print(f'! {restarts.failure}')

    def write(self, path):
        """Writes all as CSV."""
        with open(path, 'w', newline='', encoding='utf-8') as file:
            writer = csv.writer(file)
            writer.writerow(('sweep', 'point', 'peer', 'rings', 'repetition', 'phase', 'seconds',
                             'calls', 'iotlb_messages', 'what'))
            for sweep, points in self.lives.items():
                for point, peers in points.items():
                    for peer, lives in peers.items():
                        for repetition, life in enumerate(lives, 1):
                            head = (sweep, point, peer, life.rings, repetition)
                            for name, seconds, calls in life.phases:
                                messages = sum(n for call, n in calls.items() if is_iotlb(call))
                                writer.writerow((*head, name, f'{seconds:.6f}',
                                                 sum(calls.values()), messages,
                                                 ' '.join(f'{call}:{n}' for call, n
                                                          in sorted(calls.items()))))
                            if life.failure:
                                writer.writerow((*head, 'failed', '', '', '', life.failure))
            for gib, times in self.restart_seconds().items():
                for repetition, seconds in enumerate(times, 1):
                    writer.writerow(('restarts in turn', f'{gib} GiB', self.ours,
                                     self.restarts[0].rings, repetition, 'restart',
                                     f'{seconds:.6f}', '', '', ''))

    def write_points(self, sweep, row, path):
        """Writes a block of "x median min max" for each peer, as gnuplot's index wants them."""
        with open(path, 'w', encoding='utf-8') as file:
            points = list(self.lives[sweep])
            for peer in self.lives[sweep][points[0]]:
                file.write(f'"{peer}"\n')
                for point in points:
                    values = self.seconds(sweep, point, peer, row)
                    if values:
                        file.write(' '.join(f'{value:.6g}' for value in (
                            float(point.split()[0]), 1000 * statistics.median(values),
                            1000 * values[0], 1000 * values[-1])) + '\n')
                file.write('\n\n')


class Aims:
    """The check of what was aimed at."""

    def __init__(self):
        self.missed = 0

    def check(self, what, reached, figures):
        """Prints one line: reached is a bool, or None if it could not be measured."""
        verdict = 'not measured' if reached is None else 'reached' if reached else 'NOT REACHED'
        self.missed += not reached
        print(f'{verdict:12}  {what}: {figures}')

    def at_most(self, what, value, limit):
        """A figure that must not be above a limit."""
        if value is None:
            self.check(what, None, 'no figure')
        else:
            self.check(what, value <= limit, f'{digits(value)} (at most {limit:g})')

    def at_least(self, what, value, limit):
        """A ratio that must not be below a limit."""
        if value is None:
            self.check(what, None, 'no figure')
        else:
            self.check(what, value >= limit, f'{digits(value)} times (at least {limit:g})')

    def not_slower(self, what, ours, theirs):
        """Two lists of seconds: ours must not be slower by more than the spread."""
        if not ours or not theirs:
            self.check(what, None, 'no figure')
            return
        times = statistics.median(ours) / statistics.median(theirs)
        figures = f'{digits(times)} times'
        if times > 1 and quartiles(ours)[0] <= quartiles(theirs)[2]:
            self.check(what, True, f'{figures}, within the spread: {spread(ours, 1000)} '
                       f'and {spread(theirs, 1000)} ms')
        else:
            self.check(what, times <= 1, figures)


def quartiles(values):
    """Returns the three quartiles."""
    return statistics.quantiles(values, method='inclusive') if len(values) > 1 else 3 * values


def ratio(one, other):
    """Returns one / other, or None if there is no such."""
    return one / other if one is not None and other else None


def check_control(aims, control, theirs, mapped):
    """Checks what the control path aims at; theirs is peer (a), mapped that with doorbells
    in the guest."""
    ours = control.ours
    ram, rings, bells = 'memory', 'rings', 'doorbells'

    small, large = control.restart_seconds().values()
    failed = any(restarts.failure for restarts in control.restarts)
    aims.at_most('DRIVER_OK of restarts in turn, 64 GiB over 1 GiB',
                 None if failed else ratio(statistics.median(large), statistics.median(small)),
                 1.2)
    for row in 'guest reset + restart', 'system_reset to running', 'stop', 'cont':
        numbers = [control.calls(sweep, point, ours, row, is_iotlb)
                   for sweep in control.lives for point in control.lives[sweep]]
        aims.at_most(f'IOTLB messages over {row}',
                     None if None in numbers else max(numbers), 0)
    for sweep in rings, bells:
        first, last = (list(control.lives[sweep])[at] for at in (0, -1))
        counts = [control.calls(sweep, point, ours, 'DRIVER_OK') for point in (first, last)]
        aims.at_most(f'calls a ring at start ({sweep})', None if None in counts else
                     (counts[1] - counts[0]) / (int(last.split()[0]) - int(first.split()[0])), 6)
    for row in 'DRIVER_OK', 'guest reset + restart':
        aims.at_least(f'{row} at 64 GiB, {theirs} over {ours}', ratio(
            control.median(ram, '64 GiB', theirs, row),
            control.median(ram, '64 GiB', ours, row)), 5)
    for sweep, peer in (rings, theirs), (bells, theirs), (bells, mapped):
        for row in ROWS:
            aims.not_slower(f'{row} at 1024 rings ({sweep}), {ours} over {peer}',
                            *(control.seconds(sweep, '1024 rings', name, row)
                              for name in (ours, peer)))


class Data:
    """The runs of all guests, by title and peer."""

    def __init__(self, ours):
        self.ours = ours
        self.runs = {}
        self.failures = {}

    def add(self, title, guest):
        """Adds the runs of one guest."""
        for run in guest.runs:
            self.runs.setdefault((title, run.kind, run.depth), {}) \
                .setdefault(run.peer.name, []).append(run)
        if guest.failure:
            self.failures[title, guest.kind, guest.peer.name] = guest.failure

    @staticmethod
    def _figures(runs):
        """Returns medians: requests a second, and microseconds of CPU time a request."""
        return [statistics.median(values) for values in (
            [run.per_second for run in runs],
            *([1e6 * run.used.cpu[thread] / run.used.requests for run in runs]
              for thread in ('vCPU', 'main loop', 'simulator')))]

    def print(self, accel):
        """Prints the table; the guests ran with that accelerator."""
        print(f'\nData path, {accel}: requests a second (min..max), ratio to {self.ours}; '
              'microseconds of CPU time a request\nof the vCPU, the main loop and the simulated '
              'hardware; of all requests how many kicks went which way,\nand calls of a handler '
              'in QEMU.  Interrupts by irqfd: not measured, it has none.')
        print(f'{"":16}{"requests/s":>28}{"vCPU":>8}{"main":>8}{"hardware":>9}'
              f'{"requests":>10}{"eventfd":>9}{"doorbell":>9}{"handler":>9}')
        for (title, kind, depth), peers in self.runs.items():
            print(f'{kind}, {depth} at a time, {title}')
            for peer, runs in peers.items():
                rate, *cpu = self._figures(runs)
                text = spread([run.per_second for run in runs])
                if peer != self.ours and self.ours in peers:
                    text += f' x{rate / self._figures(peers[self.ours])[0]:.2f}'
                used = [sum(getattr(run.used, way) for run in runs)
                        for way in ('requests', 'kicks', 'doorbells', 'handlers')]
                print(f'  {peer:14}{text:>28}{cpu[0]:8.1f}{cpu[1]:8.1f}{cpu[2]:9.1f}'
                      f'{used[0]:10}{used[1]:9}{used[2]:9}{used[3]:9}')
        for (title, kind, peer), failure in self.failures.items():
            print(f'! {peer}, {kind}, {title}: {failure}')

    def write(self, path):
        """Writes all as CSV."""
        with open(path, 'w', newline='', encoding='utf-8') as file:
            writer = csv.writer(file)
            writer.writerow(('node', 'kind', 'depth', 'peer', 'repetition', 'requests_per_second',
                             'requests', 'vcpu_seconds', 'main_loop_seconds',
                             'simulator_seconds', 'other_seconds', 'eventfd_kicks',
                             'doorbell_kicks', 'handler_calls'))
            for (title, kind, depth), peers in self.runs.items():
                for peer, runs in peers.items():
                    for repetition, run in enumerate(runs, 1):
                        used = run.used
                        writer.writerow((title, kind, depth, peer, repetition, run.per_second,
                                         used.requests, *(f'{used.cpu[thread]:.6f}' for thread in (
                                             'vCPU', 'main loop', 'simulator', 'other')),
                                         used.kicks, used.doorbells, used.handlers))

    def used(self, title, kind, way):
        """Returns the sum of one count over our device's runs, or None if there are none."""
        runs = [run for depth in (1, 32)
                for run in self.runs.get((title, kind, depth), {}).get(self.ours, ())]
        return sum(getattr(run.used, way) for run in runs) if runs else None


def check_data(aims, data, title):
    """Checks what the data path aims at, on a node that has doorbells."""
    for kind in 'block', 'net':
        requests = data.used(title, kind, 'requests')
        for way, what in ('handlers', 'notify-handler calls'), ('kicks', 'kicks by eventfd'):
            aims.at_most(f'{what}, {kind}, over {requests} requests with doorbells',
                         data.used(title, kind, way), 0)
        if requests is not None:
            aims.check(f'the same requests, {kind}, were kicked by doorbell',
                       data.used(title, kind, 'doorbells') > 0,
                       f'{data.used(title, kind, "doorbells")} kicks')


class Kernel:
    """The runs over a real kernel's devices, by title and depth and peer."""

    def __init__(self, ours):
        self.ours = ours
        self.runs = {}
        self.failures = []

    def add(self, outer):
        """Adds the runs of one outer guest."""
        for number, depth, run in outer.runs:
            title, peer, *_ = outer.lives[number]
            self.runs.setdefault((title, depth), {}).setdefault(peer.name, []).append(run)
        for number, (title, peer, *_) in enumerate(outer.lives):
            if sum(number == of for of, *_ in outer.runs) != 2:
                why = outer.said[number][-4:] or outer.said[None][-4:] or ['not reached']
                self.failures.append(f'{peer.name}, {title}: {" ".join(why)}')

    def print(self):
        """Prints the table."""
        print(f'\nData path on Linux 6.1, KVM on emulated SVM: requests a second (min..max), '
              f'ratio to {self.ours}; microseconds\nof CPU time a request of the vCPU and the '
              'main loop; VM exits a request; and of all requests, interrupts of the\nguest, how '
              'many of them QEMU sent itself, calls of a handler in QEMU.')
        print(f'{"":16}{"requests/s":>28}{"vCPU":>8}{"main":>8}{"exits":>8}{"requests":>10}'
              f'{"interrupts":>12}{"by QEMU":>9}{"handler":>9}')
        for (title, depth), peers in self.runs.items():
            print(f'{title}, {depth} at a time')
            for peer, runs in peers.items():
                rates = [run.per_second for run in runs]
                text = spread(rates)
                if peer != self.ours and self.ours in peers:
                    ours = [run.per_second for run in peers[self.ours]]
                    text += f' x{statistics.median(rates) / statistics.median(ours):.2f}'
                requests = sum(run.requests for run in runs)
                cpu = [1e6 * sum(run.cpu[thread] for run in runs) / requests
                       for thread in ('vCPU', 'main loop')]
                exits, interrupts, messages, handlers = (
                    sum(getattr(run, name) for run in runs)
                    for name in ('exits', 'interrupts', 'messages', 'handlers'))
                print(f'  {peer:14}{text:>28}{cpu[0]:8.1f}{cpu[1]:8.1f}{exits / requests:8.2f}'
                      f'{requests:10}{interrupts:12}{messages:9}{handlers:9}')
        for failure in self.failures:
            print(f'! {failure} (outer.console)')

    def write(self, path):
        """Writes all as CSV."""
        with open(path, 'w', newline='', encoding='utf-8') as file:
            writer = csv.writer(file)
            writer.writerow(('device', 'depth', 'peer', 'repetition', 'requests_per_second',
                             'requests', 'vcpu_seconds', 'main_loop_seconds', 'other_seconds',
                             'vm_exits', 'interrupts', 'interrupts_by_qemu', 'handler_calls'))
            for (title, depth), peers in self.runs.items():
                for peer, runs in peers.items():
                    for repetition, run in enumerate(runs, 1):
                        writer.writerow((title, depth, peer, repetition, run.per_second,
                                         run.requests, *(f'{run.cpu[thread]:.6f}' for thread in (
                                             'vCPU', 'main loop', 'other')),
                                         run.exits, run.interrupts, run.messages, run.handlers))


def check_kernel(aims, kernel, titles):
    """Checks what the data path aims at on a real kernel's devices."""
    for title in titles:
        depths = [kernel.runs.get((title, depth), {}).get(kernel.ours, ()) for depth in (1, 32)]
        total = {name: sum(getattr(run, name) for runs in depths for run in runs)
                 if all(depths) else None
                 for name in ('requests', 'interrupts', 'messages', 'handlers')}
        aims.at_most(f'notify-handler calls, {title}, over {total["requests"]} requests',
                     total['handlers'], 0)
        aims.at_most(f'of {total["interrupts"]} interrupts, {title}, not by irqfd',
                     total['messages'] if total['interrupts'] else None, 0)
