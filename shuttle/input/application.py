"""The application: a program that log-shuttle starts, whose output it reads.

Strategy: the application keeps stdin, the environment and the terminal, and gets pipes for its stdout and stderr.

On a terminal it shares log-shuttle's process group. So the terminal sends Ctrl-C and Ctrl-Z to both, and the
application can ask for a password. Elsewhere it gets its own process group. A signal to a whole group then reaches
only log-shuttle, which passes it on: the application gets it once.
"""

import contextlib
import errno
import functools
import os
import shutil
import signal
from collections.abc import Sequence
from typing import Any

from shuttle.errors import ApplicationError, quote
from shuttle.input.interpreter import find_missing_interpreter

NOT_FOUND = 127
NOT_STARTED = 126
_SHELL = "/bin/sh"
KILLED = 128  # and the signal's number
# Python ignores these from its start on, and what is ignored stays so in a program that is started.
_IGNORED_BY_PYTHON = tuple(getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ") if hasattr(signal, name))


class Application:
    """A program that was started. `output` is the descriptor of its stdout, and of its stderr unless that is apart."""

    def __init__(self, pid: int, *, output: int, errors: int | None, grouped: bool) -> None:
        self.output = output
        self.errors = errors
        """The descriptor of stderr, if that is apart."""
        self.grouped = grouped
        """It shares the process group: what a terminal sends, it has already."""
        self.code: int | None = None
        """What a shell would call its exit code, once it has ended."""
        self._pid = pid

    def signal(self, number: signal.Signals) -> None:
        """Pass a signal on. One that has ended does not get it."""
        if self.code is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # it has become another user's
                os.kill(self._pid, number)

    def reap(self, *, orphans: bool) -> None:
        """Note whether it has ended; with `orphans` let go of other processes that have, as process 1 must."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1 if orphans else self._pid, os.WNOHANG)
                if pid == self._pid:
                    code = os.waitstatus_to_exitcode(status)
                    self.code = code if code >= 0 else KILLED - code
                if pid == 0 or not orphans:
                    return

    def close(self) -> None:
        """Stop reading its output."""
        os.close(self.output)
        if self.errors is not None:
            os.close(self.errors)


def start(command: Sequence[str], *, split_errors: bool) -> Application:
    """Start `command`, a program that is looked up in PATH and its arguments.

    Raises:
        ApplicationError: It cannot be started; it has the exit code that shells use.
    """
    output, output_end = os.pipe()
    errors, errors_end = os.pipe() if split_errors else (None, output_end)
    spawn = functools.partial(
        _spawn,
        command,
        file_actions=[(os.POSIX_SPAWN_DUP2, output_end, 1), (os.POSIX_SPAWN_DUP2, errors_end, 2)],
        setsigmask=(),
        setsigdef=_IGNORED_BY_PYTHON,
    )
    grouped = _has_terminal()
    try:
        pid = spawn() if grouped else spawn(setpgroup=0)
    except (OSError, ValueError) as error:  # ValueError: a NUL in it
        os.close(output)
        if errors is not None:
            os.close(errors)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if missing := find_missing_interpreter(shutil.which(command[0]) or command[0]):
            reason = f"its interpreter {quote(missing)} is missing, or not a program"
        code = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_STARTED
        raise ApplicationError(f"{command[0]!r} cannot be started: {reason}", code) from None
    finally:
        for end in {output_end, errors_end}:
            os.close(end)
    return Application(pid, output=output, errors=errors, grouped=grouped)


def _spawn(command: Sequence[str], **options: Any) -> int:
    """Start `command` and return its process id; a script whose first line names no interpreter is the shell's."""
    try:
        return os.posix_spawnp(command[0], list(command), os.environ, **options)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        script = shutil.which(command[0]) or command[0]
        return os.posix_spawn(_SHELL, [_SHELL, script, *command[1:]], os.environ, **options)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
