"""Snapshots that a test makes up."""

from shuttle.observe.snapshot import DrainState, Snapshot

UP = DrainState(is_up=True, down_for=0.0, error="", pause=0.0, last_delivery=None)
DOWN = DrainState(is_up=False, down_for=12.3, error="connection refused", pause=2.0, last_delivery=None)


def make_snapshot(
    read: int = 0,
    *,
    dropped: int = 0,
    lost: int = 0,
    held: int = 0,
    drain: DrainState = UP,
    gives_up_in: float | None = None,
) -> Snapshot:
    """Return what is seen of a shuttle that lands if it has a time to give up."""
    return Snapshot(
        read=read,
        delivered=read - dropped - lost - held,
        dropped=dropped,
        lost=lost,
        held=held,
        missed=0,
        held_bytes=0,
        oldest_age=0.0,
        drain=drain,
        spool=None,
        unread={},
        codes={},
        seconds=(0.0, ()),
        landing=gives_up_in is not None,
        gives_up_in=gives_up_in,
    )
