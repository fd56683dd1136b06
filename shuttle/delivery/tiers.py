"""The two tiers of the spool, memory and disk: which batches there are, and the state of each.

Theory of operation. A batch is in one state at a time, and TRANSITIONS says what an event makes of it:

    state        the batch is                                       in memory   on the disk   held, waiting
    NEW          not in the queue                                   -           -             -
    RECORDED     written to the disk, and about to be offered       x           x             -
    MEMORY       waiting; the disk did not take it                  x           -             x
    BOTH         waiting, and taken next                            x           x             x
    DISK         waiting, behind what is in memory                  -           x             x
    TAKEN        with an outlet; the disk did not take it           x           -             -
    TAKEN_BOTH   with an outlet                                     x           x             -
    SETTLED      delivered or lost, and to be removed               -           x             -
    DONE         nowhere                                            -           -             -

Batches leave in the order in which they came. Those that wait are in three places, one behind the other:

    near   MEMORY and BOTH: what is taken next, at most WINDOW bytes of it when the disk works
    disk   DISK: any number, which only totals stand for; `loaded` brings the oldest to near when that is empty
    far    MEMORY and BOTH: what came when there was something on the disk already, or no room in near

When the disk takes a batch of far, memory drops it. When it takes one of near, both keep it.

What can happen to the disk:

- It fails or is full: no state changes. New batches become MEMORY, as far as there is room, and are written later.
- It breaks, or its file is deleted: RECORDED, BOTH and TAKEN_BOTH batches are written to a new file and keep their
  state. DISK batches that cannot be read any more are lost. If the disk does not take a new file either, all DISK
  batches are lost, BOTH becomes MEMORY, TAKEN_BOTH becomes TAKEN, and RECORDED becomes NEW.
- It works at last, or again after all was lost: what an earlier process left is DISK, older than everything in
  memory.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import chain

from shuttle.core.batch import Batch

WINDOW = 2 * 1024 * 1024  # bytes of batches in memory that are on the disk too: the outlets take some before a reading


class State(Enum):
    """Where a batch is."""

    __hash__ = object.__hash__  # Enum's own is a function of Python, and is called for every transition

    NEW = "new"
    RECORDED = "recorded"
    MEMORY = "memory"
    BOTH = "both"
    DISK = "disk"
    TAKEN = "taken"
    TAKEN_BOTH = "taken, on the disk"
    SETTLED = "settled"
    DONE = "done"


class Event(Enum):
    """What happens to a batch."""

    __hash__ = object.__hash__

    WRITTEN = "the disk has taken it"
    OFFERED = "it is put in the queue"
    UNLOADED = "memory lets go of it"
    LOADED = "memory has it again"
    TAKEN = "an outlet has got it"
    SETTLED = "all of it is delivered or lost"
    REMOVED = "the disk has let go of it"
    DISK_LOST = "nothing that the disk had can be used"


TRANSITIONS = {
    (State.NEW, Event.WRITTEN): State.RECORDED,
    (State.NEW, Event.OFFERED): State.MEMORY,
    (State.RECORDED, Event.OFFERED): State.BOTH,
    (State.RECORDED, Event.DISK_LOST): State.NEW,
    (State.MEMORY, Event.WRITTEN): State.BOTH,
    (State.MEMORY, Event.TAKEN): State.TAKEN,
    (State.BOTH, Event.UNLOADED): State.DISK,
    (State.BOTH, Event.TAKEN): State.TAKEN_BOTH,
    (State.BOTH, Event.DISK_LOST): State.MEMORY,
    (State.DISK, Event.LOADED): State.BOTH,
    (State.DISK, Event.DISK_LOST): State.DONE,
    (State.TAKEN, Event.WRITTEN): State.TAKEN_BOTH,
    (State.TAKEN, Event.SETTLED): State.DONE,
    (State.TAKEN_BOTH, Event.SETTLED): State.SETTLED,
    (State.TAKEN_BOTH, Event.DISK_LOST): State.TAKEN,
    (State.SETTLED, Event.REMOVED): State.DONE,
    (State.SETTLED, Event.DISK_LOST): State.DONE,
    (State.DONE, Event.WRITTEN): State.SETTLED,  # it was settled while it was being written
}
WAITING = (State.MEMORY, State.BOTH, State.DISK)
SPOOLED = (State.RECORDED, State.BOTH, State.DISK, State.TAKEN_BOTH)


class Entry:
    """A batch in memory."""

    __slots__ = ("batch", "key", "state")

    def __init__(self, batch: Batch, state: State = State.NEW, key: int = 0) -> None:
        self.batch = batch
        self.state = state
        self.key = key
        """Of its row on the disk; 0 if it has never had one."""


class Total:
    """The totals of the batches in one state."""

    __slots__ = ("batches", "bytes", "lines")

    def __init__(self) -> None:
        self.batches = self.lines = self.bytes = 0


class Tiers:
    """The batches of a spool. Each method is something that happens; nothing here waits, or knows how disks work.

    What the disk does not take is bounded by `max_bytes` in memory and, if given, `max_batches`.
    """

    def __init__(self, *, max_bytes: int, max_batches: int | None) -> None:
        self._max_bytes = max_bytes
        self._max_batches = max_batches
        self._incoming: dict[int, Entry] = {}  # NEW and RECORDED, by the identity of the batch
        self._near: deque[Entry] = deque()
        self._far: deque[Entry] = deque()
        self._taken: dict[int, Entry] = {}  # TAKEN and TAKEN_BOTH, by the identity of the batch
        self._settled: dict[int, None] = {}  # keys, in order
        self._totals = {state: Total() for state in {*WAITING, *SPOOLED, State.TAKEN}}
        self.cursor = 0
        """The key up to which the disk was read: what is DISK is above it."""

    def __len__(self) -> int:
        """Return how many batches wait to be taken."""
        return sum(self._totals[state].batches for state in WAITING)

    @property
    def spooled(self) -> int:
        """Lines on the disk that are not settled."""
        return sum(self._totals[state].lines for state in SPOOLED)

    @property
    def memory_bytes(self) -> int:
        """What the batches that wait take in memory."""
        return self._totals[State.MEMORY].bytes + self._totals[State.BOTH].bytes

    @property
    def on_disk(self) -> bool:
        """Whether the disk has anything that counts."""
        return any(self._totals[state].batches for state in SPOOLED)

    @property
    def is_due(self) -> bool:
        """Whether the disk should take something, or let go of it."""
        return bool(self._totals[State.MEMORY].batches or self._totals[State.TAKEN].batches or self._settled)

    @property
    def must_load(self) -> bool:
        """Whether the oldest batch that waits is on the disk alone."""
        return not self._near and self._totals[State.DISK].batches > 0

    def announce(self, batches: Iterable[Batch]) -> list[Entry]:
        """Return entries of those of `batches` that are still to be written before they are offered."""
        entries = [Entry(batch) for batch in batches if id(batch) not in self._incoming]
        self._incoming |= {id(entry.batch): entry for entry in entries}
        return entries

    def dismiss(self, entries: Iterable[Entry]) -> None:
        """Forget those of `entries` that the disk has not taken."""
        for entry in entries:
            if entry.state is State.NEW:
                self._incoming.pop(id(entry.batch), None)

    def offer(self, batch: Batch, *, in_memory: bool) -> bool:
        """Put `batch` in the queue if it was written, or if it may be `in_memory` and there is room; say whether."""
        entry = self._incoming.get(id(batch)) or Entry(batch)
        if entry.state is State.NEW and not (in_memory and self._has_memory_for(batch)):
            return False
        self._incoming.pop(id(batch), None)
        self._move(entry, Event.OFFERED)
        is_near = not self._far and not self._totals[State.DISK].batches and self.memory_bytes <= WINDOW
        (self._near if is_near else self._far).append(entry)
        return True

    def unload(self) -> None:
        """Drop from memory what both far and the disk have."""
        while self._far and self._far[0].state is State.BOTH:
            self._move(self._far.popleft(), Event.UNLOADED)

    def take(self) -> Batch | None:
        """Give the oldest batch to an outlet; None if there is none, or it is on the disk alone."""
        if not self._near and self._totals[State.DISK].batches:
            return None
        place = self._near or self._far
        if not place:
            return None
        entry = place.popleft()
        self._move(entry, Event.TAKEN)
        self._taken[id(entry.batch)] = entry
        return entry.batch

    def settle(self, batch: Batch) -> None:
        """Note that all of `batch`, which an outlet took, is delivered or lost."""
        if entry := self._taken.pop(id(batch), None):
            self._move(entry, Event.SETTLED)
            if entry.state is State.SETTLED:
                self._settled[entry.key] = None

    def find_taken(self, batch: Batch) -> Entry | None:
        """Return the entry of `batch` if both an outlet and the disk have it."""
        entry = self._taken.get(id(batch))
        return entry if entry and entry.state is State.TAKEN_BOTH else None

    def note_narrowed(self, entry: Entry, parts: Iterable[Batch], keys: Iterable[int]) -> None:
        """Note that the disk has `parts` instead of the whole batch that an outlet had taken."""
        del self._taken[id(entry.batch)]
        self._move(entry, Event.SETTLED)
        self._move(entry, Event.REMOVED)
        for batch, key in zip(parts, keys, strict=True):
            part = Entry(batch, State.TAKEN, key)
            self._count(State.TAKEN, batch, 1)
            self._move(part, Event.WRITTEN)
            self._taken[id(batch)] = part

    def list_unsaved(self) -> Iterator[Entry]:
        """Yield what memory alone has, the oldest first."""
        if self._totals[State.TAKEN].batches:
            yield from (entry for entry in self._taken.values() if entry.state is State.TAKEN)
        if self._totals[State.MEMORY].batches:
            yield from (entry for entry in chain(self._near, self._far) if entry.state is State.MEMORY)

    def list_settled(self) -> list[int]:
        """Return the keys of batches to remove from the disk."""
        return list(self._settled)

    def list_saved(self) -> list[Entry]:
        """Return the entries that both memory and disk have."""
        entries = chain(self._incoming.values(), self._near, self._far, self._taken.values())
        return [entry for entry in entries if entry.state in SPOOLED]

    def note_written(self, entries: Iterable[Entry], keys: Iterable[int]) -> None:
        """Note that the disk has taken `entries`; outlets may have taken and settled them meanwhile."""
        for entry, key in zip(entries, keys, strict=True):
            entry.key = key
            self._move(entry, Event.WRITTEN)
            if entry.state is State.SETTLED:
                self._settled[key] = None

    def note_removed(self, keys: Iterable[int]) -> None:
        """Note that the disk has removed the settled batches."""
        for key in keys:
            del self._settled[key]

    def load(self, stored: Iterable[tuple[int, Batch]]) -> bool:
        """Take what the disk has next, with keys above the cursor, as near; say whether there was anything.

        What memory has already is passed over.
        """
        own = [entry for entry in self.list_saved() if entry.state is not State.TAKEN_BOTH]
        newest = min((entry.key for entry in own), default=None)  # may be on the disk alone one day: not to be passed
        known = {entry.key for entry in self._taken.values() if entry.state is State.TAKEN_BOTH}
        before = self.cursor
        for key, batch in stored:
            if (newest is not None and key >= newest) or not self._totals[State.DISK].batches:
                break
            self.cursor = key
            if key not in known and key not in self._settled:
                entry = Entry(batch, State.DISK, key)
                self._move(entry, Event.LOADED)
                self._near.append(entry)
        return self.cursor > before

    def note_rescued(self, saved: list[Entry], settled: list[int], *, batches: int, lines: int) -> int:
        """Note that a new file has `saved` in the place of one that was lost, `batches` in all, and not `settled`.

        Returns:
            How many lines were on the disk alone and are not any more; negative if there are more than were known.
        """
        for key in settled:
            self._settled.pop(key, None)
        disk = self._totals[State.DISK]
        before = disk.lines
        disk.batches = max(0, batches - len(saved))
        disk.lines = max(0, lines - sum(entry.batch.lines for entry in saved))
        self.cursor = 0
        return before - disk.lines

    def lose_disk(self, *, keep_keys: bool) -> int:
        """Note that nothing the disk had can be used any more, and return how many lines were there alone.

        With `keep_keys` a batch is written again under its key: the next process may find it in the broken file, too.
        """
        for entry in self.list_saved():
            self._move(entry, Event.DISK_LOST)
            entry.key = entry.key if keep_keys else 0
            if entry.state is State.NEW:
                del self._incoming[id(entry.batch)]
        self._settled.clear()
        lost = self._totals[State.DISK].lines
        self._totals[State.DISK] = Total()
        return lost

    def inherit(self, *, batches: int, lines: int) -> None:
        """Note what an earlier process has left on the disk. Nothing of this one is there yet."""
        self._far.extendleft(reversed(self._near))
        self._near.clear()
        disk = self._totals[State.DISK]
        disk.batches, disk.lines = batches, lines
        self.cursor = 0

    def _has_memory_for(self, batch: Batch) -> bool:
        memory = self._totals[State.MEMORY]
        if self._max_batches is not None and memory.batches >= self._max_batches:
            return False
        return not memory.batches or memory.bytes + batch.size <= self._max_bytes

    def _move(self, entry: Entry, event: Event) -> None:
        before, after = entry.state, TRANSITIONS[entry.state, event]
        entry.state = after
        self._count(before, entry.batch, -1)
        self._count(after, entry.batch, 1)

    def _count(self, state: State, batch: Batch, times: int) -> None:
        if total := self._totals.get(state):
            total.batches += times
            total.lines += times * batch.lines
            if state is not State.DISK:  # whose entries are not in memory
                total.bytes += times * batch.size
