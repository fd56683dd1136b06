"""Damage, full disks and what is left of a spool after them."""

import resource
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shuttle.backlog import NAME, Backlog, Change
from shuttle.batch import Batch
from shuttle.database import MOST_BROKEN
from tests.helpers.batches import make_batch
from tests.helpers.virtual import Journal

FILE = f"{NAME}.sqlite"
KEYS = range(1, 61)
LENGTH = 20_000


def open_backlog(directory: Path, log: Journal | None = None) -> Backlog:
    backlog = Backlog(directory, most_bytes=1 << 40, log=log or Journal(), wall=lambda: 0.0, clock=lambda: 0.0)
    backlog.open()
    return backlog


def fill(directory: Path) -> None:
    backlog = open_backlog(directory)
    for key in KEYS:
        assert backlog.change([(key, make_batch(key, LENGTH))], []) is Change.DONE
    backlog.close()


def read_all(backlog: Backlog) -> dict[int, Batch]:
    """Read it to its end; what is broken is gone on without."""
    rows: dict[int, Batch] = {}
    while more := backlog.read(max(rows, default=0), 1 << 40):
        if isinstance(more, Change):
            assert more is Change.BROKEN
            backlog.rescue([])
        else:
            rows.update(more)
    return rows


def assert_sound(rows: dict[int, Batch]) -> None:
    assert list(rows) == sorted(rows)
    for key, batch in rows.items():
        assert batch.body == make_batch(key, LENGTH).body
        assert batch.id == make_batch(key).id


@pytest.mark.parametrize("damage", ["zeros", "text", "empty", "header", "directory"])
def test_a_file_that_is_none_is_set_aside_and_the_start_goes_on(tmp_path: Path, damage: str) -> None:
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
    assert backlog.change([(100, make_batch(100))], []) is Change.DONE
    assert backlog.batches == 1
    backlog.close()
    assert len(journal.named("spool.broken")) == 1
    assert len(list(tmp_path.glob(f"{FILE}.broken-*"))) == 1


@settings(max_examples=60, deadline=None)
@given(
    places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=40)), min_size=1),
    cut=st.floats(0.3, 2),
)
def test_of_a_file_with_any_damage_all_that_is_read_is_as_it_was_and_it_ends(
    places: list[tuple[float, bytes]], cut: float
) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        fill(directory)
        content = bytearray((directory / FILE).read_bytes())
        for place, data in places:
            offset = int(place * len(content))
            content[offset : offset + len(data)] = data
        (directory / FILE).write_bytes(content[: int(cut * len(content))])
        backlog = open_backlog(directory)
        assert_sound(read_all(backlog))
        assert backlog.change([(100, make_batch(100))], list(KEYS)) is Change.DONE
        assert list(read_all(backlog)) == [100]
        backlog.close()


def test_one_damaged_body_costs_one_batch(tmp_path: Path) -> None:
    fill(tmp_path)
    content = (tmp_path / FILE).read_bytes()
    middle = make_batch(30, LENGTH).body[:200]
    (tmp_path / FILE).write_bytes(content.replace(middle, bytes(200), 1))
    backlog = open_backlog(tmp_path)
    assert backlog.lines == len(KEYS)
    rows = read_all(backlog)
    assert set(rows) == set(KEYS) - {30}
    assert backlog.lines == len(KEYS) - 1
    assert_sound(rows)
    backlog.close()


def test_a_rescue_has_what_is_in_memory(tmp_path: Path) -> None:
    backlog = open_backlog(tmp_path)
    backlog.change([(key, make_batch(key, LENGTH, lines=10)) for key in KEYS], [])
    backlog.close()
    backlog = open_backlog(tmp_path)
    (tmp_path / FILE).write_bytes(bytes(100_000))
    assert backlog.change([], [1]) is Change.BROKEN
    assert backlog.rescue([(5, make_batch(5, LENGTH, lines=10))])
    assert backlog.lines == 10
    assert list(read_all(backlog)) == [5]
    backlog.close()


def test_what_was_set_aside_is_gone_through_again_if_the_process_was_killed_meanwhile(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / FILE).rename(tmp_path / f"{FILE}.broken-1")
    (tmp_path / f"{NAME}.salvaging").touch()
    backlog = open_backlog(tmp_path)
    rows = read_all(backlog)
    assert set(rows) == set(KEYS)
    backlog.close()
    assert not (tmp_path / f"{NAME}.salvaging").exists()
    backlog = open_backlog(tmp_path)
    assert backlog.change([], list(KEYS)) is Change.DONE
    backlog.close()
    assert open_backlog(tmp_path).batches == 0


def test_broken_files_do_not_fill_the_disk(tmp_path: Path) -> None:
    assert MOST_BROKEN > 1  # of checkpoints, which are small
    for _ in range(3):
        fill(tmp_path)
        (tmp_path / FILE).write_bytes(b"x" * 100_000)
        backlog = open_backlog(tmp_path)
        backlog.close()
    assert len(list(tmp_path.glob(f"{FILE}.broken-*"))) == 1


def test_a_full_disk_changes_nothing_is_told_once_and_so_is_its_end(tmp_path: Path) -> None:
    journal = Journal()
    backlog = open_backlog(tmp_path, journal)
    assert backlog.change([(1, make_batch(1, LENGTH))], []) is Change.DONE
    connection = backlog._database.connect()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}").fetchall()
    for key in (2, 3):
        assert backlog.change([(key, make_batch(key, 10 * LENGTH))], [1]) is Change.FAILED
    assert (backlog.batches, backlog.last_key) == (1, 1)
    assert list(read_all(backlog)) == [1]
    assert len(journal.named("spool.failed")) == 1
    connection.execute("PRAGMA max_page_count=100000").fetchall()
    assert backlog.change([(4, make_batch(4, 10 * LENGTH))], [1]) is Change.DONE
    assert list(read_all(backlog)) == [4]
    assert len(journal.named("spool.restored")) == 1
    backlog.close()


def test_a_row_that_was_changed_behind_its_back_is_broken(tmp_path: Path) -> None:
    fill(tmp_path)
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("UPDATE batches SET lines = 7 WHERE key = 3")
    database.close()
    backlog = open_backlog(tmp_path)
    assert backlog.read(0, 1 << 40) is Change.BROKEN
    backlog.rescue([])
    assert set(read_all(backlog)) == set(KEYS) - {3}
    backlog.close()


def test_a_disk_that_is_full_at_the_start_does_not_stop_it(tmp_path: Path) -> None:
    journal = Journal()
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        backlog = open_backlog(tmp_path, journal)
        assert backlog.change([(1, make_batch(1))], []) is Change.FAILED
        assert backlog.read(0, 1) == []
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert len(journal.named("spool.failed")) == 1
    assert backlog.change([(1, make_batch(1))], []) is Change.DONE
    assert len(journal.named("spool.restored")) == 1
    assert list(read_all(backlog)) == [1]
    backlog.close()
