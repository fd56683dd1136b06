"""A handler of Python's logging for programs that are not async: Django, gunicorn, Celery.

Strategy: the thread that logs formats the record and hands it over to the worker of this process (`worker`). A forked
process has its own worker, and none of its parent's lines: the parent delivers those.
"""

import logging
import os
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from shuttle.config import Config
from shuttle.core.ledger import Ledger
from shuttle.errors import ConfigError
from shuttle.observe.host_log import NAME
from shuttle.worker import Worker, forget_exit

_SEVERITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))  # RFC 5424, 6.2.1
_DEBUG = 7


class ShuttleHandler(logging.Handler):
    """Delivers records to a drain.

        logging.getLogger().addHandler(ShuttleHandler(logs_url="https://token:password@drain.example/"))

    The settings are those of `Config`. Without `logs_url` or `logs_url_file`, $LOGS_URL has the URL. The level decides
    the severity, and `prival` the facility. Each line of a message becomes a frame.

    Logging waits for the drain only if more is logged than a megabyte in a moment: for `patience` at most, once a
    stall. With `drop=False` it waits as long as it takes. What is dropped or lost is counted in `ledger`, reported to
    the drain, and told by the logger `log_shuttle`, whose own records are not delivered.

    Raises:
        ConfigError: A setting is wrong, or does not go with this.
    """

    def __init__(self, *, level: int | str = logging.NOTSET, **settings: Any) -> None:
        super().__init__(level)
        if not (settings.get("logs_url") or settings.get("logs_url_file")):
            settings["logs_url"] = os.environ.get("LOGS_URL", "")
        config = Config(**settings)
        if config.file:
            raise ConfigError("-file: cannot be given to a handler, which delivers records")
        self._config = config
        self._facility = int(config.prival) // 8
        self._worker = Worker(config)
        _handlers.add(self)

    @property
    def ledger(self) -> Ledger:
        """The ledger of this process."""
        return self._worker.ledger

    def filter(self, record: logging.LogRecord) -> Any:
        """Skip records that delivery itself causes: each would cause another one. No lock is held here.

        Those of the logger `log_shuttle` go to stderr, as Python does it, if nobody else takes them.
        """
        if record.name == NAME:
            if logging.lastResort and self is next(_list_handlers(NAME)) and _are_all_ours(NAME):
                logging.lastResort.handle(record)
            return False
        return False if self._worker.is_current else super().filter(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Hand over a record."""
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001  # as every handler does
            self.handleError(record)
            return
        self._worker.put(self._find_prival(record.levelno), text.encode("utf-8", "backslashreplace") + b"\n")

    def flush(self) -> None:
        """Return when what was handed over is delivered, or not for `land_timeout`."""
        self._worker.flush()

    def close(self) -> None:
        """Deliver what was handed over, for `land_timeout` at most. Nothing more is taken."""
        self._worker.close()
        super().close()

    def _find_prival(self, level: int) -> str:
        severity = next((severity for least, severity in _SEVERITIES if level >= least), _DEBUG)
        return str(8 * self._facility + severity)

    def pause(self) -> None:
        """Stop the worker while this process forks."""
        self._worker.pause()

    def go_on(self) -> None:
        """Let the worker continue."""
        self._worker.go_on()

    def begin_anew(self) -> None:
        """Begin in a process that was forked."""
        self._worker = Worker(self._config)


_handlers: weakref.WeakSet[ShuttleHandler] = weakref.WeakSet()


def _list_handlers(name: str) -> Iterator[logging.Handler]:
    """Yield the handlers that records of a logger go to."""
    logger: logging.Logger | None = logging.getLogger(name)
    while logger:
        yield from logger.handlers
        logger = logger.parent if logger.propagate else None


def _are_all_ours(name: str) -> bool:
    return all(isinstance(handler, ShuttleHandler) for handler in _list_handlers(name))


def _begin_all_anew() -> None:
    forget_exit()
    _call_each(ShuttleHandler.begin_anew)


def _call_each(call: Callable[[ShuttleHandler], None]) -> None:
    for handler in list(_handlers):
        call(handler)


os.register_at_fork(
    before=partial(_call_each, ShuttleHandler.pause),
    after_in_parent=partial(_call_each, ShuttleHandler.go_on),
    after_in_child=_begin_all_anew,
)
