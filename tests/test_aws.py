"""Amazon's rows of the compatibility table: hosts and the Kinesis record."""

import base64

import pytest

from shuttle.drain.aws import read_host
from shuttle.drain.kinesis import make_record


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("logs.us-east-1.amazonaws.com", ("logs", "us-east-1")),
        ("kinesis.us-east-2.amazonaws.com.cn", ("kinesis", "us-east-2")),
        ("kinesis.eu-west-1.amazonaws.com", ("kinesis", "eu-west-1")),
        ("Kinesis.US-East-1.AmazonAWS.com", ("kinesis", "us-east-1")),
    ],
)
def test_service_and_region_are_read_from_the_host(host: str, service: tuple[str, str]) -> None:
    assert read_host(host) == service


@pytest.mark.parametrize(
    "host",
    [
        "",
        "drain.example",
        "amazonaws.com",
        "s3.us-east-1.amazonaws.com",
        "kinesis.amazonaws.com",
        "kinesis..amazonaws.com",
        "kinesis.us-east-1.amazonaws.com.evil.example",
        "x.kinesis.us-east-1.amazonaws.com",
        "kinesis.us-east-1xamazonaws.com",
        "logs.us-east-1.amazonaws.com\n",
    ],
)
def test_any_other_host_is_no_aws_service(host: str) -> None:
    assert read_host(host) is None


def test_a_kinesis_record_holds_the_frame_in_base64_under_the_hosts_partition_key() -> None:
    frame = b"78 <190>1 2024-01-01T00:00:00.000000+00:00 shuttle token shuttle - - Hello World\n"
    record = make_record(frame, hostname="shuttle", shard=1)
    assert record == {"PartitionKey": "shuttle1", "Data": base64.b64encode(frame).decode()}
    assert list(record) == ["PartitionKey", "Data"]
