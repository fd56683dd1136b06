"""The end of an event loop while a shuttle is not left: nothing hangs, it lands for a second at most, and lines count.

asyncio cancels all tasks at once then, those of the shuttle too, whatever shields them.
"""

import asyncio
import contextlib
import gc
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
import trio
import trio.testing

from shuttle.landing import CANCELLED_TIMEOUT
from shuttle.local_drain import LocalDrain
from tests.helpers.drains import HANG, Drain
from tests.helpers.endings import Taker, anywhere, generate, make, on_asyncio, run
from tests.helpers.sockets import GUARD
from tests.helpers.virtual import make_shuttle

# anyio has one that it never awaits if a task is cancelled before it begins.
UNAWAITED = "ignore:coroutine .* was never awaited:RuntimeWarning"


@pytest.mark.parametrize("hangs", [False, True])
@anywhere
def test_a_shuttle_that_was_never_left_lands_as_the_loop_ends(loop: str, hangs: bool) -> None:
    shuttles = [make(Taker(hangs=hangs))]

    async def main() -> None:
        await shuttles[0].__aenter__()
        await shuttles[0].write(b"one\n")

    run(loop, main)
    assert str(shuttles[0].ledger) == f"read=1 delivered={int(not hangs)} dropped=0 lost={int(hangs)} held=0"
    with pytest.warns(ResourceWarning, match="never left"):
        shuttles.clear()


@pytest.mark.parametrize("hangs", [False, True])
@anywhere
def test_a_generator_that_is_not_exhausted_leaves_as_the_loop_ends(loop: str, hangs: bool) -> None:
    shuttle = make(Taker(hangs=hangs))
    generator = generate(shuttle)

    async def main() -> None:
        await anext(generator)
        await shuttle.write(b"one\n")

    run(loop, main)
    assert str(shuttle.ledger) == f"read=1 delivered={int(not hangs)} dropped=0 lost={int(hangs)} held=0"


@pytest.mark.parametrize("outlets", [1, 4])
@pytest.mark.parametrize("hangs", [False, True])
@on_asyncio
def test_a_background_task_lands_as_the_loop_ends(loop: str, hangs: bool, outlets: int) -> None:
    """The loop cancels every task at once, those of the shuttle too, with attempts under way."""
    drain = Taker(hangs=hangs)
    shuttle = make(drain, batch_size=1, num_outlets=outlets)
    tasks = []

    async def host() -> None:
        async with shuttle:
            for number in range(5):
                await shuttle.write(b"%d\n" % number)
            await asyncio.sleep(GUARD)

    async def main() -> None:
        tasks.append(asyncio.create_task(host()))
        await drain.asked.wait()

    run(loop, main)
    assert str(shuttle.ledger) == f"read=5 delivered={0 if hangs else 5} dropped=0 lost={5 if hangs else 0} held=0"
    if outlets == 1 and not hangs:
        assert [body.split()[-1] for body in drain.bodies] == [b"0", *(b"%d" % number for number in range(5))]


@pytest.mark.filterwarnings(UNAWAITED)
@pytest.mark.parametrize("ticks", range(30))
@on_asyncio
def test_a_loop_may_end_at_any_moment(loop: str, ticks: int) -> None:
    """Between entering and leaving, and before and after."""
    shuttle = make(Taker())
    tasks = []

    async def host() -> None:
        async with shuttle:
            for number in range(3):
                await shuttle.write(b"%d\n" % number)
                await asyncio.sleep(0)

    async def main() -> None:
        tasks.append(asyncio.create_task(host()))
        for _ in range(ticks):
            await asyncio.sleep(0)

    run(loop, main)
    gc.collect()
    ledger = shuttle.ledger
    assert (ledger.held, ledger.dropped) == (0, 0)
    assert ledger.delivered + ledger.lost == ledger.read


@pytest.mark.parametrize("number", range(9))
@on_asyncio
def test_any_task_of_a_shuttle_may_be_cancelled_alone(loop: str, number: int) -> None:
    drain = Taker()
    shuttle = make(drain, wait=0.0)

    async def main() -> None:
        others = asyncio.all_tasks()
        async with shuttle:
            await shuttle.write(b"one\n")
            await drain.asked.wait()
            tasks = sorted(asyncio.all_tasks() - others, key=lambda task: task.get_name())
            assert len(tasks) == 9
            tasks[number].cancel()
            await asyncio.wait(tasks[number : number + 1])
            with contextlib.suppress(anyio.ClosedResourceError):  # one of them knows the end of a loop by it
                await shuttle.write(b"two\n")

    run(loop, main)
    ledger = shuttle.ledger
    assert ledger.delivered == ledger.read >= 1


@pytest.mark.parametrize("outlets", [1, 4])
@pytest.mark.parametrize("hangs", [False, True])
@anywhere
def test_what_a_spool_holds_stays_held_by_a_shuttle_that_was_never_left(
    loop: str, hangs: bool, outlets: int, tmp_path: Path
) -> None:
    shuttles = [make(Taker(hangs=hangs), batch_size=1, spool=tmp_path / "spool", num_outlets=outlets)]

    async def forget() -> None:
        await shuttles[0].__aenter__()
        await shuttles[0].write(b"one\ntwo\nthree\n")

    run(loop, forget)
    ledger = shuttles[0].ledger
    assert (ledger.read, ledger.dropped, ledger.lost) == (3, 0, 0)
    assert ledger.held == ledger.spooled
    assert bool(ledger.delivered) is not hangs
    with pytest.warns(ResourceWarning, match="never left"):
        shuttles.clear()
    assert deliver_spool(loop, tmp_path / "spool") == ledger.held


def deliver_spool(loop: str, directory: Path) -> int:
    """Return how many lines there were."""
    shuttle = make(spool=directory)

    async def land() -> None:
        async with shuttle:
            pass

    run(loop, land)
    return shuttle.ledger.delivered


@pytest.mark.filterwarnings(UNAWAITED)
@pytest.mark.parametrize("ticks", range(0, 60, 3))
@on_asyncio
def test_a_loop_may_end_at_any_moment_of_a_spool(loop: str, ticks: int, tmp_path: Path) -> None:
    drain = Taker()
    shuttle = make(drain, batch_size=1, spool=tmp_path / "spool")
    tasks = []

    async def host() -> None:
        with contextlib.suppress(anyio.ClosedResourceError):  # it lands before this task is cancelled
            async with shuttle:
                for number in range(5):
                    await shuttle.write(b"%d\n" % number)

    async def main() -> None:
        tasks.append(asyncio.create_task(host()))
        for _ in range(ticks):
            await asyncio.sleep(0)

    run(loop, main)
    gc.collect()
    ledger = shuttle.ledger
    assert (ledger.dropped, ledger.lost) == (0, 0)
    assert ledger.held == ledger.spooled
    assert deliver_spool(loop, tmp_path / "spool") == ledger.held


@pytest.mark.filterwarnings(UNAWAITED)
@on_asyncio
def test_a_loop_that_ends_as_a_shuttle_is_entered_leaves_nothing_behind(loop: str, tmp_path: Path) -> None:
    """Its tasks are cancelled before they begin, and the one that enters it is not."""
    shuttle, second = (make(spool=tmp_path / "spool") for _ in range(2))

    async def main() -> None:
        others = asyncio.all_tasks()
        asyncio.get_running_loop().call_soon(lambda: [task.cancel() for task in asyncio.all_tasks() - others])
        with pytest.raises(RuntimeError, match="was entered while its event loop ended"):
            await shuttle.__aenter__()
        with pytest.raises(RuntimeError, match="enter the shuttle first"):
            await shuttle.write(b"one\n")
        async with second:
            await second.write(b"one\n")

    run(loop, main)
    gc.collect()
    assert (shuttle.ledger.read, second.ledger.delivered) == (0, 1)


def test_the_end_of_a_loop_waits_a_second_at_most_for_a_shuttle_that_was_never_left() -> None:
    clock = trio.testing.MockClock(autojump_threshold=0)
    shuttles = [make_shuttle(Drain(HANG))]

    async def main() -> None:
        await shuttles[0].__aenter__()
        await shuttles[0].write(b"one\n")

    trio.run(main, clock=clock)
    assert str(shuttles[0].ledger) == "read=1 delivered=0 dropped=0 lost=1 held=0"
    assert clock.current_time() <= CANCELLED_TIMEOUT
    with pytest.warns(ResourceWarning, match="never left"):
        shuttles.clear()


INTERRUPTED = """
import os, signal, sys, anyio
from shuttle import Config, Shuttle

async def main():
    shuttle = Shuttle(Config(logs_url=sys.argv[1]))
    try:
        async with shuttle:
            await shuttle.write(b"one\\n")
            os.kill(os.getpid(), signal.SIGINT)
            await anyio.sleep_forever()
    finally:
        print(shuttle.ledger)

signal.signal(signal.SIGINT, signal.default_int_handler)
anyio.run(main, backend=sys.argv[2])
"""


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.process
def test_a_program_that_is_interrupted_lands(backend: str) -> None:
    with LocalDrain() as drain:
        command = [sys.executable, "-c", INTERRUPTED, drain.url, backend]
        ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert ended.stdout == "read=1 delivered=1 dropped=0 lost=0 held=0\n"
    assert ended.stderr.endswith("KeyboardInterrupt\n")
    assert ended.returncode == -signal.SIGINT
    assert drain.messages == [b"one\n"]
