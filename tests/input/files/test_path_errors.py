"""What fails with a path is told of once, and tried again after delays that grow."""

import errno
import math
import os
from pathlib import Path

import pytest

from shuttle.input.files.path_errors import FIRST_DELAY, LONGEST_DELAY, PathErrors, leads_nowhere
from tests.helpers.virtual import Journal

LOG, OTHER = Path("app.log"), Path("other.log")


class Now:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def make_error(number: int = errno.EIO) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def errors(journal: Journal, now: Now) -> PathErrors:
    return PathErrors(journal, now)


def test_a_failure_is_told_of_once_until_it_is_over(errors: PathErrors, journal: Journal) -> None:
    errors.note(LOG, make_error())
    errors.note(LOG, make_error(errno.ESTALE))
    assert journal.named("file.unreadable") == [{"path": LOG, "error": "Input/output error"}]
    errors.clear(LOG)
    errors.note(LOG, make_error(errno.ESTALE))
    assert len(journal.named("file.unreadable")) == 2


def test_delays_double_up_to_the_longest(errors: PathErrors, now: Now) -> None:
    delays = []
    for _ in range(9):
        errors.note(LOG, make_error())
        delays.append(errors.next_try - now())
        now.time = errors.next_try
    assert delays[:3] == [FIRST_DELAY, 2 * FIRST_DELAY, 4 * FIRST_DELAY]
    assert delays[-2:] == [LONGEST_DELAY, LONGEST_DELAY]


def test_a_path_may_be_tried_when_its_delay_is_over(errors: PathErrors, now: Now) -> None:
    errors.note(LOG, make_error())
    assert (errors.may_try(LOG), errors.may_try(OTHER)) == (False, True)
    assert errors.take_due() == set()
    now.time = errors.next_try
    assert errors.may_try(LOG)


def test_a_try_is_due_once(errors: PathErrors, now: Now) -> None:
    """Whoever waits for the next one must not spin, if nobody says how this one ends."""
    errors.note(LOG, make_error())
    now.time = errors.next_try
    assert errors.take_due() == {LOG}
    assert errors.take_due() == set()
    assert errors.next_try == math.inf
    assert errors.may_try(LOG)


def test_a_change_brings_the_next_try_forward(errors: PathErrors, now: Now) -> None:
    for _ in range(9):
        errors.note(LOG, make_error())
    errors.note(OTHER, make_error())
    errors.hurry({LOG, Path("a third")})
    assert errors.next_try == now() + FIRST_DELAY
    assert not errors.may_try(LOG)


@pytest.mark.parametrize(
    ("number", "nowhere"), [(errno.ENOENT, True), (errno.ENOTDIR, True), (errno.EACCES, False), (errno.EIO, False)]
)
def test_what_is_not_there_is_told_from_what_cannot_be_looked_at(number: int, nowhere: bool) -> None:
    assert leads_nowhere(make_error(number)) is nowhere
