"""The bar of a replay stays on the last line of the terminal, and the lines of the log go above it."""

import itertools
import os
import pty
from collections.abc import Iterator

import pytest
import trio
import trio.testing

from shuttle.observe.last_line import INTERVAL
from shuttle.observe.progress_bar import ProgressBar, ReplayProgress
from tests.helpers.terminal import COLUMNS, Terminal, render
from tests.helpers.virtual import virtual


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with Terminal() as terminal:
        yield terminal


async def draw(bar: ProgressBar, *looks: ReplayProgress) -> None:
    """Have the bar look as often as there are `looks`."""
    rest = iter(looks)
    with trio.move_on_after(INTERVAL * (len(looks) + 0.5)):
        await bar.run(lambda: next(rest))


@virtual
async def check_the_bar(terminal: Terminal) -> None:
    bar = ProgressBar(terminal.fd)
    await draw(bar, ReplayProgress(0, 4_000_000, 0), ReplayProgress(1_000_000, 4_000_000, 10_000))
    terminal.hang_up()
    (line,) = render(terminal.text)
    assert line.startswith(" 25%|")
    assert line.endswith("| 1.00M/4.00M [00:00<00:01, 40,000 lines/s]")
    assert len(line) == COLUMNS - 1


def test_it_says_how_far_it_is_how_fast_and_how_long_it_takes(terminal: Terminal) -> None:
    check_the_bar(terminal)


def test_lines_go_above_it_and_it_stays(terminal: Terminal) -> None:
    @virtual
    async def check() -> None:
        bar = ProgressBar(terminal.fd)
        bar.write("before the bar")
        await draw(bar, ReplayProgress(1, 2, 1))
        bar.write("short")
        bar.write("x" * (COLUMNS + 20))
        await draw(bar, ReplayProgress(2, 2, 2))
        bar.write("last")

    check()
    terminal.hang_up()
    *lines, last = render(terminal.text)
    assert lines == ["before the bar", "short", "x" * (COLUMNS + 20), "last"]
    assert last.startswith("100%|")


def test_nothing_of_it_is_left(terminal: Terminal) -> None:
    @virtual
    async def check() -> None:
        bar = ProgressBar(terminal.fd)
        await draw(bar, ReplayProgress(1, 2, 1))
        bar.clear()
        bar.write("afterwards")

    check()
    terminal.hang_up()
    assert render(terminal.text) == ["afterwards", ""]


@pytest.mark.parametrize("total", [0, 1, 10**15])
def test_any_size_fits_into_the_line(terminal: Terminal, total: int) -> None:
    @virtual
    async def check() -> None:
        await draw(
            ProgressBar(terminal.fd), ReplayProgress(total // 2, total, 10**12), ReplayProgress(total, total, 10**13)
        )

    check()
    terminal.hang_up()
    (line,) = render(terminal.text)
    assert 0 < len(line) < COLUMNS


def test_a_terminal_that_nobody_reads_holds_nothing_up() -> None:
    controller, terminal = pty.openpty()
    numbers = itertools.count()

    @virtual
    async def check() -> None:
        bar = ProgressBar(terminal)
        with trio.move_on_after(INTERVAL * 2000):
            await bar.run(lambda: ReplayProgress(next(numbers), 2000, 1))
        bar.write("a line")

    try:
        check()
    finally:
        os.close(controller)
        os.close(terminal)
    assert next(numbers) > 1900
