"""The live line says how much is held and how long it may take, and goes away when there is nothing to wait for."""

import pytest
import trio

from shuttle.observe.last_line import INTERVAL
from shuttle.observe.live_line import LiveLine, describe_wait
from shuttle.observe.snapshot import Snapshot
from tests.helpers.snapshots import DOWN, UP, make_snapshot
from tests.helpers.terminal import COLUMNS, Terminal, render
from tests.helpers.virtual import virtual

OUTAGE = "drain down for 12 s, next attempt in 2 s (connection refused)"


@pytest.mark.parametrize(
    ("seen", "rate", "text"),
    [
        (make_snapshot(), 0.0, ""),
        (make_snapshot(9, held=9), 0.0, ""),
        (make_snapshot(1234, held=1234, drain=DOWN), 0.0, f"1,234 lines held, {OUTAGE}"),
        (make_snapshot(1, held=1, drain=DOWN), 0.0, f"1 line held, {OUTAGE}"),
        (make_snapshot(9, gives_up_in=25.0), 0.0, ""),
        (make_snapshot(9, drain=DOWN, gives_up_in=25.0), 0.0, ""),
        (make_snapshot(9, held=9, gives_up_in=25.0), 0.0, "landing: 9 lines held, gives up in 25 s"),
        (
            make_snapshot(9, held=900, gives_up_in=90.0),
            3.0,
            "landing: 900 lines held, about 5 min 0 s left, gives up in 1 min 30 s",
        ),
        (
            make_snapshot(9, held=9, drain=DOWN, gives_up_in=4.0),
            3.0,
            f"landing: 9 lines held, gives up in 4 s, {OUTAGE}",
        ),
    ],
)
def test_it_tells_of_an_outage_and_of_a_landing_and_of_nothing_else(seen: Snapshot, rate: float, text: str) -> None:
    assert describe_wait(seen, rate) == text


def test_it_is_drawn_as_long_as_there_is_something_to_wait_for() -> None:
    long = DOWN._replace(error="zq9-pass-word " * 20)
    looks = [make_snapshot(9, held=9, drain=long), make_snapshot(9, held=9, drain=DOWN), make_snapshot(9, drain=UP)]

    @virtual
    async def check() -> None:
        line = LiveLine(terminal.fd, "", lambda text: text.replace("zq9-pass-word", "***"))
        for count, seen in enumerate(looks, 1):
            with trio.move_on_after(INTERVAL * 1.5):
                await line.run(lambda seen=seen: seen)  # type: ignore[misc]
            line.write(f"line {count}")

    with Terminal() as terminal:
        check()
        terminal.hang_up()
        drawn = [piece for piece in terminal.text.split("\r\x1b[K") if "drain down" in piece]
        assert [len(piece) <= COLUMNS - 1 for piece in drawn] == [True, True]
        assert "zq9" not in terminal.text
        assert render(terminal.text) == ["line 1", "line 2", "line 3", ""]
