"""The processes of a run: a drain, an agent and its writer. Each ends with its block."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from bench.program import ENVIRONMENT, ROOT, Program
from bench.tally import Tally

GUARD = 60.0  # seconds; what does not happen within them does not happen
REFUSED = 2  # exit code of a program that does not know a flag


class RunError(Exception):
    """A run did not go as it should."""


class RefusalError(RunError):
    """The program does not take the flags of the scenario."""


class _Process:
    """A process that is killed where its block ends."""

    def __init__(self, command: list[str], directory: Path | None = None, **streams: int | IO[bytes]) -> None:
        environment = {**ENVIRONMENT, "TMPDIR": str(directory)} if directory else ENVIRONMENT
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, **streams)  # type: ignore[call-overload]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def _read_line(self, timeout: float) -> bytes:
        """Return the next line of its stdout, nothing if it ended.

        Raises:
            RunError: None came in time.
        """
        stdout: IO[bytes] = self._process.stdout
        if not select.select([stdout], [], [], timeout)[0]:
            raise RunError(f"nothing happened for {timeout:.0f} s")
        return stdout.readline()


class Drain(_Process):
    """The drain of bench/drain.py."""

    def __init__(
        self, *, line_bytes: int, certificate: Path | None = None, keep: Path | None = None, hang: bool = False
    ) -> None:
        command = [sys.executable, "-m", "bench.drain", "--line-bytes", str(line_bytes)]
        command += ["--cert", str(certificate)] if certificate else []
        command += ["--keep", str(keep)] if keep else []
        command += ["--hang"] if hang else []
        super().__init__(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        port = int(self._read_line(GUARD))
        self.url = f"{'https' if certificate else 'http'}://token:x@127.0.0.1:{port}/"

    def read(self, *, lines: int = 0) -> Tally:
        """Return what it counted, as soon as `lines` lines have arrived."""
        self._process.stdin.write(b"%d\n" % lines)
        self._process.stdin.flush()
        return Tally(**json.loads(self._read_line(GUARD)))


class Feed(_Process):
    """A process whose output an agent reads. All programs read the same pipe, as they do behind an application."""

    def __init__(self, command: list[str]) -> None:
        super().__init__(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.output: IO[bytes] = self._process.stdout

    def go(self) -> None:
        """Let a paced one begin."""
        self._process.stdin.close()

    def wait(self, timeout: float) -> None:
        """Wait until everything has been read, except what fits the pipe."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise RunError("it does not read on") from None


@dataclass(frozen=True, slots=True)
class Usage:
    """What an agent used, from its start to its end."""

    code: int
    ended_ns: int
    cpu: float
    rss: int
    """Bytes, at their peak."""


class Agent(_Process):
    """A program under measurement, started by bench/launch.py."""

    def __init__(self, program: Program, flags: list[str], stdin: int | IO[bytes], errors: Path) -> None:
        self._errors = errors
        launch = str(ROOT / "bench" / "launch.py")
        with errors.open("wb") as stderr:
            super().__init__(
                [sys.executable, "-I", "-S", launch, *program.command, *flags],
                errors.parent,  # for what it leaves behind
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        self._running = False
        first = self._read_line(GUARD).split()
        if not first:
            raise RunError(self._read_error())
        self.pid, self.started_ns = map(int, first)
        self._running = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._running:
            self.kill()
        super().__exit__(kind, error, traceback)

    def write(self, data: bytes) -> None:
        """Write to its stdin, if that is a pipe of its own."""
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has ended, and nobody has noticed yet
            os.kill(self.pid, signal.SIGKILL)

    def is_running_after(self, seconds: float) -> bool:
        return not select.select([self._process.stdout], [], [], seconds)[0]

    def wait(self, timeout: float) -> Usage:
        """Return what it used, as soon as it has ended.

        Raises:
            RefusalError: It did not know a flag.
            RunError: It did not end.
        """
        code, ended, user, system, rss = self._read_line(timeout).split()
        self._running = False
        if int(code) == REFUSED:
            raise RefusalError(self._read_error())
        return Usage(int(code), int(ended), float(user) + float(system), int(rss) * 1024)

    def _read_error(self) -> str:
        """Return the last line that it wrote to stderr."""
        lines = self._errors.read_text("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"
