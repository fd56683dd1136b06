"""Damage, full disks and what is left of a spool after them."""

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shuttle.core.batch import Batch
from shuttle.store.backlog import MOST_BROKEN, NAME, Backlog, DiskFault
from shuttle.store.batch_table import StoredBatch
from tests.helpers.batches import make_batch
from tests.helpers.disks import make_scratch
from tests.helpers.limits import files_of_at_most
from tests.helpers.virtual import Journal
from tests.store.test_backlog import write

FILE = f"{NAME}.sqlite"
KEYS = range(1, 61)
LENGTH = 20_000


def open_backlog(directory: Path, log: Journal | None = None) -> Backlog:
    return Backlog.open(directory, most_bytes=1 << 40, log=log or Journal(), wall=lambda: 1000.0, clock=lambda: 0.0)


def fill(directory: Path) -> None:
    backlog = open_backlog(directory)
    for key in KEYS:
        assert write(backlog, [make_batch(key, LENGTH)], []) == [key]
    backlog.close()


def damage_a_body(directory: Path, key: int) -> None:
    content = (directory / FILE).read_bytes()
    (directory / FILE).write_bytes(content.replace(make_batch(key, LENGTH).body[:200], bytes(200), 1))


def read_all(backlog: Backlog) -> dict[int, Batch]:
    """Read it to its end; what is broken is gone on without."""
    rows: dict[int, Batch] = {}
    while more := backlog.read(max(rows, default=0), 1 << 40):
        if isinstance(more, DiskFault):
            assert more is DiskFault.BROKEN
            backlog.rescue([], (), 0)
        else:
            rows.update(more)
    return rows


def assert_sound(rows: dict[int, Batch]) -> None:
    assert list(rows) == sorted(rows)
    for key, batch in rows.items():
        assert batch.body == make_batch(key, LENGTH).body
        assert batch.id == make_batch(key).id


@pytest.mark.parametrize("damage", ["zeros", "text", "empty", "header", "directory"])
def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path, damage: str) -> None:
    fill(tmp_path)
    path = tmp_path / FILE
    content = path.read_bytes()
    if damage == "directory":
        path.unlink()
        path.mkdir()
    else:
        wrong = {"zeros": bytes(len(content)), "text": b"hello " * 1000, "empty": b"", "header": b"x" + content[1:]}
        path.write_bytes(wrong[damage])
    journal = Journal()
    backlog = open_backlog(tmp_path, journal)
    assert read_all(backlog) == {}
    assert isinstance(write(backlog, [make_batch(100)], []), list)
    assert backlog.batches == 1
    backlog.close()
    assert len(journal.named("spool.broken")) == 1
    assert len(list(tmp_path.glob(f"{FILE}.broken-*"))) == 1


@settings(max_examples=60)
@given(
    places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=40)), min_size=1),
    cut=st.floats(0.3, 2),
)
def test_what_is_read_of_a_damaged_file_is_as_it_was(places: list[tuple[float, bytes]], cut: float) -> None:
    with make_scratch() as name:
        directory = Path(name)
        fill(directory)
        content = bytearray((directory / FILE).read_bytes())
        for place, data in places:
            offset = int(place * len(content))
            content[offset : offset + len(data)] = data
        (directory / FILE).write_bytes(content[: int(cut * len(content))])
        backlog = open_backlog(directory)
        assert_sound(read_all(backlog))
        assert isinstance(new := write(backlog, [make_batch(100)], list(KEYS)), list)
        assert list(read_all(backlog)) == new
        backlog.close()


@pytest.mark.parametrize("length", [0, 300, 3585, 3600, 8000, 16_400])
def test_one_that_is_whole_is_not_taken_for_a_broken_one(tmp_path: Path, length: int) -> None:
    """Whatever the batches take of a page: `measure` rounds up."""
    backlog = open_backlog(tmp_path)
    write(backlog, [make_batch(key, length or 3) for key in range(1, 1001)], [])
    backlog.close()
    journal = Journal()
    backlog = open_backlog(tmp_path, journal)
    assert backlog.batches == 1000
    backlog.close()
    assert journal.events == []


def test_one_damaged_body_costs_one_batch(tmp_path: Path) -> None:
    fill(tmp_path)
    damage_a_body(tmp_path, 30)
    backlog = open_backlog(tmp_path)
    assert backlog.lines == len(KEYS)
    rows = read_all(backlog)
    assert set(rows) == set(KEYS) - {30}
    assert backlog.lines == len(KEYS) - 1
    assert_sound(rows)
    backlog.close()


def test_a_rescue_has_what_is_in_memory(tmp_path: Path) -> None:
    backlog = open_backlog(tmp_path)
    write(backlog, [make_batch(key, LENGTH, lines=10) for key in KEYS], [])
    backlog.close()
    backlog = open_backlog(tmp_path)
    (tmp_path / FILE).write_bytes(bytes(100_000))
    assert write(backlog, [], [1]) is DiskFault.BROKEN
    assert backlog.rescue([StoredBatch(5, make_batch(5, LENGTH, lines=10))], (), 590)
    assert backlog.lines == 10
    assert list(read_all(backlog)) == [5]
    backlog.close()


def test_a_salvage_that_was_killed_is_begun_again(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / FILE).rename(tmp_path / f"{FILE}.broken-1")
    (tmp_path / f"{NAME}.salvaging").touch()
    backlog = open_backlog(tmp_path)
    rows = read_all(backlog)
    assert set(rows) == set(KEYS)
    backlog.close()
    assert not (tmp_path / f"{NAME}.salvaging").exists()
    backlog = open_backlog(tmp_path)
    assert write(backlog, [], list(KEYS)) == []
    backlog.close()
    assert open_backlog(tmp_path).batches == 0


def test_broken_files_do_not_fill_the_disk(tmp_path: Path) -> None:
    for _ in range(3):
        fill(tmp_path)
        (tmp_path / FILE).write_bytes(b"x" * 100_000)
        backlog = open_backlog(tmp_path)
        backlog.close()
    assert len(list(tmp_path.glob(f"{FILE}.broken-*"))) == 1


def test_a_full_disk_changes_nothing_and_is_told_of_once(tmp_path: Path) -> None:
    journal = Journal()
    backlog = open_backlog(tmp_path, journal)
    assert write(backlog, [make_batch(1, LENGTH)], []) == [1]
    connection = backlog._database.connect()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}").fetchall()
    for key in (2, 3):
        assert write(backlog, [make_batch(key, 10 * LENGTH)], [1]) is DiskFault.FAILED
    assert backlog.batches == 1
    assert list(read_all(backlog)) == [1]
    assert len(journal.named("spool.failed")) == 1
    connection.execute("PRAGMA max_page_count=100000").fetchall()
    assert write(backlog, [make_batch(4, 10 * LENGTH)], [1]) == [4]
    assert list(read_all(backlog)) == [4]
    backlog.note_success()
    assert len(journal.named("spool.restored")) == 1
    backlog.close()


def test_a_row_that_was_changed_behind_its_back_is_broken(tmp_path: Path) -> None:
    fill(tmp_path)
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("UPDATE batches SET born = 7 WHERE key = 3")
    database.close()
    backlog = open_backlog(tmp_path)
    assert backlog.read(0, 1 << 40) is DiskFault.BROKEN
    backlog.rescue([], (), len(KEYS))
    assert set(read_all(backlog)) == set(KEYS) - {3}
    backlog.close()


def test_a_disk_that_is_full_at_the_start_does_not_stop_it(tmp_path: Path) -> None:
    journal = Journal()
    with files_of_at_most(0):
        backlog = open_backlog(tmp_path, journal)
        for _ in range(2):
            assert not backlog.begin()
            assert write(backlog, [make_batch(1)], []) is DiskFault.FAILED
            assert backlog.read(0, 1) is DiskFault.FAILED
    assert len(journal.named("spool.failed")) == 1
    assert backlog.begin()
    backlog.note_success()
    assert len(journal.named("spool.restored")) == 1
    assert write(backlog, [make_batch(1)], []) == [1]
    assert list(read_all(backlog)) == [1]
    backlog.close()


@pytest.mark.parametrize("length", [0, 50_000, 400_000])
def test_the_next_process_salvages_what_had_no_room(tmp_path: Path, length: int) -> None:
    """The limits: for no file at all, for its tables, for some of it."""
    fill(tmp_path)
    damage_a_body(tmp_path, 30)
    journal = Journal()
    backlog = open_backlog(tmp_path, journal)
    assert backlog.read(0, 1 << 40) is DiskFault.BROKEN
    with files_of_at_most(length):
        assert backlog.rescue([], (), len(KEYS)) is (length > 0)
    assert [event["complete"] for event in journal.named("spool.salvaged")] == [False] * (length > 0)
    assert backlog.batches < len(KEYS) - 1
    backlog.close()
    backlog = open_backlog(tmp_path)
    rows = read_all(backlog)
    assert set(rows) == set(KEYS) - {30}
    assert_sound(rows)
    backlog.close()


def test_a_file_that_cannot_be_set_aside_is_left_to_the_next(tmp_path: Path) -> None:
    """What is in memory is written as soon as it can be."""
    fill(tmp_path)
    damage_a_body(tmp_path, 30)
    journal = Journal()
    backlog = open_backlog(tmp_path, journal)
    assert backlog.read(0, 1 << 40) is DiskFault.BROKEN
    in_the_way = [tmp_path / f"{FILE}.broken-{number}" for number in range(1, MOST_BROKEN + 1)]
    for path in in_the_way:
        path.mkdir()
    held = make_batch(1, LENGTH)
    assert not backlog.rescue([StoredBatch(1, held)], (), len(KEYS))
    for _ in range(2):
        assert (backlog.batches, backlog.lines, backlog.bytes, backlog.oldest) == (0, 0, 0, None)
        assert backlog.read(0, 1) is DiskFault.FAILED
        assert write(backlog, [held], []) is DiskFault.FAILED
        assert not backlog.begin()
    assert len(journal.named("spool.failed")) == 1
    for path in in_the_way:
        path.rmdir()
    assert backlog.begin()
    assert isinstance(keys := write(backlog, [held], []), list)
    assert list(read_all(backlog)) == keys
    backlog.note_success()
    assert len(journal.named("spool.restored")) == 1
    backlog.close()
    backlog = open_backlog(tmp_path)
    assert set(read_all(backlog)) == {*KEYS, *keys} - {30}
    backlog.close()


def test_a_key_of_what_is_yet_to_be_salvaged_is_not_given_again(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / FILE).rename(tmp_path / f"{FILE}.broken-1")
    (tmp_path / f"{NAME}.salvaging").touch()
    with files_of_at_most(50_000):
        backlog = open_backlog(tmp_path)
        assert backlog.batches == 0
        assert backlog.last_key > KEYS[-1]
    backlog.close()


def test_a_broken_file_is_not_mixed_with_the_log_of_an_older_one(tmp_path: Path) -> None:
    backlog = open_backlog(tmp_path)
    write(backlog, [make_batch(1, LENGTH)], [])
    shutil.copy(tmp_path / f"{FILE}-wal", tmp_path / f"{FILE}.broken-1-wal")
    write(backlog, [], [1])
    backlog.close()
    (tmp_path / FILE).write_bytes(bytes(100_000))
    backlog = open_backlog(tmp_path)
    assert read_all(backlog) == {}
    backlog.close()


def test_a_file_that_may_only_be_read_is_not_broken(tmp_path: Path) -> None:
    backlog = open_backlog(tmp_path)
    assert write(backlog, [make_batch(1)], []) == [1]
    connection = backlog._database.connect()
    connection.execute("PRAGMA query_only=ON")
    assert write(backlog, [make_batch(2)], [1]) is DiskFault.FAILED
    assert list(read_all(backlog)) == [1]
    connection.execute("PRAGMA query_only=OFF")
    assert write(backlog, [make_batch(2)], [1]) == [3]
    assert list(read_all(backlog)) == [3]
    backlog.close()


@pytest.mark.parametrize("wrong", ["lines = 1000000", "lines = 0", "lines = -5", "frames = 0", "size = 1 << 40"])
def test_totals_that_cannot_be_right_are_not_believed(tmp_path: Path, wrong: str) -> None:
    fill(tmp_path)
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute(f"UPDATE batches SET {wrong} WHERE key = 3")
    database.close()
    journal = Journal()
    backlog = open_backlog(tmp_path, journal)
    assert len(journal.named("spool.broken")) == 1
    missing = 0 if wrong.startswith("size") else 1  # which is not part of what a checksum is of
    assert backlog.lines == backlog.batches == len(KEYS) - missing
    backlog.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB: a limit of a file's size would leave the log its room."""
    point = tmp_path / "disk"
    point.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", point], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("only root may mount a file system")
    yield point
    subprocess.run(["umount", "--lazy", point], check=True)


def test_a_disk_that_it_has_filled_itself_is_emptied_again(small_disk: Path) -> None:
    backlog = open_backlog(small_disk / "spool")
    keys: list[int] = []
    while isinstance(new := write(backlog, [make_batch(1, 90_000)], []), list):
        keys += new
    assert len(keys) > 100
    assert write(backlog, [], keys) is DiskFault.FAILED
    assert backlog.shrink(keys[:-20], nothing_else=False) == keys[:-20]
    assert list(read_all(backlog)) == keys[-20:]
    new = write(backlog, [make_batch(1, 90_000)], [])
    assert isinstance(new, list)
    backlog.close()
    backlog = open_backlog(small_disk / "spool")
    assert list(read_all(backlog)) == [*keys[-20:], *new]
    backlog.close()


def test_after_the_end_nothing_is_touched(tmp_path: Path) -> None:
    backlog = open_backlog(tmp_path)
    write(backlog, [make_batch(1)], [])
    backlog.close()
    assert write(backlog, [make_batch(2)], [1]) is DiskFault.FAILED
    other = open_backlog(tmp_path)
    assert list(read_all(other)) == [1]
    other.close()
    assert not list(tmp_path.glob(f"{FILE}.broken-*"))
