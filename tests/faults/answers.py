"""Answers mutated at random: whatever a drain says, batches are retried or delivered, and nothing else comes of it.

    python -m tests.faults.answers --seconds 60 --seed 1 --parser h11

The wire is in memory. Each request gets an answer that is good, or is changed somewhere, or never ends; it comes in
pieces, and may break off. Time is virtual: as many requests from the same seed are the same run. What must hold:

- Every line is accounted for, and the shuttle comes to its end.
- A line is delivered only if something like a 2xx status was sent in answer to it, and lost only if something like a
  status was that refuses its lines (400, 413, 422). No line is taken for a culprit: the drain fails by chance.
- A batch whose good answer has arrived whole is not sent again.
- A connection takes no more bytes than an answer may have.
"""

import argparse
import asyncio
import math
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from shuttle.config import Config
from shuttle.drain.http.connection import ANSWER_LIMIT, Connection
from shuttle.drain.http.transport import DirectTransport
from shuttle.shuttle import Shuttle
from tests.faults.mutations import FAILING, GOOD, mutate
from tests.helpers.loops import VirtualLoop
from tests.helpers.parsers import PARSERS, use_parser

LINES = 3  # of a batch
TIMEOUT = 0.05  # seconds
PIECE = 4096  # bytes, of an endless answer
MOST = 10 * ANSWER_LIMIT  # bytes of one
_LINE = re.compile(rb" - - (\d{9})\n")
_ACCEPTS = re.compile(rb"HTTP/[0-9.]*\s+2\d\d", re.IGNORECASE)
_REFUSES = re.compile(rb"HTTP/[0-9.]*\s+4(00|13|22)", re.IGNORECASE)
_CULPRIT = "the drain fails on this line"
ACCEPTED, REFUSED, ANSWERED = 1, 2, 4  # something like that was said of a line; a good answer has arrived whole
ENDLESS = [
    b"A: b\r\n" * 500,
    b"x" * PIECE,
    b"1;e=f\r\n.\r\n" * 400,
    b"\r\n" * 2000,
    b"HTTP/1.1 100 Continue\r\n\r\n" * 160,
]


@dataclass
class Script:
    """What is sent in answer to one request."""

    data: bytes
    endless: bytes = b""
    good: bool = False
    breaks_off: bool = False


class Books:
    """What was said of each line: an hour has millions of them."""

    def __init__(self) -> None:
        self.said = bytearray()
        self.problems: list[str] = []
        self.requests = 0

    def note(self, lines: list[int], script: Script) -> None:
        """Note that `script` is the answer to `lines`."""
        self.requests += 1
        said = script.data + script.endless
        flags = ACCEPTED * bool(_ACCEPTS.search(said)) | REFUSED * bool(_REFUSES.search(said))
        self.said.extend(bytes(max(0, lines[-1] + 1 - len(self.said))))
        for line in lines:
            if self.said[line] & ANSWERED:
                self.problems.append(f"line {line} was sent again though its answer had come")
            self.said[line] |= flags

    def note_answer(self, lines: list[int]) -> None:
        """Note that a good answer to `lines` has arrived whole."""
        for line in lines:
            self.said[line] |= ANSWERED

    def check(self, lines: int, lost: int) -> None:
        """Check that there is a reason for what became of each of the `lines`, of which so many are lost."""
        unexplained = [line for line in range(lines) if line >= len(self.said) or not self.said[line]]
        if unexplained:
            self.problems.append(f"{len(unexplained)} lines are settled without a reason, such as {unexplained[:3]}")
        refused = sum(bool(said & REFUSED) for said in self.said)
        if lost > refused:
            self.problems.append(f"{lost} lines are lost, and {refused} were refused")


class Log:
    """Has a problem with what must not be logged."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def info(self, event: str, /, **data: object) -> None:
        if event == "attempt.crashed" or _CULPRIT in str(data.get("error")):
            self._books.problems.append(f"{event} {data}")

    debug = warning = error = info


class Wire(asyncio.Transport):
    """Answers each request that is written to it."""

    def __init__(self, run: "Run") -> None:
        super().__init__()
        self._run = run
        self._closed = False
        self.connection: Connection | None = None

    def writelines(self, pieces: Any) -> None:
        lines = list(map(int, _LINE.findall(b"".join(pieces))))
        assert lines
        asyncio.get_running_loop().create_task(self._answer(lines))

    async def _answer(self, lines: list[int]) -> None:
        books, script = self._run.books, self._run.choose()
        books.note(lines, script)
        for piece in self._run.cut(script.data):
            await self._feed(piece)
        fed = len(script.data)
        while script.endless and not self._closed:
            await self._feed(script.endless)
            fed += len(script.endless)
            if fed > MOST:
                books.problems.append(f"a connection took {fed} bytes of an answer")
                return
        if script.good and not self._closed:
            books.note_answer(lines)
        if script.breaks_off:
            self.abort()

    async def _feed(self, piece: bytes) -> None:
        assert self.connection
        if not self._closed:
            self.connection.data_received(piece)
            await asyncio.sleep(0)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self._closed

    def abort(self) -> None:
        if not self._closed:
            self._closed = True
            assert self.connection
            asyncio.get_running_loop().call_soon(self.connection.connection_lost, None)


class Transport(DirectTransport):
    """Opens connections in memory."""

    def __init__(self, run: "Run") -> None:
        super().__init__(None)
        self._run = run

    async def _connect(self, url: httpx.URL) -> Connection:
        del url
        wire = Wire(self._run)
        connection = wire.connection = Connection(self._release)
        connection.connection_made(wire)
        return connection


class Run:
    """One shuttle, and a drain that says anything."""

    def __init__(self, seed: int) -> None:
        self.books = Books()
        self._random = random.Random(seed)
        self._calm = False

    def run(self, *, requests: float = math.inf, seconds: float = math.inf) -> str:
        """Make so many requests, or make them for so long; and return the ledger."""
        ends = time.monotonic() + seconds
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(self._run(lambda: self.books.requests >= requests or time.monotonic() >= ends))

    async def _run(self, is_over: Callable[[], bool]) -> str:
        config = Config(logs_url="http://drain.example/", batch_size=LINES, timeout=TIMEOUT, wait=0.01, max_age=1e6)
        number = 0
        log = Log(self.books)
        async with Shuttle(config, log=log, transport=Transport(self), random=lambda: 0.0) as shuttle:
            while not is_over():
                await shuttle.write(b"".join(b"%09d\n" % (number + place) for place in range(LINES)))
                number += LINES
                while shuttle.ledger.held > 20 * LINES and not is_over():
                    self._check(shuttle)
                    await asyncio.sleep(0.001)
            self._calm = True
        self._check(shuttle)
        ledger = shuttle.ledger
        if (ledger.read, ledger.held) != (number, 0):
            self.books.problems.append(f"{number} lines were written, and the ledger says {ledger}")
        self.books.check(number, ledger.lost)
        return str(ledger)

    def _check(self, shuttle: Shuttle) -> None:
        ledger = shuttle.ledger
        if ledger.read != ledger.delivered + ledger.dropped + ledger.lost + ledger.held:
            self.books.problems.append(f"the ledger does not add up: {ledger}")

    def choose(self) -> Script:
        """Return the next answer."""
        chance = self._random
        if self._calm or chance.random() < 0.3:
            return Script(chance.choice(GOOD), good=True)
        data = chance.choice(GOOD if chance.random() < 0.6 else FAILING)
        if chance.random() < 0.1:
            return Script(data[: chance.randrange(len(data) + 1)], endless=chance.choice(ENDLESS))
        for _ in range(chance.randrange(1, 4)):
            data = mutate(chance, data)
        return Script(data, breaks_off=chance.random() < 0.9)

    def cut(self, data: bytes) -> Iterator[bytes]:
        """Yield `data` in pieces."""
        place = 0
        while place < len(data):
            end = place + (self._random.choice((1, 3, 20, 1000)))
            yield data[place:end]
            place = end


def main() -> int:
    """Make one run, and return 1 if something came of it that must not."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.answers", description="Answers mutated at random.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--parser", choices=PARSERS, default=PARSERS[0])
    options = parser.parse_args()
    run = Run(options.seed)
    with use_parser(options.parser):
        ledger = run.run(seconds=options.seconds)
    sys.stdout.write(f"seed={options.seed} parser={options.parser} requests={run.books.requests} {ledger}\n")
    for problem in run.books.problems[:20]:
        sys.stdout.write(f"{problem[:300]}\n")
    return 1 if run.books.problems else 0


if __name__ == "__main__":
    sys.exit(main())
