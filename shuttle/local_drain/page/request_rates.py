"""What has happened in each second of the last five minutes."""

from collections.abc import Mapping

from shuttle.local_drain.l2met.window import SPAN, Slots

_RECENT = 5  # seconds; rates are of these: one alone jumps, and an eye wants to see a change


class RequestRates:
    """Totals that grow, such as those of requests, and by how much they grew in each second.

    No clock: `now` is in seconds of one that does not go back.
    """

    def __init__(self) -> None:
        self._totals: dict[str, int] = {}
        self._slots: Slots[dict[str, int]] = Slots(dict, width=1.0, count=int(SPAN))

    def take(self, totals: Mapping[str, int], now: float) -> None:
        """Take in the totals of now."""
        slot = self._slots.find(now)
        assert slot is not None, "the clock does not go back"
        for name, total in totals.items():
            slot[name] = slot.get(name, 0) + total - self._totals.get(name, 0)
        self._totals |= totals

    def read(self, now: float) -> dict[str, dict[str, object]]:
        """Return of each total its number, how much it grew per second, and that in the whole seconds before now."""
        slots = self._slots.read(now - 1)  # that of now has only begun
        charts = {name: [slot.get(name, 0) if slot else 0 for slot in slots] for name in self._totals}
        return {
            name: {"total": total, "rate": sum(charts[name][-_RECENT:]) / _RECENT, "chart": charts[name]}
            for name, total in self._totals.items()
        }
