"""What keeps the lines from the drain, for whoever watches on a terminal: an outage, or the landing."""

from collections.abc import Callable

import anyio

from shuttle.observe.last_line import INTERVAL, LastLine
from shuttle.observe.snapshot import Snapshot


class LiveLine(LastLine):
    """One line while the drain is down or the shuttle lands: how much is held, and how long it may take.

    `clean` returns text of strangers without credentials and control characters.
    """

    def __init__(self, fd: int, told: str, clean: Callable[[str], str]) -> None:
        super().__init__(fd, told)
        self._clean = clean

    async def run(self, look: Callable[[], Snapshot]) -> None:
        """Draw the line until cancelled, from the snapshots that `look` returns, and take it away."""
        landed_at = landed_with = 0.0
        try:
            while True:
                await anyio.sleep(INTERVAL)
                seen, now = look(), anyio.current_time()
                if not seen.landing or not landed_at:
                    landed_at, landed_with = now, seen.delivered
                rate = (seen.delivered - landed_with) / (now - landed_at) if now > landed_at else 0.0
                if text := describe_wait(seen, rate):
                    self._draw(self._clean(text)[: self._count_columns()])
                else:
                    self.clear()
        finally:
            self.clear()


def describe_wait(seen: Snapshot, rate: float) -> str:
    """Return what is waited for, and how long that may take at `rate` lines a second; nothing if nothing is."""
    drain = seen.drain
    if (seen.landing and not seen.held) or (drain.is_up and not seen.landing):
        return ""
    parts = [f"{seen.held:,} line{'' if seen.held == 1 else 's'} held"]
    if drain.is_up and rate > 0:
        parts.append(f"about {_format_time(seen.held / rate)} left")
    if seen.gives_up_in is not None:
        parts.append(f"gives up in {_format_time(seen.gives_up_in)}")
    if not drain.is_up:
        pause = _format_time(drain.pause)
        parts.append(f"drain down for {_format_time(drain.down_for)}, next attempt in {pause} ({drain.error})")
    return ("landing: " if seen.landing else "") + ", ".join(parts)


def _format_time(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
