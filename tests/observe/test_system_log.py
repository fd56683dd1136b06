"""Lines go to the syslog daemon of this machine, or to stderr where it does not take them."""

import contextlib
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from shuttle.core.mask import Mask
from shuttle.observe.log import make_logger
from shuttle.observe.masked_log import MaskedLog
from shuttle.observe.system_log import SystemLog

GUARD = 10.0  # seconds; a test that would hang ends with them
DATAGRAMS, STREAM = socket.SOCK_DGRAM, socket.SOCK_STREAM
every_kind = pytest.mark.parametrize("kind", [DATAGRAMS, STREAM])


class Machine:
    """Where lines go on a machine: a place for a daemon's socket, and stderr."""

    def __init__(self, path: Path, system_log: SystemLog) -> None:
        self.path = path
        self.err: list[str] = []
        self.logger = MaskedLog(make_logger(verbose=True, writer=self, system_log=system_log), Mask(["zq9secret"]))

    def write(self, text: str) -> None:
        self.err.append(text)

    @property
    def names(self) -> list[str]:
        """The events on stderr."""
        return [re.findall(r"at=(\S+)", line)[0] for line in self.err]

    @contextlib.contextmanager
    def listening(self, kind: socket.SocketKind = DATAGRAMS) -> Iterator[socket.socket]:
        """Listen as a daemon does, and leave the socket's file behind."""
        self.path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, kind) as daemon:
            daemon.settimeout(GUARD)
            daemon.bind(os.fspath(self.path))
            if kind == STREAM:
                daemon.listen()
            yield daemon


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    path = tmp_path / "log"
    with contextlib.closing(SystemLog("log-shuttle", [tmp_path / "nowhere", path])) as system_log:
        yield Machine(path, system_log)


@pytest.mark.parametrize(("level", "severity"), [("debug", 7), ("info", 6), ("warning", 4), ("error", 3)])
def test_the_daemon_gets_each_line_with_its_level(machine: Machine, level: str, severity: int) -> None:
    with machine.listening() as daemon:
        getattr(machine.logger, level)("drain.down", error="a\0b\nc zq9secret", status=503)
        line = daemon.recv(4096).decode()
    assert re.fullmatch(
        rf"<{5 * 8 + severity}>[A-Z][a-z]{{2}} [ 1-3]\d \d\d:\d\d:\d\d log-shuttle\[{os.getpid()}\]: "
        rf'app=log-shuttle level={level} at=drain.down error="a\\\\x00b\\\\nc \*\*\*" status=503',
        line,
    )
    assert machine.err == []


def test_a_daemon_of_streams_gets_lines_that_end_in_nul(machine: Machine) -> None:
    with machine.listening(STREAM) as daemon:
        machine.logger.info("one")
        machine.logger.info("two")
        connection, _ = daemon.accept()
        with connection:
            received = connection.recv(4096)
    assert [line.rpartition(b" ")[2] for line in received.split(b"\0")] == [b"at=one", b"at=two", b""]
    assert machine.err == []


def test_without_a_daemon_lines_go_to_stderr_which_says_so_once(machine: Machine) -> None:
    machine.logger.warning("lines.lost", lines=3)
    machine.logger.info("ledger")
    assert machine.names == ["syslog.unreachable", "lines.lost", "ledger"]
    assert re.fullmatch(
        r"ts=\S+Z app=log-shuttle level=warning at=syslog.unreachable "
        r'error="No such file or directory" advice="[^"]*-log-to-syslog[^"]*"',
        machine.err[0],
    )
    assert re.fullmatch(r"ts=\S+Z app=log-shuttle level=warning at=lines.lost lines=3", machine.err[1])


@every_kind
def test_a_daemon_that_ended_is_missed_until_it_is_back(machine: Machine, kind: socket.SocketKind) -> None:
    logger = machine.logger
    with machine.listening(kind) as daemon, contextlib.ExitStack() as stack:
        logger.info("one")
        if kind == STREAM:
            stack.enter_context(daemon.accept()[0])
    logger.info("two")
    logger.info("three")
    assert machine.names == ["syslog.unreachable", "two", "three"]
    assert 'error="Connection refused"' in machine.err[0]
    with machine.listening(kind) as daemon, contextlib.ExitStack() as stack:
        logger.info("four")
        receiver = stack.enter_context(daemon.accept()[0]) if kind == STREAM else daemon
        assert b"at=four" in receiver.recv(4096)
    assert len(machine.err) == 3


@every_kind
def test_a_daemon_that_does_not_read_holds_nothing_up(machine: Machine, kind: socket.SocketKind) -> None:
    with machine.listening(kind) as daemon:
        for number in range(10_000):
            machine.logger.info("post", number=number)
            if machine.err:
                break
        assert machine.names == ["syslog.unreachable", "post"]
        if kind == DATAGRAMS:
            daemon.recv(4096)
            machine.logger.info("flows.again")
            assert len(machine.err) == 2


def test_a_line_too_long_for_the_daemon_goes_to_stderr(machine: Machine) -> None:
    with machine.listening() as daemon:
        machine.logger.info("long", **{f"key{number}": "x" * 1000 for number in range(1000)})
        machine.logger.info("short")
        assert b"at=short" in daemon.recv(4096)
    assert machine.names == ["syslog.unreachable", "long"]
