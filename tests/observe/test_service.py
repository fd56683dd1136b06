"""The service manager hears that the process is up, alive and stopping, on a real socket, and never holds it up."""

import contextlib
import os
import re
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from shuttle.core.mask import Mask
from shuttle.observe.log import make_logger
from shuttle.observe.masked_log import MaskedLog
from shuttle.observe.service import Service, take_service

GUARD = 20.0  # seconds; a test that would hang ends with them


class Err:
    """What stderr would show."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.log = MaskedLog(make_logger(verbose=True, writer=self), Mask([]))

    def write(self, text: str) -> None:
        self.lines.append(text)

    @property
    def names(self) -> list[str]:
        return [re.findall(r"at=(\S+)", line)[0] for line in self.lines]


@pytest.fixture
def err() -> Err:
    return Err()


@contextlib.contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(GUARD)
        manager.bind("\0" + address[1:] if address.startswith("@") else address)
        yield manager


def take(err: Err, **environ: str) -> Service:
    service = take_service(environ, err.log)
    assert service
    return service


@pytest.mark.parametrize("abstract", [False, True])
def test_states_arrive_as_datagrams(tmp_path: Path, err: Err, abstract: bool) -> None:
    address = f"@log-shuttle/{secrets.token_hex(8)}" if abstract else f"{tmp_path}/notify"
    with listening(address) as manager:
        service = take(err, NOTIFY_SOCKET=address)
        service.tell("READY=1")
        service.tell("STOPPING=1")
        assert [manager.recv(99), manager.recv(99)] == [b"READY=1", b"STOPPING=1"]
    assert err.lines == []


def test_the_variables_are_taken_from_the_environment(err: Err) -> None:
    environ = {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1", "HOME": "/"}
    assert take_service(environ, err.log)
    assert environ == {"HOME": "/"}


def test_no_manager_no_service(err: Err) -> None:
    assert take_service({"NOTIFY_SOCKET": ""}, err.log) is None


def test_only_a_service_loads_it() -> None:
    code = "import sys, shuttle.command.wrapper; sys.exit('shuttle.observe.service' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=GUARD).returncode == 0


@pytest.mark.parametrize(
    ("watchdog", "period"),
    [
        ({"WATCHDOG_USEC": "2000000"}, 1.0),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}, 1.0),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}, None),  # somebody else is watched
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "9" * 5000}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_told_at_half_of_its_time(err: Err, watchdog: dict[str, str], period: float | None) -> None:
    assert take(err, NOTIFY_SOCKET="/nowhere", **watchdog).period == period


async def receive_beside(service: Service, manager: socket.socket, count: int) -> list[bytes]:
    """Return the next datagrams while the service runs."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(service.run)
        heard = [await anyio.to_thread.run_sync(manager.recv, 99) for _ in range(count)]
        tasks.cancel_scope.cancel()
    return heard


def test_the_watchdog_hears_again_and_again(tmp_path: Path, err: Err) -> None:
    address = f"{tmp_path}/notify"
    with listening(address) as manager:
        service = take(err, NOTIFY_SOCKET=address, WATCHDOG_USEC="20000")
        assert anyio.run(receive_beside, service, manager, 3) == [b"WATCHDOG=1"] * 3


def test_without_a_watchdog_nothing_wakes_it(tmp_path: Path, err: Err) -> None:
    address = f"{tmp_path}/notify"
    with listening(address) as manager:
        service = take(err, NOTIFY_SOCKET=address)
        service.tell("READY=1")
        anyio.run(service.run)  # returns
        assert manager.recv(99) == b"READY=1"


def test_a_full_socket_holds_up_nothing_and_gets_it_later(tmp_path: Path, err: Err) -> None:
    address = f"{tmp_path}/notify"
    with listening(address) as manager, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        filled = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                other.sendto(b"x", address)
                filled += 1
        service = take(err, NOTIFY_SOCKET=address)
        service.tell("READY=1")  # returns
        for _ in range(filled):
            manager.recv(99)
        assert anyio.run(receive_beside, service, manager, 1) == [b"READY=1"]
    assert err.lines == []


@pytest.mark.parametrize("address", ["/nowhere/notify", "vsock:2:1234", "relative", "/" + "x" * 200, "@nobody-listens"])
def test_a_manager_that_cannot_be_told_makes_one_warning(err: Err, address: str) -> None:
    service = take(err, NOTIFY_SOCKET=address)
    service.tell("READY=1")
    service.tell("STOPPING=1")
    assert err.names == ["service.untold"]
