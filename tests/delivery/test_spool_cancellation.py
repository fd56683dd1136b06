"""A cancellation by asyncio's own means while the disk's thread is at work."""

import asyncio
from pathlib import Path

import pytest

from tests.helpers.endings import make, on_asyncio, run


@pytest.mark.parametrize("ticks", range(20))
@on_asyncio
def test_a_write_to_a_spool_may_be_cancelled_at_any_moment(loop: str, ticks: int, tmp_path: Path) -> None:
    """By asyncio's own means, which pass every shield. Nothing is on the disk twice, or stays there."""
    shuttles = [make(batch_size=1, spool=tmp_path / "spool") for _ in range(2)]

    async def main() -> None:
        async with shuttles[0] as shuttle:
            for number in range(3):
                writing = asyncio.create_task(shuttle.write(b"%d\n" % number))
                for _ in range(ticks):
                    await asyncio.sleep(0)
                writing.cancel()
                await asyncio.wait([writing])
        async with shuttles[1]:
            pass

    run(loop, main)
    ledger = shuttles[0].ledger
    assert (ledger.held, ledger.lost) == (0, 0)
    assert ledger.delivered == ledger.read
    assert shuttles[1].ledger.read == 0
