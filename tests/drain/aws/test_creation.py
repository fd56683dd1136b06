"""What is missing is created, or the service refuses to: the answer to a creation takes nothing of a batch."""

from typing import Any

import pytest
import trio

from tests.drain.aws.test_records import make_shuttle
from tests.helpers.amazon import LOGS_URL, Amazon, Answer, Script, fail
from tests.helpers.virtual import Journal, make_lines, virtual

MISSING = "ResourceNotFoundException"


def refuse(**kinds: str) -> Script:
    """Miss the stream, and answer each creation with that kind of error."""
    return lambda operation, _: fail(kinds.get(operation, MISSING))


REFUSALS: dict[str, tuple[Script, str]] = {
    "denied stream": (refuse(CreateLogStream="AccessDeniedException"), "AccessDeniedException: no"),
    "denied group": (refuse(CreateLogGroup="AccessDeniedException"), "AccessDeniedException: no"),
    "no group": (refuse(), f"{MISSING}: no"),
    "bad name": (refuse(CreateLogStream="InvalidParameterException"), "InvalidParameterException: no"),
}


@pytest.mark.parametrize("case", REFUSALS)
@pytest.mark.parametrize("outlets", [1, 4])
@virtual
async def test_a_refused_creation_ends_a_first_try_at_once(case: str, outlets: int) -> None:
    """Nothing was ever accepted."""
    script, error = REFUSALS[case]
    amazon, journal = Amazon(script), Journal()
    async with make_shuttle(amazon, LOGS_URL, journal, aws_create=True, batch_size=3, num_outlets=outlets) as shuttle:
        await shuttle.write(make_lines(6))
    assert trio.current_time() < 1
    assert shuttle.ledger.lost == 6
    assert journal.named("drain.up") == []
    [told] = journal.named("drain.down")
    assert (told["status"], told["error"]) == (400, error)
    assert "logs:CreateLogStream" in str(told["advice"])
    assert len(amazon.calls) < 20


@pytest.mark.parametrize("case", REFUSALS)
@virtual
async def test_a_refused_creation_is_backed_off_from(case: str) -> None:
    amazon, journal = Amazon(REFUSALS[case][0]), Journal()
    async with make_shuttle(amazon, LOGS_URL, journal, aws_create=True, batch_size=3, max_age=1e5) as shuttle:
        await shuttle.write(make_lines(6))
        await trio.sleep(600)
        assert shuttle.ledger.lost == 0
    assert len(amazon.calls) < 250
    assert journal.named("drain.up") == []


@virtual
async def test_a_creation_refused_after_lines_were_taken_ends_with_the_landing() -> None:
    def script(operation: str, _: Any) -> Answer | None:
        if not amazon.events or operation != "PutLogEvents":
            return fail("AccessDeniedException") if operation != "PutLogEvents" else None
        return fail(MISSING)

    amazon, journal = Amazon(script), Journal()
    async with make_shuttle(amazon, LOGS_URL, journal, aws_create=True, batch_size=3, land_timeout=5.0) as shuttle:
        await shuttle.write(make_lines(3))
        await trio.sleep(1)
        await shuttle.write(make_lines(6, first=3))
    assert trio.current_time() < 8
    assert str(shuttle.ledger) == "read=9 delivered=3 dropped=0 lost=6 held=0"


@virtual
async def test_a_stream_that_is_not_there_yet_though_it_was_created_is_waited_for() -> None:
    """AWS says so for a moment. It is tried until the landing ends."""
    amazon, journal = Amazon(refuse(CreateLogStream="ResourceAlreadyExistsException")), Journal()
    async with make_shuttle(amazon, LOGS_URL, journal, aws_create=True, land_timeout=5.0) as shuttle:
        await shuttle.write(make_lines(3))
    assert 4 < trio.current_time() < 6
    assert shuttle.ledger.lost == 3
    assert "-aws-create" not in str(journal.events)
    assert [operation for operation, _ in amazon.calls].count("CreateLogStream") == 2  # for the lines, and for the L13


@virtual
async def test_a_throttled_creation_is_tried_again() -> None:
    def script(operation: str, _: Any) -> Answer | None:
        if amazon.calls[-1][0] != "PutLogEvents":
            return fail("LimitExceededException") if len(amazon.calls) < 9 else None
        return fail(MISSING) if len(amazon.calls) < 11 else None

    amazon, journal = Amazon(script), Journal()
    async with make_shuttle(amazon, LOGS_URL, journal, aws_create=True) as shuttle:
        await shuttle.write(make_lines(3))
    assert shuttle.ledger.delivered == 3
    assert journal.named("drain.down")[0]["error"] == "LimitExceededException: no"
