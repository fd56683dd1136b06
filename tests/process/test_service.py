"""log-shuttle as a service of systemd: what it tells on a real socket, and what the application gets to see."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shuttle.local_drain import Behaviour, LocalDrain
from tests.helpers.process import LONGEST, run, start

pytestmark = pytest.mark.process


class Manager:
    """A service manager's socket."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.environ = {"NOTIFY_SOCKET": os.fspath(listener.getsockname())}

    def hear(self) -> str:
        return self._listener.recv(99).decode()

    def hear_rest(self) -> list[str]:
        """Return what was told and not heard yet."""
        self._listener.setblocking(False)
        heard = []
        try:
            while True:
                heard.append(self.hear())
        except BlockingIOError:
            return heard


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with manage(tmp_path / "notify") as manager:
        yield manager


@contextmanager
def manage(path: Path) -> Iterator[Manager]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(LONGEST)
        listener.bind(os.fspath(path))
        yield Manager(listener)


def test_a_service_that_reads_stdin_tells_that_it_is_up_and_that_it_stops(manager: Manager) -> None:
    with LocalDrain() as drain, start("-logs-url", drain.url, environ=manager.environ) as agent:
        assert manager.hear() == "READY=1"
        agent.signal(signal.SIGTERM)
        assert manager.hear() == "STOPPING=1"
        assert agent.finish(b"line\n").code == 0
    assert drain.messages == [b"line\n"]


def test_a_service_that_follows_files_tells_it_too(manager: Manager, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_bytes(b"line\n")
    flags = ("-file", f"{tmp_path}/app.log", "-from", "beginning")
    with LocalDrain() as drain, start("-logs-url", drain.url, *flags, environ=manager.environ) as agent:
        assert manager.hear() == "READY=1"
        agent.signal(signal.SIGTERM)
        assert manager.hear() == "STOPPING=1"
        assert agent.finish().code == 0


def test_a_wrapped_application_is_asked_first_and_the_landing_is_the_end(manager: Manager) -> None:
    script = "trap 'echo asked; exit 3' TERM; echo up; while :; do sleep 0.05; done"
    wrapped = ("-tee", "--", "sh", "-c", script)
    with LocalDrain() as drain, start("-logs-url", drain.url, *wrapped, environ=manager.environ) as agent:
        assert manager.hear() == "READY=1"
        assert agent.process.stdout
        assert agent.process.stdout.readline() == b"up\n"  # its trap is set
        agent.signal(signal.SIGTERM)
        assert manager.hear() == "STOPPING=1"
        assert agent.finish().code == 3
    assert drain.messages == [b"up\n", b"asked\n"]


def test_an_application_does_not_get_to_speak_for_the_service(manager: Manager) -> None:
    environ = manager.environ | {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}
    script = "echo ${NOTIFY_SOCKET-none} ${WATCHDOG_USEC-none} ${WATCHDOG_PID-none}"
    with LocalDrain() as drain:
        assert run("-logs-url", drain.url, "--", "sh", "-c", script, environ=environ).code == 0
    assert drain.messages == [b"none none none\n"]


def test_a_landing_without_a_limit_is_not_called_stopping(manager: Manager) -> None:
    """systemd would send no signal any more, and kill the landing after TimeoutStopSec."""
    with LocalDrain() as drain:
        assert run("-logs-url", drain.url, data=b"line\n", environ=manager.environ).code == 0
    assert manager.hear_rest() == ["READY=1"]


def test_the_watchdog_is_fed_while_it_lands(manager: Manager) -> None:
    environ = manager.environ | {"WATCHDOG_USEC": "20000"}
    with (
        LocalDrain(behaviour=Behaviour(status=503)) as drain,
        start("-logs-url", drain.url, environ=environ) as agent,
    ):
        assert manager.hear() == "READY=1"
        agent.stdin.write(b"line\n")
        agent.stdin.close()
        agent.signal(signal.SIGTERM)
        while manager.hear() != "STOPPING=1":
            pass
        assert [manager.hear() for _ in range(3)] == ["WATCHDOG=1"] * 3


@pytest.mark.parametrize("command", [(), ("--", "no-such-program")])
def test_what_cannot_start_is_not_called_ready(manager: Manager, command: tuple[str, ...], tmp_path: Path) -> None:
    flags = () if command else ("-spool", "/proc/spool")
    ended = run("-logs-url", "http://127.0.0.1:9/", *flags, *command, environ=manager.environ)
    assert ended.code in {1, 127}
    assert manager.hear_rest() == []


def test_a_manager_that_is_gone_costs_a_warning_and_no_line(tmp_path: Path) -> None:
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, data=b"line\n", environ={"NOTIFY_SOCKET": f"{tmp_path}/notify"})
    assert ended.code == 0
    assert len(ended.named("service.untold")) == 1
    assert drain.messages == [b"line\n"]
