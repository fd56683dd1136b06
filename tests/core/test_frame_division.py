"""Lines too long for a frame become several; no frame is longer than a receiver takes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.config import MAX_LINE_LENGTH, MIN_BATCH_BYTES
from shuttle.core.frame import FRAME_LIMIT, Framer, split_body
from shuttle.core.rule import LONGEST_MSGID
from tests.helpers.frames import HEADER, STAMP, frame_input, make_framer, make_splitter, read_messages, walk

EURO = "€".encode()  # three bytes
FACE = "\N{GRINNING FACE}".encode()  # four bytes
READY = f"<13>1 {STAMP} host app 1 - - ".encode()
LONGEST = {
    "prival": "191",
    "syslog_version": "999",
    "hostname": "h" * 255,
    "appname": "a" * 48,
    "procid": "p" * 128,
}
LONGEST_DATA = "m" * 32 + ' [x a="' + "v" * (LONGEST_MSGID - 32 - len(' [x a=""]')) + '"]'
SOME_SETTINGS: list[dict[str, Any]] = [
    {},
    {"max_line_length": 10**9},
    LONGEST,
    LONGEST | {"max_line_length": 10**9, "msgid": "m" * 32},
    LONGEST | {"max_line_length": 10**9, "msgid": LONGEST_DATA},
    LONGEST | {"max_line_length": 10**9, "msgid": LONGEST_DATA, "batch_bytes": MIN_BATCH_BYTES},
]
FORMATS = ["raw", "rfc5424", "lprfc5424"]


def frames_of(framer: Framer, line: bytes) -> list[bytes]:
    run = framer.frame([line], STAMP)
    return split_body(run.body, run.frames)


# --- raw lines ---


@pytest.mark.parametrize(
    ("length", "pieces"),
    [
        (9_999, [9_999]),
        (10_000, [10_000]),
        (10_001, [10_000, 1]),
        (20_000, [10_000, 10_000]),
        (20_001, [10_000, 10_000, 1]),
    ],
)
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_the_newline_does_not_count_to_the_limit(length: int, pieces: list[int], end: bytes) -> None:
    """No piece is a newline alone."""
    messages = read_messages(frame_input(b"x" * length + end))
    assert [len(message) for message in messages] == pieces


@pytest.mark.parametrize(
    ("limit", "line", "messages"),
    [
        (10, b"x" * 10, [b"x" * 10]),
        (10, b"x" * 11, [b"x" * 10, b"x"]),
        (10, b"x" * 9 + EURO, [b"x" * 9, EURO]),
        (10, b"x" * 6 + FACE + b"y", [b"x" * 6 + FACE, b"y"]),
        (10, b"x" * 7 + FACE + b"y", [b"x" * 7, FACE + b"y"]),
        (4, FACE * 3, [FACE] * 3),
        (1, b"abc", [b"a", b"b", b"c"]),
        (1, b"\r", [b"\r"]),
    ],
)
def test_a_long_line_is_divided_between_characters(limit: int, line: bytes, messages: list[bytes]) -> None:
    assert read_messages(frame_input(line + b"\n", max_line_length=limit)) == messages


@given(st.lists(st.text(max_size=40), min_size=1, max_size=8), st.integers(4, 20))
def test_pieces_of_text_are_text_and_join_to_lines(texts: list[str], limit: int) -> None:
    lines = [text.replace("\n", "").encode() for text in texts]
    run = make_framer(max_line_length=limit).frame(lines, STAMP)
    messages = read_messages(run.body)
    assert run.frames == len(messages)
    counts = dict(run.long)
    for index, line in enumerate(lines):
        pieces = [messages.pop(0) for _ in range(counts.get(index, 1))]
        assert b"".join(pieces) == line
        assert all(1 <= len(piece.decode().encode()) <= limit for piece in pieces) or pieces == [b""]
    assert messages == []


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=10), st.integers(1, 12))
def test_a_run_names_its_long_lines(lines: list[bytes], limit: int) -> None:
    run = make_framer(max_line_length=limit).frame(lines, STAMP)
    assert run.frames == len(walk(run.body)) == len(lines) + sum(count - 1 for _, count in run.long)
    assert [index for index, _ in run.long] == [index for index, line in enumerate(lines) if len(line) > limit]
    assert all(count > 1 for _, count in run.long)


def test_a_long_line_does_not_change_the_next() -> None:
    framer = make_framer(max_line_length=4)
    assert framer.frame([b"a", b"bcdefg"], STAMP).long == ((1, 2),)
    assert framer.frame([b"hi"], STAMP) == (b"69 %bhi\n" % HEADER, 1, ())


# --- frames that come ready ---


@pytest.mark.parametrize(
    "header",
    [
        READY,
        b"<191>999 - - - - - - ",
        b"<13>1 - - - - - ",  # logplex leaves structured data out
        READY[:-2] + rb'[x@1 a="b\"c]\]" d=""][y] ',
        READY[:-2] + b'[x a="' + b"v" * 4000 + b'"] ',
        READY[:-2],  # and what stands for structured data is too long to be repeated
    ],
)
@pytest.mark.parametrize("input_format", ["rfc5424", "lprfc5424"])
def test_each_piece_of_a_ready_frame_has_its_header(header: bytes, input_format: str) -> None:
    framer = make_framer(input_format=input_format)
    message = b'[x a="' + EURO * 10_000 + b'"] message'
    end = b"\n" if input_format == "rfc5424" else b""
    pieces = [frame.removesuffix(end) for frame in walk(framer.frame([header + message], STAMP).body)]
    assert len(pieces) > 1
    assert all(piece.startswith(header) for piece in pieces)
    assert "".join(piece.removeprefix(header).decode() for piece in pieces) == message.decode()


@pytest.mark.parametrize("line", [b"no header " * 2000, b"<13>1 " + b"x" * 20_000, b"<13>1 - - - - " + b"x" * 20_000])
def test_a_frame_without_a_readable_header_is_divided(line: bytes) -> None:
    """Its pieces have no header of their own."""
    pieces = [frame.removesuffix(b"\n") for frame in walk(frame_input(line, input_format="rfc5424"))]
    assert len(pieces) > 1
    assert b"".join(pieces) == line


@pytest.mark.parametrize("input_format", ["rfc5424", "lprfc5424"])
def test_a_ready_frame_is_unchanged_up_to_the_limit(input_format: str) -> None:
    framer = make_framer(input_format=input_format)
    end = b"\n" if input_format == "rfc5424" else b""
    line = READY + b"x" * (FRAME_LIMIT - len(b"10240 ") - len(READY) - len(end))
    assert frames_of(framer, line) == [b"10234 " + line + end]
    assert len(frames_of(framer, line + b"x")) == 2


# --- bounds ---


@pytest.mark.parametrize("changed", SOME_SETTINGS)
@pytest.mark.parametrize("sign", [b"x", EURO, FACE, b"\xff"])
@pytest.mark.parametrize("input_format", FORMATS)
def test_no_frame_is_longer_than_a_receiver_takes(changed: dict[str, Any], sign: bytes, input_format: str) -> None:
    framer = make_framer(input_format=input_format, **changed)
    for length in (9_000, 9_999, 10_000, 10_170, 10_234, 10_240, 10_300, 30_000):
        run = framer.frame([READY + b"y" * add + sign * (length // len(sign)) for add in range(4)], STAMP)
        assert max(map(len, split_body(run.body, run.frames))) <= FRAME_LIMIT


@pytest.mark.parametrize("changed", SOME_SETTINGS)
@pytest.mark.parametrize("input_format", FORMATS)
def test_a_line_of_the_framers_limit_makes_one_frame(changed: dict[str, Any], input_format: str) -> None:
    framer = make_framer(input_format=input_format, **changed)
    (frame,) = frames_of(framer, b"x" * framer.piece_limit)
    assert len(frame) <= framer.piece_limit + framer.overhead
    assert len(frames_of(framer, b"x" * (framer.piece_limit + 1))) == 2
    assert framer.piece_limit <= MAX_LINE_LENGTH or "max_line_length" in changed or input_format != "raw"


@pytest.mark.parametrize("batch_bytes", [MIN_BATCH_BYTES, 20_000, 10**6])
@pytest.mark.parametrize("changed", SOME_SETTINGS[:-1])
@pytest.mark.parametrize("input_format", FORMATS)
def test_the_longest_line_fits_a_batch_with_both_reports(
    changed: dict[str, Any], batch_bytes: int, input_format: str
) -> None:
    framer = make_framer(input_format=input_format, batch_bytes=batch_bytes, **changed)
    data = READY + (FACE * batch_bytes)[: 2 * batch_bytes]
    if input_format == "lprfc5424":
        frame = data[: framer.line_limit]
        data = b"%d %b" % (len(frame), frame)
    longest = max(make_splitter(framer, input_format).feed(data + b"\n"), key=len)
    assert framer.line_limit - len(FACE) < len(longest) <= framer.line_limit
    assert len(framer.frame([longest], STAMP).body) + framer.report_room <= batch_bytes


@given(st.integers(1, 60), st.integers(0, 5), st.sampled_from([b"x", EURO, FACE]))
def test_the_longest_line_fits_even_the_smallest_batch(limit: int, add: int, sign: bytes) -> None:
    """Even when it is divided into the shortest pieces."""
    framer = make_framer(max_line_length=limit, batch_bytes=MIN_BATCH_BYTES)
    line = (b"y" * add + sign * framer.line_limit)[: framer.line_limit]
    assert len(framer.frame([line], STAMP).body) <= framer.batch_limit
