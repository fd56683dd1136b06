"""The command `log-shuttle`: parses the command line, runs what it asks for, and chooses the exit code."""

import os
import select
import sys
from collections.abc import Mapping, Sequence

from shuttle import __version__
from shuttle.command.flags import CommandLine, Value, parse_command_line
from shuttle.command.options import FLAGS, format_usage
from shuttle.command.settings import find_check, find_given, find_ineffective, find_warnings, make_config, name_giver
from shuttle.config import Config
from shuttle.core.escape import escape
from shuttle.core.mask import Mask
from shuttle.errors import ApplicationError, ConfigError, UsageError
from shuttle.observe.credentials import find_given_credentials
from shuttle.observe.line_writer import LineWriter

_SECRET = [flag.name for flag in FLAGS if flag.secret]
EXIT_CONFIG = 1
EXIT_USAGE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with the arguments `argv`, the process's own by default, and return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    stdin_closed = fill_closed_descriptors()
    try:
        line = parse_command_line(argv, FLAGS)
        if answer := _answer(line.flags):
            return _print(answer, argv)
        if extent := find_check(line.flags, os.environ):
            return _check(line, argv, str(extent))
        return _run(line, argv, stdin_closed=stdin_closed)
    except UsageError as error:
        _say(f"{error} (log-shuttle -h lists the flags)", argv)
        return EXIT_USAGE
    except ConfigError as error:
        _say(str(error), argv)
        return EXIT_CONFIG
    except ApplicationError as error:
        _say(str(error), argv)
        return error.code


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


def _run(line: CommandLine, argv: Sequence[str], *, stdin_closed: bool) -> int:
    if line.wraps and not line.command:
        raise UsageError("-- has no application behind it: must be log-shuttle [flags] -- app args")
    for warning in find_warnings(line.flags, os.environ):
        _say(f"warning: {warning}", argv)
    given = find_given(line.flags, os.environ)
    try:
        config = make_config(given)
        for warning in find_ineffective(given, config, wraps=bool(line.command)):
            _say(f"warning: {warning}", argv)
        return _forward(config, line.command, stdin_closed=stdin_closed)
    except ConfigError as error:
        raise ConfigError(name_giver(str(error), given)) from None


def _forward(config: Config, command: tuple[str, ...], *, stdin_closed: bool) -> int:
    if command:
        from shuttle.command.wrapper import wrap  # noqa: PLC0415  # a pipe need not wait for it

        return wrap(config, command)
    if stdin_closed and not config.file:
        raise ConfigError("stdin is closed: must be a pipe or a file, as in app | log-shuttle -logs-url URL")
    from shuttle.command.agent import run  # noqa: PLC0415  # -h and errors need not wait for it

    return run(config)


def _check(line: CommandLine, argv: Sequence[str], extent: str) -> int:
    from shuttle.command.check.checklist import run_checks  # noqa: PLC0415  # nothing else needs it

    stdout = _Stdout()
    code = run_checks(line, os.environ, extent, mask=_make_mask(argv), write=stdout.write)
    stdout.tell(argv)
    return code


def _print(answer: str, argv: Sequence[str]) -> int:
    stdout = _Stdout()
    stdout.write(answer)
    return EXIT_CONFIG if stdout.tell(argv) else 0


def _answer(flags: Mapping[str, Value]) -> str:
    """Return the answer to a flag such as `-h`; None if there is no such flag."""
    if flags.get("h"):
        return format_usage()
    return f"log-shuttle {__version__}\n" if flags.get("version") else ""


def _say(text: str, argv: Sequence[str]) -> None:
    """Write one line on stderr, without credentials; even a variable's name may hold one."""
    LineWriter(2).write(f"log-shuttle: {escape(_make_mask(argv)(text))}")


def _make_mask(argv: Sequence[str]) -> Mask:
    return Mask(find_given_credentials(_SECRET, argv, os.environ))


class _Stdout:
    """stdout, for what somebody has asked for. A reader who has seen enough may close it."""

    def __init__(self) -> None:
        self._error: OSError | None = None

    def write(self, text: str) -> None:
        """Write `text`, unless something could not be written before."""
        rest = text.encode()
        try:
            while rest and not self._error:
                try:
                    rest = rest[os.write(1, rest) :]
                except BlockingIOError:  # another process has made the shared descriptor non-blocking
                    select.select([], [1], [])
        except OSError as error:
            self._error = error

    def tell(self, argv: Sequence[str]) -> bool:
        """Say on stderr what could not be written and why, and return whether there is such a thing."""
        if self._error is None or isinstance(self._error, BrokenPipeError):
            return False
        _say(f"stdout: {self._error.strerror}", argv)
        return True
