"""A trial: an application writes numbered lines and rotates, an agent follows, and what has arrived is compared.

In virtual time, on real files. The agent may be stopped and started again. `arrived` counts every line, whosever it is:
`missing` ones were written and have not come, `doubled` ones came under a second id, `foreign` ones nobody has asked
for. A line that is missing must be counted as lost, or be one of a stretch that counts as missed.
"""

import re
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import anyio
import pytest

from tests.helpers.drains import TAKE, Answer, Drain
from tests.helpers.following import SOON, append, following
from tests.helpers.virtual import Journal

if TYPE_CHECKING:
    from shuttle.core.ledger import Ledger
    from shuttle.shuttle import Shuttle

LONG = 90.0  # seconds of virtual time; longer than a moved file is kept open, and than the slow look takes to come


class Sums(NamedTuple):
    """What was written, and what has come of it."""

    written: int
    arrived: int
    missing: int
    doubled: int
    foreign: int
    lost: int
    """As the ledgers have it: counted, and reported to the drain."""
    missed: int
    """Stretches of lines that nobody could count."""

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self._asdict().items())


class Log(Journal):
    """A logger that keeps its events, and apart from them those that are warnings."""

    def __init__(self) -> None:
        super().__init__()
        self.warnings: list[tuple[str, dict[str, object]]] = []

    def warning(self, event: str, /, **data: object) -> None:
        self.warnings.append((event, data))
        self.info(event, **data)

    def about(self, path: Path) -> list[tuple[str, dict[str, object]]]:
        """Return the warnings that name `path`."""
        return [one for one in self.warnings if _names(one, path)]

    def all_about(self, path: Path) -> list[tuple[str, dict[str, object]]]:
        """Return the events of every level that name `path`."""
        return [one for one in self.events if _names(one, path)]


def _names(event: tuple[str, dict[str, object]], path: Path) -> bool:
    return any(str(path) in str(value) for value in event[1].values())


class Trial:
    """Follows `files` from their beginning, or as `settings` say, from `start` to `stop` or the end of its block."""

    def __init__(self, *files: Path | str, **settings: Any) -> None:
        self.drain = Drain()
        self.log = Log()
        self.ledgers: list[Ledger] = []
        self._files = files
        self._settings = {"from_": "beginning", "num_outlets": 1, **settings}
        self._written: list[bytes] = []
        self._running = AsyncExitStack()
        self._shuttle: Shuttle

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:  # the agent has ended at once
            await self.__aexit__(*sys.exc_info())
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._running.__aexit__(kind, error, traceback)
        except BaseExceptionGroup as group:
            raise _find_assertion(group) from None

    async def start(self, *files: Path | str, **settings: Any) -> None:
        """Begin to follow, and look at what is there."""
        log: Any = self.log
        self._files = files or self._files
        self._settings |= settings
        agent = following(self.drain, *self._files, log=log, **self._settings)
        self._shuttle = await self._running.enter_async_context(agent)
        self.ledgers.append(self._shuttle.ledger)
        await anyio.sleep(SOON)

    async def stop(self) -> None:
        """Stop reading, and deliver what was read."""
        try:
            await self._running.aclose()
        except BaseExceptionGroup as group:
            raise _find_assertion(group) from None

    def leave(self) -> None:
        """Have nothing more read, as a signal does."""
        self._shuttle.leave_files()

    @asynccontextmanager
    async def away(self, down: bool) -> AsyncIterator[None]:
        """Have the agent down in the block, or running if not `down`; then let it look at what was done."""
        if down:
            await self.stop()
        yield
        if down:
            await self.start()
        await anyio.sleep(SOON)

    def hold_up(self) -> None:
        """Let the drain be down until `release`."""
        self.drain.script = lambda _: Answer(503)

    def release(self) -> None:
        """Let the drain take everything from now on."""
        self.drain.script = lambda _: TAKE

    def write(self, path: Path, count: int) -> None:
        """Append `count` lines of the application's, each unlike all others."""
        append(path, *self.make(count))

    def write_line(self, path: Path, line: bytes) -> None:
        """Append a line that others may be like."""
        self._written.append(line)
        append(path, line)

    def make(self, count: int) -> list[bytes]:
        """Return so many new lines that are expected to arrive."""
        start = len(self._written)
        self._written += [b"line %06d of the application" % number for number in range(start, start + count)]
        return self._written[start:]

    @property
    def lines(self) -> list[bytes]:
        """The lines that the drain has; one that remembers the ids takes a batch once."""
        return list(chain.from_iterable(call.lines for call in self.drain.taken.values()))

    @property
    def sums(self) -> Sums:
        """What was written and has come until now."""
        written, arrived = Counter(self._written), Counter(self.lines)
        missed = [re.search(r"\bmissed=(\d+)", str(ledger)) for ledger in self.ledgers]
        return Sums(
            len(self._written),
            arrived.total(),
            (written - arrived).total(),
            sum(count for line, count in (arrived - written).items() if line in written),
            sum(count for line, count in arrived.items() if line not in written),
            sum(ledger.lost for ledger in self.ledgers),
            sum(int(found[1]) for found in missed if found),
        )

    async def expect_all(self, within: float = SOON, *, ordered: bool = False) -> None:
        """Wait for so many seconds; then every line has come once and nothing else has, `ordered` as it was written."""
        await anyio.sleep(within)
        sums = self.sums
        assert sums == Sums(sums.written, sums.written, 0, 0, 0, 0, 0), str(sums)
        assert not ordered or self.lines == self._written, "the lines have come in another order"

    async def expect_counted(self, within: float = SOON) -> None:
        """Wait for so many seconds; then no line has come twice, and what has not come is counted, or known missed."""
        await anyio.sleep(within)
        sums = self.sums
        assert (sums.doubled, sums.foreign) == (0, 0), str(sums)
        assert sums.missing == sums.lost or (sums.missing > sums.lost and sums.missed), str(sums)


both = pytest.mark.parametrize("down", [False, True], ids=["running", "down"])
"""Tries with the agent running, and with the agent down meanwhile."""


def _find_assertion(group: BaseExceptionGroup[BaseException]) -> AssertionError:
    """Return the assertion that has failed; else one that says which errors have ended the agent."""
    leaves = list(_find_leaves(group))
    for leaf in leaves:
        if isinstance(leaf, AssertionError):
            return leaf
    return AssertionError(f"the agent has ended: {', '.join(map(repr, leaves))}")


def _find_leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _find_leaves(one)]
    return [error]
