"""A file system that hangs stops its own files, and no others: no call about a file blocks the event loop."""

import asyncio
import threading
from pathlib import Path

import httpx
import pytest

from tests.helpers.following import Catcher, append, following, rotate
from tests.helpers.system_calls import system_calls

HUNG = 1.0  # seconds that a call takes, if nothing arrives meanwhile


class Witness(Catcher):
    """A drain that tells other threads when a line has come."""

    def __init__(self, line: bytes) -> None:
        super().__init__()
        self.came = threading.Event()
        self._line = line

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if self._line in self.lines:
            self.came.set()
        return response


@pytest.mark.parametrize("kind", ["stat", "read", "open", "list"])
def test_a_call_that_hangs_stops_no_other_file(tmp_path: Path, kind: str) -> None:
    asyncio.run(follow_a_hung_file(tmp_path, kind))


async def follow_a_hung_file(tmp_path: Path, kind: str) -> None:
    hung, well = tmp_path / "hung" / "app.log", tmp_path / "well" / "app.log"
    drain = Witness(b"meanwhile")
    passed: list[bool] = []

    def hang(called: str, path: Path) -> None:
        if called == kind and not passed:
            passed.append(False)
            append(well, b"meanwhile")
            passed[0] = drain.came.wait(HUNG)

    for log in (hung, well):
        log.parent.mkdir()
        append(log, b"one of %b" % log.parent.name.encode())
    with system_calls(hung.parent) as calls:
        async with following(drain, hung, well, from_="beginning"):
            await drain.until(lambda: len(drain.lines) == 2)
            calls.before = hang
            with calls.own():
                append(hung, b"two")
                rotate(hung)
                append(hung, b"three")
            await drain.until(lambda: len(drain.lines) == 5)
    assert passed == [True]
