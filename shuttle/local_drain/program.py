"""The command `log-shuttle-drain`: argv to a LocalDrain, its exchanges to lines, signals to its end."""

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from shuttle import __version__
from shuttle.command.flags import Flag, format_help, parse_flags
from shuttle.errors import ConfigError, UsageError
from shuttle.local_drain.behaviour import Behaviour
from shuttle.local_drain.page.drain_site import DrainSite
from shuttle.local_drain.printer import Printer, Ration
from shuttle.local_drain.receiver import Exchange, LocalDrain
from shuttle.local_drain.syslog import format_frame, show
from shuttle.observe.line_writer import LineWriter

NAME = "log-shuttle-drain"
DEFAULT_PORT = 9080

_GROUPS = {
    "Listening": (
        Flag(
            name="port",
            kind="int",
            metavar="PORT",
            help="port on 127.0.0.1; 0: any free one",
            default=str(DEFAULT_PORT),
        ),
        Flag(name="cert", kind="path", help="PEM certificate: speak HTTPS"),
        Flag(name="key", kind="path", help="its private key, if it stands in a file of its own"),
    ),
    "Accepting": (
        Flag(
            name="auth",
            kind="string",
            metavar="USER:PASSWORD",
            help="let this user in; by default, anyone",
            secret=True,
        ),
        Flag(name="bearer", kind="string", metavar="TOKEN", help="let this bearer token in", secret=True),
        Flag(name="max-body", kind="size", help="answer 413 to a larger body (logplex: 500 above 8 MB)"),
    ),
    "Simulating failures": (
        Flag(name="status", kind="int", metavar="300..599", help="answer this status and take nothing"),
        Flag(name="retry-after", kind="int", metavar="SECONDS", help="add Retry-After to the answer of -status"),
        Flag(name="delay", kind="duration", help="wait before every answer"),
        Flag(name="close", kind="bool", help="read the request, then close the connection without an answer"),
        Flag(name="reset", kind="bool", help="the same with a TCP reset"),
        Flag(name="times", kind="int", help="simulate failures only in the first N requests; 0: in all"),
    ),
    "Others": (
        Flag(name="quiet", kind="bool", help="do not print the messages"),
        Flag(name="h", kind="bool", help="print this and exit", aliases=("help",), final=True),
        Flag(name="version", kind="bool", help="print the version and exit", aliases=("V",), final=True),
    ),
}
FLAGS = tuple(flag for group in _GROUPS.values() for flag in group)
_INTRODUCTION = f"""\
usage: {NAME} [flags]

A local drain to see log-shuttle work: it checks each request as logplex does, prints the messages on
stdout and what it refuses on stderr. A browser shows them too, with charts, at the drain's own address;
Prometheus finds the numbers at /metrics.

    {NAME} &
    echo Hello World | log-shuttle -logs-url http://token:x@127.0.0.1:{DEFAULT_PORT}/

"""
_STOPPING = {signal.SIGINT, signal.SIGTERM}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command until SIGINT or SIGTERM.

    Returns:
        The exit code: 0, 1 if the port or the certificate cannot be used, 2 if a flag cannot be.
    """
    try:
        values: dict[str, Any] = parse_flags(sys.argv[1:] if argv is None else argv, FLAGS)
        if answer := _answer(values):
            return _print(answer)
        quiet = values.pop("quiet", False)
        settings = {flag.keyword: values[flag.name] for flag in FLAGS if flag.name in values}
        _serve(Behaviour(**{"port": DEFAULT_PORT} | settings), None if quiet else sys.stdout)
    except ConfigError as error:
        _say(str(error))
        return 2 if isinstance(error, UsageError) else 1
    return 0


def _print(answer: str) -> int:
    try:
        _write(sys.stdout, answer)
    except OSError as error:
        _say(f"stdout: {error.strerror}")
        return 1
    return 0


def _answer(values: dict[str, Any]) -> str:
    """Return what a question such as `-h` asks for; nothing if there is none."""
    if values.pop("h", False):
        return f"{_INTRODUCTION}{format_help(_GROUPS)}\n"
    return f"{NAME} {__version__}\n" if values.pop("version", False) else ""


def _serve(behaviour: Behaviour, stdout: TextIO | None) -> None:
    """Run a drain until a signal. They are blocked and waited for, so that none comes at a wrong moment."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    display = _Display(stdout, sys.stderr)
    try:
        with LocalDrain(behaviour, display.show, DrainSite()) as drain:
            display.tell(f"listening on {drain.url}")
            display.tell(f"open {drain.url}")
            signal.sigwait(_STOPPING)
        display.close()
        display.tell(str(drain.counts))
    finally:
        display.close()
        while _STOPPING & signal.sigpending():  # told twice; the second must not end it with a status of its own
            signal.sigwait(_STOPPING)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Display:
    """What the drain shows: messages on `stdout`, and all else on `stderr`, if they are there."""

    def __init__(self, stdout: TextIO | None, stderr: TextIO | None) -> None:
        self._printer = Printer(stdout.fileno(), _end) if stdout else None
        self._notes = LineWriter(stderr.fileno(), told=f"{NAME}: {{}} lines were skipped here") if stderr else None
        self._ration = Ration()

    def show(self, exchange: Exchange) -> None:
        """Show what became of a request; of many refusals in one connection, some."""
        if exchange.reason and (untold := self._ration.admit()) is not None:
            more = f" (and {untold} more before it)" if untold else ""
            self.tell(_describe(exchange) + more)
        if self._printer and exchange.frames:
            self._printer.write("".join(f"{format_frame(frame)}\n" for frame in exchange.frames))

    def tell(self, text: str) -> None:
        """Write a line to stderr if that is possible now."""
        if self._notes:
            self._notes.write(f"{NAME}: {text}")

    def close(self) -> None:
        """Return when stdout has all messages, or takes none for a while. A second call does nothing."""
        printer, self._printer = self._printer, None
        if printer:
            printer.close()
            if printer.skipped:
                self.tell(f"the messages of {printer.skipped} requests were skipped: stdout did not take them")


def _end() -> None:
    """End as if it had been told to: nobody is reading any more."""
    os.kill(os.getpid(), signal.SIGTERM)


def _describe(exchange: Exchange) -> str:
    answer = f"answered {exchange.status}: " if exchange.status else ""
    return answer + show(exchange.reason.encode())


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        _write(sys.stderr, f"{NAME}: {text}\n")


def _write(stream: TextIO | None, text: str) -> None:
    """Write to stdout or stderr, if it is open and has a reader.

    Raises:
        OSError: It takes nothing, though it has one.
    """
    if stream is None:
        return
    try:
        stream.buffer.write(text.encode(stream.encoding, "backslashreplace"))
        stream.buffer.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # for what is still buffered
        if not isinstance(error, BrokenPipeError):
            raise
