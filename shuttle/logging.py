"""A handler of Python's logging for programs that are not async: Django, gunicorn, Celery.

Theory of operation. Each process has a worker: a thread that runs an event loop with a Shuttle in it. It starts with
the first record. Records are formatted by the thread that logs, and handed over (handover.py). A process that was
forked has a worker of its own, and nothing of its parent's: what waits there, the parent delivers. While a process
forks, its worker stands still: the child must not inherit what another thread has half done, such as an import.

At exit, or when the handler is closed, what was handed over is delivered, for `land_timeout` at most. Lines that the
shuttle has no room for until READING_SHARE of that is over are dropped then.
"""

import asyncio
import concurrent.futures.thread  # noqa: F401  # whose hooks of fork must not appear in the middle of one
import contextlib
import logging
import math
import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

import anyio

from shuttle.config import Config
from shuttle.core.frame import make_stamp
from shuttle.core.ledger import Ledger
from shuttle.delivery.source import CHUNK
from shuttle.errors import ConfigError
from shuttle.handover import Handover
from shuttle.observe.host_log import NAME, HostLog
from shuttle.shuttle import Shuttle

_SEVERITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))  # RFC 5424, 6.2.1
_DEBUG = 7
PAUSE = 5.0  # seconds that a fork waits for a worker, at most
READING_SHARE = 0.8  # of land_timeout: how long what was handed over waits for room at the end
_LOOK = 0.01  # seconds between two looks whether all is delivered
_GRACE = 1.0  # seconds more than the landing that `close` waits for the worker
_FORKING = ("multiprocessing.util", "billiard.util")  # libraries whose processes end without Python's own exit


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
            raise ConfigError("-file: must not be given to a handler, which delivers records")
        self._config = config
        self._facility = int(config.prival) // 8
        self._worker = _Worker(config)
        _handlers.add(self)

    @property
    def ledger(self) -> Ledger:
        """What became of the lines of this process."""
        return self._worker.ledger

    def filter(self, record: logging.LogRecord) -> Any:
        """Leave out records that come of delivering: each would make another one. No lock is held here.

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
        """Have the worker stand still while this process forks."""
        self._worker.pause()

    def go_on(self) -> None:
        """Have the worker go on."""
        self._worker.go_on()

    def begin_anew(self) -> None:
        """Begin in a process that was forked."""
        self._worker = _Worker(self._config)


class _Worker:
    """A thread with a Shuttle, once there is something to deliver."""

    def __init__(self, config: Config) -> None:
        self.ledger = Ledger()
        self._config = config
        self._log = HostLog()
        self._handover = Handover(patience=config.patience if config.drop else None)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None  # once the shuttle was entered
        self._writing: anyio.CancelScope | None = None  # what is handed over to the shuttle
        self._unwritten: deque[tuple[str, bytes]] = deque()
        self._lands_by = math.inf  # by the event loop's clock
        self._begun = 0.0  # these two: the last flush, by time.monotonic()
        self._flushed_at = -math.inf
        self._started = threading.Event()
        self._go_on = threading.Event()
        self._ended = False  # nothing is delivered any more
        self._told = False  # of lines that came later
        self._thread: threading.Thread | None = None

    @property
    def is_current(self) -> bool:
        """Whether this is its thread."""
        return threading.current_thread() is self._thread

    def put(self, prival: str, lines: bytes) -> None:
        """Take `lines`, and start if this was not done yet."""
        if self._thread is None:
            self._start()
        self._handover.put(prival, lines)
        if self._ended:
            self._count_rest()

    def _count_rest(self) -> None:
        """Count what nobody delivers any more."""
        with self._lock:
            taken = self._handover.take(lambda: None)
            lines = taken.dropped + sum(chunk.count(b"\n") for _, chunk in taken.chunks)
            self.ledger.take_in(lines)
            self.ledger.drop(lines, make_stamp(time.time()))
        if lines and not self._told:
            self._told = True
            self._log.warning("lines.dropped", lines=lines, error="logged after the end")

    def flush(self) -> None:
        """Return when what was handed over is delivered, or not for `land_timeout`."""
        until = self._choose_end()
        while self._thread and self._thread.is_alive() and not self._ended and time.monotonic() < until:
            if self._handover.is_idle and not self.ledger.held:
                return
            time.sleep(_LOOK)
        self._flushed_at = time.monotonic()

    def finish(self) -> None:
        """Deliver what was handed over: the program ends. Whoever waits for room does not hold that up."""
        global _exits_by  # noqa: PLW0603  # the time is that of all handlers together
        _exits_by = min(_exits_by, time.monotonic() + self._config.land_timeout)
        self._handover.limit(_exits_by)
        self.flush()

    def close(self) -> None:
        """Deliver what was handed over, and end."""
        until = self._choose_end()
        self._handover.close()
        if self._thread:
            if self._loop:
                with contextlib.suppress(RuntimeError):  # it has ended
                    self._loop.call_soon_threadsafe(self._end_by, until)
            self._thread.join(max(0.0, until - time.monotonic()) + _GRACE)

    def _choose_end(self) -> float:
        """Return until when to wait. A flush and a close right behind it have `land_timeout` together.

        So have all handlers when the program ends.
        """
        now = time.monotonic()
        begun = now if now > self._flushed_at + _GRACE else self._begun
        self._begun = begun
        return min(begun + self._config.land_timeout, _exits_by)

    def _end_by(self, until: float) -> None:
        left = max(0.0, until - time.monotonic())
        now = asyncio.get_running_loop().time()
        self._lands_by = now + left
        if self._writing:
            self._writing.deadline = now + READING_SHARE * left

    def _take_piece(self) -> tuple[str, bytes]:
        """Return the next lines, as many as a cancelled `write` takes in all the same."""
        prival, chunk = self._unwritten.popleft()
        end = chunk.rfind(b"\n", 0, CHUNK) + 1
        if end and len(chunk) > CHUNK:
            self._unwritten.appendleft((prival, chunk[end:]))
            chunk = chunk[:end]
        return prival, chunk

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log-shuttle", daemon=True)
                self._thread.start()
                _finish_at_exit(self)

    def _run(self) -> None:
        try:
            anyio.run(self._forward, backend_options={"use_uvloop": find_spec("uvloop") is not None})
        except Exception as error:  # noqa: BLE001  # the program goes on, and is told
            advice = "nothing is delivered any more" if self.ledger.read else "nothing is delivered"
            self._log.error("handler.failed", error=f"{type(error).__name__}: {error}", advice=advice)
        finally:
            self._handover.close()
            self._ended = True
            self._started.set()
            self._count_rest()

    def pause(self) -> None:
        """Have the thread stand still until `go_on`, or for PAUSE seconds."""
        if self._thread is None or self.is_current or not self._started.wait(PAUSE) or self._loop is None:
            return
        stands = threading.Event()
        self._go_on.clear()

        def stand() -> None:
            stands.set()
            self._go_on.wait(PAUSE)

        with contextlib.suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(stand)
            stands.wait(PAUSE)

    def go_on(self) -> None:
        """Have the thread go on."""
        self._go_on.set()

    async def _forward(self) -> None:
        loop = asyncio.get_running_loop()
        there = asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: this worker has failed
                loop.call_soon_threadsafe(there.set)

        async with Shuttle(self._config, log=self._log, ledger=self.ledger) as shuttle:
            with anyio.CancelScope() as self._writing:
                self._loop = loop
                self._started.set()
                while True:
                    there.clear()
                    taken = self._handover.take(wake)
                    self._unwritten.extend(taken.chunks)
                    if taken.dropped:
                        shuttle.drop(taken.dropped)
                    while self._unwritten:
                        prival, chunk = self._take_piece()
                        await shuttle.write(chunk, prival=prival)
                    if taken.closed:
                        break
                    if not (taken.chunks or taken.dropped):
                        await there.wait()
            if lines := sum(chunk.count(b"\n") for _, chunk in self._unwritten):
                shuttle.drop(lines)
            shuttle.limit_landing(min(self._lands_by, anyio.current_time() + self._config.land_timeout))


def _finish_at_exit(worker: _Worker) -> None:
    """Have everything delivered at the end of this process.

    Later, when logging closes its handlers, no thread can be started any more, which looking up a name may need. There
    is no public way to be called before that. Processes of some libraries end without Python's own exit.
    """
    with contextlib.suppress(AttributeError, RuntimeError):  # another Python; it is too late
        threading._register_atexit(worker.finish)  # type: ignore[attr-defined]  # noqa: SLF001
    for name in _FORKING:
        if util := sys.modules.get(name):
            util.Finalize(None, worker.finish, exitpriority=-1)


_exits_by = math.inf  # by time.monotonic(): when the program is to end that has begun to
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
    global _exits_by  # noqa: PLW0603  # this process has not begun to end
    _exits_by = math.inf
    _call_each(ShuttleHandler.begin_anew)


def _call_each(call: Callable[[ShuttleHandler], None]) -> None:
    for handler in list(_handlers):
        call(handler)


os.register_at_fork(
    before=partial(_call_each, ShuttleHandler.pause),
    after_in_parent=partial(_call_each, ShuttleHandler.go_on),
    after_in_child=_begin_all_anew,
)
