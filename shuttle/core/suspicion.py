"""Decides whether a batch is itself the problem: the drain fails on it again and again, and takes others meanwhile.

Theory of operation. A drain that is down fails on every batch. A batch that is the problem fails alone. So a failure
counts as a strike if the drain has accepted something else since the failure before. STRIKES of them make a batch
suspect. It is then halved until a single line is left.

A drain that fails now and then strikes innocent lines, too. How probable that is follows from how often it has failed
meanwhile on batches that are not suspect. A line is called the culprit when the strikes against it would befall an
innocent one in less than one of a million cases. So the more often the drain fails, the more strikes that takes.
"""

from copy import copy
from typing import NamedTuple

STRIKES = 3  # failures while others were accepted
IMPROBABLE = 1e-6


class Attempts(NamedTuple):
    """How the attempts of all batches have ended so far."""

    accepted: int
    """Those that the drain accepted."""
    passed: int
    """The same, those of suspect batches left out."""
    failed: int
    """Those that failed, those of suspect batches left out."""


class Suspicion:
    """What is known against a batch, or a part of it, since its first attempt began. `before` is what was then."""

    def __init__(self, before: Attempts) -> None:
        self._before = before
        self._seen = before.accepted
        self._own = 0  # failures that count in `failed`
        self._strikes = 0
        self._rate = 1.0  # of the failures of others
        self.is_struck = False
        """Whether the last failure was a strike."""

    @property
    def is_suspect(self) -> bool:
        """Whether the batch is the problem, rather than the drain."""
        return self._strikes >= STRIKES

    @property
    def is_certain(self) -> bool:
        """Whether an innocent batch would hardly have failed as often."""
        return self.is_suspect and self._rate**self._strikes < IMPROBABLE

    def copy(self) -> "Suspicion":
        """Return the same suspicion, against a half."""
        return copy(self)

    def note_failure(self, now: Attempts) -> None:
        """Note that an attempt has failed. It counts in `now.failed`, unless the batch was suspect before."""
        self._own += not self.is_suspect
        passed = now.passed - self._before.passed
        failed = max(0, now.failed - self._before.failed - self._own)
        self._rate = (failed + 1) / (passed + failed + 2)
        self.is_struck = now.accepted > self._seen
        self._strikes += self.is_struck
        self._seen = now.accepted
