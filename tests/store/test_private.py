"""What another user has put in place, or can change, is not used."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from shuttle.errors import ConfigError
from shuttle.store.backlog import Backlog
from shuttle.store.checkpoints import Checkpoints
from shuttle.store.reserve import Reserve
from tests.helpers.batches import make_batch
from tests.helpers.disks import NOBODY
from tests.helpers.virtual import Journal
from tests.store.test_backlog import FILES, read_all, write

MIB = 1 << 20
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to others")


def open_backlog(directory: Path, journal: Journal | None = None) -> Backlog:
    return Backlog.open(
        directory, most_bytes=64 * MIB, log=journal or Journal(), wall=lambda: 1000.0, clock=lambda: 0.0
    )


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A spool that has a batch."""
    directory = tmp_path / "filled"
    backlog = open_backlog(directory)
    assert write(backlog, [make_batch(1)], []) == [1]
    backlog.close()
    return directory


def make_public(directory: Path) -> None:
    directory.chmod(0o777)


def let_a_group_write(directory: Path) -> None:
    directory.chmod(0o770)


def put_behind_link(directory: Path) -> None:
    directory.rename(directory.with_name("real"))
    directory.symlink_to("real")


def give_away(directory: Path) -> None:
    os.chown(directory, NOBODY, -1)


def link_lock(directory: Path) -> None:
    for name in ("spool", "checkpoints"):
        lock = directory / f"{name}.lock"
        lock.unlink(missing_ok=True)
        lock.symlink_to(directory.with_name("victim"))


@pytest.mark.parametrize(
    "change", [make_public, let_a_group_write, put_behind_link, pytest.param(give_away, marks=as_root), link_lock]
)
def test_a_directory_that_others_control_is_refused(change: Callable[[Path], None], filled: Path) -> None:
    change(filled)
    with pytest.raises(
        ConfigError, match=r"^-spool [^\n]+: must be a directory that belongs to this user alone[^\n]+$"
    ):
        open_backlog(filled)
    with pytest.raises(
        ConfigError, match=r"^-state-dir [^\n]+: must be a directory that belongs to this user alone[^\n]+$"
    ):
        Checkpoints.open(filled, Journal())
    assert not filled.with_name("victim").exists()


def test_a_link_above_the_directory_is_followed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "spools").symlink_to("data")
    open_backlog(tmp_path / "spools" / "mine").close()
    assert (tmp_path / "data" / "mine" / "spool.sqlite").is_file()


def test_directories_are_made_for_this_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        open_backlog(tmp_path / "a" / "b" / "c").close()
    finally:
        os.umask(before)
    for path in ("a", "a/b", "a/b/c"):
        assert (tmp_path / path).stat().st_mode & 0o777 == 0o700


def link_softly(path: Path, other: Path) -> None:
    path.symlink_to(other)


def link_hard(path: Path, other: Path) -> None:
    path.hardlink_to(other)


@pytest.mark.parametrize("link", [link_softly, link_hard])
def test_another_agents_spool_is_not_sent(link: Callable[[Path, Path], None], filled: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    link(mine / "spool.sqlite", filled / "spool.sqlite")
    journal = Journal()
    backlog = open_backlog(mine, journal)
    assert read_all(backlog) == {}
    assert len(journal.named("spool.broken")) == 1
    backlog.close()
    (mine / "spool.sqlite.broken-1").unlink()
    other = open_backlog(filled)
    assert list(read_all(other)) == [1]
    other.close()


@as_root
@pytest.mark.parametrize("side", ["", "-wal", "-journal"])
def test_another_users_file_is_not_used(side: str, filled: Path) -> None:
    path = filled / f"spool.sqlite{side}"
    path.touch()
    path.chmod(0o666)
    os.chown(path, NOBODY, -1)
    journal = Journal()
    backlog = open_backlog(filled, journal)
    write(backlog, [make_batch(2)], [])
    assert len(journal.named("spool.broken")) == 1
    for name in filled.glob(FILES):
        assert name.stat().st_uid == 0 or "broken" in name.name
    backlog.close()


@pytest.mark.parametrize("link", [link_softly, link_hard])
def test_an_index_that_is_a_link_is_made_anew(link: Callable[[Path, Path], None], filled: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"another program's")
    link(filled / "spool.sqlite-shm", other)
    backlog = open_backlog(filled)
    assert (backlog.lines, backlog.missing) == (1, 0)
    backlog.close()
    assert other.read_bytes() == b"another program's"


def test_a_fifo_in_its_place_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "spool.sqlite")
    os.mkfifo(tmp_path / "spool.reserve")
    backlog = open_backlog(tmp_path)
    assert write(backlog, [make_batch(1)], []) == [1]
    backlog.close()


@pytest.mark.parametrize("link", [link_softly, link_hard])
def test_the_reserve_grows_no_other_file(link: Callable[[Path, Path], None], tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"mine")
    link(tmp_path / "spool.reserve", other)
    Reserve(tmp_path / "spool.reserve", most_bytes=64 * MIB).keep()
    assert other.read_bytes() == b"mine"
    assert (tmp_path / "spool.reserve").stat().st_size == 2 * MIB


def test_the_mark_of_a_salvage_makes_no_other_file(filled: Path) -> None:
    (filled / "spool.sqlite").write_bytes(b"broken" * 1000)
    (filled / "spool.salvaging").symlink_to(filled.with_name("victim"))
    open_backlog(filled).close()
    assert not filled.with_name("victim").exists()


def test_a_file_aside_is_not_salvaged_if_it_is_a_link(filled: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "spool.sqlite.broken-1").symlink_to(filled / "spool.sqlite")
    (mine / "spool.salvaging").touch()
    backlog = open_backlog(mine)
    assert read_all(backlog) == {}
    backlog.close()


def test_an_endless_view_aside_is_not_read(tmp_path: Path) -> None:
    numbers = "WITH RECURSIVE n(key) AS (SELECT 0 UNION ALL SELECT 0 FROM n)"
    with closing(sqlite3.connect(tmp_path / "spool.sqlite")) as database:
        database.execute(f"CREATE VIEW batches AS {numbers} SELECT key FROM n WHERE key > 0")
    backlog = open_backlog(tmp_path)
    assert backlog.is_open
    backlog.close()
