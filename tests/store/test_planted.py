"""Rows that somebody else has written, with the right checksums, are set aside and never used."""

import json
import math
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import pytest

from shuttle.core.batch import OVERHEAD
from shuttle.core.position import Span
from shuttle.store.access import bounded
from shuttle.store.checkpoint_table import Plan
from shuttle.store.checkpoints import FILE, Checkpoints
from shuttle.store.sqlite_errors import is_broken
from tests.helpers.batches import make_batch
from tests.helpers.checkpoints import STAMP, State, make_fingerprint, opened, read
from tests.helpers.virtual import Journal
from tests.store.test_backlog import read_all, write
from tests.store.test_private import open_backlog

ID = "0" * 31 + "1"
BODY = b"frame" * 10
ROW = {"key": 1, "id": ID, "born": 1000.0, "lines": 2, "frames": 3, "long": "[[1, 2]]"}
HASH = "68" * 16
FILE_ROW = ["/var/log/a.log", 1, 7, 100, 100, HASH, HASH, "/mnt/log/a.log", 200, False]
SPAN = [1, 0, 100, 3, STAMP]


def plant_batch(directory: Path, **changes: object) -> None:
    """Write a row as `insert` does, but with `changes`."""
    row = tuple((ROW | changes).values())
    checksum = zlib.crc32(BODY, zlib.crc32(repr(row).encode()))
    with closing(sqlite3.connect(directory / "spool.sqlite")) as database, database:
        database.execute("INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, len(BODY) + OVERHEAD, checksum))
        database.execute("INSERT INTO bodies VALUES (?, ?)", (row[0], BODY))


def test_a_batch_planted_right_is_read(tmp_path: Path) -> None:
    open_backlog(tmp_path).close()
    plant_batch(tmp_path)
    backlog = open_backlog(tmp_path)
    (batch,) = read_all(backlog).values()
    assert (batch.id, batch.lines, batch.frames, batch.long) == (ID, 2, 3, ((1, 2),))
    backlog.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "a\r\nX-Injected: yes" + "a" * 15},
        {"id": "0" * 30 + "\r\n"},
        {"id": "A" * 32},
        {"id": "0" * 31},
        {"id": ID + "\0"},
        {"born": math.inf},
        {"born": -1e300},
        {"born": 1e12},
        {"lines": -2},
        {"lines": 0, "frames": 1},
        {"lines": 4},
        {"lines": 1 << 62},
        {"lines": "many"},
        {"frames": 1},
        {"frames": "many"},
        {"frames": 1 << 62, "long": f"[[0, {(1 << 62) - 1}]]"},
        {"frames": 17, "long": "[[1, 16]]"},
        {"frames": 4},
        {"long": "[[1, -2]]"},
        {"long": "[[7, 2]]"},
        {"long": "[[0, 1], [1, 2]]"},
        {"long": '[["1", 2]]'},
        {"long": "[[true, 2]]"},
        {"long": "[1]"},
        {"long": "[[1, 2, 3]]"},
        {"long": "{}", "frames": 2},
        {"long": "7"},
        {"long": "[" * 100_000},
        {"key": -1},
        {"key": (1 << 63) - 1},
    ],
    ids=",".join,
)
def test_a_planted_batch_is_not_sent(changes: dict[str, object], tmp_path: Path) -> None:
    open_backlog(tmp_path).close()
    plant_batch(tmp_path, **changes)
    journal = Journal()
    backlog = open_backlog(tmp_path, journal)
    if not journal.named("spool.broken"):  # only whoever reads the row can tell
        assert not isinstance(backlog.read(0, 1 << 20), list)
        assert backlog.rescue((), (), 2)
    assert len(journal.named("spool.broken")) == 1
    assert (backlog.batches, backlog.lines) == (0, 0)
    assert write(backlog, [], []) == []
    backlog.close()


def plant_checkpoint(directory: Path, table: str, content: bytes, key: int = 1) -> None:
    with closing(sqlite3.connect(directory / FILE)) as database, database:
        row = (key, content, zlib.crc32(content, key & 0xFFFFFFFF))
        database.execute(f"INSERT INTO {table} VALUES (?, ?, ?)", row)


def test_checkpoints_planted_right_are_read(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    plant_checkpoint(tmp_path, "files", json.dumps(FILE_ROW).encode())
    plant_checkpoint(tmp_path, "plans", json.dumps([ID, [SPAN]]).encode())
    with opened(tmp_path) as store:
        (file,), (plan,) = read(store)
    assert (file.number, file.path, file.fingerprint.offset) == (1, FILE_ROW[0], 100)
    assert plan == Plan(ID, (Span(1, 0, 100, 3, STAMP),))


def vary(row: list[object], place: int, *values: object) -> list[bytes]:
    return [json.dumps([*row[:place], value, *row[place + 1 :]]).encode() for value in values]


def vary_span(place: int, *values: object) -> list[bytes]:
    span = [*SPAN, 0]
    return [json.dumps([ID, [[*span[:place], value, *span[place + 1 :]]]]).encode() for value in values]


@pytest.mark.parametrize(
    ("table", "content"),
    [
        *[
            ("files", content)
            for content in [
                *vary(FILE_ROW, 0, "", "a\0b", 7, None, "\ud800"),
                *vary(FILE_ROW, 1, -1, "1", 1.0, True),
                *vary(FILE_ROW, 2, -1, 1 << 65),
                *vary(FILE_ROW, 3, -1, 1 << 63),
                *vary(FILE_ROW, 4, -1, 1025, 1 << 40),
                *vary(FILE_ROW, 5, "", "00", "zz", 7),
                *vary(FILE_ROW, 6, "", "00", None),
                *vary(FILE_ROW, 7, "a\0b", 7, None),
                *vary(FILE_ROW, 8, -1, "1", None),
                *vary(FILE_ROW, 9, 0, 1, "", None),
                *[b"[]", b"{}", b"7", b"null", b"[" * 100_000, b"\xff"],
            ]
        ],
        *[
            ("plans", content)
            for content in [
                *vary([ID, []], 0, "a\r\nX-Injected: yes", "", 7, None, "A" * 32),
                *vary([ID, []], 1, 7, None, [7], [[]]),
                *vary_span(0, 0, -1, "1"),
                *vary_span(1, -1, 100, 0.5),
                *vary_span(2, 0, 1 << 63, "9"),
                *vary_span(3, -3, 0, 101, "3", True),
                *vary_span(4, f"{STAMP}\n<6>1 forged", STAMP.replace("T", " "), "", 7, None, "\uff12" + STAMP[1:]),
                *vary_span(5, -1, 98, 1 << 63, "1", None),
            ]
        ],
    ],
)
def test_a_planted_checkpoint_is_not_used(table: str, content: bytes, tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    plant_checkpoint(tmp_path, table, content)
    journal = Journal()
    store = Checkpoints.open(tmp_path, journal)
    assert read(store) == State([], [])
    assert len(journal.named("state.broken")) == 1
    store.close()


@pytest.mark.parametrize("key", [-1, 0, (1 << 63) - 1])
def test_a_planted_number_leaves_room_for_others(key: int, tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    plant_checkpoint(tmp_path, "files", json.dumps(FILE_ROW).encode(), key)
    with opened(tmp_path, quiet=False) as store:
        assert store.enroll(Path("a"), make_fingerprint()) == 1


def test_two_plans_with_one_id_are_set_aside(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    for key in (1, 2):
        plant_checkpoint(tmp_path, "plans", json.dumps([ID, [SPAN]]).encode(), key)
    with opened(tmp_path, quiet=False) as store:
        assert store.plans() == []


def test_what_has_no_end_is_broken() -> None:
    numbers = "WITH RECURSIVE n(k) AS (SELECT 0 UNION ALL SELECT 0 FROM n) SELECT count(*) FROM n"
    with closing(sqlite3.connect(":memory:")) as connection:
        with bounded(connection), pytest.raises(sqlite3.OperationalError) as caught:
            connection.execute(numbers).fetchone()
        assert is_broken(caught.value)
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_an_endless_trigger_is_set_aside(tmp_path: Path) -> None:
    open_backlog(tmp_path).close()
    numbers = "WITH RECURSIVE n(k) AS (SELECT 0 UNION ALL SELECT 0 FROM n) SELECT count(*) FROM n"
    with closing(sqlite3.connect(tmp_path / "spool.sqlite")) as database:
        database.execute(f"CREATE TRIGGER mine AFTER INSERT ON batches BEGIN SELECT ({numbers}); END")
    journal = Journal()
    backlog = open_backlog(tmp_path, journal)
    assert len(journal.named("spool.broken")) == 1
    assert write(backlog, [make_batch(1)], []) == [1]
    backlog.close()
