"""A batch whose body is not the frames that it says costs its own lines, and stops nothing else."""

from pathlib import Path

import httpx
import pytest
import trio

from shuttle.config import Config
from shuttle.core.batch import Batch
from shuttle.shuttle import Shuttle
from shuttle.store.batch_table import StoredBatch
from tests.helpers.amazon import KINESIS_URL, Amazon
from tests.helpers.virtual import Journal, make_lines, make_shuttle, virtual, wall
from tests.store.test_private import open_backlog

BODIES = {
    "no frames": b"xyz" * 500,
    "one frame": b"9 <190>1 xy",
    "a length that is none": b"9x <190>1 xy" * 20,
    "a length below zero": b"-5 <190>1 " * 20,
    "a length beyond the end": b"999999999999 <190>1 " + b"x" * 1000,
    "more digits than a number has": b"9" * 5000 + b" <190>1 xy",
}


def plant(directory: Path, body: bytes) -> None:
    backlog = open_backlog(directory)
    planted = Batch("0" * 31 + "1", body, 3, 3, (), 1000.0)
    assert backlog.write([StoredBatch(0, planted)], []) == [1]
    backlog.close()


def refuse(body: bytes, status: int) -> httpx.MockTransport:
    return httpx.MockTransport(lambda request: httpx.Response(status if body in request.read() else 204))


@pytest.mark.parametrize("status", [400, 413, 500])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@virtual
async def test_a_body_that_cannot_be_halved_costs_its_own_lines(body: bytes, status: int, tmp_path: Path) -> None:
    plant(tmp_path / "spool", body)
    journal = Journal()
    async with make_shuttle(refuse(body, status), log=journal, spool=tmp_path / "spool", max_age=1e10) as shuttle:
        await shuttle.write(make_lines(1000))
        await trio.sleep(300)
    assert str(shuttle.ledger) == "read=1003 delivered=1000 dropped=0 lost=3 held=0"
    [told] = journal.named("attempt.crashed")
    assert "FramesError" in str(told["error"])
    assert "halve batch.py" in str(told["traceback"])
    [told] = journal.named("lines.lost")
    assert told["lines"] == 3
    assert open_backlog(tmp_path / "spool").batches == 0


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@virtual
async def test_a_body_that_cannot_be_made_records_costs_its_own_lines(body: bytes, tmp_path: Path) -> None:
    plant(tmp_path / "spool", body)
    amazon = Amazon()
    config = Config(logs_url=KINESIS_URL, spool=tmp_path / "spool", max_age=1e10)
    async with Shuttle(config, log=Journal(), transport=amazon, random=lambda: 0.5, wall=wall) as shuttle:
        await shuttle.write(make_lines(1000))
    assert str(shuttle.ledger) == "read=1003 delivered=1000 dropped=0 lost=3 held=0"


class BreakingJournal(Journal):
    """Breaks once, when the first loss is told, which is outside of every attempt."""

    def warning(self, event: str, /, **data: object) -> None:
        super().info(event, **data)
        if event == "lines.lost" and len(self.named(event)) == 1:
            raise OSError("no room for a line")


@virtual
async def test_an_error_between_two_attempts_ends_nothing() -> None:
    journal = BreakingJournal()
    async with make_shuttle(refuse(b"0000007", 400), log=journal, batch_size=1) as shuttle:
        await shuttle.write(make_lines(100))
    assert str(shuttle.ledger) == "read=100 delivered=99 dropped=0 lost=1 held=0"
    [told] = journal.named("attempt.crashed")
    assert "_conclude outlet.py" in str(told["traceback"])
