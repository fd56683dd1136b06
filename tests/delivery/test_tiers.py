"""The states of the spool's batches: what each event makes of each, and in which order batches leave."""

import ast
import inspect
from typing import NamedTuple

import pytest

from shuttle.core.batch import OVERHEAD, Batch
from shuttle.delivery import tiers as module
from shuttle.delivery.tiers import TRANSITIONS, WINDOW, Event, State, Tiers
from tests.helpers.batches import make_batch
from tests.helpers.imports import find_imports

SIZE = 100 + OVERHEAD  # bytes of a batch below


class Fact(NamedTuple):
    phase: str
    in_memory: bool
    on_disk: bool


FACTS = {
    State.NEW: Fact("before", in_memory=True, on_disk=False),
    State.RECORDED: Fact("before", in_memory=True, on_disk=True),
    State.MEMORY: Fact("waiting", in_memory=True, on_disk=False),
    State.BOTH: Fact("waiting", in_memory=True, on_disk=True),
    State.DISK: Fact("waiting", in_memory=False, on_disk=True),
    State.TAKEN: Fact("taken", in_memory=True, on_disk=False),
    State.TAKEN_BOTH: Fact("taken", in_memory=True, on_disk=True),
    State.SETTLED: Fact("over", in_memory=False, on_disk=True),
    State.DONE: Fact("over", in_memory=False, on_disk=False),
}


def happen(event: Event, fact: Fact) -> Fact | None:
    """Return what holds after `event`; None if it cannot happen."""
    changed: dict[str, object] | None = None
    match event, fact:
        case Event.WRITTEN, Fact(_, _, False):
            changed = {"on_disk": True}
        case Event.OFFERED, Fact("before", _, _):
            changed = {"phase": "waiting"}
        case Event.UNLOADED, Fact("waiting", True, True):
            changed = {"in_memory": False}
        case Event.LOADED, Fact("waiting", False, True):
            changed = {"in_memory": True}
        case Event.TAKEN, Fact("waiting", True, _):
            changed = {"phase": "taken"}
        case Event.SETTLED, Fact("taken", _, _):
            changed = {"phase": "over", "in_memory": False}
        case Event.REMOVED, Fact("over", _, True):
            changed = {"on_disk": False}
        case Event.DISK_LOST, Fact(phase, in_memory, True):
            changed = {"phase": phase if in_memory else "over", "on_disk": False}
    return None if changed is None else Fact(**{**fact._asdict(), **changed})


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_a_transition_changes_what_its_event_says(state: State, event: Event) -> None:
    found = TRANSITIONS.get((state, event))
    assert (FACTS[found] if found else None) == happen(event, FACTS[state])


def test_it_knows_nothing_of_disks_and_waits_for_nothing() -> None:
    tree = ast.parse(inspect.getsource(module))
    assert {source for source, _ in find_imports(tree)} == {
        "collections",
        "collections.abc",
        "enum",
        "itertools",
        "shuttle.core.batch",
    }
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await)]


class Disk:
    """Gives keys, and has what was written; nothing of it fails."""

    def __init__(self, tiers: Tiers) -> None:
        self.tiers = tiers
        self.rows: dict[int, Batch] = {}
        self.last_key = 0

    def write(self, *batches: Batch) -> None:
        """Write what memory alone has, and `batches`, which come next."""
        entries = [*self.tiers.list_unsaved(), *self.tiers.announce(batches)]
        keys = [self.take(entry.batch) for entry in entries]
        self.tiers.note_written(entries, keys)
        self.tiers.unload()

    def take(self, batch: Batch) -> int:
        self.last_key += 1
        self.rows[self.last_key] = batch
        return self.last_key

    def remove(self) -> None:
        keys = self.tiers.list_settled()
        for key in keys:
            del self.rows[key]
        self.tiers.note_removed(keys)

    def load(self) -> bool:
        return self.tiers.load([(key, batch) for key, batch in self.rows.items() if key > self.tiers.cursor])


def make_tiers(max_bytes: int = 10 * SIZE, max_batches: int | None = None) -> tuple[Tiers, Disk]:
    tiers = Tiers(max_bytes=max_bytes, max_batches=max_batches)
    return tiers, Disk(tiers)


def offer(tiers: Tiers, *numbers: int, length: int = 100) -> list[bool]:
    """Offer batches while the disk fails."""
    return [tiers.offer(make_batch(number, length), in_memory=True) for number in numbers]


def put(disk: Disk, *numbers: int, length: int = 100) -> None:
    """Have the disk take batches, and offer them."""
    for batch in (make_batch(number, length) for number in numbers):
        disk.write(batch)
        assert disk.tiers.offer(batch, in_memory=False)
    disk.tiers.unload()


def drain(disk: Disk) -> list[int]:
    """Return the numbers of all that waits, in the order in which it leaves."""
    numbers = []
    while len(disk.tiers):
        if disk.tiers.must_load:
            assert disk.load()
        batch = disk.tiers.take()
        assert batch
        numbers.append(int(batch.id, 16))
    assert disk.tiers.take() is None
    return numbers


def test_what_was_not_written_is_refused_while_the_disk_works() -> None:
    tiers, disk = make_tiers()
    batch = make_batch(1)
    assert not tiers.offer(batch, in_memory=False)
    disk.write(batch)
    assert tiers.offer(batch, in_memory=False)


@pytest.mark.parametrize(
    ("max_bytes", "max_batches", "taken"),
    [(3 * SIZE, None, 3), (3 * SIZE - 1, None, 2), (100 * SIZE, 2, 2), (0, None, 1)],
)
def test_memory_takes_what_both_bounds_allow(max_bytes: int, max_batches: int | None, taken: int) -> None:
    tiers, disk = make_tiers(max_bytes, max_batches)
    put(disk, *range(10, 20))  # those on the disk do not count
    assert offer(tiers, *range(5)) == [True] * taken + [False] * (5 - taken)


def test_what_an_outlet_has_leaves_memory_its_room() -> None:
    tiers, _ = make_tiers(2 * SIZE)
    assert offer(tiers, 1, 2, 3) == [True, True, False]
    assert tiers.take()
    assert offer(tiers, 3) == [True]


def test_batches_leave_in_order_through_every_place() -> None:
    tiers, disk = make_tiers()
    third = WINDOW // 3
    put(disk, 1, 2, length=third)  # near
    put(disk, 3, 4, length=third)  # on the disk alone
    assert offer(tiers, 5, 6) == [True, True]  # far
    assert len(tiers) == 6
    assert drain(disk) == [1, 2, 3, 4, 5, 6]


def test_far_is_on_the_disk_alone_once_it_is_written() -> None:
    tiers, disk = make_tiers()
    put(disk, 1, 2, 3, length=WINDOW // 2)
    offer(tiers, 4, 5)
    disk.write()
    in_memory = [entry.batch for entry in tiers.list_saved()]
    assert [int(batch.id, 16) for batch in in_memory] == [1]
    assert drain(disk) == [1, 2, 3, 4, 5]


def test_near_is_in_memory_and_on_the_disk_once_it_is_written() -> None:
    tiers, disk = make_tiers()
    offer(tiers, 1, 2)
    assert tiers.spooled == 0
    disk.write()
    assert tiers.spooled == 2
    assert [int(entry.batch.id, 16) for entry in tiers.list_saved()] == [1, 2]
    assert drain(disk) == [1, 2]


def test_what_the_disk_alone_has_takes_no_memory() -> None:
    tiers, disk = make_tiers()
    put(disk, *range(1, 2000), length=10_000)
    places = (tiers._incoming, tiers._near, tiers._far, tiers._taken, tiers._settled)
    assert len(tiers) == 1999
    assert sum(map(len, places)) < WINDOW // 10_000


def test_what_is_settled_is_not_spooled_and_leaves_the_disk() -> None:
    tiers, disk = make_tiers()
    put(disk, 1, 2)
    batch = tiers.take()
    assert batch
    assert tiers.spooled == 2
    tiers.settle(batch)
    assert (tiers.spooled, tiers.list_settled(), tiers.is_due) == (1, [1], True)
    disk.remove()
    assert (tiers.list_settled(), tiers.is_due) == ([], False)


def test_what_is_settled_while_it_is_written_is_removed() -> None:
    tiers, _ = make_tiers()
    offer(tiers, 1)
    entries = list(tiers.list_unsaved())
    batch = tiers.take()
    assert batch
    tiers.settle(batch)
    tiers.note_written(entries, [7])
    assert (tiers.spooled, tiers.list_settled()) == (0, [7])


def test_what_was_announced_and_not_written_is_forgotten() -> None:
    tiers, _ = make_tiers()
    batch = make_batch(1)
    entries = tiers.announce([batch])
    assert tiers.announce([batch]) == []
    tiers.dismiss(entries)
    assert len(tiers.announce([batch])) == 1


def test_what_is_offered_while_it_is_written_is_there_once() -> None:
    tiers, disk = make_tiers()
    batch = make_batch(1)
    entries = tiers.announce([batch])
    assert tiers.offer(batch, in_memory=True)
    tiers.note_written(entries, [disk.take(batch)])
    tiers.dismiss(entries)
    assert tiers.spooled == 1
    assert drain(disk) == [1]


def test_a_lost_disk_leaves_what_memory_has() -> None:
    tiers, disk = make_tiers()
    put(disk, 1, 2, 3, 4, length=WINDOW // 2 - OVERHEAD)
    batch = tiers.take()
    assert batch
    assert tiers.lose_disk(keep_keys=False) == 2
    assert tiers.spooled == 0
    assert [int(entry.batch.id, 16) for entry in tiers.list_unsaved()] == [1, 2]
    disk.rows.clear()
    disk.write()
    assert tiers.spooled == 2
    tiers.settle(batch)
    assert tiers.spooled == 1
    assert drain(disk) == [2]


@pytest.mark.parametrize("keep_keys", [True, False])
def test_a_batch_keeps_its_key_if_the_broken_file_may_have_it(*, keep_keys: bool) -> None:
    tiers, disk = make_tiers()
    put(disk, 1, 2)
    tiers.lose_disk(keep_keys=keep_keys)
    assert [entry.key for entry in tiers.list_unsaved()] == ([1, 2] if keep_keys else [0, 0])


def test_what_was_settled_is_forgotten_with_the_disk() -> None:
    tiers, disk = make_tiers()
    put(disk, 1)
    batch = tiers.take()
    assert batch
    tiers.settle(batch)
    assert tiers.lose_disk(keep_keys=True) == 0
    assert tiers.list_settled() == []


def test_what_was_only_recorded_is_forgotten_with_the_disk() -> None:
    tiers, disk = make_tiers()
    batch = make_batch(1)
    disk.write(batch)
    assert tiers.lose_disk(keep_keys=True) == 0
    assert not tiers.offer(batch, in_memory=False)
    assert len(tiers.announce([batch])) == 1


def test_what_an_earlier_process_left_is_older() -> None:
    tiers, disk = make_tiers()
    offer(tiers, 3, 4, 5)
    assert tiers.take()
    for number in (1, 2):
        disk.take(make_batch(number))
    tiers.inherit(batches=2, lines=2)
    assert tiers.spooled == 2
    disk.write()
    assert tiers.spooled == 5
    assert drain(disk) == [1, 2, 4, 5]


def test_a_rescue_counts_what_is_missing() -> None:
    tiers, disk = make_tiers()
    put(disk, 1, 2, 3, 4, length=WINDOW // 2 - OVERHEAD)
    batch = tiers.take()
    assert batch
    tiers.settle(batch)
    saved, settled = tiers.list_saved(), tiers.list_settled()
    del disk.rows[1], disk.rows[3]
    assert tiers.note_rescued(saved, settled, batches=2, lines=2) == 1
    assert (len(tiers), tiers.spooled, tiers.list_settled()) == (2, 2, [])
    assert drain(disk) == [2, 4]


def test_a_rescue_finds_what_had_been_removed() -> None:
    """A write-ahead log that is broken takes the latest changes with it."""
    tiers, disk = make_tiers()
    for number in (1, 2, 3):
        disk.take(make_batch(number))
    tiers.inherit(batches=3, lines=3)
    assert disk.load()
    for _ in range(2):
        batch = tiers.take()
        assert batch
        tiers.settle(batch)
    disk.remove()
    disk.rows = {1: make_batch(1), **disk.rows}
    assert tiers.note_rescued(tiers.list_saved(), [], batches=2, lines=2) == -1
    assert (len(tiers), tiers.spooled) == (2, 2)
    assert drain(disk) == [3, 1]


def test_nothing_to_load_is_said() -> None:
    tiers, disk = make_tiers()
    put(disk, 1, length=2 * WINDOW)
    assert tiers.must_load
    disk.rows.clear()
    assert not disk.load()


def test_what_is_about_to_be_offered_is_not_loaded() -> None:
    tiers, disk = make_tiers()
    put(disk, 1, length=2 * WINDOW)
    batch = make_batch(2)
    disk.write(batch)
    assert disk.load()
    assert tiers.cursor == 1
    assert tiers.offer(batch, in_memory=False)
    assert drain(disk) == [1, 2]


def test_what_is_recorded_does_not_stand_in_for_what_is_missing() -> None:
    tiers, disk = make_tiers()
    put(disk, 1, 2, length=2 * WINDOW)
    batch = make_batch(3)
    disk.write(batch)
    del disk.rows[2]
    assert disk.load()
    assert (len(tiers), tiers.cursor) == (2, 1)
    assert tiers.take() == make_batch(1, 2 * WINDOW)
    assert not disk.load()
