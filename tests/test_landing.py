"""The end of a shuttle, through any order of events. The time is virtual."""

import math
from collections import Counter
from collections.abc import Callable

import anyio
import httpx
import pytest
import trio
import trio.testing
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from shuttle.config import Config
from shuttle.landing import CANCELLED_TIMEOUT, Phase
from shuttle.shuttle import Shuttle
from tests.helpers.drains import CLOSE, HANG, TAKE, Answer, Call, Drain, in_turn
from tests.helpers.virtual import Journal, make_lines, make_shuttle, virtual

LAND_TIMEOUT = 10.0  # seconds
PAUSED = Answer(503, headers={"Retry-After": "60"})
WEATHER = {"takes": TAKE, "pauses": PAUSED, "closes": CLOSE, "hangs": HANG, "slow": Answer(delay=1.0)}
Event = tuple[str, float]


@virtual
async def test_a_signal_sets_a_deadline_for_landing() -> None:
    """The landing began at the end of input, without a deadline."""
    drain = Drain(Answer(delay=4.0))
    async with make_shuttle(drain, num_outlets=1, batch_size=1) as shuttle, trio.open_nursery() as tasks:
        await shuttle.write(make_lines(100))
        tasks.start_soon(shuttle.land)
        await trio.sleep(10.0)
        shuttle.limit_landing(12.0)
    assert trio.current_time() <= 12.0
    assert shuttle.ledger.held == 0
    assert shuttle.ledger.delivered == 2


@virtual
async def test_a_deadline_is_never_moved_back() -> None:
    async with make_shuttle(Drain(HANG)) as shuttle, trio.open_nursery() as tasks:
        await shuttle.write(make_lines(1))
        tasks.start_soon(shuttle.land)
        for by in (9.0, 5.0, 7.0):
            shuttle.limit_landing(by)
    assert trio.current_time() <= 5.0


@virtual
async def test_a_retry_after_does_not_outlast_the_landing() -> None:
    drain = Drain(in_turn(PAUSED))
    async with make_shuttle(drain) as shuttle:
        await shuttle.write(make_lines(20_000))
    assert str(shuttle.ledger) == "read=20000 delivered=20000 dropped=0 lost=0 held=0"


@virtual
async def test_a_2xx_after_a_503_ends_the_pause_while_landing() -> None:
    answers = {1: Answer(503, delay=0.1, headers={"Retry-After": "60"})}
    drain = Drain(lambda _: answers.get(len(drain.calls), Answer(delay=0.2)))
    async with make_shuttle(drain, batch_size=100) as shuttle:
        await shuttle.write(make_lines(20_000))
        await shuttle.land(by=trio.current_time() + 25.0)
    assert shuttle.ledger.delivered == 20_000


@virtual
async def test_what_has_failed_does_not_wait_once_the_drain_is_back_in_a_landing() -> None:
    """However long its own delay would be."""
    drain = Drain(lambda _: CLOSE if trio.current_time() < LAND_TIMEOUT - 0.4 else TAKE)
    async with make_shuttle(drain, land_timeout=LAND_TIMEOUT, batch_size=1, random=lambda: 0.99) as shuttle:
        await shuttle.write(make_lines(40))
        await shuttle.land(by=LAND_TIMEOUT)
    assert shuttle.ledger.delivered == 40


@pytest.mark.parametrize("left", [2.0, 1.0, 0.5])
@pytest.mark.parametrize("answer", [PAUSED, CLOSE, Answer(500)], ids=["pauses", "closes", "fails"])
@pytest.mark.parametrize("limit", [None, 10.0])
@virtual
async def test_a_drain_that_is_back_before_the_end_gets_everything(
    limit: float | None, answer: Answer, left: float
) -> None:
    """A pause lasted a second at least, and the last second was kept for a report that had nothing to say."""
    drain = Drain(lambda _: answer if trio.current_time() < LAND_TIMEOUT - left else TAKE)
    async with make_shuttle(drain, land_timeout=LAND_TIMEOUT) as shuttle:
        await shuttle.write(make_lines(20_000))
        await shuttle.land(by=limit)
    assert str(shuttle.ledger) == "read=20000 delivered=20000 dropped=0 lost=0 held=0"
    assert len(drain.calls) < 400


@virtual
async def test_the_drain_is_told_what_a_landing_loses() -> None:
    """It takes batches, more slowly than the time allows."""
    drain = Drain(lambda call: Answer(delay=2.5 if call.lines else 0.1))
    async with make_shuttle(drain, num_outlets=1, batch_size=1, land_timeout=LAND_TIMEOUT) as shuttle:
        await shuttle.write(make_lines(100))
        await shuttle.land(by=LAND_TIMEOUT)
    assert trio.current_time() <= LAND_TIMEOUT
    assert shuttle.ledger.delivered == 3
    assert drain.told("L13") == shuttle.ledger.lost == 97


@pytest.mark.parametrize("limit", [None, 10.0])
@virtual
async def test_every_batch_gets_one_more_attempt_before_the_end(limit: float | None) -> None:
    """The drain is busy for whoever comes first after a pause, and never for long."""
    drain = Drain(PAUSED)
    async with make_shuttle(drain, batch_size=1, land_timeout=LAND_TIMEOUT) as shuttle:
        await shuttle.write(make_lines(100))
        await shuttle.land(by=limit)
    tried = {line for call in drain.calls for line in call.lines}
    assert tried == set(make_lines(100).split())
    assert str(shuttle.ledger) == "read=100 delivered=0 dropped=0 lost=100 held=0"


@virtual
async def test_a_failing_batch_leaves_others_their_last_attempt() -> None:
    def script(call: Call) -> Answer:
        late = trio.current_time() > LAND_TIMEOUT - 2.5
        return TAKE if late and b"0000000" not in call.lines else Answer(503)

    drain = Drain(script)
    async with make_shuttle(drain, batch_size=1, num_outlets=1, land_timeout=LAND_TIMEOUT) as shuttle:
        await shuttle.write(make_lines(50))
        await shuttle.land(by=LAND_TIMEOUT)
    assert str(shuttle.ledger) == "read=50 delivered=49 dropped=0 lost=1 held=0"


@virtual
async def test_giving_up_is_logged_once() -> None:
    journal = Journal()
    async with make_shuttle(Drain(HANG), log=journal) as shuttle:
        await shuttle.write(make_lines(3) + b"rest")
        await shuttle.land(by=1.0)
        await shuttle.land()
        shuttle.abort()
    assert [told["lines"] for told in journal.named("lines.lost")] == [4]


@pytest.mark.parametrize("limit", [None, 4.0])
@virtual
async def test_requests_that_hang_keep_no_batch_from_its_last_attempt(limit: float | None) -> None:
    drain = Drain(in_turn(HANG, HANG, HANG, HANG))
    async with make_shuttle(drain, batch_size=10, timeout=0.0, land_timeout=4.0) as shuttle:
        await shuttle.write(make_lines(400))
        await shuttle.land(by=limit)
    assert shuttle.ledger.delivered >= 360


@virtual
async def test_a_limit_that_comes_while_landing_breaks_off_what_hangs() -> None:
    """The moment was computed when the landing began."""
    drain = Drain(lambda _: HANG if len(drain.calls) <= 4 else TAKE)
    async with make_shuttle(drain, batch_size=1, timeout=60.0) as shuttle, trio.open_nursery() as tasks:
        await shuttle.write(make_lines(10))
        tasks.start_soon(shuttle.land)
        await trio.sleep(1.0)
        shuttle.limit_landing(10.0)
    assert shuttle.ledger.delivered == 10


@virtual
async def test_a_cancelled_host_breaks_off_no_attempt_at_once() -> None:
    """Each is on its way, and there is a second."""
    drain = Drain(Answer(delay=0.5))
    with trio.move_on_after(0.25):
        async with make_shuttle(drain, batch_size=1, num_outlets=1) as shuttle:
            await shuttle.write(make_lines(2))
            await trio.sleep_forever()
    assert str(shuttle.ledger) == "read=2 delivered=2 dropped=0 lost=0 held=0"
    assert len(drain.calls) == 2


@pytest.mark.parametrize("delay", [0.05, 0.4, 1.5])
@pytest.mark.parametrize("outlets", [1, 4])
@virtual
async def test_no_line_is_lost_that_a_slow_drain_takes(outlets: int, delay: float) -> None:
    """What was on its way at the end, or shortly before it, arrived and was called lost."""
    drain, journal = Drain(lambda call: Answer(delay=delay if call.lines else 0.0)), Journal()
    async with make_shuttle(drain, log=journal, num_outlets=outlets, batch_size=10) as shuttle:
        await shuttle.write(make_lines(20_000))
        await trio.sleep(0.9)
        await shuttle.land(by=trio.current_time() + 6.0)
    taken = sum(len(call.lines) for call in drain.taken.values())
    assert shuttle.ledger.delivered == taken
    assert shuttle.ledger.lost == drain.told("L13") == 20_000 - taken
    assert journal.named("drain.down") == []


@pytest.mark.parametrize("slow", [1, 2], ids=["the first answer", "the probe"])
@virtual
async def test_one_slow_answer_keeps_no_batch_from_a_fast_drain(slow: int) -> None:
    """It was taken for what every answer takes, and no attempt began for as long as that before the end."""
    answers = {1: Answer(503)} if slow > 1 else {}
    drain = Drain(lambda _: Answer(delay=4.8) if len(drain.calls) == slow else answers.get(len(drain.calls), TAKE))
    async with make_shuttle(drain, num_outlets=1, batch_size=10, land_timeout=5.0) as shuttle:
        await shuttle.write(make_lines(10))
        await trio.sleep(5.0)
        await shuttle.write(make_lines(1000, first=10))
        await shuttle.land(by=trio.current_time() + 5.0)
    assert shuttle.ledger.delivered == 1010


@virtual
async def test_a_drain_that_answers_fast_takes_lines_nearly_to_the_end() -> None:
    """A tenth of the time, a second at most, was kept for the report."""
    drain = Drain(lambda call: Answer(delay=0.05 if call.lines else 0.0))
    async with make_shuttle(drain, num_outlets=1, batch_size=10) as shuttle:
        await shuttle.write(make_lines(20_000))
        await trio.sleep(1.0)
        await shuttle.land(by=11.0)
    assert trio.current_time() <= 11.0
    assert max(call.at for call in drain.calls if call.lines) > 11.0 - 0.4
    assert drain.told("L13") == shuttle.ledger.lost > 0


@pytest.mark.parametrize("lines", [40, 20_000], ids=["none", "many"])
@virtual
async def test_a_hanging_request_is_made_again_while_the_drain_takes_others(lines: int) -> None:
    """The drain was back, and this one batch was lost, whether others waited or not."""
    drain = Drain(lambda _: HANG if len(drain.calls) == 2 else Answer(delay=0.05))
    async with make_shuttle(drain, num_outlets=2, batch_size=10, timeout=60.0) as shuttle:
        await shuttle.write(make_lines(lines))
        await trio.sleep(1.0)
        await shuttle.land(by=11.0)
    hung = drain.calls[1]
    assert hung.id in {call.id for call in drain.heard}
    assert shuttle.ledger.lost == max(0, lines - shuttle.ledger.delivered)


@virtual
async def test_no_request_is_broken_off_that_is_as_slow_as_the_others() -> None:
    drain = Drain(Answer(delay=3.0))
    async with make_shuttle(drain, num_outlets=4, batch_size=10, timeout=60.0) as shuttle:
        await shuttle.write(make_lines(20_000))
        await shuttle.land(by=11.0)
    assert len({call.id for call in drain.calls}) == len(drain.calls)


@pytest.mark.parametrize("uvloop", [True, False])
def test_progress_at_the_deadline_puts_the_end_off_no_further(uvloop: bool) -> None:
    """A batch a line, and sixteen outlets: something is delivered at every moment."""

    async def answer(_: httpx.Request) -> httpx.Response:
        await anyio.sleep(0.001)
        return httpx.Response(204)

    async def main() -> None:
        config = Config(logs_url="http://drain.example/", batch_size=1, num_outlets=16)
        async with Shuttle(config, transport=httpx.MockTransport(answer)) as shuttle:
            await shuttle.write(make_lines(60_000))
            await shuttle.land(by=anyio.current_time() + 0.3)
            assert shuttle.ledger.lost > 0  # else it tells nothing

    anyio.run(main, backend="asyncio", backend_options={"use_uvloop": uvloop})


class Ending(RuleBasedStateMachine):
    """Collects events, each some seconds after the one before, and has a shuttle live through them at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.outlets = 1
        self.ended = False

    @rule(outlets=st.integers(1, 4))
    def choose_outlets(self, outlets: int) -> None:
        self.outlets = outlets

    @rule(weather=st.sampled_from(sorted(WEATHER)), pause=st.floats(0.0, 3.0))
    def change_the_drain(self, weather: str, pause: float) -> None:
        self.events.append((weather, pause))

    @rule(lines=st.integers(1, 30), pause=st.floats(0.0, 3.0))
    def write(self, lines: int, pause: float) -> None:
        self.events += [("write", pause)] * (1 + lines // 10)

    @rule(event=st.sampled_from(["land", "limit", "signal"]), pause=st.floats(0.0, 15.0))
    def come_to_an_end(self, event: str, pause: float) -> None:
        self.events.append((event, pause))

    @precondition(lambda self: not self.ended)
    @rule(event=st.sampled_from(["abort", "error", "cancel"]), pause=st.floats(0.0, 15.0))
    def break_off(self, event: str, pause: float) -> None:
        self.events.append((event, pause))
        self.ended = True

    def teardown(self) -> None:
        virtual(self.live)()

    async def live(self) -> None:
        drain = Drain()
        shuttle = make_shuttle(drain, num_outlets=self.outlets, batch_size=3, land_timeout=LAND_TIMEOUT, max_age=1e6)
        life = Life(shuttle, drain)
        with trio.CancelScope() as scope:
            try:
                async with shuttle, trio.open_nursery() as tasks:
                    await life.run(self.events, tasks, scope.cancel)
            except* HostError:
                pass
        life.check_the_end()


class HostError(Exception):
    pass


class Life:
    """A shuttle that goes through events; it checks after each what must hold."""

    def __init__(self, shuttle: Shuttle, drain: Drain) -> None:
        self.shuttle = shuttle
        self.drain = drain
        self.written = 0
        self.limit = math.inf
        self.last_event_at = 0.0
        self.phases = [Phase.RUNNING]

    async def run(self, events: list[Event], tasks: trio.Nursery, cancel: Callable[[], None]) -> None:
        for event, pause in events:
            await trio.sleep(pause)
            await self.undergo(event, tasks, cancel)
            self.check()

    async def undergo(self, event: str, tasks: trio.Nursery, cancel: Callable[[], None]) -> None:
        self.last_event_at = now = trio.current_time()
        match event:
            case "write":
                try:
                    await self.shuttle.write(make_lines(10, first=self.written))
                    self.written += 10
                except anyio.ClosedResourceError:
                    assert self.shuttle._parts.landing.phase is not Phase.RUNNING
            case "land":
                tasks.start_soon(self.shuttle.land)
                await trio.testing.wait_all_tasks_blocked()
            case "limit" | "signal":
                self.limit = min(self.limit, now + LAND_TIMEOUT / 2)
                self.shuttle.limit_landing(now + LAND_TIMEOUT / 2)
                if event == "signal":
                    tasks.start_soon(self.shuttle.land)
                    await trio.testing.wait_all_tasks_blocked()
            case "abort":
                self.limit = min(self.limit, now)
                self.shuttle.abort()
            case "error":
                raise HostError
            case "cancel":
                self.limit = min(self.limit, now + CANCELLED_TIMEOUT)
                cancel()
                await trio.lowlevel.checkpoint()
            case _:
                self.drain.script = in_turn(then=WEATHER[event])

    def check(self) -> None:
        ledger, phase = self.shuttle.ledger, self.shuttle._parts.landing.phase
        assert ledger.read == ledger.delivered + ledger.dropped + ledger.lost + ledger.held
        assert min(ledger.delivered, ledger.dropped, ledger.lost, ledger.held) >= 0
        order = list(Phase)
        assert order.index(phase) >= order.index(self.phases[-1])
        self.phases.append(phase)

    def check_the_end(self) -> None:
        self.check()
        ledger = self.shuttle.ledger
        assert self.phases[-1] is Phase.OVER
        assert ledger.held == 0
        assert ledger.read == self.written
        assert ledger.delivered == len(self.drain.lines)
        assert max(Counter(self.drain.lines).values(), default=0) <= 1
        assert trio.current_time() <= max(self.limit, self.last_event_at) + 1e-6


TestEnding = Ending.TestCase
TestEnding.settings = settings(max_examples=150, stateful_step_count=12)
