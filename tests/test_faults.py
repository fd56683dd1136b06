"""The identity read = delivered + dropped + lost + held, under random faults, settings and ends; in virtual time."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from shuttle import Shuttle
from tests.helpers.drains import Answer, Call, Drain
from tests.helpers.virtual import make_lines, make_shuttle, virtual

End = Literal["landing", "landing by a deadline", "abort", "cancellation", "the host's error"]

statuses = st.sampled_from([200, 204, 301, 400, 401, 408, 413, 422, 425, 429, 500, 503])
delays = st.sampled_from([0.0, 0.01, 0.3, 2.0, 30.0])
errors = st.sampled_from([None, None, httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError])
retry_afters = st.sampled_from([{}, {}, {"Retry-After": "3"}, {"Retry-After": "600"}])
answers = st.builds(
    Answer, status=statuses, delay=delays, error=errors, takes=st.booleans(), headers=retry_afters
) | st.just(Answer())
options = st.fixed_dictionaries(
    {
        "num_outlets": st.integers(1, 4),
        "batch_size": st.sampled_from([1, 7, 500]),
        "drop": st.booleans(),
        "back_buff": st.sampled_from([1, 2, None]),
        "max_attempts": st.sampled_from([1, 3, None]),
        "max_age": st.sampled_from([1.0, 300.0]),
        "patience": st.sampled_from([0.0, 0.1]),
        "timeout": st.sampled_from([1.0, 5.0]),
        "land_timeout": st.sampled_from([0.0, 1.0, 25.0]),
        "wait": st.sampled_from([0.0, 0.25]),
    }
)


@dataclass(frozen=True)
class Write:
    """Some lines at once, and the pause before them."""

    lines: int
    pause: float


writes = st.lists(st.builds(Write, st.sampled_from([1, 3, 20, 100]), st.sampled_from([0.0, 0.1, 1.0])), max_size=12)
ends = st.sampled_from(["landing", "landing", "landing by a deadline", "abort", "cancellation", "the host's error"])


class HostError(Exception):
    """What goes wrong in the program around a shuttle."""


class Watch:
    """A drain that follows a script once through, then takes all, and looks into the ledger at every request."""

    def __init__(self, script: list[Answer]) -> None:
        self.shuttle: Shuttle
        self.drain = Drain(self._answer)
        self._script = iter(script)

    def _answer(self, _: Call) -> Answer:
        self.check()
        return next(self._script, Answer())

    def check(self) -> None:
        ledger = self.shuttle.ledger
        assert ledger.read == ledger.delivered + ledger.dropped + ledger.lost + ledger.held
        assert min(ledger.delivered, ledger.dropped, ledger.lost, ledger.held) >= 0


async def write_all(shuttle: Shuttle, watch: Watch, todo: list[Write]) -> int:
    """Write lines and return how many; an abort that comes between ends it."""
    written = 0
    for one in todo:
        await trio.sleep(one.pause)
        try:
            await shuttle.write(make_lines(one.lines, first=written))
        except trio.ClosedResourceError:
            break
        written += one.lines
        watch.check()
    return written


async def look_often(watch: Watch) -> None:
    while True:
        await trio.sleep(0.07)
        watch.check()


async def live(watch: Watch, todo: list[Write], end: End, moment: float) -> int | None:
    """Run the shuttle to its `end`, at `moment` seconds where that is given; return the lines written, if known."""
    written = None
    shuttle = watch.shuttle
    with trio.CancelScope() as life:
        if end == "cancellation":
            life.deadline = trio.current_time() + moment
        async with shuttle, trio.open_nursery() as tasks:
            tasks.start_soon(look_often, watch)
            if end == "abort":
                tasks.start_soon(abort_at, shuttle, moment)
            written = await write_all(shuttle, watch, todo)
            if end == "landing by a deadline":
                await shuttle.land(by=trio.current_time() + moment)
            if end == "the host's error":
                raise HostError
            await shuttle.land()
            tasks.cancel_scope.cancel()
    return written


async def abort_at(shuttle: Shuttle, moment: float) -> None:
    await trio.sleep(moment)
    shuttle.abort()


@given(
    script=st.lists(answers, max_size=40),
    chosen=options,
    todo=writes,
    end=ends,
    moment=st.sampled_from([0.0, 0.05, 0.5, 3.0, 40.0]),
)
@settings(max_examples=250, deadline=None)
@virtual
async def test_every_line_is_accounted_for_at_every_moment(
    script: list[Answer], chosen: dict[str, Any], todo: list[Write], end: End, moment: float
) -> None:
    watch = Watch(script)
    watch.shuttle = make_shuttle(watch.drain, **chosen)
    drain, ledger = watch.drain, watch.shuttle.ledger
    written = None
    try:
        written = await live(watch, todo, end, moment)
    except* HostError:
        assert end == "the host's error"
    watch.check()
    assert ledger.held == 0
    if end.startswith("landing"):
        assert ledger.read == written
    check_arrivals(drain, ledger.delivered, ledger.read)
    for code, count in (("L12", ledger.dropped), ("L13", ledger.lost)):
        assert drain.told(code) <= count
    if not chosen["drop"]:
        assert ledger.dropped == 0


def check_arrivals(drain: Drain, delivered: int, read: int) -> None:
    """Check that the lines delivered are those that the drain took and said so, none twice, each as it was written."""
    assert len(drain.heard) == len({call.id for call in drain.heard})
    assert delivered <= len(drain.lines)  # an answer that came as all was given up is not known to the ledger
    assert not set(drain.lines) - set(make_lines(read).split())
    assert max(Counter(drain.lines).values(), default=1) == 1
    bodies = {(call.id, call.body) for call in drain.calls}
    assert len(bodies) == len({call.id for call in drain.calls})  # an id stands for one body in all attempts


@given(script=st.lists(answers.filter(lambda answer: answer.delay < 1), max_size=15), chosen=options, todo=writes)
@settings(max_examples=100, deadline=None)
@virtual
async def test_a_drain_that_answers_in_the_end_is_told_of_every_line_that_did_not_come(
    script: list[Answer], chosen: dict[str, Any], todo: list[Write]
) -> None:
    watch = Watch(script)
    watch.shuttle = make_shuttle(watch.drain, **(chosen | {"land_timeout": 1000.0, "max_age": 10_000.0}))
    written = await live(watch, todo, "landing", 0.0)
    drain, ledger = watch.drain, watch.shuttle.ledger
    assert ledger.read == written
    assert ledger.delivered == len(drain.lines)
    untold = ledger.dropped + ledger.lost - drain.told("L12") - drain.told("L13")
    if not untold:
        assert (drain.told("L12"), drain.told("L13")) == (ledger.dropped, ledger.lost)
    else:  # the last request of all told of it, and the script had it fail
        assert drain.calls[-1] not in drain.heard
        assert len(drain.calls) <= len(script)
