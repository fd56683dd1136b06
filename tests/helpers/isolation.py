"""How long it takes until bad lines of a batch are alone, and what that costs: `python -m tests.helpers.isolation`."""

import random
import sys
from math import log2
from typing import NamedTuple

import trio

from tests.helpers.drains import CLOSE, HANG, TAKE, Answer, Call, Drain
from tests.helpers.virtual import make_lines, make_shuttle, run_in_virtual_time

FRESH = 1_000_000  # the number of the first line that is not of the batch
FAILURES = {"500": Answer(500), "hang": HANG, "reset": CLOSE}


class Isolation(NamedTuple):
    """What came of a batch with bad lines in it."""

    delivered_by: float
    """Seconds until all its good lines were delivered."""
    ended_by: float
    """Seconds until its bad lines were lost, too; infinite if they were not."""
    requests: int
    """Requests with lines of the batch in them."""
    lag: float
    """Seconds that fresh lines waited at most; of a hundred, the slowest is left out."""


def isolate(
    lines: int, bad: int, failure: Answer, *, outlets: int, every: float | None, limit: float = 3600.0
) -> Isolation:
    """Send a batch in which `bad` of the `lines` are bad: the drain has a `failure` whenever one is in a request.

    `every` so many seconds a fresh line comes; None: none comes. It ends after `limit` seconds at the latest.
    """
    numbers = set(random.Random(1).sample(range(lines), bad))
    words = {b"%07d" % number for number in numbers}
    written: dict[int, float] = {}
    arrived: dict[int, float] = {}
    requests = 0
    ended = float("inf")

    def answer(call: Call) -> Answer:
        nonlocal requests
        requests += any(int(line) < FRESH for line in call.lines)
        if words.intersection(call.lines):
            return failure
        arrived.update((int(line), call.at) for line in call.lines)
        return TAKE

    async def main() -> None:
        nonlocal ended
        async with make_shuttle(Drain(answer), batch_size=lines, num_outlets=outlets, max_age=1e6) as shuttle:
            await shuttle.write(make_lines(lines))
            while trio.current_time() < limit and shuttle.ledger.lost < bad:
                if every is not None:
                    written[FRESH + len(written)] = trio.current_time()
                    await shuttle.write(make_lines(1, first=FRESH + len(written) - 1))
                await trio.sleep(every or 1.0)
            if shuttle.ledger.lost == bad:
                ended = trio.current_time()
            words.clear()  # what is left is delivered

    run_in_virtual_time(main)
    good = set(range(lines)) - numbers
    assert good <= arrived.keys()
    lags = sorted(arrived[number] - at for number, at in written.items() if at < ended)
    return Isolation(
        max(arrived[number] for number in good), ended, requests, lags[len(lags) * 99 // 100 - 1] if lags else 0.0
    )


def main() -> None:
    """Print a table."""
    sys.stdout.write(
        f"{'drain':6} {'outlets':7} {'every':>6} {'bad':>4} {'k*log2 n':>8}  good by    end  requests   lag\n"
    )
    for name, failure in FAILURES.items():
        for outlets in (1, 4):
            for every in (None, 10.0, 1.0, 0.1):
                for bad in (1, 2, 10):
                    found = isolate(602, bad, failure, outlets=outlets, every=every)
                    sys.stdout.write(
                        f"{name:6} {outlets:7} {every or '-':>6} {bad:4} {bad * log2(602):8.0f}  "
                        f"{found.delivered_by:7.1f} {found.ended_by:6.0f}  {found.requests:8} {found.lag:5.1f}\n"
                    )


if __name__ == "__main__":
    main()
