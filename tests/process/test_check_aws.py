"""`log-shuttle -check` with Kinesis and CloudWatch Logs, as moto's server has them."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.amazon import KEY, KINESIS_URL, LOGS_URL, SECRET, make_client, moto, with_endpoint
from tests.process.test_aws import read_events, read_stream
from tests.process.test_check import Checked, check

pytestmark = pytest.mark.process

LINE = f"log-shuttle -check from {socket.gethostname()}"
BARE_URL = "https://kinesis.us-east-1.amazonaws.com/a-stream-with-a-name"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with moto() as url:
        yield url


def check_stream(server: str, url: str, *flags: str, **environ: str) -> Checked:
    found = check("-check", "-logs-url", url, *flags, **(with_endpoint(server) | environ))
    assert not any(SECRET in each.text or KEY in each.text for each in found.findings)
    return found


def test_a_kinesis_stream_gets_one_record(server: str) -> None:
    make_client("kinesis", server).create_stream(StreamName="logs", ShardCount=1)
    found = check_stream(server, KINESIS_URL)
    assert found.code == 0
    assert found.find_one("stream") == ("ok", "logs of Kinesis in us-east-1")
    assert found.find_one("credentials")[1].startswith("from -logs-url (")
    assert found.find_one("request")[0] == "ok"
    (record,) = read_stream(server, "logs")
    assert record.endswith(f" - - {LINE}\n".encode())


@pytest.mark.parametrize("format_", ["raw", "rfc5424", "lprfc5424"])
def test_a_log_stream_gets_one_event(server: str, format_: str) -> None:
    client = make_client("logs", server)
    client.create_log_group(logGroupName=f"app/{format_}")
    client.create_log_stream(logGroupName=f"app/{format_}", logStreamName="web.1")
    url = LOGS_URL.replace("/app/web/", f"/app/{format_}/")
    found = check_stream(server, url, "-input-format", format_)
    assert found.code == 0
    assert found.find_one("stream") == ("ok", f"app/{format_}/web.1 of CloudWatch Logs in us-east-1")
    (event,) = read_events(server, f"app/{format_}", "web.1")
    assert event.endswith(LINE)


def test_a_missing_stream_fails_unless_it_would_be_made(server: str) -> None:
    """A check makes none."""
    url = LOGS_URL.replace("web.1", "web.2")
    missing = check_stream(server, url)
    assert missing.failed == ["request"]
    assert missing.find_one("request")[1].startswith("ResourceNotFoundException: ")
    assert missing.find_one("request")[1].endswith(
        "; create the group and the stream, correct -logs-url, or use -aws-create"
    )
    creating = check_stream(server, url, "-aws-create")
    assert creating.code == 0
    assert creating.find_one("request")[0] == "warn"
    assert "-aws-create creates it with the first batch" in creating.find_one("request")[1]
    assert make_client("logs", server).describe_log_groups(logGroupNamePrefix="app/web")["logGroups"] == []


def test_credentials_come_from_a_file(server: str, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(f"[x]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n")
    make_client("kinesis", server).create_stream(StreamName="a-stream-with-a-name", ShardCount=1)
    environ = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"), "AWS_PROFILE": "x"}
    found = check_stream(server, BARE_URL, **environ)
    assert found.code == 0
    assert found.find_one("stream")[1].startswith("a-stream-with-a-name of Kinesis")
    assert found.find_one("credentials")[1].startswith("from AWS's chain (shared-credentials-file) (")


def test_missing_credentials_fail(server: str) -> None:
    found = check_stream(server, BARE_URL)
    assert found.failed == ["credentials"]
    assert "put them into -logs-url, AWS_ACCESS_KEY_ID" in found.find_one("credentials")[1]
    assert found.find_one("request") == ("skip", "needs credentials")
