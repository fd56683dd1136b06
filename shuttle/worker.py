"""The worker of a logging handler: a thread that runs an event loop with a Shuttle in it.

Theory of operation. Each process has one worker, which starts with the first line. Lines of all threads wait in the
handover. While a process forks, the worker stands still, so that the child does not inherit what another thread has
half done, such as an import.

At the exit of the process, or when it is closed, the worker delivers what was handed over, for `land_timeout` at
most. After READING_SHARE of that time, lines that the shuttle has no room for are dropped.
"""

import asyncio
import concurrent.futures.thread  # noqa: F401  # whose hooks of fork must not appear in the middle of one
import contextlib
import math
import sys
import threading
import time
from collections import deque
from importlib.util import find_spec

import anyio

from shuttle.config import Config
from shuttle.core.frame import make_stamp
from shuttle.core.ledger import Ledger
from shuttle.delivery.source import CHUNK
from shuttle.handover import Handover
from shuttle.observe.host_log import HostLog
from shuttle.shuttle import Shuttle

PAUSE = 5.0  # seconds that a fork waits for a worker, at most
READING_SHARE = 0.8  # of land_timeout: how long what was handed over waits for room at the end
_LOOK = 0.01  # seconds between two looks whether all is delivered
_GRACE = 1.0  # seconds more than the landing that `close` waits for the worker
_FORKING = ("multiprocessing.util", "billiard.util")  # libraries whose processes end without Python's own exit

_exits_by = math.inf  # by time.monotonic(): when the program is to end that has begun to


class Worker:
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
        """Count lines that nobody will deliver as dropped."""
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
        """Deliver what was handed over, because the program ends. A thread that waits for room does not delay that."""
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
        """Stop the thread until `go_on`, or for PAUSE seconds."""
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
        """Let the thread continue."""
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


def _finish_at_exit(worker: Worker) -> None:
    """Deliver everything at the end of this process.

    Later, when logging closes its handlers, no thread can be started any more, which looking up a name may need. There
    is no public way to be called before that. Processes of some libraries end without Python's own exit.
    """
    with contextlib.suppress(AttributeError, RuntimeError):  # another Python; it is too late
        threading._register_atexit(worker.finish)  # type: ignore[attr-defined]  # noqa: SLF001
    for name in _FORKING:
        if util := sys.modules.get(name):
            util.Finalize(None, worker.finish, exitpriority=-1)


def forget_exit() -> None:
    """Note that this process, which was forked, has not begun to end."""
    global _exits_by  # noqa: PLW0603  # see `Worker.finish`
    _exits_by = math.inf
