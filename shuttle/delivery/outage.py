"""The outage log: one line per minute while the drain is down."""

from collections.abc import Callable

import anyio

from shuttle.clock import Clock
from shuttle.core.ledger import Ledger
from shuttle.delivery.gate import Gate
from shuttle.observe.log import Logger

INTERVAL = 60.0  # seconds


class OutageLog:
    """Logs how long the drain is down, how many lines are held, and how old the oldest of them is.

    `oldest` returns when the oldest line under way was read, in seconds of the monotonic clock.
    """

    def __init__(
        self, gate: Gate, ledger: Ledger, log: Logger, *, oldest: Callable[[], float | None], clock: Clock
    ) -> None:
        self._gate = gate
        self._ledger = ledger
        self._log = log
        self._oldest = oldest
        self._clock = clock

    async def run(self) -> None:
        """Write the lines, until cancelled. The task sleeps while the drain is up."""
        while True:
            await self._gate.wait_until(is_open=False)
            with anyio.move_on_after(INTERVAL) as waiting:
                await self._gate.wait_until(is_open=True)
            if waiting.cancelled_caught:
                self._log.warning("drain.still_down", **self._describe())

    def _describe(self) -> dict[str, object]:
        described = {key: value for key, value in self._gate.describe().items() if key != "drain"}
        oldest = self._oldest()
        return {**described, "held": self._ledger.held, "oldest": 0.0 if oldest is None else self._clock() - oldest}
