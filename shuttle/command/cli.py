"""The command `log-shuttle`: what it answers, runs and refuses, and with which exit code."""

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence

from shuttle import __version__
from shuttle.command.flags import Value, parse_flags
from shuttle.command.options import FLAGS, format_usage
from shuttle.command.settings import find_given, find_ineffective, find_warnings, make_config, name_giver
from shuttle.config import Config
from shuttle.errors import ConfigError, UsageError

EXIT_CONFIG = 1
EXIT_USAGE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with the arguments `argv`, the process's own by default, and return its exit code."""
    stdin_closed = fill_closed_descriptors()
    try:
        flags = parse_flags(sys.argv[1:] if argv is None else argv, FLAGS)
        if answer := _answer(flags):
            _write(1, answer)
            return 0
        return _run(flags, stdin_closed=stdin_closed)
    except UsageError as error:
        _say(f"{error} (log-shuttle -h lists the flags)")
        return EXIT_USAGE
    except ConfigError as error:
        _say(str(error))
        return EXIT_CONFIG


def fill_closed_descriptors() -> bool:
    """Open /dev/null for each of stdin, stdout and stderr that is closed, and return whether stdin was.

    Otherwise the next file or socket would take the number, and be written to as stdout or stderr.
    """
    closed = []
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
            closed.append(descriptor)
    return 0 in closed


def _run(flags: Mapping[str, Value], *, stdin_closed: bool) -> int:
    for warning in find_warnings(flags, os.environ):
        _say(f"warning: {warning}")
    given = find_given(flags, os.environ)
    try:
        config = make_config(given)
        for warning in find_ineffective(given, config):
            _say(f"warning: {warning}")
        return _forward(config, stdin_closed=stdin_closed)
    except ConfigError as error:
        raise ConfigError(name_giver(str(error), given)) from None


def _forward(config: Config, *, stdin_closed: bool) -> int:
    if stdin_closed and not config.file:
        raise ConfigError("stdin is closed: must be a pipe or a file, as in app | log-shuttle -logs-url URL")
    from shuttle.command.agent import run  # noqa: PLC0415  # -h and errors need not wait for it

    return run(config)


def _answer(flags: Mapping[str, Value]) -> str:
    """Return what a question such as `-h` asks for; nothing if there is none."""
    if flags.get("h"):
        return format_usage()
    return f"log-shuttle {__version__}\n" if flags.get("version") else ""


def _say(text: str) -> None:
    """Write one line on stderr, what is not printable escaped: a variable's name may hold anything."""
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    _write(2, f"log-shuttle: {shown}\n")


def _write(descriptor: int, text: str) -> None:
    """Write `text`; who has closed the descriptor, or filled its disk, does not get it."""
    rest = text.encode()
    with contextlib.suppress(OSError):
        while rest:
            rest = rest[os.write(descriptor, rest) :]
