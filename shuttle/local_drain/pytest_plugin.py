"""A fixture of pytest, for who tests that a program logs: `shuttle_drain` is a local drain."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from shuttle.local_drain import LocalDrain


@pytest.fixture
def shuttle_drain() -> Iterator["LocalDrain"]:
    """A drain on this machine: `url` is its address, `messages` has what it took, and `wait_for` waits for more."""
    from shuttle.local_drain import LocalDrain  # noqa: PLC0415  # pytest loads this for every test, of whatever

    with LocalDrain() as drain:
        yield drain
