"""`app | log-shuttle` to Kinesis and CloudWatch Logs, as moto's server has them: what was written is read back."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.amazon import KEY, KINESIS_URL, LOGS_URL, SECRET, make_client, moto, with_endpoint
from tests.helpers.process import run

pytestmark = pytest.mark.process

LINES = [
    b"one",
    b"two \xff bytes",
    b"",
    b"- three\r",
    b"x" * 15_000,
    b"\x00\x01",
    *(b"line %d" % n for n in range(1200)),
]
DATA = b"".join(line + b"\n" for line in LINES)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with moto() as url:
        yield url


def read_stream(server: str, name: str) -> list[bytes]:
    client = make_client("kinesis", server)
    found: list[dict[str, Any]] = []
    for shard in client.list_shards(StreamName=name)["Shards"]:
        iterator = client.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while True:
            answer = client.get_records(ShardIterator=iterator, Limit=1000)
            if not answer["Records"]:
                break
            found += answer["Records"]
            iterator = answer["NextShardIterator"]
    return [record["Data"] for record in sorted(found, key=lambda record: int(record["SequenceNumber"]))]


def read_events(server: str, group: str, stream: str) -> list[str]:
    client = make_client("logs", server)
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = client.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **token)
        found += [event["message"] for event in answer["events"]]
        if token.get("nextToken") == answer["nextForwardToken"]:
            return found
        token = {"nextToken": answer["nextForwardToken"]}


def test_a_kinesis_stream_has_every_frame_in_order(server: str) -> None:
    """Each is unchanged, byte by byte."""
    make_client("kinesis", server).create_stream(StreamName="logs", ShardCount=1)
    flags = ("-logs-url", KINESIS_URL, "-num-outlets", "1", "-verbose")
    ended = run(*flags, data=DATA, environ=with_endpoint(server))
    assert ended.code == 0
    assert ended.ledger.delivered == len(LINES)
    frames = read_stream(server, "logs")
    assert len(frames) == len(LINES) + 1  # the long line makes two
    text = [frame.partition(b" - - ")[2].removesuffix(b"\n") for frame in frames]
    assert [*text[:4], text[4] + text[5], *text[6:]] == LINES
    assert all(int(frame.split(b" ", 1)[0]) == len(frame.split(b" ", 1)[1]) for frame in frames)
    assert SECRET not in ended.err


def test_a_cloudwatch_stream_has_every_line_in_order(server: str) -> None:
    """It is created first."""
    flags = ("-logs-url", LOGS_URL, "-aws-create", "-num-outlets", "1", "-max-line-length", "10000", "-verbose")
    ended = run(*flags, data=DATA, environ=with_endpoint(server))
    assert ended.code == 0, ended.err[:1000]
    assert ended.ledger.delivered == len(LINES)
    expected = [line.decode("utf-8", "replace") or " " for line in LINES]
    expected[4:5] = [expected[4][:10_000], expected[4][10_000:]]
    assert read_events(server, "app/web", "web.1") == expected


def test_a_missing_stream_is_named_with_the_flag(server: str) -> None:
    """Once the stream exists, the next run delivers."""
    url = f"https://{KEY}:{SECRET}@logs.us-east-1.amazonaws.com/%2Fapp%2Fother/web.2"
    ended = run("-logs-url", url, "-land-timeout", "300ms", data=b"one\n", environ=with_endpoint(server))
    assert ended.code == 3
    [told] = ended.named("drain.down")
    assert "ResourceNotFoundException" in told
    assert "-aws-create" in told
    client = make_client("logs", server)
    client.create_log_group(logGroupName="/app/other")
    client.create_log_stream(logGroupName="/app/other", logStreamName="web.2")
    assert run("-logs-url", url, data=b"one\n", environ=with_endpoint(server)).code == 0
    assert read_events(server, "/app/other", "web.2") == ["one"]


@pytest.mark.parametrize("form", ["environment", "file"])
def test_credentials_are_found_by_the_usual_chain(server: str, form: str, tmp_path: Any) -> None:
    make_client("kinesis", server).create_stream(StreamName=form, ShardCount=1)
    environ = with_endpoint(server)
    if form == "environment":
        environ |= {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": "token"}
    else:
        (tmp_path / "credentials").write_text(f"[x]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n")
        environ |= {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"), "AWS_PROFILE": "x"}
    ended = run(*("-logs-url", f"https://kinesis.us-east-1.amazonaws.com/{form}"), data=b"one\n", environ=environ)
    assert ended.code == 0, ended.err
    assert read_stream(server, form)[0].endswith(b" - - one\n")
