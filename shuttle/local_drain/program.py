"""The command `log-shuttle-drain`: argv to a LocalDrain, its exchanges to lines, signals to its end."""

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from shuttle.command.flags import Flag, format_help, parse_flags
from shuttle.errors import ConfigError, UsageError
from shuttle.local_drain.behaviour import Options
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
            help="Port on 127.0.0.1; 0: any free one.",
            default=str(DEFAULT_PORT),
        ),
        Flag(name="cert", kind="path", help="PEM certificate: speak HTTPS."),
        Flag(name="key", kind="path", help="Its key, if it is not in the file of -cert."),
        Flag(name="quiet", kind="bool", help="Do not print the messages."),
        Flag(name="h", kind="bool", help="Print this and exit.", final=True),
    ),
    "Accepting": (
        Flag(
            name="auth",
            kind="string",
            metavar="USER:PASSWORD",
            help="Let in this user; by default, anyone.",
            secret=True,
        ),
        Flag(name="bearer", kind="string", metavar="TOKEN", help="Let in this bearer token.", secret=True),
        Flag(name="max-body", kind="size", help="Answer 413 to a larger body.", default="500 over 8 MB, as logplex"),
    ),
    "Misbehaving": (
        Flag(name="status", kind="int", help="Answer this status, 300 to 599, and take nothing."),
        Flag(name="retry-after", kind="int", metavar="SECONDS", help="Add Retry-After to the answer of -status."),
        Flag(name="delay", kind="duration", help="Wait before every answer."),
        Flag(name="close", kind="bool", help="Read the request, then close the connection without an answer."),
        Flag(name="reset", kind="bool", help="The same with a TCP reset."),
        Flag(name="times", kind="int", help="Misbehave in the first N requests alone.", default="0: in all"),
    ),
}
_INTRODUCTION = f"""\
usage: {NAME} [flags]

A local drain to see log-shuttle work: it checks each request as logplex does, prints the messages on stdout and what
it refuses on stderr.

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
        if values.pop("h", False):
            _write(sys.stdout, _INTRODUCTION + format_help(_FLAGS) + "\n")
            return 0
        quiet = values.pop("quiet", False)
        settings = {flag.keyword: values[flag.name] for flag in flags if flag.name in values}
        _serve(Options(**{"port": DEFAULT_PORT} | settings), None if quiet else sys.stdout)
    except ConfigError as error:
        _write(sys.stderr, f"{NAME}: {error}\n")
        return 2 if isinstance(error, UsageError) else 1
    return 0


def _serve(options: Options, stdout: TextIO | None) -> None:
    """Run a drain until a signal. They are blocked and waited for, so that none comes at a wrong moment."""

    def show(exchange: Exchange) -> None:
        note = f"{NAME}: {_describe(exchange)}\n" if exchange.reason else ""
        lines = "".join(f"{format_frame(frame)}\n" for frame in exchange.frames) if stdout else ""
        _write(sys.stderr, note)
        if not _write(stdout, lines):
            os.kill(os.getpid(), signal.SIGTERM)  # nobody is reading: the end, as if it had been told

    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        with LocalDrain(options, show) as drain:
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
