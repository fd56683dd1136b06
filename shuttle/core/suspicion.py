"""Decides whether a batch is the problem: the drain fails on it repeatedly while it accepts others.

Theory of operation. A drain that is down fails on every batch. A batch that is the problem fails alone. So a failure
counts as a strike if the drain has accepted something else since the failure before: another batch, or the other half
of the same one. STRIKES of them make a batch suspect. It is then halved until a single line is left:

- A half begins with the strikes of the whole. It is suspect from the start if the whole was.
- If the drain takes one half, the failures of the whole are held against the other half. If it takes both, they are
  held against nobody: the drain failed by chance.
- Once a culprit is found, it explains the failures of everything that it was a part of.

A drain that fails now and then strikes innocent lines, too. How probable that is follows from how the attempts at
everything else have ended meanwhile: if `passed` of them were accepted and `failed` were not, the next one fails with a
probability of (failed + 1) / (passed + failed + 2), by the rule of succession. Each strike that is explained so counts
as one more failure. A line is called the culprit when all the strikes against it together are less probable than
IMPROBABLE; or than IMPROBABLE_ENOUGH, if there is nothing else that could be tried meanwhile. So the more often the
drain fails, and the less is known of it, the more strikes that takes. Failures of suspects say nothing of the drain,
and are left out of this until the drain takes them.
"""

from typing import NamedTuple

STRIKES = 3  # failures while others were accepted
IMPROBABLE = 1e-8  # of 100 million batches one or two lose a line by chance, however often the drain fails
IMPROBABLE_ENOUGH = 1e-4  # 256 lines are halved eight times, and eight halves are taken meanwhile


class Attempts(NamedTuple):
    """How the attempts of all batches have ended so far."""

    accepted: int
    failed: int
    """Those that failed, but not those that are held against suspects."""


def find_chance(strikes: int, passed: int, failed: int) -> float:
    """Return how probable so many failures in a row are where `passed` attempts were accepted and `failed` were not."""
    chance = 1.0
    for strike in range(strikes):
        chance *= (failed + 1 + strike) / (passed + failed + 2 + strike)
    return chance


class Suspicion:
    """What is known against a batch, or against a half of one. `before` is how attempts had ended when it was new."""

    def __init__(self, before: Attempts, *, whole: "Suspicion | None" = None) -> None:
        self.before = self._last = before
        self.whole = whole
        self.strikes: int = whole.strikes if whole else 0
        """So far, those of the whole too."""
        self.own_strikes = 0
        self.counted = 0
        """Its own failures that count in `Attempts.failed`."""
        self.failing_halves = 0
        """Those that the drain has not taken yet."""
        self.is_explained = False
        """Whether a culprit in it was found."""
        self.is_struck = False
        """Whether the last failure was a strike."""
        self._withheld = 0  # failures that do not count in `Attempts.failed`

    @property
    def is_suspect(self) -> bool:
        """Whether the batch is the problem, rather than the drain."""
        return self.strikes >= STRIKES

    @property
    def is_half(self) -> bool:
        """Whether it is against a half of a batch that failed."""
        return self.whole is not None

    def is_certain(self, *, quiet: bool = False) -> bool:
        """Return whether an innocent batch would hardly have failed as often. `quiet`: there are no others to try."""
        strikes = counted = 0
        before = self._last
        for one in self._list_attributable():
            strikes, counted, before = strikes + one.own_strikes, counted + one.counted, one.before
        passed = self._last.accepted - before.accepted
        failed = max(0, self._last.failed - before.failed - counted)
        chance = find_chance(strikes, passed, failed)
        return self.is_suspect and chance < (IMPROBABLE_ENOUGH if quiet else IMPROBABLE)

    def has_proof(self, now: Attempts) -> bool:
        """Return whether the drain has accepted anything since the last failure: the next one is a strike."""
        return now.accepted > self._last.accepted

    def note_failure(self, now: Attempts) -> None:
        """Note that an attempt has failed. It counts in `now.failed`, unless the batch was suspect before."""
        if self.is_suspect:
            self._withheld += 1
        else:
            self.counted += 1
        self.is_struck = self.has_proof(now)
        self.own_strikes += self.is_struck
        self.strikes += self.is_struck
        self._last = now

    def halve(self) -> "tuple[Suspicion, Suspicion]":
        """Return what is known against each half."""
        self.failing_halves = 2
        return Suspicion(self._last, whole=self), Suspicion(self._last, whole=self)

    def acquit(self) -> int:
        """Note that the drain has taken it, or at least read it. Return how many more failures were by chance."""
        failures, self._withheld = self._withheld, 0
        if self.whole and not self.whole.is_explained:
            self.whole.failing_halves -= 1
            if not self.whole.failing_halves:
                failures += self.whole.acquit()
        return failures

    def convict(self) -> None:
        """Note that it is against a culprit."""
        whole = self.whole
        while whole:
            whole.is_explained = True
            whole = whole.whole

    def _list_attributable(self) -> "list[Suspicion]":
        """Return this, and what is held against the wholes that failed because of nothing else."""
        found, whole = [self], self.whole
        while whole and whole.failing_halves == 1 and not whole.is_explained:
            found.append(whole)
            whole = whole.whole
        return found
