"""How long bad lines among good ones hold up, and what it costs to find them: of the order of k*log2(n) requests.

`python -m tests.helpers.isolation` prints the figures.
"""

import math
from typing import Any

import pytest
import trio

from tests.helpers.drains import HANG, TAKE, Answer, Call, Drain
from tests.helpers.isolation import FAILURES, isolate
from tests.helpers.virtual import make_lines, make_shuttle, virtual

LINES = 602
ATTEMPTS = 4.0  # failures to halve the search for one line, and to convict it, on the average
TIMEOUT = 5.0  # seconds

every_failure = pytest.mark.parametrize("failure", FAILURES)
one_or_four_outlets = pytest.mark.parametrize("outlets", [1, 4])


def bound_requests(bad: int) -> float:
    return ATTEMPTS * bad * math.log2(LINES)


def bound_seconds(failure: str, bad: int) -> float:
    """Return how long as many attempts take, with a delay or a time-out each."""
    return 30.0 + (0.5 + TIMEOUT * (FAILURES[failure] is HANG)) * bound_requests(bad) / 2


@pytest.mark.parametrize("bad", [1, 2, 10])
@pytest.mark.parametrize("every", [1.0, 0.25])
@every_failure
@one_or_four_outlets
def test_bad_lines_are_found_while_others_come(outlets: int, failure: str, every: float, bad: int) -> None:
    found = isolate(LINES, bad, FAILURES[failure], outlets=outlets, every=every)
    assert found.requests < bound_requests(bad)
    assert found.delivered_by <= found.ended_by < bound_seconds(failure, bad)


@every_failure
@one_or_four_outlets
def test_a_bad_line_is_found_though_no_others_come(outlets: int, failure: str) -> None:
    """The halves of its batch that the drain takes are proof enough."""
    found = isolate(LINES, 1, FAILURES[failure], outlets=outlets, every=None)
    assert found.requests < 2 * bound_requests(1)
    assert found.ended_by < 300.0


@pytest.mark.parametrize("bad", [1, 2, 10])
@every_failure
@one_or_four_outlets
def test_the_good_lines_of_a_batch_are_delivered_though_no_others_come(outlets: int, failure: str, bad: int) -> None:
    found = isolate(LINES, bad, FAILURES[failure], outlets=outlets, every=None, limit=1200.0)
    assert found.requests < bound_requests(bad) + 1200 / 5  # what cannot be proved is tried now and then
    assert found.delivered_by < 60.0 + bound_seconds(failure, bad)


@pytest.mark.parametrize("bad", [1, 10])
@every_failure
def test_fresh_lines_pass_meanwhile(failure: str, bad: int) -> None:
    assert isolate(LINES, bad, FAILURES[failure], outlets=4, every=1.0).lag < 1.0


@pytest.mark.parametrize("bad", [1, 10])
@every_failure
def test_a_single_outlet_spends_most_of_its_time_on_others(failure: str, bad: int) -> None:
    assert isolate(LINES, bad, FAILURES[failure], outlets=1, every=0.25).lag < 12 * TIMEOUT


@pytest.mark.parametrize("settings", [{}, {"num_outlets": 1}], ids=str)
@pytest.mark.parametrize("after", [1, 5, 20])
@every_failure
@virtual
async def test_an_outage_amid_the_search_convicts_no_line(failure: str, after: int, settings: dict[str, Any]) -> None:
    """The drain takes some halves of a batch with a bad line, then fails on everything."""
    drain = Drain()
    taken = 0

    def answer(call: Call) -> Answer:
        nonlocal taken
        if b"0000077" in call.lines or taken > after:
            return FAILURES[failure]
        taken += 1
        return TAKE

    drain.script = answer
    async with make_shuttle(drain, batch_size=100, max_age=1e6, **settings) as shuttle:
        await shuttle.write(make_lines(500))
        await trio.sleep(3600)
        assert shuttle.ledger.lost <= 1  # the bad one may have been found before
        drain.script = lambda _: TAKE
        await trio.sleep(400)
        assert shuttle.ledger.held == 0
        assert {b"%07d" % number for number in range(500)} - set(drain.lines) <= {b"0000077"}
    assert len(drain.calls) < 2000  # the gate lets one pass every two and a half seconds


@every_failure
@virtual
async def test_a_batch_with_a_single_outlet_lets_another_go_first_after_a_minute(failure: str) -> None:
    """Else nobody would know that the drain is not down. In an outage they would come in order."""
    bad = {b"%07d" % number for number in range(10)}
    drain = Drain(lambda call: FAILURES[failure] if bad.intersection(call.lines) else TAKE)
    async with make_shuttle(drain, batch_size=10, num_outlets=1, max_age=1e6) as shuttle:
        await shuttle.write(make_lines(30))
        await trio.sleep(90)
        assert shuttle.ledger.delivered == 20
