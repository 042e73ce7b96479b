"""A QEMU that is driven from outside: qtest, QMP, and the simulator's control socket.

Nothing here knows what a device is, and nothing depends on QEMU's version: its
processor executes HLT, all else is done over the sockets.

SPDX-License-Identifier: GPL-2.0-or-later
"""
import json
import os
import re
import socket
import subprocess
import time

# How long anything may take before it counts as hung, in seconds
TIMEOUT = 120
# qtest commands that are sent before their answers are read
BATCH = 256
NODE = '/dev/vhost-vdpa-0'
# The base that the tools work on: build/BASE
TOP = 'build/' + subprocess.run(
    [os.path.join(os.path.dirname(__file__), '..', 'tools', 'base')], check=True,
    capture_output=True, text=True).stdout.strip()


class Failure(Exception):
    """A peer refused, hung or died; the text says how."""


class Lines:
    """A socket that speaks in lines."""

    def __init__(self, connection):
        connection.settimeout(TIMEOUT)
        self.connection = connection
        self.buffer = b''

    def send(self, text):
        """Sends text, which ends in a newline."""
        try:
            self.connection.sendall(text.encode())
        except OSError as error:
            raise Failure(f'takes nothing: {error.strerror or error}') from None

    def receive(self):
        """Returns the next line, without its end."""
        while b'\n' not in self.buffer:
            try:
                data = self.connection.recv(1 << 20)
            except TimeoutError:
                raise Failure(f'no answer in {TIMEOUT} s') from None
            except ConnectionError:
                data = b''
            if not data:
                raise Failure('ended')
            self.buffer += data
        line, self.buffer = self.buffer.split(b'\n', 1)
        return line.decode()


def simulated(node, where):
    """Returns the environment that preloads the simulator with one node and a control socket
    in a directory."""
    return {'VHOST_VDPA_SIM_0': node, 'VHOST_VDPA_SIM_CONTROL': f'{where}/control',
            'LD_PRELOAD': os.path.abspath(
                f'{TOP}/qemu-build/tests/vhost-vdpa-sim/libvhost-vdpa-sim.so')}


def ask_simulator(where, command):
    """Gives a command on the simulator's control socket; returns the lines of its answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(f'{where}/control')
        except OSError as error:
            raise Failure(f'simulator: {error.strerror}') from None
        lines = Lines(connection)
        lines.send(command + '\n')
        answer = []
        while not answer or not re.match('ok$|error: ', answer[-1]):
            answer.append(lines.receive())
    if answer[-1] != 'ok':
        raise Failure(f'simulator: {command}: {answer[-1]}')
    return answer[:-1]


def simulator_state(where):
    """Returns the simulator's state, a dictionary of texts."""
    return dict(line.split('=', 1) for line in ask_simulator(where, 'state 0'))


class Qmp:
    """A QMP monitor."""

    def __init__(self, lines):
        self.lines = lines
        self.events = []
        self.lines.receive()
        self.command('qmp_capabilities')

    def begin(self, name, arguments=None):
        """Sends a command and does not wait for its answer."""
        message = {'execute': name, 'arguments': arguments or {}}
        self.lines.send(json.dumps(message) + '\n')

    def end(self):
        """Returns the answer to the oldest command that has none yet."""
        while True:
            message = json.loads(self.lines.receive())
            if 'event' in message:
                self.events.append(message)
            elif 'error' in message:
                raise Failure(message['error']['desc'])
            else:
                return message['return']

    def command(self, name, arguments=None):
        """Does both."""
        self.begin(name, arguments)
        return self.end()

    def wait(self, name):
        """Waits for an event that was not waited for before."""
        while True:
            for event in self.events:
                if event['event'] == name:
                    self.events.remove(event)
                    return event
            message = json.loads(self.lines.receive())
            self.events.append(message)


class Machine:
    """A q35 with an empty root port.

    command  the program that is QEMU, with its options of its own, as a list
    memory   guest memory in GiB
    node     the simulated node, as VHOST_VDPA_SIM_0 describes it
    where    an existing directory with a short path
    """

    def __init__(self, command, memory, node, where, options=()):
        self.where = where
        listeners = {name: self._listen(name) for name in ('qtest', 'qmp', 'probe')}
        options = [
            '-machine', 'q35,accel=tcg,memory-backend=ram',
            '-object', f'memory-backend-memfd,id=ram,size={memory}G,share=on,reserve=off',
            '-m', f'{memory}G', '-bios', self._firmware(),
            '-display', 'none', '-nodefaults', '-no-user-config',
            '-device', 'pcie-root-port,id=root-port,chassis=1,addr=1.0',
            '-qtest', f'unix:{where}/qtest', '-qtest-log', 'none',
            '-qmp', f'unix:{where}/qmp', '-qmp', f'unix:{where}/probe', *options]
        with open(f'{where}/stderr', 'wb') as stderr:
            # pylint: disable-next=consider-using-with
            self.process = subprocess.Popen(
                command + options, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                env={**os.environ, **simulated(node, where)})
        try:
            lines = {name: Lines(listener.accept()[0]) for name, listener in listeners.items()}
            self.qtest = lines['qtest']
            self.qmp = Qmp(lines['qmp'])
            self.probe = Qmp(lines['probe'])
        except (TimeoutError, Failure):
            self.end()
            raise Failure(f'does not start: {self.stderr()}') from None

    def _listen(self, name):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f'{self.where}/{name}')
        listener.listen()
        listener.settimeout(20)
        return listener

    def _firmware(self):
        """A processor that halts: at the reset vector CLI, HLT and back to that."""
        path = f'{self.where}/firmware'
        with open(path, 'wb') as file:
            file.write(bytes(0x10000 - 16) + b'\xfa\xf4\xeb\xfd'.ljust(16, b'\0'))
        return path

    def stderr(self):
        """Returns what QEMU said last."""
        with open(f'{self.where}/stderr', encoding='utf-8', errors='replace') as file:
            return ' '.join(file.read().split('\n')[-4:]).strip()

    def end(self):
        """Ends QEMU, whatever it does."""
        self.process.kill()
        self.process.wait()

    def do(self, *commands):
        """Gives qtest commands, as many at once as the sockets hold; returns the answers,
        numbers as such."""
        answers = []
        for at in range(0, len(commands), BATCH):
            batch = commands[at:at + BATCH]
            self.qtest.send(''.join(f'{command}\n' for command in batch))
            for command in batch:
                words = self.qtest.receive().split()
                if words[0] != 'OK':
                    raise Failure(f'{command}: {" ".join(words)}')
                answers.append(int(words[1], 0) if len(words) > 1 else None)
        return answers

    def time(self, *commands):
        """Returns how long do() takes, in seconds."""
        begin = time.monotonic()
        self.do(*commands)
        return time.monotonic() - begin

    def hold(self, name, arguments):
        """Gives a QMP command; returns when it was answered, and when the main loop was
        free again to answer a question asked right behind it, in seconds."""
        begin = time.monotonic()
        self.qmp.begin(name, arguments)
        self.probe.begin('query-status')
        self.qmp.end()
        answered = time.monotonic() - begin
        self.probe.end()
        return answered, time.monotonic() - begin

    def simulator(self, command):
        """As ask_simulator()."""
        return ask_simulator(self.where, command)

    def state(self):
        """As simulator_state()."""
        return simulator_state(self.where)

    def calls(self):
        """Returns the names of the calls since the last time."""
        lines = self.simulator('log 0')
        self.simulator('clear 0')
        return [line.split(' ', 3)[2] for line in lines]
