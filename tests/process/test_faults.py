"""Drains that fail, in every way: no line is lost that could be delivered, and each is accounted for."""

import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from shuttle.local_drain import Behaviour, LocalDrain
from tests.helpers.frames import walk
from tests.helpers.process import LONGEST, Source, find_closed_port, make_lines, run, start
from tests.helpers.sockets import NO_CONTENT, Peer, Server, always, in_turn

pytestmark = pytest.mark.process

MEBIBYTE = 1024 * 1024
LINES = make_lines(5000)
FAULTS = {
    "503": Behaviour(status=503),
    "429": Behaviour(status=429, retry_after=1),
    "302": Behaviour(status=302),
    "hangs": Behaviour(delay=LONGEST),
    "closes": Behaviour(close=True),
    "resets": Behaviour(reset=True),
}
NO_ANSWERS = {
    "speaks another protocol": b"220 mail.example ESMTP\r\n",
    "speaks TLS": b"\x15\x03\x01\x00\x02\x02\x46",  # an alert
    "breaks off in the status": b"HTTP/1.1 204 No Con",
    "announces an answer": b"HTTP/1.1 100 Continue\r\n\r\n",
}
OUTAGE = "down for ten seconds"


def sit_out(fault: Behaviour) -> None:
    """Meet a drain that has `fault` in the first six requests."""
    with LocalDrain(replace(fault, times=6)) as drain:
        ended = run("-logs-url", drain.url, "-timeout", "300ms", "-verbose", data=b"".join(LINES))
        assert (ended.code, ended.ledger.read, ended.ledger.delivered) == (0, 5000, 5000)
        assert sorted(drain.messages) == LINES
        assert drain.counts.requests > 6


def sit_out_bytes(fault: bytes) -> None:
    """Meet a drain that says `fault` on the first six connections and closes them."""
    with Server(*[in_turn(fault)] * 6, always(NO_CONTENT)) as server:
        ended = run("-logs-url", server.url, "-verbose", data=b"".join(LINES))
        assert (ended.code, ended.ledger.read, ended.ledger.delivered) == (0, 5000, 5000)
        taken = [frame for request in server.requests if request.connection >= 6 for frame in walk(request.body)]
        assert sorted(frame.rpartition(b" - - ")[2] for frame in taken) == LINES


def sit_out_an_outage() -> None:
    """Default settings, 10,000 lines a second, and a port where nobody listens."""
    behaviour = Behaviour(port=find_closed_port())
    with start("-logs-url", f"http://127.0.0.1:{behaviour.port}/", "-verbose") as agent:
        with LocalDrain(behaviour) as before:
            source = Source(agent.stdin, rate=10_000)
            assert before.wait_for(messages=10_000)
        time.sleep(10.0)  # the outage itself
        with LocalDrain(behaviour) as after:
            agent.hear("at=drain.up ")
            source.stop_after(0.2)
            lines = source.finish()
            ended = agent.finish()
    assert ended.code == 0
    assert (ended.ledger.read, ended.ledger.delivered) == (len(lines), len(lines))
    assert len(lines) > 100_000
    assert sorted({*before.messages, *after.messages}) == lines
    assert len(ended.named("drain.down")) == len(ended.named("drain.up")) == 1


@pytest.fixture(scope="module")
def survivals() -> Iterator[dict[str, Future[None]]]:
    """What became of each fault that passes; all are sat out beside each other, as most of it is waiting."""
    tasks: dict[str, tuple[Callable[..., None], tuple[object, ...]]] = {OUTAGE: (sit_out_an_outage, ())}
    tasks |= {name: (sit_out, (fault,)) for name, fault in FAULTS.items()}
    tasks |= {name: (sit_out_bytes, (fault,)) for name, fault in NO_ANSWERS.items()}
    with ThreadPoolExecutor(len(tasks)) as pool:
        yield {name: pool.submit(task, *given) for name, (task, given) in tasks.items()}


@pytest.mark.parametrize("name", [*FAULTS, *NO_ANSWERS])
def test_a_drain_that_recovers_costs_no_line(name: str, survivals: dict[str, Future[None]]) -> None:
    survivals[name].result(LONGEST)


@pytest.mark.parametrize(
    "fault",
    [
        *(FAULTS[name] for name in ("503", "hangs", "closes", "resets")),
        *(Behaviour(status=status) for status in (400, 401, 413)),
    ],
    ids=["503", "hangs", "closes", "resets", "400", "401", "413"],
)
def test_a_drain_that_keeps_failing_costs_every_line(fault: Behaviour) -> None:
    """Each is counted."""
    with LocalDrain(fault) as drain:
        ended = run("-logs-url", drain.url, "-timeout", "200ms", "-land-timeout", "300ms", data=b"".join(LINES))
        assert ended.code == 3
        assert (ended.ledger.read, ended.ledger.lost) == (5000, 5000)
        assert ended.ledger.balanced
        assert drain.messages == []


@pytest.mark.parametrize("spooled", [False, True])
def test_a_wrong_password_at_first_does_not_cost_the_time_for_landing(tmp_path: Path, spooled: bool) -> None:
    flags = ["-spool", str(tmp_path / "spool")] if spooled else []
    with LocalDrain(Behaviour(status=401)) as drain:
        ended = run("-logs-url", drain.url, "-land-timeout", "1h", *flags, data=b"".join(LINES))
    assert ended.ledger.read == 5000
    assert (ended.code, ended.ledger.lost, ended.ledger.held) == ((4, 0, 5000) if spooled else (3, 5000, 0))


def test_a_spool_outlives_a_wrong_password(tmp_path: Path) -> None:
    spool = ("-spool", str(tmp_path / "spool"))
    run("-logs-url", f"http://127.0.0.1:{find_closed_port()}/", "-land-timeout", "0s", *spool, data=b"".join(LINES))
    with LocalDrain(Behaviour(status=401)) as drain, start("-logs-url", drain.url, *spool) as agent:
        while drain.counts.requests < 8:
            assert drain.wait_for(requests=drain.counts.requests + 1)
        agent.signal(signal.SIGTERM)
        ended = agent.finish()
        assert (ended.code, ended.ledger.lost, ended.ledger.held) == (4, 0, 5000)
    with LocalDrain() as drain:
        assert run("-logs-url", drain.url, *spool).code == 0
        assert sorted(drain.messages) == LINES


def test_an_answer_whose_body_is_cut_off_is_an_answer() -> None:
    """Nothing comes twice: the status has said all."""

    def cut(peer: Peer) -> None:
        peer.read()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nthan")

    with Server(cut) as server:
        ended = run("-logs-url", server.url, "-verbose", data=b"".join(LINES))
        assert (ended.code, ended.ledger.delivered) == (0, 5000)
        frames = [frame for request in server.requests for frame in walk(request.body)]
        assert sorted(frame.rpartition(b" - - ")[2] for frame in frames) == LINES


def test_a_drain_that_limits_bodies_gets_halves() -> None:
    with LocalDrain(Behaviour(max_body=4000)) as drain:
        ended = run("-logs-url", drain.url, "-verbose", data=b"".join(LINES))
        assert (ended.code, ended.ledger.delivered) == (0, 5000)
        assert sorted(drain.messages) == LINES


def test_a_bad_frame_costs_itself_and_no_other() -> None:
    """The drain answers 400 to a batch that holds one."""
    header = b"<13>1 2024-01-02T03:04:05.000000+00:00 h a p - - "
    lines = [(b"no header " if number % 400 == 7 else header) + b"%06d\n" % number for number in range(2000)]
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, "-input-format", "rfc5424", data=b"".join(lines))
        good = [line.removeprefix(header) for line in lines if line.startswith(header)]
        assert ended.code == 3
        assert (ended.ledger.read, ended.ledger.delivered, ended.ledger.lost) == (2000, len(good), 5)
        assert sorted(set(drain.messages) & set(good)) == good
        assert (drain.counts.lost, count_reported("L13", drain)) == (5, 5)


def test_a_slow_drain_holds_the_source_without_drop() -> None:
    lines = make_lines(20_000)
    with LocalDrain(Behaviour(delay=0.05, times=20)) as drain:
        flags = ("-drop=false", "-back-buff", "2", "-num-outlets", "1", "-verbose")
        ended = run("-logs-url", drain.url, *flags, data=b"".join(lines))
        assert (ended.code, ended.ledger.delivered) == (0, 20_000)
        assert drain.messages == lines


def test_a_small_queue_counts_and_reports_its_drops() -> None:
    with LocalDrain(Behaviour(status=503)) as drain:
        flags = ("-back-buff", "2", "-patience", "10ms", "-num-outlets", "1")
        with start("-logs-url", drain.url, *flags) as agent:
            agent.stdin.write(b"".join(make_lines(10_000)))
            agent.stdin.flush()
            agent.hear("at=lines.dropped ")
            drain.behaviour = Behaviour()
            ended = agent.finish()
        ledger = ended.ledger
        assert ended.code == 3
        assert ledger.balanced
        assert ledger.read == 10_000
        assert ledger.dropped > 0
        assert (ledger.lost, count_reported("L13", drain), drain.counts.lost) == (0, 0, 0)
        assert drain.counts.dropped == count_reported("L12", drain) == ledger.dropped
        assert sum(message.startswith(b"line ") for message in drain.messages) == ledger.delivered


def count_reported(code: str, drain: LocalDrain) -> int:
    """Return the sum of what the reports with `code` told `drain`."""
    report = re.compile(rb"Error %b: (\d+) messages " % code.encode())
    return sum(int(found[1]) for found in map(report.match, drain.messages) if found)


@pytest.mark.parametrize("up", [True, False], ids=["drain up", "drain down"])
def test_a_line_of_200_mib_takes_less_than_150_mb(up: bool) -> None:
    """With the drain down, and all else at default, the buffer fills and the rest of the line is dropped."""
    fault = Behaviour(status=0 if up else 503)
    flags = ("-verbose", "-drop=false") if up else ("-land-timeout", "300ms")
    with (
        LocalDrain(fault, watch=lambda _: None) as drain,  # which keeps nothing
        start("-logs-url", drain.url, *flags) as agent,
    ):
        block = b"x" * MEBIBYTE
        for _ in range(200):
            agent.stdin.write(block)
        agent.stdin.flush()  # all but what the pipe holds is read
        peak = agent.read_peak()
        ended = agent.finish()
    assert ended.ledger.balanced
    if up:
        assert (ended.code, ended.ledger.delivered) == (0, ended.ledger.read)
        assert drain.counts.messages > 200 * MEBIBYTE // 10_000
    else:
        assert ended.code == 3
        assert ended.ledger.dropped > 0
    assert peak < 150_000_000


def test_a_drain_down_for_ten_seconds_costs_nothing(
    survivals: dict[str, Future[None]],
) -> None:
    """At default settings. It comes last, and has gone on beside the others."""
    survivals[OUTAGE].result(LONGEST)
