"""What a process would print by itself, as lines of the log: libraries' own logs, warnings, and a crash.

All of it may quote what strangers wrote, credentials among it, and would wait for a stderr that nobody reads.
"""

import logging
import sys
import traceback
from types import TracebackType

from shuttle.core.escape import escape
from shuttle.core.mask import Mask
from shuttle.observe.log import Logger, Writer


def capture(log: Logger, *, mask: Mask, writer: Writer) -> None:
    """Take over, for this process, what libraries log from warnings up, Python's warnings, and uncaught exceptions.

    A traceback goes to `writer` line by line.
    """

    def write_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        for text in "".join(traceback.format_exception(kind, error, trace)).splitlines():
            writer.write(escape(mask(text)))

    sys.excepthook = write_crash
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
        except (TypeError, ValueError):  # the arguments are not those of the message
            text = str(record.msg)
        say = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        error = record.exc_info[1] if record.exc_info else None
        say("library", name=record.name, message=text.rstrip(), **({"error": repr(error)} if error else {}))
