"""The ledger: read = delivered + dropped + lost + held, in source lines, true at every moment."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """A count of lines that are not reported to the drain yet, and the time of the first."""

    count: int = 0
    since: str = ""

    def add(self, count: int, since: str) -> None:
        """Add `count` lines that were lost at `since`, a frame's stamp. The earliest time is kept."""
        if count:
            self.since = min(self.since, since) if self.count else since
            self.count += count


@dataclass(frozen=True, slots=True)
class Owed:
    """The counts that the drain is still to be told: one report, or a pair of them."""

    dropped: Tally = field(default_factory=Tally)
    lost: Tally = field(default_factory=Tally)

    def __bool__(self) -> bool:
        return bool(self.dropped.count or self.lost.count)


class Ledger:
    """Counts every line. Each method moves lines from one count to another, and nothing else changes a count."""

    def __init__(self) -> None:
        self.read = 0
        self.held = 0
        self.delivered = 0
        self.dropped = 0
        self.lost = 0
        self.missed = 0
        """Stretches of a file that were gone before they were read. Each is one of the lost lines, and may be more."""
        self.spooled = 0
        """In batches on the disk: held, but for parts of a batch that is divided while it is delivered."""
        self._owed = Owed()

    def take_in(self, lines: int) -> None:
        """Count lines that were read. They are held from now on."""
        self.read += lines
        self.held += lines

    def deliver(self, lines: int) -> None:
        """Move held lines to delivered."""
        self.held -= lines
        self.delivered += lines

    def drop(self, lines: int, since: str) -> None:
        """Move held lines to dropped: the queue was full and they were never tried (L12)."""
        self.held -= lines
        self.dropped += lines
        self._owed.dropped.add(lines, since)

    def lose(self, lines: int, since: str) -> None:
        """Move held lines to lost: tried and given up, or refused (L13)."""
        self.held -= lines
        self.lost += lines
        self._owed.lost.add(lines, since)

    @property
    def owed(self) -> Owed:
        """The counts that are not reported to the drain yet."""
        return self._owed

    def take(self) -> Owed:
        """Return the counts that the next report carries. If the report fails, `put_back` returns them."""
        owed, self._owed = self._owed, Owed()
        return owed

    def put_back(self, owed: Owed) -> None:
        """Take back the counts of a report that failed."""
        self._owed.dropped.add(owed.dropped.count, owed.dropped.since)
        self._owed.lost.add(owed.lost.count, owed.lost.since)

    def __str__(self) -> str:
        """Return the counts in logfmt."""
        names = ("read", "delivered", "dropped", "lost", "held", *(("missed",) if self.missed else ()))
        return " ".join(f"{name}={getattr(self, name)}" for name in names)
