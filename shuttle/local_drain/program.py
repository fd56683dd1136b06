"""The command `log-shuttle-drain`: argv to a LocalDrain, its exchanges to lines, signals to its end."""

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from shuttle import __version__
from shuttle.command.flags import Flag, format_help, parse_flags
from shuttle.errors import ConfigError, UsageError
from shuttle.local_drain.behaviour import Behaviour
from shuttle.local_drain.receiver import Exchange, LocalDrain
from shuttle.local_drain.syslog import format_frame, show

NAME = "log-shuttle-drain"
DEFAULT_PORT = 9080

_FLAGS = {
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
    "Misbehaving": (
        Flag(name="status", kind="int", metavar="300..599", help="answer this status and take nothing"),
        Flag(name="retry-after", kind="int", metavar="SECONDS", help="add Retry-After to the answer of -status"),
        Flag(name="delay", kind="duration", help="wait before every answer"),
        Flag(name="close", kind="bool", help="read the request, then close the connection without an answer"),
        Flag(name="reset", kind="bool", help="the same with a TCP reset"),
        Flag(name="times", kind="int", help="misbehave in the first N requests alone; 0: in all"),
    ),
    "Others": (
        Flag(name="quiet", kind="bool", help="do not print the messages"),
        Flag(name="h", kind="bool", help="print this and exit", aliases=("help",), final=True),
        Flag(name="version", kind="bool", help="print the version and exit", aliases=("V",), final=True),
    ),
}
_INTRODUCTION = f"""\
usage: {NAME} [flags]

A local drain to see log-shuttle work: it checks each request as logplex does, prints the messages on
stdout and what it refuses on stderr.

    {NAME} &
    echo Hello World | log-shuttle -logs-url http://token:x@127.0.0.1:{DEFAULT_PORT}/

"""
_STOPPING = {signal.SIGINT, signal.SIGTERM}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command until SIGINT or SIGTERM.

    Returns:
        The exit code: 0, 1 if the port or the certificate cannot be used, 2 if a flag cannot be.
    """
    flags = [flag for group in _FLAGS.values() for flag in group]
    try:
        values: dict[str, Any] = parse_flags(sys.argv[1:] if argv is None else argv, flags)
        if answer := _answer(values):
            _write(sys.stdout, answer)
            return 0
        quiet = values.pop("quiet", False)
        settings = {flag.keyword: values[flag.name] for flag in flags if flag.name in values}
        _serve(Behaviour(**{"port": DEFAULT_PORT} | settings), None if quiet else sys.stdout)
    except ConfigError as error:
        _write(sys.stderr, f"{NAME}: {error}\n")
        return 2 if isinstance(error, UsageError) else 1
    return 0


def _answer(values: dict[str, Any]) -> str:
    """Return what a question such as `-h` asks for; nothing if there is none."""
    if values.pop("h", False):
        return f"{_INTRODUCTION}{format_help(_FLAGS)}\n"
    return f"{NAME} {__version__}\n" if values.pop("version", False) else ""


def _serve(behaviour: Behaviour, stdout: TextIO | None) -> None:
    """Run a drain until a signal. They are blocked and waited for, so that none comes at a wrong moment."""

    def show(exchange: Exchange) -> None:
        note = f"{NAME}: {_describe(exchange)}\n" if exchange.reason else ""
        lines = "".join(f"{format_frame(frame)}\n" for frame in exchange.frames) if stdout else ""
        _write(sys.stderr, note)
        if not _write(stdout, lines):
            os.kill(os.getpid(), signal.SIGTERM)  # nobody is reading: the end, as if it had been told

    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        with LocalDrain(behaviour, show) as drain:
            _write(sys.stderr, f"{NAME}: listening on {drain.url}\n")
            signal.sigwait(_STOPPING)
        _write(sys.stderr, f"{NAME}: {drain.counts}\n")
    finally:
        while _STOPPING & signal.sigpending():  # told twice; the second must not end it with a status of its own
            signal.sigwait(_STOPPING)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _describe(exchange: Exchange) -> str:
    answer = f"answered {exchange.status}: " if exchange.status else ""
    return answer + show(exchange.reason.encode())


def _write(stream: TextIO | None, text: str) -> bool:
    """Write to stdout or stderr, if it is open; return False if its reader has gone."""
    if stream is None or not text:
        return True
    try:
        stream.buffer.write(text.encode(stream.encoding, "backslashreplace"))
        stream.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # for what is still buffered
        return False
    return True
