"""log-shuttle's own log: structlog, one line of logfmt or JSON an event, to stderr or syslog.

The package is a library too: structlog's configuration and logging's are the host's, and neither is read or changed.
"""

import logging
from functools import partial
from typing import Protocol

import structlog
from structlog.typing import EventDict, Processor

from shuttle.config import LogFormat
from shuttle.core.escape import escape
from shuttle.observe.colours import paint
from shuttle.observe.log_form import FIRST, FORMS, LogForm, render_logfmt
from shuttle.observe.recent_lines import RecentLines
from shuttle.observe.system_log import SystemLog

APP = "log-shuttle"
VALUE_LIMIT = 1024  # characters; a drain's answer must not push the keys behind it out of the line
DIGITS = 3  # of a float: seconds to the millisecond, the most that a reader of a log compares


# The format and not "iso", which leaves out microseconds that are 0.
_STAMP = structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%S.%fZ", key="ts")


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


class Writer(Protocol):
    """Where lines go."""

    def write(self, text: str) -> None:
        """Write `text` as one line, or skip it."""


class _Silent:
    def debug(self, event: str, /, **data: object) -> None:
        pass

    info = warning = error = debug


SILENT: Logger = _Silent()
"""Takes every event and does nothing."""


def make_logger(
    *,
    verbose: bool,
    writer: Writer,
    system_log: SystemLog | None = None,
    form: LogFormat = "logfmt",
    colours: bool = False,
    recent: RecentLines | None = None,
) -> Logger:
    """Return a logger of lines in `form`, from info up, or from debug up when `verbose`.

    A line begins with `ts= app= level= at=`, where `at` is the event; its data follow in the order given. Control
    characters in them are written out. With a `system_log` lines go there and only where
    nobody takes them to `writer`, which is told so once. With `colours` the `writer` gets levels of logfmt in colour.
    Lines are remembered in `recent`, too. Logging raises nothing, whatever becomes of the line.
    """

    def render(_: object, method: str, event: EventDict) -> str:
        line = FORMS[form].render(event)
        if recent is not None:
            recent.note(method, line)
        return line

    processors: list[Processor] = [
        _STAMP,
        structlog.processors.add_log_level,
        structlog.processors.EventRenamer("at"),
        _show_each,
        render,
    ]
    logger: Logger = structlog.wrap_logger(
        _SystemSink(system_log, writer, FORMS[form]) if system_log else _WriterSink(writer, colours=colours),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        context_class=dict,
        cache_logger_on_first_use=True,
        app=APP,
    ).bind()
    return logger


def render_data(data: dict[str, object]) -> str:
    """Return `data` as the keys and values of a line of logfmt."""
    return render_logfmt({key: _show(value) for key, value in data.items()})


def _show_each(_logger: object, _method: str, event: EventDict) -> EventDict:
    return {key: value if key in FIRST else _show(value) for key, value in event.items()}


def _show(value: object) -> object:
    """Return what renders on one line: None, a truth value, a number or text without control characters."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, DIGITS)
    shown = escape(str(value))
    return shown if len(shown) <= VALUE_LIMIT else shown[:VALUE_LIMIT] + "..."


class _WriterSink:
    """What structlog hands a rendered line to, by the name of its level."""

    def __init__(self, writer: Writer, *, colours: bool) -> None:
        self._writer = writer
        self.debug = self.info = self.warning = self.error = writer.write
        if colours:
            self.debug = partial(self._write, "debug")
            self.info = partial(self._write, "info")
            self.warning = partial(self._write, "warning")
            self.error = partial(self._write, "error")

    def _write(self, level: str, line: str) -> None:
        self._writer.write(paint(level, line))


class _SystemSink:
    """Hands a line to the system's log, or to `writer` where nobody takes it there."""

    def __init__(self, system_log: SystemLog, writer: Writer, form: LogForm) -> None:
        self._system_log = system_log
        self._writer = writer
        self._form = form
        self._told = False
        self.debug = partial(self._write, "debug")
        self.info = partial(self._write, "info")
        self.warning = partial(self._write, "warning")
        self.error = partial(self._write, "error")

    def _write(self, level: str, line: str) -> None:
        without_time = line.partition(" ")[2] if self._form.begins_with_time else line  # the daemon has one of its own
        try:
            self._system_log.send(level, without_time)
        except OSError as error:
            if not self._told:
                self._told = True
                self._tell(error)
            self._writer.write(line)

    def _tell(self, error: OSError) -> None:
        advice = "lines that it does not take come here; start it, or leave -log-to-syslog out"
        event = {"app": APP, "level": "warning", "at": "syslog.unreachable", "error": error.strerror, "advice": advice}
        self._writer.write(self._form.render(_STAMP(None, "", event)))
