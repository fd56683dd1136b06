"""A delivery: a batch on its way, in the parts that it is sent in, and what is known of each."""

from dataclasses import dataclass, field

from shuttle.core.batch import Batch
from shuttle.core.ledger import Owed
from shuttle.core.outcome import Outcome, Verdict
from shuttle.core.suspicion import Attempts, Suspicion
from shuttle.delivery.shipment import Shipment


@dataclass(slots=True, eq=False)
class Part:
    """A batch, or a half of one, that is sent as one."""

    batch: Batch
    suspicion: Suspicion | None = None
    """Against it, once it has failed, or against what it was a half of."""
    failures: int = 0
    """Failed attempts."""
    counted: int = 0
    """How many of these count for `max_attempts`."""
    late: int = 0
    """How many of these were sent and had no answer in time."""
    not_before: float = 0.0
    """When it may be tried again; 0 if neither it nor what it is a part of has failed."""
    not_before_if_proven: float = 0.0
    """The same, once the drain has accepted something since it failed."""

    @property
    def is_suspect(self) -> bool:
        """Whether it is the problem, rather than the drain."""
        return self.suspicion is not None and self.suspicion.is_suspect

    @property
    def has_strikes(self) -> bool:
        """Whether it, or what it is a part of, has failed while the drain took others."""
        return self.suspicion is not None and self.suspicion.strikes > 0

    @property
    def is_struck(self) -> bool:
        """Whether the drain had accepted something else between its last two failures."""
        return self.suspicion is not None and self.suspicion.is_struck

    @property
    def is_half(self) -> bool:
        """Whether what it is a part of was halved because it failed."""
        return self.suspicion is not None and self.suspicion.is_half

    def find_start(self, now: Attempts) -> float:
        """Return when it may be tried again."""
        proven = self.suspicion is not None and self.suspicion.has_proof(now)
        return self.not_before_if_proven if proven else self.not_before

    def note_progress(self) -> None:
        """Note that the drain has taken some of it, and goes on to take it."""
        self.suspicion = None
        self.failures = self.counted = self.late = 0
        self.not_before = self.not_before_if_proven = 0.0

    def halve(self, now: float) -> list["Part"]:
        """Return its halves, in order. If it has failed, they may be tried `now`."""
        batches = self.batch.halve()
        if self.suspicion is None or len(batches) == 1:
            return [Part(batch) for batch in batches]
        suspicions = self.suspicion.halve()
        return [
            Part(batch, suspicion, not_before=now, not_before_if_proven=now)
            for batch, suspicion in zip(batches, suspicions, strict=True)
        ]


@dataclass(slots=True, eq=False)
class Delivery:
    """A batch on its way."""

    batch: Batch
    parts: list[Part]
    """What is still to be sent; the last one is in hand."""
    before: Attempts = Attempts(0, 0)  # noqa: RUF009  # it never changes
    """How the attempts of all batches had ended when the last one of a part began against which nothing was known."""
    shipment: Shipment | None = None
    """Of the part in hand, once it was loaded."""
    owed: Owed = field(default_factory=Owed)
    """What the shipment tells the drain."""
    untold: bool = True
    """A report may still ride on it."""
    failing_since: float | None = None
    """When it failed first since the drain has taken a part of it, or since it was put aside."""
    unproven: int = 0
    """Failures since the drain has accepted anything."""
    refused: int = 0
    tried_last: bool = False
    """It had its attempt in the last round."""
    began: float = 0.0
    """When the last attempt did."""
    outcome: Outcome = field(default_factory=lambda: Outcome(Verdict.LOST))
    """Of the last attempt."""

    @property
    def part(self) -> Part:
        """The part in hand."""
        return self.parts[-1]

    @property
    def has_failed(self) -> bool:
        """Whether the last attempt to send the part in hand has failed."""
        return bool(self.parts) and self.part.failures > 0

    @property
    def is_suspect(self) -> bool:
        """Whether the part in hand is the problem, rather than the drain."""
        return bool(self.parts) and self.part.is_suspect

    def postpone_part(self, *, behind_all: bool) -> None:
        """Put the part in hand behind all others, or behind the next one."""
        self.parts.insert(0 if behind_all else -1, self.parts.pop())
