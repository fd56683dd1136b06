"""The real command as a process, and a source that writes numbered lines to it at a steady rate."""

import atexit
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

LONGEST = 60.0  # seconds; a guard against hanging, and no measure
COMMAND = (sys.executable, "-m", "shuttle")
Stream = int | IO[bytes]
_COUNTS = re.compile(
    r"at=ledger read=(\d+) delivered=(\d+) dropped=(\d+) lost=(\d+) held=(\d+)(?: spooled=(\d+))?(?: missed=(\d+))?$",
    re.MULTILINE,
)
_TICK = 0.01  # seconds; how evenly a source writes


def clean_environ() -> dict[str, str]:
    """Return this process's environment without what would reach into the command: settings, drains and proxies."""
    foreign = re.compile(r"LOG_SHUTTLE_.*|LOGS_URL|LOGPLEX_URL|.*_proxy", re.IGNORECASE)
    return {name: value for name, value in os.environ.items() if not foreign.fullmatch(name)}


@dataclass(frozen=True, slots=True)
class Ledger:
    read: int
    delivered: int
    dropped: int
    lost: int
    held: int
    spooled: int = 0
    missed: int = 0

    @property
    def balanced(self) -> bool:
        return self.read == self.delivered + self.dropped + self.lost + self.held


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def ledger(self) -> Ledger:
        found = _COUNTS.findall(self.err)
        assert len(found) == 1, self.err
        return Ledger(*(int(count or 0) for count in found[0]))

    def named(self, event: str) -> list[str]:
        """Return the lines of its log that tell of `event`."""
        return [line for line in self.err.splitlines() if f" at={event} " in line]


class Agent:
    """A running log-shuttle. Its stderr is read all the time, unless it goes elsewhere."""

    def __init__(
        self,
        *flags: str,
        stdin: Stream = subprocess.PIPE,
        stdout: Stream = subprocess.PIPE,
        stderr: Stream = subprocess.PIPE,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        command = [*COMMAND, *flags]
        env = clean_environ() | dict(environ or {})
        self.process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, env=env)
        self.err: list[str] = []
        self._said = threading.Condition()
        self._ears = threading.Thread(target=self._listen)
        self._ears.start()

    @property
    def stdin(self) -> IO[bytes]:
        assert self.process.stdin
        return self.process.stdin

    def _listen(self) -> None:
        for line in self.process.stderr or ():
            with self._said:
                self.err.append(line.decode())
                self._said.notify_all()

    def hear(self, text: str) -> None:
        """Wait until it has said `text` on stderr."""
        with self._said:
            assert self._said.wait_for(lambda: any(text in line for line in self.err), LONGEST), self.err

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def read_peak(self) -> int:
        """Return the most memory that it has had so far, in bytes; getrusage() would count what it was forked from."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def finish(self, data: bytes | None = None) -> Ended:
        """Write `data`, if any, close stdin and wait for the end."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.write(data or b"")
            self.process.stdin.close()
        out = self.process.stdout.read() if self.process.stdout else b""
        code = self.process.wait(LONGEST)
        self._ears.join(LONGEST)
        return Ended(code, out.decode(), "".join(self.err))


@contextmanager
def start(*flags: str, **settings: Any) -> Iterator[Agent]:
    """Start the command, and kill it at the end if it still runs."""
    agent = Agent(*flags, **settings)
    with agent.process:  # which waits for the end
        try:
            yield agent
        finally:
            agent.process.kill()


def run(*flags: str, data: bytes = b"", **settings: Any) -> Ended:
    """Run the command with `data` on stdin to its end."""
    with start(*flags, **settings) as agent:
        return agent.finish(data)


def find_closed_port() -> int:
    """Return a port where nobody listens. Until this process ends it is given to nobody who asks for any port.

    A server that asks for it by its number gets it: both sockets have SO_REUSEADDR, and this one does not listen.
    """
    holder = socket.socket()
    atexit.register(holder.close)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port: int = holder.getsockname()[1]
    return port


def make_lines(count: int) -> list[bytes]:
    return [b"line %07d\n" % number for number in range(count)]


class Source(threading.Thread):
    """Writes numbered lines at `rate` a second, until `stop_after` is over; then it closes the pipe."""

    def __init__(self, pipe: IO[bytes], rate: int) -> None:
        super().__init__()
        self.lines: list[bytes] = []
        self._pipe = pipe
        self._rate = rate
        self._until = float("inf")
        self.start()

    def stop_after(self, seconds: float) -> None:
        """Go on for `seconds`, as an application does that is told to stop."""
        self._until = time.monotonic() + seconds

    def finish(self) -> list[bytes]:
        """Wait for the end and return the lines written."""
        self.join(LONGEST)
        return self.lines

    def run(self) -> None:
        begun = time.monotonic()
        with self._pipe:
            while (now := time.monotonic()) < self._until:
                due = int((now - begun) * self._rate)
                lines = [b"line %07d\n" % number for number in range(len(self.lines), due)]
                self._pipe.write(b"".join(lines))
                self._pipe.flush()
                self.lines += lines
                time.sleep(_TICK)  # its pace: that of an application
