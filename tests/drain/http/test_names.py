"""Names are looked up in threads, which may not start, and which a process that was forked does not have."""

import asyncio
import os
import threading
from concurrent.futures import Future

import pytest

from shuttle.drain.http import names


def test_a_forked_process_waits_for_no_thread_of_its_parent() -> None:
    """It would never end: each attempt to connect would wait for it."""
    names._under_way["drain.example", 80] = Future()
    try:
        pid = os.fork()
        if pid == 0:
            os._exit(len(names._under_way))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert len(names._under_way) == 1
    finally:
        names._under_way.clear()


def test_a_thread_that_does_not_start_costs_one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def look_up() -> None:
        with pytest.raises(OSError, match="can't start new thread"):
            await names.look_up("drain.example", 80)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    asyncio.run(look_up())
    assert names._under_way == {}


@pytest.mark.parametrize("host", ["x" * 64 + ".example", "a..example"])
def test_a_name_that_cannot_be_one_is_an_error_of_the_system(host: str) -> None:
    async def look_up() -> None:
        with pytest.raises(OSError, match=r"\w"):
            await names.look_up(host, 80)

    asyncio.run(look_up())
