"""`python -m bench.micro`: the cost of the hot path's parts, in nanoseconds per line."""

import argparse
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import anyio
import httpx

from bench.corpus import make_log_text
from bench.metrics import Summary, summarize
from shuttle.clock import Clocks
from shuttle.config import Config
from shuttle.core.batch import Batch, Batcher
from shuttle.core.frame import Framer, make_stamp
from shuttle.core.ledger import Owed
from shuttle.core.lines import NewlineSplitter
from shuttle.core.octet_counting import LengthSplitter
from shuttle.delivery.memory_queue import MemoryQueue
from shuttle.delivery.source import CHUNK
from shuttle.drain.http.client import Client
from shuttle.drain.logplex import Logplex

LINES = 500  # of a batch


@dataclass(frozen=True, slots=True)
class Case:
    """Something that handles `lines` lines when it is called."""

    name: str
    lines: int
    run: Callable[[], object]


def make_lines(length: int, lines: int) -> list[bytes]:
    """Return lines of `length` bytes, as the scenarios have them, without their newlines."""
    source = random.Random("micro")
    return [make_log_text(source, length) for _ in range(lines)]


def list_cases() -> Iterable[Case]:
    stamp = make_stamp(time.time())
    config = Config(logs_url="http://token:x@127.0.0.1:1/")
    framer = Framer(config.framing)
    for length in (20, 178, 5000):
        count = CHUNK // (length + 1)
        lines = make_lines(length, min(count, 2000)) * (count // min(count, 2000))
        chunk = b"\n".join(lines) + b"\n"
        yield Case(
            f"split by newline, {length} bytes", len(lines), partial(NewlineSplitter(framer.line_limit).feed, chunk)
        )
    frames = [b"<190>1 - - - - - - " + line for line in make_lines(159, 1400)]
    chunk = b"".join(b"%d %b" % (len(frame), frame) for frame in frames)
    yield Case("split by length, 178 bytes", len(frames), partial(LengthSplitter(framer.line_limit).feed, chunk))

    for length in (20, 178, 5000):
        lines = make_lines(length, LINES)
        yield Case(f"frame, {length} bytes", LINES, partial(framer.frame, lines, stamp))
    lines = make_lines(178, LINES)
    batcher = Batcher(framer, size=LINES, max_bytes=framer.batch_limit, wait=1.0, new_id=lambda: "0" * 32)
    yield Case("frame and batch, 178 bytes", LINES, lambda: batcher.add(lines, stamp=stamp, now=0.0))

    (batch,) = batcher.add(lines, stamp=stamp, now=0.0)
    client = Client(httpx.AsyncBaseTransport(), timeout=0.0, clocks=Clocks(time.monotonic, time.time))
    yield Case("buffer in and out, batches of 500", LINES, _pass_through(batch))
    for name, gzip in (("request", False), ("request with -gzip", True)):
        drain = Logplex(Config(logs_url=config.logs_url, gzip=gzip), framer, client)
        yield Case(
            f"{name}, batches of 500",
            LINES,
            partial(drain.make_request, batch, Owed(), stamp=stamp),
        )


def _pass_through(batch: Batch) -> Callable[[], object]:
    """Return a step that offers a batch to a buffer and takes one. Nothing waits, so it needs no event loop."""
    buffer = MemoryQueue(max_bytes=2 * batch.size)

    def run() -> None:
        buffer.offer(batch)
        try:
            buffer.take().send(None)
        except StopIteration:
            return
        raise AssertionError("it waited")

    return run


def measure(case: Case, *, runs: int, seconds: float) -> Summary:
    """Return ns per line, from `runs` runs of about `seconds` each."""
    times = 1
    while (spent := _time(case, times)) < seconds * 1e9 / 10:
        times *= 2
    times = max(1, round(times * seconds * 1e9 / spent))
    return summarize([_time(case, times) / times / case.lines for _ in range(runs)])


def _time(case: Case, times: int) -> int:
    run = case.run
    begin = time.perf_counter_ns()
    for _ in range(times):
        run()
    return time.perf_counter_ns() - begin


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.micro", description=__doc__)
    parser.add_argument("--runs", type=int, default=7, metavar="N", help="of each (default 7)")
    parser.add_argument("--seconds", type=float, default=0.1, metavar="S", help="of a run (default 0.1)")
    options = parser.parse_args()
    print(f"{'':36}{'ns/line':>9}   spread")
    for case in list_cases():
        summary = measure(case, runs=options.runs, seconds=options.seconds)
        print(f"{case.name:36}{summary.median:9.1f}   {summary.least:.1f} to {summary.most:.1f}", flush=True)


if __name__ == "__main__":
    anyio.run(main)
