"""What the spool's database holds, as the next process hears of it: from a file beside it, if that can be believed."""

import os
from pathlib import Path

import pytest

from shuttle.store.batch_table import Totals
from shuttle.store.promise import Promise, PromiseFile
from tests.helpers.limits import files_of_at_most

BEFORE = Totals(1, 10, 100, 7, 3)
AFTER = Totals(2, 20, 200, 9, 3)
OTHER = Totals(3, 30, 300, 9, 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.promise"


def make(path: Path) -> PromiseFile:
    promise = PromiseFile(path)
    promise.write(BEFORE, AFTER)
    return promise


def read(path: Path) -> Promise | None:
    return PromiseFile(path).read()


def test_one_transaction_more_or_less_is_what_was_promised(path: Path) -> None:
    make(path).close()
    promise = read(path)
    assert promise == (BEFORE, AFTER)
    assert promise.covers(BEFORE)
    assert promise.covers(AFTER)
    assert not promise.covers(OTHER)


def test_a_transaction_that_is_confirmed_is_all_that_was_promised(path: Path) -> None:
    promise = make(path)
    promise.confirm(AFTER)
    assert read(path) == (AFTER, AFTER)
    promise.write(AFTER, OTHER)
    assert read(path) == (AFTER, OTHER)
    promise.close()


@pytest.mark.parametrize("damage", [b"", b"x", bytes(200), b"promise1" + bytes(200)])
def test_what_is_no_promise_says_nothing(damage: bytes, path: Path) -> None:
    assert read(path) is None
    path.write_bytes(damage)
    assert read(path) is None


def test_one_byte_that_is_wrong_makes_it_say_nothing(path: Path) -> None:
    make(path).close()
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert read(path) is None


@pytest.mark.parametrize("boot", [b"another", b""])
def test_another_boot_does_not_believe_it(boot: bytes, path: Path) -> None:
    make(path).close()
    assert PromiseFile(path, boot=boot).read() is None


def test_without_a_name_of_the_boot_nobody_believes_it(path: Path) -> None:
    promise = PromiseFile(path, boot=b"")
    promise.write(BEFORE, AFTER)
    assert promise.read() is None
    promise.close()


@pytest.mark.parametrize("number", [-1, 1 << 64, -(1 << 70)])
def test_a_broken_database_may_add_up_to_anything(number: int, path: Path) -> None:
    promise = PromiseFile(path)
    totals = Totals(1, 1, 1, number, 1)
    promise.write(totals, totals)
    found = promise.read()
    assert found
    assert found.covers(totals)
    promise.close()


def test_one_that_is_deleted_or_changed_is_written_again(path: Path) -> None:
    promise = make(path)
    for change in (path.unlink, lambda: os.truncate(path, 0), lambda: path.write_bytes(b"x" * 128)):
        change()
        promise.confirm(AFTER)
        assert read(path) == (AFTER, AFTER)
    promise.close()


def test_one_that_cannot_be_written_is_deleted(path: Path) -> None:
    promise = make(path)
    with files_of_at_most(10):
        promise.write(AFTER, OTHER)
        assert not path.exists()
        promise.write(AFTER, OTHER)
        promise.confirm(OTHER)
        assert read(path) is None
    promise.write(OTHER, OTHER)
    assert read(path) == (OTHER, OTHER)
    promise.close()


def test_what_is_in_its_place_says_nothing_and_is_not_written(path: Path) -> None:
    other = path.with_name("other")
    make(other).close()
    content = other.read_bytes()
    path.symlink_to(other)
    promise = PromiseFile(path)
    assert promise.read() is None
    promise.write(AFTER, AFTER)
    assert other.read_bytes() == content
    path.unlink(missing_ok=True)
    path.mkdir()
    assert promise.read() is None
    promise.write(AFTER, AFTER)
    assert list(path.iterdir()) == []
    promise.close()
