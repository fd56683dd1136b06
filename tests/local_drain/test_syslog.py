"""Frames are cut out by their lengths, judged by RFC 5424's header, and shown without harm to a terminal."""

import contextlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.local_drain.syslog import (
    FRAME_LIMIT,
    FrameError,
    format_frame,
    parse_frames,
    read_message,
    show,
)

TIME = b"2024-01-02T03:04:05.123456+00:00"
HEADER = b"<190>1 " + TIME + b" shuttle token shuttle - - "


def count(frame: bytes) -> bytes:
    return b"%d %b" % (len(frame), frame)


@given(st.lists(st.binary(max_size=200)))
def test_frames_and_messages_come_out_as_they_went_in(messages: list[bytes]) -> None:
    frames = [HEADER + message for message in messages]
    parsed = parse_frames(b"".join(map(count, frames)))
    assert parsed == frames
    assert [read_message(frame) for frame in parsed] == messages


@given(st.binary(max_size=300))
def test_any_bytes_are_frames_or_refused(body: bytes) -> None:
    with contextlib.suppress(FrameError):
        assert b"".join(map(count, parse_frames(body))) == body


@pytest.mark.parametrize(
    "frame",
    [
        HEADER.replace(b"<190>1", b"<0>1") + b"x",
        HEADER.replace(b"<190>1", b"<191>999") + b"x",
        HEADER.replace(TIME, b"-") + b"x",
        HEADER.replace(TIME, b"2024-01-02T03:04:05Z") + b"x",
        HEADER.replace(TIME, b"2024-01-02T03:04:05.1-07:00") + b"x",
        HEADER.replace(b"- - ", b'ID47 [a@1 b="c d"] ') + b"x",
        HEADER.replace(b"- - ", b"- ") + b"without structured data\n",
        HEADER.replace(b"- - ", b"-"),
        HEADER.replace(b"- - ", b"-\n"),
        HEADER + b"\0\xff\x1b[2J\nsecond line\n",
        HEADER + b"x" * (FRAME_LIMIT - len(HEADER)),
    ],
)
def test_a_valid_frame_is_accepted(frame: bytes) -> None:
    assert parse_frames(count(frame)) == [frame]


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (b"Hello", "frame 2: no length before 'Hello'"),
        (b"0 ", "frame 2: no length before '0 '"),
        (b"\n" + count(HEADER), r"frame 2: no length before '\n66 <190>1"),
        (count(HEADER)[:-1], "frame 2: 66 bytes are announced, 65 follow"),
        (count(HEADER + b"x" * FRAME_LIMIT), f"frame 2: {FRAME_LIMIT + 66} bytes are more than {FRAME_LIMIT}"),
        (count(HEADER.replace(b"<190>", b"<192>")), "frame 2: its PRI and VERSION is '<192>1'"),
        (count(HEADER.replace(TIME, b"yesterday")), "frame 2: its TIMESTAMP is 'yesterday'"),
        (count(HEADER.replace(b"shuttle token", b" token")), "frame 2: its HOSTNAME is ''"),
        (count(HEADER.replace(b"token", b"t" * 49)), f"frame 2: its APP-NAME is '{'t' * 40}'..."),
        (count(HEADER.replace(b"token shuttle", b"token \xff\x1b")), r"frame 2: its PROCID is '\xff\x1b'"),
        (count(HEADER[:-5]), "frame 2: its header ends before the MSGID"),
    ],
)
def test_a_wrong_frame_is_refused_with_the_reason(second: bytes, reason: str) -> None:
    with pytest.raises(FrameError) as caught:
        parse_frames(count(HEADER) + second)
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize(
    ("frame", "line"),
    [
        (HEADER + b"Hello World\n", "03:04:05.123 shuttle token[shuttle]: Hello World"),
        (HEADER.replace(TIME, b"2024-01-02T03:04:05Z") + b"x", "03:04:05 shuttle token[shuttle]: x"),
        (HEADER.replace(TIME, b"-") + b"x", "- shuttle token[shuttle]: x"),
        (HEADER + b"\n", "03:04:05.123 shuttle token[shuttle]: "),
        (HEADER + b"a\nb\r\n", r"03:04:05.123 shuttle token[shuttle]: a\nb\r"),
        (
            b"<172>1 " + TIME + b" heroku token log-shuttle - - Error L12: 2 messages dropped since then\n",
            "!! 03:04:05.123 heroku token[log-shuttle]: Error L12: 2 messages dropped since then",
        ),
        (
            b"<172>1 " + TIME + b" heroku token log-shuttle - - Error L13: 2 messages lost since then\n",
            "!! 03:04:05.123 heroku token[log-shuttle]: Error L13: 2 messages lost since then",
        ),
        (
            HEADER + b"Error L12: said by an application\n",
            "03:04:05.123 shuttle token[shuttle]: Error L12: said by an application",
        ),
    ],
)
def test_a_frame_is_shown_as_one_line(frame: bytes, line: str) -> None:
    assert format_frame(frame) == line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("grüße 日本\t✓".encode(), "grüße 日本\t✓"),
        (b"\x1b[31mred\x07\0\x7f", r"\x1b[31mred\x07\x00\x7f"),
        (b"\xff\xc3", r"\xff\xc3"),
        ("\x9b31m\u2028\u202e".encode(), r"\x9b31m\u2028\u202e"),
        ("\u200b\u200f\u061c\ufeff\u3164".encode(), r"\u200b\u200f\u061c\ufeff\u3164"),
    ],
)
def test_a_message_is_shown_as_text_alone(text: bytes, shown: str) -> None:
    assert show(text) == shown


@given(st.binary())
def test_no_control_character_but_a_tab_passes(text: bytes) -> None:
    assert all(char == "\t" or unicodedata.category(char) != "Cc" for char in show(text))
