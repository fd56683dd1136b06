"""Frames to the records of a Kinesis stream, and how many of them a request takes."""

import base64

import pytest

from shuttle.config import Config
from shuttle.core.frame import Framer
from shuttle.drain.aws.kinesis import MOST_BYTES, Kinesis, make_record
from shuttle.drain.aws.records import Fate, Record
from tests.helpers.amazon import KINESIS_URL
from tests.helpers.clients import make_idle_client


def make_kinesis(shards: int = 1) -> Kinesis:
    config = Config(logs_url=KINESIS_URL, kinesis_shards=shards)
    assert config.endpoint.aws
    return Kinesis(config, Framer(config.framing), make_idle_client(), config.endpoint.aws)


def make_records(count: int, size: int) -> list[Record]:
    return [Record(number, {}, size) for number in range(count)]


def test_a_record_is_the_frame_in_base64() -> None:
    """Its partition key is the host name with the shard number."""
    frame = b"78 <190>1 2024-01-01T00:00:00.000000+00:00 shuttle token shuttle - - Hello World\n"
    record = make_record(frame, hostname="shuttle", shard=1)
    assert record == {"PartitionKey": "shuttle1", "Data": base64.b64encode(frame).decode()}
    assert list(record) == ["PartitionKey", "Data"]


def test_partition_keys_take_turns() -> None:
    kinesis = make_kinesis(shards=3)
    keys = [kinesis._make_record(0, b"x").content["PartitionKey"] for _ in range(7)]
    assert keys == [f"shuttle{shard}" for shard in (1, 2, 3, 1, 2, 3, 1)]


@pytest.mark.parametrize(
    ("records", "fitting"),
    [
        (make_records(1, 10), 1),
        (make_records(500, 10), 500),
        (make_records(501, 10), 500),
        (make_records(5, MOST_BYTES // 5), 5),
        (make_records(5, MOST_BYTES // 5 + 1), 4),
        (make_records(600, 10_300), 500),
        (make_records(600, 20_000), MOST_BYTES // 20_000),
    ],
    ids=str,
)
def test_a_request_takes_500_records_and_5_mib(records: list[Record], fitting: int) -> None:
    assert make_kinesis().count_fitting(records) == fitting


def test_an_answer_gives_the_fate_of_each_record() -> None:
    good = {"SequenceNumber": "1", "ShardId": "s"}
    bad = {"ErrorCode": "InternalFailure", "ErrorMessage": "oh"}
    fates, error = make_kinesis().read({"FailedRecordCount": 1, "Records": [good, bad, good]}, 3)
    assert fates == [Fate.TAKEN, Fate.AGAIN, Fate.TAKEN]
    assert error == "InternalFailure: oh"


@pytest.mark.parametrize("answer", [{}, {"Records": []}, {"Records": [{}]}, {"Records": "x"}, {"Records": None}])
def test_a_nonsensical_answer_means_all_again(answer: dict[str, object]) -> None:
    fates, error = make_kinesis().read(answer, 2)
    assert fates == [Fate.AGAIN] * 2
    assert error
