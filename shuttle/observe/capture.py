"""Turns output of the process itself into log lines: logs of libraries, warnings, and a crash.

All of it may quote what strangers wrote, credentials among it, and would wait for a stderr that nobody reads.
"""

import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import TYPE_CHECKING

from shuttle.core.escape import escape
from shuttle.core.mask import Mask
from shuttle.observe.log import Logger, Writer

if TYPE_CHECKING:
    from sys import UnraisableHookArgs
    from threading import ExceptHookArgs

_Crash = tuple[type[BaseException], BaseException | None, TracebackType | None]


def capture(log: Logger, *, mask: Mask, writer: Writer) -> None:
    """Take over, for this process, what libraries log from warnings up, Python's warnings, and uncaught exceptions.

    A traceback goes to `writer` line by line.
    """

    def write(title: str, crash: _Crash) -> None:
        text = title + "".join(traceback.format_exception(*crash))
        for line in mask(text).splitlines():  # masked as a whole: a credential may have lines, too
            writer.write(escape(line))

    def write_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        write("", (kind, error, trace))

    def write_crash_of_thread(crash: "ExceptHookArgs") -> None:
        if crash.exc_type is not SystemExit:  # it ends a thread, and nothing is wrong
            write("a thread ended\n", (crash.exc_type, crash.exc_value, crash.exc_traceback))

    def write_ignored(ignored: "UnraisableHookArgs") -> None:
        write(f"ignored in {ignored.object!r}\n", (ignored.exc_type, ignored.exc_value, ignored.exc_traceback))

    sys.excepthook = write_crash
    sys.unraisablehook = write_ignored
    threading.excepthook = write_crash_of_thread
    logging.getLogger().addHandler(_Handler(log))
    logging.captureWarnings(capture=True)


class _Handler(logging.Handler):
    def __init__(self, log: Logger) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Log `record`, with its exception but for the traceback."""
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001  # the arguments are not those of the message, or cannot be shown
            text = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        say = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        error = record.exc_info[1] if record.exc_info else None
        say("library", name=record.name, message=text.rstrip(), **({"error": repr(error)} if error else {}))
