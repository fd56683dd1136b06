"""A directory is looked at as a store would use it, and nothing in it changes."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shuttle.errors import ConfigError
from shuttle.store.backlog import SCHEMA
from shuttle.store.batch_table import PAGE, read_all
from shuttle.store.checkpoint_table import SCHEMA as CHECKPOINTS
from shuttle.store.inspection import find_damage, find_foreign, inspect_store
from tests.helpers.batches import make_batch
from tests.helpers.disks import reachable, without_rights
from tests.store.test_private import (
    as_root,
    filled,  # noqa: F401  # a fixture
    give_away,
    let_a_group_write,
    link_lock,
    make_public,
    open_backlog,
    put_behind_link,
)


@contextmanager
def unchanged(place: Path) -> Iterator[None]:
    before = list_tree(place)
    yield
    assert list_tree(place) == before


def list_tree(place: Path) -> list[tuple[str, int, int, int]]:
    found = []
    for path in sorted([place, *place.rglob("*")]):
        status = path.lstat()
        found.append((str(path), status.st_mode, status.st_size, status.st_mtime_ns))
    return found


def test_a_directory_that_was_used_can_be_used_again(filled: Path) -> None:  # noqa: F811
    with unchanged(filled.parent):
        assert inspect_store(filled, SCHEMA) == "can be written"


@pytest.mark.parametrize("name", ["new", "a/b/new"])
def test_a_missing_directory_is_made_at_the_start(name: str, tmp_path: Path) -> None:
    with unchanged(tmp_path):
        assert inspect_store(tmp_path / name, SCHEMA) == f"will be created at the start, in {tmp_path}"


def test_a_relative_directory_is_made_in_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert inspect_store(Path("new"), SCHEMA) == "will be created at the start, in ."


@pytest.mark.parametrize(
    "change", [make_public, let_a_group_write, put_behind_link, pytest.param(give_away, marks=as_root), link_lock]
)
def test_what_the_start_refuses_is_refused_alike(change: Callable[[Path], None], filled: Path) -> None:  # noqa: F811
    change(filled)
    with unchanged(filled.parent), pytest.raises(ConfigError) as said:
        inspect_store(filled, SCHEMA)
    with pytest.raises(ConfigError) as meant:
        open_backlog(filled)
    assert str(said.value) == str(meant.value)


def make_file(place: Path) -> Path:
    (place / "file").touch()
    return place / "file"


def make_below_file(place: Path) -> Path:
    return make_file(place) / "new"


def make_link(place: Path) -> Path:
    (place / "link").symlink_to("nowhere")
    return place / "link"


def make_below_link(place: Path) -> Path:
    return make_link(place) / "new"


@pytest.mark.parametrize("make", [make_file, make_below_file, make_link, make_below_link])
def test_what_cannot_be_a_directory_is_refused(make: Callable[[Path], Path], tmp_path: Path) -> None:
    directory = make(tmp_path)
    with unchanged(tmp_path), pytest.raises(ConfigError, match=r"^-spool '[^\n]*': must be a directory [^\n]*$"):
        inspect_store(directory, SCHEMA)
    with pytest.raises(ConfigError):
        open_backlog(directory)


def test_a_directory_that_another_agent_uses_is_refused(tmp_path: Path) -> None:
    used = open_backlog(tmp_path / "spool")
    try:
        with unchanged(tmp_path), pytest.raises(ConfigError, match="is in use by another log-shuttle"):
            inspect_store(tmp_path / "spool", SCHEMA)
    finally:
        used.close()
    assert inspect_store(tmp_path / "spool", SCHEMA) == "can be written"


def test_two_checks_do_not_disturb_each_other(filled: Path) -> None:  # noqa: F811
    with (filled / "spool.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert inspect_store(filled, SCHEMA) == "can be written"


def test_a_directory_that_cannot_be_written_is_refused() -> None:
    with reachable() as place:
        (place / "mine").mkdir()
        (place / "closed").mkdir(mode=0)
        with without_rights(place / "mine"):
            (place / "mine").chmod(0o500)
            for directory in (place / "mine", place / "mine" / "new", place / "closed" / "new"):
                with pytest.raises(ConfigError, match=r"created and written \(Permission denied\)"):
                    inspect_store(directory, SCHEMA)


def test_a_file_in_it_that_cannot_be_written_is_refused() -> None:
    with reachable() as place:
        (place / "mine").mkdir()
        with without_rights(place / "mine"):
            open_backlog(place / "mine" / "spool").close()
            (place / "mine" / "spool" / "spool.lock").chmod(0o400)
            with pytest.raises(ConfigError, match=r"written \(spool.lock: Permission denied\)"):
                inspect_store(place / "mine" / "spool", SCHEMA)


def test_a_database_that_would_be_set_aside_is_named(filled: Path) -> None:  # noqa: F811
    assert find_foreign(filled, SCHEMA) == find_foreign(filled / "missing", SCHEMA) == ""
    (filled / "spool.sqlite").rename(filled / "other")
    (filled / "spool.sqlite").symlink_to("other")
    with unchanged(filled):
        assert inspect_store(filled, SCHEMA) == "can be written"
        assert find_foreign(filled, SCHEMA) == "spool.sqlite is not a regular file"


def overwrite(path: Path, place: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(data)


def overwrite_body(path: Path) -> None:
    """Change a byte of a line, which is in no page that SQLite knows the meaning of."""
    body = make_batch(1).body
    place = path.read_bytes().index(body)
    overwrite(path, place + len(body) // 2, b"\x00")


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "header": (lambda path: overwrite(path, 0, b"x" * 16), "file is not a database (SQLITE_NOTADB)"),
    "schema": (lambda path: overwrite(path, 100, b"\xff" * 64), "SQLITE_CORRUPT"),
    "pages": (lambda path: overwrite(path, PAGE, b"\xff" * PAGE), ""),
    "body": (overwrite_body, "a row is not what was written"),
    "cut": (lambda path: os.truncate(path, PAGE + 1), ""),
    "other": (lambda path: path.write_bytes(b"no database" * 1000), "file is not a database (SQLITE_NOTADB)"),
}


@pytest.mark.parametrize(("change", "text"), DAMAGE.values(), ids=DAMAGE)
def test_a_database_that_was_written_over_is_told_of_and_left_alone(
    change: Callable[[Path], object],
    text: str,
    filled: Path,  # noqa: F811
) -> None:
    assert find_damage(filled, SCHEMA, read_all) == ""
    change(filled / "spool.sqlite")
    with unchanged(filled.parent):
        found = find_damage(filled, SCHEMA, read_all)
    assert found.startswith("spool.sqlite: ")
    assert text in found


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_bytes(b"")], ids=["gone", "empty"])
def test_a_database_that_is_made_at_the_start_is_not_broken(
    change: Callable[[Path], object],
    filled: Path,  # noqa: F811
) -> None:
    change(filled / "spool.sqlite")
    with unchanged(filled.parent):
        assert find_damage(filled, SCHEMA, read_all) == ""


def test_a_database_whose_log_is_needed_is_not_judged(filled: Path) -> None:  # noqa: F811
    (filled / "spool.sqlite-wal").write_bytes(b"log")
    overwrite_body(filled / "spool.sqlite")
    with unchanged(filled.parent):
        assert find_damage(filled, SCHEMA, read_all) == ""


def test_the_look_ends_in_time(filled: Path) -> None:  # noqa: F811
    overwrite_body(filled / "spool.sqlite")
    assert find_damage(filled, SCHEMA, read_all, longest=-1.0) == ""


def test_a_checkpoint_store_is_looked_at_too(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    (directory / "files.sqlite").touch()
    assert find_damage(directory, CHECKPOINTS, lambda _: ()) == ""
    (directory / f"{CHECKPOINTS.name}.sqlite").write_bytes(b"no database" * 1000)
    assert "SQLITE_NOTADB" in find_damage(directory, CHECKPOINTS, lambda _: ())
