"""Heads mutated at random: the connection finds the status that a simple reader finds, and no other.

    python -m tests.faults.heads --seconds 60 --seed 1 --parser h11

Each answer is changed up to three times, comes in pieces, and ends with the connection.
"""

import argparse
import asyncio
import random
import re
import sys
import time
from collections.abc import Iterable
from itertools import count, takewhile

from tests.drain.http.test_connection import Line
from tests.faults.mutations import FAILING, GOOD, mutate
from tests.helpers.parsers import PARSERS, use_parser

ODD = [
    b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    b"HTTP/1.1 400 No\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    b"http/1.1 103 OK\nA: b\n\nHTTP/1.1 204 N\n\n",
    b"HTTP/1.1 503 OK\r\nX : y\r\n fold\r\nRetry-After: 5\r\n\r\nz",
    b"HTTP/1.0 301 x\r\nLocation: y\r\n\r\n",
]
_VERSION = re.compile(rb"http/\d(\.\d)?")
_CODE = re.compile(rb"[1-9]\d\d(?!\d)")
_SWITCHING, _FINAL = 101, 200


def find_status(data: bytes) -> tuple[int | None, bool]:
    """Return the status that `data` says, and whether its head is whole. None: it says none."""
    lines = iter(data.split(b"\n")[:-1])
    for line in lines:
        if not line.strip(b"\r"):
            continue
        version, _, rest = line.lower().lstrip(b"\r").replace(b"\t", b" ").partition(b" ")
        code = _CODE.match(rest.lstrip(b" "))
        if not _VERSION.fullmatch(version) or not code or int(code[0]) == _SWITCHING:
            return None, False
        whole = any(header in (b"", b"\r") for header in lines)
        if int(code[0]) >= _FINAL:
            return int(code[0]), whole
    return None, False


def check(data: bytes, size: int) -> str:
    """Feed `data` to a connection in pieces of `size` bytes, and return what is wrong."""
    line = Line()
    line.feed(*(data[start : start + size] for start in range(0, len(data), size)))
    at_once = line.answer.status
    line.connection.connection_lost(None)
    if not line.answer.begun.done():
        return f"nothing came of {data!r}"
    found = None if line.answer.begun.exception() else line.answer.status
    status, whole = find_status(data)
    if found != status and (whole or found is not None):
        return f"{data!r} says {status}, and was read as {found}"
    if whole and at_once != status:
        return f"{data!r} was read only when the connection was lost"
    return ""


async def run(seed: int, turns: Iterable[int]) -> tuple[int, list[str]]:
    """Check an answer in each turn, and return how many there were, and what is wrong."""
    chance = random.Random(seed)
    problems = []
    turn = 0
    for turn in turns:  # noqa: B007  # the last one is the result
        data = chance.choice((*GOOD, *FAILING, *ODD))
        for _ in range(chance.randrange(4)):
            data = mutate(chance, data)
        if problem := check(data, chance.choice((1, 3, 20, 1000))):
            problems.append(problem)
    return turn, problems


def main() -> int:
    """Make one run, and return 1 if a status was misread."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.heads", description="Heads mutated at random.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--parser", choices=PARSERS, default=PARSERS[0])
    options = parser.parse_args()
    ends = time.monotonic() + options.seconds
    turns = takewhile(lambda _: time.monotonic() < ends, count(1))
    with use_parser(options.parser):
        answers, problems = asyncio.run(run(options.seed, turns))
    sys.stdout.write(f"seed={options.seed} parser={options.parser} answers={answers} problems={len(problems)}\n")
    for problem in problems[:20]:
        sys.stdout.write(f"{problem[:300]}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
