"""log-shuttle's own log: structlog, one logfmt line an event, to stderr or syslog.

The package is a library too: structlog's configuration and logging's are the host's, and neither is read or changed.
"""

import logging
from typing import Protocol

import structlog
from structlog.typing import EventDict, Processor

from shuttle.core.escape import escape
from shuttle.observe.line_writer import LineWriter

APP = "log-shuttle"
VALUE_LIMIT = 1024  # characters; a drain's answer must not push the keys behind it out of the line
DIGITS = 3  # of a float: seconds to the millisecond, the most that a reader of a log compares
_FIRST = ("ts", "app", "level", "at")


class Logger(Protocol):
    """What takes the events of a shuttle: a constant name each, its data as keys. structlog's loggers are such."""

    def debug(self, event: str, /, **data: object) -> object:
        """Log what helps to find a fault, such as each attempt."""

    def info(self, event: str, /, **data: object) -> object:
        """Log what an operator wants to know."""

    def warning(self, event: str, /, **data: object) -> object:
        """Log what may cost lines, or already did."""

    def error(self, event: str, /, **data: object) -> object:
        """Log what only an operator can put right."""


class _Silent:
    def debug(self, event: str, /, **data: object) -> None:
        pass

    info = warning = error = debug


SILENT: Logger = _Silent()
"""Takes every event and does nothing: the library's default."""


def make_logger(*, verbose: bool, to_syslog: bool, writer: LineWriter) -> Logger:
    """Return a logger of logfmt lines, from info up, or from debug up when `verbose`.

    A line begins with `ts= app= level= at=`, where `at` is the event; its data follow in the order given. With
    `to_syslog` lines go to the local syslog instead of `writer`, without the `ts` that syslog adds itself. Logging
    raises nothing, whatever becomes of the line.
    """
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.EventRenamer("at"),
        _show,
        structlog.processors.LogfmtRenderer(key_order=_FIRST, drop_missing=True, bool_as_flag=False),
    ]
    if not to_syslog:  # the format and not "iso", which leaves out microseconds that are 0
        processors.insert(0, structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%S.%fZ", key="ts"))
    logger: Logger = structlog.wrap_logger(
        _SyslogSink() if to_syslog else _WriterSink(writer),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        context_class=dict,
        cache_logger_on_first_use=True,
        app=APP,
    ).bind()
    return logger


def _show(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Make each value one that renders on one line: None, a truth value, a number or printable text."""
    return {key: _plain(value) for key, value in event.items()}


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, DIGITS)
    text = str(value)
    if isinstance(value, BaseException) and not text:  # httpx's time-outs say nothing but their name
        text = type(value).__name__
    shown = escape(text[: VALUE_LIMIT + 1])
    return shown if len(shown) <= VALUE_LIMIT else shown[:VALUE_LIMIT] + "..."


class _WriterSink:
    """What structlog hands a rendered line to, by the name of its level."""

    def __init__(self, writer: LineWriter) -> None:
        self.debug = self.info = self.warning = self.error = writer.write


class _SyslogSink:
    def __init__(self) -> None:
        import syslog  # noqa: PLC0415  # opens a connection to the local syslog, which few ask for

        syslog.openlog(APP, syslog.LOG_PID, syslog.LOG_SYSLOG)  # Go's facility
        self._send = syslog.syslog
        self._debug, self._info = syslog.LOG_DEBUG, syslog.LOG_INFO
        self._warning, self._error = syslog.LOG_WARNING, syslog.LOG_ERR

    def debug(self, line: str) -> None:
        self._send(self._debug, line)

    def info(self, line: str) -> None:
        self._send(self._info, line)

    def warning(self, line: str) -> None:
        self._send(self._warning, line)

    def error(self, line: str) -> None:
        self._send(self._error, line)
