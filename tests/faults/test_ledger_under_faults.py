"""The ledger under faults: whatever the drain does and however it ends, every line is accounted for at every moment."""

import contextlib
from collections import Counter
from typing import Any, Literal, NamedTuple

import anyio
import httpx
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from shuttle.core.ledger import Ledger
from shuttle.delivery.deliveries import PATIENCE
from shuttle.landing import Phase
from shuttle.shuttle import Shuttle
from tests.helpers.chunks import cut_at
from tests.helpers.drains import CLOSE, HANG, REFUSE, TAKE, Answer, Call, Drain, in_turn
from tests.helpers.virtual import make_shuttle, virtual

STATUSES = (204, 301, 400, 401, 408, 413, 422, 429, 500, 503)
BREAKS = (Answer(503, takes=True, delay=0.1), Answer(error=httpx.ReadError, takes=True), Answer(delay=6.0, takes=True))
SECONDS = st.sampled_from([0.0, 0.01, 0.25, 0.6, 1.0, 3.0, 7.0, 31.0])

answers = st.one_of(
    st.builds(Answer, st.sampled_from(STATUSES), st.sampled_from([0.0, 0.0, 0.2, 2.0])),
    st.builds(Answer, st.sampled_from([429, 503]), headers=st.sampled_from([{"Retry-After": "2"}])),
    st.sampled_from([TAKE, CLOSE, REFUSE, HANG, *BREAKS]),
)
scripts = st.builds(lambda first, then: in_turn(*first, then=then), st.lists(answers, max_size=12), answers)
ends = st.tuples(st.sampled_from(["leave", "land", "cancel", "abort"]), SECONDS)
configs = st.fixed_dictionaries(
    {
        "num_outlets": st.integers(1, 4),
        "batch_size": st.sampled_from([1, 2, 5, 30]),
        "back_buff": st.sampled_from([None, 1, 2, 4]),
        "drop": st.booleans(),
        "patience": st.sampled_from([0.0, 0.1, 5.0]),
        "max_attempts": st.sampled_from([None, 1, 2, 5]),
        "max_age": st.sampled_from([0.0, 3.0, 300.0]),
        "timeout": st.sampled_from([0.5, 5.0]),
        "land_timeout": st.sampled_from([0.0, 2.0, 25.0]),
        "wait": st.sampled_from([0.0, 0.25, 2.0]),
    }
)


class Input(NamedTuple):
    """Chunks, each with the seconds that pass before it."""

    data: bytes
    chunks: list[tuple[float, bytes]]


@st.composite
def inputs(draw: st.DrawFn) -> Input:
    lengths = draw(st.lists(st.sampled_from([0, 1, 30, 900]), max_size=60))
    data = b"".join(b"%d %b\n" % (number, b"x" * length) for number, length in enumerate(lengths))
    data = data[: -1 if draw(st.booleans()) else None]
    chunks = cut_at(data, draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return Input(data, [(draw(SECONDS), chunk) for chunk in chunks])


def assert_identity(ledger: Ledger) -> None:
    counts = (ledger.delivered, ledger.dropped, ledger.lost, ledger.held)
    assert ledger.read == sum(counts)
    assert min(counts) >= 0


def assert_wire(drain: Drain, lines: list[bytes], config: dict[str, Any]) -> None:
    """What the drain saw: the input's lines unchanged, none delivered twice, and each retry like its first attempt."""
    assert Counter(drain.lines) <= Counter(lines)
    attempts = Counter(call.id for call in drain.calls)
    if config["num_outlets"] == 1 and max(attempts.values(), default=0) < PATIENCE:
        assert drain.lines == sorted(drain.lines, key=lines.index)
    ids = {call.id for call in drain.calls}
    assert len({(call.id, call.body) for call in drain.calls}) == len(ids)
    # A line that was refused behind a report is tried once more by itself, under an id of its own.
    told = {(call.lines, bool(call.reports)) for call in drain.calls if call.lines}
    assert len(told) == len({call.id for call in drain.calls if call.lines})
    assert max(map(len, (call.lines for call in drain.calls)), default=0) <= config["batch_size"]
    assert drain.most_at_once <= config["num_outlets"]
    if config["max_attempts"]:
        assert max((attempts - drain.denied).values(), default=0) <= config["max_attempts"]


def assert_told(drain: Drain, ledger: Ledger) -> None:
    """Each line that is missing was told once to a drain that answered, or is still owed."""
    assert drain.told("L12") + ledger.owed.dropped.count == ledger.dropped
    assert drain.told("L13") + ledger.owed.lost.count == ledger.lost


class Host:
    """Writes the input to a shuttle, and ends it."""

    def __init__(self, shuttle: Shuttle, source: Input) -> None:
        self.shuttle = shuttle
        self.source = source
        self.written = b""

    async def run(self, end: Literal["leave", "land", "cancel", "abort"], seconds: float) -> None:
        async with trio.open_nursery() as tasks:
            async with self.shuttle as shuttle:
                if end in {"cancel", "abort"}:
                    tasks.start_soon(
                        self._stop, tasks.cancel_scope.cancel if end == "cancel" else shuttle.abort, seconds
                    )
                await self._write()
                if end == "land":
                    await shuttle.land(by=trio.current_time() + seconds)
            tasks.cancel_scope.cancel()

    async def _stop(self, stop: Any, seconds: float) -> None:
        await trio.sleep(seconds)
        stop()

    async def _write(self) -> None:
        for pause, chunk in self.source.chunks:
            await trio.sleep(pause)
            with contextlib.suppress(anyio.ClosedResourceError):  # after an abort
                self.written += chunk if self.shuttle._parts.landing.phase is Phase.RUNNING else b""
                await self.shuttle.write(chunk)
            assert_identity(self.shuttle.ledger)


@given(script=scripts, config=configs, source=inputs(), end=ends)
@settings(max_examples=200)
@virtual
async def test_every_line_is_accounted_for(script: Any, config: dict[str, Any], source: Input, end: Any) -> None:
    def watch(call: Call) -> Answer:
        assert_identity(shuttle.ledger)
        assert shuttle.ledger.delivered == len(drain.lines)
        answer: Answer = script(call)
        return answer

    drain = Drain(watch)
    shuttle = make_shuttle(drain, **config)
    host = Host(shuttle, source)
    await host.run(*end)
    ledger = shuttle.ledger
    assert_identity(ledger)
    assert ledger.held == 0
    assert ledger.delivered == len(drain.lines)
    assert ledger.dropped == 0 or config["drop"]
    assert ledger.read == len(host.written.splitlines())
    if end[0] in {"leave", "land"}:
        assert host.written == source.data
        if drain.calls and drain.calls[-1] in drain.heard and drain.paused_until < trio.current_time():
            assert not ledger.owed
    assert_wire(drain, host.written.splitlines(), config)
    assert_told(drain, ledger)


@given(faults=st.lists(answers, max_size=12), config=configs, source=inputs())
@settings(max_examples=50)
@virtual
async def test_a_recovered_drain_is_told_of_every_missing_line(
    faults: list[Answer], config: dict[str, Any], source: Input
) -> None:
    drain = Drain(in_turn(*faults))
    async with make_shuttle(drain, **{**config, "land_timeout": 500.0}) as shuttle:
        for pause, chunk in source.chunks:
            await trio.sleep(pause)
            await shuttle.write(chunk)
        await trio.sleep(400)
        drain.script = in_turn()
        await shuttle.write(b"\n")
        await trio.sleep(60)
        await shuttle.write(b"the last line\n")
    ledger = shuttle.ledger
    assert ledger.held == 0
    assert drain.lines[-1] == b"the last line"
    assert (drain.told("L12"), drain.told("L13")) == (ledger.dropped, ledger.lost)
