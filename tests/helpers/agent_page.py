"""The page of -stats-addr, served by a thread, with ten invented minutes of an agent that follows files."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio
from anyio.from_thread import start_blocking_portal

from shuttle.core.mask import Mask
from shuttle.core.stats_address import StatsAddress
from shuttle.observe.cleaner import Cleaner
from shuttle.observe.line_writer import LineWriter
from shuttle.observe.log import make_logger
from shuttle.observe.recent_lines import RecentLines
from shuttle.observe.snapshot import DrainState, Snapshot
from shuttle.observe.web.recent_counts import KEPT, STEP
from shuttle.observe.web.site import Site
from tests.helpers.snapshots import make_snapshot

OUTAGE = range(70, 78)  # the steps in which the drain is down
RATE = 800  # lines a second, about
UNREAD = {"/var/log/shop/web.log": 0, "/var/log/shop/worker.log": 18_231, "/var/log/nginx/access.log": 5_242_880}


def invent(note: Callable[[Snapshot, float], None], now: float) -> Snapshot:
    """Note ten minutes before `now`, and return what is seen then."""
    chance = random.Random(9100)
    read = held = 0
    seen = make_snapshot()
    for step in range(KEPT + 1):
        lines = int(STEP * RATE * chance.uniform(0.7, 1.3))
        read += lines
        held = held + lines if step in OUTAGE else max(0, held - 9000) + chance.randint(0, 400)
        seen = make_snapshot(read, held=held)
        if step < KEPT:  # the site notes the last one itself
            note(seen, now - (KEPT - step) * STEP)
    return seen


@contextmanager
def serve_agent_page() -> Iterator[str]:
    """Serve it in the block; the value is its address."""
    recent = RecentLines()
    with open("/dev/null", "wb") as nowhere:  # noqa: PTH123  # the lines are shown on the page alone
        log = make_logger(verbose=False, writer=LineWriter(nowhere.fileno()), recent=recent)
        site = Site(StatsAddress("127.0.0.1", 0), "0", log=log, clean=Cleaner(Mask([])), recent=recent)
        port = site._listeners[0].getsockname()[1]
        log.warning("drain.down", status=503, error="Service Unavailable")
        log.info("drain.up", down=38.204, failures=11)

        async def run() -> None:
            drain = DrainState(is_up=True, down_for=0.0, error="", pause=0.0, last_delivery=1_800_000_000.0)
            codes = {"204": 4_871, "503": 11, "none": 2}
            seen = invent(site._history.note, anyio.current_time())
            seen = seen._replace(drain=drain, unread=UNREAD, codes=codes, held_bytes=seen.held * 212, oldest_age=0.4)
            await site.run(lambda: seen)

        with start_blocking_portal() as portal:
            serving = portal.start_task_soon(run)
            yield f"http://127.0.0.1:{port}/"
            serving.cancel()
