"""Lines become frames that a strict receiver reads back as they were."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.core.frame import FramesError, Run, make_stamp, split_body
from tests.helpers.frames import HEADER, STAMP, frame_input, make_framer, read_messages, walk

RFC5424 = f"<13>1 {STAMP} host app 1 - - a message of a frame of 90 bytes: 1".encode()
BEFORE = "2023-11-14T22:13:19.250000+00:00"

lines = st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")), min_size=1, max_size=20)


# --- the rows of the compatibility table ---


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"Hello World\n", b"78 %bHello World\n" % HEADER),
        (b"Test Line 2\n", b"78 %bTest Line 2\n" % HEADER),
        (b"Hello World\nTest Line 2\n", b"78 %bHello World\n78 %bTest Line 2\n" % (HEADER, HEADER)),
        (b"The Second Test Line \n", b"88 %bThe Second Test Line \n" % HEADER),
        (b"Hello World", b"78 %bHello World\n" % HEADER),
        (b"\n", b"67 %b\n" % HEADER),
        (b"\n\n", b"67 %b\n67 %b\n" % (HEADER, HEADER)),
        (b"foo\r\n", b"71 %bfoo\r\n" % HEADER),
        (b"\r\n", b"68 %b\r\n" % HEADER),
    ],
)
def test_row_raw_lines_are_framed(data: bytes, body: bytes) -> None:
    assert frame_input(data) == body


def test_row_rfc5424_lines_are_frames_unchanged() -> None:
    assert len(RFC5424 + b"\n") == 90
    assert frame_input(RFC5424 + b"\n", input_format="rfc5424") == b"90 " + RFC5424 + b"\n"
    assert frame_input(RFC5424 + b"\n" + RFC5424, input_format="rfc5424") == (b"90 " + RFC5424 + b"\n") * 2


def test_row_lprfc5424_frames_are_unchanged_with_their_newlines() -> None:
    frames = [RFC5424 + b"\n", RFC5424 + b"\nof\n\nlines\n", RFC5424]
    data = b"".join(b"%d %b" % (len(frame), frame) for frame in frames)
    assert frame_input(data, input_format="lprfc5424") == data


def test_row_a_long_line_between_short_ones_makes_five_frames() -> None:
    digits = b"0123456789" * 2980
    messages = read_messages(frame_input(b"short\n" + digits + b"\nshort\n", max_line_length=10_000))
    assert messages == [b"short", digits[:10_000], digits[10_000:20_000], digits[20_000:], b"short"]


@pytest.mark.parametrize(
    ("code", "report"),
    [
        ("L12", f"138 <172>1 {STAMP} heroku token log-shuttle - - Error L12: 2 messages dropped since {BEFORE}\n"),
        ("L13", f"135 <172>1 {STAMP} heroku token log-shuttle - - Error L13: 2 messages lost since {BEFORE}\n"),
    ],
)
def test_row_a_report_counts_dropped_or_lost_lines(code: str, report: str) -> None:
    assert make_framer().report(code, 2, since=BEFORE, stamp=STAMP) == report.encode()


def test_a_report_has_the_configured_version_appname_and_msgid() -> None:
    framer = make_framer(
        syslog_version="7", appname="web", msgid='M [x@1 a="b"]', prival="13", procid="p", hostname="h"
    )
    text = f'<172>7 {STAMP} heroku web log-shuttle M [x@1 a="b"] Error L12: 30 messages dropped since {STAMP}\n'
    assert walk(framer.report("L12", 30, since=STAMP, stamp=STAMP)) == [text.encode()]


@pytest.mark.parametrize("settings", [{}, {"appname": "a" * 48, "msgid": "m" * 32 + " -", "syslog_version": "999"}])
def test_both_reports_fit_their_room(settings: dict[str, Any]) -> None:
    framer = make_framer(**settings)
    reports = [framer.report(code, 10**15, since=STAMP, stamp=BEFORE) for code in ("L12", "L13")]
    assert sum(map(len, reports)) <= framer.report_room


# --- the bytes ---


@pytest.mark.parametrize(
    "line", [b"\0", b"a\0b\0", bytes(range(10)) + bytes(range(11, 256)), b"\xff\xfe", b"\xe2\x82", b"\x1b[31m", b"\x85"]
)
def test_nul_control_and_invalid_bytes_are_unchanged(line: bytes) -> None:
    assert read_messages(frame_input(line + b"\n")) == [line]


@given(lines)
def test_raw_lines_of_any_bytes_are_read_back(lines: list[bytes]) -> None:
    run = make_framer().frame(lines, STAMP)
    assert read_messages(run.body) == lines
    assert run == Run(run.body, len(lines), ())


@given(lines)
def test_rfc5424_lines_of_any_bytes_are_read_back(lines: list[bytes]) -> None:
    run = make_framer(input_format="rfc5424").frame(lines, STAMP)
    assert walk(run.body) == [line + b"\n" for line in lines]
    assert run.frames == len(lines)


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=20))
def test_lprfc5424_frames_of_any_bytes_are_read_back(frames: list[bytes]) -> None:
    run = make_framer(input_format="lprfc5424").frame(frames, STAMP)
    assert walk(run.body) == frames
    assert run.frames == len(frames)


@given(st.lists(lines, min_size=1, max_size=4))
def test_a_framer_keeps_nothing_between_runs(runs: list[list[bytes]]) -> None:
    framer = make_framer()
    bodies = [framer.frame(lines, make_stamp(index)).body for index, lines in enumerate(runs)]
    assert bodies == [make_framer().frame(lines, make_stamp(index)).body for index, lines in enumerate(runs)]
    messages = [
        message
        for index, body in enumerate(bodies)
        for message in read_messages(body, HEADER.replace(STAMP.encode(), make_stamp(index).encode()))
    ]
    assert messages == [line for lines in runs for line in lines]


# --- the stamp ---


@pytest.mark.parametrize(
    ("seconds", "stamp"),
    [
        (0, "1970-01-01T00:00:00.000000+00:00"),
        (1_700_000_000, STAMP),
        (1_699_999_999.25, BEFORE),
        (1_700_000_000.000001, "2023-11-14T22:13:20.000001+00:00"),
        (253_402_300_799, "9999-12-31T23:59:59.000000+00:00"),
    ],
)
def test_a_stamp_is_utc_with_microseconds_and_a_literal_offset(seconds: float, stamp: str) -> None:
    assert make_stamp(seconds) == stamp


@given(st.floats(0, 253_402_300_799))
def test_a_stamp_is_32_bytes_and_parses_to_its_time(seconds: float) -> None:
    stamp = make_stamp(seconds)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", stamp, re.ASCII)
    assert datetime.fromisoformat(stamp) == datetime.fromtimestamp(seconds, UTC)


# --- a body is split again ---


@given(lines)
def test_a_body_is_split_into_its_frames_with_their_lengths(lines: list[bytes]) -> None:
    body = make_framer().frame(lines, STAMP).body
    frames = split_body(body, len(lines))
    assert b"".join(frames) == body
    assert [walk(frame) for frame in frames] == [[HEADER + line + b"\n"] for line in lines]


def test_an_empty_body_has_no_frames() -> None:
    assert split_body(b"", 0) == []


@pytest.mark.parametrize(
    "body", [b"", b"x", b"12", b"x <13>1", b"<13>1 a\n", b"9 <13>1 a", b"-1 <13>1 a", b"1 a1 b", b"9" * 5000 + b" a"]
)
def test_a_body_that_is_not_one_frame_is_an_error(body: bytes) -> None:
    with pytest.raises(FramesError):
        split_body(body, 1)
