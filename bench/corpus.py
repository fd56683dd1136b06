"""The input of agents: lines of one length, each beginning with its number, in a file that is made beforehand."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID

Text = Literal["log", "random"]

NUMBER = 8  # digits; more than any scenario has lines
MOST_BYTES = 400_000_000  # of a file, so that it stays in the page cache; `cat` repeats it for more lines
_POOL = 20_000  # different texts; within the 32 KiB that gzip looks back on, hardly one comes twice
_AT_ONCE = 20_000  # lines written at once


@dataclass(frozen=True, slots=True)
class Corpus:
    """A file of numbered lines, `repeats` times over."""

    path: Path
    block: int
    """Lines in the file."""
    line_bytes: int
    """Of each line, newline included."""
    repeats: int

    @property
    def lines(self) -> int:
        return self.block * self.repeats

    @property
    def number_sum(self) -> int:
        """The sum of the numbers of all lines, whatever their order."""
        return self.repeats * self.block * (self.block - 1) // 2


class Corpora:
    """The files of a directory, each made once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._made: dict[tuple[Text, int, int], Corpus] = {}

    def get(self, text: Text, line_bytes: int, lines: int) -> Corpus:
        key = (text, line_bytes, lines)
        if key not in self._made:
            repeats = -(-lines * line_bytes // MOST_BYTES)
            path = self._directory / f"{text}-{line_bytes}-{lines}"
            self._made[key] = Corpus(path, lines // repeats, line_bytes, repeats)
            write_lines(path, text, line_bytes, lines // repeats)
        return self._made[key]


def write_lines(path: Path, text: Text, line_bytes: int, lines: int) -> None:
    """Write `lines` lines of `line_bytes` bytes each, newline included, numbered from 0."""
    source = random.Random(text)  # the same lines in every run
    length = line_bytes - NUMBER - 2  # a space before it and a newline behind
    make = make_log_text if text == "log" else _make_random_text
    pool = [make(source, length) for _ in range(min(_POOL, lines))]
    with path.open("wb") as file:
        for start in range(0, lines, _AT_ONCE):
            numbers = range(start, min(start + _AT_ONCE, lines))
            texts = source.choices(pool, k=len(numbers))
            file.write(b"".join(map(b"%08d %b\n".__mod__, zip(numbers, texts, strict=True))))


def _make_random_text(source: random.Random, length: int) -> bytes:
    return source.randbytes(length).replace(b"\n", b"\0")


def make_log_text(source: random.Random, length: int) -> bytes:
    """Return the beginning of router log lines, which look like an application's output, also to gzip."""
    text = b""
    while len(text) < length:
        text += _make_router_line(source).encode("ascii")
    return text[:length]


def _make_router_line(source: random.Random) -> str:
    """Return a line as Heroku documents its router's: the request id is a UUID, the address a client's of anywhere."""
    method = source.choice(("GET", "GET", "GET", "POST", "PUT"))
    path = source.choice(("/", "/login", "/api/v1/users/{}", "/api/v1/orders/{}", "/assets/app.js"))
    address = ".".join(map(str, source.randbytes(4)))
    status = source.choice((200, 200, 200, 201, 304, 404, 500))
    return (
        f'at=info method={method} path="{path.format(source.randrange(10_000))}" host=shop.example.com '
        f'request_id={UUID(bytes=source.randbytes(16), version=4)} fwd="{address}" '
        f"dyno=web.{source.randrange(1, 9)} connect={source.randrange(3)}ms service={source.randrange(300)}ms "
        f"status={status} bytes={source.randrange(20_000)} protocol=https "
    )
