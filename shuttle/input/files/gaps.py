"""Passes over gaps: zeros between lines, where the reading stands until they have stood for a while.

What is zero may be overwritten a moment later: where several threads write a file, each at a place of its own, and on
network file systems. Who has read on behind it does not come back. So a gap waits until what is behind it has been
there for PATIENCE seconds. In a compressed file nothing is overwritten, and nothing waited for.
"""

import math
from dataclasses import dataclass, field
from functools import partial
from weakref import WeakKeyDictionary

from shuttle.clock import Clock
from shuttle.delivery.intake import Intake
from shuttle.input.files.data_reader import Gap
from shuttle.input.files.disks import Disk
from shuttle.input.files.file import File
from shuttle.input.files.rotation.rotated_path import RotatedPath
from shuttle.observe.log import Logger
from shuttle.observe.throttle import Throttle

PATIENCE = 1.0  # seconds
_REASON = "zeros that are in no line were passed over: a hole, or what a crash of the machine has left"


@dataclass(slots=True)
class _Visit:
    """What is known of a file that has gaps."""

    size: int = 0
    """Its size at some time: what stood there then is old after a while."""
    since: float = -math.inf
    """That time."""
    told: Throttle = field(default_factory=Throttle)


class Gaps:
    """Passes over the gaps of all files; at once unless it is `patient`, since nobody writes."""

    def __init__(self, intake: Intake, log: Logger, clock: Clock, disk: Disk, *, patient: bool) -> None:
        self._intake = intake
        self._log = log
        self._clock = clock
        self._disk = disk
        self._patient = patient
        self._visits: WeakKeyDictionary[File, _Visit] = WeakKeyDictionary()
        self._waiting: dict[RotatedPath, float] = {}  # paths that stand at a gap, and until when

    async def pass_over(self, path: RotatedPath, file: File, length: int, *, at_once: bool) -> bytes | None:
        """Return what comes behind the gap at which `file`, one of the files of `path`, stands; at most `length` bytes.

        None if it has to wait; `take_due` tells when it need not any longer. Nothing if the file is to be read again:
        where the gap ends is not known yet, or the line before it has just ended.
        """
        gap = file.gap
        if gap is None or not gap.known:
            return b""
        visit = self._visits.setdefault(file, _Visit())
        if self._patient and not (at_once or file.opened.packed or self._is_old(gap, file, visit)):
            self._waiting[path] = visit.since + PATIENCE
            return None
        if file.partial:
            await self._intake.end(file.source)
            return b""
        if passed := visit.told.admit(gap.end - gap.start, self._clock()):
            self._log.warning("file.gap", path=file.path, offset=gap.start, bytes=passed, error=_REASON)
        return await self._disk.run(partial(file.pass_over, gap, length))

    @property
    def due(self) -> float:
        """When the first of the paths that wait is due, in seconds of the monotonic clock."""
        return min(self._waiting.values(), default=math.inf)

    def take_due(self) -> list[RotatedPath]:
        """Return the paths that need not wait any longer, each of them once."""
        now = self._clock()
        over = [path for path, due in self._waiting.items() if due <= now]
        for path in over:
            del self._waiting[path]
        return over

    def _is_old(self, gap: Gap, file: File, visit: _Visit) -> bool:
        """Say whether what is behind the gap has been there for a while."""
        now = self._clock()
        if now < visit.since + PATIENCE:
            return False
        if gap.end < visit.size:
            return True
        visit.size, visit.since = file.size, now
        return False
