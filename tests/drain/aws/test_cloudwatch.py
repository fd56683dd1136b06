"""Lines to the events of CloudWatch Logs, and how many of them a request takes."""

from typing import Any

import pytest

from shuttle.config import Config
from shuttle.core.batch import Batch
from shuttle.core.frame import Framer
from shuttle.core.ledger import Owed, Tally
from shuttle.drain.aws.cloudwatch import LONGEST_SPAN, MOST_BYTES, CloudWatch
from shuttle.drain.aws.records import Fate, Record
from tests.helpers.amazon import LOGS_URL
from tests.helpers.clients import make_idle_client

NOW = 1_700_000_000.5
STAMP = "2024-01-01T00:00:00.250000+00:00"
MOMENT = 1_704_067_200_250  # the same in milliseconds


def make_cloudwatch(**options: Any) -> tuple[CloudWatch, Framer]:
    config = Config(logs_url=LOGS_URL, **options)
    framer = Framer(config.framing)
    assert config.endpoint.aws
    return CloudWatch(config, framer, make_idle_client(), config.endpoint.aws, lambda: NOW), framer


def load(lines: list[bytes], owed: Owed | None = None, **options: Any) -> list[Record]:
    cloudwatch, framer = make_cloudwatch(**options)
    run = framer.frame(lines, STAMP)
    batch = Batch("0" * 32, run.body, len(lines), run.frames, run.long, 0.0)
    return cloudwatch.load(batch, owed or Owed(), stamp=STAMP)._left


def messages(records: list[Record]) -> list[str]:
    return [record.content["message"] for record in records]


def test_an_event_is_the_line_and_the_time_it_was_read() -> None:
    records = load([b"Hello World", b"- a dash", b"", b"\xff\xfe caf\xc3\xa9", b"\x00\x1b[1m", b"end\r"])
    assert messages(records) == ["Hello World", "- a dash", " ", "\ufffd\ufffd café", "\x00\x1b[1m", "end\r"]
    assert {record.content["timestamp"] for record in records} == {record.time for record in records} == {MOMENT}
    assert [record.line for record in records] == list(range(6))
    assert records[0].size == len("Hello World") + 26
    assert records[3].size == len("\ufffd\ufffd café".encode()) + 26


@pytest.mark.parametrize("msgid", ["ID47", "- -", 'ID47 [x@1 a="b c"]'])
def test_an_event_has_no_part_of_the_header(msgid: str) -> None:
    assert messages(load([b"- - one", b"[x] two"], msgid=msgid)) == ["- - one", "[x] two"]


def test_an_event_of_a_framed_line_has_the_frames_time() -> None:
    """Its message is the whole frame."""
    lines = [
        b"<13>1 2024-01-01T00:00:03Z h a p m - third",
        b"<13>1 2024-01-01T00:00:01.5+01:00 h a p m - first",
        b"<13>1 - h a p m - without a time",
        b"what is this",
        b"<13>1 2024-01-01T00:00:02Z h a p m - second",
    ]
    records = load(lines, input_format="rfc5424")
    now = round(NOW * 1000)
    assert [record.time for record in records] == sorted(record.time for record in records)
    assert [record.time for record in records if record.line in (2, 3)] == [now, now]
    assert [record.line for record in records if record.line not in (2, 3)] == [1, 4, 0]
    assert {record.content["message"].encode() for record in records} == set(lines)


def test_reports_are_events_too() -> None:
    records = load([b"one"], Owed(Tally(3, STAMP), Tally(2, STAMP)))
    assert messages(records) == [
        f"Error L12: 3 messages dropped since {STAMP}",
        f"Error L13: 2 messages lost since {STAMP}",
        "one",
    ]


def make_records(count: int, size: int, step: int = 0) -> list[Record]:
    return [Record(number, {}, size, number * step) for number in range(count)]


@pytest.mark.parametrize(
    ("records", "fitting"),
    [
        (make_records(1, 30), 1),
        (make_records(10_000, 30), 10_000),
        (make_records(10_001, 30), 10_000),
        (make_records(4, MOST_BYTES // 4), 4),
        (make_records(4, MOST_BYTES // 4 + 1), 3),
        (make_records(3, 30, LONGEST_SPAN - 1), 2),
        (make_records(3, 30, LONGEST_SPAN), 1),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_request_takes_10000_events_a_mebibyte_and_a_day(records: list[Record], fitting: int) -> None:
    assert make_cloudwatch()[0].count_fitting(records) == fitting


@pytest.mark.parametrize(
    ("info", "taken"),
    [
        (None, "TTTT"),
        ({}, "TTTT"),
        ({"tooOldLogEventEndIndex": 1}, "RTTT"),
        ({"expiredLogEventEndIndex": 2}, "RRTT"),
        ({"tooNewLogEventStartIndex": 3}, "TTTR"),
        ({"tooNewLogEventStartIndex": 0}, "RRRR"),
        ({"tooOldLogEventEndIndex": 2, "expiredLogEventEndIndex": 1, "tooNewLogEventStartIndex": 3}, "RRTR"),
    ],
)
def test_rejected_events_are_named_by_index(info: dict[str, int] | None, taken: str) -> None:
    fates, error = make_cloudwatch()[0].read({"rejectedLogEventsInfo": info} if info is not None else {}, 4)
    assert fates == [Fate.TAKEN if fate == "T" else Fate.REFUSED for fate in taken]
    assert bool(error) is ("R" in taken)
