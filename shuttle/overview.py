"""The overview: takes a snapshot of a shuttle's parts in one step, so that its counts belong together."""

from typing import TYPE_CHECKING

from shuttle.assembly import Parts
from shuttle.core.ledger import Ledger
from shuttle.landing import Phase
from shuttle.observe.snapshot import DrainState, Snapshot, SpoolState

if TYPE_CHECKING:
    from shuttle.delivery.spool import Spool


def take_snapshot(parts: Parts, ledger: Ledger) -> Snapshot:
    """Return what there is to see now. Nothing waits here, so nothing changes meanwhile."""
    now, oldest, requests = parts.clocks.monotonic(), parts.crew.outlets.oldest, parts.statistics.requests
    return Snapshot(
        read=ledger.read,
        delivered=ledger.delivered,
        dropped=ledger.dropped,
        lost=ledger.lost,
        held=ledger.held,
        missed=ledger.missed,
        held_bytes=_count_bytes(parts) if ledger.held else 0,
        oldest_age=0.0 if oldest is None else max(0.0, now - oldest),
        drain=_look_at_drain(parts, now),
        spool=None if parts.spool is None else _look_at_spool(parts.spool, ledger, parts.clocks.wall()),
        unread={} if parts.files is None else parts.files.measure_each(),
        codes=requests.codes,
        seconds=(requests.seconds, tuple(requests.buckets)),
        landing=parts.landing.phase is not Phase.RUNNING,
        gives_up_in=None if parts.landing.phase is Phase.RUNNING else max(0.0, parts.landing.deadline - now),
    )


def _count_bytes(parts: Parts) -> int:
    return parts.crew.intake.memory_bytes + parts.queue.memory_bytes + parts.crew.outlets.memory_bytes


def _look_at_drain(parts: Parts, now: float) -> DrainState:
    gate, accepted_at = parts.gate, parts.statistics.requests.accepted_at
    reason = (gate.last.status, gate.last.error)
    return DrainState(
        is_up=gate.is_open,
        down_for=gate.down_for,
        error="" if gate.is_open else " ".join(str(one) for one in reason if one),
        pause=gate.pause,
        last_delivery=None if accepted_at is None else parts.clocks.wall() - (now - accepted_at),
    )


def _look_at_spool(spool: "Spool", ledger: Ledger, wall: float) -> SpoolState:
    age = wall - spool.oldest if spool.oldest else 0.0
    return SpoolState(ledger.spooled, spool.bytes, spool.most_bytes, max(0.0, age))
